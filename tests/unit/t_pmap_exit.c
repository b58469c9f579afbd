/*
 * t_pmap_exit.c: the death of a space, and what it costs.
 */
#include <sys/errno.h>

#include <base/cpu.h>
#include <base/print.h>
#include <base/thread.h>
#include <pmap/pmap.h>
#include <port/machdep.h>

#include "ktest.h"
#include "t_pmap.h"

/*
 * LIFECYCLE 32 holds pmap/pmap_switch.c:pmap_purge mutant 20
 * LIFECYCLE 33 holds pmap/pmap_switch.c:pmap_purge mutant 20
 * LIFECYCLE 34 holds pmap/pmap_switch.c:pmap_purge mutant 18
 * LIFECYCLE 38 holds pmap/pmap.c:leaf_make mutant 19
 * LIFECYCLE 39 holds pmap/pmap_switch.c:pmap_activate mutant 141 because what is loaded is one atomic word of the CPU, and who acts on it has interrupts or preemption off
 * LIFECYCLE 51 different pmap/pmap_switch.c:pmap_purge mutant 21 because nobody runs in the space any more: the root stays loaded lazily, and the purge is what drops it
 * LIFECYCLE 54 holds pmap/pmap_switch.c:pmap_purge mutant 21
 * LIFECYCLE 58 holds uvm/uvm_vmspace.c:uvmspace_purge mutant 18
 * LIFECYCLE 59 different pmap/pmap_switch.c:pmap_deactivate mutant 22 because deactivation only notes that the root is lazy; tables go in a step of their own, called by the purge
 * LIFECYCLE 70 different pmap/pmap_switch.c:pmap_purge mutant 20 because nothing is flushed at all: the ASID is retired, and its entries go stale until the rollover
 */
TEST(pmap_purge_detaches)
{
	struct vm_page *pg;
	struct pmap *pm;
	uint64_t kick, loads, root;

	pg = page_alloc(PK_ANON, 0);
	if (!CHECK(pmap_create(&pm, NULL) == 0))
		return;
	CHECK(pmap_enter(pm, 0x10000, page_to_phys(pg), PROT_READ, PROT_READ) ==
	      0);
	preempt_disable();
	pmap_activate(pm);
	preempt_enable();

	loads = count_sum(COUNT_ROOT_LOAD);
	root = count_sum(COUNT_PURGE_ROOT);
	kick = count_sum(COUNT_PURGE_KICK);
	pmap_purge(pm);
	CHECK(pmap_curpmap() == &pmap_kernel);
	CHECK(atomic_load(&pm->pm_state) == PMAP_DETACHED);
	CHECK(atomic_load(&pm->pm_cpus) == 0);
	CHECK(count_sum(COUNT_PURGE_ROOT) - root <= 1);
	CHECK(count_sum(COUNT_PURGE_KICK) - kick <= 1);

	/* Nothing can be made in it, nor is it loaded again. */
	CHECK(pmap_enter(pm, 0x20000, page_to_phys(pg), PROT_READ, 0) == ESRCH);
	CHECK(pmap_enter(pm, 0x40000000, page_to_phys(pg), PROT_READ, 0) ==
	      ESRCH);
	preempt_disable();
	pmap_activate(pm);
	CHECK(pmap_curpmap() == &pmap_kernel);
	pmap_deactivate(pm);
	preempt_enable();
	pmap_purge(pm);
	CHECK(count_sum(COUNT_ROOT_LOAD) - loads <= 1);

	/* What is there is still found from the page. */
	CHECK(pmap_page_mapped(pg) && pmap_is_referenced(pg));
	pmap_page_protect(pg, PROT_NONE);
	CHECK(!pmap_page_mapped(pg));
	pmap_remove_all(pm);
	CHECK(atomic_load(&pm->pm_state) == PMAP_DEAD);
	pmap_remove_all(pm);
	CHECK(pmap_enter(pm, 0x20000, page_to_phys(pg), PROT_READ, 0) == ESRCH);
	pmap_destroy(pm);
	page_free(pg);
}

/*
 * Goal: teardown costs what is resident: 7 pages scattered over 4 GiB are 7
 * entries in 7 lines of 7 leaf tables.
 * LIFECYCLE 37 holds pmap/pmap_purge.c:pmap_remove_all mutant 26
 * LIFECYCLE 62 holds pmap/pmap_purge.c:leaf_empty mutant 24
 * LIFECYCLE 65 different pmap/pmap_purge.c:pmap_remove_all mutant 28 because exit does not remove ranges
 * LIFECYCLE 66 holds pmap/pmap_purge.c:leaf_empty mutant 28
 * LIFECYCLE 79 holds pmap/pmap_purge.c:pmap_remove_all mutant 29
 */
TEST(pmap_purge_sparse)
{
	struct vm_page *pg[7];
	uint64_t leaf, line, table;
	vaddr_t va[7];
	struct pmap *pm;
	u_int i;

	if (!CHECK(pmap_create(&pm, NULL) == 0))
		return;
	for (i = 0; i < nitems(pg); i++) {
		pg[i] = page_alloc(PK_ANON, 0);
		va[i] = 0x100000000 + i * 0x24920000ull;
		CHECK(pmap_enter(pm, va[i], page_to_phys(pg[i]),
			  PROT_READ | PROT_WRITE,
			  i % 2 ? PROT_WRITE : PROT_READ) == 0);
	}
	leaf = count_sum(COUNT_PURGE_LEAF);
	line = count_sum(COUNT_PURGE_LINE);
	table = count_sum(COUNT_PURGE_TABLE);
	pmap_purge(pm);
	pmap_remove_all(pm);
	CHECK(count_sum(COUNT_PURGE_LEAF) - leaf == 7);
	/* All but the root are freed; few lines of each have anything. */
	CHECK(count_sum(COUNT_PURGE_TABLE) - table ==
	      tables_for(va, nitems(va)) - 1);
	CHECK(count_sum(COUNT_PURGE_LINE) - line <= 7 + 7 + 1 + 1);
	for (i = 0; i < nitems(pg); i++) {
		CHECK(!pmap_page_mapped(pg[i]));
		CHECK(pmap_is_referenced(pg[i]));
		CHECK(pmap_is_modified(pg[i]) == (i % 2 != 0));
		page_free(pg[i]);
	}
	CHECK(pmap_resident(pm) == 0);
	pmap_destroy(pm);
}

/*
 * Goal: a space full of shared pages dies without touching the others'
 * mappings; chunks and tables go.
 * LIFECYCLE 53 void pmap/pmap_purge.c:pmap_remove_all mutant 170 because bulk removal reaches tables through the direct map and wants no pmap current
 * LIFECYCLE 61 holds pmap/pmap_purge.c:leaf_empty mutant 25
 */
TEST(pmap_purge_shared)
{
	struct vm_page *pg[64];
	struct pmap *a, *b;
	u_int i;

	if (!CHECK(pmap_create(&a, NULL) == 0 && pmap_create(&b, NULL) == 0))
		return;
	for (i = 0; i < nitems(pg); i++) {
		pg[i] = page_alloc(PK_OBJECT, 0);
		CHECK(pmap_enter(i % 2 ? a : b, 0x10000 + i * PAGE_SIZE,
			  page_to_phys(pg[i]), PROT_READ, 0) == 0);
		CHECK(pmap_enter(i % 2 ? b : a, 0x10000 + i * PAGE_SIZE,
			  page_to_phys(pg[i]), PROT_READ, 0) == 0);
		CHECK(pmap_enter(a, 0x80000000 + i * 10 * PAGE_SIZE,
			  page_to_phys(pg[i]), PROT_READ, 0) == 0);
	}
	pmap_verify(a);
	pmap_verify(b);
	pmap_purge(a);
	pmap_remove_all(a);
	pmap_destroy(a);
	for (i = 0; i < nitems(pg); i++)
		CHECK(pmap_page_mapcount(pg[i]) == 1);
	CHECK(pmap_resident(b) == nitems(pg));
	pmap_verify(b);
	pmap_remove(b, 0, VM_MAXUSER_ADDRESS);
	pmap_destroy(b);
	for (i = 0; i < nitems(pg); i++) {
		CHECK(!pmap_page_mapped(pg[i]));
		page_free(pg[i]);
	}
}

/*
 * Goal: without memory at any point, an operation says so and leaves nothing
 * half done.
 */
static int
build(struct pmap **pmp, struct vm_page **pg, u_int n)
{
	struct pmap *pm;
	int error;
	u_int i;

	error = pmap_create(&pm, NULL);
	if (error != 0)
		return error;
	*pmp = pm;
	for (i = 0; i < n; i++) {
		error = pmap_enter(pm, 0x10000 + i * 0x7650000ull,
		    page_to_phys(pg[i]), PROT_READ | PROT_WRITE, PROT_WRITE);
		if (error != 0)
			return error;
		error = pmap_enter(pm, 0x7fff00000000 + i * 5 * PAGE_SIZE,
		    page_to_phys(pg[i]), PROT_READ, PROT_READ);
		if (error != 0)
			return error;
	}
	return 0;
}

TEST(pmap_enomem)
{
	struct vm_page *pg[9];
	struct pmap *pm;
	bool fired = true;
	int error;
	u_int i, n;

	for (i = 0; i < nitems(pg); i++)
		pg[i] = page_alloc(PK_OBJECT, 0);
	for (n = 1; fired && n < 1000; n++) {
		pm = NULL;
		phys_fail_nth(n);
		error = build(&pm, pg, nitems(pg));
		fired = phys_fail_fired();
		phys_fail_nth(0);
		CHECK(error == (fired ? ENOMEM : 0));
		if (pm == NULL)
			continue;
		pmap_verify(pm);
		for (i = 0; i < nitems(pg); i++)
			pmap_verify_page(pg[i]);
		if (n % 2 != 0) {
			pmap_remove(pm, 0, VM_MAXUSER_ADDRESS);
			CHECK(pmap_resident(pm) == 0);
		} else {
			pmap_purge(pm);
			pmap_remove_all(pm);
		}
		pmap_destroy(pm);
		for (i = 0; i < nitems(pg); i++)
			CHECK(!pmap_page_mapped(pg[i]));
	}
	CHECK(!fired && n > 5 * PTE_LEVELS);
	for (i = 0; i < nitems(pg); i++)
		page_free(pg[i]);
}

/*
 * A space is still referenced by somebody who may look, after its death.
 * LIFECYCLE 63 different pmap/pmap.c:pmap_narrow because there is nothing to skip: an emptied root has no populated line, which is the first thing looked at
 */
TEST(pmap_reference_after_purge)
{
	struct pmap *pm;
	vm_prot_t prot;
	paddr_t pa;

	if (!CHECK(pmap_create(&pm, NULL) == 0))
		return;
	pmap_reference(pm);
	pmap_purge(pm);
	pmap_remove_all(pm);
	pmap_destroy(pm);
	CHECK(!pmap_extract(pm, 0x10000, &pa, &prot));
	pmap_remove(pm, 0, VM_MAXUSER_ADDRESS);
	CHECK(pmap_resident(pm) == 0);
	pmap_destroy(pm);
}
