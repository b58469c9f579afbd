/*
 * proc.c: the tables of processes and threads, and their structures.
 *
 * Ids: processes, threads, groups and sessions draw from one space of
 * numbers.  pid_uses[] counts who uses a number, so that a group's outlives
 * its leader.  A number is not given out again before the others have been,
 * so that a stale one names nothing for as long as possible.
 *
 * References: ps_refs keeps the structure.  The tables hold one from fork
 * until wait, each thread holds one until the last thing it does, and
 * whoever looks from outside holds one while it looks.
 *
 * Locks: proctree_lock for everything static here.
 */
#include <kern/proc.h>
#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <phys/pool.h>
#include <port/frame.h>
#include <port/machdep.h>
#include <kern/ptrace.h>
#include <kern/time.h>

#define NHASH  512 /* a power of two */
#define PIDMIN 300 /* where numbers start again; low ones are for boot */

/* How often, in ns, who waits for the end of an exec looks. */
#define EXEC_WAIT 20000

const struct fs_upcalls *kern_fs;
struct proc proc0;
struct proc *initproc;
struct mutex proctree_lock;
struct proclist proc_all = LIST_HEAD_INITIALIZER(proc_all);
u_int lwp_max;

LIST_HEAD(lwplist, lwp);
static struct proclist proc_hash[NHASH]; /* [T] */
static struct lwplist lwp_hash[NHASH];   /* [T] */
static uint8_t pid_uses[PID_MAX];        /* [T] */
static pid_t pid_last;                   /* [T] */
static u_int lwp_count;                  /* [T] user threads */
u_int proc_count;
static struct pool lwp_pool;

/* Numbers that follow each other hash to different cache lines. */
static u_int
pid_bucket(pid_t pid)
{
	const u_int apart = CACHELINE / sizeof(proc_hash[0]);
	u_int i = (u_int)pid % NHASH;

	return i * apart % NHASH + i * apart / NHASH;
}

/* One user of a number more; it is a new one or has users. */
static void
pid_hold(pid_t pid)
{
	KASSERT(mutex_held(&proctree_lock));
	KASSERT(pid > 0 && pid < PID_MAX);
	KASSERT(pid_uses[pid] < UINT8_MAX);
	pid_uses[pid]++;
}

static void
pid_drop(pid_t pid)
{
	KASSERT(mutex_held(&proctree_lock));
	KASSERT(pid > 0 && pid < PID_MAX);
	KASSERT(pid_uses[pid] > 0);
	pid_uses[pid]--;
}

/* A number nobody uses, with one user; 0: there is none. */
static pid_t
pid_alloc(void)
{
	pid_t pid;
	u_int n;

	KASSERT(mutex_held(&proctree_lock));
	pid = pid_last;
	for (n = 0; n < PID_MAX; n++) {
		if (++pid >= PID_MAX)
			pid = PIDMIN;
		if (pid_uses[pid] == 0) {
			pid_last = pid;
			pid_hold(pid);
			return pid;
		}
	}
	return 0;
}

static void
proc_setup(struct proc *p, pid_t pid)
{
	p->ps_pid = pid;
	proc_setstate(p, PS_NEW);
	mutex_init(&p->ps_lock, RANK_PROC);
	spin_init(&p->ps_siglock, RANK_SIG);
	mutex_init(&p->ps_vmlock, RANK_VMPTR);
	LIST_INIT(&p->ps_children);
	LIST_INIT(&p->ps_tracees);
	TAILQ_INIT(&p->ps_lwps);
	sigpend_init(&p->ps_sigpend);
	itimer_init(p);
	LIST_INIT(&p->ps_timers);
	p->ps_exitsig = SIGCHLD;
	p->ps_start = md_time_ns();
}

void
proc_boot(void)
{
	struct abi_rlimit inf = {RLIM_INFINITY, RLIM_INFINITY};
	u_int i;

	_Static_assert(sizeof(struct proc) <= PAGE_SIZE, "one page");
	pool_init(&lwp_pool, "lwp", sizeof(struct lwp), 0);
	mutex_init(&proctree_lock, RANK_PROCTREE);
	for (i = 0; i < NHASH; i++) {
		LIST_INIT(&proc_hash[i]);
		LIST_INIT(&lwp_hash[i]);
	}

	/*
	 * A thread needs its stack and, in a process of its own, about as
	 * many pages again for tables and data: the limit keeps a fork bomb
	 * from taking the memory with which it is to be fought.
	 */
	lwp_max = MIN(PID_MAX / 2, phys_total() / 40 + 32);

	proc_setup(&proc0, 0);
	refcount_init(&proc0.ps_refs, 1);
	proc0.ps_kernel = true;
	strlcpy(proc0.ps_comm, "kernel", sizeof(proc0.ps_comm));
	for (i = 0; i < RLIMIT_COUNT; i++)
		proc0.ps_rlimit[i] = inf;
	proc0.ps_rlimit[RLIMIT_STACK].rlim_cur = 8UL << 20;
	proc0.ps_rlimit[RLIMIT_CORE].rlim_cur = 0;
	proc0.ps_rlimit[RLIMIT_NOFILE] = (struct abi_rlimit){1024, 4096};
	proc0.ps_rlimit[RLIMIT_MEMLOCK] =
	    (struct abi_rlimit){8UL << 20, 8UL << 20};
	proc0.ps_rlimit[RLIMIT_NPROC] =
	    (struct abi_rlimit){lwp_max / 2, lwp_max / 2};
	proc0.ps_rlimit[RLIMIT_SIGPENDING] =
	    (struct abi_rlimit){lwp_max / 2, lwp_max / 2};
	proc0.ps_rlimit[RLIMIT_MSGQUEUE] = (struct abi_rlimit){819200, 819200};
	proc0.ps_rlimit[RLIMIT_NICE] = (struct abi_rlimit){0, 0};
	proc0.ps_rlimit[RLIMIT_RTPRIO] = (struct abi_rlimit){0, 0};
	proc_setstate(&proc0, PS_LIVE);
	sig_boot();
}

int
proc_alloc(pid_t pid, struct proc **pp)
{
	struct proc *p;

	KASSERT(pid > 0);
	p = kmem_alloc(sizeof(*p), 0);
	if (p == NULL)
		return ENOMEM;
	memset(p, 0, offsetof(struct proc, ps_cred));
	p->ps_maxrss = 0;
	proc_setup(p, pid);
	refcount_init(&p->ps_refs, 1); /* the tables' */
	*pp = p;
	return 0;
}

void
proc_rele(struct proc *p)
{
	if (!refcount_release(&p->ps_refs))
		return;
	KASSERT(p != &proc0);
	KASSERT(p->ps_vmspace == NULL);
	KASSERT(p->ps_fs == NULL);
	KASSERT(TAILQ_EMPTY(&p->ps_lwps));
	KASSERT(LIST_EMPTY(&p->ps_tracees) && p->ps_ptrace == NULL);
	sig_unshare(p);
	kmem_free(p, sizeof(*p));
}

void
proc_insert(struct proc *p, struct proc *parent, struct pgrp *pg)
{
	KASSERT(mutex_held(&proctree_lock));
	KASSERT(p->ps_pid > 0);
	p->ps_parent = parent;
	LIST_INSERT_HEAD(&parent->ps_children, p, ps_sibling);
	LIST_INSERT_HEAD(&proc_all, p, ps_all);
	LIST_INSERT_HEAD(&proc_hash[pid_bucket(p->ps_pid)], p, ps_hash);
	pid_hold(p->ps_pid);
	proc_count++;
	if (pg != NULL)
		pgrp_join(p, pg);
	proc_setstate(p, PS_LIVE);
}

void
proc_remove(struct proc *p)
{
	KASSERT(mutex_held(&proctree_lock));
	KASSERT(proc_state(p) == PS_ZOMBIE);
	KASSERT(LIST_EMPTY(&p->ps_children));
	LIST_REMOVE(p, ps_sibling);
	LIST_REMOVE(p, ps_all);
	LIST_REMOVE(p, ps_hash);
	if (p->ps_pgrp != NULL)
		pgrp_leave(p);
	pid_drop(p->ps_pid);
	KASSERT(proc_count > 0);
	proc_count--;
	p->ps_parent = NULL;
}

struct proc *
proc_find_locked(pid_t pid)
{
	struct proc *p;

	KASSERT(mutex_held(&proctree_lock));
	if (pid <= 0 || pid >= PID_MAX)
		return NULL;
	LIST_FOREACH(p, &proc_hash[pid_bucket(pid)], ps_hash)
		if (p->ps_pid == pid)
			return p;
	return NULL;
}

struct proc *
proc_find(pid_t pid)
{
	struct proc *p;

	mutex_enter(&proctree_lock);
	p = proc_find_locked(pid);
	if (p != NULL)
		refcount_acquire(&p->ps_refs);
	mutex_exit(&proctree_lock);
	return p;
}

struct proc *
proc_find_tid(pid_t tid)
{
	struct proc *p = NULL;
	struct lwp *l;

	mutex_enter(&proctree_lock);
	l = lwp_find(tid);
	if (l != NULL) {
		p = l->l_proc;
		refcount_acquire(&p->ps_refs);
	}
	mutex_exit(&proctree_lock);
	return p;
}

struct proc *
proc_next(pid_t after)
{
	struct proc *p, *best = NULL;

	mutex_enter(&proctree_lock);
	LIST_FOREACH(p, &proc_all, ps_all)
		if (p->ps_pid > after &&
		    (best == NULL || p->ps_pid < best->ps_pid))
			best = p;
	if (best != NULL)
		refcount_acquire(&best->ps_refs);
	mutex_exit(&proctree_lock);
	return best;
}

int
proc_vmspace(struct proc *p, struct vmspace **vmp)
{
	struct vmspace *vm;
	int error = ESRCH;

	mutex_enter(&p->ps_vmlock);
	vm = p->ps_vmspace;
	if (p->ps_inexec)
		error = EBUSY;
	else if (vm != NULL && uvmspace_tryref(vm)) {
		/* Whoever changes the pointer holds the lock: it is current. */
		KASSERT(p->ps_vmspace == vm);
		*vmp = vm;
		error = 0;
	}
	mutex_exit(&p->ps_vmlock);
	return error;
}

int
proc_vmspace_wait(struct proc *p, struct vmspace **vmp)
{
	int error;

	for (;;) {
		error = proc_vmspace(p, vmp);
		if (error != EBUSY || p == curproc())
			return error;
		if (sig_killed())
			return EINTR;
		(void)sleep_until(md_time_ns() + EXEC_WAIT, 0, "inexec");
	}
}

u_int
proc_threads(struct proc *p)
{
	u_int n;

	spin_enter(&p->ps_siglock);
	n = p->ps_nlwp;
	spin_exit(&p->ps_siglock);
	return n;
}

/*
 * A thread structure with its stack and an l_thread that is nobody's, or a dead
 * one's, until thread_init(); NULL: no memory.
 */
static struct lwp *
lwp_memory(void)
{
	struct lwp *l = reaper_spare();
	char *begin;

	if (l == NULL) {
		l = pool_get(&lwp_pool, PA_ZERO);
		if (l == NULL)
			return NULL;
		l->l_thread.td_kstack = kmem_alloc(KSTACK_SIZE, 0);
		if (l->l_thread.td_kstack == NULL) {
			pool_put(&lwp_pool, l);
			return NULL;
		}
	}
	begin = (char *)l + sizeof(l->l_thread);
	memset(begin, 0, (size_t)((char *)&l->l_fault - begin));
	l->l_fault.si_signo = l->l_ptinfo.si_signo = 0;
	return l;
}

void
lwp_memory_free(struct lwp *l)
{
	kmem_free(l->l_thread.td_kstack, KSTACK_SIZE);
	pool_put(&lwp_pool, l);
}

int
lwp_alloc(struct proc *p, struct lwp **lp)
{
	struct lwp *l;
	bool kernel = p != NULL && p->ps_kernel;
	int error = kernel ? 0 : EAGAIN;

	l = lwp_memory();
	if (l == NULL)
		return ENOMEM;
	mutex_enter(&proctree_lock);
	if (!kernel && lwp_count < lwp_max)
		l->l_tid = pid_alloc();
	if (l->l_tid != 0) {
		lwp_count++;
		error = 0;
	}
	mutex_exit(&proctree_lock);
	if (error != 0) {
		lwp_memory_free(l);
		return error;
	}
	sigpend_init(&l->l_sigpend);
	l->l_callno = -1;
	l->l_altstack.ss_flags = SS_DISABLE;
	if (p != NULL)
		lwp_setproc(l, p);
	*lp = l;
	return 0;
}

void
lwp_setproc(struct lwp *l, struct proc *p)
{
	KASSERT(l->l_proc == NULL);
	refcount_acquire(&p->ps_refs);
	l->l_proc = p;
}

void
lwp_insert(struct lwp *l)
{
	KASSERT(mutex_held(&proctree_lock));
	KASSERT(l->l_proc != NULL && l->l_tid != 0);
	LIST_INSERT_HEAD(&lwp_hash[pid_bucket(l->l_tid)], l, l_hash);
}

/* l has no tid any more. */
static void
lwp_drop_tid(struct lwp *l)
{
	KASSERT(lwp_count > 0);
	lwp_count--;
	pid_drop(l->l_tid);
	l->l_tid = 0;
}

void
lwp_remove(struct lwp *l)
{
	KASSERT(mutex_held(&proctree_lock));
	KASSERT(l->l_pmap == NULL);
	KASSERT(lwp_ptrace(l) == NULL);
	KASSERT(l->l_sigpend.sp_set == 0);
	/* An exec may give its tid another value; see lwp_take_pid(). */
	if (l->l_tid != 0) {
		LIST_REMOVE(l, l_hash);
		lwp_drop_tid(l);
	}
}

void
lwp_leave_proc(struct lwp *l)
{
	struct proc *p = l->l_proc;

	KASSERT(l->l_tid == 0);
	l->l_proc = &proc0;
	proc_rele(p);
}

void
lwp_free(struct lwp *l)
{
	struct proc *p = l->l_proc;

	mutex_enter(&proctree_lock);
	lwp_drop_tid(l);
	mutex_exit(&proctree_lock);
	lwp_memory_free(l);
	if (p != NULL)
		proc_rele(p);
}

struct lwp *
lwp_find(pid_t tid)
{
	struct lwp *l;

	KASSERT(mutex_held(&proctree_lock));
	if (tid <= 0 || tid >= PID_MAX)
		return NULL;
	LIST_FOREACH(l, &lwp_hash[pid_bucket(tid)], l_hash)
		if (l->l_tid == tid)
			return l;
	return NULL;
}

void
lwp_setname(struct lwp *l, const char *name)
{
	struct proc *p = l->l_proc;

	mutex_enter(&p->ps_lock);
	strlcpy(l->l_thread.td_name, name, sizeof(l->l_thread.td_name));
	if (l->l_tid == p->ps_pid)
		strlcpy(p->ps_comm, name, sizeof(p->ps_comm));
	mutex_exit(&p->ps_lock);
}

void
lwp_name(struct lwp *l, char *name, size_t size)
{
	mutex_enter(&l->l_proc->ps_lock);
	strlcpy(name, l->l_thread.td_name, size);
	mutex_exit(&l->l_proc->ps_lock);
}

void
lwp_take_pid(struct lwp *l)
{
	struct proc *p = l->l_proc;
	struct lwp *first;

	mutex_enter(&proctree_lock);
	if (l->l_tid != p->ps_pid) {
		LIST_REMOVE(l, l_hash);
		first = lwp_find(p->ps_pid);
		if (first != NULL) {
			/* On its way out, and not there yet. */
			LIST_REMOVE(first, l_hash);
			first->l_tid = l->l_tid;
			LIST_INSERT_HEAD(&lwp_hash[pid_bucket(first->l_tid)],
			    first, l_hash);
		} else {
			pid_drop(l->l_tid);
			pid_hold(p->ps_pid);
		}
		l->l_tid = p->ps_pid;
		ptrace_take_pid(l);
		LIST_INSERT_HEAD(&lwp_hash[pid_bucket(l->l_tid)], l, l_hash);
	}
	mutex_exit(&proctree_lock);
}

void
lwp_kick(struct lwp *l)
{
	struct thread *td = &l->l_thread;

	KASSERT(spin_held(&l->l_proc->ps_siglock));
	atomic_store_explicit(&td->td_sigpend, true, memory_order_relaxed);
	/* Relaxed: kern_ast() takes ps_siglock before it looks for more. */
	atomic_store_explicit(&td->td_ast, true, memory_order_relaxed);
	thread_interrupt(td);
	/*
	 * In user mode on another CPU it would notice at its next clock tick;
	 * the message only makes it sooner, so a stale CPU does no harm.
	 */
	if (td != curthread() && thread_oncpu(td))
		md_ipi(thread_cpu(td)->cpu_id, MD_IPI_RESCHED);
}

LIST_HEAD(pgrplist, pgrp);
static struct pgrplist pgrp_hash[NHASH]; /* [T]; all zero is empty */

static struct pgrp *
pgrp_all(pid_t id)
{
	struct pgrp *pg;

	LIST_FOREACH(pg, &pgrp_hash[(u_int)id % NHASH], pg_hash)
		if (pg->pg_id == id)
			return pg;
	return NULL;
}

struct pgrp *
pgrp_find(pid_t id)
{
	KASSERT(mutex_held(&proctree_lock));
	return id <= 0 ? NULL : pgrp_all(id);
}

void
pgrp_join(struct proc *p, struct pgrp *pg)
{
	KASSERT(mutex_held(&proctree_lock));
	KASSERT(p->ps_pgrp == NULL);
	LIST_INSERT_HEAD(&pg->pg_members, p, ps_pglink);
	p->ps_pgrp = pg;
}

void
pgrp_leave(struct proc *p)
{
	struct pgrp *pg = p->ps_pgrp;
	struct session *s;

	KASSERT(mutex_held(&proctree_lock));
	KASSERT(pg != NULL);
	LIST_REMOVE(p, ps_pglink);
	p->ps_pgrp = NULL;
	if (!LIST_EMPTY(&pg->pg_members))
		return;

	s = pg->pg_session;
	LIST_REMOVE(pg, pg_hash);
	pid_drop(pg->pg_id);
	kmem_free(pg, sizeof(*pg));
	if (--s->s_count == 0) {
		pid_drop(s->s_id);
		kmem_free(s, sizeof(*s));
	}
}

int
pgrp_enter(struct proc *p, pid_t id, struct session *s)
{
	struct pgrp *pg;

	KASSERT(mutex_held(&proctree_lock));
	pg = pgrp_all(id);
	if (pg == NULL) {
		pg = kmem_alloc(sizeof(*pg), PA_ZERO);
		if (pg == NULL)
			return ENOMEM;
		if (s == NULL) {
			s = kmem_alloc(sizeof(*s), PA_ZERO);
			if (s == NULL) {
				kmem_free(pg, sizeof(*pg));
				return ENOMEM;
			}
			s->s_id = id;
			pid_hold(id);
			p->ps_leads = true;
		}
		pg->pg_id = id;
		pg->pg_session = s;
		s->s_count++;
		pid_hold(id);
		LIST_INIT(&pg->pg_members);
		LIST_INSERT_HEAD(&pgrp_hash[(u_int)id % NHASH], pg, pg_hash);
	}
	if (p->ps_pgrp != pg) {
		if (p->ps_pgrp != NULL)
			pgrp_leave(p);
		pgrp_join(p, pg);
	}
	return 0;
}

bool
pgrp_orphaned(struct pgrp *pg, const struct proc *skip)
{
	struct proc *p, *parent;

	KASSERT(mutex_held(&proctree_lock));
	LIST_FOREACH(p, &pg->pg_members, ps_pglink) {
		parent = p->ps_parent;
		if (p == skip || proc_state(p) == PS_ZOMBIE || parent == NULL ||
		    parent == initproc || parent->ps_pgrp == NULL)
			continue;
		if (parent->ps_pgrp != pg &&
		    parent->ps_pgrp->pg_session == pg->pg_session)
			return false;
	}
	return true;
}

/* Whether some member is stopped. */
static bool
pgrp_stopped(struct pgrp *pg)
{
	struct proc *p;

	LIST_FOREACH(p, &pg->pg_members, ps_pglink)
		if (p->ps_stopsig != 0)
			return true;
	return false;
}

/* pg may have lost its last link to the session: p was or had it. */
static void
pgrp_check(struct pgrp *pg, struct proc *p)
{
	if (!pgrp_orphaned(pg, p) || !pgrp_stopped(pg))
		return;
	sig_pgrp(pg->pg_id, SIGHUP);
	sig_pgrp(pg->pg_id, SIGCONT);
}

void
pgrp_exit(struct proc *p)
{
	struct pgrp *pg = p->ps_pgrp, *cpg;
	struct proc *c;

	KASSERT(mutex_held(&proctree_lock));
	if (pg == NULL)
		return;
	/* Our own group, if our parent was its link ... */
	if (p->ps_parent != NULL && p->ps_parent->ps_pgrp != NULL &&
	    p->ps_parent->ps_pgrp != pg &&
	    p->ps_parent->ps_pgrp->pg_session == pg->pg_session)
		pgrp_check(pg, p);
	/* ... and those of our children, if we were. */
	LIST_FOREACH(c, &p->ps_children, ps_sibling) {
		cpg = c->ps_pgrp;
		if (cpg != NULL && cpg != pg &&
		    cpg->pg_session == pg->pg_session)
			pgrp_check(cpg, c);
	}
}
