/*
 * param.h (amd64): page size and address limits; the one machine-dependent
 * header that every layer may see.
 */
#ifndef MACHINE_PARAM_H
#define MACHINE_PARAM_H

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (PAGE_SIZE - 1)

/*
 * User space: the lower canonical half less one page, so that no system
 * call instruction can end on the last canonical byte (Intel SDM vol. 2,
 * SYSRET), and less the page at zero and its neighbours.
 */
#define VM_MIN_ADDRESS     0x10000UL
#define VM_MAXUSER_ADDRESS 0x7ffffffff000UL

/* The top of user space is where the stack and mmap placement begin. */
#define VM_STACK_MAXGAP (256UL * PAGE_SIZE) /* guard below a grow-down */

/* Order of the largest leaf the tables can hold next to a page: 2 MiB. */
#define VM_LARGE_ORDER 9

#ifndef MAXCPU
#define MAXCPU 64
#endif

#define MACHINE_ELF        62 /* e_machine of programs (ELF: EM_X86_64) */
#define MACHINE_NAME       "x86_64"
#define MACHINE_AUDIT_ARCH 0xc000003e /* AUDIT_ARCH_X86_64 of <linux/audit.h> */

#define MINSIGSTKSZ 2048 /* sigaltstack(2) */

#define KSTACK_ORDER 2 /* kernel stacks are 16 KiB */
#define KSTACK_SIZE  (PAGE_SIZE << KSTACK_ORDER)

#define trunc_page(x) ((x) & ~(__typeof__(x))PAGE_MASK)
#define round_page(x) (((x) + PAGE_MASK) & ~(__typeof__(x))PAGE_MASK)
#define atop(x)       ((x) >> PAGE_SHIFT)
#define ptoa(x)       ((vaddr_t)(x) << PAGE_SHIFT)

#endif
