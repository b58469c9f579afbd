/*
 * pool.h: kernel objects of one size.
 *
 * A pool carves pages (slabs) into objects, with a per-CPU magazine in front.
 * A slab is described in its page's descriptor, so all of the page is
 * objects.  Free ones are listed by runs, so that many that lie side by side
 * come and go as one.  Pages that become empty go back, but for one per pool.
 * Freed objects are poisoned in DEBUG builds, and the poison is checked when
 * they are handed out again.
 *
 * Slab descriptors (PK_KERNEL): pg_link in pl_part, pg_kva the first run of
 * free objects, pg_kva2 the pool, pg_count the objects out; all [p].
 *
 * Protection:
 *	I	constant after pool_init()
 *	i	constant once the CPU runs
 *	p	pl_lock
 *	l	the lock of the list of pools
 */
#ifndef PHYS_POOL_H
#define PHYS_POOL_H

#include <sys/types.h>
#include <machine/param.h>
#include <base/lock.h>
#include <phys/page.h>
#include <phys/kmem.h>

struct pool_mag;

struct pool {
	struct spin pl_lock;     /* [I] RANK_POOL + 1 */
	struct pageq pl_part;    /* [p] slabs with room, empty last */
	u_int pl_nempty;         /* [p] slabs without objects out */
	u_long pl_nslab;         /* [p] pages held */
	u_long pl_nused;         /* [p] objects out of the slabs */
	LIST_ENTRY(pool) pl_all; /* [l] of the list of pools */

	/* What each use looks at shares no line with what some change. */
	const char *pl_name __aligned(CACHELINE); /* [I] */
	u_int pl_size;                            /* [I] bytes, aligned */
	u_int pl_perslab;                         /* [I] objects a page holds */
	struct pool_mag *pl_mag[MAXCPU];          /* [i] NULL: none */
};

/* Objects that lie side by side, from the lowest on. */
struct pool_run {
	void *pr_first;
	u_int pr_n;
};

/*
 * pool_init: objects of size bytes aligned to align (a power of two up to 256,
 *	0: 16), size at most PAGE_SIZE / 4.  name is not copied.
 * pool_fini: the end of a pool with no object out and no other user.
 * pool_get: an object, contents undefined (zeroed if PA_ZERO); NULL: out of
 *	memory.  flags as page_alloc().
 * pool_put: give it back; panics when it is not out of this pool.
 * pool_get_batch: up to n objects into obj[], contents undefined; how many, at
 *	least one unless memory is out.  Many of them, but not more than a page
 *	holds, lie side by side unless there is no memory for that.  Does not
 *	grow the pool by more than one page.
 * pool_put_batch: n objects back.
 * pool_put_runs: n runs of objects that lie side by side; each costs the same
 *	however many they are.
 * pool_drain, pool_drain_all: give every empty page back, the magazines of all
 *	CPUs included.
 * Never sleep; not from interrupt handlers; spin locks below RANK_POOL held.
 */
void pool_init(struct pool *pl, const char *name, size_t size, size_t align);
void pool_fini(struct pool *pl);
void *pool_get(struct pool *pl, u_int flags);
void pool_put(struct pool *pl, void *obj);
u_int pool_get_batch(struct pool *pl, void **obj, u_int n, u_int flags);
void pool_put_batch(struct pool *pl, void **obj, u_int n);
void pool_put_runs(struct pool *pl, const struct pool_run *r, u_int n);
void pool_drain(struct pool *pl);
void pool_drain_all(void);

/*
 * Pages that all pools hold beyond what their objects would fill if they lay
 * side by side: which slab an object lands in is chance, how many objects
 * there are is not.  Context as pool_get().
 */
u_long pool_slack(void);

/* Objects in use, magazines not counted.  May be stale. */
u_long pool_used(struct pool *pl);

/*
 * fn(arg, pl) for each pool, for statistics.  fn may call pool_used(), and
 * must not make or end pools.
 */
void pool_foreach(void (*fn)(void *, struct pool *), void *arg);

/* Check every slab of pl that has room; panics on damage. */
void pool_verify(struct pool *pl);

#endif
