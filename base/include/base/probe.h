/*
 * probe.h: points in the kernel that tracers may look at, named as dt(4) of
 * OpenBSD names its static ones: provider, then probe.
 *
 *	uvm:fault	address, access, flags
 *	uvm:map_insert	start, end, protection
 *	uvm:map_remove	start, end, 0
 *
 * What a probe is depends on where the code runs.  A port with <md/probe.h>
 * defines MD_PROBE3: hosted, it is a note and a no-op in the manner of USDT,
 * which perf, bpftrace and gdb find by name and which costs nothing else.
 * Elsewhere, where PROBES is 1 (it is DEBUG's value if not given), it is an
 * entry in a ring of the last PROBE_NRING, for gdb's "probes"; else nothing.
 */
#ifndef BASE_PROBE_H
#define BASE_PROBE_H

#include <stdatomic.h>
#include <sys/types.h>

#ifndef DEBUG
#define DEBUG 0
#endif
#ifndef PROBES
#define PROBES DEBUG
#endif

#define PROBE_NRING 1024u /* a power of 2 */

/*
 * Atomics: an entry that is being overwritten reads as a mixture.
 */
struct probe_event {
	_Atomic(const char *) pe_name; /* [a] "uvm:fault" */
	_Atomic(uint64_t) pe_arg[3];   /* [a] */
	_Atomic(uint64_t) pe_time;     /* [a] ns since boot */
	_Atomic(u_int) pe_cpu;         /* [a] */
};
extern struct probe_event probe_ring[PROBE_NRING];
extern _Atomic(u_int) probe_next; /* [a] entries ever; the index is below */

/* Add an entry.  name: for good.  Any context. */
void probe_record(const char *name, uint64_t a, uint64_t b, uint64_t c);

#if __has_include(<md/probe.h>)
#include <md/probe.h>
#define PROBE3(provider, name, a, b, c) MD_PROBE3(provider, name, a, b, c)
#elif PROBES && !defined(VMS_TIER) /* the component has md_trace() */
#define PROBE3(provider, name, a, b, c)                                        \
	probe_record(#provider ":" #name, (uint64_t)(a), (uint64_t)(b),        \
	    (uint64_t)(c))
#else
#define PROBE3(provider, name, a, b, c)                                        \
	((void)sizeof(a), (void)sizeof(b), (void)sizeof(c))
#endif

#endif
