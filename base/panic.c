/*
 * panic.c: the end, as informative as it can be made.
 *
 * panic_owner says which CPU panics.  It prints its message and call chain,
 * then asks the others one by one to print theirs, so that the output does
 * not mix, and halts the machine.  Nothing here takes a lock or allocates.
 */
#include <base/kassert.h>

#include <port/machdep.h>
#include <base/cpu.h>
#include <base/print.h>
#include <base/thread.h>

#include "base_impl.h"

/* How long the other CPUs have for their call chains. */
#define STOP_WAIT 500000000ull /* ns */

_Atomic(bool) panicking;
void (*panic_hook)(const char *msg);

static _Atomic(u_int) panic_owner; /* CPU id + 1, 0: nobody panics */
static _Atomic(cpumask_t) stopped; /* CPUs that will do nothing more */
static u_int depth;                /* panics in panic_owner's panic */

bool
panic_mine(void)
{
	return atomic_load_explicit(&panic_owner, memory_order_relaxed) ==
	       curcpu()->cpu_id + 1;
}

static void
print_where(const char *what, const char *msg)
{
	const struct thread *td = curthread();

	kprintf("%s: %s\n", what, msg);
	kprintf("cpu %u, thread %p (%s), ranks held %#lx\n", curcpu()->cpu_id,
	    (const void *)td, td->td_name, (u_long)td->td_ranks);
	md_backtrace();
}

static __attribute__((noreturn)) void
stop_forever(void)
{
	atomic_fetch_or_explicit(&stopped, CPUMASK(curcpu()->cpu_id),
	    memory_order_release);
	for (;;)
		md_cpu_relax();
}

void
panic_stop(void)
{
	md_intr_disable();
	print_where("panic", "stopped by another cpu");
	stop_forever();
}

/* Let every other CPU print its call chain, one after another. */
static void
stop_others(void)
{
	u_int id, self = curcpu()->cpu_id;
	uint64_t end;

	for (id = 0; id < ncpu; id++) {
		if (id == self)
			continue;
		md_ipi(id, MD_IPI_STOP);
		end = md_time_ns() + STOP_WAIT;
		while ((atomic_load_explicit(&stopped, memory_order_acquire) &
			   CPUMASK(id)) == 0) {
			if (md_time_ns() > end) {
				kprintf("cpu %u does not answer\n", id);
				break;
			}
			md_cpu_relax();
		}
	}
}

/* msg is complete; never returns. */
static __attribute__((noreturn)) void
panic_message(const char *msg)
{
	u_int owner = 0;

	if (panic_hook != NULL)
		panic_hook(msg);
	md_intr_disable();
	if (ncpu == 0) {
		/* Before cpu_attach() there is nothing to tell but this. */
		kprintf("panic: %s\n", msg);
		md_halt(PANIC_STATUS);
	}
	atomic_store_explicit(&panicking, true, memory_order_relaxed);
	if (!atomic_compare_exchange_strong_explicit(&panic_owner, &owner,
		curcpu()->cpu_id + 1, memory_order_relaxed,
		memory_order_relaxed)) {
		if (!panic_mine()) {
			print_where("panic elsewhere too", msg);
			stop_forever();
		}
		/* One that cannot even be told is not told again. */
		if (depth++ == 0)
			print_where("panic in panic", msg);
		md_halt(PANIC_STATUS);
	}
	print_where("panic", msg);
	stop_others();
	md_halt(PANIC_STATUS);
}

void
panic(const char *fmt, ...)
{
	char msg[256];
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	panic_message(msg);
}

void
kassert_fail(const char *file, int line, const char *expr)
{
	panic("%s:%d: assertion \"%s\" failed", file, line, expr);
}
