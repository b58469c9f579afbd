/*
 * refcount.h: reference counts, with the ordering of FreeBSD's refcount(9).
 *
 * A release orders all of the holder's accesses before the decrement; the
 * one that reaches zero then issues an acquire fence, so the destructor sees
 * what every former holder wrote.  An acquire needs no order: the caller
 * already holds a reference, or something else keeps the count from zero.
 * A count that reached REFCOUNT_STUCK stays there and the object leaks, which
 * is better than a count that wraps.
 *
 * Any context; nothing sleeps.
 */
#ifndef BASE_REFCOUNT_H
#define BASE_REFCOUNT_H

#include <stdatomic.h>
#include <sys/types.h>
#include <base/kassert.h>

typedef struct {
	_Atomic(u_int) rc_count;
} refcount_t;

#define REFCOUNT_STUCK 0x80000000u

static inline void
refcount_init(refcount_t *rc, u_int n)
{
	atomic_store_explicit(&rc->rc_count, n, memory_order_relaxed);
}

static inline u_int
refcount_load(const refcount_t *rc)
{
	return atomic_load_explicit(&rc->rc_count, memory_order_relaxed);
}

/* It is the caller's alone.  What others did before they let go is done. */
static inline bool
refcount_alone(const refcount_t *rc)
{
	return atomic_load_explicit(&rc->rc_count, memory_order_acquire) == 1;
}

/* One more.  The count must not be zero. */
static inline void
refcount_acquire(refcount_t *rc)
{
	u_int old;

	old = atomic_fetch_add_explicit(&rc->rc_count, 1, memory_order_relaxed);
	/* 0 or stuck, in one question. */
	if (__predict_false(old - 1 >= REFCOUNT_STUCK - 1)) {
		KASSERT(old != 0);
		atomic_store_explicit(&rc->rc_count, REFCOUNT_STUCK,
		    memory_order_relaxed);
	}
}

/* One less.  True: it was the last, and the caller destroys the object. */
static inline bool
refcount_release(refcount_t *rc)
{
	u_int old;

	old = atomic_fetch_sub_explicit(&rc->rc_count, 1, memory_order_release);
	if (__predict_false(old - 1 >= REFCOUNT_STUCK - 1)) {
		KASSERT(old != 0);
		atomic_store_explicit(&rc->rc_count, REFCOUNT_STUCK,
		    memory_order_relaxed);
		return false;
	}
	if (old != 1)
		return false;
	atomic_thread_fence(memory_order_acquire);
	return true;
}

/* 1 to 0 or no change.  True: it was the last, as refcount_release(). */
static inline bool
refcount_release_if_last(refcount_t *rc)
{
	u_int old = 1;

	/* Nobody is left to release anything to. */
	if (!atomic_compare_exchange_strong_explicit(&rc->rc_count, &old, 0,
		memory_order_relaxed, memory_order_relaxed))
		return false;
	atomic_thread_fence(memory_order_acquire);
	return true;
}

/*
 * One more unless the count is zero: never resurrects.  The memory must stay
 * a refcount_t meanwhile (a lock or an epoch); afterwards the caller looks
 * again whether the object is the one it meant.
 */
static inline bool
refcount_acquire_if_not_zero(refcount_t *rc)
{
	u_int old;

	old = atomic_load_explicit(&rc->rc_count, memory_order_relaxed);
	do {
		if (old == 0)
			return false;
		if (__predict_false(old >= REFCOUNT_STUCK))
			return true;
	} while (!atomic_compare_exchange_weak_explicit(&rc->rc_count, &old,
	    old + 1, memory_order_relaxed, memory_order_relaxed));
	return true;
}

#endif
