# Is a subscription active? A publisher never says so, but it answers PINGs, in order.
#
# Behind its subscriptions a subscriber sends a PING (RFC 37) with a context of its own on the same connection. Its PONG means that the
# peer has read the subscriptions. Not yet that they are where the application's next send looks: libzmq 4.3 answers while it still goes
# through the octets of one read, and hands what it found in them to the socket afterwards (stream_engine_base.cpp, in_event_internal).
# So there is a second PING, sent when the first is answered: it is met in a later read. Then libzmq's send must look: it does so at
# most 3,000,000 ticks of its clock after it last did (config.hpp, max_command_delay), which GRACE_NS outlasts wherever a tick is a
# nanosecond or less. PeroMQ's own publishers look before every send.
#
# All under the socket's lock, but for confirm_pong.
from libc.stdint cimport uint32_t
from libc.string cimport memcmp, memcpy
from libcpp.atomic cimport memory_order_relaxed, memory_order_seq_cst
from libcpp.string cimport string

from peromq._core.codec_ws cimport echoes_pings
from peromq._core.flow cimport F_COMMAND, flow_set_aside
from peromq._core.news cimport news_post
from peromq._core.notify cimport post_event
from peromq._core.patterns cimport commit, put
from peromq._core.sysio cimport now_ns, pthread_mutex_lock, pthread_mutex_unlock
from peromq._core.terms cimport terms_of
from peromq._core.trie cimport trie_knows, trie_match
from peromq._core.types cimport EV_PONG, NEWS_SUBSCRIBED

cdef enum:
    PING_SIZE = 15
    GRACE_NS = 4000000
    AGAIN_NS = 900000000
    FIRST = 1                # Pipe.stage
    SECOND = 2


# ---------------------------------------------------------------- subscribers

cdef void ping(Sock* s, Pipe* p, int stage) noexcept nogil:
    """RFC 37: ping = command-size %d4 "PING" ping-ttl ping-context; the context is 'subs' and a serial number."""
    cdef uint8_t d[PING_SIZE]
    cdef int ttl = terms_of(p).hb_ttl // 100       # each PING sets it anew
    s.serial += 1
    p.serial = s.serial
    p.stage = stage
    p.confirmed_at = now_ns()            # asked at, until there is an answer
    memcpy(d, b"\x04PING", 5)
    d[5] = <uint8_t>(ttl >> 8)
    d[6] = <uint8_t>ttl
    memcpy(d + 7, b"subs", 4)
    memcpy(d + 11, &p.serial, 4)
    if put(p, F_COMMAND, d, PING_SIZE, NULL) < 0:
        p.stage = 0
        return
    flow_set_aside(p.outq, PING_SIZE)
    commit(s, p)


cdef void confirm_pong(Conn* c, const uint8_t* context, size_t n) noexcept nogil:
    """The reader met a PONG. RFC 37: it has its PING's context; those of heartbeats have none."""
    cdef uint32_t serial
    if n != 8 or memcmp(context, b"subs", 4) != 0:
        return
    memcpy(&serial, context + 4, 4)
    c.pong.store(serial, memory_order_seq_cst)
    post_event(c.pipe, EV_PONG)


cdef inline bint knows_ping(Pipe* p) noexcept nogil:
    """ZMTP 3.1 (RFC 37), and WebSockets (RFC 6455, 5.5.2)."""
    return p.minor >= 1 or echoes_pings(p.conn.codec)


cdef inline bint answers(Pipe* p) noexcept nogil:
    return p.conn != NULL and knows_ping(p) and not (p.ended or p.closing or p.multicast or p.datagrams)


cdef void ask(Sock* s, Pipe* p) noexcept nogil:
    """See to it that p confirms what is subscribed now, unless it is being asked. A PING would be part of a message that is under way.

    libzmq forgets a PING if another comes, of the heartbeats, before it could write the answer: so ask again after a while.
    """
    if p.confirmed == s.version or s.out_more or not answers(p):
        return
    if p.stage:
        if now_ns() - p.confirmed_at > AGAIN_NS:
            ping(s, p, p.stage)
        return
    p.asking = s.version
    ping(s, p, FIRST)


cdef void confirm_wanted(Sock* s, Pipe* p) noexcept nogil:
    """Subscriptions are on their way to p. Does a monitor wait to hear of them?"""
    if s.version and s.news_wanted.load(memory_order_relaxed) & NEWS_SUBSCRIBED:
        ask(s, p)


cdef void confirm_heard(Sock* s, Pipe* p) noexcept nogil:
    """A PONG came."""
    if not p.stage or p.conn == NULL or p.conn.pong.load(memory_order_seq_cst) != p.serial:
        return
    if p.stage == FIRST:
        ping(s, p, SECOND)
        return
    p.stage = 0
    p.confirmed = p.asking
    p.confirmed_at = now_ns()
    news_post(p, NEWS_SUBSCRIBED)
    confirm_wanted(s, p)                 # there may be more by now


cdef void confirm_forget(Pipe* p) noexcept nogil:
    """The connection is another."""
    p.stage = 0
    p.confirmed = 0


cdef void confirm_look(Sock* s, Confirmed* out) noexcept nogil:
    """Who has all subscriptions? Asks those who have not said so."""
    cdef size_t i
    cdef Pipe* p
    cdef bint there
    out.there = out.awaited = out.mute = out.deaf = 0
    out.settled = 0
    for i in range(s.pipes.size()):
        p = s.pipes[0][i]
        if p.ended or p.closing:
            continue
        if p.multicast or p.datagrams:
            out.deaf += 1
        elif p.link != NULL:             # a queue in the same process: what is in it is seen before the next send
            pthread_mutex_lock(&p.link.lock)
            there = p.link.ends[1 - p.side] != NULL
            pthread_mutex_unlock(&p.link.lock)
            if there:
                out.there += 1
            else:
                out.awaited += 1
        elif p.conn != NULL and not knows_ping(p):
            out.mute += 1
        elif p.conn != NULL and p.confirmed == s.version:
            out.there += 1
            out.settled = max(out.settled, p.confirmed_at + GRACE_NS)
        else:
            ask(s, p)
            out.awaited += 1


# ---------------------------------------------------------------- publishers

cdef struct Tallied:
    Sock* s
    size_t n


cdef void count_match(void* arg, void* subscriber) noexcept nogil:
    cdef Tallied* a = <Tallied*>arg
    cdef Pipe* p = <Pipe*>subscriber
    if p.mark != a.s.mark:
        p.mark = a.s.mark
        a.n += 0 if p.closing or p.multicast else 1


cdef size_t subscribers(Sock* s, const uint8_t* topic, size_t n, bint any) noexcept nogil:
    """How many peers would get a message that begins with `topic` (RADIO: of that group); `any`: have subscribed to anything."""
    cdef Tallied a
    cdef size_t i
    cdef size_t others = 0
    cdef Pipe* p
    a.s = s
    a.n = 0
    if s.members != NULL:
        if any:
            for i in range(s.pipes.size()):
                p = s.pipes[0][i]
                a.n += p.joined != NULL and not p.joined.empty()
            return a.n
        it = s.members.find(string(<const char*>topic, n))
        return 0 if it == s.members.end() else s.members[0][string(<const char*>topic, n)].size()
    s.mark += 1
    if any:
        for i in range(s.pipes.size()):
            p = s.pipes[0][i]
            if not p.closing and not p.multicast and trie_knows(s.trie, p):
                a.n += 1
        return a.n
    trie_match(s.trie, topic, n, count_match, &a)
    if not s.invert:
        return a.n
    for i in range(s.pipes.size()):
        p = s.pipes[0][i]
        others += p.mark != s.mark and not p.closing and not p.multicast and (p.conn != NULL or p.link != NULL)
    return others
