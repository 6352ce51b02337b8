# How one thread tells another that something changed, and who frees what last.
#
# Every wake-up of a socket goes through post_event, under its event lock; a caller that is about to block registers its
# waiter under the same lock after it found no event pending, so no wake-up is lost and none is sent while nobody sleeps.
from libc.stdlib cimport free
from libcpp.atomic cimport memory_order_seq_cst

from peromq._core.coded_out cimport codec_free
from peromq._core.flow cimport chunk_unref, flow_unref
from peromq._core.latest cimport latest_free
from peromq._core.lease cimport group_drop
from peromq._core.news cimport news_look
from peromq._core.sysio cimport pthread_mutex_destroy, pthread_mutex_lock, pthread_mutex_unlock, signal_fd, sys_close
from peromq._core.terms cimport terms_unref
from peromq._core.trie cimport topics_free, trie_free
from peromq._core.types cimport DIRTY_LOOK, EV_PONG, EV_READ, WaitLink
from peromq._core.udp cimport Datagrams, udp_free
from peromq._core.vectors cimport take_out


cdef void wake_waiters(Sock* s, bint readers=True) noexcept nogil:
    cdef WaitLink* w = s.waiters
    s.wakes.fetch_add(1, memory_order_seq_cst)
    while w != NULL:
        if readers or not w.reads:
            signal_fd(w.waiter.efd)
        w = w.next
    if s.notify_fd >= 0:
        signal_fd(s.notify_fd)


cdef void post_event(Pipe* p, int bits) noexcept nogil:
    """Queue bits for p's socket and wake whoever waits on it. Any thread; never blocks for long."""
    cdef Sock* s = p.sock
    pthread_mutex_lock(&s.ev_lock)
    p.ev_bits |= bits
    if not p.ev_linked:
        p.ev_linked = 1
        p.refs.fetch_add(1)
        p.ev_next = NULL
        if s.ev_tail != NULL:
            s.ev_tail.ev_next = p
        else:
            s.ev_head = p
        s.ev_tail = p
    s.ev_any.store(1, memory_order_seq_cst)
    wake_waiters(s)
    pthread_mutex_unlock(&s.ev_lock)
    if bits & EV_PONG or (bits & EV_READ and (s.trie != NULL or s.members != NULL)):
        news_look(p)


cdef void wake_sock(Sock* s) noexcept nogil:
    """The socket's state changed (closed, terminated, new pipe): blocked callers look again."""
    pthread_mutex_lock(&s.ev_lock)
    wake_waiters(s)
    pthread_mutex_unlock(&s.ev_lock)


cdef void wake_for_peer(Sock* s) noexcept nogil:
    """A connection has come. Whoever polls its group will see what it brings."""
    pthread_mutex_lock(&s.ev_lock)
    wake_waiters(s, s.groups.size() > 1)
    pthread_mutex_unlock(&s.ev_lock)


cdef void link_post(Pipe* p, int bits) noexcept nogil:
    """Tell the far end of an inproc pipe, if it is still there."""
    cdef Link* k = p.link
    cdef Pipe* far
    pthread_mutex_lock(&k.lock)
    far = k.ends[1 - p.side]
    if far != NULL:
        post_event(far, bits)
    pthread_mutex_unlock(&k.lock)


cdef void link_leave(Pipe* p) noexcept nogil:
    """p stops being an end of its link; the far end hears of it."""
    cdef Link* k = p.link
    cdef Pipe* far
    cdef bint left
    pthread_mutex_lock(&k.lock)
    left = k.ends[p.side] == p
    if left:
        k.ends[p.side] = NULL
        far = k.ends[1 - p.side]
        if far != NULL:
            post_event(far, 4)          # EV_GONE
    pthread_mutex_unlock(&k.lock)
    if left:
        pipe_unref(p)


cdef void engine_post(Engine* e, int64_t kind, int64_t token, int64_t value) noexcept nogil:
    """Queue an event for the control plane."""
    pthread_mutex_lock(&e.lock)
    e.events.push_back(kind)
    e.events.push_back(token)
    e.events.push_back(value)
    if e.event_fd >= 0:
        signal_fd(e.event_fd)
    pthread_mutex_unlock(&e.lock)


cdef void io_wake(IoThread* io) noexcept nogil:
    if io.sleeping.exchange(0, memory_order_seq_cst) == 1:
        signal_fd(io.wakefd)


cdef void io_introduce(Conn* c) noexcept nogil:
    """The I/O thread shall know of a new connection when it is awake the next time, which need not be for its sake."""
    cdef IoThread* io = c.io
    list_dirty(io, c, DIRTY_LOOK)
    if c.hb_ivl > 0 or c.flush_then_close:
        io_wake(io)


cdef void io_mark_dirty(Conn* c, int bits) noexcept nogil:
    """Ask the connection's I/O thread to look at it: flush, resume reading, or tear down."""
    list_dirty(c.io, c, bits)
    io_wake(c.io)


cdef void list_dirty(IoThread* io, Conn* c, int bits) noexcept nogil:
    pthread_mutex_lock(&io.lock)
    if not c.dirty:
        c.refs.fetch_add(1)
        c.dirty_next = io.dirty
        io.dirty = c
    c.dirty |= bits
    pthread_mutex_unlock(&io.lock)


cdef void conn_fail(Conn* c, int reason) noexcept nogil:
    """First failure wins; the I/O thread tears the connection down."""
    cdef int none = 0
    if c.failed.compare_exchange_strong(none, reason + 1, memory_order_seq_cst):
        io_mark_dirty(c, DIRTY_LOOK)


cdef void conn_unref(Conn* c) noexcept nogil:
    cdef Pipe* p
    if c.refs.fetch_sub(1, memory_order_seq_cst) != 1:
        return
    p = c.pipe
    if c.fd >= 0:
        sys_close(c.fd)
    if c.body != NULL:
        chunk_unref(c.body)
    if c.codec != NULL:
        codec_free(c.codec)
    if c.udp != NULL:
        udp_free(<Datagrams*>c.udp)
    c.io.load.fetch_sub(1)
    pthread_mutex_destroy(&c.rlock)
    pthread_mutex_destroy(&c.wlock)
    free(c)
    pipe_unref(p)


cdef void pipe_unref(Pipe* p) noexcept nogil:
    cdef Sock* s
    if p.refs.fetch_sub(1, memory_order_seq_cst) != 1:
        return
    s = p.sock
    latest_free(p.latest)
    if p.raw != NULL:
        flow_unref(p.inq)       # that one was the application's alone
        flow_unref(p.inq)
        p.inq = p.raw
    flow_unref(p.inq)
    flow_unref(p.outq)
    if p.link == NULL:
        flow_unref(p.inq)       # a wire has no far end that would release the other side
        flow_unref(p.outq)
    elif p.link.refs.fetch_sub(1, memory_order_seq_cst) == 1:
        pthread_mutex_destroy(&p.link.lock)
        free(p.link)
    if p.properties != NULL:
        chunk_unref(p.properties)
    terms_unref(p.terms)
    if p.rid != NULL:
        del p.rid
    if p.joined != NULL:
        del p.joined
    if p.udp != NULL:
        udp_free(<Datagrams*>p.udp)
    free(p)
    if s != NULL:
        sock_unref(s)


cdef void sock_unref(Sock* s) noexcept nogil:
    cdef size_t i
    if s.refs.fetch_sub(1, memory_order_seq_cst) != 1:
        return
    for i in range(s.groups.size()):
        group_drop(s.groups[0][i])
    pthread_mutex_lock(&s.engine.lock)
    take_out(s.engine.socks, s)
    pthread_mutex_unlock(&s.engine.lock)
    if s.notify_fd >= 0:
        sys_close(s.notify_fd)
    pthread_mutex_destroy(&s.lock)
    pthread_mutex_destroy(&s.ev_lock)
    free(s.by_token.cells)
    free(s.fq.v)
    free(s.lb.v)
    if s.trie != NULL:
        trie_free(s.trie)
    if s.asked != NULL:
        trie_free(s.asked)
    if s.topics != NULL:
        topics_free(s.topics)
    if s.cast != NULL:
        chunk_unref(s.cast)
    if s.welcome != NULL:
        del s.welcome
    terms_unref(s.terms)
    if s.my_rid != NULL:
        del s.my_rid
    if s.by_number != NULL:
        del s.by_number
    if s.members != NULL:
        del s.members
        del s.outlets
        del s.out_group
    if s.groups_joined != NULL:
        del s.groups_joined
        del s.in_group
    del s.notice_from
    del s.pipes
    del s.by_rid
    del s.unflushed
    del s.groups
    del s.envelope
    del s.notices
    del s.notice_more
    del s.targets
    del s.news_topics
    del s.news_tokens
    free(s)
