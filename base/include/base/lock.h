/*
 * lock.h: spin locks, mutexes and read/write locks, all ranked.
 *
 * Every lock has a rank.  A thread may take a lock only when every lock it
 * holds has a lower rank; base asserts it at each acquisition, in every
 * build.  The order below, outer to inner, is the only statement of it.
 *
 * Spin locks disable preemption while held; those of the ranks from
 * RANK_INTR on are also taken by interrupt handlers and disable interrupts.
 * A holder of a spin lock does not sleep.  Mutexes and read/write locks
 * sleep; they are all outer to every spin lock.
 *
 * Two locks of one rank are never held together, with the exceptions named
 * by the _nested calls, which use rank + 1 (left free here by steps of 2).
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <stdatomic.h>
#include <sys/types.h>
#include <sys/queue.h>
#include <base/kassert.h>

struct thread;

enum lock_rank {
	RANK_NONE = 0,
	/* sleeping locks */
	RANK_FILE = 1,      /* the offset of an open file */
	RANK_BIG = 2,       /* the big lock: fs and console */
	RANK_VNODE = 3,     /* size and writers of one file; the terminal */
	RANK_PROCTREE = 4,  /* parents, children, groups, pids */
	RANK_PROFILE = 5,   /* the profiler */
	RANK_PROC = 6,      /* one process */
	RANK_VMPTR = 8,     /* the vmspace pointer of a process */
	RANK_MOUNT = 9,     /* what a file system on disk knows */
	RANK_SHM = 10,      /* System V segments */
	RANK_PAGEOUT = 11,  /* a round of the page-out daemon */
	RANK_MAP = 12,      /* a vm_map; fork: parent, then child nested */
	RANK_AMAP = 14,     /* the anonymous pages of a mapping */
	RANK_OBJECT = 16,   /* the pages of a file or of shared memory */
	RANK_PHYSLOAN = 18, /* sleeping locks inside phys (pool growth) */
	RANK_SPIN = 20,     /* from here on: spin locks */
	RANK_FS = 22,       /* descriptor tables, pipes */
	RANK_FUTEX = 23,    /* a bucket of waiters on user words */
	RANK_PMAP = 24,     /* list of pmaps, ASID allocation */
	RANK_FUTEXV = 25,   /* one who waits for several of them */
	RANK_TABLE = 26,    /* one table page; parent before child: nested */
	RANK_PV = 30,       /* one page's reverse map */
	RANK_PAGEQ = 32,    /* what the page-out daemon scans, its state */
	RANK_SWAP = 33,     /* slots of a swap device */
	RANK_POOL = 34,     /* a pool of kernel objects */
	RANK_PHYS = 36,     /* the global page allocator */
	RANK_EPOCH = 38,    /* what waits to be reclaimed */
	RANK_INTR = 40,     /* from here on: interrupts off */
	RANK_VIRTIO = 41,   /* the queue of a virtio device */
	RANK_SIG = 42,      /* signal state of a process */
	RANK_BLK = 43,      /* block devices, requests that are done */
	RANK_TTY = 44,      /* console input */
	RANK_SIGACT = 45,   /* signal actions that processes share */
	RANK_SLEEPQ = 46,   /* a bucket of the sleep queues */
	RANK_TIMEOUT = 48,  /* the list of timeouts */
	RANK_RUNQ = 50,     /* a CPU's run queue */
	RANK_ASID = 52,     /* address space numbers, inside a switch */
	RANK_LOG = 54,      /* output to the log */
	RANK_MAX = 63
};

/*
 * A spin lock.  FIFO is not promised.
 *
 * Protection of all locks here:
 *	I	constant after initialization
 *	a	C11 atomic
 *	h	the holder
 */
struct spin {
	_Atomic(struct thread *) sp_owner; /* [a] NULL when free */
	uint8_t sp_rank;                   /* [I] */
	bool sp_intr;                      /* [h] interrupts were on before */
};

#define SPIN_INITIALIZER(rank)                                                 \
	{                                                                      \
		NULL, (rank), false                                            \
	}

void spin_init(struct spin *l, enum lock_rank rank);
/* Any context (interrupt handlers: ranks from RANK_INTR).  Never sleeps. */
void spin_enter(struct spin *l);
/*
 * As spin_enter() but fails at once when taken.  The order of ranks is not
 * checked; but no lock of the same rank may be held.
 */
bool spin_try(struct spin *l);
void spin_exit(struct spin *l);
/* Whether this CPU holds it: its thread, or a handler that interrupts that. */
bool spin_held(const struct spin *l);

/*
 * Rank bookkeeping for locks that live elsewhere (a bit in a vm_page).
 * Preemption is disabled between the two.
 */
void lock_rank_enter(enum lock_rank rank);
void lock_rank_exit(enum lock_rank rank);
/* True when the caller holds no lock of rank r or above. */
bool lock_none_above(enum lock_rank r);
/* True when the caller holds no lock at all. */
bool lock_none(void);

/* A sleeping mutual exclusion lock.  Thread context only. */
struct mutex {
	_Atomic(uintptr_t) mx_owner; /* [a] struct thread *, | 1: waiters */
	uint8_t mx_rank;             /* [I] */
};

#define MUTEX_INITIALIZER(rank)                                                \
	{                                                                      \
		0, (rank)                                                      \
	}

/*
 * mutex_enter: may sleep; no spin lock held, preemption and interrupts on.
 * mutex_try: fails at once when taken; ranks as spin_try().
 * mutex_exit: never sleeps.
 * mutex_held: by the calling thread.
 */
void mutex_init(struct mutex *m, enum lock_rank rank);
void mutex_enter(struct mutex *m);
bool mutex_try(struct mutex *m);
void mutex_exit(struct mutex *m);
bool mutex_held(const struct mutex *m);

/*
 * A sleeping read/write lock.  Nobody starves: once a writer waits, new readers
 * wait too; a writer that leaves lets in all readers that wait, the last of
 * them the next writer.  A reader does not recurse.
 */
struct rwlock {
	_Atomic(uintptr_t) rw_word; /* [a] writer or readers, and flags */
	uint8_t rw_rank;            /* [I] */
	bool rw_nested;             /* [h] a writer holds it as rank + 1 */
};

#define RW_INITIALIZER(rank)                                                   \
	{                                                                      \
		0, (rank), false                                               \
	}

/* Context as the mutex's; rw_exit() and rw_downgrade() never sleep. */
void rw_init(struct rwlock *rw, enum lock_rank rank);
void rw_read_enter(struct rwlock *rw);
void rw_write_enter(struct rwlock *rw);
/* A second lock of the same rank, taken after the first. */
void rw_write_enter_nested(struct rwlock *rw);
bool rw_read_try(struct rwlock *rw);
bool rw_write_try(struct rwlock *rw);
/* Release whichever mode the caller holds. */
void rw_exit(struct rwlock *rw);
/* Give up exclusivity without ever being unlocked.  Not when nested. */
void rw_downgrade(struct rwlock *rw);
bool rw_write_held(const struct rwlock *rw);
/* Held in some mode; for readers: by somebody. */
bool rw_held(const struct rwlock *rw);

/*
 * The big lock: recursive, released as a whole while its holder sleeps and
 * taken again to the same depth on waking.
 */
void big_enter(void);
void big_exit(void);
bool big_held(void);
/* Release every hold; returns how many there were. */
u_int big_release_all(void);
void big_reacquire(u_int depth);

#endif
