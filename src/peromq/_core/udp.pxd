# Connections without a connection: see udp.pyx.
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from peromq._core.types cimport Chunk, Conn, FrameRef, Sock

cdef enum:
    UDP_BATCH = 16               # datagrams per system call
    MAX_DATAGRAM = 8192          # libzmq's limit, both ways: nobody could receive longer ones

cdef extern from "<netinet/in.h>" nogil:
    ctypedef uint32_t socklen_t
    struct sockaddr:
        uint16_t sa_family
    struct in_addr:
        uint32_t s_addr
    struct in6_addr:
        pass
    struct sockaddr_in:
        uint16_t sin_family
        uint16_t sin_port
        in_addr sin_addr
    struct sockaddr_in6:
        uint16_t sin6_family
        uint16_t sin6_port
        in6_addr sin6_addr
        uint32_t sin6_scope_id
    enum: AF_INET, AF_INET6

cdef union Address:              # of an IP socket
    sockaddr any
    sockaddr_in v4
    sockaddr_in6 v6

cdef struct Outgoing:
    Address to
    socklen_t to_size
    uint32_t size

cdef struct Datagrams:
    int addressed                # const: DGRAM: each datagram has an address of its own, and no group
    int receives                 # const
    Address to                   # const: RADIO: where everything goes
    uint8_t* inbox               # rd: UDP_BATCH datagrams, each with an octet more than it may have
    uint8_t* outbox              # wr: those taken from the queue and not sent yet
    Outgoing out[UDP_BATCH]      # wr
    int out_n                    # wr
    int out_at                   # wr

cdef Datagrams* udp_new(int addressed, int receives) noexcept nogil
cdef void udp_free(Datagrams* u) noexcept nogil
cdef int udp_read(Conn* c, int calls) noexcept nogil
cdef int udp_write_once(Conn* c) noexcept nogil
cdef bint udp_has_more(Conn* c) noexcept nogil

cdef int dgram_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil
cdef bint dgram_writable(Sock* s) noexcept nogil

cdef bint split_datagram(const uint8_t* d, size_t n, FrameRef* group, FrameRef* body) noexcept nogil
cdef socklen_t parse_address(const uint8_t* text, size_t n, Address* out) noexcept nogil
cdef size_t format_address(const Address* a, char* out) noexcept nogil
