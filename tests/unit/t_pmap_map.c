/*
 * t_pmap_map.c: entering, changing and removing mappings of one space.
 */
#include <sys/errno.h>

#include <base/cpu.h>
#include <base/print.h>
#include <base/thread.h>
#include <pmap/pmap.h>
#include <port/machdep.h>

#include "ktest.h"
#include "t_pmap.h"

static u_long
tables(const struct pmap *pm)
{
	return atomic_load_explicit(&pm->pm_tables, memory_order_relaxed);
}

static bool
maps(struct pmap *pm, vaddr_t va, const struct vm_page *pg, vm_prot_t prot)
{
	vm_prot_t p = 0;
	paddr_t pa = 0;

	if (!pmap_extract(pm, va, &pa, &p))
		return pg == NULL;
	return pg != NULL && pa == page_to_phys(pg) && p == prot;
}

TEST(pmap_enter_remove)
{
	struct vm_page *pg[3];
	struct pmap *pm;
	vaddr_t va = 0x400000;
	paddr_t pa;
	u_int i;

	for (i = 0; i < nitems(pg); i++)
		pg[i] = page_alloc(PK_ANON, PA_ZERO);
	if (!CHECK(pmap_create(&pm, NULL) == 0))
		return;
	CHECK(tables(pm) == 1 && pmap_resident(pm) == 0);
	CHECK(maps(pm, va, NULL, 0));

	CHECK(pmap_enter(pm, va, page_to_phys(pg[0]), PROT_READ, 0) == 0);
	CHECK(tables(pm) == PTE_LEVELS && pmap_resident(pm) == 1);
	CHECK(maps(pm, va, pg[0], PROT_READ));
	CHECK(pmap_extract(pm, va + 123, &pa, NULL));
	CHECK(pa == page_to_phys(pg[0]) + 123);
	CHECK(!pmap_extract(pm, va - 1, &pa, NULL));
	CHECK(!pmap_extract(pm, VM_MAXUSER_ADDRESS, &pa, NULL));
	CHECK(pmap_page_mapcount(pg[0]) == 1);
	CHECK(!pmap_is_referenced(pg[0]) && !pmap_is_modified(pg[0]));

	/* Another page in its place, as after a copy on write. */
	CHECK(pmap_enter(pm, va, page_to_phys(pg[1]), PROT_READ | PROT_WRITE,
		  PROT_WRITE) == 0);
	CHECK(maps(pm, va, pg[1], PROT_READ | PROT_WRITE));
	CHECK(!pmap_page_mapped(pg[0]) && pmap_page_mapcount(pg[1]) == 1);
	CHECK(pmap_is_modified(pg[1]) && pmap_is_referenced(pg[1]));
	CHECK(tables(pm) == PTE_LEVELS && pmap_resident(pm) == 1);

	/* The same page with fewer and with more rights. */
	CHECK(pmap_enter(pm, va, page_to_phys(pg[1]), PROT_READ | PROT_EXEC,
		  0) == 0);
	CHECK(maps(pm, va, pg[1], PROT_READ | PROT_EXEC));
	CHECK(pmap_page_mapcount(pg[1]) == 1 && pmap_is_modified(pg[1]));
	CHECK(pmap_enter(pm, va, page_to_phys(pg[1]), PROT_ALL, 0) == 0);
	CHECK(maps(pm, va, pg[1], PROT_ALL));

	/* One that the reverse map does not know. */
	CHECK(pmap_enter(pm, va + PAGE_SIZE, page_to_phys(pg[2]), PROT_READ,
		  PMAP_UNMANAGED) == 0);
	CHECK(maps(pm, va + PAGE_SIZE, pg[2], PROT_READ));
	CHECK(!pmap_page_mapped(pg[2]));
	pmap_verify(pm);

	pmap_remove(pm, va + PAGE_SIZE, va + 2 * PAGE_SIZE);
	CHECK(maps(pm, va, pg[1], PROT_ALL) && tables(pm) == PTE_LEVELS);
	pmap_remove(pm, 0, VM_MAXUSER_ADDRESS);
	CHECK(maps(pm, va, NULL, 0));
	CHECK(tables(pm) == 1 && pmap_resident(pm) == 0);
	CHECK(!pmap_page_mapped(pg[1]) && pmap_is_modified(pg[1]));
	CHECK(pmap_clear_modify(pg[1]) && !pmap_is_modified(pg[1]));
	pmap_verify(pm);
	pmap_destroy(pm);
	for (i = 0; i < nitems(pg); i++)
		page_free(pg[i]);
}

/*
 * Goal: tables appear when needed and go when empty, wherever in the space,
 * and a neighbour keeps what both need.
 */
TEST(pmap_tables)
{
	/* One table for both, two, then one more level at a time. */
	const vaddr_t at[] = {VM_MIN_ADDRESS, TABLE_SPAN - PAGE_SIZE,
	    TABLE_SPAN, 3 * pte_span(PTE_LEVELS - 2),
	    3 * pte_span(PTE_LEVELS - 2) + TABLE_SPAN, pte_span(PTE_LEVELS - 1),
	    VM_MAXUSER_ADDRESS - PAGE_SIZE};
	struct vm_page *pg;
	struct pmap *pm;
	u_int i;

	pg = page_alloc(PK_OBJECT, 0);
	if (!CHECK(pmap_create(&pm, NULL) == 0))
		return;
	for (i = 0; i < nitems(at); i++) {
		CHECK(
		    pmap_enter(pm, at[i], page_to_phys(pg), PROT_READ, 0) == 0);
		CHECK(tables(pm) == tables_for(at, i + 1));
		pmap_verify(pm);
	}
	CHECK(pmap_page_mapcount(pg) == nitems(at));
	CHECK(pmap_resident(pm) == nitems(at));
	for (i = nitems(at); i-- > 0;) {
		pmap_remove(pm, at[i], at[i] + PAGE_SIZE);
		CHECK(tables(pm) == tables_for(at, i));
		CHECK(pmap_page_mapcount(pg) == i);
		pmap_verify(pm);
	}
	/* All at once, the far ends spared. */
	for (i = 0; i < nitems(at); i++)
		CHECK(
		    pmap_enter(pm, at[i], page_to_phys(pg), PROT_READ, 0) == 0);
	pmap_remove(pm, VM_MIN_ADDRESS + PAGE_SIZE,
	    VM_MAXUSER_ADDRESS - PAGE_SIZE);
	CHECK(pmap_resident(pm) == 2 && tables(pm) == 2 * PTE_LEVELS - 1);
	pmap_verify(pm);
	pmap_remove(pm, 0, VM_MAXUSER_ADDRESS);
	CHECK(tables(pm) == 1 && !pmap_page_mapped(pg));
	pmap_destroy(pm);
	page_free(pg);
}

TEST(pmap_protect_range)
{
	struct vm_page *pg[40];
	struct pmap *pm;
	vaddr_t base = 5 * TABLE_SPAN - 20 * PAGE_SIZE;
	u_int i;

	if (!CHECK(pmap_create(&pm, NULL) == 0))
		return;
	for (i = 0; i < nitems(pg); i++) {
		pg[i] = page_alloc(PK_ANON, 0);
		CHECK(pmap_enter(pm, base + i * PAGE_SIZE, page_to_phys(pg[i]),
			  PROT_READ | PROT_WRITE,
			  i % 2 ? PROT_WRITE : PROT_READ) == 0);
	}
	pmap_protect(pm, base + 3 * PAGE_SIZE, base + 30 * PAGE_SIZE,
	    PROT_READ);
	for (i = 0; i < nitems(pg); i++) {
		CHECK(maps(pm, base + i * PAGE_SIZE, pg[i],
		    i >= 3 && i < 30 ? PROT_READ : PROT_READ | PROT_WRITE));
		CHECK(pmap_is_modified(pg[i]) == (i % 2 != 0));
	}
	/* Rights are taken away, never given. */
	pmap_protect(pm, base, base + 40 * PAGE_SIZE, PROT_READ | PROT_EXEC);
	CHECK(maps(pm, base, pg[0], PROT_READ));
	pmap_verify(pm);
	pmap_protect(pm, base, base + 40 * PAGE_SIZE, PROT_NONE);
	CHECK(pmap_resident(pm) == 0 && tables(pm) == 1);
	pmap_destroy(pm);
	for (i = 0; i < nitems(pg); i++)
		page_free(pg[i]);
}

/*
 * len bytes between buf and the space that is loaded.  Where the MMU does not
 * set its bits itself, an access is refused until it was entered as one that
 * has happened: what uvm_fault() does for a program.
 */
static int
user_access(vaddr_t va, void *buf, size_t len, vm_prot_t access)
{
	vm_prot_t prot;
	paddr_t pa;
	u_int turn;
	int error;

	for (turn = 0;; turn++) {
		error = access == PROT_WRITE ? md_copyout(buf, va, len)
					     : md_copyin(va, buf, len);
		if (error == 0 || turn == 1 ||
		    !pmap_extract(pmap_curpmap(), va, &pa, &prot) ||
		    (prot & access) == 0)
			return error;
		CHECK(pmap_enter(pmap_curpmap(), trunc_page(va), trunc_page(pa),
			  prot, access) == 0);
	}
}

/*
 * Goal: what the processor does through a loaded root is what was entered:
 * it reads and writes the page, and its bits are found.
 * LIFECYCLE 31 holds check because every check runs hosted and booted, with two compilers, on one CPU and on four, and for each machine there is a port to
 */
TEST(pmap_machine)
{
	char text[] = "through the tables";
	struct vm_page *pg;
	struct pmap *pm;
	vaddr_t va = 0x7ff123450000;
	char buf[sizeof(text)];

	pg = page_alloc(PK_ANON, PA_ZERO);
	if (!CHECK(pmap_create(&pm, NULL) == 0))
		return;
	CHECK(pmap_enter(pm, va, page_to_phys(pg), PROT_READ | PROT_WRITE, 0) ==
	      0);
	preempt_disable();
	pmap_activate(pm);
	CHECK(pmap_curpmap() == pm);
	CHECK(!pmap_is_referenced(pg) && !pmap_is_modified(pg));
	CHECK(user_access(va, buf, sizeof(buf), PROT_READ) == 0 && buf[0] == 0);
	CHECK(pmap_is_referenced(pg) && !pmap_is_modified(pg));
	CHECK(user_access(va + 100, text, sizeof(text), PROT_WRITE) == 0);
	CHECK(pmap_is_modified(pg));
	CHECK(strcmp((char *)page_direct(pg) + 100, text) == 0);

	/* Cleared means that the next write is seen again. */
	preempt_enable();
	CHECK(pmap_clear_modify(pg) && !pmap_is_modified(pg));
	CHECK(pmap_clear_reference(pg) && !pmap_is_referenced(pg));
	preempt_disable();
	pmap_activate(pm);
	CHECK(user_access(va + 200, text, sizeof(text), PROT_WRITE) == 0);
	CHECK(pmap_is_modified(pg) && pmap_is_referenced(pg));
	pmap_deactivate(pm);
	preempt_enable();

	pmap_remove(pm, va, va + PAGE_SIZE);
	CHECK(pmap_is_modified(pg) && !pmap_page_mapped(pg));
	pmap_destroy(pm);
	page_free(pg);
}

/*
 * Goal: what was taken away is away, though the processor has used it: one
 * page, more pages than are flushed singly, more mappings of a page than that.
 */
#define NMANY 40

static u_int
readable(vaddr_t va, u_int n)
{
	u_int i, ok = 0;
	char byte;

	for (i = 0; i < n; i++)
		ok += user_access(va + i * PAGE_SIZE, &byte, 1, PROT_READ) == 0;
	return ok;
}

static u_int
writable(vaddr_t va, u_int n)
{
	char byte = 'x';
	u_int i, ok = 0;

	for (i = 0; i < n; i++)
		ok +=
		    user_access(va + i * PAGE_SIZE, &byte, 1, PROT_WRITE) == 0;
	return ok;
}

static void
enter_many(struct pmap *pm, vaddr_t va, struct vm_page **pg, u_int step)
{
	u_int i;

	for (i = 0; i < NMANY; i++)
		CHECK(pmap_enter(pm, va + i * PAGE_SIZE,
			  page_to_phys(pg[i * step]), PROT_READ | PROT_WRITE,
			  0) == 0);
}

TEST(pmap_flush)
{
	struct vm_page *pg[NMANY];
	vaddr_t va = 0x7ff0000;
	struct pmap *pm;
	u_int i;

	for (i = 0; i < NMANY; i++)
		pg[i] = page_alloc(PK_ANON, PA_ZERO);
	if (!CHECK(pmap_create(&pm, NULL) == 0))
		return;
	preempt_disable();
	pmap_activate(pm);
	enter_many(pm, va, pg, 1);
	CHECK(writable(va, NMANY) == NMANY);
	CHECK(pmap_enter(pm, va, page_to_phys(pg[0]), PROT_READ, 0) == 0);
	CHECK(writable(va, 1) == 0 && readable(va, 1) == 1);
	pmap_protect(pm, va, va + NMANY * PAGE_SIZE, PROT_READ);
	CHECK(writable(va, NMANY) == 0 && readable(va, NMANY) == NMANY);
	pmap_page_protect(pg[5], PROT_NONE);
	CHECK(readable(va, NMANY) == NMANY - 1);
	pmap_remove(pm, va, va + NMANY * PAGE_SIZE);
	CHECK(readable(va, NMANY) == 0);

	enter_many(pm, va, pg, 0);
	CHECK(pmap_page_mapcount(pg[0]) == NMANY);
	CHECK(writable(va, NMANY) == NMANY);
	pmap_page_protect(pg[0], PROT_READ);
	CHECK(writable(va, NMANY) == 0 && readable(va, NMANY) == NMANY);
	pmap_page_protect(pg[0], PROT_NONE);
	CHECK(readable(va, NMANY) == 0);
	pmap_deactivate(pm);
	preempt_enable();
	pmap_destroy(pm);
	for (i = 0; i < NMANY; i++)
		page_free(pg[i]);
}

TEST(pmap_page_contents)
{
	struct vm_page *a, *b;

	a = page_alloc(PK_ANON, 0);
	b = page_alloc(PK_ANON, 0);
	memset(page_direct(a), 0x77, PAGE_SIZE);
	pmap_copy_page(a, b);
	CHECK(memcmp(page_direct(a), page_direct(b), PAGE_SIZE) == 0);
	pmap_zero_page(a);
	CHECK(((char *)page_direct(a))[0] == 0);
	CHECK(((char *)page_direct(a))[PAGE_SIZE - 1] == 0);
	CHECK(((char *)page_direct(b))[17] == 0x77);
	page_free(a);
	page_free(b);
}
