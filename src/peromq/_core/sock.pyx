# A socket's pipes: how they come, go, and take turns being served. Everything here runs under the socket's lock, on whatever
# thread called. What a pattern does with its pipes is in patterns.pyx and what that names; this file calls their joined/left hooks.
from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc, free
from libcpp.atomic cimport memory_order_relaxed, memory_order_seq_cst
from libcpp.deque cimport deque
from libcpp.set cimport set as ordered_set
from libcpp.string cimport string
from libcpp.unordered_map cimport unordered_map
from libcpp.vector cimport vector

from peromq._core.coded_out cimport codec_attach
from peromq._core.confirm cimport confirm_heard
from peromq._core.conn cimport conn_new
from peromq._core.flow cimport Flow, flow_credit, flow_front, flow_full, flow_new, flow_rollback
from peromq._core.lease cimport group_drop, group_for
from peromq._core.news cimport count_gone, news_post
from peromq._core.notify cimport (conn_unref, engine_post, io_introduce, io_mark_dirty, link_leave, link_post, pipe_unref, post_event,
                                  wake_for_peer, wake_sock)
from peromq._core.patterns cimport (pattern_added, pattern_connected, pattern_ended, pattern_hiccup, pattern_input,
                                    pattern_joined, pattern_left)
from peromq._core.pointer_map cimport map_drop, map_find, map_put
from peromq._core.publish cimport untarget
from peromq._core.reader cimport conn_feed, conn_resume
from peromq._core.requeue cimport conflate_pipe, conflate_refill
from peromq._core.routing cimport IN, OUT, array_activate, array_add, array_remove
from peromq._core.sysio cimport now_ns, pthread_mutex_init, pthread_mutex_lock, pthread_mutex_unlock, quickack, sys_close
from peromq._core.terms cimport terms_new, terms_ref
from peromq._core.trie cimport topics_new, trie_new
from peromq._core.types cimport (DIRTY_LOOK, DIRTY_OWN, EV_GONE, EV_HICCUP, EV_PONG, EV_READ, EV_WRITE, NEWS_FULL, S_CLOSED, T_CHANNEL,
                                 T_CLIENT, T_DEALER, T_DGRAM, T_DISH, T_GATHER, T_PAIR, T_PEER, T_PUB, T_PULL, T_PUSH, T_RADIO, T_REP,
                                 T_REQ, T_SCATTER, T_SERVER, T_STREAM, T_SUB, T_XPUB, T_XSUB, Conn, Group, IoThread)
from peromq._core.vectors cimport take_out
from peromq._core.writer cimport conn_write

ctypedef vector[Pipe*] Pipes

cdef enum:
    FLUSHED = 2                 # EV_FLUSHED of the control plane
    STREAM_NS = 30000           # sends closer together than this are a stream


cdef Sock* sock_new(Engine* e, int type) noexcept nogil:
    cdef Sock* s = <Sock*>calloc(1, sizeof(Sock))
    if s == NULL:
        return NULL
    s.terms = terms_new()
    if s.terms == NULL:
        free(s)
        return NULL
    pthread_mutex_init(&s.lock, NULL)
    pthread_mutex_init(&s.ev_lock, NULL)
    s.refs.store(1)
    s.engine = e
    s.type = type
    s.sndhwm = s.rcvhwm = 1000
    s.sndtimeo = s.rcvtimeo = -1
    s.spin_us = 50
    s.short_wait.store(1, memory_order_relaxed)
    s.notify_fd = -1
    s.my_rid = new string()
    s.pipes = new vector[Pipe*]()
    s.by_token.width = 2
    s.by_rid = new unordered_map[string, Pipe*]()
    s.unflushed = new vector[Pipe*]()
    s.groups = new vector[Group*]()
    s.envelope = new vector[uint8_t]()
    s.notices = new deque[string]()
    s.notice_more = new deque[int]()
    s.notice_from = new deque[Pipe*]()
    s.targets = new vector[Pipe*]()
    s.news_topics = new deque[string]()
    s.news_tokens = new deque[int64_t]()
    s.request_id = s.next_rid = <uint32_t>(<size_t>now_ns() ^ (<size_t>s >> 4))    # RFC 28: begins anywhere
    s.balances = (type == T_PUSH or type == T_DEALER or type == T_PAIR or type == T_CLIENT or type == T_SCATTER
                  or type == T_CHANNEL)
    s.queues = (type == T_PULL or type == T_DEALER or type == T_PAIR or type == T_CLIENT or type == T_GATHER
                or type == T_CHANNEL or type == T_SERVER or type == T_PEER)
    s.single = type >= T_SERVER and type != T_DGRAM
    s.plain_out = s.balances
    s.plain_in = s.queues or type == T_SUB or type == T_XSUB
    if type == T_PUB or type == T_XPUB:
        s.trie = trie_new()
        s.asked = trie_new()
    elif type == T_SUB or type == T_XSUB:
        s.topics = topics_new()
        s.version = 1
    elif type == T_STREAM:
        s.mandatory = 1
        s.terms.notify = 3
        s.raw = 1
    elif type == T_SERVER or type == T_PEER:
        s.by_number = new unordered_map[uint32_t, Pipe*]()
    elif type == T_RADIO:
        s.members = new unordered_map[string, Pipes]()
        s.outlets = new vector[Pipe*]()
        s.out_group = new string()
    elif type == T_DISH:
        s.groups_joined = new ordered_set[string]()
        s.version = 1
        s.in_group = new string()
    return s


# ---------------------------------------------------------------- pipes come

cdef Pipe* pipe_blank(Sock* s, int64_t token) noexcept nogil:
    cdef Pipe* p = <Pipe*>calloc(1, sizeof(Pipe))
    if p == NULL:
        return NULL
    p.refs.store(1)
    p.sock = s
    p.token = token
    p.minor = 1
    p.idx_all = p.idx_in = p.idx_out = -1
    s.refs.fetch_add(1)
    return p


cdef Pipe* pipe_new_wire(Sock* s, int64_t token, int bound, Terms* terms) noexcept nogil:
    """A pipe towards a peer that is reached through a descriptor. terms: its endpoint's; NULL: as they are now."""
    cdef Pipe* p = pipe_blank(s, token)
    if p == NULL:
        return NULL
    p.bound = bound
    p.terms = terms_ref(terms if terms != NULL else s.terms)
    p.inq = flow_new(s.rcvhwm, &s.engine.releases)
    p.outq = flow_new(s.sndhwm, &s.engine.releases)
    if p.terms.conflate:
        conflate_pipe(s, p)
    return p


cdef bint sock_has_peer(Sock* s, Pipe* mine) noexcept nogil:
    """PAIR: is there another peer already?"""
    cdef size_t i
    for i in range(s.pipes.size()):
        if s.pipes[0][i] != mine and not s.pipes[0][i].ended:
            return True
    return False


cdef int sock_add_pipe(Sock* s, Pipe* p) noexcept nogil:
    """Take p (and its first reference) among the socket's pipes. -1: a PAIR has its peer already, and p is no more."""
    cdef bint there, left
    if s.type in (T_PAIR, T_CHANNEL) and sock_has_peer(s, p):
        p.ended = 1
        if p.link != NULL:
            link_leave(p)
        pipe_unref(p)
        return -1
    p.idx_all = <int>s.pipes.size()
    s.pipes.push_back(p)
    p.listed = 1
    file_pipe(s, p)
    if s.type not in (T_PUSH, T_SCATTER) or p.link == NULL:
        array_add(&s.fq, p, IN)
    array_add(&s.lb, p, OUT)
    if p.conflate:
        s.plain_out = 0
    pattern_added(s, p)
    if p.link != NULL:
        pthread_mutex_lock(&p.link.lock)
        there = p.link.ends[1] != NULL
        left = p.side == 1 and p.link.ends[0] == NULL
        pthread_mutex_unlock(&p.link.lock)
        if there:
            pattern_joined(s, p)
        pattern_input(s, p)                 # what came before may have been announced to a pipe nobody knew yet
        if left:
            post_event(p, EV_GONE)          # it left before its peer came
        wake_sock(s)
    elif p.conn == NULL and not p.bound:
        wake_sock(s)                        # there is a queue to send into; else a connection follows, and wakes
    return 0


cdef void sock_close(Sock* s) noexcept nogil:
    """The application is done with the socket: nothing is received any more; what was sent goes on by itself."""
    cdef size_t i
    cdef Pipe* p
    s.state.fetch_or(S_CLOSED)
    sock_process(s)
    i = 0
    while i < s.pipes.size():
        p = s.pipes[0][i]
        if s.out_pipe == p:
            flow_rollback(p.outq)
        array_remove(&s.fq, p, IN)
        if p.ended:                         # it was kept for what is unread
            sock_drop_pipe(s, p)
        else:
            i += 1
    s.out_pipe = s.in_pipe = NULL
    s.in_more = s.out_more = s.in_notice = 0
    s.notices.clear()
    s.notice_more.clear()
    s.notice_from.clear()
    sock_flush(s)
    wake_sock(s)
    let_go(s)


cdef Pipe* sock_find(Sock* s, int64_t token) noexcept nogil:
    """The pipe of that token, or NULL."""
    cdef size_t i
    cdef void** cell = map_find(&s.by_token, <void*><size_t>token)
    if cell != NULL:
        return <Pipe*>cell[1]
    if s.by_token.count == s.pipes.size():
        return NULL
    for i in range(s.pipes.size()):         # one could not be filed
        if s.pipes[0][i].token == token:
            return s.pipes[0][i]
    return NULL


cdef void file_pipe(Sock* s, Pipe* p) noexcept nogil:
    """Let sock_find find it at once. Where that fails (two ends of one token, no memory) it still finds it."""
    cdef void** cell
    if p.token == 0 or map_find(&s.by_token, <void*><size_t>p.token) != NULL:
        return
    cell = map_put(&s.by_token, <void*><size_t>p.token)
    if cell != NULL:
        cell[1] = p


cdef void unfile_pipe(Sock* s, Pipe* p) noexcept nogil:
    cdef void** cell = map_find(&s.by_token, <void*><size_t>p.token)
    if cell != NULL and cell[1] == p:
        map_drop(&s.by_token, <void*><size_t>p.token)


cdef IoThread* least_loaded(Engine* e, int thread) noexcept nogil:
    """Where a new connection goes. More threads than processors only cost switches: the others serve whom AFFINITY sends there."""
    cdef int i
    cdef IoThread* best = &e.io[0]
    if 0 <= thread < e.n_io:
        return &e.io[thread]
    for i in range(1, min(e.n_io, e.n_cpus)):
        if e.io[i].load.load(memory_order_relaxed) < best.load.load(memory_order_relaxed):
            best = &e.io[i]
    return best


cdef int sock_attach(Sock* s, Pipe* p, int fd, const uint8_t* data, size_t n, int thread, Codec* codec) noexcept nogil:
    """The handshake is done: fd starts to carry p's flows. 0 or errno; owns fd and codec on 0."""
    cdef Group* g = group_for(s, least_loaded(s.engine, thread))
    cdef Conn* c
    if g == NULL:
        return 24                                   # EMFILE
    pattern_connected(s, p)
    c = conn_new(p, g, fd)
    if c == NULL:
        return 12                                   # ENOMEM
    quickack(fd)            # the handshake looked interactive to the kernel; what follows may be one-way
    if codec != NULL:
        codec_attach(c, codec)
    p.conn = c
    c.flush_then_close = p.closing
    pthread_mutex_lock(&g.lock)
    g.conns.push_back(c)
    pthread_mutex_unlock(&g.lock)
    pattern_joined(s, p)
    p.outq.idle.store(0, memory_order_seq_cst)
    conn_feed(c, data, n)
    if conn_write(c, True) == 1:
        io_mark_dirty(c, DIRTY_OWN)
    else:
        io_introduce(c)
    if p.terms.notify or p.minor < 0:
        wake_sock(s)                        # a notice, or an old peer's subscription, may be there, and the connection brings nothing
    else:
        wake_for_peer(s)
    return 0


# ---------------------------------------------------------------- pipes go

cdef void sock_drop_pipe(Sock* s, Pipe* p) noexcept nogil:
    """p is no longer the socket's: nothing more to read, nobody to write to."""
    cdef Pipe* last
    cdef Conn* c
    if not p.listed:
        return
    p.listed = 0
    p.ended = 1
    pattern_left(s, p)
    count_gone(s, p)
    array_remove(&s.fq, p, IN)
    array_remove(&s.lb, p, OUT)
    last = s.pipes.back()
    s.pipes[0][p.idx_all] = last
    last.idx_all = p.idx_all
    s.pipes.pop_back()
    unfile_pipe(s, p)
    if p.unflushed:
        take_out(s.unflushed, p)
    c = p.conn
    p.conn = NULL
    if c != NULL:
        conn_unref(c)
    if p.link != NULL:
        link_leave(p)
    tell_flushed(s, p)
    let_go(s)
    pipe_unref(p)


cdef void tell_flushed(Sock* s, Pipe* p) noexcept nogil:
    """The control plane asked for the end of p, and nothing more will be written."""
    if p.closing and p.link == NULL and not p.told:
        p.told = 1
        engine_post(s.engine, FLUSHED, p.token, 0)


cdef void let_go(Sock* s) noexcept nogil:
    """A closed socket without pipes needs no descriptors, though handles of it may live on."""
    cdef size_t i
    if not s.state.load(memory_order_relaxed) & S_CLOSED or not s.pipes.empty():
        return
    for i in range(s.groups.size()):
        group_drop(s.groups[0][i])
    s.groups.clear()
    pthread_mutex_lock(&s.ev_lock)
    if s.notify_fd >= 0:
        sys_close(s.notify_fd)
        s.notify_fd = -1
    pthread_mutex_unlock(&s.ev_lock)


cdef void pipe_gone(Sock* s, Pipe* p) noexcept nogil:
    """The far end is no more. What it sent and we have not read stays readable; p leaves when that is consumed."""
    cdef Conn* c = p.conn
    if not p.ended and not p.closing:
        pattern_ended(s, p)
    p.ended = 1
    array_remove(&s.lb, p, OUT)
    if p.link != NULL:
        link_leave(p)
    if c != NULL:
        p.conn = NULL
        conn_unref(c)
    pattern_left(s, p)
    tell_flushed(s, p)
    if p.idx_in < 0 or (flow_front(p.inq) == NULL and not (p.latest != NULL and conflate_refill(p))):
        sock_drop_pipe(s, p)


cdef void pipe_hiccup(Sock* s, Pipe* p) noexcept nogil:
    """The connection broke; the pipe waits for the next one. Unsent messages stay, unless IMMEDIATE or a subscriber's."""
    cdef Conn* c = p.conn
    if c != NULL:
        p.conn = NULL
        conn_unref(c)
    if s.immediate and not p.closing:
        pipe_gone(s, p)
        return
    pattern_hiccup(s, p)
    if p.closing and not pipe_pending(p):
        pipe_gone(s, p)


cdef void sock_process(Sock* s) noexcept nogil:
    """Take note of what other threads have told us."""
    cdef Pipe* p
    cdef Pipe* n
    cdef int bits
    if not s.ev_any.load(memory_order_seq_cst):
        return
    pthread_mutex_lock(&s.ev_lock)
    p = s.ev_head
    s.ev_head = s.ev_tail = NULL
    s.ev_any.store(0, memory_order_seq_cst)
    pthread_mutex_unlock(&s.ev_lock)
    while p != NULL:
        pthread_mutex_lock(&s.ev_lock)
        n = p.ev_next
        bits = p.ev_bits
        p.ev_bits = 0
        p.ev_linked = 0
        pthread_mutex_unlock(&s.ev_lock)
        if p.listed:
            if bits & EV_READ:
                array_activate(&s.fq, p, IN)
                pattern_input(s, p)
            if bits & EV_WRITE:
                array_activate(&s.lb, p, OUT)
            if bits & EV_PONG:
                confirm_heard(s, p)
            if bits & EV_GONE:
                pipe_gone(s, p)
            elif bits & EV_HICCUP and p.conn != NULL and p.conn.failed.load(memory_order_seq_cst):
                pipe_hiccup(s, p)
        pipe_unref(p)
        p = n


cdef void pipe_close(Sock* s, Pipe* p) noexcept nogil:
    """No more sends. Written out, then dropped; the control plane may abort it earlier."""
    if p.closing:
        return
    p.closing = 1
    array_remove(&s.lb, p, OUT)
    if s.out_pipe == p:
        s.out_pipe = NULL
        s.out_drop = s.out_more
    flow_rollback(p.outq)
    untarget(s, p)
    if p.link != NULL:
        sock_drop_pipe(s, p)                # the far end reads what is queued; nothing is left to us to do
    elif p.conn != NULL:
        pthread_mutex_lock(&p.conn.wlock)
        p.conn.flush_then_close = 1
        pthread_mutex_unlock(&p.conn.wlock)
        io_mark_dirty(p.conn, DIRTY_LOOK)
    elif not pipe_pending(p):
        pipe_gone(s, p)


cdef bint pipe_pending(Pipe* p) noexcept nogil:
    """Is there something for which the peer is worth waiting? Not what SUB, XSUB and DISH say: nobody waits for their messages any more."""
    if p.conn == NULL and (p.sock.topics != NULL or p.sock.groups_joined != NULL):
        return False
    return p.outq.produced.load(memory_order_relaxed) != p.outq.read.load(memory_order_relaxed)


cdef void pipe_abort(Sock* s, Pipe* p) noexcept nogil:
    """Drop p now, queue and all."""
    p.closing = 1
    array_remove(&s.lb, p, OUT)
    if p.conn != NULL:
        p.bound = 1                         # it does not come back: GONE, not HICCUP
        p.conn.cut.store(1, memory_order_seq_cst)
        io_mark_dirty(p.conn, DIRTY_LOOK)
    else:
        pipe_gone(s, p)                     # what it sent and we have not read stays readable


# ---------------------------------------------------------------- serving

cdef bint pipe_writable(Pipe* p) noexcept nogil:
    """Room for a message? If not, the consumer will post EV_WRITE when half of what is queued is gone."""
    cdef Flow* f = p.outq
    if f.blocked.load(memory_order_seq_cst):
        return False
    if not flow_full(f):
        return True
    f.blocked.store(1, memory_order_seq_cst)
    if flow_full(f):
        p.full += 1
        news_post(p, NEWS_FULL)
        return False
    return f.blocked.exchange(0, memory_order_seq_cst) == 1


cdef bint write_now(Sock* s) noexcept nogil:
    """Is this sender better off writing itself? Yes, unless more is likely to follow at once."""
    cdef int64_t now
    if s.type == T_REQ or s.type == T_REP:
        return True
    if s.received:
        s.received = 0
        if s.fq.active == 0 or flow_front(s.fq.v[s.fq.cur].inq) == NULL:
            return True
        return False
    now = now_ns()
    if now - s.last_send > STREAM_NS:
        s.last_send = now
        return True
    s.last_send = now
    return False


cdef void pipe_committed(Sock* s, Pipe* p) noexcept nogil:
    """A message was committed to p's outbound flow: see that somebody takes it from there."""
    cdef Flow* f = p.outq
    cdef Conn* c = p.conn
    if p.link != NULL:
        if f.idle.load(memory_order_seq_cst) and f.idle.exchange(0, memory_order_seq_cst):
            link_post(p, EV_READ)
        return
    if not p.unflushed:
        p.unflushed = 1
        s.unflushed.push_back(p)
    if f.idle.load(memory_order_seq_cst) == 0:
        # somebody is at it; lend a hand when much has gathered
        if p.pending_octets >= FLUSH_AT and c != NULL:
            p.pending_octets = 0
            conn_write(c, False)
        return
    if c == NULL or f.idle.exchange(0, memory_order_seq_cst) == 0:
        return
    if write_now(s):
        p.pending_octets = 0
        if conn_write(c, True) == 1:
            io_mark_dirty(c, DIRTY_OWN)
    else:
        io_mark_dirty(c, DIRTY_OWN)


cdef void sock_flush(Sock* s) noexcept nogil:
    """Before a caller goes to sleep: do not let what it sent wait for the I/O thread's nap."""
    cdef size_t i
    cdef Pipe* p
    for i in range(s.unflushed.size()):
        p = s.unflushed[0][i]
        p.unflushed = 0
        p.pending_octets = 0
        if p.conn != NULL:
            conn_write(p.conn, False)
    s.unflushed.clear()


cdef void pipe_consumed(Pipe* p) noexcept nogil:
    """Messages were read from p: give credit, and let a reader that stopped at the high-water mark go on."""
    cdef Flow* f = p.inq
    if flow_credit(f):
        link_post(p, EV_WRITE)
    if p.conn != NULL and p.conn.paused.load(memory_order_seq_cst):
        conn_resume(p.conn)
