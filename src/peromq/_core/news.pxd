from libc.stdint cimport uint8_t
from peromq._core.types cimport Pipe, Sock, Totals

cdef enum:
    NEWS_LOOK = 32               # besides NEWS_* of types.pxd: nothing to tell yet, but the socket should look what has come

cdef void news_look(Pipe* p) noexcept nogil
cdef void news_post(Pipe* p, int what) noexcept nogil
cdef int news_take(Sock* s, Pipe* p) noexcept nogil
cdef void news_topic(Sock* s, Pipe* p, const uint8_t* topic, size_t n) noexcept nogil
cdef void count_drop(Pipe* p) noexcept nogil
cdef void count_unroutable(Sock* s) noexcept nogil
cdef void count_gone(Sock* s, Pipe* p) noexcept nogil
cdef size_t count_kept(Pipe* p) noexcept nogil
cdef void tally(Pipe* p, Totals* t) noexcept nogil
