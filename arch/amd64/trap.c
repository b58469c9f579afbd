/*
 * trap.c: exceptions, interrupts and system calls, called by vectors.S.
 *
 * From user mode, everything runs on the thread's kernel stack and ends in
 * md_user_return().  From kernel mode an exception is either the fault of a
 * copy routine, which the kernel above may resolve, or a panic.
 */
#include "amd64.h"

#include <sys/errno.h>
#include <base/kassert.h>
#include <base/print.h>
#include <kern/trap.h>
#include <port/machdep.h>

/* Error code of a page fault (SDM vol. 3, 4.7). */
#define PF_PRESENT 0x01u
#define PF_WRITE   0x02u
#define PF_USER    0x04u
#define PF_RSVD    0x08u
#define PF_INSN    0x10u

#define DR6_STEP 0x4000u

/* More of Linux's si_code values than <sys/abi.h> needs elsewhere. */
#define FPE_INTOVF 2
#define FPE_FLTDIV 3
#define FPE_FLTOVF 4
#define FPE_FLTUND 5
#define FPE_FLTRES 6

/*
 * What each exception is called, and which signal it is to a program, with
 * Linux's code; at: the address is that of the instruction.
 */
static const struct {
	const char *name;
	uint8_t sig;
	uint8_t code;
	bool at;
} exceptions[IRQ_BASE] = {
    [0] = {"divide error", SIGFPE, FPE_INTDIV, true},
    [1] = {"debug", SIGTRAP, TRAP_BRKPT, true},
    [2] = {"NMI", 0, 0, false},
    [3] = {"breakpoint", SIGTRAP, SI_KERNEL, false},
    [4] = {"overflow", SIGSEGV, SI_KERNEL, false},
    [5] = {"bound range", SIGSEGV, SI_KERNEL, false},
    [6] = {"invalid opcode", SIGILL, ILL_ILLOPN, true},
    [7] = {"no FPU", SIGILL, ILL_ILLOPN, true},
    [8] = {"double fault", 0, 0, false},
    [9] = {"FPU segment overrun", SIGFPE, SI_KERNEL, false},
    [10] = {"invalid TSS", SIGSEGV, SI_KERNEL, false},
    [11] = {"segment not present", SIGBUS, SI_KERNEL, false},
    [12] = {"stack segment fault", SIGBUS, SI_KERNEL, false},
    [13] = {"general protection", SIGSEGV, SI_KERNEL, false},
    [14] = {"page fault", SIGSEGV, SEGV_MAPERR, false},
    [16] = {"x87 error", SIGFPE, 0, true},
    [17] = {"alignment check", SIGBUS, BUS_ADRALN, false},
    [18] = {"machine check", 0, 0, false},
    [19] = {"SIMD error", SIGFPE, 0, true},
};

static const char *
exception_name(uint64_t num)
{
	if (num < nitems(exceptions) && exceptions[num].name != NULL)
		return exceptions[num].name;
	return "unexpected vector";
}

static __attribute__((noreturn)) void
trap_panic(const struct md_frame *f)
{
	kprintf("%s: vector %lu error %#lx cr2 %#lx cr3 %#lx\n",
	    exception_name(f->f_num), f->f_num, f->f_err, read_cr2(),
	    read_cr3());
	kprintf("rip %02lx:%016lx rsp %02lx:%016lx flags %08lx\n", f->f_cs,
	    f->f_rip, f->f_ss, f->f_rsp, f->f_rflags);
	kprintf("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", f->f_rax,
	    f->f_rbx, f->f_rcx, f->f_rdx);
	kprintf("rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", f->f_rsi,
	    f->f_rdi, f->f_rbp, f->f_r8);
	kprintf("r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", f->f_r9,
	    f->f_r10, f->f_r11, f->f_r12);
	kprintf("r13 %016lx r14 %016lx r15 %016lx\n", f->f_r13, f->f_r14,
	    f->f_r15);
	panic("%s in the kernel at %#lx", exception_name(f->f_num), f->f_rip);
}

static vm_prot_t
fault_access(uint64_t err)
{
	if ((err & PF_INSN) != 0)
		return PROT_EXEC;
	return (err & PF_WRITE) != 0 ? PROT_WRITE : PROT_READ;
}

/* The first unmasked exception of an FPU status, as Linux tells it. */
static int
fpe_code(uint32_t raised)
{
	if ((raised & 0x01) != 0)
		return FPE_FLTINV;
	if ((raised & 0x04) != 0)
		return FPE_FLTDIV;
	if ((raised & 0x08) != 0)
		return FPE_FLTOVF;
	if ((raised & 0x12) != 0)
		return FPE_FLTUND;
	if ((raised & 0x20) != 0)
		return FPE_FLTRES;
	return SI_KERNEL;
}

/* Any exception of a program but a page fault.  Interrupts on. */
static void
user_exception(struct md_frame *f, uint64_t dr6)
{
	struct fxsave fx;
	uint64_t num = f->f_num;
	int code;

	KASSERT(num < IRQ_BASE);
	if (exceptions[num].sig == 0) {
		kern_user_trap(f, SIGSEGV, SI_KERNEL, 0);
		return;
	}
	code = exceptions[num].code;
	switch (num) {
	case 1:
		if ((dr6 & DR6_STEP) != 0)
			code = TRAP_TRACE;
		break;
	case 16:
		fxsave(&fx);
		code = fpe_code(fx.fx_fsw & ~fx.fx_fcw & 0x3fu);
		break;
	case 19:
		fxsave(&fx);
		code = fpe_code(fx.fx_mxcsr & ~(fx.fx_mxcsr >> 7) & 0x3f);
		break;
	}
	kern_user_trap(f, exceptions[num].sig, code,
	    exceptions[num].at ? f->f_rip : 0);
}

static void
interrupt(uint64_t num)
{
	cpu_intr_enter();
	switch (num) {
	case VEC_TIMER:
		md_lapic_eoi();
		md_lapic_timer();
		break;
	case VEC_IPI + MD_IPI_TLB:
	case VEC_IPI + MD_IPI_RESCHED:
		md_lapic_eoi();
		cpu_ipi((u_int)num - VEC_IPI);
		break;
	case VEC_COM1:
		md_console_intr();
		md_pic_eoi();
		md_lapic_eoi();
		break;
	case VEC_SPURIOUS: /* SDM vol. 3, 11.9: no EOI */
	case IRQ_BASE + 7: /* nor for the 8259's */
	case IRQ_BASE + 15:
		break;
	default:
		md_lapic_eoi();
		if (num >= VEC_MSI && num < VEC_MSI + NMSI)
			md_msi_intr((u_int)num - VEC_MSI);
		break;
	}
	cpu_intr_exit();
}

/* Bits 47 on are zero, by the upper half alone. */
static inline bool
rip_canonical(const struct md_frame *f)
{
	return (uint32_t)(f->f_rip >> 32) < 0x8000;
}

void
md_user_return(struct thread *td, struct md_frame *f)
{
	KASSERT(td->td_frame == f);
	for (;;) {
		intr_off();
		if (md_ast_need(td)) {
			intr_on();
			kern_ast(f);
			continue;
		}
		/*
		 * An address that is not canonical would fault after the
		 * return of GS to the program, in kernel mode.  No call puts
		 * one into a frame, but a jump there arrives with it.
		 */
		if (__predict_true(rip_canonical(f)))
			break;
		intr_on();
		kern_user_trap(f, SIGSEGV, SI_KERNEL, 0);
	}
	thread_user_enter(td);
}

/* The usual way out, where there is nothing to do but go. */
static inline void
user_leave(struct thread *td, struct md_frame *f)
{
	intr_off();
	if (__predict_true(!md_ast_need(td) && rip_canonical(f)))
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
	result = kern_syscall((long)f->f_rax, f->f_args);
	if (__predict_true(result != -EJUSTRETURN))
		f->f_rax = (uint64_t)result;
	user_leave(td, f);
}

/* Interrupts and exceptions of a program but page faults. */
static __noinline void
trap_user_other(struct thread *td, struct md_frame *f)
{
	uint64_t dr6 = 0;

	/* At once: another debug exception would add to it. */
	if (f->f_num == 1) {
		__asm__ volatile("movq %%dr6, %0" : "=r"(dr6));
		__asm__ volatile("movq %0, %%dr6" : : "r"(0ul));
	}
	thread_user_exit(td);
	if (f->f_num >= IRQ_BASE)
		interrupt(f->f_num);
	else {
		intr_on();
		user_exception(f, dr6);
	}
}

void
md_trap_user(struct md_frame *f)
{
	struct thread *td = md_curthread();
	vaddr_t va;

	if (__predict_true(f->f_num == VEC_PF)) {
		va = read_cr2();
		thread_user_exit(td);
		intr_on();
		KASSERT((f->f_err & PF_RSVD) == 0);
		/*
		 * The CPU's own access on behalf of the program (iret from
		 * its stack, a descriptor) is refused by SMAP, not by a page.
		 */
		if (__predict_false((f->f_err & PF_USER) == 0))
			kern_user_trap(f, SIGSEGV, SI_KERNEL, 0);
		else
			kern_user_fault(f, va, fault_access(f->f_err));
	} else
		trap_user_other(td, f);
	user_leave(td, f);
}

/* A page fault at va in the kernel, interrupts off. */
static void
kernel_fault(struct md_frame *f, vaddr_t va)
{
	uintptr_t to = md_fixup(f->f_rip);

	if (to == 0 || va >= VM_MAXUSER_ADDRESS || (f->f_err & PF_RSVD) != 0)
		trap_panic(f);

	/* A copy under a spin lock or in an interrupt handler: our bug. */
	if ((f->f_rflags & FLAG_IF) == 0)
		trap_panic(f);
	intr_on();
	if (kern_copy_fault(va, fault_access(f->f_err)) != 0)
		f->f_rip = to;
	intr_off();
}

void
md_trap_kernel(struct md_frame *f)
{
	if (f->f_num >= IRQ_BASE)
		interrupt(f->f_num);
	else if (f->f_num == VEC_PF)
		kernel_fault(f, read_cr2());
	else
		trap_panic(f);
}

/*
 * NMI, double fault, machine check, each on a stack of its own.  An NMI is
 * how a panicking CPU stops the others; from elsewhere (QEMU's monitor) it
 * asks for the same.
 */
void
md_trap_worst(struct md_frame *f)
{
	if (f->f_num != VEC_NMI)
		trap_panic(f);
	if (!atomic_load_explicit(&panicking, memory_order_relaxed))
		panic("NMI at %#lx", f->f_rip);
	cpu_ipi(MD_IPI_STOP);
}
