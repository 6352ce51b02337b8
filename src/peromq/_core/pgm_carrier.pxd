from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libcpp.atomic cimport atomic

from peromq._core.netio cimport BATCH, Batch
from peromq._core.pgm cimport Datagram, Nla, Receiver, Source
from peromq._core.sysio cimport pthread_mutex_t, pthread_t

cdef enum:
    MAX_NETS = 16
    UNTRIED = -1
    FULL = 1                  # its buffer: poll says when there is room
    SHORT = 2                 # the system has no memory for it, or the device's queue is full: nobody says

cdef struct Carrier:          # fields without a note: written before the thread starts, or the thread's own
    pthread_mutex_t lock      # guards all that has no note of its own once the thread runs: it holds it but while it sleeps
    atomic[int] guests        # who waits for the lock: the thread makes room
    pthread_t thread
    int started
    Source* source            # one of the two is there
    Receiver* receiver
    int inner                 # the stream of frames: the far end is a socket's connection
    int out                   # datagrams leave here; those to a source come in here
    int nets[MAX_NETS]        # datagrams to the group come in here
    int n_nets
    int wake                  # eventfd: look at `stop`
    int news                  # eventfd: ended, something was lost, or `failing` changed
    atomic[int] failing       # why the last datagram to the group did not go, an errno; 0: it went; UNTRIED
    bint headers              # what comes in begins with an IPv4 header
    uint16_t port             # UDP: where datagrams go; raw IP: 0
    uint32_t scope            # index of the interface, for IPv6
    Nla group                 # where datagrams go
    atomic[int] stop
    atomic[int] ended
    int64_t due               # when the engine is to be asked again
    bint closed               # inner is at its end
    int blocked               # `out` takes no more now: 0, FULL, SHORT
    int shortages             # in a row
    uint64_t send_errors
    uint64_t told             # losses the control plane was told of
    Datagram* datagrams
    int filled
    int sent
    Batch outgoing
    Batch incoming
    uint8_t* room             # BATCH datagrams
    size_t each
    uint8_t* piece            # of the stream

cdef int carrier_start(Carrier* c) noexcept nogil
cdef void carrier_lock(Carrier* c) noexcept nogil
cdef void carrier_move(Carrier* c, int out, const int* nets, const Nla* nla, uint32_t scope) noexcept nogil
cdef void carrier_join(Carrier* c) noexcept nogil
