/*
 * mmu_amd64.c: four-level tables of AMD64.
 *
 * AMD64 Architecture Programmer's Manual volume 2, sections 5.3 (long mode
 * translation), 5.4 (what the bits mean), 5.6 (protection); Intel SDM volume
 * 3, sections 4.5 and 4.6.  Bit numbers are those of the figures there.
 */
#include "mmu.h"

static bool
bit(uint64_t e, unsigned n)
{
	return (e >> n & 1) != 0;
}

/* Physical addresses have 46 bits here; bits 51:46 are then reserved. */
#define MAXPHYADDR 46

static uint64_t
field(uint64_t e, unsigned hi, unsigned lo)
{
	return e >> lo & ((1ull << (hi - lo + 1)) - 1);
}

static enum mmu_fault
step(const struct mmu_format *fm, uint64_t e, unsigned level, uint64_t *next,
    bool *leaf, struct mmu_tr *tr)
{
	uint64_t pfn;

	(void)fm;
	*leaf = false;
	if (!bit(e, 0)) /* P */
		return MMU_ABSENT;
	if (field(e, 51, MAXPHYADDR) != 0)
		return MMU_MALFORMED;
	if (!bit(e, 1)) /* R/W, of all levels */
		tr->tr_rights &= ~MMU_WRITE;
	if (!bit(e, 2)) /* U/S, of all levels */
		tr->tr_rights = 0;
	if (bit(e, 63)) /* NX, of any level */
		tr->tr_rights &= ~MMU_EXEC;
	pfn = field(e, MAXPHYADDR - 1, 12);

	if (level == 3 && bit(e, 7)) /* reserved in a PML4E */
		return MMU_MALFORMED;
	if (level > 0 && !bit(e, 7)) {
		*next = pfn << 12;
		return MMU_OK;
	}
	/* A page, or with PS a large one, whose address has low bits zero. */
	if (level > 0 && field(e, 11 + 9 * level, 13) != 0)
		return MMU_MALFORMED;
	*leaf = true;
	tr->tr_shift = (uint8_t)(12 + 9 * level);
	tr->tr_pa = pfn << 12 >> tr->tr_shift << tr->tr_shift;
	tr->tr_global = bit(e, 8);
	tr->tr_dirty = bit(e, 6);
	return MMU_OK;
}

/* A in every entry used, D in the leaf of a write (section 5.4.1). */
static uint64_t
flags(uint64_t e, bool leaf, unsigned access, bool hardware,
    enum mmu_fault *fault)
{
	(void)hardware; /* always */
	(void)fault;
	e |= 1ull << 5;
	if (leaf && (access & MMU_WRITE) != 0)
		e |= 1ull << 6;
	return e;
}

/* SDM 4.10.4.1: a page fault drops what is cached for its address; INVLPG
 * drops all paging-structure caches of the PCID. */
const struct mmu_format mmu_amd64 = {
    .fm_name = "amd64",
    .fm_levels = 4,
    .fm_pageshift = 12,
    .fm_bits = 9,
    .fm_rootbits = 9,
    .fm_vabits = 47,
    .fm_denied_drops = true,
    .fm_page_drops_walk = true,
    .fm_step = step,
    .fm_flags = flags,
};
