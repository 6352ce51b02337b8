# Publish-subscribe (RFC 29), the publishing half: PUB and XPUB. They filter by their trie of subscriptions.
#
# Subscriptions are a set per peer and topic, as libzmq keeps them: one CANCEL undoes any number of SUBSCRIBEs.
from libc.errno cimport ENOMEM
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy
from libcpp.atomic cimport memory_order_seq_cst
from libcpp.string cimport string

from peromq._core.flow cimport (BIG, F_COMMAND, F_MORE, PIN_TRACKED, Chunk, chunk_unref, flow_credit_due, flow_next, flow_rollback,
                                flow_share, frame_size, frames_new, put_header)
from peromq._core.news cimport count_drop, news_topic
from peromq._core.patterns cimport commit, pipe_peek, put
from peromq._core.requeue cimport conflate_out
from peromq._core.sock cimport pipe_consumed, pipe_writable, sock_process
from peromq._core.trie cimport trie_add, trie_match, trie_remove, trie_remove_subscriber
from peromq._core.types cimport OK, T_XPUB, WOULD_BLOCK
from peromq._core.vectors cimport take_out

cdef enum:
    LAST_OF_TOPIC = 2        # trie_add, trie_remove: first, last subscriber of the topic
    MANY_TARGETS = 4         # from so many on, a message is encoded once and shared
    FIRST_CAST = 1024
    MAX_CAST = 65536

# ---------------------------------------------------------------- sending

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


# ---------------------------------------------------------------- what subscribers say

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
    """The peer's subscriptions go; the application hears of topics nobody wants any more, or of all (VERBOSER, MANUAL)."""
    cdef size_t i
    pub_input(s, p)
    untarget(s, p)
    if s.manual:
        trie_remove_subscriber(s.asked, p, last_gone, s, True)
        trie_remove_subscriber(s.trie, p, nothing, s, False)
    else:
        trie_remove_subscriber(s.trie, p, nothing if p.multicast else last_gone, s, s.verboser and not p.multicast)
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
    if s.manual and fr.size and fr.data[0] <= 1:        # a user message is no request
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
