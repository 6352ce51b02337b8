from libc.stdint cimport uint8_t, uint32_t
from peromq._core.flow cimport Chunk, ReleaseQueue

cdef class Pin:
    cdef object owner
    cdef Py_buffer view
    cdef bint viewed
    cdef object event

cdef class Frame:
    cdef Chunk* chunk            # pins the memory, or NULL
    cdef const uint8_t* data
    cdef size_t size
    cdef Pin guard               # held by this frame and by every send of it under way
    cdef object engine           # keeps the release queue alive
    cdef public bint more
    cdef uint32_t number         # routing_id
    cdef bytes group_name
    cdef object _tracker
    cdef object _bytes
    cdef object _buffer
    cdef Chunk* properties

cdef uint32_t number_of(object value) except? 0
cdef object group_of(object value)
cdef Frame frame_received(Chunk* chunk, const uint8_t* data, size_t size, bint more, Chunk* properties, object engine)
cdef void drain_releases(ReleaseQueue* q)
cdef object make_error(int number)
cdef object finished_tracker()
