/*
 * thread.h: threads, scheduling, sleeping.
 *
 * A thread is a kernel stack and a place in a queue.  kern embeds it in the
 * structure that knows the process.
 *
 * Scheduling: every CPU has a run queue of four priorities; a thread runs its
 * slice and goes to the tail.  Idle CPUs steal.  A thread that sleeps hangs
 * on a bucket of the sleep queues, found by its wait channel, an address.
 *
 * Protection:
 *	I	constant after thread_init()
 *	o	the thread itself
 *	o:a	written by itself, read anywhere
 *	q	the run queue lock of td_cpu
 *	q:a	written under it, read anywhere as a hint
 *	s	the bucket lock of td_wchan
 *	s:a	written under it, read anywhere as an atomic
 *	t	the thread; others read it with td_tseq
 *	a	C11 atomic
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <base/cpu.h>
#include <base/lockstat.h>

enum thread_state {
	TD_NEW,     /* never ran */
	TD_READY,   /* on a run queue */
	TD_RUNNING, /* on a CPU */
	TD_SLEEP,   /* on a sleep queue, or leaving its CPU for one */
	TD_STOPPED, /* by job control or a tracer: woken by thread_wake() */
	TD_DEAD     /* off its CPU for good after the next switch */
};

/*
 * A thread of PRIO_USER that sleeps more than it runs is queued as PRIO_HIGH.
 */
enum thread_prio { PRIO_KERNEL, PRIO_HIGH, PRIO_USER, PRIO_IDLE, NPRIO };

struct thread {
	struct md_thread td_md;         /* [o] port: saved context */
	void *td_kstack;                /* [I] lowest byte, KSTACK_SIZE */
	TAILQ_ENTRY(thread) td_link;    /* [q] or [s] */
	_Atomic(u_int) td_state;        /* [a] enum thread_state */
	u_int td_nopreempt;             /* [o] */
	uint64_t td_ranks;              /* [o] held lock ranks, a bit each */
	u_int td_bigdepth;              /* [o] holds of the big lock */
	u_int td_prio;                  /* [q] enum thread_prio */
	_Atomic(struct cpu *) td_cpu;   /* [q:a] where it runs or ran last */
	_Atomic(cpumask_t) td_affinity; /* [o:a] where it may run */
	_Atomic(const void *) td_wchan; /* [s:a] NULL: on no sleep queue */
	const char *td_wmesg;           /* [s] why it sleeps */
	_Atomic(bool) td_oncpu;         /* [a] its stack is in use by a CPU */
	bool td_intr;                   /* [s] sleeps interruptibly */
	int td_werror;                  /* [s] what the sleep returns */
	_Atomic(bool) td_sigpend;       /* [a] interruptible sleeps fail */
	_Atomic(bool) td_ast;           /* [a] kern_ast() before user mode */
	uint64_t td_slept;              /* [o] when it last went to sleep */
	_Atomic(uint64_t) td_credit;    /* [a] ns it slept and did not run */
	_Atomic(int64_t) td_uclock; /* [a] cycles in user mode; see thread.c */
	_Atomic(uint64_t) td_cputime; /* [t] cycles on CPUs, up to td_stamp */
	_Atomic(uint64_t) td_stamp; /* [t] when it came to its CPU; 0: is off */
	_Atomic(u_int) td_tseq;     /* [a] odd: the two are being changed */
	uint32_t td_epoch;          /* [o] nesting of epoch_enter() */
	struct md_frame *td_frame; /* [o] user registers; NULL: kernel thread */
	void (*td_fn)(void *);     /* [I] where it begins */
	void *td_arg;              /* [I] */
	void (*td_done)(struct thread *); /* [o] how it ends */
	const char *td_phase; /* [o] of an exit, for profilers; NULL: none */
	char td_name[16];     /* [o] */
#if LOCKSTAT
	struct lockhold td_hold[LOCKSTAT_NHELD]; /* [o] */
#endif
};

/* A hint, unless the caller knows what keeps it so. */
static inline enum thread_state
thread_state(const struct thread *td)
{
	return atomic_load_explicit(&td->td_state, memory_order_relaxed);
}

/* Where it runs or ran last; a hint, unless its run queue is locked. */
static inline struct cpu *
thread_cpu(const struct thread *td)
{
	return atomic_load_explicit(&td->td_cpu, memory_order_relaxed);
}

/* Where it may run. */
static inline cpumask_t
thread_affinity(const struct thread *td)
{
	return atomic_load_explicit(&td->td_affinity, memory_order_relaxed);
}

static inline void
thread_setaffinity(struct thread *td, cpumask_t mask)
{
	atomic_store_explicit(&td->td_affinity, mask, memory_order_relaxed);
}

/*
 * thread_init: a thread that will call fn(arg) once made ready, with
 *	interrupts on; fn ends with thread_exit().  kstack is KSTACK_SIZE
 *	bytes.  All of td is set here; td_prio is PRIO_USER and td_affinity every
 *	CPU, which may be changed before thread_ready().  Cannot fail.
 * thread_ready: put a new thread on a run queue.  Any context.
 * thread_exit: the caller never runs again.  Interrupts on, no lock held;
 *	preemption may have been disabled, once.
 *	done(td) is called on another stack once this one is free, in the
 *	context of whatever thread runs next: interrupts off, and it must not
 *	sleep or take a spin lock below RANK_INTR.
 * thread_abandon: the same for a thread that a test saw panic: the locks it
 *	holds are forgotten, not released.
 * thread_fini: when it is gone, before its memory is: forget what the port
 *	holds for it.  Never sleeps; not in interrupt handlers.
 * thread_oncpu: whether its stack may still be in use.
 */
void thread_init(struct thread *td, void *kstack, const char *name,
    void (*fn)(void *), void *arg);
void thread_ready(struct thread *td);
__attribute__((noreturn)) void thread_exit(void (*done)(struct thread *));
__attribute__((noreturn)) void thread_abandon(void (*done)(struct thread *));
void thread_fini(struct thread *td);
bool thread_oncpu(const struct thread *td);

/* From here on the caller is in this phase, until it says otherwise. */
static inline void
thread_phase(const char *phase)
{
	curthread()->td_phase = phase;
}

/* The lowest word of the stack is intact; checked at each switch. */
void thread_check_stack(const struct thread *td);

/*
 * preempt_disable, preempt_enable: nest.  The last enable switches if a
 *	switch was asked for meanwhile and interrupts are on.
 * thread_yield: let others of the same priority run.  May sleep.
 * sched_preempt: if sched_need(), let who is due run.  Called by
 *	cpu_intr_exit(), preempt_enable(), and before return to user mode.
 *	Preemption allowed, no interrupt handler below; interrupts on or off.
 * sched_need: another thread should run on this CPU.  Any context.
 */
void thread_yield(void);
void sched_preempt(void);

static inline bool
sched_need(void)
{
#ifdef MD_CPU_INLINE
	return md_cpu_resched();
#else
	return atomic_load_explicit(&curcpu()->cpu_resched,
	    memory_order_relaxed);
#endif
}

/* The rest of preempt_enable(): a switch was asked for. */
__unlikely_call void preempt_now(void);

static inline void
preempt_disable(void)
{
	curthread()->td_nopreempt++;
	atomic_signal_fence(memory_order_seq_cst);
}

static inline void
preempt_enable(void)
{
	struct thread *td = curthread();
	int n;

	atomic_signal_fence(memory_order_seq_cst);
	n = (int)--td->td_nopreempt;
	KASSERT(n >= 0);
	if (n == 0 && __predict_false(sched_need()))
		preempt_now();
}

/*
 * The ranks that td, the caller, holds: see lock.h.  For those who write
 * locks; they are inline because all locks pay for them.
 * lock_rank_take: panics unless it may take a lock of rank r.
 * lock_rank_untake: it held one.
 */
__unlikely_call void lock_rank_violation(const struct thread *td, u_int r);

static inline void
lock_rank_take(struct thread *td, u_int r)
{
	if (__predict_false(td->td_ranks >> r != 0))
		lock_rank_violation(td, r);
	td->td_ranks |= (uint64_t)1 << r;
}

static inline void
lock_rank_untake(struct thread *td, u_int r)
{
	KASSERT((td->td_ranks >> r & 1) != 0);
	td->td_ranks &= ~((uint64_t)1 << r);
	lockstat_left(r);
}

/*
 * A lock of what a CPU keeps for itself, which another takes only in need:
 * hardly ever contended, and its two ends are inline.  Context as spin_enter()
 * with a rank below RANK_INTR; the order of ranks is checked when DEBUG.
 *
 * Protection:
 *	I	constant after initialization
 *	a	C11 atomic
 */
struct cpulock {
	_Atomic(bool) cl_held; /* [a] */
	uint8_t cl_rank;       /* [I] */
};

void cpulock_init(struct cpulock *cl, enum lock_rank rank);
/* The rest of cpulock_enter(): somebody has it. */
__unlikely_call void cpulock_wait(struct cpulock *cl);

static inline void
cpulock_enter(struct cpulock *cl)
{
	preempt_disable();
	if (DEBUG)
		lock_rank_take(curthread(), cl->cl_rank);
	if (__predict_false(atomic_exchange_explicit(&cl->cl_held, true,
		memory_order_acquire)))
		cpulock_wait(cl);
	lockstat_taken(cl->cl_rank, 0);
}

static inline void
cpulock_exit(struct cpulock *cl)
{
	KASSERT(atomic_load_explicit(&cl->cl_held, memory_order_relaxed));
	if (DEBUG)
		lock_rank_untake(curthread(), cl->cl_rank);
	lockstat_left(cl->cl_rank);
	atomic_store_explicit(&cl->cl_held, false, memory_order_release);
	preempt_enable();
}

/*
 * Called by the scheduler on every switch, interrupts off, on the new
 * thread's stack: pmap loads the right root here.  Registered by kern.
 */
extern void (*sched_switched)(struct thread *from, struct thread *to);

/* Move td, the caller, to a CPU in mask (not empty).  May sleep. */
void sched_bind(cpumask_t mask);

/*
 * Time: user and system time are exact.  The port calls thread_user_enter()
 * as its last act before user mode and thread_user_exit() as its first after
 * it, for the running thread; interrupts are off for both.  They are part of
 * the cost of every system call: two loads and a store.
 */
static inline void
thread_uclock_add(struct thread *td, int64_t n)
{
#ifdef MD_CPU_INLINE
	md_word_add(&td->td_uclock, n);
#else
	atomic_store_explicit(&td->td_uclock,
	    atomic_load_explicit(&td->td_uclock, memory_order_relaxed) + n,
	    memory_order_relaxed);
#endif
}

static inline void
thread_user_enter(struct thread *td)
{
	KASSERT((td->td_ranks | td->td_nopreempt) == 0);
	thread_uclock_add(td, -(int64_t)md_cycles());
}

static inline void
thread_user_exit(struct thread *td)
{
	thread_uclock_add(td, (int64_t)md_cycles());
}

/* Both times of td up to now, in ns; td may be running.  Any context. */
void thread_times(struct thread *td, uint64_t *utime, uint64_t *stime);

/*
 * Sleeping.  A wait channel is any address.  The caller checks its condition
 * under a lock, calls one of these with it, and checks again on return:
 * wake-ups may be spurious.  The lock is released once the thread is on the
 * queue, so that a wake-up by whoever takes it next is not lost, and is held
 * again on return.  No other spin lock is held; sleeping locks may be, and all
 * holds of the big lock are given up meanwhile.
 *
 * SLEEP_INTR	a signal ends the sleep: EINTR
 * deadline	md_time_ns() at which it ends: ETIMEDOUT; 0: none
 * 0		woken
 */
#define SLEEP_INTR 1u
int sleep_spin(const void *chan, struct spin *l, u_int flags, uint64_t deadline,
    const char *why);
int sleep_mutex(const void *chan, struct mutex *m, u_int flags,
    uint64_t deadline, const char *why);
/* The lock is write-held and will be again. */
int sleep_rw(const void *chan, struct rwlock *rw, u_int flags,
    uint64_t deadline, const char *why);
/* The deadline that is ns from now. */
uint64_t sleep_deadline(uint64_t ns);
/* Only the deadline or a signal ends it. */
int sleep_until(uint64_t deadline, u_int flags, const char *why);

/* Wake all, or the longest waiting, on chan.  Any context. */
void wakeup(const void *chan);
void wakeup_one(const void *chan);

/*
 * thread_interrupt: end td's sleep with EINTR if it is interruptible.  Any
 *	context.  Set td_sigpend first.
 * thread_stop: TD_STOPPED until thread_wake(); the lock as in sleep_spin().
 */
void thread_interrupt(struct thread *td);
void thread_stop(struct spin *l);
void thread_wake(struct thread *td);

/*
 * Timeouts: fn(arg) is called at or after when, in interrupt context on some
 * CPU; it may set or free the timeout.
 *
 * timeout_set: (again) at when, not 0.  Any context, ranks below RANK_TIMEOUT.
 * timeout_cancel: true when it had not begun; when false it may still be
 *	running.  Any context, as timeout_set().
 * timeout_drain: cancel; on return fn does not run.  May spin: the caller
 *	holds no lock that fn takes, and is not fn.
 */
struct timeout {
	TAILQ_ENTRY(timeout) to_link; /* [timeout lock] */
	uint64_t to_when;             /* [timeout lock] 0: idle */
	void (*to_fn)(void *);        /* [I] */
	void *to_arg;                 /* [I] */
};
void timeout_init(struct timeout *to, void (*fn)(void *), void *arg);
void timeout_set(struct timeout *to, uint64_t when);
bool timeout_cancel(struct timeout *to);
void timeout_drain(struct timeout *to);

/*
 * Bring up this layer on the boot CPU, after cpu_attach(): sleep queues, this
 * CPU's idle thread, the thread that runs epoch callbacks.  Interrupts may be
 * off; the caller may sleep once they are on.
 */
void base_init(void);

/*
 * Check every run queue, sleep queue and the timeouts; panics on damage.
 * Slow: interrupts are off for the length of a queue.  No spin lock held.
 */
void base_verify(void);

#endif
