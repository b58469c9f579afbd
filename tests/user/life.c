/*
 * life.c: fork, vfork, exec, exit, wait, groups, stops, timers, limits.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include "t.h"

extern char **environ;
static volatile sig_atomic_t got;

static void
note(int sig)
{
	got = sig;
}

static void
handle(int sig, int flags)
{
	struct sigaction sa = {.sa_handler = note, .sa_flags = flags};

	CHECK(sigaction(sig, &sa, NULL) == 0);
}

static void
msleep(long ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

	while (nanosleep(&ts, &ts) == -1)
		CHECK(errno == EINTR);
}

/* A child that does nothing but wait. */
static pid_t
idle_child(void)
{
	pid_t pid = fork();

	CHECK(pid != -1);
	while (pid == 0)
		pause();
	return pid;
}

static void
waits(void)
{
	struct rusage ru;
	siginfo_t si;
	int status;
	pid_t pid;

	FAILS(ECHILD, waitpid(-1, &status, 0));
	FAILS(ECHILD, waitpid(1, &status, 0));
	FAILS(EINVAL, waitpid(-1, &status, 0x40));
	FAILS(EINVAL, waitid(P_ALL, 0, &si, 0));

	pid = fork();
	CHECK(pid != -1);
	if (pid == 0)
		_exit(42);
	memset(&si, 0, sizeof(si));
	CHECK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) == 0);
	CHECK(si.si_code == CLD_EXITED && si.si_status == 42);
	CHECK(si.si_pid == pid && si.si_signo == SIGCHLD);
	CHECK(wait4(pid, &status, 0, &ru) == pid);
	CHECK(status == 42 << 8 && ru.ru_maxrss > 0 && ru.ru_minflt > 0);
	FAILS(ECHILD, wait4(pid, &status, WNOHANG, &ru));

	pid = idle_child();
	CHECK(waitpid(pid, &status, WNOHANG) == 0);
	CHECK(kill(pid, SIGTERM) == 0);
	CHECK(waitpid(-1, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	FAILS(ESRCH, kill(pid, 0));
}

static void
stops(void)
{
	siginfo_t si;
	int status;
	pid_t pid;

	handle(SIGCHLD, 0);
	pid = idle_child();
	got = 0;
	CHECK(kill(pid, SIGSTOP) == 0);
	while (waitpid(pid, &status, WUNTRACED) == -1)
		CHECK(errno == EINTR);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	CHECK(got == SIGCHLD);
	CHECK(waitpid(pid, &status, WUNTRACED | WNOHANG) == 0);
	got = 0;
	CHECK(kill(pid, SIGCONT) == 0);
	memset(&si, 0, sizeof(si));
	while (waitid(P_PID, (id_t)pid, &si, WCONTINUED) == -1)
		CHECK(errno == EINTR);
	CHECK(si.si_code == CLD_CONTINUED && si.si_status == SIGCONT);
	/* Stopped again and killed: it must not need to be continued. */
	CHECK(kill(pid, SIGSTOP) == 0);
	while (waitpid(pid, &status, WUNTRACED) == -1)
		CHECK(errno == EINTR);
	CHECK(WIFSTOPPED(status));
	CHECK(kill(pid, SIGKILL) == 0);
	while (waitpid(pid, &status, 0) == -1)
		CHECK(errno == EINTR);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	signal(SIGCHLD, SIG_DFL);
}

/*
 * Nobody wants the zombies: wait says so, after the last has gone.
 * LIFECYCLE 8 holds kern/exit.c:proc_zombie mutant 139
 */
static void
no_zombies(void)
{
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 10; i++) {
		pid = fork();
		CHECK(pid != -1);
		if (pid == 0)
			_exit(i);
	}
	FAILS(ECHILD, wait(NULL));
	signal(SIGCHLD, SIG_DFL);
}

/*
 * LIFECYCLE 50 holds kern/exit.c:lwp_leave mutant 67
 * LIFECYCLE 52 holds kern/exit.c:exit_leave_space mutant 67
 * LIFECYCLE 77 different uvm/uvm_vmspace.c:uvmspace_share mutant 68 because vfork and CLONE_VM share spaces; kernel threads have none
 */
static void
vforks(void)
{
	char *argv[] = {"sh", "-c", "exit $(($1 + 1))", "sh", "8", NULL};
	volatile int shared = 1;
	int status;
	pid_t pid;

	pid = vfork();
	CHECK(pid != -1);
	if (pid == 0) {
		shared = 2; /* seen by the parent: one space */
		_exit(1);
	}
	CHECK(shared == 2);
	CHECK(waitpid(pid, &status, 0) == pid && status == 1 << 8);

	for (int i = 0; i < 20; i++) {
		CHECK(posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ) ==
		      0);
		CHECK(waitpid(pid, &status, 0) == pid && status == 9 << 8);
	}
	argv[0] = "none";
	CHECK(posix_spawn(&pid, "/none", NULL, NULL, argv, environ) == ENOENT);
	CHECK(system("exit 11") == 11 << 8);

	/* A vfork parent can be killed; the child goes on in the space. */
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		pid = vfork();
		if (pid == 0) {
			kill(getppid(), SIGKILL);
			msleep(50);
			_exit(0);
		}
		_exit(1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Orphans belong to process 1; whoever asked is told of the death. */
static void
orphans(void)
{
	int p[2];
	pid_t pid;
	char c = 0;

	CHECK(pipe(p) == 0);
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		if (fork() == 0) {
			handle(SIGUSR1, 0);
			prctl(PR_SET_PDEATHSIG, SIGUSR1);
			while (got == 0)
				msleep(1);
			while (getppid() != 1)
				msleep(1);
			CHECK(write(p[1], "x", 1) == 1);
			_exit(0);
		}
		msleep(100);
		_exit(0);
	}
	close(p[1]);
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK(read(p[0], &c, 1) == 1 && c == 'x');
	CHECK(read(p[0], &c, 1) == 0);
	close(p[0]);
}

static void
groups(void)
{
	int status;
	pid_t a, b;

	a = idle_child();
	CHECK(setpgid(a, a) == 0);
	b = idle_child();
	CHECK(setpgid(b, a) == 0);
	CHECK(getpgid(a) == a && getpgid(b) == a);
	FAILS(EPERM, setpgid(b, 1));
	FAILS(ESRCH, setpgid(1, 0));
	FAILS(EINVAL, setpgid(0, -1));
	CHECK(kill(-a, SIGTERM) == 0);
	CHECK(waitpid(-a, &status, 0) > 0);
	CHECK(waitpid(-a, &status, 0) > 0);
	FAILS(ECHILD, waitpid(-a, &status, 0));
	FAILS(ESRCH, kill(-a, 0));
	a = fork();
	CHECK(a != -1);
	if (a == 0) {
		CHECK(setsid() == getpid() && getsid(0) == getpid());
		FAILS(EPERM, setsid());
		FAILS(EPERM, setpgid(0, 0));
		_exit(0);
	}
	CHECK(waitpid(a, &status, 0) == a && status == 0);
}

static void
timers(void)
{
	struct itimerval it = {{0, 5000}, {0, 5000}}, old;
	struct timespec ts = {0, 50000000}, rem = {0, 0}, t0, t1;
	struct pollfd none;
	sigset_t set;
	siginfo_t si;

	handle(SIGALRM, 0);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	for (int i = 0; i < 5; i++) {
		got = 0;
		CHECK(pause() == -1 && errno == EINTR && got == SIGALRM);
	}
	memset(&it, 0, sizeof(it));
	CHECK(setitimer(ITIMER_REAL, &it, &old) == 0);
	CHECK(old.it_interval.tv_usec == 5000);
	CHECK(alarm(10) == 0 && alarm(0) == 10);

	/* A handler ends a sleep, even with SA_RESTART; a poll as well. */
	handle(SIGALRM, SA_RESTART);
	it.it_value.tv_usec = 10000;
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	FAILS(EINTR, nanosleep(&ts, &rem));
	CHECK(rem.tv_nsec > 0 && rem.tv_nsec < 50000000);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	FAILS(EINTR, poll(&none, 0, 1000));

	/* A stop and continue does not, and the sleep takes its full time. */
	clock_gettime(CLOCK_MONOTONIC, &t0);
	if (fork() == 0) {
		msleep(20);
		kill(getppid(), SIGSTOP);
		msleep(20);
		kill(getppid(), SIGCONT);
		_exit(0);
	}
	ts.tv_nsec = 100000000;
	CHECK(nanosleep(&ts, NULL) == 0);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	CHECK((t1.tv_sec - t0.tv_sec) * 1000000000L + t1.tv_nsec - t0.tv_nsec >=
	      100000000);
	wait(NULL);

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ts.tv_nsec = 5000000;
	FAILS(EAGAIN, sigtimedwait(&set, &si, &ts));
	for (int i = 0; i < 3; i++)
		CHECK(sigqueue(getpid(), SIGRTMIN + 3,
			  (union sigval){.sival_int = i}) == 0);
	for (int i = 0; i < 3; i++) {
		CHECK(sigtimedwait(&set, &si, &ts) == SIGRTMIN + 3);
		CHECK(si.si_code == SI_QUEUE && si.si_value.sival_int == i);
	}
	FAILS(EAGAIN, sigtimedwait(&set, &si, &ts));
}

/* read() on a pipe: made again with SA_RESTART, else EINTR. */
static void
restarts(void)
{
	int p[2];
	pid_t pid;
	char c;

	for (int flags = 0;; flags = SA_RESTART) {
		handle(SIGUSR1, flags);
		CHECK(pipe(p) == 0);
		got = 0;
		pid = fork();
		CHECK(pid != -1);
		if (pid == 0) {
			msleep(30);
			kill(getppid(), SIGUSR1);
			msleep(30);
			CHECK(write(p[1], "y", 1) == 1);
			_exit(0);
		}
		if (flags == 0)
			FAILS(EINTR, read(p[0], &c, 1));
		CHECK(read(p[0], &c, 1) == 1 && c == 'y');
		CHECK(got == SIGUSR1);
		CHECK(waitpid(pid, NULL, 0) == pid);
		close(p[0]);
		close(p[1]);
		if (flags != 0)
			break;
	}
}

/* What survives exec and what does not. */
static void
execs(const char *self)
{
	char *argv[] = {"life", "exec'd", "", "two words", NULL};
	char *env[] = {"A=1", "B=", NULL};
	sigset_t set;
	int status;
	pid_t pid;

	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		handle(SIGUSR1, 0);
		signal(SIGUSR2, SIG_IGN);
		sigemptyset(&set);
		sigaddset(&set, SIGHUP);
		sigprocmask(SIG_SETMASK, &set, NULL);
		raise(SIGHUP);
		execve(self, argv, env);
		_exit(99);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	FAILS(ENOENT, execve("/none", argv, env));
	FAILS(ENOENT, execve("", argv, env));
	FAILS(EACCES, execve("/etc", argv, env));
	FAILS(EFAULT, syscall(SYS_execve, 8L, argv, env));
	FAILS(EFAULT, syscall(SYS_execve, self, 8L, env));
}

static int
after_exec(int argc, char **argv)
{
	struct sigaction sa;
	sigset_t set;

	CHECK(argc == 4 && strcmp(argv[0], "life") == 0);
	CHECK(argv[2][0] == '\0' && strcmp(argv[3], "two words") == 0);
	CHECK(strcmp(environ[0], "A=1") == 0 && strcmp(environ[1], "B=") == 0);
	CHECK(environ[2] == NULL);
	CHECK(sigaction(SIGUSR1, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL);
	CHECK(sigaction(SIGUSR2, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN);
	sigpending(&set);
	CHECK(sigismember(&set, SIGHUP) == 1);
	sigprocmask(SIG_SETMASK, NULL, &set);
	CHECK(sigismember(&set, SIGHUP) == 1 && !sigismember(&set, SIGUSR1));
	return 0;
}

/*
 * Teardown of memory is in the child's system time, and in no one else's.
 * LIFECYCLE 1 holds kern/exit.c:exit_last mutant 59
 * LIFECYCLE 19 holds kern/exit.c:proc_purge mutant 59 because the reaper does it only when vm.exit_policy=reaper asks for that, to compare
 * LIFECYCLE 71 holds kern/exit.c:exit_last mutant 59
 * LIFECYCLE 73 holds kern/exit.c:proc_purge mutant 59
 */
static void
charged(void)
{
	const size_t len = 64UL << 20;
	struct rusage ru, self0, self1;
	long before = 0, after;
	int pfd[2];
	pid_t pid;
	char *p;

	getrusage(RUSAGE_SELF, &self0);
	CHECK(pipe(pfd) == 0);
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(p != MAP_FAILED);
		for (size_t i = 0; i < len; i += PAGE)
			p[i] = 1;
		getrusage(RUSAGE_SELF, &ru);
		before = ru.ru_stime.tv_sec * 1000000 + ru.ru_stime.tv_usec;
		CHECK(write(pfd[1], &before, sizeof(before)) == sizeof(before));
		_exit(0);
	}
	CHECK(wait4(pid, NULL, 0, &ru) == pid);
	getrusage(RUSAGE_SELF, &self1);
	/* Giving 16,384 pages back takes its time, after it last looked. */
	CHECK(read(pfd[0], &before, sizeof(before)) == sizeof(before));
	after = ru.ru_stime.tv_sec * 1000000 + ru.ru_stime.tv_usec;
	CHECK(after >= before + 300);
	close(pfd[0]);
	close(pfd[1]);
	CHECK(ru.ru_maxrss >= (long)(len / 1024));
	CHECK(ru.ru_minflt >= 16); /* several pages each */
	CHECK(ru.ru_stime.tv_sec > 0 || ru.ru_stime.tv_usec > 0);
	getrusage(RUSAGE_CHILDREN, &ru);
	CHECK(ru.ru_maxrss >= (long)(len / 1024));
}

static void
limits(void)
{
	struct rlimit rl;
	uid_t uid = 1234;
	int status, n;
	pid_t pid;

	CHECK(getrlimit(RLIMIT_STACK, &rl) == 0 && rl.rlim_cur > 0);
	FAILS(EINVAL, getrlimit((enum __rlimit_resource)77, &rl));
	if (getuid() != 0)
		return;
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		rl.rlim_cur = rl.rlim_max = 5;
		CHECK(setrlimit(RLIMIT_NPROC, &rl) == 0);
		CHECK(syscall(SYS_setresuid, uid, uid, uid) == 0);
		CHECK(getuid() == uid && geteuid() == uid);
		FAILS(EPERM, setuid(0));
		for (n = 1; (pid = fork()) > 0; n++)
			;
		if (pid == 0) {
			for (;;)
				pause();
		}
		CHECK(errno == EAGAIN);
		CHECK(n == 5);
		rl.rlim_max = 6;
		FAILS(EPERM, setrlimit(RLIMIT_NPROC, &rl));
		FAILS(EPERM, kill(1, SIGTERM));
		signal(SIGTERM, SIG_IGN);
		kill(0, SIGTERM);
		while (wait(NULL) > 0)
			;
		_exit(0);
	}
	CHECK(setpgid(pid, pid) == 0 || errno == EACCES || errno == ESRCH);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* Another process's memory, in pieces, while it lives and after. */
static void
foreign(void)
{
	char *area = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char a[100], b[200];
	struct iovec lv[2] = {{a, 100}, {b, 200}};
	struct iovec rv[2] = {{area + PAGE - 150, 250}, {area, 50}};
	pid_t pid;

	CHECK(area != MAP_FAILED);
	memset(area, 'x', 2 * PAGE);
	pid = idle_child();
	memset(area, 'y', 2 * PAGE); /* the child's copy stays */
	CHECK(process_vm_readv(pid, lv, 2, rv, 2, 0) == 300);
	CHECK(a[0] == 'x' && a[99] == 'x' && b[0] == 'x' && b[199] == 'x');
	memset(a, 'z', 100);
	CHECK(process_vm_writev(pid, lv, 1, rv, 1, 0) == 100);
	CHECK(area[PAGE - 150] == 'y');
	CHECK(process_vm_readv(pid, lv + 1, 1, rv, 1, 0) == 200);
	CHECK(b[0] == 'z' && b[99] == 'z' && b[100] == 'x');
	CHECK(mprotect(area, PAGE, PROT_NONE) == 0);
	rv[0].iov_base = (void *)8;
	FAILS(EFAULT, process_vm_readv(pid, lv, 1, rv, 1, 0));
	FAILS(EINVAL, process_vm_readv(pid, lv, 1, rv, 1, 1));
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(waitpid(pid, NULL, 0) == pid);
	FAILS(ESRCH, process_vm_readv(pid, lv, 1, rv, 1, 0));
	CHECK(munmap(area, 3 * PAGE) == 0);
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		return after_exec(argc, argv);
	waits();
	stops();
	no_zombies();
	vforks();
	orphans();
	groups();
	timers();
	restarts();
	execs(argv[0]);
	charged();
	foreign();
	limits();
	return 0;
}
