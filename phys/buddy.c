/*
 * buddy.c: the global page allocator.
 *
 * Free runs of 2^order pages, aligned to their size, hang on one queue per
 * order.  A run's first page carries the order in pg_order; every other page
 * has ORDER_NONE there.  pg_order is written under buddy_lock only and is the
 * one thing looked at in a neighbour that may belong to anybody, so freeing
 * needs no lock but this.
 *
 * (D. Knuth, The Art of Computer Programming, vol. 1, section 2.5.)
 */
#include "phys_var.h"

#define NORDER (PHYS_MAXORDER + 1)

/* A run never leaves its section, where descriptors are contiguous. */
_Static_assert(PHYS_MAXORDER <= PHYS_SECTION_SHIFT, "run within a section");

static struct spin buddy_lock = SPIN_INITIALIZER(RANK_PHYS + 1);
static u_long buddy_nfree;             /* [buddy_lock] pages */
static struct pageq buddy_q[NORDER] = {/* [buddy_lock] */
    TAILQ_HEAD_INITIALIZER(buddy_q[0]), TAILQ_HEAD_INITIALIZER(buddy_q[1]),
    TAILQ_HEAD_INITIALIZER(buddy_q[2]), TAILQ_HEAD_INITIALIZER(buddy_q[3]),
    TAILQ_HEAD_INITIALIZER(buddy_q[4]), TAILQ_HEAD_INITIALIZER(buddy_q[5]),
    TAILQ_HEAD_INITIALIZER(buddy_q[6]), TAILQ_HEAD_INITIALIZER(buddy_q[7]),
    TAILQ_HEAD_INITIALIZER(buddy_q[8]), TAILQ_HEAD_INITIALIZER(buddy_q[9])};
_Static_assert(NORDER == 10, "buddy_q: one initializer each");

/* The run that pg's of this order would merge with. */
static struct vm_page *
buddy_of(struct vm_page *pg, u_int order)
{
	uint32_t pfn = pg->pg_pfn;

	return pg + ((int64_t)(pfn ^ (1u << order)) - (int64_t)pfn);
}

static void
buddy_insert(struct vm_page *pg, u_int order)
{
	KASSERT(pg->pg_order == ORDER_NONE);
	pg->pg_order = (uint8_t)order;
	TAILQ_INSERT_HEAD(&buddy_q[order], pg, pg_link);
}

static void
buddy_remove(struct vm_page *pg, u_int order)
{
	KASSERT(pg->pg_order == order);
	TAILQ_REMOVE(&buddy_q[order], pg, pg_link);
	pg->pg_order = ORDER_NONE;
}

/* Free an aligned run, merging upwards as long as the other half is free. */
static void
buddy_merge(struct vm_page *pg, u_int order)
{
	struct vm_page *bud;

	KASSERT((pg->pg_pfn & ((1u << order) - 1)) == 0);
	KASSERT(page_kind(pg) == PK_FREE);
	buddy_nfree += 1ul << order;
	for (; order < PHYS_MAXORDER; order++) {
		bud = buddy_of(pg, order);
		if (bud->pg_order != order)
			break;
		buddy_remove(bud, order);
		if (bud < pg)
			pg = bud;
	}
	buddy_insert(pg, order);
}

/*
 * Take a run of exactly this order from the queue from on, giving back what
 * is cut off.
 */
static struct vm_page *
buddy_cut(u_int from, u_int order)
{
	struct vm_page *pg;

	pg = TAILQ_FIRST(&buddy_q[from]);
	KASSERT(pg != NULL);
	buddy_remove(pg, from);
	while (from > order) {
		from--;
		buddy_insert(pg + (1u << from), from);
	}
	KASSERT(buddy_nfree >= 1ul << order);
	buddy_nfree -= 1ul << order;
	return pg;
}

/* The smallest order not below order that has a run; NORDER: none. */
static u_int
buddy_find(u_int order)
{
	while (order < NORDER && TAILQ_EMPTY(&buddy_q[order]))
		order++;
	return order;
}

/* Pages that may be taken. */
static u_long
buddy_avail(u_int flags)
{
	u_long keep = phys_reserve_pages;

	if ((flags & PA_RESERVE) != 0)
		return buddy_nfree;
	if ((flags & PA_USER) != 0)
		keep *= 2;
	return buddy_nfree <= keep ? 0 : buddy_nfree - keep;
}

/* Pages were taken: let who can do something about it know if few are left. */
static void
buddy_low(u_long nfree)
{
	void (*hook)(void);

	if (__predict_true(nfree >= phys_low_pages))
		return;
	hook = atomic_load_explicit(&phys_low_hook, memory_order_relaxed);
	if (hook != NULL)
		hook();
}

u_int
buddy_take(struct vm_page **pgs, u_int n, u_int order, u_int flags)
{
	struct vm_page *pg;
	u_long left;
	u_int cut, from, got, i, k;

	KASSERT(order <= PHYS_MAXORDER);
	spin_enter(&buddy_lock);
	n = (u_int)MIN(n, buddy_avail(flags) >> order);
	for (got = 0; got < n; got += k) {
		/*
		 * Small runs first keeps the large ones whole; as much of a
		 * run as is wanted keeps neighbours together, which is what
		 * makes walking their descriptors cheap later.
		 */
		from = buddy_find(order);
		if (from == NORDER)
			break;
		cut = from;
		while (1u << (cut - order) > n - got)
			cut--;
		pg = buddy_cut(from, cut);
		k = 1u << (cut - order);
		for (i = 0; i < k; i++)
			pgs[got + i] = pg + ((size_t)(k - 1 - i) << order);
	}
	left = buddy_nfree;
	spin_exit(&buddy_lock);
	buddy_low(left);
	return got;
}

struct vm_page *
buddy_take_run(u_int order, u_int flags)
{
	struct vm_page *pg = NULL;
	u_long left;
	u_int from;

	KASSERT(order <= PHYS_MAXORDER);
	spin_enter(&buddy_lock);
	if (buddy_avail(flags) >= 1ul << order) {
		from = buddy_find(order);
		if (from < NORDER)
			pg = buddy_cut(from, order);
	}
	left = buddy_nfree;
	spin_exit(&buddy_lock);
	buddy_low(left);
	return pg;
}

/* Free len neighbours as the few aligned runs they consist of. */
static void
buddy_give_stretch(struct vm_page *pg, u_int len)
{
	u_int order;

	while (len > 0) {
		/* As large as the alignment, the length and the limit let. */
		order = 31 - (u_int)__builtin_clz(len);
		order = MIN(order,
		    (u_int)__builtin_ctz(pg->pg_pfn | 1u << PHYS_MAXORDER));
		buddy_merge(pg, order);
		pg += 1u << order;
		len -= 1u << order;
	}
}

void
buddy_give(const struct page_span *sp, u_int n)
{
	u_int i;

	spin_enter(&buddy_lock);
	for (i = 0; i < n; i++)
		buddy_give_stretch(sp[i].ps_first, sp[i].ps_n);
	spin_exit(&buddy_lock);
}

void
buddy_give_run(struct vm_page *pg, u_int order)
{
	KASSERT(order <= PHYS_MAXORDER);
	spin_enter(&buddy_lock);
	buddy_merge(pg, order);
	spin_exit(&buddy_lock);
}

u_long
buddy_free(void)
{
	u_long n;

	spin_enter(&buddy_lock);
	n = buddy_nfree;
	spin_exit(&buddy_lock);
	return n;
}

void
buddy_verify(void)
{
	struct vm_page *pg;
	u_long n = 0;
	u_int i, order;

	spin_enter(&buddy_lock);
	for (order = 0; order < NORDER; order++) {
		TAILQ_FOREACH(pg, &buddy_q[order], pg_link) {
			KASSERT(pg == phys_to_page(page_to_phys(pg)));
			KASSERT(pg->pg_order == order);
			KASSERT((pg->pg_pfn & ((1u << order) - 1)) == 0);
			KASSERT(order == PHYS_MAXORDER ||
				buddy_of(pg, order)->pg_order != order);
			for (i = 0; i < 1u << order; i++) {
				KASSERT(page_kind(&pg[i]) == PK_FREE);
				KASSERT(i == 0 || pg[i].pg_order == ORDER_NONE);
			}
			n += 1ul << order;
		}
	}
	KASSERT(n == buddy_nfree);
	spin_exit(&buddy_lock);
}
