from peromq._core.handles cimport SocketCore

cdef class ControlHandle(SocketCore):
    pass
