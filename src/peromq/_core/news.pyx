# What statistics count and monitors hear of. Counters that could be derived from the queues' positions are (tally); only what happens
# rarely is counted where it happens. Under the socket's lock, but for news_post.
#
# News are bits: the first one makes the control plane look, and until it found nothing new it is not told again. So however much
# happens, one notice per peer is under way.
from libc.stdint cimport int64_t, uint64_t
from libcpp.atomic cimport memory_order_relaxed, memory_order_seq_cst
from libcpp.string cimport string

from peromq._core.flow cimport count_get, flow_octets_in, flow_octets_out
from peromq._core.notify cimport engine_post
from peromq._core.sysio cimport pthread_mutex_lock, pthread_mutex_t, pthread_mutex_unlock
from peromq._core.types cimport NEWS_DROPPED, NEWS_POSTED, NEWS_SUBSCRIBED

cdef enum:
    NEWS = 3                 # EV_NEWS of the control plane: (NEWS, Sock.news_number, the peer's token or 0)
    MOST_TOPICS = 10000      # subscriptions that wait to be told of


cdef inline bint tell(Sock* s, int what) noexcept nogil:
    return (s.news_wanted.load(memory_order_relaxed) & what) != 0


cdef void post(Pipe* p, int what) noexcept nogil:
    if not p.news.fetch_or(what | NEWS_POSTED, memory_order_seq_cst) & NEWS_POSTED:
        engine_post(p.sock.engine, NEWS, p.sock.news_number.load(memory_order_relaxed), p.token)


cdef void news_look(Pipe* p) noexcept nogil:
    """Any thread: something came that may be about subscriptions. If a monitor waits for those, do not leave it to the application's
    next call to look."""
    if tell(p.sock, NEWS_SUBSCRIBED):
        post(p, NEWS_LOOK)


cdef void news_post(Pipe* p, int what) noexcept nogil:
    """Any thread: something happened to p that a monitor may want to hear of."""
    if tell(p.sock, what):
        post(p, what)


cdef int news_take(Sock* s, Pipe* p) noexcept nogil:
    """The control plane: what is new of p, or, if NULL, of the socket itself. 0: it will be told when there is something again."""
    cdef int found = NEWS_POSTED
    if p != NULL:
        if p.news.compare_exchange_strong(found, 0, memory_order_seq_cst):
            return 0
        return p.news.exchange(NEWS_POSTED, memory_order_seq_cst) & ~NEWS_POSTED
    if s.news.compare_exchange_strong(found, 0, memory_order_seq_cst):
        return 0
    return s.news.exchange(NEWS_POSTED, memory_order_seq_cst) & ~NEWS_POSTED


cdef void news_topic(Sock* s, Pipe* p, const uint8_t* topic, size_t n) noexcept nogil:
    """A publisher: p has subscribed to something new."""
    if not tell(s, NEWS_SUBSCRIBED) or s.news_topics.size() >= MOST_TOPICS:
        return
    s.news_topics.push_back(string(<const char*>topic, n))
    s.news_tokens.push_back(<int64_t>p.token)
    news_post(p, NEWS_SUBSCRIBED)


cdef void count_drop(Pipe* p) noexcept nogil:
    """A message for p goes nowhere."""
    p.dropped += 1
    news_post(p, NEWS_DROPPED)


cdef void count_unroutable(Sock* s) noexcept nogil:
    """There is no peer for a message."""
    s.unroutable += 1
    if tell(s, NEWS_DROPPED) and not s.news.fetch_or(NEWS_DROPPED | NEWS_POSTED, memory_order_seq_cst) & NEWS_POSTED:
        engine_post(s.engine, NEWS, s.news_number.load(memory_order_relaxed), 0)


cdef inline size_t kept(Pipe* p) noexcept nogil:
    """CONFLATE_TOPICS: messages between raw and inq."""
    return p.latest.topics.size() if p.latest != NULL else 0


cdef size_t count_kept(Pipe* p) noexcept nogil:
    cdef pthread_mutex_t* m = &p.link.lock if p.link != NULL else &p.conn.rlock if p.conn != NULL else NULL
    cdef size_t n
    if p.latest == NULL:
        return 0
    if m != NULL:
        pthread_mutex_lock(m)
    n = kept(p)
    if m != NULL:
        pthread_mutex_unlock(m)
    return n


cdef void tally(Pipe* p, Totals* t) noexcept nogil:
    """Add what p has seen so far."""
    cdef pthread_mutex_t* m
    t.sent += p.outq.written - p.outq.aside
    t.received += p.inq.nread - p.inq.aside_in
    t.sent_octets += flow_octets_in(p.outq)
    t.received_octets += flow_octets_out(p.inq)
    t.dropped += p.dropped
    t.rejected += p.rejected
    t.full += p.full
    if p.raw == NULL:
        t.stopped += count_get(&p.inq.stops)
        return
    t.stopped += count_get(&p.raw.stops)
    m = &p.link.lock if p.link != NULL else &p.conn.rlock if p.conn != NULL else NULL
    if m != NULL:
        pthread_mutex_lock(m)
    t.replaced += count_get(&p.raw.nread) - p.raw.aside_in - p.inq.written + p.inq.aside_in - p.rejected - kept(p)
    if m != NULL:
        pthread_mutex_unlock(m)


cdef void count_gone(Sock* s, Pipe* p) noexcept nogil:
    """p is about to leave the socket; what it does not take with it is lost."""
    cdef uint64_t left = p.outq.written - count_get(&p.outq.nread)
    if p.link == NULL and s.topics == NULL and s.groups_joined == NULL:
        p.dropped += left
    tally(p, &s.gone)
