# The thread that carries one multicast endpoint: datagrams on one side, on the other a stream of ZMTP frames to or from the socket. It
# never takes the GIL, so an application that holds it costs no packets.
from libc.errno cimport EAGAIN, EINTR, ENOBUFS, errno
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memset
from libcpp.atomic cimport memory_order_relaxed, memory_order_seq_cst

from peromq._core.netio cimport batch_from, batch_recv, batch_send, batch_set, batch_size
from peromq._core.pgm_receiver cimport receiver_due, receiver_input, receiver_pull, receiver_resume
from peromq._core.pgm_source cimport (source_abandon, source_begin, source_due, source_finish, source_flush, source_hungry, source_input,
                                      source_moved, source_pull, source_write)
from peromq._core.pgm_stream cimport buffer_free
from peromq._core.sysio cimport (MSG_DONTWAIT, MSG_NOSIGNAL, POLLIN, POLLOUT, PR_SET_NAME, PR_SET_TIMERSLACK,
                                 SIG_SETMASK, drain_fd, iovec, msghdr, now_ns, pollfd, ppoll, prctl, pthread_create, pthread_join,
                                 pthread_mutex_lock, pthread_mutex_unlock, pthread_sigmask, signal_fd, sigfillset, sigset_t, sys_close,
                                 sys_recv, sys_sendmsg, timespec)

cdef enum:
    PIECE = 65536
    ROUNDS = 8                   # batches taken from one descriptor before the others have their turn
    KEEP = 1 << 20
    SHORTAGES = 100              # of a millisecond; then the datagram is lost


cdef int carrier_start(Carrier* c) noexcept nogil:
    """0 or an errno."""
    cdef sigset_t all_signals, prior
    cdef int rc
    sigfillset(&all_signals)
    pthread_sigmask(SIG_SETMASK, &all_signals, &prior)
    rc = pthread_create(&c.thread, NULL, carrier_main, c)
    pthread_sigmask(SIG_SETMASK, &prior, NULL)
    c.started = rc == 0
    return rc


cdef void carrier_join(Carrier* c) noexcept nogil:
    """End it now, whatever is unsent."""
    if not c.started:
        return
    c.stop.store(1, memory_order_seq_cst)
    signal_fd(c.wake)
    pthread_join(c.thread, NULL)
    c.started = 0


cdef void carrier_lock(Carrier* c) noexcept nogil:
    """From another thread; soon, however busy this one is."""
    c.guests.fetch_add(1, memory_order_seq_cst)
    pthread_mutex_lock(&c.lock)
    c.guests.fetch_sub(1, memory_order_seq_cst)


cdef void make_room(Carrier* c) noexcept nogil:
    """For who waits for the lock; a mutex alone may be taken again before he wakes up."""
    cdef timespec t
    t.tv_sec = 0
    t.tv_nsec = 10000
    pthread_mutex_unlock(&c.lock)
    ppoll(NULL, 0, &t, NULL)
    pthread_mutex_lock(&c.lock)


cdef void carrier_move(Carrier* c, int out, const int* nets, const Nla* nla, uint32_t scope) noexcept nogil:
    """Go on by other sockets, as many as before, with all that was sent and heard. The old ones are closed."""
    cdef int old[MAX_NETS + 1]
    cdef int i
    carrier_lock(c)
    old[0] = c.out
    c.out = out
    for i in range(c.n_nets):
        old[1 + i] = c.nets[i]
        c.nets[i] = nets[i]
    c.scope = scope
    c.blocked = 0
    c.sent = c.filled = 0                # what the old ones did not take names the old interface
    c.failing.store(UNTRIED, memory_order_seq_cst)
    if c.source != NULL:
        source_moved(c.source, nla)
    pthread_mutex_unlock(&c.lock)
    signal_fd(c.wake)
    for i in range(c.n_nets + 1):
        sys_close(old[i])


cdef void* carrier_main(void* arg) noexcept nogil:
    cdef Carrier* c = <Carrier*>arg
    cdef bint more
    prctl(PR_SET_TIMERSLACK, 1000)
    prctl(PR_SET_NAME, b"peromq/pgm")
    pthread_mutex_lock(&c.lock)
    while not c.stop.load(memory_order_seq_cst):
        more = source_round(c) if c.source != NULL else receiver_round(c)
        if c.source != NULL and c.source.ended and c.filled == c.sent:
            break
        if c.receiver != NULL and c.closed:
            break
        if not more:
            rest(c)
        if c.guests.load(memory_order_seq_cst):
            make_room(c)
    if c.source != NULL and not c.source.ended and c.filled == c.sent:
        source_abandon(c.source)
        pull(c)
    c.ended.store(1, memory_order_seq_cst)
    signal_fd(c.news)
    pthread_mutex_unlock(&c.lock)
    return NULL


cdef void want(pollfd* p, int fd, short events) noexcept nogil:
    p.fd = fd
    p.events = events
    p.revents = 0


cdef void rest(Carrier* c) noexcept nogil:
    """Sleep until there is something to do."""
    cdef pollfd fds[MAX_NETS + 3]
    cdef timespec t
    cdef int i
    cdef int n = 0
    cdef int64_t wait = c.due - now_ns()
    cdef short events
    if wait <= 0 and not c.blocked:
        return
    if c.blocked == SHORT:
        wait = 1000000
    elif c.blocked:
        wait = max(wait, <int64_t>1000000)
    t.tv_sec = wait // 1000000000
    t.tv_nsec = wait % 1000000000
    want(&fds[0], c.wake, POLLIN)
    if c.source != NULL:
        events = 0 if c.closed or not source_hungry(c.source) else POLLIN
        want(&fds[1], c.inner if events else -1, events)
        want(&fds[2], c.out, POLLIN | (POLLOUT if c.blocked == FULL else 0))
    else:
        events = POLLIN | (POLLOUT if c.receiver.out.end > c.receiver.out.start else 0)
        want(&fds[1], c.inner, events)
        want(&fds[2], c.out if c.blocked == FULL else -1, POLLOUT)
        if not full(c):
            for i in range(c.n_nets):
                want(&fds[3 + i], c.nets[i], POLLIN)
            n = c.n_nets
    pthread_mutex_unlock(&c.lock)
    ppoll(fds, 3 + n, &t, NULL)
    pthread_mutex_lock(&c.lock)
    if fds[0].revents:
        drain_fd(c.wake)
    if c.blocked == SHORT or fds[2].revents:
        c.blocked = 0


# ---------------------------------------------------------------- datagrams

cdef bint full(Carrier* c) noexcept nogil:
    """The application does not keep up: what comes stays in the kernel, as far as it goes."""
    return c.receiver.stuffed


cdef int take_in(Carrier* c, int fd) noexcept nogil:
    """Datagrams that are there; how many came with the last call, or -1."""
    cdef Nla from_ip
    cdef const uint8_t* d
    cdef long size, skip
    cdef int i
    cdef int64_t now
    cdef int n = batch_recv(fd, &c.incoming, c.room, c.each)
    if n <= 0:
        return n
    now = now_ns()
    for i in range(n):
        d = c.room + i * c.each
        size = batch_size(&c.incoming, i)
        if c.headers and size >= 20:
            skip = (d[0] & 15) * 4
            d += skip
            size -= skip
        size = max(size, <long>0)        # too long, or cut: too short to be anything
        from_ip.afi = <uint8_t>batch_from(&c.incoming, i, from_ip.ip)
        if c.source != NULL:
            source_input(c.source, d, size, now)
        else:
            receiver_input(c.receiver, d, size, &from_ip, now)
    return n


cdef void send_out(Carrier* c) noexcept nogil:
    """What is filled and not sent; what the kernel refuses is lost like any datagram."""
    cdef int n, why
    while c.sent < c.filled:
        n = batch_send(c.out, &c.outgoing, c.sent, c.filled)
        if n > 0:
            c.shortages = 0
            note_sent(c, c.sent, c.sent + n, 0)
            c.sent += n
            continue
        why = errno
        if why == EINTR:
            continue
        if why == EAGAIN:
            c.blocked = FULL
            return
        if why == ENOBUFS and c.shortages < SHORTAGES:
            c.shortages += 1
            c.blocked = SHORT
            return
        c.send_errors += 1
        note_sent(c, c.sent, c.sent + 1, why)
        c.sent += 1


cdef void note_sent(Carrier* c, int first, int last, int why) noexcept nogil:
    """Datagrams of the batch went, or did not. Only those to the group tell of the interface; others go where strangers say."""
    cdef int i
    if c.failing.load(memory_order_relaxed) == why:
        return
    for i in range(first, last):
        if c.datagrams[i].to.afi == 0:
            c.failing.store(why, memory_order_seq_cst)
            signal_fd(c.news)
            return


cdef bint pull(Carrier* c) noexcept nogil:
    """Send what the engine has to say. True: it may have more."""
    cdef int64_t now
    cdef Datagram* d
    cdef Nla* to
    if c.sent < c.filled:
        send_out(c)
        if c.sent < c.filled:
            return False
    c.filled = c.sent = 0
    now = now_ns()
    if c.source != NULL:
        source_begin(c.source)
    while c.filled < BATCH:
        d = &c.datagrams[c.filled]
        if not (source_pull(c.source, now, d) if c.source != NULL else receiver_pull(c.receiver, now, d)):
            break
        to = &d.to if d.to.afi else &c.group
        batch_set(&c.outgoing, c.filled, d.data, d.size, to.afi, to.ip, c.port, c.scope)
        c.filled += 1
    if c.filled == 0:
        return False
    send_out(c)
    return c.filled == BATCH and not c.blocked


# ---------------------------------------------------------------- the stream

cdef bint read_frames(Carrier* c) noexcept nogil:
    """From the socket to the source. True: there may be more."""
    cdef ssize_t r
    if c.closed or not source_hungry(c.source):
        return False
    r = sys_recv(c.inner, c.piece, PIECE, MSG_DONTWAIT)
    if r > 0:
        if source_write(c.source, c.piece, r) != 0:
            r = 0                        # out of memory: the stream has a hole, so it ends
    if r > 0:
        return True
    if r < 0 and (errno == EAGAIN or errno == EINTR):
        if not c.source.packer.inside:
            source_flush(c.source)       # nobody has more to say now
        return False
    c.closed = True
    source_finish(c.source)
    return True


cdef bint source_round(Carrier* c) noexcept nogil:
    cdef bint more = read_frames(c)
    for _ in range(ROUNDS):
        if take_in(c, c.out) < BATCH:
            break
    more |= pull(c)
    c.due = source_due(c.source, now_ns())
    return more


cdef void write_frames(Carrier* c) noexcept nogil:
    """From the receiver to the socket; and what the socket says (its subscriptions) goes nowhere."""
    cdef msghdr m
    cdef iovec v
    cdef ssize_t r
    while c.receiver.out.end > c.receiver.out.start:
        memset(&m, 0, sizeof(m))
        v.iov_base = c.receiver.out.data + c.receiver.out.start
        v.iov_len = c.receiver.out.end - c.receiver.out.start
        m.msg_iov = &v
        m.msg_iovlen = 1
        r = sys_sendmsg(c.inner, &m, MSG_DONTWAIT | MSG_NOSIGNAL)
        if r < 0:
            if errno != EAGAIN and errno != EINTR:
                c.closed = True
            break
        c.receiver.out.start += r
    if c.receiver.out.end == c.receiver.out.start:
        if c.receiver.out.cap > KEEP:
            buffer_free(&c.receiver.out)
        receiver_resume(c.receiver)
    while True:
        r = sys_recv(c.inner, c.piece, PIECE, MSG_DONTWAIT)
        if r <= 0:
            break
    if r == 0 or (errno != EAGAIN and errno != EINTR):
        c.closed = True


cdef bint receiver_round(Carrier* c) noexcept nogil:
    cdef int i, n
    cdef bint more = False
    if not full(c):
        for i in range(c.n_nets):
            for _ in range(ROUNDS):
                n = take_in(c, c.nets[i])
                if n < BATCH or full(c):
                    more |= n == BATCH
                    break
    write_frames(c)
    more |= pull(c)
    if c.receiver.n.losses != c.told:
        c.told = c.receiver.n.losses
        signal_fd(c.news)
    c.due = receiver_due(c.receiver, now_ns())
    return more and not full(c)
