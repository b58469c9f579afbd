/*
 * uvm_remap.c: mremap(2).
 *
 * Memory keeps its slot numbers when it moves (<uvm/map.h>, ve_off), so that
 * entries are taken out of the tree and put back elsewhere as they are; their
 * pages are unmapped and come back by faults.  Growth is an entry of its own
 * behind the last, which merges with it as any equal neighbour would.
 *
 * Everything that can fail comes before the first change a program can see.
 *
 * Locks: the map write-locked from the first look to the last change.
 */
#include <uvm/map.h>

#include <sys/abi.h>
#include <sys/errno.h>

#include <base/kassert.h>

#include "uvm_local.h"

/* One call, on its way through the steps. */
struct remap {
	struct vm_map *re_map;
	vaddr_t re_old;
	vsize_t re_oldlen, re_newlen;
	u_int re_flags;           /* MREMAP_* */
	vaddr_t re_new;           /* where to; the answer */
	struct vm_entry *re_ext;  /* for what is added at the end, or NULL */
	struct vm_entry *re_stay; /* for what DONTUNMAP leaves: a list */
	struct vm_entry *re_dead;
};

/* Whether what remains of [old, old + oldlen) could be one entry. */
static bool
uniform(const struct remap *re)
{
	vaddr_t end = re->re_old + MIN(re->re_oldlen, re->re_newlen);
	struct vm_entry *e;

	for (e = uvm_map_lookup(re->re_map, re->re_old); e->ve_end < end;
	     e = e->ve_next)
		if (!uvm_entries_alike(e, e->ve_next))
			return false;
	return true;
}

/* Whether part of [old, old + oldlen) is sealed. */
static bool
sealed(const struct remap *re)
{
	struct vm_entry *e;

	for (e = uvm_map_lookup(re->re_map, re->re_old);
	     e != NULL && e->ve_start < re->re_old + re->re_oldlen;
	     e = e->ve_next)
		if ((e->ve_flags & VE_SEALED) != 0)
			return true;
	return false;
}

/*
 * Whether the new range is inside the space and, if it was given, off the old
 * one: Linux wants that of a hint, too.
 */
static int
check_target(const struct remap *re)
{
	const struct vm_map *map = re->re_map;

	if (re->re_newlen > map->vm_max - map->vm_min)
		return ENOMEM;
	if ((re->re_flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) == 0)
		return 0;
	if (((re->re_flags & MREMAP_FIXED) != 0 && re->re_new < map->vm_min) ||
	    re->re_new > map->vm_max - re->re_newlen)
		return EINVAL;
	if (re->re_new < re->re_old + re->re_oldlen &&
	    re->re_old < re->re_new + re->re_newlen)
		return EINVAL;
	return 0;
}

/*
 * Empty re_new where something comes: what lies where the old range has holes
 * stays, as on Linux.
 */
static int
empty_target(struct remap *re)
{
	vaddr_t va = re->re_old, end = va + re->re_oldlen, to;
	struct vm_entry *e;
	int error;

	if (re->re_newlen != re->re_oldlen)
		return uvm_map_unmap(re->re_map, re->re_new,
		    re->re_new + re->re_newlen, &re->re_dead);
	while (
	    (e = uvm_map_next(re->re_map, va)) != NULL && e->ve_start < end) {
		va = MAX(va, e->ve_start);
		to = re->re_new + (va - re->re_old);
		va = MIN(end, e->ve_end);
		error = uvm_map_unmap(re->re_map, to,
		    re->re_new + (va - re->re_old), &re->re_dead);
		if (error != 0)
			return error;
	}
	return 0;
}

/* Choose re_new, and empty it if it was given. */
static int
make_room(struct remap *re)
{
	struct vm_entry *prev;
	vaddr_t hint;

	if ((re->re_flags & MREMAP_FIXED) != 0)
		return empty_target(re);
	hint = (re->re_flags & MREMAP_DONTUNMAP) != 0 ? re->re_new : 0;
	if (hint < re->re_map->vm_min)
		hint = 0;
	return uvm_map_place(re->re_map, hint, re->re_newlen, 0, &re->re_new,
	    &prev);
}

/* mremap() of no bytes: a second mapping of the same shared memory. */
static int
duplicate(struct remap *re)
{
	struct vm_entry *e, *n;
	int error;

	e = uvm_map_lookup(re->re_map, re->re_old);
	if (e == NULL)
		return EFAULT;
	if ((e->ve_flags & VE_COW) != 0)
		return EINVAL;
	if ((re->re_flags & MREMAP_MAYMOVE) == 0 || uvm_map_full(re->re_map))
		return ENOMEM;
	error = uvm_map_room(re->re_map, re->re_newlen);
	if (error != 0)
		return error;
	n = re->re_ext;
	re->re_ext = NULL;
	uvm_entry_imitate(n, e, 0, re->re_newlen, entry_off(e, re->re_old));
	error = make_room(re);
	if (error != 0) {
		n->ve_next = re->re_dead;
		re->re_dead = n;
		return error;
	}
	n->ve_start = re->re_new;
	n->ve_end = re->re_new + re->re_newlen;
	uvm_map_insert(re->re_map, n);
	return 0;
}

/* Put what grew behind the piece that ends at end. */
static void
extend(struct remap *re, vaddr_t end)
{
	struct vm_entry *last, *n = re->re_ext;

	last = uvm_map_lookup(re->re_map, end - PAGE_SIZE);
	KASSERT(last != NULL && last->ve_end == end);
	uvm_entry_imitate(n, last, end, end + (re->re_newlen - re->re_oldlen),
	    entry_off(last, end));
	/* The number is free to choose where there is nothing to match. */
	if (n->ve_obj == NULL && !uvm_entries_alike(last, n))
		n->ve_off = n->ve_start;
	re->re_ext = NULL;
	uvm_map_insert(re->re_map, n);
}

/* Whether len bytes behind end are free.  No guard gap hinders growth. */
static bool
free_behind(struct vm_map *map, vaddr_t end, vsize_t len)
{
	struct vm_entry *next = uvm_map_next(map, end);

	return map->vm_max - end >= len &&
	       (next == NULL || next->ve_start >= end + len);
}

/* Without moving: shrink, or grow if what lies behind is free. */
static int
in_place(struct remap *re, bool *done)
{
	vaddr_t end = re->re_old + re->re_oldlen;
	struct vm_entry *e;

	*done = true;
	re->re_new = re->re_old;
	if (re->re_newlen == re->re_oldlen)
		return 0;
	if (re->re_newlen < re->re_oldlen)
		return uvm_map_unmap(re->re_map, re->re_old + re->re_newlen,
		    end, &re->re_dead);
	e = uvm_map_lookup(re->re_map, end - PAGE_SIZE);
	if (e->ve_end == end &&
	    free_behind(re->re_map, end, re->re_newlen - re->re_oldlen)) {
		extend(re, end);
		return 0;
	}
	*done = false;
	return (re->re_flags & MREMAP_MAYMOVE) != 0 ? 0 : ENOMEM;
}

/* Take the entries of the old range out and put them at re_new. */
static void
move_entries(struct remap *re)
{
	struct vm_map *map = re->re_map;
	struct vm_entry *e, *next, *list, **tail, *stay;
	vaddr_t end = re->re_old + re->re_oldlen;

	pmap_remove(map->vm_pmap, re->re_old, end);
	tail = &list;
	for (e = uvm_map_lookup(map, re->re_old);
	     e != NULL && e->ve_start < end; e = next) {
		next = e->ve_next;
		uvm_tree_remove(map, e);
		*tail = e;
		tail = &e->ve_next;
	}
	*tail = NULL;
	for (e = list; e != NULL && (stay = re->re_stay) != NULL;
	     e = e->ve_next) {
		re->re_stay = stay->ve_next;
		uvm_entry_imitate(stay, e, e->ve_start, e->ve_end,
		    e->ve_obj != NULL ? e->ve_off : e->ve_start);
		stay->ve_wired = 0;
		uvm_map_insert(map, stay);
	}
	while ((e = list) != NULL) {
		list = e->ve_next;
		e->ve_start = e->ve_start - re->re_old + re->re_new;
		e->ve_end = e->ve_end - re->re_old + re->re_new;
		e->ve_flags &= (uint16_t) ~(VE_STACK | VE_HEAP);
		if (e->ve_amap == NULL && e->ve_obj == NULL)
			e->ve_off = e->ve_start;
		uvm_map_insert(map, e);
	}
}

/* Make va a border of entries, if it lies inside one. */
static int
clip_at(struct vm_map *map, vaddr_t va)
{
	struct vm_entry *e = uvm_map_lookup(map, va);

	return e == NULL || e->ve_start == va ? 0
					      : uvm_map_clip(map, e, va, false);
}

/* An entry for each that DONTUNMAP leaves behind.  ENOMEM. */
static int
make_stay(struct remap *re)
{
	struct vm_entry *e, *n;

	for (e = uvm_map_next(re->re_map, re->re_old);
	     e != NULL && e->ve_start < re->re_old + re->re_oldlen;
	     e = e->ve_next) {
		n = uvm_entry_alloc();
		if (n == NULL)
			return ENOMEM;
		n->ve_next = re->re_stay;
		re->re_stay = n;
	}
	return 0;
}

static int
move(struct remap *re)
{
	struct vm_map *map = re->re_map;
	int error;

	/* FIXED may also shrink. */
	if (re->re_newlen < re->re_oldlen) {
		error = uvm_map_unmap(map, re->re_old + re->re_newlen,
		    re->re_old + re->re_oldlen, &re->re_dead);
		if (error != 0)
			return error;
		re->re_oldlen = re->re_newlen;
	}
	error = clip_at(map, re->re_old);
	if (error == 0)
		error = clip_at(map, re->re_old + re->re_oldlen);
	if (error == 0 && (re->re_flags & MREMAP_DONTUNMAP) != 0)
		error = make_stay(re);
	if (error == 0)
		error = make_room(re);
	if (error != 0) {
		uvm_map_simplify(map, re->re_old, re->re_old + re->re_oldlen);
		return error;
	}
	move_entries(re);
	if (re->re_newlen > re->re_oldlen)
		extend(re, re->re_new + re->re_oldlen);
	return 0;
}

/* All of it, map write-locked. */
static int
remap_locked(struct remap *re)
{
	struct vm_map *map = re->re_map;
	struct vm_entry *e;
	bool done, moves, asis;
	int error;

	if (re->re_oldlen == 0)
		return duplicate(re);
	moves = (re->re_flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0;
	e = uvm_map_lookup(map, re->re_old);
	/* What is cut off may have holes, and what is moved as it is. */
	asis = re->re_newlen == re->re_oldlen &&
	       (re->re_flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) !=
		   MREMAP_DONTUNMAP;
	if (e == NULL ||
	    ((moves || re->re_newlen > re->re_oldlen) && !asis &&
		!uvm_map_contiguous(map, re->re_old,
		    re->re_old + MIN(re->re_oldlen, re->re_newlen))))
		return EFAULT;
	if (sealed(re))
		return EPERM;
	if ((moves || re->re_newlen > re->re_oldlen) && !asis && !uniform(re))
		return EFAULT;
	if (re->re_newlen > re->re_oldlen) {
		if (uvm_map_full(map))
			return ENOMEM;
		if (e->ve_obj != NULL &&
		    entry_off(e, re->re_old) + re->re_newlen < re->re_newlen)
			return EINVAL;
		error = uvm_map_room(map, re->re_newlen - re->re_oldlen);
		if (error == 0)
			error =
			    uvm_map_charge(map, re->re_newlen - re->re_oldlen,
				e->ve_prot, e->ve_flags & ~VE_COMMIT);
		if (error != 0)
			return error;
	} else if ((re->re_flags & MREMAP_DONTUNMAP) != 0) {
		error = uvm_map_room(map, re->re_oldlen);
		if (error == 0)
			error = uvm_map_charge(map, re->re_oldlen, e->ve_prot,
			    e->ve_flags & ~VE_COMMIT);
		if (error != 0)
			return error;
	}
	if (!moves) {
		error = in_place(re, &done);
		if (error != 0 || done)
			return error;
	}
	return move(re);
}

int
uvm_remap(struct vm_map *map, vaddr_t old, vsize_t oldlen, vsize_t newlen,
    u_int flags, vaddr_t *addr)
{
	struct remap re = {
	    .re_map = map,
	    .re_old = old,
	    .re_oldlen = oldlen,
	    .re_newlen = newlen,
	    .re_flags = flags,
	    .re_new = *addr,
	};
	struct vm_entry *e;
	int error;

	KASSERT(((old | oldlen | newlen) & PAGE_MASK) == 0);
	if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) !=
		0 ||
	    newlen == 0 || old + oldlen < old)
		return EINVAL;
	if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0 &&
	    (flags & MREMAP_MAYMOVE) == 0)
		return EINVAL;
	if ((flags & MREMAP_DONTUNMAP) != 0 && oldlen != newlen)
		return EINVAL;
	if ((flags & MREMAP_FIXED) != 0 && (*addr & PAGE_MASK) != 0)
		return EINVAL;
	error = check_target(&re);
	if (error != 0)
		return error;

	if (newlen > oldlen) {
		re.re_ext = uvm_entry_alloc();
		if (re.re_ext == NULL)
			return ENOMEM;
	}
	error = uvm_map_lock(map);
	if (error == 0) {
		error = remap_locked(&re);
		uvm_map_unlock(map);
	}
	uvm_entries_drop(re.re_dead);
	if (re.re_ext != NULL)
		uvm_entry_free(re.re_ext);
	while ((e = re.re_stay) != NULL) {
		re.re_stay = e->ve_next;
		uvm_entry_free(e);
	}
	if (error == 0)
		*addr = re.re_new;
	return error;
}
