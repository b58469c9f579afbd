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
 * The caller locks.  Nothing here sleeps.
 */
#ifndef UVM_RADIX_H
#define UVM_RADIX_H

#include <sys/types.h>

struct radix {
	void *rx_root; /* struct radix_node; NULL: empty */
};

/* Once, before the first insert. */
void radix_boot(void);

void radix_init(struct radix *rx);
bool radix_empty(const struct radix *rx);

/*
 * radix_lookup: the value at idx, or NULL.
 * radix_insert: store v (not NULL) in an empty slot.  ENOMEM: nothing changed.
 * radix_replace: store v in a used slot; returns the old value.
 * radix_remove: empty a slot; returns what it held, or NULL.
 * radix_next: the value at the first used index >= *idx, which *idx becomes;
 *	NULL when there is none.
 */
void *radix_lookup(const struct radix *rx, uint64_t idx);
int radix_insert(struct radix *rx, uint64_t idx, void *v);
void *radix_replace(struct radix *rx, uint64_t idx, void *v);
void *radix_remove(struct radix *rx, uint64_t idx);
void *radix_next(const struct radix *rx, uint64_t *idx);

/*
 * radix_wipe: empty the tree, calling fn(arg, v, n) for all values in index
 *	order, n at a time (1 to RADIX_LEAF).  fn must not touch the tree.
 * radix_remove_range: the same for the values of [first, last].
 * radix_copy: fill the empty tree copy with the values of [first, last],
 *	calling fn(arg, idx, v) for each in index order before it is stored.
 *	ENOMEM: copy has those that fn was called for, and may be wiped.
 * radix_split: move every value at or above idx to the empty tree high.
 *	ENOMEM: nothing changed.
 * radix_join: move all of high, whose indices are all above those of low,
 *	to low.  ENOMEM: nothing changed.
 */
#define RADIX_LEAF 64u
void radix_wipe(struct radix *rx, void (*fn)(void *, void **, u_int),
    void *arg);
void radix_remove_range(struct radix *rx, uint64_t first, uint64_t last,
    void (*fn)(void *, void **, u_int), void *arg);
int radix_copy(const struct radix *rx, uint64_t first, uint64_t last,
    struct radix *copy, void (*fn)(void *, uint64_t, void *), void *arg);
int radix_split(struct radix *rx, uint64_t idx, struct radix *high);
int radix_join(struct radix *low, struct radix *high);

/* Check the whole tree, panic on damage; returns the number of values. */
u_long radix_verify(const struct radix *rx);

#endif
