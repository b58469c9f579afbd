/*
 * pressure.c: more memory than there is, verified page by page.
 *
 *	pressure [-m MiB] [-p processes] [-s seconds] [-r seed]
 *	pressure sort MiB
 *
 * Each process keeps private and shared memory together of so many MiB, and
 * writes, reads, forks, discards and remaps parts of it at random.  Every page
 * holds its number and how often it was written, in words all over it, and is
 * checked whenever it is read; all of it at the end.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAGE  4096u
#define WORDS (PAGE / sizeof(uint64_t))

static uint64_t rnd_state;

static uint64_t
rnd(void)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state;
}

struct area {
	uint64_t *a_mem;
	uint32_t *a_gen; /* how often each page was written; 0: zeroes */
	size_t a_npages;
	bool a_shared;
};

static uint64_t
word(const struct area *a, size_t page, uint32_t gen, size_t i)
{
	return gen == 0 ? 0
			: (uint64_t)gen << 40 ^ page << 16 ^ i ^
			      (a->a_shared ? 1ull << 63 : 0);
}

static void
fill(struct area *a, size_t page)
{
	uint64_t *p = a->a_mem + page * WORDS;
	size_t i;

	a->a_gen[page]++;
	for (i = 0; i < WORDS; i += 64)
		p[i] = word(a, page, a->a_gen[page], i);
	p[WORDS - 1] = word(a, page, a->a_gen[page], WORDS - 1);
}

static void
check(const struct area *a, size_t page)
{
	const uint64_t *p = a->a_mem + page * WORDS;
	size_t i, n;

	for (n = 0; n <= WORDS / 64; n++) {
		i = n < WORDS / 64 ? n * 64 : WORDS - 1;
		if (p[i] != word(a, page, a->a_gen[page], i))
			errx(1, "%s page %zu word %zu: %#jx, not %#jx",
			    a->a_shared ? "shared" : "private", page, i,
			    (uintmax_t)p[i],
			    (uintmax_t)word(a, page, a->a_gen[page], i));
	}
}

static void
area_init(struct area *a, size_t npages, bool shared)
{
	a->a_npages = npages;
	a->a_shared = shared;
	a->a_mem = mmap(NULL, npages * PAGE, PROT_READ | PROT_WRITE,
	    MAP_ANONYMOUS | MAP_NORESERVE | (shared ? MAP_SHARED : MAP_PRIVATE),
	    -1, 0);
	a->a_gen = calloc(npages, sizeof(*a->a_gen));
	if (a->a_mem == MAP_FAILED || a->a_gen == NULL)
		err(1, "memory");
}

/* A child sees what its parent had, changes its copy, and goes. */
static void
fork_check(struct area *a, size_t first, size_t n)
{
	size_t i;
	int status;
	pid_t pid;

	pid = fork();
	if (pid == -1)
		err(1, "fork");
	if (pid == 0) {
		for (i = first; i < first + n; i++) {
			check(a, i);
			if (!a->a_shared && rnd() % 2 == 0)
				fill(a, i);
		}
		for (i = first; i < first + n; i++)
			check(a, i);
		_exit(0);
	}
	for (i = first; i < first + n; i++)
		if (!a->a_shared && rnd() % 2 == 0)
			fill(a, i);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "child: status %#x", status);
	for (i = first; i < first + n; i++)
		check(a, i);
}

static void
step(struct area *a)
{
	size_t n = 1 + rnd() % 256, first, i;

	if (n > a->a_npages)
		n = a->a_npages;
	first = rnd() % (a->a_npages - n + 1);
	switch (rnd() % 16) {
	case 0:
		fork_check(a, first, n);
		break;
	case 1:
		/* Shared memory keeps what it has. */
		if (madvise(a->a_mem + first * WORDS, n * PAGE,
			MADV_DONTNEED) == -1)
			err(1, "madvise");
		if (!a->a_shared)
			memset(a->a_gen + first, 0, n * sizeof(*a->a_gen));
		break;
	case 2:
		if (mprotect(a->a_mem + first * WORDS, n * PAGE, PROT_READ) ==
			-1 ||
		    mprotect(a->a_mem + first * WORDS, n * PAGE,
			PROT_READ | PROT_WRITE) == -1)
			err(1, "mprotect");
		break;
	case 3:
		if (n > 16)
			n = 16;
		if (mlock(a->a_mem + first * WORDS, n * PAGE) == 0)
			munlock(a->a_mem + first * WORDS, n * PAGE);
		break;
	case 4:
	case 5:
	case 6:
	case 7:
	case 8:
		for (i = first; i < first + n; i++)
			fill(a, i);
		break;
	default:
		for (i = first; i < first + n; i++)
			check(a, i);
		break;
	}
}

static int
worker(size_t mib, unsigned seconds, uint64_t seed)
{
	struct area a[2];
	time_t end = time(NULL) + seconds;
	size_t i;

	rnd_state = seed * 0x9e3779b97f4a7c15u + 1;
	area_init(&a[0], mib * 256 * 3 / 4, false);
	area_init(&a[1], mib * 256 / 4, true);
	/* All of it at first, so that there is pressure. */
	for (i = 0; i < a[0].a_npages; i++)
		fill(&a[0], i);
	for (i = 0; i < a[1].a_npages; i++)
		fill(&a[1], i);
	while (time(NULL) < end)
		step(&a[rnd() % 4 == 0]);
	for (i = 0; i < a[0].a_npages; i++)
		check(&a[0], i);
	for (i = 0; i < a[1].a_npages; i++)
		check(&a[1], i);
	return 0;
}

/* Sort v[0, n) by halves, without recursion on the larger one. */
static void
sort(uint64_t *v, size_t n)
{
	uint64_t pivot, t;
	size_t i, j;

	while (n > 16) {
		pivot = v[n / 2];
		i = 0;
		j = n - 1;
		for (;;) {
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i >= j)
				break;
			t = v[i];
			v[i++] = v[j];
			v[j--] = t;
		}
		j++;
		if (j < n - j) {
			sort(v, j);
			v += j;
			n -= j;
		} else {
			sort(v + j, n - j);
			n = j;
		}
	}
	for (i = 1; i < n; i++) {
		t = v[i];
		for (j = i; j > 0 && v[j - 1] > t; j--)
			v[j] = v[j - 1];
		v[j] = t;
	}
}

/* Sort so many MiB of random numbers; count and sum must stay the same. */
static int
sort_test(size_t mib)
{
	size_t n = mib * 1024 * 1024 / sizeof(uint64_t), i;
	uint64_t *v, sum = 0, mix = 0;
	struct rusage ru;

	/* More than there is may be asked for: it is the use that counts. */
	v = mmap(NULL, n * sizeof(*v), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (v == MAP_FAILED)
		err(1, "mmap");
	rnd_state = 4711;
	for (i = 0; i < n; i++) {
		v[i] = rnd();
		sum += v[i];
		mix ^= v[i] * 31;
	}
	sort(v, n);
	for (i = 0; i < n; i++) {
		if (i > 0 && v[i - 1] > v[i])
			errx(1, "not sorted at %zu", i);
		sum -= v[i];
		mix ^= v[i] * 31;
	}
	getrusage(RUSAGE_SELF, &ru);
	if (sum != 0 || mix != 0)
		errx(1, "sorted, but other numbers");
	printf("sorted %zu MiB, %ld major faults\n", mib, ru.ru_majflt);
	return 0;
}

int
main(int argc, char **argv)
{
	size_t mib = 64, nproc = 2, i;
	unsigned seconds = 10;
	uint64_t seed = 1;
	int c, status, bad = 0;

	if (argc == 3 && strcmp(argv[1], "sort") == 0)
		return sort_test((size_t)atol(argv[2]));
	while ((c = getopt(argc, argv, "m:p:s:r:")) != -1) {
		switch (c) {
		case 'm':
			mib = (size_t)atol(optarg);
			break;
		case 'p':
			nproc = (size_t)atol(optarg);
			break;
		case 's':
			seconds = (unsigned)atol(optarg);
			break;
		case 'r':
			seed = (uint64_t)atol(optarg);
			break;
		default:
			errx(1, "usage: pressure [-mprs number]");
		}
	}
	for (i = 0; i < nproc; i++) {
		switch (fork()) {
		case -1:
			err(1, "fork");
		case 0:
			_exit(worker(mib, seconds, seed + i));
		}
	}
	for (i = 0; i < nproc; i++)
		if (wait(&status) == -1 || status != 0) {
			warnx("worker: status %#x", status);
			bad = 1;
		}
	return bad;
}
