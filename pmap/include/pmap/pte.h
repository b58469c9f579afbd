/*
 * pte.h: what is the same for the entries of every machine.
 *
 * <machine/pte.h> encodes and decodes; it says how large tables are and which
 * bits mean what (PTE_VALID, PTE_ACCESSED, PTE_UNMANAGED, PTE_WIRED), and what
 * follows from that alone is here.
 */
#ifndef PMAP_PTE_H
#define PMAP_PTE_H

#include <machine/pte.h>

#define PTE_NENTRY (1u << PTE_INDEX_BITS)

/*
 * Where a CPU may keep one translation for PTE_NGROUP entries that are alike
 * and aligned, as are the neighbouring pages that they map, PTE_GROUP in each
 * allows it.  pmap_group.c has the rules.
 */
#ifndef PTE_GROUP
#define PTE_GROUP  ((pte_t)0)
#define PTE_NGROUP 1u
#endif

static inline bool
pte_grouped(pte_t pte)
{
	return (pte & PTE_GROUP) != 0;
}

/* Bytes that one entry of a level maps, as a shift. */
static inline u_int
pte_shift(u_int level)
{
	return PAGE_SHIFT + level * PTE_INDEX_BITS;
}

static inline vsize_t
pte_span(u_int level)
{
	return (vsize_t)1 << pte_shift(level);
}

static inline u_int
pte_index(vaddr_t va, u_int level)
{
	return (u_int)(va >> pte_shift(level)) & (PTE_NENTRY - 1);
}

static inline bool
pte_valid(pte_t pte)
{
	return (pte & PTE_VALID) != 0;
}

/* In the reverse map. */
static inline bool
pte_managed(pte_t pte)
{
	return (pte & PTE_UNMANAGED) == 0;
}

/* Not to be paged out. */
static inline bool
pte_wired(pte_t pte)
{
	return (pte & PTE_WIRED) != 0;
}

static inline pte_t
pte_unwire(pte_t pte)
{
	return pte & ~PTE_WIRED;
}

static inline bool
pte_referenced(pte_t pte)
{
	return (pte & PTE_ACCESSED) != 0;
}

static inline pte_t
pte_clear_referenced(pte_t pte)
{
	return pte & ~PTE_ACCESSED;
}

/*
 * Whether what was cached of old must be forgotten everywhere when the entry
 * becomes new, which maps the same page: only if it granted more.  What it
 * refuses is forgotten by the CPU that is refused, see PTE_FAULT_STAYS.
 */
static inline bool
pte_stale(pte_t old, pte_t new)
{
	return (pte_prot(old) & ~pte_prot(new)) != 0;
}

#endif
