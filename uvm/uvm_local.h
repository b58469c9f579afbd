/*
 * uvm_local.h: what the files of this layer share and nobody else sees.
 */
#ifndef UVM_LOCAL_H
#define UVM_LOCAL_H

#include <sys/types.h>
#include <sys/errno.h>

#include <base/kassert.h>

#include <phys/pool.h>

#include <uvm/uvm.h>

#include "uvm_pageout.h"

/*
 * Pages and anons on their way back to their allocators, many per lock hold;
 * pages that lie side by side, from UVM_SPAN of them on, as one.
 */
#define UVM_BATCH       64u
#define UVM_BATCH_PAGES 512u
#define UVM_SPAN        8u
struct uvm_batch {
	u_int ub_npages;
	u_int ub_nanons;
	u_int ub_nspans;
	u_int ub_nruns;
	u_int ub_nspanned; /* pages in all spans */
	struct vm_page *ub_page[UVM_BATCH];
	void *ub_anon[UVM_BATCH];
	struct page_span ub_span[UVM_BATCH];
	struct pool_run ub_run[UVM_BATCH]; /* of anons */
};

static inline void
uvm_batch_init(struct uvm_batch *b)
{
	b->ub_npages = b->ub_nanons = 0;
	b->ub_nspans = b->ub_nruns = b->ub_nspanned = 0;
}

/* uvm_amap.c: give back what is in b, which is empty then. */
void uvm_batch_flush(struct uvm_batch *b);

/* The same at the end of an operation that often leaves b empty. */
static inline void
uvm_batch_end(struct uvm_batch *b)
{
	if ((b->ub_npages | b->ub_nanons | b->ub_nspans) != 0)
		uvm_batch_flush(b);
}

static inline void
uvm_batch_add(struct uvm_batch *b, struct vm_page *pg)
{
	if (b->ub_npages == UVM_BATCH)
		uvm_batch_flush(b);
	b->ub_page[b->ub_npages++] = pg;
}

/* uvm_amap.c: as amap_free(), the pages into b. */
void amap_free_batch(struct vm_amap *am, struct uvm_batch *b);

/*
 * What a user program can do with memory of protection prot: on our machines
 * whatever can be written or executed can be read too.
 */
static inline vm_prot_t
uvm_prot_effective(vm_prot_t prot)
{
	return prot == PROT_NONE ? PROT_NONE : prot | PROT_READ;
}

static inline uint64_t
entry_npages(const struct vm_entry *e)
{
	return atop(e->ve_end - e->ve_start);
}

/* The number, in bytes and in pages, of what the entry has at va. */
static inline uint64_t
entry_off(const struct vm_entry *e, vaddr_t va)
{
	return e->ve_off + (va - e->ve_start);
}

static inline uint64_t
entry_slot(const struct vm_entry *e, vaddr_t va)
{
	return atop(entry_off(e, va));
}

/*
 * uvm_tree.c: the entries of a map.  Map write-locked for those that change
 * it, locked for the rest.
 *
 * uvm_tree_insert: e behind prev (NULL: as the first).
 * uvm_tree_append: the same in a map that is being filled in order, prev the
 *	last so far; there is no tree, and nothing is accounted, until
 * uvm_tree_build: makes it, or
 * uvm_tree_mirror: makes it the same as from's, write-locked, whose entries
 *	were copied one by one to make the map's.
 * uvm_tree_remove: take e out.
 * uvm_tree_resize: e now covers [start, end), which touches no other entry.
 * uvm_tree_reset: forget all entries; the list of them, linked by ve_next.
 * uvm_tree_prev: the last entry that begins at or below va, or NULL.
 * uvm_tree_space: the highest len bytes that end at or below limit, respect
 *	what grows down, and are free: *addr, and the entry before that,
 *	or NULL.  False: none.
 * uvm_tree_free: whether [va, va + len) is free and no guard gap; *prevp is the
 *	entry before it, or NULL.
 */
void uvm_tree_insert(struct vm_map *map, struct vm_entry *e,
    struct vm_entry *prev);
void uvm_tree_append(struct vm_map *map, struct vm_entry *e,
    struct vm_entry *prev);
void uvm_tree_build(struct vm_map *map);
void uvm_tree_mirror(struct vm_map *map, struct vm_map *from);
void uvm_tree_remove(struct vm_map *map, struct vm_entry *e);
void uvm_tree_resize(struct vm_map *map, struct vm_entry *e, vaddr_t start,
    vaddr_t end);
struct vm_entry *uvm_tree_reset(struct vm_map *map);
struct vm_entry *uvm_tree_prev(const struct vm_map *map, vaddr_t va);
bool uvm_tree_space(const struct vm_map *map, vsize_t len, vaddr_t limit,
    vaddr_t *addr, struct vm_entry **prevp);
bool uvm_tree_free(const struct vm_map *map, vaddr_t va, vsize_t len,
    struct vm_entry **prevp);
void uvm_tree_verify(const struct vm_map *map);

/*
 * uvm_map.c: entries and what they hold.  Map write-locked, state VM_LIVE,
 * unless said otherwise.
 *
 * uvm_entry_alloc, uvm_entry_free: the structure alone; any lock state.
 * uvm_entry_alloc_batch: up to n at once, at least one unless memory is out.
 * uvm_entry_free_batch: n of them.
 * uvm_entry_hold_object: count the reference e makes to its object.
 * uvm_entry_imitate: make n an entry like e without an amap, for what will be
 *	at [start, end) and is byte off of the object; holds the object.
 * uvm_entry_drop: drop them, freeing the range e owns; pages into b.  e is in
 *	no map and unmapped.  No lock at RANK_AMAP or above; may sleep
 *	unless somebody else holds e's object.
 * uvm_entries_drop: uvm_entry_drop and _free of a list linked by ve_next.
 *	No lock held; may sleep.
 * uvm_entry_own: make e's amap one that e may write to: creates it, copies
 *	it, or finds that nobody else needs it.  ENOMEM: nothing changed.
 * uvm_entry_extends: whether e's amap, if it has one, may serve the n slots
 *	from slot on as well: it is e's alone, or will be copied before it
 *	is written; and nothing is left over there.
 * uvm_entries_alike: equal in all that a program can tell, and contiguous;
 *	whether the amaps fit is another question.
 *
 * uvm_map_clip: split e at va, which lies inside it, so that e ends there and
 *	its ve_next begins.  ENOMEM: nothing changed; the limit of entries
 *	is checked unless force.
 * uvm_map_insert: put e, which lies in free space, into the map, merging it
 *	with its neighbours; returns the entry that now covers it.
 * uvm_map_simplify: merge what can be merged in [start, end] and at its ends.
 * uvm_map_unmap: take everything in [start, end) out of the map and the
 *	pmap; adds the entries to *dead, for uvm_entries_drop() once the map
 *	is unlocked.  ENOMEM: nothing changed.
 * uvm_map_contiguous: [start, end) has no hole.  Map locked.
 * uvm_map_place: where uvm_map() without FIXED would put len bytes, and the
 *	entry before that, or NULL.
 * uvm_map_lock: write-lock the map if it is live; else EFAULT, unlocked.
 * uvm_map_unlock: the reverse; looks at the whole map when DEBUG.
 */
struct vm_entry *uvm_entry_alloc(void);
#define UVM_ENTRY_BATCH 15u
u_int uvm_entry_alloc_batch(struct vm_entry **es, u_int n);
void uvm_entry_free(struct vm_entry *e);
void uvm_entry_free_batch(struct vm_entry **es, u_int n);
void uvm_entry_hold_object(struct vm_entry *e);
void uvm_entry_imitate(struct vm_entry *n, const struct vm_entry *e,
    vaddr_t start, vaddr_t end, uint64_t off);
void uvm_entry_drop(struct vm_entry *e, struct uvm_batch *b);
void uvm_entries_drop(struct vm_entry *dead);
int uvm_entry_own(struct vm_entry *e);
bool uvm_entry_extends(const struct vm_entry *e, uint64_t slot, uint64_t n);
bool uvm_entries_alike(const struct vm_entry *a, const struct vm_entry *b);

int uvm_map_clip(struct vm_map *map, struct vm_entry *e, vaddr_t va,
    bool force);
struct vm_entry *uvm_map_insert(struct vm_map *map, struct vm_entry *e);
void uvm_map_simplify(struct vm_map *map, vaddr_t start, vaddr_t end);
int uvm_map_unmap(struct vm_map *map, vaddr_t start, vaddr_t end,
    struct vm_entry **dead);
bool uvm_map_contiguous(struct vm_map *map, vaddr_t start, vaddr_t end);
int uvm_map_place(struct vm_map *map, vaddr_t hint, vsize_t len, u_int how,
    vaddr_t *addr, struct vm_entry **prevp);
int uvm_map_lock(struct vm_map *map);
void uvm_map_unlock(struct vm_map *map);
void uvm_map_boot(void);

/*
 * uvm_limit.c.  Map locked unless said otherwise; errors are ENOMEM.
 *
 * uvm_map_account: len bytes of an entry like e more or less are mapped.
 *	Map write-locked.
 * uvm_map_account_copy: as much is mapped as in from, and nothing was.
 * uvm_map_unaccount: nothing is mapped any more.
 * uvm_map_account_verify: the counts are those of the entries; panics.
 * uvm_map_change: e, which is in the map, has this prot and these flags from
 *	now on.  Map write-locked.
 * uvm_commit_flag: VE_COMMIT if new memory of prot and flags is, else 0.
 * uvm_map_room: whether len bytes more pass RLIMIT_AS.
 * uvm_map_charge: whether len bytes of prot and flags more pass RLIMIT_DATA
 *	or, unless VE_COMMIT is among flags, what may be committed.
 * uvm_commit: npages more or less are committed.  Any lock state.
 * uvm_commit_check: whether npages more may be.  Any lock state.
 */
void uvm_map_account(struct vm_map *map, const struct vm_entry *e, vsize_t len,
    bool more);
void uvm_map_account_copy(struct vm_map *map, const struct vm_map *from);
void uvm_map_unaccount(struct vm_map *map);
void uvm_map_account_verify(const struct vm_map *map);
void uvm_map_change(struct vm_map *map, struct vm_entry *e, vm_prot_t prot,
    u_int flags);
u_int uvm_commit_flag(vm_prot_t prot, u_int flags);
int uvm_map_room(const struct vm_map *map, vsize_t len);
int uvm_map_charge(const struct vm_map *map, vsize_t len, vm_prot_t prot,
    u_int flags);
void uvm_commit(u_long npages, bool more);
int uvm_commit_check(u_long npages);

/* uvm_aobj.c */
void uao_boot(void);

/*
 * uvm_vmspace.c.  uvmspace_create_like: uvmspace_create() of what a fork of
 * like's space will fill.  uvmspace_note_rss: let the high-water mark know before
 * pages are unmapped.  Map write-locked.
 */
void uvmspace_boot(void);
int uvmspace_create_like(struct vmspace **vmp, const struct pmap *like);
void uvmspace_note_rss(struct vmspace *vm);

/*
 * Ask for memory: true when it is worth trying again.  No VM lock held; may
 * sleep.
 */
bool uvm_nomem(void);

/*
 * uvm_fault.c: find the page that an access is to go to.
 *
 * The caller fills in ufi_map, ufi_va (page aligned), ufi_access and
 * ufi_flags.  uvm_fault_hold() returns 0 with ufi_page safe to map or to
 * touch: the map read-locked and the page's owner locked, until
 * uvm_fault_drop(); or an errno of uvm_fault() with no lock held.
 */
#define FAULT_NEAR PMAP_NGROUP /* pages: what a window is aligned to, too */

/*
 * Pages near the one asked for that can be mapped with it: resident ones for
 * which only the mapping is missing, or new ones where a program fills memory
 * in order.
 */
struct uvm_near {
	vaddr_t un_va; /* of the first */
	u_int un_n;    /* 0: none */
	bool un_new;   /* made for the purpose */
	bool un_whole; /* all of a window, the one asked for included */
	struct vm_page *un_page[FAULT_NEAR]; /* NULL: not this one */
	u_int un_nheld;                      /* anons held for their pages */
	struct vm_anon *un_held[FAULT_NEAR];
	u_int un_nold; /* anons replaced by copies; ours to drop */
	struct vm_anon *un_old[FAULT_NEAR];
};

struct uvm_faultinfo {
	struct vm_map *ufi_map;
	vaddr_t ufi_va;
	vm_prot_t ufi_access;
	u_int ufi_flags;           /* UVM_FAULT_* */
	struct uvm_near *ufi_near; /* to be filled in; NULL: not wanted */
	bool ufi_own;              /* the slots are to be the entry's own */

	struct vm_entry *ufi_entry;   /* map read-locked */
	struct vm_amap *ufi_amap;     /* write-locked, or NULL */
	struct uvm_object *ufi_obj;   /* locked, or NULL */
	uint64_t ufi_slot;            /* of ufi_va, in both */
	struct radix_at ufi_at;       /* where that is in the amap */
	struct vm_page *ufi_page;     /* the answer */
	vm_prot_t ufi_prot;           /* as which it may be mapped */
	struct vm_anon *ufi_old;      /* replaced by a copy; ours to drop */
	struct vm_anon *ufi_held;     /* whose page ufi_page is, if shared */
	struct anon_cluster ufi_swap; /* to be read from swap */
	bool ufi_stale;               /* ufi_va may map another page */
	bool ufi_major;               /* had to wait for I/O */
};
int uvm_fault_hold(struct uvm_faultinfo *ufi);
void uvm_fault_drop(struct uvm_faultinfo *ufi);

#endif
