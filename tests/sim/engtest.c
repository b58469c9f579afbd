/*
 * engtest.c: the engine against itself.
 *
 * Goal and method:
 *	- random small programs: DFS with every access a switch point, DFS
 *	  with learned sharing and DPOR must see the same set of outcomes;
 *	- the race detector agrees with a naive one that keeps every access;
 *	- what a failing search records, replays to the same failure;
 *	- the parts of a sharded search, together, see what the whole sees;
 *	- whatever an execution writes, by any instruction, is undone;
 *	- interrupts arrive at every point where they may, and nowhere else;
 *	- clocks that start again order nothing anew;
 *	- deadlock, livelock and a bad pointer are failures, not accidents.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <det/det.h>
#include "simtest.h"

#define relaxed memory_order_relaxed

/*
 * Random programs.
 */
enum { MAXCPU = 3, MAXOP = 4, NVAR = 3, NOUT = 4096 };
struct insn {
	enum { I_LOAD, I_STORE, I_ADD, I_CAS, I_FENCE, I_PLAINR, I_PLAINW } op;
	unsigned var;
	int order, val;
};
static struct insn prog[MAXCPU][MAXOP];
static unsigned ncpu, nops[MAXCPU];
static _Atomic(int) var[NVAR];
static int plain[2];
static unsigned reg[MAXCPU];
static uint64_t outs[NOUT];
static unsigned nouts;
static bool with_plain, with_cut;

static uint64_t rng;

static unsigned
rnd(unsigned n)
{
	rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)((rng >> 33) % n);
}

static void
step(const struct insn *in, unsigned *r)
{
	_Atomic(int) *p = &var[in->var];
	int v = 0;

	switch (in->op) {
	case I_LOAD:
		v = in->order == memory_order_seq_cst
			? atomic_load_explicit(p, memory_order_seq_cst)
		    : in->order == memory_order_acquire
			? atomic_load_explicit(p, memory_order_acquire)
			: atomic_load_explicit(p, relaxed);
		break;
	case I_STORE:
		if (in->order == memory_order_seq_cst)
			atomic_store_explicit(p, in->val, memory_order_seq_cst);
		else if (in->order == memory_order_release)
			atomic_store_explicit(p, in->val, memory_order_release);
		else
			atomic_store_explicit(p, in->val, relaxed);
		return;
	case I_ADD:
		v = in->order == memory_order_acq_rel
			? atomic_fetch_add_explicit(p, in->val,
			      memory_order_acq_rel)
			: atomic_fetch_add_explicit(p, in->val, relaxed);
		break;
	case I_CAS:
		v = 0;
		(void)atomic_compare_exchange_strong_explicit(p, &v, in->val,
		    memory_order_acquire, relaxed);
		break;
	case I_FENCE:
		if (in->order == memory_order_acquire)
			atomic_thread_fence(memory_order_acquire);
		else if (in->order == memory_order_release)
			atomic_thread_fence(memory_order_release);
		else
			atomic_thread_fence(memory_order_seq_cst);
		return;
	case I_PLAINR:
		v = plain[in->var & 1];
		break;
	case I_PLAINW:
		plain[in->var & 1] = in->val;
		return;
	}
	*r = *r * 8 + (unsigned)(v & 7);
}

static void
prog_start(unsigned cpu)
{
	unsigned i, r = 0;

	if (cpu == 0) {
		memset(var, 0, sizeof var);
		memset(plain, 0, sizeof plain);
		for (i = 1; i < ncpu; i++)
			det_cpu_start(i);
		det_snapshot();
	}
	for (i = 0; i < nops[cpu]; i++) {
		if (with_cut && cpu == 0 && i == nops[cpu] / 2)
			det_wind_up();
		step(&prog[cpu][i], &r);
	}
	reg[cpu] = r;
}

static void
prog_check(void)
{
	uint64_t o = 0;
	unsigned i;

	for (i = 0; i < ncpu; i++)
		o = o << 12 | reg[i];
	for (i = 0; i < NVAR; i++)
		o = o << 3 | (unsigned)(atomic_load(&var[i]) & 7);
	for (i = 0; i < nouts; i++)
		if (outs[i] == o)
			return;
	if (nouts < NOUT)
		outs[nouts++] = o;
}

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint64_t
outcomes(enum det_strategy s, bool weak, unsigned nshard, uint64_t *execs,
    bool *failed)
{
	struct det_machine dm = {.dm_name = "random program",
	    .dm_ncpu = ncpu,
	    .dm_start = prog_start,
	    .dm_check = prog_check};
	struct det_config dc = {.dc_strategy = s,
	    .dc_bound = DET_UNBOUND,
	    .dc_stale = DET_UNBOUND,
	    .dc_weak = weak,
	    .dc_nshard = nshard,
	    .dc_maxexecs = 300000};
	struct det_result r;
	uint64_t h = 0;
	unsigned i;

	nouts = 0;
	*execs = 0;
	*failed = false;
	for (i = 0; i < (nshard != 0 ? nshard : 1); i++) {
		dc.dc_shard = i;
		det_run(&dm, &dc, &r);
		*execs += r.dr_execs;
		*failed |= r.dr_failed;
		if (!r.dr_failed && !r.dr_complete)
			h = 1; /* too large to compare */
		det_result_free(&r);
	}
	if (h == 1)
		return 0;
	qsort(outs, nouts, sizeof outs[0], compare);
	for (i = 0; i < nouts; i++)
		h = (h ^ outs[i]) * 0x9e3779b97f4a7c15ULL + nouts;
	return h | 1;
}

static void
prog_make(void)
{
	static const int orders[] = {memory_order_relaxed, memory_order_acquire,
	    memory_order_release, memory_order_acq_rel, memory_order_seq_cst};
	unsigned c, i;

	ncpu = 2 + rnd(2);
	for (c = 0; c < ncpu; c++) {
		nops[c] = 1 + rnd(ncpu == 2 ? 4 : 3);
		for (i = 0; i < nops[c]; i++) {
			prog[c][i].op = rnd(with_plain ? 7 : 5);
			prog[c][i].var = rnd(NVAR);
			prog[c][i].order = orders[rnd(5)];
			prog[c][i].val = 1 + (int)rnd(3);
		}
	}
}

static void
show(void)
{
	static const char *const ops[] = {"load", "store", "add", "cas",
	    "fence", "read", "write"};
	unsigned c, i;

	for (c = 0; c < ncpu; c++) {
		printf("# cpu%u:", c);
		for (i = 0; i < nops[c]; i++)
			printf(" %s v%u o%d %d;", ops[prog[c][i].op],
			    prog[c][i].var, prog[c][i].order, prog[c][i].val);
		printf("\n");
	}
}

static void
test_strategies_agree(void)
{
	uint64_t a, b, d, ea, eb, ed, total[3] = {0, 0, 0};
	unsigned i, bad = 0, compared = 0;
	bool fa, fb, fd, weak;

	with_plain = false;
	for (i = 0; i < 400; i++) {
		rng = i;
		prog_make();
		/* The first CPU may end what is explored on its way. */
		with_cut = i % 4 >= 2;
		weak = (i & 1) != 0;
		a = outcomes(DET_DFS, weak, 0, &ea, &fa);
		if (a == 0)
			continue;
		b = outcomes(DET_DPOR, weak, 0, &eb, &fb);
		d = outcomes(DET_DFS, weak, 3, &ed, &fd);
		compared++;
		total[0] += ea;
		total[1] += eb;
		total[2] += ed;
		if (a != b || a != d || fa || fb || fd) {
			bad++;
			show();
			printf("# program %u: dfs %llx, dpor %llx, "
			       "shards %llx\n",
			    i, (unsigned long long)a, (unsigned long long)b,
			    (unsigned long long)d);
		}
	}
	with_cut = false;
	sim_result(bad == 0 && compared > 300,
	    "%u random programs: same outcomes by dfs (%llu executions), "
	    "dpor (%llu), 3 shards (%llu)",
	    compared, (unsigned long long)total[0],
	    (unsigned long long)total[1], (unsigned long long)total[2]);
}

/* With plain accesses: either all strategies see a race or none does. */
static void
test_races_agree(void)
{
	uint64_t ea, eb;
	unsigned i, bad = 0, racy = 0;
	bool fa, fb;

	with_plain = true;
	for (i = 0; i < 300; i++) {
		rng = i + 100000;
		prog_make();
		(void)outcomes(DET_DFS, (i & 1) != 0, 0, &ea, &fa);
		(void)outcomes(DET_DPOR, (i & 1) != 0, 0, &eb, &fb);
		racy += fa;
		if (fa != fb) {
			bad++;
			printf("# program %u: dfs %s, dpor %s\n", i,
			    fa ? "race" : "none", fb ? "race" : "none");
		}
	}
	sim_result(bad == 0 && racy > 50 && racy < 250,
	    "300 random programs with plain accesses: dfs and dpor agree "
	    "which %u race",
	    racy);
	with_plain = false;
}

/*
 * The detector against a naive one.  Two CPUs access bytes of an array with
 * all sizes and alignments; each has an episode number, which it passes to
 * the other by release and acquire.
 */
static union {
	uint8_t b[256];
	uint64_t align;
} area __attribute__((aligned(64)));
static _Atomic(int) baton;
static uint64_t script;

/*
 * The oracle is no part of the program under test: not instrumented, and in
 * lines of its own, because writes are undone by the word.  (External, or
 * clang would take it apart.)
 */
extern struct oracle {
	struct {
		int w[2], r[2]; /* last episode of each CPU */
	} byte[256];
	int know[2][2]; /* CPU i knows episode know[i][j] of j */
	bool race;
} naive;
struct oracle naive __attribute__((aligned(64)));
#define ORACLE __attribute__((no_sanitize("thread"), noinline))

static ORACLE void
naive_access(unsigned cpu, unsigned at, unsigned len, bool write)
{
	unsigned o = 1 - cpu, i;

	for (i = at; i < at + len; i++) {
		if (naive.byte[i].w[o] > naive.know[cpu][o] ||
		    (write && naive.byte[i].r[o] > naive.know[cpu][o]))
			naive.race = true;
		if (write)
			naive.byte[i].w[cpu] = naive.know[cpu][cpu];
		else
			naive.byte[i].r[cpu] = naive.know[cpu][cpu];
	}
}

static void
byte_access(unsigned cpu, unsigned *seed)
{
	unsigned x, len, at;
	bool write;

	*seed = *seed * 1103515245 + 12345;
	x = *seed >> 8;
	len = 1u << (x & 3);
	at = (x >> 2) % (16 - len + 1);
	if ((x >> 9 & 3) != 0)
		at &= ~(len - 1);
	write = (x >> 7 & 3) == 0;
	if ((x >> 12 & 15) == 0) { /* whole pages go another way */
		at = 0;
		len = sizeof area.b;
	}
	naive_access(cpu, at, len, write);
	det_access(&area.b[at], len, write);
}

static ORACLE void
naive_start(void)
{
	naive.know[0][0] = naive.know[1][1] = 1;
	naive.know[0][1] = naive.know[1][0] = 0;
}

static ORACLE void
naive_acquire(unsigned cpu)
{
	naive.know[cpu][1 - cpu] = naive.know[1 - cpu][1 - cpu] - 1;
}

static ORACLE void
naive_release(unsigned cpu)
{
	naive.know[cpu][cpu]++;
}

/* CPUs take turns: 0, 1, 0, ...; some hand-overs order memory, some do not. */
static void
bytes_start(unsigned cpu)
{
	unsigned seed = (unsigned)script * 2 + cpu, turn, i, n;
	bool sync;

	if (cpu == 0) {
		det_cpu_start(1);
		det_snapshot();
		naive_start();
	}
	for (turn = cpu; turn < 12; turn += 2) {
		sync = (script * 2654435761u >> (turn & 15) & 3) != 0;
		while (atomic_load_explicit(&baton, relaxed) != (int)turn)
			det_relax(0);
		if (turn > 0 && sync) { /* whoever handed over released */
			atomic_thread_fence(memory_order_acquire);
			naive_acquire(cpu);
		}
		n = 1 + (seed >> 20) % 3;
		for (i = 0; i < n; i++)
			byte_access(cpu, &seed);
		atomic_store_explicit(&baton, (int)turn + 1,
		    memory_order_release);
		naive_release(cpu);
	}
}

static void
test_detector_exact(void)
{
	struct det_machine dm = {.dm_name = "bytes",
	    .dm_ncpu = 2,
	    .dm_start = bytes_start};
	struct det_config dc = {.dc_strategy = DET_DFS, .dc_maxexecs = 1};
	struct det_result r;
	unsigned bad = 0, racy = 0, runs = 20000;

	for (script = 0; script < runs; script++) {
		memset(&naive, 0, sizeof naive);
		atomic_store(&baton, 0);
		det_run(&dm, &dc, &r);
		racy += naive.race;
		if (r.dr_failed != naive.race) {
			bad++;
			if (bad < 4)
				printf("# script %llu: %s, naively %s\n",
				    (unsigned long long)script,
				    r.dr_failed ? r.dr_msg : "no race",
				    naive.race ? "race" : "none");
		}
		det_result_free(&r);
	}
	sim_result(bad == 0 && racy > runs / 20 && racy < runs / 20 * 19,
	    "detector is exact to the byte: %u scripts, %u race", runs, racy);
}

/*
 * Undo.
 */
static struct {
	uint64_t q[64];
	uint8_t b[256];
	_Atomic(uint16_t) h[8];
	_Atomic(uint64_t) w[4];
	uint8_t page[2][1024] __attribute__((aligned(64)));
} mem;
static uint64_t digest0;
static unsigned undo_bad;

static uint64_t
digest(void)
{
	const uint8_t *p = (const uint8_t *)&mem;
	uint64_t h = 1;
	size_t i;

	for (i = 0; i < sizeof mem; i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	return h;
}

static void
scribble(unsigned cpu, unsigned seed)
{
	unsigned i, k;

	for (i = 0; i < 12; i++) {
		seed = seed * 1103515245 + 12345;
		k = seed >> 16;
		switch (k % 8) {
		case 0:
			mem.q[cpu * 32 + k % 32] = seed;
			break;
		case 1:
			mem.b[cpu * 128 + k % 128] = (uint8_t)seed;
			break;
		case 2:
			memset(&mem.b[cpu * 128 + k % 64], (int)k, k % 60);
			break;
		case 3:
			memcpy(&mem.q[cpu * 32], &mem.q[cpu * 32 + 16],
			    k % 16 * 8);
			break;
		case 4:
			atomic_fetch_add(&mem.h[k % 8], (uint16_t)k);
			break;
		case 5:
			atomic_store(&mem.w[k % 4], seed);
			break;
		case 6:
			memset(mem.page[cpu], (int)k, sizeof mem.page[0]);
			break;
		case 7:
			mem.page[cpu][k % 1024] = (uint8_t)seed;
			break;
		}
	}
}

static void
undo_start(unsigned cpu)
{
	unsigned local[8] = {0};

	if (cpu == 0) {
		scribble(0, 1);
		scribble(1, 2);
		local[3] = 77;
		det_cpu_start(1);
		det_snapshot();
	}
	scribble(cpu, det_choose(5, "seed") + cpu * 10);
	local[3] += cpu + 1;
	if (cpu == 0 && local[3] != 78)
		det_fail("a stack was not restored: %u", local[3]);
}

static void
undo_machine_start(unsigned cpu)
{
	undo_start(cpu);
}

/* Called by the second run below, when all is as at the snapshot again. */
static void
test_undo(void)
{
	struct det_machine dm = {.dm_name = "undo",
	    .dm_ncpu = 2,
	    .dm_start = undo_machine_start};
	struct det_config dc = {.dc_strategy = DET_DFS, .dc_maxexecs = 1};
	struct det_result r;
	unsigned i;

	/* What the setup alone leaves, then the same after many runs. */
	memset(&mem, 0, sizeof mem);
	det_run(&dm, &dc, &r);
	digest0 = digest();
	det_result_free(&r);
	dc.dc_bound = 3;
	dc.dc_stale = DET_UNBOUND;
	for (i = 0; i < 4; i++) {
		memset(&mem, 0, sizeof mem);
		dc.dc_strategy = i < 2 ? DET_RANDOM : DET_DFS;
		dc.dc_maxexecs = 1000 + i;
		dc.dc_seed = i;
		det_run(&dm, &dc, &r);
		if (r.dr_failed || digest() != digest0) {
			undo_bad++;
			printf("# %u: %s\n", i, r.dr_msg);
		}
		det_result_free(&r);
	}
	sim_result(undo_bad == 0, "memory and stacks are restored");
}

/*
 * Replay.
 */
static _Atomic(int) counter;
static _Atomic(int) local_noise[3];

static void
lost_start(unsigned cpu)
{
	int v, i;

	if (cpu == 0) {
		atomic_store(&counter, 0);
		det_cpu_start(1);
		det_cpu_start(2);
		det_snapshot();
	}
	for (i = 0; i < 3; i++) {
		atomic_fetch_add_explicit(&local_noise[cpu], 1, relaxed);
		v = atomic_load_explicit(&counter, relaxed);
		atomic_fetch_add_explicit(&local_noise[cpu], 1, relaxed);
		atomic_store_explicit(&counter, v + 1, relaxed);
	}
}

static void
lost_check(void)
{
	int v = atomic_load(&counter);

	if (v <= 3)
		det_fail("counted %d", v);
}

static void
test_replay(void)
{
	struct det_machine dm = {.dm_name = "lost",
	    .dm_ncpu = 3,
	    .dm_start = lost_start,
	    .dm_check = lost_check};
	struct det_config dc = {.dc_depth = 4,
	    .dc_bound = 3,
	    .dc_stale = DET_UNBOUND,
	    .dc_maxexecs = 400000};
	struct det_config again = {.dc_strategy = DET_REPLAY};
	struct det_result r, s;
	unsigned i;

	for (i = 0; i < 8; i++) {
		dc.dc_strategy = (enum det_strategy)(i / 2);
		dc.dc_weak = again.dc_weak = (i & 1) != 0;
		det_run(&dm, &dc, &r);
		again.dc_replay = r.dr_replay;
		s.dr_failed = false;
		s.dr_msg[0] = '\0';
		s.dr_replay = NULL;
		if (r.dr_failed)
			det_run(&dm, &again, &s);
		sim_result(r.dr_failed && s.dr_failed &&
			       strcmp(r.dr_msg, s.dr_msg) == 0 &&
			       strcmp(r.dr_replay, s.dr_replay) == 0,
		    "replay of strategy %u%s: %s after %llu executions, %s; "
		    "again: %s",
		    i / 2, dc.dc_weak ? ", weak" : "", r.dr_msg,
		    (unsigned long long)r.dr_execs,
		    r.dr_replay != NULL ? r.dr_replay : "-", s.dr_msg);
		det_result_free(&r);
		det_result_free(&s);
	}
}

/*
 * Interrupts: cpu1 raises one line at cpu0, which makes three steps with
 * interrupts enabled, one masked, then idles.  It can arrive before each.
 */
static _Atomic(int) place, cpu1_alive;
static int arrived_at;

static void
place_irq(unsigned cpu, unsigned line)
{
	(void)cpu;
	(void)line;
	arrived_at = atomic_load_explicit(&place, relaxed);
}

static void
place_start(unsigned cpu)
{
	int i;
	bool was;

	if (cpu == 1) {
		atomic_store_explicit(&cpu1_alive, 1, relaxed);
		det_irq_raise(0, 3);
		return;
	}
	atomic_store(&place, 0);
	atomic_store(&cpu1_alive, 0);
	arrived_at = -1;
	det_cpu_start(1);
	det_intr_restore(true);
	det_snapshot();
	for (i = 1; i <= 3; i++) {
		atomic_store_explicit(&place, i, relaxed);
		(void)atomic_load_explicit(&cpu1_alive, relaxed);
	}
	was = det_intr_disable();
	if (arrived_at < 0)
		atomic_store_explicit(&place, 10, relaxed);
	(void)atomic_load_explicit(&cpu1_alive, relaxed);
	if (arrived_at < 0)
		atomic_store_explicit(&place, 11, relaxed);
	det_intr_restore(was);
	(void)atomic_load_explicit(&cpu1_alive, relaxed);
	was = det_intr_disable();
	if (arrived_at < 0)
		det_idle();
	det_intr_restore(was);
}

static unsigned places;

static void
place_check(void)
{
	if (arrived_at < 0)
		det_fail("the interrupt was lost");
	places |= 1u << arrived_at;
}

static void
test_interrupts(void)
{
	static const enum det_strategy ss[] = {DET_DFS, DET_DPOR, DET_RANDOM};
	struct det_machine dm = {.dm_name = "places",
	    .dm_ncpu = 2,
	    .dm_start = place_start,
	    .dm_irq = place_irq,
	    .dm_check = place_check};
	struct det_config dc = {.dc_bound = DET_UNBOUND};
	struct det_result r;
	unsigned i;

	for (i = 0; i < 3; i++) {
		places = 0;
		dc.dc_strategy = ss[i];
		dc.dc_maxexecs = ss[i] == DET_RANDOM ? 2000 : 200000;
		det_run(&dm, &dc, &r);
		sim_result(!r.dr_failed &&
			       (r.dr_complete || ss[i] == DET_RANDOM) &&
			       places == (0xfu | 1u << 11),
		    "interrupts arrive wherever they may: strategy %u, "
		    "places %#x, %llu executions %s",
		    ss[i], places, (unsigned long long)r.dr_execs, r.dr_msg);
		det_result_free(&r);
	}
}

/*
 * Endings.
 */
static _Atomic(int) la, lb;
static int how;

static void
take(_Atomic(int) *l)
{
	while (atomic_exchange_explicit(l, 1, memory_order_acquire) != 0)
		while (atomic_load_explicit(l, relaxed) != 0)
			det_relax(0);
}

static void
end_start(unsigned cpu)
{
	int *wild = (int *)0x1234;

	if (cpu == 0) {
		atomic_store(&la, 0);
		atomic_store(&lb, 0);
		det_cpu_start(1);
		det_snapshot();
	}
	switch (how) {
	case 0:
		take(cpu == 0 ? &la : &lb);
		take(cpu == 0 ? &lb : &la);
		atomic_store(&la, 0);
		atomic_store(&lb, 0);
		break;
	case 1:
		for (;;)
			atomic_fetch_add(&la, 1);
	case 2:
		if (cpu == 1)
			*(volatile int *)wild = 1;
		break;
	case 3:
		if (cpu == 1)
			det_idle();
		break;
	}
}

static void
test_endings(void)
{
	static const char *const want[] = {"deadlock", "livelock",
	    "Segmentation", "deadlock"};
	struct det_machine dm = {.dm_name = "endings",
	    .dm_ncpu = 2,
	    .dm_start = end_start};
	struct det_config dc = {.dc_strategy = DET_DFS,
	    .dc_bound = 2,
	    .dc_maxsteps = 10000,
	    .dc_maxexecs = 1000};
	struct det_result r;

	for (how = 0; how < 4; how++) {
		det_run(&dm, &dc, &r);
		sim_result(r.dr_failed && strstr(r.dr_msg, want[how]) != NULL,
		    "an ending: %s", r.dr_msg);
		det_result_free(&r);
	}
}

/*
 * Clocks start again now and then.  What a port remembers from before the
 * snapshot is long ago all the same.
 */
static uint32_t remembered;

static void
age_start(unsigned cpu)
{
	unsigned i;

	if (cpu == 0) {
		for (i = 0; i < 3000; i++)
			atomic_thread_fence(memory_order_release);
		remembered = det_clock();
		det_cpu_start(1);
		det_snapshot();
	}
	if (!det_ordered(0, remembered))
		det_fail("the past is not over");
	for (i = 0; i < 10000; i++)
		atomic_thread_fence(memory_order_release);
}

static void
test_ages(void)
{
	struct det_machine dm = {.dm_name = "ages",
	    .dm_ncpu = 2,
	    .dm_start = age_start};
	struct det_config dc = {.dc_strategy = DET_RANDOM, .dc_maxexecs = 1000};
	struct det_result r;

	det_run(&dm, &dc, &r);
	sim_result(!r.dr_failed && r.dr_execs == 1000, "clocks start again: %s",
	    r.dr_failed ? r.dr_msg : "long ago");
	det_result_free(&r);
}

/*
 * The parts of a search that began with what the whole learned see together
 * what the whole sees, and learn nothing new.
 */
static _Atomic(int) part_var[3];

static void
part_start(unsigned cpu)
{
	int seen;

	if (cpu == 0) {
		det_cpu_start(1);
		det_snapshot();
	}
	/* The last word is shared only in some executions. */
	atomic_fetch_add(&part_var[0], 1);
	seen = atomic_load(&part_var[1]);
	atomic_store(&part_var[1], 1);
	if (cpu == 0 || seen == 0)
		atomic_fetch_add(&part_var[2], 1);
}

static void
part_known(void *arg, uintptr_t word, uint32_t bits)
{
	(void)arg;
	det_share_add(word, bits);
}

static void
test_known(void)
{
	struct det_machine dm = {.dm_name = "parts",
	    .dm_ncpu = 2,
	    .dm_start = part_start};
	struct det_config dc = {.dc_strategy = DET_DFS,
	    .dc_bound = DET_UNBOUND};
	struct det_result whole, part;
	uint64_t restarts = 0, execs = 0;
	bool agree = true;
	unsigned i;

	det_run(&dm, &dc, &whole);
	det_share_each(part_known, NULL);
	dc.dc_nshard = 3;
	for (i = 0; i < 3; i++) {
		dc.dc_shard = i;
		det_run(&dm, &dc, &part);
		restarts += part.dr_restarts;
		execs += part.dr_execs;
		agree &= part.dr_complete && part.dr_shared == whole.dr_shared;
	}
	sim_result(agree && restarts == 0 && whole.dr_restarts > 0,
	    "parts that know: %llu executions, the whole %llu",
	    (unsigned long long)execs, (unsigned long long)whole.dr_execs);
}

void
engine_tests(void)
{
	test_ages();
	test_strategies_agree();
	test_races_agree();
	test_detector_exact();
	test_undo();
	test_replay();
	test_interrupts();
	test_endings();
	test_known();
}
