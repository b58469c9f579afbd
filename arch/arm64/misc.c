/*
 * misc.c: the end of the machine, page contents, random numbers.
 */
#include "arm64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

/* Semihosting calls. */
#define SYS_WRITE0 0x04
#define SYS_EXIT   0x18
#define EXIT_APP   0x20026 /* ADP_Stopped_ApplicationExit */

/*
 * The status goes out as text, to the host's debug console, which a run
 * script points to a file; then as an exit status; and if nobody listens, the
 * power is switched off.
 */
void
md_halt(int status)
{
	uint64_t block[2] = {EXIT_APP, (u_int)status & 0xff};
	char line[32];

	(void)md_intr_disable();
	md_console_flush();
	ksnprintf(line, sizeof(line), "exit %d\n", status & 0xff);
	(void)md_semihost(SYS_WRITE0, line);
	(void)md_semihost(SYS_EXIT, block);
	(void)md_psci_call(PSCI_SYSTEM_OFF, 0, 0, 0);
	for (;;)
		__asm__ volatile("wfi" : : : "memory");
}

/* DC ZVA clears a block, whose size the CPU chose, without reading it. */
void
md_page_zero(void *page)
{
	char *p = page, *end = p + PAGE_SIZE;
	u_long zva = md_feat.cf_zva;

	KASSERT(((uintptr_t)page & PAGE_MASK) == 0);
	if (zva != 0 && zva <= PAGE_SIZE) {
		for (; p < end; p += zva)
			__asm__ volatile("dc zva, %0" : : "r"(p) : "memory");
		return;
	}
	for (; p < end; p += 64)
		__asm__ volatile("stp xzr, xzr, [%0]\n\t"
				 "stp xzr, xzr, [%0, #16]\n\t"
				 "stp xzr, xzr, [%0, #32]\n\t"
				 "stp xzr, xzr, [%0, #48]"
				 :
				 : "r"(p)
				 : "memory");
}

/* 64 bytes from %1 + off to %0 + off. */
#define COPY_64(off)                                                           \
	"ldp x3, x4, [%1, #" #off "]\n\t"                                      \
	"ldp x5, x6, [%1, #" #off " + 16]\n\t"                                 \
	"ldp x7, x8, [%1, #" #off " + 32]\n\t"                                 \
	"ldp x9, x10, [%1, #" #off " + 48]\n\t"                                \
	"stp x3, x4, [%0, #" #off "]\n\t"                                      \
	"stp x5, x6, [%0, #" #off " + 16]\n\t"                                 \
	"stp x7, x8, [%0, #" #off " + 32]\n\t"                                 \
	"stp x9, x10, [%0, #" #off " + 48]\n\t"

void
md_page_copy(void *dst, const void *src)
{
	u_long n = PAGE_SIZE;

	KASSERT((((uintptr_t)dst | (uintptr_t)src) & PAGE_MASK) == 0);
	__asm__ volatile("1:\n\t" COPY_64(0) COPY_64(64) COPY_64(128)
			     COPY_64(192) "add %1, %1, #256\n\t"
					  "subs %2, %2, #256\n\t"
					  "add %0, %0, #256\n\t"
					  "b.ne 1b"
			 : "+r"(dst), "+r"(src), "+r"(n)
			 :
			 : "memory", "cc", "x3", "x4", "x5", "x6", "x7", "x8",
			 "x9", "x10");
}

/* RNDR (Arm ARM, D17.2): Z is set when there was none in time. */
bool
md_random(uint64_t *v)
{
	u_int tries, none;

	for (tries = 0; md_feat.cf_rndr && tries < 10; tries++) {
		__asm__ volatile("mrs %0, S3_3_C2_C4_0; cset %w1, eq"
				 : "=r"(*v), "=r"(none)
				 :
				 : "cc");
		if (!none)
			return true;
	}
	return false;
}
