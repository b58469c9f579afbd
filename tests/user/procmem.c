/*
 * procmem.c: what /proc says about memory: smaps, smaps_rollup, pagemap,
 * clear_refs, vmstat, sys/vm, oom_score_adj; and that it agrees.
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <stdint.h>
#include "t.h"

#define RW   (PROT_READ | PROT_WRITE)
#define PRIV (MAP_PRIVATE | MAP_ANONYMOUS)

/* The number behind name in path, of the mapping at p unless that is NULL. */
static long
field(const char *path, const char *name, const void *p)
{
	char line[512], flags[512];
	int found = p == NULL;
	long n = -1;
	FILE *f = fopen(path, "r");

	CHECK(f != NULL);
	while (n == -1 && fgets(line, sizeof(line), f) != NULL) {
		if (p != NULL && strchr(line, '-') != NULL &&
		    strchr(line, ':') > strchr(line, '-'))
			found = strtoul(line, NULL, 16) == (unsigned long)p;
		else if (found && strncmp(line, name, strlen(name)) == 0) {
			strcpy(flags, line + strlen(name));
			n = strtol(flags + strspn(flags, ": "), NULL, 10);
		}
	}
	fclose(f);
	return n;
}

#define SMAP(name, p) field("/proc/self/smaps", name, p)

static void
smaps(void)
{
	char *p = mmap(NULL, 16 * PAGE, RW, PRIV, -1, 0);
	char *s = mmap(NULL, 16 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	long rss;
	pid_t pid;

	CHECK(p != MAP_FAILED && s != MAP_FAILED);
	CHECK(mprotect(p + 15 * PAGE, PAGE, PROT_READ) == 0); /* no neighbour */
	memset(p, 1, 6 * PAGE);
	memset(s, 1, 4 * PAGE);
	/* A fault may bring the pages behind it too. */
	rss = SMAP("Rss:", p);
	CHECK(SMAP("Size:", p) == 60 && rss >= 24 && rss <= 60);
	CHECK(SMAP("Pss:", p) == rss && SMAP("Anonymous:", p) == rss);
	CHECK(
	    SMAP("Private_Dirty:", p) == rss && SMAP("Shared_Dirty:", p) == 0);
	CHECK(SMAP("Locked:", p) == 0 && SMAP("Swap:", p) == 0);
	CHECK(SMAP("KernelPageSize:", p) == 4);
	CHECK(SMAP("Rss:", s) >= 16 && SMAP("Anonymous:", s) == 0);
	CHECK(mlock(p, PAGE) == 0 && munlock(p, PAGE) == 0);
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		/* The child has mapped what it touches. */
		CHECK(p[0] == 1 && s[0] == 1);
		CHECK(SMAP("Pss:", p) <= SMAP("Rss:", p));
		CHECK(SMAP("Shared_Dirty:", p) >= 4);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(SMAP("Pss:", p) == rss);
	CHECK(field("/proc/self/smaps_rollup", "Rss:", NULL) >= 40);
	CHECK(field("/proc/self/smaps_rollup", "Anonymous:", NULL) >= 24);
	CHECK(munmap(p, 16 * PAGE) == 0 && munmap(s, 16 * PAGE) == 0);
}

static uint64_t
pagemap(int fd, const void *p)
{
	uint64_t v;

	CHECK(pread(fd, &v, 8, (off_t)((uintptr_t)p / PAGE * 8)) == 8);
	return v;
}

static void
pages(void)
{
	char *p = mmap(NULL, 4 * PAGE, RW, PRIV, -1, 0);
	char *s = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t pfn;
	char c;

	CHECK(p != MAP_FAILED && s != MAP_FAILED && fd != -1);
	p[PAGE] = 1;
	s[0] = 1;
	CHECK(pagemap(fd, p) == 0);
	CHECK(pagemap(fd, p + PAGE) >> 63 == 1);
	CHECK((pagemap(fd, p + PAGE) >> 61 & 1) == 0);
	CHECK((pagemap(fd, p + PAGE) >> 56 & 1) == 1);
	CHECK((pagemap(fd, s) >> 61 & 1) == 1);
	pfn = pagemap(fd, p + PAGE) & ((1UL << 55) - 1);
	CHECK(pfn != 0); /* we are root */
	CHECK(madvise(p + PAGE, PAGE, MADV_DONTNEED) == 0);
	CHECK(pagemap(fd, p + PAGE) == 0);
	FAILS(EINVAL, pread(fd, &c, 1, 0));
	FAILS(EINVAL, pread(fd, &pfn, 8, 3));
	CHECK(close(fd) == 0);
	CHECK(munmap(p, 4 * PAGE) == 0 && munmap(s, 2 * PAGE) == 0);
}

static void
put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	CHECK(fd != -1);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(close(fd) == 0);
}

static void
references(void)
{
	char *p = mmap(NULL, 8 * PAGE, RW, PRIV, -1, 0);
	int fd;

	CHECK(p != MAP_FAILED);
	CHECK(mprotect(p + 7 * PAGE, PAGE, PROT_READ) == 0);
	memset(p, 1, 7 * PAGE);
	CHECK(SMAP("Referenced:", p) == 28);
	put("/proc/self/clear_refs", "1");
	CHECK(SMAP("Referenced:", p) == 0 && SMAP("Rss:", p) == 28);
	*(volatile char *)p = 2;
	CHECK(SMAP("Referenced:", p) < 28);
	fd = open("/proc/self/clear_refs", O_WRONLY);
	CHECK(fd != -1);
	FAILS(EINVAL, write(fd, "9", 1));
	CHECK(close(fd) == 0);
	CHECK(munmap(p, 8 * PAGE) == 0);
}

static void
system_wide(void)
{
	static const char *const names[] = {"nr_free_pages ", "nr_anon_pages ",
	    "pgfault ", "pgmajfault ", "pswpin ", "pswpout "};
	static const char *const vm[] = {"max_map_count", "overcommit_memory",
	    "overcommit_ratio", "overcommit_kbytes", "mmap_min_addr",
	    "min_free_kbytes"};
	char path[64], line[64];
	size_t i;
	FILE *f;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK(field("/proc/vmstat", names[i], NULL) >= 0);
	for (i = 0; i < sizeof(vm) / sizeof(vm[0]); i++) {
		snprintf(path, sizeof(path), "/proc/sys/vm/%s", vm[i]);
		f = fopen(path, "r");
		CHECK(f != NULL && fgets(line, sizeof(line), f) != NULL);
		CHECK(strtol(line, NULL, 10) >= 0);
		fclose(f);
	}
	CHECK(field("/proc/meminfo", "CommitLimit:", NULL) > 0);
	CHECK(field("/proc/meminfo", "Committed_AS:", NULL) > 0);
	CHECK(field("/proc/meminfo", "MemAvailable:", NULL) > 0);
	CHECK(field("/proc/meminfo", "SwapFree:", NULL) >= 0);
	put("/proc/self/oom_score_adj", "17");
	CHECK(field("/proc/self/oom_score_adj", "", NULL) == 17);
	CHECK(field("/proc/self/oom_score", "", NULL) >= 0);
}

int
main(void)
{
	smaps();
	pages();
	references();
	system_wide();
	return 0;
}
