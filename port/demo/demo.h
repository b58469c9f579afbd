/*
 * demo.h: between the machine (amd64.c, arm64.c) and the kernel (demo.c).
 */
#ifndef DEMO_H
#define DEMO_H

#include <vmspace/vmspace.h>

#define USER_BASE 0x400000ul /* where programs are linked */

/* The user's registers, as the entry code of the machine saves them. */
#if defined(__x86_64__)
struct frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx,
	    rbx, rax, vector, error, rip, cs, rflags, rsp, ss;
};
#else
struct frame {
	uint64_t x[31], sp, pc, psr;
};
#endif

/* The programs as the linker left them: user.c. */
extern const char user_image[], user_image_end[];

/*
 * The machine.  machine_start: call vms_boot().  frame_init: enter at pc with
 * stack sp and one argument.  frame_result: what the system call returns.
 * frame_resume: go to user mode; the kernel's stack is empty then.
 */
void machine_start(void);
void frame_init(struct frame *f, uintptr_t pc, uintptr_t sp, uint64_t arg);
void frame_result(struct frame *f, uint64_t value);
__attribute__((noreturn)) void frame_resume(struct frame *f);

/* The kernel, from the machine.  demo_bad: it trapped itself; weak. */
__attribute__((noreturn)) void demo_main(void);
__attribute__((noreturn)) void demo_fault(struct frame *f, uintptr_t va,
    unsigned access);
__attribute__((noreturn)) void demo_call(struct frame *f, uint64_t number,
    uint64_t arg);
__attribute__((noreturn)) void demo_kill(const char *why);
__attribute__((noreturn)) void demo_bad(struct frame *f, uintptr_t va);

/* System calls: number, one argument, one result. */
enum { CALL_EXIT, CALL_FORK, CALL_WAIT, CALL_PRINT, CALL_MAP, CALL_FREE };

#endif
