/*
 * sigdeliver.c: taking signals, on the way back to user mode.
 *
 * One loop looks, under ps_siglock, for the most urgent thing to do (leave,
 * stop, take a signal), does it without the lock, and looks again.  Only when
 * nothing is left is an interrupted system call made again.
 */
#include <kern/proc.h>
#include <sys/errno.h>
#include <port/frame.h>
#include <port/machdep.h>
#include <kern/ptrace.h>

long kern_restart_call = -1;

/* What a signal does when nobody asked. */
#define SIG_CORE                                                               \
	(SIGBIT(SIGQUIT) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) |                  \
	    SIGBIT(SIGABRT) | SIGBIT(SIGBUS) | SIGBIT(SIGFPE) |                \
	    SIGBIT(SIGSEGV) | SIGBIT(SIGXCPU) | SIGBIT(SIGXFSZ) |              \
	    SIGBIT(SIGSYS))
#define SIG_NOTHING                                                            \
	(SIGBIT(SIGCHLD) | SIGBIT(SIGCONT) | SIGBIT(SIGURG) | SIGBIT(SIGWINCH))
/* Caused by the instruction itself: before anything else. */
#define SIG_SYNC                                                               \
	(SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGBUS) | SIGBIT(SIGFPE) |  \
	    SIGBIT(SIGSEGV) | SIGBIT(SIGSYS))

/* Which of set comes first; 0: none. */
static int
sig_first(uint64_t set)
{
	if (set == 0)
		return 0;
	if (set & SIGBIT(SIGKILL))
		return SIGKILL;
	if (set & SIG_SYNC)
		set &= SIG_SYNC;
	return __builtin_ctzll(set) + 1;
}

/*
 * Take a signal of set that is pending for l; 0: none.  Those for it alone
 * come before those for the process, except for SIGKILL.  s held.
 */
static int
sig_next(struct lwp *l, uint64_t set, struct abi_siginfo *info,
    struct sigqueue *gone)
{
	struct proc *p = l->l_proc;
	int sig;

	KASSERT(spin_held(&p->ps_siglock));
	sig = sig_first(l->l_sigpend.sp_set & set);
	if (sig == 0 || (p->ps_sigpend.sp_set & set & SIGBIT(SIGKILL)) != 0)
		sig = sig_first(p->ps_sigpend.sp_set & set);
	if (sig == 0)
		return 0;
	if (sig_dequeue(&l->l_sigpend, sig, info, gone)) {
		if (l->l_fault.si_signo == sig) {
			*info = l->l_fault;
			l->l_fault.si_signo = 0;
		}
	} else
		(void)sig_dequeue(&p->ps_sigpend, sig, info, gone);
	return sig;
}

int
sig_take(uint64_t set, struct abi_siginfo *info)
{
	struct sigqueue gone = TAILQ_HEAD_INITIALIZER(gone);
	struct lwp *l = curlwp();
	int sig;

	spin_enter(&l->l_proc->ps_siglock);
	sig = sig_next(l, set & ~SIG_CANTMASK, info, &gone);
	sig_update(l);
	spin_exit(&l->l_proc->ps_siglock);
	sig_free(&gone);
	return sig;
}

void
sig_notify_job(struct proc *p, int code, int status)
{
	KASSERT(mutex_held(&proctree_lock));
	p->ps_stopped = code == CLD_STOPPED;
	p->ps_continued = !p->ps_stopped;
	if (p->ps_parent != NULL)
		sig_notify_parent(p, code, status);
}

/* The same, with no lock held. */
static void
stop_notify(struct proc *p, int code, int status)
{
	mutex_enter(&proctree_lock);
	sig_notify_job(p, code, status);
	mutex_exit(&proctree_lock);
}

/*
 * Stay until SIGCONT, SIGKILL, an order to leave or the arrival of a tracer.
 * The last thread to get here makes the process stopped, which its parent may
 * see once it has been told (ps_stopped).  s held, and held again on return.
 */
static void
stop_here(struct lwp *l)
{
	struct proc *p = l->l_proc;
	int sig = (int)p->ps_stopsig;

	KASSERT(sig != 0);
	l->l_stopped = true;
	p->ps_nstopped++;
	if (p->ps_nstopped == p->ps_nlwp) {
		spin_exit(&p->ps_siglock);
		stop_notify(p, CLD_STOPPED, sig);
		spin_enter(&p->ps_siglock);
	}
	while (p->ps_stopsig != 0 && !p->ps_groupexit &&
	       lwp_ptrace(l) == NULL &&
	       (p->ps_single == NULL || p->ps_single == l))
		thread_stop(&p->ps_siglock);
	l->l_stopped = false;
	p->ps_nstopped--;
	if (p->ps_contnotify) {
		p->ps_contnotify = false;
		spin_exit(&p->ps_siglock);
		stop_notify(p, CLD_CONTINUED, SIGCONT);
		spin_enter(&p->ps_siglock);
	}
}

/*
 * The default of a stop signal.  A terminal's stop means nothing to a group
 * that nobody could continue (POSIX, 2.4.3), and a SIGCONT that came while we
 * asked cancels it.  s held, and held again on return.
 */
static void
stop_begin(struct lwp *l, int sig)
{
	struct proc *p = l->l_proc;
	struct lwp *t;
	bool orphaned;

	p->ps_stopok = true;
	if (sig != SIGSTOP) {
		spin_exit(&p->ps_siglock);
		mutex_enter(&proctree_lock);
		orphaned =
		    p->ps_pgrp == NULL || pgrp_orphaned(p->ps_pgrp, NULL);
		mutex_exit(&proctree_lock);
		spin_enter(&p->ps_siglock);
		if (orphaned)
			return;
	}
	if (!p->ps_stopok || p->ps_groupexit || p->ps_single != NULL)
		return;
	p->ps_stopsig = (u_int)sig;
	TAILQ_FOREACH(t, &p->ps_lwps, l_link) {
		ptrace_job(t);
		if (t != l)
			sig_poke(t);
	}
}

/* Die of sig. */
__attribute__((noreturn)) static void
sig_die(struct proc *p, int sig)
{
	int status = W_SIGNAL(sig);

	/*
	 * No file is written, but programs ask whether one would have been
	 * according to the limit.
	 */
	if ((sig < SIGRTMIN && (SIGBIT(sig) & SIG_CORE)) && p->ps_dumpable &&
	    p->ps_rlimit[RLIMIT_CORE].rlim_cur != 0)
		status |= W_COREFLAG;
	proc_exit(status);
}

/*
 * A call that a signal interrupted is made again or fails with EINTR, which
 * the frame says already.  act: the handler that runs first; NULL: none ran.
 */
static void
sig_restart(struct lwp *l, struct md_frame *f, const struct abi_sigaction *act)
{
	bool again;

	switch (l->l_restart) {
	case 0:
		return;
	case ERESTARTNOINTR:
		again = true;
		break;
	case ERESTARTSYS:
		again = act == NULL || (act->sa_flags & SA_RESTART) != 0;
		break;
	default:
		again = act == NULL;
		break;
	}
	if (again)
		md_frame_restart(f, l->l_restart == ERESTART_RESTARTBLOCK
					? kern_restart_call
					: l->l_callno);
	l->l_restart = 0;
}

/* Run the handler act of the signal that info describes.  No lock held. */
static void
sig_handle(struct lwp *l, struct md_frame *f, const struct abi_sigaction *act,
    const struct abi_siginfo *info, uint64_t mask)
{
	struct proc *p = l->l_proc;
	struct abi_sigaction dfl;

	sig_restart(l, f, act);
	if (md_sendsig(&l->l_thread, act, info, &l->l_altstack, mask) == 0) {
		/* It is the handler's to use as it likes, until it returns. */
		if ((l->l_altstack.ss_flags & (int)SS_AUTODISARM) != 0)
			l->l_altstack =
			    (struct abi_stack){.ss_flags = SS_DISABLE};
		/* The step led here; the first instruction is another. */
		if (ptrace_stepping())
			sig_self(SIGTRAP, TRAP_TRACE, md_frame_pc(f));
		return;
	}
	/* Its stack cannot take it: that is fatal unless handled elsewhere. */
	spin_enter(&p->ps_siglock);
	if (info->si_signo == SIGSEGV) {
		dfl = *act;
		dfl.sa_handler = SIG_DFL;
		sig_setact(p, SIGSEGV, &dfl);
	}
	spin_exit(&p->ps_siglock);
	sig_self(SIGSEGV, SI_KERNEL, 0);
}

/*
 * Act on one signal taken from the queue.  s held on entry, not on return.
 */
static void
sig_act(struct lwp *l, struct md_frame *f, int sig, struct abi_siginfo *info)
{
	struct proc *p = l->l_proc;
	struct abi_sigaction act = sig_getact(p, sig), reset;
	bool forced = info->si_code > 0 && (SIGBIT(sig) & SIG_SYNC) != 0;
	uint64_t mask;

	if (act.sa_handler == SIG_IGN && sig != SIGKILL && sig != SIGSTOP) {
		spin_exit(&p->ps_siglock);
		return;
	}
	if (act.sa_handler == SIG_DFL || sig == SIGKILL || sig == SIGSTOP) {
		if ((SIGBIT(sig) & SIG_NOTHING) == 0 &&
		    (p != initproc || forced)) {
			if ((SIGBIT(sig) & SIG_STOPSET) == 0) {
				spin_exit(&p->ps_siglock);
				sig_die(p, sig);
			}
			stop_begin(l, sig);
		}
		spin_exit(&p->ps_siglock);
		return;
	}

	if (act.sa_flags & SA_RESETHAND) {
		reset = act;
		reset.sa_handler = SIG_DFL;
		sig_setact(p, sig, &reset);
	}
	mask = l->l_restoremask ? l->l_oldmask : l->l_sigmask;
	l->l_restoremask = false;
	l->l_sigmask |= act.sa_mask;
	if ((act.sa_flags & SA_NODEFER) == 0)
		l->l_sigmask |= SIGBIT(sig);
	l->l_sigmask &= ~SIG_CANTMASK;
	sig_retarget(p);
	spin_exit(&p->ps_siglock);
	if ((act.sa_flags & SA_RESTORER) == 0 &&
	    p->ps_vmspace->vm_sigcode != 0) {
		act.sa_flags |= SA_RESTORER;
		act.sa_restorer = p->ps_vmspace->vm_sigcode;
	}
	sig_handle(l, f, &act, info, mask);
}

/* Leave if told so.  s held, and held on return. */
static void
sig_leave(struct lwp *l)
{
	struct proc *p = l->l_proc;

	if (p->ps_groupexit) {
		spin_exit(&p->ps_siglock);
		proc_exit(p->ps_wstatus);
	}
	if (p->ps_single != NULL && p->ps_single != l) {
		spin_exit(&p->ps_siglock);
		lwp_exit(0);
	}
}

/*
 * Stop if job control or a tracer wants it, and say whether there was a stop.
 * s held on entry; on return only if there was none.
 */
static bool
sig_stop(struct lwp *l)
{
	struct proc *p = l->l_proc;

	if (!sig_stops(l))
		return false;
	if (lwp_ptrace(l) == NULL) {
		stop_here(l);
		spin_exit(&p->ps_siglock);
	} else {
		spin_exit(&p->ps_siglock);
		ptrace_stop_job(l);
	}
	return true;
}

/*
 * Let the tracer see the signal first, and act on what it makes of it.  s held
 * on entry, not on return.
 */
static void
sig_traced(struct lwp *l, struct md_frame *f, int sig, struct abi_siginfo *info)
{
	spin_exit(&l->l_proc->ps_siglock);
	sig = ptrace_signal(l, sig, info);
	if (sig == 0)
		return;
	spin_enter(&l->l_proc->ps_siglock);
	sig_act(l, f, sig, info);
}

void
sig_deliver(struct md_frame *f)
{
	struct sigqueue gone = TAILQ_HEAD_INITIALIZER(gone);
	struct lwp *l = curlwp();
	struct proc *p = l->l_proc;
	struct abi_siginfo info;
	int sig;

	KASSERT(lock_none());
	md_frame_step(&l->l_thread, false);
	for (;;) {
		spin_enter(&p->ps_siglock);
		sig_leave(l);
		if (sig_stop(l))
			continue;
		sig = sig_next(l, ~l->l_sigmask, &info, &gone);
		if (sig == 0)
			break;
		if (!TAILQ_EMPTY(&gone)) {
			spin_exit(&p->ps_siglock);
			sig_free(&gone);
			spin_enter(&p->ps_siglock);
		}
		if (lwp_ptrace(l) != NULL && sig != SIGKILL)
			sig_traced(l, f, sig, &info);
		else
			sig_act(l, f, sig, &info);
	}
	if (l->l_restoremask) {
		l->l_restoremask = false;
		l->l_sigmask = l->l_oldmask;
	}
	sig_update(l);
	if ((ptrace_flags(l) & PT_STEP) != 0)
		md_frame_step(&l->l_thread, true);
	spin_exit(&p->ps_siglock);
	sig_restart(l, f, NULL);
}
