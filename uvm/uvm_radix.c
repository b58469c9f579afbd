/*
 * uvm_radix.c: a path-compressed radix tree of pointers.
 *
 * The indices a node covers share all bits above rn_shift + 6.  A slot covers
 * 2^rn_shift of them: one in a leaf, whose slots hold values; elsewhere it
 * holds a child that covers a part of the slot's range, however small.
 *
 *	indices 0x7000 0x7001 0x9fc0		indices 0x7000 0x7001
 *
 *	  [shift 12: 7, 9]			  [shift 0: base 0x7000]
 *	     /         \			     /         \
 *	[shift 0:   [shift 0:			   0x7000    0x7001
 *	 0x7000]     0x9fc0]
 *
 * Invariants: unused slots are NULL; a leaf has one value or more, an
 * interior node two children or more; children are strictly lower and inside
 * the range of their slot.  The shape follows from the set of indices alone.
 *
 * rn_refs counts the slots and trees that point to a node.  A node belongs to
 * one tree alone if its count and those of all nodes above it are 1; only then
 * it is written.  That is established on the way down by path_own(): what is
 * shared is copied, by which its children gain a reference and are shared in
 * turn, and so on to the leaf.  Counts of shared nodes change without a lock;
 * one of 1 that is found on the way down can only be raised by ourselves.
 *
 * Locks: the caller's, of each tree.
 */
#include <uvm/radix.h>

#include <sys/errno.h>

#include <base/kassert.h>
#include <base/print.h>
#include <base/refcount.h>

#include <phys/pool.h>

#define RX_BITS  RADIX_BITS
#define RX_SLOTS RADIX_LEAF
#define RX_DEPTH 11 /* levels of a full tree: 64 / 6, rounded up */

static struct pool radix_pool;

static inline uint64_t
slot_bit(u_int s)
{
	return (uint64_t)1 << s;
}

/* The part of an index that a node with this shift leaves open. */
static inline uint64_t
span_mask(u_int shift)
{
	return shift + RX_BITS >= 64 ? ~(uint64_t)0
				     : slot_bit(shift + RX_BITS) - 1;
}

/* The last index of its range. */
static inline uint64_t
node_last(const struct radix_node *n)
{
	return n->rn_base | span_mask(n->rn_shift);
}

static inline bool
is_leaf(const struct radix_node *n)
{
	return n->rn_shift == 0;
}

static inline u_int
first_slot(uint64_t used)
{
	return (u_int)__builtin_ctzll(used);
}

static struct radix_node *
node_alloc(uint64_t idx, u_int shift)
{
	struct radix_node *n;

	n = pool_get(&radix_pool, PA_ZERO);
	if (n == NULL)
		return NULL;
	refcount_init(&n->rn_refs, 1);
	n->rn_shift = shift;
	n->rn_base = idx & ~span_mask(shift);
	return n;
}

static inline void
node_set(struct radix_node *n, u_int s, void *v)
{
	KASSERT(n->rn_slot[s] == NULL);
	n->rn_slot[s] = v;
	n->rn_used |= slot_bit(s);
}

/* One reference less; true: it was the last, and what n holds is ours. */
static inline bool
node_release(struct radix_node *n)
{
	return radix_node_alone(n) || refcount_release(&n->rn_refs);
}

/* What each slot of n refers to has one reference more, or less. */
static void
node_count(const struct radix *rx, struct radix_node *n, int by)
{
	struct radix_node *child;
	uint64_t used;
	bool last;

	if (is_leaf(n)) {
		rx->rx_count(n->rn_slot, n->rn_used, by);
		return;
	}
	for (used = n->rn_used; used != 0; used &= used - 1) {
		child = n->rn_slot[first_slot(used)];
		if (__predict_true(by > 0)) {
			refcount_acquire(&child->rn_refs);
			continue;
		}
		last = refcount_release(&child->rn_refs);
		KASSERT(!last); /* the copy of n holds it too */
	}
}

/* Put a copy of the node at *link, which others hold too, in its place. */
static __noinline int
node_copy(const struct radix *rx, void **link, u_int flags)
{
	struct radix_node *n = *link, *c;

	KASSERT(rx->rx_count != NULL);
	c = pool_get(&radix_pool, flags);
	if (c == NULL)
		return ENOMEM;
	c->rn_base = n->rn_base;
	c->rn_used = n->rn_used;
	c->rn_shift = n->rn_shift;
	refcount_init(&c->rn_refs, 1);
	memcpy(c->rn_slot, n->rn_slot, sizeof(c->rn_slot));
	node_count(rx, c, 1);
	*link = c;
	/* The others may all have let go meanwhile. */
	if (refcount_release(&n->rn_refs)) {
		node_count(rx, n, -1);
		pool_put(&radix_pool, n);
	}
	return 0;
}

/*
 * Make the node at *link, which hangs in a node of ours, ours alone.  ENOMEM.
 */
static inline int
node_own(const struct radix *rx, void **link, u_int flags)
{
	struct radix_node *n = *link;

	return __predict_true(radix_node_alone(n)) ? 0
						   : node_copy(rx, link, flags);
}

/* The shift of the lowest node that has a and b in different slots. */
static u_int
parting_shift(uint64_t a, uint64_t b)
{
	u_int top;

	KASSERT(a != b);
	top = 63 - (u_int)__builtin_clzll(a ^ b);
	return top - top % RX_BITS;
}

void
radix_boot(void)
{
	pool_init(&radix_pool, "radix", sizeof(struct radix_node), 8);
}

void
radix_init(struct radix *rx,
    void (*count)(void *const *slots, uint64_t used, int by))
{
	rx->rx_root = NULL;
	rx->rx_count = count;
}

bool
radix_empty(const struct radix *rx)
{
	return rx->rx_root == NULL;
}

/* The leaf that idx would be in, or NULL. */
static struct radix_node *
find_leaf(const struct radix *rx, uint64_t idx)
{
	struct radix_at at;

	(void)radix_find(rx, idx, &at);
	return at.ra_leaf;
}

/*
 * The same leaf made the tree's own with all above it; *leafp NULL: there is
 * none.  ENOMEM: nothing that can be seen has changed.
 */
static int
path_own(struct radix *rx, uint64_t idx, u_int flags, struct radix_node **leafp)
{
	void **link = &rx->rx_root;
	struct radix_node *n;

	*leafp = NULL;
	while ((n = *link) != NULL && radix_covers(n, idx)) {
		if (node_own(rx, link, flags) != 0)
			return ENOMEM;
		n = *link;
		if (is_leaf(n)) {
			*leafp = n;
			break;
		}
		link = &n->rn_slot[radix_slot(n, idx)];
	}
	return 0;
}

void *
radix_lookup(const struct radix *rx, uint64_t idx)
{
	struct radix_at at;

	return radix_find(rx, idx, &at);
}

u_int
radix_gather_at(const struct radix_at *at, uint64_t idx, u_int n, void **v)
{
	const struct radix_node *leaf = at->ra_leaf;
	u_int found = 0, i, s = (u_int)idx & (RX_SLOTS - 1);

	KASSERT(n > 0 && s + n <= RX_SLOTS);
	KASSERT(leaf == NULL || radix_covers(leaf, idx));
	for (i = 0; i < n; i++) {
		v[i] = leaf == NULL ? NULL : leaf->rn_slot[s + i];
		found += v[i] != NULL;
	}
	return found;
}

u_int
radix_gather(const struct radix *rx, uint64_t idx, u_int n, void **v)
{
	struct radix_at at;

	(void)radix_find(rx, idx, &at);
	return radix_gather_at(&at, idx, n, v);
}

u_int
radix_gap(const struct radix_at *at, uint64_t idx, u_int max)
{
	u_int s = (u_int)idx & (RX_SLOTS - 1);
	uint64_t used = at->ra_leaf == NULL ? 0 : at->ra_leaf->rn_used >> s;

	KASSERT(s + max <= RX_SLOTS);
	return used == 0 ? max : MIN(max, first_slot(used));
}

/* How many slots of the leaf are used just below slot s, without a gap. */
static inline u_int
leaf_run(const struct radix_node *leaf, u_int s)
{
	uint64_t gaps = s == 0 ? 0 : ~leaf->rn_used << (RX_SLOTS - s);

	/* The slot before s is the highest bit now. */
	return gaps == 0 ? s : (u_int)__builtin_clzll(gaps);
}

u_int
radix_run(const struct radix *rx, const struct radix_at *at, uint64_t idx,
    u_int max)
{
	const struct radix_node *leaf = at->ra_leaf;
	u_int run, n, s = (u_int)idx & (RX_SLOTS - 1);

	KASSERT(max <= RX_SLOTS);
	n = leaf == NULL ? 0 : leaf_run(leaf, s);
	run = n;
	/* All of the leaf that lies below: it may go on in the one before. */
	while (n == s && run < max && idx > run) {
		leaf = find_leaf(rx, idx - run - 1);
		if (leaf == NULL)
			break;
		s = RX_SLOTS;
		n = leaf_run(leaf, s);
		run += n;
	}
	return MIN(run, max);
}

int
radix_own(struct radix *rx, uint64_t idx, struct radix_at *at)
{
	int error;

	KASSERT(at->ra_leaf != NULL && radix_covers(at->ra_leaf, idx));
	if (at->ra_alone)
		return 0;
	error = path_own(rx, idx, 0, &at->ra_leaf);
	at->ra_alone = error == 0;
	return error;
}

int
radix_replace_at(struct radix *rx, uint64_t idx, void **v, void **old, u_int n,
    struct radix_at *at)
{
	u_int i, s = (u_int)idx & (RX_SLOTS - 1);
	void **slot;

	KASSERT(n > 0 && s + n <= RX_SLOTS);
	if (radix_own(rx, idx, at) != 0)
		return ENOMEM;
	slot = at->ra_leaf->rn_slot + s;
	for (i = 0; i < n; i++) {
		KASSERT(v[i] != NULL && slot[i] != NULL);
		old[i] = slot[i];
		slot[i] = v[i];
	}
	return 0;
}

int
radix_replace(struct radix *rx, uint64_t idx, void *v, void **old)
{
	struct radix_at at;

	(void)radix_find(rx, idx, &at);
	return radix_replace_at(rx, idx, &v, old, 1, &at);
}

/*
 * Store v where no leaf of the tree is yet, or one that others hold too; the
 * leaf that has it then, or NULL: ENOMEM.
 */
static __noinline struct radix_node *
insert_path(struct radix *rx, uint64_t idx, void *v)
{
	struct radix_node *n, *leaf, *fork, *parent;
	void **link;

	KASSERT(v != NULL);
	parent = NULL;
	link = &rx->rx_root;
	while ((n = *link) != NULL && radix_covers(n, idx)) {
		if (node_own(rx, link, 0) != 0)
			return NULL;
		n = *link;
		if (is_leaf(n)) {
			node_set(n, radix_slot(n, idx), v);
			return n;
		}
		parent = n;
		link = &n->rn_slot[radix_slot(n, idx)];
	}

	leaf = node_alloc(idx, 0);
	if (leaf == NULL)
		return NULL;
	node_set(leaf, radix_slot(leaf, idx), v);
	if (n == NULL) {
		if (parent == NULL)
			*link = leaf;
		else
			node_set(parent, radix_slot(parent, idx), leaf);
		return leaf;
	}

	/* A subtree is in the way: the two meet in a new node above both. */
	fork = node_alloc(idx, parting_shift(idx, n->rn_base));
	if (fork == NULL) {
		pool_put(&radix_pool, leaf);
		return NULL;
	}
	node_set(fork, radix_slot(fork, n->rn_base), n);
	node_set(fork, radix_slot(fork, idx), leaf);
	*link = fork;
	return leaf;
}

int
radix_insert(struct radix *rx, uint64_t idx, void *v)
{
	return insert_path(rx, idx, v) == NULL ? ENOMEM : 0;
}

int
radix_insert_at(struct radix *rx, uint64_t idx, void **v, u_int n,
    struct radix_at *at)
{
	u_int i, s = (u_int)idx & (RX_SLOTS - 1);
	struct radix_node *leaf = at->ra_leaf;
	uint64_t mask;

	KASSERT(n > 0 && s + n <= RX_SLOTS);
	if (__predict_false(leaf == NULL || !at->ra_alone)) {
		leaf = insert_path(rx, idx, v[0]);
		if (leaf == NULL)
			return ENOMEM;
		at->ra_leaf = leaf;
		at->ra_alone = true;
		if (--n == 0)
			return 0;
		v++;
		s++;
	}
	KASSERT(radix_covers(leaf, idx));
	mask = ~(uint64_t)0 >> (RX_SLOTS - n) << s;
	KASSERT((leaf->rn_used & mask) == 0);
	leaf->rn_used |= mask;
	for (i = 0; i < n; i++)
		leaf->rn_slot[s + i] = v[i];
	return 0;
}

/*
 * The leaf at *link is empty: it goes, and its parent, at *plink (NULL: it
 * has none), too if that leaves an only child.
 */
static void
leaf_gone(void **link, void **plink)
{
	struct radix_node *leaf = *link, *parent;

	*link = NULL;
	if (plink != NULL) {
		parent = *plink;
		parent->rn_used &= ~slot_bit(radix_slot(parent, leaf->rn_base));
		KASSERT(parent->rn_used != 0);
		if ((parent->rn_used & (parent->rn_used - 1)) == 0) {
			*plink = parent->rn_slot[first_slot(parent->rn_used)];
			pool_put(&radix_pool, parent);
		}
	}
	pool_put(&radix_pool, leaf);
}

void *
radix_remove(struct radix *rx, uint64_t idx)
{
	struct radix_node *n;
	void **link, **plink;
	void *v;
	u_int s;

	KASSERT(rx->rx_count == NULL);
	plink = NULL;
	link = &rx->rx_root;
	for (;;) {
		n = *link;
		if (n == NULL || !radix_covers(n, idx))
			return NULL;
		s = radix_slot(n, idx);
		if (is_leaf(n))
			break;
		plink = link;
		link = &n->rn_slot[s];
	}
	v = n->rn_slot[s];
	if (v == NULL)
		return NULL;
	n->rn_slot[s] = NULL;
	n->rn_used &= ~slot_bit(s);
	if (n->rn_used == 0)
		leaf_gone(link, plink);
	return v;
}

void *
radix_next(const struct radix *rx, uint64_t *idx)
{
	struct radix_node *n, *later;
	uint64_t rest;
	u_int s;

	/* later: the nearest subtree known to lie wholly behind *idx. */
	later = NULL;
	n = rx->rx_root;
	while (n != NULL && radix_covers(n, *idx)) {
		s = radix_slot(n, *idx);
		rest = n->rn_used & (~(uint64_t)0 << s);
		if (is_leaf(n)) {
			if (rest == 0) {
				n = NULL;
				break;
			}
			s = first_slot(rest);
			*idx = n->rn_base + s;
			return n->rn_slot[s];
		}
		rest &= ~slot_bit(s);
		if (rest != 0)
			later = n->rn_slot[first_slot(rest)];
		n = n->rn_slot[s];
	}
	if (n == NULL || n->rn_base < *idx)
		n = later;
	if (n == NULL)
		return NULL;
	while (!is_leaf(n))
		n = n->rn_slot[first_slot(n->rn_used)];
	s = first_slot(n->rn_used);
	*idx = n->rn_base + s;
	return n->rn_slot[s];
}

/* Move the values of these slots of a leaf together at v; how many. */
static u_int
leaf_gather(struct radix_node *n, uint64_t slots, void **v)
{
	u_int k = 0;

	for (; slots != 0; slots &= slots - 1)
		v[k++] = n->rn_slot[first_slot(slots)];
	return k;
}

/*
 * The same to the beginning of a leaf that is not needed any more: a full one
 * is the list as it is.
 */
static u_int
leaf_squeeze(struct radix_node *n, uint64_t slots)
{
	return slots == ~(uint64_t)0 ? RX_SLOTS
				     : leaf_gather(n, slots, n->rn_slot);
}

void
radix_wipe(struct radix *rx, void (*fn)(void *, void **, u_int), void *arg)
{
	struct radix_node *path[RX_DEPTH], *n;
	u_int depth, s;

	depth = 0;
	n = rx->rx_root;
	rx->rx_root = NULL;
	if (n != NULL && node_release(n))
		path[depth++] = n;
	/* rn_used serves as the list of what is still to be done. */
	while (depth > 0) {
		n = path[depth - 1];
		if (is_leaf(n)) {
			fn(arg, n->rn_slot, leaf_squeeze(n, n->rn_used));
			n->rn_used = 0;
		}
		if (n->rn_used == 0) {
			pool_put(&radix_pool, n);
			depth--;
			continue;
		}
		s = first_slot(n->rn_used);
		n->rn_used &= n->rn_used - 1;
		KASSERT(depth < RX_DEPTH);
		if (node_release(n->rn_slot[s]))
			path[depth++] = n->rn_slot[s];
	}
}

bool
radix_within(const struct radix *rx, uint64_t first, uint64_t last)
{
	const struct radix_node *n = rx->rx_root;

	if (n == NULL)
		return true;
	if (!is_leaf(n))
		return first <= n->rn_base && node_last(n) <= last;
	return first <= n->rn_base + first_slot(n->rn_used) &&
	       node_last(n) - (u_int)__builtin_clzll(n->rn_used) <= last;
}

void
radix_share(const struct radix *rx, struct radix *copy)
{
	struct radix_node *n = rx->rx_root;

	KASSERT(radix_empty(copy));
	KASSERT(rx->rx_count != NULL && rx->rx_count == copy->rx_count);
	if (n != NULL)
		refcount_acquire(&n->rn_refs);
	copy->rx_root = n;
}

/* The slots of n that reach into [first, last], which n does. */
static uint64_t
slots_within(const struct radix_node *n, uint64_t first, uint64_t last)
{
	uint64_t mask = ~(uint64_t)0;

	if (first > n->rn_base)
		mask <<= radix_slot(n, first);
	if (last < node_last(n))
		mask &= ~(uint64_t)0 >> (RX_SLOTS - 1 - radix_slot(n, last));
	return mask;
}

int
radix_remove_range(struct radix *rx, uint64_t first, uint64_t last,
    void (*fn)(void *, void **, u_int), void *arg)
{
	void *v[RX_SLOTS], **link, **plink;
	struct radix_node *n;
	uint64_t slots, end;
	u_int k;

	KASSERT(first <= last);
	while (radix_next(rx, &first) != NULL && first <= last) {
		if (path_own(rx, first, PA_RESERVE, &n) != 0)
			return ENOMEM;
		plink = NULL;
		link = &rx->rx_root;
		for (n = *link; !is_leaf(n); n = *link) {
			plink = link;
			link = &n->rn_slot[radix_slot(n, first)];
		}
		slots = n->rn_used & slots_within(n, first, last);
		end = node_last(n);
		n->rn_used &= ~slots;
		if (n->rn_used == 0) {
			fn(arg, n->rn_slot, leaf_squeeze(n, slots));
			leaf_gone(link, plink);
		} else {
			k = leaf_gather(n, slots, v);
			for (; slots != 0; slots &= slots - 1)
				n->rn_slot[first_slot(slots)] = NULL;
			fn(arg, v, k);
		}
		if (end >= last)
			break;
		first = end + 1;
	}
	return 0;
}

/*
 * Restore the invariants of *link after its slot s may have become empty:
 * without children it goes, with an only one that takes its place.
 */
static void
node_settle(void **link, u_int s)
{
	struct radix_node *n = *link;

	if (n->rn_slot[s] != NULL)
		n->rn_used |= slot_bit(s);
	else
		n->rn_used &= ~slot_bit(s);
	if (n->rn_used == 0)
		*link = NULL;
	else if (!is_leaf(n) && (n->rn_used & (n->rn_used - 1)) == 0)
		*link = n->rn_slot[first_slot(n->rn_used)];
	else
		return;
	pool_put(&radix_pool, n);
}

/*
 * The nodes that cover both idx and idx - 1 lie on one path.  Each is cut in
 * two on the way down, the halves are settled on the way back.
 */
int
radix_split(struct radix *rx, uint64_t idx, struct radix *high)
{
	struct {
		void **low, **high; /* links to the halves */
		u_int slot;
	} path[RX_DEPTH];
	struct radix_node *spare[RX_DEPTH], *n, *h;
	void **link, **hlink;
	u_int depth, s, i;

	KASSERT(radix_empty(high));
	if (idx > 0 && (path_own(rx, idx, 0, &n) != 0 ||
			   path_own(rx, idx - 1, 0, &n) != 0))
		return ENOMEM;
	depth = 0;
	for (n = rx->rx_root;
	     n != NULL && n->rn_base < idx && node_last(n) >= idx;
	     n = is_leaf(n) ? NULL : n->rn_slot[radix_slot(n, idx)]) {
		KASSERT(depth < RX_DEPTH);
		spare[depth] = node_alloc(n->rn_base, n->rn_shift);
		if (spare[depth] == NULL) {
			while (depth > 0)
				pool_put(&radix_pool, spare[--depth]);
			return ENOMEM;
		}
		depth++;
	}

	link = &rx->rx_root;
	hlink = &high->rx_root;
	for (i = 0; i < depth; i++) {
		n = *link;
		*hlink = h = spare[i];
		path[i].low = link;
		path[i].high = hlink;
		path[i].slot = s = radix_slot(n, idx);
		link = &n->rn_slot[s];
		hlink = &h->rn_slot[s];
		for (s = is_leaf(n) ? s : s + 1; s < RX_SLOTS; s++) {
			h->rn_slot[s] = n->rn_slot[s];
			n->rn_slot[s] = NULL;
		}
		s = path[i].slot;
		h->rn_used = n->rn_used & (~(uint64_t)0 << s);
		n->rn_used &= ~(~(uint64_t)0 << s);
	}
	/* What hangs below the last cut is on one side as a whole. */
	n = depth > 0 && is_leaf(spare[depth - 1]) ? NULL : *link;
	if (n != NULL && n->rn_base >= idx) {
		*hlink = n;
		*link = NULL;
	}
	while (i-- > 0) {
		node_settle(path[i].high, path[i].slot);
		node_settle(path[i].low, path[i].slot);
	}
	return 0;
}

/*
 * Pour h into l, which has the same range and no index above those of h.
 * Only the slot where they meet can be in use in both: l keeps its child and
 * h's is returned, with the slot in *sp.
 */
static struct radix_node *
node_pour(struct radix_node *l, struct radix_node *h, u_int *sp)
{
	struct radix_node *met;
	u_int s;

	met = NULL;
	for (; h->rn_used != 0; h->rn_used &= h->rn_used - 1) {
		s = first_slot(h->rn_used);
		if (l->rn_slot[s] == NULL) {
			node_set(l, s, h->rn_slot[s]);
			continue;
		}
		KASSERT(!is_leaf(l) && met == NULL);
		met = h->rn_slot[s];
		*sp = s;
	}
	pool_put(&radix_pool, h);
	return met;
}

/* Make the path to the last or the first value the tree's own.  ENOMEM. */
static int
edge_own(struct radix *rx, bool last)
{
	void **link = &rx->rx_root;
	struct radix_node *n;
	u_int s;

	for (;;) {
		if (node_own(rx, link, 0) != 0)
			return ENOMEM;
		n = *link;
		if (is_leaf(n))
			return 0;
		s = last ? 63 - (u_int)__builtin_clzll(n->rn_used)
			 : first_slot(n->rn_used);
		link = &n->rn_slot[s];
	}
}

/*
 * Walk down the one path where the trees touch; whatever lies off it moves
 * as a whole.
 */
int
radix_join(struct radix *low, struct radix *high)
{
	struct radix_node *l, *h, *fork;
	void **link;
	u_int s;

	l = low->rx_root;
	h = high->rx_root;
	if (l == NULL || h == NULL) {
		low->rx_root = l != NULL ? l : h;
		high->rx_root = NULL;
		return 0;
	}
	/* Below is written the last path of low and the first one of high. */
	if (edge_own(low, true) != 0 || edge_own(high, false) != 0)
		return ENOMEM;
	l = low->rx_root;
	h = high->rx_root;
	/* At most one new node, where the two trees part. */
	fork = node_alloc(0, 0);
	if (fork == NULL)
		return ENOMEM;
	high->rx_root = NULL;

	/* *link is to hang on to what l and h become. */
	link = &low->rx_root;
	for (;;) {
		if (l->rn_shift == h->rn_shift && l->rn_base == h->rn_base) {
			*link = l;
			h = node_pour(l, h, &s);
			if (h == NULL)
				break;
			link = &l->rn_slot[s];
			l = *link;
		} else if (l->rn_shift > h->rn_shift &&
			   radix_covers(l, h->rn_base)) {
			*link = l;
			s = radix_slot(l, h->rn_base);
			if (l->rn_slot[s] == NULL) {
				node_set(l, s, h);
				break;
			}
			link = &l->rn_slot[s];
			l = *link;
		} else if (h->rn_shift > l->rn_shift &&
			   radix_covers(h, l->rn_base)) {
			*link = h;
			s = radix_slot(h, l->rn_base);
			if (h->rn_slot[s] == NULL) {
				node_set(h, s, l);
				break;
			}
			link = &h->rn_slot[s];
			h = *link;
		} else {
			KASSERT(l->rn_base < h->rn_base);
			fork->rn_shift = parting_shift(l->rn_base, h->rn_base);
			fork->rn_base = l->rn_base & ~span_mask(fork->rn_shift);
			node_set(fork, radix_slot(fork, l->rn_base), l);
			node_set(fork, radix_slot(fork, h->rn_base), h);
			*link = fork;
			return 0;
		}
	}
	pool_put(&radix_pool, fork);
	return 0;
}

u_long
radix_verify(const struct radix *rx)
{
	struct {
		const struct radix_node *n;
		uint64_t todo;
	} path[RX_DEPTH];
	const struct radix_node *n, *child;
	uint64_t used;
	u_long count;
	u_int depth, s;

	count = 0;
	depth = 0;
	if (rx->rx_root != NULL) {
		path[0].n = rx->rx_root;
		path[depth++].todo = path[0].n->rn_used;
	}
	while (depth > 0) {
		n = path[depth - 1].n;
		if (path[depth - 1].todo == n->rn_used) {
			KASSERT(n->rn_shift % RX_BITS == 0);
			KASSERT((n->rn_base & span_mask(n->rn_shift)) == 0);
			KASSERT(n->rn_used != 0);
			KASSERT(refcount_load(&n->rn_refs) > 0);
			for (s = 0; s < RX_SLOTS; s++)
				KASSERT((n->rn_slot[s] != NULL) ==
					((n->rn_used & slot_bit(s)) != 0));
		}
		if (is_leaf(n)) {
			for (used = n->rn_used; used != 0; used &= used - 1)
				count++;
			depth--;
			continue;
		}
		KASSERT((n->rn_used & (n->rn_used - 1)) != 0);
		if (path[depth - 1].todo == 0) {
			depth--;
			continue;
		}
		s = first_slot(path[depth - 1].todo);
		path[depth - 1].todo &= path[depth - 1].todo - 1;
		child = n->rn_slot[s];
		KASSERT(child->rn_shift < n->rn_shift);
		KASSERT(radix_covers(n, child->rn_base));
		KASSERT(radix_slot(n, child->rn_base) == s);
		KASSERT(depth < RX_DEPTH);
		path[depth].n = child;
		path[depth++].todo = child->rn_used;
	}
	return count;
}
