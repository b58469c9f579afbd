/*
 * rwlock.c: sleeping read/write locks.
 *
 * rw_word holds either the writer's thread and RW_WRITE, or the number of
 * readers in units of RW_READER, and two flags: RW_WAITERS, somebody is on
 * the sleep queues; RW_WANTED, among them a writer, so that no new reader is
 * let in.  Readers and writers wait on two channels of one bucket, whose lock
 * guards the flags together with the queues.
 *
 * The lock is handed over: whoever is woken owns it already.
 */
#include <base/lock.h>

#include <port/machdep.h>
#include <base/cpu.h>
#include <base/rwquick.h>
#include <base/thread.h>

#include "base_impl.h"

#define RW_SPINS 100

_Static_assert(_Alignof(struct thread) >= RW_READER,
    "the flags fit below the address of a thread");

/* Addresses inside the word, of which nobody else makes a channel. */
static const void *
reader_chan(const struct rwlock *rw)
{
	return (const char *)&rw->rw_word + 1;
}

static const void *
writer_chan(const struct rwlock *rw)
{
	return (const char *)&rw->rw_word + 2;
}

void
rw_init(struct rwlock *rw, enum lock_rank rank)
{
	KASSERT(rank < RANK_SPIN);
	atomic_init(&rw->rw_word, 0);
	rw->rw_rank = rank;
	rw->rw_nested = false;
}

/*
 * Sleep until the lock is handed over; the flags tell the present owner to.
 * False: it became free meanwhile, try again.
 */
static bool
wait_handover(struct rwlock *rw, uintptr_t blockers, uintptr_t flags,
    const void *chan)
{
	struct spin *bucket;
	uintptr_t old;

	bucket = sleepq_enter(chan);
	old = atomic_load_explicit(&rw->rw_word, memory_order_relaxed);
	do {
		if ((old & blockers) == 0) {
			spin_exit(bucket);
			return false;
		}
	} while (!atomic_compare_exchange_weak_explicit(&rw->rw_word, &old,
	    old | flags, memory_order_relaxed, memory_order_relaxed));
	/*
	 * Who hands the lock over has seen what all before him did, and makes
	 * us run: the run queue's lock orders the rest.
	 */
	sleepq_block(bucket, chan, "rwlock");
	return true;
}

/* After a panic nobody waits for a lock: see lock.c. */
static bool
walk_through(struct rwlock *rw, uintptr_t word)
{
	if (__predict_true(
		!atomic_load_explicit(&panicking, memory_order_relaxed)))
		return false;
	if (!panic_mine())
		panic_stop();
	atomic_store_explicit(&rw->rw_word, word, memory_order_relaxed);
	return true;
}

/* The rest of rw_read_enter(): a writer is there, or the order is wrong. */
static __noinline void
read_enter_slow(struct rwlock *rw)
{
	struct thread *td = curthread();
	u_int spins = 0;

	KASSERT(td->td_nopreempt == 0);
	/* Panics also if this thread has a lock of the rank: no recursion. */
	lock_rank_take(td, rw->rw_rank);
	while (!rw_reader_acquire(rw)) {
		lockstat_wait(rw->rw_rank);
		if (walk_through(rw, RW_READER))
			return;
		if (cpu_count() > 1 && spins++ < RW_SPINS)
			md_cpu_relax();
		else if (wait_handover(rw, RW_WRITE | RW_WANTED, RW_WAITERS,
			     reader_chan(rw)))
			break;
	}
}

void
rw_read_enter(struct rwlock *rw)
{
	if (__predict_false(!rw_read_take(rw, rw->rw_rank)))
		read_enter_slow(rw);
	lockstat_taken(rw->rw_rank, LOCKSTAT_SITE);
}

/* The rest of rw_write_enter(): somebody holds it, or the order is wrong. */
static __noinline void
write_enter_slow(struct rwlock *rw, bool nested)
{
	struct thread *td = curthread();
	u_int spins = 0;

	KASSERT(td->td_nopreempt == 0);
	lock_rank_take(td, rw->rw_rank + nested);
	while (!rw_writer_acquire(rw, td)) {
		lockstat_wait(rw->rw_rank + nested);
		if (walk_through(rw, (uintptr_t)td | RW_WRITE))
			break;
		if (cpu_count() > 1 && spins++ < RW_SPINS)
			md_cpu_relax();
		else if (wait_handover(rw, ~(uintptr_t)0,
			     RW_WAITERS | RW_WANTED, writer_chan(rw)))
			break;
	}
	rw->rw_nested = nested;
}

void
rw_write_enter(struct rwlock *rw)
{
	if (__predict_false(!rw_write_take(rw, rw->rw_rank)))
		write_enter_slow(rw, false);
	lockstat_taken(rw->rw_rank, LOCKSTAT_SITE);
}

void
rw_write_enter_nested(struct rwlock *rw)
{
	write_enter_slow(rw, true);
	lockstat_taken(rw->rw_rank + 1u, LOCKSTAT_SITE);
}

bool
rw_read_try(struct rwlock *rw)
{
	if (!rw_reader_acquire(rw))
		return false;
	lock_rank_note(rw->rw_rank);
	lockstat_taken(rw->rw_rank, LOCKSTAT_SITE);
	return true;
}

bool
rw_write_try(struct rwlock *rw)
{
	if (!rw_writer_acquire(rw, curthread()))
		return false;
	lock_rank_note(rw->rw_rank);
	rw->rw_nested = false;
	lockstat_taken(rw->rw_rank, LOCKSTAT_SITE);
	return true;
}

/*
 * Hand a lock that has waiters to its heirs: to one writer, or to all readers
 * that wait; kept is the share that the caller keeps.  Bucket locked, so that
 * nobody changes the word but readers that leave, and there are none.
 */
static void
hand_over(struct rwlock *rw, bool writer_first, uintptr_t kept)
{
	struct thread *td = NULL;
	struct threadq heirs;
	uintptr_t word = kept;

	TAILQ_INIT(&heirs);
	if (kept == 0 && (writer_first || !sleepq_any(reader_chan(rw))))
		td = sleepq_take(writer_chan(rw));
	if (td != NULL) {
		word = (uintptr_t)td | RW_WRITE;
		TAILQ_INSERT_TAIL(&heirs, td, td_link);
	} else {
		while ((td = sleepq_take(reader_chan(rw))) != NULL) {
			word += RW_READER;
			TAILQ_INSERT_TAIL(&heirs, td, td_link);
		}
	}
	if (sleepq_any(writer_chan(rw)))
		word |= RW_WAITERS | RW_WANTED;
	else if (sleepq_any(reader_chan(rw)))
		word |= RW_WAITERS;
	atomic_store_explicit(&rw->rw_word, word, memory_order_release);
	while ((td = TAILQ_FIRST(&heirs)) != NULL) {
		TAILQ_REMOVE(&heirs, td, td_link);
		sched_woken(td);
	}
}

/* The rest of rw_exit(): somebody waits. */
static __noinline void
write_exit_slow(struct rwlock *rw)
{
	struct spin *bucket = sleepq_enter(reader_chan(rw));

	hand_over(rw, false, 0);
	spin_exit(bucket);
}

/* The last reader of a lock that is waited for hands it over. */
static __noinline void
read_exit_slow(struct rwlock *rw)
{
	struct spin *bucket = sleepq_enter(reader_chan(rw));
	uintptr_t old;

	/* Acquire: for the heirs, who take our word for what others read. */
	old = atomic_fetch_sub_explicit(&rw->rw_word, RW_READER,
	    memory_order_acquire);
	KASSERT(old >= RW_READER && (old & RW_WRITE) == 0);
	if (old < 2 * RW_READER)
		hand_over(rw, true, 0);
	spin_exit(bucket);
}

bool
rw_write_held(const struct rwlock *rw)
{
	uintptr_t word;

	word = atomic_load_explicit(&rw->rw_word, memory_order_relaxed);
	return (word & RW_WRITE) != 0 &&
	       (word & ~RW_FLAGS) == (uintptr_t)curthread();
}

void
rw_exit(struct rwlock *rw)
{
	struct thread *td = curthread();
	uintptr_t old;

	old = atomic_load_explicit(&rw->rw_word, memory_order_relaxed);
	if ((old & RW_WRITE) != 0) {
		KASSERT((old & ~RW_FLAGS) == (uintptr_t)td);
		lock_rank_untake(td, rw->rw_rank + rw->rw_nested);
		old = (uintptr_t)td | RW_WRITE;
		if (__predict_false(
			!atomic_compare_exchange_strong_explicit(&rw->rw_word,
			    &old, 0, memory_order_release,
			    memory_order_relaxed)))
			write_exit_slow(rw);
		return;
	}
	lock_rank_untake(td, rw->rw_rank);
	do {
		KASSERT(old >= RW_READER && (old & RW_WRITE) == 0);
		if (old < 2 * RW_READER && (old & RW_WAITERS) != 0) {
			read_exit_slow(rw);
			return;
		}
	} while (!atomic_compare_exchange_weak_explicit(&rw->rw_word, &old,
	    old - RW_READER, memory_order_release, memory_order_relaxed));
}

void
rw_downgrade(struct rwlock *rw)
{
	uintptr_t old = (uintptr_t)curthread() | RW_WRITE;
	struct spin *bucket;

	KASSERT(rw_write_held(rw));
	KASSERT(!rw->rw_nested);
	if (atomic_compare_exchange_strong_explicit(&rw->rw_word, &old,
		RW_READER, memory_order_release, memory_order_relaxed))
		return;
	bucket = sleepq_enter(reader_chan(rw));
	hand_over(rw, false, RW_READER);
	spin_exit(bucket);
}

bool
rw_held(const struct rwlock *rw)
{
	uintptr_t word;

	word = atomic_load_explicit(&rw->rw_word, memory_order_relaxed);
	return (word & RW_WRITE) != 0 ? rw_write_held(rw) : word >= RW_READER;
}
