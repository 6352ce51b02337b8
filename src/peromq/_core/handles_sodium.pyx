# libsodium as PyNaCl brings it along: found, and called without PyNaCl's own layer, for handshakes that come by the thousand.
#
# With the GIL held, X25519 (40 us) too: whoever lets go of it beside an application that computes gets it back after 5 ms.
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint64_t  # no-cython-lint: in a cast
from posix.dlfcn cimport RTLD_NOW, dlclose, dlerror, dlopen, dlsym

from peromq._core.codec_curve cimport Sodium, sodium_table

cdef enum:
    KEY = 32
    NONCE = 24
    MAC = 16

cdef bint loaded = False


def public_key(bytes secret not None):
    """The public key of a secret one."""
    cdef bytes key = PyBytes_FromStringAndSize(NULL, KEY)
    cdef uint8_t* out = <uint8_t*>PyBytes_AS_STRING(key)
    cdef const uint8_t* s = sized(secret, KEY)
    load_sodium()
    sodium_table().public_key(out, s)
    return key


def shared_keys(bytes public not None, *secrets):
    """The keys of boxes between `public` and each of the secret ones. ValueError for a public key that yields none."""
    cdef list keys = []
    cdef bytes key
    cdef const uint8_t* p = sized(public, KEY)
    cdef const uint8_t* s
    cdef uint8_t* out
    cdef int rc
    load_sodium()
    for secret in secrets:
        s = sized(secret, KEY)
        key = PyBytes_FromStringAndSize(NULL, KEY)
        out = <uint8_t*>PyBytes_AS_STRING(key)
        rc = sodium_table().beforenm(out, p, s)
        if rc != 0:
            raise ValueError("no public key")
        keys.append(key)
    return keys


def random(Py_ssize_t size):
    """Octets that nobody can guess. See handles_sodium.pyi."""
    cdef bytes octets = PyBytes_FromStringAndSize(NULL, size)
    load_sodium()
    sodium_table().random(PyBytes_AS_STRING(octets), size)
    return octets


def seal(bytes plain not None, bytes nonce not None, bytes key not None):
    """A box, the MAC in front."""
    cdef Py_ssize_t n = len(plain)
    cdef bytes box = PyBytes_FromStringAndSize(NULL, n + MAC)
    load_sodium()
    sodium_table().seal(<uint8_t*>PyBytes_AS_STRING(box), <const uint8_t*>PyBytes_AS_STRING(plain), n, sized(nonce, NONCE),
                        sized(key, KEY))
    return box


def unseal(bytes box not None, bytes nonce not None, bytes key not None):
    """What is in the box. ValueError if it does not open."""
    cdef Py_ssize_t n = len(box)
    cdef bytes plain
    if n < MAC:
        raise ValueError("not a box")
    load_sodium()
    plain = PyBytes_FromStringAndSize(NULL, n - MAC)
    if sodium_table().unseal(<uint8_t*>PyBytes_AS_STRING(plain), <const uint8_t*>PyBytes_AS_STRING(box), n, sized(nonce, NONCE),
                             sized(key, KEY)) != 0:
        raise ValueError("it does not open")
    return plain


def wipe(*secrets):
    """Make zeros of octets that nobody else has. See handles_sodium.pyi."""
    cdef bytes secret
    load_sodium()
    for secret in secrets:
        if secret is not None and len(secret) >= KEY:
            sodium_table().memzero(PyBytes_AS_STRING(secret), len(secret))


cdef const uint8_t* sized(bytes octets, Py_ssize_t n) except NULL:
    if octets is None or len(octets) != n:
        raise ValueError(f"{n} octets are needed")
    return <const uint8_t*>PyBytes_AS_STRING(octets)


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
    s.random = <void (*)(void*, size_t) noexcept nogil>find(library, b"randombytes_buf")
    s.public_key = <int (*)(uint8_t*, const uint8_t*) noexcept nogil>find(library, b"crypto_scalarmult_base")
    s.beforenm = <int (*)(uint8_t*, const uint8_t*, const uint8_t*) noexcept nogil>find(library, b"crypto_box_beforenm")
    s.seal = <int (*)(uint8_t*, const uint8_t*, unsigned long long, const uint8_t*, const uint8_t*) noexcept nogil>find(
        library, b"crypto_box_easy_afternm")
    s.unseal = <int (*)(uint8_t*, const uint8_t*, unsigned long long, const uint8_t*, const uint8_t*) noexcept nogil>find(
        library, b"crypto_box_open_easy_afternm")
    dlclose(library)                    # the module itself keeps it
    loaded = True
    return 0
