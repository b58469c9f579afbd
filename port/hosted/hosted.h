/*
 * hosted.h: what the hosted port offers besides the port; see hosted.c.
 */
#ifndef HOSTED_H
#define HOSTED_H

#include <vmspace/vmspace.h>

#define HOSTED_MAXCPU 8

/* What md_file_*() move, and how often they did. */
struct hosted_file {
	const char *name;
	unsigned char *bytes;
	size_t size;
	int refs, nread, nwritten;
	bool fail; /* reads do */
};

extern bool hosted_killed;   /* md_nomem() was called */
extern size_t hosted_traced; /* calls of md_trace() */

/*
 * hosted_boot_info: make the memory, and say what vms_boot() is to be told.
 * hosted_cpu_start: one more CPU, which calls fn(arg) once, then only serves
 *	interrupts.  Returns when it is up.
 */
void hosted_boot_info(struct vms_boot *b);
void hosted_cpu_start(void (*fn)(void *), void *arg);

#endif
