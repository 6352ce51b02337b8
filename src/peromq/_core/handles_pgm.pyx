# A multicast endpoint as the control plane sees it: it makes the sockets, this carries datagrams between them and a stream of frames.
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport ENOMEM, errno
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy
from libcpp.atomic cimport memory_order_seq_cst
from libcpp.vector cimport vector

from peromq._core.handles_base cimport getpid
from peromq._core.handles_frame cimport make_error
from peromq._core.netio cimport BATCH
from peromq._core.pgm cimport Datagram, Loss, Nla
from peromq._core.pgm_carrier cimport MAX_NETS, UNTRIED, Carrier, carrier_join, carrier_lock, carrier_move, carrier_start
from peromq._core.pgm_receiver cimport receiver_free, receiver_losses, receiver_new
from peromq._core.pgm_source cimport source_free, source_new
from peromq._core.sysio cimport (EFD_CLOEXEC, EFD_NONBLOCK, eventfd, now_ns, pthread_mutex_destroy, pthread_mutex_init,
                                 pthread_mutex_unlock, sys_close)

cdef enum:
    EACH = 65536                 # octets: no datagram is longer
    PIECE = 65536

DROPS = ("", "short", "checksum", "type", "options", "nla", "session", "length", "window", "duplicate", "parity", "full", "unknown")
"""Why a datagram was dropped: the names under which `stats` counts them."""


cdef Nla nla_of(bytes ip) except *:
    cdef Nla n
    cdef Py_ssize_t length = PyBytes_GET_SIZE(ip)
    if length != 4 and length != 16:
        raise ValueError("an address of 4 or 16 octets")
    n.afi = 1 if length == 4 else 2
    memcpy(n.ip, PyBytes_AS_STRING(ip), length)
    return n


cdef class PgmCarrier:
    """Carries one endpoint in a thread of its own, from construction to `close`. Owns the descriptors, which must not block.

    inner: an end of a stream socket pair; the other end is the connection that a socket was given. out: where datagrams are sent, and
    a source hears its receivers. nets: where a receiver hears its sources; none for a source. groups: the one to send to, for a source;
    those joined, for a receiver. Lengths in octets, rate in octets per second.
    """
    cdef Carrier* c
    cdef int pid
    cdef readonly int news_fd

    def __cinit__(self):
        self.news_fd = -1
        self.pid = getpid()

    def __init__(self, *, int inner, int out, nets, groups, int port, int dport, int sport, bytes gsi, bytes nla, int scope, bint headers,
                 int sqns, int max_tpdu, int overhead, double rate, int64_t max_size, int max_feeds, uint64_t seed):
        cdef Carrier* c
        cdef Nla own = nla_of(nla)
        cdef Nla group = nla_of(groups[0])
        cdef uint64_t identity = int.from_bytes(gsi, "big")
        cdef int i
        cdef int rc
        if len(nets) > MAX_NETS:
            raise ValueError("too many groups")
        if self.c != NULL:
            raise ValueError("made already")
        c = <Carrier*>calloc(1, sizeof(Carrier))
        if c == NULL:
            raise MemoryError
        pthread_mutex_init(&c.lock, NULL)
        c.inner = c.out = c.wake = c.news = -1
        c.failing.store(UNTRIED, memory_order_seq_cst)
        self.c = c
        c.port = port
        c.scope = scope
        c.headers = headers
        c.group = group
        if nets:
            c.receiver = receiver_new(dport, sqns, max_tpdu, max_size, max_feeds, seed, now_ns())
        else:
            c.source = source_new(identity, sport, dport, &own, &group, sqns, max_tpdu, overhead, rate, now_ns())
        c.datagrams = <Datagram*>calloc(BATCH, sizeof(Datagram))
        c.each = EACH
        c.room = <uint8_t*>calloc(BATCH, EACH)       # untouched, it takes no memory
        c.piece = <uint8_t*>calloc(1, PIECE)
        c.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
        c.news = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
        if c.wake < 0 or c.news < 0:
            rc = errno
            self.dispose()
            raise make_error(rc)
        if (c.source == NULL and c.receiver == NULL) or c.datagrams == NULL or c.room == NULL or c.piece == NULL:
            self.dispose()
            raise make_error(ENOMEM)
        if c.receiver != NULL:
            for g in groups:
                c.receiver.groups.push_back(nla_of(g))
        self.news_fd = c.news
        c.inner = inner
        c.out = out
        for i, fd in enumerate(nets):
            c.nets[i] = fd
        c.n_nets = len(nets)
        rc = carrier_start(c)
        if rc:
            c.inner = c.out = -1         # the caller's again
            c.n_nets = 0
            self.dispose()
            raise make_error(rc)

    @property
    def ended(self):
        """The thread has nothing more to do: the stream is at its end and what it held was sent."""
        return self.c == NULL or self.c.ended.load(memory_order_seq_cst) != 0

    def stats(self):
        """Counters since the beginning, by name; `drop_*`: datagrams dropped, and why. Empty after close."""
        cdef Carrier* c = self.c
        if c == NULL:
            return {}
        carrier_lock(c)                 # holding the GIL, or `close` might come between; the thread never wants it
        if c.source != NULL:
            found = {
                "odata": c.source.n.odata, "rdata": c.source.n.rdata, "spms": c.source.n.spms, "ncfs": c.source.n.ncfs,
                "naks": c.source.n.naks, "octets": c.source.n.octets, "send_errors": c.send_errors,
            }
            drops = [n for n in c.source.n.drops]
        else:
            found = {
                "odata": c.receiver.n.odata, "rdata": c.receiver.n.rdata, "spms": c.receiver.n.spms, "naks": c.receiver.n.naks,
                "asked": c.receiver.n.asked, "spmrs": c.receiver.n.spmrs, "suppressed": c.receiver.n.suppressed,
                "losses": c.receiver.n.losses, "lost": c.receiver.n.lost, "misfits": c.receiver.n.misfits,
                "evicted": c.receiver.n.evicted, "sources": c.receiver.feeds.size(), "held": c.receiver.held,
                "send_errors": c.send_errors,
            }
            drops = [n for n in c.receiver.n.drops]
        pthread_mutex_unlock(&c.lock)
        for name, number in zip(DROPS, drops):
            if name:
                found["drop_" + name] = number
        return found

    @property
    def failing(self):
        """Why the last datagram to the group could not be sent, an errno; 0: it was, or nobody knows yet."""
        return 0 if self.c == NULL else max(self.c.failing.load(memory_order_seq_cst), 0)

    @property
    def sends(self):
        """The last datagram to the group was sent."""
        return self.c != NULL and self.c.failing.load(memory_order_seq_cst) == 0

    def losses(self):
        """What was lost for good since the last call: [(gsi, source port, address, packets)]; an empty gsi: of sources forgotten since."""
        cdef Carrier* c = self.c
        cdef vector[Loss] found
        cdef Loss loss
        cdef uint64_t gone
        if c == NULL or c.receiver == NULL:
            return []
        carrier_lock(c)                 # holding the GIL, or `close` might come between; the thread never wants it
        gone = receiver_losses(c.receiver, found)
        pthread_mutex_unlock(&c.lock)
        told = [(int(loss.gsi).to_bytes(6, "big"), loss.sport, PyBytes_FromStringAndSize(<char*>loss.from_ip.ip, 4 if loss.from_ip.afi == 1
                                                                                         else 16), loss.packets) for loss in found]
        return told + [(b"", 0, b"", gone)] if gone else told

    def move(self, *, int out, nets, bytes nla, int scope):
        """Go on by other sockets, as many as before and owned from now on; what was sent and heard stays known."""
        cdef Nla own = nla_of(nla)
        cdef int fds[MAX_NETS]
        cdef int i
        if self.c == NULL or len(nets) != self.c.n_nets:
            raise ValueError("another number of sockets, or none at all")
        for i, fd in enumerate(nets):
            fds[i] = fd
        carrier_move(self.c, out, fds, &own, scope)

    def close(self):
        """End the thread now, whatever is unsent, and close the descriptors. Idempotent; takes a fraction of a millisecond."""
        if self.c == NULL or self.pid != getpid():
            return
        with nogil:
            carrier_join(self.c)
        self.dispose()

    def after_fork(self):
        """In a forked child, which has no such thread: close its copies of the descriptors and leave the rest alone."""
        cdef Carrier* c = self.c
        if c == NULL:
            return
        self.c = NULL
        self.news_fd = -1
        close_all(c)

    cdef void dispose(self):
        cdef Carrier* c = self.c
        self.c = NULL
        self.news_fd = -1
        if c == NULL:
            return
        close_all(c)
        if c.source != NULL:
            source_free(c.source)
        if c.receiver != NULL:
            receiver_free(c.receiver)
        pthread_mutex_destroy(&c.lock)
        free(c.datagrams)
        free(c.room)
        free(c.piece)
        free(c)

    def __dealloc__(self):
        if self.pid == getpid():
            if self.c != NULL:
                with nogil:
                    carrier_join(self.c)
            self.dispose()


cdef void close_all(Carrier* c) noexcept:
    cdef int i
    for i in range(c.n_nets):
        sys_close(c.nets[i])
    if c.out >= 0:
        sys_close(c.out)
    if c.inner >= 0:
        sys_close(c.inner)
    if c.wake >= 0:
        sys_close(c.wake)
    if c.news >= 0:
        sys_close(c.news)
