# A radix tree of topics: what Trie and Topics have in common.
#
# A match walks the message's first octets and stops where no topic goes on, so what it costs follows the topics that do match,
# not those a stranger made up. Nothing recurses: topics are as deep as their senders like. A removal cannot fail.
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memchr, memcmp

# One stretch of a topic. A node without a subscription and with one child is merged into it, if the label allows.
# Nodes that hold a subscription never move. Labels up to INLINE octets are kept in the node itself; a longer one behind it, in the
# same allocation, or in one of its own if it has grown since.
cdef enum:
    INLINE = 8              # sizeof(uint8_t*)

cdef struct Node:
    Node* parent            # NULL: the root, whose label is empty
    Node** children         # in the order of their labels' first octets, which follow in the same allocation
    uint8_t* label          # for `node_label` only
    void* subscribers       # not read here
    uint32_t n_subscribers  # 0: no topic ends here
    uint16_t n_children     # 0..256
    uint8_t label_size

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
    return <uint8_t*>&self.label if self.label_size <= INLINE else self.label

cdef inline size_t children_cap(size_t n) noexcept nogil:
    """How many children an array of n has room for: the next power of two."""
    cdef size_t cap = 1
    while cap < n:
        cap *= 2
    return cap

cdef inline uint8_t* node_keys(const Node* self) noexcept nogil:
    """The first octets of the children's labels."""
    return <uint8_t*>(self.children + children_cap(self.n_children))

cdef inline Node** node_slot(const Node* self, uint8_t first) noexcept nogil:
    """Where the child whose label begins with `first` is kept, or NULL."""
    cdef uint8_t* keys
    cdef uint8_t* key
    if self.n_children == 0:
        return NULL
    keys = node_keys(self)
    key = <uint8_t*>memchr(keys, first, self.n_children)
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
