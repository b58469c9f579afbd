/*
 * toy.c: a small address space with six bugs to choose from.
 *
 * Goal: every strategy finds each bug, and no strategy finds anything in the
 * correct version; the bug that needs weak memory is seen only there.
 * Method: three CPUs share a space with two pages.  One runs in it and leaves
 * it, one unmaps a page, one looks the space up from outside.  TLBs are
 * arrays, shootdown is an interrupt and an acknowledgement.  The code is
 * instrumented as the kernel's is; what a hardware walk does goes through the
 * engine by hand.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <det/det.h>
#include "simtest.h"

enum bug {
	BUG_NONE,
	BUG_CHECK_THEN_DROP, /* the count is read, then lowered */
	BUG_UNLOCKED_LOOKUP, /* a reference through a pointer nobody holds */
	BUG_NO_ACQUIRE,      /* destroyed without a fence */
	BUG_LATE_ACTIVE,     /* the root is live before its bit is set */
	BUG_EARLY_FREE,      /* the page is freed before the answer */
	BUG_NO_STORELOAD,    /* no fence between entry and mask */
	NBUG
};
static const char *const bug_names[NBUG] = {"correct", "check, then drop",
    "lookup without lock", "no acquire at zero", "bit set late",
    "freed before answer", "no fence"};

enum { NPG = 2, NCPU = 3 };

struct page {
	char pg_bytes[64];
};

struct space {
	_Atomic(int) s_refs;
	_Atomic(unsigned) s_active;
	_Atomic(struct page *) s_pte[NPG];
	_Atomic(int) s_lock;
	int s_entries;
};

static struct {
	_Atomic(int) p_lock;
	_Atomic(struct space *) p_space;
} proc;

static struct tlb {
	struct page *t_page[NPG];
	_Atomic(unsigned) t_answer;
} tlbs[NCPU];

static struct page pages[NPG];
static struct space space0;
static int destroyed;
static enum bug bug;
static bool intr_was[NCPU];

static void
lock(_Atomic(int) *l)
{
	while (atomic_exchange_explicit(l, 1, memory_order_acquire) != 0)
		while (atomic_load_explicit(l, memory_order_relaxed) != 0)
			det_relax(0);
}

static void
unlock(_Atomic(int) *l)
{
	atomic_store_explicit(l, 0, memory_order_release);
}

/* A user instruction that reads page i: the hardware's part. */
static void
user_read(struct space *s, int i)
{
	struct tlb *t = &tlbs[det_self()];

	if (t->t_page[i] == NULL)
		t->t_page[i] =
		    atomic_load_explicit(&s->s_pte[i], memory_order_relaxed);
	if (t->t_page[i] != NULL)
		det_access(t->t_page[i], 8, false);
}

/* Interrupts are off in here; they were on where they arrived. */
static void
shootdown(unsigned cpu, unsigned line)
{
	(void)line;
	memset(tlbs[cpu].t_page, 0, sizeof tlbs[cpu].t_page);
	atomic_store_explicit(&tlbs[cpu].t_answer, 1, memory_order_release);
}

static void
activate(struct space *s)
{
	unsigned bit = 1u << det_self();

	if (bug == BUG_LATE_ACTIVE)
		user_read(s, 0);
	atomic_fetch_or_explicit(&s->s_active, bit, memory_order_relaxed);
	if (bug != BUG_NO_STORELOAD)
		atomic_thread_fence(memory_order_seq_cst);
}

static void
deactivate(struct space *s)
{
	bool was = det_intr_disable();

	memset(tlbs[det_self()].t_page, 0, sizeof tlbs[0].t_page);
	atomic_fetch_and_explicit(&s->s_active, ~(1u << det_self()),
	    memory_order_release);
	det_intr_restore(was);
}

static void
shoot_cpu(struct space *s, int cpu)
{
	atomic_store_explicit(&tlbs[cpu].t_answer, 0, memory_order_relaxed);
	det_irq_raise((unsigned)cpu, 0);
	while (
	    atomic_load_explicit(&tlbs[cpu].t_answer, memory_order_acquire) ==
		0 &&
	    (atomic_load_explicit(&s->s_active, memory_order_acquire) >> cpu &
		1) != 0)
		det_relax(0);
}

static void
remove_page(struct space *s, int i)
{
	struct page *pg;
	unsigned mask;
	int cpu;

	pg = atomic_load_explicit(&s->s_pte[i], memory_order_relaxed);
	if (pg == NULL)
		return;
	atomic_store_explicit(&s->s_pte[i], NULL, memory_order_relaxed);
	if (bug != BUG_NO_STORELOAD)
		atomic_thread_fence(memory_order_seq_cst);
	if (bug == BUG_EARLY_FREE)
		det_mem_free(pg, sizeof *pg);
	tlbs[det_self()].t_page[i] = NULL;
	/* acquire: who has left has finished with the page */
	mask = atomic_load_explicit(&s->s_active, memory_order_acquire);
	for (cpu = 0; cpu < NCPU; cpu++)
		if (cpu != det_self() && (mask >> cpu & 1) != 0)
			shoot_cpu(s, cpu);
	if (bug != BUG_EARLY_FREE)
		det_mem_free(pg, sizeof *pg);
}

static void
destroy(struct space *s)
{
	s->s_entries = 0;
	destroyed++;
	det_mem_free(s, sizeof *s);
}

static void
drop(struct space *s)
{
	if (bug == BUG_CHECK_THEN_DROP) {
		if (atomic_load_explicit(&s->s_refs, memory_order_acquire) == 1)
			destroy(s);
		else
			atomic_fetch_sub_explicit(&s->s_refs, 1,
			    memory_order_release);
		return;
	}
	if (atomic_fetch_sub_explicit(&s->s_refs, 1, memory_order_release) != 1)
		return;
	if (bug != BUG_NO_ACQUIRE)
		atomic_thread_fence(memory_order_acquire);
	destroy(s);
}

static struct space *
lookup(void)
{
	struct space *s;

	if (bug != BUG_UNLOCKED_LOOKUP)
		lock(&proc.p_lock);
	s = atomic_load_explicit(&proc.p_space, memory_order_acquire);
	if (s != NULL)
		atomic_fetch_add_explicit(&s->s_refs, 1, memory_order_relaxed);
	if (bug != BUG_UNLOCKED_LOOKUP)
		unlock(&proc.p_lock);
	return s;
}

/* Runs in the space, then exits. */
static void
user(void)
{
	struct space *s = &space0;

	activate(s);
	user_read(s, 0);
	user_read(s, 0);
	deactivate(s);
	lock(&s->s_lock);
	s->s_entries--;
	unlock(&s->s_lock);
	lock(&proc.p_lock);
	atomic_store_explicit(&proc.p_space, NULL, memory_order_release);
	unlock(&proc.p_lock);
	drop(s);
}

/* Shares it, and unmaps a page. */
static void
unmapper(void)
{
	struct space *s = &space0;

	lock(&s->s_lock);
	remove_page(s, 0);
	s->s_entries--;
	unlock(&s->s_lock);
	drop(s);
}

/* Looks it up from outside. */
static void
stranger(void)
{
	struct space *s;

	s = lookup();
	if (s != NULL)
		drop(s);
}

static void
setup(void)
{
	int i;

	memset(&proc, 0, sizeof proc);
	memset(tlbs, 0, sizeof tlbs);
	det_mem_alloc(&space0, sizeof space0);
	memset(&space0, 0, sizeof space0);
	destroyed = 0;
	for (i = 0; i < NPG; i++) {
		det_mem_alloc(&pages[i], sizeof pages[i]);
		atomic_store_explicit(&space0.s_pte[i], &pages[i],
		    memory_order_relaxed);
	}
	space0.s_entries = NPG;
	atomic_store_explicit(&space0.s_refs, 2, memory_order_relaxed);
	atomic_store_explicit(&proc.p_space, &space0, memory_order_relaxed);
}

static void
start(unsigned cpu)
{
	static void (*const what[NCPU])(void) = {user, unmapper, stranger};

	if (cpu == 0) {
		setup();
		det_cpu_start(1);
		det_cpu_start(2);
		det_snapshot();
	}
	intr_was[cpu] = true;
	det_intr_restore(true);
	what[cpu]();
}

static void
check(void)
{
	if (destroyed != 1)
		det_fail("the space was destroyed %d times", destroyed);
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static const char *const strategy_names[] = {"random", "pct", "dfs", "dpor"};

static void
run_one(enum det_strategy s, bool weak)
{
	struct det_machine dm = {.dm_name = "toy",
	    .dm_ncpu = NCPU,
	    .dm_start = start,
	    .dm_irq = shootdown,
	    .dm_check = check};
	struct det_config dc = {.dc_strategy = s,
	    .dc_seed = 1,
	    .dc_depth = 3,
	    .dc_bound = 2,
	    .dc_stale = 2,
	    .dc_weak = weak,
	    .dc_maxexecs = 100000};
	struct det_result r;
	bool expect;
	double t;

	expect = bug != BUG_NONE;
	if (bug == BUG_NO_STORELOAD && !weak)
		expect = false;
	t = now();
	det_run(&dm, &dc, &r);
	t = now() - t;
	sim_result(r.dr_failed == expect,
	    "%-6s %-4s %-20s %8llu executions%s %6.3f s %5.2f M points/s"
	    " %4.1f+%-4.1f %s",
	    strategy_names[s], weak ? "weak" : "sc", bug_names[bug],
	    (unsigned long long)r.dr_execs, r.dr_complete ? ", all" : "", t,
	    (double)r.dr_steps / t / 1e6,
	    (double)r.dr_steps / (double)r.dr_execs,
	    (double)r.dr_local / (double)r.dr_execs, r.dr_msg);
	det_result_free(&r);
}

void
toy_tests(void)
{
	int s, weak;

	for (s = DET_RANDOM; s <= DET_DPOR; s++)
		for (weak = 0; weak < 2; weak++)
			for (bug = BUG_NONE; bug < NBUG; bug++)
				run_one((enum det_strategy)s, weak != 0);
}
