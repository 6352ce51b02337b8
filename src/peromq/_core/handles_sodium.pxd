cdef int load_sodium() except -1
