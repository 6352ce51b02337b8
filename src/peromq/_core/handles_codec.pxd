from peromq._core.codec cimport Codec as CCodec

cdef class Codec:
    cdef CCodec* k               # NULL: a connection has it


cdef inline CCodec* inside(Codec codec) except? NULL:
    """What a connection is to be given. Whoever gives it away makes codec.k NULL. NULL for None."""
    if codec is None:
        return NULL
    if codec.k == NULL:
        raise ValueError("another connection has this codec")
    return codec.k
