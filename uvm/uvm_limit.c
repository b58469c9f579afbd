/*
 * uvm_limit.c: how much may be mapped.
 *
 * Three questions are asked when memory is mapped, grows, or becomes
 * writable: does the space pass RLIMIT_AS, does its data pass RLIMIT_DATA,
 * and has more been promised than the machine has.  What the answers need is
 * counted where entries enter, leave and change size (uvm_tree.c), so that no
 * caller can forget it.
 *
 * Data is private memory that can be written, stacks excepted.  Committed is
 * private memory that is or was writable and may hold pages (VE_COMMIT),
 * without MAP_NORESERVE; and shared anonymous objects at their full size.
 *
 * Locks: a map's counts and limits are under its lock.  What is committed
 * altogether is counted by each CPU for itself, and summed without a lock by the
 * few who ask: two mappings made at the same moment may pass the limit together.
 */
#include <uvm/uvm.h>

#include <sys/abi.h>
#include <sys/errno.h>

#include <base/cpu.h>
#include <base/kassert.h>

#include "uvm_local.h"

_Atomic(u_int) uvm_overcommit = OVERCOMMIT_GUESS;
_Atomic(u_int) uvm_overcommit_ratio = 50;
_Atomic(u_long) uvm_overcommit_kbytes;

/* [a] pages, what a CPU added less what it took away: the sum is meant. */
static struct {
	_Atomic(long) cm_npages;
} __aligned(CACHELINE) committed[MAXCPU];

void
uvm_commit(u_long npages, bool more)
{
	atomic_fetch_add_explicit(&committed[curcpu()->cpu_id].cm_npages,
	    (long)(more ? npages : -npages), memory_order_relaxed);
}

u_long
uvm_committed(void)
{
	long sum = 0;
	u_int i;

	for (i = 0; i < MAXCPU; i++)
		sum += atomic_load_explicit(&committed[i].cm_npages,
		    memory_order_relaxed);
	/* What moves between CPUs meanwhile may be missed. */
	return (u_long)MAX(sum, 0l);
}

u_long
uvm_commit_limit(void)
{
	u_long npages, kbytes;

	kbytes =
	    atomic_load_explicit(&uvm_overcommit_kbytes, memory_order_relaxed);
	if (kbytes != 0)
		npages = kbytes / (PAGE_SIZE / 1024);
	else
		npages = phys_total() *
			 atomic_load_explicit(&uvm_overcommit_ratio,
			     memory_order_relaxed) /
			 100;
	return npages +
	       atomic_load_explicit(&uvm_swap_total, memory_order_relaxed);
}

int
uvm_commit_check(u_long npages)
{
	u_long limit;

	switch (atomic_load_explicit(&uvm_overcommit, memory_order_relaxed)) {
	case OVERCOMMIT_ALWAYS:
		return 0;
	case OVERCOMMIT_NEVER:
		limit = uvm_commit_limit();
		if (npages > limit || uvm_committed() > limit - npages)
			return ENOMEM;
		return 0;
	default:
		limit = phys_total() + atomic_load_explicit(&uvm_swap_total,
					   memory_order_relaxed);
		return npages > limit ? ENOMEM : 0;
	}
}

static bool
is_data(vm_prot_t prot, u_int flags)
{
	return (prot & PROT_WRITE) != 0 &&
	       (flags & (VE_COW | VE_STACK | VE_GROWSDOWN)) == VE_COW;
}

static bool
is_committed(u_int flags)
{
	return (flags & (VE_COMMIT | VE_NORESERVE)) == VE_COMMIT;
}

void
uvm_map_account(struct vm_map *map, const struct vm_entry *e, vsize_t len,
    bool more)
{
	vsize_t n = more ? len : -len;

	KDASSERT(rw_write_held(&map->vm_lock));
	map->vm_size += n;
	map->vm_peak = MAX(map->vm_peak, map->vm_size);
	if (is_data(e->ve_prot, e->ve_flags))
		map->vm_data += n;
	if (is_committed(e->ve_flags)) {
		map->vm_commit += n;
		uvm_commit(atop(len), more);
	}
}

void
uvm_map_change(struct vm_map *map, struct vm_entry *e, vm_prot_t prot,
    u_int flags)
{
	vsize_t len = e->ve_end - e->ve_start;
	bool before = is_committed(e->ve_flags), after = is_committed(flags);

	KDASSERT(rw_write_held(&map->vm_lock));
	if (is_data(e->ve_prot, e->ve_flags))
		map->vm_data -= len;
	if (is_data(prot, flags))
		map->vm_data += len;
	if (before != after) {
		map->vm_commit += after ? len : -len;
		uvm_commit(atop(len), after);
	}
	e->ve_prot = (uint8_t)prot;
	e->ve_flags = (uint16_t)flags;
}

void
uvm_map_unaccount(struct vm_map *map)
{
	if (map->vm_commit != 0)
		uvm_commit(atop(map->vm_commit), false);
	map->vm_size = map->vm_peak = 0;
	map->vm_data = 0;
	map->vm_commit = 0;
}

void
uvm_map_account_copy(struct vm_map *map, const struct vm_map *from)
{
	KASSERT(map->vm_size == 0);
	map->vm_size = map->vm_peak = from->vm_size;
	map->vm_data = from->vm_data;
	map->vm_commit = from->vm_commit;
	if (map->vm_commit != 0)
		uvm_commit(atop(map->vm_commit), true);
}

void
uvm_map_account_verify(const struct vm_map *map)
{
	const struct vm_entry *e;
	vsize_t size, data, commit, len;

	size = data = commit = 0;
	for (e = map->vm_first; e != NULL; e = e->ve_next) {
		len = e->ve_end - e->ve_start;
		size += len;
		data += is_data(e->ve_prot, e->ve_flags) ? len : 0;
		commit += is_committed(e->ve_flags) ? len : 0;
	}
	KASSERT(size == map->vm_size);
	KASSERT(data == map->vm_data);
	KASSERT(commit == map->vm_commit);
}

u_int
uvm_commit_flag(vm_prot_t prot, u_int flags)
{
	return (flags & VE_COW) != 0 && (prot & PROT_WRITE) != 0 ? VE_COMMIT
								 : 0;
}

int
uvm_map_room(const struct vm_map *map, vsize_t len)
{
	KDASSERT(rw_held(&map->vm_lock));
	return len > map->vm_aslimit || map->vm_size > map->vm_aslimit - len
		   ? ENOMEM
		   : 0;
}

int
uvm_map_charge(const struct vm_map *map, vsize_t len, vm_prot_t prot,
    u_int flags)
{
	if (is_data(prot, flags) &&
	    (len > map->vm_datalimit || map->vm_data > map->vm_datalimit - len))
		return ENOMEM;
	if ((flags & VE_COMMIT) != 0)
		return 0; /* counted already */
	flags |= uvm_commit_flag(prot, flags);
	return is_committed(flags) ? uvm_commit_check(atop(len)) : 0;
}

void
uvmspace_limits(struct vmspace *vm, vsize_t as, vsize_t data)
{
	struct vm_map *map = &vm->vm_map;

	rw_write_enter(&map->vm_lock);
	map->vm_aslimit = as;
	map->vm_datalimit = data;
	rw_exit(&map->vm_lock);
}
