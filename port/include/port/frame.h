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
 * A system call as a debugger sees it.  The frame remembers the number of
 * the call that it entered the kernel with; -1: none.
 *
 * md_frame_callenter: the call number is about to be made: the number is
 *	shown, and (where the result has a register of its own) ENOSYS is its
 *	result so far.
 * md_frame_setcall: the number alone, for a frame that was replaced meanwhile
 *	(exec) or that is interrupted.
 * md_frame_callno: the number, which the debugger may have changed.
 * md_frame_callargs: the six arguments; valid while the frame is.
 * md_frame_result, md_frame_setresult: what the program will be given.
 */
void md_frame_callenter(struct md_frame *f, long number);
void md_frame_setcall(struct md_frame *f, long number);
long md_frame_callno(const struct md_frame *f);
const uintptr_t *md_frame_callargs(const struct md_frame *f);
long md_frame_result(const struct md_frame *f);
void md_frame_setresult(struct md_frame *f, long result);

/*
 * All registers, in Linux's layouts (elf_gregset_t, elf_fpregset_t), of a
 * thread that is in the kernel and off its CPU, or the caller's own general
 * ones.  set is an ELF note type: NT_PRSTATUS or NT_PRFPREG.
 *
 * md_regset_size: bytes of that set; 0: the machine does not have it.
 * md_regset_get: copy it to buf.
 * md_regset_set: make it what buf says.  Privileged bits are not believed;
 *	EINVAL: what is there is impossible, nothing was changed.
 * md_frame_step: from now on (or no longer) td takes a SIGTRAP after each
 *	instruction, in a way that registers and signal frames do not show.
 */
#define NT_PRSTATUS   1
#define NT_PRFPREG    2
#define MD_REGSET_MAX 544 /* bytes of the largest */
size_t md_regset_size(u_int set);
void md_regset_get(struct thread *td, u_int set, void *buf);
int md_regset_set(struct thread *td, u_int set, const void *buf);
void md_frame_step(struct thread *td, bool on);

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

/*
 * What a handler returns to when the program brings nothing of its own
 * (SA_RESTORER): code for a page that every program has.  NULL: the ABI of
 * this machine makes programs bring it.
 */
const void *md_sigcode(size_t *lenp);

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
