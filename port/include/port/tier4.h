/*
 * tier4.h: what memory pressure and swap ask.
 *
 * Six functions.  Letters as in <port/tier1.h>; f: thread context, no lock of
 * the VM held, may sleep.  Upcalls: vms_pageout(), vms_tick(), vms_swap_done().
 */
#ifndef PORT_TIER4_H
#define PORT_TIER4_H

#include <port/tier2.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vms_io;

/*
 * md_time_ns: nanoseconds since some moment before vms_boot(), never going
 *	back, the same on all CPUs to within what a lock costs.		[is]
 */
uint64_t md_time_ns(void);

/*
 * md_swap_pages: size of the swap space in pages; 0: none.  Asked once, by
 *	vms_swapon().  Example: 1 GiB: 262144.				[f]
 * md_swap_start: begin io, in the direction it says, and call
 *	vms_swap_done(io, 0 or EIO) once when it is over: from an interrupt,
 *	or from inside.  The bytes of page i of io belong at byte
 *	(io->io_block + i) * 4096 of the swap space.
 *	Example: io_block 10, io_npages 2: bytes 40960 to 49151.	[is]
 */
uint64_t md_swap_pages(void);
void md_swap_start(struct vms_io *io);

/*
 * md_shrink: memory is short: give back what the host caches, with
 *	vms_pages_free(); how many pages that was.			[f]
 * md_nomem: there is none left.  Choose a process and have it killed: true.
 *	Nobody to kill: false, and the fault that asked fails with ENOMEM.
 *	Returns without waiting for the victim to be gone.		[f]
 * md_killed: whether the caller has been chosen itself: it stops waiting
 *	for memory.							[f]
 */
size_t md_shrink(void);
bool md_nomem(void);
bool md_killed(void);

#ifdef __cplusplus
}
#endif

#endif
