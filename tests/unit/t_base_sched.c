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

static void
yielder(void *arg)
{
	sched_bind(CPUMASK(0));
	while (!finished) {
		turns[(uintptr_t)arg]++;
		thread_yield();
	}
}

TEST(sched_preempts)
{
	struct thread *td[KTEST_NTHREAD];
	u_int i, n;

	finished = false;
	for (i = 0; i < nitems(td); i++) {
		turns[i] = 0;
		td[i] = ktest_spawn(hog, (void *)(uintptr_t)i);
	}
	for (i = 0, n = 0; i < nitems(td) && n < 500; n++) {
		sleep_until(md_time_ns() + 20 * MS, 0, "sched");
		while (i < nitems(td) && turns[i] > 0)
			i++;
	}
	CHECK(i == nitems(td));
	finished = true;
	for (i = 0; i < nitems(td); i++)
		ktest_join(td[i]);
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
	CHECK(cpu_count() > 1 || turns[0] == 0);
	preempt_enable();
	finished = true;
	ktest_join(td);
}

static void
visit_all(void *arg __unused)
{
	u_int id, i;

	for (i = 0; i < 10; i++)
		for (id = 0; id < cpu_count(); id++) {
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

/*
 * Sleeping is not charged, running is; both up to the moment of asking.  A
 * guest's clock runs on while its host does something else, so only what does
 * not depend on that is compared.
 */
TEST(sched_times)
{
	struct thread *self = curthread(), *td;
	uint64_t start, u0, s0, u1, s1, u2, s2;

	thread_times(self, &u0, &s0);
	CHECK(u0 == 0);
	start = md_time_ns();
	sleep_until(start + 100 * MS, 0, "times");
	thread_times(self, &u1, &s1);
	CHECK(s1 >= s0);
	CHECK(md_time_ns() - start - (s1 - s0) >= 99 * MS);

	finished = false;
	turns[0] = 0;
	start = md_time_ns();
	td = ktest_spawn(hog, (void *)0);
	while (turns[0] == 0)
		thread_yield();
	thread_times(td, &u1, &s1);
	sleep_until(md_time_ns() + 20 * MS, 0, "times");
	thread_times(td, &u2, &s2);
	CHECK(u2 == 0 && s2 > s1);
	CHECK(s2 <= md_time_ns() - start + MS);
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

/* One that is always ready and goes first does not keep the rest away. */
TEST(sched_no_starvation)
{
	static const u_int prios[] = {PRIO_HIGH, PRIO_USER, PRIO_IDLE};
	struct thread *td[nitems(prios)], *self = curthread();
	u_int before[nitems(prios)], i, old = self->td_prio, n;

	sched_bind(CPUMASK(0));
	self->td_prio = PRIO_KERNEL;
	finished = false;
	for (i = 0; i < nitems(td); i++) {
		turns[i] = 0;
		td[i] = ktest_spawn(yielder, (void *)(uintptr_t)i);
		td[i]->td_prio = prios[i];
	}
	/* They come from other CPUs. */
	for (i = 0; i < nitems(td); i++)
		while (turns[i] == 0)
			thread_yield();
	for (i = 0; i < nitems(td); i++)
		before[i] = turns[i];
	for (n = 0; n < 1000; n++)
		thread_yield();
	for (i = 0; i < nitems(td); i++)
		CHECK(turns[i] > before[i] + 5);
	finished = true;
	self->td_prio = old;
	for (i = 0; i < nitems(td); i++)
		ktest_join(td[i]);
	sched_bind(~(cpumask_t)0);
}
