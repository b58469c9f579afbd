/*
 * uvm_aobj.c: the anonymous object.
 *
 * Memory that mappings share and no disk holds: tmpfs files, shared anonymous
 * mappings, System V segments.  A page comes into being, zeroed, when it is
 * first asked for, and lives until the object shrinks or dies.
 *
 * Locks: those of the object.  uo_size is written under uo_lock and falls
 * before the pages past it go, so that whoever looks at it under the lock
 * that guards what he adds (uo_lock for pages, am_lock for private copies)
 * either sees the new size or is seen by uao_resize().
 */
#include <uvm/object.h>

#include <sys/errno.h>

#include <base/kassert.h>
#include <base/print.h>
#include <base/thread.h>

#include <phys/kmem.h>
#include <phys/pool.h>

#include "uvm_local.h"

/*
 * Protection:
 *	I	constant
 *	o	lock of uao_obj in any mode to read, write mode to write
 */
struct uvm_aobj {
	struct uvm_object uao_obj; /* [I] its own lock */
	char *uao_name;            /* [o] NULL: none */
	size_t uao_namelen;        /* [o] bytes with the NUL */
	dev_t uao_dev;             /* [o] */
	ino_t uao_ino;             /* [o] */
	u_long uao_commit;         /* [I] pages committed for it */
};

static struct pool aobj_pool;

static struct uvm_aobj *
uao_of(struct uvm_object *uo)
{
	return container_of(uo, struct uvm_aobj, uao_obj);
}

static int
uao_get(struct uvm_object *uo, uint64_t idx, vm_prot_t access __unused,
    struct vm_page **pgp)
{
	struct vm_page *pg;
	int error;

	KASSERT(rw_write_held(&uo->uo_lock));
	if (idx >= uvm_object_npages(uo))
		return ENXIO;
	pg = uvm_object_lookup(uo, idx);
	if (pg == NULL && uvm_object_slot(uo, idx) != 0)
		return EAGAIN;
	if (pg == NULL) {
		if (uo->uo_file && uvm_file_pages() >= uvm_file_pages_max)
			return ENOSPC;
		pg = page_alloc(PK_LOOSE, PA_ZERO);
		if (pg == NULL)
			return ENOMEM;
		error = uvm_object_insert(uo, idx, pg);
		if (error != 0) {
			page_free(pg);
			return error;
		}
	}
	*pgp = pg;
	return 0;
}

/*
 * Swap.  In the place of a page that is out the tree has the tag of its slot:
 * paging out needs no memory.  A page that is being written or read is busy,
 * and uo_npaging counts it.
 */

/* Put v in the place of what is at idx.  uo_lock write-held. */
static void
place(struct uvm_object *uo, uint64_t idx, void *v, void **old)
{
	int error;

	error = radix_replace(&uo->uo_pages, idx, v, old);
	KASSERT(error == 0); /* the tree shares nothing */
}

/* A page is not being paged any more.  uo_lock write-held. */
static void
paging_done(struct uvm_object *uo, struct vm_page *pg)
{
	uvm_page_unbusy(pg);
	KASSERT(uo->uo_npaging > 0);
	if (--uo->uo_npaging == 0)
		wakeup(&uo->uo_npaging);
}

bool
uao_paged_out(struct uvm_object *uo, struct vm_page *pg, swslot_t slot,
    int error)
{
	void *old = NULL;

	rw_write_enter(&uo->uo_lock);
	KASSERT(pg->pg_obj == uo && !pmap_page_mapped(pg));
	if (error == 0) {
		place(uo, pg->pg_index, (void *)uvm_slot_tag(slot), &old);
		KASSERT(old == pg);
		uo->uo_npages--;
		uo->uo_nswap++;
		pg->pg_obj = NULL;
	} else
		page_set_modified(pg);
	paging_done(uo, pg);
	rw_exit(&uo->uo_lock);
	if (error != 0 && slot != 0)
		swap_free(slot, 1);
	return error == 0;
}

/* Put a new busy page in the place of the slot at idx.  NULL: no memory. */
static struct vm_page *
fetch_page(struct uvm_object *uo, uint64_t idx)
{
	struct vm_page *pg;
	void *old;

	pg = page_alloc(PK_OBJECT, 0);
	if (pg == NULL)
		return NULL;
	pg->pg_obj = uo;
	pg->pg_index = idx;
	uvm_page_busy(pg);
	place(uo, idx, pg, &old);
	uo->uo_npages++;
	uo->uo_nswap--;
	uo->uo_npaging++;
	return pg;
}

/*
 * Begin to fetch the page at idx, which is on slot, and those around it that
 * are its neighbours on swap too; into b.  The first slot.  uo_lock
 * write-held.
 */
static swslot_t
fetch_begin(struct uvm_object *uo, uint64_t idx, swslot_t slot, struct bio *b)
{
	struct vm_page *pg[SWAP_READHEAD];
	u_int want = (u_int)(idx % SWAP_READHEAD), i, end;

	b->b_npages = 0;
	pg[want] = fetch_page(uo, idx);
	if (pg[want] == NULL)
		return slot;
	for (end = want + 1; end < SWAP_READHEAD; end++) {
		if (uvm_object_slot(uo, idx + (end - want)) !=
		    uvm_slot_tag(slot + (end - want)))
			break;
		pg[end] = fetch_page(uo, idx + (end - want));
		if (pg[end] == NULL)
			break;
	}
	for (i = want; i > 0; i--) {
		if (uvm_object_slot(uo, idx - (want - i + 1)) !=
		    uvm_slot_tag(slot - (want - i + 1)))
			break;
		pg[i - 1] = fetch_page(uo, idx - (want - i + 1));
		if (pg[i - 1] == NULL)
			break;
	}
	b->b_npages = end - i;
	memcpy(b->b_page, pg + i, b->b_npages * sizeof(pg[0]));
	return slot - (want - i);
}

/* The pages have been read, or not. */
static void
fetch_end(struct uvm_object *uo, swslot_t slot, const struct bio *b, int error)
{
	struct vm_page *pg;
	void *old;
	u_int i;

	rw_write_enter(&uo->uo_lock);
	for (i = 0; i < b->b_npages; i++) {
		pg = b->b_page[i];
		if (error != 0) {
			place(uo, pg->pg_index, (void *)uvm_slot_tag(slot + i),
			    &old);
			uo->uo_npages--;
			uo->uo_nswap++;
			pg->pg_obj = NULL;
		} else
			page_set_modified(pg);
		paging_done(uo, pg);
	}
	rw_exit(&uo->uo_lock);
	if (error == 0) {
		swap_free(slot, b->b_npages);
		pageout_count_read(b->b_npages);
		return;
	}
	for (i = 0; i < b->b_npages; i++)
		page_free(b->b_page[i]);
}

static int
uao_fetch(struct uvm_object *uo, uint64_t idx)
{
	struct vm_page *pg;
	struct bio b;
	uintptr_t tag;
	swslot_t slot;
	int error;

	rw_write_enter(&uo->uo_lock);
	pg = uvm_object_lookup(uo, idx);
	tag = uvm_object_slot(uo, idx);
	if (pg != NULL && (page_flags(pg) & PG_BUSY) != 0)
		uvm_page_wait(uo, pg);
	if (tag == 0) {
		rw_exit(&uo->uo_lock);
		return 0;
	}
	slot = uvm_slot_of(tag);
	slot = fetch_begin(uo, idx, slot, &b);
	rw_exit(&uo->uo_lock);
	if (b.b_npages == 0)
		return ENOMEM;
	b.b_write = false;
	error = blk_io(swap_bio(slot, &b), &b);
	fetch_end(uo, slot, &b, error);
	return error;
}

static void
uao_detach(struct uvm_object *uo)
{
	struct uvm_aobj *uao = uao_of(uo);

	scan_remove(&uo->uo_scan, &uo->uo_lock);
	rw_write_enter(&uo->uo_lock);
	while (uo->uo_npaging > 0)
		(void)sleep_rw(&uo->uo_npaging, &uo->uo_lock, 0, 0, "uaodead");
	rw_exit(&uo->uo_lock);
	uvm_object_fini(uo);
	if (uao->uao_commit != 0)
		uvm_commit(uao->uao_commit, false);
	if (uao->uao_name != NULL)
		kmem_free(uao->uao_name, uao->uao_namelen);
	pool_put(&aobj_pool, uao);
}

static size_t
uao_getname(struct uvm_object *uo, char *buf, size_t len)
{
	struct uvm_aobj *uao = uao_of(uo);
	size_t n;

	KASSERT(len > 0);
	n = 0;
	rw_read_enter(&uo->uo_lock);
	if (uao->uao_name != NULL) {
		n = MIN(uao->uao_namelen - 1, len - 1);
		memcpy(buf, uao->uao_name, n);
	}
	rw_exit(&uo->uo_lock);
	buf[n] = '\0';
	return n;
}

static void
uao_ident(struct uvm_object *uo, dev_t *devp, ino_t *inop)
{
	struct uvm_aobj *uao = uao_of(uo);

	rw_read_enter(&uo->uo_lock);
	*devp = uao->uao_dev;
	*inop = uao->uao_ino;
	rw_exit(&uo->uo_lock);
}

static const struct uvm_pagerops uao_ops = {
    .uo_get = uao_get,
    .uo_fetch = uao_fetch,
    .uo_detach = uao_detach,
    .uo_name = uao_getname,
    .uo_ident = uao_ident,
};

void
uao_boot(void)
{
	pool_init(&aobj_pool, "aobj", sizeof(struct uvm_aobj), 0);
}

int
uao_create(uint64_t size, struct uvm_object **uop)
{
	struct uvm_aobj *uao;

	uao = pool_get(&aobj_pool, PA_ZERO);
	if (uao == NULL)
		return ENOMEM;
	uvm_object_init(&uao->uao_obj, &uao_ops, size);
	scan_insert(&uao->uao_obj.uo_scan, SCAN_OBJECT);
	*uop = &uao->uao_obj;
	return 0;
}

int
uao_create_file(uint64_t size, struct uvm_object **uop)
{
	int error;

	error = uao_create(size, uop);
	if (error == 0)
		(*uop)->uo_file = true;
	return error;
}

/* Zero what lies behind byte size in its page.  uo_lock write-held. */
static void
zero_tail(struct uvm_object *uo, uint64_t size)
{
	struct vm_page *pg;
	size_t used = size & PAGE_MASK;

	if (used == 0)
		return;
	pg = uvm_object_lookup(uo, atop(size));
	if (pg != NULL)
		memset((char *)page_direct(pg) + used, 0, PAGE_SIZE - used);
}

/*
 * Write-lock the object so that the page with the smaller of the old and the
 * new end in it, if there is one, is in memory and not busy: zero_tail() will
 * write there.  Returns the old size.
 */
static uint64_t
tail_enter(struct uvm_object *uo, uint64_t size)
{
	struct vm_page *pg;
	uint64_t old, end;
	int error = 0;

	for (;;) {
		rw_write_enter(&uo->uo_lock);
		old = atomic_load_explicit(&uo->uo_size, memory_order_relaxed);
		end = MIN(old, size);
		pg = uvm_object_lookup(uo, atop(end));
		if ((end & PAGE_MASK) == 0 || error == EIO ||
		    (uvm_object_slot(uo, atop(end)) == 0 &&
			(pg == NULL || (page_flags(pg) & PG_BUSY) == 0)))
			return old;
		rw_exit(&uo->uo_lock);
		error = uao_fetch(uo, atop(end));
		if (error == ENOMEM && !uvm_nomem())
			error = EIO;
	}
}

void
uao_resize(struct uvm_object *uo, uint64_t size)
{
	uint64_t old, keep;

	KASSERT(uo->uo_ops == &uao_ops);
	KASSERT(lock_none_above(RANK_AMAP));
	old = tail_enter(uo, size);
	atomic_store_explicit(&uo->uo_size, size, memory_order_relaxed);
	keep = uvm_object_npages(uo);
	/* Stores through a mapping may have gone past the old end too. */
	zero_tail(uo, MIN(old, size));
	if (size < old)
		uvm_object_free_pages(uo, keep, UINT64_MAX);
	rw_exit(&uo->uo_lock);
	if (size < old)
		amap_truncate(uo, keep);
}

int
uao_commit(struct uvm_object *uo)
{
	u_long npages = uvm_object_npages(uo);
	int error;

	KASSERT(uo->uo_ops == &uao_ops);
	KASSERT(uao_of(uo)->uao_commit == 0);
	error = uvm_commit_check(npages);
	if (error != 0)
		return error;
	uvm_commit(npages, true);
	uao_of(uo)->uao_commit = npages;
	return 0;
}

void
uao_punch(struct uvm_object *uo, uint64_t first, uint64_t last)
{
	KASSERT(uo->uo_ops == &uao_ops);
	KASSERT(lock_none_above(RANK_AMAP));
	rw_write_enter(&uo->uo_lock);
	uvm_object_free_pages(uo, first, last);
	rw_exit(&uo->uo_lock);
}

void
uao_set_name(struct uvm_object *uo, const char *name, dev_t dev, ino_t ino)
{
	struct uvm_aobj *uao = uao_of(uo);
	char *new, *old;
	size_t len, oldlen;

	KASSERT(uo->uo_ops == &uao_ops);
	len = strlen(name) + 1;
	new = kmem_alloc(len, 0);
	if (new != NULL)
		memcpy(new, name, len);
	rw_write_enter(&uo->uo_lock);
	old = uao->uao_name;
	oldlen = uao->uao_namelen;
	uao->uao_name = new;
	uao->uao_namelen = new == NULL ? 0 : len;
	uao->uao_dev = dev;
	uao->uao_ino = ino;
	rw_exit(&uo->uo_lock);
	if (old != NULL)
		kmem_free(old, oldlen);
}
