/*
 * lockstat.h: the lock profile of kernels built with LOCKSTAT=1; elsewhere its
 * hooks are nothing.
 *
 * A line of the profile is a class of locks, which is a rank, and a place in the
 * code that takes them; docs/proc-vmspace.md.
 */
#ifndef BASE_LOCKSTAT_H
#define BASE_LOCKSTAT_H

#include <stdatomic.h>
#include <sys/types.h>

#ifndef LOCKSTAT
#define LOCKSTAT 0
#endif

#define LOCKSTAT_NHELD 8    /* of a thread at once; more are not seen */
#define LOCKSTAT_NSITE 512u /* of a CPU; a power of two */

/* A lock that a thread holds or waits for.  All its own. */
struct lockhold {
	u_int lh_rank;     /* 0: a free one */
	uint64_t lh_wait;  /* md_cycles() when the wait began; 0: none */
	uint64_t lh_since; /* md_cycles() when it was taken */
	uintptr_t lh_site; /* where */
};

/* What a CPU has seen released.  Atomics: written by the CPU, read by others. */
struct lockstat {
	_Atomic(uintptr_t) ls_site;     /* [a] 0: a free one */
	_Atomic(u_int) ls_rank;         /* [a] constant while there is a site */
	_Atomic(uint64_t) ls_acquired;  /* [a] how often it was taken, */
	_Atomic(uint64_t) ls_contended; /* [a] and had to be waited for */
	_Atomic(uint64_t) ls_held;      /* [a] cycles, */
	_Atomic(uint64_t) ls_heldmax;   /* [a] and the most at once */
	_Atomic(uint64_t) ls_waited;    /* [a] cycles, */
	_Atomic(uint64_t) ls_waitmax;   /* [a] and the most at once */
};

#if LOCKSTAT
/*
 * The hooks, for the running thread or the handler that interrupts it.
 * lockstat_wait: somebody else has the lock of that rank.
 * lockstat_taken: now it is ours; site 0: for the function that calls this.
 * lockstat_left: it is about to be released, or just was.
 */
void lockstat_wait(u_int rank);
void lockstat_taken(u_int rank, uintptr_t site);
void lockstat_left(u_int rank);

/* The caller of the function that this stands in. */
#define LOCKSTAT_SITE ((uintptr_t)__builtin_return_address(0))
#else
#define lockstat_wait(rank)        ((void)0)
#define lockstat_taken(rank, site) ((void)0)
#define lockstat_left(rank)        ((void)0)
#endif

/*
 * lockstat_name: of a class.
 * lockstat_get: the i-th of all lines, the sums of all CPUs; i below
 *	LOCKSTAT_NSITE * MAXCPU.  False: there is none, or an earlier one.
 * lockstat_reset: begin again.  May sleep.
 */
const char *lockstat_name(u_int rank);
bool lockstat_get(u_int i, struct lockstat *sum);
void lockstat_reset(void);

#endif
