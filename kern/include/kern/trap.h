/*
 * trap.h: what the machine calls when a user program enters the kernel, and
 * where the kernel begins.
 */
#ifndef KERN_TRAP_H
#define KERN_TRAP_H

#include <sys/errno.h>
#include <sys/types.h>
#include <pmap/pmap.h>

struct md_frame;
struct thread;

/* What the boot code found; strings and ranges stay valid. */
struct bootinfo {
	const char *bi_cmdline; /* 'k=v k=v ...' */
	paddr_t bi_initrd;      /* initramfs (newc cpio), reserved in phys */
	size_t bi_initrdlen;    /* 0: none */
};

/*
 * kern_main: the boot CPU's thread becomes the kernel.  base, phys and pmap
 *	are up, interrupts are off, other CPUs not started.  Never returns.
 */
__attribute__((noreturn)) void kern_main(const struct bootinfo *bi);

/*
 * From user mode, interrupts on, on the thread's kernel stack:
 * kern_syscall: do call number with its six arguments, which may lie in the
 *	frame.  The value or -errno to store in the frame as its result, before
 *	kern_ast(); -EJUSTRETURN: the call replaced the frame, store nothing.
 * kern_user_fault: a user access to va was refused by the MMU; access is
 *	PROT_READ, PROT_WRITE or PROT_EXEC.  Resolves it or posts a signal.
 * kern_user_trap: any other exception, as a signal with code and address.
 * kern_ast: before each return to user mode while td_ast is set or a
 *	switch is due; signals, stops, exit.  Called with interrupts on; the
 *	port calls again until neither holds with interrupts off.
 */
long kern_syscall(long number, const uintptr_t args[6]);
void kern_user_fault(struct md_frame *f, vaddr_t va, vm_prot_t access);
void kern_user_trap(struct md_frame *f, int sig, int code, vaddr_t addr);
void kern_ast(struct md_frame *f);

/*
 * The parts of kern_syscall(), for a call that is traced:
 * kern_call: make the call.
 * kern_restarts: what it returned says that a signal interrupted it.
 * kern_interrupted: then this is to be done, and its value stored.
 */
long kern_call(long number, const uintptr_t *args);
static inline bool
kern_restarts(long r)
{
	return r <= -ERESTARTSYS && r > -EJUSTRETURN;
}
long kern_interrupted(long number, long r);

/*
 * kern_copy_fault: a user-copy instruction in the kernel faulted at user
 *	address va.  0: try again; else an errno, and the copy fails.
 *	Interrupts on.
 */
int kern_copy_fault(vaddr_t va, vm_prot_t access);

#endif
