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

static void
uao_detach(struct uvm_object *uo)
{
	struct uvm_aobj *uao = uao_of(uo);

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
    .uo_fetch = NULL,
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

void
uao_resize(struct uvm_object *uo, uint64_t size)
{
	uint64_t old, keep;

	KASSERT(uo->uo_ops == &uao_ops);
	KASSERT(lock_none_above(RANK_AMAP));
	rw_write_enter(&uo->uo_lock);
	old = atomic_load_explicit(&uo->uo_size, memory_order_relaxed);
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
