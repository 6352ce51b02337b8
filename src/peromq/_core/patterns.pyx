# The socket patterns of RFC 28, 30, 31, 41, 49 and 52. Here: what all of them share, PUSH, PULL, DEALER and PAIR and those that are
# the same without parts (SCATTER, GATHER, CLIENT, CHANNEL), and who does what for which type. The others are in reqrep.pyx, router.pyx,
# publish.pyx, subscribe.pyx, groups.pyx (RADIO, DISH), numbered.pyx (SERVER, PEER) and udp.pyx (DGRAM).
#
# Seen from here a peer is a pipe: frames can be put into it and peeked from it. No descriptors, no bytes on the wire, no waiting:
# what cannot be done now returns WOULD_BLOCK. Everything runs under the socket's lock. Errors are errno values, pyzmq's.
from libc.errno cimport EINVAL, ENOMEM
from libc.stdint cimport uint32_t
from libcpp.atomic cimport memory_order_seq_cst
from libcpp.string cimport string

from peromq._core.confirm cimport confirm_wanted
from peromq._core.flow cimport (BIG, F_MORE, PIN_TRACKED, Flow, flow_commit, flow_credit_due, flow_front, flow_next, flow_peek, flow_put,
                                flow_put_body, flow_put_tracked, flow_rollback)
from peromq._core.groups cimport (dish_connected, dish_joined, dish_peek, radio_added, radio_forget, radio_input, radio_left,
                                  radio_send)
from peromq._core.news cimport count_drop
from peromq._core.notify cimport wake_sock
from peromq._core.numbered cimport number_added, number_farewell, number_left, number_send
from peromq._core.publish cimport pub_input, pub_joined, pub_left, pub_send, untarget, xpub_done, xpub_peek
from peromq._core.reqrep cimport rep_done, rep_peek, rep_send, req_done, req_peek, req_send
from peromq._core.requeue cimport KEEP_SUBS, conflate_in, conflate_out, conflate_refill, flow_give_back, flow_keep_last, flow_take
from peromq._core.router cimport (router_done, router_expect, router_farewell, router_joined, router_left, router_peek,
                                  router_send, router_writable)
from peromq._core.routing cimport IN, array_activate, array_deactivate, array_turn
from peromq._core.sock cimport pipe_committed, pipe_consumed, pipe_writable, sock_drop_pipe, sock_process
from peromq._core.subscribe cimport sub_added, sub_hiccup, sub_peek, sub_translate, xsub_send
from peromq._core.terms cimport terms_of
from peromq._core.types cimport (OK, T_DGRAM, T_DISH, T_GATHER, T_PEER, T_PUB, T_PUSH, T_RADIO, T_REP, T_REQ, T_ROUTER,
                                 T_SCATTER, T_SERVER, T_STREAM, T_SUB, T_XPUB, T_XSUB, WOULD_BLOCK)
from peromq._core.udp cimport dgram_send, dgram_writable

cdef enum:
    MOST_REJECTED = 1000         # messages dropped in one call under the lock


cdef inline bint routes(Sock* s) noexcept nogil:
    return s.type == T_ROUTER or s.type == T_STREAM


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
        if p.latest != NULL and conflate_refill(p):
            continue
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


cdef bint fq_reject(Sock* s, FrameRef* fr, int* rejected) noexcept nogil:
    """Drop the message whose next frame fr is: the pattern does not want it. `rejected` counts those of this call.

    False: it is time that others get the lock. The caller says WOULD_BLOCK; the wake-up posted here makes whoever waits look again.
    """
    s.in_pipe.rejected += 1
    s.in_pipe.inq.aside_in += 1
    fq_skip_message(s, fr)
    rejected[0] += 1
    if rejected[0] < MOST_REJECTED:
        return True
    wake_sock(s)
    return False


cdef int single_peek(Sock* s, FrameRef* fr) noexcept nogil:
    """The next message, of those that have one part."""
    cdef int rejected = 0
    while True:
        if fq_peek(s, fr) != OK:
            return WOULD_BLOCK
        if not fr.flags & F_MORE:
            return OK
        if not fq_reject(s, fr, &rejected):
            return WOULD_BLOCK


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
        if pin != NULL and pin.flags & PIN_TRACKED:
            return flow_put_tracked(p.outq, flags, data, n, pin)
        return flow_put(p.outq, flags, data, n)
    return flow_put_body(p.outq, flags, data, n, pin)


cdef void commit(Sock* s, Pipe* p) noexcept nogil:
    flow_commit(p.outq)
    pipe_committed(s, p)


cdef int put_or_fail(Sock* s, Pipe* p, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    """One frame of the message under way on p; committed with the last."""
    if put(p, F_MORE if more else 0, data, n, pin) < 0:
        flow_rollback(p.outq)
        count_drop(p)
        s.out_pipe = NULL
        s.out_drop = more
        s.out_more = more
        return ENOMEM
    s.out_more = more
    if not more:
        s.out_pipe = NULL
        commit(s, p)
    return OK


cdef int lb_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    """PUSH, DEALER, PAIR and their like: the whole message to the next peer with room."""
    cdef Pipe* p
    cdef int rc
    if s.out_drop:
        return swallow(s, more)             # RFC 28/30: its peer went in the middle of the message
    if not s.out_more:
        s.out_pipe = lb_pick(s)
        if s.out_pipe == NULL:
            return WOULD_BLOCK
        if s.out_pipe.conflate:
            conflate_out(s.out_pipe)
    p = s.out_pipe
    rc = put_or_fail(s, p, data, n, more, pin)
    if not more:
        array_turn(&s.lb)
    return rc


# ---------------------------------------------------------------- one door per verb

cdef int send_frame(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    """Send one frame. OK, WOULD_BLOCK, or an errno. `pin` holds data's memory for bodies that go by reference."""
    if more and s.single:
        # RFC 41, 48, 49, 51, 52: no messages of several parts
        return ENOTSUP if s.type == T_DISH or s.type == T_GATHER else EINVAL
    if s.balances:
        return lb_send(s, data, n, more, pin)
    if s.type == T_REQ:
        return req_send(s, data, n, more, pin)
    if s.type == T_REP:
        return rep_send(s, data, n, more, pin)
    if routes(s):
        return router_send(s, data, n, more, pin)
    if s.type == T_PUB or s.type == T_XPUB:
        return pub_send(s, data, n, more, pin)
    if s.type == T_XSUB:
        return xsub_send(s, data, n, more, pin)
    if s.type == T_RADIO:
        return radio_send(s, data, n, more, pin)
    if s.type == T_SERVER or s.type == T_PEER:
        return number_send(s, data, n, more, pin)
    if s.type == T_DGRAM:
        return dgram_send(s, data, n, more, pin)
    return ENOTSUP


cdef int recv_peek(Sock* s, FrameRef* out) noexcept nogil:
    """Describe the next frame for the application. It stays valid until recv_done, or longer if its chunk is pinned."""
    if s.queues or s.type == T_DGRAM:
        return single_peek(s, out) if s.single else fq_peek(s, out)
    if s.type == T_REQ:
        return req_peek(s, out)
    if s.type == T_REP:
        return rep_peek(s, out)
    if routes(s):
        return router_peek(s, out)
    if s.type == T_SUB or s.type == T_XSUB:
        return sub_peek(s, out)
    if s.type == T_XPUB:
        return xpub_peek(s, out)
    if s.type == T_DISH:
        return dish_peek(s, out)
    return ENOTSUP


cdef void recv_done(Sock* s, FrameRef* fr) noexcept nogil:
    s.received = 1
    s.rcvmore = fr.flags & F_MORE
    if s.type == T_REQ:
        req_done(s, fr)
    elif s.type == T_REP:
        rep_done(s, fr)
    elif routes(s):
        router_done(s, fr)
    elif s.type == T_XPUB:
        xpub_done(s, fr)
    else:
        fq_done(s, fr)


cdef bint can_recv(Sock* s) noexcept nogil:
    cdef FrameRef fr
    return recv_peek(s, &fr) == OK


cdef bint can_send(Sock* s) noexcept nogil:
    if s.ev_any.load(memory_order_seq_cst):
        sock_process(s)
    if s.out_more:
        return True
    if s.balances:
        return lb_pick(s) != NULL
    if s.type == T_REQ:
        return (not s.awaiting or s.relaxed) and lb_pick(s) != NULL
    if s.type == T_REP:
        return s.awaiting
    if routes(s):
        return router_writable(s)
    if s.type == T_DGRAM:
        return dgram_writable(s)
    return (s.type == T_PUB or s.type == T_XPUB or s.type == T_XSUB or s.type == T_RADIO or s.type == T_SERVER
            or s.type == T_PEER)


# ---------------------------------------------------------------- peers come and go

cdef void greet(Sock* s, Pipe* p) noexcept nogil:
    """HELLO_MSG, PROBE_ROUTER: the first messages on each new connection."""
    cdef const string* hello = terms_of(p).hello
    if hello != NULL and put(p, 0, <const uint8_t*>hello.data(), hello.size(), NULL) == 0:
        commit(s, p)
    if s.probe and put(p, 0, NULL, 0, NULL) == 0:
        commit(s, p)


cdef void pattern_added(Sock* s, Pipe* p) noexcept nogil:
    """p is new. Its peer may not be there yet."""
    if p.link != NULL:
        greet(s, p)
    if s.type == T_SUB or s.type == T_XSUB:
        sub_added(s, p)
    elif routes(s):
        router_expect(s, p)
    elif s.by_number != NULL:
        number_added(s, p)
    elif s.type == T_RADIO:
        radio_added(s, p)


cdef void pattern_connected(Sock* s, Pipe* p) noexcept nogil:
    """A handshake is done (again), and the connection knows nothing of p's queue yet: what must go first, or look different?"""
    cdef Flow* old
    if s.topics != NULL:
        if p.minor < 1:
            sub_translate(p)
    elif s.type == T_DISH:
        dish_connected(s, p)
    elif s.type == T_RADIO:
        radio_forget(s, p)
    elif s.probe or terms_of(p).hello != NULL or p.conflate:
        old = flow_take(p.outq)
        if old == NULL:
            return
        if p.conflate:
            flow_keep_last(old)
            p.newest_at = NULL
        greet(s, p)
        flow_give_back(p.outq, old, KEEP_SUBS)


cdef void pattern_joined(Sock* s, Pipe* p) noexcept nogil:
    """p can be talked to: a handshake is done (again), or an inproc peer is there."""
    if routes(s):
        router_joined(s, p)
    elif s.type == T_PUB or s.type == T_XPUB:
        pub_joined(s, p)
    elif s.type == T_DISH:
        dish_joined(s, p)
    confirm_wanted(s, p)


cdef void deliver(Sock* s, Pipe* p, const string* text) noexcept nogil:
    """A message of our own behind all that p has sent. Only when nobody else produces into that queue any more."""
    cdef const uint8_t* data = <const uint8_t*>text.data() if text != NULL else NULL
    cdef size_t n = text.size() if text != NULL else 0
    if (flow_put(p.inq, 0, data, n) if n < BIG else flow_put_body(p.inq, 0, data, n, NULL)) == 0:
        flow_commit(p.inq)
        array_activate(&s.fq, p, IN)


cdef void pattern_ended(Sock* s, Pipe* p) noexcept nogil:
    """The peer went, for good."""
    if routes(s):
        router_farewell(s, p)
    elif s.by_number != NULL:
        number_farewell(s, p)


cdef void pattern_left(Sock* s, Pipe* p) noexcept nogil:
    """p cannot be written to any more. May be called twice."""
    if s.out_pipe == p:
        flow_rollback(p.outq)
        count_drop(p)
        s.out_pipe = NULL
        s.out_drop = s.out_more
    if s.reply_pipe == p:
        s.reply_pipe = NULL
    if routes(s):
        router_left(s, p)
    elif s.type == T_PUB or s.type == T_XPUB:
        pub_left(s, p)
    elif s.type == T_XSUB:
        untarget(s, p)
    elif s.by_number != NULL:
        number_left(s, p)
    elif s.type == T_RADIO:
        radio_left(s, p)
    if not p.listed and s.in_pipe == p:
        s.in_pipe = NULL
        s.in_more = 0
        s.rid_sent = 0
        if s.type == T_REQ or s.type == T_REP:
            s.phase = 0


cdef void pattern_hiccup(Sock* s, Pipe* p) noexcept nogil:
    """The connection of a pipe that stays is gone. What is queued waits for the next, but for subscriptions, which are said anew."""
    if routes(s):
        router_farewell(s, p)
    elif s.type == T_SUB or s.type == T_XSUB:
        untarget(s, p)
        sub_hiccup(s, p)
    elif terms_of(p).hiccup != NULL:
        deliver(s, p, terms_of(p).hiccup)


cdef void pattern_input(Sock* s, Pipe* p) noexcept nogil:
    """Input that is not for the application's recv, or not only."""
    cdef FrameRef fr
    if p.raw != NULL:
        conflate_in(s, p)
    elif s.type == T_PUB or s.type == T_XPUB:
        pub_input(s, p)
    elif s.type == T_RADIO:
        radio_input(s, p)
    elif s.type == T_PUSH or s.type == T_SCATTER:
        while pipe_peek(p, &fr):            # a PULL has nothing to say; do not let it fill our memory
            flow_next(p.inq, &fr)
