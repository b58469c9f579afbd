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
 */
#include <stdatomic.h>
#include <stdint.h>

#define AR __ATOMIC_ACQ_REL

#define RMW(bits, name)                                                        \
	uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t    \
							*p,                    \
	    uint##bits##_t val, int order);                                    \
	uint##bits##_t par_atomic##bits##_##name(volatile uint##bits##_t *p,   \
	    uint##bits##_t val, int order);                                    \
	uint##bits##_t par_atomic##bits##_##name(volatile uint##bits##_t *p,   \
	    uint##bits##_t val, int order)                                     \
	{                                                                      \
		if (order != __ATOMIC_SEQ_CST)                                 \
			order = AR;                                            \
		return __tsan_atomic##bits##_##name(p, val, order);            \
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
		return __tsan_atomic##bits##_##name(p, expect, val, ok, fail); \
	}
#define ALL(bits)                                                              \
	RMW(bits, exchange)                                                    \
	RMW(bits, fetch_add)                                                   \
	RMW(bits, fetch_sub)                                                   \
	RMW(bits, fetch_and)                                                   \
	RMW(bits, fetch_or)                                                    \
	RMW(bits, fetch_xor)                                                   \
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
