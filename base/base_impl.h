/*
 * base_impl.h: what the files of base share among themselves.
 */
#ifndef BASE_IMPL_H
#define BASE_IMPL_H

#include <base/thread.h>

/* A thread's slice of a CPU that others wait for. */
#define SCHED_SLICE 10000000ull /* ns */

/*
 * lock_rank_hold: check that the caller may take a lock of rank r and count
 *	it as held.  lock_rank_note: count it unchecked.  lock_rank_drop: it
 *	is no longer held.  For sleeping locks; see lock_rank_enter().
 */
void lock_rank_hold(u_int r);
void lock_rank_note(u_int r);
void lock_rank_drop(u_int r);

/*
 * panic_mine: whether this CPU is the one that panics.  panic_speaks: whether
 *	it may print, now that one does.  Preemption may be enabled.
 */
bool panic_mine(void);
bool panic_speaks(void);

/*
 * spin_pass: release outer, which was taken before inner and whose rank is
 *	lower, while inner stays held: inner's release restores the
 *	interrupts that outer's would have.
 */
void spin_pass(struct spin *outer, struct spin *inner);

/*
 * sched_switch: give up the CPU.  The caller has set its state; TD_RUNNING
 *	means that it wants to go on, at the tail of its queue.  Interrupts
 *	off, preemption disabled by nobody but the caller (once), no spin lock
 *	held.  Returns when the thread runs again, perhaps at once.
 * sched_enqueue: make td, whose state the caller changed to TD_READY, run
 *	sometime.  Any lock below RANK_RUNQ may be held.
 * sched_woken: enqueue after a sleep.
 */
void sched_switch(void);
void sched_enqueue(struct thread *td);
void sched_woken(struct thread *td);

/* Set up the scheduler of c; boot is the thread it runs. */
void sched_cpu_init(struct cpu *c, struct thread *boot, void *kstack);
/* The rest of the idle thread of this CPU. */
__attribute__((noreturn)) void sched_idle(void);
/* The running thread's slice is to be looked at: the clock, MD_IPI_RESCHED. */
void sched_clock(uint64_t now);
void sched_kick(void);

/*
 * clock_arm: this CPU's timer fires at when or before.  A timer that has no
 *	reason left is not disarmed: cpu_clock() just finds nothing to do.
 * timeout_run: call what is due, and see to the rest.
 * Interrupts off.
 */
void clock_arm(uint64_t when);
void timeout_run(uint64_t now);

/*
 * thread_clock_start, thread_clock_stop: td begins or ceases to use the CPU,
 *	in system mode.  Interrupts off; called by the thread's own CPU.
 */
void thread_clock_start(struct thread *td);
void thread_clock_stop(struct thread *td);

static inline void
thread_setstate(struct thread *td, enum thread_state state)
{
	atomic_store_explicit(&td->td_state, state, memory_order_relaxed);
}

/* boot is what c runs already, on kstack (NULL: not checked). */
void thread_adopt(struct thread *boot, struct cpu *c, void *kstack);
/* The first C function of every thread; arg is the thread. */
void thread_start(void *arg);
/* What a thread does first after md_switch() to it.  Interrupts off. */
void sched_finish(void);

/*
 * Sleep queues, for the locks.
 * sleepq_enter: lock the bucket of chan (and of every chan in the same eight
 *	bytes): interrupts off, preemption disabled until it is released.
 * sleepq_block: with it held, queue the caller, release it and sleep until
 *	taken off by sleepq_take().
 * sleepq_take: remove the longest waiting on chan; NULL: none.  The caller
 *	makes it run with sched_woken(), under the bucket lock.
 * sleepq_any: somebody waits on chan.
 */
struct spin *sleepq_enter(const void *chan);
void sleepq_block(struct spin *bucket, const void *chan, const char *why);
struct thread *sleepq_take(const void *chan);
bool sleepq_any(const void *chan);
void sleepq_init(void);

/* What base_verify() is made of. */
void sched_verify(void);
void sleepq_verify(void);
void timeout_verify(void);

/*
 * Callbacks of epochs.
 * epoch_init: the lists of them.
 * epoch_thread_init: start the thread that runs them.
 * epoch_kick: there is one more.  Preemption disabled, locks below RANK_EPOCH.
 * epoch_pending: how many were given and have not run; may be stale.
 */
void epoch_init(void);
void epoch_thread_init(void);
void epoch_kick(void);
u_long epoch_pending(void);

#endif
