# A Python window on a PGM source and receiver, for their tests and for simulations: the caller is the network and the clock.
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy
from libcpp.vector cimport vector

from peromq._core.handles_pgm import DROPS as NAMES
from peromq._core.pgm cimport DROPS, Datagram, Loss, Nla, Packet, Receiver, Source
from peromq._core.pgm_packet cimport pgm_parse
from peromq._core.pgm_receiver cimport (receiver_due, receiver_free, receiver_input, receiver_losses, receiver_new, receiver_pull,
                                        receiver_resume)
from peromq._core.pgm_source cimport (source_begin, source_due, source_finish, source_flush, source_free, source_hungry, source_input,
                                      source_new, source_pull, source_write)


cdef Nla address(bytes ip):
    cdef Nla n
    n.afi = 1 if PyBytes_GET_SIZE(ip) == 4 else 2
    memcpy(n.ip, PyBytes_AS_STRING(ip), 4 if n.afi == 1 else 16)
    return n


cdef object told(Datagram* d):
    """(octets, address or None for the group)"""
    to = None
    if d.to.afi:
        to = PyBytes_FromStringAndSize(<char*>d.to.ip, 4 if d.to.afi == 1 else 16)
    return PyBytes_FromStringAndSize(<const char*>d.data, d.size), to


def parse(bytes data):
    """Why a datagram would be dropped, or "" and what it says: (reason, {field: value})."""
    cdef Packet p
    cdef int rc = pgm_parse(<const uint8_t*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), &p)
    if rc:
        return NAMES[rc], {}
    return "", {"type": p.type, "sport": p.sport, "dport": p.dport, "gsi": p.gsi, "tsdu": p.tsdu, "sqn": p.sqn, "trail": p.trail,
                "lead": p.lead, "list": p.n_list, "fin": bool(p.fin), "data": p.data[:p.size] if p.data != NULL else b""}


cdef class SourceWindow:
    cdef Source* s

    def __cinit__(self, *, uint64_t gsi=0xb7c6d1bc038a, int sport=0x4260, int dport=0xb1f3, bytes nla=b"\x7f\0\0\1",
                  bytes group=b"\xef\xc0\1\1", int sqns=80, int max_tpdu=1500, int overhead=28, double rate=1e9, int64_t now=0):
        cdef Nla own = address(nla)
        cdef Nla to = address(group)
        self.s = source_new(gsi, sport, dport, &own, &to, sqns, max_tpdu, overhead, rate, now)
        if self.s == NULL:
            raise MemoryError

    def __dealloc__(self):
        if self.s != NULL:
            source_free(self.s)

    def write(self, bytes frames, bint flush=True):
        """Octets of a ZMTP 3 stream; `flush`: nothing more is coming now."""
        source_write(self.s, <const uint8_t*>PyBytes_AS_STRING(frames), PyBytes_GET_SIZE(frames))
        if flush and not self.s.packer.inside:
            source_flush(self.s)

    def finish(self):
        source_finish(self.s)

    def feed(self, bytes datagram, int64_t now):
        """"" or the reason for dropping it."""
        return NAMES[source_input(self.s, <const uint8_t*>PyBytes_AS_STRING(datagram), PyBytes_GET_SIZE(datagram), now)]

    def pull(self, int64_t now, limit=None):
        """What is to be sent now: [(octets, address or None for the group)]."""
        cdef Datagram d
        found = []
        source_begin(self.s)
        while (limit is None or len(found) < limit) and source_pull(self.s, now, &d):
            found.append(told(&d))
        return found

    def due(self, int64_t now):
        return source_due(self.s, now)

    @property
    def hungry(self):
        return bool(source_hungry(self.s))

    @property
    def ended(self):
        return bool(self.s.ended)

    @property
    def waiting(self):
        """Packets made and not sent."""
        return self.s.n_ready

    @property
    def window(self):
        return self.s.trail, (self.s.next - 1) & 0xffffffff

    @property
    def next_sqn(self):
        return self.s.next

    @next_sqn.setter
    def next_sqn(self, value):
        """Before anything is sent: where the sequence numbers begin."""
        self.s.next = self.s.trail = value

    def stats(self):
        found = {"odata": self.s.n.odata, "rdata": self.s.n.rdata, "spms": self.s.n.spms, "ncfs": self.s.n.ncfs, "naks": self.s.n.naks}
        for i in range(1, DROPS):
            found["drop_" + NAMES[i]] = self.s.n.drops[i]
        return found


cdef class ReceiverWindow:
    cdef Receiver* r

    def __cinit__(self, *, int dport=0xb1f3, groups=(b"\xef\xc0\1\1",), int sqns=80, int max_tpdu=1500, int64_t max_size=-1,
                  int max_feeds=256, uint64_t seed=1, int64_t now=0):
        self.r = receiver_new(dport, sqns, max_tpdu, max_size, max_feeds, seed, now)
        if self.r == NULL:
            raise MemoryError
        for g in groups:
            self.r.groups.push_back(address(g))

    def __dealloc__(self):
        if self.r != NULL:
            receiver_free(self.r)

    def feed(self, bytes datagram, int64_t now, bytes source=b"\x7f\0\0\1"):
        """"" or the reason for dropping it."""
        cdef Nla ip = address(source)
        return NAMES[receiver_input(self.r, <const uint8_t*>PyBytes_AS_STRING(datagram), PyBytes_GET_SIZE(datagram), &ip, now)]

    def pull(self, int64_t now, limit=None):
        """What is to be sent now: [(octets, address or None for the group)]."""
        cdef Datagram d
        found = []
        while (limit is None or len(found) < limit) and receiver_pull(self.r, now, &d):
            found.append(told(&d))
        return found

    def due(self, int64_t now):
        return receiver_due(self.r, now)

    def take(self, limit=None):
        """Octets of the ZMTP 3 stream for the application, all or at most `limit`."""
        cdef size_t n = self.r.out.end - self.r.out.start
        if limit is not None:
            n = min(n, <size_t>limit)
        found = PyBytes_FromStringAndSize(<char*>self.r.out.data + self.r.out.start, n)
        self.r.out.start += n
        if self.r.out.start == self.r.out.end:
            receiver_resume(self.r)
        return found

    @property
    def waiting(self):
        """Octets that `take` would give."""
        return self.r.out.end - self.r.out.start

    @property
    def stalled(self):
        return bool(self.r.stalled)

    @property
    def stuffed(self):
        """The application is so slow that no more should be fed."""
        return bool(self.r.stuffed)

    def losses(self):
        """Packets lost for good since the last call: {source port: packets}; 0: of sources that are forgotten."""
        cdef vector[Loss] found
        cdef uint64_t gone = receiver_losses(self.r, found)
        told = {found[i].sport: found[i].packets for i in range(found.size())}
        return told | {0: gone} if gone else told

    @property
    def missing(self):
        return self.r.n_missing

    @property
    def held(self):
        """Octets in windows and unfinished messages."""
        return self.r.held

    @property
    def sources(self):
        return self.r.feeds.size()

    def stats(self):
        found = {"odata": self.r.n.odata, "rdata": self.r.n.rdata, "spms": self.r.n.spms, "naks": self.r.n.naks, "asked": self.r.n.asked,
                 "spmrs": self.r.n.spmrs, "suppressed": self.r.n.suppressed, "losses": self.r.n.losses, "lost": self.r.n.lost,
                 "misfits": self.r.n.misfits, "evicted": self.r.n.evicted}
        for i in range(1, DROPS):
            found["drop_" + NAMES[i]] = self.r.n.drops[i]
        return found
