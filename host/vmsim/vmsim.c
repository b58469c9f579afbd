/*
 * vmsim.c: the commands.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

extern char __start_phystext[], __stop_phystext[];

static char *
slurp(const char *file)
{
	FILE *f;
	char *text;
	size_t n, max = 1 << 20;

	f = fopen(file, "r");
	if (f == NULL) {
		perror(file);
		exit(2);
	}
	text = malloc(max);
	if (text == NULL)
		abort();
	n = fread(text, 1, max - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static struct det_config dc;

static int
explore(const char *file)
{
	struct det_machine dm = sim_machine;
	struct det_result r;
	double t;

	if (!script_parse(slurp(file), file))
		return 2;
	sim_ncpu = dm.dm_ncpu = script.sc_ncpu;
	sim_ramlen = (uint64_t)script.sc_ram << 20;
	if (dc.dc_bound == 0)
		dc.dc_bound = script.sc_bound;
	if (dc.dc_stale == 0)
		dc.dc_stale = script.sc_stale;
	if (dc.dc_depth == 0)
		dc.dc_depth = script.sc_depth;
	det_namer(sim_namer);
	det_allocator(__start_phystext, __stop_phystext);
	t = now();
	det_run(&dm, &dc, &r);
	t = now() - t;
	if (dc.dc_trace)
		det_trace_print();
	printf("%s: %s, %llu executions%s, %.1f+%.1f points each, "
	       "%.1f words undone, %.3f s, %.2f M points/s, %llu restarts\n",
	    file, r.dr_failed ? "FAILED" : "passed",
	    (unsigned long long)r.dr_execs, r.dr_complete ? " (all)" : "",
	    (double)r.dr_steps / (double)r.dr_execs,
	    (double)r.dr_local / (double)r.dr_execs,
	    (double)r.dr_undo / (double)r.dr_execs, t,
	    (double)r.dr_steps / t / 1e6, (unsigned long long)r.dr_restarts);
	if (r.dr_failed)
		printf("%s\nvmsim explore %s --replay %s\n", r.dr_msg, file,
		    r.dr_replay);
	return r.dr_failed;
}

int
main(int argc, char **argv)
{
	static const char *const names[] = {
	    "random", "pct", "dfs", "dpor", "replay"};
	int i, k;

	dc.dc_strategy = DET_DFS;
	dc.dc_minimize = true;
	dc.dc_maxexecs = 1000;
	for (i = 3; i < argc; i++) {
		if (strcmp(argv[i], "-v") == 0)
			sim_verbose = true;
		else if (strcmp(argv[i], "--weak") == 0)
			dc.dc_weak = true;
		else if (strcmp(argv[i], "--trace") == 0)
			dc.dc_trace = true;
		else if (i + 1 == argc)
			break;
		else if (strcmp(argv[i], "--strategy") == 0) {
			i++;
			for (k = 0; k < 4; k++)
				if (strcmp(argv[i], names[k]) == 0)
					dc.dc_strategy = (enum det_strategy)k;
		} else if (strcmp(argv[i], "--bound") == 0)
			dc.dc_bound = (unsigned)atoi(argv[++i]);
		else if (strcmp(argv[i], "--seed") == 0)
			dc.dc_seed = strtoull(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "--max") == 0)
			dc.dc_maxexecs = strtoull(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "--replay") == 0) {
			dc.dc_replay = argv[++i];
			dc.dc_strategy = DET_REPLAY;
			dc.dc_trace = true;
		}
	}
	return explore(argv[2]);
}
