from libc.stdint cimport uint8_t
from libcpp.atomic cimport memory_order_relaxed

from peromq._core.types cimport Conn

cdef enum:
    FIRST_BODY = 1 << 20                 # a large body's memory grows with what arrives: a size alone costs nothing
    BULK = 1 << 17                       # so much of a body to come is waited for in the kernel, up to LOW_WATER at a time
    SCRATCH = 4096                       # room for what may come behind a body

cdef int grow_body(Conn* c, size_t need) noexcept nogil
cdef int finish_body(Conn* c, const uint8_t* rest, size_t n, bint* news) noexcept nogil
cdef int body_done(Conn* c, uint8_t flags, bint* news) noexcept nogil
cdef int read_body(Conn* c, bint* news) noexcept nogil
cdef void set_low_water(Conn* c) noexcept nogil


cdef inline bint streaming(Conn* c) noexcept nogil:
    """Is so much of a large body to come that it is better to sleep until a good part of it is there?

    Fewer wake-ups, and the reader does not hold the socket while the sender's octets arrive. Only in a row of messages: a single one is
    here sooner if it is copied while it arrives. Not with heartbeats, which need to hear of every octet, nor from peers that have shown
    to take their time (a small SNDBUF lets them wait for acknowledgements).
    """
    return (c.in_a_row and c.body != NULL and c.body.size - c.body_got >= BULK and not c.unhurried
            and not c.hb_ivl and not c.ttl_until.load(memory_order_relaxed))
