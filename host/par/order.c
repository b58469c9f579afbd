/*
 * order.c: read-modify-write operations and fences of the kernel, as
 * ThreadSanitizer understands them.
 *
 * It knows nothing of fences.  The kernel has them in two places: behind the
 * decrement that drops the last reference (an acquire fence), and in
 * protocols of two variables (seq_cst fences), where the order that counts
 * comes by another way.  For the first it is enough that every
 * read-modify-write operation acquires and releases here.  That is more than
 * the kernel asks for: whether it asks for enough is what the deterministic
 * engine's memory model checks.
 *
 * What they change is told to turns.c, and before each it may get late.
 */
#include <stdatomic.h>
#include <stdint.h>

#include "parp.h"

#define LATE 128 /* one in so many */
#define AR   __ATOMIC_ACQ_REL

#define RMW(bits, name, new)                                                   \
	uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t    \
							*p,                    \
	    uint##bits##_t val, int order);                                    \
	uint##bits##_t par_atomic##bits##_##name(volatile uint##bits##_t *p,   \
	    uint##bits##_t val, int order);                                    \
	uint##bits##_t par_atomic##bits##_##name(volatile uint##bits##_t *p,   \
	    uint##bits##_t val, int order)                                     \
	{                                                                      \
		uint##bits##_t old;                                            \
                                                                               \
		if (order != __ATOMIC_SEQ_CST)                                 \
			order = AR;                                            \
		par_late(LATE);                                                \
		old = __tsan_atomic##bits##_##name(p, val, order);             \
		par_changed((uintptr_t)p, old, (uint##bits##_t)(new));         \
		return old;                                                    \
	}
#define CAS(bits, name)                                                        \
	int __tsan_atomic##bits##_##name(volatile uint##bits##_t *p,           \
	    uint##bits##_t *expect, uint##bits##_t val, int ok, int fail);     \
	int par_atomic##bits##_##name(volatile uint##bits##_t *p,              \
	    uint##bits##_t *expect, uint##bits##_t val, int ok, int fail);     \
	int par_atomic##bits##_##name(volatile uint##bits##_t *p,              \
	    uint##bits##_t *expect, uint##bits##_t val, int ok, int fail)      \
	{                                                                      \
		if (ok != __ATOMIC_SEQ_CST)                                    \
			ok = AR;                                               \
		par_late(LATE);                                                \
		if (!__tsan_atomic##bits##_##name(p, expect, val, ok, fail))   \
			return 0;                                              \
		par_changed((uintptr_t)p, *expect, val);                       \
		return 1;                                                      \
	}
#define STORE(bits)                                                            \
	void __tsan_atomic##bits##_store(volatile uint##bits##_t *p,           \
	    uint##bits##_t val, int order);                                    \
	void par_atomic##bits##_store(volatile uint##bits##_t *p,              \
	    uint##bits##_t val, int order);                                    \
	void par_atomic##bits##_store(volatile uint##bits##_t *p,              \
	    uint##bits##_t val, int order)                                     \
	{                                                                      \
		uint##bits##_t old = __atomic_load_n(p, __ATOMIC_RELAXED);     \
                                                                               \
		__tsan_atomic##bits##_store(p, val, order);                    \
		par_changed((uintptr_t)p, old, val);                           \
	}
#define ALL(bits)                                                              \
	STORE(bits)                                                            \
	RMW(bits, exchange, val)                                               \
	RMW(bits, fetch_add, old + val)                                        \
	RMW(bits, fetch_sub, old - val)                                        \
	RMW(bits, fetch_and, old &val)                                         \
	RMW(bits, fetch_or, old | val)                                         \
	RMW(bits, fetch_xor, old ^ val)                                        \
	CAS(bits, compare_exchange_strong)                                     \
	CAS(bits, compare_exchange_weak)
ALL(8)
ALL(16)
ALL(32)
ALL(64)

void par_fence(int order);

void
par_fence(int order)
{
	(void)order;
	atomic_thread_fence(memory_order_seq_cst);
}
