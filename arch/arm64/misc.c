/*
 * misc.c: the end of the machine, call chains, page contents, entropy.
 */
#include "arm64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

/* Semihosting calls. */
#define SYS_WRITE0 0x04
#define SYS_EXIT   0x18
#define EXIT_APP   0x20026 /* ADP_Stopped_ApplicationExit */

#define BACKTRACE_MAX 32

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

/* The nearest symbol at or below pc; NULL: none known. */
static const char *
symbol(uintptr_t pc, uintptr_t *off)
{
	u_int lo = 0, hi = md_nksyms, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (KERNBASE + md_ksyms[mid].ks_addr <= pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return NULL;
	*off = pc - KERNBASE - md_ksyms[lo - 1].ks_addr;
	return md_ksymstr + md_ksyms[lo - 1].ks_name;
}

/* Print pc, named after the function that at lies in. */
static void
print_pc(uintptr_t pc, uintptr_t at)
{
	uintptr_t off;
	const char *name = symbol(at, &off);

	if (name != NULL)
		kprintf("  %#lx %s+%#lx\n", pc, name, off + (pc - at));
	else
		kprintf("  %#lx\n", pc);
}

/* Whether [p, p + 16) is memory that certainly can be read. */
static bool
readable(uintptr_t p)
{
	extern char __rodata_end[], __end[];

	if ((p & 7) != 0)
		return false;
	if (p >= (uintptr_t)__rodata_end && p + 16 <= (uintptr_t)__end)
		return true;
	return p >= MD_DIRECT_BASE && p < KERNBASE &&
	       md_map_isdirect(p - MD_DIRECT_BASE, 16);
}

/* A frame record is the caller's and the return address (AAPCS64, 6.4.6). */
void
md_backtrace(void)
{
	extern char __text_start[], __text_end[];
	const uintptr_t *fp = __builtin_frame_address(0);
	u_int n;

	for (n = 0; n < BACKTRACE_MAX && readable((uintptr_t)fp); n++) {
		if (fp[1] < (uintptr_t)__text_start ||
		    fp[1] >= (uintptr_t)__text_end)
			break;
		/* A call that does not return may be the last instruction. */
		print_pc(fp[1], fp[1] - 1);
		fp = (const uintptr_t *)fp[0];
	}
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

void
md_page_copy(void *dst, const void *src)
{
	u_long n = PAGE_SIZE;

	KASSERT((((uintptr_t)dst | (uintptr_t)src) & PAGE_MASK) == 0);
	__asm__ volatile("1:	ldp x3, x4, [%1]\n\t"
			 "ldp x5, x6, [%1, #16]\n\t"
			 "ldp x7, x8, [%1, #32]\n\t"
			 "ldp x9, x10, [%1, #48]\n\t"
			 "add %1, %1, #64\n\t"
			 "subs %2, %2, #64\n\t"
			 "stp x3, x4, [%0]\n\t"
			 "stp x5, x6, [%0, #16]\n\t"
			 "stp x7, x8, [%0, #32]\n\t"
			 "stp x9, x10, [%0, #48]\n\t"
			 "add %0, %0, #64\n\t"
			 "b.ne 1b"
			 : "+r"(dst), "+r"(src), "+r"(n)
			 :
			 : "memory", "cc", "x3", "x4", "x5", "x6", "x7", "x8",
			 "x9", "x10");
}

/* RNDR (Arm ARM, D17.2): Z is set when there was none in time. */
static bool
rndr(uint64_t *v)
{
	u_int tries, none;

	for (tries = 0; tries < 10; tries++) {
		__asm__ volatile("mrs %0, S3_3_C2_C4_0; cset %w1, eq"
				 : "=r"(*v), "=r"(none)
				 :
				 : "cc");
		if (!none)
			return true;
	}
	return false;
}

/*
 * RNDR where there is one: QEMU's follows its -seed.  Otherwise the jitter of
 * the counter, stirred (the multipliers are those of SplitMix64, Steele et al.
 * 2014): enough to spread addresses, not for keys.
 */
void
md_entropy(void *buf, size_t len)
{
	static _Atomic(uint64_t) pool;
	uint64_t v, old;
	char *p = buf;
	size_t n;

	while (len > 0) {
		if (!md_feat.cf_rndr || !rndr(&v)) {
			old = atomic_fetch_add_explicit(&pool, md_cycles() | 1,
			    memory_order_relaxed);
			v = old ^ md_cycles();
			v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9ul;
			v = (v ^ v >> 27) * 0x94d049bb133111ebul;
			v ^= v >> 31;
		}
		n = MIN(len, sizeof(v));
		memcpy(p, &v, n);
		p += n;
		len -= n;
	}
}
