/*
 * t_uvm_fork.c: what children get, and that nobody else's stores show.
 */
#include "t_uvm.h"

#define BASE ((vaddr_t)0x30000000)

/* Three generations write the same pages; each sees its own. */
TEST(uvm_fork_generations)
{
	struct vmspace *vm[3] = {space(), NULL, NULL};
	u_int g, i, round;

	if (vm[0] == NULL)
		return;
	CHECK(map_anon(vm[0], BASE, ptoa(8), RW) == 0);
	for (i = 0; i < 8; i++)
		CHECK(poke(vm[0], BASE + ptoa(i), (u_char)(i + 1)) == 0);
	CHECK(uvmspace_fork(vm[0], &vm[1], 0) == 0);
	CHECK(poke(vm[1], BASE + ptoa(1), 101) == 0);
	CHECK(uvmspace_fork(vm[1], &vm[2], 0) == 0);
	CHECK(poke(vm[0], BASE + ptoa(2), 102) == 0);
	CHECK(poke(vm[2], BASE + ptoa(3), 103) == 0);
	for (g = 0; g < 3; g++)
		for (i = 0; i < 8; i++)
			CHECK(peek(vm[g], BASE + ptoa(i)) ==
			      (i == 1 && g > 0       ? 101
				  : i == 2 && g == 0 ? 102
				  : i == 3 && g == 2 ? 103
						     : (int)i + 1));
	for (round = 0; round < 4; round++)
		for (g = 0; g < 3; g++)
			for (i = 0; i < 8; i++)
				CHECK(poke(vm[g], BASE + ptoa(i),
					  (u_char)(40 * g + i + round)) == 0);
	for (g = 0; g < 3; g++) {
		verify(vm[g]);
		for (i = 0; i < 8; i++)
			CHECK(peek(vm[g], BASE + ptoa(i)) ==
			      (int)(40 * g + i + 3));
	}
	/* The middle one goes first. */
	end_space(vm[1]);
	CHECK(peek(vm[0], BASE) == 3 && peek(vm[2], BASE) == 83);
	verify(vm[0]);
	end_space(vm[0]);
	verify(vm[2]);
	end_space(vm[2]);
}

/*
 * As FreeBSD's tests/sys/vm/shared_shadow_inval: P1 has a copy of what P0
 * had; P1 and P2 then share.  A page that P2 replaces must vanish from P1's
 * tables at once.
 */
TEST(uvm_fork_copy_then_share)
{
	struct vmspace *p0 = space(), *p1, *p2, *p3;
	u_int i;

	if (p0 == NULL)
		return;
	CHECK(map_anon(p0, BASE, ptoa(4), RW) == 0);
	for (i = 0; i < 4; i++)
		CHECK(poke(p0, BASE + ptoa(i), 1) == 0);
	if (!CHECK(uvmspace_fork(p0, &p1, 0) == 0))
		return;
	/* P1 maps P0's pages to read before it starts to share. */
	CHECK(peek(p1, BASE) == 1 && peek(p1, BASE + ptoa(1)) == 1);
	CHECK(
	    uvm_inherit(&p1->vm_map, BASE, BASE + ptoa(4), INHERIT_SHARE) == 0);
	if (!CHECK(uvmspace_fork(p1, &p2, 0) == 0))
		return;
	CHECK(peek(p1, BASE) == 1 && peek(p2, BASE) == 1);
	CHECK(poke(p2, BASE, 2) == 0);
	CHECK(peek(p1, BASE) == 2 && peek(p0, BASE) == 1);
	CHECK(poke(p1, BASE + ptoa(1), 3) == 0);
	CHECK(peek(p2, BASE + ptoa(1)) == 3);

	/* A copy of what is shared: both sharers must be held back. */
	CHECK(
	    uvm_inherit(&p2->vm_map, BASE, BASE + ptoa(4), INHERIT_COPY) == 0);
	CHECK(poke(p1, BASE + ptoa(2), 4) == 0);
	CHECK(poke(p2, BASE + ptoa(2), 5) == 0);
	if (!CHECK(uvmspace_fork(p2, &p3, 0) == 0))
		return;
	CHECK(poke(p1, BASE + ptoa(2), 6) == 0);
	CHECK(peek(p2, BASE + ptoa(2)) == 6 && peek(p3, BASE + ptoa(2)) == 5);
	CHECK(poke(p3, BASE + ptoa(3), 7) == 0);
	CHECK(peek(p1, BASE + ptoa(3)) == 1 && peek(p2, BASE + ptoa(3)) == 1);
	/* The sharer that did not fork goes; the other still works. */
	end_space(p0);
	end_space(p1);
	CHECK(poke(p2, BASE, 8) == 0);
	CHECK(peek(p2, BASE) == 8 && peek(p3, BASE) == 2);
	verify(p2);
	verify(p3);
	end_space(p2);
	end_space(p3);
}

TEST(uvm_fork_inheritance)
{
	struct vmspace *vm = space(), *child;
	struct uvm_object *uo;
	struct vm_map *map;

	if (vm == NULL || !CHECK(uao_create(ptoa(2), &uo) == 0))
		return;
	map = &vm->vm_map;
	CHECK(map_anon(vm, BASE, ptoa(6), RW) == 0);
	CHECK(map_object(vm, BASE + ptoa(8), ptoa(2), RW, uo, 0, false) == 0);
	CHECK(map_object(vm, BASE + ptoa(12), ptoa(2), RW, uo, 0, true) == 0);
	CHECK(poke(vm, BASE, 1) == 0 && poke(vm, BASE + ptoa(2), 1) == 0);
	CHECK(poke(vm, BASE + ptoa(8), 1) == 0);
	CHECK(poke(vm, BASE + ptoa(12), 2) == 0);
	CHECK(uvm_inherit(map, BASE, BASE + ptoa(2), INHERIT_ZERO) == 0);
	CHECK(uvm_inherit(map, BASE + ptoa(2), BASE + ptoa(4), INHERIT_NONE) ==
	      0);
	CHECK(uvm_inherit(map, BASE + ptoa(8), BASE + ptoa(10), INHERIT_ZERO) ==
	      EINVAL);
	CHECK(uvm_inherit(map, BASE + ptoa(8), BASE + ptoa(10), INHERIT_COPY) ==
	      EINVAL);
	CHECK(uvm_inherit(map, BASE + ptoa(12), BASE + ptoa(14),
		  INHERIT_ZERO) == EINVAL);
	CHECK(uvm_wire(map, BASE + ptoa(4), BASE + ptoa(6), true) == 0);
	if (!CHECK(uvmspace_fork(vm, &child, 0) == 0))
		return;
	verify(vm);
	verify(child);
	CHECK(peek(child, BASE) == 0 && peek(vm, BASE) == 1);
	CHECK(peek(child, BASE + ptoa(2)) == -EFAULT);
	CHECK(poke(child, BASE + ptoa(8), 9) == 0);
	CHECK(peek(vm, BASE + ptoa(8)) == 9);
	CHECK(peek(vm, BASE + ptoa(12)) == 2);
	CHECK(peek(child, BASE + ptoa(12)) == 2);
	rw_read_enter(&child->vm_map.vm_lock);
	CHECK(uvm_map_lookup(&child->vm_map, BASE + ptoa(4))->ve_wired == 0);
	rw_exit(&child->vm_map.vm_lock);
	/* New memory does not merge with what came by fork. */
	CHECK(map_anon(child, BASE + ptoa(6), ptoa(1), RW) == 0);
	rw_read_enter(&child->vm_map.vm_lock);
	CHECK(uvm_map_lookup(&child->vm_map, BASE + ptoa(6))->ve_start ==
	      BASE + ptoa(6));
	rw_exit(&child->vm_map.vm_lock);
	end_space(vm);
	end_space(child);
	uvm_object_free(uo);
}

#define NENTRY 20u /* more than are allocated at once */

/* Fork fails at every allocation in turn; nothing is lost or seen. */
TEST(uvm_fork_nomem)
{
	const struct uvm_upcalls *old = quiet_upcalls();
	struct vmspace *vm = space(), *child = NULL;
	struct uvm_object *uo;
	u_long n;
	u_int i;
	int error;
	bool fired;

	if (vm == NULL || !CHECK(uao_create(ptoa(4), &uo) == 0))
		return;
	for (i = 0; i < NENTRY; i++) {
		CHECK(map_anon(vm, BASE + ptoa(8 * i), ptoa(4), RW) == 0);
		CHECK(poke(vm, BASE + ptoa(8 * i), (u_char)i) == 0);
	}
	CHECK(uvm_inherit(&vm->vm_map, BASE + ptoa(16), BASE + ptoa(20),
		  INHERIT_SHARE) == 0);
	CHECK(map_object(vm, BASE + ptoa(8 * NENTRY), ptoa(4), RW, uo, 0,
		  false) == 0);
	for (n = 1;; n++) {
		phys_fail_nth(n);
		pmap_drain();
		error = uvmspace_fork(vm, &child, 0);
		fired = phys_fail_fired();
		phys_fail_nth(0);
		verify(vm);
		if (!fired)
			break;
		/* Some of them it can do without. */
		CHECK(error == 0 || error == ENOMEM);
		if (error == 0)
			end_space(child);
		/* A child that was half made has told the parent nothing. */
		for (i = 0; i < NENTRY; i++)
			CHECK(poke(vm, BASE + ptoa(8 * i), (u_char)i) == 0);
	}
	CHECK(n > 5 && error == 0);
	for (i = 0; error == 0 && i < NENTRY; i++)
		CHECK(peek(child, BASE + ptoa(8 * i)) == (int)i);
	if (error == 0)
		end_space(child);
	end_space(vm);
	uvm_object_free(uo);
	uvm_upcalls = old;
}

/*
 * Splitting what a child shares, and letting go of the halves, frees pages as
 * soon as nobody can see them, and never before.
 */
TEST(uvm_fork_split_halves)
{
	struct vmspace *vm = space(), *child;
	u_long before;
	u_int i;

	if (vm == NULL)
		return;
	CHECK(map_anon(vm, BASE, ptoa(64), RW) == 0);
	for (i = 0; i < 64; i++)
		CHECK(poke(vm, BASE + ptoa(i), (u_char)i) == 0);
	before = phys_free_count();
	/* Alone: half of it goes at once. */
	CHECK(uvm_unmap(&vm->vm_map, BASE + ptoa(48), BASE + ptoa(64)) == 0);
	CHECK(phys_free_count() >= before + 16);
	if (!CHECK(uvmspace_fork(vm, &child, 0) == 0))
		return;
	CHECK(uvm_protect(&vm->vm_map, BASE + ptoa(16), BASE + ptoa(32),
		  PROT_READ) == 0);
	CHECK(uvm_unmap(&vm->vm_map, BASE + ptoa(32), BASE + ptoa(40)) == 0);
	for (i = 0; i < 48; i++)
		CHECK(peek(child, BASE + ptoa(i)) == (int)i);
	CHECK(uvm_unmap(&child->vm_map, BASE + ptoa(8), BASE + ptoa(48)) == 0);
	end_space(child);
	before = phys_free_count();
	/*
	 * Three entries share the amap; each gives up needs-copy, and the last
	 * one finds the pages nobody has any more.
	 */
	CHECK(poke(vm, BASE, 1) == 0 && poke(vm, BASE + ptoa(40), 1) == 0);
	CHECK(uvm_protect(&vm->vm_map, BASE + ptoa(16), BASE + ptoa(32), RW) ==
	      0);
	CHECK(poke(vm, BASE + ptoa(16), 1) == 0);
	CHECK(phys_free_count() + 4 >= before + 8);
	for (i = 0; i < 48; i++)
		if (i < 32 || i >= 40)
			CHECK(peek(vm, BASE + ptoa(i)) ==
			      (i == 0 || i == 16 || i == 40 ? 1 : (int)i));
	/* What is mapped in the hole is new. */
	CHECK(map_anon(vm, BASE + ptoa(32), ptoa(8), RW) == 0);
	for (i = 32; i < 40; i++)
		CHECK(peek(vm, BASE + ptoa(i)) == 0);
	verify(vm);
	end_space(vm);
}

/* What differs in the parent only by what is not inherited is one in a child. */
TEST(uvm_fork_merges)
{
	struct vmspace *vm = space(), *child;
	struct vm_map *map;

	if (vm == NULL)
		return;
	map = &vm->vm_map;
	/* Locked: nothing is there to be locked with PROT_NONE. */
	CHECK(map_anon(vm, BASE, ptoa(4), PROT_NONE) == 0);
	CHECK(uvm_wire(map, BASE, BASE + ptoa(2), true) != 0);
	CHECK(nentries(vm) == 2);
	/* Wiped: two amaps that did not join. */
	CHECK(map_anon(vm, BASE + ptoa(8), ptoa(2), RW) == 0);
	CHECK(poke(vm, BASE + ptoa(8), 1) == 0);
	CHECK(uvm_inherit(map, BASE + ptoa(8), BASE + ptoa(9), INHERIT_ZERO) ==
	      0);
	CHECK(poke(vm, BASE + ptoa(9), 1) == 0);
	CHECK(uvm_inherit(map, BASE + ptoa(9), BASE + ptoa(10), INHERIT_ZERO) ==
	      0);
	CHECK(uvmspace_fork(vm, &child, 0) == 0);
	CHECK(nentries(child) == 2);
	verify(child);
	verify(vm);
	end_space(child);
	end_space(vm);
}

/* What va is mapped to, if it may be written to there; 0: not so. */
static paddr_t
writable(struct vmspace *vm, vaddr_t va)
{
	vm_prot_t prot;
	paddr_t pa;

	if (!pmap_extract(vm->vm_map.vm_pmap, va, &pa, &prot))
		return 0;
	return (prot & PROT_WRITE) != 0 ? pa : 0;
}

/* The page that both write to first is there twice, and is written freely. */
TEST(uvm_fork_hot)
{
	struct vmspace *vm = space(), *child, *twin;
	const vaddr_t hot = BASE + PAGE_SIZE;
	paddr_t pa;
	u_int i;

	if (vm == NULL)
		return;
	CHECK(map_anon(vm, BASE, ptoa(4), RW) == 0);
	for (i = 0; i < 4; i++)
		CHECK(poke(vm, BASE + ptoa(i), (u_char)(i + 1)) == 0);
	pa = writable(vm, hot);
	CHECK(pa != 0);
	CHECK(uvmspace_fork(vm, &child, hot + 100) == 0);
	CHECK(writable(vm, hot) == pa);
	CHECK(writable(child, hot) != 0 && writable(child, hot) != pa);
	CHECK(writable(vm, BASE) == 0 && writable(child, BASE) == 0);
	for (i = 0; i < 4; i++)
		CHECK(peek(child, BASE + ptoa(i)) == (int)i + 1);
	CHECK(poke(vm, hot, 50) == 0 && poke(child, hot, 60) == 0);
	CHECK(poke(vm, BASE, 51) == 0 && poke(child, BASE + ptoa(2), 61) == 0);
	/* A child of each, while the other is there. */
	CHECK(uvmspace_fork(child, &twin, hot) == 0);
	CHECK(poke(child, hot, 62) == 0 && poke(twin, hot, 70) == 0);
	verify(twin);
	end_space(twin);
	CHECK(uvmspace_fork(vm, &twin, BASE + ptoa(3)) == 0);
	CHECK(poke(vm, BASE + ptoa(3), 52) == 0);
	CHECK(peek(twin, BASE) == 51 && peek(twin, hot) == 50);
	CHECK(peek(twin, BASE + ptoa(3)) == 4);
	verify(child);
	end_space(vm);
	CHECK(peek(child, BASE) == 1 && peek(child, hot) == 62);
	CHECK(peek(child, BASE + ptoa(2)) == 61);
	CHECK(peek(child, BASE + ptoa(3)) == 4);
	CHECK(poke(child, BASE + ptoa(3), 63) == 0);
	CHECK(peek(twin, BASE + ptoa(3)) == 4);
	verify(twin);
	end_space(child);
	end_space(twin);
}

/* Where it cannot be, the page is inherited like others. */
TEST(uvm_fork_hot_refused)
{
	struct vmspace *vm = space(), *child;
	vaddr_t va;

	if (vm == NULL)
		return;
	CHECK(map_anon(vm, BASE, ptoa(4), RW) == 0);
	CHECK(poke(vm, BASE, 1) == 0);
	CHECK(poke(vm, BASE + ptoa(2), 3) == 0);
	CHECK(uvm_inherit(&vm->vm_map, BASE + ptoa(2), BASE + ptoa(3),
		  INHERIT_SHARE) == 0);
	CHECK(uvm_protect(&vm->vm_map, BASE, BASE + PAGE_SIZE, PROT_READ) == 0);
	/* Read-only, not there, shared, not mapped. */
	for (va = BASE; va <= BASE + ptoa(4); va += PAGE_SIZE) {
		CHECK(uvmspace_fork(vm, &child, va) == 0);
		CHECK(peek(child, BASE) == 1);
		CHECK(peek(child, BASE + PAGE_SIZE) == 0);
		CHECK(poke(child, BASE + ptoa(2), (u_char)(va >> 12)) == 0);
		CHECK(peek(vm, BASE + ptoa(2)) == (u_char)(va >> 12));
		verify(child);
		end_space(child);
	}
	verify(vm);
	end_space(vm);
}

/* A page that stayed writable for one fork does not for the next. */
TEST(uvm_fork_hot_other)
{
	struct vmspace *vm = space(), *child[3];
	u_int i, k;

	if (vm == NULL)
		return;
	CHECK(map_anon(vm, BASE, ptoa(3), RW) == 0);
	for (i = 0; i < 3; i++)
		CHECK(poke(vm, BASE + ptoa(i), (u_char)(i + 1)) == 0);
	/* Nothing is entered in between. */
	for (k = 0; k < 3; k++)
		CHECK(uvmspace_fork(vm, &child[k], BASE + ptoa(k)) == 0);
	for (i = 0; i < 3; i++)
		CHECK(poke(vm, BASE + ptoa(i), 9) == 0);
	for (k = 0; k < 3; k++) {
		for (i = 0; i < 3; i++)
			CHECK(peek(child[k], BASE + ptoa(i)) == (int)i + 1);
		verify(child[k]);
		end_space(child[k]);
	}
	end_space(vm);
}

/* Memory that is shared can be written to after a fork without a fault. */
TEST(uvm_fork_shared_stays)
{
	struct vmspace *vm = space(), *child, *twin;
	const vaddr_t at = BASE + ptoa(4);
	struct uvm_object *uo;

	if (vm == NULL || !CHECK(uao_create(ptoa(2), &uo) == 0))
		return;
	CHECK(map_anon(vm, BASE, ptoa(4), RW) == 0);
	CHECK(map_object(vm, at, ptoa(2), RW, uo, 0, false) == 0);
	CHECK(poke(vm, BASE, 1) == 0 && poke(vm, BASE + ptoa(3), 1) == 0);
	CHECK(poke(vm, at, 2) == 0);
	CHECK(uvmspace_fork(vm, &child, 0) == 0);
	CHECK(uvmspace_fork(vm, &twin, 0) == 0);
	CHECK(writable(vm, at) != 0 && writable(vm, at) == writable(child, at));
	CHECK(writable(twin, at) == writable(vm, at));
	CHECK(writable(vm, BASE + ptoa(3)) == 0 && writable(vm, BASE) == 0);
	CHECK(writable(child, BASE + ptoa(3)) == 0);
	CHECK(poke(child, at, 3) == 0);
	CHECK(peek(vm, at) == 3 && peek(twin, at) == 3);
	/* One gives it up; one may no longer write. */
	CHECK(uvm_unmap(&twin->vm_map, at, at + PAGE_SIZE) == 0);
	CHECK(uvm_protect(&child->vm_map, at, at + PAGE_SIZE, PROT_READ) == 0);
	CHECK(poke(twin, at, 4) == EFAULT && poke(child, at, 4) == EACCES);
	CHECK(poke(vm, at, 5) == 0 && peek(child, at) == 5);
	CHECK(poke(vm, BASE, 6) == 0 && peek(child, BASE) == 1);
	verify(vm);
	end_space(vm);
	verify(child);
	end_space(child);
	end_space(twin);
	uvm_object_free(uo);
}

/* Upper tables of a dead child serve the next one, and are its alone. */
TEST(uvm_fork_spare)
{
	struct vmspace *vm = space(), *child, *other = space();
	struct vm_page *root;
	u_int i;

	if (vm == NULL || other == NULL)
		return;
	CHECK(map_anon(vm, BASE, ptoa(4), RW) == 0);
	CHECK(poke(vm, BASE, 1) == 0);
	CHECK(map_anon(other, 100 * BASE, ptoa(4), RW) == 0);
	CHECK(poke(other, 100 * BASE, 2) == 0);
	pmap_drain();
	CHECK(uvmspace_fork(vm, &child, 0) == 0);
	root = vm_pmap(child)->pm_root;
	end_space(child);
	for (i = 0; i < 3; i++) {
		CHECK(uvmspace_fork(vm, &child, BASE) == 0);
		CHECK(vm_pmap(child)->pm_root == root);
		CHECK(poke(child, BASE, (u_char)(10 + i)) == 0);
		CHECK(peek(vm, BASE) == 1);
		verify(child);
		end_space(child);
	}
	/* One of another shape is made anew. */
	CHECK(uvmspace_fork(other, &child, 0) == 0);
	CHECK(peek(child, 100 * BASE) == 2 && poke(child, BASE, 1) == EFAULT);
	verify(child);
	/* One that has got more tables is not kept. */
	CHECK(map_anon(child, 200 * BASE, ptoa(4), RW) == 0);
	CHECK(poke(child, 200 * BASE, 3) == 0);
	end_space(child);
	CHECK(uvmspace_fork(other, &child, 0) == 0);
	verify(child);
	end_space(child);
	pmap_verify_all();
	pmap_drain();
	end_space(vm);
	end_space(other);
}
