from libc.stdint cimport uint8_t
from peromq._core.types cimport Conn, Group

cdef enum:
    STREAMING = 2                # conn_read: a large body is on its way

cdef int conn_read(Conn* c) noexcept nogil
cdef int conn_resume(Conn* c) noexcept nogil
cdef int conn_feed(Conn* c, const uint8_t* data, size_t n) noexcept nogil
cdef int group_read(Group* g) noexcept nogil
cdef void watch(Conn* c, bint on) noexcept nogil
