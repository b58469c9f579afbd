/*
 * pmap_pv.c: from a page to its mappings.
 *
 * A mapping is named by the address of its entry, from which the table page,
 * the pmap and the virtual address follow.  The first is kept in the page
 * itself.  For the others there are links, allocated in chunks for eight
 * neighbours, so that the link of an entry is found by arithmetic.
 *
 *	table page  pg_chunks[n] -> chunk: link 0 ... link 7
 *				               |
 *	mapped page pg_pvmore -> link <-> link <-> link
 *
 * Locks.  Entry and reverse map change together, with the table locked; so
 * whoever holds a table's lock finds an entry in the reverse map exactly when
 * it maps the page.  The list of links is under the lock of the mapped page,
 * which is inner.  pg_pv is claimed by compare-and-swap, as tables compete
 * for it, and released by a store.
 *
 * Who starts from a page (struct pv_walk) therefore reads one name, holding
 * the page's lock for the list, lets go, locks the table, and looks again
 * whether the entry maps the page.  It may not: then it ceased to, and its
 * remover has already carried its bits.  The table may not even be a table
 * any more, which is why descriptors are never freed and kinds change under
 * the lock.
 *
 * The caller of a walk holds the lock of the page's owner, and pmap_enter()
 * is only called with it held: no mapping appears during a walk, so one pass
 * meets all there are, and after a pass that removes each, none is left.  The
 * place in the list is kept by a mark, a link of the walker's own, which stays
 * right whatever is unlinked around it.
 */
#include <sys/errno.h>

#include <base/print.h>

#include "pmap_var.h"

struct pool pv_chunk_pool;

#define CHUNKS_LEN (PV_NCHUNK * sizeof(struct pv_chunk *))

/* [v] Insert a link after prev; NULL: first. */
static void
pv_insert(struct vm_page *pg, struct pv_link *prev, struct pv_link *pv)
{
	struct pv_link *next;

	KASSERT(page_locked(pg));
	next = prev != NULL
		   ? prev->pv_next
		   : atomic_load_explicit(&pg->pg_pvmore, memory_order_relaxed);
	pv->pv_prev = prev;
	pv->pv_next = next;
	if (next != NULL)
		next->pv_prev = pv;
	if (prev != NULL)
		prev->pv_next = pv;
	else
		/* Who sees that it is not NULL takes the lock to read it. */
		atomic_store_explicit(&pg->pg_pvmore, pv, memory_order_relaxed);
}

/* [v] */
static void
pv_unlink(struct vm_page *pg, struct pv_link *pv)
{
	KASSERT(page_locked(pg));
	if (pv->pv_next != NULL)
		pv->pv_next->pv_prev = pv->pv_prev;
	if (pv->pv_prev != NULL)
		pv->pv_prev->pv_next = pv->pv_next;
	else
		atomic_store_explicit(&pg->pg_pvmore, pv->pv_next,
		    memory_order_release);
	pv->pv_next = pv->pv_prev = NULL;
}

/* Chunk n of a locked table, made if need be; NULL: no memory. */
static struct pv_chunk *
pv_chunk_make(struct vm_page *table, u_int n)
{
	struct pv_chunk *ck;

	if (table->pg_chunks == NULL) {
		table->pg_chunks = kmem_alloc(CHUNKS_LEN, PA_ZERO);
		if (table->pg_chunks == NULL)
			return NULL;
	}
	ck = table->pg_chunks[n];
	if (ck == NULL) {
		ck = pool_get(&pv_chunk_pool, 0);
		if (ck == NULL)
			return NULL;
		ck->ck_used = 0;
		table->pg_chunks[n] = ck;
	}
	return ck;
}

int
pv_enter_link(struct vm_page *table, u_int idx, struct vm_page *pg)
{
	pte_slot_t *slot = &table_slots(table)[idx];
	u_int bit = 1u << (idx % PV_PERCHUNK);
	struct pv_chunk *ck;
	struct pv_link *pv;

	KASSERT(page_locked(table) && table->pg_level == 0);
	ck = pv_chunk_make(table, idx / PV_PERCHUNK);
	if (ck == NULL)
		return ENOMEM;
	KASSERT((ck->ck_used & bit) == 0);
	ck->ck_used |= bit;
	pv = &ck->ck_link[idx % PV_PERCHUNK];
	pv->pv_slot = slot;
	page_lock(pg, RANK_PV);
	pv_insert(pg, NULL, pv);
	page_unlock(pg, RANK_PV);
	return 0;
}

void
pv_remove_link(struct vm_page *table, u_int idx, struct vm_page *pg)
{
	pte_slot_t *slot = &table_slots(table)[idx];
	u_int bit = 1u << (idx % PV_PERCHUNK);
	struct pv_chunk *ck;
	struct pv_link *pv;

	KASSERT(page_locked(table));
	KASSERT(table->pg_chunks != NULL);
	ck = table->pg_chunks[idx / PV_PERCHUNK];
	KASSERT(ck != NULL && (ck->ck_used & bit) != 0);
	pv = &ck->ck_link[idx % PV_PERCHUNK];
	KASSERT(pv->pv_slot == slot);
	page_lock(pg, RANK_PV);
	pv_unlink(pg, pv);
	page_unlock(pg, RANK_PV);
	pv->pv_slot = NULL;
	ck->ck_used &= ~bit;
	if (ck->ck_used == 0) {
		table->pg_chunks[idx / PV_PERCHUNK] = NULL;
		pool_put(&pv_chunk_pool, ck);
	}
}

void
pv_table_fini(struct vm_page *table)
{
	u_int n;

	KASSERT(page_locked(table));
	if (table->pg_chunks == NULL)
		return;
	for (n = 0; DEBUG && n < PV_NCHUNK; n++)
		KASSERT(table->pg_chunks[n] == NULL);
	kmem_free(table->pg_chunks, CHUNKS_LEN);
	table->pg_chunks = NULL;
}

/*
 * struct pv_walk: a pass over the mappings of a page.  pv_walk_next() returns
 * an entry that maps it, with the entry's table locked until the next call;
 * NULL at the end.  pv_walk_end() leaves early.
 */
struct pv_walk {
	struct vm_page *w_page;
	struct vm_page *w_table; /* locked; NULL: none */
	struct pv_link w_mark;   /* after the last link returned */
	bool w_started;
	bool w_marked; /* w_mark is in the list */
};

static void
pv_walk_begin(struct pv_walk *w, struct vm_page *pg)
{
	w->w_page = pg;
	w->w_table = NULL;
	w->w_mark.pv_slot = NULL;
	w->w_started = w->w_marked = false;
}

/* The next name in the list; NULL: there is none, and no mark is left. */
static pte_slot_t *
pv_walk_advance(struct pv_walk *w)
{
	struct vm_page *pg = w->w_page;
	pte_slot_t *slot = NULL;
	struct pv_link *pv;

	if (!w->w_marked &&
	    atomic_load_explicit(&pg->pg_pvmore, memory_order_acquire) == NULL)
		return NULL;
	page_lock(pg, RANK_PV);
	if (w->w_marked) {
		pv = w->w_mark.pv_next;
		pv_unlink(pg, &w->w_mark);
	} else {
		pv = atomic_load_explicit(&pg->pg_pvmore, memory_order_relaxed);
	}
	while (pv != NULL && pv->pv_slot == NULL)
		pv = pv->pv_next;
	w->w_marked = pv != NULL;
	if (pv != NULL) {
		slot = pv->pv_slot;
		pv_insert(pg, pv, &w->w_mark);
	}
	page_unlock(pg, RANK_PV);
	return slot;
}

static pte_slot_t *
pv_walk_next(struct pv_walk *w)
{
	struct vm_page *table;
	pte_slot_t *slot;
	pte_t pte;

	if (w->w_table != NULL) {
		page_unlock(w->w_table, RANK_TABLE);
		w->w_table = NULL;
	}
	for (;;) {
		slot = NULL;
		if (!w->w_started) {
			w->w_started = true;
			slot = (pte_slot_t *)
			    atomic_load_explicit(&w->w_page->pg_pv,
				memory_order_acquire);
		}
		if (slot == NULL)
			slot = pv_walk_advance(w);
		if (slot == NULL)
			return NULL;
		table = direct_to_page((const void *)slot);
		page_lock(table, RANK_TABLE);
		if (page_kind(table) == PK_TABLE && table->pg_level == 0) {
			pte = pte_load(slot);
			if (pte_valid(pte) && pte_managed(pte) &&
			    pte_pa(pte) == page_to_phys(w->w_page)) {
				w->w_table = table;
				return slot;
			}
		}
		page_unlock(table, RANK_TABLE);
	}
}

static void
pv_walk_end(struct pv_walk *w)
{
	if (w->w_table != NULL)
		page_unlock(w->w_table, RANK_TABLE);
	if (!w->w_marked)
		return;
	page_lock(w->w_page, RANK_PV);
	pv_unlink(w->w_page, &w->w_mark);
	page_unlock(w->w_page, RANK_PV);
}

/*
 * An entry the walk stands on was changed and must be flushed.  The table's
 * lock keeps its users, so the flush is accounted to it here and now.
 */
static void
pv_walk_flush(struct pv_walk *w, pte_slot_t *slot, struct tlb_gather *tg)
{
	struct vm_page *table = w->w_table;
	vaddr_t idx = (vaddr_t)(slot - table_slots(table));
	vaddr_t va = table->pg_va + (idx << PAGE_SHIFT);
	u_int i;

	if (!table_shared(table)) {
		tlb_gather_add(tg, va);
		tlb_gather_pmap(tg, table->pg_pmap);
		return;
	}
	/* Who is leaving has not flushed yet. */
	for (i = 0; i < table->pg_users->tu_n; i++) {
		tlb_gather_add(tg, va);
		tlb_gather_pmap(tg, table->pg_users->tu_pmap[i]);
	}
}

/* Narrow every mapping of pg; what is to be flushed goes into tg. */
static void
page_narrow(struct vm_page *pg, vm_prot_t prot, struct tlb_gather *tg)
{
	struct pv_walk w;
	pte_slot_t *slot;
	pte_t new, old;

	pv_walk_begin(&w, pg);
	while ((slot = pv_walk_next(&w)) != NULL) {
		leaf_single(w.w_table, slot);
		if (prot == PROT_NONE) {
			old = atomic_exchange_explicit(slot, 0,
			    memory_order_relaxed);
			leaf_drop(w.w_table,
			    (u_int)(slot - table_slots(w.w_table)), old);
		} else {
			old = pte_load(slot);
			do {
				new = pte_narrow(old, prot);
			} while (new != old &&
				 !atomic_compare_exchange_weak_explicit(slot,
				     &old, new, memory_order_relaxed,
				     memory_order_relaxed));
			if (new == old)
				continue;
		}
		pv_walk_flush(&w, slot, tg);
	}
}

void
pmap_page_protect_many(struct vm_page *const *pgs, u_int n, vm_prot_t prot)
{
	struct tlb_gather tg;
	u_int i;

	prot &= PROT_ALL;
	if (prot == PROT_ALL)
		return;
	tlb_gather_init(&tg);
	for (i = 0; i < n; i++)
		if (pmap_page_mapped(pgs[i]))
			page_narrow(pgs[i], prot, &tg);
	tlb_gather_flush(&tg);
}

void
pmap_page_protect(struct vm_page *pg, vm_prot_t prot)
{
	if (pmap_page_mapped(pg))
		pmap_page_protect_many(&pg, 1, prot);
}

void
pmap_page_remove(struct vm_page *pg)
{
	pmap_page_protect(pg, PROT_NONE);
	KASSERT(!pmap_page_mapped(pg));
}

/* Whether a page or some mapping has the bit that this one asks for. */
static bool
pmap_is_set(struct vm_page *pg, _Atomic(uint8_t) *carried, bool (*bit)(pte_t))
{
	struct pv_walk w;
	pte_slot_t *slot;

	if (atomic_load_explicit(carried, memory_order_relaxed))
		return true;
	pv_walk_begin(&w, pg);
	while ((slot = pv_walk_next(&w)) != NULL) {
		if (bit(pte_load(slot))) {
			pv_walk_end(&w);
			return true;
		}
	}
	/* A mapping removed meanwhile left its bit with the page. */
	return atomic_load_explicit(carried, memory_order_relaxed) != 0;
}

/*
 * Clear the bit in the page and all mappings; what it was.  A mapping that is
 * removed meanwhile by another carries its bit to the page: it is then
 * reported by the next question, not lost.
 */
static bool
pmap_clear(struct vm_page *pg, _Atomic(uint8_t) *carried, bool (*bit)(pte_t),
    pte_t (*clear)(pte_t))
{
	struct tlb_gather tg;
	struct pv_walk w;
	pte_slot_t *slot;
	pte_t pte;
	bool was;

	was = atomic_exchange_explicit(carried, 0, memory_order_relaxed) != 0;
	tlb_gather_init(&tg);
	pv_walk_begin(&w, pg);
	while ((slot = pv_walk_next(&w)) != NULL) {
		if (!bit(pte_load(slot)))
			continue;
		leaf_single(w.w_table, slot);
		pte = pte_load(slot);
		while (!atomic_compare_exchange_weak_explicit(slot, &pte,
		    clear(pte), memory_order_relaxed, memory_order_relaxed))
			continue;
		was = true;
		pv_walk_flush(&w, slot, &tg);
	}
	/* A translation cached as dirty would not set the bit again. */
	tlb_gather_flush(&tg);
	return was;
}

enum pmap_age
pmap_age(struct vm_page *pg)
{
	enum pmap_age age = PMAP_IDLE;
	struct pv_walk w;
	pte_slot_t *slot;
	pte_t pte;

	if (atomic_exchange_explicit(&pg->pg_ref, 0, memory_order_relaxed) != 0)
		age = PMAP_USED;
	pv_walk_begin(&w, pg);
	while ((slot = pv_walk_next(&w)) != NULL) {
		pte = pte_load(slot);
		if (pte_wired(pte)) {
			pv_walk_end(&w);
			return PMAP_HELD;
		}
		if (!pte_referenced(pte))
			continue;
		leaf_single(w.w_table, slot);
		pte = pte_load(slot);
		while (!atomic_compare_exchange_weak_explicit(slot, &pte,
		    pte_clear_referenced(pte), memory_order_relaxed,
		    memory_order_relaxed))
			continue;
		age = PMAP_USED;
	}
	return age;
}

bool
pmap_is_modified(struct vm_page *pg)
{
	return pmap_is_set(pg, &pg->pg_mod, pte_modified);
}

bool
pmap_is_referenced(struct vm_page *pg)
{
	return pmap_is_set(pg, &pg->pg_ref, pte_referenced);
}

bool
pmap_clear_modify(struct vm_page *pg)
{
	return pmap_clear(pg, &pg->pg_mod, pte_modified, pte_clear_modified);
}

bool
pmap_clear_reference(struct vm_page *pg)
{
	return pmap_clear(pg, &pg->pg_ref, pte_referenced,
	    pte_clear_referenced);
}

u_int
pmap_page_mapcount(struct vm_page *pg)
{
	struct vm_page *table;
	struct pv_walk w;
	u_int n = 0;

	pv_walk_begin(&w, pg);
	while (pv_walk_next(&w) != NULL) {
		table = w.w_table;
		n += table_shared(table) ? table->pg_users->tu_n : 1;
	}
	return n;
}

/* Whether there are links, and not only marks of walkers. */
static bool
pv_linked(struct vm_page *pg)
{
	struct pv_link *pv;

	page_lock(pg, RANK_PV);
	pv = atomic_load_explicit(&pg->pg_pvmore, memory_order_relaxed);
	while (pv != NULL && pv->pv_slot == NULL)
		pv = pv->pv_next;
	page_unlock(pg, RANK_PV);
	return pv != NULL;
}

bool
pmap_page_mapped(struct vm_page *pg)
{
	if (atomic_load_explicit(&pg->pg_pv, memory_order_acquire) != 0)
		return true;
	if (atomic_load_explicit(&pg->pg_pvmore, memory_order_acquire) == NULL)
		return false;
	return pv_linked(pg);
}
