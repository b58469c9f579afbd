/*
 * arm64.S: from QEMU's ELF entry to C, and in and out of the kernel.
 */
#define VIRT    0xffff000000000000
#define PHYS(s) (s - VIRT)

	/* 1 GiB of devices at 0, 1 GiB of RAM at 1 GiB; in either half. */
	.data
	.balign	4096
	.globl	no_root, kernel_frame
root:	.quad	PHYS(l1) + 3
	.fill	511, 8, 0
l1:	.quad	0x00600000000000405, 0x00040000040000701
	.fill	510, 8, 0
no_root:
	.fill	512, 8, 0
	.bss
	.balign	16
	.skip	16384
	/* A frame at the top of the stack. */
kernel_frame:
	.skip	272
kernel_stack:

	.text
	.globl	start
start:	ldr	x0, =0x04ff		/* MAIR: 0 memory, 1 device */
	msr	mair_el1, x0
	ldr	x0, =0x1b5103510	/* TCR: 48 bits, 4 KiB, write-back */
	msr	tcr_el1, x0
	ldr	x0, =PHYS(root)
	msr	ttbr0_el1, x0
	msr	ttbr1_el1, x0
	tlbi	vmalle1
	dsb	nsh
	isb
	ldr	x0, =0x30d0180d		/* SCTLR: MMU, caches */
	msr	sctlr_el1, x0
	isb
	ldr	x0, =1f
	br	x0
1:	ldr	x0, =kernel_frame
	mov	sp, x0
	ldr	x0, =vectors
	msr	vbar_el1, x0
	ldr	x0, =PHYS(no_root)
	msr	ttbr0_el1, x0
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	bl	demo_main

	.macro	FRAME op
	\op	x0, x1, [sp]
	\op	x2, x3, [sp, 16]
	\op	x4, x5, [sp, 32]
	\op	x6, x7, [sp, 48]
	\op	x8, x9, [sp, 64]
	\op	x10, x11, [sp, 80]
	\op	x12, x13, [sp, 96]
	\op	x14, x15, [sp, 112]
	\op	x16, x17, [sp, 128]
	\op	x18, x19, [sp, 144]
	\op	x20, x21, [sp, 160]
	\op	x22, x23, [sp, 176]
	\op	x24, x25, [sp, 192]
	\op	x26, x27, [sp, 208]
	\op	x28, x29, [sp, 224]
	.endm

	/* Only traps from EL0, and page faults of EL1, are ever wanted. */
	.balign	2048
vectors:
	.rept	16
	.balign	128
	b	trap
	.endr
trap:	sub	sp, sp, 272
	FRAME	stp
	mrs	x1, sp_el0
	mrs	x2, elr_el1
	mrs	x3, spsr_el1
	stp	x30, x1, [sp, 240]
	stp	x2, x3, [sp, 256]
	mov	x0, sp
	bl	machine_trap

	/* Registers from x0 to the top of the stack, where there is a frame. */
	.globl	frame_return
frame_return:
	mov	sp, x0
	ldp	x30, x1, [sp, 240]
	ldp	x2, x3, [sp, 256]
	msr	sp_el0, x1
	msr	elr_el1, x2
	msr	spsr_el1, x3
	FRAME	ldp
	add	sp, sp, 272
	eret

	.section .rodata
	.globl	user_image, user_image_end
user_image:
	.incbin	USER_BIN
user_image_end:
	.section .note.GNU-stack, "", @progbits
