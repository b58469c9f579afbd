/*
 * pmap_share.c: leaf tables that a fork leaves to both sides.
 *
 *	parent            child
 *	  |                 |
 *	[table] [table]   [table]      each its own
 *	      \   |         |
 *	       [leaf table]            one, until somebody changes his view of it
 *
 * A child begins with what its parent has mapped.  Instead of copying entries
 * and the reverse map of each, fork makes all entries of a leaf table read-only
 * and lets the child use the table itself.  The reverse map names entries by
 * their address, so it is right for all users of the table; whoever comes to
 * an entry that way changes it for all of them, and flushes for all.
 *
 * Entries of memory that both map shared stay writable; they lead all users of
 * the table to the same page of an object, as they would in tables apart.
 *
 * By address a shared table is not changed.  Who would enter, remove or narrow
 * something parts with the table first: there is nothing mapped in its span
 * then, and faults bring back what is used.  The others keep all they had, and
 * he who is left alone has the table for himself again, entries as they are.
 *
 * Parting.  The upper entry goes, then what it led to must be flushed, and only
 * then may the table forget its user: until then a change through the reverse
 * map must flush for him as well, and the table must not be freed under a CPU
 * that may walk it.  Meanwhile he is `leaving': not a user for table_is().
 * Other threads of his may come to the place where the table was; what they
 * give up there must not be seen through it either, so they flush, too.
 *
 * What a table maps belongs to those who are not leaving.  The last of them to
 * leave empties it, and who is last of all frees it.
 *
 * Locks: the users of a table are under its lock.  Its upper entry in each
 * space is under the lock of the table that this is in, which is outer.
 */
#include <base/print.h>

#include "pmap_var.h"

struct pool table_users_pool;

/* [t] */
static u_int
user_index(const struct table_users *tu, const struct pmap *pm)
{
	u_int i;

	for (i = 0; i < tu->tu_n; i++)
		if (tu->tu_pmap[i] == pm)
			break;
	return i;
}

bool
table_user(const struct vm_page *table, const struct pmap *pm)
{
	const struct table_users *tu = table->pg_users;
	u_int i;

	KASSERT(page_locked(table));
	i = user_index(tu, pm);
	return i < tu->tu_n && (tu->tu_leaving >> i & 1) == 0;
}

/* [t] One more user of a table; false: no memory, or there are enough. */
static bool
user_add(struct vm_page *table, struct pmap *pm)
{
	struct table_users *tu = table->pg_users;

	if (tu == NULL) {
		tu = pool_get(&table_users_pool, 0);
		if (tu == NULL)
			return false;
		tu->tu_pmap[0] = table->pg_pmap;
		tu->tu_n = 1;
		tu->tu_nleaving = 0;
		tu->tu_leaving = 0;
		table->pg_users = tu;
		table->pg_pmap = NULL;
	}
	if (tu->tu_n == TABLE_NUSER)
		return false;
	tu->tu_pmap[tu->tu_n++] = pm;
	return true;
}

/* [t] Nobody stands behind what the table maps any more. */
static void
users_gone(struct vm_page *table)
{
	(void)leaf_empty(table, true);
	table->pg_count = 0;
	table_setlines(table, 0);
}

bool
leaf_unuse(struct vm_page *table, struct pmap *pm)
{
	struct table_users *tu = table->pg_users;
	u_int i, last;

	KASSERT(page_locked(table));
	i = user_index(tu, pm);
	KASSERT(i < tu->tu_n);
	if ((tu->tu_leaving >> i & 1) != 0) {
		tu->tu_leaving &= ~(1u << i);
		tu->tu_nleaving--;
	} else if (tu->tu_n == tu->tu_nleaving + 1u) {
		users_gone(table);
	}
	/* The last takes the place. */
	last = --tu->tu_n;
	tu->tu_pmap[i] = tu->tu_pmap[last];
	if ((tu->tu_leaving >> last & 1) != 0)
		tu->tu_leaving = (tu->tu_leaving & ~(1u << last)) | 1u << i;
	if (last > 1 || tu->tu_nleaving > 0)
		return true;

	table->pg_pmap = last == 1 ? tu->tu_pmap[0] : NULL;
	table->pg_users = NULL;
	pool_put(&table_users_pool, tu);
	if (last == 1)
		return true;
	KASSERT(table->pg_count == 0);
	pv_table_fini(table);
	page_setkind(table, PK_LOOSE);
	return false;
}

bool
leaf_flush(struct pmap *pm)
{
	struct tlb_gather tg;

	tlb_gather_init(&tg);
	tlb_gather_space(&tg);
	tlb_gather_pmap(&tg, pm);
	tlb_gather_flush(&tg);
	return true;
}

/*
 * Take the way to the leaf table over va away, if it is shared, and mark pm as
 * leaving.  Returns the table; NULL: there is none, or it is pm's alone.
 */
static struct vm_page *
leaf_unhook(struct pmap *pm, vaddr_t va)
{
	struct vm_page *parent, *table = NULL;
	struct table_users *tu = NULL;
	u_int level = 1;
	pte_slot_t *slot;

	parent = table_descend(pm, va, &level);
	page_lock(parent, RANK_TABLE);
	slot = &table_slots(parent)[pte_index(va, 1)];
	if (level == 1 && table_is(parent, pm, va, 1) &&
	    pte_valid(pte_load(slot))) {
		table = phys_page(pte_pa(pte_load(slot)));
		page_lock(table, RANK_TABLE + 1);
		KASSERT(table_is(table, pm, va, 0));
		tu = table->pg_users;
		if (tu != NULL) {
			tu->tu_leaving |= 1u << user_index(tu, pm);
			if (++tu->tu_nleaving == tu->tu_n)
				users_gone(table);
			/* Who finds the way gone finds this. */
			atomic_fetch_add_explicit(&pm->pm_parting, 1,
			    memory_order_relaxed);
			atomic_thread_fence(memory_order_release);
			atomic_store_explicit(slot, 0, memory_order_relaxed);
			upper_count_down(parent, pte_index(va, 1));
		}
		page_unlock(table, RANK_TABLE + 1);
	}
	page_unlock(parent, RANK_TABLE);
	return tu != NULL ? table : NULL;
}

void
leaf_part(struct pmap *pm, vaddr_t va)
{
	struct vm_page *table = leaf_unhook(pm, va);
	bool left;

	if (table == NULL)
		return;
	(void)leaf_flush(pm);
	atomic_fetch_sub_explicit(&pm->pm_parting, 1, memory_order_release);

	atomic_fetch_sub_explicit(&pm->pm_tables, 1, memory_order_relaxed);
	page_lock(table, RANK_TABLE);
	left = leaf_unuse(table, pm);
	page_unlock(table, RANK_TABLE);
	if (!left) {
		page_flags_set(table, PG_ZEROED);
		page_free(table);
	}
}

/* Whether what the parent has at va stays as it is. */
static bool
fork_stays(const struct pmap_fork *how, vaddr_t va)
{
	u_int i;

	for (i = 0; i < how->pf_nstay; i++)
		if (va >= how->pf_stay[i].st_start &&
		    va < how->pf_stay[i].st_end)
			return true;
	return how->pf_page != NULL && va == how->pf_va;
}

/*
 * [t] Lines of a leaf table that have something of [start, end) in them, which
 * is going to be treated differently than the rest.
 */
static uint64_t
leaf_apart(struct vm_page *table, vaddr_t start, vaddr_t end)
{
	vaddr_t sva = MAX(start, table->pg_va);
	vaddr_t eva = MIN(end, table->pg_va + pte_span(1));

	if (sva >= eva)
		return 0;
	leaf_cut(table, pte_index(sva, 0), pte_index(eva - PAGE_SIZE, 0) + 1);
	return leaf_lines(table, sva, eva);
}

/*
 * [t] No entry allows writing any more, but for those that stay.  That holds
 * until the table is looked for to enter something.  It is not noted
 * of a page that stays writable for this fork alone.
 */
static void
leaf_write_protect(struct vm_page *table, const struct pmap_fork *how)
{
	pte_slot_t *slots = table_slots(table), *line;
	uint64_t lines = table_lines(table), apart = 0;
	u_int i;

	if (table->pg_forked)
		return;
	table->pg_forked =
	    how->pf_page == NULL || table->pg_va != table_base(how->pf_va, 0);
	for (i = 0; i < how->pf_nstay; i++)
		apart |= leaf_apart(table, how->pf_stay[i].st_start,
		    how->pf_stay[i].st_end);
	if (how->pf_page != NULL)
		apart |= leaf_apart(table, how->pf_va, how->pf_va + PAGE_SIZE);
	for (lines &= ~apart; lines != 0; lines &= lines - 1)
		line_forbid_write(
		    slots + (u_int)__builtin_ctzll(lines) * PTE_PERLINE);
	for (; apart != 0; apart &= apart - 1) {
		line = slots + (u_int)__builtin_ctzll(apart) * PTE_PERLINE;
		for (i = 0; i < PTE_PERLINE; i++)
			if (pte_valid(pte_load(&line[i])) &&
			    !fork_stays(how,
				table->pg_va + ptoa(line - slots + i)))
				pte_slot_forbid_write(&line[i]);
	}
}

/* Of each level: the walk, and the child's table of the same place. */
struct fork_level {
	struct table_walk fl_walk;
	struct vm_page *fl_child; /* NULL: not made or not found yet */
};

/* Link a table into one of the child, which leads to nothing over va yet. */
static void
upper_link(struct vm_page *upper, vaddr_t va, u_int level,
    struct vm_page *table)
{
	u_int idx = pte_index(va, level);

	/* Relaxed: no CPU runs in the child yet. */
	atomic_store_explicit(&table_slots(upper)[idx],
	    pte_make_table(page_to_phys(table)), memory_order_relaxed);
	upper_count_up(upper, idx);
}

/*
 * The child's table of level 1 over va, where the walk is, made if need be;
 * NULL: no memory.  Nobody else knows the child: its upper tables need no
 * lock, and what is found stays.
 */
static struct vm_page *
upper_make(struct pmap *child, vaddr_t va, struct fork_level *at)
{
	struct vm_page *table, *new;
	u_int level;
	pte_t pte;

	for (level = PTE_ROOT; level > 1; level--) {
		if (at[level - 1].fl_child != NULL)
			continue;
		table = at[level].fl_child;
		pte = pte_load(&table_slots(table)[pte_index(va, level)]);
		if (pte_valid(pte)) {
			new = phys_page(pte_pa(pte));
		} else {
			new = page_alloc(PK_LOOSE, PA_ZERO);
			if (new == NULL)
				return NULL;
			table_init(new, child, va, level - 1, RANK_TABLE);
			upper_link(table, va, level, new);
		}
		at[level - 1].fl_child = new;
	}
	return at[1].fl_child;
}

/*
 * A leaf table for child alone, with the page it has for itself and nothing
 * else, below upper.  Without memory it comes by a fault.
 */
static void
leaf_give(struct pmap *child, struct vm_page *upper,
    const struct pmap_fork *how)
{
	u_int idx = pte_index(how->pf_va, 0);
	struct vm_page *table;
	pte_slot_t *slot;
	int error;

	table = page_alloc(PK_LOOSE, PA_ZERO);
	if (table == NULL)
		return;
	table_init(table, child, how->pf_va, 0, RANK_TABLE);
	slot = &table_slots(table)[idx];
	page_lock(table, RANK_TABLE);
	error = pv_enter(table, slot, how->pf_page);
	KASSERT(error == 0); /* its first mapping */
	/* Relaxed: as upper_link(). */
	atomic_store_explicit(slot,
	    pte_make_leaf(page_to_phys(how->pf_page), how->pf_prot,
		PTE_ATTR_REF | PTE_ATTR_MOD),
	    memory_order_relaxed);
	table_count_up(table, idx);
	page_unlock(table, RANK_TABLE);
	upper_link(upper, how->pf_va, 1, table);
}

/*
 * Write-protect a leaf table of pm over va, and let child, which nobody else
 * knows yet, use it too if that can be.
 */
static void
leaf_share(struct pmap *pm, struct pmap *child, struct vm_page *table,
    vaddr_t va, struct fork_level *at, const struct pmap_fork *how)
{
	struct vm_page *upper = upper_make(child, va, at);

	if (how->pf_page != NULL &&
	    table_base(how->pf_va, 0) == table_base(va, 0)) {
		page_lock(table, RANK_TABLE);
		if (table_is(table, pm, va, 0) && !table_shared(table))
			leaf_write_protect(table, how);
		page_unlock(table, RANK_TABLE);
		if (upper != NULL)
			leaf_give(child, upper, how);
		return;
	}
	page_lock(table, RANK_TABLE);
	if (table_is(table, pm, va, 0)) {
		if (!table_shared(table))
			leaf_write_protect(table, how);
		if (upper != NULL && user_add(table, child)) {
			upper_link(upper, va, 1, table);
			atomic_fetch_add_explicit(&child->pm_tables, 1,
			    memory_order_relaxed);
		}
	}
	page_unlock(table, RANK_TABLE);
}

static void
fork_open(struct fork_level *fl, struct vm_page *table, struct vm_page *child)
{
	walk_open(&fl->fl_walk, table);
	fl->fl_child = child;
}

/*
 * What [*sva, *eva) has of leaf tables that it does not cover stays the
 * parent's.  Before the walk: it may free tables that are found empty.
 */
static void
fork_ends(struct pmap *pm, vaddr_t *sva, vaddr_t *eva)
{
	vaddr_t span = pte_span(1), lo = roundup2(*sva, span);
	vaddr_t hi = *eva & ~(span - 1);

	/* The last table ends behind the last address that can be mapped. */
	if (*eva == VM_MAXUSER_ADDRESS)
		hi = *eva = roundup2(*eva, span);
	if (lo >= hi) {
		pmap_protect(pm, *sva, *eva, PROT_READ | PROT_EXEC);
		*eva = *sva;
		return;
	}
	if (*sva < lo)
		pmap_protect(pm, *sva, lo, PROT_READ | PROT_EXEC);
	if (hi < *eva)
		pmap_protect(pm, hi, *eva, PROT_READ | PROT_EXEC);
	*sva = lo;
	*eva = hi;
}

/*
 * The lock of the map keeps the upper tables that lead somewhere: nothing is
 * locked on the way down.
 */
void
pmap_fork(struct pmap *pm, struct pmap *child, vaddr_t sva, vaddr_t eva,
    const struct pmap_fork *how)
{
	static const struct pmap_fork nothing;
	struct fork_level at[PTE_LEVELS];
	u_int level = PTE_ROOT;
	struct table_walk *tw;
	struct vm_page *table;
	pte_slot_t *slot;

	KASSERT(((sva | eva) & PAGE_MASK) == 0);
	KASSERT(sva <= eva && eva <= VM_MAXUSER_ADDRESS);
	if (how == NULL)
		how = &nothing;
	fork_ends(pm, &sva, &eva);
	if (sva == eva)
		return;
	fork_open(&at[level], pm->pm_root, child->pm_root);
	while (level <= PTE_ROOT) {
		tw = &at[level].fl_walk;
		slot = walk_next(tw);
		if (slot == NULL) {
			level++;
			continue;
		}
		/* Relaxed: who made the table had the map's lock. */
		table = phys_page(pte_pa(pte_load(slot)));
		if (level > 1)
			fork_open(&at[--level], table, NULL);
		else if (table->pg_va >= sva && table->pg_va < eva)
			leaf_share(pm, child, table, table->pg_va, at, how);
	}
	atomic_store_explicit(&child->pm_forked,
	    atomic_load_explicit(&child->pm_shape, memory_order_relaxed),
	    memory_order_relaxed);
	(void)leaf_flush(pm);
}
