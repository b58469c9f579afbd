/*
 * ptimer.h: timers of a process beside ITIMER_REAL: ptimer.c.
 */
#ifndef KERN_PTIMER_H
#define KERN_PTIMER_H

#include <kern/proc.h>
#include <kern/time.h>

/* What a timer is to do. */
struct ptimer_args {
	int pa_clock;      /* CLOCK_REALTIME, MONOTONIC or one of CPU time */
	int pa_signo;      /* 0: no signal */
	pid_t pa_tid;      /* the thread of this process to signal; 0: any */
	bool pa_value_id;  /* si_value is to be the timer's number, not */
	uint64_t pa_value; /* this */
};

/* Nanoseconds; pv_left 0: off. */
struct ptimer_value {
	uint64_t pv_left, pv_every;
};

/* Numbers that are not timer_create()'s: ITIMER_VIRTUAL, _PROF, RLIMIT_CPU. */
#define PT_VIRTUAL (-1)
#define PT_PROF    (-2)
#define PT_LIMIT   (-3)

/*
 * Of the calling process; thread context, no lock held; EINVAL: no such timer.
 *
 * ptimer_create: a timer that is off; its number.  ENOMEM; EAGAIN: too many.
 * ptimer_delete: and what it has sent and nobody has taken.
 * ptimer_set: new->pv_left from now, or with absolute at that time of its
 *	clock; *old is what was left.  ptimer_get: what is left.
 * ptimer_itimer: the same for PT_VIRTUAL and PT_PROF, which are there once
 *	they have been set.  ENOMEM, EAGAIN.
 * ptimer_overrun: expirations that the last signal stood for, but one.
 * ptimer_delete_all: of p, which is exiting or (itimers false) in exec and
 *	keeps those of setitimer().
 * ptimer_limit: RLIMIT_CPU of p, which the caller has a reference to or which
 *	nobody sees yet, has changed or is inherited.  From its soft limit on
 *	p gets SIGXCPU for each second, at the hard one SIGKILL.  ENOMEM; ESRCH:
 *	p exits.
 */
int ptimer_create(const struct ptimer_args *pa, int *idp);
int ptimer_delete(int id);
int ptimer_set(int id, bool absolute, const struct ptimer_value *new,
    struct ptimer_value *old);
int ptimer_get(int id, struct ptimer_value *pv);
int ptimer_itimer(int id, const struct ptimer_value *new,
    struct ptimer_value *old);
int ptimer_overrun(int id, int *np);
void ptimer_delete_all(struct proc *p, bool itimers);
int ptimer_limit(struct proc *p);

#endif
