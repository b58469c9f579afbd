/*
 * sys_mlock.c: locking memory.
 *
 * Locks do not nest and are not inherited.  A lock is a mark on entries, and
 * pages that are there; with ONFAULT the mark alone.
 */
#include <kern/syscalls.h>
#include <sys/errno.h>
#include <kern/memtab.h>
#include <kern/mm.h>

/* Bytes of [start, end) of the caller's space that are locked. */
static vsize_t
locked_bytes(vaddr_t start, vaddr_t end)
{
	struct vm_map *map = curmap();
	struct vm_entry *e;
	vsize_t len = 0;

	rw_read_enter(&map->vm_lock);
	for (e = uvm_map_next(map, start); e != NULL && e->ve_start < end;
	     e = e->ve_next)
		if (e->ve_wired != 0)
			len += MIN(e->ve_end, end) - MAX(e->ve_start, start);
	rw_exit(&map->vm_lock);
	return len;
}

int
mm_may_lock(vsize_t len, int over)
{
	uint64_t limit = curproc()->ps_rlimit[RLIMIT_MEMLOCK].rlim_cur;
	vsize_t have;

	if (cred_is_root())
		return 0;
	if (limit == 0)
		return EPERM;
	have = locked_bytes(VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS);
	return have > limit || len > limit - have ? over : 0;
}

static long
do_mlock(vaddr_t start, vsize_t len, u_int how)
{
	struct vm_map *map = curmap();
	vsize_t more;
	vaddr_t end;
	int error;

	len += start % PAGE_SIZE;
	start = trunc_page(start);
	if (round_page(len) == 0)
		return how != 0 ? -mm_may_lock(0, ENOMEM) : 0;
	if (!mm_range(start, len, &end))
		return start + round_page(len) < start ? -EINVAL : -ENOMEM;
	if (how != 0) {
		/* What is locked already is not counted again. */
		more = end - start - locked_bytes(start, end);
		error = mm_may_lock(more, ENOMEM);
		if (error != 0)
			return -error;
	}
	if (how == VW_ONFAULT)
		return -uvm_wire_onfault(map, start, end);
	return -uvm_wire(map, start, end, how != 0);
}

long
sys_mlock(const uintptr_t *args)
{
	return do_mlock(args[0], args[1], VW_LOCKED);
}

long
sys_mlock2(const uintptr_t *args)
{
	if ((args[2] & ~mem_flags(MC_mlock2)) != 0)
		return -EINVAL;
	return do_mlock(args[0], args[1],
	    args[2] & MLOCK_ONFAULT ? VW_ONFAULT : VW_LOCKED);
}

long
sys_munlock(const uintptr_t *args)
{
	return do_mlock(args[0], args[1], 0);
}

/* Pages that cannot be had do not make mlockall() fail. */
static int
wire_part(struct vm_map *map, const struct mm_part *mp)
{
	(void)uvm_wire(map, mp->mp_start, mp->mp_end, true);
	return 0;
}

static int
wire_part_onfault(struct vm_map *map, const struct mm_part *mp)
{
	return uvm_wire_onfault(map, mp->mp_start, mp->mp_end);
}

static int
unwire_part(struct vm_map *map, const struct mm_part *mp)
{
	return uvm_wire(map, mp->mp_start, mp->mp_end, false);
}

static void
set_lockfuture(u_int how)
{
	struct proc *p = curproc();

	mutex_enter(&p->ps_lock);
	p->ps_lockfuture = (uint8_t)how;
	mutex_exit(&p->ps_lock);
}

long
sys_mlockall(const uintptr_t *args)
{
	u_int flags = (u_int)args[0], how;
	uint64_t limit = curproc()->ps_rlimit[RLIMIT_MEMLOCK].rlim_cur;

	if ((flags & ~mem_flags(MC_mlockall)) != 0 ||
	    (flags & (MCL_CURRENT | MCL_FUTURE)) == 0)
		return -EINVAL;
	if (!cred_is_root()) {
		if (limit == 0)
			return -EPERM;
		if ((flags & MCL_CURRENT) && curmap()->vm_size > limit)
			return -ENOMEM;
	}
	how = flags & MCL_ONFAULT ? VW_ONFAULT : VW_LOCKED;
	set_lockfuture(flags & MCL_FUTURE ? how : 0);
	if (flags & MCL_CURRENT)
		(void)mm_each(curmap(), VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS,
		    how == VW_ONFAULT ? wire_part_onfault : wire_part);
	return 0;
}

long
sys_munlockall(const uintptr_t *args __unused)
{
	set_lockfuture(0);
	(void)mm_each(curmap(), VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS,
	    unwire_part);
	return 0;
}
