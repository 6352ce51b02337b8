from libc.stdint cimport uint8_t, uint32_t

from peromq._core.codec cimport Codec
from peromq._core.types cimport Conn

cdef int coded_write_once(Conn* c) noexcept nogil
cdef void codec_attach(Conn* c, Codec* k) noexcept nogil
cdef void codec_bye(Conn* c) noexcept nogil
cdef void codec_free(Codec* k) noexcept nogil
cdef bint codec_say(Codec* k, const uint8_t* d, uint32_t n) noexcept nogil
