/*
 * parp.h: what the files of host/par share.
 *
 * par.c	CPUs as pthreads, contexts as fibers, executions as processes
 * turns.c	interrupts, waiting, and time, which passes when all wait
 * order.c	the kernel's atomics, between it and the sanitizer
 */
#ifndef PAR_PARP_H
#define PAR_PARP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <det/det.h>

/*
 * What a CPU does.
 * OFF		it has not been started, or has ended
 * RUN		it runs; also one that waits, but has been told to look again
 * SPIN		det_relax(): until something that it reads has changed
 * IDLE		det_idle(): until an interrupt
 * CALM		det_calm(): until all others wait
 */
enum pstate { P_OFF, P_RUN, P_SPIN, P_IDLE, P_CALM };

/*
 * Protection:
 *	I	constant once it runs
 *	a	atomic
 *	o	its own; others read it while it waits, under turn_lock
 *	t	turn_lock
 */
struct pcpu {
	enum pstate p_state;      /* [t] */
	_Atomic(uint32_t) p_go;   /* [a] 0: it sleeps there */
	_Atomic(uint32_t) p_irqs; /* [a] raised lines; raised under turn_lock */
	bool p_calmed;            /* [t] told to go on because there is calm */
	uint64_t p_began;         /* [t] news when it was last told to go on */
	uint64_t p_looked;        /* [t] SPIN: it saw these, and waits still */
	unsigned p_forced;        /* [t] turns that only limits ask for */
	bool p_intr;              /* [o] interrupts enabled */
	uint64_t p_digest;        /* [o] of what it changed */
	uint64_t p_waited;        /* [o] p_digest when it last waited */
	uint64_t p_turned;        /* [o] p_digest at the last det_relax() */
	uintptr_t p_spinpc;       /* [o] the loop that it is in */
	unsigned p_turns;         /* [o] turns of it */
	unsigned p_spins;         /* [o] the last ones, that changed nothing */
	unsigned p_step;          /* [o] depth of det_atomic_begin() */
	unsigned p_id;            /* [I] */
	uint64_t p_rnd;           /* [o] */
	void *p_sp;               /* [I] where it begins */
	pthread_t p_thread;       /* [I] */
};

/*
 * A lock that ThreadSanitizer does not see: it says nothing about what may
 * access what, and a host thread that waits for it uses no processor.
 */
struct hostlock {
	_Atomic(uint32_t) hl_word; /* 0: free, 1: held, 2: and wanted */
};

/* How the execution ended. */
enum over { OVER_NOT, OVER_SAYING, OVER_FINE, OVER_FAILED };

extern struct pcpu par_cpus[DET_MAXCPU];
extern const struct det_machine *par_dm;
extern _Atomic(uint32_t) par_over; /* enum over; futex */

/*
 * par_me: who runs; NULL: the host.  Not good across a switch of contexts,
 *	which may change the pthread.
 * par_rnd: chance.
 * par_park: this CPU makes no more steps.
 */
struct pcpu *par_me(void);
uint64_t par_rnd(struct pcpu *p);
__attribute__((noreturn)) void par_park(void);

/*
 * par_lock, par_unlock: no recursion.
 * par_sleep: until *word is not val, for at most ns (0: for ever), or for no
 *	reason.
 * par_wake: who sleeps there.
 */
void par_lock(struct hostlock *l);
void par_unlock(struct hostlock *l);
void par_sleep(_Atomic(uint32_t) *word, uint32_t val, long ns);
void par_wake(_Atomic(uint32_t) *word);

/*
 * par_irqs: handle what is raised, if interrupts are enabled.  Whether there
 *	was something.
 * par_start: CPU p runs from here on; before its pthread does.
 * par_stop: this one no longer does.
 * par_changed: an atomic operation of this CPU made old of the word at a new.
 * par_acted: p did what may be of interest to others, and is in no loop.
 * par_late: on occasion, take time, for others to come between.
 */
bool par_irqs(void);
void par_start(struct pcpu *p);
void par_stop(struct pcpu *p);
void par_changed(uintptr_t a, uint64_t old, uint64_t new);
void par_acted(struct pcpu *p);
void par_late(unsigned one_in);

#endif
