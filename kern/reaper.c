/*
 * reaper.c: what is left of dead threads.
 *
 * A thread cannot free the stack it stands on.  Once another thread runs on
 * its CPU the scheduler hands it here, and this kernel thread frees stack and
 * structure; dead threads of a live process come at once, not with its exit.
 * Address spaces are not its business, unless vm.exit_policy says so for
 * comparison: then it does what exit left undone, and the process becomes a
 * zombie only after that, so that a child is never waitable too early.
 *
 * Protection:
 *	r	reap_lock
 */
#include <kern/proc.h>
#include <base/lock.h>

static struct spin reap_lock = SPIN_INITIALIZER(RANK_SIG);
static STAILQ_HEAD(, lwp) reap_list = STAILQ_HEAD_INITIALIZER(
    reap_list);          /* [r] */
static u_int reap_dying; /* [r] begun to exit, memory not back yet */

void
reaper_enter(void)
{
	spin_enter(&reap_lock);
	reap_dying++;
	spin_exit(&reap_lock);
}

/* thread_exit() calls this on another stack: td's is free. */
void
reaper_done(struct thread *td)
{
	struct lwp *l = (struct lwp *)td;

	KASSERT(l->l_pmap == NULL);
	spin_enter(&reap_lock);
	STAILQ_INSERT_TAIL(&reap_list, l, l_dead);
	spin_exit(&reap_lock);
	wakeup(&reap_list);
}

static void
reap(struct lwp *l)
{
	KASSERT(!thread_oncpu(&l->l_thread));
	if (l->l_purge) {
		KASSERT(!l->l_proc->ps_kernel);
		proc_purge(l->l_proc);
		proc_zombie(l->l_proc);
	}
	thread_fini(&l->l_thread);
	lwp_free(l);
	count_add(COUNT_REAP, 1);
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
		KASSERT(reap_dying > 0);
		if (--reap_dying == 0)
			wakeup(&reap_dying);
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
	spin_enter(&reap_lock);
	while (reap_dying > 0)
		(void)sleep_spin(&reap_dying, &reap_lock, 0, 0, "drain");
	spin_exit(&reap_lock);
}
