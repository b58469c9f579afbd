/*
 * wait.h: waiting for children.
 */
#ifndef KERN_WAIT_H
#define KERN_WAIT_H

#include <sys/abi.h>
#include <kern/proc.h>

struct wait_result {
	pid_t wr_pid; /* 0: none yet (WNOHANG) */
	uid_t wr_uid;
	int wr_wstatus;          /* status word */
	int wr_code, wr_status;  /* CLD_* and exit code or signal */
	struct abi_rusage wr_ru; /* last: undefined without WAIT_USAGE */
};

#define WAIT_USAGE 0x100u /* an option of proc_wait() alone: wr_ru is wanted */

/*
 * wait_decode: the status word of an end, and the code and status it stands
 *	for.
 * proc_wait: a child of the caller that idtype (P_ALL, P_PID, P_PGID; id 0
 *	with P_PGID: the caller's own group) names and options (WEXITED,
 *	WUNTRACED, WCONTINUED, WNOHANG, WNOWAIT, __WALL, __WCLONE,
 *	WAIT_USAGE) admit.  A
 *	zombie is freed unless WNOWAIT.  Or a thread that the caller traces,
 *	whatever its kind, that has stopped for it or has ended.  ECHILD: no such child; ERESTARTSYS.
 */
void wait_decode(int wstatus, struct wait_result *wr);
int proc_wait(int idtype, pid_t id, u_int options, struct wait_result *wr);

#endif
