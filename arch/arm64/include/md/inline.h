/*
 * inline.h (arm64): the part of the machine contract that must be inline.
 *
 * TPIDR_EL1 holds the current thread, whose first words (struct md_thread;
 * asserted in cpu.c) name the CPU it runs on.  So both answers take one
 * register, which an entry from user mode need not load: the thread that
 * enters is the one that left.
 */
#ifndef MD_INLINE_H
#define MD_INLINE_H

#include <sys/types.h>

struct cpu;
struct thread;

/* Where the kernel sees all of RAM: the first address of the upper half. */
#define MD_DIRECT_BASE 0xffff000000000000UL

/*
 * What a switch saves besides the stack.  The frame and the floating-point
 * state of a user thread lie at the top of its kernel stack.
 *
 * Protection:
 *	s	the scheduler, at each switch to the thread
 *	o	the thread itself, or whoever creates it before it runs
 */
struct md_thread {
	struct cpu *md_cpu; /* [s] that it runs on */
	uint64_t md_sp;     /* [o] stack pointer while it is off its CPU */
	uint64_t md_tls;    /* [o] TPIDR_EL0 while it is off its CPU */
	bool md_step;       /* [o] a debugger steps it */
};

/*
 * Not volatile: the answer never changes under a thread, so the compiler may
 * keep it across calls.
 */
static inline struct thread *
md_curthread(void)
{
	struct thread *td;

	__asm__("mrs %0, tpidr_el1" : "=r"(td));
	return td;
}

/* The thread may be elsewhere between the two: the word is then new. */
static inline struct cpu *
md_curcpu(void)
{
	struct cpu *c;

	__asm__ volatile("mrs %0, tpidr_el1; ldr %0, [%0]"
			 : "=r"(c)
			 :
			 : "memory");
	return c;
}

/* On this CPU; td's stack is not running yet. */
static inline void
md_setcurthread(struct thread *td)
{
	((struct md_thread *)(void *)td)->md_cpu = md_curcpu();
	__asm__ volatile("msr tpidr_el1, %0" : : "r"(td) : "memory");
}

/* PSTATE.I, as DAIF shows it. */
#define MD_DAIF_I 0x80UL

static inline bool
md_intr_enabled(void)
{
	u_long daif;

	__asm__ volatile("mrs %0, daif" : "=r"(daif) : : "memory");
	return (daif & MD_DAIF_I) == 0;
}

#define MD_INTR_INLINE 1 /* see <port/tier1.h> */

static inline bool
md_intr_disable(void)
{
	u_long daif;

	__asm__ volatile("mrs %0, daif; msr daifset, #2"
			 : "=r"(daif)
			 :
			 : "memory");
	return (daif & MD_DAIF_I) == 0;
}

static inline void
md_intr_restore(bool on)
{
	if (on)
		__asm__ volatile("msr daifclr, #2" : : : "memory");
}

static inline void
md_cpu_relax(void)
{
	__asm__ volatile("yield" : : : "memory");
}

static inline void *
md_direct(paddr_t pa)
{
	return (void *)(MD_DIRECT_BASE + pa);
}

static inline paddr_t
md_direct_pa(const void *p)
{
	return (uintptr_t)p - MD_DIRECT_BASE;
}

/* Where a byte of the kernel's image lies: it was loaded at md_image_pa. */
extern paddr_t md_image_pa;

static inline paddr_t
md_kva_pa(const void *p)
{
	return (uintptr_t)p - 0xffffffff80000000 + md_image_pa;
}

/* The virtual counter, the same on every CPU; see md_cycles_ns(). */
static inline uint64_t
md_cycles(void)
{
	uint64_t v;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
	return v;
}

#endif
