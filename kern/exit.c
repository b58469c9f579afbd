/*
 * exit.c: how threads and processes end.
 *
 * The order, each step proven before the next (steps 2 to 7 are
 * uvmspace_purge()'s):
 *
 * 0	each thread writes its robust list and clear_child_tid, still in the
 *	space; a vfork parent is woken as soon as the child is off it
 * 1	the other threads are off the space: each leaves the pmap, then the
 *	list of threads, so the list says who may still be on it
 * 2-7	the last user empties the space, with no lock held, the big lock least
 *	of all; it is charged for it like for any other system time
 * 8	children to init, zombie, SIGCHLD, the parent wakes: not before, so
 *	that what the process held is free when wait returns
 * 9	another thread runs on this CPU; the reaper has stack and structure
 *
 * One who must go but shares its space with others (vfork, CLONE_VM) only
 * leaves: the last user purges.  Kernel threads never do.
 */
#include <kern/proc.h>
#include <sys/errno.h>
#include <base/cpu.h>
#include <base/print.h>
#include <port/machdep.h>
#include <kern/futex.h>
#include <kern/ptimer.h>
#include <kern/ptrace.h>
#include <kern/time.h>

/* How long a thread waits for its siblings before it says so, in ns. */
#define WATCHDOG (5 * NSEC)

/*
 * Step 1.  Sleep until l is the only thread that has not left.  The others
 * have been told; each gets there as soon as it leaves the kernel or the
 * sleep it is in, so a long wait is a bug somewhere and is reported.
 */
static void
exit_wait_siblings(struct proc *p)
{
	uint64_t since = md_time_ns(), limit = since + WATCHDOG;

	KASSERT(spin_held(&p->ps_siglock));
	KASSERT(p->ps_single == curlwp());
	while (p->ps_nlwp > 1) {
		(void)sleep_spin(&p->ps_nlwp, &p->ps_siglock, 0, limit, "exit");
		if (p->ps_nlwp > 1 && md_time_ns() >= limit) {
			kprintf("exit: pid %d: %u threads still there "
				"after %u s\n",
			    p->ps_pid, p->ps_nlwp - 1,
			    (u_int)((md_time_ns() - since) / NSEC));
			limit += WATCHDOG;
		}
	}
}

/* Tell every thread but the caller to go.  s held. */
static void
exit_kick_siblings(struct proc *p)
{
	struct lwp *l;

	TAILQ_FOREACH(l, &p->ps_lwps, l_link) {
		if (l == curlwp())
			continue;
		if (l->l_stopped)
			thread_wake(&l->l_thread);
		lwp_kick(l);
	}
}

int
proc_single(void)
{
	struct proc *p = curproc();
	bool killed;

	spin_enter(&p->ps_siglock);
	if (p->ps_single != NULL || p->ps_groupexit) {
		spin_exit(&p->ps_siglock);
		return EINTR;
	}
	p->ps_single = curlwp();
	exit_kick_siblings(p);
	exit_wait_siblings(p);

	/* Killed meanwhile: we stay the one who sees the exit through. */
	killed = p->ps_groupexit;
	if (!killed)
		p->ps_single = NULL;
	spin_exit(&p->ps_siglock);
	return killed ? EINTR : 0;
}

/*
 * The thread is no longer one of its process; its time is the process's.
 * It has left the pmap before: that is what makes the list a proof.  False:
 * it is the last one and keep_last was asked for; to look and to leave is one
 * step, for two that find each other still there would both go.
 */
static bool
lwp_unlink(struct lwp *l, bool keep_last)
{
	struct proc *p = l->l_proc;
	struct sigqueue gone = TAILQ_HEAD_INITIALIZER(gone);
	uint64_t utime, stime;
	int sig = 0;

	KASSERT(l->l_pmap == NULL);
	spin_enter(&p->ps_siglock);
	KASSERT(p->ps_nlwp > 0);
	if (keep_last && p->ps_nlwp == 1) {
		spin_exit(&p->ps_siglock);
		return false;
	}
	thread_times(&l->l_thread, &utime, &stime);
	p->ps_utime += utime;
	p->ps_stime += stime;
	p->ps_minflt +=
	    atomic_load_explicit(&l->l_minflt, memory_order_relaxed);
	p->ps_majflt +=
	    atomic_load_explicit(&l->l_majflt, memory_order_relaxed);
	TAILQ_REMOVE(&p->ps_lwps, l, l_link);
	p->ps_nlwp--;
	sig_flush(&l->l_sigpend, &gone);
	if (p->ps_nlwp > 0) {
		/* The others have stopped: now all have. */
		if (p->ps_nstopped == p->ps_nlwp)
			sig = (int)p->ps_stopsig;
		sig_retarget(p);
		wakeup(&p->ps_nlwp);
	}
	spin_exit(&p->ps_siglock);
	sig_free(&gone);
	if (sig != 0) {
		mutex_enter(&proctree_lock);
		sig_notify_job(p, CLD_STOPPED, sig);
		mutex_exit(&proctree_lock);
	}
	return true;
}

/* The last thread of a process is off the space: is its process the last? */
static void
exit_leave_space(struct proc *p)
{
	KASSERT(curlwp()->l_pmap == NULL);
	KASSERT(p->ps_nlwp == 1);
	if (p->ps_vmspace == NULL)
		return; /* proc_create(), and no exec */
	p->ps_lastuser = uvmspace_leave(p->ps_vmspace);
	proc_vfork_done(p);
}

/*
 * Steps 2 to 7, in the context of the last thread (or, for study, of the
 * reaper), and the end of the pointer to the space.
 */
void
proc_purge(struct proc *p)
{
	struct vmspace *vm = p->ps_vmspace;
	u_long maxrss;

	KASSERT(!p->ps_kernel);
	KASSERT(lock_none());
	KASSERT(!big_held());
	if (vm == NULL)
		return;
	thread_phase("purge");
	if (p->ps_lastuser) {
		uvmspace_purge(vm);
		KASSERT(vm->vm_map.vm_state == VM_DEAD);
		KASSERT(!big_held());
	}
	thread_phase("space");
	maxrss = atomic_load_explicit(&vm->vm_maxrss, memory_order_relaxed);
	p->ps_maxrss = maxrss * (PAGE_SIZE / 1024);
	mutex_enter(&p->ps_vmlock);
	p->ps_vmspace = NULL;
	mutex_exit(&p->ps_vmlock);
	uvmspace_free(vm);
}

/* pid 1 is gone: there is nothing left to do. */
static void
exit_machine(int wstatus)
{
	if (kern_fs != NULL && kern_fs->fo_shutdown != NULL)
		kern_fs->fo_shutdown();
	if ((wstatus & 0x7f) != 0)
		md_halt(128 + (wstatus & 0x7f));
	md_halt((wstatus >> 8) & 0xff);
}

/* Who gets the children of p: the nearest that asked for orphans, or init. */
static struct proc *
exit_heir(struct proc *p)
{
	struct proc *heir;

	for (heir = p->ps_parent; heir != NULL && heir != initproc;
	     heir = heir->ps_parent)
		if (heir->ps_subreaper && proc_state(heir) == PS_LIVE)
			return heir;
	return initproc;
}

/* The children of p have a new parent, and may want to know. */
static void
exit_reparent(struct proc *p)
{
	struct proc *c, *next, *heir = exit_heir(p);

	KASSERT(mutex_held(&proctree_lock));
	LIST_FOREACH_SAFE(c, &p->ps_children, ps_sibling, next) {
		LIST_REMOVE(c, ps_sibling);
		c->ps_parent = heir;
		LIST_INSERT_HEAD(&heir->ps_children, c, ps_sibling);
		c->ps_exitsig = SIGCHLD;
		if (c->ps_pdeathsig != 0)
			sig_post_simple(c, c->ps_pdeathsig, SI_USER);
		if (proc_state(c) == PS_ZOMBIE)
			sig_notify_parent(c, 0, c->ps_wstatus);
	}
	KASSERT(LIST_EMPTY(&p->ps_children));
}

/* The parent has said that it will not wait. */
static bool
exit_unwanted(struct proc *p)
{
	struct proc *parent = p->ps_parent;
	struct abi_sigaction act;
	bool unwanted;

	if (p->ps_exitsig != SIGCHLD)
		return false;
	spin_enter(&parent->ps_siglock);
	act = sig_getact(parent, SIGCHLD);
	unwanted =
	    act.sa_handler == SIG_IGN || (act.sa_flags & SA_NOCLDWAIT) != 0;
	spin_exit(&parent->ps_siglock);
	return unwanted;
}

/*
 * Step 8.  Everything is given back.  Whether anybody wants a zombie is
 * asked here and not earlier: the answer is worth nothing before the purge.
 */
void
proc_zombie(struct lwp *l)
{
	struct proc *p = l->l_proc;
	struct sigqueue gone = TAILQ_HEAD_INITIALIZER(gone);

	KASSERT(p->ps_vmspace == NULL);
	KASSERT(p->ps_nlwp == 0);
	KASSERT(proc_state(p) == PS_EXITING);
	thread_phase("zombie");
	if (p == initproc)
		exit_machine(p->ps_wstatus);
	spin_enter(&p->ps_siglock);
	sig_flush(&p->ps_sigpend, &gone);
	spin_exit(&p->ps_siglock);
	sig_free(&gone);

	mutex_enter(&proctree_lock);
	lwp_remove(l);
	ptrace_zombie(p);
	pgrp_exit(p);
	exit_reparent(p);
	p->ps_nozombie = exit_unwanted(p);
	proc_setstate(p, PS_ZOMBIE);
	if (DEBUG)
		proc_verify_all();
	/*
	 * Who is told wants the lock, and perhaps a thread of his own: he
	 * need not come before the caller is off its stack.
	 */
	preempt_disable();
	sig_notify_parent(p, 0, p->ps_wstatus);
	if (p->ps_nozombie)
		proc_remove(p);
	mutex_exit(&proctree_lock);
	if (kern_fs != NULL)
		kern_fs->fo_changed();
	if (p->ps_nozombie)
		proc_rele(p);
	lwp_leave_proc(l);
}

/* The calling thread, off the space, is the last of its process. */
static void
exit_last(struct lwp *l)
{
	struct proc *p = l->l_proc;

	KASSERT(l->l_pmap == NULL);
	KASSERT(!p->ps_kernel);
	proc_setstate(p, PS_EXITING);
	count_add(COUNT_EXIT, 1);
	itimer_exit(p);
	ptimer_delete_all(p, true);
	exit_leave_space(p);
	thread_phase("files");
	if (kern_fs != NULL && p->ps_fs != NULL)
		kern_fs->fo_exit(p);
	(void)big_release_all();

	if (uvm_exit_reaper) {
		l->l_purge = true;
		(void)lwp_unlink(l, false);
		return;
	}
	proc_purge(p);
	(void)lwp_unlink(l, false);
	proc_zombie(l);
}

/* The calling thread goes, its process stays. */
static void
exit_other(struct lwp *l)
{
	mutex_enter(&proctree_lock);
	lwp_remove(l);
	mutex_exit(&proctree_lock);
	lwp_leave_proc(l);
}

/*
 * The calling thread leaves for good.  If it is the one that all others make
 * room for, it waits for them and so is the last.
 */
__attribute__((noreturn)) static void
lwp_leave(struct lwp *l)
{
	struct proc *p = l->l_proc;

	KASSERT(lock_none());
	thread_phase("threads");
	if (l->l_pmap != NULL)
		futex_lwp_exit();

	spin_enter(&p->ps_siglock);
	l->l_exiting = true;
	if (p->ps_single == l)
		exit_wait_siblings(p);
	spin_exit(&p->ps_siglock);

	ptrace_leave(l);
	reaper_enter();
	if (l->l_pmap != NULL)
		lwp_switch_pmap(NULL);

	/* The last stays listed, and is charged, until the space is empty. */
	if (lwp_unlink(l, true))
		exit_other(l);
	else
		exit_last(l);
	thread_exit(reaper_done);
}

/* A kernel thread ends: nothing to purge, nobody to tell. */
__attribute__((noreturn)) static void
kthread_leave(struct lwp *l)
{
	KASSERT(l->l_proc == &proc0);
	KASSERT(l->l_thread.td_frame == NULL);
	KASSERT(l->l_pmap == NULL);
	reaper_enter();
	(void)lwp_unlink(l, false);
	exit_other(l);
	thread_exit(reaper_done);
}

void
lwp_exit(int wstatus)
{
	struct lwp *l = curlwp();
	struct proc *p = l->l_proc;

	if (p->ps_kernel)
		kthread_leave(l);
	ptrace_exit(wstatus);
	spin_enter(&p->ps_siglock);
	l->l_wstatus = wstatus;
	/* The first thread speaks for the process if nobody else does. */
	if (l->l_tid == p->ps_pid && !p->ps_groupexit)
		p->ps_wstatus = wstatus;
	spin_exit(&p->ps_siglock);
	lwp_leave(l);
}

void
proc_exit(int wstatus)
{
	struct lwp *l = curlwp();
	struct proc *p = l->l_proc;

	KASSERT(!p->ps_kernel);
	ptrace_exit(wstatus);
	spin_enter(&p->ps_siglock);
	if (!p->ps_groupexit) {
		p->ps_groupexit = true;
		p->ps_wstatus = wstatus;
	}
	/* In exec another thread is the one who stays: it sees us go. */
	if (p->ps_single == NULL)
		p->ps_single = l;
	if (p->ps_single == l)
		exit_kick_siblings(p);
	else
		lwp_kick(p->ps_single);
	spin_exit(&p->ps_siglock);
	lwp_leave(l);
}
