/*
 * t_uvm_map.c: the map against an array with one element per page.
 */
#include "t_uvm.h"

#define WINDOW 96 /* pages */
#define BASE   ((vaddr_t)0x10000000)

/* What the model knows of a page. */
struct cell {
	bool mapped;
	vm_prot_t prot;
	enum vm_inherit inherit;
	int advice;
};
static struct cell cell[WINDOW];

static bool
same(const struct cell *a, const struct cell *b)
{
	return a->mapped == b->mapped &&
	       (!a->mapped || (a->prot == b->prot && a->inherit == b->inherit &&
				  a->advice == b->advice));
}

/* Map and model agree, and equal neighbours are one entry. */
static void
compare(struct vmspace *vm)
{
	struct vm_map *map = &vm->vm_map;
	struct vm_entry *e;
	u_int i, runs, mapped;

	rw_read_enter(&map->vm_lock);
	uvm_map_verify(map);
	runs = mapped = 0;
	for (i = 0; i < WINDOW; i++) {
		e = uvm_map_lookup(map, BASE + ptoa(i));
		if (!CHECK((e != NULL) == cell[i].mapped))
			break;
		if (e == NULL)
			continue;
		mapped++;
		CHECK(e->ve_prot == cell[i].prot);
		CHECK(e->ve_inherit == cell[i].inherit);
		CHECK(e->ve_advice == cell[i].advice);
		if (i == 0 || !same(&cell[i], &cell[i - 1]))
			runs++;
	}
	CHECK(map->vm_nentries == runs);
	CHECK(map->vm_size == ptoa(mapped));
	rw_exit(&map->vm_lock);
}

/* The first hole in [a, b), or b. */
static u_int
first_hole(u_int a, u_int b)
{
	while (a < b && cell[a].mapped)
		a++;
	return a;
}

static void
random_op(struct vmspace *vm)
{
	struct vm_map *map = &vm->vm_map;
	u_int a = ktest_random() % WINDOW;
	u_int b = a + 1 + ktest_random() % MIN(WINDOW - a, 20u);
	vaddr_t start = BASE + ptoa(a), end = BASE + ptoa(b);
	vm_prot_t prot = ktest_random() % 4;
	u_int hole = first_hole(a, b), i;
	int v = (int)(ktest_random() % 3);
	int want = hole < b ? ENOMEM : 0;

	switch (ktest_random() % 6) {
	case 0:
	case 1:
		CHECK(map_anon(vm, start, end - start, prot) == 0);
		for (i = a; i < b; i++)
			cell[i] = (struct cell){true, prot, INHERIT_COPY,
			    MADV_NORMAL};
		break;
	case 2:
		CHECK(uvm_unmap(map, start, end) == 0);
		for (i = a; i < b; i++)
			cell[i].mapped = false;
		break;
	case 3:
		CHECK(uvm_protect(map, start, end, prot) == want);
		for (i = a; i < hole; i++)
			cell[i].prot = prot;
		break;
	case 4:
		v = v == 1   ? INHERIT_NONE
		    : v == 2 ? INHERIT_ZERO
			     : INHERIT_COPY;
		CHECK(uvm_inherit(map, start, end, (enum vm_inherit)v) == want);
		for (i = a; i < hole; i++)
			cell[i].inherit = (enum vm_inherit)v;
		break;
	default:
		CHECK(uvm_advise(map, start, end, v) == want);
		for (i = a; i < b; i++)
			cell[i].advice = v;
		break;
	}
}

/* LIFECYCLE 30 void uvm/uvm_tree.c:uvm_tree_verify because free space is not in the tree, and no entry is ever empty: the verifier says so */
TEST(uvm_map_model)
{
	struct vmspace *vm = space();
	u_int i;

	if (vm == NULL)
		return;
	memset(cell, 0, sizeof(cell));
	for (i = 0; i < 4000; i++) {
		random_op(vm);
		compare(vm);
	}
	end_space(vm);
}

/* Where the model would put n pages below limit; WINDOW: nowhere. */
static u_int
highest_gap(u_int n, u_int limit)
{
	u_int i, run;

	run = 0;
	for (i = limit; i-- > 0;) {
		run = cell[i].mapped ? 0 : run + 1;
		if (run == n)
			return i;
	}
	return WINDOW;
}

TEST(uvm_map_gap_search)
{
	struct vmspace *vm = space();
	struct vm_map *map;
	struct uvm_mapargs args = {
	    .um_maxprot = PROT_ALL,
	    .um_flags = VE_COW,
	};
	vaddr_t va, hint;
	u_int i, j, n, limit, want;

	if (vm == NULL)
		return;
	map = &vm->vm_map;
	/* Leave nothing free but the window. */
	CHECK(map_anon(vm, map->vm_min, BASE - map->vm_min, 0) == 0);
	CHECK(map_anon(vm, BASE + ptoa(WINDOW),
		  map->vm_max - BASE - ptoa(WINDOW), 0) == 0);
	memset(cell, 0, sizeof(cell));
	for (i = 0; i < 3000; i++) {
		n = 1 + ktest_random() % 12;
		limit = 1 + ktest_random() % WINDOW;
		map->vm_mmapbase = BASE + ptoa(limit);
		want = n > limit ? WINDOW : highest_gap(n, limit);
		if (want == WINDOW)
			want = highest_gap(n, WINDOW);
		hint = 0;
		j = ktest_random() % WINDOW;
		if (ktest_random() % 3 == 0 && j + n <= WINDOW) {
			hint = BASE + ptoa(j);
			if (highest_gap(n, j + n) == j)
				want = j;
		}
		args.um_prot = ktest_random() % 8;
		va = hint;
		if (want == WINDOW)
			CHECK(uvm_map(map, &va, ptoa(n), &args) == ENOMEM);
		else if (CHECK(uvm_map(map, &va, ptoa(n), &args) == 0)) {
			CHECK(va == BASE + ptoa(want));
			for (j = want; j < want + n; j++)
				cell[j].mapped = true;
		}
		/* Make room again, a little more than was taken. */
		j = ktest_random() % WINDOW;
		n = 1 + ktest_random() % 13;
		n = MIN(n, WINDOW - j);
		CHECK(uvm_unmap(map, BASE + ptoa(j), BASE + ptoa(j + n)) == 0);
		while (n-- > 0)
			cell[j + n].mapped = false;
		verify(vm);
	}
	end_space(vm);
}

TEST(uvm_map_errors)
{
	struct vmspace *vm = space();
	struct vm_map *map;
	struct uvm_mapargs args = {
	    .um_prot = RW,
	    .um_maxprot = RW,
	    .um_flags = VE_COW,
	    .um_how = UVM_MAP_FIXED | UVM_MAP_NOREPLACE,
	};
	vaddr_t va = BASE;

	if (vm == NULL)
		return;
	map = &vm->vm_map;
	CHECK(uvm_map(map, &va, ptoa(4), &args) == 0);
	va = BASE + ptoa(3);
	CHECK(uvm_map(map, &va, ptoa(4), &args) == EEXIST);
	va = BASE + ptoa(4);
	CHECK(uvm_map(map, &va, ptoa(4), &args) == 0);
	CHECK(nentries(vm) == 1);
	CHECK(uvm_map(map, &va, 0, &args) == EINVAL);
	va = map->vm_max - PAGE_SIZE;
	CHECK(uvm_map(map, &va, ptoa(2), &args) == ENOMEM);
	va = map->vm_min - PAGE_SIZE;
	CHECK(uvm_map(map, &va, ptoa(2), &args) == ENOMEM);
	va = 0;
	args.um_how = 0;
	CHECK(uvm_map(map, &va, map->vm_max, &args) == ENOMEM);

	/* More than there is: only without a promise to write it. */
	va = 0;
	CHECK(uvm_map(map, &va, ptoa(phys_total() + 1), &args) == ENOMEM);
	args.um_flags |= VE_NORESERVE;
	CHECK(uvm_map(map, &va, ptoa(phys_total() + 1), &args) == 0);
	CHECK(uvm_unmap(map, va, va + ptoa(phys_total() + 1)) == 0);

	args.um_how = UVM_MAP_LOW32;
	va = 0;
	CHECK(uvm_map(map, &va, ptoa(1), &args) == 0);
	CHECK(va == 0x80000000 - PAGE_SIZE);
	uvmspace_limits(vm, ptoa(10), ~0ul);
	va = 0;
	CHECK(uvm_map(map, &va, ptoa(2), &args) == ENOMEM);
	CHECK(uvm_map(map, &va, ptoa(1), &args) == 0);
	args.um_how |= UVM_MAP_FIXED;
	va = BASE;
	CHECK(uvm_map(map, &va, ptoa(8), &args) == 0);
	CHECK(uvm_protect(map, BASE, BASE + ptoa(1), PROT_EXEC) == EACCES);
	verify(vm);
	end_space(vm);
}

/* 20,000 overlays leak no size, as in OpenBSD's regress/uvm/mmap_fixed. */
TEST(uvm_map_overlays)
{
	struct vmspace *vm = space();
	u_int i;

	if (vm == NULL)
		return;
	CHECK(map_anon(vm, BASE, ptoa(16), RW) == 0);
	for (i = 0; i < 20000; i++) {
		CHECK(map_anon(vm, BASE + ptoa(i % 13), ptoa(1 + i % 4),
			  i % 2 ? RW : PROT_READ) == 0);
		if (i % 64 == 0)
			CHECK(poke(vm, BASE + ptoa(15), (u_char)i) == 0);
	}
	CHECK(vm->vm_map.vm_size == ptoa(16));
	verify(vm);
	end_space(vm);
}

/* At the limit of entries a split is ENOMEM, and so is the next mapping. */
TEST(uvm_map_entry_limit)
{
	struct vmspace *vm = space();
	struct vm_map *map;
	u_int saved = uvm_map_count_max;

	if (vm == NULL)
		return;
	map = &vm->vm_map;
	CHECK(map_anon(vm, BASE, ptoa(9), RW) == 0);
	uvm_map_count_max = 3;
	CHECK(uvm_protect(map, BASE + ptoa(3), BASE + ptoa(6), 0) == 0);
	CHECK(nentries(vm) == 3);
	CHECK(uvm_unmap(map, BASE + ptoa(1), BASE + ptoa(2)) == ENOMEM);
	CHECK(uvm_protect(map, BASE + ptoa(1), BASE + ptoa(2), 0) == ENOMEM);
	CHECK(map_anon(vm, BASE + ptoa(20), ptoa(1), RW) == ENOMEM);
	CHECK(nentries(vm) == 3 && map->vm_size == ptoa(9));
	/* Cutting off an end needs no entry. */
	CHECK(uvm_unmap(map, BASE + ptoa(2), BASE + ptoa(4)) == 0);
	CHECK(nentries(vm) == 3 && map->vm_size == ptoa(7));
	uvm_map_count_max = saved;
	verify(vm);
	end_space(vm);
}

/* Whatever allocation fails, the space is as it was. */
TEST(uvm_map_nomem)
{
	const struct uvm_upcalls *old = quiet_upcalls();
	struct vmspace *vm = space();
	struct vm_map *map;
	u_int i, op;
	u_long n;
	int error;

	if (vm == NULL)
		return;
	map = &vm->vm_map;
	CHECK(map_anon(vm, BASE, ptoa(8), RW) == 0);
	for (i = 0; i < 8; i++)
		CHECK(poke(vm, BASE + ptoa(i), (u_char)i) == 0);
	for (op = 0; op < 3; op++) {
		for (n = 1;; n++) {
			phys_fail_nth(n);
			if (op == 0)
				error = uvm_protect(map, BASE + ptoa(2),
				    BASE + ptoa(3), PROT_READ);
			else if (op == 1)
				error = uvm_unmap(map, BASE + ptoa(5),
				    BASE + ptoa(6));
			else
				error =
				    map_anon(vm, BASE + ptoa(1), ptoa(6), RW);
			phys_fail_nth(0);
			verify(vm);
			if (error == 0)
				break;
			CHECK(error == ENOMEM);
			CHECK(map->vm_size == ptoa(op < 2 ? 8 : 7));
			for (i = 0; i < 8; i++)
				if (op < 2 || i != 5)
					CHECK(
					    peek(vm, BASE + ptoa(i)) == (int)i);
		}
	}
	for (i = 1; i < 7; i++)
		CHECK(peek(vm, BASE + ptoa(i)) == 0);
	CHECK(peek(vm, BASE) == 0 && peek(vm, BASE + ptoa(7)) == 7);
	end_space(vm);
	uvm_upcalls = old;
}

/*
 * Goal: an edge of an entry where nothing is goes without an amap being split or
 * an entry made; what is there, or not at the edge, is dropped as ever.
 */
TEST(uvm_unmap_edge)
{
	struct vmspace *vm = space();
	struct vm_map *map;
	struct vm_amap *am;
	struct vm_entry *e;
	u_int i;

	if (vm == NULL)
		return;
	map = &vm->vm_map;
	CHECK(map_anon(vm, BASE + ptoa(4), ptoa(8), RW) == 0);
	for (i = 6; i < 10; i++)
		CHECK(poke(vm, BASE + ptoa(i), (u_char)i) == 0);
	am = map->vm_first->ve_amap;
	for (i = 0; i < 3; i++) {
		/* Both sides, with a hole before and behind. */
		CHECK(map_anon(vm, BASE, ptoa(4), RW) == 0);
		CHECK(map_anon(vm, BASE + ptoa(12), ptoa(4), RW) == 0);
		CHECK(map->vm_nentries == 1 && map->vm_first->ve_amap == am);
		/* The next allocation would fail, and none is made. */
		phys_fail_nth(1);
		CHECK(uvm_unmap(map, BASE - ptoa(1), BASE + ptoa(5)) == 0);
		CHECK(uvm_unmap(map, BASE + ptoa(11), BASE + ptoa(18)) == 0);
		CHECK(!phys_fail_fired());
		phys_fail_nth(0);
		e = map->vm_first;
		CHECK(map->vm_nentries == 1 && e->ve_amap == am);
		CHECK(e->ve_start == BASE + ptoa(5));
		CHECK(e->ve_end == BASE + ptoa(11));
		verify(vm);
		CHECK(map_anon(vm, BASE + ptoa(4), ptoa(1), RW) == 0);
		CHECK(map_anon(vm, BASE + ptoa(11), ptoa(1), RW) == 0);
		CHECK(peek(vm, BASE + ptoa(4)) == 0);
		CHECK(peek(vm, BASE + ptoa(11)) == 0);
		CHECK(uvm_discard(map, BASE + ptoa(4), BASE + ptoa(5)) == 0);
		CHECK(uvm_discard(map, BASE + ptoa(11), BASE + ptoa(12)) == 0);
	}
	for (i = 6; i < 10; i++)
		CHECK(peek(vm, BASE + ptoa(i)) == (int)i);
	CHECK(uvm_unmap(map, BASE, BASE + ptoa(7)) == 0);
	CHECK(uvm_unmap(map, BASE + ptoa(9), BASE + ptoa(16)) == 0);
	CHECK(map_anon(vm, BASE, ptoa(7), RW) == 0);
	CHECK(map_anon(vm, BASE + ptoa(9), ptoa(3), RW) == 0);
	for (i = 0; i < 12; i++)
		CHECK(peek(vm, BASE + ptoa(i)) ==
		      (int)(i == 7 || i == 8 ? i : 0));
	verify(vm);
	end_space(vm);
}
