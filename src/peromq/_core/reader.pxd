from libc.stdint cimport uint8_t
from peromq._core.types cimport Conn, Group

cdef enum:
    STREAMING = 2                        # conn_read: a large body is on its way
    PROTOCOL_ERROR = 0x10000000          # ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED

cdef int conn_read(Conn* c) noexcept nogil
cdef int conn_resume(Conn* c) noexcept nogil
cdef int conn_feed(Conn* c, const uint8_t* data, size_t n) noexcept nogil
cdef int group_read(Group* g) noexcept nogil
cdef void watch(Conn* c, bint on) noexcept nogil
cdef void stop_watching(Conn* c) noexcept nogil

# for body.pyx and coded_in.pyx
cdef int read_ended(Conn* c, ssize_t r) noexcept nogil
cdef int scan_and_judge(Conn* c, bint* news) noexcept nogil
