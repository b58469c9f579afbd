/*
 * t_uvm_space.c: the life of a space, and what mmap's relatives do to it.
 */
#include <base/thread.h>

#include "t_uvm.h"

#define BASE ((vaddr_t)0x50000000)

/*
 * LIFECYCLE 6 holds uvm/uvm_vmspace.c:uvmspace_purge mutant 06
 * LIFECYCLE 7 holds uvm/uvm_vmspace.c:uvmspace_purge mutant 06 because the second call asserts that the map is empty and returns: whoever drops the last reference may call it
 * LIFECYCLE 10 different uvm/uvm_vmspace.c:uvmspace_leave mutant 07 because users are counted apart from references: the last user purges, whatever others hold
 * LIFECYCLE 11 holds uvm/uvm_vmspace.c:uvmspace_purge mutant 07
 * LIFECYCLE 17 holds uvm/uvm_map.c:uvm_map_lock mutant 12
 * LIFECYCLE 20 holds uvm/uvm_tree.c:uvm_tree_reset mutant 09
 * LIFECYCLE 21 holds uvm/uvm_vmspace.c:purge_entries mutant 10
 * LIFECYCLE 22 holds uvm/uvm_vmspace.c:uvmspace_purge mutant 06
 * LIFECYCLE 23 different uvm/uvm_map.c:uvm_map_lock mutant 11 because no field is cleared: the state of the map says that it is dead, and every operation asks
 * LIFECYCLE 26 holds uvm/uvm_vmspace.c:uvmspace_free mutant 08
 * LIFECYCLE 89 holds uvm/uvm_io.c:uvm_io mutant 11
 */
TEST(uvm_purge_twice)
{
	struct vmspace *vm = space();
	struct vm_map *map;
	struct uvm_mapargs args = {.um_prot = RW,
	    .um_maxprot = RW,
	    .um_flags = VE_COW};
	vaddr_t va = BASE;
	u_char byte;
	size_t done;

	if (vm == NULL)
		return;
	map = &vm->vm_map;
	CHECK(map_anon(vm, BASE, ptoa(4), RW) == 0);
	CHECK(poke(vm, BASE, 1) == 0);
	CHECK(uvm_io(vm, BASE, &byte, 1, false, 0, &done) == 0 && byte == 1);
	/* A debugger holds on to it. */
	CHECK(uvmspace_tryref(vm));
	CHECK(uvmspace_leave(vm));
	uvmspace_purge(vm);
	uvmspace_purge(vm);
	CHECK(map->vm_state == VM_DEAD && map->vm_size == 0);
	CHECK(atomic_load(&vm->vm_maxrss) == 1);
	/* The pmap is empty, and still there for who asks. */
	CHECK(refcount_load(&vm_pmap(vm)->pm_refs) == 1);
	CHECK(pmap_resident(vm_pmap(vm)) == 0);

	/* Whatever anyone tries, the answer is one and the same. */
	CHECK(uvm_io(vm, BASE, &byte, 1, false, UVM_FAULT_FORCE, &done) ==
		  EFAULT &&
	      done == 0);
	CHECK(uvm_fault(map, BASE, PROT_READ, 0) == EFAULT);
	CHECK(uvm_map(map, &va, ptoa(1), &args) == EFAULT);
	CHECK(uvm_unmap(map, BASE, BASE + ptoa(1)) == EFAULT);
	CHECK(uvm_protect(map, BASE, BASE + ptoa(1), 0) == EFAULT);
	CHECK(uvm_discard(map, BASE, BASE + ptoa(1)) == EFAULT);
	CHECK(uvm_wire(map, BASE, BASE + ptoa(1), true) == EFAULT);
	CHECK(uvm_populate(map, BASE, BASE + ptoa(1)) == EFAULT);
	CHECK(uvm_mincore(map, BASE, BASE + ptoa(1), &byte) == EFAULT);
	CHECK(uvm_msync_check(map, BASE, BASE + ptoa(1)) == EFAULT);
	va = 0;
	CHECK(uvm_remap(map, BASE, ptoa(1), ptoa(2), MREMAP_MAYMOVE, &va) ==
	      EFAULT);
	CHECK(!uvm_grow(vm, BASE, ~(vsize_t)0));
	CHECK(uvmspace_fork(vm, &vm, 0) == EFAULT);
	uvmspace_free(vm);
	/* One reference left: still there, still dead. */
	CHECK(uvm_fault(map, BASE, PROT_READ, 0) == EFAULT);
	uvmspace_free(vm);
}

/*
 * A second user keeps the space; a space never used is purged by its end.
 * LIFECYCLE 47 holds uvm/uvm_vmspace.c:uvmspace_addref mutant 14
 * LIFECYCLE 74 holds uvm/uvm_vmspace.c:uvmspace_free mutant 13
 * LIFECYCLE 76 different uvm/uvm_vmspace.c:uvmspace_free mutant 15 because exit purges, and only the last reference destroys
 */
TEST(uvm_users_and_refs)
{
	struct vmspace *vm = space();

	if (vm == NULL)
		return;
	CHECK(map_anon(vm, BASE, ptoa(1), RW) == 0);
	CHECK(poke(vm, BASE, 5) == 0);
	uvmspace_share(vm);
	CHECK(!uvmspace_leave(vm));
	uvmspace_free(vm);
	CHECK(peek(vm, BASE) == 5);
	uvmspace_addref(vm);
	uvmspace_free(vm);
	uvmspace_free(vm);
}

static vaddr_t
entry_start(struct vmspace *vm, vaddr_t va)
{
	struct vm_entry *e;
	vaddr_t start;

	rw_read_enter(&vm->vm_map.vm_lock);
	e = uvm_map_lookup(&vm->vm_map, va);
	start = e == NULL ? 0 : e->ve_start;
	rw_exit(&vm->vm_map.vm_lock);
	return start;
}

/*
 * LIFECYCLE 83 holds uvm/uvm_grow.c:uvm_grow mutant 41
 * LIFECYCLE 85 holds uvm/uvm_grow.c:uvm_grow_plan mutant 35
 * LIFECYCLE 86 holds uvm/uvm_grow.c:uvm_grow_plan mutant 36
 */
TEST(uvm_grow_plan)
{
	vaddr_t top = 0x8000000, low = 0x1000000;
	vsize_t size = 0;

	/* Down: grown already, grown by one page, to the limit, beyond. */
	CHECK(uvm_grow_plan(GROW_DOWN, top, low, ptoa(3), ptoa(16), top - 1,
		  &size) &&
	      size == ptoa(3));
	CHECK(uvm_grow_plan(GROW_DOWN, top, low, ptoa(3), ptoa(16),
		  top - ptoa(3) - 1, &size) &&
	      size == ptoa(4));
	CHECK(uvm_grow_plan(GROW_DOWN, top, low, ptoa(3), ptoa(16),
		  top - ptoa(16), &size) &&
	      size == ptoa(16));
	CHECK(!uvm_grow_plan(GROW_DOWN, top, low, ptoa(3), ptoa(16),
	    top - ptoa(16) - 1, &size));
	CHECK(
	    !uvm_grow_plan(GROW_DOWN, top, low, ptoa(3), ~0ul, low - 1, &size));
	CHECK(uvm_grow_plan(GROW_DOWN, top, low, ptoa(3), ~0ul, low, &size) &&
	      size == top - low);
	CHECK(!uvm_grow_plan(GROW_DOWN, top, low, ptoa(3), ~0ul, top, &size));
	/* A limit that fell below what is there takes nothing away. */
	CHECK(uvm_grow_plan(GROW_DOWN, top, low, ptoa(3), ptoa(1),
		  top - ptoa(2), &size) &&
	      size == ptoa(3));

	/* Up. */
	CHECK(uvm_grow_plan(GROW_UP, low, top, ptoa(3), ptoa(16), low, &size) &&
	      size == ptoa(3));
	CHECK(uvm_grow_plan(GROW_UP, low, top, ptoa(3), ptoa(16), low + ptoa(3),
		  &size) &&
	      size == ptoa(4));
	CHECK(uvm_grow_plan(GROW_UP, low, top, ptoa(3), ptoa(16),
		  low + ptoa(16) - 1, &size) &&
	      size == ptoa(16));
	CHECK(!uvm_grow_plan(GROW_UP, low, top, ptoa(3), ptoa(16),
	    low + ptoa(16), &size));
	CHECK(!uvm_grow_plan(GROW_UP, low, top, ptoa(3), ~0ul, low - 1, &size));
	CHECK(!uvm_grow_plan(GROW_UP, low, top, ptoa(3), ~0ul, top, &size));
}

/*
 * LIFECYCLE 82 holds uvm/uvm_grow.c:uvm_grow mutant 39
 * LIFECYCLE 84 holds uvm/uvm_grow.c:uvm_grow mutant 169
 */
TEST(uvm_grow_stack)
{
	struct vmspace *vm = space();
	struct uvm_mapargs args = {
	    .um_prot = RW,
	    .um_maxprot = PROT_ALL,
	    .um_flags = VE_COW | VE_STACK,
	    .um_how = UVM_MAP_FIXED,
	};
	vaddr_t top = BASE + (64ul << 20), va = top - ptoa(4), guard;
	vsize_t limit = 8ul << 20;

	if (vm == NULL)
		return;
	vm->vm_minsaddr = top;
	vm->vm_maxsaddr = top - (32ul << 20);
	vm->vm_ssize = ptoa(4);
	CHECK(uvm_map(&vm->vm_map, &va, ptoa(4), &args) == 0);
	CHECK(poke(vm, top - 1, 1) == 0);

	CHECK(uvm_grow(vm, top - 1, limit) && vm->vm_ssize == ptoa(4));
	CHECK(!uvm_grow(vm, top, limit));
	CHECK(uvm_grow(vm, top - ptoa(10), limit));
	CHECK(vm->vm_ssize == ptoa(10) && nentries(vm) == 1);
	CHECK(poke(vm, top - ptoa(10), 2) == 0 && peek(vm, top - 1) == 1);
	/* Beyond the limit nothing changes, silently. */
	CHECK(!uvm_grow(vm, top - limit - 1, limit));
	CHECK(vm->vm_ssize == ptoa(10));
	CHECK(uvm_grow(vm, top - limit, limit) && vm->vm_ssize == limit);
	CHECK(!uvm_grow(vm, vm->vm_maxsaddr - 1, ~0ul));
	/* A mapping below keeps its distance, unless nobody can touch it. */
	guard = top - limit - ptoa(300);
	CHECK(map_anon(vm, guard - ptoa(1), ptoa(1), RW) == 0);
	CHECK(!uvm_grow(vm, guard + VM_STACK_MAXGAP - 1, ~0ul));
	CHECK(uvm_grow(vm, guard + VM_STACK_MAXGAP, ~0ul));
	CHECK(uvm_protect(&vm->vm_map, guard - ptoa(1), guard, 0) == 0);
	CHECK(uvm_grow(vm, guard, ~0ul));
	CHECK(vm->vm_ssize == top - guard);
	/* Split it: the lowest piece is what grows. */
	CHECK(uvm_unmap(&vm->vm_map, guard - ptoa(1), guard) == 0);
	CHECK(uvm_protect(&vm->vm_map, guard, guard + ptoa(2), PROT_READ) == 0);
	CHECK(uvm_grow(vm, guard - 1, ~0ul));
	CHECK(vm->vm_ssize == top - guard + PAGE_SIZE);
	CHECK(peek(vm, guard - 1) == 0 && poke(vm, guard - 1, 1) == EACCES);
	/* The bounds are what they were. */
	CHECK(vm->vm_minsaddr == top && vm->vm_maxsaddr == top - (32ul << 20));
	verify(vm);
	end_space(vm);
}

TEST(uvm_grow_down_mapping)
{
	struct vmspace *vm = space();
	struct uvm_mapargs args = {
	    .um_prot = RW,
	    .um_maxprot = PROT_ALL,
	    .um_flags = VE_COW | VE_GROWSDOWN,
	    .um_how = UVM_MAP_FIXED,
	};
	vaddr_t va = BASE + ptoa(1000), hint;

	if (vm == NULL)
		return;
	CHECK(!uvm_grow(vm, va - 1, ~0ul));
	CHECK(uvm_map(&vm->vm_map, &va, ptoa(2), &args) == 0);
	CHECK(poke(vm, va, 7) == 0);
	CHECK(peek(vm, va - 1) == -EFAULT);
	CHECK(uvm_grow(vm, va - ptoa(3), ~0ul));
	CHECK(entry_start(vm, va) == va - ptoa(3));
	CHECK(poke(vm, va - ptoa(3), 8) == 0 && peek(vm, va) == 7);
	CHECK(!uvm_grow(vm, va - ptoa(4), ptoa(5)));
	/* Nothing is placed in the guard gap, even on request. */
	args.um_flags = VE_COW;
	args.um_how = 0;
	hint = va - ptoa(4);
	CHECK(uvm_map(&vm->vm_map, &hint, ptoa(1), &args) == 0);
	CHECK(hint != va - ptoa(4));
	/* Where a mapping sits in the gap all the same, growth ends. */
	CHECK(map_anon(vm, va - ptoa(100), ptoa(1), RW) == 0);
	CHECK(!uvm_grow(vm, va - ptoa(4), ~0ul));
	verify(vm);
	end_space(vm);
}

TEST(uvm_brk)
{
	struct vmspace *vm = space();

	if (vm == NULL)
		return;
	vm->vm_brkbase = vm->vm_brk = BASE + 100;
	CHECK(uvm_brk(vm, 0, ~0ul) == BASE + 100);
	CHECK(uvm_brk(vm, BASE + PAGE_SIZE + 904, ~0ul) ==
	      BASE + PAGE_SIZE + 904);
	CHECK(nentries(vm) == 1 && vm->vm_map.vm_size == PAGE_SIZE);
	CHECK(poke(vm, BASE + PAGE_SIZE, 1) == 0);
	CHECK(uvm_brk(vm, BASE + ptoa(9), ~0ul) == BASE + ptoa(9));
	CHECK(nentries(vm) == 1 && peek(vm, BASE + PAGE_SIZE) == 1);
	CHECK(uvm_brk(vm, BASE + ptoa(20), ptoa(10)) == BASE + ptoa(9));
	CHECK(uvm_brk(vm, BASE + 200, ~0ul) == BASE + 200);
	CHECK(vm->vm_map.vm_size == 0);
	CHECK(map_anon(vm, BASE + ptoa(4), ptoa(1), RW) == 0);
	CHECK(uvm_brk(vm, BASE + ptoa(4), ~0ul) == BASE + 200);
	CHECK(uvm_brk(vm, BASE + ptoa(3), ~0ul) == BASE + ptoa(3));
	CHECK(peek(vm, BASE + PAGE_SIZE) == 0);
	CHECK(uvm_brk(vm, VM_MAXUSER_ADDRESS, ~0ul) == BASE + ptoa(3));
	verify(vm);
	end_space(vm);
}

TEST(uvm_discard)
{
	struct vmspace *vm = space(), *child;
	struct uvm_object *uo;
	u_long before;

	if (vm == NULL || !CHECK(uao_create(ptoa(4), &uo) == 0))
		return;
	CHECK(map_anon(vm, BASE, ptoa(4), RW) == 0);
	CHECK(map_object(vm, BASE + ptoa(4), ptoa(4), RW, uo, 0, true) == 0);
	CHECK(map_object(vm, BASE + ptoa(8), ptoa(4), RW, uo, 0, false) == 0);
	CHECK(poke(vm, BASE, 1) == 0 && poke(vm, BASE + ptoa(1), 2) == 0);
	CHECK(poke(vm, BASE + ptoa(8), 3) == 0);
	CHECK(poke(vm, BASE + ptoa(4), 4) == 0);
	if (!CHECK(uvmspace_fork(vm, &child, 0) == 0))
		return;
	CHECK(uvm_discard(&child->vm_map, BASE, BASE + ptoa(1)) == 0);
	CHECK(peek(child, BASE) == 0 && peek(child, BASE + ptoa(1)) == 2);
	CHECK(peek(vm, BASE) == 1);
	/* Private file memory reads as the file again; shared keeps. */
	CHECK(
	    uvm_discard(&child->vm_map, BASE + ptoa(4), BASE + ptoa(12)) == 0);
	CHECK(peek(child, BASE + ptoa(4)) == 3);
	CHECK(peek(child, BASE + ptoa(8)) == 3);
	CHECK(peek(vm, BASE + ptoa(4)) == 4);
	end_space(child);
	before = phys_free_count();
	CHECK(uvm_discard(&vm->vm_map, BASE, BASE + ptoa(4)) == 0);
	CHECK(phys_free_count() >= before + 2);
	CHECK(peek(vm, BASE + ptoa(1)) == 0);
	CHECK(uvm_discard(&vm->vm_map, BASE + ptoa(2), BASE + ptoa(14)) ==
	      ENOMEM);
	CHECK(uvm_wire(&vm->vm_map, BASE + ptoa(2), BASE + ptoa(3), true) == 0);
	CHECK(uvm_discard(&vm->vm_map, BASE, BASE + ptoa(4)) == EINVAL);
	verify(vm);
	end_space(vm);
	uvm_object_free(uo);
}

/* Clip arithmetic of wiring, and what faults in. */
TEST(uvm_wire)
{
	struct vmspace *vm = space();
	struct vm_map *map;
	uint8_t vec[10];
	u_int i;

	if (vm == NULL)
		return;
	map = &vm->vm_map;
	CHECK(map_anon(vm, BASE, ptoa(10), RW) == 0);
	for (i = 0; i < 100; i++)
		CHECK(uvm_wire(map, BASE + ptoa(3), BASE + ptoa(6), true) == 0);
	CHECK(nentries(vm) == 3);
	CHECK(uvm_mincore(map, BASE, BASE + ptoa(10), vec) == 0);
	for (i = 0; i < 10; i++)
		CHECK(vec[i] == (i >= 3 && i < 6));
	CHECK(pmap_resident(vm_pmap(vm)) == 3);
	CHECK(uvm_mincore(map, BASE, BASE + ptoa(11), vec) == ENOMEM);
	/* It does not nest. */
	CHECK(uvm_wire(map, BASE + ptoa(4), BASE + ptoa(5), false) == 0);
	CHECK(nentries(vm) == 5);
	CHECK(uvm_wire(map, BASE, BASE + ptoa(10), false) == 0);
	CHECK(nentries(vm) == 1);
	CHECK(uvm_wire(map, BASE + ptoa(8), BASE + ptoa(12), true) == ENOMEM);
	CHECK(uvm_protect(map, BASE, BASE + ptoa(2), PROT_NONE) == 0);
	CHECK(uvm_wire(map, BASE, BASE + ptoa(1), true) == ENOMEM);
	CHECK(uvm_wire(map, BASE, BASE + ptoa(1), false) == 0);
	CHECK(uvm_msync_check(map, BASE, BASE + ptoa(10)) == 0);
	CHECK(uvm_msync_check(map, BASE, BASE + ptoa(11)) == ENOMEM);
	verify(vm);
	end_space(vm);
}

TEST(uvm_remap)
{
	struct vmspace *vm = space();
	struct vm_map *map;
	struct uvm_object *uo;
	vaddr_t va;

	if (vm == NULL || !CHECK(uao_create(ptoa(8), &uo) == 0))
		return;
	map = &vm->vm_map;
	CHECK(map_anon(vm, BASE, ptoa(4), RW) == 0);
	CHECK(poke(vm, BASE, 1) == 0 && poke(vm, BASE + ptoa(3), 4) == 0);
	/* Grow and shrink in place. */
	CHECK(
	    uvm_remap(map, BASE, ptoa(4), ptoa(8), 0, &va) == 0 && va == BASE);
	CHECK(nentries(vm) == 1 && poke(vm, BASE + ptoa(7), 8) == 0);
	CHECK(
	    uvm_remap(map, BASE, ptoa(8), ptoa(6), 0, &va) == 0 && va == BASE);
	CHECK(peek(vm, BASE + ptoa(7)) == -EFAULT);
	/* No room: refused, or moved with its contents. */
	CHECK(map_anon(vm, BASE + ptoa(6), ptoa(1), PROT_READ) == 0);
	CHECK(uvm_remap(map, BASE, ptoa(6), ptoa(9), 0, &va) == ENOMEM);
	CHECK(uvm_remap(map, BASE, ptoa(6), ptoa(9), MREMAP_MAYMOVE, &va) == 0);
	CHECK(va != BASE && peek(vm, va) == 1 && peek(vm, va + ptoa(3)) == 4);
	CHECK(peek(vm, va + ptoa(7)) == 0 && peek(vm, BASE) == -EFAULT);
	CHECK(poke(vm, va + ptoa(8), 9) == 0);
	verify(vm);
	/* Back, over something else, in part. */
	{
		vaddr_t to = BASE + ptoa(5);

		CHECK(uvm_remap(map, va + ptoa(3), ptoa(1), ptoa(3),
			  MREMAP_MAYMOVE | MREMAP_FIXED, &to) == 0);
		CHECK(peek(vm, BASE + ptoa(5)) == 4);
		CHECK(peek(vm, BASE + ptoa(6)) == 0);
		CHECK(peek(vm, va + ptoa(3)) == -EFAULT);
		to = va + ptoa(5);
		CHECK(uvm_remap(map, va + ptoa(4), ptoa(3), ptoa(3),
			  MREMAP_MAYMOVE | MREMAP_FIXED, &to) == EINVAL);
		CHECK(uvm_remap(map, va + ptoa(2), ptoa(3), ptoa(6),
			  MREMAP_MAYMOVE, &to) == EFAULT);
		to = 0;
		CHECK(uvm_remap(map, va + ptoa(8), ptoa(1), ptoa(1),
			  MREMAP_MAYMOVE | MREMAP_DONTUNMAP, &to) == 0);
		CHECK(peek(vm, to) == 9 && peek(vm, va + ptoa(8)) == 0);
	}
	/* No length: another view of shared memory, none of private. */
	CHECK(map_object(vm, BASE + ptoa(40), ptoa(4), RW, uo, ptoa(2),
		  false) == 0);
	CHECK(poke(vm, BASE + ptoa(41), 5) == 0);
	va = 0;
	CHECK(uvm_remap(map, BASE + ptoa(41), 0, ptoa(2), MREMAP_MAYMOVE,
		  &va) == 0);
	CHECK(peek(vm, va) == 5 && poke(vm, va, 6) == 0);
	CHECK(peek(vm, BASE + ptoa(41)) == 6);
	CHECK(uvm_remap(map, BASE + ptoa(5), 0, ptoa(2), MREMAP_MAYMOVE, &va) ==
	      EINVAL);
	CHECK(uvm_remap(map, BASE + ptoa(5), ptoa(1), 0, 0, &va) == EINVAL);
	CHECK(uvm_remap(map, BASE + ptoa(5), ptoa(1), ptoa(1), 64, &va) ==
	      EINVAL);
	verify(vm);
	end_space(vm);
	uvm_object_free(uo);
}

/* What mremap() refuses, and the odd ways of asking. */
TEST(uvm_remap_edges)
{
	struct vmspace *vm = space();
	struct vm_map *map;
	struct uvm_object *uo;
	vaddr_t to = 0;

	if (vm == NULL || !CHECK(uao_create(ptoa(8), &uo) == 0))
		return;
	map = &vm->vm_map;
	CHECK(map_anon(vm, BASE, ptoa(4), RW) == 0);
	CHECK(map_anon(vm, BASE + ptoa(4), ptoa(4), PROT_READ) == 0);
	CHECK(poke(vm, BASE + ptoa(1), 1) == 0);
	/* Unlike pieces move, but do not grow. */
	CHECK(uvm_remap(map, BASE, ptoa(8), ptoa(9), MREMAP_MAYMOVE, &to) ==
	      EFAULT);
	to = BASE + ptoa(100);
	CHECK(uvm_remap(map, BASE, ptoa(8), ptoa(8),
		  MREMAP_MAYMOVE | MREMAP_FIXED, &to) == 0);
	CHECK(nentries(vm) == 2 && peek(vm, to + ptoa(1)) == 1);
	CHECK(poke(vm, to + ptoa(5), 1) == EACCES);
	/* Move and shrink in one. */
	to = BASE;
	CHECK(uvm_remap(map, BASE + ptoa(100), ptoa(8), ptoa(2),
		  MREMAP_MAYMOVE | MREMAP_FIXED, &to) == 0);
	CHECK(nentries(vm) == 1 && vm->vm_map.vm_size == ptoa(2));
	CHECK(peek(vm, BASE + ptoa(1)) == 1);
	/* The same length: nothing to do. */
	to = 0;
	CHECK(
	    uvm_remap(map, BASE, ptoa(2), ptoa(2), MREMAP_MAYMOVE, &to) == 0 &&
	    to == BASE);

	CHECK(uvm_remap(map, BASE, ptoa(2), ptoa(2), MREMAP_FIXED, &to) ==
	      EINVAL);
	CHECK(uvm_remap(map, BASE, ptoa(2), ptoa(1),
		  MREMAP_MAYMOVE | MREMAP_DONTUNMAP, &to) == EINVAL);
	to = map->vm_max;
	CHECK(uvm_remap(map, BASE, ptoa(2), ptoa(2),
		  MREMAP_MAYMOVE | MREMAP_FIXED, &to) == EINVAL);
	to = BASE + 1;
	CHECK(uvm_remap(map, BASE, ptoa(2), ptoa(2),
		  MREMAP_MAYMOVE | MREMAP_FIXED, &to) == EINVAL);
	to = 0;
	CHECK(uvm_remap(map, BASE, ptoa(2), map->vm_max, MREMAP_MAYMOVE, &to) ==
	      ENOMEM);
	CHECK(uvm_remap(map, BASE + ptoa(50), 0, ptoa(1), MREMAP_MAYMOVE,
		  &to) == EFAULT);
	CHECK(uvm_remap(map, BASE + ptoa(50), ptoa(1), ptoa(2), MREMAP_MAYMOVE,
		  &to) == EFAULT);
	/* What is left behind of a file shows the file. */
	CHECK(map_object(vm, BASE + ptoa(20), ptoa(2), RW, uo, 0, true) == 0);
	CHECK(poke(vm, BASE + ptoa(20), 5) == 0);
	to = 0;
	CHECK(uvm_remap(map, BASE + ptoa(20), ptoa(2), ptoa(2),
		  MREMAP_MAYMOVE | MREMAP_DONTUNMAP, &to) == 0);
	CHECK(peek(vm, to) == 5 && peek(vm, BASE + ptoa(20)) == 0);
	CHECK(uvm_unmap(map, to, to + ptoa(2)) == 0);
	/* A file mapping grows along the file. */
	CHECK(poke(vm, BASE + ptoa(21), 2) == 0);
	CHECK(uvm_remap(map, BASE + ptoa(20), ptoa(2), ptoa(4), 0, &to) == 0);
	CHECK(nentries(vm) == 2 && poke(vm, BASE + ptoa(23), 3) == 0);
	CHECK(peek(vm, BASE + ptoa(21)) == 2);
	verify(vm);
	end_space(vm);
	uvm_object_free(uo);
}

/* Shrinking discards pages and private copies; growing brings zeroes. */
TEST(uvm_object_resize)
{
	struct vmspace *vm = space(), *child;
	struct uvm_object *uo;
	u_char buf[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	vaddr_t priv = BASE + ptoa(16);
	size_t done;

	if (vm == NULL || !CHECK(uao_create(ptoa(4), &uo) == 0))
		return;
	CHECK(map_object(vm, BASE, ptoa(4), RW, uo, 0, false) == 0);
	CHECK(map_object(vm, priv, ptoa(4), RW, uo, 0, true) == 0);
	CHECK(uvm_object_io(uo, ptoa(1) - 4, buf, 0, 8, true, &done) == 0 &&
	      done == 8);
	CHECK(peek(vm, BASE + ptoa(1)) == 5);
	CHECK(poke(vm, priv + ptoa(1), 50) == 0);
	CHECK(poke(vm, priv, 51) == 0);
	if (!CHECK(uvmspace_fork(vm, &child, 0) == 0))
		return;
	CHECK(poke(child, priv + ptoa(1), 52) == 0);

	uao_resize(uo, ptoa(1) - 2);
	CHECK(peek(vm, BASE + ptoa(1)) == -ENXIO);
	CHECK(peek(vm, priv + ptoa(1)) == -ENXIO);
	CHECK(peek(child, priv + ptoa(1)) == -ENXIO);
	CHECK(uo->uo_npages == 1);
	/* The tail of the last page is zeroed, then memory again. */
	CHECK(peek(vm, BASE + ptoa(1) - 2) == 0);
	CHECK(peek(vm, BASE + ptoa(1) - 3) == 2);
	CHECK(poke(vm, BASE + ptoa(1) - 1, 9) == 0);
	CHECK(uvm_object_io(uo, ptoa(1) - 4, buf, 0, 8, false, &done) == 0 &&
	      done == 2 && buf[0] == 1 && buf[1] == 2);
	CHECK(uvm_object_io(uo, ptoa(1) - 4, buf, 0, 8, true, &done) == ENXIO &&
	      done == 2);

	uao_resize(uo, ptoa(3));
	CHECK(peek(vm, BASE + ptoa(1) - 1) == 0);
	CHECK(peek(vm, BASE + ptoa(1)) == 0);
	CHECK(peek(vm, priv + ptoa(1)) == 0 && peek(vm, priv) == 51);
	CHECK(peek(child, priv + ptoa(1)) == 0);
	CHECK(poke(child, priv + ptoa(1), 53) == 0);
	CHECK(peek(vm, priv + ptoa(1)) == 0);
	CHECK(uo->uo_writers == 2);
	verify(vm);
	verify(child);
	end_space(vm);
	CHECK(uo->uo_writers == 1);
	uao_resize(uo, 0);
	CHECK(uo->uo_npages == 0 && peek(child, priv) == -ENXIO);
	end_space(child);
	CHECK(uo->uo_writers == 0);
	uvm_object_free(uo);
}

/*
 * A space under several threads: faults, forks and remapping at once leave
 * it consistent, and every page comes back.
 */
static _Atomic(bool) busy_stop;

static void
busy_toucher(void *arg)
{
	struct vmspace *vm = arg;
	u_int i;

	for (i = 0; !atomic_load(&busy_stop); i++) {
		(void)uvm_fault(&vm->vm_map, BASE + ptoa(i % 64),
		    i % 3 == 0 ? PROT_READ : PROT_WRITE, 0);
		if (i % 16 == 0)
			thread_yield();
	}
}

TEST(uvm_concurrent)
{
	struct vmspace *vm = space(), *child;
	struct thread *td[3];
	u_int i;

	if (vm == NULL)
		return;
	atomic_store(&busy_stop, false);
	CHECK(map_anon(vm, BASE, ptoa(64), RW) == 0);
	for (i = 0; i < nitems(td); i++)
		td[i] = ktest_spawn(busy_toucher, vm);
	for (i = 0; i < 60; i++) {
		vaddr_t va = BASE + ptoa(ktest_random() % 56);

		switch (ktest_random() % 5) {
		case 0:
			CHECK(map_anon(vm, va, ptoa(8), RW) == 0);
			break;
		case 1:
			CHECK(uvm_discard(&vm->vm_map, va, va + ptoa(8)) == 0);
			break;
		case 2:
			CHECK(uvm_protect(&vm->vm_map, va, va + ptoa(4),
				  i % 2 ? PROT_READ : RW) == 0);
			break;
		case 3:
			if (!CHECK(uvmspace_fork(vm, &child, 0) == 0))
				break;
			thread_yield();
			(void)uvm_fault(&child->vm_map, va, PROT_WRITE, 0);
			verify(child);
			end_space(child);
			break;
		default:
			thread_yield();
			break;
		}
	}
	atomic_store(&busy_stop, true);
	for (i = 0; i < nitems(td); i++)
		ktest_join(td[i]);
	verify(vm);
	end_space(vm);
}
