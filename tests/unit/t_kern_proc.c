/*
 * t_kern_proc.c: tables of ids, groups, pending signals, argument strings:
 * what of kern/ is plain data.
 */
#include "ktest.h"

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <phys/pool.h>
#include <kern/exec.h>
#include <kern/proc.h>
#include <kern/time.h>

#define NPROC 40

/* A process that is in the tables but never runs. */
static struct proc *
fake(struct lwp **lp)
{
	struct proc *p;

	if (!CHECK(lwp_alloc(NULL, lp) == 0))
		return NULL;
	if (!CHECK(proc_alloc((*lp)->l_tid, &p) == 0))
		return NULL;
	lwp_setproc(*lp, p);
	mutex_enter(&proctree_lock);
	proc_insert(p, &proc0, NULL);
	/* Nobody must find what is not ready to run. */
	CHECK(lwp_find(p->ps_pid) == NULL);
	lwp_insert(*lp);
	mutex_exit(&proctree_lock);
	return p;
}

static void
unfake(struct proc *p, struct lwp *l)
{
	atomic_store(&p->ps_state, PS_ZOMBIE);
	mutex_enter(&proctree_lock);
	lwp_remove(l);
	proc_remove(p);
	mutex_exit(&proctree_lock);
	proc_rele(p);
	lwp_leave_proc(l);
	lwp_memory_free(l);
}

/* Goal: what is in the tables is found, what has left is not. */
TEST(proc_table)
{
	struct proc *p[NPROC], *q;
	struct lwp *l[NPROC];
	pid_t pid[NPROC], last;
	u_int i;

	for (i = 0; i < NPROC; i++) {
		p[i] = fake(&l[i]);
		if (p[i] == NULL)
			return;
		pid[i] = p[i]->ps_pid;
		CHECK(pid[i] == l[i]->l_tid);
		CHECK(i == 0 || pid[i] != pid[i - 1]);
	}
	for (i = 0; i < NPROC; i++) {
		q = proc_find(pid[i]);
		CHECK(q == p[i]);
		proc_rele(q);
		mutex_enter(&proctree_lock);
		CHECK(lwp_find(pid[i]) == l[i]);
		mutex_exit(&proctree_lock);
	}
	/* In order, each once. */
	last = 0;
	for (i = 0; (q = proc_next(last)) != NULL; i++) {
		CHECK(q->ps_pid > last);
		last = q->ps_pid;
		proc_rele(q);
	}
	CHECK(i >= NPROC);
	CHECK(proc_find(0) == NULL && proc_find(-1) == NULL);
	CHECK(proc_find(PID_MAX) == NULL);
	for (i = 0; i < NPROC; i++)
		unfake(p[i], l[i]);
	for (i = 0; i < NPROC; i++)
		CHECK(proc_find(pid[i]) == NULL);
}

/* Goal: a number is in use for as long as a group has it. */
TEST(proc_groups)
{
	struct proc *a, *b;
	struct lwp *la, *lb;
	struct pgrp *pg;
	pid_t id;

	a = fake(&la);
	b = fake(&lb);
	if (a == NULL || b == NULL)
		return;
	id = a->ps_pid;
	mutex_enter(&proctree_lock);
	CHECK(pgrp_find(id) == NULL);
	CHECK(pgrp_enter(a, id, NULL) == 0);
	pg = pgrp_find(id);
	CHECK(pg != NULL && pg->pg_session->s_id == id);
	CHECK(pgrp_enter(b, id, pg->pg_session) == 0);
	CHECK(b->ps_pgrp == pg && pg->pg_session->s_count == 1);
	/* b in a group of its own, in the session of a. */
	CHECK(pgrp_enter(b, b->ps_pid, pg->pg_session) == 0);
	CHECK(b->ps_pgrp != pg && pg->pg_session->s_count == 2);
	CHECK(pgrp_enter(b, id, pg->pg_session) == 0);
	CHECK(pg->pg_session->s_count == 1);
	/* Their parent is in no group: nobody could continue them. */
	CHECK(pgrp_orphaned(pg, NULL));
	mutex_exit(&proctree_lock);
	unfake(a, la);
	mutex_enter(&proctree_lock);
	CHECK(pgrp_find(id) == pg); /* b is still in it */
	mutex_exit(&proctree_lock);
	unfake(b, lb);
	mutex_enter(&proctree_lock);
	CHECK(pgrp_find(id) == NULL);
	mutex_exit(&proctree_lock);
}

/* Take one signal off the process's set; 0: not pending. */
static int
take(struct proc *p, int sig, struct abi_siginfo *info)
{
	struct sigqueue gone = TAILQ_HEAD_INITIALIZER(gone);
	bool got;

	spin_enter(&p->ps_siglock);
	got = sig_dequeue(&p->ps_sigpend, sig, info, &gone);
	spin_exit(&p->ps_siglock);
	sig_free(&gone);
	return got ? info->si_signo : 0;
}

/*
 * Goal: a standard signal is pending once, a real-time one as often as it was
 * sent and in order, within the limit; stop and continue cancel each other.
 */
TEST(signal_queue)
{
	struct abi_siginfo info = {.si_code = SI_QUEUE}, got;
	struct proc *p;
	struct lwp *l;
	u_int i;

	p = fake(&l);
	if (p == NULL)
		return;
	l->l_sigmask = ~SIG_CANTMASK; /* so that nothing is dropped */
	TAILQ_INSERT_TAIL(&p->ps_lwps, l, l_link);
	p->ps_nlwp = 1;
	p->ps_rlimit[RLIMIT_SIGPENDING].rlim_cur = 10;

	info.si_signo = SIGUSR1;
	for (i = 1; i <= 3; i++) {
		info.si_value = i;
		CHECK(sig_post(p, NULL, &info) == 0);
	}
	CHECK(take(p, SIGUSR1, &got) == SIGUSR1 && got.si_value == 1);
	CHECK(take(p, SIGUSR1, &got) == 0);

	info.si_signo = SIGRTMIN + 1;
	for (i = 0; i < 10; i++) {
		info.si_value = i;
		CHECK(sig_post(p, NULL, &info) == 0);
	}
	CHECK(sig_post(p, NULL, &info) == EAGAIN);
	CHECK(p->ps_nsigq == 10);
	for (i = 0; i < 10; i++)
		CHECK(take(p, SIGRTMIN + 1, &got) != 0 && got.si_value == i);
	CHECK(take(p, SIGRTMIN + 1, &got) == 0);
	CHECK(p->ps_nsigq == 0);

	sig_post_simple(p, SIGTSTP, SI_USER);
	CHECK(p->ps_sigpend.sp_set == SIGBIT(SIGTSTP));
	sig_post_simple(p, SIGCONT, SI_USER);
	CHECK(p->ps_sigpend.sp_set == SIGBIT(SIGCONT));
	sig_post_simple(p, SIGTTIN, SI_USER);
	CHECK(p->ps_sigpend.sp_set == SIGBIT(SIGTTIN));
	CHECK(take(p, SIGTTIN, &got) != 0);

	/* Not blocked and ignored by default: dropped. */
	l->l_sigmask = 0;
	sig_post_simple(p, SIGWINCH, SI_USER);
	sig_post_simple(p, SIGCHLD, SI_USER);
	CHECK(p->ps_sigpend.sp_set == 0);

	TAILQ_REMOVE(&p->ps_lwps, l, l_link);
	p->ps_nlwp = 0;
	unfake(p, l);
}

/* The string at offset off, which does not leave its page. */
static const char *
string_at(struct exec_strings *es, size_t off)
{
	return es->es_page[atop(off)] + off % PAGE_SIZE;
}

/* Goal: strings come out as they went in, also where pages meet. */
TEST(exec_strings)
{
	struct exec_strings *es = exec_strings_create();
	char *longer = kmem_alloc(2 * PAGE_SIZE, 0);
	size_t off, len, total = 0;
	u_int i;
	int error;

	if (!CHECK(es != NULL && longer != NULL))
		return;
	for (i = 0; i < 100; i++) {
		len = ktest_random() % (2 * PAGE_SIZE - 1);
		memset(longer, 'a' + i % 26, len);
		longer[len] = '\0';
		if (!CHECK(exec_strings_add(es, longer, 0, i >= 60) == 0))
			break;
		total += len + 1;
	}
	CHECK(es->es_argc == 60 && es->es_envc == 40);
	CHECK(es->es_len == total);
	for (i = 0, off = 0; off < es->es_len; i++) {
		if (off == es->es_argend)
			CHECK(i == 60);
		len = exec_strings_next(es, off) - off - 1;
		CHECK(
		    len == 0 || string_at(es, off)[0] == 'a' + (char)(i % 26));
		off += len + 1;
	}
	CHECK(i == 100 && off == es->es_len);

	/* Without end: it is too long at some point, not before. */
	memset(longer, 'x', PAGE_SIZE);
	longer[PAGE_SIZE - 1] = '\0';
	while ((error = exec_strings_add(es, longer, 0, true)) == 0)
		;
	CHECK(error == E2BIG);
	CHECK(es->es_len <= ARG_LIMIT);
	exec_strings_free(es);
	kmem_free(longer, 2 * PAGE_SIZE);
}

/* Goal: a script's interpreter comes before its path, which replaces argv[0]. */
TEST(exec_script)
{
	struct exec_strings *es = exec_strings_create();
	const char *s;

	if (!CHECK(es != NULL))
		return;
	CHECK(exec_strings_add(es, "arg0", 0, false) == 0);
	CHECK(exec_strings_add(es, "arg1", 0, false) == 0);
	CHECK(exec_strings_script(es, "/a/script", "/a/interp", "-x") == 0);
	CHECK(es->es_npre == 3 && es->es_nskip == 1 && es->es_skip == 5);
	s = es->es_pre + sizeof(es->es_pre) - es->es_prelen;
	CHECK(strcmp(s, "/a/interp") == 0);
	s += strlen(s) + 1;
	CHECK(strcmp(s, "-x") == 0);
	s += strlen(s) + 1;
	CHECK(strcmp(s, "/a/script") == 0);
	/* The interpreter is a script, too. */
	CHECK(exec_strings_script(es, "/a/interp", "/b", NULL) == 0);
	s = es->es_pre + sizeof(es->es_pre) - es->es_prelen;
	CHECK(es->es_npre == 4 && strcmp(s, "/b") == 0);
	s += strlen(s) + 1;
	CHECK(strcmp(s, "/a/interp") == 0);
	exec_strings_free(es);
}

/* Goal: impossible times are refused, distant ones do not overflow. */
TEST(time_conversion)
{
	struct abi_timespec ts = {1, 5};
	struct abi_timeval tv = {2, 7};
	uint64_t ns = 0;

	CHECK(time_from_timespec(&ts, &ns) == 0 && ns == NSEC + 5);
	CHECK(time_from_timeval(&tv, &ns) == 0 && ns == 2 * NSEC + 7000);
	ts.tv_nsec = (int64_t)NSEC;
	CHECK(time_from_timespec(&ts, &ns) == EINVAL);
	ts.tv_nsec = -1;
	CHECK(time_from_timespec(&ts, &ns) == EINVAL);
	ts.tv_nsec = 0;
	ts.tv_sec = -1;
	CHECK(time_from_timespec(&ts, &ns) == EINVAL);
	ts.tv_sec = INT64_MAX;
	CHECK(time_from_timespec(&ts, &ns) == 0 && ns > (1ULL << 62));
	CHECK(time_timespec(NSEC + 3).tv_sec == 1);
	CHECK(time_timeval(NSEC + 3000).tv_usec == 3);
}
