/*
 * run.c: one execution of a script, and what each exit in it cost.
 */
#include <stdio.h>

#include <base/cpu.h>

#include "rerun.h"
#include "sim.h"
#include "vmsim.h"

/* What fails is gone through again, for the message. */
static void
printed(void)
{
	sim_costs = false;
}

/* The ordinary course, unless chance is asked for. */
struct det_config
config_once(void)
{
	struct det_config dc = config();

	dc.dc_strategy = opt.strategy == DET_PCT ? DET_PCT
			 : opt.strategy == DET_RANDOM || opt.seed != 0
			     ? DET_RANDOM
			     : DET_REPLAY;
	dc.dc_maxexecs = 1;
	dc.dc_minimize = false;
	return dc;
}

int
cmd_run(void)
{
	struct det_machine dm;
	struct det_config dc;
	struct det_result r;

	if (opt.nname != 1)
		fail("run FILE");
	if (rerun_load(opt.name[0]))
		return cmd_rerun();
	if (opt.svg != NULL || opt.folded != NULL)
		fail("--svg and --folded are of a record; see profile");
	scenario_load(opt.name[0]);
	dm = machine();
	dc = config_once();
	sim_costs = !opt.lines;
	dc.dc_atend = printed;
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
