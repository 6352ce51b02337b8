from peromq._core.types cimport Engine as CEngine, Sock

cdef class Engine:
    cdef CEngine* e
    cdef public int event_fd
    cdef bint forked
    cdef int made                # I/O threads begun

cdef class SocketCore:
    cdef Sock* s
    cdef Engine engine
    cdef public object copy_threshold
    cdef object __weakref__
