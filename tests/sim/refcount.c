/*
 * refcount.c: the kernel's own <base/refcount.h> under the engine.
 *
 * Goal: whoever destroys an object sees all that its former holders did, the
 * destruction happens once, and nobody gets hold of an object that is gone.
 * Method: CPUs that each hold a reference write to the object and let go; the
 * last one reads and writes all of it.  Plain accesses are checked for races,
 * so a missing release or acquire shows as one.  DPOR exhausts each.
 * LIFECYCLE 40 holds base/include/base/refcount.h:refcount_release mutant 73
 * LIFECYCLE 41 holds base/include/base/refcount.h:refcount_release mutant 72
 * LIFECYCLE 88 different base/include/base/refcount.h:refcount_release mutant 145 because the counts are atomic
 */
#include <base/refcount.h>
#include <det/det.h>
#include "simtest.h"

enum { NCPU = 3 };

static struct {
	refcount_t o_refs;
	int o_field[NCPU];
	int o_destroyed;
} obj;

static void (*body)(unsigned cpu);
static unsigned ncpu, nrefs;

void
kassert_fail(const char *file, int line, const char *expr)
{
	det_fail("%s:%d: %s", file, line, expr);
	det_end();
}

static void
start(unsigned cpu)
{
	unsigned i;

	if (cpu == 0) {
		refcount_init(&obj.o_refs, nrefs);
		obj.o_destroyed = 0;
		for (i = 0; i < NCPU; i++)
			obj.o_field[i] = 0;
		for (i = 1; i < ncpu; i++)
			det_cpu_start(i);
		det_snapshot();
	}
	body(cpu);
}

/* The destructor: nobody else may be near. */
static void
destroy(void)
{
	unsigned i;

	for (i = 0; i < NCPU; i++)
		obj.o_field[i]++;
	obj.o_destroyed++;
}

/* Everybody drops what it holds. */
static void
drop(unsigned cpu)
{
	obj.o_field[cpu] = 1;
	if (refcount_release(&obj.o_refs))
		destroy();
}

/* One asks first whether it is alone, as an exit with a sole owner does. */
static void
drop_if_last(unsigned cpu)
{
	obj.o_field[cpu] = 1;
	if (cpu == 0 && refcount_release_if_last(&obj.o_refs))
		destroy();
	else if (refcount_release(&obj.o_refs))
		destroy();
}

/* One who holds nothing looks the object up while the others let go. */
static void
look(unsigned cpu)
{
	if (cpu + 1 < ncpu || refcount_acquire_if_not_zero(&obj.o_refs))
		drop(cpu);
}

static void
check(void)
{
	if (obj.o_destroyed != 1)
		det_fail("destroyed %d times", obj.o_destroyed);
}

static void
run(const char *name, void (*fn)(unsigned), unsigned cpus, unsigned refs)
{
	struct det_machine dm = {.dm_name = name,
	    .dm_start = start,
	    .dm_check = check,
	    .dm_ncpu = cpus};
	struct det_config dc = {.dc_strategy = DET_DPOR,
	    .dc_bound = DET_UNBOUND,
	    .dc_stale = DET_UNBOUND,
	    .dc_weak = true};
	struct det_result res;

	body = fn;
	ncpu = cpus;
	nrefs = refs;
	det_run(&dm, &dc, &res);
	sim_result(!res.dr_failed && res.dr_complete,
	    "refcount %-14s %4llu executions  %s", name,
	    (unsigned long long)res.dr_execs, res.dr_msg);
	det_result_free(&res);
}

void
refcount_tests(void)
{
	run("drop", drop, 3, 3);
	run("drop if last", drop_if_last, 2, 2);
	run("look", look, 3, 2);
}
