/*
 * t_pmap_smp.c: several CPUs and one reverse map.  Most of this needs two CPUs
 * and passes without doing anything where there is one.
 */
#include <stdatomic.h>
#include <sys/errno.h>

#include <base/cpu.h>
#include <base/print.h>
#include <base/thread.h>
#include <pmap/pmap.h>
#include <port/machdep.h>

#include "ktest.h"

static void
wait_for(_Atomic(u_int) *p, u_int value)
{
	while (atomic_load(p) != value)
		md_cpu_relax();
}

/*
 * A CPU that has a space loaded, on behalf of a thread or of none, and looks
 * at an address in it when told to.
 */
struct user {
	struct pmap *u_pm;
	vaddr_t u_va;
	bool u_lazy;
	_Atomic(u_int) u_step; /* 1: loaded, 2: look, 3: looked, 4: go */
	int u_error;           /* of the look */
};

static void
user_thread(void *arg)
{
	struct user *u = arg;
	char byte;

	sched_bind(CPUMASK(1));
	preempt_disable();
	pmap_activate(u->u_pm);
	(void)md_copyin(u->u_va, &byte, 1);
	if (u->u_lazy)
		pmap_deactivate(u->u_pm);
	atomic_store(&u->u_step, 1);
	wait_for(&u->u_step, 2);
	u->u_error = md_copyin(u->u_va, &byte, 1);
	atomic_store(&u->u_step, 3);
	wait_for(&u->u_step, 4);
	pmap_deactivate(u->u_pm);
	preempt_enable();
}

static struct thread *
user_start(struct user *u, bool lazy)
{
	struct thread *td;

	u->u_lazy = lazy;
	atomic_store(&u->u_step, 0);
	td = ktest_spawn(user_thread, u);
	sched_bind(CPUMASK(0));
	while (atomic_load(&u->u_step) != 1)
		thread_yield();
	return td;
}

/* Let it look. */
static int
user_look(struct user *u)
{
	atomic_store(&u->u_step, 2);
	wait_for(&u->u_step, 3);
	return u->u_error;
}

static void
user_end(struct user *u, struct thread *td)
{
	if (atomic_load(&u->u_step) == 1)
		CHECK(user_look(u) == EFAULT);
	atomic_store(&u->u_step, 4);
	ktest_join(td);
	sched_bind(~(cpumask_t)0 >> (64 - cpu_count()));
}

/*
 * Goal: a CPU that runs a space is told of a removal, once; one that does not
 * is not.
 */
TEST(pmap_shootdown)
{
	u_int told = md_tlb_broadcast() ? 0 : 1; /* or else by an instruction */
	uint64_t ipi, round;
	struct vm_page *pg;
	struct thread *td;
	struct user u;
	u_int i;

	if (cpu_count() < 2)
		return;
	pg = page_alloc(PK_ANON, PA_ZERO);
	if (!CHECK(pmap_create(&u.u_pm, NULL) == 0))
		return;
	u.u_va = 0x10000;
	for (i = 0; i < 3; i++)
		CHECK(pmap_enter(u.u_pm, u.u_va + i * PAGE_SIZE,
			  page_to_phys(pg), PROT_READ, PROT_READ) == 0);
	ipi = count_sum(COUNT_TLB_IPI);
	pmap_protect(u.u_pm, u.u_va, u.u_va + PAGE_SIZE, PROT_READ);
	CHECK(count_sum(COUNT_TLB_IPI) == ipi);

	td = user_start(&u, false);
	CHECK(atomic_load(&u.u_pm->pm_cpus) == CPUMASK(1));
	ipi = count_sum(COUNT_TLB_IPI);
	round = count_sum(COUNT_TLB_ROUND);
	pmap_remove(u.u_pm, u.u_va, u.u_va + 3 * PAGE_SIZE);
	CHECK(count_sum(COUNT_TLB_IPI) == ipi + told);
	CHECK(count_sum(COUNT_TLB_ROUND) == round + told);
	CHECK(user_look(&u) == EFAULT);
	CHECK(atomic_load(&u.u_pm->pm_cpus) == CPUMASK(1));
	user_end(&u, td);
	pmap_destroy(u.u_pm);
	page_free(pg);
}

/*
 * Goal: a root that is held lazily is dropped at the first shootdown, and the
 * second sends nothing; or at the purge.
 * LIFECYCLE 49 different pmap/pmap_switch.c:pmap_purge mutant 23 because a CPU that holds a root is a bit that the purge asks for, not a reference that it could wait for
 */
TEST(pmap_lazy)
{
	u_int told = md_tlb_broadcast() ? 0 : 1;
	uint64_t ipi, kick;
	struct vm_page *pg;
	struct thread *td;
	struct user u;

	if (cpu_count() < 2)
		return;
	pg = page_alloc(PK_ANON, PA_ZERO);
	if (!CHECK(pmap_create(&u.u_pm, NULL) == 0))
		return;
	u.u_va = 0x10000;
	CHECK(pmap_enter(u.u_pm, u.u_va, page_to_phys(pg), PROT_READ,
		  PROT_READ) == 0);
	td = user_start(&u, true);
	ipi = count_sum(COUNT_TLB_IPI);
	pmap_remove(u.u_pm, u.u_va, u.u_va + PAGE_SIZE);
	CHECK(count_sum(COUNT_TLB_IPI) == ipi + told);
	if (md_asid_count() == 1)
		CHECK(atomic_load(&u.u_pm->pm_cpus) == 0);
	user_end(&u, td);

	CHECK(pmap_enter(u.u_pm, u.u_va, page_to_phys(pg), PROT_READ,
		  PROT_READ) == 0);
	td = user_start(&u, true);
	kick = count_sum(COUNT_PURGE_KICK);
	pmap_purge(u.u_pm);
	CHECK(count_sum(COUNT_PURGE_KICK) == kick + 1);
	CHECK(atomic_load(&u.u_pm->pm_cpus) == 0);
	pmap_remove_all(u.u_pm);
	user_end(&u, td);
	pmap_destroy(u.u_pm);
	page_free(pg);
}

/*
 * Goal: a space that stays loaded while ASIDs run out, again and again, keeps
 * its own, and what other CPUs do to it still reaches the one that runs it.
 */
TEST(pmap_rollover)
{
	u_int i, n = 4 * md_asid_count();
	struct vm_page *pg;
	struct thread *td;
	struct pmap *pm;
	struct user u;
	bool new;
	char byte;

	if (cpu_count() < 2 || md_asid_count() == 1 || md_asid_count() > 64)
		return;
	pg = page_alloc(PK_ANON, PA_ZERO);
	if (!CHECK(pmap_create(&u.u_pm, NULL) == 0))
		return;
	u.u_va = 0x10000;
	CHECK(pmap_enter(u.u_pm, u.u_va, page_to_phys(pg), PROT_READ,
		  PROT_READ) == 0);
	td = user_start(&u, false);
	for (i = 0; i <= n; i++) {
		/* Now and then the space itself, in a new generation. */
		new = i % md_asid_count() != 0;
		pm = u.u_pm;
		if (new && !CHECK(pmap_create(&pm, NULL) == 0))
			break;
		preempt_disable();
		pmap_activate(pm);
		CHECK(md_copyin(u.u_va, &byte, 1) == (new ? EFAULT : 0));
		pmap_deactivate(pm);
		preempt_enable();
		if (new)
			pmap_destroy(pm);
	}
	pmap_remove(u.u_pm, u.u_va, u.u_va + PAGE_SIZE);
	CHECK(user_look(&u) == EFAULT);
	user_end(&u, td);
	pmap_destroy(u.u_pm);
	page_free(pg);
}

/*
 * Goal: two CPUs that want each other to flush, all the time, both get on.
 */
#define MUTUAL_ROUNDS 200

struct mutual {
	struct pmap *mu_pm;
	struct vm_page *mu_pg;
	u_int mu_id;
	_Atomic(u_int) *mu_ready;
};

static void
mutual_thread(void *arg)
{
	struct mutual *mu = arg;
	vaddr_t va = 0x10000 + (mu->mu_id + 1) * PAGE_SIZE;
	u_int i;

	sched_bind(CPUMASK(mu->mu_id));
	for (i = 0; i < MUTUAL_ROUNDS; i++) {
		preempt_disable();
		pmap_activate(mu->mu_pm);
		if (i == 0) {
			atomic_fetch_add(mu->mu_ready, 1);
			while (atomic_load(mu->mu_ready) != 2)
				md_cpu_relax();
		}
		CHECK(pmap_enter(mu->mu_pm, va, page_to_phys(mu->mu_pg),
			  PROT_READ | PROT_WRITE, PROT_WRITE) == 0);
		pmap_protect(mu->mu_pm, va, va + PAGE_SIZE, PROT_READ);
		pmap_remove(mu->mu_pm, va, va + PAGE_SIZE);
		pmap_deactivate(mu->mu_pm);
		preempt_enable();
	}
}

TEST(pmap_mutual)
{
	_Atomic(u_int) ready = 0;
	struct thread *td[2];
	struct mutual mu[2];
	struct pmap *pm;
	u_int i;

	if (cpu_count() < 2)
		return;
	if (!CHECK(pmap_create(&pm, NULL) == 0))
		return;
	for (i = 0; i < 2; i++) {
		mu[i].mu_pm = pm;
		mu[i].mu_pg = page_alloc(PK_ANON, 0);
		mu[i].mu_id = i;
		mu[i].mu_ready = &ready;
		td[i] = ktest_spawn(mutual_thread, &mu[i]);
	}
	for (i = 0; i < 2; i++)
		ktest_join(td[i]);
	pmap_verify(pm);
	pmap_purge(pm);
	pmap_remove_all(pm);
	pmap_destroy(pm);
	for (i = 0; i < 2; i++) {
		CHECK(!pmap_page_mapped(mu[i].mu_pg));
		page_free(mu[i].mu_pg);
	}
}

/*
 * Goal: faults from elsewhere, page-out and the purge of a space meet in every
 * order; the space ends empty and no page is left mapped in it.
 */
#define STORM_PAGES 24

/*
 * Protection:
 *	r	the thread that runs the test, while no other runs
 *	a	C11 atomic
 */
static struct storm {
	struct mutex st_owner;              /* stands for the pages' owner */
	struct pmap *st_pm;                 /* [r] */
	struct pmap *st_other;              /* [r] */
	struct vm_page *st_pg[STORM_PAGES]; /* [r] */
	_Atomic(u_int) st_entered;          /* [a] */
	_Atomic(bool) st_stop;              /* [a] */
} storm;

static vaddr_t
storm_va(u_int i)
{
	return 0x10000 + (i % 8) * PAGE_SIZE + (vaddr_t)(i / 8) * 0x200000;
}

static void
storm_fault(void *arg)
{
	struct storm *st = arg;
	int error = 0;
	u_int i;

	while (error == 0) {
		i = ktest_random() % STORM_PAGES;
		mutex_enter(&st->st_owner);
		error = pmap_enter(st->st_pm, storm_va(i),
		    page_to_phys(st->st_pg[i]), PROT_READ | PROT_WRITE,
		    PROT_WRITE);
		mutex_exit(&st->st_owner);
		atomic_fetch_add(&st->st_entered, 1);
		md_cpu_relax();
	}
	CHECK(error == ESRCH);
}

static void
storm_pageout(void *arg)
{
	struct storm *st = arg;
	u_int i;

	while (!atomic_load(&st->st_stop)) {
		i = ktest_random() % STORM_PAGES;
		mutex_enter(&st->st_owner);
		switch (ktest_random() % 4) {
		case 0:
			pmap_page_protect(st->st_pg[i], PROT_NONE);
			CHECK(!pmap_page_mapped(st->st_pg[i]));
			break;
		case 1:
			pmap_page_protect(st->st_pg[i], PROT_READ);
			break;
		case 2:
			(void)pmap_clear_modify(st->st_pg[i]);
			break;
		default:
			(void)pmap_enter(st->st_other, storm_va(i),
			    page_to_phys(st->st_pg[i]), PROT_READ, 0);
			break;
		}
		mutex_exit(&st->st_owner);
		thread_yield();
	}
}

TEST(pmap_storm)
{
	struct storm *st = &storm;
	struct thread *td[3];
	u_int i, round;

	mutex_init(&st->st_owner, RANK_AMAP);
	for (i = 0; i < STORM_PAGES; i++)
		st->st_pg[i] = page_alloc(PK_ANON, 0);
	if (!CHECK(pmap_create(&st->st_other, NULL) == 0))
		return;
	for (round = 0; round < 10; round++) {
		if (!CHECK(pmap_create(&st->st_pm, NULL) == 0))
			return;
		atomic_store(&st->st_stop, false);
		atomic_store(&st->st_entered, 0);
		td[0] = ktest_spawn(storm_fault, st);
		td[1] = ktest_spawn(storm_fault, st);
		td[2] = ktest_spawn(storm_pageout, st);
		while (atomic_load(&st->st_entered) < 50 * (round + 1))
			thread_yield();
		pmap_purge(st->st_pm);
		pmap_remove_all(st->st_pm);
		CHECK(pmap_resident(st->st_pm) == 0);
		atomic_store(&st->st_stop, true);
		for (i = 0; i < nitems(td); i++)
			ktest_join(td[i]);
		pmap_verify(st->st_other);
		for (i = 0; i < STORM_PAGES; i++) {
			pmap_verify_page(st->st_pg[i]);
			CHECK(pmap_page_mapcount(st->st_pg[i]) <= 1);
		}
		pmap_destroy(st->st_pm);
	}
	pmap_purge(st->st_other);
	pmap_remove_all(st->st_other);
	pmap_destroy(st->st_other);
	for (i = 0; i < STORM_PAGES; i++) {
		CHECK(!pmap_page_mapped(st->st_pg[i]));
		page_free(st->st_pg[i]);
	}
}
