/*
 * show.c (vmsim): the state of the machine: processes with their maps, pages by
 * kind, what CPUs run and what their TLBs hold.
 *
 * Reads the kernel's structures from outside, when nothing runs.
 */
#include <stdio.h>

#include <base/cpu.h>
#include <base/thread.h>
#include <kern/proc.h>
#include <phys/page.h>
#include <pmap/pmap.h>
#include <uvm/amap.h>
#include <uvm/map.h>
#include <uvm/object.h>
#include <uvm/uvm.h>

#include "sim.h"

void show_all(void);

static void
show_entry(void *arg, unsigned asid, uint64_t va, const struct mmu_tr *tr)
{
	(void)arg;
	printf("    asid %u  %#14llx -> %#10llx  %s%s%s%s%s\n", asid,
	    (unsigned long long)va, (unsigned long long)tr->tr_pa,
	    (tr->tr_rights & MMU_READ) != 0 ? "r" : "-",
	    (tr->tr_rights & MMU_WRITE) != 0 ? "w" : "-",
	    (tr->tr_rights & MMU_EXEC) != 0 ? "x" : "-",
	    tr->tr_dirty ? " dirty" : "", tr->tr_global ? " global" : "");
}

static void
show_cpus(void)
{
	u_int i;

	for (i = 0; i < sim_ncpu; i++) {
		printf("cpu%u: thread %s\n", i,
		    simcpus[i].sc_thread != NULL ? simcpus[i].sc_thread->td_name
						 : "none");
		mmu_entries(i, show_entry, NULL);
	}
}

static void
show_map(struct vm_map *map)
{
	struct vm_entry *e;

	for (e = map->vm_first; e != NULL; e = e->ve_next)
		printf("    %#14lx-%#14lx %c%c%c flags %#x obj %p amap %p\n",
		    (u_long)e->ve_start, (u_long)e->ve_end,
		    (e->ve_prot & PROT_READ) != 0 ? 'r' : '-',
		    (e->ve_prot & PROT_WRITE) != 0 ? 'w' : '-',
		    (e->ve_prot & PROT_EXEC) != 0 ? 'x' : '-',
		    (u_int)e->ve_flags, (void *)e->ve_obj, (void *)e->ve_amap);
}

static void
show_procs(void)
{
	static const char *const states[] = {"new", "live", "exiting",
	    "zombie"};
	struct vmspace *vm;
	struct proc *p;
	struct lwp *l;

	LIST_FOREACH(p, &proc_all, ps_all) {
		vm = p->ps_vmspace;
		printf("pid %d %s: %s\n", p->ps_pid, p->ps_comm,
		    states[p->ps_state & 3]);
		TAILQ_FOREACH(l, &p->ps_lwps, l_link)
			printf("    thread %d %s\n", l->l_tid,
			    l->l_thread.td_wmesg != NULL &&
				    thread_state(&l->l_thread) == TD_SLEEP
				? l->l_thread.td_wmesg
				: "");
		if (vm != NULL)
			show_map(&vm->vm_map);
	}
}

static void
show_pages(void)
{
	static const char *const kinds[PK_NKIND] = {"hole", "reserved", "free",
	    "kernel", "table", "anon", "object", "loose"};
	u_long n[PK_NKIND] = {0};
	struct vm_page *pg;
	paddr_t pa;
	u_int k;

	for (pa = sim_ram; pa < sim_ram + sim_ramlen; pa += PAGE_SIZE) {
		pg = phys_to_page(pa);
		if (pg != NULL)
			n[page_kind(pg)]++;
	}
	printf("pages:");
	for (k = 0; k < PK_NKIND; k++)
		if (n[k] != 0)
			printf(" %lu %s", n[k], kinds[k]);
	putchar('\n');
}

void
show_all(void)
{
	show_cpus();
	show_procs();
	show_pages();
}
