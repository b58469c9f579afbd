/*
 * panic.c: the end, as informative as it can be made.
 *
 * panic_owner says which CPU panics.  It prints its message and call chain,
 * then asks the others one by one to print theirs, and halts the machine.
 * Only the owner and who has taken the turn it was given may print, so that
 * the output does not mix, however late one answers.  Nothing here takes a
 * lock or allocates.
 */
#include <base/kassert.h>

#include <port/machdep.h>
#include <base/cpu.h>
#include <base/print.h>
#include <base/thread.h>

#include "base_impl.h"

/* How long another CPU has to answer, and to print its call chain. */
#define STOP_WAIT  1000000000ull  /* ns */
#define PRINT_WAIT 10000000000ull /* ns */
#define TAKEN      0x10000u

_Atomic(bool) panicking;
void (*panic_hook)(const char *msg);

static _Atomic(u_int) panic_owner; /* CPU id + 1, 0: nobody panics */
static _Atomic(cpumask_t) stopped; /* CPUs that will do nothing more */
static _Atomic(u_int) turn;        /* CPU id + 1 that may print; TAKEN: does */
static u_int depth;                /* panics in panic_owner's panic */

bool
panic_mine(void)
{
	return atomic_load_explicit(&panic_owner, memory_order_relaxed) ==
	       curcpu()->cpu_id + 1;
}

bool
panic_speaks(void)
{
	return panic_mine() ||
	       atomic_load_explicit(&turn, memory_order_relaxed) ==
		   ((curcpu()->cpu_id + 1) | TAKEN);
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

/* Another CPU panics: tell it where we are when it is our turn. */
static __attribute__((noreturn)) void
stop_forever(const char *what, const char *msg)
{
	const u_int me = curcpu()->cpu_id + 1;
	u_int want;

	do {
		md_cpu_relax();
		want = me;
	} while (!atomic_compare_exchange_strong_explicit(&turn, &want,
	    me | TAKEN, memory_order_acquire, memory_order_relaxed));
	print_where(what, msg);
	atomic_fetch_or_explicit(&stopped, CPUMASK(me - 1),
	    memory_order_release);
	for (;;)
		md_cpu_relax();
}

void
panic_stop(void)
{
	md_intr_disable();
	stop_forever("panic", "stopped by another cpu");
}

/* Wait until CPU id has printed, but no longer than ns. */
static bool
wait_stopped(u_int id, uint64_t ns)
{
	uint64_t end = md_time_ns() + ns;

	while ((atomic_load_explicit(&stopped, memory_order_acquire) &
		   CPUMASK(id)) == 0) {
		if (md_time_ns() > end)
			return false;
		md_cpu_relax();
	}
	return true;
}

/* Let every other CPU print its call chain, one after another. */
static void
stop_others(void)
{
	u_int id, given;

	for (id = 0; id < cpu_count(); id++) {
		if (id == curcpu()->cpu_id)
			continue;
		given = id + 1;
		atomic_store_explicit(&turn, given, memory_order_release);
		md_ipi(id, MD_IPI_STOP);
		if (wait_stopped(id, STOP_WAIT))
			continue;
		/* Take the turn back, unless it is printing. */
		if (atomic_compare_exchange_strong_explicit(&turn, &given, 0,
			memory_order_relaxed, memory_order_relaxed) ||
		    !wait_stopped(id, PRINT_WAIT))
			kprintf("cpu %u does not answer\n", id);
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
	if (cpu_count() == 0) {
		/* Before cpu_attach() there is nothing to tell but this. */
		kprintf("panic: %s\n", msg);
		md_halt(PANIC_STATUS);
	}
	if (!atomic_compare_exchange_strong_explicit(&panic_owner, &owner,
		curcpu()->cpu_id + 1, memory_order_relaxed,
		memory_order_relaxed)) {
		if (!panic_mine())
			stop_forever("panic elsewhere too", msg);
		/* One that cannot even be told is not told again. */
		if (depth++ == 0)
			print_where("panic in panic", msg);
		md_halt(PANIC_STATUS);
	}
	atomic_store_explicit(&panicking, true, memory_order_relaxed);
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
