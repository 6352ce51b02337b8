# Codecs as the control plane makes them, out of plain values; `attach` takes the inside.
from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int64_t, uint8_t, uint64_t
from posix.dlfcn cimport RTLD_NOW, dlclose, dlerror, dlopen, dlsym

from peromq._core.codec_curve cimport Sodium, curve_new, sodium_table
from peromq._core.codec_old cimport old_new
from peromq._core.codec_raw cimport raw_new
from peromq._core.codec_ws cimport web_new
from peromq._core.coded_out cimport codec_free

cdef bint loaded = False


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


cdef void* find(void* library, bytes name) except NULL:
    cdef void* address = dlsym(library, PyBytes_AS_STRING(name))
    if address == NULL:
        raise ImportError(f"PyNaCl's libsodium has no {name.decode()}: CURVE needs PyNaCl as its wheels ship it")
    return address


cdef int load_sodium() except -1:
    """Find libsodium where PyNaCl has it: built into its extension module, or a library that this one needs."""
    global loaded
    cdef Sodium* s = sodium_table()
    cdef void* library
    if loaded:
        return 0                        # and nothing is written any more: connections read it
    from nacl import _sodium
    from nacl.bindings import sodium_init
    sodium_init()                       # picks the code for this processor
    library = dlopen(_sodium.__file__.encode(), RTLD_NOW)
    if library == NULL:
        raise ImportError((<bytes>dlerror()).decode())
    s.stream = <int (*)(uint8_t*, unsigned long long, const uint8_t*, const uint8_t*) noexcept nogil>find(
        library, b"crypto_stream_salsa20")
    s.stream_xor_ic = <int (*)(uint8_t*, const uint8_t*, unsigned long long, const uint8_t*, uint64_t,
                               const uint8_t*) noexcept nogil>find(library, b"crypto_stream_salsa20_xor_ic")
    s.auth = <int (*)(uint8_t*, const uint8_t*, unsigned long long, const uint8_t*) noexcept nogil>find(
        library, b"crypto_onetimeauth_poly1305")
    s.auth_init = <int (*)(void*, const uint8_t*) noexcept nogil>find(library, b"crypto_onetimeauth_poly1305_init")
    s.auth_update = <int (*)(void*, const uint8_t*, unsigned long long) noexcept nogil>find(
        library, b"crypto_onetimeauth_poly1305_update")
    s.auth_final = <int (*)(void*, uint8_t*) noexcept nogil>find(library, b"crypto_onetimeauth_poly1305_final")
    s.verify_16 = <int (*)(const uint8_t*, const uint8_t*) noexcept nogil>find(library, b"crypto_verify_16")
    s.hsalsa20 = <int (*)(uint8_t*, const uint8_t*, const uint8_t*, const uint8_t*) noexcept nogil>find(
        library, b"crypto_core_hsalsa20")
    s.memzero = <void (*)(void*, size_t) noexcept nogil>find(library, b"sodium_memzero")
    dlclose(library)                    # the module itself keeps it
    loaded = True
    return 0
