/*
 * memtab.h: what the memory system calls accept, from <kern/memcalls.def>.
 *
 * Each function, called with a constant call, comes down to a mask or a
 * switch.  Pure; any context.
 */
#ifndef KERN_MEMTAB_H
#define KERN_MEMTAB_H

#include <sys/abi.h>
#include <sys/errno.h>
#include <sys/types.h>
#include <pmap/pmap.h>

/* The system calls of the table. */
enum mem_call {
#define MEM_CALL(call, args, how, note) MC_##call,
#define MEM_FLAG(call, flag, how, err, note)
#define MEM_CMD(call, cmd, how, err, note)
#include <kern/memcalls.def>
#undef MEM_CALL
#undef MEM_FLAG
#undef MEM_CMD
	MC_MAX
};

enum mem_how { MEM_WORKS, MEM_DIFFERS, MEM_REFUSED };

/* The flags that call knows and accepts. */
static inline u_long
mem_flags(enum mem_call c)
{
	u_long mask = 0;

#define MEM_CALL(call, args, how, note)
#define MEM_FLAG(call, flag, how, err, note)                                   \
	if (c == MC_##call && MEM_##how != MEM_REFUSED)                        \
		mask |= (u_long)(flag);
#define MEM_CMD(call, cmd, how, err, note)
#include <kern/memcalls.def>
#undef MEM_CALL
#undef MEM_FLAG
#undef MEM_CMD
	return mask;
}

/* The errno for the first flag that call refuses; 0: none of them. */
static inline int
mem_refused(enum mem_call c, u_long flags)
{
#define MEM_CALL(call, args, how, note)
#define MEM_FLAG(call, flag, how, err, note)                                   \
	if (c == MC_##call && MEM_##how == MEM_REFUSED &&                      \
	    (flags & (u_long)(flag)) != 0)                                     \
		return err;
#define MEM_CMD(call, cmd, how, err, note)
#include <kern/memcalls.def>
#undef MEM_CALL
#undef MEM_FLAG
#undef MEM_CMD
	return 0;
}

/* 0: call has this command; the errno for one that it has not. */
static inline int
mem_command(enum mem_call c, u_long value)
{
#define MEM_CALL(call, args, how, note)
#define MEM_FLAG(call, flag, how, err, note)
#define MEM_CMD(call, cmd, how, err, note)                                     \
	if (c == MC_##call && value == (u_long)(cmd))                          \
		return MEM_##how == MEM_REFUSED ? err : 0;
#include <kern/memcalls.def>
#undef MEM_CALL
#undef MEM_FLAG
#undef MEM_CMD
	return EINVAL;
}

#endif
