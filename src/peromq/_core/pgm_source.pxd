from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from peromq._core.pgm cimport Datagram, Nla, Source

cdef Source* source_new(uint64_t gsi, uint16_t sport, uint16_t dport, const Nla* nla, const Nla* group, uint32_t sqns, uint32_t max_tpdu,
                        uint32_t overhead, double rate, int64_t now) noexcept nogil
cdef void source_free(Source* s) noexcept nogil
cdef bint source_hungry(Source* s) noexcept nogil
cdef int source_write(Source* s, const uint8_t* d, size_t n) noexcept nogil
cdef void source_flush(Source* s) noexcept nogil
cdef void source_finish(Source* s) noexcept nogil
cdef void source_abandon(Source* s) noexcept nogil
cdef int source_input(Source* s, const uint8_t* d, size_t n, int64_t now) noexcept nogil
cdef void source_moved(Source* s, const Nla* nla) noexcept nogil
cdef void source_begin(Source* s) noexcept nogil
cdef bint source_pull(Source* s, int64_t now, Datagram* out) noexcept nogil
cdef int64_t source_due(Source* s, int64_t now) noexcept nogil
