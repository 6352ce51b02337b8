from libc.stdint cimport int64_t, uint64_t
from peromq._core.sysio cimport pollfd, sigset_t
from peromq._core.types cimport Sock, WaitLink

cdef enum:
    MAX_WAIT_SOCKS = 2

cdef int wait_readable(Sock* s, uint64_t seen, int64_t deadline) noexcept nogil
cdef int wait_any(Sock** socks, const uint64_t* seen, int n, pollfd* fds, int n_fds, int64_t deadline, sigset_t* blocked) noexcept nogil
cdef bint enlist(Sock* s, WaitLink* w, uint64_t seen) noexcept nogil
cdef void delist(Sock* s, WaitLink* w) noexcept nogil
cdef void drop_leases(Sock* s) noexcept nogil
cdef bint read_leased(Sock* s) noexcept nogil
