/*
 * kthread.c: threads of the kernel, and what a switch does about spaces.
 *
 * A kernel thread has no user half: it runs on whatever root its CPU has
 * loaded and touches none of it (it borrows), so l_pmap is NULL.  It never
 * purges a space, not even when it ends: process 0 has none.
 */
#include <kern/proc.h>
#include <sys/errno.h>

/* First code of a kernel thread. */
static void
kthread_start(void *arg)
{
	struct lwp *l = arg;

	KASSERT(l == curlwp());
	l->l_fn(l->l_arg);
	lwp_exit(0);
}

int
kthread_create(const char *name, void (*fn)(void *), void *arg, struct lwp **lp)
{
	struct lwp *l;
	int error;

	error = lwp_alloc(&proc0, &l);
	if (error != 0)
		return error;
	l->l_fn = fn;
	l->l_arg = arg;
	thread_init(&l->l_thread, l->l_thread.td_kstack, name, kthread_start,
	    l);
	KASSERT(l->l_thread.td_frame == NULL);
	l->l_thread.td_prio = PRIO_KERNEL;

	spin_enter(&proc0.ps_siglock);
	TAILQ_INSERT_TAIL(&proc0.ps_lwps, l, l_link);
	proc0.ps_nlwp++;
	spin_exit(&proc0.ps_siglock);
	if (lp != NULL)
		*lp = l;
	thread_ready(&l->l_thread);
	return 0;
}

/*
 * The pmap a thread runs in.  Only user threads have one; a thread without a
 * user half need not even be an lwp (the idle threads are not).
 */
static struct pmap *
thread_pmap(struct thread *td)
{
	return td->td_frame == NULL ? NULL : ((struct lwp *)td)->l_pmap;
}

void
lwp_switched(struct thread *from, struct thread *to)
{
	struct pmap *old = thread_pmap(from), *new = thread_pmap(to);

	if (new == old)
		return;
	if (old != NULL)
		pmap_deactivate(old);
	if (new != NULL)
		pmap_activate(new);
}

/*
 * The active pmap of a CPU is an implicit reference: a thread leaves it here
 * before its process gives up its own, and never the other way round.
 */
void
lwp_switch_pmap(struct pmap *pm)
{
	struct lwp *l = curlwp();
	struct pmap *old;

	KASSERT(l->l_thread.td_frame != NULL);
	preempt_disable();
	old = l->l_pmap;
	l->l_pmap = pm;
	if (old != pm) {
		if (old != NULL)
			pmap_deactivate(old);
		if (pm != NULL)
			pmap_activate(pm);
	}
	preempt_enable();
}
