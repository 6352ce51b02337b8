# The data calls of an asyncio socket: what is ready is done at once, anything else goes to the Python side, which waits for it with
# the descriptor that `_arm` makes readable. The rules of this border are in handles.pyx.
cimport cython
from asyncio import Future, InvalidStateError, get_event_loop, get_running_loop
from collections import deque
from functools import partial

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.ref cimport Py_INCREF, PyObject
from libc.errno cimport EAGAIN, errno
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libcpp.atomic cimport memory_order_seq_cst

from peromq._core.fast cimport recv_fast, recv_fast_done, send_fast
from peromq._core.flow cimport BIG, FrameRef
from peromq._core.handles cimport SocketCore
from peromq._core.handles_base cimport enter, inherited, leave, settle
from peromq._core.handles_frame cimport make_error
from peromq._core.lease cimport lease_borrow, lease_return, lease_take
from peromq._core.patterns cimport recv_peek
from peromq._core.reader cimport group_read
from peromq._core.sock cimport sock_flush, sock_state
from peromq._core.sysio cimport (EFD_CLOEXEC, EFD_NONBLOCK, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLIN, drain_fd,
                                 epoll_create1, epoll_ctl, epoll_event, eventfd, now_ns, pthread_mutex_lock, pthread_mutex_unlock,
                                 sys_close)
from peromq._core.types cimport OK, WOULD_BLOCK, Group, Sock, Waiter, WaitLink
from peromq._core.wait cimport delist, drop_leases, enlist, read_leased

cdef enum:
    DONTWAIT = 1
    SNDMORE = 2
    COPY_UNLOCKED = 65536
    TURN_NS = 2000000            # for so long may calls that need not wait keep the loop from others
    SHORT_NS = 1000000           # after waits up to this long the loop watches the connections itself

cdef extern from "Python.h":
    ctypedef enum PySendResult:
        PYGEN_RETURN
        PYGEN_NEXT

cdef extern from *:
    """
    /* `await` asks am_send first: it gives a result without a StopIteration around it. Cython has no name for that slot. */
    static void peromq_set_am_send(PyObject *type, sendfunc send) { ((PyTypeObject *)type)->tp_as_async->am_send = send; }
    """
    void set_am_send "peromq_set_am_send"(object, PySendResult (*)(PyObject*, PyObject*, PyObject**) noexcept)


# ---------------------------------------------------------------- what calls return

@cython.final
@cython.no_gc                    # refers to messages only, never to what could refer to it
@cython.freelist(32)
cdef class Done:
    """The outcome of a call that need not wait: an awaitable, and to look at a finished asyncio.Future."""
    cdef object value
    cdef bint pause              # let the loop turn once before

    _asyncio_future_blocking = False

    @property
    def __class__(self):
        return Future

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        if self.pause:
            self.pause = False
            return None
        raise StopIteration(self.value)

    def done(self):
        return True

    def cancelled(self):
        return False

    def cancel(self, msg=None):
        return False

    def result(self):
        return self.value

    def exception(self):
        return None

    def get_loop(self):
        return get_event_loop()          # the running one, or the one of this thread that is to run

    def set_result(self, result):
        raise InvalidStateError("invalid state")

    def set_exception(self, exception):
        raise InvalidStateError("invalid state")

    def add_done_callback(self, fn, *, context=None):
        get_event_loop().call_soon(fn, self, context=context)

    def remove_done_callback(self, fn):
        return 0

    def __repr__(self):
        return f"<Future finished result={self.value!r}>"


cdef PySendResult done_send(PyObject* self, PyObject* arg, PyObject** result) noexcept:
    cdef Done d = <Done>self
    cdef object value = d.value
    if d.pause:
        d.pause = False
        value = None
        Py_INCREF(value)
        result[0] = <PyObject*>value
        return PYGEN_NEXT
    Py_INCREF(value)
    result[0] = <PyObject*>value
    return PYGEN_RETURN


set_am_send(Done, done_send)


cdef inline Done done(object value, bint pause):
    cdef Done d = Done.__new__(Done)
    d.value = value
    d.pause = pause
    return d


def finished(value):
    """A future that is done, and lets the loop turn when it is awaited."""
    return done(value, True)


cdef object failed(Exception error):
    """As asyncio has it, with its complaint about errors that nobody looked at."""
    try:
        loop = get_running_loop()
    except RuntimeError:
        raise error from None
    future = Future(loop=loop)
    future.set_exception(error)
    return future


cdef object _again():
    return type(make_error(EAGAIN))


# ---------------------------------------------------------------- socket

cdef object sync_send = SocketCore.send
cdef object sync_recv = SocketCore.recv
cdef object sync_send_multipart = SocketCore.send_multipart
cdef object sync_recv_multipart = SocketCore.recv_multipart
cdef object sync_recv_into = SocketCore.recv_into
cdef object sync_recv_many = SocketCore.recv_many


cdef class AsyncCore(SocketCore):
    """The data calls, awaitable. For one thread at a time: that of the loop."""
    cdef readonly object _receivers      # deques of those who wait, in order
    cdef readonly object _senders
    cdef uint64_t seen                   # wake-ups before the socket was last looked at
    cdef int64_t turn_end                # until then nobody else has had to wait for long
    cdef bint turn_asked                 # the loop will tell when it has turned
    cdef bint armed
    cdef bint signalled                  # the waiter's descriptor may be readable
    cdef bint watching                   # so may epfd for the sake of the connections
    cdef bint brief                      # the last wait was short, and no message came without a wait before it
    cdef bint ran_on                     # one did since
    cdef int epfd                        # what the loop watches: the waiter's descriptor and, while borrowed, the connections
    cdef uint64_t seen_armed
    cdef int64_t armed_at
    cdef Waiter waiter
    cdef WaitLink link

    def __cinit__(self):
        self._receivers = deque()
        self._senders = deque()
        self.waiter.efd = self.epfd = -1

    def __dealloc__(self):
        disarm(self)
        close_fds(self)
        if self.epfd >= 0:
            sys_close(self.epfd)

    # ------------------------------------------------ what users call

    def send(self, data, int flags=0, bint copy=True, bint track=False, routing_id=None, group=None):
        """Send one message part; SNDMORE announces another. Waits where the socket type does, at most SNDTIMEO.

        What can be sent is sent when this returns, awaited or not; a call that waited for room and was cancelled has sent nothing.
        The future gets Again (DONTWAIT or SNDTIMEO), ContextTerminated, ZMQError (ENOTSOCK, ENOTSUP, EFSM, EHOSTUNREACH).
        """
        cdef Sock* s = self.s
        cdef bint sent = False
        cdef bint late = overdue(self)
        if type(data) is bytes and PyBytes_GET_SIZE(data) < BIG and copy and usable(self) and not self._senders:
            pthread_mutex_lock(&s.lock)
            if flags & SNDMORE == 0:
                sent = send_fast(s, <const uint8_t*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
            pthread_mutex_unlock(&s.lock)
            if sent:
                return done(None, late)
        return submit(self, partial(sync_send, self, data, flags | DONTWAIT, copy, track, routing_id, group), flags, late)

    def recv(self, int flags=0, bint copy=True, bint track=False):
        """Receive one message part: bytes, or a Frame on the queue's memory (copy=False). Waits, at most RCVTIMEO.

        A task that is cancelled while it awaits this has not received anything.
        The future gets Again (DONTWAIT or RCVTIMEO), ContextTerminated, ZMQError (ENOTSOCK, ENOTSUP, EFSM).
        """
        return receive_one(self, flags, copy, track)

    def send_multipart(self, msg_parts, int flags=0, bint copy=True, bint track=False, **kwargs):
        """Send a sequence of parts as one message, as `send` does."""
        return submit(self, partial(sync_send_multipart, self, msg_parts, flags | DONTWAIT, copy, track, **kwargs), flags, overdue(self))

    def recv_multipart(self, int flags=0, bint copy=True, bint track=False):
        """All parts of the next message, or the rest of the one begun."""
        return receive(self, partial(sync_recv_multipart, self, flags | DONTWAIT, copy, track), flags, overdue(self))

    def recv_into(self, buffer, /, *, Py_ssize_t nbytes=0, int flags=0):
        """Receive one part into a writable buffer; the part's full size, also if it was larger than the buffer."""
        return receive(self, partial(sync_recv_into, self, buffer, nbytes=nbytes, flags=flags | DONTWAIT), flags, overdue(self))

    def recv_many(self, Py_ssize_t max_messages=1000, int flags=0):
        """A list of what has arrived: at least one message (waits for it), at most max_messages."""
        return receive(self, partial(sync_recv_many, self, max_messages, flags | DONTWAIT), flags, overdue(self))

    def __aiter__(self):
        return self

    def __anext__(self):
        """The next message part, as `recv` gives it. The iteration ends when the socket is closed."""
        if self.closed:
            raise StopAsyncIteration
        received = receive_one(self, 0, True, False)
        if type(received) is not Done and type(received) is not Future:
            received.iterating = True
        return received

    # ------------------------------------------------ for the Python side

    def _submit(self, attempt, int flags):
        """Do what `attempt` does, which raises Again as long as it would block."""
        return submit(self, attempt, flags, overdue(self))

    def _at_once(self, attempt):
        """What `attempt` returns or raises, as a future."""
        return at_once(attempt, False)

    def _done(self, value):
        """A call that ends at once."""
        return done(value, overdue(self))

    def _note(self):
        """Before looking at the socket: a later `_arm` knows what happened since."""
        if self.s != NULL:
            self.seen = self.s.wakes.load(memory_order_seq_cst)

    def _wake_fd(self):
        """The descriptor that `_arm` is about."""
        if self.epfd < 0:
            open_fds(self)
        return self.epfd

    def _arm(self):
        """Make the descriptor readable whenever something happens from now on. False if something did since `_note`."""
        if self.armed:
            return True
        enter(self)
        sock_flush(self.s)
        borrow(self)
        leave(self)
        self.link.waiter = &self.waiter
        self.seen_armed = self.seen
        self.armed = enlist(self.s, &self.link, self.seen)
        return self.armed

    def _disarm(self):
        disarm(self)

    def _drain(self):
        """The descriptor was readable. Read what has come; it is not readable any more."""
        cdef bint awaited = self.armed
        cdef bint reads = False
        cdef Group* g
        self.brief = not self.ran_on and now_ns() - self.armed_at < SHORT_NS
        self.ran_on = False
        disarm(self)
        if self.signalled:
            self.signalled = False
            drain_fd(self.waiter.efd)
        if not self.watching or not usable(self):
            return
        enter(self)
        g = self.s.groups[0][0]
        if not awaited:
            unwatch(self)                        # an I/O thread will read
        elif lease_take(g):
            reads = True
        leave(self)
        if reads:
            with nogil:
                group_read(g)
                lease_return(g)

    def _give_fd(self):
        """The descriptor, for the caller to close; -1 if there is none. The next one will be another."""
        cdef int fd = self.epfd
        disarm(self)
        close_fds(self)
        self.epfd = -1
        return fd

    def _turned(self):
        """The loop has turned: everybody else has had a chance."""
        self.turn_asked = False
        self.turn_end = now_ns() + TURN_NS


cdef inline bint usable(AsyncCore self) noexcept:
    return self.s != NULL and not sock_state(self.s)


cdef int disarm(AsyncCore self) noexcept:
    if not self.armed or inherited(self.engine):
        return 0
    self.armed = False
    delist(self.s, &self.link)
    if self.s.wakes.load(memory_order_seq_cst) != self.seen_armed:
        self.signalled = True
    return 0


# ---------------------------------------------------------------- what the loop watches

cdef int open_fds(AsyncCore self) except -1:
    cdef epoll_event ev
    cdef int problem = 0
    ev.events = EPOLLIN
    ev.data.u64 = 0
    self.waiter.efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
    self.epfd = epoll_create1(EPOLL_CLOEXEC) if self.waiter.efd >= 0 else -1
    if self.epfd < 0 or epoll_ctl(self.epfd, EPOLL_CTL_ADD, self.waiter.efd, &ev):
        problem = errno
        close_fds(self)
        if self.epfd >= 0:
            sys_close(self.epfd)
        self.epfd = -1
        raise make_error(problem)
    return 0


cdef int close_fds(AsyncCore self) noexcept:
    if self.waiter.efd >= 0:
        sys_close(self.waiter.efd)
    self.waiter.efd = -1
    self.signalled = self.watching = False
    return 0


cdef Group* only_group(Sock* s) noexcept:
    """The socket's connections, if they are on one I/O thread and nobody else counts on it. Under the socket's lock."""
    return s.groups[0][0] if s.groups.size() == 1 and s.notify_fd < 0 else NULL


cdef int borrow(AsyncCore self) noexcept:
    """Before a wait, under the socket's lock. A wait that may be short need not go by way of an I/O thread: the loop is told by
    the connections themselves. It has but a moment for it: should it be busy, or the wait be long, the I/O thread reads. So it does
    where messages stream, which it can read ahead."""
    cdef Group* g = only_group(self.s)
    self.armed_at = now_ns()
    if g != NULL and self.brief and not self.ran_on and (self.watching or watch(self, g, EPOLL_CTL_ADD)):
        lease_borrow(g)
    else:
        unwatch(self)
        drop_leases(self.s)                      # or nothing would happen
    return 0


cdef bint watch(AsyncCore self, Group* g, int change) noexcept:
    cdef epoll_event ev
    ev.events = EPOLLIN
    ev.data.u64 = 1
    if epoll_ctl(self.epfd, change, g.epfd, &ev) == 0:
        self.watching = change == EPOLL_CTL_ADD
        return True
    return False


cdef int unwatch(AsyncCore self) noexcept:
    if self.watching:
        watch(self, self.s.groups[0][0], EPOLL_CTL_DEL)
    return 0


cdef bint overdue(AsyncCore self) except -1:
    """Have calls that need not wait kept the loop from turning for too long?"""
    if now_ns() < self.turn_end:
        return False
    if self.turn_asked:
        return True
    try:
        loop = get_running_loop()
    except RuntimeError:
        return False
    self.turn_asked = True
    loop.call_soon(self._turned)
    return False


cdef object receive_one(AsyncCore self, int flags, bint copy, bint track):
    cdef FrameRef fr
    cdef Sock* s = self.s
    cdef bytes out = None
    cdef bint late = overdue(self)
    if copy and usable(self) and not self._receivers and not late:
        pthread_mutex_lock(&s.lock)
        try:
            if recv_fast(s, &fr) and fr.size < COPY_UNLOCKED:
                out = PyBytes_FromStringAndSize(<const char*>fr.data, fr.size)
                recv_fast_done(s, &fr)
        finally:
            pthread_mutex_unlock(&s.lock)
        if out is not None:
            self.ran_on = True
            settle(self)
            return done(out, False)
    return receive(self, partial(sync_recv, self, flags | DONTWAIT, copy, track), flags, late)


cdef object receive(AsyncCore self, object attempt, int flags, bint late):
    """late: the loop is to turn first. Before anything is received: whoever is cancelled meanwhile must not have received it."""
    cdef FrameRef fr
    cdef int rc = OK
    if flags & DONTWAIT:
        return at_once(attempt, False)
    if not usable(self):
        pass                                     # the attempt will say why
    elif self._receivers or late:
        rc = WOULD_BLOCK
    else:
        self._note()
        enter(self)
        rc = recv_peek(self.s, &fr)
        if rc == WOULD_BLOCK and read_leased(self.s):
            rc = OK                              # perhaps
        leave(self)
    if rc != WOULD_BLOCK:
        try:
            value = attempt()
            self.ran_on = True
            return done(value, False)
        except _again():
            pass
        except Exception as error:
            return failed(error)
    return self._wait(attempt, self._receivers, late)


cdef object submit(AsyncCore self, object attempt, int flags, bint late):
    """late: the loop is to turn, which it may do after something was sent."""
    if flags & DONTWAIT:
        return at_once(attempt, late)
    if not self._senders or not usable(self):
        self._note()
        try:
            return done(attempt(), late)
        except _again():
            pass
        except Exception as error:
            return failed(error)
    return self._wait(attempt, self._senders, False)


cdef object at_once(object attempt, bint pause):
    try:
        return done(attempt(), pause)
    except Exception as error:
        return failed(error)
