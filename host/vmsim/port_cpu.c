/*
 * port_cpu.c (vmsim): CPUs, threads, interrupts, time, boot.
 *
 * Time stands still while anyone has something to do; when nobody has, it
 * jumps to the earliest timer.  So nothing depends on how fast CPUs are, and
 * two steps that commute do so in every respect.
 */
#include <base/cpu.h>
#include <base/print.h>
#include <base/thread.h>
#include <kern/trap.h>
#include <phys/page.h>
#include <pmap/pmap.h>
#include <port/machdep.h>

#include "sim.h"

/* Timers in a row that changed nothing: the machine is stuck. */
#define MAXQUIET 2000

struct simcpu simcpus[DET_MAXCPU];
uint64_t sim_time;
unsigned sim_ncpu;
uint64_t sim_ramlen;

static struct cpu kcpus[DET_MAXCPU];
static struct thread boot_threads[DET_MAXCPU];
static struct bootinfo bootinfo;
static uint64_t quiet_rounds;
static uint64_t cpus_up; /* but the first */
static uint32_t contexts;

struct simcpu *
sim_self(void)
{
	int self = det_self();

	return &simcpus[self < 0 ? 0 : self];
}

struct cpu *
md_curcpu(void)
{
	return sim_self()->sc_cpu;
}

struct thread *
md_curthread(void)
{
	return sim_self()->sc_thread;
}

void
md_setcurthread(struct thread *td)
{
	sim_self()->sc_thread = td;
}

bool
md_intr_disable(void)
{
	return det_intr_disable();
}

void
md_intr_restore(bool on)
{
	if (on)
		det_intr_restore(true);
}

bool
md_intr_enabled(void)
{
	return det_intr_enabled();
}

void
md_cpu_relax(void)
{
	quiet_rounds = 0;
	det_relax((uintptr_t)__builtin_return_address(0));
}

/*
 * Threads.
 */
static void
thread_context(struct thread *td)
{
	det_save(&td->td_md.mt_tls, 16);
	det_atomic_begin();
	td->td_md.mt_context = contexts++ % 250;
	det_atomic_end();
}

/* First function of a thread, on its own stack. */
struct start {
	void (*st_fn)(void *);
	void *st_arg;
};

static void
thread_begin(void *arg)
{
	struct thread *td = arg;
	struct start *st = (struct start *)((char *)td->td_kstack +
					    KSTACK_SIZE - sizeof(struct start));

	det_context(td->td_md.mt_context);
	st->st_fn(st->st_arg);
	panic("thread %s returned to the machine", td->td_name);
}

/* User registers lie above everything else on the stack. */
#define STACK_HEAD 1024

void
md_thread_init(struct thread *td, void (*fn)(void *), void *arg)
{
	struct start *st = (struct start *)((char *)td->td_kstack +
					    KSTACK_SIZE - sizeof(struct start));

	det_save(&td->td_md, sizeof td->td_md);
	det_stack_add(td->td_kstack, KSTACK_SIZE, &td->td_md.mt_sp);
	td->td_md.mt_stack = td->td_kstack;
	st->st_fn = fn;
	st->st_arg = arg;
	thread_context(td);
	det_ctx_make(&td->td_md.mt_sp, td->td_kstack, KSTACK_SIZE - STACK_HEAD,
	    thread_begin, td);
	td->td_frame = NULL;
}

void
md_thread_free(struct thread *td)
{
	if (td->td_md.mt_stack != NULL)
		det_stack_remove(td->td_md.mt_stack);
	det_save(&td->td_md, sizeof td->td_md);
	td->td_md.mt_stack = NULL;
}

void
md_switch(struct thread *from, struct thread *to)
{
	struct simcpu *sc = sim_self();

	KASSERT(!det_intr_enabled() && sc->sc_thread == from);
	sc->sc_thread = to;
	if (thread_state(from) == TD_DEAD && script.sc_bare == NULL)
		sim_exit_ends(from);
	sim_speculate();
	det_thread_switch(&from->td_md.mt_sp, to->td_md.mt_sp);
}

/*
 * Interrupts.
 */
static void
handle(u_int line)
{
	sim_speculate();
	cpu_intr_enter();
	if (line == LINE_TIMER)
		cpu_clock();
	else if (line == LINE_DISK)
		sim_disk_intr();
	else
		cpu_ipi(line);
	cpu_intr_exit();
}

/*
 * In user mode an interrupt ends with a look at what the thread has to do
 * before it goes back there, on whatever CPU it is by then.
 */
static void
interrupt(unsigned cpu, unsigned line)
{
	struct simcpu *sc = &simcpus[cpu];
	struct thread *td = sc->sc_thread;

	quiet_rounds = 0;
	if (!sc->sc_user) {
		handle(line);
		return;
	}
	sc->sc_user = false;
	sim_user_exit(td);
	handle(line);
	sim_user_return(td);
	sim_self()->sc_user = true;
}

void
md_ipi(u_int cpu, enum md_ipi_kind kind)
{
	det_irq_raise(cpu, kind);
}

void
md_cpu_idle(void)
{
	det_idle();
}

/*
 * Time.
 */
uint64_t
md_time_ns(void)
{
	return sim_time;
}

uint64_t
md_cycles(void)
{
	return sim_time;
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
	sim_self()->sc_timer = when;
}

/* Nobody can do anything: let time pass to the first timer. */
static enum det_quiet
quiet(void)
{
	uint64_t when = UINT64_MAX;
	unsigned i;

	for (i = 0; i < sim_ncpu; i++)
		when = MIN(when, simcpus[i].sc_timer);
	if (when == UINT64_MAX || ++quiet_rounds > MAXQUIET)
		return DET_STUCK;
	sim_time = MAX(sim_time, when);
	for (i = 0; i < sim_ncpu; i++)
		if (simcpus[i].sc_timer <= sim_time) {
			simcpus[i].sc_timer = UINT64_MAX;
			det_irq_raise(i, LINE_TIMER);
		}
	return DET_MORE;
}

/*
 * Boot.
 */
void
sim_adopt(unsigned cpu)
{
	struct simcpu *sc = &simcpus[cpu];
	struct thread *td = &boot_threads[cpu];
	size_t len;
	void *lo;

	sc->sc_cpu = &kcpus[cpu];
	sc->sc_thread = td;
	sc->sc_timer = UINT64_MAX;
	lo = det_boot_stack(cpu, &len);
	det_stack_remove(lo);
	det_stack_add(lo, len, &td->td_md.mt_sp);
	td->td_md.mt_context = contexts++;
	det_context(td->td_md.mt_context);
	cpu_attach(sc->sc_cpu, cpu, td, NULL);
}

static void
on_panic(const char *msg)
{
	det_fail("panic: %s", msg);
}

/* On CPU 0: everything but the kernel's own main(). */
void
sim_machine_up(void)
{
	char *ram;

	panic_hook = on_panic;
	base_init();
	ram = det_arena(sim_ramlen + (PAGE_SIZE << PHYS_MAXORDER));
	if (ram == NULL)
		panic("no room for %lu bytes of RAM", (u_long)sim_ramlen);
	sim_ram = roundup2(md_direct_pa(ram), PAGE_SIZE << PHYS_MAXORDER);
	sim_mmu_init();
	/* The first page is the kernel's root: its half has no entries. */
	phys_add_range(sim_ram, sim_ram + sim_ramlen);
	phys_reserve(sim_ram, sim_ram + PAGE_SIZE);
	phys_init();
	phys_cpu_init(curcpu());
	pmap_bootstrap(sim_ram);
	pmap_cpu_init(curcpu());
	det_region(simcpus, sim_ncpu * sizeof simcpus[0]);
	det_region(&sim_time, sizeof sim_time);
	det_region(&quiet_rounds, sizeof quiet_rounds);
	det_region(&contexts, sizeof contexts);
}

static void
start(unsigned cpu)
{
	if (script.sc_bare != NULL) {
		bare_start(cpu);
		return;
	}
	sim_adopt(cpu);
	if (cpu != 0) {
		phys_cpu_init(curcpu());
		pmap_cpu_init(curcpu());
		det_store(&cpus_up, 8, cpu, __ATOMIC_RELEASE);
		cpu_main();
	}
	sim_machine_up();
	bootinfo.bi_cmdline = script.sc_reaper ? "vm.exit_policy=reaper" : "";
	sim_fs_register();
	kern_main(&bootinfo);
}

u_int
md_cpu_start(void)
{
	unsigned i;

	for (i = 1; i < sim_ncpu; i++) {
		det_cpu_start(i);
		while (det_load(&cpus_up, 8, __ATOMIC_ACQUIRE) != i)
			md_cpu_relax();
	}
	return sim_ncpu;
}

static const char *
current(void)
{
	struct thread *td = sim_self()->sc_thread;

	return td != NULL ? td->td_name : "";
}

const struct det_machine sim_machine = {
    .dm_name = "vmsim",
    .dm_start = start,
    .dm_irq = interrupt,
    .dm_quiet = quiet,
    .dm_current = current,
};
