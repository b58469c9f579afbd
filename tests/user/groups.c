/*
 * groups.c: 64 KiB that the machine may translate as one (arm64's contiguous
 * hint), and what is done to parts of them while a thread goes on reading.
 *
 * Memory written in order comes in windows of 16 pages; where the machine can
 * have groups, /proc/vmspace/counters says that there are some.  Then one page
 * of each is changed, in every way there is: it alone may change.
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include "t.h"

#define NPAGE  16UL
#define GROUP  (NPAGE * PAGE)
#define NGROUP 24UL /* the first of them fills by and by */
#define RW     (PROT_READ | PROT_WRITE)

static char text[16384];
static char *base;
static _Atomic int done;
static _Atomic unsigned long rounds;

static unsigned long
counter(const char *name)
{
	size_t len = strlen(name);
	const char *p;
	ssize_t n;
	int fd;

	fd = open("/proc/vmspace/counters", O_RDONLY);
	if (fd == -1)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	CHECK(n > 0);
	close(fd);
	text[n] = '\0';
	for (p = text; p != NULL; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, name, len) == 0 && p[len] == ' ')
			return strtoul(p + len, NULL, 10);
	}
	return 0;
}

static unsigned long *
at(unsigned long group, unsigned long page)
{
	return (unsigned long *)(base + group * GROUP + page * PAGE);
}

/* All pages but the fifth of each group stay what they are. */
static void *
reader(void *arg)
{
	unsigned long g, i;

	while (!done) {
		for (g = 0; g < NGROUP; g++)
			for (i = 0; i < NPAGE; i++)
				if (i != 5)
					CHECK(*at(g, i) == g * NPAGE + i);
		rounds++;
	}
	return arg;
}

static void
fill(void)
{
	unsigned long i;

	base = mmap(NULL, (NGROUP + 1) * GROUP, RW, MAP_PRIVATE | MAP_ANONYMOUS,
	    -1, 0);
	CHECK(base != MAP_FAILED);
	base += -(unsigned long)base % GROUP;
	for (i = 0; i < NGROUP * NPAGE; i++)
		*at(0, i) = i;
}

/* One page of group g, in one way of several. */
static void
change(unsigned long g)
{
	unsigned long *p = at(g, 5), was = g * NPAGE + 5;
	int status;
	pid_t pid;

	/* After a fork 2 MiB come back page by page: last. */
	switch (g + 1 == NGROUP ? 5 : g % 5) {
	case 0:
		CHECK(madvise(p, PAGE, MADV_DONTNEED) == 0 && *p == 0);
		break;
	case 1:
		CHECK(mprotect(p, PAGE, PROT_READ) == 0 && *p == was);
		CHECK(mprotect(p, PAGE, RW) == 0);
		*p = 1;
		CHECK(*p == 1);
		break;
	case 2:
		CHECK(munmap(p, PAGE) == 0);
		CHECK(mmap(p, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			  -1, 0) == p);
		CHECK(*p == 0);
		break;
	case 3:
		CHECK(madvise(p, PAGE, MADV_PAGEOUT) == 0 || errno == EINVAL);
		CHECK(*p == was);
		break;
	case 4:
		CHECK(mlock(p, PAGE) == 0 && munlock(p, PAGE) == 0);
		CHECK(*p == was);
		break;
	default:
		pid = fork();
		CHECK(pid != -1);
		if (pid == 0) {
			CHECK(*p == was);
			*p = 2;
			_exit(*p == 2 && *at(g, 6) == was + 1 ? 0 : 1);
		}
		*p = 3;
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
		CHECK(*p == 3);
		break;
	}
}

int
main(void)
{
	unsigned long g, i, groups, broken;
	pthread_t td;

	groups = counter("groups");
	broken = counter("groups_broken");
	fill();
	groups = counter("groups") - groups;
#ifdef __aarch64__
	/* Not on Linux, which does not say.  Others may want memory, too. */
	if (access("/proc/vmspace/counters", R_OK) == 0)
		CHECK(groups >= NGROUP / 2);
#endif
	CHECK(pthread_create(&td, NULL, reader, NULL) == 0);
	while (rounds == 0)
		usleep(100);
	for (g = 0; g < NGROUP; g++)
		change(g);
	i = rounds;
	while (rounds < i + 2)
		usleep(100);
	done = 1;
	CHECK(pthread_join(td, NULL) == 0);
	broken = counter("groups_broken") - broken;
	CHECK((broken > 0) == (groups > 0));
	/* Whole ones, in place. */
	for (g = 0; g < NGROUP; g += 2)
		CHECK(mprotect(at(g, 0), GROUP, PROT_READ) == 0);
	for (g = 1; g < NGROUP; g += 2)
		CHECK(munmap(at(g, 0), GROUP) == 0);
	for (g = 0; g < NGROUP; g += 2)
		for (i = 0; i < NPAGE; i++)
			CHECK(i == 5 || *at(g, i) == g * NPAGE + i);
	return 0;
}
