from libc.stdint cimport uint8_t, uint64_t

from peromq._core.codec cimport Codec

# What is called of libsodium. Its address is found at run time: PyNaCl brings the library along.
cdef struct Sodium:
    int (*stream)(uint8_t* c, unsigned long long n, const uint8_t* nonce, const uint8_t* key) noexcept nogil
    int (*stream_xor_ic)(uint8_t* c, const uint8_t* m, unsigned long long n, const uint8_t* nonce, uint64_t block,
                         const uint8_t* key) noexcept nogil
    int (*auth)(uint8_t* out, const uint8_t* m, unsigned long long n, const uint8_t* key) noexcept nogil
    int (*auth_init)(void* state, const uint8_t* key) noexcept nogil
    int (*auth_update)(void* state, const uint8_t* m, unsigned long long n) noexcept nogil
    int (*auth_final)(void* state, uint8_t* out) noexcept nogil
    int (*verify_16)(const uint8_t* a, const uint8_t* b) noexcept nogil
    int (*hsalsa20)(uint8_t* out, const uint8_t* m, const uint8_t* key, const uint8_t* c) noexcept nogil
    void (*memzero)(void* p, size_t n) noexcept nogil
    # handshakes
    void (*random)(void* p, size_t n) noexcept nogil
    int (*public_key)(uint8_t* q, const uint8_t* n) noexcept nogil
    int (*beforenm)(uint8_t* k, const uint8_t* pk, const uint8_t* sk) noexcept nogil
    int (*seal)(uint8_t* c, const uint8_t* m, unsigned long long n, const uint8_t* nonce, const uint8_t* k) noexcept nogil
    int (*unseal)(uint8_t* m, const uint8_t* c, unsigned long long n, const uint8_t* nonce, const uint8_t* k) noexcept nogil

cdef enum:
    CURVE_EXTRA = 33             # octets of a MESSAGE command besides the body: name, nonce, MAC, and the box's first octet

cdef Sodium* sodium_table() noexcept nogil
cdef Codec* curve_new(const uint8_t* key, const uint8_t* send_prefix, const uint8_t* recv_prefix, uint64_t sent,
                      uint64_t received) noexcept nogil
cdef int curve_seal(Codec* base, uint8_t flags, const uint8_t* body, size_t n, uint8_t* out) noexcept nogil
cdef int curve_open(Codec* base, const uint8_t* front, const uint8_t* src, size_t n, uint8_t* dst, uint8_t* flags) noexcept nogil
