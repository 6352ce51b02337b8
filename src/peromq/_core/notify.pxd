from libc.stdint cimport int64_t
from peromq._core.types cimport Conn, Engine, IoThread, Link, Pipe, Sock

cdef void post_event(Pipe* p, int bits) noexcept nogil
cdef void wake_sock(Sock* s) noexcept nogil
cdef void wake_for_peer(Sock* s) noexcept nogil
cdef void engine_post(Engine* e, int64_t kind, int64_t token, int64_t value) noexcept nogil
cdef void io_wake(IoThread* io) noexcept nogil
cdef void io_mark_dirty(Conn* c, int bits) noexcept nogil
cdef void io_introduce(Conn* c) noexcept nogil
cdef void conn_fail(Conn* c, int reason) noexcept nogil
cdef void conn_unref(Conn* c) noexcept nogil
cdef void pipe_unref(Pipe* p) noexcept nogil
cdef void sock_unref(Sock* s) noexcept nogil
cdef void link_post(Pipe* p, int bits) noexcept nogil
cdef void link_leave(Pipe* p) noexcept nogil
