from libc.stdint cimport int64_t, uint8_t
from libcpp.atomic cimport memory_order_acquire
from peromq._core.codec cimport Codec
from peromq._core.types cimport S_TERM, Engine, Pipe, Sock, Terms

cdef enum:
    FLUSH_AT = 65536            # a sender helps writing when this much has gathered

cdef Sock* sock_new(Engine* e, int type) noexcept nogil
cdef Pipe* pipe_new_wire(Sock* s, int64_t token, int bound, Terms* terms) noexcept nogil
cdef Pipe* pipe_blank(Sock* s, int64_t token) noexcept nogil
cdef int sock_add_pipe(Sock* s, Pipe* p) noexcept nogil
cdef void sock_drop_pipe(Sock* s, Pipe* p) noexcept nogil
cdef void sock_process(Sock* s) noexcept nogil
cdef int sock_attach(Sock* s, Pipe* p, int fd, const uint8_t* data, size_t n, int thread, Codec* codec) noexcept nogil
cdef void pipe_close(Sock* s, Pipe* p) noexcept nogil
cdef void pipe_abort(Sock* s, Pipe* p) noexcept nogil
cdef Pipe* sock_find(Sock* s, int64_t token) noexcept nogil
cdef void pipe_committed(Sock* s, Pipe* p) noexcept nogil
cdef bint pipe_writable(Pipe* p) noexcept nogil
cdef void pipe_consumed(Pipe* p) noexcept nogil
cdef void sock_flush(Sock* s) noexcept nogil

cdef inline int sock_state(Sock* s) noexcept nogil:
    """0 while the socket can be used; S_CLOSED, S_TERM."""
    return s.state.load(memory_order_acquire) | (S_TERM if s.engine.terminated.load(memory_order_acquire) else 0)
cdef void sock_close(Sock* s) noexcept nogil
cdef bint sock_has_peer(Sock* s, Pipe* mine) noexcept nogil
cdef bint pipe_pending(Pipe* p) noexcept nogil
