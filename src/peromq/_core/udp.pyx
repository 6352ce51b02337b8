# Datagrams: a descriptor that has no connection behind it, served like one by the I/O threads, without the GIL.
#
# RADIO and DISH: group length (one octet), group, body, and nothing else (captured from libzmq). DGRAM: the payload alone; in the queue
# its address as text is in front of it. A datagram arrives whole or not at all, so one that is not well-formed, or longer than any that
# libzmq sends, is dropped by itself and counted; it says nothing of the next.
#
# While the receive queue is full nothing is read: then it is the kernel that drops. Sending waits for the kernel as on a connection.
from libc.errno cimport EAGAIN, EINTR, EINVAL, EMSGSIZE, ENOMEM, errno
from libc.stdint cimport uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memchr, memcpy, memset
from libcpp.atomic cimport memory_order_relaxed, memory_order_seq_cst

from peromq._core.flow cimport F_MORE, Flow, flow_commit, flow_front, flow_next, flow_peek, flow_put, flow_rollback, quota
from peromq._core.notify cimport post_event
from peromq._core.patterns cimport lb_pick, put, put_or_fail
from peromq._core.reader cimport stop_watching, watch
from peromq._core.sysio cimport MSG_DONTWAIT, MSG_NOSIGNAL, MSG_TRUNC, iovec, now_ns
from peromq._core.types cimport EV_READ, FAILED, OK, WOULD_BLOCK

cdef extern from "<sys/socket.h>" nogil:
    struct msghdr_to "msghdr":
        void* msg_name
        socklen_t msg_namelen
        iovec* msg_iov
        size_t msg_iovlen
        int msg_flags
    struct mmsghdr:
        msghdr_to msg_hdr
        unsigned int msg_len
    int recvmmsg(int, mmsghdr*, unsigned int, int, void*)
    int sendmmsg(int, mmsghdr*, unsigned int, int)

cdef extern from "<arpa/inet.h>" nogil:
    int inet_pton(int, const char*, void*)
    const char* inet_ntop(int, const void*, char*, socklen_t)
    uint16_t htons(uint16_t)
    uint16_t ntohs(uint16_t)

cdef enum:                       # ASCII
    ZERO = 0x30
    COLON = 0x3a
    OPENING = 0x5b
    CLOSING = 0x5d

cdef enum:
    SLOT = MAX_DATAGRAM + 1
    TEXT = 64                    # an address as text: "[", 45 characters, "]:65535" and NUL


cdef Datagrams* udp_new(int addressed, int receives) noexcept nogil:
    cdef Datagrams* u = <Datagrams*>calloc(1, sizeof(Datagrams))
    if u != NULL:
        u.addressed = addressed
        u.receives = receives
    return u


cdef void udp_free(Datagrams* u) noexcept nogil:
    free(u.inbox)
    free(u.outbox)
    free(u)


# ---------------------------------------------------------------- what is in a datagram

cdef bint split_datagram(const uint8_t* d, size_t n, FrameRef* group, FrameRef* body) noexcept nogil:
    """Group and body of what a RADIO sent. False: it did not."""
    if n < 1 or n > MAX_DATAGRAM or <size_t>1 + d[0] > n:
        return False
    group.data = d + 1
    group.size = d[0]
    body.data = d + 1 + d[0]
    body.size = n - 1 - d[0]
    return True


cdef socklen_t parse_address(const uint8_t* text, size_t n, Address* out) noexcept nogil:
    """`1.2.3.4:5` or `[::1]:5`, perhaps with a NUL behind it, as a socket address; its size, or 0 if it is none. Names are not resolved."""
    cdef char host[TEXT]
    cdef size_t i, size
    cdef unsigned int port = 0
    cdef bint six
    if n and text[n - 1] == 0:
        n -= 1
    if n == 0 or n >= TEXT or memchr(text, 0, n) != NULL:
        return 0
    i = n
    while i > 0 and text[i - 1] != COLON:
        i -= 1
    if i < 2 or i == n or n - i > 5:
        return 0
    size = i - 1
    while i < n:
        if text[i] < ZERO or text[i] > ZERO + 9:
            return 0
        port = port * 10 + text[i] - ZERO
        i += 1
    if port == 0 or port > 65535:
        return 0
    six = size > 2 and text[0] == OPENING and text[size - 1] == CLOSING
    if six:
        text += 1
        size -= 2
    memcpy(host, text, size)
    host[size] = 0
    memset(out, 0, sizeof(Address))
    if six:
        out.v6.sin6_family = AF_INET6
        out.v6.sin6_port = htons(<uint16_t>port)
        return sizeof(sockaddr_in6) if inet_pton(AF_INET6, host, &out.v6.sin6_addr) == 1 else 0
    out.v4.sin_family = AF_INET
    out.v4.sin_port = htons(<uint16_t>port)
    return sizeof(sockaddr_in) if inet_pton(AF_INET, host, &out.v4.sin_addr) == 1 else 0


cdef size_t format_address(const Address* a, char* out) noexcept nogil:
    """The opposite, with the NUL that libzmq puts there, into TEXT octets; how many."""
    cdef char host[TEXT]
    if a.any.sa_family == AF_INET6:
        inet_ntop(AF_INET6, &a.v6.sin6_addr, host, sizeof(host))
        return <size_t>snprintf(out, TEXT, b"[%s]:%u", host, <unsigned int>ntohs(a.v6.sin6_port)) + 1
    inet_ntop(AF_INET, &a.v4.sin_addr, host, sizeof(host))
    return <size_t>snprintf(out, TEXT, b"%s:%u", host, <unsigned int>ntohs(a.v4.sin_port)) + 1


cdef socklen_t size_of(const Address* a) noexcept nogil:
    return sizeof(sockaddr_in6) if a.any.sa_family == AF_INET6 else sizeof(sockaddr_in)


# ---------------------------------------------------------------- in

cdef bint keep(Conn* c, const Address* source, const uint8_t* d, size_t n) noexcept nogil:
    """Queue one datagram as a message. False: it is not worth it."""
    cdef Datagrams* u = <Datagrams*>c.udp
    cdef Flow* f = c.inq
    cdef FrameRef head, body
    cdef char text[TEXT]
    if u.addressed:
        head.data = <const uint8_t*>text
        head.size = format_address(source, text)
        body.data = d
        body.size = n
    elif not split_datagram(d, n, &head, &body):
        return False
    if flow_put(f, F_MORE, head.data, head.size) < 0 or flow_put(f, 0, body.data, body.size) < 0:
        flow_rollback(f)
        return False
    flow_commit(f)
    return True


cdef int receive(Conn* c, unsigned int room) noexcept nogil:
    """One system call for at most `room` datagrams; how many came."""
    cdef Datagrams* u = <Datagrams*>c.udp
    cdef mmsghdr m[UDP_BATCH]
    cdef iovec iov[UDP_BATCH]
    cdef Address source[UDP_BATCH]
    cdef int i, n
    cdef int bad = 0
    if u.inbox == NULL:
        u.inbox = <uint8_t*>malloc(UDP_BATCH * SLOT)
        if u.inbox == NULL:
            return 0
    room = min(room, <unsigned int>UDP_BATCH)
    memset(m, 0, room * sizeof(mmsghdr))
    for i in range(<int>room):
        iov[i].iov_base = u.inbox + i * SLOT
        iov[i].iov_len = SLOT
        m[i].msg_hdr.msg_iov = &iov[i]
        m[i].msg_hdr.msg_iovlen = 1
        m[i].msg_hdr.msg_name = &source[i]
        m[i].msg_hdr.msg_namelen = sizeof(Address)
    n = recvmmsg(c.fd, m, room, MSG_DONTWAIT, NULL)
    if n <= 0:
        return 0                        # nothing there, or an error that belongs to something sent before
    c.last_in.store(now_ns(), memory_order_relaxed)
    for i in range(n):
        if m[i].msg_len > MAX_DATAGRAM or m[i].msg_hdr.msg_flags & MSG_TRUNC:
            bad += 1                    # a body cut off is worse than none
        elif not keep(c, &source[i], u.inbox + i * SLOT, m[i].msg_len):
            bad += 1
    c.sock.udp_in.fetch_add(n - bad, memory_order_relaxed)
    if bad:
        c.sock.udp_bad.fetch_add(bad, memory_order_relaxed)
    return n


cdef int udp_read(Conn* c, int calls) noexcept nogil:
    """Under rlock: read what is there (bounded). 1: something new for the application, 0: nothing, FAILED."""
    cdef Flow* f = c.inq
    cdef uint64_t before = f.written
    cdef unsigned int room
    if c.fd < 0 or c.failed.load(memory_order_relaxed):
        return FAILED
    if not (<Datagrams*>c.udp).receives:
        return OK
    if c.paused.load(memory_order_relaxed):
        if quota(f) == 0:
            return OK
        c.paused.store(0, memory_order_relaxed)
        watch(c, True)
    while calls > 0:
        calls -= 1
        room = quota(f)
        if room == 0:
            c.paused.store(1, memory_order_seq_cst)
            if quota(f):                # Dekker with the consumer, which reads `paused` after it gave credit
                c.paused.store(0, memory_order_relaxed)
                continue
            stop_watching(c)
            break
        if receive(c, room) < UDP_BATCH:
            break
    if f.written == before:
        return OK
    if f.idle.load(memory_order_seq_cst) and f.idle.exchange(0, memory_order_seq_cst):
        post_event(c.pipe, EV_READ)
    return 1


# ---------------------------------------------------------------- out

cdef bint load(Datagrams* u, Flow* f, FrameRef* head) noexcept nogil:
    """Take the message that begins with `head` from the queue into the outbox. False: no datagram can be made of it."""
    cdef Outgoing* o = &u.out[u.out_n]
    cdef uint8_t* d = u.outbox + u.out_n * SLOT
    cdef FrameRef body
    cdef size_t k = 0
    cdef bint good = True
    o.to_size = 0
    if u.addressed:
        o.to_size = parse_address(head.data, head.size, &o.to)
        good = o.to_size != 0
    else:
        k = 1 + head.size
        d[0] = <uint8_t>head.size
        memcpy(d + 1, head.data, head.size)
    flow_next(f, head)
    flow_peek(f, &body)
    good = good and k + body.size <= MAX_DATAGRAM
    if good:
        memcpy(d + k, body.data, body.size)
        o.size = <uint32_t>(k + body.size)
        u.out_n += 1
    flow_next(f, &body)
    return good


cdef int udp_write_once(Conn* c) noexcept nogil:
    """Under wlock: one system call. 1 progress, 0 nothing to send, WOULD_BLOCK."""
    cdef Datagrams* u = <Datagrams*>c.udp
    cdef mmsghdr m[UDP_BATCH]
    cdef iovec iov[UDP_BATCH]
    cdef FrameRef head
    cdef int i, n
    if u.out_at == u.out_n:
        u.out_at = u.out_n = 0
        if flow_front(c.outq) == NULL:
            return 0
        if u.outbox == NULL:
            u.outbox = <uint8_t*>malloc(UDP_BATCH * SLOT)
            if u.outbox == NULL:
                return 0
        while u.out_n < UDP_BATCH and flow_peek(c.outq, &head):
            if not load(u, c.outq, &head):
                c.sock.udp_lost.fetch_add(1, memory_order_relaxed)
        if u.out_n == 0:
            return 0
    n = u.out_n - u.out_at
    memset(m, 0, n * sizeof(mmsghdr))
    for i in range(n):
        iov[i].iov_base = u.outbox + (u.out_at + i) * SLOT
        iov[i].iov_len = u.out[u.out_at + i].size
        m[i].msg_hdr.msg_iov = &iov[i]
        m[i].msg_hdr.msg_iovlen = 1
        m[i].msg_hdr.msg_name = &u.out[u.out_at + i].to if u.addressed else &u.to
        m[i].msg_hdr.msg_namelen = u.out[u.out_at + i].to_size if u.addressed else size_of(&u.to)
    n = sendmmsg(c.fd, m, n, MSG_DONTWAIT | MSG_NOSIGNAL)
    if n < 0:
        if errno == EAGAIN or errno == EINTR:
            return WOULD_BLOCK
        u.out_at += 1                   # no route, no permission, an ICMP answer: this one is lost, the next may go
        c.sock.udp_lost.fetch_add(1, memory_order_relaxed)
        return 1
    u.out_at += n
    c.sock.udp_out.fetch_add(n, memory_order_relaxed)
    return 1


cdef bint udp_has_more(Conn* c) noexcept nogil:
    cdef Datagrams* u = <Datagrams*>c.udp
    return u.out_at < u.out_n or flow_front(c.outq) != NULL


# ---------------------------------------------------------------- DGRAM

cdef int dgram_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    """An address, then the payload; EINVAL for anything else, EMSGSIZE for too long a payload. Nothing is sent before both are right."""
    cdef Address a
    if not s.out_more:
        if not more or parse_address(data, n, &a) == 0:
            return EINVAL
        s.out_drop = 0
        s.out_pipe = lb_pick(s)
        if s.out_pipe == NULL:
            return WOULD_BLOCK
        if put(s.out_pipe, F_MORE, data, n, NULL) < 0:
            flow_rollback(s.out_pipe.outq)
            s.out_pipe = NULL
            return ENOMEM
        s.out_more = 1
        return OK
    if s.out_pipe == NULL:              # unbound in between
        s.out_more = s.out_drop = 0
        return OK
    if more or n > MAX_DATAGRAM:
        flow_rollback(s.out_pipe.outq)
        s.out_pipe = NULL
        s.out_more = 0
        return EINVAL if more else EMSGSIZE
    return put_or_fail(s, s.out_pipe, data, n, False, pin)


cdef bint dgram_writable(Sock* s) noexcept nogil:
    return lb_pick(s) != NULL
