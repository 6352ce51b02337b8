from libc.stdint cimport uint8_t, uint64_t
from libcpp.vector cimport vector

from peromq._core.types cimport Chunk, Sock

cdef struct Part:                # of a message in hand: taken from one socket, not yet given to the other
    const uint8_t* data
    size_t size
    Chunk* chunk                 # data's memory, of which we hold a reference

cdef struct Way:                 # one direction; all is of the thread that runs the proxy
    Sock* src
    Sock* dst
    const uint8_t* prefix        # of what the capture socket gets, or NULL
    size_t prefix_size
    vector[Part]* in_hand
    uint64_t messages            # forwarded so far
    uint64_t octets              # ... in their frames

cdef struct Relay:
    Way there                    # frontend to backend
    Way back
    Sock* capture                # or NULL
    Sock* control                # or NULL: return when it is readable
    int swap                     # ROUTER to ROUTER: the sender's id first for one is the addressee's for the other
    int interruptible            # return now and then even when busy, for signals
    int unwatched                # a signal may have come since they were last looked for

cdef int relay_run(Relay* r) noexcept nogil
cdef void relay_drop(Relay* r) noexcept nogil
