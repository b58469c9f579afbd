/*
 * glue.c (vmsim): inline functions of the kernel that change its memory, for
 * the port.  Instrumented, like the kernel and unlike the rest of the port.
 */
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

bool
sim_ast_need(struct thread *td)
{
	return atomic_load_explicit(&td->td_ast, memory_order_relaxed) ||
	       sched_need();
}
