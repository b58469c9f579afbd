/*
 * sys_time.c: system calls about time.
 */
#include <kern/syscalls.h>
#include <sys/errno.h>
#include <port/machdep.h>
#include <kern/proc.h>
#include <kern/time.h>

#define TIMER_ABSTIME 1

/* The clocks there are; EINVAL. */
static int
clock_read(int clock, uint64_t *nsp)
{
	uint64_t utime, stime;

	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		*nsp = time_real();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
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
		return EINVAL;
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

/* clock_nanosleep(clock, flags, time, rem) */
long
sys_clock_nanosleep(const uintptr_t *args)
{
	struct lwp *l = curlwp();
	int clock = (int)args[0], error;
	uint64_t ns, now;
	long r;

	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC &&
	    clock != CLOCK_BOOTTIME)
		return clock == CLOCK_THREAD_CPUTIME ? -EINVAL : -EOPNOTSUPP;
	error = get_timespec(args[2], &ns);
	if (error != 0)
		return -error;
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

#define ITIMER_REAL 0

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

/* The timers of used CPU time (1 and 2) are not there. */
long
sys_getitimer(const uintptr_t *args)
{
	uint64_t value, every;

	if ((int)args[0] != ITIMER_REAL)
		return -EINVAL;
	itimer_get(curproc(), &value, &every);
	return -put_itimer(value, every, args[1]);
}

long
sys_setitimer(const uintptr_t *args)
{
	struct abi_itimerval it = {.it_value = {0, 0}};
	uint64_t value, every, ovalue, oevery;

	if ((int)args[0] != ITIMER_REAL)
		return -EINVAL;
	if (args[1] != 0 && copyin(args[1], &it, sizeof(it)) != 0)
		return -EFAULT;
	if (time_from_timeval(&it.it_value, &value) != 0 ||
	    time_from_timeval(&it.it_interval, &every) != 0)
		return -EINVAL;
	itimer_set(curproc(), value, every, &ovalue, &oevery);
	return args[2] != 0 ? -put_itimer(ovalue, oevery, args[2]) : 0;
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
