/*
 * wait.c: a parent learns what has become of its children.
 *
 * A child is looked at under the process tree lock, on which the parent then
 * sleeps with its own address as the channel: sig_notify_parent() wakes it
 * holding the same lock.  A zombie has given everything back already; what
 * is freed here is its place in the tables and its structure.
 */
#include <kern/wait.h>
#include <sys/errno.h>
#include <base/print.h>
#include <kern/ptrace.h>
#include <kern/time.h>

/* Whether idtype and id name the child, and its kind is asked for. */
static bool
wait_matches(struct proc *me, struct proc *c, int idtype, pid_t id, u_int opt)
{
	bool clone = c->ps_exitsig != SIGCHLD;

	if ((opt & __WALL) == 0 && clone != ((opt & __WCLONE) != 0))
		return false;
	switch (idtype) {
	case P_PID:
		return c->ps_pid == id;
	case P_PGID:
		if (id == 0)
			return c->ps_pgrp == me->ps_pgrp;
		return c->ps_pgrp != NULL && c->ps_pgrp->pg_id == id;
	default:
		return true;
	}
}

/* Whether all threads of c have stopped, by which signal. */
static u_int
wait_stopped(struct proc *c)
{
	u_int sig = 0;

	spin_enter(&c->ps_siglock);
	if (c->ps_nstopped >= c->ps_nlwp)
		sig = c->ps_stopsig;
	spin_exit(&c->ps_siglock);
	return sig;
}

void
wait_decode(int wstatus, struct wait_result *wr)
{
	wr->wr_wstatus = wstatus;
	if ((wstatus & 0x7f) == 0) {
		wr->wr_code = CLD_EXITED;
		wr->wr_status = (wstatus >> 8) & 0xff;
	} else {
		wr->wr_code = wstatus & W_COREFLAG ? CLD_DUMPED : CLD_KILLED;
		wr->wr_status = wstatus & 0x7f;
	}
}

/* Something to report about c?  The result, but for usage.  T held. */
static bool
wait_look(struct proc *c, u_int opt, struct wait_result *wr)
{
	u_int sig;

	if (proc_state(c) == PS_ZOMBIE) {
		if ((opt & WEXITED) == 0)
			return false;
		wait_decode(c->ps_wstatus, wr);
		return true;
	}
	/* Its stops are the tracer's, which is who asks. */
	if (ptrace_traces(curproc(), c))
		return false;
	if ((opt & WUNTRACED) != 0 && c->ps_stopped) {
		sig = wait_stopped(c);
		if (sig != 0) {
			wr->wr_code = CLD_STOPPED;
			wr->wr_status = (int)sig;
			wr->wr_wstatus = W_STOP((int)sig);
			if ((opt & WNOWAIT) == 0)
				c->ps_stopped = false;
			return true;
		}
	}
	if ((opt & WCONTINUED) != 0 && c->ps_continued) {
		wr->wr_code = CLD_CONTINUED;
		wr->wr_status = SIGCONT;
		wr->wr_wstatus = W_CONTINUED;
		if ((opt & WNOWAIT) == 0)
			c->ps_continued = false;
		return true;
	}
	return false;
}

/*
 * The parent's account of children grows by c's and its children's.  A zombie
 * has no threads any more: what they used is in it, and stays.
 */
static void
wait_charge(struct proc *me, struct proc *c)
{
	struct rutimes *rt = &me->ps_cru;

	rt->rt_utime += c->ps_utime + c->ps_cru.rt_utime;
	rt->rt_stime += c->ps_stime + c->ps_cru.rt_stime;
	rt->rt_minflt += c->ps_minflt + c->ps_cru.rt_minflt;
	rt->rt_majflt += c->ps_majflt + c->ps_cru.rt_majflt;
	rt->rt_maxrss =
	    MAX(rt->rt_maxrss, MAX(c->ps_maxrss, c->ps_cru.rt_maxrss));
}

/* What c, a zombie, and the children that it has waited for have used. */
static void
wait_usage(struct proc *c, struct abi_rusage *ru)
{
	const struct rutimes *rt = &c->ps_cru;

	ru->ru_utime = time_timeval(c->ps_utime + rt->rt_utime);
	ru->ru_stime = time_timeval(c->ps_stime + rt->rt_stime);
	ru->ru_minflt = (int64_t)(c->ps_minflt + rt->rt_minflt);
	ru->ru_majflt = (int64_t)(c->ps_majflt + rt->rt_majflt);
	ru->ru_maxrss = (int64_t)MAX(c->ps_maxrss, rt->rt_maxrss);
}

/* Report c, which wait_look() liked.  T held on entry, not on return. */
static void
wait_report(struct proc *me, struct proc *c, u_int opt, struct wait_result *wr)
{
	bool zombie = proc_state(c) == PS_ZOMBIE;

	wr->wr_pid = c->ps_pid;
	wr->wr_uid = c->ps_cred.cr_uid;
	if (!zombie) {
		if ((opt & WAIT_USAGE) != 0)
			proc_rusage(c, &wr->wr_ru);
		mutex_exit(&proctree_lock);
		return;
	}
	KASSERT(c->ps_vmspace == NULL); /* not waitable before it is empty */
	if ((opt & WAIT_USAGE) != 0)
		wait_usage(c, &wr->wr_ru);
	if (opt & WNOWAIT) {
		mutex_exit(&proctree_lock);
		return;
	}
	wait_charge(me, c);
	proc_remove(c);
	mutex_exit(&proctree_lock);
	proc_rele(c);
}

int
proc_wait(int idtype, pid_t id, u_int options, struct wait_result *wr)
{
	struct proc *me = curproc(), *c;
	bool any;
	int error;

	memset(wr, 0,
	    (options & WAIT_USAGE) != 0 ? sizeof(*wr)
					: offsetof(struct wait_result, wr_ru));
	mutex_enter(&proctree_lock);
	for (;;) {
		any = false;
		if (ptrace_look(me, idtype, id, options, wr, &any)) {
			mutex_exit(&proctree_lock);
			return 0;
		}
		LIST_FOREACH(c, &me->ps_children, ps_sibling) {
			if (!wait_matches(me, c, idtype, id, options))
				continue;
			any = true;
			if (wait_look(c, options, wr)) {
				wait_report(me, c, options, wr);
				return 0;
			}
		}
		if (!any)
			error = ECHILD;
		else if (options & WNOHANG)
			error = 0;
		else {
			error = sleep_mutex(me, &proctree_lock, SLEEP_INTR, 0,
			    "wait");
			if (error == 0)
				continue;
			error = ERESTARTSYS;
		}
		break;
	}
	mutex_exit(&proctree_lock);
	return error;
}

void
proc_times_locked(struct proc *p, uint64_t *utime, uint64_t *stime)
{
	uint64_t u, s;
	struct lwp *l;

	KASSERT(spin_held(&p->ps_siglock));
	*utime = p->ps_utime;
	*stime = p->ps_stime;
	TAILQ_FOREACH(l, &p->ps_lwps, l_link) {
		thread_times(&l->l_thread, &u, &s);
		*utime += u;
		*stime += s;
	}
}

void
proc_times(struct proc *p, uint64_t *utime, uint64_t *stime)
{
	spin_enter(&p->ps_siglock);
	proc_times_locked(p, utime, stime);
	spin_exit(&p->ps_siglock);
}

void
proc_rusage(struct proc *p, struct abi_rusage *ru)
{
	uint64_t utime, stime;
	struct vmspace *vm;
	u_long minflt, majflt;
	struct lwp *l;

	memset(ru, 0, sizeof(*ru));
	spin_enter(&p->ps_siglock);
	proc_times_locked(p, &utime, &stime);
	minflt = p->ps_minflt;
	majflt = p->ps_majflt;
	TAILQ_FOREACH(l, &p->ps_lwps, l_link) {
		minflt +=
		    atomic_load_explicit(&l->l_minflt, memory_order_relaxed);
		majflt +=
		    atomic_load_explicit(&l->l_majflt, memory_order_relaxed);
	}
	spin_exit(&p->ps_siglock);
	ru->ru_utime = time_timeval(utime);
	ru->ru_stime = time_timeval(stime);
	ru->ru_minflt = (int64_t)minflt;
	ru->ru_majflt = (int64_t)majflt;
	mutex_enter(&p->ps_vmlock);
	vm = p->ps_vmspace;
	if (vm != NULL)
		ru->ru_maxrss = (int64_t)(atomic_load_explicit(&vm->vm_maxrss,
					      memory_order_relaxed) *
					  (PAGE_SIZE / 1024));
	mutex_exit(&p->ps_vmlock);
}
