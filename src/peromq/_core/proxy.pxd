from peromq._core.types cimport Sock

cdef int proxy_run(Sock* a, Sock* b, Sock* capture) noexcept nogil
