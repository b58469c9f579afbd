/*
 * swtch.c: contexts.
 *
 * A context at rest is a stack pointer; below it lie the registers that the
 * calling convention lets a function rely on across a call, and the address
 * to go on at.  A switch is a dozen instructions and no system call.
 */
#include <string.h>
#include <det/det.h>
#include "detp.h"

#if defined(__x86_64__)
/* System V AMD64 ABI 3.2.1: rbx, rbp, r12-r15 and rsp survive a call. */
__asm__(".text\n"
	".p2align 4\n"
	".globl det_ctx_switch\n"
	".type det_ctx_switch, @function\n"
	"det_ctx_switch:\n"
	"	pushq	%rbp\n"
	"	pushq	%rbx\n"
	"	pushq	%r12\n"
	"	pushq	%r13\n"
	"	pushq	%r14\n"
	"	pushq	%r15\n"
	"	movq	%rsp, (%rdi)\n"
	"	movq	%rsi, %rsp\n"
	"	popq	%r15\n"
	"	popq	%r14\n"
	"	popq	%r13\n"
	"	popq	%r12\n"
	"	popq	%rbx\n"
	"	popq	%rbp\n"
	"	ret\n"
	".size det_ctx_switch, . - det_ctx_switch\n"
	/* First steps of a context: r12(r13), then a trap. */
	".type ctx_begin, @function\n"
	"ctx_begin:\n"
	"	movq	%r13, %rdi\n"
	"	callq	*%r12\n"
	"	ud2\n"
	".size ctx_begin, . - ctx_begin\n");

#define NREG    6 /* r15 r14 r13 r12 rbx rbp */
#define REG_FN  3
#define REG_ARG 2
#elif defined(__aarch64__)
/* AAPCS64 6.1: x19-x29, sp and d8-d15 survive a call. */
__asm__(".text\n"
	".p2align 4\n"
	".globl det_ctx_switch\n"
	".type det_ctx_switch, %function\n"
	"det_ctx_switch:\n"
	"	sub	sp, sp, #176\n"
	"	stp	x19, x20, [sp, #0]\n"
	"	stp	x21, x22, [sp, #16]\n"
	"	stp	x23, x24, [sp, #32]\n"
	"	stp	x25, x26, [sp, #48]\n"
	"	stp	x27, x28, [sp, #64]\n"
	"	stp	x29, x30, [sp, #80]\n"
	"	stp	d8, d9, [sp, #96]\n"
	"	stp	d10, d11, [sp, #112]\n"
	"	stp	d12, d13, [sp, #128]\n"
	"	stp	d14, d15, [sp, #144]\n"
	"	mov	x9, sp\n"
	"	str	x9, [x0]\n"
	"	mov	sp, x1\n"
	"	ldp	x19, x20, [sp, #0]\n"
	"	ldp	x21, x22, [sp, #16]\n"
	"	ldp	x23, x24, [sp, #32]\n"
	"	ldp	x25, x26, [sp, #48]\n"
	"	ldp	x27, x28, [sp, #64]\n"
	"	ldp	x29, x30, [sp, #80]\n"
	"	ldp	d8, d9, [sp, #96]\n"
	"	ldp	d10, d11, [sp, #112]\n"
	"	ldp	d12, d13, [sp, #128]\n"
	"	ldp	d14, d15, [sp, #144]\n"
	"	add	sp, sp, #176\n"
	"	ret\n"
	".size det_ctx_switch, . - det_ctx_switch\n"
	".type ctx_begin, %function\n"
	"ctx_begin:\n"
	"	mov	x0, x20\n"
	"	blr	x19\n"
	"	brk	#0\n"
	".size ctx_begin, . - ctx_begin\n");

#define NREG     22
#define REG_FN   0
#define REG_ARG  1
#define REG_LINK 11
#else
#error "write det_ctx_switch() for this machine"
#endif

void ctx_begin(void);

void
det_ctx_make(void **sp, void *lo, size_t len, void (*fn)(void *), void *arg)
{
	uintptr_t *p;

	p = (uintptr_t *)(((uintptr_t)lo + len) & ~(uintptr_t)15);
	*--p = 0; /* ends a walk of the frames */
	*--p = 0;
#ifdef REG_LINK
	p -= NREG;
	memset(p, 0, NREG * sizeof *p);
	p[REG_LINK] = (uintptr_t)ctx_begin;
#else
	*--p = (uintptr_t)ctx_begin;
	p -= NREG;
	memset(p, 0, NREG * sizeof *p);
#endif
	p[REG_FN] = (uintptr_t)fn;
	p[REG_ARG] = (uintptr_t)arg;
	*sp = p;
}
