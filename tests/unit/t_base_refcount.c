/*
 * Reference counts: the edges, and that no release is lost between threads.
 */
#include "ktest.h"

#include <base/refcount.h>
#include <base/thread.h>

TEST(refcount_counts)
{
	refcount_t rc;

	refcount_init(&rc, 1);
	refcount_acquire(&rc);
	CHECK(refcount_load(&rc) == 2);
	CHECK(!refcount_release(&rc));
	CHECK(refcount_release(&rc));
	CHECK(refcount_load(&rc) == 0);
}

/*
 * LIFECYCLE 42 holds base/include/base/refcount.h:refcount_acquire_if_not_zero mutant 01
 * LIFECYCLE 55 different kern/proc.c:proc_vmspace mutant 01 because the pointer is cleared under a lock after the purge, and a count of zero is never raised again
 */
TEST(refcount_never_resurrects)
{
	refcount_t rc;

	refcount_init(&rc, 1);
	CHECK(refcount_acquire_if_not_zero(&rc));
	CHECK(!refcount_release(&rc));
	CHECK(refcount_release(&rc));
	CHECK(!refcount_acquire_if_not_zero(&rc));
	CHECK(refcount_load(&rc) == 0);
}

/* LIFECYCLE 48 holds base/include/base/refcount.h:refcount_release_if_last mutant 03 */
TEST(refcount_release_if_last)
{
	refcount_t rc;

	refcount_init(&rc, 2);
	CHECK(!refcount_release_if_last(&rc));
	CHECK(refcount_load(&rc) == 2);
	CHECK(!refcount_release(&rc));
	CHECK(refcount_release_if_last(&rc));
	CHECK(refcount_load(&rc) == 0);
}

TEST(refcount_sticks)
{
	refcount_t rc;

	refcount_init(&rc, REFCOUNT_STUCK - 1);
	refcount_acquire(&rc);
	CHECK(refcount_load(&rc) == REFCOUNT_STUCK);
	refcount_acquire(&rc);
	CHECK(refcount_load(&rc) == REFCOUNT_STUCK);
	CHECK(!refcount_release(&rc));
	CHECK(refcount_load(&rc) == REFCOUNT_STUCK);
	CHECK(refcount_acquire_if_not_zero(&rc));
	CHECK(!refcount_release_if_last(&rc));
}

static void
acquire_dead(void *arg)
{
	refcount_acquire(arg);
}

static void
release_dead(void *arg)
{
	refcount_release(arg);
}

/* LIFECYCLE 87 holds base/include/base/refcount.h:refcount_acquire mutant 02 */
TEST(refcount_misuse_panics)
{
	refcount_t rc;

	refcount_init(&rc, 0);
	CHECK(ktest_panics(acquire_dead, &rc, "old != 0"));
	refcount_init(&rc, 0);
	CHECK(ktest_panics(release_dead, &rc, "old != 0"));
}

/* Threads that take and drop; exactly one drop is the last. */
static refcount_t shared;
static _Atomic(u_int) lasts;

static void
take_and_drop(void *arg __unused)
{
	u_int i;

	for (i = 0; i < 200; i++) {
		refcount_acquire(&shared);
		if (ktest_random() % 8 == 0)
			thread_yield();
		lasts += refcount_release(&shared);
	}
	lasts += refcount_release(&shared);
}

/*
 * LIFECYCLE 88 different base/include/base/refcount.h:refcount_release because the counts are atomic
 */
TEST(refcount_one_last_release)
{
	struct thread *td[4];
	u_int i;

	lasts = 0;
	refcount_init(&shared, nitems(td) + 1);
	for (i = 0; i < nitems(td); i++)
		td[i] = ktest_spawn(take_and_drop, NULL);
	lasts += refcount_release(&shared);
	for (i = 0; i < nitems(td); i++)
		ktest_join(td[i]);
	CHECK(lasts == 1);
	CHECK(refcount_load(&shared) == 0);
}
