# What the control plane and the context do to a socket: pipes, connections, options, inproc. Not the user's: `Socket` has none of it, its
# context holds a `ControlCore` (handles_watch.pyx) of the same socket. The rules of this border are in handles.pyx.
cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.ref cimport Py_INCREF
from libc.errno cimport EADDRINUSE, EAGAIN, EINVAL, ENOMEM, ENOTSOCK, errno
from libc.stdint cimport int64_t, uint8_t
from libcpp.atomic cimport memory_order_relaxed, memory_order_seq_cst
from libcpp.string cimport string

from peromq._core.flow cimport Chunk, chunk_unref, pin_new
from peromq._core.handles cimport SocketCore
from peromq._core.handles_base cimport CoreHandle, Engine, enter, inherited, leave, settle
from peromq._core.handles_codec cimport CCodec, Codec, inside
from peromq._core.handles_frame cimport make_error
from peromq._core.inproc cimport pair_adopt, pair_named, pair_new, pair_orphan
from peromq._core.notify cimport engine_post, io_mark_dirty, pipe_unref
from peromq._core.patterns cimport pattern_left
from peromq._core.publish cimport xpub_manual
from peromq._core.router cimport router_find, router_name
from peromq._core.routing cimport OUT, array_remove
from peromq._core.sock cimport (pipe_abort, pipe_close, pipe_new_wire, pipe_pending, sock_add_pipe, sock_attach, sock_close,
                                sock_drop_pipe, sock_find, sock_has_peer, sock_process)
from peromq._core.sockopt cimport set_bytes, set_option
from peromq._core.subscribe cimport sub_subscribe
from peromq._core.sysio cimport EFD_CLOEXEC, EFD_NONBLOCK, eventfd, pthread_mutex_lock, pthread_mutex_unlock
from peromq._core.terms cimport terms_ref, terms_unref
from peromq._core.trie cimport trie_add
from peromq._core.types cimport DIRTY_LOOK, OK, S_CLOSED, T_CHANNEL, T_PAIR, T_ROUTER, T_STREAM, T_XPUB, Pipe, Sock
from peromq._core.types cimport Terms as CTerms
from peromq._core.wait cimport drop_leases

cdef enum:
    EV_FLUSHED = 2               # of the control plane

cdef extern from *:
    """
    static const long long PEROMQ_INPROC = 1ll << 48;
    """
    const int64_t FIRST_INPROC_TOKEN "PEROMQ_INPROC"     # tokens of inproc pipes start here; the control plane knows none of them

@cython.no_gc_clear
cdef class FarEnd:
    """The end of an inproc pipe whose socket has not been bound yet."""
    cdef Pipe* p
    cdef Engine engine

    def __dealloc__(self):
        if self.p != NULL and not inherited(self.engine):
            pair_orphan(self.p)


cdef class Terms:
    """Options that connections keep from the bind or connect that made them."""
    cdef CTerms* t

    def __dealloc__(self):
        terms_unref(self.t)


cdef class ControlHandle(SocketCore):
    """Every method may be called from any thread."""

    def open_pipe(self, int64_t token, bytes routing_id=b""):
        """Connect side: the queue exists before the peer does. CONNECT_ROUTING_ID: so does his name; EADDRINUSE if it is taken."""
        cdef Pipe* p = NULL
        cdef int rc
        enter(self)
        rc = name_is_free(self.s, routing_id)
        if rc == 0:
            p = pipe_new_wire(self.s, token, 0, NULL)
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
               dict properties, int thread=-1, Codec codec=None, bint multicast=False, Terms terms=None):
        """A handshake is done. 0 (fd and codec are ours now) or an errno: EAGAIN PAIR has a peer, ENOTSOCK closed, EADDRINUSE
        another peer of this ROUTER has that routing id, and there is no ROUTER_HANDOVER.

        terms: those of the endpoint, for a new pipe; as they are now if they are not given.
        multicast: nobody is there to subscribe or to answer PINGs, a publisher sends everything.
        """
        cdef Sock* s = self.s
        cdef Pipe* p
        cdef Chunk* pin
        cdef int rc = 0
        cdef bint fresh = False
        cdef size_t n = PyBytes_GET_SIZE(leftover)
        cdef CCodec* k = inside(codec)
        pthread_mutex_lock(&s.lock)
        sock_process(s)
        p = sock_find(s, token)
        if s.state.load(memory_order_relaxed) & S_CLOSED and p == NULL:
            rc = ENOTSOCK
        elif s.type in (T_PAIR, T_CHANNEL) and sock_has_peer(s, p):
            rc = EAGAIN
        elif s.type == T_ROUTER and is_taken(s, p, routing_id):
            rc = EADDRINUSE
        elif p == NULL:
            p = pipe_new_wire(s, token, bound, terms.t if terms is not None else NULL)
            if p == NULL:
                rc = ENOMEM
            else:
                fresh = True
        if rc == 0:
            p.minor = minor
            p.multicast = multicast
            if s.type in (T_ROUTER, T_STREAM):
                router_name(s, p, PyBytes_AS_STRING(routing_id), PyBytes_GET_SIZE(routing_id))
            if fresh:
                sock_add_pipe(s, p)
            pin = pin_new(<void*>properties, &self.engine.e.releases)
            if pin != NULL:
                Py_INCREF(properties)
                if p.properties != NULL:
                    chunk_unref(p.properties)
                p.properties = pin
            if multicast and s.trie != NULL and trie_add(s.trie, p, NULL, 0) < 0:
                rc = ENOMEM
        if rc == 0:
            rc = sock_attach(s, p, fd, <const uint8_t*>PyBytes_AS_STRING(leftover), n, thread, k)
            if rc == 0 and k != NULL:
                codec.k = NULL
        if rc != 0 and fresh:
            if p.listed:
                sock_drop_pipe(s, p)
            else:
                pipe_unref(p)
        pthread_mutex_unlock(&s.lock)
        settle(self)
        return rc

    def terms(self):
        """Some options as they are now, for connections to come: `attach`."""
        cdef Terms made = Terms()
        enter(self)
        made.t = terms_ref(self.s.terms)
        leave(self)
        return made

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
        if self.s == NULL or inherited(self.engine):
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

    def inproc_connect(self, CoreHandle other, int64_t token, bytes routing_id=b""):
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

    def notify_fd(self):
        """A descriptor that becomes readable when `events` may have changed (the FD option).

        Reading `events`, and a send or recv that raises Again at once, re-arm it, for both directions.
        """
        cdef Sock* s = self.s
        cdef int fd
        enter(self)
        pthread_mutex_lock(&s.ev_lock)
        if s.notify_fd < 0:
            s.notify_fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC)
        fd = s.notify_fd
        pthread_mutex_unlock(&s.ev_lock)
        # from now on the I/O thread must see all input, or the descriptor would stay silent
        drop_leases(s)
        leave(self)
        if fd < 0:
            raise make_error(errno)
        return fd


cdef int name_is_free(Sock* s, bytes routing_id):
    """Can a ROUTER give its next peer this name? 0 or EADDRINUSE."""
    if routing_id and s.type in (T_ROUTER, T_STREAM):
        if router_find(s, PyBytes_AS_STRING(routing_id), PyBytes_GET_SIZE(routing_id)) != NULL:
            return EADDRINUSE
    return 0


cdef bint is_taken(Sock* s, Pipe* mine, bytes routing_id):
    """Does another peer of a ROUTER that keeps to its peers have this name?"""
    cdef Pipe* other
    if s.handover or not routing_id:
        return False
    other = router_find(s, PyBytes_AS_STRING(routing_id), PyBytes_GET_SIZE(routing_id))
    return other != NULL and other != mine and not other.ended


cdef object subscribe(CoreHandle self, bytes topic, bint on):
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
