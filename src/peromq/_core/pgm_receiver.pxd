from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from libcpp.vector cimport vector

from peromq._core.pgm cimport Datagram, Loss, Nla, Receiver

cdef Receiver* receiver_new(uint16_t dport, uint32_t sqns, uint32_t max_tpdu, int64_t max_size, uint32_t max_feeds, uint64_t seed,
                            int64_t now) noexcept nogil
cdef void receiver_free(Receiver* r) noexcept nogil
cdef int receiver_input(Receiver* r, const uint8_t* d, size_t n, const Nla* from_ip, int64_t now) noexcept nogil
cdef void receiver_resume(Receiver* r) noexcept nogil
cdef uint64_t receiver_losses(Receiver* r, vector[Loss]& found) noexcept nogil
cdef bint receiver_pull(Receiver* r, int64_t now, Datagram* out) noexcept nogil
cdef int64_t receiver_due(Receiver* r, int64_t now) noexcept nogil
