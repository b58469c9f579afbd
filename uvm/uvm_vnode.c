/*
 * uvm_vnode.c: the pager of files on disk.
 *
 * Reading goes ahead by as many absent pages as follow, up to a cluster, and
 * so does writing by as many modified ones.
 *
 * Locks: pages on their way are busy and uo_lock is not held meanwhile.  The
 * size changes under uo_lock, falls before pages go, and pages go before their
 * places do; who makes a page, or a place for one, has it busy and looks at
 * the size first, so it is either seen and waited for, or sees the end.
 */
#include <uvm/vnode.h>

#include <sys/errno.h>

#include <base/kassert.h>
#include <base/print.h>
#include <base/thread.h>

#include "uvm_local.h"

static const struct uvm_pagerops uvn_pagerops;
void (*_Atomic uvm_writeback)(void);

static struct uvm_vnode *
uvn_of(struct uvm_object *uo)
{
	KASSERT(uo->uo_ops == &uvn_pagerops);
	return container_of(uo, struct uvm_vnode, uv_obj);
}

static uint64_t
object_size(const struct uvm_object *uo)
{
	return atomic_load_explicit(&uo->uo_size, memory_order_relaxed);
}

/*
 * Bringing pages in.
 */

/* Busy pages into the empty places from idx on.  uo_lock write-held. */
static u_int
fetch_begin(struct uvm_object *uo, uint64_t idx, struct vm_page **pgs)
{
	uint64_t end = MIN(uvm_object_npages(uo), idx + UVN_CLUSTER);
	u_int n;

	for (n = 0; idx + n < end; n++) {
		if (uvm_object_lookup(uo, idx + n) != NULL)
			break;
		pgs[n] = page_alloc(PK_LOOSE, 0);
		if (pgs[n] == NULL)
			break;
		if (uvm_object_insert(uo, idx + n, pgs[n]) != 0) {
			page_free(pgs[n]);
			break;
		}
		uvm_page_busy(pgs[n]);
	}
	return n;
}

/* pg, which was to be read, is not wanted after all.  uo_lock write-held. */
static void
fetch_undo(struct uvm_object *uo, struct vm_page *pg)
{
	uvm_page_unbusy(pg);
	uvm_object_remove(uo, pg);
	page_free(pg);
}

/* pg has been read.  uo_lock write-held. */
static void
fetch_end(struct uvm_object *uo, struct vm_page *pg, bool hole)
{
	uint64_t size = object_size(uo);
	size_t used = size & PAGE_MASK;

	/* What is on disk behind the end is nobody's business. */
	if (pg->pg_index == atop(size))
		memset((char *)page_direct(pg) + used, 0, PAGE_SIZE - used);
	if (hole)
		page_flags_set(pg, PG_HOLE);
	uvm_page_unbusy(pg);
}

/* Page idx is not there: read it, and what follows.  Drops uo_lock. */
static int
fetch_absent(struct uvm_vnode *uv, uint64_t idx)
{
	struct uvm_object *uo = &uv->uv_obj;
	struct vm_page *pgs[UVN_CLUSTER];
	uint32_t holes = 0;
	u_int i, n;
	int error;

	n = fetch_begin(uo, idx, pgs);
	rw_exit(&uo->uo_lock);
	if (n == 0)
		return ENOMEM;
	error = uv->uv_ops->un_read(uv, idx, pgs, n, &holes);
	if (error != 0 && n > 1) {
		/* Perhaps it is only what nobody has asked for yet. */
		rw_write_enter(&uo->uo_lock);
		while (n > 1)
			fetch_undo(uo, pgs[--n]);
		rw_exit(&uo->uo_lock);
		error = uv->uv_ops->un_read(uv, idx, pgs, 1, &holes);
	}
	rw_write_enter(&uo->uo_lock);
	for (i = 0; i < n; i++)
		if (error != 0)
			fetch_undo(uo, pgs[i]);
		else
			fetch_end(uo, pgs[i], (holes >> i & 1) != 0);
	rw_exit(&uo->uo_lock);
	return error;
}

/* Somebody wants to write to pg: find a place for it.  Drops uo_lock. */
static int
fetch_hole(struct uvm_vnode *uv, struct vm_page *pg)
{
	struct uvm_object *uo = &uv->uv_obj;
	int error;

	uvm_page_busy(pg);
	rw_exit(&uo->uo_lock);
	error = uv->uv_ops->un_back(uv, pg->pg_index);
	rw_write_enter(&uo->uo_lock);
	if (error == 0)
		page_flags_clear(pg, PG_HOLE);
	uvm_page_unbusy(pg);
	rw_exit(&uo->uo_lock);
	return error;
}

static int
uvn_fetch(struct uvm_object *uo, uint64_t idx)
{
	struct uvm_vnode *uv = uvn_of(uo);
	struct vm_page *pg;

	KASSERT(lock_none_above(RANK_MOUNT));
	rw_write_enter(&uo->uo_lock);
	if (idx >= uvm_object_npages(uo)) {
		rw_exit(&uo->uo_lock);
		return ENXIO;
	}
	pg = uvm_object_lookup(uo, idx);
	if (pg == NULL)
		return fetch_absent(uv, idx);
	if ((page_flags(pg) & PG_BUSY) != 0)
		uvm_page_wait(uo, pg);
	else if ((page_flags(pg) & PG_HOLE) != 0)
		return fetch_hole(uv, pg);
	rw_exit(&uo->uo_lock);
	return 0;
}

/*
 * Writing them back.
 */

/* Busy the modified pages from idx on that follow each other. */
static u_int
flush_begin(struct uvm_object *uo, uint64_t idx, uint64_t last,
    struct vm_page **pgs)
{
	struct vm_page *pg;
	u_int i, n;

	for (n = 0; n < UVN_CLUSTER && idx + n <= last; n++) {
		pg = uvm_object_lookup(uo, idx + n);
		if (pg == NULL || (page_flags(pg) & PG_BUSY) != 0 ||
		    !pmap_is_modified(pg))
			break;
		uvm_page_busy(pg);
		pgs[n] = pg;
	}
	/* Who stores to one from here on faults, and modifies it again. */
	if (n > 0)
		pmap_page_protect_many(pgs, n, PROT_READ | PROT_EXEC);
	for (i = 0; i < n; i++)
		(void)pmap_clear_modify(pgs[i]);
	return n;
}

static void
flush_end(struct uvm_vnode *uv, struct vm_page **pgs, u_int n, int error)
{
	u_int i;

	for (i = 0; i < n; i++) {
		if (error != 0)
			page_set_modified(pgs[i]);
		uvm_page_unbusy(pgs[i]);
	}
	if (error != 0) {
		uv->uv_error = error;
		uvm_pageout_stats.ps_errors += n;
	} else
		uvm_pageout_stats.ps_filed += n;
}

int
uvn_flush(struct uvm_vnode *uv, uint64_t first, uint64_t last)
{
	struct uvm_object *uo = &uv->uv_obj;
	struct vm_page *pg, *pgs[UVN_CLUSTER];
	uint64_t idx = first;
	u_int n;
	int error;

	KASSERT(lock_none_above(RANK_MOUNT));
	rw_write_enter(&uo->uo_lock);
	while ((pg = radix_next(&uo->uo_pages, &idx)) != NULL && idx <= last) {
		if ((page_flags(pg) & PG_BUSY) != 0) {
			uvm_page_wait(uo, pg);
			continue;
		}
		n = flush_begin(uo, idx, last, pgs);
		if (n > 0) {
			rw_exit(&uo->uo_lock);
			error = uv->uv_ops->un_write(uv, idx, pgs, n);
			rw_write_enter(&uo->uo_lock);
			flush_end(uv, pgs, n, error);
		}
		idx += MAX(n, 1);
	}
	error = uv->uv_error;
	uv->uv_error = 0;
	rw_exit(&uo->uo_lock);
	return error;
}

static int
uvn_flush_op(struct uvm_object *uo, uint64_t first, uint64_t last)
{
	struct uvm_vnode *uv = uvn_of(uo);
	int error, also;

	error = uvn_flush(uv, first, last);
	also = uv->uv_ops->un_sync(uv);
	return error != 0 ? error : also;
}

bool
uvn_dirty(struct uvm_vnode *uv)
{
	struct uvm_object *uo = &uv->uv_obj;
	struct vm_page *pg;
	uint64_t idx;
	bool dirty = false;

	rw_write_enter(&uo->uo_lock);
	for (idx = 0; !dirty; idx++) {
		pg = radix_next(&uo->uo_pages, &idx);
		if (pg == NULL)
			break;
		dirty = (page_flags(pg) & PG_BUSY) != 0 || pmap_is_modified(pg);
	}
	rw_exit(&uo->uo_lock);
	return dirty;
}

bool
uvn_reclaim(struct uvm_object *uo, struct vm_page *pg)
{
	KASSERT(rw_write_held(&uo->uo_lock));
	KASSERT((page_flags(pg) & PG_BUSY) == 0);
	pmap_page_remove(pg);
	if (pmap_is_modified(pg))
		return false;
	uvm_object_remove(uo, pg);
	page_free(pg);
	return true;
}

/*
 * The size.
 */

/*
 * Write-lock the object with the page that has the smaller of the old and the
 * new end inside of it resident and not busy: *pgp, or NULL if the end is
 * between pages.  On error nothing is locked.
 */
static int
tail_enter(struct uvm_object *uo, uint64_t size, struct vm_page **pgp)
{
	uint64_t end;
	int error;

	for (;;) {
		rw_write_enter(&uo->uo_lock);
		end = MIN(object_size(uo), size);
		*pgp = NULL;
		if ((end & PAGE_MASK) == 0)
			return 0;
		*pgp = uvm_object_lookup(uo, atop(end));
		if (*pgp != NULL && (page_flags(*pgp) & PG_BUSY) == 0)
			return 0;
		rw_exit(&uo->uo_lock);
		error = uvn_fetch(uo, atop(end));
		if (error == ENOMEM && uvm_nomem())
			error = 0;
		if (error != 0)
			return error;
	}
}

static int
uvn_resize(struct uvm_object *uo, uint64_t size)
{
	struct uvm_vnode *uv = uvn_of(uo);
	struct vm_page *tail;
	uint64_t old, keep;
	size_t used;
	int error;

	KASSERT(lock_none_above(RANK_MOUNT));
	if (size > uv->uv_maxsize)
		return EFBIG;
	error = tail_enter(uo, size, &tail);
	if (error != 0)
		return error;
	old = object_size(uo);
	atomic_store_explicit(&uo->uo_size, size, memory_order_relaxed);
	keep = uvm_object_npages(uo);
	if (tail != NULL && size != old) {
		/* Stores through a mapping may have gone past the end too. */
		used = MIN(old, size) & PAGE_MASK;
		memset((char *)page_direct(tail) + used, 0, PAGE_SIZE - used);
		page_set_modified(tail);
		pmap_page_written(tail);
	}
	if (tail != NULL && size > old && uv->uv_small) {
		/* There is more of it now, without a place. */
		page_flags_set(tail, PG_HOLE);
		pmap_page_protect(tail, PROT_READ | PROT_EXEC);
	}
	if (size < old)
		uvm_object_free_pages(uo, keep, UINT64_MAX);
	rw_exit(&uo->uo_lock);
	if (size >= old)
		return 0;
	amap_truncate(uo, keep);
	return uv->uv_ops->un_truncate(uv, size);
}

/*
 * Life.
 */

/* LIFECYCLE 43: this may write, and wait; 44: so no map is locked any more. */
static void
uvn_detach(struct uvm_object *uo)
{
	KASSERT(lock_none_above(RANK_MOUNT));
	KASSERT(!big_held());
	scan_remove(&uo->uo_scan, &uo->uo_lock);
	uvn_of(uo)->uv_ops->un_inactive(uvn_of(uo));
}

static const struct uvm_pagerops uvn_pagerops = {
    .uo_get = uvm_object_get,
    .uo_fetch = uvn_fetch,
    .uo_detach = uvn_detach,
    .uo_name = uvm_object_name,
    .uo_ident = uvm_object_ident,
    .uo_resize = uvn_resize,
    .uo_flush = uvn_flush_op,
};

void
uvn_init(struct uvm_vnode *uv, const struct uvn_ops *ops, uint64_t size,
    uint64_t maxsize, u_int bsize)
{
	uvm_object_init(&uv->uv_obj, &uvn_pagerops, size);
	uv->uv_obj.uo_disk = true;
	uv->uv_ops = ops;
	uv->uv_maxsize = maxsize;
	uv->uv_small = bsize < PAGE_SIZE;
	uv->uv_error = 0;
	scan_insert(&uv->uv_obj.uo_scan, SCAN_VNODE);
}

void
uvn_fini(struct uvm_vnode *uv)
{
	uvm_object_fini(&uv->uv_obj);
}
