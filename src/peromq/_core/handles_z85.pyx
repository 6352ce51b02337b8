# Z85 (RFC 32): 4 octets as 5 digits of base 85. Every CURVE socket reads three keys of 40 digits.
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

DIGITS = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"

cdef enum:
    BASE = 85
    NO_DIGIT = 255

cdef uint8_t[256] VALUES
memset(VALUES, NO_DIGIT, 256)
for _value, _digit in enumerate(DIGITS):
    VALUES[_digit] = _value


def encode(bytes octets not None):
    """ValueError unless their number is a multiple of 4."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(octets)
    cdef Py_ssize_t _i
    cdef int place
    cdef uint32_t number
    cdef bytes text
    cdef const uint8_t* octet = <const uint8_t*>PyBytes_AS_STRING(octets)
    cdef const char* digits = PyBytes_AS_STRING(DIGITS)
    cdef char* out
    if size % 4:
        raise ValueError(f"length must be multiple of 4, not {size}")
    text = PyBytes_FromStringAndSize(NULL, size // 4 * 5)
    out = PyBytes_AS_STRING(text)
    for _i in range(size // 4):
        number = (<uint32_t>octet[0] << 24) | (<uint32_t>octet[1] << 16) | (<uint32_t>octet[2] << 8) | octet[3]
        for place in range(4, -1, -1):
            out[place] = digits[number % BASE]
            number //= BASE
        octet += 4
        out += 5
    return text


def decode(bytes text not None):
    """ValueError for what `encode` cannot have made. No digit is in its text: they may be of a secret key."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(text)
    cdef Py_ssize_t i
    cdef int place
    cdef uint64_t number
    cdef bytes octets
    cdef const uint8_t* digit = <const uint8_t*>PyBytes_AS_STRING(text)
    cdef uint8_t* out
    if size % 5:
        raise ValueError(f"Z85 length must be multiple of 5, not {size}")
    octets = PyBytes_FromStringAndSize(NULL, size // 5 * 4)
    out = <uint8_t*>PyBytes_AS_STRING(octets)
    for i in range(size // 5):
        number = 0
        for place in range(5):
            if VALUES[digit[place]] == NO_DIGIT:
                raise ValueError(f"not a Z85 character at position {5 * i + place}")
            number = number * BASE + VALUES[digit[place]]
        if number > 0xFFFFFFFF:
            raise ValueError(f"not Z85, as it stands for no 4 octets at position {5 * i}")
        out[0] = number >> 24
        out[1] = (number >> 16) & 255
        out[2] = (number >> 8) & 255
        out[3] = number & 255
        digit += 5
        out += 4
    return octets
