/*
 * uvm_pageout.h: what the files about paging share; local to this layer.
 */
#ifndef UVM_PAGEOUT_H
#define UVM_PAGEOUT_H

#include <uvm/swap.h>
#include <uvm/uvm.h>

#include <dev/blk.h>

/*
 * uvm_swap.c.
 * swap_alloc: up to n neighbouring slots; how many, 0: swap is full.
 * swap_free: n slots from slot on.  Any lock below RANK_SWAP held.
 * swap_bio: set where b goes; the device to submit it to.
 * swap_crowded: more than half is taken: what is in memory should not keep
 *	slots too.
 * swap_on_leaving: the slot's device is to be emptied.
 */
u_int swap_alloc(u_int n, swslot_t *slotp);
void swap_free(swslot_t slot, u_int n);
struct blkdev *swap_bio(swslot_t slot, struct bio *b);
bool swap_crowded(void);
bool swap_on_leaving(swslot_t slot);

/*
 * uvm_pdaemon.c: the queues of scan items.
 *
 * Who has tried the lock of an item while its queue was locked, and got it,
 * may keep it after unlocking the queue: scan_remove() waits for him.
 *
 * scan_insert: known from now on.  Any context below RANK_PAGEQ.
 * scan_remove: not any more; lock is the item's, which nobody else can want
 *	but the daemon.  May sleep.
 */
void scan_insert(struct scan_item *si, enum scan_kind kind);
void scan_remove(struct scan_item *si, struct rwlock *lock);

/*
 * uvm_anon.c: anons on swap.
 *
 * anon_dissolve: the last reference is gone: give up the slot, if it has one;
 *	the page, if it has one.
 * anon_evict: the contents of an's page pg are in slot as well: take the page
 *	away, unless somebody uses it.  True: pg is the caller's.  The caller
 *	has a reference of his own and has unmapped pg since he took it.
 * struct anon_cluster: anons that are on neighbouring slots, busy, each with
 *	a reference.
 * anon_gather: the anon at slot of am, which is on swap, and those around it
 *	that lie around it there too: at most max, a power of two, and aligned
 *	to that; half as much where no neighbour is in memory.  am_lock
 *	write-held.  If it is busy or not on swap, ac_n is 0: ac_anon[0] has
 *	the reference but is not busy.
 * anon_fetch: bring them in, make them not busy and drop the references.  If
 *	ac_n is 0, wait until ac_anon[0] is not busy.  No lock held, sleeps.
 *	0; ENOMEM; EIO: the one that was wanted cannot be read.
 */
struct anon_cluster {
	u_int ac_n;
	u_int ac_want; /* index of the one that was asked for */
	struct vm_anon *ac_anon[SWAP_READHEAD];
};
static inline struct vm_page *
anon_dissolve(struct vm_anon *an)
{
	uintptr_t w = atomic_load_explicit(&an->an_where, memory_order_relaxed);
	struct vm_page *pg;

	KASSERT(atomic_load_explicit(&an->an_hold, memory_order_relaxed) == 0);
	if (__predict_false(uvm_is_slot(w))) {
		swap_free(uvm_slot_of(w), 1);
		return NULL;
	}
	pg = (struct vm_page *)w;
	if (__predict_false((((uintptr_t)pg->pg_anon ^ (uintptr_t)an) |
				pg->pg_index) != 0)) {
		KASSERT(pg->pg_anon == an);
		swap_free(pg->pg_index - 1, 1);
	}
	return pg;
}

bool anon_evict(struct vm_anon *an, struct vm_page *pg, swslot_t slot);
void anon_gather(struct vm_amap *am, uint64_t slot, u_int max,
    struct anon_cluster *ac);
int anon_fetch(struct anon_cluster *ac);

/*
 * uvm_aobj.c.
 * uao_paged_out: pg, busy, has been written to slot: it leaves the object and
 *	is the caller's to free; or error: it stays.  Takes uo_lock.  True: pg
 *	is out.
 */
bool uao_paged_out(struct uvm_object *uo, struct vm_page *pg, swslot_t slot,
    int error);

/*
 * uvm_vnode.c.
 * uvn_reclaim: take pg, not busy, away from a file and free it, unless it is
 *	modified: false; it is unmapped then.  uo_lock write-held.
 */
bool uvn_reclaim(struct uvm_object *uo, struct vm_page *pg);

/*
 * uvm_pdaemon.c: one pass of swapoff: bring in what is on devices that leave.
 * 0: go on; ENOMEM, EINTR, EIO.
 */
int uvm_pageout_return(void);

/* n pages were read from swap, all but one of them ahead. */
void pageout_count_read(u_int n);

#endif
