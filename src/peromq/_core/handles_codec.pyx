# Codecs as the control plane makes them, out of plain values; `attach` takes the inside.
from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int64_t, uint8_t, uint64_t

from peromq._core.codec_curve cimport curve_new
from peromq._core.codec_old cimport old_new
from peromq._core.codec_raw cimport raw_new
from peromq._core.codec_ws cimport web_new
from peromq._core.coded_out cimport codec_free
from peromq._core.handles_sodium cimport load_sodium


cdef class Codec:
    """What a connection sends its frames through. Good for one `attach`, which takes it if it succeeds."""

    def __init__(self):
        raise TypeError("a Codec is made by one of its subclasses")

    def __dealloc__(self):
        if self.k != NULL:
            codec_free(self.k)


cdef class CurveCodec(Codec):
    """MESSAGE commands of CURVE (RFC 26), by libsodium. See handles_codec.pyi."""

    def __init__(self, *, bytes key not None, bytes send_prefix not None, bytes recv_prefix not None, uint64_t send_nonce,
                 uint64_t recv_nonce):
        if len(key) != 32 or len(send_prefix) != 16 or len(recv_prefix) != 16:
            raise ValueError("a key has 32 octets, a nonce prefix 16")
        if self.k != NULL:
            codec_free(self.k)
            self.k = NULL
        load_sodium()
        self.k = curve_new(<const uint8_t*>PyBytes_AS_STRING(key), <const uint8_t*>PyBytes_AS_STRING(send_prefix),
                           <const uint8_t*>PyBytes_AS_STRING(recv_prefix), send_nonce, recv_nonce)
        if self.k == NULL:
            raise MemoryError


cdef class OldCodec(Codec):
    """Frames of ZMTP 1.0 and 2.0 (RFC 13, 15). See handles_codec.pyi."""

    def __init__(self, *, int version, int64_t identity_limit, bint subscribed):
        if version not in (1, 2):
            raise ValueError("frames of ZMTP 1 and 2 alone are old")
        if self.k != NULL:
            codec_free(self.k)
        self.k = old_new(version, identity_limit, subscribed)
        if self.k == NULL:
            raise MemoryError


cdef class RawCodec(Codec):
    """No framing: STREAM, ROUTER_RAW."""

    def __init__(self):
        if self.k == NULL:
            self.k = raw_new()
        if self.k == NULL:
            raise MemoryError


cdef class WebSocketCodec(Codec):
    """Binary messages of ZWS 2.0 (RFC 45). See handles_codec.pyi."""

    def __init__(self, *, bint client, bytes mask_seed not None, CurveCodec curve=None):
        if len(mask_seed) != 16:
            raise ValueError("a mask seed has 16 octets")
        if self.k != NULL:
            codec_free(self.k)
            self.k = NULL
        self.k = web_new(client, <const uint8_t*>PyBytes_AS_STRING(mask_seed), inside(curve))
        if self.k == NULL:
            raise MemoryError
        if curve is not None:
            curve.k = NULL
