/*
 * tier5.h: what makes a system pleasant: tracing, entropy, statistics.
 *
 * Five functions.  Letters as in <port/tier1.h>.
 */
#ifndef PORT_TIER5_H
#define PORT_TIER5_H

#include <port/tier1.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vmspace;

/*
 * md_backtrace: print the call chain of the caller with md_log(), innermost
 *	first; part of a panic.						[isb]
 * md_entropy: len bytes that nobody can guess, into buf.  They place the
 *	mappings of vms_map().						[is]
 */
void md_backtrace(void);
void md_entropy(void *buf, size_t len);

/*
 * md_cycles: a clock that is cheap to read, of any unit; one for all CPUs. [is]
 * md_trace: the operation name ("fault", "map", "unmap", "fork", "purge") on vm
 *	at address arg (0 where there is none) took cycles of md_cycles() and
 *	ended with error.  No lock of the VM held; must not sleep.
 * md_stat: called by vms_stats() for each counter, with its name, which stays,
 *	and its value.  No lock of the VM held; may sleep.
 */
uint64_t md_cycles(void);
void md_trace(const char *name, const struct vmspace *vm, uintptr_t arg,
    uint64_t cycles, int error);
void md_stat(void *arg, const char *name, uint64_t value);

#ifdef __cplusplus
}
#endif

#endif
