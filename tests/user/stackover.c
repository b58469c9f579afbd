/*
 * stackover.c: the stack grows on touch as far as its limit, not a page
 * further: a child that goes deeper dies of SIGSEGV; and a handler on an
 * alternate stack sees it, with an address near the stack's end.
 */
#include <sys/resource.h>
#include <sys/wait.h>
#include <signal.h>
#include <stdint.h>
#include "t.h"

static char altstack[64 * 1024];
static uintptr_t top;

static __attribute__((noinline)) int
deep(size_t bytes)
{
	volatile char pad[2048];
	int r = 0;

	pad[0] = (char)bytes;
	if (bytes > sizeof(pad))
		r = deep(bytes - sizeof(pad)); /* the frame is a little more */
	return r + pad[0];
}

static void
on_segv(int sig, siginfo_t *si, void *uc)
{
	uintptr_t a = (uintptr_t)si->si_addr;

	(void)uc;
	_exit(sig == SIGSEGV && a < top && top - a < 16UL << 20 ? 42 : 43);
}

/* Status of a child that uses so many bytes of stack. */
static int
use(size_t bytes, int handler)
{
	stack_t ss = {.ss_sp = altstack, .ss_size = sizeof(altstack)};
	struct sigaction sa = {.sa_sigaction = on_segv,
	    .sa_flags = SA_SIGINFO | SA_ONSTACK};
	int status;
	pid_t pid;

	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		if (handler) {
			CHECK(sigaltstack(&ss, NULL) == 0);
			CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
		}
		deep(bytes);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

int
main(void)
{
	struct rlimit rl;
	int status;

	top = (uintptr_t)&rl + (64 << 10);
	CHECK(getrlimit(RLIMIT_STACK, &rl) == 0);
	CHECK(rl.rlim_cur >= 1 << 20 && rl.rlim_cur <= 8 << 20);
	CHECK(use(rl.rlim_cur / 2, 0) == 0);
	status = use(rl.rlim_cur * 2, 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = use(rl.rlim_cur * 2, 1);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	return 0;
}
