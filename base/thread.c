/*
 * thread.c: the life of a thread, and its clock.
 *
 * A thread's times are written by the CPU that runs it, with interrupts off,
 * and read by anybody.  td_uclock is the time in user mode, less the moment it
 * was entered while it lasts: negative then, and the sum with the present is
 * the time so far.  td_cputime and td_stamp change when the thread is switched
 * to or away: td_tseq is odd meanwhile, and a reader that saw it odd or
 * different reads again.  What is not user time is system time.
 */
#include <base/thread.h>

#include <port/machdep.h>
#include <base/epoch.h>
#include <base/print.h>

#include "base_impl.h"

/* The lowest word of a stack that did not overflow. */
#define STACK_MAGIC 0x6b737461636b2121ull

void
thread_init(struct thread *td, void *kstack, const char *name,
    void (*fn)(void *), void *arg)
{
	KASSERT(kstack != NULL && fn != NULL);
	*td = (struct thread){
	    .td_kstack = kstack,
	    .td_fn = fn,
	    .td_arg = arg,
	    .td_prio = PRIO_USER,
	    .td_affinity = ~(cpumask_t)0,
	    .td_nopreempt = 1, /* until thread_start() is done */
	};
	strlcpy(td->td_name, name, sizeof(td->td_name));
	*(uint64_t *)kstack = STACK_MAGIC;
	thread_setstate(td, TD_NEW);
	md_thread_init(td, thread_start, td);
}

void
thread_adopt(struct thread *boot, struct cpu *c, void *kstack)
{
	boot->td_kstack = kstack;
	if (kstack != NULL)
		*(uint64_t *)kstack = STACK_MAGIC;
	boot->td_prio = PRIO_USER;
	thread_setaffinity(boot, ~(cpumask_t)0);
	atomic_store_explicit(&boot->td_cpu, c, memory_order_relaxed);
	ksnprintf(boot->td_name, sizeof(boot->td_name), "cpu%u", c->cpu_id);
	atomic_store_explicit(&boot->td_oncpu, true, memory_order_relaxed);
	thread_setstate(boot, TD_RUNNING);
	thread_clock_start(boot);
}

void
thread_start(void *arg)
{
	struct thread *td = arg;

	KASSERT(td == curthread());
	sched_finish();
	md_intr_restore(true);
	preempt_enable();
	td->td_fn(td->td_arg);
	panic("thread %s returned", td->td_name);
}

void
thread_ready(struct thread *td)
{
	KASSERT(thread_state(td) == TD_NEW);
	thread_setstate(td, TD_READY);
	sched_enqueue(td);
}

void
thread_exit(void (*done)(struct thread *))
{
	struct thread *td = curthread();

	KASSERT(lock_none());
	KASSERT(td->td_nopreempt <= 1 && td->td_epoch == 0);
	KASSERT(md_intr_enabled() && !cpu_in_intr());
	td->td_done = done;
	td->td_nopreempt = 1;
	md_intr_disable();
	thread_setstate(td, TD_DEAD);
	sched_switch();
	panic("thread %s lives on", td->td_name);
}

void
thread_abandon(void (*done)(struct thread *))
{
	struct thread *td = curthread();

	td->td_ranks = 0;
	td->td_bigdepth = 0;
	td->td_kstack = NULL; /* not checked again */
	while (td->td_epoch > 0)
		epoch_exit();
	td->td_nopreempt = 0;
	md_intr_restore(true);
	thread_exit(done);
}

void
thread_fini(struct thread *td)
{
	KASSERT(thread_state(td) == TD_DEAD || thread_state(td) == TD_NEW);
	KASSERT(!thread_oncpu(td));
	md_thread_free(td);
}

bool
thread_oncpu(const struct thread *td)
{
	return atomic_load_explicit(&td->td_oncpu, memory_order_acquire);
}

void
thread_check_stack(const struct thread *td)
{
	if (td->td_kstack != NULL &&
	    __predict_false(*(const uint64_t *)td->td_kstack != STACK_MAGIC))
		panic("thread %s: kernel stack overflow", td->td_name);
}

/*
 * Time.
 */

/* What was used since td_stamp is used; from here on stamp counts. */
static void
clock_turn(struct thread *td, uint64_t now, uint64_t stamp)
{
	uint64_t used = 0, since;
	u_int seq;

	since = atomic_load_explicit(&td->td_stamp, memory_order_relaxed);
	if (since != 0)
		used = now - since;
	seq = atomic_load_explicit(&td->td_tseq, memory_order_relaxed);
	atomic_store_explicit(&td->td_tseq, seq + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&td->td_cputime,
	    atomic_load_explicit(&td->td_cputime, memory_order_relaxed) + used,
	    memory_order_relaxed);
	atomic_store_explicit(&td->td_stamp, stamp, memory_order_relaxed);
	atomic_store_explicit(&td->td_tseq, seq + 2, memory_order_release);
}

void
thread_clock_start(struct thread *td)
{
	uint64_t now = md_cycles();

	KASSERT(!md_intr_enabled());
	clock_turn(td, now, now);
}

void
thread_clock_stop(struct thread *td)
{
	KASSERT(!md_intr_enabled());
	KASSERT(
	    atomic_load_explicit(&td->td_uclock, memory_order_relaxed) >= 0);
	clock_turn(td, md_cycles(), 0);
}

void
thread_times(struct thread *td, uint64_t *utime, uint64_t *stime)
{
	uint64_t total, stamp, now;
	int64_t user;
	u_int seq;

	for (;;) {
		seq = atomic_load_explicit(&td->td_tseq, memory_order_acquire);
		total =
		    atomic_load_explicit(&td->td_cputime, memory_order_relaxed);
		stamp =
		    atomic_load_explicit(&td->td_stamp, memory_order_relaxed);
		user =
		    atomic_load_explicit(&td->td_uclock, memory_order_relaxed);
		now = md_cycles();
		atomic_thread_fence(memory_order_acquire);
		if ((seq & 1) == 0 && seq == atomic_load_explicit(&td->td_tseq,
						 memory_order_relaxed))
			break;
		md_cpu_relax();
	}
	if (stamp != 0 && now > stamp)
		total += now - stamp;
	if (user < 0)
		user += (int64_t)now;
	/* The two were not read at one moment. */
	user = MAX(user, 0);
	user = MIN(user, (int64_t)total);
	*utime = md_cycles_ns((uint64_t)user);
	*stime = md_cycles_ns(total - (uint64_t)user);
}
