/*
 * sparse.c: map 4 GiB and touch the given number of scattered pages.  What
 * its exit costs is read from /proc/vmspace/counters by tests/boot/sparse.
 */
#include <sys/mman.h>
#include "t.h"

int
main(int argc, char **argv)
{
	size_t len = 4UL << 30, npages, i;
	char *p;

	/* Base 10: another would read tables for a number that begins with 0. */
	npages = argc > 1 ? strtoul(argv[1], NULL, 10) : 7;
	p = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(p != MAP_FAILED);
	for (i = 0; i < npages; i++)
		p[len / npages * i + i * PAGE] = 1;
	return 0;
}
