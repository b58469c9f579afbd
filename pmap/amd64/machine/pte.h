/*
 * pte.h (amd64): what the bits of a page-table entry mean.
 *
 * Four levels of 512 entries (AMD64 Architecture Programmer's Manual vol. 2,
 * section 5.3; Intel SDM vol. 3, section 4.5).  Levels are counted from the
 * leaves: 0 maps pages, PTE_LEVELS - 1 is the root.  This file computes; it
 * neither touches memory nor executes anything special.  Another machine
 * gives the same names other bodies.
 */
#ifndef MACHINE_PTE_H
#define MACHINE_PTE_H

#include <sys/types.h>
#include <machine/param.h>

typedef uint64_t pte_t;

#define PTE_LEVELS     4
#define PTE_INDEX_BITS 9

/* Entries of the root that belong to user space: the lower half. */
#define PTE_ROOT_USER 256u

/*
 * Whether an entry must be made invalid and flushed before it may map
 * another page (Arm), and whether the MMU sets accessed and dirty bits by
 * itself at any time.
 */
#define PTE_BREAK_BEFORE_MAKE 0
#define PTE_FAULT_STAYS       0
#define PTE_HW_UPDATE         1

/* Whether what was stored is fetched only after md_icache_sync(). */
#define PTE_ICACHE 0

/* Attributes of a leaf besides its protection. */
#define PTE_ATTR_REF       1u /* accessed */
#define PTE_ATTR_MOD       2u /* written to */
#define PTE_ATTR_UNMANAGED 4u /* not in the reverse map */
#define PTE_ATTR_WIRED     8u /* not to be paged out */

/* APM vol. 2, section 5.4.1; bits 9 to 11 are left to software. */
#define PTE_VALID     0x001ull
#define AMD64_PTE_RW  0x002ull
#define AMD64_PTE_US  0x004ull
#define PTE_ACCESSED  0x020ull
#define AMD64_PTE_D   0x040ull
#define AMD64_PTE_PS  0x080ull
#define PTE_UNMANAGED 0x200ull
#define PTE_WIRED     0x400ull
#define AMD64_PTE_PA  0x000ffffffffff000ull
#define AMD64_PTE_NX  0x8000000000000000ull

/* What leaves differ by that map neighbouring pages alike. */
#define PTE_NEXT PAGE_SIZE

/* Clearing it forbids writing and changes nothing else. */
#define PTE_WRITE_BIT AMD64_PTE_RW

/*
 * What each set of PROT_READ (1), PROT_WRITE (2), PROT_EXEC (4) becomes.
 * Whatever may be written or executed may be read as well: the machine
 * cannot say otherwise.  No rights at all: no entry.
 */
static const pte_t pte_prot_bits[8] = {
    [0] = 0,
    [1] = PTE_VALID | AMD64_PTE_US | AMD64_PTE_NX,
    [2] = PTE_VALID | AMD64_PTE_US | AMD64_PTE_NX | AMD64_PTE_RW,
    [3] = PTE_VALID | AMD64_PTE_US | AMD64_PTE_NX | AMD64_PTE_RW,
    [4] = PTE_VALID | AMD64_PTE_US,
    [5] = PTE_VALID | AMD64_PTE_US,
    [6] = PTE_VALID | AMD64_PTE_US | AMD64_PTE_RW,
    [7] = PTE_VALID | AMD64_PTE_US | AMD64_PTE_RW,
};

/* A leaf of level 0; prot is not empty. */
static inline pte_t
pte_make_leaf(paddr_t pa, u_int prot, u_int attr)
{
	pte_t pte = pa | pte_prot_bits[prot & 7];

	if ((attr & PTE_ATTR_REF) != 0)
		pte |= PTE_ACCESSED;
	if ((attr & PTE_ATTR_MOD) != 0)
		pte |= AMD64_PTE_D;
	if ((attr & PTE_ATTR_UNMANAGED) != 0)
		pte |= PTE_UNMANAGED;
	if ((attr & PTE_ATTR_WIRED) != 0)
		pte |= PTE_WIRED;
	return pte;
}

/* Grants all: the leaf decides.  Accessed: saves the MMU from setting it. */
static inline pte_t
pte_make_table(paddr_t pa)
{
	return pa | PTE_VALID | AMD64_PTE_RW | AMD64_PTE_US | PTE_ACCESSED;
}

static inline bool
pte_is_leaf(pte_t pte, u_int level)
{
	return level == 0 || (pte & AMD64_PTE_PS) != 0;
}

static inline paddr_t
pte_pa(pte_t pte)
{
	return pte & AMD64_PTE_PA;
}

static inline u_int
pte_prot(pte_t pte)
{
	u_int prot = 1;

	if ((pte & AMD64_PTE_RW) != 0)
		prot |= 2;
	if ((pte & AMD64_PTE_NX) == 0)
		prot |= 4;
	return prot;
}

static inline bool
pte_modified(pte_t pte)
{
	return (pte & AMD64_PTE_D) != 0;
}

/* Without the rights that prot lacks; prot is not empty. */
static inline pte_t
pte_narrow(pte_t pte, u_int prot)
{
	if ((prot & 2) == 0)
		pte &= ~AMD64_PTE_RW;
	if ((prot & 4) == 0)
		pte |= AMD64_PTE_NX;
	return pte;
}

static inline pte_t
pte_clear_modified(pte_t pte)
{
	return pte & ~AMD64_PTE_D;
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
