/*
 * pci.h: the PCI bus, as the drivers of this port see it.
 *
 * All but md_msi_intr() are called by one thread at boot.
 */
#ifndef AMD64_PCI_H
#define AMD64_PCI_H

#include <sys/types.h>

struct pci_addr {
	u_int pa_dev, pa_fn; /* on bus 0 */
};

#define PCI_ID       0x00
#define PCI_COMMAND  0x04
#define PCI_HEADER   0x0c
#define PCI_BAR0     0x10
#define PCI_CMD_IO   1u
#define PCI_CMD_MEM  2u
#define PCI_CMD_BUSM 4u

#define PCI_VENDOR_VIRTIO 0x1af4

/* One aligned word of configuration space. */
uint32_t md_pci_read(struct pci_addr a, u_int reg);
void md_pci_write(struct pci_addr a, u_int reg, uint32_t v);

/*
 * Let message n of the device call fn(arg), in interrupt context on this CPU.
 * ENXIO: the device has no such message, or there is no vector left.
 */
int md_msix_set(struct pci_addr a, u_int n, void (*fn)(void *), void *arg);

/* virtio_pci.c: attach a driver to the virtio device at a, if there is one. */
void md_virtio_pci(struct pci_addr a, u_int device);

#endif
