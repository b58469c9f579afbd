/*
 * newer.c: calls that came to Linux late: waiting for several futexes, attributes
 * of scheduling, memory of who is dying, openat2().
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>
#include "t.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#define NWORDS 128

struct piece {
	uint64_t val, uaddr;
	uint32_t flags, reserved;
};

static _Atomic uint32_t words[NWORDS + 1], *shared;
static struct piece pieces[NWORDS + 1];

static long
waitv(unsigned n, const struct timespec *ts)
{
	return syscall(SYS_futex_waitv, pieces, n, 0, ts, CLOCK_MONOTONIC);
}

static struct timespec
soon(long ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += ms * 1000000;
	ts.tv_sec += ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	return ts;
}

static void
set_pieces(void)
{
	unsigned i;

	for (i = 0; i <= NWORDS; i++)
		pieces[i] = (struct piece){.uaddr = (uintptr_t)&words[i],
		    .flags = 2 | FUTEX_PRIVATE_FLAG};
}

static void
waitv_refuses(void)
{
	struct timespec ts = soon(5), bad = {0, -1};

	set_pieces();
	FAILS(EINVAL, waitv(0, NULL));
	FAILS(EINVAL, waitv(NWORDS + 1, NULL));
	FAILS(EINVAL, syscall(SYS_futex_waitv, pieces, 1, 1, NULL, 0));
	FAILS(EINVAL, syscall(SYS_futex_waitv, NULL, 1, 0, NULL, 0));
	FAILS(EINVAL, syscall(SYS_futex_waitv, pieces, 1, 0, &ts, 2));
	FAILS(EFAULT, syscall(SYS_futex_waitv, 1, 1, 0, NULL, 0));
	FAILS(EINVAL, waitv(1, &bad));
	FAILS(ETIMEDOUT, waitv(NWORDS, &ts));
	pieces[1].reserved = 1;
	FAILS(EINVAL, waitv(2, NULL));
	set_pieces();
	pieces[1].flags = FUTEX_PRIVATE_FLAG;
	FAILS(EINVAL, waitv(2, NULL));
	set_pieces();
	pieces[1].uaddr += 1;
	FAILS(EINVAL, waitv(2, NULL));
	set_pieces();
	pieces[1].uaddr = 0;
	FAILS(EFAULT, waitv(2, NULL));
	set_pieces();
	pieces[NWORDS - 1].val = 1;
	FAILS(EAGAIN, waitv(NWORDS, NULL));
}

static void *
waker(void *arg)
{
	uintptr_t i = (uintptr_t)arg;

	while (
	    syscall(SYS_futex, &words[i], FUTEX_WAKE_PRIVATE, 1, 0, 0, 0) != 1)
		sched_yield();
	return NULL;
}

/* Whichever is woken, by whichever thread, is told. */
static void
waitv_wakes(void)
{
	static const unsigned which[] = {0, 5, NWORDS - 1};
	pthread_t t;
	size_t i;

	set_pieces();
	for (i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
		CHECK(pthread_create(&t, NULL, waker,
			  (void *)(uintptr_t)which[i]) == 0);
		CHECK(waitv(NWORDS, NULL) == which[i]);
		CHECK(pthread_join(t, NULL) == 0);
	}
}

/* Among private words one of shared memory, which another process wakes. */
static void
waitv_shared(void)
{
	int status;
	pid_t pid;

	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	set_pieces();
	pieces[1] = (struct piece){.uaddr = (uintptr_t)shared, .flags = 2};
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		while (syscall(SYS_futex, shared, FUTEX_WAKE, 1, 0, 0, 0) != 1)
			sched_yield();
		_exit(0);
	}
	CHECK(waitv(3, NULL) == 1);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void
nothing(int sig)
{
	(void)sig;
}

static void
waitv_signal(void)
{
	struct sigaction sa = {.sa_handler = nothing};
	struct itimerval it = {{0, 2000}, {0, 2000}}, off = {{0, 0}, {0, 0}};

	CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
	set_pieces();
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	FAILS(EINTR, waitv(4, NULL));
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
}

struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static void
attributes(void)
{
	struct attr a = {0};

	FAILS(EINVAL, syscall(SYS_sched_getattr, 0, NULL, sizeof(a), 0));
	FAILS(EINVAL, syscall(SYS_sched_getattr, 0, &a, 40, 0));
	FAILS(EINVAL, syscall(SYS_sched_getattr, 0, &a, sizeof(a), 1));
	FAILS(EINVAL, syscall(SYS_sched_getattr, -1, &a, sizeof(a), 0));
	FAILS(ESRCH, syscall(SYS_sched_getattr, 1 << 30, &a, sizeof(a), 0));
	CHECK(setpriority(PRIO_PROCESS, 0, 3) == 0);
	CHECK(syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0) == 0);
	CHECK(a.size == sizeof(a) && a.policy == 0 && a.nice == 3 &&
	      a.priority == 0);
	a.flags = 0;
	a.nice = 7;
	CHECK(syscall(SYS_sched_setattr, 0, &a, 0) == 0);
	CHECK(getpriority(PRIO_PROCESS, 0) == 7);
	FAILS(EINVAL, syscall(SYS_sched_setattr, 0, &a, 1));
	FAILS(EINVAL, syscall(SYS_sched_setattr, 0, NULL, 0));
	a.priority = 1;
	FAILS(EINVAL, syscall(SYS_sched_setattr, 0, &a, 0));
	a.policy = 99;
	FAILS(EINVAL, syscall(SYS_sched_setattr, 0, &a, 0));
}

static void
memory_of_the_dying(void)
{
	int fd, status;
	pid_t pid = fork();

	CHECK(pid != -1);
	if (pid == 0)
		for (;;)
			pause();
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	CHECK(fd != -1);
	FAILS(EBADF, syscall(SYS_process_mrelease, 99, 0));
	FAILS(EINVAL, syscall(SYS_process_mrelease, fd, 1));
	FAILS(EINVAL, syscall(SYS_process_mrelease, fd, 0));
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT) == 0);
	FAILS(ESRCH, syscall(SYS_process_mrelease, fd, 0));
	CHECK(waitpid(pid, &status, 0) == pid);
	close(fd);
}

struct how {
	uint64_t flags, mode, resolve, more[2];
};

static long
open2(const char *path, struct how *how, size_t size)
{
	return syscall(SYS_openat2, AT_FDCWD, path, how, size);
}

static void
opening(void)
{
	struct how how = {.flags = O_RDONLY};
	int fd;

	fd = (int)open2("/dev/null", &how, 24);
	CHECK(fd >= 0 && close(fd) == 0);
	fd = (int)open2("/dev/null", &how, sizeof(how));
	CHECK(fd >= 0 && close(fd) == 0);
	FAILS(EINVAL, open2("/dev/null", &how, 16));
	FAILS(EFAULT, open2("/dev/null", NULL, 24));
	how.more[1] = 1;
	FAILS(E2BIG, open2("/dev/null", &how, sizeof(how)));
	how.more[1] = 0;
	how.mode = 0600;
	FAILS(EINVAL, open2("/dev/null", &how, 24));
	how.mode = 0;
	how.resolve = 1 << 20;
	FAILS(EINVAL, open2("/dev/null", &how, 24));
	how.resolve = 0;
	how.flags = 1ULL << 40;
	FAILS(EINVAL, open2("/dev/null", &how, 24));
	how.flags = O_RDONLY;
	FAILS(ENOENT, open2("/dev/nothing", &how, 24));
}

int
main(void)
{
	waitv_refuses();
	waitv_wakes();
	waitv_shared();
	waitv_signal();
	attributes();
	memory_of_the_dying();
	opening();
	return 0;
}
