/*
 * exitmem.c: a child's memory is free when wait returns, and the child pays.
 *
 * A child fills the given number of MiB and exits with them mapped.  Between
 * its last getrusage() and what wait4() reports lies its exit: that must have
 * cost system time.  Free memory after the wait must be what it was but for
 * a MiB of other people's business.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include "t.h"

static unsigned long
free_bytes(void)
{
	struct sysinfo si;

	CHECK(sysinfo(&si) == 0);
	return si.freeram * si.mem_unit;
}

static long
stime_us(const struct rusage *ru)
{
	return ru->ru_stime.tv_sec * 1000000L + ru->ru_stime.tv_usec;
}

static void
child(size_t len, int fd)
{
	struct rusage ru;
	char *p;
	size_t off;

	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	    -1, 0);
	CHECK(p != MAP_FAILED);
	for (off = 0; off < len; off += PAGE)
		p[off] = 1;
	CHECK(getrusage(RUSAGE_SELF, &ru) == 0);
	CHECK(write(fd, &ru, sizeof(ru)) == sizeof(ru));
	_exit(0);
}

int
main(int argc, char **argv)
{
	size_t len = (argc > 1 ? strtoul(argv[1], NULL, 0) : 200) << 20;
	unsigned long before, after;
	struct rusage last, all;
	int status, fds[2];
	pid_t pid;

	CHECK(pipe(fds) == 0);
	before = free_bytes();
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0)
		child(len, fds[1]);
	CHECK(read(fds[0], &last, sizeof(last)) == sizeof(last));
	CHECK(wait4(pid, &status, 0, &all) == pid);
	CHECK(status == 0);
	after = free_bytes();
	if (after + (1UL << 20) < before)
		errx(1, "%lu KiB not free after wait", (before - after) >> 10);
	if (stime_us(&all) <= stime_us(&last))
		errx(1, "exit cost the child no time: %ld us, then %ld us",
		    stime_us(&last), stime_us(&all));
	printf("exit of %zu MiB: %ld us of system time\n", len >> 20,
	    stime_us(&all) - stime_us(&last));
	return 0;
}
