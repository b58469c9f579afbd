/*
 * unit_main.c: the hosted unit tests.
 *
 *	unit [--seed N] [--cpus N] [--asids N] [--list] [NAME...]
 *
 * Runs the tests named (all by default) on a hosted machine, and exits with 1
 * if one failed.
 */
#include <stdio.h>
#include <stdlib.h>

#include <port/machdep.h>
#include <base/cpu.h>
#include <base/epoch.h>
#include <base/print.h>
#include <phys/page.h>
#include <phys/pool.h>
#include <pmap/pmap.h>

#include "host.h"
#include "ktest.h"

#define RAM_LEN (16384 * PAGE_SIZE)

static void
usage(void)
{
	fprintf(stderr, "usage: unit [--seed N] [--cpus N] [--asids N] "
			"[--softflags] [--list] [NAME...]\n");
	exit(2);
}

/* A number from 0 to max, or usage(). */
static uint32_t
number(const char *s, u_long max)
{
	const char *end;
	u_long n;

	if (s == NULL)
		usage();
	n = kstrtoul(s, &end, 0);
	if (end == s || *end != '\0' || n > max)
		usage();
	return (uint32_t)n;
}

/* Nothing may wait to be freed when pages are counted. */
static u_long
free_pages(void)
{
	epoch_drain();
	pmap_drain();
	pool_drain_all();
	phys_drain_all();
	return phys_free_count();
}

int
main(int argc, char **argv)
{
	static char filter[4096], replay[64];
	uint32_t seed = 1, cpus = 1;
	bool list = false;
	size_t len = 0;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--seed") == 0)
			seed = number(argv[++i], UINT32_MAX);
		else if (strcmp(argv[i], "--cpus") == 0)
			cpus = number(argv[++i], HOST_MAXCPU);
		else if (strcmp(argv[i], "--asids") == 0)
			host_asids = number(argv[++i], 65536);
		else if (strcmp(argv[i], "--softflags") == 0)
			host_softflags = true;
		else if (strcmp(argv[i], "--list") == 0)
			list = true;
		else
			usage();
	}
	for (; i < argc && len < sizeof(filter); i++)
		len += (size_t)snprintf(filter + len, sizeof(filter) - len,
		    "%s ", argv[i]);
	if (cpus == 0 || host_asids == 0)
		usage();
	ksnprintf(replay, sizeof(replay), "%s --cpus %u --seed", argv[0], cpus);
	ktest_replay = replay;
	ktest_free_pages = free_pages;
	ktest_reseed = host_reseed;
	host_boot(cpus, RAM_LEN, seed);
	if (list) {
		ktest_list();
		md_halt(0);
	}
	md_halt(ktest_run(filter, seed) == 0 ? 0 : 1);
}
