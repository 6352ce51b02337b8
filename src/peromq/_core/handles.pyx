# The border between Python and the data plane: the only file (with handles_frame) that knows both. Calls that can be done at once run
# with the GIL held, under the socket's lock, for tens of nanoseconds; only what blocks gives the GIL up. Nothing that could run Python
# code happens under a lock.
cimport cython
from cpython.buffer cimport PyBUF_CONTIG, PyBUF_CONTIG_RO, PyBuffer_Release, PyObject_CheckBuffer, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.ref cimport Py_INCREF, PyObject
from libc.errno cimport EADDRINUSE, EAGAIN, EINTR, EINVAL, ENOMEM, ENOTSOCK, errno
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy
from libcpp.atomic cimport memory_order_relaxed, memory_order_seq_cst
from libcpp.string cimport string
from libcpp.vector cimport vector

from peromq._core.fast cimport recv_fast, recv_fast_done, send_fast
from peromq._core.flow cimport BIG, F_MORE, PIN_TRACKED, Chunk, Flow, FrameRef, body_new, body_offer, chunk_unref, pin_new
from peromq._core.handles_frame cimport Frame as CFrame
from peromq._core.handles_frame cimport drain_releases, finished_tracker, frame_received, make_error
from peromq._core.inproc cimport pair_adopt, pair_named, pair_new, pair_orphan
from peromq._core.iothread cimport io_free, io_start, io_stop, lease_drop
from peromq._core.notify cimport engine_post, io_mark_dirty, pipe_unref, post_event, sock_unref, wake_sock
from peromq._core.patterns cimport can_recv, can_send, pattern_left, recv_done, recv_peek, send_frame
from peromq._core.proxy cimport proxy_run
from peromq._core.pubsub cimport sub_subscribe, xpub_manual
from peromq._core.router cimport router_knows, router_name
from peromq._core.routing cimport OUT, array_remove
from peromq._core.sock cimport (pipe_abort, pipe_close, pipe_new_wire, pipe_pending, sock_add_pipe, sock_attach, sock_close,
                                sock_drop_pipe, sock_find, sock_flush, sock_has_peer, sock_new, sock_process, sock_state)
from peromq._core.sysio cimport (EFD_CLOEXEC, EFD_NONBLOCK, POLLERR, POLLIN, POLLOUT, POLLPRI, drain_fd, eventfd, now_ns,
                                 pollfd, pthread_mutex_destroy, pthread_mutex_init, pthread_mutex_lock,
                                 pthread_mutex_unlock, sys_close)
from peromq._core.trie cimport topics_count, trie_count
from peromq._core.types cimport (DIRTY_LOOK, OK, S_CLOSED, S_TERM, EV_WRITE, T_PAIR, T_PUB, T_ROUTER, T_SUB, T_XPUB, WOULD_BLOCK, IoThread,
                                 Pipe)
from peromq._core.types cimport Engine as CEngine
from peromq._core.wait cimport read_leased, wait_any, wait_readable

import os

from peromq._core.handles_frame import Frame, install

ctypedef Sock* SockPtr

cdef extern from *:
    """
    static const long long PEROMQ_INPROC = 1ll << 48;
    """
    const int64_t FIRST_INPROC_TOKEN "PEROMQ_INPROC"     # tokens of inproc pipes start here; the control plane knows none of them

EV_DISCONNECTED = 1
EV_FLUSHED = 2

cdef enum:
    DONTWAIT = 1
    SNDMORE = 2
    ETERM = 156384765
    EMTHREAD = 156384766
    COPY_UNLOCKED = 65536        # larger messages are copied after the lock is given back


# ---------------------------------------------------------------- engine

cdef class Engine:
    """The I/O threads of one context. Thread-safe."""

    def __cinit__(self, int io_threads):
        cdef int i
        cdef CEngine* e = <CEngine*>calloc(1, sizeof(CEngine))
        if e == NULL:
            raise MemoryError
        self.e = e
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
            if io_start(&e.io[i], e, i) < 0:
                number = errno
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
        if e == NULL or self.forked:
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
        if e == NULL or self.forked or e.n_io < 0:
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
        if e == NULL or self.forked:
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


@cython.no_gc_clear
cdef class FarEnd:
    """The end of an inproc pipe whose socket has not been bound yet."""
    cdef Pipe* p
    cdef Engine engine

    def __dealloc__(self):
        if self.p != NULL and not self.engine.forked:
            pair_orphan(self.p)


# ---------------------------------------------------------------- helpers of the data calls

cdef inline int enter(SocketCore self) except? -1:
    """Take the socket's lock, for a call that needs it open."""
    cdef int state
    if self.s == NULL:
        raise make_error(ENOTSOCK)
    state = sock_state(self.s)
    if state:
        raise make_error(ENOTSOCK if state & S_CLOSED else ETERM)
    pthread_mutex_lock(&self.s.lock)
    return 0


cdef inline uint64_t wakes_of(SocketCore self) noexcept:
    """To be read before the socket's state is, or the wake-up that announces a change of it could be missed."""
    return self.s.wakes.load(memory_order_seq_cst) if self.s != NULL else 0


cdef inline void leave(SocketCore self) noexcept:
    pthread_mutex_unlock(&self.s.lock)


cdef inline void settle(SocketCore self):
    """After the lock is given back: drop what queues have let go of."""
    if self.engine.e.releases.top.load(memory_order_relaxed) != NULL:
        drain_releases(&self.engine.e.releases)


cdef int64_t deadline_of(int timeout_ms) noexcept:
    return -1 if timeout_ms < 0 else now_ns() + <int64_t>timeout_ms * 1000000


cdef int block(SocketCore self, bint readable, uint64_t seen, int64_t* deadline, int timeout_ms) except -1:
    """Wait until the socket is worth another look. Raises Again at the deadline, whatever a signal handler raises, ETERM, ENOTSOCK."""
    cdef Sock* s = self.s
    cdef int rc
    if timeout_ms == 0:
        raise make_error(EAGAIN)
    if deadline[0] == -2:
        deadline[0] = deadline_of(timeout_ms)
    with nogil:
        pthread_mutex_lock(&s.lock)
        sock_flush(s)
        pthread_mutex_unlock(&s.lock)
        rc = wait_readable(s, seen, deadline[0]) if readable else wait_any(&s, &seen, 1, NULL, 0, deadline[0])
    if rc == EINTR:
        PyErr_CheckSignals()
        deadline[0] = deadline_of(timeout_ms)        # pyzmq: the timeout starts again after a signal
    elif rc:
        raise make_error(rc)
    return 0


cdef object not_bytes(object data):
    if isinstance(data, str):
        raise TypeError("unicode not allowed, use send_string")
    raise TypeError(f"{data!r} does not support the buffer interface.")


cdef int fetch(SocketCore self, FrameRef* fr, int flags, int64_t* deadline) except -1:
    """Lock the socket with the next frame in sight; waits for it."""
    cdef Sock* s = self.s
    cdef uint64_t seen
    cdef int rc
    while True:
        seen = wakes_of(self)
        enter(self)
        rc = recv_peek(s, fr)
        if rc == OK:
            return 0
        if rc == WOULD_BLOCK and (flags & DONTWAIT or s.rcvtimeo == 0) and read_leased(s):
            rc = recv_peek(s, fr)
            if rc == OK:
                return 0
        leave(self)
        settle(self)
        if rc != WOULD_BLOCK:
            raise make_error(rc)
        block(self, True, seen, deadline, 0 if flags & DONTWAIT else s.rcvtimeo)


cdef bytes take_bytes(SocketCore self, FrameRef* fr):
    """The frame in sight as bytes; gives the lock back."""
    cdef Sock* s = self.s
    cdef Chunk* c
    cdef bytes out
    if fr.size < COPY_UNLOCKED or fr.chunk == NULL:
        try:
            out = PyBytes_FromStringAndSize(<const char*>fr.data, fr.size)
            recv_done(s, fr)
        finally:
            leave(self)
        return out
    c = fr.chunk
    out = whole_object(c, fr)
    if s.in_pipe != NULL and s.in_pipe.link == NULL and s.fq.n == 1:
        offer(s.in_pipe.inq, fr.size)
    c.refs.fetch_add(1)
    recv_done(s, fr)
    leave(self)
    try:
        if out is None:
            out = PyBytes_FromStringAndSize(<const char*>fr.data, fr.size)
    finally:
        chunk_unref(c)
    return out


cdef bytes whole_object(Chunk* c, FrameRef* fr):
    """The bytes object that the frame in sight is, to the octet: a sender's (inproc), or one that was offered to the reader. Or None."""
    cdef PyObject* owner = <PyObject*>(c.pin.owner if c.pin != NULL else c.owner)
    if owner == NULL or not PyBytes_CheckExact(<object>owner):
        return None
    if <const uint8_t*>PyBytes_AS_STRING(<object>owner) != fr.data or <size_t>PyBytes_GET_SIZE(<object>owner) != fr.size:
        return None
    return <bytes><object>owner


cdef int offer(Flow* f, size_t size) except -1:
    """The next message may well be as large as this one: let it be read into its final object."""
    cdef object blank
    if f.spare_body.load(memory_order_relaxed) != NULL:
        return 0
    blank = PyBytes_FromStringAndSize(NULL, size)
    if body_offer(f, <uint8_t*>PyBytes_AS_STRING(blank), size, <void*>blank):
        Py_INCREF(blank)
    return 0


cdef CFrame take_frame(SocketCore self, FrameRef* fr):
    """The frame in sight as a Frame on the queue's memory; gives the lock back."""
    cdef Sock* s = self.s
    cdef Chunk* c = fr.chunk
    cdef Chunk* props = NULL
    cdef const uint8_t* data = fr.data
    cdef bint more = fr.flags & F_MORE
    if c != NULL:
        c.refs.fetch_add(1)
    else:
        c = body_new(fr.size)                # an envelope frame that exists only for the moment
        if c == NULL:
            leave(self)
            raise MemoryError
        memcpy(c.data, fr.data, fr.size)
        data = c.data
    if s.in_pipe != NULL and s.in_pipe.properties != NULL:
        props = s.in_pipe.properties
        props.refs.fetch_add(1)
    recv_done(s, fr)
    leave(self)
    return frame_received(c, data, fr.size, more, props, self.engine)


cdef int push(SocketCore self, const uint8_t* data, size_t n, bint more, Chunk* pin, int flags) except -1:
    """Send one frame; waits for room."""
    cdef Sock* s = self.s
    cdef int64_t deadline = -2
    cdef uint64_t seen
    cdef int rc
    while True:
        seen = wakes_of(self)
        enter(self)
        rc = send_frame(s, data, n, more, pin)
        leave(self)
        if rc == OK:
            return 0
        if rc != WOULD_BLOCK:
            raise make_error(rc)
        block(self, False, seen, &deadline, 0 if flags & DONTWAIT else s.sndtimeo)


cdef Chunk* pin_object(SocketCore self, object owner) except NULL:
    cdef Chunk* pin = pin_new(<void*>owner, &self.engine.e.releases)
    if pin == NULL:
        raise MemoryError
    Py_INCREF(owner)
    return pin


cdef object send_part(SocketCore self, object data, int flags, bint copy, bint track):
    """Send bytes, a Frame, or anything with a buffer as one frame; the tracker, if there is one."""
    cdef Chunk* pin = NULL
    cdef CFrame frame
    cdef Py_buffer view
    cdef bint more = (flags & SNDMORE) != 0
    if type(data) is bytes:
        if copy or (<size_t>PyBytes_GET_SIZE(data) < <size_t>self.copy_threshold and self.copy_threshold):
            # bytes never change: large ones need no copy
            if PyBytes_GET_SIZE(data) >= BIG:
                pin = pin_object(self, data)
            try:
                push(self, <const uint8_t*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), more, pin, flags)
            finally:
                if pin != NULL:
                    chunk_unref(pin)
            settle(self)
            return None if copy else finished_tracker()
    if isinstance(data, CFrame):
        frame = <CFrame>data
        if track and frame._tracker is None:
            raise ValueError("Not a tracked message")
        if frame.guard is not None:
            pin = pin_object(self, frame.guard)
            if frame.guard.event is not None:
                pin.flags = PIN_TRACKED
        elif frame.chunk != NULL:
            pin = frame.chunk
            pin.refs.fetch_add(1)
        try:
            push(self, frame.data, frame.size, more, pin, flags)
        finally:
            if pin != NULL:
                chunk_unref(pin)
        settle(self)
        return frame._tracker
    if isinstance(data, str) or not PyObject_CheckBuffer(data):
        not_bytes(data)
    PyObject_GetBuffer(data, &view, PyBUF_CONTIG_RO)
    if not copy and not (self.copy_threshold and <size_t>view.len < <size_t>self.copy_threshold):
        PyBuffer_Release(&view)
        frame = CFrame(data, track=track, copy=False)
        send_part(self, frame, flags, False, track)
        return frame._tracker
    try:
        push(self, <const uint8_t*>view.buf, view.len, more, NULL, flags)
    finally:
        PyBuffer_Release(&view)
    settle(self)
    return None if copy else finished_tracker()


# ---------------------------------------------------------------- socket

@cython.no_gc_clear          # __dealloc__ needs the engine
cdef class SocketCore:
    """One handle of a socket. Every method may be called from any thread."""

    def __init__(self, Engine engine, int socket_type, SocketCore shadow=None):
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
        if self.s == NULL or self.engine.forked:
            return
        pthread_mutex_lock(&self.s.lock)
        sock_process(self.s)
        pthread_mutex_unlock(&self.s.lock)
        sock_unref(self.s)
        drain_releases(&self.engine.e.releases)

    @property
    def closed(self):
        return self.s == NULL or (self.s.state.load(memory_order_relaxed) & S_CLOSED) != 0

    # ------------------------------------------------ control plane

    def open_pipe(self, int64_t token, bytes routing_id=b""):
        """Connect side: the queue exists before the peer does. CONNECT_ROUTING_ID: so does his name; EADDRINUSE if it is taken."""
        cdef Pipe* p = NULL
        cdef int rc
        enter(self)
        rc = name_is_free(self.s, routing_id)
        if rc == 0:
            p = pipe_new_wire(self.s, token, 0)
            if p == NULL:
                rc = ENOMEM
        if rc == 0:
            if routing_id:
                p.rid = new string(PyBytes_AS_STRING(routing_id), <size_t>PyBytes_GET_SIZE(routing_id))
            sock_add_pipe(self.s, p)
        leave(self)
        if rc != 0:
            raise make_error(rc)

    def retire_pipe(self, int64_t token):
        """Send nothing more there; close_pipe or abort_pipe will follow."""
        cdef Pipe* p
        pthread_mutex_lock(&self.s.lock)
        sock_process(self.s)
        p = sock_find(self.s, token)
        if p != NULL:
            array_remove(&self.s.lb, p, OUT)
            pattern_left(self.s, p)
        pthread_mutex_unlock(&self.s.lock)

    def attach(self, int64_t token, int fd, bytes leftover, *, bytes routing_id, str peer_type, int minor, bint bound,
               dict properties, int thread=-1):
        """A handshake is done. 0 (fd is ours now) or an errno: EAGAIN PAIR has a peer, ENOTSOCK closed."""
        cdef Sock* s = self.s
        cdef Pipe* p
        cdef Chunk* pin
        cdef int rc = 0
        cdef bint fresh = False
        cdef size_t n = PyBytes_GET_SIZE(leftover)
        pthread_mutex_lock(&s.lock)
        sock_process(s)
        p = sock_find(s, token)
        if s.state.load(memory_order_relaxed) & S_CLOSED and p == NULL:
            rc = ENOTSOCK
        elif s.type == T_PAIR and sock_has_peer(s, p):
            rc = EAGAIN
        elif p == NULL:
            p = pipe_new_wire(s, token, bound)
            if p == NULL:
                rc = ENOMEM
            else:
                fresh = True
        if rc == 0:
            p.minor = minor
            if s.type == T_ROUTER:
                router_name(s, p, PyBytes_AS_STRING(routing_id), PyBytes_GET_SIZE(routing_id))
            if fresh:
                sock_add_pipe(s, p)
            pin = pin_new(<void*>properties, &self.engine.e.releases)
            if pin != NULL:
                Py_INCREF(properties)
                if p.properties != NULL:
                    chunk_unref(p.properties)
                p.properties = pin
            rc = sock_attach(s, p, fd, <const uint8_t*>PyBytes_AS_STRING(leftover), n, thread)
        if rc != 0 and fresh:
            if p.listed:
                sock_drop_pipe(s, p)
            else:
                pipe_unref(p)
        pthread_mutex_unlock(&s.lock)
        settle(self)
        return rc

    def detach(self, int64_t token):
        """Cut the connection now; EV_DISCONNECTED follows."""
        cdef Pipe* p
        pthread_mutex_lock(&self.s.lock)
        sock_process(self.s)
        p = sock_find(self.s, token)
        if p != NULL and p.conn != NULL:
            p.conn.cut.store(1, memory_order_seq_cst)
            io_mark_dirty(p.conn, DIRTY_LOOK)
        pthread_mutex_unlock(&self.s.lock)

    def close_pipe(self, int64_t token):
        """No more sends; flush, then drop; EV_FLUSHED follows."""
        cdef Pipe* p
        pthread_mutex_lock(&self.s.lock)
        sock_process(self.s)
        p = sock_find(self.s, token)
        if p != NULL:
            pipe_close(self.s, p)
        pthread_mutex_unlock(&self.s.lock)
        if p == NULL and token < FIRST_INPROC_TOKEN:
            engine_post(self.engine.e, EV_FLUSHED, token, 0)

    def abort_pipe(self, int64_t token):
        """Drop now, queue and all; EV_FLUSHED follows."""
        cdef Pipe* p
        pthread_mutex_lock(&self.s.lock)
        sock_process(self.s)
        p = sock_find(self.s, token)
        if p != NULL:
            pipe_abort(self.s, p)
        pthread_mutex_unlock(&self.s.lock)
        if p == NULL and token < FIRST_INPROC_TOKEN:
            engine_post(self.engine.e, EV_FLUSHED, token, 0)
        settle(self)

    def has_pending(self, int64_t token):
        """Is something still queued towards this peer?"""
        cdef Pipe* p
        cdef bint pending
        pthread_mutex_lock(&self.s.lock)
        p = sock_find(self.s, token)
        pending = p != NULL and pipe_pending(p)
        pthread_mutex_unlock(&self.s.lock)
        return pending

    def close_core(self):
        """No more calls; what was received and not read is dropped. Pipes stay until closed or aborted."""
        if self.s == NULL or self.engine.forked:
            return
        pthread_mutex_lock(&self.s.lock)
        sock_close(self.s)
        pthread_mutex_unlock(&self.s.lock)
        settle(self)

    def after_fork(self):
        """In a forked child: closed, and nothing else touched."""
        if self.s != NULL:
            self.s.state.store(S_CLOSED, memory_order_seq_cst)

    def set_core_option(self, int option, int64_t value):
        """The options the data plane itself needs, by number; checked by the caller."""
        enter(self)
        cdef bint known = set_option(self.s, option, value)
        leave(self)
        if not known:
            raise make_error(EINVAL)

    def set_core_bytes(self, int option, bytes value):
        cdef string text = string(PyBytes_AS_STRING(value), <size_t>PyBytes_GET_SIZE(value))
        enter(self)
        set_bytes(self.s, option, &text)
        leave(self)

    def subscribe_core(self, bytes topic):
        subscribe(self, topic, True)

    def unsubscribe_core(self, bytes topic):
        subscribe(self, topic, False)

    def topics_count(self):
        """How many distinct topics are subscribed (TOPICS_COUNT)."""
        cdef size_t n = 0
        enter(self)
        sock_process(self.s)
        if self.s.topics != NULL:
            n = topics_count(self.s.topics)
        elif self.s.trie != NULL:
            n = trie_count(self.s.trie)
        leave(self)
        return n

    def inproc_connect(self, SocketCore other, int64_t token, bytes routing_id=b""):
        """Pair with `other`, or with whoever adopts the far end that is returned when there is no other yet.

        routing_id: CONNECT_ROUTING_ID. EADDRINUSE if it is taken.
        """
        cdef Pipe* near = NULL
        cdef Pipe* far = NULL
        cdef FarEnd end
        cdef string name = string(PyBytes_AS_STRING(routing_id), <size_t>PyBytes_GET_SIZE(routing_id))
        cdef int rc
        if other is not None and name.empty():
            enter(other)
            name.assign(other.s.my_rid[0])
            leave(other)
        enter(self)
        rc = name_is_free(self.s, routing_id)
        if rc == 0 and pair_new(self.s, other.s if other is not None else NULL, token, &near, &far) < 0:
            rc = ENOMEM
        if rc == 0:
            near.rid = new string(name)
            sock_add_pipe(self.s, near)
        leave(self)
        if rc != 0:
            raise make_error(rc)
        if other is None:
            end = FarEnd()
            end.p = far
            end.engine = self.engine
            return end
        pthread_mutex_lock(&other.s.lock)
        sock_add_pipe(other.s, far)
        pthread_mutex_unlock(&other.s.lock)
        return None

    def inproc_adopt(self, FarEnd far_end, int64_t token):
        """The binder takes a far end made before it existed."""
        cdef Pipe* p = far_end.p
        cdef string name
        if p == NULL:
            return
        enter(self)
        name.assign(self.s.my_rid[0])
        cdef int rc = pair_adopt(p, self.s, token)
        if rc == 0:
            far_end.p = NULL
            p.refs.fetch_add(1)
            sock_add_pipe(self.s, p)
        leave(self)
        if rc != 0:
            raise MemoryError
        pair_named(p, &name)
        pipe_unref(p)

    # ------------------------------------------------ state

    def events(self):
        """POLLIN | POLLOUT as now. ETERM, ENOTSOCK."""
        return poll_now(self, 3)

    def rcvmore(self):
        enter(self)
        cdef bint more = self.s.rcvmore
        leave(self)
        return more

    def notify_fd(self):
        """A descriptor that becomes readable when `events` may have changed (the FD option). Reading `events`, send and recv re-arm it."""
        cdef Sock* s = self.s
        cdef size_t k
        cdef int fd
        enter(self)
        pthread_mutex_lock(&s.ev_lock)
        if s.notify_fd < 0:
            s.notify_fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC)
        fd = s.notify_fd
        pthread_mutex_unlock(&s.ev_lock)
        # from now on the I/O thread must see all input, or the descriptor would stay silent
        for k in range(s.groups.size()):
            lease_drop(s.groups[0][k])
        leave(self)
        if fd < 0:
            raise make_error(errno)
        return fd

    # ------------------------------------------------ data

    def send(self, data, int flags=0, bint copy=True, bint track=False, routing_id=None, group=None):
        """Send one message part; SNDMORE announces another. Blocks where the socket type does, at most SNDTIMEO.

        Raises Again (DONTWAIT or SNDTIMEO), ContextTerminated, ZMQError (ENOTSOCK, ENOTSUP, EFSM, EHOSTUNREACH).
        """
        cdef Sock* s = self.s
        cdef int rc
        if type(data) is bytes and PyBytes_GET_SIZE(data) < BIG and copy and s != NULL and not sock_state(s):
            # the usual case, without a detour
            pthread_mutex_lock(&s.lock)
            if flags & SNDMORE == 0 and send_fast(s, <const uint8_t*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)):
                pthread_mutex_unlock(&s.lock)
                return None
            rc = send_frame(s, <const uint8_t*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), flags & SNDMORE, NULL)
            pthread_mutex_unlock(&s.lock)
            if rc == OK:
                return None
        return send_part(self, data, flags, copy, track)

    def recv(self, int flags=0, bint copy=True, bint track=False):
        """Receive one message part: bytes, or a Frame on the queue's memory (copy=False). Blocks, at most RCVTIMEO.

        Raises Again (DONTWAIT or RCVTIMEO), ContextTerminated, ZMQError (ENOTSOCK, ENOTSUP, EFSM).
        """
        cdef FrameRef fr
        cdef int64_t deadline = -2
        cdef CFrame f
        cdef bytes out
        cdef Sock* s = self.s
        if copy and s != NULL and not sock_state(s):
            # the usual case, without a detour
            pthread_mutex_lock(&s.lock)
            if recv_fast(s, &fr) and fr.size < COPY_UNLOCKED:
                try:
                    out = PyBytes_FromStringAndSize(<const char*>fr.data, fr.size)
                    recv_fast_done(s, &fr)
                finally:
                    pthread_mutex_unlock(&s.lock)
                settle(self)
                return out
            pthread_mutex_unlock(&s.lock)
        fetch(self, &fr, flags, &deadline)
        if copy:
            out = take_bytes(self, &fr)
            settle(self)
            return out
        f = take_frame(self, &fr)
        if track:
            f._tracker = finished_tracker()
        return f

    def recv_into(self, buffer, /, *, Py_ssize_t nbytes=0, int flags=0):
        """Receive one part into a writable buffer; the part's full size, also if it was larger than the buffer."""
        cdef FrameRef fr
        cdef int64_t deadline = -2
        cdef Py_buffer view
        cdef size_t size
        PyObject_GetBuffer(buffer, &view, PyBUF_CONTIG)
        try:
            if nbytes < 0:
                raise ValueError(f"{nbytes=} must be non-negative")
            if nbytes > view.len:
                raise ValueError(f"{nbytes=} too big for memoryview of {view.len}B")
            if nbytes == 0:
                nbytes = view.len
            fetch(self, &fr, flags, &deadline)
            size = fr.size
            memcpy(view.buf, fr.data, min(size, <size_t>nbytes))
            recv_done(self.s, &fr)
            leave(self)
        finally:
            PyBuffer_Release(&view)
        settle(self)
        return size

    def send_multipart(self, msg_parts, int flags=0, bint copy=True, bint track=False, **kwargs):
        """Send a sequence of parts as one message, atomically: also against other threads using this socket."""
        cdef Py_ssize_t i, n
        cdef object tracker = None
        for i, part in enumerate(msg_parts):
            if isinstance(part, (bytes, CFrame)):
                continue
            if isinstance(part, str) or not PyObject_CheckBuffer(part):
                text = repr(part)
                if len(text) > 16:
                    text = text[:16] + "..."
                raise TypeError(f"Frame {i} ({text}) does not support the buffer interface.")
        n = len(msg_parts)
        if n == 0:
            raise IndexError("a message has at least one part")
        if copy and not kwargs and send_plain(self, msg_parts, flags):
            return None
        msg_parts = list(msg_parts)          # the caller's may change while a send waits
        n = len(msg_parts)
        for i in range(n):
            tracker = self.send(msg_parts[i], flags if i == n - 1 and not flags & SNDMORE else flags | SNDMORE,
                                copy=copy, track=track, **kwargs)
        return tracker

    def recv_multipart(self, int flags=0, bint copy=True, bint track=False):
        """All parts of the next message, or the rest of the one begun."""
        cdef FrameRef fr
        cdef int64_t deadline = -2
        cdef bint more = True
        cdef list parts = []
        while more:
            fetch(self, &fr, flags, &deadline)
            more = fr.flags & F_MORE
            parts.append(take_bytes(self, &fr) if copy else take_frame(self, &fr))
        return parts

    def send_many(self, messages, int flags=0):
        """Send each item of an iterable as a message of one part. How many were queued: all, or fewer with DONTWAIT or SNDTIMEO.

        Raises Again only if not even the first could be sent.
        """
        cdef Py_ssize_t sent = 0
        cdef list items = messages if type(messages) is list else list(messages)
        cdef Sock* s = self.s
        cdef object item
        cdef int rc = OK
        while sent < len(items):             # the list may change while a send waits
            enter(self)
            while sent < len(items):
                item = items[sent]
                if type(item) is not bytes or PyBytes_GET_SIZE(item) >= BIG:
                    break
                if not send_fast(s, <const uint8_t*>PyBytes_AS_STRING(item), PyBytes_GET_SIZE(item)):
                    rc = send_frame(s, <const uint8_t*>PyBytes_AS_STRING(item), PyBytes_GET_SIZE(item), False, NULL)
                    if rc != OK:
                        break
                sent += 1
            leave(self)
            if sent < len(items):
                try:
                    send_part(self, items[sent], flags & ~SNDMORE, True, False)
                except _again():
                    if sent:
                        return sent
                    raise
                sent += 1
        return sent

    def recv_many(self, Py_ssize_t max_messages=1000, int flags=0):
        """A list of what has arrived: at least one message (blocks for it, at most RCVTIMEO), at most max_messages.

        Messages of several parts come as lists, those of one part as bytes.
        """
        cdef FrameRef fr
        cdef int64_t deadline = -2
        cdef list found = []
        cdef Sock* s = self.s
        cdef bytes item
        fetch(self, &fr, flags, &deadline)
        try:
            while True:
                if fr.flags & F_MORE:
                    break
                item = PyBytes_FromStringAndSize(<const char*>fr.data, fr.size)
                recv_done(s, &fr)
                found.append(item)
                while len(found) < max_messages and recv_fast(s, &fr):
                    item = PyBytes_FromStringAndSize(<const char*>fr.data, fr.size)
                    recv_fast_done(s, &fr)
                    found.append(item)
                if len(found) >= max_messages or recv_peek(s, &fr) != OK:
                    return found
        finally:
            leave(self)
        if not found:
            found.append(self.recv_multipart(flags))
        return found


cdef object _again():
    return type(make_error(EAGAIN))



cdef int name_is_free(Sock* s, bytes routing_id):
    """Can a ROUTER give its next peer this name? 0 or EADDRINUSE."""
    if routing_id and s.type == T_ROUTER:
        if router_knows(s, PyBytes_AS_STRING(routing_id), PyBytes_GET_SIZE(routing_id)):
            return EADDRINUSE
    return 0


cdef object subscribe(SocketCore self, bytes topic, bint on):
    cdef Sock* s = self.s
    cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(topic)
    cdef int rc = OK
    enter(self)
    if s.topics != NULL:
        rc = sub_subscribe(s, data, PyBytes_GET_SIZE(topic), on)
    elif s.type == T_XPUB and s.manual:
        rc = xpub_manual(s, data, PyBytes_GET_SIZE(topic), on)
    else:
        rc = EINVAL
    leave(self)
    if rc != OK:
        raise make_error(rc)


cdef int send_plain(SocketCore self, object parts, int flags) except -1:
    """A message of small bytes under one lock. 1 sent, 0 not of that kind or would block at its start."""
    cdef Sock* s = self.s
    cdef Py_ssize_t i
    cdef Py_ssize_t n = len(parts)
    cdef int rc = OK
    cdef list items = parts if type(parts) is list else list(parts)
    for i in range(n):
        if type(items[i]) is not bytes or PyBytes_GET_SIZE(items[i]) >= BIG:
            return 0
    enter(self)
    for i in range(n):
        rc = send_frame(s, <const uint8_t*>PyBytes_AS_STRING(items[i]), PyBytes_GET_SIZE(items[i]),
                        i < n - 1 or flags & SNDMORE, NULL)
        if rc != OK:
            break
    leave(self)
    if rc == OK:
        return 1
    if rc == WOULD_BLOCK and i == 0:
        return 0
    raise make_error(rc)


cdef int poll_now(SocketCore self, int wanted) except -1:
    cdef Sock* s = self.s
    cdef int found = 0
    enter(self)
    sock_flush(s)
    if s.notify_fd >= 0:
        drain_fd(s.notify_fd)
    if wanted & 1:
        if can_recv(s) or (read_leased(s) and can_recv(s)):
            found |= 1
    if wanted & 2 and can_send(s):
        found |= 2
    leave(self)
    return found


cdef void set_marks(Sock* s) noexcept nogil:
    """SNDHWM, RCVHWM on the pipes there are."""
    cdef size_t i
    cdef Pipe* p
    for i in range(s.pipes.size()):
        p = s.pipes[0][i]
        if p.link != NULL:
            continue
        if not p.conflate:
            p.outq.hwm.store(s.sndhwm)
            if p.outq.blocked.exchange(0):
                post_event(p, EV_WRITE)
        if p.raw == NULL:
            p.inq.hwm.store(s.rcvhwm)


cdef void set_text(string** kept, const string* value) noexcept nogil:
    if kept[0] == NULL:
        kept[0] = new string()
    kept[0].assign(value[0])


cdef void set_bytes(Sock* s, int option, const string* value) noexcept nogil:
    if option == 5:
        set_text(&s.my_rid, value)
    elif option == 72:
        set_text(&s.welcome, value)
    elif option == 110:
        set_text(&s.hello, value)
    elif option == 111:
        set_text(&s.farewell, value)
    elif option == 114:
        set_text(&s.hiccup, value)


cdef bint set_option(Sock* s, int option, int64_t value) noexcept nogil:
    cdef int v = <int>value
    if option == 23:
        s.sndhwm = v
        set_marks(s)
    elif option == 24:
        s.rcvhwm = v
        set_marks(s)
    elif option == 27:
        s.rcvtimeo = v
    elif option == 28:
        s.sndtimeo = v
    elif option == 17:
        pass                                                    # LINGER: the control plane's
    elif option == 33:
        s.mandatory = v
    elif option == 56:
        s.handover = v
    elif option == 54:
        s.conflate = v
        if v:
            s.plain_out = 0                                     # for good: pipes made now stay as they are
    elif option == 22:
        s.max_size = value
    elif option == 75:
        s.hb_ivl = v
    elif option == 76:
        s.hb_ttl = v
    elif option == 77:
        s.hb_timeout = v
    elif option == 40:
        s.verbose = v
        s.verboser = 0                                          # libzmq: VERBOSE switches VERBOSER off
    elif option == 78:
        s.verboser = v
    elif option == 69:
        s.nodrop = v
    elif option == 71:
        s.manual = v
    elif option == 98:
        s.manual = s.last_value = v
    elif option == 74:
        s.invert = v
    elif option == 52:
        s.correlate = v
    elif option == 53:
        s.relaxed = v
    elif option == 51:
        s.probe = v
    elif option == 108:
        s.only_first = v
    elif option == 97:
        s.notify = v
    elif option == 115:
        s.verbose_unsub = v
    elif option == 39:
        s.immediate = v
    elif option == 10001:
        s.spin_us = v
    else:
        return False
    return True


# ---------------------------------------------------------------- poll and proxy

def poll_cores(list items, long timeout_ms):
    """[(index, events)] of the items that are ready; waits for one, at most timeout_ms (< 0: for ever).

    items: (SocketCore or descriptor, POLLIN | POLLOUT | POLLERR | POLLPRI).
    """
    cdef Py_ssize_t n = len(items)
    cdef Py_ssize_t i
    cdef int n_socks = 0
    cdef int n_fds = 0
    cdef int rc = 0
    cdef int found, wanted
    cdef int64_t deadline = -1 if timeout_ms < 0 else now_ns() + <int64_t>timeout_ms * 1000000
    cdef list ready = []
    cdef SocketCore core
    cdef Sock** socks = <Sock**>malloc((n + 1) * sizeof(Sock*))
    cdef uint64_t* seen = <uint64_t*>malloc((n + 1) * sizeof(uint64_t))
    cdef pollfd* fds = <pollfd*>malloc((n + 2) * sizeof(pollfd))
    try:
        if socks == NULL or seen == NULL or fds == NULL:
            raise MemoryError
        while True:
            n_socks = n_fds = 0
            for i in range(n):
                wanted = items[i][1]
                if isinstance(items[i][0], SocketCore):
                    core = <SocketCore>items[i][0]
                    if core.s == NULL:
                        raise make_error(ENOTSOCK)
                    socks[n_socks] = core.s
                    seen[n_socks] = core.s.wakes.load(memory_order_seq_cst)
                    n_socks += 1
                    found = poll_now(core, wanted)
                    if found:
                        ready.append((i, found))
                else:
                    n_fds += 1
                    fds[n_fds].fd = items[i][0]
                    fds[n_fds].events = (POLLIN if wanted & 1 else 0) | (POLLOUT if wanted & 2 else 0) | (POLLPRI if wanted & 8 else 0)
                    fds[n_fds].revents = 0
            if ready or timeout_ms == 0 or rc == EAGAIN:
                if n_fds:
                    with nogil:
                        wait_any(NULL, NULL, 0, fds, n_fds, 0)
                    collect(items, fds, ready)
                return ready
            with nogil:
                if n_socks == 1 and n_fds == 0 and wanted == 1:
                    rc = wait_readable(socks[0], seen[0], deadline)
                else:
                    rc = wait_any(socks, seen, n_socks, fds, n_fds, deadline)
            if rc == EINTR:
                PyErr_CheckSignals()
            elif rc and rc != EAGAIN:
                raise make_error(rc)
            elif n_fds:
                collect(items, fds, ready)
    finally:
        free(socks)
        free(seen)
        free(fds)


cdef object collect(list items, pollfd* fds, list ready):
    """Add what poll said of the descriptors, in the order of items."""
    cdef int k = 0
    cdef int got
    cdef Py_ssize_t i
    for i in range(len(items)):
        if isinstance(items[i][0], SocketCore):
            continue
        k += 1
        got = 0
        if fds[k].revents & POLLIN:
            got |= 1
        if fds[k].revents & POLLOUT:
            got |= 2
        if fds[k].revents & ~(POLLIN | POLLOUT | POLLPRI):
            got |= 4
        if fds[k].revents & POLLPRI:
            got |= 8
        if got and (i, got) not in ready:
            ready.append((i, got))
    ready.sort()


def proxy_cores(SocketCore frontend, SocketCore backend, SocketCore capture=None):
    """Forward both ways without the GIL until a socket is closed or its context ends."""
    cdef int rc
    cdef Sock* c = capture.s if capture is not None else NULL
    if frontend.s == NULL or backend.s == NULL:
        raise make_error(ENOTSOCK)
    while True:
        with nogil:
            rc = proxy_run(frontend.s, backend.s, c)
        settle(frontend)
        if rc == EINTR:
            PyErr_CheckSignals()
        else:
            raise make_error(rc)
