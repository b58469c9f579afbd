/*
 * rerun.h: a record of a process tree, as record.c writes it and rerun.c
 * executes it.  Text, a line each; numbers as strtoull() reads them.
 *
 *	record 1
 *	linux forks N execs N exits N faults N
 *	time REAL USER SYS			seconds, on Linux
 *	file NUMBER LENGTH NAME
 *	process NUMBER				what follows is its life
 *	map ADDR LEN PROT p|s FILE OFFSET	FILE -1: anonymous
 *	unmap ADDR LEN
 *	protect ADDR LEN PROT
 *	advise ADDR LEN ADVICE
 *	remap ADDR LEN NEWLEN NEWADDR
 *	touch ADDR r|w				a page fault
 *	fork NUMBER [vfork|share|thread]
 *	exec NAME
 *	wait NUMBER
 *	exit STATUS
 */
#ifndef RERUN_H
#define RERUN_H

#include <stdbool.h>
#include <stdint.h>

#include <det/det.h>

enum event_code {
	EV_TOUCH,
	EV_MAP,
	EV_UNMAP,
	EV_PROTECT,
	EV_ADVISE,
	EV_REMAP,
	EV_FORK,
	EV_EXEC,
	EV_WAIT,
	EV_EXIT
};

struct event {
	uint8_t ev_code, ev_prot;
	uint8_t ev_how; /* TOUCH: it writes; FORK: 0 to 3, as listed above */
	bool ev_shared;
	int32_t ev_file;
	uint64_t ev_arg[4];
};

struct rerun {
	struct event *rr_event;
	unsigned rr_nevent;
	struct {
		unsigned pr_first, pr_n; /* events */
		bool pr_thread;
		long pr_pid; /* of this run */
	} * rr_proc;
	unsigned rr_nproc;
	uint64_t *rr_size; /* of files */
	struct uvm_object **rr_object;
	unsigned rr_nfile;
	/* on Linux */
	uint64_t rr_lforks, rr_lexecs, rr_lexits, rr_lfaults;
	double rr_real, rr_user, rr_sys;
	/* of this run: */
	uint64_t rr_forks, rr_execs, rr_exits;
	uint64_t rr_touches;
	uint64_t rr_ahead;   /* touches that found the page mapped */
	uint64_t rr_again;   /* faults beyond the first of a touch */
	uint64_t rr_refused; /* what could not be done */
	uint64_t rr_count[64];
	uint64_t rr_points[DET_MAXCPU];
};
extern struct rerun rerun;

/*
 * rerun_load: false: not a record.  Exits when it is a broken one.
 * cmd_rerun: run it; under both policies unless one was asked for.
 */
bool rerun_load(const char *file);
int cmd_rerun(void);

#endif
