/*
 * t_uvm_limit.c: RLIMIT_AS and RLIMIT_DATA, what is committed, and sealing.
 */
#include "t_uvm.h"

#define BASE 0x10000000ul

/* Data is what can be written; limits hold for every way to grow. */
TEST(uvm_limit_data)
{
	struct vmspace *vm = space();
	struct vm_map *map;
	vaddr_t to = 0;

	if (vm == NULL)
		return;
	map = &vm->vm_map;
	CHECK(map_anon(vm, BASE, ptoa(4), RW) == 0);
	CHECK(map_anon(vm, BASE + ptoa(8), ptoa(4), PROT_READ) == 0);
	CHECK(map->vm_size == ptoa(8) && map->vm_data == ptoa(4));
	uvmspace_limits(vm, ptoa(10), ptoa(5));
	CHECK(map_anon(vm, BASE + ptoa(16), ptoa(2), RW) == ENOMEM);
	CHECK(map_anon(vm, BASE + ptoa(16), ptoa(3), PROT_READ) == ENOMEM);
	CHECK(map_anon(vm, BASE + ptoa(16), ptoa(2), PROT_READ) == 0);
	CHECK(uvm_protect(map, BASE + ptoa(8), BASE + ptoa(10), RW) == ENOMEM);
	CHECK(uvm_protect(map, BASE + ptoa(8), BASE + ptoa(9), RW) == 0);
	CHECK(uvm_remap(map, BASE, ptoa(4), ptoa(5), 0, &to) == ENOMEM);
	CHECK(uvm_protect(map, BASE, BASE + ptoa(2), PROT_READ) == 0);
	CHECK(map->vm_data == ptoa(3));
	CHECK(uvm_unmap(map, BASE, BASE + ptoa(4)) == 0);
	CHECK(map->vm_data == ptoa(1) && map->vm_size == ptoa(6));
	verify(vm);
	end_space(vm);
}

/* What is committed goes and comes with mappings, and is promised once. */
TEST(uvm_limit_commit)
{
	struct vmspace *vm = space(), *child;
	u_long before = uvm_committed();
	struct uvm_object *uo;

	if (vm == NULL)
		return;
	CHECK(map_anon(vm, BASE, ptoa(8), RW) == 0);
	CHECK(uvm_committed() == before + 8);
	/* Read-only and untouched: nothing to keep room for. */
	CHECK(uvm_protect(&vm->vm_map, BASE, BASE + ptoa(2), PROT_READ) == 0);
	CHECK(uvm_committed() == before + 6);
	CHECK(uvm_protect(&vm->vm_map, BASE, BASE + ptoa(2), RW) == 0);
	CHECK(poke(vm, BASE, 1) == 0);
	CHECK(uvm_protect(&vm->vm_map, BASE, BASE + ptoa(2), PROT_READ) == 0);
	CHECK(uvm_committed() == before + 8);
	if (!CHECK(uvmspace_fork(vm, &child, 0) == 0))
		return;
	CHECK(uvm_committed() == before + 16);
	end_space(child);
	CHECK(uvm_committed() == before + 8);
	verify(vm);
	end_space(vm);
	CHECK(uvm_committed() == before);
	if (!CHECK(uao_create(ptoa(5), &uo) == 0))
		return;
	CHECK(uao_commit(uo) == 0 && uvm_committed() == before + 5);
	uvm_object_free(uo);
	CHECK(uvm_committed() == before);
}

TEST(uvm_limit_overcommit)
{
	struct vmspace *vm = space();
	u_long left;

	if (vm == NULL)
		return;
	atomic_store(&uvm_overcommit, OVERCOMMIT_NEVER);
	left = uvm_commit_limit() - uvm_committed();
	CHECK(map_anon(vm, BASE, ptoa(left + 1), RW) == ENOMEM);
	CHECK(map_anon(vm, BASE, ptoa(left), RW) == 0);
	CHECK(map_anon(vm, BASE + ptoa(left + 8), ptoa(1), RW) == ENOMEM);
	CHECK(uvmspace_fork(vm, &(struct vmspace *){NULL}, 0) == ENOMEM);
	atomic_store(&uvm_overcommit, OVERCOMMIT_ALWAYS);
	CHECK(map_anon(vm, BASE + ptoa(left + 8), ptoa(phys_total() + 1), RW) ==
	      0);
	atomic_store(&uvm_overcommit, OVERCOMMIT_GUESS);
	verify(vm);
	end_space(vm);
}

/* Sealed memory stays where and as it is, until the space goes. */
TEST(uvm_seal)
{
	struct vmspace *vm = space(), *child;
	struct vm_map *map;
	vaddr_t to = 0;

	if (vm == NULL)
		return;
	map = &vm->vm_map;
	CHECK(map_anon(vm, BASE, ptoa(4), RW) == 0);
	CHECK(poke(vm, BASE + ptoa(1), 7) == 0);
	CHECK(uvm_seal(map, BASE, BASE + ptoa(5)) == ENOMEM);
	CHECK(uvm_unmap(map, BASE + ptoa(3), BASE + ptoa(4)) == 0);
	CHECK(uvm_seal(map, BASE + ptoa(1), BASE + ptoa(2)) == 0);
	CHECK(uvm_unmap(map, BASE, BASE + ptoa(3)) == EPERM);
	CHECK(peek(vm, BASE + ptoa(1)) == 7);
	CHECK(uvm_protect(map, BASE + ptoa(1), BASE + ptoa(2), PROT_READ) ==
	      EPERM);
	CHECK(map_anon(vm, BASE + ptoa(1), ptoa(1), RW) == EPERM);
	CHECK(uvm_remap(map, BASE + ptoa(1), ptoa(1), ptoa(2), MREMAP_MAYMOVE,
		  &to) == EPERM);
	/* It can be written, so it can be emptied. */
	CHECK(uvm_discard(map, BASE + ptoa(1), BASE + ptoa(2)) == 0);
	CHECK(peek(vm, BASE + ptoa(1)) == 0);
	if (!CHECK(uvmspace_fork(vm, &child, 0) == 0))
		return;
	CHECK(uvm_unmap(&child->vm_map, BASE, BASE + ptoa(3)) == EPERM);
	end_space(child);
	verify(vm);
	end_space(vm);
}
