/*
 * memhog.c: take memory until there is none.  Two good ends: ENOMEM from
 * mmap (status 0), or SIGKILL from the system, which the shell sees as 137.
 *
 * memhog MIB: take so much, but tell the system with MADV_FREE that it need
 * not be kept: there is no need to refuse or to kill.
 */
#include <sys/mman.h>
#include "t.h"

int
main(int argc, char **argv)
{
	const size_t len = 1UL << 20;
	long mib = argc > 1 ? atol(argv[1]) : -1;
	size_t off;
	char *p;

	while (mib-- != 0) {
		p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED && argc == 1) {
			CHECK(errno == ENOMEM);
			return 0;
		}
		CHECK(p != MAP_FAILED);
		for (off = 0; off < len; off += PAGE)
			p[off] = 1;
		if (argc > 1)
			CHECK(madvise(p, len, MADV_FREE) == 0);
	}
	return 0;
}
