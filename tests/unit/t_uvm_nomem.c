/*
 * t_uvm_nomem.c: operations that run out of memory at every point in turn,
 * and amaps that others hold for a moment.
 */
#include "t_uvm.h"

#define BASE ((vaddr_t)0x70000000)

/* Pages 0 to 15: anonymous, each written with its number. */
static struct vmspace *
prepare(void)
{
	struct vmspace *vm = space();
	u_int i;

	if (vm == NULL)
		return NULL;
	CHECK(map_anon(vm, BASE, ptoa(16), RW) == 0);
	for (i = 0; i < 16; i++)
		CHECK(poke(vm, BASE + ptoa(i), (u_char)(i + 1)) == 0);
	return vm;
}

static bool
intact(struct vmspace *vm, vaddr_t at, u_int first, u_int last)
{
	u_int i;

	for (i = first; i < last; i++)
		if (peek(vm, at + ptoa(i)) != (int)i + 1)
			return false;
	return true;
}

TEST(uvm_nomem_remap)
{
	const struct uvm_upcalls *old = quiet_upcalls();
	struct vmspace *vm;
	struct vm_map *map;
	vaddr_t to;
	u_long n;
	u_int op;
	int error;

	for (op = 0; op < 4; op++) {
		for (n = 1;; n++) {
			vm = prepare();
			if (vm == NULL)
				return;
			map = &vm->vm_map;
			CHECK(map_anon(vm, BASE + ptoa(32), ptoa(8), RW) == 0);
			to = BASE + ptoa(34);
			phys_fail_nth(n);
			if (op == 0) /* the middle, onto something else */
				error = uvm_remap(map, BASE + ptoa(4), ptoa(4),
				    ptoa(4), MREMAP_MAYMOVE | MREMAP_FIXED,
				    &to);
			else if (op == 1) /* grow in place */
				error = uvm_remap(map, BASE, ptoa(16), ptoa(20),
				    0, &to);
			else if (op == 2) /* shrink */
				error = uvm_remap(map, BASE, ptoa(16), ptoa(5),
				    0, &to);
			else
				error = uvm_remap(map, BASE + ptoa(4), ptoa(4),
				    ptoa(4), MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
				    &to);
			phys_fail_nth(0);
			verify(vm);
			if (error == 0)
				break;
			CHECK(error == ENOMEM);
			CHECK(intact(vm, BASE, 0, 16));
			CHECK(map->vm_size == ptoa(24));
			end_space(vm);
		}
		if (op == 0 || op == 3)
			CHECK(intact(vm, to - ptoa(4), 4, 8));
		CHECK(intact(vm, BASE, 0, 4));
		end_space(vm);
	}
	uvm_upcalls = old;
}

/* Forking what a family shares copies the amap at once, or not at all. */
TEST(uvm_nomem_fork_shared)
{
	const struct uvm_upcalls *old = quiet_upcalls();
	struct vmspace *vm = prepare(), *sib, *child = NULL;
	u_long n;
	int error;

	if (vm == NULL)
		return;
	CHECK(uvm_inherit(&vm->vm_map, BASE, BASE + ptoa(16), INHERIT_SHARE) ==
	      0);
	if (!CHECK(uvmspace_fork(vm, &sib, 0) == 0))
		return;
	CHECK(
	    uvm_inherit(&vm->vm_map, BASE, BASE + ptoa(16), INHERIT_COPY) == 0);
	for (n = 1;; n++) {
		phys_fail_nth(n);
		error = uvmspace_fork(vm, &child, 0);
		phys_fail_nth(0);
		verify(vm);
		if (error == 0)
			break;
		CHECK(error == ENOMEM && intact(sib, BASE, 0, 16));
	}
	CHECK(poke(sib, BASE, 99) == 0);
	CHECK(peek(vm, BASE) == 99 && intact(child, BASE, 0, 16));
	/* Discarding shared memory only unmaps it; it splits without a copy. */
	CHECK(uvm_discard(&vm->vm_map, BASE + ptoa(2), BASE + ptoa(4)) == 0);
	CHECK(uvm_unmap(&vm->vm_map, BASE + ptoa(8), BASE + ptoa(12)) == 0);
	CHECK(intact(vm, BASE, 1, 8) && intact(sib, BASE, 1, 16));
	/* New memory in the hole is not the family's. */
	CHECK(map_anon(vm, BASE + ptoa(8), ptoa(4), RW) == 0);
	CHECK(peek(vm, BASE + ptoa(8)) == 0);
	verify(vm);
	end_space(sib);
	end_space(child);
	end_space(vm);
	uvm_upcalls = old;
}

/* Discarding part of what a child shares needs an amap of its own. */
TEST(uvm_nomem_discard)
{
	const struct uvm_upcalls *old = quiet_upcalls();
	struct vmspace *vm = prepare(), *child;
	u_long n;
	int error;

	if (vm == NULL || !CHECK(uvmspace_fork(vm, &child, 0) == 0))
		return;
	for (n = 1;; n++) {
		phys_fail_nth(n);
		error =
		    uvm_discard(&child->vm_map, BASE + ptoa(4), BASE + ptoa(8));
		phys_fail_nth(0);
		verify(child);
		if (error == 0)
			break;
		CHECK(error == ENOMEM && intact(child, BASE, 0, 16));
	}
	CHECK(n > 1);
	CHECK(peek(child, BASE + ptoa(5)) == 0 && intact(vm, BASE, 0, 16));
	CHECK(intact(child, BASE, 0, 4) && intact(child, BASE, 8, 16));
	end_space(child);
	end_space(vm);
	uvm_upcalls = old;
}

TEST(uvm_nomem_small)
{
	const struct uvm_upcalls *old = quiet_upcalls();
	struct vmspace *vm = prepare();
	struct uvm_object *uo = NULL;
	struct vm_page *pg;
	struct vm_map *map;

	if (vm == NULL)
		return;
	map = &vm->vm_map;
	phys_fail_nth(1);
	CHECK(uao_create(1, &uo) == ENOMEM && uo == NULL);
	phys_fail_nth(1);
	CHECK(uvm_anon_alloc(0, &pg) == NULL);
	phys_fail_nth(2);
	CHECK(uvm_anon_alloc(0, &pg) == NULL);
	vm->vm_brkbase = vm->vm_brk = BASE + ptoa(64);
	phys_fail_nth(1);
	CHECK(uvm_brk(vm, BASE + ptoa(65), ~0ul) == BASE + ptoa(64));
	phys_fail_nth(1);
	CHECK(uvm_wire(map, BASE + ptoa(1), BASE + ptoa(2), true) == ENOMEM);
	phys_fail_nth(0);
	CHECK(uvm_brk(vm, BASE + ptoa(64) + ptoa(phys_total() + 1), ~0ul) ==
	      BASE + ptoa(64));
	/* Making more writable than there is needs asking, too. */
	CHECK(
	    map_anon(vm, 0x100000000, ptoa(phys_total() + 1), PROT_READ) == 0);
	CHECK(uvm_protect(map, 0x100000000,
		  0x100000000 + ptoa(phys_total() + 1), RW) == ENOMEM);
	CHECK(uvm_remap(map, BASE, ptoa(16), ptoa(phys_total() + 17),
		  MREMAP_MAYMOVE, &(vaddr_t){0}) == ENOMEM);
	verify(vm);
	CHECK(intact(vm, BASE, 0, 16));
	end_space(vm);
	uvm_upcalls = old;
}

/*
 * Truncation holds a reference to an amap for a moment.  Whatever happens to
 * the entry meanwhile stays right, and no page is lost.
 */
TEST(uvm_amap_borrowed)
{
	struct vmspace *vm = prepare();
	struct vm_map *map;
	struct vm_amap *am;
	u_long before;

	if (vm == NULL)
		return;
	map = &vm->vm_map;
	rw_read_enter(&map->vm_lock);
	am = uvm_map_lookup(map, BASE)->ve_amap;
	amap_ref(am);
	rw_exit(&map->vm_lock);

	/* The halves share the amap; each still owns its own slots. */
	CHECK(
	    uvm_protect(map, BASE + ptoa(8), BASE + ptoa(16), PROT_READ) == 0);
	before = phys_free_count();
	CHECK(uvm_unmap(map, BASE + ptoa(8), BASE + ptoa(12)) == 0);
	CHECK(phys_free_count() == before + 4);
	CHECK(intact(vm, BASE, 0, 8) && intact(vm, BASE, 12, 16));
	/* Nothing is added to an amap that is not known to be its own. */
	CHECK(map_anon(vm, BASE + ptoa(8), ptoa(4), RW) == 0);
	CHECK(nentries(vm) == 3);
	CHECK(peek(vm, BASE + ptoa(8)) == 0);
	CHECK(poke(vm, BASE + ptoa(9), 9) == 0);
	CHECK(uvm_protect(map, BASE + ptoa(12), BASE + ptoa(16), RW) == 0);
	CHECK(intact(vm, BASE, 0, 8) && intact(vm, BASE, 12, 16));
	verify(vm);
	/* The space goes first. */
	end_space(vm);
	amap_free(am);
}

TEST(uvm_setflags)
{
	struct vmspace *vm = prepare();
	struct vm_map *map;
	struct uvm_object *uo;
	uint8_t vec[4];

	if (vm == NULL || !CHECK(uao_create(ptoa(4), &uo) == 0))
		return;
	map = &vm->vm_map;
	CHECK(uvm_setflags(map, BASE + ptoa(4), BASE + ptoa(20), VE_DONTDUMP,
		  0) == ENOMEM);
	CHECK(nentries(vm) == 2);
	CHECK(uvm_setflags(map, BASE, BASE + ptoa(16), 0, VE_DONTDUMP) == 0);
	CHECK(nentries(vm) == 1);
	/* Both layers count as resident. */
	CHECK(map_object(vm, BASE + ptoa(32), ptoa(4), RW, uo, 0, true) == 0);
	CHECK(peek(vm, BASE + ptoa(33)) == 0);
	CHECK(poke(vm, BASE + ptoa(34), 1) == 0);
	CHECK(uvm_mincore(map, BASE + ptoa(32), BASE + ptoa(36), vec) == 0);
	CHECK(vec[0] == 0 && vec[1] == 1 && vec[2] == 1 && vec[3] == 0);
	CHECK(uvm_populate(map, BASE + ptoa(32), BASE + ptoa(36)) == 0);
	CHECK(uvm_mincore(map, BASE + ptoa(32), BASE + ptoa(36), vec) == 0);
	CHECK(vec[0] == 1 && vec[3] == 1);
	CHECK(uvm_populate(map, BASE + ptoa(15), BASE + ptoa(17)) == ENOMEM);
	/* Past the largest offset. */
	CHECK(map_object(vm, BASE + ptoa(64), ptoa(4), RW, uo,
		  ~(uint64_t)0 - PAGE_MASK, true) == EOVERFLOW);
	verify(vm);
	end_space(vm);
	uvm_object_free(uo);
}

/* The high-water mark survives what is unmapped. */
TEST(uvm_maxrss)
{
	struct vmspace *vm = space();
	vsize_t len = 2ul << 20;

	if (vm == NULL)
		return;
	CHECK(map_anon(vm, BASE, len, RW) == 0);
	CHECK(uvm_populate(&vm->vm_map, BASE, BASE + len) == 0);
	CHECK(uvm_unmap(&vm->vm_map, BASE, BASE + len) == 0);
	CHECK(atomic_load(&vm->vm_maxrss) == atop(len));
	CHECK(pmap_resident(vm_pmap(vm)) == 0);
	end_space(vm);
}
