/*
 * inline.h (vmsim): the inline half of the port to the simulated machine.
 *
 * Little is inline: each of these may be a place where another virtual CPU
 * runs, and the code they are called from is instrumented while the port is
 * not.
 */
#ifndef MD_INLINE_H
#define MD_INLINE_H

#include <sys/types.h>

struct cpu;
struct thread;

struct md_thread {
	void *mt_sp;         /* saved stack pointer */
	void *mt_stack;      /* registered with the engine; NULL: not */
	uint64_t mt_tls;     /* the user's thread pointer */
	uint32_t mt_context; /* number of the thread for the engine */
};

/* Where physical address 0 would be. */
#define MD_DIRECT_BASE 0x100000000UL

struct cpu *md_curcpu(void);
struct thread *md_curthread(void);
void md_setcurthread(struct thread *td);
bool md_intr_disable(void);
void md_intr_restore(bool on);
bool md_intr_enabled(void);
void md_cpu_relax(void);
uint64_t md_cycles(void);

static inline void *
md_direct(paddr_t pa)
{
	return (void *)(MD_DIRECT_BASE + (uintptr_t)pa);
}

static inline paddr_t
md_direct_pa(const void *p)
{
	return (paddr_t)((uintptr_t)p - MD_DIRECT_BASE);
}

#endif
