/*
 * detp.h: what the engine's files share.
 *
 *	engine.c  CPUs, switch points, interrupts, snapshots, the main loop
 *	search.c  who goes next: strategies, recorded choices, replay
 *	weak.c    atomic accesses: histories, views, fences
 *	race.c    plain accesses: races, freed memory, undo
 *	tsanrt.c  what the compiler calls
 *	trace.c   steps for the reader; sym.c names of addresses
 *	swtch.c   contexts
 *
 * Clocks.  Time is per CPU: a number that grows at each release.  What CPU q
 * did at its time k happens before what p does now iff p's vector knows
 * k or more of q.  Numbers are never reused between executions: each begins
 * above all that came before (det_base), so that whatever the shadow still
 * says of earlier executions is "long ago", and nothing has to be cleared.
 *
 * No locks: one thread.
 */
#ifndef DET_DETP_H
#define DET_DETP_H

#include <string.h>
#include <det/det.h>

#define hot         __attribute__((hot))
#define cold        __attribute__((cold, noinline))
#define likely(e)   __builtin_expect((e) != 0, 1)
#define unlikely(e) __builtin_expect((e) != 0, 0)

/*
 * Vectors of clocks.  Clocks have 24 bits, so signed comparison will do, which
 * every machine has.
 */
typedef int32_t vclk __attribute__((vector_size(4 * DET_NCLK), aligned(16)));
#define CLK_NONE ((int32_t)0x7fffffff)
#define CLK_MAX  0xfffff0u

/* A vector of vectors: what is known for sure, and what may be assumed. */
struct view {
	vclk hb;     /* happens before: races, coherence */
	vclk vw;     /* hb and what fences showed: coherence only */
	uint32_t ft; /* number of the last sequentially consistent fence */
};

static inline void
vclk_join(vclk *a, const vclk *b)
{
	vclk m = *a > *b;

	*a = (*a & m) | (*b & ~m);
}

/* Of the masks that a comparison yields: whether one is set. */
static inline bool
vclk_any(const vclk *m)
{
	union {
		vclk v;
		uint64_t w[sizeof(vclk) / 8];
	} u = {*m};

	return (u.w[0] | u.w[1] | u.w[2] | u.w[3]) != 0;
}

/* a[i] <= b[i] for some i */
static inline bool
vclk_some_le(const vclk *a, const vclk *b)
{
	vclk m = *a <= *b;

	return vclk_any(&m);
}

static inline bool
vclk_all_le(const vclk *a, const vclk *b)
{
	vclk m = *a > *b;

	return !vclk_any(&m);
}

/*
 * The shadow of tracked memory.
 *
 * A cell stands for an aligned word of 4 bytes: who wrote it last and who
 * read it since.  Epochs are cpu << 24 | clock.
 *
 *	c_w	tag, epoch of the last write
 *	  TAG_PLAIN	no more to say
 *	  TAG_ATOMIC	some byte is an atomic location; see struct loc
 *	  TAG_BYTES	the low bits number a struct bytes: the four bytes
 *			have different histories
 *	  TAG_FREED	freed memory; the epoch is that of the free
 *	c_r	epoch of the only read that matters, or
 *	  CELL_MANY	the low bits number a struct readers
 *
 * Numbers of struct bytes and struct readers are of this execution only; a
 * stale one is recognised by the owner it names.
 */
struct cell {
	uint32_t c_w;
	uint32_t c_r;
};

#define TAG_MASK        0xc0000000u
#define TAG_PLAIN       0x00000000u
#define TAG_ATOMIC      0x40000000u
#define TAG_BYTES       0x80000000u
#define TAG_FREED       0xc0000000u
#define CELL_MANY       0x80000000u
#define IDX_MASK        0x3fffffffu
#define EP_CLK(e)       ((e)&0x00ffffffu)
#define EP_CPU(e)       ((e) >> 24 & (DET_NCLK - 1))
#define EPOCH(cpu, clk) ((uint32_t)(cpu) << 24 | (clk))

#define SHADOW_CELLS 0x200000000000UL /* struct cell per 4 bytes */
#define SHADOW_LOCS  0x204000000000UL /* uint32_t per 8: head of locs */
#define SHADOW_SHARE 0x206000000000UL /* struct share per 8 */
#define SHADOW_PCS   0x208000000000UL /* struct pcs per 4, for traces */

/*
 * Who accessed the atomic locations of 8 bytes, ever in this search.  A
 * context is a thread, or the interrupt handlers of a CPU.
 */
struct share {
	uint8_t s_users;   /* CPUs that read or wrote */
	uint8_t s_writers; /* CPUs that wrote */
	uint8_t s_context; /* the only context that did, 0: none */
	uint8_t s_open;    /* some access was made with interrupts enabled */
};
#define CONTEXT_MANY 255
#define CONTEXT_IRQ  254

static inline struct cell *
cell_of(uintptr_t a)
{
	return (struct cell *)(SHADOW_CELLS + (a >> 2) * sizeof(struct cell));
}

/*
 * An atomic location: made at the first atomic access of an execution,
 * forgotten at its end or when a plain write, ordered after every atomic
 * access, makes its history meaningless.
 */
#define HISTORY 4 /* stores kept; the newest three can be read */
#define NSTALE  3

struct msg {
	uint64_t m_val;
	struct view m_view; /* what whoever acquires it learns */
	vclk m_seen;        /* when each CPU first saw it or a later one */
	uint32_t m_sc;      /* number in the order of seq_cst stores, or 0 */
	bool m_rmw;         /* by a read-modify-write of the one before */
};

struct access;
struct loc {
	uintptr_t l_addr;
	uint32_t l_next;   /* another one of these 8 bytes, or 0 */
	uint32_t l_nmsg;   /* stores so far; 0: read memory afresh */
	uint32_t l_writes; /* as l_nmsg, but never reset */
	uint8_t l_size;
	uint8_t l_writer; /* CPU of the newest store */
	bool l_undone;    /* the value at the snapshot is saved */
	vclk l_aw, l_ar;  /* each CPU's last atomic write and read */
	struct msg l_msg[HISTORY];
	struct access *l_dpor; /* search.c */
};

#define NLOC 262144

/*
 * A virtual CPU.
 *
 * A step that waits for its turn is described by v_op: what the strategies
 * need to know to tell whether two steps commute.
 */
enum vstate {
	V_OFF,   /* not started */
	V_READY, /* can take a step */
	V_RELAX, /* waits for a store to one of v_seen */
	V_IDLE,  /* waits for an interrupt */
	V_CALM,  /* waits until nobody else can make a step */
	V_DONE
};

struct op {
	uint32_t o_loc; /* number of a location; 0: nothing shared; OP_CUT */
	bool o_write;
	bool o_sc; /* takes a place in the order of seq_cst accesses */
};

#define OP_CUT UINT32_MAX /* what is explored ends here: see search_cut() */

#define NSEEN 32
struct seen {
	uint32_t s_loc;
	uint32_t s_writes; /* l_writes when it was read */
};

struct vcpu {
	void *v_sp;       /* context while another CPU runs */
	uint32_t v_epoch; /* EPOCH(id, clock) */
	uint8_t v_id;
	uint8_t v_state;   /* enum vstate */
	bool v_intr;       /* interrupts enabled */
	bool v_deliver;    /* the choice was: an interrupt arrives */
	uint8_t v_context; /* the thread that runs, or CONTEXT_IRQ */
	bool v_seenany;    /* more was read than v_seen holds */
	uint8_t v_nseen;
	bool v_spun;        /* once round the loop without news */
	uint16_t v_nopoint; /* det_atomic_begin() depth */
	uint32_t v_irqs;    /* raised lines */
	uint32_t v_irqloc;  /* location that stands for v_irqs, or 0 */
	int32_t v_prio;     /* PCT */
	uintptr_t v_spinpc; /* where it last called det_relax() */
	uint64_t v_ops;     /* steps it took; for traces */
	uint64_t v_stores;  /* its stores, */
	uint64_t v_others;  /* and those of others before its last relax */
	struct op v_op;
	struct view v_cur;  /* known */
	struct view v_acq;  /* would be known after an acquire fence */
	struct view v_rel;  /* known at the last release fence */
	vclk v_done;        /* of det_barrier() */
	struct view v_irqv; /* released by who raised v_irqs */
	struct seen v_seen[NSEEN];
};

extern struct vcpu det_vcpus[DET_MAXCPU];
extern struct vcpu *det_cur;   /* runs; NULL: the host */
extern struct vcpu *det_plain; /* the same, while plain accesses are checked */
extern uint32_t det_base;      /* clocks up to this are before this execution */
extern uint64_t det_ready;     /* CPUs that can take a step */
extern uint64_t det_relaxed;   /* CPUs in V_RELAX */
extern bool det_undo_on;       /* after the snapshot */
extern bool det_weak;
extern uint64_t det_stores; /* this execution, all CPUs */
extern bool det_every;      /* no access is local: replay, or many CPUs */
extern bool det_tracing;
extern uint64_t det_nsteps; /* this execution */
extern uint64_t det_nlocal; /* this execution: no switch point needed */
extern uint64_t det_maxsteps;
extern uint64_t det_nundone;
extern const struct det_machine *det_dm;
extern const struct det_config *det_dc;
extern struct det_result *det_dr;

/* engine.c */
/*
 * point: the current CPU is about to do op.  Other CPUs may run first,
 *	interrupts may arrive.  Returns the CPU that the caller is on now.
 * block: this CPU has left V_READY; others run until it is ready again.
 */
struct vcpu *point(struct op op);
struct vcpu *block(struct vcpu *me);
/*
 * An access of the current CPU that needs no switch point: if point() would
 * have had a choice, say that the CPU went on.
 */
void pass(struct vcpu *me);
/* A store to loc: CPUs that wait for one go on. */
void wake_relaxed(uint32_t loc);
/* Leave the execution from whatever stack this is. */
__attribute__((noreturn)) void leave(void);
__attribute__((noreturn)) void end(void); /* it is complete */
/* Later accesses of v are at a later time than what it released. */
void tick(struct vcpu *v);

/*
 * search.c
 *
 * A choice has a position: how many there were before it in the execution.
 * Positions count the atomic accesses that need no switch point as if they
 * were one, so that a recording means the same whatever has been learned
 * about sharing.
 *
 * The steps of a CPU and the arrivals of interrupts at it are made by two
 * agents: cpu, and AGENT_IRQ + cpu.
 */
#define AGENT_IRQ 64
struct turn {
	uint8_t t_cpu;
	bool t_deliver;
};
extern uint32_t search_pos;
extern bool search_dpor;
extern bool search_pruned; /* this execution is redundant: give it up */

void search_start(const struct det_config *dc, unsigned ncpu);
void search_begin(uint64_t exec); /* before each execution */
bool search_next(bool grew);      /* after it; false: nothing left */
bool search_complete(void);
/* REPLAY: choices of the recording that were not met, or had no such value. */
unsigned search_unmet(void);
/* run, irq: CPUs that can take a step, at which one can arrive.  Not empty. */
struct turn search_turn(uint64_t run, uint64_t irq, const struct vcpu *me);
unsigned search_data(unsigned n, bool stale);
/* A choice that the strategy is not asked about. */
void search_taken(unsigned val);
char *search_record(void); /* the choices so far; malloc'ed */
/*
 * search_again: from here on, replay record, but for its choice number skip
 *	(UINT_MAX: all of it).  How many it has.
 * search_misfit: the last replay met a choice that has no such alternative.
 */
unsigned search_again(const char *record, unsigned skip);
extern bool search_misfit;
/*
 * search_asked: whether the strategy chooses.
 * search_cut: no longer in this execution; the last step, an OP_CUT, said so.
 */
bool search_asked(void);
void search_cut(void);
/* DPOR: agent does op; what agent does next is because of what cause did. */
void search_stepped(unsigned agent, const struct op *op);
void search_follows(unsigned agent, unsigned cause);

/* weak.c */
extern struct loc *det_locs;
extern uint32_t det_nloc;
void weak_reset(void);
uint32_t loc_get(uintptr_t a, unsigned size);
#define LOC_SC   1 /* stands for the order of seq_cst accesses */
#define LOC_NONE 2 /* the first ordinary one */
void view_join(struct view *a, const struct view *b);
bool weak_stale(struct vcpu *v);
void note_seen(struct vcpu *v, uint32_t loc, uint32_t writes);

enum rmw { RMW_XCHG, RMW_ADD, RMW_SUB, RMW_AND, RMW_OR, RMW_XOR, RMW_NAND };
uint64_t atomic_load_at(uintptr_t a, unsigned size, int order, uintptr_t pc);
void atomic_store_at(uintptr_t a, unsigned size, uint64_t val, int order,
    uintptr_t pc);
uint64_t atomic_rmw_at(uintptr_t a, unsigned size, enum rmw op, uint64_t arg,
    int order, uintptr_t pc);
bool atomic_cas_at(uintptr_t a, unsigned size, uint64_t *expect, uint64_t want,
    int ok, int fail, uintptr_t pc);
void atomic_fence_at(int order, uintptr_t pc);

/* orders.c: the order to use where pc asks for this one. */
extern bool orders_on;
int orders_at(int order, uintptr_t pc);
static inline int
order_of(int order, uintptr_t pc)
{
	return unlikely(orders_on) ? orders_at(order, pc) : order;
}

/* race.c */
void shadow_init(void);
void shadow_reset(void);  /* before an execution */
void shadow_forget(void); /* all clocks; they start again */
void share_forget(void);
void share_known(void); /* begin with what det_share_add() was told */
uint64_t share_digest(void);
void undo_all(void);                    /* restore memory */
void undo_word(uintptr_t a, bool pair); /* before it is written */
void plain_slow(uintptr_t a, size_t len, bool write, uintptr_t pc);
void plain_range(uintptr_t a, size_t len, bool write, uintptr_t pc);
void plain_atomic(struct loc *l, struct vcpu *v, bool write, uintptr_t pc);
void watched(uintptr_t a, size_t len, bool write, uintptr_t pc);
extern bool share_grew; /* a word turned out to be shared: start again */

/*
 * Note an atomic access; whether it needs a switch point: another CPU uses the
 * word, or an interrupt that arrives here could lead to code that does.
 */
bool share_slow(struct share *s, struct share n, bool intr);

static inline bool
share_needs(struct share s, bool intr)
{
	return s.s_writers != 0 &&
	       ((s.s_users & (s.s_users - 1)) != 0 ||
		   (intr && s.s_context == CONTEXT_MANY && s.s_open));
}

static inline bool
share_note(uintptr_t a, const struct vcpu *v, bool write)
{
	struct share *s = (struct share *)SHADOW_SHARE + (a >> 3), n = *s;
	uint8_t bit = (uint8_t)(1u << (v->v_id & 7));

	n.s_users |= bit;
	n.s_writers |= write ? bit : 0;
	if (n.s_context != v->v_context)
		n.s_context = n.s_context == 0 ? v->v_context : CONTEXT_MANY;
	n.s_open |= v->v_intr;
	if (unlikely(memcmp(&n, s, sizeof n) != 0))
		return share_slow(s, n, v->v_intr);
	return share_needs(n, v->v_intr);
}

/*
 * The check of a plain access that is the same as one already checked: this
 * CPU, this time.  All else goes to plain_slow().
 */
static inline void
plain_access(uintptr_t a, unsigned size, bool write, uintptr_t pc)
{
	struct vcpu *v = det_plain;
	struct cell *c;
	uint32_t e;

	if (v == NULL || a >= DET_SPAN) {
		if (unlikely(det_watch != NULL))
			watched(a, size, write, pc);
		return;
	}
	c = cell_of(a);
	e = v->v_epoch;
	if (size == 4 && (a & 3) == 0) {
		if (c->c_w == e || (!write && c->c_r == e))
			return;
	} else if (size == 8 && (a & 7) == 0) {
		if ((c[0].c_w == e || (!write && c[0].c_r == e)) &&
		    (c[1].c_w == e || (!write && c[1].c_r == e)))
			return;
	}
	plain_slow(a, size, write, pc);
}

/* trace.c */
enum trace_kind {
	TR_LOAD,
	TR_STORE,
	TR_RMW,
	TR_CAS,
	TR_CASFAIL,
	TR_FENCE,
	TR_RELAX,
	TR_IDLE,
	TR_RAISE,
	TR_IRQ,
	TR_IRQEND,
	TR_POINT,
	TR_CHOICE,
	TR_NOTE,
	TR_FAIL
};
void trace(enum trace_kind k, uintptr_t a, uint64_t val, unsigned aux,
    uintptr_t pc);
void trace_reset(void);
#define TRACE(k, a, val, aux, pc)                                              \
	do {                                                                   \
		if (unlikely(det_tracing))                                     \
			trace(k, a, val, aux, pc);                             \
	} while (0)

/* sym.c: the function or object that a lies in, with offset, in buf. */
const char *sym_name(uintptr_t a, char *buf, size_t len);
/* file:line, or "". */
const char *sym_line(uintptr_t a, char *buf, size_t len);

#endif
