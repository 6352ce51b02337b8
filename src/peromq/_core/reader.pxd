from libc.stdint cimport uint8_t
from peromq._core.types cimport Conn, Group

cdef enum:
    STREAMING = 2                # conn_read: a large body is on its way

cdef int conn_read(Conn* c) noexcept nogil
cdef int conn_resume(Conn* c) noexcept nogil
cdef int conn_feed(Conn* c, const uint8_t* data, size_t n) noexcept nogil
cdef int group_read(Group* g) noexcept nogil
cdef void watch(Conn* c, bint on) noexcept nogil

# for coded_in.pyx
cdef enum:
    FIRST_BODY = 1 << 20                 # a large body's memory grows with what arrives: a size alone costs nothing
    SCRATCH = 4096

cdef int body_done(Conn* c, uint8_t flags, bint* news) noexcept nogil
cdef int grow_body(Conn* c, size_t need) noexcept nogil
cdef int read_ended(Conn* c, ssize_t r) noexcept nogil
cdef int scan_and_judge(Conn* c, bint* news) noexcept nogil
