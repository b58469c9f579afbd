/*
 * signal.c: sending signals, and the sets of pending ones.
 *
 * sigdeliver.c is the other half: taking them.
 *
 * Records cannot be freed under ps_siglock, which is a leaf that interrupt
 * handlers take: whoever removes some puts them on a list of its own and
 * frees that afterwards.  Nor can they be had in an interrupt: what a timer
 * sends has no record, only its bit.
 */
#include <kern/proc.h>
#include <sys/errno.h>
#include <base/print.h>
#include <kern/ptrace.h>
#include <phys/kmem.h>
#include <phys/pool.h>
#include <port/machdep.h>

static struct pool sigq_pool;

/* Signals that are ignored when nobody asked for them. */
#define SIG_DFLIGN                                                             \
	(SIGBIT(SIGCHLD) | SIGBIT(SIGCONT) | SIGBIT(SIGURG) | SIGBIT(SIGWINCH))

void
sig_boot(void)
{
	pool_init(&sigq_pool, "sigq", sizeof(struct sigq), 0);
}

void
sigpend_init(struct sigpend *sp)
{
	sp->sp_set = 0;
	TAILQ_INIT(&sp->sp_queue);
}

void
sig_free(struct sigqueue *q)
{
	struct sigq *sq;

	while ((sq = TAILQ_FIRST(q)) != NULL) {
		TAILQ_REMOVE(q, sq, sq_link);
		pool_put(&sigq_pool, sq);
	}
}

/* Take a record off a queue and out of its owner's count. */
static void
sigq_remove(struct sigpend *sp, struct sigq *sq, struct sigqueue *gone)
{
	TAILQ_REMOVE(&sp->sp_queue, sq, sq_link);
	if (sq->sq_owner != NULL) {
		KASSERT(sq->sq_owner->ps_nsigq > 0);
		sq->sq_owner->ps_nsigq--;
	}
	sq->sq_on = NULL;
	if (!sq->sq_own)
		TAILQ_INSERT_TAIL(gone, sq, sq_link);
}

/* Drop what is pending of set. */
static void
sigpend_drop(struct sigpend *sp, uint64_t set, struct sigqueue *gone)
{
	struct sigq *sq, *next;

	if ((sp->sp_set & set) == 0)
		return;
	TAILQ_FOREACH_SAFE(sq, &sp->sp_queue, sq_link, next)
		if (SIGBIT(sq->sq_info.si_signo) & set)
			sigq_remove(sp, sq, gone);
	sp->sp_set &= ~set;
}

void
sig_flush(struct sigpend *sp, struct sigqueue *q)
{
	sigpend_drop(sp, ~(uint64_t)0, q);
	KASSERT(TAILQ_EMPTY(&sp->sp_queue));
}

/* The same for a process and all its threads. */
static void
sig_drop_all(struct proc *p, uint64_t set, struct sigqueue *gone)
{
	struct lwp *l;

	sigpend_drop(&p->ps_sigpend, set, gone);
	TAILQ_FOREACH(l, &p->ps_lwps, l_link)
		sigpend_drop(&l->l_sigpend, set, gone);
}

bool
sig_dequeue(struct sigpend *sp, int sig, struct abi_siginfo *info,
    struct sigqueue *gone)
{
	struct sigq *sq, *found = NULL;
	bool more = false;

	if ((sp->sp_set & SIGBIT(sig)) == 0)
		return false;
	TAILQ_FOREACH(sq, &sp->sp_queue, sq_link) {
		if (sq->sq_info.si_signo != sig)
			continue;
		more = found != NULL;
		if (more)
			break;
		found = sq;
	}
	if (!more)
		sp->sp_set &= ~SIGBIT(sig);
	if (found != NULL) {
		*info = found->sq_info;
		sigq_remove(sp, found, gone);
	} else {
		memset(info, 0, sizeof(*info));
		info->si_signo = sig;
		info->si_code = SI_KERNEL;
	}
	return true;
}

/* The caller waits for something that nothing but its death may end. */
static bool
lwp_killable(const struct lwp *l)
{
	return (l->l_sigmask & SIGBIT(SIGSTOP)) != 0;
}

bool
lwp_must_go(const struct lwp *l)
{
	const struct proc *p = l->l_proc;

	KASSERT(spin_held(&p->ps_siglock));
	return p->ps_groupexit || (p->ps_single != NULL && p->ps_single != l);
}

bool
sig_stops(const struct lwp *l)
{
	const struct proc *p = l->l_proc;
	u_int flags = ptrace_flags(l);

	/* Nothing comes before that. */
	if ((l->l_sigpend.sp_set | p->ps_sigpend.sp_set) & SIGBIT(SIGKILL))
		return false;
	if ((flags & (PT_TRAP | PT_NOTIFY)) != 0)
		return true;
	return p->ps_stopsig != 0 && (flags & PT_GROUP) == 0;
}

void
sig_update(struct lwp *l)
{
	struct proc *p = l->l_proc;
	uint64_t pend;
	bool on;

	KASSERT(spin_held(&p->ps_siglock));
	pend = (l->l_sigpend.sp_set | p->ps_sigpend.sp_set) &
	       (~l->l_sigmask | l->l_sigwait);
	on = pend != 0 || lwp_must_go(l) || (sig_stops(l) && !lwp_killable(l));
	atomic_store_explicit(&l->l_thread.td_sigpend, on,
	    memory_order_relaxed);
	if (on)
		atomic_store_explicit(&l->l_thread.td_ast, true,
		    memory_order_relaxed);
}

void
sig_poke(struct lwp *l)
{
	sig_update(l);
	if (atomic_load_explicit(&l->l_thread.td_sigpend, memory_order_relaxed))
		lwp_kick(l);
}

void
sig_retarget(struct proc *p)
{
	struct lwp *l;

	KASSERT(spin_held(&p->ps_siglock));
	if (p->ps_sigpend.sp_set == 0)
		return;
	TAILQ_FOREACH(l, &p->ps_lwps, l_link)
		sig_poke(l);
}

/* Wake whoever takes sig: l, or for the whole process somebody. */
static void
sig_wake(struct proc *p, struct lwp *l, int sig)
{
	struct lwp *t;

	if (p->ps_sigfd)
		kern_fs->fo_changed();
	if (sig == SIGKILL) {
		TAILQ_FOREACH(t, &p->ps_lwps, l_link) {
			if (t->l_stopped)
				thread_wake(&t->l_thread);
			lwp_kick(t);
		}
		return;
	}
	if (l != NULL) {
		sig_poke(l);
		return;
	}
	TAILQ_FOREACH(t, &p->ps_lwps, l_link) {
		if (t->l_exiting)
			continue;
		if (((~t->l_sigmask | t->l_sigwait) & SIGBIT(sig)) != 0) {
			sig_poke(t);
			return;
		}
	}
}

/* Let a stopped process run again; a tracer hears of it in any case. */
static void
sig_unstop(struct proc *p, bool notify)
{
	struct lwp *l;

	p->ps_stopok = false;
	if (p->ps_stopsig != 0)
		p->ps_contnotify = notify;
	p->ps_stopsig = 0;
	TAILQ_FOREACH(l, &p->ps_lwps, l_link) {
		ptrace_job(l);
		if (l->l_stopped)
			thread_wake(&l->l_thread);
	}
}

/* What sending does whether or not the signal is then taken. */
static void
sig_side_effects(struct proc *p, int sig, struct sigqueue *gone)
{
	if (sig == SIGCONT) {
		sig_drop_all(p, SIG_STOPSET, gone);
		sig_unstop(p, true);
	} else if (sig == SIGKILL)
		sig_unstop(p, false);
	else if (SIGBIT(sig) & SIG_STOPSET)
		sig_drop_all(p, SIGBIT(SIGCONT), gone);
}

struct abi_sigaction
sig_getact(struct proc *p, int sig)
{
	struct sigacts *sa = p->ps_sigacts;
	struct abi_sigaction act;

	KASSERT(spin_held(&p->ps_siglock));
	KASSERT(sig >= 1 && sig <= NSIG);
	if (__predict_true(sa == NULL)) {
		if ((p->ps_sigset & SIGBIT(sig)) == 0)
			return (struct abi_sigaction){0};
		return p->ps_sigact[sig - 1];
	}
	spin_enter(&sa->sa_lock);
	act = sa->sa_act[sig - 1];
	spin_exit(&sa->sa_lock);
	return act;
}

void
sig_setact(struct proc *p, int sig, const struct abi_sigaction *act)
{
	struct sigacts *sa = p->ps_sigacts;

	KASSERT(spin_held(&p->ps_siglock));
	KASSERT(sig >= 1 && sig <= NSIG);
	if (__predict_true(sa == NULL)) {
		p->ps_sigset |= SIGBIT(sig);
		p->ps_sigact[sig - 1] = *act;
		return;
	}
	spin_enter(&sa->sa_lock);
	sa->sa_act[sig - 1] = *act;
	spin_exit(&sa->sa_lock);
}

void
sig_copy(struct proc *p, struct proc *child)
{
	uint64_t set;
	u_int i;

	KASSERT(spin_held(&p->ps_siglock));
	KASSERT(child->ps_sigacts == NULL);
	set = p->ps_sigacts == NULL ? p->ps_sigset : ~0ull;
	child->ps_sigset = set;
	for (; set != 0; set &= set - 1) {
		i = (u_int)__builtin_ctzll(set);
		child->ps_sigact[i] = sig_getact(p, (int)i + 1);
	}
}

void
sig_reset(struct proc *p, bool bare)
{
	uint64_t set;
	u_int i;

	KASSERT(p->ps_sigacts == NULL);
	for (set = p->ps_sigset; set != 0; set &= set - 1) {
		i = (u_int)__builtin_ctzll(set);
		if (p->ps_sigact[i].sa_handler != SIG_IGN)
			p->ps_sigset &= ~(1ull << i);
		else if (bare)
			p->ps_sigact[i] =
			    (struct abi_sigaction){.sa_handler = SIG_IGN};
	}
}

int
sig_share(struct proc *p, struct proc *child)
{
	struct sigacts *sa, *new;
	u_int i;

	KASSERT(p == curproc() && child->ps_sigacts == NULL);
	new = kmem_alloc(sizeof(*new), 0);
	if (new == NULL)
		return ENOMEM;
	refcount_init(&new->sa_refs, 1);
	spin_init(&new->sa_lock, RANK_SIGACT);
	spin_enter(&p->ps_siglock);
	sa = p->ps_sigacts;
	if (sa == NULL) {
		for (i = 0; i < NSIG; i++)
			new->sa_act[i] = sig_getact(p, (int)i + 1);
		p->ps_sigacts = sa = new;
		new = NULL;
	}
	refcount_acquire(&sa->sa_refs);
	spin_exit(&p->ps_siglock);
	child->ps_sigacts = sa;
	if (new != NULL)
		kmem_free(new, sizeof(*new));
	return 0;
}

void
sig_unshare(struct proc *p)
{
	struct sigacts *sa;

	spin_enter(&p->ps_siglock);
	sa = p->ps_sigacts;
	if (sa != NULL) {
		spin_enter(&sa->sa_lock);
		memcpy(p->ps_sigact, sa->sa_act, sizeof(p->ps_sigact));
		p->ps_sigset = ~0ull;
		spin_exit(&sa->sa_lock);
		p->ps_sigacts = NULL;
	}
	spin_exit(&p->ps_siglock);
	if (sa != NULL && refcount_release(&sa->sa_refs))
		kmem_free(sa, sizeof(*sa));
}

/* Nobody would notice. */
static bool
sig_unheeded(struct proc *p, struct lwp *l, int sig)
{
	vaddr_t handler = sig_getact(p, sig).sa_handler;

	if (l == NULL)
		l = TAILQ_FIRST(&p->ps_lwps);
	if (l == NULL)
		return true;
	if (l->l_sigmask & SIGBIT(sig) & ~SIG_CANTMASK)
		return false;
	/* A tracer sees what is ignored as well. */
	if (lwp_ptrace(l) != NULL && sig != SIGKILL)
		return false;
	if (handler == SIG_IGN)
		return true;
	if (handler != SIG_DFL)
		return false;
	/* The first process must not die by accident. */
	return p == initproc || (SIGBIT(sig) & SIG_DFLIGN) != 0;
}

/* Queue and wake.  *sqp, if there is one, is used up or left. */
static int
sig_post_locked(struct proc *p, struct lwp *l, const struct abi_siginfo *info,
    struct sigq **sqp, struct sigqueue *gone)
{
	struct sigpend *sp = l != NULL ? &l->l_sigpend : &p->ps_sigpend;
	int sig = info->si_signo;
	struct sigq *sq = *sqp;

	if (p->ps_groupexit || p->ps_kernel || proc_state(p) == PS_ZOMBIE)
		return 0;
	if (l != NULL && l->l_exiting)
		return 0;
	sig_side_effects(p, sig, gone);
	if (sig_unheeded(p, l, sig))
		return 0;
	if (sig < SIGRTMIN && (sp->sp_set & SIGBIT(sig)) != 0)
		return 0;
	if (sig >= SIGRTMIN) {
		if (sq != NULL &&
		    p->ps_nsigq >= p->ps_rlimit[RLIMIT_SIGPENDING].rlim_cur)
			sq = NULL;
		if (sq == NULL && info->si_code != SI_USER)
			return EAGAIN;
	}
	if (sq != NULL) {
		sq->sq_info = *info;
		sq->sq_owner = NULL;
		sq->sq_own = false;
		sq->sq_on = sp;
		if (sig >= SIGRTMIN) {
			sq->sq_owner = p;
			p->ps_nsigq++;
		}
		TAILQ_INSERT_TAIL(&sp->sp_queue, sq, sq_link);
		*sqp = NULL;
	}
	sp->sp_set |= SIGBIT(sig);
	sig_wake(p, l, sig);
	return 0;
}

bool
sig_post_own(struct proc *p, struct lwp *l, struct sigq *sq)
{
	struct sigpend *sp = l != NULL ? &l->l_sigpend : &p->ps_sigpend;
	int sig = sq->sq_info.si_signo;

	KASSERT(spin_held(&p->ps_siglock));
	KASSERT(sq->sq_own && sq->sq_on == NULL);
	if (p->ps_groupexit || proc_state(p) == PS_ZOMBIE ||
	    (l != NULL && l->l_exiting))
		return false;
	if (sig == SIGCONT || sig == SIGKILL)
		sig_unstop(p, sig == SIGCONT);
	if (sig_unheeded(p, l, sig) ||
	    (sig < SIGRTMIN && (sp->sp_set & SIGBIT(sig)) != 0))
		return false;
	sq->sq_on = sp;
	TAILQ_INSERT_TAIL(&sp->sp_queue, sq, sq_link);
	sp->sp_set |= SIGBIT(sig);
	sig_wake(p, l, sig);
	return true;
}

void
sig_unpost_own(struct sigq *sq)
{
	struct sigpend *sp = sq->sq_on;
	const struct sigq *other;

	KASSERT(sq->sq_own);
	if (sp == NULL)
		return;
	TAILQ_REMOVE(&sp->sp_queue, sq, sq_link);
	sq->sq_on = NULL;
	TAILQ_FOREACH(other, &sp->sp_queue, sq_link)
		if (other->sq_info.si_signo == sq->sq_info.si_signo)
			return;
	sp->sp_set &= ~SIGBIT(sq->sq_info.si_signo);
}

int
sig_post(struct proc *p, struct lwp *l, const struct abi_siginfo *info)
{
	struct sigqueue gone = TAILQ_HEAD_INITIALIZER(gone);
	struct sigq *sq = NULL;
	int error;

	KASSERT(info->si_signo >= 1 && info->si_signo <= NSIG);
	KASSERT(l == NULL || l->l_proc == p);
	if (info->si_code != SI_KERNEL && md_intr_enabled())
		sq = pool_get(&sigq_pool, 0);
	spin_enter(&p->ps_siglock);
	error = sig_post_locked(p, l, info, &sq, &gone);
	spin_exit(&p->ps_siglock);
	if (sq != NULL)
		pool_put(&sigq_pool, sq);
	sig_free(&gone);
	return error;
}

void
sig_post_simple(struct proc *p, int sig, int code)
{
	struct abi_siginfo info = {.si_signo = sig, .si_code = code};

	(void)sig_post(p, NULL, &info);
}

void
sig_self(int sig, int code, vaddr_t addr)
{
	struct lwp *l = curlwp();
	struct proc *p = l->l_proc;
	struct abi_sigaction act;

	KASSERT(!p->ps_kernel);
	KASSERT(sig >= 1 && sig < SIGRTMIN);
	spin_enter(&p->ps_siglock);
	act = sig_getact(p, sig);
	if (act.sa_handler == SIG_IGN || (l->l_sigmask & SIGBIT(sig)) != 0) {
		act.sa_handler = SIG_DFL;
		sig_setact(p, sig, &act);
	}
	l->l_sigmask &= ~SIGBIT(sig);
	memset(&l->l_fault, 0, sizeof(l->l_fault));
	l->l_fault.si_signo = sig;
	l->l_fault.si_code = code;
	l->l_fault.si_addr = addr;
	l->l_sigpend.sp_set |= SIGBIT(sig);
	sig_update(l);
	spin_exit(&p->ps_siglock);
}

void
sig_pgrp(pid_t pgid, int sig)
{
	struct pgrp *pg = pgrp_find(pgid);
	struct proc *p;

	KASSERT(mutex_held(&proctree_lock));
	if (pg == NULL)
		return;
	LIST_FOREACH(p, &pg->pg_members, ps_pglink)
		sig_post_simple(p, sig, SI_KERNEL);
}

bool
sig_pending(void)
{
	struct lwp *l = curlwp();
	struct proc *p = l->l_proc;
	bool pending;

	spin_enter(&p->ps_siglock);
	pending =
	    lwp_must_go(l) ||
	    ((l->l_sigpend.sp_set | p->ps_sigpend.sp_set) & ~l->l_sigmask) != 0;
	spin_exit(&p->ps_siglock);
	return pending;
}

uint64_t
sig_waiting(void)
{
	struct lwp *l = curlwp();
	struct proc *p = l->l_proc;
	uint64_t set;

	spin_enter(&p->ps_siglock);
	set = l->l_sigpend.sp_set | p->ps_sigpend.sp_set;
	spin_exit(&p->ps_siglock);
	return set;
}

bool
sig_killed(void)
{
	struct lwp *l = curlwp();
	struct proc *p;
	bool killed;

	/* A thread without a user half need not even be an lwp. */
	if (l->l_thread.td_frame == NULL)
		return false;
	p = l->l_proc;
	spin_enter(&p->ps_siglock);
	killed =
	    lwp_must_go(l) ||
	    ((l->l_sigpend.sp_set | p->ps_sigpend.sp_set) & SIGBIT(SIGKILL));
	spin_exit(&p->ps_siglock);
	return killed;
}

uint64_t
sig_mask(uint64_t mask)
{
	struct lwp *l = curlwp();
	struct proc *p = l->l_proc;
	uint64_t old;

	spin_enter(&p->ps_siglock);
	old = l->l_sigmask;
	l->l_sigmask = mask & ~SIG_CANTMASK;
	sig_update(l);
	/* What we do not take any more somebody else may. */
	if ((l->l_sigmask & ~old) != 0)
		sig_retarget(p);
	spin_exit(&p->ps_siglock);
	return old;
}

uint64_t
sig_killable(void)
{
	struct lwp *l = curlwp();
	uint64_t old;

	spin_enter(&l->l_proc->ps_siglock);
	KASSERT(!lwp_killable(l));
	old = l->l_sigmask;
	l->l_sigmask = ~SIGBIT(SIGKILL);
	sig_update(l);
	spin_exit(&l->l_proc->ps_siglock);
	return old;
}

void
sig_killable_end(uint64_t mask)
{
	struct lwp *l = curlwp();

	spin_enter(&l->l_proc->ps_siglock);
	KASSERT(lwp_killable(l));
	l->l_sigmask = mask;
	sig_update(l);
	spin_exit(&l->l_proc->ps_siglock);
}

void
sig_action(int sig, const struct abi_sigaction *act, struct abi_sigaction *old)
{
	struct proc *p = curproc();
	struct sigqueue gone = TAILQ_HEAD_INITIALIZER(gone);
	struct abi_sigaction new;

	KASSERT(sig >= 1 && sig <= NSIG);
	spin_enter(&p->ps_siglock);
	if (old != NULL)
		*old = sig_getact(p, sig);
	if (act != NULL) {
		new = *act;
		new.sa_mask &= ~SIG_CANTMASK;
		sig_setact(p, sig, &new);
		if (act->sa_handler == SIG_IGN ||
		    (act->sa_handler == SIG_DFL &&
			(SIGBIT(sig) & SIG_DFLIGN) != 0))
			sig_drop_all(p, SIGBIT(sig), &gone);
	}
	spin_exit(&p->ps_siglock);
	sig_free(&gone);
}

void
sig_exec(struct proc *p)
{
	struct lwp *l = curlwp();

	sig_unshare(p);
	spin_enter(&p->ps_siglock);
	sig_reset(p, true);
	spin_exit(&p->ps_siglock);
	l->l_altstack = (struct abi_stack){.ss_flags = SS_DISABLE};
}

/* What a signal to the parent says about its child. */
static void
sig_child_info(struct proc *p, int code, int status, struct abi_siginfo *info)
{
	uint64_t utime, stime;

	if (code == 0) { /* gone */
		if ((status & 0x7f) == 0) {
			code = CLD_EXITED;
			status = (status >> 8) & 0xff;
		} else {
			code = status & W_COREFLAG ? CLD_DUMPED : CLD_KILLED;
			status &= 0x7f;
		}
	}
	proc_times(p, &utime, &stime);
	memset(info, 0, sizeof(*info));
	info->si_code = code;
	info->si_cpid = p->ps_pid;
	info->si_cuid = p->ps_cred.cr_uid;
	info->si_status = status;
	info->si_utime = (int64_t)(utime / (1000000000 / CLK_TCK));
	info->si_stime = (int64_t)(stime / (1000000000 / CLK_TCK));
}

void
sig_notify_parent(struct proc *p, int code, int status)
{
	struct proc *parent = p->ps_parent;
	int sig = code == 0 ? p->ps_exitsig : SIGCHLD;
	struct abi_siginfo info;
	bool tell = sig != 0;

	KASSERT(mutex_held(&proctree_lock));
	KASSERT(parent != NULL);
	/* Nearly always nobody would notice. */
	if (sig == SIGCHLD) {
		spin_enter(&parent->ps_siglock);
		if (sig_unheeded(parent, NULL, sig) ||
		    (code != 0 &&
			(sig_getact(parent, sig).sa_flags & SA_NOCLDSTOP)))
			tell = false;
		spin_exit(&parent->ps_siglock);
	}
	if (tell) {
		sig_child_info(p, code, status, &info);
		info.si_signo = sig;
		(void)sig_post(parent, NULL, &info);
	}
	wakeup(parent);
}
