/*
 * sys_timer.c: system calls about the timers of timer_create(2).
 */
#include <kern/syscalls.h>
#include <sys/errno.h>
#include <kern/ptimer.h>

#define TIMER_ABSTIME 1

struct abi_sigevent {
	uint64_t sigev_value;
	int32_t sigev_signo;
	int32_t sigev_notify;
	int32_t sigev_tid;
	int32_t sigev_pad[11];
};
_Static_assert(sizeof(struct abi_sigevent) == 64, "sigevent: 64 bytes");

#define SIGEV_SIGNAL    0
#define SIGEV_NONE      1
#define SIGEV_THREAD    2 /* the C library's business: as SIGNAL */
#define SIGEV_THREAD_ID 4 /* or'd to SIGNAL */

/* Whether clock can have timers. */
static int
timer_clock(int *clock)
{
	switch (*clock) {
	case CLOCK_REALTIME:
	case CLOCK_TAI:
		*clock = CLOCK_REALTIME;
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
		*clock = CLOCK_MONOTONIC;
		return 0;
	case CLOCK_PROCESS_CPUTIME:
	case CLOCK_THREAD_CPUTIME:
		return 0;
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_REALTIME_ALARM: /* nothing sleeps here */
	case CLOCK_BOOTTIME_ALARM:
		return EOPNOTSUPP;
	default:
		/* One's own time by its number: (~0 << 3) | 2, or | 6. */
		if (*clock != -6 && *clock != -2)
			return EINVAL;
		*clock =
		    *clock == -6 ? CLOCK_PROCESS_CPUTIME : CLOCK_THREAD_CPUTIME;
		return 0;
	}
}

/* Whether the caller's process has a thread tid. */
static bool
own_thread(pid_t tid)
{
	struct lwp *l;
	bool own;

	mutex_enter(&proctree_lock);
	l = lwp_find(tid);
	own = l != NULL && l->l_proc == curproc();
	mutex_exit(&proctree_lock);
	return own;
}

/* What a sigevent asks for; EINVAL. */
static int
timer_event(const struct abi_sigevent *ev, struct ptimer_args *pa)
{
	switch (ev->sigev_notify) {
	case SIGEV_NONE:
		return 0;
	case SIGEV_SIGNAL | SIGEV_THREAD_ID:
		if (!own_thread(ev->sigev_tid))
			return EINVAL;
		pa->pa_tid = ev->sigev_tid;
		break;
	case SIGEV_SIGNAL:
	case SIGEV_THREAD:
		break;
	default:
		return EINVAL;
	}
	if (ev->sigev_signo < 1 || ev->sigev_signo > NSIG)
		return EINVAL;
	pa->pa_signo = ev->sigev_signo;
	pa->pa_value = ev->sigev_value;
	return 0;
}

/* timer_create(clock, event, id) */
long
sys_timer_create(const uintptr_t *args)
{
	struct ptimer_args pa = {.pa_clock = (int)args[0]};
	struct abi_sigevent ev;
	int32_t id;
	int error;

	if (args[1] != 0 && copyin(args[1], &ev, sizeof(ev)) != 0)
		return -EFAULT;
	error = timer_clock(&pa.pa_clock);
	if (error == 0 && args[1] != 0)
		error = timer_event(&ev, &pa);
	else if (error == 0) {
		pa.pa_signo = SIGALRM;
		pa.pa_value_id = true;
	}
	if (error == 0)
		error = ptimer_create(&pa, &id);
	if (error != 0)
		return -error;
	if (copyout(&id, args[2], sizeof(id)) != 0) {
		(void)ptimer_delete(id);
		return -EFAULT;
	}
	return 0;
}

/* struct itimerspec: interval, value */
static int
put_value(const struct ptimer_value *pv, vaddr_t to)
{
	const struct abi_timespec its[2] = {
	    time_timespec(pv->pv_every),
	    time_timespec(pv->pv_left),
	};

	return copyout(its, to, sizeof(its));
}

/* timer_settime(id, flags, new, old) */
long
sys_timer_settime(const uintptr_t *args)
{
	struct abi_timespec its[2];
	struct ptimer_value new, old;
	int error;

	if (args[2] == 0)
		return -EINVAL;
	if (copyin(args[2], its, sizeof(its)) != 0)
		return -EFAULT;
	if (time_from_timespec(&its[0], &new.pv_every) != 0 ||
	    time_from_timespec(&its[1], &new.pv_left) != 0 || (int)args[0] < 0)
		return -EINVAL;
	error = ptimer_set((int)args[0], ((int)args[1] & TIMER_ABSTIME) != 0,
	    &new, &old);
	if (error == 0 && args[3] != 0)
		error = put_value(&old, args[3]);
	return -error;
}

/* timer_gettime(id, now) */
long
sys_timer_gettime(const uintptr_t *args)
{
	struct ptimer_value pv;
	int error;

	error = (int)args[0] < 0 ? EINVAL : ptimer_get((int)args[0], &pv);
	if (error == 0)
		error = put_value(&pv, args[1]);
	return -error;
}

long
sys_timer_getoverrun(const uintptr_t *args)
{
	int error, n;

	error = ptimer_overrun((int)args[0], &n);
	return error != 0 ? -error : n;
}

long
sys_timer_delete(const uintptr_t *args)
{
	return -ptimer_delete((int)args[0]);
}
