/*
 * sys_ptrace.c: what a tracer can ask of its tracees.
 *
 * But for the requests that make a tracee of a thread or interrupt one, the
 * thread must be the caller's and stopped for it (ESRCH otherwise).  The
 * process tree lock, which the reaper takes to free a thread, is held while
 * its registers are looked at, so SIGKILL may wake it but it stays; what a
 * thread does that dies meanwhile does not depend on its registers.  Memory is
 * reached without that lock, with a reference on the space: one that died
 * meanwhile answers EFAULT.  A tracee in exec is not stopped, so it is never
 * its half-built space that is looked at; attaching to one waits.
 */
#include <kern/syscalls.h>
#include <sys/errno.h>
#include <base/print.h>
#include <machine/param.h>
#include <phys/kmem.h>
#include <port/frame.h>
#include <port/machdep.h>
#include <kern/ptrace.h>
#include <kern/ptrace_abi.h>

/* How long, in ns, a tracer sleeps when it is faster than its tracee. */
#define SWITCH_WAIT 20000

/* A tracee of the caller that is stopped and off its CPU.  T held. */
static int
find_stopped(pid_t tid, struct ptrace **ptp)
{
	struct lwp *l = lwp_find(tid);
	struct ptrace *pt;
	u_int flags;

	KASSERT(mutex_held(&proctree_lock));
	pt = l == NULL ? NULL : lwp_ptrace(l);
	if (pt == NULL || pt->pt_tracer != curproc())
		return ESRCH;
	for (;;) {
		spin_enter(&l->l_proc->ps_siglock);
		flags = ptrace_flags(l);
		spin_exit(&l->l_proc->ps_siglock);
		if ((flags & (PT_STOPPED | PT_LISTEN)) != PT_STOPPED)
			return ESRCH;
		if (thread_state(&l->l_thread) == TD_STOPPED &&
		    !thread_oncpu(&l->l_thread))
			break;
		/* It is about to switch, and will be on no lock of ours. */
		(void)sleep_until(md_time_ns() + SWITCH_WAIT, 0, "ptrace");
	}
	*ptp = pt;
	return 0;
}

/*
 * Becoming a tracer.
 */

static long
trace_me(void)
{
	struct lwp *l = curlwp();
	struct proc *p = l->l_proc;
	struct ptrace *pt;
	long r = -EPERM;

	pt = kmem_alloc(sizeof(*pt), PA_ZERO);
	if (pt == NULL)
		return -ENOMEM;
	mutex_enter(&proctree_lock);
	spin_enter(&p->ps_siglock);
	if (lwp_ptrace(l) == NULL && p->ps_parent != &proc0) {
		ptrace_attach(pt, p->ps_parent, l);
		pt = NULL;
		r = 0;
	}
	spin_exit(&p->ps_siglock);
	mutex_exit(&proctree_lock);
	if (pt != NULL)
		kmem_free(pt, sizeof(*pt));
	return r;
}

/* Why process pid cannot be traced: it has exited, or never was.  T held. */
static int
not_there(pid_t pid)
{
	return proc_find_locked(pid) != NULL ? EPERM : ESRCH;
}

/*
 * Thread l as a tracee, by pt, which is the caller's until 0.  *vmp is a
 * reference to be dropped without T, unless NULL.  T held.
 */
static int
attach_thread(struct lwp *l, struct ptrace *pt, struct vmspace **vmp)
{
	struct proc *p = l->l_proc;
	int error;

	*vmp = NULL;
	if (p == curproc())
		return EPERM;
	/* What it may become in exec must not be traced by whom it was. */
	error = proc_vmspace(p, vmp);
	if (error != 0)
		return error == ESRCH ? not_there(p->ps_pid) : error;
	if (!cred_can_trace(p))
		return EPERM;
	spin_enter(&p->ps_siglock);
	if (lwp_ptrace(l) != NULL)
		error = EPERM;
	else if (l->l_exiting)
		error = ESRCH;
	else
		ptrace_attach(pt, curproc(), l);
	spin_exit(&p->ps_siglock);
	return error;
}

static long
trace_attach(pid_t tid, bool seize, u_int options)
{
	struct abi_siginfo info = {.si_signo = SIGSTOP, .si_code = SI_KERNEL};
	struct vmspace *vm;
	struct ptrace *pt;
	struct lwp *l;
	int error;

	if (options & ~PTRACE_O_OK)
		return -EIO;
	pt = kmem_alloc(sizeof(*pt), PA_ZERO);
	if (pt == NULL)
		return -ENOMEM;
	pt->pt_options = options;
	pt->pt_flags = seize ? PT_SEIZED : 0;
	for (;;) {
		vm = NULL;
		mutex_enter(&proctree_lock);
		l = lwp_find(tid);
		error = l == NULL ? not_there(tid) : attach_thread(l, pt, &vm);
		if (error == 0 && !seize)
			(void)sig_post(l->l_proc, l, &info);
		mutex_exit(&proctree_lock);
		if (vm != NULL)
			uvmspace_free(vm);
		if (error != EBUSY || sig_killed())
			break;
		(void)sleep_until(md_time_ns() + SWITCH_WAIT, 0, "ptrace");
	}
	if (error != 0)
		kmem_free(pt, sizeof(*pt));
	return -error;
}

/* PTRACE_INTERRUPT: stop, wherever you are; after the stop you are in. */
static long
trace_interrupt(pid_t tid)
{
	struct lwp *l = lwp_find(tid);
	struct ptrace *pt;
	long r = 0;

	KASSERT(mutex_held(&proctree_lock));
	pt = l == NULL ? NULL : lwp_ptrace(l);
	if (pt == NULL || pt->pt_tracer != curproc())
		return -ESRCH;
	spin_enter(&l->l_proc->ps_siglock);
	if ((pt->pt_flags & PT_SEIZED) == 0)
		r = -EIO;
	else
		ptrace_trap(pt, PT_TRAP);
	spin_exit(&l->l_proc->ps_siglock);
	return r;
}

/*
 * Letting it run.
 */

static long
trace_resume(struct ptrace *pt, long request, u_int sig)
{
	struct lwp *l = pt->pt_lwp;
	struct proc *p = l->l_proc;
	u_int flags = 0;

	if (sig > NSIG)
		return -EIO;
	if (request == PTRACE_SYSCALL)
		flags = PT_SYSCALL;
	else if (request == PTRACE_SINGLESTEP)
		flags = PT_STEP;
	spin_enter(&p->ps_siglock);
	l->l_ptsig = (int)sig;
	pt->pt_flags &= ~(PT_STOPPED | PT_WAITED | PT_SYSCALL | PT_STEP);
	pt->pt_flags |= flags;
	atomic_store_explicit(&l->l_systrace, flags != 0, memory_order_relaxed);
	/* It turns stepping on or off on its way out. */
	atomic_store_explicit(&l->l_thread.td_ast, true, memory_order_relaxed);
	thread_wake(&l->l_thread);
	spin_exit(&p->ps_siglock);
	return 0;
}

static long
trace_detach(struct ptrace *pt, u_int sig)
{
	struct lwp *l = pt->pt_lwp;

	if (sig > NSIG)
		return -EIO;
	spin_enter(&l->l_proc->ps_siglock);
	l->l_ptsig = (int)sig;
	spin_exit(&l->l_proc->ps_siglock);
	ptrace_detach(pt);
	return 0;
}

static long
trace_listen(struct ptrace *pt)
{
	long r = -EIO;

	spin_enter(&pt->pt_proc->ps_siglock);
	if ((pt->pt_flags & PT_SEIZED) != 0 &&
	    pt->pt_lwp->l_ptinfo.si_code >> 8 == PTRACE_EVENT_STOP) {
		pt->pt_flags |= PT_LISTEN;
		/* What came before it listened is news to its tracer, too. */
		if (pt->pt_flags & PT_NOTIFY)
			ptrace_trap(pt, PT_NOTIFY);
		r = 0;
	}
	spin_exit(&pt->pt_proc->ps_siglock);
	return r;
}

/*
 * Registers.
 */

/* Copy a set out of the stopped thread tid, or into it. */
static long
trace_regset(pid_t tid, u_int set, vaddr_t ubuf, size_t *lenp, bool write)
{
	uint8_t buf[MD_REGSET_MAX] __attribute__((aligned(16)));
	size_t size = md_regset_size(set);
	size_t len = MIN(*lenp, size);
	struct ptrace *pt;
	struct lwp *l;
	int error = 0;

	if (size == 0)
		return -EINVAL;
	if (write && len % MIN(size, sizeof(uint64_t)) != 0)
		return -EINVAL;
	if (write)
		error = copyin(ubuf, buf, len);
	if (error != 0)
		return -error;
	mutex_enter(&proctree_lock);
	error = find_stopped(tid, &pt);
	if (error == 0) {
		l = pt->pt_lwp;
		if (write && len < size) {
			uint8_t old[MD_REGSET_MAX] __attribute__((aligned(16)));

			md_regset_get(&l->l_thread, set, old);
			memcpy(buf + len, old + len, size - len);
		}
		if (write)
			error = md_regset_set(&l->l_thread, set, buf);
		else
			md_regset_get(&l->l_thread, set, buf);
		/* It says that it does not continue a call. */
		if (write && error == 0 && set == NT_PRSTATUS &&
		    md_frame_callno(l->l_thread.td_frame) == -1)
			l->l_restart = 0;
	}
	mutex_exit(&proctree_lock);
	if (error == 0 && !write)
		error = copyout(buf, ubuf, len);
	*lenp = len;
	return -error;
}

/* PTRACE_GETREGSET and _SETREGSET: an iovec, whose length is updated. */
static long
trace_regset_iov(pid_t tid, u_int set, vaddr_t uiov, bool write)
{
	struct abi_iovec iov;
	size_t len;
	long r;

	if (copyin(uiov, &iov, sizeof(iov)) != 0)
		return -EFAULT;
	len = iov.iov_len;
	r = trace_regset(tid, set, iov.iov_base, &len, write);
	if (r != 0)
		return r;
	iov.iov_len = len;
	return -copyout(&iov, uiov, sizeof(iov));
}

/* One word of the "user area": the general registers; the rest reads 0. */
static long
trace_user(struct ptrace *pt, vaddr_t off, uint64_t *word, bool write)
{
	uint64_t buf[MD_REGSET_MAX / sizeof(uint64_t)];
	size_t size = md_regset_size(NT_PRSTATUS);

	if (off % sizeof(uint64_t) != 0 || off >= 1024)
		return -EIO;
	if (off >= size) {
		if (!write)
			*word = 0;
		return write ? -EIO : 0;
	}
	md_regset_get(&pt->pt_lwp->l_thread, NT_PRSTATUS, buf);
	if (!write) {
		*word = buf[off / sizeof(uint64_t)];
		return 0;
	}
	buf[off / sizeof(uint64_t)] = *word;
	return md_regset_set(&pt->pt_lwp->l_thread, NT_PRSTATUS, buf) != 0
		   ? -EIO
		   : 0;
}

/*
 * Memory.
 */

/*
 * Copy one word.  Linux says EIO where a live space has no such page, and so
 * do we; a space that has been emptied is a different matter: EFAULT.
 */
static long
trace_word(struct proc *p, vaddr_t va, uint64_t *word, bool write)
{
	struct vmspace *vm;
	bool live;
	size_t done;
	int error;

	error = proc_vmspace(p, &vm);
	if (error != 0)
		return error == ESRCH ? -EFAULT : -error;
	error =
	    uvm_io(vm, va, word, sizeof(*word), write, UVM_FAULT_FORCE, &done);
	if (error == EFAULT) {
		rw_read_enter(&vm->vm_map.vm_lock);
		live = vm->vm_map.vm_state == VM_LIVE;
		rw_exit(&vm->vm_map.vm_lock);
		error = live ? EIO : EFAULT;
	}
	uvmspace_free(vm);
	return -error;
}

static long
trace_memory(pid_t tid, vaddr_t va, uint64_t *word, bool write)
{
	struct proc *p = NULL;
	struct ptrace *pt;
	int error;
	long r;

	mutex_enter(&proctree_lock);
	error = find_stopped(tid, &pt);
	if (error == 0) {
		p = pt->pt_proc;
		refcount_acquire(&p->ps_refs);
	}
	mutex_exit(&proctree_lock);
	if (error != 0)
		return -error;
	r = trace_word(p, va, word, write);
	proc_rele(p);
	return r;
}

/*
 * What there is to know about a stop.
 */

static size_t
trace_call_info(struct ptrace *pt, struct abi_syscall_info *si)
{
	const struct md_frame *f = pt->pt_lwp->l_thread.td_frame;
	const uintptr_t *args = md_frame_callargs(f);
	size_t len = offsetof(struct abi_syscall_info, entry);
	u_int i;

	memset(si, 0, sizeof(*si));
	si->op = (uint8_t)pt->pt_phase;
	si->arch = MACHINE_AUDIT_ARCH;
	si->instruction_pointer = md_frame_pc(f);
	si->stack_pointer = md_frame_sp(f);
	if (si->op == PTRACE_SYSCALL_INFO_ENTRY) {
		si->entry.nr = (uint64_t)md_frame_callno(f);
		for (i = 0; i < 6; i++)
			si->entry.args[i] = args[i];
		len += sizeof(si->entry);
	} else if (si->op == PTRACE_SYSCALL_INFO_EXIT) {
		si->exit.rval = md_frame_result(f);
		si->exit.is_error = si->exit.rval < 0 && si->exit.rval >= -4095;
		len += offsetof(struct abi_syscall_info, exit.is_error) + 1 -
		       offsetof(struct abi_syscall_info, exit);
	}
	return len;
}

/* What of the stop's state is copied to the caller, by request. */
union stop_state {
	struct abi_syscall_info call;
	struct abi_siginfo info;
	uint64_t word;
};

/* Requests that look at a stopped thread.  T held; *lenp bytes of *ss. */
static long
trace_get(struct ptrace *pt, long request, vaddr_t addr, union stop_state *ss,
    size_t *lenp)
{
	struct lwp *l = pt->pt_lwp;

	*lenp = sizeof(ss->word);
	switch (request) {
	case PTRACE_PEEKUSER:
		return trace_user(pt, addr, &ss->word, false);
	case PTRACE_GETEVENTMSG:
		ss->word = pt->pt_msg;
		return 0;
	case PTRACE_GETSIGMASK:
		ss->word = l->l_sigmask;
		return addr == sizeof(ss->word) ? 0 : -EINVAL;
	case PTRACE_GETSIGINFO:
		if (l->l_ptinfo.si_signo == 0)
			return -EINVAL;
		ss->info = l->l_ptinfo;
		*lenp = sizeof(ss->info);
		return 0;
	default:
		KASSERT(request == PTRACE_GET_SYSCALL_INFO);
		*lenp = trace_call_info(pt, &ss->call);
		return 0;
	}
}

/* Requests that change a stopped thread, or let it go.  T held. */
static long
trace_set(struct ptrace *pt, long request, vaddr_t addr, uintptr_t data,
    union stop_state *ss)
{
	struct lwp *l = pt->pt_lwp;

	switch (request) {
	case PTRACE_CONT:
	case PTRACE_SYSCALL:
	case PTRACE_SINGLESTEP:
		return trace_resume(pt, request, (u_int)data);
	case PTRACE_DETACH:
		return trace_detach(pt, (u_int)data);
	case PTRACE_LISTEN:
		return trace_listen(pt);
	case PTRACE_POKEUSER:
		ss->word = data;
		return trace_user(pt, addr, &ss->word, true);
	case PTRACE_SETOPTIONS:
		if (data & ~(uintptr_t)PTRACE_O_OK)
			return -EINVAL;
		spin_enter(&l->l_proc->ps_siglock);
		pt->pt_options = (u_int)data;
		spin_exit(&l->l_proc->ps_siglock);
		return 0;
	case PTRACE_SETSIGMASK:
		if (addr != sizeof(ss->word))
			return -EINVAL;
		spin_enter(&l->l_proc->ps_siglock);
		l->l_sigmask = ss->word & ~SIG_CANTMASK;
		sig_update(l);
		spin_exit(&l->l_proc->ps_siglock);
		return 0;
	default:
		KASSERT(request == PTRACE_SETSIGINFO);
		if (l->l_ptinfo.si_signo == 0)
			return -EINVAL;
		l->l_ptinfo = ss->info;
		return 0;
	}
}

/* Bytes that a request reads at data first, 0 for most. */
static size_t
trace_inlen(long request)
{
	switch (request) {
	case PTRACE_SETSIGINFO:
		return sizeof(struct abi_siginfo);
	case PTRACE_SETSIGMASK:
		return sizeof(uint64_t);
	default:
		return 0;
	}
}

/* A request to a stopped thread that fits neither of the above. */
static long
trace_stopped(long request, pid_t tid, vaddr_t addr, uintptr_t data, bool get)
{
	union stop_state ss;
	struct ptrace *pt;
	size_t len = 0;
	int error;
	long r;

	if (trace_inlen(request) != 0 &&
	    copyin(data, &ss, trace_inlen(request)) != 0)
		return -EFAULT;
	mutex_enter(&proctree_lock);
	error = find_stopped(tid, &pt);
	if (error != 0)
		r = -error;
	else if (get)
		r = trace_get(pt, request, addr, &ss, &len);
	else
		r = trace_set(pt, request, addr, data, &ss);
	mutex_exit(&proctree_lock);
	if (r != 0 || !get)
		return r;
	if (request == PTRACE_GET_SYSCALL_INFO) {
		r = (long)len;
		len = MIN(len, addr);
	}
	return copyout(&ss, data, len) != 0 ? -EFAULT : r;
}

/* PTRACE_KILL: obsolete, and no error if there is nobody to kill. */
static long
trace_kill(pid_t tid)
{
	struct lwp *l = lwp_find(tid);

	KASSERT(mutex_held(&proctree_lock));
	if (l == NULL || lwp_ptrace(l) == NULL ||
	    lwp_ptrace(l)->pt_tracer != curproc())
		return -ESRCH;
	sig_post_simple(l->l_proc, SIGKILL, SI_KERNEL);
	return 0;
}

/* ptrace(request, tid, addr, data) */
long
sys_ptrace(const uintptr_t *args)
{
	long request = (long)args[0], r;
	pid_t tid = (pid_t)args[1];
	vaddr_t addr = args[2];
	uintptr_t data = args[3];
	size_t len = SIZE_MAX;
	uint64_t word = data;
	struct ptrace *pt;

	switch (request) {
	case PTRACE_TRACEME:
		return trace_me();
	case PTRACE_ATTACH:
		return trace_attach(tid, false, 0);
	case PTRACE_SEIZE:
		return addr != 0 ? -EIO : trace_attach(tid, true, (u_int)data);
	case PTRACE_INTERRUPT:
	case PTRACE_KILL:
		mutex_enter(&proctree_lock);
		r = request == PTRACE_KILL ? trace_kill(tid)
					   : trace_interrupt(tid);
		mutex_exit(&proctree_lock);
		return r;
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA:
		r = trace_memory(tid, addr, &word, false);
		return r != 0 ? r : -copyout(&word, data, sizeof(word));
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA:
		return trace_memory(tid, addr, &word, true);
	case PTRACE_GETREGS:
	case PTRACE_SETREGS:
		return trace_regset(tid, NT_PRSTATUS, data, &len,
		    request == PTRACE_SETREGS);
	case PTRACE_GETFPREGS:
	case PTRACE_SETFPREGS:
		return trace_regset(tid, NT_PRFPREG, data, &len,
		    request == PTRACE_SETFPREGS);
	case PTRACE_GETREGSET:
	case PTRACE_SETREGSET:
		return trace_regset_iov(tid, (u_int)addr, data,
		    request == PTRACE_SETREGSET);
	case PTRACE_PEEKUSER:
	case PTRACE_GETEVENTMSG:
	case PTRACE_GETSIGINFO:
	case PTRACE_GETSIGMASK:
	case PTRACE_GET_SYSCALL_INFO:
		return trace_stopped(request, tid, addr, data, true);
	case PTRACE_CONT:
	case PTRACE_SYSCALL:
	case PTRACE_SINGLESTEP:
	case PTRACE_DETACH:
	case PTRACE_LISTEN:
	case PTRACE_POKEUSER:
	case PTRACE_SETOPTIONS:
	case PTRACE_SETSIGINFO:
	case PTRACE_SETSIGMASK:
		return trace_stopped(request, tid, addr, data, false);
	default:
		mutex_enter(&proctree_lock);
		r = find_stopped(tid, &pt) != 0 ? -ESRCH : -EIO;
		mutex_exit(&proctree_lock);
		return r;
	}
}
