/*
 * sparse.c: map 4 GiB, touch some scattered pages, and leave: what does it cost?
 *
 *	sparse PAGES	does it
 *	sparse		does it in children with 0, 0 and 7 pages, and prints
 *			how many leaf entries each exit looked at
 *
 * The children come by vfork, so that no table is shared with anybody.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "t.h"

static long
purge_leaves(void)
{
	static char buf[16384];
	const char *p;
	ssize_t n;
	int fd;

	fd = open("/proc/vmspace/counters", O_RDONLY);
	CHECK(fd >= 0);
	n = read(fd, buf, sizeof(buf) - 1);
	CHECK(n > 0);
	close(fd);
	buf[n] = '\0';
	p = strstr(buf, "purge_leaves ");
	CHECK(p != NULL);
	return strtol(p + sizeof("purge_leaves ") - 1, NULL, 10);
}

static void
child(const char *pages)
{
	long before = purge_leaves();
	int status;
	pid_t pid;

	pid = vfork();
	CHECK(pid >= 0);
	if (pid == 0) {
		execl("/proc/self/exe", "sparse", pages, (char *)NULL);
		_exit(127);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	printf("%s %ld\n", pages, purge_leaves() - before);
}

int
main(int argc, char **argv)
{
	size_t len = 4UL << 30, npages, i;
	char *p;

	if (argc == 1) {
		child("0");
		child("0");
		child("7");
		return 0;
	}
	/* Base 10: another would read tables for a number that begins with 0. */
	npages = strtoul(argv[1], NULL, 10);
	p = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(p != MAP_FAILED);
	for (i = 0; i < npages; i++)
		p[len / npages * i + i * PAGE] = 1;
	return 0;
}
