/*
 * tsanrt.c: what the compiler calls.
 *
 * gcc 12 and clang 14 turn every memory access of a file compiled with
 * -fsanitize=thread into one of these calls, just before the access.  This
 * file takes the place of the sanitizer's runtime.  gcc leaves calls of
 * memcpy() and its like alone; objcopy renames those to det_mem*() (see the
 * list of symbols in wrap.syms), for both compilers.
 */
#include <string.h>
#include "detp.h"

#define PC() ((uintptr_t)__builtin_return_address(0))

void __tsan_init(void);
void __tsan_func_entry(void *pc);
void __tsan_func_exit(void);
void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_signal_fence(int order);

void
__tsan_init(void)
{
}

void
__tsan_func_entry(void *pc)
{
	(void)pc;
}

void
__tsan_func_exit(void)
{
}

void
__tsan_atomic_thread_fence(int order)
{
	atomic_fence_at(order_of(order, PC()), PC());
}

void
__tsan_atomic_signal_fence(int order)
{
	(void)order;
}

#define PLAIN(name, size, write)                                               \
	void name(void *p);                                                    \
	hot void name(void *p)                                                 \
	{                                                                      \
		plain_access((uintptr_t)p, size, write, PC());                 \
	}
#define PLAINS(n)                                                              \
	PLAIN(__tsan_read##n, n, false)                                        \
	PLAIN(__tsan_write##n, n, true)                                        \
	PLAIN(__tsan_unaligned_read##n, n, false)                              \
	PLAIN(__tsan_unaligned_write##n, n, true)                              \
	PLAIN(__tsan_read_write##n, n, true)                                   \
	PLAIN(__tsan_unaligned_read_write##n, n, true)                         \
	PLAIN(__tsan_volatile_read##n, n, false)                               \
	PLAIN(__tsan_volatile_write##n, n, true)                               \
	PLAIN(__tsan_unaligned_volatile_read##n, n, false)                     \
	PLAIN(__tsan_unaligned_volatile_write##n, n, true)
PLAINS(1)
PLAINS(2)
PLAINS(4)
PLAINS(8)
PLAINS(16)

void __tsan_read_range(void *p, unsigned long len);
void __tsan_write_range(void *p, unsigned long len);

void
__tsan_read_range(void *p, unsigned long len)
{
	plain_range((uintptr_t)p, len, false, PC());
}

void
__tsan_write_range(void *p, unsigned long len)
{
	plain_range((uintptr_t)p, len, true, PC());
}

#define RMW(bits, type, name, op)                                              \
	type __tsan_atomic##bits##_##name(volatile type *p, type val,          \
	    int order);                                                        \
	type __tsan_atomic##bits##_##name(volatile type *p, type val,          \
	    int order)                                                         \
	{                                                                      \
		return (type)atomic_rmw_at((uintptr_t)p, sizeof *p, op, val,   \
		    order_of(order, PC()), PC());                              \
	}
#define CAS(bits, type, name)                                                  \
	int __tsan_atomic##bits##_compare_exchange_##name(volatile type *p,    \
	    type *expect, type val, int ok, int fail);                         \
	int __tsan_atomic##bits##_compare_exchange_##name(volatile type *p,    \
	    type *expect, type val, int ok, int fail)                          \
	{                                                                      \
		uint64_t e = *expect;                                          \
		bool done;                                                     \
                                                                               \
		done = atomic_cas_at((uintptr_t)p, sizeof *p, &e, val,         \
		    order_of(ok, PC()), fail, PC());                           \
		if (!done) {                                                   \
			plain_access((uintptr_t)expect, sizeof *p, true,       \
			    PC());                                             \
			*expect = (type)e;                                     \
		}                                                              \
		return done;                                                   \
	}
#define ATOMIC(bits, type)                                                     \
	type __tsan_atomic##bits##_load(const volatile type *p, int order);    \
	type __tsan_atomic##bits##_load(const volatile type *p, int order)     \
	{                                                                      \
		return (type)atomic_load_at((uintptr_t)p, sizeof *p,           \
		    order_of(order, PC()), PC());                              \
	}                                                                      \
	void __tsan_atomic##bits##_store(volatile type *p, type val,           \
	    int order);                                                        \
	void __tsan_atomic##bits##_store(volatile type *p, type val,           \
	    int order)                                                         \
	{                                                                      \
		atomic_store_at((uintptr_t)p, sizeof *p, val,                  \
		    order_of(order, PC()), PC());                              \
	}                                                                      \
	RMW(bits, type, exchange, RMW_XCHG)                                    \
	RMW(bits, type, fetch_add, RMW_ADD)                                    \
	RMW(bits, type, fetch_sub, RMW_SUB)                                    \
	RMW(bits, type, fetch_and, RMW_AND)                                    \
	RMW(bits, type, fetch_or, RMW_OR)                                      \
	RMW(bits, type, fetch_xor, RMW_XOR)                                    \
	RMW(bits, type, fetch_nand, RMW_NAND)                                  \
	CAS(bits, type, strong)                                                \
	CAS(bits, type, weak)                                                  \
	type __tsan_atomic##bits##_compare_exchange_val(volatile type *p,      \
	    type expect, type val, int ok, int fail);                          \
	type __tsan_atomic##bits##_compare_exchange_val(volatile type *p,      \
	    type expect, type val, int ok, int fail)                           \
	{                                                                      \
		uint64_t e = expect;                                           \
                                                                               \
		(void)atomic_cas_at((uintptr_t)p, sizeof *p, &e, val,          \
		    order_of(ok, PC()), fail, PC());                           \
		return (type)e;                                                \
	}
ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

/*
 * Memory functions of the code under test.
 */
void *det_memcpy(void *dst, const void *src, size_t len);
void *det_memmove(void *dst, const void *src, size_t len);
void *det_memset(void *dst, int c, size_t len);
int det_memcmp(const void *a, const void *b, size_t len);

void *
det_memcpy(void *dst, const void *src, size_t len)
{
	plain_range((uintptr_t)src, len, false, PC());
	plain_range((uintptr_t)dst, len, true, PC());
	return memcpy(dst, src, len);
}

void *
det_memmove(void *dst, const void *src, size_t len)
{
	plain_range((uintptr_t)src, len, false, PC());
	plain_range((uintptr_t)dst, len, true, PC());
	return memmove(dst, src, len);
}

void *
det_memset(void *dst, int c, size_t len)
{
	plain_range((uintptr_t)dst, len, true, PC());
	return memset(dst, c, len);
}

int
det_memcmp(const void *a, const void *b, size_t len)
{
	plain_range((uintptr_t)a, len, false, PC());
	plain_range((uintptr_t)b, len, false, PC());
	return memcmp(a, b, len);
}

/* clang 16 and later name them so. */
void *__tsan_memcpy(void *dst, const void *src, size_t len)
    __attribute__((alias("det_memcpy")));
void *__tsan_memmove(void *dst, const void *src, size_t len)
    __attribute__((alias("det_memmove")));
void *__tsan_memset(void *dst, int c, size_t len)
    __attribute__((alias("det_memset")));
