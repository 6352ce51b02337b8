from libc.stdint cimport uint8_t

from peromq._core.flow cimport F_MORE
from peromq._core.types cimport Conn

cdef int handle_command(Conn* c, const uint8_t* d, size_t n) noexcept nogil
cdef int check_group(Conn* c, uint8_t flags, size_t n) noexcept nogil


cdef inline int check_frame(Conn* c, uint8_t flags, size_t n) noexcept nogil:
    """REQ accepts only replies that start with a delimiter, or a 4-octet id and one (RFC 28; libzmq closes otherwise)."""
    if c.check >= 4:
        return check_group(c, flags, n)
    if c.check == 1:
        if flags & F_MORE and n == 0:
            c.check = 3
        elif flags & F_MORE and n == 4:
            c.check = 2
        else:
            return -1
    elif c.check == 2:
        if not (flags & F_MORE and n == 0):
            return -1
        c.check = 3
    elif not flags & F_MORE:
        c.check = 1
    return 0
