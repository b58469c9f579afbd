/*
 * exitcost.c: what an exit costs, by how much memory the process has written,
 * and who is charged for it.
 *
 * One line for each size: pages mapped, pages written, nanoseconds from the
 * child's _exit() to the return of the parent's wait, and microseconds of
 * system time that the child was charged for them; the least of three.  With
 * no argument the sizes are small, and the program is a test: what is
 * printed is to be looked at with ICOUNT=1, where time is instructions.
 */
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include "t.h"

struct shared {
	int64_t exits; /* when, in ns */
	int64_t stime; /* of the child, in us, at that time */
};
static struct shared *shared;

static int64_t
now(void)
{
	struct timespec ts;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int64_t
stime_us(const struct rusage *ru)
{
	return ru->ru_stime.tv_sec * 1000000LL + ru->ru_stime.tv_usec;
}

/* Map npages, write nwritten of them, evenly spread, and exit. */
static void
child(size_t npages, size_t nwritten)
{
	struct rusage ru;
	char *p = NULL;
	size_t i;

	if (npages > 0)
		p = mmap(NULL, npages * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(p != MAP_FAILED);
	for (i = 0; i < nwritten; i++)
		p[npages / nwritten * i * PAGE] = 1;
	CHECK(getrusage(RUSAGE_SELF, &ru) == 0);
	shared->stime = stime_us(&ru);
	shared->exits = now();
	_exit(0);
}

static void
measure(size_t npages, size_t nwritten)
{
	int64_t best = INT64_MAX, charged = INT64_MAX, t;
	struct rusage ru;
	int status, i;
	pid_t pid;

	for (i = 0; i < 3; i++) {
		pid = fork();
		CHECK(pid != -1);
		if (pid == 0)
			child(npages, nwritten);
		CHECK(wait4(pid, &status, 0, &ru) == pid && status == 0);
		t = now() - shared->exits;
		best = t < best ? t : best;
		t = stime_us(&ru) - shared->stime;
		CHECK(t >= 0);
		charged = t < charged ? t : charged;
	}
	printf("exitcost %zu %zu %lld %lld\n", npages, nwritten,
	    (long long)best, (long long)charged);
}

int
main(int argc, char **argv)
{
	static const size_t sizes[] = {0, 1, 16, 64, 256, 1024, 4096, 16384};
	size_t i, max = argc > 1 ? strtoul(argv[1], NULL, 0) : 256;

	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (sizes[i] <= max)
			measure(sizes[i], sizes[i]);
	measure(1UL << 20, 7);
	return 0;
}
