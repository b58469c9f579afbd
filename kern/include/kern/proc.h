/*
 * proc.h: processes and their threads.
 *
 * A process owns an address space, descriptors and an identity; its threads
 * (struct lwp) run in it.  The process tree knows who is whose parent, and
 * outlives the address space: a zombie is a process without one.
 *
 * Locks: the process tree lock guards who is whose parent, groups, sessions
 * and the tables of pids; a process's own lock guards what one process is;
 * ps_siglock (a spin lock, interrupt safe) guards signal state and the list
 * of threads.
 *
 * Protection:
 *	I	constant after fork
 *	a	C11 atomic
 *	o	the thread itself
 *	T	proctree lock (a mutex, RANK_PROCTREE)
 *	p	ps_lock (a mutex, RANK_PROC)
 *	s	ps_siglock (a spin lock, RANK_SIG)
 *	v	ps_vmlock (a mutex, RANK_VMPTR), to change; the owner
 *		reads its own without
 *	e	by the exiting process, read after it is a zombie
 */
#ifndef KERN_PROC_H
#define KERN_PROC_H

#include <sys/abi.h>
#include <sys/queue.h>
#include <base/lock.h>
#include <base/refcount.h>
#include <base/thread.h>
#include <uvm/uvm.h>
#include <kern/signal.h>

struct fsproc;
struct ptrace;
struct tty;

/* A user thread, or a kernel thread of process 0. */
struct lwp {
	struct thread l_thread;      /* first: curlwp() casts */
	struct proc *l_proc;         /* [I] */
	pid_t l_tid;                 /* [I]; of an exec'ing thread: [T] */
	TAILQ_ENTRY(lwp) l_link;     /* [s] ps_lwps */
	LIST_ENTRY(lwp) l_hash;      /* [T] by tid */
	struct pmap *l_pmap;         /* [o] runs in; NULL: borrows any */
	struct sigpend l_sigpend;    /* [s] */
	uint64_t l_sigmask;          /* [s] written by itself */
	uint64_t l_sigwait;          /* [s] sigtimedwait: what ends it */
	uint64_t l_oldmask;          /* [o] sigsuspend: to restore */
	bool l_restoremask;          /* [o] */
	bool l_stopped;              /* [s] counted in ps_nstopped */
	bool l_exiting;              /* [s] has begun to exit */
	struct abi_stack l_altstack; /* [o] */
	vaddr_t l_settid;            /* [o] CLONE_CHILD_SETTID */
	vaddr_t l_cleartid;          /* [o] CLONE_CHILD_CLEARTID */
	vaddr_t l_robust;            /* [o] robust futex list */
	long l_callno;               /* [o] call being made; -1: none */
	int l_restart;               /* [o] ERESTART* it ended with, or 0 */
	struct sleep_rest l_rest;    /* [o] for restart_syscall() */
	_Atomic(cpumask_t) l_bind;   /* [a] where others want it; 0: done */
	_Atomic(u_long) l_minflt;    /* [a] written by itself */
	_Atomic(u_long) l_majflt;    /* [a] written by itself */
	void (*l_fn)(void *);        /* [I] kernel thread: what it runs */
	void *l_arg;                 /* [I] */
	STAILQ_ENTRY(lwp) l_dead;    /* reaper's lists */
	_Atomic(struct ptrace *) l_ptrace; /* [T] and [s]; lwp_ptrace() */
	_Atomic(bool) l_systrace; /* [a] calls go through ptrace_call() */
	int l_wstatus;            /* [s] of a thread that exits alone */
	int l_ptsig;              /* [s] signal the tracer lets through */
	bool l_purge;             /* [o] the reaper tears the space down */
	/* Not all zero from the beginning but for si_signo, 0: none. */
	struct abi_siginfo l_fault;  /* [s] synchronous */
	struct abi_siginfo l_ptinfo; /* [s] of the signal it stopped for */
};

enum proc_state { PS_NEW, PS_LIVE, PS_EXITING, PS_ZOMBIE };

#define NGROUPS 32
struct ucred { /* a value, copied at fork */
	uid_t cr_uid, cr_euid, cr_suid, cr_fsuid;
	gid_t cr_gid, cr_egid, cr_sgid, cr_fsgid;
	bool cr_nonewprivs; /* exec ignores set-id bits, from now on */
	u_int cr_ngroups;
	gid_t cr_groups[NGROUPS];
};

struct pgrp {
	pid_t pg_id;                  /* [I] */
	struct session *pg_session;   /* [I] */
	LIST_HEAD(, proc) pg_members; /* [T] */
	LIST_ENTRY(pgrp) pg_hash;     /* [T] */
};

struct session {
	pid_t s_id;        /* [I] */
	u_int s_count;     /* [T] groups */
	struct tty *s_tty; /* [T] its own if that says the same */
};

struct proc {
	pid_t ps_pid;            /* [I] */
	_Atomic(u_int) ps_state; /* [a] enum proc_state */
	refcount_t ps_refs;      /* [a] structure; see proc_find() */
	struct mutex ps_lock;
	struct spin ps_siglock;
	struct mutex ps_vmlock;

	struct proc *ps_parent;        /* [T] */
	LIST_HEAD(, proc) ps_children; /* [T] */
	LIST_ENTRY(proc) ps_sibling;   /* [T] */
	LIST_ENTRY(proc) ps_all;       /* [T] */
	LIST_ENTRY(proc) ps_hash;      /* [T] by pid */
	LIST_ENTRY(proc) ps_pglink;    /* [T] */
	struct pgrp *ps_pgrp;          /* [T] */
	bool ps_leads;                 /* [T] has begun a session, by itself */
	bool ps_execd;                 /* [T] has called exec: setpgid EACCES */
	bool ps_subreaper;             /* [T] inherits orphans below it */
	bool ps_nozombie;              /* [T] set after the purge */
	bool ps_vforked;               /* [I] its parent waits for this: */
	bool ps_vforkdone;             /* [T] is off its parent's space */
	bool ps_stopped;   /* [T] the parent knows: to be reported */
	bool ps_continued; /* [T] the same */
	LIST_HEAD(, ptrace) ps_tracees; /* [T] threads it traces */
	struct ptrace *ps_ptrace;       /* [T] of its first thread, gone */
	int ps_pdeathsig;               /* [T] wanted when the parent dies */
	int ps_exitsig;                 /* [T] what the parent gets: SIGCHLD */

	struct vmspace *ps_vmspace; /* [v] NULL once exited */
	bool ps_inexec;             /* [v] space is being replaced */
	bool ps_lastuser;           /* [e] was the last one in its space */

	TAILQ_HEAD(, lwp) ps_lwps;  /* [s] */
	u_int ps_nlwp;              /* [s] live */
	u_int ps_nstopped;          /* [s] of them stopped */
	struct lwp *ps_single;      /* [s] all other threads must go */
	bool ps_groupexit;          /* [s] the process must go */
	bool ps_stopok;             /* [s] no SIGCONT since the stop signal */
	bool ps_contnotify;         /* [s] tell the parent of SIGCONT */
	u_int ps_stopsig;           /* [s] stopped by; 0: running */
	struct sigpend ps_sigpend;  /* [s] process-wide */
	u_int ps_nsigq;             /* [s] queued real-time signals */
	struct sigacts *ps_sigacts; /* [s] shared actions, or NULL: see below */
	uint64_t ps_sigset;         /* [s] ps_sigact[] has it; else default */
	uint64_t ps_utime, ps_stime; /* [s] ns, of threads that have gone */
	u_long ps_minflt, ps_majflt; /* [s] of threads that have gone */
	struct timeout ps_alarm;     /* [s] ITIMER_REAL */
	bool ps_alarmed;             /* [s] it has been set some time */
	uint64_t ps_alarm_when, ps_alarm_every; /* [s] ns; 0: off */
	LIST_HEAD(, ptimer) ps_timers;          /* [s] the others */
	int ps_timer_next;                      /* [s] number of the next one */
	bool ps_sigfd;                          /* [s] may have a signalfd */

	int ps_wstatus;             /* [s] as wait4() reports it */
	struct rutimes ps_cru;      /* [T] of waited-for children */
	struct fsproc *ps_fs;       /* [I] descriptors, directories, umask */
	uint64_t ps_start;          /* [I] ns since boot */
	char ps_comm[16];           /* [p] */
	bool ps_kernel;             /* [I] process 0 */
	bool ps_dumpable;           /* [p] */
	uint8_t ps_lockfuture;      /* [p] VW_* of mlockall(MCL_FUTURE) */
	uint8_t ps_barriers;        /* [p] MEMBARRIER_CMD_REGISTER_* made */
	_Atomic(bool) ps_oomvictim; /* [a] draws on the reserve */
	int ps_oomadj;              /* [p] -1000 to 1000 */
	int ps_nice;                /* [p] -20 to 19; kept, not obeyed */
	uint32_t ps_persona;        /* [p] personality(2) */

	/* What is set before it is read: proc_alloc() leaves it alone. */
	struct ucred ps_cred;                      /* [p] */
	struct abi_rlimit ps_rlimit[RLIMIT_COUNT]; /* [p] */
	u_long ps_maxrss;                          /* [e] KiB, of a zombie */
	struct abi_sigaction ps_sigact[NSIG]; /* [s] of signal n at n - 1 */
};

/* The calling thread, which must be an lwp (not an idle thread). */
static inline struct lwp *
curlwp(void)
{
	return (struct lwp *)curthread();
}

/* Who traces l.  Without T and s a hint: what it points to may go. */
static inline struct ptrace *
lwp_ptrace(const struct lwp *l)
{
	return atomic_load_explicit(&l->l_ptrace, memory_order_relaxed);
}

/*
 * Relaxed: proctree_lock is held when a process comes or becomes a zombie, and
 * by those who act upon it; for the others it is a hint, or about themselves.
 */
static inline enum proc_state
proc_state(const struct proc *p)
{
	return (enum proc_state)atomic_load_explicit(&p->ps_state,
	    memory_order_relaxed);
}

static inline void
proc_setstate(struct proc *p, enum proc_state state)
{
	atomic_store_explicit(&p->ps_state, (u_int)state, memory_order_relaxed);
}

static inline struct proc *
curproc(void)
{
	return curlwp()->l_proc;
}

extern struct proc proc0;     /* the kernel */
extern struct proc *initproc; /* pid 1 */
extern struct mutex proctree_lock;
LIST_HEAD(proclist, proc);
extern struct proclist proc_all; /* [T] */

/*
 * proc_boot: process 0 and the tables; once, before the first thread.
 * proc_find: the process with this pid and a reference to its structure, or
 *	NULL; zombies included.  proc_rele gives the reference back.  Both
 *	take locks up to RANK_PROCTREE or none (the _locked one: held).
 * proc_find_tid: the same for the process that the thread tid is of.
 * proc_next: the same for the lowest pid above after.
 * proc_vmspace: a reference on p's space, with the pointer rechecked.
 *	ESRCH: no space any more (kernel or exited); EBUSY: in exec.  The
 *	caller checks whether it may look after this, not before: what it
 *	got may be the space of a set-id image that exec put there.
 * proc_vmspace_wait: the same, but an exec of another process is waited for.
 *	EINTR: the caller must die.  Sleeps.
 * proc_verify: p's place in the tree, its threads and signals; panics.  T held.
 * proc_verify_all: the same for all processes, and the tables.  T held; slow.
 * proc_threads: the number of threads; a hint.
 */
void proc_boot(void);
struct proc *proc_find(pid_t pid);
struct proc *proc_find_locked(pid_t pid);
struct proc *proc_find_tid(pid_t tid);
struct proc *proc_next(pid_t after);
void proc_rele(struct proc *p);
int proc_vmspace(struct proc *p, struct vmspace **vmp);
int proc_vmspace_wait(struct proc *p, struct vmspace **vmp);
u_int proc_threads(struct proc *p);
void proc_verify(struct proc *p);
void proc_verify_all(void);

/*
 * proc_alloc: a process structure that nobody sees yet; its one reference
 *	will be that of the table of pids.  ENOMEM.
 * proc_insert: make it visible as a child of parent in pg.  T held.
 * proc_remove: out of every table and list; drops the table's reference; of
 *	a zombie.  T held; the reference is dropped by proc_rele() after.
 * lwp_alloc: a thread structure with a kernel stack, a tid (but not for
 *	process 0) and a reference on p unless that is NULL: lwp_setproc()
 *	then makes up for it.  Nobody finds it yet.  EAGAIN: too many
 *	threads; ENOMEM.
 * lwp_insert: lwp_find() finds l from now on, which is of a process and ready
 *	to run.  T held.
 * lwp_free: give all that back; it never ran, and was not inserted.
 * lwp_remove, lwp_leave_proc: the same of a thread that dies, by itself: its
 *	tid, T held; and its reference, the last it has to do with a process.
 *	What is left is the reaper's, who gives it back by lwp_memory_free().
 * lwp_find: the thread with this tid, or NULL.  T held.
 * lwp_setname: l is called name from now on, and its process if l is the first;
 *	l is the caller, or T held.  lwp_name: a copy of that, terminated.
 * lwp_affinity: where it may run, or will be confined to; a hint.
 * lwp_take_pid: l is all that is left of its process: its tid is the pid now.
 * lwp_kick: make it look at its signals soon.  s held.
 */
int proc_alloc(pid_t pid, struct proc **pp);
void proc_insert(struct proc *p, struct proc *parent, struct pgrp *pg);
void proc_remove(struct proc *p);
int lwp_alloc(struct proc *p, struct lwp **lp);
void lwp_setproc(struct lwp *l, struct proc *p);
void lwp_insert(struct lwp *l);
void lwp_free(struct lwp *l);
void lwp_remove(struct lwp *l);
void lwp_leave_proc(struct lwp *l);
void lwp_memory_free(struct lwp *l);
struct lwp *lwp_find(pid_t tid);
void lwp_setname(struct lwp *l, const char *name);
void lwp_name(struct lwp *l, char *name, size_t size);
cpumask_t lwp_affinity(struct lwp *l);
void lwp_take_pid(struct lwp *l);
void lwp_kick(struct lwp *l);

/*
 * Groups and sessions.  T held.
 * pgrp_find: NULL: no such group.
 * pgrp_enter: p (may be in no group yet) joins group id, created in session s
 *	(NULL: a new session) when it does not exist.  ENOMEM.
 * pgrp_leave: p leaves its group; the last member ends it.
 * pgrp_orphaned: no member has a parent in another group of the session;
 *	skip is left out of the question (it is exiting).
 */
struct pgrp *pgrp_find(pid_t id);
int pgrp_enter(struct proc *p, pid_t id, struct session *s);
void pgrp_join(struct proc *p, struct pgrp *pg);
void pgrp_leave(struct proc *p);
bool pgrp_orphaned(struct pgrp *pg, const struct proc *skip);
/* Stopped members of groups that p's exit orphans get SIGHUP and SIGCONT. */
void pgrp_exit(struct proc *p);

/* Whether user uid, unless root, has limit threads.  T held; slow. */
bool uid_full(uid_t uid, uint64_t limit);
extern u_int lwp_max;    /* user threads, and processes, there may be */
extern u_int proc_count; /* [T] processes, zombies included */

/*
 * System calls: a value, or -errno.  Args are as user registers had them.
 * The table of the kernel is generated from kern/syscalls.tbl; fs registers
 * it, once, by kern_syscall_init().  A handler is called with no lock held.
 */
typedef long syscall_fn(const uintptr_t *args);
struct sysent {
	syscall_fn *sy_fn; /* NULL: -ENOSYS, counted */
	const char *sy_name;
};
extern const struct sysent *kern_sysent;
extern u_int kern_nsysent;
void kern_syscall_init(const struct sysent *table, u_int n);
#define KERN_NCALL 512
extern _Atomic(u_int) kern_enosys[KERN_NCALL]; /* refused, by number */
extern long kern_restart_call;                 /* number of restart_syscall() */

/*
 * What kern asks of fs, which it does not see.  Registered before init runs.
 * They may sleep; no lock held unless said.
 *
 * fo_fork: child->ps_fs from parent's (flags: CLONE_FILES, CLONE_FS).  ENOMEM.
 * fo_exec: close-on-exec descriptors; ei is the image that runs from now on.
 * fo_exit: close everything; ps_fs becomes NULL.
 * fo_open_image: the file to execute: its object (with a reference), its
 *	mode, owner, absolute path (kmem, at most PATH_MAX) and a text
 *	reference that refuses writers (ETXTBSY) until fo_close_image.
 *	Relative to dirfd; AT_EMPTY_PATH: an empty path is dirfd itself;
 *	AT_SYMLINK_NOFOLLOW.  ENOENT, EACCES, ELOOP, EBADF, ENOTDIR, ...
 * fo_mmap: the object behind descriptor fd for a mapping: *uop with a
 *	reference, or NULL for a private zero mapping (/dev/zero);
 *	*maxprotp what mprotect may give.  EBADF, EACCES, ENODEV, EINVAL.
 * fo_mmap_done: the object of a shared mapping that may be written, from
 *	fo_mmap, has been mapped or will not be.  Until then it counts as
 *	mapped for writing, so that it cannot be sealed in between.  NULL:
 *	nothing need be told.
 * fo_pidfd: the process behind descriptor fd, with a reference.  EBADF.
 * fo_changed: some process has become a zombie, or one with ps_sigfd has got a
 *	signal: who polls may look.  Any context, ps_siglock may be held.
 * fo_new_pidfd: a new descriptor, of the calling process, for p; *fdp.  EMFILE,
 *	ENOMEM.  fo_close: close it again.
 * fo_mount_root: the root file system, from an initramfs (NULL: empty), whose
 *	memory it gives back.
 */
struct exec_image {
	struct uvm_object *ei_obj;
	uint64_t ei_size;
	mode_t ei_mode;
	uid_t ei_uid;
	gid_t ei_gid;
	char ei_path[256];
	bool ei_cloexec; /* what dirfd named closes: no name for a script */
	void *ei_cookie;
};
struct fs_upcalls {
	int (*fo_fork)(struct proc *parent, struct proc *child, u_int flags);
	void (*fo_exec)(struct proc *p, struct exec_image *ei);
	void (*fo_exit)(struct proc *p);
	int (*fo_open_image)(int dirfd, const char *path, u_int flags,
	    struct exec_image *ei);
	void (*fo_close_image)(struct exec_image *ei);
	int (*fo_mmap)(int fd, vm_prot_t prot, u_int flags, uint64_t off,
	    struct uvm_object **uop, vm_prot_t *maxprotp);
	void (*fo_mmap_done)(struct uvm_object *uo);
	void (*fo_mount_root)(const void *initrd, size_t len);
	int (*fo_open_console)(struct proc *p); /* descriptors 0, 1, 2 */
	int (*fo_pidfd)(int fd, struct proc **pp);
	int (*fo_new_pidfd)(struct proc *p, int *fdp);
	void (*fo_close)(int fd);
	void (*fo_changed)(void);
	void (*fo_shutdown)(void); /* the machine is about to stop; sleeps */
};
extern const struct fs_upcalls *kern_fs;

/*
 * Life: fork.c, exec.c, exit.c, kthread.c.  No lock held.
 *
 * proc_fork: clone(2) for a new process or thread; *tidp its id.  The child
 *	returns 0 to user mode at ca_sp (0: the same) with ca_tls when
 *	CLONE_SETTLS.  With CLONE_VFORK it returns when the child is off the
 *	space.  EAGAIN: limits; ENOMEM; ERESTARTNOINTR: a signal came first.
 * proc_create: a child of process 0 whose thread begins in the kernel with
 *	fn(arg) and without an address space; proc_exec() gives it one, after
 *	which it must leave by md_frame_enter().  *pp is set before it runs.
 *	EAGAIN: limits; ENOMEM.
 * kthread_create: a kernel thread of process 0 that calls fn(arg); it ends
 *	when fn returns or calls lwp_exit(0).  *lp may be NULL.
 * lwp_exit: the calling thread leaves; the last one takes the process along
 *	with this wait status.
 * proc_exit: the whole process with this wait status: the other threads are
 *	made to go first.  Does not return.
 * proc_single: make every other thread of the process go and wait until they
 *	are off the space.  EINTR: the process is being killed instead.
 * lwp_switch_pmap: the calling thread runs in pm from here on (NULL: in
 *	none; it borrows).
 */
struct clone_args {
	uint64_t ca_flags;
	int ca_exitsig;
	vaddr_t ca_sp, ca_tls, ca_ptid, ca_ctid;
	vaddr_t ca_pidfd; /* CLONE_PIDFD: where its number goes */
};
int proc_fork(const struct clone_args *ca, pid_t *tidp);
int proc_create(const char *name, void (*fn)(void *), void *arg,
    struct proc **pp);
int kthread_create(const char *name, void (*fn)(void *), void *arg,
    struct lwp **lp);
__attribute__((noreturn)) void lwp_exit(int wstatus);
__attribute__((noreturn)) void proc_exit(int wstatus);
int proc_single(void);
void lwp_switch_pmap(struct pmap *pm);
/* The parent of a vfork child need not wait for it any longer. */
void proc_vfork_done(struct proc *p);
/* The scheduler's hook: the right root for who runs next. */
void lwp_switched(struct thread *from, struct thread *to);

/*
 * lwp_must_go: l has been told to leave, by another thread's exit or exec, or
 *	by SIGKILL.  s held.
 */
bool lwp_must_go(const struct lwp *l);

/* Wait status words. */
#define W_EXIT(code)  (((code)&0xff) << 8)
#define W_SIGNAL(sig) ((sig)&0x7f)
#define W_COREFLAG    0x80
#define W_STOP(sig)   (((sig) << 8) | 0x7f)
#define W_CONTINUED   0xffff

/*
 * proc_rusage: what p has used; exact.  s is taken.
 * proc_times: its nanoseconds alone.  proc_times_locked: s held.
 */
void proc_rusage(struct proc *p, struct abi_rusage *ru);
void proc_times(struct proc *p, uint64_t *utime, uint64_t *stime);
void proc_times_locked(struct proc *p, uint64_t *utime, uint64_t *stime);

/*
 * The current process may do this to p: same user or root.  cred_same_user: as
 *	scheduling calls see it, by the effective ids.
 */
bool cred_can_signal(const struct proc *p, int sig);
bool cred_same_user(const struct proc *p);
bool cred_is_root(void);
bool cred_can_trace(const struct proc *p);

/* Capabilities are what root has and others have not, without exception. */
#define CAP_ALL 0x1ffffffffffULL
uint64_t cred_caps(const struct proc *p);

/*
 * The reaper: stacks and structures of dead threads.
 * reaper_enter: a thread begins to die: drains wait for it from here on.
 * reaper_done: thread_exit() callback.
 * reaper_spare: one that is dead and off its stack, for somebody new; NULL:
 *	none is at hand.
 * reap_drain: wait until no dead thread holds memory.  Sleeps.
 */
void reaper_init(void);
void reaper_enter(void);
void reaper_done(struct thread *td);
struct lwp *reaper_spare(void);
void reap_drain(void);
/*
 * What is left of exit once the space is empty: exit.c, for the reaper.
 * proc_zombie: l is the last thread of its process, of which it knows nothing
 *	any more then.  Returns with preemption disabled: who is told runs
 *	once the caller is done.
 */
void proc_zombie(struct lwp *l);
void proc_purge(struct proc *p);

/*
 * Out of memory: the upcalls of uvm.  oom_badness: how near p is to being the
 * one that is killed, as /proc tells: 0 to 1333; 0: never.  May sleep.
 */
bool oom_kill(void);
long oom_badness(struct proc *p);
void oom_init(void);

/* User copies, with bounds; EFAULT.  The big lock is not held. */
int copyin(vaddr_t from, void *to, size_t len);
int copyout(const void *from, vaddr_t to, size_t len);
int copyinstr(vaddr_t from, char *to, size_t max, size_t *lenp);

/*
 * Kernel command line: the value of key, "1" if it has none, NULL if it is not
 * there; what is returned stays.  kern_param_num: as a number.
 */
void kern_param_init(const char *cmdline);
const char *kern_cmdline(void);
const char *kern_param(const char *key);
u_long kern_param_num(const char *key, u_long dflt);

#define PATH_MAX 4096
#define PID_MAX  32768
/*
 * Bytes of argv and environment together: a quarter of what the stack may be,
 * but within these; and of one string.
 */
#define ARG_LIMIT     (6UL << 20)
#define ARG_LIMIT_MIN (128UL << 10)
#define ARG_STRLEN    (128UL << 10)

#endif
