/*
 * signal.h: signals, from being sent to being taken.
 *
 * A signal is a bit in a pending set, of one thread or of the process, and
 * perhaps a record in its queue that says who sent it.  A thread looks at
 * them before it returns to user mode (sig_deliver); whoever sends one sets
 * td_ast and td_sigpend of a thread that can take it, which ends that
 * thread's interruptible sleep.
 *
 * Everything here is guarded by ps_siglock, which interrupt handlers take:
 * what is said below to be of any context may be called with interrupts off.
 */
#ifndef KERN_SIGNAL_H
#define KERN_SIGNAL_H

#include <sys/abi.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <base/lock.h>
#include <base/refcount.h>

struct lwp;
struct md_frame;
struct proc;
struct mutex;

#define SIGBIT(sig)  ((uint64_t)1 << ((sig)-1))
#define SIG_CANTMASK (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))
#define SIG_STOPSET                                                            \
	(SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))

struct sigq {
	TAILQ_ENTRY(sigq) sq_link;
	struct proc *sq_owner; /* counted in its ps_nsigq, or NULL */
	struct sigpend *sq_on; /* whose queue it is on; NULL: none */
	bool sq_own;           /* a timer's: not for the pool */
	struct abi_siginfo sq_info;
};
TAILQ_HEAD(sigqueue, sigq);

/*
 * Pending signals.  A standard signal is queued at most once; a set bit
 * without a record (no memory, or sent by an interrupt) has no sender to tell.
 */
struct sigpend {
	uint64_t sp_set; /* bit n - 1: signal n */
	struct sigqueue sp_queue;
};

/*
 * What processes do about signals that share it (CLONE_SIGHAND).
 *
 * Protection:
 *	a	C11 atomic
 *	l	sa_lock
 */
struct sigacts {
	refcount_t sa_refs;                /* [a] processes */
	struct spin sa_lock;               /* RANK_SIGACT */
	struct abi_sigaction sa_act[NSIG]; /* [l] */
};

/* What a nanosleep() that is to be continued still has to do. */
struct sleep_rest {
	uint64_t sr_until; /* md_time_ns() */
	vaddr_t sr_rem;    /* where to store what is left; 0: nowhere */
};

/* User and system time, in ns, and faults of processes that are gone. */
struct rutimes {
	uint64_t rt_utime, rt_stime;
	u_long rt_minflt, rt_majflt;
	u_long rt_maxrss; /* KiB, of the largest */
};

/*
 * sig_post: info->si_signo to a process, or to the thread l of it.  Any
 *	context.  0: sent, or ignored as it should be.  EAGAIN: a real-time
 *	signal, and the queue is full.
 * sig_post_simple: the same without a sender's record, but for si_code.
 * sig_post_own: the same with a record that the caller keeps and that is not
 *	queued.  False: not queued, as nobody would notice, or one like it is.
 *	What is pending of signals that it contradicts stays.  s held.
 * sig_unpost_own: take it back if it is queued.  s of its process held.
 * sig_self: a synchronous one to the calling thread (a fault): if it is
 *	blocked or ignored the default action happens.
 * sig_pgrp: to every member of a group, from the kernel.  proctree_lock held.
 * sig_pending: whether the calling thread would take a signal now.
 * sig_waiting: which signals are pending for it, blocked or not.
 * sig_killed: whether the calling thread is on its way out: killed, or told
 *	to go by another thread's exit or exec.  False for kernel threads.
 */
int sig_post(struct proc *p, struct lwp *l, const struct abi_siginfo *info);
void sig_post_simple(struct proc *p, int sig, int code);
bool sig_post_own(struct proc *p, struct lwp *l, struct sigq *sq);
void sig_unpost_own(struct sigq *sq);
void sig_self(int sig, int code, vaddr_t addr);
void sig_pgrp(pid_t pgid, int sig);
bool sig_pending(void);
uint64_t sig_waiting(void);
bool sig_killed(void);

/*
 * kill_proc: what kill() does, or (info not 0) rt_sigqueueinfo(), to a process
 *	the caller has a reference to.  0 or -errno; ESRCH: it has been
 *	waited for.
 */
long kill_proc(struct proc *p, int sig, vaddr_t info);

/*
 * sig_deliver: take what is pending: run handlers, stop, or die.  Thread
 *	context, about to return to user mode, no lock held.  May not return.
 * sig_take: remove a pending signal of set for the caller (sigtimedwait); 0:
 *	none.
 * sig_wait: the same, sleeping until there is one.  EAGAIN: the deadline (a
 *	md_time_ns()) came; EINTR: another signal.
 * sig_dequeue: take sig off sp if it is pending; its record goes to gone.
 *	ps_siglock held.
 * sig_mask: the calling thread blocks mask from now on; the old one.
 * sig_action: set (act not NULL) and get (old not NULL) an action.
 * sig_getact, sig_setact: of p; ps_siglock held.
 * sig_copy: child, which nobody else knows yet, begins with what p does.  s of
 *	p held.
 * sig_reset: only what is ignored stays so; bare: without flags and mask.  s
 *	held, or nobody else knows p.
 * sig_share: child is to do as p does, from now on and for ever.  ENOMEM.  Of
 *	the caller's process and one nobody sees yet.
 * sig_unshare: p is to do as it likes again, what it does now at first.
 * sig_update: l's td_sigpend and td_ast after a change of mask or state.
 *	ps_siglock held.
 * sig_poke: the same, and make l look if there is something for it.
 * sig_stops: job control or a tracer wants l to stop.  ps_siglock held.
 */
void sig_deliver(struct md_frame *f);
int sig_take(uint64_t set, struct abi_siginfo *info);
int sig_wait(uint64_t set, uint64_t deadline, struct abi_siginfo *info,
    int *sigp);
bool sig_dequeue(struct sigpend *sp, int sig, struct abi_siginfo *info,
    struct sigqueue *gone);
uint64_t sig_mask(uint64_t mask);
void sig_action(int sig, const struct abi_sigaction *act,
    struct abi_sigaction *old);
struct abi_sigaction sig_getact(struct proc *p, int sig);
void sig_setact(struct proc *p, int sig, const struct abi_sigaction *act);
void sig_copy(struct proc *p, struct proc *child);
void sig_reset(struct proc *p, bool bare);
int sig_share(struct proc *p, struct proc *child);
void sig_unshare(struct proc *p);
void sig_update(struct lwp *l);
void sig_poke(struct lwp *l);
bool sig_stops(const struct lwp *l);

/*
 * sig_killable: between the two calls only being killed ends the caller's
 *	interruptible sleeps.  sig_killable_end gets the first one's answer.
 */
uint64_t sig_killable(void);
void sig_killable_end(uint64_t mask);

/*
 * sig_boot: once.  sig_init: empty state of a new process or thread.
 * sig_flush: drop everything pending.  ps_siglock held; the records are
 *	appended to q, which sig_free() frees without it.
 * sig_exec: handled signals back to default; no alternate stack.
 * sig_retarget: l will not take any more: others should look.  s held.
 * sig_notify_parent: SIGCHLD for a change of p's state (CLD_*), and wake
 *	who waits.  T held.
 * sig_notify_job: p has been stopped or continued as a whole: its parent has
 *	something new to wait for.  T held.
 */
void sig_boot(void);
void sigpend_init(struct sigpend *sp);
void sig_flush(struct sigpend *sp, struct sigqueue *q);
void sig_free(struct sigqueue *q);
void sig_exec(struct proc *p);
void sig_retarget(struct proc *p);
void sig_notify_parent(struct proc *p, int code, int status);
void sig_notify_job(struct proc *p, int code, int status);

#endif
