/*
 * sys_mm.c: system calls about memory.
 *
 * Each checks what Linux checks, in its order, before uvm is asked: uvm takes
 * page-aligned ranges inside user space only.  What a call does not accept is
 * refused; where Linux ignores unknown bits that is said.
 */
#include <kern/syscalls.h>
#include <sys/errno.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <kern/memtab.h>
#include <kern/mm.h>
#include <kern/process_vm.h>

bool
mm_range(vaddr_t start, vsize_t len, vaddr_t *endp)
{
	if (start > VM_MAXUSER_ADDRESS || len > VM_MAXUSER_ADDRESS - start)
		return false;
	*endp = start + round_page(len);
	return *endp <= VM_MAXUSER_ADDRESS;
}

/* The first entry that reaches above start, as mp; false: none before end. */
static bool
part_at(struct vm_map *map, vaddr_t start, vaddr_t end, struct mm_part *mp)
{
	struct vm_entry *e;

	rw_read_enter(&map->vm_lock);
	e = uvm_map_next(map, start);
	if (e == NULL || e->ve_start >= end) {
		rw_exit(&map->vm_lock);
		return false;
	}
	mp->mp_start = MAX(start, e->ve_start);
	mp->mp_gap = mp->mp_start != start;
	mp->mp_end = MIN(end, e->ve_end);
	mp->mp_flags = e->ve_flags;
	mp->mp_wired = e->ve_wired;
	mp->mp_prot = e->ve_prot;
	mp->mp_maxprot = e->ve_maxprot;
	mp->mp_inherit = e->ve_inherit;
	mp->mp_obj = e->ve_obj;
	mp->mp_off = e->ve_off + (mp->mp_start - e->ve_start);
	if (mp->mp_obj != NULL)
		uvm_object_ref(mp->mp_obj);
	rw_exit(&map->vm_lock);
	return true;
}

int
mm_each(struct vm_map *map, vaddr_t start, vaddr_t end,
    int (*fn)(struct vm_map *map, const struct mm_part *mp))
{
	struct mm_part mp;
	int error, hole = 0;

	for (; start < end; start = mp.mp_end) {
		if (!part_at(map, start, end, &mp))
			return ENOMEM;
		if (mp.mp_gap)
			hole = ENOMEM;
		error = fn(map, &mp);
		if (mp.mp_obj != NULL)
			uvm_object_free(mp.mp_obj);
		if (error != 0)
			return error;
	}
	return hole;
}

/*
 * An object for shared memory without a file, which counts at its full size
 * unless flags say otherwise.
 */
static int
shared_zero(vsize_t len, u_int flags, struct uvm_object **uop)
{
	int error;

	error = uao_create(len, uop);
	if (error != 0)
		return error;
	if ((flags & VE_NORESERVE) == 0 && (error = uao_commit(*uop)) != 0) {
		uvm_object_free(*uop);
		*uop = NULL;
		return error;
	}
	uvm_object_set_name(*uop, "/dev/zero (deleted)", 1, 0);
	return 0;
}

/* The object and the rights for a mapping; NULL: private zeroes. */
static int
mmap_object(u_int flags, vm_prot_t prot, int fd, uint64_t off, vsize_t len,
    struct uvm_mapargs *a)
{
	bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
	int error;

	a->um_maxprot = PROT_ALL;
	if ((flags & MAP_ANONYMOUS) == 0) {
		if (kern_fs == NULL)
			return EBADF;
		error = kern_fs->fo_mmap(fd, prot, flags, off, &a->um_obj,
		    &a->um_maxprot);
		if (error != 0)
			return error;
		a->um_off = a->um_obj != NULL ? off : 0;
	}
	if (shared && a->um_obj == NULL) {
		error = shared_zero(len, a->um_flags, &a->um_obj);
		if (error != 0)
			return error;
		a->um_off = 0;
	}
	a->um_inherit = shared ? INHERIT_SHARE : INHERIT_COPY;
	if (!shared)
		a->um_flags |= VE_COW;
	return 0;
}

/* Whether something lies in [start, end). */
static bool
range_taken(vaddr_t start, vaddr_t end)
{
	struct vm_map *map = curmap();
	struct vm_entry *e;
	bool taken;

	rw_read_enter(&map->vm_lock);
	e = uvm_map_next(map, start);
	taken = e != NULL && e->ve_start < end;
	rw_exit(&map->vm_lock);
	return taken;
}

/* What the length and the address demand; errno. */
static int
mmap_check_place(vaddr_t addr, vsize_t len, u_int flags)
{
	if (len == 0)
		return EINVAL;
	if (len > VM_MAXUSER_ADDRESS)
		return ENOMEM;
	if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) == 0)
		return 0;
	len = round_page(len);
	if (addr > VM_MAXUSER_ADDRESS - len)
		return ENOMEM;
	if (addr % PAGE_SIZE != 0)
		return EINVAL;
	if (addr < VM_MIN_ADDRESS)
		return EPERM;
	return (flags & MAP_FIXED_NOREPLACE) && range_taken(addr, addr + len)
		   ? EEXIST
		   : 0;
}

/* What the type demands; errno. */
static int
mmap_check_type(vsize_t len, u_int flags, uint64_t off)
{
	u_int type = flags & MAP_TYPE;

	if ((flags & MAP_ANONYMOUS) == 0 &&
	    (off > INT64_MAX || len > INT64_MAX - off))
		return EOVERFLOW;
	if (type == MAP_SHARED_VALIDATE) {
		if (flags & MAP_ANONYMOUS)
			return EINVAL;
		/* Linux does not know this one here. */
		if ((flags & ~mem_flags(MC_mmap) & ~(u_long)MAP_TYPE) ||
		    (flags & MAP_FIXED_NOREPLACE))
			return EOPNOTSUPP;
	} else if (type != MAP_SHARED && type != MAP_PRIVATE)
		return EINVAL;
	return 0;
}

/*
 * All that is looked at before the file is, in Linux's order; *lockp: how what
 * is mapped is locked.  errno.
 */
static int
mmap_check(const uintptr_t *args, u_int *lockp)
{
	u_int flags = (u_int)args[3];
	vsize_t len = args[1];
	int error;

	*lockp = flags & MAP_LOCKED ? VW_LOCKED : curproc()->ps_lockfuture;
	if (flags & MAP_HUGETLB)
		return flags & MAP_ANONYMOUS ? mem_refused(MC_mmap, MAP_HUGETLB)
					     : EINVAL;
	error = mmap_check_place(args[0], len, flags);
	if (error == 0 && *lockp != 0)
		error = mm_may_lock(round_page(len), EAGAIN);
	return error != 0 ? error : mmap_check_type(len, flags, args[5]);
}

/* Where and how a mapping is to be made. */
static void
mmap_place(vaddr_t *addr, vsize_t len, u_int flags, struct uvm_mapargs *a)
{
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))
		a->um_how |= UVM_MAP_FIXED;
	else {
		/* A hint that cannot be taken is no error. */
		*addr = trunc_page(*addr);
		if (*addr != 0 && *addr < VM_MIN_ADDRESS)
			*addr = VM_MIN_ADDRESS;
		if (*addr > VM_MAXUSER_ADDRESS - len)
			*addr = 0;
	}
	if (flags & MAP_FIXED_NOREPLACE)
		a->um_how |= UVM_MAP_NOREPLACE;
	if (flags & MAP_32BIT)
		a->um_how |= UVM_MAP_LOW32;
	/* Nobody may ask not to be counted when everything is. */
	if ((flags & MAP_NORESERVE) &&
	    atomic_load_explicit(&uvm_overcommit, memory_order_relaxed) !=
		OVERCOMMIT_NEVER)
		a->um_flags |= VE_NORESERVE;
	if (flags & MAP_GROWSDOWN)
		a->um_flags |= VE_GROWSDOWN;
	if (mm_stackcheck && (flags & (MAP_STACK | MAP_GROWSDOWN)))
		a->um_flags |= VE_STACKMEM;
}

/* Lock or fetch a new mapping.  A page that cannot be had faults later. */
static void
mmap_fill(vaddr_t start, vaddr_t end, u_int flags, u_int lock)
{
	if (lock == VW_ONFAULT)
		(void)uvm_wire_onfault(curmap(), start, end);
	else if (lock == VW_LOCKED)
		(void)uvm_wire(curmap(), start, end, true);
	else if ((flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE)
		(void)uvm_populate(curmap(), start, end);
}

/* Whether the owner of a file wants to know that it has been mapped. */
static bool
mmap_told(u_int flags, const struct uvm_mapargs *a)
{
	return (flags & MAP_ANONYMOUS) == 0 && a->um_inherit == INHERIT_SHARE &&
	       (a->um_maxprot & PROT_WRITE) != 0 &&
	       kern_fs->fo_mmap_done != NULL;
}

/* Whether a call fails, before all else, because there is no such file. */
static bool
mmap_badfd(u_int flags, int fd, uint64_t off)
{
	struct uvm_object *uo = NULL;
	vm_prot_t maxprot;
	int error;

	if ((flags & MAP_ANONYMOUS) != 0 || kern_fs == NULL)
		return false;
	error =
	    kern_fs->fo_mmap(fd, PROT_NONE, MAP_PRIVATE, off, &uo, &maxprot);
	if (error == 0 && uo != NULL)
		uvm_object_free(uo);
	return error == EBADF;
}

/* mmap(addr, len, prot, flags, fd, off) */
long
sys_mmap(const uintptr_t *args)
{
	vaddr_t addr = args[0];
	vsize_t len = args[1];
	vm_prot_t prot = (vm_prot_t)args[2] & PROT_ALL; /* others: ignored */
	u_int flags = (u_int)args[3], lock;
	struct uvm_mapargs a = {.um_prot = prot};
	int error;

	if (args[5] % PAGE_SIZE != 0)
		return -EINVAL;
	error = mmap_check(args, &lock);
	if (error == 0 && mm_wx && (prot & PROT_WRITE) && (prot & PROT_EXEC))
		error = EOPNOTSUPP;
	if (error != 0)
		return mmap_badfd(flags, (int)args[4], args[5]) ? -EBADF
								: -error;
	len = round_page(len);
	mmap_place(&addr, len, flags, &a);
	error = mmap_object(flags, prot, (int)args[4], args[5], len, &a);
	if (error != 0)
		return -error;
	/* Only what has neither file nor sharers grows. */
	if ((flags & MAP_GROWSDOWN) &&
	    (a.um_obj != NULL || (flags & MAP_ANONYMOUS) == 0))
		error = EINVAL;
	else
		error = uvm_map(curmap(), &addr, len, &a);
	if (mmap_told(flags, &a))
		kern_fs->fo_mmap_done(a.um_obj);
	if (error != 0) {
		if (a.um_obj != NULL)
			uvm_object_free(a.um_obj);
		return -error;
	}
	mmap_fill(addr, addr + len, flags, lock);
	return (long)addr;
}

/* munmap(addr, len) */
long
sys_munmap(const uintptr_t *args)
{
	vaddr_t end;

	if (args[0] % PAGE_SIZE != 0 || args[1] == 0 ||
	    !mm_range(args[0], args[1], &end))
		return -EINVAL;
	return -uvm_unmap(curmap(), args[0], end);
}

/* Where the grow-down entry that holds va begins; 0: it is not one. */
static vaddr_t
growsdown_start(vaddr_t va)
{
	struct vm_map *map = curmap();
	struct vm_entry *e;
	vaddr_t start = 0;

	rw_read_enter(&map->vm_lock);
	e = uvm_map_lookup(map, va);
	if (e != NULL && (e->ve_flags & (VE_STACK | VE_GROWSDOWN)) != 0)
		start = e->ve_start;
	rw_exit(&map->vm_lock);
	return start;
}

/* mprotect(addr, len, prot) */
long
sys_mprotect(const uintptr_t *args)
{
	vaddr_t start = args[0], end;
	u_long prot = args[2];
	const u_long grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);

	prot &= ~grows;
	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || start % PAGE_SIZE != 0)
		return -EINVAL;
	if (args[1] == 0)
		return 0;
	if (start + round_page(args[1]) <= start)
		return -ENOMEM;
	if (prot & ~mem_flags(MC_mprotect))
		return -EINVAL;
	if (!mm_range(start, args[1], &end))
		return -ENOMEM;
	if (mem_refused(MC_mprotect, grows) != 0)
		return -mem_refused(MC_mprotect, grows);
	if (mm_wx && (prot & PROT_WRITE) && (prot & PROT_EXEC))
		return -EOPNOTSUPP;
	if (grows != 0) {
		start = growsdown_start(start);
		if (start == 0)
			return -EINVAL;
	}
	return -uvm_protect(curmap(), start, end, (vm_prot_t)prot & PROT_ALL);
}

/* Whether the caller has memory at va, and how it is locked. */
static bool
mapped_at(vaddr_t va, u_int *wired)
{
	struct vm_map *map = curmap();
	struct vm_entry *e;

	rw_read_enter(&map->vm_lock);
	e = uvm_map_lookup(map, va);
	*wired = e == NULL ? 0 : e->ve_wired;
	rw_exit(&map->vm_lock);
	return e != NULL;
}

/* mremap(old, oldlen, newlen, flags, new) */
long
sys_mremap(const uintptr_t *args)
{
	u_int flags = (u_int)args[3], wired;
	vaddr_t old = args[0], addr = args[4], end;
	vsize_t newlen = args[2];
	bool mapped;
	int error;

	if ((args[3] & ~mem_flags(MC_mremap)) != 0 ||
	    ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0 &&
		(flags & MREMAP_MAYMOVE) == 0))
		return -EINVAL;
	if ((flags & MREMAP_DONTUNMAP) &&
	    round_page(args[1]) != round_page(newlen))
		return -EINVAL;
	/* Lengths may wrap around to nothing in being rounded. */
	newlen = round_page(newlen);
	if (old % PAGE_SIZE != 0 || newlen == 0 || newlen > VM_MAXUSER_ADDRESS)
		return -EINVAL;
	/* With DONTUNMAP alone the new address is a hint, and is checked. */
	if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) &&
	    (addr % PAGE_SIZE != 0 || addr > VM_MAXUSER_ADDRESS - newlen))
		return -EINVAL;
	if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) &&
	    addr < old + args[1] && old < addr + newlen)
		return -EINVAL;
	if ((flags & MREMAP_FIXED) && addr < VM_MIN_ADDRESS)
		return -EPERM;
	mapped = mapped_at(old, &wired);
	if (!mm_range(old, round_page(args[1]), &end))
		return mapped ? -EINVAL : -EFAULT;
	if (wired != 0 && newlen > end - old &&
	    (error = mm_may_lock(newlen - (end - old), EAGAIN)) != 0)
		return -error;
	error = uvm_remap(curmap(), old, end - old, newlen, flags, &addr);
	if (error != 0)
		return -error;
	/* What was locked stays so, with what it grew by. */
	if (wired == VW_LOCKED && newlen > end - old)
		(void)uvm_populate(curmap(), addr, addr + newlen);
	return (long)addr;
}

#define MINCORE_CHUNK 2048 /* pages asked for at a time */

/* mincore(addr, len, vec) */
long
sys_mincore(const uintptr_t *args)
{
	vaddr_t start = args[0], vec = args[2], end, next;
	uint8_t *buf;
	int error = 0;

	if (start % PAGE_SIZE != 0)
		return -EINVAL;
	if (!mm_range(start, args[1], &end))
		return -ENOMEM;
	if (start == end)
		return 0;
	buf = kmem_alloc(MINCORE_CHUNK, 0);
	if (buf == NULL)
		return -EAGAIN;
	for (; error == 0 && start < end; start = next) {
		next = MIN(end, start + ptoa(MINCORE_CHUNK));
		error = uvm_mincore(curmap(), start, next, buf);
		if (error == 0)
			error = copyout(buf, vec, atop(next - start));
		vec += atop(next - start);
	}
	kmem_free(buf, MINCORE_CHUNK);
	return -error;
}

/* Whether some page of the range is locked. */
static bool
range_locked(vaddr_t start, vaddr_t end)
{
	struct vm_map *map = curmap();
	struct vm_entry *e;
	bool locked = false;

	rw_read_enter(&map->vm_lock);
	for (e = uvm_map_next(map, start); e != NULL && e->ve_start < end;
	     e = e->ve_next)
		if (e->ve_wired != 0)
			locked = true;
	rw_exit(&map->vm_lock);
	return locked;
}

/*
 * msync(addr, len, flags).  A mapping and its file are the same pages; they
 * have to go to disk only if the caller wants to know that they are there.
 */
long
sys_msync(const uintptr_t *args)
{
	u_int flags = (u_int)args[2];
	vaddr_t end;
	int error;

	if ((flags & ~mem_flags(MC_msync)) != 0 || args[0] % PAGE_SIZE != 0 ||
	    (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	if (round_page(args[1]) == 0)
		return 0;
	if (!mm_range(args[0], args[1], &end))
		return -ENOMEM;
	if ((flags & MS_INVALIDATE) && range_locked(args[0], end))
		return -EBUSY;
	error = uvm_msync_check(curmap(), args[0], end);
	if (error == 0 && (flags & MS_SYNC) != 0)
		error = uvm_msync(curmap(), args[0], end);
	return -error;
}

/* brk(addr): the break afterwards; never an errno. */
long
sys_brk(const uintptr_t *args)
{
	struct proc *p = curproc();
	struct vmspace *vm = p->ps_vmspace;
	vaddr_t old = vm->vm_brk, new;

	if (args[0] < vm->vm_brkbase || args[0] >= VM_MAXUSER_ADDRESS)
		return (long)old;
	if (p->ps_lockfuture != 0 && args[0] > old &&
	    mm_may_lock(round_page(args[0]) - round_page(old), EAGAIN) != 0)
		return (long)old;
	new = uvm_brk(vm, args[0], p->ps_rlimit[RLIMIT_DATA].rlim_cur);
	if (round_page(new) > round_page(old))
		mmap_fill(round_page(old), round_page(new), 0,
		    p->ps_lockfuture);
	return (long)new;
}

/* mseal(addr, len, flags) */
long
sys_mseal(const uintptr_t *args)
{
	vaddr_t end;

	if (args[2] != 0 || args[0] % PAGE_SIZE != 0 ||
	    round_page(args[1]) < args[1] ||
	    args[0] + round_page(args[1]) < args[0])
		return -EINVAL;
	if (!mm_range(args[0], args[1], &end))
		return -ENOMEM;
	return end == args[0] ? 0 : -uvm_seal(curmap(), args[0], end);
}

/*
 * remap_file_pages(addr, size, prot, pgoff, flags): another part of the same
 * shared object appears there, by mapping it anew.
 */
long
sys_remap_file_pages(const uintptr_t *args)
{
	struct vm_map *map = curmap();
	struct uvm_mapargs a = {.um_how = UVM_MAP_FIXED};
	vaddr_t start = trunc_page(args[0]), end;
	vsize_t len = trunc_page(args[1]);
	struct vm_entry *e;
	int error;

	if (args[2] != 0 || len == 0 || !mm_range(start, len, &end) ||
	    args[3] + atop(len) < args[3] ||
	    args[3] + atop(len) > ~0UL >> PAGE_SHIFT)
		return -EINVAL;
	rw_read_enter(&map->vm_lock);
	e = uvm_map_lookup(map, start);
	if (e != NULL && e->ve_end >= end && (e->ve_flags & VE_COW) == 0) {
		a.um_obj = e->ve_obj;
		uvm_object_ref(a.um_obj);
		a.um_prot = e->ve_prot;
		a.um_maxprot = e->ve_maxprot;
		a.um_inherit = e->ve_inherit;
		a.um_flags = e->ve_flags & ~VE_INHERITED;
		a.um_off = ptoa(args[3]);
	}
	rw_exit(&map->vm_lock);
	if (a.um_obj == NULL)
		return -EINVAL;
	error = uvm_map(map, &start, len, &a);
	if (error != 0) {
		uvm_object_free(a.um_obj);
		return -error;
	}
	if ((args[4] & MAP_NONBLOCK) == 0)
		(void)uvm_populate(map, start, end);
	return 0;
}

#define NIOV 1024 /* most pieces of one call */

/* An array of pieces, kmem of NIOV at most; EINVAL, EFAULT, ENOMEM. */
static int
get_iovecs(vaddr_t from, u_long n, struct abi_iovec **vecp)
{
	struct abi_iovec *vec;
	uint64_t total = 0;
	u_long i;
	int error;

	*vecp = NULL;
	if (n > NIOV)
		return EINVAL;
	if (n == 0)
		return 0;
	vec = kmem_alloc(n * sizeof(*vec), 0);
	if (vec == NULL)
		return ENOMEM;
	error = copyin(from, vec, n * sizeof(*vec));
	for (i = 0; error == 0 && i < n; i++) {
		if (vec[i].iov_len > INT64_MAX - total)
			error = EINVAL;
		total += vec[i].iov_len;
	}
	if (error != 0) {
		kmem_free(vec, n * sizeof(*vec));
		return error;
	}
	*vecp = vec;
	return 0;
}

static size_t
iovecs_len(const struct abi_iovec *vec, u_long n)
{
	size_t len = 0;

	while (n > 0)
		len += vec[--n].iov_len;
	return len;
}

static long
do_process_vm(const uintptr_t *args, bool write)
{
	struct abi_iovec *lvec, *rvec = NULL;
	u_long nl = args[2], nr = args[4];
	struct vmspace *vm;
	size_t total = 0;
	int error;

	if (args[5] != 0)
		return -EINVAL;
	error = get_iovecs(args[1], nl, &lvec);
	if (error != 0)
		return -error;
	error = get_iovecs(args[3], nr, &rvec);
	/* For nothing nobody need be there. */
	if (error == 0 &&
	    (iovecs_len(lvec, nl) == 0 || iovecs_len(rvec, nr) == 0))
		goto out;
	if (error == 0)
		error = process_vm_get((pid_t)args[0], &vm);
	if (error == 0) {
		error = process_vm_copy(vm, lvec, (u_int)nl, rvec, (u_int)nr,
		    write, &total);
		uvmspace_free(vm);
	}
out:
	if (lvec != NULL)
		kmem_free(lvec, nl * sizeof(*lvec));
	if (rvec != NULL)
		kmem_free(rvec, nr * sizeof(*rvec));
	return total != 0 ? (long)total : -error;
}

/* process_vm_readv(pid, lvec, nl, rvec, nr, flags) */
long
sys_process_vm_readv(const uintptr_t *args)
{
	return do_process_vm(args, false);
}

long
sys_process_vm_writev(const uintptr_t *args)
{
	return do_process_vm(args, true);
}
