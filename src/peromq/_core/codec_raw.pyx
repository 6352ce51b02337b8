# No framing at all (STREAM, ROUTER_RAW): what has arrived is a message, and of what is sent only the bodies go out.
from libc.stdint cimport uint8_t
from libc.stdlib cimport calloc, free
from libc.string cimport memmove

from peromq._core.codec cimport UNIT_IN_PLACE, CodecKind, Unit
from peromq._core.flow cimport F_COMMAND

cdef enum:
    MAX_PIECE = 8192             # libzmq's: octets of a message that was received

cdef CodecKind kind


cdef Codec* raw_new() noexcept nogil:
    cdef Codec* k = <Codec*>calloc(1, sizeof(Codec))
    if k != NULL:
        k.kind = &kind
    return k


cdef void raw_free(Codec* k) noexcept nogil:
    free(k)


cdef int peek(Codec* k, const uint8_t* d, size_t n, Unit* u) noexcept nogil:
    u.head = 0
    u.body = u.size = min(n, <size_t>MAX_PIECE)
    u.form = UNIT_IN_PLACE
    return 1


cdef int take(Codec* k, const uint8_t* head, const uint8_t* src, Unit* u, uint8_t* dst, uint8_t* flags) noexcept nogil:
    flags[0] = 0
    memmove(dst, src, u.body)
    return 0


cdef size_t wire_size(Codec* k, uint8_t flags, size_t n) noexcept nogil:
    return 0 if flags & F_COMMAND else n


cdef int seal(Codec* k, uint8_t flags, const uint8_t* body, size_t n, uint8_t* out) noexcept nogil:
    if n and not flags & F_COMMAND:
        memmove(out, body, n)
    return 0


kind.peek = peek
kind.open = take
kind.wire_size = wire_size
kind.seal = seal
kind.free = raw_free
