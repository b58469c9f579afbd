/*
 * port_mmu.c (vmsim): translation.  The kernel's calls become what the
 * processor of the table format would do, on the software MMU of this CPU.
 *
 * A user instruction is one step: translation and access together, as on a
 * processor that takes interrupts between instructions only.  The tables may
 * change before and after, not in between; what the walk caches keep is
 * what could have been read earlier.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sys/errno.h>
#include <base/cpu.h>
#include <base/print.h>
#include <kern/trap.h>
#include <phys/page.h>
#include <port/machdep.h>

#include "sim.h"

paddr_t sim_ram;

static const char format_name[] = SIM_FORMAT;
static bool broadcasts;

/*
 * What is read through an entry depends on it, which orders the two on every
 * machine; an acquire says so to the engine.  (It says a little too much: the
 * kernel on this CPU learns from it, too.)
 */
static uint64_t
load(uint64_t pa)
{
	return det_load(md_direct(pa), 8, __ATOMIC_ACQUIRE);
}

static bool
cas(uint64_t pa, uint64_t old, uint64_t new)
{
	return det_cas(md_direct(pa), 8, &old, new, __ATOMIC_RELAXED,
	    __ATOMIC_RELAXED);
}

static uint64_t
peek(uint64_t pa)
{
	return *(uint64_t *)md_direct(pa);
}

static void
violation(const char *fmt, ...)
{
	char buf[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof buf, fmt, ap);
	va_end(ap);
	det_fail("%s", buf);
}

void
sim_mmu_init(void)
{
	struct mmu_machine mm = {.mm_format = mmu_format_named(format_name),
	    .mm_ncpu = sim_ncpu,
	    .mm_rambase = sim_ram,
	    .mm_ramlen = sim_ramlen,
	    .mm_hwflags = !script.sc_swflags,
	    .mm_evict = script.sc_evict,
	    .mm_speculate = script.sc_nspec != 0,
	    .mm_load = load,
	    .mm_cas = cas,
	    .mm_peek = peek,
	    .mm_violation = violation,
	    .mm_choose = det_choose,
	    .mm_save = det_save,
	    .mm_clock = det_clock,
	    .mm_ordered = det_ordered};

	mmu_init(&mm);
	broadcasts = mm.mm_format->fm_bbm;
}

void
md_root_load(paddr_t root, u_int asid)
{
	u_int cpu = curcpu()->cpu_id;

	KASSERT(root != 0 && asid < md_asid_count());
	det_note("root := %#lx, asid %u", (u_long)root, asid);
	simcpus[cpu].sc_asid = asid;
	det_atomic_begin();
	mmu_root(cpu, root, asid);
	if (md_asid_count() == 1)
		mmu_flush_all(cpu);
	det_atomic_end();
	sim_speculate();
}

void
md_root_kernel(void)
{
	u_int cpu = curcpu()->cpu_id;

	det_note("root := the kernel's");
	simcpus[cpu].sc_asid = 0;
	det_atomic_begin();
	mmu_root(cpu, 0, 0);
	if (md_asid_count() == 1)
		mmu_flush_all(cpu);
	det_atomic_end();
}

u_int
md_asid_count(void)
{
	return script.sc_asids;
}

void
sim_speculate(void)
{
	unsigned i;

	if (!det_exploring())
		return;
	det_atomic_begin();
	for (i = 0; i < script.sc_nspec; i++)
		mmu_speculate(curcpu()->cpu_id, script.sc_spec[i]);
	det_atomic_end();
}

/*
 * On riscv64 SFENCE.VMA with an address leaves pointers to tables cached, so
 * a port has to name the whole ASID.
 */
static void
flush_page(u_int cpu, u_int asid, vaddr_t va)
{
	det_atomic_begin();
	if (mmu_format_named(format_name)->fm_caches_absent)
		mmu_flush_asid(cpu, asid);
	else
		mmu_flush_page(cpu, asid, va);
	det_atomic_end();
}

static void
flush_asid(u_int cpu, u_int asid)
{
	det_atomic_begin();
	mmu_flush_asid(cpu, asid);
	det_atomic_end();
}

void
md_tlb_flush_pages(const u_int *asids, const vaddr_t *vas, u_int n)
{
	u_int i;

	for (i = 0; i < n; i++) {
		det_note("flush %#lx of asid %u here", (u_long)vas[i],
		    asids[i]);
		flush_page(curcpu()->cpu_id, asids[i], vas[i]);
	}
}

void
md_tlb_flush_asid(u_int asid)
{
	det_note("flush asid %u here", asid);
	flush_asid(curcpu()->cpu_id, asid);
}

void
md_tlb_flush_kernel(void)
{
	det_note("flush everything here");
	det_atomic_begin();
	mmu_flush_all(curcpu()->cpu_id);
	det_atomic_end();
}

bool
md_tlb_broadcast(void)
{
	return broadcasts;
}

void
md_tlb_flush_pages_all(const u_int *asids, const vaddr_t *vas, u_int n)
{
	u_int cpu, i;

	det_fence(__ATOMIC_SEQ_CST); /* DSB ISHST */
	det_publish();
	for (i = 0; i < n; i++) {
		det_note("flush %#lx of asid %u on all CPUs", (u_long)vas[i],
		    asids[i]);
		for (cpu = 0; cpu < sim_ncpu; cpu++)
			flush_page(cpu, asids[i], vas[i]);
	}
	det_barrier(); /* DSB ISH */
}

void
md_tlb_flush_asid_all(u_int asid)
{
	u_int cpu;

	det_fence(__ATOMIC_SEQ_CST); /* DSB ISHST */
	det_publish();
	det_note("flush asid %u on all CPUs", asid);
	for (cpu = 0; cpu < sim_ncpu; cpu++)
		flush_asid(cpu, asid);
	det_barrier(); /* DSB ISH */
}

void
md_icache_sync(void *va __unused, size_t len __unused)
{
}

#define CALLER() ((uintptr_t)__builtin_return_address(0))

void
md_page_zero(void *page)
{
	det_access_at(page, PAGE_SIZE, true, CALLER());
	memset(page, 0, PAGE_SIZE);
}

void
md_page_copy(void *dst, const void *src)
{
	det_access_at(src, PAGE_SIZE, false, CALLER());
	det_access_at(dst, PAGE_SIZE, true, CALLER());
	memcpy(dst, src, PAGE_SIZE);
}

/*
 * Accesses.
 */

/*
 * User memory is touched in all sizes; the engine sees aligned words of eight
 * bytes.  Inside a step.
 */
uint64_t
sim_load(paddr_t pa, unsigned size)
{
	uint64_t word;

	word = det_load(md_direct(pa & ~7ull), 8, __ATOMIC_RELAXED);
	word >>= (pa & 7) * 8;
	return size == 8 ? word : word & ((1ull << size * 8) - 1);
}

void
sim_store(paddr_t pa, unsigned size, uint64_t val)
{
	uint64_t *p = md_direct(pa & ~7ull), mask = ~0ull;

	if (size < 8) {
		mask = ((1ull << size * 8) - 1) << (pa & 7) * 8;
		val <<= (pa & 7) * 8;
	}
	det_store(p, 8, (*p & ~mask) | (val & mask), __ATOMIC_RELAXED);
}

/* One instruction; interrupts are off in user mode and on in copies. */
enum mmu_fault
sim_access_once(vaddr_t va, unsigned size, unsigned access, uint64_t *val)
{
	static const uint64_t instruction;
	enum mmu_fault fault;
	uint64_t pa;

	det_point(&instruction, false, "");
	det_atomic_begin();
	fault = mmu_translate(curcpu()->cpu_id, va, access, &pa);
	if (fault == MMU_OK) {
		if (size != 0 && (access & MMU_WRITE) != 0)
			sim_store(pa, size, *val);
		else if (size != 0)
			*val = sim_load(pa, size);
	}
	det_atomic_end();
	return fault;
}

/* Where an invalid entry may be cached (riscv64): SFENCE.VMA of it. */
void
sim_fault_done(vaddr_t va)
{
	u_int cpu = curcpu()->cpu_id;

	if (!mmu_format_named(format_name)->fm_caches_absent)
		return;
	det_atomic_begin();
	mmu_flush_page(cpu, simcpus[cpu].sc_asid, trunc_page(va));
	det_atomic_end();
}

static vm_prot_t
prot_of(unsigned access)
{
	return (access & MMU_WRITE) != 0  ? PROT_WRITE
	       : (access & MMU_EXEC) != 0 ? PROT_EXEC
					  : PROT_READ;
}

int
sim_access(vaddr_t va, unsigned size, unsigned access, uint64_t *val)
{
	unsigned tries;
	int error;

	for (tries = 0; tries < 64; tries++) {
		if (sim_access_once(va, size, access, val) == MMU_OK)
			return 0;
		error = kern_copy_fault(va, prot_of(access));
		sim_fault_done(va);
		if (error != 0)
			return error;
	}
	det_fail("the access to %#lx faults for ever", (u_long)va);
	return EFAULT;
}

static bool
user_range(vaddr_t va, size_t len)
{
	return len <= VM_MAXUSER_ADDRESS && va <= VM_MAXUSER_ADDRESS - len;
}

/* The largest aligned unit that fits at va. */
static unsigned
unit(vaddr_t va, size_t len)
{
	unsigned n = 8;

	while (n > len || (va & (n - 1)) != 0)
		n >>= 1;
	return n;
}

int
md_copyin(vaddr_t from, void *to, size_t len)
{
	uint64_t val = 0;
	unsigned n;
	int error;

	if (!user_range(from, len))
		return EFAULT;
	det_access_at(to, len, true, CALLER());
	for (; len > 0; len -= n, from += n, to = (char *)to + n) {
		n = unit(from, len);
		error = sim_access(from, n, MMU_READ, &val);
		if (error != 0)
			return EFAULT;
		memcpy(to, &val, n);
	}
	return 0;
}

int
md_copyout(const void *from, vaddr_t to, size_t len)
{
	uint64_t val;
	unsigned n;
	int error;

	if (!user_range(to, len))
		return EFAULT;
	det_access_at(from, len, false, CALLER());
	for (; len > 0; len -= n, to += n, from = (const char *)from + n) {
		n = unit(to, len);
		val = 0;
		memcpy(&val, from, n);
		error = sim_access(to, n, MMU_WRITE, &val);
		if (error != 0)
			return EFAULT;
	}
	return 0;
}

int
md_copyinstr(vaddr_t from, char *to, size_t max, size_t *lenp)
{
	uint64_t val = 0;
	size_t i;

	for (i = 0; i < max; i++) {
		if (!user_range(from + i, 1) ||
		    sim_access(from + i, 1, MMU_READ, &val) != 0)
			return EFAULT;
		det_access_at(&to[i], 1, true, CALLER());
		to[i] = (char)val;
		if (to[i] == '\0') {
			if (lenp != NULL)
				*lenp = i + 1;
			return 0;
		}
	}
	return ENAMETOOLONG;
}

int
md_fetch32(vaddr_t va, uint32_t *valp)
{
	uint64_t val = 0;

	if (!user_range(va, 4) || sim_access(va, 4, MMU_READ, &val) != 0)
		return EFAULT;
	*valp = (uint32_t)val;
	return 0;
}

int
md_cas32(vaddr_t va, uint32_t want, uint32_t new, uint32_t *oldp)
{
	uint64_t val = 0, old, pa;

	if (!user_range(va, 4))
		return EFAULT;
	do {
		/* Make it writable, then do it in one step. */
		if (sim_access(va, 4, MMU_READ, &val) != 0)
			return EFAULT;
		det_atomic_begin();
		if (mmu_translate(curcpu()->cpu_id, va, MMU_WRITE, &pa) ==
		    MMU_OK) {
			old = sim_load(pa, 4);
			if (old == want)
				sim_store(pa, 4, new);
			det_fence(__ATOMIC_SEQ_CST);
			det_atomic_end();
			*oldp = (uint32_t)old;
			return 0;
		}
		det_atomic_end();
	} while (kern_copy_fault(va, PROT_WRITE) == 0);
	return EFAULT;
}
