/*
 * cpu.c: what a CPU needs before it can take a fault or run a program.
 *
 * GDT, TSS and IDT, the control registers, and the features that decide
 * about them.  The IDT is one for all CPUs and constant after
 * md_cpu_identify(); everything else is per CPU, in struct md_cpu.
 */
#include "amd64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

_Static_assert(offsetof(struct cpu, cpu_self) == 0, "md_curcpu()");
_Static_assert(offsetof(struct cpu, cpu_curthread) == 8, "md_curthread()");
_Static_assert(offsetof(struct cpu, cpu_resched) == 16, "md_cpu_resched()");
_Static_assert((int)offsetof(struct md_cpu, mc_kstack) -
		       (int)offsetof(struct md_cpu, mc_cpu) ==
		   PERCPU_KSTACK,
    "PERCPU_KSTACK");
_Static_assert((int)offsetof(struct md_cpu, mc_scratch) -
		       (int)offsetof(struct md_cpu, mc_cpu) ==
		   PERCPU_SCRATCH,
    "PERCPU_SCRATCH");
_Static_assert(sizeof(struct tss) == 104, "TSS: 104 bytes");

/* An interrupt gate (SDM vol. 3, 6.14.1). */
struct gate {
	uint16_t g_off0;
	uint16_t g_sel;
	uint8_t g_ist;
	uint8_t g_type;
	uint16_t g_off16;
	uint32_t g_off32;
	uint32_t g_pad;
};
#define GATE_INTR 0x8e /* present, interrupts off, for the kernel */
#define GATE_USER 0x60 /* INT from user mode allowed */

struct table_ptr {
	uint16_t tp_limit;
	uint64_t tp_base;
} __packed;

struct cpu_features md_feat;
static struct gate idt[256] __aligned(16);

static void
idt_init(void)
{
	u_int i;

	for (i = 0; i < nitems(idt); i++) {
		uintptr_t off = (uintptr_t)&md_vectors[i][0];

		idt[i] = (struct gate){
		    .g_off0 = off & 0xffff,
		    .g_sel = SEL_KCODE,
		    .g_type = GATE_INTR,
		    .g_off16 = (off >> 16) & 0xffff,
		    .g_off32 = (uint32_t)(off >> 32),
		};
	}
	/* INT3 and INTO are the instructions of programs. */
	idt[3].g_type |= GATE_USER;
	idt[4].g_type |= GATE_USER;
	idt[VEC_DF].g_ist = IST_DF + 1;
	idt[VEC_NMI].g_ist = IST_NMI + 1;
	idt[VEC_MC].g_ist = IST_MC + 1;
}

void
md_cpu_tables(struct md_cpu *mc, struct thread *td)
{
	uintptr_t tss = (uintptr_t)&mc->mc_tss;
	struct table_ptr tp;
	u_int i;

	if (idt[0].g_type == 0)
		idt_init();

	mc->mc_gdt[SEL_KCODE / 8] = 0x00af9b000000ffff;
	mc->mc_gdt[SEL_KDATA / 8] = 0x00cf93000000ffff;
	mc->mc_gdt[SEL_UDATA / 8] = 0x00cff3000000ffff;
	mc->mc_gdt[SEL_UCODE / 8] = 0x00affb000000ffff;
	mc->mc_gdt[SEL_TSS / 8] = (sizeof(struct tss) - 1) |
				  (tss & 0xffffff) << 16 | 0x89ul << 40 |
				  (tss >> 24 & 0xff) << 56;
	mc->mc_gdt[SEL_TSS / 8 + 1] = tss >> 32;

	for (i = 0; i < NIST; i++)
		mc->mc_tss.tss_ist[i] = (uintptr_t)&mc->mc_ist[i] + IST_SIZE;
	mc->mc_tss.tss_iomap = sizeof(struct tss);
	mc->mc_deadline = UINT64_MAX;
	md_cpu_kstack(mc, td);

	tp.tp_limit = sizeof(mc->mc_gdt) - 1;
	tp.tp_base = (uintptr_t)mc->mc_gdt;
	__asm__ volatile("lgdt %0" : : "m"(tp));
	tp.tp_limit = sizeof(idt) - 1;
	tp.tp_base = (uintptr_t)idt;
	__asm__ volatile("lidt %0" : : "m"(tp));
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS));
	/* No LDT; at reset it is 64 KiB at address 0 (SDM 3, table 9-1). */
	__asm__ volatile("lldt %w0" : : "r"(0));

	mc->mc_cpu.cpu_self = &mc->mc_cpu;
	mc->mc_cpu.cpu_curthread = td;
	wrmsr(MSR_GS_BASE, (uintptr_t)&mc->mc_cpu);
	wrmsr(MSR_KGS_BASE, 0);
	wrmsr(MSR_FS_BASE, 0);
}

void
md_cpu_kstack(struct md_cpu *mc, const struct thread *td)
{
	uintptr_t top = thread_stacktop(td);

	mc->mc_kstack = top;
	mc->mc_tss.tss_rsp[0] = top;
}

void
md_cpu_identify(void)
{
	struct cpuid r;

	r = cpuid(1, 0);
	md_feat.cf_edx1 = r.edx;
	md_feat.cf_pcid = (r.ecx & 1u << 17) != 0;
	md_feat.cf_rdrand = (r.ecx & 1u << 30) != 0;

	if (cpuid(0, 0).eax >= 7) {
		r = cpuid(7, 0);
		md_feat.cf_smep = (r.ebx & 1u << 7) != 0;
		md_feat.cf_invpcid = (r.ebx & 1u << 10) != 0;
		md_feat.cf_smap = (r.ebx & 1u << 20) != 0;
		md_feat.cf_umip = (r.ecx & 1u << 2) != 0;
	}
	r = cpuid(0x80000001, 0);
	md_feat.cf_gbpages = (r.edx & 1u << 26) != 0;
}

void
md_cpu_enable(void)
{
	uint64_t cr4 = CR4_PAE | CR4_PGE | CR4_OSFX | CR4_OSXMM;
	struct fxsave fx;

	/* No OSXSAVE: programs then use nothing that FXSAVE does not save. */
	if (md_feat.cf_smep)
		cr4 |= CR4_SMEP;
	if (md_feat.cf_smap)
		cr4 |= CR4_SMAP;
	if (md_feat.cf_umip)
		cr4 |= CR4_UMIP;
	write_cr4(cr4);

	/* A mask of zero stands for this one (SDM vol. 1, 11.6.6). */
	fx.fx_mxcsr_mask = 0;
	fxsave(&fx);
	md_feat.cf_mxcsr_mask = fx.fx_mxcsr_mask;
	if (md_feat.cf_mxcsr_mask == 0)
		md_feat.cf_mxcsr_mask = 0xffbf;

	wrmsr(MSR_STAR, (uint64_t)SEL_SYSRET << 48 | (uint64_t)SEL_KCODE << 32);
	wrmsr(MSR_LSTAR, (uintptr_t)md_syscall_entry);
	wrmsr(MSR_SFMASK, FLAG_CF | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL |
			      FLAG_NT | FLAG_RF | FLAG_AC);
}

/* Store one three-byte instruction over each site of a list. */
static void
patch(const uint64_t *site, const uint64_t *end, uint8_t last)
{
	for (; site < end; site++) {
		uint8_t *p = (uint8_t *)*site;

		KASSERT(p[0] == 0x0f && p[1] == 0x1f && p[2] == 0x00);
		p[1] = 0x01;
		p[2] = last;
	}
}

void
md_patch_smap(void)
{
	extern const uint64_t __clac_start[], __clac_end[];
	extern const uint64_t __stac_start[], __stac_end[];

	if (!md_feat.cf_smap)
		return;
	patch(__clac_start, __clac_end, 0xca);
	patch(__stac_start, __stac_end, 0xcb);
}

/*
 * For programs.
 */
u_long
md_hwcap(void)
{
	return md_feat.cf_edx1;
}

u_long
md_hwcap2(void)
{
	return 0;
}

const char *
md_platform(void)
{
	return "x86_64";
}

/* The features that a program can use here, as Linux names them. */
static const struct {
	uint8_t cf_bit;
	bool cf_ecx;
	char cf_name[10];
} cpuinfo_flags[] = {
    {0, false, "fpu"},
    {4, false, "tsc"},
    {8, false, "cx8"},
    {15, false, "cmov"},
    {19, false, "clflush"},
    {23, false, "mmx"},
    {24, false, "fxsr"},
    {25, false, "sse"},
    {26, false, "sse2"},
    {0, true, "pni"},
    {1, true, "pclmulqdq"},
    {9, true, "ssse3"},
    {13, true, "cx16"},
    {19, true, "sse4_1"},
    {20, true, "sse4_2"},
    {22, true, "movbe"},
    {23, true, "popcnt"},
    {25, true, "aes"},
    {30, true, "rdrand"},
};

size_t
md_cpuinfo(u_int cpu, char *buf, size_t len)
{
	struct cpuid id = cpuid(0, 0), r = cpuid(1, 0), b;
	uint32_t family, model, name[13] = {0};
	uint64_t khz;
	size_t n;
	u_int i;

	/* Extended family and model: SDM vol. 2, CPUID, leaf 1. */
	family = r.eax >> 8 & 15;
	model = r.eax >> 4 & 15;
	if (family == 6 || family == 15)
		model |= r.eax >> 12 & 0xf0;
	if (family == 15)
		family += r.eax >> 20 & 0xff;
	for (i = 0; i < 3; i++) {
		b = cpuid(0x80000002 + i, 0);
		name[i * 4] = b.eax;
		name[i * 4 + 1] = b.ebx;
		name[i * 4 + 2] = b.ecx;
		name[i * 4 + 3] = b.edx;
	}
	khz = md_tsc_khz();

	n = (size_t)ksnprintf(buf, len,
	    "processor\t: %u\nvendor_id\t: %.4s%.4s%.4s\ncpu family\t: %u\n"
	    "model\t\t: %u\nmodel name\t: %s\nstepping\t: %u\n"
	    "cpu MHz\t\t: %u.%03u\nflags\t\t:",
	    cpu, (char *)&id.ebx, (char *)&id.edx, (char *)&id.ecx, family,
	    model, (char *)name, r.eax & 15, (u_int)(khz / 1000),
	    (u_int)(khz % 1000));
	for (i = 0; i < nitems(cpuinfo_flags); i++) {
		uint32_t w = cpuinfo_flags[i].cf_ecx ? r.ecx : r.edx;

		if ((w & 1u << cpuinfo_flags[i].cf_bit) == 0)
			continue;
		n += (size_t)ksnprintf(n < len ? buf + n : NULL,
		    n < len ? len - n : 0, " %s", cpuinfo_flags[i].cf_name);
	}
	n += (size_t)ksnprintf(n < len ? buf + n : NULL, n < len ? len - n : 0,
	    "%s\n\n", " syscall nx lm");
	return n;
}
