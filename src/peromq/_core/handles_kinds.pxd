from peromq._core.handles_control cimport ControlHandle

cdef class KindHandle(ControlHandle):
    pass
