/*
 * epoch_thread.c: the thread that runs what was given to epoch_call().
 *
 * It sleeps while there is nothing to run.  Who adds something wakes it if it
 * is not awake; it says that it is not, then looks once more.  Both do so by
 * exchange: of the two one comes first, and the second sees all that the other
 * did before.
 */
#include <base/epoch.h>

#include <port/machdep.h>
#include <base/thread.h>

#include "base_impl.h"

#define POLL_NS 2000000ull /* while callbacks wait */

static struct thread worker;
static uint8_t worker_stack[KSTACK_SIZE] __aligned(PAGE_SIZE);
static struct spin worker_lock = SPIN_INITIALIZER(RANK_EPOCH);
static _Atomic(bool) worker_awake; /* cleared under worker_lock */

void
epoch_kick(void)
{
	if (!atomic_exchange_explicit(&worker_awake, true,
		memory_order_release)) {
		spin_enter(&worker_lock);
		wakeup(&worker);
		spin_exit(&worker_lock);
	}
}

static void
worker_main(void *arg __unused)
{
	for (;;) {
		epoch_poll();
		if (epoch_pending() > 0) {
			sleep_until(md_time_ns() + POLL_NS, 0, "epoch");
			continue;
		}
		spin_enter(&worker_lock);
		(void)atomic_exchange_explicit(&worker_awake, false,
		    memory_order_acquire);
		if (epoch_pending() == 0)
			sleep_spin(&worker, &worker_lock, 0, 0, "epoch");
		atomic_store_explicit(&worker_awake, true,
		    memory_order_relaxed);
		spin_exit(&worker_lock);
	}
}

void
epoch_thread_init(void)
{
	thread_init(&worker, worker_stack, "epoch", worker_main, NULL);
	worker.td_prio = PRIO_HIGH;
	atomic_store_explicit(&worker_awake, true, memory_order_relaxed);
	thread_ready(&worker);
}
