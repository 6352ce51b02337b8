from peromq._core.types cimport Engine, IoThread

cdef int io_start(IoThread* io, Engine* e, int index, const char* name) noexcept nogil
cdef void io_stop(IoThread* io) noexcept nogil
cdef void io_free(IoThread* io) noexcept nogil
