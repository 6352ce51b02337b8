from libc.stdint cimport uint8_t
from peromq._core.types cimport Chunk, FrameRef, Sock

cdef int req_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil
cdef int req_peek(Sock* s, FrameRef* fr) noexcept nogil
cdef void req_done(Sock* s, FrameRef* fr) noexcept nogil
cdef int rep_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil
cdef int rep_peek(Sock* s, FrameRef* fr) noexcept nogil
cdef void rep_done(Sock* s, FrameRef* fr) noexcept nogil
