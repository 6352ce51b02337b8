from libc.stdint cimport int64_t
from libcpp.string cimport string
from peromq._core.types cimport Pipe, Sock

cdef int pair_new(Sock* a, Sock* b, int64_t token, Pipe** near, Pipe** far) noexcept nogil
cdef int pair_adopt(Pipe* far, Sock* b, int64_t token) noexcept nogil
cdef void pair_marks(Sock* s, Pipe* p) noexcept nogil
cdef void pair_named(Pipe* far, const string* rid) noexcept nogil
cdef void pair_orphan(Pipe* far) noexcept nogil
