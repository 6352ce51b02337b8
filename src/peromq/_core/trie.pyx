# Who subscribed to what. The tree of topics is radix.pyx; here are the subscribers at its nodes.
from libc.stdint cimport uint16_t
from libc.stdlib cimport calloc, free

from peromq._core.pointer_map cimport PointerMap, map_drop, map_find, map_free, map_new, map_next, map_put
from peromq._core.radix cimport (SEVERAL, Node, node_step, radix_clear, radix_find, radix_insert, radix_next, radix_prune,
                                 radix_spell, radix_topic_gone)


# -- the subscribers of a node: itself if there is one, a set if there are more ------------------------------------------------

cdef int node_add(Node* self, void* subscriber) noexcept nogil:
    """TRIE_FIRST, TRIE_NEW: added; 0: was there, -1: out of memory."""
    cdef PointerMap* several
    cdef size_t had
    if self.subscribers == NULL:
        self.subscribers = subscriber
        return TRIE_FIRST
    if self.bits & SEVERAL:
        several = <PointerMap*>self.subscribers
        had = several.count
        if map_put(several, subscriber) == NULL:
            return -1
        return TRIE_NEW if several.count > had else 0
    if self.subscribers == subscriber:
        return 0
    several = map_new(1)
    if several == NULL:
        return -1
    if map_put(several, self.subscribers) == NULL:
        map_free(several)
        return -1
    map_put(several, subscriber)    # a new set has room for two
    self.subscribers = several
    self.bits |= SEVERAL
    return TRIE_NEW


cdef bint node_drop(Node* self, void* subscriber) noexcept nogil:
    """Whether `subscriber` was there."""
    cdef PointerMap* several
    if not self.bits & SEVERAL:
        if self.subscribers != subscriber:
            return False
        self.subscribers = NULL
        return True
    several = <PointerMap*>self.subscribers
    if not map_drop(several, subscriber):
        return False
    if several.count == 1:
        self.subscribers = map_next(several, NULL)[0]
        self.bits &= <uint16_t>~SEVERAL
        map_free(several)
    return True


cdef inline void node_report(const Node* self, SubscriberFound found, void* arg) noexcept nogil:
    cdef void** cell = NULL
    if self.subscribers == NULL:
        return
    if not self.bits & SEVERAL:
        found(arg, self.subscribers)
        return
    while True:
        cell = map_next(<PointerMap*>self.subscribers, cell)
        if cell == NULL:
            return
        found(arg, cell[0])


# -- Trie -------------------------------------------------------------------------------------------------------------------

cdef Trie* trie_new() noexcept nogil:
    cdef Trie* self = <Trie*>calloc(1, sizeof(Trie))
    if self != NULL:
        self.subscribers.width = 2
    return self


cdef void trie_free(Trie* self) noexcept nogil:
    cdef void** cell = NULL
    cdef Node* node
    if self == NULL:
        return
    while True:
        cell = map_next(&self.subscribers, cell)
        if cell == NULL:
            break
        map_free(<PointerMap*>cell[1])
    free(self.subscribers.cells)
    node = radix_next(&self.radix, NULL)
    while node != NULL:
        if node.bits & SEVERAL:
            map_free(<PointerMap*>node.subscribers)
        node = radix_next(&self.radix, node)
    radix_clear(&self.radix)
    free(self)


cdef bint note_node(Trie* self, void* subscriber, Node* node) noexcept nogil:
    """Remember that `subscriber` is at `node`. False: out of memory."""
    cdef void** cell = map_put(&self.subscribers, subscriber)
    if cell == NULL:
        return False
    if cell[1] == NULL:
        cell[1] = map_new(1)
    if cell[1] != NULL and map_put(<PointerMap*>cell[1], node) != NULL:
        return True
    forget_if_idle(self, subscriber, <PointerMap*>cell[1])
    return False


cdef void forget_if_idle(Trie* self, void* subscriber, PointerMap* nodes) noexcept nogil:
    if nodes == NULL or nodes.count == 0:
        map_free(nodes)
        map_drop(&self.subscribers, subscriber)


cdef int trie_add(Trie* self, void* subscriber, const unsigned char* topic, size_t n) noexcept nogil:
    """A set per (subscriber, topic), as libzmq keeps it: TRIE_FIRST, TRIE_NEW, 0 (had it already) or -1 (out of memory)."""
    cdef Node* node = radix_insert(&self.radix, topic, n)
    cdef int added
    if node == NULL:
        return -1
    added = node_add(node, subscriber)
    if added > 0 and not note_node(self, subscriber, node):
        node_drop(node, subscriber)
        added = -1
    if node.subscribers == NULL:
        radix_prune(&self.radix, node)
    self.radix.topics += added == TRIE_FIRST
    return added


cdef int trie_remove(Trie* self, void* subscriber, const unsigned char* topic, size_t n) noexcept nogil:
    """TRIE_LAST, TRIE_REMOVED, or 0: it did not subscribe to that."""
    cdef Node* node = radix_find(&self.radix, topic, n)
    cdef PointerMap* nodes
    if node == NULL or not node_drop(node, subscriber):
        return 0
    nodes = <PointerMap*>map_find(&self.subscribers, subscriber)[1]
    map_drop(nodes, node)
    forget_if_idle(self, subscriber, nodes)
    if node.subscribers != NULL:
        return TRIE_REMOVED
    radix_topic_gone(&self.radix, node)
    return TRIE_LAST


cdef void trie_match(Trie* self, const unsigned char* data, size_t n, SubscriberFound found, void* arg) noexcept nogil:
    """Report every subscriber of every prefix of `data`, once per prefix it subscribed to."""
    cdef const Node* node = &self.radix.root
    while node != NULL:
        node_report(node, found, arg)
        node = node_step(node, data, n)
        if node != NULL:
            data += node.label_size
            n -= node.label_size


cdef void trie_remove_subscriber(Trie* self, void* subscriber, TopicVisit gone, void* arg, bint each) noexcept nogil:
    """Remove all its subscriptions; costs as much as it has. `gone` is told the topics nobody has any more, or each, in no order."""
    cdef void** cell = map_find(&self.subscribers, subscriber)
    cdef PointerMap* nodes
    cdef Node* node
    cdef const unsigned char* topic
    cdef size_t n = 0
    if cell == NULL:
        return
    nodes = <PointerMap*>cell[1]
    map_drop(&self.subscribers, subscriber)
    cell = map_next(nodes, NULL)
    while cell != NULL:
        node = <Node*>cell[0]
        node_drop(node, subscriber)
        if each or node.subscribers == NULL:
            topic = radix_spell(&self.radix, node, &n)
            gone(arg, topic, n)
        if node.subscribers == NULL:
            radix_topic_gone(&self.radix, node)
        cell = map_next(nodes, cell)
    map_free(nodes)


cdef bint trie_knows(const Trie* self, const void* subscriber) noexcept nogil:
    """Has it subscribed to anything?"""
    return map_find(&self.subscribers, subscriber) != NULL


cdef size_t trie_count(const Trie* self) noexcept nogil:
    """How many topics have a subscriber."""
    return self.radix.topics


# -- Topics: a node's `subscribers` is a number -----------------------------------------------------------------------------

cdef Topics* topics_new() noexcept nogil:
    return <Topics*>calloc(1, sizeof(Topics))


cdef void topics_free(Topics* self) noexcept nogil:
    if self != NULL:
        radix_clear(&self.radix)
        free(self)


cdef int topics_add(Topics* self, const unsigned char* topic, size_t n) noexcept nogil:
    """1: the first subscription to that topic, 0: one more, -1: out of memory."""
    cdef Node* node = radix_insert(&self.radix, topic, n)
    cdef size_t count
    if node == NULL:
        return -1
    count = <size_t>node.subscribers + 1
    node.subscribers = <void*>count
    if count > 1:
        return 0
    self.radix.topics += 1
    return 1


cdef int topics_remove(Topics* self, const unsigned char* topic, size_t n) noexcept nogil:
    """1: that was the last subscription to the topic, 0: it is still subscribed to, -1: it was not."""
    cdef Node* node = radix_find(&self.radix, topic, n)
    cdef size_t count
    if node == NULL or node.subscribers == NULL:
        return -1
    count = <size_t>node.subscribers - 1
    node.subscribers = <void*>count
    if count > 0:
        return 0
    radix_topic_gone(&self.radix, node)
    return 1


cdef bint topics_match(const Topics* self, const unsigned char* data, size_t n) noexcept nogil:
    """Whether a prefix of `data` is subscribed to."""
    cdef const Node* node = &self.radix.root
    while node != NULL:
        if node.subscribers != NULL:
            return True
        node = node_step(node, data, n)
        if node != NULL:
            data += node.label_size
            n -= node.label_size
    return False


cdef void topics_each(Topics* self, TopicVisit visit, void* arg) noexcept nogil:
    """Visit every topic, in lexicographic order."""
    cdef const Node* node = radix_next(&self.radix, NULL)
    cdef const unsigned char* topic
    cdef size_t n = 0
    while node != NULL:
        topic = radix_spell(&self.radix, node, &n)
        visit(arg, topic, n)
        node = radix_next(&self.radix, node)


cdef size_t topics_count(const Topics* self) noexcept nogil:
    """How many different topics are subscribed to."""
    return self.radix.topics
