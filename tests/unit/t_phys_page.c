/*
 * t_phys_page.c: the page allocator.
 */
#include <base/cpu.h>
#include <base/print.h>
#include <base/thread.h>
#include <phys/kmem.h>
#include <phys/page.h>

#include "ktest.h"

#define NPAGES 1500

static struct vm_page *pages[NPAGES];

/* Every page of the array is of kind and none is there twice. */
static bool
pages_distinct(struct vm_page **pgs, u_int n, enum page_kind kind)
{
	u_int i;

	/* pg_index is ours to scribble on: each page gets its place. */
	for (i = 0; i < n; i++) {
		if (page_kind(pgs[i]) != kind)
			return false;
		pgs[i]->pg_index = i + 1;
	}
	for (i = 0; i < n; i++)
		if (pgs[i]->pg_index != i + 1)
			return false;
	return true;
}

static bool
page_is(const struct vm_page *pg, uint8_t byte)
{
	const uint8_t *p = page_direct(pg);
	u_int i;

	for (i = 0; i < PAGE_SIZE; i++)
		if (p[i] != byte)
			return false;
	return true;
}

TEST(phys_page_address)
{
	struct vm_page *pg;
	char *p;

	pg = page_alloc(PK_LOOSE, 0);
	if (!CHECK(pg != NULL))
		return;
	p = page_direct(pg);
	CHECK(((uintptr_t)p & PAGE_MASK) == 0);
	CHECK(phys_to_page(page_to_phys(pg)) == pg);
	CHECK(phys_to_page(page_to_phys(pg) + PAGE_MASK) == pg);
	CHECK(phys_page(page_to_phys(pg)) == pg);
	CHECK(direct_to_page(p + 123) == pg);
	CHECK(phys_to_page(~0ull & ~(paddr_t)PAGE_MASK) == NULL);
	CHECK(page_kind(pg) == PK_LOOSE && page_flags(pg) == 0);
	page_free(pg);
	CHECK(page_kind(pg) == PK_FREE);
}

/*
 * Goal: single pages are distinct, counted, and come back, in whatever order.
 */
TEST(phys_alloc_free)
{
	u_long before = phys_free_count();
	struct vm_page *tmp;
	u_int i, j;

	for (i = 0; i < NPAGES; i++) {
		pages[i] = page_alloc(PK_KERNEL, 0);
		if (!CHECK(pages[i] != NULL))
			return;
	}
	CHECK(pages_distinct(pages, NPAGES, PK_KERNEL));
	CHECK(phys_free_count() <= before - NPAGES);
	phys_verify();
	for (i = 0; i < NPAGES; i++) {
		j = ktest_random() % NPAGES;
		tmp = pages[i];
		pages[i] = pages[j];
		pages[j] = tmp;
	}
	for (i = 0; i < NPAGES; i++)
		page_free(pages[i]);
	phys_verify();
}

/*
 * Goal: zeroed pages are zero, after whatever they were.
 */
TEST(phys_zero)
{
	struct vm_page *pg[64];
	u_int i, round;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < nitems(pg); i++) {
			pg[i] = page_alloc(PK_LOOSE, PA_ZERO);
			if (!CHECK(pg[i] != NULL))
				return;
			CHECK(page_is(pg[i], 0));
			CHECK(page_flags(pg[i]) == 0);
			if (i % 2 == 0)
				memset(page_direct(pg[i]), 0x5a, PAGE_SIZE);
			else
				page_flags_set(pg[i], PG_ZEROED);
		}
		page_free_batch(pg, nitems(pg));
	}
}

/*
 * Goal: runs are aligned and contiguous; their pages may be freed one by one,
 * and what was cut up merges again.
 */
TEST(phys_runs)
{
	struct vm_page *pg;
	u_int i, n, order;

	for (order = 0; order <= PHYS_MAXORDER; order++) {
		n = 1u << order;
		pg = page_alloc_run(PK_KERNEL, order, order % 2 ? PA_ZERO : 0);
		if (!CHECK(pg != NULL))
			continue;
		CHECK((page_to_phys(pg) & ((n << PAGE_SHIFT) - 1)) == 0);
		for (i = 0; i < n; i++) {
			CHECK(
			    phys_to_page(page_to_phys(pg) +
					 ((paddr_t)i << PAGE_SHIFT)) == pg + i);
			CHECK(page_kind(pg + i) == PK_KERNEL);
		}
		if (order % 2 != 0)
			CHECK(page_is(pg + n - 1, 0));
		if (order % 3 == 0) {
			page_free_run(pg, order);
		} else {
			for (i = n; i-- > 0;)
				page_free(pg + i);
		}
		phys_verify();
	}
}

/* As many 2 MiB runs as there are; how many. */
static u_int
count_runs(void)
{
	struct vm_page *pg, *head = NULL;
	u_int n = 0;

	while ((pg = page_alloc_run(PK_LOOSE, PHYS_MAXORDER, 0)) != NULL) {
		pg->pg_kva = head;
		head = pg;
		n++;
	}
	while ((pg = head) != NULL) {
		head = pg->pg_kva;
		page_free_run(pg, PHYS_MAXORDER);
	}
	return n;
}

TEST(phys_merge)
{
	u_int after, before, i;

	phys_drain_all();
	before = count_runs();
	CHECK(before > 0);
	for (i = 0; i < NPAGES; i++) {
		pages[i] = page_alloc(PK_LOOSE, 0);
		if (!CHECK(pages[i] != NULL))
			return;
	}
	/* Every other one first: nothing can merge until the second pass. */
	for (i = 0; i < NPAGES; i += 2)
		page_free(pages[i]);
	for (i = 1; i < NPAGES; i += 2)
		page_free(pages[i]);
	phys_drain_all();
	phys_verify();
	after = count_runs();
	CHECK(after == before);
}

/*
 * Goal: all memory can be had, all of it comes back; the reserve is kept for
 * those who may use it.
 */
TEST(phys_exhaust)
{
	struct vm_page *pg, *head = NULL, *batch[100];
	u_long keep = phys_reserve_pages, n = 0, total;
	u_int i = 0;

	phys_drain_all();
	total = phys_free_count();
	phys_reserve_pages = 20;
	while ((pg = page_alloc(PK_LOOSE, 0)) != NULL) {
		pg->pg_kva = head;
		head = pg;
		n++;
	}
	/* Programs leave twice what the kernel leaves. */
	CHECK(n + 40 == total);
	while ((pg = page_alloc(PK_KERNEL, 0)) != NULL) {
		pg->pg_kva = head;
		head = pg;
		n++;
	}
	CHECK(n + 20 == total);
	CHECK(page_alloc_run(PK_LOOSE, 0, 0) == NULL);
	while ((pg = page_alloc(PK_LOOSE, PA_RESERVE)) != NULL) {
		pg->pg_kva = head;
		head = pg;
		n++;
	}
	CHECK(n == total);
	CHECK(phys_free_count() == 0);
	phys_reserve_pages = keep;
	while ((pg = head) != NULL) {
		head = pg->pg_kva;
		batch[i++] = pg;
		if (i == nitems(batch) || head == NULL) {
			page_free_batch(batch, i);
			i = 0;
		}
	}
	CHECK(phys_free_count() == total);
	phys_verify();
}

TEST(phys_fail_nth)
{
	struct vm_page *pg[4];

	phys_fail_nth(3);
	pg[0] = page_alloc(PK_LOOSE, 0);
	pg[1] = page_alloc_run(PK_LOOSE, 1, 0);
	CHECK(!phys_fail_fired());
	pg[2] = page_alloc(PK_LOOSE, 0);
	CHECK(phys_fail_fired());
	pg[3] = page_alloc(PK_LOOSE, 0);
	CHECK(pg[0] != NULL && pg[1] != NULL);
	CHECK(pg[2] == NULL && pg[3] != NULL);
	phys_fail_nth(0);
	page_free(pg[0]);
	page_free_run(pg[1], 1);
	page_free(pg[3]);
}

/*
 * Goal: a full cache, batches larger than it, and pages that other CPUs gave
 * all end where they should.
 */
TEST(phys_batch)
{
	u_int i, n;

	for (n = 1; n < NPAGES; n = n * 3 + 1) {
		for (i = 0; i < n; i++) {
			pages[i] = page_alloc(PK_ANON, 0);
			if (!CHECK(pages[i] != NULL))
				return;
			page_set_referenced(pages[i]);
			page_set_modified(pages[i]);
		}
		CHECK(pages_distinct(pages, n, PK_ANON));
		page_free_batch(pages, n);
		phys_verify();
	}
}

/*
 * Goal: PHYS_RUN pages at once are an aligned run as long as there is one, and
 * not otherwise; spans come back whole.
 */
TEST(phys_batch_run)
{
	struct vm_page *pg[PHYS_RUN];
	struct page_span sp[4];
	u_long before;
	u_int got, i, k;

	phys_drain_all();
	before = phys_free_count();
	for (k = 0; k < nitems(sp); k++) {
		got = page_alloc_batch(PK_ANON, k % 2 ? PA_ZERO : 0, pg,
		    PHYS_RUN);
		if (!CHECK(got == PHYS_RUN))
			return;
		CHECK(pg[0]->pg_pfn % PHYS_RUN == 0);
		for (i = 0; i < PHYS_RUN; i++) {
			CHECK(pg[i] == pg[0] + i);
			CHECK(page_kind(pg[i]) == PK_ANON);
			if (k % 2 != 0)
				CHECK(page_is(pg[i], 0));
		}
		sp[k].ps_first = pg[0];
		sp[k].ps_n = PHYS_RUN;
	}
	CHECK(phys_free_count() == before - nitems(sp) * PHYS_RUN);
	phys_verify();
	page_free_spans(sp, nitems(sp));
	CHECK(phys_free_count() == before);
	phys_verify();
	phys_drain_all();
	CHECK(phys_free_count() == before);
}

static void
free_twice(void *arg)
{
	page_free(arg);
}

static void
alloc_worker(void *arg)
{
	u_long *sum = arg;
	struct vm_page *pg[16];
	u_int i, round;

	for (round = 0; round < 50; round++) {
		for (i = 0; i < nitems(pg); i++) {
			pg[i] = page_alloc(PK_LOOSE, 0);
			if (pg[i] != NULL)
				pg[i]->pg_kva = &pg[i];
		}
		thread_yield();
		for (i = 0; i < nitems(pg); i++) {
			if (!CHECK(pg[i] != NULL && pg[i]->pg_kva == &pg[i]))
				return;
			page_free(pg[i]);
			(*sum)++;
		}
	}
}

TEST(phys_threads)
{
	struct thread *td[4];
	u_long sum[4] = {0};
	u_int i;

	for (i = 0; i < nitems(td); i++)
		td[i] = ktest_spawn(alloc_worker, &sum[i]);
	for (i = 0; i < 20; i++) {
		phys_drain_all();
		thread_yield();
	}
	for (i = 0; i < nitems(td); i++)
		ktest_join(td[i]);
	for (i = 0; i < nitems(td); i++)
		CHECK(sum[i] == 50 * 16);
	phys_drain_all();
	phys_verify();
}

TEST(phys_free_twice)
{
	struct vm_page *pg = page_alloc(PK_LOOSE, 0);

	if (!CHECK(pg != NULL))
		return;
	page_free(pg);
	CHECK(ktest_panics(free_twice, pg, "PK_FREEABLE"));
}
