# Publish-subscribe (RFC 29), the subscribing half: SUB and XSUB. They tell publishers what they want, and filter again, since
# multicast transports deliver everything.
from libc.errno cimport ENOMEM
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy
from libcpp.atomic cimport memory_order_seq_cst

from peromq._core.confirm cimport confirm_forget, confirm_wanted
from peromq._core.flow cimport F_COMMAND, F_MORE, Chunk, Flow, flow_clear, flow_set_aside
from peromq._core.patterns cimport commit, fq_peek, fq_reject, put
from peromq._core.publish cimport untarget
from peromq._core.requeue cimport DROP_SUBS, SUBS_AS_MESSAGES, flow_give_back, flow_take
from peromq._core.sock cimport pipe_writable, sock_process
from peromq._core.trie cimport topics_add, topics_count, topics_each, topics_match, topics_remove
from peromq._core.types cimport OK, T_SUB, WOULD_BLOCK

cdef enum:
    MANY = 1000              # messages queued for a publisher that is not there, after which something is done about it

cdef int say(Sock* s, Pipe* p, bint on, const uint8_t* topic, size_t n) noexcept nogil:
    """Put a subscription on its way. It counts against no high-water mark: losing one silently helps nobody."""
    cdef uint8_t stack[256]
    cdef uint8_t* d = stack
    cdef size_t k
    cdef int rc
    if n + 10 > sizeof(stack):
        d = <uint8_t*>malloc(n + 10)
        if d == NULL:
            return ENOMEM
    if p.link == NULL and (p.minor >= 1 or p.conn == NULL):
        k = 10 if on else 7
        memcpy(d, b"\x09SUBSCRIBE" if on else b"\x06CANCEL", k)     # RFC 37
    else:
        k = 1
        d[0] = on                                                   # RFC 23 and inproc: a message
    memcpy(d + k, topic, n)
    rc = put(p, F_COMMAND if k > 1 else 0, d, n + k, NULL)
    if rc == 0:
        flow_set_aside(p.outq, n + k)
        commit(s, p)
    if d != stack:
        free(d)
    return OK if rc == 0 else ENOMEM


cdef struct Said:
    Sock* s
    Pipe* p


cdef void say_topic(void* arg, const unsigned char* topic, size_t n) noexcept nogil:
    cdef Said* a = <Said*>arg
    say(a.s, a.p, True, topic, n)


cdef void sub_added(Sock* s, Pipe* p) noexcept nogil:
    """Tell a publisher all topics, each once, in order. He may not be there yet: they wait for him."""
    cdef Said a
    a.s = s
    a.p = p
    topics_each(s.topics, say_topic, &a)


cdef void sub_hiccup(Sock* s, Pipe* p) noexcept nogil:
    """What was queued for the lost publisher is stale."""
    flow_clear(p.outq)
    confirm_forget(p)
    if not p.closing:
        sub_added(s, p)


cdef void sub_translate(Pipe* p) noexcept nogil:
    """The publisher is older than ZMTP 3.1 and knows no SUBSCRIBE."""
    cdef Flow* old = flow_take(p.outq)
    if old != NULL:
        flow_give_back(p.outq, old, SUBS_AS_MESSAGES)


cdef void shorten(Sock* s, Pipe* p) noexcept nogil:
    """Nobody is there to whom p's subscriptions, made and undone again and again, could go: what they amount to is enough."""
    cdef Flow* old
    if p.conn != NULL or p.link != NULL or p.outq.written - p.outq.nread < MANY + 2 * topics_count(s.topics):
        return
    old = flow_take(p.outq)
    if old != NULL:
        flow_give_back(p.outq, old, DROP_SUBS)
        sub_added(s, p)


cdef bint speaks_to(Pipe* p) noexcept nogil:
    return not p.ended and not p.closing


cdef int sub_subscribe(Sock* s, const uint8_t* topic, size_t n, bint on) noexcept nogil:
    """Every SUBSCRIBE is sent; a CANCEL only when the last of as many subscriptions ends. OK or ENOMEM."""
    cdef size_t i
    cdef Pipe* p
    cdef int rc = OK
    if s.ev_any.load(memory_order_seq_cst):
        sock_process(s)
    if on:
        if topics_add(s.topics, topic, n) < 0:
            return ENOMEM
    elif topics_remove(s.topics, topic, n) != 1:
        return OK
    s.version += 1
    for i in range(s.pipes.size()):
        p = s.pipes[0][i]
        if speaks_to(p):
            shorten(s, p)
            rc |= say(s, p, on, topic, n)
            confirm_wanted(s, p)
    return rc


cdef int sub_peek(Sock* s, FrameRef* fr) noexcept nogil:
    """SUB: only what was subscribed; XSUB: everything."""
    cdef int rejected = 0
    while True:
        if fq_peek(s, fr) != OK:
            return WOULD_BLOCK
        if s.type != T_SUB or s.in_more or topics_match(s.topics, fr.data, fr.size) != s.invert:
            return OK
        if not fq_reject(s, fr, &rejected):
            return WOULD_BLOCK


cdef void upstream(Sock* s, bint to_all) noexcept nogil:
    """Whom a message of XSUB's goes to: all publishers, but not those that are full. Subscriptions are never lost."""
    cdef size_t i
    cdef Pipe* p
    s.targets.clear()
    for i in range(s.pipes.size()):
        p = s.pipes[0][i]
        if speaks_to(p) and (to_all or pipe_writable(p)):
            shorten(s, p)
            s.targets.push_back(p)


cdef int note_topic(Sock* s, const uint8_t* data, size_t n, bint alone) noexcept nogil:
    """Count a subscription that passes by: 01 or 00 and a topic. OK: it goes upstream, WOULD_BLOCK: it need not, ENOMEM."""
    if data[0]:
        return OK if topics_add(s.topics, data + 1, n - 1) >= 0 else ENOMEM
    if topics_remove(s.topics, data + 1, n - 1) == 1 or s.verbose_unsub:
        return OK
    if alone:
        return WOULD_BLOCK
    s.resay = 1         # it cannot be taken out of a message of several parts, so what it cancels too much is said again
    return OK


cdef int xsub_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    """01/00 + topic subscribes and unsubscribes upstream; any other message goes to all publishers."""
    cdef size_t i = 0
    cdef Pipe* p
    cdef bint first = not s.out_more
    cdef bint sub
    cdef int rc
    if first:
        if s.ev_any.load(memory_order_seq_cst):
            sock_process(s)
        s.subs_inside = not s.only_first
        s.resay = 0
    sub = n > 0 and data[0] <= 1 and (first or s.subs_inside)
    if sub:
        s.subs_inside = 1
        rc = note_topic(s, data, n, first and not more)
        if rc != OK:
            return OK if rc == WOULD_BLOCK else rc
    if first:
        upstream(s, sub)
    while i < s.targets.size():
        p = s.targets[0][i]
        if put(p, F_MORE if more else 0, data, n, pin) < 0:
            untarget(s, p)
            continue
        if not more:
            if sub and first:
                flow_set_aside(p.outq, n)
            commit(s, p)
            if s.resay:
                sub_added(s, p)
        i += 1
    s.out_more = more
    if sub:
        s.version += 1
        for i in range(s.targets.size()):
            confirm_wanted(s, s.targets[0][i])
    return OK
