/*
 * pidfd.c: processes as descriptors.
 *
 * A pidfd keeps the structure of a process, not the process: once that has
 * been waited for, another one may have its number, and what is asked of the
 * old one is ESRCH.
 */
#include <fs/file.h>

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <kern/memtab.h>
#include <kern/mm.h>
#include <kern/syscalls.h>
#include <fs/init.h>
#include <fs/procfs.h>

/* Types of kcmp(2). */
#define KCMP_FILE    0
#define KCMP_VM      1
#define KCMP_FILES   2
#define KCMP_FS      3
#define KCMP_SIGHAND 4
#define KCMP_IO      5
#define KCMP_SYSVSEM 6

/*
 * What has changed is looked at without a lock.  With the fence here and the
 * one in pidfd_poll(), he who looks sees it, or poll_notify() sees him.
 */
void
pidfd_notify(void)
{
	atomic_thread_fence(memory_order_seq_cst);
	poll_notify();
}

/* It is readable when the process has ended. */
static u_int
pidfd_poll(struct file *f)
{
	struct proc *p = f->f_data;

	/* After poll_watch(): see pidfd_notify(). */
	atomic_thread_fence(memory_order_seq_cst);
	return proc_state(p) == PS_ZOMBIE ? POLLIN | POLLRDNORM : 0;
}

static int
pidfd_io(struct file *f, struct uio *uio)
{
	(void)f;
	(void)uio;
	return EINVAL;
}

static void
pidfd_close(struct file *f)
{
	proc_rele(f->f_data);
}

static const struct fileops pidfd_ops = {
    .fop_read = pidfd_io,
    .fop_write = pidfd_io,
    .fop_poll = pidfd_poll,
    .fop_close = pidfd_close,
};

/* The process behind descriptor fd, with a reference.  EBADF. */
static int
pidfd_proc(int fd, struct proc **pp)
{
	struct file *f;
	int error;

	error = fd_get(fd, &f);
	if (error != 0)
		return error;
	if (f->f_ops == &pidfd_ops) {
		*pp = f->f_data;
		refcount_acquire(&(*pp)->ps_refs);
	} else
		error = EBADF;
	file_rele(f);
	return error;
}

int
fs_pidfd(int fd, struct proc **pp)
{
	return pidfd_proc(fd, pp);
}

/* A descriptor for p, whose reference it takes over; or -errno. */
static long
pidfd_new(struct proc *p, u_int flags)
{
	struct file *f;
	int error;

	error = file_anon("anon_inode:[pidfd]", 0600, O_RDWR | flags, &f);
	if (error != 0) {
		proc_rele(p);
		return -error;
	}
	f->f_data = p;
	f->f_ops = &pidfd_ops;
	return fd_install(f, 0, true);
}

int
fs_new_pidfd(struct proc *p, int *fdp)
{
	long fd;

	refcount_acquire(&p->ps_refs);
	fd = pidfd_new(p, 0);
	*fdp = (int)fd;
	return fd < 0 ? (int)-fd : 0;
}

void
fs_close(int fd)
{
	const uintptr_t arg = (uintptr_t)fd;

	(void)sys_close(&arg);
}

/* pidfd_open(pid, flags) */
long
sys_pidfd_open(const uintptr_t *a)
{
	u_int flags = (u_int)a[1];
	struct proc *p;

	if ((flags & ~O_NONBLOCK) != 0 || (pid_t)a[0] <= 0)
		return -EINVAL;
	p = proc_find((pid_t)a[0]);
	return p == NULL ? -ESRCH : pidfd_new(p, flags);
}

/* pidfd_send_signal(pidfd, sig, info, flags) */
long
sys_pidfd_send_signal(const uintptr_t *a)
{
	int32_t signo = (int32_t)a[1]; /* the record's own must be the same */
	struct proc *p;
	long ret;
	int error;

	if ((u_int)a[3] != 0)
		return -EINVAL;
	if (a[2] != 0 && copyin(a[2], &signo, sizeof(signo)) != 0)
		return -EFAULT;
	if (signo != (int32_t)a[1])
		return -EINVAL;
	error = pidfd_proc((int)a[0], &p);
	if (error != 0)
		return -error;
	ret = kill_proc(p, (int)a[1], a[2]);
	proc_rele(p);
	return ret;
}

/* The file that process pid has as want, referenced.  Big lock held. */
static int
pid_file(pid_t pid, u_int want, struct file **fp)
{
	struct fdtable *fdt;
	u_int fd = want;
	int error;

	error = pid_fdtable(pid, &fdt);
	if (error != 0)
		return error;
	*fp = fd_peek(fdt, &fd);
	if (*fp != NULL && fd != want) {
		file_rele(*fp);
		*fp = NULL;
	}
	fdt_rele(fdt);
	return *fp == NULL ? EBADF : 0;
}

/* pidfd_getfd(pidfd, fd, flags): a second descriptor for another's file */
long
sys_pidfd_getfd(const uintptr_t *a)
{
	struct file *f = NULL;
	struct proc *p;
	int error;

	if ((u_int)a[2] != 0)
		return -EINVAL;
	error = pidfd_proc((int)a[0], &p);
	if (error != 0)
		return -error;
	vfs_enter();
	if (proc_state(p) == PS_ZOMBIE)
		error = ESRCH;
	else
		error = pid_file(p->ps_pid, (u_int)a[1], &f);
	vfs_exit();
	proc_rele(p);
	if (error != 0)
		return error == EACCES ? -EPERM : -error;
	return fd_install(f, 0, true);
}

/* What of p kcmp() asks for, as a number; 0: it has none. */
static int
kcmp_key(struct proc *p, int type, u_long idx, uintptr_t *keyp)
{
	struct fsproc *fp = NULL;
	struct file *f;
	int error = 0;

	if (!cred_can_trace(p))
		return EPERM;
	*keyp = 0;
	vfs_enter();
	switch (type) {
	case KCMP_FILE:
		error =
		    idx > FD_MAX ? EBADF : pid_file(p->ps_pid, (u_int)idx, &f);
		if (error == 0) {
			*keyp = (uintptr_t)f;
			file_rele(f);
		}
		break;
	case KCMP_VM:
		mutex_enter(&p->ps_vmlock);
		*keyp = (uintptr_t)p->ps_vmspace;
		mutex_exit(&p->ps_vmlock);
		break;
	case KCMP_FILES:
	case KCMP_FS:
		error = pid_fsproc(p->ps_pid, &fp);
		if (error == 0)
			*keyp = type == KCMP_FILES ? (uintptr_t)fp->fp_fd
						   : (uintptr_t)fp->fp_cwd;
		break;
	case KCMP_SIGHAND:
		spin_enter(&p->ps_siglock);
		*keyp = p->ps_sigacts != NULL ? (uintptr_t)p->ps_sigacts
					      : (uintptr_t)p;
		spin_exit(&p->ps_siglock);
		break;
	case KCMP_IO:
	case KCMP_SYSVSEM: /* nobody has any */
		break;
	default:
		error = EINVAL;
	}
	vfs_exit();
	return error == EACCES ? EPERM : error;
}

/* kcmp(pid1, pid2, type, idx1, idx2): 0 equal, 1 less, 2 greater */
long
sys_kcmp(const uintptr_t *a)
{
	struct proc *p1 = proc_find_tid((pid_t)a[0]);
	struct proc *p2 = proc_find_tid((pid_t)a[1]);
	uintptr_t key1, key2;
	int error = ESRCH;

	if (p1 != NULL && p2 != NULL) {
		error = kcmp_key(p1, (int)a[2], a[3], &key1);
		if (error == 0)
			error = kcmp_key(p2, (int)a[2], a[4], &key2);
	}
	if (p1 != NULL)
		proc_rele(p1);
	if (p2 != NULL)
		proc_rele(p2);
	if (error != 0)
		return -error;
	return key1 == key2 ? 0 : key1 < key2 ? 1 : 2;
}

/* Apply advice to the pieces of vec in turn; bytes advised, or -errno. */
static long
advise_pieces(struct vm_map *map, const struct abi_iovec *vec, u_long n,
    int advice)
{
	vaddr_t end;
	long done = 0;
	u_long i;
	int error;

	for (i = 0; i < n; i++) {
		if (vec[i].iov_base % PAGE_SIZE != 0)
			return done != 0 ? done : -EINVAL;
		if (!mm_range(vec[i].iov_base, vec[i].iov_len, &end))
			return done != 0 ? done : -ENOMEM;
		error = vec[i].iov_len == 0
			    ? 0
			    : mm_advise(map, vec[i].iov_base, end, advice);
		if (error != 0)
			return done != 0 ? done : -error;
		done += (long)vec[i].iov_len;
	}
	return done;
}

/* Whether p's end is decided. */
static bool
proc_dying(struct proc *p)
{
	bool dying;

	if (proc_state(p) == PS_EXITING)
		return true;
	spin_enter(&p->ps_siglock);
	dying = (p->ps_sigpend.sp_set & SIGBIT(SIGKILL)) != 0;
	spin_exit(&p->ps_siglock);
	return dying;
}

/*
 * process_mrelease(pidfd, flags): who is dying gives its memory back anyhow,
 * and nothing holds it up.
 */
long
sys_process_mrelease(const uintptr_t *a)
{
	struct proc *p;
	int error;

	if ((u_int)a[1] != 0)
		return -EINVAL;
	error = pidfd_proc((int)a[0], &p);
	if (error != 0)
		return -error;
	if (proc_state(p) == PS_ZOMBIE)
		error = ESRCH;
	else if (!proc_dying(p))
		error = EINVAL;
	proc_rele(p);
	return -error;
}

/* process_madvise(pidfd, vec, n, advice, flags) */
long
sys_process_madvise(const uintptr_t *a)
{
	struct abi_iovec *vec = NULL;
	struct vmspace *vm;
	struct proc *p;
	u_long n = a[2];
	long ret;
	int error, advice = (int)a[3];

	if ((u_int)a[4] != 0 || n > IOV_MAX)
		return -EINVAL;
	error = pidfd_proc((int)a[0], &p);
	if (error != 0)
		return -error;
	/* To one's own space anything may be done, as since Linux 6.13. */
	if (mem_command(MC_process_madvise, (u_long)advice) != 0 &&
	    (p != curproc() || mem_command(MC_madvise, (u_long)advice) != 0))
		error = EINVAL;
	if (error == 0)
		error = proc_vmspace_wait(p, &vm);
	if (error != 0) {
		proc_rele(p);
		return -error;
	}
	if (!cred_can_trace(p))
		error = EACCES;
	else if (p != curproc() && !cred_is_root())
		error = EPERM;
	if (error == 0 && n > 0) {
		vec = kmem_alloc(n * sizeof(*vec), 0);
		error =
		    vec == NULL ? ENOMEM : copyin(a[1], vec, n * sizeof(*vec));
	}
	ret = error != 0 ? -error : advise_pieces(&vm->vm_map, vec, n, advice);
	if (vec != NULL)
		kmem_free(vec, n * sizeof(*vec));
	uvmspace_free(vm);
	proc_rele(p);
	return ret;
}
