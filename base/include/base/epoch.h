/*
 * epoch.h: safe memory reclamation.
 *
 * Between epoch_enter() and epoch_exit() nothing that was reachable at the
 * enter is reclaimed: a callback given to epoch_call() runs only after every
 * section that was open at the call has closed.  (K. Fraser, Practical
 * lock-freedom, 2004, section 5.2.3.)
 *
 * A section disables preemption and must not sleep.  Sections nest.
 */
#ifndef BASE_EPOCH_H
#define BASE_EPOCH_H

#include <sys/types.h>

/* Embedded in what is reclaimed; its fields belong to epoch.c. */
struct epoch_entry {
	struct epoch_entry *ee_next;
	void (*ee_fn)(struct epoch_entry *);
	uint64_t ee_epoch;
};

/*
 * epoch_enter, epoch_exit: thread context, any lock held or none.
 * epoch_call: fn(e) later, in a thread with no lock held; fn must not sleep.
 *	Thread context, locks below RANK_EPOCH held.  Never sleeps.
 * epoch_wait: return once every section open at the call has closed.  Not
 *	from inside one.  May sleep.
 */
void epoch_enter(void);
void epoch_exit(void);
void epoch_call(struct epoch_entry *e, void (*fn)(struct epoch_entry *));
void epoch_wait(void);

/*
 * epoch_poll: run what may be run now, of every CPU; a thread of base's own
 *	does so when there is something to run.  Thread context, no spin
 *	lock held.  Never sleeps.
 * epoch_drain: wait until nothing given to epoch_call() before is left.  May
 *	sleep.
 * epoch_settle: the same, but gives up when others give more and more: for
 *	who is about to count what is free.  May sleep.
 */
void epoch_poll(void);
void epoch_drain(void);
void epoch_settle(void);

#endif
