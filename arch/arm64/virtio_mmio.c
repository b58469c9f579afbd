/*
 * virtio_mmio.c: virtio devices behind memory-mapped registers.
 *
 * The device tree lists the transports; most of QEMU's have no device.  Both
 * layouts of the registers are spoken: version 1, "legacy", which is told the
 * page of a queue, and version 2, which is told where its three parts are
 * (VIRTIO 1.1, 4.2.2 and 4.2.4).
 *
 * Locks: none; the driver has its own.  Everything but vm_notify() and
 * vm_intr() runs in one thread at boot.
 */
#include "arm64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <dev/virtio.h>
#include <port/machdep.h>

#define VIRTIO_MAGIC 0x74726976u
#define DEVICE_NONE  0
#define DEVICE_BLK   2

/* Registers: 4.2.2, table 4.1; 4.2.4, table 4.3. */
#define R_MAGIC      0x000
#define R_VERSION    0x004
#define R_DEVICE     0x008
#define R_FEATURES   0x010
#define R_FEATURESEL 0x014
#define R_GUEST      0x020
#define R_GUESTSEL   0x024
#define R_PAGESIZE   0x028 /* version 1 */
#define R_QSELECT    0x030
#define R_QMAX       0x034
#define R_QSIZE      0x038
#define R_QALIGN     0x03c /* version 1 */
#define R_QPFN       0x040 /* version 1 */
#define R_QREADY     0x044 /* version 2 */
#define R_NOTIFY     0x050
#define R_INTR       0x060
#define R_INTRACK    0x064
#define R_STATUS     0x070
#define R_QDESC      0x080 /* version 2: low half, high half */
#define R_QAVAIL     0x090
#define R_QUSED      0x0a0
#define R_CONFIG     0x100

/*
 * Protection:
 *	I	constant once attached
 */
struct vmmio {
	struct virtio vm_virtio; /* [I] */
	void *vm_regs;           /* [I] */
};

static void *
regs(struct virtio *v)
{
	return container_of(v, struct vmmio, vm_virtio)->vm_regs;
}

static u_int
vm_status(struct virtio *v)
{
	return mmio_read(regs(v), R_STATUS);
}

static void
vm_set_status(struct virtio *v, u_int status)
{
	mmio_write(regs(v), R_STATUS, status);
	/* A reset forgets the page size too (4.2.4). */
	if (status == 0 && v->v_legacy)
		mmio_write(regs(v), R_PAGESIZE, PAGE_SIZE);
}

static uint64_t
vm_features(struct virtio *v)
{
	uint64_t low;

	mmio_write(regs(v), R_FEATURESEL, 0);
	low = mmio_read(regs(v), R_FEATURES);
	mmio_write(regs(v), R_FEATURESEL, 1);
	return low | (uint64_t)mmio_read(regs(v), R_FEATURES) << 32;
}

static void
vm_set_features(struct virtio *v, uint64_t features)
{
	mmio_write(regs(v), R_GUESTSEL, 0);
	mmio_write(regs(v), R_GUEST, (uint32_t)features);
	mmio_write(regs(v), R_GUESTSEL, 1);
	mmio_write(regs(v), R_GUEST, (uint32_t)(features >> 32));
}

static u_int
vm_queue_max(struct virtio *v, u_int n)
{
	mmio_write(regs(v), R_QSELECT, n);
	return mmio_read(regs(v), R_QMAX);
}

static void
write_pa(struct virtio *v, u_int r, paddr_t pa)
{
	mmio_write(regs(v), r, (uint32_t)pa);
	mmio_write(regs(v), r + 4, (uint32_t)(pa >> 32));
}

static void
vm_queue_set(struct virtio *v, u_int n, u_int size, paddr_t desc, paddr_t avail,
    paddr_t used)
{
	mmio_write(regs(v), R_QSELECT, n);
	mmio_write(regs(v), R_QSIZE, size);
	if (v->v_legacy) {
		mmio_write(regs(v), R_QALIGN, PAGE_SIZE);
		mmio_write(regs(v), R_QPFN, (uint32_t)(desc >> PAGE_SHIFT));
		return;
	}
	write_pa(v, R_QDESC, desc);
	write_pa(v, R_QAVAIL, avail);
	write_pa(v, R_QUSED, used);
	mmio_write(regs(v), R_QREADY, 1);
}

/* What the queue says is seen by the device before it is told to look. */
static void
vm_notify(struct virtio *v, u_int n)
{
	__asm__ volatile("dsb st" : : : "memory");
	mmio_write(regs(v), R_NOTIFY, n);
}

static uint32_t
vm_config32(struct virtio *v, u_int off)
{
	return mmio_read(regs(v), R_CONFIG + off);
}

static const struct virtio_ops vm_ops = {
    .vo_status = vm_status,
    .vo_set_status = vm_set_status,
    .vo_features = vm_features,
    .vo_set_features = vm_set_features,
    .vo_queue_max = vm_queue_max,
    .vo_queue_set = vm_queue_set,
    .vo_notify = vm_notify,
    .vo_config32 = vm_config32,
};

/*
 * Acknowledged first: what the device adds from then on interrupts again.  The
 * barrier keeps the look into the queue behind the read of the register.
 */
static void
vm_intr(void *arg)
{
	struct vmmio *vm = arg;

	mmio_write(vm->vm_regs, R_INTRACK, mmio_read(vm->vm_regs, R_INTR));
	__asm__ volatile("dsb sy" : : : "memory");
	if (vm->vm_virtio.v_intr != NULL)
		vm->vm_virtio.v_intr(vm->vm_virtio.v_arg);
}

static void
attach(const struct transport *t)
{
	struct vmmio *vm;
	void *r = md_map_device(t->tr_pa, R_CONFIG + 8);
	u_int version;
	int error;

	version = mmio_read(r, R_VERSION);
	if (mmio_read(r, R_MAGIC) != VIRTIO_MAGIC || version < 1 ||
	    version > 2 || mmio_read(r, R_DEVICE) != DEVICE_BLK)
		return;
	vm = kmem_alloc(sizeof(*vm), PA_ZERO);
	if (vm == NULL)
		return;
	vm->vm_regs = r;
	vm->vm_virtio.v_ops = &vm_ops;
	vm->vm_virtio.v_legacy = version == 1;
	md_intr_establish(t->tr_irq, vm_intr, vm);
	error = virtio_blk_attach(&vm->vm_virtio);
	if (error != 0)
		kprintf("virtio: block device at %#lx: error %d\n", t->tr_pa,
		    error);
	/* The interrupt goes on to point to vm. */
}

void
md_devices(void)
{
	u_int i;

	for (i = 0; i < md_hw.hw_nvirtio; i++)
		attach(&md_hw.hw_virtio[i]);
}
