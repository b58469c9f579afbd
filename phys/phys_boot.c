/*
 * phys_boot.c: from a list of RAM ranges to page descriptors.
 *
 * Runs once on the boot CPU, before there is an allocator; hence the fixed
 * tables.  Descriptors are made for whole sections of 16 MiB; those of
 * addresses without RAM stay PK_HOLE.
 */
#include <base/print.h>

#include <phys/kmem.h>

#include "phys_var.h"

#define NRANGE        64
#define SECTION_PAGES (1ul << PHYS_SECTION_SHIFT)

/* In page frame numbers, end excluded. */
struct range {
	uint64_t r_start;
	uint64_t r_end;
};

struct vm_page **phys_section;
uint64_t phys_nsection;

static struct range ram[NRANGE];   /* what there is */
static struct range taken[NRANGE]; /* what of it is not ours */
static u_int nram, ntaken;
static u_long phys_npages; /* ever given to the allocator */

/* In order: sections get their descriptors as their ranges come. */
static void
range_add(struct range *tab, u_int *np, uint64_t start, uint64_t end)
{
	u_int i;

	KASSERT(phys_section == NULL);
	if (start >= end)
		return;
	if (*np == NRANGE)
		panic("phys: more than %d ranges", NRANGE);
	for (i = (*np)++; i > 0 && tab[i - 1].r_start > start; i--)
		tab[i] = tab[i - 1];
	tab[i].r_start = start;
	tab[i].r_end = end;
}

void
phys_add_range(paddr_t start, paddr_t end)
{
	u_int i;

	start = round_page(start) >> PAGE_SHIFT;
	end = trunc_page(end) >> PAGE_SHIFT;
	for (i = 0; i < nram; i++)
		KASSERT(end <= ram[i].r_start || start >= ram[i].r_end);
	range_add(ram, &nram, start, end);
}

void
phys_reserve(paddr_t start, paddr_t end)
{
	range_add(taken, &ntaken, trunc_page(start) >> PAGE_SHIFT,
	    round_page(end) >> PAGE_SHIFT);
}

/* The first taken range that touches [start, end); NULL: none. */
static const struct range *
range_conflict(uint64_t start, uint64_t end)
{
	u_int i;

	for (i = 0; i < ntaken; i++)
		if (start < taken[i].r_end && end > taken[i].r_start)
			return &taken[i];
	return NULL;
}

/* Take npages contiguous free pages for good. */
static uint64_t
phys_steal(uint64_t npages)
{
	const struct range *r;
	uint64_t pfn;
	u_int i;

	for (i = 0; i < nram; i++) {
		/* Page 0 stays free of us: its address would look like NULL. */
		pfn = MAX(ram[i].r_start, 1ul);
		while (pfn + npages <= ram[i].r_end) {
			r = range_conflict(pfn, pfn + npages);
			if (r == NULL) {
				range_add(taken, &ntaken, pfn, pfn + npages);
				return pfn;
			}
			pfn = r->r_end;
		}
	}
	panic("phys: no room for %lu pages of descriptors", (u_long)npages);
}

/* Give [start, end), now PK_RESERVED, to the allocator. */
static void
phys_give(uint64_t start, uint64_t end)
{
	struct vm_page *pg;
	uint64_t pfn;
	u_int i, order;

	for (pfn = start; pfn < end; pfn += 1ul << order) {
		order = PHYS_MAXORDER;
		while ((pfn & ((1ul << order) - 1)) != 0 ||
		       pfn + (1ul << order) > end)
			order--;
		pg = phys_page(pfn << PAGE_SHIFT);
		for (i = 0; i < 1u << order; i++) {
			KASSERT(page_kind(&pg[i]) == PK_RESERVED);
			page_setkind(&pg[i], PK_FREE);
		}
		buddy_give_run(pg, order);
	}
	phys_npages += end - start;
}

/* Fill phys_section[] and the descriptors, all still reserved or holes. */
static void
phys_describe(uint64_t nsect)
{
	struct vm_page *pages, *pg;
	struct vm_page **table;
	uint64_t base, len, pfn, sect;
	u_int i;

	len = round_page(phys_nsection * sizeof(*table));
	base = phys_steal(
	    (len + nsect * SECTION_PAGES * sizeof(*pg)) >> PAGE_SHIFT);
	table = md_direct(base << PAGE_SHIFT);
	pages = md_direct((base << PAGE_SHIFT) + len);
	memset(table, 0, len + nsect * SECTION_PAGES * sizeof(*pg));

	for (i = 0; i < nram; i++) {
		for (pfn = ram[i].r_start; pfn < ram[i].r_end; pfn++) {
			sect = pfn >> PHYS_SECTION_SHIFT;
			if (table[sect] == NULL) {
				KASSERT(nsect-- > 0);
				/* Biased, so that adding a pfn finds it. */
				table[sect] = (void *)((uintptr_t)pages -
						       sect * SECTION_PAGES *
							   sizeof(*pg));
				pages += SECTION_PAGES;
			}
			page_setkind(table[sect] + pfn, PK_RESERVED);
		}
	}
	for (sect = 0; sect < phys_nsection; sect++) {
		if (table[sect] == NULL)
			continue;
		pfn = sect << PHYS_SECTION_SHIFT;
		for (i = 0; i < SECTION_PAGES; i++, pfn++) {
			pg = table[sect] + pfn;
			pg->pg_pfn = (uint32_t)pfn;
			pg->pg_order = ORDER_NONE;
		}
	}
	phys_section = table;
}

void
phys_init(void)
{
	const struct range *r;
	uint64_t end, last, nsect, pfn;
	u_int i, j;

	KASSERT(phys_section == NULL);
	KASSERT(nram > 0);

	end = 0;
	for (i = 0; i < nram; i++)
		end = MAX(end, ram[i].r_end);
	if (end >> 32 != 0)
		panic("phys: RAM beyond 16 TiB");
	phys_nsection = (end + SECTION_PAGES - 1) >> PHYS_SECTION_SHIFT;

	/* Ranges may share a section: count each once, ask every range. */
	nsect = 0;
	for (pfn = 0; pfn < end; pfn += SECTION_PAGES) {
		for (j = 0; j < nram; j++) {
			if (ram[j].r_start < pfn + SECTION_PAGES &&
			    ram[j].r_end > pfn)
				break;
		}
		if (j < nram)
			nsect++;
	}
	phys_describe(nsect);

	for (i = 0; i < nram; i++) {
		for (pfn = ram[i].r_start; pfn < ram[i].r_end; pfn = last) {
			/* From pfn on: all of one taken range, or none. */
			r = range_conflict(pfn, pfn + 1);
			if (r != NULL) {
				last = r->r_end;
				continue;
			}
			last = ram[i].r_end;
			for (j = 0; j < ntaken; j++)
				if (taken[j].r_start > pfn)
					last = MIN(last, taken[j].r_start);
			phys_give(pfn, last);
		}
	}
	if (DEBUG)
		buddy_verify();
	kmem_init();
}

void
phys_release(paddr_t start, paddr_t stop)
{
	uint64_t first = round_page(start) >> PAGE_SHIFT;
	uint64_t last = trunc_page(stop) >> PAGE_SHIFT, end;

	KASSERT(phys_section != NULL);
	/* A loader may use what its firmware calls its own: not RAM to us. */
	for (; first < last; first = end) {
		while (
		    first < last && phys_to_page(first << PAGE_SHIFT) == NULL)
			first++;
		end = first;
		while (end < last && phys_to_page(end << PAGE_SHIFT) != NULL)
			end++;
		phys_give(first, end);
	}
}

u_long
phys_total(void)
{
	return phys_npages;
}

void
phys_foreach(void (*fn)(struct vm_page *, void *), void *arg)
{
	uint64_t pfn, sect;
	struct vm_page *pg;
	u_int i;

	for (sect = 0; sect < phys_nsection; sect++) {
		if (phys_section[sect] == NULL)
			continue;
		pfn = sect << PHYS_SECTION_SHIFT;
		for (i = 0; i < SECTION_PAGES; i++, pfn++) {
			pg = phys_section[sect] + pfn;
			if (page_kind(pg) != PK_HOLE)
				fn(pg, arg);
		}
	}
}
