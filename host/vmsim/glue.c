/*
 * glue.c (vmsim): inline functions of the kernel that change its memory, for
 * the port.  Instrumented, like the kernel and unlike the rest of the port.
 */
#include <base/epoch.h>
#include <base/thread.h>

#include "sim.h"

void
sim_user_enter(struct thread *td)
{
	thread_user_enter(td);
}

void
sim_user_exit(struct thread *td)
{
	thread_user_exit(td);
}

/*
 * A word that is read in epoch sections, replaced, and then reclaimed: by a
 * plain store, which is a race unless all sections that saw it are over.
 */
static struct epoch_word {
	struct epoch_entry ew_entry;
	u_long ew_val;
} epoch_words[2] = {{.ew_val = 5}, {.ew_val = 7}};
static _Atomic(struct epoch_word *) epoch_shown = &epoch_words[0];

long
sim_epoch_read(void)
{
	struct epoch_word *w;
	u_long val;

	epoch_enter();
	w = atomic_load_explicit(&epoch_shown, memory_order_acquire);
	val = w->ew_val;
	epoch_exit();
	return (long)val;
}

static void
epoch_reclaim(struct epoch_entry *ee)
{
	container_of(ee, struct epoch_word, ew_entry)->ew_val = 0;
}

void
sim_epoch_retire(void)
{
	struct epoch_word *old = &epoch_words[0];

	atomic_store_explicit(&epoch_shown, &epoch_words[1],
	    memory_order_release);
	epoch_call(&old->ew_entry, epoch_reclaim);
	epoch_wait();
}

bool
sim_ast_need(struct thread *td)
{
	return atomic_load_explicit(&td->td_ast, memory_order_relaxed) ||
	       sched_need();
}
