# An established connection's beginning and end. What happens between is in reader.pyx and writer.pyx.
from libc.stdlib cimport calloc

from peromq._core.coded_out cimport codec_bye
from peromq._core.flow cimport KIND_BODY, chunk_unref, flow_rollback
from peromq._core.notify cimport engine_post, post_event
from peromq._core.reader cimport watch
from peromq._core.sock cimport sock_process
from peromq._core.sysio cimport (EPOLL_CTL_DEL, epoll_ctl, now_ns, pthread_mutex_init, pthread_mutex_lock,
                                 pthread_mutex_unlock, sys_close)
from peromq._core.terms cimport terms_of
from peromq._core.types cimport EV_GONE, EV_HICCUP, T_DISH, T_PUB, T_RADIO, T_REQ, T_XPUB, Conn, Group, Pipe, Sock, Terms
from peromq._core.vectors cimport take_out

cdef enum:
    DISCONNECTED = 1             # EV_DISCONNECTED of the control plane
    SPARE = 1 << 20
    MUCH = 1 << 30               # MAXMSGSIZE from which it bounds nothing


cdef Conn* conn_new(Pipe* p, Group* g, int fd) noexcept nogil:
    """A connection for p on g's I/O thread; owns fd from now on."""
    cdef Conn* c = <Conn*>calloc(1, sizeof(Conn))
    cdef Sock* s = p.sock
    cdef Terms* t = terms_of(p)
    if c == NULL:
        return NULL
    pthread_mutex_init(&c.rlock, NULL)
    pthread_mutex_init(&c.wlock, NULL)
    c.refs.store(1)
    p.refs.fetch_add(1)
    c.pipe = p
    c.sock = s
    c.io = g.io
    c.group = g
    c.token = p.token
    c.fd = fd
    c.inq = p.raw if p.raw != NULL else p.inq
    c.newest_only = p.raw != NULL
    c.outq = p.outq
    c.dpos = c.inq.tail.wpos
    c.keep_subs = s.type == T_PUB or s.type == T_XPUB
    c.keep_joins = s.type == T_RADIO
    c.asks = s.topics != NULL or s.groups_joined != NULL
    c.check = 1 if s.type == T_REQ else 4 if s.type == T_DISH else 0
    c.udp = p.udp
    p.udp = NULL
    c.max_size = t.max_size if not s.raw else -1       # there are no messages whose size could be too much
    c.max_unfinished = <size_t>-1
    if 0 <= c.max_size < MUCH and s.rcvhwm > 0:
        c.max_unfinished = SPARE + <size_t>s.rcvhwm * <size_t>c.max_size     # a message in the making may take what a full queue may
    c.cur = c.outq.head
    c.cpos = c.cur.size if c.cur.kind == KIND_BODY and c.cur.rpos else c.cur.rpos
    c.boundary = 1
    c.hb_ivl = t.hb_ivl if c.udp == NULL and not s.raw and not p.multicast and p.minor >= 0 else 0
    c.hb_timeout = t.hb_timeout if t.hb_timeout >= 0 else t.hb_ivl
    c.hb_ttl = t.hb_ttl // 100
    c.last_in.store(now_ns())
    c.io.load.fetch_add(1)
    return c


cdef void conn_teardown(Conn* c) noexcept nogil:
    """I/O thread: close the descriptor, leave both flows at a message boundary, tell the socket and the control plane."""
    cdef Pipe* p = c.pipe
    cdef int fd
    pthread_mutex_lock(&c.rlock)
    pthread_mutex_lock(&c.wlock)
    if c.fd < 0:
        pthread_mutex_unlock(&c.wlock)
        pthread_mutex_unlock(&c.rlock)
        return
    pthread_mutex_lock(&c.group.lock)
    watch(c, False)
    take_out(c.group.conns, c)
    pthread_mutex_unlock(&c.group.lock)
    if c.codec != NULL:
        codec_bye(c)
    epoll_ctl(c.io.epfd, EPOLL_CTL_DEL, c.fd, NULL)       # fails where nothing was registered
    fd = c.fd
    c.fd = -1               # first: a child forked in between must not close the number's next owner
    sys_close(fd)
    if c.body != NULL:
        chunk_unref(c.body)
        c.body = NULL
    flow_rollback(c.inq)
    c.inq.open = 0
    pthread_mutex_unlock(&c.wlock)
    pthread_mutex_unlock(&c.rlock)
    # the socket takes note now, even if its application is busy with other things for long
    pthread_mutex_lock(&c.sock.lock)
    post_event(p, EV_GONE if p.bound else EV_HICCUP)
    sock_process(c.sock)
    pthread_mutex_unlock(&c.sock.lock)
    engine_post(c.sock.engine, DISCONNECTED, c.token, c.failed.load() - 1)
