# What can be known of a socket while it works: counters, news for monitors, whether subscriptions are active. The rules of this border
# are in handles.pyx. Facts are collected under the lock and become Python objects after it: making those may run a garbage collection.
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EAGAIN, EINTR
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset
from libcpp.atomic cimport memory_order_relaxed, memory_order_seq_cst
from libcpp.deque cimport deque
from libcpp.string cimport string
from libcpp.vector cimport vector

from peromq._core.confirm cimport Confirmed, confirm_look, confirm_wanted, subscribers
from peromq._core.flow cimport Chunk, chunk_unref, count_get, flow_front
from peromq._core.handles_base cimport enter, inherited, leave, settle, wakes_of
from peromq._core.handles_frame cimport make_error
from peromq._core.handles_kinds cimport KindHandle
from peromq._core.news cimport count_kept, news_take, tally
from peromq._core.patterns cimport ENOTSUP
from peromq._core.sock cimport sock_drop_pipe, sock_find, sock_flush, sock_process
from peromq._core.sysio cimport now_ns, pthread_mutex_lock, pthread_mutex_unlock
from peromq._core.trie cimport topics_match
from peromq._core.types cimport Pipe, Sock, Totals
from peromq._core.wait cimport wait_any

cdef struct Row:                # of one peer
    int64_t token
    Totals totals
    uint64_t send_queue
    uint64_t receive_queue
    uint32_t number
    int connected
    int muted
    Chunk* properties           # a reference

ctypedef Row* RowPtr


cdef void fill(Row* r, Pipe* p) noexcept nogil:
    memset(r, 0, sizeof(Row))
    r.token = p.token
    tally(p, &r.totals)
    r.send_queue = p.outq.written - count_get(&p.outq.nread)
    r.receive_queue = p.inq.produced.load(memory_order_relaxed) - p.inq.nread
    if p.raw != NULL:
        r.receive_queue += p.raw.produced.load(memory_order_relaxed) - count_get(&p.raw.nread) + count_kept(p)
    r.number = p.number
    r.connected = (p.conn != NULL or p.link != NULL) and not p.ended
    r.muted = p.mute
    r.properties = p.properties
    if p.properties != NULL:
        p.properties.refs.fetch_add(1)


cdef bint over(Sock* s, Pipe* p) noexcept nogil:
    """Has its peer gone, and all of it been received? The next receive call would notice, too."""
    return p.ended and p.idx_in >= 0 and not (s.in_more and s.in_pipe == p) and flow_front(p.inq) == NULL


cdef tuple as_tuple(const Totals* t):
    return t.sent, t.received, t.sent_octets, t.received_octets, t.dropped, t.rejected, t.replaced, t.full, t.stopped


cdef class ControlCore(KindHandle):
    """Every method may be called from any thread."""

    # ------------------------------------------------ statistics

    def peer_counts(self):
        """Of each peer: (token, its name for ROUTER or None, its number, is it there, is it a mute double, its handshake's properties or
        None, messages queued to be sent, to be received, and the nine of `Totals`); the nine for all peers that are gone; and how many
        messages found no peer. All of one moment: nobody is among the gone and the present at once.

        Also of a closed socket, while it has peers.
        """
        cdef Sock* s = self.s
        cdef vector[Row] rows
        cdef vector[string] names
        cdef size_t i = 0
        cdef Pipe* p
        cdef Row row
        cdef Totals gone
        cdef uint64_t unroutable
        if s == NULL or inherited(self.engine):
            return [], (0,) * 9, 0
        pthread_mutex_lock(&s.lock)
        sock_process(s)
        while i < s.pipes.size():
            p = s.pipes[0][i]
            if over(s, p):
                sock_drop_pipe(s, p)
                continue
            fill(&row, p)
            rows.push_back(row)
            names.push_back(p.rid[0] if p.rid != NULL else string())
            i += 1
        gone = s.gone
        unroutable = s.unroutable
        pthread_mutex_unlock(&s.lock)
        settle(self)
        found = []
        for i in range(rows.size()):
            properties = None
            if rows[i].properties != NULL:
                properties = <object>rows[i].properties.owner
                chunk_unref(rows[i].properties)
            found.append((
                rows[i].token, PyBytes_FromStringAndSize(names[i].data(), names[i].size()), rows[i].number,
                bool(rows[i].connected), bool(rows[i].muted), properties, rows[i].send_queue, rows[i].receive_queue,
                as_tuple(&rows[i].totals),
            ))
        return found, as_tuple(&gone), unroutable

    def name_core(self, int64_t token):
        """A ROUTER's routing id of a peer, and a SERVER's; empty and 0 if there is none."""
        cdef Pipe* p
        cdef string name
        cdef uint32_t number = 0
        if self.s == NULL or inherited(self.engine):
            return b"", 0
        pthread_mutex_lock(&self.s.lock)
        p = sock_find(self.s, token)
        if p != NULL:
            number = p.number
            if p.rid != NULL:
                name = p.rid[0]
        pthread_mutex_unlock(&self.s.lock)
        return PyBytes_FromStringAndSize(name.data(), name.size()), number

    # ------------------------------------------------ news

    def watch_core(self, int wanted, int64_t number):
        """Post EV_NEWS with `number` when one of these NEWS_* happens; 0: none any more."""
        cdef Sock* s = self.s
        cdef size_t i
        enter(self)
        s.news_number.store(number, memory_order_relaxed)
        s.news_wanted.store(wanted, memory_order_seq_cst)
        if not wanted:
            s.news_topics.clear()
            s.news_tokens.clear()
        for i in range(s.pipes.size()):
            confirm_wanted(s, s.pipes[0][i])
        leave(self)

    def news_core(self, int64_t token):
        """What is new of a peer, of the socket itself for 0: NEWS_* bits, messages dropped since then, and in all, the marks of the queues
        there and back, and [(token, topic)] of what peers subscribed to. Bits of 0: EV_NEWS will come again.
        """
        cdef Sock* s = self.s
        cdef Pipe* p = NULL
        cdef int bits = 0
        cdef uint64_t fresh = 0
        cdef uint64_t total = 0
        cdef uint32_t send_mark = 0
        cdef uint32_t receive_mark = 0
        cdef deque[string] topics
        cdef deque[int64_t] tokens
        cdef size_t i
        enter(self)
        if token:
            sock_process(s)
            p = sock_find(s, token)
        if p != NULL:
            bits = news_take(s, p)
            fresh = p.dropped - p.dropped_told
            total = p.dropped_told = p.dropped
            send_mark = p.outq.hwm.load(memory_order_relaxed)
            receive_mark = p.inq.hwm.load(memory_order_relaxed)
        elif not token:
            bits = news_take(s, NULL)
            fresh = s.unroutable - s.unroutable_told
            total = s.unroutable_told = s.unroutable
        topics.swap(s.news_topics[0])
        tokens.swap(s.news_tokens[0])
        leave(self)
        settle(self)
        found = [(tokens[i], PyBytes_FromStringAndSize(topics[i].data(), topics[i].size())) for i in range(topics.size())]
        return bits, fresh, total, send_mark, receive_mark, found

    # ------------------------------------------------ subscriptions

    def confirmed_core(self, bytes topic=None):
        """SUB, XSUB, DISH: how many peers have all subscriptions, how many are awaited, cannot tell, are multicast addresses; and in how
        many seconds those that have them are sure to heed them. Asks those who have not told.

        The first value: is `topic` subscribed? ENOTSUP for other types.
        """
        cdef Sock* s = self.s
        cdef Confirmed found
        cdef int64_t left
        cdef bint known = True
        enter(self)
        if s.version == 0:
            leave(self)
            raise make_error(ENOTSUP)
        sock_process(s)
        if topic is not None:
            if s.topics != NULL:
                known = topics_match(s.topics, <const uint8_t*>PyBytes_AS_STRING(topic), PyBytes_GET_SIZE(topic))
            else:
                known = s.groups_joined.count(string(PyBytes_AS_STRING(topic), <size_t>PyBytes_GET_SIZE(topic))) != 0
        confirm_look(s, &found)
        left = found.settled - now_ns()
        leave(self)
        settle(self)
        return known, found.there, found.awaited, found.mute, found.deaf, max(left, 0) / 1e9

    def subscribers_core(self, bytes topic=None):
        """PUB, XPUB, RADIO: how many peers get messages of that topic or group; None: have subscribed to anything. ENOTSUP."""
        cdef Sock* s = self.s
        cdef size_t n
        enter(self)
        if s.trie == NULL and s.members == NULL:
            leave(self)
            raise make_error(ENOTSUP)
        sock_process(s)
        if topic is None:
            n = subscribers(s, NULL, 0, True)
        else:
            n = subscribers(s, <const uint8_t*>PyBytes_AS_STRING(topic), PyBytes_GET_SIZE(topic), False)
        leave(self)
        settle(self)
        return n

    def wakes_core(self):
        """For `wait_core`, to be read before the state that is waited for is looked at."""
        return wakes_of(self)

    def wait_core(self, uint64_t seen, double seconds):
        """Sleep, at most so long (< 0: no limit), until something has happened to the socket since wakes_core() returned `seen`."""
        cdef Sock* s = self.s
        cdef int64_t deadline = -1
        cdef int rc
        enter(self)
        leave(self)
        if 0 <= seconds < 1e9:
            deadline = now_ns() + <int64_t>(seconds * 1e9)
        with nogil:
            pthread_mutex_lock(&s.lock)
            sock_flush(s)
            pthread_mutex_unlock(&s.lock)
            rc = wait_any(&s, &seen, 1, NULL, 0, deadline, NULL)
        PyErr_CheckSignals()
        if rc and rc != EAGAIN and rc != EINTR:
            raise make_error(rc)
