# The newest message of each topic. A newer one takes the place of the one before it, so no topic waits longer because others are busy.
# Who calls is the consumer of the flow that is taken from, or the producer of the one that is given to.
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy
from libcpp.atomic cimport memory_order_seq_cst

from cython.operator cimport dereference

from peromq._core.flow cimport (BIG, F_COMMAND, F_MORE, FrameRef, flow_commit, flow_next, flow_octets_out, flow_peek, flow_put,
                                flow_put_body, flow_rollback)

cdef enum:
    HEAD = 9                # flags, and a size_t


cdef Latest* latest_new(uint32_t limit) noexcept nogil:
    cdef Latest* self = <Latest*>calloc(1, sizeof(Latest))
    if self == NULL:
        return NULL
    self.places = new unordered_map[string, uint64_t]()
    self.topics = new deque[string]()
    self.messages = new deque[string]()
    self.first = <uint64_t>1 << 62          # there is always room in front
    self.limit = limit
    return self


cdef void latest_free(Latest* self) noexcept nogil:
    if self != NULL:
        del self.places
        del self.topics
        del self.messages
        free(self)


cdef void append(string* message, const FrameRef* fr) noexcept nogil:
    cdef char head[HEAD]
    head[0] = <char>(fr.flags & (F_MORE | F_COMMAND))
    memcpy(head + 1, &fr.size, sizeof(size_t))
    message.append(head, HEAD)
    message.append(<const char*>fr.data, fr.size)


cdef void take_rest(Flow* f, FrameRef* fr, string* message) noexcept nogil:
    """The message that begins with fr."""
    while True:
        append(message, fr)
        flow_next(f, fr)
        if not fr.flags & F_MORE:
            return
        flow_peek(f, fr)


cdef void latest_take(Latest* self, Flow* f) noexcept nogil:
    """All that is there, but no more topics than the limit: what does not fit stays in the flow."""
    cdef FrameRef fr
    cdef string topic
    cdef string message
    while flow_peek(f, &fr):
        topic.assign(<const char*>fr.data, fr.size)
        it = self.places.find(topic)
        if it == self.places.end():
            if self.limit and self.topics.size() >= self.limit:
                break
            message.clear()
            take_rest(f, &fr, &message)
            self.places[0][topic] = self.first + self.topics.size()
            self.topics.push_back(topic)
            self.messages.push_back(message)
        else:
            message.clear()
            take_rest(f, &fr, &message)
            self.messages[0][dereference(it).second - self.first].swap(message)
    f.credited = f.nread
    f.read.store(f.nread, memory_order_seq_cst)


cdef void latest_take_back(Latest* self, Flow* f) noexcept nogil:
    """What was given and not received: it is first again, unless there is a newer one of its topic."""
    cdef FrameRef fr
    cdef string topic
    cdef string message
    cdef uint64_t had
    if not flow_peek(f, &fr):
        return
    topic.assign(<const char*>fr.data, fr.size)
    had = flow_octets_out(f)
    take_rest(f, &fr, &message)
    f.aside_in += 1                         # nobody has received it
    f.aside_in_octets += flow_octets_out(f) - had
    if self.places.find(topic) != self.places.end():
        return
    self.first -= 1
    self.places[0][topic] = self.first
    self.topics.push_front(topic)
    self.messages.push_front(message)


cdef bint latest_give(Latest* self, Flow* f) noexcept nogil:
    """The first message, to a flow. False: there is none, or no memory."""
    cdef const uint8_t* d
    cdef const uint8_t* end
    cdef size_t n = 0
    cdef int rc
    if self.topics.empty():
        return False
    d = <const uint8_t*>self.messages.front().data()
    end = d + self.messages.front().size()
    while d < end:
        memcpy(&n, d + 1, sizeof(size_t))
        rc = flow_put(f, d[0], d + HEAD, n) if n < BIG else flow_put_body(f, d[0], d + HEAD, n, NULL)
        if rc < 0:
            flow_rollback(f)
            return False
        d += HEAD + n
    flow_commit(f)
    self.places.erase(self.topics.front())
    self.topics.pop_front()
    self.messages.pop_front()
    self.first += 1
    return True
