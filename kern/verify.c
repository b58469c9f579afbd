/*
 * verify.c: whether the process tree is what proc.h says it is.
 */
#include <kern/proc.h>
#include <base/kassert.h>

/* A set of pending signals: every record has its bit. */
static void
sigpend_verify(const struct sigpend *sp)
{
	const struct sigq *sq;

	TAILQ_FOREACH(sq, &sp->sp_queue, sq_link)
		KASSERT(sq->sq_on == sp &&
			(sp->sp_set & SIGBIT(sq->sq_info.si_signo)) != 0);
}

/* The threads of p and what they have pending.  s held. */
static void
proc_verify_threads(struct proc *p)
{
	u_int n = 0, stopped = 0, queued = 0;
	const struct sigq *sq;
	const struct lwp *l;

	KASSERT(spin_held(&p->ps_siglock));
	sigpend_verify(&p->ps_sigpend);
	TAILQ_FOREACH(sq, &p->ps_sigpend.sp_queue, sq_link)
		queued += sq->sq_owner == p;
	TAILQ_FOREACH(l, &p->ps_lwps, l_link) {
		KASSERT(l->l_proc == p);
		KASSERT(!l->l_stopped || p->ps_nstopped > 0);
		sigpend_verify(&l->l_sigpend);
		TAILQ_FOREACH(sq, &l->l_sigpend.sp_queue, sq_link)
			queued += sq->sq_owner == p;
		stopped += l->l_stopped;
		n++;
	}
	KASSERT(n == p->ps_nlwp);
	KASSERT(stopped == p->ps_nstopped);
	KASSERT(queued == p->ps_nsigq);
}

void
proc_verify(struct proc *p)
{
	const struct proc *q;
	bool found = false;

	KASSERT(mutex_held(&proctree_lock));
	KASSERT(refcount_load(&p->ps_refs) > 0);
	if (p->ps_parent != NULL) {
		LIST_FOREACH(q, &p->ps_parent->ps_children, ps_sibling)
			found |= q == p;
		KASSERT(found);
	}
	LIST_FOREACH(q, &p->ps_children, ps_sibling)
		KASSERT(q->ps_parent == p);
	if (p->ps_pgrp != NULL) {
		found = false;
		LIST_FOREACH(q, &p->ps_pgrp->pg_members, ps_pglink)
			found |= q == p;
		KASSERT(found);
	}
	if (proc_state(p) == PS_ZOMBIE) {
		KASSERT(p->ps_vmspace == NULL);
		KASSERT(p->ps_fs == NULL);
		KASSERT(LIST_EMPTY(&p->ps_children));
	}
	spin_enter(&p->ps_siglock);
	proc_verify_threads(p);
	KASSERT(proc_state(p) != PS_ZOMBIE || p->ps_nlwp == 0);
	spin_exit(&p->ps_siglock);
}

void
proc_verify_all(void)
{
	struct proc *p;
	u_int n = 0;

	KASSERT(mutex_held(&proctree_lock));
	LIST_FOREACH(p, &proc_all, ps_all) {
		KASSERT(proc_find_locked(p->ps_pid) == p);
		proc_verify(p);
		n++;
	}
	KASSERT(n == proc_count);
}
