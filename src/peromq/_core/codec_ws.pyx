# WebSocket framing (RFC 6455, section 5) of ZWS 2.0 (RFC 45): each ZMTP frame is one binary message.
#
#   RFC 45: payload = flags octet, body; flags: %b0 MORE, %b1 COMMAND
#
# A client masks what it sends, a server does not (RFC 6455, 5.1). Message fragments are put together; PING is answered; CLOSE ends the
# connection, with an echo. A ZMTP PING goes out as a WebSocket PING, as libzmq does it, and PONGs are searched for its context. No
# extension is ever negotiated.
#
# With CURVE ("ZWS2.0/CURVE", libzmq's) the body is a MESSAGE command of RFC 26 and its flags octet 0; the frame's flags are in the box.
from libc.errno cimport ENOMEM, ESHUTDOWN
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memcpy, memset

from peromq._core.codec cimport UNIT_FRAME, UNIT_IN_PLACE, UNIT_NONE, CodecKind, Unit
from peromq._core.codec_curve cimport CURVE_EXTRA, curve_open, curve_seal
from peromq._core.coded_out cimport codec_say
from peromq._core.flow cimport F_COMMAND, F_MORE
from peromq._core.types cimport Conn

cdef enum:
    FIN = 0x80
    RESERVED = 0x70
    MASKED = 0x80
    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10
    WS_MORE = 1                  # RFC 45 flags
    WS_COMMAND = 2
    PING_HEAD = 8             # of a ZMTP PING as payload: flags, name, TTL; then comes the context
    MAX_CONTROL = 125            # octets of a control frame's payload (RFC 6455, 5.5)

cdef enum:                       # RFC 6455, 7.4.1
    GOING_AWAY = 1000            # "normal closure"
    PROTOCOL = 1002
    UNACCEPTABLE = 1003          # a type of data that we do not take
    TOO_BIG = 1009

cdef enum:
    OFFENCE = 0x30000000         # ZMQ_PROTOCOL_ERROR_WS_UNSPECIFIED
    MALFORMED_MESSAGE = 0x10000012

cdef struct WebSocket:
    Codec base
    int client                   # const
    Codec* curve                 # const; NULL: in clear
    size_t extra                 # const: octets that it adds to a frame
    uint64_t random              # wr: of splitmix64
    uint64_t random_in           # rd: likewise, for control frames
    # reading
    int close_code               # why the connection ends; 0: as yet, it does not
    uint8_t bye[MAX_CONTROL]     # the payload of the peer's CLOSE
    uint32_t bye_len
    int in_fragments             # a message of several fragments has begun
    uint8_t* parts               # what has arrived of it
    size_t parts_len
    size_t parts_cap

cdef struct Header:
    uint8_t opcode
    int fin
    size_t head
    size_t size
    uint8_t mask[4]

cdef CodecKind kind


cdef Codec* web_new(bint client, const uint8_t* seed, Codec* curve) noexcept nogil:
    """client: we opened the connection. seed: 16 random octets, of which masks are made. curve: what goes inside, if it is not NULL."""
    cdef WebSocket* k = <WebSocket*>calloc(1, sizeof(WebSocket))
    if k == NULL:
        return NULL
    k.base.kind = &kind
    k.client = client
    k.curve = curve
    k.extra = CURVE_EXTRA if curve != NULL else 0
    memcpy(&k.random, seed, 8)
    memcpy(&k.random_in, seed + 8, 8)
    return &k.base


cdef bint echoes_pings(const Codec* k) noexcept nogil:
    """Does a PING's context come back? Not with CURVE: what stands outside of the box could be anybody's."""
    return k != NULL and k.kind == &kind and (<const WebSocket*>k).curve == NULL


cdef void web_free(Codec* base) noexcept nogil:
    cdef WebSocket* k = <WebSocket*>base
    if k.curve != NULL:
        k.curve.kind.free(k.curve)
    free(k.parts)
    free(k)


# ---------------------------------------------------------------- masks

cdef inline uint32_t new_mask(uint64_t* state) noexcept nogil:
    """RFC 6455, 5.3: a fresh one for each frame. It hides nothing; splitmix64 of random seed will do."""
    cdef uint64_t z
    state[0] += <uint64_t>0x9E3779B97F4A7C15
    z = state[0]
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return <uint32_t>((z ^ (z >> 31)) >> 32)


cdef void apply_mask(uint8_t* out, const uint8_t* d, size_t n, const uint8_t* mask, size_t at) noexcept nogil:
    """d to out, which may be d; `at` octets of the payload came before."""
    cdef uint8_t turned[8]
    cdef uint64_t wide, word
    cdef size_t i
    for i in range(8):
        turned[i] = mask[(at + i) & 3]
    memcpy(&wide, turned, 8)
    i = 0
    while i + 8 <= n:
        memcpy(&word, d + i, 8)
        word ^= wide
        memcpy(out + i, &word, 8)
        i += 8
    while i < n:
        out[i] = d[i] ^ turned[i & 7]
        i += 1


# ---------------------------------------------------------------- out

cdef inline size_t head_size(WebSocket* k, size_t n) noexcept nogil:
    return (2 if n <= 125 else 4 if n <= 0xffff else 10) + (4 if k.client else 0)


cdef uint8_t* put_head(WebSocket* k, uint8_t* out, uint8_t opcode, size_t n, uint64_t* random, uint8_t* mask) noexcept nogil:
    """The header of a whole message with n octets of payload; where these go. mask: four octets to be filled in."""
    cdef uint8_t masked = MASKED if k.client else 0
    cdef uint32_t fresh
    cdef int i
    out[0] = FIN | opcode
    if n <= 125:
        out[1] = masked | <uint8_t>n
        out += 2
    elif n <= 0xffff:
        out[1] = masked | 126
        out[2] = <uint8_t>(n >> 8)
        out[3] = <uint8_t>n
        out += 4
    else:
        out[1] = masked | 127
        for i in range(8):
            out[2 + i] = <uint8_t>(n >> (56 - 8 * i))
        out += 10
    if k.client:
        fresh = new_mask(random)
        memcpy(mask, &fresh, 4)
        memcpy(out, mask, 4)
        out += 4
    return out


cdef uint32_t control_frame(WebSocket* k, uint8_t opcode, const uint8_t* payload, uint32_t n, uint8_t* out) noexcept nogil:
    """A control frame at `out`, which has room; its size."""
    cdef uint8_t mask[4]
    cdef uint8_t* at = put_head(k, out, opcode, n, &k.random_in, mask)
    if k.client:
        apply_mask(at, payload, n, mask, 0)
    else:
        memcpy(at, payload, n)
    return <uint32_t>(at - out) + n


cdef size_t wire_size(Codec* base, uint8_t flags, size_t n) noexcept nogil:
    cdef WebSocket* k = <WebSocket*>base
    n += 1 + k.extra
    return head_size(k, n) + n


cdef int seal(Codec* base, uint8_t flags, const uint8_t* body, size_t n, uint8_t* out) noexcept nogil:
    cdef WebSocket* k = <WebSocket*>base
    cdef uint8_t mask[4]
    cdef uint8_t first = (WS_MORE if flags & F_MORE else 0) | (WS_COMMAND if flags & F_COMMAND else 0)
    cdef uint8_t opcode = BINARY
    cdef uint8_t* at
    cdef int rc
    if flags & F_COMMAND and n >= 5 and n + k.extra < MAX_CONTROL and body[0] == 4 and memcmp(body + 1, b"PING", 4) == 0:
        opcode = PING           # the answer is a PONG with the same payload
    at = put_head(k, out, opcode, n + 1 + k.extra, &k.random, mask)
    if k.curve != NULL:
        if opcode == PING:
            memset(at, 0, n + 1 + k.extra)
        else:
            at[0] = 0           # not COMMAND, as libzmq has it
            rc = curve_seal(k.curve, flags, body, n, at + 1)
            if rc < 0:
                return rc
        if k.client:
            apply_mask(at, at, n + 1 + k.extra, mask, 0)
    elif k.client:
        at[0] = first ^ mask[0]
        apply_mask(at + 1, body, n, mask, 1)
    else:
        at[0] = first
        memcpy(at + 1, body, n)
    return 0


# ---------------------------------------------------------------- in

cdef inline int offence(WebSocket* k, int code) noexcept nogil:
    k.close_code = code
    return -OFFENCE


cdef int parse(WebSocket* k, const uint8_t* d, size_t n, Header* h) noexcept nogil:
    """1: h is filled; 0: too few octets; else an offence."""
    cdef size_t head = 2
    cdef size_t size = 0
    cdef size_t i
    if d[0] & RESERVED:
        return offence(k, PROTOCOL)             # no extension was negotiated
    h.opcode = d[0] & 15
    h.fin = d[0] >> 7
    if n < 2:
        return 0
    if (d[1] & MASKED != 0) == (k.client != 0):
        return offence(k, PROTOCOL)             # RFC 6455, 5.1: clients mask, servers must not
    size = d[1] & 127
    if size == 126:
        if n < 4:
            return 0
        size = <size_t>d[2] << 8 | d[3]
        head = 4
        if size < 126:
            return offence(k, PROTOCOL)         # 5.2: in as few octets as possible
    elif size == 127:
        if n < 10:
            return 0
        size = 0
        for i in range(8):
            size = size << 8 | d[2 + i]
        head = 10
        if size <= 0xffff or size >> 63:
            return offence(k, PROTOCOL)
    if not k.client:
        if n < head + 4:
            return 0
        memcpy(h.mask, d + head, 4)
        head += 4
    h.head = head
    h.size = size
    return 1


cdef int peek(Codec* base, const uint8_t* d, size_t n, Unit* u) noexcept nogil:
    cdef WebSocket* k = <WebSocket*>base
    cdef Conn* c = <Conn*>base.conn
    cdef Header h
    cdef size_t total
    cdef int rc = parse(k, d, n, &h)
    if rc <= 0:
        return rc
    u.head = h.head
    u.body = h.size
    u.size = 0
    u.form = UNIT_NONE
    if h.opcode >= CLOSE:
        if h.opcode > PONG or not h.fin or h.size > MAX_CONTROL:
            return offence(k, PROTOCOL)         # 5.5: not in fragments, and short
        return 1
    if h.opcode == TEXT and not k.in_fragments:
        return offence(k, UNACCEPTABLE)
    if h.opcode != (CONTINUATION if k.in_fragments else BINARY):
        return offence(k, PROTOCOL)
    total = k.parts_len + h.size
    if h.fin and total == 0:
        return offence(k, PROTOCOL)             # RFC 45: there is a flags octet
    if total >> 62 or (total and c.max_size >= 0 and total - 1 > <size_t>c.max_size + k.extra):
        return offence(k, TOO_BIG)
    if not h.fin:
        return 1
    if total < 1 + k.extra:
        k.close_code = PROTOCOL
        return -MALFORMED_MESSAGE
    u.size = total - 1 - k.extra
    if k.in_fragments:
        u.form = UNIT_FRAME
        return 1
    if n < h.head + 1 + k.extra:
        return 0
    u.head += 1 + k.extra
    u.body -= 1 + k.extra
    u.form = UNIT_IN_PLACE
    return 1


cdef int keep_part(WebSocket* k, const Header* h, const uint8_t* src) noexcept nogil:
    """Put one fragment's payload behind those before it."""
    cdef size_t cap = max(k.parts_cap, <size_t>256)
    cdef uint8_t* grown
    while cap < k.parts_len + h.size:
        cap *= 2
    if cap != k.parts_cap:
        grown = <uint8_t*>realloc(k.parts, cap)
        if grown == NULL:
            return -ENOMEM
        k.parts = grown
        k.parts_cap = cap
    if k.client:
        memcpy(k.parts + k.parts_len, src, h.size)
    else:
        apply_mask(k.parts + k.parts_len, src, h.size, h.mask, 0)
    k.parts_len += h.size
    return 0


cdef int control(WebSocket* k, const Header* h, const uint8_t* src) noexcept nogil:
    """A control frame. RFC 6455, 5.5.1: CLOSE is answered with its status; 5.5.3: PONG has the PING's payload."""
    cdef uint8_t payload[MAX_CONTROL]
    cdef uint8_t frame[MAX_CONTROL + 14]
    if k.client:
        memcpy(payload, src, h.size)
    else:
        apply_mask(payload, src, h.size, h.mask, 0)
    if h.opcode == PING:
        # too many of them at once: 5.5.3 lets us answer the latest only
        codec_say(&k.base, frame, control_frame(k, PONG, payload, <uint32_t>h.size, frame))
    elif h.opcode == PONG:
        if PING_HEAD < h.size <= PING_HEAD + sizeof(k.base.pong) and memcmp(payload + 1, b"\x04PING", 5) == 0:
            k.base.pong_len = <uint32_t>h.size - PING_HEAD
            memcpy(k.base.pong, payload + PING_HEAD, k.base.pong_len)
    elif h.opcode == CLOSE:
        k.close_code = GOING_AWAY
        if h.size >= 2:
            k.bye_len = 2
            memcpy(k.bye, payload, 2)
        return -ESHUTDOWN
    return 0


cdef int unseal(WebSocket* k, const uint8_t* front, const uint8_t* src, size_t n, uint8_t* dst, uint8_t* flags) noexcept nogil:
    """The flags octet and what follows it, unmasked; src: the n octets behind CURVE_EXTRA of them."""
    cdef int rc = -MALFORMED_MESSAGE        # MORE is what the box says
    if not front[0] & WS_MORE:
        rc = curve_open(k.curve, front + 1, src, n, dst, flags)
    if rc < 0:
        k.close_code = PROTOCOL
    return rc


cdef int open_unit(Codec* base, const uint8_t* head, const uint8_t* src, Unit* u, uint8_t* dst, uint8_t* flags) noexcept nogil:
    cdef WebSocket* k = <WebSocket*>base
    cdef Header h
    cdef uint8_t front[1 + CURVE_EXTRA]
    cdef uint8_t first
    cdef int rc = parse(k, head, u.head, &h)
    if rc <= 0:
        return -OFFENCE                         # cannot be: peek has seen it
    if h.opcode >= CLOSE:
        return control(k, &h, src)
    if u.form == UNIT_NONE:
        k.in_fragments = 1
        return keep_part(k, &h, src)
    if u.form == UNIT_IN_PLACE and k.curve != NULL:
        if k.client:
            return unseal(k, head + h.head, src, u.body, dst, flags)
        apply_mask(front, head + h.head, 1 + CURVE_EXTRA, h.mask, 0)
        apply_mask(dst, src, u.body, h.mask, 1 + CURVE_EXTRA)
        return unseal(k, front, dst, u.body, dst, flags)
    if u.form == UNIT_IN_PLACE:
        first = head[h.head]
        if not k.client:
            first ^= h.mask[0]
            apply_mask(dst, src, u.body, h.mask, 1)
        elif dst != src:
            memcpy(dst, src, u.body)
    else:
        rc = keep_part(k, &h, src)
        if rc < 0:
            return rc
        if k.curve != NULL:
            rc = unseal(k, k.parts, k.parts + 1 + CURVE_EXTRA, u.size, dst, flags)
            if rc < 0:
                k.parts_len -= h.size           # the driver may ask again, when what came before has been received
                return rc
        else:
            memcpy(dst, k.parts + 1, u.size)
        first = k.parts[0]
        free(k.parts)
        k.parts = NULL
        k.parts_len = k.parts_cap = 0
        k.in_fragments = 0
        if k.curve != NULL:
            return 0
    flags[0] = (F_MORE if first & WS_MORE else 0) | (F_COMMAND if first & WS_COMMAND else 0)
    return 0


cdef uint32_t last_word(Codec* base, uint8_t* out) noexcept nogil:
    """A CLOSE frame: the peer's own, our reason, or that all is well."""
    cdef WebSocket* k = <WebSocket*>base
    cdef int code = k.close_code if k.close_code else GOING_AWAY
    if k.close_code != GOING_AWAY or k.bye_len == 0:
        k.bye[0] = <uint8_t>(code >> 8)
        k.bye[1] = <uint8_t>code
    return control_frame(k, CLOSE, k.bye, 2, out)


kind.peek = peek
kind.open = open_unit
kind.wire_size = wire_size
kind.seal = seal
kind.free = web_free
kind.last_word = last_word
