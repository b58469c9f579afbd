/*
 * vms_file.c: the pages of the host's files (tier 3).
 *
 * A file's object holds the pages that were read.  A page comes by uo_fetch,
 * which reads into a fresh page that nobody else sees and then inserts it;
 * who lost a race frees his.  Shared mappings change pages through the MMU:
 * what it says of them (pmap_is_modified) is what vms_file_sync() and the last
 * release go by.
 *
 * Locks: the object's, for the tree of pages.  Reading and writing hold none;
 * a page that is being written is busy.
 */
#include "vms_local.h"

#include <phys/kmem.h>

struct vms_file {
	struct uvm_object vf_obj;
	void *vf_file;
};

static struct vms_file *
file_of(struct uvm_object *uo)
{
	return container_of(uo, struct vms_file, vf_obj);
}

static uint64_t
npages_now(struct vms_file *f)
{
	uint64_t size = md_file_size(f->vf_file);

	atomic_store_explicit(&f->vf_obj.uo_size, size, memory_order_relaxed);
	return uvm_object_npages(&f->vf_obj);
}

static int
file_get(struct uvm_object *uo, uint64_t idx, vm_prot_t access,
    struct vm_page **pgp)
{
	(void)npages_now(file_of(uo));
	return uvm_object_get(uo, idx, access, pgp);
}

/* Bytes of page idx that the file has. */
static size_t
bytes_in(struct vms_file *f, uint64_t idx)
{
	uint64_t size = md_file_size(f->vf_file);

	return size <= ptoa(idx) ? 0 : MIN(size - ptoa(idx), PAGE_SIZE);
}

static int
file_fetch(struct uvm_object *uo, uint64_t idx)
{
	struct vms_file *f = file_of(uo);
	struct vm_page *pg;
	size_t len;
	int error;

	rw_write_enter(&uo->uo_lock);
	pg = uvm_object_lookup(uo, idx);
	if (pg != NULL) {
		if ((page_flags(pg) & PG_BUSY) != 0)
			uvm_page_wait(uo, pg);
		rw_exit(&uo->uo_lock);
		return 0;
	}
	rw_exit(&uo->uo_lock);

	len = bytes_in(f, idx);
	if (len == 0)
		return ENXIO;
	pg = page_alloc(PK_LOOSE, len < PAGE_SIZE ? PA_ZERO : 0);
	if (pg == NULL)
		return ENOMEM;
	error = md_file_read(f->vf_file, ptoa(idx), page_direct(pg), len);
	if (error != 0) {
		page_free(pg);
		return EIO;
	}
	rw_write_enter(&uo->uo_lock);
	if (uvm_object_lookup(uo, idx) != NULL)
		page_free(pg);
	else {
		error = uvm_object_insert(uo, idx, pg);
		if (error != 0)
			page_free(pg);
	}
	rw_exit(&uo->uo_lock);
	return error;
}

/* Write page pg back if it was changed; uo_lock is dropped meanwhile. */
static int
write_back(struct vms_file *f, uint64_t idx, struct vm_page *pg)
{
	struct uvm_object *uo = &f->vf_obj;
	size_t len;
	int error;

	KASSERT(rw_write_held(&uo->uo_lock));
	if (!pmap_is_modified(pg))
		return 0;
	/* From here on a change finds the page busy, and waits. */
	pmap_page_protect(pg, PROT_NONE);
	pmap_clear_modify(pg);
	uvm_page_busy(pg);
	rw_exit(&uo->uo_lock);
	len = bytes_in(f, idx);
	error = len == 0 ? 0
			 : md_file_write(f->vf_file, ptoa(idx), page_direct(pg),
			       len);
	rw_write_enter(&uo->uo_lock);
	if (error != 0)
		page_set_modified(pg);
	uvm_page_unbusy(pg);
	return error == 0 ? 0 : EIO;
}

int
vms_file_sync(struct vms_file *f)
{
	struct uvm_object *uo = &f->vf_obj;
	struct vm_page *pg;
	uint64_t idx;
	int error = 0, e;

	rw_write_enter(&uo->uo_lock);
	for (idx = 0; (pg = radix_next(&uo->uo_pages, &idx)) != NULL; idx++) {
		if ((page_flags(pg) & PG_BUSY) != 0) {
			uvm_page_wait(uo, pg);
			idx--; /* look again */
			continue;
		}
		e = write_back(f, idx, pg);
		if (e != 0)
			error = e;
	}
	rw_exit(&uo->uo_lock);
	return error;
}

/* The last reference is gone. */
static void
file_detach(struct uvm_object *uo)
{
	struct vms_file *f = file_of(uo);

	(void)vms_file_sync(f);
	uvm_object_fini(uo);
	md_file_unref(f->vf_file);
	kmem_free(f, sizeof(*f));
}

static size_t
file_name(struct uvm_object *uo, char *buf, size_t len)
{
	return md_file_name(file_of(uo)->vf_file, buf, len);
}

static void
file_ident(struct uvm_object *uo, dev_t *devp, ino_t *inop)
{
	md_file_ident(file_of(uo)->vf_file, devp, inop);
}

static const struct uvm_pagerops file_ops = {
    .uo_get = file_get,
    .uo_fetch = file_fetch,
    .uo_detach = file_detach,
    .uo_name = file_name,
    .uo_ident = file_ident,
};

int
vms_file_create(void *file, struct vms_file **fp)
{
	struct vms_file *f = kmem_alloc(sizeof(*f), PA_ZERO);

	if (f == NULL)
		return ENOMEM;
	f->vf_file = file;
	uvm_object_init(&f->vf_obj, &file_ops, md_file_size(file));
	f->vf_obj.uo_file = true;
	md_file_ref(file);
	*fp = f;
	return 0;
}

void
vms_file_hold(struct vms_file *f)
{
	uvm_object_ref(&f->vf_obj);
}

void
vms_file_release(struct vms_file *f)
{
	uvm_object_free(&f->vf_obj);
}

void
vms_file_resized(struct vms_file *f)
{
	struct uvm_object *uo = &f->vf_obj;

	rw_write_enter(&uo->uo_lock);
	uvm_object_free_pages(uo, npages_now(f), UINT64_MAX);
	rw_exit(&uo->uo_lock);
}

int
vms_map_file(struct vmspace *vm, uintptr_t *addr, size_t len, unsigned prot,
    unsigned flags, struct vms_file *f, uint64_t off)
{
	struct uvm_mapargs args = {.um_obj = &f->vf_obj,
	    .um_off = off,
	    .um_maxprot = PROT_ALL};
	int error;

	if (len == 0 || len > VM_MAXUSER_ADDRESS || (off & PAGE_MASK) != 0)
		return EINVAL;
	uvm_object_ref(&f->vf_obj);
	error = vms_map_args(vm, addr, len, prot, flags, &args);
	if (error != 0)
		uvm_object_free(&f->vf_obj);
	return error;
}
