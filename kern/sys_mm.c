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
#include <kern/proc.h>
#include <kern/process_vm.h>

#define PROT_SEM       0x8u        /* means nothing anywhere */
#define PROT_GROWSDOWN 0x01000000u /* mprotect: down to the entry's start */
#define PROT_GROWSUP   0x02000000u

static struct vm_map *
curmap(void)
{
	return &curproc()->ps_vmspace->vm_map;
}

/*
 * [*startp, *startp + len) as whole pages; false: it wraps around or leaves
 * user space.
 */
static bool
page_range(vaddr_t start, vsize_t len, vaddr_t *endp)
{
	if (start > VM_MAXUSER_ADDRESS || len > VM_MAXUSER_ADDRESS - start)
		return false;
	*endp = start + round_page(len);
	return *endp <= VM_MAXUSER_ADDRESS;
}

/*
 * mmap()'s flags.  Those without effect here are hints (POPULATE is not) or
 * relics that Linux ignores as well.  Unknown bits are ignored, except with
 * MAP_SHARED_VALIDATE, which exists to have them refused.
 */
#define MAP_KNOWN                                                              \
	(MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_32BIT | MAP_GROWSDOWN |    \
	    MAP_DENYWRITE | MAP_EXECUTABLE | MAP_LOCKED | MAP_NORESERVE |      \
	    MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_FIXED_NOREPLACE)

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
		error = uao_create(len, &a->um_obj);
		if (error != 0)
			return error;
		uao_set_name(a->um_obj, "/dev/zero (deleted)", 1, 0);
		a->um_off = 0;
	}
	a->um_inherit = shared ? INHERIT_SHARE : INHERIT_COPY;
	if (!shared)
		a->um_flags |= VE_COW;
	return 0;
}

/* What the type and the address demand; errno. */
static int
mmap_check(vaddr_t addr, vsize_t len, u_int flags, uint64_t off)
{
	u_int type = flags & MAP_TYPE;

	if (off % PAGE_SIZE != 0)
		return EINVAL;
	if (type != MAP_SHARED && type != MAP_PRIVATE &&
	    type != MAP_SHARED_VALIDATE)
		return EINVAL;
	if (type == MAP_SHARED_VALIDATE) {
		if (flags & MAP_ANONYMOUS)
			return EINVAL;
		if (flags & ~MAP_KNOWN)
			return EOPNOTSUPP;
	}
	if (len == 0)
		return EINVAL;
	if (len > VM_MAXUSER_ADDRESS)
		return ENOMEM;
	if (off + round_page(len) < off)
		return EOVERFLOW;
	/* There is no pool of huge pages, so it is always exhausted. */
	if (flags & MAP_HUGETLB)
		return flags & MAP_ANONYMOUS ? ENOMEM : EINVAL;
	if ((flags & MAP_GROWSDOWN) && type != MAP_PRIVATE)
		return EINVAL;
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (addr % PAGE_SIZE != 0)
			return EINVAL;
		if (addr > VM_MAXUSER_ADDRESS - round_page(len))
			return ENOMEM;
		if (addr < VM_MIN_ADDRESS)
			return EPERM;
	}
	return 0;
}

/* Bytes of the caller's space that are locked.  Map lock taken. */
static vsize_t
locked_bytes(void)
{
	struct vm_map *map = curmap();
	struct vm_entry *e;
	vsize_t len = 0;

	rw_read_enter(&map->vm_lock);
	for (e = map->vm_first; e != NULL; e = e->ve_next)
		if (e->ve_wired != 0)
			len += e->ve_end - e->ve_start;
	rw_exit(&map->vm_lock);
	return len;
}

/* Whether the caller may lock len bytes more; EPERM, or over. */
static int
lock_allowed(vsize_t len, int over)
{
	uint64_t limit = curproc()->ps_rlimit[RLIMIT_MEMLOCK].rlim_cur;

	if (cred_is_root())
		return 0;
	if (limit == 0)
		return EPERM;
	return locked_bytes() + len > limit ? over : 0;
}

/* mmap(addr, len, prot, flags, fd, off) */
long
sys_mmap(const uintptr_t *args)
{
	struct proc *p = curproc();
	vaddr_t addr = args[0];
	vsize_t len = args[1];
	vm_prot_t prot = (vm_prot_t)args[2] & PROT_ALL; /* others: ignored */
	u_int flags = (u_int)args[3];
	struct uvm_mapargs a = {.um_prot = prot};
	bool lock;
	int error;

	error = mmap_check(addr, len, flags, args[5]);
	if (error != 0)
		return -error;
	len = round_page(len);
	lock = (flags & MAP_LOCKED) || p->ps_lockfuture;
	if (lock && (error = lock_allowed(len, EAGAIN)) != 0)
		return -error;

	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))
		a.um_how |= UVM_MAP_FIXED;
	else {
		/* A hint that cannot be taken is no error. */
		addr = trunc_page(addr);
		if (addr != 0 && addr < VM_MIN_ADDRESS)
			addr = VM_MIN_ADDRESS;
		if (addr > VM_MAXUSER_ADDRESS - len)
			addr = 0;
	}
	if (flags & MAP_FIXED_NOREPLACE)
		a.um_how |= UVM_MAP_NOREPLACE;
	if (flags & MAP_32BIT)
		a.um_how |= UVM_MAP_LOW32;
	a.um_aslimit = p->ps_rlimit[RLIMIT_AS].rlim_cur;
	if (a.um_aslimit != RLIM_INFINITY)
		a.um_how |= UVM_MAP_LIMIT;
	if (flags & MAP_NORESERVE)
		a.um_flags |= VE_NORESERVE;
	if (flags & MAP_GROWSDOWN)
		a.um_flags |= VE_GROWSDOWN;

	error = mmap_object(flags, prot, (int)args[4], args[5], len, &a);
	if (error != 0)
		return -error;
	error = uvm_map(curmap(), &addr, len, &a);
	if (error != 0) {
		if (a.um_obj != NULL)
			uvm_object_free(a.um_obj);
		return -error;
	}
	/* As on Linux a page that cannot be had now is a fault later. */
	if (lock)
		(void)uvm_wire(curmap(), addr, addr + len, true);
	else if ((flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE)
		(void)uvm_populate(curmap(), addr, addr + len);
	return (long)addr;
}

/* munmap(addr, len) */
long
sys_munmap(const uintptr_t *args)
{
	vaddr_t end;

	if (args[0] % PAGE_SIZE != 0 || args[1] == 0 ||
	    !page_range(args[0], args[1], &end))
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
	if (!page_range(start, args[1], &end))
		return -ENOMEM;
	if (prot & ~(u_long)(PROT_ALL | PROT_SEM))
		return -EINVAL;
	if (grows & PROT_GROWSUP)
		return -EINVAL; /* nothing grows up */
	if (grows != 0) {
		start = growsdown_start(start);
		if (start == 0)
			return -EINVAL;
	}
	return -uvm_protect(curmap(), start, end, (vm_prot_t)prot & PROT_ALL);
}

/* mremap(old, oldlen, newlen, flags, new) */
long
sys_mremap(const uintptr_t *args)
{
	const u_int ok = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
	u_int flags = (u_int)args[3];
	vaddr_t old = args[0], addr = args[4], end;
	vsize_t newlen = args[2];
	int error;

	if ((args[3] & ~(u_long)ok) != 0 ||
	    ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0 &&
		(flags & MREMAP_MAYMOVE) == 0))
		return -EINVAL;
	if ((flags & MREMAP_DONTUNMAP) &&
	    round_page(args[1]) != round_page(newlen))
		return -EINVAL;
	if (old % PAGE_SIZE != 0 || newlen == 0)
		return -EINVAL;
	if (newlen > VM_MAXUSER_ADDRESS)
		return flags & MREMAP_FIXED ? -EINVAL : -ENOMEM;
	if (!page_range(old, args[1], &end))
		return -EFAULT;
	if (flags & MREMAP_FIXED) {
		if (addr % PAGE_SIZE != 0 ||
		    addr > VM_MAXUSER_ADDRESS - round_page(newlen))
			return -EINVAL;
		if (addr < VM_MIN_ADDRESS)
			return -EPERM;
	}
	error = uvm_remap(curmap(), old, end - old, round_page(newlen), flags,
	    &addr);
	return error != 0 ? -error : (long)addr;
}

/* Whether no entry in the range is shared or of a file.  Map lock held. */
static bool
private_anon(const struct vm_entry *e)
{
	return e->ve_obj == NULL && (e->ve_flags & VE_COW) != 0;
}

/*
 * Do fn to each entry's part of the range, by its kind.  The map lock is
 * dropped for it: another thread that changes the range meanwhile gets what
 * it asks for.  ENOMEM: hole, the rest done.
 */
static int
each_entry(vaddr_t start, vaddr_t end,
    int (*fn)(struct vm_map *, vaddr_t, vaddr_t, u_int kind))
{
	struct vm_map *map = curmap();
	struct vm_entry *e;
	vaddr_t from, to;
	u_int kind;
	int error, hole = 0;

	while (start < end) {
		rw_read_enter(&map->vm_lock);
		e = uvm_map_next(map, start);
		if (e == NULL || e->ve_start >= end) {
			rw_exit(&map->vm_lock);
			return ENOMEM;
		}
		from = MAX(start, e->ve_start);
		to = MIN(end, e->ve_end);
		kind = private_anon(e)        ? INHERIT_ZERO
		       : e->ve_flags & VE_COW ? INHERIT_COPY
					      : INHERIT_SHARE;
		rw_exit(&map->vm_lock);
		if (from > start)
			hole = ENOMEM;
		error = fn(map, from, to, kind);
		if (error != 0)
			return error;
		start = to;
	}
	return hole;
}

static int
advise_dofork(struct vm_map *map, vaddr_t start, vaddr_t end, u_int kind)
{
	return uvm_inherit(map, start, end,
	    kind == INHERIT_SHARE ? INHERIT_SHARE : INHERIT_COPY);
}

static int
advise_wipe(struct vm_map *map, vaddr_t start, vaddr_t end, u_int kind)
{
	if (kind != INHERIT_ZERO)
		return EINVAL;
	return uvm_inherit(map, start, end, INHERIT_ZERO);
}

/*
 * MADV_FREE: the contents may be lost when memory is short.  They never are,
 * since nothing takes such pages yet; what may be asked for is checked.
 */
static int
advise_free(struct vm_map *map __unused, vaddr_t start __unused,
    vaddr_t end __unused, u_int kind)
{
	return kind == INHERIT_ZERO ? 0 : EINVAL;
}

static int
advise_nothing(struct vm_map *map __unused, vaddr_t start __unused,
    vaddr_t end __unused, u_int kind __unused)
{
	return 0;
}

static int
do_madvise(vaddr_t start, vaddr_t end, int advice)
{
	struct vm_map *map = curmap();
	int error;

	switch (advice) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
		return uvm_advise(map, start, end, advice);
	case MADV_DONTNEED:
		return uvm_discard(map, start, end);
	case MADV_FREE:
		return each_entry(start, end, advise_free);
	case MADV_DONTFORK:
		return uvm_inherit(map, start, end, INHERIT_NONE);
	case MADV_DOFORK:
	case MADV_KEEPONFORK:
		return each_entry(start, end, advise_dofork);
	case MADV_WIPEONFORK:
		return each_entry(start, end, advise_wipe);
	case MADV_DONTDUMP:
		return uvm_setflags(map, start, end, VE_DONTDUMP, 0);
	case MADV_DODUMP:
		return uvm_setflags(map, start, end, 0, VE_DONTDUMP);
	case MADV_WILLNEED:
	case MADV_COLD:
	case MADV_PAGEOUT:
		/* Hints about when; nothing is out, nothing goes out. */
		return each_entry(start, end, advise_nothing);
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		error = uvm_populate(map, start, end);
		return error == EACCES  ? EINVAL
		       : error == ENXIO ? EFAULT
					: error;
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

	if (start % PAGE_SIZE != 0 || len < args[1] || start + len < start)
		return -EINVAL;
	if (len == 0) {
		/* Unknown advice is refused even for nothing. */
		switch ((int)args[2]) {
		case MADV_NORMAL ... MADV_DONTNEED:
		case MADV_FREE:
		case MADV_DONTFORK:
		case MADV_DOFORK:
		case MADV_DONTDUMP ... MADV_POPULATE_WRITE:
			return 0;
		default:
			return -EINVAL;
		}
	}
	if (!page_range(start, len, &end))
		return -ENOMEM;
	return -do_madvise(start, end, (int)args[2]);
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
	if (!page_range(start, args[1], &end))
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
 * msync(addr, len, flags).  A mapping and its file are the same pages, and
 * there is no disk yet: nothing has to be written anywhere.
 */
long
sys_msync(const uintptr_t *args)
{
	const u_int ok = MS_ASYNC | MS_SYNC | MS_INVALIDATE;
	u_int flags = (u_int)args[2];
	vaddr_t end;

	if ((flags & ~ok) != 0 || args[0] % PAGE_SIZE != 0 ||
	    (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	if (!page_range(args[0], args[1], &end))
		return -ENOMEM;
	if (end == args[0])
		return 0;
	if ((flags & MS_INVALIDATE) && range_locked(args[0], end))
		return -EBUSY;
	return -uvm_msync_check(curmap(), args[0], end);
}

static long
do_mlock(vaddr_t start, vsize_t len, bool lock)
{
	vaddr_t end;
	int error;

	len += start % PAGE_SIZE;
	start = trunc_page(start);
	if (!page_range(start, len, &end))
		return len > ~(vsize_t)0 - PAGE_SIZE ? -EINVAL : -ENOMEM;
	if (start == end)
		return 0;
	if (lock && (error = lock_allowed(end - start, ENOMEM)) != 0)
		return -error;
	return -uvm_wire(curmap(), start, end, lock);
}

long
sys_mlock(const uintptr_t *args)
{
	return do_mlock(args[0], args[1], true);
}

/* mlock2(addr, len, flags): to lock pages only once they are there: not yet. */
long
sys_mlock2(const uintptr_t *args)
{
	if (args[2] != 0)
		return -EINVAL;
	return do_mlock(args[0], args[1], true);
}

long
sys_munlock(const uintptr_t *args)
{
	return do_mlock(args[0], args[1], false);
}

static int
wire_entry(struct vm_map *map, vaddr_t start, vaddr_t end, u_int kind __unused)
{
	/* Pages that cannot be had do not make mlockall() fail. */
	(void)uvm_wire(map, start, end, true);
	return 0;
}

static int
unwire_entry(struct vm_map *map, vaddr_t start, vaddr_t end,
    u_int kind __unused)
{
	return uvm_wire(map, start, end, false);
}

static void
set_lockfuture(bool on)
{
	struct proc *p = curproc();

	mutex_enter(&p->ps_lock);
	p->ps_lockfuture = on;
	mutex_exit(&p->ps_lock);
}

#define MCL_CURRENT 1
#define MCL_FUTURE  2

long
sys_mlockall(const uintptr_t *args)
{
	u_int flags = (u_int)args[0];
	int error;

	if (flags == 0 || (flags & ~(MCL_CURRENT | MCL_FUTURE)) != 0)
		return -EINVAL;
	error =
	    lock_allowed(flags & MCL_CURRENT ? curmap()->vm_size : 0, ENOMEM);
	if (error != 0)
		return -error;
	set_lockfuture((flags & MCL_FUTURE) != 0);
	if (flags & MCL_CURRENT)
		(void)each_entry(VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS,
		    wire_entry);
	return 0;
}

long
sys_munlockall(const uintptr_t *args __unused)
{
	set_lockfuture(false);
	(void)each_entry(VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS, unwire_entry);
	return 0;
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
	new = uvm_brk(vm, args[0], p->ps_rlimit[RLIMIT_DATA].rlim_cur);
	if (p->ps_lockfuture && round_page(new) > round_page(old))
		(void)uvm_wire(curmap(), round_page(old), round_page(new),
		    true);
	return (long)new;
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
	if (error == 0)
		error = process_vm_get((pid_t)args[0], &vm);
	if (error == 0) {
		error = process_vm_copy(vm, lvec, (u_int)nl, rvec, (u_int)nr,
		    write, &total);
		uvmspace_free(vm);
	}
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
