# CURVE's MESSAGE commands (RFC 26): each frame travels in a box of its own, X25519 (done by the handshake) + XSalsa20 + Poly1305.
#
#   RFC 26: message = %d7 "MESSAGE" message-nonce message-box
#           message-nonce = 8OCTET, appended to "CurveZMQMESSAGEC" (client) or "CurveZMQMESSAGES" (server)
#           message-box: payload = flags octet, data
#
# XSalsa20 makes a key of the shared one and the nonce's first 16 octets, then runs Salsa20 with it and the last 8. Those 16 are the
# same for all messages of a direction, so that key is made once. The first 32 octets of the stream are the Poly1305 key.
from libc.errno cimport EOVERFLOW
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

from peromq._core.codec cimport UNIT_IN_PLACE, CodecKind, Unit
from peromq._core.flow cimport F_COMMAND, F_LONG, F_MORE, get_size8, put_header

cdef enum:
    NAME = 8                     # \7MESSAGE
    NONCE = 8
    MAC = 16
    INNER_COMMAND = 2            # RFC 26 defines the flag MORE alone; libzmq has COMMAND here, and not where RFC 37 has it
    STREAM = 512                 # octets of key stream made at once: from 256, libsodium computes blocks side by side
    STATE = 256                  # crypto_onetimeauth_poly1305_statebytes()

cdef enum:                       # ZMQ_PROTOCOL_ERROR_ZMTP_*, as libzmq reports them
    UNEXPECTED_COMMAND = 0x10000001
    INVALID_SEQUENCE = 0x10000002
    MALFORMED_COMMAND = 0x10000011
    MALFORMED_MESSAGE = 0x10000012
    CRYPTOGRAPHIC = 0x11000001

cdef extern from *:
    """
    #include <stdint.h>
    #define PEROMQ_LAST_NONCE UINT64_MAX
    """
    const uint64_t LAST_NONCE "PEROMQ_LAST_NONCE"

cdef struct Curve:
    Codec base
    uint8_t send_key[32]         # const
    uint8_t recv_key[32]         # const
    uint64_t sent                # wr: the last nonce used
    uint64_t received            # rd: the last nonce accepted

cdef Sodium sodium
cdef CodecKind kind


cdef Sodium* sodium_table() noexcept nogil:
    """To be filled in before the first curve_new."""
    return &sodium


cdef Codec* curve_new(const uint8_t* key, const uint8_t* send_prefix, const uint8_t* recv_prefix, uint64_t sent,
                      uint64_t received) noexcept nogil:
    """key: crypto_box_beforenm() of the short-term keys. prefixes: 16 octets. sent, received: the last nonces of the handshake."""
    cdef Curve* k = <Curve*>calloc(1, sizeof(Curve))
    if k == NULL:
        return NULL
    k.base.kind = &kind
    sodium.hsalsa20(k.send_key, send_prefix, key, NULL)
    sodium.hsalsa20(k.recv_key, recv_prefix, key, NULL)
    k.sent = sent
    k.received = received
    return &k.base


cdef void curve_free(Codec* base) noexcept nogil:
    sodium.memzero(base, sizeof(Curve))
    free(base)


cdef inline void put_nonce(uint8_t* d, uint64_t n) noexcept nogil:
    cdef int i
    for i in range(8):
        d[i] = <uint8_t>(n >> (56 - 8 * i))


cdef inline size_t stream_for(size_t n) noexcept nogil:
    """How much key stream to make for a box of n octets: the fewest steps, not the fewest octets."""
    if n <= 32:
        return 64
    return 256 if n <= 224 else STREAM


cdef inline void xor_into(uint8_t* out, const uint8_t* d, const uint8_t* stream, size_t n) noexcept nogil:
    cdef size_t i
    for i in range(n):
        out[i] = d[i] ^ stream[i]


cdef size_t wire_size(Codec* base, uint8_t flags, size_t n) noexcept nogil:
    n += CURVE_EXTRA
    return n + (2 if n < 256 else 9)


cdef int seal(Codec* base, uint8_t flags, const uint8_t* body, size_t n, uint8_t* out) noexcept nogil:
    return curve_seal(base, flags, body, n, put_header(out, 0, n + CURVE_EXTRA))      # no COMMAND: libzmq drops what has it


cdef int curve_seal(Codec* base, uint8_t flags, const uint8_t* body, size_t n, uint8_t* out) noexcept nogil:
    """A MESSAGE command without a frame's header: n + CURVE_EXTRA octets at `out`. 0, or minus the reason."""
    cdef Curve* k = <Curve*>base
    cdef uint8_t stream[STREAM]
    cdef size_t ready = stream_for(n + 1)
    cdef size_t first = min(n, ready - 33)
    cdef uint8_t* nonce
    cdef uint8_t* box
    if k.sent == LAST_NONCE:
        return -EOVERFLOW               # never the same nonce twice: new keys are to be had by a new connection
    k.sent += 1
    memcpy(out, b"\x07MESSAGE", NAME)
    nonce = out + NAME
    put_nonce(nonce, k.sent)
    box = nonce + NONCE + MAC
    sodium.stream(stream, ready, nonce, k.send_key)
    box[0] = ((1 if flags & F_MORE else 0) | (INNER_COMMAND if flags & F_COMMAND else 0)) ^ stream[32]
    xor_into(box + 1, body, stream + 33, first)
    if first < n:
        sodium.stream_xor_ic(box + 1 + first, body + first, n - first, nonce, ready // 64, k.send_key)
    sodium.auth(nonce + NONCE, box, n + 1, stream)
    return 0


cdef int no_message(const uint8_t* d, size_t size) noexcept nogil:
    """Minus libzmq's number for a command of that size that is another one, or none as no name fits in. d: its first octet, if any."""
    return -MALFORMED_COMMAND if size < 2 or size <= d[0] else -UNEXPECTED_COMMAND


cdef inline int acceptable(Curve* k, const uint8_t* front, size_t size) noexcept nogil:
    """0, or minus the reason why a command of that size that begins so is refused unopened."""
    if memcmp(front, b"\x07MESSAGE", NAME) != 0:
        return no_message(front, size)
    if get_size8(front + NAME) <= k.received:
        return -INVALID_SEQUENCE        # a replay, or out of order
    return 0


cdef int peek(Codec* base, const uint8_t* d, size_t n, Unit* u) noexcept nogil:
    cdef Curve* k = <Curve*>base
    cdef size_t head, size
    cdef int rc
    if d[0] & ~(F_LONG | F_COMMAND):
        return -MALFORMED_MESSAGE       # nobody vouches for these: MORE is what the box says
    head = 9 if d[0] & F_LONG else 2
    if n < head:
        return 0
    size = get_size8(d + 1) if d[0] & F_LONG else d[1]
    if size < NAME:
        return 0 if n == head and size else no_message(d + head, size)
    if n < head + NAME:
        return 0
    if memcmp(d + head, b"\x07MESSAGE", NAME) != 0:
        return no_message(d + head, size)
    if size < CURVE_EXTRA:
        return -MALFORMED_MESSAGE
    if n < head + CURVE_EXTRA:
        return 0
    rc = acceptable(k, d + head, size)
    if rc < 0:
        return rc
    u.head = head + CURVE_EXTRA
    u.body = u.size = size - CURVE_EXTRA
    u.form = UNIT_IN_PLACE
    return 1


cdef int open_box(Codec* base, const uint8_t* head, const uint8_t* src, Unit* u, uint8_t* dst, uint8_t* flags) noexcept nogil:
    return curve_open(base, head + u.head - CURVE_EXTRA, src, u.body, dst, flags)


cdef int curve_open(Codec* base, const uint8_t* front, const uint8_t* src, size_t n, uint8_t* dst, uint8_t* flags) noexcept nogil:
    """A MESSAGE command without a frame's header: its first CURVE_EXTRA octets, and n more that may lie elsewhere, become n octets at
    dst, which may be src. 0, or minus the reason."""
    cdef Curve* k = <Curve*>base
    cdef uint8_t stream[STREAM]
    cdef uint8_t mac[MAC]
    cdef size_t ready = stream_for(n + 1)
    cdef size_t first = min(n, ready - 33)
    cdef const uint8_t* nonce = front + NAME
    cdef const uint8_t* box = nonce + NONCE + MAC
    cdef uint8_t inner
    cdef int rc = acceptable(k, front, n + CURVE_EXTRA)
    if rc < 0:
        return rc
    sodium.stream(stream, ready, nonce, k.recv_key)
    if src == box + 1:
        sodium.auth(mac, box, n + 1, stream)
    else:
        auth_apart(mac, box, src, n, stream)
    if sodium.verify_16(mac, box - MAC) != 0:
        return -CRYPTOGRAPHIC
    inner = box[0] ^ stream[32]
    xor_into(dst, src, stream + 33, first)
    if first < n:
        sodium.stream_xor_ic(dst + first, src + first, n - first, nonce, ready // 64, k.recv_key)
    k.received = get_size8(nonce)
    flags[0] = (F_MORE if inner & 1 else 0) | (F_COMMAND if inner & INNER_COMMAND else 0)
    return 0


cdef void auth_apart(uint8_t* mac, const uint8_t* first, const uint8_t* rest, size_t n, const uint8_t* key) noexcept nogil:
    """Poly1305 of one octet and n more that lie elsewhere."""
    cdef uint8_t room[STATE + 64]
    cdef void* state = <void*>((<size_t>room + 63) & ~<size_t>63)
    sodium.auth_init(state, key)
    sodium.auth_update(state, first, 1)
    sodium.auth_update(state, rest, n)
    sodium.auth_final(state, mac)


kind.peek = peek
kind.open = open_box
kind.wire_size = wire_size
kind.seal = seal
kind.free = curve_free
