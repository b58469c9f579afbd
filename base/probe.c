/*
 * probe.c: the ring that probes write where no tracer can attach.
 *
 * No lock: a slot is taken by counting, and who reads (gdb, with the machine
 * stopped) takes what it finds.
 */
#include <base/probe.h>

#include <base/cpu.h>
#include <port/machdep.h>

struct probe_event probe_ring[PROBE_NRING];
_Atomic(u_int) probe_next;

static void
put(_Atomic(uint64_t) *p, uint64_t v)
{
	atomic_store_explicit(p, v, memory_order_relaxed);
}

void
probe_record(const char *name, uint64_t a, uint64_t b, uint64_t c)
{
	u_int i =
	    atomic_fetch_add_explicit(&probe_next, 1, memory_order_relaxed);
	struct probe_event *pe = &probe_ring[i % PROBE_NRING];

	atomic_store_explicit(&pe->pe_name, name, memory_order_relaxed);
	put(&pe->pe_arg[0], a);
	put(&pe->pe_arg[1], b);
	put(&pe->pe_arg[2], c);
	put(&pe->pe_time, md_time_ns());
	atomic_store_explicit(&pe->pe_cpu, curcpu()->cpu_id,
	    memory_order_relaxed);
}
