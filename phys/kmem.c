/*
 * kmem.c: kernel memory of any size, on top of pools and page runs.
 */
#include <base/print.h>

#include <phys/kmem.h>
#include <phys/pool.h>

#include "phys_var.h"

#define KMEM_MINSHIFT 4
#define KMEM_MAXPOOL  (PAGE_SIZE / 4)
#define KMEM_MAX      (PAGE_SIZE << PHYS_MAXORDER)

static const char *const kmem_name[] = {"kmem-16", "kmem-32", "kmem-64",
    "kmem-128", "kmem-256", "kmem-512", "kmem-1024", "kmem-2048", "kmem-4096",
    "kmem-8192", "kmem-16384"};
static struct pool kmem_pool[nitems(kmem_name)];

_Static_assert(KMEM_MAXPOOL >> KMEM_MINSHIFT < 1ul << nitems(kmem_name),
    "kmem: a name for every pool");

/* The smallest n with 2^n >= x. */
static u_int
log2_up(size_t x)
{
	return x <= 1 ? 0 : 64 - (u_int)__builtin_clzl(x - 1);
}

static struct pool *
kmem_pool_of(size_t len)
{
	return &kmem_pool[MAX(log2_up(len), KMEM_MINSHIFT) - KMEM_MINSHIFT];
}

void
kmem_init(void)
{
	size_t size;
	u_int i;

	for (i = 0; i < nitems(kmem_name); i++) {
		size = (size_t)1 << (i + KMEM_MINSHIFT);
		if (size > KMEM_MAXPOOL)
			break;
		pool_init(&kmem_pool[i], kmem_name[i], size, MIN(size, 64ul));
	}
}

void *
kmem_alloc(size_t len, u_int flags)
{
	struct vm_page *pg;
	u_int i, npages, order;

	KASSERT(len > 0 && len <= KMEM_MAX);
	if (len <= KMEM_MAXPOOL)
		return pool_get(kmem_pool_of(len), flags);

	npages = (u_int)(round_page(len) >> PAGE_SHIFT);
	order = log2_up(npages);
	if (order == 0)
		pg = page_alloc(PK_KERNEL, flags);
	else
		pg = page_alloc_run(PK_KERNEL, order, flags);
	if (pg == NULL)
		return NULL;
	for (i = npages; i < 1u << order; i++)
		page_free(&pg[i]);
	return page_direct(pg);
}

void
kmem_free(void *p, size_t len)
{
	struct vm_page *batch[32], *pg;
	u_int i, n, npages;

	KASSERT(p != NULL && len > 0 && len <= KMEM_MAX);
	if (len <= KMEM_MAXPOOL) {
		pool_put(kmem_pool_of(len), p);
		return;
	}
	KASSERT(((uintptr_t)p & PAGE_MASK) == 0);
	pg = direct_to_page(p);
	npages = (u_int)(round_page(len) >> PAGE_SHIFT);
	while (npages > 0) {
		n = MIN(npages, (u_int)nitems(batch));
		for (i = 0; i < n; i++)
			batch[i] = pg++;
		page_free_batch(batch, n);
		npages -= n;
	}
}
