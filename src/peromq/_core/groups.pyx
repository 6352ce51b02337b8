# Radio-dish (RFC 48): a message is for a group, and goes to those who joined that very name. Under the socket's lock.
#
# In a queue a message is two frames, the group and the body, as ZMTP has it (captured from libzmq); the socket's user sees the body
# alone, and the group as Frame.group. JOIN and LEAVE are commands, in a queue between two sockets of one process as well. An address
# that datagrams go to is told of nobody's groups and gets everything: dishes there filter for themselves, as they do everywhere.
from cython.operator cimport dereference, postincrement
from libc.errno cimport EINVAL, EMSGSIZE
from libc.limits cimport INT_MAX
from libc.string cimport memcpy
from libcpp.atomic cimport memory_order_seq_cst
from libcpp.string cimport string
from libcpp.unordered_map cimport unordered_map
from libcpp.vector cimport vector

from peromq._core.confirm cimport confirm_forget, confirm_wanted
from peromq._core.flow cimport F_COMMAND, F_MORE, flow_clear, flow_credit_due, flow_next, flow_set_aside, frame_size
from peromq._core.news cimport news_topic
from peromq._core.patterns cimport commit, fq_done, fq_peek, fq_reject, pipe_peek, put
from peromq._core.publish cimport drop_full, hand_out, untarget
from peromq._core.sock cimport pipe_consumed, sock_process
from peromq._core.sysio cimport pthread_mutex_lock, pthread_mutex_unlock
from peromq._core.types cimport OK, T_RADIO, WOULD_BLOCK
from peromq._core.udp cimport MAX_DATAGRAM
from peromq._core.vectors cimport take_out

ctypedef unordered_map[string, int] Counts
ctypedef vector[Pipe*] Pipes

cdef enum:
    MAX_GROUP = 255


# ---------------------------------------------------------------- RADIO

cdef void aim(Sock* s) noexcept nogil:
    """Fill targets with those who want a message for out_group."""
    cdef Pipes* found
    cdef size_t i
    s.targets.clear()
    it = s.members.find(s.out_group[0])
    if it != s.members.end():
        found = &dereference(it).second
        for i in range(found.size()):
            if not found[0][i].closing:
                s.targets.push_back(found[0][i])
    for i in range(s.outlets.size()):
        if not s.outlets[0][i].closing:
            s.targets.push_back(s.outlets[0][i])


cdef int radio_send(Sock* s, const uint8_t* data, size_t n, bint more, Chunk* pin) noexcept nogil:
    """To all members of out_group that have room; RFC 48: one without room misses it, and nobody waits (unless XPUB_NODROP)."""
    cdef int rc = OK
    if s.ev_any.load(memory_order_seq_cst):
        sock_process(s)
    if not s.outlets.empty() and 1 + s.out_group.size() + n > MAX_DATAGRAM:
        rc = EMSGSIZE
    else:
        aim(s)
        rc = drop_full(s)
        if rc == OK:
            hand_out(s, <const uint8_t*>s.out_group.data(), s.out_group.size(), True, NULL)
            hand_out(s, data, n, False, pin)
    s.out_group.clear()
    return rc


cdef void radio_added(Sock* s, Pipe* p) noexcept nogil:
    if p.datagrams:
        s.outlets.push_back(p)


cdef void enter_group(Sock* s, Pipe* p, const uint8_t* group, size_t n) noexcept nogil:
    """RFC 48 leaves open what a second JOIN of one group means; libzmq counts, and so do we."""
    cdef string name = string(<const char*>group, n)
    cdef int* count
    if p.joined == NULL:
        p.joined = new Counts()
    count = &p.joined[0][name]
    if count[0] < INT_MAX:
        count[0] += 1
    if count[0] == 1:
        s.members[0][name].push_back(p)
        news_topic(s, p, group, n)


cdef void strike(Sock* s, Pipe* p, const string* name) noexcept nogil:
    """p is no member of the group any more."""
    cdef Pipes* found
    cdef size_t i
    it = s.members.find(name[0])
    if it == s.members.end():
        return
    found = &dereference(it).second
    for i in range(found.size()):
        if found[0][i] == p:
            found[0][i] = found.back()
            found.pop_back()
            break
    if found.empty():
        s.members.erase(it)


cdef void leave_group(Sock* s, Pipe* p, const uint8_t* group, size_t n) noexcept nogil:
    cdef string name = string(<const char*>group, n)
    cdef int* count
    if p.joined == NULL or p.joined.count(name) == 0:
        return
    count = &p.joined[0][name]
    count[0] -= 1
    if count[0] == 0:
        p.joined.erase(name)
        strike(s, p, &name)


cdef void radio_input(Sock* s, Pipe* p) noexcept nogil:
    """Take in JOIN and LEAVE. Anything else a peer says is not for us, and must not fill our memory."""
    cdef FrameRef fr
    while pipe_peek(p, &fr):
        if fr.flags & F_COMMAND and fr.size >= 5 and fr.data[0] == 4:
            enter_group(s, p, fr.data + 5, fr.size - 5)
        elif fr.flags & F_COMMAND and fr.size >= 6 and fr.data[0] == 5:
            leave_group(s, p, fr.data + 6, fr.size - 6)
        p.inq.aside_in_octets += frame_size(fr.size)
        p.inq.aside_in += not fr.flags & F_MORE
        flow_next(p.inq, &fr)
        if flow_credit_due(p.inq):
            pipe_consumed(p)


cdef void radio_forget(Sock* s, Pipe* p) noexcept nogil:
    """p has joined nothing: a new connection says anew what it wants."""
    if p.joined == NULL:
        return
    it = p.joined.begin()
    while it != p.joined.end():
        strike(s, p, &dereference(it).first)
        postincrement(it)
    del p.joined
    p.joined = NULL


cdef void radio_left(Sock* s, Pipe* p) noexcept nogil:
    untarget(s, p)
    radio_forget(s, p)
    take_out(s.outlets, p)


# ---------------------------------------------------------------- DISH

cdef void say(Sock* s, Pipe* p, bint on, const uint8_t* group, size_t n) noexcept nogil:
    """Put a JOIN or LEAVE on its way (RFC 48: a command frame; on ZMTP 3.0 connections, too). It counts against no high-water mark."""
    cdef uint8_t d[6 + MAX_GROUP]
    cdef size_t k = 5 if on else 6
    memcpy(d, b"\x04JOIN" if on else b"\x05LEAVE", k)
    memcpy(d + k, group, n)
    if put(p, F_COMMAND, d, n + k, NULL) == 0:
        flow_set_aside(p.outq, n + k)
        commit(s, p)


cdef void say_all(Sock* s, Pipe* p) noexcept nogil:
    """All groups, in order."""
    it = s.groups_joined.begin()
    while it != s.groups_joined.end():
        say(s, p, True, <const uint8_t*>dereference(it).data(), dereference(it).size())
        postincrement(it)


cdef void dish_connected(Sock* s, Pipe* p) noexcept nogil:
    """A handshake is done. What may be queued was for the connection before."""
    flow_clear(p.outq)
    confirm_forget(p)
    if not p.datagrams:
        say_all(s, p)


cdef void dish_joined(Sock* s, Pipe* p) noexcept nogil:
    """An inproc peer is there. Socket types are not checked in a process: only a RADIO can make something of commands."""
    cdef Pipe* far
    if p.link == NULL:
        return
    pthread_mutex_lock(&p.link.lock)
    far = p.link.ends[1 - p.side]
    p.hears = far != NULL and far.sock.type == T_RADIO
    pthread_mutex_unlock(&p.link.lock)
    if p.hears:
        say_all(s, p)


cdef bint hears_now(Pipe* p) noexcept nogil:
    """Is there somebody to say JOIN and LEAVE to? Who comes later is told of all groups then."""
    if p.ended or p.closing or p.datagrams:
        return False
    return p.hears if p.link != NULL else p.conn != NULL


cdef int dish_join(Sock* s, const uint8_t* group, size_t n, bint on) noexcept nogil:
    """Join or leave. EINVAL: joined already, not joined, or too long a name."""
    cdef size_t i
    cdef string name
    if n > MAX_GROUP:
        return EINVAL
    name.assign(<const char*>group, n)
    if s.ev_any.load(memory_order_seq_cst):
        sock_process(s)
    if (s.groups_joined.count(name) != 0) == on:
        return EINVAL
    if on:
        s.groups_joined.insert(name)
    else:
        s.groups_joined.erase(name)
    s.version += 1
    for i in range(s.pipes.size()):
        if hears_now(s.pipes[0][i]):
            say(s, s.pipes[0][i], on, group, n)
            confirm_wanted(s, s.pipes[0][i])
    return OK


cdef bint wanted(Sock* s, FrameRef* fr) noexcept nogil:
    """Is the frame in sight a group that we are in?"""
    if not fr.flags & F_MORE or fr.flags & F_COMMAND or fr.size > MAX_GROUP:
        return False
    s.in_group.assign(<const char*>fr.data, fr.size)
    return s.groups_joined.count(s.in_group[0]) != 0


cdef int dish_peek(Sock* s, FrameRef* fr) noexcept nogil:
    """The body of the next message for a group of ours; the group is consumed by then, and in in_group."""
    cdef int rejected = 0
    while True:
        if fq_peek(s, fr) != OK:
            return WOULD_BLOCK
        if s.in_more and not fr.flags & F_MORE:
            return OK
        if not s.in_more and wanted(s, fr):
            fq_done(s, fr)
        elif not fq_reject(s, fr, &rejected):
            return WOULD_BLOCK
