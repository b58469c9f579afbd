/*
 * rwquick.h: read/write locks that are free, inline.
 *
 * For base, and for the few places where the calls would be a good part of what
 * is done under the lock: page faults.  The rank is that of the lock, a
 * constant there.
 */
#ifndef BASE_RWQUICK_H
#define BASE_RWQUICK_H

#include <base/thread.h>

/*
 * rw_word: the writer's thread and RW_WRITE, or the number of readers in units
 * of RW_READER; and two flags: see rwlock.c.
 */
#define RW_WAITERS ((uintptr_t)1)
#define RW_WRITE   ((uintptr_t)2)
#define RW_WANTED  ((uintptr_t)4)
#define RW_FLAGS   ((uintptr_t)7)
#define RW_READER  ((uintptr_t)8)

/* One more reader, unless a writer owns or wants the lock. */
static inline bool
rw_reader_acquire(struct rwlock *rw)
{
	uintptr_t old;

	old = atomic_load_explicit(&rw->rw_word, memory_order_relaxed);
	do {
		if ((old & (RW_WRITE | RW_WANTED)) != 0)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&rw->rw_word, &old,
	    old + RW_READER, memory_order_acquire, memory_order_relaxed));
	return true;
}

/* Own the lock, if it has neither owner nor reader nor heirs. */
static inline bool
rw_writer_acquire(struct rwlock *rw, struct thread *td)
{
	uintptr_t old = 0;

	return atomic_compare_exchange_strong_explicit(&rw->rw_word, &old,
	    (uintptr_t)td | RW_WRITE, memory_order_acquire,
	    memory_order_relaxed);
}

/* Whether td may take a lock of this rank and sleep for it. */
static inline bool
rw_allowed(const struct thread *td, u_int rank)
{
	return td->td_nopreempt == 0 && td->td_ranks >> rank == 0;
}

/* Take it, if it is free and that is allowed. */
static inline bool
rw_read_take(struct rwlock *rw, u_int rank)
{
	struct thread *td = curthread();

	if (__predict_false(!rw_allowed(td, rank) || !rw_reader_acquire(rw)))
		return false;
	td->td_ranks |= (uint64_t)1 << rank;
	return true;
}

static inline bool
rw_write_take(struct rwlock *rw, u_int rank)
{
	struct thread *td = curthread();

	if (__predict_false(
		!rw_allowed(td, rank) || !rw_writer_acquire(rw, td)))
		return false;
	td->td_ranks |= (uint64_t)1 << rank;
	rw->rw_nested = false;
	return true;
}

/*
 * rw_read_quick, rw_write_quick: take a lock that is free, by the rules.  False:
 *	not taken, and who goes on to rw_read_enter() or rw_write_enter()
 *	waits for it, or hears of the rule that is broken.
 * rw_read_done, rw_write_done: rw_exit() of one that was taken so.
 */
static inline bool
rw_read_quick(struct rwlock *rw, u_int rank)
{
	if (!rw_read_take(rw, rank))
		return false;
	lockstat_taken(rank, 0);
	return true;
}

static inline bool
rw_write_quick(struct rwlock *rw, u_int rank)
{
	if (!rw_write_take(rw, rank))
		return false;
	lockstat_taken(rank, 0);
	return true;
}

static inline void
rw_read_done(struct rwlock *rw, u_int rank)
{
	uintptr_t old = RW_READER;

	/* The only reader, with nobody waiting. */
	if (__predict_false(
		!atomic_compare_exchange_strong_explicit(&rw->rw_word, &old, 0,
		    memory_order_release, memory_order_relaxed)))
		rw_exit(rw);
	else
		lock_rank_untake(curthread(), rank);
}

static inline void
rw_write_done(struct rwlock *rw, u_int rank)
{
	struct thread *td = curthread();
	uintptr_t old = (uintptr_t)td | RW_WRITE;

	if (__predict_false(
		!atomic_compare_exchange_strong_explicit(&rw->rw_word, &old, 0,
		    memory_order_release, memory_order_relaxed)))
		rw_exit(rw);
	else
		lock_rank_untake(td, rank);
}

#endif
