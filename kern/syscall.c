/*
 * syscall.c: from the registers of a system call to its handler and back.
 */
#include <kern/trap.h>
#include <sys/errno.h>
#include <port/frame.h>
#include <port/machdep.h>
#include <kern/proc.h>
#include <kern/syscalls.h>

const struct fs_upcalls *kern_fs;
const struct sysent *kern_sysent;
u_int kern_nsysent;
long kern_restart_call = -1;
_Atomic(u_int) kern_enosys[KERN_NCALL];

/* A call that no layer above the port has.  Counted by number. */
static __noinline long
syscall_other(struct lwp *l, long nr, const uintptr_t *args)
{
	long r;

	r = md_syscall(&l->l_thread, nr, args);
	if (r == -ENOSYS) {
		count_add(COUNT_ENOSYS, 1);
		if (nr >= 0 && nr < KERN_NCALL)
			atomic_fetch_add_explicit(&kern_enosys[nr], 1,
			    memory_order_relaxed);
	}
	return r;
}

/*
 * A signal ended the call: the frame says EINTR, and sig_deliver() decides
 * whether it stays so.  It must have a look even if another thread has taken
 * the signal meanwhile.
 */
static __noinline void
syscall_restart(struct lwp *l, struct md_frame *f, long nr, long r)
{
	l->l_callno = nr;
	l->l_restart = (int)-r;
	md_frame_result(f, -EINTR);
	atomic_store_explicit(&l->l_thread.td_ast, true, memory_order_release);
}

void
kern_syscall(struct md_frame *f)
{
	struct lwp *l = curlwp();
	uintptr_t args[6];
	syscall_fn *fn;
	long nr, r;

	count_add(COUNT_SYSCALL, 1);
	nr = md_frame_call(f, args);
	fn = (u_long)nr < kern_nsysent ? kern_sysent[nr].sy_fn : NULL;
	r = __predict_true(fn != NULL) ? fn(args) : syscall_other(l, nr, args);
	KASSERT(lock_none());
	if (__predict_true(r > -ERESTARTSYS || r < -EJUSTRETURN))
		md_frame_result(f, r);
	else if (r != -EJUSTRETURN)
		syscall_restart(l, f, nr, r);
}

int
copyin(vaddr_t from, void *to, size_t len)
{
	KASSERT(!big_held());
	return len == 0 ? 0 : md_copyin(from, to, len);
}

int
copyout(const void *from, vaddr_t to, size_t len)
{
	KASSERT(!big_held());
	return len == 0 ? 0 : md_copyout(from, to, len);
}

int
copyinstr(vaddr_t from, char *to, size_t max, size_t *lenp)
{
	size_t len;

	KASSERT(max > 0);
	KASSERT(!big_held());
	return md_copyinstr(from, to, max, lenp != NULL ? lenp : &len);
}
