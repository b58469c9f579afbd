/*
 * t_uvm_life.c: what the life-cycle statements say of the end of a space
 * (docs/design/lifecycle.md), and that its assertions are there.
 */
#include <base/epoch.h>
#include <base/thread.h>

#include "t_uvm.h"

#define BASE ((vaddr_t)0x50000000)

/*
 * LIFECYCLE 4 holds uvm/uvm_vmspace.c:uvmspace_purge mutant 05
 */
static void
purge_locked(void *arg)
{
	struct mutex m;

	mutex_init(&m, RANK_FILE);
	mutex_enter(&m);
	uvmspace_purge(arg);
	mutex_exit(&m);
}

TEST(uvm_purge_refuses_locks)
{
	struct vmspace *vm = space();

	if (vm == NULL)
		return;
	CHECK(uvmspace_leave(vm));
	CHECK(ktest_panics(purge_locked, vm, "lock_none() && !big_held()"));
	uvmspace_purge(vm);
	uvmspace_free(vm);
}

/*
 * LIFECYCLE 9 holds kern/exit.c:kthread_leave mutant 54
 * LIFECYCLE 36 holds uvm/uvm_vmspace.c:uvmspace_purge mutant 54
 */
static void
purge_it(void *arg)
{
	uvmspace_purge(arg);
}

TEST(uvm_purge_spares_kernel)
{
	struct vmspace *vm = space();
	struct pmap *pm;

	if (vm == NULL)
		return;
	CHECK(uvmspace_leave(vm));
	pm = vm->vm_map.vm_pmap;
	vm->vm_map.vm_pmap = &pmap_kernel;
	CHECK(ktest_panics(purge_it, vm, "pmap_kernel"));
	vm->vm_map.vm_pmap = pm;
	uvmspace_purge(vm);
	uvmspace_free(vm);
}

/*
 * Who looks for a space by an old pointer finds a count of zero, and no pmap,
 * for as long as it looks.
 * LIFECYCLE 27 holds uvm/uvm_vmspace.c:uvmspace_free mutant 16
 */
TEST(uvm_freed_space_is_inert)
{
	struct vmspace *vm = space();

	if (vm == NULL)
		return;
	CHECK(map_anon(vm, BASE, ptoa(2), RW) == 0);
	CHECK(poke(vm, BASE, 1) == 0);
	CHECK(uvmspace_leave(vm));
	uvmspace_purge(vm);
	epoch_enter();
	uvmspace_free(vm);
	CHECK(!uvmspace_tryref(vm));
	CHECK(refcount_load(&vm->vm_refs) == 0);
	CHECK(vm->vm_map.vm_pmap == NULL);
	CHECK(vm->vm_map.vm_state == VM_DEAD);
	epoch_exit();
}

/* LIFECYCLE 84 holds kern/exec.c:exec_place_stack mutant 42 because exec sets them before a thread runs in the space, fork copies them
 * LIFECYCLE 93 different uvm/uvm_fork.c:uvmspace_fork mutant 42 because each field is copied by name: nothing hangs on the order of a structure */
TEST(uvm_fork_copies_fields)
{
	struct vmspace *vm = space(), *child;

	if (vm == NULL)
		return;
	vm->vm_maxsaddr = 0x7000;
	vm->vm_minsaddr = 0x9000;
	vm->vm_ssize = 0x1000;
	vm->vm_brkbase = 0x100;
	vm->vm_brk = 0x200;
	vm->vm_taddr = 0x300;
	vm->vm_daddr = 0x400;
	vm->vm_argaddr = 0x500;
	vm->vm_envend = 0x600;
	CHECK(uvmspace_fork(vm, &child, 0) == 0);
	CHECK(child->vm_maxsaddr == vm->vm_maxsaddr);
	CHECK(child->vm_minsaddr == vm->vm_minsaddr);
	CHECK(child->vm_ssize == vm->vm_ssize);
	CHECK(child->vm_brkbase == vm->vm_brkbase);
	CHECK(child->vm_brk == vm->vm_brk);
	CHECK(child->vm_taddr == vm->vm_taddr);
	CHECK(child->vm_daddr == vm->vm_daddr);
	CHECK(child->vm_argaddr == vm->vm_argaddr);
	CHECK(child->vm_envend == vm->vm_envend);
	end_space(child);
	end_space(vm);
}

/*
 * An object that looks, when its last mapping goes, at what is locked, and
 * may be told to take its time.
 */
static struct uvm_object slow_object;
static _Atomic(bool) detaching, may_detach, detached_locked;

static int
slow_get(struct uvm_object *uo __unused, uint64_t idx __unused,
    vm_prot_t access __unused, struct vm_page **pgp __unused)
{
	return ENXIO;
}

static void
slow_detach(struct uvm_object *uo)
{
	if (!lock_none())
		atomic_store(&detached_locked, true);
	atomic_store(&detaching, true);
	while (!atomic_load(&may_detach) && lock_none())
		thread_yield();
	uvm_object_fini(uo);
}

static const struct uvm_pagerops slow_ops = {
    .uo_get = slow_get,
    .uo_detach = slow_detach,
};

/* A space whose one mapping, of the object, holds its last reference. */
static struct vmspace *
slow_space(bool at_once)
{
	struct vmspace *vm = space();

	if (vm == NULL)
		return NULL;
	atomic_store(&detaching, false);
	atomic_store(&detached_locked, false);
	atomic_store(&may_detach, at_once);
	uvm_object_init(&slow_object, &slow_ops, ptoa(1));
	CHECK(map_object(vm, BASE, ptoa(1), PROT_READ, &slow_object, 0,
		  false) == 0);
	uvm_object_free(&slow_object);
	return vm;
}

/*
 * LIFECYCLE 2 holds kern/exit.c:proc_purge mutant 45
 * LIFECYCLE 25 holds uvm/uvm_map.c:uvm_entries_drop mutant 45
 * LIFECYCLE 43 holds uvm/uvm_vmspace.c:uvmspace_purge mutant 45
 * LIFECYCLE 44 holds uvm/uvm_map.c:uvm_entries_drop mutant 45
 */
TEST(uvm_purge_drops_unlocked)
{
	struct vmspace *vm = slow_space(true);

	if (vm == NULL)
		return;
	end_space(vm);
	CHECK(atomic_load(&detaching) && !atomic_load(&detached_locked));
}

/*
 * One purge sleeps in the middle, another goes through.
 * LIFECYCLE 5 holds uvm/uvm_vmspace.c:uvmspace_purge mutant 55
 * LIFECYCLE 94 holds uvm/uvm_vmspace.c:uvmspace_free mutant 168
 */
TEST(uvm_purge_parallel)
{
	struct vmspace *slow = slow_space(false), *vm = space();
	struct thread *td;

	if (slow == NULL || vm == NULL)
		return;
	CHECK(map_anon(vm, BASE, ptoa(3), RW) == 0);
	CHECK(poke(vm, BASE, 1) == 0);
	CHECK(uvmspace_leave(slow));
	td = ktest_spawn(purge_it, slow);
	while (!atomic_load(&detaching))
		thread_yield();
	/* It has no entry left, but it is not dead before it has dropped all. */
	rw_read_enter(&slow->vm_map.vm_lock);
	CHECK(slow->vm_map.vm_state == VM_PURGING);
	CHECK(slow->vm_map.vm_first == NULL);
	rw_exit(&slow->vm_map.vm_lock);
	end_space(vm);
	atomic_store(&may_detach, true);
	ktest_join(td);
	CHECK(slow->vm_map.vm_state == VM_DEAD);
	uvmspace_free(slow);
}

/*
 * Whoever holds the map lock is waited for.
 * LIFECYCLE 29 holds uvm/uvm_vmspace.c:uvmspace_purge mutant 56
 * LIFECYCLE 16 holds uvm/uvm_io.c:uvm_io mutant 56
 */
TEST(uvm_purge_waits_for_readers)
{
	struct vmspace *vm = space();
	struct thread *td;
	u_int i;

	if (vm == NULL)
		return;
	CHECK(map_anon(vm, BASE, ptoa(1), RW) == 0);
	CHECK(uvmspace_leave(vm));
	rw_read_enter(&vm->vm_map.vm_lock);
	td = ktest_spawn(purge_it, vm);
	for (i = 0; i < 1000; i++)
		thread_yield();
	CHECK(vm->vm_map.vm_state == VM_LIVE);
	CHECK(uvm_map_lookup(&vm->vm_map, BASE) != NULL);
	rw_exit(&vm->vm_map.vm_lock);
	ktest_join(td);
	CHECK(vm->vm_map.vm_state == VM_DEAD);
	uvmspace_free(vm);
}

/*
 * A fault of one thread while another holds the big lock and, shared, the map
 * lock: it waits for neither.
 * LIFECYCLE 81 holds kern/trap.c:fault_resolve mutant 143 because the fault path
 * takes no lock that is not listed in uvm_fault.c; the big lock guards files
 * and the console
 * LIFECYCLE 91 holds uvm/uvm_grow.c:uvm_grow mutant 144 because faults take the
 * map lock shared, only growth and the first write to an inherited entry take
 * it alone
 */
static void
fault_it(void *arg)
{
	struct vmspace *vm = arg;

	CHECK(uvm_fault(&vm->vm_map, BASE, PROT_WRITE, 0) == 0);
}

TEST(uvm_fault_waits_for_nobody)
{
	struct vmspace *vm = space();
	struct thread *td;

	if (vm == NULL)
		return;
	CHECK(map_anon(vm, BASE, ptoa(1), RW) == 0);
	/* The amap is there: its first use wants the map alone. */
	CHECK(poke(vm, BASE, 1) == 0);
	pmap_remove(vm_pmap(vm), BASE, BASE + PAGE_SIZE);
	big_enter();
	rw_read_enter(&vm->vm_map.vm_lock);
	td = ktest_spawn(fault_it, vm);
	while (!pmap_extract(vm_pmap(vm), BASE, NULL, NULL))
		thread_yield();
	rw_exit(&vm->vm_map.vm_lock);
	big_exit();
	ktest_join(td);
	end_space(vm);
}

/*
 * Readers and writers from outside, each with a reference, while the owner
 * purges and lets go: what they get is a byte or EFAULT, and the last one to
 * let go frees the space.
 * LIFECYCLE 13 holds uvm/uvm_vmspace.c:uvmspace_free mutant 07
 * LIFECYCLE 14 holds kern/process_vm.c:process_vm_get mutant 09
 * LIFECYCLE 15 holds uvm/uvm_vmspace.c:uvmspace_free mutant 08
 * LIFECYCLE 18 holds uvm/uvm_vmspace.c:uvmspace_purge mutant 09
 */
static _Atomic(u_int) ready;
static _Atomic(bool) purged;

static void
foreign(void *arg)
{
	struct vmspace *vm = arg;
	u_char byte = 7;
	size_t done;
	bool last;
	int error;
	u_int i;

	atomic_fetch_add(&ready, 1);
	for (i = 0, error = 0, last = false; error == 0 && !last; i++) {
		last = atomic_load(&purged);
		error = uvm_io(vm, BASE + ptoa(i % 4), &byte, 1, i % 3 == 0, 0,
		    &done);
		CHECK(error == 0 || error == EFAULT);
		CHECK(done == (error == 0 ? 1 : 0));
		CHECK(byte == 7 || byte == 0);
		if (i % 16 == 0)
			thread_yield();
	}
	CHECK(error == EFAULT);
	uvmspace_free(vm);
}

TEST(uvm_purge_foreign_readers)
{
	struct thread *td[3];
	struct vmspace *vm;
	u_int turn, i;

	for (turn = 0; turn < 10; turn++) {
		vm = space();
		if (vm == NULL)
			return;
		CHECK(map_anon(vm, BASE, ptoa(4), RW) == 0);
		atomic_store(&ready, 0);
		atomic_store(&purged, false);
		for (i = 0; i < nitems(td); i++) {
			CHECK(uvmspace_tryref(vm));
			td[i] = ktest_spawn(foreign, vm);
		}
		while (atomic_load(&ready) < nitems(td))
			thread_yield();
		end_space(vm);
		atomic_store(&purged, true);
		for (i = 0; i < nitems(td); i++)
			ktest_join(td[i]);
	}
}

/* LIFECYCLE 28 holds uvm/uvm_vmspace.c:uvmspace_purge mutant 46 */
static u_int nshmexit;

static void
count_shmexit(struct vmspace *vm)
{
	/* The map is still there: detaching unmaps. */
	CHECK(vm->vm_map.vm_state == VM_LIVE && vm->vm_map.vm_first != NULL);
	vm->vm_shm = NULL;
	nshmexit++;
}

TEST(uvm_purge_detaches_shm)
{
	static const struct uvm_upcalls shm = {
	    .up_nomem = t_no,
	    .up_killed = t_no,
	    .up_shmexit = count_shmexit,
	};
	const struct uvm_upcalls *old = uvm_upcalls;
	struct vmspace *vm = space(), *without = space();

	if (vm == NULL || without == NULL)
		return;
	uvm_upcalls = &shm;
	nshmexit = 0;
	CHECK(map_anon(vm, BASE, ptoa(1), RW) == 0);
	vm->vm_shm = &nshmexit;
	CHECK(uvmspace_leave(vm));
	uvmspace_purge(vm);
	CHECK(nshmexit == 1);
	uvmspace_purge(vm);
	uvmspace_free(vm);
	end_space(without);
	CHECK(nshmexit == 1);
	uvm_upcalls = old;
}

/*
 * What a debugger writes into private memory that is shared since a fork goes
 * to a copy, also where the program may only read.
 */
TEST(uvm_io_copies_shared)
{
	struct vmspace *vm = space(), *child;
	u_char byte = 9;
	size_t done;
	u_int i;

	if (vm == NULL)
		return;
	CHECK(map_anon(vm, BASE, ptoa(2), RW) == 0);
	CHECK(poke(vm, BASE, 1) == 0 && poke(vm, BASE + ptoa(1), 1) == 0);
	CHECK(uvmspace_fork(vm, &child, 0) == 0);
	CHECK(
	    uvm_protect(&child->vm_map, BASE, BASE + ptoa(1), PROT_READ) == 0);
	for (i = 0; i < 2; i++) {
		CHECK(peek(child, BASE + ptoa(i)) == 1);
		CHECK(uvm_io(child, BASE + ptoa(i), &byte, 1, true,
			  UVM_FAULT_FORCE, &done) == 0);
		CHECK(peek(child, BASE + ptoa(i)) == 9);
		CHECK(peek(vm, BASE + ptoa(i)) == 1);
	}
	CHECK(poke(child, BASE, 2) == EACCES);
	verify(child);
	end_space(child);
	CHECK(peek(vm, BASE) == 1);
	end_space(vm);
}

/*
 * Two spaces alike: one is purged, the other unmapped from end to end, and
 * what comes back is the same.
 * LIFECYCLE 12 holds uvm/uvm_vmspace.c:uvmspace_purge mutant 51
 */
TEST(uvm_purge_is_unmap)
{
	struct vmspace *vm = space(), *twin;
	struct uvm_object *uo;
	u_long anon[3];
	u_int i;

	if (vm == NULL || !CHECK(uao_create(ptoa(4), &uo) == 0))
		return;
	CHECK(map_object(vm, BASE + ptoa(64), ptoa(4), RW, uo, 0, false) == 0);
	CHECK(map_object(vm, BASE + ptoa(99), ptoa(4), RW, uo, 0, true) == 0);
	CHECK(map_anon(vm, BASE, ptoa(16), RW) == 0);
	CHECK(uvmspace_fork(vm, &twin, 0) == 0);
	for (i = 0; i < 16; i += 3) {
		CHECK(poke(vm, BASE + ptoa(i), 1) == 0);
		CHECK(poke(twin, BASE + ptoa(i), 2) == 0);
	}
	CHECK(poke(vm, BASE + ptoa(99), 3) == 0);
	CHECK(poke(twin, BASE + ptoa(99), 4) == 0);
	CHECK(peek(vm, BASE + ptoa(64)) == 0);
	CHECK(peek(twin, BASE + ptoa(64)) == 0);
	anon[0] = phys_kind_count(PK_ANON);
	CHECK(uvm_unmap(&vm->vm_map, VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS) == 0);
	anon[1] = phys_kind_count(PK_ANON);
	CHECK(uvmspace_leave(twin));
	uvmspace_purge(twin);
	anon[2] = phys_kind_count(PK_ANON);
	CHECK(anon[0] - anon[1] >= 7);
	CHECK(anon[0] - anon[1] == anon[1] - anon[2]);
	CHECK(vm->vm_map.vm_size == 0 && twin->vm_map.vm_size == 0);
	CHECK(vm->vm_map.vm_nentries == 0 && twin->vm_map.vm_nentries == 0);
	CHECK(pmap_resident(vm_pmap(vm)) == 0);
	CHECK(pmap_resident(vm_pmap(twin)) == 0);
	CHECK(refcount_load(&uo->uo_refs) == 1);
	uvmspace_free(twin);
	end_space(vm);
	uvm_object_free(uo);
}

/*
 * 4 GiB of address space, 7 pages: what the purge looks at are the lines of
 * tables that are populated, whatever the mapping covers.
 * LIFECYCLE 67 holds pmap/pmap_purge.c:pmap_remove_all mutant 28
 * LIFECYCLE 69 different uvm/uvm_vmspace.c:uvmspace_purge mutant 28 because the
 * pmap is called once for the whole space, and entries then leave by address
 * alone
 */
TEST(uvm_purge_lines)
{
	struct uvm_mapargs args = {
	    .um_prot = RW,
	    .um_maxprot = RW,
	    .um_flags = VE_COW | VE_NORESERVE,
	};
	struct vmspace *vm = space();
	u_long lines, leaves;
	vaddr_t va = 0;
	u_int i;

	if (vm == NULL)
		return;
	CHECK(uvm_map(&vm->vm_map, &va, (vsize_t)4 << 30, &args) == 0);
	for (i = 0; i < 7; i++)
		CHECK(poke(vm, va + i * 0x24680000ul + ptoa(i), 1) == 0);
	CHECK(pmap_resident(vm_pmap(vm)) == 7);
	leaves = count_sum(COUNT_PURGE_LEAF);
	lines = count_sum(COUNT_PURGE_LINE);
	end_space(vm);
	/* One each, and those of the tables above. */
	lines = count_sum(COUNT_PURGE_LINE) - lines;
	CHECK(lines >= 7 && lines <= 7 + 14);
	CHECK(count_sum(COUNT_PURGE_LEAF) - leaves == 7);
}
