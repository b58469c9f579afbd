/*
 * ptrace.c: threads that stop for another process; the tracee's side and who
 * traces whom.  sys_ptrace.c is what the tracer can ask.
 *
 * A stop is a state of the thread, under ps_siglock: it says why it stopped,
 * tells the tracer under the process tree lock, and sleeps until PT_STOPPED is
 * gone, it is not traced any more, or it must die.  It sleeps like a thread
 * that job control has stopped and counts as one.
 *
 * The record of a first thread that has left waits in ps_ptrace until the
 * process is a zombie: a tracer, like a parent, hears of a death when
 * everything has been given back.  Other than on Linux, the parent of a
 * process that somebody else traces hears of it at the same time.
 */
#include <kern/ptrace.h>
#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <port/frame.h>
#include <kern/ptrace_abi.h>
#include <kern/trap.h>
#include <kern/wait.h>

/* Not known yet, and no status there is. */
#define STATUS_JOB (-1)

/* Nothing may keep l in the kernel any longer.  s held. */
static bool
trace_dying(const struct lwp *l)
{
	return lwp_must_go(l) ||
	       ((l->l_sigpend.sp_set | l->l_proc->ps_sigpend.sp_set) &
		   SIGBIT(SIGKILL)) != 0;
}

u_int
ptrace_flags(const struct lwp *l)
{
	KASSERT(spin_held(&l->l_proc->ps_siglock));
	return lwp_ptrace(l) == NULL ? 0 : lwp_ptrace(l)->pt_flags;
}

bool
ptrace_stepping(void)
{
	struct lwp *l = curlwp();
	bool on;

	spin_enter(&l->l_proc->ps_siglock);
	on = (ptrace_flags(l) & PT_STEP) != 0;
	spin_exit(&l->l_proc->ps_siglock);
	return on;
}

void
ptrace_trap(struct ptrace *pt, u_int why)
{
	struct lwp *l = pt->pt_lwp;

	KASSERT(spin_held(&l->l_proc->ps_siglock));
	KASSERT((pt->pt_flags & PT_SEIZED) != 0);
	pt->pt_flags |= why;
	if (pt->pt_flags & PT_LISTEN) {
		pt->pt_flags &= ~(PT_LISTEN | PT_STOPPED);
		thread_wake(&l->l_thread);
	}
	sig_poke(l);
}

void
ptrace_job(struct lwp *l)
{
	struct ptrace *pt = lwp_ptrace(l);

	KASSERT(spin_held(&l->l_proc->ps_siglock));
	if (pt == NULL)
		return;
	pt->pt_flags &= ~PT_GROUP;
	if (pt->pt_flags & PT_SEIZED)
		ptrace_trap(pt, PT_NOTIFY);
}

/*
 * The tracer has something to wait for.  code and status are what SIGCHLD
 * says.  T held.
 */
static void
trace_notify(struct ptrace *pt, struct proc *p, int code, int status)
{
	struct proc *tracer = pt->pt_tracer;
	struct abi_siginfo info = {.si_signo = SIGCHLD};
	bool tell = true;

	KASSERT(mutex_held(&proctree_lock));
	info.si_code = code;
	info.si_cpid = pt->pt_tid;
	info.si_cuid = p->ps_cred.cr_uid;
	info.si_status = status;
	if (code == CLD_TRAPPED || code == CLD_STOPPED) {
		spin_enter(&tracer->ps_siglock);
		tell =
		    (sig_getact(tracer, SIGCHLD).sa_flags & SA_NOCLDSTOP) == 0;
		spin_exit(&tracer->ps_siglock);
	}
	if (tell)
		(void)sig_post(tracer, NULL, &info);
	wakeup(tracer);
}

/* What PTRACE_GETSIGINFO shows of a stop that no signal caused. */
static struct abi_siginfo
trap_info(int code)
{
	struct abi_siginfo info = {.si_signo = SIGTRAP};

	info.si_code = code;
	info.si_pid = curlwp()->l_tid;
	info.si_uid = curproc()->ps_cred.cr_uid;
	return info;
}

/*
 * The status of the stop that job control or PTRACE_INTERRUPT has asked for; 0:
 * neither wants it any more.  What a seized thread reports is what is so now,
 * which PT_NOTIFY need not say again.  s held.
 */
static int
trace_job_status(struct lwp *l, struct ptrace *pt)
{
	int sig = (int)l->l_proc->ps_stopsig;

	KASSERT(spin_held(&l->l_proc->ps_siglock));
	if (sig != 0)
		pt->pt_flags |= PT_GROUP;
	if ((pt->pt_flags & PT_SEIZED) == 0)
		return sig == 0 ? 0 : W_STOP(sig);
	pt->pt_flags &= ~PT_NOTIFY;
	if (sig == 0)
		sig = SIGTRAP;
	l->l_ptinfo = trap_info(sig | (PTRACE_EVENT_STOP << 8));
	l->l_ptinfo.si_signo = sig;
	return W_STOP(sig) | (PTRACE_EVENT_STOP << 16);
}

/*
 * l has stopped for its tracer, and tells it.  status: as wait4() reports it;
 * STATUS_JOB: what job control makes it.  False: there is no tracer, or nothing
 * to stop for, or l is to die, and it has not stopped.  No lock held.
 */
static bool
trace_begin(struct lwp *l, int status, u_long msg, u_int phase,
    const struct abi_siginfo *info)
{
	struct proc *p = l->l_proc;
	bool all, job = status == STATUS_JOB;
	struct ptrace *pt;

	mutex_enter(&proctree_lock);
	spin_enter(&p->ps_siglock);
	pt = lwp_ptrace(l);
	if (pt != NULL && trace_dying(l))
		pt = NULL;
	memset(&l->l_ptinfo, 0, sizeof(l->l_ptinfo));
	if (info != NULL)
		l->l_ptinfo = *info;
	if (pt != NULL && job)
		status = trace_job_status(l, pt);
	if (pt == NULL || status == 0) {
		spin_exit(&p->ps_siglock);
		mutex_exit(&proctree_lock);
		return false;
	}
	KASSERT((pt->pt_flags & PT_STOPPED) == 0);
	KASSERT(!l->l_stopped);
	pt->pt_status = status;
	pt->pt_msg = msg;
	pt->pt_phase = phase;
	pt->pt_flags |= PT_STOPPED;
	pt->pt_flags &= ~(PT_WAITED | PT_TRAP);
	l->l_ptsig = 0;
	l->l_stopped = true;
	p->ps_nstopped++;
	all = p->ps_stopsig != 0 && p->ps_nstopped == p->ps_nlwp;
	spin_exit(&p->ps_siglock);
	trace_notify(pt, p, job ? CLD_STOPPED : CLD_TRAPPED,
	    (status >> 8) & 0x7f);
	if (all)
		sig_notify_job(p, CLD_STOPPED, (int)p->ps_stopsig);
	mutex_exit(&proctree_lock);
	return true;
}

/*
 * Stop for the tracer, with arguments as above, until it or death ends that.
 * False: has not stopped.  No lock held.
 */
static bool
trace_stop(struct lwp *l, int status, u_long msg, u_int phase,
    const struct abi_siginfo *info)
{
	struct proc *p = l->l_proc;
	struct ptrace *pt;
	bool continued;

	KASSERT(l == curlwp());
	KASSERT(lock_none());
	if (!trace_begin(l, status, msg, phase, info))
		return false;
	spin_enter(&p->ps_siglock);
	while ((ptrace_flags(l) & PT_STOPPED) != 0 && !trace_dying(l))
		thread_stop(&p->ps_siglock);
	l->l_stopped = false;
	p->ps_nstopped--;
	pt = lwp_ptrace(l);
	if (pt != NULL) {
		pt->pt_flags &= ~PT_STOPPED;
		pt->pt_phase = PTRACE_SYSCALL_INFO_NONE;
	}
	sig_update(l);
	continued = p->ps_contnotify;
	p->ps_contnotify = false;
	spin_exit(&p->ps_siglock);
	if (continued) {
		mutex_enter(&proctree_lock);
		sig_notify_job(p, CLD_CONTINUED, SIGCONT);
		mutex_exit(&proctree_lock);
	}
	return true;
}

int
ptrace_signal(struct lwp *l, int sig, struct abi_siginfo *info)
{
	struct proc *p = l->l_proc;
	bool blocked;
	int newsig;

	if (!trace_stop(l, W_STOP(sig), 0, 0, info))
		return sig;
	spin_enter(&p->ps_siglock);
	newsig = l->l_ptsig;
	*info = l->l_ptinfo;
	if (newsig != 0 && newsig != info->si_signo) {
		memset(info, 0, sizeof(*info));
		info->si_signo = newsig;
		info->si_code = SI_USER;
		if (lwp_ptrace(l) != NULL) {
			info->si_pid = lwp_ptrace(l)->pt_tracer->ps_pid;
			info->si_uid = lwp_ptrace(l)->pt_tracer->ps_cred.cr_uid;
		}
	}
	blocked = newsig != 0 && (l->l_sigmask & SIGBIT(newsig)) != 0;
	spin_exit(&p->ps_siglock);
	if (blocked) {
		(void)sig_post(p, l, info);
		return 0;
	}
	return newsig;
}

void
ptrace_stop_job(struct lwp *l)
{
	(void)trace_stop(l, STATUS_JOB, 0, 0, NULL);
}

/* Whether the calling thread's tracer has asked for all of these options. */
static bool
trace_wants(u_int options)
{
	struct lwp *l = curlwp();
	bool wants;

	spin_enter(&l->l_proc->ps_siglock);
	wants = lwp_ptrace(l) != NULL && !trace_dying(l) &&
		(lwp_ptrace(l)->pt_options & options) == options;
	spin_exit(&l->l_proc->ps_siglock);
	return wants;
}

void
ptrace_event(u_int event, u_long msg)
{
	struct abi_siginfo info;

	if (lwp_ptrace(curlwp()) == NULL || !trace_wants(1u << event))
		return;
	info = trap_info((int)(SIGTRAP | (event << 8)));
	(void)trace_stop(curlwp(), W_STOP(SIGTRAP) | (int)(event << 16), msg, 0,
	    &info);
}

void
ptrace_exec(pid_t oldtid)
{
	struct lwp *l = curlwp();
	bool legacy;

	if (lwp_ptrace(l) == NULL)
		return;
	if (trace_wants(PTRACE_O_TRACEEXEC)) {
		ptrace_event(PTRACE_EVENT_EXEC, (u_long)oldtid);
		return;
	}
	/* Before there were options: a SIGTRAP as if somebody had sent it. */
	spin_enter(&l->l_proc->ps_siglock);
	legacy = lwp_ptrace(l) != NULL && (ptrace_flags(l) & PT_SEIZED) == 0;
	spin_exit(&l->l_proc->ps_siglock);
	if (legacy)
		sig_self(SIGTRAP, SI_USER, 0);
}

void
ptrace_exit(int wstatus)
{
	if (lwp_ptrace(curlwp()) != NULL && wstatus != W_SIGNAL(SIGKILL))
		ptrace_event(PTRACE_EVENT_EXIT, (u_long)wstatus);
}

/* One of the two stops at a system call. */
static void
trace_call_stop(struct lwp *l, u_int phase)
{
	struct abi_siginfo info;
	int sig = SIGTRAP;
	bool wanted;

	spin_enter(&l->l_proc->ps_siglock);
	wanted = (ptrace_flags(l) & PT_SYSCALL) != 0;
	if (wanted && (lwp_ptrace(l)->pt_options & PTRACE_O_TRACESYSGOOD))
		sig |= 0x80;
	spin_exit(&l->l_proc->ps_siglock);
	if (!wanted)
		return;
	info = trap_info(sig);
	if (!trace_stop(l, W_STOP(sig), 0, phase, &info))
		return;
	/* A signal that the tracer gives here is sent, not taken. */
	if (l->l_ptsig != 0) {
		info = (struct abi_siginfo){.si_signo = l->l_ptsig};
		(void)sig_post(l->l_proc, l, &info);
	}
}

__noinline long
ptrace_call(long number, const uintptr_t *args)
{
	struct lwp *l = curlwp();
	struct md_frame *f = l->l_thread.td_frame;
	long r;

	md_frame_callenter(f, number);
	trace_call_stop(l, PTRACE_SYSCALL_INFO_ENTRY);
	number = md_frame_callno(f);
	r = -EJUSTRETURN;
	if (number != -1) {
		r = kern_call(number, args);
		md_frame_setcall(f, number);
		if (r != -EJUSTRETURN)
			md_frame_setresult(f, r);
	}
	trace_call_stop(l, PTRACE_SYSCALL_INFO_EXIT);
	if (ptrace_stepping())
		sig_self(SIGTRAP, TRAP_TRACE, md_frame_pc(f));
	/* To be made again, unless the tracer has put another result there. */
	if (kern_restarts(r) && md_frame_result(f) == r)
		return kern_interrupted(number, r);
	return -EJUSTRETURN;
}

/*
 * Who traces whom.
 */

/* Undo the tie of pt to its thread, which runs on.  T and s held. */
static void
trace_untie(struct ptrace *pt)
{
	struct lwp *l = pt->pt_lwp;

	KASSERT(mutex_held(&proctree_lock));
	KASSERT(spin_held(&l->l_proc->ps_siglock));
	KASSERT(lwp_ptrace(l) == pt);
	atomic_store_explicit(&l->l_ptrace, NULL, memory_order_relaxed);
	pt->pt_lwp = NULL;
	atomic_store_explicit(&l->l_systrace, false, memory_order_relaxed);
	if (l->l_stopped)
		thread_wake(&l->l_thread);
	/* It may owe job control a stop that it was let out of. */
	sig_poke(l);
}

void
ptrace_detach(struct ptrace *pt)
{
	struct proc *p = pt->pt_proc;

	KASSERT(mutex_held(&proctree_lock));
	LIST_REMOVE(pt, pt_link);
	if (pt->pt_lwp != NULL) {
		spin_enter(&p->ps_siglock);
		trace_untie(pt);
		spin_exit(&p->ps_siglock);
	} else if (p != NULL) {
		KASSERT(p->ps_ptrace == pt);
		p->ps_ptrace = NULL;
	}
	kmem_free(pt, sizeof(*pt));
}

void
ptrace_attach(struct ptrace *pt, struct proc *tracer, struct lwp *l)
{
	KASSERT(mutex_held(&proctree_lock));
	KASSERT(spin_held(&l->l_proc->ps_siglock));
	KASSERT(lwp_ptrace(l) == NULL);
	pt->pt_tracer = tracer;
	pt->pt_proc = l->l_proc;
	pt->pt_lwp = l;
	pt->pt_tid = l->l_tid;
	atomic_store_explicit(&l->l_ptrace, pt, memory_order_relaxed);
	/* One that job control has stopped says so to the tracer. */
	if (l->l_stopped)
		thread_wake(&l->l_thread);
	LIST_INSERT_HEAD(&tracer->ps_tracees, pt, pt_link);
}

u_int
ptrace_fork_event(uint64_t flags, int exitsig)
{
	u_int event = PTRACE_EVENT_CLONE;

	if (lwp_ptrace(curlwp()) == NULL || (flags & CLONE_UNTRACED) != 0)
		return 0;
	if (flags & CLONE_VFORK)
		event = PTRACE_EVENT_VFORK;
	else if (exitsig == SIGCHLD && (flags & CLONE_THREAD) == 0)
		event = PTRACE_EVENT_FORK;
	return trace_wants(1u << event) ? event : 0;
}

void
ptrace_fork(struct lwp *child, u_int event, struct ptrace **ptp)
{
	struct ptrace *mine = lwp_ptrace(curlwp()), *pt = *ptp;

	if (pt == NULL || mine == NULL ||
	    (mine->pt_options & (1u << event)) == 0)
		return;
	pt->pt_options = mine->pt_options;
	pt->pt_flags = mine->pt_flags & PT_SEIZED;
	ptrace_attach(pt, mine->pt_tracer, child);
	if (pt->pt_flags & PT_SEIZED)
		pt->pt_flags |= PT_TRAP;
	else
		child->l_sigpend.sp_set |= SIGBIT(SIGSTOP);
	sig_update(child);
	*ptp = NULL;
}

bool
ptrace_secure(struct proc *p)
{
	bool found = false;
	struct lwp *l;

	KASSERT(mutex_held(&proctree_lock));
	spin_enter(&p->ps_siglock);
	TAILQ_FOREACH(l, &p->ps_lwps, l_link)
		if (lwp_ptrace(l) != NULL &&
		    lwp_ptrace(l)->pt_tracer->ps_cred.cr_euid != 0)
			found = true;
	spin_exit(&p->ps_siglock);
	return found;
}

void
ptrace_take_pid(struct lwp *l)
{
	struct proc *p = l->l_proc;

	KASSERT(mutex_held(&proctree_lock));
	if (p->ps_ptrace != NULL)
		ptrace_detach(p->ps_ptrace);
	if (lwp_ptrace(l) != NULL)
		lwp_ptrace(l)->pt_tid = p->ps_pid;
}

/* pt's thread or process has ended so; the tracer may wait for that.  T held. */
static void
trace_ended(struct ptrace *pt, struct proc *p, int wstatus)
{
	bool exited = (wstatus & 0x7f) == 0;

	pt->pt_proc = NULL;
	pt->pt_status = wstatus;
	pt->pt_uid = p->ps_cred.cr_uid;
	trace_notify(pt, p, exited ? CLD_EXITED : CLD_KILLED,
	    exited ? (wstatus >> 8) & 0xff : wstatus & 0x7f);
}

void
ptrace_leave(struct lwp *l)
{
	struct proc *p = l->l_proc;
	struct ptrace *pt;
	int wstatus;

	KASSERT(lock_none());
	KASSERT(l->l_exiting);
	/* Nobody begins to trace who is exiting. */
	if (lwp_ptrace(l) == NULL)
		return;
	mutex_enter(&proctree_lock);
	spin_enter(&p->ps_siglock);
	pt = lwp_ptrace(l);
	wstatus = p->ps_groupexit ? p->ps_wstatus : l->l_wstatus;
	if (pt != NULL)
		trace_untie(pt);
	spin_exit(&p->ps_siglock);
	if (pt != NULL && l->l_tid == p->ps_pid)
		p->ps_ptrace = pt;
	else if (pt != NULL)
		trace_ended(pt, p, wstatus);
	mutex_exit(&proctree_lock);
}

void
ptrace_zombie(struct proc *p)
{
	struct ptrace *pt = p->ps_ptrace;

	KASSERT(mutex_held(&proctree_lock));
	if (pt != NULL && pt->pt_tracer == p->ps_parent)
		ptrace_detach(pt); /* it waits for the child it is */
	else if (pt != NULL) {
		p->ps_ptrace = NULL;
		trace_ended(pt, p, p->ps_wstatus);
	}
	while ((pt = LIST_FIRST(&p->ps_tracees)) != NULL) {
		if (pt->pt_lwp != NULL && (pt->pt_options & PTRACE_O_EXITKILL))
			sig_post_simple(pt->pt_proc, SIGKILL, SI_KERNEL);
		ptrace_detach(pt);
	}
}

bool
ptrace_traces(struct proc *me, struct proc *p)
{
	struct ptrace *pt;

	KASSERT(mutex_held(&proctree_lock));
	LIST_FOREACH(pt, &me->ps_tracees, pt_link)
		if (pt->pt_proc == p && pt->pt_lwp != NULL)
			return true;
	return false;
}

pid_t
ptrace_tracer(const struct lwp *l)
{
	KASSERT(mutex_held(&proctree_lock));
	return lwp_ptrace(l) == NULL ? 0 : lwp_ptrace(l)->pt_tracer->ps_pid;
}

/*
 * Waiting for tracees.
 */

static bool
trace_matches(struct proc *me, struct ptrace *pt, int idtype, pid_t id)
{
	switch (idtype) {
	case P_PID:
		return pt->pt_tid == id;
	case P_PGID:
		if (pt->pt_proc == NULL || pt->pt_proc->ps_pgrp == NULL)
			return false;
		return id == 0 ? pt->pt_proc->ps_pgrp == me->ps_pgrp
			       : pt->pt_proc->ps_pgrp->pg_id == id;
	default:
		return true;
	}
}

/* Report that the thread or process of pt has ended, and forget it. */
static void
trace_report_end(struct ptrace *pt, u_int options, struct wait_result *wr)
{
	wr->wr_pid = pt->pt_tid;
	wr->wr_uid = pt->pt_uid;
	wait_decode(pt->pt_status, wr);
	if ((options & WNOWAIT) == 0)
		ptrace_detach(pt);
}

/* Report the stop that pt's thread is in, if it is in one that is new. */
static bool
trace_report_stop(struct ptrace *pt, u_int options, struct wait_result *wr)
{
	struct proc *p = pt->pt_proc;
	bool found;

	spin_enter(&p->ps_siglock);
	found = (pt->pt_flags & (PT_STOPPED | PT_WAITED)) == PT_STOPPED;
	if (found) {
		if ((options & WNOWAIT) == 0)
			pt->pt_flags |= PT_WAITED;
		wr->wr_pid = pt->pt_tid;
		wr->wr_uid = p->ps_cred.cr_uid;
		wr->wr_code = CLD_TRAPPED;
		wr->wr_wstatus = pt->pt_status;
		wr->wr_status = pt->pt_status >> 8;
	}
	spin_exit(&p->ps_siglock);
	return found;
}

bool
ptrace_look(struct proc *me, int idtype, pid_t id, u_int options,
    struct wait_result *wr, bool *anyp)
{
	struct ptrace *pt;

	KASSERT(mutex_held(&proctree_lock));
	LIST_FOREACH(pt, &me->ps_tracees, pt_link) {
		if (!trace_matches(me, pt, idtype, id))
			continue;
		*anyp = true;
		if (pt->pt_lwp != NULL) {
			if (trace_report_stop(pt, options, wr))
				return true;
		} else if (pt->pt_proc == NULL && (options & WEXITED) != 0) {
			trace_report_end(pt, options, wr);
			return true;
		}
	}
	return false;
}
