from peromq._core.handles_watch cimport WatchHandle

cdef class SocketCore(WatchHandle):
    pass
