/*
 * show.c (vmsim): the state of the machine, in the manner of ddb(4): what is
 * asked for is a verb, and perhaps whose.
 *
 *	ps		processes and threads
 *	map [PID]	entries of the map
 *	amap [PID]	and the anons of each
 *	object [PID]	and the pages of the objects behind them
 *	page [ADDRESS]	page descriptors: those that are in use, or one
 *	pmap [PID]	page tables
 *	tlb [CPU]	what the CPUs hold
 *	uvmexp		counts
 *
 * Reads the kernel's structures from outside, when nothing runs.
 */
#include <stdio.h>
#include <string.h>

#include <base/cpu.h>
#include <base/thread.h>
#include <kern/proc.h>
#include <pmap/pte.h>
#include <phys/page.h>
#include <pmap/pmap.h>
#include <uvm/amap.h>
#include <uvm/map.h>
#include <uvm/object.h>
#include <uvm/uvm.h>

#include "sim.h"
#include "vmsim.h"

static const char *const kinds[PK_NKIND] = {"hole", "reserved", "free",
    "kernel", "table", "anon", "object", "loose"};

/* Of the verb: whose, or UINT64_MAX for all. */
static uint64_t which;
static bool met;

static void
rights(char buf[4], u_int prot)
{
	buf[0] = (prot & PROT_READ) != 0 ? 'r' : '-';
	buf[1] = (prot & PROT_WRITE) != 0 ? 'w' : '-';
	buf[2] = (prot & PROT_EXEC) != 0 ? 'x' : '-';
	buf[3] = '\0';
}

static bool
meant(uint64_t n)
{
	met |= which == n;
	return which == UINT64_MAX || which == n;
}

/*
 * CPUs.
 */
static void
show_entry(void *arg, unsigned asid, uint64_t va, const struct mmu_tr *tr)
{
	char prot[4];

	(void)arg;
	rights(prot, ((tr->tr_rights & MMU_READ) != 0 ? PROT_READ : 0u) |
			 ((tr->tr_rights & MMU_WRITE) != 0 ? PROT_WRITE : 0u) |
			 ((tr->tr_rights & MMU_EXEC) != 0 ? PROT_EXEC : 0u));
	printf("    asid %-3u %#14llx -> page %#10llx %s%s%s\n", asid,
	    (unsigned long long)va, (unsigned long long)tr->tr_pa, prot,
	    tr->tr_dirty ? " dirty" : "", tr->tr_global ? " global" : "");
}

static void
show_tlb(void)
{
	const struct thread *td;
	u_int i;

	for (i = 0; i < sim_ncpu; i++) {
		if (!meant(i))
			continue;
		td = simcpus[i].sc_thread;
		printf("cpu%u: thread %s, asid %u loaded\n", i,
		    td != NULL ? td->td_name : "none", simcpus[i].sc_asid);
		mmu_entries(i, show_entry, NULL);
	}
}

/*
 * Processes.
 */
static void
show_ps(void)
{
	static const char *const states[] = {"new", "live", "exiting",
	    "zombie"};
	static const char *const running[] = {"new", "ready", "runs", "sleeps",
	    "stopped", "dead"};
	const struct thread *td;
	const struct proc *p;
	const struct lwp *l;
	u_int state;

	printf("%5s %5s %-8s %-10s %s\n", "pid", "ppid", "state", "space",
	    "threads");
	LIST_FOREACH(p, &proc_all, ps_all) {
		if (!meant((uint64_t)p->ps_pid))
			continue;
		state = atomic_load(&p->ps_state);
		printf("%5d %5d %-8s %-10p %s:", p->ps_pid,
		    p->ps_parent != NULL ? p->ps_parent->ps_pid : 0,
		    state < nitems(states) ? states[state] : "?",
		    (void *)p->ps_vmspace, p->ps_comm);
		TAILQ_FOREACH(l, &p->ps_lwps, l_link) {
			td = &l->l_thread;
			state = thread_state(td);
			printf(" %d %s%s%s", l->l_tid,
			    state < nitems(running) ? running[state] : "?",
			    state == TD_SLEEP && td->td_wmesg != NULL ? " in "
								      : "",
			    state == TD_SLEEP && td->td_wmesg != NULL
				? td->td_wmesg
				: "");
		}
		putchar('\n');
	}
}

/* fn for the map of each process that is meant. */
static void
each_space(void (*fn)(struct vmspace *vm))
{
	struct proc *p;

	LIST_FOREACH(p, &proc_all, ps_all) {
		if (p->ps_vmspace == NULL || !meant((uint64_t)p->ps_pid))
			continue;
		printf("pid %d %s: space %p, %u references, %u users\n",
		    p->ps_pid, p->ps_comm, (void *)p->ps_vmspace,
		    refcount_load(&p->ps_vmspace->vm_refs),
		    refcount_load(&p->ps_vmspace->vm_users));
		fn(p->ps_vmspace);
	}
}

static void
print_where(uint64_t idx, uintptr_t where)
{
	const struct vm_page *pg = (const struct vm_page *)where;

	if (uvm_is_slot(where))
		printf("      %6llu swap slot %llu\n", (unsigned long long)idx,
		    (unsigned long long)uvm_slot_of(where));
	else
		printf("      %6llu page %#lx%s%s%s\n", (unsigned long long)idx,
		    (u_long)page_to_phys(pg),
		    (page_flags(pg) & PG_BUSY) != 0 ? " busy" : "",
		    atomic_load(&pg->pg_ref) != 0 ? " referenced" : "",
		    atomic_load(&pg->pg_mod) != 0 ? " modified" : "");
}

static void
print_amap(const struct vm_amap *am)
{
	const struct vm_anon *an;
	uint64_t i = 0;

	printf("    amap %p: %u references%s\n", (const void *)am,
	    refcount_load(&am->am_refs),
	    (atomic_load(&am->am_flags) & AMAP_SHARED) != 0 ? ", shared" : "");
	for (; (an = radix_next(&am->am_anons, &i)) != NULL; i++) {
		printf("      anon %p: %u references%s\n", (const void *)an,
		    refcount_load(&an->an_refs),
		    atomic_load(&an->an_hold) != 0 ? ", held" : "");
		print_where(i, atomic_load(&an->an_where));
	}
}

static void
print_object(const struct uvm_object *uo)
{
	uint64_t i = 0;
	void *v;

	printf("    object %p: %u references, %llu bytes, %lu pages, %lu "
	       "on swap, %u writers\n",
	    (const void *)uo, refcount_load(&uo->uo_refs),
	    (unsigned long long)atomic_load(&uo->uo_size), uo->uo_npages,
	    uo->uo_nswap, atomic_load(&uo->uo_writers));
	for (; (v = radix_next(&uo->uo_pages, &i)) != NULL; i++)
		print_where(i, (uintptr_t)v);
}

static bool with_amaps, with_objects;

static void
show_map(struct vmspace *vm)
{
	static const char *const states[] = {"live", "being purged", "dead"};
	const struct vm_map *map = &vm->vm_map;
	const struct vm_entry *e;
	char prot[4], max[4];

	printf("  map: %lu entries, %lu bytes, %s\n", map->vm_nentries,
	    (u_long)map->vm_size,
	    map->vm_state < nitems(states) ? states[map->vm_state] : "?");
	for (e = map->vm_first; e != NULL; e = e->ve_next) {
		rights(prot, e->ve_prot);
		rights(max, e->ve_maxprot);
		printf("  %#14lx-%#14lx %s/%s%s%s%s%s%s\n", (u_long)e->ve_start,
		    (u_long)e->ve_end, prot, max,
		    (e->ve_flags & VE_COW) != 0 ? " cow" : " shared",
		    (e->ve_flags & VE_NEEDSCOPY) != 0 ? " needs-copy" : "",
		    (e->ve_flags & (VE_STACK | VE_GROWSDOWN)) != 0 ? " grows"
								   : "",
		    (e->ve_flags & VE_HEAP) != 0 ? " heap" : "",
		    e->ve_wired != 0 ? " wired" : "");
		if (e->ve_amap != NULL && with_amaps)
			print_amap(e->ve_amap);
		if (e->ve_obj != NULL && with_objects)
			print_object(e->ve_obj);
	}
}

/*
 * Page tables.
 */
static void
show_pmap(struct vmspace *vm)
{
	static const char *const states[] = {"live", "detached", "dead"};
	const struct pmap *pm = vm_pmap(vm);
	_Atomic(pte_t) *table[PTE_LEVELS];
	u_int level = PTE_LEVELS - 1, idx[PTE_LEVELS] = {0}, i;
	vaddr_t va;
	pte_t pte;
	char prot[4];

	printf("  pmap %p: %s, %u references, cpus %#llx, asid %llu, %lu "
	       "tables\n",
	    (const void *)pm, states[atomic_load(&pm->pm_state) % 3],
	    refcount_load(&pm->pm_refs),
	    (unsigned long long)atomic_load(&pm->pm_cpus),
	    (unsigned long long)(atomic_load(&pm->pm_asid) & 0xffff),
	    atomic_load(&pm->pm_tables));
	table[level] = md_direct(pm->pm_rootpa);
	for (;;) {
		for (va = 0, i = level; i < PTE_LEVELS; i++)
			va += (vaddr_t)idx[i] << pte_shift(i);
		if (idx[level] == PTE_NENTRY || va >= VM_MAXUSER_ADDRESS) {
			if (++level == PTE_LEVELS)
				return;
			idx[level]++;
			continue;
		}
		pte = atomic_load(&table[level][idx[level]]);
		if (!pte_valid(pte)) {
			idx[level]++;
		} else if (pte_is_leaf(pte, level)) {
			rights(prot, pte_prot(pte));
			printf("  %#14lx -> page %#10lx %s%s%s%s\n", (u_long)va,
			    (u_long)pte_pa(pte), prot,
			    pte_referenced(pte) ? " referenced" : "",
			    pte_modified(pte) ? " modified" : "",
			    pte_wired(pte) ? " wired" : "");
			idx[level]++;
		} else {
			printf("  %#14lx    table %#9lx, level %u\n",
			    (u_long)va, (u_long)pte_pa(pte), level - 1);
			table[level - 1] = md_direct(pte_pa(pte));
			idx[--level] = 0;
		}
	}
}

/*
 * Pages.
 */
static void
print_page(struct vm_page *pg)
{
	enum page_kind kind = page_kind(pg);

	printf("page %#10lx %-8s flags %#x%s%s%s", (u_long)page_to_phys(pg),
	    kind < PK_NKIND ? kinds[kind] : "?", page_flags(pg),
	    atomic_load(&pg->pg_ref) != 0 ? " referenced" : "",
	    atomic_load(&pg->pg_mod) != 0 ? " modified" : "",
	    (kind == PK_ANON || kind == PK_OBJECT) && pmap_page_mapped(pg)
		? " mapped"
		: "");
	if (kind == PK_ANON)
		printf(" anon %p", (void *)pg->pg_anon);
	else if (kind == PK_OBJECT)
		printf(" object %p index %llu", (void *)pg->pg_obj,
		    (unsigned long long)pg->pg_index);
	else if (kind == PK_TABLE)
		printf(" pmap %p level %u, %u entries from %#lx",
		    (void *)pg->pg_pmap, pg->pg_level, pg->pg_count,
		    (u_long)pg->pg_va);
	putchar('\n');
}

static void
show_page(void)
{
	struct vm_page *pg;
	enum page_kind kind;
	paddr_t pa;

	for (pa = sim_ram; pa < sim_ram + sim_ramlen; pa += PAGE_SIZE) {
		pg = phys_to_page(pa);
		if (pg == NULL || !meant(pa))
			continue;
		kind = page_kind(pg);
		if (which != UINT64_MAX || kind == PK_TABLE ||
		    kind == PK_ANON || kind == PK_OBJECT || kind == PK_LOOSE)
			print_page(pg);
	}
}

static void
show_uvmexp(void)
{
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
	printf("\nswap: %lu slots, %lu used\n", atomic_load(&uvm_swap_total),
	    atomic_load(&uvm_swap_used));
	printf("mmu: %llu hits, %llu walks, %llu page flushes, %llu asid "
	       "flushes, %llu full flushes, %llu roots loaded\n",
	    (unsigned long long)mmu_counts.mc_hits,
	    (unsigned long long)mmu_counts.mc_walks,
	    (unsigned long long)mmu_counts.mc_flush_page,
	    (unsigned long long)mmu_counts.mc_flush_asid,
	    (unsigned long long)mmu_counts.mc_flush_all,
	    (unsigned long long)mmu_counts.mc_roots);
}

static void
maps(bool amaps, bool objects)
{
	with_amaps = amaps;
	with_objects = objects;
	each_space(show_map);
}

static void
show_maps(void)
{
	maps(false, false);
}

static void
show_amaps(void)
{
	maps(true, false);
}

static void
show_objects(void)
{
	maps(false, true);
}

static void
show_pmaps(void)
{
	each_space(show_pmap);
}

static void
show_everything(void)
{
	show_uvmexp();
	show_tlb();
	show_ps();
	maps(true, false);
	show_pmaps();
}

static const struct {
	const char *name;
	void (*fn)(void);
} verbs[] = {{"all", show_everything}, {"ps", show_ps}, {"map", show_maps},
    {"amap", show_amaps}, {"object", show_objects}, {"page", show_page},
    {"pmap", show_pmaps}, {"tlb", show_tlb}, {"uvmexp", show_uvmexp}};

static size_t verb;
static bool shown;

void
show_verb(const char *name, uint64_t whose)
{
	for (verb = 0; verb < nitems(verbs); verb++)
		if (strcmp(name, verbs[verb].name) == 0)
			break;
	if (verb == nitems(verbs))
		fail("show what? all, ps, map, amap, object, page, pmap, tlb "
		     "or uvmexp, not %s",
		    name);
	which = whose;
}

bool
show_met(void)
{
	return which == UINT64_MAX || met;
}

void
show_state(void)
{
	/* A failure is gone through again, for the message: once will do. */
	if (!shown)
		verbs[verb].fn();
	shown = true;
}
