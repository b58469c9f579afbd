/*
 * frame.c: the user registers of threads, and the switch between threads.
 *
 * A thread that has a user half (td_frame) keeps its floating-point state in
 * the CPU while it runs, kernel code included, which touches none of it; a
 * switch saves it to the top of the kernel stack.  The thread pointer,
 * TPIDR_EL0, is the program's to change at any time, so it is saved too.
 */
#include "arm64.h"

#include <sys/errno.h>
#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

_Static_assert(offsetof(struct md_frame, f_sp) == F_SP && F_SP == F_X(31),
    "F_SP");
_Static_assert(offsetof(struct md_frame, f_pc) == F_PC, "F_PC");
_Static_assert(offsetof(struct md_frame, f_pstate) == F_PSTATE, "F_PSTATE");
_Static_assert(offsetof(struct md_frame, f_x0) == F_ORIG, "F_ORIG");
_Static_assert(offsetof(struct md_frame, f_kind) == F_KIND, "F_KIND");
_Static_assert(sizeof(struct md_frame) == F_SIZE && F_SIZE % 16 == 0,
    "stacks stay aligned below a frame");
_Static_assert(KSTACK_BYTES == KSTACK_SIZE && KSTACK_TOP % 16 == 0 &&
		   KSTACK_HEAD == sizeof(struct fpsimd),
    "KSTACK_TOP");
_Static_assert(VM_MAXUSER_ADDRESS == 0xfffffffff000, "copy.S: MAXUSER");

/* Length of SVC. */
#define SYSCALL_LEN 4

static const struct fpsimd fpu_initial;

struct md_frame *
md_frame(struct thread *td)
{
	return (struct md_frame *)(void *)thread_fpu(td) - 1;
}

/* Put the user half of td, which is the caller, into the CPU. */
static void
load_user(const struct thread *td)
{
	bool on = md_intr_disable();

	md_fpu_load(thread_fpu(td));
	WRITE_SYSREG(tpidr_el0, td->td_md.md_tls);
	md_intr_restore(on);
}

void
md_fpu_reset(struct thread *td)
{
	*thread_fpu(td) = fpu_initial;
	if (td == md_curthread())
		md_fpu_load(thread_fpu(td));
}

void
md_frame_exec(struct thread *td, vaddr_t pc, vaddr_t sp)
{
	struct md_frame *f = md_frame(td);

	memset(f, 0, sizeof(*f));
	f->f_kind = FRAME_FULL;
	f->f_pc = pc;
	f->f_sp = sp;

	td->td_md.md_tls = 0;
	*thread_fpu(td) = fpu_initial;
	td->td_frame = f;
	md_frame_step(td, false);
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
	f->f_kind = FRAME_FULL;
	f->f_call = 0;
	f->f_pstate &= ~PSR_SS;
	f->f_x[0] = 0;
	if (sp != 0)
		f->f_sp = sp;
	child->td_md.md_tls = settls ? tls : READ_SYSREG(tpidr_el0);
	md_fpu_save(thread_fpu(child));
	child->td_frame = f;
}

void
md_frame_enter(void)
{
	struct thread *td = md_curthread();

	KASSERT(td->td_frame == md_frame(td));
	KASSERT(td->td_frame->f_kind == FRAME_FULL);
	md_user_return(td, td->td_frame);
	md_exit_user(td->td_frame);
}

/* The result has replaced the first argument. */
void
md_frame_restart(struct md_frame *f, long number)
{
	f->f_x[0] = f->f_x0;
	f->f_x[8] = (uint64_t)number;
	f->f_pc -= SYSCALL_LEN;
	f->f_kind = FRAME_FULL;
}

/*
 * For debuggers.
 */
void
md_frame_callenter(struct md_frame *f, long number)
{
	/* The result comes where the first argument is. */
	md_frame_setcall(f, number);
}

void
md_frame_setcall(struct md_frame *f, long number)
{
	f->f_call = (uint32_t)number + 1;
	f->f_kind = FRAME_FULL;
}

long
md_frame_callno(const struct md_frame *f)
{
	return (long)(int)f->f_call - 1;
}

const uintptr_t *
md_frame_callargs(const struct md_frame *f)
{
	return f->f_args;
}

long
md_frame_result(const struct md_frame *f)
{
	return (long)f->f_x[0];
}

void
md_frame_setresult(struct md_frame *f, long result)
{
	f->f_x[0] = (uint64_t)result;
}

/* Linux's struct user_pt_regs and struct user_fpsimd_state. */
struct regset_gp {
	uint64_t rg_x[31];
	uint64_t rg_sp;
	uint64_t rg_pc;
	uint64_t rg_pstate;
};

struct regset_fp {
	uint64_t rs_v[64];
	uint32_t rs_sr;
	uint32_t rs_cr;
	uint64_t rs_pad;
};
#define NT_ARM_TLS         0x401
#define NT_ARM_SYSTEM_CALL 0x404
_Static_assert(sizeof(struct regset_fp) <= MD_REGSET_MAX, "MD_REGSET_MAX");

size_t
md_regset_size(u_int set)
{
	switch (set) {
	case NT_PRSTATUS:
		return sizeof(struct regset_gp);
	case NT_PRFPREG:
		return sizeof(struct regset_fp);
	case NT_ARM_TLS:
		return sizeof(uint64_t);
	case NT_ARM_SYSTEM_CALL:
		return sizeof(int32_t);
	default:
		return 0;
	}
}

void
md_regset_get(struct thread *td, u_int set, void *buf)
{
	const struct fpsimd *fp = thread_fpu(td);
	const struct md_frame *f = td->td_frame;
	struct regset_gp *gp = buf;
	struct regset_fp *rs = buf;

	KASSERT(md_regset_size(set) != 0);
	if (set == NT_ARM_TLS) {
		*(uint64_t *)buf = td->td_md.md_tls;
		return;
	}
	if (set == NT_ARM_SYSTEM_CALL) {
		*(int32_t *)buf = (int32_t)md_frame_callno(f);
		return;
	}
	if (set == NT_PRSTATUS) {
		memcpy(gp->rg_x, f->f_x, sizeof(gp->rg_x));
		gp->rg_sp = f->f_sp;
		gp->rg_pc = f->f_pc;
		gp->rg_pstate = f->f_pstate & ~PSR_SS;
		return;
	}
	memset(rs, 0, sizeof(*rs));
	memcpy(rs->rs_v, fp->fp_v, sizeof(rs->rs_v));
	rs->rs_sr = fp->fp_sr;
	rs->rs_cr = fp->fp_cr;
}

int
md_regset_set(struct thread *td, u_int set, const void *buf)
{
	struct md_frame *f = td->td_frame;
	struct fpsimd *fp = thread_fpu(td);
	const struct regset_gp *gp = buf;
	const struct regset_fp *rs = buf;

	KASSERT(md_regset_size(set) != 0);
	if (set == NT_ARM_TLS) {
		td->td_md.md_tls = *(const uint64_t *)buf;
		return 0;
	}
	if (set == NT_ARM_SYSTEM_CALL) {
		md_frame_setcall(f, *(const int32_t *)buf);
		return 0;
	}
	if (set == NT_PRSTATUS) {
		if ((gp->rg_pstate & (PSR_MODE | PSR_DAIF)) != 0)
			return EINVAL;
		memcpy(f->f_x, gp->rg_x, sizeof(f->f_x));
		f->f_sp = gp->rg_sp;
		f->f_pc = gp->rg_pc;
		f->f_pstate =
		    (f->f_pstate & PSR_SS) | (gp->rg_pstate & PSR_USER);
		f->f_kind = FRAME_FULL;
		return 0;
	}
	memcpy(fp->fp_v, rs->rs_v, sizeof(fp->fp_v));
	fp->fp_sr = rs->rs_sr;
	fp->fp_cr = rs->rs_cr;
	return 0;
}

/*
 * Software step (Arm ARM, D2.12): with MDSCR_EL1.SS on, a return with
 * PSTATE.SS set runs one instruction, and with it clear traps before the next.
 */
#define MDSCR_SS 1ul

void
md_frame_step(struct thread *td, bool on)
{
	td->td_md.md_step = on;
	td->td_frame->f_kind = FRAME_FULL;
	if (on)
		td->td_frame->f_pstate |= PSR_SS;
	else
		td->td_frame->f_pstate &= ~PSR_SS;
	if (td == md_curthread())
		WRITE_SYSREG(mdscr_el1, on ? MDSCR_SS : 0);
}

vaddr_t
md_frame_pc(const struct md_frame *f)
{
	return f->f_pc;
}

vaddr_t
md_frame_sp(const struct md_frame *f)
{
	return f->f_sp;
}

/*
 * Thread pointers.
 */
void
md_set_tls(struct thread *td, vaddr_t tls)
{
	td->td_md.md_tls = tls;
	if (td == md_curthread())
		WRITE_SYSREG(tpidr_el0, tls);
}

vaddr_t
md_get_tls(struct thread *td)
{
	if (td == md_curthread())
		return READ_SYSREG(tpidr_el0);
	return td->td_md.md_tls;
}

/* Linux has none for this machine. */
long
md_syscall(struct thread *td __unused, long number __unused,
    const uintptr_t args[6] __unused)
{
	return -ENOSYS;
}

/*
 * Switching.
 */
void
md_thread_init(struct thread *td, void (*fn)(void *), void *arg)
{
	/* What md_switch_stack() loads: x19 to x30. */
	uint64_t *sp = (uint64_t *)(void *)md_frame(td) - 12;

	KASSERT(((uintptr_t)td->td_kstack & 15) == 0);
	memset(sp, 0, 12 * sizeof(*sp));
	sp[0] = (uintptr_t)fn;
	sp[1] = (uintptr_t)arg;
	sp[11] = (uintptr_t)md_thread_start;
	td->td_md.md_sp = (uintptr_t)sp;
	td->td_frame = NULL;
}

void
md_switch(struct thread *from, struct thread *to)
{
	KASSERT(!md_intr_enabled());
	KASSERT(from != to);
	if (from->td_frame != NULL) {
		md_fpu_save(thread_fpu(from));
		from->td_md.md_tls = READ_SYSREG(tpidr_el0);
	}
	if (to->td_frame != NULL) {
		md_fpu_load(thread_fpu(to));
		WRITE_SYSREG(tpidr_el0, to->td_md.md_tls);
	}
	if (from->td_md.md_step != to->td_md.md_step)
		WRITE_SYSREG(mdscr_el1, to->td_md.md_step ? MDSCR_SS : 0);
	md_setcurthread(to);
	md_switch_stack(&from->td_md.md_sp, to->td_md.md_sp);
}

void
md_thread_free(struct thread *td __unused)
{
}
