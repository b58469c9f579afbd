/*
 * blkdev.c: block devices as files: /dev/vda and so on.
 *
 * What is read and written goes to the device and is not kept, so there is
 * nothing that could differ from what a file system has in memory.  A device
 * that is mounted or swapped to cannot be opened for writing.
 *
 * Locks: v_iolock of the vnode: who writes a part of a block reads it first.
 */
#include <fs/file.h>

#include <sys/errno.h>
#include <base/print.h>
#include <dev/blk.h>
#include <phys/page.h>
#include <kern/signal.h>
#include <fs/init.h>
#include <fs/mount.h>

static uint64_t
bytes_of(const struct blkdev *bd)
{
	return bd->bd_npages * PAGE_SIZE;
}

/* Move page-sized block of the device from or to pg. */
static int
move_page(struct blkdev *bd, uint64_t block, struct vm_page *pg, bool write)
{
	struct bio b;

	bio_pages(&b, block * BLK_PAGESECTORS, 1, write);
	b.b_page[0] = pg;
	return blk_io(bd, &b);
}

static int
blkdev_move(struct file *f, struct uio *uio)
{
	struct blkdev *bd = f->f_data;
	struct vm_page *pg;
	uint64_t off;
	size_t n, skip;
	int error = 0;

	if (uio->ui_write && uio->ui_resid > 0 &&
	    (uint64_t)uio->ui_off >= bytes_of(bd))
		return ENOSPC;
	pg = page_alloc(PK_KERNEL, 0);
	if (pg == NULL)
		return ENOMEM;
	while (uio->ui_resid > 0 && error == 0) {
		off = (uint64_t)uio->ui_off;
		if (off >= bytes_of(bd))
			break;
		skip = off % PAGE_SIZE;
		n = MIN(uio->ui_resid, PAGE_SIZE - skip);
		mutex_enter(&f->f_vnode->v_iolock);
		if (!uio->ui_write || n < PAGE_SIZE)
			error = move_page(bd, off / PAGE_SIZE, pg, false);
		if (error == 0)
			error =
			    uio_move((char *)page_direct(pg) + skip, n, uio);
		if (error == 0 && uio->ui_write)
			error = move_page(bd, off / PAGE_SIZE, pg, true);
		mutex_exit(&f->f_vnode->v_iolock);
		if (error == 0) {
			uio->ui_off += (off_t)n;
			error = sig_pending() ? EINTR : 0;
		}
	}
	page_free(pg);
	return error;
}

off_t
blkdev_size(struct file *f)
{
	KASSERT(f->f_ops == &blkdev_ops);
	return (off_t)bytes_of(f->f_data);
}

int
blkdev_flush(struct file *f)
{
	KASSERT(f->f_ops == &blkdev_ops);
	return blk_flush(f->f_data);
}

static long
blkdev_ioctl(struct file *f, u_long cmd, uintptr_t arg)
{
	uint64_t size = bytes_of(f->f_data);
	int32_t sector = BLK_SECTOR;

	switch (cmd) {
	case BLKGETSIZE64:
		return -copyout(&size, arg, sizeof(size));
	case BLKGETSIZE:
		size /= BLK_SECTOR;
		return -copyout(&size, arg, sizeof(size));
	case BLKSSZGET:
		return -copyout(&sector, arg, sizeof(sector));
	case BLKFLSBUF:
		return -blk_flush(f->f_data);
	default:
		return -ENOTTY;
	}
}

static void
blkdev_close(struct file *f)
{
	if (file_canwrite(f))
		blk_unclaim(f->f_data);
}

const struct fileops blkdev_ops = {
    .fop_read = blkdev_move,
    .fop_write = blkdev_move,
    .fop_poll = file_always_ready,
    .fop_ioctl = blkdev_ioctl,
    .fop_close = blkdev_close,
    .fop_flags = FOP_SEEK,
};

int
blkdev_open(struct vnode *vp, struct file *f)
{
	struct blkdev *bd = mount_bdev(vp->v_rdev);
	int error = 0;

	if (bd == NULL)
		return ENXIO;
	if (file_canwrite(f))
		error = bd->bd_rdonly ? EACCES : blk_claim(bd);
	if (error != 0)
		return error;
	f->f_data = bd;
	f->f_ops = &blkdev_ops;
	return 0;
}
