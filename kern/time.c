/*
 * time.c: the time of day, and the interval timer of a process.
 *
 * The timer expires in interrupt context, where a signal without a sender's
 * record can be sent.
 */
#include <kern/time.h>
#include <sys/errno.h>
#include <port/machdep.h>
#include <kern/proc.h>

static _Atomic(int64_t) time_offset; /* of the time of day as set */

uint64_t
time_real(void)
{
	return md_wall_ns() + md_time_ns() +
	       (uint64_t)atomic_load_explicit(&time_offset,
		   memory_order_relaxed);
}

void
time_real_set(uint64_t ns)
{
	atomic_store_explicit(&time_offset,
	    (int64_t)(ns - md_wall_ns() - md_time_ns()), memory_order_relaxed);
}

/* Seconds beyond this are as good as never, and do not overflow. */
#define SEC_MAX (INT64_MAX / (int64_t)NSEC - 1)

int
time_from_timespec(const struct abi_timespec *ts, uint64_t *nsp)
{
	if (ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= (int64_t)NSEC)
		return EINVAL;
	*nsp =
	    (uint64_t)MIN(ts->tv_sec, SEC_MAX) * NSEC + (uint64_t)ts->tv_nsec;
	return 0;
}

int
time_from_timeval(const struct abi_timeval *tv, uint64_t *nsp)
{
	if (tv->tv_sec < 0 || tv->tv_usec < 0 || tv->tv_usec >= 1000000)
		return EINVAL;
	*nsp = (uint64_t)MIN(tv->tv_sec, SEC_MAX) * NSEC +
	       (uint64_t)tv->tv_usec * 1000;
	return 0;
}

/* The timer has expired.  Interrupt context. */
static void
itimer_expire(void *arg)
{
	struct proc *p = arg;
	uint64_t now = md_time_ns();

	spin_enter(&p->ps_siglock);
	if (p->ps_alarm_when == 0 || p->ps_alarm_when > now) {
		/* Set anew while this was on its way. */
		spin_exit(&p->ps_siglock);
		return;
	}
	p->ps_alarm_when = 0;
	if (p->ps_alarm_every != 0) {
		/* What was missed is not made up for. */
		p->ps_alarm_when = now + p->ps_alarm_every;
		timeout_set(&p->ps_alarm, p->ps_alarm_when);
	}
	spin_exit(&p->ps_siglock);
	sig_post_simple(p, SIGALRM, SI_KERNEL);
}

void
itimer_init(struct proc *p)
{
	timeout_init(&p->ps_alarm, itimer_expire, p);
}

/* What is left of the running timer.  s held. */
static uint64_t
itimer_left(const struct proc *p)
{
	uint64_t now = md_time_ns();

	if (p->ps_alarm_when == 0)
		return 0;
	return p->ps_alarm_when > now ? p->ps_alarm_when - now : 1;
}

void
itimer_get(struct proc *p, uint64_t *value, uint64_t *every)
{
	spin_enter(&p->ps_siglock);
	*value = itimer_left(p);
	*every = p->ps_alarm_every;
	spin_exit(&p->ps_siglock);
}

void
itimer_set(struct proc *p, uint64_t value, uint64_t every, uint64_t *ovalue,
    uint64_t *oevery)
{
	spin_enter(&p->ps_siglock);
	*ovalue = itimer_left(p);
	*oevery = p->ps_alarm_every;
	p->ps_alarmed = true;
	(void)timeout_cancel(&p->ps_alarm);
	p->ps_alarm_when = 0;
	p->ps_alarm_every = value != 0 ? every : 0;
	if (value != 0) {
		p->ps_alarm_when = md_time_ns() + value;
		timeout_set(&p->ps_alarm, p->ps_alarm_when);
	}
	spin_exit(&p->ps_siglock);
}

void
itimer_exit(struct proc *p)
{
	/* Its own threads set it, and they have all gone. */
	if (!p->ps_alarmed)
		return;
	spin_enter(&p->ps_siglock);
	p->ps_alarm_when = 0;
	p->ps_alarm_every = 0;
	spin_exit(&p->ps_siglock);
	(void)timeout_cancel(&p->ps_alarm);
	timeout_drain(&p->ps_alarm);
}
