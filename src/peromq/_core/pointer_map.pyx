# Sets and maps of pointers: open addressing with linear probing.
from libc.stdint cimport uint64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

cdef enum:
    SLOTS_MIN = 4


cdef PointerMap* map_new(int width) noexcept nogil:
    cdef PointerMap* self = <PointerMap*>calloc(1, sizeof(PointerMap))
    if self != NULL:
        self.width = width
    return self


cdef void map_free(PointerMap* self) noexcept nogil:
    if self != NULL:
        free(self.cells)
        free(self)


cdef inline size_t map_home(const PointerMap* self, const void* key) noexcept nogil:
    # Fibonacci hashing: addresses differ in their middle bits, the product spreads those to the top.
    return <size_t>((<uint64_t><uintptr_t>key * <uint64_t>11400714819323198485ULL) >> self.shift)


cdef void** map_find(const PointerMap* self, const void* key) noexcept nogil:
    """The cell of `key`, or NULL."""
    cdef size_t slot
    if self.cells == NULL:
        return NULL
    slot = map_home(self, key)
    while self.cells[slot * self.width] != NULL:
        if self.cells[slot * self.width] == key:
            return &self.cells[slot * self.width]
        slot = (slot + 1) & self.mask
    return NULL


cdef void** map_claim(PointerMap* self, void* key) noexcept nogil:
    """A cell for `key`, which is not there yet. There must be room."""
    cdef size_t slot = map_home(self, key)
    while self.cells[slot * self.width] != NULL:
        slot = (slot + 1) & self.mask
    self.cells[slot * self.width] = key
    return &self.cells[slot * self.width]


cdef bint map_resize(PointerMap* self, size_t slots) noexcept nogil:
    cdef PointerMap bigger
    cdef void** cell
    cdef size_t i
    bigger.cells = <void**>calloc(slots * self.width, sizeof(void*))
    if bigger.cells == NULL:
        return False
    bigger.width = self.width
    bigger.count = self.count
    bigger.mask = slots - 1
    bigger.shift = 64
    while slots > 1:
        slots >>= 1
        bigger.shift -= 1
    if self.cells != NULL:
        for i in range(self.mask + 1):
            if self.cells[i * self.width] != NULL:
                cell = map_claim(&bigger, self.cells[i * self.width])
                if self.width == 2:
                    cell[1] = self.cells[i * 2 + 1]
        free(self.cells)
    self[0] = bigger
    return True


cdef void** map_put(PointerMap* self, void* key) noexcept nogil:
    """The cell of `key`, made if need be (with a value of NULL), or NULL: out of memory."""
    cdef void** cell = map_find(self, key)
    cdef bint ok = True
    if cell != NULL:
        return cell
    if self.cells == NULL:
        ok = map_resize(self, SLOTS_MIN)
    elif (self.count + 1) * 4 > (self.mask + 1) * 3:
        ok = map_resize(self, (self.mask + 1) * 2)
    if not ok:
        return NULL
    self.count += 1
    return map_claim(self, key)


cdef bint map_drop(PointerMap* self, const void* key) noexcept nogil:
    """Whether `key` was there."""
    cdef void** cell = map_find(self, key)
    cdef size_t hole
    cdef size_t slot
    if cell == NULL:
        return False
    # No tombstones: close the gap with the later members of the run that may stand there.
    hole = slot = <size_t>(cell - self.cells) // self.width
    while True:
        slot = (slot + 1) & self.mask
        cell = &self.cells[slot * self.width]
        if cell[0] == NULL:
            break
        if ((slot - map_home(self, cell[0])) & self.mask) >= ((slot - hole) & self.mask):
            memcpy(&self.cells[hole * self.width], cell, self.width * sizeof(void*))
            hole = slot
    self.cells[hole * self.width] = NULL
    if self.width == 2:
        self.cells[hole * 2 + 1] = NULL
    self.count -= 1
    if self.mask + 1 > SLOTS_MIN and self.count * 8 < self.mask + 1:
        map_resize(self, (self.mask + 1) // 2)    # if there is no memory it simply stays large
    return True
