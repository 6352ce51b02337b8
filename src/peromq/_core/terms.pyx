# Options that a connection keeps from its endpoint's bind or connect (zmq_setsockopt: most options act on later ones only), so that one
# socket may have endpoints of several kinds. Setting one of them makes a copy if somebody refers to those there are.
from libc.stdlib cimport calloc, free
from libcpp.string cimport string

from peromq._core.types cimport Sock, Terms


cdef Terms* terms_new() noexcept nogil:
    cdef Terms* t = <Terms*>calloc(1, sizeof(Terms))
    if t == NULL:
        return NULL
    t.refs.store(1)
    t.max_size = -1
    t.hb_timeout = -1
    return t


cdef void terms_unref(Terms* t) noexcept nogil:
    if t == NULL or t.refs.fetch_sub(1) != 1:
        return
    if t.hello != NULL:
        del t.hello
    if t.farewell != NULL:
        del t.farewell
    if t.hiccup != NULL:
        del t.hiccup
    free(t)


cdef Terms* terms_own(Sock* s) noexcept nogil:
    """Those of the next bind or connect, to be changed; NULL: no memory. Under the socket's lock."""
    cdef Terms* old = s.terms
    cdef Terms* t
    if old.refs.load() == 1:
        return old
    t = terms_new()
    if t == NULL:
        return NULL
    t.max_size = old.max_size
    t.hb_ivl = old.hb_ivl
    t.hb_timeout = old.hb_timeout
    t.hb_ttl = old.hb_ttl
    t.conflate = old.conflate
    t.notify = old.notify
    if old.hello != NULL:
        set_text(&t.hello, old.hello)
    if old.farewell != NULL:
        set_text(&t.farewell, old.farewell)
    if old.hiccup != NULL:
        set_text(&t.hiccup, old.hiccup)
    s.terms = t
    terms_unref(old)
    return t


cdef void set_text(string** kept, const string* value) noexcept nogil:
    if kept[0] == NULL:
        kept[0] = new string()
    kept[0].assign(value[0])
