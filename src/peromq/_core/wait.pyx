# How a caller blocks. Two ways:
#   wait_readable  for one socket's input: the caller borrows the socket's connections and watches them itself, first spinning (while
#                  its recent waits were short and there is more than one CPU), then in one poll.
#   wait_any       for anything else: the I/O threads and other senders wake it.
# Both return 0 (look again), EAGAIN (deadline), EINTR (a signal came), or the errno that kept them from waiting.
from libc.errno cimport EAGAIN, errno
from libc.stdlib cimport free, malloc
from libcpp.atomic cimport memory_order_relaxed, memory_order_seq_cst

from peromq._core.lease cimport lease_drop, lease_held, lease_return, lease_take
from peromq._core.notify cimport conn_unref
from peromq._core.reader cimport STREAMING, conn_read, group_read
from peromq._core.sysio cimport (EFD_CLOEXEC, EFD_NONBLOCK, POLLIN, cpu_pause, drain_fd, eventfd, now_ns, ppoll,
                                 pthread_mutex_lock, pthread_mutex_unlock, sigset_t, sys_close, timespec)
from peromq._core.types cimport Conn, Engine, Group, Waiter, WaitLink

cdef enum:
    SHORT_NS = 400000            # waits up to this long suggest that spinning may pay
    MAX_SKIP = 64
    KEEP_EFDS = 16


cdef int take_efd(Engine* e) noexcept nogil:
    cdef int fd = -1
    pthread_mutex_lock(&e.lock)
    if not e.efds.empty():
        fd = e.efds.back()
        e.efds.pop_back()
    pthread_mutex_unlock(&e.lock)
    if fd < 0:
        fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
    return fd


cdef void give_efd(Engine* e, int fd) noexcept nogil:
    drain_fd(fd)
    pthread_mutex_lock(&e.lock)
    if e.efds.size() < KEEP_EFDS and e.event_fd >= 0:
        e.efds.push_back(fd)
        fd = -1
    pthread_mutex_unlock(&e.lock)
    if fd >= 0:
        sys_close(fd)


cdef bint enlist(Sock* s, WaitLink* w, uint64_t seen) noexcept nogil:
    """Be told of what happens to s from now on. False if something happened since `seen`."""
    cdef bint quiet
    pthread_mutex_lock(&s.ev_lock)
    quiet = s.wakes.load(memory_order_seq_cst) == seen
    if quiet:
        w.next = s.waiters
        s.waiters = w
    pthread_mutex_unlock(&s.ev_lock)
    return quiet


cdef void delist(Sock* s, WaitLink* w) noexcept nogil:
    cdef WaitLink** at = &s.waiters
    pthread_mutex_lock(&s.ev_lock)
    while at[0] != w:
        at = &at[0].next
    at[0] = w.next
    pthread_mutex_unlock(&s.ev_lock)


cdef int sleep_on(pollfd* fds, int n, int64_t deadline, sigset_t* blocked) noexcept nogil:
    """poll until the deadline (ns, < 0: none). blocked: the signal mask meanwhile; NULL: as it is."""
    cdef timespec t
    cdef int64_t left
    cdef int rc
    if deadline >= 0:
        left = max(<int64_t>0, deadline - now_ns())
        t.tv_sec = left // 1000000000
        t.tv_nsec = left % 1000000000
    rc = ppoll(fds, n, &t if deadline >= 0 else NULL, blocked)
    if rc > 0:
        return 0
    if rc == 0:
        return EAGAIN
    return errno


cdef bint may_spin(Sock* s, int spin_us) noexcept nogil:
    cdef int skip
    if spin_us <= 0 or s.engine.n_cpus < 2 or not s.short_wait.load(memory_order_relaxed):
        return False
    skip = s.spin_skip.load(memory_order_relaxed)
    if skip > 0:
        s.spin_skip.store(skip - 1, memory_order_relaxed)
        return False
    return True


cdef int spin(Sock* s, Group* g, uint64_t seen, int64_t until) noexcept nogil:
    """Non-blocking reads until something comes or time is up. 1: something came."""
    cdef Conn* only = NULL
    cdef int got = 0
    cdef int rc
    pthread_mutex_lock(&g.lock)
    if g.conns.size() == 1:
        only = g.conns[0][0]
        only.refs.fetch_add(1)
    pthread_mutex_unlock(&g.lock)
    while True:
        rc = conn_read(only) if only != NULL else group_read(g)
        if rc == 1 or s.wakes.load(memory_order_seq_cst) != seen:
            got = 1
            break
        if rc < 0 or rc == STREAMING or now_ns() >= until:
            break
        for _ in range(8):
            cpu_pause()
    if only != NULL:
        conn_unref(only)
    return got


cdef int wait_readable(Sock* s, uint64_t seen, int64_t deadline) noexcept nogil:
    cdef Group* g
    cdef Waiter w
    cdef WaitLink link
    cdef pollfd fds[2]
    cdef int64_t start, until, took
    cdef int rc = 0
    cdef int fails, spin_us
    cdef size_t groups
    pthread_mutex_lock(&s.lock)
    spin_us = s.spin_us
    groups = s.groups.size()
    g = s.groups[0][0] if groups == 1 and s.notify_fd < 0 else NULL
    if g != NULL and not lease_take(g):
        g = NULL
    pthread_mutex_unlock(&s.lock)
    if g == NULL:
        return wait_any(&s, &seen, 1, NULL, 0, deadline, NULL)
    start = now_ns()
    if may_spin(s, spin_us):
        until = start + <int64_t>spin_us * 1000
        if deadline >= 0:
            until = min(until, deadline)
        if spin(s, g, seen, until):
            s.spin_fails.store(0, memory_order_relaxed)
        else:
            # A signal may have come meanwhile, which the poll would sleep through: the caller looks, and comes again without a spin.
            fails = min(s.spin_fails.load(memory_order_relaxed) + 1, 6)
            s.spin_fails.store(fails, memory_order_relaxed)
            s.spin_skip.store(min(1 << fails, <int>MAX_SKIP), memory_order_relaxed)
        lease_return(g)
        return 0
    w.efd = take_efd(s.engine)
    if w.efd < 0:
        lease_return(g)
        return errno
    link.waiter = &w
    link.reads = 1
    if enlist(s, &link, seen):
        fds[0].fd = g.epfd
        fds[1].fd = w.efd
        fds[0].events = fds[1].events = POLLIN
        fds[0].revents = 0
        rc = sleep_on(fds, 2, deadline, NULL)
        delist(s, &link)
        if rc == 0 and fds[0].revents:
            group_read(g)
    give_efd(s.engine, w.efd)
    lease_return(g)
    took = now_ns() - start
    s.short_wait.store(took < SHORT_NS, memory_order_relaxed)
    return rc


cdef int wait_any(Sock** socks, const uint64_t* seen, int n, pollfd* fds, int n_fds, int64_t deadline, sigset_t* blocked) noexcept nogil:
    """Until something happens to one of the sockets or descriptors. fds has room for one more in front of its n_fds."""
    cdef WaitLink* links
    cdef WaitLink few[MAX_WAIT_SOCKS]
    cdef pollfd one[1]
    cdef Waiter w
    cdef Engine* e = NULL
    cdef int enlisted = 0
    cdef int rc = 0
    cdef int i
    if n > MAX_WAIT_SOCKS:
        links = <WaitLink*>malloc(n * sizeof(WaitLink))
        if links == NULL:
            return 12                               # ENOMEM
    else:
        links = few
    if fds == NULL:
        fds = one
    w.efd = -1
    if n:
        e = socks[0].engine
        w.efd = take_efd(e)
        if w.efd < 0:
            rc = errno
            if links != few:
                free(links)
            return rc
    fds[0].fd = w.efd
    fds[0].events = POLLIN
    while enlisted < n:
        links[enlisted].waiter = &w
        links[enlisted].reads = 0
        if not enlist(socks[enlisted], &links[enlisted], seen[enlisted]):
            break
        enlisted += 1
    if enlisted == n:
        # whoever waits here relies on the I/O threads: give back what this or another caller borrowed before
        for i in range(n):
            pthread_mutex_lock(&socks[i].lock)
            drop_leases(socks[i])
            pthread_mutex_unlock(&socks[i].lock)
        rc = sleep_on(fds, n_fds + 1, deadline, blocked)
    for i in range(enlisted):
        delist(socks[i], &links[i])
    if n:
        give_efd(e, w.efd)
    if links != few:
        free(links)
    return rc


cdef void drop_leases(Sock* s) noexcept nogil:
    """Give back what callers borrowed, under the socket's lock: from now on the I/O threads read."""
    cdef size_t k
    for k in range(s.groups.size()):
        if lease_held(s.groups[0][k]):
            lease_drop(s.groups[0][k])


cdef bint read_leased(Sock* s) noexcept nogil:
    """A caller who does not block asks for input, but the I/O thread does not watch these connections now: look ourselves."""
    cdef size_t k
    cdef bint got = False
    for k in range(s.groups.size()):
        if lease_held(s.groups[0][k]) and group_read(s.groups[0][k]):
            got = True
    return got
