/*
 * frame.h: the user registers of a thread inside the kernel.
 *
 * A struct md_frame lies at the top of the kernel stack of every thread
 * that has a user half.  Only the port knows its fields; these calls are all
 * the rest of the kernel can do to it.  None may be made for a thread that is
 * running in user mode on some CPU.
 */
#ifndef PORT_FRAME_H
#define PORT_FRAME_H

#include <sys/types.h>
#include <sys/abi.h>

struct md_frame;
struct thread;

/* The frame of td. */
struct md_frame *md_frame(struct thread *td);

/*
 * md_frame_exec: all registers as a fresh program image expects them: zero,
 *	but for the program counter and stack pointer.  Thread pointer zero,
 *	floating-point state initial.
 * md_frame_fork: child's frame, thread pointer and floating-point state as
 *	parent's (the caller), system call result 0; stack pointer sp if not
 *	0; thread pointer tls if settls.
 * md_frame_enter: leave the kernel through the frame of the caller.  The
 *	last act of a new thread; interrupts may be on.
 */
void md_frame_exec(struct thread *td, vaddr_t pc, vaddr_t sp);
void md_frame_fork(struct thread *child, vaddr_t sp, bool settls, vaddr_t tls);
__attribute__((noreturn)) void md_frame_enter(void);

/* Put the frame back before its system call instruction, with call number. */
void md_frame_restart(struct md_frame *f, long number);

vaddr_t md_frame_pc(const struct md_frame *f);
vaddr_t md_frame_sp(const struct md_frame *f);

/*
 * md_sendsig: push a signal frame as Linux lays it out for this machine and
 *	point the registers at the handler.  mask is what sigreturn restores.
 *	The alternate stack is used when act asks and the thread has one
 *	that it is not on.  EFAULT: the stack cannot take the frame; nothing
 *	changed but perhaps user memory.
 * md_sigreturn: undo it, from the frame at the user stack pointer.  The
 *	privileged bits of saved registers are not believed.  EFAULT: the
 *	frame cannot be read or is impossible.
 */
int md_sendsig(struct thread *td, const struct abi_sigaction *act,
    const struct abi_siginfo *info, const struct abi_stack *altstack,
    uint64_t mask);
int md_sigreturn(struct thread *td, uint64_t *maskp, struct abi_stack *altp);

/* Thread pointers: arch_prctl() on amd64, clone() everywhere. */
void md_set_tls(struct thread *td, vaddr_t tls);
vaddr_t md_get_tls(struct thread *td);

/*
 * Machine-dependent system calls (arch_prctl on amd64).  Returns a value or
 * -errno; -ENOSYS for a number that is none of the port's.
 */
long md_syscall(struct thread *td, long number, const uintptr_t args[6]);

/* AT_HWCAP, AT_HWCAP2 and the AT_PLATFORM string for exec. */
u_long md_hwcap(void);
u_long md_hwcap2(void);
const char *md_platform(void);

/* One /proc/cpuinfo stanza for cpu into buf; the length it has or would. */
size_t md_cpuinfo(u_int cpu, char *buf, size_t len);

#endif
