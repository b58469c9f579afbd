/*
 * mmu_riscv.c: Sv39 and Sv48.
 *
 * The RISC-V Instruction Set Manual, volume II: Privileged Architecture,
 * sections "Addressing and Memory Protection" and "Virtual Address
 * Translation Process" of chapter Supervisor-Level ISA (10.3 and 10.4);
 * SFENCE.VMA is section 10.2.1.
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

/* V R W X U G A D are bits 0 to 7; the PPN is 53:10. */
static enum mmu_fault
step(const struct mmu_format *fm, uint64_t e, unsigned level, uint64_t *next,
    bool *leaf, struct mmu_tr *tr)
{
	bool r = bit(e, 1), w = bit(e, 2), x = bit(e, 3);
	uint64_t ppn = field(e, 53, 10);
	unsigned rights = 0;

	(void)fm;
	*leaf = false;
	if (!bit(e, 0))
		return MMU_ABSENT;
	/* Step 3: W without R is reserved, as are 60:54; PBMT and N (63:61)
	 * are reserved without their extensions. */
	if ((w && !r) || field(e, 63, 54) != 0)
		return MMU_MALFORMED;
	if (bit(e, 5)) /* G of any level */
		tr->tr_global = true;
	if (!r && !x) { /* step 4: a pointer */
		/* D, A and U are reserved in it. */
		if (level == 0 || bit(e, 4) || bit(e, 6) || bit(e, 7))
			return MMU_MALFORMED;
		*next = ppn << 12;
		return MMU_OK;
	}
	/* Step 6: a leaf above the last level must be aligned. */
	if (level > 0 && field(ppn, 9 * level - 1, 0) != 0)
		return MMU_MALFORMED;
	*leaf = true;
	if (bit(e, 4))
		rights = (r ? MMU_READ : 0) | (w ? MMU_WRITE : 0) |
			 (x ? MMU_EXEC : 0);
	tr->tr_rights &= (uint8_t)rights;
	tr->tr_shift = (uint8_t)(12 + 9 * level);
	tr->tr_pa = ppn << 12;
	tr->tr_dirty = bit(e, 7);
	return MMU_OK;
}

/* Step 9: set by hardware (Svadu), or a page fault (Svade). */
static uint64_t
flags(uint64_t e, bool leaf, unsigned access, bool hardware,
    enum mmu_fault *fault)
{
	uint64_t was = e;

	if (!leaf)
		return e;
	e |= 1ull << 6;
	if ((access & MMU_WRITE) != 0)
		e |= 1ull << 7;
	if (e != was && !hardware)
		*fault = MMU_FLAG;
	return e;
}

/*
 * 10.2.1: SFENCE.VMA with an address orders leaf entries of it only; a port
 * that changes a pointer has to drop the ASID.  Invalid entries may be
 * cached.  (User addresses are the lower half: bit 38 or 47 clear.)
 */
#define RISCV(name, text, levels)                                              \
	const struct mmu_format name = {                                       \
	    .fm_name = text,                                                   \
	    .fm_levels = levels,                                               \
	    .fm_pageshift = 12,                                                \
	    .fm_bits = 9,                                                      \
	    .fm_rootbits = 9,                                                  \
	    .fm_vabits = 12 + 9 * (levels)-1,                                  \
	    .fm_caches_absent = true,                                          \
	    .fm_step = step,                                                   \
	    .fm_flags = flags,                                                 \
	}

RISCV(mmu_sv39, "sv39", 3);
RISCV(mmu_sv48, "sv48", 4);
