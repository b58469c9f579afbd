/*
 * pci.c: finding devices on the PCI bus and their interrupts.
 *
 * Configuration space is reached by the two I/O ports of mechanism 1 (PCI
 * Local Bus Specification 3.0, 3.2.2.3.2); the firmware has given every device
 * its addresses.  Only bus 0 is looked at.  Interrupts are messages (MSI-X,
 * 6.8.2): they need no routing, and this system has no use for more.
 *
 * Locks: none.  Everything here runs in one thread at boot, but for
 * md_msi_intr(), which only reads what was set before the device could send.
 */
#include "amd64.h"

#include <sys/errno.h>
#include <base/kassert.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <dev/virtio.h>
#include <port/machdep.h>

#include "pci.h"

#define CONF_ADDR 0xcf8
#define CONF_DATA 0xcfc

#define PCI_CAPS    0x34
#define CAP_MSIX    0x11
#define MSIX_ENABLE 0x80000000u
#define MSIX_FMASK  0x40000000u

static struct {
	void (*mi_fn)(void *);
	void *mi_arg;
} msi_table[NMSI];
static u_int nmsi;

static inline void
outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

uint32_t
md_pci_read(struct pci_addr a, u_int reg)
{
	KASSERT((reg & 3) == 0 && reg < 256);
	outl(CONF_ADDR, 0x80000000u | a.pa_dev << 11 | a.pa_fn << 8 | reg);
	return inl(CONF_DATA);
}

void
md_pci_write(struct pci_addr a, u_int reg, uint32_t v)
{
	KASSERT((reg & 3) == 0 && reg < 256);
	outl(CONF_ADDR, 0x80000000u | a.pa_dev << 11 | a.pa_fn << 8 | reg);
	outl(CONF_DATA, v);
}

/* Where the capability is in configuration space; 0: it has none. */
static u_int
pci_cap(struct pci_addr a, u_int id)
{
	u_int reg = md_pci_read(a, PCI_CAPS) & 0xfc, n;

	/* 48 fit into what is left of 256 bytes: no endless chain. */
	for (n = 0; reg != 0 && n < 48; n++) {
		if ((md_pci_read(a, reg) & 0xff) == id)
			return reg;
		reg = md_pci_read(a, reg) >> 8 & 0xfc;
	}
	return 0;
}

int
md_msix_set(struct pci_addr a, u_int n, void (*fn)(void *), void *arg)
{
	volatile uint32_t *entry;
	uint32_t table, bar;
	u_int cap = pci_cap(a, CAP_MSIX);
	paddr_t pa;

	if (cap == 0 || nmsi == NMSI)
		return ENXIO;
	if (n > (md_pci_read(a, cap) >> 16 & 0x7ff))
		return ENXIO;
	table = md_pci_read(a, cap + 4);
	bar = PCI_BAR0 + (table & 7) * 4;
	pa = md_pci_read(a, bar) & ~0xfu;
	if ((md_pci_read(a, bar) & 6) == 4)
		pa |= (paddr_t)md_pci_read(a, bar + 4) << 32;
	pa += table & ~7u;
	if (pa == 0)
		return ENXIO;
	entry = md_map_device(pa + n * 16, 16);
	msi_table[nmsi].mi_fn = fn;
	msi_table[nmsi].mi_arg = arg;
	/* To this CPU, fixed delivery, edge (SDM vol. 3, 11.11). */
	entry[0] = 0xfee00000u | md_mycpu()->mc_apicid << 12;
	entry[1] = 0;
	entry[2] = VEC_MSI + nmsi;
	entry[3] = 0;
	nmsi++;
	md_pci_write(a, cap, (md_pci_read(a, cap) & ~MSIX_FMASK) | MSIX_ENABLE);
	return 0;
}

void
md_msi_intr(u_int n)
{
	KASSERT(n < NMSI);
	if (msi_table[n].mi_fn != NULL)
		msi_table[n].mi_fn(msi_table[n].mi_arg);
}

void
md_devices(void)
{
	struct pci_addr a;
	uint32_t id;
	u_int nfn;

	for (a.pa_dev = 0; a.pa_dev < 32; a.pa_dev++) {
		a.pa_fn = 0;
		if (md_pci_read(a, PCI_ID) == 0xffffffffu)
			continue;
		nfn = (md_pci_read(a, PCI_HEADER) & 0x800000u) != 0 ? 8 : 1;
		for (; a.pa_fn < nfn; a.pa_fn++) {
			id = md_pci_read(a, PCI_ID);
			if ((id & 0xffff) == PCI_VENDOR_VIRTIO)
				md_virtio_pci(a, id >> 16);
		}
	}
}
