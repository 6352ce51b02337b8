# ROUTER (RFC 28) and STREAM, which differs in what is on the wire (codec_raw.pyx): peers by routing id. Under the socket's lock.
# "raw": a STREAM, or a ROUTER with ROUTER_RAW.
from cython.operator cimport dereference
from libc.errno cimport EHOSTUNREACH
from libc.stdint cimport uint32_t
from libcpp.atomic cimport memory_order_seq_cst
from libcpp.string cimport string

from peromq._core.flow cimport F_MORE, flow_peek
from peromq._core.news cimport count_drop, count_unroutable
from peromq._core.patterns cimport deliver, fq_done, fq_peek, put_or_fail, swallow
from peromq._core.routing cimport IN, array_add, array_remove
from peromq._core.sock cimport pipe_abort, pipe_close, pipe_writable, sock_process
from peromq._core.terms cimport terms_of
from peromq._core.types cimport OK, WOULD_BLOCK, Terms

cdef enum:
    NOTIFY_CONNECT = 1           # bits of ROUTER_NOTIFY
    NOTIFY_DISCONNECT = 2


# ---------------------------------------------------------------- receiving

cdef int notice_peek(Sock* s, FrameRef* fr) noexcept nogil:
    s.in_notice = 1
    s.in_pipe = NULL
    fr.data = <const uint8_t*>s.notices.front().data()
    fr.size = s.notices.front().size()
    fr.flags = F_MORE if s.notice_more.front() else 0
    fr.chunk = NULL
    return OK


cdef int router_peek(Sock* s, FrameRef* fr) noexcept nogil:
    cdef int rc
    if s.rid_sent:
        flow_peek(s.in_pipe.inq, fr)        # the body belongs to the id, whoever's turn it is meanwhile
        return OK
    if s.in_notice:
        return notice_peek(s, fr)
    if s.ev_any.load(memory_order_seq_cst):
        sock_process(s)
    if not s.notices.empty():
        return notice_peek(s, fr)           # who comes is announced before his messages are read
    rc = fq_peek(s, fr)
    if rc != OK:
        return rc
    fr.data = <const uint8_t*>s.in_pipe.rid.data()
    fr.size = s.in_pipe.rid.size()
    fr.flags = F_MORE
    fr.chunk = NULL
    return OK


cdef void router_done(Sock* s, FrameRef* fr) noexcept nogil:
    if s.in_notice:
        s.in_notice = s.notice_more.front()
        s.notices.pop_front()
        s.notice_more.pop_front()
        return
    if not s.rid_sent:
        s.rid_sent = 1
        return
    fq_done(s, fr)
    if not s.in_more:
        s.rid_sent = 0


# ---------------------------------------------------------------- sending

cdef Pipe* router_find(Sock* s, const char* rid, size_t n) noexcept nogil:
    """Who is sent to under that routing id, or NULL."""
    it = s.by_rid.find(string(rid, n))
    if it == s.by_rid.end():
        return NULL
    return dereference(it).second


cdef int router_room(Sock* s, const char* rid, size_t n) noexcept nogil:
    """Could a message be sent to this peer now? OK, WOULD_BLOCK or EHOSTUNREACH."""
    cdef Pipe* p = router_find(s, rid, n)
    if p == NULL or p.ended or p.closing:
        return EHOSTUNREACH
    return OK if pipe_writable(p) else WOULD_BLOCK


cdef int router_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    cdef Pipe* p
    if s.raw and (s.out_more or s.out_drop):
        more = False                        # zmq_socket(3), STREAM: the flag is ignored on data frames
    if s.out_drop:
        return swallow(s, more)
    if s.out_more:
        if s.raw and n == 0:
            return hang_up(s)
        return put_or_fail(s, s.out_pipe, data, n, more, pin)
    if not more:
        return OK                           # a routing id alone goes nowhere
    if s.ev_any.load(memory_order_seq_cst):
        sock_process(s)
    p = router_find(s, <const char*>data, n)
    if p == NULL or p.ended or p.closing:
        if s.mandatory:
            return EHOSTUNREACH
        count_unroutable(s)
        return swallow(s, more)
    if not pipe_writable(p):
        if s.mandatory:
            return WOULD_BLOCK
        count_drop(p)
        return swallow(s, more)
    s.out_pipe = p
    s.out_more = 1
    return OK


cdef int hang_up(Sock* s) noexcept nogil:
    """Raw: an id and an empty frame end that connection, once what was sent before is written."""
    cdef Pipe* p = s.out_pipe
    s.out_pipe = NULL
    s.out_more = 0
    pipe_close(s, p)
    return OK


cdef bint router_writable(Sock* s) noexcept nogil:
    """Always, as there are no errors then but silence; with ROUTER_MANDATORY, if somebody has room."""
    cdef size_t i
    cdef Pipe* p
    if not s.mandatory:
        return True
    for i in range(s.pipes.size()):
        p = s.pipes[0][i]
        if is_known(s, p) and not p.ended and not p.closing and pipe_writable(p):
            return True
    return False


# ---------------------------------------------------------------- names

cdef bint is_known(Sock* s, Pipe* p) noexcept nogil:
    """Does a message to p's routing id go to p?"""
    return p.rid != NULL and not p.mute and router_find(s, p.rid.data(), p.rid.size()) == p


cdef void invent(Sock* s, string* rid) noexcept nogil:
    """An id of ours: 0x00 and a counter (RFC 28: peers do not choose ids that begin with 0)."""
    cdef char id[5]
    cdef uint32_t k
    id[0] = 0
    while True:
        s.next_rid += 1
        k = s.next_rid
        id[1] = <char>(k >> 24)
        id[2] = <char>(k >> 16)
        id[3] = <char>(k >> 8)
        id[4] = <char>k
        rid.assign(id, 5)
        if router_find(s, id, 5) == NULL:
            s.invented = 1
            return


cdef void router_name(Sock* s, Pipe* p, const char* rid, size_t n) noexcept nogil:
    """What p calls itself, or is to be called. An anonymous peer that returns keeps the id it had."""
    if p.rid == NULL:
        p.rid = new string()
    if n == 0 or p.rid.compare(string(rid, n)) == 0:
        return
    router_left(s, p)
    p.rid.assign(rid, n)


cdef void router_expect(Sock* s, Pipe* p) noexcept nogil:
    """CONNECT_ROUTING_ID, and raw: p can be sent to before it is there."""
    if s.raw:
        if p.rid == NULL:
            p.rid = new string()
        if p.rid.empty():
            invent(s, p.rid)
    if p.rid != NULL and not p.rid.empty() and router_find(s, p.rid.data(), p.rid.size()) == NULL:
        s.by_rid[0][p.rid[0]] = p


cdef void router_joined(Sock* s, Pipe* p) noexcept nogil:
    """Enter p under its routing id. Without ROUTER_HANDOVER, a second peer with the same id stays connected, but mute."""
    cdef Pipe* old
    if p.rid == NULL:
        p.rid = new string()
    if p.rid.empty():
        invent(s, p.rid)
    old = router_find(s, p.rid.data(), p.rid.size())
    if old != NULL and old != p:
        if not s.handover:
            p.mute = 1
            array_remove(&s.fq, p, IN)
            return
        s.by_rid.erase(p.rid[0])
        invent(s, old.rid)                  # what it sent and we have not read is not the newcomer's
        pipe_abort(s, old)
    if p.mute:
        p.mute = 0
        array_add(&s.fq, p, IN)
    s.by_rid[0][p.rid[0]] = p
    if terms_of(p).notify & NOTIFY_CONNECT:
        s.notices.push_back(p.rid[0])
        s.notice_more.push_back(1)
        s.notices.push_back(string())
        s.notice_more.push_back(0)


cdef void router_left(Sock* s, Pipe* p) noexcept nogil:
    if is_known(s, p):
        s.by_rid.erase(p.rid[0])


cdef void router_farewell(Sock* s, Pipe* p) noexcept nogil:
    """p lost its connection: tell the application, behind what p has sent."""
    cdef Terms* t = terms_of(p)
    if not is_known(s, p):
        return
    if t.notify & NOTIFY_DISCONNECT:
        deliver(s, p, NULL)
    if t.farewell != NULL and (p.bound or (p.link != NULL and p.side == 1)):
        deliver(s, p, t.farewell)
