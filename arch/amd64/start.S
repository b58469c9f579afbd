/*
 * start.S: from reset to C.
 *
 * The boot CPU arrives by the PVH protocol (Xen, docs/misc/pvh): 32-bit
 * protected mode, flat segments, no paging, EBX the physical address of a
 * struct hvm_start_info.  The others arrive in real mode in a copy of
 * md_ap_begin.  Both leave through early tables that show the first GiB of
 * RAM at zero, in the direct map and where the image is linked.
 */
#include "amd64.h"

#define PHYS(sym) (sym - KERNBASE)

	/* Data segments as the kernel has them: flat for SS, none else. */
	.macro	BOOT_SEGMENTS
	mov	$SEL_KDATA, %eax
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	.endm

	/* XEN_ELFNOTE_PHYS32_ENTRY: where a PVH loader jumps to. */
	.section .note.pvh, "a", @note
	.balign	4
	.long	4, 8, 18
	.asciz	"Xen"
	.quad	PHYS(md_start)

	.section .text.boot, "ax"
	.code32
	.globl	md_start
	.type	md_start, @function
md_start:
	cli
	cld
	mov	%ebx, %esi

	/* 512 leaves of 2 MiB: present, writable, large. */
	mov	$PHYS(md_boot_pd), %edi
	mov	$0x83, %eax
	mov	$512, %ecx
1:	mov	%eax, (%edi)
	movl	$0, 4(%edi)
	add	$8, %edi
	add	$0x200000, %eax
	dec	%ecx
	jnz	1b

	/* KERNBASE is entry 510 of the last entry's table. */
	movl	$PHYS(md_boot_pd) + 3, PHYS(md_boot_lo)
	movl	$PHYS(md_boot_pd) + 3, PHYS(md_boot_hi) + 510 * 8
	movl	$PHYS(md_boot_lo) + 3, PHYS(md_boot_pml4)
	movl	$PHYS(md_boot_lo) + 3, PHYS(md_boot_pml4) + 256 * 8
	movl	$PHYS(md_boot_hi) + 3, PHYS(md_boot_pml4) + 511 * 8

	mov	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$PHYS(md_boot_pml4), %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$(EFER_SCE | EFER_LME | EFER_NXE), %eax
	wrmsr
	mov	$CR0_KERNEL, %eax
	mov	%eax, %cr0
	lgdt	PHYS(boot_gdtr)
	ljmp	$SEL_KCODE, $PHYS(start64)

	.code64
start64:
	movabs	$1f, %rax
	jmp	*%rax
1:	lea	md_boot_stack + KSTACK_TOP - F_SIZE, %rsp
	BOOT_SEGMENTS
	mov	%esi, %edi
	xor	%ebp, %ebp
	call	md_boot
	ud2

/*
 * Other CPUs: real mode, CS = AP_PAGE / 16, in the copy.  Straight to long
 * mode: PE and PG may be set together when LME is on (APM vol. 2, 14.6).
 */
	.code16
	.globl	md_ap_begin, md_ap_end
md_ap_begin:
	cli
	cld
	mov	%cs, %ax
	mov	%ax, %ds
	mov	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$PHYS(md_boot_pml4), %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	xor	%edx, %edx
	mov	$(EFER_SCE | EFER_LME | EFER_NXE), %eax
	wrmsr
	lgdtl	ap_gdtr - md_ap_begin
	mov	$CR0_KERNEL, %eax
	mov	%eax, %cr0
	ljmpl	$SEL_KCODE, $(ap64 - md_ap_begin + AP_PAGE)

	.code64
ap64:	movabs	$1f, %rax
	jmp	*%rax
	.balign	8
ap_gdtr:
	.word	boot_gdt_end - boot_gdt - 1
	.long	PHYS(boot_gdt)
md_ap_end:

	/*
	 * In the image again.  The early GDT is not mapped in the kernel's
	 * tables, its stacks may not be in the early ones.  Nobody waits for
	 * a CPU that finds no mail.
	 */
1:	BOOT_SEGMENTS
	mov	md_kroot, %rax
	mov	%rax, %cr3
	xor	%edi, %edi
	xchg	%rdi, md_ap_mail
	test	%rdi, %rdi
	jz	2f
	mov	PERCPU_KSTACK(%rdi), %rsp
	xor	%ebp, %ebp
	call	md_ap_main
2:	cli
	hlt
	jmp	2b

	.section .rodata
	.balign	8
boot_gdt:
	.quad	0, 0
	.quad	0x00af9b000000ffff	/* SEL_KCODE */
	.quad	0x00cf93000000ffff	/* SEL_KDATA */
boot_gdt_end:
boot_gdtr:
	.word	boot_gdt_end - boot_gdt - 1
	.quad	boot_gdt - KERNBASE

	.bss
	.balign	4096
	.globl	md_boot_pml4, md_boot_stack
md_boot_pml4:	.skip	4096
md_boot_lo:	.skip	4096
md_boot_hi:	.skip	4096
md_boot_pd:	.skip	4096
md_boot_stack:	.skip	KSTACK_TOP + KSTACK_HEAD

	.section .note.GNU-stack, "", @progbits
