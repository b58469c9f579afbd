/*
 * t_pmap_page.c: the reverse map.
 */
#include <sys/errno.h>

#include <base/cpu.h>
#include <base/print.h>
#include <base/thread.h>
#include <pmap/pmap.h>

#include "ktest.h"
#include "t_pmap.h"

static bool
page_prot_is(struct pmap *pm, vaddr_t va, vm_prot_t want)
{
	vm_prot_t prot;

	return pmap_extract(pm, va, NULL, &prot) && prot == want;
}

/*
 * Goal: a page mapped by several spaces, and several times by one, loses
 * rights in all of them at once.
 */
TEST(pmap_page_protect_all)
{
	struct pmap *pm[3];
	struct vm_page *pg;
	u_int i, j;

	pg = page_alloc(PK_OBJECT, 0);
	for (i = 0; i < nitems(pm); i++) {
		if (!CHECK(pmap_create(&pm[i], NULL) == 0))
			return;
		for (j = 0; j < 10; j++)
			CHECK(pmap_enter(pm[i],
				  (1 + i + j * j) * 7 * PAGE_SIZE + 0x10000,
				  page_to_phys(pg), PROT_READ | PROT_WRITE,
				  PROT_READ) == 0);
	}
	CHECK(pmap_page_mapcount(pg) == 30);
	pmap_verify_page(pg);
	pmap_page_protect(pg, PROT_READ);
	for (i = 0; i < nitems(pm); i++) {
		pmap_verify(pm[i]);
		for (j = 0; j < 10; j++)
			CHECK(page_prot_is(pm[i],
			    (1 + i + j * j) * 7 * PAGE_SIZE + 0x10000,
			    PROT_READ));
	}
	CHECK(pmap_page_mapcount(pg) == 30);
	pmap_page_remove(pg);
	CHECK(!pmap_page_mapped(pg) && pmap_is_referenced(pg));
	for (i = 0; i < nitems(pm); i++) {
		CHECK(pmap_resident(pm[i]) == 0);
		pmap_verify(pm[i]);
		pmap_destroy(pm[i]);
	}
	page_free(pg);
}

TEST(pmap_bits)
{
	struct pmap *pm[2];
	struct vm_page *pg;
	vaddr_t va = 0x30000;

	pg = page_alloc(PK_OBJECT, 0);
	if (!CHECK(pmap_create(&pm[0], NULL) == 0 &&
		   pmap_create(&pm[1], NULL) == 0))
		return;
	CHECK(
	    pmap_enter(pm[0], va, page_to_phys(pg), PROT_READ, PROT_READ) == 0);
	CHECK(pmap_enter(pm[1], va, page_to_phys(pg), PROT_READ | PROT_WRITE,
		  PROT_WRITE) == 0);
	CHECK(pmap_is_modified(pg) && pmap_is_referenced(pg));
	CHECK(pmap_clear_modify(pg));
	CHECK(!pmap_clear_modify(pg) && !pmap_is_modified(pg));
	CHECK(pmap_is_referenced(pg));

	/* The bit of a mapping that goes is carried; both kinds of mapping. */
	CHECK(pmap_enter(pm[1], va, page_to_phys(pg), PROT_READ | PROT_WRITE,
		  PROT_WRITE) == 0);
	pmap_remove(pm[1], va, va + PAGE_SIZE);
	CHECK(pmap_is_modified(pg) && pmap_clear_modify(pg));
	CHECK(pmap_clear_reference(pg) && !pmap_is_referenced(pg));
	CHECK(pmap_enter(pm[0], va, page_to_phys(pg), PROT_READ | PROT_WRITE,
		  PROT_WRITE) == 0);
	pmap_page_protect(pg, PROT_NONE);
	CHECK(pmap_clear_modify(pg) && pmap_clear_reference(pg));
	CHECK(!pmap_is_modified(pg) && !pmap_is_referenced(pg));

	/* A write through a mapping that may not is no write. */
	CHECK(
	    pmap_enter(pm[0], va, page_to_phys(pg), PROT_READ, PROT_ALL) == 0);
	CHECK(!pmap_is_modified(pg));
	pmap_page_protect(pg, PROT_NONE);
	pmap_destroy(pm[0]);
	pmap_destroy(pm[1]);
	page_free(pg);
}

/*
 * Goal: any order of any operations leaves tables and reverse map as a plain
 * array says they should be.
 * Method: NPM spaces, NVA addresses that share lines and tables or do not,
 * NPG pages; random operations, the array kept beside; everything verified
 * now and then.
 */
#define NPM 3
#define NPG 6
#define NVA 40
#define NOP 4000

struct model {
	struct pmap *m_pm[NPM];
	struct vm_page *m_pg[NPG];
	vaddr_t m_va[NVA];
	struct {
		u_int page; /* index + 1; 0: not mapped */
		vm_prot_t prot;
	} m_map[NPM][NVA];
	bool m_mod[NPG]; /* may be modified */
};

static struct model model;

static void
model_check(struct model *m)
{
	u_int count[NPG] = {0}, i, j;
	vm_prot_t prot;
	u_long n;
	paddr_t pa;
	bool is;

	for (i = 0; i < NPM; i++) {
		n = 0;
		for (j = 0; j < NVA; j++) {
			is = pmap_extract(m->m_pm[i], m->m_va[j], &pa, &prot);
			if (m->m_map[i][j].page == 0) {
				CHECK(!is);
				continue;
			}
			n++;
			count[m->m_map[i][j].page - 1]++;
			CHECK(is && prot == m->m_map[i][j].prot);
			CHECK(
			    is && pa == page_to_phys(
					    m->m_pg[m->m_map[i][j].page - 1]));
		}
		CHECK(pmap_resident(m->m_pm[i]) == n);
		pmap_verify(m->m_pm[i]);
	}
	for (i = 0; i < NPG; i++) {
		CHECK(pmap_page_mapcount(m->m_pg[i]) == count[i]);
		CHECK(pmap_is_modified(m->m_pg[i]) == m->m_mod[i]);
		pmap_verify_page(m->m_pg[i]);
	}
}

static void
model_enter(struct model *m, u_int pm, u_int va)
{
	vm_prot_t prot = PROT_READ | (ktest_random() % 2 ? PROT_WRITE : 0);
	u_int pg = ktest_random() % NPG;

	CHECK(pmap_enter(m->m_pm[pm], m->m_va[va], page_to_phys(m->m_pg[pg]),
		  prot, prot) == 0);
	m->m_map[pm][va].page = pg + 1;
	m->m_map[pm][va].prot = prot;
	if ((prot & PROT_WRITE) != 0)
		m->m_mod[pg] = true;
}

/* m_va[] ascends: a range of it is a range of addresses. */
static void
model_range(struct model *m, u_int pm, u_int va)
{
	u_int end = va + ktest_random() % (NVA - va), i;
	vm_prot_t prot = ktest_random() % 2 ? PROT_READ : PROT_NONE;

	if (prot == PROT_NONE)
		pmap_remove(m->m_pm[pm], m->m_va[va], m->m_va[end] + PAGE_SIZE);
	else
		pmap_protect(m->m_pm[pm], m->m_va[va], m->m_va[end] + PAGE_SIZE,
		    prot);
	for (i = va; i <= end; i++) {
		if (prot == PROT_NONE)
			m->m_map[pm][i].page = 0;
		else
			m->m_map[pm][i].prot &= prot;
	}
}

static void
model_page(struct model *m, u_int pg)
{
	vm_prot_t prot = ktest_random() % 3 ? PROT_READ : PROT_NONE;
	u_int i, j;

	pmap_page_protect(m->m_pg[pg], prot);
	for (i = 0; i < NPM; i++)
		for (j = 0; j < NVA; j++) {
			if (m->m_map[i][j].page != pg + 1)
				continue;
			if (prot == PROT_NONE)
				m->m_map[i][j].page = 0;
			else
				m->m_map[i][j].prot &= prot;
		}
}

TEST(pmap_model)
{
	struct model *m = &model;
	u_int i, op, pg, pm, va;

	memset(m, 0, sizeof(*m));
	for (i = 0; i < NPG; i++)
		m->m_pg[i] = page_alloc(PK_OBJECT, 0);
	for (i = 0; i < NPM; i++)
		if (!CHECK(pmap_create(&m->m_pm[i], NULL) == 0))
			return;
	/* Lines full and thin, table borders, far away. */
	for (i = 0; i < NVA; i++)
		m->m_va[i] = i < 20   ? 0x200000 - (20 - i) * PAGE_SIZE
			     : i < 30 ? 0x200000 + i * 3 * PAGE_SIZE
				      : (vaddr_t)i * 0x40000000;
	for (op = 0; op < NOP; op++) {
		pm = ktest_random() % NPM;
		va = ktest_random() % NVA;
		pg = ktest_random() % NPG;
		switch (ktest_random() % 16) {
		case 0:
			model_range(m, pm, va);
			break;
		case 1:
			model_page(m, pg);
			break;
		case 2:
			CHECK(pmap_clear_modify(m->m_pg[pg]) == m->m_mod[pg]);
			m->m_mod[pg] = false;
			break;
		case 3:
		case 4:
			pmap_remove(m->m_pm[pm], m->m_va[va],
			    m->m_va[va] + PAGE_SIZE);
			m->m_map[pm][va].page = 0;
			break;
		default:
			model_enter(m, pm, va);
			break;
		}
		if (op % 50 == 0)
			model_check(m);
	}
	model_check(m);
	/* The spaces die with everything in them. */
	for (i = 0; i < NPM; i++) {
		pmap_purge(m->m_pm[i]);
		pmap_remove_all(m->m_pm[i]);
		memset(m->m_map[i], 0, sizeof(m->m_map[i]));
	}
	model_check(m);
	for (i = 0; i < NPM; i++)
		pmap_destroy(m->m_pm[i]);
	for (i = 0; i < NPG; i++)
		page_free(m->m_pg[i]);
}
