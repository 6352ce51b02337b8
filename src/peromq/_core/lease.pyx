# Who reads a socket's connections: the I/O thread, or a caller who waits for what they bring.
#
# One epoll per socket and I/O thread, a group, is nested in the thread's own. To lease it, a caller stops the thread from hearing of
# it, by one system call, and reads the connections itself; a timer gives it back when the caller does not come again.
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libcpp.atomic cimport memory_order_relaxed
from libcpp.vector cimport vector

from peromq._core.notify cimport io_wake
from peromq._core.sysio cimport (EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLLIN, epoll_create1, epoll_ctl, epoll_event,
                                 itimerspec, now_ns, pthread_mutex_destroy, pthread_mutex_init, pthread_mutex_lock,
                                 pthread_mutex_unlock, sys_close, timerfd_settime)
from peromq._core.types cimport Conn
from peromq._core.vectors cimport take_out

cdef enum:
    LEASE_NS = 1000000
    BULK_LEASE_NS = 5000000      # large messages: a caller needs longer for each, and two readers would copy them twice


cdef Group* group_for(Sock* s, IoThread* io) noexcept nogil:
    """The socket's group on that thread, made at first use. Under the socket's lock. NULL: out of descriptors."""
    cdef size_t i
    cdef Group* g
    cdef epoll_event ev
    for i in range(s.groups.size()):
        if s.groups[0][i].io == io:
            return s.groups[0][i]
    g = <Group*>calloc(1, sizeof(Group))
    if g == NULL:
        return NULL
    g.epfd = epoll_create1(EPOLL_CLOEXEC)
    if g.epfd < 0:
        free(g)
        return NULL
    pthread_mutex_init(&g.lock, NULL)
    g.sock = s
    g.io = io
    g.conns = new vector[Conn*]()
    ev.events = EPOLLIN
    ev.data.ptr = g
    epoll_ctl(io.epfd, EPOLL_CTL_ADD, g.epfd, &ev)
    s.groups.push_back(g)
    return g


cdef void group_free(Group* g) noexcept nogil:
    sys_close(g.epfd)
    pthread_mutex_destroy(&g.lock)
    del g.conns
    free(g.wire_in.load(memory_order_relaxed))
    free(g.wire_out.load(memory_order_relaxed))
    free(g)


cdef void group_drop(Group* g) noexcept nogil:
    """The socket is done with it. The I/O thread may hold the group's pointer in its round of events, so it frees it, while it runs."""
    cdef IoThread* io = g.io
    pthread_mutex_lock(&io.lock)
    g.dead = 1
    if io.stopped and not g.waiting:
        group_free(g)
    else:
        io.dead_groups.push_back(g)
    pthread_mutex_unlock(&io.lock)
    io_wake(io)


cdef void free_groups(IoThread* io) noexcept nogil:
    """Free the dead groups that no caller is blocked on; lease_return sees to the others."""
    cdef size_t i = 0
    cdef Group* g
    pthread_mutex_lock(&io.lock)
    while i < io.dead_groups.size():
        g = io.dead_groups[0][i]
        if g.waiting:
            i += 1
            continue
        if g.leased:
            take_out(g.io.leases, g)
        group_free(g)
        io.dead_groups[0][i] = io.dead_groups.back()
        io.dead_groups.pop_back()
    pthread_mutex_unlock(&io.lock)


cdef void listen(Group* g, bint on) noexcept nogil:
    """Have the I/O thread hear of the group's input, or not."""
    cdef epoll_event ev
    ev.events = EPOLLIN if on else 0
    ev.data.ptr = g
    epoll_ctl(g.io.epfd, EPOLL_CTL_MOD, g.epfd, &ev)


cdef bint lease_take(Group* g) noexcept nogil:
    """A caller is about to wait: from now on it reads the group's connections itself. False if another caller does.

    Under the socket's lock, which keeps the group; from here to lease_return the lease does.
    """
    cdef bint got = False
    pthread_mutex_lock(&g.io.lock)
    if not g.waiting:
        got = True
        g.waiting = 1
        lend(g)
    pthread_mutex_unlock(&g.io.lock)
    return got


cdef void lend(Group* g) noexcept nogil:
    """Under the I/O thread's lock."""
    if not g.leased:
        g.leased = 1
        g.io.leases.push_back(g)
        listen(g, False)


cdef void lease_borrow(Group* g) noexcept nogil:
    """A caller watches the connections besides other things he does, which may keep him: the timer does not wait for him.

    Under the socket's lock.
    """
    pthread_mutex_lock(&g.io.lock)
    lend(g)
    extend_lease(g)
    pthread_mutex_unlock(&g.io.lock)


cdef void extend_lease(Group* g) noexcept nogil:
    """Under the I/O thread's lock."""
    cdef int64_t term = BULK_LEASE_NS if g.bulk.exchange(0, memory_order_relaxed) else LEASE_NS
    g.lease_until = now_ns() + term
    if not g.io.timer_armed and not g.io.stopped:
        arm_timer(g.io, term)


cdef void lease_return(Group* g) noexcept nogil:
    """The caller has what it wanted. It keeps the lease for a moment; a timer hands the group back unless it comes again."""
    cdef IoThread* io = g.io
    cdef bint dead, stopped
    pthread_mutex_lock(&io.lock)
    g.waiting = 0
    dead = g.dead
    stopped = io.stopped
    extend_lease(g)
    pthread_mutex_unlock(&io.lock)
    if dead:
        if stopped:
            free_groups(io)
        else:
            io_wake(io)


cdef bint lease_held(Group* g) noexcept nogil:
    """Lent, and nobody is blocked on it: whoever asks for input has to look for himself."""
    cdef bint held
    pthread_mutex_lock(&g.io.lock)
    held = g.leased and not g.waiting
    pthread_mutex_unlock(&g.io.lock)
    return held


cdef void lease_drop(Group* g) noexcept nogil:
    """Hand the group back at once: the caller will wait for the I/O thread's word."""
    cdef IoThread* io = g.io
    pthread_mutex_lock(&io.lock)
    if g.leased and not g.waiting:
        g.leased = 0
        take_out(g.io.leases, g)
        listen(g, True)
    pthread_mutex_unlock(&io.lock)


cdef void arm_timer(IoThread* io, int64_t ns) noexcept nogil:
    cdef itimerspec t
    t.it_interval.tv_sec = 0
    t.it_interval.tv_nsec = 0
    t.it_value.tv_sec = ns // 1000000000
    t.it_value.tv_nsec = max(<int64_t>1, ns % 1000000000)
    io.timer_armed = 1
    timerfd_settime(io.timerfd, 0, &t, NULL)


cdef void expire_leases(IoThread* io) noexcept nogil:
    cdef size_t i = 0
    cdef Group* g
    cdef int64_t now = now_ns()
    cdef int64_t rest = 0
    pthread_mutex_lock(&io.lock)
    io.timer_armed = 0
    while i < io.leases.size():
        g = io.leases[0][i]
        if not g.waiting and now >= g.lease_until:
            g.leased = 0
            listen(g, True)
            io.leases[0][i] = io.leases.back()
            io.leases.pop_back()
            continue
        if not g.waiting:
            rest = max(rest, g.lease_until - now)
        i += 1
    if rest:
        arm_timer(io, rest)
    pthread_mutex_unlock(&io.lock)
