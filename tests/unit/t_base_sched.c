/*
 * The scheduler: everybody gets a turn, on the CPUs they may use, and is
 * charged for it.
 */
#include "ktest.h"

#include <port/machdep.h>
#include <base/cpu.h>
#include <base/thread.h>

#define MS 1000000ull

static _Atomic(u_int) turns[KTEST_NTHREAD];
static _Atomic(bool) finished;

/* Uses the CPU without ever giving it up. */
static void
hog(void *arg)
{
	while (!finished) {
		turns[(uintptr_t)arg]++;
		md_cpu_relax();
	}
}

TEST(sched_preempts)
{
	struct thread *td[KTEST_NTHREAD];
	u_int i;

	finished = false;
	for (i = 0; i < nitems(td); i++) {
		turns[i] = 0;
		td[i] = ktest_spawn(hog, (void *)(uintptr_t)i);
	}
	sleep_until(md_time_ns() + 500 * MS, 0, "sched");
	finished = true;
	for (i = 0; i < nitems(td); i++) {
		ktest_join(td[i]);
		CHECK(turns[i] > 0);
	}
}

TEST(sched_no_preemption_when_disabled)
{
	struct thread *td;
	uint64_t end;
	u_int cpu;

	finished = false;
	turns[0] = 0;
	preempt_disable();
	cpu = curcpu()->cpu_id;
	td = ktest_spawn(hog, (void *)0);
	for (end = md_time_ns() + 50 * MS; md_time_ns() < end;) {
		md_cpu_relax();
		if (!CHECK(curcpu()->cpu_id == cpu))
			break;
	}
	CHECK(ncpu > 1 || turns[0] == 0);
	preempt_enable();
	finished = true;
	ktest_join(td);
}

static void
visit_all(void *arg __unused)
{
	u_int id, i;

	for (i = 0; i < 10; i++)
		for (id = 0; id < ncpu; id++) {
			sched_bind(CPUMASK(id));
			CHECK(curcpu()->cpu_id == id);
			thread_yield();
			CHECK(curcpu()->cpu_id == id);
			sleep_until(md_time_ns() + MS / 10, 0, "bind");
			CHECK(curcpu()->cpu_id == id);
		}
}

TEST(sched_bind)
{
	struct thread *td[4];
	u_int i;

	for (i = 0; i < nitems(td); i++)
		td[i] = ktest_spawn(visit_all, NULL);
	for (i = 0; i < nitems(td); i++)
		ktest_join(td[i]);
}

/* Threads that cannot leave this CPU share it; the others take none of it. */
TEST(sched_times)
{
	struct thread *self = curthread(), *td;
	uint64_t u0, s0, u1, s1, u2, s2;

	thread_times(self, &u0, &s0);
	CHECK(u0 == 0);
	sleep_until(md_time_ns() + 100 * MS, 0, "times");
	thread_times(self, &u1, &s1);
	CHECK(s1 >= s0 && s1 - s0 < 90 * MS);

	finished = false;
	td = ktest_spawn(hog, (void *)0);
	sleep_until(md_time_ns() + 100 * MS, 0, "times");
	thread_times(td, &u2, &s2);
	CHECK(s2 > 0 && s2 <= 200 * MS);
	finished = true;
	ktest_join(td);
	thread_times(td, &u1, &s1);
	CHECK(s1 >= s2 && u1 == 0);
}

TEST(sched_counts_have_names)
{
	enum count c;

	for (c = 0; c < COUNT_MAX; c++)
		CHECK(count_names[c] != NULL);
	CHECK(count_sum(COUNT_SWITCH) > 0);
}

static void
overflow(void *arg __unused)
{
	*(uint64_t *)curthread()->td_kstack = 0;
	thread_yield();
}

TEST(sched_stack_overflow_panics)
{
	CHECK(ktest_panics(overflow, NULL, "stack overflow"));
}

static void
fail_assertion(void *arg __unused)
{
	KASSERT(curthread() == NULL);
}

TEST(kassert_panics)
{
	CHECK(ktest_panics(fail_assertion, NULL, "curthread() == NULL"));
}
