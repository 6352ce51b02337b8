# The I/O thread: established connections only, never the GIL. One epoll holds, per socket, a nested epoll with the socket's
# connections ("group"), so that a caller about to block can borrow them all with one system call (lease.pyx).
#
# A connection that streams is "hot": instead of being woken for each message, the thread naps some tens of microseconds and
# flushes what came together meanwhile. A connection without output for a few naps goes idle; then the next sender decides.
from libc.errno cimport ETIMEDOUT, errno
from libc.stdint cimport int64_t, uint64_t
from libcpp.atomic cimport memory_order_relaxed, memory_order_seq_cst
from libcpp.vector cimport vector

from peromq._core.conn cimport conn_teardown
from peromq._core.lease cimport expire_leases, free_groups
from peromq._core.notify cimport conn_fail, conn_unref
from peromq._core.reader cimport group_read
from peromq._core.sysio cimport (CLOCK_MONOTONIC, EFD_CLOEXEC, EFD_NONBLOCK, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLLIN, PR_SET_NAME,
                                 PR_SET_TIMERSLACK, SIG_SETMASK, TFD_CLOEXEC, TFD_NONBLOCK, drain_fd, epoll_create1, epoll_ctl,
                                 epoll_event, epoll_wait, eventfd, nanosleep, now_ns, prctl, pthread_create, pthread_join,
                                 pthread_mutex_destroy, pthread_mutex_init, pthread_mutex_lock, pthread_mutex_unlock, pthread_sigmask,
                                 signal_fd, sigfillset, sigset_t, sys_close, timerfd_create, timespec)
from peromq._core.types cimport DIRTY_OWN, WOULD_BLOCK, Conn, Group
from peromq._core.vectors cimport take_out
from peromq._core.writer cimport conn_out_event, conn_queue_ping, conn_write

cdef enum:
    NAP_NS = 50000
    LONG_NAP_NS = 130000         # once a stream has lasted for LASTING naps: fewer, larger writes
    LASTING = 16
    HOT_NS = 15000
    MAX_EXTRA_NS = 870000
    QUIET_NAPS = 3
    MAX_EVENTS = 128


cdef extern from "<sys/prctl.h>" nogil:
    enum: PR_GET_NAME


cdef int io_start(IoThread* io, Engine* e, int index, const char* name) noexcept nogil:
    """0, or an errno when descriptors or threads run out. name: what the system calls the thread."""
    cdef char own_name[16]
    cdef epoll_event ev
    cdef sigset_t all_signals, before
    cdef int rc
    pthread_mutex_init(&io.lock, NULL)
    io.engine = e
    io.index = index
    io.leases = new vector[Group*]()
    io.hot = new vector[Conn*]()
    io.conns = new vector[Conn*]()
    io.grave = new vector[Conn*]()
    io.dead_groups = new vector[Group*]()
    io.epfd = epoll_create1(EPOLL_CLOEXEC)
    io.wakefd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
    io.timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)
    if io.epfd < 0 or io.wakefd < 0 or io.timerfd < 0:
        return errno
    ev.events = EPOLLIN
    ev.data.ptr = NULL
    epoll_ctl(io.epfd, EPOLL_CTL_ADD, io.wakefd, &ev)
    ev.data.ptr = io
    epoll_ctl(io.epfd, EPOLL_CTL_ADD, io.timerfd, &ev)
    # signals are for the application's threads; the new thread inherits the mask, and the name
    sigfillset(&all_signals)
    pthread_sigmask(SIG_SETMASK, &all_signals, &before)
    prctl(PR_GET_NAME, own_name)
    prctl(PR_SET_NAME, name)
    rc = pthread_create(&io.thread, NULL, io_main, io)
    prctl(PR_SET_NAME, own_name)
    pthread_sigmask(SIG_SETMASK, &before, NULL)
    if rc != 0:
        return rc
    io.started = 1
    return 0


cdef void io_stop(IoThread* io) noexcept nogil:
    """Join the thread and free what it owned. All sockets of the engine are closed by now."""
    if io.started:
        io.stopping.store(1, memory_order_seq_cst)
        signal_fd(io.wakefd)
        pthread_join(io.thread, NULL)
        io.started = 0
    free_groups(io)
    pthread_mutex_lock(&io.lock)
    io.stopped = 1
    pthread_mutex_unlock(&io.lock)
    if io.epfd >= 0:
        sys_close(io.epfd)
    if io.wakefd >= 0:
        sys_close(io.wakefd)
    if io.timerfd >= 0:
        sys_close(io.timerfd)


cdef void io_free(IoThread* io) noexcept nogil:
    """No handle of any socket is left."""
    del io.leases
    del io.hot
    del io.conns
    del io.grave
    del io.dead_groups
    pthread_mutex_destroy(&io.lock)


cdef void* io_main(void* arg) noexcept nogil:
    cdef IoThread* io = <IoThread*>arg
    cdef epoll_event evs[MAX_EVENTS]
    cdef timespec nap
    cdef int64_t now
    cdef int n, i, timeout
    cdef int naps = 0
    prctl(PR_SET_TIMERSLACK, 1000)
    while True:
        take_dirty(io)
        free_groups(io)
        bury(io)
        if io.stopping.load(memory_order_seq_cst):
            while not io.conns.empty():
                conn_fail(io.conns.back(), 0)
                end_conn(io, io.conns.back())
            take_dirty(io)
            bury(io)
            return NULL
        timeout = -1
        if io.beats:
            now = now_ns()
            if now >= io.next_beat:
                beat(io, now)
                continue
            timeout = <int>((io.next_beat - now) // 1000000) + 1
        if not io.hot.empty():
            naps += 1
            nap.tv_sec = 0
            nap.tv_nsec = NAP_NS if naps < LASTING else LONG_NAP_NS
            # each of them costs a system call per round: let the round grow with their number, up to a millisecond
            nap.tv_nsec += min(<long>io.hot.size() * HOT_NS, <long>MAX_EXTRA_NS)
            nanosleep(&nap, NULL)
            flush_hot(io)
            n = epoll_wait(io.epfd, evs, MAX_EVENTS, 0)
        else:
            naps = 0
            # Dekker with io_wake: say "asleep", then look once more at what others may have left
            io.sleeping.store(1, memory_order_seq_cst)
            if something_left(io):
                timeout = 0
            n = epoll_wait(io.epfd, evs, MAX_EVENTS, timeout)
            io.sleeping.store(0, memory_order_seq_cst)
        for i in range(n):
            if evs[i].data.ptr == NULL:
                drain_fd(io.wakefd)
            elif evs[i].data.ptr == io:
                drain_fd(io.timerfd)
                expire_leases(io)
            elif evs[i].data.u64 & 1:
                out_event(io, <Conn*>(evs[i].data.u64 & ~<uint64_t>1))
            else:
                group_read(<Group*>evs[i].data.ptr)


cdef bint something_left(IoThread* io) noexcept nogil:
    cdef bint left
    pthread_mutex_lock(&io.lock)
    left = io.dirty != NULL or not io.dead_groups.empty() or io.stopping.load(memory_order_relaxed)
    pthread_mutex_unlock(&io.lock)
    return left


cdef void take_dirty(IoThread* io) noexcept nogil:
    cdef Conn* c
    cdef Conn* n
    cdef int bits
    pthread_mutex_lock(&io.lock)
    c = io.dirty
    io.dirty = NULL
    pthread_mutex_unlock(&io.lock)
    while c != NULL:
        pthread_mutex_lock(&io.lock)
        n = c.dirty_next
        bits = c.dirty
        c.dirty = 0
        pthread_mutex_unlock(&io.lock)
        see_to(io, c, bits)
        io.grave.push_back(c)              # drops the dirty list's reference at the end of the round
        c = n


cdef void see_to(IoThread* io, Conn* c, int bits) noexcept nogil:
    if not c.listed:
        c.listed = 1
        c.refs.fetch_add(1)
        io.conns.push_back(c)
        if c.hb_ivl > 0:
            c.next_ping = now_ns() + <int64_t>c.hb_ivl * 1000000
            watch_beat(io, c, c.next_ping)
    if c.cut.load(memory_order_seq_cst):
        conn_fail(c, 0)
    if c.failed.load(memory_order_seq_cst):
        end_conn(io, c)
        return
    if c.ttl_until.load(memory_order_relaxed) and not c.beats:
        watch_beat(io, c, now_ns() + c.ttl_until.load(memory_order_relaxed))
    if bits & DIRTY_OWN:
        if conn_write(c, False) != WOULD_BLOCK and not c.hot:
            heat(io, c)
    else:
        conn_write(c, False)


cdef void heat(IoThread* io, Conn* c) noexcept nogil:
    c.hot = 1
    c.quiet = 0
    io.hot.push_back(c)


cdef void out_event(IoThread* io, Conn* c) noexcept nogil:
    if c.failed.load(memory_order_relaxed):
        return
    if conn_out_event(c) != WOULD_BLOCK and not c.hot:
        heat(io, c)


cdef void flush_hot(IoThread* io) noexcept nogil:
    """After a nap: write what the streaming connections gathered; let the quiet ones go."""
    cdef size_t i = 0
    cdef Conn* c
    cdef int rc
    cdef uint64_t before
    while i < io.hot.size():
        c = io.hot[0][i]
        before = c.outq.produced.load(memory_order_relaxed)
        if before == c.flushed:
            c.quiet += 1
        else:
            c.quiet = 0
        c.flushed = before
        rc = conn_write(c, c.quiet >= QUIET_NAPS)
        if rc < 0 or (rc == 0 and c.quiet >= QUIET_NAPS):
            c.hot = 0                       # EPOLLOUT, the teardown, or the next sender goes on from here
            io.hot[0][i] = io.hot.back()
            io.hot.pop_back()
        else:
            i += 1


cdef void end_conn(IoThread* io, Conn* c) noexcept nogil:
    if not c.listed or c.ended:
        return
    c.ended = 1
    if c.hot:
        take_out(io.hot, c)
        c.hot = 0
    if c.beats:
        io.beats -= 1
    take_out(io.conns, c)
    conn_teardown(c)
    io.grave.push_back(c)


cdef void bury(IoThread* io) noexcept nogil:
    """Between rounds no event in flight names these any more."""
    cdef size_t i
    for i in range(io.grave.size()):
        conn_unref(io.grave[0][i])
    io.grave.clear()


# ---------------------------------------------------------------- heartbeats (RFC 37, section on PING)

cdef void watch_beat(IoThread* io, Conn* c, int64_t when) noexcept nogil:
    c.beats = 1
    io.beats += 1
    if io.beats == 1 or when < io.next_beat:
        io.next_beat = when


cdef void beat(IoThread* io, int64_t now) noexcept nogil:
    """Send PINGs that are due, give up on peers that are silent, compute when to look next."""
    cdef size_t i = 0
    cdef Conn* c
    cdef int64_t heard, ttl, due
    io.next_beat = now + <int64_t>3600 * 1000000000
    while i < io.conns.size():
        c = io.conns[0][i]
        if not c.beats:
            i += 1
            continue
        heard = c.last_in.load(memory_order_relaxed)
        if c.paused.load(memory_order_relaxed):
            heard = now                     # it is us who do not read
        ttl = c.ttl_until.load(memory_order_relaxed)
        if ttl:
            if now - heard >= ttl:
                conn_fail(c, ETIMEDOUT)
            io.next_beat = min(io.next_beat, heard + ttl)
        if c.hb_ivl > 0:
            if c.ping_sent and heard >= c.ping_sent:
                c.ping_sent = 0
            if c.ping_sent and c.hb_timeout > 0:
                due = c.ping_sent + <int64_t>c.hb_timeout * 1000000
                if now >= due:
                    conn_fail(c, ETIMEDOUT)
                io.next_beat = min(io.next_beat, due)
            if now >= c.next_ping:
                conn_queue_ping(c)
                conn_write(c, False)
                if not c.ping_sent:
                    c.ping_sent = now
                    if c.hb_timeout > 0:
                        io.next_beat = min(io.next_beat, now + <int64_t>c.hb_timeout * 1000000)
                c.next_ping = now + <int64_t>c.hb_ivl * 1000000
            io.next_beat = min(io.next_beat, c.next_ping)
        i += 1
    if io.next_beat <= now:
        io.next_beat = now + 1000000
