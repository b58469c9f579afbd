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
 * from then on, and what is in them is ours.
 */
#include <base/print.h>

#include "pmap_var.h"

#define PURGE_BATCH 64

/* A table being walked: what is left of it. */
struct purge_level {
	struct vm_page *lv_table;
	uint64_t lv_lines;   /* to come */
	pte_slot_t *lv_slot; /* next in the line begun, */
	pte_slot_t *lv_end;  /* and its end */
	u_int lv_left;       /* valid entries to come */
};

struct purge {
	struct purge_level pu_level[PTE_LEVELS];
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

/* Clear an entry of a leaf table that is locked. */
static inline void
entry_empty(struct vm_page *table, pte_slot_t *slot)
{
	pte_t pte = pte_load(slot);

	if (!pte_valid(pte))
		return;
	atomic_store_explicit(slot, 0, memory_order_relaxed);
	if (__predict_true(pte_managed(pte)))
		mapping_forget(table, slot, pte, phys_page(pte_pa(pte)));
}

/*
 * Clear a leaf table that is locked.  The loop that the exit of a process
 * spends its time in: a page with one mapping, in itself, costs its entry and
 * its descriptor, and no locked operation.
 */
u_int
leaf_empty(struct vm_page *table)
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
			entry_empty(table, &line[i]);
	}
	return nline;
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
	pu->pu_nline += leaf_empty(table);
	pv_table_fini(table);
	purge_close(table);
	page_unlock(table, RANK_TABLE);
	purge_free(pu, table);
}

/* Begin with an upper table. */
static void
purge_open(struct purge *pu, struct vm_page *table, u_int level)
{
	struct purge_level *lv = &pu->pu_level[level];

	page_lock(table, RANK_TABLE);
	KASSERT(page_kind(table) == PK_TABLE && table->pg_level == level);
	lv->lv_table = table;
	lv->lv_lines = table_lines(table);
	lv->lv_slot = lv->lv_end = NULL;
	lv->lv_left = table->pg_count;
	if (level == PTE_ROOT) {
		table->pg_count = 0;
		table_setlines(table, 0);
	} else {
		purge_close(table);
	}
	page_unlock(table, RANK_TABLE);
}

/* Take the next child out of an upper table; NULL: that was all. */
static struct vm_page *
purge_next(struct purge *pu, u_int level)
{
	struct purge_level *lv = &pu->pu_level[level];
	pte_slot_t *slot = lv->lv_slot, *end = lv->lv_end;
	pte_t pte;

	if (lv->lv_left == 0)
		return NULL;
	for (;;) {
		for (; slot < end; slot++) {
			pte = pte_load(slot);
			if (!pte_valid(pte))
				continue;
			atomic_store_explicit(slot, 0, memory_order_relaxed);
			lv->lv_slot = slot + 1;
			lv->lv_left--;
			return phys_page(pte_pa(pte));
		}
		if (lv->lv_lines == 0)
			return NULL;
		slot = table_slots(lv->lv_table) +
		       (u_int)__builtin_ctzll(lv->lv_lines) * PTE_PERLINE;
		lv->lv_end = end = slot + PTE_PERLINE;
		lv->lv_lines &= lv->lv_lines - 1;
		pu->pu_nline++;
	}
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

	pu.pu_nfree = 0;
	pu.pu_nleaf = pu.pu_nline = pu.pu_ntable = pu.pu_nshared = 0;
	purge_open(&pu, pm->pm_root, PTE_ROOT);
	for (;;) {
		child = purge_next(&pu, level);
		if (child == NULL) {
			if (level == PTE_ROOT)
				break;
			purge_free(&pu, pu.pu_level[level].lv_table);
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
	KASSERT(
	    atomic_load_explicit(&pm->pm_tables, memory_order_relaxed) == 1);
	atomic_store_explicit(&pm->pm_state, PMAP_DEAD, memory_order_relaxed);
	count_add(COUNT_PURGE_LEAF, pu.pu_nleaf);
	count_add(COUNT_PURGE_LINE, pu.pu_nline);
	count_add(COUNT_PURGE_TABLE, pu.pu_ntable);
	return pu.pu_nleaf;
}
