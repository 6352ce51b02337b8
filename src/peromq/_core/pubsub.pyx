# Publish-subscribe (RFC 29): PUB, XPUB, SUB, XSUB.
#
# Publishers filter by their trie of subscriptions; a subscriber filters again, since multicast transports deliver everything.
# Subscriptions are a set per peer and topic, as libzmq keeps them: one CANCEL undoes any number of SUBSCRIBEs.
from libc.errno cimport ENOMEM
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy
from libcpp.atomic cimport memory_order_seq_cst
from libcpp.string cimport string

from peromq._core.confirm cimport confirm_forget, confirm_wanted
from peromq._core.flow cimport (BIG, F_COMMAND, F_MORE, PIN_TRACKED, Chunk, Flow, chunk_unref, flow_clear, flow_credit_due, flow_next,
                                flow_rollback, flow_set_aside, flow_share, frame_size, frames_new, put_header)
from peromq._core.news cimport count_drop, news_topic
from peromq._core.patterns cimport commit, fq_peek, fq_reject, pipe_peek, put
from peromq._core.requeue cimport DROP_SUBS, SUBS_AS_MESSAGES, conflate_out, flow_give_back, flow_take
from peromq._core.sock cimport pipe_consumed, pipe_writable, sock_process
from peromq._core.trie cimport (topics_add, topics_count, topics_each, topics_match, topics_remove, trie_add, trie_match,
                                trie_remove, trie_remove_subscriber)
from peromq._core.types cimport OK, T_SUB, T_XPUB, WOULD_BLOCK
from peromq._core.vectors cimport take_out

cdef enum:
    LAST_OF_TOPIC = 2        # trie_add, trie_remove: first, last subscriber of the topic
    MANY_TARGETS = 4         # from so many on, a message is encoded once and shared
    FIRST_CAST = 1024
    MAX_CAST = 65536
    MANY = 1000              # messages queued for a publisher that is not there, after which something is done about it


# ---------------------------------------------------------------- publishers: sending

cdef void add_target(void* arg, void* subscriber) noexcept nogil:
    cdef Sock* s = <Sock*>arg
    cdef Pipe* p = <Pipe*>subscriber
    if p.mark != s.mark and not p.closing:
        p.mark = s.mark
        s.targets.push_back(p)


cdef void match(Sock* s, const uint8_t* data, size_t n) noexcept nogil:
    """Fill targets with the peers that want a message whose first frame is data."""
    cdef size_t i
    cdef Pipe* p
    s.mark += 1
    s.targets.clear()
    trie_match(s.trie, data, n, add_target, s)
    if s.newcomer != NULL:
        s.targets.clear()
        if s.newcomer.mark == s.mark:
            s.targets.push_back(s.newcomer)
        return
    if not s.invert:
        return
    s.targets.clear()
    for i in range(s.pipes.size()):
        p = s.pipes[0][i]
        if p.mark != s.mark and not p.closing and (p.conn != NULL or p.link != NULL):
            p.mark = s.mark
            s.targets.push_back(p)


cdef void untarget(Sock* s, Pipe* p) noexcept nogil:
    """PUB, XPUB, XSUB: p misses the message being sent, all of it."""
    if take_out(s.targets, p):
        flow_rollback(p.outq)


cdef bint encode(Sock* s, uint8_t flags, const uint8_t* data, size_t n) noexcept nogil:
    """Append a frame to the cast, from where all targets take it. False: out of memory."""
    cdef Chunk* c = s.cast
    cdef size_t need = frame_size(n)
    cdef uint8_t* d
    if c == NULL or c.cap < c.wpos + need:
        s.cast_cap = min(max(<uint32_t>(4 * s.cast_cap), <uint32_t>FIRST_CAST), <uint32_t>MAX_CAST)
        c = frames_new(max(s.cast_cap, <uint32_t>need))
        if c == NULL:
            return False
        if s.cast != NULL:
            chunk_unref(s.cast)
        s.cast = c
    d = put_header(c.data + c.wpos, flags, n)
    if n:
        memcpy(d, data, n)
    c.wpos += <uint32_t>need
    return True


cdef int drop_full(Sock* s) noexcept nogil:
    """Leave only targets that have room. WOULD_BLOCK: NODROP, and not all of them have."""
    cdef size_t i = 0
    cdef Pipe* p
    cdef int conflate = 0
    while i < s.targets.size():
        p = s.targets[0][i]
        if pipe_writable(p):
            conflate |= p.conflate
            i += 1
            continue
        if s.nodrop:
            s.targets.clear()
            return WOULD_BLOCK
        count_drop(p)
        s.targets[0][i] = s.targets.back()
        s.targets.pop_back()
    if conflate:
        for i in range(s.targets.size()):
            if s.targets[0][i].conflate:
                conflate_out(s.targets[0][i])
    return OK


cdef void hand_out(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    """The next frame of a message to all targets."""
    cdef size_t i = 0
    cdef Pipe* p
    cdef int rc
    cdef uint8_t flags = F_MORE if more else 0
    cdef bint shared
    cdef uint32_t at = 0
    cdef uint32_t octets = 0
    shared = n < BIG and s.targets.size() >= MANY_TARGETS and not (pin != NULL and pin.flags & PIN_TRACKED) and encode(s, flags, data, n)
    if shared:
        octets = <uint32_t>frame_size(n)
        at = s.cast.wpos - octets
    while i < s.targets.size():
        p = s.targets[0][i]
        rc = flow_share(p.outq, flags, s.cast, at, octets) if shared else 1
        if rc == 0:
            p.pending_octets += octets
        elif rc > 0:
            rc = put(p, flags, data, n, pin)
        if rc < 0:
            flow_rollback(p.outq)           # out of memory: this peer misses the message
            count_drop(p)
            s.targets[0][i] = s.targets.back()
            s.targets.pop_back()
            continue
        if not more:
            commit(s, p)
        i += 1


cdef int pub_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    """To every matching peer that has room; a full one misses the whole message and nobody waits for it."""
    if not s.out_more:
        if s.ev_any.load(memory_order_seq_cst):
            sock_process(s)
        match(s, data, n)
        if drop_full(s) != OK:
            return WOULD_BLOCK
        s.newcomer = NULL
    hand_out(s, data, n, more, pin)
    s.out_more = more
    return OK


# ---------------------------------------------------------------- publishers: what subscribers say

cdef void notice(Sock* s, Pipe* p, const uint8_t* data, size_t n, int first, bint more) noexcept nogil:
    """XPUB: something for the application's recv; `first` is an octet to put in front, or -1."""
    cdef string text
    if s.type != T_XPUB:
        return
    if first >= 0:
        text.push_back(<char>first)
    text.append(<const char*>data, n)
    s.notices.push_back(text)
    s.notice_more.push_back(more)
    s.notice_from.push_back(p)


cdef void subscription(Sock* s, Pipe* p, bint on, const uint8_t* topic, size_t n, bint more) noexcept nogil:
    cdef int rc
    if s.manual and s.type == T_XPUB:
        # the application decides; it is told of everything
        if on:
            trie_add(s.asked, p, topic, n)
        else:
            trie_remove(s.asked, p, topic, n)
        notice(s, p, topic, n, on, more)
        return
    if on:
        rc = trie_add(s.trie, p, topic, n)
        if rc > 0:
            news_topic(s, p, topic, n)
        if rc == LAST_OF_TOPIC or s.verbose or s.verboser:
            notice(s, p, topic, n, 1, more)
    else:
        rc = trie_remove(s.trie, p, topic, n)
        if rc == LAST_OF_TOPIC or s.verboser or rc == 0:
            notice(s, p, topic, n, 0, more)


cdef bint in_user_message(Sock* s, Pipe* p) noexcept nogil:
    """Is the last notice a frame of the message that p's next frame belongs to?"""
    return p.in_message and not s.notice_more.empty() and s.notice_more.back()


cdef void pub_input(Sock* s, Pipe* p) noexcept nogil:
    """Take in all that p said: SUBSCRIBE and CANCEL commands (ZMTP 3.1), 01/00 messages (before), user messages (XPUB).

    Unless ONLY_FIRST_SUBSCRIBE, later frames of a user message may be subscriptions as well. They stay in their places.
    """
    cdef FrameRef fr
    cdef bint more, sub, inside
    while pipe_peek(p, &fr):
        more = fr.flags & F_MORE
        sub = fr.flags & F_COMMAND or (fr.size > 0 and fr.data[0] <= 1)
        if not p.in_message:
            p.in_user = not sub
        elif p.in_user and s.only_first:
            sub = False
        inside = in_user_message(s, p)
        if not sub:
            notice(s, p, fr.data, fr.size, -1, more)
        elif not fr.flags & F_COMMAND:
            subscription(s, p, fr.data[0], fr.data + 1, fr.size - 1, inside and more)
        elif fr.data[0] == 9:
            subscription(s, p, True, fr.data + 10, fr.size - 10, inside and more)
        else:
            subscription(s, p, False, fr.data + 7, fr.size - 7, inside and more)
        if not more and in_user_message(s, p):
            s.notice_more[0][s.notice_more.size() - 1] = 0      # its last frame was a subscription nobody is told of
        p.in_message = more
        if sub:
            p.inq.aside_in_octets += frame_size(fr.size)
            p.inq.aside_in += not more
        flow_next(p.inq, &fr)
        if flow_credit_due(p.inq):
            pipe_consumed(p)


cdef void last_gone(void* arg, const unsigned char* topic, size_t n) noexcept nogil:
    cdef Sock* s = <Sock*>arg
    notice(s, NULL, topic, n, 0, False)


cdef void nothing(void* arg, const unsigned char* topic, size_t n) noexcept nogil:
    pass


cdef void pub_joined(Sock* s, Pipe* p) noexcept nogil:
    if s.welcome != NULL and not s.welcome.empty():
        if put(p, 0, <const uint8_t*>s.welcome.data(), s.welcome.size(), NULL) == 0:
            commit(s, p)


cdef void pub_left(Sock* s, Pipe* p) noexcept nogil:
    """The peer's subscriptions go; the application hears of topics nobody wants any more."""
    cdef size_t i
    pub_input(s, p)
    untarget(s, p)
    if s.manual:
        trie_remove_subscriber(s.asked, p, last_gone, s)
        trie_remove_subscriber(s.trie, p, nothing, s)
    else:
        trie_remove_subscriber(s.trie, p, nothing if p.multicast else last_gone, s)
    for i in range(s.notice_from.size()):
        if s.notice_from[0][i] == p:
            s.notice_from[0][i] = NULL
    if s.last_sub == p:
        s.last_sub = NULL
    if s.newcomer == p:
        s.newcomer = NULL


cdef int xpub_peek(Sock* s, FrameRef* fr) noexcept nogil:
    if s.ev_any.load(memory_order_seq_cst):
        sock_process(s)
    if s.notices.empty():
        return WOULD_BLOCK
    fr.data = <const uint8_t*>s.notices.front().data()
    fr.size = s.notices.front().size()
    fr.flags = F_MORE if s.notice_more.front() else 0
    fr.chunk = NULL
    s.in_pipe = s.notice_from.front()       # for the properties of its handshake
    return OK


cdef void xpub_done(Sock* s, FrameRef* fr) noexcept nogil:
    s.last_sub = s.notice_from.front()
    s.notices.pop_front()
    s.notice_more.pop_front()
    s.notice_from.pop_front()


cdef int xpub_manual(Sock* s, const uint8_t* topic, size_t n, bint on) noexcept nogil:
    """XPUB_MANUAL: subscribe the peer whose request was received last, to whatever the application likes."""
    cdef int rc
    if s.last_sub == NULL:
        return OK
    if not on:
        trie_remove(s.trie, s.last_sub, topic, n)
        return OK
    rc = trie_add(s.trie, s.last_sub, topic, n)
    if rc < 0:
        return ENOMEM
    if rc > 0:
        news_topic(s, s.last_sub, topic, n)
    if s.last_value:
        s.newcomer = s.last_sub
    return OK


# ---------------------------------------------------------------- subscribers

cdef int say(Sock* s, Pipe* p, bint on, const uint8_t* topic, size_t n) noexcept nogil:
    """Put a subscription on its way. It counts against no high-water mark: losing one silently helps nobody."""
    cdef uint8_t stack[256]
    cdef uint8_t* d = stack
    cdef size_t k
    cdef int rc
    if n + 10 > sizeof(stack):
        d = <uint8_t*>malloc(n + 10)
        if d == NULL:
            return ENOMEM
    if p.link == NULL and (p.minor >= 1 or p.conn == NULL):
        k = 10 if on else 7
        memcpy(d, b"\x09SUBSCRIBE" if on else b"\x06CANCEL", k)     # RFC 37
    else:
        k = 1
        d[0] = on                                                   # RFC 23 and inproc: a message
    memcpy(d + k, topic, n)
    rc = put(p, F_COMMAND if k > 1 else 0, d, n + k, NULL)
    if rc == 0:
        flow_set_aside(p.outq, n + k)
        commit(s, p)
    if d != stack:
        free(d)
    return OK if rc == 0 else ENOMEM


cdef struct Said:
    Sock* s
    Pipe* p


cdef void say_topic(void* arg, const unsigned char* topic, size_t n) noexcept nogil:
    cdef Said* a = <Said*>arg
    say(a.s, a.p, True, topic, n)


cdef void sub_added(Sock* s, Pipe* p) noexcept nogil:
    """Tell a publisher all topics, each once, in order. He may not be there yet: they wait for him."""
    cdef Said a
    a.s = s
    a.p = p
    topics_each(s.topics, say_topic, &a)


cdef void sub_hiccup(Sock* s, Pipe* p) noexcept nogil:
    """What was queued for the lost publisher is stale."""
    flow_clear(p.outq)
    confirm_forget(p)
    if not p.closing:
        sub_added(s, p)


cdef void sub_translate(Pipe* p) noexcept nogil:
    """The publisher is older than ZMTP 3.1 and knows no SUBSCRIBE."""
    cdef Flow* old = flow_take(p.outq)
    if old != NULL:
        flow_give_back(p.outq, old, SUBS_AS_MESSAGES)


cdef void shorten(Sock* s, Pipe* p) noexcept nogil:
    """Nobody is there to whom p's subscriptions, made and undone again and again, could go: what they amount to is enough."""
    cdef Flow* old
    if p.conn != NULL or p.link != NULL or p.outq.written - p.outq.nread < MANY + 2 * topics_count(s.topics):
        return
    old = flow_take(p.outq)
    if old != NULL:
        flow_give_back(p.outq, old, DROP_SUBS)
        sub_added(s, p)


cdef bint speaks_to(Pipe* p) noexcept nogil:
    return not p.ended and not p.closing


cdef int sub_subscribe(Sock* s, const uint8_t* topic, size_t n, bint on) noexcept nogil:
    """Every SUBSCRIBE is sent; a CANCEL only when the last of as many subscriptions ends. OK or ENOMEM."""
    cdef size_t i
    cdef Pipe* p
    cdef int rc = OK
    if s.ev_any.load(memory_order_seq_cst):
        sock_process(s)
    if on:
        if topics_add(s.topics, topic, n) < 0:
            return ENOMEM
    elif topics_remove(s.topics, topic, n) != 1:
        return OK
    s.version += 1
    for i in range(s.pipes.size()):
        p = s.pipes[0][i]
        if speaks_to(p):
            shorten(s, p)
            rc |= say(s, p, on, topic, n)
            confirm_wanted(s, p)
    return rc


cdef int sub_peek(Sock* s, FrameRef* fr) noexcept nogil:
    """SUB: only what was subscribed; XSUB: everything."""
    cdef int rejected = 0
    while True:
        if fq_peek(s, fr) != OK:
            return WOULD_BLOCK
        if s.type != T_SUB or s.in_more or topics_match(s.topics, fr.data, fr.size) != s.invert:
            return OK
        if not fq_reject(s, fr, &rejected):
            return WOULD_BLOCK


cdef void upstream(Sock* s, bint to_all) noexcept nogil:
    """Whom a message of XSUB's goes to: all publishers, but not those that are full. Subscriptions are never lost."""
    cdef size_t i
    cdef Pipe* p
    s.targets.clear()
    for i in range(s.pipes.size()):
        p = s.pipes[0][i]
        if speaks_to(p) and (to_all or pipe_writable(p)):
            shorten(s, p)
            s.targets.push_back(p)


cdef int note_topic(Sock* s, const uint8_t* data, size_t n, bint alone) noexcept nogil:
    """Count a subscription that passes by: 01 or 00 and a topic. OK: it goes upstream, WOULD_BLOCK: it need not, ENOMEM."""
    if data[0]:
        return OK if topics_add(s.topics, data + 1, n - 1) >= 0 else ENOMEM
    if topics_remove(s.topics, data + 1, n - 1) == 1 or s.verbose_unsub:
        return OK
    if alone:
        return WOULD_BLOCK
    s.resay = 1         # it cannot be taken out of a message of several parts, so what it cancels too much is said again
    return OK


cdef int xsub_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    """01/00 + topic subscribes and unsubscribes upstream; any other message goes to all publishers."""
    cdef size_t i = 0
    cdef Pipe* p
    cdef bint first = not s.out_more
    cdef bint sub
    cdef int rc
    if first:
        if s.ev_any.load(memory_order_seq_cst):
            sock_process(s)
        s.subs_inside = not s.only_first
        s.resay = 0
    sub = n > 0 and data[0] <= 1 and (first or s.subs_inside)
    if sub:
        s.subs_inside = 1
        rc = note_topic(s, data, n, first and not more)
        if rc != OK:
            return OK if rc == WOULD_BLOCK else rc
    if first:
        upstream(s, sub)
    while i < s.targets.size():
        p = s.targets[0][i]
        if put(p, F_MORE if more else 0, data, n, pin) < 0:
            untarget(s, p)
            continue
        if not more:
            if sub and first:
                flow_set_aside(p.outq, n)
            commit(s, p)
            if s.resay:
                sub_added(s, p)
        i += 1
    s.out_more = more
    if sub:
        s.version += 1
        for i in range(s.targets.size()):
            confirm_wanted(s, s.targets[0][i])
    return OK
