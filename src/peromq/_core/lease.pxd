from peromq._core.types cimport Group, IoThread, Sock

cdef Group* group_for(Sock* s, IoThread* io) noexcept nogil
cdef void group_drop(Group* g) noexcept nogil
cdef void free_groups(IoThread* io) noexcept nogil
cdef bint lease_take(Group* g) noexcept nogil
cdef void lease_return(Group* g) noexcept nogil
cdef void lease_borrow(Group* g) noexcept nogil
cdef bint lease_held(Group* g) noexcept nogil
cdef void lease_drop(Group* g) noexcept nogil
cdef void expire_leases(IoThread* io) noexcept nogil
