/*
 * aps.c: the CPUs that do not boot the machine.
 *
 * They are started one after the other, in each port's way.  Each finds its
 * struct cpu in md_ap_mail and, its registers set up, calls md_ap_ready(); the
 * boot CPU waits for that before it turns to the next.
 */
#include "common.h"

#include <base/kassert.h>
#include <base/print.h>
#include <phys/page.h>
#include <phys/kmem.h>
#include <pmap/pmap.h>
#include <port/machdep.h>

struct cpu *_Atomic md_ap_mail;

static _Atomic(u_int) ap_up = 1; /* CPUs that are attached */

void *
md_ap_create(u_int id, size_t len, size_t off)
{
	struct vm_page *pg, *stack;
	struct thread *td;
	struct cpu *c;
	u_int order = 0;

	while (PAGE_SIZE << order < len)
		order++;
	pg = page_alloc_run(PK_KERNEL, order, PA_ZERO);
	stack = page_alloc_run(PK_KERNEL, KSTACK_ORDER, 0);
	td = kmem_alloc(sizeof(*td), PA_ZERO);
	if (pg == NULL || stack == NULL || td == NULL) {
		if (pg != NULL)
			page_free_run(pg, order);
		if (stack != NULL)
			page_free_run(stack, KSTACK_ORDER);
		if (td != NULL)
			kmem_free(td, sizeof(*td));
		return NULL;
	}
	td->td_kstack = page_direct(stack);
	c = (struct cpu *)(void *)((char *)page_direct(pg) + off);
	c->cpu_id = id;
	c->cpu_curthread = td;
	return page_direct(pg);
}

bool
md_ap_wait(u_int n, uint64_t ns)
{
	uint64_t end = md_time_ns() + ns;

	while (atomic_load_explicit(&ap_up, memory_order_acquire) != n) {
		if (md_time_ns() > end)
			return false;
		md_cpu_relax();
	}
	return true;
}

bool
md_ap_late(u_int n)
{
	if (atomic_exchange_explicit(&md_ap_mail, NULL, memory_order_relaxed) !=
	    NULL)
		return false;
	return md_ap_wait(n, 10000 * MD_MSEC);
}

void
md_ap_ready(struct cpu *c)
{
	struct thread *td = c->cpu_curthread;

	cpu_attach(c, c->cpu_id, td, td->td_kstack);
	phys_cpu_init(c);
	pmap_cpu_init(c);
	atomic_fetch_add_explicit(&ap_up, 1, memory_order_release);
	cpu_main();
}
