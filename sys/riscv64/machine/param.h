/*
 * param.h (riscv64): page size and address limits; the one machine-dependent
 * header that every layer may see.
 *
 * RISCV_SV says how many bits an address has: 39 (the default: every machine
 * with an MMU has it) or 48.
 */
#ifndef MACHINE_PARAM_H
#define MACHINE_PARAM_H

#ifndef RISCV_SV
#define RISCV_SV 39
#endif

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (PAGE_SIZE - 1)

/*
 * User space: the lower half (RISC-V Privileged Architecture, "Sv39": bits
 * above 38 equal bit 38), less the last page, so that no end of a range is the
 * first address past it, and less the page at zero and its neighbours.
 */
#define VM_MIN_ADDRESS     0x10000UL
#define VM_MAXUSER_ADDRESS ((1UL << (RISCV_SV - 1)) - PAGE_SIZE)

/* The top of user space is where the stack and mmap placement begin. */
#define VM_STACK_MAXGAP (256UL * PAGE_SIZE) /* guard below a grow-down */

/* Order of the largest leaf the tables can hold next to a page: 2 MiB. */
#define VM_LARGE_ORDER 9

#define MAXCPU 64

#define MACHINE_ELF  243 /* e_machine of programs (ELF: EM_RISCV) */
#define MACHINE_NAME "riscv64"
#define MACHINE_AUDIT_ARCH                                                     \
	0xc00000f3 /* AUDIT_ARCH_RISCV64 of <linux/audit.h> */

/* clone() takes the thread pointer before the child's tid. */
#define MACHINE_CLONE_BACKWARDS

#define MINSIGSTKSZ 2048

#define KSTACK_ORDER 2 /* kernel stacks are 16 KiB */
#define KSTACK_SIZE  (PAGE_SIZE << KSTACK_ORDER)

#define trunc_page(x) ((x) & ~(__typeof__(x))PAGE_MASK)
#define round_page(x) (((x) + PAGE_MASK) & ~(__typeof__(x))PAGE_MASK)
#define atop(x)       ((x) >> PAGE_SHIFT)
#define ptoa(x)       ((vaddr_t)(x) << PAGE_SHIFT)

#endif
