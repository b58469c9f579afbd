/*
 * tier1.h: what one CPU with anonymous memory asks of the machine.
 *
 * Eleven functions.  With them a kernel has maps, page faults, copy-on-write,
 * fork and exit on one CPU.  Each says in which context it is called:
 *
 *	i	interrupts may be off on entry, and stay as they are
 *	s	spin locks of the VM may be held: do not sleep, do not call back
 *	b	also before vms_boot() has returned
 *
 * None of them may fail, and none may enter the VM again.  Physical addresses
 * (pa, root) are bytes, page-aligned where that is said; virtual ones (va) are
 * bytes of user space.  C and C++ can include this file alone.
 */
#ifndef PORT_TIER1_H
#define PORT_TIER1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * md_log: write len bytes (not terminated) to wherever the kernel's messages
 *	go, unbuffered: a panic calls it, and md_halt() follows.	[isb]
 * md_halt: stop the machine, all CPUs, for good.  status is 0 to 255; 254 is
 *	a panic of the VM, whose message has been logged.  Never returns.
 *	[isb]
 */
void md_log(const char *s, size_t len);
__attribute__((noreturn)) void md_halt(int status);

/*
 * md_intr_disable: from here on no interrupt is taken on this CPU; whether
 *	they were enabled before.				[isb]
 * md_intr_restore: on is what md_intr_disable() answered: true enables
 *	them, false leaves them as they are.  They nest:
 *		a = md_intr_disable()		true, now off
 *		b = md_intr_disable()		false, still off
 *		md_intr_restore(b)		still off
 *		md_intr_restore(a)		on again		[isb]
 */
#ifndef MD_INTR_INLINE /* a port may have them inline in <md/inline.h> */
bool md_intr_disable(void);
void md_intr_restore(bool on);
#endif

/*
 * Translation.  root is the physical address of a top-level table, page
 * aligned, in the format of the machine; asid a number below md_asid_count().
 *
 * md_asid_count: how many address space numbers the translation caches tell
 *	apart; 1: they tell none, and asid is always 0.  The same answer
 *	each time.  Example: amd64 without PCID: 1.  arm64 with 8 bits:
 *	256; numbers 1 to 255 go to spaces, 0 is the kernel's.		[isb]
 * md_root_load: this CPU translates user addresses through root from here on.
 *	Entries of other ASIDs may stay; with md_asid_count() == 1 no user
 *	translation is cached on return.  Orders all earlier stores to tables
 *	before any walk.						[isb]
 * md_root_kernel: from here on this CPU translates no user address at all:
 *	the root is the one vms_boot() was given.			[isb]
 */
unsigned md_asid_count(void);
void md_root_load(uint64_t root, unsigned asid);
void md_root_kernel(void);

/*
 * Invalidation, on this CPU.  On return no access uses a translation, or a
 * table, that was removed or narrowed before the call, and cached walks over
 * these addresses are gone too.  Granting access needs no call.
 *
 * md_tlb_flush_pages: n pages, 1 to 16: va[i], page aligned, of asid[i].
 *	Example: asid = {3, 3}, va = {0x10000, 0x7000}, n = 2: two pages of
 *	space 3; 0x11000 may stay.				[isb]
 * md_tlb_flush_asid: everything of one ASID; the kernel's may stay.	[isb]
 * md_tlb_flush_kernel: everything of every ASID, the kernel's included.
 *	[isb]
 */
void md_tlb_flush_pages(const unsigned *asid, const uintptr_t *va, unsigned n);
void md_tlb_flush_asid(unsigned asid);
void md_tlb_flush_kernel(void);

/*
 * md_icache_sync: instructions stored to [va, va + len) of the direct map are
 *	what a fetch through any mapping finds.  len is bytes, at most a
 *	page.  Never called where the caches agree (amd64).		[is]
 */
void md_icache_sync(void *va, size_t len);

#ifdef __cplusplus
}
#endif

#endif
