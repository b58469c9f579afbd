/*
 * time.h: clocks and interval timers.
 */
#ifndef KERN_TIME_H
#define KERN_TIME_H

#include <sys/abi.h>
#include <sys/types.h>

struct proc;

#define NSEC 1000000000ULL

/*
 * time_real: nanoseconds since the Epoch.  time_real_set: make it so.  Any
 *	context.
 */
uint64_t time_real(void);
void time_real_set(uint64_t ns);

static inline struct abi_timeval
time_timeval(uint64_t ns)
{
	return (struct abi_timeval){(int64_t)(ns / NSEC),
	    (int64_t)(ns % NSEC / 1000)};
}

static inline struct abi_timespec
time_timespec(uint64_t ns)
{
	return (
	    struct abi_timespec){(int64_t)(ns / NSEC), (int64_t)(ns % NSEC)};
}

/* EINVAL: not a time.  What does not fit becomes the far future. */
int time_from_timespec(const struct abi_timespec *ts, uint64_t *nsp);
int time_from_timeval(const struct abi_timeval *tv, uint64_t *nsp);

/*
 * ITIMER_REAL of a process: SIGALRM after value ns (0: never), then every
 * interval ns.  The old values; any thread context.
 * itimer_init: of a new process.  itimer_exit: off for good.
 */
void itimer_init(struct proc *p);
void itimer_set(struct proc *p, uint64_t value, uint64_t every,
    uint64_t *ovalue, uint64_t *oevery);
void itimer_get(struct proc *p, uint64_t *value, uint64_t *every);
void itimer_exit(struct proc *p);

#endif
