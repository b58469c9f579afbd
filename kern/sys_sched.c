/*
 * sys_sched.c: system calls about scheduling.
 *
 * There is one policy, time sharing, at one priority: what asks for another
 * is refused, and a nice value is kept but not obeyed.
 */
#include <kern/syscalls.h>
#include <sys/errno.h>
#include <kern/proc.h>
#include <kern/time.h>
#include <port/machdep.h>

#define SCHED_OTHER    0
#define SCHED_FIFO     1
#define SCHED_RR       2
#define SCHED_BATCH    3
#define SCHED_IDLE     5
#define SCHED_DEADLINE 6
#define SCHED_EXT      7

long
sys_sched_yield(const uintptr_t *args __unused)
{
	thread_yield();
	return 0;
}

cpumask_t
lwp_affinity(struct lwp *l)
{
	cpumask_t bind = atomic_load_explicit(&l->l_bind, memory_order_acquire);

	return bind != 0 ? bind : thread_affinity(&l->l_thread);
}

/* Whether the thread tid (0: the caller) exists and may be changed. */
static int
thread_mine(pid_t tid, cpumask_t *affinity)
{
	struct lwp *l;
	int error = 0;

	if (tid < 0)
		return EINVAL;
	mutex_enter(&proctree_lock);
	l = tid == 0 ? curlwp() : lwp_find(tid);
	if (l == NULL)
		error = ESRCH;
	else if (affinity != NULL)
		*affinity = lwp_affinity(l);
	else if (!cred_same_user(l->l_proc))
		error = EPERM;
	mutex_exit(&proctree_lock);
	return error;
}

static cpumask_t
all_cpus(void)
{
	return cpu_count() == 64 ? ~(cpumask_t)0 : CPUMASK(cpu_count()) - 1;
}

/* sched_getaffinity(tid, len, mask): the bytes it has stored. */
long
sys_sched_getaffinity(const uintptr_t *args)
{
	cpumask_t mask;
	int error;

	if (args[1] < sizeof(mask) || args[1] % sizeof(uint64_t) != 0)
		return -EINVAL;
	if ((pid_t)args[0] < 0)
		return -ESRCH;
	error = thread_mine((pid_t)args[0], &mask);
	if (error != 0)
		return -error;
	mask &= all_cpus();
	if (copyout(&mask, args[2], sizeof(mask)) != 0)
		return -EFAULT;
	return sizeof(mask);
}

/*
 * sched_setaffinity(tid, len, mask).  A thread moves itself: another is told
 * to, when it next returns to user mode.
 */
long
sys_sched_setaffinity(const uintptr_t *args)
{
	pid_t tid = (pid_t)args[0];
	cpumask_t mask = 0;
	struct thread *td;
	struct lwp *l;
	int error;

	if (copyin(args[2], &mask, MIN(args[1], sizeof(mask))) != 0)
		return -EFAULT;
	error = tid < 0 ? ESRCH : thread_mine(tid, NULL);
	if (error != 0)
		return -error;
	mask &= all_cpus();
	if (mask == 0)
		return -EINVAL;
	if (tid == 0 || tid == curlwp()->l_tid) {
		sched_bind(mask);
		return 0;
	}
	mutex_enter(&proctree_lock);
	l = lwp_find(tid);
	if (l != NULL) {
		td = &l->l_thread;
		atomic_store_explicit(&l->l_bind, mask, memory_order_relaxed);
		atomic_store_explicit(&td->td_ast, true, memory_order_release);
		if (thread_oncpu(td)) /* or it will come by sooner or later */
			md_ipi(thread_cpu(td)->cpu_id, MD_IPI_RESCHED);
	}
	mutex_exit(&proctree_lock);
	return l != NULL ? 0 : -ESRCH;
}

long
sys_sched_getscheduler(const uintptr_t *args)
{
	cpumask_t mask;
	int error;

	error = thread_mine((pid_t)args[0], &mask);
	return error != 0 ? -error : SCHED_OTHER;
}

/* sched_setscheduler(tid, policy, param) */
long
sys_sched_setscheduler(const uintptr_t *args)
{
	int32_t prio;
	int error;

	if (args[2] == 0)
		return -EINVAL;
	if (copyin(args[2], &prio, sizeof(prio)) != 0)
		return -EFAULT;
	error = thread_mine((pid_t)args[0], NULL);
	if (error != 0)
		return -error;
	switch ((int)args[1]) {
	case SCHED_OTHER:
		return prio == 0 ? 0 : -EINVAL;
	case SCHED_FIFO:
	case SCHED_RR:
		return prio >= 1 && prio <= 99 ? -EPERM : -EINVAL;
	default:
		return -EINVAL;
	}
}

long
sys_sched_getparam(const uintptr_t *args)
{
	const int32_t prio = 0;
	cpumask_t mask;
	int error;

	if (args[1] == 0)
		return -EINVAL;
	error = thread_mine((pid_t)args[0], &mask);
	return error != 0 ? -error : -copyout(&prio, args[1], sizeof(prio));
}

long
sys_sched_setparam(const uintptr_t *args)
{
	const uintptr_t a[6] = {args[0], SCHED_OTHER, args[1]};

	return sys_sched_setscheduler(a);
}

static long
policy_priority(int policy, long realtime)
{
	switch (policy) {
	case SCHED_OTHER:
	case SCHED_BATCH:
	case SCHED_IDLE:
	case SCHED_DEADLINE:
	case SCHED_EXT:
		return 0;
	case SCHED_FIFO:
	case SCHED_RR:
		return realtime;
	default:
		return -EINVAL;
	}
}

long
sys_sched_get_priority_max(const uintptr_t *args)
{
	return policy_priority((int)args[0], 99);
}

long
sys_sched_get_priority_min(const uintptr_t *args)
{
	return policy_priority((int)args[0], 1);
}

long
sys_sched_rr_get_interval(const uintptr_t *args)
{
	struct abi_timespec ts = time_timespec(NSEC / 100);
	cpumask_t mask;
	int error;

	error = thread_mine((pid_t)args[0], &mask);
	return error != 0 ? -error : -copyout(&ts, args[1], sizeof(ts));
}

/* EPERM: p is another's; refusal: only root makes it less nice.  T held. */
static int
set_nice(struct proc *p, int nice, int refusal)
{
	if (!cred_same_user(p))
		return EPERM;
	if (nice < p->ps_nice && !cred_is_root())
		return refusal;
	mutex_enter(&p->ps_lock);
	p->ps_nice = nice;
	mutex_exit(&p->ps_lock);
	return 0;
}

/* sched_attr, as of its first version. */
struct abi_sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/* sched_getattr(tid, attr, size, flags) */
long
sys_sched_getattr(const uintptr_t *args)
{
	struct abi_sched_attr attr = {.size = sizeof(attr)};
	pid_t tid = (pid_t)args[0];
	struct lwp *l;

	if (args[1] == 0 || tid < 0 || (u_int)args[3] != 0 ||
	    (u_int)args[2] < sizeof(attr) || (u_int)args[2] > PAGE_SIZE)
		return -EINVAL;
	mutex_enter(&proctree_lock);
	l = tid == 0 ? curlwp() : lwp_find(tid);
	if (l != NULL)
		attr.nice = l->l_proc->ps_nice;
	mutex_exit(&proctree_lock);
	return l == NULL ? -ESRCH : -copyout(&attr, args[1], sizeof(attr));
}

/* sched_setattr(tid, attr, flags): all threads of a process are as nice. */
long
sys_sched_setattr(const uintptr_t *args)
{
	struct abi_sched_attr attr;
	pid_t tid = (pid_t)args[0];
	struct proc *p = NULL;
	struct lwp *l;
	int error;

	if (args[1] == 0 || tid < 0 || (u_int)args[2] != 0)
		return -EINVAL;
	if (copyin(args[1], &attr, sizeof(attr)) != 0)
		return -EFAULT;
	/* Later versions say more: that would be ignored. */
	if (attr.size != 0 && attr.size != sizeof(attr))
		return -E2BIG;
	if (attr.flags != 0)
		return -EINVAL;
	switch (attr.policy) {
	case SCHED_OTHER:
		break;
	case SCHED_FIFO:
	case SCHED_RR:
		return attr.priority >= 1 && attr.priority <= 99 ? -EPERM
								 : -EINVAL;
	default:
		return -EINVAL;
	}
	if (attr.priority != 0)
		return -EINVAL;
	error = ESRCH;
	mutex_enter(&proctree_lock);
	l = tid == 0 ? curlwp() : lwp_find(tid);
	if (l != NULL)
		p = l->l_proc;
	if (p != NULL)
		error = set_nice(p, MIN(MAX(attr.nice, -20), 19), EPERM);
	mutex_exit(&proctree_lock);
	return -error;
}

#define PRIO_PROCESS 0
#define PRIO_PGRP    1
#define PRIO_USER_   2

/* Whether which and who name p.  T held. */
static bool
prio_matches(const struct proc *p, int which, pid_t who)
{
	const struct proc *me = curproc();

	switch (which) {
	case PRIO_PROCESS:
		return who == 0 ? p == me : p->ps_pid == who;
	case PRIO_PGRP:
		if (p->ps_pgrp == NULL)
			return false;
		return who == 0 ? p->ps_pgrp == me->ps_pgrp
				: p->ps_pgrp->pg_id == who;
	default:
		return p->ps_cred.cr_uid ==
		       (who == 0 ? me->ps_cred.cr_uid : (uid_t)who);
	}
}

/* getpriority(which, who): 20 - nice, so that it is never negative. */
long
sys_getpriority(const uintptr_t *args)
{
	struct proc *p;
	long best = 0;

	if (args[0] > PRIO_USER_)
		return -EINVAL;
	mutex_enter(&proctree_lock);
	LIST_FOREACH(p, &proc_all, ps_all)
		if (prio_matches(p, (int)args[0], (pid_t)args[1]))
			best = MAX(best, 20 - p->ps_nice);
	mutex_exit(&proctree_lock);
	return best == 0 ? -ESRCH : best;
}

/* setpriority(which, who, nice) */
long
sys_setpriority(const uintptr_t *args)
{
	int nice = MIN(MAX((int)args[2], -20), 19), error = ESRCH, r;
	struct proc *p;

	if (args[0] > PRIO_USER_)
		return -EINVAL;
	mutex_enter(&proctree_lock);
	LIST_FOREACH(p, &proc_all, ps_all) {
		if (!prio_matches(p, (int)args[0], (pid_t)args[1]))
			continue;
		r = set_nice(p, nice, EACCES);
		if (r != 0 || error == ESRCH)
			error = r;
	}
	mutex_exit(&proctree_lock);
	return -error;
}

/* getcpu(cpu, node) */
long
sys_getcpu(const uintptr_t *args)
{
	const uint32_t node = 0;
	uint32_t cpu;

	preempt_disable();
	cpu = curcpu()->cpu_id;
	preempt_enable();
	if (args[0] != 0 && copyout(&cpu, args[0], sizeof(cpu)) != 0)
		return -EFAULT;
	if (args[1] != 0 && copyout(&node, args[1], sizeof(node)) != 0)
		return -EFAULT;
	return 0;
}
