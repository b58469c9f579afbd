/*
 * vectors.S: the ways into the kernel and out of it.
 *
 * Every entry builds a struct md_frame.  Coming from user mode, SP_EL1 is the
 * top of the thread's kernel stack less the floating-point state, where the
 * last exit left it, and TPIDR_EL1 is the thread.  Leaving is ERET: what it
 * needs besides the frame is in ELR_EL1 and SPSR_EL1, loaded with interrupts
 * off.  PSTATE.PAN is set by every entry (SCTLR_EL1.SPAN is clear).
 */
#include "arm64.h"

	/* Make room and store x0 to x29. */
	.macro	SAVE_X
	sub	sp, sp, #F_SIZE
	stp	x0, x1, [sp, #F_X(0)]
	stp	x2, x3, [sp, #F_X(2)]
	stp	x4, x5, [sp, #F_X(4)]
	stp	x6, x7, [sp, #F_X(6)]
	stp	x8, x9, [sp, #F_X(8)]
	stp	x10, x11, [sp, #F_X(10)]
	stp	x12, x13, [sp, #F_X(12)]
	stp	x14, x15, [sp, #F_X(14)]
	stp	x16, x17, [sp, #F_X(16)]
	stp	x18, x19, [sp, #F_X(18)]
	stp	x20, x21, [sp, #F_X(20)]
	stp	x22, x23, [sp, #F_X(22)]
	stp	x24, x25, [sp, #F_X(24)]
	stp	x26, x27, [sp, #F_X(26)]
	stp	x28, x29, [sp, #F_X(28)]
	.endm

	/* And the rest of what a program has.  x9, x10, x11 are lost. */
	.macro	SAVE_USER
	mrs	x9, sp_el0
	mrs	x10, elr_el1
	mrs	x11, spsr_el1
	stp	x30, x9, [sp, #F_X(30)]
	stp	x10, x11, [sp, #F_PC]
	.endm

	/* The kernel's, with a record that links the two stack frames. */
	.macro	SAVE_KERNEL
	add	x9, sp, #F_SIZE
	mrs	x10, elr_el1
	mrs	x11, spsr_el1
	mrs	x12, esr_el1
	mov	x13, #FRAME_FULL
	stp	x30, x9, [sp, #F_X(30)]
	stp	x10, x11, [sp, #F_PC]
	stp	x12, x13, [sp, #F_ORIG]
	mov	x0, sp
	stp	x29, x10, [sp, #-16]!
	mov	x29, sp
	.endm

	/* x9 and x10 hold what ELR and SPSR get. */
	.macro	LOAD_X
	msr	elr_el1, x9
	msr	spsr_el1, x10
	ldp	x0, x1, [sp, #F_X(0)]
	ldp	x2, x3, [sp, #F_X(2)]
	ldp	x4, x5, [sp, #F_X(4)]
	ldp	x6, x7, [sp, #F_X(6)]
	ldp	x8, x9, [sp, #F_X(8)]
	ldp	x10, x11, [sp, #F_X(10)]
	ldp	x12, x13, [sp, #F_X(12)]
	ldp	x14, x15, [sp, #F_X(14)]
	ldp	x16, x17, [sp, #F_X(16)]
	.endm

	.macro	LOAD_PRESERVED
	ldp	x18, x19, [sp, #F_X(18)]
	ldp	x20, x21, [sp, #F_X(20)]
	ldp	x22, x23, [sp, #F_X(22)]
	ldp	x24, x25, [sp, #F_X(24)]
	ldp	x26, x27, [sp, #F_X(26)]
	ldp	x28, x29, [sp, #F_X(28)]
	ldr	x30, [sp, #F_X(30)]
	.endm

	.macro	VECTOR to
	.balign	128
	b	\to
	.endm

	.text
	.balign	2048
	.globl	md_vectors
md_vectors:
	/* From EL1 on SP_EL0, which the kernel never selects. */
	VECTOR	never
	VECTOR	never
	VECTOR	never
	VECTOR	never

	/* From EL1. */
	VECTOR	el1_sync
	VECTOR	el1_irq
	VECTOR	el1_fiq
	VECTOR	never

	/*
	 * From EL0.  A system call is one of the few things worth having in
	 * the vector itself.
	 */
	.balign	128
	SAVE_X
	SAVE_USER
	mrs	x12, esr_el1
	mov	x29, xzr		/* the call chain ends here */
	lsr	w13, w12, #26
	cmp	w13, #EC_SVC
	b.ne	el0_sync
	stp	x0, xzr, [sp, #F_ORIG]	/* FRAME_SYSCALL */
	mov	x0, sp
	bl	md_trap_syscall
	b	exit_syscall

	VECTOR	el0_irq
	VECTOR	el0_fiq
	VECTOR	never

	/* From EL0 in 32-bit state, which no program can enter. */
	VECTOR	never
	VECTOR	never
	VECTOR	never
	VECTOR	never

/*
 * What C preserves is in its registers already, but for x29, which was the
 * end of a chain meanwhile.
 */
	.type	exit_syscall, @function
exit_syscall:
	ldr	w9, [sp, #F_KIND]
	cbnz	w9, exit_full
	ldp	x11, x9, [sp, #F_SP]
	ldr	x10, [sp, #F_PSTATE]
	msr	sp_el0, x11
	LOAD_X
	ldr	x18, [sp, #F_X(18)]
	ldp	x29, x30, [sp, #F_X(29)]
	add	sp, sp, #F_SIZE
	eret

	.type	el0_sync, @function
el0_sync:
	mov	x13, #FRAME_FULL
	stp	x12, x13, [sp, #F_ORIG]
	mov	x0, sp
	bl	md_trap_user

exit_full:
	ldp	x11, x9, [sp, #F_SP]
	ldr	x10, [sp, #F_PSTATE]
	msr	sp_el0, x11
	LOAD_X
	LOAD_PRESERVED
	add	sp, sp, #F_SIZE
	eret

	.type	el0_irq, @function
el0_irq:
	SAVE_X
	SAVE_USER
	mov	x29, xzr
	mov	x13, #FRAME_FULL
	str	x13, [sp, #F_KIND]
	mov	x0, sp
	bl	md_irq_user
	b	exit_full

	.type	el0_fiq, @function
el0_fiq:
	SAVE_X
	SAVE_USER
	mov	x29, xzr
	mov	x13, #FRAME_FULL
	str	x13, [sp, #F_KIND]
	mov	x0, sp
	bl	md_fiq
	b	exit_full

	.type	el1_sync, @function
el1_sync:
	SAVE_X
	SAVE_KERNEL
	bl	md_trap_kernel
	b	exit_kernel

	.type	el1_irq, @function
el1_irq:
	SAVE_X
	SAVE_KERNEL
	bl	md_irq_kernel

	.globl	md_interrupt_return
md_interrupt_return:
exit_kernel:
	add	sp, sp, #16
	ldp	x9, x10, [sp, #F_PC]
	LOAD_X
	LOAD_PRESERVED
	add	sp, sp, #F_SIZE
	eret

	.type	el1_fiq, @function
el1_fiq:
	SAVE_X
	SAVE_KERNEL
	bl	md_fiq
	b	exit_kernel

	.type	never, @function
never:
	SAVE_X
	SAVE_KERNEL
	bl	md_trap_never

	.globl	md_exit_user
	.type	md_exit_user, @function
md_exit_user:
	mov	sp, x0
	b	exit_full

/* void md_switch_stack(uint64_t *sp, uint64_t to) */
	.balign	16
	.globl	md_switch_stack
	.type	md_switch_stack, @function
md_switch_stack:
	sub	sp, sp, #96
	stp	x19, x20, [sp]
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	mov	x9, sp
	str	x9, [x0]
	mov	sp, x1
	ldp	x19, x20, [sp]
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	add	sp, sp, #96
	ret

/* md_thread_init() left the function in x19 and its argument in x20. */
	.globl	md_thread_start
	.type	md_thread_start, @function
md_thread_start:
	mov	x0, x20
	mov	x29, xzr
	blr	x19
	brk	#0

	.macro	EACH_V op
	\op	q0, q1, [x0, #16]
	\op	q2, q3, [x0, #16 * 3]
	\op	q4, q5, [x0, #16 * 5]
	\op	q6, q7, [x0, #16 * 7]
	\op	q8, q9, [x0, #16 * 9]
	\op	q10, q11, [x0, #16 * 11]
	\op	q12, q13, [x0, #16 * 13]
	\op	q14, q15, [x0, #16 * 15]
	\op	q16, q17, [x0, #16 * 17]
	\op	q18, q19, [x0, #16 * 19]
	\op	q20, q21, [x0, #16 * 21]
	\op	q22, q23, [x0, #16 * 23]
	\op	q24, q25, [x0, #16 * 25]
	\op	q26, q27, [x0, #16 * 27]
	\op	q28, q29, [x0, #16 * 29]
	\op	q30, q31, [x0, #16 * 31]
	.endm

/* void md_fpu_save(struct fpsimd *fp) */
	.arch_extension fp
	.globl	md_fpu_save
	.type	md_fpu_save, @function
md_fpu_save:
	mrs	x1, fpsr
	mrs	x2, fpcr
	stp	w1, w2, [x0]
	EACH_V	stp
	ret

/* void md_fpu_load(const struct fpsimd *fp) */
	.globl	md_fpu_load
	.type	md_fpu_load, @function
md_fpu_load:
	ldp	w1, w2, [x0]
	msr	fpsr, x1
	msr	fpcr, x2
	EACH_V	ldp
	ret

	.section .note.GNU-stack, "", @progbits
