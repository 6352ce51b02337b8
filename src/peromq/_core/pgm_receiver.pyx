# A PGM receiver: any number of sources (up to a bound), what each has sent in order, and the NAKs that get back what was lost on the way.
# Nothing here is authenticated: every step has a price that is bounded, and what does not fit is dropped and counted.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from cython.operator cimport dereference, preincrement
from libcpp.unordered_map cimport unordered_map
from libcpp.vector cimport vector

from peromq._core.pgm cimport (BACK_OFF, DROP_FULL, DROP_NLA, DROP_SESSION, DROP_TYPE, DROP_UNKNOWN, DROP_WINDOW, NAK_MAX, PGM_NAK,
                               PGM_NCF, PGM_ODATA, PGM_RDATA, PGM_SPM, PGM_SPMR, TAKEN, WAIT_DATA, WAIT_NCF, WHEEL, Feed, FeedPtr,
                               Loss, Missing, Packet)
from peromq._core.pgm_packet cimport before, get4, pgm_make_nak, pgm_make_spmr, pgm_parse, same_nla
from peromq._core.pgm_stream cimport buffer_free
from peromq._core.pgm_window cimport (back_off, crowd_note, missing_due, missing_lost, missing_take, missing_wait, repair_wait,
                                      window_add, window_clear, window_deliver, window_find, window_lead, window_trail)

cdef enum:
    MS = 1000000
    SPMR_WAIT = 25               # ms, these as libzmq sets them
    NCF_RETRIES = 50
    DATA_RETRIES = 50
    EXPIRY = 300000
    FIN_EXPIRY = 30000           # after a source has said goodbye
    SWEEP = 1000
    SPMR_AGAIN = 250             # ms, and longer each time
    SPMR_TRIES = 10
    SPMR_GAP = 5                 # SPMRs are not sent more often, whatever strangers pretend to be
    FAR = 3600000
    LEAST_BUDGET = 64 << 20
    NAKS_PER_S = 2000            # whoever forges SPMs chooses where NAKs go: they shall be no weapon
    MOST_NAKS = 500              # at once

ctypedef unordered_map[uint64_t, FeedPtr] FeedMap


cdef Receiver* receiver_new(uint16_t dport, uint32_t sqns, uint32_t max_tpdu, int64_t max_size, uint32_t max_feeds, uint64_t seed,
                            int64_t now) noexcept nogil:
    """NULL: out of memory. The caller adds to `groups`."""
    cdef Receiver* r = <Receiver*>calloc(1, sizeof(Receiver))
    if r == NULL:
        return NULL
    r.dport = dport
    r.cap = sqns if sqns else 1
    r.max_size = max_size
    r.max_feeds = max_feeds
    r.random = (seed ^ seed >> 30) * <uint64_t>0xBF58476D1CE4E5B9 ^ <uint64_t>0x94D049BB133111EB    # of small seeds, too
    r.random |= 1
    r.groups = new vector[Nla]()
    r.feeds = new unordered_map[uint64_t, FeedPtr]()
    r.tick = now // MS
    r.budget = max(<uint64_t>LEAST_BUDGET, 2 * <uint64_t>r.cap * max_tpdu)
    if max_size > 0:
        r.budget += <uint64_t>max_size
    r.gap_tokens = 1 << 18
    r.gap_last = now
    r.nak_tokens = MOST_NAKS
    r.nak_last = now
    r.next_sweep = now + <int64_t>SWEEP * MS
    return r


cdef void feed_free(Receiver* r, Feed* f) noexcept nogil:
    r.untold += f.untold
    window_clear(r, f)
    r.held -= f.part.end
    buffer_free(&f.part)
    if f.spmr_at:
        r.spmrs_waiting -= 1
    if r.last == f:
        r.last = NULL
    free(f)


cdef void receiver_free(Receiver* r) noexcept nogil:
    cdef FeedMap.iterator it = r.feeds.begin()
    while it != r.feeds.end():
        feed_free(r, dereference(it).second)
        preincrement(it)
    del r.feeds
    del r.groups
    buffer_free(&r.out)
    free(r)


# ---------------------------------------------------------------- sources come and go

cdef inline uint64_t tsi(uint64_t gsi, uint16_t sport) noexcept nogil:
    return gsi << 16 | sport


cdef void evict(Receiver* r) noexcept nogil:
    """Make room: first of those that never sent a message, then of all, the one not heard of for longest goes."""
    cdef FeedMap.iterator it = r.feeds.begin()
    cdef Feed* worst = NULL
    cdef Feed* f
    while it != r.feeds.end():
        f = dereference(it).second
        if worst == NULL or f.proved < worst.proved or (f.proved == worst.proved and f.heard < worst.heard):
            worst = f
        preincrement(it)
    if worst != NULL:
        r.feeds.erase(tsi(worst.gsi, worst.sport))
        feed_free(r, worst)
        r.n.evicted += 1


cdef Feed* feed_of(Receiver* r, uint64_t gsi, uint16_t sport) noexcept nogil:
    cdef Feed* f = r.last
    cdef FeedMap.iterator it
    if f != NULL and f.gsi == gsi and f.sport == sport:
        return f
    it = r.feeds.find(tsi(gsi, sport))
    if it == r.feeds.end():
        return NULL
    f = dereference(it).second
    r.last = f
    return f


cdef Feed* feed_new(Receiver* r, Packet* p, const Nla* from_ip, int64_t now) noexcept nogil:
    cdef Feed* f
    if r.feeds.size() >= r.max_feeds:
        evict(r)
    f = <Feed*>calloc(1, sizeof(Feed))
    if f == NULL:
        return NULL
    f.gsi = p.gsi
    f.sport = p.sport
    f.from_ip = from_ip[0]
    f.heard = now
    f.spmr_at = now + <int64_t>SPMR_WAIT * MS
    f.spmr_left = 2
    r.spmrs_waiting += 1
    r.feeds[0][tsi(p.gsi, p.sport)] = f
    r.last = f
    return f


cdef void no_spmr(Receiver* r, Feed* f) noexcept nogil:
    if f.spmr_at:
        f.spmr_at = 0
        r.spmrs_waiting -= 1


cdef void later_spmr(Receiver* r, Feed* f, int64_t now) noexcept nogil:
    """It was asked for. The answer may be lost, and while data flows no other SPM comes for 30 s."""
    if not f.spmr_at:
        return
    f.spmr_tries += 1
    f.spmr_left = 2
    f.spmr_at = now + <int64_t>SPMR_AGAIN * MS * f.spmr_tries
    if f.spmr_tries == SPMR_TRIES:
        no_spmr(r, f)


cdef void sweep(Receiver* r, int64_t now) noexcept nogil:
    """Sources not heard of for long are forgotten."""
    cdef FeedMap.iterator it = r.feeds.begin()
    cdef Feed* f
    r.next_sweep = now + <int64_t>SWEEP * MS
    while it != r.feeds.end():
        f = dereference(it).second
        if now - f.heard > <int64_t>(FIN_EXPIRY if f.fin else EXPIRY) * MS:
            it = r.feeds.erase(it)
            feed_free(r, f)
        else:
            preincrement(it)


# ---------------------------------------------------------------- datagrams in

cdef void begin(Feed* f, uint32_t next) noexcept nogil:
    """RFC 3208, 6.1: what was sent before is not asked for."""
    f.defined = True
    f.next = next
    f.lead = next - 1


cdef int on_spm(Receiver* r, Feed* f, Packet* p, int64_t now) noexcept nogil:
    cdef uint32_t span = p.lead - p.trail + 1
    if f.has_spm and before(p.sqn, f.spm_sqn):
        return DROP_WINDOW
    f.has_spm = True
    f.spm_sqn = p.sqn
    f.nla = p.source
    no_spmr(r, f)
    if p.fin:
        f.fin = True
    if span > <uint32_t>0x7ffffffe:
        return TAKEN if span == <uint32_t>0x80000001 else DROP_WINDOW    # RFC 3208, 8.1: no window yet, or nonsense
    if not f.defined:
        begin(f, p.lead + 1)
        return TAKEN
    window_trail(r, f, p.trail)
    return window_lead(r, f, p.lead, now)


cdef int on_data(Receiver* r, Feed* f, Packet* p, int64_t now) noexcept nogil:
    if p.sqn - p.trail >= <uint32_t>0x7ffffffe:
        return DROP_WINDOW
    if not f.defined:
        if p.type == PGM_RDATA:
            return DROP_UNKNOWN          # a repair for somebody who was here before us
        begin(f, p.sqn)
    else:
        window_trail(r, f, p.trail)
    f.fin = False
    if p.type == PGM_ODATA:
        r.n.odata += 1
    else:
        r.n.rdata += 1
    return window_add(r, f, p.sqn, p.data, 0 if p.fragment else p.size, now)


cdef void heard_of(Receiver* r, Feed* f, uint32_t sqn, uint8_t state, int64_t now) noexcept nogil:
    """Somebody asked for it, or the source confirmed that: no need to ask now (RFC 3208, 6.3: NAK suppression)."""
    cdef Missing* m = window_find(f, sqn)
    if m == NULL or (state == WAIT_NCF and m.state != BACK_OFF):
        return
    if m.state == BACK_OFF and m.ncf_tries == 0 and m.data_tries == 0:
        r.n.suppressed += 1
        crowd_note(r, True)
    missing_take(r, m)
    missing_wait(r, m, state, now, repair_wait(m))


cdef int on_asked(Receiver* r, Feed* f, Packet* p, uint8_t state, int64_t now) noexcept nogil:
    """An NCF, or somebody else's NAK, for one or several."""
    cdef size_t g
    cdef int i, rc
    cdef uint32_t sqn
    cdef bint ours = False
    for g in range(r.groups.size()):
        ours |= same_nla(&p.group, &r.groups[0][g])
    if not ours:
        return DROP_NLA
    if not f.defined:
        return DROP_UNKNOWN
    f.group = p.group
    for i in range(p.n_list + 1):
        sqn = p.sqn if i == 0 else get4(p.sqns + 4 * (i - 1))
        if before(f.lead, sqn) and state == WAIT_DATA and sqn - f.next < r.cap:
            rc = window_lead(r, f, sqn, now)         # RFC 3208, 6.3: it was sent, or nobody would ask
            if rc != TAKEN:
                return rc
        heard_of(r, f, sqn, state, now)
    return TAKEN


cdef int judge(Receiver* r, Packet* p, const Nla* from_ip, int64_t now) noexcept nogil:
    cdef Feed* f
    cdef int rc
    if p.type == PGM_SPMR or p.type == PGM_NAK:
        # of another receiver: its ports are the other way round
        if p.sport != r.dport:
            return DROP_SESSION
        f = feed_of(r, p.gsi, p.dport)
        if f == NULL:
            return DROP_UNKNOWN
        if p.type == PGM_NAK:
            return on_asked(r, f, p, WAIT_NCF, now)
        later_spmr(r, f, now)
        return TAKEN
    if p.dport != r.dport:
        return DROP_SESSION
    if p.type != PGM_SPM and p.type != PGM_ODATA and p.type != PGM_RDATA and p.type != PGM_NCF:
        return DROP_TYPE
    f = feed_of(r, p.gsi, p.sport)
    if f == NULL:
        if p.type == PGM_NCF or p.type == PGM_RDATA:
            return DROP_UNKNOWN
        f = feed_new(r, p, from_ip, now)
        if f == NULL:
            return DROP_FULL
    f.heard = now
    if p.type == PGM_ODATA or p.type == PGM_RDATA:
        return on_data(r, f, p, now)
    if p.type == PGM_NCF:
        return on_asked(r, f, p, WAIT_DATA, now)
    rc = on_spm(r, f, p, now)
    if rc == TAKEN:
        r.n.spms += 1
    return rc


cdef int receiver_input(Receiver* r, const uint8_t* d, size_t n, const Nla* from_ip, int64_t now) noexcept nogil:
    """A datagram: TAKEN, or why it was dropped. What can be delivered is in r.out."""
    cdef Packet p
    cdef int verdict = pgm_parse(d, n, &p)
    turn(r, now)                         # or a timer set now would be taken for one that expired long ago
    if verdict == TAKEN:
        verdict = judge(r, &p, from_ip, now)
    if verdict != TAKEN:
        r.n.drops[verdict] += 1
    return verdict


cdef void receiver_resume(Receiver* r) noexcept nogil:
    """The application took some: deliver what had to wait."""
    cdef FeedMap.iterator it
    if not r.stalled:
        return
    r.stalled = r.stuffed = False
    it = r.feeds.begin()
    while it != r.feeds.end():
        window_deliver(r, dereference(it).second)
        preincrement(it)


cdef uint64_t receiver_losses(Receiver* r, vector[Loss]& found) noexcept nogil:
    """What was lost for good since the last call, by source; returned: the packets of sources that are forgotten."""
    cdef FeedMap.iterator it = r.feeds.begin()
    cdef uint64_t gone = r.untold
    cdef Feed* f
    cdef Loss loss
    r.untold = 0
    while it != r.feeds.end():
        f = dereference(it).second
        if f.untold:
            loss.gsi = f.gsi
            loss.sport = f.sport
            loss.from_ip = f.from_ip
            loss.packets = f.untold
            f.untold = 0
            found.push_back(loss)
        preincrement(it)
    return gone


# ---------------------------------------------------------------- timers and datagrams out

cdef void expire(Receiver* r, Missing* m, int64_t now, int64_t wait) noexcept nogil:
    cdef Feed* f = m.feed
    missing_take(r, m)
    if m.state == BACK_OFF:
        if f.has_spm:
            missing_due(r, m)
            return
        m.ncf_tries += 1                 # nobody knows yet where to send the NAK: an SPM will tell
    elif m.state == WAIT_NCF:
        m.ncf_tries += 1
    else:
        m.data_tries += 1
    if m.ncf_tries > NCF_RETRIES or m.data_tries > DATA_RETRIES:
        missing_wait(r, m, BACK_OFF, now, 0)         # in a list again, which missing_lost takes it from
        missing_lost(r, m)
        window_deliver(r, f)
        return
    missing_wait(r, m, BACK_OFF, now, wait)


cdef void turn(Receiver* r, int64_t now) noexcept nogil:
    """Expire the timers up to now."""
    cdef int64_t until = now // MS
    cdef Missing* m
    cdef Missing* last
    cdef int64_t wait
    cdef int i
    if until - r.tick > WHEEL:
        r.tick = until - WHEEL
    while r.tick < until:
        r.tick += 1
        i = <int>(r.tick & (WHEEL - 1))
        m = r.wheel[i]
        if m == NULL:
            continue
        wait = back_off(r)               # one for all that expire together: they are asked for together again
        last = r.wheel_tail[i]
        while m != NULL:
            expire(r, m, now, wait)
            if m == last:
                break
            m = r.wheel[i]


cdef bint pull_nak(Receiver* r, int64_t now, Datagram* out) noexcept nogil:
    """One NAK for one source."""
    cdef uint32_t sqns[NAK_MAX]
    cdef FeedMap.iterator it
    cdef Feed* f
    cdef Missing* m
    cdef int n = 0
    if r.dues == 0 or r.groups.empty():
        return False
    if now > r.nak_last:
        r.nak_tokens = min(r.nak_tokens + <double>(now - r.nak_last) * NAKS_PER_S / 1e9, <double>MOST_NAKS)
        r.nak_last = now
    if r.nak_tokens < 1:
        return False
    r.nak_tokens -= 1
    it = r.feeds.begin()
    while it != r.feeds.end() and dereference(it).second.due == NULL:
        preincrement(it)
    if it == r.feeds.end():
        return False
    f = dereference(it).second
    while n < NAK_MAX and f.due != NULL:
        m = f.due
        sqns[n] = m.sqn
        n += 1
        if m.ncf_tries == 0 and m.data_tries == 0:
            crowd_note(r, False)
            m.asked = now
        missing_take(r, m)
        missing_wait(r, m, WAIT_NCF, now, repair_wait(m))
    pgm_make_nak(out, PGM_NAK, r.dport, f.sport, f.gsi, sqns, n, &f.nla, &f.group if f.group.afi else &r.groups[0][0])
    out.to = f.nla
    r.n.naks += 1
    r.n.asked += n
    return True


cdef bint pull_spmr(Receiver* r, int64_t now, Datagram* out) noexcept nogil:
    """RFC 3208, 6.2: ask a new source for an SPM: all hear that, so that one asks; and the source itself."""
    cdef FeedMap.iterator it
    cdef Feed* f
    if r.spmrs_waiting == 0 or now < r.spmr_free_at:
        return False
    it = r.feeds.begin()
    while it != r.feeds.end():
        f = dereference(it).second
        if f.spmr_at and now >= f.spmr_at:
            pgm_make_spmr(out, r.dport, f.sport, f.gsi)
            f.spmr_left -= 1
            if f.spmr_left == 0:
                out.to = f.from_ip
                later_spmr(r, f, now)
                r.spmr_free_at = now + <int64_t>SPMR_GAP * MS
            r.n.spmrs += 1
            return True
        preincrement(it)
    return False


cdef bint receiver_pull(Receiver* r, int64_t now, Datagram* out) noexcept nogil:
    """The next datagram to send, if there is one now."""
    turn(r, now)
    if now >= r.next_sweep:
        sweep(r, now)
    return pull_nak(r, now, out) or pull_spmr(r, now, out)


cdef int64_t receiver_due(Receiver* r, int64_t now) noexcept nogil:
    """When receiver_pull is to be called next, as things stand."""
    cdef int64_t due = now + <int64_t>FAR * MS
    cdef FeedMap.iterator it
    cdef int i
    if r.dues and r.nak_tokens >= 1:
        return now
    if not r.feeds.empty():
        due = r.next_sweep
    if r.dues:
        due = min(due, max(now, r.nak_last) + 1000000000 // NAKS_PER_S)
    if r.n_missing:
        for i in range(1, WHEEL + 1):
            if r.wheel[(r.tick + i) & (WHEEL - 1)] != NULL:
                due = min(due, (r.tick + i) * MS)
                break
    if r.spmrs_waiting:
        it = r.feeds.begin()
        while it != r.feeds.end():
            if dereference(it).second.spmr_at:
                due = min(due, max(dereference(it).second.spmr_at, r.spmr_free_at))
            preincrement(it)
    return due
