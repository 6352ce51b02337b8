from libc.stdint cimport uint8_t

from peromq._core.codec cimport Codec

cdef Codec* web_new(bint client, const uint8_t* seed, Codec* curve) noexcept nogil
