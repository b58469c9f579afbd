/*
 * param.h (arm64): page size and address limits; the one machine-dependent
 * header that every layer may see.
 */
#ifndef MACHINE_PARAM_H
#define MACHINE_PARAM_H

/*
 * The granule: 4 KiB, or by an option of the build 16 (PAGE_SHIFT 14) or
 * 64 KiB (16), which so far only the hosted machines run with.
 */
#ifndef PAGE_SHIFT
#define PAGE_SHIFT 12
#endif
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (PAGE_SIZE - 1)

/*
 * User space: the lower half, 48 bits (Arm ARM DDI 0487, D8.1), less the last
 * page, so that no end of a range is the first address past it, and less the
 * page at zero and its neighbours.
 */
#define VM_MIN_ADDRESS     0x10000UL
#define VM_MAXUSER_ADDRESS ((1UL << 48) - PAGE_SIZE)

/* The top of user space is where the stack and mmap placement begin. */
#define VM_STACK_MAXGAP (256UL * PAGE_SIZE) /* guard below a grow-down */

/* Order of the largest leaf the tables can hold next to a page. */
#define VM_LARGE_ORDER (PAGE_SHIFT - 3)

#ifndef MAXCPU
#define MAXCPU 64
#endif

#define MACHINE_ELF  183 /* e_machine of programs (ELF: EM_AARCH64) */
#define MACHINE_NAME "aarch64"
#define MACHINE_AUDIT_ARCH                                                     \
	0xc00000b7 /* AUDIT_ARCH_AARCH64 of <linux/audit.h> */

/* clone() takes the thread pointer before the child's tid. */
#define MACHINE_CLONE_BACKWARDS

/* A signal frame has room for 4 KiB of records (Linux: sigaltstack(2)). */
#define MINSIGSTKSZ 5120

/* Kernel stacks are 16 KiB, or a page. */
#define KSTACK_ORDER (PAGE_SHIFT < 14 ? 14 - PAGE_SHIFT : 0)
#define KSTACK_SIZE  (PAGE_SIZE << KSTACK_ORDER)

#define trunc_page(x) ((x) & ~(__typeof__(x))PAGE_MASK)
#define round_page(x) (((x) + PAGE_MASK) & ~(__typeof__(x))PAGE_MASK)
#define atop(x)       ((x) >> PAGE_SHIFT)
#define ptoa(x)       ((vaddr_t)(x) << PAGE_SHIFT)

#endif
