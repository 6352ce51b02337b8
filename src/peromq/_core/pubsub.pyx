# Publish-subscribe (RFC 29): PUB, XPUB, SUB, XSUB.
#
# Publishers filter by their trie of subscriptions; a subscriber filters again, since multicast transports deliver everything.
# Subscriptions are a set per peer and topic, as libzmq keeps them: one CANCEL undoes any number of SUBSCRIBEs.
from libc.errno cimport ENOMEM
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy
from libcpp.atomic cimport memory_order_relaxed, memory_order_seq_cst
from libcpp.string cimport string

from peromq._core.flow cimport (F_COMMAND, F_MORE, flow_clear, flow_credit_due, flow_next, flow_rollback)
from peromq._core.patterns cimport commit, fq_done, fq_peek, pipe_peek, put
from peromq._core.sock cimport pipe_consumed, pipe_writable, sock_process
from peromq._core.trie cimport (topics_add, topics_each, topics_match, topics_remove, trie_add, trie_match, trie_remove,
                                trie_remove_subscriber)
from peromq._core.types cimport OK, T_PUB, T_SUB, T_XPUB, WOULD_BLOCK

cdef enum:
    LAST_OF_TOPIC = 2        # trie_add, trie_remove: first, last subscriber of the topic


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
    cdef size_t i
    for i in range(s.targets.size()):
        if s.targets[0][i] == p:
            flow_rollback(p.outq)
            s.targets[0][i] = s.targets.back()
            s.targets.pop_back()
            return


cdef int pub_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    """To every matching peer that has room; a full one misses the whole message and nobody waits for it."""
    cdef size_t i = 0
    cdef Pipe* p
    if not s.out_more:
        if s.ev_any.load(memory_order_seq_cst):
            sock_process(s)
        match(s, data, n)
        while i < s.targets.size():
            p = s.targets[0][i]
            if pipe_writable(p):
                i += 1
                continue
            if s.nodrop:
                s.targets.clear()
                return WOULD_BLOCK
            s.targets[0][i] = s.targets.back()
            s.targets.pop_back()
    i = 0
    while i < s.targets.size():
        p = s.targets[0][i]
        if put(p, F_MORE if more else 0, data, n, pin) < 0:
            flow_rollback(p.outq)           # out of memory: this peer misses the message
            s.targets[0][i] = s.targets.back()
            s.targets.pop_back()
            continue
        if not more:
            commit(s, p)
        i += 1
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


cdef void subscription(Sock* s, Pipe* p, bint on, const uint8_t* topic, size_t n) noexcept nogil:
    cdef int rc
    if s.manual:
        # the application decides; it is told of everything
        if on:
            trie_add(s.asked, p, topic, n)
        else:
            trie_remove(s.asked, p, topic, n)
        notice(s, p, topic, n, on, False)
        return
    if on:
        rc = trie_add(s.trie, p, topic, n)
        if rc == LAST_OF_TOPIC or s.verbose or s.verboser:
            notice(s, p, topic, n, 1, False)
    else:
        rc = trie_remove(s.trie, p, topic, n)
        if rc == LAST_OF_TOPIC or s.verboser or rc == 0:
            notice(s, p, topic, n, 0, False)


cdef void pub_input(Sock* s, Pipe* p) noexcept nogil:
    """Take in all that p said: SUBSCRIBE and CANCEL commands (ZMTP 3.1), 01/00 messages (before), user messages (XPUB)."""
    cdef FrameRef fr
    cdef bint more
    while pipe_peek(p, &fr):
        more = fr.flags & F_MORE
        if fr.flags & F_COMMAND:
            if fr.data[0] == 9:
                subscription(s, p, True, fr.data + 10, fr.size - 10)
            else:
                subscription(s, p, False, fr.data + 7, fr.size - 7)
        elif fr.size > 0 and fr.data[0] <= 1 and (not p.in_message or not (s.only_first or p.in_user)):
            if not p.in_message:
                p.in_user = 0
            subscription(s, p, fr.data[0], fr.data + 1, fr.size - 1)
        else:
            p.in_user = 1
            notice(s, p, fr.data, fr.size, -1, more)
        p.in_message = more
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
        trie_remove_subscriber(s.trie, p, last_gone, s)
    for i in range(s.notice_from.size()):
        if s.notice_from[0][i] == p:
            s.notice_from[0][i] = NULL
    if s.last_sub == p:
        s.last_sub = NULL


cdef int xpub_peek(Sock* s, FrameRef* fr) noexcept nogil:
    if s.ev_any.load(memory_order_seq_cst):
        sock_process(s)
    if s.notices.empty():
        return WOULD_BLOCK
    fr.data = <const uint8_t*>s.notices.front().data()
    fr.size = s.notices.front().size()
    fr.flags = F_MORE if s.notice_more.front() else 0
    fr.chunk = NULL
    return OK


cdef void xpub_done(Sock* s, FrameRef* fr) noexcept nogil:
    s.last_sub = s.notice_from.front()
    s.notices.pop_front()
    s.notice_more.pop_front()
    s.notice_from.pop_front()


cdef int xpub_manual(Sock* s, const uint8_t* topic, size_t n, bint on) noexcept nogil:
    """XPUB_MANUAL: subscribe the peer whose request was received last, to whatever the application likes."""
    if s.last_sub == NULL:
        return OK
    if on:
        return OK if trie_add(s.trie, s.last_sub, topic, n) >= 0 else ENOMEM
    trie_remove(s.trie, s.last_sub, topic, n)
    return OK


# ---------------------------------------------------------------- subscribers

cdef void say(Sock* s, Pipe* p, bint on, const uint8_t* topic, size_t n) noexcept nogil:
    """Put a subscription on its way. It counts against no high-water mark: losing one silently helps nobody."""
    cdef uint8_t stack[256]
    cdef uint8_t* d = stack
    cdef size_t k
    if n + 10 > sizeof(stack):
        d = <uint8_t*>malloc(n + 10)
        if d == NULL:
            return
    if p.link == NULL and p.minor >= 1:
        k = 10 if on else 7
        memcpy(d, b"\x09SUBSCRIBE" if on else b"\x06CANCEL", k)     # RFC 37
    else:
        k = 1
        d[0] = on                                                   # RFC 23 and inproc: a message
    memcpy(d + k, topic, n)
    if put(p, F_COMMAND if k > 1 else 0, d, n + k, NULL) == 0:
        commit(s, p)
    if d != stack:
        free(d)


cdef struct Said:
    Sock* s
    Pipe* p


cdef void say_topic(void* arg, const unsigned char* topic, size_t n) noexcept nogil:
    cdef Said* a = <Said*>arg
    say(a.s, a.p, True, topic, n)


cdef void sub_joined(Sock* s, Pipe* p) noexcept nogil:
    """Tell a new or returned publisher all topics, each once, in order."""
    cdef Said a
    a.s = s
    a.p = p
    topics_each(s.topics, say_topic, &a)


cdef void sub_hiccup(Sock* s, Pipe* p) noexcept nogil:
    """What was queued for the lost publisher is stale; sub_joined will say it again."""
    flow_clear(p.outq)


cdef void sub_subscribe(Sock* s, const uint8_t* topic, size_t n, bint on) noexcept nogil:
    """Every SUBSCRIBE is sent; a CANCEL only when the last of as many subscriptions ends."""
    cdef size_t i
    cdef Pipe* p
    if s.ev_any.load(memory_order_seq_cst):
        sock_process(s)
    if on:
        topics_add(s.topics, topic, n)
    elif topics_remove(s.topics, topic, n) != 1 and not s.verbose_unsub:
        return
    for i in range(s.pipes.size()):
        p = s.pipes[0][i]
        if (p.conn != NULL or p.link != NULL) and not p.ended:
            say(s, p, on, topic, n)


cdef int sub_peek(Sock* s, FrameRef* fr) noexcept nogil:
    """SUB: only what was subscribed; XSUB: everything."""
    while True:
        if fq_peek(s, fr) != OK:
            return WOULD_BLOCK
        if s.type != T_SUB or s.in_more or topics_match(s.topics, fr.data, fr.size) != s.invert:
            return OK
        while True:
            fq_done(s, fr)
            if not s.in_more:
                break
            fq_peek(s, fr)


cdef int xsub_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    """01/00 + topic subscribes and unsubscribes upstream; any other message goes to all publishers."""
    cdef size_t i
    cdef Pipe* p
    cdef bint first = not s.out_more
    if s.ev_any.load(memory_order_seq_cst):
        sock_process(s)
    if n > 0 and data[0] <= 1 and (first or not s.only_first) and not s.sub_state:
        if data[0]:
            topics_add(s.topics, data + 1, n - 1)
        elif topics_remove(s.topics, data + 1, n - 1) != 1 and not s.verbose_unsub:
            s.out_more = more
            return OK
    elif first and more:
        s.sub_state = 1
    if first:
        s.targets.clear()
        for i in range(s.pipes.size()):
            p = s.pipes[0][i]
            if (p.conn != NULL or p.link != NULL) and not p.ended and not p.closing and (data != NULL and n and data[0] <= 1 or pipe_writable(p)):
                s.targets.push_back(p)
    for i in range(s.targets.size()):
        p = s.targets[0][i]
        if put(p, F_MORE if more else 0, data, n, pin) == 0 and not more:
            commit(s, p)
    s.out_more = more
    if not more:
        s.sub_state = 0
    return OK
