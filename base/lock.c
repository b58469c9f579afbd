/*
 * lock.c: ranks, spin locks, mutexes and the big lock.
 *
 * A thread keeps the ranks it holds as a bit set, td_ranks.  Interrupt
 * handlers use the set of the thread they interrupt: what they take is ranked
 * above whatever a thread can hold with interrupts on, and they leave the set
 * as they found it.
 *
 * After a panic nobody waits for a lock: the CPU that panics walks through,
 * the others stop where they would wait.
 */
#include <base/lock.h>

#include <port/machdep.h>
#include <base/cpu.h>
#include <base/thread.h>

#include "base_impl.h"

static struct mutex big_lock = MUTEX_INITIALIZER(RANK_BIG);

#define RANKBIT(r) ((uint64_t)1 << (r))

/*
 * Ranks.
 */

__unlikely_call void
lock_rank_violation(const struct thread *td, u_int r)
{
	if (!atomic_load_explicit(&panicking, memory_order_relaxed))
		panic("lock order: rank %u wanted, held %#lx", r,
		    (u_long)td->td_ranks);
}

void
lock_rank_hold(u_int r)
{
	KASSERT(r > RANK_NONE && r < RANK_MAX);
	lock_rank_take(curthread(), r);
}

void
lock_rank_note(u_int r)
{
	struct thread *td = curthread();

	KASSERT((td->td_ranks & RANKBIT(r)) == 0);
	td->td_ranks |= RANKBIT(r);
}

void
lock_rank_drop(u_int r)
{
	lock_rank_untake(curthread(), r);
}

void
lock_rank_enter(enum lock_rank rank)
{
	struct thread *td = curthread();

	KASSERT(td->td_nopreempt > 0);
	KASSERT(rank >= RANK_SPIN && rank < RANK_MAX);
	lock_rank_take(td, rank);
}

void
lock_rank_exit(enum lock_rank rank)
{
	lock_rank_untake(curthread(), rank);
}

bool
lock_none_above(enum lock_rank r)
{
	return curthread()->td_ranks >> r == 0;
}

bool
lock_none(void)
{
	return curthread()->td_ranks == 0;
}

/*
 * Spin locks.
 */

void
spin_init(struct spin *l, enum lock_rank rank)
{
	KASSERT(rank >= RANK_SPIN && rank < RANK_MAX);
	atomic_init(&l->sp_owner, NULL);
	l->sp_rank = rank;
	l->sp_intr = false;
}

/* Take l for the calling thread if it is free.  Preemption disabled. */
static inline bool
spin_acquire(struct spin *l, struct thread *self)
{
	struct thread *free = NULL;

	return atomic_compare_exchange_strong_explicit(&l->sp_owner, &free,
	    self, memory_order_acquire, memory_order_relaxed);
}

/*
 * Another CPU holds l.  True: this CPU is the one that panics, and takes the
 * lock away from its holder.
 */
static bool
spin_wait(struct spin *l)
{
	while (
	    atomic_load_explicit(&l->sp_owner, memory_order_relaxed) != NULL) {
		if (atomic_load_explicit(&panicking, memory_order_relaxed)) {
			if (!panic_mine())
				panic_stop();
			atomic_store_explicit(&l->sp_owner, curthread(),
			    memory_order_relaxed);
			return true;
		}
		md_cpu_relax();
	}
	return false;
}

/* The rest of spin_enter(): somebody holds it, or the order is wrong. */
static __unlikely_call void
spin_enter_slow(struct spin *l, bool intr)
{
	KASSERT(!spin_held(l));
	/* Panics also if this thread holds l already. */
	lock_rank_take(curthread(), l->sp_rank);
	while (!spin_acquire(l, curthread())) {
		lockstat_wait(l->sp_rank);
		if (spin_wait(l))
			break;
	}
	l->sp_intr = intr;
}

void
spin_enter(struct spin *l)
{
	struct thread *td = curthread();
	u_int rank = l->sp_rank;
	bool intr = false;

	td->td_nopreempt++;
	atomic_signal_fence(memory_order_seq_cst);
	if (rank >= RANK_INTR)
		intr = md_intr_disable();
	if (__predict_false(
		td->td_ranks >> rank != 0 || !spin_acquire(l, td))) {
		spin_enter_slow(l, intr);
		lockstat_taken(rank, LOCKSTAT_SITE);
		return;
	}
	td->td_ranks |= RANKBIT(rank);
	l->sp_intr = intr;
	lockstat_taken(rank, LOCKSTAT_SITE);
}

bool
spin_try(struct spin *l)
{
	bool intr = false;

	preempt_disable();
	if (l->sp_rank >= RANK_INTR)
		intr = md_intr_disable();
	if (!spin_acquire(l, curthread())) {
		if (l->sp_rank >= RANK_INTR)
			md_intr_restore(intr);
		preempt_enable();
		return false;
	}
	l->sp_intr = intr;
	lock_rank_note(l->sp_rank);
	lockstat_taken(l->sp_rank, LOCKSTAT_SITE);
	return true;
}

void
spin_exit(struct spin *l)
{
	struct thread *td = curthread();
	u_int rank = l->sp_rank;
	bool intr = l->sp_intr;

	KASSERT(spin_held(l));
	lock_rank_untake(td, rank);
	atomic_store_explicit(&l->sp_owner, NULL, memory_order_release);
	if (intr)
		md_intr_restore(true);
	preempt_enable();
}

void
spin_pass(struct spin *outer, struct spin *inner)
{
	KASSERT(spin_held(outer) && spin_held(inner));
	KASSERT(outer->sp_rank < inner->sp_rank);
	if (outer->sp_rank >= RANK_INTR) {
		inner->sp_intr = outer->sp_intr;
		outer->sp_intr = false;
	}
	spin_exit(outer);
}

bool
spin_held(const struct spin *l)
{
	return atomic_load_explicit(&l->sp_owner, memory_order_relaxed) ==
	       curthread();
}

void
cpulock_init(struct cpulock *cl, enum lock_rank rank)
{
	KASSERT(rank >= RANK_SPIN && rank < RANK_INTR);
	atomic_init(&cl->cl_held, false);
	cl->cl_rank = rank;
}

__unlikely_call void
cpulock_wait(struct cpulock *cl)
{
	lockstat_wait(cl->cl_rank);
	do {
		if (atomic_load_explicit(&panicking, memory_order_relaxed)) {
			if (!panic_mine())
				panic_stop();
			return;
		}
		md_cpu_relax();
	} while (
	    atomic_exchange_explicit(&cl->cl_held, true, memory_order_acquire));
}

/*
 * Mutexes.  mx_owner is the owner and MX_WAITERS, which says that somebody
 * may be on the sleep queue; it can stand alone.  Whoever is woken competes
 * with the rest.
 */
#define MX_WAITERS ((uintptr_t)1)
#define MX_SPINS   200

/* Nobody else sleeps on an address inside the word. */
static const void *
mutex_chan(const struct mutex *m)
{
	return (const char *)&m->mx_owner + 1;
}

void
mutex_init(struct mutex *m, enum lock_rank rank)
{
	KASSERT(rank < RANK_SPIN);
	atomic_init(&m->mx_owner, 0);
	m->mx_rank = rank;
}

/* Take m if nobody owns it. */
static bool
mutex_acquire(struct mutex *m, struct thread *td)
{
	uintptr_t old;

	old = atomic_load_explicit(&m->mx_owner, memory_order_relaxed);
	do {
		if ((old & ~MX_WAITERS) != 0)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&m->mx_owner, &old,
	    old | (uintptr_t)td, memory_order_acquire, memory_order_relaxed));
	return true;
}

/* Sleep until m may be free. */
static void
mutex_wait(struct mutex *m)
{
	struct spin *bucket;
	uintptr_t old;

	bucket = sleepq_enter(mutex_chan(m));
	old = atomic_load_explicit(&m->mx_owner, memory_order_relaxed);
	do {
		if ((old & ~MX_WAITERS) == 0) {
			spin_exit(bucket);
			return;
		}
	} while (!atomic_compare_exchange_weak_explicit(&m->mx_owner, &old,
	    old | MX_WAITERS, memory_order_relaxed, memory_order_relaxed));
	sleepq_block(bucket, mutex_chan(m), "mutex");
}

/* The rest of mutex_enter(): somebody owns it, or has left waiters. */
static __unlikely_call void
mutex_enter_slow(struct mutex *m)
{
	struct thread *td = curthread();
	u_int spins;

	KASSERT(td->td_nopreempt == 0);
	KASSERT(!mutex_held(m));
	lock_rank_take(td, m->mx_rank);
	for (spins = 0; !mutex_acquire(m, td); spins++) {
		lockstat_wait(m->mx_rank);
		if (atomic_load_explicit(&panicking, memory_order_relaxed)) {
			if (!panic_mine())
				panic_stop();
			atomic_store_explicit(&m->mx_owner, (uintptr_t)td,
			    memory_order_relaxed);
			break;
		}
		if (cpu_count() > 1 && spins < MX_SPINS)
			md_cpu_relax();
		else
			mutex_wait(m);
	}
	KASSERT(mutex_held(m));
}

void
mutex_enter(struct mutex *m)
{
	struct thread *td = curthread();
	u_int rank = m->mx_rank;
	uintptr_t free = 0;

	if (__predict_false(
		td->td_nopreempt != 0 || td->td_ranks >> rank != 0 ||
		!atomic_compare_exchange_strong_explicit(&m->mx_owner, &free,
		    (uintptr_t)td, memory_order_acquire,
		    memory_order_relaxed))) {
		mutex_enter_slow(m);
		lockstat_taken(rank, LOCKSTAT_SITE);
		return;
	}
	td->td_ranks |= RANKBIT(rank);
	lockstat_taken(rank, LOCKSTAT_SITE);
}

bool
mutex_try(struct mutex *m)
{
	struct thread *td = curthread();

	if (!mutex_acquire(m, td))
		return false;
	lock_rank_note(m->mx_rank);
	lockstat_taken(m->mx_rank, LOCKSTAT_SITE);
	return true;
}

/* The rest of mutex_exit(): somebody may wait. */
static __unlikely_call void
mutex_exit_slow(struct mutex *m)
{
	struct spin *bucket;
	struct thread *next;

	bucket = sleepq_enter(mutex_chan(m));
	next = sleepq_take(mutex_chan(m));
	atomic_store_explicit(&m->mx_owner,
	    sleepq_any(mutex_chan(m)) ? MX_WAITERS : 0, memory_order_release);
	if (next != NULL)
		sched_woken(next);
	spin_exit(bucket);
}

void
mutex_exit(struct mutex *m)
{
	struct thread *td = curthread();
	uintptr_t old = (uintptr_t)td;

	KASSERT(mutex_held(m));
	lock_rank_untake(td, m->mx_rank);
	if (__predict_false(
		!atomic_compare_exchange_strong_explicit(&m->mx_owner, &old, 0,
		    memory_order_release, memory_order_relaxed)))
		mutex_exit_slow(m);
}

bool
mutex_held(const struct mutex *m)
{
	return (atomic_load_explicit(&m->mx_owner, memory_order_relaxed) &
		   ~MX_WAITERS) == (uintptr_t)curthread();
}

/*
 * The big lock.
 */

void
big_enter(void)
{
	struct thread *td = curthread();

	if (td->td_bigdepth == 0) {
		mutex_enter(&big_lock);
		lockstat_taken(RANK_BIG, LOCKSTAT_SITE);
	}
	KASSERT(mutex_held(&big_lock));
	td->td_bigdepth++;
	KASSERT(td->td_bigdepth != 0);
}

void
big_exit(void)
{
	struct thread *td = curthread();

	KASSERT(td->td_bigdepth > 0);
	if (--td->td_bigdepth == 0)
		mutex_exit(&big_lock);
}

bool
big_held(void)
{
	return curthread()->td_bigdepth > 0;
}

u_int
big_release_all(void)
{
	struct thread *td = curthread();
	u_int depth = td->td_bigdepth;

	if (depth > 0) {
		td->td_bigdepth = 0;
		mutex_exit(&big_lock);
	}
	return depth;
}

void
big_reacquire(u_int depth)
{
	if (depth > 0) {
		KASSERT(!big_held());
		mutex_enter(&big_lock);
		curthread()->td_bigdepth = depth;
	}
}
