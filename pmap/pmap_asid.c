/*
 * pmap_asid.c: address-space identifiers.
 *
 * An ASID is valid in one generation.  When all have been given out the
 * generation ends: every number is free again except those that CPUs have
 * loaded at that moment, and each CPU flushes its TLB before it loads the
 * first ASID of the new generation.  So a number is reused only after whatever
 * was cached under it is gone, and neither exit nor exec has to flush.
 *
 * A CPU announces what it loads in pc_asid.  A rollover swaps a zero into it,
 * and keeps the number for that CPU (pc_reserved); an activation that finds
 * the generation still right replaces a nonzero value by compare-and-swap.
 * Of the two one comes first: the rollover then sees the new number, or the
 * activation fails and goes the slow way, through the lock.  No order between
 * different words is needed for that: nobody has a number of the new generation
 * before the rollover, and its lock, are over.
 *
 * A CPU that has announced what it goes to still translates through what it
 * leaves, until the root is exchanged.  The rollover waits for that (pc_loaded),
 * or what is left could get another number, and its tables be freed by somebody
 * who does not tell this CPU.  The zero in pm_cpus of who gets a new number
 * releases what the rollover has acquired there and from CPUs that went to the
 * kernel's root: whoever finds it may free pages.
 */
#include <base/print.h>
#include <port/machdep.h>

#include "pmap_var.h"

#define ASID_MAX (1u << ASID_BITS)

/*
 * Protection:
 *	I	constant after asid_init()
 *	A	asid_lock
 *	a	C11 atomic; A:a is written under asid_lock, read anywhere
 */
static struct spin asid_lock = SPIN_INITIALIZER(RANK_ASID);
u_int asid_count;                         /* [I] 1: the machine has none */
static _Atomic(uint64_t) asid_gen;        /* [A:a] generation << ASID_BITS */
static uint64_t asid_used[ASID_MAX / 64]; /* [A] a bit for each number */
static u_int asid_hint;                   /* [A] where to look next */
static cpumask_t asid_flush;              /* [A] CPUs that must flush first */

void
asid_init(void)
{
	asid_count = md_asid_count();
	KASSERT(asid_count >= 1 && asid_count <= ASID_MAX);
	atomic_store_explicit(&asid_gen, (uint64_t)1 << ASID_BITS,
	    memory_order_relaxed);
	asid_used[0] = 1; /* 0 is the kernel's */
	asid_hint = 1;
}

static bool
asid_take(u_int asid)
{
	uint64_t bit = 1ull << (asid % 64);

	if ((asid_used[asid / 64] & bit) != 0)
		return false;
	asid_used[asid / 64] |= bit;
	return true;
}

/* A free number; 0: none. */
static u_int
asid_find(void)
{
	for (; asid_hint < asid_count; asid_hint++)
		if (asid_take(asid_hint))
			return asid_hint++;
	return 0;
}

static void
asid_rollover(void)
{
	struct pmap_cpu *pc;
	uint64_t a;
	u_int i;

	KASSERT(spin_held(&asid_lock));
	atomic_fetch_add_explicit(&asid_gen, (uint64_t)1 << ASID_BITS,
	    memory_order_relaxed);
	memset(asid_used, 0, sizeof(asid_used));
	asid_used[0] = 1;
	asid_hint = 1;
	for (i = 0; i < MAXCPU; i++) {
		if (cpu_table[i] == NULL || cpu_table[i]->cpu_pmap == NULL)
			continue;
		pc = cpu_table[i]->cpu_pmap;
		a = atomic_exchange_explicit(&pc->pc_asid, 0,
		    memory_order_acquire);
		/*
		 * Zero: the CPU loaded nothing since the last rollover, and
		 * may still run with what it had then.
		 */
		if (a != 0) {
			pc->pc_reserved = a;
			/* It has interrupts off, and wants no lock for this. */
			while (atomic_load_explicit(&pc->pc_loaded,
				   memory_order_acquire) != a)
				md_cpu_relax();
		}
		if (pc->pc_reserved != 0)
			asid_take((u_int)(pc->pc_reserved & ASID_MASK));
		asid_flush |= CPUMASK(i);
	}
}

/*
 * If a CPU still uses a, which is of an older generation, keep the number:
 * it is the same in this one.
 */
static bool
asid_keep(uint64_t a, uint64_t now)
{
	struct pmap_cpu *pc;
	bool kept = false;
	u_int i;

	for (i = 0; i < MAXCPU; i++) {
		if (cpu_table[i] == NULL || cpu_table[i]->cpu_pmap == NULL)
			continue;
		pc = cpu_table[i]->cpu_pmap;
		if (pc->pc_reserved == a) {
			pc->pc_reserved = now;
			kept = true;
		}
	}
	return kept;
}

/* A value of this generation for pm, which has one of an older or none. */
static uint64_t
asid_new(struct pmap *pm, uint64_t old)
{
	uint64_t gen;
	u_int asid;

	gen = atomic_load_explicit(&asid_gen, memory_order_relaxed);
	if (old != 0 && asid_keep(old, gen | (old & ASID_MASK)))
		return gen | (old & ASID_MASK);
	asid = asid_find();
	if (asid == 0) {
		asid_rollover();
		gen = atomic_load_explicit(&asid_gen, memory_order_relaxed);
		asid = asid_find();
		KASSERT(asid != 0);
	}
	/*
	 * No CPU has the old number loaded, and what they cached under it is
	 * flushed before it can matter.  CPUs that are about to load pm come
	 * through the lock and set their bits after.
	 */
	atomic_store_explicit(&pm->pm_cpus, 0, memory_order_release);
	return gen | asid;
}

uint64_t
asid_activate(struct pmap *pm, struct pmap_cpu *pc)
{
	uint64_t a, gen, mine;

	KASSERT(!md_intr_enabled());
	if (asid_count == 1)
		return 0;
	a = atomic_load_explicit(&pm->pm_asid, memory_order_acquire);
	mine = atomic_load_explicit(&pc->pc_asid, memory_order_relaxed);
	gen = atomic_load_explicit(&asid_gen, memory_order_relaxed);
	if (mine != 0 && (a & ~ASID_MASK) == gen &&
	    atomic_compare_exchange_strong_explicit(&pc->pc_asid, &mine, a,
		memory_order_relaxed, memory_order_relaxed))
		return a;

	spin_enter(&asid_lock);
	a = atomic_load_explicit(&pm->pm_asid, memory_order_relaxed);
	gen = atomic_load_explicit(&asid_gen, memory_order_relaxed);
	if ((a & ~ASID_MASK) != gen) {
		a = asid_new(pm, a);
		/* After the zero in pm_cpus, for who sets his bit there. */
		atomic_store_explicit(&pm->pm_asid, a, memory_order_release);
	}
	if ((asid_flush & CPUMASK(curcpu()->cpu_id)) != 0) {
		asid_flush &= ~CPUMASK(curcpu()->cpu_id);
		md_tlb_flush_kernel();
		count_add(COUNT_TLB_FLUSH_ALL, 1);
	}
	atomic_store_explicit(&pc->pc_asid, a, memory_order_relaxed);
	spin_exit(&asid_lock);
	return a;
}

void
asid_retire(struct pmap *pm)
{
	/* The number stays used, and its entries stale, until the rollover. */
	atomic_store_explicit(&pm->pm_asid, 0, memory_order_relaxed);
}
