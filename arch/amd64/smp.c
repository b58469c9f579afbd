/*
 * smp.c: the other CPUs.
 *
 * Started one after the other, as arch/common/aps.c says.
 */
#include "amd64.h"

#include <sys/errno.h>
#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

/* ICR commands (SDM vol. 3, 11.6.1): INIT, and start at AP_PAGE. */
#define ICR_INIT    0x4500
#define ICR_STARTUP (0x4600 | AP_PAGE >> 12)

__attribute__((noreturn)) void md_ap_main(struct cpu *c);

/*
 * Called by start.S on the idle thread's stack.
 */
void
md_ap_main(struct cpu *c)
{
	struct md_cpu *mc = container_of(c, struct md_cpu, mc_cpu);
	struct thread *td = c->cpu_curthread;

	md_cpu_tables(mc, td);
	md_cpu_enable();
	md_pcid_cpu();
	md_lapic_enable();
	md_ap_ready(c);
}

static struct md_cpu *
ap_create(u_int id, uint32_t apicid)
{
	struct md_cpu *mc;

	mc = md_ap_create(id, sizeof(*mc), offsetof(struct md_cpu, mc_cpu));
	if (mc != NULL) {
		mc->mc_apicid = apicid;
		md_cpu_kstack(mc, mc->mc_cpu.cpu_curthread);
	}
	return mc;
}

/* INIT, 10 ms, STARTUP and once more: Intel MultiProcessor spec. 1.4, B.4. */
static bool
ap_start(struct md_cpu *mc, u_int up)
{
	atomic_store_explicit(&md_ap_mail, &mc->mc_cpu, memory_order_release);
	md_lapic_icr(mc->mc_apicid, ICR_STARTUP);
	if (md_ap_wait(up, MD_MSEC))
		return true;
	md_lapic_icr(mc->mc_apicid, ICR_STARTUP);
	if (md_ap_wait(up, 1000 * MD_MSEC))
		return true;
	return md_ap_late(up);
}

u_int
md_cpu_start(void)
{
	uint32_t self = md_mycpu()->mc_apicid;
	struct md_cpu *mc;
	u_int i, up = 1;

	md_intr_route();
	md_console_listen();
	if (md_acpi.ai_ncpu <= 1)
		return 1;

	memcpy(md_direct(AP_PAGE), md_ap_begin,
	    (size_t)(md_ap_end - md_ap_begin));
	for (i = 0; i < md_acpi.ai_ncpu; i++) {
		if (md_acpi.ai_apicid[i] != self)
			md_lapic_icr(md_acpi.ai_apicid[i], ICR_INIT);
	}
	md_delay(10 * MD_MSEC);

	for (i = 0; i < md_acpi.ai_ncpu && up < MAXCPU; i++) {
		if (md_acpi.ai_apicid[i] == self)
			continue;
		mc = ap_create(up, md_acpi.ai_apicid[i]);
		if (mc == NULL || !ap_start(mc, up + 1)) {
			kprintf("cpu %u (APIC %u) did not start\n", up,
			    md_acpi.ai_apicid[i]);
			break;
		}
		up++;
	}
	return up;
}

void
md_cpu_idle(void)
{
	KASSERT(!md_intr_enabled());
	/* STI takes effect after HLT began: no wake-up is lost between. */
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}
