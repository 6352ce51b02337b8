# What a peer may say once its handshake is over, frame by frame. Under rlock.
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcmp, memcpy
from libcpp.atomic cimport memory_order_relaxed

from peromq._core.confirm cimport confirm_pong
from peromq._core.flow cimport F_COMMAND, F_MORE
from peromq._core.notify cimport io_mark_dirty
from peromq._core.sysio cimport pthread_mutex_lock, pthread_mutex_unlock
from peromq._core.types cimport DIRTY_LOOK


cdef int handle_command(Conn* c, const uint8_t* d, size_t n) noexcept nogil:
    """A command in traffic: 0 drop it, 1 hand it to the application, -1 protocol error."""
    cdef size_t k
    if n < 1 or d[0] == 0 or n < 1 + <size_t>d[0]:
        return 0                                    # unknown or malformed commands are ignored, as libzmq does
    if d[0] == 4 and memcmp(d + 1, b"PING", 4) == 0:
        if n < 7:
            return 0                                # RFC 37: ping = command-size %d4 "PING" ping-ttl ping-context
        c.ttl_until.store((<int64_t>d[5] << 8 | d[6]) * 100000000, memory_order_relaxed)
        k = n - 7
        if k > 16:
            k = 16                                  # RFC 37: ping-context = 0*16OCTET; libzmq truncates longer ones
        pthread_mutex_lock(&c.wlock)
        if c.cmd_pos == 0:                          # else a PING or PONG is on its way to the kernel: one more is not needed
            c.cmd[0] = F_COMMAND
            c.cmd[1] = <uint8_t>(5 + k)
            c.cmd[2] = 4
            memcpy(&c.cmd[3], b"PONG", 4)
            memcpy(&c.cmd[7], d + 7, k)
            c.cmd_len = <uint32_t>(7 + k)
        pthread_mutex_unlock(&c.wlock)
        io_mark_dirty(c, DIRTY_LOOK)
        return 0
    if d[0] == 4 and c.asks and memcmp(d + 1, b"PONG", 4) == 0:
        confirm_pong(c, d + 5, n - 5)
        return 0
    if c.keep_subs:
        if d[0] == 9 and n >= 10 and memcmp(d + 1, b"SUBSCRIBE", 9) == 0:
            return 1
        if d[0] == 6 and n >= 7 and memcmp(d + 1, b"CANCEL", 6) == 0:
            return 1
    if c.keep_joins:                                # RFC 48: group = 0*255OCTET
        if d[0] == 4 and n >= 5 and memcmp(d + 1, b"JOIN", 4) == 0:
            return 1 if n <= 5 + 255 else -1
        if d[0] == 5 and n >= 6 and memcmp(d + 1, b"LEAVE", 5) == 0:
            return 1 if n <= 6 + 255 else -1
    return 0


cdef int check_group(Conn* c, uint8_t flags, size_t n) noexcept nogil:
    """DISH accepts only messages of a group and a body (RFC 48; libzmq closes otherwise)."""
    if c.check == 4:
        if not flags & F_MORE or n > 255:
            return -1
        c.check = 5
    else:
        if flags & F_MORE:
            return -1
        c.check = 4
    return 0
