/*
 * pmap_switch.c: which space a CPU translates through, and how a space stops
 * being translated through.
 *
 * A CPU keeps the root of the last user thread while it runs kernel threads:
 * most often the same user thread comes back, and its root is there.  The
 * space may die meanwhile; pmap_purge() therefore asks each such CPU once to
 * go to the kernel's root.  A loaded root, lazily or not, keeps the CPU's bit
 * in pm_cpus set, so a purge knows whom to ask, and needs no reference of its
 * own: the pmap cannot be destroyed before it is purged.
 *
 * Everything here that changes what is loaded runs with interrupts off,
 * because the message that drops a lazy root comes as an interrupt.
 */
#include <base/print.h>
#include <base/thread.h>
#include <phys/kmem.h>
#include <port/machdep.h>

#include "pmap_var.h"

void
pmap_switch_init(void)
{
	cpu_tlb_handler = tlb_handler;
}

void
pmap_cpu_init(struct cpu *c)
{
	struct pmap_cpu *pc;

	KASSERT(c->cpu_pmap == NULL);
	pc = kmem_alloc(sizeof(*pc), PA_ZERO | PA_RESERVE);
	if (pc == NULL)
		panic("pmap: no memory for cpu %u", c->cpu_id);
	KASSERT(((uintptr_t)pc & (CACHELINE - 1)) == 0);
	atomic_store_explicit(&pc->pc_cur, &pmap_kernel, memory_order_relaxed);
	c->cpu_pmap = pc;
}

static struct pmap *
pmap_loaded(const struct pmap_cpu *pc)
{
	return atomic_load_explicit(&pc->pc_cur, memory_order_relaxed);
}

/*
 * pm's root is loaded now instead of old's.  Without ASIDs nothing of old is
 * left here, and its bit goes; this is the last that we do with old, which may
 * be destroyed as soon as its bits are gone.
 */
static void
pmap_loaded_set(struct pmap_cpu *pc, struct pmap *old, struct pmap *pm)
{
	pc->pc_lazy = false;
	atomic_store_explicit(&pc->pc_cur, pm, memory_order_release);
	count_add(COUNT_ROOT_LOAD, 1);
	if (old != &pmap_kernel && asid_count == 1)
		atomic_fetch_and_explicit(&old->pm_cpus,
		    ~CPUMASK(curcpu()->cpu_id), memory_order_release);
}

void
pmap_drop(struct pmap_cpu *pc)
{
	struct pmap *old = pmap_loaded(pc);

	KASSERT(!md_intr_enabled());
	if (old == &pmap_kernel)
		return;
	md_root_kernel();
	/* Last, so that a rollover before it still finds the ASID in use. */
	atomic_store_explicit(&pc->pc_asid, 0, memory_order_release);
	pmap_loaded_set(pc, old, &pmap_kernel);
}

void
pmap_activate(struct pmap *pm)
{
	struct pmap_cpu *pc;
	struct pmap *old;
	uint64_t a;
	bool on;

	on = md_intr_disable();
	pc = pmap_curcpu();
	old = pmap_loaded(pc);
	if (old == pm) {
		pc->pc_lazy = false;
	} else if (pm == &pmap_kernel ||
		   atomic_load_explicit(&pm->pm_state, memory_order_relaxed) !=
		       PMAP_LIVE) {
		/* A thread in the tail of its exit has no user space. */
		pmap_drop(pc);
	} else {
		a = asid_activate(pm, pc);
		/* A1 and A2 of pmap_tlb.c. */
		atomic_fetch_or_explicit(&pm->pm_cpus,
		    CPUMASK(curcpu()->cpu_id), memory_order_relaxed);
		atomic_thread_fence(memory_order_seq_cst);
		md_root_load(pm->pm_rootpa, (u_int)(a & ASID_MASK));
		asid_loaded(pc, a);
		pmap_loaded_set(pc, old, pm);
	}
	md_intr_restore(on);
}

void
pmap_deactivate(struct pmap *pm)
{
	struct pmap_cpu *pc;
	bool on;

	on = md_intr_disable();
	pc = pmap_curcpu();
	if (pmap_loaded(pc) == pm && pm != &pmap_kernel)
		pc->pc_lazy = true;
	md_intr_restore(on);
}

struct pmap *
pmap_curpmap(void)
{
	return pmap_loaded(pmap_curcpu());
}

/* The CPUs, this one aside, that have pm's root loaded. */
static cpumask_t
pmap_holders(const struct pmap *pm)
{
	const struct pmap_cpu *pc;
	cpumask_t cpus, left;
	u_int id;

	cpus = atomic_load_explicit(&pm->pm_cpus, memory_order_acquire) &
	       ~CPUMASK(curcpu()->cpu_id);
	/* With ASIDs a bit may only mean stale entries, which may stay. */
	for (left = cpus; asid_count > 1 && left != 0; left &= left - 1) {
		id = (u_int)__builtin_ctzll(left);
		pc = cpu_table[id]->cpu_pmap;
		if (atomic_load_explicit(&pc->pc_cur, memory_order_acquire) !=
		    pm)
			cpus &= ~CPUMASK(id);
	}
	return cpus;
}

void
pmap_purge(struct pmap *pm)
{
	struct pmap_cpu *pc;
	bool on;

	KASSERT(pm != &pmap_kernel);
	KASSERT(lock_none_above(RANK_FS));
	if (atomic_load_explicit(&pm->pm_state, memory_order_relaxed) !=
	    PMAP_LIVE)
		return;

	preempt_disable();
	on = md_intr_disable();
	pc = pmap_curcpu();
	if (pmap_loaded(pc) == pm) {
		pmap_drop(pc);
		count_add(COUNT_PURGE_ROOT, 1);
	}
	md_intr_restore(on);

	/* No thread of the space is left to load it again anywhere. */
	tlb_kick(pm, pmap_holders(pm));
	KASSERT(pmap_holders(pm) == 0);

	/*
	 * From here on nothing translates through the tables: no bit, no
	 * ASID, no flush.  Entries can still be made until the state says
	 * otherwise; who makes one holds the lock of its table, which
	 * pmap_remove_all() takes after us.  Preemption stays disabled until
	 * then, lest our own return to this CPU load the root again.
	 */
	asid_retire(pm);
	atomic_store_explicit(&pm->pm_cpus, 0, memory_order_release);
	atomic_store_explicit(&pm->pm_state, PMAP_DETACHED,
	    memory_order_relaxed);
	preempt_enable();
}
