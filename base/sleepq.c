/*
 * sleepq.c: sleeping and waking.
 *
 * A thread that sleeps hangs on the bucket that its wait channel hashes to;
 * td_wchan is the channel while it does.  Who takes it off the bucket, under
 * the bucket's lock, says why in td_werror and makes it ready; nobody else
 * does, so a sleep ends once.
 *
 * A thread queues itself before it releases the lock that guards what it waits
 * for.  From then on it may be woken, though it is still on its way out: see
 * sched.c.  Preemption is off meanwhile, because being preempted would be
 * to sleep with the lock held.
 *
 * A signal sets td_sigpend, then looks for a channel; the sleeper sets the
 * channel, then looks for signals; with fences between, one sees the other.
 */
#include <base/thread.h>

#include <port/machdep.h>
#include <sys/errno.h>

#include "base_impl.h"

#define NBUCKET 256

/*
 * Protection:
 *	b	sb_lock
 */
struct bucket {
	struct spin sb_lock;
	struct threadq sb_threads; /* [b] longest waiting first */
} __aligned(CACHELINE);

static struct bucket buckets[NBUCKET];

void
sleepq_init(void)
{
	u_int i;

	for (i = 0; i < NBUCKET; i++) {
		spin_init(&buckets[i].sb_lock, RANK_SLEEPQ);
		TAILQ_INIT(&buckets[i].sb_threads);
	}
}

/* Addresses in the same eight bytes share a bucket; rwlock.c counts on it. */
static struct bucket *
bucket_of(const void *chan)
{
	uint64_t h = (uint64_t)(uintptr_t)chan >> 3;

	KASSERT(chan != NULL);
	h *= 0x9e3779b97f4a7c15; /* 2^64 / golden ratio */
	return &buckets[h >> 56];
}
_Static_assert(NBUCKET == 256, "the top byte of the hash");

static const void *
wchan(const struct thread *td)
{
	return atomic_load_explicit(&td->td_wchan, memory_order_relaxed);
}

struct spin *
sleepq_enter(const void *chan)
{
	struct bucket *b = bucket_of(chan);

	spin_enter(&b->sb_lock);
	return &b->sb_lock;
}

/* The caller, from here on a sleeper, joins its bucket, which is locked. */
static void
queue_self(struct bucket *b, const void *chan, const char *why, bool intr,
    enum thread_state state)
{
	struct thread *td = curthread();

	KASSERT(spin_held(&b->sb_lock));
	KASSERT(wchan(td) == NULL && thread_state(td) == TD_RUNNING);
	KASSERT(td != curcpu()->cpu_idle);
	td->td_wmesg = why;
	td->td_intr = intr;
	td->td_werror = 0;
	td->td_slept = md_time_ns();
	thread_setstate(td, state);
	atomic_store_explicit(&td->td_wchan, chan, memory_order_relaxed);
	TAILQ_INSERT_TAIL(&b->sb_threads, td, td_link);
}

/* td leaves its bucket, which is locked.  The caller makes it ready. */
static void
unqueue(struct bucket *b, struct thread *td, int error)
{
	KASSERT(spin_held(&b->sb_lock));
	KASSERT(bucket_of(wchan(td)) == b);
	TAILQ_REMOVE(&b->sb_threads, td, td_link);
	td->td_werror = error;
	atomic_store_explicit(&td->td_wchan, NULL, memory_order_relaxed);
}

/*
 * Leave the CPU after queue_self().  Preemption is disabled, by the caller
 * alone, and enabled again.
 */
static void
switch_away(void)
{
	KASSERT(md_intr_enabled());
	KASSERT(!cpu_in_intr());
	md_intr_disable();
	sched_switch();
	md_intr_restore(true);
	KASSERT(wchan(curthread()) == NULL);
	preempt_enable();
}

void
sleepq_block(struct spin *bucket, const void *chan, const char *why)
{
	struct bucket *b = container_of(bucket, struct bucket, sb_lock);

	preempt_disable();
	queue_self(b, chan, why, false, TD_SLEEP);
	spin_exit(bucket);
	switch_away();
}

struct thread *
sleepq_take(const void *chan)
{
	struct bucket *b = bucket_of(chan);
	struct thread *td;

	TAILQ_FOREACH(td, &b->sb_threads, td_link) {
		if (wchan(td) == chan) {
			unqueue(b, td, 0);
			return td;
		}
	}
	return NULL;
}

bool
sleepq_any(const void *chan)
{
	struct bucket *b = bucket_of(chan);
	struct thread *td;

	KASSERT(spin_held(&b->sb_lock));
	TAILQ_FOREACH(td, &b->sb_threads, td_link) {
		if (wchan(td) == chan)
			return true;
	}
	return false;
}

/*
 * End td's sleep with error: any sleep, one that may be interrupted, or
 * a stop.  td stays a thread meanwhile; it may wake, and sleep elsewhere.
 */
enum which { SLEEP_ANY, SLEEP_INTERRUPTIBLE, SLEEP_STOP };

static void
end_sleep(struct thread *td, enum which which, int error)
{
	const void *chan;
	struct bucket *b;
	bool ours;

	atomic_thread_fence(memory_order_seq_cst);
	while ((chan = wchan(td)) != NULL) {
		b = bucket_of(chan);
		spin_enter(&b->sb_lock);
		if (wchan(td) == chan) {
			ours = which == SLEEP_ANY ||
			       (which == SLEEP_INTERRUPTIBLE && td->td_intr) ||
			       (which == SLEEP_STOP &&
				   thread_state(td) == TD_STOPPED);
			if (ours) {
				unqueue(b, td, error);
				sched_woken(td);
			}
			spin_exit(&b->sb_lock);
			return;
		}
		spin_exit(&b->sb_lock);
	}
}

static void
sleep_expired(void *arg)
{
	end_sleep(arg, SLEEP_ANY, ETIMEDOUT);
}

/*
 * The second half of a sleep: the caller is queued, its lock released.
 * Preemption is disabled once, and enabled on return.
 */
static int
sleep_wait(u_int flags, uint64_t deadline)
{
	struct thread *td = curthread();
	struct timeout to;

	if ((flags & SLEEP_INTR) != 0) {
		atomic_thread_fence(memory_order_seq_cst);
		if (atomic_load_explicit(&td->td_sigpend, memory_order_relaxed))
			end_sleep(td, SLEEP_ANY, EINTR);
	}
	if (deadline != 0) {
		timeout_init(&to, sleep_expired, td);
		timeout_set(&to, deadline);
	}
	switch_away();
	if (deadline != 0)
		timeout_drain(&to);
	return td->td_werror;
}

/* The first half: queue the caller, with preemption disabled once more. */
static struct bucket *
sleep_begin(const void *chan, u_int flags, const char *why,
    enum thread_state state)
{
	struct bucket *b = bucket_of(chan);

	KASSERT((flags & ~SLEEP_INTR) == 0);
	KASSERT(curthread()->td_epoch == 0);
	preempt_disable();
	spin_enter(&b->sb_lock);
	queue_self(b, chan, why, (flags & SLEEP_INTR) != 0, state);
	return b;
}

static int
sleep_spin_state(const void *chan, struct spin *l, u_int flags,
    uint64_t deadline, const char *why, enum thread_state state)
{
	struct bucket *b;
	u_int depth;
	int error;

	KASSERT(spin_held(l) && l->sp_rank < RANK_SLEEPQ);
	KASSERT(curthread()->td_nopreempt == 1); /* no lock but l */
	b = sleep_begin(chan, flags, why, state);
	spin_pass(l, &b->sb_lock);
	spin_exit(&b->sb_lock);
	depth = big_release_all();
	error = sleep_wait(flags, deadline);
	big_reacquire(depth);
	spin_enter(l);
	return error;
}

int
sleep_spin(const void *chan, struct spin *l, u_int flags, uint64_t deadline,
    const char *why)
{
	return sleep_spin_state(chan, l, flags, deadline, why, TD_SLEEP);
}

int
sleep_mutex(const void *chan, struct mutex *m, u_int flags, uint64_t deadline,
    const char *why)
{
	struct bucket *b;
	u_int depth;
	int error;

	KASSERT(mutex_held(m));
	KASSERT(curthread()->td_nopreempt == 0);
	b = sleep_begin(chan, flags, why, TD_SLEEP);
	spin_exit(&b->sb_lock);
	mutex_exit(m);
	depth = big_release_all();
	error = sleep_wait(flags, deadline);
	big_reacquire(depth);
	mutex_enter(m);
	return error;
}

int
sleep_rw(const void *chan, struct rwlock *rw, u_int flags, uint64_t deadline,
    const char *why)
{
	struct bucket *b;
	u_int depth;
	int error;

	KASSERT(rw_write_held(rw) && !rw->rw_nested);
	KASSERT(curthread()->td_nopreempt == 0);
	b = sleep_begin(chan, flags, why, TD_SLEEP);
	spin_exit(&b->sb_lock);
	rw_exit(rw);
	depth = big_release_all();
	error = sleep_wait(flags, deadline);
	big_reacquire(depth);
	rw_write_enter(rw);
	return error;
}

uint64_t
sleep_deadline(uint64_t ns)
{
	return md_time_ns() + ns;
}

int
sleep_until(uint64_t deadline, u_int flags, const char *why)
{
	struct spin l = SPIN_INITIALIZER(RANK_SIG);
	int error;

	KASSERT(deadline != 0);
	spin_enter(&l);
	error = sleep_spin(&l, &l, flags, deadline, why);
	spin_exit(&l);
	return error;
}

void
wakeup(const void *chan)
{
	struct bucket *b = bucket_of(chan);
	struct thread *td, *next;

	spin_enter(&b->sb_lock);
	TAILQ_FOREACH_SAFE(td, &b->sb_threads, td_link, next) {
		if (wchan(td) == chan) {
			unqueue(b, td, 0);
			sched_woken(td);
		}
	}
	spin_exit(&b->sb_lock);
}

void
wakeup_one(const void *chan)
{
	struct bucket *b = bucket_of(chan);
	struct thread *td;

	spin_enter(&b->sb_lock);
	td = sleepq_take(chan);
	if (td != NULL)
		sched_woken(td);
	spin_exit(&b->sb_lock);
}

void
thread_interrupt(struct thread *td)
{
	end_sleep(td, SLEEP_INTERRUPTIBLE, EINTR);
}

void
thread_stop(struct spin *l)
{
	struct thread *td = curthread();

	sleep_spin_state(&td->td_state, l, 0, 0, "stopped", TD_STOPPED);
}

void
thread_wake(struct thread *td)
{
	end_sleep(td, SLEEP_STOP, 0);
}

/* Whoever hangs on a bucket sleeps on a channel that hashes to it. */
void
sleepq_verify(void)
{
	struct thread *td;
	struct bucket *b;

	for (b = buckets; b < buckets + NBUCKET; b++) {
		spin_enter(&b->sb_lock);
		TAILQ_FOREACH(td, &b->sb_threads, td_link) {
			KASSERT(wchan(td) != NULL);
			KASSERT(bucket_of(wchan(td)) == b);
			KASSERT(thread_state(td) == TD_SLEEP ||
				thread_state(td) == TD_STOPPED);
		}
		spin_exit(&b->sb_lock);
	}
}
