# A Python window on what udp.pyx makes of a datagram's octets and of an address, for the tests and the fuzzer.
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t

from peromq._core.flow cimport FrameRef
from peromq._core.udp cimport Address, format_address, parse_address, split_datagram


def split(bytes datagram):
    """(group, body), or None if it is none."""
    cdef FrameRef group, body
    if not split_datagram(<const uint8_t*>PyBytes_AS_STRING(datagram), PyBytes_GET_SIZE(datagram), &group, &body):
        return None
    return (<const char*>group.data)[:group.size], (<const char*>body.data)[:body.size]


def address(bytes text):
    """The address as DGRAM would show it, or None."""
    cdef Address a
    cdef char[64] out
    if parse_address(<const uint8_t*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text), &a) == 0:
        return None
    return out[:format_address(&a, out)]
