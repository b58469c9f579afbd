/*
 * lapic.c: interrupts: this CPU's local APIC and its timer, commands to other
 * CPUs, and the way of the console's interrupt through the I/O APIC or the
 * old 8259 pair.  SDM vol. 3, chapter 11; Intel 82093AA data sheet.
 *
 * The APIC's registers are the CPU's own; every access to more than one of
 * them has interrupts off.
 */
#include "amd64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

/* Registers, by byte offset. */
#define LAPIC_ID    0x020
#define LAPIC_TPR   0x080
#define LAPIC_EOI   0x0b0
#define LAPIC_SVR   0x0f0
#define LAPIC_ICRLO 0x300
#define LAPIC_ICRHI 0x310
#define LAPIC_TIMER 0x320
#define LAPIC_LINT0 0x350
#define LAPIC_LINT1 0x360
#define LAPIC_ERROR 0x370
#define LAPIC_INIT  0x380
#define LAPIC_COUNT 0x390
#define LAPIC_DIV   0x3e0

#define SVR_ENABLE  0x100
#define LVT_MASKED  0x10000
#define LVT_EXTINT  0x700
#define LVT_NMI     0x400
#define DIV_1       0x0b
#define ICR_PENDING 0x1000
#define ICR_NMI     0x4400 /* delivery mode NMI, level asserted */
#define ICR_FIXED   0x4000

#define APIC_BASE_X2 0x400
#define APIC_BASE_ON 0x800

/* The I/O APIC's window and the registers seen through it. */
#define IOAPIC_SEL      0x00
#define IOAPIC_WIN      0x10
#define IOAPIC_REDIR(n) (0x10 + 2 * (n))

#define PIC1 0x20
#define PIC2 0xa0

/* Constant after md_lapic_init() or md_lapic_rate(). */
static char *lapic, *ioapic;
static uint64_t timer_rate; /* counts in a nanosecond, times 2^32 */

static uint32_t
lapic_read(u_int reg)
{
	return *(volatile uint32_t *)(void *)(lapic + reg);
}

static void
lapic_write(u_int reg, uint32_t v)
{
	*(volatile uint32_t *)(void *)(lapic + reg) = v;
}

/* Move both PICs off the exceptions' vectors and mask all but mask. */
static void
pic_init(uint8_t mask)
{
	outb(PIC1, 0x11);
	outb(PIC2, 0x11);
	outb(PIC1 + 1, IRQ_BASE);
	outb(PIC2 + 1, IRQ_BASE + 8);
	outb(PIC1 + 1, 1 << 2);
	outb(PIC2 + 1, 2);
	outb(PIC1 + 1, 1);
	outb(PIC2 + 1, 1);
	outb(PIC1 + 1, (uint8_t)~mask);
	outb(PIC2 + 1, 0xff);
}

void
md_lapic_init(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	if ((base & APIC_BASE_X2) != 0)
		panic("the firmware left the APIC in x2APIC mode");
	lapic = md_map_device(trunc_page(base & PTE_FRAME), PAGE_SIZE);
	if (md_acpi.ai_ioapic != 0)
		ioapic = md_map_device(md_acpi.ai_ioapic, 0x20);
	pic_init(ioapic != NULL ? 0 : 1 << IRQ_COM1);
}

uint32_t
md_lapic_enable(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_ON);
	lapic_write(LAPIC_SVR, SVR_ENABLE | VEC_SPURIOUS);
	lapic_write(LAPIC_TPR, 0);
	lapic_write(LAPIC_LINT0, LVT_MASKED);
	lapic_write(LAPIC_LINT1, LVT_MASKED);
	lapic_write(LAPIC_ERROR, LVT_MASKED);
	lapic_write(LAPIC_DIV, DIV_1);
	lapic_write(LAPIC_INIT, 0);
	lapic_write(LAPIC_TIMER, VEC_TIMER);
	lapic_write(LAPIC_EOI, 0);
	return lapic_read(LAPIC_ID) >> 24;
}

void
md_lapic_eoi(void)
{
	lapic_write(LAPIC_EOI, 0);
}

void
md_lapic_icr(uint32_t apicid, uint32_t cmd)
{
	bool on = md_intr_disable();

	/* Both before, for a command in flight, and after, for an NMI's. */
	while ((lapic_read(LAPIC_ICRLO) & ICR_PENDING) != 0)
		md_cpu_relax();
	lapic_write(LAPIC_ICRHI, apicid << 24);
	lapic_write(LAPIC_ICRLO, cmd);
	md_intr_restore(on);
}

void
md_ipi(u_int cpu, enum md_ipi_kind kind)
{
	struct md_cpu *mc;

	KASSERT(cpu < MAXCPU && cpu_table[cpu] != NULL);
	KASSERT(kind < MD_NIPI);
	mc = container_of(cpu_table[cpu], struct md_cpu, mc_cpu);
	md_lapic_icr(mc->mc_apicid,
	    kind == MD_IPI_STOP ? ICR_NMI : ICR_FIXED | (VEC_IPI + kind));
}

/*
 * The timer.
 */
void
md_lapic_measure(void)
{
	lapic_write(LAPIC_TIMER, LVT_MASKED | VEC_TIMER);
	lapic_write(LAPIC_INIT, UINT32_MAX);
}

uint32_t
md_lapic_count(void)
{
	return lapic_read(LAPIC_COUNT);
}

void
md_lapic_rate(uint64_t rate)
{
	timer_rate = rate;
	lapic_write(LAPIC_INIT, 0);
	lapic_write(LAPIC_TIMER, VEC_TIMER);
}

/* Start counting towards the deadline, or part of the way if it is far. */
static void
timer_start(uint64_t when, uint64_t now)
{
	unsigned __int128 count = 1;

	if (when > now)
		count += (unsigned __int128)(when - now) * timer_rate >> 32;
	lapic_write(LAPIC_INIT,
	    count > UINT32_MAX ? UINT32_MAX : (uint32_t)count);
}

void
md_timer_set(uint64_t when)
{
	struct md_cpu *mc;
	bool on = md_intr_disable();

	mc = md_mycpu();
	mc->mc_deadline = when;
	if (when == UINT64_MAX)
		lapic_write(LAPIC_INIT, 0);
	else
		timer_start(when, md_time_ns());
	md_intr_restore(on);
}

void
md_lapic_timer(void)
{
	struct md_cpu *mc = md_mycpu();
	uint64_t now, when = mc->mc_deadline;

	if (when == UINT64_MAX)
		return;
	now = md_time_ns();
	if (now < when) {
		timer_start(when, now);
		return;
	}
	mc->mc_deadline = UINT64_MAX;
	cpu_clock();
}

/*
 * What comes from outside: the console's interrupt, and NMIs.
 */
static void
ioapic_write(u_int reg, uint32_t v)
{
	*(volatile uint32_t *)(void *)(ioapic + IOAPIC_SEL) = reg;
	*(volatile uint32_t *)(void *)(ioapic + IOAPIC_WIN) = v;
}

void
md_intr_route(void)
{
	u_int pin = md_acpi.ai_com1_gsi - md_acpi.ai_ioapic_gsi;
	uint32_t low = VEC_COM1;

	lapic_write(LAPIC_LINT1, LVT_NMI);
	if (ioapic == NULL) {
		lapic_write(LAPIC_LINT0, LVT_EXTINT);
		return;
	}
	/* MADT: polarity 3 is active low, trigger 3 is level. */
	if ((md_acpi.ai_com1_flags & 3) == 3)
		low |= 1u << 13;
	if ((md_acpi.ai_com1_flags >> 2 & 3) == 3)
		low |= 1u << 15;
	ioapic_write(IOAPIC_REDIR(pin), LVT_MASKED);
	ioapic_write(IOAPIC_REDIR(pin) + 1, md_mycpu()->mc_apicid << 24);
	ioapic_write(IOAPIC_REDIR(pin), low);
}

void
md_pic_eoi(void)
{
	if (ioapic == NULL)
		outb(PIC1, 0x60 | IRQ_COM1);
}
