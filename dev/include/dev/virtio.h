/*
 * virtio.h: what a virtio transport gives to the drivers of its devices.
 *
 * The machine's part finds a device on its bus (PCI, MMIO), fills in a struct
 * virtio and calls the driver's attach function.  References: Virtual I/O
 * Device (VIRTIO) Version 1.1, OASIS: section 2.6 (split virtqueues), 4.1 and
 * 4.2 (transports).
 *
 * Protection:
 *	I	constant once attached
 *	q	the driver's lock of the queue
 *	d	shared with the device: C11 atomics
 */
#ifndef DEV_VIRTIO_H
#define DEV_VIRTIO_H

#include <stdatomic.h>
#include <sys/types.h>

struct virtio;

/* Device status (2.1). */
#define VIRTIO_S_ACKNOWLEDGE 1u
#define VIRTIO_S_DRIVER      2u
#define VIRTIO_S_DRIVER_OK   4u
#define VIRTIO_S_FEATURES_OK 8u
#define VIRTIO_S_FAILED      128u

#define VIRTIO_F_VERSION_1 (1ull << 32)

/*
 * vo_status, vo_set_status: the device status; setting 0 resets.
 * vo_features: what the device offers; vo_set_features: what the driver takes.
 * vo_queue_max: the largest size of queue n, 0: there is none.
 * vo_queue_set: queue n has size entries in the three parts at these physical
 *	addresses.  They lie as in virtq_init(), which is what transports
 *	before version 1 demand.
 * vo_notify: queue n has new entries.  Any context.
 * vo_config32: the aligned word at off of the device's configuration.
 */
struct virtio_ops {
	u_int (*vo_status)(struct virtio *v);
	void (*vo_set_status)(struct virtio *v, u_int status);
	uint64_t (*vo_features)(struct virtio *v);
	void (*vo_set_features)(struct virtio *v, uint64_t features);
	u_int (*vo_queue_max)(struct virtio *v, u_int n);
	void (*vo_queue_set)(struct virtio *v, u_int n, u_int size,
	    paddr_t desc, paddr_t avail, paddr_t used);
	void (*vo_notify)(struct virtio *v, u_int n);
	uint32_t (*vo_config32)(struct virtio *v, u_int off);
};

struct virtio {
	const struct virtio_ops *v_ops; /* [I] */
	bool v_legacy;          /* [I] before 1.0: no VERSION_1, FEATURES_OK */
	void (*v_intr)(void *); /* [I] for the transport's interrupt, which */
	void *v_arg;            /* [I] is edge-like or acknowledged before */
};

/* Parts of a split queue (2.6.5 to 2.6.8); little endian, as we are. */
struct virtq_desc {
	uint64_t vd_addr;
	uint32_t vd_len;
	uint16_t vd_flags;
	uint16_t vd_next;
};
#define VIRTQ_NEXT  1u
#define VIRTQ_WRITE 2u /* the device writes */

struct virtq_avail {
	uint16_t va_flags;
	_Atomic(uint16_t) va_idx;
	uint16_t va_ring[];
};

struct virtq_used_elem {
	uint32_t vu_id, vu_len;
};

struct virtq_used {
	uint16_t vu_flags;
	_Atomic(uint16_t) vu_idx;
	struct virtq_used_elem vu_ring[];
};

struct virtq {
	struct virtq_desc *vq_desc;   /* [q] */
	struct virtq_avail *vq_avail; /* [q], [d] */
	struct virtq_used *vq_used;   /* [d] */
	u_int vq_size;                /* [I] a power of two */
	uint16_t vq_next;             /* [q] avail index to come */
	uint16_t vq_seen;             /* [q] used index looked at */
};

/*
 * Set up queue n with at most max entries and tell the device.  ENXIO: the
 * device has no such queue; ENOMEM.  Thread context.
 */
int virtq_init(struct virtio *v, u_int n, u_int max, struct virtq *vq);

/*
 * virtq_push: publish the chain that begins at descriptor head.  [q] held.
 * virtq_pop: the head of a chain the device is done with, or -1.  [q] held.
 */
void virtq_push(struct virtq *vq, uint16_t head);
int virtq_pop(struct virtq *vq);

/*
 * Attach a block device; it becomes /dev/vda and so on.  v stays.  ENXIO,
 * ENOMEM, ENOTSUP: not usable.  Thread context.  Calls v_intr() are welcome
 * from then on, in interrupt context, also when nothing happened.
 */
int virtio_blk_attach(struct virtio *v);

#endif
