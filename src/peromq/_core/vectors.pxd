# A vector of pointers as a set: order does not matter.
from libcpp.vector cimport vector

from peromq._core.types cimport Conn, Group, Pipe, Sock

ctypedef Conn* ConnPtr
ctypedef Group* GroupPtr
ctypedef Pipe* PipePtr
ctypedef Sock* SockPtr

ctypedef fused Kept:
    ConnPtr
    GroupPtr
    PipePtr
    SockPtr


cdef inline bint take_out(vector[Kept]* v, Kept item) noexcept nogil:
    """False: it was not there."""
    cdef size_t i
    for i in range(v.size()):
        if v[0][i] == item:
            v[0][i] = v.back()
            v.pop_back()
            return True
    return False
