/*
 * oom.c: when memory has run out.
 *
 * The largest process by its pages, in memory and on swap, and its own
 * adjustment is killed, which one line on the console says, and may draw on
 * the reserve until it is gone.  One victim at a time: another is chosen only
 * when the last one takes too long, and nobody while an exit gives memory
 * back.  The first process is never chosen.
 *
 * Protection:
 *	T	proctree_lock
 */
#include <kern/proc.h>
#include <kern/shm.h>
#include <sys/errno.h>
#include <base/print.h>
#include <phys/page.h>
#include <port/machdep.h>
#include <kern/time.h>

#define OOM_PATIENCE (2 * NSEC)   /* for a victim to go */
#define OOM_WAIT     (NSEC / 100) /* between two looks */
#define OOM_LARGE    32           /* a large process: one part in so many */

static uint64_t oom_since; /* [T] when the last victim was killed; 0: none */

/* What memory there is, swap included. */
static u_long
oom_total(void)
{
	return phys_total() +
	       atomic_load_explicit(&uvm_swap_total, memory_order_relaxed);
}

/* Pages of p, resident and on swap. */
static u_long
oom_pages(struct proc *p)
{
	struct vmspace *vm;
	u_long n = 0;

	mutex_enter(&p->ps_vmlock);
	vm = p->ps_vmspace;
	if (vm != NULL) {
		/* An exit frees the tables with this lock. */
		rw_read_enter(&vm->vm_map.vm_lock);
		n = pmap_resident(vm_pmap(vm));
		rw_exit(&vm->vm_map.vm_lock);
		n += uvmspace_swapped(vm);
	}
	mutex_exit(&p->ps_vmlock);
	return n;
}

long
oom_badness(struct proc *p)
{
	if (p == initproc || p->ps_kernel || p->ps_oomadj == -1000)
		return 0;
	/* From 0 to 2000, where 0 to 1000 is added by the adjustment. */
	return (1000 + (long)(oom_pages(p) * 1000 / oom_total()) +
		   p->ps_oomadj) *
	       2 / 3;
}

static bool
oom_chosen(const struct proc *p)
{
	return atomic_load_explicit(&p->ps_oomvictim, memory_order_relaxed);
}

/* How much killing p is worth; 0: not to be killed.  Its pages. */
static u_long
oom_score(struct proc *p, u_long *npagesp)
{
	long score;

	if (p == initproc || p->ps_kernel || p->ps_oomadj == -1000 ||
	    proc_state(p) != PS_LIVE)
		return 0;
	*npagesp = oom_pages(p);
	score = (long)*npagesp + p->ps_oomadj * (long)oom_total() / 1000;
	return score > 1 ? (u_long)score : 1;
}

/* Kill the worst.  False: there is none.  T held. */
static bool
oom_choose(void)
{
	u_long score, best = 0, npages = 0, n = 0;
	struct proc *p, *victim = NULL;

	LIST_FOREACH(p, &proc_all, ps_all) {
		score = oom_score(p, &n);
		if (score > best && !oom_chosen(p)) {
			best = score;
			victim = p;
			npages = n;
		}
	}
	/*
	 * Where nobody is large the memory is in files, pipes or tables, and
	 * he who wants more of it is nearest to the cause.
	 */
	p = curproc();
	if (best < phys_total() / OOM_LARGE && !oom_chosen(p) &&
	    oom_score(p, &n) > 0) {
		victim = p;
		npages = n;
	}
	if (victim == NULL)
		return false;
	atomic_store_explicit(&victim->ps_oomvictim, true,
	    memory_order_relaxed);
	oom_since = md_time_ns();
	kprintf("out of memory: killed pid %d (%s), %lu KiB\n", victim->ps_pid,
	    victim->ps_comm, npages * (PAGE_SIZE / 1024));
	sig_post_simple(victim, SIGKILL, SI_KERNEL);
	return true;
}

/*
 * Whether somebody is on his way out whose memory is worth waiting for: a
 * victim, or one who exits anyway.  T held.
 */
static bool
oom_pending(void)
{
	static uint64_t exit_since; /* [T] when one was first seen; 0: none */
	bool exiting = false;
	uint64_t now = md_time_ns();
	struct proc *p;

	LIST_FOREACH(p, &proc_all, ps_all) {
		if (proc_state(p) == PS_ZOMBIE)
			continue;
		if (oom_chosen(p) && oom_since != 0 &&
		    now - oom_since <= OOM_PATIENCE)
			return true;
		exiting |= proc_state(p) == PS_EXITING && !oom_chosen(p);
	}
	if (!exiting)
		exit_since = 0;
	else if (exit_since == 0)
		exit_since = now;
	return exiting && now - exit_since <= OOM_PATIENCE;
}

bool
oom_kill(void)
{
	bool user = curthread()->td_frame != NULL, victim;
	uint64_t mask = 0;

	KASSERT(lock_none_above(RANK_PROCTREE));
	if (sig_killed())
		return true;
	mutex_enter(&proctree_lock);
	victim = oom_pending() || oom_choose();
	mutex_exit(&proctree_lock);
	if (!victim)
		return false;
	/* Only our own death is worth not waiting for the victim's. */
	if (user)
		mask = sig_killable();
	if (!sig_killed())
		(void)sleep_until(md_time_ns() + OOM_WAIT, SLEEP_INTR, "oom");
	if (user)
		sig_killable_end(mask);
	return true;
}

/* A fault of the calling thread waits for a device. */
static void
oom_major(void)
{
	struct lwp *l = curlwp();

	atomic_store_explicit(&l->l_majflt,
	    atomic_load_explicit(&l->l_majflt, memory_order_relaxed) + 1,
	    memory_order_relaxed);
}

static int64_t
oom_time(void)
{
	return (int64_t)time_real();
}

static const struct uvm_upcalls oom_upcalls = {
    .up_nomem = oom_kill,
    .up_killed = sig_killed,
    .up_major = oom_major,
    .up_time = oom_time,
    .up_shmexit = shm_exit,
    .up_copyin = md_copyin,
    .up_copyout = md_copyout,
};

void
oom_init(void)
{
	uvm_upcalls = &oom_upcalls;
}
