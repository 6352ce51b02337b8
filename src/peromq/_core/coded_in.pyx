# Bytes in through a codec: units of the wire become plain frames at the end of the inbound flow, where the scanner of reader.pyx finds
# them. Called by reader.pyx, under rlock.
#
# Octets of the wire wait in a buffer that all connections of a group take turns with; a connection keeps only what is left of it, an
# unfinished unit. The body of a large unit goes where the plain body will be, and is opened there once it is whole. Nothing is
# published before its unit was found good, and a size alone allocates nothing.
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memmove, memset
from libcpp.atomic cimport memory_order_relaxed, memory_order_seq_cst

from peromq._core.body cimport FIRST_BODY, SCRATCH, body_done, grow_body
from peromq._core.codec cimport UNSPECIFIED, UNIT_IN_PLACE, UNIT_NONE, Codec, Unit
from peromq._core.confirm cimport confirm_pong
from peromq._core.flow cimport BIG, F_LONG, KIND_BODY, MAX_CAP, Chunk, Flow, body_take, chunk_unref, flow_grow
from peromq._core.notify cimport conn_fail
from peromq._core.reader cimport read_ended, scan_and_judge
from peromq._core.sysio cimport MSG_DONTWAIT, iovec, msghdr, now_ns, sys_recv, sys_recvmsg
from peromq._core.types cimport FAILED, WIRE_CAP

cdef enum:
    READ_MIN = 4096              # room worth a system call


# ---------------------------------------------------------------- the buffer

cdef bint borrow(Conn* c) noexcept nogil:
    """Have a buffer of at least WIRE_CAP octets, what waits at its beginning, and room behind that. False: out of memory."""
    cdef Codec* k = c.codec
    cdef size_t have = k.in_end - k.in_pos
    cdef uint8_t* data
    cdef size_t cap = k.in_cap
    if cap < WIRE_CAP:
        data = c.group.wire_in.exchange(NULL, memory_order_seq_cst)
        if data == NULL:
            data = <uint8_t*>malloc(WIRE_CAP)
            if data == NULL:
                return False
        if have:
            memcpy(data, k.in_data + k.in_pos, have)
        free(k.in_data)
        k.in_data = data
        k.in_cap = WIRE_CAP
    elif k.in_pos:
        memmove(k.in_data, k.in_data + k.in_pos, have)
    k.in_pos = 0
    k.in_end = have
    if k.in_cap - have >= READ_MIN:
        return True
    data = <uint8_t*>realloc(k.in_data, 2 * k.in_cap)       # a unit that cannot be opened in place: memory follows what arrived
    if data == NULL:
        return False
    k.in_data = data
    k.in_cap *= 2
    return True


cdef void give_back(Conn* c) noexcept nogil:
    """Keep what waits, in memory of its size; the buffer is for the next connection."""
    cdef Codec* k = c.codec
    cdef size_t have = k.in_end - k.in_pos
    cdef uint8_t* data = NULL
    if k.in_cap < WIRE_CAP or 2 * have > k.in_cap:
        return
    if have:
        data = <uint8_t*>malloc(have)
        if data == NULL:
            return
        memcpy(data, k.in_data + k.in_pos, have)
    if k.in_cap == WIRE_CAP:
        k.in_data = c.group.wire_in.exchange(k.in_data, memory_order_seq_cst)
    free(k.in_data)
    k.in_data = data
    k.in_cap = k.in_end = have
    k.in_pos = 0


# ---------------------------------------------------------------- units

cdef int failed(Conn* c, int reason) noexcept nogil:
    conn_fail(c, reason)
    return FAILED


cdef int open_body(Conn* c, bint* news) noexcept nogil:
    """The large unit in Conn.body is whole."""
    cdef Codec* k = c.codec
    cdef uint8_t flags = 0
    cdef int rc = k.kind.open(k, k.head, c.body.data, &k.unit, c.body.data, &flags)
    if rc < 0:
        return failed(c, -rc)
    if body_done(c, flags, news) < 0:
        return FAILED
    return scan_and_judge(c, news)          # the high-water mark may be reached


cdef int begin_body(Conn* c, Unit* u, bint* news) noexcept nogil:
    """A large unit begins: its body gets memory of its own, which grows with what arrives. 1: open; 0: the rest has to be read."""
    cdef Codec* k = c.codec
    cdef size_t got = min(k.in_end - k.in_pos - u.head, u.body)
    c.body = body_take(c.inq, u.body, min(u.body, <size_t>FIRST_BODY))
    if c.body == NULL:
        return failed(c, UNSPECIFIED)
    c.body.size = u.body
    c.body.flags = 0
    c.body_cap = min(u.body, c.body.room)
    if got > c.body_cap and grow_body(c, got) < 0:
        return failed(c, UNSPECIFIED)
    memcpy(k.head, k.in_data + k.in_pos, u.head)
    memcpy(c.body.data, k.in_data + k.in_pos + u.head, got)
    k.in_pos += u.head + got
    k.unit = u[0]
    c.body_got = got
    if got < u.body:
        return 0
    return open_body(c, news)


cdef int open_large(Conn* c, Unit* u, bint* news) noexcept nogil:
    """A large unit that is here as a whole, but cannot be opened in place."""
    cdef Codec* k = c.codec
    cdef const uint8_t* d = k.in_data + k.in_pos
    cdef uint8_t flags = 0
    cdef int rc
    c.body = body_take(c.inq, u.size, u.size)
    if c.body == NULL:
        return failed(c, UNSPECIFIED)
    c.body_cap = c.body_got = c.body.room
    rc = k.kind.open(k, d, d + u.head, u, c.body.data, &flags)
    if rc < 0:
        return failed(c, -rc)
    k.in_pos += u.head + u.body
    if u.size < BIG:                    # less than it might have been
        return small_after_all(c, u.size, flags)
    c.body.size = u.size
    if body_done(c, flags, news) < 0:
        return FAILED
    return scan_and_judge(c, news)


cdef int small_after_all(Conn* c, size_t size, uint8_t flags) noexcept nogil:
    cdef Chunk* body = c.body
    cdef Chunk* t = tail_for(c, size + 9)
    c.body = NULL
    if t == NULL:
        chunk_unref(body)
        return failed(c, UNSPECIFIED)
    put_head(t.data + t.wpos, 9, flags, size)
    memcpy(t.data + t.wpos + 9, body.data, size)
    t.wpos += <uint32_t>size + 9
    chunk_unref(body)
    return 1


cdef Chunk* tail_for(Conn* c, size_t need) noexcept nogil:
    """The tail with room for `need` octets. Everything in it has been scanned."""
    cdef Flow* f = c.inq
    cdef Chunk* t = f.tail
    cdef size_t waiting = c.codec.in_end - c.codec.in_pos
    if t.kind != KIND_BODY and t.cap - t.wpos >= need:
        return t
    if waiting > f.next_cap and f.next_cap < MAX_CAP:
        f.next_cap = min(f.next_cap * 4, <uint32_t>MAX_CAP)
    f.open = c.in_more
    t = flow_grow(f, need + 64)
    c.dpos = 0
    return t


cdef int decode(Conn* c, bint* news) noexcept nogil:
    """Turn the units that are here into frames until they end or the high-water mark is reached. 1, or FAILED."""
    cdef Codec* k = c.codec
    cdef Chunk* t = c.inq.tail
    cdef const uint8_t* d
    cdef Unit u
    cdef uint8_t flags
    cdef size_t have
    cdef int head
    cdef int rc = 1
    while True:
        have = k.in_end - k.in_pos
        if have == 0:
            break
        d = k.in_data + k.in_pos
        rc = k.kind.peek(k, d, have, &u)
        if rc <= 0:
            break
        if u.form == UNIT_NONE:
            if have < u.head + u.body:
                break
            rc = k.kind.open(k, d, d + u.head, &u, NULL, &flags)
            if rc < 0:
                break
            k.in_pos += u.head + u.body
            continue
        if u.size >> 62 or (c.max_size >= 0 and u.size > <size_t>c.max_size):
            rc = -UNSPECIFIED
            break
        if u.size >= BIG:
            if u.form != UNIT_IN_PLACE and have < u.head + u.body:
                break
            if t.wpos != c.dpos:                    # what came before is scanned first
                if scan_and_judge(c, news) < 0:
                    return FAILED
                if c.paused.load(memory_order_relaxed):
                    return 1
            rc = begin_body(c, &u, news) if u.form == UNIT_IN_PLACE else open_large(c, &u, news)
            if rc < 0:
                return FAILED
            if c.body != NULL or c.paused.load(memory_order_relaxed):
                return 1
            t = c.inq.tail
            continue
        if have < u.head + u.body:
            break
        if t.kind == KIND_BODY or t.cap - t.wpos < u.size + 9:
            if t.wpos != c.dpos and t.kind != KIND_BODY:
                if scan_and_judge(c, news) < 0:
                    return FAILED
                if c.paused.load(memory_order_relaxed):
                    return 1
            t = tail_for(c, u.size + 9)
            if t == NULL:
                return failed(c, UNSPECIFIED)
        head = 2 if u.size < 256 else 9
        flags = 0
        rc = k.kind.open(k, d, d + u.head, &u, t.data + t.wpos + head, &flags)
        if rc < 0:
            break
        k.in_pos += u.head + u.body
        put_head(t.data + t.wpos, head, flags, u.size)
        t.wpos += <uint32_t>(head + u.size)
    if t.kind != KIND_BODY and t.wpos != c.dpos and scan_and_judge(c, news) < 0:
        return FAILED
    if rc < 0 and not c.paused.load(memory_order_relaxed):      # what came before an offence is to be received: it will be met again
        return failed(c, -rc)
    return 1


cdef inline void put_head(uint8_t* d, int head, uint8_t flags, size_t n) noexcept nogil:
    """RFC 37 frame header of 2 or 9 octets, chosen before the size was known exactly: LONG is allowed for any."""
    cdef int i
    if head == 2:
        d[0] = flags
        d[1] = <uint8_t>n
        return
    d[0] = flags | F_LONG
    for i in range(8):
        d[1 + i] = <uint8_t>(n >> (56 - 8 * i))


cdef inline void note_pong(Conn* c) noexcept nogil:
    if c.codec.pong_len:
        confirm_pong(c, c.codec.pong, c.codec.pong_len)
        c.codec.pong_len = 0


# ---------------------------------------------------------------- for reader.pyx

cdef int coded_resume(Conn* c, bint* news) noexcept nogil:
    """The high-water mark is not reached any more: go on with what is here."""
    cdef int rc
    if c.body != NULL or c.codec.in_end == c.codec.in_pos:
        return 1
    rc = decode(c, news)
    note_pong(c)
    give_back(c)
    return rc


cdef int coded_feed(Conn* c, const uint8_t* data, size_t n, bint* news) noexcept nogil:
    """Octets that came with the handshake."""
    cdef Codec* k = c.codec
    k.in_data = <uint8_t*>malloc(n)
    if k.in_data == NULL:
        return failed(c, UNSPECIFIED)
    memcpy(k.in_data, data, n)
    k.in_cap = k.in_end = n
    return decode(c, news)


cdef int coded_read(Conn* c, bint* news) noexcept nogil:
    """One system call; 1 as much as it takes, 2 read less than it takes, 0 would block, else failed."""
    cdef int rc = read_more(c, news) if c.body == NULL else read_body(c, news)
    note_pong(c)
    give_back(c)
    return rc


cdef int read_more(Conn* c, bint* news) noexcept nogil:
    cdef Codec* k = c.codec
    cdef size_t room
    cdef ssize_t r
    cdef int rc
    if not borrow(c):
        return failed(c, UNSPECIFIED)
    room = k.in_cap - k.in_end
    if c.after_body:
        room = min(room, <size_t>SCRATCH)       # the rest of the next body is read into its own memory, not copied there
        c.after_body = 0
    r = sys_recv(c.fd, k.in_data + k.in_end, room, MSG_DONTWAIT)
    if r <= 0:
        return read_ended(c, r)
    c.last_in.store(now_ns(), memory_order_relaxed)
    k.in_end += r
    rc = decode(c, news)
    if rc == 1 and <size_t>r < room:
        return 2
    return rc


cdef int read_body(Conn* c, bint* news) noexcept nogil:
    cdef Codec* k = c.codec
    cdef iovec iov[2]
    cdef msghdr m
    cdef ssize_t r
    cdef size_t want
    if c.body_got == c.body_cap and c.body_cap < c.body.size and grow_body(c, c.body_cap + 1) < 0:
        return failed(c, UNSPECIFIED)
    if not borrow(c):
        return failed(c, UNSPECIFIED)
    want = c.body_cap - c.body_got
    iov[0].iov_base = c.body.data + c.body_got
    iov[0].iov_len = want
    iov[1].iov_base = k.in_data
    iov[1].iov_len = SCRATCH if c.body_cap == c.body.size else 0
    memset(&m, 0, sizeof(m))
    m.msg_iov = iov
    m.msg_iovlen = 2
    r = sys_recvmsg(c.fd, &m, MSG_DONTWAIT)
    if r <= 0:
        return read_ended(c, r)
    c.last_in.store(now_ns(), memory_order_relaxed)
    c.group.bulk.store(1, memory_order_relaxed)
    if <size_t>r <= want:
        c.body_got += r
        if c.body_got < c.body.size:
            return 1
    else:
        c.body_got = c.body.size
        k.in_end = <size_t>r - want
    if open_body(c, news) < 0:
        return FAILED
    if c.paused.load(memory_order_relaxed):
        return 1
    return decode(c, news)
