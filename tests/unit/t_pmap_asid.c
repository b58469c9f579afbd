/*
 * t_pmap_asid.c: many spaces taking turns on few CPUs.
 *
 * The hosted machine keeps translations until it is told to forget them, and
 * has as few ASIDs as `unit --asids N` says; a booted one has what it has.
 */
#include <stdatomic.h>
#include <sys/errno.h>

#include <base/cpu.h>
#include <base/print.h>
#include <base/thread.h>
#include <pmap/pmap.h>
#include <port/machdep.h>

#include "ktest.h"

#define NSPACE  20
#define NTHREAD 3
#define NROUND  300

/*
 * A space maps one address to one of two pages, which say whose they are.
 *
 * Protection:
 *	l	sp_lock
 */
struct space {
	struct mutex sp_lock;     /* stands for map and owner */
	struct pmap *sp_pm;       /* [l] */
	struct vm_page *sp_pg[2]; /* [l] */
	u_int sp_cur;             /* [l] which of them is mapped */
};

static struct space spaces[NSPACE];
static const vaddr_t at = 0x12340000;

/* The word that a page begins with. */
static uint32_t
mark_of(u_int space, u_int page)
{
	return 0x5ace0000u + space * 16 + page;
}

static bool
space_map(struct space *sp)
{
	return CHECK(
	    pmap_enter(sp->sp_pm, at, page_to_phys(sp->sp_pg[sp->sp_cur]),
		PROT_READ, PROT_READ) == 0);
}

static bool
space_init(struct space *sp, u_int id)
{
	u_int i;

	mutex_init(&sp->sp_lock, RANK_MAP);
	if (!CHECK(pmap_create(&sp->sp_pm, NULL) == 0))
		return false;
	sp->sp_cur = 0;
	for (i = 0; i < 2; i++) {
		sp->sp_pg[i] = page_alloc(PK_ANON, PA_ZERO);
		if (!CHECK(sp->sp_pg[i] != NULL))
			return false;
		*(uint32_t *)page_direct(sp->sp_pg[i]) = mark_of(id, i);
	}
	return space_map(sp);
}

static void
space_fini(struct space *sp)
{
	pmap_purge(sp->sp_pm);
	pmap_remove_all(sp->sp_pm);
	pmap_destroy(sp->sp_pm);
	page_free(sp->sp_pg[0]);
	page_free(sp->sp_pg[1]);
}

/* Load the space and read through it. */
static bool
space_read(struct space *sp, u_int id)
{
	uint32_t word = 0;
	int error;

	preempt_disable();
	pmap_activate(sp->sp_pm);
	error = md_fetch32(at, &word);
	pmap_deactivate(sp->sp_pm);
	preempt_enable();
	return CHECK(error == 0) && CHECK(word == mark_of(id, sp->sp_cur));
}

/* A new process in the old one's place. */
static bool
space_renew(struct space *sp)
{
	pmap_purge(sp->sp_pm);
	pmap_remove_all(sp->sp_pm);
	pmap_destroy(sp->sp_pm);
	return CHECK(pmap_create(&sp->sp_pm, NULL) == 0) && space_map(sp);
}

static void
turns(void *arg)
{
	struct space *sp;
	bool ok = true;
	u_int i, id;

	(void)arg;
	for (i = 0; ok && i < NROUND; i++) {
		id = ktest_random() % NSPACE;
		sp = &spaces[id];
		mutex_enter(&sp->sp_lock);
		ok = space_read(sp, id);
		switch (ktest_random() % 8) {
		case 0:
		case 1:
			/* Another page, while the space runs nowhere. */
			sp->sp_cur ^= 1;
			ok = ok && space_map(sp);
			break;
		case 2:
			ok = ok && space_renew(sp);
			break;
		case 3:
			pmap_page_protect(sp->sp_pg[sp->sp_cur], PROT_NONE);
			sp->sp_cur ^= 1;
			ok = ok && space_map(sp);
			break;
		default:
			break;
		}
		ok = ok && space_read(sp, id);
		mutex_exit(&sp->sp_lock);
		if (i % 16 == 0)
			thread_yield();
	}
}

/* LIFECYCLE 80 different pmap/pmap_asid.c:asid_retire mutant 33 because a space has one ASID: kernel mappings are global and not under it */
TEST(pmap_turns)
{
	u_int i;

	for (i = 0; i < NSPACE; i++)
		if (!space_init(&spaces[i], i))
			return;
	turns(NULL);
	for (i = 0; i < NSPACE; i++)
		space_fini(&spaces[i]);
}

TEST(pmap_turns_smp)
{
	struct thread *td[NTHREAD];
	u_int i;

	for (i = 0; i < NSPACE; i++)
		if (!space_init(&spaces[i], i))
			return;
	for (i = 0; i < NTHREAD; i++)
		td[i] = ktest_spawn(turns, NULL);
	for (i = 0; i < NTHREAD; i++)
		ktest_join(td[i]);
	for (i = 0; i < NSPACE; i++)
		space_fini(&spaces[i]);
}
