/*
 * pmap_var.h: what the files of pmap/ share.  For them alone.
 */
#ifndef PMAP_VAR_H
#define PMAP_VAR_H

#include <pmap/pte.h>
#include <phys/pool.h>
#include <pmap/pmap.h>

#define PTE_ROOT (PTE_LEVELS - 1)
/*
 * pg_lines has a bit for each 64th of a table: with tables of 4 KiB that is a
 * cache line of entries, with larger ones a few of them.
 */
#define PTE_NLINE   64u
#define PTE_PERLINE (PTE_NENTRY / PTE_NLINE)
_Static_assert(PTE_PERLINE *PTE_NLINE == PTE_NENTRY, "whole lines");

/* An entry where it lies.  The MMU may change it at any time. */
typedef _Atomic(pte_t) pte_slot_t;

/*
 * Reverse-map links beyond the one in the page.  A chunk belongs to eight
 * neighbours in one leaf table: link i to entry i of them.
 *
 * Protection:
 *	v	the lock of the mapped page (RANK_PV); t while not in its list
 *	t	the lock of the table (RANK_TABLE)
 */
struct pv_link {
	struct pv_link *pv_next; /* [v] */
	struct pv_link *pv_prev; /* [v] NULL: pg_pvmore points here */
	pte_slot_t *pv_slot;     /* [v] NULL: a walker's mark */
};

#define PV_PERCHUNK 8u
#define PV_NCHUNK   (PTE_NENTRY / PV_PERCHUNK)

struct pv_chunk {
	struct pv_link ck_link[PV_PERCHUNK];
	u_int ck_used; /* [t] a bit for each link in use */
};

extern struct pool pv_chunk_pool;

/*
 * The spaces that share a leaf table since a fork.  pmap_share.c has the rules.
 *
 * Protection:
 *	t	the lock of the table (RANK_TABLE)
 */
#define TABLE_NUSER 15
struct table_users {
	struct pmap *tu_pmap[TABLE_NUSER]; /* [t] */
	uint16_t tu_n;                     /* [t] */
	uint16_t tu_nleaving; /* [t] how many of them are leaving */
	uint32_t tu_leaving;  /* [t] a bit for each */
};

extern struct pool table_users_pool;

/*
 * A leaf table that a CPU has entered something in, and what it was then.
 *
 * Protection:
 *	a	C11 atomic, written by the CPU itself: threads of it that take
 *		turns here may leave words of different tables
 */
struct leaf_hint {
	_Atomic(struct vm_page *) lh_table; /* [a] */
	_Atomic(struct pmap *) lh_pmap;     /* [a] */
	_Atomic(vaddr_t) lh_va;             /* [a] */
};
#define PC_NHINT 4u /* neighbours do not push one another out */

/*
 * struct pmap_cpu: what a CPU has loaded, and its part in shootdowns.
 *
 * A CPU that wants others to do something says in pc_flush or pc_kick what,
 * puts its bit into their boxes, interrupts them and waits until all have left
 * pc_pending.
 *
 * Protection:
 *	O	the CPU itself, interrupts off
 *	a	C11 atomic; O:a is written by the CPU itself, read anywhere
 *	s	the CPU itself while pc_pending is empty; read by those in it
 *	A	asid_lock
 */
struct pmap_cpu {
	_Atomic(struct pmap *) pc_cur; /* [O:a] whose root is loaded */
	bool pc_lazy;                  /* [O] and nobody here runs in it */
	_Atomic(uint64_t) pc_asid;     /* [a] pm_asid of what is to be loaded */
	_Atomic(uint64_t) pc_loaded;   /* [O:a] the same, once it is */
	struct leaf_hint pc_hint[PC_NHINT]; /* [a] by address */
	_Atomic(struct pmap *) pc_spare;    /* [a] dead, for a fork; or NULL */
	uint64_t pc_reserved; /* [A] pc_asid at the last rollover */

	_Atomic(cpumask_t) pc_pending __aligned(CACHELINE); /* [a] */
	const struct tlb_gather *pc_flush; /* [s] flush this, or */
	struct pmap *pc_kick;              /* [s] drop this root */

	_Atomic(cpumask_t) pc_box __aligned(CACHELINE); /* [a] who wants us */
};

/* Preemption disabled. */
static inline struct pmap_cpu *
pmap_curcpu(void)
{
	return curcpu()->cpu_pmap;
}

/*
 * struct tlb_gather: what an operation has removed or narrowed and must be
 * flushed before it returns, and the tables to be freed after that.
 *
 * The pages of one pmap are added with tlb_gather_add() and then accounted to
 * it with tlb_gather_pmap(), after the last entry was changed and while
 * something keeps the pmap alive.
 */
#define TLB_NPAGE 16

struct tlb_gather {
	cpumask_t tg_cpus; /* may hold a translation */
	bool tg_space;     /* everything of tg_asid[0] */
	bool tg_all;       /* everything of every space */
	bool tg_over;      /* pages were dropped since tg_ndone */
	u_int tg_n;        /* pages */
	u_int tg_ndone;    /* of them accounted to a pmap */
	vaddr_t tg_va[TLB_NPAGE];
	u_int tg_asid[TLB_NPAGE];
	struct pageq tg_tables; /* PK_LOOSE, all zero */
};

/*
 * tlb_gather_init: nothing yet.
 * tlb_gather_add: the page at va; any lock held.
 * tlb_gather_pmap: all pages added since the last such call are of pm.
 *	Any lock held.
 * tlb_gather_table: free this unlinked table at the end.
 * tlb_gather_flush: make it true, and free the tables; the gather is empty
 *	again.  Interrupts on if any other CPU must be told; no spin lock.
 */
void tlb_gather_init(struct tlb_gather *tg);
void tlb_gather_pmap(struct tlb_gather *tg, struct pmap *pm);
void tlb_gather_table(struct tlb_gather *tg, struct vm_page *table);
void tlb_gather_flush(struct tlb_gather *tg);

/*
 * If this CPU runs in pm, forget the page at va: what was cached of it may be
 * why an access was refused that the table allows by now.  Any lock held.
 */
void tlb_forget(struct pmap *pm, vaddr_t va);

static inline void
tlb_gather_add(struct tlb_gather *tg, vaddr_t va)
{
	if (tg->tg_n < TLB_NPAGE)
		tg->tg_va[tg->tg_n++] = va;
	else
		tg->tg_over = true;
}

/* More pages of a pmap than are worth telling. */
static inline void
tlb_gather_space(struct tlb_gather *tg)
{
	tlb_gather_add(tg, 0); /* one must be there for the ASID */
	tg->tg_over = true;
}

/*
 * tlb_silent: whether CPUs are made to forget without being asked, so that it
 *	can be done with locks held that they may be waiting for.
 * tlb_gather_now: tlb_gather_flush() where that is so; any lock held, and the
 *	gather has no tables.
 */
bool tlb_silent(void);
void tlb_gather_now(struct tlb_gather *tg);

/*
 * tlb_kick: make the CPUs in the set drop pm's root, if they hold it, and wait
 *	for it.  Preemption disabled, interrupts on, no spin lock.
 * tlb_handler: serve this CPU's box.  Any context.
 */
void tlb_kick(struct pmap *pm, cpumask_t cpus);
void tlb_handler(void);

/*
 * pmap_switch.c.
 * pmap_drop: this CPU goes to the kernel's root.  Interrupts off.
 * pmap_switch_init: at bootstrap.
 */
void pmap_drop(struct pmap_cpu *pc);
void pmap_switch_init(void);

/*
 * pmap_asid.c.
 * asid_activate: what to load pm with on this CPU: the ASID in ASID_MASK, its
 *	generation above; flushes what a rollover left.  Interrupts off until
 *	the root is loaded and asid_loaded() called.
 * asid_retire: pm needs none any more; nothing translates through it.
 */
uint64_t asid_activate(struct pmap *pm, struct pmap_cpu *pc);
void asid_retire(struct pmap *pm);
void asid_init(void);
extern u_int asid_count;

#define ASID_BITS 16
#define ASID_MASK (((uint64_t)1 << ASID_BITS) - 1)

/*
 * Nothing goes through the root before it any more.  Relaxed: the fence before
 * the root was loaded releases what did (A2 of pmap_tlb.c).
 */
static inline void
asid_loaded(struct pmap_cpu *pc, uint64_t a)
{
	if (asid_count > 1)
		atomic_store_explicit(&pc->pc_loaded, a, memory_order_relaxed);
}

/*
 * pmap_pv.c.  For all of these the table is locked (RANK_TABLE).
 * pv_enter_link: entry idx of the table is about to map pg, by a link.  0,
 *	ENOMEM.  pv_enter() below uses the page's own word if it is free.
 * pv_remove_link: it has ceased to, and had a link.
 * pv_table_fini: the table is empty and about to be freed.
 */
int pv_enter_link(struct vm_page *table, u_int idx, struct vm_page *pg);
void pv_remove_link(struct vm_page *table, u_int idx, struct vm_page *pg);
void pv_table_fini(struct vm_page *table);

/*
 * pmap.c: where the walker is needed elsewhere.
 * table_init: make a zeroed page a table.  The page's lock keeps lookers away
 *	that still believe it to be what it was before.
 * pmap_free: the end of a dead space that has no table but the root.
 */
void table_init(struct vm_page *table, struct pmap *pm, vaddr_t va, u_int level,
    enum lock_rank rank);
void pmap_free(struct pmap *pm);
struct vm_page *leaf_next(struct pmap *pm, vaddr_t *vap, vaddr_t eva);
struct vm_page *table_descend(struct pmap *pm, vaddr_t va, u_int *levelp);
int table_grow(struct pmap *pm, vaddr_t va, struct vm_page *table, u_int level);
void leaf_drop(struct vm_page *table, u_int idx, pte_t old);

/*
 * pmap_spare.c.
 * shape_toggle: pm has, or no longer has, a table of this level over va.
 * spare_wanted: whether pm, which is being emptied, is to keep upper tables.
 * spare_put: keep pm, which was, and to which nothing refers.
 * spare_take: one that fits like, live again, with one reference; or NULL.
 */
void shape_toggle(struct pmap *pm, vaddr_t va, u_int level);
bool spare_wanted(const struct pmap *pm);
void spare_put(struct pmap *pm);
struct pmap *spare_take(const struct pmap *like);

/*
 * pmap_purge.c.
 * leaf_empty: clear a locked leaf table.  live: something may still translate
 *	through it, and is flushed before what was mapped is used again.
 *	Returns how many lines of it were populated.
 */
u_int leaf_empty(struct vm_page *table, bool live);

/*
 * pmap_share.c.
 * table_user: whether pm uses the shared table, which is locked, and is not
 *	about to leave.
 * leaf_part: pm, alive, has nothing mapped in the span of the leaf table over
 *	va, if it shares that, when it returns.  May shoot down.
 * leaf_unuse: the table, shared and locked, has one user less: pm, through
 *	which nothing translates.  False: it was the last, the table is empty
 *	and a loose page now, for the caller to unlock and to free.
 */
bool table_user(const struct vm_page *table, const struct pmap *pm);
void leaf_part(struct pmap *pm, vaddr_t va);

/*
 * leaf_parting: some thread is in leaf_part() for pm: it has emptied an upper
 *	entry that the caller has seen empty, or replaced, and not yet flushed
 *	what this led to.
 * leaf_flush: everything of pm.  True.
 */
bool leaf_flush(struct pmap *pm);

static inline bool
leaf_parting(struct pmap *pm)
{
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&pm->pm_parting, memory_order_acquire) != 0;
}

bool leaf_unuse(struct vm_page *table, struct pmap *pm);

/*
 * pmap_group.c.  The table is a leaf table and locked.
 * leaf_break: entry idx is in a group; there is none any more.  Flushes.
 * leaf_group: map the PTE_NGROUP pages pgs[], which lie in a row, from entry idx
 *	on, aligned, with prot, modified if they may be written, as a group.
 *	False: they, or the entries, are in use.
 * leaf_group_widen: the group from idx on maps pgs[] and grants no more than
 *	prot: it grants that now.  False: it does not, and nothing was done.
 * group_row: whether the pages are all there, neighbours, from an aligned one
 *	on.  No lock.
 */
void leaf_break(struct vm_page *table, u_int idx);
bool leaf_group(struct vm_page *table, u_int idx, struct vm_page *const *pgs,
    vm_prot_t prot);
bool leaf_group_widen(struct vm_page *table, u_int idx,
    struct vm_page *const *pgs, vm_prot_t prot);
bool group_row(struct vm_page *const *pgs);

static inline pte_slot_t *
table_slots(const struct vm_page *table)
{
	return page_direct(table);
}

static inline pte_t
pte_load(const pte_slot_t *slot)
{
	return atomic_load_explicit(slot, memory_order_relaxed);
}

/* What pte_make_leaf() is to be told to make an entry like this one. */
static inline u_int
leaf_attr(pte_t pte)
{
	return (pte_referenced(pte) ? PTE_ATTR_REF : 0) |
	       (pte_modified(pte) ? PTE_ATTR_MOD : 0) |
	       (pte_managed(pte) ? 0 : PTE_ATTR_UNMANAGED) |
	       (pte_wired(pte) ? PTE_ATTR_WIRED : 0);
}

/* Nothing writes through the entry any more, valid or not. */
static inline void
pte_slot_forbid_write(pte_slot_t *slot)
{
#ifdef PTE_WRITE_BIT
	atomic_fetch_and_explicit(slot, ~PTE_WRITE_BIT, memory_order_relaxed);
#else
	pte_t old = pte_load(slot);

	while (
	    pte_valid(old) && !atomic_compare_exchange_weak_explicit(slot, &old,
				  pte_narrow(old, PROT_READ | PROT_EXEC),
				  memory_order_relaxed, memory_order_relaxed))
		continue;
#endif
}

/*
 * [t] Whether a line of entries maps neighbouring, managed pages that have all
 * been read and written: then the MMU has nothing to note in them.
 */
static inline bool
line_is_run(const pte_slot_t *line)
{
	pte_t first = pte_load(line);
	u_int i;

#pragma GCC unroll 8
	for (i = 1; i < PTE_PERLINE; i++)
		if (pte_load(&line[i]) != first + i * PTE_NEXT)
			return false;
	return pte_valid(first) && pte_managed(first) &&
	       pte_referenced(first) && pte_modified(first);
}

/* [t] Nothing writes through a line of entries any more. */
static inline void
line_forbid_write(pte_slot_t *line)
{
	u_int i;

#ifndef PTE_WRITE_BIT
	if (line_is_run(line)) {
		pte_t first = pte_narrow(pte_load(line), PROT_READ | PROT_EXEC);
#pragma GCC unroll 8
		for (i = 0; i < PTE_PERLINE; i++)
			atomic_store_explicit(&line[i], first + i * PTE_NEXT,
			    memory_order_relaxed);
		return;
	}
#endif
#pragma GCC unroll 8
	for (i = 0; i < PTE_PERLINE; i++)
		pte_slot_forbid_write(&line[i]);
}

/* The first address that the table of this level over va maps. */
static inline vaddr_t
table_base(vaddr_t va, u_int level)
{
	return rounddown2(va, pte_span(level + 1));
}

/* [t] Entry slot is about to be changed, and not its neighbours alike. */
static inline void
leaf_single(struct vm_page *table, const pte_slot_t *slot)
{
	if (__predict_false(pte_grouped(pte_load(slot))))
		leaf_break(table, (u_int)(slot - table_slots(table)));
}

/* [t] The entries from start up to end, alike. */
static inline void
leaf_cut(struct vm_page *table, u_int start, u_int end)
{
	const pte_slot_t *slots = table_slots(table);

	if (start % PTE_NGROUP != 0)
		leaf_single(table, &slots[start]);
	if (end % PTE_NGROUP != 0)
		leaf_single(table, &slots[end]);
}

/* [t] Of several spaces: entries may be narrowed and removed by page only. */
static inline bool
table_shared(const struct vm_page *table)
{
	return table->pg_users != NULL;
}

/* With the page locked: is it what a descent believed it to be? */
static inline bool
table_is(const struct vm_page *pg, const struct pmap *pm, vaddr_t va,
    u_int level)
{
	KASSERT(page_locked(pg));
	return page_kind(pg) == PK_TABLE && pg->pg_level == level &&
	       pg->pg_va == table_base(va, level) &&
	       (pg->pg_pmap == pm || (table_shared(pg) && table_user(pg, pm)));
}

/* The same of a leaf table, and that no other space shares it. */
static inline bool
table_own(const struct vm_page *pg, const struct pmap *pm, vaddr_t va)
{
	KASSERT(page_locked(pg));
	/* One that is shared is nobody's: pg_pmap is NULL. */
	return page_kind(pg) == PK_TABLE && pg->pg_level == 0 &&
	       pg->pg_va == table_base(va, 0) && pg->pg_pmap == pm;
}

/* [t] Lines that may hold valid entries. */
static inline uint64_t
table_lines(const struct vm_page *table)
{
	return atomic_load_explicit(&table->pg_lines, memory_order_relaxed);
}

static inline void
table_setlines(struct vm_page *table, uint64_t lines)
{
	atomic_store_explicit(&table->pg_lines, lines, memory_order_relaxed);
}

/*
 * Lines of a locked leaf table that are populated and touch [sva, eva), which
 * lies in it.
 */
static inline uint64_t
leaf_lines(const struct vm_page *table, vaddr_t sva, vaddr_t eva)
{
	u_int first = pte_index(sva, 0) / PTE_PERLINE;
	u_int last = pte_index(eva - PAGE_SIZE, 0) / PTE_PERLINE;

	return table_lines(table) & (~0ull << first) &
	       (~0ull >> (PTE_NLINE - 1 - last));
}

/* Entry idx has become valid. */
static inline void
table_count_up(struct vm_page *table, u_int idx)
{
	uint64_t bit = 1ull << (idx / PTE_PERLINE);

	table->pg_count++;
	if ((table_lines(table) & bit) == 0)
		table_setlines(table, table_lines(table) | bit);
}

/* Clear the bit of this line of entries if none of them is valid. */
static inline void
table_line_check(struct vm_page *table, u_int line)
{
	pte_slot_t *slot = table_slots(table) + line * PTE_PERLINE;
	pte_t any = 0;
	u_int i;

	for (i = 0; i < PTE_PERLINE; i++)
		any |= pte_load(&slot[i]);
	if (any == 0)
		table_setlines(table, table_lines(table) & ~(1ull << line));
}

/* Entry idx has become invalid. */
static inline void
table_count_down(struct vm_page *table, u_int idx)
{
	KASSERT(table->pg_count > 0);
	table->pg_count--;
	table_line_check(table, idx / PTE_PERLINE);
}

/*
 * [t] The entries of an upper table: as those of a leaf table, and up to
 * UPPER_NFEW of them also by number, so that walks need not search for them.
 */
#define UPPER_NFEW 4u
#define UPPER_BITS 16
#define UPPER_MANY (~(uint64_t)0) /* there are, or were, more */

static inline void
upper_count_up(struct vm_page *table, u_int idx)
{
	u_int n = table->pg_count;

	table_count_up(table, idx);
	if (n >= UPPER_NFEW)
		table->pg_few = UPPER_MANY;
	else if (table->pg_few != UPPER_MANY)
		table->pg_few |= (uint64_t)idx << UPPER_BITS * n;
}

static inline u_int
upper_few(uint64_t few, u_int i)
{
	return (few >> UPPER_BITS * i) & ((1u << UPPER_BITS) - 1);
}

static inline void
upper_count_down(struct vm_page *table, u_int idx)
{
	uint64_t few = table->pg_few;
	u_int i = 0, n;

	table_count_down(table, idx);
	n = table->pg_count;
	if (few != UPPER_MANY) {
		while (upper_few(few, i) != idx)
			i++;
		KASSERT(i <= n);
		/* The last takes its place. */
		few ^= (uint64_t)(idx ^ upper_few(few, n)) << UPPER_BITS * i;
		few &= ((uint64_t)1 << UPPER_BITS * n) - 1;
	}
	table->pg_few = n == 0 ? 0 : few;
}

/*
 * A walk over the entries of an upper table, which nobody changes but he who
 * walks: he may clear what he is given.
 */
struct table_walk {
	struct vm_page *tw_table;
	pte_slot_t *tw_slots;
	u_int tw_left;       /* valid entries to come */
	uint64_t tw_few;     /* which; UPPER_MANY: to be searched for */
	uint64_t tw_lines;   /* then, lines to come, */
	pte_slot_t *tw_slot; /* next in the line begun, */
	pte_slot_t *tw_end;  /* and its end */
};

static inline void
walk_open(struct table_walk *tw, struct vm_page *table)
{
	tw->tw_table = table;
	tw->tw_slots = table_slots(table);
	tw->tw_left = table->pg_count;
	tw->tw_few = table->pg_few;
	if (tw->tw_few == UPPER_MANY) {
		tw->tw_lines = table_lines(table);
		tw->tw_slot = tw->tw_end = NULL;
	}
}

/* pmap_purge.c: the next valid entry, where there are too many to be known. */
pte_slot_t *walk_search(struct table_walk *tw);

/* The next valid entry; NULL: that was all. */
static inline pte_slot_t *
walk_next(struct table_walk *tw)
{
	u_int idx;

	if (tw->tw_left == 0)
		return NULL;
	tw->tw_left--;
	if (tw->tw_few == UPPER_MANY)
		return walk_search(tw);
	idx = upper_few(tw->tw_few, 0);
	tw->tw_few >>= UPPER_BITS;
	return &tw->tw_slots[idx];
}

/* [t] n entries from idx on, which were invalid, may all have become valid. */
static inline void
table_lines_up(struct vm_page *table, u_int idx, u_int n)
{
	u_int first = idx / PTE_PERLINE, last = (idx + n - 1) / PTE_PERLINE;

	KASSERT(n > 0 && last < PTE_NLINE);
	table_setlines(table,
	    table_lines(table) |
		((~0ull << first) & (~0ull >> (PTE_NLINE - 1 - last))));
}

/*
 * The entry at slot of a locked leaf table is about to map pg by the page's own
 * word.  False: that is in use.
 */
static inline bool
pv_enter_first(pte_slot_t *slot, struct vm_page *pg)
{
	uintptr_t none = 0;

	/* Who finds the name locks the table before he follows it. */
	return atomic_load_explicit(&pg->pg_pv, memory_order_relaxed) == 0 &&
	       atomic_compare_exchange_strong_explicit(&pg->pg_pv, &none,
		   (uintptr_t)slot, memory_order_relaxed, memory_order_relaxed);
}

/* The same by whatever there is.  0, ENOMEM. */
static inline int
pv_enter(struct vm_page *table, pte_slot_t *slot, struct vm_page *pg)
{
	if (pv_enter_first(slot, pg))
		return 0;
	return pv_enter_link(table, (u_int)(slot - table_slots(table)), pg);
}

/*
 * [t] Whether the entry at slot, of those that map pg, is the one that needs no
 * link.
 */
static inline bool
pv_first(const pte_slot_t *slot, const struct vm_page *pg)
{
	return atomic_load_explicit(&pg->pg_pv, memory_order_relaxed) ==
	       (uintptr_t)slot;
}

/* The entry at slot of a locked leaf table, which mapped pg, is gone. */
static inline void
pv_leave(struct vm_page *table, pte_slot_t *slot, struct vm_page *pg)
{
	if (__predict_true(pv_first(slot, pg)))
		/* Release: who finds no mapping finds the carried bits. */
		atomic_store_explicit(&pg->pg_pv, 0, memory_order_release);
	else
		pv_remove_link(table, (u_int)(slot - table_slots(table)), pg);
}

/*
 * The managed entry old, which was at slot of a locked leaf table and mapped
 * pg, is gone: carry what the MMU told to the page, and unlink the two.  A page
 * with one mapping costs its descriptor, and no locked operation.
 */
static inline void
mapping_forget(struct vm_page *table, pte_slot_t *slot, pte_t old,
    struct vm_page *pg)
{
	KDASSERT(page_to_phys(pg) == pte_pa(old));
	/* Before the mapping leaves the reverse map: see pmap_pv.c. */
	if (__predict_true(pte_referenced(old)))
		atomic_store_explicit(&pg->pg_ref, 1, memory_order_relaxed);
	if (__predict_true(pte_modified(old)))
		atomic_store_explicit(&pg->pg_mod, 1, memory_order_relaxed);
	pv_leave(table, slot, pg);
}

/*
 * The pages of managed entries that are met in order: where neighbours map
 * neighbours alike, one descriptor leads to the next.  Begins as { 0, NULL }.
 */
struct pte_run {
	pte_t pr_next; /* the entry that would go on */
	struct vm_page *pr_page;
};

static inline struct vm_page *
pte_run_page(struct pte_run *r, pte_t pte)
{
	if (__predict_true(pte == r->pr_next))
		r->pr_page++;
	else
		r->pr_page = phys_page(pte_pa(pte));
	r->pr_next = pte + PTE_NEXT;
	return r->pr_page;
}

/*
 * [t] Clear a line of entries that line_is_run(), if none of them has
 * a link: nothing is found out for each of them then, and the MMU does not
 * write to them.  False: one has.
 */
static inline bool
line_empty(pte_slot_t *line, struct pte_run *r)
{
	struct vm_page *pg = pte_run_page(r, pte_load(line));
	u_int i;

	r->pr_page += PTE_PERLINE - 1;
	r->pr_next += (PTE_PERLINE - 1) * PTE_NEXT;
#pragma GCC unroll 8
	for (i = 0; i < PTE_PERLINE; i++)
		if (!pv_first(&line[i], &pg[i]))
			return false;
#pragma GCC unroll 8
	for (i = 0; i < PTE_PERLINE; i++) {
		atomic_store_explicit(&line[i], 0, memory_order_relaxed);
		atomic_store_explicit(&pg[i].pg_ref, 1, memory_order_relaxed);
		atomic_store_explicit(&pg[i].pg_mod, 1, memory_order_relaxed);
		/* Release: as in pv_leave(). */
		atomic_store_explicit(&pg[i].pg_pv, 0, memory_order_release);
	}
	return true;
}

#endif
