/*
 * paging.c: what a program can see of its memory going to swap and coming back.
 * Without swap there is nothing to see.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <stdint.h>
#include "t.h"

#ifndef MADV_COLD
#define MADV_COLD    20
#define MADV_PAGEOUT 21
#endif

#define N    64u
#define LEN  (N * PAGE)
#define RW   (PROT_READ | PROT_WRITE)
#define PRIV (MAP_PRIVATE | MAP_ANONYMOUS)

/* A number after key in a file of /proc. */
static long
number(const char *path, const char *key)
{
	static char buf[65536];
	int fd = open(path, O_RDONLY);
	size_t len = 0;
	ssize_t n;
	char *s;

	CHECK(fd != -1);
	while ((n = read(fd, buf + len, sizeof(buf) - 1 - len)) > 0)
		len += (size_t)n;
	buf[len] = '\0';
	close(fd);
	s = strstr(buf, key);
	CHECK(s != NULL);
	return strtol(s + strlen(key), NULL, 10);
}

static long
swapped(void)
{
	return number("/proc/self/status", "\nVmSwap:");
}

static long
majflt(void)
{
	struct rusage ru;

	CHECK(getrusage(RUSAGE_SELF, &ru) == 0);
	return ru.ru_majflt;
}

static unsigned
resident(void *p)
{
	unsigned char vec[N];
	unsigned i, n = 0;

	CHECK(mincore(p, LEN, vec) == 0);
	for (i = 0; i < N; i++)
		n += vec[i] & 1;
	return n;
}

static uint64_t
pagemap(void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t e;

	CHECK(fd != -1);
	CHECK(pread(fd, &e, 8, (off_t)((uintptr_t)p / PAGE * 8)) == 8);
	close(fd);
	return e;
}

static void
fill(char *p, char c)
{
	unsigned i;

	for (i = 0; i < N; i++)
		p[i * PAGE] = (char)(c + i);
}

static void
verify(const char *p, char c)
{
	unsigned i;

	for (i = 0; i < N; i++)
		CHECK(p[i * PAGE] == (char)(c + i));
}

static void private(void)
{
	char *p = mmap(NULL, LEN, RW, PRIV, -1, 0);
	long before, faults;
	int status;
	pid_t pid;

	fill(p, 1);
	before = swapped();
	CHECK(resident(p) == N);
	CHECK(madvise(p, LEN, MADV_COLD) == 0 && resident(p) == N);
	CHECK(madvise(p, LEN, MADV_PAGEOUT) == 0);
	CHECK(resident(p) == 0);
	CHECK(swapped() - before == (long)(LEN / 1024));
	CHECK(
	    number("/proc/self/smaps_rollup", "\nSwap:") >= (long)(LEN / 1024));
	CHECK((pagemap(p) & (3ull << 62)) == 1ull << 62);
	faults = majflt();
	CHECK(p[PAGE] == 2 && majflt() == faults + 1);
	CHECK((pagemap(p + PAGE) & (3ull << 62)) == 2ull << 62);
	CHECK(resident(p) >= 1);
	CHECK(madvise(p, LEN, MADV_WILLNEED) == 0);
	CHECK(resident(p) == N);
	faults = majflt();
	verify(p, 1);
	CHECK(majflt() == faults);

	/* Shared after a fork: on swap for both, and both get it back. */
	CHECK(madvise(p, LEN, MADV_PAGEOUT) == 0);
	pid = fork();
	if (pid == 0) {
		CHECK(swapped() >= (long)(LEN / 1024));
		verify(p, 1);
		fill(p, 50);
		CHECK(madvise(p, LEN, MADV_PAGEOUT) == 0);
		verify(p, 50);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	verify(p, 1);

	/* What is gone while it is on swap gives its slots back. */
	CHECK(madvise(p, LEN, MADV_PAGEOUT) == 0);
	CHECK(madvise(p, LEN, MADV_DONTNEED) == 0);
	CHECK(swapped() <= before && p[0] == 0);
	fill(p, 3);
	CHECK(madvise(p, LEN, MADV_PAGEOUT) == 0);
	CHECK(munmap(p, LEN) == 0 && swapped() <= before);
}

static void
locked(void)
{
	char *p = mmap(NULL, LEN, RW, PRIV, -1, 0);
	int id;

	fill(p, 1);
	CHECK(mlock(p, LEN) == 0);
	FAILS(EINVAL, madvise(p, LEN, MADV_PAGEOUT));
	FAILS(EINVAL, madvise(p, LEN, MADV_COLD));
	CHECK(resident(p) == N);
	CHECK(munmap(p, LEN) == 0);

	id = shmget(IPC_PRIVATE, LEN, 0600);
	p = shmat(id, NULL, 0);
	fill(p, 1);
	CHECK(shmctl(id, SHM_LOCK, NULL) == 0);
	CHECK(madvise(p, LEN, MADV_PAGEOUT) == 0 && resident(p) == N);
	CHECK(shmctl(id, SHM_UNLOCK, NULL) == 0);
	CHECK(madvise(p, LEN, MADV_PAGEOUT) == 0 && resident(p) == 0);
	verify(p, 1);
	CHECK(shmctl(id, IPC_RMID, NULL) == 0 && shmdt(p) == 0);
}

/* Files of tmpfs, and copies of their pages. */
static void
files(void)
{
	int fd = memfd_create("paging", 0);
	char *p, *q, c;

	CHECK(ftruncate(fd, LEN) == 0);
	p = mmap(NULL, LEN, RW, MAP_SHARED, fd, 0);
	q = mmap(NULL, LEN, RW, MAP_PRIVATE, fd, 0);
	fill(p, 1);
	q[0] = 99;
	CHECK(madvise(p, LEN, MADV_PAGEOUT) == 0 && resident(p) == 0);
	CHECK(pread(fd, &c, 1, PAGE) == 1 && c == 2);
	CHECK(pwrite(fd, "x", 1, 2 * PAGE) == 1 && p[2 * PAGE] == 'x');
	CHECK(q[2 * PAGE] == 'x' && q[0] == 99);
	CHECK(madvise(p, LEN, MADV_PAGEOUT) == 0);
	CHECK(ftruncate(fd, PAGE + 1) == 0 && ftruncate(fd, LEN) == 0);
	CHECK(p[PAGE] == 2 && p[PAGE + 1] == 0 && p[3 * PAGE] == 0);
	CHECK(munmap(p, LEN) == 0 && munmap(q, LEN) == 0 && close(fd) == 0);
}

/* The more is on swap, the sooner one is killed. */
static void
score(void)
{
	struct sysinfo si;
	size_t len;
	char *p;
	long before;

	CHECK(sysinfo(&si) == 0);
	len = si.totalram / 4 / PAGE * PAGE;
	before = number("/proc/self/oom_score", "");
	p = mmap(NULL, len, RW, PRIV, -1, 0);
	CHECK(p != MAP_FAILED);
	memset(p, 1, len);
	CHECK(madvise(p, len, MADV_PAGEOUT) == 0);
	CHECK(number("/proc/self/oom_score", "") > before);
	CHECK(munmap(p, len) == 0);
}

int
main(void)
{
	struct sysinfo si;

	CHECK(sysinfo(&si) == 0);
	if (si.totalswap == 0)
		return 0;
	private();
	locked();
	files();
	score();
	return 0;
}
