from peromq._core.handles_base cimport CoreHandle

cdef class SocketCore(CoreHandle):
    pass
