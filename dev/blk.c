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
	KASSERT(
	    atomic_load_explicit(&bd->bd_npending, memory_order_relaxed) == 0);
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
bio_pages(struct bio *b, uint64_t sector, u_int npages, bool write)
{
	KASSERT(npages > 0 && npages <= BIO_MAXPAGES);
	b->b_sector = sector;
	b->b_npages = npages;
	b->b_off = b->b_len = 0;
	b->b_write = write;
	b->b_flush = false;
}

/* Whether b makes sense for bd. */
static bool
blk_fits(const struct blkdev *bd, const struct bio *b)
{
	uint64_t n = b->b_len != 0 ? b->b_len / BLK_SECTOR
				   : b->b_npages * BLK_PAGESECTORS;
	uint64_t size = bd->bd_npages * BLK_PAGESECTORS;

	if (b->b_flush)
		return b->b_npages == 0;
	if (b->b_npages == 0 || b->b_npages > BIO_MAXPAGES)
		return false;
	if (b->b_len != 0 &&
	    (b->b_npages != 1 || (b->b_off | b->b_len) % BLK_SECTOR != 0 ||
		b->b_off + b->b_len > PAGE_SIZE))
		return false;
	return b->b_sector < size && n <= size - b->b_sector;
}

void
blk_submit(struct blkdev *bd, struct bio *b)
{
	KASSERT(blk_fits(bd, b));
	KASSERT(!b->b_write || !bd->bd_rdonly);
	atomic_fetch_add_explicit(&bd->bd_npending, 1, memory_order_relaxed);
	b->b_error = 0;
	if (blk_fails(bd))
		blk_done(bd, b, EIO);
	else
		bd->bd_start(bd, b);
}

void
blk_begin(struct blkdev *bd, struct bio *b)
{
	b->b_done = NULL;
	b->b_finished = false;
	blk_submit(bd, b);
}

int
blk_wait(struct bio *b)
{
	KASSERT(lock_none_above(RANK_SPIN));
	spin_enter(&blk_lock);
	while (!b->b_finished)
		(void)sleep_spin(b, &blk_lock, 0, 0, "blkio");
	spin_exit(&blk_lock);
	return b->b_error;
}

int
blk_io(struct blkdev *bd, struct bio *b)
{
	blk_begin(bd, b);
	return blk_wait(b);
}

int
blk_flush(struct blkdev *bd)
{
	struct bio b = {.b_flush = true};

	return bd->bd_cached ? blk_io(bd, &b) : 0;
}

int
blk_claim(struct blkdev *bd)
{
	return atomic_exchange_explicit(&bd->bd_claimed, true,
		   memory_order_acquire)
		   ? EBUSY
		   : 0;
}

void
blk_unclaim(struct blkdev *bd)
{
	bool was = atomic_exchange_explicit(&bd->bd_claimed, false,
	    memory_order_release);

	KASSERT(was);
}
