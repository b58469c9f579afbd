/*
 * signalfd.c: signals as a file: signalfd(2).
 *
 * The file is a set of signals.  What it has to read are those of the set that
 * are pending for whoever reads, in that moment: the file of a parent gives a
 * child its own.  Whoever sends a signal to a process that may have such a
 * file lets those know who poll (ps_sigfd).
 */
#include <fs/file.h>

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <kern/syscalls.h>

struct sigfile {
	_Atomic(uint64_t) sf_set;
};

/* struct signalfd_siginfo of signalfd(2). */
struct abi_sigfd {
	uint32_t ssi_signo;
	int32_t ssi_errno, ssi_code;
	uint32_t ssi_pid, ssi_uid;
	int32_t ssi_fd;
	uint32_t ssi_tid, ssi_band, ssi_overrun, ssi_trapno;
	int32_t ssi_status, ssi_int;
	uint64_t ssi_ptr, ssi_utime, ssi_stime, ssi_addr;
	uint16_t ssi_addr_lsb, ssi_pad1;
	int32_t ssi_syscall;
	uint64_t ssi_call_addr;
	uint32_t ssi_arch;
	uint8_t ssi_pad[28];
};
_Static_assert(sizeof(struct abi_sigfd) == 128, "signalfd_siginfo");

static void
sigfd_fill(struct abi_sigfd *ss, const struct abi_siginfo *info)
{
	memset(ss, 0, sizeof(*ss));
	ss->ssi_signo = (uint32_t)info->si_signo;
	ss->ssi_errno = info->si_errno;
	ss->ssi_code = info->si_code;
	if (info->si_code == SI_TIMER) {
		ss->ssi_tid = (uint32_t)info->si_timerid;
		ss->ssi_overrun = (uint32_t)info->si_overrun;
		ss->ssi_ptr = info->si_value;
		ss->ssi_int = (int32_t)info->si_value;
		return;
	}
	if (info->si_code > 0 && info->si_signo != SIGCHLD) {
		if (info->si_code != SI_KERNEL)
			ss->ssi_addr = info->si_addr;
		return;
	}
	ss->ssi_pid = (uint32_t)info->si_pid;
	ss->ssi_uid = info->si_uid;
	if (info->si_signo == SIGCHLD && info->si_code > 0) {
		ss->ssi_status = info->si_status;
		ss->ssi_utime = (uint64_t)info->si_utime;
		ss->ssi_stime = (uint64_t)info->si_stime;
	} else if (info->si_code < 0) {
		ss->ssi_ptr = info->si_value;
		ss->ssi_int = (int32_t)info->si_value;
	}
}

static int
sigfd_read(struct file *f, struct uio *uio)
{
	struct sigfile *sf = f->f_data;
	uint64_t set = atomic_load_explicit(&sf->sf_set, memory_order_relaxed),
		 deadline = UINT64_MAX;
	struct abi_siginfo info;
	struct abi_sigfd ss;
	int sig, error;

	if (uio->ui_resid < sizeof(ss))
		return EINVAL;
	if ((file_flags(f) & O_NONBLOCK) != 0)
		deadline = 0;
	do {
		error = sig_wait(set, deadline, &info, &sig);
		if (error != 0)
			break;
		sigfd_fill(&ss, &info);
		error = uio_move(&ss, sizeof(ss), uio);
		deadline = 0; /* the first is worth waiting for */
	} while (error == 0 && uio->ui_resid >= sizeof(ss));
	return error;
}

static u_int
sigfd_poll(struct file *f)
{
	struct sigfile *sf = f->f_data;

	return (sig_waiting() &
		   atomic_load_explicit(&sf->sf_set, memory_order_relaxed)) != 0
		   ? POLLIN | POLLRDNORM
		   : 0;
}

static void
sigfd_close(struct file *f)
{
	kmem_free(f->f_data, sizeof(struct sigfile));
}

static const struct fileops sigfd_ops = {
    .fop_read = sigfd_read,
    .fop_poll = sigfd_poll,
    .fop_close = sigfd_close,
};

/* A new one. */
static long
sigfd_new(uint64_t set, u_int flags)
{
	struct proc *p = curproc();
	struct sigfile *sf;
	struct file *f;
	int error;

	sf = kmem_alloc(sizeof(*sf), PA_ZERO);
	if (sf == NULL)
		return -ENOMEM;
	atomic_store_explicit(&sf->sf_set, set, memory_order_relaxed);
	error = file_anon("anon_inode:[signalfd]", 0600,
	    O_RDWR | (flags & O_NONBLOCK), &f);
	if (error != 0) {
		kmem_free(sf, sizeof(*sf));
		return -error;
	}
	f->f_data = sf;
	f->f_ops = &sigfd_ops;
	spin_enter(&p->ps_siglock);
	p->ps_sigfd = true;
	spin_exit(&p->ps_siglock);
	return fd_install(f, 0, (flags & O_CLOEXEC) != 0);
}

/* signalfd4(fd, set, size, flags): fd -1: a new one. */
static long
do_signalfd(const uintptr_t *a, u_int flags)
{
	struct file *f;
	uint64_t set;
	int error;

	if (a[2] != sizeof(set) || (flags & ~(O_CLOEXEC | O_NONBLOCK)) != 0)
		return -EINVAL;
	if (copyin(a[1], &set, sizeof(set)) != 0)
		return -EFAULT;
	set &= ~SIG_CANTMASK;
	if ((int)a[0] == -1)
		return sigfd_new(set, flags);
	error = fd_get((int)a[0], &f);
	if (error != 0)
		return -error;
	if (f->f_ops == &sigfd_ops) {
		atomic_store_explicit(&((struct sigfile *)f->f_data)->sf_set,
		    set, memory_order_relaxed);
		poll_notify();
	} else
		error = EINVAL;
	file_rele(f);
	return error != 0 ? -error : (int)a[0];
}

long
sys_signalfd(const uintptr_t *a)
{
	return do_signalfd(a, 0);
}

long
sys_signalfd4(const uintptr_t *a)
{
	return do_signalfd(a, (u_int)a[3]);
}
