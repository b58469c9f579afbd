/*
 * port_boot.c (host): bring the machine up, as arch/ does on metal.
 */
#include <port/machdep.h>
#include <base/cpu.h>
#include <base/thread.h>
#include <phys/page.h>
#include <pmap/pmap.h>
#include <uvm/uvm.h>

#include "host.h"

/* What each CPU needs of phys and pmap. */
static void
cpu_layers(struct cpu *c)
{
	phys_cpu_init(c);
	pmap_cpu_init(c);
}

void
host_boot(u_int ncpus, size_t len, uint64_t seed)
{
	host_cpu_init(seed);
	base_init();
	host_ram_init(len);
	/* The first page is the kernel's root: its half has no entries. */
	phys_add_range(HOST_RAM_START, HOST_RAM_START + len);
	phys_reserve(HOST_RAM_START, HOST_RAM_START + PAGE_SIZE);
	phys_init();
	phys_cpu_init(curcpu());
	pmap_bootstrap(HOST_RAM_START);
	pmap_cpu_init(curcpu());
	uvm_init();
	cpu_init_hook = cpu_layers;
	md_intr_restore(true);
	host_ncpus = ncpus;
	md_cpu_start();
}
