/*
 * uvm_fault.c: page faults.
 *
 * An entry is looked through from the top: the amap hides the object.
 *
 *	                 case 1                      case 2
 *	            the amap has it             the amap has not
 *
 *	          read or    write,         read or    write to   no object
 *	          it is ours shared anon    shared     private
 *
 *	 amap     [ page ]   [ page ]-.     [      ]   [ copy ]   [ zero ]
 *	             |          copy  |        :           ^          ^
 *	 object   [  :   ]   [  :   ] |     [ page ]   [ page ]       |
 *	             |                v        |                     new
 *	          1A: map    1B: map the    2A: map    2B: map    2C: map
 *	          it         copy           it         the copy   the zeroes
 *
 * 1A	The anon's page is mapped: writable if no other amap holds the anon
 *	and the entry does not need a copy of its amap, else read-only.
 * 1B	A write to an anon that other amaps hold.  A new anon with a copy of
 *	the page takes its slot; the old one loses our reference.
 * 2A	The object's page is mapped: for a private entry read-only, so that the
 *	first write comes here again.
 * 2B	A write to a private entry: the object's page is copied to a new anon
 *	("promoted").
 * 2C	Nothing below: a new anon of zeroes.
 *
 * 1B, 2B and 2C change the amap, and 1A may let it be written.  First,
 * therefore, the entry must own its slots: an amap is made if there is none,
 * and copied if the entry still shares it since a fork.  That changes the
 * entry and is the only thing here that takes the map lock for writing.
 *
 * The size of the object is looked at under the lock that guards what is
 * added (amap or object), because truncation lowers the size first and then
 * sweeps under that lock: whatever lies past the end, also a private copy, is
 * out of reach (SIGBUS).
 *
 * Neighbours.  A fault costs more than a mapping, so one maps what else it
 * finds resident in the 64 KiB around (1A, 2A), as old: that takes no memory
 * but for a reverse map.  Where zeroes are wanted (2C) right behind memory
 * that is there already, it makes as many new pages at once as precede
 * without a gap, in the same 64 KiB: 1, 1, 2, 4, 8, 16.  So a guess is never
 * larger than the run that it goes by, a page on its own brings no second one,
 * and a program that goes up through memory takes a sixteenth of the faults.
 * MADV_RANDOM turns both off.
 *
 * Locks: map (read), amap (write), object (read, or write to make a page);
 * all held until the page is mapped, which is what keeps it.  A page that
 * takes I/O is fetched with no lock held, and the fault starts over; so does
 * one that ran out of memory, once there is some.
 */
#include <uvm/uvm.h>

#include <sys/abi.h>
#include <sys/errno.h>

#include <base/cpu.h>
#include <base/kassert.h>
#include <base/probe.h>
#include <base/rwquick.h>

#include "uvm_local.h"

/* What a step of a fault comes to. */
enum verdict {
	FAULT_GO,     /* go on; after the last step: ufi_page is it */
	FAULT_OWN,    /* start over, and own the slots first */
	FAULT_FETCH,  /* start over when the object has fetched the page */
	FAULT_SWAP,   /* start over when the anon has been read from swap */
	FAULT_NOMEM,  /* start over when there is memory */
	FAULT_EFAULT, /* the rest: give up */
	FAULT_EACCES,
	FAULT_ENXIO,
	FAULT_EIO
};

bool
uvm_nomem(void)
{
	KASSERT(lock_none_above(RANK_MAP));
	if (uvm_upcalls == NULL || uvm_upcalls->up_killed())
		return false;
	/* Nobody is killed as long as something can be paged out. */
	return uvm_pageout_wait() || uvm_upcalls->up_nomem();
}

/* Release everything that fault_lookup() and what follows it took. */
static inline void
fault_unlock(struct uvm_faultinfo *ufi)
{
	if (ufi->ufi_obj != NULL)
		rw_exit(&ufi->ufi_obj->uo_lock);
	if (ufi->ufi_held != NULL)
		uvm_anon_unhold(ufi->ufi_held);
	if (ufi->ufi_near != NULL)
		while (ufi->ufi_near->un_nheld > 0)
			uvm_anon_unhold(
			    ufi->ufi_near->un_held[--ufi->ufi_near->un_nheld]);
	if (ufi->ufi_amap != NULL)
		rw_exit(&ufi->ufi_amap->am_lock);
	rw_exit(&ufi->ufi_map->vm_lock);
}

/*
 * What may be done to e's memory.  A debugger may do to private memory what
 * mprotect() could allow.
 */
static vm_prot_t
allowed(const struct vm_entry *e, u_int flags)
{
	vm_prot_t prot = uvm_prot_effective(e->ve_prot);

	if ((flags & UVM_FAULT_FORCE) != 0) {
		prot |= uvm_prot_effective(e->ve_maxprot) & PROT_READ;
		if ((e->ve_flags & VE_COW) != 0)
			prot |= PROT_WRITE;
	}
	return prot;
}

/*
 * Step 1: the entry, and whether it allows the access.  If own, make the
 * entry's slots its own, for which the map is write-locked at first.  On
 * FAULT_GO the map is read-locked; else it is locked.
 */
static inline enum verdict
fault_lookup(struct uvm_faultinfo *ufi, bool own)
{
	struct vm_map *map = ufi->ufi_map;
	struct vm_entry *e;
	vm_prot_t prot;

	if (own)
		rw_write_enter(&map->vm_lock);
	else
		rw_read_enter(&map->vm_lock);
	if (map->vm_state != VM_LIVE)
		return FAULT_EFAULT;
	e = uvm_map_lookup(map, ufi->ufi_va);
	if (e == NULL)
		return FAULT_EFAULT;
	prot = uvm_prot_effective(e->ve_prot);
	if ((ufi->ufi_access & ~prot) != 0 &&
	    (ufi->ufi_access & ~allowed(e, ufi->ufi_flags)) != 0)
		return FAULT_EACCES;
	if (own) {
		if ((e->ve_flags & VE_COW) != 0 && uvm_entry_own(e) != 0)
			return FAULT_NOMEM;
		rw_downgrade(&map->vm_lock);
	}
	ufi->ufi_entry = e;
	ufi->ufi_slot = entry_slot(e, ufi->ufi_va);
	ufi->ufi_prot = prot;
	return FAULT_GO;
}

/* Whether the object under the entry, if any, ends before the page. */
static bool
past_end(const struct uvm_faultinfo *ufi)
{
	const struct uvm_object *uo = ufi->ufi_entry->ve_obj;

	return uo != NULL && ufi->ufi_slot >= uvm_object_npages(uo);
}

/*
 * Put a new anon, with the contents of src or zeroes, into the empty slot
 * (2B, 2C), or in the place of old (1B), which ufi_old then holds.
 */
static enum verdict
fault_promote(struct uvm_faultinfo *ufi, struct vm_anon *old,
    struct vm_page *src)
{
	struct vm_amap *am = ufi->ufi_amap;
	struct vm_anon *an;
	struct vm_page *pg;
	int error;

	an = uvm_anon_alloc(src == NULL ? PA_ZERO : 0, &pg);
	if (an == NULL)
		return FAULT_NOMEM;
	if (src != NULL)
		pmap_copy_page(src, pg);
	if (old == NULL)
		error = amap_add(am, ufi->ufi_slot, &an, 1, &ufi->ufi_at);
	else
		error = amap_replace(am, ufi->ufi_slot, &an, &ufi->ufi_old, 1,
		    &ufi->ufi_at);
	if (error != 0) {
		uvm_anon_rele(an);
		return FAULT_NOMEM;
	}
	KASSERT(ufi->ufi_old == old);
	/*
	 * Until the copy is mapped, the address may still show src.  Other
	 * entries that write through this amap may show it elsewhere.
	 */
	if (src != NULL) {
		ufi->ufi_stale = true;
		if (amap_shared(am))
			pmap_page_protect(src, PROT_NONE);
	}
	ufi->ufi_page = pg;
	return FAULT_GO;
}

/*
 * The part of the window around the fault that e covers: its first address,
 * the slot there, how many pages.  False: neighbours are not wanted.
 */
static bool
near_window(const struct uvm_faultinfo *ufi, vaddr_t *va, uint64_t *slot,
    u_int *n)
{
	const struct vm_entry *e = ufi->ufi_entry;
	vsize_t below, above;

	/* A mapping that is not marked wired would let its page go. */
	if (ufi->ufi_near == NULL || e->ve_advice == MADV_RANDOM ||
	    e->ve_wired != 0)
		return false;
	below = ptoa(ufi->ufi_slot % FAULT_NEAR);
	above = ptoa(FAULT_NEAR) - below;
	below = MIN(below, ufi->ufi_va - e->ve_start);
	above = MIN(above, e->ve_end - ufi->ufi_va);
	*va = ufi->ufi_va - below;
	*slot = ufi->ufi_slot - atop(below);
	*n = (u_int)atop(below + above);
	return *n > 1;
}

/* The page of an, which stays; or NULL.  Only what others have needs a hold. */
static struct vm_page *
near_page(struct uvm_near *near, struct vm_anon *an, bool alone)
{
	struct vm_page *pg;

	if (alone)
		return uvm_anon_page(an);
	pg = uvm_anon_hold(an);
	if (pg != NULL)
		near->un_held[near->un_nheld++] = an;
	return pg;
}

/* Case 1A: neighbours whose anons are as ours: alone in this amap, or not. */
static void
near_anons(struct uvm_faultinfo *ufi, bool alone)
{
	struct uvm_near *near = ufi->ufi_near;
	struct vm_anon *an[FAULT_NEAR];
	uint64_t slot;
	u_int found, i, n;

	if (!near_window(ufi, &near->un_va, &slot, &n))
		return;
	found = amap_gather_alike(&ufi->ufi_at, slot, n, alone, an);
	if (found < 2)
		return;
	near->un_whole = alone && found == FAULT_NEAR;
	for (i = 0; i < n; i++)
		near->un_page[i] =
		    an[i] != NULL ? near_page(near, an[i], alone) : NULL;
	near->un_n = n;
}

/* Case 2A: neighbours in the object that no anon hides. */
static void
near_pages(struct uvm_faultinfo *ufi)
{
	struct uvm_near *near = ufi->ufi_near;
	struct vm_anon *an[FAULT_NEAR];
	uint64_t slot;
	u_int i, n;

	if (!near_window(ufi, &near->un_va, &slot, &n) ||
	    uvm_object_gather(ufi->ufi_obj, slot, n, near->un_page) < 2)
		return;
	near->un_n = n;
	if (ufi->ufi_amap == NULL ||
	    amap_gather(ufi->ufi_amap, slot, n, an) == 0)
		return;
	for (i = 0; i < n; i++)
		if (an[i] != NULL)
			near->un_page[i] = NULL;
}

/* How many pages of zeroes to make, the one asked for included. */
static u_int
near_zeroes(const struct uvm_faultinfo *ufi)
{
	vaddr_t va;
	uint64_t slot;
	u_int n, run;

	run = amap_run(ufi->ufi_amap, &ufi->ufi_at, ufi->ufi_slot, FAULT_NEAR);
	if (run <= 1 || !near_window(ufi, &va, &slot, &n))
		return 1;
	n = MIN(n - (u_int)(ufi->ufi_slot - slot), run);
	return n <= 1 ? 1 : amap_gap(&ufi->ufi_at, ufi->ufi_slot, n);
}

/* Case 2C: the amap, write-locked, has an empty slot, with nothing below. */
static enum verdict
fault_zero(struct uvm_faultinfo *ufi)
{
	struct uvm_near *near = ufi->ufi_near;
	struct vm_anon *an[FAULT_NEAR];
	u_int i, n;

	count_add(COUNT_FLT_ZERO, 1);
	n = near_zeroes(ufi);
	n = n > 1 ? uvm_anon_alloc_batch(PA_ZERO, an, near->un_page, n) : 0;
	/* Short of memory one page is still worth a search for it. */
	if (n == 1)
		uvm_anon_rele(an[0]);
	if (n <= 1)
		return fault_promote(ufi, NULL, NULL);
	if (amap_add(ufi->ufi_amap, ufi->ufi_slot, an, n, &ufi->ufi_at) != 0) {
		for (i = 0; i < n; i++)
			uvm_anon_rele(an[i]);
		return FAULT_NOMEM;
	}
	/* Mapped already when its neighbours are. */
	ufi->ufi_page = near->un_page[0];
	near->un_va = ufi->ufi_va;
	near->un_n = n;
	near->un_new = true;
	near->un_whole = n == FAULT_NEAR;
	return FAULT_GO;
}

/*
 * Case 1B, when the page asked for has been copied: who copies in order gets as
 * many copies ahead as were made behind, up to the end of the window.
 */
static void
near_copies(struct uvm_faultinfo *ufi)
{
	struct uvm_near *near = ufi->ufi_near;
	struct vm_anon *an[FAULT_NEAR], *new[FAULT_NEAR];
	struct vm_page *pg[FAULT_NEAR], *src;
	struct vm_amap *am = ufi->ufi_amap;
	uint64_t first, next = ufi->ufi_slot + 1;
	vaddr_t va;
	u_int i, n;

	if (am->am_copynext != ufi->ufi_slot || amap_shared(am) ||
	    !near_window(ufi, &va, &first, &n)) {
		am->am_copynext = next;
		am->am_copyrun = 1;
		return;
	}
	n = (u_int)MIN(first + n - next, am->am_copyrun - 1);
	if (n > 0 && amap_gather_alike(&ufi->ufi_at, next, n, false, an) == 0)
		n = 0;
	for (i = 0; i < n && an[i] != NULL; i++) {
		src = near_page(near, an[i], false);
		if (src == NULL)
			break;
		near->un_page[i] = src;
	}
	n = i > 0 ? uvm_anon_alloc_batch(0, new, pg, i) : 0;
	for (i = 0; i < n; i++) {
		pmap_copy_page(near->un_page[i], pg[i]);
		near->un_page[i] = pg[i];
	}
	if (n > 0 &&
	    amap_replace(am, next, new, near->un_old, n, &ufi->ufi_at) != 0) {
		uvm_anons_rele(new, n);
		n = 0;
	}
	am->am_copynext = next + n;
	am->am_copyrun = MIN(am->am_copyrun + 1 + n, FAULT_NEAR);
	near->un_va = ufi->ufi_va + PAGE_SIZE;
	near->un_n = near->un_nold = n;
	near->un_new = true;
}

/* Cases 1A and 1B: the amap, write-locked, has an anon. */
static enum verdict
fault_anon(struct uvm_faultinfo *ufi, struct vm_anon *an, bool alone)
{
	bool write = (ufi->ufi_access & PROT_WRITE) != 0;
	struct vm_page *pg;
	enum verdict v;

	if (alone)
		pg = uvm_anon_page(an);
	else if ((pg = uvm_anon_hold(an)) != NULL)
		ufi->ufi_held = an;
	if (pg == NULL) {
		anon_gather(ufi->ufi_amap, ufi->ufi_slot,
		    ufi->ufi_entry->ve_advice == MADV_RANDOM ? 1
							     : SWAP_READHEAD,
		    &ufi->ufi_swap);
		return FAULT_SWAP;
	}
	if (write && !alone) {
		count_add(COUNT_FLT_ACOW, 1);
		v = fault_promote(ufi, an, pg);
		if (v == FAULT_GO && ufi->ufi_near != NULL)
			near_copies(ufi);
		return v;
	}
	count_add(COUNT_FLT_ANON, 1);
	if ((ufi->ufi_entry->ve_flags & VE_NEEDSCOPY) != 0 || !alone)
		ufi->ufi_prot &= ~PROT_WRITE;
	ufi->ufi_page = pg;
	if (ufi->ufi_near != NULL)
		near_anons(ufi, alone);
	return FAULT_GO;
}

/*
 * A page of a file, to be mapped shared.  The first store to it is to come
 * here, for the times of the file.
 */
static void
fault_file(struct uvm_faultinfo *ufi)
{
	struct uvm_object *uo = ufi->ufi_obj;

	if ((ufi->ufi_access & PROT_WRITE) == 0) {
		if (uo->uo_disk)
			ufi->ufi_prot &= ~PROT_WRITE;
		return;
	}
	if (uvm_upcalls != NULL && uvm_upcalls->up_time != NULL)
		atomic_store_explicit(&uo->uo_stored, uvm_upcalls->up_time(),
		    memory_order_relaxed);
}

/* What an errno of the object means for the fault. */
static enum verdict
object_verdict(int error)
{
	switch (error) {
	case 0:
		return FAULT_GO;
	case EAGAIN:
		return FAULT_FETCH;
	case ENOMEM:
		return FAULT_NOMEM;
	case ENXIO:
		return FAULT_ENXIO;
	default:
		return FAULT_EIO;
	}
}

/* Steps 2 and 3: find or make the page.  Map read-locked. */
static enum verdict
fault_page(struct uvm_faultinfo *ufi)
{
	struct vm_entry *e = ufi->ufi_entry;
	struct vm_anon *an;
	enum verdict v;
	bool private = (e->ve_flags & VE_COW) != 0;
	bool write = (ufi->ufi_access & PROT_WRITE) != 0;
	bool alone = false, promote;

	an = NULL;
	if (e->ve_amap != NULL) {
		ufi->ufi_amap = e->ve_amap;
		rw_write_enter(&e->ve_amap->am_lock);
		an = amap_find(e->ve_amap, ufi->ufi_slot, &ufi->ufi_at, &alone);
	}
	if (past_end(ufi))
		return FAULT_ENXIO;
	/* 2B or 2C: the slot is empty and has to be filled. */
	promote = private && an == NULL && (write || e->ve_obj == NULL);
	if (promote && e->ve_amap == NULL)
		return FAULT_OWN;
	if ((promote || write) && (e->ve_flags & VE_NEEDSCOPY) != 0)
		return FAULT_OWN;
	if (an != NULL)
		return fault_anon(ufi, an, alone);
	if (e->ve_obj == NULL)
		return fault_zero(ufi);
	v = object_verdict(uvm_object_hold(e->ve_obj, ufi->ufi_slot,
	    private ? PROT_READ : ufi->ufi_access, &ufi->ufi_page));
	if (v != FAULT_GO)
		return v;
	ufi->ufi_obj = e->ve_obj;
	if (promote) {
		count_add(COUNT_FLT_PRCOPY, 1);
		return fault_promote(ufi, NULL, ufi->ufi_page);
	}
	count_add(COUNT_FLT_OBJ, 1);
	if (private)
		ufi->ufi_prot &= ~PROT_WRITE;
	else if (ufi->ufi_obj->uo_disk || ufi->ufi_obj->uo_file)
		fault_file(ufi);
	if (ufi->ufi_near != NULL && !(write && ufi->ufi_obj->uo_disk))
		near_pages(ufi);
	return FAULT_GO;
}

/* This fault waits for I/O. */
static void
fault_major(struct uvm_faultinfo *ufi)
{
	if (ufi->ufi_major)
		return;
	ufi->ufi_major = true;
	count_add(COUNT_FAULT_MAJOR, 1);
	if (uvm_upcalls != NULL && uvm_upcalls->up_major != NULL)
		uvm_upcalls->up_major();
}

/*
 * Have the object bring the page in, with no lock held but a reference so
 * that it stays.  Releases everything; FAULT_GO: start over.
 */
static enum verdict
fault_fetch(struct uvm_faultinfo *ufi)
{
	struct uvm_object *uo = ufi->ufi_entry->ve_obj;
	uint64_t idx = ufi->ufi_slot;
	int error;

	uvm_object_ref(uo);
	fault_unlock(ufi);
	error = uvm_object_fetch(uo, idx);
	uvm_object_free(uo);
	fault_major(ufi);
	return object_verdict(error);
}

/* The same for an anon on swap; ufi_swap has references to what is read. */
static enum verdict
fault_swapin(struct uvm_faultinfo *ufi)
{
	int error;

	fault_unlock(ufi);
	error = anon_fetch(&ufi->ufi_swap);
	fault_major(ufi);
	return object_verdict(error);
}

int
uvm_fault_hold(struct uvm_faultinfo *ufi)
{
	enum verdict v;
	bool own;

	KASSERT((ufi->ufi_va & PAGE_MASK) == 0);
	KASSERT(lock_none_above(RANK_MAP));
	ufi->ufi_old = NULL;
	ufi->ufi_stale = false;
	ufi->ufi_major = false;
	own = ufi->ufi_own;
	for (;;) {
		ufi->ufi_amap = NULL;
		ufi->ufi_obj = NULL;
		ufi->ufi_held = NULL;
		v = fault_lookup(ufi, own);
		if (v == FAULT_GO)
			v = fault_page(ufi);
		if (v == FAULT_GO)
			return 0;
		/* A slot is only replaced by what goes on to succeed. */
		KASSERT(ufi->ufi_old == NULL && !ufi->ufi_stale);
		if (v == FAULT_FETCH)
			v = fault_fetch(ufi);
		else if (v == FAULT_SWAP)
			v = fault_swapin(ufi);
		else
			fault_unlock(ufi);
		switch (v) {
		case FAULT_GO:
			break;
		case FAULT_OWN:
			own = true;
			break;
		case FAULT_NOMEM:
			if (!uvm_nomem())
				return ENOMEM;
			break;
		case FAULT_EACCES:
			return EACCES;
		case FAULT_ENXIO:
			return ENXIO;
		case FAULT_EIO:
			return EIO;
		default:
			return EFAULT;
		}
	}
}

void
uvm_fault_drop(struct uvm_faultinfo *ufi)
{
	struct uvm_near *near = ufi->ufi_near;
	struct vm_anon *old = ufi->ufi_old;

	if (ufi->ufi_stale)
		pmap_remove(ufi->ufi_map->vm_pmap, ufi->ufi_va,
		    ufi->ufi_va + PAGE_SIZE);
	fault_unlock(ufi);
	/* No mapping of ours shows the old page any more. */
	if (old != NULL)
		uvm_anon_rele(old);
	if (near != NULL && near->un_nold > 0)
		uvm_anons_rele(near->un_old, near->un_nold);
}

/*
 * Map the page that was found, and its neighbours if that can be.  0, ENOMEM,
 * ESRCH.
 */
static int
fault_enter(struct uvm_faultinfo *ufi, const struct uvm_near *near)
{
	struct pmap *pm = ufi->ufi_map->vm_pmap;
	u_int how = ufi->ufi_access & ufi->ufi_prot;
	int error;

	/* A window that is ours may be a single thing for the MMU, too. */
	if (near->un_whole && pmap_enter_group(pm, near->un_va, near->un_page,
				  ufi->ufi_va, ufi->ufi_prot)) {
		ufi->ufi_stale = false;
		return 0;
	}
	if (ufi->ufi_entry->ve_wired != 0)
		how |= PMAP_WIRED;
	error =
	    pmap_enter_page(pm, ufi->ufi_va, ufi->ufi_page, ufi->ufi_prot, how);
	if (error != 0)
		return error;
	ufi->ufi_stale = false;
	if (near->un_n > 0)
		pmap_enter_more(pm, near->un_va, near->un_page, near->un_n,
		    ufi->ufi_va, ufi->ufi_prot, near->un_new);
	return 0;
}

/*
 * Whether quick_make() may fill the slot at is at, which has old or nothing
 * (NULL): 0, and the leaf is the amap's own; EAGAIN: another case, or neighbours
 * are wanted; ENOMEM.
 */
static inline int
quick_slot(struct vm_amap *am, uint64_t slot, struct radix_at *at,
    struct vm_anon *old, bool write)
{
	if (old == NULL)
		return radix_ready(at) && !radix_behind(at, slot) ? 0 : EAGAIN;
	if (!write || amap_alone(old, at) || am->am_copynext == slot ||
	    amap_shared(am))
		return EAGAIN;
	return at->ra_alone ? 0 : radix_own(&am->am_anons, slot, at);
}

/*
 * Put a copy in the place of old (1B), or zeroes where there is nothing (2C),
 * and map it.  0; EAGAIN: old is on swap; ENOMEM, ESRCH.
 */
static inline int
quick_make(struct pmap *pm, vaddr_t va, vm_prot_t prot, bool write,
    struct vm_amap *am, uint64_t slot, const struct radix_at *at,
    struct vm_anon *old)
{
	struct vm_page *pg, *src = NULL;
	struct vm_anon *an;
	int error;

	if (old != NULL && (src = uvm_anon_hold(old)) == NULL)
		return EAGAIN;
	an = uvm_anon_alloc(old == NULL ? PA_ZERO : 0, &pg);
	if (__predict_false(an == NULL)) {
		if (old != NULL)
			uvm_anon_unhold(old);
		return ENOMEM;
	}
	if (old == NULL) {
		count_add(COUNT_FLT_ZERO, 1);
	} else {
		count_add(COUNT_FLT_ACOW, 1);
		pmap_copy_page(src, pg);
		am->am_copynext = slot + 1;
		am->am_copyrun = 1;
	}
	radix_put(at, slot, an);
	error = pmap_enter_used(pm, va, pg, prot, write);
	if (old != NULL) {
		/* What may show the old page goes before that does. */
		if (__predict_false(error != 0))
			pmap_remove(pm, va, va + PAGE_SIZE);
		uvm_anon_unhold(old);
		uvm_anon_rele(old);
	}
	return error;
}

/*
 * The usual access to private, writable memory that is no file's: where nothing
 * is yet (2C), or a write to what is shared since a fork (1B).  The entry owns
 * its slots, what it takes is at hand, and no neighbours are wanted.  The steps
 * and locks are those of the long way, but nothing waits and nothing is passed
 * on.  0; otherwise the long way has to be gone, and what was done here is what
 * it would have begun with.  ENOMEM: once there is memory; ESTALE: the entry is
 * to own its slots first.
 */
static inline __attribute__((always_inline)) int
fault_quick(struct vm_map *map, vaddr_t va, bool write)
{
	int error = EAGAIN;
	struct vm_entry *e;
	struct radix_at at;
	struct vm_amap *am;
	struct vm_anon *old;
	uint64_t slot;

	if (!rw_read_quick(&map->vm_lock, RANK_MAP))
		return EAGAIN;
	e = map->vm_state == VM_LIVE ? uvm_map_lookup(map, va) : NULL;
	if (e == NULL || e->ve_obj != NULL || (e->ve_flags & VE_COW) == 0 ||
	    (e->ve_prot & PROT_WRITE) == 0 || e->ve_wired != 0)
		goto out;
	am = e->ve_amap;
	if (am == NULL || (e->ve_flags & VE_NEEDSCOPY) != 0) {
		if (am == NULL || write)
			error = ESTALE;
		goto out;
	}
	if (!rw_write_quick(&am->am_lock, RANK_AMAP))
		goto out;
	slot = entry_slot(e, va);
	old = radix_find(&am->am_anons, slot, &at);
	error = quick_slot(am, slot, &at, old, write);
	if (error == 0)
		error = quick_make(map->vm_pmap, va, e->ve_prot | PROT_READ,
		    write, am, slot, &at, old);
	rw_write_done(&am->am_lock, RANK_AMAP);
out:
	rw_read_done(&map->vm_lock, RANK_MAP);
	return error;
}

/* uvm_fault() for all others. */
static __noinline int
fault_long(struct vm_map *map, vaddr_t va, vm_prot_t access, u_int flags,
    bool own)
{
	struct uvm_near near;
	struct uvm_faultinfo ufi;
	int error;

	/* One by one: the rest of it is not worth clearing. */
	ufi.ufi_map = map;
	ufi.ufi_va = trunc_page(va);
	ufi.ufi_access = access;
	ufi.ufi_flags = flags;
	ufi.ufi_near = flags == 0 ? &near : NULL;
	ufi.ufi_own = own;
	near.un_nheld = 0;
	for (;;) {
		near.un_n = near.un_nold = 0;
		near.un_new = near.un_whole = false;
		error = uvm_fault_hold(&ufi);
		if (error != 0)
			return error;
		/* Forced writes leave the program's own rights as they are. */
		KASSERT((access & ~ufi.ufi_prot) == 0 ||
			(flags & UVM_FAULT_FORCE) != 0);
		/* Nothing shows any more what was copied. */
		if (near.un_nold > 0)
			pmap_remove(map->vm_pmap, near.un_va,
			    near.un_va + ptoa(near.un_n));
		error =
		    ufi.ufi_prot != PROT_NONE ? fault_enter(&ufi, &near) : 0;
		uvm_fault_drop(&ufi);
		switch (error) {
		case 0:
			return 0;
		case ENOMEM: /* a page table */
			if (!uvm_nomem())
				return ENOMEM;
			break;
		default: /* the space died meanwhile */
			KASSERT(error == ESRCH);
			return EFAULT;
		}
	}
}

int
uvm_fault(struct vm_map *map, vaddr_t va, vm_prot_t access, u_int flags)
{
	int error = EAGAIN;

	KASSERT(access != PROT_NONE && (access & ~PROT_ALL) == 0);
	count_add(COUNT_FAULT, 1);
	PROBE3(uvm, fault, va, access, flags);
	if (access != PROT_EXEC && flags == 0) {
		error = fault_quick(map, trunc_page(va), access == PROT_WRITE);
		if (error == 0)
			return 0;
		if (error == ENOMEM && !uvm_nomem())
			return ENOMEM;
	}
	return fault_long(map, va, access, flags, error == ESTALE);
}
