from libc.stdint cimport int64_t
from libcpp.string cimport string
from peromq._core.types cimport Sock

cdef bint set_option(Sock* s, int option, int64_t value) noexcept nogil
cdef void set_bytes(Sock* s, int option, const string* value) noexcept nogil
