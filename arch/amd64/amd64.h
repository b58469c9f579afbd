/*
 * amd64.h: what the files of this port share; nobody else includes it.
 *
 * The first part is also read by the assembler.  References: Intel 64 and
 * IA-32 Architectures Software Developer's Manual (SDM), AMD64 Architecture
 * Programmer's Manual (APM).
 */
#ifndef AMD64_H
#define AMD64_H

/* Where the image is linked; it is loaded at the address less this. */
#define KERNBASE 0xffffffff80000000

/* The page that other CPUs begin in, in real mode.  Vector = page number. */
#define AP_PAGE 0x8000

/*
 * Segment selectors.  SYSCALL and SYSRET derive all of them from two numbers
 * (SDM vol. 3, 5.8.8), which fixes the order; the values are Linux's, because
 * signal frames show them.
 */
#define SEL_KCODE  0x10
#define SEL_KDATA  0x18
#define SEL_SYSRET 0x23
#define SEL_UDATA  0x2b
#define SEL_UCODE  0x33
#define SEL_TSS    0x40

/*
 * A kernel stack: KSTACK_TOP bytes to push into, then the floating-point
 * state of the user half.  Asserted in frame.c.
 */
#define KSTACK_TOP  15872
#define KSTACK_HEAD 512

/* Per-CPU words below the struct cpu that GS points to: struct md_cpu. */
#define PERCPU_KSTACK  -16
#define PERCPU_SCRATCH -8

/*
 * Offsets in struct md_frame, asserted in frame.c.  RDI to R9 are the six
 * arguments of a system call, in order.
 */
#define F_R15    0
#define F_R14    8
#define F_R13    16
#define F_R12    24
#define F_RBP    32
#define F_RBX    40
#define F_R11    48
#define F_RCX    56
#define F_RAX    64
#define F_RDI    72
#define F_RSI    80
#define F_RDX    88
#define F_R10    96
#define F_R8     104
#define F_R9     112
#define F_NUM    120
#define F_ERR    128
#define F_RIP    136
#define F_CS     144
#define F_RFLAGS 152
#define F_RSP    160
#define F_SS     168
#define F_SIZE   176

/*
 * f_num is the vector of an exception or interrupt, or one of these.  A frame
 * that stays FRAME_SYSCALL is left by SYSRET, and the registers that C
 * preserves are not loaded from it; whoever changes more of a frame than the
 * result makes it FRAME_FULL, which is left by IRETQ.
 */
#define FRAME_SYSCALL 256
#define FRAME_FULL    257

/* Interrupt vectors.  The PICs are moved to IRQ_BASE before being masked. */
#define VEC_NMI      2
#define VEC_DF       8
#define VEC_PF       14
#define VEC_MC       18
#define IRQ_BASE     32
#define IRQ_COM1     4
#define VEC_COM1     (IRQ_BASE + IRQ_COM1)
#define VEC_MSI      0x50 /* + number; NMSI of them */
#define NMSI         16
#define VEC_TIMER    0xe0
#define VEC_IPI      0xf0 /* + enum md_ipi_kind */
#define VEC_SPURIOUS 0xff

#define MSR_APIC_BASE 0x1b
#define MSR_EFER      0xc0000080
#define MSR_STAR      0xc0000081
#define MSR_LSTAR     0xc0000082
#define MSR_SFMASK    0xc0000084
#define MSR_FS_BASE   0xc0000100
#define MSR_GS_BASE   0xc0000101
#define MSR_KGS_BASE  0xc0000102

#define EFER_SCE 0x001
#define EFER_LME 0x100
#define EFER_NXE 0x800

/* PE MP ET NE WP AM PG: paging, write protection, no emulation of the FPU. */
#define CR0_KERNEL 0x80050033
#define CR4_PAE    0x20

#ifndef __ASSEMBLER__

#include <sys/types.h>
#include <machine/param.h>
#include <md/inline.h>
#include <base/cpu.h>
#include <base/thread.h>
#include <port/frame.h>

#include "../common/common.h"

#define FLAG_CF   0x00000001u
#define FLAG_ONE  0x00000002u
#define FLAG_TF   0x00000100u
#define FLAG_IF   0x00000200u
#define FLAG_DF   0x00000400u
#define FLAG_IOPL 0x00003000u
#define FLAG_NT   0x00004000u
#define FLAG_RF   0x00010000u
#define FLAG_AC   0x00040000u

#define CR4_PGE   0x00000080u
#define CR4_OSFX  0x00000200u
#define CR4_OSXMM 0x00000400u
#define CR4_UMIP  0x00000800u
#define CR4_PCIDE 0x00020000u
#define CR4_SMEP  0x00100000u
#define CR4_SMAP  0x00200000u

/* Page table entries (SDM vol. 3, 4.5). */
#define PTE_P     0x001ul
#define PTE_W     0x002ul
#define PTE_PWT   0x008ul
#define PTE_PCD   0x010ul
#define PTE_A     0x020ul
#define PTE_D     0x040ul
#define PTE_PS    0x080ul
#define PTE_G     0x100ul
#define PTE_NX    (1ul << 63)
#define PTE_FRAME 0x000ffffffffff000ul

/* The first bytes of the kernel's half that hold devices: 4 KiB pages. */
#define DEVICE_BASE 0xffffffffc0000000ul

struct md_frame {
	uint64_t f_r15;
	uint64_t f_r14;
	uint64_t f_r13;
	uint64_t f_r12;
	uint64_t f_rbp;
	uint64_t f_rbx;
	uint64_t f_r11;
	uint64_t f_rcx;
	uint64_t f_rax;
	union {
		uintptr_t f_args[6]; /* of a system call */
		struct {
			uint64_t f_rdi;
			uint64_t f_rsi;
			uint64_t f_rdx;
			uint64_t f_r10;
			uint64_t f_r8;
			uint64_t f_r9;
		};
	};
	uint64_t f_num;
	uint64_t f_err;
	uint64_t f_rip;
	uint64_t f_cs;
	uint64_t f_rflags;
	uint64_t f_rsp;
	uint64_t f_ss;
};

/* The FXSAVE image (SDM vol. 1, 10.5.1), as far as it is looked into. */
struct fxsave {
	uint16_t fx_fcw;
	uint16_t fx_fsw;
	uint8_t fx_ftw;
	uint8_t fx_pad;
	uint16_t fx_fop;
	uint64_t fx_fip;
	uint64_t fx_fdp;
	uint32_t fx_mxcsr;
	uint32_t fx_mxcsr_mask;
	uint8_t fx_regs[480];
} __aligned(16);
_Static_assert(sizeof(struct fxsave) == 512, "FXSAVE: 512 bytes");

/* The 64-bit task state segment (SDM vol. 3, 8.7): stacks, nothing else. */
struct tss {
	uint32_t tss_pad0;
	uint64_t tss_rsp[3];
	uint64_t tss_pad1;
	uint64_t tss_ist[7];
	uint64_t tss_pad2;
	uint16_t tss_pad3;
	uint16_t tss_iomap;
} __packed;

#define IST_SIZE 4096u
enum { IST_DF, IST_NMI, IST_MC, NIST };

/*
 * struct md_cpu: a struct cpu and what this port adds, just below it.
 *
 * Protection:
 *	I	constant once the CPU runs
 *	O	the CPU itself, interrupts off
 */
struct md_cpu {
	uint8_t mc_ist[NIST][IST_SIZE]; /* [O] stacks for the worst vectors */
	struct tss mc_tss;              /* [O] */
	uint64_t mc_gdt[10];            /* [I] */
	uint32_t mc_apicid;             /* [I] */
	uint64_t mc_deadline;           /* [O] of the timer, UINT64_MAX: none */
	struct {
		uint64_t mc_pad[6];  /* [I] */
		uint64_t mc_kstack;  /* [O] where SYSCALL builds its frame */
		uint64_t mc_scratch; /* [O] user stack pointer in passing */
	} __aligned(CACHELINE);
	struct cpu mc_cpu; /* [I] its own rules; GS points to it */
} __aligned(CACHELINE);

static inline struct md_cpu *
md_mycpu(void)
{
	return container_of(md_curcpu(), struct md_cpu, mc_cpu);
}

/* What CPUID says, as far as the kernel acts on it; constant after boot. */
struct cpu_features {
	bool cf_gbpages; /* 1 GiB leaves */
	bool cf_smep;
	bool cf_smap;
	bool cf_umip;
	bool cf_pcid;
	bool cf_invpcid;
	bool cf_rdrand;
	uint32_t cf_edx1;       /* leaf 1, EDX: AT_HWCAP */
	uint32_t cf_mxcsr_mask; /* bits that a program may set */
};
extern struct cpu_features md_feat;

/*
 * Instructions.
 */
static inline void
outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline void
outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

static inline uint8_t
inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint32_t
inl(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint64_t
rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static inline void
wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
			 : "memory");
}

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid
cpuid(uint32_t leaf, uint32_t sub)
{
	struct cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(sub));
	return r;
}

static inline uint64_t
read_cr2(void)
{
	uint64_t v;

	__asm__ volatile("movq %%cr2, %0" : "=r"(v));
	return v;
}

static inline uint64_t
read_cr3(void)
{
	uint64_t v;

	__asm__ volatile("movq %%cr3, %0" : "=r"(v) : : "memory");
	return v;
}

static inline void
write_cr3(uint64_t v)
{
	__asm__ volatile("movq %0, %%cr3" : : "r"(v) : "memory");
}

static inline uint64_t
read_cr4(void)
{
	uint64_t v;

	__asm__ volatile("movq %%cr4, %0" : "=r"(v));
	return v;
}

static inline void
write_cr4(uint64_t v)
{
	__asm__ volatile("movq %0, %%cr4" : : "r"(v) : "memory");
}

static inline void
intr_on(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void
intr_off(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void
fxsave(struct fxsave *fx)
{
	__asm__ volatile("fxsave64 %0" : "=m"(*fx));
}

static inline void
fxrstor(const struct fxsave *fx)
{
	__asm__ volatile("fxrstor64 %0" : : "m"(*fx));
}

/*
 * The top of a kernel stack: the floating-point state of the user half, and
 * below it the frame, where entries from user mode begin to push.
 */
static inline struct fxsave *
thread_fpu(const struct thread *td)
{
	return (struct fxsave *)(void *)((char *)td->td_kstack + KSTACK_SIZE -
					 sizeof(struct fxsave));
}

static inline uintptr_t
thread_stacktop(const struct thread *td)
{
	return (uintptr_t)thread_fpu(td);
}

/*
 * vectors.S, switch.S, copy.S, start.S
 *
 * md_vectors: 256 entry points, 16 bytes apart.
 * md_syscall_entry: what SYSCALL jumps to.
 * md_exit_user: leave through f, the top of this thread's kernel stack.
 *	Interrupts off, accounting done.
 * md_switch_stack: save the callee's registers and the stack pointer in *sp,
 *	and continue where another call was made whose pointer is to.
 * md_thread_start: where a new thread's first switch arrives.
 * md_ap_begin .. md_ap_end: real-mode code for AP_PAGE.
 * md_boot_stack: KSTACK_SIZE bytes, the first thread's.
 */
extern const uint8_t md_vectors[256][16];
void md_syscall_entry(void);
__attribute__((noreturn)) void md_exit_user(struct md_frame *f);
void md_switch_stack(uint64_t *sp, uint64_t to);
void md_thread_start(void);
extern const uint8_t md_ap_begin[], md_ap_end[];
extern uint8_t md_boot_stack[];

/*
 * trap.c: called by vectors.S with interrupts off, f on the stack in use.
 */
void md_trap_user(struct md_frame *f);
void md_trap_kernel(struct md_frame *f);
void md_trap_worst(struct md_frame *f);
void md_trap_syscall(struct md_frame *f);
/* Handle pending work, then account for the way out of the kernel. */
void md_user_return(struct thread *td, struct md_frame *f);

/* frame.c: give td, perhaps the caller, the initial floating-point state. */
void md_fpu_reset(struct thread *td);

/*
 * cpu.c
 * md_cpu_identify: fill md_feat, check what cannot be done without; once.
 * md_cpu_tables: GDT, TSS, IDT and GS of this CPU.  After it md_curcpu() and
 *	md_curthread() work and faults are reported.
 * md_cpu_enable: protections and system call entry, as md_feat allows.
 * md_patch_smap: turn the marked no-ops into STAC and CLAC.  Image writable.
 */
void md_cpu_identify(void);
void md_cpu_tables(struct md_cpu *mc, struct thread *td);
void md_cpu_enable(void);
void md_patch_smap(void);
/* Make td's kernel stack the one that user mode enters on this CPU. */
void md_cpu_kstack(struct md_cpu *mc, const struct thread *td);

/*
 * map.c: the kernel's half of every address space.
 * md_map_init: [free, limit) physical is RAM that the early tables map and
 *	that may be taken for tables.
 * md_map_reserve: say what was taken; nothing can be from here on.
 * md_map_range: map [pa, pa + len) at va with leaves as large as possible.
 *	All page-aligned.
 * md_map_device: len bytes of a device, uncached; never undone.  Needs the
 *	table that md_map_device_init() makes.
 * md_map_root: the table that md_root_kernel() loads; for start.S, md_kroot.
 * md_map_load: switch to it.
 */
void md_map_init(paddr_t free, paddr_t limit);
void md_map_reserve(void (*reserve)(paddr_t start, paddr_t end));
void md_map_range(vaddr_t va, paddr_t pa, vsize_t len, uint64_t flags);
void md_map_device_init(void);
void *md_map_device(paddr_t pa, size_t len);
paddr_t md_map_root(void);
extern paddr_t md_kroot;
void md_map_load(void);
/*
 * tlb.c
 * md_pcid_enable: use PCIDs if CPU and command line have them; boot CPU,
 *	before the first md_root_load().  md_pcid_cpu: on every other CPU.
 */
void md_pcid_enable(void);
void md_pcid_cpu(void);

/*
 * acpi.c: what the firmware tables say; constant after md_acpi_init().
 */
struct acpi_info {
	u_int ai_ncpu; /* usable CPUs in ai_apicid */
	uint32_t ai_apicid[MAXCPU];
	paddr_t ai_lapic;
	paddr_t ai_ioapic;      /* 0: none */
	uint32_t ai_ioapic_gsi; /* its first interrupt */
	uint32_t ai_com1_gsi;   /* where ISA interrupt 4 arrives */
	uint16_t ai_com1_flags; /* polarity, trigger: MADT override */
	uint16_t ai_pmtimer;    /* I/O port, 0: none */
	uint16_t ai_pm1a;       /* I/O port of PM1a_CNT, 0: none */
	uint8_t ai_century;     /* CMOS index, 0: none */
};
extern struct acpi_info md_acpi;
/* rsdp: physical address of the root pointer, or 0 to look for it. */
void md_acpi_init(paddr_t rsdp);
/* Ask for power off; returns if it does not happen. */
void md_acpi_off(void);

/*
 * lapic.c
 * md_lapic_init: map it and quiet the PICs; boot CPU.
 * md_lapic_enable: this CPU's; returns its number.
 * md_lapic_count: what is left in this CPU's timer, counting from 2^32 - 1
 *	since md_lapic_measure().
 * md_lapic_rate: how many counts make a nanosecond, times 2^32.
 * md_lapic_eoi: the interrupt in service is done.
 * md_lapic_icr: send an interrupt command to one CPU.  Any context.
 * md_lapic_timer: the timer's interrupt.
 * md_intr_route: send the console's interrupt, and NMIs, to this CPU.
 */
void md_lapic_init(void);
uint32_t md_lapic_enable(void);
void md_lapic_measure(void);
uint32_t md_lapic_count(void);
void md_lapic_rate(uint64_t rate);
void md_lapic_eoi(void);
void md_lapic_icr(uint32_t apicid, uint32_t cmd);
void md_lapic_timer(void);
void md_intr_route(void);
/* After the console's interrupt, when it came through the 8259. */
void md_pic_eoi(void);

/*
 * clock.c
 * md_clock_init: find the rates of the counters and read the wall clock; once.
 * md_tsc_khz: what it found.
 */
void md_clock_init(void);
uint64_t md_tsc_khz(void);
/* Spin for at least ns. */
void md_delay(uint64_t ns);

/* pci.c: message n (below NMSI) has arrived.  Interrupt context. */
void md_msi_intr(u_int n);

#endif /* !__ASSEMBLER__ */
#endif
