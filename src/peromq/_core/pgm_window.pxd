from libc.stdint cimport int64_t, uint8_t, uint32_t

from peromq._core.pgm cimport Feed, Missing, Receiver

cdef void missing_wait(Receiver* r, Missing* m, uint8_t state, int64_t now, int64_t ms) noexcept nogil
cdef void missing_due(Receiver* r, Missing* m) noexcept nogil
cdef void missing_take(Receiver* r, Missing* m) noexcept nogil
cdef void missing_lost(Receiver* r, Missing* m) noexcept nogil
cdef Missing* window_find(Feed* f, uint32_t sqn) noexcept nogil
cdef int window_lead(Receiver* r, Feed* f, uint32_t lead, int64_t now) noexcept nogil
cdef void window_trail(Receiver* r, Feed* f, uint32_t trail) noexcept nogil
cdef int window_add(Receiver* r, Feed* f, uint32_t sqn, const uint8_t* d, uint32_t n, int64_t now) noexcept nogil
cdef void window_deliver(Receiver* r, Feed* f) noexcept nogil
cdef void window_clear(Receiver* r, Feed* f) noexcept nogil
cdef int64_t repair_wait(Missing* m) noexcept nogil
cdef int64_t back_off(Receiver* r) noexcept nogil
cdef void crowd_note(Receiver* r, bint others) noexcept nogil
