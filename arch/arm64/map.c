/*
 * map.c: the kernel's half of the address space, which TTBR1 translates.
 *
 * Three parts, all made here at boot and never changed but for devices:
 *
 *	MD_DIRECT_BASE	all of RAM, not executable
 *	KERNBASE	the image: text executable, constants read-only
 *	DEVICE_BASE	registers of devices, Device-nGnRE
 *
 * Everything is global and one half for all spaces, so that no root of a user
 * has anything of it.  RAM that holds the image's text and constants is
 * read-only in the direct map too.  Descriptors: Arm ARM, D8.3.
 */
#include "arm64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

#define LEVELS  4
#define ENTRIES 512u

#define K_VALID  0x1ul
#define K_TABLE  0x2ul      /* or a page; clear: a block */
#define K_DEVICE (1ul << 2) /* attribute 1 */
#define K_RDONLY (1ul << 7)
#define K_INNER  (3ul << 8)
#define K_AF     (1ul << 10)
#define K_PXN    (1ul << 53)
#define K_UXN    (1ul << 54)
#define K_PA     0x0000fffffffff000ul

/*
 * What the tables of a machine need: a few for the image, two for devices,
 * and for each piece of RAM the ends that larger leaves do not cover.
 */
#define NTABLE 64

paddr_t md_image_pa;

uint64_t md_kroot[ENTRIES] __aligned(PAGE_SIZE);
static uint64_t tables[NTABLE][ENTRIES] __aligned(PAGE_SIZE);
static u_int ntable;
static vaddr_t device_next = DEVICE_BASE;

static paddr_t
table_alloc(void)
{
	if (ntable == NTABLE)
		panic("no room for the kernel's page tables");
	return md_kva_pa(tables[ntable++]);
}

/* Tables lie in the image. */
static uint64_t *
table_at(paddr_t pa)
{
	return (uint64_t *)(KERNBASE + (pa - md_image_pa));
}

/*
 * The entry for va at level (0: of 4 KiB), with tables made on the way.  What
 * is mapped already is only ever mapped again with the same size.
 */
static uint64_t *
entry(vaddr_t va, u_int level)
{
	uint64_t *pte, *table = md_kroot;
	u_int l;

	for (l = LEVELS - 1;; l--) {
		pte = table + (va >> (PAGE_SHIFT + 9 * l)) % ENTRIES;
		if (l == level)
			return pte;
		if (*pte == 0)
			*pte = table_alloc() | K_VALID | K_TABLE;
		KASSERT((*pte & K_TABLE) != 0);
		table = table_at(*pte & K_PA);
	}
}

void
md_map_range(vaddr_t va, paddr_t pa, vsize_t len, u_int flags)
{
	uint64_t pte = K_VALID | K_INNER | K_AF | K_UXN;
	vsize_t size;
	u_int level;

	KASSERT(((va | pa | len) & PAGE_MASK) == 0);
	if ((flags & MAP_WRITE) == 0)
		pte |= K_RDONLY;
	if ((flags & MAP_EXEC) == 0)
		pte |= K_PXN;
	if ((flags & MAP_DEVICE) != 0)
		pte |= K_DEVICE;
	while (len > 0) {
		for (level = 2;; level--) {
			size = PAGE_SIZE << (9 * level);
			if (((va | pa) & (size - 1)) == 0 && len >= size)
				break;
		}
		*entry(va, level) = pa | pte | (level == 0 ? K_TABLE : 0);
		va += size;
		pa += size;
		len -= size;
	}
	/* Entries that were invalid: nothing to flush (D8, TLB maintenance). */
	__asm__ volatile("dsb ishst; isb" : : : "memory");
}

void *
md_map_device(paddr_t pa, size_t len)
{
	paddr_t start = trunc_page(pa), end = round_page(pa + len);
	vaddr_t va = device_next;

	/* Large ones at an address that allows large leaves. */
	if (end - start >= PAGE_SIZE << 9)
		va = roundup2(va, PAGE_SIZE << 9) +
		     (start & ((PAGE_SIZE << 9) - 1));
	if (va + (end - start) > DEVICE_BASE + DEVICE_LEN)
		panic("no room to map a device");
	device_next = va + (end - start);
	md_map_range(va, start, end - start, MAP_WRITE | MAP_DEVICE);
	return (void *)(va + (pa & PAGE_MASK));
}

void
md_map_load(void)
{
	void (*load)(paddr_t);
	paddr_t pa = md_kva_pa((const void *)(uintptr_t)md_load_ttbr1);
	bool on = md_intr_disable();

	/* The identity map is still the user half here. */
	KASSERT((READ_SYSREG(ttbr0_el1) & K_PA) == md_kva_pa(md_idmap));
	load = (void (*)(paddr_t))(uintptr_t)pa;
	__asm__ volatile("dsb ishst" : : : "memory");
	load(md_kva_pa(md_kroot));
	md_intr_restore(on);
}
