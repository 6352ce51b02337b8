# proxy(): whole messages from one socket's queues to another's, without Python. Large bodies move by reference.
from libc.errno cimport EAGAIN, EINTR, ENOTSOCK
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy
from libcpp.atomic cimport memory_order_seq_cst

from peromq._core.flow cimport BIG, F_MORE, Chunk, FrameRef, body_new, chunk_unref
from peromq._core.patterns cimport can_recv, can_send, recv_done, recv_peek, send_frame
from peromq._core.sock cimport sock_flush, sock_state
from peromq._core.sysio cimport now_ns, pthread_mutex_lock, pthread_mutex_unlock
from peromq._core.types cimport OK, S_CLOSED, WOULD_BLOCK
from peromq._core.wait cimport read_leased, wait_any

cdef enum:
    BURST = 64                   # messages per turn under the locks
    SIGNALS_NS = 50000000        # a signal that interrupted no sleep is noticed within this time
    ETERM = 156384765


cdef void lock_all(Sock* a, Sock* b, Sock* c) noexcept nogil:
    """Several socket locks at once, here only: in order of address, so that two proxies cannot deadlock."""
    cdef Sock* t
    if b != NULL and a > b:
        t = a
        a = b
        b = t
    if c != NULL and b > c:
        t = b
        b = c
        c = t
    if b != NULL and a > b:
        t = a
        a = b
        b = t
    pthread_mutex_lock(&a.lock)
    if b != a and b != NULL:
        pthread_mutex_lock(&b.lock)
    if c != NULL and c != a and c != b:
        pthread_mutex_lock(&c.lock)


cdef void unlock_all(Sock* a, Sock* b, Sock* c) noexcept nogil:
    pthread_mutex_unlock(&a.lock)
    if b != a and b != NULL:
        pthread_mutex_unlock(&b.lock)
    if c != NULL and c != a and c != b:
        pthread_mutex_unlock(&c.lock)


cdef int give(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* chunk) noexcept nogil:
    return send_frame(s, data, n, more, chunk if n >= BIG else NULL)


cdef bint has_room(Relay* r, Way* w) noexcept nogil:
    return can_send(w.dst) and (r.capture == NULL or can_send(r.capture))


cdef int forward(Relay* r, Way* w) noexcept nogil:
    """Up to BURST messages, straight from queue to queue. How many; WOULD_BLOCK: there is more, but no room."""
    cdef FrameRef fr
    cdef int n = 0
    cdef int rc
    cdef bint more, to_dst, first
    while n < BURST:
        if recv_peek(w.src, &fr) != OK:
            return n
        if not has_room(r, w):
            return n if n else WOULD_BLOCK
        to_dst = first = True
        if w.src.in_group != NULL and w.dst.out_group != NULL:
            w.dst.out_group.assign(w.src.in_group[0])           # from DISH to RADIO: for the same group
        while True:
            more = fr.flags & F_MORE
            if to_dst:
                rc = give(w.dst, fr.data, fr.size, more, fr.chunk)
                if rc == WOULD_BLOCK and first:
                    return n if n else WOULD_BLOCK      # only a first frame can be refused; it is still in src
                # a message that dst refuses is dropped whole: what follows must not be taken for the start of another
                to_dst = rc == OK or w.dst.out_more
            if r.capture != NULL:
                if first and w.prefix != NULL:
                    give(r.capture, w.prefix, w.prefix_size, True, NULL)
                give(r.capture, fr.data, fr.size, more, fr.chunk)
            w.octets += fr.size
            recv_done(w.src, &fr)
            first = False
            if not more or recv_peek(w.src, &fr) != OK:
                break
        w.messages += 1
        n += 1
    return n


cdef bint take(Way* w) noexcept nogil:
    """One message of src in hand. False: there is none, or no memory for it."""
    cdef FrameRef fr
    cdef Part part
    cdef bint more = True
    while more and recv_peek(w.src, &fr) == OK:
        more = fr.flags & F_MORE
        part.size = fr.size
        if fr.chunk != NULL and fr.size >= BIG:
            fr.chunk.refs.fetch_add(1)
            part.chunk = fr.chunk
            part.data = fr.data
        else:
            part.chunk = body_new(fr.size)
            if part.chunk == NULL:
                return False
            if fr.size:
                memcpy(part.chunk.data, fr.data, fr.size)
            part.data = part.chunk.data
        w.in_hand.push_back(part)
        recv_done(w.src, &fr)
    return not w.in_hand.empty()


cdef void let_go(Way* w) noexcept nogil:
    cdef size_t i
    for i in range(w.in_hand.size()):
        chunk_unref(w.in_hand[0][i].chunk)
    w.in_hand.clear()


cdef int forward_by_hand(Relay* r, Way* w) noexcept nogil:
    """As forward, where a message must be read whole before it can be sent: ids to swap, or one socket that is both ends."""
    cdef Part part
    cdef int n = 0
    cdef size_t i, size
    cdef bint more, to_dst
    cdef int rc
    while n < BURST:
        if w.in_hand.empty():
            if not take(w):
                return n
            if r.swap and w.in_hand.size() > 1:
                part = w.in_hand[0][0]
                w.in_hand[0][0] = w.in_hand[0][1]
                w.in_hand[0][1] = part
        if not has_room(r, w):
            return n if n else WOULD_BLOCK
        size = w.in_hand.size()
        to_dst = True
        for i in range(size):
            part = w.in_hand[0][i]
            more = i + 1 < size
            if to_dst:
                rc = give(w.dst, part.data, part.size, more, part.chunk)
                if rc == WOULD_BLOCK and i == 0:
                    return n if n else WOULD_BLOCK
                to_dst = rc == OK or w.dst.out_more
            if r.capture != NULL:
                if i == 0 and w.prefix != NULL:
                    give(r.capture, w.prefix, w.prefix_size, True, NULL)
                give(r.capture, part.data, part.size, more, part.chunk)
            w.octets += part.size
        let_go(w)
        w.messages += 1
        n += 1
    return n


cdef void relay_drop(Relay* r) noexcept nogil:
    """The messages in hand are lost."""
    let_go(&r.there)
    let_go(&r.back)


cdef bint is_readable(Sock* s) noexcept nogil:
    cdef bint found
    pthread_mutex_lock(&s.lock)
    found = can_recv(s) or (read_leased(s) and can_recv(s))
    pthread_mutex_unlock(&s.lock)
    return found


cdef bint turn(Relay* r, bint by_hand) noexcept nogil:
    """A burst each way. False: there is nothing to do, and all that was sent is on its way."""
    cdef Sock* a = r.there.src
    cdef Sock* b = r.there.dst
    cdef int n, m
    cdef bint busy
    lock_all(a, b, r.capture)
    n = forward_by_hand(r, &r.there) if by_hand else forward(r, &r.there)
    m = 0
    if a != b:
        m = forward_by_hand(r, &r.back) if by_hand else forward(r, &r.back)
    busy = n > 0 or m > 0
    if not busy:
        busy = read_leased(a) or read_leased(b)
        sock_flush(a)
        sock_flush(b)
        if r.capture != NULL:
            sock_flush(r.capture)
    unlock_all(a, b, r.capture)
    return busy


cdef int relay_run(Relay* r) noexcept nogil:
    """Forward until a signal (EINTR), a closed socket (ENOTSOCK) or the end of the context (ETERM). 0: control is readable."""
    cdef Sock* socks[4]
    cdef uint64_t seen[4]
    cdef int count = 1
    cdef int64_t began = now_ns() if r.interruptible else 0
    cdef int64_t deadline
    cdef int i, rc, state
    cdef bint by_hand = r.swap or r.there.src == r.there.dst
    socks[0] = r.there.src
    if r.there.dst != r.there.src:
        socks[count] = r.there.dst
        count += 1
    if r.control != NULL:
        socks[count] = r.control
        count += 1
    if r.capture != NULL:
        socks[count] = r.capture
        count += 1
    while True:
        state = 0
        for i in range(count):
            seen[i] = socks[i].wakes.load(memory_order_seq_cst)    # before the state: its change is announced by a wake-up
            state |= sock_state(socks[i])
        if state:
            return ENOTSOCK if state & S_CLOSED else ETERM
        if r.control != NULL and is_readable(r.control):
            return 0
        if turn(r, by_hand):
            r.unwatched = r.interruptible
            if r.unwatched and now_ns() - began > SIGNALS_NS:
                return EINTR
        else:
            deadline = now_ns() + SIGNALS_NS if r.unwatched else -1
            rc = wait_any(socks, seen, count, NULL, 0, deadline, NULL)
            if rc == EAGAIN and r.unwatched:
                r.unwatched = False
                return EINTR
            if rc != 0 and rc != EAGAIN:
                return rc
