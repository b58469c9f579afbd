/*
 * uvm_map.c: making, splitting, merging and removing map entries.
 *
 * An operation on a range clips the entries that reach over its ends, so that
 * every entry lies inside or outside; changes what is inside; and merges what
 * has become equal.  Clips are the only step that can fail for want of
 * memory, and come first.  Entries that leave the map keep their references
 * until the map is unlocked, because giving up the last one may sleep.
 *
 * Locks: the map write-locked throughout.  Amap and object locks are taken
 * inside and released before return.
 */
#include <uvm/map.h>

#include <sys/abi.h>
#include <sys/errno.h>

#include <base/kassert.h>
#include <base/probe.h>

#include <phys/pool.h>

#include "uvm_local.h"

#define VM_LOW32_MAX ((vaddr_t)1 << 31)

_Atomic(u_int) uvm_map_count_max = 65530;

static struct pool entry_pool;

void
uvm_map_boot(void)
{
	pool_init(&entry_pool, "vmentry", sizeof(struct vm_entry), 0);
}

void
uvm_map_init(struct vm_map *map, struct pmap *pm, vaddr_t min, vaddr_t max)
{
	rw_init(&map->vm_lock, RANK_MAP);
	map->vm_pmap = pm;
	map->vm_root = map->vm_first = NULL;
	map->vm_nentries = 0;
	map->vm_size = map->vm_peak = map->vm_data = map->vm_commit = 0;
	map->vm_aslimit = map->vm_datalimit = ~(vsize_t)0;
	map->vm_min = min;
	map->vm_max = max;
	map->vm_mmapbase = max;
	atomic_init(&map->vm_ngrow, 0);
	map->vm_state = VM_LIVE;
}

int
uvm_map_lock(struct vm_map *map)
{
	KASSERT(lock_none_above(RANK_MAP));
	rw_write_enter(&map->vm_lock);
	if (map->vm_state == VM_LIVE)
		return 0;
	rw_exit(&map->vm_lock);
	return EFAULT;
}

/* The tree and all that can be said of an entry in O(1). */
static void
verify_entries(const struct vm_map *map)
{
	const struct vm_entry *e, *next;

	KASSERT(map->vm_state == VM_LIVE || map->vm_first == NULL);
	uvm_tree_verify(map);
	for (e = map->vm_first; e != NULL; e = next) {
		next = e->ve_next;
		KASSERT((e->ve_prot & ~e->ve_maxprot) == 0);
		KASSERT((e->ve_off & PAGE_MASK) == 0);
		KASSERT((e->ve_flags & VE_COW) != 0 || e->ve_obj != NULL);
		KASSERT((e->ve_flags & VE_COW) != 0 ||
			(e->ve_amap == NULL && e->ve_inherit != INHERIT_COPY));
		KASSERT(
		    (e->ve_flags & VE_NEEDSCOPY) == 0 || e->ve_amap != NULL);
		KASSERT(e->ve_amap == NULL || e->ve_amap->am_obj == e->ve_obj);
		KASSERT(e->ve_obj == NULL ||
			refcount_load(&e->ve_obj->uo_refs) > 0);
		KASSERT(next == NULL || e->ve_end != next->ve_start ||
			e->ve_amap != NULL || next->ve_amap != NULL ||
			!uvm_entries_alike(e, next));
	}
}

void
uvm_map_verify(struct vm_map *map)
{
	struct vm_entry *e;

	KASSERT(rw_held(&map->vm_lock));
	verify_entries(map);
	for (e = map->vm_first; e != NULL; e = e->ve_next) {
		if (e->ve_amap == NULL)
			continue;
		rw_read_enter(&e->ve_amap->am_lock);
		amap_verify(e->ve_amap);
		rw_exit(&e->ve_amap->am_lock);
	}
}

/* Beyond this many entries a look at all of them costs too much each time. */
#define VERIFY_MAX 128

void
uvm_map_unlock(struct vm_map *map)
{
	if (DEBUG && map->vm_nentries <= VERIFY_MAX)
		verify_entries(map);
	rw_exit(&map->vm_lock);
}

struct vm_entry *
uvm_entry_alloc(void)
{
	return pool_get(&entry_pool, PA_ZERO);
}

u_int
uvm_entry_alloc_batch(struct vm_entry **es, u_int n)
{
	return pool_get_batch(&entry_pool, (void **)es, n, 0);
}

void
uvm_entry_free(struct vm_entry *e)
{
	pool_put(&entry_pool, e);
}

void
uvm_entry_free_batch(struct vm_entry **es, u_int n)
{
	if (n == 1)
		pool_put(&entry_pool, es[0]);
	else if (n > 0)
		pool_put_batch(&entry_pool, (void **)es, n);
}

/*
 * Count e, once more or less, among the writers of its object: stores reach
 * the object, or would after mprotect().
 */
static void
count_writer(const struct vm_entry *e, u_int add)
{
	if (e->ve_obj != NULL && (e->ve_flags & VE_COW) == 0 &&
	    (e->ve_maxprot & PROT_WRITE) != 0)
		atomic_fetch_add_explicit(&e->ve_obj->uo_writers, add,
		    memory_order_relaxed);
}

void
uvm_entry_hold_object(struct vm_entry *e)
{
	if (e->ve_obj == NULL)
		return;
	uvm_object_ref(e->ve_obj);
	count_writer(e, 1);
}

void
uvm_entry_imitate(struct vm_entry *n, const struct vm_entry *e, vaddr_t start,
    vaddr_t end, uint64_t off)
{
	n->ve_start = start;
	n->ve_end = end;
	n->ve_off = off;
	n->ve_obj = e->ve_obj;
	n->ve_amap = NULL;
	n->ve_flags = e->ve_flags & (uint16_t)~VE_NEEDSCOPY;
	n->ve_prot = e->ve_prot;
	n->ve_maxprot = e->ve_maxprot;
	n->ve_inherit = e->ve_inherit;
	n->ve_advice = e->ve_advice;
	n->ve_wired = e->ve_wired;
	uvm_entry_hold_object(n);
}

static void
drop_object(struct vm_entry *e)
{
	if (e->ve_obj == NULL)
		return;
	count_writer(e, -1u);
	uvm_object_free(e->ve_obj);
	e->ve_obj = NULL;
}

/* Whether e alone may change the slots of its range: <uvm/amap.h>, rule 1. */
static bool
owns_slots(const struct vm_entry *e)
{
	return (e->ve_flags & VE_NEEDSCOPY) == 0 && !amap_shared(e->ve_amap);
}

void
uvm_entry_drop(struct vm_entry *e, struct uvm_batch *b)
{
	struct vm_amap *am = e->ve_amap;

	if (am != NULL) {
		if (!amap_exclusive(am) && owns_slots(e)) {
			rw_write_enter(&am->am_lock);
			/* What is left for want of memory goes with am. */
			(void)amap_remove_range(am, entry_slot(e, e->ve_start),
			    entry_npages(e));
			rw_exit(&am->am_lock);
		}
		amap_free_batch(am, b);
		e->ve_amap = NULL;
	}
	drop_object(e);
}

void
uvm_entries_drop(struct vm_entry *dead)
{
	struct vm_entry *e, *gone[UVM_ENTRY_BATCH];
	struct uvm_batch b;
	u_int n = 0;

	if (dead == NULL)
		return;
	uvm_batch_init(&b);
	while ((e = dead) != NULL) {
		dead = e->ve_next;
		uvm_entry_drop(e, &b);
		gone[n++] = e;
		if (n == UVM_ENTRY_BATCH) {
			uvm_entry_free_batch(gone, n);
			n = 0;
		}
	}
	uvm_entry_free_batch(gone, n);
	uvm_batch_end(&b);
}

int
uvm_entry_own(struct vm_entry *e)
{
	struct vm_amap *am = e->ve_amap, *new;
	uint64_t slot = entry_slot(e, e->ve_start);

	KASSERT((e->ve_flags & VE_COW) != 0);
	if (am == NULL) {
		KASSERT((e->ve_flags & VE_NEEDSCOPY) == 0);
		e->ve_amap = amap_create(e->ve_obj);
		return e->ve_amap == NULL ? ENOMEM : 0;
	}
	if ((e->ve_flags & VE_NEEDSCOPY) == 0)
		return 0;
	/*
	 * The acquire pairs with the release of whoever let go last: what it
	 * did to the slots is done.
	 */
	if (amap_exclusive(am)) {
		if (amap_trim(am, slot, entry_npages(e)) != 0)
			return ENOMEM;
	} else {
		new = amap_copy(am, slot, entry_npages(e));
		if (new == NULL)
			return ENOMEM;
		e->ve_amap = new;
		amap_free(am);
	}
	e->ve_flags &= (uint16_t)~VE_NEEDSCOPY;
	return 0;
}

/*
 * Equal in all that a program can tell; whether the amaps fit is another
 * question.  An entry without amap has nothing to copy, so that needs-copy
 * makes no difference then.  Nor does it matter who was counted as committed:
 * both will be.
 */
bool
uvm_entries_alike(const struct vm_entry *a, const struct vm_entry *b)
{
	u_int differ = a->ve_flags ^ b->ve_flags;

	differ &= ~VE_COMMIT;
	if (a->ve_amap == NULL || b->ve_amap == NULL)
		differ &= ~VE_NEEDSCOPY;
	return differ == 0 && a->ve_obj == b->ve_obj &&
	       a->ve_off + (a->ve_end - a->ve_start) == b->ve_off &&
	       a->ve_prot == b->ve_prot && a->ve_maxprot == b->ve_maxprot &&
	       a->ve_inherit == b->ve_inherit && a->ve_advice == b->ve_advice &&
	       a->ve_wired == b->ve_wired;
}

bool
uvm_entry_extends(const struct vm_entry *e, uint64_t slot, uint64_t n)
{
	struct vm_amap *am = e->ve_amap;
	bool empty;

	if (am == NULL)
		return true;
	if (amap_shared(am))
		return false;
	if ((e->ve_flags & VE_NEEDSCOPY) == 0 && !amap_exclusive(am))
		return false;
	rw_read_enter(&am->am_lock);
	empty = amap_range_empty(am, slot, n);
	rw_exit(&am->am_lock);
	return empty;
}

/* Make a's flags b's, but for the one that a map counts by. */
static void
take_flags(struct vm_entry *a, const struct vm_entry *b)
{
	a->ve_flags =
	    (uint16_t)((b->ve_flags & ~VE_COMMIT) | (a->ve_flags & VE_COMMIT));
}

/*
 * Let a's amap cover b's range too, so that b needs none.  False: it cannot;
 * nothing changed.
 */
static bool
merge_amaps(struct vm_entry *a, struct vm_entry *b)
{
	struct vm_amap *am = a->ve_amap, *bm = b->ve_amap;

	if (am == bm) {
		if (am != NULL)
			amap_free(am);
	} else if (bm == NULL) {
		if (!uvm_entry_extends(a, entry_slot(b, b->ve_start),
			entry_npages(b)))
			return false;
	} else if (am == NULL) {
		if (!uvm_entry_extends(b, entry_slot(a, a->ve_start),
			entry_npages(a)))
			return false;
		a->ve_amap = bm;
		take_flags(a, b);
	} else {
		if (!owns_slots(a) || !owns_slots(b) || !amap_exclusive(am) ||
		    !amap_exclusive(bm) || amap_join(am, bm) != 0)
			return false;
	}
	b->ve_amap = NULL;
	return true;
}

/* Whether b, which begins where a ends, can become part of a; prepares it. */
static bool
merge_fits(struct vm_entry *a, struct vm_entry *b)
{
	return a->ve_end == b->ve_start && uvm_entries_alike(a, b) &&
	       merge_amaps(a, b);
}

/* Make b, which fits and is in no map, part of a. */
static void
absorb(struct vm_map *map, struct vm_entry *a, struct vm_entry *b)
{
	KASSERT(b->ve_amap == NULL);
	uvm_map_change(map, a, a->ve_prot,
	    a->ve_flags | (b->ve_flags & VE_COMMIT));
	uvm_tree_resize(map, a, a->ve_start, b->ve_end);
	/* a has the object too: this reference is not the last. */
	drop_object(b);
	uvm_entry_free(b);
}

/* Merge e with the entry behind it, if there is one that fits. */
static bool
merge_next(struct vm_map *map, struct vm_entry *e)
{
	struct vm_entry *next = e->ve_next;

	if (next == NULL || !merge_fits(e, next))
		return false;
	uvm_tree_remove(map, next);
	absorb(map, e, next);
	return true;
}

void
uvm_map_simplify(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	struct vm_entry *e;

	e = uvm_map_next(map, start);
	if (e != NULL && e->ve_prev != NULL)
		e = e->ve_prev;
	while (e != NULL && e->ve_start < end)
		if (!merge_next(map, e))
			e = e->ve_next;
}

/* Put e, which lies in the free space behind prev, into the map. */
static struct vm_entry *
insert_behind(struct vm_map *map, struct vm_entry *e, struct vm_entry *prev)
{
	struct vm_entry *next;

	KASSERT(rw_write_held(&map->vm_lock));
	if (prev != NULL && merge_fits(prev, e)) {
		absorb(map, prev, e);
		(void)merge_next(map, prev);
		return prev;
	}
	next = prev == NULL ? map->vm_first : prev->ve_next;
	if (next != NULL && merge_fits(e, next)) {
		/* The same, the other way round: next is in the tree. */
		next->ve_amap = e->ve_amap;
		take_flags(next, e);
		uvm_map_change(map, next, next->ve_prot,
		    next->ve_flags | (e->ve_flags & VE_COMMIT));
		next->ve_off = e->ve_off;
		e->ve_amap = NULL;
		uvm_tree_resize(map, next, e->ve_start, next->ve_end);
		drop_object(e);
		uvm_entry_free(e);
		return next;
	}
	uvm_tree_insert(map, e, prev);
	return e;
}

int
uvm_map_clip(struct vm_map *map, struct vm_entry *e, vaddr_t va, bool force)
{
	struct vm_entry *new;
	int error;

	KASSERT(rw_write_held(&map->vm_lock));
	KASSERT(e->ve_start < va && va < e->ve_end);
	if (!force && uvm_map_full(map))
		return ENOMEM;
	new = uvm_entry_alloc();
	if (new == NULL)
		return ENOMEM;

	*new = *e;
	new->ve_start = va;
	new->ve_off = entry_off(e, va);
	if (e->ve_amap != NULL && !amap_exclusive(e->ve_amap))
		amap_ref(new->ve_amap);
	else if (e->ve_amap != NULL) {
		error =
		    amap_split(e->ve_amap, atop(new->ve_off), &new->ve_amap);
		if (error != 0) {
			uvm_entry_free(new);
			return error;
		}
		if (new->ve_amap == NULL)
			new->ve_flags &= (uint16_t)~VE_NEEDSCOPY;
	}
	uvm_entry_hold_object(new);
	uvm_tree_resize(map, e, e->ve_start, va);
	uvm_tree_insert(map, new, e);
	return 0;
}

bool
uvm_map_contiguous(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	struct vm_entry *e;

	for (e = uvm_map_lookup(map, start); e != NULL && e->ve_end < end;
	     e = e->ve_next)
		if (e->ve_next == NULL || e->ve_next->ve_start != e->ve_end)
			return false;
	return e != NULL;
}

struct vm_entry *
uvm_map_insert(struct vm_map *map, struct vm_entry *e)
{
	return insert_behind(map, e, uvm_tree_prev(map, e->ve_start));
}

/* Below this, unmapping is not worth the walk that counts pages. */
#define MAXRSS_NOTE ((vsize_t)1 << 20)

/* No mapping of [start, end) is left when this returns. */
static void
unmap_pages(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	if (end - start >= MAXRSS_NOTE)
		uvmspace_note_rss(container_of(map, struct vmspace, vm_map));
	pmap_remove(map->vm_pmap, start, end);
}

/*
 * Clip so that no entry reaches over the ends of [start, end), in which some
 * are.  *firstp is the first inside, *stopp the first behind, or NULL.
 * ENOMEM, or EPERM when one is sealed: nothing changed.
 */
static int
isolate(struct vm_map *map, vaddr_t start, vaddr_t end,
    struct vm_entry **firstp, struct vm_entry **stopp)
{
	struct vm_entry *first = *firstp, *last;
	u_int flags;
	int error;

	flags = first->ve_flags;
	for (last = first;
	     last->ve_next != NULL && last->ve_next->ve_start < end;) {
		last = last->ve_next;
		flags |= last->ve_flags;
	}
	if ((flags & VE_SEALED) != 0)
		return EPERM;
	/* Only a hole in the middle of an entry makes one more of them. */
	if (first->ve_start < start && end < first->ve_end && uvm_map_full(map))
		return ENOMEM;
	error = 0;
	if (end < last->ve_end)
		error = uvm_map_clip(map, last, end, true);
	*stopp = last->ve_next;
	if (error == 0 && first->ve_start < start) {
		error = uvm_map_clip(map, first, start, true);
		*firstp = first->ve_next;
	}
	if (error != 0)
		uvm_map_simplify(map, start, end);
	return error;
}

/*
 * Where [start, end) is one edge of e and of nothing else, and nothing is there:
 * e becomes shorter, and no other entry is made to be dropped.  False: it is
 * not so.
 */
static bool
unmap_edge(struct vm_map *map, struct vm_entry *e, vaddr_t start, vaddr_t end)
{
	bool low = start <= e->ve_start && end < e->ve_end;
	bool high = start > e->ve_start && end >= e->ve_end &&
		    (e->ve_next == NULL || e->ve_next->ve_start >= end);
	uint64_t slot, last;
	bool empty = true;

	if (low == high || e->ve_obj != NULL || (e->ve_flags & VE_SEALED) != 0)
		return false;
	if (e->ve_amap != NULL) {
		slot = entry_slot(e, low ? e->ve_start : start);
		last = entry_slot(e, (low ? end : e->ve_end) - 1);
		rw_read_enter(&e->ve_amap->am_lock);
		empty = amap_range_empty(e->ve_amap, slot, last - slot + 1);
		rw_exit(&e->ve_amap->am_lock);
	}
	if (!empty)
		return false;
	if (low) {
		e->ve_off = entry_off(e, end);
		uvm_tree_resize(map, e, end, e->ve_end);
	} else {
		uvm_tree_resize(map, e, e->ve_start, start);
	}
	return true;
}

int
uvm_map_unmap(struct vm_map *map, vaddr_t start, vaddr_t end,
    struct vm_entry **dead)
{
	struct vm_entry *e, *next, *stop;
	bool touched;
	int error;

	KASSERT(rw_write_held(&map->vm_lock));
	KASSERT(((start | end) & PAGE_MASK) == 0 && start < end);
	e = uvm_map_next(map, start);
	if (e == NULL || e->ve_start >= end || unmap_edge(map, e, start, end))
		return 0;
	error = isolate(map, start, end, &e, &stop);
	if (error != 0)
		return error;
	touched = false;
	for (; e != stop; e = next) {
		next = e->ve_next;
		/* What has neither amap nor object was never mapped. */
		touched |= e->ve_amap != NULL || e->ve_obj != NULL;
		uvm_tree_remove(map, e);
		e->ve_next = *dead;
		*dead = e;
	}
	if (touched)
		unmap_pages(map, start, end);
	return 0;
}

int
uvm_unmap(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	struct vm_entry *dead = NULL;
	int error;

	error = uvm_map_lock(map);
	if (error != 0)
		return error;
	error = uvm_map_unmap(map, start, end, &dead);
	uvm_map_unlock(map);
	if (error == 0)
		PROBE3(uvm, map_remove, start, end, 0);
	uvm_entries_drop(dead);
	return error;
}

int
uvm_map_place(struct vm_map *map, vaddr_t hint, vsize_t len, u_int how,
    vaddr_t *addr, struct vm_entry **prevp)
{
	vaddr_t limit;

	limit = (how & UVM_MAP_LOW32) != 0 ? VM_LOW32_MAX : map->vm_max;
	if (hint != 0 && hint < limit && limit - hint >= len &&
	    uvm_tree_free(map, hint, len, prevp)) {
		*addr = hint;
		return 0;
	}
	if (uvm_tree_space(map, len, MIN(limit, map->vm_mmapbase), addr,
		prevp) ||
	    uvm_tree_space(map, len, limit, addr, prevp))
		return 0;
	return ENOMEM;
}

/* Bytes of [start, end) that are mapped. */
static vsize_t
mapped_len(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	struct vm_entry *e;
	vsize_t len;

	len = 0;
	for (e = uvm_map_next(map, start); e != NULL && e->ve_start < end;
	     e = e->ve_next)
		len += MIN(e->ve_end, end) - MAX(e->ve_start, start);
	return len;
}

/*
 * Find room for e, making it if need be, and put it there.  What was in the
 * way goes to *dead.  Nothing has changed on error.
 */
static int
map_locked(struct vm_map *map, vaddr_t *addr, vsize_t len,
    const struct uvm_mapargs *args, struct vm_entry *e, struct vm_entry **dead)
{
	struct vm_entry *prev;
	vsize_t replaced;
	vaddr_t va = *addr;
	int error;

	replaced = 0;
	if ((args->um_how & UVM_MAP_FIXED) != 0) {
		if (va < map->vm_min || va > map->vm_max ||
		    map->vm_max - va < len)
			return ENOMEM;
		replaced = mapped_len(map, va, va + len);
		if (replaced > 0 && (args->um_how & UVM_MAP_NOREPLACE) != 0)
			return EEXIST;
	} else {
		error = uvm_map_place(map, va, len, args->um_how, &va, &prev);
		if (error != 0)
			return error;
	}
	error = uvm_map_room(map, len - MIN(len, replaced));
	if (error == 0)
		error = uvm_map_charge(map, len - MIN(len, replaced),
		    args->um_prot, args->um_flags);
	if (error != 0)
		return error;
	if (uvm_map_full(map))
		return ENOMEM;
	if (replaced > 0) {
		error = uvm_map_unmap(map, va, va + len, dead);
		if (error != 0)
			return error;
	}
	e->ve_start = va;
	e->ve_end = va + len;
	e->ve_off = args->um_obj != NULL ? args->um_off : va;
	/* The caller's reference to the object becomes e's. */
	count_writer(e, 1);
	if ((args->um_how & UVM_MAP_FIXED) != 0)
		prev = uvm_tree_prev(map, va);
	(void)insert_behind(map, e, prev);
	*addr = va;
	return 0;
}

int
uvm_map(struct vm_map *map, vaddr_t *addr, vsize_t len,
    const struct uvm_mapargs *args)
{
	struct vm_entry *e, *dead = NULL;
	int error;

	KASSERT(((*addr | len | args->um_off) & PAGE_MASK) == 0);
	KASSERT((args->um_flags & VE_COW) != 0 || args->um_obj != NULL);
	KASSERT(
	    (args->um_flags & VE_COW) != 0 || args->um_inherit != INHERIT_COPY);
	KASSERT((args->um_prot & ~args->um_maxprot) == 0);
	if (len == 0)
		return EINVAL;
	if (len > map->vm_max - map->vm_min)
		return ENOMEM;
	if (args->um_obj != NULL && args->um_off + (len - 1) < args->um_off)
		return EOVERFLOW;

	if (uvm_entry_alloc_batch(&e, 1) == 0)
		return ENOMEM;
	/* What is not set here, uvm_map_insert() does. */
	e->ve_obj = args->um_obj;
	e->ve_amap = NULL;
	e->ve_wired = 0;
	e->ve_flags = (uint16_t)(args->um_flags | uvm_commit_flag(args->um_prot,
						      args->um_flags));
	e->ve_prot = (uint8_t)args->um_prot;
	e->ve_maxprot = (uint8_t)args->um_maxprot;
	e->ve_inherit = (uint8_t)args->um_inherit;
	e->ve_advice = MADV_NORMAL;
	error = uvm_map_lock(map);
	if (error == 0) {
		error = map_locked(map, addr, len, args, e, &dead);
		uvm_map_unlock(map);
	}
	if (error != 0)
		uvm_entry_free(e);
	else
		PROBE3(uvm, map_insert, *addr, *addr + len, args->um_prot);
	uvm_entries_drop(dead);
	return error;
}
