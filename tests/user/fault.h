/*
 * fault.h: accesses that may fault, and functions that run in a child, for
 * the test programs that need them.
 */
#ifndef FAULT_H
#define FAULT_H

#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include "t.h"

static __attribute__((unused)) sigjmp_buf escape;
static __attribute__((unused)) volatile sig_atomic_t code;
static __attribute__((unused)) void *volatile where;

/* A handler with SA_SIGINFO: back to touch(), with what the fault was. */
static inline void
on_fault(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	code = si->si_code;
	where = si->si_addr;
	siglongjmp(escape, sig);
}

/* The signal that a load of p, or a store to it, raises; 0: none. */
static inline int
touch(volatile char *p, int store)
{
	int sig;

	sig = sigsetjmp(escape, 1);
	if (sig != 0)
		return sig;
	if (store)
		*p = 1;
	else
		(void)*p;
	return 0;
}

/* Run fn in a child, as nobody if asked: what wait says of it. */
static inline int
child_status(void (*fn)(void), int nobody)
{
	int status;
	pid_t pid = fork();

	CHECK(pid != -1);
	if (pid == 0) {
		if (nobody)
			CHECK(setgid(65534) == 0 && setuid(65534) == 0);
		fn();
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

/* The same; it must return. */
static inline void
in_child(void (*fn)(void), int nobody)
{
	CHECK(child_status(fn, nobody) == 0);
}

#endif
