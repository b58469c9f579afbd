/*
 * par.c: the machine of <det/det.h> on real threads, for ThreadSanitizer.
 *
 * The same kernel objects, the same port and the same scripts as with the
 * deterministic engine, linked with this in its place: a virtual CPU is a
 * pthread, and chance is the scheduler.  A thread of the kernel is a context
 * that runs on one pthread now and on another later; ThreadSanitizer knows it
 * as a fiber, and a switch orders what ran on the CPU before it with what
 * runs after.
 *
 * Every execution is a process of its own: det_run() forks.  Nothing is put
 * back, nothing can be replayed; a failure has a seed, which may or may not
 * show it again.
 *
 * Interrupts are polled: a line that is raised arrives where its CPU enables
 * interrupts, waits, or touches user memory (turns.c).
 *
 * Not instrumented.  What orders CPUs here and would on a machine is said to
 * the sanitizer explicitly; the locks of host/par are invisible to it.
 *
 * Locks: step_lock makes the accesses of the software MMUs single steps
 * (det_atomic_begin(); it nests); stack_lock guards the list of stacks.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "parp.h"

#define BOOTSTACK (64u << 10)
#define NSTACKS   512
#define BUDGET    60 /* seconds of processor time for an execution */

/* ThreadSanitizer's interface; <sanitizer/tsan_interface.h> is not gcc's. */
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
void __tsan_read_range(void *addr, unsigned long len);
void __tsan_write_range(void *addr, unsigned long len);
const char *__tsan_default_options(void);

/* A stack that contexts run on. */
struct stack {
	uintptr_t st_lo, st_hi;
	void *st_fiber;
};

struct pcpu par_cpus[DET_MAXCPU];
const struct det_machine *par_dm;
_Atomic(uint32_t) par_over;
static __thread struct pcpu *self;
static const struct det_config *dc;
static uintptr_t arena_next = DET_ARENA;
static char *boot_stacks[DET_MAXCPU];
static struct stack stacks[NSTACKS];
static unsigned nstacks;
static struct hostlock stack_lock, step_lock;
static _Atomic(bool) exploring;
static _Atomic(uint64_t) npoints;
static _Atomic(unsigned) nevents;

static char (*message)[256]; /* shared with the parent */

const char *const det_scheduler = "threads";
void (*det_watch)(unsigned cpu, uintptr_t a, size_t len, bool write,
    uintptr_t pc);

const char *
__tsan_default_options(void)
{
	return "halt_on_error=1:exitcode=66:report_thread_leaks=0:"
	       "report_signal_unsafe=0:die_after_fork=0:history_size=4:"
	       "atexit_sleep_ms=0";
}

__attribute__((noinline)) struct pcpu *
par_me(void)
{
	__asm__ volatile("" ::: "memory");
	return self;
}

uint64_t
par_rnd(struct pcpu *p)
{
	p->p_rnd ^= p->p_rnd << 13;
	p->p_rnd ^= p->p_rnd >> 7;
	p->p_rnd ^= p->p_rnd << 17;
	return p->p_rnd >> 11;
}

/*
 * The end.
 */
void
par_park(void)
{
	for (;;)
		pause();
}

/* Only the first one who calls this is asked how it ended. */
static bool
first_end(enum over how)
{
	uint32_t was = OVER_NOT;

	return atomic_compare_exchange_strong(&par_over, &was, how);
}

void
det_fail(const char *fmt, ...)
{
	struct pcpu *p = par_me();
	va_list ap;
	size_t n = 0;

	if (first_end(OVER_SAYING)) {
		if (p != NULL)
			n = (size_t)snprintf(*message, sizeof *message,
			    "cpu%u: ", p->p_id);
		va_start(ap, fmt);
		vsnprintf(*message + n, sizeof *message - n, fmt, ap);
		va_end(ap);
		atomic_store(&par_over, OVER_FAILED);
		par_wake(&par_over);
	}
	if (p != NULL)
		par_park();
}

void
det_end(void)
{
	if (first_end(OVER_FINE))
		par_wake(&par_over);
	par_park();
}

void
det_touch(const void *addr)
{
	(void)addr;
}

/*
 * Steps.
 */
void
det_point(const void *addr, bool write, const char *what)
{
	struct pcpu *p = par_me();

	(void)addr;
	(void)write;
	(void)what;
	if (p == NULL)
		return;
	atomic_fetch_add_explicit(&npoints, 1, memory_order_relaxed);
	par_acted(p);
	par_irqs();
	par_late(4);
}

void
det_atomic_begin(void)
{
	struct pcpu *p = par_me();

	if (p != NULL && p->p_step++ == 0)
		par_lock(&step_lock);
}

void
det_atomic_end(void)
{
	struct pcpu *p = par_me();

	if (p != NULL && --p->p_step == 0)
		par_unlock(&step_lock);
}

unsigned
det_choose(unsigned n, const char *what)
{
	struct pcpu *p = par_me();
	unsigned limit = dc->dc_events != 0 ? dc->dc_events : DET_UNBOUND;

	(void)what;
	if (n < 2 || p == NULL || !exploring || par_rnd(p) % 8 != 0 ||
	    atomic_fetch_add(&nevents, 1) >= limit)
		return 0;
	return 1 + (unsigned)(par_rnd(p) % (n - 1));
}

/*
 * Memory.
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
	if (p != (void *)arena_next)
		abort();
	arena_next += len;
	return p;
}

void
det_access(const void *p, size_t len, bool write)
{
	if (par_me() == NULL)
		return;
	if (write)
		__tsan_write_range((void *)(uintptr_t)p, len);
	else
		__tsan_read_range((void *)(uintptr_t)p, len);
}

void
det_access_at(const void *p, size_t len, bool write, uintptr_t pc)
{
	(void)pc;
	det_access(p, len, write);
}

/* Who frees memory must have it alone. */
void
det_mem_free(const void *p, size_t len)
{
	det_access(p, len, true);
}

void
det_mem_alloc(const void *p, size_t len)
{
	(void)p;
	(void)len;
}

/*
 * Contexts.
 */
static struct stack *
stack_of(uintptr_t sp)
{
	unsigned i;

	for (i = 0; i < nstacks; i++)
		if (sp > stacks[i].st_lo && sp <= stacks[i].st_hi)
			return &stacks[i];
	return NULL;
}

void
det_stack_add(void *lo, size_t len, void **sp)
{
	struct stack *st;

	(void)sp;
	par_lock(&stack_lock);
	/* The boot stacks are added again by who runs there. */
	if (stack_of((uintptr_t)lo + len) != NULL) {
		par_unlock(&stack_lock);
		return;
	}
	if (nstacks == NSTACKS)
		abort();
	st = &stacks[nstacks++];
	st->st_lo = (uintptr_t)lo;
	st->st_hi = (uintptr_t)lo + len;
	st->st_fiber = __tsan_create_fiber(0);
	par_unlock(&stack_lock);
}

void
det_stack_remove(void *lo)
{
	void *fiber = NULL;
	unsigned i;

	for (i = 0; i < par_dm->dm_ncpu; i++)
		if (boot_stacks[i] == lo)
			return;
	par_lock(&stack_lock);
	for (i = 0; i < nstacks; i++)
		if (stacks[i].st_lo == (uintptr_t)lo) {
			fiber = stacks[i].st_fiber;
			stacks[i] = stacks[--nstacks];
			break;
		}
	par_unlock(&stack_lock);
	if (fiber != NULL)
		__tsan_destroy_fiber(fiber);
}

/* A CPU is told its stack again once it runs there: see adopt(). */
void *
det_boot_stack(unsigned cpu, size_t *len)
{
	*len = BOOTSTACK;
	return boot_stacks[cpu];
}

void
det_thread_switch(void **from, void *to)
{
	struct stack *st;
	void *fiber;

	par_lock(&stack_lock);
	st = stack_of((uintptr_t)to);
	if (st == NULL)
		abort();
	fiber = st->st_fiber;
	par_unlock(&stack_lock);
	par_acted(par_me());
	__tsan_switch_to_fiber(fiber, 0);
	det_ctx_switch(from, to);
}

/*
 * Atomic accesses of the port.
 */
typedef uint64_t u64;
u64 __tsan_atomic64_load(const volatile u64 *p, int order);
void par_atomic64_store(volatile u64 *p, u64 val, int order);
int __tsan_atomic64_compare_exchange_strong(volatile u64 *p, u64 *expect,
    u64 val, int ok, int fail);

uint64_t
det_load(const void *p, unsigned size, int order)
{
	if (size != 8)
		abort();
	return __tsan_atomic64_load(p, order);
}

void
det_store(void *p, unsigned size, uint64_t val, int order)
{
	if (size != 8)
		abort();
	par_atomic64_store(p, val, order);
}

bool
det_cas(void *p, unsigned size, uint64_t *expect, uint64_t want, int ok,
    int fail)
{
	if (size != 8)
		abort();
	return __tsan_atomic64_compare_exchange_strong(p, expect, want, ok,
	    fail);
}

void
det_fence(int order)
{
	(void)order;
	atomic_thread_fence(memory_order_seq_cst);
}

/*
 * The CPUs.
 */
int
det_self(void)
{
	return par_me() != NULL ? (int)par_me()->p_id : -1;
}

unsigned
det_ncpu(void)
{
	return par_dm->dm_ncpu;
}

uint64_t
det_points(void)
{
	return atomic_load_explicit(&npoints, memory_order_relaxed);
}

bool
det_exploring(void)
{
	return atomic_load_explicit(&exploring, memory_order_relaxed);
}

void
det_snapshot(void)
{
	atomic_store(&exploring, true);
}

/* First function of a CPU, on its boot stack. */
static void
cpu_begin(void *arg)
{
	struct pcpu *p = arg;

	par_dm->dm_start(p->p_id);
	par_stop(par_me());
	par_park();
}

static void *
cpu_thread(void *arg)
{
	void *sp;

	self = arg;
	det_thread_switch(&sp, self->p_sp);
	return NULL;
}

void
det_cpu_start(unsigned cpu)
{
	struct pcpu *p = &par_cpus[cpu];

	det_ctx_make(&p->p_sp, boot_stacks[cpu], BOOTSTACK, cpu_begin, p);
	par_start(p);
	if (pthread_create(&p->p_thread, NULL, cpu_thread, p) != 0)
		abort();
}

static void
cpus_make(uint64_t seed)
{
	struct pcpu *p;
	unsigned i;

	for (i = 0; i < par_dm->dm_ncpu; i++) {
		p = &par_cpus[i];
		p->p_id = i;
		p->p_rnd = (seed + 1) * 0x9e3779b97f4a7c15u + i * 0x10001u + 1;
		boot_stacks[i] = det_arena(BOOTSTACK);
		det_stack_add(boot_stacks[i], BOOTSTACK, NULL);
	}
}

/*
 * In a process of its own.  Waiting CPUs use no processor; one that goes on
 * without end does.
 */
static int
execute(uint64_t seed)
{
	struct timespec used = {0, 0};
	uint32_t how;

	cpus_make(seed);
	det_cpu_start(0);
	while (
	    (how = atomic_load(&par_over)) != OVER_FINE && how != OVER_FAILED) {
		par_sleep(&par_over, how, 200000000);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
		if (used.tv_sec >= BUDGET)
			det_fail("no end after %d seconds of processor time",
			    BUDGET);
	}
	return how == OVER_FINE ? 0 : 1;
}

/* 0: fine, 1: failed with a message; else how the process ended. */
static int
in_child(uint64_t seed)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(execute(seed));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	if (WIFEXITED(status) && WEXITSTATUS(status) <= 1)
		return WEXITSTATUS(status);
	if (WIFEXITED(status))
		snprintf(*message, sizeof *message,
		    "ThreadSanitizer: see above");
	else
		snprintf(*message, sizeof *message, "%s",
		    strsignal(WTERMSIG(status)));
	return 2;
}

void
det_run(const struct det_machine *machine, const struct det_config *config,
    struct det_result *r)
{
	uint64_t max = config->dc_maxexecs != 0 ? config->dc_maxexecs : 1;

	memset(r, 0, sizeof *r);
	par_dm = machine;
	dc = config;
	if (message == NULL)
		message = mmap(NULL, sizeof *message, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (; r->dr_execs < max && !r->dr_failed; r->dr_execs++) {
		if (in_child(dc->dc_seed + r->dr_execs) == 0)
			continue;
		r->dr_failed = true;
		r->dr_failexec = r->dr_execs;
		memcpy(r->dr_msg, *message, sizeof r->dr_msg);
	}
	r->dr_steps = 1;
}

void
det_result_free(struct det_result *r)
{
	(void)r;
}

/*
 * What only the deterministic engine can do.
 */
void
det_context(unsigned n)
{
	(void)n;
}

void
det_wind_up(void)
{
}

void
det_save(void *p, size_t len)
{
	(void)p;
	(void)len;
}

void
det_region(void *p, size_t len)
{
	(void)p;
	(void)len;
}

void
det_allocator(const void *start, const void *end)
{
	(void)start;
	(void)end;
}

uint32_t
det_clock(void)
{
	return 0;
}

bool
det_ordered(unsigned cpu, uint32_t clk)
{
	(void)cpu;
	(void)clk;
	return true;
}

void
det_publish(void)
{
}

/*
 * The end of a broadcast invalidation: what others did through their MMUs
 * comes before what this CPU does next.
 */
void
det_barrier(void)
{
	static char all;

	__tsan_release(&all);
	__tsan_acquire(&all);
}

void
det_trace_print(void)
{
}

void
det_trace_each(void (*fn)(void *arg, const struct det_traced *t), void *arg)
{
	(void)fn;
	(void)arg;
}

void
det_share_each(void (*fn)(void *arg, uintptr_t word, uint32_t how), void *arg)
{
	(void)fn;
	(void)arg;
}

void
det_share_add(uintptr_t word, uint32_t how)
{
	(void)word;
	(void)how;
}

uint64_t
det_cpu_points(unsigned cpu)
{
	(void)cpu;
	return 0;
}

void
det_note(const char *fmt, ...)
{
	(void)fmt;
}

void
det_orders(void)
{
}

void
det_orders_print(void)
{
}

void
det_weaken(uintptr_t pc, int order)
{
	(void)pc;
	(void)order;
}
