/*
 * det.h: a machine whose every interleaving can be chosen.
 *
 * Virtual CPUs are contexts on one host thread.  Code under test is compiled
 * with -fsanitize=thread and linked with this engine in place of the
 * sanitizer's runtime: every atomic access and fence of it, and every port
 * call made through det_*(), is a switch point, where the strategy says which
 * CPU takes the next step and which interrupt arrives.  An execution is a
 * function of those choices: it can be sampled, enumerated and replayed.
 *
 * Plain accesses are not switch points; they are checked.  An access that
 * happens-before does not order with another CPU's, or that touches memory
 * that was freed, ends the execution as a failure.  For code without such
 * races, switching at atomics alone shows every behaviour; the argument is
 * in docs/design/hosted.md.
 *
 * Tracked memory is what lies below DET_SPAN: the program's own data (it is
 * linked non-PIE at the bottom of the address space) and the arena, which
 * holds the machine's RAM and every stack that its CPUs run on.
 *
 * All of this is single threaded: one host thread per process calls it.
 */
#ifndef DET_DET_H
#define DET_DET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DET_MAXCPU 64 /* virtual CPUs */
#define DET_NCLK   8  /* the most that are race-checked or explored */

#define DET_SPAN  (8ULL << 30)
#define DET_ARENA (4ULL << 30) /* [DET_ARENA, DET_SPAN): RAM and stacks */

/*
 * How the choices are made.
 * RANDOM	uniformly at each switch point
 * PCT		fixed random priorities, changed at depth - 1 random points:
 *		finds a bug of that depth with known probability
 *		(Burckhardt et al., ASPLOS 2010)
 * DFS		all executions with at most bound preemptions
 * DPOR		one execution at least of each class of equivalent ones
 *		(Flanagan and Godefroid, POPL 2005), with sleep sets
 * REPLAY	as recorded in dc_replay
 * BYTES	as a fuzzer says: dc_bytes
 */
enum det_strategy {
	DET_RANDOM,
	DET_PCT,
	DET_DFS,
	DET_DPOR,
	DET_REPLAY,
	DET_BYTES
};
#define DET_NSTRATEGY 6

struct det_config {
	enum det_strategy dc_strategy;
	uint64_t dc_seed;      /* RANDOM, PCT: execution i uses seed + i */
	unsigned dc_depth;     /* PCT: d */
	unsigned dc_bound;     /* DFS: preemptions; DET_UNBOUND: no bound */
	unsigned dc_stale;     /* stale reads per execution; DET_UNBOUND */
	unsigned dc_events;    /* det_choose() other than 0; 0: DET_UNBOUND */
	bool dc_weak;          /* loads may read stores that are not newest */
	bool dc_late;          /* weak: nor do stores have to become so */
	bool dc_norace;        /* do not check plain accesses */
	uint64_t dc_maxexecs;  /* 0: no limit */
	uint64_t dc_maxsteps;  /* per execution; 0: a default */
	unsigned dc_shard;     /* DFS, RANDOM, PCT: this part of dc_nshard */
	unsigned dc_nshard;    /* 0, 1: the whole */
	const char *dc_replay; /* REPLAY: dr_replay of a failure */
	bool dc_trace;         /* record the steps of a failure */
	unsigned dc_stop;      /* REPLAY: end before this step of it; 0: none */
	bool dc_minimize;      /* leave out choices that it does not need */
	/*
	 * BYTES: of the execution that begins.  Each two are a departure from
	 * the ordinary schedule: after how many choices (by its square, so
	 * that any number can be meant), and which alternative.
	 */
	const uint8_t *(*dc_bytes)(size_t *len);
	/* called now and then during a long search; may be NULL */
	void (*dc_progress)(uint64_t execs, uint64_t steps);
	/* called before step n of those that are recorded (dc_trace) */
	void (*dc_step)(unsigned n);
	/* called at the end of each execution, before it is undone */
	void (*dc_atend)(void);
};
#define DET_UNBOUND 1000000u

/*
 * The machine that is run: the functions that its port or test supplies.
 *
 * dm_start(cpu): the first function of a CPU, on its boot stack, interrupts
 *	disabled.  CPU 0 starts alone; it brings up what a scenario needs,
 *	starts the others with det_cpu_start(), and calls det_snapshot().
 *	What follows is explored.  Returning ends the CPU.
 * dm_irq(cpu, line): an interrupt, on the current stack, disabled.
 * dm_quiet: no CPU can take a step.  DET_MORE: it made one able to (a timer
 *	fired); DET_END: the execution is complete; DET_STUCK: a deadlock.
 *	NULL: complete if every CPU has ended.
 * dm_check: after each complete execution, on the host's stack; may
 *	det_fail().  NULL: nothing.
 * dm_name: what runs on this CPU now, for traces.  NULL: nothing.
 */
enum det_quiet { DET_MORE, DET_END, DET_STUCK };
struct det_machine {
	const char *dm_name;
	unsigned dm_ncpu;
	void (*dm_start)(unsigned cpu);
	void (*dm_irq)(unsigned cpu, unsigned line);
	enum det_quiet (*dm_quiet)(void);
	void (*dm_check)(void);
	const char *(*dm_current)(void);
};

struct det_result {
	bool dr_failed;
	bool dr_complete;     /* the whole space, within the bound */
	unsigned dr_unmet;    /* REPLAY: choices that did not come up */
	uint64_t dr_execs;    /* executions */
	uint64_t dr_steps;    /* switch points, interrupts included */
	uint64_t dr_local;    /* atomic accesses that needed no switch point */
	uint64_t dr_pruned;   /* executions given up as redundant (DPOR) */
	uint64_t dr_restarts; /* searches begun anew; see race.c, sharing */
	uint64_t dr_undo;     /* words undone between executions */
	uint64_t dr_shared;   /* a digest of the set of shared words */
	uint64_t dr_failexec; /* number of the failing execution */
	char dr_msg[256];     /* what failed */
	char *dr_replay;      /* the choices that led there; det_result_free */
};

/*
 * What schedules: NULL: this engine.  Else it is host/par, with real threads,
 * which has no strategies, searches nothing and replays nothing.
 */
extern const char *const det_scheduler;

/*
 * det_run: search.  Ends at the first failure.  May be called again, also
 *	with another machine.
 * det_result_free: what *r points to.
 * det_trace_print: the steps that dc_trace recorded, to stdout.
 */
void det_run(const struct det_machine *dm, const struct det_config *dc,
    struct det_result *r);
void det_result_free(struct det_result *r);
void det_trace_print(void);

/* det_trace_each: fn for each of them. */
struct det_traced {
	unsigned dt_cpu;
	bool dt_irq;           /* an interrupt begins or ends */
	const char *dt_who;    /* dm_current() */
	const char *dt_what;   /* as it is printed */
	const char *dt_where;  /* function and line, or empty */
	const char *dt_object; /* what is accessed, or empty */
};
void det_trace_each(void (*fn)(void *arg, const struct det_traced *t),
    void *arg);

/*
 * What a search learned about words, see race.c, sharing: the parts of a search
 * that is split are good together if each knows what all of them learned.
 * det_share_each: after det_run(): fn for each word that is shared.
 * det_share_add: before it: this was learned elsewhere.
 */
void det_share_each(void (*fn)(void *arg, uintptr_t word, uint32_t how),
    void *arg);
void det_share_add(uintptr_t word, uint32_t how);

/*
 * The arena.  det_arena: len bytes, page aligned and zero, for good; NULL:
 * no room.  Before det_run() or by CPU 0 before det_snapshot().
 */
void *det_arena(size_t len);

/*
 * From here on: called on a virtual CPU, by its port or its test.
 */

/* The CPU that runs; -1: none, the host itself. */
int det_self(void);
unsigned det_ncpu(void);

/* Accesses to atomic words and switch points so far in this execution. */
uint64_t det_points(void);

/* Steps that a CPU has made since it came up.  Any time. */
uint64_t det_cpu_points(unsigned cpu);

/* Whether this is the explored part, after det_snapshot(). */
bool det_exploring(void);

/*
 * The thread that runs on this CPU from here on: a small number of its own,
 * 0 to 252; a CPU begins with its own number.  See race.c, sharing.
 */
void det_context(unsigned n);

/* Let cpu run from dm_start(); once each. */
void det_cpu_start(unsigned cpu);

/*
 * Everything so far was preparation: remember the state of the machine.  Each
 * execution starts by returning from this call.  Once; until then CPUs take
 * turns in a fixed way.
 */
void det_snapshot(void);

/*
 * What was to be explored of this execution is over; the rest, up to its end,
 * takes the ordinary course.
 */
void det_wind_up(void);

/* This execution is a failure; no return on a CPU.  First message wins. */
void det_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* This execution is complete, whatever other CPUs do.  No return. */
__attribute__((noreturn)) void det_end(void);

/*
 * Before det_run().  det_orders: note which orders are executed, and where;
 * det_orders_print: places, by return address, and their orders as in
 * __ATOMIC_*, relaxed ones left out.  det_weaken: there, this order instead.
 */
void det_orders(void);
void det_orders_print(void);
void det_weaken(uintptr_t pc, int order);

/* One of n; explored, 0 is tried first.  what: for the trace. */
unsigned det_choose(unsigned n, const char *what);

/*
 * det_point: a step that touches addr, which stands for something CPUs
 *	share; write: and changes it.
 * det_relax: in a spin loop.  When the CPU has gone round the loop without
 *	news it takes no step until a word that it read since its last
 *	det_relax() was written by another, or an interrupt arrives; all
 *	stores have reached it by then.  If nobody else can make a step it goes
 *	round some more times: loops have limits.  pc: which loop.
 * det_touch: this CPU's next det_relax() waits for stores to addr, too.
 */
void det_point(const void *addr, bool write, const char *what);
void det_relax(uintptr_t pc);
void det_touch(const void *addr);

/*
 * Interrupts.  A line that is raised at a CPU arrives at one of the CPU's
 * next switch points with interrupts enabled; which, is a choice.
 *
 * det_irq_raise: line (0-31) at cpu.  A release store, as seen by its handler.
 * det_intr_disable: returns whether they were enabled.
 * det_idle: no step until a line is raised; its handlers have run on return.
 *	Interrupts are disabled on entry and return.
 */
void det_irq_raise(unsigned cpu, unsigned line);
bool det_intr_disable(void);
void det_intr_restore(bool enable);
bool det_intr_enabled(void);
void det_idle(void);

/* No step until no other CPU can make one. */
void det_calm(void);

/*
 * Stacks.  det_ctx_make: *sp such that a switch to it calls fn(arg) on the
 *	stack [lo, lo + len), with nowhere to return to.
 * det_ctx_switch: save this context in *from and go to to.
 * det_thread_switch: the same, on a CPU, from one thread to another: *from is
 *	saved to be undone.
 * det_boot_stack: where a CPU's first stack is.
 * det_stack_add: contexts run on [lo, lo + len) and leave their stack
 *	pointer in *sp when they are not running.
 * det_stack_remove: no more.
 */
void det_ctx_make(void **sp, void *lo, size_t len, void (*fn)(void *),
    void *arg);
void det_ctx_switch(void **from, void *to);
void det_thread_switch(void **from, void *to);
void *det_boot_stack(unsigned cpu, size_t *len);
void det_stack_add(void *lo, size_t len, void **sp);
void det_stack_remove(void *lo);

/*
 * Memory that code without instrumentation touches.
 *
 * det_access: about to read or write [p, p + len); checked and, before a
 *	write, saved to be undone.  det_access_at: on behalf of code at pc.
 * det_save: about to change state that is not the machine's own (the port's):
 *	saved to be undone, not checked.
 * det_region: [p, p + len) is port state, copied at the snapshot and put back
 *	before each execution.  Before the snapshot.
 * det_mem_free: [p, p + len) is freed: a write, and no access is legal until
 *	det_mem_alloc().  The allocator itself may go on using it.
 * det_allocator: code in [start, end) is the allocator.
 */
void det_access(const void *p, size_t len, bool write);
void det_access_at(const void *p, size_t len, bool write, uintptr_t pc);
void det_save(void *p, size_t len);
void det_region(void *p, size_t len);
void det_mem_alloc(const void *p, size_t len);
void det_mem_free(const void *p, size_t len);
void det_allocator(const void *start, const void *end);

/*
 * Atomic accesses by code without instrumentation (a hardware table walk).
 * order is a memory_order; size is 1, 2, 4 or 8.
 */
uint64_t det_load(const void *p, unsigned size, int order);
void det_store(void *p, unsigned size, uint64_t val, int order);
uint64_t det_fetch_or(void *p, unsigned size, uint64_t val, int order);
bool det_cas(void *p, unsigned size, uint64_t *expect, uint64_t want, int ok,
    int fail);
void det_fence(int order);

/*
 * Clocks, for accesses that the port orders by itself.
 * det_clock: this CPU's time.
 * det_ordered: whether what cpu did at its time clk happens before now.
 * det_publish: no CPU may read from here on what is older than the stores
 *	that this CPU knows of.  It need not learn why.
 * det_barrier: every CPU's accesses so far that went through its MMU are done
 *	before what this CPU does next (the end of a broadcast invalidation).
 *	Counts for det_ordered(), and for atomic accesses against plain ones.
 *	Stores of others are visible to this CPU then; all of them, which is
 *	a little too much.
 */
uint32_t det_clock(void);
bool det_ordered(unsigned cpu, uint32_t clk);
void det_publish(void);
void det_barrier(void);

/* Code between these is one step: no switch point inside.  They nest. */
void det_atomic_begin(void);
void det_atomic_end(void);

/*
 * Every access to tracked memory by a CPU, plain or atomic, in the order made;
 * with dc_norace only.  NULL: nobody watches.
 * det_name: what lies at an address, function, object or memory, in buf.
 */
extern void (*det_watch)(unsigned cpu, uintptr_t a, size_t len, bool write,
    uintptr_t pc);
const char *det_name(uintptr_t a, char *buf, size_t len);

/*
 * det_namer: fn may name an address of the arena in buf; false: it cannot.
 * det_step: called before each step n of a traced execution, for debuggers.
 */
void det_namer(bool (*fn)(uintptr_t a, char *buf, size_t len));
void det_step(unsigned n);

/* A line for the trace, at this step. */
void det_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
