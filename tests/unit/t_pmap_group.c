/*
 * t_pmap_group.c: entries that a CPU may remember as one.  On machines without
 * such a thing no group is ever made, and the same tests see that all goes on
 * as if there were.
 */
#include <sys/errno.h>

#include <base/cpu.h>
#include <base/print.h>
#include <base/thread.h>
#include <pmap/pmap.h>
#include <port/machdep.h>

#include "ktest.h"
#include "t_pmap.h"

#define N  PMAP_NGROUP
#define VA ((vaddr_t)3 * N * PAGE_SIZE)
#define RW (PROT_READ | PROT_WRITE)

/* A space of which 16 pages in a row can be a group; counts at the start. */
struct grp {
	struct pmap *g_pm;
	struct vm_page *g_pg[N];
	struct vm_page *g_run; /* order 5: the second half is for others */
	uint64_t g_made, g_broken;
};

static bool
can_group(void)
{
	return PTE_NGROUP == N && (cpu_count() == 1 || md_tlb_broadcast());
}

static u_int
made(const struct grp *g)
{
	return (u_int)(count_sum(COUNT_GROUP) - g->g_made);
}

static u_int
broken(const struct grp *g)
{
	return (u_int)(count_sum(COUNT_GROUP_BREAK) - g->g_broken);
}

static bool
group_begin(struct grp *g)
{
	u_int i;

	g->g_run = page_alloc_run(PK_ANON, 5, PA_ZERO);
	if (!CHECK(g->g_run != NULL && pmap_create(&g->g_pm, NULL) == 0))
		return false;
	for (i = 0; i < N; i++)
		g->g_pg[i] = g->g_run + i;
	g->g_made = count_sum(COUNT_GROUP);
	g->g_broken = count_sum(COUNT_GROUP_BREAK);
	return true;
}

static bool
group_make(struct grp *g, vm_prot_t prot)
{
	bool ok = pmap_enter_group(g->g_pm, VA, g->g_pg, VA, prot);
	u_int i;

	CHECK(ok == can_group() && made(g) == (ok ? 1 : 0));
	for (i = 0; !ok && i < N; i++)
		CHECK(pmap_enter(g->g_pm, VA + ptoa(i),
			  page_to_phys(g->g_pg[i]), prot, prot) == 0);
	return ok;
}

static void
group_end(struct grp *g)
{
	u_int i;

	pmap_verify(g->g_pm);
	pmap_remove(g->g_pm, 0, VM_MAXUSER_ADDRESS);
	pmap_verify(g->g_pm);
	pmap_destroy(g->g_pm);
	for (i = 0; i < 2 * N; i++) {
		(void)pmap_clear_modify(g->g_run + i);
		(void)pmap_clear_reference(g->g_run + i);
		page_free(g->g_run + i);
	}
}

/* Page i is mapped where it should be, with prot; PROT_NONE: not at all. */
static bool
mapped(const struct grp *g, u_int i, vm_prot_t prot)
{
	vm_prot_t is;
	paddr_t pa;

	if (!pmap_extract(g->g_pm, VA + ptoa(i), &pa, &is))
		return prot == PROT_NONE;
	return pa == page_to_phys(g->g_pg[i]) && is == prot;
}

static bool
all_mapped(const struct grp *g, vm_prot_t prot, u_int but)
{
	u_int i;

	for (i = 0; i < N; i++)
		if (i != but && !mapped(g, i, prot))
			return false;
	return true;
}

/*
 * Goal: a group is made of what it takes, and of nothing else.
 */
TEST(pmap_group_made)
{
	struct vm_page *pg[N];
	struct grp g;
	u_int i;

	if (!group_begin(&g))
		return;
	/* Not aligned there, not aligned here, not in a row. */
	CHECK(!pmap_enter_group(g.g_pm, VA + PAGE_SIZE, g.g_pg, VA, RW));
	for (i = 0; i < N; i++)
		pg[i] = g.g_run + 1 + i;
	CHECK(!pmap_enter_group(g.g_pm, VA, pg, VA, RW));
	for (i = 0; i < N; i++)
		pg[i] = g.g_pg[i ^ (i >= N - 2)];
	CHECK(!pmap_enter_group(g.g_pm, VA, pg, VA, RW));
	CHECK(pmap_resident(g.g_pm) == 0);
	/* Something there; a page that is elsewhere. */
	CHECK(pmap_enter(g.g_pm, VA + ptoa(N - 1), page_to_phys(g.g_run + N),
		  PROT_READ, 0) == 0);
	CHECK(!pmap_enter_group(g.g_pm, VA, g.g_pg, VA, RW));
	pmap_remove(g.g_pm, VA, VA + ptoa(N));
	CHECK(pmap_enter(g.g_pm, VA + ptoa(N), page_to_phys(g.g_pg[N - 1]),
		  PROT_READ, 0) == 0);
	CHECK(!pmap_enter_group(g.g_pm, VA, g.g_pg, VA, RW));
	pmap_remove(g.g_pm, VA, VA + ptoa(2 * N));
	CHECK(pmap_resident(g.g_pm) == 0 && made(&g) == 0);
	for (i = 0; i < N; i++)
		CHECK(!pmap_page_mapped(g.g_pg[i]));

	(void)group_make(&g, RW);
	CHECK(pmap_resident(g.g_pm) == N && all_mapped(&g, RW, N));
	for (i = 0; i < N; i++) {
		pmap_verify_page(g.g_pg[i]);
		CHECK(pmap_is_referenced(g.g_pg[i]));
		CHECK(pmap_is_modified(g.g_pg[i]));
	}
	/* What comes again changes nothing. */
	CHECK(pmap_enter(g.g_pm, VA + ptoa(4), page_to_phys(g.g_pg[4]), RW,
		  RW) == 0);
	CHECK(pmap_enter(g.g_pm, VA + ptoa(5), page_to_phys(g.g_pg[5]), RW,
		  PROT_READ) == 0);
	CHECK(all_mapped(&g, RW, N) && broken(&g) == 0);
	group_end(&g);
}

/* One of the changes that concern a single page of a group, the fourth. */
static void
change(struct grp *g, u_int how)
{
	vaddr_t va = VA + ptoa(3);

	switch (how) {
	case 0:
		pmap_remove(g->g_pm, va, va + PAGE_SIZE);
		CHECK(mapped(g, 3, PROT_NONE));
		break;
	case 1:
		pmap_protect(g->g_pm, va, va + PAGE_SIZE, PROT_READ);
		CHECK(mapped(g, 3, PROT_READ));
		break;
	case 2:
		pmap_page_protect(g->g_pg[3], PROT_READ);
		CHECK(mapped(g, 3, PROT_READ));
		break;
	case 3:
		pmap_page_remove(g->g_pg[3]);
		CHECK(mapped(g, 3, PROT_NONE));
		break;
	case 4:
		CHECK(pmap_clear_modify(g->g_pg[3]));
		CHECK(!pmap_is_modified(g->g_pg[3]));
		break;
	case 5:
		CHECK(pmap_clear_reference(g->g_pg[3]));
		CHECK(!pmap_is_referenced(g->g_pg[3]));
		break;
	case 6:
		CHECK(pmap_age(g->g_pg[3]) == PMAP_USED);
		CHECK(pmap_age(g->g_pg[3]) == PMAP_IDLE);
		break;
	case 7:
		CHECK(pmap_enter(g->g_pm, va, page_to_phys(g->g_pg[3]),
			  PROT_READ, PROT_READ) == 0);
		CHECK(mapped(g, 3, PROT_READ));
		break;
	default:
		CHECK(pmap_enter(g->g_pm, va, page_to_phys(g->g_run + N), RW,
			  RW) == 0);
		CHECK(!pmap_page_mapped(g->g_pg[3]));
		break;
	}
}
#define NCHANGE 9

/*
 * Goal: to change one page of a group leaves the others as they were, and this
 * CPU, which has used them all, knows of the change.
 */
TEST(pmap_group_one)
{
	struct grp g;
	u_int how, i;
	char byte = 0;
	bool was;

	for (how = 0; how < NCHANGE; how++) {
		if (!group_begin(&g))
			return;
		was = group_make(&g, RW);
		preempt_disable();
		pmap_activate(g.g_pm);
		for (i = 0; i < N; i++)
			CHECK(md_copyin(VA + ptoa(i), &byte, 1) == 0);
		change(&g, how);
		CHECK(broken(&g) == (was ? 1 : 0));
		CHECK(all_mapped(&g, RW, 3));
		for (i = 0; i < N; i++) {
			if (i == 3)
				continue;
			CHECK(md_copyout(&byte, VA + ptoa(i), 1) == 0);
			CHECK(pmap_is_modified(g.g_pg[i]));
			CHECK(pmap_is_referenced(g.g_pg[i]));
		}
		/* A cleared flag may be for software to set. */
		if (how < 4 || how > 6)
			CHECK((md_copyout(&byte, VA + ptoa(3), 1) == EFAULT) ==
			      (how < 8));
		pmap_deactivate(g.g_pm);
		preempt_enable();
		pmap_verify(g.g_pm);
		/* It is none any more. */
		pmap_protect(g.g_pm, VA, VA + ptoa(5), PROT_READ);
		CHECK(broken(&g) == (was ? 1 : 0));
		group_end(&g);
	}
}

/*
 * Goal: what is done to all of a group alike does not take it apart: rights
 * taken, forked, removed, purged.
 */
TEST(pmap_group_all)
{
	struct pmap *child;
	struct grp g;

	if (!group_begin(&g))
		return;
	(void)group_make(&g, RW);
	pmap_protect(g.g_pm, VA, VA + ptoa(N), PROT_READ);
	CHECK(all_mapped(&g, PROT_READ, N));
	pmap_verify(g.g_pm);
	/* Given again; but nothing is taken that way. */
	if (made(&g) == 1) {
		CHECK(pmap_enter_group(g.g_pm, VA, g.g_pg, VA, RW));
		CHECK(all_mapped(&g, RW, N) && made(&g) == 1);
		pmap_verify(g.g_pm);
		CHECK(!pmap_enter_group(g.g_pm, VA, g.g_pg, VA, PROT_READ));
		CHECK(all_mapped(&g, RW, N));
	}
	pmap_remove(g.g_pm, VA - PAGE_SIZE, VA + ptoa(N + 1));
	CHECK(all_mapped(&g, PROT_NONE, N) && broken(&g) == 0);
	group_end(&g);

	if (!group_begin(&g) || !CHECK(pmap_create(&child, NULL) == 0))
		return;
	(void)group_make(&g, RW);
	pmap_fork(g.g_pm, child, 0, VM_MAXUSER_ADDRESS, NULL);
	CHECK(all_mapped(&g, PROT_READ, N) && broken(&g) == 0);
	pmap_verify(g.g_pm);
	pmap_verify(child);
	/* Both see what becomes of a page; a group of two spaces. */
	CHECK(pmap_page_mapcount(g.g_pg[7]) == 2);
	pmap_page_remove(g.g_pg[7]);
	CHECK(all_mapped(&g, PROT_READ, 7) && mapped(&g, 7, PROT_NONE));
	CHECK(broken(&g) == made(&g));
	pmap_purge(child);
	CHECK(pmap_remove_all(child) == N - 1);
	pmap_destroy(child);
	group_end(&g);

	if (!group_begin(&g))
		return;
	(void)group_make(&g, PROT_READ | PROT_EXEC);
	pmap_purge(g.g_pm);
	CHECK(pmap_remove_all(g.g_pm) == N && broken(&g) == 0);
	group_end(&g);
}
