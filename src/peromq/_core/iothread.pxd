from libc.stdint cimport int64_t
from peromq._core.types cimport Engine, Group, IoThread, Sock

cdef int io_start(IoThread* io, Engine* e, int index, const char* name) noexcept nogil
cdef void io_stop(IoThread* io) noexcept nogil
cdef void io_free(IoThread* io) noexcept nogil
cdef void group_drop(Group* g) noexcept nogil
cdef Group* group_for(Sock* s, IoThread* io) noexcept nogil
cdef bint lease_take(Group* g) noexcept nogil
cdef void lease_return(Group* g) noexcept nogil
cdef void lease_borrow(Group* g) noexcept nogil
cdef bint lease_held(Group* g) noexcept nogil
cdef void lease_drop(Group* g) noexcept nogil
