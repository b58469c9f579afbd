/*
 * amap.h: anonymous memory.
 *
 * A vm_anon is a page of memory that belongs to mappings, not to a file, and
 * how many amaps hold it.  A vm_amap is a sparse array of anons; map entries
 * see a range of it.  After a fork both sides share the amap and are marked
 * needs-copy; the first write fault copies the amap (not the pages), and a
 * write to a page whose anon is shared copies that.  C. D. Cranor, The
 * Design and Implementation of the UVM Virtual Memory System, 1998,
 * chapters 3 and 4.
 *
 * Slots are numbered as the entry's ve_off says: by page of the object under
 * it, or by the address where an anonymous mapping was made.  A slot
 * therefore keeps its number when entries are clipped, moved or merged, and
 * an amap is split and joined without touching the anons in it.
 *
 * Who may change a slot:
 *	1. An entry without VE_NEEDSCOPY owns the slots of its range.  Nobody
 *	   else reads or writes them, unless the amap is AMAP_SHARED.
 *	2. While several entries hold an amap that is not AMAP_SHARED, the
 *	   slots of those with VE_NEEDSCOPY do not change, except that
 *	   truncation of the object removes anons that nobody may see.
 *	3. am_refs == 1 seen by the entry that holds the reference, its map
 *	   write-locked: the whole amap is that entry's.  What lies outside
 *	   its range is left over from entries that are gone.
 * So clipping splits an amap that has one reference, and otherwise lets the
 * halves share it; an entry that goes frees its own range if it owns it (1);
 * and an entry that gives up needs-copy by (3) first frees what is left over.
 * The one case in which an anon outlives its last user is an amap still
 * shared across a fork: until it is written or goes.
 *
 * Protection:
 *	I	constant
 *	a	C11 atomic
 *	l	am_lock
 *	o	the lock of am_obj
 *	h	who holds an anon (uvm_anon_hold()), or has it alone and the amap
 *		locked, may rely on it; changed by who has set AN_OUT
 *		or AN_IN, for which he needs a reference of his own
 */
#ifndef UVM_AMAP_H
#define UVM_AMAP_H

#include <sys/types.h>
#include <sys/queue.h>
#include <base/lock.h>
#include <base/refcount.h>
#include <phys/page.h>
#include <uvm/radix.h>
#include <uvm/swap.h>

struct uvm_object;

/*
 * An anon that several amaps hold is read-only: its page is never written, so
 * readers need no lock but that of their own amap, which keeps their
 * reference.  A copy of an amap shares the nodes of its tree until one of the
 * two is changed, and then all but those on the way to the change; a node's
 * slot counts as one reference, however many amaps hold the node.  So an amap
 * has an anon for itself if it is the only reference and no node on the way
 * is shared: amap_find() tells.  Only who has locked the one amap that has
 * an anon can share it.
 */
struct vm_anon {
	_Atomic(uintptr_t) an_where; /* [h] vm_page or uvm_slot_tag() */
	refcount_t an_refs;          /* [a] slots that hold it, and pagers */
	_Atomic(uint32_t) an_hold;   /* [a] holds, AN_OUT or AN_IN */
};
#define AN_OUT 0x80000000u /* its page is being taken away: brief */
#define AN_IN  0x80000001u /* its page is being read: takes I/O */

struct vm_amap {
	struct rwlock am_lock;        /* [I] RANK_AMAP */
	refcount_t am_refs;           /* [a] map entries that point here */
	_Atomic(u_int) am_flags;      /* [a] AMAP_*; set under a map lock */
	struct radix am_anons;        /* [l] vm_anon by slot */
	uint64_t am_copynext;         /* [l] slot behind the last one copied */
	u_int am_copyrun;             /* [l] how many were, in order */
	struct uvm_object *am_obj;    /* [I] what it hides; NULL: zeroes */
	TAILQ_ENTRY(vm_amap) am_link; /* [o] all that hide am_obj */
	struct scan_item am_scan;     /* [I] for the page-out daemon */
};
TAILQ_HEAD(amapq, vm_amap);
#define AMAP_SHARED 1u /* entries of several maps write through it */

/* Once, at boot. */
void amap_boot(void);

/*
 * None of these takes or waits for a busy page; all may be called with map
 * locks held; those that say "no amap lock" take am_lock or that of am_obj.
 *
 * amap_create: empty, one reference; uo is the object it will hide or NULL,
 *	and must outlive it.  No amap or object lock.  NULL: no memory.
 * amap_ref: one more map entry points here.
 * amap_free: one less; the last frees every anon in one pass.  Cost follows
 *	anons present.  No amap or object lock held.  The dropping entry's
 *	mappings are gone.
 * amap_lookup: the anon at slot or NULL.  am_lock held.
 * amap_find: the same; *at says where that is, for what is done next to slots of
 *	the aligned range of RADIX_LEAF that slot is in, am_lock still held;
 *	*alone: this amap is the only one that has the anon, what others did to
 *	the page before they let go of it is done.
 * amap_add: n anons into empty slots of that range from slot on, taking over
 *	the caller's references.  am_lock write-held.  ENOMEM.
 * amap_replace: n anons into used slots of it; old[] are what they held, whose
 *	references are the caller's.  am_lock write-held.  ENOMEM: nothing
 *	changed, and at is good
 *	for nothing.
 * amap_gather: the anons in n slots of one such range, NULL where there is none,
 *	into an[]; how many.  am_lock held.
 * amap_gather_alike: in the range of at, those for which amap_find() would say
 *	alone.
 * amap_run: how many slots just below slot are used, at most max.
 * amap_gap: how many from slot on are not, at most max, in the range of at.
 * amap_remove_range: drop the anons in [slot, slot + n), which have been
 *	unmapped.  am_lock write-held.  ENOMEM: some are left; that happens
 *	only while nodes are shared with another amap.
 * amap_range_empty: no anon in [slot, slot + n).  am_lock held.
 * amap_copy: a new amap with the anons of [slot, slot + n), which it shares
 *	with old.  Costs the same however many there are.  Takes the lock of
 *	old; no amap or object lock.  NULL: no memory, nothing changed.  The
 *	caller sees to it that nobody can write to the pages.
 */
struct vm_amap *amap_create(struct uvm_object *uo);
void amap_ref(struct vm_amap *am);
void amap_free(struct vm_amap *am);
struct vm_anon *amap_lookup(struct vm_amap *am, uint64_t slot);
struct vm_anon *amap_find(struct vm_amap *am, uint64_t slot,
    struct radix_at *at, bool *alone);
int amap_add(struct vm_amap *am, uint64_t slot, struct vm_anon **an, u_int n,
    struct radix_at *at);
int amap_replace(struct vm_amap *am, uint64_t slot, struct vm_anon **an,
    struct vm_anon **old, u_int n, struct radix_at *at);
u_int amap_gather(struct vm_amap *am, uint64_t slot, u_int n,
    struct vm_anon **an);
u_int amap_gather_alike(const struct radix_at *at, uint64_t slot, u_int n,
    bool alone, struct vm_anon **an);
u_int amap_run(struct vm_amap *am, const struct radix_at *at, uint64_t slot,
    u_int max);
u_int amap_gap(const struct radix_at *at, uint64_t slot, u_int max);
int amap_remove_range(struct vm_amap *am, uint64_t slot, uint64_t n);
bool amap_range_empty(struct vm_amap *am, uint64_t slot, uint64_t n);
struct vm_amap *amap_copy(struct vm_amap *old, uint64_t slot, uint64_t n);

/*
 * amap_trim: drop everything outside [slot, slot + n).  Takes am_lock.
 *	ENOMEM: some of it is left.
 * amap_split: *highp becomes a new amap with what lies at or above slot, or
 *	NULL when that is nothing.  ENOMEM: nothing changed.
 * amap_join: move everything in high, which lies above all in low, to low,
 *	and free high.  ENOMEM: nothing changed.
 * All three: the caller has the only references and write-locked the map; no
 * amap or object lock.
 */
int amap_trim(struct vm_amap *am, uint64_t slot, uint64_t n);
int amap_split(struct vm_amap *am, uint64_t slot, struct vm_amap **highp);
int amap_join(struct vm_amap *low, struct vm_amap *high);

/*
 * amap_protect_pages: write-protect every page of [slot, slot + n) wherever
 *	it is mapped.  Takes am_lock.  Shoots down.
 * amap_truncate: the object uo now ends at page first: drop the copies that
 *	amaps hold of pages from there on, and unmap them.  The caller has a
 *	reference to uo and no lock at RANK_AMAP or above.  Shoots down.
 */
void amap_protect_pages(struct vm_amap *am, uint64_t slot, uint64_t n);
void amap_truncate(struct uvm_object *uo, uint64_t first);

/*
 * uvm_anon_alloc: a new anon, one reference, with a page of its own (PK_ANON,
 *	contents as flags: PA_ZERO), which is *pgp.  NULL: no memory.
 * uvm_anon_alloc_batch: up to n of these into an[], their pages into pg[]; how
 *	many, perhaps none while there is memory.  PHYS_RUN of them have
 *	neighbouring, aligned pages where there are such.
 * uvm_anon_rele: one reference less; the last frees the page, which is not
 *	mapped then.
 * uvm_anons_rele: the same for n of them, at most UVM_BATCH.
 * uvm_anon_page: its page, NULL: it is on swap.  May be stale, see [h].
 * uvm_anon_hold: its page, which stays until uvm_anon_unhold(); NULL: it is on
 *	swap and nothing is held.  Spins briefly; the caller has a reference.
 */
struct vm_anon *uvm_anon_alloc(u_int flags, struct vm_page **pgp);
u_int uvm_anon_alloc_batch(u_int flags, struct vm_anon **an,
    struct vm_page **pg, u_int n);
void uvm_anon_rele(struct vm_anon *an);
void uvm_anons_rele(struct vm_anon **an, u_int n);

static inline struct vm_page *
uvm_anon_page(const struct vm_anon *an)
{
	uintptr_t w = atomic_load_explicit(&an->an_where, memory_order_acquire);

	return uvm_is_slot(w) ? NULL : (struct vm_page *)w;
}

struct vm_page *uvm_anon_hold(struct vm_anon *an);
void uvm_anon_unhold(struct vm_anon *an);

/*
 * anon_alone: one slot, or somebody else, has the only reference.  The acquire
 *	pairs with the release of whoever let go of it.
 * amap_alone: and that is a slot of the amap at is in: amap_find()'s alone.
 */
static inline bool
anon_alone(const struct vm_anon *an)
{
	return refcount_alone(&an->an_refs);
}

static inline bool
amap_alone(const struct vm_anon *an, const struct radix_at *at)
{
	return at->ra_alone && anon_alone(an);
}

/* Other maps may write through it.  Any context. */
static inline bool
amap_shared(const struct vm_amap *am)
{
	u_int flags = atomic_load_explicit(&am->am_flags, memory_order_relaxed);

	return (flags & AMAP_SHARED) != 0;
}

/*
 * The caller's entry, whose map is write-locked, has the only reference.
 * What others did to the slots before they let go is done.
 */
static inline bool
amap_exclusive(const struct vm_amap *am)
{
	return refcount_alone(&am->am_refs);
}

/* Check every slot; panics on damage.  am_lock held or out of reach. */
void amap_verify(struct vm_amap *am);

#endif
