from libcpp.string cimport string

from peromq._core.types cimport Pipe, Sock, Terms

cdef Terms* terms_new() noexcept nogil
cdef void terms_unref(Terms* t) noexcept nogil
cdef Terms* terms_own(Sock* s) noexcept nogil
cdef void set_text(string** kept, const string* value) noexcept nogil


cdef inline Terms* terms_of(const Pipe* p) noexcept nogil:
    """Those that p is under. Under its socket's lock."""
    return p.terms if p.terms != NULL else p.sock.terms


cdef inline Terms* terms_ref(Terms* t) noexcept nogil:
    t.refs.fetch_add(1)
    return t
