# Frames out: what the pipe's outbound flow holds goes to the kernel, gathered, and is kept until its message is wholly written.
#
# Whoever holds wlock writes: the I/O thread, or a sender that does it itself. Nothing here blocks, takes the GIL or knows a pattern.
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from libcpp.atomic cimport memory_order_acquire, memory_order_relaxed, memory_order_seq_cst

from peromq._core.coded_out cimport coded_write_once
from peromq._core.flow cimport (BIG, F_COMMAND, F_LONG, F_MORE, KIND_BODY, SEALED, Chunk, Flow, chunk_retire, count_set,
                                flow_credit, get_size8)
from peromq._core.notify cimport conn_fail, post_event
from peromq._core.sysio cimport (EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLLONESHOT, EPOLLOUT, MSG_DONTWAIT, MSG_NOSIGNAL, epoll_ctl,
                                 epoll_event, iovec, msghdr, pthread_mutex_lock, pthread_mutex_trylock, pthread_mutex_unlock,
                                 sys_sendmsg)
from peromq._core.types cimport EV_WRITE, FAILED, OUT_ARMED, OUT_KNOWN, WOULD_BLOCK, Conn
from peromq._core.udp cimport udp_has_more, udp_write_once

cdef enum:
    MAX_IOV = 64
    MAX_WRITE = 1 << 20                  # octets per system call, so that credits come back steadily


cdef void conn_queue_ping(Conn* c) noexcept nogil:
    pthread_mutex_lock(&c.wlock)
    if c.cmd_len == 0:
        c.cmd[0] = F_COMMAND
        c.cmd[1] = 7
        c.cmd[2] = 4
        memcpy(&c.cmd[3], b"PING", 4)
        c.cmd[7] = <uint8_t>(c.hb_ttl >> 8)
        c.cmd[8] = <uint8_t>c.hb_ttl
        c.cmd_len = 9
    pthread_mutex_unlock(&c.wlock)


cdef void credit_all(Conn* c, Chunk* last, uint64_t last_pub) noexcept nogil:
    """Everything published up to `last` has been written: count it and let the chunks before go."""
    cdef Flow* f = c.outq
    cdef Chunk* ch = f.head
    cdef Chunk* n
    cdef uint32_t msgs
    cdef uint64_t nread = f.nread
    while ch != last:
        n = ch.next.load(memory_order_acquire)
        nread += <uint32_t>((ch.pub.load(memory_order_relaxed) & ~SEALED) >> 32) - ch.rmsgs
        chunk_retire(f, ch)
        ch = n
    f.head = last
    msgs = <uint32_t>((last_pub & ~SEALED) >> 32)
    count_set(&f.nread, nread + msgs - last.rmsgs)
    last.rmsgs = msgs
    last.rpos = <uint32_t>last_pub
    c.boundary = 1


cdef void credit_walk(Conn* c) noexcept nogil:
    """A write stopped midway: count the messages that were written whole and keep what begins with the first that was not.

    What is kept is sent again on the next connection, so no message is cut and none is lost that had not reached the kernel.
    """
    cdef Flow* f = c.outq
    cdef Chunk* ch = f.head
    cdef uint32_t pos = ch.rpos
    cdef Chunk* at = ch               # the last message boundary known to be behind the cursor
    cdef uint32_t at_pos = pos
    cdef Chunk* n
    cdef const uint8_t* d
    cdef size_t size
    cdef uint8_t flags
    cdef uint64_t p
    while True:
        p = ch.pub.load(memory_order_acquire)
        if pos >= <uint32_t>p:
            if ch == c.cur or not p & SEALED:
                break
            ch = ch.next.load(memory_order_acquire)
            pos = 0
            continue
        d = ch.data + pos
        flags = d[0]
        size = get_size8(d + 1) if flags & F_LONG else d[1]
        if size < BIG:
            size += 9 if flags & F_LONG else 2
            if ch == c.cur and c.cpos < pos + size:
                break
            pos += <uint32_t>size
        else:
            n = ch.next.load(memory_order_acquire)
            if ch == c.cur or (n == c.cur and c.cpos < n.size):
                break
            ch = n
            pos = 1
        if not flags & F_MORE:
            at = ch
            at_pos = pos
            ch.rmsgs += 1
            count_set(&f.nread, f.nread + 1)
    ch = f.head
    while ch != at:
        n = ch.next.load(memory_order_acquire)
        chunk_retire(f, ch)
        ch = n
    f.head = at
    at.rpos = at_pos
    c.boundary = at == c.cur and c.cpos == (at.size if at.kind == KIND_BODY else at_pos)


cdef int write_once(Conn* c) noexcept nogil:
    """One gathering system call. 1 progress, 0 nothing to write, WOULD_BLOCK, FAILED."""
    cdef iovec iov[MAX_IOV]
    cdef msghdr m
    cdef Chunk* ch = c.cur
    cdef size_t pos = c.cpos
    cdef size_t n, total = 0
    cdef size_t cmd = 0
    cdef int k = 0
    cdef int steps = 0
    cdef bint to_the_end = False
    cdef uint64_t p
    cdef ssize_t w
    if c.cmd_len and (c.boundary or c.cmd_pos):
        cmd = c.cmd_len - c.cmd_pos
        iov[0].iov_base = &c.cmd[c.cmd_pos]
        iov[0].iov_len = cmd
        k = 1
    while True:
        p = ch.pub.load(memory_order_seq_cst)
        n = readable(ch, p)
        if pos < n:
            if k == MAX_IOV or total >= MAX_WRITE:
                break
            iov[k].iov_base = ch.data + pos
            iov[k].iov_len = n - pos
            total += n - pos
            k += 1
            pos = n
        if not p & SEALED:
            to_the_end = True
            break
        steps += 1
        if steps == 4 * MAX_IOV:
            break
        ch = ch.next.load(memory_order_acquire)
        pos = 0
    if total + cmd == 0:
        c.cur = ch                      # step over spent chunks
        c.cpos = pos
        if not to_the_end:
            return 0
        credit_all(c, ch, p)            # a body wholly written may be behind: this is a boundary
        return 1 if c.cmd_len else 0
    memset(&m, 0, sizeof(m))            # a struct literal would leave the fields Cython does not know of as they are
    m.msg_iov = iov
    m.msg_iovlen = k
    w = sys_sendmsg(c.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL)
    if w < 0:
        if errno == EAGAIN or errno == EINTR:
            return WOULD_BLOCK
        conn_fail(c, errno)
        return FAILED
    if cmd:
        if <size_t>w < cmd:
            c.cmd_pos += <uint32_t>w
            return WOULD_BLOCK
        c.cmd_len = c.cmd_pos = 0
        w -= cmd
    if <size_t>w == total and to_the_end:
        c.cur = ch
        c.cpos = pos
        credit_all(c, ch, p)
        return 1
    n = w
    while n:
        p = c.cur.pub.load(memory_order_acquire)
        total = readable(c.cur, p) - c.cpos
        if n < total or (n == total and not p & SEALED):
            c.cpos += n
            break
        n -= total
        c.cur = c.cur.next.load(memory_order_acquire)
        c.cpos = 0
    credit_walk(c)
    return 1


cdef int write_locked(Conn* c, bint go_idle) noexcept nogil:
    cdef Flow* f = c.outq
    cdef epoll_event e
    cdef int rc
    if c.fd < 0 or c.failed.load(memory_order_relaxed):
        return FAILED
    if c.want_out == OUT_ARMED:
        return WOULD_BLOCK
    while True:
        if c.udp != NULL:
            rc = udp_write_once(c)
        elif c.codec != NULL:
            rc = coded_write_once(c)
        else:
            rc = write_once(c)
        # after each call: a peer may have answered and the sender gone on before a long run of them ends
        if f.nread != f.credited and flow_credit(f):
            post_event(c.pipe, EV_WRITE)
        if rc == 0:
            if not go_idle:
                break
            f.idle.store(1, memory_order_seq_cst)
            # Dekker with the producer, which publishes and then reads idle
            if not has_more(c) or f.idle.exchange(0, memory_order_seq_cst) == 0:
                break
        elif rc < 0:
            break
    if rc == WOULD_BLOCK:
        e.events = EPOLLOUT | EPOLLONESHOT
        e.data.u64 = <uint64_t>c | 1               # the I/O thread tells connections from groups by this bit
        if epoll_ctl(c.io.epfd, EPOLL_CTL_MOD if c.want_out else EPOLL_CTL_ADD, c.fd, &e) < 0:
            conn_fail(c, errno)
        c.want_out = OUT_ARMED
    if rc == 0 and c.flush_then_close and not has_more(c):
        conn_fail(c, 0)
    return rc


cdef bint has_more(Conn* c) noexcept nogil:
    cdef Chunk* ch = c.cur
    cdef uint64_t p
    if c.udp != NULL:
        return udp_has_more(c)
    p = ch.pub.load(memory_order_seq_cst)
    return c.cpos < readable(ch, p) or (p & SEALED) != 0


cdef int conn_write(Conn* c, bint go_idle) noexcept nogil:
    """Write what is queued until it is all gone or the kernel takes no more.

    The caller must own the flow's idle flag (have it exchanged from 1 to 0) to pass go_idle; without it, it only helps.
    0: all written. 1: somebody else is writing. WOULD_BLOCK: the I/O thread goes on. FAILED.
    """
    cdef int rc
    if pthread_mutex_trylock(&c.wlock) != 0:
        return 1
    rc = write_locked(c, go_idle)
    pthread_mutex_unlock(&c.wlock)
    return rc


cdef int conn_out_event(Conn* c) noexcept nogil:
    """I/O thread: the kernel takes more (or the connection broke)."""
    cdef int rc
    pthread_mutex_lock(&c.wlock)
    if c.want_out:
        c.want_out = OUT_KNOWN
    rc = write_locked(c, False)
    pthread_mutex_unlock(&c.wlock)
    return rc
