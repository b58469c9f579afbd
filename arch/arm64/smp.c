/*
 * smp.c: the other CPUs.
 *
 * Started one after the other, as arch/common/aps.c says.
 */
#include "arm64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

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
	md_ap_ready(c);
}

static struct md_cpu *
ap_create(u_int id, uint64_t mpidr)
{
	struct md_cpu *mc;

	mc = md_ap_create(id, sizeof(*mc), offsetof(struct md_cpu, mc_cpu));
	if (mc != NULL) {
		mc->mc_mpidr = mpidr;
		mc->mc_cpu.cpu_curthread->td_md.md_cpu = &mc->mc_cpu;
	}
	return mc;
}

static bool
ap_start(struct md_cpu *mc, u_int up)
{
	paddr_t pc = md_kva_pa((const void *)(uintptr_t)md_ap_start);

	atomic_store_explicit(&md_ap_mail, &mc->mc_cpu, memory_order_release);
	if (md_psci_call(PSCI_CPU_ON, mc->mc_mpidr, pc,
		(uintptr_t)md_frame(mc->mc_cpu.cpu_curthread)) == 0 &&
	    md_ap_wait(up, 1000 * MD_MSEC))
		return true;
	return md_ap_late(up);
}

u_int
md_cpu_start(void)
{
	uint64_t self = md_mycpu()->mc_mpidr;
	struct md_cpu *mc;
	u_int i, up = 1;

	md_console_listen();
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
	KASSERT(cpu < cpu_count() && kind < MD_NIPI);
	md_gic_sgi(container_of(cpu_table[cpu], struct md_cpu, mc_cpu), kind);
}
