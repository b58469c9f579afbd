/*
 * signal.c: signal frames, as Linux lays them out on x86-64 (its uapi
 * headers asm/ucontext.h and asm/sigcontext.h; System V ABI, AMD64
 * supplement, 3.2.2 for the red zone and the alignment at function entry).
 */
#include "amd64.h"

#include <sys/errno.h>
#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

#define RED_ZONE 128u

/* Bits of the flags that a program may set. */
#define FLAG_USER                                                              \
	(0xcd5u /* CF PF AF ZF SF DF OF */ | FLAG_TF | FLAG_RF | FLAG_AC)

/* uc_flags: ss is in the context, and is meant. */
#define UC_SIGCONTEXT_SS     0x2u
#define UC_STRICT_RESTORE_SS 0x4u

struct sigcontext {
	uint64_t sc_r8, sc_r9, sc_r10, sc_r11, sc_r12, sc_r13, sc_r14, sc_r15;
	uint64_t sc_rdi, sc_rsi, sc_rbp, sc_rbx, sc_rdx, sc_rax, sc_rcx;
	uint64_t sc_rsp, sc_rip, sc_rflags;
	uint16_t sc_cs, sc_gs, sc_fs, sc_ss;
	uint64_t sc_err, sc_trapno, sc_oldmask, sc_cr2;
	uint64_t sc_fpstate; /* user address of a struct fxsave; 0: initial */
	uint64_t sc_reserved[8];
};
_Static_assert(sizeof(struct sigcontext) == 256, "sigcontext: 256 bytes");

struct ucontext {
	uint64_t uc_flags;
	uint64_t uc_link;
	struct abi_stack uc_stack;
	struct sigcontext uc_mcontext;
	uint64_t uc_sigmask;
};

struct sigframe {
	uint64_t sf_return; /* the handler returns there: sa_restorer */
	struct ucontext sf_uc;
	struct abi_siginfo sf_info;
};
_Static_assert(offsetof(struct sigframe, sf_info) == 312, "rt_sigframe");
_Static_assert(sizeof(struct sigframe) == 440, "rt_sigframe: 440 bytes");

static bool
on_stack(const struct abi_stack *st, vaddr_t sp)
{
	return (st->ss_flags & SS_DISABLE) == 0 && sp > st->ss_sp &&
	       sp - st->ss_sp <= st->ss_size;
}

static void
context_save(struct sigcontext *sc, const struct md_frame *f)
{
	sc->sc_r8 = f->f_r8;
	sc->sc_r9 = f->f_r9;
	sc->sc_r10 = f->f_r10;
	sc->sc_r11 = f->f_r11;
	sc->sc_r12 = f->f_r12;
	sc->sc_r13 = f->f_r13;
	sc->sc_r14 = f->f_r14;
	sc->sc_r15 = f->f_r15;
	sc->sc_rdi = f->f_rdi;
	sc->sc_rsi = f->f_rsi;
	sc->sc_rbp = f->f_rbp;
	sc->sc_rbx = f->f_rbx;
	sc->sc_rdx = f->f_rdx;
	sc->sc_rax = f->f_rax;
	sc->sc_rcx = f->f_rcx;
	sc->sc_rsp = f->f_rsp;
	sc->sc_rip = f->f_rip;
	sc->sc_rflags = f->f_rflags;
	sc->sc_cs = (uint16_t)f->f_cs;
	sc->sc_ss = (uint16_t)f->f_ss;
	if (f->f_num < IRQ_BASE) {
		sc->sc_err = f->f_err;
		sc->sc_trapno = f->f_num;
	}
}

/* Only what a program could have set itself: its selectors, its flags. */
static int
context_load(struct md_frame *f, const struct sigcontext *sc)
{
	if (sc->sc_cs != SEL_UCODE || sc->sc_rip >= VM_MAXUSER_ADDRESS)
		return EFAULT;
	f->f_r8 = sc->sc_r8;
	f->f_r9 = sc->sc_r9;
	f->f_r10 = sc->sc_r10;
	f->f_r11 = sc->sc_r11;
	f->f_r12 = sc->sc_r12;
	f->f_r13 = sc->sc_r13;
	f->f_r14 = sc->sc_r14;
	f->f_r15 = sc->sc_r15;
	f->f_rdi = sc->sc_rdi;
	f->f_rsi = sc->sc_rsi;
	f->f_rbp = sc->sc_rbp;
	f->f_rbx = sc->sc_rbx;
	f->f_rdx = sc->sc_rdx;
	f->f_rax = sc->sc_rax;
	f->f_rcx = sc->sc_rcx;
	f->f_rsp = sc->sc_rsp;
	f->f_rip = sc->sc_rip;
	f->f_rflags = (sc->sc_rflags & FLAG_USER) | FLAG_IF | FLAG_ONE;
	f->f_cs = SEL_UCODE;
	f->f_ss = SEL_UDATA;
	f->f_num = FRAME_FULL;
	f->f_err = (uint64_t)-1;
	return 0;
}

int
md_sendsig(struct thread *td, const struct abi_sigaction *act,
    const struct abi_siginfo *info, const struct abi_stack *altstack,
    uint64_t mask)
{
	struct md_frame *f = td->td_frame;
	struct sigframe sf;
	struct fxsave fx;
	vaddr_t sp = f->f_rsp - RED_ZONE, fp;
	bool alt = on_stack(altstack, f->f_rsp);

	KASSERT(td == md_curthread());
	KASSERT(f == md_frame(td));
	if ((act->sa_flags & SA_RESTORER) == 0 ||
	    act->sa_handler >= VM_MAXUSER_ADDRESS)
		return EFAULT;

	if (!alt && (act->sa_flags & SA_ONSTACK) != 0 &&
	    (altstack->ss_flags & SS_DISABLE) == 0) {
		sp = altstack->ss_sp + altstack->ss_size;
		alt = true;
	}
	fp = rounddown2(sp - sizeof(fx), 64);
	sp = rounddown2(fp - sizeof(sf), 16) - 8;
	if (alt && !on_stack(altstack, sp))
		return EFAULT;

	memset(&sf, 0, sizeof(sf));
	sf.sf_return = act->sa_restorer;
	sf.sf_uc.uc_flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	sf.sf_uc.uc_stack = *altstack;
	sf.sf_uc.uc_stack.ss_pad = 0;
	context_save(&sf.sf_uc.uc_mcontext, f);
	if (info->si_signo == SIGSEGV || info->si_signo == SIGBUS)
		sf.sf_uc.uc_mcontext.sc_cr2 = info->si_addr;
	sf.sf_uc.uc_mcontext.sc_oldmask = mask;
	sf.sf_uc.uc_mcontext.sc_fpstate = fp;
	sf.sf_uc.uc_sigmask = mask;
	sf.sf_info = *info;

	memset(&fx, 0, sizeof(fx));
	fxsave(&fx);
	if (md_copyout(&fx, fp, sizeof(fx)) != 0 ||
	    md_copyout(&sf, sp, sizeof(sf)) != 0)
		return EFAULT;

	f->f_num = FRAME_FULL;
	f->f_err = (uint64_t)-1;
	f->f_rdi = (uint64_t)info->si_signo;
	f->f_rsi = sp + offsetof(struct sigframe, sf_info);
	f->f_rdx = sp + offsetof(struct sigframe, sf_uc);
	f->f_rax = 0;
	f->f_rip = act->sa_handler;
	f->f_rsp = sp;
	f->f_rflags &= ~(uint64_t)(FLAG_DF | FLAG_RF | FLAG_TF);
	f->f_cs = SEL_UCODE;
	f->f_ss = SEL_UDATA;
	return 0;
}

int
md_sigreturn(struct thread *td, uint64_t *maskp, struct abi_stack *altp)
{
	struct md_frame *f = td->td_frame;
	struct ucontext uc;
	struct fxsave fx;
	vaddr_t sp;

	KASSERT(td == md_curthread());
	KASSERT(f == md_frame(td));

	/* The handler's return took sf_return off the stack. */
	sp = f->f_rsp - sizeof(uint64_t);
	if (md_copyin(sp + offsetof(struct sigframe, sf_uc), &uc, sizeof(uc)) !=
	    0)
		return EFAULT;
	if (uc.uc_mcontext.sc_fpstate == 0)
		md_fpu_reset(td);
	else {
		if (md_copyin(uc.uc_mcontext.sc_fpstate, &fx, sizeof(fx)) != 0)
			return EFAULT;
		/* A bit that does not exist would fault in FXRSTOR. */
		fx.fx_mxcsr &= md_feat.cf_mxcsr_mask;
		fxrstor(&fx);
	}
	if (context_load(f, &uc.uc_mcontext) != 0)
		return EFAULT;
	*maskp = uc.uc_sigmask;
	*altp = uc.uc_stack;
	return 0;
}

const void *
md_sigcode(size_t *lenp)
{
	*lenp = 0;
	return NULL;
}
