# A context's engine, and what every handle of a socket has. The data calls are in handles.pyx, which has the rules of this border; what
# the control plane calls is in handles_control.pyx, handles_kinds.pyx and handles_watch.pyx.
cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.errno cimport ENOTSOCK, errno
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libcpp.atomic cimport memory_order_relaxed, memory_order_seq_cst
from libcpp.vector cimport vector

from peromq._core.handles_frame cimport drain_releases, make_error
from peromq._core.iothread cimport io_free, io_start, io_stop
from peromq._core.notify cimport sock_unref, wake_sock
from peromq._core.patterns cimport ENOTSUP, can_recv, can_send
from peromq._core.router cimport router_room
from peromq._core.sock cimport sock_flush, sock_new, sock_process
from peromq._core.sysio cimport (EFD_CLOEXEC, EFD_NONBLOCK, drain_fd, eventfd, pthread_mutex_destroy,
                                 pthread_mutex_init, pthread_mutex_lock, pthread_mutex_unlock, sys_close)
from peromq._core.trie cimport topics_count, trie_count
from peromq._core.types cimport OK, S_CLOSED, T_ROUTER, WOULD_BLOCK, IoThread
from peromq._core.types cimport Engine as CEngine
from peromq._core.wait cimport read_leased


import os

ctypedef Sock* SockPtr

EV_DISCONNECTED = 1
EV_FLUSHED = 2
EV_NEWS = 3


# ---------------------------------------------------------------- engine
cdef class Engine:
    """The I/O threads of one context. Thread-safe."""

    def __cinit__(self, int io_threads, bytes thread_name=b"peromq/io"):
        cdef int i
        cdef const char* name = thread_name
        cdef CEngine* e = <CEngine*>calloc(1, sizeof(CEngine))
        if e == NULL:
            raise MemoryError
        self.e = e
        self.pid = getpid()
        pthread_mutex_init(&e.lock, NULL)
        e.events = new vector[int64_t]()
        e.efds = new vector[int]()
        e.socks = new vector[SockPtr]()
        e.n_cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        e.event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
        self.event_fd = e.event_fd
        e.releases.wake_fd.store(e.event_fd, memory_order_seq_cst)
        if e.event_fd < 0:
            raise make_error(errno)
        e.io = <IoThread*>calloc(max(io_threads, 1), sizeof(IoThread))
        for i in range(io_threads):
            self.made = i + 1
            number = io_start(&e.io[i], e, i, name)
            if number:
                e.n_io = i + 1
                self.stop()
                raise make_error(number)
            e.n_io = i + 1

    def poll_events(self):
        """(kind, token, value) of each event for the control plane since the last call; never blocks."""
        cdef CEngine* e = self.e
        cdef size_t i = 0
        cdef vector[int64_t] events
        if e == NULL:
            return []
        pthread_mutex_lock(&e.lock)
        if e.event_fd >= 0:
            drain_fd(e.event_fd)
        events.swap(e.events[0])
        pthread_mutex_unlock(&e.lock)
        drain_releases(&e.releases)
        found = []
        while i < events.size():
            found.append((events[i], events[i + 1], events[i + 2]))
            i += 3
        return found

    def shutdown(self):
        """Every blocked and every later call on the sockets raises ContextTerminated; only close is left."""
        cdef CEngine* e = self.e
        cdef size_t i
        if e == NULL or inherited(self):
            return
        e.terminated.store(1, memory_order_seq_cst)
        pthread_mutex_lock(&e.lock)
        for i in range(e.socks.size()):
            wake_sock(e.socks[0][i])
        pthread_mutex_unlock(&e.lock)

    def stop(self):
        """Join the I/O threads and close their descriptors. Idempotent. All sockets must have been closed."""
        cdef CEngine* e = self.e
        cdef int i
        cdef int n
        cdef size_t k
        if e == NULL or inherited(self) or e.n_io < 0:
            return
        n = e.n_io
        e.n_io = -1
        with nogil:
            for i in range(n):
                io_stop(&e.io[i])
        drain_releases(&e.releases)
        # a caller that was blocked until now may be on its way out of wait.pyx
        pthread_mutex_lock(&e.lock)
        for k in range(e.efds.size()):
            sys_close(e.efds[0][k])
        e.efds.clear()
        e.releases.wake_fd.store(-1, memory_order_seq_cst)
        sys_close(e.event_fd)
        e.event_fd = -1
        pthread_mutex_unlock(&e.lock)

    def after_fork(self):
        """In a forked child: nothing of the parent's may be touched; its descriptors are closed, its memory is left."""
        cdef CEngine* e = self.e
        cdef size_t i, k
        cdef Sock* s
        cdef int n
        if self.forked:
            return
        self.forked = True
        for i in range(e.socks.size()):
            s = e.socks[0][i]
            s.state.store(S_CLOSED, memory_order_seq_cst)
            for k in range(s.pipes.size()):
                if s.pipes[0][k].conn != NULL and s.pipes[0][k].conn.fd >= 0:
                    sys_close(s.pipes[0][k].conn.fd)
            for k in range(s.groups.size()):
                sys_close(s.groups[0][k].epfd)
            if s.notify_fd >= 0:
                sys_close(s.notify_fd)
        for n in range(e.n_io):
            sys_close(e.io[n].epfd)
            sys_close(e.io[n].wakefd)
            sys_close(e.io[n].timerfd)
        for k in range(e.efds.size()):
            sys_close(e.efds[0][k])
        if e.n_io >= 0:
            sys_close(e.event_fd)

    def __dealloc__(self):
        cdef CEngine* e = self.e
        cdef int i
        if e == NULL or inherited(self):
            return
        if e.n_io >= 0:
            self.stop()
        drain_releases(&e.releases)
        for i in range(self.made):
            io_free(&e.io[i])
        pthread_mutex_destroy(&e.lock)
        del e.events
        del e.efds
        del e.socks
        free(e.io)
        free(e)


# ---------------------------------------------------------------- socket

@cython.no_gc_clear          # __dealloc__ needs the engine
cdef class CoreHandle:
    """One handle of a socket: its life, and what can be asked of it. Every method may be called from any thread."""

    def __init__(self, Engine engine, int socket_type, CoreHandle shadow=None):
        cdef CEngine* e
        if self.s != NULL:
            return
        self.copy_threshold = 65536
        if shadow is not None:
            if shadow.s == NULL:
                raise make_error(ENOTSOCK)
            self.engine = shadow.engine
            self.s = shadow.s
            self.s.refs.fetch_add(1)
            return
        self.engine = engine
        e = engine.e
        self.s = sock_new(e, socket_type)
        if self.s == NULL:
            raise MemoryError
        pthread_mutex_lock(&e.lock)
        e.socks.push_back(self.s)
        pthread_mutex_unlock(&e.lock)

    def __dealloc__(self):
        if self.s == NULL or inherited(self.engine):
            return
        pthread_mutex_lock(&self.s.lock)
        sock_process(self.s)
        pthread_mutex_unlock(&self.s.lock)
        sock_unref(self.s)
        drain_releases(&self.engine.e.releases)

    @property
    def closed(self):
        """Was the socket closed, by this or another of its handles? Thread-safe."""
        return self.s == NULL or (self.s.state.load(memory_order_relaxed) & S_CLOSED) != 0

    # ------------------------------------------------ state

    def events(self):
        """POLLIN | POLLOUT as now. ETERM, ENOTSOCK."""
        return poll_now(self, 3)

    def rcvmore(self):
        enter(self)
        cdef bint more = self.s.rcvmore
        leave(self)
        return more

    def topics_count(self):
        """How many distinct topics are subscribed (TOPICS_COUNT); DISH: groups joined."""
        cdef size_t n = 0
        enter(self)
        sock_process(self.s)
        if self.s.topics != NULL:
            n = topics_count(self.s.topics)
        elif self.s.trie != NULL:
            n = trie_count(self.s.trie)
        elif self.s.groups_joined != NULL:
            n = self.s.groups_joined.size()
        leave(self)
        return n

    def datagram_counts(self):
        """Datagrams received, received and dropped as malformed or too long, sent, and lost on sending."""
        cdef uint64_t taken, bad, sent, lost
        enter(self)
        taken = self.s.udp_in.load(memory_order_relaxed)
        bad = self.s.udp_bad.load(memory_order_relaxed)
        sent = self.s.udp_out.load(memory_order_relaxed)
        lost = self.s.udp_lost.load(memory_order_relaxed)
        leave(self)
        return taken, bad, sent, lost

    def peer_state(self, bytes routing_id not None):
        """ROUTER: POLLOUT if there is room for a message to the peer of this routing id, else 0 (zmq_socket_get_peer_state).

        ZMQError: EHOSTUNREACH if there is none, ENOTSUP on other sockets.
        """
        cdef int rc = ENOTSUP
        enter(self)
        sock_process(self.s)
        if self.s.type == T_ROUTER:
            rc = router_room(self.s, PyBytes_AS_STRING(routing_id), PyBytes_GET_SIZE(routing_id))
        leave(self)
        if rc == OK:
            return 2
        if rc == WOULD_BLOCK:
            return 0
        raise make_error(rc)


cdef int poll_now(CoreHandle self, int wanted) except -1:
    cdef Sock* s = self.s
    cdef int found = 0
    cdef int looks = 0
    cdef uint64_t seen
    while True:
        seen = wakes_of(self)
        enter(self)
        sock_flush(s)
        note_events(s)
        if wanted & 1:
            if can_recv(s) or (read_leased(s) and can_recv(s)):
                found |= 1
        if wanted & 2 and can_send(s):
            found |= 2
        leave(self)
        looks += 1
        if found or looks == LOOKS or not moved_on(s, seen):
            return found
