/*
 * virtio_pci.c: virtio devices on PCI, by their legacy interface.
 *
 * The registers are I/O ports behind the first base address (VIRTIO 1.1,
 * 4.1.4.8), so nothing needs to be mapped.  With MSI-X enabled two vector
 * registers come before the device's configuration.
 *
 * Locks: none; the driver has its own.
 */
#include "amd64.h"

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <dev/virtio.h>

#include "pci.h"

#define DEVICE_BLK 0x1001 /* 4.1.2.1: transitional */

#define R_FEATURES 0
#define R_GUEST    4
#define R_QADDR    8
#define R_QSIZE    12
#define R_QSELECT  14
#define R_NOTIFY   16
#define R_STATUS   18
#define R_QVECTOR  22
#define R_CONFIG   24 /* with MSI-X */

#define MSIX_FAILED 0xffff

/*
 * Protection:
 *	I	constant once attached
 */
struct vpci {
	struct virtio vp_virtio; /* [I] */
	uint16_t vp_io;          /* [I] the first port */
};

static inline uint16_t
inw(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline void
outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

static uint16_t
reg(struct virtio *v, u_int r)
{
	return (uint16_t)(container_of(v, struct vpci, vp_virtio)->vp_io + r);
}

static u_int
vpci_status(struct virtio *v)
{
	return inb(reg(v, R_STATUS));
}

static void
vpci_set_status(struct virtio *v, u_int status)
{
	outb(reg(v, R_STATUS), (uint8_t)status);
}

static uint64_t
vpci_features(struct virtio *v)
{
	return inl(reg(v, R_FEATURES));
}

static void
vpci_set_features(struct virtio *v, uint64_t features)
{
	outl(reg(v, R_GUEST), (uint32_t)features);
}

static u_int
vpci_queue_max(struct virtio *v, u_int n)
{
	outw(reg(v, R_QSELECT), (uint16_t)n);
	return inw(reg(v, R_QSIZE));
}

static void
vpci_queue_set(struct virtio *v, u_int n, u_int size __unused, paddr_t desc,
    paddr_t avail __unused, paddr_t used __unused)
{
	outw(reg(v, R_QSELECT), (uint16_t)n);
	outw(reg(v, R_QVECTOR), 0);
	if (inw(reg(v, R_QVECTOR)) == MSIX_FAILED)
		kprintf("virtio: no interrupt for queue %u\n", n);
	outl(reg(v, R_QADDR), (uint32_t)(desc >> PAGE_SHIFT));
}

static void
vpci_notify(struct virtio *v, u_int n)
{
	outw(reg(v, R_NOTIFY), (uint16_t)n);
}

static uint32_t
vpci_config32(struct virtio *v, u_int off)
{
	return inl(reg(v, R_CONFIG + off));
}

static const struct virtio_ops vpci_ops = {
    .vo_status = vpci_status,
    .vo_set_status = vpci_set_status,
    .vo_features = vpci_features,
    .vo_set_features = vpci_set_features,
    .vo_queue_max = vpci_queue_max,
    .vo_queue_set = vpci_queue_set,
    .vo_notify = vpci_notify,
    .vo_config32 = vpci_config32,
};

static void
vpci_intr(void *arg)
{
	struct vpci *vp = arg;

	if (vp->vp_virtio.v_intr != NULL)
		vp->vp_virtio.v_intr(vp->vp_virtio.v_arg);
}

void
md_virtio_pci(struct pci_addr a, u_int device)
{
	struct vpci *vp;
	uint32_t bar;
	int error;

	bar = md_pci_read(a, PCI_BAR0);
	if (device != DEVICE_BLK || (bar & 1) == 0)
		return;
	vp = kmem_alloc(sizeof(*vp), PA_ZERO);
	if (vp == NULL)
		return;
	vp->vp_io = (uint16_t)(bar & 0xfffc);
	vp->vp_virtio.v_ops = &vpci_ops;
	vp->vp_virtio.v_legacy = true;
	md_pci_write(a, PCI_COMMAND,
	    (md_pci_read(a, PCI_COMMAND) & 0xffff) | PCI_CMD_IO | PCI_CMD_MEM |
		PCI_CMD_BUSM);
	error = md_msix_set(a, 0, vpci_intr, vp);
	if (error == 0)
		error = virtio_blk_attach(&vp->vp_virtio);
	if (error != 0)
		kprintf("virtio: block device at %u.%u: error %d\n", a.pa_dev,
		    a.pa_fn, error);
	/* A vector that was set goes on to point to vp. */
}
