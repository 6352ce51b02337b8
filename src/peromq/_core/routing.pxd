from peromq._core.types cimport Pipe, PipeArray

cdef enum:
    IN = 0           # Sock.fq
    OUT = 1          # Sock.lb

cdef int array_add(PipeArray* a, Pipe* p, int which) noexcept nogil
cdef void array_remove(PipeArray* a, Pipe* p, int which) noexcept nogil
cdef void array_activate(PipeArray* a, Pipe* p, int which) noexcept nogil
cdef void array_deactivate(PipeArray* a, Pipe* p, int which) noexcept nogil


cdef inline int* place(Pipe* p, int which) noexcept nogil:
    return &p.idx_in if which == IN else &p.idx_out


cdef inline void array_turn(PipeArray* a) noexcept nogil:
    """The next one's turn."""
    a.cur += 1
    if a.cur >= a.active:
        a.cur = 0
