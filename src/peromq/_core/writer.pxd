from peromq._core.types cimport Conn

cdef int conn_write(Conn* c, bint go_idle) noexcept nogil
cdef int conn_out_event(Conn* c) noexcept nogil
cdef void conn_queue_ping(Conn* c) noexcept nogil
