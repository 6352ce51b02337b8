# A Python window on trie.pyx, for its tests. Subscribers are positive ints.
from libc.stdint cimport uintptr_t

from peromq._core.trie cimport (Topics, Trie, topics_add, topics_count, topics_each, topics_free, topics_match, topics_new,
                                topics_remove, trie_add, trie_count, trie_free, trie_match, trie_new, trie_remove,
                                trie_remove_subscriber)


cdef void append_subscriber(void* arg, void* subscriber) noexcept nogil:
    with gil:
        (<list>arg).append(<uintptr_t>subscriber)


cdef void append_topic(void* arg, const unsigned char* topic, size_t n) noexcept nogil:
    with gil:
        (<list>arg).append(topic[:n])


cdef void count_subscriber(void* arg, void* subscriber) noexcept nogil:
    (<size_t*>arg)[0] += 1


cdef void count_topic(void* arg, const unsigned char* topic, size_t n) noexcept nogil:
    (<size_t*>arg)[0] += 1


cdef class TrieWindow:
    cdef Trie* trie

    def __cinit__(self):
        self.trie = trie_new()
        if self.trie == NULL:
            raise MemoryError

    def __dealloc__(self):
        trie_free(self.trie)

    def __len__(self):
        return trie_count(self.trie)

    @property
    def nodes(self):
        return self.trie.radix.nodes

    @property
    def subscribers(self):
        return self.trie.subscribers.count

    def add(self, uintptr_t subscriber, const unsigned char[::1] topic):
        return trie_add(self.trie, <void*>subscriber, start(topic), topic.shape[0])

    def remove(self, uintptr_t subscriber, const unsigned char[::1] topic):
        return trie_remove(self.trie, <void*>subscriber, start(topic), topic.shape[0])

    def match(self, const unsigned char[::1] data):
        found = []
        trie_match(self.trie, start(data), data.shape[0], append_subscriber, <void*>found)
        return found

    def remove_subscriber(self, uintptr_t subscriber):
        gone = []
        trie_remove_subscriber(self.trie, <void*>subscriber, append_topic, <void*>gone, False)
        return gone

    # The same for many topics of one size, end to end in one buffer, so that Python is not what gets measured.

    def add_many(self, uintptr_t subscriber, const unsigned char[::1] topics, size_t size):
        cdef size_t i
        for i in range(topics.shape[0] // size):
            if trie_add(self.trie, <void*>subscriber, &topics[i * size], size) < 0:
                raise MemoryError

    def match_many(self, const unsigned char[::1] messages, size_t size):
        """How often a subscriber was found."""
        cdef size_t i
        cdef size_t found = 0
        with nogil:
            for i in range(messages.shape[0] // size):
                trie_match(self.trie, &messages[i * size], size, count_subscriber, &found)
        return found

    def count_gone(self, uintptr_t subscriber):
        """How many topics are gone with the subscriber."""
        cdef size_t gone = 0
        with nogil:
            trie_remove_subscriber(self.trie, <void*>subscriber, count_topic, &gone, False)
        return gone


cdef class TopicsWindow:
    cdef Topics* topics

    def __cinit__(self):
        self.topics = topics_new()
        if self.topics == NULL:
            raise MemoryError

    def __dealloc__(self):
        topics_free(self.topics)

    def __len__(self):
        return topics_count(self.topics)

    @property
    def nodes(self):
        return self.topics.radix.nodes

    def add(self, const unsigned char[::1] topic):
        return topics_add(self.topics, start(topic), topic.shape[0])

    def remove(self, const unsigned char[::1] topic):
        return topics_remove(self.topics, start(topic), topic.shape[0])

    def match(self, const unsigned char[::1] data):
        return topics_match(self.topics, start(data), data.shape[0])

    def each(self):
        visited = []
        topics_each(self.topics, append_topic, <void*>visited)
        return visited


cdef const unsigned char* start(const unsigned char[::1] data) noexcept:
    return &data[0] if data.shape[0] else NULL
