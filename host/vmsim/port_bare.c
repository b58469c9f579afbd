/*
 * port_bare.c (vmsim): a machine with no processes, for bare.c.
 *
 * Not instrumented: what bodies ask here orders nothing and is no switch point,
 * but for the gate and the stages before it.
 */
#include <base/cpu.h>
#include <base/thread.h>
#include <phys/page.h>
#include <pmap/pmap.h>
#include <port/machdep.h>

#include "sim.h"

static uint64_t gate, stage, up;
static u_int ndone;
static struct thread threads[DET_MAXCPU];
static uint8_t stacks[DET_NCLK][KSTACK_SIZE] __aligned(PAGE_SIZE);

static void
await(const uint64_t *word, uint64_t val)
{
	while (det_load(word, 8, __ATOMIC_ACQUIRE) < val)
		det_relax(0);
}

void
bare_gate(void)
{
	await(&gate, 1);
}

void
bare_next(void)
{
	det_store(&stage, 8, stage + 1, __ATOMIC_RELEASE);
}

void
bare_wait(u_int n)
{
	await(&stage, n);
}

void
bare_tick(uint64_t now)
{
	sim_time = MAX(sim_time, now);
}

bool
bare_access(vaddr_t va, bool write, uint64_t *val)
{
	return sim_access_once(va, 8, write ? MMU_WRITE : MMU_READ, val) ==
	       MMU_OK;
}

void
bare_completed(vaddr_t va)
{
	det_atomic_begin();
	mmu_completed(curcpu()->cpu_id, va, va + PAGE_SIZE);
	det_atomic_end();
}

void
bare_done(void)
{
	if (++ndone == sim_ncpu - 1)
		det_end();
	/* Interrupts arrive, nothing else happens here. */
	(void)det_intr_disable();
	for (;;)
		det_idle();
}

static void
body_thread(void *arg)
{
	script.sc_bare->ba_body((u_int)(uintptr_t)arg);
	bare_done();
}

/* CPU 0 has opened the gate, and ends. */
static void
first(void)
{
	const struct bare *ba = script.sc_bare;
	unsigned i;

	sim_adopt(0);
	sim_machine_up();
	det_region(&ndone, sizeof ndone);
	for (i = 1; i < sim_ncpu; i++) {
		det_cpu_start(i);
		if (ba->ba_attach)
			continue;
		await(&up, i);
	}
	if (ba->ba_setup != NULL)
		ba->ba_setup();
	for (i = 1; ba->ba_thread && i < sim_ncpu; i++) {
		thread_init(&threads[i], stacks[i], ba->ba_name, body_thread,
		    (void *)(uintptr_t)i);
		thread_setaffinity(&threads[i], CPUMASK(i));
		atomic_store_explicit(&threads[i].td_cpu, cpu_table[i],
		    memory_order_relaxed);
		thread_ready(&threads[i]);
	}
	det_store(&up, 8, sim_ncpu, __ATOMIC_RELEASE);
	det_calm();
	if (!ba->ba_attach)
		atomic_store_explicit(&cpu_n, sim_ncpu, memory_order_relaxed);
	det_snapshot();
	det_store(&gate, 8, 1, __ATOMIC_RELEASE);
}

void
bare_start(u_int cpu)
{
	const struct bare *ba = script.sc_bare;

	if (cpu == 0) {
		first();
		return;
	}
	if (ba->ba_attach) {
		bare_gate();
		sim_adopt(cpu);
		ba->ba_body(cpu);
		bare_done();
	}
	sim_adopt(cpu);
	phys_cpu_init(curcpu());
	pmap_cpu_init(curcpu());
	det_store(&up, 8, cpu, __ATOMIC_RELEASE);
	if (ba->ba_thread)
		cpu_main();
	/* After the setup. */
	await(&up, sim_ncpu);
	md_intr_restore(true);
	ba->ba_body(cpu);
	bare_done();
}
