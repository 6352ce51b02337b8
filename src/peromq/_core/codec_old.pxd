from libc.stdint cimport int64_t

from peromq._core.codec cimport Codec

cdef Codec* old_new(int version, int64_t identity_limit, bint subscribed) noexcept nogil
