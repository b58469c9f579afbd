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

struct radix {
	void *rx_root; /* struct radix_node; NULL: empty */
	/*
	 * One more (1) or fewer (-1) reference to each value in n slots, NULL
	 * where one is empty.  A null pointer: the tree never shares.
	 */
	void (*rx_count)(void *const *slots, u_int n, int by);
};

/* Once, before the first insert. */
void radix_boot(void);

void radix_init(struct radix *rx,
    void (*count)(void *const *slots, u_int n, int by));
bool radix_empty(const struct radix *rx);

/*
 * radix_lookup: the value at idx, or NULL.
 * radix_lookup_shared: the same; *shared: whether another tree holds it too.
 * radix_insert: store v (not NULL) in an empty slot.  ENOMEM: nothing changed.
 * radix_replace: store v in a used slot; *old is what it held, its reference
 *	the caller's.  ENOMEM: nothing changed.
 * radix_remove: empty a slot; returns what it held, or NULL.  Only of a tree
 *	that never shares.
 * radix_next: the value at the first used index >= *idx, which *idx becomes;
 *	NULL when there is none.
 */
void *radix_lookup(const struct radix *rx, uint64_t idx);
void *radix_lookup_shared(const struct radix *rx, uint64_t idx, bool *shared);
int radix_insert(struct radix *rx, uint64_t idx, void *v);
int radix_replace(struct radix *rx, uint64_t idx, void *v, void **old);
void *radix_remove(struct radix *rx, uint64_t idx);
void *radix_next(const struct radix *rx, uint64_t *idx);

/*
 * Several at once, [idx, idx + n) within an aligned range of RADIX_LEAF.
 * radix_gather: the values, NULL where there is none, at v[]; how many.
 *	*shared, unless NULL: whether another tree holds them too.
 * radix_insert_run: store n values, none NULL, in empty slots.  ENOMEM:
 *	nothing changed.
 * radix_replace_run: store n values, none NULL, in used slots; what they held
 *	goes to old[].  ENOMEM: nothing changed.
 * radix_run: how many slots just below idx are used without a gap, counted up
 *	to max, at most RADIX_LEAF.
 * radix_gap: how many from idx on are not used, counted up to max.
 */
u_int radix_gather(const struct radix *rx, uint64_t idx, u_int n, void **v,
    bool *shared);
int radix_insert_run(struct radix *rx, uint64_t idx, void **v, u_int n);
int radix_replace_run(struct radix *rx, uint64_t idx, void **v, void **old,
    u_int n);
u_int radix_run(const struct radix *rx, uint64_t idx, u_int max);
u_int radix_gap(const struct radix *rx, uint64_t idx, u_int max);

/*
 * radix_share: the empty tree copy gets the contents of rx, in O(1).
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
#define RADIX_LEAF 64u
void radix_wipe(struct radix *rx, void (*fn)(void *, void **, u_int),
    void *arg);
void radix_share(const struct radix *rx, struct radix *copy);
int radix_remove_range(struct radix *rx, uint64_t first, uint64_t last,
    void (*fn)(void *, void **, u_int), void *arg);
int radix_split(struct radix *rx, uint64_t idx, struct radix *high);
int radix_join(struct radix *low, struct radix *high);

/* Check the whole tree, panic on damage; returns the number of values. */
u_long radix_verify(const struct radix *rx);

#endif
