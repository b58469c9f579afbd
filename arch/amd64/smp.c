/*
 * smp.c: the other CPUs.
 *
 * They are started one after the other.  Each finds its struct cpu in
 * md_ap_mail, attaches itself and goes to cpu_main(); the boot CPU waits for
 * that before it turns to the next.
 */
#include "amd64.h"

#include <sys/errno.h>
#include <base/kassert.h>
#include <base/print.h>
#include <phys/page.h>
#include <phys/kmem.h>
#include <pmap/pmap.h>
#include <port/machdep.h>

/* ICR commands (SDM vol. 3, 11.6.1): INIT, and start at AP_PAGE. */
#define ICR_INIT    0x4500
#define ICR_STARTUP (0x4600 | AP_PAGE >> 12)

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

	md_cpu_tables(mc, td);
	md_cpu_enable();
	md_pcid_cpu();
	md_lapic_enable();
	cpu_attach(c, c->cpu_id, td, td->td_kstack);
	phys_cpu_init(c);
	pmap_cpu_init(c);
	atomic_fetch_add_explicit(&ap_up, 1, memory_order_release);
	cpu_main();
}

/* What a CPU needs: its structure, an idle thread, a stack.  NULL: no memory. */
static struct md_cpu *
ap_create(u_int id, uint32_t apicid)
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
	td->td_kstack = page_direct(stack);
	mc = page_direct(mcpg);
	mc->mc_apicid = apicid;
	mc->mc_cpu.cpu_id = id;
	mc->mc_cpu.cpu_curthread = td;
	md_cpu_kstack(mc, td);
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

/* INIT, 10 ms, STARTUP and once more: Intel MultiProcessor spec. 1.4, B.4. */
static bool
ap_start(struct md_cpu *mc, u_int up)
{
	atomic_store_explicit(&md_ap_mail, &mc->mc_cpu, memory_order_release);
	md_lapic_icr(mc->mc_apicid, ICR_STARTUP);
	if (ap_wait(up, MSEC))
		return true;
	md_lapic_icr(mc->mc_apicid, ICR_STARTUP);
	if (ap_wait(up, 1000 * MSEC))
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
	uint32_t self = md_mycpu()->mc_apicid;
	struct md_cpu *mc;
	u_int i, up = 1;

	md_intr_route();
	md_console_listen();
	if (md_acpi.ai_ncpu <= 1)
		return 1;

	atomic_store_explicit(&ap_up, 1, memory_order_relaxed);
	memcpy(md_direct(AP_PAGE), md_ap_begin,
	    (size_t)(md_ap_end - md_ap_begin));
	for (i = 0; i < md_acpi.ai_ncpu; i++) {
		if (md_acpi.ai_apicid[i] != self)
			md_lapic_icr(md_acpi.ai_apicid[i], ICR_INIT);
	}
	md_delay(10 * MSEC);

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
