/*
 * vms_boot.c: bringing the VM up in somebody else's kernel, and the pages it
 * lends.
 */
#include <base/epoch.h>
#include <phys/pool.h>
#include <uvm/radix.h>

#include "vms_local.h"

uintptr_t vms_direct;

#if !VMS_PAGE_OPS
void
md_page_zero(void *page)
{
	memset(page, 0, PAGE_SIZE);
}

void
md_page_copy(void *dst, const void *src)
{
	memcpy(dst, src, PAGE_SIZE);
}
#endif

/*
 * Callbacks of epochs: two advances after they were asked for.  Nobody is in
 * a section for long, but another CPU may be now: then the next call does it.
 */
static void
run_callbacks(void)
{
	epoch_poll();
	epoch_poll();
	epoch_poll();
}

void
vms_boot(const struct vms_bootinfo *b)
{
	bool on = md_intr_disable();
	unsigned i;

	vms_direct = b->vb_direct;
	vms_sched_init();
	if (b->vb_nram == 0 || (b->vb_root & PAGE_MASK) != 0)
		panic("vms_boot: no RAM, or root %#lx is no page",
		    (u_long)b->vb_root);
	for (i = 0; i < b->vb_nram; i++)
		phys_add_range(b->vb_ram[i].vr_start, b->vb_ram[i].vr_end);
	for (i = 0; i < b->vb_nkeep; i++)
		phys_reserve(b->vb_keep[i].vr_start, b->vb_keep[i].vr_end);
	phys_reserve(b->vb_root, b->vb_root + PAGE_SIZE);
	phys_init();
	phys_cpu_init(curcpu());
	pmap_bootstrap(b->vb_root);
	pmap_cpu_init(curcpu());
	uvm_init();
	vms_pressure_init();
	md_intr_restore(on);
}

size_t
vms_pages_total(void)
{
	return phys_total();
}

size_t
vms_pages_free_count(void)
{
	struct uvm_stats st;

	run_callbacks();
	uvm_stats(&st);
	return st.us_free;
}

uint64_t
vms_pages_alloc(unsigned order)
{
	struct vm_page *pg;

	if (order > PHYS_MAXORDER)
		return 0;
	pg = order == 0 ? page_alloc(PK_KERNEL, 0)
			: page_alloc_run(PK_KERNEL, order, 0);
	return pg == NULL ? 0 : page_to_phys(pg);
}

void
vms_pages_free(uint64_t pa, unsigned order)
{
	struct vm_page *pg = phys_page(pa);

	KASSERT(pg != NULL && page_kind(pg) == PK_KERNEL);
	if (order == 0)
		page_free(pg);
	else
		page_free_run(pg, order);
}

void
vms_verify(void)
{
	run_callbacks();
	phys_verify();
	pmap_verify_all();
}

/* The structure itself goes when no CPU can be looking at it. */
void
vms_release(struct vmspace *vm)
{
	uvmspace_free(vm);
	/* Nothing is kept for forks to come: the host counts its pages. */
	pmap_drain();
	run_callbacks();
}
