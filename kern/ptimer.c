/*
 * ptimer.c: the timers of a process that timer_create() makes, and the two of
 * setitimer() that run on used processor time.
 *
 * Each has a timeout and, to send its signal from an interrupt, a record of
 * its own that is never allocated: while that is queued, further expirations
 * are counted in it (timer_getoverrun(2)).
 *
 * A clock of used time does not wake anybody when it gets somewhere.  It can
 * not run faster than one second per second and thread, so the timeout is set
 * to when it may be there at the earliest, and looks again.
 *
 * Locks: ps_siglock guards the list and all that changes in a timer.  Whoever
 * has taken one off the list and drained its timeout has it alone.
 */
#include <kern/ptimer.h>
#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <port/machdep.h>

#define CPU_LOOK (NSEC / 1000) /* at least, between two looks at such a clock */
#define OVER_MAX INT32_MAX

/*
 * Protection:
 *	I	constant
 *	s	ps_siglock
 */
struct ptimer {
	LIST_ENTRY(ptimer) pt_link; /* [s] ps_timers */
	struct proc *pt_proc;       /* [I] whose list it is on */
	int pt_id;                  /* [I] PT_*, or from 0 on */
	int pt_clock;               /* [I] CLOCK_* */
	pid_t pt_tid;               /* [I] the thread to signal; 0: any */
	pid_t pt_clocktid;          /* [I] whose time it is; 0: all threads' */
	bool pt_silent;             /* [I] SIGEV_NONE */
	uint64_t pt_when;           /* [s] by its clock, 0: off */
	uint64_t pt_every;          /* [s] ns; 0: once */
	struct timeout pt_timeout;  /* [s] */
	struct sigq pt_sigq;        /* [s] with the signal in it */
	int pt_over;                /* [s] overrun of the signal before */
};

/* The thread tid of p.  s held. */
static struct lwp *
thread_of(struct proc *p, pid_t tid)
{
	struct lwp *l;

	KASSERT(spin_held(&p->ps_siglock));
	TAILQ_FOREACH(l, &p->ps_lwps, l_link)
		if (l->l_tid == tid)
			break;
	return l;
}

/* What the clock of pt says.  s held. */
static uint64_t
clock_now(const struct ptimer *pt)
{
	uint64_t utime = 0, stime = 0;
	struct lwp *l;

	switch (pt->pt_clock) {
	case CLOCK_THREAD_CPUTIME:
		l = thread_of(pt->pt_proc, pt->pt_clocktid);
		if (l != NULL)
			thread_times(&l->l_thread, &utime, &stime);
		break;
	case CLOCK_PROCESS_CPUTIME:
		proc_times_locked(pt->pt_proc, &utime, &stime);
		if (pt->pt_id == PT_VIRTUAL)
			stime = 0;
		break;
	default:
		return md_time_ns();
	}
	return utime + stime;
}

static bool
counts_cpu(const struct ptimer *pt)
{
	return pt->pt_clock == CLOCK_PROCESS_CPUTIME ||
	       pt->pt_clock == CLOCK_THREAD_CPUTIME;
}

/* Have the timeout look when pt_when may have come.  s held. */
static void
ptimer_arm(struct ptimer *pt)
{
	uint64_t now, left;

	if (pt->pt_when == 0)
		return;
	if (!counts_cpu(pt)) {
		timeout_set(&pt->pt_timeout, pt->pt_when);
		return;
	}
	now = clock_now(pt);
	left = pt->pt_when > now ? pt->pt_when - now : 0;
	left = MAX(left / MAX(pt->pt_proc->ps_nlwp, 1), CPU_LOOK);
	timeout_set(&pt->pt_timeout, md_time_ns() + MIN(left, NSEC));
}

/* Send the signal, or count.  n expirations.  s held. */
static void
ptimer_signal(struct ptimer *pt, uint64_t n)
{
	struct abi_siginfo *info = &pt->pt_sigq.sq_info;
	struct lwp *l = NULL;
	uint64_t over;

	if (pt->pt_silent)
		return;
	if (pt->pt_tid != 0 && (l = thread_of(pt->pt_proc, pt->pt_tid)) == NULL)
		return;
	if (pt->pt_sigq.sq_on == NULL) {
		pt->pt_over = info->si_overrun;
		info->si_overrun = 0;
		if (sig_post_own(pt->pt_proc, l, &pt->pt_sigq))
			n--;
	}
	if (pt->pt_id < 0)
		return; /* SI_KERNEL has no overrun */
	over = (uint64_t)info->si_overrun + n;
	info->si_overrun = (int32_t)MIN(over, (uint64_t)OVER_MAX);
}

/* Seconds of a limit in nanoseconds. */
static uint64_t
limit_ns(uint64_t seconds)
{
	return seconds < UINT64_MAX / NSEC ? seconds * NSEC : UINT64_MAX;
}

/* RLIMIT_CPU has been reached: the signal for it.  s held. */
static int
limit_signal(struct ptimer *pt, uint64_t now)
{
	uint64_t hard;

	hard = limit_ns(pt->pt_proc->ps_rlimit[RLIMIT_CPU].rlim_max);
	if (now >= hard) {
		pt->pt_when = 0;
		return SIGKILL;
	}
	pt->pt_when = MIN(pt->pt_when + NSEC, hard);
	return SIGXCPU;
}

/* The timeout.  Interrupt context. */
static void
ptimer_expire(void *arg)
{
	struct ptimer *pt = arg;
	struct proc *p = pt->pt_proc;
	uint64_t now, n = 1;
	int sig = 0;

	spin_enter(&p->ps_siglock);
	now = clock_now(pt);
	if (pt->pt_when != 0 && pt->pt_when <= now) {
		if (pt->pt_id == PT_LIMIT)
			sig = limit_signal(pt, now);
		else if (pt->pt_every != 0) {
			n += (now - pt->pt_when) / pt->pt_every;
			pt->pt_when += n * pt->pt_every;
		} else
			pt->pt_when = 0;
		if (pt->pt_id != PT_LIMIT)
			ptimer_signal(pt, n);
	}
	ptimer_arm(pt);
	spin_exit(&p->ps_siglock);
	if (sig != 0)
		sig_post_simple(p, sig, SI_KERNEL);
}

/* Timer id of p.  s held. */
static struct ptimer *
ptimer_find(const struct proc *p, int id)
{
	struct ptimer *pt;

	KASSERT(spin_held(&p->ps_siglock));
	LIST_FOREACH(pt, &p->ps_timers, pt_link)
		if (pt->pt_id == id)
			break;
	return pt;
}

/*
 * A timer of p that is off; one of PT_* there may be already.  ENOMEM; EAGAIN:
 * too many; ESRCH: p exits.
 */
static int
ptimer_new(struct proc *p, int id, const struct ptimer_args *pa, int *idp)
{
	struct ptimer *pt, *other;
	u_long n = 0;
	int error = 0;

	pt = kmem_alloc(sizeof(*pt), PA_ZERO);
	if (pt == NULL)
		return ENOMEM;
	pt->pt_proc = p;
	pt->pt_clock = pa->pa_clock;
	pt->pt_clocktid =
	    pa->pa_clock == CLOCK_THREAD_CPUTIME ? curlwp()->l_tid : 0;
	pt->pt_tid = pa->pa_tid;
	pt->pt_silent = pa->pa_signo == 0;
	timeout_init(&pt->pt_timeout, ptimer_expire, pt);
	spin_enter(&p->ps_siglock);
	LIST_FOREACH(other, &p->ps_timers, pt_link)
		n++;
	*idp = id;
	if (id < 0 && ptimer_find(p, id) != NULL)
		goto out;
	/* Later than this ptimer_delete_all() would not see it. */
	if (proc_state(p) >= PS_EXITING)
		error = ESRCH;
	else if (id != PT_LIMIT &&
		 n >= p->ps_rlimit[RLIMIT_SIGPENDING].rlim_cur)
		error = EAGAIN;
	if (error != 0)
		goto out;
	pt->pt_id = id >= 0 ? p->ps_timer_next++ : id;
	pt->pt_sigq.sq_own = true;
	pt->pt_sigq.sq_info = (struct abi_siginfo){
	    .si_signo = pa->pa_signo,
	    .si_code = id >= 0 ? SI_TIMER : SI_KERNEL,
	};
	if (id >= 0) {
		pt->pt_sigq.sq_info.si_timerid = pt->pt_id;
		pt->pt_sigq.sq_info.si_value =
		    pa->pa_value_id ? (uint64_t)pt->pt_id : pa->pa_value;
	}
	LIST_INSERT_HEAD(&p->ps_timers, pt, pt_link);
	*idp = pt->pt_id;
	pt = NULL;
out:
	spin_exit(&p->ps_siglock);
	if (pt != NULL)
		kmem_free(pt, sizeof(*pt));
	return error;
}

int
ptimer_create(const struct ptimer_args *pa, int *idp)
{
	return ptimer_new(curproc(), 0, pa, idp);
}

int
ptimer_limit(struct proc *p)
{
	const struct ptimer_args pa = {
	    .pa_clock = CLOCK_PROCESS_CPUTIME,
	    .pa_signo = SIGXCPU,
	};
	struct ptimer *pt;
	uint64_t soft;
	int error, id;

	error = ptimer_new(p, PT_LIMIT, &pa, &id);
	if (error != 0)
		return error;
	spin_enter(&p->ps_siglock);
	pt = ptimer_find(p, id);
	if (pt != NULL) { /* it has not exited since */
		soft = limit_ns(p->ps_rlimit[RLIMIT_CPU].rlim_cur);
		(void)timeout_cancel(&pt->pt_timeout);
		pt->pt_when = soft == UINT64_MAX ? 0 : MAX(soft, 1);
		ptimer_arm(pt);
	}
	spin_exit(&p->ps_siglock);
	return 0;
}

/* Off the list and off: it is the caller's, after s. */
static void
ptimer_unlink(struct ptimer *pt)
{
	KASSERT(spin_held(&pt->pt_proc->ps_siglock));
	LIST_REMOVE(pt, pt_link);
	pt->pt_when = 0;
	sig_unpost_own(&pt->pt_sigq);
}

static void
ptimer_free(struct ptimer *pt)
{
	timeout_drain(&pt->pt_timeout);
	kmem_free(pt, sizeof(*pt));
}

int
ptimer_delete(int id)
{
	struct proc *p = curproc();
	struct ptimer *pt;

	spin_enter(&p->ps_siglock);
	pt = id < 0 ? NULL : ptimer_find(p, id);
	if (pt != NULL)
		ptimer_unlink(pt);
	spin_exit(&p->ps_siglock);
	if (pt == NULL)
		return EINVAL;
	ptimer_free(pt);
	return 0;
}

void
ptimer_delete_all(struct proc *p, bool itimers)
{
	struct ptimer *pt;

	for (;;) {
		spin_enter(&p->ps_siglock);
		LIST_FOREACH(pt, &p->ps_timers, pt_link)
			if (itimers || pt->pt_id >= 0)
				break;
		if (pt != NULL)
			ptimer_unlink(pt);
		spin_exit(&p->ps_siglock);
		if (pt == NULL)
			return;
		ptimer_free(pt);
	}
}

/* What is left until the next expiration.  s held. */
static uint64_t
ptimer_left(const struct ptimer *pt)
{
	uint64_t now;

	if (pt->pt_when == 0)
		return 0;
	now = clock_now(pt);
	return pt->pt_when > now ? pt->pt_when - now : 1;
}

int
ptimer_get(int id, struct ptimer_value *pv)
{
	struct proc *p = curproc();
	struct ptimer *pt;

	*pv = (struct ptimer_value){0, 0};
	spin_enter(&p->ps_siglock);
	pt = ptimer_find(p, id);
	if (pt != NULL)
		*pv = (struct ptimer_value){ptimer_left(pt), pt->pt_every};
	spin_exit(&p->ps_siglock);
	return pt != NULL ? 0 : EINVAL;
}

int
ptimer_set(int id, bool absolute, const struct ptimer_value *new,
    struct ptimer_value *old)
{
	struct proc *p = curproc();
	uint64_t when = new->pv_left, now;
	struct ptimer *pt;

	*old = (struct ptimer_value){0, 0};
	spin_enter(&p->ps_siglock);
	pt = ptimer_find(p, id);
	if (pt == NULL) {
		spin_exit(&p->ps_siglock);
		return EINVAL;
	}
	*old = (struct ptimer_value){ptimer_left(pt), pt->pt_every};
	(void)timeout_cancel(&pt->pt_timeout);
	sig_unpost_own(&pt->pt_sigq);
	pt->pt_sigq.sq_info.si_overrun = pt->pt_over = 0;
	if (when != 0 && absolute && pt->pt_clock == CLOCK_REALTIME) {
		now = time_real();
		when = md_time_ns() + (when > now ? when - now : 0);
	} else if (when != 0 && !absolute) {
		now = clock_now(pt);
		when =
		    when > UINT64_MAX - 1 - now ? UINT64_MAX - 1 : now + when;
	}
	pt->pt_when = when;
	pt->pt_every = when != 0 ? new->pv_every : 0;
	ptimer_arm(pt);
	spin_exit(&p->ps_siglock);
	return 0;
}

int
ptimer_itimer(int id, const struct ptimer_value *new, struct ptimer_value *old)
{
	const struct ptimer_args pa = {
	    .pa_clock = CLOCK_PROCESS_CPUTIME,
	    .pa_signo = id == PT_VIRTUAL ? SIGVTALRM : SIGPROF,
	};
	int error;

	KASSERT(id == PT_VIRTUAL || id == PT_PROF);
	*old = (struct ptimer_value){0, 0};
	error = ptimer_set(id, false, new, old);
	if (error == 0 || new->pv_left == 0)
		return 0;
	error = ptimer_new(curproc(), id, &pa, &id);
	return error != 0 ? error : ptimer_set(id, false, new, old);
}

int
ptimer_overrun(int id, int *np)
{
	struct proc *p = curproc();
	struct ptimer *pt;

	spin_enter(&p->ps_siglock);
	pt = id < 0 ? NULL : ptimer_find(p, id);
	if (pt != NULL)
		*np = pt->pt_sigq.sq_on != NULL
			  ? pt->pt_over
			  : pt->pt_sigq.sq_info.si_overrun;
	spin_exit(&p->ps_siglock);
	return pt != NULL ? 0 : EINVAL;
}
