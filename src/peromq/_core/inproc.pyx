# Pipes between two sockets of one process: what one end puts into its outbound flow the other end finds in its inbound one.
from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc, free
from libcpp.atomic cimport memory_order_relaxed, memory_order_seq_cst

from peromq._core.flow cimport Flow, flow_new, flow_unref
from peromq._core.latest cimport latest_free
from peromq._core.notify cimport link_post, pipe_unref, post_event, wake_sock
from peromq._core.patterns cimport pattern_joined
from peromq._core.requeue cimport conflate_inq, conflates_in, conflates_out
from peromq._core.router cimport router_name
from peromq._core.sock cimport pipe_blank
from peromq._core.sysio cimport pthread_mutex_destroy, pthread_mutex_init, pthread_mutex_lock, pthread_mutex_unlock
from peromq._core.types cimport BY_TOPIC, EV_WRITE, T_ROUTER, Link


cdef int join(Sock* sender, Pipe* p, Sock* receiver, Pipe* q, uint32_t hwm) noexcept nogil:
    """A flow from p, whose socket is known, to q, whose socket may not be. -1: out of memory."""
    cdef Flow* f = flow_new(hwm, &p.sock.engine.releases)
    if f == NULL:
        return -1
    p.outq = q.inq = f
    if ((sender != NULL and conflates_out(sender, sender.terms.conflate))
            or (receiver != NULL and conflates_in(receiver, receiver.terms.conflate))):
        p.conflate = BY_TOPIC if receiver != NULL and receiver.terms.conflate == BY_TOPIC else 1
        if p.conflate != BY_TOPIC:
            f.hwm.store(0, memory_order_relaxed)
        return conflate_inq(q, receiver, receiver.terms.conflate if receiver != NULL else 0)
    return 0


cdef inline uint32_t both(uint32_t snd, uint32_t rcv) noexcept nogil:
    """The mark of one direction's queue: the sum of its ends', or none if either has none (zmq_inproc)."""
    return snd + rcv if snd and rcv else 0


cdef void pair_marks(Sock* s, Pipe* p) noexcept nogil:
    """s has changed SNDHWM or RCVHWM. A queue whose mark is not that of its ends conflates."""
    cdef Link* k = p.link
    cdef int near = p.side
    cdef int far = 1 - near
    cdef Flow* arriving = p.raw if p.raw != NULL else p.inq
    cdef bint paired
    cdef uint32_t out_was, in_was
    pthread_mutex_lock(&k.lock)
    paired = k.ends[1] != NULL
    out_was = both(k.snd[near], k.rcv[far]) if paired else k.snd[near]
    in_was = both(k.snd[far], k.rcv[near]) if paired else k.rcv[near]
    k.snd[near] = s.sndhwm
    k.rcv[near] = s.rcvhwm
    if p.outq.hwm.load(memory_order_relaxed) == out_was and not p.conflate:
        p.outq.hwm.store(both(k.snd[near], k.rcv[far]) if paired else k.snd[near], memory_order_seq_cst)
    if arriving.hwm.load(memory_order_relaxed) == in_was and p.raw == NULL:
        arriving.hwm.store(both(k.snd[far], k.rcv[near]) if paired else k.rcv[near], memory_order_seq_cst)
    pthread_mutex_unlock(&k.lock)
    if p.outq.blocked.exchange(0, memory_order_seq_cst):
        post_event(p, EV_WRITE)             # there may be more room than there was
    if arriving.blocked.exchange(0, memory_order_seq_cst):
        link_post(p, EV_WRITE)


cdef int pair_new(Sock* a, Sock* b, int64_t token, Pipe** near, Pipe** far) noexcept nogil:
    """Two ends of an inproc pipe; -1: out of memory. Under a's lock. b may be NULL: pair_adopt gives the far end its socket later."""
    cdef Link* k = <Link*>calloc(1, sizeof(Link))
    cdef Pipe* p = pipe_blank(a, token)
    cdef Pipe* q = <Pipe*>calloc(1, sizeof(Pipe))
    if k == NULL or p == NULL or q == NULL:
        return -1
    q.refs.store(1)
    q.minor = 1
    q.idx_all = q.idx_in = q.idx_out = -1
    q.rid = new string(a.my_rid[0])
    q.sock = a                      # for join: the engine's
    if join(a, p, b, q, a.sndhwm) < 0 or join(b, q, a, p, a.rcvhwm) < 0:
        return -1
    q.sock = NULL
    pthread_mutex_init(&k.lock, NULL)
    k.refs.store(2)
    k.snd[0] = a.sndhwm
    k.rcv[0] = a.rcvhwm
    p.link = q.link = k
    p.side = 0
    q.side = 1
    k.ends[0] = p
    k.ends[1] = NULL
    p.refs.fetch_add(1)             # the link's, given back by link_leave
    near[0] = p
    far[0] = q
    return pair_adopt(q, b, token) if b != NULL else 0


cdef int pair_adopt(Pipe* far, Sock* b, int64_t token) noexcept nogil:
    """The far end gets its socket. Follow with sock_add_pipe under b's lock. -1: out of memory."""
    cdef Flow* arriving = far.raw if far.raw != NULL else far.inq
    cdef Link* k = far.link
    if conflates_in(b, b.terms.conflate) and conflate_inq(far, b, b.terms.conflate) < 0:
        return -1
    far.sock = b
    far.token = token
    b.refs.fetch_add(1)
    far.refs.fetch_add(1)
    pthread_mutex_lock(&k.lock)
    k.snd[1] = b.sndhwm
    k.rcv[1] = b.rcvhwm
    if far.outq.hwm.load(memory_order_relaxed):         # else it is unlimited, or conflates
        far.outq.hwm.store(both(k.snd[1], k.rcv[0]), memory_order_relaxed)
    if arriving.hwm.load(memory_order_relaxed):
        arriving.hwm.store(both(k.snd[0], k.rcv[1]), memory_order_relaxed)
    k.ends[1] = far
    pthread_mutex_unlock(&k.lock)
    if arriving.blocked.exchange(0, memory_order_seq_cst):
        link_post(far, EV_WRITE)            # there is more room than there was
    return 0


cdef void pair_named(Pipe* far, const string* rid) noexcept nogil:
    """The connector of a pipe adopted just now learns of its peer, and how he calls himself."""
    cdef Pipe* near
    cdef Sock* a
    pthread_mutex_lock(&far.link.lock)
    near = far.link.ends[0]
    if near != NULL:
        near.refs.fetch_add(1)
    pthread_mutex_unlock(&far.link.lock)
    if near == NULL:
        return
    a = near.sock
    pthread_mutex_lock(&a.lock)
    if near.listed and not near.ended:
        if far.latest != NULL:
            near.conflate = BY_TOPIC
            a.plain_out = 0
        elif far.raw != NULL and not near.conflate:
            near.outq.hwm.store(0, memory_order_relaxed)
            near.conflate = 1
            a.plain_out = 0
        if a.type == T_ROUTER and (near.rid == NULL or near.rid.empty()):
            router_name(a, near, rid.data(), rid.size())
        pattern_joined(a, near)
        wake_sock(a)
    pthread_mutex_unlock(&a.lock)
    pipe_unref(near)


cdef void pair_orphan(Pipe* far) noexcept nogil:
    """A far end that nobody adopted."""
    latest_free(far.latest)
    if far.raw != NULL:
        flow_unref(far.inq)
        flow_unref(far.inq)
        far.inq = far.raw
    flow_unref(far.inq)
    flow_unref(far.outq)
    if far.link.refs.fetch_sub(1, memory_order_seq_cst) == 1:
        pthread_mutex_destroy(&far.link.lock)
        free(far.link)
    if far.rid != NULL:
        del far.rid
    free(far)
