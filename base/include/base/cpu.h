/*
 * cpu.h: CPUs, per-CPU data, and what the machine calls.
 *
 * Per-CPU data is reached through curcpu() with preemption disabled, or is
 * only ever summed by a reader that tolerates a moving target.  curthread()
 * is safe anywhere: a thread keeps its identity when it migrates.
 */
#ifndef BASE_CPU_H
#define BASE_CPU_H

#include <stdatomic.h>
#include <sys/types.h>
#include <sys/queue.h>
#include <machine/param.h>
#include <md/inline.h>
#include <base/lock.h>

struct thread;
TAILQ_HEAD(threadq, thread);

/* A set of CPUs. */
typedef uint64_t cpumask_t;
_Static_assert(MAXCPU <= 64, "cpumask_t holds 64");
#define CPUMASK(id) ((cpumask_t)1 << (id))

/*
 * Protection:
 *	I	constant once the CPU runs
 *	o	the CPU itself, preemption disabled
 *	O	the CPU itself, interrupts off
 *	q	cpu_runq_lock
 *	a	C11 atomic
 */
struct cpu {
	struct cpu *cpu_self;         /* [I] */
	struct thread *cpu_curthread; /* [O] */
	_Atomic(bool) cpu_resched;    /* [a] look at the run queue */
	struct thread *cpu_idle;      /* [I] */
	struct thread *cpu_prev;      /* [O] switched from; see sched.c */
	u_int cpu_id;                 /* [I] */
	u_int cpu_intr_depth;         /* [O] handlers nested */
	struct spin cpu_runq_lock;    /* [I] */
	struct threadq cpu_runq[4];   /* [q] by enum thread_prio */
	_Atomic(u_int) cpu_nrun;      /* [a] on cpu_runq; written under [q] */
	u_int cpu_curprio;            /* [q] of the running thread */
	u_int cpu_npick;              /* [q] threads taken from cpu_runq */
	uint64_t cpu_slice_end;       /* [q] 0: nobody waits for the CPU */
	uint64_t cpu_switch_time;     /* [O] when curthread was resumed */
	uint64_t cpu_timer;           /* [O] when cpu_clock() is due */
	void *cpu_phys;               /* [o] phys: page caches */
	void *cpu_pmap;               /* [o] pmap: current space, messages */
	_Atomic(uint64_t) cpu_epoch;  /* [a] epoch.c; written by itself */
	_Atomic(uint64_t) cpu_count[64]; /* [a] COUNT_*; written by itself */
} __aligned(CACHELINE);

extern struct cpu *cpu_table[MAXCPU]; /* by id; below cpu_count() only */
extern _Atomic(u_int) cpu_n;          /* for cpu_count() */

/* Running CPUs; grows during start.  Any context. */
static inline u_int
cpu_count(void)
{
	return atomic_load_explicit(&cpu_n, memory_order_acquire);
}
extern _Atomic(cpumask_t) cpus_idle; /* those with nothing to run: a hint */

static inline struct cpu *
curcpu(void)
{
	return md_curcpu();
}

static inline struct thread *
curthread(void)
{
	return md_curthread();
}

/*
 * Statistics: per CPU, summed by the reader, never two writers on a line.
 */
enum count {
	COUNT_FAULT,       /* uvm_fault() entered */
	COUNT_FAULT_MAJOR, /* that waited for I/O */
	COUNT_FLT_ANON,    /* case 1: page of the amap */
	COUNT_FLT_ACOW,    /* case 1B: copied */
	COUNT_FLT_OBJ,     /* case 2A: page of the object */
	COUNT_FLT_PRCOPY,  /* case 2B: promoted copy */
	COUNT_FLT_ZERO,    /* case 2C: zero fill */
	COUNT_PAGE_ALLOC,
	COUNT_PAGE_FREE,
	COUNT_PCP_HIT, /* per-CPU page cache */
	COUNT_PCP_MISS,
	COUNT_TLB_FLUSH_PAGE, /* local page flushes */
	COUNT_TLB_FLUSH_ALL,  /* local whole flushes */
	COUNT_TLB_IPI,        /* shootdown interrupts sent */
	COUNT_TLB_ROUND,      /* shootdown rounds */
	COUNT_TLBI_PAGE,      /* TLBI instructions (arm64): of a page, */
	COUNT_TLBI_ASID,      /* of a space, */
	COUNT_TLBI_ALL,       /* of everything */
	COUNT_TLB_DSB,        /* barriers around them */
	COUNT_GROUP,          /* groups of entries made, */
	COUNT_GROUP_BREAK,    /* taken apart: pmap_group.c */
	COUNT_ROOT_LOAD,
	COUNT_SWITCH,
	COUNT_FORK,
	COUNT_VFORK,
	COUNT_EXEC,
	COUNT_EXIT,
	COUNT_PURGE,       /* spaces purged */
	COUNT_PURGE_LEAF,  /* leaf entries visited by pmap_remove_all() */
	COUNT_PURGE_LINE,  /* table lines visited by it */
	COUNT_PURGE_TABLE, /* table pages freed by it */
	COUNT_PURGE_ROOT,  /* root loads between exit entry and the switch */
	COUNT_PURGE_KICK,  /* CPUs asked to drop a lazily held root */
	COUNT_REAP,
	COUNT_SYSCALL,
	COUNT_ENOSYS,
	COUNT_INTR,
	COUNT_MAX
};
_Static_assert(COUNT_MAX <= 64, "cpu_count[] holds 64");
extern const char *const count_names[COUNT_MAX];

/*
 * Add n to a counter of this CPU.  Any context; lost updates are accepted,
 * where the machine cannot do it in one instruction (MD_CPU_INLINE).
 */
static inline void
count_add(enum count c, uint64_t n)
{
#ifdef MD_CPU_INLINE
	md_cpu_add(offsetof(struct cpu, cpu_count) + c * sizeof(uint64_t), n);
#else
	_Atomic(uint64_t) *p = &curcpu()->cpu_count[c];

	atomic_store_explicit(p,
	    atomic_load_explicit(p, memory_order_relaxed) + n,
	    memory_order_relaxed);
#endif
}
uint64_t count_sum(enum count c);

/*
 * cpu_attach: register the CPU that calls, as c, before it takes any lock.
 *	Ids are dense from 0, each attached once; c is zeroed memory.  boot is
 *	the thread it runs already, zeroed too: on the boot CPU (0) the first
 *	thread of the system, on the others their idle thread.  kstack is
 *	its stack (KSTACK_SIZE), or NULL when that is not to be checked.
 *	The port has made md_curcpu() and md_curthread() return the two, and
 *	interrupts are off.
 * cpu_main: what every CPU but the boot one calls then; it runs cpu_init_hook
 *	(if set), enables interrupts and looks for work.
 */
void cpu_attach(struct cpu *c, u_int id, struct thread *boot, void *kstack);
__attribute__((noreturn)) void cpu_main(void);
extern void (*cpu_init_hook)(struct cpu *c);

/* Nanoseconds that c has idled up to now.  Any context. */
uint64_t cpu_idle_time(const struct cpu *c);

/*
 * Upcalls of the machine, with interrupts off.
 * cpu_intr_enter: the first act of every interrupt handler (not of faults and
 *	system calls, which run as the thread).  In between the handler may
 *	not sleep.
 * cpu_intr_exit: its last act; switches threads if one is asked for,
 *	preemption is allowed and no other handler was interrupted.
 * cpu_clock: the timer set by md_timer_set() has expired.
 * cpu_ipi: another CPU sent kind.
 */
void cpu_intr_enter(void);
void cpu_intr_exit(void);
void cpu_clock(void);
void cpu_ipi(u_int kind); /* enum md_ipi_kind */

/*
 * Call fn on each CPU in turn, with interrupts off, in the context of the caller,
 * who may be moved.  May sleep.
 */
void cpu_each(void (*fn)(void));

/*
 * A sampler is called by the clock of every CPU, with interrupts off, as often
 * as it likes: it answers when it wants to be called again, and may be called
 * earlier.
 *
 * cpu_sampler_set: the sampler from now on, first called at once; NULL: none.
 *	On return the one before runs nowhere.  May sleep; one caller at a time.
 */
extern uint64_t (*_Atomic cpu_sampler)(uint64_t now);
void cpu_sampler_set(uint64_t (*fn)(uint64_t now));

/* Whether the caller is in an interrupt handler. */
bool cpu_in_intr(void);

/* pmap registers the handler of MD_IPI_TLB here. */
extern void (*cpu_tlb_handler)(void);

#endif
