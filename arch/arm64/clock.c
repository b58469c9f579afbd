/*
 * clock.c: time.  The virtual counter is one for all CPUs and has a known
 * rate, CNTFRQ_EL0; each CPU has a timer that compares with it (Arm ARM,
 * D11, "The Generic Timer in AArch64 state").  The wall clock is a PL031.
 */
#include "arm64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

#define NSEC 1000000000ull

#define TIMER_ON   1u
#define TIMER_MASK 2u

#define RTC_DR 0x00 /* seconds since the Epoch */

/* Constant after md_clock_init() and md_wall_init(). */
static uint64_t mult;  /* nanoseconds in a count, times 2^32 */
static uint64_t rmult; /* counts in a nanosecond, times 2^32 */
static uint64_t boot;
static uint64_t wall_boot;

uint64_t
md_cycles_ns(uint64_t cycles)
{
	return (uint64_t)((unsigned __int128)cycles * mult >> 32);
}

/*
 * ISB: the counter is not read before what came first in the program, so
 * that a time handed from CPU to CPU never runs backwards.
 */
uint64_t
md_time_ns(void)
{
	isb();
	return md_cycles_ns(md_cycles() - boot);
}

uint64_t
md_wall_ns(void)
{
	return wall_boot;
}

void
md_clock_init(void)
{
	uint64_t hz = READ_SYSREG(cntfrq_el0);

	if (hz == 0 || hz >> 32 != 0)
		panic("the rate of the counter is %lu", hz);
	mult = (NSEC << 32) / hz;
	rmult = (hz << 32) / NSEC;
	isb();
	boot = md_cycles();
}

void
md_wall_init(void)
{
	void *rtc;

	if (md_hw.hw_rtc == 0)
		return;
	rtc = md_map_device(md_hw.hw_rtc, PAGE_SIZE);
	wall_boot = mmio_read(rtc, RTC_DR) * NSEC - md_time_ns();
}

/* Programs may read the virtual counter (CNTKCTL_EL1.EL0VCTEN). */
void
md_clock_enable(void)
{
	WRITE_SYSREG(cntkctl_el1, 2);
	WRITE_SYSREG(cntv_ctl_el0, TIMER_MASK);
	if (md_hw.hw_timerirq < 16 || md_hw.hw_timerirq >= 32)
		panic("no virtual timer");
	md_gic_local(md_hw.hw_timerirq);
}

/* One more than exact, so that it is never early. */
void
md_timer_set(uint64_t when)
{
	uint64_t counts;

	if (when == UINT64_MAX) {
		WRITE_SYSREG(cntv_ctl_el0, TIMER_MASK);
		return;
	}
	counts = (uint64_t)((unsigned __int128)when * rmult >> 32) + 1;
	WRITE_SYSREG(cntv_cval_el0, boot + counts);
	WRITE_SYSREG(cntv_ctl_el0, TIMER_ON);
	isb();
}

/* The line stays up until the timer is told something new. */
void
md_clock_intr(void)
{
	WRITE_SYSREG(cntv_ctl_el0, TIMER_MASK);
	isb();
	cpu_clock();
}
