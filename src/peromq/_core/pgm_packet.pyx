# PGM packets (RFC 3208, section 8 and 9), read and written. Whatever a stranger sends ends in a Packet or in a reason to drop it.
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from peromq._core.pgm cimport (DATA_HEADER, DROP_CHECKSUM, DROP_LENGTH, DROP_NLA, DROP_OPTIONS, DROP_PARITY, DROP_SHORT,
                               DROP_TYPE, HEADER, NAK_MAX, OPT_NETWORK, OPT_PARITY, OPT_PRESENT, PGM_NAK, PGM_NCF, PGM_NNAK,
                               PGM_ODATA, PGM_RDATA, PGM_SPM, PGM_SPMR, TAKEN)

cdef enum:                    # option types
    LENGTH = 0x00
    FRAGMENT = 0x01
    NAK_LIST = 0x02
    FIN = 0x0E
    LAST = 0x80               # the last one is marked
    MOST_OPTIONS = 16         # RFC 3208, 9.1: "a maximum of 16"


cdef uint16_t ones_sum(const uint8_t* d, size_t n) noexcept nogil:
    """The one's complement sum of the 16-bit words, in the machine's order of octets (RFC 1071); an odd octet is padded with zero."""
    cdef uint64_t total = 0
    cdef uint32_t word
    cdef size_t i
    for i in range(n >> 2):
        memcpy(&word, d + 4 * i, 4)
        total += word
    if n & 3:
        word = 0
        memcpy(&word, d + (n & ~<size_t>3), n & 3)
        total += word
    total = (total & <uint64_t>0xffffffff) + (total >> 32)
    total = (total & <uint64_t>0xffffffff) + (total >> 32)
    total = (total & 0xffff) + (total >> 16)
    total = (total & 0xffff) + (total >> 16)
    return <uint16_t>total


cdef void pgm_seal(uint8_t* d, size_t n) noexcept nogil:
    """Write the checksum; a sum of zero is sent as FFFF, for zero means that there is none."""
    cdef uint16_t sum
    memset(d + 6, 0, 2)
    sum = <uint16_t>~ones_sum(d, n)
    if sum == 0:
        sum = 0xffff
    memcpy(d + 6, &sum, 2)


# ---------------------------------------------------------------- reading

cdef size_t read_nla(const uint8_t* d, size_t n, Nla* nla) noexcept nogil:
    """Octets taken; 0: malformed."""
    cdef size_t length
    if n < 8:
        return 0
    nla.afi = d[1]
    if d[0] or not 1 <= nla.afi <= 2:
        return 0
    length = 4 if nla.afi == 1 else 16
    if n < 4 + length:
        return 0
    memset(nla.ip, 0, 16)
    memcpy(nla.ip, d + 4, length)
    return 4 + length


cdef size_t read_options(const uint8_t* d, size_t n, Packet* p) noexcept nogil:
    """Octets of all options; 0: malformed."""
    cdef size_t total, length
    cdef size_t at = 4
    cdef uint8_t kind
    if n < 4 or d[0] != LENGTH or d[1] != 4:
        return 0
    total = get2(d + 2)
    if total > n or total < 8:
        return 0
    for _ in range(MOST_OPTIONS):
        if total - at < 4:
            return 0
        kind = d[at]
        length = d[at + 1]
        if length < 4 or length > total - at:
            return 0
        if kind & ~LAST == NAK_LIST:
            if length & 3 or length < 8 or length > 4 * NAK_MAX:
                return 0
            p.sqns = d + at + 4
            p.n_list = <int>(length >> 2) - 1
        elif kind & ~LAST == FRAGMENT:
            if length < 16:
                return 0
            p.fragment = get4(d + at + 12) != p.tsdu
        elif kind & ~LAST == FIN:
            p.fin = True
        at += length
        if kind & LAST:
            return total if at == total else 0
    return 0


cdef int pgm_parse(const uint8_t* d, size_t n, Packet* p) noexcept nogil:
    """TAKEN, or why not."""
    cdef size_t at = HEADER
    cdef size_t k
    memset(p, 0, sizeof(Packet))
    if n < HEADER:
        return DROP_SHORT
    p.type = d[4]
    p.options = d[5]
    if d[6] | d[7]:
        if ones_sum(d, n) != 0xffff:
            return DROP_CHECKSUM
    elif p.type == PGM_ODATA or p.type == PGM_RDATA:
        return DROP_CHECKSUM            # RFC 3208, 8: "checksums are REQUIRED for ODATA and RDATA"
    p.sport = get2(d)
    p.dport = get2(d + 2)
    p.gsi = (<uint64_t>get2(d + 8) << 32) | get4(d + 10)
    p.tsdu = get2(d + 14)
    if p.type == PGM_SPMR:
        return TAKEN
    if p.type == PGM_SPM:
        if n < HEADER + 12:
            return DROP_SHORT
        p.sqn = get4(d + 16)
        p.trail = get4(d + 20)
        p.lead = get4(d + 24)
        at += 12
        k = read_nla(d + at, n - at, &p.source)
        if k == 0:
            return DROP_NLA
        at += k
    elif p.type == PGM_ODATA or p.type == PGM_RDATA:
        if n < DATA_HEADER:
            return DROP_SHORT
        p.sqn = get4(d + 16)
        p.trail = get4(d + 20)
        at = DATA_HEADER
        if p.options & OPT_PARITY:
            return DROP_PARITY
    elif p.type == PGM_NAK or p.type == PGM_NCF or p.type == PGM_NNAK:
        if n < HEADER + 4:
            return DROP_SHORT
        p.sqn = get4(d + 16)
        at += 4
        k = read_nla(d + at, n - at, &p.source)
        if k == 0:
            return DROP_NLA
        at += k
        k = read_nla(d + at, n - at, &p.group)
        if k == 0:
            return DROP_NLA
        at += k
        if p.options & OPT_PARITY:
            return DROP_PARITY
    else:
        return DROP_TYPE
    if p.options & OPT_PRESENT:
        k = read_options(d + at, n - at, p)
        if k == 0:
            return DROP_OPTIONS
        at += k
    p.data = d + at
    p.size = <uint32_t>(n - at)
    if (p.type == PGM_ODATA or p.type == PGM_RDATA) and p.size != p.tsdu:
        return DROP_LENGTH
    return TAKEN


# ---------------------------------------------------------------- writing

cdef void pgm_header(uint8_t* d, uint8_t type, uint8_t options, uint16_t sport, uint16_t dport, uint64_t gsi, uint16_t tsdu) noexcept nogil:
    put2(d, sport)
    put2(d + 2, dport)
    d[4] = type
    d[5] = options
    d[6] = d[7] = 0
    put2(d + 8, <uint32_t>(gsi >> 32))
    put4(d + 10, <uint32_t>gsi)
    put2(d + 14, tsdu)


cdef size_t put_nla(uint8_t* d, const Nla* nla) noexcept nogil:
    cdef size_t length = 4 if nla.afi == 1 else 16
    put4(d, <uint32_t>nla.afi << 16)
    memcpy(d + 4, nla.ip, length)
    return 4 + length


cdef void finish(Datagram* out, size_t n) noexcept nogil:
    pgm_seal(out.own, n)
    out.data = out.own
    out.size = <uint32_t>n
    out.to.afi = 0


cdef void pgm_make_spm(Datagram* out, uint16_t sport, uint16_t dport, uint64_t gsi, uint32_t sqn, uint32_t trail, uint32_t lead,
                       const Nla* nla, bint fin) noexcept nogil:
    cdef uint8_t* d = out.own
    cdef size_t n = HEADER + 12
    pgm_header(d, PGM_SPM, OPT_PRESENT if fin else 0, sport, dport, gsi, 0)
    put4(d + 16, sqn)
    put4(d + 20, trail)
    put4(d + 24, lead)
    n += put_nla(d + n, nla)
    if fin:
        put4(d + n, 0x00040008)
        put4(d + n + 4, <uint32_t>(LAST | FIN) << 24 | 0x00040000)
        n += 8
    finish(out, n)


cdef void pgm_make_nak(Datagram* out, uint8_t type, uint16_t sport, uint16_t dport, uint64_t gsi, const uint32_t* sqns, int count,
                       const Nla* source, const Nla* group) noexcept nogil:
    """A NAK or NCF for up to NAK_MAX sequence numbers."""
    cdef uint8_t* d = out.own
    cdef size_t n = HEADER + 4
    cdef int i
    pgm_header(d, type, OPT_PRESENT | OPT_NETWORK if count > 1 else 0, sport, dport, gsi, 0)
    put4(d + 16, sqns[0])
    n += put_nla(d + n, source)
    n += put_nla(d + n, group)
    if count > 1:
        put4(d + n, 0x00040000 + 4 * (count + 1))
        put4(d + n + 4, <uint32_t>(LAST | NAK_LIST) << 24 | <uint32_t>(4 * count) << 16)
        n += 8
        for i in range(1, count):
            put4(d + n, sqns[i])
            n += 4
    finish(out, n)


cdef void pgm_make_spmr(Datagram* out, uint16_t sport, uint16_t dport, uint64_t gsi) noexcept nogil:
    pgm_header(out.own, PGM_SPMR, 0, sport, dport, gsi, 0)
    finish(out, HEADER)
