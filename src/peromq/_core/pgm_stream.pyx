# What libzmq puts into ODATA, taken out again: an offset, and a stream of ZMTP 1 frames that begins anew after each loss. Whole messages
# go on, as ZMTP 3 frames.
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memmove

from peromq._core.flow cimport F_MORE, get_size8, put_header
from peromq._core.pgm cimport NO_OFFSET
from peromq._core.pgm_packet cimport get2

cdef enum:
    FIRST = 4096
    KEEP = 1 << 20               # an empty buffer larger than this is given back


cdef bint buffer_room(Buffer* b, size_t n) noexcept nogil:
    """Room for n octets behind what is there. False: out of memory."""
    cdef size_t cap = b.cap if b.cap else <size_t>FIRST
    cdef uint8_t* d
    if b.start == b.end:
        b.start = b.end = 0
    if b.cap - b.end >= n:
        return True
    if b.start >= b.cap >> 1 and b.cap - (b.end - b.start) >= n:
        memmove(b.data, b.data + b.start, b.end - b.start)
        b.end -= b.start
        b.start = 0
        return True
    while cap - b.end < n:
        cap *= 2
    d = <uint8_t*>realloc(b.data, cap)
    if d == NULL:
        return False
    b.data = d
    b.cap = cap
    return True


cdef bint buffer_add(Buffer* b, const uint8_t* d, size_t n) noexcept nogil:
    if not buffer_room(b, n):
        return False
    memcpy(b.data + b.end, d, n)
    b.end += n
    return True


cdef void buffer_free(Buffer* b) noexcept nogil:
    free(b.data)
    b.data = NULL
    b.start = b.end = b.cap = 0


cdef void drop_part(Receiver* r, Feed* f) noexcept nogil:
    """The unfinished message is no more, or has been handed on."""
    r.held -= f.part.end
    f.part.start = f.part.end = 0
    if f.part.cap > KEEP:
        buffer_free(&f.part)


cdef void stream_leave(Receiver* r, Feed* f) noexcept nogil:
    """Something is missing: nothing makes sense until a packet says where a message begins."""
    f.joined = False
    f.have = 0
    f.left = 0
    f.in_body = f.more = False
    drop_part(r, f)


cdef bint add_part(Receiver* r, Feed* f, const uint8_t* d, size_t n) noexcept nogil:
    """False: more than all sources together get."""
    if r.held + n > r.budget or not buffer_add(&f.part, d, n):
        return False
    r.held += n
    return True


cdef size_t frame_head(Receiver* r, Feed* f, uint64_t length, uint8_t flags, uint8_t* head) noexcept nogil:
    """A ZMTP 1 header says length (of flags and body) and flags: its like in ZMTP 3, and how long that is. 0: it cannot be."""
    cdef uint64_t n = length - 1
    if length == 0 or n >> 62 or (r.max_size >= 0 and n > <uint64_t>r.max_size):
        return 0
    f.left = n
    f.more = flags & 1
    return put_header(head, F_MORE if f.more else 0, n) - head


cdef size_t whole(Receiver* r, Feed* f, const uint8_t* d, size_t n, bint* good) noexcept nogil:
    """Between messages: hand on those that are whole in d. The octets taken; what follows them is the beginning of another."""
    cdef uint8_t head[9]
    cdef size_t at = 0
    cdef size_t taken = 0
    cdef size_t mark, k, long
    cdef uint64_t length
    good[0] = buffer_room(&r.out, n)            # no frame of ZMTP 3 is longer than its like of ZMTP 1
    mark = r.out.end
    while good[0] and n - at >= 2:
        if d[at] != 0xff:
            length = d[at]
            k = 1
        else:
            if n - at < 10:
                break
            length = get_size8(d + at + 1)
            k = 9
        if length > n - at - k:
            break
        long = frame_head(r, f, length, d[at + k], head)
        if long == 0:
            good[0] = False
            break
        memcpy(r.out.data + r.out.end, head, long)
        memcpy(r.out.data + r.out.end + long, d + at + k + 1, length - 1)
        r.out.end += long + length - 1
        at += k + length
        if not f.more:
            taken = at
            mark = r.out.end
            f.proved = True
    f.left = 0
    f.more = False
    r.out.end = mark
    return taken


cdef bint pieces(Receiver* r, Feed* f, const uint8_t* d, size_t n) noexcept nogil:
    """Any octets of the stream; the unfinished message grows. False: they cannot be."""
    cdef uint8_t head[9]
    cdef size_t k
    cdef bint good = True
    while n:
        if not f.in_body:
            if f.have == 0 and f.part.end == 0:
                k = whole(r, f, d, n, &good)
                if not good:
                    return False
                d += k
                n -= k
                if n == 0:
                    break
            f.head[f.have] = d[0]
            f.have += 1
            d += 1
            n -= 1
            if f.have < (10 if f.head[0] == 0xff else 2):
                continue
            if f.have == 10:
                k = frame_head(r, f, get_size8(f.head + 1), f.head[9], head)
            else:
                k = frame_head(r, f, f.head[0], f.head[1], head)
            f.have = 0
            if k == 0 or not add_part(r, f, head, k):
                return False
            f.in_body = True
        else:
            k = min(n, <size_t>f.left)
            if not add_part(r, f, d, k):
                return False
            d += k
            n -= k
            f.left -= k
        if f.left == 0:
            f.in_body = False
            if not f.more:
                if not buffer_add(&r.out, f.part.data, f.part.end):
                    return False
                f.proved = True
                drop_part(r, f)
    return True


cdef void stream_feed(Receiver* r, Feed* f, const uint8_t* d, size_t n) noexcept nogil:
    """An APDU, in its turn. One that cannot be decoded costs what is unfinished; the next message that begins goes on."""
    cdef size_t offset
    if n < 2:
        r.n.misfits += 1
        stream_leave(r, f)
        return
    if not f.joined:
        offset = get2(d)
        if offset == NO_OFFSET:
            return
        if offset > n - 2:
            r.n.misfits += 1
            return
        f.joined = True
        f.losing = False
        d += offset
        n -= offset
    if not pieces(r, f, d + 2, n - 2):
        r.n.misfits += 1
        stream_leave(r, f)
