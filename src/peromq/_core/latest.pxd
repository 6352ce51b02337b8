# CONFLATE_TOPICS: the newest message of each topic (its first frame), in the order in which the topics first came.
from libc.stdint cimport uint32_t, uint64_t
from libcpp.deque cimport deque
from libcpp.string cimport string
from libcpp.unordered_map cimport unordered_map

from peromq._core.flow cimport Flow

cdef struct Latest:
    unordered_map[string, uint64_t]* places   # topic -> its number
    deque[string]* topics                     # by number
    deque[string]* messages                   # flags, size and octets of each frame, one after another
    uint64_t first                            # the number of the first in both
    uint32_t limit                            # topics; 0: none

cdef Latest* latest_new(uint32_t limit) noexcept nogil
cdef void latest_free(Latest* self) noexcept nogil
cdef void latest_take(Latest* self, Flow* f) noexcept nogil
cdef void latest_take_back(Latest* self, Flow* f) noexcept nogil
cdef bint latest_give(Latest* self, Flow* f) noexcept nogil
