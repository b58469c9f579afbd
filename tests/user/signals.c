/*
 * signals.c: handlers, masks, faults, children's signals.
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include <signal.h>
#include <stdint.h>
#include "t.h"

static volatile sig_atomic_t got, depth, maxdepth;
static void *volatile fault_at;

static void
count(int sig)
{
	got += sig;
}

static void
nest(int sig)
{
	if (++depth > maxdepth)
		maxdepth = depth;
	if (got++ < 3)
		raise(sig);
	depth--;
}

/* Repair the page that faulted; the instruction then succeeds. */
static void
repair(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	got = sig;
	fault_at = si->si_addr;
	if (mprotect((void *)((uintptr_t)si->si_addr & ~(PAGE - 1)), PAGE,
		PROT_READ | PROT_WRITE) == -1)
		_exit(1);
}

static void
set(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = {.sa_handler = fn, .sa_flags = flags};

	CHECK(sigaction(sig, &sa, NULL) == 0);
}

static void
masks(void)
{
	sigset_t one, old, pend;

	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	set(SIGUSR1, count, 0);
	got = 0;
	CHECK(raise(SIGUSR1) == 0 && got == SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &one, &old) == 0);
	got = 0;
	CHECK(kill(getpid(), SIGUSR1) == 0 && got == 0);
	CHECK(sigpending(&pend) == 0 && sigismember(&pend, SIGUSR1));
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	CHECK(got == SIGUSR1);

	got = depth = maxdepth = 0;
	set(SIGUSR1, nest, 0);
	CHECK(raise(SIGUSR1) == 0 && maxdepth == 1 && got == 4);
	got = depth = maxdepth = 0;
	set(SIGUSR1, nest, SA_NODEFER);
	CHECK(raise(SIGUSR1) == 0 && maxdepth == 4 && got == 4);
	FAILS(EINVAL, kill(getpid(), 65));
	FAILS(ESRCH, kill(0x3ffffff, 0));
}

static void
faults(void)
{
	struct sigaction sa = {.sa_sigaction = repair, .sa_flags = SA_SIGINFO};
	char *p;

	p = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
	got = 0;
	*(volatile char *)(p + 123) = 'x';
	CHECK(got == SIGSEGV && fault_at == p + 123 && p[123] == 'x');
	set(SIGSEGV, SIG_DFL, 0);
}

/* Status of a child that runs fn. */
static int
child(void (*fn)(void))
{
	int status;
	pid_t pid;

	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		fn();
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

static void
die_abort(void)
{
	abort();
}

static void
die_wild(void)
{
	*(volatile int *)(uintptr_t)0xffff800000000000 = 1;
}

static void
die_exec(void)
{
	void (*fn)(void) = (void (*)(void))(uintptr_t)0x10;

	fn();
}

static void
die_kill(void)
{
	kill(getpid(), SIGKILL);
	pause();
}

static void
die_blocked(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	die_wild(); /* blocked or not, it cannot go on */
}

static void
children(void)
{
	siginfo_t si;
	pid_t pid;
	int status;

	CHECK(WTERMSIG(child(die_abort)) == SIGABRT);
	CHECK(WTERMSIG(child(die_wild)) == SIGSEGV);
	CHECK(WTERMSIG(child(die_exec)) == SIGSEGV);
	CHECK(WTERMSIG(child(die_kill)) == SIGKILL);
	CHECK(WTERMSIG(child(die_blocked)) == SIGSEGV);

	set(SIGCHLD, count, SA_RESTART);
	got = 0;
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0)
		_exit(9);
	memset(&si, 0, sizeof(si));
	CHECK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) == 0);
	CHECK(si.si_pid == pid && si.si_code == CLD_EXITED);
	CHECK(si.si_status == 9 && got == SIGCHLD);
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 9);
	FAILS(ECHILD, waitpid(-1, &status, 0));
	set(SIGCHLD, SIG_DFL, 0);

	/* Stop, continue, kill. */
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0)
		for (;;)
			pause();
	CHECK(kill(pid, SIGSTOP) == 0);
	CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(waitpid(pid, &status, WCONTINUED) == pid);
	CHECK(WIFCONTINUED(status));
	CHECK(kill(pid, SIGTERM) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGTERM);
}

static void
interrupts(void)
{
	int fds[2];
	char c;

	CHECK(pipe(fds) == 0);
	set(SIGALRM, count, 0);
	alarm(1);
	FAILS(EINTR, read(fds[0], &c, 1));
	set(SIGPIPE, SIG_IGN, 0);
	close(fds[0]);
	FAILS(EPIPE, write(fds[1], "x", 1));
	close(fds[1]);
}

int
main(void)
{
	masks();
	faults();
	children();
	interrupts();
	return 0;
}
