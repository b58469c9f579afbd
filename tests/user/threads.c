/*
 * threads.c: threads, futexes, and what ends a process that has several.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>
#include "t.h"

#define NTHREAD 8
#define ROUNDS  2000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static unsigned long total, turn;
static _Atomic int running;

static void *
adder(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&lock);
		total++;
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

/* Each thread waits for its turn: every hand-over is a futex wake. */
static void *
relay(void *arg)
{
	unsigned long me = (uintptr_t)arg;

	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&lock);
		while (turn % NTHREAD != me)
			pthread_cond_wait(&cond, &lock);
		turn++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void
run(void *(*fn)(void *))
{
	pthread_t t[NTHREAD];

	for (uintptr_t i = 0; i < NTHREAD; i++)
		CHECK(pthread_create(&t[i], NULL, fn, (void *)i) == 0);
	for (int i = 0; i < NTHREAD; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
}

static void
locks(void)
{
	total = turn = 0;
	run(adder);
	CHECK(total == NTHREAD * ROUNDS);
	run(relay);
	CHECK(turn == NTHREAD * 100);
}

/* Spin, sleep, wait in a call: three ways not to notice an exit. */
static void *
spin(void *arg)
{
	(void)arg;
	for (running++;;)
		;
	return NULL;
}

static void *
sleeper(void *arg)
{
	(void)arg;
	running++;
	for (;;)
		pause();
	return NULL;
}

static void *
faulter(void *arg)
{
	char *p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)arg;
	for (running++;;) {
		memset(p, 1, 64 * PAGE);
		madvise(p, 64 * PAGE, MADV_DONTNEED);
	}
	return NULL;
}

static void
start_all(void)
{
	static void *(*const fn[])(void *) = {spin, sleeper, faulter};
	pthread_t t;

	running = 0;
	for (int i = 0; i < 6; i++)
		CHECK(pthread_create(&t, NULL, fn[i % 3], NULL) == 0);
	while (running < 6)
		sched_yield();
}

static int
child(void (*fn)(void))
{
	int status;
	pid_t pid;

	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		fn();
		_exit(99);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

static void
exit_group_all(void)
{
	start_all();
	_exit(3);
}

static void *
exiter(void *arg)
{
	(void)arg;
	_exit(4);
}

static void
exit_from_thread(void)
{
	pthread_t t;

	start_all();
	CHECK(pthread_create(&t, NULL, exiter, NULL) == 0);
	for (;;)
		pause();
}

static void
main_exits_first(void)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, adder, NULL) == 0);
	pthread_exit(NULL);
}

static void
killed(void)
{
	start_all();
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static void
crashes(void)
{
	static volatile int *volatile nowhere;

	start_all();
	*nowhere = 1;
}

static void
execs(void)
{
	start_all();
	execl("/bin/sh", "sh", "-c", "exit 5", NULL);
}

static pid_t exec_pid;

static void *
execer(void *arg)
{
	char cmd[64];

	(void)arg;
	snprintf(cmd, sizeof(cmd), "[ $$ = %d ] && exit 6", (int)exec_pid);
	execl("/bin/sh", "sh", "-c", cmd, NULL);
	_exit(98);
}

static void
execs_from_thread(void)
{
	pthread_t t;

	start_all();
	exec_pid = getpid();
	CHECK(pthread_create(&t, NULL, execer, NULL) == 0);
	for (;;)
		pause();
}

/* LIFECYCLE 35 holds kern/exit.c:exit_wait_siblings mutant 60 */
static void
endings(void)
{
	int status;

	for (int i = 0; i < 5; i++) {
		CHECK(child(exit_group_all) == 3 << 8);
		CHECK(child(exit_from_thread) == 4 << 8);
		CHECK(child(main_exits_first) == 0);
		CHECK(child(killed) == SIGKILL);
		status = child(crashes);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
		CHECK(child(execs) == 5 << 8);
		CHECK(child(execs_from_thread) == 6 << 8);
	}
}

/* A signal goes to the thread it was sent to, and to one that admits it. */
static _Atomic pthread_t took;

static void
take(int sig)
{
	(void)sig;
	took = pthread_self();
}

static void
directed(void)
{
	struct timespec ms = {0, 1000000};
	struct sigaction sa = {.sa_handler = take};
	sigset_t set;
	pthread_t t;

	sigaction(SIGUSR1, &sa, NULL);
	running = 0;
	CHECK(pthread_create(&t, NULL, sleeper, NULL) == 0);
	while (running == 0)
		sched_yield();
	took = 0;
	CHECK(pthread_kill(t, SIGUSR1) == 0);
	while (took == 0)
		nanosleep(&ms, NULL);
	CHECK(took == t);

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	took = 0;
	CHECK(kill(getpid(), SIGUSR1) == 0);
	while (took == 0)
		nanosleep(&ms, NULL);
	CHECK(took == t);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static long
futex(_Atomic uint32_t *w, int op, uint32_t v, const struct timespec *ts)
{
	return syscall(SYS_futex, w, op, v, ts, NULL, 0);
}

/* A word of shared memory wakes across processes, whatever its address. */
static void
shared_futex(void)
{
	_Atomic uint32_t *w = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	_Atomic uint32_t *alias;
	struct timespec short_time = {0, 10000000}, ms = {0, 1000000};
	int status;
	pid_t pid;

	CHECK(w != MAP_FAILED);
	FAILS(EAGAIN, futex(w, FUTEX_WAIT, 1, NULL));
	FAILS(ETIMEDOUT, futex(w, FUTEX_WAIT, 0, &short_time));
	CHECK(futex(w, FUTEX_WAKE, 1, NULL) == 0);
	FAILS(EINVAL,
	    futex((_Atomic uint32_t *)((uintptr_t)w + 1), FUTEX_WAIT, 0, NULL));
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		alias = mremap((void *)w, 0, PAGE, MREMAP_MAYMOVE);
		CHECK(alias != MAP_FAILED && alias != w);
		while (*alias == 0)
			futex(alias, FUTEX_WAIT, 0, NULL);
		_exit((int)*alias);
	}
	nanosleep(&short_time, NULL);
	*w = 7;
	while (futex(w, FUTEX_WAKE, 1, NULL) == 0 &&
	       waitpid(pid, &status, WNOHANG) == 0)
		nanosleep(&ms, NULL);
	if (waitpid(pid, &status, 0) == -1)
		CHECK(errno == ECHILD);
	CHECK(status == 7 << 8);
}

/* A mutex whose owner dies says so to the next one. */
static pthread_mutex_t robust;

static void *
die_with_lock(void *arg)
{
	(void)arg;
	CHECK(pthread_mutex_lock(&robust) == 0);
	return NULL;
}

static void
robust_lock(void)
{
	pthread_mutexattr_t a;
	pthread_t t;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	CHECK(pthread_mutex_init(&robust, &a) == 0);
	CHECK(pthread_create(&t, NULL, die_with_lock, NULL) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(pthread_mutex_lock(&robust) == EOWNERDEAD);
	CHECK(pthread_mutex_consistent(&robust) == 0);
	CHECK(pthread_mutex_unlock(&robust) == 0);
}

/* Dead threads of a live process give back what they had. */
static void *
nothing(void *arg)
{
	return arg;
}

static void
many(void)
{
	pthread_t t;

	for (int i = 0; i < 3000; i++) {
		CHECK(pthread_create(&t, NULL, nothing, NULL) == 0);
		CHECK(pthread_join(t, NULL) == 0);
	}
}

int
main(void)
{
	locks();
	directed();
	shared_futex();
	robust_lock();
	many();
	endings();
	return 0;
}
