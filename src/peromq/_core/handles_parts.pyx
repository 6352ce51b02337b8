# What a caller wants sent, as the data plane takes it: parts, and to whom. The rules of this border are in handles.pyx.
from cpython.buffer cimport PyBUF_CONTIG_RO, PyBuffer_Release, PyObject_CheckBuffer, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.ref cimport Py_INCREF

from peromq._core.flow cimport BIG, PIN_TRACKED, Chunk, chunk_unref, pin_new
from peromq._core.handles_base cimport CoreHandle
from peromq._core.handles_frame cimport Frame, finished_tracker, group_of, number_of
from peromq._core.patterns cimport send_frame
from peromq._core.types cimport OK


cdef object not_bytes(object data):
    if isinstance(data, str):
        raise TypeError("unicode not allowed, use send_string")
    raise TypeError(f"{data!r} does not support the buffer interface.")


cdef Chunk* pin_object(CoreHandle self, object owner) except NULL:
    cdef Chunk* pin = pin_new(<void*>owner, &self.engine.e.releases)
    if pin == NULL:
        raise MemoryError
    Py_INCREF(owner)
    return pin


cdef object part_of(CoreHandle self, Part* part, object data, bint copy, bint track):
    """Describe bytes, a Frame, or anything with a buffer as a frame to send; the tracker, if there is one.

    Small bytes are not held: the caller keeps `data` until part_end. May run Python code: under no lock.
    """
    cdef Frame frame
    part.pin = NULL
    part.viewed = False
    if type(data) is bytes and (copy or (self.copy_threshold and <size_t>PyBytes_GET_SIZE(data) < <size_t>self.copy_threshold)):
        part.data = <const uint8_t*>PyBytes_AS_STRING(data)
        part.size = PyBytes_GET_SIZE(data)
        if part.size >= BIG:
            part.pin = pin_object(self, data)        # bytes never change: large ones need no copy
        return None if copy else finished_tracker()
    if not isinstance(data, Frame):
        if isinstance(data, str) or not PyObject_CheckBuffer(data):
            not_bytes(data)
        PyObject_GetBuffer(data, &part.view, PyBUF_CONTIG_RO)
        if copy or (self.copy_threshold and <size_t>part.view.len < <size_t>self.copy_threshold):
            part.viewed = True
            part.data = <const uint8_t*>part.view.buf
            part.size = part.view.len
            return None if copy else finished_tracker()
        PyBuffer_Release(&part.view)
        data = Frame(data, track=track, copy=False)
    frame = <Frame>data
    if track and frame._tracker is None:
        raise ValueError("Not a tracked message")
    if frame.guard is not None:
        part.pin = pin_object(self, frame.guard)
        if frame.guard.event is not None:
            part.pin.flags = PIN_TRACKED
    elif frame.chunk != NULL:
        part.pin = frame.chunk
        part.pin.refs.fetch_add(1)
    part.data = frame.data
    part.size = frame.size
    return frame._tracker


cdef void part_end(Part* part):
    if part.pin != NULL:
        chunk_unref(part.pin)
    if part.viewed:
        PyBuffer_Release(&part.view)


cdef bytes whom_of(Whom* whom, object data, object routing_id, object group):
    """To whom `data` goes: a Frame knows it, unless the arguments say so. Keep what is returned as long as `whom`."""
    cdef bytes name = b""
    whom.number = 0
    if isinstance(data, Frame):
        whom.number = (<Frame>data).number
        name = (<Frame>data).group_name
    if routing_id is not None:
        whom.number = number_of(routing_id)
    if group is not None:
        name = group_of(group)
    whom.group = PyBytes_AS_STRING(name)
    whom.size = PyBytes_GET_SIZE(name)
    return name


cdef int put_message(Sock* s, const Part* parts, Py_ssize_t n, bint more) noexcept nogil:
    """The parts as one message, or as its next frames. OK, WOULD_BLOCK if not begun, or the first errno; then the rest is swallowed."""
    cdef Py_ssize_t i
    cdef int rc
    cdef int failed = OK
    for i in range(n):
        rc = send_frame(s, parts[i].data, parts[i].size, more or i < n - 1, parts[i].pin)
        if rc == OK:
            continue
        if failed == OK:
            failed = rc
        if not s.out_more:
            break
    return failed


cdef int put_for(Sock* s, const Part* parts, Py_ssize_t n, bint more, const Whom* whom) noexcept nogil:
    cdef int rc
    s.out_number = whom.number
    if s.out_group != NULL:
        s.out_group.assign(whom.group, whom.size)
    rc = put_message(s, parts, n, more)
    s.out_number = 0
    if s.out_group != NULL:
        s.out_group.clear()
    return rc
