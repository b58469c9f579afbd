/*
 * page.c: allocating and freeing pages, and the small things one does to
 * their descriptors.
 *
 * Single pages come from and go to the cache of the CPU; the global allocator
 * sees half a cache at a time.  When it has nothing left, the caches of the
 * other CPUs are emptied into it before anybody is told that memory is out.
 */
#include <base/print.h>
#include <base/thread.h>
#include <port/machdep.h>

#include "phys_var.h"

/* The kinds that page_free() takes, as bits. */
#define PK_FREEABLE                                                            \
	(1u << PK_KERNEL | 1u << PK_ANON | 1u << PK_OBJECT | 1u << PK_LOOSE)

/* What fills free pages in DEBUG builds. */
#define POISON 0xdfdfdfdfdfdfdfdfull

u_long phys_reserve_pages;
u_long phys_low_pages;
void (*_Atomic phys_low_hook)(void);

/* The fault injector: allocations left to the failing one; 0: off. */
_Atomic(u_long) phys_fail_left;
static _Atomic(bool) fail_fired;

void
phys_fail_nth(u_long n)
{
	atomic_store_explicit(&fail_fired, false, memory_order_relaxed);
	atomic_store_explicit(&phys_fail_left, n, memory_order_relaxed);
}

bool
phys_fail_fired(void)
{
	return atomic_load_explicit(&fail_fired, memory_order_relaxed);
}

__unlikely_call bool
phys_fail_count(void)
{
	u_long left;

	left = atomic_load_explicit(&phys_fail_left, memory_order_relaxed);
	do {
		if (left == 0)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&phys_fail_left, &left,
	    left - 1, memory_order_relaxed, memory_order_relaxed));
	if (left != 1)
		return false;
	atomic_store_explicit(&fail_fired, true, memory_order_relaxed);
	return true;
}

/* Whether every word of the page has this value. */
static bool
page_filled(const struct vm_page *pg, uint64_t value)
{
	const uint64_t *w = page_direct(pg);
	u_int i;

	for (i = 0; i < PAGE_SIZE / sizeof(*w); i++)
		if (w[i] != value)
			return false;
	return true;
}

/* page_retire() of a page that has flags, or should not be freed. */
static __noinline void
page_retire_odd(struct vm_page *pg)
{
	u_int flags = page_flags(pg), i;
	uint64_t *w = page_direct(pg);

	KASSERT(atomic_load_explicit(&pg->pg_pv, memory_order_relaxed) == 0);
	KASSERT(
	    atomic_load_explicit(&pg->pg_pvmore, memory_order_relaxed) == NULL);
	KASSERT((flags & PG_BUSY) == 0);
	flags &= PG_ZEROED;
	if (DEBUG && flags == 0) {
		for (i = 0; i < PAGE_SIZE / sizeof(*w); i++)
			w[i] = POISON;
		flags = PG_POISON;
	}
	atomic_store_explicit(&pg->pg_flags, flags, memory_order_relaxed);
	page_setkind(pg, PK_FREE);
}

/*
 * Turn a page that left its owner into a free one.  Nobody else touches it
 * but lookers, who take its lock and go away; so plain stores do.
 */
static inline void
page_retire(struct vm_page *pg)
{
	KASSERT((1u << page_kind(pg) & PK_FREEABLE) != 0);
	/* No mapping of either sort, no flags: one question. */
	if (__predict_true(
		(atomic_load_explicit(&pg->pg_pv, memory_order_relaxed) |
		    (uintptr_t)atomic_load_explicit(&pg->pg_pvmore,
			memory_order_relaxed) |
		    page_flags(pg)) == 0 &&
		!DEBUG))
		page_setkind(pg, PK_FREE);
	else
		page_retire_odd(pg);
}

/* The n pages from pg on, neighbours, which are many. */
static inline void
span_retire(struct vm_page *pg, u_int n)
{
	u_int i;

	for (; n >= 8; n -= 8, pg += 8) {
#pragma GCC unroll 8
		for (i = 0; i < 8; i++)
			page_retire(&pg[i]);
	}
	for (i = 0; i < n; i++)
		page_retire(&pg[i]);
}

/* Turn a free page into what was asked for. */
static inline void
page_prepare(struct vm_page *pg, enum page_kind kind, u_int flags)
{
	u_int was = page_flags(pg);

	KASSERT(page_kind(pg) == PK_FREE);
	KASSERT(pg->pg_order == ORDER_NONE);
	if (DEBUG && (was & PG_POISON) != 0 && !page_filled(pg, POISON))
		panic("page %p: written to after it was freed", (void *)pg);
	if (DEBUG && (was & PG_ZEROED) != 0 && !page_filled(pg, 0))
		panic("page %p: not zero", (void *)pg);

	if ((flags & PA_ZERO) != 0 && (was & PG_ZEROED) == 0)
		md_page_zero(page_direct(pg));
	pg->pg_anon = NULL;
	pg->pg_index = 0;
	atomic_store_explicit(&pg->pg_ref, 0, memory_order_relaxed);
	atomic_store_explicit(&pg->pg_mod, 0, memory_order_relaxed);
	if (was != 0)
		atomic_store_explicit(&pg->pg_flags, 0, memory_order_relaxed);
	page_setkind(pg, kind);
}

/* [c] Counts of a cache, whose lock the caller holds. */
static u_int
pc_get(_Atomic(u_int) *np)
{
	return atomic_load_explicit(np, memory_order_relaxed);
}

static void
pc_set(_Atomic(u_int) *np, u_int n)
{
	atomic_store_explicit(np, n, memory_order_relaxed);
}

void
phys_cpu_init(struct cpu *c)
{
	struct phys_cpu *pc;
	struct vm_page *pg;
	u_int limit;

	KASSERT(c->cpu_phys == NULL);
	pg = buddy_take_run(0, PA_RESERVE);
	if (pg == NULL)
		panic("phys: no page for the cache of cpu %u", c->cpu_id);
	page_prepare(pg, PK_KERNEL, PA_ZERO);
	pc = page_direct(pg);
	cpulock_init(&pc->pc_lock, RANK_PHYS);

	/* No CPU hoards more than a small part of a small machine. */
	limit = (u_int)MIN(phys_total() / 128, (u_long)PC_NPAGE);
	pc->pc_limit = MAX(limit & ~1u, 16u);
	pc->pc_runlimit = MIN(limit / (2 * PHYS_RUN), PC_NRUN);
	c->cpu_phys = pc;
	pool_cpu_init(c->cpu_id);
}

/* Find the neighbours among n pages, at most GIVE_BATCH; how many spans. */
static u_int
spans_of(struct vm_page **pgs, u_int n, struct page_span *sp)
{
	u_int i, len, nsp = 0;

	for (i = 0; i < n; i += len) {
		for (len = 1; i + len < n; len++)
			if (pgs[i + len] != pgs[i] + len)
				break;
		sp[nsp].ps_first = pgs[i];
		sp[nsp++].ps_n = len;
	}
	return nsp;
}

/* Give n free pages to the global allocator. */
static void
pages_give(struct vm_page **pgs, u_int n)
{
	struct page_span sp[GIVE_BATCH];
	u_int i, k;

	for (i = 0; i < n; i += k) {
		k = MIN(n - i, GIVE_BATCH);
		buddy_give(sp, spans_of(pgs + i, k, sp));
	}
}

/* Put n pages of the cache's bottom back into the global allocator. */
static void
pc_spill(struct phys_cpu *pc, u_int n)
{
	u_int have = pc_get(&pc->pc_n);

	KASSERT(n <= have);
	pages_give(pc->pc_page, n);
	memmove(pc->pc_page, pc->pc_page + n,
	    (have - n) * sizeof(pc->pc_page[0]));
	pc_set(&pc->pc_n, have - n);
}

/* How many pages pc holds; a guess unless it is locked. */
static u_int
pc_count(struct phys_cpu *pc)
{
	return pc_get(&pc->pc_n) + pc_get(&pc->pc_nzero) +
	       pc_get(&pc->pc_nrun) * PHYS_RUN;
}

static void
pc_drain(struct phys_cpu *pc)
{
	u_int n;

	if (pc == NULL || pc_count(pc) == 0)
		return;
	cpulock_enter(&pc->pc_lock);
	pc_spill(pc, pc_get(&pc->pc_n));
	pages_give(pc->pc_zero, pc_get(&pc->pc_nzero));
	pc_set(&pc->pc_nzero, 0);
	for (n = pc_get(&pc->pc_nrun); n > 0;)
		buddy_give_run(pc->pc_run[--n], PHYS_RUNORDER);
	pc_set(&pc->pc_nrun, 0);
	cpulock_exit(&pc->pc_lock);
}

void
phys_drain(void)
{
	pc_drain(curcpu()->cpu_phys);
}

void
phys_drain_all(void)
{
	u_int i;

	for (i = 0; i < MAXCPU; i++)
		if (cpu_table[i] != NULL)
			pc_drain(cpu_table[i]->cpu_phys);
}

/*
 * A page from the CPU's cache, zeroed if flags ask and there is such; NULL:
 * there is none of the kind, or, if any, none at all.  pc_lock is held.
 */
static inline struct vm_page *
pc_take(struct phys_cpu *pc, u_int flags, bool any)
{
	u_int n = pc_get(&pc->pc_n), nzero = pc_get(&pc->pc_nzero);

	if (nzero > 0 && ((flags & PA_ZERO) != 0 || (any && n == 0))) {
		pc_set(&pc->pc_nzero, --nzero);
		return pc->pc_zero[nzero];
	}
	if (n == 0)
		return NULL;
	pc_set(&pc->pc_n, --n);
	return pc->pc_page[n];
}

/* The same with more in the cache than there was, if that can be had. */
static struct vm_page *
pc_refill(struct phys_cpu *pc, u_int flags)
{
	struct vm_page *pg;

	cpulock_enter(&pc->pc_lock);
	if (pc_get(&pc->pc_n) == 0) {
		count_add(COUNT_PCP_MISS, 1);
		pc_set(&pc->pc_n,
		    buddy_take(pc->pc_page, pc->pc_limit / 2, 0, flags));
	}
	pg = pc_take(pc, flags, true);
	cpulock_exit(&pc->pc_lock);
	return pg;
}

/* The rest of page_alloc(): this CPU has nothing at hand.  Not prepared. */
static __unlikely_call struct vm_page *
page_alloc_slow(u_int flags)
{
	struct phys_cpu *pc;
	struct vm_page *pg;
	bool drained = false;

	for (;;) {
		/* The cache of a CPU just left serves as well: it is locked. */
		pc = curcpu()->cpu_phys;
		pg = pc != NULL ? pc_refill(pc, flags)
				: buddy_take_run(0, flags);
		if (pg != NULL || drained)
			return pg;
		phys_drain_all();
		drained = true;
	}
}

struct vm_page *
page_alloc(enum page_kind kind, u_int flags)
{
	struct phys_cpu *pc = curcpu()->cpu_phys;
	struct vm_page *pg = NULL;

	KASSERT(kind >= PK_KERNEL && kind < PK_NKIND && kind != PK_TABLE);
	if (phys_fail_here())
		return NULL;
	if (kind > PK_TABLE)
		flags |= PA_USER;
	if (__predict_true(pc != NULL)) {
		cpulock_enter(&pc->pc_lock);
		pg = pc_take(pc, flags, false);
		cpulock_exit(&pc->pc_lock);
	}
	if (__predict_true(pg != NULL)) {
		count_add(COUNT_PCP_HIT, 1);
	} else {
		pg = page_alloc_slow(flags);
		if (pg == NULL)
			return NULL;
	}
	page_prepare(pg, kind, flags);
	count_add(COUNT_PAGE_ALLOC, 1);
	return pg;
}

/* One of the CPU's runs, of which there are more if need be; NULL: none. */
static struct vm_page *
pc_alloc_run(struct phys_cpu *pc, u_int flags)
{
	struct vm_page *pg = NULL;
	u_int n;

	cpulock_enter(&pc->pc_lock);
	n = pc_get(&pc->pc_nrun);
	if (n == 0)
		/* One more than is kept, on the smallest machines: for now. */
		n = buddy_take(pc->pc_run, MAX(pc->pc_runlimit, 1),
		    PHYS_RUNORDER, flags);
	if (n > 0) {
		pg = pc->pc_run[--n];
		pc_set(&pc->pc_nrun, n);
	}
	cpulock_exit(&pc->pc_lock);
	return pg;
}

/* Up to n single pages from the CPU's cache. */
static u_int
pc_alloc_some(struct phys_cpu *pc, u_int flags, struct vm_page **pgs, u_int n)
{
	u_int got, have, i;

	cpulock_enter(&pc->pc_lock);
	have = pc_get(&pc->pc_n);
	if (have == 0) {
		count_add(COUNT_PCP_MISS, 1);
		have = buddy_take(pc->pc_page, pc->pc_limit / 2, 0, flags);
	} else {
		count_add(COUNT_PCP_HIT, 1);
	}
	got = MIN(n, have);
	for (i = 0; i < got; i++)
		pgs[i] = pc->pc_page[--have];
	pc_set(&pc->pc_n, have);
	cpulock_exit(&pc->pc_lock);
	return got;
}

u_int
page_alloc_batch(enum page_kind kind, u_int flags, struct vm_page **pgs,
    u_int n)
{
	struct phys_cpu *pc = curcpu()->cpu_phys;
	struct vm_page *pg = NULL;
	u_int i;

	KASSERT(kind >= PK_KERNEL && kind < PK_NKIND && kind != PK_TABLE);
	if (pc == NULL || phys_fail_here())
		return 0;
	if (kind > PK_TABLE)
		flags |= PA_USER;
	if (n == PHYS_RUN)
		pg = pc_alloc_run(pc, flags);
	if (pg != NULL) {
		for (i = 0; i < PHYS_RUN; i++, pg++) {
			page_prepare(pg, kind, flags);
			pgs[i] = pg;
		}
	} else {
		n = pc_alloc_some(pc, flags, pgs, n);
		for (i = 0; i < n; i++)
			page_prepare(pgs[i], kind, flags);
	}
	count_add(COUNT_PAGE_ALLOC, n);
	return n;
}

struct vm_page *
page_alloc_run(enum page_kind kind, u_int order, u_int flags)
{
	struct vm_page *pg;
	u_int i;

	KASSERT(kind >= PK_KERNEL && kind < PK_NKIND && kind != PK_TABLE);
	KASSERT(order <= PHYS_MAXORDER);
	if (phys_fail_here())
		return NULL;
	pg = buddy_take_run(order, flags);
	if (pg == NULL) {
		phys_drain_all();
		pg = buddy_take_run(order, flags);
	}
	if (pg == NULL)
		return NULL;
	for (i = 0; i < 1u << order; i++)
		page_prepare(&pg[i], kind, flags);
	count_add(COUNT_PAGE_ALLOC, 1u << order);
	return pg;
}

/*
 * From this many pages on a batch passes the cache by: it would only push out
 * what is there, and runs of neighbours are made by the global allocator.
 */
#define PC_BYPASS 32

/* Put n retired pages into the CPU's cache; how many did not fit: the first. */
static u_int
pc_free(struct phys_cpu *pc, struct vm_page **pgs, u_int n)
{
	struct vm_page *pg;
	u_int have, nzero;

	cpulock_enter(&pc->pc_lock);
	/*
	 * A few pages too many: make room for many more at once.  A batch
	 * that does not fit passes the cache by.
	 */
	if (pc_get(&pc->pc_n) + n > pc->pc_limit && n <= pc->pc_limit / 16)
		pc_spill(pc, pc_get(&pc->pc_n) / 2);
	have = pc_get(&pc->pc_n);
	nzero = pc_get(&pc->pc_nzero);
	/* Backwards: what is neighbours comes out in order. */
	for (; n > 0; n--) {
		pg = pgs[n - 1];
		if ((page_flags(pg) & PG_ZEROED) != 0 && nzero < PC_NZERO)
			pc->pc_zero[nzero++] = pg;
		else if (have < pc->pc_limit)
			pc->pc_page[have++] = pg;
		else
			break;
	}
	pc_set(&pc->pc_n, have);
	pc_set(&pc->pc_nzero, nzero);
	cpulock_exit(&pc->pc_lock);
	return n;
}

/* Retire n pages, at most GIVE_BATCH; how many spans of neighbours. */
static u_int
pages_retire(struct vm_page **pgs, u_int n, struct page_span *sp)
{
	struct vm_page *pg;
	u_int i, nsp = 0;

	for (i = 0; i < n;) {
		sp[nsp].ps_first = pg = pgs[i];
		do {
			page_retire(pg);
			pg++;
		} while (++i < n && pgs[i] == pg);
		sp[nsp].ps_n = (u_int)(pg - sp[nsp].ps_first);
		nsp++;
	}
	return nsp;
}

/* n retired pages, a few, go to the CPU's cache, or where there is room. */
static void
pages_cache(struct vm_page **pgs, u_int n)
{
	struct phys_cpu *pc = curcpu()->cpu_phys;

	if (pc != NULL)
		n = pc_free(pc, pgs, n);
	if (n > 0)
		pages_give(pgs, n);
}

void
page_free_batch(struct vm_page **pgs, u_int n)
{
	struct page_span sp[GIVE_BATCH];
	u_int i, k;

	if (n == 0)
		return;
	if (n < PC_BYPASS) {
		for (i = 0; i < n; i++)
			page_retire(pgs[i]);
		pages_cache(pgs, n);
	} else {
		for (i = 0; i < n; i += k) {
			k = MIN(n - i, GIVE_BATCH);
			buddy_give(sp, pages_retire(pgs + i, k, sp));
		}
	}
	count_add(COUNT_PAGE_FREE, n);
}

void
page_free_spans(const struct page_span *sp, u_int n)
{
	u_int total = 0, i;

	for (i = 0; i < n; i++) {
		total += sp[i].ps_n;
		span_retire(sp[i].ps_first, sp[i].ps_n);
	}
	buddy_give(sp, n);
	count_add(COUNT_PAGE_FREE, total);
}

void
page_free(struct vm_page *pg)
{
	page_free_batch(&pg, 1);
}

void
page_free_run(struct vm_page *pg, u_int order)
{
	u_int i;

	KASSERT(order <= PHYS_MAXORDER);
	KASSERT((pg->pg_pfn & ((1u << order) - 1)) == 0);
	for (i = 0; i < 1u << order; i++)
		page_retire(&pg[i]);
	buddy_give_run(pg, order);
	count_add(COUNT_PAGE_FREE, 1u << order);
}

__unlikely_call void
page_lock_slow(struct vm_page *pg, enum lock_rank rank)
{
	lock_rank_take(curthread(), rank);
	while (atomic_exchange_explicit(&pg->pg_lock, 1,
		   memory_order_acquire) != 0) {
		lockstat_wait(rank);
		while (page_locked(pg))
			md_cpu_relax();
	}
}

void
page_flags_set(struct vm_page *pg, u_int flags)
{
	if ((page_flags(pg) & flags) != flags)
		atomic_fetch_or_explicit(&pg->pg_flags, flags,
		    memory_order_relaxed);
}

void
page_flags_clear(struct vm_page *pg, u_int flags)
{
	if ((page_flags(pg) & flags) != 0)
		atomic_fetch_and_explicit(&pg->pg_flags, ~flags,
		    memory_order_relaxed);
}

u_long
phys_free_count(void)
{
	u_long n;
	u_int i;

	n = buddy_free();
	for (i = 0; i < MAXCPU; i++) {
		if (cpu_table[i] == NULL || cpu_table[i]->cpu_phys == NULL)
			continue;
		n += pc_count(cpu_table[i]->cpu_phys);
	}
	return n;
}

struct kind_count {
	enum page_kind kind;
	u_long n;
};

static void
kind_count(struct vm_page *pg, void *arg)
{
	struct kind_count *kc = arg;

	kc->n += page_kind(pg) == kc->kind;
}

u_long
phys_kind_count(enum page_kind kind)
{
	struct kind_count kc = {kind, 0};

	phys_foreach(kind_count, &kc);
	return kc.n;
}

/* What must hold for any page at any time. */
static void
page_verify(struct vm_page *pg, void *arg)
{
	(void)arg;
	KASSERT(pg == phys_to_page(page_to_phys(pg)));
	KASSERT(page_kind(pg) < PK_NKIND);
}

void
phys_verify(void)
{
	struct phys_cpu *pc;
	struct vm_page *pg;
	u_int i, j;

	buddy_verify();
	phys_foreach(page_verify, NULL);
	for (i = 0; i < MAXCPU; i++) {
		if (cpu_table[i] == NULL || cpu_table[i]->cpu_phys == NULL)
			continue;
		pc = cpu_table[i]->cpu_phys;
		cpulock_enter(&pc->pc_lock);
		KASSERT(pc_get(&pc->pc_n) <= pc->pc_limit);
		KASSERT(pc_get(&pc->pc_nzero) <= PC_NZERO);
		for (j = 0; j < pc_get(&pc->pc_n); j++) {
			KASSERT(page_kind(pc->pc_page[j]) == PK_FREE);
			KASSERT(pc->pc_page[j]->pg_order == ORDER_NONE);
		}
		for (j = 0; j < pc_get(&pc->pc_nzero); j++) {
			KASSERT(page_kind(pc->pc_zero[j]) == PK_FREE);
			KASSERT((page_flags(pc->pc_zero[j]) & PG_ZEROED) != 0);
		}
		KASSERT(pc_get(&pc->pc_nrun) <= pc->pc_runlimit);
		for (j = 0; j < pc_get(&pc->pc_nrun) * PHYS_RUN; j++) {
			pg = pc->pc_run[j / PHYS_RUN] + j % PHYS_RUN;
			KASSERT(page_kind(pg) == PK_FREE);
			KASSERT(pg->pg_order == ORDER_NONE);
			KASSERT(pg->pg_pfn % PHYS_RUN == j % PHYS_RUN);
		}
		cpulock_exit(&pc->pc_lock);
	}
}
