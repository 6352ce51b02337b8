# poll and proxy: calls that concern several sockets. The rules of this border are in handles.pyx.
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EAGAIN, EINTR, ENOTSOCK
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libcpp.atomic cimport memory_order_seq_cst
from libcpp.vector cimport vector

from peromq._core.handles_frame cimport make_error
from peromq._core.handles_base cimport poll_now, settle
from peromq._core.handles cimport SocketCore
from peromq._core.patterns cimport ENOTSUP
from peromq._core.proxy cimport Part, Relay, relay_drop, relay_run
from peromq._core.types cimport T_PULL, T_ROUTER, T_SUB, Sock
from peromq._core.sysio cimport POLLIN, POLLOUT, POLLPRI, now_ns, pollfd, sigset_t
from peromq._core.wait cimport wait_any, wait_readable


cdef extern from "<signal.h>" nogil:
    int sigemptyset(sigset_t*)
    int sigaddset(sigset_t*, int)


def poll_cores(list items, long timeout_ms, list blocked=None):
    """[(index, events)] of the items that are ready; waits for one, at most timeout_ms (< 0: for ever).

    items: (SocketCore or descriptor, POLLIN | POLLOUT | POLLERR | POLLPRI). blocked: the only signals that are held back while it
    waits; any other one ends the wait.
    """
    cdef sigset_t mask
    cdef bint masked = blocked is not None
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
        sigemptyset(&mask)
        if masked:
            for number in blocked:
                if sigaddset(&mask, number) != 0:
                    raise ValueError(f"{number} is no signal")
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
            if ready or (timeout_ms == 0 and not masked) or rc == EAGAIN:
                if n_fds:
                    with nogil:
                        wait_any(NULL, NULL, 0, fds, n_fds, 0, NULL)
                    collect(items, fds, ready)
                return ready
            with nogil:
                if n_socks == 1 and n_fds == 0 and wanted == 1 and not masked:
                    rc = wait_readable(socks[0], seen[0], deadline)
                else:
                    rc = wait_any(socks, seen, n_socks, fds, n_fds, deadline, &mask if masked else NULL)
            if rc == 0 or rc == EINTR:
                PyErr_CheckSignals()
            elif rc != EAGAIN:
                raise make_error(rc)
            if rc == EINTR:
                if masked:
                    return ready
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


cdef class Proxy:
    """What a proxy is at: run() forwards both ways without the GIL. Of one thread.

    prefixes: for the messages that capture gets, (frontend's, backend's): then ROUTER to ROUTER swaps ids, as in monitored_queue.
    interruptible: signals are looked for even while there is always something to do; for the main thread.
    """
    cdef Relay r
    cdef SocketCore frontend, backend, capture, control
    cdef object prefixes

    def __cinit__(self):
        self.r.there.in_hand = new vector[Part]()
        self.r.back.in_hand = new vector[Part]()

    def __init__(self, SocketCore frontend not None, SocketCore backend not None, SocketCore capture=None,
                 SocketCore control=None, tuple prefixes=None, bint interruptible=False):
        cdef Relay* r = &self.r
        cdef SocketCore core
        for core in (frontend, backend, capture, control):
            if core is not None and core.s == NULL:
                raise make_error(ENOTSOCK)
        if capture is not None and capture.s.type in (T_PULL, T_SUB):
            raise make_error(ENOTSUP)
        self.frontend, self.backend, self.capture, self.control = frontend, backend, capture, control
        r.there.src = r.back.dst = frontend.s
        r.there.dst = r.back.src = backend.s
        r.capture = capture.s if capture is not None else NULL
        r.control = control.s if control is not None else NULL
        r.interruptible = interruptible
        if prefixes is not None:
            self.prefixes = prefixes
            r.there.prefix, r.there.prefix_size = <const uint8_t*><char*>prefixes[0], len(prefixes[0])
            r.back.prefix, r.back.prefix_size = <const uint8_t*><char*>prefixes[1], len(prefixes[1])
            r.swap = frontend.s.type == T_ROUTER and backend.s.type == T_ROUTER

    def __dealloc__(self):
        relay_drop(&self.r)
        del self.r.there.in_hand
        del self.r.back.in_hand

    def run(self):
        """Returns when the control socket is readable; else raises: ENOTSOCK, ETERM, or what a signal handler raises."""
        cdef int rc
        while True:
            with nogil:
                rc = relay_run(&self.r)
            settle(self.frontend)
            if rc == 0:
                return
            if rc == EINTR:
                PyErr_CheckSignals()
            else:
                raise make_error(rc)

    def counts(self):
        """(messages, octets) in and out of the frontend, in and out of the backend: eight numbers."""
        there = self.r.there.messages, self.r.there.octets
        back = self.r.back.messages, self.r.back.octets
        return there + back + back + there
