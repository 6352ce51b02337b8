from libc.stdint cimport uint8_t

from peromq._core.codec cimport Codec

cdef bint echoes_pings(const Codec* k) noexcept nogil
cdef Codec* web_new(bint client, const uint8_t* seed, Codec* curve) noexcept nogil
