/*
 * virtio_blk.c: the virtio block device (VIRTIO 1.1, 5.2).
 *
 * Request slot i owns the CHAIN descriptors from i * CHAIN on and the header
 * and status byte vs_io[i].  A request is a chain of the header, one
 * descriptor for each run of contiguous pages, and the status.  Requests that
 * find no free slot wait in vs_wait.
 *
 * Protection:
 *	I	constant once attached
 *	q	vs_lock, taken by the interrupt handler too
 */
#include <dev/virtio.h>

#include <sys/errno.h>
#include <machine/param.h>
#include <base/kassert.h>
#include <base/lock.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <dev/blk.h>

#define NREQ  8u
#define CHAIN (BIO_MAXPAGES + 2)

#define VBLK_T_IN    0u
#define VBLK_T_OUT   1u
#define VBLK_T_FLUSH 4u
#define VBLK_S_OK    0u

/* Features (5.2.3). */
#define VBLK_F_RO    (1ull << 5)
#define VBLK_F_FLUSH (1ull << 9)

/* What the device reads first and writes last (5.2.6). */
struct vblk_io {
	uint32_t io_type;
	uint32_t io_reserved;
	uint64_t io_sector;
	uint8_t io_status;
} __aligned(32);

struct vblk {
	struct blkdev vs_dev;       /* [I] its own rules */
	struct virtio *vs_virtio;   /* [I] */
	struct spin vs_lock;        /* [I] RANK_VIRTIO */
	struct virtq vs_queue;      /* [q] */
	u_int vs_nreq;              /* [I] at most NREQ */
	struct bio *vs_req[NREQ];   /* [q] NULL: free */
	struct bioq vs_wait;        /* [q] */
	struct vblk_io vs_io[NREQ]; /* [q], or the device's */
};

static u_int nvblk; /* boot thread */

static struct virtq_desc *
fill(struct virtq_desc *d, paddr_t pa, uint32_t len, u_int flags)
{
	d->vd_addr = pa;
	d->vd_len = len;
	d->vd_flags = (uint16_t)flags;
	return d;
}

/* Build the chain of request slot i for b.  [q] held. */
static void
build(struct vblk *vs, u_int i, struct bio *b)
{
	struct virtq_desc *d = &vs->vs_queue.vq_desc[i * CHAIN];
	struct vblk_io *io = &vs->vs_io[i];
	u_int dir = b->b_write ? 0 : VIRTQ_WRITE;
	u_int p;

	io->io_type = b->b_flush   ? VBLK_T_FLUSH
		      : b->b_write ? VBLK_T_OUT
				   : VBLK_T_IN;
	io->io_reserved = 0;
	io->io_sector = b->b_flush ? 0 : b->b_sector;
	io->io_status = 0xff;
	fill(d, md_direct_pa(io), offsetof(struct vblk_io, io_status),
	    VIRTQ_NEXT);
	d->vd_next = (uint16_t)(i * CHAIN + 1);
	for (p = 0; p < b->b_npages; p++) {
		if (p > 0 &&
		    d->vd_addr + d->vd_len == page_to_phys(b->b_page[p])) {
			d->vd_len += PAGE_SIZE;
			continue;
		}
		d = fill(d + 1, page_to_phys(b->b_page[p]) + b->b_off,
		    b->b_len != 0 ? b->b_len : PAGE_SIZE, VIRTQ_NEXT | dir);
		d->vd_next = (uint16_t)(d - vs->vs_queue.vq_desc + 1);
	}
	fill(d + 1, md_direct_pa(&io->io_status), 1, VIRTQ_WRITE);
}

/* Begin b in a free slot.  False: there is none.  [q] held. */
static bool
begin(struct vblk *vs, struct bio *b)
{
	u_int i;

	for (i = 0; i < vs->vs_nreq && vs->vs_req[i] != NULL; i++)
		continue;
	if (i == vs->vs_nreq)
		return false;
	vs->vs_req[i] = b;
	build(vs, i, b);
	virtq_push(&vs->vs_queue, (uint16_t)(i * CHAIN));
	return true;
}

static void
vblk_start(struct blkdev *bd, struct bio *b)
{
	struct vblk *vs = container_of(bd, struct vblk, vs_dev);
	bool begun;

	spin_enter(&vs->vs_lock);
	begun = TAILQ_EMPTY(&vs->vs_wait) && begin(vs, b);
	if (!begun)
		TAILQ_INSERT_TAIL(&vs->vs_wait, b, b_link);
	else
		vs->vs_virtio->v_ops->vo_notify(vs->vs_virtio, 0);
	spin_exit(&vs->vs_lock);
}

/* Interrupt context: requests are done, and others may begin. */
static void
vblk_intr(void *arg)
{
	struct vblk *vs = arg;
	struct bioq done;
	struct bio *b;
	bool begun = false;
	int head;
	u_int i;

	TAILQ_INIT(&done);
	spin_enter(&vs->vs_lock);
	while ((head = virtq_pop(&vs->vs_queue)) >= 0) {
		i = (u_int)head / CHAIN;
		b = vs->vs_req[i];
		KASSERT((u_int)head % CHAIN == 0 && b != NULL);
		vs->vs_req[i] = NULL;
		b->b_error = vs->vs_io[i].io_status == VBLK_S_OK ? 0 : EIO;
		TAILQ_INSERT_TAIL(&done, b, b_link);
	}
	while ((b = TAILQ_FIRST(&vs->vs_wait)) != NULL && begin(vs, b)) {
		TAILQ_REMOVE(&vs->vs_wait, b, b_link);
		begun = true;
	}
	if (begun)
		vs->vs_virtio->v_ops->vo_notify(vs->vs_virtio, 0);
	spin_exit(&vs->vs_lock);
	while ((b = TAILQ_FIRST(&done)) != NULL) {
		TAILQ_REMOVE(&done, b, b_link);
		blk_done(&vs->vs_dev, b, b->b_error);
	}
}

/* 3.1.1: reset, acknowledge, features; what both sides know to *featuresp. */
static int
negotiate(struct virtio *v, uint64_t *featuresp)
{
	const struct virtio_ops *vo = v->v_ops;
	u_int status = VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER;
	uint64_t offered;

	vo->vo_set_status(v, 0);
	vo->vo_set_status(v, VIRTIO_S_ACKNOWLEDGE);
	vo->vo_set_status(v, status);
	offered = vo->vo_features(v);
	*featuresp = offered & (VBLK_F_RO | VBLK_F_FLUSH);
	if (v->v_legacy) {
		vo->vo_set_features(v, *featuresp);
		return 0;
	}
	if ((offered & VIRTIO_F_VERSION_1) == 0)
		return ENOTSUP;
	vo->vo_set_features(v, VIRTIO_F_VERSION_1 | *featuresp);
	vo->vo_set_status(v, status | VIRTIO_S_FEATURES_OK);
	return (vo->vo_status(v) & VIRTIO_S_FEATURES_OK) != 0 ? 0 : ENOTSUP;
}

int
virtio_blk_attach(struct virtio *v)
{
	const struct virtio_ops *vo = v->v_ops;
	struct vblk *vs;
	uint64_t sectors, features;
	int error;

	vs = kmem_alloc(sizeof(*vs), PA_ZERO);
	if (vs == NULL)
		return ENOMEM;
	spin_init(&vs->vs_lock, RANK_VIRTIO);
	TAILQ_INIT(&vs->vs_wait);
	vs->vs_virtio = v;
	error = negotiate(v, &features);
	if (error == 0)
		error = virtq_init(v, 0, NREQ * 2 * CHAIN, &vs->vs_queue);
	sectors = vo->vo_config32(v, 0) | (uint64_t)vo->vo_config32(v, 4) << 32;
	vs->vs_dev.bd_npages = sectors / BLK_PAGESECTORS;
	if (error == 0) {
		vs->vs_nreq = MIN(vs->vs_queue.vq_size / CHAIN, NREQ);
		if (vs->vs_nreq == 0 || vs->vs_dev.bd_npages == 0)
			error = ENXIO;
	}
	if (error != 0) {
		/* The queue's pages stay the device's, for what it knows. */
		vo->vo_set_status(v, VIRTIO_S_FAILED);
		kmem_free(vs, sizeof(*vs));
		return error;
	}
	v->v_arg = vs;
	v->v_intr = vblk_intr;
	vo->vo_set_status(v, vo->vo_status(v) | VIRTIO_S_DRIVER_OK);
	ksnprintf(vs->vs_dev.bd_name, sizeof(vs->vs_dev.bd_name), "vd%c",
	    'a' + (int)nvblk++);
	vs->vs_dev.bd_start = vblk_start;
	vs->vs_dev.bd_rdonly = (features & VBLK_F_RO) != 0;
	vs->vs_dev.bd_cached = (features & VBLK_F_FLUSH) != 0;
	blk_attach(&vs->vs_dev);
	return 0;
}
