from libc.stdint cimport uint8_t, uint32_t
from peromq._core.flow cimport Chunk
from peromq._core.handles_base cimport CoreHandle
from peromq._core.types cimport Sock

cdef struct Part:                # of a message to be sent
    const uint8_t* data
    size_t size
    Chunk* pin                   # holds data's memory, or NULL
    bint viewed                  # or this does
    Py_buffer view

cdef struct Whom:                # RADIO, SERVER, PEER: to whom a message goes
    const char* group
    size_t size
    uint32_t number

cdef object not_bytes(object data)
cdef object part_of(CoreHandle self, Part* part, object data, bint copy, bint track)
cdef void part_end(Part* part)
cdef bytes whom_of(Whom* whom, object data, object routing_id, object group)
cdef int put_message(Sock* s, const Part* parts, Py_ssize_t n, bint more) noexcept nogil
cdef int put_for(Sock* s, const Part* parts, Py_ssize_t n, bint more, const Whom* whom) noexcept nogil
