/*
 * uvm_anon.c: anons whose page is on swap, or on its way.
 *
 *	            pager has a reference             reader
 *
 *	in memory   --- AN_OUT, brief --->  on swap   holds the anon, which
 *	(page)      <--- AN_IN, I/O -----   (slot)    keeps AN_OUT away
 *
 * An anon does not know the amaps that hold it, and may be held by several, so
 * the lock of one is not enough to take the page away from under the others.
 * Whoever pages has a reference of his own.  Therefore:
 *
 *	- an anon that an amap has alone (amap_find()), the amap locked, is
 *	  not being paged: the common case of a fault needs nothing new;
 *	- while it is being written no mapping is writable, because only anons
 *	  that an amap has alone are mapped so: what is written is what stays;
 *	- readers of an anon that is not theirs alone hold it (a count) for as
 *	  long as they need the page, and its page is taken away only when
 *	  nobody does, and nobody maps it;
 *	- an owner that exits drops its reference and does not wait; the pager's
 *	  is then the last, and frees page and slot when the I/O is over.
 *
 * A page that was read keeps its slot (pg_index is the slot's number and one),
 * so that it can be taken away again without writing, until it is modified.
 *
 * Locks: am_lock to gather, none to fetch; anon_lock is what those sleep under
 * who wait for the end of AN_IN.
 */
#include <uvm/uvm.h>

#include <sys/errno.h>

#include <base/cpu.h>
#include <base/kassert.h>
#include <base/lock.h>
#include <base/print.h>
#include <base/thread.h>

#include "uvm_local.h"

static struct spin anon_lock = SPIN_INITIALIZER(RANK_PAGEQ);

struct vm_page *
uvm_anon_hold(struct vm_anon *an)
{
	struct vm_page *pg;
	uint32_t h;

	KASSERT(refcount_load(&an->an_refs) > 0);
	h = atomic_load_explicit(&an->an_hold, memory_order_relaxed);
	do {
		if (h == AN_IN)
			return NULL;
		while (h == AN_OUT) {
			md_cpu_relax();
			h = atomic_load_explicit(&an->an_hold,
			    memory_order_relaxed);
		}
		if (h == AN_IN)
			return NULL;
	} while (!atomic_compare_exchange_weak_explicit(&an->an_hold, &h, h + 1,
	    memory_order_acquire, memory_order_relaxed));
	pg = uvm_anon_page(an);
	if (pg == NULL)
		uvm_anon_unhold(an);
	return pg;
}

void
uvm_anon_unhold(struct vm_anon *an)
{
	uint32_t old;

	old = atomic_fetch_sub_explicit(&an->an_hold, 1, memory_order_release);
	KASSERT(old > 0 && old < AN_OUT);
}

/* From nobody's hold to AN_OUT or AN_IN. */
static bool
anon_try(struct vm_anon *an, uint32_t how)
{
	uint32_t none = 0;

	return atomic_compare_exchange_strong_explicit(&an->an_hold, &none, how,
	    memory_order_acquire, memory_order_relaxed);
}

bool
anon_evict(struct vm_anon *an, struct vm_page *pg, swslot_t slot)
{
	bool gone = false;

	/* Others spin meanwhile. */
	preempt_disable();
	if (anon_try(an, AN_OUT)) {
		KASSERT(uvm_anon_page(an) == pg);
		gone = !pmap_page_mapped(pg);
		if (gone) {
			atomic_store_explicit(&an->an_where, uvm_slot_tag(slot),
			    memory_order_relaxed);
			pg->pg_anon = NULL;
			pg->pg_index = 0;
		}
		atomic_store_explicit(&an->an_hold, 0, memory_order_release);
	}
	preempt_enable();
	return gone;
}

/* The end of AN_IN. */
static void
anon_arrived(struct vm_anon *an)
{
	spin_enter(&anon_lock);
	KASSERT(
	    atomic_load_explicit(&an->an_hold, memory_order_relaxed) == AN_IN);
	atomic_store_explicit(&an->an_hold, 0, memory_order_release);
	wakeup(an);
	spin_exit(&anon_lock);
}

/* Claim an, to be read, if w is where it is and a slot. */
static bool
anon_claim(struct vm_anon *an, uintptr_t w)
{
	if (an == NULL || !uvm_is_slot(w) ||
	    atomic_load_explicit(&an->an_where, memory_order_relaxed) != w)
		return false;
	if (!anon_try(an, AN_IN))
		return false;
	/* Somebody may have brought it in, and even out again, before. */
	if (atomic_load_explicit(&an->an_where, memory_order_relaxed) != w) {
		anon_arrived(an);
		return false;
	}
	refcount_acquire(&an->an_refs);
	return true;
}

/* Whether the slot next to one that is wanted is in memory. */
static bool
anon_near(struct vm_amap *am, uint64_t slot)
{
	struct vm_anon *an = amap_lookup(am, slot);

	return an != NULL && uvm_anon_page(an) != NULL;
}

void
anon_gather(struct vm_amap *am, uint64_t slot, u_int max,
    struct anon_cluster *ac)
{
	struct vm_anon *an[SWAP_READHEAD];
	u_int first, end, want;
	uintptr_t w;

	KASSERT(rw_write_held(&am->am_lock));
	KASSERT(max > 0 && max <= SWAP_READHEAD);
	/* What goes on from memory that is there is no random access. */
	if (max > 1 && !anon_near(am, slot - 1) && !anon_near(am, slot + 1))
		max /= 2;
	want = (u_int)(slot % max);
	(void)amap_gather(am, slot - want, max, an);
	KASSERT(an[want] != NULL);
	w = atomic_load_explicit(&an[want]->an_where, memory_order_relaxed);
	ac->ac_anon[0] = an[want];
	ac->ac_want = 0;
	ac->ac_n = 0;
	if (!anon_claim(an[want], w)) {
		refcount_acquire(&an[want]->an_refs);
		return;
	}
	for (first = want; first > 0; first--)
		if (!anon_claim(an[first - 1],
			uvm_slot_tag(uvm_slot_of(w) - (want - first + 1))))
			break;
	for (end = want + 1; end < max; end++)
		if (!anon_claim(an[end],
			uvm_slot_tag(uvm_slot_of(w) + (end - want))))
			break;
	ac->ac_want = want - first;
	ac->ac_n = end - first;
	memcpy(ac->ac_anon, an + first, ac->ac_n * sizeof(an[0]));
}

/* Wait until an, which the caller has a reference to, is not being read. */
static void
anon_wait(struct vm_anon *an)
{
	spin_enter(&anon_lock);
	/* Relaxed: anon_arrived() has the lock, too. */
	while (
	    atomic_load_explicit(&an->an_hold, memory_order_relaxed) == AN_IN)
		(void)sleep_spin(an, &anon_lock, 0, 0, "swapin");
	spin_exit(&anon_lock);
}

/* The slot that an, which is claimed, is on. */
static swslot_t
anon_slot(const struct vm_anon *an)
{
	return uvm_slot_of(
	    atomic_load_explicit(&an->an_where, memory_order_relaxed));
}

/* Give an the page pg, read from its slot. */
static void
anon_settle(struct vm_anon *an, struct vm_page *pg)
{
	swslot_t slot = anon_slot(an);

	pg->pg_anon = an;
	if (swap_crowded() || swap_on_leaving(slot))
		swap_free(slot, 1);
	else
		pg->pg_index = slot + 1;
	atomic_store_explicit(&an->an_where, (uintptr_t)pg,
	    memory_order_release);
}

/* Read the n anons of ac from the first on into new pages. */
static int
read_slots(const struct anon_cluster *ac, u_int first, u_int n, struct bio *b)
{
	u_int i;
	int error = 0;

	for (i = 0; i < n && error == 0; i++) {
		b->b_page[i] = page_alloc(PK_ANON, 0);
		if (b->b_page[i] == NULL)
			error = ENOMEM;
	}
	if (error == 0) {
		b->b_npages = n;
		b->b_write = false;
		error = blk_io(swap_bio(anon_slot(ac->ac_anon[first]), b), b);
	} else
		i--;
	while (error != 0 && i > 0)
		page_free(b->b_page[--i]);
	return error;
}

int
anon_fetch(struct anon_cluster *ac)
{
	u_int i, first = 0, n = ac->ac_n;
	struct vm_anon *an;
	struct bio b;
	int error;

	KASSERT(lock_none_above(RANK_MAP));
	if (n == 0) {
		anon_wait(ac->ac_anon[0]);
		uvm_anon_rele(ac->ac_anon[0]);
		return 0;
	}
	error = read_slots(ac, first, n, &b);
	if (error != 0 && n > 1) {
		/* Neighbours must not harm the one that is wanted. */
		first = ac->ac_want;
		n = 1;
		error = read_slots(ac, first, n, &b);
	}
	for (i = 0; i < ac->ac_n; i++) {
		an = ac->ac_anon[i];
		if (error == 0 && i >= first && i < first + n)
			anon_settle(an, b.b_page[i - first]);
		anon_arrived(an);
		uvm_anon_rele(an);
	}
	if (error == 0)
		pageout_count_read(n);
	return error;
}

/* Slots of am in [slot, last] that are on swap. */
static u_long
amap_swapped(struct vm_amap *am, uint64_t slot, uint64_t last)
{
	struct vm_anon *an;
	u_long n = 0;

	rw_read_enter(&am->am_lock);
	for (; (an = radix_next(&am->am_anons, &slot)) != NULL; slot++) {
		if (slot > last)
			break;
		n += uvm_anon_page(an) == NULL;
	}
	rw_exit(&am->am_lock);
	return n;
}

/* What of e, pages [slot, last], is on swap. */
static u_long
range_swapped(const struct vm_entry *e, uint64_t slot, uint64_t last)
{
	struct uvm_object *uo = e->ve_obj;
	u_long n = 0;
	void *v;

	if (e->ve_amap != NULL)
		n = amap_swapped(e->ve_amap, slot, last);
	if (uo == NULL || (e->ve_flags & VE_COW) != 0)
		return n;
	rw_read_enter(&uo->uo_lock);
	for (; uo->uo_nswap > 0; slot++) {
		v = radix_next(&uo->uo_pages, &slot);
		if (v == NULL || slot > last)
			break;
		n += uvm_is_slot((uintptr_t)v);
	}
	rw_exit(&uo->uo_lock);
	return n;
}

u_long
uvm_entry_swapped(const struct vm_entry *e)
{
	KASSERT(e->ve_end > e->ve_start);
	return range_swapped(e, entry_slot(e, e->ve_start),
	    entry_slot(e, e->ve_end - 1));
}

bool
uvm_entry_page_swapped(const struct vm_entry *e, vaddr_t va)
{
	KASSERT(va >= e->ve_start && va < e->ve_end);
	return range_swapped(e, entry_slot(e, va), entry_slot(e, va)) != 0;
}

u_long
uvmspace_swapped(struct vmspace *vm)
{
	struct vm_map *map = &vm->vm_map;
	struct vm_entry *e;
	u_long n = 0;

	KASSERT(lock_none_above(RANK_MAP));
	if (atomic_load_explicit(&uvm_swap_used, memory_order_relaxed) == 0)
		return 0;
	rw_read_enter(&map->vm_lock);
	if (map->vm_state == VM_LIVE)
		for (e = map->vm_first; e != NULL; e = e->ve_next)
			if ((e->ve_flags & VE_COW) != 0)
				n += uvm_entry_swapped(e);
	rw_exit(&map->vm_lock);
	return n;
}

/* The first page in [slot, last] of e that is on swap; last + 1: none. */
static uint64_t
next_swapped(const struct vm_entry *e, uint64_t slot, uint64_t last)
{
	struct vm_amap *am = e->ve_amap;
	struct uvm_object *uo = e->ve_obj;
	uint64_t a = slot, o = slot;
	struct vm_anon *an;
	void *v = NULL;

	if (am != NULL) {
		rw_read_enter(&am->am_lock);
		while ((an = radix_next(&am->am_anons, &a)) != NULL &&
		       a <= last && uvm_anon_page(an) != NULL)
			a++;
		if (an == NULL)
			a = last + 1;
		rw_exit(&am->am_lock);
	} else
		a = last + 1;
	if (uo != NULL) {
		rw_read_enter(&uo->uo_lock);
		while ((v = radix_next(&uo->uo_pages, &o)) != NULL &&
		       o <= last && !uvm_is_slot((uintptr_t)v))
			o++;
		rw_exit(&uo->uo_lock);
	}
	if (v == NULL)
		o = last + 1;
	return MIN(MIN(a, o), last + 1);
}

void
uvm_fetch_range(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	struct vm_entry *e;
	uint64_t slot, last;
	vaddr_t va = start;

	KASSERT(lock_none_above(RANK_MAP));
	while (va < end &&
	       atomic_load_explicit(&uvm_swap_used, memory_order_relaxed) > 0 &&
	       phys_free_count() > phys_low_pages) {
		rw_read_enter(&map->vm_lock);
		e = map->vm_state == VM_LIVE ? uvm_map_next(map, va) : NULL;
		if (e == NULL || e->ve_start >= end) {
			rw_exit(&map->vm_lock);
			return;
		}
		va = MAX(va, e->ve_start);
		last = entry_slot(e, MIN(end, e->ve_end) - 1);
		slot = next_swapped(e, entry_slot(e, va), last);
		va = slot > last ? e->ve_end
				 : e->ve_start +
				       (ptoa(slot) - entry_off(e, e->ve_start));
		rw_exit(&map->vm_lock);
		if (slot > last)
			continue;
		/* What hides it, or forbids it, is no reason to stop. */
		(void)uvm_touch(map, va, va + PAGE_SIZE, PROT_READ);
		va += PAGE_SIZE;
	}
}
