# What stands between an established connection's wire and its plain ZMTP 3 frames: encryption, other framings. One implementation is
# one CodecKind, a table of functions that never block, take the GIL or do I/O; the driver in coded_in.pyx and coded_out.pyx calls them
# with what the kernel gave or the queue holds, and owns every buffer. docs/contracts.md, "Codecs", says how to add one.
#
# What comes from the wire is made of units: a head, then a body. A unit becomes one plain frame, or none. What goes out is one unit for
# each plain frame.
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from peromq._core.flow cimport Chunk

cdef enum:                    # Unit.form
    UNIT_FRAME = 0            # makes a plain frame of at most `size` octets
    UNIT_IN_PLACE = 1         # likewise, of exactly `body` octets: the body may be opened where it lies
    UNIT_NONE = 2             # makes no frame; `size` is not looked at

cdef enum:
    MAX_HEAD = 64             # octets of a unit's head
    MAX_LAST = 160
    UNSPECIFIED = 0x10000000  # ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED: what has no number of its own

cdef struct Unit:
    size_t head               # octets before the body
    size_t body               # octets of the body as it comes
    size_t size               # octets of the plain frame's body, if it makes one
    int form

cdef struct CodecKind:
    # Look at the first n octets of a unit. 1: u is filled. 0: n are too few to tell. < 0: minus the reason why this cannot go on, an
    # errno or a ZMQ_PROTOCOL_ERROR_*. Called again for the same unit as more arrives; changes nothing. Must not need more than MAX_HEAD.
    int (*peek)(Codec* k, const uint8_t* d, size_t n, Unit* u) noexcept nogil
    # Turn a whole unit into its plain frame: its body to dst, which is src or does not overlap it, has room for u.size octets, and is
    # NULL for a UNIT_NONE. Sets flags to F_MORE | F_COMMAND as due and u.size to the octets written. 0, or minus the reason.
    int (*open)(Codec* k, const uint8_t* head, const uint8_t* src, Unit* u, uint8_t* dst, uint8_t* flags) noexcept nogil
    # Octets on the wire of a plain frame, exactly, always the same for the same arguments
    size_t (*wire_size)(Codec* k, uint8_t flags, size_t n) noexcept nogil
    # Turn a plain frame into wire_size() octets at `out`. 0, or minus the reason.
    int (*seal)(Codec* k, uint8_t flags, const uint8_t* body, size_t n, uint8_t* out) noexcept nogil
    # May be NULL: the connection ends. At most MAX_LAST octets to `out` that the peer is told so with, if they go out at once; how many.
    uint32_t (*last_word)(Codec* k, uint8_t* out) noexcept nogil
    # Wipe and free
    void (*free)(Codec* k) noexcept nogil

cdef struct Codec:            # the first member of each implementation's own struct, which calloc makes
    const CodecKind* kind     # const
    void* conn                # const: Conn*, for codec_say
    # reading: owner rd
    uint8_t* in_data          # octets of the wire not turned into frames yet, from in_pos to in_end
    size_t in_cap
    size_t in_pos
    size_t in_end
    uint8_t head[MAX_HEAD]    # of the unit whose body goes to Conn.body
    Unit unit
    uint8_t pong[16]          # the context of an answered PING that did not come as a frame
    uint32_t pong_len
    # writing: owner wr
    uint8_t* out_data         # sealed, to be written from out_pos to out_end
    size_t out_cap
    size_t out_pos
    size_t out_end
    size_t out_at             # where the frame at Conn.cur, Conn.cpos begins in it
    Chunk* sealed             # the next plain octet to be sealed: Conn.cur, Conn.cpos are behind while out_data holds something
    size_t sealed_pos
    uint64_t sealed_pub       # what `sealed` showed
    int caught_up             # ... and all of that is sealed
    uint8_t say[160]          # octets that wait to go out between two units
    uint32_t say_len
