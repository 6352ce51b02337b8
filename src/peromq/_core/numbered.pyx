# SERVER (RFC 41) and PEER (RFC 51): peers by a number of ours, which is told to nobody. Under the socket's lock.
from cython.operator cimport dereference
from libc.errno cimport EHOSTUNREACH, ENOMEM
from libcpp.atomic cimport memory_order_seq_cst

from peromq._core.flow cimport flow_rollback
from peromq._core.patterns cimport commit, deliver, put
from peromq._core.sock cimport pipe_writable, sock_process
from peromq._core.terms cimport terms_of
from peromq._core.types cimport OK, WOULD_BLOCK, Terms


cdef Pipe* number_find(Sock* s, uint32_t number) noexcept nogil:
    """The peer, if he can be sent to."""
    cdef Pipe* p
    it = s.by_number.find(number)
    if it == s.by_number.end():
        return NULL
    p = dereference(it).second
    if p.ended or p.closing:
        return NULL
    return p


cdef int number_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    """RFC 41: to the peer that out_number names; without such a peer it cannot be sent."""
    cdef Pipe* p
    cdef uint32_t number = s.out_number
    s.out_number = 0
    if s.ev_any.load(memory_order_seq_cst):
        sock_process(s)
    p = number_find(s, number)
    if p == NULL:
        return EHOSTUNREACH
    if not pipe_writable(p):
        return WOULD_BLOCK
    if put(p, 0, data, n, pin) < 0:
        flow_rollback(p.outq)
        return ENOMEM
    commit(s, p)
    return OK


cdef void number_added(Sock* s, Pipe* p) noexcept nogil:
    """Never 0, which stands for no peer. A peer we connect to keeps its number through all its connections."""
    while p.number == 0 or s.by_number.count(p.number):
        s.next_rid += 1
        p.number = s.next_rid
    s.by_number[0][p.number] = p


cdef void number_farewell(Sock* s, Pipe* p) noexcept nogil:
    """DISCONNECT_MSG: an accepted peer went; behind what it has sent."""
    cdef Terms* t = terms_of(p)
    if t.farewell != NULL and (p.bound or (p.link != NULL and p.side == 1)):
        deliver(s, p, t.farewell)


cdef void number_left(Sock* s, Pipe* p) noexcept nogil:
    it = s.by_number.find(p.number)
    if it != s.by_number.end() and dereference(it).second == p:
        s.by_number.erase(it)
