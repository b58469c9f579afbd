/*
 * hosted_linux.c: what the Linux beneath takes for the operations of hosted.c,
 * by system calls and touches, transparent huge pages off for the range.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hosted.h"

#define PAGE 4096ul

uint64_t
hosted_clock(void)
{
#ifdef __x86_64__
	return __builtin_ia32_rdtsc();
#else
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
#endif
}

static void
took(uint64_t *best, uint64_t from, uint64_t to)
{
	if (*best == 0 || to - from < *best)
		*best = to - from;
}

static volatile char *
memory(unsigned long npages)
{
	void *p;

	p = mmap(NULL, npages * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	(void)madvise(p, npages * PAGE, MADV_NOHUGEPAGE);
	return p;
}

static void
touch(volatile char *p, unsigned long npages)
{
	unsigned long i;

	for (i = 0; i < npages; i++)
		p[i * PAGE] = 1;
}

uint64_t
clear_run(unsigned long npages)
{
	volatile char *p = memory(npages);
	uint64_t t, best = 0;
	int i;

	touch(p, npages);
	for (i = 0; i < 3; i++) {
		t = hosted_clock();
		memset((char *)p, 0, npages * PAGE);
		took(&best, t, hosted_clock());
	}
	munmap((char *)p, npages * PAGE);
	return best;
}

/*
 * Lower bounds.  Entries as a table has them; a page is given back by putting its
 * descriptor, a line of its own, on a list.
 */
struct desc {
	struct desc *next;
	char rest[56];
};

static __attribute__((noinline)) struct desc *
bound_purge(uint64_t *pte, unsigned long npages, struct desc *d)
{
	struct desc *list = NULL;
	unsigned long i, pfn;

	for (i = 0; i < npages; i++) {
		pfn = pte[i] >> 12;
		pte[i] = 0;
		d[pfn].next = list;
		list = &d[pfn];
	}
	return list;
}

static __attribute__((noinline)) void
bound_protect(volatile uint64_t *pte, volatile uint64_t *copy,
    unsigned long npages)
{
	unsigned long i;

	for (i = 0; i < npages; i++) {
		pte[i] &= ~2ull;
		if (copy != NULL)
			copy[i] = pte[i];
	}
}

/* Entries for npages frames, in order or in one of no meaning. */
static void
bound_enter(uint64_t *pte, unsigned long npages, int shuffled)
{
	unsigned long i, k;
	uint64_t t;

	for (i = 0; i < npages; i++)
		pte[i] = i << 12 | 3;
	for (i = 0; shuffled && i + 1 < npages; i++) {
		k = i + (unsigned long)random() % (npages - i);
		t = pte[i];
		pte[i] = pte[k];
		pte[k] = t;
	}
}

void
bound_run(unsigned long npages, int shuffled, uint64_t best[NOP])
{
	volatile char *from = memory(npages), *to_page = memory(1);
	uint64_t *pte = malloc(npages * sizeof *pte),
		 *copy = calloc(npages, sizeof *copy), t;
	struct desc *d = malloc(npages * sizeof *d);
	unsigned long i;
	int op;

	if (pte == NULL || copy == NULL || d == NULL)
		exit(1);
	memset(d, 1, npages * sizeof *d);
	touch(from, npages);
	bound_enter(pte, npages, shuffled);
	t = hosted_clock();
	for (i = 0; i < npages; i++)
		memset((char *)from + (pte[i] >> 12) * PAGE, 0, PAGE);
	took(&best[TOUCH], t, hosted_clock());
	t = hosted_clock();
	bound_protect(pte, NULL, npages);
	took(&best[PROTECT], t, hosted_clock());
	t = hosted_clock();
	bound_protect(pte, copy, npages);
	took(&best[FORK], t, hosted_clock());
	t = hosted_clock();
	for (i = 0; i < npages; i++)
		memcpy((char *)to_page, (char *)from + (pte[i] >> 12) * PAGE,
		    PAGE);
	took(&best[COW], t, hosted_clock());
	t = hosted_clock();
	memset(copy, 0, npages * sizeof *copy);
	took(&best[CHILD_EXIT], t, hosted_clock());
	for (op = UNMAP; op <= EXIT; op++) {
		bound_enter(pte, npages, shuffled);
		t = hosted_clock();
		copy[0] += bound_purge(pte, npages, d) != NULL;
		took(&best[op], t, hosted_clock());
	}
	munmap((char *)from, npages * PAGE);
	munmap((char *)to_page, PAGE);
	free(pte);
	free(copy);
	free(d);
}

/* A child that holds a copy of us until it is told; then its end is timed. */
static void
child(volatile char *p, unsigned long npages, uint64_t best[NOP])
{
	int go[2];
	uint64_t t, u;
	pid_t pid;
	char c;

	if (pipe(go) != 0)
		exit(1);
	t = hosted_clock();
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		_exit(read(go[0], &c, 1) < 0);
	}
	u = hosted_clock();
	if (p != NULL) {
		took(&best[FORK], t, u);
		t = hosted_clock();
		touch(p, npages);
		took(&best[COW], t, hosted_clock());
	}
	close(go[0]);
	t = hosted_clock();
	close(go[1]);
	waitpid(pid, NULL, 0);
	took(&best[CHILD_EXIT], t, hosted_clock());
}

/* The exit of a process with so many pages, from the word to the wait. */
static void
exit_with(unsigned long npages, uint64_t *best)
{
	int go[2], ready[2];
	uint64_t t;
	pid_t pid;
	char c;

	if (pipe(go) != 0 || pipe(ready) != 0)
		exit(1);
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		if (npages > 0)
			touch(memory(npages), npages);
		close(ready[1]);
		_exit(read(go[0], &c, 1) < 0);
	}
	close(ready[1]);
	close(go[0]);
	(void)!read(ready[0], &c, 1);
	t = hosted_clock();
	close(go[1]);
	waitpid(pid, NULL, 0);
	took(best, t, hosted_clock());
	close(ready[0]);
}

static void
measure(unsigned long npages, uint64_t best[NOP])
{
	volatile char *p = memory(npages);
	uint64_t t, none = 0, all = 0;

	t = hosted_clock();
	touch(p, npages);
	took(&best[TOUCH], t, hosted_clock());
	t = hosted_clock();
	mprotect((char *)p, npages * PAGE, PROT_READ);
	took(&best[PROTECT], t, hosted_clock());
	mprotect((char *)p, npages * PAGE, PROT_READ | PROT_WRITE);
	touch(p, npages);
	child(p, npages, best);
	t = hosted_clock();
	munmap((char *)p, npages * PAGE);
	took(&best[UNMAP], t, hosted_clock());
	exit_with(0, &none);
	exit_with(0, &none);
	exit_with(npages, &all);
	took(&best[EXIT], none < all ? none : 0, all);
}

/*
 * A process of its own, made before there is anything big to copy.
 */
static int to, from;

void
linux_start(void)
{
	uint64_t best[NOP];
	unsigned long npages;
	int in[2], out[2];

	if (pipe(in) != 0 || pipe(out) != 0) {
		perror("pipe");
		exit(1);
	}
	to = in[1];
	from = out[0];
	if (fork() != 0) {
		close(in[0]);
		close(out[1]);
		return;
	}
	close(in[1]);
	close(out[0]);
	while (read(in[0], &npages, sizeof npages) == sizeof npages) {
		memset(best, 0, sizeof best);
		measure(npages, best);
		if (write(out[1], best, sizeof best) != sizeof best)
			break;
	}
	_exit(0);
}

void
linux_run(unsigned long npages, uint64_t best[NOP])
{
	uint64_t now[NOP];
	int i;

	if (write(to, &npages, sizeof npages) != sizeof npages ||
	    read(from, now, sizeof now) != sizeof now) {
		fprintf(stderr, "hosted: Linux did not answer\n");
		exit(1);
	}
	for (i = 0; i < NOP; i++)
		took(&best[i], 0, now[i]);
}
