/*
 * start.S: from the boot loader to C.
 *
 * The image begins with the header that loaders of arm64 kernels look for
 * (Linux, Documentation/arm64/booting.rst): it may lie at any multiple of
 * 2 MiB.  The boot CPU arrives with the MMU off, the device tree's address in
 * x0; the others come through PSCI, see smp.c.  Both may arrive in EL2.
 *
 * Until map.c has made the kernel's tables, three are enough for each half:
 * the image, linked at KERNBASE, the device tree behind it, and the first
 * 2 MiB of the image once more where they are loaded, for the step across.
 */
#include "arm64.h"

	/* The physical or virtual address of sym, as the code runs. */
	.macro	ADDR reg, sym
	adrp	\reg, \sym
	add	\reg, \reg, :lo12:\sym
	.endm

	.section .text.boot, "ax"
	.globl	md_image
md_image:
	b	md_start
	.long	0
	.quad	0			/* offset from a multiple of 2 MiB */
	.quad	__image_len		/* with what is zero */
	.quad	0xa			/* little-endian, 4 KiB, anywhere */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

	.type	md_start, @function
md_start:
	msr	daifset, #0xf
	mov	x20, x0
	bl	to_el1
	bl	early_tables
	ADDR	x1, md_early_root
	ldr	x2, =start_high
	b	mmu_on

start_high:
	ldr	x0, =md_boot_stack + KSTACK_TOP - F_SIZE
	mov	sp, x0
	mov	x29, xzr
	mov	x30, xzr

	/* The early tables are behind __bss_end. */
	ldr	x0, =__bss_start
	ldr	x1, =__bss_end
1:	stp	xzr, xzr, [x0], #16
	cmp	x0, x1
	b.lo	1b

	/* md_boot(device tree, where the image is) */
	and	x0, x20, #0x1fffff
	ldr	x1, =FDT_WINDOW
	orr	x0, x0, x1
	mov	x1, x21
	bl	md_boot
	brk	#0

/*
 * Other CPUs: x0 is their stack pointer.  Without the MMU nothing is read
 * that another CPU wrote with caches on.
 */
	.globl	md_ap_start
	.type	md_ap_start, @function
md_ap_start:
	msr	daifset, #0xf
	mov	x20, x0
	bl	to_el1
	ADDR	x1, md_kroot
	ldr	x2, =ap_high
	b	mmu_on
ap_high:
	mov	sp, x20
	mov	x29, xzr
	ldr	x2, =md_ap_mail
1:	ldaxr	x0, [x2]
	stlxr	w3, xzr, [x2]
	cbnz	w3, 1b
	cbz	x0, 2f
	bl	md_ap_main
2:	wfi
	b	2b

/*
 * To EL1, if this is EL2 (Arm ARM, D1.2 and the registers in D17): 64-bit EL1
 * with timers, identification, floating point and the GIC as if there were
 * no EL2.  Returns to its caller at EL1.
 */
	.type	to_el1, @function
to_el1:
	mrs	x0, CurrentEL
	cmp	x0, #2 << 2
	b.ne	2f
	mov	x0, #(1 << 31)		/* HCR_EL2.RW, */
	orr	x0, x0, #(3 << 40)	/* APK, API */
	msr	hcr_el2, x0
	mrs	x0, cnthctl_el2
	orr	x0, x0, #3
	msr	cnthctl_el2, x0
	msr	cntvoff_el2, xzr
	mov	x0, #0x33ff
	msr	cptr_el2, x0
	msr	hstr_el2, xzr
	msr	vttbr_el2, xzr
	mrs	x0, midr_el1
	msr	vpidr_el2, x0
	mrs	x0, mpidr_el1
	msr	vmpidr_el2, x0
	mrs	x0, id_aa64pfr0_el1
	ubfx	x0, x0, #24, #4		/* GIC: system registers */
	cbz	x0, 1f
	mrs	x0, S3_4_C12_C9_5	/* ICC_SRE_EL2: SRE, Enable */
	mov	x1, #9
	orr	x0, x0, x1
	msr	S3_4_C12_C9_5, x0
	isb
	msr	S3_4_C12_C11_0, xzr	/* ICH_HCR_EL2 */
1:	ldr	x0, =SCTLR_KERNEL & ~5	/* MMU and data cache off */
	msr	sctlr_el1, x0
	mov	x0, #0x3c5		/* EL1h, all masked */
	msr	spsr_el2, x0
	msr	elr_el2, x30
	eret
2:	ret

/*
 * MMU on with x1 as the kernel's root; continue at x2.  x3 to x6 are lost.
 */
	.type	mmu_on, @function
mmu_on:
	ldr	x3, =MAIR_KERNEL
	msr	mair_el1, x3
	ldr	x3, =TCR_KERNEL
	mrs	x4, id_aa64mmfr0_el1
	and	x4, x4, #7		/* PARange; 6 would be 52 bits */
	mov	x5, #5
	cmp	x4, x5
	csel	x4, x4, x5, lo
	bfi	x3, x4, #32, #3
	msr	tcr_el1, x3
	ADDR	x4, md_idmap
	msr	ttbr0_el1, x4
	msr	ttbr1_el1, x1
	mov	x4, #(3 << 20)		/* CPACR_EL1.FPEN: for EL0 and EL1 */
	msr	cpacr_el1, x4
	dsb	sy
	tlbi	vmalle1
	ic	iallu
	dsb	nsh
	isb
	ldr	x3, =SCTLR_KERNEL
	msr	sctlr_el1, x3
	isb
	br	x2

/*
 * Fill the early tables.  x20: the device tree; x21, on return: the image.
 * x0 to x5 are lost.
 */
	.type	early_tables, @function
early_tables:
	ADDR	x21, md_image
	ADDR	x0, __early_start
	ADDR	x1, __early_end
1:	stp	xzr, xzr, [x0], #16
	cmp	x0, x1
	b.lo	1b

	ldr	x5, =EARLY_BLOCK
	/* The identity map: one block of the image. */
	ADDR	x0, md_idmap
	ADDR	x1, md_idmap1
	orr	x2, x1, #3
	ubfx	x3, x21, #39, #9
	str	x2, [x0, x3, lsl #3]
	ADDR	x0, md_idmap2
	orr	x2, x0, #3
	ubfx	x3, x21, #30, #9
	str	x2, [x1, x3, lsl #3]
	orr	x2, x21, x5
	ubfx	x3, x21, #21, #9
	str	x2, [x0, x3, lsl #3]

	/* KERNBASE is entry 510 of the last entry's table. */
	ADDR	x0, md_early_root
	ADDR	x1, md_early1
	orr	x2, x1, #3
	str	x2, [x0, #511 * 8]
	ADDR	x0, md_early2
	orr	x2, x0, #3
	str	x2, [x1, #510 * 8]
	ADDR	x3, __end
	orr	x2, x21, x5
	orr	x3, x3, x5
1:	str	x2, [x0], #8
	add	x2, x2, #0x200000
	cmp	x2, x3
	b.lo	1b
	ADDR	x0, md_early2
	and	x2, x20, #~0x1fffff
	orr	x2, x2, x5
	str	x2, [x0, #510 * 8]
	add	x2, x2, #0x200000
	str	x2, [x0, #511 * 8]

	/* Lines that a cache held of them before are older than memory. */
	dmb	sy
	ADDR	x0, __early_start
	ADDR	x1, __early_end
	mrs	x2, ctr_el0
	ubfx	x2, x2, #16, #4
	mov	x3, #4
	lsl	x2, x3, x2		/* bytes of the smallest data line */
1:	dc	ivac, x0
	add	x0, x0, x2
	cmp	x0, x1
	b.lo	1b
	dsb	sy
	ret

/*
 * void md_load_ttbr1(paddr_t root)
 *
 * Runs under the identity map.  In between, the kernel's half is empty and
 * flushed: no address ever has two translations of different size (D8,
 * "break-before-make").
 */
	.globl	md_load_ttbr1
	.type	md_load_ttbr1, @function
md_load_ttbr1:
	ADDR	x1, md_noroot
	msr	ttbr1_el1, x1
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	msr	ttbr1_el1, x0
	isb
	ret

	.ltorg

	.section .bss.early, "aw", @nobits
	.balign	4096
	.globl	md_idmap, md_noroot
md_early_root:	.skip	4096
md_early1:	.skip	4096
md_early2:	.skip	4096
md_idmap:	.skip	4096
md_idmap1:	.skip	4096
md_idmap2:	.skip	4096
md_noroot:	.skip	4096		/* no translation: stays empty */

	.bss
	.balign	4096
	.globl	md_boot_stack
md_boot_stack:	.skip	KSTACK_BYTES

	.section .note.GNU-stack, "", @progbits
