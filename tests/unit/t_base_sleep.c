/*
 * Sleeping: no wake-up is lost, and each end of a sleep is told apart.
 */
#include "ktest.h"

#include <sys/errno.h>
#include <port/machdep.h>
#include <base/thread.h>

#define MS 1000000ull

static struct spin lock = SPIN_INITIALIZER(RANK_SIG);
static struct mutex mtx = MUTEX_INITIALIZER(RANK_PROC);
static struct rwlock rw = RW_INITIALIZER(RANK_MAP);
static u_int turn, rounds;

/* Threads take turns in a ring; each wakes all the others. */
#define RING    4
#define NROUNDS 100

static void
ring_spin(void *arg)
{
	u_int me = (u_int)(uintptr_t)arg, i;

	for (i = 0; i < NROUNDS; i++) {
		spin_enter(&lock);
		while (turn != me)
			CHECK(sleep_spin(&turn, &lock, 0, 0, "turn") == 0);
		turn = (turn + 1) % RING;
		rounds++;
		wakeup(&turn);
		spin_exit(&lock);
	}
}

static void
ring_mutex(void *arg)
{
	u_int me = (u_int)(uintptr_t)arg, i;

	for (i = 0; i < NROUNDS; i++) {
		mutex_enter(&mtx);
		while (turn != me)
			CHECK(sleep_mutex(&turn, &mtx, 0, 0, "turn") == 0);
		turn = (turn + 1) % RING;
		rounds++;
		wakeup(&turn);
		mutex_exit(&mtx);
	}
}

static void
ring_rw(void *arg)
{
	u_int me = (u_int)(uintptr_t)arg, i;

	for (i = 0; i < NROUNDS; i++) {
		rw_write_enter(&rw);
		while (turn != me)
			CHECK(sleep_rw(&turn, &rw, 0, 0, "turn") == 0);
		turn = (turn + 1) % RING;
		rounds++;
		wakeup(&turn);
		rw_exit(&rw);
	}
}

static void
run_ring(void (*fn)(void *))
{
	struct thread *td[RING];
	u_int i;

	turn = rounds = 0;
	for (i = 0; i < RING; i++)
		td[i] = ktest_spawn(fn, (void *)(uintptr_t)i);
	for (i = 0; i < RING; i++)
		ktest_join(td[i]);
	CHECK(rounds == RING * NROUNDS);
}

TEST(sleep_ring_spin)
{
	run_ring(ring_spin);
}

TEST(sleep_ring_mutex)
{
	run_ring(ring_mutex);
}

TEST(sleep_ring_rw)
{
	run_ring(ring_rw);
}

/*
 * One producer, several consumers, wakeup_one(): every token is consumed.
 */
static u_int tokens, consumed;
static bool finished;

static void
consumer(void *arg __unused)
{
	spin_enter(&lock);
	for (;;) {
		while (tokens == 0 && !finished)
			sleep_spin(&tokens, &lock, 0, 0, "token");
		if (tokens == 0)
			break;
		tokens--;
		consumed++;
	}
	spin_exit(&lock);
}

TEST(sleep_wakeup_one)
{
	struct thread *td[3];
	u_int i;

	tokens = consumed = 0;
	finished = false;
	for (i = 0; i < nitems(td); i++)
		td[i] = ktest_spawn(consumer, NULL);
	for (i = 0; i < 200; i++) {
		spin_enter(&lock);
		tokens++;
		wakeup_one(&tokens);
		spin_exit(&lock);
		if (ktest_random() % 4 == 0)
			thread_yield();
	}
	spin_enter(&lock);
	finished = true;
	wakeup(&tokens);
	spin_exit(&lock);
	for (i = 0; i < nitems(td); i++)
		ktest_join(td[i]);
	CHECK(consumed == 200 && tokens == 0);
}

/*
 * Deadlines.
 */
TEST(sleep_deadline)
{
	uint64_t start = md_time_ns();
	int error;

	spin_enter(&lock);
	error = sleep_spin(&turn, &lock, 0, start + 5 * MS, "deadline");
	CHECK(spin_held(&lock));
	spin_exit(&lock);
	CHECK(error == ETIMEDOUT);
	CHECK(md_time_ns() >= start + 5 * MS);

	/* In the past. */
	CHECK(sleep_until(start, 0, "past") == ETIMEDOUT);
	start = md_time_ns();
	CHECK(sleep_until(start + MS, SLEEP_INTR, "until") == ETIMEDOUT);
	CHECK(md_time_ns() >= start + MS);
}

static void
wake_later(void *arg)
{
	sleep_until(md_time_ns() + MS, 0, "later");
	spin_enter(&lock);
	turn = 1;
	wakeup(arg);
	spin_exit(&lock);
}

/* Woken before the deadline: 0, and the timeout is gone. */
TEST(sleep_before_deadline)
{
	uint64_t end = md_time_ns() + 1000 * MS;
	struct thread *td;
	int error = 0;

	turn = 0;
	td = ktest_spawn(wake_later, &turn);
	spin_enter(&lock);
	while (turn == 0 && error == 0)
		error = sleep_spin(&turn, &lock, 0, end, "deadline");
	spin_exit(&lock);
	ktest_join(td);
	CHECK(error == 0);
	CHECK(md_time_ns() < end);
}

/* Deadline against wake-up, close together: whatever wins, nothing hangs. */
static void
racing_sleeper(void *arg __unused)
{
	uint64_t when;
	u_int i;
	int error;

	for (i = 0; i < 100; i++) {
		when = md_time_ns() + ktest_random() % 20000;
		spin_enter(&lock);
		error = sleep_spin(&tokens, &lock, 0, when, "race");
		spin_exit(&lock);
		CHECK(error == 0 || error == ETIMEDOUT);
	}
	spin_enter(&lock);
	finished = true;
	spin_exit(&lock);
}

TEST(sleep_deadline_races_wakeup)
{
	struct thread *td;
	bool over;

	finished = false;
	td = ktest_spawn(racing_sleeper, NULL);
	do {
		sleep_until(md_time_ns() + ktest_random() % 20000, 0, "race");
		spin_enter(&lock);
		wakeup(&tokens);
		over = finished;
		spin_exit(&lock);
	} while (!over);
	ktest_join(td);
}

/*
 * Signals.
 */
static int sleeper_error;

static void
interruptible(void *arg)
{
	u_int flags = arg != NULL ? SLEEP_INTR : 0;

	spin_enter(&lock);
	sleeper_error = sleep_spin(&turn, &lock, flags, 0, "intr");
	spin_exit(&lock);
}

/* Until td sleeps. */
static void
await_sleep(const struct thread *td)
{
	while (thread_state(td) != TD_SLEEP)
		thread_yield();
}

TEST(sleep_interrupted)
{
	struct thread *td;

	td = ktest_spawn(interruptible, &turn);
	await_sleep(td);
	td->td_sigpend = true;
	thread_interrupt(td);
	ktest_join(td);
	CHECK(sleeper_error == EINTR);
}

TEST(sleep_not_interrupted)
{
	struct thread *td;

	sleeper_error = -1;
	td = ktest_spawn(interruptible, NULL);
	await_sleep(td);
	td->td_sigpend = true;
	thread_interrupt(td);
	thread_yield();
	CHECK(thread_state(td) == TD_SLEEP);
	wakeup(&turn);
	ktest_join(td);
	CHECK(sleeper_error == 0);
}

TEST(sleep_with_signal_pending)
{
	struct thread *td = curthread();

	td->td_sigpend = true;
	CHECK(sleep_until(md_time_ns() + MS, SLEEP_INTR, "intr") == EINTR);
	CHECK(sleep_until(md_time_ns() + MS, 0, "intr") == ETIMEDOUT);
	td->td_sigpend = false;
}

/*
 * Stops.
 */
static bool stop_asked;
static u_int resumed;

static void
stopper(void *arg __unused)
{
	spin_enter(&lock);
	while (stop_asked)
		thread_stop(&lock);
	resumed++;
	spin_exit(&lock);
}

TEST(sleep_stop)
{
	struct thread *td;

	stop_asked = true;
	resumed = 0;
	td = ktest_spawn(stopper, NULL);
	while (thread_state(td) != TD_STOPPED)
		thread_yield();
	thread_interrupt(td);
	thread_yield();
	CHECK(thread_state(td) == TD_STOPPED && resumed == 0);
	spin_enter(&lock);
	stop_asked = false;
	thread_wake(td);
	spin_exit(&lock);
	ktest_join(td);
	CHECK(resumed == 1);
}

/*
 * The big lock is given up while its holder sleeps.
 */
static u_int big_seen;

static void
big_visitor(void *arg __unused)
{
	big_enter();
	spin_enter(&lock);
	turn = 1;
	wakeup(&turn);
	spin_exit(&lock);
	big_seen++;
	big_exit();
}

TEST(sleep_drops_big_lock)
{
	struct thread *td;

	turn = big_seen = 0;
	big_enter();
	big_enter();
	td = ktest_spawn(big_visitor, NULL);
	spin_enter(&lock);
	while (turn == 0)
		sleep_spin(&turn, &lock, 0, 0, "big");
	spin_exit(&lock);
	CHECK(big_held() && big_seen == 1);
	big_exit();
	big_exit();
	CHECK(!big_held());
	ktest_join(td);
}

static void
sleep_in_spin(void *arg __unused)
{
	struct spin outer = SPIN_INITIALIZER(RANK_PV);

	spin_enter(&outer);
	spin_enter(&lock);
	sleep_spin(&turn, &lock, 0, 0, "wrong");
}

TEST(sleep_under_spin_panics)
{
	CHECK(ktest_panics(sleep_in_spin, NULL, "td_nopreempt == 1"));
	spin_init(&lock, RANK_SIG);
}
