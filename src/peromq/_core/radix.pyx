# A radix tree of topics with parent pointers, walked in loops.
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memmove

cdef enum:
    # Splitting and merging nodes copies labels. Their length is limited so that two tiny subscriptions of one peer do not move
    # megabytes of another's topic; a long topic is a chain of nodes.
    LABEL_MAX = 255
    SCRATCH_MIN = 64


cdef Node* node_new(Radix* radix, const uint8_t* label, size_t n) noexcept nogil:
    cdef Node* self = <Node*>calloc(1, sizeof(Node) + (n - INLINE if n > INLINE else 0))
    if self == NULL:
        return NULL
    self.label_size = <uint8_t>n
    memcpy(self.label, label, n)
    radix.nodes += 1
    return self


cdef void node_free(Radix* radix, Node* self) noexcept nogil:
    radix.nodes -= 1
    free(self.children)
    if self.bits & OWN_LABEL:
        free(node_label(self))
    free(self)


cdef void label_put(Node* self, const uint8_t* label) noexcept nogil:
    """The label is an allocation of its own from now on."""
    memcpy(self.label, &label, sizeof(label))
    self.bits |= OWN_LABEL


cdef void label_cut(Node* self, size_t at) noexcept nogil:
    """Take `at` octets off the label's front; some are left."""
    cdef uint8_t* old = node_label(self)
    cdef uint8_t* fitting
    cdef size_t n = self.label_size - at
    self.label_size = <uint8_t>n
    if not self.bits & OWN_LABEL:
        memmove(old, old + at, n)
    elif n <= INLINE:
        self.bits &= <uint16_t>~OWN_LABEL
        memcpy(self.label, old + at, n)
        free(old)
    else:
        memmove(old, old + at, n)
        fitting = <uint8_t*>realloc(old, n)
        if fitting != NULL:
            label_put(self, fitting)


cdef bint label_prepend(Node* self, const uint8_t* front, size_t n) noexcept nogil:
    """Put n octets before the label. False: out of memory, and nothing changed."""
    cdef uint8_t* old = node_label(self)
    cdef uint8_t* label
    cdef size_t size = self.label_size
    if n + size <= INLINE:                  # then the label was not an allocation of its own
        memmove(old + n, old, size)
        memcpy(old, front, n)
    else:
        label = <uint8_t*>malloc(n + size)
        if label == NULL:
            return False
        memcpy(label, front, n)
        memcpy(label + n, old, size)
        if self.bits & OWN_LABEL:
            free(old)
        label_put(self, label)
    self.label_size = <uint8_t>(n + size)
    return True


cdef bint node_adopt(Node* self, Node* child) noexcept nogil:
    """Put `child` among the children. False: out of memory."""
    cdef size_t n = n_children(self)
    cdef size_t old_cap = children_cap(n)
    cdef size_t cap = children_cap(n + 1)
    cdef size_t at = 0
    cdef uint8_t first = node_label(child)[0]
    cdef uint8_t* keys
    cdef Node** children
    if n == 0 or cap != old_cap:
        children = <Node**>realloc(self.children, cap * (sizeof(Node*) + 1))
        if children == NULL:
            return False
        self.children = children
        memmove(children + cap, children + old_cap, n)
    keys = <uint8_t*>(self.children + cap)
    while at < n and keys[at] < first:
        at += 1
    memmove(self.children + at + 1, self.children + at, (n - at) * sizeof(Node*))
    memmove(keys + at + 1, keys + at, n - at)
    self.children[at] = child
    keys[at] = first
    child.parent = self
    self.bits += 1
    return True


cdef void node_disown(Node* self, const Node* child) noexcept nogil:
    cdef size_t n = n_children(self)
    cdef size_t old_cap = children_cap(n)
    cdef size_t cap = children_cap(n - 1)
    cdef uint8_t* keys = node_keys(self)
    cdef size_t at = <size_t>(node_slot(self, node_label(child)[0]) - self.children)
    cdef Node** children
    memmove(self.children + at, self.children + at + 1, (n - at - 1) * sizeof(Node*))
    memmove(keys + at, keys + at + 1, n - at - 1)
    self.bits -= 1
    if n == 1:
        free(self.children)
        self.children = NULL
    elif cap != old_cap:
        memmove(self.children + cap, keys, n - 1)
        children = <Node**>realloc(self.children, cap * (sizeof(Node*) + 1))
        if children != NULL:
            self.children = children


cdef Node* node_split(Radix* radix, Node* self, size_t at) noexcept nogil:
    """A new node with the label's first `at` octets, between the parent and `self`. NULL: out of memory."""
    cdef Node* upper = node_new(radix, node_label(self), at)
    if upper == NULL:
        return NULL
    upper.children = <Node**>malloc(sizeof(Node*) + 1)
    if upper.children == NULL:
        node_free(radix, upper)
        return NULL
    node_slot(self.parent, node_label(self)[0])[0] = upper
    upper.parent = self.parent
    label_cut(self, at)
    upper.bits += 1
    upper.children[0] = self
    node_keys(upper)[0] = node_label(self)[0]
    self.parent = upper
    return upper


cdef bint node_merge(Radix* radix, Node* self) noexcept nogil:
    """Let the only child take the place of `self`. False: its label would be too long, or out of memory."""
    cdef Node* child = self.children[0]
    if <size_t>self.label_size + child.label_size > LABEL_MAX:
        return False
    if not label_prepend(child, node_label(self), self.label_size):
        return False
    child.parent = self.parent
    node_slot(self.parent, node_label(self)[0])[0] = child
    node_free(radix, self)
    return True


cdef bint radix_reserve(Radix* self, size_t n) noexcept nogil:
    cdef uint8_t* scratch
    cdef size_t cap = n if n > SCRATCH_MIN else SCRATCH_MIN
    if n <= self.scratch_cap and self.scratch != NULL:
        return True
    scratch = <uint8_t*>realloc(self.scratch, cap)
    if scratch == NULL:
        return False
    self.scratch = scratch
    self.scratch_cap = cap
    return True


cdef void radix_prune(Radix* self, Node* node) noexcept nogil:
    """Give back what no subscription needs: `node`, and those above it that had it as their only reason."""
    cdef Node* parent
    while node.subscribers == NULL and node.parent != NULL and n_children(node) < 2:
        parent = node.parent
        if n_children(node) == 1:
            if not node_merge(self, node):
                return
        else:
            node_disown(parent, node)
            node_free(self, node)
        node = parent


cdef Node* radix_insert(Radix* self, const uint8_t* topic, size_t n) noexcept nogil:
    """The node of `topic`, made if need be. NULL: out of memory, and nothing changed."""
    cdef Node* node = &self.root
    cdef Node* child
    cdef Node** slot
    cdef size_t i = 0
    cdef size_t size
    cdef size_t common
    if not radix_reserve(self, n):
        return NULL
    while i < n:
        slot = node_slot(node, topic[i])
        if slot == NULL:
            size = n - i if n - i < LABEL_MAX else LABEL_MAX
            child = node_new(self, topic + i, size)
            if child != NULL and not node_adopt(node, child):
                node_free(self, child)
                child = NULL
        else:
            child = slot[0]
            size = child.label_size if child.label_size < n - i else n - i
            common = 1
            while common < size and node_label(child)[common] == topic[i + common]:
                common += 1
            if common < child.label_size:
                child = node_split(self, child, common)
            size = common
        if child == NULL:
            radix_prune(self, node)
            return NULL
        node = child
        i += size
    return node


cdef Node* radix_find(Radix* self, const uint8_t* topic, size_t n) noexcept nogil:
    cdef Node* node = &self.root
    while n > 0:
        node = node_step(node, topic, n)
        if node == NULL:
            return NULL
        topic += node.label_size
        n -= node.label_size
    return node


cdef const uint8_t* radix_spell(Radix* self, const Node* node, size_t* n) noexcept nogil:
    """The topic of `node`, in scratch memory."""
    cdef size_t start = self.scratch_cap
    while node.parent != NULL:
        start -= node.label_size
        memcpy(self.scratch + start, node_label(node), node.label_size)
        node = node.parent
    n[0] = self.scratch_cap - start
    return self.scratch + start


cdef void radix_topic_gone(Radix* self, Node* node) noexcept nogil:
    """The topic of `node` lost its last subscriber."""
    self.topics -= 1
    radix_prune(self, node)
    if self.topics == 0:
        free(self.scratch)
        self.scratch = NULL
        self.scratch_cap = 0


cdef Node* radix_next(Radix* self, const Node* node) noexcept nogil:
    """The next node that ends a topic, in lexicographic order; the first if `node` is NULL. NULL at the end."""
    cdef Node* at = <Node*>node
    cdef Node** slot
    if at == NULL:
        at = &self.root
        if at.subscribers != NULL:
            return at
    while True:
        if n_children(at) > 0:
            at = at.children[0]
        else:
            while True:
                if at.parent == NULL:
                    return NULL
                slot = node_slot(at.parent, node_label(at)[0]) + 1
                at = at.parent
                if slot < at.children + n_children(at):
                    break
            at = slot[0]
        if at.subscribers != NULL:
            return at


cdef void radix_clear(Radix* self) noexcept nogil:
    """Free all nodes. Their subscribers must be gone."""
    cdef Node* node = &self.root
    cdef Node* parent
    while True:
        if n_children(node) > 0:
            node.bits -= 1
            node = node.children[n_children(node)]  # the array of pointers begins where it always did
        elif node.parent != NULL:
            parent = node.parent
            node_free(self, node)
            node = parent
        else:
            break
    free(node.children)
    free(self.scratch)
