# REQ and REP (RFC 28): a question, an answer, in turns. Under the socket's lock.
from libc.errno cimport ENOMEM
from libc.string cimport memcmp

from peromq._core.flow cimport F_LONG, F_MORE, flow_rollback, get_size8, put_header
from peromq._core.news cimport count_unroutable
from peromq._core.patterns cimport EFSM, fq_done, fq_peek, fq_reject, lb_pick, put, put_or_fail, swallow
from peromq._core.routing cimport array_turn
from peromq._core.sock cimport pipe_writable
from peromq._core.types cimport OK, WOULD_BLOCK, Pipe


# ---------------------------------------------------------------- REQ (RFC 28)

cdef int req_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    cdef Pipe* p
    cdef FrameRef old
    cdef int rejected = 0
    if s.out_drop:
        if not more:
            s.awaiting = 1
        return swallow(s, more)
    if not s.out_more:
        if s.awaiting and not s.relaxed:
            return EFSM
        p = lb_pick(s)
        if p == NULL:
            return WOULD_BLOCK
        s.in_more = 0 if s.in_pipe == NULL else s.in_more
        while fq_peek(s, &old) == OK:       # late replies to earlier requests
            if not fq_reject(s, &old, &rejected):
                return WOULD_BLOCK
        s.awaiting = 0
        s.phase = 0
        s.out_pipe = p
        s.reply_pipe = p
        if s.correlate:
            s.request_id += 1
            if put(p, F_MORE, <uint8_t*>&s.request_id, 4, NULL) < 0:
                flow_rollback(p.outq)
                return ENOMEM
        if put(p, F_MORE, NULL, 0, NULL) < 0:
            flow_rollback(p.outq)
            return ENOMEM
    if not more:
        s.awaiting = 1
        array_turn(&s.lb)
    return put_or_fail(s, s.out_pipe, data, n, more, pin)


cdef int req_peek(Sock* s, FrameRef* fr) noexcept nogil:
    """Only the reply of the peer that has the request is accepted; all else is dropped."""
    cdef int rejected = 0
    if not s.awaiting or s.out_more:
        return EFSM
    while s.phase == 0:
        if fq_peek(s, fr) != OK:
            return WOULD_BLOCK
        if s.reply_pipe != NULL and s.in_pipe != s.reply_pipe:
            if not fq_reject(s, fr, &rejected):
                return WOULD_BLOCK
            continue
        if s.correlate:
            if not (fr.flags & F_MORE and fr.size == 4 and memcmp(fr.data, &s.request_id, 4) == 0):
                if not fq_reject(s, fr, &rejected):
                    return WOULD_BLOCK
                continue
            fq_done(s, fr)
            fq_peek(s, fr)
        if not (fr.flags & F_MORE and fr.size == 0):
            if not fq_reject(s, fr, &rejected):
                return WOULD_BLOCK
            continue
        fq_done(s, fr)
        s.phase = 1
    return fq_peek(s, fr)


cdef void req_done(Sock* s, FrameRef* fr) noexcept nogil:
    fq_done(s, fr)
    if not s.in_more:
        s.awaiting = 0
        s.phase = 0


# ---------------------------------------------------------------- REP (RFC 28)

cdef int rep_peek(Sock* s, FrameRef* fr) noexcept nogil:
    """Strip and remember the envelope: all frames up to and with the first empty one."""
    cdef uint8_t head[9]
    cdef uint8_t* e
    cdef int rejected = 0
    if s.awaiting:
        return EFSM
    while s.phase == 0:
        if fq_peek(s, fr) != OK:
            return WOULD_BLOCK
        s.envelope.clear()
        while fr.flags & F_MORE:
            e = put_header(head, F_MORE, fr.size)
            s.envelope.insert(s.envelope.end(), &head[0], e)
            s.envelope.insert(s.envelope.end(), <uint8_t*>fr.data, <uint8_t*>fr.data + fr.size)
            if fr.size == 0:
                s.phase = 1
                s.reply_pipe = s.in_pipe
                fq_done(s, fr)
                break
            fq_done(s, fr)
            fq_peek(s, fr)
        if s.phase == 0 and not fq_reject(s, fr, &rejected):       # no delimiter: discarded
            return WOULD_BLOCK
    return fq_peek(s, fr)


cdef void rep_done(Sock* s, FrameRef* fr) noexcept nogil:
    fq_done(s, fr)
    if not s.in_more:
        s.awaiting = 1
        s.phase = 0


cdef int rep_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    cdef Pipe* p = s.reply_pipe
    cdef const uint8_t* d
    cdef size_t i = 0
    cdef size_t size
    if not s.awaiting:
        return EFSM
    if s.out_drop or (not s.out_more and (p == NULL or p.ended or p.closing or not pipe_writable(p))):
        # RFC 28: a reply whose requester is gone is silently dropped
        if not more:
            s.awaiting = 0
            count_unroutable(s)
        return swallow(s, more)
    if not s.out_more:
        while i < s.envelope.size():
            d = s.envelope.data() + i
            size = get_size8(d + 1) if d[0] & F_LONG else d[1]
            i += 9 if d[0] & F_LONG else 2
            if put(p, F_MORE, s.envelope.data() + i, size, NULL) < 0:
                flow_rollback(p.outq)
                return ENOMEM
            i += size
        s.out_pipe = p
    if not more:
        s.awaiting = 0
        s.reply_pipe = NULL
    return put_or_fail(s, s.out_pipe, data, n, more, pin)
