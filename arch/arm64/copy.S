/*
 * copy.S: the only instructions of the kernel that touch user memory, and
 * the one that asks a semihost.
 *
 * Each is listed in .ex_table with the place to continue when its fault
 * cannot be resolved.  Loads and stores are the unprivileged ones (LDTR,
 * STTR): they have the rights of the program, so nothing is opened that PAN
 * closes, and execute-only memory cannot be read.  Compare-and-swap has no
 * such form; for it PAN is cleared.
 */
#include <sys/errno.h>
#include "arm64.h"

	.arch_extension pan

/* VM_MAXUSER_ADDRESS, asserted in frame.c. */
#define MAXUSER 0xfffffffff000

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

	/* Jump to fault unless [\va, \va + \len) is in user space.  x9, x10 */
	.macro	CHECK va, len
	adds	x9, \va, \len
	b.cs	fault
	mov	x10, #MAXUSER
	cmp	x9, x10
	b.hi	fault
	.endm

	.text

/* int md_copyin(vaddr_t from, void *to, size_t len) */
FUNCTION md_copyin
	CHECK	x0, x2
1:	subs	x2, x2, #64
	b.lo	3f
2:	ldtr	x3, [x0]
	ldtr	x4, [x0, #8]
	ldtr	x5, [x0, #16]
	ldtr	x6, [x0, #24]
	ldtr	x7, [x0, #32]
	ldtr	x8, [x0, #40]
	ldtr	x9, [x0, #48]
	ldtr	x10, [x0, #56]
	add	x0, x0, #64
	stp	x3, x4, [x1]
	stp	x5, x6, [x1, #16]
	stp	x7, x8, [x1, #32]
	stp	x9, x10, [x1, #48]
	add	x1, x1, #64
	subs	x2, x2, #64
	b.hs	2b
3:	adds	x2, x2, #56
	b.mi	5f
4:	ldtr	x3, [x0]
	add	x0, x0, #8
	str	x3, [x1], #8
	subs	x2, x2, #8
	b.pl	4b
5:	adds	x2, x2, #8
	b.eq	7f
6:	ldtrb	w3, [x0]
	add	x0, x0, #1
	strb	w3, [x1], #1
	subs	x2, x2, #1
	b.ne	6b
7:	mov	w0, #0
	ret
	EXTABLE	1b, 7b, fault

/* int md_copyout(const void *from, vaddr_t to, size_t len) */
FUNCTION md_copyout
	CHECK	x1, x2
1:	subs	x2, x2, #64
	b.lo	3f
2:	ldp	x3, x4, [x0]
	ldp	x5, x6, [x0, #16]
	ldp	x7, x8, [x0, #32]
	ldp	x9, x10, [x0, #48]
	add	x0, x0, #64
	sttr	x3, [x1]
	sttr	x4, [x1, #8]
	sttr	x5, [x1, #16]
	sttr	x6, [x1, #24]
	sttr	x7, [x1, #32]
	sttr	x8, [x1, #40]
	sttr	x9, [x1, #48]
	sttr	x10, [x1, #56]
	add	x1, x1, #64
	subs	x2, x2, #64
	b.hs	2b
3:	adds	x2, x2, #56
	b.mi	5f
4:	ldr	x3, [x0], #8
	sttr	x3, [x1]
	add	x1, x1, #8
	subs	x2, x2, #8
	b.pl	4b
5:	adds	x2, x2, #8
	b.eq	7f
6:	ldrb	w3, [x0], #1
	sttrb	w3, [x1]
	add	x1, x1, #1
	subs	x2, x2, #1
	b.ne	6b
7:	mov	w0, #0
	ret
	EXTABLE	1b, 7b, fault

/*
 * int md_copyinstr(vaddr_t from, char *to, size_t max, size_t *lenp)
 *
 * Bytes up to a word boundary, then words, which so never reach into a page
 * that the string does not, until one has a zero byte: then bytes again.
 * x4: bytes copied; x5: how many there may be; x6: where words begin.
 */
FUNCTION md_copyinstr
	mov	x10, #MAXUSER
	subs	x5, x10, x0
	b.ls	fault
	cmp	x2, x5
	csel	x5, x2, x5, lo
	neg	x6, x0
	and	x6, x6, #7
	cmp	x6, x5
	csel	x6, x6, x5, lo
	mov	x4, #0
	mov	x11, #0x0101010101010101
1:	cmp	x4, x6
	b.eq	3f
2:	ldtrb	w7, [x0]
	add	x0, x0, #1
	strb	w7, [x1, x4]
	add	x4, x4, #1
	cbnz	w7, 1b
	b	6f

3:	add	x8, x4, #8
	cmp	x8, x5
	b.hi	5f
	ldtr	x7, [x0]
	sub	x9, x7, x11		/* (x - 0x01..01) & ~x & 0x80..80 */
	bic	x9, x9, x7
	tst	x9, #0x8080808080808080
	b.ne	5f
	str	x7, [x1, x4]
	add	x0, x0, #8
	mov	x4, x8
	b	3b

5:	mov	x6, x5			/* bytes, as far as they may go */
	cmp	x4, x5
	b.ne	2b
	cmp	x4, x2
	b.ne	fault			/* ran out of user space, not of max */
	mov	w0, #ENAMETOOLONG
	ret
6:	cbz	x3, 7f
	str	x4, [x3]
7:	mov	w0, #0
	ret
	EXTABLE	1b, 7b, fault

/* int md_fetch32(vaddr_t va, uint32_t *valp) */
FUNCTION md_fetch32
	CHECK	x0, #4
	tst	x0, #3
	b.ne	fault
1:	ldtr	w2, [x0]
2:	str	w2, [x1]
	mov	w0, #0
	ret
	EXTABLE	1b, 2b, fault

/* int md_cas32(vaddr_t va, uint32_t want, uint32_t new, uint32_t *oldp) */
FUNCTION md_cas32
	CHECK	x0, #4
	tst	x0, #3
	b.ne	fault
	adrp	x9, md_use_pan
	ldr	w9, [x9, :lo12:md_use_pan]
	cbz	w9, 1f
	msr	pan, #0
1:	ldaxr	w4, [x0]
	cmp	w4, w1
	b.ne	2f
	stlxr	w5, w2, [x0]
	cbnz	w5, 1b
2:	cbz	w9, 3f
	msr	pan, #1
3:	str	w4, [x3]
	mov	w0, #0
	ret
	EXTABLE	1b, 2b, fault_open

fault_open:
	cbz	w9, fault
	msr	pan, #1
fault:	mov	w0, #EFAULT
	ret

/* long md_semihost(u_long op, const void *arg) */
FUNCTION md_semihost
1:	hlt	#0xf000
2:	ret
	EXTABLE	1b, 2b, 2b

	.section .note.GNU-stack, "", @progbits
