/*
 * arm64.h: what the files of this port share; nobody else includes it.
 *
 * The first part is also read by the assembler.  References: Arm Architecture
 * Reference Manual for A-profile (DDI 0487, "Arm ARM"), GICv2 and GICv3
 * architecture specifications (IHI 0048, IHI 0069), PSCI (DEN 0022).
 */
#ifndef ARM64_H
#define ARM64_H

/*
 * Where the image is linked; where it is loaded, md_image_pa, is known when
 * it runs.
 */
#define KERNBASE 0xffffffff80000000

/* The first bytes of the kernel's half that hold devices. */
#define DEVICE_BASE 0xffffffffc0000000
#define DEVICE_LEN  0x30000000

/* Where start.S shows the device tree: two leaves of 2 MiB. */
#define FDT_WINDOW 0xffffffffbfc00000

/*
 * A kernel stack: KSTACK_TOP bytes to push into, then the floating-point
 * state of the user half.  Asserted in frame.c.
 */
#define KSTACK_BYTES 16384
#define KSTACK_HEAD  528
#define KSTACK_TOP   (KSTACK_BYTES - KSTACK_HEAD)

/* Offsets in struct md_frame, asserted in frame.c. */
#define F_X(n)   ((n)*8)
#define F_SP     248
#define F_PC     256
#define F_PSTATE 264
#define F_ORIG   272
#define F_KIND   280
#define F_SIZE   288

/*
 * f_kind.  A frame that stays FRAME_SYSCALL is left without loading what C
 * preserves; whoever changes more of one than the result makes it FRAME_FULL.
 */
#define FRAME_SYSCALL 0
#define FRAME_FULL    1

/* Exception classes, ESR_ELx.EC (Arm ARM, D17.2, ESR_EL1). */
#define EC_UNKNOWN  0x00
#define EC_FP       0x07
#define EC_ILLEGAL  0x0e
#define EC_SVC      0x15
#define EC_SYSREG   0x18
#define EC_IABT_EL0 0x20
#define EC_IABT     0x21
#define EC_PCALIGN  0x22
#define EC_DABT_EL0 0x24
#define EC_DABT     0x25
#define EC_SPALIGN  0x26
#define EC_FPEXC    0x2c
#define EC_SERROR   0x2f
#define EC_BREAK    0x30
#define EC_STEP     0x32
#define EC_WATCH    0x34
#define EC_BRK      0x3c

/*
 * SCTLR_EL1: MMU, caches, stack alignment, DC ZVA, CTR_EL0, cache maintenance
 * and WFx at EL0; PAN set by every exception (SPAN clear); little-endian.
 */
#define SCTLR_KERNEL 0x3445d99d

/*
 * TCR_EL1: 48 bits in either half, granules of 4 KiB, walks through write-back
 * inner-shareable memory.  IPS and what the CPU offers come in later.
 */
#define TCR_KERNEL 0xb5103510

/* MAIR_EL1: 0 write-back memory, 1 Device-nGnRE. */
#define MAIR_KERNEL 0x04ff

/* A block of 2 MiB of kernel memory, in the early tables: D8.3. */
#define EARLY_BLOCK 0x0040000000000701 /* UXN, AF, inner shareable, block */

#ifndef __ASSEMBLER__

#include <sys/types.h>
#include <machine/param.h>
#include <md/inline.h>
#include <base/cpu.h>
#include <base/thread.h>
#include <port/frame.h>

#include "../common/common.h"

/* TCR_EL1, what the CPU offers. */
#define TCR_AS    (1ul << 36) /* ASIDs of 16 bits */
#define TCR_HA    (1ul << 39) /* the MMU sets the access flag */
#define TCR_HD    (1ul << 40) /* and the dirty state */
#define TCR_E0PD1 (1ul << 56) /* EL0 does not probe the kernel's half */

/* SPSR_EL1 and PSTATE. */
#define PSR_NZCV  0xf0000000ul
#define PSR_TCO   0x02000000ul
#define PSR_DIT   0x01000000ul
#define PSR_SS    0x00200000ul
#define PSR_SSBS  0x00001000ul
#define PSR_BTYPE 0x00000c00ul
#define PSR_DAIF  0x000003c0ul
#define PSR_MODE  0x0000001ful /* 0: EL0, 64-bit */
/* What a program can set itself. */
#define PSR_USER (PSR_NZCV | PSR_TCO | PSR_DIT | PSR_SSBS | PSR_BTYPE)

struct md_frame {
	union {
		uint64_t f_x[31];
		uintptr_t f_args[6]; /* of a system call */
	};
	uint64_t f_sp;
	uint64_t f_pc;
	uint64_t f_pstate;
	union {
		uint64_t f_x0; /* of a system call, which its result replaces */
		uint64_t f_esr; /* of an exception */
	};
	uint32_t f_kind;
	uint32_t f_call; /* a debugger saw call f_call - 1; 0: none */
};

/* The floating-point registers, in the order of a signal frame. */
struct fpsimd {
	uint32_t fp_sr;
	uint32_t fp_cr;
	uint64_t fp_pad;
	uint64_t fp_v[64]; /* v0 to v31, low half first */
} __aligned(16);
_Static_assert(sizeof(struct fpsimd) == 528, "528 bytes");

/*
 * struct md_cpu: a struct cpu and what this port adds.
 *
 * Protection:
 *	I	constant once the CPU runs
 */
struct md_cpu {
	uint64_t mc_mpidr;   /* [I] affinity, as PSCI and GIC know it */
	uint32_t mc_gicmask; /* [I] GICv2: its bit in target lists */
	void *mc_gicr;       /* [I] GICv3: its redistributor */
	struct cpu mc_cpu;   /* [I] its own rules */
} __aligned(CACHELINE);

static inline struct md_cpu *
md_mycpu(void)
{
	return container_of(md_curcpu(), struct md_cpu, mc_cpu);
}

/* MPIDR_EL1 without its flags. */
#define MPIDR_AFF 0xff00fffffful

#define READ_SYSREG(name)                                                      \
	__extension__({                                                        \
		uint64_t v_;                                                   \
		__asm__ volatile("mrs %0, " #name : "=r"(v_) : : "memory");    \
		v_;                                                            \
	})
#define WRITE_SYSREG(name, v)                                                  \
	__extension__({                                                        \
		uint64_t w_ = (uint64_t)(v);                                   \
		__asm__ volatile("msr " #name ", %0" : : "r"(w_) : "memory");  \
	})

static inline void
isb(void)
{
	__asm__ volatile("isb" : : : "memory");
}

/* A field of four bits of an ID register. */
static inline u_int
id_field(uint64_t reg, u_int shift)
{
	return (u_int)(reg >> shift) & 15;
}

/* Registers of devices. */
static inline uint32_t
mmio_read(const volatile void *base, u_long off)
{
	uint32_t v;

	__asm__ volatile("ldr %w0, [%1]"
			 : "=r"(v)
			 : "r"((const volatile char *)base + off)
			 : "memory");
	return v;
}

static inline void
mmio_write(volatile void *base, u_long off, uint32_t v)
{
	__asm__ volatile("str %w0, [%1]"
			 :
			 : "r"(v), "r"((volatile char *)base + off)
			 : "memory");
}

static inline uint64_t
mmio_read64(const volatile void *base, u_long off)
{
	uint64_t v;

	__asm__ volatile("ldr %0, [%1]"
			 : "=r"(v)
			 : "r"((const volatile char *)base + off)
			 : "memory");
	return v;
}

static inline void
mmio_write64(volatile void *base, u_long off, uint64_t v)
{
	__asm__ volatile("str %0, [%1]"
			 :
			 : "r"(v), "r"((volatile char *)base + off)
			 : "memory");
}

/*
 * The top of a kernel stack: the floating-point state of the user half, and
 * below it the frame, where entries from user mode begin to push.
 */
static inline struct fpsimd *
thread_fpu(const struct thread *td)
{
	return (struct fpsimd *)(void *)((char *)td->td_kstack + KSTACK_TOP);
}

/* What the CPU can do, as far as the kernel acts on it; constant after boot. */
struct cpu_features {
	bool cf_pan;
	bool cf_rndr;
	bool cf_asid16;
	bool cf_e0pd;
	bool cf_idc;     /* no cleaning of data for instruction fetches */
	bool cf_dic;     /* nor invalidation of instructions */
	u_int cf_hafdbs; /* 1: access flag, 2: dirty state as well */
	u_int cf_zva;    /* bytes that DC ZVA clears, 0: it may not be used */
	u_int cf_dline;  /* smallest cache lines, bytes */
	u_int cf_iline;
	u_long cf_hwcap; /* for programs: AT_HWCAP */
	u_long cf_hwcap2;
};
extern struct cpu_features md_feat;
/* For copy.S: md_feat.cf_pan as a word. */
extern uint32_t md_use_pan;

/*
 * vectors.S, copy.S, start.S
 *
 * md_vectors: what VBAR_EL1 points to.
 * md_exit_user: leave through f, the top of this thread's kernel stack.
 *	Interrupts off, accounting done.
 * md_switch_stack: save what C preserves and the stack pointer in *sp, and
 *	continue where another call was made whose pointer is to.
 * md_thread_start: where a new thread's first switch arrives.
 * md_fpu_save, md_fpu_load: between the registers and memory.
 * md_ap_start: physical, with the MMU off: where PSCI lets a CPU begin; x0 is
 *	the stack pointer it gets.
 * md_load_ttbr1: to be called at its physical address, under the identity map.
 * md_semihost: a semihosting call (Arm, "Semihosting for AArch32 and
 *	AArch64"); does nothing where there is no host.
 */
extern const uint8_t md_vectors[];
__attribute__((noreturn)) void md_exit_user(struct md_frame *f);
void md_switch_stack(uint64_t *sp, uint64_t to);
void md_thread_start(void);
void md_fpu_save(struct fpsimd *fp);
void md_fpu_load(const struct fpsimd *fp);
void md_ap_start(void);
void md_load_ttbr1(paddr_t root);
long md_semihost(u_long op, const void *arg);
extern uint8_t md_boot_stack[];
extern uint64_t md_kroot[], md_idmap[], md_noroot[];

/*
 * trap.c: called by vectors.S with interrupts off, f on the stack in use.
 */
void md_trap_syscall(struct md_frame *f);
void md_trap_user(struct md_frame *f);
void md_irq_user(struct md_frame *f);
void md_trap_kernel(struct md_frame *f);
void md_irq_kernel(struct md_frame *f);
void md_fiq(struct md_frame *f);
void md_trap_never(struct md_frame *f);
/* Handle pending work, then account for the way out of the kernel. */
void md_user_return(struct thread *td, struct md_frame *f);

/* frame.c: give td, perhaps the caller, the initial floating-point state. */
void md_fpu_reset(struct thread *td);

/*
 * cpu.c
 * md_cpu_identify: fill md_feat, check what cannot be done without; once.
 * md_cpu_enable: this CPU's system registers, as md_feat allows.  No user
 *	translation was made on it yet.
 */
void md_cpu_identify(void);
void md_cpu_enable(void);

/*
 * map.c: the kernel's half, md_kroot.  Valid after md_map_init():
 * md_map_range: map [pa, pa + len) at va with leaves as large as possible.
 *	All page-aligned.  Memory of the kernel, read-only unless MAP_WRITE,
 *	not executable unless MAP_EXEC.
 * md_map_device: len bytes of a device's registers; never undone.
 * md_map_load: this CPU goes from the early tables to md_kroot.
 */
#define MAP_WRITE  1u
#define MAP_EXEC   2u
#define MAP_DEVICE 4u
void md_map_range(vaddr_t va, paddr_t pa, vsize_t len, u_int flags);
void *md_map_device(paddr_t pa, size_t len);
void md_map_load(void);

/* tlb.c: how many ASIDs to use; boot CPU, before pmap_bootstrap(). */
void md_asid_init(void);

/*
 * fdt.c: what the device tree says; constant after md_fdt_read().
 */
#define NRANGE 64
struct range {
	paddr_t start, end;
};

/* Where a virtio device may be. */
#define NTRANSPORT 32
struct transport {
	paddr_t tr_pa;
	u_int tr_irq;
};

struct machine {
	paddr_t hw_initrd, hw_initrdend; /* equal: none */
	struct range hw_ram[NRANGE];     /* ascending, page-aligned */
	u_int hw_nram;
	struct range hw_keep[NRANGE]; /* of it, what is not ours */
	u_int hw_nkeep;
	uint64_t hw_cpu[MAXCPU]; /* MPIDR of each */
	u_int hw_ncpu;
	u_int hw_gic;    /* 2, 3; 0: none found */
	paddr_t hw_gicd; /* distributor */
	size_t hw_gicdlen;
	paddr_t hw_gicc;         /* GICv2: CPU interface */
	struct range hw_gicr[4]; /* GICv3: redistributors */
	u_int hw_ngicr;
	paddr_t hw_uart;   /* PL011; 0: none */
	u_int hw_uartirq;  /* interrupt ids, as the GIC has them */
	u_int hw_timerirq; /* of the virtual timer */
	paddr_t hw_rtc;    /* PL031; 0: none */
	struct transport hw_virtio[NTRANSPORT]; /* ascending */
	u_int hw_nvirtio;
	bool hw_psci; /* there is one, */
	bool hw_smc;  /* called by SMC, not HVC */
};
extern struct machine md_hw;

/* NULL: done; else what is wrong with it. */
const char *md_fdt_read(const void *fdt);

/*
 * gic.c
 * md_gic_init: map and enable the distributor; boot CPU.
 * md_gic_enable: this CPU's interface; mc is it.
 * md_intr_establish: from now on SPI id calls fn(arg) on this CPU, in
 *	interrupt context; level-triggered.  Boot thread; ids that cannot be are
 *	ignored.
 * md_intr_device: call what was established for id, if anything.
 * md_gic_local: enable the private interrupt id on this CPU.
 * md_gic_ack: take the interrupt that is due; GIC_NONE when there is none.
 * md_gic_eoi: what md_gic_ack() returned is done.
 * md_gic_sgi: interrupt another CPU.
 */
#define GIC_NONE 1023u
void md_gic_init(void);
void md_gic_enable(struct md_cpu *mc);
void md_intr_establish(u_int id, void (*fn)(void *), void *arg);
void md_intr_device(u_int id);
void md_gic_local(u_int id);
uint32_t md_gic_ack(void);
void md_gic_eoi(uint32_t ack);
void md_gic_sgi(const struct md_cpu *to, u_int id);

/*
 * clock.c
 * md_clock_init: rate of the counter; wall clock.  md_wall_init after devices.
 * md_clock_enable: this CPU's timer.  md_clock_intr: its interrupt.
 */
void md_clock_init(void);
void md_wall_init(void);
void md_clock_enable(void);
void md_clock_intr(void);

/* psci.c: DEN 0022; md_psci_call() returns its result. */
long md_psci_call(uint32_t fn, u_long a, u_long b, u_long c);
#define PSCI_CPU_ON     0xc4000003u
#define PSCI_SYSTEM_OFF 0x84000008u

#endif /* !__ASSEMBLER__ */
#endif
