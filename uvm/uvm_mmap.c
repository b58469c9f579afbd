/*
 * uvm_mmap.c: operations on a range of a map that keep it mapped.
 *
 * All follow one pattern, as Linux programs expect it: walk the entries from
 * start on; clip the ones that reach over an end; change them; stop at the
 * first hole with ENOMEM, what lies before it being done; and merge what
 * became equal.
 *
 * Locks: the map's.  See <uvm/map.h>.
 */
#include <uvm/map.h>

#include <sys/abi.h>
#include <sys/errno.h>

#include <base/kassert.h>

#include "uvm_local.h"

/*
 * A range operation: fn is called on each entry in turn, clipped to the
 * range, map write-locked; 0 or the errno that ends the walk.
 */
struct range_op {
	int (*ro_fn)(struct vm_map *map, struct vm_entry *e,
	    const struct range_op *op);
	vm_prot_t ro_prot;
	enum vm_inherit ro_inherit;
	u_int ro_set, ro_clear;
	int ro_advice;
	u_int ro_wire; /* VW_* */
	bool ro_holes; /* go on behind a hole; ENOMEM all the same */
};

static int
range_apply(struct vm_map *map, vaddr_t start, vaddr_t end,
    const struct range_op *op)
{
	struct vm_entry *e;
	vaddr_t va;
	int error, hole;

	KASSERT(((start | end) & PAGE_MASK) == 0 && start <= end);
	error = uvm_map_lock(map);
	if (error != 0)
		return error;
	hole = 0;
	va = start;
	while (va < end && error == 0) {
		e = uvm_map_next(map, va);
		if (e == NULL || e->ve_start > va) {
			hole = ENOMEM;
			if (e == NULL || !op->ro_holes || e->ve_start >= end)
				break;
			va = e->ve_start;
			continue;
		}
		if (e->ve_start < va) {
			error = uvm_map_clip(map, e, va, false);
			if (error != 0)
				break;
			e = e->ve_next;
		}
		if (end < e->ve_end) {
			error = uvm_map_clip(map, e, end, false);
			if (error != 0)
				break;
		}
		va = e->ve_end;
		error = op->ro_fn(map, e, op);
	}
	uvm_map_simplify(map, start, end);
	uvm_map_unlock(map);
	return error != 0 ? error : hole;
}

static int
protect_one(struct vm_map *map, struct vm_entry *e, const struct range_op *op)
{
	u_int flags;
	int error;

	if ((op->ro_prot & ~(vm_prot_t)e->ve_maxprot) != 0)
		return EACCES;
	if ((e->ve_flags & VE_SEALED) != 0)
		return EPERM;
	if ((e->ve_prot & PROT_WRITE) == 0) {
		error = uvm_map_charge(map, e->ve_end - e->ve_start,
		    op->ro_prot, e->ve_flags);
		if (error != 0)
			return error;
	}
	/* What was never written need not be kept room for. */
	flags = e->ve_flags | uvm_commit_flag(op->ro_prot, e->ve_flags);
	if (e->ve_amap == NULL && (op->ro_prot & PROT_WRITE) == 0)
		flags &= ~VE_COMMIT;
	/* Rights that are gained come with the next fault. */
	if ((e->ve_prot & ~op->ro_prot) != 0 &&
	    (e->ve_amap != NULL || e->ve_obj != NULL))
		pmap_protect(map->vm_pmap, e->ve_start, e->ve_end,
		    uvm_prot_effective(op->ro_prot));
	uvm_map_change(map, e, op->ro_prot, flags);
	return 0;
}

int
uvm_protect(struct vm_map *map, vaddr_t start, vaddr_t end, vm_prot_t prot)
{
	struct range_op op = {.ro_fn = protect_one, .ro_prot = prot};

	KASSERT((prot & ~PROT_ALL) == 0);
	return range_apply(map, start, end, &op);
}

static int
inherit_one(struct vm_map *map __unused, struct vm_entry *e,
    const struct range_op *op)
{
	bool private = (e->ve_flags & VE_COW) != 0;

	if (op->ro_inherit == INHERIT_COPY && !private)
		return EINVAL;
	if (op->ro_inherit == INHERIT_ZERO && (!private || e->ve_obj != NULL))
		return EINVAL;
	e->ve_inherit = (uint8_t)op->ro_inherit;
	return 0;
}

int
uvm_inherit(struct vm_map *map, vaddr_t start, vaddr_t end,
    enum vm_inherit inherit)
{
	struct range_op op = {.ro_fn = inherit_one, .ro_inherit = inherit};

	return range_apply(map, start, end, &op);
}

static int
advise_one(struct vm_map *map __unused, struct vm_entry *e,
    const struct range_op *op)
{
	e->ve_advice = (uint8_t)op->ro_advice;
	return 0;
}

int
uvm_advise(struct vm_map *map, vaddr_t start, vaddr_t end, int advice)
{
	struct range_op op = {.ro_fn = advise_one,
	    .ro_advice = advice,
	    .ro_holes = true};

	KASSERT(advice == MADV_NORMAL || advice == MADV_RANDOM ||
		advice == MADV_SEQUENTIAL);
	return range_apply(map, start, end, &op);
}

static int
setflags_one(struct vm_map *map __unused, struct vm_entry *e,
    const struct range_op *op)
{
	e->ve_flags = (uint16_t)((e->ve_flags | op->ro_set) & ~op->ro_clear);
	return 0;
}

int
uvm_setflags(struct vm_map *map, vaddr_t start, vaddr_t end, u_int set,
    u_int clear)
{
	struct range_op op = {.ro_fn = setflags_one,
	    .ro_set = set,
	    .ro_clear = clear,
	    .ro_holes = true};

	KASSERT(((set | clear) & ~(VE_DONTDUMP | VE_DONTFORK)) == 0);
	return range_apply(map, start, end, &op);
}

int
uvm_seal(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	struct range_op op = {.ro_fn = setflags_one, .ro_set = VE_SEALED};
	int error;

	error = uvm_msync_check(map, start, end);
	return error != 0 ? error : range_apply(map, start, end, &op);
}

/*
 * Drop the private pages of [start, end) of e.  What other entries of the
 * amap see must stay: an entry that needs a copy makes it first, or, when it
 * loses everything, just lets go.
 */
static int
discard_one(struct vm_map *map, struct vm_entry *e, vaddr_t start, vaddr_t end)
{
	struct vm_amap *am;
	int error;

	if (e->ve_amap != NULL || e->ve_obj != NULL)
		pmap_remove(map->vm_pmap, start, end);
	am = e->ve_amap;
	if (am == NULL)
		return 0;
	if (amap_shared(am))
		return 0; /* shared memory: unmapped, not lost */
	if (start == e->ve_start && end == e->ve_end &&
	    (e->ve_flags & VE_NEEDSCOPY) != 0) {
		e->ve_amap = NULL;
		e->ve_flags &= (uint16_t)~VE_NEEDSCOPY;
		amap_free(am);
		return 0;
	}
	error = uvm_entry_own(e);
	if (error != 0)
		return error;
	am = e->ve_amap;
	rw_write_enter(&am->am_lock);
	error = amap_remove_range(am, entry_slot(e, start), atop(end - start));
	rw_exit(&am->am_lock);
	return error;
}

/* Whether the program may throw away what e holds; errno. */
static int
may_discard(const struct vm_entry *e, bool locked)
{
	if (e->ve_wired != 0 && !locked)
		return EINVAL;
	/* What is sealed and could not be overwritten is not zeroed either. */
	if ((e->ve_flags & (VE_SEALED | VE_COW)) == (VE_SEALED | VE_COW) &&
	    (e->ve_prot & PROT_WRITE) == 0)
		return EPERM;
	return 0;
}

static int
discard(struct vm_map *map, vaddr_t start, vaddr_t end, bool locked)
{
	struct vm_entry *e;
	vaddr_t va;
	int error, refused = 0;

	KASSERT(((start | end) & PAGE_MASK) == 0 && start <= end);
	error = uvm_map_lock(map);
	if (error != 0)
		return error;
	va = start;
	for (e = uvm_map_next(map, start); e != NULL && e->ve_start < end;
	     e = e->ve_next) {
		refused = may_discard(e, locked);
		if (refused != 0)
			break;
		if (e->ve_start > va)
			error = ENOMEM;
		va = MIN(e->ve_end, end);
		if (discard_one(map, e, MAX(e->ve_start, start), va) != 0) {
			error = ENOMEM;
			break;
		}
	}
	if (va < end)
		error = ENOMEM;
	/* An entry that let go of its amap may now equal its neighbour. */
	uvm_map_simplify(map, start, end);
	uvm_map_unlock(map);
	return refused != 0 ? refused : error;
}

int
uvm_discard(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	return discard(map, start, end, false);
}

int
uvm_discard_locked(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	return discard(map, start, end, true);
}

static int
wire_one(struct vm_map *map __unused, struct vm_entry *e,
    const struct range_op *op)
{
	e->ve_wired = (uint16_t)op->ro_wire;
	return 0;
}

int
uvm_wire(struct vm_map *map, vaddr_t start, vaddr_t end, bool wire)
{
	struct range_op op = {.ro_fn = wire_one,
	    .ro_wire = wire ? VW_LOCKED : 0};
	int error;

	error = range_apply(map, start, end, &op);
	if (error == 0 && !wire) {
		/* Mappings that say "wired" would keep their pages. */
		error = uvm_map_lock(map);
		if (error != 0)
			return error;
		pmap_unwire(map->vm_pmap, start, end);
		uvm_map_unlock(map);
	}
	if (error != 0 || !wire)
		return error;
	error = uvm_populate(map, start, end);
	/* Somebody may have unmapped it since: that is a hole, too. */
	return error == 0 ? 0 : ENOMEM;
}

int
uvm_wire_onfault(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	struct range_op op = {.ro_fn = wire_one, .ro_wire = VW_ONFAULT};

	return range_apply(map, start, end, &op);
}

int
uvm_touch(struct vm_map *map, vaddr_t start, vaddr_t end, vm_prot_t access)
{
	vaddr_t va;
	int error = 0;

	KASSERT(((start | end) & PAGE_MASK) == 0 && start <= end);
	for (va = start; va < end && error == 0; va += PAGE_SIZE)
		error = uvm_fault(map, va, access, 0);
	return error;
}

int
uvm_populate(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	struct vm_entry *e;
	vm_prot_t access;
	vaddr_t va, stop;
	int error;

	KASSERT(((start | end) & PAGE_MASK) == 0 && start <= end);
	for (va = start; va < end;) {
		rw_read_enter(&map->vm_lock);
		if (map->vm_state != VM_LIVE) {
			rw_exit(&map->vm_lock);
			return EFAULT;
		}
		e = uvm_map_lookup(map, va);
		if (e == NULL) {
			rw_exit(&map->vm_lock);
			return ENOMEM;
		}
		stop = MIN(e->ve_end, end);
		access = PROT_READ;
		if ((e->ve_flags & VE_COW) != 0)
			access |= e->ve_prot & PROT_WRITE;
		rw_exit(&map->vm_lock);
		/* The entry may change meanwhile: faults look for themselves. */
		for (; va < stop; va += PAGE_SIZE) {
			error = uvm_fault(map, va, access, 0);
			if (error != 0)
				return error;
		}
	}
	return 0;
}

int
uvm_msync_check(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	int error;

	rw_read_enter(&map->vm_lock);
	if (map->vm_state != VM_LIVE)
		error = EFAULT;
	else if (start < end && !uvm_map_contiguous(map, start, end))
		error = ENOMEM;
	else
		error = 0;
	rw_exit(&map->vm_lock);
	return error;
}

int
uvm_msync(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	struct uvm_object *uo;
	struct vm_entry *e;
	uint64_t first, last;
	vaddr_t va;
	int error = 0;

	KASSERT(lock_none_above(RANK_MOUNT));
	for (va = start; va < end && error == 0;) {
		rw_read_enter(&map->vm_lock);
		e = map->vm_state == VM_LIVE ? uvm_map_next(map, va) : NULL;
		if (e == NULL || e->ve_start >= end) {
			rw_exit(&map->vm_lock);
			break;
		}
		va = MAX(va, e->ve_start);
		first = entry_slot(e, va);
		last = entry_slot(e, MIN(e->ve_end, end) - 1);
		va = e->ve_end;
		uo = e->ve_obj;
		/* Private changes never go to the file. */
		if (uo == NULL || uo->uo_ops->uo_flush == NULL ||
		    (e->ve_flags & VE_COW) != 0) {
			rw_exit(&map->vm_lock);
			continue;
		}
		uvm_object_ref(uo);
		rw_exit(&map->vm_lock);
		error = uo->uo_ops->uo_flush(uo, first, last);
		uvm_object_free(uo);
	}
	return error;
}

/* What is resident of [start, end), which lies in e. */
static void
mincore_one(struct vm_entry *e, vaddr_t start, vaddr_t end, uint8_t *vec)
{
	struct vm_amap *am = e->ve_amap;
	struct uvm_object *uo = e->ve_obj;
	uint64_t slot;
	struct vm_anon *an;
	vaddr_t va;

	if (am != NULL)
		rw_read_enter(&am->am_lock);
	if (uo != NULL)
		rw_read_enter(&uo->uo_lock);
	for (va = start; va < end; va += PAGE_SIZE) {
		slot = entry_slot(e, va);
		an = am != NULL ? amap_lookup(am, slot) : NULL;
		if (an != NULL)
			*vec++ = uvm_anon_page(an) != NULL;
		else
			*vec++ =
			    uo != NULL && uvm_object_lookup(uo, slot) != NULL;
	}
	if (uo != NULL)
		rw_exit(&uo->uo_lock);
	if (am != NULL)
		rw_exit(&am->am_lock);
}

int
uvm_mincore(struct vm_map *map, vaddr_t start, vaddr_t end, uint8_t *vec)
{
	struct vm_entry *e;
	vaddr_t va, stop;
	int error;

	KASSERT(((start | end) & PAGE_MASK) == 0 && start <= end);
	rw_read_enter(&map->vm_lock);
	error = map->vm_state == VM_LIVE ? 0 : EFAULT;
	for (va = start; va < end && error == 0; va = stop) {
		e = uvm_map_lookup(map, va);
		if (e == NULL) {
			error = ENOMEM;
			break;
		}
		stop = MIN(e->ve_end, end);
		mincore_one(e, va, stop, vec + atop(va - start));
	}
	rw_exit(&map->vm_lock);
	return error;
}
