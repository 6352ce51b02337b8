# Whose turn it is: pipes in an array, the active ones first, one cursor. Fair queue and load balancer are both this.
from libc.stdlib cimport realloc


cdef inline void put(PipeArray* a, int i, Pipe* p, int which) noexcept nogil:
    a.v[i] = p
    place(p, which)[0] = i


cdef inline void swap(PipeArray* a, int i, int k, int which) noexcept nogil:
    cdef Pipe* p = a.v[i]
    put(a, i, a.v[k], which)
    put(a, k, p, which)


cdef int array_add(PipeArray* a, Pipe* p, int which) noexcept nogil:
    """Add p, active. 0, or -1 when out of memory."""
    cdef Pipe** v
    if a.n == a.cap:
        v = <Pipe**>realloc(a.v, (a.cap * 2 + 4) * sizeof(Pipe*))
        if v == NULL:
            return -1
        a.v = v
        a.cap = a.cap * 2 + 4
    put(a, a.n, p, which)
    a.n += 1
    array_activate(a, p, which)
    return 0


cdef void array_activate(PipeArray* a, Pipe* p, int which) noexcept nogil:
    cdef int i = place(p, which)[0]
    if i < 0 or i < a.active:
        return
    swap(a, i, a.active, which)
    a.active += 1


cdef void array_deactivate(PipeArray* a, Pipe* p, int which) noexcept nogil:
    """The order of the others is kept as far as one swap keeps it; the one that moves into p's place is next."""
    cdef int i = place(p, which)[0]
    if i < 0 or i >= a.active:
        return
    a.active -= 1
    swap(a, i, a.active, which)
    if a.cur >= a.active:
        a.cur = 0


cdef void array_remove(PipeArray* a, Pipe* p, int which) noexcept nogil:
    cdef int i = place(p, which)[0]
    if i < 0:
        return
    array_deactivate(a, p, which)
    i = place(p, which)[0]
    a.n -= 1
    swap(a, i, a.n, which)
    place(p, which)[0] = -1
