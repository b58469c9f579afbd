/*
 * amd64.c: the demo's machine on amd64: tier 1 of the port, and traps.
 */
#include "demo.h"

#include <port/tier1.h>

#define VIRT   0xffffffff80000000ul
#define DIRECT 0xffff800000000000ul
#define RAM    (64ul << 20) /* QEMU is started with -m 64 */

extern char kernel_stack[], stubs[], kernel_end[];
extern uint64_t gdt[], kernel_root[];

static struct {
	uint32_t word[26];
} tss;
static struct {
	uint64_t lo, hi;
} idt[256];

void machine_early(void);
void machine_trap(struct frame *f);

static void
out(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

void
md_log(const char *s, size_t len)
{
	while (len-- > 0)
		out(0x3f8, (uint8_t)*s++);
}

void
md_halt(int status)
{
	out(0xf4, (uint8_t)status); /* isa-debug-exit: QEMU ends with 2n + 1 */
	for (;;)
		__asm__ volatile("cli; hlt");
}

bool
md_intr_disable(void)
{
	uint64_t flags;

	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
	return (flags & 0x200) != 0;
}

void
md_intr_restore(bool on)
{
	if (on)
		__asm__ volatile("sti" : : : "memory");
}

unsigned
md_asid_count(void)
{
	return 1;
}

void
md_root_load(uint64_t root, unsigned asid)
{
	(void)asid;
	__asm__ volatile("mov %0, %%cr3" : : "r"(root) : "memory");
}

void
md_root_kernel(void)
{
	md_root_load((uintptr_t)kernel_root - VIRT, 0);
}

void
md_tlb_flush_pages(const unsigned *asid, const uintptr_t *va, unsigned n)
{
	(void)asid;
	while (n-- > 0)
		__asm__ volatile("invlpg (%0)" : : "r"(*va++) : "memory");
}

void
md_tlb_flush_asid(unsigned asid)
{
	uint64_t root;

	(void)asid;
	__asm__ volatile("mov %%cr3, %0" : "=r"(root));
	md_root_load(root, 0);
}

void
md_tlb_flush_kernel(void)
{
	md_tlb_flush_asid(0); /* the demo has no global pages */
}

void
md_icache_sync(void *va, size_t len)
{
	(void)va;
	(void)len;
}

/* GDT, TSS and IDT, where they will stay; and nothing is mapped at 0. */
void
machine_early(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) gdtr = {55, (uintptr_t)gdt},
				  idtr = {sizeof(idt) - 1, (uintptr_t)idt};
	uint64_t base = (uintptr_t)&tss, stack = (uintptr_t)kernel_stack, a, v;

	tss.word[1] = (uint32_t)stack; /* RSP0 */
	tss.word[2] = (uint32_t)(stack >> 32);
	gdt[5] = 0x0000890000000067 | (base & 0xffffff) << 16 |
		 (base >> 24 & 0xff) << 56;
	gdt[6] = base >> 32;
	for (v = 0; v <= 32; v++) {
		a = (uintptr_t)stubs + 16 * v;
		/* An interrupt gate; the last, for programs too, is 0x80. */
		idt[v < 32 ? v : 0x80].lo =
		    (a & 0xffff) | 8ul << 16 | (v < 32 ? 0x8eul : 0xeeul) << 40 |
		    (a >> 16 & 0xffff) << 48;
		idt[v < 32 ? v : 0x80].hi = a >> 32;
	}
	kernel_root[0] = 0;
	md_root_kernel();
	out(0x21, 0xff); /* no interrupts from the old controllers */
	out(0xa1, 0xff);
	__asm__ volatile("lgdt %0; lidt %1; ltr %2"
			 :
			 : "m"(gdtr), "m"(idtr), "r"((uint16_t)0x28)
			 : "memory");
}

void
machine_start(void)
{
	const struct vms_range ram = {0x100000, RAM};
	const struct vms_range keep = {0x100000, (uintptr_t)kernel_end - VIRT};
	const struct vms_boot b = {DIRECT, (uintptr_t)kernel_root - VIRT, &ram,
	    1, &keep, 1};

	demo_boot(&b);
}

void
frame_init(struct frame *f, uintptr_t pc, uintptr_t sp, uint64_t arg)
{
	*f = (struct frame){.rip = pc, .cs = 0x23, .rflags = 2, .rsp = sp,
	    .ss = 0x1b, .rdi = arg};
}

void
frame_result(struct frame *f, uint64_t value)
{
	f->rax = value;
}

void
machine_trap(struct frame *f)
{
	uintptr_t va;

	__asm__ volatile("mov %%cr2, %0" : "=r"(va));
	if ((f->cs & 3) == 0)
		demo_bad(f, va);
	if (f->vector == 0x80)
		demo_call(f, f->rax, f->rdi);
	if (f->vector != 14)
		demo_kill(f, "trap");
	demo_fault(f, va,
	    (f->error & 16) != 0   ? VMS_EXEC
	    : (f->error & 2) != 0 ? VMS_WRITE
				  : VMS_READ);
}
