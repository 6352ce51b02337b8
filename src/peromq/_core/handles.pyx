# The border between Python and the data plane: the handles files are the only ones that know both. Calls that can be done at once run
# with the GIL held, under the socket's lock, for tens of nanoseconds; only what blocks gives the GIL up. Nothing that could run Python
# code happens under a lock.
from cpython.buffer cimport PyBUF_CONTIG, PyBuffer_Release, PyObject_CheckBuffer, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.ref cimport Py_INCREF, PyObject
from libc.errno cimport EAGAIN, EINTR, ENOTSOCK
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy
from libcpp.atomic cimport atomic
from libcpp.string cimport string
from libcpp.vector cimport vector

from peromq._core.fast cimport recv_fast, recv_fast_done, send_fast
from peromq._core.flow cimport BIG, F_MORE, Chunk, Flow, FrameRef, body_new, body_offer, body_wanted, chunk_unref
from peromq._core.handles_frame cimport Frame as CFrame
from peromq._core.handles_frame cimport finished_tracker, frame_received, make_error
from peromq._core.handles_base cimport LOOKS, CoreHandle, enter, leave, moved_on, note_events, settle, wakes_of
from peromq._core.handles_parts cimport Part, Whom, part_end, part_of, put_for, put_message, whom_of
from peromq._core.patterns cimport recv_done, recv_peek, send_frame
from peromq._core.sock cimport sock_flush, sock_state
from peromq._core.sysio cimport now_ns, pthread_mutex_lock, pthread_mutex_unlock
from peromq._core.types cimport OK, S_CLOSED, WOULD_BLOCK, Sock
from peromq._core.wait cimport read_leased, wait_any, wait_readable


from peromq._core import handles_base as _base
from peromq._core import handles_frame as _frames

Frame = _frames.Frame
install = _frames.install
Engine = _base.Engine
EV_DISCONNECTED = _base.EV_DISCONNECTED
EV_FLUSHED = _base.EV_FLUSHED
EV_NEWS = _base.EV_NEWS

cdef enum:
    DONTWAIT = 1
    SNDMORE = 2
    COPY_UNLOCKED = 65536        # larger messages are copied after the lock is given back


# ---------------------------------------------------------------- helpers of the data calls

cdef int64_t deadline_of(int timeout_ms) noexcept:
    return -1 if timeout_ms < 0 else now_ns() + <int64_t>timeout_ms * 1000000


cdef int block(SocketCore self, bint readable, uint64_t seen, int64_t* deadline, int timeout_ms) except -1:
    """Wait until the socket is worth another look. Raises Again at the deadline, whatever a signal handler raises, ETERM, ENOTSOCK."""
    cdef Sock* s = self.s
    cdef int rc
    if timeout_ms == 0 or (deadline[0] >= 0 and now_ns() >= deadline[0]):
        raise make_error(EAGAIN)
    if deadline[0] == -2:
        deadline[0] = deadline_of(timeout_ms)
    with nogil:
        pthread_mutex_lock(&s.lock)
        sock_flush(s)
        pthread_mutex_unlock(&s.lock)
        rc = wait_readable(s, seen, deadline[0]) if readable else wait_any(&s, &seen, 1, NULL, 0, deadline[0], NULL)
    if rc == EINTR:
        PyErr_CheckSignals()
        deadline[0] = deadline_of(timeout_ms)        # pyzmq: the timeout starts again after a signal
    elif rc:
        raise make_error(rc)
    else:
        PyErr_CheckSignals()                         # peers whose messages are all dropped may keep us from ever sleeping
    return 0


cdef int fetch(SocketCore self, FrameRef* fr, int flags, int64_t* deadline) except -1:
    """Lock the socket with the next frame in sight; waits for it.

    A call that may not wait looks again while something goes on (a pattern drops what it does not want in portions), but not for ever.
    """
    cdef Sock* s = self.s
    cdef uint64_t seen
    cdef int rc
    cdef int looks = 0
    cdef int timeout
    while True:
        seen = wakes_of(self)
        enter(self)
        timeout = 0 if flags & DONTWAIT else s.rcvtimeo
        rc = recv_peek(s, fr)
        if rc == WOULD_BLOCK and timeout == 0 and (note_events(s) or read_leased(s)):
            rc = recv_peek(s, fr)
        if rc == OK:
            return 0
        leave(self)
        settle(self)
        if rc != WOULD_BLOCK:
            raise make_error(rc)
        looks += 1
        if timeout or looks == LOOKS or not moved_on(s, seen):
            block(self, True, seen, deadline, timeout)


cdef bytes take_bytes(SocketCore self, FrameRef* fr):
    """The frame in sight as bytes; gives the lock back."""
    cdef Sock* s = self.s
    cdef Chunk* c
    cdef bytes out
    if fr.size < COPY_UNLOCKED or fr.chunk == NULL:
        try:
            out = PyBytes_FromStringAndSize(<const char*>fr.data, fr.size)
            recv_done(s, fr)
        finally:
            leave(self)
        return out
    c = fr.chunk
    try:
        out = whole_object(c, fr)
        if s.in_pipe != NULL and s.in_pipe.link == NULL and s.fq.n == 1:
            offer(s.in_pipe.inq, fr.size)
        c.refs.fetch_add(1)
        recv_done(s, fr)
    finally:
        leave(self)
    try:
        if out is None:
            out = PyBytes_FromStringAndSize(<const char*>fr.data, fr.size)
    finally:
        chunk_unref(c)
    return out


cdef bytes whole_object(Chunk* c, FrameRef* fr):
    """The bytes object that the frame in sight is, to the octet: a sender's (inproc), or one that was offered to the reader. Or None."""
    cdef PyObject* owner = <PyObject*>(c.pin.owner if c.pin != NULL else c.owner)
    if owner == NULL or not PyBytes_CheckExact(<object>owner):
        return None
    if <const uint8_t*>PyBytes_AS_STRING(<object>owner) != fr.data or <size_t>PyBytes_GET_SIZE(<object>owner) != fr.size:
        return None
    return <bytes><object>owner


cdef int offer(Flow* f, size_t size) except -1:
    """The next message may well be as large as this one: let it be read into its final object."""
    cdef object blank
    cdef atomic[Chunk*]* place = body_wanted(f, size)
    if place == NULL:
        return 0
    blank = PyBytes_FromStringAndSize(NULL, size)
    if body_offer(f, place, <uint8_t*>PyBytes_AS_STRING(blank), size, <void*>blank):
        Py_INCREF(blank)
    return 0


cdef CFrame take_frame(SocketCore self, FrameRef* fr):
    """The frame in sight as a Frame on the queue's memory; gives the lock back."""
    cdef Sock* s = self.s
    cdef Chunk* props = s.in_pipe.properties if s.in_pipe != NULL else NULL
    cdef FrameRef held
    cdef string group
    cdef uint32_t number
    cdef CFrame frame
    if not hold(fr):
        leave(self)
        raise MemoryError
    held = fr[0]
    if props != NULL:
        props.refs.fetch_add(1)
    whence(s, &group, &number)
    recv_done(s, fr)
    leave(self)
    frame = frame_received(held.chunk, held.data, held.size, held.flags & F_MORE, props, self.engine)
    note_whence(frame, &group, number)
    return frame


cdef void whence(Sock* s, string* group, uint32_t* number) noexcept:
    """The group or the sender of the message in sight, if the socket type knows such."""
    number[0] = s.in_pipe.number if s.by_number != NULL and s.in_pipe != NULL else 0
    if s.in_group != NULL:
        group.assign(s.in_group[0])


cdef int note_whence(CFrame frame, const string* group, uint32_t number) except -1:
    frame.number = number
    if not group.empty():
        frame.group_name = PyBytes_FromStringAndSize(group.data(), group.size())
    return 0


cdef list message_of_bytes(SocketCore self, FrameRef* fr, list parts):
    """Add the message in sight, or the rest of it, as bytes; gives the lock back only behind its end.

    `parts` was made before the lock was taken: a new list may run a garbage collection, new bytes do not.
    """
    cdef Sock* s = self.s
    cdef bytes part
    cdef vector[FrameRef] large              # to be copied after the lock is given back
    cdef vector[Py_ssize_t] places
    cdef size_t i = 0
    cdef bint more = True
    try:
        while more:
            part = None
            if fr.size < COPY_UNLOCKED or fr.chunk == NULL:
                part = PyBytes_FromStringAndSize(<const char*>fr.data, fr.size)
            else:
                part = whole_object(fr.chunk, fr)
                if s.in_pipe != NULL and s.in_pipe.link == NULL and s.fq.n == 1:
                    offer(s.in_pipe.inq, fr.size)
                if part is None:
                    places.push_back(len(parts))
                    large.push_back(fr[0])
                    fr.chunk.refs.fetch_add(1)
            parts.append(part)
            more = fr.flags & F_MORE
            recv_done(s, fr)
            more = more and recv_peek(s, fr) == OK
    finally:
        leave(self)
        while i < large.size():
            try:
                parts[places[i]] = PyBytes_FromStringAndSize(<const char*>large[i].data, large[i].size)
            finally:
                chunk_unref(large[i].chunk)
            i += 1
    settle(self)
    return parts


cdef list message_of_frames(SocketCore self, FrameRef* fr, list parts):
    """Add the message in sight, or the rest of it, as Frames on the queue's memory; gives the lock back only behind its end."""
    cdef Sock* s = self.s
    cdef Chunk* props = s.in_pipe.properties if s.in_pipe != NULL else NULL
    cdef vector[FrameRef] held
    cdef string group
    cdef uint32_t number
    cdef size_t i
    cdef bint more = True
    whence(s, &group, &number)
    while more:
        if not hold(fr):
            break
        held.push_back(fr[0])
        if props != NULL:
            props.refs.fetch_add(1)
        more = fr.flags & F_MORE
        recv_done(s, fr)
        more = more and recv_peek(s, fr) == OK
    leave(self)
    for i in range(held.size()):             # objects are made under no lock: that may run a garbage collection
        parts.append(frame_received(held[i].chunk, held[i].data, held[i].size, held[i].flags & F_MORE, props, self.engine))
        note_whence(parts[i], &group, number)
    if more:
        raise MemoryError
    return parts


cdef bint hold(FrameRef* fr) noexcept:
    """Have the frame in sight outlive recv_done. False: no memory."""
    cdef Chunk* c
    if fr.chunk != NULL:
        fr.chunk.refs.fetch_add(1)
        return True
    c = body_new(fr.size)                    # an envelope frame that exists only for the moment
    if c == NULL:
        return False
    memcpy(c.data, fr.data, fr.size)
    fr.chunk = c
    fr.data = c.data
    return True


cdef int push(SocketCore self, const Part* parts, Py_ssize_t n, int flags, const Whom* whom) except -1:
    """Send the parts under one lock, so that no other thread's get between them; waits for room."""
    cdef Sock* s = self.s
    cdef int64_t deadline = -2
    cdef uint64_t seen
    cdef int rc, timeout
    while True:
        seen = wakes_of(self)
        enter(self)
        timeout = 0 if flags & DONTWAIT else s.sndtimeo
        rc = put_for(s, parts, n, (flags & SNDMORE) != 0, whom)
        if rc == WOULD_BLOCK and timeout == 0 and note_events(s):
            rc = put_for(s, parts, n, (flags & SNDMORE) != 0, whom)
        leave(self)
        if rc == OK:
            return 0
        if rc != WOULD_BLOCK:
            raise make_error(rc)
        block(self, False, seen, &deadline, timeout)


cdef object send_part(SocketCore self, object data, int flags, bint copy, bint track, object routing_id=None, object group=None):
    """Send one frame; the tracker, if there is one. A Frame knows to whom it goes, unless the arguments say so."""
    cdef Part part
    cdef Whom whom
    cdef bytes _kept
    if self.s == NULL or sock_state(self.s) & S_CLOSED:         # before anything is said about the data
        raise make_error(ENOTSOCK)
    _kept = whom_of(&whom, data, routing_id, group)
    cdef object tracker = part_of(self, &part, data, copy, track)
    try:
        push(self, &part, 1, flags, &whom)
    finally:
        part_end(&part)
    settle(self)
    return tracker


cdef object send_parts(SocketCore self, list items, int flags, bint copy, bint track):
    """Send the items as one message; the last one's tracker, if there is one."""
    cdef Part few[8]
    cdef Part* parts = few
    cdef Py_ssize_t n = len(items)
    cdef Py_ssize_t ready = 0
    cdef object tracker = None
    cdef Whom whom
    cdef bytes _kept = whom_of(&whom, items[0], None, None)
    if n > 8:
        parts = <Part*>malloc(n * sizeof(Part))
        if parts == NULL:
            raise MemoryError
    try:
        while ready < n:
            tracker = part_of(self, &parts[ready], items[ready], copy, track)
            ready += 1
        push(self, parts, n, flags, &whom)
    finally:
        while ready:
            ready -= 1
            part_end(&parts[ready])
        if parts != few:
            free(parts)
    settle(self)
    return tracker


cdef int send_plain(SocketCore self, list items, int flags) except -1:
    """A message of few and small bytes, without a detour. 1 sent, 0 not of that kind or would block."""
    cdef Part parts[8]
    cdef Py_ssize_t i
    cdef Py_ssize_t n = len(items)
    cdef int rc
    if n > 8:
        return 0
    for i in range(n):
        if type(items[i]) is not bytes or PyBytes_GET_SIZE(items[i]) >= BIG:
            return 0
        parts[i].data = <const uint8_t*>PyBytes_AS_STRING(items[i])
        parts[i].size = PyBytes_GET_SIZE(items[i])
        parts[i].pin = NULL
    enter(self)
    rc = put_message(self.s, parts, n, (flags & SNDMORE) != 0)
    leave(self)
    if rc == OK:
        return 1
    if rc == WOULD_BLOCK:
        return 0
    raise make_error(rc)


cpdef list checked_parts(msg_parts):
    """The parts of a message to be sent, in a list of their own: the caller's may change meanwhile. TypeError, IndexError."""
    cdef list items = list(msg_parts)
    for i, part in enumerate(items):
        if isinstance(part, (bytes, CFrame)):
            continue
        if isinstance(part, str) or not PyObject_CheckBuffer(part):
            text = repr(part)
            if len(text) > 16:
                text = text[:16] + "..."
            raise TypeError(f"Frame {i} ({text}) does not support the buffer interface.")
    if not items:
        raise IndexError("a message has at least one part")
    return items


cdef object _again():
    return type(make_error(EAGAIN))


# ---------------------------------------------------------------- socket

cdef class SocketCore(CoreHandle):
    """The data calls of a socket. Every method may be called from any thread."""

    def send(self, data, int flags=0, bint copy=True, bint track=False, routing_id=None, group=None):
        """Send one message part; SNDMORE announces another. Blocks where the socket type does, at most SNDTIMEO.

        routing_id: SERVER, PEER: the peer it goes to. group: RADIO: the group it is for. Other types ignore them.
        Raises Again (DONTWAIT or SNDTIMEO), ContextTerminated, ZMQError (ENOTSOCK, ENOTSUP, EFSM, EHOSTUNREACH; EINVAL for SNDMORE on
        types without parts and for a bad group or routing id; EMSGSIZE for what no datagram holds).
        """
        cdef Sock* s = self.s
        cdef int rc
        if (type(data) is bytes and PyBytes_GET_SIZE(data) < BIG and copy and group is None and routing_id is None and s != NULL
                and not sock_state(s)):
            # the usual case, without a detour
            pthread_mutex_lock(&s.lock)
            if flags & SNDMORE == 0 and send_fast(s, <const uint8_t*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)):
                pthread_mutex_unlock(&s.lock)
                return None
            rc = send_frame(s, <const uint8_t*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), flags & SNDMORE, NULL)
            pthread_mutex_unlock(&s.lock)
            if rc == OK:
                return None
        return send_part(self, data, flags, copy, track, routing_id, group)

    def recv(self, int flags=0, bint copy=True, bint track=False):
        """Receive one message part: bytes, or a Frame on the queue's memory (copy=False). Blocks, at most RCVTIMEO.

        Raises Again (DONTWAIT or RCVTIMEO), ContextTerminated, ZMQError (ENOTSOCK, ENOTSUP, EFSM).
        """
        cdef FrameRef fr
        cdef int64_t deadline = -2
        cdef CFrame f
        cdef bytes out
        cdef Sock* s = self.s
        if copy and s != NULL and not sock_state(s):
            # the usual case, without a detour
            pthread_mutex_lock(&s.lock)
            if recv_fast(s, &fr) and fr.size < COPY_UNLOCKED:
                try:
                    out = PyBytes_FromStringAndSize(<const char*>fr.data, fr.size)
                    recv_fast_done(s, &fr)
                finally:
                    pthread_mutex_unlock(&s.lock)
                settle(self)
                return out
            pthread_mutex_unlock(&s.lock)
        fetch(self, &fr, flags, &deadline)
        if copy:
            out = take_bytes(self, &fr)
            settle(self)
            return out
        f = take_frame(self, &fr)
        if track:
            f._tracker = finished_tracker()
        return f

    def recv_into(self, buffer, /, *, Py_ssize_t nbytes=0, int flags=0):
        """Receive one part into a writable buffer; the part's full size, also if it was larger than the buffer."""
        cdef FrameRef fr
        cdef int64_t deadline = -2
        cdef Py_buffer view
        cdef size_t size
        PyObject_GetBuffer(buffer, &view, PyBUF_CONTIG)
        try:
            if nbytes < 0:
                raise ValueError(f"{nbytes=} must be non-negative")
            if nbytes > view.len:
                raise ValueError(f"{nbytes=} too big for memoryview of {view.len}B")
            if nbytes == 0:
                nbytes = view.len
            fetch(self, &fr, flags, &deadline)
            size = fr.size
            memcpy(view.buf, fr.data, min(size, <size_t>nbytes))
            recv_done(self.s, &fr)
            leave(self)
        finally:
            PyBuffer_Release(&view)
        settle(self)
        return size

    def send_multipart(self, msg_parts, int flags=0, bint copy=True, bint track=False, **kwargs):
        """Send a sequence of parts as one message, atomically: also against other threads using this socket."""
        cdef Py_ssize_t i
        cdef object tracker = None
        cdef list items = checked_parts(msg_parts)
        if not kwargs:
            if copy and send_plain(self, items, flags):
                return None
            return send_parts(self, items, flags, copy, track)
        for i in range(len(items)):
            tracker = self.send(items[i], flags if i == len(items) - 1 else flags | SNDMORE, copy=copy, track=track, **kwargs)
        return tracker

    def recv_multipart(self, int flags=0, bint copy=True, bint track=False):
        """All parts of the next message, or the rest of the one begun; atomically, as send_multipart."""
        cdef FrameRef fr
        cdef int64_t deadline = -2
        cdef list parts = []
        fetch(self, &fr, flags, &deadline)
        return message_of_bytes(self, &fr, parts) if copy else message_of_frames(self, &fr, parts)

    def send_many(self, messages, int flags=0):
        """Send each item of an iterable as a message of one part. How many were queued: all, or fewer with DONTWAIT or SNDTIMEO.

        Raises Again only if not even the first could be sent.
        """
        cdef Py_ssize_t sent = 0
        cdef list items = messages if type(messages) is list else list(messages)
        cdef Sock* s = self.s
        cdef object item
        cdef int rc = OK
        while sent < len(items):             # the list may change while a send waits
            enter(self)
            while sent < len(items):
                item = items[sent]
                if type(item) is not bytes or PyBytes_GET_SIZE(item) >= BIG:
                    break
                if not send_fast(s, <const uint8_t*>PyBytes_AS_STRING(item), PyBytes_GET_SIZE(item)):
                    rc = send_frame(s, <const uint8_t*>PyBytes_AS_STRING(item), PyBytes_GET_SIZE(item), False, NULL)
                    if rc != OK:
                        break
                sent += 1
            leave(self)
            if sent < len(items):
                try:
                    send_part(self, items[sent], flags & ~SNDMORE, True, False)
                except _again():
                    if sent:
                        return sent
                    raise
                sent += 1
        return sent

    def recv_many(self, Py_ssize_t max_messages=1000, int flags=0):
        """A list of what has arrived: at least one message (blocks for it, at most RCVTIMEO), at most max_messages.

        Messages of several parts come as lists, those of one part as bytes.
        """
        cdef FrameRef fr
        cdef int64_t deadline = -2
        cdef list found = []
        cdef Sock* s = self.s
        cdef bytes item
        if max_messages < 1:
            raise ValueError(f"{max_messages=} must be positive")
        fetch(self, &fr, flags, &deadline)
        try:
            while True:
                if fr.flags & F_MORE:
                    break
                item = PyBytes_FromStringAndSize(<const char*>fr.data, fr.size)
                recv_done(s, &fr)
                found.append(item)
                while len(found) < max_messages and recv_fast(s, &fr):
                    item = PyBytes_FromStringAndSize(<const char*>fr.data, fr.size)
                    recv_fast_done(s, &fr)
                    found.append(item)
                if len(found) >= max_messages or recv_peek(s, &fr) != OK:
                    return found
        finally:
            leave(self)
        if not found:
            found.append(self.recv_multipart(flags))
        return found
