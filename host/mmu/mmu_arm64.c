/*
 * mmu_arm64.c: VMSAv8-64 stage 1 tables with 48-bit addresses, of the
 * granules 4, 16 and 64 KiB.
 *
 * Arm Architecture Reference Manual, DDI 0487: D8.2 (translation and
 * levels), D8.3 (descriptor formats), D8.4 (access control), D8.5 (hardware
 * flags), D8.13 (TLB maintenance, break-before-make).  Levels here count from
 * the leaves: 0 is the architecture's level 3.
 */
#include "mmu.h"

static bool
bit(uint64_t e, unsigned n)
{
	return (e >> n & 1) != 0;
}

static uint64_t
field(uint64_t e, unsigned hi, unsigned lo)
{
	return e >> lo & ((1ull << (hi - lo + 1)) - 1);
}

/* Where the output address lies in a descriptor: bits 47 down to shift. */
static uint64_t
output(uint64_t e, unsigned shift)
{
	return field(e, 47, shift) << shift;
}

/*
 * D8.3.1: a block descriptor is legal one level above the pages, and with
 * 4 KiB also two levels above.
 */
static bool
block_legal(const struct mmu_format *fm, unsigned level)
{
	return level == 1 || (level == 2 && fm->fm_pageshift == 12);
}

static enum mmu_fault
step(const struct mmu_format *fm, uint64_t e, unsigned level, uint64_t *next,
    bool *leaf, struct mmu_tr *tr)
{
	unsigned shift = fm->fm_pageshift + level * fm->fm_bits;

	*leaf = false;
	if (!bit(e, 0))
		return MMU_ABSENT;
	if (level > 0 && bit(e, 1)) { /* table */
		/* APTable (62:61), UXNTable (60): hierarchical control */
		if (bit(e, 61)) /* no EL0 loads and stores below */
			tr->tr_rights &= MMU_EXEC;
		if (bit(e, 62)) /* no writes below */
			tr->tr_rights &= ~MMU_WRITE;
		if (bit(e, 60))
			tr->tr_rights &= ~MMU_EXEC;
		*next = output(e, fm->fm_pageshift);
		return MMU_OK;
	}
	/* Invalid encodings are as absent as clear ones (D8.3.1). */
	if (level == 0 ? !bit(e, 1) : !block_legal(fm, level))
		return MMU_ABSENT;
	*leaf = true;
	tr->tr_shift = (uint8_t)shift;
	tr->tr_pa = output(e, shift);
	tr->tr_global = !bit(e, 11); /* nG */
	/* AP[2:1] is 7:6: bit 6 lets EL0 in, bit 7 makes it read-only; with
	 * DBM (51) a read-only page is one that is clean (D8.4.6). */
	if (!bit(e, 6)) /* loads and stores; execution is UXN's business */
		tr->tr_rights &= MMU_EXEC;
	tr->tr_dirty = !bit(e, 7);
	if (bit(e, 7) && !bit(e, 51))
		tr->tr_rights &= ~MMU_WRITE;
	if (bit(e, 54)) /* UXN */
		tr->tr_rights &= ~MMU_EXEC;
	return MMU_OK;
}

/*
 * D8.5: the access flag (10) of a leaf, set by hardware or a fault; a write
 * clears AP[2] of an entry with DBM, or without hardware is denied.
 */
static uint64_t
flags(uint64_t e, bool leaf, unsigned access, bool hardware,
    enum mmu_fault *fault)
{
	if (!leaf)
		return e;
	if (!bit(e, 10)) {
		if (!hardware)
			*fault = MMU_FLAG;
		e |= 1ull << 10;
	}
	if ((access & MMU_WRITE) != 0 && bit(e, 7) && bit(e, 51)) {
		if (!hardware)
			*fault = MMU_DENIED;
		e &= ~(1ull << 7);
	}
	return e;
}

/*
 * D8.7.1, "The Contiguous bit" (52): 16, 128 or 32 pages; of blocks, which
 * nobody makes here, not looked at.
 */
static unsigned
group(const struct mmu_format *fm, uint64_t e, unsigned level)
{
	if (level != 0 || !bit(e, 52))
		return 0;
	return fm->fm_pageshift == 12 ? 4 : fm->fm_pageshift == 14 ? 7 : 5;
}

/*
 * D8.13.1: a live entry may not change its output address, its size, the
 * memory type or shareability, or become global, without being made invalid
 * and flushed in between.
 */
static bool
changes(uint64_t old, uint64_t new)
{
	uint64_t same = field(~0ull, 47, 12) << 12 | /* address */
			3ull << 8 | 7ull << 2 |      /* SH, AttrIndx */
			1ull << 11 | 1ull << 52 | 3; /* nG, contiguous, kind */

	return ((old ^ new) & same) != 0;
}

#define ARM64(name, text, levels, pageshift, bits, rootbits)                   \
	const struct mmu_format name = {                                       \
	    .fm_name = text,                                                   \
	    .fm_levels = levels,                                               \
	    .fm_pageshift = pageshift,                                         \
	    .fm_bits = bits,                                                   \
	    .fm_rootbits = rootbits,                                           \
	    .fm_vabits = 48,                                                   \
	    .fm_bbm = true,                                                    \
	    .fm_step = step,                                                   \
	    .fm_flags = flags,                                                 \
	    .fm_group = group,                                                 \
	    .fm_changes = changes,                                             \
	}

/* Tables D8-13, D8-15 and D8-17: which address bits index which level. */
ARM64(mmu_arm64_4k, "arm64", 4, 12, 9, 9);
ARM64(mmu_arm64_16k, "arm64-16k", 4, 14, 11, 1);
ARM64(mmu_arm64_64k, "arm64-64k", 3, 16, 13, 6);
