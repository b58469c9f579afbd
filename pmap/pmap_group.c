/*
 * pmap_group.c: entries that a CPU may remember as one.
 *
 * A group is PTE_NGROUP neighbouring entries of a leaf table, aligned, that map
 * as many neighbouring pages, aligned too, and grant the same.  PTE_GROUP in
 * each allows a CPU to keep a single translation for all of them, filled from
 * any; so it may grant or refuse at one address what it has read at another.
 *
 *	entry	  16      17      18            31	one translation,
 *		[ p  G ][ p+1 G][ p+2 G] ... [ p+15 G]	or up to sixteen
 *
 * Made.  Only where nothing was mapped, all entries in one hold of the table's
 * lock.  From the first store on, a CPU may use the whole, which is there.
 *
 * Changed alike.  All entries may be cleared, narrowed or widened where they
 * are: until the flush that follows, each address may show the old or the new;
 * then no CPU has the old.  (What is widened is not flushed: pte_stale().)
 *
 * Changed otherwise.  First the group is taken apart: entries cleared, flushed,
 * and made again without PTE_GROUP ("break before make"), all with the table
 * locked.  Whoever faults meanwhile waits for that lock, finds that the entry
 * grants what he wants, and goes on.  Nobody reads leaf entries without it.  As
 * CPUs that wait for it cannot be asked to flush, there are groups only where
 * they need not be asked (tlb_silent()).
 *
 * Noted.  The MMU may note what is done at one address in the entry of another.
 * So nothing is left for it to note: a group is accessed from the beginning,
 * and it either may not be written or is modified.  Whoever would clear such a
 * bit of one page takes the group apart.
 */
#include "pmap_var.h"

_Static_assert(PTE_NGROUP <= TLB_NPAGE, "a group can be told by its pages");
_Static_assert(PTE_NENTRY % PTE_NGROUP == 0, "groups lie in one table");

/* No CPU remembers any of a group's pages for pm. */
static void
group_flush(struct pmap *pm, vaddr_t va)
{
	struct tlb_gather tg;
	u_int i;

	tlb_gather_init(&tg);
	for (i = 0; i < PTE_NGROUP; i++)
		tlb_gather_add(&tg, va + ptoa(i));
	tlb_gather_pmap(&tg, pm);
	tlb_gather_now(&tg);
}

void
leaf_break(struct vm_page *table, u_int idx)
{
	u_int first = rounddown2(idx, PTE_NGROUP), i;
	pte_slot_t *slot = &table_slots(table)[first];
	vaddr_t va = table->pg_va + ptoa(first);
	pte_t was[PTE_NGROUP];

	KASSERT(page_locked(table) && table->pg_level == 0);
	/* Between the two comes a flush, which orders them. */
	for (i = 0; i < PTE_NGROUP; i++) {
		was[i] =
		    atomic_exchange_explicit(&slot[i], 0, memory_order_relaxed);
		KASSERT(pte_valid(was[i]) && pte_grouped(was[i]));
	}
	if (!table_shared(table))
		group_flush(table->pg_pmap, va);
	else
		/* Who is leaving has not flushed yet. */
		for (i = 0; i < table->pg_users->tu_n; i++)
			group_flush(table->pg_users->tu_pmap[i], va);
	for (i = 0; i < PTE_NGROUP; i++)
		atomic_store_explicit(&slot[i], was[i] & ~PTE_GROUP,
		    memory_order_relaxed);
	count_add(COUNT_GROUP_BREAK, 1);
}

bool
group_row(struct vm_page *const *pgs)
{
	paddr_t pa;
	u_int i;

	if (pgs[0] == NULL)
		return false;
	pa = page_to_phys(pgs[0]);
	if ((pa & (ptoa(PTE_NGROUP) - 1)) != 0)
		return false;
	for (i = 1; i < PTE_NGROUP; i++)
		if (pgs[i] == NULL || page_to_phys(pgs[i]) != pa + ptoa(i))
			return false;
	return true;
}

/* [t] Make the entries from slot on a group of pgs[], whatever they were. */
static void
group_store(pte_slot_t *slot, struct vm_page *const *pgs, vm_prot_t prot)
{
	u_int attr = PTE_ATTR_REF, i;

	if ((prot & PROT_WRITE) != 0)
		attr |= PTE_ATTR_MOD;
	for (i = 0; i < PTE_NGROUP; i++)
		atomic_store_explicit(&slot[i],
		    PTE_GROUP | pte_make_leaf(page_to_phys(pgs[i]), prot,
				    attr | leaf_attr(pte_load(&slot[i]))),
		    memory_order_release);
}

bool
leaf_group(struct vm_page *table, u_int idx, struct vm_page *const *pgs,
    vm_prot_t prot)
{
	pte_slot_t *slot = &table_slots(table)[idx];
	u_int i;

	KASSERT(page_locked(table) && idx % PTE_NGROUP == 0);
	for (i = 0; i < PTE_NGROUP; i++)
		if (pte_valid(pte_load(&slot[i])) || pmap_page_mapped(pgs[i]))
			return false;
	for (i = 0; i < PTE_NGROUP; i++)
		if (pv_enter(table, &slot[i], pgs[i]) != 0) {
			/* Somebody else has mapped it since. */
			while (i-- > 0)
				pv_leave(table, &slot[i], pgs[i]);
			return false;
		}
	group_store(slot, pgs, prot);
	table->pg_count += PTE_NGROUP;
	table_lines_up(table, idx, PTE_NGROUP);
	count_add(COUNT_GROUP, 1);
	return true;
}

bool
leaf_group_widen(struct vm_page *table, u_int idx, struct vm_page *const *pgs,
    vm_prot_t prot)
{
	pte_slot_t *slot = &table_slots(table)[idx];
	pte_t old = pte_load(slot);

	KASSERT(page_locked(table) && idx % PTE_NGROUP == 0);
	KASSERT(pte_grouped(old));
	if (pte_pa(old) != page_to_phys(pgs[0]) || (pte_prot(old) & ~prot) != 0)
		return false;
	group_store(slot, pgs, prot);
	return true;
}
