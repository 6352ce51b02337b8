from libc.stdint cimport uint8_t, uint32_t
from peromq._core.types cimport Chunk, Pipe, Sock

cdef int number_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil
cdef void number_added(Sock* s, Pipe* p) noexcept nogil
cdef void number_farewell(Sock* s, Pipe* p) noexcept nogil
cdef void number_left(Sock* s, Pipe* p) noexcept nogil
cdef Pipe* number_find(Sock* s, uint32_t number) noexcept nogil
