/*
 * inline.h (amd64): the part of the machine contract that must be inline.
 *
 * The GS base of every CPU holds the address of its struct cpu while the
 * kernel runs; the first three words of that structure are its own address,
 * the current thread, and whether that is to be switched (asserted in cpu.c).
 */
#ifndef MD_INLINE_H
#define MD_INLINE_H

#include <sys/types.h>

struct cpu;
struct thread;

/* Where the kernel sees all of RAM: the first slot of the upper half. */
#define MD_DIRECT_BASE 0xffff800000000000UL

/*
 * What a switch saves besides the stack.  The frame and the floating-point
 * state of a user thread lie at the top of its kernel stack.
 *
 * Protection:
 *	o	the thread itself, or whoever creates it before it runs
 */
struct md_thread {
	uint64_t md_sp;     /* [o] stack pointer while it is off its CPU */
	uint64_t md_fsbase; /* [o] the user's FS base: its thread pointer */
	uint64_t md_gsbase; /* [o] the user's GS base */
	uint64_t md_step;   /* [o] 1: the trap flag is a debugger's */
};

static inline struct cpu *
md_curcpu(void)
{
	struct cpu *c;

	__asm__ volatile("movq %%gs:0, %0" : "=r"(c));
	return c;
}

/*
 * Not volatile: the answer never changes under a thread, so the compiler may
 * keep it across calls.
 */
static inline struct thread *
md_curthread(void)
{
	struct thread *td;

	__asm__("movq %%gs:8, %0" : "=r"(td));
	return td;
}

static inline void
md_setcurthread(struct thread *td)
{
	__asm__ volatile("movq %0, %%gs:8" : : "r"(td) : "memory");
}

#define MD_CPU_INLINE 1 /* see <base/cpu.h> */

/* cpu_resched of this CPU. */
static inline bool
md_cpu_resched(void)
{
	bool need;

	__asm__ volatile("cmpb $0, %%gs:16" : "=@ccne"(need));
	return need;
}

/* Add n to the word at this offset in the struct cpu of this CPU. */
static inline void
md_cpu_add(size_t off, uint64_t n)
{
#ifdef __clang__
	__asm__ volatile("addq %1, %%gs:(%0)" : : "r"(off), "er"(n));
#else
	__asm__ volatile("addq %1, %%gs:%a0" : : "p"(off), "er"(n));
#endif
}

/* Add n to a word that nobody else writes, in one instruction. */
static inline void
md_word_add(_Atomic(int64_t) *p, int64_t n)
{
	__asm__ volatile("addq %1, %0" : "+m"(*p) : "er"(n));
}

static inline bool
md_intr_enabled(void)
{
	u_long flags;

	__asm__ volatile("pushfq; popq %0" : "=r"(flags) : : "memory");
	return (flags & 0x200) != 0;
}

#define MD_INTR_INLINE 1 /* see <port/tier1.h> */

static inline bool
md_intr_disable(void)
{
	u_long flags;

	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
	return (flags & 0x200) != 0;
}

static inline void
md_intr_restore(bool on)
{
	if (on)
		__asm__ volatile("sti" : : : "memory");
}

static inline void
md_cpu_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
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

/* Where a byte of the kernel's image lies. */
static inline paddr_t
md_kva_pa(const void *p)
{
	return (uintptr_t)p - 0xffffffff80000000;
}

/* A free-running counter, the same on every CPU; see md_cycles_ns(). */
static inline uint64_t
md_cycles(void)
{
	u_long lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return hi << 32 | lo;
}

/*
 * n words, which may lie anywhere, for memcpy() and memset().  From some
 * MD_WORDS_MIN bytes on this is less work than a loop, on all CPUs.
 */
#define MD_WORDS_MIN 128

static inline void
md_words_copy(void *dst, const void *src, unsigned long n)
{
	__asm__ volatile("rep movsq"
			 : "+D"(dst), "+S"(src), "+c"(n)
			 :
			 : "memory");
}

static inline void
md_words_set(void *dst, unsigned long word, unsigned long n)
{
	__asm__ volatile("rep stosq"
			 : "+D"(dst), "+c"(n)
			 : "a"(word)
			 : "memory");
}

#endif
