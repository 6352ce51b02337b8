# Sets and maps of pointers.
cdef struct PointerMap:
    void** cells      # per slot the key (NULL: free) and, if width is 2, its value; NULL: no slots yet
    size_t count
    size_t mask       # slots - 1
    int shift         # 64 - log2(slots)
    int width         # 1: a set, 2: a map

cdef PointerMap* map_new(int width) noexcept nogil
cdef void map_free(PointerMap* self) noexcept nogil
cdef void** map_find(const PointerMap* self, const void* key) noexcept nogil
cdef void** map_put(PointerMap* self, void* key) noexcept nogil
cdef bint map_drop(PointerMap* self, const void* key) noexcept nogil

cdef inline void** map_next(const PointerMap* self, void** cell) noexcept nogil:
    """The used cell after `cell`, the first if that is NULL; NULL at the end."""
    cdef void** end
    if self.cells == NULL:
        return NULL
    end = self.cells + (self.mask + 1) * self.width
    cell = self.cells if cell == NULL else cell + self.width
    while cell < end:
        if cell[0] != NULL:
            return cell
        cell += self.width
    return NULL
