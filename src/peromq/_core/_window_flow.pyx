# A Python window on flow.pyx, for its tests. Both roles are here; the race test gives each to a thread of its own.
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset
from libcpp.atomic cimport memory_order_acquire, memory_order_seq_cst

from peromq._core.flow cimport (BIG, F_MORE, Chunk, Flow, FrameRef, ReleaseQueue, chunk_unref, flow_clear, flow_commit,
                                flow_credit, flow_credit_due, flow_front, flow_full, flow_new, flow_next, flow_peek,
                                flow_put, flow_put_body, flow_rollback, flow_unref, pin_new)
from peromq._core.handles_frame cimport drain_releases


cdef class FlowWindow:
    cdef Flow* flow
    cdef ReleaseQueue releases

    def __cinit__(self, uint32_t hwm=0):
        self.flow = flow_new(hwm, &self.releases)
        if self.flow == NULL:
            raise MemoryError

    def __dealloc__(self):
        flow_unref(self.flow)
        flow_unref(self.flow)
        drain_releases(&self.releases)

    # producer

    def put(self, bytes data, bint more=False, bint pinned=False):
        """One frame; from BIG octets on in a chunk of its own, `pinned` by reference."""
        cdef Chunk* pin = NULL
        cdef const uint8_t* d = <const uint8_t*>PyBytes_AS_STRING(data)
        cdef size_t n = PyBytes_GET_SIZE(data)
        cdef int rc
        if n < BIG:
            rc = flow_put(self.flow, F_MORE if more else 0, d, n)
        else:
            if pinned:
                Py_INCREF(data)
                pin = pin_new(<void*>data, &self.releases)
            rc = flow_put_body(self.flow, F_MORE if more else 0, d, n, pin)
            if pin != NULL:
                chunk_unref(pin)
        if rc < 0:
            raise MemoryError

    def commit(self):
        flow_commit(self.flow)

    def rollback(self):
        flow_rollback(self.flow)

    @property
    def full(self):
        return flow_full(self.flow)

    @property
    def written(self):
        return self.flow.written

    @property
    def produced(self):
        return self.flow.produced.load(memory_order_seq_cst)

    # consumer

    def peek(self):
        """(body, more) of the next frame, or None."""
        cdef FrameRef fr
        if not flow_peek(self.flow, &fr):
            return None
        return fr.data[:fr.size], bool(fr.flags & F_MORE)

    def next(self):
        cdef FrameRef fr
        if flow_peek(self.flow, &fr):
            flow_next(self.flow, &fr)

    def hold(self):
        """Consume the next frame and keep its memory."""
        cdef FrameRef fr
        cdef HeldFrame held
        if not flow_peek(self.flow, &fr):
            return None
        held = HeldFrame()
        held.window = self
        held.chunk = fr.chunk
        held.data = fr.data
        held.size = fr.size
        fr.chunk.refs.fetch_add(1)
        flow_next(self.flow, &fr)
        return held

    @property
    def has(self):
        return flow_front(self.flow) != NULL

    @property
    def nread(self):
        return self.flow.nread

    @property
    def read(self):
        return self.flow.read.load(memory_order_seq_cst)

    @property
    def credit_due(self):
        return flow_credit_due(self.flow)

    def credit(self):
        return flow_credit(self.flow)

    # shared

    @property
    def idle(self):
        return self.flow.idle.load(memory_order_seq_cst)

    @idle.setter
    def idle(self, int value):
        self.flow.idle.store(value, memory_order_seq_cst)

    @property
    def blocked(self):
        return self.flow.blocked.load(memory_order_seq_cst)

    @blocked.setter
    def blocked(self, int value):
        self.flow.blocked.store(value, memory_order_seq_cst)

    def clear(self):
        flow_clear(self.flow)

    def chunks(self):
        """Octets each chunk of the queue can hold."""
        cdef Chunk* c = self.flow.head
        found = []
        while c != NULL:
            found.append(c.cap if c.cap else c.size)
            c = c.next.load(memory_order_acquire)
        return found

    def release(self):
        drain_releases(&self.releases)

    # The two roles for two threads: message number i has (i % 5 == 0) + 1 frames, of sizes that depend on i, filled with i.

    def produce(self, uint64_t count, uint32_t rollback_every=0):
        """Without the GIL, as fast as the mark admits. The times it was full."""
        cdef uint64_t i = 0
        cdef uint64_t full = 0
        cdef uint8_t* d = <uint8_t*>malloc(2 * BIG)
        cdef int rc = 0
        with nogil:
            while i < count and rc == 0:
                if flow_full(self.flow):
                    full += 1
                    continue
                if rollback_every and i % rollback_every == 1:
                    rc = put_pattern(self.flow, i + 7, True, d)
                    flow_rollback(self.flow)
                if i % 5 == 0:
                    rc |= put_pattern(self.flow, i, True, d)
                rc |= put_pattern(self.flow, i, False, d)
                flow_commit(self.flow)
                i += 1
        free(d)
        if rc:
            raise MemoryError
        return full

    def consume(self, uint64_t count, bint credit=True):
        """Without the GIL. The number of the first message that is not as it should be, or -1."""
        cdef uint64_t i = 0
        cdef FrameRef fr
        cdef bint more
        cdef bint ok = True
        with nogil:
            while i < count and ok:
                if not flow_peek(self.flow, &fr):
                    if credit:
                        flow_credit(self.flow)
                    continue
                more = i % 5 == 0
                ok = is_pattern(&fr, i, more)
                flow_next(self.flow, &fr)
                if more:
                    # a message shows up whole or not at all
                    ok = ok and flow_peek(self.flow, &fr) and is_pattern(&fr, i, False)
                    flow_next(self.flow, &fr)
                i += 1
                if credit and flow_credit_due(self.flow):
                    flow_credit(self.flow)
        return -1 if ok else i - 1


cdef class HeldFrame:
    cdef object window
    cdef Chunk* chunk
    cdef const uint8_t* data
    cdef size_t size

    def __dealloc__(self):
        if self.chunk != NULL:
            chunk_unref(self.chunk)

    @property
    def body(self):
        return self.data[:self.size]


cdef size_t size_of(uint64_t i, bint more) noexcept nogil:
    if i % 97 == 3:
        return BIG + i % BIG
    if more:
        return i % 300
    return (i * 7919) % 250 if i % 11 else (i * 104729) % 9000


cdef int put_pattern(Flow* f, uint64_t i, bint more, uint8_t* d) noexcept nogil:
    cdef size_t n = size_of(i, more)
    memset(d, <int>(i & 255), n)
    if n < BIG:
        return flow_put(f, F_MORE if more else 0, d, n)
    return flow_put_body(f, F_MORE if more else 0, d, n, NULL)


cdef bint is_pattern(FrameRef* fr, uint64_t i, bint more) noexcept nogil:
    cdef size_t k
    if fr.size != size_of(i, more) or ((fr.flags & F_MORE) != 0) != more:
        return False
    for k in range(fr.size):
        if fr.data[k] != <uint8_t>(i & 255):
            return False
    return True
