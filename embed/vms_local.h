/*
 * vms_local.h: what the files of embed/ share, for them alone.
 */
#ifndef VMS_LOCAL_H
#define VMS_LOCAL_H

#include <vmspace/vmspace.h>

#include <sys/errno.h>
#include <base/cpu.h>
#include <base/thread.h>
#include <base/kassert.h>
#include <base/print.h>
#include <phys/page.h>
#include <pmap/pmap.h>
#include <uvm/uvm.h>
#include <port/machdep.h>
#if VMS_TIER >= 3
#include <port/tier3.h>
#endif
#if VMS_TIER >= 4
#include <port/tier4.h>
#endif
#if VMS_TIER >= 5
#include <port/tier5.h>
#endif

/* vms_sched.c: what base/ needs of a scheduler, on the boot CPU. */
void vms_sched_init(void);

/* vms_swap.c: register what uvm asks of the layers above. */
void vms_pressure_init(void);

/*
 * vms_trace.c.  vms_trace_begin: now.  vms_trace_end: the operation that began
 * then is over; error, which it returns.
 * vms_random_pages: a number below n, which is a power of two; 0 where there is
 *	no entropy.
 */
#if VMS_TIER >= 5
uint64_t vms_trace_begin(void);
int vms_trace_end(const char *name, const struct vmspace *vm, uintptr_t arg,
    uint64_t begun, int error);
uint64_t vms_random_pages(uint64_t n);
#else
static inline uint64_t
vms_trace_begin(void)
{
	return 0;
}

static inline int
vms_trace_end(const char *name __unused, const struct vmspace *vm __unused,
    uintptr_t arg __unused, uint64_t begun __unused, int error)
{
	return error;
}

static inline uint64_t
vms_random_pages(uint64_t n __unused)
{
	return 0;
}
#endif

/* vms_map.c: what vms_map() and vms_map_file() have in common. */
int vms_map_args(struct vmspace *vm, uintptr_t *addr, size_t len,
    unsigned prot, unsigned flags, struct uvm_mapargs *args);

#endif
