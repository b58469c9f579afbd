/*
 * misc.c: the end of the machine, call chains, page contents, entropy.
 */
#include "amd64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

/* QEMU's isa-debugcon and isa-debug-exit, where a run script puts them. */
#define PORT_STATUS 0xe9
#define PORT_EXIT   0xf4

#define BACKTRACE_MAX 32

/*
 * The status goes out as text, because the exit device can say nothing even,
 * then by that device, and if there is none the power is switched off.
 */
void
md_halt(int status)
{
	char line[32];
	const char *p;

	(void)md_intr_disable();
	md_console_flush();
	ksnprintf(line, sizeof(line), "exit %d\n", status & 0xff);
	for (p = line; *p != '\0'; p++)
		outb(PORT_STATUS, (uint8_t)*p);
	outb(PORT_EXIT, (uint8_t)status);
	md_acpi_off();
	for (;;)
		__asm__ volatile("cli; hlt" : : : "memory");
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

void
md_page_zero(void *page)
{
	u_long n = PAGE_SIZE / 8;

	KASSERT(((uintptr_t)page & PAGE_MASK) == 0);
	__asm__ volatile("rep stosq"
			 : "+D"(page), "+c"(n)
			 : "a"(0ul)
			 : "memory");
}

void
md_page_copy(void *dst, const void *src)
{
	u_long n = PAGE_SIZE / 8;

	KASSERT((((uintptr_t)dst | (uintptr_t)src) & PAGE_MASK) == 0);
	__asm__ volatile("rep movsq"
			 : "+D"(dst), "+S"(src), "+c"(n)
			 :
			 : "memory");
}

/* SDM vol. 1, 7.3.17: ten failures in a row mean that it is broken. */
static bool
rdrand(uint64_t *v)
{
	u_int tries;
	uint8_t ok;

	for (tries = 0; tries < 10; tries++) {
		__asm__ volatile("rdrand %0; setc %1" : "=r"(*v), "=qm"(ok));
		if (ok)
			return true;
	}
	return false;
}

/*
 * RDRAND where there is one: QEMU's follows its -seed.  Otherwise the jitter
 * of the time-stamp counter, stirred (the multipliers are those of
 * SplitMix64, Steele et al. 2014): enough to spread addresses, not for keys.
 */
void
md_entropy(void *buf, size_t len)
{
	static _Atomic(uint64_t) pool;
	uint64_t v, old;
	char *p = buf;
	size_t n;

	while (len > 0) {
		if (!md_feat.cf_rdrand || !rdrand(&v)) {
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
