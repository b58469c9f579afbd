/*
 * account.c (vmsim): memory that comes and goes.
 *
 * The linker sends the calls of phys' allocation functions that cross files
 * through here (--wrap).  Freed memory is declared so to the engine and to the
 * MMUs; what is in use is counted exactly, caches aside.
 */
#include <stdio.h>

#include <base/cpu.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <phys/pool.h>
#include <uvm/swap.h>

#include "sim.h"

#define NPOOL 64

static struct account {
	long ac_pages; /* that are not the kernel's own */
	long ac_kmem;  /* bytes */
	struct {
		const struct pool *ap_pool;
		long ap_used;
	} ac_pool[NPOOL];
} now, mark;
static long marked;

struct vm_page *__real_page_alloc(enum page_kind kind, u_int flags);
struct vm_page *__real_page_alloc_run(enum page_kind kind, u_int order,
    u_int flags);
u_int __real_page_alloc_batch(enum page_kind kind, u_int flags,
    struct vm_page **pgs, u_int n);
void __real_page_free(struct vm_page *pg);
void __real_page_free_run(struct vm_page *pg, u_int order);
void __real_page_free_batch(struct vm_page **pgs, u_int n);
void __real_page_free_spans(const struct page_span *sp, u_int n);
void *__real_pool_get(struct pool *pl, u_int flags);
void __real_pool_put(struct pool *pl, void *obj);
u_int __real_pool_get_batch(struct pool *pl, void **obj, u_int n, u_int flags);
void __real_pool_put_batch(struct pool *pl, void **obj, u_int n);
void __real_pool_put_runs(struct pool *pl, const struct pool_run *r, u_int n);
void *__real_kmem_alloc(size_t len, u_int flags);
void __real_kmem_free(void *p, size_t len);
struct vm_page *__wrap_page_alloc(enum page_kind kind, u_int flags);
struct vm_page *__wrap_page_alloc_run(enum page_kind kind, u_int order,
    u_int flags);
u_int __wrap_page_alloc_batch(enum page_kind kind, u_int flags,
    struct vm_page **pgs, u_int n);
void __wrap_page_free(struct vm_page *pg);
void __wrap_page_free_run(struct vm_page *pg, u_int order);
void __wrap_page_free_batch(struct vm_page **pgs, u_int n);
void __wrap_page_free_spans(const struct page_span *sp, u_int n);
void *__wrap_pool_get(struct pool *pl, u_int flags);
void __wrap_pool_put(struct pool *pl, void *obj);
u_int __wrap_pool_get_batch(struct pool *pl, void **obj, u_int n, u_int flags);
void __wrap_pool_put_batch(struct pool *pl, void **obj, u_int n);
void __wrap_pool_put_runs(struct pool *pl, const struct pool_run *r, u_int n);
void *__wrap_kmem_alloc(size_t len, u_int flags);
void __wrap_kmem_free(void *p, size_t len);

/*
 * With sim_failalloc one allocation of each execution fails; which, is a
 * choice at each of them.
 */
bool sim_failalloc;
static long failed;

bool
sim_alloc_failed(void)
{
	return failed != 0;
}

static bool
fail_begin(void)
{
	if (!sim_failalloc || !det_exploring() || failed ||
	    det_choose(2, "this allocation fails") == 0)
		return false;
	det_save(&failed, sizeof failed);
	failed = 1;
	phys_fail_nth(1);
	return true;
}

static void
fail_end(bool begun)
{
	if (begun)
		phys_fail_nth(0);
}

void (*sim_page_hook)(uint64_t pa, unsigned kind, bool came);

static void
page_came(struct vm_page *pg, enum page_kind kind)
{
	det_mem_alloc(page_direct(pg), PAGE_SIZE);
	det_atomic_begin();
	mmu_frame_used(page_to_phys(pg));
	now.ac_pages += kind != PK_KERNEL;
	if (sim_page_hook != NULL)
		sim_page_hook(page_to_phys(pg), kind, true);
	det_atomic_end();
}

static void
page_goes(struct vm_page *pg)
{
	det_mem_free(page_direct(pg), PAGE_SIZE);
	det_atomic_begin();
	mmu_frame_free(page_to_phys(pg));
	now.ac_pages -= page_kind(pg) != PK_KERNEL;
	if (sim_page_hook != NULL)
		sim_page_hook(page_to_phys(pg), page_kind(pg), false);
	det_atomic_end();
}

struct vm_page *
__wrap_page_alloc(enum page_kind kind, u_int flags)
{
	struct vm_page *pg;
	bool fail;

	fail = fail_begin();
	pg = __real_page_alloc(kind, flags);
	fail_end(fail);
	if (pg != NULL)
		page_came(pg, kind);
	return pg;
}

struct vm_page *
__wrap_page_alloc_run(enum page_kind kind, u_int order, u_int flags)
{
	struct vm_page *pg;
	u_int i;
	bool fail;

	fail = fail_begin();
	pg = __real_page_alloc_run(kind, order, flags);
	fail_end(fail);
	for (i = 0; pg != NULL && i < 1u << order; i++)
		page_came(pg + i, kind);
	return pg;
}

u_int
__wrap_page_alloc_batch(enum page_kind kind, u_int flags, struct vm_page **pgs,
    u_int n)
{
	u_int got, i;
	bool fail;

	fail = fail_begin();
	got = __real_page_alloc_batch(kind, flags, pgs, n);
	fail_end(fail);
	for (i = 0; i < got; i++)
		page_came(pgs[i], kind);
	return got;
}

void
__wrap_page_free(struct vm_page *pg)
{
	page_goes(pg);
	__real_page_free(pg);
}

void
__wrap_page_free_run(struct vm_page *pg, u_int order)
{
	u_int i;

	for (i = 0; i < 1u << order; i++)
		page_goes(pg + i);
	__real_page_free_run(pg, order);
}

void
__wrap_page_free_batch(struct vm_page **pgs, u_int n)
{
	u_int i;

	for (i = 0; i < n; i++)
		page_goes(pgs[i]);
	__real_page_free_batch(pgs, n);
}

void
__wrap_page_free_spans(const struct page_span *sp, u_int n)
{
	u_int i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k < sp[i].ps_n; k++)
			page_goes(sp[i].ps_first + k);
	__real_page_free_spans(sp, n);
}

static void
pool_count(const struct pool *pl, long n)
{
	u_int i;

	det_atomic_begin();
	for (i = 0; i < NPOOL; i++) {
		if (now.ac_pool[i].ap_pool == NULL)
			now.ac_pool[i].ap_pool = pl;
		if (now.ac_pool[i].ap_pool == pl) {
			now.ac_pool[i].ap_used += n;
			break;
		}
	}
	det_atomic_end();
}

void *
__wrap_pool_get(struct pool *pl, u_int flags)
{
	void *obj;
	bool fail;

	fail = fail_begin();
	obj = __real_pool_get(pl, flags);
	fail_end(fail);
	if (obj != NULL) {
		det_mem_alloc(obj, pl->pl_size);
		pool_count(pl, 1);
	}
	return obj;
}

void
__wrap_pool_put(struct pool *pl, void *obj)
{
	det_mem_free(obj, pl->pl_size);
	pool_count(pl, -1);
	__real_pool_put(pl, obj);
}

u_int
__wrap_pool_get_batch(struct pool *pl, void **obj, u_int n, u_int flags)
{
	u_int got, i;
	bool fail;

	fail = fail_begin();
	got = __real_pool_get_batch(pl, obj, n, flags);
	fail_end(fail);
	for (i = 0; i < got; i++)
		det_mem_alloc(obj[i], pl->pl_size);
	pool_count(pl, got);
	return got;
}

void
__wrap_pool_put_batch(struct pool *pl, void **obj, u_int n)
{
	u_int i;

	for (i = 0; i < n; i++)
		det_mem_free(obj[i], pl->pl_size);
	pool_count(pl, -(long)n);
	__real_pool_put_batch(pl, obj, n);
}

void
__wrap_pool_put_runs(struct pool *pl, const struct pool_run *r, u_int n)
{
	u_int i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < r[i].pr_n; k++)
			det_mem_free((char *)r[i].pr_first +
					 (size_t)k * pl->pl_size,
			    pl->pl_size);
		pool_count(pl, -(long)r[i].pr_n);
	}
	__real_pool_put_runs(pl, r, n);
}

static void
kmem_count(long n)
{
	det_atomic_begin();
	now.ac_kmem += n;
	det_atomic_end();
}

void *
__wrap_kmem_alloc(size_t len, u_int flags)
{
	void *p;

	p = __real_kmem_alloc(len, flags);
	if (p != NULL)
		kmem_count((long)len);
	return p;
}

void
__wrap_kmem_free(void *p, size_t len)
{
	kmem_count(-(long)len);
	__real_kmem_free(p, len);
}

/* What lies on swap alone is in use as well. */
static long
on_swap(void)
{
	if (script.sc_swap == 0)
		return 0;
	return (
	    long)(atomic_load_explicit(&uvm_swap_used, memory_order_relaxed) -
		  uvm_swap_cached());
}

/*
 * What is in use at the end is what was in use at the mark.
 */
void
sim_account_begin(void)
{
	if (!det_exploring()) {
		det_region(&now, sizeof now);
		det_region(&mark, sizeof mark);
		det_region(&marked, sizeof marked);
	}
	mark = now;
	mark.ac_pages += on_swap();
	marked = 1;
}

void
sim_account_end(void)
{
	long pages = now.ac_pages + on_swap();
	u_int i;

	if (!marked)
		return;
	for (i = 0; i < NPOOL && now.ac_pool[i].ap_pool != NULL; i++)
		if (now.ac_pool[i].ap_used != mark.ac_pool[i].ap_used)
			det_fail("leak: pool %s: %ld objects were in use, "
				 "now %ld",
			    now.ac_pool[i].ap_pool->pl_name,
			    mark.ac_pool[i].ap_used, now.ac_pool[i].ap_used);
	if (pages != mark.ac_pages)
		det_fail("leak: %ld pages were in use, now %ld", mark.ac_pages,
		    pages);
	if (now.ac_kmem != mark.ac_kmem)
		det_fail("leak: %ld bytes of kmem were in use, now %ld",
		    mark.ac_kmem, now.ac_kmem);
}

/* What lies at an address of RAM. */
bool
sim_namer(uintptr_t a, char *buf, size_t len)
{
	static const char *const kinds[PK_NKIND] = {"hole", "reserved", "free",
	    "kernel", "table", "anon", "object", "loose"};
	const struct pool *pl;
	struct vm_page *pg;
	paddr_t pa;
	u_int kind;

	if (a < MD_DIRECT_BASE || a >= DET_SPAN)
		return false;
	pa = md_direct_pa((void *)a);
	pg = phys_to_page(pa);
	if (pg == NULL)
		return false;
	kind = page_kind(pg);
	pl = pg->pg_kva2;
	if (kind == PK_KERNEL && pl != NULL && pl->pl_size != 0)
		snprintf(buf, len, "%s#%lu+%#lx", pl->pl_name,
		    (u_long)((a & PAGE_MASK) / pl->pl_size),
		    (u_long)((a & PAGE_MASK) % pl->pl_size));
	else
		snprintf(buf, len, "%s page %#lx+%#lx",
		    kind < nitems(kinds) ? kinds[kind] : "?",
		    (u_long)trunc_page(pa), (u_long)(a & PAGE_MASK));
	return true;
}
