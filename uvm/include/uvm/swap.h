/*
 * swap.h: memory on disk: swap devices, their slots, and the page-out daemon.
 *
 * A slot is a page of some swap device.  Its number, swslot_t, names the
 * device and the block.  Anons and anonymous objects keep the number of the
 * slot in the place of their page (uvm_slot_tag()).  Without a swap device
 * there is no daemon, and nothing here costs anything.
 */
#ifndef UVM_SWAP_H
#define UVM_SWAP_H

#include <stdatomic.h>
#include <sys/types.h>
#include <sys/queue.h>
#include <base/kassert.h>

struct blkdev;
struct bio;
struct vm_map;
struct vm_page;

typedef uint64_t swslot_t;
#define SWAP_NDEV     8u /* devices at a time */
#define SWAP_DEVSHIFT 48
#define SWAP_READHEAD 16u /* slots read at once, at most; a power of two */

/* What stands for a slot where a page could be: never a page's address. */
static inline uintptr_t
uvm_slot_tag(swslot_t slot)
{
	return (uintptr_t)slot << 1 | 1;
}

static inline bool
uvm_is_slot(uintptr_t v)
{
	return (v & 1) != 0;
}

static inline swslot_t
uvm_slot_of(uintptr_t v)
{
	KASSERT(uvm_is_slot(v));
	return v >> 1;
}

/*
 * In every amap and in every anonymous object: a place in the queues that the
 * page-out daemon goes round.
 *
 * Protection:
 *	I	constant while it is queued
 *	s	the lock of the queue
 */
enum scan_kind { SCAN_AMAP, SCAN_OBJECT, SCAN_MARK };
struct scan_item {
	TAILQ_ENTRY(scan_item) si_link; /* [s] */
	uint8_t si_kind;                /* [I] enum scan_kind */
	uint8_t si_queue;               /* [I] which */
};

/*
 * uvm_swapon: use bd, which carries a Linux swap header (mkswap(8)), as swap
 *	space.  prio: devices of higher priority fill up first; negative: below
 *	all before it.  path is for /proc/swaps.  EINVAL: no valid header;
 *	EBUSY: in use already; EPERM: SWAP_NDEV are in use; ENOMEM; EIO.
 * uvm_swapoff: bring everything back from bd and stop using it.  EINVAL: not
 *	in use; ENOMEM: does not fit into memory, bd goes on being used; EINTR:
 *	the caller was killed meanwhile; EIO: some slot cannot be read.
 * Both: no lock at RANK_MAP or above, may sleep.
 */
int uvm_swapon(struct blkdev *bd, int prio, const char *path);
int uvm_swapoff(struct blkdev *bd);

/*
 * Statistics.  Pages; may be stale.
 * uvm_swap_total: on all devices.  uvm_swap_used: slots taken.
 * uvm_swap_cached: pages in memory that are on swap as well.
 * uvm_swap_info: of device i: false when there is none.
 */
extern _Atomic(u_long) uvm_swap_total;
extern _Atomic(u_long) uvm_swap_used;
u_long uvm_swap_cached(void);
struct uvm_swapinfo {
	char si_path[64];
	u_long si_npages, si_used;
	int si_prio;
};
bool uvm_swap_info(u_int i, struct uvm_swapinfo *si);

/*
 * The page-out daemon.
 * uvm_pageout_thread: its body; kern starts one thread with it after the first
 *	uvm_swapon(), once.  Returns after uvm_pageout_stop().
 * uvm_pageout_stop: let the thread return; for tests.  May sleep.
 * uvm_pageout_wait: wait until the daemon has freed memory: true; or false:
 *	there is none, or it can do nothing more.  No VM lock held; sleeps
 *	at most some ms without looking whether the caller was killed.
 * uvm_pageout_range: page out what is in [start, end) of map and not wired,
 *	used or not, as MADV_PAGEOUT asks; how many pages went.  The daemon
 *	need not run.  No lock held; sleeps until it is written.
 */
void uvm_pageout_thread(void *arg);
void uvm_pageout_stop(void);
bool uvm_pageout_wait(void);
u_long uvm_pageout_range(struct vm_map *map, vaddr_t start, vaddr_t end);

/* Counters of the daemon, in pages.  May be stale. */
struct uvm_pageout_stats {
	u_long ps_scanned; /* looked at */
	u_long ps_written; /* to swap */
	u_long ps_freed;   /* by the daemon, written or clean */
	u_long ps_clean;   /* freed without writing: swap has them */
	u_long ps_kept;    /* used again while they were written */
	u_long ps_errors;  /* not written: I/O error */
	u_long ps_read;    /* from swap, on demand and ahead */
	u_long ps_ahead;   /* of these, ahead */
	u_long ps_wakeups; /* of the daemon */
};
extern struct uvm_pageout_stats uvm_pageout_stats;

#endif
