/*
 * tlb.c: the translation root and invalidation.
 *
 * The user's root and ASID are one register, TTBR0_EL1; the kernel's half has
 * TTBR1_EL1 and is global.  A CPU without a user runs on a root without
 * entries, under ASID 0, which no space ever has.
 *
 * Each invalidation is the sequence of Arm ARM (DDI 0487), D8.14 "TLB
 * maintenance", under "Ordering and completion of TLB maintenance
 * instructions":
 *
 *	DSB ISHST	the stores to the table are seen by every walk
 *	TLBI ...	of this CPU, or of the inner-shareable domain (IS)
 *	DSB NSH, ISH	it has completed there: no access still uses what is
 *			invalidated
 *	ISB		nor does an instruction already fetched here
 *
 * TLBI VAE1 drops entries of any level for an address, and so the walk caches
 * above the page.  COUNT_TLBI_* and COUNT_TLB_DSB say how many of these
 * instructions ran.  Several pages share one pair of barriers.
 */
#include "arm64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

/* Operand of a TLBI by address: D8.14, VA[55:12] and the ASID on top. */
#define TLBI_VA(asid, va)                                                      \
	((uint64_t)(asid) << 48 | ((va) >> 12 & ((1ul << 44) - 1)))
#define TLBI_ASID(asid) ((uint64_t)(asid) << 48)

static u_int asid_count = 256; /* constant after md_asid_init() */

void
md_asid_init(void)
{
	const char *v = md_cmdline("asidbits");
	u_int bits = md_feat.cf_asid16 ? 16 : 8;

	/* Few of them make rollovers frequent: for tests. */
	if (v != NULL && kstrtoul(v, NULL, 10) >= 4 &&
	    kstrtoul(v, NULL, 10) < bits)
		bits = (u_int)kstrtoul(v, NULL, 10);
	asid_count = 1u << bits;
}

u_int
md_asid_count(void)
{
	return asid_count;
}

/*
 * One store to TTBR0_EL1 changes root and ASID together, so there is no moment
 * at which a walk of one space could be filed under the other.
 */
static void
set_ttbr0(uint64_t v)
{
	__asm__ volatile("dsb ishst; msr ttbr0_el1, %0; isb"
			 :
			 : "r"(v)
			 : "memory");
}

void
md_root_load(paddr_t root, u_int asid)
{
	KASSERT((root & PAGE_MASK) == 0 && root >> 48 == 0);
	KASSERT(asid != 0 && asid < asid_count);
	set_ttbr0(root | (uint64_t)asid << 48);
}

void
md_root_kernel(void)
{
	set_ttbr0(md_kva_pa(md_noroot));
}

void
md_tlb_flush_pages(const u_int *asids, const vaddr_t *vas, u_int n)
{
	u_int i;

	__asm__ volatile("dsb nshst" : : : "memory");
	for (i = 0; i < n; i++) {
		KASSERT(asids[i] < asid_count);
		__asm__ volatile("tlbi vae1, %0"
				 :
				 : "r"(TLBI_VA(asids[i], vas[i]))
				 : "memory");
	}
	__asm__ volatile("dsb nsh; isb" : : : "memory");
	count_add(COUNT_TLBI_PAGE, n);
	count_add(COUNT_TLB_DSB, 2);
}

void
md_tlb_flush_asid(u_int asid)
{
	KASSERT(asid < asid_count);
	__asm__ volatile("dsb nshst; tlbi aside1, %0; dsb nsh; isb"
			 :
			 : "r"(TLBI_ASID(asid))
			 : "memory");
	count_add(COUNT_TLBI_ASID, 1);
	count_add(COUNT_TLB_DSB, 2);
}

void
md_tlb_flush_kernel(void)
{
	__asm__ volatile("dsb nshst; tlbi vmalle1; dsb nsh; isb"
			 :
			 :
			 : "memory");
	count_add(COUNT_TLBI_ALL, 1);
	count_add(COUNT_TLB_DSB, 2);
}

bool
md_tlb_broadcast(void)
{
	return true;
}

void
md_tlb_flush_pages_all(const u_int *asids, const vaddr_t *vas, u_int n)
{
	u_int i;

	__asm__ volatile("dsb ishst" : : : "memory");
	for (i = 0; i < n; i++) {
		KASSERT(asids[i] < asid_count);
		__asm__ volatile("tlbi vae1is, %0"
				 :
				 : "r"(TLBI_VA(asids[i], vas[i]))
				 : "memory");
	}
	__asm__ volatile("dsb ish; isb" : : : "memory");
	count_add(COUNT_TLBI_PAGE, n);
	count_add(COUNT_TLB_DSB, 2);
}

void
md_tlb_flush_asid_all(u_int asid)
{
	KASSERT(asid < asid_count);
	__asm__ volatile("dsb ishst; tlbi aside1is, %0; dsb ish; isb"
			 :
			 : "r"(TLBI_ASID(asid))
			 : "memory");
	count_add(COUNT_TLBI_ASID, 1);
	count_add(COUNT_TLB_DSB, 2);
}

/*
 * D7.5, "Synchronization and coherency issues between data and instruction
 * accesses": clean the data to where instruction fetches look, then make
 * every CPU forget the instructions it had.
 */
void
md_icache_sync(void *va, size_t len)
{
	uintptr_t p, start = (uintptr_t)va, end = start + len;

	if (!md_feat.cf_idc) {
		for (p = rounddown2(start, md_feat.cf_dline); p < end;
		     p += md_feat.cf_dline)
			__asm__ volatile("dc cvau, %0" : : "r"(p) : "memory");
	}
	__asm__ volatile("dsb ish" : : : "memory");
	if (md_feat.cf_dic)
		return;
	for (p = rounddown2(start, md_feat.cf_iline); p < end;
	     p += md_feat.cf_iline)
		__asm__ volatile("ic ivau, %0" : : "r"(p) : "memory");
	__asm__ volatile("dsb ish; isb" : : : "memory");
}
