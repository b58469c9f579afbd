/*
 * vmsoak.c: threads of several processes do what may be done to memory, at
 * random, and look at every page whenever they read it.
 *
 *	vmsoak [-m MiB] [-p processes] [-t threads] [-s seconds] [-r seed]
 *
 * All of it together is as many MiB.  A thread has areas of its own: private
 * memory, private and shared mappings of a file, and a part of a file that all
 * processes map.  Each page holds a word that says whose it is, which and how
 * often it was written, at several places; what it should be is known.  Areas
 * are filled, read, forked, discarded, paged out, moved, protected, locked,
 * unmapped and mapped again while other threads do the same to theirs.
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include <err.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAGE  4096u
#define WORDS (PAGE / sizeof(uint64_t))
#define STEP  73u /* words between those that are looked at */

#ifndef MADV_COLD
#define MADV_COLD    20
#define MADV_PAGEOUT 21
#endif

enum kind { ANON, COPY, FILE_OWN, FILE_ALL, NKIND };
static const char *const kind_name[] = {"anon", "copy", "file", "shared"};

struct area {
	enum kind a_kind;
	unsigned a_id; /* of all areas of all processes */
	int a_fd;      /* file, or -1 */
	off_t a_off;   /* where it begins there */
	uint64_t *a_mem;
	uint32_t *a_gen; /* how often each page was written; 0: zeroes */
	size_t a_npages;
};

struct worker {
	uint64_t w_rnd;
	struct area w_area[NKIND];
	pthread_t w_thread;
	unsigned long w_nops;
};

static time_t end_time;
static int all_fd; /* the file of all */

static uint64_t
rnd(struct worker *w)
{
	w->w_rnd ^= w->w_rnd << 13;
	w->w_rnd ^= w->w_rnd >> 7;
	w->w_rnd ^= w->w_rnd << 17;
	return w->w_rnd;
}

static uint64_t
word(const struct area *a, size_t page, uint32_t gen, size_t i)
{
	return gen == 0 ? 0
			: ((uint64_t)gen << 40 ^ page << 18 ^ i << 8 ^
			      (uint64_t)a->a_id << 52) |
			      1;
}

static void
fill(struct area *a, size_t page)
{
	uint64_t *p = a->a_mem + page * WORDS;
	size_t i;

	a->a_gen[page]++;
	for (i = 0; i < WORDS; i += STEP)
		p[i] = word(a, page, a->a_gen[page], i);
}

static void
check_as(const struct area *a, size_t page, uint32_t gen)
{
	const uint64_t *p = a->a_mem + page * WORDS;
	size_t i;

	for (i = 0; i < WORDS; i += STEP)
		if (p[i] != word(a, page, gen, i))
			errx(1,
			    "%s %u page %zu of %zu word %zu (%p): %#jx, not "
			    "%#jx",
			    kind_name[a->a_kind], a->a_id, page, a->a_npages, i,
			    (const void *)&p[i], (uintmax_t)p[i],
			    (uintmax_t)word(a, page, gen, i));
}

static void
check(const struct area *a, size_t page)
{
	check_as(a, page, a->a_gen[page]);
}

static void
map(struct area *a)
{
	int flags = a->a_kind == ANON   ? MAP_PRIVATE | MAP_ANONYMOUS
		    : a->a_kind == COPY ? MAP_PRIVATE
					: MAP_SHARED;

	a->a_mem = mmap(NULL, a->a_npages * PAGE, PROT_READ | PROT_WRITE,
	    flags | MAP_NORESERVE, a->a_kind == ANON ? -1 : a->a_fd, a->a_off);
	if (a->a_mem == MAP_FAILED)
		err(1, "mmap");
}

static void
area_init(struct area *a, enum kind kind, unsigned id, size_t npages)
{
	size_t i;

	a->a_kind = kind;
	a->a_id = id;
	a->a_npages = npages;
	a->a_fd = -1;
	a->a_gen = calloc(npages, sizeof(*a->a_gen));
	if (a->a_gen == NULL)
		err(1, "calloc");
	if (kind == FILE_ALL) {
		a->a_fd = all_fd;
		a->a_off = (off_t)(id / NKIND * npages * PAGE);
	} else if (kind != ANON) {
		a->a_fd = memfd_create("soak", 0);
		if (a->a_fd == -1 ||
		    ftruncate(a->a_fd, (off_t)(npages * PAGE)) == -1)
			err(1, "memfd");
	}
	map(a);
	for (i = 0; i < npages; i++)
		fill(a, i);
}

/* A private mapping shows what the file has where it was not written to. */
static void
forget(struct area *a, size_t first, size_t n)
{
	size_t i;

	if (a->a_kind == ANON || a->a_kind == COPY)
		for (i = first; i < first + n; i++)
			a->a_gen[i] = 0;
}

static void
advise(struct area *a, size_t first, size_t n, int advice)
{
	if (madvise(a->a_mem + first * WORDS, n * PAGE, advice) == -1)
		err(1, "madvise %d", advice);
}

/* A child sees what its parent had, and its own changes, and goes. */
static void
forked(struct worker *w, struct area *a, size_t first, size_t n)
{
	bool private = a->a_kind == ANON || a->a_kind == COPY;
	size_t i;
	int status;
	pid_t pid;

	pid = fork();
	if (pid == -1)
		return; /* short of memory */
	if (pid == 0) {
		for (i = first; i < first + n; i++) {
			check(a, i);
			if (private && rnd(w) % 2 == 0)
				fill(a, i);
		}
		for (i = first; i < first + n; i++)
			check(a, i);
		_exit(0);
	}
	for (i = first; i < first + n; i++)
		if (private && rnd(w) % 2 == 0)
			fill(a, i);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "child: status %#x", status);
	for (i = first; i < first + n; i++)
		check(a, i);
}

/* Move the pages away, and back, or to a new place for good. */
static void
moved(struct area *a, size_t first, size_t n)
{
	uint64_t *old = a->a_mem + first * WORDS, *new;
	size_t i;

	new = mremap(old, n * PAGE, n * PAGE, MREMAP_MAYMOVE | 4, NULL);
	if (new == MAP_FAILED) /* only private memory may be left behind */
		return;
	for (i = 0; i < n; i++)
		if (new[i * WORDS] !=
		    word(a, first + i, a->a_gen[first + i], 0))
			errx(1, "moved page %zu: %#jx", first + i,
			    (uintmax_t) new[i * WORDS]);
	if (mremap(new, n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		old) != old)
		err(1, "mremap back");
}

/* Unmap it all; files keep what they have. */
static void
again(struct area *a)
{
	if (munmap(a->a_mem, a->a_npages * PAGE) == -1)
		err(1, "munmap");
	forget(a, 0, a->a_npages);
	map(a);
}

/* Cut a file, and make it as long again: zeroes, in the mapping too. */
static void
cut(struct area *a, size_t first)
{
	if (ftruncate(a->a_fd, (off_t)(first * PAGE)) == -1 ||
	    ftruncate(a->a_fd, (off_t)(a->a_npages * PAGE)) == -1)
		err(1, "ftruncate");
	memset(a->a_gen + first, 0, (a->a_npages - first) * sizeof(*a->a_gen));
}

/* By read() and write(): the same pages. */
static void
by_file(struct area *a, size_t page)
{
	uint64_t buf[WORDS];
	off_t off = a->a_off + (off_t)(page * PAGE);
	size_t i;

	if (pread(a->a_fd, buf, PAGE, off) != PAGE)
		err(1, "pread");
	for (i = 0; i < WORDS; i += STEP)
		if (buf[i] != word(a, page, a->a_gen[page], i))
			errx(1, "read page %zu: %#jx", page, (uintmax_t)buf[i]);
	a->a_gen[page]++;
	for (i = 0; i < WORDS; i += STEP)
		buf[i] = word(a, page, a->a_gen[page], i);
	if (pwrite(a->a_fd, buf, PAGE, off) != PAGE)
		err(1, "pwrite");
}

static void
step(struct worker *w)
{
	struct area *a = &w->w_area[rnd(w) % NKIND];
	size_t n = 1 + rnd(w) % 128, first, i;
	uint64_t *at;

	if (n > a->a_npages)
		n = a->a_npages;
	first = rnd(w) % (a->a_npages - n + 1);
	at = a->a_mem + first * WORDS;
	switch (rnd(w) % 32) {
	case 0:
		forked(w, a, first, n);
		break;
	case 1:
		advise(a, first, n, MADV_DONTNEED);
		forget(a, first, n);
		break;
	case 2:
		if (mprotect(at, n * PAGE, PROT_READ) == -1 ||
		    mprotect(at, n * PAGE, PROT_READ | PROT_WRITE) == -1)
			err(1, "mprotect");
		break;
	case 3:
		n = n > 16 ? 16 : n;
		if (mlock(at, n * PAGE) == 0) {
			for (i = first; i < first + n; i++)
				check(a, i);
			munlock(at, n * PAGE);
		}
		break;
	case 4:
		advise(a, first, n, MADV_PAGEOUT);
		break;
	case 5:
		advise(a, first, n, MADV_COLD);
		break;
	case 6:
		if (a->a_kind == ANON)
			moved(a, first, n);
		break;
	case 7:
		if (rnd(w) % 8 == 0)
			again(a);
		break;
	case 8:
		if (a->a_kind == FILE_OWN)
			cut(a, first);
		break;
	case 9:
		if (a->a_kind == FILE_OWN || a->a_kind == FILE_ALL)
			by_file(a, first);
		break;
	case 10:
		advise(a, first, n, MADV_WILLNEED);
		break;
	case 11:
		advise(a, first, n, rnd(w) % 2 ? MADV_RANDOM : MADV_NORMAL);
		break;
	case 12:
	case 13:
	case 14:
	case 15:
	case 16:
	case 17:
		for (i = first; i < first + n; i++)
			fill(a, i);
		break;
	default:
		for (i = first; i < first + n; i++)
			check(a, i);
		break;
	}
	w->w_nops++;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	unsigned k;
	size_t i;

	while (time(NULL) < end_time)
		step(w);
	for (k = 0; k < NKIND; k++)
		for (i = 0; i < w->w_area[k].a_npages; i++)
			check(&w->w_area[k], i);
	return NULL;
}

static int
process(unsigned number, unsigned nthreads, size_t npages, uint64_t seed)
{
	struct worker *w = calloc(nthreads, sizeof(*w));
	unsigned t, k, id;
	unsigned long nops = 0;

	if (w == NULL)
		err(1, "calloc");
	for (t = 0; t < nthreads; t++) {
		id = number * nthreads + t;
		w[t].w_rnd = (seed * 1000 + id) * 0x9e3779b97f4a7c15u + 1;
		for (k = 0; k < NKIND; k++)
			area_init(&w[t].w_area[k], (enum kind)k, id * NKIND + k,
			    npages);
	}
	/* No file is written to through a private mapping: zeroes below. */
	for (t = 0; t < nthreads; t++)
		if (pthread_create(&w[t].w_thread, NULL, work, &w[t]) != 0)
			errx(1, "pthread_create");
	for (t = 0; t < nthreads; t++) {
		pthread_join(w[t].w_thread, NULL);
		nops += w[t].w_nops;
	}
	printf("process %u: %lu operations\n", number, nops);
	fflush(stdout);
	return 0;
}

int
main(int argc, char **argv)
{
	size_t mib = 16, npages;
	unsigned nproc = 2, nthreads = 3, seconds = 3, i;
	uint64_t seed = 1;
	int c, status, bad = 0;

	while ((c = getopt(argc, argv, "m:p:t:s:r:")) != -1) {
		unsigned long v =
		    optarg != NULL ? strtoul(optarg, NULL, 10) : 0;

		switch (c) {
		case 'm':
			mib = v;
			break;
		case 'p':
			nproc = (unsigned)v;
			break;
		case 't':
			nthreads = (unsigned)v;
			break;
		case 's':
			seconds = (unsigned)v;
			break;
		case 'r':
			seed = v;
			break;
		default:
			errx(2, "usage: vmsoak [-m MiB] [-p processes] "
				"[-t threads] [-s seconds] [-r seed]");
		}
	}
	npages = mib * (1048576 / PAGE) / (nproc * nthreads * NKIND);
	if (nproc == 0 || nthreads == 0 || npages == 0)
		errx(2, "too little");
	all_fd = memfd_create("all", 0);
	if (all_fd == -1 ||
	    ftruncate(all_fd, (off_t)(npages * PAGE * nproc * nthreads)) == -1)
		err(1, "memfd");
	end_time = time(NULL) + (time_t)seconds;
	for (i = 0; i < nproc; i++)
		switch (fork()) {
		case -1:
			err(1, "fork");
		case 0:
			_exit(process(i, nthreads, npages, seed));
		}
	for (i = 0; i < nproc; i++)
		if (wait(&status) == -1 || status != 0) {
			warnx("process: status %#x", status);
			bad = 1;
		}
	return bad;
}
