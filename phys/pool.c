/*
 * pool.c: objects of one size.
 *
 * Objects wait in three places: in the magazine of a CPU, from where nearly
 * all allocations are served; on the free list of a slab that is partly out;
 * on that of the one empty slab a pool may keep.  A magazine is filled and
 * emptied by halves, so that a CPU that only allocates or only frees takes
 * the pool's lock once in MAG_HALF objects.  Beside single objects it has one
 * run of them, for those who want many side by side.
 *
 * Locks: the list of pools', the magazine's (RANK_POOL, its CPU's own in
 * practice; another takes it to drain), the pool's (RANK_POOL + 1), then the
 * page allocator's.
 *
 * (J. Bonwick, J. Adams, Magazines and Vmem, USENIX 2001, section 3.)
 */
#include <base/print.h>
#include <base/thread.h>

#include <phys/pool.h>

#include "phys_var.h"

#define MAG_SIZE 29
#define MAG_HALF 16 /* in whole cache lines of the smallest objects */
#define MAG_RUN  64 /* at most in a run */
#define POISON   0xa5

/*
 * Protection:
 *	I	constant after pool_mag_init()
 *	m	mg_lock
 *	a	C11 atomic; m:a is written under mg_lock, read anywhere
 */
struct pool_mag {
	struct cpulock mg_lock; /* [I] RANK_POOL */
	_Atomic(u_int) mg_n;    /* [m:a] of mg_obj[] */
	_Atomic(u_int) mg_nrun; /* [m:a] objects from mg_run on */
	char *mg_run;           /* [m] */
	void *mg_obj[MAG_SIZE]; /* [m] */
};

/*
 * Free objects side by side in a slab, in the first of them: how many, and how
 * far into the page the next such run begins.
 */
struct pool_free {
	uint16_t pf_next; /* PF_END: this is the last */
	uint16_t pf_n;
};
#define PF_END 0xffffu /* no object begins at the last byte of a page */

/* The pool of magazines, which has none itself. */
static struct pool mag_pool;

/* All pools, newest first.  The lock is outer to those of all pools. */
static struct spin pool_list_lock = SPIN_INITIALIZER(RANK_POOL - 1);
static LIST_HEAD(, pool) pool_list = LIST_HEAD_INITIALIZER(pool_list);

static u_int
mag_n(struct pool_mag *m)
{
	return atomic_load_explicit(&m->mg_n, memory_order_relaxed);
}

static void
mag_setn(struct pool_mag *m, u_int n)
{
	atomic_store_explicit(&m->mg_n, n, memory_order_relaxed);
}

static u_int
mag_nrun(struct pool_mag *m)
{
	return atomic_load_explicit(&m->mg_nrun, memory_order_relaxed);
}

/* m has a run of n, from p on. */
static void
mag_setrun(struct pool_mag *m, void *p, u_int n)
{
	m->mg_run = p;
	atomic_store_explicit(&m->mg_nrun, n, memory_order_relaxed);
}

/* The head of a free object may be a run's; the rest is poison. */
static void
pool_poison(struct pool *pl, void *obj)
{
	if (DEBUG && pl->pl_size > sizeof(struct pool_free))
		memset((char *)obj + sizeof(struct pool_free), POISON,
		    pl->pl_size - sizeof(struct pool_free));
}

static void
pool_check_poison(struct pool *pl, const void *obj)
{
	const u_char *p = obj;
	u_int i;

	if (!DEBUG)
		return;
	for (i = sizeof(struct pool_free); i < pl->pl_size; i++)
		if (p[i] != POISON)
			panic("pool %s: %p written to after it was freed",
			    pl->pl_name, obj);
}

/* The run at offset off of a slab; NULL: it is PF_END. */
static inline struct pool_free *
slab_run(struct vm_page *pg, u_int off)
{
	return off == PF_END ? NULL : (void *)((char *)page_direct(pg) + off);
}

/* How far into its page a run begins. */
static inline uint16_t
run_offset(const struct pool_free *pf)
{
	return pf == NULL ? PF_END : (uint16_t)((uintptr_t)pf & PAGE_MASK);
}

/* All of a slab is free. */
static void
slab_reset(struct pool *pl, struct vm_page *pg)
{
	struct pool_free *pf = page_direct(pg);

	pf->pf_next = PF_END;
	pf->pf_n = (uint16_t)pl->pl_perslab;
	pg->pg_kva = pf;
	pg->pg_count = 0;
}

/* A new slab of free objects; NULL: no page. */
static struct vm_page *
slab_create(struct pool *pl, u_int flags)
{
	struct vm_page *pg;
	u_int i;

	pg = page_alloc(PK_KERNEL, flags & PA_RESERVE);
	if (pg == NULL)
		return NULL;
	for (i = 0; DEBUG && i < pl->pl_perslab; i++)
		pool_poison(pl,
		    (char *)page_direct(pg) + (size_t)i * pl->pl_size);
	pg->pg_kva2 = pl;
	slab_reset(pl, pg);
	return pg;
}

/* What is left of a free run of slab pg without its first k objects. */
static inline struct pool_free *
run_rest(struct pool *pl, struct vm_page *pg, struct pool_free *pf, u_int k)
{
	struct pool_free *rest;

	if (k == pf->pf_n)
		return slab_run(pg, pf->pf_next);
	rest = (void *)((char *)pf + (size_t)k * pl->pl_size);
	rest->pf_n = (uint16_t)(pf->pf_n - k);
	rest->pf_next = pf->pf_next;
	return rest;
}

/* The n objects from p on into obj[]. */
static inline void
run_list(struct pool *pl, char *p, void **obj, u_int n)
{
	u_int i;

	for (i = 0; i < n; i++, p += pl->pl_size)
		obj[i] = p;
}

/* Slab pg has k objects less, and its runs from head on.  pl_lock is held. */
static inline void
slab_lost(struct pool *pl, struct vm_page *pg, struct pool_free *head, u_int k)
{
	if (pg->pg_count == 0)
		pl->pl_nempty--;
	pg->pg_kva = head;
	pg->pg_count += (uint16_t)k;
	pl->pl_nused += k;
	KASSERT(k > 0 && pg->pg_count <= pl->pl_perslab);
	if (head == NULL) {
		KASSERT(pg->pg_count == pl->pl_perslab);
		TAILQ_REMOVE(&pl->pl_part, pg, pg_link);
	}
}

/* One slab more, from which the caller takes something.  pl_lock is held. */
static struct vm_page *
slab_grow(struct pool *pl, u_int flags)
{
	struct vm_page *pg = slab_create(pl, flags);

	if (pg == NULL)
		return NULL;
	pl->pl_nslab++;
	pl->pl_nempty++;
	TAILQ_INSERT_TAIL(&pl->pl_part, pg, pg_link);
	return pg;
}

/* Up to n objects from the slabs, at least one unless memory is out. */
static u_int
slab_take(struct pool *pl, void **obj, u_int n, u_int flags)
{
	struct pool_free *pf;
	struct vm_page *pg;
	u_int got = 0, k, was;

	spin_enter(&pl->pl_lock);
	while (got < n) {
		pg = TAILQ_FIRST(&pl->pl_part);
		/* Batches are for speed, not a reason to grow. */
		if (pg == NULL && got == 0)
			pg = slab_grow(pl, flags);
		if (pg == NULL)
			break;
		was = got;
		for (pf = pg->pg_kva; pf != NULL && got < n; got += k) {
			k = MIN(pf->pf_n, n - got);
			run_list(pl, (char *)pf, obj + got, k);
			pf = run_rest(pl, pg, pf, k);
		}
		slab_lost(pl, pg, pf, got - was);
	}
	spin_exit(&pl->pl_lock);
	return got;
}

#define RUN_LOOK 4u /* slabs, and runs in each, that are asked for room */

/*
 * A run of *np objects from slab pg, or more, up to MAG_RUN, which *np becomes;
 * NULL: it does not seem to have one.
 */
static void *
slab_cut(struct pool *pl, struct vm_page *pg, u_int *np)
{
	struct pool_free *pf = pg->pg_kva, *prev = NULL, *rest;
	u_int i;

	for (i = 0; pf->pf_n < *np; i++) {
		prev = pf;
		pf = slab_run(pg, pf->pf_next);
		if (pf == NULL || i == RUN_LOOK)
			return NULL;
	}
	*np = MIN(pf->pf_n, MAG_RUN);
	rest = run_rest(pl, pg, pf, *np);
	if (prev != NULL) {
		prev->pf_next = run_offset(rest);
		rest = pg->pg_kva;
	}
	slab_lost(pl, pg, rest, *np);
	return pf;
}

/*
 * The same from any slab; NULL: no memory.  Slabs with short runs are at the
 * head of the list, for who wants single objects; so this begins at its end.
 */
static void *
slab_take_run(struct pool *pl, u_int *np, u_int flags)
{
	struct vm_page *pg;
	void *run = NULL;
	u_int i = 0;

	spin_enter(&pl->pl_lock);
	for (pg = TAILQ_LAST(&pl->pl_part, pageq);
	     pg != NULL && run == NULL && i < RUN_LOOK; i++) {
		run = slab_cut(pl, pg, np);
		pg = TAILQ_PREV(pg, pageq, pg_link);
	}
	if (run == NULL && (pg = slab_grow(pl, flags)) != NULL)
		run = slab_cut(pl, pg, np);
	spin_exit(&pl->pl_lock);
	return run;
}

/*
 * Put k objects side by side, from pf to end, at the head of the list of runs.
 * The new head.
 */
static inline struct pool_free *
run_push(struct pool_free *head, struct pool_free *pf, u_int k, const void *end)
{
	pf->pf_n = (uint16_t)k;
	pf->pf_next = run_offset(head);
	if (end == head) {
		pf->pf_n += head->pf_n;
		pf->pf_next = head->pf_next;
	}
	return pf;
}

/* The slab pg has its runs from head on, n objects more than before. */
static void
slab_gained(struct pool *pl, struct vm_page *pg, struct pool_free *head,
    u_int n)
{
	KASSERT(pg->pg_kva2 == pl && pg->pg_count >= n);
	if (pg->pg_kva == NULL)
		TAILQ_INSERT_HEAD(&pl->pl_part, pg, pg_link);
	pg->pg_kva = head;
	pg->pg_count -= (uint16_t)n;
	if (pg->pg_count == 0) {
		slab_reset(pl, pg);
		pl->pl_nempty++;
		TAILQ_REMOVE(&pl->pl_part, pg, pg_link);
		TAILQ_INSERT_TAIL(&pl->pl_part, pg, pg_link);
	}
}

/*
 * Give the first of n objects back, and those behind it that lie in the same
 * slab: neighbours in a batch often do, and side by side they are one run.
 * How many.
 */
static u_int
slab_give_some(struct pool *pl, void **obj, u_int n)
{
	struct vm_page *pg = phys_page(md_direct_pa(obj[0]));
	uintptr_t slab = trunc_page((uintptr_t)obj[0]), p;
	uintptr_t last = slab + PAGE_SIZE - pl->pl_size;
	struct pool_free *head = pg->pg_kva;
	u_int i = 0, first;

	do {
		first = i;
		p = (uintptr_t)obj[i];
		do {
			p += pl->pl_size;
		} while (++i < n && (uintptr_t)obj[i] == p && p <= last);
		head = run_push(head, obj[first], i - first, (void *)p);
	} while (i < n && trunc_page((uintptr_t)obj[i]) == slab);
	slab_gained(pl, pg, head, i);
	return i;
}

/*
 * Have slabs give empty pages back until keep are left.  pl_lock is held, nused
 * objects have come back.
 */
static void
slab_trim(struct pool *pl, u_int nused, u_int keep)
{
	struct vm_page *pg;

	pl->pl_nused -= nused;
	while (pl->pl_nempty > keep) {
		pg = TAILQ_LAST(&pl->pl_part, pageq);
		KASSERT(pg->pg_count == 0);
		TAILQ_REMOVE(&pl->pl_part, pg, pg_link);
		pl->pl_nempty--;
		pl->pl_nslab--;
		page_free(pg);
	}
}

/* Give n objects back to their slabs, and slabs but keep back to phys. */
static __noinline void
slab_give(struct pool *pl, void **obj, u_int n, u_int keep)
{
	u_int i;

	spin_enter(&pl->pl_lock);
	for (i = 0; i < n;)
		i += slab_give_some(pl, obj + i, n - i);
	slab_trim(pl, n, keep);
	spin_exit(&pl->pl_lock);
}

/* Give the pool a magazine for CPU id; without memory it does without. */
static void
pool_mag_init(struct pool *pl, u_int id)
{
	struct pool_mag *m;

	if (pl == &mag_pool || pl->pl_mag[id] != NULL)
		return;
	m = pool_get(&mag_pool, PA_ZERO);
	if (m == NULL)
		return;
	cpulock_init(&m->mg_lock, RANK_POOL);
	pl->pl_mag[id] = m;
}

void
pool_cpu_init(u_int id)
{
	struct pool *pl;

	spin_enter(&pool_list_lock);
	LIST_FOREACH(pl, &pool_list, pl_all)
		pool_mag_init(pl, id);
	spin_exit(&pool_list_lock);
}

void
pool_init(struct pool *pl, const char *name, size_t size, size_t align)
{
	u_int i;

	if (align == 0)
		align = 16;
	KASSERT((align & (align - 1)) == 0 && align <= 256);
	KASSERT(size > 0 && size <= PAGE_SIZE / 4);
	/* The first pool of all brings that of the magazines with it. */
	if (pl != &mag_pool && mag_pool.pl_name == NULL)
		pool_init(&mag_pool, "magazine", sizeof(struct pool_mag),
		    CACHELINE);

	memset(pl, 0, sizeof(*pl));
	spin_init(&pl->pl_lock, RANK_POOL + 1);
	pl->pl_name = name;
	pl->pl_size =
	    (u_int)roundup2(MAX(size, sizeof(struct pool_free)), align);
	pl->pl_perslab = PAGE_SIZE / pl->pl_size;
	TAILQ_INIT(&pl->pl_part);

	/* A CPU that comes up now is in one of the two walks, or in both. */
	spin_enter(&pool_list_lock);
	LIST_INSERT_HEAD(&pool_list, pl, pl_all);
	for (i = 0; i < MAXCPU; i++)
		if (cpu_table[i] != NULL && cpu_table[i]->cpu_phys != NULL)
			pool_mag_init(pl, i);
	spin_exit(&pool_list_lock);
}

void
pool_fini(struct pool *pl)
{
	u_int i;

	KASSERT(pool_used(pl) == 0);
	spin_enter(&pool_list_lock);
	LIST_REMOVE(pl, pl_all);
	spin_exit(&pool_list_lock);
	pool_drain(pl);
	KASSERT(pl->pl_nslab == 0);
	for (i = 0; i < MAXCPU; i++)
		if (pl->pl_mag[i] != NULL)
			pool_put(&mag_pool, pl->pl_mag[i]);
	memset(pl, 0, sizeof(*pl));
}

/* An object that is about to leave, as it was asked for. */
static inline void *
pool_give(struct pool *pl, void *obj, u_int flags)
{
	pool_check_poison(pl, obj);
	return (flags & PA_ZERO) != 0 ? memset(obj, 0, pl->pl_size) : obj;
}

/*
 * MAG_HALF objects more for a magazine, locked, that has room for them; how many
 * it has now.
 */
static u_int
mag_fill(struct pool *pl, struct pool_mag *m, u_int flags)
{
	u_int have = mag_n(m), i, n;
	void *obj[MAG_HALF];

	KASSERT(have + MAG_HALF <= MAG_SIZE);
	n = slab_take(pl, obj, MAG_HALF, flags);
	/* The first goes out first. */
	for (i = 0; i < n; i++)
		m->mg_obj[have + n - 1 - i] = obj[i];
	mag_setn(m, have + n);
	return have + n;
}

/*
 * The rest of pool_get(): from the slabs, and more for the CPU's magazine if
 * it has one, which is locked.
 */
static __noinline void *
pool_get_slow(struct pool *pl, struct pool_mag *m, u_int flags)
{
	void *got = NULL;
	u_int n;

	if (m == NULL) {
		(void)slab_take(pl, &got, 1, flags);
	} else {
		n = mag_fill(pl, m, flags);
		if (n > 0) {
			got = m->mg_obj[n - 1];
			mag_setn(m, n - 1);
		}
		cpulock_exit(&m->mg_lock);
	}
	return got == NULL ? NULL : pool_give(pl, got, flags);
}

void *
pool_get(struct pool *pl, u_int flags)
{
	struct pool_mag *m;
	void *obj;
	u_int n;

	if (phys_fail_here())
		return NULL;
	m = pl->pl_mag[curcpu()->cpu_id];
	if (__predict_false(m == NULL))
		return pool_get_slow(pl, m, flags);
	cpulock_enter(&m->mg_lock);
	n = mag_n(m);
	if (__predict_false(n == 0))
		return pool_get_slow(pl, m, flags);
	obj = m->mg_obj[n - 1];
	mag_setn(m, n - 1);
	cpulock_exit(&m->mg_lock);
	return pool_give(pl, obj, flags);
}

/* A magazine, locked, of n objects gives its colder half; what is left. */
static u_int
mag_spill(struct pool *pl, struct pool_mag *m, u_int n)
{
	u_int half = MAG_HALF;

	KASSERT(n >= half);
	slab_give(pl, m->mg_obj, half, 1);
	memmove(m->mg_obj, m->mg_obj + half, (n - half) * sizeof(void *));
	return n - half;
}

/* The rest of pool_put(): the CPU's magazine, locked, is full, or none. */
static __noinline void
pool_put_slow(struct pool *pl, struct pool_mag *m, void *obj)
{
	u_int n;

	if (m == NULL) {
		slab_give(pl, &obj, 1, 1);
		return;
	}
	n = mag_spill(pl, m, MAG_SIZE);
	m->mg_obj[n] = obj;
	mag_setn(m, n + 1);
	cpulock_exit(&m->mg_lock);
}

void
pool_put(struct pool *pl, void *obj)
{
	struct pool_mag *m;
	u_int n;

	KASSERT(obj != NULL);
	KASSERT(phys_page(md_direct_pa(obj))->pg_kva2 == pl);
	KDASSERT(((uintptr_t)obj & PAGE_MASK) % pl->pl_size == 0);
	pool_poison(pl, obj);
	m = pl->pl_mag[curcpu()->cpu_id];
	if (__predict_false(m == NULL)) {
		pool_put_slow(pl, NULL, obj);
		return;
	}
	cpulock_enter(&m->mg_lock);
	n = mag_n(m);
	if (__predict_false(n == MAG_SIZE)) {
		pool_put_slow(pl, m, obj);
		return;
	}
	m->mg_obj[n] = obj;
	mag_setn(m, n + 1);
	cpulock_exit(&m->mg_lock);
}

/* From so many objects on a batch passes the magazine by, and is a run. */
#define MAG_BYPASS 15

void
pool_put_batch(struct pool *pl, void **obj, u_int n)
{
	struct pool_mag *m = pl->pl_mag[curcpu()->cpu_id];
	u_int have, i;

	for (i = 0; DEBUG && i < n; i++)
		pool_poison(pl, obj[i]);
	if (m == NULL || n >= MAG_BYPASS) {
		slab_give(pl, obj, n, 1);
		return;
	}
	cpulock_enter(&m->mg_lock);
	have = mag_n(m);
	if (have + n > MAG_SIZE)
		have = mag_spill(pl, m, have);
	/* Backwards: what lies side by side comes out in order. */
	while (n-- > 0) {
		KASSERT(phys_page(md_direct_pa(obj[n]))->pg_kva2 == pl);
		m->mg_obj[have++] = obj[n];
	}
	mag_setn(m, have);
	cpulock_exit(&m->mg_lock);
}

/* n objects side by side, from first on, back to their slabs. */
static void
slab_give_run(struct pool *pl, void *first, u_int n)
{
	char *p = first, *end;
	struct vm_page *pg;
	u_int k;

	for (; n > 0; n -= k, p = end) {
		/* A run goes on from page to page where slabs are full. */
		k = (u_int)(PAGE_SIZE - ((uintptr_t)p & PAGE_MASK)) /
		    pl->pl_size;
		k = MIN(k, n);
		pg = phys_page(md_direct_pa(p));
		end = p + (size_t)k * pl->pl_size;
		slab_gained(pl, pg, run_push(pg->pg_kva, (void *)p, k, end), k);
	}
}

/* n runs back to their slabs, and slabs but keep back to phys. */
static __noinline void
slab_give_runs(struct pool *pl, const struct pool_run *r, u_int n, u_int keep)
{
	u_int total = 0, i;

	spin_enter(&pl->pl_lock);
	for (i = 0; i < n; i++) {
		slab_give_run(pl, r[i].pr_first, r[i].pr_n);
		total += r[i].pr_n;
	}
	slab_trim(pl, total, keep);
	spin_exit(&pl->pl_lock);
}

/* Whether the magazine takes r: it has no run, or one that goes on from r. */
static bool
mag_put_run(struct pool *pl, struct pool_mag *m, const struct pool_run *r)
{
	char *end = (char *)r->pr_first + (size_t)r->pr_n * pl->pl_size;
	bool fits;
	u_int n;

	cpulock_enter(&m->mg_lock);
	n = mag_nrun(m);
	fits = n + r->pr_n <= MAG_RUN && (n == 0 || m->mg_run == end);
	if (fits)
		mag_setrun(m, r->pr_first, n + r->pr_n);
	cpulock_exit(&m->mg_lock);
	return fits;
}

void
pool_put_runs(struct pool *pl, const struct pool_run *r, u_int n)
{
	struct pool_mag *m = pl->pl_mag[curcpu()->cpu_id];
	u_int i, k;

	for (i = 0; DEBUG && i < n; i++)
		for (k = 0; k < r[i].pr_n; k++)
			pool_poison(pl,
			    (char *)r[i].pr_first + (size_t)k * pl->pl_size);
	if (n != 1 || m == NULL || !mag_put_run(pl, m, r))
		slab_give_runs(pl, r, n, 1);
}

/*
 * n objects side by side from the magazine's run, which is exchanged for another
 * if it is too short; false: there is none.
 */
static bool
mag_get_run(struct pool *pl, struct pool_mag *m, void **obj, u_int n,
    u_int flags)
{
	struct pool_run old;
	u_int have;
	void *run;

	cpulock_enter(&m->mg_lock);
	have = mag_nrun(m);
	if (have < n) {
		old.pr_first = m->mg_run;
		old.pr_n = have;
		have = n;
		run = slab_take_run(pl, &have, flags);
		if (run == NULL) {
			cpulock_exit(&m->mg_lock);
			return false;
		}
		if (old.pr_n > 0)
			slab_give_runs(pl, &old, 1, 1);
		m->mg_run = run;
	}
	run_list(pl, m->mg_run, obj, n);
	mag_setrun(m, m->mg_run + (size_t)n * pl->pl_size, have - n);
	cpulock_exit(&m->mg_lock);
	return true;
}

/* Up to n objects from the magazine, which is filled if it has less; how many. */
static u_int
mag_get_some(struct pool *pl, struct pool_mag *m, void **obj, u_int n,
    u_int flags)
{
	u_int have, i;

	cpulock_enter(&m->mg_lock);
	have = mag_n(m);
	if (have < n && have + MAG_HALF <= MAG_SIZE)
		have = mag_fill(pl, m, flags);
	n = MIN(n, have);
	mag_setn(m, have - n);
	for (i = 0; i < n; i++)
		obj[i] = m->mg_obj[have - 1 - i];
	cpulock_exit(&m->mg_lock);
	return n;
}

u_int
pool_get_batch(struct pool *pl, void **obj, u_int n, u_int flags)
{
	struct pool_mag *m;
	u_int got = 0, i;

	if (n == 1) {
		obj[0] = pool_get(pl, flags);
		return obj[0] != NULL;
	}
	if (phys_fail_here())
		return 0;
	m = pl->pl_mag[curcpu()->cpu_id];
	/* Many are wanted side by side. */
	if (m != NULL && n >= MAG_BYPASS && n <= MIN(pl->pl_perslab, MAG_RUN))
		got = mag_get_run(pl, m, obj, n, flags) ? n : 0;
	if (m != NULL && got == 0)
		got = mag_get_some(pl, m, obj, n, flags);
	if (got == 0)
		got = slab_take(pl, obj, n, flags);
	for (i = 0; DEBUG && i < got; i++)
		pool_check_poison(pl, obj[i]);
	return got;
}

void
pool_drain(struct pool *pl)
{
	struct pool_mag *m;
	struct pool_run r;
	u_int i;

	for (i = 0; i < MAXCPU; i++) {
		m = pl->pl_mag[i];
		if (m == NULL || mag_n(m) + mag_nrun(m) == 0)
			continue;
		cpulock_enter(&m->mg_lock);
		slab_give(pl, m->mg_obj, mag_n(m), 0);
		mag_setn(m, 0);
		r.pr_first = m->mg_run;
		r.pr_n = mag_nrun(m);
		slab_give_runs(pl, &r, 1, 0);
		mag_setrun(m, NULL, 0);
		cpulock_exit(&m->mg_lock);
	}
	slab_give(pl, NULL, 0, 0);
}

void
pool_drain_all(void)
{
	struct pool *pl;

	spin_enter(&pool_list_lock);
	LIST_FOREACH(pl, &pool_list, pl_all)
		pool_drain(pl);
	spin_exit(&pool_list_lock);
}

u_long
pool_slack(void)
{
	struct pool *pl;
	u_long n = 0, need;

	spin_enter(&pool_list_lock);
	LIST_FOREACH(pl, &pool_list, pl_all) {
		spin_enter(&pl->pl_lock);
		need = (pl->pl_nused + pl->pl_perslab - 1) / pl->pl_perslab;
		KASSERT(need <= pl->pl_nslab);
		n += pl->pl_nslab - need;
		spin_exit(&pl->pl_lock);
	}
	spin_exit(&pool_list_lock);
	return n;
}

u_long
pool_used(struct pool *pl)
{
	u_long n, cached = 0;
	u_int i;

	for (i = 0; i < MAXCPU; i++)
		if (pl->pl_mag[i] != NULL)
			cached +=
			    mag_n(pl->pl_mag[i]) + mag_nrun(pl->pl_mag[i]);
	spin_enter(&pl->pl_lock);
	n = pl->pl_nused;
	spin_exit(&pl->pl_lock);
	return n > cached ? n - cached : 0;
}

void
pool_foreach(void (*fn)(void *, struct pool *), void *arg)
{
	struct pool *pl;

	spin_enter(&pool_list_lock);
	LIST_FOREACH(pl, &pool_list, pl_all)
		fn(arg, pl);
	spin_exit(&pool_list_lock);
}

void
pool_verify(struct pool *pl)
{
	struct pool_free *pf;
	struct vm_page *pg;
	u_int nempty = 0, nfree, i;

	spin_enter(&pl->pl_lock);
	TAILQ_FOREACH(pg, &pl->pl_part, pg_link) {
		KASSERT(page_kind(pg) == PK_KERNEL && pg->pg_kva2 == pl);
		nfree = 0;
		for (pf = pg->pg_kva; pf != NULL;
		     pf = slab_run(pg, pf->pf_next)) {
			KASSERT(direct_to_page(pf) == pg && pf->pf_n > 0);
			nfree += pf->pf_n;
			KASSERT(nfree <= pl->pl_perslab);
			for (i = 0; DEBUG && i < pf->pf_n; i++)
				pool_check_poison(pl,
				    (char *)pf + (size_t)i * pl->pl_size);
		}
		KASSERT(nfree > 0 && nfree + pg->pg_count == pl->pl_perslab);
		nempty += pg->pg_count == 0;
	}
	KASSERT(nempty == pl->pl_nempty);
	KASSERT(pl->pl_nused <= pl->pl_nslab * pl->pl_perslab);
	spin_exit(&pl->pl_lock);
}
