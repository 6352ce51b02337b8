# proxy(): whole messages from one socket's queues to another's, without Python. Large bodies move by reference.
from libc.errno cimport EAGAIN, ENOTSOCK
from libc.stdint cimport uint64_t
from libcpp.atomic cimport memory_order_seq_cst

from peromq._core.flow cimport BIG, F_MORE, FrameRef
from peromq._core.patterns cimport can_send, recv_done, recv_peek, send_frame
from peromq._core.sock cimport sock_flush, sock_state
from peromq._core.sysio cimport pthread_mutex_lock, pthread_mutex_unlock
from peromq._core.types cimport OK, S_CLOSED, WOULD_BLOCK
from peromq._core.wait cimport read_leased, wait_any

cdef enum:
    BURST = 64                   # messages per turn under the locks
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


cdef int forward(Sock* src, Sock* dst, Sock* capture) noexcept nogil:
    """Up to BURST messages. How many; WOULD_BLOCK: there is more, but dst has no room."""
    cdef FrameRef fr
    cdef int n = 0
    cdef int rc
    cdef bint more, to_dst, to_capture
    while n < BURST:
        if recv_peek(src, &fr) != OK:
            return n
        if not can_send(dst):
            return n if n else WOULD_BLOCK
        to_dst = True
        to_capture = capture != NULL
        while True:
            more = fr.flags & F_MORE
            if to_dst:
                rc = send_frame(dst, fr.data, fr.size, more, fr.chunk if fr.size >= BIG else NULL)
                if rc == WOULD_BLOCK and not dst.out_more:
                    return n if n else WOULD_BLOCK      # only a first frame can be refused; it is still in src
                # a message that dst refuses is dropped whole: what follows must not be taken for the start of another
                to_dst = rc == OK
            if to_capture:
                to_capture = send_frame(capture, fr.data, fr.size, more, fr.chunk if fr.size >= BIG else NULL) == OK
            recv_done(src, &fr)
            if not more or recv_peek(src, &fr) != OK:
                break
        n += 1
    return n


cdef int proxy_run(Sock* a, Sock* b, Sock* capture) noexcept nogil:
    """Forward until a signal (EINTR), a closed socket (ENOTSOCK) or the end of the context (ETERM)."""
    cdef Sock* both[2]
    cdef uint64_t seen[2]
    cdef int n, m, rc
    cdef int state
    both[0] = a
    both[1] = b
    while True:
        seen[0] = a.wakes.load(memory_order_seq_cst)      # before the state: its change is announced by a wake-up
        seen[1] = b.wakes.load(memory_order_seq_cst)
        state = sock_state(a) | sock_state(b) | (sock_state(capture) if capture != NULL else 0)
        if state:
            return ENOTSOCK if state & S_CLOSED else ETERM
        lock_all(a, b, capture)
        n = forward(a, b, capture)
        m = forward(b, a, capture) if a != b else 0
        if n <= 0 and m <= 0:
            if read_leased(a) or read_leased(b):
                n = 1
            sock_flush(a)
            sock_flush(b)
            if capture != NULL:
                sock_flush(capture)
        unlock_all(a, b, capture)
        if n <= 0 and m <= 0:
            rc = wait_any(both, seen, 1 if a == b else 2, NULL, 0, -1)
            if rc != 0 and rc != EAGAIN:
                return rc
