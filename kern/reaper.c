/*
 * reaper.c: what is left of dead threads.
 *
 * A thread cannot free the stack it stands on.  Once another thread runs on
 * its CPU the scheduler hands it here.  A few on each CPU wait for the next thread
 * that is made there, which is spared an allocation, and this kernel thread its
 * work; of all others the kernel thread frees stack and structure at once, not
 * with the exit of their process.  Address spaces are not its business, unless
 * vm.exit_policy says so for comparison: then it does what exit left undone,
 * and the process becomes a zombie only after that, so that a child is never
 * waitable too early.
 *
 * Protection:
 *	r	reap_lock
 *	a	C11 atomic
 */
#include <kern/proc.h>
#include <base/cpu.h>
#include <base/lock.h>

/* How many dead threads a CPU keeps for those to come. */
#define REAP_NSPARE 2u

STAILQ_HEAD(deadlist, lwp);
static struct spin reap_lock = SPIN_INITIALIZER(RANK_SIG);
static struct deadlist reap_list =
    STAILQ_HEAD_INITIALIZER(reap_list); /* [r] to be freed */
static _Atomic(u_int) reap_ndrain;      /* [a] who waits for none to be dying */

static struct reap_cpu {
	_Atomic(u_long) rc_begun; /* [a] began to exit on this CPU */
	_Atomic(u_long) rc_done;  /* [a] became free or spare on this CPU */
	_Atomic(struct lwp *) rc_spare[REAP_NSPARE]; /* [a] nobody's */
} __aligned(CACHELINE) reap_cpu[MAXCPU];

/* That of the CPU the caller is on, or has just been on. */
static struct reap_cpu *
reap_mine(void)
{
	return &reap_cpu[curcpu()->cpu_id];
}

void
reaper_enter(void)
{
	atomic_fetch_add_explicit(&reap_mine()->rc_begun, 1,
	    memory_order_relaxed);
}

/*
 * Whether every thread that began to exit before the call is free or spare.  Who
 * is done is counted first: a sum that then is as large as that of who had begun
 * by a later moment has missed nobody.
 */
static bool
reap_calm(void)
{
	u_long begun = 0, done = 0;
	u_int i;

	for (i = 0; i < MAXCPU; i++)
		done += atomic_load_explicit(&reap_cpu[i].rc_done,
		    memory_order_seq_cst);
	for (i = 0; i < MAXCPU; i++)
		begun += atomic_load_explicit(&reap_cpu[i].rc_begun,
		    memory_order_seq_cst);
	return begun == done;
}

/* One that was dying is free or spare. */
static void
reaped(void)
{
	/* Counts, then looks; who drains is noted, then looks. */
	atomic_fetch_add_explicit(&reap_mine()->rc_done, 1,
	    memory_order_seq_cst);
	if (__predict_false(
		atomic_load_explicit(&reap_ndrain, memory_order_seq_cst) > 0)) {
		spin_enter(&reap_lock);
		wakeup(&reap_ndrain);
		spin_exit(&reap_lock);
	}
	count_add(COUNT_REAP, 1);
}

/* Keep l, dead and off its stack, if there is room. */
static bool
spare_keep(struct lwp *l)
{
	struct reap_cpu *rc = reap_mine();
	struct lwp *none;
	u_int i;

	for (i = 0; i < REAP_NSPARE; i++) {
		none = NULL;
		/* Release: what it was is seen before it is something else. */
		if (atomic_load_explicit(&rc->rc_spare[i],
			memory_order_relaxed) == NULL &&
		    atomic_compare_exchange_strong_explicit(&rc->rc_spare[i],
			&none, l, memory_order_release, memory_order_relaxed))
			return true;
	}
	return false;
}

static struct lwp *
spare_find(struct reap_cpu *rc)
{
	struct lwp *l;
	u_int i;

	for (i = 0; i < REAP_NSPARE; i++) {
		if (atomic_load_explicit(&rc->rc_spare[i],
			memory_order_relaxed) == NULL)
			continue;
		l = atomic_exchange_explicit(&rc->rc_spare[i], NULL,
		    memory_order_acquire);
		if (l != NULL)
			return l;
	}
	return NULL;
}

/* thread_exit() calls this on another stack: td's is free. */
void
reaper_done(struct thread *td)
{
	struct lwp *l = (struct lwp *)td;

	KASSERT(l->l_pmap == NULL);
	if (!l->l_purge) {
		KASSERT(l->l_tid == 0);
		if (spare_keep(l)) {
			reaped();
			return;
		}
	}
	spin_enter(&reap_lock);
	STAILQ_INSERT_TAIL(&reap_list, l, l_dead);
	spin_exit(&reap_lock);
	wakeup(&reap_list);
}

struct lwp *
reaper_spare(void)
{
	struct lwp *l = spare_find(reap_mine());

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
		reaped();

		spin_enter(&reap_lock);
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
	u_int i;

	atomic_fetch_add_explicit(&reap_ndrain, 1, memory_order_seq_cst);
	spin_enter(&reap_lock);
	while (!reap_calm())
		(void)sleep_spin(&reap_ndrain, &reap_lock, 0, 0, "drain");
	spin_exit(&reap_lock);
	atomic_fetch_sub_explicit(&reap_ndrain, 1, memory_order_relaxed);
	for (i = 0; i < MAXCPU; i++)
		while ((l = spare_find(&reap_cpu[i])) != NULL) {
			thread_fini(&l->l_thread);
			lwp_memory_free(l);
		}
}
