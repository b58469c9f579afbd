/*
 * pte.h (arm64): what the bits of a translation table entry mean.
 *
 * VMSAv8-64, stage 1, 48-bit addresses (Arm Architecture Reference Manual,
 * DDI 0487, D8.3: descriptor formats).  The user half hangs from TTBR0 and has
 * a root of its own; the kernel half hangs from TTBR1 and is nobody's here.
 * Levels are counted from the leaves: 0 maps pages (the manual's level 3),
 * PTE_LEVELS - 1 is the root.  Everything follows from PAGE_SHIFT, so that a
 * granule of 16 or 64 KiB is another number there.
 *
 * Writable and modified.  DBM says that a program may write.  AP[2] (read-only
 * to the MMU) set besides means that it has not yet: the MMU clears it at the
 * first store where it does that (TCR_EL1.HD), or else the store faults and is
 * entered again as a modification.  An entry that was written to and then lost
 * the right keeps the fact in a bit of software's.  Accessed: AF; clear, the
 * first access sets it (TCR_EL1.HA) or faults and is entered again.
 *
 * This file computes; it neither touches memory nor executes anything special.
 */
#ifndef MACHINE_PTE_H
#define MACHINE_PTE_H

#include <sys/types.h>
#include <machine/param.h>

typedef uint64_t pte_t;

#define PTE_VA_BITS    48
#define PTE_INDEX_BITS (PAGE_SHIFT - 3)
#define PTE_LEVELS                                                             \
	((PTE_VA_BITS - PAGE_SHIFT + PTE_INDEX_BITS - 1) / PTE_INDEX_BITS)

/* Entries of the root that belong to user space: as many as 48 bits need. */
#define PTE_ROOT_USER                                                          \
	(1u << (PTE_VA_BITS - PAGE_SHIFT - (PTE_LEVELS - 1) * PTE_INDEX_BITS))

/*
 * Whether an entry must be made invalid and flushed before it may map
 * another page (D8: "break-before-make"); whether a fault leaves the
 * translation cached that refused the access, so that it has to be flushed or
 * the fault comes for ever (not if the access flag was clear: such entries are
 * never cached, D8.5); and whether the MMU sets accessed and dirty bits by
 * itself at any time (FEAT_HAFDBS; assumed if not known).
 */
#define PTE_BREAK_BEFORE_MAKE 1
#define PTE_FAULT_STAYS       1
#define PTE_HW_UPDATE         1

/*
 * D8.7, "The Contiguous bit": set in 16 neighbouring entries of 4 KiB pages, it
 * lets a CPU keep one translation for all.  The larger granules want 32 and 128
 * of them, which no run of pages that there is would fill.
 */
#if PAGE_SHIFT == 12
#define PTE_GROUP  (1ull << 52)
#define PTE_NGROUP 16u
#endif

/* Whether what was stored is fetched only after md_icache_sync(). */
#define PTE_ICACHE 1

/* Attributes of a leaf besides its protection. */
#define PTE_ATTR_REF       1u /* accessed */
#define PTE_ATTR_MOD       2u /* written to */
#define PTE_ATTR_UNMANAGED 4u /* not in the reverse map */
#define PTE_ATTR_WIRED     8u /* not to be paged out */

/* D8.3; bits 55 to 58 are left to software. */
#define PTE_VALID        0x1ull
#define ARM64_PTE_PAGE   0x2ull       /* a page, or a table; clear: a block */
#define ARM64_PTE_USER   (1ull << 6)  /* AP[1]: loads and stores at EL0 */
#define ARM64_PTE_RDONLY (1ull << 7)  /* AP[2] */
#define ARM64_PTE_INNER  (3ull << 8)  /* SH: inner shareable */
#define PTE_ACCESSED     (1ull << 10) /* accessed */
#define ARM64_PTE_NG     (1ull << 11) /* of one ASID */
#define ARM64_PTE_DBM    (1ull << 51) /* may be written */
#define ARM64_PTE_PXN    (1ull << 53)
#define ARM64_PTE_UXN    (1ull << 54)
#define ARM64_PTE_DIRTY  (1ull << 55) /* ours: modified, now read-only */
#define PTE_UNMANAGED    (1ull << 56) /* ours */
#define PTE_WIRED        (1ull << 57) /* ours */
#define ARM64_PTE_PA     (((1ull << 48) - 1) & ~(pte_t)PAGE_MASK)
#define DIRTY_SHIFT      48 /* from AP[2] to ARM64_PTE_DIRTY */

/* What leaves differ by that map neighbouring pages alike. */
#define PTE_NEXT PAGE_SIZE

/*
 * Every leaf: user memory, never executed by the kernel.  Memory attribute 0
 * is normal write-back memory; arch/arm64 sets MAIR_EL1 so.
 */
#define ARM64_PTE_LEAF                                                         \
	(PTE_VALID | ARM64_PTE_PAGE | ARM64_PTE_INNER | ARM64_PTE_NG |         \
	    ARM64_PTE_PXN)

/*
 * What each set of PROT_READ (1), PROT_WRITE (2), PROT_EXEC (4) becomes.
 * Whatever may be written may be read as well; execution alone can be had.
 * Writable entries are clean: see above.  No rights at all: no entry.
 */
static const pte_t pte_prot_bits[8] = {
    [0] = 0,
    [1] = ARM64_PTE_LEAF | ARM64_PTE_USER | ARM64_PTE_RDONLY | ARM64_PTE_UXN,
    [2] = ARM64_PTE_LEAF | ARM64_PTE_USER | ARM64_PTE_RDONLY | ARM64_PTE_UXN |
	  ARM64_PTE_DBM,
    [3] = ARM64_PTE_LEAF | ARM64_PTE_USER | ARM64_PTE_RDONLY | ARM64_PTE_UXN |
	  ARM64_PTE_DBM,
    [4] = ARM64_PTE_LEAF | ARM64_PTE_RDONLY,
    [5] = ARM64_PTE_LEAF | ARM64_PTE_USER | ARM64_PTE_RDONLY,
    [6] = ARM64_PTE_LEAF | ARM64_PTE_USER | ARM64_PTE_RDONLY | ARM64_PTE_DBM,
    [7] = ARM64_PTE_LEAF | ARM64_PTE_USER | ARM64_PTE_RDONLY | ARM64_PTE_DBM,
};

static inline bool
pte_is_leaf(pte_t pte, u_int level)
{
	return level == 0 || (pte & ARM64_PTE_PAGE) == 0;
}

static inline paddr_t
pte_pa(pte_t pte)
{
	return pte & ARM64_PTE_PA;
}

static inline u_int
pte_prot(pte_t pte)
{
	u_int prot = 0;

	if ((pte & ARM64_PTE_USER) != 0)
		prot |= 1;
	if ((pte & ARM64_PTE_DBM) != 0)
		prot |= 2;
	if ((pte & ARM64_PTE_UXN) == 0)
		prot |= 4;
	return prot;
}

static inline bool
pte_modified(pte_t pte)
{
	return (pte & ARM64_PTE_DIRTY) != 0 ||
	       (pte & (ARM64_PTE_DBM | ARM64_PTE_RDONLY)) == ARM64_PTE_DBM;
}

/* A leaf of level 0; prot is not empty. */
static inline pte_t
pte_make_leaf(paddr_t pa, u_int prot, u_int attr)
{
	pte_t pte = pa | pte_prot_bits[prot & 7];

	if ((attr & PTE_ATTR_REF) != 0)
		pte |= PTE_ACCESSED;
	if ((attr & PTE_ATTR_MOD) != 0) {
		if ((pte & ARM64_PTE_DBM) != 0)
			pte &= ~ARM64_PTE_RDONLY;
		else
			pte |= ARM64_PTE_DIRTY;
	}
	if ((attr & PTE_ATTR_UNMANAGED) != 0)
		pte |= PTE_UNMANAGED;
	if ((attr & PTE_ATTR_WIRED) != 0)
		pte |= PTE_WIRED;
	return pte;
}

/* Grants all: the leaf decides. */
static inline pte_t
pte_make_table(paddr_t pa)
{
	return pa | PTE_VALID | ARM64_PTE_PAGE;
}

/*
 * Without the rights that prot lacks; prot is not empty.  AP[2] is clear in no
 * entry but those that were written to, which is remembered.
 */
static inline pte_t
pte_narrow(pte_t pte, u_int prot)
{
	pte_t off = ((prot & 2) != 0 ? 0 : ARM64_PTE_DBM) |
		    ((prot & 3) != 0 ? 0 : ARM64_PTE_USER);
	pte_t on = ((prot & 2) != 0 ? 0 : ARM64_PTE_RDONLY) |
		   ((prot & 4) != 0 ? 0 : ARM64_PTE_UXN);

	pte |= (~pte & on & ARM64_PTE_RDONLY) << DIRTY_SHIFT;
	return (pte & ~off) | on;
}

static inline pte_t
pte_clear_modified(pte_t pte)
{
	pte &= ~ARM64_PTE_DIRTY;
	if ((pte & ARM64_PTE_DBM) != 0)
		pte |= ARM64_PTE_RDONLY;
	return pte;
}

/* The kernel's half is another register's: a user root has nothing of it. */
static inline void
pte_root_init(pte_t *root __unused, const pte_t *kroot __unused)
{
}

#endif
