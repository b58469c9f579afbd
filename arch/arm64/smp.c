/*
 * smp.c: the other CPUs.
 *
 * They are started one after the other.  Each finds its struct cpu in
 * md_ap_mail, attaches itself and goes to cpu_main(); the boot CPU waits for
 * that before it turns to the next.
 */
#include "arm64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <phys/page.h>
#include <phys/kmem.h>
#include <pmap/pmap.h>
#include <port/machdep.h>

#define MSEC 1000000ull

struct cpu *_Atomic md_ap_mail;

static _Atomic(u_int) ap_up; /* CPUs that are attached */

__attribute__((noreturn)) void md_ap_main(struct cpu *c);

/*
 * Called by start.S on the idle thread's stack.
 */
void
md_ap_main(struct cpu *c)
{
	struct md_cpu *mc = container_of(c, struct md_cpu, mc_cpu);
	struct thread *td = c->cpu_curthread;

	WRITE_SYSREG(tpidr_el1, td);
	md_cpu_enable();
	md_root_kernel();
	md_gic_enable(mc);
	md_clock_enable();
	cpu_attach(c, c->cpu_id, td, td->td_kstack);
	phys_cpu_init(c);
	pmap_cpu_init(c);
	atomic_fetch_add_explicit(&ap_up, 1, memory_order_release);
	cpu_main();
}

/* What a CPU needs: its structure, an idle thread, a stack.  NULL: no memory. */
static struct md_cpu *
ap_create(u_int id, uint64_t mpidr)
{
	struct vm_page *mcpg, *stack;
	struct thread *td;
	struct md_cpu *mc;
	u_int order = 0;

	while (PAGE_SIZE << order < sizeof(*mc))
		order++;
	mcpg = page_alloc_run(PK_KERNEL, order, PA_ZERO);
	stack = page_alloc_run(PK_KERNEL, KSTACK_ORDER, 0);
	td = kmem_alloc(sizeof(*td), PA_ZERO);
	if (mcpg == NULL || stack == NULL || td == NULL) {
		if (mcpg != NULL)
			page_free_run(mcpg, order);
		if (stack != NULL)
			page_free_run(stack, KSTACK_ORDER);
		if (td != NULL)
			kmem_free(td, sizeof(*td));
		return NULL;
	}
	mc = page_direct(mcpg);
	mc->mc_mpidr = mpidr;
	mc->mc_cpu.cpu_id = id;
	mc->mc_cpu.cpu_curthread = td;
	td->td_kstack = page_direct(stack);
	td->td_md.md_cpu = &mc->mc_cpu;
	return mc;
}

static bool
ap_wait(u_int up, uint64_t ns)
{
	uint64_t end = md_time_ns() + ns;

	while (atomic_load_explicit(&ap_up, memory_order_acquire) != up) {
		if (md_time_ns() > end)
			return false;
		md_cpu_relax();
	}
	return true;
}

static bool
ap_start(struct md_cpu *mc, u_int up)
{
	paddr_t pc = md_kva_pa((const void *)(uintptr_t)md_ap_start);

	atomic_store_explicit(&md_ap_mail, &mc->mc_cpu, memory_order_release);
	if (md_psci_call(PSCI_CPU_ON, mc->mc_mpidr, pc,
		(uintptr_t)md_frame(mc->mc_cpu.cpu_curthread)) == 0 &&
	    ap_wait(up, 1000 * MSEC))
		return true;

	/* It may have taken its mail: then it is alive, but very late. */
	if (atomic_exchange_explicit(&md_ap_mail, NULL, memory_order_acq_rel) ==
	    NULL)
		return ap_wait(up, 10000 * MSEC);
	return false;
}

u_int
md_cpu_start(void)
{
	uint64_t self = md_mycpu()->mc_mpidr;
	struct md_cpu *mc;
	u_int i, up = 1;

	md_console_listen();
	atomic_store_explicit(&ap_up, 1, memory_order_relaxed);
	for (i = 0; i < md_hw.hw_ncpu && up < MAXCPU; i++) {
		if (md_hw.hw_cpu[i] == self)
			continue;
		mc = ap_create(up, md_hw.hw_cpu[i]);
		if (mc == NULL || !ap_start(mc, up + 1)) {
			kprintf("cpu %u (%#lx) did not start\n", up,
			    md_hw.hw_cpu[i]);
			break;
		}
		up++;
	}
	return up;
}

/* WFI ends with an interrupt that is pending, masked or not. */
void
md_cpu_idle(void)
{
	KASSERT(!md_intr_enabled());
	__asm__ volatile("dsb sy; wfi; msr daifclr, #2; isb; msr daifset, #2"
			 :
			 :
			 : "memory");
}

void
md_ipi(u_int cpu, enum md_ipi_kind kind)
{
	KASSERT(cpu < ncpu && kind < MD_NIPI);
	md_gic_sgi(container_of(cpu_table[cpu], struct md_cpu, mc_cpu), kind);
}
