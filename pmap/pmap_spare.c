/*
 * pmap_spare.c: upper tables that outlive a space, for the next fork.
 *
 * A small process has more upper tables than leaf tables of its own, and what
 * they contain but for the links to leaf tables is the same in a child and in
 * the child after it.  So a child that dies with the upper tables that fork has
 * given it keeps them: pmap_remove_all() takes leaf tables out alone, and
 * pmap_destroy() leaves the space, dead, to the CPU.  The next fork there of a
 * space of the same shape brings it to life again.
 *
 *	[root]--[ ]--[ ]--x   leaf		x: cleared
 *	      \-[ ]--[ ]--x   leaf
 *
 * The shape is a sum over the places of all upper tables: the same for spaces
 * that have the same ones.  Should two that differ have it in common, then some
 * tables are missing, and made, or there for nothing: no harm.
 *
 * Memory: one space per CPU, of SPARE_NTABLE tables at most.  pmap_drain() gives
 * it back, as the page-out daemon does when memory is short.
 *
 * No locks: a CPU's place changes hands by exchange.
 */
#include "pmap_var.h"

#define SPARE_NTABLE 16

void
shape_toggle(struct pmap *pm, vaddr_t va, u_int level)
{
	uint64_t place = table_base(va, level) | level;

	if (level > 0)
		atomic_fetch_xor_explicit(&pm->pm_shape,
		    (uint32_t)(place * 0x9e3779b97f4a7c15ull >> 32),
		    memory_order_relaxed);
}

static uint32_t
shape(const struct pmap *pm)
{
	return atomic_load_explicit(&pm->pm_shape, memory_order_relaxed);
}

bool
spare_wanted(const struct pmap *pm)
{
	uint32_t forked =
	    atomic_load_explicit(&pm->pm_forked, memory_order_relaxed);

	return forked != 0 && forked == shape(pm) &&
	       atomic_load_explicit(&pm->pm_tables, memory_order_relaxed) <=
		   SPARE_NTABLE;
}

/* The place of this CPU, or of one that the thread has just been on. */
static struct pmap *
spare_exchange(struct pmap_cpu *pc, struct pmap *pm)
{
	/* What was done to the tables goes with them. */
	return atomic_exchange_explicit(&pc->pc_spare, pm,
	    memory_order_acq_rel);
}

/* Take a dead space apart. */
static void
spare_free(struct pmap *pm)
{
	u_long leaves;

	if (pm == NULL)
		return;
	atomic_store_explicit(&pm->pm_forked, 0, memory_order_relaxed);
	leaves = pmap_remove_all(pm);
	KASSERT(leaves == 0);
	pmap_free(pm);
}

void
spare_put(struct pmap *pm)
{
	spare_free(spare_exchange(pmap_curcpu(), pm));
}

struct pmap *
spare_take(const struct pmap *like)
{
	struct pmap *pm = spare_exchange(pmap_curcpu(), NULL);

	if (pm == NULL)
		return NULL;
	if (shape(pm) != shape(like)) {
		spare_free(pm);
		return NULL;
	}
	KASSERT(refcount_load(&pm->pm_refs) == 0);
	KASSERT(atomic_load_explicit(&pm->pm_asid, memory_order_relaxed) == 0);
	KASSERT(atomic_load_explicit(&pm->pm_cpus, memory_order_relaxed) == 0);
	KASSERT(!leaf_parting(pm));
	atomic_store_explicit(&pm->pm_state, PMAP_LIVE, memory_order_relaxed);
	refcount_init(&pm->pm_refs, 1);
	return pm;
}

void
pmap_drain(void)
{
	u_int i;

	for (i = 0; i < MAXCPU; i++)
		if (cpu_table[i] != NULL && cpu_table[i]->cpu_pmap != NULL)
			spare_free(
			    spare_exchange(cpu_table[i]->cpu_pmap, NULL));
}
