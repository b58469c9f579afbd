/*
 * uvm_grow.c: what grows: the stack, MAP_GROWSDOWN mappings, and the heap.
 *
 * A fault below the stack costs every thread of a process a look here, so the
 * first question, whether the address can belong to the stack at all, is
 * answered from bounds that never change, without a lock.  Growth itself is
 * serialized by the map lock, which also guards vm_ssize.
 */
#include <uvm/uvm.h>

#include <sys/errno.h>

#include <base/kassert.h>

#include "uvm_local.h"

bool
uvm_grow_plan(enum grow_dir dir, vaddr_t base, vaddr_t bound, vsize_t size,
    vsize_t limit, vaddr_t va, vsize_t *newsize)
{
	vsize_t need;

	KASSERT(((base | bound | size) & PAGE_MASK) == 0);
	/* Count the bytes from base to va, both ends included. */
	if (dir == GROW_DOWN) {
		if (va >= base || va < bound)
			return false;
		need = base - trunc_page(va);
	} else {
		if (va < base || va >= bound)
			return false;
		need = trunc_page(va) + PAGE_SIZE - base;
	}
	if (need > size && need > limit)
		return false;
	*newsize = MAX(need, size);
	return true;
}

/*
 * Cover [start, e->ve_start), too: by e itself when its amap has empty slots
 * for that, else by an entry of the same kind.
 */
static bool
extend_down(struct vm_map *map, struct vm_entry *e, vaddr_t start)
{
	vsize_t len = e->ve_start - start;
	struct vm_entry *n;

	if (e->ve_off >= len &&
	    uvm_entry_extends(e, atop(e->ve_off - len), atop(len))) {
		e->ve_off -= len;
		uvm_tree_resize(map, e, start, e->ve_end);
		/* It may have met one of its kind. */
		uvm_map_simplify(map, start, start);
		return true;
	}
	if (uvm_map_full(map) || (n = uvm_entry_alloc()) == NULL)
		return false;
	uvm_entry_imitate(n, e, start, e->ve_start, start);
	(void)uvm_map_insert(map, n);
	return true;
}

/*
 * Lower the start of e, which grows down from base, so that it covers va.
 * What lies below keeps a guard gap, unless nobody can touch it or it grows
 * down itself.
 */
static bool
grow_entry(struct vm_map *map, struct vm_entry *e, vaddr_t base, vaddr_t bound,
    vaddr_t va, vsize_t limit)
{
	struct vm_entry *prev = e->ve_prev;
	vaddr_t start;
	vsize_t size;

	if (!uvm_grow_plan(GROW_DOWN, base, bound, base - e->ve_start, limit,
		va, &size))
		return false;
	start = base - size;
	if (start >= e->ve_start)
		return true;
	if (prev != NULL &&
	    (start < prev->ve_end ||
		(prev->ve_prot != PROT_NONE &&
		    (prev->ve_flags & (VE_GROWSDOWN | VE_STACK)) == 0 &&
		    start - prev->ve_end < VM_STACK_MAXGAP)))
		return false;
	if (uvm_map_room(map, e->ve_start - start) != 0 ||
	    uvm_map_charge(map, e->ve_start - start, e->ve_prot,
		e->ve_flags & ~VE_COMMIT) != 0)
		return false;
	return extend_down(map, e, start);
}

bool
uvm_grow(struct vmspace *vm, vaddr_t va, vsize_t limit)
{
	struct vm_map *map = &vm->vm_map;
	struct vm_entry *e;
	bool stack, grown;

	/*
	 * The bounds are immutable.  The count is exact enough: whoever maps
	 * something that grows does so before the first use of it.
	 */
	stack = va >= vm->vm_maxsaddr && va < vm->vm_minsaddr;
	if (!stack &&
	    atomic_load_explicit(&map->vm_ngrow, memory_order_relaxed) == 0)
		return false;
	if (uvm_map_lock(map) != 0)
		return false;
	e = uvm_map_next(map, va);
	if (e == NULL)
		grown = false;
	else if (e->ve_start <= va)
		grown = true;
	else if ((e->ve_flags & VE_STACK) != 0 && stack) {
		grown = grow_entry(map, e, vm->vm_minsaddr, vm->vm_maxsaddr, va,
		    limit);
		if (grown)
			vm->vm_ssize = vm->vm_minsaddr - trunc_page(va);
	} else if ((e->ve_flags & VE_GROWSDOWN) != 0)
		grown = grow_entry(map, e, e->ve_end, map->vm_min, va, limit);
	else
		grown = false;
	uvm_map_unlock(map);
	return grown;
}

/* Map [start, end) as heap.  Map write-locked. */
static int
heap_grow(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	struct vm_entry *e, *prev;
	int error;

	/* A page stays free behind the heap. */
	if (end > map->vm_max - PAGE_SIZE ||
	    !uvm_tree_free(map, start, end - start + PAGE_SIZE, &prev))
		return ENOMEM;
	if (uvm_map_full(map))
		return ENOMEM;
	error = uvm_map_room(map, end - start);
	if (error == 0)
		error = uvm_map_charge(map, end - start, PROT_READ | PROT_WRITE,
		    VE_COW);
	if (error != 0)
		return error;
	e = uvm_entry_alloc();
	if (e == NULL)
		return ENOMEM;
	e->ve_start = start;
	e->ve_end = end;
	e->ve_off = start;
	e->ve_flags = VE_COW | VE_HEAP | VE_COMMIT;
	e->ve_prot = PROT_READ | PROT_WRITE;
	e->ve_maxprot = PROT_ALL;
	e->ve_inherit = INHERIT_COPY;
	uvm_map_insert(map, e);
	return 0;
}

vaddr_t
uvm_brk(struct vmspace *vm, vaddr_t want, vsize_t datalimit)
{
	struct vm_map *map = &vm->vm_map;
	struct vm_entry *dead = NULL;
	vaddr_t oldend, newend, brk;
	int error;

	if (uvm_map_lock(map) != 0)
		return 0;
	error = 0;
	if (want < vm->vm_brkbase || want > map->vm_max - PAGE_SIZE ||
	    want - vm->vm_brkbase > datalimit)
		error = ENOMEM;
	oldend = round_page(vm->vm_brk);
	newend = round_page(want);
	if (error == 0 && newend > oldend)
		error = heap_grow(map, oldend, newend);
	else if (error == 0 && newend < oldend)
		error = uvm_map_unmap(map, newend, oldend, &dead);
	if (error == 0)
		vm->vm_brk = want;
	brk = vm->vm_brk;
	uvm_map_unlock(map);
	uvm_entries_drop(dead);
	return brk;
}
