/*
 * vms_swap.c: swap and memory pressure over the host's disk and processes
 * (tier 4).
 *
 * The swap space is a block device to uvm, with a header that this file writes
 * as mkswap(8) would, since nobody else can.
 */
#include <dev/blk.h>
#include <phys/kmem.h>
#include <uvm/swap.h>

#include "vms_local.h"

_Static_assert(VMS_IO_PAGES == BIO_MAXPAGES, "a vms_io holds a bio");

/* Requests on their way, each in a vms_io from the pool of free ones. */
#define NIO 32

/*
 * Protection:
 *	q	io_lock
 */
static struct {
	struct vms_io io[NIO];
	struct vms_io *free[NIO];
	u_int nfree;         /* [q] */
	struct bioq waiting; /* [q] for a free one */
} sw;
static struct spin io_lock = SPIN_INITIALIZER(RANK_VIRTIO);
static struct blkdev swap_blk;

static void
begin(struct vms_io *io, struct bio *b)
{
	u_int i;

	io->io_self = b;
	io->io_block = b->b_block;
	io->io_npages = b->b_npages;
	io->io_write = b->b_write;
	for (i = 0; i < b->b_npages; i++)
		io->io_pa[i] = page_to_phys(b->b_page[i]);
	md_swap_start(io);
}

static void
swap_start(struct blkdev *bd __unused, struct bio *b)
{
	struct vms_io *io = NULL;

	spin_enter(&io_lock);
	if (sw.nfree > 0)
		io = sw.free[--sw.nfree];
	else
		TAILQ_INSERT_TAIL(&sw.waiting, b, b_link);
	spin_exit(&io_lock);
	if (io != NULL)
		begin(io, b);
}

void
vms_swap_done(struct vms_io *io, int error)
{
	struct bio *b = io->io_self, *next;

	KASSERT(io >= sw.io && io < &sw.io[NIO] && b != NULL);
	KASSERT(error == 0 || error == EIO);
	io->io_self = NULL;
	spin_enter(&io_lock);
	next = TAILQ_FIRST(&sw.waiting);
	if (next != NULL)
		TAILQ_REMOVE(&sw.waiting, next, b_link);
	else
		sw.free[sw.nfree++] = io;
	spin_exit(&io_lock);
	blk_done(&swap_blk, b, error);
	if (next != NULL)
		begin(io, next);
}

/* What mkswap(8) writes: version 1, the last page, no bad ones. */
static int
write_header(uint64_t npages)
{
	struct bio b = {.b_npages = 1, .b_write = true};
	struct vm_page *pg;
	uint32_t *info;
	int error;

	pg = page_alloc(PK_KERNEL, PA_ZERO);
	if (pg == NULL)
		return ENOMEM;
	info = (void *)((char *)page_direct(pg) + 1024);
	info[0] = 1;
	info[1] = (uint32_t)(npages - 1);
	memcpy((char *)page_direct(pg) + PAGE_SIZE - 10, "SWAPSPACE2", 10);
	b.b_page[0] = pg;
	error = blk_io(&swap_blk, &b);
	page_free(pg);
	return error;
}

int
vms_swapon(void)
{
	uint64_t npages = md_swap_pages();
	int error;
	u_int i;

	if (npages < 2 || npages > UINT32_MAX || swap_blk.bd_npages != 0)
		return EINVAL;
	TAILQ_INIT(&sw.waiting);
	for (i = 0; i < NIO; i++)
		sw.free[sw.nfree++] = &sw.io[i];
	strlcpy(swap_blk.bd_name, "swap", sizeof(swap_blk.bd_name));
	swap_blk.bd_npages = npages;
	swap_blk.bd_start = swap_start;
	blk_attach(&swap_blk);
	error = write_header(npages);
	return error != 0 ? error : uvm_swapon(&swap_blk, -1, "swap");
}

void
vms_pageout(void)
{
	uvm_pageout_thread(NULL);
	panic("the page-out thread ended");
}

void
vms_tick(void)
{
	KASSERT(!md_intr_enabled());
	cpu_intr_enter();
	cpu_clock();
	curcpu()->cpu_intr_depth--;
}

static bool
pressure_nomem(void)
{
	return md_shrink() > 0 || md_nomem();
}

static const struct uvm_upcalls upcalls = {
    .up_nomem = pressure_nomem,
    .up_killed = md_killed,
};

void
vms_pressure_init(void)
{
	uvm_upcalls = &upcalls;
}
