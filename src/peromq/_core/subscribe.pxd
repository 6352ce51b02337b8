from libc.stdint cimport uint8_t
from peromq._core.types cimport Chunk, FrameRef, Pipe, Sock

cdef int xsub_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil
cdef void sub_added(Sock* s, Pipe* p) noexcept nogil
cdef void sub_translate(Pipe* p) noexcept nogil
cdef void sub_hiccup(Sock* s, Pipe* p) noexcept nogil
cdef int sub_peek(Sock* s, FrameRef* fr) noexcept nogil
cdef int sub_subscribe(Sock* s, const uint8_t* topic, size_t n, bint on) noexcept nogil
