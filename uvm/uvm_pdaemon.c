/*
 * uvm_pdaemon.c: the page-out daemon.
 *
 * A clock, but its face is not the page frames: the hand goes from amap to
 * amap and object to object, and through the pages of each in order.  A page
 * that was used since the hand came by last has its referenced bits cleared;
 * one that was not is unmapped and written out.  So
 *
 *	- there are no page queues: neither fault nor exit touches anything for
 *	  the daemon's sake, but for a list operation per amap;
 *	- the lock of what the page belongs to is at hand, and never has to be
 *	  found from the page;
 *	- neighbours in a space are written together, to neighbouring slots, and
 *	  are read together later.
 *
 * What is written is off memory only when it was not used meanwhile; its
 * owner may use, share or drop it: uvm_anon.c has the rules for anons.  Pages
 * of an object are busy while they are written.
 *
 * The referenced bits are cleared without a flush: a page that is used through
 * a translation some TLB still has can look idle.  It is written, and found
 * mapped again.
 *
 * Nothing here allocates memory.
 *
 * Locks: round_lock is held for a whole round of the daemon, or of whoever
 * acts like it: one at a time.  The queues have a lock each (scan_lock());
 * what is in them is locked by trying.  done_lock: requests that are over.
 * wait_lock: who waits for memory, and the daemon.
 */
#include <uvm/uvm.h>

#include <uvm/vnode.h>

#include <sys/errno.h>

#include <base/cpu.h>
#include <base/kassert.h>
#include <base/lock.h>
#include <base/print.h>
#include <base/thread.h>

#include <pmap/pmap.h>

#include "uvm_local.h"

#define NSCANQ      8u
#define NCLUSTER    8u   /* requests under way */
#define SCAN_MAX    512u /* pages looked at in one hold of a lock */
#define MSEC        1000000ull
#define NAP         (20 * MSEC) /* between two looks of who waits */
#define RESERVE_MIN 32ul
#define RESERVE_MAX 1024ul
#define SKIP_MAX    1000u /* ms that locks may keep a round from its end */

/*
 * Protection:
 *	s	sq_lock
 */
struct scanq {
	struct spin sq_lock;              /* [s] RANK_PAGEQ */
	TAILQ_HEAD(, scan_item) sq_items; /* [s] */
} __aligned(CACHELINE);

#define SCANQ(i)                                                               \
	[i] = {SPIN_INITIALIZER(RANK_PAGEQ),                                   \
	    TAILQ_HEAD_INITIALIZER(scanq[i].sq_items)}
static struct scanq scanq[NSCANQ] = {SCANQ(0), SCANQ(1), SCANQ(2), SCANQ(3),
    SCANQ(4), SCANQ(5), SCANQ(6), SCANQ(7)};

/*
 * A place in the queues: a mark before the item that is next, and how far that
 * one has been looked through.  Belongs to its user; the mark is [s].
 */
struct scan_pos {
	struct scan_item sp_mark;
	struct scan_item *sp_item; /* NULL: at its beginning */
	uint64_t sp_index;
};

/* Pages on their way out, all of one item; round_lock, or the device's. */
struct cluster {
	struct bio cl_bio; /* must be first: found from it */
	bool cl_active;
	u_int cl_n;
	swslot_t cl_slot;
	struct uvm_object *cl_obj; /* NULL: anons */
	struct vm_anon *cl_anon[BIO_MAXPAGES];
};

/* [round_lock] but for what [w] marks. */
static struct {
	struct scan_pos po_pos;
	bool po_started; /* po_pos is in a queue */
	bool po_force;   /* used pages go too */
	struct cluster po_cluster[NCLUSTER];
	u_int po_nactive; /* clusters under way */
	u_long po_nout;   /* pages in them */
	u_long po_nskip;  /* items that were locked */
	bool po_full;     /* swap was full */
	u_long po_ndirty; /* modified pages of files, this time round */

	bool po_running;         /* [w] there is a daemon */
	bool po_stop;            /* [w] it is to end */
	bool po_stuck;           /* [w] its last round freed nothing */
	u_long po_rounds;        /* [w] ended */
	_Atomic(bool) po_wanted; /* written under [w] or as a hint */
} po;

static struct mutex round_lock = MUTEX_INITIALIZER(RANK_PAGEOUT);
static struct spin wait_lock = SPIN_INITIALIZER(RANK_PAGEQ);
static struct spin done_lock = SPIN_INITIALIZER(RANK_BLK);
static struct bioq done_q = TAILQ_HEAD_INITIALIZER(done_q); /* [done_lock] */

struct uvm_pageout_stats uvm_pageout_stats;

/*
 * The queues.
 */

void
scan_insert(struct scan_item *si, enum scan_kind kind)
{
	struct scanq *sq;

	si->si_kind = (uint8_t)kind;
	si->si_queue = (uint8_t)(curcpu()->cpu_id % NSCANQ);
	sq = &scanq[si->si_queue];
	spin_enter(&sq->sq_lock);
	TAILQ_INSERT_TAIL(&sq->sq_items, si, si_link);
	spin_exit(&sq->sq_lock);
}

void
scan_remove(struct scan_item *si, struct rwlock *lock)
{
	struct scanq *sq = &scanq[si->si_queue];

	spin_enter(&sq->sq_lock);
	TAILQ_REMOVE(&sq->sq_items, si, si_link);
	spin_exit(&sq->sq_lock);
	/* Out of reach now; but the daemon may be in the middle of it. */
	if (atomic_load_explicit(&lock->rw_word, memory_order_acquire) != 0) {
		rw_write_enter(lock);
		rw_exit(lock);
	}
}

static struct rwlock *
item_lock(struct scan_item *si)
{
	if (si->si_kind == SCAN_AMAP)
		return &container_of(si, struct vm_amap, am_scan)->am_lock;
	KASSERT(si->si_kind != SCAN_MARK);
	return &container_of(si, struct uvm_object, uo_scan)->uo_lock;
}

static void
pos_init(struct scan_pos *sp, u_int queue)
{
	struct scanq *sq = &scanq[queue];

	sp->sp_mark.si_kind = SCAN_MARK;
	sp->sp_mark.si_queue = (uint8_t)queue;
	sp->sp_item = NULL;
	sp->sp_index = 0;
	spin_enter(&sq->sq_lock);
	TAILQ_INSERT_HEAD(&sq->sq_items, &sp->sp_mark, si_link);
	spin_exit(&sq->sq_lock);
}

static void
pos_fini(struct scan_pos *sp)
{
	struct scanq *sq = &scanq[sp->sp_mark.si_queue];

	spin_enter(&sq->sq_lock);
	TAILQ_REMOVE(&sq->sq_items, &sp->sp_mark, si_link);
	spin_exit(&sq->sq_lock);
}

/* Put the mark behind si.  [s] held. */
static void
pos_pass(struct scan_pos *sp, struct scan_item *si)
{
	struct scanq *sq = &scanq[sp->sp_mark.si_queue];

	TAILQ_REMOVE(&sq->sq_items, &sp->sp_mark, si_link);
	TAILQ_INSERT_AFTER(&sq->sq_items, si, &sp->sp_mark, si_link);
	sp->sp_item = NULL;
	sp->sp_index = 0;
}

/* The next item of the mark's queue, write-locked; NULL: its end. */
static struct scan_item *
pos_next(struct scan_pos *sp)
{
	struct scanq *sq = &scanq[sp->sp_mark.si_queue];
	struct scan_item *si;

	spin_enter(&sq->sq_lock);
	while ((si = TAILQ_NEXT(&sp->sp_mark, si_link)) != NULL) {
		/* What is locked is in use: leave it for another time. */
		if (si->si_kind != SCAN_MARK && rw_write_try(item_lock(si)))
			break;
		po.po_nskip += si->si_kind != SCAN_MARK;
		pos_pass(sp, si);
	}
	if (si != sp->sp_item)
		sp->sp_index = 0;
	sp->sp_item = si;
	spin_exit(&sq->sq_lock);
	return si;
}

/* Done with the item that pos_next() gave, for now or for this time. */
static void
pos_done(struct scan_pos *sp, bool finished)
{
	struct scanq *sq = &scanq[sp->sp_mark.si_queue];
	struct scan_item *si = sp->sp_item;

	if (finished) {
		spin_enter(&sq->sq_lock);
		/* It may have left the queue, and waits for the lock. */
		if (TAILQ_NEXT(&sp->sp_mark, si_link) == si)
			pos_pass(sp, si);
		sp->sp_item = NULL;
		spin_exit(&sq->sq_lock);
	}
	rw_exit(item_lock(si));
}

/*
 * Writing.
 */

/* Interrupt context. */
static void
write_done(struct bio *b)
{
	spin_enter(&done_lock);
	TAILQ_INSERT_TAIL(&done_q, b, b_link);
	wakeup(&done_q);
	spin_exit(&done_lock);
}

/* An anon of a cluster has been written to slot, or could not be. */
static void
anon_paged_out(struct vm_anon *an, struct vm_page *pg, swslot_t slot, int error)
{
	page_flags_clear(pg, PG_BUSY);
	if (error != 0) {
		swap_free(slot, 1);
		page_set_modified(pg);
		uvm_pageout_stats.ps_errors++;
	} else if (anon_evict(an, pg, slot)) {
		page_free(pg);
		uvm_pageout_stats.ps_freed++;
	} else {
		pg->pg_index = slot + 1;
		uvm_pageout_stats.ps_kept++;
	}
	uvm_anon_rele(an);
}

/* A request is over: what it wrote goes, if nobody wanted it meanwhile. */
static void
cluster_done(struct cluster *cl)
{
	int error = cl->cl_bio.b_error;
	struct vm_page *pg;
	u_int i;

	for (i = 0; i < cl->cl_n; i++) {
		pg = cl->cl_bio.b_page[i];
		if (cl->cl_obj == NULL)
			anon_paged_out(cl->cl_anon[i], pg, cl->cl_slot + i,
			    error);
		else if (uao_paged_out(cl->cl_obj, pg, cl->cl_slot + i,
			     error)) {
			page_free(pg);
			uvm_pageout_stats.ps_freed++;
		}
	}
	if (error == 0)
		uvm_pageout_stats.ps_written += cl->cl_n;
	po.po_nout -= cl->cl_n;
	po.po_nactive--;
	cl->cl_active = false;
}

/* Finish what is over; if wait, at least one request, if there is any. */
static void
reap(bool wait)
{
	struct bio *b;

	for (;;) {
		spin_enter(&done_lock);
		while (wait && po.po_nactive > 0 && TAILQ_EMPTY(&done_q))
			(void)sleep_spin(&done_q, &done_lock, 0, 0, "pageout");
		b = TAILQ_FIRST(&done_q);
		if (b != NULL)
			TAILQ_REMOVE(&done_q, b, b_link);
		spin_exit(&done_lock);
		if (b == NULL)
			return;
		cluster_done((struct cluster *)(void *)b);
		wait = false;
	}
}

static struct cluster *
cluster_get(void)
{
	struct cluster *cl;

	for (;;) {
		reap(false);
		for (cl = po.po_cluster; cl < &po.po_cluster[NCLUSTER]; cl++)
			if (!cl->cl_active) {
				cl->cl_n = 0;
				cl->cl_obj = NULL;
				return cl;
			}
		reap(true);
	}
}

/* Page i of cl is not to be written after all. */
static void
cluster_undo(struct cluster *cl, u_int i)
{
	struct vm_page *pg = cl->cl_bio.b_page[i];

	if (cl->cl_obj == NULL) {
		page_flags_clear(pg, PG_BUSY);
		uvm_anon_rele(cl->cl_anon[i]);
	} else
		(void)uao_paged_out(cl->cl_obj, pg, 0, ENOMEM);
}

/*
 * Write the cluster.  Slots are hard to come by when swap is nearly full: only
 * as many pages go as there are neighbours.  No lock held but round_lock.
 */
static void
cluster_write(struct cluster *cl)
{
	struct vm_page *pg;
	struct blkdev *bd;
	u_int got, i;

	if (cl->cl_n == 0)
		return;
	got = swap_alloc(cl->cl_n, &cl->cl_slot);
	if (got == 0)
		po.po_full = true;
	for (i = got; i < cl->cl_n; i++)
		cluster_undo(cl, i);
	cl->cl_n = got;
	if (got == 0)
		return;
	for (i = 0; i < got; i++) {
		pg = cl->cl_bio.b_page[i];
		if (cl->cl_obj == NULL && pg->pg_index != 0) {
			/* Its old slot has old contents. */
			swap_free(pg->pg_index - 1, 1);
			pg->pg_index = 0;
		}
		(void)pmap_clear_modify(pg);
	}
	cl->cl_active = true;
	po.po_nactive++;
	po.po_nout += got;
	cl->cl_bio.b_npages = got;
	cl->cl_bio.b_write = true;
	cl->cl_bio.b_done = write_done;
	bd = swap_bio(cl->cl_slot, &cl->cl_bio);
	blk_submit(bd, &cl->cl_bio);
}

/*
 * Looking at pages.
 */

static bool
page_idle(struct vm_page *pg)
{
	enum pmap_age age = pmap_age(pg);

	uvm_pageout_stats.ps_scanned++;
	return age == PMAP_IDLE || (age == PMAP_USED && po.po_force);
}

/*
 * The anons of cl from the first on are in memory and idle, and we have a
 * reference to each: unmap them all at once.  From here on they are mapped
 * read-only, if at all.  Those that swap has already go at once; the others
 * stay in cl, to be written.  Their amap is locked.
 */
static void
anons_out(struct cluster *cl, u_int first)
{
	struct vm_page **page = cl->cl_bio.b_page, *pg;
	u_int i, n = first;
	struct vm_anon *an;

	pmap_page_protect_many(page + first, cl->cl_n - first, PROT_NONE);
	for (i = first; i < cl->cl_n; i++) {
		an = cl->cl_anon[i];
		pg = page[i];
		if (pg->pg_index == 0 || pmap_is_modified(pg)) {
			page_flags_set(pg, PG_BUSY);
			cl->cl_anon[n] = an;
			page[n++] = pg;
			continue;
		}
		if (anon_evict(an, pg, pg->pg_index - 1)) {
			page_free(pg);
			uvm_pageout_stats.ps_freed++;
			uvm_pageout_stats.ps_clean++;
		}
		uvm_anon_rele(an);
	}
	cl->cl_n = n;
}

/* Go through am from *idxp on; true: to last, or to its end. */
static bool
scan_amap(struct vm_amap *am, uint64_t *idxp, uint64_t last, struct cluster *cl)
{
	u_int n, first = 0;
	struct vm_anon *an;
	struct vm_page *pg;
	bool end = false;

	for (n = 0; n < SCAN_MAX && !end && cl->cl_n < BIO_MAXPAGES; n++) {
		an = radix_next(&am->am_anons, idxp);
		end = an == NULL || *idxp > last;
		if (end)
			break;
		/* Nobody but us takes pages away: it stays. */
		pg = uvm_anon_page(an);
		if (pg != NULL && (page_flags(pg) & PG_BUSY) == 0 &&
		    page_idle(pg) && !(po.po_full && pg->pg_index == 0)) {
			refcount_acquire(&an->an_refs);
			cl->cl_anon[cl->cl_n] = an;
			cl->cl_bio.b_page[cl->cl_n++] = pg;
			if (cl->cl_n == BIO_MAXPAGES) {
				anons_out(cl, first);
				first = cl->cl_n;
			}
		}
		end = ++*idxp == 0;
	}
	if (cl->cl_n > first)
		anons_out(cl, first);
	return end;
}

static bool
scan_object(struct uvm_object *uo, uint64_t *idxp, uint64_t last,
    struct cluster *cl)
{
	struct vm_page *pg;
	bool end = false;
	void *v;
	u_int n;

	cl->cl_obj = uo;
	for (n = 0; n < SCAN_MAX && !end && cl->cl_n < BIO_MAXPAGES; n++) {
		if (uo->uo_stays)
			return true;
		v = radix_next(&uo->uo_pages, idxp);
		end = v == NULL || *idxp > last;
		if (end)
			break;
		pg = v;
		if (!uvm_is_slot((uintptr_t)v) && !po.po_full &&
		    (page_flags(pg) & PG_BUSY) == 0 && page_idle(pg)) {
			uvm_page_busy(pg);
			uo->uo_npaging++;
			cl->cl_bio.b_page[cl->cl_n++] = pg;
		}
		end = ++*idxp == 0;
	}
	pmap_page_protect_many(cl->cl_bio.b_page, cl->cl_n, PROT_NONE);
	for (n = 0; n < cl->cl_n; n++)
		KASSERT(!pmap_page_mapped(cl->cl_bio.b_page[n]));
	return end;
}

/* A file on disk: what is not modified can go at once. */
static bool
scan_vnode(struct uvm_object *uo, uint64_t *idxp, uint64_t last)
{
	struct vm_page *pg;
	u_int n;

	for (n = 0; n < SCAN_MAX; n++) {
		pg = radix_next(&uo->uo_pages, idxp);
		if (pg == NULL || *idxp > last)
			return true;
		if ((page_flags(pg) & PG_BUSY) == 0 && page_idle(pg)) {
			if (uvn_reclaim(uo, pg))
				uvm_pageout_stats.ps_freed++;
			else
				po.po_ndirty++;
		}
		if (++*idxp == 0)
			return true;
	}
	return false;
}

/*
 * A step of the hand.  False: it has gone round.
 */
static bool
scan_step(void)
{
	struct scan_pos *sp = &po.po_pos;
	struct cluster *cl;
	struct scan_item *si;
	bool end;

	cl = cluster_get();
	si = pos_next(sp);
	if (si == NULL) {
		u_int next = (sp->sp_mark.si_queue + 1) % NSCANQ;

		pos_fini(sp);
		pos_init(sp, next);
		return next != 0;
	}
	if (si->si_kind == SCAN_AMAP)
		end = scan_amap(container_of(si, struct vm_amap, am_scan),
		    &sp->sp_index, UINT64_MAX, cl);
	else if (si->si_kind == SCAN_OBJECT)
		end = scan_object(container_of(si, struct uvm_object, uo_scan),
		    &sp->sp_index, UINT64_MAX, cl);
	else
		end = scan_vnode(container_of(si, struct uvm_object, uo_scan),
		    &sp->sp_index, UINT64_MAX);
	pos_done(sp, end);
	cluster_write(cl);
	return true;
}

/* Modified pages of files were in the way: true: now they are written. */
static bool
write_files(void)
{
	void (*fn)(void) =
	    atomic_load_explicit(&uvm_writeback, memory_order_relaxed);
	u_long before = uvm_pageout_stats.ps_filed;

	if (po.po_ndirty == 0 || fn == NULL)
		return false;
	po.po_ndirty = 0;
	fn();
	return uvm_pageout_stats.ps_filed != before;
}

/* A program that asks for a page gets one. */
static bool
room(void)
{
	return phys_free_count() > 2 * phys_reserve_pages + 16;
}

/*
 * Page out until there is enough memory, or until three times round has
 * brought nothing: the first of them may only have cleared referenced bits,
 * and before the last of them is given up what is in use goes too.  What was
 * locked has not been looked at: that is no reason to give up, but for so
 * long.  Returns how many pages were freed.
 */
static u_long
round_run(void)
{
	u_long start, before;
	u_int idle = 0, waits = 0;

	mutex_enter(&round_lock);
	if (!po.po_started) {
		pos_init(&po.po_pos, 0);
		po.po_started = true;
	}
	po.po_force = false;
	po.po_full = false;
	po.po_nskip = 0;
	po.po_ndirty = 0;
	pmap_drain();
	start = before = uvm_pageout_stats.ps_freed;
	while (idle < 3) {
		reap(false);
		/* Who waits should not wait for all of it. */
		if (room())
			wakeup(&po.po_rounds);
		if (phys_free_count() + po.po_nout >= phys_low_pages * 3 / 2) {
			if (po.po_nactive == 0)
				break;
			reap(true);
			continue;
		}
		if (scan_step())
			continue;
		while (po.po_nactive > 0)
			reap(true);
		if (uvm_pageout_stats.ps_freed != before || write_files())
			idle = 0;
		else if (po.po_nskip == 0 || waits == SKIP_MAX)
			idle++;
		else {
			waits++;
			(void)sleep_until(sleep_deadline(MSEC), 0, "pageskip");
		}
		before = uvm_pageout_stats.ps_freed;
		po.po_force = idle == 2;
		po.po_nskip = 0;
	}
	while (po.po_nactive > 0)
		reap(true);
	start = uvm_pageout_stats.ps_freed - start;
	mutex_exit(&round_lock);
	return start;
}

/* Call fn for what each entry of a live map has in [start, end). */
static void
each_entry(struct vm_map *map, vaddr_t start, vaddr_t end,
    void (*fn)(struct vm_entry *, vaddr_t, vaddr_t))
{
	struct vm_entry *e;

	rw_read_enter(&map->vm_lock);
	if (map->vm_state == VM_LIVE)
		for (e = uvm_map_next(map, start);
		     e != NULL && e->ve_start < end; e = e->ve_next)
			fn(e, MAX(start, e->ve_start), MIN(end, e->ve_end));
	rw_exit(&map->vm_lock);
}

/* Page out what e has from va to end.  Map locked. */
static void
entry_out(struct vm_entry *e, vaddr_t va, vaddr_t end)
{
	uint64_t idx = entry_slot(e, va), last = entry_slot(e, end - 1);
	struct vm_amap *am = e->ve_amap;
	struct uvm_object *uo = e->ve_obj;
	struct cluster *cl;
	bool done;

	for (done = am == NULL; !done;) {
		cl = cluster_get();
		rw_write_enter(&am->am_lock);
		done = scan_amap(am, &idx, last, cl);
		rw_exit(&am->am_lock);
		cluster_write(cl);
	}
	idx = entry_slot(e, va);
	for (done = uo == NULL; !done;) {
		cl = cluster_get();
		rw_write_enter(&uo->uo_lock);
		done = uo->uo_disk ? scan_vnode(uo, &idx, last)
				   : scan_object(uo, &idx, last, cl);
		rw_exit(&uo->uo_lock);
		cluster_write(cl);
	}
}

u_long
uvm_pageout_range(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	u_long freed;

	KASSERT(lock_none_above(RANK_PAGEOUT));
	if (atomic_load_explicit(&uvm_swap_total, memory_order_relaxed) == 0)
		return 0;
	mutex_enter(&round_lock);
	po.po_force = true;
	po.po_full = false;
	freed = uvm_pageout_stats.ps_freed;
	each_entry(map, start, end, entry_out);
	while (po.po_nactive > 0)
		reap(true);
	freed = uvm_pageout_stats.ps_freed - freed;
	mutex_exit(&round_lock);
	return freed;
}

/* As if nobody had used what e has from va to end.  Map locked. */
static void
entry_cool(struct vm_entry *e, vaddr_t va, vaddr_t end)
{
	uint64_t idx = entry_slot(e, va), last = entry_slot(e, end - 1);
	struct vm_amap *am = e->ve_amap;
	struct uvm_object *uo = e->ve_obj;
	struct vm_anon *an;
	struct vm_page *pg;
	void *v;

	if (am != NULL) {
		rw_write_enter(&am->am_lock);
		while ((an = radix_next(&am->am_anons, &idx)) != NULL &&
		       idx <= last) {
			/* Others may page a shared one out meanwhile. */
			pg = uvm_anon_hold(an);
			if (pg != NULL) {
				(void)pmap_age(pg);
				uvm_anon_unhold(an);
			}
			idx++;
		}
		rw_exit(&am->am_lock);
	}
	if (uo == NULL)
		return;
	idx = entry_slot(e, va);
	rw_write_enter(&uo->uo_lock);
	for (; (v = radix_next(&uo->uo_pages, &idx)) != NULL && idx <= last;
	     idx++)
		if (!uvm_is_slot((uintptr_t)v))
			(void)pmap_age(v);
	rw_exit(&uo->uo_lock);
}

void
uvm_cool_range(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	KASSERT(lock_none_above(RANK_MAP));
	each_entry(map, start, end, entry_cool);
}

/*
 * The daemon.
 */

/*
 * Memory gets low.  Called by the allocator with its callers' locks held.  A
 * thread that takes what is left for the kernel waits for the daemon before it
 * goes on in user mode, where it can: its next call finds memory again.
 */
static void
pageout_low(void)
{
	if (!room())
		atomic_store_explicit(&curthread()->td_ast, true,
		    memory_order_relaxed);
	if (atomic_exchange_explicit(&po.po_wanted, true, memory_order_relaxed))
		return;
	wakeup(&po.po_wanted);
}

/*
 * A part for those who free memory, and as much again for the kernel: what
 * programs cannot take.
 */
static u_long
reserve(void)
{
	return MIN(MAX(phys_total() / 128, RESERVE_MIN), RESERVE_MAX);
}

void
uvm_reserve_init(void)
{
	/* The smallest machines are for tests that count pages. */
	if (phys_total() / 128 >= RESERVE_MIN)
		phys_reserve_pages = reserve();
}

void
uvm_pageout_thread(void *arg __unused)
{
	u_long freed, before = phys_reserve_pages;
	uint64_t deadline;

	/* The daemon begins before programs feel anything. */
	phys_reserve_pages = reserve();
	phys_low_pages = 4 * phys_reserve_pages;
	atomic_store_explicit(&phys_low_hook, pageout_low,
	    memory_order_relaxed);
	spin_enter(&wait_lock);
	po.po_running = true;
	while (!po.po_stop) {
		/* pageout_low() may wake us just before we sleep. */
		deadline = sleep_deadline(100 * MSEC);
		if (!atomic_load_explicit(&po.po_wanted,
			memory_order_relaxed) ||
		    po.po_stuck)
			(void)sleep_spin(&po.po_wanted, &wait_lock, 0,
			    po.po_stuck ? sleep_deadline(NAP) : deadline,
			    "pagedaemon");
		if (!atomic_load_explicit(&po.po_wanted, memory_order_relaxed))
			continue;
		spin_exit(&wait_lock);
		uvm_pageout_stats.ps_wakeups++;
		freed = round_run();
		spin_enter(&wait_lock);
		atomic_store_explicit(&po.po_wanted, false,
		    memory_order_relaxed);
		po.po_rounds++;
		po.po_stuck = freed == 0 && !room();
		wakeup(&po.po_rounds);
	}
	atomic_store_explicit(&phys_low_hook, NULL, memory_order_relaxed);
	phys_low_pages = 0;
	phys_reserve_pages = before;
	po.po_running = po.po_stop = false;
	wakeup(&po.po_rounds);
	spin_exit(&wait_lock);
}

bool
uvm_pageout_short(void)
{
	return atomic_load_explicit(&phys_low_hook, memory_order_relaxed) !=
		   NULL &&
	       !room();
}

void
uvm_pageout_stop(void)
{
	spin_enter(&wait_lock);
	po.po_stop = true;
	while (po.po_running) {
		wakeup(&po.po_wanted);
		(void)sleep_spin(&po.po_rounds, &wait_lock, 0,
		    sleep_deadline(NAP), "pagestop");
	}
	spin_exit(&wait_lock);
}

bool
uvm_pageout_wait(void)
{
	u_long rounds;
	bool freed = false;

	KASSERT(lock_none_above(RANK_MAP));
	spin_enter(&wait_lock);
	rounds = po.po_rounds;
	while (po.po_running && !uvm_upcalls->up_killed()) {
		freed = room();
		/* The round under way may have begun before we needed it. */
		if (freed || (po.po_stuck && po.po_rounds - rounds >= 2))
			break;
		atomic_store_explicit(&po.po_wanted, true,
		    memory_order_relaxed);
		wakeup(&po.po_wanted);
		(void)sleep_spin(&po.po_rounds, &wait_lock, 0,
		    sleep_deadline(NAP), "nomem");
	}
	spin_exit(&wait_lock);
	return freed;
}

/*
 * Swapoff.
 */

/* Find what am has on devices that leave; its first is in ac then. */
static bool
return_amap(struct vm_amap *am, uint64_t *idxp, struct anon_cluster *ac)
{
	struct vm_anon *an;
	struct vm_page *pg;
	uintptr_t w;

	for (; (an = radix_next(&am->am_anons, idxp)) != NULL; ++*idxp) {
		w = atomic_load_explicit(&an->an_where, memory_order_acquire);
		if (uvm_is_slot(w)) {
			if (swap_on_leaving(uvm_slot_of(w))) {
				anon_gather(am, *idxp, SWAP_READHEAD, ac);
				return false;
			}
			continue;
		}
		pg = (struct vm_page *)w;
		if (pg->pg_index != 0 && swap_on_leaving(pg->pg_index - 1)) {
			swap_free(pg->pg_index - 1, 1);
			pg->pg_index = 0;
		}
	}
	return true;
}

/* The same for an object: a reference to it, and *idxp. */
static bool
return_object(struct uvm_object *uo, uint64_t *idxp)
{
	uintptr_t w;

	for (; (w = (uintptr_t)radix_next(&uo->uo_pages, idxp)) != 0; ++*idxp)
		if (uvm_is_slot(w) && swap_on_leaving(uvm_slot_of(w)) &&
		    refcount_acquire_if_not_zero(&uo->uo_refs))
			return false;
	return true;
}

/* One item on the way.  False: end of the queue. */
static bool
return_step(struct scan_pos *sp, int *errorp)
{
	struct uvm_object *uo = NULL;
	struct anon_cluster ac;
	struct scan_item *si;
	uint64_t idx;
	bool end;

	/* The daemon relies on pg_index, too. */
	mutex_enter(&round_lock);
	si = pos_next(sp);
	if (si == NULL) {
		mutex_exit(&round_lock);
		return false;
	}
	if (si->si_kind == SCAN_AMAP)
		end = return_amap(container_of(si, struct vm_amap, am_scan),
		    &sp->sp_index, &ac);
	else {
		uo = container_of(si, struct uvm_object, uo_scan);
		end = return_object(uo, &sp->sp_index);
	}
	idx = sp->sp_index;
	pos_done(sp, end);
	mutex_exit(&round_lock);
	if (end)
		return true;
	if (uo == NULL)
		*errorp = anon_fetch(&ac);
	else {
		*errorp = uvm_object_fetch(uo, idx);
		uvm_object_free(uo);
	}
	return true;
}

int
uvm_pageout_return(void)
{
	struct scan_pos sp;
	u_int queue;
	int error = 0;

	for (queue = 0; queue < NSCANQ && error == 0; queue++) {
		pos_init(&sp, queue);
		while (error == 0 && return_step(&sp, &error)) {
			if (error == ENOMEM && uvm_pageout_wait())
				error = 0;
			if (error == 0 && uvm_upcalls != NULL &&
			    uvm_upcalls->up_killed())
				error = EINTR;
		}
		pos_fini(&sp);
	}
	/* What was busy, or locked, is found the next time. */
	if (error == 0)
		(void)sleep_until(sleep_deadline(MSEC), 0, "swapoff");
	return error;
}

void
pageout_count_read(u_int n)
{
	uvm_pageout_stats.ps_read += n;
	uvm_pageout_stats.ps_ahead += n - 1;
}

static void
count_cached(struct vm_page *pg, void *arg)
{
	u_long *n = arg;

	*n += page_kind(pg) == PK_ANON && pg->pg_index != 0;
}

u_long
uvm_swap_cached(void)
{
	u_long n = 0;

	phys_foreach(count_cached, &n);
	return n;
}
