# Bytes in: an established connection's input becomes whole messages in the pipe's inbound flow.
#
# Whoever holds rlock reads: the I/O thread, or a caller that leased the socket's connections. Nothing here blocks, takes the GIL or
# knows a socket pattern. A stranger cannot get here before his handshake is done, but everything he sends now is still his choice:
# sizes are checked before memory is asked for, and memory follows what really arrived.
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy, memmove
from libcpp.atomic cimport memory_order_relaxed, memory_order_seq_cst

from peromq._core.body cimport FIRST_BODY, SCRATCH, finish_body, grow_body, read_body, set_low_water, streaming
from peromq._core.coded_in cimport coded_feed, coded_read, coded_resume
from peromq._core.flow cimport (BIG, F_COMMAND, F_LONG, F_MORE, KIND_BODY, MAX_CAP, Chunk, Flow, body_take, count_set, flow_grow,
                                flow_publish, get_size8, quota)
from peromq._core.latest cimport latest_take
from peromq._core.news cimport news_post
from peromq._core.notify cimport conn_fail, conn_unref, post_event
from peromq._core.requeue cimport flow_keep_last
from peromq._core.sysio cimport (EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLIN, MSG_DONTWAIT, epoll_ctl, epoll_event, epoll_wait, now_ns,
                                 pthread_mutex_lock, pthread_mutex_trylock, pthread_mutex_unlock, quickack, sys_recv)
from peromq._core.traffic cimport check_frame, handle_command
from peromq._core.types cimport EV_READ, FAILED, NEWS_STOPPED, OK, Conn, Group
from peromq._core.udp cimport Datagrams, udp_read

cdef enum:
    MALFORMED_COMMAND = 0x10000011       # ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED


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


cdef inline void tell_consumer(Conn* c) noexcept nogil:
    if c.newest_only:
        if c.pipe.latest != NULL:
            latest_take(c.pipe.latest, c.inq)
        else:
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


cdef void stop_watching(Conn* c) noexcept nogil:
    """The high-water mark is reached: what comes next is left to the kernel."""
    if c.watched:
        count_set(&c.inq.stops, c.inq.stops + 1)
        news_post(c.pipe, NEWS_STOPPED)
        watch(c, False)


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
        stop_watching(c)
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
    if rc < 0:
        watch(c, False)                 # or whoever polls the group would find it ready, again and again, until it is torn down
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
