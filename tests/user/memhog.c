/*
 * memhog.c: take memory until there is none.  Two good ends: ENOMEM from
 * mmap (status 0), or SIGKILL from the system, which the shell sees as 137.
 */
#include <sys/mman.h>
#include "t.h"

int
main(void)
{
	const size_t len = 1UL << 20;
	size_t off;
	char *p;

	for (;;) {
		p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED) {
			CHECK(errno == ENOMEM);
			return 0;
		}
		for (off = 0; off < len; off += PAGE)
			p[off] = 1;
	}
}
