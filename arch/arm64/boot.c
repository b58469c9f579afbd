/*
 * boot.c: from the first C instruction to kern_main().
 *
 * The device tree, in the window that start.S made for it, is read before
 * anything else, since it says where memory and the console are; a panic
 * before that has no place to be printed.
 */
#include "arm64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <phys/page.h>
#include <pmap/pmap.h>
#include <kern/trap.h>
#include <fs/fs.h>
#include <port/machdep.h>

#define LARGE (PAGE_SIZE << VM_LARGE_ORDER)

/* All constant once md_boot() has called kern_main(). */
static struct md_cpu cpu0;
static struct thread thread0;
static struct bootinfo bootinfo;

extern char __text_start[], __text_end[], __rodata_end[], __end[];
__attribute__((noreturn)) void md_boot(const void *fdt, paddr_t image);

/* Show [start, end) in the direct map. */
static void
map_direct(paddr_t start, paddr_t end, u_int flags)
{
	if (start < end)
		md_map_range(MD_DIRECT_BASE + start, start, end - start, flags);
}

static void
map_kernel(void)
{
	paddr_t text = md_kva_pa(__text_start), etext = md_kva_pa(__text_end);
	paddr_t erodata = md_kva_pa(__rodata_end), end = md_kva_pa(__end);
	u_int i;

	for (i = 0; i < md_hw.hw_nram; i++) {
		struct range *r = &md_hw.hw_ram[i];

		map_direct(r->start, MIN(r->end, text), MAP_WRITE);
		map_direct(MAX(r->start, text), MIN(r->end, erodata), 0);
		map_direct(MAX(r->start, erodata), r->end, MAP_WRITE);
		md_map_setdirect(r->start, r->end);
	}
	md_map_range(KERNBASE, text, etext - text, MAP_EXEC);
	md_map_range(KERNBASE + (etext - text), etext, erodata - etext, 0);
	md_map_range(KERNBASE + (erodata - text), erodata, end - erodata,
	    MAP_WRITE);
}

static void
memory_init(void)
{
	paddr_t initrd = md_hw.hw_initrd, end = md_hw.hw_initrdend;
	u_int i;

	for (i = 0; i < md_hw.hw_nram; i++)
		phys_add_range(md_hw.hw_ram[i].start, md_hw.hw_ram[i].end);
	phys_reserve(md_kva_pa(__text_start), round_page(md_kva_pa(__end)));
	for (i = 0; i < md_hw.hw_nkeep; i++)
		phys_reserve(md_hw.hw_keep[i].start, md_hw.hw_keep[i].end);
	if (end > initrd) {
		bootinfo.bi_initrd = initrd;
		bootinfo.bi_initrdlen = end - initrd;
		phys_reserve(trunc_page(initrd), round_page(end));
	}
	phys_init();
}

/*
 * md_boot: called by start.S on md_boot_stack; fdt is in its window.
 */
void
md_boot(const void *fdt, paddr_t image)
{
	const char *wrong;

	md_image_pa = image;
	thread0.td_kstack = md_boot_stack;
	thread0.td_md.md_cpu = &cpu0.mc_cpu;
	WRITE_SYSREG(tpidr_el1, &thread0);
	cpu0.mc_cpu.cpu_self = &cpu0.mc_cpu;
	cpu0.mc_cpu.cpu_curthread = &thread0;
	cpu0.mc_mpidr = READ_SYSREG(mpidr_el1) & MPIDR_AFF;

	wrong = md_fdt_read(fdt);
	md_cpu_identify();
	map_kernel();
	md_map_load();
	md_cpu_enable();
	md_console_init();
	md_clock_init();
	cpu_attach(&cpu0.mc_cpu, 0, &thread0, md_boot_stack);
	base_init();
	if (wrong != NULL)
		panic("%s", wrong);

	md_gic_init();
	md_gic_enable(&cpu0);
	md_clock_enable();
	md_wall_init();

	memory_init();
	phys_cpu_init(&cpu0.mc_cpu);
	md_asid_init();
	pmap_bootstrap(md_kva_pa(md_noroot));
	pmap_cpu_init(&cpu0.mc_cpu);
	md_root_kernel();
	fs_register();
	bootinfo.bi_cmdline = md_bootline;
	kern_main(&bootinfo);
}
