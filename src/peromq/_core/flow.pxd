# The queue that speaks the wire: encoded ZMTP 3 frames in contiguous chunks, one producer, one consumer, no lock.
#
# Owners: "producer" and "consumer" below are roles. At any time each is held by one thread: an application thread under its
# socket's lock, or whoever holds the connection's read (write) lock. See docs/design.md, "Flow".
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy
from libcpp.atomic cimport (atomic, memory_order_acquire, memory_order_relaxed, memory_order_release,
                            memory_order_seq_cst)

cdef extern from *:
    """
    #if defined(__GNUC__)
    #define peromq_prefetch(p) __builtin_prefetch(p)
    #else
    #define peromq_prefetch(p) ((void)(p))
    #endif
    """
    void prefetch "peromq_prefetch"(const void*) noexcept nogil

# Counters that one role writes and statistics read: no lock, and no more than a plain store. PEROMQ_UNCOUNTED is for measuring what
# they cost: `count_add` is for what only statistics want.
cdef extern from *:
    """
    #ifdef PEROMQ_UNCOUNTED
    #define peromq_count_set(p, v) ((void)(*(p) = (uint64_t)(v)))
    #define peromq_count_add(p, v) ((void)0)
    #else
    #define peromq_count_set(p, v) __atomic_store_n((p), (uint64_t)(v), __ATOMIC_RELAXED)
    #define peromq_count_add(p, v) ((void)(*(p) += (uint64_t)(v)))
    #endif
    #define peromq_count_get(p) __atomic_load_n((p), __ATOMIC_RELAXED)
    """
    void count_set "peromq_count_set"(uint64_t*, uint64_t) noexcept nogil
    void count_add "peromq_count_add"(uint64_t*, uint64_t) noexcept nogil
    uint64_t count_get "peromq_count_get"(const uint64_t*) noexcept nogil

cdef enum:
    F_MORE = 1      # ZMTP 3 frame flags (RFC 37)
    F_LONG = 2
    F_COMMAND = 4

cdef enum:
    KIND_FRAMES = 0  # data holds encoded frames
    KIND_BODY = 1    # data is the body of one large frame, whose header ended the chunk before

cdef enum:
    PIN_TRACKED = 128    # Chunk.flags of a pin: somebody may be waiting for its release

cdef enum:
    BIG = 16384          # bodies of at least this many octets travel by reference, in a chunk of their own
    FIRST_CAP = 448      # an idle connection keeps one chunk of this size per direction
    MAX_CAP = 131072
    SPARE_BODY_MIN = 32768       # bodies worth keeping for reuse, one per flow
    SPARE_BODY_MAX = 8388608
    OFFER_MAX = 67108864

cdef extern from *:
    """
    static const uint64_t PEROMQ_SEALED = 1ull << 63;
    """
    const uint64_t SEALED "PEROMQ_SEALED"   # in Chunk.pub: nothing will be added to this chunk, go on to the next

# A stack of chunks whose pinned Python object waits for a thread that holds the GIL.
cdef struct ReleaseQueue:
    atomic[Chunk*] top           # shared: any thread pushes, handles.pyx takes all
    atomic[int] wake_fd          # shared: the control plane's, for releases somebody may be waiting for; -1: none

cdef struct Chunk:
    atomic[Chunk*] next          # shared: producer writes, consumer reads after it saw SEALED
    atomic[uint64_t] pub         # shared: producer publishes SEALED | messages << 32 | octets (a body counts as 1 octet)
    atomic[int] refs             # shared: the queue's, plus one per Frame that pins it
    uint8_t kind                 # fixed before publication
    uint8_t flags                # of a body's frame
    uint8_t starts               # the first octet begins a message
    uint32_t cap
    uint32_t wpos                # producer: octets written, published or not
    uint32_t wmsgs               # producer: messages that ended in this chunk
    uint32_t rpos                # consumer: octets consumed
    uint32_t rmsgs               # consumer: messages credited (wire writer only)
    size_t size                  # of a body
    size_t room                  # of a body's own memory
    uint8_t* data
    void* owner                  # a pinned Python object, or NULL
    Chunk* pin                   # data lies in this chunk, of which we hold a reference, or NULL
    ReleaseQueue* releases       # where to bring the owner

cdef struct Flow:
    # producer
    Chunk* tail
    Chunk* unsealed              # first chunk that may hold unpublished octets
    uint64_t written             # messages committed
    uint32_t next_cap
    int open                     # frames of an unfinished message are in the tail
    # consumer
    Chunk* head
    uint64_t nread               # messages consumed; read by statistics: written with count_set
    uint64_t credited            # of these, what the producer has been told
    # shared
    atomic[int] refs             # one per side
    atomic[uint32_t] hwm         # app writes; 0 = no limit
    atomic[uint64_t] produced    # producer writes (statistics and has_pending)
    atomic[uint64_t] read        # consumer writes: credits for the high-water mark
    atomic[int] idle             # consumer: "I have seen everything: tell me when there is more"
    atomic[int] blocked          # producer: "full: tell me when half is gone"
    atomic[Chunk*] spare         # consumer leaves a spent chunk, producer takes it
    atomic[Chunk*] spare_body    # likewise a large body: fresh memory costs a page fault per 4 KiB
    atomic[Chunk*] offered[2]    # consumer leaves blank objects that the next large bodies may become, producer takes them
    ReleaseQueue* releases
    # statistics; octets are those of the frames, headers included
    uint64_t put_octets          # producer: in sealed chunks
    uint64_t aside               # producer: of `written`, what is no message of the application's, or was counted before
    uint64_t aside_octets        # producer: likewise
    uint64_t got_octets          # consumer: in chunks that are done with
    uint64_t aside_in            # consumer: of `nread`, what the application did not get
    uint64_t aside_in_octets     # consumer: likewise
    uint64_t stops               # producer: how often a reader stopped at the high-water mark; written with count_set

cdef struct FrameRef:
    const uint8_t* data
    size_t size
    uint8_t flags
    uint32_t advance
    Chunk* chunk

cdef Flow* flow_new(uint32_t hwm, ReleaseQueue* releases) noexcept nogil
cdef void flow_unref(Flow* f) noexcept nogil
cdef Chunk* flow_grow(Flow* f, size_t need) noexcept nogil
cdef int flow_put_body(Flow* f, uint8_t flags, const uint8_t* data, size_t size, Chunk* pin) noexcept nogil
cdef int flow_put_tracked(Flow* f, uint8_t flags, const uint8_t* data, size_t n, Chunk* pin) noexcept nogil
cdef int flow_share(Flow* f, uint8_t flags, Chunk* cast, uint32_t at, uint32_t n) noexcept nogil
cdef Chunk* frames_new(uint32_t cap) noexcept nogil
cdef Chunk* body_new(size_t size) noexcept nogil
cdef Chunk* body_take(Flow* f, size_t size, size_t room) noexcept nogil
cdef atomic[Chunk*]* body_wanted(Flow* f, size_t size) noexcept nogil
cdef bint body_offer(Flow* f, atomic[Chunk*]* place, uint8_t* data, size_t size, void* owner) noexcept nogil
cdef Chunk* pin_new(void* owner, ReleaseQueue* releases) noexcept nogil
cdef void flow_link_body(Flow* f, Chunk* body) noexcept nogil
cdef void flow_commit_body(Flow* f) noexcept nogil
cdef void flow_commit_chain(Flow* f, uint32_t octets) noexcept nogil
cdef void flow_rollback(Flow* f) noexcept nogil
cdef void flow_clear(Flow* f) noexcept nogil
cdef uint64_t flow_octets_in(Flow* f) noexcept nogil
cdef uint64_t flow_octets_out(Flow* f) noexcept nogil
cdef void flow_set_aside(Flow* f, size_t n) noexcept nogil
cdef void chunk_unref(Chunk* c) noexcept nogil
cdef void chunk_retire(Flow* f, Chunk* c) noexcept nogil
cdef Chunk* release_take(ReleaseQueue* q) noexcept nogil


cdef inline uint8_t* put_header(uint8_t* d, uint8_t flags, size_t n) noexcept nogil:
    """RFC 37 frame header: flags and a size of one octet, or LONG and eight."""
    cdef int i
    if n < 256:
        d[0] = flags
        d[1] = <uint8_t>n
        return d + 2
    d[0] = flags | F_LONG
    for i in range(8):
        d[1 + i] = <uint8_t>(n >> (56 - 8 * i))
    return d + 9


cdef inline size_t get_size8(const uint8_t* d) noexcept nogil:
    cdef size_t n = 0
    cdef int i
    for i in range(8):
        n = (n << 8) | d[i]
    return n


cdef inline size_t frame_size(size_t n) noexcept nogil:
    """Of a body of n octets with the header that put_header gives it."""
    return n + 2 if n < 256 else n + 9


cdef inline int flow_put(Flow* f, uint8_t flags, const uint8_t* data, size_t n) noexcept nogil:
    """Producer: append a frame below BIG. 0, or -1 when out of memory."""
    cdef Chunk* c = f.tail
    cdef uint8_t* d
    cdef size_t need = frame_size(n)
    if <size_t>c.cap < c.wpos + need:
        c = flow_grow(f, need)
        if c == NULL:
            return -1
    d = put_header(c.data + c.wpos, flags, n)
    if n:                            # an empty frame may come without memory
        memcpy(d, data, n)
    c.wpos += <uint32_t>need
    f.open = flags & F_MORE
    return 0


cdef inline void flow_publish(Flow* f, uint32_t messages, uint32_t octets) noexcept nogil:
    """Producer: everything up to `octets` of the tail is now that many more whole messages."""
    cdef Chunk* c = f.tail
    c.wmsgs += messages
    f.written += messages
    f.produced.store(f.written, memory_order_relaxed)
    if f.unsealed == c:
        # sequentially consistent: the consumer's idle flag is read right after (Dekker)
        c.pub.store((<uint64_t>c.wmsgs << 32) | octets, memory_order_seq_cst)
    else:
        flow_commit_chain(f, octets)


cdef inline void flow_commit(Flow* f) noexcept nogil:
    """Producer: the message is complete; let the consumer see it."""
    f.open = 0
    if f.tail.kind == KIND_BODY:
        flow_commit_body(f)
    else:
        flow_publish(f, 1, f.tail.wpos)


cdef inline bint flow_full(Flow* f) noexcept nogil:
    cdef uint32_t hwm = f.hwm.load(memory_order_relaxed)
    return hwm != 0 and f.written - f.read.load(memory_order_seq_cst) >= hwm


cdef inline uint32_t quota(Flow* f) noexcept nogil:
    """How many messages the high-water mark still admits."""
    cdef uint64_t queued
    cdef uint32_t hwm = f.hwm.load(memory_order_relaxed)
    if hwm == 0:
        return 0x7fffffff
    queued = f.written - f.read.load(memory_order_seq_cst)      # scan stores `paused` before (Dekker)
    return <uint32_t>(hwm - queued) if queued < hwm else 0


cdef inline Chunk* flow_front(Flow* f) noexcept nogil:
    """Consumer: the chunk with the next octet, or NULL. What it shows is always whole messages."""
    cdef Chunk* c = f.head
    cdef uint64_t p
    while True:
        p = c.pub.load(memory_order_seq_cst)
        if c.rpos < <uint32_t>p:
            return c
        if not p & SEALED:
            return NULL
        f.head = c.next.load(memory_order_acquire)
        chunk_retire(f, c)
        c = f.head


cdef inline bint flow_peek(Flow* f, FrameRef* out) noexcept nogil:
    """Consumer: describe the next frame without consuming it. False when there is none."""
    cdef Chunk* c = flow_front(f)
    cdef const uint8_t* d
    cdef size_t n
    if c == NULL:
        return False
    if c.kind == KIND_FRAMES:
        d = c.data + c.rpos
        if not d[0] & F_LONG:
            out.data = d + 2
            out.size = d[1]
            out.flags = d[0]
            out.advance = d[1] + 2
            out.chunk = c
            return True
        n = get_size8(d + 1)
        if n < BIG:
            out.data = d + 9
            out.size = n
            out.flags = d[0]
            out.advance = <uint32_t>n + 9
            out.chunk = c
            return True
        c.rpos += 9
        c = flow_front(f)
        if c == NULL:
            return False
    out.data = c.data
    out.size = c.size
    out.flags = c.flags
    out.advance = 1
    out.chunk = c
    return True


cdef inline void flow_next(Flow* f, FrameRef* fr) noexcept nogil:
    """Consumer: drop the frame that flow_peek described."""
    f.head.rpos += fr.advance
    prefetch(fr.data + fr.size)     # with many peers in turn, the next frame of this one has long left the caches
    prefetch(fr.data + fr.size + 64)
    if not fr.flags & F_MORE:
        count_set(&f.nread, f.nread + 1)
    if f.head.cap == 0:
        flow_front(f)               # a body, or what is pinned: worth letting go of at once


cdef inline uint64_t credit_step(Flow* f) noexcept nogil:
    """How many messages are consumed before a blocked producer is woken: half the mark, as libzmq; each, if the mark is small."""
    cdef uint32_t hwm = f.hwm.load(memory_order_relaxed)
    if hwm == 0:
        return 1024
    return 1 if hwm <= 64 else (hwm + 1) // 2


cdef inline bint flow_credit_due(Flow* f) noexcept nogil:
    """Consumer: has enough been consumed to tell the producer?"""
    return f.nread - f.credited >= credit_step(f)


cdef inline bint flow_credit(Flow* f) noexcept nogil:
    """Consumer: tell the producer what was consumed. True if it is blocked and should be woken."""
    f.read.store(f.nread, memory_order_seq_cst)
    if f.blocked.load(memory_order_seq_cst) == 0:
        f.credited = f.nread
        return False
    if f.nread - f.credited < credit_step(f) and f.produced.load(memory_order_relaxed) != f.nread:
        return False
    f.credited = f.nread
    return f.blocked.exchange(0, memory_order_seq_cst) == 1
