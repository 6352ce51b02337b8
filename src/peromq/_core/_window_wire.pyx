# A Python window on reader.pyx, writer.pyx and conn.pyx, for their tests: one socket, one pipe, one connection at a time over a
# descriptor the test owns the far end of. There is no I/O thread: the test says when its work is done, so every run is the same.
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free
from libcpp.atomic cimport memory_order_acquire, memory_order_seq_cst
from libcpp.vector cimport vector

from peromq._core.conn cimport conn_teardown
from peromq._core.flow cimport F_COMMAND, F_MORE, Chunk, FrameRef, flow_credit_due, flow_next
from peromq._core.handles_codec cimport CCodec, Codec, inside
from peromq._core.handles_frame cimport drain_releases
from peromq._core.iothread cimport io_free, io_stop
from peromq._core.notify cimport conn_fail, conn_unref, sock_unref
from peromq._core.patterns cimport pipe_peek, send_frame
from peromq._core.reader cimport conn_read
from peromq._core.sock cimport (pipe_abort, pipe_close, pipe_consumed, pipe_new_wire, sock_add_pipe, sock_attach, sock_close, sock_find,
                                sock_flush, sock_new, sock_process)
from peromq._core.sysio cimport (EFD_CLOEXEC, EFD_NONBLOCK, EPOLL_CLOEXEC, epoll_create1, epoll_event, epoll_wait, eventfd,
                                 pthread_mutex_destroy, pthread_mutex_init, pthread_mutex_lock, pthread_mutex_unlock, sys_close)
from peromq._core.types cimport Conn, Engine, Group, IoThread, Pipe, Sock
from peromq._core.writer cimport conn_out_event, conn_queue_ping, conn_write

ctypedef Sock* SockPtr
ctypedef Conn* ConnPtr
ctypedef Group* GroupPtr

cdef enum:
    TOKEN = 7


cdef class WireWindow:
    cdef Engine* e
    cdef Sock* s

    def __cinit__(self, int socket_type, *, int rcvhwm=0, int sndhwm=0, int64_t max_size=-1, bint bound=False):
        cdef IoThread* io
        self.e = <Engine*>calloc(1, sizeof(Engine))
        io = <IoThread*>calloc(1, sizeof(IoThread))
        if self.e == NULL or io == NULL:
            raise MemoryError
        pthread_mutex_init(&self.e.lock, NULL)
        self.e.n_io = 1
        self.e.io = io
        self.e.event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
        self.e.events = new vector[int64_t]()
        self.e.efds = new vector[int]()
        self.e.socks = new vector[SockPtr]()
        pthread_mutex_init(&io.lock, NULL)
        io.engine = self.e
        io.leases = new vector[GroupPtr]()
        io.hot = new vector[ConnPtr]()
        io.conns = new vector[ConnPtr]()
        io.grave = new vector[ConnPtr]()
        io.dead_groups = new vector[GroupPtr]()
        io.epfd = epoll_create1(EPOLL_CLOEXEC)
        io.wakefd = io.timerfd = -1
        self.s = sock_new(self.e, socket_type)
        self.e.socks.push_back(self.s)
        self.s.rcvhwm = rcvhwm
        self.s.sndhwm = sndhwm
        self.s.terms.max_size = max_size
        sock_add_pipe(self.s, pipe_new_wire(self.s, TOKEN, bound, NULL))

    def __dealloc__(self):
        cdef Pipe* p
        sock_close(self.s)
        p = sock_find(self.s, TOKEN)
        if p != NULL:
            if p.conn != NULL:
                tear_down(p.conn)
            p = sock_find(self.s, TOKEN)
            if p != NULL:
                pipe_abort(self.s, p)
        take_dirty(&self.e.io[0])
        sock_process(self.s)
        sock_unref(self.s)
        io_stop(&self.e.io[0])
        io_free(&self.e.io[0])
        drain_releases(&self.e.releases)
        sys_close(self.e.event_fd)
        pthread_mutex_destroy(&self.e.lock)
        del self.e.events
        del self.e.efds
        del self.e.socks
        free(self.e.io)
        free(self.e)

    cdef Pipe* pipe(self):
        return sock_find(self.s, TOKEN)

    cdef Conn* conn(self) except NULL:
        cdef Pipe* p = self.pipe()
        if p == NULL or p.conn == NULL:
            raise ValueError("no connection")
        return p.conn

    def attach(self, int fd, bytes leftover=b"", Codec codec=None):
        """A new connection; owns fd, which must not block, and the codec."""
        cdef CCodec* k = inside(codec)
        pthread_mutex_lock(&self.s.lock)
        rc = sock_attach(self.s, self.pipe(), fd, <const uint8_t*>PyBytes_AS_STRING(leftover), PyBytes_GET_SIZE(leftover), 0, k)
        pthread_mutex_unlock(&self.s.lock)
        if rc:
            raise OSError(rc, "attach")
        if k != NULL:
            codec.k = NULL
        take_dirty(&self.e.io[0])

    def read(self):
        """As when epoll reports input."""
        cdef int rc = conn_read(self.conn())
        take_dirty(&self.e.io[0])
        return rc

    def write(self, bint go_idle=False):
        """As when the I/O thread flushes."""
        return conn_write(self.conn(), go_idle)

    def out_event(self):
        """As when epoll reports room."""
        return conn_out_event(self.conn())

    def ping(self):
        conn_queue_ping(self.conn())

    def fail(self):
        """As when somebody else finds it broken; the I/O thread has not come by."""
        conn_fail(self.conn(), 0)

    def teardown(self):
        """As when the I/O thread sees a failed connection. The reason."""
        cdef int reason = tear_down(self.conn())
        take_dirty(&self.e.io[0])
        return reason

    def close_pipe(self):
        pthread_mutex_lock(&self.s.lock)
        pipe_close(self.s, self.pipe())
        pthread_mutex_unlock(&self.s.lock)
        take_dirty(&self.e.io[0])

    def events(self):
        """What the control plane would be told."""
        found = []
        for i in range(0, self.e.events.size(), 3):
            found.append((self.e.events[0][i], self.e.events[0][i + 1], self.e.events[0][i + 2]))
        self.e.events.clear()
        return found

    @property
    def failed(self):
        """None, or the reason."""
        cdef int failed = self.conn().failed.load(memory_order_seq_cst)
        return failed - 1 if failed else None

    @property
    def polled(self):
        """Whether who polls the socket's connections is told of something."""
        cdef epoll_event event
        return epoll_wait(self.conn().group.epfd, &event, 1, 0) > 0

    @property
    def paused(self):
        return bool(self.conn().paused.load(memory_order_seq_cst))

    @property
    def connected(self):
        cdef Pipe* p = self.pipe()
        return p != NULL and p.conn != NULL

    # the application's side

    def receive(self, limit=None):
        """[(body, more, command)]: the frames the socket's pattern would see; at most `limit`."""
        cdef FrameRef fr
        cdef Pipe* p = self.pipe()
        found = []
        pthread_mutex_lock(&self.s.lock)
        while (limit is None or len(found) < limit) and pipe_peek(p, &fr):
            found.append((fr.data[:fr.size], bool(fr.flags & F_MORE), bool(fr.flags & F_COMMAND)))
            flow_next(p.inq, &fr)
            if flow_credit_due(p.inq):
                pipe_consumed(p)
        pthread_mutex_unlock(&self.s.lock)
        take_dirty(&self.e.io[0])
        return found

    def send(self, bytes data, bint more=False):
        """send_frame: 0, -1 for a full queue, or an errno."""
        pthread_mutex_lock(&self.s.lock)
        rc = send_frame(self.s, <const uint8_t*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), more, NULL)
        pthread_mutex_unlock(&self.s.lock)
        take_dirty(&self.e.io[0])
        return rc

    def flush(self):
        pthread_mutex_lock(&self.s.lock)
        sock_flush(self.s)
        pthread_mutex_unlock(&self.s.lock)

    def queued(self):
        """Messages not yet written whole."""
        cdef Pipe* p = self.pipe()
        return p.outq.produced.load(memory_order_seq_cst) - p.outq.nread

    def memory(self):
        """Octets that the inbound queue and the body being read take."""
        cdef Pipe* p = self.pipe()
        cdef Chunk* c = p.inq.head
        total = p.conn.body_cap if p.conn != NULL and p.conn.body != NULL else 0
        while c != NULL:
            total += c.cap + c.size
            c = c.next.load(memory_order_acquire)
        return total


cdef int tear_down(Conn* c) noexcept:
    cdef int reason
    c.refs.fetch_add(1)                 # the I/O thread's, which keeps what it tears down
    conn_fail(c, 0)
    reason = c.failed.load(memory_order_seq_cst) - 1
    conn_teardown(c)
    conn_unref(c)
    return reason


cdef void take_dirty(IoThread* io) noexcept:
    """The I/O thread would look at these; here the test does."""
    cdef Conn* c = io.dirty
    cdef Conn* n
    io.dirty = NULL
    while c != NULL:
        n = c.dirty_next
        c.dirty = 0
        conn_unref(c)
        c = n
