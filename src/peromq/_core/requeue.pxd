from libc.stdint cimport uint64_t
from peromq._core.flow cimport Chunk, Flow, FrameRef
from peromq._core.types cimport Pipe, Sock

cdef enum:
    KEEP_SUBS = 0        # requeue: what becomes of subscription commands
    DROP_SUBS = 1        # ... and of messages that are subscriptions
    SUBS_AS_MESSAGES = 2

cdef Flow* flow_take(Flow* f) noexcept nogil
cdef void flow_give_back(Flow* f, Flow* old, int subs) noexcept nogil
cdef void flow_keep_last(Flow* f) noexcept nogil
cdef void conflate_pipe(Sock* s, Pipe* p) noexcept nogil
cdef bint conflates_out(Sock* s, int how) noexcept nogil
cdef bint conflates_in(Sock* s, int how) noexcept nogil
cdef int conflate_inq(Pipe* p, Sock* receiver, int how) noexcept nogil
cdef void conflate_out(Pipe* p) noexcept nogil
cdef void conflate_in(Sock* s, Pipe* p) noexcept nogil
cdef bint conflate_refill(Pipe* p) noexcept nogil
