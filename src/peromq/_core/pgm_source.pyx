# A PGM source: a stream of ZMTP 3 frames goes out as ODATA; NAKs are confirmed and answered from the transmit window; SPMs say how far it
# reaches. Whoever owns it writes frames into it and pulls datagrams out of it, for as long as there are any.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset
from libcpp.deque cimport deque

from peromq._core.flow cimport F_COMMAND, F_LONG, F_MORE, get_size8
from peromq._core.pgm cimport (CONTROL_MAX, DATA_HEADER, DROP_FULL, DROP_NLA, DROP_SESSION, DROP_TYPE, NAK_MAX, NO_OFFSET,
                               PGM_NAK, PGM_NCF, PGM_NNAK, PGM_ODATA, PGM_RDATA, PGM_SPMR, TAKEN, Asked, Bucket, Packer, Packet, TxPacket)
from peromq._core.pgm_packet cimport (get4, pgm_header, pgm_make_nak, pgm_make_spm, pgm_parse, pgm_seal, put2, put4, same_nla)

cdef enum:
    MS = 1000000
    CONNECT_SPMS = 3             # as OpenPGM: at the beginning, and with FIN at the end
    AMBIENT = 30000              # ms
    BEATS = 8
    ENOUGH = 128                 # packets made ahead of what the rate allows
    MOST_NCFS = 64               # waiting; more NAKs at once are a flood
    FRAGMENT_ROOM = 20           # OpenPGM leaves room for OPT_LENGTH and OPT_FRAGMENT
    REPAIR_AGAIN = 20            # ms: what was repaired just now is not repaired again
    BURST = 10                   # ms worth of data that may go at once after a sleep that was too long
    MOST_BURST = 128 << 10       # octets; the usual receive buffer of a kernel takes no more at once
    LEAST_REPAIRS = 1000000      # octets per second that repairs and NCFs may always take
    MOST_SHARE = 2               # RATE divided by it: what repairs may take of it, however many are asked for


cdef int beat_after(int i) noexcept nogil:
    """Milliseconds from one heartbeat to the next (RFC 3208, 5.1.4: IHB_TMR, with libzmq's list as OpenPGM walks it)."""
    if i < 5:
        return 100
    if i == 5:
        return 1300
    return 7000 if i == 6 else 16000


# ---------------------------------------------------------------- the token bucket

cdef void bucket_init(Bucket* b, double rate, double least, int64_t now) noexcept nogil:
    """Bursts of some ms, or as OpenPGM's of one second where a packet takes longer than one ms."""
    b.rate = rate
    b.most = rate
    if rate / 1000 >= least:
        b.most = max(rate / 1000, min(rate * BURST / 1000, <double>MOST_BURST))
    if b.most < least:
        b.most = least
    b.tokens = b.most
    b.last = now


cdef void bucket_fill(Bucket* b, int64_t now) noexcept nogil:
    if now > b.last:
        b.tokens += <double>(now - b.last) * b.rate / 1e9
        if b.tokens > b.most:
            b.tokens = b.most
        b.last = now


cdef int64_t bucket_wait(Bucket* b, double n, int64_t now) noexcept nogil:
    """When n octets may go."""
    if b.tokens >= n:
        return now
    return b.last + <int64_t>((n - b.tokens) * 1e9 / b.rate) + 1


# ---------------------------------------------------------------- life

cdef Source* source_new(uint64_t gsi, uint16_t sport, uint16_t dport, const Nla* nla, const Nla* group, uint32_t sqns, uint32_t max_tpdu,
                        uint32_t overhead, double rate, int64_t now) noexcept nogil:
    """NULL: out of memory. max_tpdu includes IP and UDP headers, `overhead` octets; rate in octets per second."""
    cdef Source* s = <Source*>calloc(1, sizeof(Source))
    if s == NULL:
        return NULL
    s.gsi = gsi
    s.sport = sport
    s.dport = dport
    s.nla = nla[0]
    s.group = group[0]
    s.overhead = overhead
    s.room = max_tpdu - overhead - DATA_HEADER - FRAGMENT_ROOM
    s.cap = sqns if sqns else 1
    s.ring = <TxPacket**>calloc(s.cap, sizeof(TxPacket*))
    s.ncfs = new deque[Asked]()
    s.repairs = new deque[uint32_t]()
    if s.ring == NULL:
        source_free(s)
        return NULL
    bucket_init(&s.bucket, rate, max_tpdu, now)
    # What repairs take goes off the rate of the data, or a lossy receiver would get more than RATE, lose more, and ask for more
    bucket_init(&s.repair_bucket, max(rate / MOST_SHARE, <double>LEAST_REPAIRS), max_tpdu, now)
    s.repair_share = rate / MOST_SHARE / s.repair_bucket.rate
    s.spms = CONNECT_SPMS
    s.ambient_at = now + <int64_t>AMBIENT * MS
    return s


cdef void free_list(TxPacket* p) noexcept nogil:
    cdef TxPacket* n
    while p != NULL:
        n = p.next
        free(p)
        p = n


cdef void source_free(Source* s) noexcept nogil:
    cdef uint32_t i
    if s.ring != NULL:
        for i in range(s.next - s.trail):
            free(s.ring[(s.trail + i) % s.cap])
    free_list(s.open)
    free_list(s.ready)
    free_list(s.retired)
    free(s.ring)
    del s.ncfs
    del s.repairs
    free(s)


# ---------------------------------------------------------------- frames in

cdef TxPacket* opened(Source* s) noexcept nogil:
    """The packet being filled. Its offset is where the first message that begins in it does (libzmq: pgm_sender)."""
    cdef TxPacket* p = s.open
    cdef size_t size = DATA_HEADER + s.room
    if p == NULL:
        p = <TxPacket*>malloc(sizeof(TxPacket) + size)
        if p == NULL:
            return NULL
        memset(p, 0, sizeof(TxPacket))
        p.data = <uint8_t*>p + sizeof(TxPacket)
        p.size = DATA_HEADER + 2
        put2(p.data + DATA_HEADER, NO_OFFSET)
        s.open = p
    return p


cdef void source_flush(Source* s) noexcept nogil:
    """What is there goes out though the packet is not full."""
    cdef TxPacket* p = s.open
    if p == NULL or p.size == DATA_HEADER + 2:
        return
    if not s.packer.inside:
        note_start(s, p)
    s.open = NULL
    if s.ready == NULL:
        s.ready = p
    else:
        s.ready_tail.next = p
    s.ready_tail = p
    s.n_ready += 1


cdef inline void note_start(Source* s, TxPacket* p) noexcept nogil:
    """A message would begin here. As in libzmq also if none follows, but not at the end of a full packet."""
    cdef uint8_t* d = p.data + DATA_HEADER
    if d[0] == 0xff and d[1] == 0xff and p.size < DATA_HEADER + s.room:
        put2(d, p.size - DATA_HEADER - 2)


cdef bint append(Source* s, const uint8_t* d, size_t n) noexcept nogil:
    """False: out of memory."""
    cdef TxPacket* p
    cdef size_t k
    while n:
        p = opened(s)
        if p == NULL:
            return False
        k = min(n, <size_t>(DATA_HEADER + s.room - p.size))
        memcpy(p.data + p.size, d, k)
        p.size += <uint32_t>k
        d += k
        n -= k
        if p.size == DATA_HEADER + s.room:
            source_flush(s)
    return True


cdef bint begin_frame(Source* s) noexcept nogil:
    """The header of a ZMTP 3 frame has come: write that of ZMTP 1 (RFC 13: the length counts the flags, and comes first)."""
    cdef Packer* k = &s.packer
    cdef uint8_t flags = k.head[0]
    cdef uint8_t head[10]
    cdef uint32_t n = 2
    cdef TxPacket* p
    k.have = 0
    k.left = get_size8(k.head + 1) if flags & F_LONG else k.head[1]
    k.command = flags & F_COMMAND != 0
    if k.command:
        return True
    k.more = flags & F_MORE != 0
    if not k.inside:
        p = opened(s)
        if p == NULL:
            return False
        note_start(s, p)
    if k.left + 1 < 255:
        head[0] = <uint8_t>(k.left + 1)
    else:
        head[0] = 0xff
        put4(head + 1, <uint32_t>((k.left + 1) >> 32))
        put4(head + 5, <uint32_t>(k.left + 1))
        n = 10
    head[n - 1] = 1 if k.more else 0
    k.inside = True
    return append(s, head, n)


cdef int source_write(Source* s, const uint8_t* d, size_t n) noexcept nogil:
    """A piece of the stream, cut anywhere; commands in it are dropped. TAKEN, or DROP_FULL: out of memory, and nothing can follow."""
    cdef Packer* k = &s.packer
    cdef size_t take
    while n:
        if k.left == 0:
            k.head[k.have] = d[0]
            k.have += 1
            d += 1
            n -= 1
            if k.have < (9 if k.head[0] & F_LONG else 2):
                continue
            if not begin_frame(s):
                return DROP_FULL
        else:
            take = min(n, <size_t>k.left)
            if not k.command and not append(s, d, take):
                return DROP_FULL
            d += take
            n -= take
            k.left -= take
        if k.left == 0 and not k.command and not k.more:
            k.inside = False
    return TAKEN


cdef bint source_hungry(Source* s) noexcept nogil:
    """More frames are welcome: what was made is nearly gone."""
    return s.n_ready < ENOUGH and not s.ending


cdef void source_finish(Source* s) noexcept nogil:
    """No more frames will come. When all is sent, three SPMs with FIN follow, and then it has ended."""
    if not s.ending:
        source_flush(s)
        s.ending = True


cdef void source_abandon(Source* s) noexcept nogil:
    """Nothing more is to be sent but the goodbye."""
    free_list(s.open)
    free_list(s.ready)
    s.open = s.ready = s.ready_tail = NULL
    s.n_ready = 0
    s.repairs.clear()
    s.ncfs.clear()
    s.ending = True


# ---------------------------------------------------------------- datagrams in

cdef int judge(Source* s, Packet* p, int64_t now) noexcept nogil:
    cdef Asked a
    cdef TxPacket* t
    cdef uint32_t sqn
    cdef int i
    if p.sport != s.dport or p.dport != s.sport or p.gsi != s.gsi:
        return DROP_SESSION
    if p.type == PGM_SPMR:
        if s.spms == 0:
            s.spms = 1
        return TAKEN
    if p.type == PGM_NNAK:
        return TAKEN
    if p.type != PGM_NAK:
        return DROP_TYPE
    if not same_nla(&p.source, &s.nla) or not same_nla(&p.group, &s.group):
        return DROP_NLA
    if s.ncfs.size() >= MOST_NCFS:
        return DROP_FULL
    s.n.naks += 1
    a.n = min(p.n_list + 1, <int>NAK_MAX)
    a.sqns[0] = p.sqn
    for i in range(1, a.n):
        a.sqns[i] = get4(p.sqns + 4 * (i - 1))
    # RFC 3208, 6.3: an NCF for everything asked for, be it in the window or not
    s.ncfs.push_back(a)
    for i in range(a.n):
        sqn = a.sqns[i]
        if sqn - s.trail >= s.next - s.trail:
            continue
        t = s.ring[sqn % s.cap]
        if t.queued or (t.repaired and now - t.repaired < <int64_t>REPAIR_AGAIN * MS):
            continue
        t.queued = 1
        s.repairs.push_back(sqn)
    return TAKEN


cdef int source_input(Source* s, const uint8_t* d, size_t n, int64_t now) noexcept nogil:
    """A datagram for us: TAKEN, or why it was dropped."""
    cdef Packet p
    cdef int verdict = pgm_parse(d, n, &p)
    if verdict == TAKEN:
        verdict = judge(s, &p, now)
    if verdict != TAKEN:
        s.n.drops[verdict] += 1
    return verdict


# ---------------------------------------------------------------- datagrams out

cdef void source_moved(Source* s, const Nla* nla) noexcept nogil:
    """The host sends by new sockets, perhaps from another address: receivers are told where they reach it (RFC 3208, 5.1.3)."""
    s.nla = nla[0]
    s.spms = CONNECT_SPMS


cdef void source_begin(Source* s) noexcept nogil:
    """All datagrams pulled so far have been sent: their memory may go."""
    free_list(s.retired)
    s.retired = NULL


cdef void put_spm(Source* s, Datagram* out) noexcept nogil:
    pgm_make_spm(out, s.sport, s.dport, s.gsi, s.spm_sqn, s.trail, s.next - 1, &s.nla, s.said_fin)
    s.spm_sqn += 1
    s.n.spms += 1


cdef void restart_beats(Source* s, int64_t now) noexcept nogil:
    s.beat = 0
    s.beat_at = now + <int64_t>beat_after(0) * MS


cdef void put_data(Source* s, TxPacket* p, uint8_t type, int64_t now, Datagram* out) noexcept nogil:
    """Trail and checksum are those of now."""
    pgm_header(p.data, type, 0, s.sport, s.dport, s.gsi, <uint16_t>(p.size - DATA_HEADER))
    put4(p.data + 16, p.sqn)
    put4(p.data + 20, s.trail)
    pgm_seal(p.data, p.size)
    out.data = p.data
    out.size = p.size
    out.to.afi = 0
    s.n.octets += p.size + s.overhead
    restart_beats(s, now)


cdef void spend_repair(Source* s, uint32_t size) noexcept nogil:
    s.repair_bucket.tokens -= size + s.overhead
    s.bucket.tokens -= (size + s.overhead) * s.repair_share


cdef inline bint repair_first(Source* s) noexcept nogil:
    """NCFs spare NAKs, so they come first; in a flood of NAKs in turns with repairs, or there would be none."""
    return s.confirmed and not s.repairs.empty() and s.repair_bucket.tokens < s.repair_bucket.most / 2


cdef bint pull_repair(Source* s, int64_t now, Datagram* out) noexcept nogil:
    cdef TxPacket* p
    cdef uint32_t sqn
    while not s.repairs.empty():
        sqn = s.repairs.front()
        if sqn - s.trail >= s.next - s.trail:       # it left the window meanwhile
            s.repairs.pop_front()
            continue
        p = s.ring[sqn % s.cap]
        if s.repair_bucket.tokens < p.size + s.overhead:
            return False
        spend_repair(s, p.size)
        s.repairs.pop_front()
        s.confirmed = False
        p.queued = 0
        p.repaired = now
        put_data(s, p, PGM_RDATA, now, out)
        s.n.rdata += 1
        return True
    return False


cdef bint pull_data(Source* s, int64_t now, Datagram* out) noexcept nogil:
    cdef TxPacket* p = s.ready
    cdef TxPacket* old
    if p == NULL or s.bucket.tokens < p.size + s.overhead:
        return False
    s.bucket.tokens -= p.size + s.overhead
    s.ready = p.next
    s.n_ready -= 1
    p.next = NULL
    if s.next - s.trail == s.cap:
        old = s.ring[s.trail % s.cap]
        old.next = s.retired
        s.retired = old
        s.trail += 1
    p.sqn = s.next
    s.ring[s.next % s.cap] = p
    s.next += 1
    put_data(s, p, PGM_ODATA, now, out)
    s.n.odata += 1
    return True


cdef bint pull_spm(Source* s, int64_t now, Datagram* out) noexcept nogil:
    if s.spms:
        s.spms -= 1
    elif s.beat_at and now >= s.beat_at:
        s.beat += 1
        s.beat_at = now + <int64_t>beat_after(s.beat) * MS if s.beat < BEATS else 0
    elif now >= s.ambient_at:
        s.ambient_at = now + <int64_t>AMBIENT * MS
    else:
        return False
    put_spm(s, out)
    return True


cdef bint source_pull(Source* s, int64_t now, Datagram* out) noexcept nogil:
    """The next datagram to send, if there is one now. Its octets are good until source_begin is called after the next one was pulled."""
    cdef Asked a
    if s.ended:
        return False
    bucket_fill(&s.bucket, now)
    bucket_fill(&s.repair_bucket, now)
    if pull_spm(s, now, out):
        return True
    if not s.ncfs.empty() and not repair_first(s) and s.repair_bucket.tokens >= CONTROL_MAX:
        s.confirmed = True
        a = s.ncfs.front()
        s.ncfs.pop_front()
        pgm_make_nak(out, PGM_NCF, s.sport, s.dport, s.gsi, a.sqns, a.n, &s.nla, &s.group)
        spend_repair(s, out.size)
        s.n.ncfs += 1
        return True
    if pull_repair(s, now, out) or pull_data(s, now, out):
        return True
    if s.ending and s.ready == NULL and s.repairs.empty():
        if not s.said_fin:
            s.said_fin = True
            s.spms = CONNECT_SPMS
            return source_pull(s, now, out)
        s.ended = True
    return False


cdef int64_t source_due(Source* s, int64_t now) noexcept nogil:
    """When source_pull has something next, as things stand; ended: never."""
    cdef int64_t due = s.ambient_at
    cdef int64_t t
    if s.ended:
        return now + <int64_t>3600000 * MS
    if s.spms or (s.ending and s.ready == NULL and s.repairs.empty()):
        return now
    if s.beat_at:
        due = min(due, s.beat_at)
    if not s.ncfs.empty() and not repair_first(s):
        due = min(due, bucket_wait(&s.repair_bucket, CONTROL_MAX, now))
    if not s.repairs.empty():
        due = min(due, bucket_wait(&s.repair_bucket, s.room + s.overhead + DATA_HEADER, now))
    if s.ready != NULL:
        t = bucket_wait(&s.bucket, s.ready.size + s.overhead, now)
        due = min(due, t)
    return due
