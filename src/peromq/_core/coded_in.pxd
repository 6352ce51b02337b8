from libc.stdint cimport uint8_t

from peromq._core.types cimport Conn

cdef int coded_read(Conn* c, bint* news) noexcept nogil
cdef int coded_resume(Conn* c, bint* news) noexcept nogil
cdef int coded_feed(Conn* c, const uint8_t* data, size_t n, bint* news) noexcept nogil
