# Chunks and flows: allocation, growth, sealing, rollback. The hot paths are inline in flow.pxd.
from libc.stdlib cimport calloc, free, malloc

from peromq._core.sysio cimport signal_fd

# The C++ atomics in these structs are trivially initialised by zeroed memory on every platform we build for.


cdef Chunk* frames_new(uint32_t cap) noexcept nogil:
    cdef Chunk* c = <Chunk*>malloc(sizeof(Chunk) + cap)
    if c == NULL:
        return NULL
    c.data = <uint8_t*>c + sizeof(Chunk)
    c.cap = cap
    c.kind = KIND_FRAMES
    c.owner = NULL
    c.pin = NULL
    c.releases = NULL
    chunk_reset(c)
    return c


cdef void chunk_reset(Chunk* c) noexcept nogil:
    c.next.store(NULL, memory_order_relaxed)
    c.pub.store(0, memory_order_relaxed)
    c.refs.store(1, memory_order_relaxed)
    c.flags = 0
    c.starts = 0
    c.wpos = c.wmsgs = c.rpos = c.rmsgs = 0
    c.size = 0


cdef enum:
    KEPT_FREE = 1 << 24

cdef atomic[int] heap_widened
cdef atomic[void*] mapped_once


cdef void widen_heap() noexcept nogil:
    """glibc returns free memory at a heap's end to the kernel beyond twice the largest block that was mapped and freed so far, at first
    128 KiB: messages of 64 KiB would each cost their page faults. So let there have been a large block, as in many programs there was.
    """
    heap_widened.store(1, memory_order_relaxed)
    mapped_once.store(malloc(KEPT_FREE), memory_order_relaxed)      # through a variable, or the compiler would leave both out
    free(mapped_once.exchange(NULL, memory_order_relaxed))


cdef Chunk* body_new(size_t size) noexcept nogil:
    """A chunk that holds the body of one large frame, in the same allocation."""
    cdef Chunk* c
    if size > (<size_t>1 << 62):
        return NULL
    if size and not heap_widened.load(memory_order_relaxed):
        widen_heap()
    c = <Chunk*>malloc(sizeof(Chunk) + size)
    if c == NULL:
        return NULL
    chunk_reset(c)
    c.kind = KIND_BODY
    c.cap = 0
    c.wpos = 1
    c.size = c.room = size
    c.data = <uint8_t*>c + sizeof(Chunk)
    c.owner = NULL
    c.pin = NULL
    c.releases = NULL
    return c


cdef Chunk* body_take(Flow* f, size_t size, size_t room) noexcept nogil:
    """Producer: memory for a body of `size` octets, `room` of them at first.

    The consumer may have left some: a bytes object of the size it expects next, which the body then becomes without being copied, or a
    body it is done with.
    """
    cdef Chunk* c = NULL
    cdef size_t had
    cdef int i
    if room >= SPARE_BODY_MIN:
        for i in range(2):
            c = f.offered[i].exchange(NULL, memory_order_seq_cst)
            if c != NULL and c.room == size:
                break
            if c != NULL:
                chunk_unref(c)
                c = NULL
        if c == NULL:
            c = f.spare_body.exchange(NULL, memory_order_seq_cst)
            if c != NULL and (c.room < room or c.room // 4 > room):
                chunk_unref(c)
                c = NULL
    if c == NULL:
        c = body_new(room)
        if c != NULL:
            c.size = size
        return c
    had = c.room
    chunk_reset(c)
    c.wpos = 1
    c.room = had
    c.size = size
    return c


cdef atomic[Chunk*]* body_wanted(Flow* f, size_t size) noexcept nogil:
    """Consumer: a place where an object of this size could be offered, or NULL. Two: one body may be on its way while the next begins."""
    cdef int i
    if size <= OFFER_MAX:
        for i in range(2):
            if f.offered[i].load(memory_order_relaxed) == NULL:
                return &f.offered[i]
    return NULL


cdef bint body_offer(Flow* f, atomic[Chunk*]* place, uint8_t* data, size_t size, void* owner) noexcept nogil:
    """Consumer: leave an object's memory for the next body of exactly this size. Takes over the reference if True."""
    cdef Chunk* c = body_new(0)
    if c == NULL:
        return False
    c.data = data
    c.room = size
    c.owner = owner
    c.releases = f.releases
    c = place.exchange(c, memory_order_seq_cst)
    if c != NULL:
        chunk_unref(c)
    return True


cdef Chunk* pin_new(void* owner, ReleaseQueue* releases) noexcept nogil:
    """Hold a Python object for as long as chunks or frames refer to its memory. Takes over the caller's reference."""
    cdef Chunk* c = body_new(0)
    if c != NULL:
        c.owner = owner
        c.releases = releases
    return c


cdef Flow* flow_new(uint32_t hwm, ReleaseQueue* releases) noexcept nogil:
    cdef Flow* f = <Flow*>calloc(1, sizeof(Flow))
    cdef Chunk* c
    if f == NULL:
        return NULL
    c = frames_new(FIRST_CAP)
    if c == NULL:
        free(f)
        return NULL
    c.starts = 1
    f.tail = f.unsealed = f.head = c
    f.next_cap = FIRST_CAP
    f.hwm.store(hwm, memory_order_relaxed)
    f.refs.store(2, memory_order_relaxed)
    f.releases = releases
    f.idle.store(1, memory_order_relaxed)
    return f


cdef void flow_unref(Flow* f) noexcept nogil:
    """One side is done with the flow; the last one frees it, unpublished chunks too."""
    cdef Chunk* c
    cdef Chunk* n
    cdef int i
    if f.refs.fetch_sub(1, memory_order_seq_cst) != 1:
        return
    c = f.head
    while c != NULL:
        n = c.next.load(memory_order_acquire)
        chunk_unref(c)
        c = n
    c = f.spare.exchange(NULL)
    if c != NULL:
        free(c)
    c = f.spare_body.exchange(NULL)
    if c != NULL:
        chunk_unref(c)
    for i in range(2):
        c = f.offered[i].exchange(NULL)
        if c != NULL:
            chunk_unref(c)
    free(f)


cdef void chunk_unref(Chunk* c) noexcept nogil:
    cdef Chunk* top
    cdef ReleaseQueue* releases = c.releases
    cdef bint tracked
    cdef int fd
    if c.refs.fetch_sub(1, memory_order_seq_cst) != 1:
        return
    tracked = c.flags & PIN_TRACKED
    if c.pin != NULL:
        chunk_unref(c.pin)
    if c.owner == NULL:
        free(c)
        return
    top = releases.top.load(memory_order_relaxed)
    while True:
        c.next.store(top, memory_order_relaxed)
        if releases.top.compare_exchange_weak(top, c, memory_order_seq_cst):
            break
    if tracked:
        fd = releases.wake_fd.load(memory_order_seq_cst)
        if fd >= 0:
            signal_fd(fd)


cdef Chunk* release_take(ReleaseQueue* q) noexcept nogil:
    return q.top.exchange(NULL, memory_order_seq_cst)


cdef inline uint64_t published(Chunk* c) noexcept nogil:
    """Octets of c that the consumer may see."""
    cdef uint32_t seen = <uint32_t>c.pub.load(memory_order_relaxed)
    if c.kind == KIND_BODY:
        return c.size if seen else 0
    return seen


cdef uint64_t flow_octets_in(Flow* f) noexcept nogil:
    """Producer: octets of the messages committed so far."""
    return f.put_octets + published(f.unsealed) - f.aside_octets


cdef uint64_t flow_octets_out(Flow* f) noexcept nogil:
    """Consumer: octets of what was consumed so far."""
    cdef Chunk* c = f.head
    cdef uint64_t here = c.rpos
    if c.kind == KIND_BODY:
        here = c.size if c.rpos else 0
    return f.got_octets + here - f.aside_in_octets


cdef void flow_set_aside(Flow* f, size_t n) noexcept nogil:
    """Producer: the message of one frame of n octets that is about to be committed does not count."""
    f.aside += 1
    f.aside_octets += frame_size(n)


cdef void chunk_retire(Flow* f, Chunk* c) noexcept nogil:
    """Consumer: done with c. A chunk of frames nobody pins is left for the producer to use again."""
    count_add(&f.got_octets, published(c))
    if c.kind == KIND_FRAMES and c.cap > FIRST_CAP and c.refs.load(memory_order_acquire) == 1:
        c = f.spare.exchange(c, memory_order_seq_cst)
        if c != NULL:
            free(c)
        return
    # ... and a large body while more are coming: a peer that is quiet keeps no memory
    if (c.kind == KIND_BODY and SPARE_BODY_MIN <= c.room <= SPARE_BODY_MAX and c.owner == NULL and c.pin == NULL
            and f.produced.load(memory_order_relaxed) > f.nread and c.refs.load(memory_order_acquire) == 1):
        c = f.spare_body.exchange(c, memory_order_seq_cst)
        if c != NULL:
            chunk_unref(c)
        return
    chunk_unref(c)


cdef Chunk* flow_grow(Flow* f, size_t need) noexcept nogil:
    """Producer: open a new chunk with room for `need` octets behind the tail."""
    cdef Chunk* c
    cdef uint32_t cap
    # Growth follows backlog, not traffic: a peer that keeps up keeps its small chunk.
    if f.written - f.read.load(memory_order_relaxed) > 8:
        f.next_cap = min(f.next_cap * 4, <uint32_t>MAX_CAP)
    cap = f.next_cap
    if cap < need:
        cap = <uint32_t>need
    c = f.spare.exchange(NULL, memory_order_seq_cst)
    if c != NULL and (c.cap < cap or c.cap > 4 * cap):
        free(c)
        c = NULL
    if c == NULL:
        c = frames_new(cap)
        if c == NULL:
            return NULL
    else:
        chunk_reset(c)
    c.starts = not f.open
    f.tail.next.store(c, memory_order_relaxed)
    f.tail = c
    return c


cdef void flow_link_body(Flow* f, Chunk* body) noexcept nogil:
    """Producer: put a body behind the header that ends the tail."""
    f.tail.next.store(body, memory_order_relaxed)
    f.tail = body
    f.open = body.flags & F_MORE


cdef int flow_put_body(Flow* f, uint8_t flags, const uint8_t* data, size_t size, Chunk* pin) noexcept nogil:
    """Producer: append a frame of at least BIG octets: by reference if `pin` holds them, else by copy."""
    cdef Chunk* body
    cdef Chunk* c = f.tail
    if pin == NULL:
        body = body_new(size)
        if body == NULL:
            return -1
        memcpy(body.data, data, size)
    else:
        body = body_new(0)
        if body == NULL:
            return -1
        pin.refs.fetch_add(1)
        body.data = <uint8_t*>data
        body.size = size
        body.pin = pin
    body.flags = flags
    if c.cap < c.wpos + 9:
        c = flow_grow(f, 9)
        if c == NULL:
            chunk_unref(body)
            return -1
    put_header(c.data + c.wpos, flags, size)
    c.wpos += 9
    flow_link_body(f, body)
    return 0


cdef int flow_put_tracked(Flow* f, uint8_t flags, const uint8_t* data, size_t n, Chunk* pin) noexcept nogil:
    """Producer: append a frame below BIG, by copy. Somebody waits for `pin`: it is held until the consumer is done with the frame.

    The chunk takes no other frame (cap 0). If the message ends here, it is counted here, and not in the chunk that is open behind it:
    flow_publish makes 0 of that one's count.
    """
    cdef Chunk* c = frames_new(<uint32_t>n + 9)
    if c == NULL:
        return -1
    c.starts = not f.open
    f.tail.next.store(c, memory_order_relaxed)
    f.tail = c
    flow_put(f, flags, data, n)
    c.cap = 0
    pin.refs.fetch_add(1)
    c.pin = pin
    if not flags & F_MORE and flow_grow(f, 64) != NULL:
        c.wmsgs = 1
        f.tail.wmsgs = <uint32_t>-1
    return 0


cdef enum:
    FEW = 16                     # unread messages that may each hold a whole cast


cdef int flow_share(Flow* f, uint8_t flags, Chunk* cast, uint32_t at, uint32_t n) noexcept nogil:
    """Producer: append the encoded frame in octets at..at+n of `cast`, by reference. 1: not this one; -1: out of memory.

    What follows the shared part in `cast` makes it longer. The first frame of a cast is shared, unless much is queued and the peer got
    less than half of the cast before; a later one only behind a shared one. A peer that gets few of the messages, and is slow, would
    hold all of them in memory.
    """
    cdef Chunk* c = f.tail
    if c.pin == cast and c.kind == KIND_FRAMES and c.data + c.wpos == cast.data + at:
        c.wpos += n
        f.open = flags & F_MORE
        return 0
    if at or (f.written - f.read.load(memory_order_relaxed) > FEW
              and not (c.pin != NULL and c.kind == KIND_FRAMES and 2 * c.wpos >= c.pin.wpos)):
        return 1
    c = frames_new(0)                # no room of its own: what is not shared goes into another chunk
    if c == NULL:
        return -1
    cast.refs.fetch_add(1)
    c.pin = cast
    c.data = cast.data
    c.wpos = n
    c.starts = not f.open
    f.tail.next.store(c, memory_order_relaxed)
    f.tail = c
    f.open = flags & F_MORE
    return 0


cdef void flow_commit_body(Flow* f) noexcept nogil:
    """A message that ends with a body: a new chunk goes behind it, so that the body can be let go of as soon as it is consumed."""
    cdef Chunk* body = f.tail
    if flow_grow(f, 64) == NULL:
        flow_publish(f, 1, body.wpos)
        return
    body.wmsgs += 1
    f.written += 1
    flow_publish(f, 0, 0)


cdef void flow_commit_chain(Flow* f, uint32_t octets) noexcept nogil:
    """Publish a message that spans chunks: the later chunks first, so that the consumer never meets half of it."""
    cdef Chunk* last = f.tail
    cdef Chunk* first = f.unsealed
    cdef Chunk* c = first.next.load(memory_order_relaxed)
    last.pub.store((<uint64_t>last.wmsgs << 32) | octets, memory_order_release)
    while c != last:
        c.pub.store(SEALED | (<uint64_t>c.wmsgs << 32) | c.wpos, memory_order_release)
        count_add(&f.put_octets, published(c))
        c = c.next.load(memory_order_relaxed)
    f.unsealed = last
    count_add(&f.put_octets, first.size if first.kind == KIND_BODY else first.wpos)
    first.pub.store(SEALED | (<uint64_t>first.wmsgs << 32) | first.wpos, memory_order_seq_cst)


cdef void flow_rollback(Flow* f) noexcept nogil:
    """Producer: forget the frames of an unfinished message."""
    cdef Chunk* c = f.unsealed
    cdef Chunk* n = c.next.load(memory_order_relaxed)
    cdef Chunk* nn
    c.wpos = <uint32_t>c.pub.load(memory_order_relaxed)
    c.next.store(NULL, memory_order_relaxed)
    f.tail = c
    f.open = 0
    while n != NULL:
        nn = n.next.load(memory_order_relaxed)
        chunk_unref(n)
        n = nn


cdef void flow_clear(Flow* f) noexcept nogil:
    """Both roles in one hand: drop everything that is queued."""
    cdef Chunk* c
    flow_rollback(f)
    while True:
        c = flow_front(f)
        if c == NULL:
            break
        c.rpos = <uint32_t>c.pub.load(memory_order_relaxed)
        c.rmsgs = c.wmsgs
    f.blocked.store(0, memory_order_seq_cst)
    count_set(&f.nread, f.written)
    f.credited = f.written
    f.read.store(f.written, memory_order_seq_cst)
