# Messages as Python objects, and the way home for memory that Python owns: a chunk pins an object while frames or queues refer to it;
# whoever lets go last puts the chunk on the engine's release queue, and the next thread that holds the GIL drops the reference.
cimport cython
from cpython.buffer cimport PyBUF_CONTIG_RO, PyBuffer_FillInfo, PyBuffer_Release, PyObject_CheckBuffer, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.ref cimport PyObject, Py_DECREF
from libc.string cimport memcpy
from libcpp.atomic cimport memory_order_relaxed

from peromq._core.flow cimport body_new, chunk_unref, release_take
from libc.stdlib cimport free

import threading

_error_from_errno = None
_tracker_class = None
_finished = None


def install(error_from_errno, tracker_class, finished):
    """The package gives what this room may not import: makers of exceptions and trackers."""
    global _error_from_errno, _tracker_class, _finished
    _error_from_errno = error_from_errno
    _tracker_class = tracker_class
    _finished = finished


cdef object make_error(int number):
    return _error_from_errno(number)


cdef object finished_tracker():
    return _finished


cdef void drain_releases(ReleaseQueue* q):
    """Drop the Python objects nobody refers to any more. With the GIL, under no lock: destructors may run."""
    cdef Chunk* c = release_take(q)
    cdef Chunk* n
    cdef PyObject* owner
    while c != NULL:
        n = c.next.load(memory_order_relaxed)
        owner = <PyObject*>c.owner
        free(c)
        Py_DECREF(<object>owner)
        c = n


@cython.no_gc_clear          # __dealloc__ sets the event
cdef class Pin:
    """Keeps a buffer exported until every queue is done with it; then sets the tracker's event."""

    def __dealloc__(self):
        if self.viewed:
            PyBuffer_Release(&self.view)
        if self.event is not None:
            self.event.set()


cdef uint32_t number_of(object value) except? 0:
    """A routing id. 0 stands for none, and cannot be given."""
    cdef uint32_t number = value
    if number == 0:
        raise make_error(22)
    return number


cdef object group_of(object value):
    """A group as octets. RFC 48: group = 0*255OCTET; libzmq ends it at a NUL."""
    cdef object name = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    if not isinstance(name, bytes):
        raise TypeError(f"a group is str or bytes, not {type(value).__name__}")
    if len(name) > 255 or b"\0" in name:
        raise make_error(22)
    return name


cdef Frame frame_received(Chunk* chunk, const uint8_t* data, size_t size, bint more, Chunk* properties, object engine):
    """A frame of the queue's own memory; takes over a reference to chunk and to properties."""
    cdef Frame f = Frame.__new__(Frame)
    f.chunk = chunk
    f.data = data
    f.size = size
    f.more = more
    f.properties = properties
    f.engine = engine
    return f


@cython.no_gc_clear          # __dealloc__ needs the engine, whose queue takes the memory's owner
cdef class Frame:
    """A message part.

    Frame(data=None, track=False, copy=None, copy_threshold=None): `data` is anything with a contiguous buffer. copy=None shares its
    memory from copy_threshold (65536) octets on; shared memory must not change until `tracker.done` (track=True).
    Received frames (`recv(copy=False)`) lie in the receive queue's own memory, which lives as long as the frame or its `buffer`.
    """

    def __cinit__(self, *args, **kwargs):
        self.chunk = NULL
        self.properties = NULL
        self.data = NULL
        self.size = 0
        self.number = 0
        self.group_name = b""

    def __init__(self, data=None, bint track=False, copy=None, copy_threshold=None):
        cdef Pin pin
        cdef Chunk* c
        if isinstance(data, str):
            raise TypeError("Str objects not allowed. Only: bytes, buffer interfaces.")
        if data is None:
            self._tracker = _finished if track else None
            return
        if not PyObject_CheckBuffer(data):
            raise TypeError(f"Frame data must have the buffer interface, not {type(data).__name__}")
        pin = Pin.__new__(Pin)
        PyObject_GetBuffer(data, &pin.view, PyBUF_CONTIG_RO)
        pin.viewed = True
        if copy is None:
            copy = pin.view.len < (65536 if copy_threshold is None else copy_threshold)
        self.size = pin.view.len
        if copy:
            c = body_new(self.size)
            if c == NULL:
                raise MemoryError
            memcpy(c.data, pin.view.buf, self.size)
            self.chunk = c
            self.data = c.data
            self._tracker = _finished if track else None
            return
        self.guard = pin
        self.data = <const uint8_t*>pin.view.buf
        if track:
            pin.event = threading.Event()
            self._tracker = _tracker_class(pin.event)

    def __dealloc__(self):
        if self.chunk != NULL:
            chunk_unref(self.chunk)
        if self.properties != NULL:
            chunk_unref(self.properties)

    def __len__(self):
        return self.size

    def __getbuffer__(self, Py_buffer* view, int flags):
        if self.guard is not None:
            # shared memory: as writable as its owner made it
            PyBuffer_FillInfo(view, self, <void*>self.data, self.size, self.guard.view.readonly, flags)
        else:
            # memory that another object owns (a sender's bytes, by reference) is not to be written to
            PyBuffer_FillInfo(view, self, <void*>(self.data if self.data != NULL else <const uint8_t*>b""), self.size,
                              self.chunk == NULL or self.chunk.pin != NULL, flags)

    @property
    def routing_id(self):
        """SERVER, PEER: the peer it came from, or is to go to; 0: nobody. EINVAL unless 1 to 4294967295."""
        return self.number

    @routing_id.setter
    def routing_id(self, value):
        self.number = number_of(value)

    @property
    def group(self):
        """RADIO, DISH: the group it is for. Set it to text or bytes; EINVAL for more than 255 octets, or a NUL."""
        return self.group_name.decode("utf-8", "surrogateescape")

    @group.setter
    def group(self, value):
        self.group_name = group_of(value)

    @property
    def bytes(self):
        """The content, copied once."""
        if self._bytes is None:
            self._bytes = PyBytes_FromStringAndSize(<const char*>self.data, self.size)
        return self._bytes

    @property
    def buffer(self):
        """A memoryview of the content; the same object each time."""
        if self._buffer is None:
            self._buffer = memoryview(self)
        return self._buffer

    @property
    def tracker(self):
        """A `MessageTracker` of the memory, with track=True; else None."""
        return self._tracker

    @property
    def tracker_event(self):
        """The event of the tracker, if memory is shared and tracked."""
        return self.guard.event if self.guard is not None else None

    def __str__(self):
        module = "zmq" if type(self) is Frame else type(self).__module__
        text = bytes(self.bytes[:16]) if self.size <= 16 else PyBytes_FromStringAndSize(<const char*>self.data, 12)
        if self.size <= 16:
            return f"<{module}.{type(self).__name__}({text!r})>"
        size = self.size
        units = ["GB", "MB", "kB"]
        unit = "B"
        while size >= 1000 and units:
            size = round(size / 1000)
            unit = units.pop()
        return f"<{module}.{type(self).__name__}({text!r}...{size}{unit})>"

    def __repr__(self):
        return str(self)

    def __copy__(self):
        return self.fast_copy()

    def fast_copy(self):
        """Another frame of the same memory and tracker."""
        cdef Frame f = type(self).__new__(type(self))
        if self.chunk != NULL:
            self.chunk.refs.fetch_add(1)
        if self.properties != NULL:
            self.properties.refs.fetch_add(1)
        f.chunk = self.chunk
        f.properties = self.properties
        f.data = self.data
        f.size = self.size
        f.guard = self.guard
        f.engine = self.engine
        f.more = self.more
        f._tracker = self._tracker
        f._bytes = self._bytes
        f.number = self.number
        f.group_name = self.group_name
        return f

    def get(self, option):
        """A message option (MORE, SHARED, SRCFD: int) or a property of its peer ("Socket-Type", "Identity", …: str)."""
        if isinstance(option, bytes):
            option = option.decode("utf-8")
        if option == "routing_id":
            return self.number
        if option == "group":
            return self.group
        if isinstance(option, str):
            if self.properties != NULL:
                found = (<object><PyObject*>self.properties.owner).get(option)
                if found is not None:
                    return found
            raise make_error(22)
        if option == 1:                                         # MORE
            return int(self.more)
        if option == 3:                                         # SHARED
            return int(self.guard is not None or (self.chunk != NULL and self.chunk.refs.load(memory_order_relaxed) > 1))
        if option == 2:                                         # SRCFD
            return int(self.get("__fd"))
        if not isinstance(option, int):
            raise TypeError(f"expected str, got: {option!r}")
        raise make_error(22)

    def set(self, option, value):
        """Set "routing_id" or "group". No option with a number can be set, in libzmq either: EINVAL."""
        if option == "routing_id":
            self.routing_id = value
        elif option == "group":
            self.group = value
        else:
            raise make_error(22)

    def __getitem__(self, key):
        return self.get(key)
