/*
 * Locks: exclusion, order of ranks, handing over, the big lock.
 */
#include "ktest.h"

#include <md/inline.h>
#include <base/lock.h>
#include <base/thread.h>

/*
 * Ranks.
 */
static struct spin low = SPIN_INITIALIZER(RANK_PV);
static struct spin high = SPIN_INITIALIZER(RANK_PHYS);

static void
wrong_order(void *arg __unused)
{
	spin_enter(&high);
	spin_enter(&low);
}

static void
same_rank(void *arg __unused)
{
	struct spin other = SPIN_INITIALIZER(RANK_PV);

	spin_enter(&low);
	spin_enter(&other);
}

static void
exit_unheld(void *arg __unused)
{
	spin_exit(&low);
}

static void
sleep_under_spin(void *arg)
{
	spin_enter(&low);
	mutex_enter(arg);
}

static void
noted_rank(void *arg __unused)
{
	preempt_disable();
	lock_rank_enter(RANK_TABLE + 1);
	lock_rank_enter(RANK_TABLE);
}

TEST(lock_ranks_rise)
{
	struct mutex m = MUTEX_INITIALIZER(RANK_PROC);

	spin_enter(&low);
	spin_enter(&high);
	CHECK(!lock_none_above(RANK_PHYS) && lock_none_above(RANK_INTR));
	spin_exit(&low);
	CHECK(!lock_none());
	spin_exit(&high);
	CHECK(lock_none());

	CHECK(ktest_panics(wrong_order, NULL, "lock order"));
	spin_init(&low, RANK_PV);
	spin_init(&high, RANK_PHYS);
	CHECK(ktest_panics(same_rank, NULL, "lock order"));
	spin_init(&low, RANK_PV);
	CHECK(ktest_panics(exit_unheld, NULL, "spin_held(l)"));
	CHECK(ktest_panics(sleep_under_spin, &m, "td_nopreempt == 0"));
	spin_init(&low, RANK_PV);
	CHECK(ktest_panics(noted_rank, NULL, "lock order"));
	CHECK(lock_none());
}

/*
 * Spin locks.
 */
TEST(lock_spin_interrupts)
{
	struct spin plain = SPIN_INITIALIZER(RANK_PHYS);
	struct spin intr = SPIN_INITIALIZER(RANK_SIG);

	CHECK(md_intr_enabled());
	spin_enter(&plain);
	CHECK(md_intr_enabled() && curthread()->td_nopreempt == 1);
	spin_enter(&intr);
	CHECK(!md_intr_enabled());
	CHECK(spin_held(&plain) && spin_held(&intr));
	spin_exit(&intr);
	CHECK(md_intr_enabled() && !spin_held(&intr));
	spin_exit(&plain);
	CHECK(curthread()->td_nopreempt == 0);

	CHECK(spin_try(&intr));
	CHECK(!md_intr_enabled());
	spin_exit(&intr);
	CHECK(md_intr_enabled());
}

#define NTHREAD 4
#define NROUND  300

static struct spin counter_lock = SPIN_INITIALIZER(RANK_PHYS);
static struct mutex counter_mutex = MUTEX_INITIALIZER(RANK_PROC);
static struct rwlock counter_rw = RW_INITIALIZER(RANK_MAP);
static u_int counter;

/* Only exclusion keeps the sum right: the old value is held over a pause. */
static void
count_slowly(void (*pause)(void))
{
	u_int old = counter;

	pause();
	counter = old + 1;
}

static void
spin_counter(void *arg __unused)
{
	u_int i;

	for (i = 0; i < NROUND; i++) {
		spin_enter(&counter_lock);
		count_slowly(md_cpu_relax);
		spin_exit(&counter_lock);
	}
}

static void
mutex_counter(void *arg __unused)
{
	u_int i;

	for (i = 0; i < NROUND; i++) {
		mutex_enter(&counter_mutex);
		count_slowly(thread_yield);
		mutex_exit(&counter_mutex);
		if (ktest_random() % 4 == 0)
			thread_yield();
	}
}

static void
big_counter(void *arg __unused)
{
	u_int i;

	for (i = 0; i < NROUND; i++) {
		big_enter();
		big_enter();
		count_slowly(thread_yield);
		big_exit();
		big_exit();
	}
}

static void
run_counters(void (*fn)(void *))
{
	struct thread *td[NTHREAD];
	u_int i;

	counter = 0;
	for (i = 0; i < NTHREAD; i++)
		td[i] = ktest_spawn(fn, NULL);
	for (i = 0; i < NTHREAD; i++)
		ktest_join(td[i]);
	CHECK(counter == NTHREAD * NROUND);
}

TEST(lock_spin_excludes)
{
	run_counters(spin_counter);
}

/*
 * Mutexes.
 */
static void
enter_twice(void *arg)
{
	mutex_enter(arg);
	mutex_enter(arg);
}

static void
mutex_wrong_order(void *arg)
{
	struct mutex outer = MUTEX_INITIALIZER(RANK_PROCTREE);

	mutex_enter(arg);
	mutex_enter(&outer);
}

TEST(lock_mutex)
{
	struct mutex m;

	mutex_init(&m, RANK_PROC);
	mutex_enter(&m);
	CHECK(mutex_held(&m));
	mutex_exit(&m);
	CHECK(!mutex_held(&m));
	CHECK(mutex_try(&m));
	mutex_exit(&m);
	CHECK(ktest_panics(enter_twice, &m, "!mutex_held(m)"));
	mutex_init(&m, RANK_PROC);
	CHECK(ktest_panics(mutex_wrong_order, &m, "lock order"));
}

TEST(lock_mutex_excludes)
{
	run_counters(mutex_counter);
}

TEST(lock_big_excludes)
{
	run_counters(big_counter);
}

TEST(lock_big_recursion)
{
	u_int depth;

	big_enter();
	big_enter();
	big_enter();
	depth = big_release_all();
	CHECK(depth == 3 && !big_held() && lock_none());
	big_reacquire(depth);
	big_exit();
	big_exit();
	CHECK(big_held());
	big_exit();
	CHECK(!big_held() && big_release_all() == 0);
	big_reacquire(0);
	CHECK(!big_held());
}

/*
 * Read/write locks.  The counter is written by writers and must not change
 * while a reader looks.
 */
static _Atomic(u_int) readers;

static void
rw_counter(void *arg __unused)
{
	u_int i, seen;

	for (i = 0; i < NROUND; i++) {
		if (ktest_random() % 3 == 0) {
			rw_write_enter(&counter_rw);
			CHECK(readers == 0);
			count_slowly(thread_yield);
			if (ktest_random() % 2 == 0)
				rw_downgrade(&counter_rw);
			rw_exit(&counter_rw);
			continue;
		}
		rw_read_enter(&counter_rw);
		readers++;
		seen = counter;
		thread_yield();
		CHECK(counter == seen && rw_held(&counter_rw));
		readers--;
		rw_exit(&counter_rw);
	}
}

TEST(lock_rw_excludes)
{
	struct thread *td[NTHREAD];
	u_int i;

	counter = 0;
	for (i = 0; i < NTHREAD; i++)
		td[i] = ktest_spawn(rw_counter, NULL);
	for (i = 0; i < NTHREAD; i++)
		ktest_join(td[i]);
	CHECK(readers == 0);
	CHECK(!rw_held(&counter_rw));
}

/* Readers share: each waits inside until all are. */
static void
meeting_reader(void *arg __unused)
{
	rw_read_enter(&counter_rw);
	readers++;
	while (readers < NTHREAD)
		thread_yield();
	rw_exit(&counter_rw);
}

TEST(lock_rw_readers_share)
{
	struct thread *td[NTHREAD];
	u_int i;

	readers = 0;
	for (i = 0; i < NTHREAD; i++)
		td[i] = ktest_spawn(meeting_reader, NULL);
	for (i = 0; i < NTHREAD; i++)
		ktest_join(td[i]);
	CHECK(readers == NTHREAD);
	readers = 0;
}

TEST(lock_rw_modes)
{
	struct rwlock outer, inner;

	rw_init(&outer, RANK_MAP);
	rw_init(&inner, RANK_MAP);
	rw_write_enter(&outer);
	rw_write_enter_nested(&inner);
	CHECK(rw_write_held(&outer) && rw_write_held(&inner));
	CHECK(!rw_read_try(&inner) && !rw_write_try(&inner));
	rw_exit(&inner);
	rw_downgrade(&outer);
	CHECK(!rw_write_held(&outer) && rw_held(&outer));
	rw_exit(&outer);
	CHECK(lock_none() && !rw_held(&outer) && !rw_held(&inner));
	CHECK(rw_write_try(&outer));
	rw_exit(&outer);
	CHECK(rw_read_try(&outer));
	rw_exit(&outer);
	rw_write_enter(&outer);
	rw_exit(&outer);
}

/* A writer that waits keeps new readers out, and comes next. */
static struct rwlock fair = RW_INITIALIZER(RANK_MAP);
static _Atomic(u_int) order, writer_at, reader_at;

static void
late_writer(void *arg __unused)
{
	rw_write_enter(&fair);
	writer_at = ++order;
	rw_exit(&fair);
}

static void
later_reader(void *arg __unused)
{
	rw_read_enter(&fair);
	reader_at = ++order;
	rw_exit(&fair);
}

/* Until td sleeps. */
static void
await_sleep(const struct thread *td)
{
	while (thread_state(td) != TD_SLEEP)
		thread_yield();
}

TEST(lock_rw_writer_waits_least)
{
	struct thread *w, *r;

	order = 0;
	rw_read_enter(&fair);
	w = ktest_spawn(late_writer, NULL);
	await_sleep(w);
	CHECK(!rw_read_try(&fair));
	r = ktest_spawn(later_reader, NULL);
	await_sleep(r);
	CHECK(order == 0);
	rw_exit(&fair);
	ktest_join(w);
	ktest_join(r);
	CHECK(writer_at == 1 && reader_at == 2);
}
