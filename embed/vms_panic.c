/*
 * vms_panic.c: the end, in a kernel that has its own way to end.
 *
 * The message goes to md_log(), then md_halt() stops all CPUs.  A panic inside
 * it, or on another CPU meanwhile, prints its own message and is the end.
 */
#include <stdatomic.h>

#include "../base/base_impl.h"
#include "vms_local.h"

_Atomic(bool) panicking;
void (*panic_hook)(const char *msg);

bool
panic_mine(void)
{
	return atomic_load_explicit(&panicking, memory_order_relaxed);
}

bool
panic_speaks(void)
{
	return panic_mine();
}

void
panic_stop(void)
{
	for (;;)
		md_cpu_relax();
}

void
panic(const char *fmt, ...)
{
	char msg[256];
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	md_intr_disable();
	if (panic_hook != NULL)
		panic_hook(msg);
	md_log("vmspace panic: ", sizeof("vmspace panic: ") - 1);
	md_log(msg, strlen(msg));
	md_log("\n", 1);
#if VMS_TIER >= 5
	if (!atomic_exchange_explicit(&panicking, true, memory_order_relaxed))
		md_backtrace();
#endif
	atomic_store_explicit(&panicking, true, memory_order_relaxed);
	md_halt(PANIC_STATUS);
}

void
kassert_fail(const char *file, int line, const char *expr)
{
	panic("%s:%d: assertion \"%s\" failed", file, line, expr);
}
