/*
 * simdisk.c (vmsim): disks, and files whose pages live on one.
 *
 * A disk is memory that answers late: its requests complete by an interrupt,
 * which arrives when the explorer has it arrive, by a timer, when nobody has
 * anything else to do, or not as they should, all as the script asks ("io").
 * Those that stall are done in any order.  The bytes move when a request
 * completes, so a page that somebody writes while it is under way is a race.
 *
 * A file is an object over part of the first disk.  Its page-in, write-back
 * and inactivation sleep and can fail.  It has pages while somebody maps it:
 * the last reference writes back what is modified; who opens it meanwhile
 * waits.  The second disk is for swap.
 *
 * Instrumented: this is as much under test as what it stands in for.
 *
 * Locks: di_lock guards a disk's queues; files_lock (above the map) which
 * files have pages; uo_lock the pages of one.
 */
#include <sys/errno.h>
#include <base/cpu.h>
#include <base/print.h>
#include <base/thread.h>
#include <dev/blk.h>
#include <kern/proc.h>
#include <port/machdep.h>
#include <uvm/object.h>
#include <uvm/uvm.h>

#include "sim.h"

#define NDISK    2
#define DISK_LEN 64 /* pages */
#define FILE_LEN 8  /* pages of a file, at most */
#define STALL    (1000ull * 1000)

/*
 * Protection:
 *	I	constant after sim_disk_init()
 *	d	di_lock
 *	t	the CPU that completes a request, one at a time
 */
struct disk {
	struct blkdev di_dev; /* [I] first: found from it */
	struct spin di_lock;
	struct bioq di_ready;    /* [d] complete with the next interrupt */
	struct bioq di_stalled;  /* [d] */
	u_int di_nstalled;       /* [d] */
	struct timeout di_timer; /* [I] see timeout_set() */
	uint8_t (*di_page)[PAGE_SIZE]; /* [t] */
};

/*
 * Protection:
 *	I	constant after sim_disk_init()
 *	f	files_lock
 *	t	who inactivates it
 */
struct file {
	struct uvm_object fi_obj; /* [f] first: found from it */
	u_int fi_npages;          /* [I] 0: there is no such file */
	uint64_t fi_block;        /* [I] on the disk */
	bool fi_live;             /* [f] fi_obj is initialized */
	u_long fi_lost;           /* [t] pages that could not be written */
};

static struct disk disks[NDISK];
static uint8_t disk_bytes[NDISK][DISK_LEN][PAGE_SIZE] __aligned(PAGE_SIZE);
static struct file files[SIM_NFILE];
static struct mutex files_lock = MUTEX_INITIALIZER(RANK_VNODE);
static _Atomic(u_int) mode; /* enum sim_io */

/*
 * Disks.
 */

/* b is over: move its bytes. */
static void
complete(struct disk *di, struct bio *b)
{
	u_int i;

	for (i = 0; i < b->b_npages && b->b_error == 0; i++) {
		if (b->b_write)
			memcpy(di->di_page[b->b_sector / BLK_PAGESECTORS + i],
			    page_direct(b->b_page[i]), PAGE_SIZE);
		else
			memcpy(page_direct(b->b_page[i]),
			    di->di_page[b->b_sector / BLK_PAGESECTORS + i],
			    PAGE_SIZE);
	}
	blk_done(&di->di_dev, b, b->b_error);
}

void
sim_disk_intr(void)
{
	struct disk *di;
	struct bio *b;

	for (di = disks; di < disks + NDISK; di++)
		do {
			spin_enter(&di->di_lock);
			b = TAILQ_FIRST(&di->di_ready);
			if (b != NULL)
				TAILQ_REMOVE(&di->di_ready, b, b_link);
			spin_exit(&di->di_lock);
			if (b != NULL)
				complete(di, b);
		} while (b != NULL);
}

/* Time has passed: one of those that stalled is done. */
static void
stall_over(void *arg)
{
	struct disk *di = arg;
	struct bio *b;
	u_int n;

	spin_enter(&di->di_lock);
	n = det_choose(di->di_nstalled, "the request that is done first");
	b = TAILQ_FIRST(&di->di_stalled);
	while (n-- > 0)
		b = TAILQ_NEXT(b, b_link);
	TAILQ_REMOVE(&di->di_stalled, b, b_link);
	if (--di->di_nstalled > 0)
		timeout_set(&di->di_timer, md_time_ns() + STALL);
	spin_exit(&di->di_lock);
	complete(di, b);
}

static void
start(struct blkdev *bd, struct bio *b)
{
	struct disk *di = container_of(bd, struct disk, di_dev);
	u_int how = atomic_load_explicit(&mode, memory_order_relaxed);

	if (how == SIM_IO_CHOOSE)
		how =
		    det_choose(SIM_IO_CHOOSE, "the disk: prompt, stall, fail");
	spin_enter(&di->di_lock);
	b->b_error = how == SIM_IO_FAIL ? EIO : 0;
	if (how == SIM_IO_STALL) {
		TAILQ_INSERT_TAIL(&di->di_stalled, b, b_link);
		if (di->di_nstalled++ == 0)
			timeout_set(&di->di_timer, md_time_ns() + STALL);
	} else {
		TAILQ_INSERT_TAIL(&di->di_ready, b, b_link);
		det_irq_raise(0, LINE_DISK);
	}
	spin_exit(&di->di_lock);
}

void
sim_disk_init(const u_int npages[SIM_NFILE])
{
	struct disk *di;
	uint64_t block = 0, *word;
	u_int i, k;

	for (i = 0; i < NDISK; i++) {
		di = &disks[i];
		strlcpy(di->di_dev.bd_name, i == 0 ? "disk" : "swap",
		    sizeof di->di_dev.bd_name);
		di->di_dev.bd_npages = DISK_LEN;
		di->di_dev.bd_start = start;
		spin_init(&di->di_lock, RANK_VIRTIO);
		TAILQ_INIT(&di->di_ready);
		TAILQ_INIT(&di->di_stalled);
		timeout_init(&di->di_timer, stall_over, di);
		di->di_page = disk_bytes[i];
		blk_attach(&di->di_dev);
	}
	for (i = 0; i < SIM_NFILE; i++) {
		KASSERT(npages[i] <= FILE_LEN);
		files[i].fi_npages = npages[i];
		files[i].fi_block = block;
		for (k = 0; k < npages[i]; k++) {
			word = (uint64_t *)disk_bytes[0][block++];
			*word = 1000ull * i + k;
		}
	}
}

/* As mkswap(8) writes it: see tools/mkswap.c. */
int
sim_swap_init(u_int npages)
{
	uint8_t *head = disk_bytes[1][0];
	uint32_t words[3] = {1, npages - 1, 0};

	KASSERT(npages > 1 && npages <= DISK_LEN);
	memcpy(head + 1024, words, sizeof words);
	memcpy(head + PAGE_SIZE - 10, "SWAPSPACE2", 10);
	return uvm_swapon(&disks[1].di_dev, -1, "/dev/swap");
}

/*
 * Files.
 */

/* Page idx, which is busy, from or to the disk.  No lock held. */
static int
file_io(struct file *fi, uint64_t idx, struct vm_page *pg, bool write)
{
	struct bio b = {.b_npages = 1, .b_write = write};

	b.b_page[0] = pg;
	b.b_sector = (fi->fi_block + idx) * BLK_PAGESECTORS;
	return blk_io(&disks[0].di_dev, &b);
}

static int
file_fetch(struct uvm_object *uo, uint64_t idx)
{
	struct file *fi = container_of(uo, struct file, fi_obj);
	struct vm_page *pg;
	int error;

	rw_write_enter(&uo->uo_lock);
	pg = uvm_object_lookup(uo, idx);
	if (pg != NULL) {
		if ((page_flags(pg) & PG_BUSY) != 0)
			uvm_page_wait(uo, pg);
		rw_exit(&uo->uo_lock);
		return 0;
	}
	pg = page_alloc(PK_LOOSE, 0);
	if (pg == NULL || uvm_object_insert(uo, idx, pg) != 0) {
		rw_exit(&uo->uo_lock);
		if (pg != NULL)
			page_free(pg);
		return ENOMEM;
	}
	uvm_page_busy(pg);
	rw_exit(&uo->uo_lock);
	error = file_io(fi, idx, pg, false);
	rw_write_enter(&uo->uo_lock);
	uvm_page_unbusy(pg);
	if (error != 0)
		uvm_object_remove(uo, pg);
	rw_exit(&uo->uo_lock);
	if (error != 0)
		page_free(pg);
	return error;
}

/* Write what is modified; the last error, and how many stay so. */
static int
file_sync(struct file *fi, u_long *lostp)
{
	struct uvm_object *uo = &fi->fi_obj;
	struct vm_page *pg;
	uint64_t idx = 0;
	int error, last = 0;

	rw_write_enter(&uo->uo_lock);
	while (idx < fi->fi_npages) {
		pg = uvm_object_lookup(uo, idx);
		if (pg != NULL && (page_flags(pg) & PG_BUSY) != 0) {
			uvm_page_wait(uo, pg);
			continue;
		}
		idx++;
		if (pg == NULL)
			continue;
		/* Who wants to write it faults, and waits. */
		pmap_page_protect(pg, PROT_NONE);
		if (!pmap_clear_modify(pg))
			continue;
		uvm_page_busy(pg);
		rw_exit(&uo->uo_lock);
		error = file_io(fi, idx - 1, pg, true);
		rw_write_enter(&uo->uo_lock);
		if (error != 0) {
			page_set_modified(pg);
			last = error;
			++*lostp;
		}
		uvm_page_unbusy(pg);
	}
	rw_exit(&uo->uo_lock);
	return last;
}

/* Nobody has it any more: inactivation. */
static void
file_detach(struct uvm_object *uo)
{
	struct file *fi = container_of(uo, struct file, fi_obj);

	(void)file_sync(fi, &fi->fi_lost);
	uvm_object_fini(uo);
	mutex_enter(&files_lock);
	fi->fi_live = false;
	wakeup(fi);
	mutex_exit(&files_lock);
}

static size_t
file_name(struct uvm_object *uo, char *buf, size_t len)
{
	const struct file *fi = container_of(uo, struct file, fi_obj);

	return (size_t)ksnprintf(buf, len, "file%u", (u_int)(fi - files));
}

static const struct uvm_pagerops file_ops = {
    .uo_get = uvm_object_get,
    .uo_fetch = file_fetch,
    .uo_detach = file_detach,
    .uo_name = file_name,
};

int
sim_file_open(u_int id, struct uvm_object **uop)
{
	struct file *fi = &files[id];

	if (id >= SIM_NFILE || fi->fi_npages == 0)
		return EBADF;
	mutex_enter(&files_lock);
	while (
	    fi->fi_live && !refcount_acquire_if_not_zero(&fi->fi_obj.uo_refs))
		(void)sleep_mutex(fi, &files_lock, 0, 0, "inactive");
	if (!fi->fi_live) {
		uvm_object_init(&fi->fi_obj, &file_ops, ptoa(fi->fi_npages));
		fi->fi_live = true;
	}
	mutex_exit(&files_lock);
	*uop = &fi->fi_obj;
	return 0;
}

/* With a reference of its own; ENOENT: nobody has it open. */
static int
file_hold(u_int id)
{
	int error = ENOENT;

	if (id >= SIM_NFILE)
		return EBADF;
	mutex_enter(&files_lock);
	if (files[id].fi_live &&
	    refcount_acquire_if_not_zero(&files[id].fi_obj.uo_refs))
		error = 0;
	mutex_exit(&files_lock);
	return error;
}

long
sim_file_sync(u_int id)
{
	u_long lost = 0;
	int error;

	error = file_hold(id);
	if (error != 0)
		return error == ENOENT ? 0 : -error;
	error = file_sync(&files[id], &lost);
	uvm_object_free(&files[id].fi_obj);
	return -error;
}

long
sim_file_forget(u_int id)
{
	struct uvm_object *uo;
	struct vm_page *pg;
	uint64_t idx;
	long n = 0;
	int error;

	error = file_hold(id);
	if (error != 0)
		return error == ENOENT ? 0 : -error;
	uo = &files[id].fi_obj;
	rw_write_enter(&uo->uo_lock);
	for (idx = 0; idx < files[id].fi_npages; idx++) {
		pg = uvm_object_lookup(uo, idx);
		if (pg == NULL || (page_flags(pg) & PG_BUSY) != 0)
			continue;
		pmap_page_protect(pg, PROT_NONE);
		if (pmap_is_modified(pg))
			continue;
		uvm_object_remove(uo, pg);
		page_free(pg);
		n++;
	}
	rw_exit(&uo->uo_lock);
	uvm_object_free(uo);
	return n;
}

long
sim_disk_word(u_int id, uint64_t idx)
{
	uint64_t word;

	if (id >= SIM_NFILE || idx >= files[id].fi_npages)
		return -EINVAL;
	memcpy(&word, disk_bytes[0][files[id].fi_block + idx], sizeof word);
	return (long)word;
}

void
sim_io_mode(u_int how)
{
	atomic_store_explicit(&mode, how, memory_order_relaxed);
}
