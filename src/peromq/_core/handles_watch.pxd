from peromq._core.handles_kinds cimport KindHandle

cdef class WatchHandle(KindHandle):
    pass
