# Frames of peers older than ZMTP 3.
#
#   RFC 13 (1.0): length, flags, body: the length counts flags and body, and has one octet below 255, else FF and eight octets
#   RFC 15 (2.0): flags, size, body, as ZMTP 3, but no commands
#
# The peer's first frame is its identity, which makes no plain frame here: a ROUTER's handshake has read it, others do not want it. Where
# the peer may not be able to subscribe (a SUB of libzmq 2), a subscription to everything stands in its place, as in libzmq.
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memmove

from peromq._core.codec cimport UNIT_FRAME, UNIT_IN_PLACE, UNIT_NONE, UNSPECIFIED, CodecKind, Unit
from peromq._core.flow cimport F_COMMAND, F_LONG, F_MORE, frame_size, get_size8, put_header

cdef enum:
    LONG_LENGTH = 255            # 1.0: what is not less needs eight octets

cdef struct OldCodec:
    Codec base
    int64_t identity_limit       # rd: the identity is to come, of at most so many octets; -1: it has come
    int subscribed               # const

cdef CodecKind kind_1
cdef CodecKind kind_2


cdef Codec* old_new(int version, int64_t identity_limit, bint subscribed) noexcept nogil:
    cdef OldCodec* k = <OldCodec*>calloc(1, sizeof(OldCodec))
    if k == NULL:
        return NULL
    k.base.kind = &kind_1 if version == 1 else &kind_2
    k.identity_limit = identity_limit
    k.subscribed = subscribed
    return &k.base


cdef void old_free(Codec* k) noexcept nogil:
    free(k)


# ---------------------------------------------------------------- reading

cdef int sized(Codec* k, size_t head, uint64_t body, Unit* u) noexcept nogil:
    cdef OldCodec* o = <OldCodec*>k
    u.head = head
    u.body = u.size = body
    u.form = UNIT_IN_PLACE
    if body >> 62:
        return -UNSPECIFIED
    if o.identity_limit >= 0:
        if <int64_t>body > o.identity_limit:
            return -UNSPECIFIED
        u.size = 1
        u.form = UNIT_FRAME if o.subscribed else UNIT_NONE
    return 1


cdef int peek_1(Codec* k, const uint8_t* d, size_t n, Unit* u) noexcept nogil:
    cdef size_t head = 2 if d[0] < LONG_LENGTH else 10
    cdef uint64_t length = d[0]
    if length == 0:
        return -UNSPECIFIED                     # RFC 13 lets frames without flags pass in silence; libzmq does not
    if n < head:
        return 0
    if head == 10:
        length = get_size8(d + 1)
        if length == 0:
            return -UNSPECIFIED
    return sized(k, head, length - 1, u)


cdef int peek_2(Codec* k, const uint8_t* d, size_t n, Unit* u) noexcept nogil:
    cdef size_t head = 9 if d[0] & F_LONG else 2
    if n < head:
        return 0
    return sized(k, head, get_size8(d + 1) if head == 9 else d[1], u)


cdef int take(Codec* k, const uint8_t* src, Unit* u, uint8_t* dst) noexcept nogil:
    """The body. 0: it was the identity's."""
    cdef OldCodec* o = <OldCodec*>k
    if o.identity_limit >= 0:
        o.identity_limit = -1
        if dst != NULL:
            dst[0] = 1                          # RFC 23: subscription = message of 01 and a topic, here none
        return 0
    if u.size:
        memmove(dst, src, u.size)
    return 1


cdef int open_1(Codec* k, const uint8_t* head, const uint8_t* src, Unit* u, uint8_t* dst, uint8_t* flags) noexcept nogil:
    flags[0] = 0
    if take(k, src, u, dst):
        flags[0] = head[u.head - 1] & F_MORE    # RFC 13: bits 1 to 7 are reserved; libzmq does not look at them
    return 0


cdef int open_2(Codec* k, const uint8_t* head, const uint8_t* src, Unit* u, uint8_t* dst, uint8_t* flags) noexcept nogil:
    flags[0] = 0
    if take(k, src, u, dst):
        flags[0] = head[0] & (F_MORE | F_COMMAND)
        if flags[0] & F_COMMAND and u.size:
            dst[0] = 0                          # there are none in 2.0: one without a name is dropped, as libzmq drops all of them
    return 0


# ---------------------------------------------------------------- writing

cdef size_t wire_size_1(Codec* k, uint8_t flags, size_t n) noexcept nogil:
    if flags & F_COMMAND:
        return 0
    return n + 2 if n + 1 < LONG_LENGTH else n + 10


cdef int seal_1(Codec* k, uint8_t flags, const uint8_t* body, size_t n, uint8_t* out) noexcept nogil:
    cdef size_t head = 2
    cdef int i
    if flags & F_COMMAND:
        return 0
    if n + 1 < LONG_LENGTH:
        out[0] = <uint8_t>(n + 1)
    else:
        out[0] = LONG_LENGTH
        for i in range(8):
            out[1 + i] = <uint8_t>((n + 1) >> (56 - 8 * i))
        head = 10
    out[head - 1] = flags & F_MORE
    if n:
        memcpy(out + head, body, n)
    return 0


cdef size_t wire_size_2(Codec* k, uint8_t flags, size_t n) noexcept nogil:
    if flags & F_COMMAND:
        return 0
    return frame_size(n)


cdef int seal_2(Codec* k, uint8_t flags, const uint8_t* body, size_t n, uint8_t* out) noexcept nogil:
    cdef uint8_t* d
    if flags & F_COMMAND:
        return 0
    d = put_header(out, flags & F_MORE, n)
    if n:
        memcpy(d, body, n)
    return 0


kind_1.peek = peek_1
kind_1.open = open_1
kind_1.wire_size = wire_size_1
kind_1.seal = seal_1
kind_1.free = old_free
kind_2.peek = peek_2
kind_2.open = open_2
kind_2.wire_size = wire_size_2
kind_2.seal = seal_2
kind_2.free = old_free
