/*
 * kassert.h: assertions and panic.
 *
 * KASSERT stays in every build: O(1) conditions only.  KDASSERT, for what is
 * not O(1), is compiled where DEBUG is 1 and is checked for syntax elsewhere.
 */
#ifndef BASE_KASSERT_H
#define BASE_KASSERT_H

#include <sys/types.h>

#ifndef DEBUG
#define DEBUG 0
#endif

/* 0 only to measure what they cost. */
#ifndef KASSERTS
#define KASSERTS 1
#endif

#define KASSERT(e)                                                             \
	(!KASSERTS || __predict_true(e)                                        \
		? (void)0                                                      \
		: kassert_fail(__FILE__, __LINE__, #e))
#define KDASSERT(e) (DEBUG ? KASSERT(e) : (void)sizeof(!!(e)))

__attribute__((noreturn, cold)) void kassert_fail(const char *file, int line,
    const char *expr);

/*
 * panic: print the message and this CPU's call chain, make the other CPUs
 * print theirs and stop, halt the machine with status PANIC_STATUS.  A panic
 * inside a panic prints its own message and chain, then halts.  Any context.
 */
#define PANIC_STATUS 254
__attribute__((noreturn)) __printflike(1, 2) void panic(const char *fmt, ...);

/* Whether some CPU is in panic(): locks are no longer waited for. */
extern _Atomic(bool) panicking;

/*
 * Stop this CPU because another one panics: print its call chain and wait for
 * the end.  What MD_IPI_STOP does; lock waits come here too.
 */
__attribute__((noreturn)) void panic_stop(void);

/*
 * Tests set this to survive a panic they expect: it is called first, with the
 * message, and leaves by thread_exit().  If it returns, the panic goes on.
 */
extern void (*panic_hook)(const char *msg);

#endif
