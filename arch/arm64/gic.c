/*
 * gic.c: the interrupt controller, GICv2 (IHI 0048) or GICv3 (IHI 0069).
 *
 * Private interrupts (0 to 31) are set up by each CPU for itself, in the
 * distributor of a GICv2 or its own redistributor of a GICv3; the console's
 * shared ones, of devices, go to the CPU that asks for them.  All have one priority.
 *
 * Between CPUs, interrupts 0 and up are the kinds of <port/machdep.h>.  Where
 * there is a GICv3 with one security state, MD_IPI_STOP is of group 0, which
 * arrives as a FIQ and so reaches a CPU that has interrupts off.
 */
#include "arm64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

/* Distributor. */
#define GICD_CTLR       0x000
#define GICD_IGROUPR    0x080
#define GICD_ISENABLER  0x100
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR  0x800 /* v2 */
#define GICD_ICFGR      0xc00
#define GICD_SGIR       0xf00  /* v2 */
#define GICD_IROUTER    0x6000 /* v3 */
#define CTLR_GROUPS     0x03u
#define CTLR_ARE        0x10u
#define CTLR_DS         0x40u
#define CTLR_RWP        0x80000000u

/* CPU interface of v2. */
#define GICC_CTLR 0x00
#define GICC_PMR  0x04
#define GICC_IAR  0x0c
#define GICC_EOIR 0x10

/* A redistributor: two frames of 64 KiB, four with GICv4. */
#define GICR_TYPER   0x0008
#define GICR_WAKER   0x0014
#define GICR_SGI     0x10000 /* the second frame; offsets as GICD's */
#define TYPER_VLPIS  0x02u
#define TYPER_LAST   0x10u
#define WAKER_SLEEP  0x02u
#define WAKER_ASLEEP 0x04u

#define PRIORITY 0xa0u
#define CFG_EDGE 0x2u

/*
 * CPU interface of v3.  READ_SYSREG and WRITE_SYSREG make strings of names, so
 * these are spelled by encoding, which every assembler knows.
 */
#define READ_ICC_IAR1()      READ_SYSREG(S3_0_C12_C12_0)
#define READ_ICC_SRE()       READ_SYSREG(S3_0_C12_C12_5)
#define WRITE_ICC_PMR(v)     WRITE_SYSREG(S3_0_C4_C6_0, v)
#define WRITE_ICC_SGI1R(v)   WRITE_SYSREG(S3_0_C12_C11_5, v)
#define WRITE_ICC_SGI0R(v)   WRITE_SYSREG(S3_0_C12_C11_7, v)
#define WRITE_ICC_EOIR1(v)   WRITE_SYSREG(S3_0_C12_C12_1, v)
#define WRITE_ICC_BPR1(v)    WRITE_SYSREG(S3_0_C12_C12_3, v)
#define WRITE_ICC_CTLR(v)    WRITE_SYSREG(S3_0_C12_C12_4, v)
#define WRITE_ICC_SRE(v)     WRITE_SYSREG(S3_0_C12_C12_5, v)
#define WRITE_ICC_IGRPEN0(v) WRITE_SYSREG(S3_0_C12_C12_6, v)
#define WRITE_ICC_IGRPEN1(v) WRITE_SYSREG(S3_0_C12_C12_7, v)

/* Constant after md_gic_init(). */
static void *gicd, *gicc;
static void *gicr[nitems(md_hw.hw_gicr)];
static bool stop_fiq; /* MD_IPI_STOP is of group 0 */

/* Shared interrupts; each is set before it is enabled. */
#define NSPI 128u
static struct {
	void (*si_fn)(void *);
	void *si_arg;
} spi[NSPI];

/* Set an 8-bit field of an array of registers. */
static void
set_byte(void *base, u_long off, u_int id, uint8_t v)
{
	u_long at = off + (id & ~3u);
	u_int shift = (id & 3) * 8;

	mmio_write(base, at,
	    (mmio_read(base, at) & ~(0xffu << shift)) | (uint32_t)v << shift);
}

void
md_gic_init(void)
{
	u_int i;

	if (md_hw.hw_gic == 0)
		panic("no interrupt controller that is known");
	gicd = md_map_device(md_hw.hw_gicd, MAX(md_hw.hw_gicdlen, 0x1000));
	if (md_hw.hw_gic == 2) {
		gicc = md_map_device(md_hw.hw_gicc, 0x1000);
		mmio_write(gicd, GICD_CTLR, 1);
		return;
	}
	for (i = 0; i < md_hw.hw_ngicr; i++)
		gicr[i] = md_map_device(md_hw.hw_gicr[i].start,
		    md_hw.hw_gicr[i].end - md_hw.hw_gicr[i].start);
	stop_fiq = (mmio_read(gicd, GICD_CTLR) & CTLR_DS) != 0;
	mmio_write(gicd, GICD_CTLR, CTLR_ARE);
	mmio_write(gicd, GICD_CTLR, CTLR_ARE | CTLR_GROUPS);
	while ((mmio_read(gicd, GICD_CTLR) & CTLR_RWP) != 0)
		md_cpu_relax();
}

/* The redistributor of the CPU that has this affinity. */
static void *
redist_find(uint64_t mpidr)
{
	uint32_t aff =
	    (uint32_t)(mpidr >> 8 & 0xff000000) | (uint32_t)(mpidr & 0xffffff);
	uint64_t type;
	size_t off;
	u_int i;

	for (i = 0; i < md_hw.hw_ngicr; i++) {
		off = 0;
		do {
			type = mmio_read64((char *)gicr[i] + off, GICR_TYPER);
			if (type >> 32 == aff)
				return (char *)gicr[i] + off;
			off += (type & TYPER_VLPIS) != 0 ? 0x40000 : 0x20000;
		} while ((type & TYPER_LAST) == 0 &&
			 off < md_hw.hw_gicr[i].end - md_hw.hw_gicr[i].start);
	}
	panic("no redistributor for CPU %#lx", mpidr);
}

static void
enable_v3(struct md_cpu *mc)
{
	char *rd = redist_find(mc->mc_mpidr), *sgi = rd + GICR_SGI;
	u_int id;

	mc->mc_gicr = rd;
	mmio_write(rd, GICR_WAKER, mmio_read(rd, GICR_WAKER) & ~WAKER_SLEEP);
	while ((mmio_read(rd, GICR_WAKER) & WAKER_ASLEEP) != 0)
		md_cpu_relax();

	mmio_write(sgi, GICD_IGROUPR, stop_fiq ? ~(1u << MD_IPI_STOP) : ~0u);
	for (id = 0; id < 32; id++)
		set_byte(sgi, GICD_IPRIORITYR, id, PRIORITY);
	mmio_write(sgi, GICD_ISENABLER, (1u << MD_NIPI) - 1);

	WRITE_ICC_SRE(READ_ICC_SRE() | 1);
	isb();
	WRITE_ICC_PMR(0xff);
	WRITE_ICC_BPR1(0);
	WRITE_ICC_CTLR(0); /* EOI ends it altogether */
	if (stop_fiq)
		WRITE_ICC_IGRPEN0(1);
	WRITE_ICC_IGRPEN1(1);
	isb();
}

void
md_gic_enable(struct md_cpu *mc)
{
	u_int id;

	if (md_hw.hw_gic == 3) {
		enable_v3(mc);
		return;
	}
	/* The first registers read as this CPU's own bit. */
	mc->mc_gicmask = mmio_read(gicd, GICD_ITARGETSR) & 0xff;
	for (id = 0; id < 32; id++)
		set_byte(gicd, GICD_IPRIORITYR, id, PRIORITY);
	mmio_write(gicd, GICD_ISENABLER, (1u << MD_NIPI) - 1);
	mmio_write(gicc, GICC_PMR, 0xff);
	mmio_write(gicc, GICC_CTLR, 1);
}

void
md_gic_local(u_int id)
{
	void *base = gicd;

	KASSERT(id < 32);
	if (md_hw.hw_gic == 3)
		base = (char *)md_mycpu()->mc_gicr + GICR_SGI;
	mmio_write(base, GICD_ISENABLER, 1u << id);
}

void
md_intr_establish(u_int id, void (*fn)(void *), void *arg)
{
	u_long cfg = GICD_ICFGR + id / 16 * 4;

	if (id < 32 || id >= 32 + NSPI)
		return;
	spi[id - 32].si_arg = arg;
	spi[id - 32].si_fn = fn;
	mmio_write(gicd, cfg,
	    mmio_read(gicd, cfg) & ~(CFG_EDGE << id % 16 * 2));
	set_byte(gicd, GICD_IPRIORITYR, id, PRIORITY);
	if (md_hw.hw_gic == 3) {
		mmio_write(gicd, GICD_IGROUPR + id / 32 * 4,
		    mmio_read(gicd, GICD_IGROUPR + id / 32 * 4) |
			1u << id % 32);
		mmio_write64(gicd, GICD_IROUTER + id * 8ul,
		    md_mycpu()->mc_mpidr);
	} else
		set_byte(gicd, GICD_ITARGETSR, id,
		    (uint8_t)md_mycpu()->mc_gicmask);
	/* Before the interrupt, on whatever CPU. */
	__asm__ volatile("dsb st" : : : "memory");
	mmio_write(gicd, GICD_ISENABLER + id / 32 * 4, 1u << id % 32);
}

void
md_intr_device(u_int id)
{
	if (id - 32 < NSPI && spi[id - 32].si_fn != NULL)
		spi[id - 32].si_fn(spi[id - 32].si_arg);
}

uint32_t
md_gic_ack(void)
{
	uint32_t ack;

	if (md_hw.hw_gic == 2)
		return mmio_read(gicc, GICC_IAR);
	ack = (uint32_t)READ_ICC_IAR1();
	/* IHI 0069, 4.1.1: the effect of the read is complete. */
	__asm__ volatile("dsb sy" : : : "memory");
	return ack & 0xffffff;
}

void
md_gic_eoi(uint32_t ack)
{
	if (md_hw.hw_gic == 2)
		mmio_write(gicc, GICC_EOIR, ack);
	else
		WRITE_ICC_EOIR1(ack);
}

void
md_gic_sgi(const struct md_cpu *to, u_int id)
{
	uint64_t m = to->mc_mpidr, v;

	/* What was stored before is seen by who takes the interrupt. */
	__asm__ volatile("dsb ish" : : : "memory");
	if (md_hw.hw_gic == 2) {
		mmio_write(gicd, GICD_SGIR, to->mc_gicmask << 16 | id);
		return;
	}
	/* ICC_SGI1R_EL1: affinities 3 to 1, and a bit in a range of 16. */
	v = (m >> 32 & 0xff) << 48 | (m >> 16 & 0xff) << 32 |
	    (m >> 8 & 0xff) << 16 | (uint64_t)id << 24 | (m >> 4 & 0xf) << 44 |
	    1ul << (m & 0xf);
	if (id == MD_IPI_STOP && stop_fiq)
		WRITE_ICC_SGI0R(v);
	else
		WRITE_ICC_SGI1R(v);
	isb();
}
