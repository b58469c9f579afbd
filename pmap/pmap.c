/*
 * pmap.c: page tables of user spaces: making, walking, changing them.
 *
 * A descent reads tables without locks, from the root down.  What it finds
 * may be gone by then: an intermediate table that was empty may have been
 * freed and be somebody's data by the time it is read, and the entry that is
 * read there is noise.  So every address read must be RAM with a descriptor
 * of kind PK_TABLE to be followed, and the table at which the descent ends is
 * locked and asked whether it is this pmap's table for this address.  If it
 * says yes it is the right one, however it was reached; otherwise the descent
 * starts again.
 *
 * Locks: a leaf table's lock covers its entries, their reverse map, pg_count,
 * pg_lines.  A table is linked and unlinked with its parent locked, then it.
 */
#include <sys/errno.h>

#include <base/print.h>
#include <port/machdep.h>

#include "pmap_var.h"

struct pmap pmap_kernel;
static struct pool pmap_pool;

/* The kernel's root as entries, for what of it every root contains. */
static const pte_t *pmap_kroot;

/*
 * What a new root, all zeroes, has in common with the kernel's: the few
 * entries that are not zero, so that it need not be searched for each.
 */
#define ROOT_NSHARED 16
static struct {
	u_int rs_n;
	u_int rs_idx[ROOT_NSHARED];
	pte_t rs_pte[ROOT_NSHARED];
} root_shared;

static void
root_shared_init(void)
{
	struct vm_page *pg = page_alloc(PK_LOOSE, PA_ZERO);
	pte_t *root, none = 0;
	u_int i;

	if (pg == NULL)
		panic("pmap: no memory for a root");
	root = page_direct(pg);
	pte_root_init(root, pmap_kroot);
	for (i = 0; i < PTE_NENTRY; i++) {
		if (root[i] == none)
			continue;
		if (root_shared.rs_n == ROOT_NSHARED)
			panic("pmap: the kernel has too many root entries");
		root_shared.rs_idx[root_shared.rs_n] = i;
		root_shared.rs_pte[root_shared.rs_n++] = root[i];
	}
	page_free(pg);
}

static void
root_fill(pte_t *root)
{
	u_int i;

	for (i = 0; i < root_shared.rs_n; i++)
		root[root_shared.rs_idx[i]] = root_shared.rs_pte[i];
}

/* The reverse, so that the page can be a root again without zeroing. */
static void
root_clear(pte_t *root)
{
	u_int i;

	for (i = 0; i < root_shared.rs_n; i++)
		root[root_shared.rs_idx[i]] = 0;
}

void
pmap_bootstrap(paddr_t kroot)
{
	KASSERT(pmap_kroot == NULL);
	pmap_kroot = md_direct(kroot);
	pmap_kernel.pm_rootpa = kroot;
	refcount_init(&pmap_kernel.pm_refs, 1);
	pool_init(&pmap_pool, "pmap", sizeof(struct pmap), CACHELINE);
	pool_init(&pv_chunk_pool, "pvchunk", sizeof(struct pv_chunk), 0);
	pool_init(&table_users_pool, "pmapusers", sizeof(struct table_users),
	    CACHELINE);
	root_shared_init();
	asid_init();
	pmap_switch_init();
}

static enum pmap_state
pmap_state(const struct pmap *pm)
{
	/* Relaxed: who acts upon it holds the lock of a table. */
	return (enum pmap_state)atomic_load_explicit(&pm->pm_state,
	    memory_order_relaxed);
}

void
table_init(struct vm_page *table, struct pmap *pm, vaddr_t va, u_int level,
    enum lock_rank rank)
{
	page_lock(table, rank);
	table->pg_pmap = pm;
	table->pg_va = table_base(va, level);
	table->pg_level = (uint8_t)level;
	table->pg_count = 0;
	table->pg_chunks = NULL;
	table->pg_forked = false;
	table_setlines(table, 0);
	page_setkind(table, PK_TABLE);
	page_unlock(table, rank);
	atomic_fetch_add_explicit(&pm->pm_tables, 1, memory_order_relaxed);
	shape_toggle(pm, va, level);
}

int
pmap_create(struct pmap **pmp, const struct pmap *like)
{
	struct vm_page *root;
	struct pmap *pm;

	pm = like != NULL ? spare_take(like) : NULL;
	if (pm != NULL) {
		*pmp = pm;
		return 0;
	}
	pm = pool_get(&pmap_pool, PA_ZERO);
	if (pm == NULL)
		return ENOMEM;
	root = page_alloc(PK_LOOSE, PA_ZERO);
	if (root == NULL) {
		pool_put(&pmap_pool, pm);
		return ENOMEM;
	}
	pm->pm_root = root;
	pm->pm_rootpa = page_to_phys(root);
	refcount_init(&pm->pm_refs, 1);
	root_fill(page_direct(root));
	table_init(root, pm, 0, PTE_ROOT, RANK_TABLE);
	*pmp = pm;
	return 0;
}

void
pmap_reference(struct pmap *pm)
{
	refcount_acquire(&pm->pm_refs);
}

void
pmap_free(struct pmap *pm)
{
	struct vm_page *root = pm->pm_root;

	page_lock(root, RANK_TABLE);
	KASSERT(table_is(root, pm, 0, PTE_ROOT) && root->pg_count == 0);
	page_setkind(root, PK_LOOSE);
	root->pg_pmap = NULL;
	page_unlock(root, RANK_TABLE);
	root_clear(page_direct(root));
	page_flags_set(root, PG_ZEROED);
	page_free(root);
	pool_put(&pmap_pool, pm);
}

void
pmap_destroy(struct pmap *pm)
{
	u_long leaves;

	if (!refcount_release(&pm->pm_refs))
		return;
	KASSERT(pm != &pmap_kernel);
	KDASSERT(pmap_resident(pm) == 0);
	/* A space that never ran its exit may be held lazily or have tables. */
	if (pmap_state(pm) != PMAP_DEAD) {
		pmap_purge(pm);
		leaves = pmap_remove_all(pm);
		KASSERT(leaves == 0);
	}
	if (atomic_load_explicit(&pm->pm_tables, memory_order_relaxed) > 1)
		spare_put(pm);
	else
		pmap_free(pm);
}

/* The table that an entry of a table names; NULL: noise, see above. */
static struct vm_page *
table_follow(pte_t pte, u_int level)
{
	struct vm_page *pg;

	if (pte_is_leaf(pte, level))
		return NULL;
	pg = phys_to_page(pte_pa(pte));
	if (pg == NULL || page_kind(pg) != PK_TABLE)
		return NULL;
	return pg;
}

/*
 * The lowest table over va that there seems to be, not below *levelp, and
 * its level.  Nothing is locked.
 */
struct vm_page *
table_descend(struct pmap *pm, vaddr_t va, u_int *levelp)
{
	struct vm_page *table = pm->pm_root, *next;
	u_int level = PTE_ROOT;
	pte_t pte;

	while (level > *levelp) {
		pte = atomic_load_explicit(&table_slots(
					       table)[pte_index(va, level)],
		    memory_order_acquire);
		if (!pte_valid(pte))
			break;
		next = table_follow(pte, level);
		if (next == NULL) {
			md_cpu_relax();
			table = pm->pm_root;
			level = PTE_ROOT;
			continue;
		}
		table = next;
		level--;
	}
	*levelp = level;
	return table;
}

/*
 * Link a new table of level - 1 over va into this one, unless somebody else
 * did, or the table is gone, which the next descent will see.  0, ENOMEM.
 */
int
table_grow(struct pmap *pm, vaddr_t va, struct vm_page *table, u_int level)
{
	struct vm_page *new;
	pte_slot_t *slot;
	u_int idx = pte_index(va, level);
	bool used = false;

	new = page_alloc(PK_LOOSE, PA_ZERO);
	if (new == NULL)
		return ENOMEM;
	slot = &table_slots(table)[idx];
	page_lock(table, RANK_TABLE);
	if (table_is(table, pm, va, level) && pmap_state(pm) == PMAP_LIVE &&
	    !pte_valid(pte_load(slot))) {
		table_init(new, pm, va, level - 1, RANK_TABLE + 1);
		atomic_store_explicit(slot, pte_make_table(page_to_phys(new)),
		    memory_order_release);
		upper_count_up(table, idx);
		used = true;
	}
	page_unlock(table, RANK_TABLE);
	if (!used) {
		page_flags_set(new, PG_ZEROED);
		page_free(new);
	}
	return 0;
}

/*
 * Faults come in neighbourhoods: each CPU remembers the leaf tables that it
 * entered something in last.  They may be gone; the words are of one CPU in
 * practice, but its thread may have moved on meanwhile.
 */
static inline struct leaf_hint *
hint_slot(vaddr_t va)
{
	return &pmap_curcpu()->pc_hint[(va >> pte_shift(1)) % PC_NHINT];
}

static inline struct vm_page *
leaf_hint(struct pmap *pm, vaddr_t va)
{
	struct leaf_hint *lh = hint_slot(va);

	if (atomic_load_explicit(&lh->lh_pmap, memory_order_relaxed) != pm ||
	    atomic_load_explicit(&lh->lh_va, memory_order_relaxed) !=
		table_base(va, 0))
		return NULL;
	return atomic_load_explicit(&lh->lh_table, memory_order_relaxed);
}

/* Table, which is locked, is a hint now. */
static inline void
leaf_hint_set(struct pmap *pm, struct vm_page *table)
{
	struct leaf_hint *lh = hint_slot(table->pg_va);

	atomic_store_explicit(&lh->lh_table, table, memory_order_relaxed);
	atomic_store_explicit(&lh->lh_pmap, pm, memory_order_relaxed);
	atomic_store_explicit(&lh->lh_va, table->pg_va, memory_order_relaxed);
}

/*
 * What leaf_make() does where the hint is of no use: find the table, or make
 * it, or have one that is shared no longer.
 */
static __noinline int
leaf_search(struct pmap *pm, vaddr_t va, struct vm_page **tablep)
{
	struct vm_page *table;
	u_int level;
	bool flushed = false, mine, shared;
	int error;

	for (;;) {
		level = 0;
		table = table_descend(pm, va, &level);
		if (level > 0) {
			if (pmap_state(pm) != PMAP_LIVE)
				return ESRCH;
			error = table_grow(pm, va, table, level);
			if (error != 0)
				return error;
			continue;
		}
		page_lock(table, RANK_TABLE);
		/*
		 * The state is looked at with the lock held: a purge takes
		 * this lock after it has changed the state, so it removes
		 * what was entered before and nothing is entered after.
		 */
		if (pmap_state(pm) != PMAP_LIVE) {
			page_unlock(table, RANK_TABLE);
			return ESRCH;
		}
		mine = table_is(table, pm, va, 0);
		shared = mine && table_shared(table);
		if (mine && !shared &&
		    (flushed || __predict_true(!leaf_parting(pm)))) {
			leaf_hint_set(pm, table);
			table->pg_forked = false;
			*tablep = table;
			return 0;
		}
		page_unlock(table, RANK_TABLE);
		if (shared)
			leaf_part(pm, va);
		else if (mine)
			flushed = leaf_flush(pm);
	}
}

/*
 * Whether a locked table, as which a hint names it, is what leaf_search() would
 * find: it is asked the same.  If so, something is entered in it next, and it is
 * no longer as a fork may have left it.
 */
static inline bool
leaf_usable(struct vm_page *table, struct pmap *pm, vaddr_t va)
{
	if (__predict_false(pmap_state(pm) != PMAP_LIVE ||
			    !table_own(table, pm, va) || leaf_parting(pm)))
		return false;
	table->pg_forked = false;
	return true;
}

/*
 * The leaf table over va that pm has for itself, locked, made if need be.
 * 0	*tablep; nothing translates through one that was shared before
 * ENOMEM, ESRCH (not live)
 */
static int
leaf_make(struct pmap *pm, vaddr_t va, struct vm_page **tablep)
{
	struct vm_page *table = leaf_hint(pm, va);

	if (table != NULL) {
		page_lock(table, RANK_TABLE);
		if (leaf_usable(table, pm, va)) {
			*tablep = table;
			return 0;
		}
		page_unlock(table, RANK_TABLE);
	}
	return leaf_search(pm, va, tablep);
}

/* The leaf table over va, locked; NULL: there is none. */
static struct vm_page *
leaf_find(struct pmap *pm, vaddr_t va)
{
	struct vm_page *table;
	u_int level;

	for (;;) {
		level = 0;
		table = table_descend(pm, va, &level);
		if (level > 0)
			return NULL;
		page_lock(table, RANK_TABLE);
		if (table_is(table, pm, va, 0))
			return table;
		page_unlock(table, RANK_TABLE);
	}
}

/*
 * The first entry of a table from idx on that is valid; PTE_NENTRY: none.
 */
static u_int
table_find(const struct vm_page *table, u_int idx)
{
	const pte_slot_t *slots = table_slots(table);
	u_int line = idx / PTE_PERLINE, end;
	uint64_t lines;

	lines = table_lines(table) & ~0ull << line;
	for (; lines != 0; lines &= lines - 1) {
		line = (u_int)__builtin_ctzll(lines);
		idx = MAX(idx, line * PTE_PERLINE);
		for (end = (line + 1) * PTE_PERLINE; idx < end; idx++)
			if (pte_valid(pte_load(&slots[idx])))
				return idx;
	}
	return PTE_NENTRY;
}

/*
 * The first leaf table that maps something in [*vap, eva), by the look of
 * it; *vap moves up to where it begins.  NULL: none.  Nothing is locked.
 */
struct vm_page *
leaf_next(struct pmap *pm, vaddr_t *vap, vaddr_t eva)
{
	struct vm_page *table = pm->pm_root;
	u_int idx, level = PTE_ROOT;
	vaddr_t va = *vap, base;
	pte_t pte;

	while (va < eva) {
		base = table_base(va, level);
		idx = table_find(table, pte_index(va, level));
		if (idx == PTE_NENTRY && level == PTE_ROOT)
			break;
		va = MAX(va, base + ((vaddr_t)idx << pte_shift(level)));
		if (va >= eva)
			break;
		if (idx == PTE_NENTRY) {
			table = pm->pm_root;
			level = PTE_ROOT;
			continue;
		}
		pte = atomic_load_explicit(&table_slots(table)[idx],
		    memory_order_acquire);
		if (!pte_valid(pte))
			continue;
		table = table_follow(pte, level);
		if (table == NULL) {
			md_cpu_relax();
			table = pm->pm_root;
			level = PTE_ROOT;
		} else if (--level == 0) {
			*vap = va;
			return table;
		}
	}
	return NULL;
}

/*
 * Entry idx of a locked leaf table has been taken out and was old: carry what
 * the MMU told and forget the mapping.
 */
void
leaf_drop(struct vm_page *table, u_int idx, pte_t old)
{
	KASSERT(page_locked(table));
	KASSERT(pte_valid(old));
	if (pte_managed(old))
		mapping_forget(table, &table_slots(table)[idx], old,
		    phys_page(pte_pa(old)));
	table_count_down(table, idx);
}

/* What an entry becomes that maps the page of new already. */
static pte_t
leaf_merge(pte_t old, pte_t new)
{
	return pte_make_leaf(pte_pa(new), pte_prot(new),
	    leaf_attr(old) | leaf_attr(new));
}

/*
 * Give an entry of a locked leaf table, which maps the same page already,
 * other rights.  Whether some CPU may have cached what it was.
 */
static bool
leaf_update(struct vm_page *table, pte_slot_t *slot, pte_t new, vaddr_t va,
    struct tlb_gather *tg)
{
	pte_t old = pte_load(slot), want;

	if (pte_grouped(old)) {
		if ((leaf_merge(old, new) | PTE_GROUP) == old)
			return true;
		leaf_single(table, slot);
		old = pte_load(slot);
	}
	do {
		want = leaf_merge(old, new);
	} while (!atomic_compare_exchange_weak_explicit(slot, &old, want,
	    memory_order_release, memory_order_relaxed));
	if (pte_stale(old, want))
		tlb_gather_add(tg, va);
	return pte_referenced(old);
}

/*
 * Make entry idx of a locked leaf table new, which maps pg.  *cached: an access to the same
 * page may have been refused by what some CPU has cached.
 * 0		done
 * EAGAIN	the old mapping is out; flush before trying again
 * ENOMEM	the old mapping, if any, is out
 */
static inline int
leaf_enter(struct vm_page *table, u_int idx, pte_t new, struct vm_page *pg,
    vaddr_t va, struct tlb_gather *tg, bool *cached)
{
	pte_slot_t *slot = &table_slots(table)[idx];
	pte_t old = pte_load(slot);
	bool replaced = false;
	int error;

	if (pte_valid(old)) {
		if (pte_pa(old) == pte_pa(new) &&
		    pte_managed(old) == pte_managed(new)) {
			*cached = leaf_update(table, slot, new, va, tg);
			return 0;
		}
		leaf_single(table, slot);
		old = atomic_exchange_explicit(slot, 0, memory_order_relaxed);
		tlb_gather_add(tg, va);
		if (PTE_BREAK_BEFORE_MAKE) {
			leaf_drop(table, idx, old);
			return EAGAIN;
		}
		/* The entry stays counted: another takes its place. */
		if (pte_managed(old))
			mapping_forget(table, slot, old,
			    phys_page(pte_pa(old)));
		replaced = true;
	}
	if (pg != NULL) {
		error = pv_enter(table, slot, pg);
		if (error != 0) {
			if (replaced)
				table_count_down(table, idx);
			return error;
		}
	}
	atomic_store_explicit(slot, new, memory_order_release);
	if (!replaced)
		table_count_up(table, idx);
	return 0;
}

/*
 * Before pg becomes executable somewhere.  Once for each page: the kernel says
 * when it writes to one later, and programs that do look after themselves.
 */
static inline void
exec_sync(struct vm_page *pg)
{
	if (!PTE_ICACHE || (page_flags(pg) & PG_ICACHE) != 0)
		return;
	md_icache_sync(page_direct(pg), PAGE_SIZE);
	page_flags_set(pg, PG_ICACHE);
}

void
pmap_page_written(struct vm_page *pg)
{
	if (PTE_ICACHE && (page_flags(pg) & PG_ICACHE) != 0)
		md_icache_sync(page_direct(pg), PAGE_SIZE);
}

/*
 * Enter new, which maps pg (NULL: nothing that is managed), at va.  table, which
 * is locked then, may be the one to do it in; NULL: none is known.
 */
static __noinline int
enter(struct pmap *pm, vaddr_t va, pte_t new, struct vm_page *pg, u_int flags,
    struct vm_page *table)
{
	struct tlb_gather tg;
	bool cached = false;
	int error;

	KASSERT(pm != &pmap_kernel);
	KASSERT((va & PAGE_MASK) == 0 && va < VM_MAXUSER_ADDRESS);
	tlb_gather_init(&tg);
	if (table != NULL && !leaf_usable(table, pm, va)) {
		page_unlock(table, RANK_TABLE);
		table = NULL;
	}
	do {
		error = table != NULL ? 0 : leaf_make(pm, va, &table);
		if (error != 0)
			break;
		error = leaf_enter(table, pte_index(va, 0), new, pg, va, &tg,
		    &cached);
		page_unlock(table, RANK_TABLE);
		table = NULL;
		/* Nearly always there was nothing to forget. */
		if (__predict_false(tg.tg_n > 0)) {
			tlb_gather_pmap(&tg, pm);
			tlb_gather_flush(&tg);
		}
	} while (error == EAGAIN);
	if (PTE_FAULT_STAYS && cached && (flags & PROT_ALL) != 0)
		tlb_forget(pm, va);
	return error;
}

/* The attributes that the flags of pmap_enter() ask for. */
static inline u_int
enter_attr(vm_prot_t prot, u_int flags)
{
	u_int attr = 0;

	KASSERT((prot & PROT_ALL) != 0);
	if ((flags & PROT_ALL) != 0)
		attr |= PTE_ATTR_REF;
	if ((flags & PROT_WRITE) != 0 && (prot & PROT_WRITE) != 0)
		attr |= PTE_ATTR_MOD;
	if ((flags & PMAP_WIRED) != 0)
		attr |= PTE_ATTR_WIRED;
	return attr;
}

int
pmap_enter_page(struct pmap *pm, vaddr_t va, struct vm_page *pg, vm_prot_t prot,
    u_int flags)
{
	KASSERT((flags & PMAP_UNMANAGED) == 0);
	if ((prot & PROT_EXEC) != 0)
		exec_sync(pg);
	return enter(pm, va,
	    pte_make_leaf(page_to_phys(pg), prot, enter_attr(prot, flags)), pg,
	    flags, NULL);
}

/*
 * The usual case is done here, without a call: the table is at hand, nothing is
 * mapped at va, and the page is mapped nowhere.
 */
int
pmap_enter_used(struct pmap *pm, vaddr_t va, struct vm_page *pg, vm_prot_t prot,
    bool write)
{
	struct vm_page *table = leaf_hint(pm, va);
	u_int idx = pte_index(va, 0);
	pte_slot_t *slot;
	pte_t new;

	if ((prot & PROT_EXEC) != 0)
		exec_sync(pg);
	new = write ? pte_make_leaf(page_to_phys(pg), prot,
			  PTE_ATTR_REF | PTE_ATTR_MOD)
		    : pte_make_leaf(page_to_phys(pg), prot, PTE_ATTR_REF);
	if (__predict_false(
		table == NULL || !page_lock_free(table, RANK_TABLE)))
		return enter(pm, va, new, pg, PROT_READ, NULL);
	slot = &table_slots(table)[idx];
	if (__predict_false(!leaf_usable(table, pm, va) ||
			    pte_valid(pte_load(slot)) ||
			    !pv_enter_first(slot, pg)))
		return enter(pm, va, new, pg, PROT_READ, table);
	atomic_store_explicit(slot, new, memory_order_release);
	table_count_up(table, idx);
	page_unlock(table, RANK_TABLE);
	return 0;
}

int
pmap_enter(struct pmap *pm, vaddr_t va, paddr_t pa, vm_prot_t prot, u_int flags)
{
	KASSERT((pa & PAGE_MASK) == 0);
	if ((flags & PMAP_UNMANAGED) == 0) {
		KASSERT(phys_to_page(pa) != NULL);
		return pmap_enter_page(pm, va, phys_page(pa), prot, flags);
	}
	return enter(pm, va,
	    pte_make_leaf(pa, prot,
		enter_attr(prot, flags) | PTE_ATTR_UNMANAGED),
	    NULL, flags, NULL);
}

/*
 * Map n new pages, which nothing maps yet, by entries of a locked leaf table
 * from idx on that are not in use.  Stops where there is no memory.
 */
static void
leaf_enter_new(struct vm_page *table, u_int idx, struct vm_page *const *pgs,
    u_int n, vm_prot_t prot)
{
	pte_slot_t *slot = table_slots(table) + idx;
	u_int entered = 0, i;

	for (i = 0; i < n; i++, slot++) {
		if (pte_valid(pte_load(slot)))
			continue;
		if (pv_enter(table, slot, pgs[i]) != 0)
			break;
		if ((prot & PROT_EXEC) != 0)
			exec_sync(pgs[i]);
		atomic_store_explicit(slot,
		    pte_make_leaf(page_to_phys(pgs[i]), prot, PTE_ATTR_MOD),
		    memory_order_release);
		entered++;
	}
	if (entered == 0)
		return;
	table->pg_count += (uint16_t)entered;
	table_lines_up(table, idx, i);
}

#define INORDER 4u /* mapped pages that make an order */

/*
 * Whether the pages before entry idx of a locked leaf table are mapped.  A
 * further mapping of a page costs a link, now and when it goes: such pages are
 * mapped only for who has gone through some in order.
 */
static bool
leaf_inorder(struct vm_page *table, u_int idx)
{
	pte_slot_t *slots = table_slots(table);
	u_int prev;

	for (prev = 0; prev < MIN(idx, INORDER); prev++)
		if (!pte_valid(pte_load(&slots[idx - 1 - prev])))
			break;
	return prev == INORDER;
}

/*
 * Map what there is of n pages, as old, by entries of a locked leaf table from
 * idx on, over va; at: the entry whose fault this goes with.
 */
static void
leaf_enter_old(struct vm_page *table, u_int idx, vaddr_t va,
    struct vm_page *const *pgs, u_int n, u_int at, vm_prot_t prot,
    struct tlb_gather *tg)
{
	bool inorder = leaf_inorder(table, at);
	pte_slot_t *slot;
	pte_t new, old;
	u_int i;

	for (i = 0; i < n; i++) {
		if (pgs[i] == NULL)
			continue;
		slot = &table_slots(table)[idx + i];
		new = pte_make_leaf(page_to_phys(pgs[i]), prot, 0);
		old = pte_load(slot);
		if (pte_valid(old)) {
			/* What is there may be widened. */
			if (pte_pa(old) == pte_pa(new) && pte_managed(old) &&
			    (pte_prot(old) & ~prot) == 0)
				(void)leaf_update(table, slot, new,
				    va + ptoa(i), tg);
			continue;
		}
		if (!inorder && pmap_page_mapped(pgs[i]))
			continue;
		if (pv_enter(table, slot, pgs[i]) != 0)
			break;
		if ((prot & PROT_EXEC) != 0)
			exec_sync(pgs[i]);
		atomic_store_explicit(slot, new, memory_order_release);
		table_count_up(table, idx + i);
	}
}

void
pmap_enter_more(struct pmap *pm, vaddr_t va, struct vm_page *const *pgs,
    u_int n, vaddr_t at, vm_prot_t prot, bool fresh)
{
	u_int idx = pte_index(va, 0);
	struct tlb_gather tg;
	struct vm_page *table;

	KASSERT(n > 0 && (va & PAGE_MASK) == 0);
	n = MIN(n, PTE_NENTRY - idx);
	if (leaf_make(pm, va, &table) != 0)
		return;
	if (fresh) {
		leaf_enter_new(table, idx, pgs, n, prot);
		page_unlock(table, RANK_TABLE);
		return;
	}
	tlb_gather_init(&tg);
	leaf_enter_old(table, idx, va, pgs, n, pte_index(at, 0), prot, &tg);
	page_unlock(table, RANK_TABLE);
	if (__predict_false(tg.tg_n > 0)) {
		tlb_gather_pmap(&tg, pm);
		tlb_gather_flush(&tg);
	}
}

bool
pmap_enter_group(struct pmap *pm, vaddr_t va, struct vm_page *const *pgs,
    vaddr_t at, vm_prot_t prot)
{
	struct vm_page *table;
	bool made, was;
	u_int i;

	if (PTE_NGROUP != PMAP_NGROUP || !tlb_silent() ||
	    (va & (ptoa(PMAP_NGROUP) - 1)) != 0 || !group_row(pgs))
		return false;
	for (i = 0; (prot & PROT_EXEC) != 0 && i < PMAP_NGROUP; i++)
		exec_sync(pgs[i]);
	if (leaf_make(pm, va, &table) != 0)
		return false;
	i = pte_index(va, 0);
	was = pte_grouped(pte_load(&table_slots(table)[i]));
	made = was ? leaf_group_widen(table, i, pgs, prot)
		   : leaf_group(table, i, pgs, prot);
	page_unlock(table, RANK_TABLE);
	if (PTE_FAULT_STAYS && was && made)
		tlb_forget(pm, at);
	return made;
}

/*
 * Unlink the tables over va that have become empty, from the one below level
 * up; the gather frees them.
 */
static void
table_prune(struct pmap *pm, vaddr_t va, u_int level, struct tlb_gather *tg)
{
	struct vm_page *child, *parent;
	pte_slot_t *slot;
	bool empty;
	u_int l;

	for (; level <= PTE_ROOT; level++) {
		l = level;
		parent = table_descend(pm, va, &l);
		page_lock(parent, RANK_TABLE);
		slot = &table_slots(parent)[pte_index(va, level)];
		if (l != level || !table_is(parent, pm, va, level) ||
		    !pte_valid(pte_load(slot))) {
			/* Somebody else was here. */
			page_unlock(parent, RANK_TABLE);
			return;
		}
		child = phys_page(pte_pa(pte_load(slot)));
		page_lock(child, RANK_TABLE + 1);
		KASSERT(table_is(child, pm, va, level - 1));
		empty = child->pg_count == 0 && !table_shared(child);
		if (empty) {
			pv_table_fini(child);
			child->pg_pmap = NULL;
			page_setkind(child, PK_LOOSE);
			atomic_store_explicit(slot, 0, memory_order_relaxed);
			upper_count_down(parent, pte_index(va, level));
		}
		page_unlock(child, RANK_TABLE + 1);
		page_unlock(parent, RANK_TABLE);
		if (!empty)
			return;
		atomic_fetch_sub_explicit(&pm->pm_tables, 1,
		    memory_order_relaxed);
		shape_toggle(pm, va, level - 1);
		/* Walk caches may hold the way to it. */
		tlb_gather_add(tg, table_base(va, level - 1));
		tlb_gather_table(tg, child);
	}
}

/* The address that entry idx of a leaf table maps. */
static vaddr_t
leaf_va(const struct vm_page *table, u_int idx)
{
	return table->pg_va + ((vaddr_t)idx << PAGE_SHIFT);
}

/* A line of valid entries, from va on, is gone. */
static inline void
tlb_gather_line(struct tlb_gather *tg, vaddr_t va)
{
	u_int i;

	for (i = 0; i < PTE_PERLINE && !tg->tg_over; i++)
		tlb_gather_add(tg, va + ptoa(i));
}

/*
 * The valid ones of the entries from first up to last, all in a line of a
 * locked leaf table, the first over va, go; how many.
 */
static u_int
entries_clear(struct vm_page *table, pte_slot_t *first, const pte_slot_t *last,
    vaddr_t va, struct pte_run *run, struct tlb_gather *tg)
{
	pte_slot_t *slot;
	u_int n = 0;
	pte_t old;

	for (slot = first; slot < last; slot++, va += PAGE_SIZE) {
		if (!pte_valid(pte_load(slot)))
			continue;
		/*
		 * The MMU may set bits between.  What it did before is
		 * ordered by the flush, not by the entry.
		 */
		old = atomic_exchange_explicit(slot, 0, memory_order_relaxed);
		if (__predict_true(pte_managed(old)))
			mapping_forget(table, slot, old,
			    pte_run_page(run, old));
		if (!tg->tg_over)
			tlb_gather_add(tg, va);
		n++;
	}
	return n;
}

/*
 * Every valid entry of [sva, eva), all in this locked leaf table, goes.
 */
static void
leaf_clear(struct vm_page *table, vaddr_t sva, vaddr_t eva,
    struct tlb_gather *tg)
{
	pte_slot_t *slots = table_slots(table), *first, *last;
	u_int end = pte_index(eva - PAGE_SIZE, 0) + 1, line, n;
	u_int start = pte_index(sva, 0);
	struct pte_run run = {0, NULL};
	uint64_t lines;
	vaddr_t va;
	bool whole;

	leaf_cut(table, start, end);
	for (lines = leaf_lines(table, sva, eva); lines != 0;
	     lines &= lines - 1) {
		line = (u_int)__builtin_ctzll(lines);
		first = slots + MAX(line * PTE_PERLINE, start);
		last = slots + MIN((line + 1) * PTE_PERLINE, end);
		va = leaf_va(table, (u_int)(first - slots));
		whole = last - first == PTE_PERLINE;
		if (whole && line_is_run(first) && line_empty(first, &run)) {
			tlb_gather_line(tg, va);
			n = PTE_PERLINE;
		} else {
			n = entries_clear(table, first, last, va, &run, tg);
		}
		KASSERT(table->pg_count >= n);
		table->pg_count -= (uint16_t)n;
		if (whole)
			table_setlines(table,
			    table_lines(table) & ~(1ull << line));
		else
			table_line_check(table, line);
	}
}

/* The same with what prot, which is not empty, lacks. */
static void
leaf_narrow(struct vm_page *table, vaddr_t sva, vaddr_t eva, vm_prot_t prot,
    struct tlb_gather *tg)
{
	u_int end = pte_index(eva - PAGE_SIZE, 0) + 1, line;
	u_int start = pte_index(sva, 0);
	pte_slot_t *slots = table_slots(table), *slot, *last;
	uint64_t lines;
	pte_t new, old;

	leaf_cut(table, start, end);
	for (lines = leaf_lines(table, sva, eva); lines != 0;
	     lines &= lines - 1) {
		line = (u_int)__builtin_ctzll(lines);
		slot = slots + MAX(line * PTE_PERLINE, start);
		last = slots + MIN((line + 1) * PTE_PERLINE, end);
		for (; slot < last; slot++) {
			old = pte_load(slot);
			if (!pte_valid(old))
				continue;
			/* The MMU may set bits between, and no more. */
			while ((new = pte_narrow(old, prot)) != old &&
			       !atomic_compare_exchange_weak_explicit(slot,
				   &old, new, memory_order_relaxed,
				   memory_order_relaxed))
				continue;
			if (new != old)
				tlb_gather_add(tg,
				    table->pg_va + ((vaddr_t)(slot - slots)
						       << PAGE_SHIFT));
		}
	}
}

void
pmap_unwire(struct pmap *pm, vaddr_t sva, vaddr_t eva)
{
	struct vm_page *table;
	pte_slot_t *slot;
	vaddr_t va = sva;
	pte_t old;

	KASSERT(pm != &pmap_kernel);
	KASSERT(((sva | eva) & PAGE_MASK) == 0);
	while ((table = leaf_next(pm, &va, eva)) != NULL) {
		page_lock(table, RANK_TABLE);
		if (!table_is(table, pm, va, 0)) {
			page_unlock(table, RANK_TABLE);
			continue;
		}
		/* The bit is ours: no MMU has cached it, none is told. */
		for (; va < MIN(eva, table->pg_va + pte_span(1));
		     va += PAGE_SIZE) {
			slot = &table_slots(table)[pte_index(va, 0)];
			old = pte_load(slot);
			while (pte_valid(old) && pte_wired(old) &&
			       !atomic_compare_exchange_weak_explicit(slot,
				   &old, pte_unwire(old), memory_order_relaxed,
				   memory_order_relaxed))
				continue;
		}
		page_unlock(table, RANK_TABLE);
	}
}

/* What pmap_remove() and pmap_protect() share. */
static void
pmap_narrow(struct pmap *pm, vaddr_t sva, vaddr_t eva, vm_prot_t prot)
{
	struct tlb_gather tg;
	struct vm_page *table;
	vaddr_t end, va = sva;
	bool empty;

	KASSERT(pm != &pmap_kernel);
	KASSERT(((sva | eva) & PAGE_MASK) == 0);
	KASSERT(sva <= eva && eva <= VM_MAXUSER_ADDRESS);

	tlb_gather_init(&tg);
	while ((table = leaf_next(pm, &va, eva)) != NULL) {
		page_lock(table, RANK_TABLE);
		if (!table_is(table, pm, va, 0)) {
			page_unlock(table, RANK_TABLE);
			continue;
		}
		end = MIN(eva, table->pg_va + pte_span(1));
		if (table_shared(table)) {
			page_unlock(table, RANK_TABLE);
			/* It is gone then, or ours alone. */
			leaf_part(pm, va);
			table_prune(pm, va, 2, &tg);
			continue;
		}
		if (prot == PROT_NONE)
			leaf_clear(table, va, end, &tg);
		else
			leaf_narrow(table, va, end, prot, &tg);
		empty = table->pg_count == 0;
		page_unlock(table, RANK_TABLE);
		if (empty && prot == PROT_NONE)
			table_prune(pm, va, 1, &tg);
		va = end;
	}
	if (leaf_parting(pm))
		tlb_gather_space(&tg);
	tlb_gather_pmap(&tg, pm);
	tlb_gather_flush(&tg);
}

void
pmap_remove(struct pmap *pm, vaddr_t sva, vaddr_t eva)
{
	pmap_narrow(pm, sva, eva, PROT_NONE);
}

void
pmap_protect(struct pmap *pm, vaddr_t sva, vaddr_t eva, vm_prot_t prot)
{
	prot &= PROT_ALL;
	if (prot == PROT_ALL)
		return;
	pmap_narrow(pm, sva, eva, prot);
}

bool
pmap_extract(struct pmap *pm, vaddr_t va, paddr_t *pap, vm_prot_t *protp)
{
	struct vm_page *table;
	pte_t pte;

	KASSERT(pm != &pmap_kernel);
	if (va >= VM_MAXUSER_ADDRESS)
		return false;
	table = leaf_find(pm, va);
	if (table == NULL)
		return false;
	pte = pte_load(&table_slots(table)[pte_index(va, 0)]);
	page_unlock(table, RANK_TABLE);
	if (!pte_valid(pte))
		return false;
	if (pap != NULL)
		*pap = pte_pa(pte) | (va & PAGE_MASK);
	if (protp != NULL)
		*protp = pte_prot(pte);
	return true;
}

u_long
pmap_resident(struct pmap *pm)
{
	struct vm_page *table;
	vaddr_t va = 0;
	u_long n = 0;

	KASSERT(pm != &pmap_kernel);
	while ((table = leaf_next(pm, &va, VM_MAXUSER_ADDRESS)) != NULL) {
		page_lock(table, RANK_TABLE);
		if (table_is(table, pm, va, 0)) {
			n += table->pg_count;
			va = table->pg_va + pte_span(1);
		}
		page_unlock(table, RANK_TABLE);
	}
	return n;
}

void
pmap_zero_page(struct vm_page *pg)
{
	md_page_zero(page_direct(pg));
}

void
pmap_copy_page(const struct vm_page *src, struct vm_page *dst)
{
	KASSERT(src != dst);
	md_page_copy(page_direct(dst), page_direct(src));
}
