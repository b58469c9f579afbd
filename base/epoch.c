/*
 * epoch.c: safe memory reclamation by epochs.
 *
 * The global epoch only grows.  A CPU that enters a section publishes the epoch
 * it saw; the global epoch advances from g only when every section that is
 * open saw g.  So when it has advanced twice since something was unlinked, no
 * section that could have found it is left.  (K. Fraser, Practical lock-freedom,
 * 2004, section 5.2.3.)
 *
 * A section publishes, then reads what it came for; who reclaims unlinks, then
 * reads what sections published.  A fence stands between on both sides.
 *
 * Callbacks wait on a list of the CPU that asked for them, oldest first.  One
 * thread (epoch_thread.c) runs those of all CPUs; epoch_drain() and whoever
 * else likes may help.
 */
#include <base/epoch.h>

#include <port/machdep.h>
#include <base/thread.h>

#include "base_impl.h"

/* cpu_epoch: the epoch shifted by one, and this: a section is open. */
#define EPOCH_OPEN 1u

#define GRACE    2 /* advances until an entry may be reclaimed */
#define RETRY_NS 100000ull
#define SPINS    100
#define SETTLE   8 /* turns; two do where nobody else gives */

/*
 * Protection:
 *	l	el_lock
 *	a	C11 atomic
 */
struct epoch_list {
	struct spin el_lock;
	struct epoch_entry *el_first; /* [l] oldest */
	struct epoch_entry **el_end;  /* [l] */
	_Atomic(u_long) el_pending;   /* [a] given and not yet run */
} __aligned(CACHELINE);

static _Atomic(uint64_t) global_epoch = GRACE;
static struct epoch_list lists[MAXCPU];

void
epoch_enter(void)
{
	struct thread *td = curthread();
	uint64_t epoch;

	preempt_disable();
	if (td->td_epoch++ > 0)
		return;
	epoch = atomic_load_explicit(&global_epoch, memory_order_relaxed);
	atomic_store_explicit(&curcpu()->cpu_epoch, epoch << 1 | EPOCH_OPEN,
	    memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

void
epoch_exit(void)
{
	struct thread *td = curthread();

	KASSERT(td->td_epoch > 0);
	if (--td->td_epoch == 0)
		atomic_store_explicit(&curcpu()->cpu_epoch, 0,
		    memory_order_release);
	preempt_enable();
}

/* Advance the global epoch if every open section allows it. */
static bool
try_advance(void)
{
	uint64_t epoch, seen;
	u_int id;

	epoch = atomic_load_explicit(&global_epoch, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	for (id = 0; id < cpu_count(); id++) {
		seen = atomic_load_explicit(&cpu_table[id]->cpu_epoch,
		    memory_order_relaxed);
		if ((seen & EPOCH_OPEN) != 0 && seen >> 1 != epoch)
			return false;
	}
	atomic_thread_fence(memory_order_acquire);
	/* Losing is as good: somebody else advanced it. */
	atomic_compare_exchange_strong_explicit(&global_epoch, &epoch,
	    epoch + 1, memory_order_release, memory_order_relaxed);
	return true;
}

void
epoch_call(struct epoch_entry *e, void (*fn)(struct epoch_entry *))
{
	struct epoch_list *el;

	KASSERT(fn != NULL);
	e->ee_next = NULL;
	e->ee_fn = fn;
	preempt_disable();
	el = &lists[curcpu()->cpu_id];
	spin_enter(&el->el_lock);
	/* After the caller's unlinking; under the lock, so the list rises. */
	atomic_thread_fence(memory_order_seq_cst);
	e->ee_epoch = atomic_load_explicit(&global_epoch, memory_order_relaxed);
	*el->el_end = e;
	el->el_end = &e->ee_next;
	atomic_fetch_add_explicit(&el->el_pending, 1, memory_order_relaxed);
	spin_exit(&el->el_lock);
	epoch_kick();
	preempt_enable();
}

/* The oldest entry of el if its time has come, removed; else NULL. */
static struct epoch_entry *
take_ripe(struct epoch_list *el)
{
	struct epoch_entry *e;

	spin_enter(&el->el_lock);
	e = el->el_first;
	if (e != NULL &&
	    e->ee_epoch + GRACE <=
		atomic_load_explicit(&global_epoch, memory_order_acquire)) {
		el->el_first = e->ee_next;
		if (el->el_first == NULL)
			el->el_end = &el->el_first;
	} else
		e = NULL;
	spin_exit(&el->el_lock);
	return e;
}

void
epoch_poll(void)
{
	struct epoch_entry *e;
	struct epoch_list *el;

	KASSERT(curthread()->td_epoch == 0 && lock_none_above(RANK_SPIN));
	try_advance();
	for (el = lists; el < lists + cpu_count(); el++) {
		if (atomic_load_explicit(&el->el_pending,
			memory_order_relaxed) == 0)
			continue;
		while ((e = take_ripe(el)) != NULL) {
			e->ee_fn(e);
			atomic_fetch_sub_explicit(&el->el_pending, 1,
			    memory_order_release);
		}
	}
}

u_long
epoch_pending(void)
{
	struct epoch_list *el;
	u_long n = 0;

	for (el = lists; el < lists + cpu_count(); el++)
		n +=
		    atomic_load_explicit(&el->el_pending, memory_order_acquire);
	return n;
}

void
epoch_wait(void)
{
	uint64_t until;
	u_int spins;

	KASSERT(curthread()->td_epoch == 0 && lock_none_above(RANK_SPIN));
	atomic_thread_fence(memory_order_seq_cst);
	until =
	    GRACE + atomic_load_explicit(&global_epoch, memory_order_relaxed);
	for (spins = 0;
	     atomic_load_explicit(&global_epoch, memory_order_acquire) < until;
	     spins++) {
		if (try_advance())
			continue;
		if (spins < SPINS)
			md_cpu_relax();
		else
			sleep_until(md_time_ns() + RETRY_NS, 0, "epoch");
	}
}

/* False: nothing is left. */
static bool
drain_turn(void)
{
	epoch_poll();
	if (epoch_pending() == 0)
		return false;
	epoch_wait();
	/* Callbacks that the worker began may still run. */
	thread_yield();
	return true;
}

void
epoch_drain(void)
{
	while (drain_turn())
		continue;
}

void
epoch_settle(void)
{
	u_int turns = 0;

	while (turns++ < SETTLE && drain_turn())
		continue;
}

void
epoch_init(void)
{
	u_int i;

	for (i = 0; i < MAXCPU; i++) {
		spin_init(&lists[i].el_lock, RANK_EPOCH);
		lists[i].el_end = &lists[i].el_first;
	}
}
