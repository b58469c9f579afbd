/*
 * virtio.c: split virtqueues.
 *
 * The three parts of a queue lie in one run of pages as a device before
 * version 1 wants them: descriptors and available ring, then, page-aligned,
 * the used ring (VIRTIO 1.1, 2.6.2, "legacy interfaces").  A newer device is
 * told the three addresses and does not mind.
 */
#include <dev/virtio.h>

#include <sys/errno.h>
#include <machine/param.h>
#include <base/kassert.h>
#include <phys/page.h>

int
virtq_init(struct virtio *v, u_int n, u_int max, struct virtq *vq)
{
	struct vm_page *pg;
	size_t availoff, usedoff, len;
	u_int order, size;
	char *p;

	size = v->v_ops->vo_queue_max(v, n);
	if (size == 0)
		return ENXIO;
	/* A legacy device fixes the size. */
	if (!v->v_legacy)
		size = MIN(size, max);
	availoff = size * sizeof(struct virtq_desc);
	usedoff = round_page(availoff + (3 + size) * sizeof(uint16_t));
	len = round_page(usedoff + 3 * sizeof(uint16_t) +
			 size * sizeof(struct virtq_used_elem));
	for (order = 0; (size_t)PAGE_SIZE << order < len; order++)
		continue;
	pg = page_alloc_run(PK_KERNEL, order, PA_ZERO);
	if (pg == NULL)
		return ENOMEM;
	p = page_direct(pg);
	vq->vq_desc = (void *)p;
	vq->vq_avail = (void *)(p + availoff);
	vq->vq_used = (void *)(p + usedoff);
	vq->vq_size = size;
	vq->vq_next = vq->vq_seen = 0;
	v->v_ops->vo_queue_set(v, n, size, page_to_phys(pg),
	    page_to_phys(pg) + availoff, page_to_phys(pg) + usedoff);
	return 0;
}

void
virtq_push(struct virtq *vq, uint16_t head)
{
	KASSERT(head < vq->vq_size);
	vq->vq_avail->va_ring[vq->vq_next & (vq->vq_size - 1)] = head;
	vq->vq_next++;
	/* Entry and descriptors before the index (2.6.13.3). */
	atomic_store_explicit(&vq->vq_avail->va_idx, vq->vq_next,
	    memory_order_release);
	/* The index before the notification. */
	atomic_thread_fence(memory_order_seq_cst);
}

int
virtq_pop(struct virtq *vq)
{
	uint32_t head;

	if (atomic_load_explicit(&vq->vq_used->vu_idx, memory_order_acquire) ==
	    vq->vq_seen)
		return -1;
	head = vq->vq_used->vu_ring[vq->vq_seen & (vq->vq_size - 1)].vu_id;
	vq->vq_seen++;
	KASSERT(head < vq->vq_size);
	return (int)head;
}
