/*
 * debug.c: the registers of a program as debuggers see and change them, in
 * the layout of Linux's struct user_regs_struct and user_fpregs_struct (its
 * uapi header asm/user_64.h), which for the latter is the FXSAVE image.
 *
 * The number of a system call is kept in f_err, which no call needs: -1 says
 * that the frame is not one of a call.  Stepping is the trap flag, which is
 * ours while td_md says so; otherwise it is the program's.
 */
#include "amd64.h"

#include <sys/errno.h>
#include <base/kassert.h>
#include <base/print.h>

/* Bits of the flags that a debugger may set: those a program could. */
#define FLAG_DEBUGGER                                                          \
	(0xcd5u /* CF PF AF ZF SF DF OF */ | FLAG_TF | FLAG_RF | FLAG_AC)

struct user_regs {
	uint64_t ur_r15, ur_r14, ur_r13, ur_r12, ur_rbp, ur_rbx, ur_r11;
	uint64_t ur_r10, ur_r9, ur_r8, ur_rax, ur_rcx, ur_rdx, ur_rsi, ur_rdi;
	uint64_t ur_orig_rax, ur_rip, ur_cs, ur_rflags, ur_rsp, ur_ss;
	uint64_t ur_fsbase, ur_gsbase, ur_ds, ur_es, ur_fs, ur_gs;
};
_Static_assert(sizeof(struct user_regs) == 27 * 8, "user_regs_struct");
_Static_assert(sizeof(struct user_regs) <= MD_REGSET_MAX &&
		   sizeof(struct fxsave) <= MD_REGSET_MAX,
    "MD_REGSET_MAX");

long
md_frame_callno(const struct md_frame *f)
{
	if (f->f_num != FRAME_SYSCALL && f->f_num != FRAME_FULL)
		return -1;
	return (long)f->f_err;
}

void
md_frame_setcall(struct md_frame *f, long number)
{
	KASSERT(f->f_num == FRAME_SYSCALL || f->f_num == FRAME_FULL);
	f->f_err = (uint64_t)number;
}

void
md_frame_callenter(struct md_frame *f, long number)
{
	md_frame_setcall(f, number);
	f->f_rax = (uint64_t)-ENOSYS;
}

const uintptr_t *
md_frame_callargs(const struct md_frame *f)
{
	return f->f_args;
}

long
md_frame_result(const struct md_frame *f)
{
	return (long)f->f_rax;
}

void
md_frame_setresult(struct md_frame *f, long result)
{
	f->f_rax = (uint64_t)result;
}

void
md_frame_step(struct thread *td, bool on)
{
	struct md_frame *f = td->td_frame;

	KASSERT(f == md_frame(td));
	if (on && (f->f_rflags & FLAG_TF) == 0) {
		f->f_rflags |= FLAG_TF;
		td->td_md.md_step = 1;
	} else if (!on && td->td_md.md_step != 0) {
		f->f_rflags &= ~(uint64_t)FLAG_TF;
		td->td_md.md_step = 0;
	}
}

static void
general_get(const struct thread *td, struct user_regs *ur)
{
	const struct md_frame *f = td->td_frame;

	memset(ur, 0, sizeof(*ur));
	ur->ur_r15 = f->f_r15;
	ur->ur_r14 = f->f_r14;
	ur->ur_r13 = f->f_r13;
	ur->ur_r12 = f->f_r12;
	ur->ur_rbp = f->f_rbp;
	ur->ur_rbx = f->f_rbx;
	ur->ur_r11 = f->f_r11;
	ur->ur_r10 = f->f_r10;
	ur->ur_r9 = f->f_r9;
	ur->ur_r8 = f->f_r8;
	ur->ur_rax = f->f_rax;
	ur->ur_rcx = f->f_rcx;
	ur->ur_rdx = f->f_rdx;
	ur->ur_rsi = f->f_rsi;
	ur->ur_rdi = f->f_rdi;
	ur->ur_orig_rax = (uint64_t)md_frame_callno(f);
	ur->ur_rip = f->f_rip;
	ur->ur_cs = SEL_UCODE;
	ur->ur_rflags = f->f_rflags;
	if (td->td_md.md_step != 0)
		ur->ur_rflags &= ~(uint64_t)FLAG_TF;
	ur->ur_rsp = f->f_rsp;
	ur->ur_ss = SEL_UDATA;
	ur->ur_fsbase = td->td_md.md_fsbase;
	ur->ur_gsbase = td->td_md.md_gsbase;
}

static int
general_set(struct thread *td, const struct user_regs *ur)
{
	struct md_frame *f = td->td_frame;

	if (ur->ur_cs != SEL_UCODE || ur->ur_ss != SEL_UDATA ||
	    ur->ur_rip >= VM_MAXUSER_ADDRESS ||
	    ur->ur_fsbase >= VM_MAXUSER_ADDRESS ||
	    ur->ur_gsbase >= VM_MAXUSER_ADDRESS)
		return EINVAL;
	f->f_num = FRAME_FULL;
	f->f_r15 = ur->ur_r15;
	f->f_r14 = ur->ur_r14;
	f->f_r13 = ur->ur_r13;
	f->f_r12 = ur->ur_r12;
	f->f_rbp = ur->ur_rbp;
	f->f_rbx = ur->ur_rbx;
	f->f_r11 = ur->ur_r11;
	f->f_r10 = ur->ur_r10;
	f->f_r9 = ur->ur_r9;
	f->f_r8 = ur->ur_r8;
	f->f_rax = ur->ur_rax;
	f->f_rcx = ur->ur_rcx;
	f->f_rdx = ur->ur_rdx;
	f->f_rsi = ur->ur_rsi;
	f->f_rdi = ur->ur_rdi;
	f->f_err = ur->ur_orig_rax;
	f->f_rip = ur->ur_rip;
	f->f_rflags = (ur->ur_rflags & FLAG_DEBUGGER) | FLAG_IF | FLAG_ONE;
	f->f_rsp = ur->ur_rsp;
	td->td_md.md_step = 0;
	/* Off its CPU: the switch back loads these. */
	td->td_md.md_fsbase = ur->ur_fsbase;
	td->td_md.md_gsbase = ur->ur_gsbase;
	return 0;
}

size_t
md_regset_size(u_int set)
{
	switch (set) {
	case NT_PRSTATUS:
		return sizeof(struct user_regs);
	case NT_PRFPREG:
		return sizeof(struct fxsave);
	default:
		return 0;
	}
}

void
md_regset_get(struct thread *td, u_int set, void *buf)
{
	KASSERT(td->td_frame == md_frame(td));
	if (set == NT_PRSTATUS) {
		general_get(td, buf);
		return;
	}
	KASSERT(set == NT_PRFPREG && td != md_curthread());
	memcpy(buf, thread_fpu(td), sizeof(struct fxsave));
}

int
md_regset_set(struct thread *td, u_int set, const void *buf)
{
	struct fxsave *fx = thread_fpu(td);

	KASSERT(td->td_frame == md_frame(td) && td != md_curthread());
	if (set == NT_PRSTATUS)
		return general_set(td, buf);
	KASSERT(set == NT_PRFPREG);
	/* A bit that does not exist would fault in FXRSTOR. */
	if ((((const struct fxsave *)buf)->fx_mxcsr & ~md_feat.cf_mxcsr_mask) !=
	    0)
		return EINVAL;
	memcpy(fx, buf, sizeof(*fx));
	return 0;
}
