/*
 * boot.c: from the first C instruction to kern_main().
 *
 * The loader leaves a struct hvm_start_info (Xen, public/arch-x86/hvm/
 * start_info.h) in RAM that the early tables of start.S show.  What is of
 * use later is copied out of it; RAM below 1 MiB, where it usually lies, is
 * left to the firmware and to AP_PAGE.
 */
#include "amd64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <phys/page.h>
#include <pmap/pmap.h>
#include <kern/trap.h>
#include <fs/fs.h>
#include <port/machdep.h>

#define START_MAGIC 0x336ec578u

struct hvm_start {
	uint32_t hs_magic;
	uint32_t hs_version;
	uint32_t hs_flags;
	uint32_t hs_nmod;
	uint64_t hs_mods;
	uint64_t hs_cmdline;
	uint64_t hs_rsdp;
	uint64_t hs_memmap; /* these from version 1 on */
	uint32_t hs_nmem;
	uint32_t hs_pad;
};

struct hvm_module {
	uint64_t hm_start;
	uint64_t hm_len;
	uint64_t hm_cmdline;
	uint64_t hm_pad;
};

struct hvm_mem {
	uint64_t hr_start;
	uint64_t hr_len;
	uint32_t hr_type;
	uint32_t hr_pad;
};
#define HVM_RAM  1
#define HVM_ACPI 3
#define HVM_NVS  4

#define EARLY_END (1ul << 30) /* what start.S maps */
#define LOW_END   0x100000ul
#define LARGE     (PAGE_SIZE << VM_LARGE_ORDER)

struct range {
	paddr_t start, end;
};

/* All constant once md_boot() has called kern_main(). */
static struct md_cpu cpu0;
static struct thread thread0;
static struct bootinfo bootinfo;
static struct range ram[64];   /* page-aligned, above 1 MiB, ascending */
static struct range shown[64]; /* what the direct map is to hold */
static u_int nram, nshown;

extern char __text_start[], __text_end[], __rodata_end[], __end[];
void md_boot(paddr_t start);

static paddr_t
image_pa(const char *p)
{
	return (uintptr_t)p - KERNBASE;
}

/* Put a range where it belongs in an ascending list. */
static void
range_insert(struct range *list, u_int *n, paddr_t start, paddr_t end)
{
	u_int i;

	if (start >= end)
		return;
	if (*n == nitems(ram))
		panic("the memory map has more than %zu pieces", nitems(ram));
	for (i = *n; i > 0 && list[i - 1].start > start; i--)
		list[i] = list[i - 1];
	list[i].start = start;
	list[i].end = end;
	++*n;
}

/* Join what touches or overlaps. */
static void
range_merge(struct range *list, u_int *n)
{
	u_int i, last = 0;

	for (i = 1; i < *n; i++) {
		if (list[i].start <= list[last].end)
			list[last].end = MAX(list[last].end, list[i].end);
		else
			list[++last] = list[i];
	}
	if (*n > 0)
		*n = last + 1;
}

static void *
early(paddr_t pa, size_t len)
{
	if (pa >= EARLY_END || EARLY_END - pa < len)
		panic("start information at %#lx", (u_long)pa);
	return md_direct(pa);
}

static paddr_t
read_start(paddr_t pa)
{
	const struct hvm_start *hs = early(pa, sizeof(*hs));
	const struct hvm_module *hm;
	const struct hvm_mem *hr;
	u_int i;

	if (hs->hs_magic != START_MAGIC || hs->hs_version < 1)
		panic("not started by a PVH loader with a memory map");
	if (hs->hs_cmdline != 0)
		strlcpy(md_bootline, early(hs->hs_cmdline, 1),
		    sizeof(md_bootline));
	bootinfo.bi_cmdline = md_bootline;
	if (hs->hs_nmod > 0) {
		hm = early(hs->hs_mods, sizeof(*hm));
		bootinfo.bi_initrd = hm->hm_start;
		bootinfo.bi_initrdlen = hm->hm_len;
	}

	hr = early(hs->hs_memmap, hs->hs_nmem * sizeof(*hr));
	for (i = 0; i < hs->hs_nmem; i++, hr++) {
		paddr_t end = hr->hr_start + hr->hr_len;

		if (hr->hr_type == HVM_RAM)
			range_insert(ram, &nram,
			    MAX(round_page(hr->hr_start), LOW_END),
			    trunc_page(end));
		if (hr->hr_type == HVM_RAM || hr->hr_type == HVM_ACPI ||
		    hr->hr_type == HVM_NVS)
			range_insert(shown, &nshown,
			    rounddown2(hr->hr_start, LARGE),
			    roundup2(end, LARGE));
	}
	range_merge(ram, &nram);
	range_merge(shown, &nshown);
	return hs->hs_rsdp;
}

/* Find room for tables behind the image, or behind an initramfs close to it. */
static void
tables_place(void)
{
	paddr_t start = image_pa(__end), end = 0;
	paddr_t initrd = bootinfo.bi_initrd;
	u_int i;

	for (i = 0; i < nram; i++) {
		if (ram[i].start < start && ram[i].end > start)
			end = MIN(ram[i].end, EARLY_END);
	}
	if (initrd >= start && initrd < end) {
		if (initrd - start > end - initrd)
			end = initrd;
		else
			start = initrd + bootinfo.bi_initrdlen;
	}
	md_map_init(start, end);
}

/* Show [start, end) in the direct map. */
static void
map_direct(paddr_t start, paddr_t end, uint64_t flags)
{
	if (start < end)
		md_map_range(MD_DIRECT_BASE + start, start, end - start,
		    flags | PTE_NX);
}

static void
map_kernel(void)
{
	paddr_t text = image_pa(__text_start), etext = image_pa(__text_end);
	paddr_t erodata = image_pa(__rodata_end), end = image_pa(__end);
	u_int i;

	for (i = 0; i < nshown; i++) {
		struct range *r = &shown[i];

		map_direct(r->start, MIN(r->end, text), PTE_W);
		map_direct(MAX(r->start, text), MIN(r->end, erodata), 0);
		map_direct(MAX(r->start, erodata), r->end, PTE_W);
		md_map_setdirect(r->start, r->end);
	}
	md_map_range(KERNBASE + text, text, etext - text, 0);
	md_map_range(KERNBASE + etext, etext, erodata - etext, PTE_NX);
	md_map_range(KERNBASE + erodata, erodata, end - erodata,
	    PTE_NX | PTE_W);
}

static void
memory_init(void)
{
	paddr_t initrd = bootinfo.bi_initrd;
	u_int i;

	for (i = 0; i < nram; i++)
		phys_add_range(ram[i].start, ram[i].end);
	phys_reserve(image_pa(__text_start), image_pa(__end));
	md_map_reserve(phys_reserve);
	if (bootinfo.bi_initrdlen > 0)
		phys_reserve(trunc_page(initrd),
		    round_page(initrd + bootinfo.bi_initrdlen));
	phys_init();
}

/*
 * md_boot: called by start.S on md_boot_stack.
 */
__attribute__((noreturn)) void
md_boot(paddr_t start)
{
	paddr_t rsdp;

	md_console_init();
	md_cpu_identify();
	thread0.td_kstack = md_boot_stack;
	md_cpu_tables(&cpu0, &thread0);
	cpu_attach(&cpu0.mc_cpu, 0, &thread0, md_boot_stack);
	base_init();

	rsdp = read_start(start);
	tables_place();
	md_patch_smap();
	map_kernel();
	md_map_device_init();
	md_map_load();
	md_cpu_enable();

	md_acpi_init(rsdp);
	md_lapic_init();
	cpu0.mc_apicid = md_lapic_enable();
	md_clock_init();

	memory_init();
	phys_cpu_init(&cpu0.mc_cpu);
	md_pcid_enable();
	pmap_bootstrap(md_map_root());
	pmap_cpu_init(&cpu0.mc_cpu);
	fs_register();
	kern_main(&bootinfo);
}
