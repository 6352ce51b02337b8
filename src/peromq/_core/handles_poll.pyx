# poll and proxy: calls that concern several sockets. The rules of this border are in handles.pyx.
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EAGAIN, EINTR, ENOTSOCK
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libcpp.atomic cimport memory_order_seq_cst

from peromq._core.handles_frame cimport make_error
from peromq._core.handles_base cimport poll_now, settle
from peromq._core.handles cimport SocketCore
from peromq._core.proxy cimport proxy_run
from peromq._core.types cimport Sock
from peromq._core.sysio cimport POLLIN, POLLOUT, POLLPRI, now_ns, pollfd
from peromq._core.wait cimport wait_any, wait_readable


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
