/*
 * pmap_purge.c: emptying a detached space, at the price of its pages.
 *
 * No CPU translates through the tables and no entry can be made, so entries
 * are read and cleared by plain accesses and nothing is flushed.  Who may
 * still come is a walk from a page (pmap_pv.c): it locks the leaf table whose
 * entry it wants and looks whether it is still a table.  Hence each table's
 * lock is taken, once; what is cleared under it is the walker's answer.
 *
 * Upper tables cease to be tables when the walk enters them: descents fail
 * from then on, and what is in them is ours.  Or they are all kept, and lose
 * their links to leaf tables only (pmap_spare.c).
 */
#include <base/print.h>

#include "pmap_var.h"

#define PURGE_BATCH 64

struct purge {
	bool pu_keep; /* upper tables stay */
	struct table_walk pu_level[PTE_LEVELS];
	struct vm_page *pu_free[PURGE_BATCH];
	u_int pu_nfree;
	u_long pu_nleaf;
	u_long pu_nline;
	u_long pu_ntable;
	u_long pu_nshared; /* tables left to others */
};

/* Table is empty and unknown to anybody else. */
static void
purge_free(struct purge *pu, struct vm_page *table)
{
	atomic_store_explicit(&table->pg_flags, PG_ZEROED,
	    memory_order_relaxed);
	pu->pu_free[pu->pu_nfree++] = table;
	pu->pu_ntable++;
	if (pu->pu_nfree == PURGE_BATCH) {
		page_free_batch(pu->pu_free, pu->pu_nfree);
		pu->pu_nfree = 0;
	}
}

/*
 * Clear an entry of a leaf table that is locked.  live: the MMU may note
 * something in it up to the last moment.
 */
static inline void
entry_empty(struct vm_page *table, pte_slot_t *slot, bool live)
{
	pte_t pte = pte_load(slot);

	if (!pte_valid(pte))
		return;
	if (live)
		pte = atomic_exchange_explicit(slot, 0, memory_order_relaxed);
	else
		atomic_store_explicit(slot, 0, memory_order_relaxed);
	if (__predict_true(pte_managed(pte)))
		mapping_forget(table, slot, pte, phys_page(pte_pa(pte)));
}

/*
 * Clear a leaf table that is locked.  The loop that the exit of a process
 * spends its time in: a page with one mapping, in itself, costs its entry and
 * its descriptor, and no locked operation.
 */
static inline u_int
table_empty(struct vm_page *table, bool live)
{
	pte_slot_t *line, *slots = table_slots(table);
	uint64_t lines = table_lines(table);
	struct pte_run run = {0, NULL};
	u_int nline = 0, i;

	for (; lines != 0; lines &= lines - 1) {
		nline++;
		line = slots + (u_int)__builtin_ctzll(lines) * PTE_PERLINE;
		if (line_is_run(line) && line_empty(line, &run))
			continue;
		for (i = 0; i < PTE_PERLINE; i++)
			entry_empty(table, &line[i], live);
	}
	return nline;
}

u_int
leaf_empty(struct vm_page *table, bool live)
{
	return live ? table_empty(table, true) : table_empty(table, false);
}

/* Make a table, which is locked and empty, a loose page. */
static void
purge_close(struct vm_page *table)
{
	table->pg_count = 0;
	table_setlines(table, 0);
	table->pg_pmap = NULL;
	page_setkind(table, PK_LOOSE);
}

static void
purge_leaf(struct purge *pu, struct pmap *pm, struct vm_page *table)
{
	page_lock(table, RANK_TABLE);
	KASSERT(page_kind(table) == PK_TABLE && table->pg_level == 0);
	pu->pu_nleaf += table->pg_count;
	if (table_shared(table)) {
		/* Not the last: who is leaving, is not done. */
		if (!leaf_unuse(table, pm))
			panic("pmap: a shared table had one user");
		pu->pu_nshared++;
		page_unlock(table, RANK_TABLE);
		return;
	}
	pu->pu_nline += leaf_empty(table, false);
	pv_table_fini(table);
	purge_close(table);
	page_unlock(table, RANK_TABLE);
	purge_free(pu, table);
}

/* The entries that an upper table had are being cleared, by a walk. */
static inline void
upper_clear(struct vm_page *table)
{
	table->pg_count = 0;
	table->pg_few = 0;
	table_setlines(table, 0);
}

/* Begin with an upper table. */
static void
purge_open(struct purge *pu, struct vm_page *table, u_int level)
{
	KASSERT(page_kind(table) == PK_TABLE && table->pg_level == level);
	walk_open(&pu->pu_level[level], table);
	if (pu->pu_keep) {
		/* It stays a table: nobody is to be told, nor looks inside. */
		if (level == 1)
			upper_clear(table);
		return;
	}
	page_lock(table, RANK_TABLE);
	upper_clear(table);
	if (level < PTE_ROOT) {
		table->pg_pmap = NULL;
		page_setkind(table, PK_LOOSE);
	}
	page_unlock(table, RANK_TABLE);
}

pte_slot_t *
walk_search(struct table_walk *tw)
{
	pte_slot_t *slot = tw->tw_slot, *end = tw->tw_end;

	for (;;) {
		for (; slot < end; slot++)
			if (pte_valid(pte_load(slot))) {
				tw->tw_slot = slot + 1;
				return slot;
			}
		KASSERT(tw->tw_lines != 0);
		slot = tw->tw_slots +
		       (u_int)__builtin_ctzll(tw->tw_lines) * PTE_PERLINE;
		tw->tw_end = end = slot + PTE_PERLINE;
		tw->tw_lines &= tw->tw_lines - 1;
	}
}

/* Take the next child out of an upper table; NULL: that was all. */
static inline struct vm_page *
purge_next(struct purge *pu, u_int level)
{
	pte_slot_t *slot = walk_next(&pu->pu_level[level]);
	struct vm_page *child;

	if (slot == NULL)
		return NULL;
	child = phys_page(pte_pa(pte_load(slot)));
	if (!pu->pu_keep || level == 1)
		atomic_store_explicit(slot, 0, memory_order_relaxed);
	return child;
}

u_long
pmap_remove_all(struct pmap *pm)
{
	struct vm_page *child;
	struct purge pu;
	u_int level = PTE_ROOT;

	KASSERT(pm != &pmap_kernel);
	KASSERT(atomic_load_explicit(&pm->pm_state, memory_order_relaxed) !=
		PMAP_LIVE);
	KASSERT(atomic_load_explicit(&pm->pm_cpus, memory_order_relaxed) == 0);

	pu.pu_keep = spare_wanted(pm);
	pu.pu_nfree = 0;
	pu.pu_nleaf = pu.pu_nline = pu.pu_ntable = pu.pu_nshared = 0;
	purge_open(&pu, pm->pm_root, PTE_ROOT);
	for (;;) {
		child = purge_next(&pu, level);
		if (child == NULL) {
			if (level == PTE_ROOT)
				break;
			if (!pu.pu_keep)
				purge_free(&pu, pu.pu_level[level].tw_table);
			level++;
		} else if (level == 1) {
			purge_leaf(&pu, pm, child);
		} else {
			level--;
			purge_open(&pu, child, level);
		}
	}
	page_free_batch(pu.pu_free, pu.pu_nfree);
	atomic_fetch_sub_explicit(&pm->pm_tables, pu.pu_ntable + pu.pu_nshared,
	    memory_order_relaxed);
	KASSERT(pu.pu_keep || atomic_load_explicit(&pm->pm_tables,
				  memory_order_relaxed) == 1);
	atomic_store_explicit(&pm->pm_state, PMAP_DEAD, memory_order_relaxed);
	count_add(COUNT_PURGE_LEAF, pu.pu_nleaf);
	count_add(COUNT_PURGE_LINE, pu.pu_nline);
	count_add(COUNT_PURGE_TABLE, pu.pu_ntable);
	return pu.pu_nleaf;
}
