# Frames out through a codec: plain frames of the outbound flow are sealed into a buffer, in order and once, and written from there.
# Called by writer.pyx, under wlock; also where a connection's codec comes and goes.
#
# Conn.cur and Conn.cpos stay at the first frame that the kernel has not got whole, so that what is kept for the next connection is the
# same as without a codec; Codec.sealed runs ahead of them while the buffer holds something.
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy
from libcpp.atomic cimport memory_order_acquire, memory_order_seq_cst

from peromq._core.codec cimport MAX_LAST, UNSPECIFIED
from peromq._core.flow cimport BIG, F_LONG, F_MORE, F_COMMAND, SEALED, Chunk, get_size8
from peromq._core.notify cimport conn_fail, io_mark_dirty
from peromq._core.sysio cimport MSG_DONTWAIT, MSG_NOSIGNAL, pthread_mutex_lock, pthread_mutex_unlock, sys_send
from peromq._core.types cimport DIRTY_LOOK, FAILED, WIRE_CAP, WOULD_BLOCK
from peromq._core.writer cimport credit_all, credit_walk, readable

cdef enum:
    ENOUGH = 65536               # sealed at a time: while it is on its way, the receiver can begin


cdef void codec_attach(Conn* c, Codec* k) noexcept nogil:
    """The connection owns k from now on."""
    k.conn = c
    c.codec = k


cdef void codec_free(Codec* k) noexcept nogil:
    free(k.in_data)
    free(k.out_data)
    k.kind.free(k)


cdef void codec_bye(Conn* c) noexcept nogil:
    """The connection ends: its codec's last word goes out, unless it would come in the middle of a unit. Under both locks."""
    cdef Codec* k = c.codec
    cdef uint8_t out[MAX_LAST]
    if k.kind.last_word != NULL and (k.out_pos == 0 or k.out_pos == k.out_end):
        sys_send(c.fd, out, k.kind.last_word(k, out), MSG_DONTWAIT | MSG_NOSIGNAL)


cdef bint codec_say(Codec* k, const uint8_t* d, uint32_t n) noexcept nogil:
    """For a codec's open(): octets of the wire that are to go out between two units. False if too many are waiting."""
    cdef Conn* c = <Conn*>k.conn
    cdef bint room
    pthread_mutex_lock(&c.wlock)
    room = k.say_len + n <= sizeof(k.say)
    if room:
        memcpy(k.say + k.say_len, d, n)
        k.say_len += n
    pthread_mutex_unlock(&c.wlock)
    if room:
        io_mark_dirty(c, DIRTY_LOOK)
    return room


# ---------------------------------------------------------------- the buffer

cdef bint borrow(Conn* c, size_t need) noexcept nogil:
    """Have an empty buffer of `need` octets or more."""
    cdef Codec* k = c.codec
    if k.out_cap >= need:
        return True
    free(k.out_data)
    k.out_data = NULL
    k.out_cap = max(need, <size_t>WIRE_CAP)
    if k.out_cap == WIRE_CAP:
        k.out_data = c.group.wire_out.exchange(NULL, memory_order_seq_cst)
    if k.out_data == NULL:
        k.out_data = <uint8_t*>malloc(k.out_cap)
    if k.out_data == NULL:
        k.out_cap = 0
        return False
    return True


cdef void give_back(Conn* c) noexcept nogil:
    """The buffer is written out."""
    cdef Codec* k = c.codec
    k.out_pos = k.out_end = 0
    if k.out_cap == WIRE_CAP:
        k.out_data = c.group.wire_out.exchange(k.out_data, memory_order_seq_cst)
    elif not k.caught_up:
        return                  # a larger one is kept while there is more to write
    free(k.out_data)
    k.out_data = NULL
    k.out_cap = 0


# ---------------------------------------------------------------- sealing

cdef struct Place:               # a frame in the outbound flow
    uint8_t flags
    const uint8_t* body
    size_t size
    Chunk* next                  # where the frame behind it begins, as Conn.cur and Conn.cpos would say
    size_t next_pos


cdef inline void look(Chunk* ch, size_t pos, Place* at) noexcept nogil:
    """The frame that begins at octet pos of ch."""
    cdef const uint8_t* d = ch.data + pos
    cdef size_t head = 9 if d[0] & F_LONG else 2
    at.flags = d[0] & (F_MORE | F_COMMAND)
    at.size = get_size8(d + 1) if d[0] & F_LONG else d[1]
    if at.size < BIG:
        at.body = d + head
        at.next = ch
        at.next_pos = pos + head + at.size
    else:
        at.next = ch.next.load(memory_order_acquire)
        at.body = at.next.data
        at.next_pos = at.size


cdef int seal_some(Conn* c) noexcept nogil:
    """Fill the empty buffer with what waits, up to about ENOUGH octets. 0, or minus the reason of a failure."""
    cdef Codec* k = c.codec
    cdef Chunk* ch = c.cur
    cdef size_t pos = c.cpos
    cdef size_t need, end
    cdef Place at
    cdef uint64_t p
    cdef int rc = 0
    k.caught_up = 0
    if k.say_len or (c.cmd_len and c.boundary):
        if not borrow(c, WIRE_CAP):
            return -UNSPECIFIED
        memcpy(k.out_data, k.say, k.say_len)
        k.out_end = k.say_len
        k.say_len = 0
        if c.cmd_len and c.boundary:
            rc = k.kind.seal(k, c.cmd[0], &c.cmd[2], c.cmd_len - 2, k.out_data + k.out_end)
            k.out_end += k.kind.wire_size(k, c.cmd[0], c.cmd_len - 2)
            c.cmd_len = 0
    k.out_at = k.out_end
    while rc == 0:
        p = ch.pub.load(memory_order_seq_cst)
        end = readable(ch, p)
        while pos < end and k.out_end < ENOUGH:
            look(ch, pos, &at)
            need = k.kind.wire_size(k, at.flags, at.size)
            if k.out_end + need > k.out_cap and (k.out_end or not borrow(c, need)):
                break
            rc = k.kind.seal(k, at.flags, at.body, at.size, k.out_data + k.out_end)
            if rc < 0:
                break
            k.out_end += need
            if at.next != ch:
                ch = at.next
                p = ch.pub.load(memory_order_seq_cst)
                end = readable(ch, p)
            pos = at.next_pos
            if c.pipe.conflate and not at.flags & F_MORE:
                break               # one message at a time: of those behind it, only the newest will be wanted
        if pos < end or (c.pipe.conflate and k.out_end > k.out_at):
            break
        if not p & SEALED:
            k.caught_up = 1
            break
        ch = ch.next.load(memory_order_acquire)
        pos = 0
    k.sealed = ch
    k.sealed_pos = pos
    k.sealed_pub = p
    if k.out_end == 0 and rc == 0 and pos < end:
        rc = -UNSPECIFIED
    return rc


cdef void advance(Conn* c) noexcept nogil:
    """Some of the buffer is written: put cur behind the frames that are written whole."""
    cdef Codec* k = c.codec
    cdef size_t size
    cdef Place at
    while c.cur != k.sealed or c.cpos != k.sealed_pos:
        if c.cpos >= readable(c.cur, c.cur.pub.load(memory_order_acquire)):
            c.cur = c.cur.next.load(memory_order_acquire)
            c.cpos = 0
            continue
        look(c.cur, c.cpos, &at)
        size = k.kind.wire_size(k, at.flags, at.size)
        if k.out_at + size > k.out_pos:
            return
        k.out_at += size
        c.cur = at.next
        c.cpos = at.next_pos


cdef int coded_write_once(Conn* c) noexcept nogil:
    """As write_once of writer.pyx: one system call. 1 progress, 0 nothing to write, WOULD_BLOCK, FAILED."""
    cdef Codec* k = c.codec
    cdef ssize_t w
    cdef int rc
    if k.out_pos == k.out_end:
        rc = seal_some(c)
        if rc < 0:
            conn_fail(c, -rc)
            return FAILED
        if k.out_end == 0:
            c.cur = k.sealed
            c.cpos = k.sealed_pos
            credit_all(c, c.cur, k.sealed_pub)
            return 1 if c.cmd_len else 0
    w = sys_send(c.fd, k.out_data + k.out_pos, k.out_end - k.out_pos, MSG_DONTWAIT | MSG_NOSIGNAL)
    if w < 0:
        c.boundary = 0              # what is sealed is begun
        if errno == EAGAIN or errno == EINTR:
            return WOULD_BLOCK
        conn_fail(c, errno)
        return FAILED
    k.out_pos += w
    if k.out_pos < k.out_end:
        advance(c)
        credit_walk(c)
        c.boundary = 0
        return 1
    give_back(c)
    c.cur = k.sealed
    c.cpos = k.sealed_pos
    if k.caught_up:
        credit_all(c, c.cur, k.sealed_pub)
    else:
        credit_walk(c)
    return 1
