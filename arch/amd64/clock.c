/*
 * clock.c: time.  The time-stamp counter is the clock of every CPU (their
 * counters start together and run alike on the machines we know); its rate
 * and the APIC timer's are measured once, against a timer of known rate.
 */
#include "amd64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

#define NSEC 1000000000ull

/* ACPI 4.8.2.1: a 24-bit counter (or more). */
#define PM_HZ   3579545ull
#define PM_MASK 0xffffffu

/* 8254 channel 2, gated and read through port 0x61. */
#define PIT_HZ   1193182ull
#define PIT_CH2  0x42
#define PIT_MODE 0x43
#define PIT_GATE 0x61

#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71

/* Constant after md_clock_init(). */
static uint64_t tsc_hz;
static uint64_t tsc_mult; /* nanoseconds in a count, times 2^32 */
static uint64_t tsc_boot;
static uint64_t wall_boot;

/* One reading of all counters, and how long it took to make. */
struct sample {
	uint64_t tsc;
	uint32_t ref;
	uint32_t lapic;
	uint64_t width;
};

uint64_t
md_cycles_ns(uint64_t cycles)
{
	return (uint64_t)((unsigned __int128)cycles * tsc_mult >> 32);
}

uint64_t
md_time_ns(void)
{
	return md_cycles_ns(md_cycles() - tsc_boot);
}

uint64_t
md_wall_ns(void)
{
	return wall_boot;
}

uint64_t
md_tsc_khz(void)
{
	return tsc_hz / 1000;
}

void
md_delay(uint64_t ns)
{
	uint64_t end = md_time_ns() + ns;

	while (md_time_ns() < end)
		md_cpu_relax();
}

static uint32_t
ref_pm(void)
{
	return inl(md_acpi.ai_pmtimer) & PM_MASK;
}

/* Counts down; the two bytes are latched together. */
static uint32_t
ref_pit(void)
{
	uint32_t lo;

	outb(PIT_MODE, 0x80);
	lo = inb(PIT_CH2);
	return 0x10000 - (lo | (uint32_t)inb(PIT_CH2) << 8);
}

/*
 * A host that runs something else between two reads falsifies a sample, so
 * the quickest of a few is taken.
 */
static struct sample
sample(uint32_t (*ref)(void))
{
	struct sample s, best = {.width = UINT64_MAX};
	uint64_t t;
	u_int i;

	for (i = 0; i < 8; i++) {
		t = md_cycles();
		s.ref = ref();
		s.lapic = md_lapic_count();
		s.tsc = md_cycles();
		s.width = s.tsc - t;
		if (s.width < best.width)
			best = s;
	}
	return best;
}

/*
 * Measure for 10 ms against ref, which runs at hz and counts up to mask.
 * False: it does not run.
 */
static bool
measure(uint32_t (*ref)(void), uint64_t hz, uint32_t mask)
{
	struct sample a, b;
	uint64_t counts;
	u_int polls;

	md_lapic_measure();
	a = sample(ref);
	for (polls = 0; ((ref() - a.ref) & mask) < hz / 100; polls++) {
		if (polls == 10000000)
			return false;
		md_cpu_relax();
	}
	b = sample(ref);
	counts = (b.ref - a.ref) & mask;
	tsc_hz = (b.tsc - a.tsc) * hz / counts;

	/*
	 * An emulator that counts instructions has a counter of exactly one
	 * nanosecond; do not let rounding hide that.
	 */
	if (tsc_hz > NSEC - NSEC / 2000 && tsc_hz < NSEC + NSEC / 2000)
		tsc_hz = NSEC;
	tsc_mult = (NSEC << 32) / tsc_hz;
	md_lapic_rate(
	    ((uint64_t)(a.lapic - b.lapic) << 32) / (counts * NSEC / hz));
	return true;
}

static void
rates_init(void)
{
	if (md_acpi.ai_pmtimer != 0 && measure(ref_pm, PM_HZ, PM_MASK))
		return;

	/* Gate on, speaker off; mode 0 from the top. */
	outb(PIT_GATE, (uint8_t)((inb(PIT_GATE) & ~2u) | 1));
	outb(PIT_MODE, 0xb0);
	outb(PIT_CH2, 0xff);
	outb(PIT_CH2, 0xff);
	if (!measure(ref_pit, PIT_HZ, 0xffff))
		panic("no timer to measure the time-stamp counter with");
}

/*
 * The wall clock: CMOS, as the PC has it since the AT (Motorola MC146818).
 */
static u_int
cmos(uint8_t reg)
{
	outb(CMOS_INDEX, reg);
	return inb(CMOS_DATA);
}

struct rtc {
	u_int sec, min, hour, day, month, year, century;
};

static struct rtc
rtc_read(void)
{
	struct rtc r;
	u_int polls;

	/* Bit 7 of register A: an update is near; it lasts 2 ms at most. */
	for (polls = 0; (cmos(0x0a) & 0x80) != 0 && polls < 100000; polls++)
		md_cpu_relax();
	r.sec = cmos(0x00);
	r.min = cmos(0x02);
	r.hour = cmos(0x04);
	r.day = cmos(0x07);
	r.month = cmos(0x08);
	r.year = cmos(0x09);
	r.century = md_acpi.ai_century != 0 ? cmos(md_acpi.ai_century) : 0;
	return r;
}

static u_int
from_bcd(u_int v)
{
	return (v >> 4) * 10 + (v & 15);
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
static uint64_t
days(u_int year, u_int month, u_int day)
{
	static const uint16_t before[12] = {0, 31, 59, 90, 120, 151, 181, 212,
	    243, 273, 304, 334};
	uint64_t y = year, n;

	n = (y - 1970) * 365 + before[month - 1] + day - 1;
	if (month <= 2)
		y--;
	return n + (y / 4 - y / 100 + y / 400) -
	       (1969 / 4 - 1969 / 100 + 1969 / 400);
}

static void
wall_init(void)
{
	struct rtc a, b = rtc_read();
	u_int mode, hour, year, tries = 0;
	bool pm;

	do {
		a = b;
		b = rtc_read();
	} while (memcmp(&a, &b, sizeof(a)) != 0 && ++tries < 10);

	/* Register B: bit 2 binary, bit 1 24 hours. */
	mode = cmos(0x0b);
	pm = (mode & 2) == 0 && (a.hour & 0x80) != 0;
	hour = a.hour & 0x7f;
	if ((mode & 4) == 0) {
		a.sec = from_bcd(a.sec);
		a.min = from_bcd(a.min);
		hour = from_bcd(hour);
		a.day = from_bcd(a.day);
		a.month = from_bcd(a.month);
		a.year = from_bcd(a.year);
		a.century = from_bcd(a.century);
	}
	if ((mode & 2) == 0)
		hour = hour % 12 + (pm ? 12 : 0);
	year = (a.century >= 19 ? a.century : 20) * 100 + a.year;
	if (year < 1970 || a.month < 1 || a.month > 12 || a.day < 1)
		return;
	wall_boot =
	    (((days(year, a.month, a.day) * 24 + hour) * 60 + a.min) * 60 +
		a.sec) *
		NSEC -
	    md_time_ns();
}

void
md_clock_init(void)
{
	rates_init();
	tsc_boot = md_cycles();
	wall_init();
}
