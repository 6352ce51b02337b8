from libc.stdint cimport uint8_t

from peromq._core.pgm cimport Buffer, Feed, Receiver

cdef bint buffer_add(Buffer* b, const uint8_t* d, size_t n) noexcept nogil
cdef void buffer_free(Buffer* b) noexcept nogil
cdef void stream_leave(Receiver* r, Feed* f) noexcept nogil
cdef void stream_feed(Receiver* r, Feed* f, const uint8_t* d, size_t n) noexcept nogil
