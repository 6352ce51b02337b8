from libc.stdint cimport uint8_t
from peromq._core.types cimport Chunk, FrameRef, Pipe, Sock

cdef void pattern_joined(Sock* s, Pipe* p) noexcept nogil
cdef void pattern_left(Sock* s, Pipe* p) noexcept nogil
cdef void pattern_input(Sock* s, Pipe* p) noexcept nogil
cdef void pattern_hiccup(Sock* s, Pipe* p) noexcept nogil
cdef int send_frame(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil
cdef int recv_peek(Sock* s, FrameRef* out) noexcept nogil
cdef void recv_done(Sock* s, FrameRef* fr) noexcept nogil
cdef bint can_recv(Sock* s) noexcept nogil
cdef bint can_send(Sock* s) noexcept nogil

# for pubsub.pyx
cdef bint pipe_peek(Pipe* p, FrameRef* fr) noexcept nogil
cdef int fq_peek(Sock* s, FrameRef* fr) noexcept nogil
cdef void fq_done(Sock* s, FrameRef* fr) noexcept nogil
cdef int put(Pipe* p, uint8_t flags, const uint8_t* data, size_t n, Chunk* pin) noexcept nogil
cdef void commit(Sock* s, Pipe* p) noexcept nogil
