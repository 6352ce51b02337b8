# The socket options that the data plane itself needs, by libzmq's numbers. Under the socket's lock; values were checked above.

from peromq._core.inproc cimport pair_marks
from peromq._core.notify cimport post_event
from peromq._core.types cimport EV_WRITE, Pipe


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


cdef void set_text(string** kept, const string* value) noexcept nogil:
    if kept[0] == NULL:
        kept[0] = new string()
    kept[0].assign(value[0])


cdef void set_bytes(Sock* s, int option, const string* value) noexcept nogil:
    if option == 5:
        set_text(&s.my_rid, value)
    elif option == 72:
        set_text(&s.welcome, value)
    elif option == 110:
        set_text(&s.hello, value)
    elif option == 111:
        set_text(&s.farewell, value)
    elif option == 114:
        set_text(&s.hiccup, value)


cdef bint set_option(Sock* s, int option, int64_t value) noexcept nogil:
    cdef int v = <int>value
    if option == 23:
        s.sndhwm = v
        set_marks(s)
    elif option == 24:
        s.rcvhwm = v
        set_marks(s)
    elif option == 27:
        s.rcvtimeo = v
    elif option == 28:
        s.sndtimeo = v
    elif option == 17:
        pass                                                    # LINGER: the control plane's
    elif option == 33:
        s.mandatory = v
    elif option == 56:
        s.handover = v
    elif option == 54:
        s.conflate = v
        if v:
            s.plain_out = 0                                     # for good: pipes made now stay as they are
    elif option == 22:
        s.max_size = value
    elif option == 75:
        s.hb_ivl = v
    elif option == 76:
        s.hb_ttl = v
    elif option == 77:
        s.hb_timeout = v
    elif option == 40:
        s.verbose = v
        s.verboser = 0                                          # libzmq: VERBOSE switches VERBOSER off
    elif option == 78:
        s.verboser = v
    elif option == 69:
        s.nodrop = v
    elif option == 71:
        s.manual = v
    elif option == 98:
        s.manual = s.last_value = v
    elif option == 74:
        s.invert = v
    elif option == 52:
        s.correlate = v
    elif option == 53:
        s.relaxed = v
    elif option == 51:
        s.probe = v
    elif option == 108:
        s.only_first = v
    elif option == 97:
        s.notify = v
    elif option == 73:
        s.notify = 3 if v else 0                                # STREAM_NOTIFY: who comes and who goes
    elif option == 115:
        s.verbose_unsub = v
    elif option == 39:
        s.immediate = v
    elif option == 10001:
        s.spin_us = v
    else:
        return False
    return True
