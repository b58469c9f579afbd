/*
 * Timeouts: order, cancelling, setting again, draining.
 */
#include "ktest.h"

#include <port/machdep.h>
#include <base/cpu.h>
#include <base/thread.h>

#define MS 1000000ull

static _Atomic(u_int) nfired;
static u_int order[8];
static uint64_t fired_at[8];
static bool in_intr;

static void
fire(void *arg)
{
	u_int id = (u_int)(uintptr_t)arg;

	fired_at[id] = md_time_ns();
	order[nfired++] = id;
	in_intr = cpu_in_intr();
}

TEST(timeout_in_order)
{
	static const u_int delay[] = {5, 1, 3, 2, 4, 1};
	struct timeout to[nitems(delay)];
	uint64_t now;
	u_int i;

	nfired = 0;
	now = md_time_ns();
	for (i = 0; i < nitems(to); i++) {
		timeout_init(&to[i], fire, (void *)(uintptr_t)i);
		timeout_set(&to[i], now + delay[i] * MS);
	}
	sleep_until(now + 6 * MS, 0, "timeouts");
	for (i = 0; i < nitems(to); i++)
		timeout_drain(&to[i]);
	CHECK(nfired == nitems(to));
	CHECK(in_intr);
	for (i = 0; i < nitems(to); i++)
		CHECK(fired_at[i] >= now + delay[i] * MS);
	/* Two CPUs may run two that are due at one time. */
	if (cpu_count() > 1)
		return;
	CHECK(order[0] == 1 && order[1] == 5 && order[2] == 3);
	CHECK(order[3] == 2 && order[4] == 4 && order[5] == 0);
}

TEST(timeout_cancel)
{
	struct timeout a, b;
	uint64_t now = md_time_ns();

	nfired = 0;
	timeout_init(&a, fire, (void *)0);
	timeout_init(&b, fire, (void *)1);
	CHECK(!timeout_cancel(&a));
	timeout_set(&a, now + MS);
	timeout_set(&b, now + 2 * MS);
	CHECK(timeout_cancel(&a));
	CHECK(!timeout_cancel(&a));
	timeout_set(&b, now + MS);
	timeout_set(&b, now + 3 * MS);
	sleep_until(now + 2 * MS, 0, "timeouts");
	CHECK(nfired == 0 || md_time_ns() >= now + 3 * MS);
	sleep_until(now + 4 * MS, 0, "timeouts");
	timeout_drain(&a);
	timeout_drain(&b);
	CHECK(nfired == 1 && order[0] == 1);
}

/* One that sets itself again until told to stop; drain ends it. */
static struct timeout periodic;

static void
again(void *arg __unused)
{
	nfired++;
	timeout_set(&periodic, md_time_ns() + MS);
}

TEST(timeout_drain_ends_a_periodic_one)
{
	u_int n;

	nfired = 0;
	timeout_init(&periodic, again, NULL);
	timeout_set(&periodic, md_time_ns() + MS);
	for (n = 0; n < 100 && nfired < 5; n++)
		sleep_until(md_time_ns() + 20 * MS, 0, "timeouts");
	CHECK(nfired >= 5);
	timeout_drain(&periodic);
	n = nfired;
	sleep_until(md_time_ns() + 5 * MS, 0, "timeouts");
	CHECK(nfired == n && periodic.to_when == 0);
}

/* In the past means now. */
TEST(timeout_past)
{
	struct timeout to;

	nfired = 0;
	timeout_init(&to, fire, NULL);
	timeout_set(&to, 1);
	sleep_until(md_time_ns() + MS, 0, "timeouts");
	timeout_drain(&to);
	CHECK(nfired == 1);
}
