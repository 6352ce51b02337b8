# A radix tree of topics: what Trie and Topics have in common.
#
# A match walks the message's first octets and stops where no topic goes on, so what it costs follows the topics that do match,
# not those a stranger made up. Nothing recurses: topics are as deep as their senders like. A removal cannot fail.
from libc.stdint cimport uint8_t, uint16_t
from libc.string cimport memchr, memcmp, memcpy

# One stretch of a topic. A node without a subscription and with one child is merged into it, if the label allows.
# Nodes that hold a subscription never move. There may be millions: 27 octets, and then the label, however long it is. One that has
# grown beyond the room it had is an allocation of its own, whose address is in its place.
cdef enum:
    INLINE = 13             # the least room for a label: what the struct's size is rounded up by
    CHILDREN = 0x1ff        # Node.bits: how many children there are, 0..256
    SEVERAL = 0x4000        # `subscribers` is a set of them
    OWN_LABEL = 0x8000      # the label is an allocation of its own

cdef struct Node:
    Node* parent            # NULL: the root, whose label is empty
    Node** children         # in the order of their labels' first octets, which follow in the same allocation
    void* subscribers       # NULL: no topic ends here; else the owner's
    uint16_t bits
    uint8_t label_size
    uint8_t label[INLINE]   # for `node_label` only

cdef struct Radix:
    Node root
    size_t topics           # kept by the owner
    size_t nodes            # without the root
    uint8_t* scratch        # to spell out a topic
    size_t scratch_cap      # at least the longest topic since the tree was empty last

cdef Node* radix_insert(Radix* self, const uint8_t* topic, size_t n) noexcept nogil
cdef Node* radix_find(Radix* self, const uint8_t* topic, size_t n) noexcept nogil
cdef void radix_prune(Radix* self, Node* node) noexcept nogil
cdef void radix_topic_gone(Radix* self, Node* node) noexcept nogil
cdef const uint8_t* radix_spell(Radix* self, const Node* node, size_t* n) noexcept nogil
cdef Node* radix_next(Radix* self, const Node* node) noexcept nogil
cdef void radix_clear(Radix* self) noexcept nogil

cdef inline uint8_t* node_label(const Node* self) noexcept nogil:
    cdef uint8_t* own
    if not self.bits & OWN_LABEL:
        return <uint8_t*>self.label
    memcpy(&own, self.label, sizeof(own))
    return own

cdef inline size_t n_children(const Node* self) noexcept nogil:
    return self.bits & CHILDREN

cdef inline size_t children_cap(size_t n) noexcept nogil:
    """How many children an array of n has room for: the next power of two, or, beyond 16, three quarters of it."""
    cdef size_t cap = 1
    while cap < n:
        cap *= 2
    return cap - cap // 4 if cap > 16 and n <= cap - cap // 4 else cap

cdef inline uint8_t* node_keys(const Node* self) noexcept nogil:
    """The first octets of the children's labels."""
    return <uint8_t*>(self.children + children_cap(n_children(self)))

cdef inline Node** node_slot(const Node* self, uint8_t first) noexcept nogil:
    """Where the child whose label begins with `first` is kept, or NULL."""
    cdef uint8_t* keys
    cdef uint8_t* key
    if n_children(self) == 0:
        return NULL
    keys = node_keys(self)
    key = <uint8_t*>memchr(keys, first, n_children(self))
    if key == NULL:
        return NULL
    return &self.children[key - keys]

cdef inline Node* node_step(const Node* self, const uint8_t* data, size_t n) noexcept nogil:
    """The child whose whole label the n octets at `data` begin with, or NULL."""
    cdef Node** slot
    cdef Node* child
    if n == 0:
        return NULL
    slot = node_slot(self, data[0])
    if slot == NULL:
        return NULL
    child = slot[0]
    if child.label_size > n or memcmp(node_label(child), data, child.label_size) != 0:
        return NULL
    return child
