# PGM (RFC 3208) as the data plane sees it: what a packet says, and the state of a source and of a receiver. No I/O, no clock and no
# randomness in here or in pgm_*.pyx but the carrier: `now` (ns, monotonic) and a seed are arguments. One thread owns a struct.
from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libcpp.deque cimport deque
from libcpp.unordered_map cimport unordered_map
from libcpp.vector cimport vector

cdef enum:                    # packet types (RFC 3208, 8)
    PGM_SPM = 0x00
    PGM_POLL = 0x01
    PGM_ODATA = 0x04
    PGM_RDATA = 0x05
    PGM_NAK = 0x08
    PGM_NNAK = 0x09
    PGM_NCF = 0x0A
    PGM_SPMR = 0x0C

cdef enum:                    # the header's options octet
    OPT_PRESENT = 0x01
    OPT_NETWORK = 0x02
    OPT_PARITY = 0x80

cdef enum:                    # what became of a datagram; the positive ones are drops, and index Counters.drops
    TAKEN = 0
    DROP_SHORT = 1            # too short for what it says it is
    DROP_CHECKSUM = 2
    DROP_TYPE = 3             # unknown, or not for us: POLL, another version
    DROP_OPTIONS = 4          # malformed
    DROP_NLA = 5              # unknown address family, or not our address
    DROP_SESSION = 6          # other ports or another GSI
    DROP_LENGTH = 7           # the TSDU length is not what is there
    DROP_WINDOW = 8           # an absurd window, or older than SPM's last
    DROP_DUPLICATE = 9
    DROP_PARITY = 10          # FEC: not spoken here
    DROP_FULL = 11            # it would cost more memory or time than a stranger gets
    DROP_UNKNOWN = 12         # about a source nobody knows
    DROPS = 13

cdef enum:
    HEADER = 16
    DATA_HEADER = 24
    NAK_MAX = 63              # sequence numbers in a NAK: one, and 62 in OPT_NAK_LIST
    CONTROL_MAX = 320         # the longest packet without data: a NAK with two IPv6 NLAs and a full list
    NO_OFFSET = 0xFFFF

cdef struct Nla:              # a network-layer address
    uint8_t afi               # 1 IPv4, 2 IPv6; 0 none
    uint8_t ip[16]

cdef struct Packet:           # a datagram, understood; points into it
    uint8_t type
    uint8_t options
    uint16_t sport
    uint16_t dport
    uint16_t tsdu
    uint64_t gsi
    uint32_t sqn              # of the SPM, the data, the first one asked for
    uint32_t trail
    uint32_t lead
    Nla source
    Nla group
    int n_list                # further sequence numbers of OPT_NAK_LIST
    const uint8_t* sqns
    bint fin
    bint fragment             # a part of an APDU of several packets
    const uint8_t* data
    uint32_t size

cdef struct Datagram:         # to be sent
    const uint8_t* data
    uint32_t size
    Nla to                    # afi 0: to the group
    uint8_t own[CONTROL_MAX]  # where `data` points for packets without data

cdef struct Bucket:           # a token bucket
    double rate               # octets per second
    double most
    double tokens
    int64_t last

# ---------------------------------------------------------------- the source

cdef struct TxPacket:         # its octets follow it
    TxPacket* next
    int64_t repaired          # when RDATA was last made of it
    uint32_t size
    uint32_t sqn
    int queued                # waits to be sent as RDATA
    uint8_t* data

cdef struct Packer:           # a stream of ZMTP 3 frames becomes one of ZMTP 1 frames, cut into APDUs
    uint8_t head[9]           # of the frame, as far as it has come
    uint32_t have
    uint64_t left             # octets of the body to come
    bint command              # ... which are dropped
    bint more
    bint inside               # of a message

cdef struct Asked:            # a NAK to be confirmed
    uint32_t sqns[NAK_MAX]
    int n

cdef struct SourceCounters:
    uint64_t odata
    uint64_t rdata
    uint64_t spms
    uint64_t ncfs
    uint64_t naks             # packets taken
    uint64_t octets           # of data sent, headers included
    uint64_t drops[DROPS]

cdef struct Source:
    uint64_t gsi
    uint16_t sport
    uint16_t dport
    Nla nla
    Nla group
    uint32_t overhead         # octets of IP and UDP header, which count against the rate
    uint32_t room             # octets of an APDU, offset included
    # transmit window
    TxPacket** ring
    uint32_t cap
    uint32_t next             # the next sequence number
    uint32_t trail
    TxPacket* open            # being filled
    TxPacket* ready           # full, not sent
    TxPacket* ready_tail
    uint32_t n_ready
    TxPacket* retired         # out of the window, but perhaps still in the hands of the carrier
    Packer packer
    # what is to be sent
    int spms                  # SPMs due now
    deque[Asked]* ncfs
    deque[uint32_t]* repairs
    bint confirmed            # an NCF was sent last: a repair comes first
    Bucket bucket
    Bucket repair_bucket
    double repair_share       # of what a repair takes, so much goes off the rate of the data
    # timers
    uint32_t spm_sqn
    int64_t ambient_at
    int64_t beat_at           # 0: the schedule has run out
    int beat
    bint ending               # no more data will come
    bint said_fin
    bint ended
    SourceCounters n

# ---------------------------------------------------------------- the receiver

cdef enum:
    BACK_OFF = 1
    WAIT_NCF = 2
    WAIT_DATA = 3
    WHEEL = 256               # milliseconds; no timer is longer

cdef struct Missing:          # a sequence number to be asked for
    Missing* prev
    Missing* next
    Feed* feed
    uint32_t sqn
    int16_t bucket            # of the wheel; -1: in the feed's list of those to ask for now
    uint8_t state
    uint8_t ncf_tries
    uint8_t data_tries
    int64_t asked             # when we first asked for it; 0: we have not

cdef struct Slot:             # of the receive window; neither: lost
    uint8_t* data             # size (4 octets), then the APDU
    Missing* missing

cdef struct Buffer:           # grows
    uint8_t* data
    size_t start
    size_t end
    size_t cap

cdef struct Feed:             # one source as a receiver knows it
    uint64_t gsi
    uint16_t sport
    Nla from_ip               # where its packets come from
    Nla nla                   # where it wants its NAKs, from its SPM
    Nla group                 # of its packets
    bint has_spm
    uint32_t spm_sqn
    bint defined              # next and lead mean something
    uint32_t next             # to deliver
    uint32_t lead
    Slot* ring                # of [next, lead]; a power of two
    uint32_t ring_size
    Missing* due              # to be asked for now, oldest first
    Missing* due_tail
    int64_t heard
    int64_t spmr_at           # 0: none to send
    int spmr_left             # 2: to the group, then 1: to the source
    int spmr_tries
    bint fin
    bint proved               # a message of it was delivered
    # the stream inside
    bint joined
    bint losing               # a loss was counted and nothing delivered since
    uint64_t untold           # packets lost for good that `receiver_losses` was not asked about yet
    double repair_ms          # from asking to having, smoothed; 0: not known
    double repair_dev         # and how much it varies
    uint8_t head[10]          # of the ZMTP 1 frame
    uint32_t have
    uint64_t left             # octets of the body to come
    bint in_body
    bint more
    Buffer part               # the unfinished message, in ZMTP 3 frames

ctypedef Feed* FeedPtr

cdef struct Loss:             # what was lost of a source
    uint64_t gsi
    uint16_t sport
    Nla from_ip
    uint64_t packets

cdef struct ReceiverCounters:
    uint64_t odata
    uint64_t rdata
    uint64_t spms
    uint64_t naks             # packets sent
    uint64_t asked            # sequence numbers in them
    uint64_t spmrs
    uint64_t suppressed       # not asked for, since somebody else did
    uint64_t losses           # events
    uint64_t lost             # packets
    uint64_t misfits          # APDUs that could not be decoded
    uint64_t evicted
    uint64_t drops[DROPS]

cdef struct Receiver:
    uint16_t dport
    vector[Nla]* groups       # the first one is where SPMRs go
    uint32_t cap              # of a receive window, packets
    int64_t max_size          # MAXMSGSIZE
    uint32_t max_feeds
    uint64_t random
    double crowd              # how often somebody else asked first, of late: 0 never, 1 always
    unordered_map[uint64_t, FeedPtr]* feeds
    Feed* last
    Missing* wheel[WHEEL]
    Missing* wheel_tail[WHEEL]
    int64_t tick              # the wheel has turned so far, ms
    uint32_t n_missing
    uint64_t held             # octets in windows and unfinished messages
    uint64_t budget
    double gap_tokens         # placeholders that may be made now
    int64_t gap_last
    double nak_tokens         # NAKs that may be sent now
    int64_t nak_last
    int64_t next_sweep        # for expired feeds
    int64_t spmr_free_at      # SPMRs are limited
    uint32_t spmrs_waiting
    uint32_t dues             # feeds with a non-empty due list
    bint stalled              # some feed could not deliver all
    bint stuffed              # ... and its window has taken what a slow application is granted
    uint64_t untold           # packets lost of sources that are forgotten
    Buffer out                # whole messages in ZMTP 3 frames
    ReceiverCounters n
