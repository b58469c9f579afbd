/*
 * run.c: one execution of a script, and what each exit in it cost.
 */
#include <stdio.h>

#include <base/cpu.h>

#include "sim.h"
#include "vmsim.h"

int
cmd_run(void)
{
	struct det_machine dm;
	struct det_config dc;
	struct det_result r;

	if (opt.nname != 1)
		fail("run FILE");
	scenario_load(opt.name[0]);
	dm = machine();
	dc = config();
	/* The ordinary course, unless chance is asked for. */
	dc.dc_strategy = opt.strategy == DET_PCT ? DET_PCT
			 : opt.strategy == DET_RANDOM || opt.seed != 0
			     ? DET_RANDOM
			     : DET_REPLAY;
	dc.dc_maxexecs = 1;
	dc.dc_minimize = false;
	sim_costs = !opt.lines;
	if (opt.lines) {
		dc.dc_norace = true;
		dc.dc_maxsteps = 1000000000;
		lines_begin();
	}
	det_run(&dm, &dc, &r);
	if (opt.lines)
		lines_print();
	printf("%s: %s%s%s, %llu points\n", script.sc_name,
	    r.dr_failed ? "FAILED: " : "fine", r.dr_failed ? r.dr_msg : "",
	    dm.dm_ncpu > DET_NCLK ? " (races not checked)" : "",
	    (unsigned long long)(r.dr_steps + r.dr_local));
	det_result_free(&r);
	return r.dr_failed;
}
