# Large bodies in: each is read into memory of its own, which grows with what arrives, and may be the object that recv returns.
# Under rlock.
from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport realloc
from libc.string cimport memcpy, memmove, memset
from libcpp.atomic cimport memory_order_relaxed

from peromq._core.flow cimport (F_COMMAND, F_MORE, KIND_BODY, Chunk, Flow, chunk_unref, flow_grow, flow_link_body, flow_publish,
                                put_header)
from peromq._core.notify cimport conn_fail
from peromq._core.reader cimport PROTOCOL_ERROR, read_ended, scan_and_judge
from peromq._core.sysio cimport MSG_DONTWAIT, iovec, msghdr, now_ns, rcv_low_water, sys_recvmsg
from peromq._core.traffic cimport check_frame, handle_command
from peromq._core.types cimport FAILED

cdef enum:
    LOW_WATER = 1 << 20                  # waited for if it comes within ...
    PATIENCE_NS = 5000000


cdef int grow_body(Conn* c, size_t need) noexcept nogil:
    cdef size_t cap = c.body_cap
    cdef Chunk* b
    while cap < need:
        cap *= 2
    cap = min(cap, c.body.size)
    b = <Chunk*>realloc(c.body, sizeof(Chunk) + cap)
    if b == NULL:
        return -1
    b.data = <uint8_t*>b + sizeof(Chunk)
    b.room = cap
    c.body = b
    c.body_cap = cap
    return 0


cdef int finish_body(Conn* c, const uint8_t* rest, size_t n, bint* news) noexcept nogil:
    """The large body is complete: link it, and put the octets that came behind it into a new chunk."""
    cdef Flow* f = c.inq
    cdef Chunk* body = c.body
    cdef Chunk* t = f.tail
    cdef uint8_t flags = body.flags
    cdef int keep = 1
    c.body = NULL
    c.after_body = 1
    if flags & F_COMMAND:
        keep = handle_command(c, body.data, body.size)
        if keep < 0:
            chunk_unref(body)
            return -1
        flags &= ~F_MORE
        if keep and c.in_more:
            keep = 0
    if not keep:
        chunk_unref(body)
        if t.kind == KIND_BODY or t.cap - t.wpos < n:
            t = flow_grow(f, n + 64)
            if t == NULL:
                return -1
        memmove(t.data + t.wpos, rest, n)
        c.dpos = t.wpos
        t.wpos += <uint32_t>n
        return 0
    body.flags = flags & (F_MORE | F_COMMAND)
    if t.kind == KIND_BODY or t.cap < t.wpos + 9:
        t = flow_grow(f, 9)
        if t == NULL:
            chunk_unref(body)
            return -1
    put_header(t.data + t.wpos, body.flags, body.size)
    t.wpos += 9
    flow_link_body(f, body)
    if not flags & F_COMMAND:
        c.in_more = flags & F_MORE
        c.unfinished = c.unfinished + body.size if c.in_more else 0
        if c.unfinished > c.max_unfinished:
            return -1
    f.open = c.in_more
    # what follows goes into a new chunk, before publication: the consumer may free the one `rest` lies in right after
    t = flow_grow(f, n + 64)
    if t == NULL:
        return -1
    memcpy(t.data, rest, n)
    t.wpos = <uint32_t>n
    c.dpos = 0
    if not c.in_more:
        flow_publish(f, 1, 0)
        news[0] = True
    return 0


cdef int body_done(Conn* c, uint8_t flags, bint* news) noexcept nogil:
    """A codec found a large body good. Nothing before it is left to be scanned."""
    c.body.flags = flags
    if (not flags & F_COMMAND and c.check and check_frame(c, flags, c.body.size) < 0) or finish_body(c, c.body.data, 0, news) < 0:
        conn_fail(c, PROTOCOL_ERROR)
        return FAILED
    return 1


cdef void set_low_water(Conn* c) noexcept nogil:
    """Never more than what is missing of the body, or the connection would fall silent."""
    cdef size_t want = 0
    if streaming(c):
        want = c.body.size - c.body_got
        if 0 < c.low_water <= want:
            return
        want = min(want, <size_t>LOW_WATER)
    if want != c.low_water:
        c.low_water = want
        rcv_low_water(c.fd, max(<int>want, 1))


cdef void judge_pace(Conn* c, size_t got, int64_t now) noexcept nogil:
    """Octets came. If they kept us waiting for long, do without the low-water mark for a while, longer each time."""
    if c.low_water and got < c.low_water + BULK and now - c.last_in.load(memory_order_relaxed) > PATIENCE_NS:
        c.waits = min(c.waits + 1, <uint32_t>10)
        c.unhurried = 16 << (2 * c.waits)


cdef int read_body(Conn* c, bint* news) noexcept nogil:
    """One system call towards the large body; 1 progress, 0 would block, else fails the connection."""
    cdef uint8_t scratch[SCRATCH]
    cdef iovec iov[2]
    cdef msghdr m
    cdef ssize_t r
    cdef size_t want
    cdef int64_t now
    if c.body_got == c.body_cap and c.body_cap < c.body.size:
        if grow_body(c, c.body_cap + 1) < 0:
            conn_fail(c, PROTOCOL_ERROR)
            return FAILED
    want = c.body_cap - c.body_got
    iov[0].iov_base = c.body.data + c.body_got
    iov[0].iov_len = want
    iov[1].iov_base = scratch
    iov[1].iov_len = SCRATCH if c.body_cap == c.body.size else 0
    memset(&m, 0, sizeof(m))            # all fields, also those Cython does not know of
    m.msg_iov = iov
    m.msg_iovlen = 2
    r = sys_recvmsg(c.fd, &m, MSG_DONTWAIT)
    if r <= 0:
        return read_ended(c, r)
    now = now_ns()
    judge_pace(c, r, now)
    c.last_in.store(now, memory_order_relaxed)
    c.group.bulk.store(1, memory_order_relaxed)
    if <size_t>r <= want:
        c.body_got += r
        if c.body_got < c.body.size:
            return 1
        r = 0
    else:
        r -= want
        c.body_got = c.body.size
    c.in_a_row = r > 0
    if c.unhurried:
        c.unhurried -= 1
    if finish_body(c, scratch, r, news) < 0:
        conn_fail(c, PROTOCOL_ERROR)
        return FAILED
    if r:
        return scan_and_judge(c, news)
    return 1
