from libc.stdint cimport uint8_t
from peromq._core.types cimport Chunk, FrameRef, Pipe, Sock

cdef int radio_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil
cdef void radio_added(Sock* s, Pipe* p) noexcept nogil
cdef void radio_input(Sock* s, Pipe* p) noexcept nogil
cdef void radio_forget(Sock* s, Pipe* p) noexcept nogil
cdef void radio_left(Sock* s, Pipe* p) noexcept nogil
cdef int dish_join(Sock* s, const uint8_t* group, size_t n, bint on) noexcept nogil
cdef void dish_connected(Sock* s, Pipe* p) noexcept nogil
cdef void dish_joined(Sock* s, Pipe* p) noexcept nogil
cdef int dish_peek(Sock* s, FrameRef* fr) noexcept nogil
