# The usual case of PUSH, DEALER, PULL, SUB and PAIR, without a call: one small message of one part, one peer whose turn it is and who is
# ready. Anything else is declined, with nothing changed, and goes the way of patterns.pyx, which does the same in general.
# Under the socket's lock.
from libc.stdint cimport uint8_t, uint32_t
from libcpp.atomic cimport memory_order_relaxed, memory_order_seq_cst

from peromq._core.flow cimport F_MORE, Flow, FrameRef, flow_commit, flow_credit_due, flow_full, flow_next, flow_peek, flow_put
from peromq._core.sock cimport FLUSH_AT, pipe_committed, pipe_consumed
from peromq._core.trie cimport topics_match
from peromq._core.types cimport T_SUB, Pipe, Sock


cdef inline bint send_fast(Sock* s, const uint8_t* data, size_t n) noexcept nogil:
    """Send a message of one part below BIG. False: declined."""
    cdef Pipe* p
    cdef Flow* f
    if not s.plain_out or s.out_more or s.out_drop or s.lb.active == 0 or s.ev_any.load(memory_order_relaxed):
        return False
    p = s.lb.v[s.lb.cur]
    f = p.outq
    if f.blocked.load(memory_order_relaxed) or flow_full(f) or flow_put(f, 0, data, n) < 0:
        return False
    flow_commit(f)
    p.pending_octets += <uint32_t>n + 2
    # the duty to write is somebody else's already, and not much has gathered: nothing to do (see pipe_committed)
    if not (p.unflushed and p.pending_octets < FLUSH_AT and f.idle.load(memory_order_seq_cst) == 0):
        pipe_committed(s, p)
    s.lb.cur += 1
    if s.lb.cur >= s.lb.active:
        s.lb.cur = 0
    return True


cdef inline bint recv_fast(Sock* s, FrameRef* fr) noexcept nogil:
    """Describe the next message if it has one part. False: declined."""
    if not s.plain_in or s.in_more or s.fq.active == 0 or s.ev_any.load(memory_order_relaxed):
        return False
    if not flow_peek(s.fq.v[s.fq.cur].inq, fr) or fr.flags & F_MORE:
        return False
    return s.type != T_SUB or topics_match(s.topics, fr.data, fr.size) != s.invert


cdef inline void recv_fast_done(Sock* s, FrameRef* fr) noexcept nogil:
    """Consume what recv_fast described."""
    cdef Pipe* p = s.fq.v[s.fq.cur]
    flow_next(p.inq, fr)
    s.received = 1
    s.rcvmore = 0
    s.in_pipe = p
    s.fq.cur += 1
    if s.fq.cur >= s.fq.active:
        s.fq.cur = 0
    if flow_credit_due(p.inq):
        pipe_consumed(p)
