/*
 * copy.S: the only instructions of the kernel that touch user memory.
 *
 * Each is listed in .ex_table with the place to continue when its fault
 * cannot be resolved; md_trap_kernel() lets the string instructions resume
 * where they were.  STAC and CLAC bracket them (md_patch_smap).  String
 * instructions move words: an iteration costs the same whatever its width.
 */
#include <sys/errno.h>
#include "amd64.h"

/* VM_MAXUSER_ADDRESS, asserted in frame.c. */
#define MAXUSER 0x7ffffffff000

	.macro	SITE list
7770:	.byte	0x0f, 0x1f, 0x00
	.pushsection \list, "a"
	.quad	7770b
	.popsection
	.endm
#define STAC SITE .stac_sites
#define CLAC SITE .clac_sites

	/* A fault from start up to end continues at fixup. */
	.macro	EXTABLE start, end, fixup
	.pushsection .ex_table, "a"
	.quad	\start, \end, \fixup
	.popsection
	.endm

	.macro	FUNCTION name
	.balign	16
	.globl	\name
	.type	\name, @function
\name:
	.endm

	/* Jump to fault unless [\va, \va + %rdx) lies in user space. */
	.macro	CHECK va
	mov	\va, %rax
	add	%rdx, %rax
	jc	fault
	movabs	$MAXUSER, %rcx
	cmp	%rcx, %rax
	ja	fault
	.endm

	.text

/* int md_copyin(vaddr_t from, void *to, size_t len) */
FUNCTION md_copyin
	CHECK	%rdi
	xchg	%rdi, %rsi
	jmp	copy

/* int md_copyout(const void *from, vaddr_t to, size_t len) */
FUNCTION md_copyout
	CHECK	%rsi
	xchg	%rdi, %rsi

	/* From RSI to RDI, RDX bytes. */
copy:	mov	%rdx, %rcx
	shr	$3, %rcx
	and	$7, %edx
	STAC
1:	rep movsq
	mov	%edx, %ecx
	rep movsb
2:	CLAC
	xor	%eax, %eax
	ret
	EXTABLE	1b, 2b, fault_open

	/* One byte to R8 and on; Z set when it was the last. */
	.macro	STRBYTE
7771:	movzbl	(%rdi, %r8), %eax
	EXTABLE	7771b, 7771b + 1, fault_open
	mov	%al, (%rsi, %r8)
	inc	%r8
	test	%al, %al
	.endm

/*
 * int md_copyinstr(vaddr_t from, char *to, size_t max, size_t *lenp)
 *
 * Bytes up to a word boundary, then words, which so never reach into a page
 * that the string does not, until one has a zero byte: then bytes again.
 */
FUNCTION md_copyinstr
	movabs	$MAXUSER, %r9
	sub	%rdi, %r9		/* R9: bytes of user space from there */
	jbe	fault
	xor	%r8d, %r8d		/* R8: bytes copied */
	cmp	%r9, %rdx
	cmovb	%rdx, %r9
	mov	%edi, %r10d
	neg	%r10d
	and	$7, %r10d		/* R10: bytes up to the boundary */
	cmp	%r9, %r10
	cmova	%r9, %r10
	STAC
1:	cmp	%r10, %r8
	je	2f
	STRBYTE
	jnz	1b
	jmp	5f

2:	lea	8(%r8), %rax
	cmp	%r9, %rax
	ja	4f
3:	mov	(%rdi, %r8), %rax
	EXTABLE	3b, 3b + 1, fault_open
	mov	%rax, %r10		/* (x - 0x01..01) & ~x & 0x80..80 */
	mov	%rax, %r11
	sub	ones(%rip), %r10
	not	%r11
	and	%r11, %r10
	and	highs(%rip), %r10
	jnz	4f
	mov	%rax, (%rsi, %r8)
	add	$8, %r8
	jmp	2b

4:	cmp	%r9, %r8
	je	7f
	STRBYTE
	jnz	4b
5:	CLAC
	xor	%eax, %eax
	test	%rcx, %rcx
	jz	6f
	mov	%r8, (%rcx)
6:	ret
7:	CLAC
	cmp	%rdx, %r8
	jne	fault			/* ran out of user space, not of max */
	mov	$ENAMETOOLONG, %eax
	ret

	.pushsection .rodata
	.balign	8
ones:	.quad	0x0101010101010101
highs:	.quad	0x8080808080808080
	.popsection

/* int md_fetch32(vaddr_t va, uint32_t *valp) */
FUNCTION md_fetch32
	mov	$4, %edx
	CHECK	%rdi
	test	$3, %dil
	jnz	fault
	STAC
1:	mov	(%rdi), %eax
2:	CLAC
	mov	%eax, (%rsi)
	xor	%eax, %eax
	ret
	EXTABLE	1b, 2b, fault_open

/* int md_cas32(vaddr_t va, uint32_t want, uint32_t new, uint32_t *oldp) */
FUNCTION md_cas32
	mov	%edx, %r8d
	mov	%rcx, %r9
	mov	$4, %edx
	CHECK	%rdi
	test	$3, %dil
	jnz	fault
	mov	%esi, %eax
	STAC
1:	lock cmpxchg %r8d, (%rdi)
2:	CLAC
	mov	%eax, (%r9)
	xor	%eax, %eax
	ret
	EXTABLE	1b, 2b, fault_open

fault_open:
	CLAC
fault:	mov	$EFAULT, %eax
	ret

	.section .note.GNU-stack, "", @progbits
