/*
 * fork.c: new processes and new threads.
 *
 * A child is put together out of everybody's sight: thread and stack, process
 * structure, address space, descriptors, registers.  Every step can fail and
 * is undone in reverse.  Only then, under the process tree lock, does it
 * become a child; after that nothing fails any more.
 *
 * Address space: a copy (fork), or one more user of the parent's (CLONE_VM).
 * With CLONE_VFORK the parent sleeps until the child is off the space; it may
 * be killed meanwhile, which is safe because users are counted.
 */
#include <kern/proc.h>
#include <kern/ptimer.h>
#include <kern/shm.h>
#include <sys/errno.h>
#include <base/print.h>
#include <port/frame.h>
#include <port/machdep.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <kern/ptrace.h>
#include <kern/ptrace_abi.h>
#include <kern/time.h>
#include <uvm/swap.h>

/* How often, and how long in between, memory for a fork is waited for. */
#define FORK_TRIES 25u
#define FORK_WAIT  (NSEC / 100)

/* First code of a user thread, in its own context. */
static void
lwp_start(void *arg)
{
	struct lwp *l = arg;
	pid_t tid = l->l_tid;

	KASSERT(l == curlwp());
	/* As on Linux a bad address is the caller's own loss. */
	if (l->l_settid != 0)
		(void)copyout(&tid, l->l_settid, sizeof(tid));
	md_frame_enter();
}

/* The new thread l, of a process that has a space, as ca asks. */
static void
lwp_prepare(struct lwp *l, const struct clone_args *ca)
{
	struct thread *td = &l->l_thread;
	struct lwp *me = curlwp();

	KASSERT(l->l_proc->ps_vmspace != NULL);
	thread_init(td, td->td_kstack, me->l_thread.td_name, lwp_start, l);
	md_frame_fork(td, ca->ca_sp, (ca->ca_flags & CLONE_SETTLS) != 0,
	    ca->ca_tls);
	thread_setaffinity(td, thread_affinity(&me->l_thread));
	l->l_pmap = vm_pmap(l->l_proc->ps_vmspace);
	l->l_sigmask = me->l_restoremask ? me->l_oldmask : me->l_sigmask;
	if (ca->ca_flags & CLONE_CHILD_SETTID)
		l->l_settid = ca->ca_ctid;
	if (ca->ca_flags & CLONE_CHILD_CLEARTID)
		l->l_cleartid = ca->ca_ctid;
	/* The alternate stack is memory the two would fight over. */
	if (!(ca->ca_flags & CLONE_VM) || (ca->ca_flags & CLONE_VFORK))
		l->l_altstack = me->l_altstack;
}

/* The id goes to the parent before the child can have run. */
static void
fork_settid(const struct clone_args *ca, pid_t tid)
{
	if (ca->ca_flags & CLONE_PARENT_SETTID)
		(void)copyout(&tid, ca->ca_ptid, sizeof(tid));
}

/* One more thread of the calling process.  event, ptp: ptrace_fork(). */
static int
fork_thread(const struct clone_args *ca, pid_t *tidp, u_int event,
    struct ptrace **ptp)
{
	struct proc *p = curproc();
	struct lwp *l;
	int error;

	KASSERT(ca->ca_flags & CLONE_VM);
	KASSERT(ca->ca_flags & CLONE_SIGHAND);
	error = lwp_alloc(p, &l);
	if (error != 0)
		return error;
	lwp_prepare(l, ca);
	*tidp = l->l_tid;
	fork_settid(ca, l->l_tid);

	mutex_enter(&proctree_lock);
	if (uid_full(p->ps_cred.cr_uid, p->ps_rlimit[RLIMIT_NPROC].rlim_cur))
		error = EAGAIN;
	spin_enter(&p->ps_siglock);
	/* The process is exiting or in exec, and so are we. */
	if (p->ps_single != NULL || p->ps_groupexit)
		error = ERESTARTNOINTR;
	if (error != 0) {
		spin_exit(&p->ps_siglock);
		mutex_exit(&proctree_lock);
		l->l_pmap = NULL;
		thread_fini(&l->l_thread);
		lwp_free(l);
		return error;
	}
	lwp_insert(l);
	TAILQ_INSERT_TAIL(&p->ps_lwps, l, l_link);
	p->ps_nlwp++;
	ptrace_fork(l, event, ptp);
	sig_update(l);
	spin_exit(&p->ps_siglock);
	mutex_exit(&proctree_lock);
	thread_ready(&l->l_thread);
	return 0;
}

/*
 * What a child inherits that is plain data.  Whether the caller is the parent's
 * only thread.
 */
static bool
fork_copy(struct proc *parent, struct proc *p, const struct clone_args *ca)
{
	bool alone;

	mutex_enter(&parent->ps_lock);
	p->ps_cred = parent->ps_cred;
	memcpy(p->ps_rlimit, parent->ps_rlimit, sizeof(p->ps_rlimit));
	strlcpy(p->ps_comm, curthread()->td_name, sizeof(p->ps_comm));
	p->ps_dumpable = parent->ps_dumpable;
	p->ps_barriers = parent->ps_barriers;
	p->ps_oomadj = parent->ps_oomadj;
	p->ps_nice = parent->ps_nice;
	p->ps_persona = parent->ps_persona;
	mutex_exit(&parent->ps_lock);
	p->ps_exitsig = ca->ca_exitsig;
	p->ps_vforked = (ca->ca_flags & CLONE_VFORK) != 0;

	spin_enter(&parent->ps_siglock);
	sig_copy(parent, p);
	p->ps_sigfd = parent->ps_sigfd;
	alone = parent->ps_nlwp == 1;
	spin_exit(&parent->ps_siglock);
	if (ca->ca_flags & CLONE_CLEAR_SIGHAND)
		sig_reset(p, false);
	return alone;
}

/* Leave the space of a child that never ran. */
static void
fork_drop_space(struct proc *p, const struct clone_args *ca)
{
	struct vmspace *vm = p->ps_vmspace;
	bool last;

	p->ps_vmspace = NULL;
	if (vm == NULL)
		return;
	if (ca->ca_flags & CLONE_VM) {
		last = uvmspace_leave(vm);
		KASSERT(!last); /* the caller is another user */
	}
	uvmspace_free(vm);
}

/*
 * Make the child visible.  A signal that came before the child was a member
 * of its group would miss it, so the call is made again after the signal.
 */
static int
fork_link(struct proc *parent, struct proc *p, const struct clone_args *ca,
    u_int event, struct ptrace **ptp)
{
	struct proc *up;
	int error;

	mutex_enter(&proctree_lock);
	if (sig_pending()) {
		mutex_exit(&proctree_lock);
		return ERESTARTNOINTR;
	}
	/* Zombies count as well: they hold a structure and a number. */
	error = 0;
	if (proc_count >= lwp_max ||
	    uid_full(p->ps_cred.cr_uid,
		parent->ps_rlimit[RLIMIT_NPROC].rlim_cur))
		error = EAGAIN;
	if (error == 0) {
		up = ca->ca_flags & CLONE_PARENT ? parent->ps_parent : parent;
		proc_insert(p, up, parent->ps_pgrp);
		lwp_insert(TAILQ_FIRST(&p->ps_lwps));
		if (ca->ca_flags & CLONE_VFORK)
			refcount_acquire(&p->ps_refs); /* fork_wait()'s */
		if (*ptp != NULL) {
			spin_enter(&p->ps_siglock);
			ptrace_fork(TAILQ_FIRST(&p->ps_lwps), event, ptp);
			spin_exit(&p->ps_siglock);
		}
		if (DEBUG)
			proc_verify_all();
	}
	mutex_exit(&proctree_lock);
	return error;
}

/* Sleep until the vfork child is off the space. */
static void
fork_wait(struct proc *p)
{
	uint64_t mask;

	mask = sig_killable();
	mutex_enter(&proctree_lock);
	while (!p->ps_vforkdone && !sig_killed())
		(void)sleep_mutex(&p->ps_vforkdone, &proctree_lock, SLEEP_INTR,
		    0, "vfork");
	mutex_exit(&proctree_lock);
	sig_killable_end(mask);
	proc_rele(p);
}

void
proc_vfork_done(struct proc *p)
{
	if (!p->ps_vforked)
		return;
	mutex_enter(&proctree_lock);
	p->ps_vforkdone = true;
	/* Who is woken wants the lock. */
	preempt_disable();
	wakeup(&p->ps_vforkdone);
	mutex_exit(&proctree_lock);
	preempt_enable();
}

/* The descriptor that CLONE_PIDFD asks for; *fdp, -1: it does not. */
static int
fork_pidfd(struct proc *p, const struct clone_args *ca, int *fdp)
{
	int error;

	*fdp = -1;
	if ((ca->ca_flags & CLONE_PIDFD) == 0)
		return 0;
	error = kern_fs->fo_new_pidfd(p, fdp);
	if (error == 0)
		error = copyout(fdp, ca->ca_pidfd, sizeof(*fdp));
	if (error != 0 && *fdp >= 0)
		kern_fs->fo_close(*fdp);
	return error;
}

static int
fork_process(const struct clone_args *ca, pid_t *tidp, u_int event,
    struct ptrace **ptp)
{
	struct proc *parent = curproc(), *p;
	vaddr_t hot = 0;
	struct lwp *l;
	int error, fd;

	error = lwp_alloc(NULL, &l);
	if (error != 0)
		return error;
	error = proc_alloc(l->l_tid, &p);
	if (error != 0)
		goto fail_lwp;
	lwp_setproc(l, p);
	/*
	 * Both will write to where their stack ends at once; unless it is
	 * another, or other threads may write there meanwhile.
	 */
	if (fork_copy(parent, p, ca) && ca->ca_sp == 0)
		hot = md_frame_sp(md_frame(curthread())) - 1;
	if (p->ps_rlimit[RLIMIT_CPU].rlim_cur != RLIM_INFINITY) {
		error = ptimer_limit(p);
		if (error != 0)
			goto fail_proc;
	}
	if (ca->ca_flags & CLONE_SIGHAND) {
		error = sig_share(parent, p);
		if (error != 0)
			goto fail_proc;
	}
	if (ca->ca_flags & CLONE_VM) {
		uvmspace_share(parent->ps_vmspace);
		p->ps_vmspace = parent->ps_vmspace;
	} else {
		error = uvmspace_fork(parent->ps_vmspace, &p->ps_vmspace, hot);
		if (error != 0)
			goto fail_proc;
		error = shm_fork(parent->ps_vmspace, p->ps_vmspace);
		if (error != 0)
			goto fail_space;
	}
	if (parent->ps_fs != NULL) {
		error = kern_fs->fo_fork(parent, p, (u_int)ca->ca_flags);
		if (error != 0)
			goto fail_space;
	}
	error = fork_pidfd(p, ca, &fd);
	if (error != 0)
		goto fail_files;
	lwp_prepare(l, ca);
	TAILQ_INSERT_TAIL(&p->ps_lwps, l, l_link);
	p->ps_nlwp = 1;

	error = fork_link(parent, p, ca, event, ptp);
	if (error != 0)
		goto fail_fs;
	count_add(ca->ca_flags & CLONE_VFORK ? COUNT_VFORK : COUNT_FORK, 1);
	*tidp = l->l_tid;
	fork_settid(ca, l->l_tid);
	thread_ready(&l->l_thread);
	if (ca->ca_flags & CLONE_VFORK) {
		ptrace_event(event, (u_long)*tidp);
		fork_wait(p);
		ptrace_event(PTRACE_EVENT_VFORK_DONE, (u_long)*tidp);
	}
	return 0;

fail_fs:
	TAILQ_REMOVE(&p->ps_lwps, l, l_link);
	l->l_pmap = NULL;
	thread_fini(&l->l_thread);
	if (fd >= 0)
		kern_fs->fo_close(fd);
fail_files:
	if (p->ps_fs != NULL)
		kern_fs->fo_exit(p);
fail_space:
	fork_drop_space(p, ca);
fail_proc:
	ptimer_delete_all(p, true);
	proc_rele(p);
fail_lwp:
	lwp_free(l);
	return error;
}

int
proc_create(const char *name, void (*fn)(void *), void *arg, struct proc **pp)
{
	struct proc *p;
	struct lwp *l;
	int error;

	error = lwp_alloc(NULL, &l);
	if (error != 0)
		return error;
	error = proc_alloc(l->l_tid, &p);
	if (error != 0) {
		lwp_free(l);
		return error;
	}
	lwp_setproc(l, p);
	p->ps_cred = proc0.ps_cred;
	memcpy(p->ps_rlimit, proc0.ps_rlimit, sizeof(p->ps_rlimit));
	strlcpy(p->ps_comm, name, sizeof(p->ps_comm));
	p->ps_dumpable = true;
	thread_init(&l->l_thread, l->l_thread.td_kstack, name, fn, arg);
	TAILQ_INSERT_TAIL(&p->ps_lwps, l, l_link);
	p->ps_nlwp = 1;

	mutex_enter(&proctree_lock);
	error = pgrp_enter(p, p->ps_pid, NULL);
	if (error == 0) {
		*pp = p;
		proc_insert(p, &proc0, NULL);
		lwp_insert(l);
	}
	mutex_exit(&proctree_lock);
	if (error != 0) {
		TAILQ_REMOVE(&p->ps_lwps, l, l_link);
		thread_fini(&l->l_thread);
		proc_rele(p);
		lwp_free(l);
		return error;
	}
	thread_ready(&l->l_thread);
	return 0;
}

int
proc_fork(const struct clone_args *ca, pid_t *tidp)
{
	u_int event = ptrace_fork_event(ca->ca_flags, ca->ca_exitsig);
	struct ptrace *pt = NULL;
	u_int tries;
	int error;

	KASSERT(!curproc()->ps_kernel);
	KASSERT(!big_held());
	if (event != 0) {
		pt = kmem_alloc(sizeof(*pt), PA_ZERO);
		if (pt == NULL)
			return ENOMEM;
	}
	for (tries = 0;; tries++) {
		if (ca->ca_flags & CLONE_THREAD)
			error = fork_thread(ca, tidp, event, &pt);
		else
			error = fork_process(ca, tidp, event, &pt);
		/*
		 * Pages, or as many in a row as a stack takes, come back as
		 * long as something can be paged out.
		 */
		if (error != ENOMEM || tries == FORK_TRIES ||
		    !uvm_pageout_wait())
			break;
		(void)sleep_until(md_time_ns() + FORK_WAIT, 0, "fork");
	}
	if (pt != NULL)
		kmem_free(pt, sizeof(*pt));
	/* vfork() has said so before it waited. */
	if (error == 0 && event != 0 && (ca->ca_flags & CLONE_VFORK) == 0)
		ptrace_event(event, (u_long)*tidp);
	return error;
}
