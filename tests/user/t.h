/*
 * t.h: what the test programs share.  Each is one static program that runs
 * on any Linux, prints nothing and returns 0 when all is well.
 */
#ifndef T_H
#define T_H

#include <err.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096UL

/* The program fails, saying where, unless e. */
#define CHECK(e)                                                               \
	do {                                                                   \
		if (!(e))                                                      \
			errx(1, "%s:%d: %s (errno %d)", __FILE__, __LINE__,    \
			    #e, errno);                                        \
	} while (0)

/* e fails with -1 and errno want. */
#define FAILS(want, e)                                                         \
	do {                                                                   \
		errno = 0;                                                     \
		CHECK((long)(e) == -1);                                        \
		CHECK(errno == (want));                                        \
	} while (0)

#endif
