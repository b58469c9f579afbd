/*
 * misc.c: the command line, the direct map's pieces, call chains, entropy.
 */
#include "common.h"

#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

#define BACKTRACE_MAX 32
#define NDIRECT       64

char md_bootline[2048];

/* Pieces of the physical address space that the direct map shows; constant
 * after boot. */
static struct {
	paddr_t start, end;
} direct[NDIRECT];
static u_int ndirect;

const char *
md_cmdline(const char *name)
{
	size_t len = strlen(name);
	const char *p;

	for (p = md_bootline; *p != '\0'; p++) {
		if ((p == md_bootline || p[-1] == ' ') &&
		    strncmp(p, name, len) == 0 && p[len] == '=')
			return p + len + 1;
	}
	return NULL;
}

uintptr_t
md_fixup(uintptr_t pc)
{
	extern const struct ex_entry __ex_start[], __ex_end[];
	const struct ex_entry *ex;

	for (ex = __ex_start; ex < __ex_end; ex++) {
		if (pc >= ex->ex_start && pc < ex->ex_end)
			return ex->ex_fixup;
	}
	return 0;
}

void
md_map_setdirect(paddr_t start, paddr_t end)
{
	if (ndirect == NDIRECT)
		panic("memory in more than %u pieces", NDIRECT);
	direct[ndirect].start = start;
	direct[ndirect].end = end;
	ndirect++;
}

bool
md_map_isdirect(paddr_t pa, size_t len)
{
	u_int i;

	for (i = 0; i < ndirect; i++) {
		if (pa >= direct[i].start && pa < direct[i].end)
			return direct[i].end - pa >= len;
	}
	return false;
}

const char *
md_symbol(uintptr_t pc, uintptr_t *off)
{
	u_int lo = 0, hi = md_nksyms, mid;

	*off = 0;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (MD_KERNBASE + md_ksyms[mid].ks_addr <= pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return NULL;
	*off = pc - MD_KERNBASE - md_ksyms[lo - 1].ks_addr;
	return md_ksymstr + md_ksyms[lo - 1].ks_name;
}

/* Print pc, named after the function that at lies in. */
static void
print_pc(uintptr_t pc, uintptr_t at)
{
	uintptr_t off;
	const char *name = md_symbol(at, &off);

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
	return p >= MD_DIRECT_BASE && p < MD_KERNBASE &&
	       md_map_isdirect(p - MD_DIRECT_BASE, 16);
}

/*
 * A frame record is the caller's record and the return address, for both
 * machines (System V ABI for x86-64, 3.2.2; AAPCS64, 6.4.6).
 */
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

u_int
md_interrupted(const char **names, u_int max)
{
	extern char __text_start[], __text_end[];
	const uintptr_t *fp = __builtin_frame_address(0);
	bool exact = false; /* an address that was interrupted, not called */
	uintptr_t off;
	u_int n = 0;

	for (; n < max && readable((uintptr_t)fp); fp = (uintptr_t *)fp[0]) {
		if (fp[1] < (uintptr_t)__text_start ||
		    fp[1] >= (uintptr_t)__text_end)
			break;
		if (fp[1] == (uintptr_t)md_interrupt_return) {
			exact = true;
			continue;
		}
		if (n > 0 || exact)
			names[n++] = md_symbol(fp[1] - !exact, &off);
		exact = false;
	}
	return n;
}

/*
 * The CPU's own, which under QEMU follows -seed.  Otherwise the jitter of the
 * counter, stirred (the multipliers are those of SplitMix64, Steele et al.
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
		if (!md_random(&v)) {
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
