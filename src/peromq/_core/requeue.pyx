# Changing what is already queued: putting something in front of it, rewriting it, and CONFLATE, which keeps the newest message only.
#
# A flow has one producer and one consumer that share no lock. Whoever changes its middle needs both roles in one hand: there is no
# connection (yet), or he holds the lock that the other role is played under.
#
# CONFLATE. Sending: outq has no mark; before a message is put, what was not begun to be sent is dropped, under Conn.wlock or Link.lock.
# Receiving: what arrives goes to a flow of its own, `raw`, of which a reader drops all but the newest message; the application's side
# moves that one to inq, replacing what is there, under Conn.rlock or Link.lock. So memory stays bounded whoever is slow, and the calls
# that read inq need to know nothing of it.
#
# CONFLATE_TOPICS. The same for each topic, on the receiving side: what arrives goes on from `raw` to `latest` (latest.pyx), of which inq
# gets one message at a time; that one goes back when something newer comes before it was begun to be received. `latest` holds at most
# RCVHWM topics; what does not fit stays in `raw`, whose mark stops the reader as usual.
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libcpp.atomic cimport memory_order_relaxed, memory_order_seq_cst

from peromq._core.flow cimport (BIG, F_COMMAND, F_MORE, KIND_BODY, chunk_unref, count_set, flow_clear, flow_commit, flow_front,
                                flow_new, flow_next, flow_octets_in, flow_peek, flow_publish, flow_put, flow_put_body,
                                flow_unref, frame_size)
from peromq._core.latest cimport latest_give, latest_new, latest_take, latest_take_back
from peromq._core.notify cimport link_post
from peromq._core.reader cimport conn_resume
from peromq._core.sysio cimport pthread_mutex_lock, pthread_mutex_t, pthread_mutex_unlock
from peromq._core.terms cimport terms_of
from peromq._core.types cimport BY_TOPIC, EV_WRITE, T_DEALER, T_PUB, T_PULL, T_PUSH, T_SUB, T_XSUB, Conn


# ---------------------------------------------------------------- all of it

cdef Flow* flow_take(Flow* f) noexcept nogil:
    """What is queued, an unfinished message included, as a flow of its own, for flow_give_back. NULL: out of memory."""
    cdef Flow* old = flow_new(0, f.releases)
    cdef Chunk* fresh
    if old == NULL:
        return NULL
    flow_publish(f, 0, f.tail.wpos)
    f.put_octets = flow_octets_in(f) + f.aside_octets
    fresh = old.head
    old.head = f.head
    old.tail = old.unsealed = f.tail
    old.nread = f.nread
    old.written = f.written
    old.produced.store(f.written, memory_order_relaxed)
    f.head = f.tail = f.unsealed = fresh
    f.open = 0
    count_set(&f.nread, f.written)
    f.credited = f.written
    f.read.store(f.written, memory_order_seq_cst)
    return old


cdef int move(Flow* f, FrameRef* fr) noexcept nogil:
    """A frame of another flow, whose large bodies go by reference."""
    cdef uint8_t flags = fr.flags & (F_MORE | F_COMMAND)
    f.aside_octets += frame_size(fr.size)
    if fr.size < BIG:
        return flow_put(f, flags, fr.data, fr.size)
    return flow_put_body(f, flags, fr.data, fr.size, fr.chunk)


cdef void as_message(FrameRef* fr) noexcept nogil:
    """A SUBSCRIBE or CANCEL of ZMTP 3.1 as the message of before: 01 or 00 and the topic. Its last letter makes room for that."""
    cdef size_t k = 9 if fr.data[0] == 9 else 6
    (<uint8_t*>fr.data)[k] = fr.data[0] == 9
    fr.data += k
    fr.size -= k
    fr.flags = 0


cdef void flow_give_back(Flow* f, Flow* old, int subs) noexcept nogil:
    """Queue again what flow_take took, behind what was put meanwhile. `subs`: what becomes of subscriptions."""
    cdef FrameRef fr
    cdef bint inside = False
    cdef bint command, more
    while flow_peek(old, &fr):
        command = (fr.flags & F_COMMAND) != 0
        more = fr.flags & F_MORE
        if subs != DROP_SUBS or not (command or (not inside and not more and fr.size and fr.data[0] <= 1)):
            if subs == SUBS_AS_MESSAGES and command:
                as_message(&fr)
            if move(f, &fr) == 0 and not more:
                f.aside += 1                        # it was counted when it was put first
                flow_commit(f)
        inside = more
        flow_next(old, &fr)
    flow_unref(old)
    flow_unref(old)


# ---------------------------------------------------------------- the newest of it

cdef void flow_keep_last(Flow* f) noexcept nogil:
    """Consumer: drop all messages but the newest."""
    cdef FrameRef fr
    while f.produced.load(memory_order_seq_cst) - f.nread > 1 and flow_peek(f, &fr):
        flow_next(f, &fr)
    f.credited = f.nread
    f.read.store(f.nread, memory_order_seq_cst)


cdef bint conflates_out(Sock* s, int how) noexcept nogil:
    return how == 1 and (s.type == T_PUSH or s.type == T_DEALER or s.type == T_PUB)


cdef bint conflates_in(Sock* s, int how) noexcept nogil:
    if s.type == T_XSUB:
        return how == BY_TOPIC
    return how and (s.type == T_PULL or s.type == T_DEALER or s.type == T_SUB)


cdef int conflate_inq(Pipe* p, Sock* receiver, int how) noexcept nogil:
    """What arrives is not what is received: -1 if out of memory. receiver: NULL if it is not known yet."""
    cdef Flow* own
    if receiver != NULL and how == BY_TOPIC and p.latest == NULL:
        p.latest = latest_new(receiver.rcvhwm)
        if p.latest == NULL:
            return -1
    if p.raw != NULL:
        return 0
    own = flow_new(0, p.inq.releases)
    if own == NULL:
        return -1
    p.raw = p.inq
    p.inq = own
    return 0


cdef void conflate_pipe(Sock* s, Pipe* p) noexcept nogil:
    """A new pipe on a wire."""
    cdef int how = terms_of(p).conflate
    if conflates_out(s, how):
        p.conflate = 1
        p.outq.hwm.store(0, memory_order_relaxed)
    if conflates_in(s, how):
        if how != BY_TOPIC:
            p.inq.hwm.store(0, memory_order_relaxed)
        conflate_inq(p, s, how)


cdef void forget_newest(Pipe* p) noexcept nogil:
    """Take back the newest message, of which nothing was sent, and leave the one before it, which was begun."""
    cdef Flow* f = p.outq
    cdef Chunk* c = p.newest_at
    cdef Chunk* n = c.next.load(memory_order_relaxed)
    cdef Chunk* nn
    c.next.store(NULL, memory_order_relaxed)
    c.wmsgs = <uint32_t>(p.newest_pub >> 32)
    c.pub.store(p.newest_pub, memory_order_seq_cst)
    if f.unsealed != c:
        f.put_octets -= c.size if c.kind == KIND_BODY else c.wpos       # it is open again
    c.wpos = <uint32_t>p.newest_pub
    f.tail = f.unsealed = c
    f.written -= 1
    f.aside -= 1                    # it was sent nevertheless
    p.dropped += 1
    f.produced.store(f.written, memory_order_relaxed)
    while n != NULL:
        nn = n.next.load(memory_order_relaxed)
        chunk_unref(n)
        n = nn


cdef void drop_all(Pipe* p) noexcept nogil:
    cdef uint64_t stale = p.outq.written - p.outq.nread
    p.dropped += stale
    if p.link != NULL:
        p.outq.aside_in += stale        # the far end's count, under Link.lock
    flow_clear(p.outq)


cdef void conflate_out(Pipe* p) noexcept nogil:
    """A new message is about to be put: what was not begun to be sent is stale."""
    cdef Flow* f = p.outq
    cdef Conn* c = p.conn
    cdef Pipe* q
    if p.link != NULL:
        pthread_mutex_lock(&p.link.lock)
        q = p.link.ends[1 - p.side]
        if p.conflate != BY_TOPIC:
            drop_all(p)
        elif q != NULL and q.latest != NULL:
            latest_take(q.latest, f)
        pthread_mutex_unlock(&p.link.lock)
        return
    if c == NULL:
        drop_all(p)
        return
    pthread_mutex_lock(&c.wlock)
    if c.boundary:
        drop_all(p)
        c.cur = f.head
        c.cpos = c.cur.size if c.cur.kind == KIND_BODY and c.cur.rpos else c.cur.rpos
    elif f.written - f.nread > 1 and p.newest_at != NULL:
        forget_newest(p)
    p.newest_at = f.unsealed
    p.newest_pub = f.unsealed.pub.load(memory_order_relaxed)
    pthread_mutex_unlock(&c.wlock)


cdef inline pthread_mutex_t* lock_feeder(Pipe* p) noexcept nogil:
    """Keep away whoever adds to raw. The lock that is held; NULL: there is nobody."""
    cdef pthread_mutex_t* m = NULL
    if p.link != NULL:
        m = &p.link.lock
    elif p.conn != NULL:
        m = &p.conn.rlock
    if m != NULL:
        pthread_mutex_lock(m)
    return m


cdef void conflate_in(Sock* s, Pipe* p) noexcept nogil:
    """Something has arrived: let the application find the newest of it."""
    cdef Flow* raw = p.raw
    cdef pthread_mutex_t* m = lock_feeder(p)
    cdef FrameRef fr
    cdef bint more
    while True:
        if p.latest != NULL:
            latest_take(p.latest, raw)
            if not (s.in_more and s.in_pipe == p):
                latest_take_back(p.latest, p.inq)
                latest_give(p.latest, p.inq)
                latest_take(p.latest, raw)
            raw.idle.store(1, memory_order_seq_cst)
            break                           # who adds to raw takes it out again, or we do when there is room
        flow_keep_last(raw)
        if flow_peek(raw, &fr):
            if not (s.in_more and s.in_pipe == p):      # else what is there is being received
                p.inq.aside_in += p.inq.written - p.inq.nread
                flow_clear(p.inq)
            while True:
                more = fr.flags & F_MORE
                if move(p.inq, &fr) == 0 and not more:
                    flow_commit(p.inq)
                flow_next(raw, &fr)
                if not more:
                    break
                flow_peek(raw, &fr)
        raw.idle.store(1, memory_order_seq_cst)
        if flow_front(raw) == NULL:
            break
        raw.idle.store(0, memory_order_seq_cst)
    if m != NULL:
        pthread_mutex_unlock(m)
    make_room(p)


cdef void make_room(Pipe* p) noexcept nogil:
    """There may be room in raw: whoever waits for it goes on."""
    cdef Flow* raw = p.raw
    if raw.blocked.load(memory_order_seq_cst) and raw.blocked.exchange(0, memory_order_seq_cst) == 1:
        link_post(p, EV_WRITE)
    if p.conn != NULL and p.conn.paused.load(memory_order_seq_cst):
        conn_resume(p.conn)


cdef bint conflate_refill(Pipe* p) noexcept nogil:
    """CONFLATE_TOPICS: inq is empty. Whether there was more for it."""
    cdef pthread_mutex_t* m = lock_feeder(p)
    cdef bint given
    latest_take(p.latest, p.raw)
    given = latest_give(p.latest, p.inq)
    latest_take(p.latest, p.raw)
    if m != NULL:
        pthread_mutex_unlock(m)
    make_room(p)
    return given
