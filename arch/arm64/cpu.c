/*
 * cpu.c: what the CPUs can do, and the system registers that follow from it.
 *
 * All CPUs are taken to be alike: the boot CPU is asked.  Fields of the ID
 * registers: Arm ARM, D17.2.
 */
#include "arm64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

_Static_assert(offsetof(struct thread, td_md) == 0 &&
		   offsetof(struct md_thread, md_cpu) == 0,
    "md_curcpu()");

struct cpu_features md_feat;
uint32_t md_use_pan;

/*
 * What a program is told, where the field is at least min: bit of AT_HWCAP
 * (Linux, asm/hwcap.h; from 32 on of AT_HWCAP2), name in /proc/cpuinfo.
 * Extensions that have registers of their own, which a switch would have to
 * save, are not among them.
 */
enum id_reg { ISAR0, ISAR1, PFR0, PFR1, MMFR2, NID };
static const struct {
	uint8_t hc_bit;
	uint8_t hc_reg;
	uint8_t hc_shift;
	uint8_t hc_min;
	char hc_name[12];
} hwcaps[] = {
    {3, ISAR0, 4, 1, "aes"},
    {4, ISAR0, 4, 2, "pmull"},
    {5, ISAR0, 8, 1, "sha1"},
    {6, ISAR0, 12, 1, "sha2"},
    {7, ISAR0, 16, 1, "crc32"},
    {8, ISAR0, 20, 2, "atomics"},
    {12, ISAR0, 28, 1, "asimdrdm"},
    {13, ISAR1, 12, 1, "jscvt"},
    {14, ISAR1, 16, 1, "fcma"},
    {15, ISAR1, 20, 1, "lrcpc"},
    {16, ISAR1, 0, 1, "dcpop"},
    {17, ISAR0, 32, 1, "sha3"},
    {18, ISAR0, 36, 1, "sm3"},
    {19, ISAR0, 40, 1, "sm4"},
    {20, ISAR0, 44, 1, "asimddp"},
    {21, ISAR0, 12, 2, "sha512"},
    {23, ISAR0, 48, 1, "asimdfhm"},
    {24, PFR0, 48, 1, "dit"},
    {25, MMFR2, 32, 1, "uscat"},
    {26, ISAR1, 20, 2, "ilrcpc"},
    {27, ISAR0, 52, 1, "flagm"},
    {28, PFR1, 4, 2, "ssbs"},
    {29, ISAR1, 36, 1, "sb"},
    {32 + 7, ISAR0, 52, 2, "flagm2"},
    {32 + 8, ISAR1, 32, 1, "frint"},
    {32 + 13, ISAR1, 52, 1, "i8mm"},
    {32 + 14, ISAR1, 44, 1, "bf16"},
    {32 + 16, ISAR0, 60, 1, "rng"},
};

static void
hwcap_add(u_int bit)
{
	if (bit < 32)
		md_feat.cf_hwcap |= 1ul << bit;
	else
		md_feat.cf_hwcap2 |= 1ul << (bit - 32);
}

static void
identify_hwcaps(const uint64_t id[NID])
{
	u_int i;

	hwcap_add(0); /* fp */
	hwcap_add(1); /* asimd */
	if (id_field(id[PFR0], 16) == 1)
		hwcap_add(9); /* fphp */
	if (id_field(id[PFR0], 20) == 1)
		hwcap_add(10); /* asimdhp */
	for (i = 0; i < nitems(hwcaps); i++)
		if (id_field(id[hwcaps[i].hc_reg], hwcaps[i].hc_shift) >=
		    hwcaps[i].hc_min)
			hwcap_add(hwcaps[i].hc_bit);
}

void
md_cpu_identify(void)
{
	uint64_t id[NID], mmfr0, mmfr1, ctr, zva;
	const char *v = md_cmdline("hafdbs");

	id[ISAR0] = READ_SYSREG(id_aa64isar0_el1);
	id[ISAR1] = READ_SYSREG(id_aa64isar1_el1);
	id[PFR0] = READ_SYSREG(id_aa64pfr0_el1);
	id[PFR1] = READ_SYSREG(id_aa64pfr1_el1);
	id[MMFR2] = READ_SYSREG(id_aa64mmfr2_el1);
	mmfr0 = READ_SYSREG(id_aa64mmfr0_el1);
	mmfr1 = READ_SYSREG(id_aa64mmfr1_el1);
	if (id_field(id[PFR0], 16) == 15 || id_field(id[PFR0], 20) == 15)
		panic("no floating point");
	if (id_field(mmfr0, 28) == 15)
		panic("no pages of 4 KiB");

	md_feat.cf_pan = id_field(mmfr1, 20) != 0;
	md_feat.cf_rndr = id_field(id[ISAR0], 60) != 0;
	md_feat.cf_asid16 = id_field(mmfr0, 4) == 2;
	md_feat.cf_e0pd = id_field(id[MMFR2], 60) != 0;
	md_feat.cf_hafdbs = id_field(mmfr1, 0);
	/* hafdbs=0, 1: do without some of it, for tests. */
	if (v != NULL && (u_int)(*v - '0') < md_feat.cf_hafdbs)
		md_feat.cf_hafdbs = (u_int)(*v - '0');

	ctr = READ_SYSREG(ctr_el0);
	md_feat.cf_idc = (ctr >> 28 & 1) != 0;
	md_feat.cf_dic = (ctr >> 29 & 1) != 0;
	md_feat.cf_dline = 4u << (ctr >> 16 & 15);
	md_feat.cf_iline = 4u << (ctr & 15);
	zva = READ_SYSREG(dczid_el0);
	md_feat.cf_zva = (zva & 16) != 0 ? 0 : 4u << (zva & 15);

	md_use_pan = md_feat.cf_pan;
	identify_hwcaps(id);
}

void
md_cpu_enable(void)
{
	uint64_t tcr = READ_SYSREG(tcr_el1);

	WRITE_SYSREG(vbar_el1, md_vectors);
	WRITE_SYSREG(mdscr_el1, 0);
	WRITE_SYSREG(oslar_el1, 0); /* debug exceptions are not locked out */
	WRITE_SYSREG(contextidr_el1, 0);
	WRITE_SYSREG(tpidr_el0, 0);
	WRITE_SYSREG(tpidrro_el0, 0);
	if (id_field(READ_SYSREG(id_aa64dfr0_el1), 8) - 1 < 14)
		WRITE_SYSREG(pmuserenr_el0, 0);

	if (md_feat.cf_asid16)
		tcr |= TCR_AS;
	if (md_feat.cf_hafdbs >= 1)
		tcr |= TCR_HA;
	if (md_feat.cf_hafdbs >= 2)
		tcr |= TCR_HD;
	if (md_feat.cf_e0pd)
		tcr |= TCR_E0PD1;
	WRITE_SYSREG(tcr_el1, tcr);
	/* TLBs may keep what the register said before (D8, TCR_EL1). */
	__asm__ volatile("isb; tlbi vmalle1; dsb nsh; isb" : : : "memory");
	/* MSR PAN, #1; SError and FIQ are open from here on. */
	if (md_feat.cf_pan)
		__asm__ volatile(".inst 0xd500419f" : : : "memory");
	__asm__ volatile("msr daifclr, #5" : : : "memory");
}

/*
 * For programs.
 */
u_long
md_hwcap(void)
{
	return md_feat.cf_hwcap;
}

u_long
md_hwcap2(void)
{
	return md_feat.cf_hwcap2;
}

const char *
md_platform(void)
{
	return "aarch64";
}

/* " name" at buf + n, if there is room; how long it is. */
static size_t
put_name(char *buf, size_t len, size_t n, const char *name)
{
	return (size_t)ksnprintf(n < len ? buf + n : NULL,
	    n < len ? len - n : 0, " %s", name);
}

size_t
md_cpuinfo(u_int cpu, char *buf, size_t len)
{
	uint64_t midr = READ_SYSREG(midr_el1), hz = READ_SYSREG(cntfrq_el0);
	u_long caps[2] = {md_feat.cf_hwcap, md_feat.cf_hwcap2};
	size_t n;
	u_int i, b;

	n = (size_t)ksnprintf(buf, len,
	    "processor\t: %u\nBogoMIPS\t: %u.%02u\nFeatures\t:", cpu,
	    (u_int)(hz / 500000), (u_int)(hz / 5000 % 100));
	n += put_name(buf, len, n, "fp asimd");
	if ((caps[0] & 1u << 9) != 0)
		n += put_name(buf, len, n, "fphp");
	if ((caps[0] & 1u << 10) != 0)
		n += put_name(buf, len, n, "asimdhp");
	for (i = 0; i < nitems(hwcaps); i++) {
		b = hwcaps[i].hc_bit;
		if ((caps[b / 32] & 1ul << b % 32) != 0)
			n += put_name(buf, len, n, hwcaps[i].hc_name);
	}
	n += (size_t)ksnprintf(n < len ? buf + n : NULL, n < len ? len - n : 0,
	    "\nCPU implementer\t: %#02x\nCPU architecture: 8\n"
	    "CPU variant\t: %#x\nCPU part\t: %#03x\nCPU revision\t: %u\n\n",
	    (u_int)(midr >> 24 & 0xff), (u_int)(midr >> 20 & 0xf),
	    (u_int)(midr >> 4 & 0xfff), (u_int)(midr & 0xf));
	return n;
}
