/*
 * blk.h: block devices, as those who page to them see them.
 *
 * A request (struct bio) moves whole pages, or a part of one page, between
 * memory and consecutive sectors of a device; or it has the device write its
 * cache to where it survives a power cut.  It is submitted without waiting,
 * completes in any context, and belongs to the device in between.
 *
 *	driver		struct blkdev with bd_start; blk_attach(); blk_done()
 *	user		blk_find(); blk_submit(), or blk_io() to wait
 *
 * Protection:
 *	I	constant after blk_attach()
 *	a	C11 atomic
 *	l	the lock of the list of devices
 *	D	the driver, from blk_submit() to blk_done(); else the user
 *	w	the lock under which waiters sleep
 */
#ifndef DEV_BLK_H
#define DEV_BLK_H

#include <stdatomic.h>
#include <sys/types.h>
#include <sys/queue.h>
#include <machine/param.h>

struct vm_page;
struct blkdev;

#define BIO_MAXPAGES    16
#define BLK_SECTOR      512u
#define BLK_PAGESECTORS (PAGE_SIZE / BLK_SECTOR)

struct bio {
	TAILQ_ENTRY(bio) b_link;              /* [D], after it the user's */
	struct vm_page *b_page[BIO_MAXPAGES]; /* [D] */
	uint64_t b_sector;                    /* [D] first */
	u_int b_npages;                       /* [D] */
	u_int b_off, b_len; /* [D] bytes of the one page; 0: whole pages */
	bool b_write;       /* [D] */
	bool b_flush;       /* [D] moves nothing: what was written stays */
	bool b_finished;    /* [w] for blk_io() */
	int b_error;        /* [D] 0 or EIO */
	void (*b_done)(struct bio *); /* [D] NULL: wake b */
};
TAILQ_HEAD(bioq, bio);

/*
 * bd_start: begin b, or queue it and begin it later.  Must not fail: errors
 *	go through blk_done(), which may be called from inside.  Thread
 *	context, may not sleep; locks below RANK_INTR may be held.
 */
struct blkdev {
	char bd_name[8];          /* [I] as in /dev */
	uint64_t bd_npages;       /* [I] size */
	bool bd_rdonly;           /* [I] */
	bool bd_cached;           /* [I] flushing makes a difference */
	_Atomic(bool) bd_claimed; /* [a] see blk_claim() */
	void (*bd_start)(struct blkdev *bd, struct bio *b); /* [I] */
	LIST_ENTRY(blkdev) bd_all;                          /* [l] */
	_Atomic(u_long) bd_npending; /* [a] submitted and not done */
	_Atomic(u_long) bd_nread;    /* [a] pages */
	_Atomic(u_long) bd_nwritten; /* [a] pages */
	_Atomic(u_long) bd_nerror;   /* [a] requests that failed */
	_Atomic(u_long) bd_fail;     /* [a] see blk_fail() */
	_Atomic(u_long) bd_failless; /* [a] requests until the next failure */
};

/*
 * blk_attach: the device exists from now on.  Thread context.
 * blk_detach: no more; nobody may use it then.  For tests.
 * blk_find: by name, NULL when there is none.  Any context without locks at
 *	RANK_BLK or above.
 * blk_done: the driver's last word on b, error 0 or EIO.  Any context, locks
 *	below RANK_BLK held.
 */
void blk_attach(struct blkdev *bd);
void blk_detach(struct blkdev *bd);
struct blkdev *blk_find(const char *name);
void blk_done(struct blkdev *bd, struct bio *b, int error);

/*
 * bio_pages: b is to move npages whole pages, already in b_page; a page b_len
 *	bytes of it from b_off on if the caller sets these after it.
 * blk_submit: b is filled in and lies within the device.  b_done(b) is called
 *	when it is over, with b_error set: in interrupt context perhaps, so it
 *	takes spin locks from RANK_BLK on alone.  Never sleeps.
 * blk_begin: the same for who calls blk_wait() later; b_done is not looked at.
 * blk_wait: until b is over.  0 or EIO.  May sleep; no spin lock held.
 * blk_io: both.
 * blk_flush: what was written before survives from here on.  As blk_io().
 * blk_claim: use bd alone, as a mounted file system or swap space does.
 *	EBUSY.  blk_unclaim: the reverse.  Any context.
 * blk_fail: make every n-th request fail with EIO without reaching the
 *	device; 0: none.  Any context.
 */
void bio_pages(struct bio *b, uint64_t sector, u_int npages, bool write);
void blk_submit(struct blkdev *bd, struct bio *b);
void blk_begin(struct blkdev *bd, struct bio *b);
int blk_wait(struct bio *b);
int blk_io(struct blkdev *bd, struct bio *b);
int blk_flush(struct blkdev *bd);
int blk_claim(struct blkdev *bd);
void blk_unclaim(struct blkdev *bd);
void blk_fail(struct blkdev *bd, u_long n);

#endif
