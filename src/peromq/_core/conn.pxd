from peromq._core.types cimport Conn, Group, Pipe

cdef Conn* conn_new(Pipe* p, Group* g, int fd) noexcept nogil
cdef void conn_teardown(Conn* c) noexcept nogil
