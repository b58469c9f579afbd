/*
 * inline.h (component): the inline part of the machine contract, over a host
 * kernel's port.
 *
 * The current CPU and thread are the only ones there are (tier 1), or found by
 * what the host says (tier 2 on).  RAM is seen at the distance that vms_boot()
 * was told.
 */
#ifndef MD_INLINE_H
#define MD_INLINE_H

#include <stdatomic.h>
#include <port/tier2.h>
#include <sys/types.h>
#include <vmspace/config.h>

struct cpu;
struct thread;

/* Nothing: the host switches threads. */
struct md_thread {
	u_char md_none;
};

extern uintptr_t vms_direct; /* where physical 0 is; after vms_boot() */
extern struct cpu vms_cpu0;
extern struct thread vms_thread0;
extern struct cpu *cpu_table[];

static inline struct cpu *
md_curcpu(void)
{
#if VMS_TIER >= 2
	return cpu_table[md_cpu_id()];
#else
	return &vms_cpu0;
#endif
}

static inline struct thread *
md_curthread(void)
{
#if VMS_TIER >= 2
	return (struct thread *)(void *)md_thread_self();
#else
	return &vms_thread0;
#endif
}

/* As far as the component can tell: it leaves them on, or it turned them off. */
static inline bool
md_intr_enabled(void)
{
	bool on = md_intr_disable();

	md_intr_restore(on);
	return on;
}

static inline void
md_cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#else
	atomic_signal_fence(memory_order_seq_cst);
#endif
}

static inline void *
md_direct(paddr_t pa)
{
	return (void *)(vms_direct + pa);
}

static inline paddr_t
md_direct_pa(const void *p)
{
	return (uintptr_t)p - vms_direct;
}

/* The component does not account for time; the host does. */
#if VMS_TIER >= 5
#include <port/tier5.h>
#else
static inline uint64_t
md_cycles(void)
{
	return 0;
}
#endif

#endif
