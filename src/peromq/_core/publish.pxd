from libc.stdint cimport uint8_t
from peromq._core.types cimport Chunk, FrameRef, Pipe, Sock

cdef int pub_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil
cdef int drop_full(Sock* s) noexcept nogil
cdef void hand_out(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil
cdef void untarget(Sock* s, Pipe* p) noexcept nogil
cdef void pub_joined(Sock* s, Pipe* p) noexcept nogil
cdef void pub_left(Sock* s, Pipe* p) noexcept nogil
cdef void pub_input(Sock* s, Pipe* p) noexcept nogil
cdef int xpub_peek(Sock* s, FrameRef* fr) noexcept nogil
cdef void xpub_done(Sock* s, FrameRef* fr) noexcept nogil
cdef int xpub_manual(Sock* s, const uint8_t* topic, size_t n, bint on) noexcept nogil
