from peromq._core.codec cimport Codec

cdef Codec* raw_new() noexcept nogil
