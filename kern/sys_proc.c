/*
 * sys_proc.c: system calls about processes: making, ending, awaiting and
 * naming them.
 */
#include <kern/syscalls.h>
#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <kern/exec.h>
#include <kern/ptrace.h>
#include <kern/wait.h>

/*
 * What clone() may be asked for.  What is accepted without effect has none on
 * a system without the thing: System V semaphore undo lists (SYSVSEM), and
 * tracing of the child (UNTRACED; PTRACE of who is not traced), scheduling of
 * I/O (IO).  DETACHED has been ignored for decades.
 */
#define CLONE_OK                                                               \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VFORK |     \
	    CLONE_PARENT | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |       \
	    CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED |      \
	    CLONE_UNTRACED | CLONE_CHILD_SETTID | CLONE_CLEAR_SIGHAND |        \
	    CLONE_PIDFD | CLONE_IO | CLONE_PTRACE)

static long
do_clone(const struct clone_args *ca)
{
	uint64_t flags = ca->ca_flags;
	pid_t tid = 0;
	int error;

	if (flags & ~CLONE_OK)
		return -EINVAL;
	if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && (flags & CLONE_CLEAR_SIGHAND))
		return -EINVAL;
	/* Descriptors and directories are a process's: no thread has others. */
	if ((flags & CLONE_THREAD) &&
	    (flags & (CLONE_FS | CLONE_FILES)) != (CLONE_FS | CLONE_FILES))
		return -EINVAL;
	if (ca->ca_exitsig < 0 || ca->ca_exitsig > NSIG)
		return -EINVAL;
	if ((flags & CLONE_PARENT) && curproc() == initproc)
		return -EINVAL;
	if ((flags & CLONE_PTRACE) && lwp_ptrace(curlwp()) != NULL)
		return -EINVAL;
	/* A pidfd is a process's. */
	if ((flags & CLONE_PIDFD) && (flags & (CLONE_THREAD | CLONE_DETACHED)))
		return -EINVAL;
	error = proc_fork(ca, &tid); /* stops for a tracer */
	return error != 0 ? -error : tid;
}

long
sys_fork(const uintptr_t *args __unused)
{
	struct clone_args ca = {.ca_exitsig = SIGCHLD};

	return do_clone(&ca);
}

long
sys_vfork(const uintptr_t *args __unused)
{
	struct clone_args ca = {.ca_flags = CLONE_VM | CLONE_VFORK,
	    .ca_exitsig = SIGCHLD};

	return do_clone(&ca);
}

/* clone(flags, sp, ptid, ctid, tls); arm64 has the last two exchanged. */
long
sys_clone(const uintptr_t *args)
{
	struct clone_args ca = {
	    .ca_flags = (uint32_t)args[0] & ~CSIGNAL,
	    .ca_exitsig = (int)(args[0] & CSIGNAL),
	    .ca_sp = args[1],
	    .ca_ptid = args[2],
	    .ca_pidfd = args[2],
#ifdef MACHINE_CLONE_BACKWARDS
	    .ca_tls = args[3],
	    .ca_ctid = args[4],
#else
	    .ca_ctid = args[3],
	    .ca_tls = args[4],
#endif
	};

	/* What is no signal is none; clone3() is strict about it. */
	if (ca.ca_exitsig > NSIG)
		ca.ca_exitsig = 0;
	/* One place for two numbers. */
	if ((ca.ca_flags & CLONE_PIDFD) && (ca.ca_flags & CLONE_PARENT_SETTID))
		return -EINVAL;
	return do_clone(&ca);
}

/* The first version of what clone3() reads; longer ones must end in zeroes. */
struct abi_clone3 {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal;
	uint64_t stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
#define CLONE3_SIZE_MIN 64
#define CLONE3_SIZE_MAX PAGE_SIZE

/* Whether the user's bytes [from, to) are zero; EFAULT, E2BIG. */
static int
user_zero(vaddr_t from, vaddr_t to)
{
	char buf[64];
	size_t len, i;
	int error;

	for (; from < to; from += len) {
		len = MIN(sizeof(buf), to - from);
		error = copyin(from, buf, len);
		if (error != 0)
			return error;
		for (i = 0; i < len; i++)
			if (buf[i] != 0)
				return E2BIG;
	}
	return 0;
}

long
sys_clone3(const uintptr_t *args)
{
	struct abi_clone3 a = {0};
	struct clone_args ca = {0};
	size_t size = args[1];
	int error;

	if (size < CLONE3_SIZE_MIN)
		return -EINVAL;
	if (size > CLONE3_SIZE_MAX)
		return -E2BIG;
	error = copyin(args[0], &a, MIN(size, sizeof(a)));
	if (error == 0 && size > sizeof(a))
		error = user_zero(args[0] + sizeof(a), args[0] + size);
	if (error != 0)
		return -error;
	if ((a.flags & (CLONE_DETACHED | CSIGNAL)) != 0 ||
	    a.exit_signal > NSIG || a.set_tid_size != 0 || a.set_tid != 0)
		return -EINVAL;
	if ((a.stack == 0) != (a.stack_size == 0) ||
	    a.stack > VM_MAXUSER_ADDRESS ||
	    a.stack_size > VM_MAXUSER_ADDRESS - a.stack)
		return -EINVAL;
	if ((a.flags & CLONE_PIDFD) && (a.flags & CLONE_PARENT_SETTID) &&
	    a.pidfd == a.parent_tid)
		return -EINVAL;
	if ((a.flags & (CLONE_THREAD | CLONE_PARENT)) && a.exit_signal != 0)
		return -EINVAL;
	ca.ca_flags = a.flags;
	ca.ca_exitsig = (int)a.exit_signal;
	ca.ca_sp = a.stack == 0 ? 0 : a.stack + a.stack_size;
	ca.ca_tls = a.tls;
	ca.ca_ptid = a.parent_tid;
	ca.ca_ctid = a.child_tid;
	ca.ca_pidfd = a.pidfd;
	return do_clone(&ca);
}

/* Copy an array of string pointers; NULL is an empty one. */
static int
exec_copy_strings(struct exec_strings *es, vaddr_t vec, bool env)
{
	vaddr_t str;
	int error;

	for (; vec != 0; vec += sizeof(str)) {
		error = copyin(vec, &str, sizeof(str));
		if (error != 0)
			return error;
		if (str == 0)
			break;
		error = exec_strings_add(es, NULL, str, env);
		if (error != 0)
			return error;
		if (sig_killed())
			return EINTR;
	}
	return 0;
}

/* execveat(fd, path, argv, envp, flags) */
static long
do_exec(int dirfd, const uintptr_t *args, u_int flags)
{
	pid_t oldtid = curlwp()->l_tid;
	struct exec_strings *es;
	char *path;
	int error;

	path = kmem_alloc(PATH_MAX, 0);
	if (path == NULL)
		return -ENOMEM;
	es = exec_strings_create();
	error = es == NULL ? ENOMEM : copyinstr(args[0], path, PATH_MAX, NULL);
	if (error == 0)
		error = exec_copy_strings(es, args[1], false);
	/* Programs rely on a name: an empty argv becomes an empty one. */
	if (error == 0 && es->es_argc == 0)
		error = exec_strings_add(es, "", 0, false);
	if (error == 0)
		error = exec_copy_strings(es, args[2], true);
	if (error == 0)
		error = path[0] == '\0' && (flags & AT_EMPTY_PATH) == 0
			    ? ENOENT
			    : proc_exec(dirfd, path, flags, es);
	if (es != NULL)
		exec_strings_free(es);
	kmem_free(path, PATH_MAX);
	if (error != 0)
		return -error;
	ptrace_exec(oldtid);
	return -EJUSTRETURN;
}

long
sys_execve(const uintptr_t *args)
{
	return do_exec(AT_FDCWD, args, 0);
}

long
sys_execveat(const uintptr_t *args)
{
	u_int flags = (u_int)args[4];

	if ((flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) != 0)
		return -EINVAL;
	return do_exec((int)args[0], args + 1, flags);
}

long
sys_exit(const uintptr_t *args)
{
	lwp_exit(W_EXIT((int)args[0]));
}

long
sys_exit_group(const uintptr_t *args)
{
	proc_exit(W_EXIT((int)args[0]));
}

/* wait4(pid, status, options, rusage) */
long
sys_wait4(const uintptr_t *args)
{
	const u_int ok =
	    WNOHANG | WUNTRACED | WCONTINUED | __WALL | __WCLONE | __WNOTHREAD;
	u_int options = (u_int)args[2];
	pid_t pid = (pid_t)args[0];
	struct wait_result wr;
	int idtype, error;

	if (options & ~ok)
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	if (pid == -1)
		idtype = P_ALL;
	else if (pid <= 0) {
		idtype = P_PGID;
		pid = -pid;
	} else
		idtype = P_PID;
	options |= WEXITED | (args[3] != 0 ? WAIT_USAGE : 0);
	error = proc_wait(idtype, pid, options, &wr);
	if (error != 0)
		return -error;
	if (wr.wr_pid == 0)
		return 0;
	if (args[1] != 0)
		error = copyout(&wr.wr_wstatus, args[1], sizeof(wr.wr_wstatus));
	if (error == 0 && args[3] != 0)
		error = copyout(&wr.wr_ru, args[3], sizeof(wr.wr_ru));
	return error != 0 ? -error : wr.wr_pid;
}

/* waitid(idtype, id, info, options, rusage) */
long
sys_waitid(const uintptr_t *args)
{
	const u_int ok = WNOHANG | WNOWAIT | WEXITED | WUNTRACED | WCONTINUED |
			 __WALL | __WCLONE | __WNOTHREAD;
	u_int options = (u_int)args[3];
	int idtype = (int)args[0], error;
	pid_t id = (pid_t)args[1];
	struct abi_siginfo info = {0};
	struct wait_result wr;
	struct proc *p;

	if ((options & ~ok) != 0 ||
	    (options & (WEXITED | WUNTRACED | WCONTINUED)) == 0)
		return -EINVAL;
	if (idtype == P_PIDFD && (kern_fs == NULL || id < 0))
		return -EINVAL;
	if (idtype == P_PIDFD) {
		error = kern_fs->fo_pidfd(id, &p);
		if (error != 0)
			return -error;
		idtype = P_PID;
		id = p->ps_pid;
		proc_rele(p);
	}
	if (idtype != P_ALL && idtype != P_PID && idtype != P_PGID)
		return -EINVAL;
	if ((idtype == P_PID && id <= 0) || (idtype == P_PGID && id < 0))
		return -EINVAL;
	if (args[4] != 0)
		options |= WAIT_USAGE;
	error = proc_wait(idtype, id, options, &wr);
	if (error != 0)
		return -error;
	if (wr.wr_pid != 0) {
		info.si_signo = SIGCHLD;
		info.si_code = wr.wr_code;
		info.si_cpid = wr.wr_pid;
		info.si_cuid = wr.wr_uid;
		info.si_status = wr.wr_status;
	}
	if (args[2] != 0)
		error = copyout(&info, args[2], sizeof(info));
	if (error == 0 && args[4] != 0 && wr.wr_pid != 0)
		error = copyout(&wr.wr_ru, args[4], sizeof(wr.wr_ru));
	return -error;
}

long
sys_getpid(const uintptr_t *args __unused)
{
	return curproc()->ps_pid;
}

long
sys_gettid(const uintptr_t *args __unused)
{
	return curlwp()->l_tid;
}

long
sys_getppid(const uintptr_t *args __unused)
{
	struct proc *p = curproc();
	pid_t pid;

	mutex_enter(&proctree_lock);
	pid = p->ps_parent->ps_pid;
	mutex_exit(&proctree_lock);
	return pid;
}

long
sys_set_tid_address(const uintptr_t *args)
{
	curlwp()->l_cleartid = args[0];
	return curlwp()->l_tid;
}

/* The process with this pid, 0 being the caller.  T held. */
static struct proc *
find_or_self(pid_t pid)
{
	return pid == 0 ? curproc() : proc_find_locked(pid);
}

static long
do_getpgid(pid_t pid)
{
	struct proc *p;
	long r = -ESRCH;

	mutex_enter(&proctree_lock);
	p = find_or_self(pid);
	if (p != NULL && p->ps_pgrp != NULL)
		r = p->ps_pgrp->pg_id;
	mutex_exit(&proctree_lock);
	return r;
}

long
sys_getpgid(const uintptr_t *args)
{
	return do_getpgid((pid_t)args[0]);
}

long
sys_getpgrp(const uintptr_t *args __unused)
{
	return do_getpgid(0);
}

long
sys_getsid(const uintptr_t *args)
{
	struct proc *p;
	long r = -ESRCH;

	mutex_enter(&proctree_lock);
	p = find_or_self((pid_t)args[0]);
	if (p != NULL && p->ps_pgrp != NULL)
		r = p->ps_pgrp->pg_session->s_id;
	mutex_exit(&proctree_lock);
	return r;
}

/* POSIX's conditions for joining group pgid, in its order.  T held. */
static int
do_setpgid(struct proc *p, pid_t pgid)
{
	struct proc *me = curproc();
	struct pgrp *pg;
	struct session *s;

	if (p == NULL || (p != me && p->ps_parent != me) || p->ps_pgrp == NULL)
		return ESRCH;
	s = p->ps_pgrp->pg_session;
	if (s != me->ps_pgrp->pg_session)
		return EPERM;
	if (p != me && p->ps_execd)
		return EACCES;
	if (p->ps_pid == s->s_id)
		return EPERM;
	if (pgid == 0)
		pgid = p->ps_pid;
	if (pgid != p->ps_pid) {
		pg = pgrp_find(pgid);
		if (pg == NULL || pg->pg_session != s)
			return EPERM;
	}
	return pgrp_enter(p, pgid, s);
}

long
sys_setpgid(const uintptr_t *args)
{
	pid_t pgid = (pid_t)args[1];
	int error;

	if (pgid < 0 || (pid_t)args[0] < 0)
		return -EINVAL;
	mutex_enter(&proctree_lock);
	error = do_setpgid(find_or_self((pid_t)args[0]), pgid);
	mutex_exit(&proctree_lock);
	return -error;
}

long
sys_setsid(const uintptr_t *args __unused)
{
	struct proc *p = curproc();
	int error;

	mutex_enter(&proctree_lock);
	if (pgrp_find(p->ps_pid) != NULL)
		error = EPERM;
	else
		error = pgrp_enter(p, p->ps_pid, NULL);
	mutex_exit(&proctree_lock);
	return error != 0 ? -error : p->ps_pid;
}
