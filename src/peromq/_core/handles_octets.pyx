# Octets of a handshake, to and from a non-blocking connection, with the GIL held.
#
# Python's own calls let go of it each time. They end within microseconds, but an application that computes takes it meanwhile and
# gives it back after 5 ms: handshakes then come at a tenth of their rate.
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_SetFromErrno
from libc.errno cimport EINTR, errno

from peromq._core.sysio cimport MSG_DONTWAIT, MSG_NOSIGNAL, sys_recv, sys_send

cdef enum:
    MOST = 8192


def receive(int descriptor):
    """What there is, 8 KiB at the most; b"" at the end. BlockingIOError if there is nothing yet, OSError."""
    cdef char[MOST] room
    cdef ssize_t got = sys_recv(descriptor, room, MOST, MSG_DONTWAIT)
    while got < 0 and errno == EINTR:
        got = sys_recv(descriptor, room, MOST, MSG_DONTWAIT)
    if got < 0:
        PyErr_SetFromErrno(OSError)     # for EAGAIN a BlockingIOError
    return PyBytes_FromStringAndSize(room, got)


def send(int descriptor, bytes octets not None):
    """How many of them the kernel took. BlockingIOError if it takes none now, OSError."""
    cdef const char* start = PyBytes_AS_STRING(octets)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(octets)
    cdef ssize_t sent = sys_send(descriptor, start, size, MSG_DONTWAIT | MSG_NOSIGNAL)
    while sent < 0 and errno == EINTR:
        sent = sys_send(descriptor, start, size, MSG_DONTWAIT | MSG_NOSIGNAL)
    if sent < 0:
        PyErr_SetFromErrno(OSError)     # for EAGAIN a BlockingIOError
    return sent
