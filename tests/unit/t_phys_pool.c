/*
 * t_phys_pool.c: pools and kmem.
 */
#include <sys/errno.h>

#include <base/cpu.h>
#include <base/print.h>
#include <base/thread.h>
#include <phys/kmem.h>
#include <phys/pool.h>

#include "ktest.h"

#define NOBJ 700

static void *objs[NOBJ];

static struct pool test_pool;

TEST(pool_objects)
{
	struct pool *pl = &test_pool;
	u_int i, j;

	pool_init(pl, "ktest", 56, 0);
	CHECK(pl->pl_size == 64);
	for (i = 0; i < NOBJ; i++) {
		objs[i] = pool_get(pl, i % 2 ? PA_ZERO : 0);
		if (!CHECK(objs[i] != NULL))
			return;
		CHECK(((uintptr_t)objs[i] & 15) == 0);
		if (i % 2 != 0)
			CHECK(((char *)objs[i])[55] == 0);
		memset(objs[i], (int)i, 56);
	}
	CHECK(pool_used(pl) == NOBJ);
	pool_verify(pl);
	for (i = 0; i < NOBJ; i++)
		for (j = 0; j < 56; j++)
			if (((uint8_t *)objs[i])[j] != (uint8_t)i)
				CHECK(false);
	for (i = 0; i < NOBJ; i++)
		pool_put(pl, objs[(i * 37) % NOBJ]);
	pool_verify(pl);
	CHECK(pool_used(pl) == 0);
	pool_drain(pl);
	CHECK(pl->pl_nslab == 0 && pl->pl_nused == 0);
	pool_verify(pl);
	pool_fini(pl);
}

/*
 * Goal: objects in bulk: all different, from a new pool side by side, which may
 * reach over slabs; given back as runs and singly in any order, all are there
 * again and the slabs are whole.
 */
TEST(pool_runs)
{
	struct pool *pl = &test_pool;
	u_int got, i, j, n, nrun = 0, round, run;
	struct pool_run r[5];
	void *tmp;

	pool_init(pl, "ktest", 16, 16);
	for (round = 0; round < 4; round++) {
		for (n = 0; n + 16 <= NOBJ; n += got) {
			got = pool_get_batch(pl, objs + n, 16, 0);
			if (!CHECK(got > 0 && got <= 16))
				return;
			for (i = 0; i < got; i++)
				memset(objs[n + i], 0x5a, 16);
			for (i = 1; round == 0 && i < got; i++)
				CHECK((char *)objs[n + i] ==
				      (char *)objs[n] + (size_t)i * 16);
		}
		CHECK(pool_used(pl) == n);
		for (i = 0; round % 2 != 0 && i < n; i++) {
			j = ktest_random() % n;
			tmp = objs[i];
			objs[i] = objs[j];
			objs[j] = tmp;
		}
		for (i = 0; i < n; i += run) {
			for (run = 1; i + run < n; run++)
				if ((char *)objs[i + run] !=
				    (char *)objs[i] + (size_t)run * 16)
					break;
			if (run > 4) {
				r[nrun].pr_first = objs[i];
				r[nrun++].pr_n = run;
			} else {
				pool_put_batch(pl, objs + i, run);
			}
			if (nrun == nitems(r) || i + run >= n) {
				pool_put_runs(pl, r, nrun);
				nrun = 0;
			}
		}
		CHECK(pool_used(pl) == 0);
		pool_verify(pl);
	}
	pool_drain(pl);
	CHECK(pl->pl_nslab == 0 && pl->pl_nused == 0);
	pool_fini(pl);
}

/*
 * Goal: many objects come side by side also when the slabs that have room are
 * broken up, and single ones use what short runs there are.
 */
TEST(pool_batch_is_run)
{
	struct pool *pl = &test_pool;
	void *run[16];
	u_int i, nslab;

	pool_init(pl, "ktest", 64, 64);
	for (i = 0; i < NOBJ; i++)
		if (!CHECK((objs[i] = pool_get(pl, 0)) != NULL))
			return;
	for (i = 0; i < NOBJ; i++)
		if (i % 8 != 0)
			pool_put(pl, objs[i]);
	nslab = (u_int)pl->pl_nslab;
	if (CHECK(pool_get_batch(pl, run, 16, 0) == 16)) {
		for (i = 1; i < 16; i++)
			CHECK((char *)run[i] == (char *)run[0] + i * 64);
		pool_put_batch(pl, run, 16);
	}
	for (i = 0; i < NOBJ; i++)
		if (i % 8 != 0)
			CHECK((objs[i] = pool_get(pl, 0)) != NULL);
	CHECK(pl->pl_nslab <= nslab + 1);
	for (i = 0; i < NOBJ; i++)
		pool_put(pl, objs[i]);
	pool_verify(pl);
	pool_drain(pl);
	CHECK(pl->pl_nslab == 0 && pl->pl_nused == 0);
	pool_fini(pl);
}

/*
 * Goal: no memory at any point is an answer, and nothing is lost by it.
 */
TEST(pool_enomem)
{
	struct pool *pl = &test_pool;
	u_int i, n;
	bool fired;

	pool_init(pl, "ktest", 56, 0);
	for (n = 1, fired = true; fired && n < 200; n++) {
		phys_fail_nth(n);
		for (i = 0; i < 100; i++)
			objs[i] = pool_get(pl, 0);
		fired = phys_fail_fired();
		phys_fail_nth(0);
		for (i = 0; i < 100; i++)
			if (objs[i] != NULL)
				pool_put(pl, objs[i]);
		CHECK(pool_used(pl) == 0);
		pool_drain(pl);
		pool_verify(pl);
	}
	CHECK(!fired);
	pool_fini(pl);
}

static void *freed;

static void
touch_freed(void *arg)
{
	struct pool *pl = arg;

	freed = pool_get(pl, 0);
	pool_put(pl, freed);
	((char *)freed)[20] = 1;
	/* The magazine is a stack: this is the same. */
	(void)pool_get(pl, 0);
}

TEST(pool_use_after_free)
{
	struct pool *pl = &test_pool;

	if (!DEBUG)
		return;
	pool_init(pl, "ktest", 56, 0);
	CHECK(ktest_panics(touch_freed, pl, "after it was freed"));
	/* The panic came with the object on its way out. */
	pool_put(pl, freed);
	CHECK(pool_used(pl) == 0);
	pool_fini(pl);
}

TEST(kmem_sizes)
{
	static const size_t len[] = {1, 16, 17, 100, 512, 1024, 1025, 4096,
	    4097, 3 * 4096, 5 * 4096 + 1, 65536, 2ul << 20};
	u_char *p[nitems(len)];
	u_int i;
	size_t j;

	for (i = 0; i < nitems(len); i++) {
		p[i] = kmem_alloc(len[i], PA_ZERO);
		if (!CHECK(p[i] != NULL))
			return;
		CHECK(((uintptr_t)p[i] & 15) == 0);
		for (j = 0; j < len[i]; j++)
			if (p[i][j] != 0)
				CHECK(false);
		memset(p[i], 0xee, len[i]);
	}
	for (i = 0; i < nitems(len); i++)
		kmem_free(p[i], len[i]);
	phys_verify();
}

/* What a run has too many pages goes back at once. */
TEST(kmem_trim)
{
	u_long before, during;
	void *p;

	phys_drain_all();
	before = phys_free_count();
	p = kmem_alloc(5 * PAGE_SIZE, 0);
	during = phys_free_count();
	CHECK(p != NULL && during == before - 5);
	kmem_free(p, 5 * PAGE_SIZE);
	CHECK(phys_free_count() == before);
}
