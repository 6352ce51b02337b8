from peromq._core.handles_kinds cimport KindHandle

cdef class ControlCore(KindHandle):
    pass
