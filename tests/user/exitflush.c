/*
 * exitflush.c: what the exit of a process costs in TLB maintenance.
 *
 * A child touches pages and waits.  The parent reads the counters, lets it go,
 * waits for its end and reads them again: an exit may invalidate a space as a
 * whole once, and no page of it.  Needs /proc/vmspace.
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include <fcntl.h>
#include "t.h"

#define NPAGE 300u

static char text[16384];

static const char *const name[] = {"tlb_flush_page", "tlbi_page",
    "tlb_flush_all", "tlbi_asid", "tlbi_all", "tlb_dsb", "purge_leaves"};
#define NNAME (sizeof(name) / sizeof(name[0]))

/* The counters at one moment; 0 for one that there is not. */
static void
counters(unsigned long v[NNAME])
{
	const char *p;
	unsigned int i;
	size_t len;
	ssize_t n;
	int fd;

	fd = open("/proc/vmspace/counters", O_RDONLY);
	CHECK(fd != -1);
	n = read(fd, text, sizeof(text) - 1);
	CHECK(n > 0);
	close(fd);
	text[n] = '\0';
	for (i = 0; i < NNAME; i++)
		v[i] = 0;
	for (p = text; p != NULL; p = strchr(p, '\n')) {
		p += *p == '\n';
		for (i = 0; i < NNAME; i++) {
			len = strlen(name[i]);
			if (strncmp(p, name[i], len) == 0 && p[len] == ' ')
				v[i] = strtoul(p + len, NULL, 10);
		}
	}
}

static void
child(int ready, int go)
{
	char *p, byte = 0;
	unsigned int i;

	p = mmap(NULL, NPAGE * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	for (i = 0; i < NPAGE; i++)
		p[i * PAGE] = 1;
	CHECK(write(ready, &byte, 1) == 1);
	(void)!read(go, &byte, 1);
	_exit(0);
}

int
main(void)
{
	unsigned long before[NNAME], after[NNAME];
	int ready[2], go[2], status;
	unsigned int i;
	char byte = 0;
	pid_t pid;

	if (access("/proc/vmspace/counters", R_OK) == -1)
		return 0;
	CHECK(pipe(ready) == 0 && pipe(go) == 0);
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0)
		child(ready[1], go[0]);
	CHECK(read(ready[0], &byte, 1) == 1);
	/* The first time the parent's own pages are copied. */
	counters(after);
	counters(before);
	CHECK(write(go[1], &byte, 1) == 1);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	counters(after);
	for (i = 0; i < NNAME; i++)
		after[i] -= before[i];
	CHECK(after[0] == 0 && after[1] == 0);
	CHECK(after[2] <= 1 && after[3] + after[4] <= 1 && after[5] <= 2);
	CHECK(after[6] >= NPAGE);
	return 0;
}
