from libc.stdint cimport uint8_t
from libcpp.string cimport string
from peromq._core.types cimport OK, Chunk, FrameRef, Pipe, Sock

cdef extern from *:
    """
    #define PEROMQ_EFSM 156384763
    #define PEROMQ_ENOTSUP 95
    """
    enum:
        EFSM "PEROMQ_EFSM"
        ENOTSUP "PEROMQ_ENOTSUP"

cdef int send_frame(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil
cdef int recv_peek(Sock* s, FrameRef* out) noexcept nogil
cdef void recv_done(Sock* s, FrameRef* fr) noexcept nogil
cdef bint can_recv(Sock* s) noexcept nogil
cdef bint can_send(Sock* s) noexcept nogil

# The life of a peer, in this order; connected to hiccup once per connection.
cdef void pattern_added(Sock* s, Pipe* p) noexcept nogil
cdef void pattern_connected(Sock* s, Pipe* p) noexcept nogil
cdef void pattern_joined(Sock* s, Pipe* p) noexcept nogil
cdef void pattern_input(Sock* s, Pipe* p) noexcept nogil
cdef void pattern_hiccup(Sock* s, Pipe* p) noexcept nogil
cdef void pattern_ended(Sock* s, Pipe* p) noexcept nogil
cdef void pattern_left(Sock* s, Pipe* p) noexcept nogil

# for the patterns in files of their own
cdef bint pipe_peek(Pipe* p, FrameRef* fr) noexcept nogil
cdef int fq_peek(Sock* s, FrameRef* fr) noexcept nogil
cdef void fq_done(Sock* s, FrameRef* fr) noexcept nogil
cdef void fq_skip_message(Sock* s, FrameRef* fr) noexcept nogil
cdef bint fq_reject(Sock* s, FrameRef* fr, int* rejected) noexcept nogil
cdef Pipe* lb_pick(Sock* s) noexcept nogil
cdef int put(Pipe* p, uint8_t flags, const uint8_t* data, size_t n, Chunk* pin) noexcept nogil
cdef void commit(Sock* s, Pipe* p) noexcept nogil
cdef int put_or_fail(Sock* s, Pipe* p, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil
cdef void deliver(Sock* s, Pipe* p, const string* text) noexcept nogil


cdef inline int swallow(Sock* s, bint more) noexcept nogil:
    """A frame of a message that goes nowhere."""
    s.out_more = more
    s.out_drop = more
    return OK
