/*
 * ptrace_abi.h: numbers and structures of ptrace(2), as Linux defines them
 * (its uapi header linux/ptrace.h).
 */
#ifndef KERN_PTRACE_ABI_H
#define KERN_PTRACE_ABI_H

#include <sys/types.h>

#define PTRACE_TRACEME          0
#define PTRACE_PEEKTEXT         1
#define PTRACE_PEEKDATA         2
#define PTRACE_PEEKUSER         3
#define PTRACE_POKETEXT         4
#define PTRACE_POKEDATA         5
#define PTRACE_POKEUSER         6
#define PTRACE_CONT             7
#define PTRACE_KILL             8
#define PTRACE_SINGLESTEP       9
#define PTRACE_GETREGS          12
#define PTRACE_SETREGS          13
#define PTRACE_GETFPREGS        14
#define PTRACE_SETFPREGS        15
#define PTRACE_ATTACH           16
#define PTRACE_DETACH           17
#define PTRACE_SYSCALL          24
#define PTRACE_SETOPTIONS       0x4200
#define PTRACE_GETEVENTMSG      0x4201
#define PTRACE_GETSIGINFO       0x4202
#define PTRACE_SETSIGINFO       0x4203
#define PTRACE_GETREGSET        0x4204
#define PTRACE_SETREGSET        0x4205
#define PTRACE_SEIZE            0x4206
#define PTRACE_INTERRUPT        0x4207
#define PTRACE_LISTEN           0x4208
#define PTRACE_GETSIGMASK       0x420a
#define PTRACE_SETSIGMASK       0x420b
#define PTRACE_GET_SYSCALL_INFO 0x420e

#define PTRACE_EVENT_FORK       1
#define PTRACE_EVENT_VFORK      2
#define PTRACE_EVENT_CLONE      3
#define PTRACE_EVENT_EXEC       4
#define PTRACE_EVENT_VFORK_DONE 5
#define PTRACE_EVENT_EXIT       6
#define PTRACE_EVENT_STOP       128

/* An event that is optional is asked for by 1 << event. */
#define PTRACE_O_TRACESYSGOOD   0x00000001u
#define PTRACE_O_TRACEFORK      0x00000002u
#define PTRACE_O_TRACEVFORK     0x00000004u
#define PTRACE_O_TRACECLONE     0x00000008u
#define PTRACE_O_TRACEEXEC      0x00000010u
#define PTRACE_O_TRACEVFORKDONE 0x00000020u
#define PTRACE_O_TRACEEXIT      0x00000040u
#define PTRACE_O_EXITKILL       0x00100000u
#define PTRACE_O_OK                                                            \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |    \
	    PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |                         \
	    PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL)

#define PTRACE_SYSCALL_INFO_NONE  0
#define PTRACE_SYSCALL_INFO_ENTRY 1
#define PTRACE_SYSCALL_INFO_EXIT  2

struct abi_syscall_info {
	uint8_t op;
	uint8_t pad[3];
	uint32_t arch;
	uint64_t instruction_pointer;
	uint64_t stack_pointer;
	union {
		struct {
			uint64_t nr;
			uint64_t args[6];
		} entry;
		struct {
			int64_t rval;
			uint8_t is_error;
		} exit;
	};
};
_Static_assert(sizeof(struct abi_syscall_info) == 80, "ptrace_syscall_info");

#endif
