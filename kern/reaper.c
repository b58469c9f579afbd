/*
 * reaper.c: what is left of dead threads.
 *
 * A thread cannot free the stack it stands on.  Once another thread runs on
 * its CPU the scheduler hands it here.  A few wait for the next thread that is
 * made, which is spared an allocation, and this kernel thread its work; of all
 * others the kernel thread frees stack and structure at once, not with the
 * exit of their process.  Address spaces are not its business, unless
 * vm.exit_policy says so for comparison: then it does what exit left undone,
 * and the process becomes a zombie only after that, so that a child is never
 * waitable too early.
 *
 * Protection:
 *	r	reap_lock
 *	a	C11 atomic
 */
#include <kern/proc.h>
#include <base/lock.h>

/* How many dead threads are kept for those to come. */
#define REAP_NSPARE 4u

STAILQ_HEAD(deadlist, lwp);
static struct spin reap_lock = SPIN_INITIALIZER(RANK_SIG);
static struct deadlist reap_list =
    STAILQ_HEAD_INITIALIZER(reap_list); /* [r] to be freed */
static struct deadlist reap_spares =
    STAILQ_HEAD_INITIALIZER(reap_spares); /* [r] nothing refers to them */
static u_int reap_nspare;                 /* [r] */
static u_int reap_ndrain;         /* [r] who waits for the next to be 0 */
static _Atomic(u_int) reap_dying; /* [a] begun to exit, not here yet */

void
reaper_enter(void)
{
	atomic_fetch_add_explicit(&reap_dying, 1, memory_order_relaxed);
}

/* One that was dying is free or spare.  reap_lock held. */
static void
reaped(void)
{
	u_int was;

	KASSERT(spin_held(&reap_lock));
	was = atomic_fetch_sub_explicit(&reap_dying, 1, memory_order_relaxed);
	KASSERT(was > 0);
	if (was == 1 && reap_ndrain > 0)
		wakeup(&reap_dying);
	count_add(COUNT_REAP, 1);
}

/* thread_exit() calls this on another stack: td's is free. */
void
reaper_done(struct thread *td)
{
	struct lwp *l = (struct lwp *)td;
	bool spare;

	KASSERT(l->l_pmap == NULL);
	spin_enter(&reap_lock);
	spare = !l->l_purge && reap_nspare < REAP_NSPARE;
	if (spare) {
		KASSERT(l->l_tid == 0);
		STAILQ_INSERT_HEAD(&reap_spares, l, l_dead);
		reap_nspare++;
		reaped();
	} else {
		STAILQ_INSERT_TAIL(&reap_list, l, l_dead);
	}
	spin_exit(&reap_lock);
	if (!spare)
		wakeup(&reap_list);
}

struct lwp *
reaper_spare(void)
{
	struct lwp *l;

	spin_enter(&reap_lock);
	l = STAILQ_FIRST(&reap_spares);
	if (l != NULL) {
		STAILQ_REMOVE_HEAD(&reap_spares, l_dead);
		reap_nspare--;
	}
	spin_exit(&reap_lock);
	if (l != NULL)
		thread_fini(&l->l_thread);
	return l;
}

static void
reap(struct lwp *l)
{
	KASSERT(!thread_oncpu(&l->l_thread));
	if (l->l_purge) {
		KASSERT(!l->l_proc->ps_kernel);
		proc_purge(l->l_proc);
		proc_zombie(l);
		thread_phase(NULL);
		preempt_enable();
	}
	thread_fini(&l->l_thread);
	lwp_memory_free(l);
}

static void
reaper(void *arg __unused)
{
	struct lwp *l;

	spin_enter(&reap_lock);
	for (;;) {
		while ((l = STAILQ_FIRST(&reap_list)) == NULL)
			(void)sleep_spin(&reap_list, &reap_lock, 0, 0, "reap");
		STAILQ_REMOVE_HEAD(&reap_list, l_dead);
		spin_exit(&reap_lock);

		reap(l);

		spin_enter(&reap_lock);
		reaped();
	}
}

void
reaper_init(void)
{
	int error;

	error = kthread_create("reaper", reaper, NULL, NULL);
	KASSERT(error == 0);
}

void
reap_drain(void)
{
	struct lwp *l;

	spin_enter(&reap_lock);
	reap_ndrain++;
	while (atomic_load_explicit(&reap_dying, memory_order_relaxed) > 0)
		(void)sleep_spin(&reap_dying, &reap_lock, 0, 0, "drain");
	reap_ndrain--;
	spin_exit(&reap_lock);
	while ((l = reaper_spare()) != NULL)
		lwp_memory_free(l);
}
