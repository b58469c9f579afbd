/*
 * timers.c: timer_create() and its relatives, interval timers of used time,
 * clocks of processor time.
 */
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include "t.h"

#define MS 1000000L

static volatile sig_atomic_t count, last_code, last_value, last_overrun;
static volatile sig_atomic_t last_tid;

static void
on_timer(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)uc;
	count++;
	last_code = si->si_code;
	last_value = si->si_value.sival_int;
	last_overrun = si->si_overrun;
	last_tid = (sig_atomic_t)syscall(SYS_gettid);
}

static void
handle(int sig)
{
	struct sigaction sa = {.sa_sigaction = on_timer,
	    .sa_flags = SA_SIGINFO | SA_RESTART};

	CHECK(sigaction(sig, &sa, NULL) == 0);
	count = 0;
}

static struct itimerspec
its(long first, long every)
{
	return (
	    struct itimerspec){.it_value = {first / 1000, first % 1000 * MS},
	    .it_interval = {every / 1000, every % 1000 * MS}};
}

/* Raw calls: the C libraries number timers themselves. */
static int
create(int clock, struct sigevent *ev, int *id)
{
	return (int)syscall(SYS_timer_create, clock, ev, id);
}

static int
settime(int id, int flags, struct itimerspec *new, struct itimerspec *old)
{
	return (int)syscall(SYS_timer_settime, id, flags, new, old);
}

static int
gettime(int id, struct itimerspec *now)
{
	return (int)syscall(SYS_timer_gettime, id, now);
}

static int delete (int id)
{
	return (int)syscall(SYS_timer_delete, id);
}

static void
await(int n)
{
	while (count < n)
		CHECK(poll(NULL, 0, 1) == 0 || errno == EINTR);
}

static void
basics(void)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL,
	    .sigev_signo = SIGRTMIN};
	struct itimerspec it, old;
	int id, other;

	ev.sigev_value.sival_int = 4711;
	handle(SIGRTMIN);
	CHECK(create(CLOCK_MONOTONIC, &ev, &id) == 0 && id >= 0);
	CHECK(create(CLOCK_REALTIME, &ev, &other) == 0 && other != id);
	CHECK(gettime(id, &it) == 0 && it.it_value.tv_nsec == 0);
	it = its(5, 0);
	CHECK(settime(id, 0, &it, &old) == 0);
	CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_nsec == 0);
	await(1);
	CHECK(last_code == SI_TIMER && last_value == 4711);
	CHECK(last_overrun == 0);
	CHECK(syscall(SYS_timer_getoverrun, id) == 0);
	CHECK(gettime(id, &it) == 0 && it.it_value.tv_nsec == 0);

	/* Until a point in time; what is past comes at once. */
	CHECK(clock_gettime(CLOCK_REALTIME, &it.it_value) == 0);
	it.it_interval = (struct timespec){0, 0};
	count = 0;
	CHECK(settime(other, TIMER_ABSTIME, &it, NULL) == 0);
	await(1);

	/* Again and again, and what is left is less than the interval. */
	it = its(3, 3);
	count = 0;
	CHECK(settime(id, 0, &it, NULL) == 0);
	await(3);
	CHECK(gettime(id, &it) == 0);
	CHECK(it.it_interval.tv_nsec == 3 * MS);
	CHECK(it.it_value.tv_sec == 0 && it.it_value.tv_nsec <= 3 * MS);
	CHECK(delete (id) == 0 && delete (other) == 0);
	FAILS(EINVAL, delete (id));
	FAILS(EINVAL, gettime(id, &it));
	FAILS(EINVAL, settime(id, 0, &it, NULL));
	FAILS(EINVAL, syscall(SYS_timer_getoverrun, id));
}

/* While the signal is blocked expirations are counted; one is queued. */
static void
overruns(void)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL,
	    .sigev_signo = SIGRTMIN};
	struct itimerspec it = its(1, 1);
	struct timespec nap = {0, 20 * MS};
	siginfo_t si;
	sigset_t set;
	int id;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(create(CLOCK_MONOTONIC, &ev, &id) == 0);
	CHECK(settime(id, 0, &it, NULL) == 0);
	CHECK(nanosleep(&nap, NULL) == 0);
	CHECK(sigwaitinfo(&set, &si) == SIGRTMIN);
	CHECK(si.si_code == SI_TIMER && si.si_overrun >= 10);
	CHECK(syscall(SYS_timer_getoverrun, id) >= si.si_overrun);
	/* What is pending goes with the timer. */
	CHECK(nanosleep(&nap, NULL) == 0);
	CHECK(delete (id) == 0);
	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
}

static void
refusals(void)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL};
	struct itimerspec it = its(1, 0);
	int id;

	FAILS(EINVAL, create(-1, NULL, &id));
	FAILS(EINVAL, create(77, NULL, &id));
	FAILS(EOPNOTSUPP, create(CLOCK_MONOTONIC_COARSE, NULL, &id));
	FAILS(EFAULT, create(CLOCK_MONOTONIC, (void *)1, &id));
	FAILS(EFAULT, create(CLOCK_MONOTONIC, NULL, (void *)1));
	FAILS(EINVAL, create(CLOCK_MONOTONIC, &ev, &id)); /* signal 0 */
	ev.sigev_signo = 65;
	FAILS(EINVAL, create(CLOCK_MONOTONIC, &ev, &id));
	ev.sigev_signo = SIGALRM;
	ev.sigev_notify = 77;
	FAILS(EINVAL, create(CLOCK_MONOTONIC, &ev, &id));
	ev.sigev_notify = SIGEV_THREAD_ID;
	FAILS(EINVAL, create(CLOCK_MONOTONIC, &ev, &id)); /* thread 0 */
	CHECK(create(CLOCK_MONOTONIC, NULL, &id) == 0);
	FAILS(EINVAL, settime(id, 0, NULL, NULL));
	FAILS(EFAULT, settime(id, 0, (void *)1, NULL));
	it.it_value.tv_nsec = 1000 * MS;
	FAILS(EINVAL, settime(id, 0, &it, NULL));
	it.it_value.tv_nsec = -1;
	FAILS(EINVAL, settime(id, 0, &it, NULL));
	CHECK(delete (id) == 0);
	FAILS(EINVAL, syscall(SYS_timer_delete, -1));
}

/* A silent timer runs, and one that says which thread is told does. */
static void
notify(void)
{
	struct sigevent ev = {.sigev_notify = SIGEV_NONE};
	struct itimerspec it = its(2000, 0), now;
	int id;

	CHECK(create(CLOCK_MONOTONIC, &ev, &id) == 0);
	CHECK(settime(id, 0, &it, NULL) == 0);
	CHECK(gettime(id, &now) == 0);
	CHECK(now.it_value.tv_sec == 1 ||
	      (now.it_value.tv_sec == 2 && now.it_value.tv_nsec == 0));
	CHECK(delete (id) == 0);

	handle(SIGUSR1);
	ev.sigev_notify = SIGEV_SIGNAL | SIGEV_THREAD_ID;
	ev.sigev_signo = SIGUSR1;
	ev._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	CHECK(create(CLOCK_MONOTONIC, &ev, &id) == 0);
	it = its(2, 0);
	CHECK(settime(id, 0, &it, NULL) == 0);
	await(1);
	CHECK(last_tid == ev._sigev_un._tid);
	CHECK(delete (id) == 0);
}

static void
burn(void)
{
	volatile unsigned i;

	for (i = 0; i < 1000000; i++)
		continue;
}

/* Used time: a timer that sleeping does not move. */
static void
cputime(void)
{
	struct itimerval iv = {{0, 0}, {0, 10000}}, old;
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL,
	    .sigev_signo = SIGRTMIN};
	struct timespec ts, nap = {0, 30 * MS};
	struct itimerspec it = its(10, 0);
	clockid_t clock;
	int id;

	handle(SIGRTMIN);
	CHECK(create(CLOCK_PROCESS_CPUTIME_ID, &ev, &id) == 0);
	CHECK(settime(id, 0, &it, NULL) == 0);
	while (count == 0)
		burn();
	CHECK(delete (id) == 0);
	CHECK(create(CLOCK_THREAD_CPUTIME_ID, &ev, &id) == 0);
	CHECK(settime(id, 0, &it, NULL) == 0);
	count = 0;
	while (count == 0)
		burn();
	CHECK(delete (id) == 0);

	handle(SIGVTALRM);
	CHECK(setitimer(ITIMER_VIRTUAL, &iv, &old) == 0);
	CHECK(old.it_value.tv_usec == 0);
	CHECK(getitimer(ITIMER_VIRTUAL, &old) == 0);
	CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_usec > 0);
	CHECK(nanosleep(&nap, NULL) == 0 && count == 0);
	while (count == 0)
		burn();
	CHECK(getitimer(ITIMER_VIRTUAL, &old) == 0);
	CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_usec == 0);
	handle(SIGPROF);
	iv.it_interval.tv_usec = 2000;
	CHECK(setitimer(ITIMER_PROF, &iv, NULL) == 0);
	while (count < 3)
		burn();
	CHECK(last_code == SI_KERNEL);
	memset(&iv, 0, sizeof(iv));
	CHECK(setitimer(ITIMER_PROF, &iv, &old) == 0);
	CHECK(old.it_interval.tv_usec == 2000);
	FAILS(EINVAL, setitimer((__itimer_which_t)3, &iv, NULL));

	CHECK(clock_getcpuclockid(0, &clock) == 0);
	CHECK(clock_gettime(clock, &ts) == 0 && ts.tv_sec + ts.tv_nsec > 0);
	CHECK(clock_getcpuclockid(getppid(), &clock) == 0);
	CHECK(clock_gettime(clock, &ts) == 0);
	CHECK(pthread_getcpuclockid(pthread_self(), &clock) == 0);
	CHECK(clock_gettime(clock, &ts) == 0 && ts.tv_sec + ts.tv_nsec > 0);
	FAILS(EINVAL, clock_gettime((clockid_t)(~0x0fffffff * 8 + 2), &ts));
	CHECK(
	    clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &nap, NULL) == EINVAL);
	CHECK(clock_nanosleep(CLOCK_MONOTONIC_COARSE, 0, &nap, NULL) ==
	      EOPNOTSUPP);
	CHECK(clock_nanosleep(77, 0, &nap, NULL) == EINVAL);
	ts = (struct timespec){0, 0};
	CHECK(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &ts,
		  NULL) == 0);
}

/* Timers are not inherited, and end with the program. */
static void
lives(char *self)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL,
	    .sigev_signo = SIGKILL};
	struct itimerspec it = its(300, 0);
	char *argv[] = {self, "-", NULL};
	int id, status;
	pid_t pid;

	CHECK(create(CLOCK_MONOTONIC, &ev, &id) == 0);
	pid = fork();
	if (pid == 0) {
		FAILS(EINVAL, gettime(id, &it));
		CHECK(create(CLOCK_MONOTONIC, &ev, &id) == 0);
		CHECK(settime(id, 0, &it, NULL) == 0);
		execv(self, argv);
		_exit(9);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	pid = fork();
	if (pid == 0) {
		it = its(1, 0);
		CHECK(create(CLOCK_MONOTONIC, &ev, &id) == 0);
		CHECK(settime(id, 0, &it, NULL) == 0);
		for (;;)
			pause();
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK(delete (id) == 0);
}

int
main(int argc, char **argv)
{
	struct timespec nap = {0, 400 * MS};

	if (argc > 1)
		return nanosleep(&nap, NULL); /* nobody kills us */
	basics();
	overruns();
	refusals();
	notify();
	cputime();
	lives(argv[0]);
	return 0;
}
