/*
 * frame.c: the user registers of threads, and the switch between threads.
 *
 * A thread that has a user half (td_frame) keeps its floating-point state in
 * the CPU while it runs, kernel code included, which touches none of it; a
 * switch saves it to the top of the kernel stack.  The bases of FS and GS are
 * only ever set through here (FSGSBASE is off), so a switch loads and never
 * saves them.
 */
#include "amd64.h"

#include <sys/errno.h>
#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

_Static_assert(offsetof(struct md_frame, f_rbp) == F_RBP, "F_RBP");
_Static_assert(offsetof(struct md_frame, f_rax) == F_RAX, "F_RAX");
_Static_assert(offsetof(struct md_frame, f_rdi) == F_RDI, "F_RDI");
_Static_assert(offsetof(struct md_frame, f_r10) == F_R10 &&
		   F_R10 == F_RDI + 3 * 8 && F_R9 == F_RDI + 5 * 8,
    "arguments in order");
_Static_assert(offsetof(struct md_frame, f_num) == F_NUM, "F_NUM");
_Static_assert(offsetof(struct md_frame, f_rip) == F_RIP, "F_RIP");
_Static_assert(offsetof(struct md_frame, f_ss) == F_SS, "F_SS");
_Static_assert(sizeof(struct md_frame) == F_SIZE && F_SIZE % 16 == 0,
    "stacks stay aligned below a frame");
_Static_assert(KSTACK_TOP + KSTACK_HEAD == KSTACK_SIZE &&
		   KSTACK_HEAD == sizeof(struct fxsave),
    "KSTACK_TOP");
_Static_assert(VM_MAXUSER_ADDRESS == 0x7ffffffff000, "copy.S: MAXUSER");

/* Codes of arch_prctl(), and its number. */
#define SYS_ARCH_PRCTL 158
#define ARCH_SET_GS    0x1001
#define ARCH_SET_FS    0x1002
#define ARCH_GET_FS    0x1003
#define ARCH_GET_GS    0x1004

/* Length of SYSCALL. */
#define SYSCALL_LEN 2

/* What FNINIT and reset leave (SDM vol. 1, 8.1.5 and 10.2.3). */
static const struct fxsave fpu_initial = {
    .fx_fcw = 0x037f,
    .fx_mxcsr = 0x1f80,
};

struct md_frame *
md_frame(struct thread *td)
{
	return (
	    struct md_frame *)(thread_stacktop(td) - sizeof(struct md_frame));
}

/* Put the user half of td, which is the caller, into the CPU. */
static void
load_user(const struct thread *td)
{
	bool on = md_intr_disable();

	fxrstor(thread_fpu(td));
	wrmsr(MSR_FS_BASE, td->td_md.md_fsbase);
	wrmsr(MSR_KGS_BASE, td->td_md.md_gsbase);
	md_cpu_kstack(md_mycpu(), td);
	md_intr_restore(on);
}

void
md_fpu_reset(struct thread *td)
{
	*thread_fpu(td) = fpu_initial;
	if (td == md_curthread())
		fxrstor(thread_fpu(td));
}

void
md_frame_exec(struct thread *td, vaddr_t pc, vaddr_t sp)
{
	struct md_frame *f = md_frame(td);

	memset(f, 0, sizeof(*f));
	f->f_num = FRAME_FULL;
	f->f_err = (uint64_t)-1;
	f->f_rip = pc < VM_MAXUSER_ADDRESS ? pc : 0;
	f->f_cs = SEL_UCODE;
	f->f_rflags = FLAG_IF | FLAG_ONE;
	f->f_rsp = sp;
	f->f_ss = SEL_UDATA;

	td->td_md.md_fsbase = 0;
	td->td_md.md_gsbase = 0;
	td->td_md.md_step = 0;
	*thread_fpu(td) = fpu_initial;
	td->td_frame = f;
	if (td == md_curthread())
		load_user(td);
}

void
md_frame_fork(struct thread *child, vaddr_t sp, bool settls, vaddr_t tls)
{
	struct thread *parent = md_curthread();
	struct md_frame *f = md_frame(child);

	KASSERT(child != parent);
	KASSERT(parent->td_frame == md_frame(parent));
	*f = *parent->td_frame;
	f->f_num = FRAME_FULL;
	f->f_err = (uint64_t)-1;
	f->f_rax = 0;
	if (parent->td_md.md_step != 0)
		f->f_rflags &= ~(uint64_t)FLAG_TF;
	if (sp != 0)
		f->f_rsp = sp;
	child->td_md.md_fsbase = parent->td_md.md_fsbase;
	child->td_md.md_gsbase = parent->td_md.md_gsbase;
	if (settls)
		md_set_tls(child, tls);
	fxsave(thread_fpu(child));
	child->td_frame = f;
}

void
md_frame_enter(void)
{
	struct thread *td = md_curthread();

	KASSERT(td->td_frame == md_frame(td));
	KASSERT(td->td_frame->f_num == FRAME_FULL);
	md_user_return(td, td->td_frame);
	md_exit_user(td->td_frame);
}

void
md_frame_restart(struct md_frame *f, long number)
{
	f->f_rax = (uint64_t)number;
	f->f_rip -= SYSCALL_LEN;
}

vaddr_t
md_frame_pc(const struct md_frame *f)
{
	return f->f_rip;
}

vaddr_t
md_frame_sp(const struct md_frame *f)
{
	return f->f_rsp;
}

/*
 * Thread pointers.
 */
void
md_set_tls(struct thread *td, vaddr_t tls)
{
	td->td_md.md_fsbase = tls < VM_MAXUSER_ADDRESS ? tls : 0;
	if (td == md_curthread())
		wrmsr(MSR_FS_BASE, td->td_md.md_fsbase);
}

vaddr_t
md_get_tls(struct thread *td)
{
	return td->td_md.md_fsbase;
}

long
md_syscall(struct thread *td, long number, const uintptr_t args[6])
{
	KASSERT(td == md_curthread());
	if (number != SYS_ARCH_PRCTL)
		return -ENOSYS;

	switch (args[0]) {
	case ARCH_SET_FS:
		if (args[1] >= VM_MAXUSER_ADDRESS)
			return -EPERM;
		md_set_tls(td, args[1]);
		return 0;
	case ARCH_SET_GS:
		if (args[1] >= VM_MAXUSER_ADDRESS)
			return -EPERM;
		td->td_md.md_gsbase = args[1];
		wrmsr(MSR_KGS_BASE, args[1]);
		return 0;
	case ARCH_GET_FS:
		return -md_copyout(&td->td_md.md_fsbase, args[1],
		    sizeof(td->td_md.md_fsbase));
	case ARCH_GET_GS:
		return -md_copyout(&td->td_md.md_gsbase, args[1],
		    sizeof(td->td_md.md_gsbase));
	default:
		return -EINVAL;
	}
}

/*
 * Switching.
 */
void
md_thread_init(struct thread *td, void (*fn)(void *), void *arg)
{
	uint64_t *sp = (uint64_t *)(void *)md_frame(td);

	KASSERT(((uintptr_t)td->td_kstack & PAGE_MASK) == 0);

	/*
	 * What md_switch_stack() pops, and where it returns to.  The call of fn
	 * is then made with the stack at the frame, on a multiple of 16, as
	 * the ABI wants it and fxsave in a callee needs it.
	 */
	*--sp = (uintptr_t)md_thread_start;
	*--sp = 0;              /* rbp: the call chain ends */
	*--sp = (uintptr_t)fn;  /* rbx */
	*--sp = (uintptr_t)arg; /* r12 */
	*--sp = 0;              /* r13 */
	*--sp = 0;              /* r14 */
	*--sp = 0;              /* r15 */
	td->td_md.md_sp = (uintptr_t)sp;
	td->td_frame = NULL;
}

void
md_switch(struct thread *from, struct thread *to)
{
	KASSERT(!md_intr_enabled());
	KASSERT(from != to);
	if (from->td_frame != NULL)
		fxsave(thread_fpu(from));
	if (to->td_frame != NULL)
		load_user(to);
	md_setcurthread(to);
	md_switch_stack(&from->td_md.md_sp, to->td_md.md_sp);
}

void
md_thread_free(struct thread *td __unused)
{
}
