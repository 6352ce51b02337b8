# The control thread's epoll, and the eventfd that wakes it.
#
# Python's own lets go of the GIL in every call, even those that cannot wait. Under contention each of them is a change of threads,
# and an application that computes gives the GIL back only after 5 ms.
from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno
from libc.errno cimport EINTR, errno

from peromq._core.sysio cimport (EFD_CLOEXEC, EFD_NONBLOCK, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, drain_fd,
                                 epoll_create1, epoll_ctl, epoll_event, epoll_wait, eventfd, signal_fd, sys_close)

cdef enum:
    BATCH = 64          # served before timers are looked at again; the kernel takes turns


cdef class Epoll:
    """Level-triggered interest in descriptors. `wake` is for any thread, all else for one."""

    cdef int epfd
    cdef int wakefd

    def __cinit__(self):
        self.epfd = epoll_create1(EPOLL_CLOEXEC)
        self.wakefd = -1
        if self.epfd < 0:
            PyErr_SetFromErrno(OSError)
        self.wakefd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
        if self.wakefd < 0:
            PyErr_SetFromErrno(OSError)
        self.control(EPOLL_CTL_ADD, self.wakefd, 1)

    def __dealloc__(self):
        self.close()

    def register(self, int descriptor, unsigned int events):
        self.control(EPOLL_CTL_ADD, descriptor, events)

    def modify(self, int descriptor, unsigned int events):
        self.control(EPOLL_CTL_MOD, descriptor, events)

    def unregister(self, int descriptor):
        self.control(EPOLL_CTL_DEL, descriptor, 0)

    def wake(self):
        signal_fd(self.wakefd)

    def poll(self, int milliseconds):
        cdef epoll_event[BATCH] events
        cdef int count = epoll_wait(self.epfd, events, BATCH, 0)
        cdef int i
        if count == 0 and milliseconds != 0:
            with nogil:
                count = epoll_wait(self.epfd, events, BATCH, milliseconds)
        if count < 0:
            if errno == EINTR:
                PyErr_CheckSignals()
                return []
            PyErr_SetFromErrno(OSError)
        found = []
        for i in range(count):
            if <int>events[i].data.u64 == self.wakefd:
                drain_fd(self.wakefd)
            else:
                found.append(<int>events[i].data.u64)
        return found

    def close(self):
        if self.epfd >= 0:
            sys_close(self.epfd)
        if self.wakefd >= 0:
            sys_close(self.wakefd)
        self.epfd = self.wakefd = -1

    cdef int control(self, int operation, int descriptor, unsigned int events) except -1:
        cdef epoll_event event
        event.events = events
        event.data.u64 = <unsigned int>descriptor
        if epoll_ctl(self.epfd, operation, descriptor, &event) < 0:
            PyErr_SetFromErrno(OSError)
        return 0
