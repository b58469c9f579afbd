/*
 * signal.c: signal frames, as Linux lays them out on arm64 (its uapi headers
 * asm/sigcontext.h and asm/ucontext.h; AAPCS64 for the frame record).
 *
 * The context ends in records, each with a magic number and its length; ours
 * are the floating-point registers, for a fault the syndrome, and the end.
 */
#include "arm64.h"

#include <sys/errno.h>
#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

#define RECORD_FPSIMD 0x46508001u
#define RECORD_ESR    0x45535201u
#define RECORDS_LEN   4096u

struct record {
	uint32_t rc_magic;
	uint32_t rc_len; /* with this head, a multiple of 16 */
};

struct record_fpsimd {
	struct record rf_head;
	uint32_t rf_sr;
	uint32_t rf_cr;
	uint64_t rf_v[64];
};
_Static_assert(sizeof(struct record_fpsimd) == 528, "fpsimd_context");

struct record_esr {
	struct record re_head;
	uint64_t re_esr;
};

struct sigcontext {
	uint64_t sc_fault;
	uint64_t sc_x[31];
	uint64_t sc_sp;
	uint64_t sc_pc;
	uint64_t sc_pstate;
	uint64_t sc_pad;
};

struct sigframe {
	struct abi_siginfo sf_info;
	struct {
		uint64_t uc_flags;
		uint64_t uc_link;
		struct abi_stack uc_stack;
		uint64_t uc_sigmask;
		uint64_t uc_unused[15]; /* room for 1,024 signals */
		uint64_t uc_pad;
		struct sigcontext uc_mcontext;
	} sf_uc;
	/* Of RECORDS_LEN bytes, what we write. */
	struct record_fpsimd sf_fpsimd;
	struct record_esr sf_esr;
	struct record sf_end;
	uint64_t sf_pad;
};
#define RECORDS_AT offsetof(struct sigframe, sf_fpsimd)
_Static_assert(offsetof(struct sigframe, sf_uc.uc_mcontext) == 128 + 176,
    "uc_mcontext");
_Static_assert(RECORDS_AT == 128 + 176 + 288, "records");
#define SIGFRAME_LEN (RECORDS_AT + RECORDS_LEN)

/* What a debugger or unwinder follows from x29. */
struct frame_record {
	uint64_t fr_x29;
	uint64_t fr_x30;
};

static bool
on_stack(const struct abi_stack *st, vaddr_t sp)
{
	return (st->ss_flags & SS_DISABLE) == 0 && sp > st->ss_sp &&
	       sp - st->ss_sp <= st->ss_size;
}

static void
frame_fill(struct sigframe *sf, const struct md_frame *f,
    const struct abi_siginfo *info)
{
	struct sigcontext *sc = &sf->sf_uc.uc_mcontext;
	struct record *end = &sf->sf_esr.re_head;
	struct fpsimd fp;

	memcpy(sc->sc_x, f->f_x, sizeof(sc->sc_x));
	sc->sc_sp = f->f_sp;
	sc->sc_pc = f->f_pc;
	sc->sc_pstate = f->f_pstate & ~PSR_SS;

	md_fpu_save(&fp);
	sf->sf_fpsimd.rf_head.rc_magic = RECORD_FPSIMD;
	sf->sf_fpsimd.rf_head.rc_len = sizeof(sf->sf_fpsimd);
	sf->sf_fpsimd.rf_sr = fp.fp_sr;
	sf->sf_fpsimd.rf_cr = fp.fp_cr;
	memcpy(sf->sf_fpsimd.rf_v, fp.fp_v, sizeof(sf->sf_fpsimd.rf_v));

	if ((info->si_signo == SIGSEGV || info->si_signo == SIGBUS) &&
	    info->si_code > 0 && info->si_code != SI_KERNEL) {
		sc->sc_fault = info->si_addr;
		sf->sf_esr.re_head.rc_magic = RECORD_ESR;
		sf->sf_esr.re_head.rc_len = sizeof(sf->sf_esr);
		sf->sf_esr.re_esr = f->f_esr;
		end = &sf->sf_end;
	}
	end->rc_magic = 0;
	end->rc_len = 0;
}

int
md_sendsig(struct thread *td, const struct abi_sigaction *act,
    const struct abi_siginfo *info, const struct abi_stack *altstack,
    uint64_t mask)
{
	struct md_frame *f = td->td_frame;
	struct frame_record fr = {f->f_x[29], f->f_x[30]};
	bool alt = on_stack(altstack, f->f_sp);
	vaddr_t sp = f->f_sp, link;
	struct sigframe sf;

	KASSERT(td == md_curthread());
	KASSERT(f == md_frame(td));
	if ((act->sa_flags & SA_RESTORER) == 0)
		return EFAULT;
	if (!alt && (act->sa_flags & SA_ONSTACK) != 0 &&
	    (altstack->ss_flags & SS_DISABLE) == 0) {
		sp = altstack->ss_sp + altstack->ss_size;
		alt = true;
	}
	link = rounddown2(sp - sizeof(fr), 16);
	sp = rounddown2(link - SIGFRAME_LEN, 16);
	if (alt && !on_stack(altstack, sp))
		return EFAULT;

	memset(&sf, 0, sizeof(sf));
	sf.sf_info = *info;
	sf.sf_uc.uc_stack = *altstack;
	sf.sf_uc.uc_stack.ss_pad = 0;
	sf.sf_uc.uc_sigmask = mask;
	frame_fill(&sf, f, info);
	if (md_copyout(&fr, link, sizeof(fr)) != 0 ||
	    md_copyout(&sf, sp, sizeof(sf)) != 0)
		return EFAULT;

	f->f_kind = FRAME_FULL;
	f->f_call = 0;
	f->f_x[0] = (uint64_t)info->si_signo;
	f->f_x[1] = sp + offsetof(struct sigframe, sf_info);
	f->f_x[2] = sp + offsetof(struct sigframe, sf_uc);
	f->f_x[29] = link;
	f->f_x[30] = act->sa_restorer;
	f->f_sp = sp;
	f->f_pc = act->sa_handler;
	f->f_pstate &= ~(PSR_BTYPE | PSR_TCO);
	return 0;
}

/*
 * Load the floating-point registers from the records at va.  EFAULT: they are
 * not there, or are not records.
 */
static int
records_load(vaddr_t va)
{
	struct record_fpsimd rf;
	struct fpsimd fp;
	struct record rc;
	u_int off = 0;

	while (off <= RECORDS_LEN - sizeof(rc)) {
		if (md_copyin(va + off, &rc, sizeof(rc)) != 0)
			return EFAULT;
		if (rc.rc_magic == 0)
			break;
		if (rc.rc_len < sizeof(rc) || rc.rc_len % 16 != 0 ||
		    rc.rc_len > RECORDS_LEN - off)
			return EFAULT;
		if (rc.rc_magic == RECORD_FPSIMD) {
			if (rc.rc_len != sizeof(rf) ||
			    md_copyin(va + off, &rf, sizeof(rf)) != 0)
				return EFAULT;
			fp.fp_sr = rf.rf_sr;
			fp.fp_cr = rf.rf_cr;
			memcpy(fp.fp_v, rf.rf_v, sizeof(fp.fp_v));
			md_fpu_load(&fp);
			return 0;
		}
		off += rc.rc_len;
	}
	return EFAULT;
}

int
md_sigreturn(struct thread *td, uint64_t *maskp, struct abi_stack *altp)
{
	struct md_frame *f = td->td_frame;
	struct sigframe sf;
	const struct sigcontext *sc = &sf.sf_uc.uc_mcontext;

	KASSERT(td == md_curthread());
	KASSERT(f == md_frame(td));
	if ((f->f_sp & 15) != 0 || md_copyin(f->f_sp, &sf, RECORDS_AT) != 0)
		return EFAULT;
	/* Only what a program could have set itself. */
	if ((sc->sc_pstate & (PSR_MODE | PSR_DAIF)) != 0)
		return EFAULT;
	if (records_load(f->f_sp + RECORDS_AT) != 0)
		return EFAULT;
	memcpy(f->f_x, sc->sc_x, sizeof(f->f_x));
	f->f_sp = sc->sc_sp;
	f->f_pc = sc->sc_pc;
	f->f_pstate = (f->f_pstate & PSR_SS) | (sc->sc_pstate & PSR_USER);
	f->f_kind = FRAME_FULL;
	f->f_call = 0;
	*maskp = sf.sf_uc.uc_sigmask;
	*altp = sf.sf_uc.uc_stack;
	return 0;
}

/* mov x8, #139 (rt_sigreturn); svc #0: what unwinders take for a signal. */
const void *
md_sigcode(size_t *lenp)
{
	static const uint32_t code[] = {0xd2801168, 0xd4000001};

	*lenp = sizeof(code);
	return code;
}
