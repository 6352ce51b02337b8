# The subscription index. Trie: a set of subscribers per topic (PUB, XPUB). Topics: one owner who counts (SUB, XSUB).
# Nothing locks here: one thread at a time. Callbacks may not change the index that calls them.
from peromq._core.pointer_map cimport PointerMap
from peromq._core.radix cimport Radix

ctypedef void (*SubscriberFound)(void* arg, void* subscriber) noexcept nogil
ctypedef void (*TopicVisit)(void* arg, const unsigned char* topic, size_t n) noexcept nogil

cdef enum:
    TRIE_FIRST = 2     # added: the topic had no subscriber before
    TRIE_NEW = 1       # added: others have it too
    TRIE_LAST = 2      # removed: the topic has no subscriber left
    TRIE_REMOVED = 1   # removed: others still have it

ctypedef struct Trie:
    Radix radix
    PointerMap subscribers   # subscriber -> PointerMap*, the set of its Nodes

ctypedef struct Topics:
    Radix radix

# Subscribers are any pointers but NULL. -1 is "out of memory" when adding, and nothing changed then.
cdef Trie* trie_new() noexcept nogil
cdef void trie_free(Trie* self) noexcept nogil
cdef int trie_add(Trie* self, void* subscriber, const unsigned char* topic, size_t n) noexcept nogil
cdef int trie_remove(Trie* self, void* subscriber, const unsigned char* topic, size_t n) noexcept nogil
cdef void trie_match(Trie* self, const unsigned char* data, size_t n, SubscriberFound found, void* arg) noexcept nogil
cdef void trie_remove_subscriber(Trie* self, void* subscriber, TopicVisit gone, void* arg, bint each) noexcept nogil
cdef size_t trie_count(const Trie* self) noexcept nogil
cdef bint trie_knows(const Trie* self, const void* subscriber) noexcept nogil

cdef Topics* topics_new() noexcept nogil
cdef void topics_free(Topics* self) noexcept nogil
cdef int topics_add(Topics* self, const unsigned char* topic, size_t n) noexcept nogil
cdef int topics_remove(Topics* self, const unsigned char* topic, size_t n) noexcept nogil
cdef bint topics_match(const Topics* self, const unsigned char* data, size_t n) noexcept nogil
cdef void topics_each(Topics* self, TopicVisit visit, void* arg) noexcept nogil
cdef size_t topics_count(const Topics* self) noexcept nogil
