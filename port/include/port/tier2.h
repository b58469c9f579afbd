/*
 * tier2.h: what several CPUs and a scheduler add.
 *
 * Eight functions.  The scheduler, its threads and their stacks stay the host
 * kernel's own.  Letters as in <port/tier1.h>; f: thread context, no spin lock.
 *
 * Upcalls from the host: vms_cpu_up(), vms_thread_init(), vms_may_preempt(),
 * vms_tlb_interrupt(); see <vmspace/vmspace.h>.
 */
#ifndef PORT_TIER2_H
#define PORT_TIER2_H

#include <port/tier1.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vms_thread;

/*
 * md_cpu_id: the number of this CPU, below VMS_MAXCPU, dense from 0, the boot
 *	CPU's is 0.  The caller cannot be moved meanwhile: preemption is off
 *	(vms_may_preempt()) or it does not mind.  [isb]
 * md_thread_self: the struct vms_thread of the running thread: zeroed memory
 *	inside the host's own thread, prepared by vms_thread_init() and never
 *	moved while the thread lives.  In an interrupt handler: that of the
 *	thread it interrupted.  Before there are threads, one for the boot
 *	CPU's first.  [isb]
 */
unsigned md_cpu_id(void);
struct vms_thread *md_thread_self(void);

/*
 * md_block, md_unblock: one token for each thread.
 *	md_unblock(t) gives t its token; a second one changes nothing.
 *	md_block() waits until the caller has its token, and takes it.
 *	So an unblock that comes first is not lost:
 *		CPU 0: t queues itself, is about to call md_block()
 *		CPU 1: md_unblock(t)			t has its token
 *		CPU 0: md_block() returns at once	t has none
 *	md_block() may return without a token; it is called in a loop.
 *	md_block: [f], interrupts on.  md_unblock: [is]; it must not switch
 *	threads before vms_may_preempt() allows it.
 */
void md_block(void);
void md_unblock(struct vms_thread *t);

/*
 * md_ipi_tlb: interrupt the CPU of that number, which is up and another one, soon;
 *	there vms_tlb_interrupt() is called.  Repeated calls may merge: one
 *	interrupt after the last call is enough.  Must reach a CPU that waits
 *	for a VM lock (interrupts are on then) and one that idles.	[is]
 */
void md_ipi_tlb(unsigned cpu);

/*
 * Machines whose invalidation instructions act on every CPU (arm64).
 * md_tlb_broadcast: whether the two below exist; the same answer each time.
 *	False: they are never called, and md_ipi_tlb() is used.		[isb]
 * md_tlb_flush_pages_all, md_tlb_flush_asid_all: as their namesakes without
 *	_all, on every CPU; complete on return.				[isb]
 */
bool md_tlb_broadcast(void);
void md_tlb_flush_pages_all(const unsigned *asid, const uintptr_t *va,
    unsigned n);
void md_tlb_flush_asid_all(unsigned asid);

#ifdef __cplusplus
}
#endif

#endif
