/*
 * sys_time.c: system calls about time.
 */
#include <kern/syscalls.h>
#include <sys/errno.h>
#include <port/machdep.h>
#include <kern/proc.h>
#include <kern/ptimer.h>
#include <kern/time.h>

#define TIMER_ABSTIME 1

/*
 * The processor time of others has clocks with a negative number: the
 * complement of a process or thread, and in the lowest bits which
 * (clock_getcpuclockid(3), pthread_getcpuclockid(3)).  EINVAL.
 */
static int
cpuclock_read(int clock, uint64_t *nsp)
{
	pid_t id = (pid_t) ~(clock >> 3);
	bool thread = (clock & 4) != 0;
	uint64_t utime = 0, stime = 0;
	struct lwp *l = NULL;
	struct proc *p = NULL;
	int which = clock & 3, error = EINVAL;

	if (which == 3 || id < 0)
		return EINVAL;
	mutex_enter(&proctree_lock);
	if (thread) {
		l = id == 0 ? curlwp() : lwp_find(id);
		if (l != NULL && l->l_proc == curproc())
			thread_times(&l->l_thread, &utime, &stime), error = 0;
	} else {
		p = id == 0 ? curproc() : proc_find_locked(id);
		if (p != NULL)
			proc_times(p, &utime, &stime), error = 0;
	}
	mutex_exit(&proctree_lock);
	/* 1: user time alone. */
	*nsp = which == 1 ? utime : utime + stime;
	return error;
}

/* The clocks there are; EINVAL. */
static int
clock_read(int clock, uint64_t *nsp)
{
	uint64_t utime, stime;

	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI:
		*nsp = time_real();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*nsp = md_time_ns();
		return 0;
	case CLOCK_PROCESS_CPUTIME:
		proc_times(curproc(), &utime, &stime);
		*nsp = utime + stime;
		return 0;
	case CLOCK_THREAD_CPUTIME:
		thread_times(curthread(), &utime, &stime);
		*nsp = utime + stime;
		return 0;
	default:
		return clock < 0 ? cpuclock_read(clock, nsp) : EINVAL;
	}
}

static int
put_timespec(uint64_t ns, vaddr_t to)
{
	struct abi_timespec ts = time_timespec(ns);

	return copyout(&ts, to, sizeof(ts));
}

long
sys_clock_gettime(const uintptr_t *args)
{
	uint64_t ns;
	int error;

	error = clock_read((int)args[0], &ns);
	if (error == 0)
		error = put_timespec(ns, args[1]);
	return -error;
}

long
sys_clock_getres(const uintptr_t *args)
{
	uint64_t ns;
	int error;

	error = clock_read((int)args[0], &ns);
	if (error == 0 && args[1] != 0)
		error = put_timespec(1, args[1]);
	return -error;
}

long
sys_clock_settime(const uintptr_t *args)
{
	struct abi_timespec ts;
	uint64_t ns;

	if ((int)args[0] != CLOCK_REALTIME)
		return -EINVAL;
	if (copyin(args[1], &ts, sizeof(ts)) != 0)
		return -EFAULT;
	if (time_from_timespec(&ts, &ns) != 0)
		return -EINVAL;
	if (!cred_is_root())
		return -EPERM;
	time_real_set(ns);
	return 0;
}

/* gettimeofday(tv, tz): the zone is always that of the user's C library. */
long
sys_gettimeofday(const uintptr_t *args)
{
	struct abi_timeval tv = time_timeval(time_real());
	const int32_t tz[2] = {0, 0};
	int error = 0;

	if (args[0] != 0)
		error = copyout(&tv, args[0], sizeof(tv));
	if (error == 0 && args[1] != 0)
		error = copyout(tz, args[1], sizeof(tz));
	return -error;
}

long
sys_settimeofday(const uintptr_t *args)
{
	struct abi_timeval tv;
	uint64_t ns;

	if (!cred_is_root())
		return -EPERM;
	if (args[0] == 0)
		return 0;
	if (copyin(args[0], &tv, sizeof(tv)) != 0)
		return -EFAULT;
	if (time_from_timeval(&tv, &ns) != 0)
		return -EINVAL;
	time_real_set(ns);
	return 0;
}

long
sys_time(const uintptr_t *args)
{
	int64_t now = (int64_t)(time_real() / NSEC);

	if (args[0] != 0 && copyout(&now, args[0], sizeof(now)) != 0)
		return -EFAULT;
	return now;
}

/*
 * Sleep until the monotonic time l_rest.sr_until.  If a signal comes first,
 * what is left is stored, and the sleep is continued unless a handler runs.
 */
static long
sleep_rest(struct lwp *l)
{
	struct sleep_rest *sr = &l->l_rest;
	uint64_t now;
	int error = 0;

	while ((now = md_time_ns()) < sr->sr_until && error != EINTR)
		error = sleep_until(sr->sr_until, SLEEP_INTR, "nanosleep");
	if (now >= sr->sr_until)
		return 0;
	if (sr->sr_rem != 0 &&
	    put_timespec(sr->sr_until - now, sr->sr_rem) != 0)
		return -EFAULT;
	return -ERESTART_RESTARTBLOCK;
}

long
sys_restart_syscall(const uintptr_t *args __unused)
{
	struct lwp *l = curlwp();

	if (l->l_rest.sr_until == 0)
		return -EINTR;
	return sleep_rest(l);
}

static int
get_timespec(vaddr_t from, uint64_t *nsp)
{
	struct abi_timespec ts;

	if (copyin(from, &ts, sizeof(ts)) != 0)
		return EFAULT;
	return time_from_timespec(&ts, nsp);
}

/* A deadline that does not wrap. */
static uint64_t
from_now(uint64_t ns)
{
	uint64_t now = md_time_ns();

	return ns > UINT64_MAX - 1 - now ? UINT64_MAX - 1 : now + ns;
}

long
sys_nanosleep(const uintptr_t *args)
{
	struct lwp *l = curlwp();
	uint64_t ns;
	int error;

	error = get_timespec(args[0], &ns);
	if (error != 0)
		return -error;
	l->l_rest = (struct sleep_rest){from_now(ns), args[1]};
	return sleep_rest(l);
}

/*
 * Sleep until clock, which goes no faster than real time, says so.  No time
 * that is left is told: the call is made again as it was.
 */
static long
sleep_cpuclock(int clock, uint64_t ns, bool absolute)
{
	uint64_t now, left;
	int error;

	if (clock_read(clock, &now) != 0)
		return -EINVAL;
	if (!absolute)
		ns = ns > UINT64_MAX - now ? UINT64_MAX : now + ns;
	while (clock_read(clock, &now) == 0 && now < ns) {
		left = MIN(ns - now, NSEC);
		left /= MAX(proc_threads(curproc()), 1);
		error = sleep_until(md_time_ns() + MAX(left, NSEC / 1000),
		    SLEEP_INTR, "nanosleep");
		if (error == EINTR)
			return absolute ? -ERESTARTNOHAND : -EINTR;
	}
	return 0;
}

/* clock_nanosleep(clock, flags, time, rem) */
long
sys_clock_nanosleep(const uintptr_t *args)
{
	struct lwp *l = curlwp();
	int clock = (int)args[0], error;
	uint64_t ns, now;
	long r;

	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
	case CLOCK_PROCESS_CPUTIME:
		break;
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_THREAD_CPUTIME:
		return -EOPNOTSUPP;
	default:
		if (clock_read(clock, &now) != 0)
			return -EINVAL;
	}
	error = get_timespec(args[2], &ns);
	if (error != 0)
		return -error;
	if (clock < 0 || clock == CLOCK_PROCESS_CPUTIME)
		return sleep_cpuclock(clock, ns,
		    ((int)args[1] & TIMER_ABSTIME) != 0);
	if (((int)args[1] & TIMER_ABSTIME) == 0) {
		l->l_rest = (struct sleep_rest){from_now(ns), args[3]};
		return sleep_rest(l);
	}
	/* An absolute time is the same whenever it is asked for. */
	(void)clock_read(clock, &now);
	l->l_rest = (struct sleep_rest){from_now(ns > now ? ns - now : 0), 0};
	r = sleep_rest(l);
	return r == -ERESTART_RESTARTBLOCK ? -ERESTARTNOHAND : r;
}

#define ITIMER_REAL    0
#define ITIMER_VIRTUAL 1
#define ITIMER_PROF    2

static int
put_itimer(uint64_t value, uint64_t every, vaddr_t to)
{
	struct abi_itimerval it = {.it_interval = time_timeval(every),
	    .it_value = time_timeval(value)};

	/* Less than a microsecond left is not "off". */
	if (value != 0 && it.it_value.tv_sec == 0 && it.it_value.tv_usec == 0)
		it.it_value.tv_usec = 1;
	return copyout(&it, to, sizeof(it));
}

/* Read one of the three, or set it as well; EINVAL, ENOMEM, EAGAIN. */
static int
itimer_any(int which, const struct ptimer_value *new, struct ptimer_value *old)
{
	struct proc *p = curproc();

	switch (which) {
	case ITIMER_REAL:
		if (new != NULL)
			itimer_set(p, new->pv_left, new->pv_every,
			    &old->pv_left, &old->pv_every);
		else
			itimer_get(p, &old->pv_left, &old->pv_every);
		return 0;
	case ITIMER_VIRTUAL:
	case ITIMER_PROF:
		which = which == ITIMER_VIRTUAL ? PT_VIRTUAL : PT_PROF;
		if (new != NULL)
			return ptimer_itimer(which, new, old);
		(void)ptimer_get(which, old); /* not there: all zeroes */
		return 0;
	default:
		return EINVAL;
	}
}

long
sys_getitimer(const uintptr_t *args)
{
	struct ptimer_value now;
	int error;

	error = itimer_any((int)args[0], NULL, &now);
	if (error == 0)
		error = put_itimer(now.pv_left, now.pv_every, args[1]);
	return -error;
}

long
sys_setitimer(const uintptr_t *args)
{
	struct abi_itimerval it = {.it_value = {0, 0}};
	struct ptimer_value new, old;
	int error;

	if (args[1] != 0 && copyin(args[1], &it, sizeof(it)) != 0)
		return -EFAULT;
	if (time_from_timeval(&it.it_value, &new.pv_left) != 0 ||
	    time_from_timeval(&it.it_interval, &new.pv_every) != 0)
		return -EINVAL;
	error = itimer_any((int)args[0], &new, &old);
	if (error == 0 && args[2] != 0)
		error = put_itimer(old.pv_left, old.pv_every, args[2]);
	return -error;
}

/* alarm(seconds): what was left of the last one, rounded, but never to 0. */
long
sys_alarm(const uintptr_t *args)
{
	uint64_t ovalue, oevery;

	itimer_set(curproc(), (uint64_t)(uint32_t)args[0] * NSEC, 0, &ovalue,
	    &oevery);
	if (ovalue == 0)
		return 0;
	return MAX((long)((ovalue + NSEC / 2) / NSEC), 1);
}

struct abi_tms {
	int64_t utime, stime, cutime, cstime;
};

static int64_t
ticks(uint64_t ns)
{
	return (int64_t)(ns / (NSEC / CLK_TCK));
}

long
sys_times(const uintptr_t *args)
{
	struct proc *p = curproc();
	uint64_t utime, stime;
	struct abi_tms tms;

	proc_times(p, &utime, &stime);
	mutex_enter(&proctree_lock);
	tms = (struct abi_tms){ticks(utime), ticks(stime),
	    ticks(p->ps_cru.rt_utime), ticks(p->ps_cru.rt_stime)};
	mutex_exit(&proctree_lock);
	if (args[0] != 0 && copyout(&tms, args[0], sizeof(tms)) != 0)
		return -EFAULT;
	return ticks(md_time_ns());
}

#define RUSAGE_SELF     0
#define RUSAGE_CHILDREN (-1)
#define RUSAGE_THREAD   1

long
sys_getrusage(const uintptr_t *args)
{
	struct proc *p = curproc();
	struct abi_rusage ru = {.ru_maxrss = 0};
	uint64_t utime, stime;

	switch ((int)args[0]) {
	case RUSAGE_SELF:
		proc_rusage(p, &ru);
		break;
	case RUSAGE_THREAD:
		proc_rusage(p, &ru);
		thread_times(curthread(), &utime, &stime);
		ru.ru_utime = time_timeval(utime);
		ru.ru_stime = time_timeval(stime);
		ru.ru_minflt =
		    (int64_t)atomic_load_explicit(&curlwp()->l_minflt,
			memory_order_relaxed);
		ru.ru_majflt =
		    (int64_t)atomic_load_explicit(&curlwp()->l_majflt,
			memory_order_relaxed);
		break;
	case RUSAGE_CHILDREN:
		mutex_enter(&proctree_lock);
		ru.ru_utime = time_timeval(p->ps_cru.rt_utime);
		ru.ru_stime = time_timeval(p->ps_cru.rt_stime);
		ru.ru_minflt = (int64_t)p->ps_cru.rt_minflt;
		ru.ru_majflt = (int64_t)p->ps_cru.rt_majflt;
		ru.ru_maxrss = (int64_t)p->ps_cru.rt_maxrss;
		mutex_exit(&proctree_lock);
		break;
	default:
		return -EINVAL;
	}
	return -copyout(&ru, args[1], sizeof(ru));
}
