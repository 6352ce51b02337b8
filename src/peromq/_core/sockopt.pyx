# The socket options that the data plane itself needs, under libzmq's names and numbers. Under the socket's lock; values were checked above.

from peromq._core.inproc cimport pair_marks
from peromq._core.notify cimport post_event
from peromq._core.terms cimport set_text, terms_own
from peromq._core.types cimport BY_TOPIC, EV_WRITE, T_CLIENT, T_DEALER, T_PEER, T_ROUTER, T_SERVER, Pipe, Terms

cdef enum:
    ZMQ_ROUTING_ID = 5
    ZMQ_LINGER = 17
    ZMQ_MAXMSGSIZE = 22
    ZMQ_SNDHWM = 23
    ZMQ_RCVHWM = 24
    ZMQ_RCVTIMEO = 27
    ZMQ_SNDTIMEO = 28
    ZMQ_ROUTER_MANDATORY = 33
    ZMQ_IMMEDIATE = 39
    ZMQ_XPUB_VERBOSE = 40
    ZMQ_ROUTER_RAW = 41
    ZMQ_PROBE_ROUTER = 51
    ZMQ_REQ_CORRELATE = 52
    ZMQ_REQ_RELAXED = 53
    ZMQ_CONFLATE = 54
    ZMQ_ROUTER_HANDOVER = 56
    ZMQ_XPUB_NODROP = 69
    ZMQ_XPUB_MANUAL = 71
    ZMQ_XPUB_WELCOME_MSG = 72
    ZMQ_STREAM_NOTIFY = 73
    ZMQ_INVERT_MATCHING = 74
    ZMQ_HEARTBEAT_IVL = 75
    ZMQ_HEARTBEAT_TTL = 76
    ZMQ_HEARTBEAT_TIMEOUT = 77
    ZMQ_XPUB_VERBOSER = 78
    ZMQ_ROUTER_NOTIFY = 97
    ZMQ_XPUB_MANUAL_LAST_VALUE = 98
    ZMQ_ONLY_FIRST_SUBSCRIBE = 108
    ZMQ_HELLO_MSG = 110
    ZMQ_DISCONNECT_MSG = 111
    ZMQ_HICCUP_MSG = 114
    ZMQ_XSUB_VERBOSE_UNSUBSCRIBE = 115
    ZMQ_SPIN_US = 10001                                         # our own
    ZMQ_CONFLATE_TOPICS = 10003


cdef void set_marks(Sock* s) noexcept nogil:
    """SNDHWM, RCVHWM on the pipes there are."""
    cdef size_t i
    cdef Pipe* p
    for i in range(s.pipes.size()):
        p = s.pipes[0][i]
        if p.link != NULL:
            pair_marks(s, p)
            continue
        if not p.conflate:
            p.outq.hwm.store(s.sndhwm)
            if p.outq.blocked.exchange(0):
                post_event(p, EV_WRITE)
        if p.raw == NULL:
            p.inq.hwm.store(s.rcvhwm)


cdef void set_bytes(Sock* s, int option, const string* value) noexcept nogil:
    cdef Terms* t = NULL
    if option == ZMQ_HELLO_MSG or option == ZMQ_DISCONNECT_MSG or option == ZMQ_HICCUP_MSG:
        t = terms_own(s)
        if t == NULL:
            return
    if option == ZMQ_ROUTING_ID:
        set_text(&s.my_rid, value)
    elif option == ZMQ_XPUB_WELCOME_MSG:
        set_text(&s.welcome, value)
    elif option == ZMQ_HELLO_MSG:                               # libzmq takes these three from every type
        if s.type in (T_ROUTER, T_DEALER, T_CLIENT, T_SERVER, T_PEER):
            set_text(&t.hello, value)
    elif option == ZMQ_DISCONNECT_MSG:
        if s.type in (T_ROUTER, T_SERVER, T_PEER):
            set_text(&t.farewell, value)
    elif option == ZMQ_HICCUP_MSG:
        if s.type in (T_DEALER, T_CLIENT, T_PEER):
            set_text(&t.hiccup, value)


cdef bint set_term(Sock* s, int option, int64_t value) noexcept nogil:
    """What acts on later binds and connects. False: it is none of these."""
    cdef int v = <int>value
    cdef Terms* t
    if option not in (ZMQ_MAXMSGSIZE, ZMQ_HEARTBEAT_IVL, ZMQ_HEARTBEAT_TTL, ZMQ_HEARTBEAT_TIMEOUT, ZMQ_CONFLATE, ZMQ_CONFLATE_TOPICS,
                      ZMQ_ROUTER_NOTIFY, ZMQ_ROUTER_RAW, ZMQ_STREAM_NOTIFY):
        return False
    t = terms_own(s)
    if t == NULL:
        return False
    if option == ZMQ_MAXMSGSIZE:
        t.max_size = value
    elif option == ZMQ_HEARTBEAT_IVL:
        t.hb_ivl = v
    elif option == ZMQ_HEARTBEAT_TTL:
        t.hb_ttl = v
    elif option == ZMQ_HEARTBEAT_TIMEOUT:
        t.hb_timeout = v
    elif option == ZMQ_CONFLATE or option == ZMQ_CONFLATE_TOPICS:
        t.conflate = 0 if not v else 1 if option == ZMQ_CONFLATE else BY_TOPIC
        if v:
            s.plain_out = 0                                     # for good: pipes made now stay as they are
    elif option == ZMQ_STREAM_NOTIFY:
        t.notify = 3 if v else 0                                # STREAM_NOTIFY: who comes and who goes
    elif option == ZMQ_ROUTER_NOTIFY:
        if not s.raw:
            t.notify = v
    elif s.type == T_ROUTER:                                    # ROUTER_RAW
        s.raw = v
        t.notify = 3 if v else 0                                # as a STREAM
    return True


cdef bint set_option(Sock* s, int option, int64_t value) noexcept nogil:
    cdef int v = <int>value
    if set_term(s, option, value):
        pass
    elif option == ZMQ_SNDHWM:
        s.sndhwm = v
        set_marks(s)
    elif option == ZMQ_RCVHWM:
        s.rcvhwm = v
        set_marks(s)
    elif option == ZMQ_RCVTIMEO:
        s.rcvtimeo = v
    elif option == ZMQ_SNDTIMEO:
        s.sndtimeo = v
    elif option == ZMQ_LINGER:
        pass                                                    # LINGER: the control plane's
    elif option == ZMQ_ROUTER_MANDATORY:
        s.mandatory = v
    elif option == ZMQ_ROUTER_HANDOVER:
        s.handover = v
    elif option == ZMQ_XPUB_VERBOSE:
        s.verbose = v
        s.verboser = 0                                          # libzmq: VERBOSE switches VERBOSER off
    elif option == ZMQ_XPUB_VERBOSER:
        s.verbose = s.verboser = v                              # ... and VERBOSER 0 both
    elif option == ZMQ_XPUB_NODROP:
        s.nodrop = v
    elif option == ZMQ_XPUB_MANUAL:
        s.manual = v
    elif option == ZMQ_XPUB_MANUAL_LAST_VALUE:
        s.manual = s.last_value = v
    elif option == ZMQ_INVERT_MATCHING:
        s.invert = v
    elif option == ZMQ_REQ_CORRELATE:
        s.correlate = v
    elif option == ZMQ_REQ_RELAXED:
        s.relaxed = v
    elif option == ZMQ_PROBE_ROUTER:
        s.probe = v
    elif option == ZMQ_ONLY_FIRST_SUBSCRIBE:
        s.only_first = v
    elif option == ZMQ_XSUB_VERBOSE_UNSUBSCRIBE:
        s.verbose_unsub = v
    elif option == ZMQ_IMMEDIATE:
        s.immediate = v
    elif option == ZMQ_SPIN_US:
        s.spin_us = v
    else:
        return False
    return True
