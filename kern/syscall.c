/*
 * syscall.c: from the registers of a system call to its handler and back.
 */
#include <kern/trap.h>
#include <sys/errno.h>
#include <port/frame.h>
#include <port/machdep.h>
#include <kern/proc.h>
#include <kern/ptrace.h>
#include <kern/syscalls.h>

const struct sysent *kern_sysent;
u_int kern_nsysent;
static syscall_fn *syscall_tab[KERN_NCALL]; /* by number; as kern_sysent */
_Atomic(u_int) kern_enosys[KERN_NCALL];

void
kern_syscall_init(const struct sysent *table, u_int n)
{
	u_int i;

	KASSERT(n <= KERN_NCALL);
	kern_sysent = table;
	kern_nsysent = n;
	for (i = 0; i < n; i++)
		syscall_tab[i] = table[i].sy_fn;
}

/* A call that no layer above the port has.  Counted by number. */
static __noinline long
syscall_other(long nr, const uintptr_t *args)
{
	long r;

	r = md_syscall(curthread(), nr, args);
	if (r == -ENOSYS) {
		count_add(COUNT_ENOSYS, 1);
		if (nr >= 0 && nr < KERN_NCALL)
			atomic_fetch_add_explicit(&kern_enosys[nr], 1,
			    memory_order_relaxed);
	}
	return r;
}

/*
 * A signal ended the call: the frame will say EINTR, and sig_deliver()
 * decides whether it stays so.  It must have a look even if another thread
 * has taken the signal meanwhile.
 */
__noinline long
kern_interrupted(long nr, long r)
{
	struct lwp *l = curlwp();

	KASSERT(kern_restarts(r));
	md_frame_setcall(l->l_thread.td_frame, nr);
	l->l_callno = nr;
	l->l_restart = (int)-r;
	atomic_store_explicit(&l->l_thread.td_ast, true, memory_order_relaxed);
	return -EINTR;
}

long
kern_call(long nr, const uintptr_t *args)
{
	syscall_fn *fn = NULL;

	if (__predict_true((u_long)nr < KERN_NCALL))
		fn = syscall_tab[nr];
	return __predict_true(fn != NULL) ? fn(args) : syscall_other(nr, args);
}

/* That no lock is left held is asserted by thread_user_enter(). */
long
kern_syscall(long nr, const uintptr_t args[6])
{
	long r;

	count_add(COUNT_SYSCALL, 1);
	if (__predict_false(atomic_load_explicit(&curlwp()->l_systrace,
		memory_order_relaxed)))
		return ptrace_call(nr, args);
	r = kern_call(nr, args);
	if (__predict_true(!kern_restarts(r)))
		return r;
	return kern_interrupted(nr, r);
}
