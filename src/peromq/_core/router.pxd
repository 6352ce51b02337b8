from libc.stdint cimport uint8_t
from peromq._core.types cimport Chunk, FrameRef, Pipe, Sock

cdef int router_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil
cdef int router_peek(Sock* s, FrameRef* fr) noexcept nogil
cdef void router_done(Sock* s, FrameRef* fr) noexcept nogil
cdef bint router_writable(Sock* s) noexcept nogil
cdef Pipe* router_find(Sock* s, const char* rid, size_t n) noexcept nogil
cdef int router_room(Sock* s, const char* rid, size_t n) noexcept nogil
cdef void router_name(Sock* s, Pipe* p, const char* rid, size_t n) noexcept nogil
cdef void router_expect(Sock* s, Pipe* p) noexcept nogil
cdef void router_joined(Sock* s, Pipe* p) noexcept nogil
cdef void router_left(Sock* s, Pipe* p) noexcept nogil
cdef void router_farewell(Sock* s, Pipe* p) noexcept nogil
