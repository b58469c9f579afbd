/*
 * ext2_buf.c: blocks of metadata in memory, and the order in which they go to
 * disk.
 *
 * There is no journal, so after a power cut e2fsck(8) has to make sense of what
 * is there.  It can, without loss of anything that was on disk before, if
 *
 *	1. what a pointer leads to is written before the pointer is: indirect
 *	   and new directory blocks before inodes, inodes before names;
 *	2. a name goes only after the name that replaces it has come (rename),
 *	   and an inode only after its names;
 *	3. a block or inode is not used again before no inode or name on disk
 *	   leads to it.
 *
 * So ext2_sync() writes all that was modified in these phases, with the disk's
 * cache flushed in between:
 *
 *	EB_NEW		blocks that were allocated since the last time
 *	EB_INODE	inodes
 *	EB_DIR		directories
 *	EB_LATE		directories where a rename took a name away
 *	EB_INODE	inodes without a name: cleared
 *	EB_MAP		bitmaps, in which now is free what was freed; counts
 *
 * A block is in one phase only.  Where a rename between two blocks cannot be
 * expressed so, all is written first (see ext2_rename()).
 *
 * All is under em_lock.
 */
#include "ext2.h"

#include <sys/errno.h>
#include <base/print.h>
#include <base/thread.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <phys/pool.h>

static struct pool buf_pool;

void
ext2_binit(struct ext2 *em)
{
	static bool once; /* [mount_lock] */
	u_int i;

	if (!once)
		pool_init(&buf_pool, "ext2buf", sizeof(struct e2buf), 0);
	once = true;
	for (i = 0; i < EB_CLEAN; i++)
		TAILQ_INIT(&em->em_dirty[i]);
	TAILQ_INIT(&em->em_idle);
	em->em_maxbuf = (u_int)MIN(MAX(phys_total() / 64, 64ul), 8192ul);
}

static struct e2buf *
buf_find(struct ext2 *em, uint32_t blk)
{
	struct e2buf *b;

	LIST_FOREACH(b, &em->em_bufs[blk % E2_NHASH], eb_hash)
		if (b->eb_block == blk)
			return b;
	return NULL;
}

static void
buf_free(struct ext2 *em, struct e2buf *b)
{
	KASSERT(b->eb_refs == 0 && b->eb_phase == EB_CLEAN);
	TAILQ_REMOVE(&em->em_idle, b, eb_link);
	LIST_REMOVE(b, eb_hash);
	kmem_free(b->eb_data, em->em_bsize);
	pool_put(&buf_pool, b);
	em->em_nbuf--;
}

/* A new buffer for blk, its contents undefined; or NULL. */
static struct e2buf *
buf_new(struct ext2 *em, uint32_t blk)
{
	struct e2buf *b;

	while (em->em_nbuf >= em->em_maxbuf && !TAILQ_EMPTY(&em->em_idle))
		buf_free(em, TAILQ_FIRST(&em->em_idle));
	b = pool_get(&buf_pool, PA_ZERO | PA_RESERVE);
	if (b == NULL)
		return NULL;
	b->eb_data = kmem_alloc(em->em_bsize, PA_RESERVE);
	if (b->eb_data == NULL) {
		pool_put(&buf_pool, b);
		return NULL;
	}
	b->eb_block = blk;
	b->eb_refs = 1;
	b->eb_phase = EB_CLEAN;
	LIST_INSERT_HEAD(&em->em_bufs[blk % E2_NHASH], b, eb_hash);
	em->em_nbuf++;
	return b;
}

static void
buf_begin(struct ext2 *em, struct e2buf *b, bool write)
{
	u_int sectors = em->em_bsize / BLK_SECTOR;

	bio_pages(&b->eb_bio, (uint64_t)b->eb_block * sectors, 1, write);
	b->eb_bio.b_page[0] = direct_to_page(b->eb_data);
	b->eb_bio.b_off = (uintptr_t)b->eb_data & PAGE_MASK;
	b->eb_bio.b_len = em->em_bsize;
	blk_begin(em->em_bdev, &b->eb_bio);
}

int
ext2_bread(struct ext2 *em, uint32_t blk, struct e2buf **bp)
{
	struct e2buf *b;
	int error;

	KASSERT(mutex_held(&em->em_lock));
	if (blk >= em->em_super.s_blocks)
		return EIO;
	b = buf_find(em, blk);
	if (b != NULL) {
		if (b->eb_refs++ == 0 && b->eb_phase == EB_CLEAN)
			TAILQ_REMOVE(&em->em_idle, b, eb_link);
		*bp = b;
		return 0;
	}
	b = buf_new(em, blk);
	if (b == NULL)
		return ENOMEM;
	buf_begin(em, b, false);
	error = blk_wait(&b->eb_bio);
	if (error != 0) {
		ext2_brele(em, b);
		buf_free(em, b);
		return error;
	}
	*bp = b;
	return 0;
}

int
ext2_bnew(struct ext2 *em, uint32_t blk, struct e2buf **bp)
{
	struct e2buf *b;

	KASSERT(ext2_valid(em, blk));
	b = buf_find(em, blk);
	if (b == NULL)
		b = buf_new(em, blk);
	else if (b->eb_refs++ == 0 && b->eb_phase == EB_CLEAN)
		TAILQ_REMOVE(&em->em_idle, b, eb_link);
	if (b == NULL)
		return ENOMEM;
	memset(b->eb_data, 0, em->em_bsize);
	ext2_bdirty(em, b, EB_NEW);
	*bp = b;
	return 0;
}

void
ext2_brele(struct ext2 *em, struct e2buf *b)
{
	KASSERT(b->eb_refs > 0);
	if (--b->eb_refs == 0 && b->eb_phase == EB_CLEAN)
		TAILQ_INSERT_TAIL(&em->em_idle, b, eb_link);
}

/* b needs no writing any more. */
static void
buf_clean(struct ext2 *em, struct e2buf *b)
{
	KASSERT(b->eb_phase != EB_CLEAN);
	TAILQ_REMOVE(&em->em_dirty[b->eb_phase], b, eb_link);
	em->em_ndirty--;
	b->eb_phase = EB_CLEAN;
	b->eb_first = false;
	if (b->eb_refs == 0)
		TAILQ_INSERT_TAIL(&em->em_idle, b, eb_link);
}

void
ext2_bdirty(struct ext2 *em, struct e2buf *b, enum e2phase phase)
{
	KASSERT(b->eb_refs > 0 && phase < EB_CLEAN && !em->em_rdonly);
	/* It stays when it is due; only a rename makes it later. */
	if (b->eb_phase != EB_CLEAN && phase != EB_LATE)
		return;
	if (b->eb_phase != EB_CLEAN)
		buf_clean(em, b);
	b->eb_phase = phase;
	TAILQ_INSERT_TAIL(&em->em_dirty[phase], b, eb_link);
	em->em_ndirty++;
}

void
ext2_bforget(struct ext2 *em, uint32_t blk)
{
	struct e2buf *b = buf_find(em, blk);

	if (b != NULL && b->eb_phase != EB_CLEAN)
		buf_clean(em, b);
}

/* Metadata could not be written: nothing is changed from here on. */
static int
failed(struct ext2 *em)
{
	kprintf("ext2: %s: metadata cannot be written\n", em->em_bdev->bd_name);
	em->em_failed = true;
	return EIO;
}

/* What was written stays there from here on, if anything was. */
static int
barrier(struct ext2 *em)
{
	int error;

	if (!em->em_unflushed)
		return 0;
	error = blk_flush(em->em_bdev);
	em->em_unflushed = error != 0;
	return error == 0 ? 0 : failed(em);
}

static int
write_phase(struct ext2 *em, enum e2phase phase)
{
	struct e2bufq *q = &em->em_dirty[phase];
	struct e2buf *b, *next;
	int error, one;

	if (TAILQ_EMPTY(q))
		return 0;
	error = barrier(em);
	if (error != 0)
		return error;
	TAILQ_FOREACH(b, q, eb_link)
		buf_begin(em, b, true);
	em->em_unflushed = true;
	TAILQ_FOREACH_SAFE(b, q, eb_link, next) {
		one = blk_wait(&b->eb_bio);
		if (one != 0)
			error = one;
		else
			buf_clean(em, b);
	}
	return error == 0 ? 0 : failed(em);
}

/* The superblock and the descriptors are modified in place. */
static int
counts_out(struct ext2 *em)
{
	u_int first = em->em_bsize == E2_SUPEROFF ? 1 : 0, per, i, n;
	struct e2buf *b;
	int error;

	error = ext2_bread(em, first, &b);
	if (error != 0)
		return error;
	memcpy((char *)b->eb_data + (first == 0 ? E2_SUPEROFF : 0),
	    &em->em_super, sizeof(em->em_super));
	ext2_bdirty(em, b, EB_MAP);
	ext2_brele(em, b);
	per = em->em_bsize / sizeof(struct e2group);
	for (i = 0; i < em->em_gdblocks; i++) {
		error = ext2_bread(em, em->em_super.s_first + 1 + i, &b);
		if (error != 0)
			return error;
		n = MIN(per, em->em_ngroups - i * per);
		memcpy(b->eb_data, em->em_group + i * per,
		    n * sizeof(struct e2group));
		ext2_bdirty(em, b, EB_MAP);
		ext2_brele(em, b);
	}
	em->em_mapdirty = false;
	return 0;
}

/* The inodes that nothing leads to any more, and what they had. */
static int
sync_freed(struct ext2 *em)
{
	u_int i;
	int error;

	error = ext2_nodes_out(em, false);
	for (i = 0; i < em->em_ngone && error == 0; i++)
		error = ext2_clear(em, em->em_gone[i] & ~E2_GONEDIR);
	if (error == 0)
		error = write_phase(em, EB_INODE);
	if (error == 0 && em->em_nfreed + em->em_ngone > 0) {
		error = barrier(em);
		if (error == 0)
			error = ext2_release(em);
	}
	return error;
}

int
ext2_sync(struct ext2 *em)
{
	enum e2phase phase;
	int error;

	KASSERT(mutex_held(&em->em_lock));
	if (em->em_rdonly)
		return 0;
	if (em->em_failed)
		return EIO;
	error = ext2_nodes_out(em, true);
	for (phase = EB_NEW; phase <= EB_LATE && error == 0; phase++)
		error = write_phase(em, phase);
	if (error == 0)
		error = sync_freed(em);
	if (error == 0 && em->em_mapdirty)
		error = counts_out(em);
	if (error == 0)
		error = write_phase(em, EB_MAP);
	if (error == 0) {
		/* Contents of files may be in the disk's cache too. */
		em->em_unflushed = true;
		error = barrier(em);
	}
	return error;
}

void
ext2_bfini(struct ext2 *em)
{
	enum e2phase phase;
	struct e2buf *b;

	for (phase = EB_NEW; phase < EB_CLEAN; phase++)
		while ((b = TAILQ_FIRST(&em->em_dirty[phase])) != NULL)
			buf_clean(em, b);
	while ((b = TAILQ_FIRST(&em->em_idle)) != NULL)
		buf_free(em, b);
	KASSERT(em->em_nbuf == 0);
}
