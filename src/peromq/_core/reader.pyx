# Bytes in: an established connection's input becomes whole messages in the pipe's inbound flow.
#
# Whoever holds rlock reads: the I/O thread, or a caller that leased the socket's connections. Nothing here blocks, takes the GIL or
# knows a socket pattern. A stranger cannot get here before his handshake is done, but everything he sends now is still his choice:
# sizes are checked before memory is asked for, and memory follows what really arrived.
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport realloc
from libc.string cimport memcmp, memcpy, memmove, memset
from libcpp.atomic cimport memory_order_relaxed, memory_order_seq_cst

from peromq._core.coded_in cimport coded_feed, coded_read, coded_resume
from peromq._core.flow cimport (BIG, F_COMMAND, F_LONG, F_MORE, KIND_BODY, MAX_CAP, Chunk, Flow, body_take, chunk_unref,
                                flow_grow, flow_link_body, flow_publish, get_size8, put_header, quota)
from peromq._core.notify cimport conn_fail, conn_unref, io_mark_dirty, post_event
from peromq._core.requeue cimport flow_keep_last
from peromq._core.sysio cimport (EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLIN, MSG_DONTWAIT, epoll_ctl, epoll_event, epoll_wait,
                                 iovec, msghdr, now_ns, quickack, rcv_low_water, pthread_mutex_lock, pthread_mutex_trylock,
                                 pthread_mutex_unlock, sys_recv, sys_recvmsg)
from peromq._core.types cimport DIRTY_LOOK, EV_READ, FAILED, OK, Conn, Group
from peromq._core.udp cimport Datagrams, udp_read

cdef enum:
    BULK = 1 << 17                       # so much of a body to come is waited for in the kernel, up to ...
    LOW_WATER = 1 << 20                  # ... so much at a time, if it comes within ...
    PATIENCE_NS = 5000000
    PROTOCOL_ERROR = 0x10000000          # ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED
    MALFORMED_COMMAND = 0x10000011       # ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED


cdef int handle_command(Conn* c, const uint8_t* d, size_t n) noexcept nogil:
    """A command in traffic: 0 drop it, 1 hand it to the application, -1 protocol error."""
    cdef size_t k
    if n < 1 or d[0] == 0 or n < 1 + <size_t>d[0]:
        return 0                                    # unknown or malformed commands are ignored, as libzmq does
    if d[0] == 4 and memcmp(d + 1, b"PING", 4) == 0:
        if n < 7:
            return 0                                # RFC 37: ping = command-size %d4 "PING" ping-ttl ping-context
        c.ttl_until.store((<int64_t>d[5] << 8 | d[6]) * 100000000, memory_order_relaxed)
        k = n - 7
        if k > 16:
            k = 16                                  # RFC 37: ping-context = 0*16OCTET; libzmq truncates longer ones
        pthread_mutex_lock(&c.wlock)
        if c.cmd_pos == 0:                          # else a PING or PONG is on its way to the kernel: one more is not needed
            c.cmd[0] = F_COMMAND
            c.cmd[1] = <uint8_t>(5 + k)
            c.cmd[2] = 4
            memcpy(&c.cmd[3], b"PONG", 4)
            memcpy(&c.cmd[7], d + 7, k)
            c.cmd_len = <uint32_t>(7 + k)
        pthread_mutex_unlock(&c.wlock)
        io_mark_dirty(c, DIRTY_LOOK)
        return 0
    if c.keep_subs:
        if d[0] == 9 and n >= 10 and memcmp(d + 1, b"SUBSCRIBE", 9) == 0:
            return 1
        if d[0] == 6 and n >= 7 and memcmp(d + 1, b"CANCEL", 6) == 0:
            return 1
    if c.keep_joins:                                # RFC 48: group = 0*255OCTET
        if d[0] == 4 and n >= 5 and memcmp(d + 1, b"JOIN", 4) == 0:
            return 1 if n <= 5 + 255 else -1
        if d[0] == 5 and n >= 6 and memcmp(d + 1, b"LEAVE", 5) == 0:
            return 1 if n <= 6 + 255 else -1
    return 0


cdef int check_group(Conn* c, uint8_t flags, size_t n) noexcept nogil:
    """DISH accepts only messages of a group and a body (RFC 48; libzmq closes otherwise)."""
    if c.check == 4:
        if not flags & F_MORE or n > 255:
            return -1
        c.check = 5
    else:
        if flags & F_MORE:
            return -1
        c.check = 4
    return 0


cdef inline int check_frame(Conn* c, uint8_t flags, size_t n) noexcept nogil:
    """REQ accepts only replies that start with a delimiter, or a 4-octet id and one (RFC 28; libzmq closes otherwise)."""
    if c.check >= 4:
        return check_group(c, flags, n)
    if c.check == 1:
        if flags & F_MORE and n == 0:
            c.check = 3
        elif flags & F_MORE and n == 4:
            c.check = 2
        else:
            return -1
    elif c.check == 2:
        if not (flags & F_MORE and n == 0):
            return -1
        c.check = 3
    elif not flags & F_MORE:
        c.check = 1
    return 0


cdef int scan(Conn* c, bint* news) noexcept nogil:
    """Walk the unscanned octets of the tail: publish whole messages, answer commands, start a large body.

    Commands are squeezed out as they are met (dst lags behind src), so what is published is data alone and
    a peer that only sends PINGs fills nothing.
    """
    cdef Flow* f = c.inq
    cdef Chunk* t = f.tail
    cdef uint8_t* data = t.data
    cdef uint32_t src = c.dpos
    cdef uint32_t dst = src
    cdef uint32_t end = t.wpos
    cdef uint32_t left = quota(f)
    cdef uint32_t done = 0           # messages completed in this chunk and not published
    cdef uint32_t done_at = dst
    cdef uint32_t head
    cdef size_t n
    cdef uint8_t flags
    cdef Chunk* body
    cdef int keep
    cdef int rc = OK
    c.paused.store(0, memory_order_relaxed)
    while True:
        if left == 0:
            c.paused.store(1, memory_order_seq_cst)
            left = quota(f)          # Dekker with the consumer, which reads `paused` after it gave credit
            if left <= done:
                break
            left -= done
            c.paused.store(0, memory_order_relaxed)
        if end - src < 2:
            break
        flags = data[src]
        if flags & F_LONG:
            if end - src < 9:
                break
            n = get_size8(data + src + 1)
            head = 9
            if n >> 63 or (c.max_size >= 0 and n > <size_t>c.max_size):
                rc = PROTOCOL_ERROR
                break
        else:
            n = data[src + 1]
            head = 2
            if c.max_size >= 0 and n > <size_t>c.max_size:
                rc = PROTOCOL_ERROR
                break
        if n >= BIG:
            if flags & F_COMMAND == 0 and c.check and check_frame(c, flags, n) < 0:
                rc = PROTOCOL_ERROR
                break
            body = body_take(f, n, min(n, <size_t>FIRST_BODY))
            if body == NULL:
                rc = PROTOCOL_ERROR
                break
            c.body_cap = min(n, body.room)
            body.size = n
            body.flags = flags
            c.body = body
            c.body_got = min(<size_t>(end - src - head), n)
            if c.body_got > c.body_cap:
                if grow_body(c, c.body_got) < 0:
                    rc = PROTOCOL_ERROR
                    break
                body = c.body
            memcpy(body.data, data + src + head, c.body_got)
            src += head + <uint32_t>c.body_got
            t.wpos = dst
            if done:
                flow_publish(f, done, done_at)
                news[0] = True
                done = 0
            if c.body_got < n:
                c.dpos = dst
                return OK
            # the body was in the buffer whole: what follows it moves to a chunk behind it
            keep = finish_body(c, data + src, end - src, news)
            if keep < 0:
                return PROTOCOL_ERROR
            t = f.tail
            data = t.data
            src = dst = done_at = c.dpos
            end = t.wpos
            left = quota(f)
            continue
        if end - src < head + n:
            break
        if flags & F_COMMAND:
            keep = handle_command(c, data + src + head, n)
            if keep < 0:
                rc = MALFORMED_COMMAND
                break
            if keep == 0:
                src += head + <uint32_t>n
                continue
            flags &= ~F_MORE
        elif c.check and check_frame(c, flags, n) < 0:
            rc = PROTOCOL_ERROR
            break
        head += <uint32_t>n
        if src != dst:
            memmove(data + dst, data + src, head)
        data[dst] = flags & (F_MORE | F_LONG | F_COMMAND)
        src += head
        dst += head
        if flags & F_COMMAND:
            if c.in_more:            # RFC 37 lets commands pass between frames; ours would be part of the message
                dst -= head
                continue
            done += 1
            done_at = dst
            left -= 1
        elif flags & F_MORE:
            c.in_more = 1
            c.unfinished += head
            if c.unfinished > c.max_unfinished:
                rc = PROTOCOL_ERROR
                break
        else:
            c.in_more = 0
            c.unfinished = 0
            done += 1
            done_at = dst
            left -= 1
    if src != dst:
        memmove(data + dst, data + src, end - src)
    t.wpos = dst + (end - src)
    c.dpos = dst
    f.open = c.in_more
    if done:                         # what came before an offence counts, however it was cut into reads
        flow_publish(f, done, done_at)
        news[0] = True
    return rc


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


cdef inline void tell_consumer(Conn* c) noexcept nogil:
    if c.newest_only:
        flow_keep_last(c.inq)
    if c.inq.idle.load(memory_order_seq_cst) and c.inq.idle.exchange(0, memory_order_seq_cst):
        post_event(c.pipe, EV_READ)


cdef void watch(Conn* c, bint on) noexcept nogil:
    """Have the group's epoll report input, or not while the receive queue is full."""
    cdef epoll_event e
    if c.watched == on or c.fd < 0 or (c.udp != NULL and not (<Datagrams*>c.udp).receives):
        return
    c.watched = on
    e.events = EPOLLIN
    e.data.ptr = c
    if epoll_ctl(c.group.epfd, EPOLL_CTL_ADD if on else EPOLL_CTL_DEL, c.fd, &e) < 0 and on:
        conn_fail(c, errno)             # out of memory or of watches: better no connection than a deaf one


cdef inline bint streaming(Conn* c) noexcept nogil:
    """Is so much of a large body to come that it is better to sleep until a good part of it is there?

    Fewer wake-ups, and the reader does not hold the socket while the sender's octets arrive. Only in a row of messages: a single one is
    here sooner if it is copied while it arrives. Not with heartbeats, which need to hear of every octet, nor from peers that have shown
    to take their time (a small SNDBUF lets them wait for acknowledgements).
    """
    return (c.in_a_row and c.body != NULL and c.body.size - c.body_got >= BULK and not c.unhurried
            and not c.hb_ivl and not c.ttl_until.load(memory_order_relaxed))


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


cdef int read_ended(Conn* c, ssize_t r) noexcept nogil:
    if r < 0 and (errno == EAGAIN or errno == EINTR):
        return 0
    conn_fail(c, 0 if r == 0 else errno)
    return FAILED


cdef int scan_and_judge(Conn* c, bint* news) noexcept nogil:
    cdef int reason = scan(c, news)
    if reason != OK:
        conn_fail(c, reason)
        return FAILED
    return 1


cdef int read_chunk(Conn* c, bint* news) noexcept nogil:
    """One system call into the tail chunk; 1 filled it, 2 read less than it takes, 0 would block, else failed."""
    cdef Flow* f = c.inq
    cdef Chunk* t = f.tail
    cdef Chunk* fresh
    cdef uint32_t part = t.wpos - c.dpos
    cdef uint32_t room
    cdef ssize_t r
    cdef int rc
    if t.kind == KIND_BODY or t.cap - t.wpos < 64 or (t.cap - t.wpos) * 4 < t.cap:
        f.open = c.in_more
        fresh = flow_grow(f, 2 * part + 256)    # doubled: a frame that drips in costs a few times its size, not its square
        if fresh == NULL:
            conn_fail(c, PROTOCOL_ERROR)
            return FAILED
        if part:
            memcpy(fresh.data, t.data + c.dpos, part)
            t.wpos = c.dpos
            fresh.wpos = part
        c.dpos = 0
        t = fresh
    room = t.cap - t.wpos
    if c.after_body:
        room = min(room, <uint32_t>SCRATCH)     # the rest of the next body is read into its own memory, not copied there
        c.after_body = 0
    r = sys_recv(c.fd, t.data + t.wpos, room, MSG_DONTWAIT)
    if r <= 0:
        return read_ended(c, r)
    c.last_in.store(now_ns(), memory_order_relaxed)
    t.wpos += <uint32_t>r
    if t.wpos == t.cap and f.next_cap < MAX_CAP:
        f.next_cap = min(f.next_cap * 4, <uint32_t>MAX_CAP)
    rc = scan_and_judge(c, news)
    if rc == 1 and <uint32_t>r < room:
        return 2
    return rc


cdef int read_locked(Conn* c, int calls) noexcept nogil:
    cdef bint news = False
    cdef int rc = 0
    if c.udp != NULL:
        return udp_read(c, calls)
    if c.fd < 0 or c.failed.load(memory_order_relaxed):
        return FAILED
    if not c.watched and not c.paused.load(memory_order_relaxed):
        return OK                       # what came with the handshake has not been fed yet
    if c.paused.load(memory_order_relaxed):
        rc = scan_and_judge(c, &news)
        if rc < 0:
            if news:
                tell_consumer(c)
            return FAILED
        if c.paused.load(memory_order_relaxed):
            if news:
                tell_consumer(c)
            return OK
        watch(c, True)
        if c.codec != NULL:
            rc = coded_resume(c, &news)
            if rc < 0 or c.paused.load(memory_order_relaxed):
                calls = 0
    for _ in range(calls):
        if c.codec != NULL:
            rc = coded_read(c, &news)
        elif c.body != NULL:
            rc = read_body(c, &news)
        else:
            rc = read_chunk(c, &news)
        if rc != 1 or c.paused.load(memory_order_relaxed) or (news if c.body == NULL else streaming(c)):
            break
    if c.low_water or c.body != NULL:
        set_low_water(c)
    if c.paused.load(memory_order_relaxed):
        watch(c, False)
    if news:
        tell_consumer(c)
    elif c.body != NULL and rc >= 0:
        # a sender with a small buffer waits for our acknowledgement to go on with this body: do not let the kernel delay it
        quickack(c.fd)
    if rc < 0:
        return rc
    if news:
        return 1
    return STREAMING if c.low_water else 0


cdef int conn_read(Conn* c) noexcept nogil:
    """Read what is there (bounded), publish whole messages.

    1: something new for the application, 0: nothing, STREAMING: nor soon, <0: failed.
    """
    cdef int rc
    if pthread_mutex_trylock(&c.rlock) != 0:
        return OK                       # somebody is reading it right now
    rc = read_locked(c, 16)
    pthread_mutex_unlock(&c.rlock)
    return rc


cdef int conn_resume(Conn* c) noexcept nogil:
    """The consumer made room: go on with what is in the buffer, then with the descriptor."""
    cdef int rc
    pthread_mutex_lock(&c.rlock)
    rc = read_locked(c, 0)
    pthread_mutex_unlock(&c.rlock)
    return rc


cdef int conn_feed(Conn* c, const uint8_t* data, size_t n) noexcept nogil:
    """Octets that came with the handshake, before anybody else knows the connection; then start watching it."""
    cdef bint news = False
    cdef Chunk* t
    cdef int rc = OK
    pthread_mutex_lock(&c.rlock)
    if n and c.codec != NULL:
        rc = coded_feed(c, data, n, &news)
    elif n:
        t = flow_grow(c.inq, n + 64)
        if t == NULL:
            conn_fail(c, PROTOCOL_ERROR)
        else:
            memcpy(t.data, data, n)
            t.wpos = <uint32_t>n
            c.dpos = 0
            rc = scan_and_judge(c, &news)
    if not c.paused.load(memory_order_relaxed) and rc >= 0:
        watch(c, True)
    if news:
        tell_consumer(c)
    pthread_mutex_unlock(&c.rlock)
    return rc


cdef int group_read(Group* g) noexcept nogil:
    """Read from the group's ready connections. 1: something new, 0: nothing was ready."""
    cdef epoll_event evs[32]
    cdef Conn* c
    cdef int n, i
    cdef int got = 0
    # the lock keeps teardown from freeing a connection between epoll_wait and the reference
    pthread_mutex_lock(&g.lock)
    if g.conns.size() == 1:
        n = 1                       # no need to ask which
        evs[0].data.ptr = g.conns[0][0]
    else:
        n = epoll_wait(g.epfd, evs, 32, 0)
    for i in range(n):
        (<Conn*>evs[i].data.ptr).refs.fetch_add(1)
    pthread_mutex_unlock(&g.lock)
    for i in range(n):
        c = <Conn*>evs[i].data.ptr
        if conn_read(c) == 1:
            got = 1
        conn_unref(c)
    return got
