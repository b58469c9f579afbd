/*
 * t_uvm_fault.c: the cases of a page fault, one by one.
 */
#include <base/thread.h>
#include <port/machdep.h>

#include "t_uvm.h"

#define BASE ((vaddr_t)0x20000000)

/* How often each case came up since the last call. */
static u_long seen[COUNT_MAX];

static u_long
since(enum count c)
{
	u_long now = count_sum(c), n = now - seen[c];

	seen[c] = now;
	return n;
}

static void
forget(void)
{
	since(COUNT_FLT_ANON);
	since(COUNT_FLT_ACOW);
	since(COUNT_FLT_OBJ);
	since(COUNT_FLT_PRCOPY);
	since(COUNT_FLT_ZERO);
	since(COUNT_FAULT_MAJOR);
}

static bool
only(enum count c)
{
	static const enum count all[] = {COUNT_FLT_ANON, COUNT_FLT_ACOW,
	    COUNT_FLT_OBJ, COUNT_FLT_PRCOPY, COUNT_FLT_ZERO};
	bool ok = true;
	u_int i;

	for (i = 0; i < nitems(all); i++)
		ok &= since(all[i]) == (all[i] == c);
	return ok;
}

static vm_prot_t
mapped_prot(struct vmspace *vm, vaddr_t va)
{
	vm_prot_t prot = PROT_NONE;

	(void)pmap_extract(vm_pmap(vm), va, NULL, &prot);
	return prot;
}

/* LIFECYCLE 64 different uvm/uvm_fault.c:fault_anon mutant 50 because an anon counts the amaps that hold it; bulk removal need not know */
TEST(uvm_fault_anon_cases)
{
	struct vmspace *vm = space(), *child;

	if (vm == NULL)
		return;
	CHECK(map_anon(vm, BASE, ptoa(4), RW) == 0);
	forget();

	/* 2C: zeroes, writable at once. */
	CHECK(uvm_fault(&vm->vm_map, BASE + 5, PROT_READ, 0) == 0);
	CHECK(only(COUNT_FLT_ZERO));
	CHECK(mapped_prot(vm, BASE) == RW);
	CHECK(peek(vm, BASE) == 0 && poke(vm, BASE, 7) == 0);
	CHECK(only(COUNT_MAX));

	/* 1A: present and ours; a spurious fault does no harm. */
	CHECK(uvm_fault(&vm->vm_map, BASE, PROT_WRITE, 0) == 0);
	CHECK(only(COUNT_FLT_ANON));
	CHECK(peek(vm, BASE) == 7);

	if (!CHECK(uvmspace_fork(vm, &child, 0) == 0))
		return;
	CHECK(mapped_prot(vm, BASE) == PROT_READ);
	/* 1A, shared: read-only, no copy of anything. */
	CHECK(uvm_fault(&child->vm_map, BASE, PROT_READ, 0) == 0);
	CHECK(only(COUNT_FLT_ANON));
	CHECK(mapped_prot(child, BASE) == PROT_READ);

	/* 1B: the child writes and gets a page of its own. */
	CHECK(poke(child, BASE, 8) == 0);
	CHECK(only(COUNT_FLT_ACOW));
	CHECK(mapped_prot(child, BASE) == RW);
	CHECK(peek(vm, BASE) == 7 && peek(child, BASE) == 8);

	/* 1A again: the parent is alone with the old page. */
	CHECK(poke(vm, BASE, 9) == 0);
	CHECK(only(COUNT_FLT_ANON));
	CHECK(peek(vm, BASE) == 9 && peek(child, BASE) == 8);
	verify(vm);
	verify(child);
	end_space(child);
	end_space(vm);
}

/*
 * The quick way: pages on their own, in an amap that is the entry's own, by
 * the table that this CPU entered something in last.  After each of them the
 * others see what they saw, also when an allocation fails.
 */
static bool
try_again(void)
{
	phys_fail_nth(0);
	return true;
}

static bool
not_killed(void)
{
	return false;
}

TEST(uvm_fault_quick)
{
	static const struct uvm_upcalls giving = {
	    .up_nomem = try_again,
	    .up_killed = not_killed,
	};
	const struct uvm_upcalls *old = uvm_upcalls;
	struct vmspace *vm = space(), *child;
	vaddr_t va;
	int i;

	if (vm == NULL || !CHECK(map_anon(vm, BASE, ptoa(192), RW) == 0))
		return;
	for (i = 0; i < 64; i++)
		CHECK(poke(vm, BASE + ptoa((vaddr_t)(3 * i)), (u_char)i) == 0);
	if (!CHECK(uvmspace_fork(vm, &child, 0) == 0))
		return;
	uvm_upcalls = &giving;
	for (i = 0; i < 64; i += 2) {
		va = BASE + ptoa((vaddr_t)(3 * i));
		phys_fail_nth((u_long)i / 8);
		/* The hint is vm's, and the table may be the child's, too. */
		CHECK(poke(vm, va, 100) == 0);
		phys_fail_nth(0);
		CHECK(mapped_prot(vm, va) == RW);
		CHECK(peek(child, va) == i && peek(vm, va) == 100);
		phys_fail_nth((u_long)i / 8);
		CHECK(poke(child, va + ptoa(1), 101) == 0);
		CHECK(poke(child, va, 102) == 0);
		phys_fail_nth(0);
		CHECK(peek(vm, va + ptoa(1)) == 0 && peek(vm, va) == 100);
		CHECK(peek(child, va + ptoa(1)) == 101);
	}
	for (i = 0; i < 64; i++) {
		va = BASE + ptoa((vaddr_t)(3 * i));
		CHECK(peek(vm, va) == (i % 2 == 0 ? 100 : i));
		CHECK(peek(child, va) == (i % 2 == 0 ? 102 : i));
	}
	uvm_upcalls = old;
	verify(vm);
	verify(child);
	end_space(child);
	end_space(vm);
}

TEST(uvm_fault_object_cases)
{
	struct vmspace *vm = space();
	struct uvm_object *uo;
	u_char byte = 3;
	size_t done;

	if (vm == NULL || !CHECK(uao_create(2 * PAGE_SIZE + 10, &uo) == 0))
		return;
	CHECK(uvm_object_io(uo, 5, &byte, 0, 1, true, &done) == 0);
	CHECK(map_object(vm, BASE, ptoa(4), RW, uo, 0, false) == 0);
	CHECK(map_object(vm, BASE + ptoa(8), ptoa(4), RW, uo, 0, true) == 0);
	forget();

	/* 2A: private and read: the object's page, not writable. */
	CHECK(peek(vm, BASE + ptoa(8) + 5) == 3);
	CHECK(only(COUNT_FLT_OBJ));
	CHECK(mapped_prot(vm, BASE + ptoa(8)) == PROT_READ);
	/* 2A: shared: writable, the same page. */
	CHECK(poke(vm, BASE + 5, 4) == 0);
	CHECK(only(COUNT_FLT_OBJ));
	CHECK(peek(vm, BASE + ptoa(8) + 5) == 4);
	/* A page nobody has yet. */
	CHECK(poke(vm, BASE + ptoa(1), 1) == 0);
	CHECK(only(COUNT_FLT_OBJ));

	/* 2B: private and written: a copy in front of the object. */
	CHECK(poke(vm, BASE + ptoa(8) + 5, 5) == 0);
	CHECK(only(COUNT_FLT_PRCOPY));
	CHECK(peek(vm, BASE + 5) == 4 && peek(vm, BASE + ptoa(8) + 5) == 5);
	CHECK(uvm_object_io(uo, 5, &byte, 0, 1, false, &done) == 0 &&
	      done == 1 && byte == 4);
	forget();

	/* The tail of the last page is memory; behind it is nothing. */
	CHECK(poke(vm, BASE + ptoa(2) + 100, 1) == 0);
	CHECK(peek(vm, BASE + ptoa(3)) == -ENXIO);
	CHECK(poke(vm, BASE + ptoa(11), 1) == ENXIO);
	verify(vm);
	end_space(vm);
	uvm_object_free(uo);
}

TEST(uvm_fault_protection)
{
	struct vmspace *vm = space();
	struct vm_map *map;

	if (vm == NULL)
		return;
	map = &vm->vm_map;
	CHECK(uvm_fault(map, BASE, PROT_READ, 0) == EFAULT);
	CHECK(uvm_fault(map, 0, PROT_WRITE, 0) == EFAULT);
	CHECK(uvm_fault(map, ~(vaddr_t)0, PROT_WRITE, 0) == EFAULT);
	CHECK(map_anon(vm, BASE, ptoa(1), PROT_NONE) == 0);
	CHECK(uvm_fault(map, BASE, PROT_READ, 0) == EACCES);
	CHECK(uvm_protect(map, BASE, BASE + ptoa(1), PROT_WRITE) == 0);
	/* What can be written can be read here. */
	CHECK(peek(vm, BASE) == 0 && poke(vm, BASE, 1) == 0);
	CHECK(uvm_fault(map, BASE, PROT_EXEC, 0) == EACCES);
	CHECK(uvm_protect(map, BASE, BASE + ptoa(1), PROT_EXEC) == 0);
	CHECK(uvm_fault(map, BASE, PROT_EXEC, 0) == 0);
	CHECK(peek(vm, BASE) == 1);
	CHECK(poke(vm, BASE, 2) == EACCES);
	CHECK(uvm_protect(map, BASE, BASE + ptoa(1), RW) == 0);
	CHECK(poke(vm, BASE, 2) == 0);
	CHECK(uvm_protect(map, BASE, BASE + ptoa(1), PROT_NONE) == 0);
	CHECK(!pmap_extract(vm_pmap(vm), BASE, NULL, NULL));
	CHECK(peek(vm, BASE) == -EACCES);
	verify(vm);
	end_space(vm);
}

/* A debugger's write lands in private memory whatever mprotect() said. */
TEST(uvm_io_force)
{
	struct vmspace *vm = space(), *child;
	struct uvm_object *uo;
	u_char buf[3] = {1, 2, 3};
	size_t done;

	if (vm == NULL || !CHECK(uao_create(ptoa(2), &uo) == 0))
		return;
	CHECK(map_object(vm, BASE, ptoa(2), PROT_READ | PROT_EXEC, uo, 0,
		  true) == 0);
	CHECK(peek(vm, BASE + PAGE_SIZE - 1) == 0);
	if (!CHECK(uvmspace_fork(vm, &child, 0) == 0))
		return;
	CHECK(uvm_io(child, BASE + PAGE_SIZE - 1, buf, 3, true, 0, &done) ==
		  EFAULT &&
	      done == 0);
	CHECK(uvm_io(child, BASE + PAGE_SIZE - 1, buf, 3, true, UVM_FAULT_FORCE,
		  &done) == 0 &&
	      done == 3);
	/* The program sees it, read-only as before; nobody else does. */
	CHECK(peek(child, BASE + PAGE_SIZE - 1) == 1);
	CHECK(peek(child, BASE + PAGE_SIZE + 1) == 3);
	CHECK((mapped_prot(child, BASE) & PROT_WRITE) == 0);
	CHECK(peek(vm, BASE + PAGE_SIZE) == 0);
	/* What it has mapped already changes under it. */
	CHECK(peek(vm, BASE) == 0);
	CHECK(uvm_io(vm, BASE, buf, 1, true, UVM_FAULT_FORCE, &done) == 0);
	CHECK(peek(vm, BASE) == 1 && peek(child, BASE) == 0);
	CHECK(uvm_protect(&vm->vm_map, BASE, BASE + ptoa(1), PROT_NONE) == 0);
	buf[0] = 0;
	CHECK(uvm_io(vm, BASE, buf, 1, false, 0, &done) == EFAULT);
	CHECK(uvm_io(vm, BASE, buf, 1, false, UVM_FAULT_FORCE, &done) == 0 &&
	      buf[0] == 1);
	/* A prefix, up to where the mapping ends. */
	CHECK(uvm_io(child, BASE + ptoa(2) - 2, buf, 3, false, 0, &done) ==
		  EFAULT &&
	      done == 2);
	/* Shared memory is written as its protection says. */
	CHECK(map_object(vm, BASE, ptoa(2), PROT_READ, uo, 0, false) == 0);
	CHECK(uvm_io(vm, BASE, buf, 1, true, UVM_FAULT_FORCE, &done) == EFAULT);
	verify(vm);
	verify(child);
	end_space(vm);
	end_space(child);
	uvm_object_free(uo);
}

/*
 * An object whose pages come from afar: page idx is filled with the byte
 * idx + 1 by uo_fetch, which sleeps in the middle.
 */
static struct uvm_object slow;
static u_int slow_fetches, slow_detached;
static int slow_error;

static int
slow_get(struct uvm_object *uo, uint64_t idx, vm_prot_t access __unused,
    struct vm_page **pgp)
{
	struct vm_page *pg;

	if (idx >= uvm_object_npages(uo))
		return ENXIO;
	pg = uvm_object_lookup(uo, idx);
	if (pg == NULL || (page_flags(pg) & PG_BUSY) != 0)
		return EAGAIN;
	*pgp = pg;
	return 0;
}

static int
slow_fetch(struct uvm_object *uo, uint64_t idx)
{
	struct vm_page *pg;

	CHECK(lock_none());
	rw_write_enter(&uo->uo_lock);
	pg = uvm_object_lookup(uo, idx);
	if (pg != NULL) {
		if ((page_flags(pg) & PG_BUSY) != 0)
			uvm_page_wait(uo, pg);
		rw_exit(&uo->uo_lock);
		return 0;
	}
	pg = slow_error == 0 ? page_alloc(PK_LOOSE, 0) : NULL;
	if (pg == NULL || uvm_object_insert(uo, idx, pg) != 0) {
		rw_exit(&uo->uo_lock);
		return slow_error;
	}
	uvm_page_busy(pg);
	rw_exit(&uo->uo_lock);
	(void)sleep_until(md_time_ns() + 1000000, 0, "slow");
	memset(page_direct(pg), (int)idx + 1, PAGE_SIZE);
	rw_write_enter(&uo->uo_lock);
	slow_fetches++;
	uvm_page_unbusy(pg);
	rw_exit(&uo->uo_lock);
	return 0;
}

static void
slow_detach(struct uvm_object *uo)
{
	CHECK(lock_none());
	slow_detached++;
	uvm_object_fini(uo);
}

static const struct uvm_pagerops slow_ops = {
    .uo_get = slow_get,
    .uo_fetch = slow_fetch,
    .uo_detach = slow_detach,
};

static void
slow_reader(void *arg)
{
	struct vmspace *vm = arg;

	CHECK(peek(vm, BASE + ptoa(1)) == 2);
	CHECK(peek(vm, BASE + ptoa(2)) == 3);
}

TEST(uvm_fault_major)
{
	struct vmspace *vm = space();
	struct thread *td[3];
	u_int i;

	if (vm == NULL)
		return;
	slow_fetches = slow_detached = 0;
	slow_error = 0;
	uvm_object_init(&slow, &slow_ops, ptoa(6));
	CHECK(map_object(vm, BASE, ptoa(6), RW, &slow, 0, true) == 0);
	forget();
	CHECK(peek(vm, BASE) == 1 && slow_fetches == 1);
	CHECK(since(COUNT_FAULT_MAJOR) == 1);
	CHECK(peek(vm, BASE) == 1 && since(COUNT_FAULT_MAJOR) == 0);
	slow_error = EIO;
	CHECK(peek(vm, BASE + ptoa(5)) == -EIO);
	slow_error = 0;
	/* Several at once: one fetches, the others wait for the page. */
	for (i = 0; i < nitems(td); i++)
		td[i] = ktest_spawn(slow_reader, vm);
	for (i = 0; i < nitems(td); i++)
		ktest_join(td[i]);
	CHECK(slow_fetches == 3);
	CHECK(poke(vm, BASE + ptoa(4), 9) == 0);
	CHECK(peek(vm, BASE + ptoa(4)) == 9 && slow_fetches == 4);
	rw_read_enter(&slow.uo_lock);
	uvm_object_verify(&slow);
	rw_exit(&slow.uo_lock);
	/* The object goes with the last mapping, with no lock held. */
	uvm_object_free(&slow);
	CHECK(slow_detached == 0);
	end_space(vm);
	CHECK(slow_detached == 1);
}

/* No memory, at any point: an error, no change, and it works afterwards. */
TEST(uvm_fault_nomem)
{
	const struct uvm_upcalls *old = quiet_upcalls();
	struct vmspace *vm = space(), *child;
	struct uvm_object *uo;
	u_int op;
	u_long n;
	int error;

	if (vm == NULL || !CHECK(uao_create(ptoa(2), &uo) == 0))
		return;
	CHECK(map_anon(vm, BASE, ptoa(1), RW) == 0);
	CHECK(poke(vm, BASE, 1) == 0);
	CHECK(map_anon(vm, BASE + 0x40000000, ptoa(1), RW) == 0);
	CHECK(map_object(vm, BASE + 0x50000000, ptoa(2), RW, uo, 0, true) == 0);
	CHECK(
	    map_object(vm, BASE + 0x60000000, ptoa(2), RW, uo, 0, false) == 0);
	if (!CHECK(uvmspace_fork(vm, &child, 0) == 0))
		return;
	for (op = 0; op < 4; op++) {
		static const vaddr_t at[] = {0, 0x40000000, 0x50000000,
		    0x60000000};

		for (n = 1;; n++) {
			phys_fail_nth(n);
			error = uvm_fault(&child->vm_map, BASE + at[op],
			    PROT_WRITE, 0);
			phys_fail_nth(0);
			verify(child);
			if (error == 0)
				break;
			CHECK(error == ENOMEM);
			CHECK(peek(vm, BASE) == 1);
		}
		CHECK(poke(child, BASE + at[op], 5) == 0);
		CHECK(peek(child, BASE + at[op]) == 5);
	}
	CHECK(peek(vm, BASE) == 1 && peek(vm, BASE + 0x60000000) == 5);
	verify(vm);
	end_space(vm);
	end_space(child);
	uvm_object_free(uo);
	uvm_upcalls = old;
}
