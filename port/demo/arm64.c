/*
 * arm64.c: the demo's machine on arm64: tier 1 of the port, and traps.
 */
#include "demo.h"

#include <port/tier1.h>

#define VIRT 0xffff000000000000ul
#define BASE 0x40000000ul
#define RAM  (64ul << 20) /* QEMU is started with -m 64 */

extern char no_root[], kernel_end[];
extern struct frame kernel_frame; /* at the top of the stack */

__attribute__((noreturn)) void frame_return(struct frame *f);

void machine_trap(struct frame *f);

void
md_log(const char *s, size_t len)
{
	volatile uint32_t *uart = (uint32_t *)(VIRT + 0x09000000);

	while (len-- > 0)
		*uart = (uint32_t)*s++;
}

void
md_halt(int status)
{
	uint64_t block[2] = {0x20026, (uint64_t)status};
	register uint64_t x0 __asm__("x0") = 0x18; /* semihosting: exit */
	register uint64_t x1 __asm__("x1") = (uintptr_t)block;

	__asm__ volatile("hlt #0xf000" : : "r"(x0), "r"(x1) : "memory");
	for (;;)
		__asm__ volatile("wfi");
}

bool
md_intr_disable(void)
{
	uint64_t daif;

	__asm__ volatile("mrs %0, daif; msr daifset, #2"
			 : "=r"(daif)
			 :
			 : "memory");
	return (daif & 0x80) == 0;
}

void
md_intr_restore(bool on)
{
	if (on)
		__asm__ volatile("msr daifclr, #2" : : : "memory");
}

unsigned
md_asid_count(void)
{
	return 256;
}

void
md_root_load(uint64_t root, unsigned asid)
{
	__asm__ volatile("dsb ishst; msr ttbr0_el1, %0; isb"
			 :
			 : "r"(root | (uint64_t)asid << 48)
			 : "memory");
}

void
md_root_kernel(void)
{
	md_root_load((uintptr_t)no_root - VIRT, 0);
}

void
md_tlb_flush_pages(const unsigned *asid, const uintptr_t *va, unsigned n)
{
	__asm__ volatile("dsb nshst" : : : "memory");
	for (; n-- > 0; va++, asid++)
		__asm__ volatile("tlbi vae1, %0"
				 :
				 : "r"((uint64_t)*asid << 48 |
				     (*va >> 12 & 0xfffffffffff)));
	__asm__ volatile("dsb nsh; isb" : : : "memory");
}

void
md_tlb_flush_asid(unsigned asid)
{
	__asm__ volatile("dsb nshst; tlbi aside1, %0; dsb nsh; isb"
			 :
			 : "r"((uint64_t)asid << 48)
			 : "memory");
}

void
md_tlb_flush_kernel(void)
{
	__asm__ volatile("dsb nshst; tlbi vmalle1; dsb nsh; isb"
			 :
			 :
			 : "memory");
}

void
md_icache_sync(void *va, size_t len)
{
	uintptr_t p = (uintptr_t)va, end = p + len;

	for (p &= ~63ul; p < end; p += 64)
		__asm__ volatile("dc cvau, %0" : : "r"(p) : "memory");
	__asm__ volatile("dsb ish; ic ialluis; dsb ish; isb" : : : "memory");
}

void
machine_start(void)
{
	const struct vms_range ram = {BASE, BASE + RAM};
	const struct vms_range keep = {BASE, (uintptr_t)kernel_end - VIRT};
	const struct vms_boot b = {VIRT, (uintptr_t)no_root - VIRT, &ram, 1,
	    &keep, 1};

	demo_boot(&b);
}

void
frame_init(struct frame *f, uintptr_t pc, uintptr_t sp, uint64_t arg)
{
	*f = (struct frame){.pc = pc, .sp = sp, .psr = 0x3c0, .x[0] = arg};
}

void
frame_result(struct frame *f, uint64_t value)
{
	f->x[0] = value;
}

/* Nothing but a dead frame is ever where that of a program goes. */
void
frame_resume(struct frame *f)
{
	if ((f->psr & 0xc) != 0)
		frame_return(f);
	kernel_frame = *f;
	frame_return(&kernel_frame);
}

void
machine_trap(struct frame *f)
{
	uint64_t esr, far;

	__asm__ volatile("mrs %0, esr_el1; mrs %1, far_el1"
			 : "=r"(esr), "=r"(far));
	if ((f->psr & 0xc) != 0)
		demo_bad(f, far);
	switch (esr >> 26) {
	case 0x15: /* SVC */
		demo_call(f, f->x[8], f->x[0]);
	case 0x20: /* instruction abort */
		demo_fault(f, far, VMS_EXEC);
	case 0x24: /* data abort; bit 6: a write */
		demo_fault(f, far, (esr & 0x40) != 0 ? VMS_WRITE : VMS_READ);
	default:
		demo_kill(f, "trap");
	}
}
