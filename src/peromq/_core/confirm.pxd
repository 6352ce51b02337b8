from libc.stdint cimport int64_t, uint8_t
from peromq._core.types cimport Conn, Pipe, Sock

cdef struct Confirmed:       # the publishers of a subscriber
    int there                # have all its subscriptions
    int awaited              # do not yet, as far as we know
    int mute                 # speak a ZMTP that cannot tell
    int deaf                 # are no publishers but multicast addresses: they send everything
    int64_t settled          # ns: when the last of those that are there is sure to heed them

cdef void confirm_pong(Conn* c, const uint8_t* context, size_t n) noexcept nogil
cdef void confirm_wanted(Sock* s, Pipe* p) noexcept nogil
cdef void confirm_heard(Sock* s, Pipe* p) noexcept nogil
cdef void confirm_forget(Pipe* p) noexcept nogil
cdef void confirm_look(Sock* s, Confirmed* out) noexcept nogil
cdef size_t subscribers(Sock* s, const uint8_t* topic, size_t n, bint any) noexcept nogil
