# The socket patterns of RFC 28, 30 and 31: REQ, REP, DEALER, ROUTER, PUSH, PULL, PAIR. Publish-subscribe is in pubsub.pyx.
#
# Seen from here a peer is a pipe: frames can be put into it and peeked from it. No descriptors, no bytes on the wire, no waiting:
# what cannot be done now returns WOULD_BLOCK. Everything runs under the socket's lock. Errors are errno values, pyzmq's.
from libc.errno cimport EHOSTUNREACH, EINVAL, ENOMEM
from libc.stdint cimport uint32_t
from libc.string cimport memcmp, memcpy
from libcpp.atomic cimport memory_order_seq_cst
from libcpp.string cimport string

from peromq._core.flow cimport (BIG, F_LONG, F_MORE, Flow, flow_commit, flow_credit_due, flow_front, flow_next, flow_peek,
                                flow_put, flow_put_body, flow_rollback, get_size8, put_header)
from peromq._core.notify cimport io_mark_dirty
from peromq._core.pubsub cimport (pub_input, pub_joined, pub_left, pub_send, sub_hiccup, sub_joined, sub_peek, xpub_done,
                                  untarget, xpub_peek, xsub_send)
from peromq._core.routing cimport IN, array_deactivate, array_turn
from peromq._core.sock cimport pipe_committed, pipe_consumed, pipe_writable, sock_drop_pipe, sock_process
from peromq._core.types cimport (DIRTY_LOOK, OK, T_DEALER, T_PAIR, T_PUB, T_PULL, T_PUSH, T_REP, T_REQ, T_ROUTER, T_SUB,
                                 T_XPUB, T_XSUB, WOULD_BLOCK)

cdef extern from *:
    """
    #define PEROMQ_EFSM 156384763
    #define PEROMQ_ENOTSUP 95
    """
    enum:
        EFSM "PEROMQ_EFSM"
        ENOTSUP "PEROMQ_ENOTSUP"


# ---------------------------------------------------------------- fair queue and load balancer

cdef bint pipe_peek(Pipe* p, FrameRef* fr) noexcept nogil:
    """The next frame from p. False: none, and its producer will post EV_READ when there is one."""
    cdef Flow* f = p.inq
    if flow_peek(f, fr):
        return True
    if f.nread != f.credited or (p.conn != NULL and p.conn.paused.load(memory_order_seq_cst)):
        pipe_consumed(p)
    f.idle.store(1, memory_order_seq_cst)
    if flow_front(f) == NULL:
        return False
    f.idle.store(0, memory_order_seq_cst)
    return flow_peek(f, fr)


cdef int fq_peek(Sock* s, FrameRef* fr) noexcept nogil:
    """The next inbound frame, fairly among peers; never switches in the middle of a message (RFC 28, fair-queuing)."""
    cdef Pipe* p
    if s.in_more:
        flow_peek(s.in_pipe.inq, fr)
        return OK
    if s.ev_any.load(memory_order_seq_cst):
        sock_process(s)
    while s.fq.active:
        p = s.fq.v[s.fq.cur]
        if pipe_peek(p, fr):
            s.in_pipe = p
            return OK
        if p.ended:
            sock_drop_pipe(s, p)
        else:
            array_deactivate(&s.fq, p, IN)
    s.in_pipe = NULL
    return WOULD_BLOCK


cdef void fq_done(Sock* s, FrameRef* fr) noexcept nogil:
    """Consume what fq_peek described."""
    cdef Pipe* p = s.in_pipe
    flow_next(p.inq, fr)
    s.in_more = fr.flags & F_MORE
    if not s.in_more:
        array_turn(&s.fq)
        if flow_credit_due(p.inq):
            pipe_consumed(p)


cdef void fq_skip_message(Sock* s, FrameRef* fr) noexcept nogil:
    """Consume the message whose next frame fr is."""
    while True:
        fq_done(s, fr)
        if not s.in_more:
            return
        fq_peek(s, fr)


cdef Pipe* lb_pick(Sock* s) noexcept nogil:
    """The next peer with room, round robin, or NULL."""
    cdef Pipe* p
    while True:
        if s.ev_any.load(memory_order_seq_cst):
            sock_process(s)
        while s.lb.active:
            p = s.lb.v[s.lb.cur]
            if pipe_writable(p):
                return p
            array_deactivate(&s.lb, p, 1)
        if not s.ev_any.load(memory_order_seq_cst):
            return NULL


cdef int put(Pipe* p, uint8_t flags, const uint8_t* data, size_t n, Chunk* pin) noexcept nogil:
    p.pending_octets += <uint32_t>n + 2
    if n < BIG:
        return flow_put(p.outq, flags, data, n)
    return flow_put_body(p.outq, flags, data, n, pin)


cdef void commit(Sock* s, Pipe* p) noexcept nogil:
    flow_commit(p.outq)
    pipe_committed(s, p)


cdef int put_or_fail(Sock* s, Pipe* p, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    """One frame of the message under way on p; committed with the last."""
    if put(p, F_MORE if more else 0, data, n, pin) < 0:
        flow_rollback(p.outq)
        s.out_pipe = NULL
        s.out_drop = more
        s.out_more = more
        return ENOMEM
    s.out_more = more
    if not more:
        s.out_pipe = NULL
        commit(s, p)
    return OK


cdef inline int swallow(Sock* s, bint more) noexcept nogil:
    """A frame of a message that goes nowhere."""
    s.out_more = more
    s.out_drop = more
    return OK


cdef int lb_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    """PUSH, DEALER, PAIR: the whole message to the next peer with room."""
    cdef Pipe* p
    cdef int rc
    if s.out_drop:
        return swallow(s, more)             # RFC 28/30: its peer went in the middle of the message
    if not s.out_more:
        s.out_pipe = lb_pick(s)
        if s.out_pipe == NULL:
            return WOULD_BLOCK
    p = s.out_pipe
    rc = put_or_fail(s, p, data, n, more, pin)
    if not more:
        array_turn(&s.lb)
    return rc


# ---------------------------------------------------------------- REQ (RFC 28)

cdef int req_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    cdef Pipe* p
    cdef FrameRef old
    if s.out_drop:
        if not more:
            s.awaiting = 1
        return swallow(s, more)
    if not s.out_more:
        if s.awaiting and not s.relaxed:
            return EFSM
        p = lb_pick(s)
        if p == NULL:
            return WOULD_BLOCK
        s.in_more = 0 if s.in_pipe == NULL else s.in_more
        while fq_peek(s, &old) == OK:       # late replies to earlier requests
            fq_skip_message(s, &old)
        s.awaiting = 0
        s.phase = 0
        s.out_pipe = p
        s.reply_pipe = p
        if s.correlate:
            s.request_id += 1
            if put(p, F_MORE, <uint8_t*>&s.request_id, 4, NULL) < 0:
                flow_rollback(p.outq)
                return ENOMEM
        if put(p, F_MORE, NULL, 0, NULL) < 0:
            flow_rollback(p.outq)
            return ENOMEM
    if not more:
        s.awaiting = 1
        array_turn(&s.lb)
    return put_or_fail(s, s.out_pipe, data, n, more, pin)


cdef int req_peek(Sock* s, FrameRef* fr) noexcept nogil:
    """Only the reply of the peer that has the request is accepted; all else is dropped."""
    if not s.awaiting or s.out_more:
        return EFSM
    while s.phase == 0:
        if fq_peek(s, fr) != OK:
            return WOULD_BLOCK
        if s.reply_pipe != NULL and s.in_pipe != s.reply_pipe:
            fq_skip_message(s, fr)
            continue
        if s.correlate:
            if not (fr.flags & F_MORE and fr.size == 4 and memcmp(fr.data, &s.request_id, 4) == 0):
                fq_skip_message(s, fr)
                continue
            fq_done(s, fr)
            fq_peek(s, fr)
        if not (fr.flags & F_MORE and fr.size == 0):
            fq_skip_message(s, fr)
            continue
        fq_done(s, fr)
        s.phase = 1
    return fq_peek(s, fr)


cdef void req_done(Sock* s, FrameRef* fr) noexcept nogil:
    fq_done(s, fr)
    if not s.in_more:
        s.awaiting = 0
        s.phase = 0


# ---------------------------------------------------------------- REP (RFC 28)

cdef int rep_peek(Sock* s, FrameRef* fr) noexcept nogil:
    """Strip and remember the envelope: all frames up to and with the first empty one."""
    cdef uint8_t head[9]
    cdef uint8_t* e
    if s.awaiting:
        return EFSM
    while s.phase == 0:
        if fq_peek(s, fr) != OK:
            return WOULD_BLOCK
        s.envelope.clear()
        while fr.flags & F_MORE:
            e = put_header(head, F_MORE, fr.size)
            s.envelope.insert(s.envelope.end(), &head[0], e)
            s.envelope.insert(s.envelope.end(), <uint8_t*>fr.data, <uint8_t*>fr.data + fr.size)
            if fr.size == 0:
                s.phase = 1
                s.reply_pipe = s.in_pipe
                fq_done(s, fr)
                break
            fq_done(s, fr)
            fq_peek(s, fr)
        if s.phase == 0:
            fq_skip_message(s, fr)          # no delimiter: discarded
    return fq_peek(s, fr)


cdef void rep_done(Sock* s, FrameRef* fr) noexcept nogil:
    fq_done(s, fr)
    if not s.in_more:
        s.awaiting = 1
        s.phase = 0


cdef int rep_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    cdef Pipe* p = s.reply_pipe
    cdef const uint8_t* d
    cdef size_t i = 0
    cdef size_t size
    if not s.awaiting:
        return EFSM
    if s.out_drop or (not s.out_more and (p == NULL or p.ended or p.closing or not pipe_writable(p))):
        # RFC 28: a reply whose requester is gone is silently dropped
        if not more:
            s.awaiting = 0
        return swallow(s, more)
    if not s.out_more:
        while i < s.envelope.size():
            d = s.envelope.data() + i
            size = get_size8(d + 1) if d[0] & F_LONG else d[1]
            i += 9 if d[0] & F_LONG else 2
            if put(p, F_MORE, s.envelope.data() + i, size, NULL) < 0:
                flow_rollback(p.outq)
                return ENOMEM
            i += size
        s.out_pipe = p
    if not more:
        s.awaiting = 0
        s.reply_pipe = NULL
    return put_or_fail(s, s.out_pipe, data, n, more, pin)


# ---------------------------------------------------------------- ROUTER (RFC 28)

cdef int router_peek(Sock* s, FrameRef* fr) noexcept nogil:
    cdef int rc
    if s.rid_sent:
        flow_peek(s.in_pipe.inq, fr)        # the body belongs to the id, whoever's turn it is meanwhile
        return OK
    rc = fq_peek(s, fr)
    if rc != OK:
        return rc
    fr.data = <const uint8_t*>s.in_pipe.rid.data()
    fr.size = s.in_pipe.rid.size()
    fr.flags = F_MORE
    fr.chunk = NULL
    return OK


cdef void router_done(Sock* s, FrameRef* fr) noexcept nogil:
    if not s.rid_sent:
        s.rid_sent = 1
        return
    fq_done(s, fr)
    if not s.in_more:
        s.rid_sent = 0


cdef Pipe* router_find(Sock* s, const uint8_t* rid, size_t n) noexcept nogil:
    cdef string key = string(<const char*>rid, n)
    it = s.by_rid.find(key)
    if it == s.by_rid.end():
        return NULL
    return s.by_rid[0][key]


cdef int router_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    cdef Pipe* p
    if s.out_drop:
        return swallow(s, more)
    if s.out_more:
        return put_or_fail(s, s.out_pipe, data, n, more, pin)
    if s.ev_any.load(memory_order_seq_cst):
        sock_process(s)
    p = router_find(s, data, n)
    if p == NULL or p.ended or p.closing:
        if s.mandatory:
            return EHOSTUNREACH
        return swallow(s, more)
    if not pipe_writable(p):
        if s.mandatory:
            return WOULD_BLOCK
        return swallow(s, more)
    if not more:
        return OK                           # a routing id alone goes nowhere
    s.out_pipe = p
    s.out_more = 1
    return OK


cdef void router_name(Sock* s, Pipe* p) noexcept nogil:
    """Enter p under its routing id; an anonymous peer gets 0x00 and a counter (RFC 28: ids that begin with 0 are ours)."""
    cdef char auto[5]
    cdef uint32_t k
    if p.rid == NULL:
        p.rid = new string()
    if p.rid.empty():
        s.next_rid += 1
        k = s.next_rid
        auto[0] = 0
        auto[1] = <char>(k >> 24)
        auto[2] = <char>(k >> 16)
        auto[3] = <char>(k >> 8)
        auto[4] = <char>k
        p.rid.assign(auto, 5)
    s.by_rid[0][p.rid[0]] = p


cdef void router_left(Sock* s, Pipe* p) noexcept nogil:
    if p.rid != NULL and s.by_rid.count(p.rid[0]) and s.by_rid[0][p.rid[0]] == p:
        s.by_rid.erase(p.rid[0])


# ---------------------------------------------------------------- one door per verb

cdef int send_frame(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    """Send one frame. OK, WOULD_BLOCK, or an errno. `pin` holds data's memory for bodies that go by reference."""
    if s.type == T_PUSH or s.type == T_DEALER or s.type == T_PAIR:
        return lb_send(s, data, n, more, pin)
    if s.type == T_REQ:
        return req_send(s, data, n, more, pin)
    if s.type == T_REP:
        return rep_send(s, data, n, more, pin)
    if s.type == T_ROUTER:
        return router_send(s, data, n, more, pin)
    if s.type == T_PUB or s.type == T_XPUB:
        return pub_send(s, data, n, more, pin)
    if s.type == T_XSUB:
        return xsub_send(s, data, n, more, pin)
    return ENOTSUP


cdef int recv_peek(Sock* s, FrameRef* out) noexcept nogil:
    """Describe the next frame for the application. It stays valid until recv_done, or longer if its chunk is pinned."""
    if s.type == T_PULL or s.type == T_DEALER or s.type == T_PAIR:
        return fq_peek(s, out)
    if s.type == T_REQ:
        return req_peek(s, out)
    if s.type == T_REP:
        return rep_peek(s, out)
    if s.type == T_ROUTER:
        return router_peek(s, out)
    if s.type == T_SUB or s.type == T_XSUB:
        return sub_peek(s, out)
    if s.type == T_XPUB:
        return xpub_peek(s, out)
    return ENOTSUP


cdef void recv_done(Sock* s, FrameRef* fr) noexcept nogil:
    s.received = 1
    s.rcvmore = fr.flags & F_MORE
    if s.type == T_REQ:
        req_done(s, fr)
    elif s.type == T_REP:
        rep_done(s, fr)
    elif s.type == T_ROUTER:
        router_done(s, fr)
    elif s.type == T_XPUB:
        xpub_done(s, fr)
    else:
        fq_done(s, fr)


cdef bint can_recv(Sock* s) noexcept nogil:
    cdef FrameRef fr
    return recv_peek(s, &fr) == OK


cdef bint can_send(Sock* s) noexcept nogil:
    cdef size_t i
    if s.ev_any.load(memory_order_seq_cst):
        sock_process(s)
    if s.out_more:
        return True
    if s.type == T_PUSH or s.type == T_DEALER or s.type == T_PAIR:
        return lb_pick(s) != NULL
    if s.type == T_REQ:
        return (not s.awaiting or s.relaxed) and lb_pick(s) != NULL
    if s.type == T_REP:
        return s.awaiting
    if s.type == T_ROUTER and s.mandatory:
        for i in range(s.pipes.size()):
            if s.pipes[0][i].rid != NULL and pipe_writable(s.pipes[0][i]):
                return True
        return False
    return s.type == T_ROUTER or s.type == T_PUB or s.type == T_XPUB or s.type == T_XSUB


# ---------------------------------------------------------------- peers come and go

cdef void pattern_joined(Sock* s, Pipe* p) noexcept nogil:
    """p can be talked to: a handshake is done (again), or an inproc peer is there."""
    if s.type == T_ROUTER:
        router_name(s, p)
    elif s.type == T_PUB or s.type == T_XPUB:
        pub_joined(s, p)
    elif s.type == T_SUB or s.type == T_XSUB:
        sub_joined(s, p)
    if s.probe and (s.type == T_ROUTER or s.type == T_DEALER or s.type == T_REQ) and p.outq.open == 0:
        put(p, 0, NULL, 0, NULL)
        commit(s, p)


cdef void pattern_left(Sock* s, Pipe* p) noexcept nogil:
    """p cannot be written to any more. May be called twice."""
    if s.out_pipe == p:
        flow_rollback(p.outq)
        s.out_pipe = NULL
        s.out_drop = s.out_more
    if s.reply_pipe == p:
        s.reply_pipe = NULL
    if s.type == T_ROUTER:
        router_left(s, p)
    elif s.type == T_PUB or s.type == T_XPUB:
        pub_left(s, p)
    elif s.type == T_XSUB:
        untarget(s, p)
    if not p.listed and s.in_pipe == p:
        s.in_pipe = NULL
        s.in_more = 0
        s.rid_sent = 0
        if s.type == T_REQ or s.type == T_REP:
            s.phase = 0


cdef void pattern_hiccup(Sock* s, Pipe* p) noexcept nogil:
    """The connection of a pipe that stays is gone."""
    if s.type == T_ROUTER:
        router_left(s, p)
    elif s.type == T_PUB or s.type == T_XPUB:
        pub_left(s, p)
    elif s.type == T_SUB or s.type == T_XSUB:
        untarget(s, p)
        sub_hiccup(s, p)


cdef void pattern_input(Sock* s, Pipe* p) noexcept nogil:
    """Input that is not for the application's recv, or not only."""
    cdef FrameRef fr
    if s.type == T_PUB or s.type == T_XPUB:
        pub_input(s, p)
    elif s.type == T_PUSH:
        while pipe_peek(p, &fr):            # a PULL has nothing to say; do not let it fill our memory
            flow_next(p.inq, &fr)
