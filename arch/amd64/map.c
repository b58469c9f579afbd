/*
 * map.c: the kernel's half of every address space.
 *
 * Three parts, all made here at boot and never changed but for devices:
 *
 *	MD_DIRECT_BASE	all of RAM, not executable
 *	KERNBASE	the image: text executable, constants read-only
 *	DEVICE_BASE	registers of devices, uncached
 *
 * Everything is global and in the top-level entries from 256 on, which
 * pmap_create() copies.  RAM that holds the image's text and constants is
 * read-only in the direct map too.
 */
#include "amd64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

#define LEVELS      4
#define ENTRIES     512u
#define DEVICE_NPTE ENTRIES

/* Tables come from here, through the early direct map. */
static paddr_t early_start, early_next, early_limit;

paddr_t md_kroot;
static vaddr_t device_next = DEVICE_BASE;

void
md_map_init(paddr_t free, paddr_t limit)
{
	early_start = round_page(free);
	early_next = early_start;
	early_limit = limit;
}

void
md_map_reserve(void (*reserve)(paddr_t start, paddr_t end))
{
	reserve(early_start, early_next);
	early_limit = early_next;
}

static paddr_t
table_alloc(void)
{
	paddr_t pa = early_next;

	if (pa + PAGE_SIZE > early_limit)
		panic("no memory for the kernel's page tables");
	early_next += PAGE_SIZE;
	memset(md_direct(pa), 0, PAGE_SIZE);
	return pa;
}

static uint64_t *
table_at(paddr_t pa)
{
	return md_direct(pa);
}

/*
 * The entry for va at level (0: of 4 KiB), with tables made on the way.  What
 * is mapped already is only ever mapped again with the same size.
 */
static uint64_t *
entry(vaddr_t va, u_int level)
{
	uint64_t *pte;
	paddr_t pa;
	u_int l;

	if (md_kroot == 0)
		md_kroot = table_alloc();
	pa = md_kroot;
	for (l = LEVELS - 1;; l--) {
		pte = table_at(pa) + (va >> (PAGE_SHIFT + 9 * l)) % ENTRIES;
		if (l == level)
			return pte;
		KASSERT((*pte & PTE_PS) == 0);
		if (*pte == 0)
			*pte = table_alloc() | PTE_P | PTE_W | PTE_A;
		pa = *pte & PTE_FRAME;
	}
}

void
md_map_range(vaddr_t va, paddr_t pa, vsize_t len, uint64_t flags)
{
	vsize_t size;
	u_int level;

	KASSERT(((va | pa | len) & PAGE_MASK) == 0);
	flags |= PTE_P | PTE_A | PTE_D | PTE_G;
	while (len > 0) {
		level = md_feat.cf_gbpages ? 2 : 1;
		for (;; level--) {
			size = PAGE_SIZE << (9 * level);
			if (((va | pa) & (size - 1)) == 0 && len >= size)
				break;
		}
		*entry(va, level) = pa | flags | (level > 0 ? PTE_PS : 0);
		va += size;
		pa += size;
		len -= size;
	}
}

void
md_map_device_init(void)
{
	*entry(DEVICE_BASE, 0) = 0;
}

void *
md_map_device(paddr_t pa, size_t len)
{
	paddr_t start = trunc_page(pa), end = round_page(pa + len);
	vaddr_t va = device_next;

	if (va + (end - start) > DEVICE_BASE + DEVICE_NPTE * PAGE_SIZE)
		panic("no room to map a device");
	device_next += end - start;
	for (; start < end; start += PAGE_SIZE, va += PAGE_SIZE)
		*entry(va, 0) = start | PTE_P | PTE_W | PTE_A | PTE_D | PTE_G |
				PTE_NX | PTE_PCD | PTE_PWT;
	return (
	    void *)(device_next - (end - trunc_page(pa)) + (pa & PAGE_MASK));
}

paddr_t
md_map_root(void)
{
	KASSERT(md_kroot != 0);
	return md_kroot;
}

void
md_map_load(void)
{
	write_cr3(md_map_root());
}
