/*
 * engine.c: virtual CPUs, switch points, interrupts, executions.
 *
 * A CPU is a context; it leaves the host's thread in point(), before a step
 * that others could notice, and in block().  Whoever leaves asks search.c who
 * is next and switches to it directly.  The host's own context (run, below)
 * is entered only at the end of an execution and at the snapshot.
 *
 * An interrupt arrives in point() and block(), on the stack of whatever runs
 * there; its handler may switch threads, so that the interrupted code goes on
 * later and perhaps on another CPU.  Nothing here trusts a struct vcpu
 * pointer across deliver().
 *
 * Restoring.  At the snapshot the CPUs, the live part of every stack and the
 * list of stacks are copied; all other memory is restored by undoing the
 * writes that were seen (race.c).
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include "detp.h"

#define BOOTSTACK (32u << 10)
#define NSTACKS   1024
#define MAXSTEPS  200000
#define MAXFORCED 400
#define CPUBIT(v) (1ULL << (v)->v_id)

const char *const det_scheduler;
struct vcpu det_vcpus[DET_MAXCPU];
struct vcpu *det_cur;
uint32_t det_base;
uint64_t det_ready, det_relaxed;
bool det_every, det_tracing;
uint64_t det_nsteps, det_nlocal, det_nundone, det_maxsteps;
const struct det_machine *det_dm;
const struct det_config *det_dc;
struct det_result *det_dr;

static uint64_t intr_on; /* CPUs with interrupts enabled */
static uint64_t irq_at;  /* CPUs at which a line is raised */
static void *host_sp;
static uintptr_t arena_next = DET_ARENA;
static bool exploring;
static unsigned forced; /* turns of spin loops since anything else happened */

/* Why the host's context runs again. */
static enum { RUN_END, RUN_FAIL, RUN_SNAPSHOT } run_why;

struct stack {
	uintptr_t st_lo, st_hi;
	void **st_sp;
};
static struct stack stacks[NSTACKS];
static char *boot_stacks[DET_MAXCPU];
static unsigned nstacks;

/* Port state. */
#define NREGIONS 32
static struct {
	void *rg_at;
	char *rg_copy;
	size_t rg_len;
} regions[NREGIONS];
static unsigned nregions;

/* The snapshot. */
static struct {
	struct vcpu s_vcpus[DET_MAXCPU];
	struct stack s_stacks[NSTACKS];
	unsigned s_nstacks, s_nsaved, s_cpu;
	uint32_t s_base; /* all clocks before it are up to this */
	uint64_t s_ready, s_relaxed, s_intr_on, s_irq_at;
	struct {
		char *sv_at, *sv_copy;
		size_t sv_len;
	} s_saved[NSTACKS];
} snap;

/*
 * The arena.
 */
void *
det_arena(size_t len)
{
	void *p;

	len = (len + 4095) & ~(size_t)4095;
	if (arena_next + len > DET_SPAN)
		return NULL;
	p = mmap((void *)arena_next, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
	    -1, 0);
	if (p == MAP_FAILED || p != (void *)arena_next)
		abort();
	arena_next += len;
	return p;
}

/*
 * Stacks.
 */
void
det_stack_add(void *lo, size_t len, void **sp)
{
	if (nstacks == NSTACKS)
		det_fail("more than %d stacks", NSTACKS);
	stacks[nstacks].st_lo = (uintptr_t)lo;
	stacks[nstacks].st_hi = (uintptr_t)lo + len;
	stacks[nstacks++].st_sp = sp;
	/* Code without instrumentation is about to write there. */
	det_save(lo, len);
}

void *
det_boot_stack(unsigned cpu, size_t *len)
{
	*len = BOOTSTACK;
	return boot_stacks[cpu];
}

void
det_region(void *p, size_t len)
{
	unsigned i;

	for (i = 0; i < nregions && regions[i].rg_at != p; i++)
		continue;
	if (i == NREGIONS || exploring)
		abort();
	if (i == nregions)
		nregions++;
	free(regions[i].rg_copy);
	regions[i].rg_at = p;
	regions[i].rg_len = len;
	regions[i].rg_copy = malloc(len);
	if (regions[i].rg_copy == NULL)
		abort();
}

/* Contexts keep their number: a preempted thread is still in its handler. */
void
det_thread_switch(void **from, void *to)
{
	uint8_t context = det_cur->v_context;

	det_save(from, sizeof *from);
	det_ctx_switch(from, to);
	det_cur->v_context = context;
	det_cur->v_spun = false;
}

void
det_stack_remove(void *lo)
{
	unsigned i;

	for (i = 0; i < nstacks; i++)
		if (stacks[i].st_lo == (uintptr_t)lo) {
			stacks[i] = stacks[--nstacks];
			return;
		}
}

/*
 * Time, and who runs.
 */
void
tick(struct vcpu *v)
{
	uint32_t clk = EP_CLK(v->v_epoch) + 1;
	unsigned q = v->v_id & (DET_NCLK - 1);

	if (unlikely(clk >= CLK_MAX))
		det_fail("one execution outran the clock");
	v->v_epoch = EPOCH(q, clk);
	v->v_cur.hb[q] = v->v_cur.vw[q] = (int32_t)clk;
	v->v_acq.hb[q] = v->v_acq.vw[q] = (int32_t)clk;
}

int
det_self(void)
{
	return det_cur != NULL ? det_cur->v_id : -1;
}

uint64_t
det_points(void)
{
	return det_nsteps + det_nlocal;
}

uint64_t
det_cpu_points(unsigned cpu)
{
	return det_vcpus[cpu].v_ops;
}

unsigned
det_ncpu(void)
{
	return det_dm->dm_ncpu;
}

void
det_context(unsigned n)
{
	if (det_cur != NULL)
		det_cur->v_context = (uint8_t)(n < 253 ? n + 1 : 253);
}

bool
det_exploring(void)
{
	return exploring;
}

uint32_t
det_clock(void)
{
	return EP_CLK(det_cur->v_epoch);
}

bool
det_ordered(unsigned cpu, uint32_t clk)
{
	return det_cur == NULL || (int32_t)clk <= det_cur->v_cur.hb[cpu] ||
	       (int32_t)clk <= det_cur->v_done[cpu];
}

void
det_publish(void)
{
	struct vcpu *v = det_cur;
	unsigned q;

	for (q = 0; v != NULL && q < det_dm->dm_ncpu; q++) {
		vclk_join(&det_vcpus[q].v_cur.vw, &v->v_cur.vw);
		vclk_join(&det_vcpus[q].v_acq.vw, &v->v_cur.vw);
	}
	if (v != NULL)
		tick(v);
}

void
det_barrier(void)
{
	struct vcpu *v = det_cur;
	unsigned q;

	for (q = 0; v != NULL && q < det_dm->dm_ncpu && q < DET_NCLK; q++) {
		v->v_done[q] = (int32_t)EP_CLK(det_vcpus[q].v_epoch);
		if (v->v_cur.vw[q] < v->v_done[q])
			v->v_cur.vw[q] = v->v_acq.vw[q] = v->v_done[q];
		tick(&det_vcpus[q]);
	}
}

static void
set_current(struct vcpu *v)
{
	det_cur = v;
	det_plain = det_dc->dc_norace ? NULL : v;
}

static void
set_ready(struct vcpu *v)
{
	v->v_state = V_READY;
	forced = 0;
	det_ready |= CPUBIT(v);
	det_relaxed &= ~CPUBIT(v);
}

static void
set_waiting(struct vcpu *v, enum vstate state)
{
	v->v_state = (uint8_t)state;
	det_ready &= ~CPUBIT(v);
	if (state == V_RELAX)
		det_relaxed |= CPUBIT(v);
}

static cold void
too_long(void)
{
	det_fail("livelock: no end after %llu steps and %llu local ones",
	    (unsigned long long)det_nsteps, (unsigned long long)det_nlocal);
}

/*
 * In the list of alternatives an interrupt that can arrive here comes first;
 * to go on is then number 1.  See list() in search.c.
 */
hot void
pass(struct vcpu *me)
{
	uint64_t irq;

	if (unlikely(++det_nlocal > det_maxsteps * 8))
		too_long();
	if (me->v_nopoint != 0)
		return;
	irq = irq_at & intr_on & det_ready;
	if ((det_ready & (det_ready - 1)) != 0 || irq != 0)
		search_taken((irq & CPUBIT(me)) != 0);
}

/*
 * The ways out of an execution.
 */
void
leave(void)
{
	void *dead;

	det_cur = det_plain = NULL;
	det_ctx_switch(&dead, host_sp);
	abort();
}

void
end(void)
{
	run_why = RUN_END;
	leave();
}

void
det_fail(const char *fmt, ...)
{
	va_list ap;
	size_t n;

	if (!det_dr->dr_failed) {
		det_dr->dr_failed = true;
		n = 0;
		if (det_cur != NULL)
			n = (size_t)snprintf(det_dr->dr_msg,
			    sizeof det_dr->dr_msg, "cpu%u: ", det_cur->v_id);
		va_start(ap, fmt);
		vsnprintf(det_dr->dr_msg + n, sizeof det_dr->dr_msg - n, fmt,
		    ap);
		va_end(ap);
		TRACE(TR_FAIL, 0, 0, 0, 0);
	}
	run_why = RUN_FAIL;
	if (det_cur != NULL)
		leave();
}

void
det_wind_up(void)
{
	if (det_cur == NULL || !search_asked())
		return;
	(void)point((struct op){OP_CUT, true, false});
	search_cut();
}

void
det_end(void)
{
	det_wind_up();
	end();
}

/*
 * Interrupts.
 */
bool
det_intr_enabled(void)
{
	return det_cur != NULL && det_cur->v_intr;
}

bool
det_intr_disable(void)
{
	struct vcpu *v = det_cur;
	bool was;

	if (v == NULL)
		return false;
	was = v->v_intr;
	v->v_intr = false;
	intr_on &= ~CPUBIT(v);
	return was;
}

void
det_intr_restore(bool enable)
{
	struct vcpu *v = det_cur;

	if (v == NULL || v->v_intr == enable)
		return;
	v->v_intr = enable;
	if (!enable) {
		intr_on &= ~CPUBIT(v);
		return;
	}
	intr_on |= CPUBIT(v);
	if (v->v_irqs != 0)
		(void)point((struct op){0, false, false});
}

void
det_irq_raise(unsigned cpu, unsigned line)
{
	struct vcpu *v = &det_vcpus[cpu], *me = det_cur;

	if (me != NULL) {
		v->v_irqloc = loc_get((uintptr_t)&v->v_irqs, 4);
		me = point((struct op){v->v_irqloc, true, false});
		TRACE(TR_RAISE, cpu, line, 0, 0);
		view_join(&v->v_irqv, &me->v_cur);
		tick(me);
		if (search_dpor)
			search_follows(AGENT_IRQ + cpu, me->v_id);
	}
	v->v_irqs |= 1u << line;
	irq_at |= 1ULL << cpu;
	if (v->v_state == V_IDLE ||
	    ((v->v_state == V_RELAX || v->v_state == V_CALM) && v->v_intr)) {
		set_ready(v);
		if (search_dpor && me != NULL)
			search_follows(cpu, me->v_id);
	}
}

/* One raised line of the current CPU, handled here and now. */
static void
deliver(void)
{
	struct vcpu *v = det_cur;
	uint8_t context;
	unsigned line;

	v->v_deliver = false;
	line = (unsigned)__builtin_ctz(v->v_irqs);
	v->v_irqs &= v->v_irqs - 1;
	if (v->v_irqs == 0)
		irq_at &= ~CPUBIT(v);
	if (search_dpor)
		search_stepped(AGENT_IRQ + v->v_id,
		    &(struct op){v->v_irqloc, true, false});
	view_join(&v->v_cur, &v->v_irqv);
	view_join(&v->v_acq, &v->v_irqv);
	v->v_nseen = 0;
	v->v_seenany = v->v_spun = false;
	v->v_intr = false;
	intr_on &= ~CPUBIT(v);
	TRACE(TR_IRQ, v->v_id, line, 0, 0);
	context = v->v_context;
	v->v_context = CONTEXT_IRQ;
	det_dm->dm_irq(v->v_id, line);
	v = det_cur;
	v->v_context = context;
	TRACE(TR_IRQEND, v->v_id, line, 0, 0);
	v->v_intr = true;
	intr_on |= CPUBIT(v);
}

/*
 * Who is next.
 */
static inline void
go(struct turn t)
{
	struct vcpu *me = det_cur, *v = &det_vcpus[t.t_cpu];

	v->v_deliver = t.t_deliver;
	if (v == me)
		return;
	set_current(v);
	det_ctx_switch(&me->v_sp, v->v_sp);
}

hot struct vcpu *
point(struct op op)
{
	struct vcpu *me = det_cur;
	uint64_t irq;

	for (;;) {
		if (unlikely(me->v_nopoint != 0))
			return me;
		if (unlikely(++det_nsteps > det_maxsteps))
			too_long();
		me->v_op = op;
		irq = irq_at & intr_on & det_ready;
		if ((det_ready & (det_ready - 1)) != 0 || irq != 0)
			go(search_turn(det_ready, irq, me));
		if (likely(!me->v_deliver))
			break;
		deliver();
		me = det_cur;
	}
	me->v_ops++;
	if (search_dpor)
		search_stepped(me->v_id, &me->v_op);
	return me;
}

static cold void
stuck(void)
{
	static const char *const states[] = {"off", "ready", "spins", "idle",
	    "waits", "ended"};
	char buf[200];
	size_t n = 0;
	unsigned i;

	for (i = 0; i < det_dm->dm_ncpu && n < sizeof buf; i++)
		n += (size_t)snprintf(buf + n, sizeof buf - n, " cpu%u %s", i,
		    states[det_vcpus[i].v_state]);
	det_fail("deadlock:%s", buf);
}

/* A spin loop may have a limit: let one that waits go round again. */
static bool
spin_on(void)
{
	unsigned n = forced, i;

	if (det_relaxed == 0 || n >= MAXFORCED)
		return false;
	for (i = n; (det_relaxed >> i % DET_MAXCPU & 1) == 0; i++)
		continue;
	set_ready(&det_vcpus[i % DET_MAXCPU]);
	forced = n + 1;
	return true;
}

/* A CPU that waited for calm has it; false: there is none. */
static unsigned calmed;

static bool
calm(void)
{
	unsigned i;

	for (i = 0; i < det_dm->dm_ncpu; i++)
		if (det_vcpus[i].v_state == V_CALM) {
			set_ready(&det_vcpus[i]);
			calmed = i;
			return true;
		}
	return false;
}

/* No CPU can take a step: is that the end? */
static void
quiet(void)
{
	struct vcpu *me = det_cur;
	enum det_quiet q = DET_END;
	unsigned i;

	if (det_dm->dm_quiet != NULL) {
		det_cur = det_plain = NULL;
		q = det_dm->dm_quiet();
		set_current(me);
		if (det_dr->dr_failed)
			leave();
		if (q == DET_MORE && det_ready == 0)
			q = DET_STUCK;
	} else
		for (i = 0; i < det_dm->dm_ncpu; i++)
			if (det_vcpus[i].v_state == V_RELAX ||
			    det_vcpus[i].v_state == V_IDLE)
				q = DET_STUCK;
	if (q == DET_STUCK)
		stuck();
	if (q == DET_END)
		end();
}

struct vcpu *
block(struct vcpu *me)
{
	struct turn t;
	uint64_t irq;

	if (me->v_nopoint != 0)
		det_fail("a CPU waits inside what must be one step");
	me->v_op = (struct op){0, false, false};
	for (;;) {
		if (unlikely(++det_nsteps > det_maxsteps))
			too_long();
		while (det_ready == 0 && !calm() && !spin_on())
			quiet();
		irq = irq_at & intr_on & det_ready;
		if ((det_ready & (det_ready - 1)) != 0 || irq != 0)
			t = search_turn(det_ready, irq, me);
		else
			t = (struct turn){(uint8_t)__builtin_ctzll(det_ready),
			    false};
		go(t);
		if (!me->v_deliver)
			break;
		deliver();
		me = det_cur;
		if (me->v_state == V_READY)
			break;
	}
	if (search_dpor)
		search_stepped(me->v_id, &me->v_op);
	return me;
}

void
wake_relaxed(uint32_t loc)
{
	struct vcpu *v;
	uint64_t m;
	unsigned k;

	for (m = det_relaxed; m != 0; m &= m - 1) {
		v = &det_vcpus[__builtin_ctzll(m)];
		for (k = 0; k < v->v_nseen; k++)
			if (v->v_seen[k].s_loc == loc)
				break;
		if (k == v->v_nseen && !v->v_seenany)
			continue;
		set_ready(v);
		if (search_dpor && det_cur != NULL)
			search_follows(v->v_id, det_cur->v_id);
	}
}

/*
 * Spinning and idling.
 */
void
det_relax(uintptr_t pc)
{
	struct vcpu *v = det_cur;
	bool stale;

	if (v == NULL)
		return;
	stale = weak_stale(v);
	TRACE(TR_RELAX, 0, stale, 0, pc);
	if (v->v_irqs != 0 && v->v_intr)
		deliver();
	else if (!stale && v->v_spun && v->v_spinpc == pc) {
		if (v->v_nseen == 0)
			v->v_seenany = true;
		set_waiting(v, V_RELAX);
		v = block(v);
		v->v_spun = false;
	} else
		v->v_spun = !stale;
	v = det_cur;
	v->v_spinpc = pc;
	v->v_nseen = 0;
	v->v_seenany = false;
}

void
det_touch(const void *addr)
{
	uint32_t i;

	if (det_cur == NULL)
		return;
	i = loc_get((uintptr_t)addr, 8);
	note_seen(det_cur, i, det_locs[i].l_writes);
}

void
det_calm(void)
{
	struct vcpu *v = det_cur;

	if (v == NULL)
		return;
	do { /* an interrupt is no calm */
		calmed = DET_MAXCPU;
		set_waiting(v, V_CALM);
		v = block(v);
	} while (calmed != v->v_id);
}

void
det_idle(void)
{
	struct vcpu *v = det_cur;

	TRACE(TR_IDLE, 0, 0, 0, 0);
	if (v->v_irqs == 0) {
		set_waiting(v, V_IDLE);
		v = block(v);
	}
	while (v->v_irqs != 0) {
		deliver();
		v = det_cur;
	}
	v->v_intr = false;
	intr_on &= ~CPUBIT(v);
}

void
det_point(const void *addr, bool write, const char *what)
{
	uint32_t i;

	if (det_cur == NULL)
		return;
	i = loc_get((uintptr_t)addr, 8);
	(void)point((struct op){i, write, false});
	TRACE(TR_POINT, (uintptr_t)what, write, 0, 0);
	if (write) {
		det_locs[i].l_writes++;
		det_locs[i].l_writer = det_cur->v_id;
		det_stores++;
		det_cur->v_stores++;
		wake_relaxed(i);
	}
}

unsigned
det_choose(unsigned n, const char *what)
{
	unsigned k;

	if (n < 2 || det_cur == NULL)
		return 0;
	k = search_data(n, false);
	TRACE(TR_CHOICE, (uintptr_t)what, k, n, 0);
	return k;
}

void
det_atomic_begin(void)
{
	if (det_cur != NULL)
		det_cur->v_nopoint++;
}

void
det_atomic_end(void)
{
	if (det_cur != NULL && det_cur->v_nopoint-- == 0)
		abort();
}

/*
 * Starting CPUs.
 */
static void
cpu_begin(void *arg)
{
	struct vcpu *v = arg;

	if (search_dpor)
		search_stepped(v->v_id, &v->v_op);
	det_dm->dm_start(v->v_id);
	v = det_cur;
	set_waiting(v, V_DONE);
	(void)block(v);
	abort();
}

void
det_cpu_start(unsigned cpu)
{
	struct vcpu *v = &det_vcpus[cpu];

	if (v->v_state != V_OFF)
		abort();
	if (det_cur != NULL) {
		v->v_cur = v->v_acq = v->v_rel = det_cur->v_cur;
		tick(v);
		tick(det_cur);
	}
	set_ready(v);
}

static void
cpus_reset(void)
{
	struct vcpu *v;
	unsigned i, k;

	memset(det_vcpus, 0, sizeof det_vcpus);
	det_ready = det_relaxed = intr_on = irq_at = 0;
	nstacks = 0;
	for (i = 0; i < det_dm->dm_ncpu; i++) {
		v = &det_vcpus[i];
		if (boot_stacks[i] == NULL)
			boot_stacks[i] = det_arena(BOOTSTACK);
		v->v_id = (uint8_t)i;
		v->v_context = (uint8_t)(i + 1);
		v->v_epoch = EPOCH(i & (DET_NCLK - 1), det_base + 1);
		for (k = 0; k < DET_NCLK; k++)
			v->v_cur.hb[k] = (int32_t)det_base;
		v->v_cur.hb[i & (DET_NCLK - 1)]++;
		v->v_cur.vw = v->v_cur.hb;
		v->v_acq = v->v_cur;
		det_ctx_make(&v->v_sp, boot_stacks[i], BOOTSTACK, cpu_begin, v);
		det_stack_add(boot_stacks[i], BOOTSTACK, &v->v_sp);
	}
}

/*
 * Snapshots.
 */
void
det_snapshot(void)
{
	struct vcpu *me = det_cur;

	if (exploring)
		abort();
	snap.s_cpu = me->v_id;
	run_why = RUN_SNAPSHOT;
	det_cur = det_plain = NULL;
	det_ctx_switch(&me->v_sp, host_sp);
}

static void
save_stack(uintptr_t sp, uintptr_t hi)
{
	char *copy;

	if (snap.s_nsaved == NSTACKS)
		abort();
	copy = malloc(hi - sp);
	if (copy == NULL)
		abort();
	memcpy(copy, (void *)sp, hi - sp);
	snap.s_saved[snap.s_nsaved].sv_at = (char *)sp;
	snap.s_saved[snap.s_nsaved].sv_copy = copy;
	snap.s_saved[snap.s_nsaved++].sv_len = hi - sp;
}

static void
snapshot_take(void)
{
	uintptr_t sp, vsp;
	unsigned i, k;

	memcpy(snap.s_vcpus, det_vcpus, sizeof det_vcpus);
	memcpy(snap.s_stacks, stacks, sizeof stacks);
	snap.s_nstacks = nstacks;
	snap.s_nsaved = 0;
	snap.s_base = det_base;
	for (i = 0; i < det_dm->dm_ncpu; i++)
		if (EP_CLK(det_vcpus[i].v_epoch) > snap.s_base)
			snap.s_base = EP_CLK(det_vcpus[i].v_epoch);
	snap.s_ready = det_ready;
	snap.s_relaxed = det_relaxed;
	snap.s_intr_on = intr_on;
	snap.s_irq_at = irq_at;
	for (i = 0; i < nstacks; i++) {
		sp = (uintptr_t)*stacks[i].st_sp;
		for (k = 0; k < det_dm->dm_ncpu; k++) {
			vsp = (uintptr_t)det_vcpus[k].v_sp;
			if (vsp >= stacks[i].st_lo && vsp < stacks[i].st_hi &&
			    det_vcpus[k].v_state != V_DONE)
				sp = vsp;
		}
		if (sp >= stacks[i].st_lo && sp < stacks[i].st_hi)
			save_stack(sp, stacks[i].st_hi);
	}
	for (i = 0; i < nregions; i++)
		memcpy(regions[i].rg_copy, regions[i].rg_at, regions[i].rg_len);
	det_undo_on = true;
	exploring = true;
}

static void
snapshot_forget(void)
{
	while (snap.s_nsaved > 0)
		free(snap.s_saved[--snap.s_nsaved].sv_copy);
	det_undo_on = exploring = false;
}

/* Every clock of this execution will be above all that there ever was. */
static void
new_age(void)
{
	struct vcpu *v;
	unsigned i, k;

	for (i = 0; i < det_dm->dm_ncpu; i++)
		if (EP_CLK(det_vcpus[i].v_epoch) > det_base)
			det_base = EP_CLK(det_vcpus[i].v_epoch);
	if (det_base > CLK_MAX / 2) {
		/* Ports remember times, too: those before the snapshot. */
		shadow_forget();
		det_base = exploring ? snap.s_base : 1;
	}
	shadow_reset();
	weak_reset();
	det_stores = 0;
	for (i = 0; i < det_dm->dm_ncpu; i++) {
		v = &det_vcpus[i];
		for (k = 0; k < DET_NCLK; k++)
			v->v_cur.hb[k] = (int32_t)det_base;
		v->v_cur.vw = v->v_cur.hb;
		v->v_cur.ft = 0;
		v->v_acq = v->v_rel = v->v_irqv = v->v_cur;
		v->v_done = v->v_cur.hb;
		v->v_epoch = EPOCH(i & (DET_NCLK - 1), det_base);
		tick(v);
		v->v_nseen = 0;
		v->v_seenany = v->v_state == V_RELAX;
		v->v_stores = v->v_others = 0;
		v->v_op = (struct op){0, false, false};
		v->v_irqloc = 0;
		v->v_deliver = false;
	}
}

static void
restore(void)
{
	uint32_t clk = 0;
	unsigned i;

	for (i = 0; i < det_dm->dm_ncpu; i++)
		if (EP_CLK(det_vcpus[i].v_epoch) > clk)
			clk = EP_CLK(det_vcpus[i].v_epoch);
	undo_all();
	for (i = 0; i < snap.s_nsaved; i++)
		memcpy(snap.s_saved[i].sv_at, snap.s_saved[i].sv_copy,
		    snap.s_saved[i].sv_len);
	for (i = 0; i < nregions; i++)
		memcpy(regions[i].rg_at, regions[i].rg_copy, regions[i].rg_len);
	memcpy(det_vcpus, snap.s_vcpus, det_dm->dm_ncpu * sizeof det_vcpus[0]);
	memcpy(stacks, snap.s_stacks, snap.s_nstacks * sizeof stacks[0]);
	nstacks = snap.s_nstacks;
	det_ready = snap.s_ready;
	det_relaxed = snap.s_relaxed;
	intr_on = snap.s_intr_on;
	irq_at = snap.s_irq_at;
	if (clk > det_base)
		det_base = clk;
}

/*
 * The program under test does something that the host's kernel objects to.
 */
static struct {
	int sig;
	uintptr_t addr, pc;
} fault;

static void
fault_leave(void)
{
	char pc[96], at[96];

	if (det_cur == NULL)
		abort();
	det_fail("%s: address %s, in %s", strsignal(fault.sig),
	    sym_name(fault.addr, at, sizeof at),
	    sym_name(fault.pc, pc, sizeof pc));
}

static void
on_signal(int sig, siginfo_t *si, void *ctx)
{
	static char stack[64 << 10] __attribute__((aligned(16)));
	ucontext_t *uc = ctx;

	if (det_cur == NULL) {
		signal(sig, SIG_DFL);
		return;
	}
	fault.sig = sig;
	fault.addr = (uintptr_t)si->si_addr;
#if defined(__x86_64__)
	fault.pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)fault_leave;
	uc->uc_mcontext.gregs[REG_RSP] =
	    (greg_t)(uintptr_t)(stack + sizeof stack - 8);
#elif defined(__aarch64__)
	fault.pc = uc->uc_mcontext.pc;
	uc->uc_mcontext.pc = (uintptr_t)fault_leave;
	uc->uc_mcontext.sp = (uintptr_t)(stack + sizeof stack);
#endif
}

static void
catch_faults(void)
{
	static char alt[64 << 10] __attribute__((aligned(16)));
	static const int sigs[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
	stack_t ss = {.ss_sp = alt, .ss_size = sizeof alt};
	struct sigaction sa = {.sa_sigaction = on_signal};
	unsigned i;

	sa.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
	sigaltstack(&ss, NULL);
	for (i = 0; i < sizeof sigs / sizeof sigs[0]; i++)
		sigaction(sigs[i], &sa, NULL);
}

/*
 * Executions.
 */
static void
enter(void)
{
	struct vcpu *v = &det_vcpus[exploring ? snap.s_cpu : 0];

	set_current(v);
	det_ctx_switch(&host_sp, v->v_sp);
}

static void
finish(void)
{
	det_dr->dr_steps += det_nsteps;
	det_dr->dr_local += det_nlocal;
	if (run_why == RUN_END && !search_pruned && det_dm->dm_check != NULL)
		det_dm->dm_check();
	if (det_dc->dc_atend != NULL)
		det_dc->dc_atend();
}

/* Again what failed, step by step, and perhaps from a shorter recording. */
static bool
once(uint64_t exec)
{
	restore();
	new_age();
	trace_reset();
	search_begin(exec);
	det_nsteps = det_nlocal = 0;
	enter();
	finish();
	return det_dr->dr_failed;
}

/* Whether two failures are of one kind: the same but for numbers. */
static bool
alike(const char *a, const char *b)
{
	for (;;) {
		while ((*a >= '0' && *a <= '9') || (*a >= 'a' && *a <= 'f'))
			a++;
		while ((*b >= '0' && *b <= '9') || (*b >= 'a' && *b <= 'f'))
			b++;
		if (*a != *b)
			return false;
		if (*a == '\0')
			return true;
		a++;
		b++;
	}
}

/* The failing execution again, with every access a switch point. */
static bool
again(const char *record, unsigned skip, char *msg)
{
	bool failed;

	(void)search_again(record, skip);
	det_dr->dr_failed = false;
	failed = once(0) && !search_misfit && alike(det_dr->dr_msg, msg);
	det_dr->dr_failed = true;
	return failed;
}

#define MINIMIZE_MAX 3000

/*
 * Leave out choices that the failure does not need, last ones first, then
 * go through it once more for the trace and a better message.
 */
static void
explain(struct det_result *r)
{
	char *record = search_record(), *shorter, msg[sizeof r->dr_msg];
	unsigned n, i, tries = 0;
	struct det_result save = *r;
	bool smaller = det_dc->dc_minimize;

	memcpy(msg, r->dr_msg, sizeof msg);
	det_every = true;
	while (smaller) {
		smaller = false;
		n = search_again(record, ~0u);
		for (i = n; i-- > 0 && tries < MINIMIZE_MAX; tries++) {
			if (!again(record, i, msg))
				continue;
			shorter = search_record();
			free(record);
			record = shorter;
			smaller = true;
		}
	}
	det_tracing = true;
	if (again(record, ~0u, msg))
		memcpy(save.dr_msg, r->dr_msg, sizeof msg);
	det_tracing = false;
	*r = save;
	r->dr_replay = record;
}

void
det_run(const struct det_machine *dm, const struct det_config *dc,
    struct det_result *r)
{
	uint64_t next = 4096;

	memset(r, 0, sizeof *r);
	det_dm = dm;
	det_dc = dc;
	det_dr = r;
	det_weak = dc->dc_weak;
	det_every = dc->dc_strategy == DET_REPLAY || dm->dm_ncpu > DET_NCLK;
	det_tracing = dc->dc_stop != 0; /* else: explain() */
	det_maxsteps = dc->dc_maxsteps != 0 ? dc->dc_maxsteps : MAXSTEPS;
	det_nlocal = det_nundone = det_nsteps = 0;
	shadow_init();
	share_forget();
	catch_faults();
	search_start(dc, dm->dm_ncpu);
	cpus_reset();
	new_age();
	trace_reset();
	search_begin(0);
	set_ready(&det_vcpus[0]);
	enter();
	if (run_why == RUN_SNAPSHOT) {
		snapshot_take();
		share_forget();
		share_known();
		for (;;) {
			if (!once(r->dr_execs) && dc->dc_progress != NULL &&
			    r->dr_execs >= next) {
				dc->dc_progress(r->dr_execs, r->dr_steps);
				next = r->dr_execs * 5 / 4;
			}
			r->dr_pruned += search_pruned;
			r->dr_failexec = r->dr_execs++;
			if (r->dr_failed)
				break;
			if (share_grew)
				r->dr_restarts++;
			if (!search_next(share_grew))
				break;
			share_grew = false;
			if (dc->dc_maxexecs != 0 &&
			    r->dr_execs >= dc->dc_maxexecs)
				break;
		}
	} else {
		finish();
		r->dr_execs = 1;
	}
	r->dr_unmet = search_unmet();
	if (r->dr_failed && exploring)
		explain(r);
	else if (dc->dc_trace && exploring) {
		det_tracing = true;
		(void)once(0);
		det_tracing = false;
	}
	if (exploring) {
		restore();
		snapshot_forget();
	}
	r->dr_complete = !r->dr_failed && search_complete();
	r->dr_undo = det_nundone;
	r->dr_shared = share_digest();
	search_dpor = false;
}

void
det_result_free(struct det_result *r)
{
	free(r->dr_replay);
	r->dr_replay = NULL;
}
