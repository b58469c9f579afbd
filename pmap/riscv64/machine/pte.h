/*
 * pte.h (riscv64): what the bits of a page-table entry mean.
 *
 * Sv39 and Sv48 (RISC-V Instruction Set Manual, volume II: Privileged
 * Architecture, "Page-Based Virtual-Memory Systems"): three or four levels of
 * 512 entries.  One root holds the user's half and, above it, the kernel's.
 * Levels are counted from the leaves: 0 maps pages, PTE_LEVELS - 1 is the
 * root.
 *
 * An entry with none of R, W and X points to a table.  A and D are set by the
 * MMU, or it takes a page fault where they are clear (Svadu, Svade); the fault
 * then enters the page again as accessed or modified.  The MMU may remember
 * that an entry was invalid, or less than it is now: a port executes
 * SFENCE.VMA for the address at the end of every page fault.
 *
 * This file computes; it neither touches memory nor executes anything special.
 */
#ifndef MACHINE_PTE_H
#define MACHINE_PTE_H

#include <sys/types.h>
#include <machine/param.h>

typedef uint64_t pte_t;

#define PTE_INDEX_BITS 9
#define PTE_LEVELS     ((RISCV_SV - PAGE_SHIFT) / PTE_INDEX_BITS)

/* Entries of the root that belong to user space: the lower half. */
#define PTE_ROOT_USER ((1u << PTE_INDEX_BITS) / 2)

/*
 * Whether an entry must be made invalid and flushed before it may map
 * another page (Arm), and whether the MMU sets accessed and dirty bits by
 * itself at any time.
 */
#define PTE_BREAK_BEFORE_MAKE 0
#define PTE_FAULT_STAYS       0
#define PTE_HW_UPDATE         1

/* Whether what was stored is fetched only after md_icache_sync(). */
#define PTE_ICACHE 1

/* Attributes of a leaf besides its protection. */
#define PTE_ATTR_REF       1u /* accessed */
#define PTE_ATTR_MOD       2u /* written to */
#define PTE_ATTR_UNMANAGED 4u /* not in the reverse map */
#define PTE_ATTR_WIRED     8u /* must not be taken away by page-out */

/* "Sv39 page table entry"; bits 8 and 9 are left to software. */
#define PTE_VALID           0x001ull
#define RISCV_PTE_R         0x002ull
#define RISCV_PTE_W         0x004ull
#define RISCV_PTE_X         0x008ull
#define RISCV_PTE_U         0x010ull
#define PTE_ACCESSED        0x040ull
#define RISCV_PTE_D         0x080ull
#define PTE_UNMANAGED       0x100ull
#define PTE_WIRED           0x200ull
#define RISCV_PTE_RIGHTS    (RISCV_PTE_R | RISCV_PTE_W | RISCV_PTE_X)
#define RISCV_PTE_PPN       0x003ffffffffffc00ull /* 53:10 */
#define RISCV_PTE_PPN_SHIFT (PAGE_SHIFT - 10)

/* What leaves differ by that map neighbouring pages alike. */
#define PTE_NEXT (PAGE_SIZE >> (PAGE_SHIFT - 10))

/*
 * What each set of PROT_READ (1), PROT_WRITE (2), PROT_EXEC (4) becomes.  To
 * write without reading is reserved.  No rights at all: no entry.
 */
#define RISCV_PTE_LEAF (PTE_VALID | RISCV_PTE_U)
static const pte_t pte_prot_bits[8] = {
    [0] = 0,
    [1] = RISCV_PTE_LEAF | RISCV_PTE_R,
    [2] = RISCV_PTE_LEAF | RISCV_PTE_R | RISCV_PTE_W,
    [3] = RISCV_PTE_LEAF | RISCV_PTE_R | RISCV_PTE_W,
    [4] = RISCV_PTE_LEAF | RISCV_PTE_X,
    [5] = RISCV_PTE_LEAF | RISCV_PTE_R | RISCV_PTE_X,
    [6] = RISCV_PTE_LEAF | RISCV_PTE_R | RISCV_PTE_W | RISCV_PTE_X,
    [7] = RISCV_PTE_LEAF | RISCV_PTE_R | RISCV_PTE_W | RISCV_PTE_X,
};

/* A leaf of level 0; prot is not empty. */
static inline pte_t
pte_make_leaf(paddr_t pa, u_int prot, u_int attr)
{
	pte_t pte = pa >> RISCV_PTE_PPN_SHIFT | pte_prot_bits[prot & 7];

	if ((attr & PTE_ATTR_REF) != 0)
		pte |= PTE_ACCESSED;
	if ((attr & PTE_ATTR_MOD) != 0)
		pte |= RISCV_PTE_D;
	if ((attr & PTE_ATTR_UNMANAGED) != 0)
		pte |= PTE_UNMANAGED;
	if ((attr & PTE_ATTR_WIRED) != 0)
		pte |= PTE_WIRED;
	return pte;
}

/* D, A and U are reserved in a pointer to a table. */
static inline pte_t
pte_make_table(paddr_t pa)
{
	return pa >> RISCV_PTE_PPN_SHIFT | PTE_VALID;
}

static inline bool
pte_is_leaf(pte_t pte, u_int level)
{
	return level == 0 || (pte & RISCV_PTE_RIGHTS) != 0;
}

static inline paddr_t
pte_pa(pte_t pte)
{
	return (pte & RISCV_PTE_PPN) << RISCV_PTE_PPN_SHIFT;
}

static inline u_int
pte_prot(pte_t pte)
{
	u_int prot = 0;

	if ((pte & RISCV_PTE_R) != 0)
		prot |= 1;
	if ((pte & RISCV_PTE_W) != 0)
		prot |= 2;
	if ((pte & RISCV_PTE_X) != 0)
		prot |= 4;
	return prot;
}

static inline bool
pte_modified(pte_t pte)
{
	return (pte & RISCV_PTE_D) != 0;
}

/*
 * Without the rights that prot lacks; prot is not empty.  A leaf must keep some
 * right to be one: where none is left it gets what prot grants, but to write,
 * which may have to be asked for again.
 */
static inline pte_t
pte_narrow(pte_t pte, u_int prot)
{
	u_int keep = pte_prot(pte) & prot;

	if (keep == 0)
		keep = (prot & 5) != 0 ? prot & 5 : 1;
	return (pte & ~RISCV_PTE_RIGHTS) |
	       (pte_prot_bits[keep] & RISCV_PTE_RIGHTS);
}

static inline pte_t
pte_clear_modified(pte_t pte)
{
	return pte & ~RISCV_PTE_D;
}

/*
 * Fill the part of a new root that all spaces share from the kernel's.  The
 * kernel's entries of the upper half never change once it is up.
 */
static inline void
pte_root_init(pte_t *root, const pte_t *kroot)
{
	u_int i;

	for (i = PTE_ROOT_USER; i < 1u << PTE_INDEX_BITS; i++)
		root[i] = kroot[i];
}

#endif
