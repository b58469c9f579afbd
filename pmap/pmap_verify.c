/*
 * pmap_verify.c: do the tables, their counts and the reverse map agree?
 *
 * Compiled always, called where DEBUG is set and by tests.  Each check holds
 * the lock that makes it exact; between tables the world may move on.
 */
#include <base/print.h>

#include "pmap_var.h"

/* The reverse map of pg knows the entry, whose table is locked. */
static void
verify_pv(struct vm_page *table, u_int idx, struct vm_page *pg)
{
	pte_slot_t *slot = &table_slots(table)[idx];
	struct pv_chunk *ck;
	struct pv_link *pv;
	u_int found = 0;

	found += atomic_load_explicit(&pg->pg_pv, memory_order_relaxed) ==
		 (uintptr_t)slot;
	page_lock(pg, RANK_PV);
	for (pv = atomic_load_explicit(&pg->pg_pvmore, memory_order_relaxed);
	     pv != NULL; pv = pv->pv_next) {
		KASSERT(pv->pv_next == NULL || pv->pv_next->pv_prev == pv);
		if (pv->pv_slot != slot)
			continue;
		KASSERT(table->pg_chunks != NULL);
		ck = table->pg_chunks[idx / PV_PERCHUNK];
		KASSERT(ck != NULL && pv == &ck->ck_link[idx % PV_PERCHUNK]);
		KASSERT((ck->ck_used >> (idx % PV_PERCHUNK) & 1) != 0);
		found++;
	}
	page_unlock(pg, RANK_PV);
	KASSERT(found == 1);
}

/* A group from idx on is whole, alike, and leaves the MMU nothing to note. */
static void
verify_group(struct vm_page *table, u_int idx)
{
	pte_slot_t *slot = &table_slots(table)[rounddown2(idx, PTE_NGROUP)];
	pte_t first = pte_load(slot), pte;
	u_int i;

	KASSERT((pte_pa(first) & (ptoa(PTE_NGROUP) - 1)) == 0);
	for (i = 0; i < PTE_NGROUP; i++) {
		pte = pte_load(&slot[i]);
		KASSERT(pte_valid(pte) && pte_grouped(pte));
		KASSERT(pte_pa(pte) == pte_pa(first) + ptoa(i));
		KASSERT(pte_prot(pte) == pte_prot(first));
		KASSERT(pte_referenced(pte));
		KASSERT(pte_modified(pte) || (pte_prot(pte) & PROT_WRITE) == 0);
	}
}

/* A leaf table, locked. */
static void
verify_leaf(struct vm_page *table)
{
	pte_slot_t *slots = table_slots(table);
	struct pv_chunk *ck;
	uint64_t lines = 0;
	u_int idx, line, n = 0;
	pte_t pte;

	for (idx = 0; idx < PTE_NENTRY; idx++) {
		line = idx / PTE_PERLINE;
		pte = pte_load(&slots[idx]);
		if (!pte_valid(pte)) {
			KASSERT(pte == 0);
			if (table->pg_chunks == NULL)
				continue;
			ck = table->pg_chunks[idx / PV_PERCHUNK];
			KASSERT(ck == NULL ||
				(ck->ck_used >> (idx % PV_PERCHUNK) & 1) == 0);
			continue;
		}
		n++;
		lines |= 1ull << line;
		if (pte_grouped(pte))
			verify_group(table, idx);
		if (pte_managed(pte))
			verify_pv(table, idx, phys_page(pte_pa(pte)));
	}
	KASSERT(n == table->pg_count);
	KASSERT(lines == table_lines(table));
}

/*
 * An upper table over va: children are what they should be.  Counts agree.
 */
static void
verify_upper(struct pmap *pm, struct vm_page *table)
{
	u_int end, idx, level = table->pg_level, n = 0;
	pte_slot_t *slots = table_slots(table);
	struct vm_page *child;
	uint64_t lines = 0;
	vaddr_t va;
	pte_t pte;

	end = level == PTE_ROOT ? PTE_ROOT_USER : PTE_NENTRY;
	for (idx = 0; idx < end; idx++) {
		pte = pte_load(&slots[idx]);
		if (!pte_valid(pte)) {
			KASSERT(pte == 0);
			continue;
		}
		n++;
		lines |= 1ull << (idx / PTE_PERLINE);
		KASSERT(!pte_is_leaf(pte, level));
		child = phys_page(pte_pa(pte));
		va = table->pg_va + ((vaddr_t)idx << pte_shift(level));
		page_lock(child, RANK_TABLE + 1);
		KASSERT(table_is(child, pm, va, level - 1));
		page_unlock(child, RANK_TABLE + 1);
	}
	KASSERT(n == table->pg_count);
	KASSERT(lines == table_lines(table));
	if (table->pg_few == UPPER_MANY)
		return;
	KASSERT(n <= UPPER_NFEW);
	for (idx = 0; idx < n; idx++)
		KASSERT(
		    pte_valid(pte_load(&slots[upper_few(table->pg_few, idx)])));
}

/* Any page: if it is a table, of pm unless that is NULL, verify it. */
static void
verify_table(struct vm_page *pg, void *arg)
{
	struct pmap *pm = arg;

	if (page_kind(pg) != PK_TABLE)
		return;
	page_lock(pg, RANK_TABLE);
	if (page_kind(pg) == PK_TABLE && (pm == NULL || pg->pg_pmap == pm)) {
		if (pg->pg_level == 0)
			verify_leaf(pg);
		else
			verify_upper(pg->pg_pmap, pg);
	}
	page_unlock(pg, RANK_TABLE);
}

void
pmap_verify(struct pmap *pm)
{
	struct vm_page *table;
	vaddr_t va = 0;

	KASSERT(pm != &pmap_kernel);
	while ((table = leaf_next(pm, &va, VM_MAXUSER_ADDRESS)) != NULL) {
		page_lock(table, RANK_TABLE);
		if (table_is(table, pm, va, 0)) {
			verify_leaf(table);
			va = table->pg_va + pte_span(1);
		}
		page_unlock(table, RANK_TABLE);
	}
	page_lock(pm->pm_root, RANK_TABLE);
	verify_upper(pm, pm->pm_root);
	page_unlock(pm->pm_root, RANK_TABLE);
}

/*
 * The entry at slot maps pg; the reverse map says so and the caller keeps it
 * from changing.
 */
static void
verify_mapping(const struct vm_page *pg, pte_slot_t *slot)
{
	struct vm_page *table = direct_to_page((const void *)slot);
	pte_t pte = pte_load(slot);

	KASSERT(page_kind(table) == PK_TABLE && table->pg_level == 0);
	KASSERT(pte_valid(pte) && pte_managed(pte));
	KASSERT(pte_pa(pte) == page_to_phys(pg));
}

void
pmap_verify_page(struct vm_page *pg)
{
	struct pv_link *pv;
	uintptr_t first;

	first = atomic_load_explicit(&pg->pg_pv, memory_order_relaxed);
	if (first != 0)
		verify_mapping(pg, (pte_slot_t *)first);
	page_lock(pg, RANK_PV);
	for (pv = atomic_load_explicit(&pg->pg_pvmore, memory_order_relaxed);
	     pv != NULL; pv = pv->pv_next)
		if (pv->pv_slot != NULL)
			verify_mapping(pg, pv->pv_slot);
	page_unlock(pg, RANK_PV);
}

static void
verify_page(struct vm_page *pg, void *arg)
{
	verify_table(pg, NULL);
	(void)arg;
	if (page_kind(pg) >= PK_ANON)
		pmap_verify_page(pg);
}

void
pmap_verify_all(void)
{
	phys_foreach(verify_page, NULL);
}
