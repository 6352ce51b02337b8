# The receive window of one source: what came out of order, and what is missing. Deliveries are in order; a sequence number is had,
# missing (with a timer) or lost, and nothing else.
from libc.math cimport expm1, fabs, log1p
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from peromq._core.pgm cimport BACK_OFF, DROP_DUPLICATE, DROP_FULL, TAKEN, WHEEL, Slot
from peromq._core.pgm_packet cimport before
from peromq._core.pgm_stream cimport stream_feed, stream_leave

cdef enum:
    MS = 1000000
    NAK_BO_IVL = 50              # ms, as libzmq sets it
    STEEPEST = 6                 # of the distribution in a crowd
    FIRST_RING = 64
    MOST_MISSING = 1 << 18       # of all sources together
    GAPS_PER_S = 400000          # placeholders; a stranger's word for a gap costs time
    STALL = 1 << 18              # octets ready for the application; more wait in the window
    STUFFED = 64 << 20           # octets that wait there for a slow application; more wait in the kernel, and may be lost there
    NAK_RPT_IVL = 200            # ms, as libzmq sets this and NAK_RDATA_IVL
    LEAST_WAIT = 25              # a source need not repair the same twice within 20 ms


# ---------------------------------------------------------------- timers

cdef int64_t back_off(Receiver* r) noexcept nogil:
    """Milliseconds of NAK_BO_IVL at random (RFC 3208, 6.3: so that one receiver asks and the others are spared).

    Evenly for who is alone. The more often others ask first, the rarer are short waits, so that in a crowd only a few are the first:
    a truncated exponential distribution, as for the feedback timers of large groups (Nonnenmacher and Biersack, 1998).
    """
    cdef double u, steep
    r.random ^= r.random << 13
    r.random ^= r.random >> 7
    r.random ^= r.random << 17
    u = <double>(r.random >> 11) / 9007199254740992.0
    steep = r.crowd * STEEPEST
    if steep > 0.1:
        u = log1p(u * expm1(steep)) / steep
    return <int64_t>(u * NAK_BO_IVL)


cdef int64_t repair_wait(Missing* m) noexcept nogil:
    """Milliseconds to wait for a confirmation, or the repair, before the next NAK.

    RFC 3208, 6.3: at least what a NAK and its answer take there and back. That is measured as a retransmission timeout is (RFC 6298,
    Karn's rule included), doubled with each try, and never longer than libzmq's interval: who waits 200 ms for each repair that is lost
    in its turn holds back whatever comes behind it.
    """
    cdef Feed* f = m.feed
    cdef int tries = m.ncf_tries + m.data_tries
    cdef double ms
    if f.repair_ms <= 0 or tries > 3:
        return NAK_RPT_IVL
    ms = max(f.repair_ms + 4 * f.repair_dev, <double>LEAST_WAIT) * (1 << tries)
    return <int64_t>min(ms, <double>NAK_RPT_IVL)


cdef void note_repair(Missing* m, int64_t now) noexcept nogil:
    """It is here. Only what was asked for once says how long that takes."""
    cdef Feed* f = m.feed
    cdef double ms
    if m.asked == 0 or m.ncf_tries or m.data_tries:
        return
    ms = max(<double>(now - m.asked) / MS, 0.01)
    if f.repair_ms <= 0:
        f.repair_ms = ms
        f.repair_dev = ms / 2
        return
    f.repair_dev += (fabs(ms - f.repair_ms) - f.repair_dev) / 4
    f.repair_ms += (ms - f.repair_ms) / 8


cdef void crowd_note(Receiver* r, bint others) noexcept nogil:
    """Somebody else asked first, or it was us."""
    r.crowd += ((1.0 if others else 0.0) - r.crowd) / 8


cdef void missing_take(Receiver* r, Missing* m) noexcept nogil:
    """Out of whatever list it is in."""
    cdef Missing** head = &m.feed.due
    cdef Missing** tail = &m.feed.due_tail
    if m.bucket >= 0:
        head = &r.wheel[m.bucket]
        tail = &r.wheel_tail[m.bucket]
    if m.prev != NULL:
        m.prev.next = m.next
    else:
        head[0] = m.next
    if m.next != NULL:
        m.next.prev = m.prev
    else:
        tail[0] = m.prev
    if m.bucket < 0 and m.feed.due == NULL:
        r.dues -= 1
    m.prev = m.next = NULL


cdef void enlist(Missing** head, Missing** tail, Missing* m) noexcept nogil:
    m.next = NULL
    m.prev = tail[0]
    if tail[0] != NULL:
        tail[0].next = m
    else:
        head[0] = m
    tail[0] = m


cdef void missing_wait(Receiver* r, Missing* m, uint8_t state, int64_t now, int64_t ms) noexcept nogil:
    """In no list: have its timer expire in ms."""
    cdef int64_t tick = now // MS + ms + 1
    if tick <= r.tick:
        tick = r.tick + 1
    m.state = state
    m.bucket = <short>(tick & (WHEEL - 1))
    enlist(&r.wheel[m.bucket], &r.wheel_tail[m.bucket], m)


cdef void missing_due(Receiver* r, Missing* m) noexcept nogil:
    """In no list: it is to be asked for now."""
    m.state = BACK_OFF
    m.bucket = -1
    if m.feed.due == NULL:
        r.dues += 1
    enlist(&m.feed.due, &m.feed.due_tail, m)


# ---------------------------------------------------------------- the ring

cdef inline Slot* slot_of(Feed* f, uint32_t sqn) noexcept nogil:
    return &f.ring[sqn & (f.ring_size - 1)]


cdef bint ring_room(Feed* f, uint32_t span) noexcept nogil:
    """Room for that many sequence numbers from f.next on. Grows with what is really spanned."""
    cdef uint32_t size = f.ring_size if f.ring_size else <uint32_t>FIRST_RING
    cdef Slot* old = f.ring
    cdef Slot* ring
    cdef uint32_t i, sqn
    if span <= f.ring_size:
        return True
    while size < span:
        size *= 2
    ring = <Slot*>calloc(size, sizeof(Slot))
    if ring == NULL:
        return False
    if f.ring_size:
        for i in range(f.lead - f.next + 1):
            sqn = f.next + i
            ring[sqn & (size - 1)] = old[sqn & (f.ring_size - 1)]
    f.ring = ring
    f.ring_size = size
    free(old)
    return True


cdef void forget(Receiver* r, Missing* m) noexcept nogil:
    missing_take(r, m)
    r.n_missing -= 1
    free(m)


cdef void slot_clear(Receiver* r, Slot* s) noexcept nogil:
    if s.data != NULL:
        r.held -= (<uint32_t*>s.data)[0]
        free(s.data)
        s.data = NULL
    if s.missing != NULL:
        forget(r, s.missing)
        s.missing = NULL


cdef void window_clear(Receiver* r, Feed* f) noexcept nogil:
    """Forget all of it."""
    cdef uint32_t i
    if f.ring != NULL:
        for i in range(f.lead - f.next + 1):
            slot_clear(r, slot_of(f, f.next + i))
    free(f.ring)
    f.ring = NULL
    f.ring_size = 0
    f.next = f.lead + 1


cdef Missing* window_find(Feed* f, uint32_t sqn) noexcept nogil:
    """What is known about a missing sequence number, or NULL."""
    if not f.defined or sqn - f.next > f.lead - f.next or f.lead + 1 == f.next:
        return NULL
    return slot_of(f, sqn).missing


cdef void note_loss(Receiver* r, Feed* f, uint32_t n) noexcept nogil:
    """n packets in a row are gone for good."""
    r.n.lost += n
    f.untold += n
    if not f.losing:
        f.losing = True
        r.n.losses += 1
    stream_leave(r, f)


cdef void missing_lost(Receiver* r, Missing* m) noexcept nogil:
    """Nobody will send it any more. window_deliver says so in its turn."""
    slot_of(m.feed, m.sqn).missing = NULL
    forget(r, m)


cdef void window_deliver(Receiver* r, Feed* f) noexcept nogil:
    """Hand on what has no gap before it, until the application has plenty."""
    cdef Slot* s
    while f.next != f.lead + 1:
        s = slot_of(f, f.next)
        if s.missing != NULL:
            return
        if s.data != NULL:
            if r.out.end - r.out.start > STALL:
                r.stalled = True
                r.stuffed |= r.held > STUFFED or f.lead - f.next > r.cap >> 1
                return
            stream_feed(r, f, s.data + 4, (<uint32_t*>s.data)[0])
            slot_clear(r, s)
        else:
            note_loss(r, f, 1)
        f.next += 1


# ---------------------------------------------------------------- its edges

cdef void window_trail(Receiver* r, Feed* f, uint32_t trail) noexcept nogil:
    """What the source no longer has and we miss is lost."""
    cdef uint32_t sqn = f.next
    cdef Slot* s
    cdef uint32_t n
    if not before(f.next, trail):
        return
    while before(sqn, trail) and sqn != f.lead + 1:
        s = slot_of(f, sqn)
        if s.missing != NULL:
            missing_lost(r, s.missing)
        sqn += 1
    window_deliver(r, f)
    if f.next == f.lead + 1 and before(f.next, trail):
        n = trail - f.next
        note_loss(r, f, n)
        f.next = trail
        f.lead = trail - 1


cdef bint afford(Receiver* r, uint32_t n, int64_t now) noexcept nogil:
    """May so many placeholders be made? Who tells of absurd gaps gets them slowly."""
    if now > r.gap_last:
        r.gap_tokens += <double>(now - r.gap_last) * GAPS_PER_S / 1e9
        if r.gap_tokens > MOST_MISSING:
            r.gap_tokens = MOST_MISSING
        r.gap_last = now
    if r.gap_tokens < n:
        return False
    r.gap_tokens -= n
    return True


cdef int window_lead(Receiver* r, Feed* f, uint32_t lead, int64_t now) noexcept nogil:
    """All up to `lead` has been sent: what we have not heard of is missing. TAKEN, or why not."""
    cdef uint32_t span = lead - f.next + 1
    cdef uint32_t fresh = lead - f.lead
    cdef uint32_t most = min(r.cap, <uint32_t>MOST_MISSING)
    cdef uint32_t first
    cdef int64_t wait
    cdef Missing* m
    if not before(f.lead, lead):
        return TAKEN
    if not afford(r, min(fresh, most), now):
        return DROP_FULL
    if span > most:
        # RFC 3208, 6.1: the window is as large as it is; what falls out at its trail is lost
        window_trail(r, f, lead - most + 1)
        if before(f.next, lead - most + 1):
            return DROP_FULL             # the application does not take what is there
        span = lead - f.next + 1
    if not ring_room(f, span):
        return DROP_FULL
    wait = back_off(r)                   # one for all of a gap, so that they are asked for together
    first = f.lead + 1
    while first != lead + 1:
        slot_of(f, first).data = NULL
        slot_of(f, first).missing = NULL
        if r.n_missing < MOST_MISSING:
            m = <Missing*>calloc(1, sizeof(Missing))
            if m != NULL:
                m.feed = f
                m.sqn = first
                r.n_missing += 1
                missing_wait(r, m, BACK_OFF, now, wait)
                slot_of(f, first).missing = m
        f.lead = first
        first += 1
    return TAKEN


cdef int window_add(Receiver* r, Feed* f, uint32_t sqn, const uint8_t* d, uint32_t n, int64_t now) noexcept nogil:
    """An APDU. TAKEN, or why not."""
    cdef Slot* s
    cdef uint8_t* copy
    cdef int rc
    if before(sqn, f.next):
        return DROP_DUPLICATE
    if sqn == f.next and f.lead + 1 == f.next and r.out.end - r.out.start <= STALL:
        f.next = sqn + 1                 # in order, and nothing missing
        f.lead = sqn
        stream_feed(r, f, d, n)
        return TAKEN
    if before(f.lead, sqn):
        if sqn - f.lead > 1:
            rc = window_lead(r, f, sqn - 1, now)
            if rc != TAKEN:
                return rc
            if f.next == sqn:
                return window_add(r, f, sqn, d, n, now)
        if r.held + n > r.budget or sqn - f.next >= r.cap:
            if sqn - f.next >= r.cap:
                window_trail(r, f, sqn - r.cap + 1)
            if r.held + n > r.budget or sqn - f.next >= r.cap:
                return DROP_FULL
            if f.next == sqn:
                return window_add(r, f, sqn, d, n, now)
        if not ring_room(f, sqn - f.next + 1):
            return DROP_FULL
        s = slot_of(f, sqn)
        s.missing = NULL
        s.data = NULL
    else:
        s = slot_of(f, sqn)
        if s.data != NULL or r.held + n > r.budget:
            return DROP_DUPLICATE if s.data != NULL else DROP_FULL
    copy = <uint8_t*>malloc(4 + n)
    if copy == NULL:
        return DROP_FULL
    (<uint32_t*>copy)[0] = n
    memcpy(copy + 4, d, n)
    r.held += n
    if s.missing != NULL:
        note_repair(s.missing, now)
        forget(r, s.missing)
        s.missing = NULL
    s.data = copy
    if before(f.lead, sqn):
        f.lead = sqn
    window_deliver(r, f)
    return TAKEN
