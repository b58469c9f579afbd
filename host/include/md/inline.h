/*
 * inline.h (host): the inline half of the port to a Linux process.
 *
 * The hosted machine runs its virtual CPUs one at a time, as fibers of one
 * thread; host_self is the one that runs.  It takes interrupts where real
 * ones become visible to the code above: when they are enabled, in spin loops
 * and when idle.  Another CPU is let run only at such points.
 */
#ifndef MD_INLINE_H
#define MD_INLINE_H

#include <sys/types.h>

struct cpu;
struct thread;

struct md_thread {
	void *mt_sp;    /* saved stack pointer */
	void *mt_stack; /* the stack it really runs on; see thread.c */
	size_t mt_stacklen;
	void *mt_fake; /* AddressSanitizer's fake stack */
	void (*mt_fn)(void *);
	void *mt_arg;
	uint64_t mt_tls; /* the user's thread pointer */
};

/*
 * A virtual CPU.  All of it belongs to the fiber scheduler.
 */
struct host_cpu {
	struct cpu *hc_cpu;       /* what the kernel calls it */
	struct thread *hc_thread; /* whose context it runs */
	bool hc_intr;             /* interrupts are enabled */
	bool hc_waiting;          /* in md_cpu_idle() */
	uint32_t hc_pending;      /* a bit for each enum md_ipi_kind */
	uint64_t hc_timer; /* when cpu_clock() is due; UINT64_MAX: never */
	uint64_t hc_root;  /* translation root, 0: the kernel's */
	u_int hc_asid;
};

extern struct host_cpu *host_self;
extern uintptr_t host_direct; /* where physical address 0 would be */
extern uint64_t host_time;    /* virtual nanoseconds since boot */

/* Take the interrupts that are pending, perhaps let another CPU run. */
void host_point(void);
/* The same for a CPU that waits for another one: time passes. */
void host_relax(void);

static inline struct cpu *
md_curcpu(void)
{
	return host_self->hc_cpu;
}

static inline struct thread *
md_curthread(void)
{
	return host_self->hc_thread;
}

static inline void
md_setcurthread(struct thread *td)
{
	host_self->hc_thread = td;
}

static inline bool
md_intr_enabled(void)
{
	return host_self->hc_intr;
}

#define MD_INTR_INLINE 1 /* see <port/tier1.h> */

static inline bool
md_intr_disable(void)
{
	bool on = host_self->hc_intr;

	host_self->hc_intr = false;
	return on;
}

static inline void
md_intr_restore(bool on)
{
	host_self->hc_intr = on;
	if (on)
		host_point();
}

static inline void
md_cpu_relax(void)
{
	host_relax();
}

static inline uint64_t
md_cycles(void)
{
	return host_time += 10;
}

static inline void *
md_direct(paddr_t pa)
{
	return (void *)(host_direct + (uintptr_t)pa);
}

static inline paddr_t
md_direct_pa(const void *p)
{
	return (paddr_t)((uintptr_t)p - host_direct);
}

#endif
