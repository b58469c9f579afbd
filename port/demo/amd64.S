/*
 * amd64.S: from QEMU's PVH entry to C, and in and out of the kernel.
 */
#define VIRT   0xffffffff80000000
#define PHYS(s) (s - VIRT)

	.section .note.pvh, "a", @note
	.long	4, 8, 18
	.asciz	"Xen"
	.quad	PHYS(start)

	/* 1 GiB of RAM at 0 (until we are up), in the direct map, at VIRT. */
	.data
	.balign	4096
	.globl	start, kernel_root, gdt, kernel_stack
kernel_root:
	.quad	PHYS(pdpt) + 3
	.fill	255, 8, 0
	.quad	PHYS(pdpt) + 3
	.fill	254, 8, 0
	.quad	PHYS(pdpt) + 3
pdpt:	.quad	PHYS(pd) + 3
	.fill	509, 8, 0
	.quad	PHYS(pd) + 3
	.fill	1, 8, 0
pd:	.set	pa, 0x83
	.rept	512
	.quad	pa
	.set	pa, pa + 0x200000
	.endr
gdt:	.quad	0, 0x00af9b000000ffff, 0x00cf93000000ffff
	.quad	0x00cff3000000ffff, 0x00affb000000ffff, 0, 0
gdtr:	.word	55
	.quad	PHYS(gdt)
	.bss
	.balign	16
	.skip	16384
kernel_stack:

	.text
	.code32
start:	cli
	mov	$0x20, %eax		/* CR4.PAE */
	mov	%eax, %cr4
	mov	$PHYS(kernel_root), %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx	/* EFER: LME, NXE */
	rdmsr
	or	$0x900, %eax
	wrmsr
	mov	$0x80010001, %eax	/* CR0: PG, WP, PE */
	mov	%eax, %cr0
	lgdt	PHYS(gdtr)
	ljmp	$8, $PHYS(1f)
	.code64
1:	movabs	$2f, %rax
	jmp	*%rax
2:	mov	$kernel_stack, %rsp
	mov	$0x10, %eax
	mov	%eax, %ss
	call	machine_early
	call	demo_main

	/* One stub each 16 bytes for vectors 0 to 31, and one for 0x80. */
	.balign	16
	.globl	stubs
stubs:	.set	v, 0
	.rept	32
	.balign	16
	.if	(0x60227d00 >> v) & 1	/* these push an error code: 8, 10 to 14, 17, 21, 29, 30 */
	.else
	push	$0
	.endif
	push	$v
	jmp	trap
	.set	v, v + 1
	.endr
	.balign	16
	push	$0
	push	$0x80
trap:	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	mov	%rsp, %rdi
	call	machine_trap

	.globl	frame_resume
frame_resume:
	mov	%rdi, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rbp
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp
	iretq

	.section .rodata
	.globl	user_image, user_image_end
user_image:
	.incbin	USER_BIN
user_image_end:
	.section .note.GNU-stack, "", @progbits
