/*
 * trap.c: exceptions, interrupts and system calls, called by vectors.S.
 *
 * From user mode, everything runs on the thread's kernel stack and ends in
 * md_user_return().  From kernel mode an exception is either the fault of a
 * copy routine, which the kernel above may resolve, or a panic.
 *
 * An entry masks everything.  Handlers open SError and FIQ at once and IRQ
 * when they can; a FIQ is how a panicking CPU stops the others where the
 * GIC allows it (gic.c), and does not return.
 */
#include "arm64.h"

#include <sys/errno.h>
#include <base/kassert.h>
#include <base/print.h>
#include <kern/trap.h>
#include <port/machdep.h>

/* ISS of an abort: Arm ARM, D17.2, ESR_EL1, "ISS encoding for an exception
 * from a Data Abort". */
#define ISS_WNR       0x40u
#define ISS_CM        0x100u
#define ISS_FNV       0x400u
#define ISS_FSC       0x3fu
#define FSC_ADDRESS   0x00u /* and a level in two bits */
#define FSC_TRANSLATE 0x04u
#define FSC_ACCESS    0x08u
#define FSC_RIGHTS    0x0cu
#define FSC_ALIGN     0x21u

/* More of Linux's si_code values than <sys/abi.h> needs elsewhere. */
#define FPE_FLTDIV  3
#define FPE_FLTOVF  4
#define FPE_FLTUND  5
#define FPE_FLTRES  6
#define TRAP_HWBKPT 4

static inline void
intr_on(void)
{
	__asm__ volatile("msr daifclr, #7" : : : "memory");
}

static inline void
intr_off(void)
{
	__asm__ volatile("msr daifset, #7" : : : "memory");
}

/* SError and FIQ, in a handler of interrupts. */
static inline void
fiq_on(void)
{
	__asm__ volatile("msr daifclr, #5" : : : "memory");
}

static const char *
exception_name(u_int ec)
{
	switch (ec) {
	case EC_UNKNOWN:
		return "undefined instruction";
	case EC_ILLEGAL:
		return "illegal state";
	case EC_IABT:
		return "instruction abort";
	case EC_PCALIGN:
		return "misaligned pc";
	case EC_DABT:
		return "data abort";
	case EC_SPALIGN:
		return "misaligned stack";
	case EC_SERROR:
		return "SError";
	case EC_BRK:
		return "breakpoint";
	default:
		return "exception";
	}
}

static __attribute__((noreturn)) void
trap_panic(const struct md_frame *f)
{
	u_int ec = (u_int)(f->f_esr >> 26) & 0x3f, i;

	kprintf("%s: esr %#lx far %#lx ttbr0 %#lx\n", exception_name(ec),
	    f->f_esr, READ_SYSREG(far_el1), READ_SYSREG(ttbr0_el1));
	kprintf("pc %016lx sp %016lx pstate %08lx\n", f->f_pc, f->f_sp,
	    f->f_pstate);
	for (i = 0; i < nitems(f->f_x); i += 4) {
		if (i + 3 < nitems(f->f_x))
			kprintf("x%-2u %016lx %016lx %016lx %016lx\n", i,
			    f->f_x[i], f->f_x[i + 1], f->f_x[i + 2],
			    f->f_x[i + 3]);
		else
			kprintf("x%-2u %016lx %016lx %016lx\n", i, f->f_x[i],
			    f->f_x[i + 1], f->f_x[i + 2]);
	}
	panic("%s in the kernel at %#lx", exception_name(ec), f->f_pc);
}

void
md_trap_never(struct md_frame *f)
{
	trap_panic(f);
}

static vm_prot_t
fault_access(uint64_t esr)
{
	u_int ec = (u_int)(esr >> 26);

	if (ec == EC_IABT || ec == EC_IABT_EL0)
		return PROT_EXEC;
	/* Cache maintenance reports itself as a write, and needs to read. */
	return (esr & (ISS_WNR | ISS_CM)) == ISS_WNR ? PROT_WRITE : PROT_READ;
}

/* Whether an abort is one that the page tables answer. */
static bool
fault_resolvable(uint64_t esr)
{
	u_int kind = esr & ISS_FSC & ~3u;

	return kind == FSC_TRANSLATE || kind == FSC_ACCESS ||
	       kind == FSC_RIGHTS;
}

/* An abort of a program that is no page fault.  Interrupts on. */
static void
user_abort(struct md_frame *f, uint64_t esr, vaddr_t va)
{
	if ((esr & ISS_FSC) == FSC_ALIGN)
		kern_user_trap(f, SIGBUS, BUS_ADRALN, va);
	else if ((esr & ISS_FSC & ~3u) == FSC_ADDRESS)
		kern_user_trap(f, SIGSEGV, SEGV_MAPERR, va);
	else
		kern_user_trap(f, SIGBUS, BUS_OBJERR, va);
}

/* ISS of a trapped floating-point exception: IOF DZF OFF UFF IXF. */
static int
fpe_code(uint64_t esr)
{
	if ((esr & 0x01) != 0)
		return FPE_FLTINV;
	if ((esr & 0x02) != 0)
		return FPE_FLTDIV;
	if ((esr & 0x04) != 0)
		return FPE_FLTOVF;
	if ((esr & 0x08) != 0)
		return FPE_FLTUND;
	if ((esr & 0x10) != 0)
		return FPE_FLTRES;
	return SI_KERNEL;
}

/* Any exception of a program but a page fault.  Interrupts on. */
static __noinline void
user_exception(struct md_frame *f, uint64_t esr, vaddr_t far)
{
	switch (esr >> 26 & 0x3f) {
	case EC_IABT_EL0:
	case EC_DABT_EL0:
		user_abort(f, esr, far);
		break;
	case EC_PCALIGN:
		kern_user_trap(f, SIGBUS, BUS_ADRALN, far);
		break;
	case EC_SPALIGN:
		kern_user_trap(f, SIGBUS, BUS_ADRALN, f->f_sp);
		break;
	case EC_FPEXC:
		kern_user_trap(f, SIGFPE, fpe_code(esr), f->f_pc);
		break;
	case EC_BRK:
		kern_user_trap(f, SIGTRAP, TRAP_BRKPT, f->f_pc);
		break;
	case EC_BREAK:
	case EC_WATCH:
		kern_user_trap(f, SIGTRAP, TRAP_HWBKPT, f->f_pc);
		break;
	case EC_STEP:
		kern_user_trap(f, SIGTRAP, TRAP_TRACE, f->f_pc);
		break;
	default:
		kern_user_trap(f, SIGILL, ILL_ILLOPC, f->f_pc);
		break;
	}
}

static void
interrupt(void)
{
	uint32_t ack;
	u_int id;

	cpu_intr_enter();
	while ((id = (ack = md_gic_ack()) & 1023) != GIC_NONE) {
		if (id < MD_NIPI) {
			/* Done first: the kind may come again meanwhile. */
			md_gic_eoi(ack);
			cpu_ipi(id);
			continue;
		}
		if (id == md_hw.hw_timerirq)
			md_clock_intr();
		else
			md_intr_device(id);
		md_gic_eoi(ack);
	}
	cpu_intr_exit();
}

void
md_fiq(struct md_frame *f)
{
	/* ICC_IAR0_EL1: of group 0 there is only MD_IPI_STOP. */
	if ((READ_SYSREG(S3_0_C12_C8_0) & 0xffffff) != MD_IPI_STOP)
		return;
	if (!atomic_load_explicit(&panicking, memory_order_relaxed))
		panic("FIQ at %#lx", f->f_pc);
	cpu_ipi(MD_IPI_STOP);
}

void
md_user_return(struct thread *td, struct md_frame *f)
{
	KASSERT(td->td_frame == f);
	KASSERT((f->f_pstate & (PSR_MODE | PSR_DAIF)) == 0);
	for (;;) {
		intr_off();
		if (!md_ast_need(td))
			break;
		intr_on();
		kern_ast(f);
	}
	thread_user_enter(td);
}

/* The usual way out, where there is nothing to do but go. */
static inline void
user_leave(struct thread *td, struct md_frame *f)
{
	intr_off();
	if (__predict_true(!md_ast_need(td)))
		thread_user_enter(td);
	else
		md_user_return(td, f);
}

void
md_trap_syscall(struct md_frame *f)
{
	struct thread *td = md_curthread();
	long result;

	thread_user_exit(td);
	intr_on();
	result = kern_syscall((long)(int)f->f_x[8], f->f_args);
	if (__predict_true(result != -EJUSTRETURN))
		f->f_x[0] = (uint64_t)result;
	user_leave(td, f);
}

void
md_trap_user(struct md_frame *f)
{
	struct thread *td = md_curthread();
	uint64_t esr = f->f_esr;
	u_int ec = (u_int)(esr >> 26) & 0x3f;
	vaddr_t far = READ_SYSREG(far_el1);

	thread_user_exit(td);
	intr_on();
	if (__predict_true((ec == EC_DABT_EL0 || ec == EC_IABT_EL0) &&
			   fault_resolvable(esr)))
		kern_user_fault(f, far, fault_access(esr));
	else
		user_exception(f, esr, far);
	user_leave(td, f);
}

void
md_irq_user(struct md_frame *f)
{
	struct thread *td = md_curthread();

	fiq_on();
	thread_user_exit(td);
	interrupt();
	user_leave(td, f);
}

void
md_irq_kernel(struct md_frame *f __unused)
{
	fiq_on();
	interrupt();
}

/* A page fault in the kernel, interrupts off. */
static void
kernel_fault(struct md_frame *f, vaddr_t va)
{
	uintptr_t to = md_fixup(f->f_pc);

	if (to == 0 || va >= VM_MAXUSER_ADDRESS || !fault_resolvable(f->f_esr))
		trap_panic(f);
	/* A copy under a spin lock or in an interrupt handler: our bug. */
	if ((f->f_pstate & MD_DAIF_I) != 0)
		trap_panic(f);
	intr_on();
	if (kern_copy_fault(va, fault_access(f->f_esr)) != 0)
		f->f_pc = to;
	intr_off();
}

void
md_trap_kernel(struct md_frame *f)
{
	u_int ec = (u_int)(f->f_esr >> 26) & 0x3f;
	uintptr_t to;

	if (ec == EC_DABT) {
		kernel_fault(f, READ_SYSREG(far_el1));
		return;
	}
	/* A semihosting call without a host. */
	to = ec == EC_UNKNOWN ? md_fixup(f->f_pc) : 0;
	if (to == 0)
		trap_panic(f);
	f->f_pc = to;
}
