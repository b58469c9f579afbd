/*
 * vectors.S: the ways into the kernel and out of it.
 *
 * Every entry builds a struct md_frame.  Coming from user mode, the stack is
 * the thread's kernel stack from its top, and SWAPGS makes GS the kernel's;
 * leaving undoes both.  EFLAGS.AC is cleared at once, for a program that set
 * it, or a copy routine that was interrupted, would hold the door open that
 * SMAP closes.
 */
#include "amd64.h"

	/* Becomes CLAC where the CPU has SMAP; see md_patch_smap(). */
	.macro	CLAC
7770:	.byte	0x0f, 0x1f, 0x00
	.pushsection .clac_sites, "a"
	.quad	7770b
	.popsection
	.endm

	.macro	PUSH_REGS
	push	%r9
	push	%r8
	push	%r10
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rax
	push	%rcx
	push	%r11
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	.endm

	.macro	POP_REGS
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	pop	%r11
	pop	%rcx
	pop	%rax
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%r10
	pop	%r8
	pop	%r9
	.endm

	/*
	 * A stack frame as the compiler lays it, so that a backtrace passes
	 * from the handler to the interrupted function.  %rdi: the frame.
	 */
	.macro	LINK_FRAME
	push	F_RIP(%rdi)
	push	%rbp
	mov	%rsp, %rbp
	.endm
	.macro	UNLINK_FRAME
	add	$16, %rsp
	.endm

	.text
	.balign	16
	.globl	md_vectors
	.type	md_vectors, @function
md_vectors:
	vec = 0
	.rept	256
	.balign	16
	/* Those for which the CPU pushes an error code: SDM vol. 3, 6.3.1. */
	.if	!(vec == 8 || (vec >= 10 && vec <= 14) || vec == 17 || \
		vec == 21 || vec == 29 || vec == 30)
	push	$0
	.endif
	push	$vec
	.if	vec == VEC_NMI || vec == VEC_DF || vec == VEC_MC
	jmp	trap_worst
	.else
	jmp	trap
	.endif
	vec = vec + 1
	.endr

	.balign	16
	.type	trap, @function
trap:
	testb	$3, (F_CS - F_NUM)(%rsp)
	jz	1f
	swapgs
	PUSH_REGS
	CLAC
	cld
	mov	%rsp, %rdi
	call	md_trap_user
exit_full:
	POP_REGS
	swapgs
	add	$16, %rsp
	iretq

1:	PUSH_REGS
	CLAC
	cld
	mov	%rsp, %rdi
	LINK_FRAME
	call	md_trap_kernel
	.globl	md_interrupt_return
md_interrupt_return:
	UNLINK_FRAME
	POP_REGS
	add	$16, %rsp
	iretq

/*
 * Vectors that may hit between an entry and its SWAPGS: the selector says
 * nothing about GS, its base does (kernel addresses are negative).
 */
	.type	trap_worst, @function
trap_worst:
	PUSH_REGS
	CLAC
	cld
	mov	%rsp, %rdi
	mov	$MSR_GS_BASE, %ecx
	rdmsr
	xor	%ebx, %ebx
	test	%edx, %edx
	js	1f
	swapgs
	inc	%ebx
1:	LINK_FRAME
	call	md_trap_worst
	UNLINK_FRAME
	test	%ebx, %ebx
	jz	2f
	swapgs
2:	POP_REGS
	add	$16, %rsp
	iretq

/*
 * SYSCALL: return address in RCX, flags in R11, nothing else changed but
 * what SFMASK clears.  The registers that C preserves are in the frame for
 * fork, signals and debuggers; unless one of those changed it (FRAME_FULL),
 * they need not be loaded again.
 */
	.balign	16
	.globl	md_syscall_entry
	.type	md_syscall_entry, @function
md_syscall_entry:
	swapgs
	mov	%rsp, %gs:PERCPU_SCRATCH
	mov	%gs:PERCPU_KSTACK, %rsp
	push	$SEL_UDATA
	push	%gs:PERCPU_SCRATCH
	push	%r11
	push	$SEL_UCODE
	push	%rcx
	push	$-1
	push	$FRAME_SYSCALL
	PUSH_REGS
	mov	%rsp, %rdi
	call	md_trap_syscall
	cmpl	$FRAME_SYSCALL, F_NUM(%rsp)
	jne	exit_full
	mov	F_R10(%rsp), %r10
	mov	F_R9(%rsp), %r9
	mov	F_R8(%rsp), %r8
	mov	F_RAX(%rsp), %rax
	mov	F_RDX(%rsp), %rdx
	mov	F_RSI(%rsp), %rsi
	mov	F_RDI(%rsp), %rdi
	mov	F_RIP(%rsp), %rcx
	mov	F_RFLAGS(%rsp), %r11
	mov	F_RSP(%rsp), %rsp
	swapgs
	sysretq

	.globl	md_exit_user
	.type	md_exit_user, @function
md_exit_user:
	mov	%rdi, %rsp
	jmp	exit_full

/* void md_switch_stack(uint64_t *sp, uint64_t to) */
	.balign	16
	.globl	md_switch_stack
	.type	md_switch_stack, @function
md_switch_stack:
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, (%rdi)
	mov	%rsi, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret

/* md_thread_init() left the function in RBX and its argument in R12. */
	.globl	md_thread_start
	.type	md_thread_start, @function
md_thread_start:
	mov	%r12, %rdi
	xor	%ebp, %ebp
	call	*%rbx
	ud2

	.section .note.GNU-stack, "", @progbits
