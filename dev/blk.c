/*
 * blk.c: block devices: who they are, and waiting for requests.
 *
 * Locks: blk_lock guards the list of devices and is what blk_io() sleeps
 * under, so that a request on its caller's stack is not touched any more once
 * the caller goes on.
 */
#include <dev/blk.h>

#include <sys/errno.h>
#include <base/kassert.h>
#include <base/lock.h>
#include <base/print.h>
#include <base/thread.h>

static struct spin blk_lock = SPIN_INITIALIZER(RANK_BLK);
static LIST_HEAD(, blkdev) blk_all = LIST_HEAD_INITIALIZER(blk_all);

void
blk_attach(struct blkdev *bd)
{
	KASSERT(bd->bd_npages > 0 && bd->bd_start != NULL);
	KASSERT(blk_find(bd->bd_name) == NULL);
	spin_enter(&blk_lock);
	LIST_INSERT_HEAD(&blk_all, bd, bd_all);
	spin_exit(&blk_lock);
}

void
blk_detach(struct blkdev *bd)
{
	KASSERT(atomic_load(&bd->bd_npending) == 0);
	spin_enter(&blk_lock);
	LIST_REMOVE(bd, bd_all);
	spin_exit(&blk_lock);
}

struct blkdev *
blk_find(const char *name)
{
	struct blkdev *bd;

	spin_enter(&blk_lock);
	LIST_FOREACH(bd, &blk_all, bd_all)
		if (strcmp(bd->bd_name, name) == 0)
			break;
	spin_exit(&blk_lock);
	return bd;
}

void
blk_done(struct blkdev *bd, struct bio *b, int error)
{
	KASSERT(error == 0 || error == EIO);
	KASSERT(
	    atomic_load_explicit(&bd->bd_npending, memory_order_relaxed) > 0);
	b->b_error = error;
	if (error != 0)
		atomic_fetch_add_explicit(&bd->bd_nerror, 1,
		    memory_order_relaxed);
	else
		atomic_fetch_add_explicit(b->b_write ? &bd->bd_nwritten
						     : &bd->bd_nread,
		    b->b_npages, memory_order_relaxed);
	atomic_fetch_sub_explicit(&bd->bd_npending, 1, memory_order_relaxed);
	if (b->b_done != NULL) {
		b->b_done(b);
		return;
	}
	spin_enter(&blk_lock);
	b->b_finished = true;
	wakeup(b);
	spin_exit(&blk_lock);
}

void
blk_fail(struct blkdev *bd, u_long n)
{
	atomic_store_explicit(&bd->bd_failless, n, memory_order_relaxed);
	atomic_store_explicit(&bd->bd_fail, n, memory_order_relaxed);
}

/* Whether this request is the one that the injector lets fail. */
static bool
blk_fails(struct blkdev *bd)
{
	u_long every = atomic_load_explicit(&bd->bd_fail, memory_order_relaxed);

	if (__predict_true(every == 0))
		return false;
	if (atomic_fetch_sub_explicit(&bd->bd_failless, 1,
		memory_order_relaxed) != 1)
		return false;
	atomic_store_explicit(&bd->bd_failless, every, memory_order_relaxed);
	return true;
}

void
blk_submit(struct blkdev *bd, struct bio *b)
{
	KASSERT(b->b_npages > 0 && b->b_npages <= BIO_MAXPAGES);
	KASSERT(b->b_block < bd->bd_npages &&
		b->b_npages <= bd->bd_npages - b->b_block);
	atomic_fetch_add_explicit(&bd->bd_npending, 1, memory_order_relaxed);
	b->b_error = 0;
	if (blk_fails(bd))
		blk_done(bd, b, EIO);
	else
		bd->bd_start(bd, b);
}

int
blk_io(struct blkdev *bd, struct bio *b)
{
	KASSERT(lock_none_above(RANK_SPIN));
	b->b_done = NULL;
	b->b_finished = false;
	blk_submit(bd, b);
	spin_enter(&blk_lock);
	while (!b->b_finished)
		(void)sleep_spin(b, &blk_lock, 0, 0, "blkio");
	spin_exit(&blk_lock);
	return b->b_error;
}
