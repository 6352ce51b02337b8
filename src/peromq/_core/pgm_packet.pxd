from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp

from peromq._core.pgm cimport Datagram, Nla, Packet

cdef int pgm_parse(const uint8_t* d, size_t n, Packet* p) noexcept nogil
cdef void pgm_seal(uint8_t* d, size_t n) noexcept nogil
cdef void pgm_header(uint8_t* d, uint8_t type, uint8_t options, uint16_t sport, uint16_t dport, uint64_t gsi, uint16_t tsdu) noexcept nogil
cdef void pgm_make_nak(Datagram* out, uint8_t type, uint16_t sport, uint16_t dport, uint64_t gsi, const uint32_t* sqns, int count,
                       const Nla* source, const Nla* group) noexcept nogil
cdef void pgm_make_spm(Datagram* out, uint16_t sport, uint16_t dport, uint64_t gsi, uint32_t sqn, uint32_t trail, uint32_t lead,
                       const Nla* nla, bint fin) noexcept nogil
cdef void pgm_make_spmr(Datagram* out, uint16_t sport, uint16_t dport, uint64_t gsi) noexcept nogil


cdef inline uint16_t get2(const uint8_t* d) noexcept nogil:
    return <uint16_t>((d[0] << 8) | d[1])


cdef inline uint32_t get4(const uint8_t* d) noexcept nogil:
    return (<uint32_t>d[0] << 24) | (<uint32_t>d[1] << 16) | (<uint32_t>d[2] << 8) | d[3]


cdef inline void put2(uint8_t* d, uint32_t v) noexcept nogil:
    d[0] = <uint8_t>(v >> 8)
    d[1] = <uint8_t>v


cdef inline void put4(uint8_t* d, uint32_t v) noexcept nogil:
    put2(d, v >> 16)
    put2(d + 2, v)


cdef inline bint before(uint32_t a, uint32_t b) noexcept nogil:
    """a < b on the circle of sequence numbers."""
    return (a - b) >> 31


cdef inline bint same_nla(const Nla* a, const Nla* b) noexcept nogil:
    return a.afi == b.afi and memcmp(a.ip, b.ip, 4 if a.afi == 1 else 16) == 0
