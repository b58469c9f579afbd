/*
 * sched.c: who runs where.
 *
 * Every CPU has a run queue of NPRIO priorities, under a lock of its own, and
 * an idle thread, which is on no queue.  Who becomes ready goes to the CPU
 * it ran on last if that is idle, else to an idle one, else to the queue of
 * the former.  A CPU that is about to idle looks into the other queues.
 *
 * While a thread is being switched out it may already be on a queue again: it
 * slept, and was woken before it was off its CPU.  Until its stack is free
 * td_oncpu is set, and all but its own CPU pass it over.  An idle CPU with
 * nothing else in its queue then looks again instead of idling.
 *
 * Nobody is lost: a CPU first says in cpus_idle that it idles, then looks into
 * all queues; who puts a thread on the queue of a busy CPU then looks at
 * cpus_idle.  Both with a fence between.
 *
 * There is no tick.  A CPU arms its timer for the end of a slice only while
 * somebody waits in its queue.
 */
#include <base/thread.h>

#include <port/machdep.h>

#include "base_impl.h"

/* One pick in so many starts at another priority, each of them in turn. */
#define FAIR_PICK 8

void (*sched_switched)(struct thread *from, struct thread *to);
_Atomic(cpumask_t) cpus_idle;

/* The boot CPU's idle thread; the other CPUs begin as theirs. */
static struct thread idle0;
static uint8_t idle0_stack[KSTACK_SIZE] __aligned(PAGE_SIZE);

_Static_assert(nitems(((struct cpu *)0)->cpu_runq) == NPRIO,
    "a run queue for each priority");

/*
 * Preemption.
 */

__unlikely_call void
preempt_now(void)
{
	if (md_intr_enabled())
		sched_preempt();
}

/* Give up the CPU without leaving the competition for it. */
static void
give_way(void)
{
	struct thread *td = curthread();
	bool intr;

	intr = md_intr_disable();
	KASSERT(td->td_nopreempt == 0);
	KASSERT(curcpu()->cpu_intr_depth == 0);
	KASSERT(thread_state(td) == TD_RUNNING);
	td->td_nopreempt++;
	sched_switch();
	td->td_nopreempt--;
	md_intr_restore(intr);
}

void
sched_preempt(void)
{
	if (sched_need())
		give_way();
}

void
thread_yield(void)
{
	KASSERT(md_intr_enabled());
	give_way();
	/* Who calls this in a loop waits for somebody, perhaps elsewhere. */
	md_cpu_relax();
}

void
sched_bind(cpumask_t mask)
{
	struct thread *td = curthread();
	bool here;

	KASSERT(mask != 0);
	preempt_disable();
	thread_setaffinity(td, mask);
	here = (mask & CPUMASK(curcpu()->cpu_id)) != 0;
	preempt_enable();
	if (!here)
		thread_yield();
}

void
cpu_each(void (*fn)(void))
{
	cpumask_t was = thread_affinity(curthread());
	bool intr;
	u_int id;

	for (id = 0; id < cpu_count(); id++) {
		sched_bind(CPUMASK(id));
		intr = md_intr_disable();
		fn();
		md_intr_restore(intr);
	}
	sched_bind(was);
}

static void
arm_sampler(void)
{
	if (atomic_load_explicit(&cpu_sampler, memory_order_relaxed) != NULL)
		clock_arm(md_time_ns());
}

/* To have been on a CPU is to know that no handler from before runs there. */
void
cpu_sampler_set(uint64_t (*fn)(uint64_t now))
{
	atomic_store_explicit(&cpu_sampler, fn, memory_order_release);
	cpu_each(arm_sampler);
}

/*
 * Run queues.
 */

static bool
allowed(const struct thread *td, const struct cpu *c)
{
	return (thread_affinity(td) & CPUMASK(c->cpu_id)) != 0;
}

static void
set_cpu(struct thread *td, struct cpu *c)
{
	atomic_store_explicit(&td->td_cpu, c, memory_order_relaxed);
}

/*
 * What td slept and did not run since.  Whoever wakes it adds to that while
 * its CPU, which it is about to leave, may still subtract: one of the two is
 * lost then, and nobody minds.
 */
static uint64_t
credit(const struct thread *td)
{
	return atomic_load_explicit(&td->td_credit, memory_order_relaxed);
}

static void
set_credit(struct thread *td, uint64_t ns)
{
	atomic_store_explicit(&td->td_credit, ns, memory_order_relaxed);
}

/* The queue that td belongs in. */
static u_int
queue_of(const struct thread *td)
{
	if (td->td_prio == PRIO_USER && credit(td) > 0)
		return PRIO_HIGH;
	return td->td_prio;
}

static void
queue_insert(struct cpu *c, struct thread *td)
{
	u_int q = queue_of(td); /* once: its credit may change meanwhile */

	KASSERT(spin_held(&c->cpu_runq_lock));
	KASSERT(thread_state(td) == TD_READY);
	set_cpu(td, c);
	TAILQ_INSERT_TAIL(&c->cpu_runq[q], td, td_link);
	atomic_fetch_add_explicit(&c->cpu_nrun, 1, memory_order_relaxed);
}

static bool
queue_empty(const struct cpu *c)
{
	return atomic_load_explicit(&c->cpu_nrun, memory_order_relaxed) == 0;
}

/*
 * Take the thread from c's queue that is to run on self next; NULL: none that
 * can.  c's queue locked.
 */
static struct thread *
queue_take(struct cpu *c, const struct cpu *self)
{
	struct thread *td, *me = curthread();
	u_int first = 0, i, q;

	KASSERT(spin_held(&c->cpu_runq_lock));
	if (++c->cpu_npick % FAIR_PICK == 0)
		first = c->cpu_npick / FAIR_PICK;
	for (i = 0; i < NPRIO; i++) {
		q = (first + i) % NPRIO;
		TAILQ_FOREACH(td, &c->cpu_runq[q], td_link) {
			if (!allowed(td, self) ||
			    (td != me && thread_oncpu(td)))
				continue;
			TAILQ_REMOVE(&c->cpu_runq[q], td, td_link);
			atomic_fetch_sub_explicit(&c->cpu_nrun, 1,
			    memory_order_relaxed);
			atomic_store_explicit(&td->td_oncpu, true,
			    memory_order_relaxed);
			thread_setstate(td, TD_RUNNING);
			return td;
		}
	}
	return NULL;
}

/* Ask an idle CPU but c, on which td may run, to look for work. */
static void
call_idle(const struct thread *td, const struct cpu *c)
{
	struct cpu *self = curcpu();
	cpumask_t idle;

	atomic_thread_fence(memory_order_seq_cst);
	idle = atomic_load_explicit(&cpus_idle, memory_order_relaxed) &
	       thread_affinity(td) & ~CPUMASK(c->cpu_id);
	if ((idle & CPUMASK(self->cpu_id)) != 0)
		atomic_store_explicit(&self->cpu_resched, true,
		    memory_order_relaxed);
	else if (idle != 0)
		md_ipi((u_int)__builtin_ctzll(idle), MD_IPI_RESCHED);
}

/* Where td, which became ready, is to queue. */
static struct cpu *
choose_cpu(const struct thread *td)
{
	struct cpu *last = thread_cpu(td);
	cpumask_t idle;
	u_int id;

	if (last == NULL)
		last = curcpu();
	if (allowed(td, last) && thread_oncpu(td))
		return last;
	idle = atomic_load_explicit(&cpus_idle, memory_order_relaxed) &
	       thread_affinity(td);
	if ((idle & CPUMASK(last->cpu_id)) != 0)
		return last;
	if (idle != 0)
		return cpu_table[__builtin_ctzll(idle)];
	if (allowed(td, last))
		return last;
	for (id = 0; id < cpu_count(); id++)
		if (allowed(td, cpu_table[id]))
			return cpu_table[id];
	panic("thread %s may run nowhere", td->td_name);
}

/* Somebody waits for this CPU: limit the stay of who has it. */
static void
start_slice(struct cpu *c)
{
	KASSERT(spin_held(&c->cpu_runq_lock) && c == curcpu());
	c->cpu_slice_end = md_time_ns() + SCHED_SLICE;
	clock_arm(c->cpu_slice_end);
}

void
sched_enqueue(struct thread *td)
{
	struct cpu *c, *self;
	bool urgent;

	preempt_disable();
	self = curcpu();
	c = choose_cpu(td);
	spin_enter(&c->cpu_runq_lock);
	queue_insert(c, td);
	urgent = queue_of(td) < c->cpu_curprio;
	if (urgent)
		atomic_store_explicit(&c->cpu_resched, true,
		    memory_order_relaxed);
	if (c != self) {
		if (urgent || c->cpu_slice_end == 0)
			md_ipi(c->cpu_id, MD_IPI_RESCHED);
	} else if (!urgent && c->cpu_slice_end == 0)
		start_slice(c);
	if (c->cpu_curprio < NPRIO)
		call_idle(td, c);
	spin_exit(&c->cpu_runq_lock);
	preempt_enable();
}

void
sched_woken(struct thread *td)
{
	uint64_t now = md_time_ns(), slept;

	KASSERT(thread_state(td) == TD_SLEEP || thread_state(td) == TD_STOPPED);
	slept = now > td->td_slept ? now - td->td_slept : 0;
	set_credit(td, MIN(credit(td) + slept, SCHED_SLICE));
	thread_setstate(td, TD_READY);
	sched_enqueue(td);
}

/* MD_IPI_RESCHED: somebody came to this CPU's queue. */
void
sched_kick(void)
{
	struct cpu *c = curcpu();
	u_int q;

	spin_enter(&c->cpu_runq_lock);
	if (!queue_empty(c)) {
		for (q = 0; q < NPRIO && TAILQ_EMPTY(&c->cpu_runq[q]); q++)
			continue;
		if (q < c->cpu_curprio)
			atomic_store_explicit(&c->cpu_resched, true,
			    memory_order_relaxed);
		else if (c->cpu_slice_end == 0)
			start_slice(c);
	}
	spin_exit(&c->cpu_runq_lock);
}

/* The clock: has the running thread had its slice? */
void
sched_clock(uint64_t now)
{
	struct cpu *c = curcpu();
	struct thread *td = curthread();

	spin_enter(&c->cpu_runq_lock);
	if (c->cpu_slice_end != 0 && now >= c->cpu_slice_end) {
		c->cpu_slice_end = 0;
		set_credit(td, 0);
		atomic_store_explicit(&c->cpu_resched, true,
		    memory_order_relaxed);
	} else if (c->cpu_slice_end != 0)
		clock_arm(c->cpu_slice_end);
	spin_exit(&c->cpu_runq_lock);
}

/*
 * Switching.
 */

/* td leaves the CPU, or begins a new slice: it ran since cpu_switch_time. */
static void
charge(struct cpu *c, struct thread *td, uint64_t now)
{
	uint64_t ran = now - c->cpu_switch_time, had = credit(td);

	set_credit(td, had - MIN(had, ran));
	c->cpu_switch_time = now;
}

/* Take a thread from another CPU's queue; NULL: none. */
static struct thread *
steal(struct cpu *c)
{
	struct thread *td;
	struct cpu *victim;
	u_int i;

	for (i = 1; i < cpu_count(); i++) {
		victim = cpu_table[(c->cpu_id + i) % cpu_count()];
		if (queue_empty(victim))
			continue;
		spin_enter(&victim->cpu_runq_lock);
		td = queue_take(victim, c);
		spin_exit(&victim->cpu_runq_lock);
		if (td != NULL)
			return td;
	}
	return NULL;
}

/* What runs next on c: from its own queue, another one, or its idle thread. */
static struct thread *
choose_next(struct cpu *c, struct thread *td)
{
	struct thread *next, *spare = NULL;
	u_int q;

	spin_enter(&c->cpu_runq_lock);
	atomic_store_explicit(&c->cpu_resched, false, memory_order_relaxed);
	if (thread_state(td) == TD_RUNNING && td != c->cpu_idle) {
		thread_setstate(td, TD_READY);
		queue_insert(c, td);
	}
	next = queue_take(c, c);
	if (next == NULL) {
		spin_exit(&c->cpu_runq_lock);
		next = steal(c);
		if (next == NULL)
			next = c->cpu_idle;
		spin_enter(&c->cpu_runq_lock);
	}
	set_cpu(next, c);
	c->cpu_curprio = next == c->cpu_idle ? NPRIO : queue_of(next);
	c->cpu_slice_end = 0;
	if (!queue_empty(c)) {
		start_slice(c);
		for (q = 0; q < NPRIO && spare == NULL; q++)
			spare = TAILQ_FIRST(&c->cpu_runq[q]);
		call_idle(spare, c);
	}
	spin_exit(&c->cpu_runq_lock);
	return next;
}

void
sched_switch(void)
{
	struct thread *td = curthread(), *next;
	struct cpu *c = curcpu();
	uint64_t now = md_time_ns();

	KASSERT(!md_intr_enabled() && c->cpu_intr_depth == 0);
	KASSERT(td->td_nopreempt == 1);
	KASSERT(td->td_ranks >> RANK_SPIN == 0);
	KASSERT(td->td_epoch == 0);
	thread_check_stack(td);

	charge(c, td, now);
	if (thread_state(td) == TD_RUNNING && !allowed(td, c)) {
		thread_setstate(td, TD_READY);
		sched_enqueue(td);
	}
	next = choose_next(c, td);
	thread_setstate(next, TD_RUNNING);
	if (next == td)
		return;
	if (td == c->cpu_idle)
		atomic_fetch_and_explicit(&cpus_idle, ~CPUMASK(c->cpu_id),
		    memory_order_relaxed);
	thread_clock_stop(td);
	thread_clock_start(next);
	atomic_store_explicit(&next->td_oncpu, true, memory_order_relaxed);
	c->cpu_prev = td;
	count_add(COUNT_SWITCH, 1);
	md_switch(td, next);
	sched_finish();
}

/*
 * On the new stack.  Once td_oncpu of the thread that left is false, it may
 * run elsewhere, and a dead one may be gone.
 */
void
sched_finish(void)
{
	struct cpu *c = curcpu();
	struct thread *td = curthread(), *prev = c->cpu_prev;
	void (*done)(struct thread *) = NULL;

	KASSERT(!md_intr_enabled());
	KASSERT(prev != NULL && prev != td);
	c->cpu_prev = NULL;
	c->cpu_curthread = td;
	if (sched_switched != NULL)
		sched_switched(prev, td);
	if (thread_state(prev) == TD_DEAD)
		done = prev->td_done;
	atomic_store_explicit(&prev->td_oncpu, false, memory_order_release);
	if (done != NULL)
		done(prev);
}

/*
 * Idling.
 */

void
sched_idle(void)
{
	struct thread *td = curthread();

	KASSERT(td->td_nopreempt == 1);
	for (;;) {
		md_intr_disable();
		KASSERT(td == curcpu()->cpu_idle);
		atomic_fetch_or_explicit(&cpus_idle, CPUMASK(curcpu()->cpu_id),
		    memory_order_relaxed);
		atomic_thread_fence(memory_order_seq_cst);
		sched_switch();
		/*
		 * Either nothing was found, or others ran and nothing is left
		 * of them; in that case say again that we idle.
		 */
		if (!queue_empty(curcpu()) || sched_need())
			md_cpu_relax();
		else if ((atomic_load_explicit(&cpus_idle,
			      memory_order_relaxed) &
			     CPUMASK(curcpu()->cpu_id)) != 0)
			md_cpu_idle();
		md_intr_restore(true);
	}
}

uint64_t
cpu_idle_time(const struct cpu *c)
{
	uint64_t user, idle;

	thread_times(c->cpu_idle, &user, &idle);
	return idle;
}

static void
idle_start(void *arg __unused)
{
	preempt_disable();
	sched_idle();
}

void
sched_cpu_init(struct cpu *c, struct thread *boot, void *kstack)
{
	u_int q;

	spin_init(&c->cpu_runq_lock, RANK_RUNQ);
	for (q = 0; q < NPRIO; q++)
		TAILQ_INIT(&c->cpu_runq[q]);
	c->cpu_timer = UINT64_MAX;
	c->cpu_switch_time = md_time_ns();
	thread_adopt(boot, c, kstack);
	if (c->cpu_id != 0) {
		boot->td_prio = PRIO_IDLE;
		thread_setaffinity(boot, CPUMASK(c->cpu_id));
		boot->td_nopreempt = 1;
		c->cpu_idle = boot;
		c->cpu_curprio = NPRIO;
	} else
		c->cpu_curprio = PRIO_USER;
}

/* Every queue has as many threads as counted, all of them ready. */
void
sched_verify(void)
{
	struct thread *td;
	struct cpu *c;
	u_int id, n, q;

	for (id = 0; id < cpu_count(); id++) {
		c = cpu_table[id];
		KASSERT(c->cpu_self == c && c->cpu_id == id);
		spin_enter(&c->cpu_runq_lock);
		n = 0;
		for (q = 0; q < NPRIO; q++)
			TAILQ_FOREACH(td, &c->cpu_runq[q], td_link) {
				KASSERT(thread_state(td) == TD_READY);
				KASSERT(thread_cpu(td) == c);
				KASSERT(td != c->cpu_idle);
				thread_check_stack(td);
				n++;
			}
		KASSERT(queue_empty(c) == (n == 0));
		KASSERT(n == atomic_load_explicit(&c->cpu_nrun,
				 memory_order_relaxed));
		spin_exit(&c->cpu_runq_lock);
	}
}

void
base_verify(void)
{
	KASSERT(lock_none_above(RANK_SPIN));
	sched_verify();
	sleepq_verify();
	timeout_verify();
}

void
base_init(void)
{
	struct cpu *c = curcpu();

	KASSERT(c->cpu_id == 0 && c->cpu_idle == NULL);
	sleepq_init();
	thread_init(&idle0, idle0_stack, "idle0", idle_start, NULL);
	idle0.td_prio = PRIO_IDLE;
	thread_setaffinity(&idle0, CPUMASK(0));
	set_cpu(&idle0, c);
	c->cpu_idle = &idle0;
	epoch_init();
	epoch_thread_init();
}
