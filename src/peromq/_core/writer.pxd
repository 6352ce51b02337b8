from libc.stdint cimport uint32_t, uint64_t

from peromq._core.flow cimport KIND_BODY
from peromq._core.types cimport Chunk, Conn

cdef int conn_write(Conn* c, bint go_idle) noexcept nogil
cdef int conn_out_event(Conn* c) noexcept nogil
cdef void conn_queue_ping(Conn* c) noexcept nogil
cdef void credit_all(Conn* c, Chunk* last, uint64_t last_pub) noexcept nogil
cdef void credit_walk(Conn* c) noexcept nogil


cdef inline size_t readable(Chunk* ch, uint64_t p) noexcept nogil:
    """Octets of ch that may go to the kernel."""
    if ch.kind == KIND_BODY:
        return ch.size if <uint32_t>p else 0
    return <uint32_t>p
