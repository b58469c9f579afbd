/*
 * acpi.c: what is asked of the firmware's tables: the CPUs, the I/O APIC and
 * its overrides (MADT), the power-management timer and the way to switch off
 * (FADT).  ACPI specification 6.4, sections 5.2.5 to 5.2.12.
 *
 * Tables are read through the direct map; one that lies outside it, or whose
 * checksum is wrong, is treated as missing.  Without any, the machine has one
 * CPU and interrupts through the 8259.
 */
#include "amd64.h"

#include <base/kassert.h>
#include <base/print.h>

struct rsdp {
	char r_sig[8];
	uint8_t r_sum;
	char r_oem[6];
	uint8_t r_rev;
	uint32_t r_rsdt;
	uint32_t r_len; /* from here on: revision 2 */
	uint64_t r_xsdt;
	uint8_t r_xsum;
	uint8_t r_pad[3];
} __packed;
#define RSDP1_LEN 20u

struct header {
	char h_sig[4];
	uint32_t h_len;
	uint8_t h_rev;
	uint8_t h_sum;
	char h_oem[26];
} __packed;
_Static_assert(sizeof(struct header) == 36, "ACPI table header");

/* FADT fields by offset; those not in a short table read as zero. */
#define FADT_PM1A    64
#define FADT_PMTMR   76
#define FADT_CENTURY 108

/* MADT: entries begin behind two words. */
#define MADT_ENTRIES 44
#define MADT_LAPIC   0
#define MADT_IOAPIC  1
#define MADT_ISO     2
#define LAPIC_USABLE 1u

struct acpi_info md_acpi;

static bool
sum_ok(const void *p, size_t len)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	while (len-- > 0)
		sum = (uint8_t)(sum + *b++);
	return sum == 0;
}

static uint32_t
get32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t
get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static const struct rsdp *
rsdp_at(paddr_t pa)
{
	const struct rsdp *r = md_direct(pa);

	if (!md_map_isdirect(pa, sizeof(*r)) ||
	    memcmp(r->r_sig, "RSD PTR ", 8) != 0 || !sum_ok(r, RSDP1_LEN))
		return NULL;
	return r;
}

/* The boot loader's word, or a look where the PC keeps it (5.2.5.1). */
static const struct rsdp *
rsdp_find(paddr_t pa)
{
	const struct rsdp *r = NULL;

	if (pa != 0)
		r = rsdp_at(pa);
	for (pa = 0xe0000; r == NULL && pa < 0x100000; pa += 16)
		r = rsdp_at(pa);
	return r;
}

static const uint8_t *
table_at(paddr_t pa)
{
	const struct header *h = md_direct(pa);

	if (!md_map_isdirect(pa, sizeof(*h)) || h->h_len < sizeof(*h) ||
	    !md_map_isdirect(pa, h->h_len) || !sum_ok(h, h->h_len))
		return NULL;
	return (const uint8_t *)h;
}

static size_t
table_len(const uint8_t *t)
{
	return get32(t + 4);
}

static void
madt_entry(const uint8_t *e)
{
	switch (e[0]) {
	case MADT_LAPIC:
		if (e[1] < 8 || (get32(e + 4) & LAPIC_USABLE) == 0)
			break;
		if (md_acpi.ai_ncpu < MAXCPU)
			md_acpi.ai_apicid[md_acpi.ai_ncpu++] = e[3];
		break;
	case MADT_IOAPIC:
		/* The one with the ISA interrupts. */
		if (e[1] < 12 || get32(e + 8) != 0)
			break;
		md_acpi.ai_ioapic = get32(e + 4);
		md_acpi.ai_ioapic_gsi = get32(e + 8);
		break;
	case MADT_ISO:
		if (e[1] < 10 || e[3] != IRQ_COM1)
			break;
		md_acpi.ai_com1_gsi = get32(e + 4);
		md_acpi.ai_com1_flags = (uint16_t)(e[8] | e[9] << 8);
		break;
	}
}

static void
madt(const uint8_t *t)
{
	size_t off, len = table_len(t);

	for (off = MADT_ENTRIES;
	     off + 2 <= len && t[off + 1] >= 2 && off + t[off + 1] <= len;
	     off += t[off + 1])
		madt_entry(t + off);
}

static void
fadt(const uint8_t *t)
{
	size_t len = table_len(t);

	if (len >= FADT_PMTMR + 4) {
		md_acpi.ai_pm1a = (uint16_t)get32(t + FADT_PM1A);
		md_acpi.ai_pmtimer = (uint16_t)get32(t + FADT_PMTMR);
	}
	if (len > FADT_CENTURY)
		md_acpi.ai_century = t[FADT_CENTURY];
}

void
md_acpi_init(paddr_t pa)
{
	const struct rsdp *r = rsdp_find(pa);
	const uint8_t *root = NULL, *t;
	size_t off, size = 4;

	md_acpi.ai_com1_gsi = IRQ_COM1;
	if (r != NULL && r->r_rev >= 2 && r->r_xsdt != 0) {
		root = table_at(r->r_xsdt);
		size = 8;
	}
	if (r != NULL && root == NULL) {
		root = table_at(r->r_rsdt);
		size = 4;
	}
	if (root == NULL) {
		kprintf("no ACPI tables: one CPU\n");
		return;
	}
	for (off = sizeof(struct header); off + size <= table_len(root);
	     off += size) {
		t = table_at(size == 8 ? get64(root + off) : get32(root + off));
		if (t != NULL && memcmp(t, "APIC", 4) == 0)
			madt(t);
		if (t != NULL && memcmp(t, "FACP", 4) == 0)
			fadt(t);
	}
}

/*
 * The sleep type that means "off" is in the DSDT's \_S5 package; without an
 * interpreter we only know QEMU's, which is 0.
 */
void
md_acpi_off(void)
{
	outw(md_acpi.ai_pm1a != 0 ? md_acpi.ai_pm1a : 0x604, 0x2000);
}
