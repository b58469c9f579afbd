/*
 * sigfuzz.c: wild signal frames.
 *
 *	sigfuzz [-s seed] [-n frames]
 *
 * A child fills the context of a signal with noise, made plausible in some
 * fields, and returns from its handler.  Whatever happens to it is right; the
 * kernel must survive.
 */
#include <sys/wait.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>
#include <ucontext.h>
#include "t.h"

/* What the kernel reads back of a ucontext. */
#ifdef __x86_64__
#define CONTEXT_LEN (offsetof(ucontext_t, uc_sigmask) + 8)
#else
#define CONTEXT_LEN sizeof(ucontext_t)
#endif

static uint64_t rng;

static uint64_t
rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

/* A number likely to matter to a processor. */
static uint64_t
odd(void)
{
	static const uint64_t list[] = {0, 1, 8, 0x33, 0x2b, 0x10, 0x18, 0x23,
	    0xfff, 0x7fffffffe000, 0x7fffffffefff, 0x7fffffffffff,
	    0x800000000000, 0xffff800000000000, 0xffffffff80100000, 0x3c5,
	    0x80000000, 0x60001000, 0xfffffffff000, 0x1000000000000,
	    0xffff000000000000, 0x46508001, 0x53564501, 0x45585401, 528, 16,
	    0xdead000000000000, UINT64_MAX};

	switch (rnd() % 3) {
	case 0:
		return list[rnd() % (sizeof(list) / sizeof(list[0]))];
	case 1:
		return rnd() >> rnd() % 64;
	default:
		return list[rnd() % (sizeof(list) / sizeof(list[0]))] +
		       rnd() % 16;
	}
}

/* Where a plausible frame leads, with whatever flags. */
static void
landed(void)
{
	_exit(0);
}

static void
scribble(uint64_t *word, size_t len)
{
	size_t i;

	for (i = 0; i < len / 8; i++)
		word[i] = rnd() % 2 ? odd() : rnd();
}

/*
 * Scribble over the context that the kernel will believe in next: all of what
 * it wrote, the floating-point state included; and put some of it right.
 */
#ifdef __x86_64__
static void
spoil(ucontext_t *uc, uint64_t stack)
{
	fpregset_t fp = uc->uc_mcontext.fpregs;
	greg_t *reg = uc->uc_mcontext.gregs;

	scribble((uint64_t *)uc, CONTEXT_LEN);
	scribble((uint64_t *)fp, sizeof(*fp));
	if (rnd() % 4 != 0)
		reg[REG_CSGSFS] = 0x002b000000000033;
	if (rnd() % 2 != 0)
		reg[REG_RIP] = (greg_t)landed;
	if (rnd() % 2 != 0)
		reg[REG_RSP] = (greg_t)stack;
	switch (rnd() % 4) {
	case 0:
		uc->uc_mcontext.fpregs = NULL;
		break;
	case 1:
		break;
	default:
		uc->uc_mcontext.fpregs = fp;
		break;
	}
}
#else
static void
spoil(ucontext_t *uc, uint64_t stack)
{
	mcontext_t *mc = &uc->uc_mcontext;
	uint64_t *record = (uint64_t *)mc->__reserved;
	uint64_t first = record[0], second = record[66];

	scribble((uint64_t *)uc, CONTEXT_LEN);
	if (rnd() % 4 != 0)
		mc->pstate &= ~(uint64_t)0x3df;
	if (rnd() % 2 != 0)
		mc->pc = (uint64_t)landed;
	if (rnd() % 2 != 0)
		mc->sp = stack;
	if (rnd() % 4 != 0)
		record[0] = first; /* the floating-point registers */
	if (rnd() % 4 != 0)
		record[66] = second;
}
#endif

static void
handler(int sig, siginfo_t *info, void *context)
{
	uint64_t stack = (uint64_t)&stack;

	(void)sig;
	(void)info;
	spoil(context, stack & ~(uint64_t)15);
}

static void
child(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = handler;
	sa.sa_flags = SA_SIGINFO;
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	alarm(1);
	raise(SIGUSR1);
	_exit(0);
}

int
main(int argc, char **argv)
{
	unsigned long n, frames = 3000;
	uint64_t seed = (uint64_t)time(NULL);
	int c, status;
	pid_t pid;

	while ((c = getopt(argc, argv, "n:s:")) != -1) {
		if (c == 'n')
			frames = strtoul(optarg, NULL, 0);
		else if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	printf("sigfuzz -s %llu -n %lu\n", (unsigned long long)seed, frames);
	fflush(stdout);
	for (n = 0; n < frames; n++) {
		pid = fork();
		if (pid < 0)
			err(1, "fork");
		if (pid == 0) {
			rng = (seed + n) * 0x9e3779b97f4a7c15 + 1;
			child();
		}
		if (waitpid(pid, &status, 0) != pid)
			err(1, "waitpid");
	}
	return 0;
}
