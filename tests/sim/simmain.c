/*
 * simmain.c: the engine's own tests.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "simtest.h"

static unsigned passed, failed;

void
sim_result(bool ok, const char *fmt, ...)
{
	va_list ap;

	if (ok)
		passed++;
	else
		failed++;
	printf("%sok %u - ", ok ? "" : "not ", passed + failed);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "all";

	if (strcmp(what, "all") == 0 || strcmp(what, "litmus") == 0)
		litmus_tests();
	if (strcmp(what, "all") == 0 || strcmp(what, "toy") == 0)
		toy_tests();
	if (strcmp(what, "all") == 0 || strcmp(what, "engine") == 0)
		engine_tests();
	if (strcmp(what, "all") == 0 || strcmp(what, "mmu") == 0)
		mmu_tests();
	if (strcmp(what, "all") == 0 || strcmp(what, "refcount") == 0)
		refcount_tests();
	printf("1..%u\n%u passed, %u failed\n", passed + failed, passed,
	    failed);
	return failed != 0;
}
