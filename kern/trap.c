/*
 * trap.c: faults and other exceptions of user programs, and the last look
 * before returning to them.
 */
#include <kern/trap.h>
#include <sys/errno.h>
#include <base/print.h>
#include <port/frame.h>
#include <kern/mm.h>
#include <kern/proc.h>

/* The stack limit of p; read by its own threads, a stale value does no harm. */
static vsize_t
stack_limit(const struct proc *p)
{
	return p->ps_rlimit[RLIMIT_STACK].rlim_cur;
}

/*
 * Make va of the caller's space usable for access, the stack included.
 * Errors as uvm_fault().
 */
static inline int
fault_resolve(struct lwp *l, vaddr_t va, vm_prot_t access)
{
	struct vmspace *vm = l->l_proc->ps_vmspace;
	u_long major;
	int error;

	if (va >= VM_MAXUSER_ADDRESS)
		return EFAULT;
	major = atomic_load_explicit(&l->l_majflt, memory_order_relaxed);
	error = uvm_fault(&vm->vm_map, va, access, 0);
	/* Not mapped: it may be where the stack, or one like it, grows to. */
	if (error == EFAULT && uvm_grow(vm, va, stack_limit(l->l_proc)))
		error = uvm_fault(&vm->vm_map, va, access, 0);
	/* One that waited for I/O has been counted by up_major(). */
	if (error == 0 &&
	    atomic_load_explicit(&l->l_majflt, memory_order_relaxed) == major)
		atomic_store_explicit(&l->l_minflt,
		    atomic_load_explicit(&l->l_minflt, memory_order_relaxed) +
			1,
		    memory_order_relaxed);
	return error;
}

/*
 * Whether the stack pointer is where stacks may be: the main stack, memory
 * mapped as a stack, or the alternate signal stack.  Attacks that make it
 * point to data of theirs fault before they get far.
 */
static bool
stack_allowed(struct lwp *l, vaddr_t sp)
{
	const struct abi_stack *alt = &l->l_altstack;
	struct vm_map *map = &l->l_proc->ps_vmspace->vm_map;
	struct vm_entry *e;
	bool ok;

	if ((alt->ss_flags & SS_DISABLE) == 0 && sp - alt->ss_sp < alt->ss_size)
		return true;
	rw_read_enter(&map->vm_lock);
	e = uvm_map_next(map, sp);
	/* Growing memory is found from below too. */
	ok = e != NULL &&
	     (e->ve_flags & (VE_STACK | VE_STACKMEM | VE_GROWSDOWN)) != 0;
	rw_exit(&map->vm_lock);
	return ok;
}

void
kern_user_fault(struct md_frame *f, vaddr_t va, vm_prot_t access)
{
	struct lwp *l = curlwp();

	KASSERT(lock_none());
	if (mm_stackcheck && !stack_allowed(l, md_frame_sp(f))) {
		sig_self(SIGSEGV, SEGV_ACCERR, md_frame_sp(f));
		return;
	}
	switch (fault_resolve(l, va, access)) {
	case 0:
		break;
	case EACCES:
		sig_self(SIGSEGV, SEGV_ACCERR, va);
		break;
	case ENXIO:
	case EIO:
		sig_self(SIGBUS, BUS_ADRERR, va);
		break;
	case ENOMEM:
		/* Nothing more can be had, not even by killing. */
		if (!sig_killed()) {
			kprintf("out of memory: killed pid %d (%s)\n",
			    l->l_proc->ps_pid, l->l_proc->ps_comm);
			sig_self(SIGKILL, SI_KERNEL, 0);
		}
		break;
	default:
		sig_self(SIGSEGV, SEGV_MAPERR, va);
		break;
	}
}

void
kern_user_trap(struct md_frame *f __unused, int sig, int code, vaddr_t addr)
{
	KASSERT(lock_none());
	sig_self(sig, code, addr);
}

int
kern_copy_fault(vaddr_t va, vm_prot_t access)
{
	struct lwp *l = curlwp();

	if (l->l_thread.td_frame == NULL || l->l_pmap == NULL)
		return EFAULT;
	return fault_resolve(l, va, access) == 0 ? 0 : EFAULT;
}

void
kern_ast(struct md_frame *f)
{
	struct thread *td = curthread();
	cpumask_t bind;

	KASSERT(lock_none());
	/*
	 * Acquire: for l_bind.  What else td_ast is set for is under
	 * ps_siglock, which sig_deliver() takes.
	 */
	if (atomic_exchange_explicit(&td->td_ast, false,
		memory_order_acquire)) {
		if (uvm_pageout_short())
			(void)uvm_pageout_wait();
		bind = atomic_load_explicit(&curlwp()->l_bind,
		    memory_order_relaxed);
		if (bind != 0) {
			sched_bind(bind);
			/*
			 * Only now, or lwp_affinity() would hear of neither;
			 * who wants it elsewhere meanwhile sets td_ast again.
			 */
			(void)atomic_compare_exchange_strong_explicit(
			    &curlwp()->l_bind, &bind, 0, memory_order_release,
			    memory_order_relaxed);
		}
		sig_deliver(f);
	}
	if (sched_need())
		sched_preempt();
}
