/*
 * cred.c: who may do what, and how many processes a user has.
 *
 * There are no capabilities: user 0 may do everything, which is what the
 * capability calls report as well.
 *
 * Credentials are under the lock of their process, which reads its own without.
 *
 * Protection:
 *	I	constant after creation
 *	T	proctree_lock
 */
#include <kern/proc.h>
#include <sys/errno.h>

bool
uid_full(uid_t uid, uint64_t limit)
{
	struct proc *p;
	uint64_t n = 0;

	KASSERT(mutex_held(&proctree_lock));
	if (uid == 0 || limit == RLIM_INFINITY)
		return false;
	LIST_FOREACH(p, &proc_all, ps_all)
		if (p->ps_cred.cr_uid == uid)
			n += MAX(p->ps_nlwp, 1u);
	return n >= limit;
}

bool
cred_is_root(void)
{
	struct proc *p = curproc();

	return p->ps_kernel || p->ps_cred.cr_euid == 0;
}

/* A copy of a foreign process's credentials. */
static struct ucred
cred_of(const struct proc *p)
{
	struct proc *q = (struct proc *)(uintptr_t)p;
	struct ucred cr;

	mutex_enter(&q->ps_lock);
	cr = q->ps_cred;
	mutex_exit(&q->ps_lock);
	return cr;
}

bool
cred_same_user(const struct proc *p)
{
	struct ucred cr = cred_of(p);
	uid_t euid = curproc()->ps_cred.cr_euid;

	return cred_is_root() || euid == cr.cr_uid || euid == cr.cr_euid;
}

bool
cred_can_signal(const struct proc *p, int sig)
{
	struct proc *me = curproc();
	struct ucred cr;

	if (p == me || cred_is_root())
		return true;
	if (sig == SIGCONT && p->ps_pgrp != NULL && me->ps_pgrp != NULL &&
	    p->ps_pgrp->pg_session == me->ps_pgrp->pg_session)
		return true;
	cr = cred_of(p);
	return me->ps_cred.cr_euid == cr.cr_uid ||
	       me->ps_cred.cr_euid == cr.cr_suid ||
	       me->ps_cred.cr_uid == cr.cr_uid ||
	       me->ps_cred.cr_uid == cr.cr_suid;
}

bool
cred_can_trace(const struct proc *p)
{
	struct proc *me = curproc();
	struct ucred cr;

	if (p == me)
		return true;
	if (p->ps_kernel)
		return false;
	if (cred_is_root())
		return true;
	if (!p->ps_dumpable)
		return false;
	cr = cred_of(p);
	return me->ps_cred.cr_uid == cr.cr_uid &&
	       me->ps_cred.cr_uid == cr.cr_euid &&
	       me->ps_cred.cr_uid == cr.cr_suid &&
	       me->ps_cred.cr_gid == cr.cr_gid &&
	       me->ps_cred.cr_gid == cr.cr_egid &&
	       me->ps_cred.cr_gid == cr.cr_sgid;
}

uint64_t
cred_caps(const struct proc *p)
{
	struct ucred cr = cred_of(p);

	return cr.cr_euid == 0 ? CAP_ALL : 0;
}
