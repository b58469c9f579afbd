/*
 * port_cpu.c (host): virtual CPUs, threads, interrupts and time.
 *
 * Every kernel thread has a stack in this process and is resumed by swapping
 * stack pointers.  A virtual CPU is whatever thread it runs; to let another CPU
 * run is to resume that CPU's thread.  That happens where the kernel
 * enables interrupts, waits for another CPU, or idles, and nowhere else.
 *
 * Time is virtual: it creeps with every look at the clock and jumps to the
 * next timer when all CPUs idle.
 *
 * Threads run on stacks of our own, with a guard page and room for what the
 * sanitizers add; the kernel's td_kstack stays untouched but for its canary.
 */
#include <stdlib.h>

#include <port/machdep.h>
#include <base/cpu.h>
#include <base/print.h>
#include <base/thread.h>
#include <det/det.h>

#include "host.h"

#ifdef ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#define STACK_LEN ((size_t)256 << 10)
#define GUARD_LEN ((size_t)4096)

#define POINT_NS 20   /* a point at which interrupts are looked for */
#define RELAX_NS 1000 /* a turn of a spin loop */
#define CLOCK_NS 50   /* a look at the clock */

/* One point in so many lets another CPU run. */
#define TURN_POINTS 8

struct host_cpu *host_self;
uint64_t host_time;
struct host_counts host_counts;

static struct host_cpu cpus[HOST_MAXCPU];
static struct cpu kernel_cpus[HOST_MAXCPU];
static struct thread boot_threads[HOST_MAXCPU];
u_int host_ncpus = 1;
static u_int ncpus_wanted; /* CPUs that take turns */
static uint64_t random_state;

/* Stacks of threads that are gone. */
static void *free_stacks;

uint64_t
host_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

void
host_reseed(uint64_t seed)
{
	random_state = seed * 2 + 1; /* never 0 */
}

/*
 * Contexts are those of the simulated machine, host/det/swtch.c.
 */

/* Resume to; from is gone for good if dying. */
static void
context_switch(struct md_thread *from, struct md_thread *to, bool dying)
{
#ifdef ASAN
	__sanitizer_start_switch_fiber(dying ? NULL : &from->mt_fake,
	    to->mt_stack, to->mt_stacklen);
#else
	(void)dying;
#endif
	det_ctx_switch(&from->mt_sp, to->mt_sp);
#ifdef ASAN
	__sanitizer_finish_switch_fiber(from->mt_fake, NULL, NULL);
#endif
}

/* The first function on a new stack. */
static void
context_start(void *arg __unused)
{
	struct md_thread *mt = &host_self->hc_thread->td_md;

#ifdef ASAN
	__sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#endif
	mt->mt_fn(mt->mt_arg);
	abort();
}

static void
stack_alloc(struct md_thread *mt)
{
	void *p = free_stacks;

	if (p != NULL)
		free_stacks = *(void **)p;
	else
		p = host_map_stack(STACK_LEN);
	mt->mt_stack = p;
	mt->mt_stacklen = STACK_LEN;
}

void
md_thread_init(struct thread *td, void (*fn)(void *), void *arg)
{
	struct md_thread *mt = &td->td_md;

	stack_alloc(mt);
	mt->mt_fn = fn;
	mt->mt_arg = arg;
	det_ctx_make(&mt->mt_sp, mt->mt_stack, mt->mt_stacklen, context_start,
	    NULL);
}

void
md_thread_free(struct thread *td)
{
	void *p = td->td_md.mt_stack;

	if (p == NULL)
		return;
#ifdef ASAN
	__asan_unpoison_memory_region(p, STACK_LEN);
#endif
	td->td_md.mt_stack = NULL;
	*(void **)p = free_stacks;
	free_stacks = p;
}

void
md_switch(struct thread *from, struct thread *to)
{
	KASSERT(!host_self->hc_intr && host_self->hc_thread == from);
	host_self->hc_thread = to;
	context_switch(&from->td_md, &to->td_md, thread_state(from) == TD_DEAD);
}

/*
 * Taking turns.
 */

static bool
interrupted(const struct host_cpu *hc)
{
	return hc->hc_pending != 0 || hc->hc_timer <= host_time;
}

static bool
can_run(const struct host_cpu *hc)
{
	return hc->hc_thread != NULL && (!hc->hc_waiting || interrupted(hc));
}

static void
run_cpu(struct host_cpu *to)
{
	struct host_cpu *from = host_self;

	if (to == from)
		return;
	host_self = to;
	context_switch(&from->hc_thread->td_md, &to->hc_thread->td_md, false);
	KASSERT(host_self == from);
}

/* Let a CPU that can run do so; this one when there is no other. */
static void
take_turns(void)
{
	u_int i, start;

	start = (u_int)(host_random() % ncpus_wanted);
	for (i = 0; i < ncpus_wanted; i++) {
		struct host_cpu *hc = &cpus[(start + i) % ncpus_wanted];

		if (hc != host_self && can_run(hc)) {
			run_cpu(hc);
			return;
		}
	}
}

/* The earliest timer of all CPUs. */
static uint64_t
next_timer(void)
{
	uint64_t when = UINT64_MAX;
	u_int i;

	for (i = 0; i < ncpus_wanted; i++)
		when = MIN(when, cpus[i].hc_timer);
	return when;
}

void
md_cpu_idle(void)
{
	struct host_cpu *self = host_self;
	uint64_t when;
	u_int i;

	KASSERT(!self->hc_intr);
	self->hc_waiting = true;
	while (!interrupted(self)) {
		for (i = 0; i < ncpus_wanted && !can_run(&cpus[i]); i++)
			continue;
		if (i < ncpus_wanted) {
			take_turns();
			continue;
		}
		when = next_timer();
		if (when == UINT64_MAX)
			panic("every cpu idles and no timer is set");
		host_time = MAX(host_time, when);
	}
	self->hc_waiting = false;
}

/*
 * Interrupts.
 */

static void
deliver(void)
{
	struct host_cpu *self = host_self;
	u_int kind;

	while (self->hc_intr && interrupted(self)) {
		self->hc_intr = false;
		cpu_intr_enter();
		if (self->hc_timer <= host_time) {
			self->hc_timer = UINT64_MAX;
			cpu_clock();
		} else {
			kind = (u_int)__builtin_ctz(self->hc_pending);
			self->hc_pending &= ~(1u << kind);
			cpu_ipi(kind);
		}
		cpu_intr_exit();
		/* The thread may have moved, but its interrupts are on. */
		self = host_self;
		self->hc_intr = true;
	}
}

void
host_point(void)
{
	host_time += POINT_NS;
	if (ncpus_wanted > 1 && host_random() % TURN_POINTS == 0)
		take_turns();
	deliver();
}

void
host_relax(void)
{
	host_time += RELAX_NS;
	take_turns();
	if (host_self->hc_intr)
		deliver();
	else if ((host_self->hc_pending & 1u << MD_IPI_STOP) != 0) {
		host_self->hc_pending &= ~(1u << MD_IPI_STOP);
		cpu_ipi(MD_IPI_STOP);
	}
}

void
md_ipi(u_int cpu, enum md_ipi_kind kind)
{
	KASSERT(cpu < ncpus_wanted && kind < MD_NIPI);
	host_counts.hn_ipi++;
	cpus[cpu].hc_pending |= 1u << kind;
}

/*
 * Time.
 */

uint64_t
md_time_ns(void)
{
	host_time += CLOCK_NS;
	return host_time;
}

uint64_t
md_cycles_ns(uint64_t cycles)
{
	return cycles;
}

uint64_t
md_wall_ns(void)
{
	return 1000000000ull * 1700000000ull;
}

void
md_timer_set(uint64_t when)
{
	host_self->hc_timer = when;
}

/*
 * Start.
 */

static void
cpu_begin(void *arg)
{
	struct host_cpu *hc = arg;
	u_int id = (u_int)(hc - cpus);

	cpu_attach(hc->hc_cpu, id, hc->hc_thread, NULL);
	cpu_main();
}

/* The thread that calls is the first of the boot CPU, on the main stack. */
void
host_cpu_init(uint64_t seed)
{
	struct md_thread *mt = &boot_threads[0].td_md;

	host_reseed(seed);
	ncpus_wanted = 1;
	host_main_stack(&mt->mt_stack, &mt->mt_stacklen);
	cpus[0].hc_cpu = &kernel_cpus[0];
	cpus[0].hc_thread = &boot_threads[0];
	cpus[0].hc_timer = UINT64_MAX;
	host_self = &cpus[0];
	cpu_attach(&kernel_cpus[0], 0, &boot_threads[0], NULL);
}

u_int
md_cpu_start(void)
{
	struct md_thread *mt;
	u_int i, n = host_ncpus;

	KASSERT(n >= 1 && n <= HOST_MAXCPU);
	for (i = 1; i < n; i++) {
		mt = &boot_threads[i].td_md;
		stack_alloc(mt);
		mt->mt_fn = cpu_begin;
		mt->mt_arg = &cpus[i];
		det_ctx_make(&mt->mt_sp, mt->mt_stack, mt->mt_stacklen,
		    context_start, NULL);
		cpus[i].hc_cpu = &kernel_cpus[i];
		cpus[i].hc_thread = &boot_threads[i];
		cpus[i].hc_timer = UINT64_MAX;
	}
	ncpus_wanted = n;
	while (cpu_count() < n)
		host_relax();
	return n;
}
