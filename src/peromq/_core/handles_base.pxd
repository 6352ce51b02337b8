from libc.errno cimport ENOTSOCK
from libc.stdint cimport uint64_t
from libcpp.atomic cimport memory_order_relaxed, memory_order_seq_cst

from peromq._core.handles_frame cimport drain_releases, make_error
from peromq._core.sock cimport sock_state
from peromq._core.sysio cimport cpu_pause, drain_fd, pthread_mutex_lock, pthread_mutex_unlock
from peromq._core.types cimport Engine as CEngine
from peromq._core.types cimport S_CLOSED, Sock

cdef enum:
    ETERM = 156384765

cdef class Engine:
    cdef CEngine* e
    cdef public int event_fd
    cdef bint forked
    cdef int pid                 # of the process that made it
    cdef int made                # I/O threads begun

cdef class CoreHandle:
    cdef Sock* s
    cdef Engine engine
    cdef public object copy_threshold
    cdef object __weakref__

cdef extern from "<unistd.h>":
    int getpid()


cdef inline bint inherited(Engine engine) noexcept:
    """In a forked child: locks may be held by threads that are not there; nothing of the parent's may be touched."""
    return engine.forked or engine.pid != getpid()


cdef int poll_now(CoreHandle self, int wanted) except -1


cdef inline int enter(CoreHandle self) except? -1:
    """Take the socket's lock, for a call that needs it open."""
    cdef int state
    if self.s == NULL:
        raise make_error(ENOTSOCK)
    state = sock_state(self.s)
    if state:
        raise make_error(ENOTSOCK if state & S_CLOSED else ETERM)
    pthread_mutex_lock(&self.s.lock)
    return 0


cdef inline uint64_t wakes_of(CoreHandle self) noexcept:
    """To be read before the socket's state is, or the wake-up that announces a change of it could be missed."""
    return self.s.wakes.load(memory_order_seq_cst) if self.s != NULL else 0


cdef enum:
    LOOKS = 64                   # how often a call that does not wait looks again where something happened meanwhile


cdef inline bint moved_on(Sock* s, uint64_t seen) noexcept:
    """Did something happen to the socket since `seen` was read? Then the GIL was given to others for a moment, and a look is due."""
    if s.wakes.load(memory_order_seq_cst) == seen:
        return False
    with nogil:
        cpu_pause()
    return True


cdef inline bint note_events(Sock* s) noexcept:
    """Make the FD option's descriptor quiet, before a look at the socket. False: nobody asked for it."""
    if s.notify_fd < 0:
        return False
    drain_fd(s.notify_fd)
    return True


cdef inline void leave(CoreHandle self) noexcept:
    pthread_mutex_unlock(&self.s.lock)


cdef inline void settle(CoreHandle self):
    """After the lock is given back: drop what queues have let go of."""
    if self.engine.e.releases.top.load(memory_order_relaxed) != NULL:
        drain_releases(&self.engine.e.releases)
