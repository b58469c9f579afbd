/*
 * radix.h: a sparse array of pointers by 64-bit index.
 *
 * A path-compressed radix tree.  A node has 64 slots and a bit map of those
 * in use; it covers an aligned range of 64^k indices.  An interior node has
 * at least two children and a child may sit any number of levels below its
 * parent, so that n values need fewer than 2n nodes wherever they lie, and
 * values that lie close together share leaves.  Where the indices begin does
 * not matter: amaps number their slots by user address.
 *
 * Objects keep their pages in one, amaps their anons.  Cost of a walk follows
 * what is present.  Two trees whose indices do not interleave are joined, and
 * one is split at an index, by work on the one path between the halves.
 *
 * Trees may share nodes: radix_share() gives another tree the same contents by
 * one more reference to the root, whatever it holds.  Who then changes one of
 * the two copies the nodes on the way down to the change, and no others.  The
 * values are counted by the tree's owner, as one reference per slot of a node
 * that holds them.
 *
 *	tree A   tree B			tree A	       tree B, after a change
 *	    \     /			    |		  |     below leaf 2
 *	    [root 2]			 [root 1]     [root 1]
 *	    /      \			  |    \       /    |
 *	[leaf 1] [leaf 1]		  |   [leaf 2]    |
 *					[leaf 1]	[leaf 1]
 *
 * The caller locks each tree.  A node that several trees hold is not written,
 * so the lock of one of them is enough to read it.  Nothing here sleeps.
 */
#ifndef UVM_RADIX_H
#define UVM_RADIX_H

#include <sys/types.h>
#include <base/kassert.h>
#include <base/refcount.h>

#define RADIX_BITS 6
#define RADIX_LEAF 64u
_Static_assert(RADIX_LEAF == 1u << RADIX_BITS, "radix: bits and slots");

/* A node; for uvm_radix.c, and for what is inline below. */
struct radix_node {
	uint64_t rn_base;          /* first index of its range */
	uint64_t rn_used;          /* a bit for each slot in use */
	u_int rn_shift;            /* multiple of RADIX_BITS; 0: leaf */
	refcount_t rn_refs;        /* slots and trees that hold it */
	void *rn_slot[RADIX_LEAF]; /* values or struct radix_node */
};

struct radix {
	void *rx_root; /* struct radix_node; NULL: empty */
	/*
	 * One more (1) or fewer (-1) reference to the value of each slot whose
	 * bit is in used.  A null pointer: the tree never shares.
	 */
	void (*rx_count)(void *const *slots, uint64_t used, int by);
};

/*
 * Where in a tree an index is: what one way down has shown, for all that is
 * done there.  Good until the tree is changed by other means.
 */
struct radix_at {
	struct radix_node *ra_leaf; /* it is in or would be; NULL: none */
	bool ra_alone;              /* no other tree holds what is there */
};

/* Once, before the first insert. */
void radix_boot(void);

void radix_init(struct radix *rx,
    void (*count)(void *const *slots, uint64_t used, int by));
bool radix_empty(const struct radix *rx);

/*
 * radix_lookup: the value at idx, or NULL.
 * radix_find: the same; *at: where that is.
 * radix_insert: store v (not NULL) in an empty slot.  ENOMEM: nothing changed.
 * radix_replace: store v in a used slot; *old is what it held, its reference
 *	the caller's.  ENOMEM: nothing changed.
 * radix_remove: empty a slot; returns what it held, or NULL.  Only of a tree
 *	that never shares.
 * radix_next: the value at the first used index >= *idx, which *idx becomes;
 *	NULL when there is none.
 */
void *radix_lookup(const struct radix *rx, uint64_t idx);
int radix_insert(struct radix *rx, uint64_t idx, void *v);
int radix_replace(struct radix *rx, uint64_t idx, void *v, void **old);
void *radix_remove(struct radix *rx, uint64_t idx);
void *radix_next(const struct radix *rx, uint64_t *idx);

static inline bool
radix_covers(const struct radix_node *n, uint64_t idx)
{
	/* In two steps: the root of a full tree leaves 66 bits open. */
	return (idx ^ n->rn_base) >> n->rn_shift >> RADIX_BITS == 0;
}

static inline u_int
radix_slot(const struct radix_node *n, uint64_t idx)
{
	return (idx >> n->rn_shift) & (RADIX_LEAF - 1);
}

/* As far as n itself goes, it is of one tree. */
static inline bool
radix_node_alone(const struct radix_node *n)
{
	return refcount_alone(&n->rn_refs);
}

static inline void *
radix_find(const struct radix *rx, uint64_t idx, struct radix_at *at)
{
	struct radix_node *n;

	at->ra_alone = true;
	for (n = rx->rx_root; n != NULL && radix_covers(n, idx);
	     n = n->rn_slot[radix_slot(n, idx)]) {
		if (!radix_node_alone(n))
			at->ra_alone = false;
		if (n->rn_shift == 0) {
			at->ra_leaf = n;
			return n->rn_slot[idx % RADIX_LEAF];
		}
	}
	at->ra_leaf = NULL;
	return NULL;
}

/*
 * Several at once, [idx, idx + n) within an aligned range of RADIX_LEAF; at is
 * where radix_find() has found an index of that range.
 * radix_gather: the values, NULL where there is none, at v[]; how many.
 * radix_gather_at: the same without a search.
 * radix_insert_at: store n values, none NULL, in empty slots.  ENOMEM:
 *	nothing changed.
 * radix_replace_at: store n values, none NULL, in used slots; what they held
 *	goes to old[].  ENOMEM: nothing that can be seen has changed, and at
 *	is good for nothing.
 * radix_run: how many slots just below idx are used without a gap, counted up
 *	to max, at most RADIX_LEAF.
 * radix_gap: how many from idx on are not used, counted up to max.
 * radix_own: the leaf at is in, is of this tree alone from now on.  ENOMEM, as
 *	radix_replace_at().
 * radix_ready: whether there is a leaf and it is of this tree alone.
 * radix_put: then, store v in the slot of idx, used or not.
 * radix_behind: whether the slot just below idx is used, or may be.
 */
u_int radix_gather(const struct radix *rx, uint64_t idx, u_int n, void **v);
u_int radix_gather_at(const struct radix_at *at, uint64_t idx, u_int n,
    void **v);
int radix_insert_at(struct radix *rx, uint64_t idx, void **v, u_int n,
    struct radix_at *at);
int radix_replace_at(struct radix *rx, uint64_t idx, void **v, void **old,
    u_int n, struct radix_at *at);
u_int radix_run(const struct radix *rx, const struct radix_at *at, uint64_t idx,
    u_int max);
u_int radix_gap(const struct radix_at *at, uint64_t idx, u_int max);
int radix_own(struct radix *rx, uint64_t idx, struct radix_at *at);

static inline bool
radix_ready(const struct radix_at *at)
{
	return at->ra_leaf != NULL && at->ra_alone;
}

static inline void
radix_put(const struct radix_at *at, uint64_t idx, void *v)
{
	struct radix_node *leaf = at->ra_leaf;

	KASSERT(radix_ready(at) && radix_covers(leaf, idx));
	leaf->rn_used |= (uint64_t)1 << idx % RADIX_LEAF;
	leaf->rn_slot[idx % RADIX_LEAF] = v;
}

static inline bool
radix_behind(const struct radix_at *at, uint64_t idx)
{
	u_int s = idx % RADIX_LEAF;

	return s == 0 || (at->ra_leaf->rn_used >> (s - 1) & 1) != 0;
}

/*
 * radix_share: the empty tree copy gets the contents of rx, in O(1).
 * radix_within: whether nothing lies outside [first, last]; sometimes it does
 *	not know, and says false.
 * radix_wipe: empty the tree, calling fn(arg, v, n) for all values in index
 *	order, n at a time (1 to RADIX_LEAF), but not for those that another
 *	tree keeps.  fn must not touch the tree.
 * radix_remove_range: the same for the values of [first, last].  ENOMEM: some
 *	may be left; only of a tree that shares.  Uses the page reserve.
 * radix_split: move every value at or above idx to the empty tree high.
 *	ENOMEM: nothing changed.
 * radix_join: move all of high, whose indices are all above those of low,
 *	to low.  ENOMEM: nothing changed.
 */
void radix_wipe(struct radix *rx, void (*fn)(void *, void **, u_int),
    void *arg);
void radix_share(const struct radix *rx, struct radix *copy);
bool radix_within(const struct radix *rx, uint64_t first, uint64_t last);
int radix_remove_range(struct radix *rx, uint64_t first, uint64_t last,
    void (*fn)(void *, void **, u_int), void *arg);
int radix_split(struct radix *rx, uint64_t idx, struct radix *high);
int radix_join(struct radix *low, struct radix *high);

/* Check the whole tree, panic on damage; returns the number of values. */
u_long radix_verify(const struct radix *rx);

#endif
