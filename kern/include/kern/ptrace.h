/*
 * ptrace.h: debuggers.
 *
 * A thread that is traced has a struct ptrace, which also hangs on its
 * tracer.  It outlives the thread until the tracer has been told: then it
 * says how the thread ended.  A traced thread stops by itself, at places of
 * its own choosing on its way through the kernel; the tracer looks at it only
 * while it is stopped and off its CPU.
 *
 * Protection:
 *	I	constant after it was made
 *	T	proctree_lock
 *	s	ps_siglock of pt_proc; l_ptrace itself changes under T and s
 *	Ts	T while there is no thread, s as well while there is
 *	B	both T and s to change, either to read
 */
#ifndef KERN_PTRACE_H
#define KERN_PTRACE_H

#include <sys/abi.h>
#include <sys/queue.h>
#include <kern/proc.h>

struct wait_result;

struct ptrace {
	LIST_ENTRY(ptrace) pt_link; /* [T] ps_tracees of pt_tracer */
	struct proc *pt_tracer;     /* [T] */
	struct proc *pt_proc;       /* [T] NULL: dead, to be reported */
	struct lwp *pt_lwp;         /* [T] NULL: has left, see ps_ptrace */
	pid_t pt_tid;               /* [T] */
	uid_t pt_uid;               /* [T] of a dead one */
	u_int pt_options;           /* [B] PTRACE_O_* */
	u_int pt_flags;             /* [s] */
	int pt_status;              /* [Ts] stopped, dead: as for wait4() */
	u_long pt_msg;              /* [s] PTRACE_GETEVENTMSG */
	u_int pt_phase;             /* [s] PTRACE_SYSCALL_INFO_* */
};
#define PT_SEIZED  0x01u  /* by PTRACE_SEIZE */
#define PT_STOPPED 0x02u  /* for the tracer */
#define PT_WAITED  0x04u  /* and the tracer knows */
#define PT_SYSCALL 0x08u  /* stop at system calls */
#define PT_STEP    0x10u  /* stop after an instruction */
#define PT_TRAP    0x20u  /* stop soon, with PTRACE_EVENT_STOP */
#define PT_NOTIFY  0x40u  /* the same: job control has news */
#define PT_GROUP   0x80u  /* has reported the group stop in force */
#define PT_LISTEN  0x100u /* stays in it, but is not the tracer's */

/*
 * What a traced thread calls, for itself, with no lock held; it may sleep for
 * as long as the tracer likes.  All return at once if it is not traced.
 *
 * ptrace_signal: signal sig is about to be taken.  What the tracer made of it
 *	and of info: a signal to act on, 0: nothing.
 * ptrace_stop_job: job control or the tracer wants a stop; nothing if that is
 *	over meanwhile.
 * ptrace_event: PTRACE_EVENT_* happened, if the tracer wants to know; msg is
 *	what PTRACE_GETEVENTMSG says.
 * ptrace_exec: a new image is in place; the thread was called oldtid.
 * ptrace_exit: the thread is about to leave with this status.
 * ptrace_call: make system call number for a thread whose l_systrace is set;
 *	stores its result in the frame or leaves that to the caller, as
 *	kern_syscall().
 */
int ptrace_signal(struct lwp *l, int sig, struct abi_siginfo *info);
void ptrace_stop_job(struct lwp *l);
void ptrace_event(u_int event, u_long msg);
void ptrace_exec(pid_t oldtid);
void ptrace_exit(int wstatus);
long ptrace_call(long number, const uintptr_t *args);

/*
 * ptrace_flags: the flags of l, 0 if it is not traced.  s held.
 * ptrace_attach: pt, zeroed but for options and PT_SEIZED, ties l to tracer.
 *	l is not traced.  T and s held.
 * ptrace_detach: cut that, whatever has become of the thread; a stopped one
 *	runs on with l_ptsig.  Frees pt.  T held.
 * ptrace_take_pid: l, the only thread of its process, has its pid as tid now.
 *	T held.
 * ptrace_trap: seized thread, stop with PTRACE_EVENT_STOP, for PT_TRAP or
 *	PT_NOTIFY: at once if it listens, after the stop that it is in
 *	otherwise.  s held.
 * ptrace_job: l's process begins to stop, or a SIGCONT was sent to it.  s held.
 * ptrace_stepping: PT_STEP is among those of the calling thread.
 * ptrace_fork_event: which event a clone() with these flags and exit signal
 *	is for the caller's tracer; 0: none that it wants.  A hint.
 * ptrace_fork: child, not yet running, is traced by the caller's tracer if
 *	that still wants this event.  *ptp is a zeroed struct ptrace, NULL
 *	afterwards if it was used.  T and the child's s held.
 * ptrace_secure: p is traced by somebody who may not see it gain privileges.
 *	T held.
 * ptrace_leave: thread l is about to leave its process.  No lock held.
 * ptrace_zombie: p is about to be a zombie: nobody it traces is traced any
 *	more, and its own tracer is told.  T held.
 * ptrace_traces: me traces some thread of p.  T held.
 * ptrace_tracer: the pid of l's tracer, 0: none.  T held.
 * ptrace_look: report a stop or end of the first of me's tracees that idtype
 *	and id name.  False: none; *anyp is set if there are tracees of that
 *	name.  T held.
 */
u_int ptrace_flags(const struct lwp *l);
void ptrace_attach(struct ptrace *pt, struct proc *tracer, struct lwp *l);
void ptrace_detach(struct ptrace *pt);
void ptrace_take_pid(struct lwp *l);
void ptrace_trap(struct ptrace *pt, u_int why);
void ptrace_job(struct lwp *l);
bool ptrace_stepping(void);
u_int ptrace_fork_event(uint64_t flags, int exitsig);
void ptrace_fork(struct lwp *child, u_int event, struct ptrace **ptp);
bool ptrace_secure(struct proc *p);
void ptrace_leave(struct lwp *l);
void ptrace_zombie(struct proc *p);
bool ptrace_traces(struct proc *me, struct proc *p);
pid_t ptrace_tracer(const struct lwp *l);
bool ptrace_look(struct proc *me, int idtype, pid_t id, u_int options,
    struct wait_result *wr, bool *anyp);

#endif
