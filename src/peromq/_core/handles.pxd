from peromq._core.handles_kinds cimport KindHandle

cdef class SocketCore(KindHandle):
    pass
