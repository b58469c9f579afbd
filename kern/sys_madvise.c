/*
 * sys_madvise.c: madvise() and process_madvise().
 *
 * Which advice there is says <kern/memcalls.def>.  Advice goes through the
 * range entry by entry; a hole is ENOMEM, but what lies behind it is advised
 * all the same.
 */
#include <kern/syscalls.h>
#include <sys/errno.h>
#include <phys/page.h>
#include <kern/memtab.h>
#include <kern/mm.h>
#include <uvm/swap.h>

/* Private zeroes: neither shared nor of a file. */
static bool
private_anon(const struct mm_part *mp)
{
	return mp->mp_obj == NULL && (mp->mp_flags & VE_COW) != 0;
}

/* What is sealed and cannot be written may not lose its contents either. */
static int
discardable(const struct mm_part *mp)
{
	if ((mp->mp_flags & VE_SEALED) != 0 && (mp->mp_flags & VE_COW) != 0 &&
	    (mp->mp_prot & PROT_WRITE) == 0)
		return EPERM;
	return 0;
}

static int
inherit_as(struct vm_map *map, const struct mm_part *mp, enum vm_inherit how)
{
	return uvm_inherit(map, mp->mp_start, mp->mp_end, how);
}

static int
advise_dontfork(struct vm_map *map, const struct mm_part *mp)
{
	int error = discardable(mp);

	return error != 0 ? error
			  : uvm_setflags(map, mp->mp_start, mp->mp_end,
				VE_DONTFORK, 0);
}

static int
advise_dofork(struct vm_map *map, const struct mm_part *mp)
{
	return uvm_setflags(map, mp->mp_start, mp->mp_end, 0, VE_DONTFORK);
}

static int
advise_wipe(struct vm_map *map, const struct mm_part *mp)
{
	int error = discardable(mp);

	if (!private_anon(mp))
		return EINVAL;
	return error != 0 ? error : inherit_as(map, mp, INHERIT_ZERO);
}

static int
advise_keep(struct vm_map *map, const struct mm_part *mp)
{
	return mp->mp_inherit == INHERIT_ZERO
		   ? inherit_as(map, mp, INHERIT_COPY)
		   : 0;
}

/*
 * MADV_FREE: the contents may be lost when memory is short.  Where there is
 * swap they go there; where there is none they are lost now, once a quarter
 * or less of memory is free.
 */
static int
advise_free(struct vm_map *map, const struct mm_part *mp)
{
	int error = discardable(mp);

	if (!private_anon(mp) || mp->mp_wired != 0)
		return EINVAL;
	if (error == 0 &&
	    atomic_load_explicit(&uvm_swap_total, memory_order_relaxed) == 0 &&
	    phys_free_count() < phys_total() / 4)
		error = uvm_discard(map, mp->mp_start, mp->mp_end);
	return error;
}

/* MADV_REMOVE: a hole in a shared object, for all who map it. */
static int
advise_remove(struct vm_map *map __unused, const struct mm_part *mp)
{
	uint64_t first = atop(mp->mp_off);

	if (mp->mp_wired != 0 || mp->mp_obj == NULL)
		return EINVAL;
	if ((mp->mp_flags & VE_COW) != 0 || (mp->mp_maxprot & PROT_WRITE) == 0)
		return EACCES;
	if (mp->mp_obj
		->uo_disk) /* ext2 has no holes to punch on Linux either */
		return EOPNOTSUPP;
	uao_punch(mp->mp_obj, first, first + atop(mp->mp_end - mp->mp_start));
	return 0;
}

/* There are no huge pages. */
static int
advise_nothing(struct vm_map *map __unused, const struct mm_part *mp __unused)
{
	return 0;
}

/* Files are in memory or on swap, too. */
static int
advise_willneed(struct vm_map *map, const struct mm_part *mp)
{
	uvm_fetch_range(map, mp->mp_start, mp->mp_end);
	return 0;
}

/* What is locked does not go, whatever anybody thinks of it. */
static int
advise_cold(struct vm_map *map, const struct mm_part *mp)
{
	if (mp->mp_wired != 0)
		return EINVAL;
	uvm_cool_range(map, mp->mp_start, mp->mp_end);
	return 0;
}

/* What cannot go, for want of swap, stays. */
static int
advise_pageout(struct vm_map *map, const struct mm_part *mp)
{
	if (mp->mp_wired != 0)
		return EINVAL;
	(void)uvm_pageout_range(map, mp->mp_start, mp->mp_end);
	return 0;
}

static int
populate(struct vm_map *map, const struct mm_part *mp, vm_prot_t access)
{
	int error;

	/* It stops at the first page that cannot be had. */
	if (mp->mp_gap)
		return ENOMEM;
	if ((mp->mp_prot & access) == 0)
		return EINVAL;
	error = uvm_touch(map, mp->mp_start, mp->mp_end, access);
	switch (error) {
	case EACCES:
		return EINVAL;
	case ENXIO:
	case EIO:
		return EFAULT;
	case EFAULT: /* unmapped meanwhile */
		return ENOMEM;
	default:
		return error;
	}
}

static int
advise_populate_read(struct vm_map *map, const struct mm_part *mp)
{
	return populate(map, mp, PROT_READ);
}

static int
advise_populate_write(struct vm_map *map, const struct mm_part *mp)
{
	return populate(map, mp, PROT_WRITE);
}

int
mm_advise(struct vm_map *map, vaddr_t start, vaddr_t end, int advice)
{
	switch (advice) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
		return uvm_advise(map, start, end, advice);
	case MADV_DONTNEED:
		return uvm_discard(map, start, end);
	case MADV_DONTNEED_LOCKED:
		return uvm_discard_locked(map, start, end);
	case MADV_FREE:
		return mm_each(map, start, end, advise_free);
	case MADV_REMOVE:
		return mm_each(map, start, end, advise_remove);
	case MADV_DONTFORK:
		return mm_each(map, start, end, advise_dontfork);
	case MADV_DOFORK:
		return mm_each(map, start, end, advise_dofork);
	case MADV_KEEPONFORK:
		return mm_each(map, start, end, advise_keep);
	case MADV_WIPEONFORK:
		return mm_each(map, start, end, advise_wipe);
	case MADV_DONTDUMP:
		return uvm_setflags(map, start, end, VE_DONTDUMP, 0);
	case MADV_DODUMP:
		return uvm_setflags(map, start, end, 0, VE_DONTDUMP);
	case MADV_WILLNEED:
		return mm_each(map, start, end, advise_willneed);
	case MADV_NOHUGEPAGE:
		return mm_each(map, start, end, advise_nothing);
	case MADV_COLD:
		return mm_each(map, start, end, advise_cold);
	case MADV_PAGEOUT:
		return mm_each(map, start, end, advise_pageout);
	case MADV_POPULATE_READ:
		return mm_each(map, start, end, advise_populate_read);
	case MADV_POPULATE_WRITE:
		return mm_each(map, start, end, advise_populate_write);
	default:
		return EINVAL;
	}
}

/* madvise(addr, len, advice) */
long
sys_madvise(const uintptr_t *args)
{
	vsize_t len = round_page(args[1]);
	vaddr_t start = args[0], end;
	int error;

	/* Unknown advice is refused even for nothing. */
	error = mem_command(MC_madvise, (u_long)(int)args[2]);
	if (error != 0)
		return -error;
	if (start % PAGE_SIZE != 0 || len < args[1] || start + len < start)
		return -EINVAL;
	if (len == 0)
		return 0;
	if (mm_range(start, len, &end))
		return -mm_advise(curmap(), start, end, (int)args[2]);
	/* Beyond the top there is nothing: a hole. */
	error =
	    start < VM_MAXUSER_ADDRESS
		? mm_advise(curmap(), start, VM_MAXUSER_ADDRESS, (int)args[2])
		: 0;
	return error != 0 ? -error : -ENOMEM;
}
