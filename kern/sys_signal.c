/*
 * sys_signal.c: system calls about signals.
 */
#include <kern/syscalls.h>
#include <sys/errno.h>
#include <base/print.h>
#include <port/frame.h>
#include <port/machdep.h>
#include <kern/proc.h>
#include <kern/time.h>

#define SA_OK                                                                  \
	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_RESTORER | SA_ONSTACK | \
	    SA_RESTART | SA_NODEFER | SA_RESETHAND)

/* rt_sigaction(sig, act, old, size); unknown flags are dropped, as on Linux. */
long
sys_rt_sigaction(const uintptr_t *args)
{
	struct abi_sigaction act, old;
	int sig = (int)args[0];

	if (args[3] != sizeof(uint64_t))
		return -EINVAL;
	if (sig < 1 || sig > NSIG)
		return -EINVAL;
	if (args[1] != 0) {
		if (copyin(args[1], &act, sizeof(act)) != 0)
			return -EFAULT;
		if (SIGBIT(sig) & SIG_CANTMASK)
			return -EINVAL;
		act.sa_flags &= SA_OK;
	}
	sig_action(sig, args[1] != 0 ? &act : NULL, &old);
	if (args[2] != 0 && copyout(&old, args[2], sizeof(old)) != 0)
		return -EFAULT;
	return 0;
}

/* rt_sigprocmask(how, set, old, size) */
long
sys_rt_sigprocmask(const uintptr_t *args)
{
	struct lwp *l = curlwp();
	uint64_t set = 0, old = l->l_sigmask;

	if (args[3] != sizeof(uint64_t))
		return -EINVAL;
	if (args[1] != 0) {
		if (copyin(args[1], &set, sizeof(set)) != 0)
			return -EFAULT;
		switch ((int)args[0]) {
		case SIG_BLOCK:
			set = old | set;
			break;
		case SIG_UNBLOCK:
			set = old & ~set;
			break;
		case SIG_SETMASK:
			break;
		default:
			return -EINVAL;
		}
		(void)sig_mask(set);
	}
	if (args[2] != 0 && copyout(&old, args[2], sizeof(old)) != 0)
		return -EFAULT;
	return 0;
}

/* rt_sigpending(set, size): a short size gets the low bytes. */
long
sys_rt_sigpending(const uintptr_t *args)
{
	struct lwp *l = curlwp();
	struct proc *p = l->l_proc;
	uint64_t set;

	if (args[1] > sizeof(set))
		return -EINVAL;
	spin_enter(&p->ps_siglock);
	set = (l->l_sigpend.sp_set | p->ps_sigpend.sp_set) & l->l_sigmask;
	spin_exit(&p->ps_siglock);
	return -copyout(&set, args[0], args[1]);
}

/*
 * Sleep until a signal that the mask admits is there.  One that another
 * thread takes instead, or a stop, makes the call again.
 */
static long
wait_signal(void)
{
	while (!sig_pending())
		if (sleep_until(UINT64_MAX, SLEEP_INTR, "pause") == EINTR)
			break;
	return -ERESTARTNOHAND;
}

long
sys_pause(const uintptr_t *args __unused)
{
	return wait_signal();
}

/*
 * Wait with another mask, which is in force until a handler has been set up
 * (and is restored when that returns) or the call is made again.
 */
long
sys_rt_sigsuspend(const uintptr_t *args)
{
	struct lwp *l = curlwp();
	uint64_t mask;

	if (args[1] != sizeof(mask))
		return -EINVAL;
	if (copyin(args[0], &mask, sizeof(mask)) != 0)
		return -EFAULT;
	l->l_oldmask = sig_mask(mask);
	l->l_restoremask = true;
	return wait_signal();
}

long
sys_rt_sigreturn(const uintptr_t *args __unused)
{
	struct lwp *l = curlwp();
	struct abi_stack stack = l->l_altstack;
	uint64_t mask;

	if (md_sigreturn(&l->l_thread, &mask, &stack) != 0) {
		sig_self(SIGSEGV, SI_KERNEL, 0);
		return -EFAULT;
	}
	(void)sig_mask(mask);
	l->l_altstack = stack;
	return -EJUSTRETURN;
}

/* Whether the calling thread runs on its alternate stack. */
static bool
on_altstack(struct lwp *l)
{
	vaddr_t sp = md_frame_sp(l->l_thread.td_frame);

	return (l->l_altstack.ss_flags & SS_DISABLE) == 0 &&
	       sp - l->l_altstack.ss_sp < l->l_altstack.ss_size;
}

long
sys_sigaltstack(const uintptr_t *args)
{
	struct lwp *l = curlwp();
	struct abi_stack new, old = l->l_altstack;

	old.ss_flags =
	    on_altstack(l) ? SS_ONSTACK : l->l_altstack.ss_flags & SS_DISABLE;
	if (args[0] != 0) {
		if (copyin(args[0], &new, sizeof(new)) != 0)
			return -EFAULT;
		if (on_altstack(l))
			return -EPERM;
		if (new.ss_flags & ~(SS_DISABLE | SS_ONSTACK))
			return -EINVAL;
		if (new.ss_flags & SS_DISABLE)
			new = (struct abi_stack){.ss_flags = SS_DISABLE};
		else if (new.ss_size < MINSIGSTKSZ)
			return -ENOMEM;
		new.ss_flags &= SS_DISABLE;
		l->l_altstack = new;
	}
	if (args[1] != 0 && copyout(&old, args[1], sizeof(old)) != 0)
		return -EFAULT;
	return 0;
}

/* What the receiver is told about the caller. */
static void
info_from_me(struct abi_siginfo *info, int sig, int code)
{
	memset(info, 0, sizeof(*info));
	info->si_signo = sig;
	info->si_code = code;
	info->si_pid = curproc()->ps_pid;
	info->si_uid = curproc()->ps_cred.cr_uid;
}

/* Send to one process; sig 0 only asks whether one may.  T held. */
static int
kill_one(struct proc *p, const struct abi_siginfo *info, int sig)
{
	if (!cred_can_signal(p, sig))
		return EPERM;
	return sig == 0 ? 0 : sig_post(p, NULL, info);
}

/*
 * Send to all of a group, or (pgid -1) to all but the caller and process 1.
 * Success is to have reached one.
 */
static int
kill_many(pid_t pgid, const struct abi_siginfo *info, int sig)
{
	struct proc *p;
	bool any = false, sent = false;

	LIST_FOREACH(p, &proc_all, ps_all) {
		if (pgid == -1
			? p == initproc || p == curproc()
			: p->ps_pgrp == NULL || p->ps_pgrp->pg_id != pgid)
			continue;
		any = true;
		if (kill_one(p, info, sig) == 0)
			sent = true;
	}
	return sent ? 0 : any ? EPERM : ESRCH;
}

long
sys_kill(const uintptr_t *args)
{
	pid_t pid = (pid_t)args[0];
	int sig = (int)args[1], error;
	struct abi_siginfo info;
	struct proc *p;

	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	info_from_me(&info, sig, SI_USER);
	mutex_enter(&proctree_lock);
	if (pid > 0) {
		p = proc_find_locked(pid);
		error = p == NULL ? ESRCH : kill_one(p, &info, sig);
	} else if (pid == 0)
		error = kill_many(curproc()->ps_pgrp->pg_id, &info, sig);
	else
		error = kill_many(pid == -1 ? -1 : -pid, &info, sig);
	mutex_exit(&proctree_lock);
	return -error;
}

/* Send to thread tid, of process tgid unless that is 0. */
static long
kill_thread(pid_t tgid, pid_t tid, int sig, const struct abi_siginfo *info)
{
	struct lwp *l;
	int error = 0;

	if (tid <= 0 || tgid < 0 || sig < 0 || sig > NSIG)
		return -EINVAL;
	mutex_enter(&proctree_lock);
	l = lwp_find(tid);
	if (l == NULL || (tgid != 0 && l->l_proc->ps_pid != tgid))
		error = ESRCH;
	else if (!cred_can_signal(l->l_proc, sig))
		error = EPERM;
	else if (sig != 0)
		error = sig_post(l->l_proc, l, info);
	mutex_exit(&proctree_lock);
	return -error;
}

long
sys_tkill(const uintptr_t *args)
{
	struct abi_siginfo info;

	info_from_me(&info, (int)args[1], SI_TKILL);
	return kill_thread(0, (pid_t)args[0], (int)args[1], &info);
}

long
sys_tgkill(const uintptr_t *args)
{
	struct abi_siginfo info;

	if ((pid_t)args[0] <= 0)
		return -EINVAL;
	info_from_me(&info, (int)args[2], SI_TKILL);
	return kill_thread((pid_t)args[0], (pid_t)args[1], (int)args[2], &info);
}

/* A record made by the program; it may not pose as the kernel or kill(). */
static int
info_from_user(vaddr_t from, int sig, pid_t to, struct abi_siginfo *info)
{
	if (copyin(from, info, sizeof(*info)) != 0)
		return EFAULT;
	info->si_signo = sig;
	if ((info->si_code >= 0 || info->si_code == SI_TKILL) &&
	    to != curproc()->ps_pid)
		return EPERM;
	return 0;
}

/* rt_sigqueueinfo(pid, sig, info) */
long
sys_rt_sigqueueinfo(const uintptr_t *args)
{
	struct abi_siginfo info;
	int sig = (int)args[1], error;
	struct proc *p;

	error = info_from_user(args[2], sig, (pid_t)args[0], &info);
	if (error != 0)
		return -error;
	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	mutex_enter(&proctree_lock);
	p = proc_find_locked((pid_t)args[0]);
	error = p == NULL ? ESRCH : kill_one(p, &info, sig);
	mutex_exit(&proctree_lock);
	return -error;
}

long
kill_proc(struct proc *p, int sig, vaddr_t uinfo)
{
	struct abi_siginfo info;
	struct proc *q;
	int error = 0;

	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	if (uinfo != 0)
		error = info_from_user(uinfo, sig, p->ps_pid, &info);
	else
		info_from_me(&info, sig, SI_USER);
	if (error != 0)
		return -error;
	mutex_enter(&proctree_lock);
	q = proc_find_locked(p->ps_pid);
	error = q != p ? ESRCH : kill_one(p, &info, sig);
	mutex_exit(&proctree_lock);
	return -error;
}

/* rt_tgsigqueueinfo(tgid, tid, sig, info) */
long
sys_rt_tgsigqueueinfo(const uintptr_t *args)
{
	struct abi_siginfo info;
	int error;

	error = info_from_user(args[3], (int)args[2], (pid_t)args[0], &info);
	if (error != 0)
		return -error;
	if ((pid_t)args[0] <= 0)
		return -EINVAL;
	return kill_thread((pid_t)args[0], (pid_t)args[1], (int)args[2], &info);
}

/* End sleeps for signals of set as well, or no longer (0). */
static void
set_sigwait(struct lwp *l, uint64_t set)
{
	spin_enter(&l->l_proc->ps_siglock);
	l->l_sigwait = set & ~SIG_CANTMASK;
	sig_update(l);
	spin_exit(&l->l_proc->ps_siglock);
}

int
sig_wait(uint64_t set, uint64_t deadline, struct abi_siginfo *info, int *sigp)
{
	struct lwp *l = curlwp();
	bool woken = false;
	int error = 0;

	set_sigwait(l, set);
	while ((*sigp = sig_take(set, info)) == 0) {
		if (woken || sig_pending()) {
			error = EINTR;
			break;
		}
		if (md_time_ns() >= deadline) {
			error = EAGAIN;
			break;
		}
		woken = sleep_until(deadline, SLEEP_INTR, "sigwait") == EINTR;
	}
	set_sigwait(l, 0);
	return error;
}

/* rt_sigtimedwait(set, info, timeout, size) */
long
sys_rt_sigtimedwait(const uintptr_t *args)
{
	struct abi_siginfo info;
	struct abi_timespec ts;
	uint64_t set, deadline = UINT64_MAX, ns;
	int sig, error;

	if (args[3] != sizeof(set))
		return -EINVAL;
	if (copyin(args[0], &set, sizeof(set)) != 0)
		return -EFAULT;
	if (args[2] != 0) {
		if (copyin(args[2], &ts, sizeof(ts)) != 0)
			return -EFAULT;
		if (time_from_timespec(&ts, &ns) != 0)
			return -EINVAL;
		deadline = md_time_ns() + ns;
	}
	error = sig_wait(set, deadline, &info, &sig);
	if (error != 0)
		return -error;
	if (args[1] != 0 && copyout(&info, args[1], sizeof(info)) != 0)
		return -EFAULT;
	return sig;
}
