/*
 * pstress.c: threads under stress, and what processes share with threads:
 * POSIX thread synchronization, cancellation, futexes across fork and exec,
 * robust mutexes, process descriptors, affinity, timers.
 *
 *	pstress			all of it
 *	pstress futex FILE	the other side of the test across exec
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include "t.h"

#define NTHREADS 8
#define TURNS    200

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static sem_t sem;
static int turn, total;
static _Atomic int inside;
static __thread int mine;

static long
futex(void *word, int op, int val, unsigned long val2, void *word2, int val3)
{
	return syscall(SYS_futex, word, op, val, val2, word2, val3);
}

static void
run(int n, void *(*fn)(void *))
{
	pthread_t td[64];
	long i;

	for (i = 0; i < n; i++)
		CHECK(pthread_create(&td[i], NULL, fn, (void *)i) == 0);
	for (i = 0; i < n; i++)
		CHECK(pthread_join(td[i], NULL) == 0);
}

/* Each in its turn, told by a condition variable. */
static void *
ring(void *arg)
{
	int me = (int)(long)arg, i;

	for (i = 0; i < TURNS; i++) {
		CHECK(pthread_mutex_lock(&mutex) == 0);
		while (turn != me)
			CHECK(pthread_cond_wait(&cond, &mutex) == 0);
		total++;
		mine++;
		turn = (turn + 1) % NTHREADS;
		CHECK(pthread_cond_broadcast(&cond) == 0);
		CHECK(pthread_mutex_unlock(&mutex) == 0);
	}
	CHECK(mine == TURNS);
	return NULL;
}

static void *
gates(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < TURNS; i++) {
		(void)pthread_barrier_wait(&barrier);
		CHECK(pthread_rwlock_rdlock(&rwlock) == 0);
		CHECK(inside == 0);
		CHECK(pthread_rwlock_unlock(&rwlock) == 0);
		CHECK(pthread_rwlock_wrlock(&rwlock) == 0);
		CHECK(inside++ == 0);
		inside--;
		CHECK(pthread_rwlock_unlock(&rwlock) == 0);
		CHECK(sem_wait(&sem) == 0 && sem_post(&sem) == 0);
	}
	return NULL;
}

/* Threads map, fault, protect and unmap while others do the same. */
static void *
mapper(void *arg)
{
	char *p;
	int i, k;

	for (i = 0; i < TURNS / 4; i++) {
		p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(p != MAP_FAILED);
		for (k = 0; k < 8; k++) {
			CHECK(p[(size_t)k * PAGE] == 0);
			p[(size_t)k * PAGE] = (char)(long)arg;
		}
		CHECK(mprotect(p + PAGE, PAGE, PROT_READ) == 0);
		CHECK(p[PAGE] == (char)(long)arg);
		CHECK(madvise(p, PAGE, MADV_DONTNEED) == 0 && p[0] == 0);
		CHECK(munmap(p, 8 * PAGE) == 0);
	}
	return NULL;
}

static void
posix(void)
{
	run(NTHREADS, ring);
	CHECK(total == NTHREADS * TURNS);
	CHECK(pthread_barrier_init(&barrier, NULL, NTHREADS) == 0);
	CHECK(sem_init(&sem, 0, 2) == 0);
	run(NTHREADS, gates);
	run(NTHREADS, mapper);
}

static void *
empty(void *arg)
{
	return arg;
}

static void *
sleeps(void *arg)
{
	(void)arg;
	while (pause() == -1)
		continue;
	return NULL;
}

static void
cancel(void)
{
	pthread_t td;
	void *result;
	int i;

	for (i = 0; i < 50; i++)
		run(16, empty);
	for (i = 0; i < 50; i++) {
		CHECK(pthread_create(&td, NULL, sleeps, NULL) == 0);
		CHECK(pthread_cancel(td) == 0);
		CHECK(pthread_join(td, &result) == 0);
		CHECK(result == PTHREAD_CANCELED);
	}
}

/* Requeue: of four waiters one is woken, the others wait elsewhere. */
static int words[2];
static _Atomic int waiting, woken;

static void *
waits(void *arg)
{
	(void)arg;
	waiting++;
	CHECK(futex(&words[0], FUTEX_WAIT, 0, 0, NULL, 0) == 0);
	woken++;
	return NULL;
}

static void
until(_Atomic int *word, int value)
{
	while (*word != value)
		usleep(1000);
}

static void
requeue(void)
{
	pthread_t td[4];
	long n = 0;
	int i;

	for (i = 0; i < 4; i++)
		CHECK(pthread_create(&td[i], NULL, waits, NULL) == 0);
	until(&waiting, 4);
	FAILS(EAGAIN, futex(&words[0], FUTEX_CMP_REQUEUE, 1, 9, &words[1], 7));
	/* Some may not sleep yet: move until there are four. */
	while (n < 4) {
		long got = futex(&words[0], FUTEX_CMP_REQUEUE, n == 0, 9,
		    &words[1], 0);
		CHECK(got >= 0);
		n += got;
		usleep(1000);
	}
	until(&woken, 1);
	CHECK(futex(&words[0], FUTEX_WAKE, 9, 0, NULL, 0) == 0);
	CHECK(futex(&words[1], FUTEX_WAKE, 2, 0, NULL, 0) == 2);
	until(&woken, 3);
	CHECK(futex(&words[1], FUTEX_WAKE, 9, 0, NULL, 0) == 1);
	for (i = 0; i < 4; i++)
		CHECK(pthread_join(td[i], NULL) == 0);
	FAILS(EINVAL, futex((char *)words + 1, FUTEX_WAIT, 0, 0, NULL, 0));
	FAILS(EAGAIN, futex(words, FUTEX_WAIT, 1, 0, NULL, 0));
	FAILS(EFAULT, futex(NULL, FUTEX_WAIT, 0, 0, NULL, 0));
}

/* Ping and pong through a word of a file that two programs map. */
#define ROUNDS 200

static void
play(_Atomic int *word, int me)
{
	int i, v;

	for (i = 0; i < ROUNDS; i++) {
		while ((v = *word) % 2 != me) {
			long r = futex(word, FUTEX_WAIT, v, 0, NULL, 0);
			CHECK(r == 0 || errno == EAGAIN);
		}
		(*word)++;
		CHECK(futex(word, FUTEX_WAKE, 1, 0, NULL, 0) >= 0);
	}
}

static _Atomic int *
map_word(const char *path)
{
	int fd = open(path, O_RDWR);
	char *p;

	CHECK(fd != -1);
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    (off_t)PAGE);
	CHECK(p != MAP_FAILED && close(fd) == 0);
	return (_Atomic int *)(p + 64);
}

static void
across_exec(const char *self)
{
	char path[] = "/tmp/futexXXXXXX";
	int fd = mkstemp(path), status;
	_Atomic int *word;
	pid_t pid;

	CHECK(fd != -1 && ftruncate(fd, 2 * PAGE) == 0 && close(fd) == 0);
	word = map_word(path);
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		execl(self, self, "futex", path, (char *)NULL);
		_exit(127);
	}
	play(word, 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(*word == 2 * ROUNDS && unlink(path) == 0);
}

/* A robust mutex whose owner dies: by exit, by signal, by exec. */
static void
robust(const char *self)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t *m;
	int how, status;
	pid_t pid;

	m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	    -1, 0);
	CHECK(m != MAP_FAILED);
	CHECK(pthread_mutexattr_init(&attr) == 0);
	CHECK(pthread_mutexattr_setpshared(&attr, 1) == 0);
	CHECK(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0);
	CHECK(pthread_mutex_init(m, &attr) == 0);
	for (how = 0; how < 3; how++) {
		pid = fork();
		CHECK(pid != -1);
		if (pid == 0) {
			CHECK(pthread_mutex_lock(m) == 0);
			if (how == 0)
				_exit(0);
			if (how == 1)
				raise(SIGKILL);
			execl(self, self, "nothing", (char *)NULL);
			_exit(127);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(pthread_mutex_lock(m) == EOWNERDEAD);
		CHECK(pthread_mutex_consistent(m) == 0);
		CHECK(pthread_mutex_unlock(m) == 0);
	}
	CHECK(munmap(m, PAGE) == 0);
}

static void *
computes(void *arg)
{
	volatile long n = 0;

	(void)arg;
	while (n >= 0)
		n++;
	return NULL;
}

static void *
reads(void *arg)
{
	char c;

	(void)read(*(int *)arg, &c, 1);
	return NULL;
}

/* exit_group() with threads that compute, and threads in the kernel. */
static void
endings(void)
{
	int fd[2], i, k, status;
	pthread_t td;
	pid_t pid;

	CHECK(pipe(fd) == 0);
	for (i = 0; i < 20; i++) {
		pid = fork();
		CHECK(pid != -1);
		if (pid == 0) {
			for (k = 0; k < 4; k++) {
				CHECK(pthread_create(&td, NULL, computes,
					  NULL) == 0);
				CHECK(pthread_create(&td, NULL, reads,
					  &fd[0]) == 0);
				CHECK(pthread_create(&td, NULL, sleeps, NULL) ==
				      0);
			}
			_exit(i);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == i);
	}
	close(fd[0]);
	close(fd[1]);
}

static void
pidfds(void)
{
	struct pollfd pf;
	siginfo_t si;
	int fd, pfd, got, pipefd[2], zero = 0;
	char c;
	pid_t pid;

	CHECK(pipe(pipefd) == 0);
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		close(pipefd[0]);
		CHECK(write(pipefd[1], "x", 1) == 1);
		pause();
		_exit(1);
	}
	CHECK(read(pipefd[0], &c, 1) == 1);
	pfd = (int)syscall(SYS_pidfd_open, pid, 0);
	CHECK(pfd != -1 && fcntl(pfd, F_GETFD) == FD_CLOEXEC);
	FAILS(EINVAL, syscall(SYS_pidfd_open, pid, 0x1000000));
	FAILS(EINVAL, syscall(SYS_pidfd_open, 0, 0));
	pf = (struct pollfd){.fd = pfd, .events = POLLIN};
	CHECK(poll(&pf, 1, 0) == 0);
	FAILS(EINVAL, read(pfd, &c, 1));
	got = (int)syscall(SYS_pidfd_getfd, pfd, pipefd[1], 0);
	CHECK(got != -1 && write(got, "y", 1) == 1);
	CHECK(read(pipefd[0], &c, 1) == 1 && c == 'y');
	FAILS(EBADF, syscall(SYS_pidfd_getfd, pfd, 500, 0));
	CHECK(syscall(SYS_pidfd_send_signal, pfd, 0, NULL, 0) == 0);
	FAILS(EINVAL, syscall(SYS_pidfd_send_signal, pfd, 100, NULL, 0));
	fd = open("/dev/null", O_RDONLY);
	FAILS(EBADF, syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
	CHECK(syscall(SYS_pidfd_send_signal, pfd, SIGTERM, NULL, 0) == 0);
	CHECK(poll(&pf, 1, -1) == 1 && pf.revents == POLLIN);
	CHECK(waitid(3 /* P_PIDFD */, (id_t)pfd, &si, WEXITED) == 0);
	CHECK(si.si_pid == pid && si.si_code == CLD_KILLED);
	CHECK(si.si_status == SIGTERM);
	FAILS(ESRCH, syscall(SYS_pidfd_send_signal, pfd, zero, NULL, 0));
	FAILS(ESRCH, syscall(SYS_pidfd_open, pid, 0));
	close(fd);
	close(pfd);
	close(got);
	close(pipefd[0]);
	close(pipefd[1]);
}

static void
affinity(void)
{
	cpu_set_t all, one;
	int i;

	CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
	for (i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
		CHECK(sched_getcpu() == i);
		CHECK(sched_getaffinity(0, sizeof(one), &one) == 0);
		CHECK(CPU_COUNT(&one) == 1 && CPU_ISSET(i, &one));
	}
	CPU_ZERO(&one);
	FAILS(EINVAL, sched_setaffinity(0, sizeof(one), &one));
	CHECK(sched_setaffinity(0, sizeof(all), &all) == 0);
}

static _Atomic int ticks;
static char *volatile stack_seen;

static void
on_tick(int sig)
{
	char here;

	(void)sig;
	stack_seen = &here;
	ticks++;
}

/* A timer's signal on the alternate stack of the one thread that takes it. */
static void *
takes_ticks(void *arg)
{
	static char stack[65536];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
	sigset_t set;

	(void)arg;
	CHECK(sigaltstack(&ss, NULL) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	CHECK(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
	while (ticks < 20)
		;
	CHECK(stack_seen > stack && stack_seen < stack + sizeof(stack));
	return NULL;
}

static void
timers(void)
{
	struct itimerval it = {{0, 2000}, {0, 2000}}, off = {{0, 0}, {0, 0}};
	struct sigaction sa = {.sa_handler = on_tick,
	    .sa_flags = SA_ONSTACK | SA_RESTART};
	sigset_t set;

	CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	run(1, takes_ticks);
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
}

int
main(int argc, char **argv)
{
	if (argc == 3) {
		play(map_word(argv[2]), 1);
		return 0;
	}
	if (argc == 2)
		return 0;
	posix();
	cancel();
	requeue();
	across_exec(argv[0]);
	robust(argv[0]);
	endings();
	pidfds();
	affinity();
	timers();
	return 0;
}
