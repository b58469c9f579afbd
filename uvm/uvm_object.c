/*
 * uvm_object.c: memory objects, whatever their pager.
 *
 * Locks: uo_lock guards the tree of pages and the owner's fields of each.  A
 * page that its pager fills or writes without the lock is PG_BUSY meanwhile;
 * others leave it alone, and sleep on its address if they cannot do without.
 */
#include <uvm/object.h>

#include <sys/errno.h>

#include <base/kassert.h>
#include <base/print.h>
#include <base/thread.h>

#include <phys/kmem.h>

#include "uvm_local.h"

void
uvm_object_init(struct uvm_object *uo, const struct uvm_pagerops *ops,
    uint64_t size)
{
	rw_init(&uo->uo_lock, RANK_OBJECT);
	uo->uo_ops = ops;
	radix_init(&uo->uo_pages, NULL);
	uo->uo_npages = uo->uo_nswap = uo->uo_npaging = 0;
	refcount_init(&uo->uo_refs, 1);
	atomic_init(&uo->uo_size, size);
	atomic_init(&uo->uo_writers, 0);
	TAILQ_INIT(&uo->uo_amaps);
	uo->uo_file = uo->uo_disk = false;
	atomic_init(&uo->uo_stored, 0);
	uo->uo_stays = false;
	uo->uo_path = NULL;
	uo->uo_pathlen = 0;
	uo->uo_dev = 0;
	uo->uo_ino = 0;
}

void
uvm_object_set_name(struct uvm_object *uo, const char *name, dev_t dev,
    ino_t ino)
{
	char *new, *old;
	size_t len, oldlen;

	len = strlen(name) + 1;
	new = kmem_alloc(len, 0);
	if (new != NULL)
		memcpy(new, name, len);
	rw_write_enter(&uo->uo_lock);
	old = uo->uo_path;
	oldlen = uo->uo_pathlen;
	uo->uo_path = new;
	uo->uo_pathlen = new == NULL ? 0 : len;
	uo->uo_dev = dev;
	uo->uo_ino = ino;
	rw_exit(&uo->uo_lock);
	if (old != NULL)
		kmem_free(old, oldlen);
}

size_t
uvm_object_name(struct uvm_object *uo, char *buf, size_t len)
{
	size_t n;

	KASSERT(len > 0);
	n = 0;
	rw_read_enter(&uo->uo_lock);
	if (uo->uo_path != NULL) {
		n = MIN(uo->uo_pathlen - 1, len - 1);
		memcpy(buf, uo->uo_path, n);
	}
	rw_exit(&uo->uo_lock);
	buf[n] = '\0';
	return n;
}

void
uvm_object_ident(struct uvm_object *uo, dev_t *devp, ino_t *inop)
{
	rw_read_enter(&uo->uo_lock);
	*devp = uo->uo_dev;
	*inop = uo->uo_ino;
	rw_exit(&uo->uo_lock);
}

/*
 * Pages of files, on swap or not, counted per CPU so that two CPUs that fill two files write
 * no common line.  A CPU's figure may be negative.
 */
static struct {
	_Atomic(long) n[2]; /* of files in memory, of files on disk */
} __aligned(CACHELINE) file_pages[MAXCPU];
u_long uvm_file_pages_max = ~0UL;

static void
object_count(struct uvm_object *uo, long n)
{
	if (uo->uo_file || uo->uo_disk)
		atomic_fetch_add_explicit(&file_pages[curcpu()->cpu_id]
					       .n[uo->uo_disk],
		    n, memory_order_relaxed);
}

static u_long
count_pages(bool disk)
{
	long n = 0;
	u_int i;

	for (i = 0; i < cpu_count(); i++)
		n += atomic_load_explicit(&file_pages[i].n[disk],
		    memory_order_relaxed);
	return n > 0 ? (u_long)n : 0;
}

u_long
uvm_file_pages(void)
{
	return count_pages(false);
}

u_long
uvm_disk_pages(void)
{
	return count_pages(true);
}

u_long
uvm_file_pages_limit(void)
{
	u_long swap =
	    atomic_load_explicit(&uvm_swap_total, memory_order_relaxed);

	return uvm_file_pages_max > ~0UL - swap ? ~0UL
						: uvm_file_pages_max + swap;
}

void
uvm_object_ref(struct uvm_object *uo)
{
	refcount_acquire(&uo->uo_refs);
}

void
uvm_object_free(struct uvm_object *uo)
{
	if (!refcount_release(&uo->uo_refs))
		return;
	KASSERT(lock_none_above(RANK_MAP));
	KASSERT(TAILQ_EMPTY(&uo->uo_amaps));
	KASSERT(
	    atomic_load_explicit(&uo->uo_writers, memory_order_relaxed) == 0);
	uo->uo_ops->uo_detach(uo);
}

static void
wipe_pages(void *arg, void **v, u_int n)
{
	struct vm_page *pg;
	u_int i;

	for (i = 0; i < n; i++) {
		if (uvm_is_slot((uintptr_t)v[i])) {
			swap_free(uvm_slot_of((uintptr_t)v[i]), 1);
			continue;
		}
		pg = v[i];
		KASSERT((page_flags(pg) & PG_BUSY) == 0);
		KASSERT(!pmap_page_mapped(pg));
		pg->pg_obj = NULL;
		uvm_batch_add(arg, pg);
	}
}

void
uvm_object_fini(struct uvm_object *uo)
{
	struct uvm_batch b;

	KASSERT(refcount_load(&uo->uo_refs) == 0);
	uvm_batch_init(&b);
	radix_wipe(&uo->uo_pages, wipe_pages, &b);
	uvm_batch_flush(&b);
	object_count(uo, -(long)(uo->uo_npages + uo->uo_nswap));
	uo->uo_npages = uo->uo_nswap = 0;
	if (uo->uo_path != NULL)
		kmem_free(uo->uo_path, uo->uo_pathlen);
	uo->uo_path = NULL;
}

struct vm_page *
uvm_object_lookup(struct uvm_object *uo, uint64_t idx)
{
	void *v;

	KASSERT(rw_held(&uo->uo_lock));
	v = radix_lookup(&uo->uo_pages, idx);
	return uvm_is_slot((uintptr_t)v) ? NULL : v;
}

uintptr_t
uvm_object_slot(struct uvm_object *uo, uint64_t idx)
{
	uintptr_t v;

	KASSERT(rw_held(&uo->uo_lock));
	v = (uintptr_t)radix_lookup(&uo->uo_pages, idx);
	return uvm_is_slot(v) ? v : 0;
}

int
uvm_object_insert(struct uvm_object *uo, uint64_t idx, struct vm_page *pg)
{
	int error;

	KASSERT(rw_write_held(&uo->uo_lock));
	KDASSERT(!pmap_page_mapped(pg));
	error = radix_insert(&uo->uo_pages, idx, pg);
	if (error != 0)
		return error;
	page_setkind(pg, PK_OBJECT);
	page_flags_clear(pg, PG_ZEROED);
	pg->pg_obj = uo;
	pg->pg_index = idx;
	uo->uo_npages++;
	object_count(uo, 1);
	return 0;
}

void
uvm_object_remove(struct uvm_object *uo, struct vm_page *pg)
{
	void *old;

	KASSERT(rw_write_held(&uo->uo_lock));
	KASSERT(pg->pg_obj == uo);
	pmap_page_remove(pg);
	old = radix_remove(&uo->uo_pages, pg->pg_index);
	KASSERT(old == pg);
	pg->pg_obj = NULL;
	KASSERT(uo->uo_npages > 0);
	uo->uo_npages--;
	object_count(uo, -1);
}

void
uvm_object_free_pages(struct uvm_object *uo, uint64_t first, uint64_t last)
{
	struct uvm_batch b;
	struct vm_page *pg;
	uint64_t i;

	KASSERT(rw_write_held(&uo->uo_lock));
	uvm_batch_init(&b);
	i = first;
	while ((pg = radix_next(&uo->uo_pages, &i)) != NULL && i < last) {
		if (uvm_is_slot((uintptr_t)pg)) {
			(void)radix_remove(&uo->uo_pages, i);
			swap_free(uvm_slot_of((uintptr_t)pg), 1);
			uo->uo_nswap--;
			object_count(uo, -1);
			continue;
		}
		if ((page_flags(pg) & PG_BUSY) != 0) {
			uvm_page_wait(uo, pg);
			i = first;
			continue;
		}
		uvm_object_remove(uo, pg);
		uvm_batch_add(&b, pg);
	}
	uvm_batch_flush(&b);
}

void
uvm_page_busy(struct vm_page *pg)
{
	KASSERT((page_flags(pg) & PG_BUSY) == 0);
	page_flags_set(pg, PG_BUSY);
}

void
uvm_page_unbusy(struct vm_page *pg)
{
	u_int flags = page_flags(pg);

	KASSERT((flags & PG_BUSY) != 0);
	page_flags_clear(pg, PG_BUSY | PG_WANTED);
	if ((flags & PG_WANTED) != 0)
		wakeup(pg);
}

void
uvm_page_wait(struct uvm_object *uo, struct vm_page *pg)
{
	KASSERT(rw_write_held(&uo->uo_lock));
	KASSERT((page_flags(pg) & PG_BUSY) != 0);
	page_flags_set(pg, PG_WANTED);
	(void)sleep_rw(pg, &uo->uo_lock, 0, 0, "pgbusy");
}

void
uvm_object_wait(struct uvm_object *uo, uint64_t idx)
{
	struct vm_page *pg;

	rw_write_enter(&uo->uo_lock);
	pg = uvm_object_lookup(uo, idx);
	if (pg != NULL && (page_flags(pg) & PG_BUSY) != 0)
		uvm_page_wait(uo, pg);
	rw_exit(&uo->uo_lock);
}

int
uvm_object_get(struct uvm_object *uo, uint64_t idx, vm_prot_t access __unused,
    struct vm_page **pgp)
{
	KASSERT(rw_write_held(&uo->uo_lock));
	if (idx >= uvm_object_npages(uo))
		return ENXIO;
	*pgp = uvm_object_lookup(uo, idx);
	return *pgp == NULL ? EAGAIN : 0;
}

/* The flags of a page that cannot be used for access as it is. */
static u_int
unfit(vm_prot_t access)
{
	return (access & PROT_WRITE) != 0 ? PG_BUSY | PG_HOLE : PG_BUSY;
}

int
uvm_object_hold(struct uvm_object *uo, uint64_t idx, vm_prot_t access,
    struct vm_page **pgp)
{
	struct vm_page *pg;
	int error;

	/* Most pages are there: do not keep others from looking. */
	rw_read_enter(&uo->uo_lock);
	pg = uvm_object_lookup(uo, idx);
	error = 0;
	if (pg == NULL) {
		rw_exit(&uo->uo_lock);
		rw_write_enter(&uo->uo_lock);
		error = uo->uo_ops->uo_get(uo, idx, access, &pg);
	}
	if (error == 0 && idx >= uvm_object_npages(uo))
		error = ENXIO;
	if (error == 0 && (page_flags(pg) & unfit(access)) != 0)
		error = EAGAIN;
	if (error != 0) {
		rw_exit(&uo->uo_lock);
		return error;
	}
	*pgp = pg;
	return 0;
}

u_int
uvm_object_gather(struct uvm_object *uo, uint64_t idx, u_int n,
    struct vm_page **pgs)
{
	uint64_t end = uvm_object_npages(uo);
	u_int found, i;

	KASSERT(rw_held(&uo->uo_lock));
	found = radix_gather(&uo->uo_pages, idx, n, (void **)pgs);
	for (i = 0; i < n; i++) {
		if (pgs[i] == NULL ||
		    (idx + i < end && !uvm_is_slot((uintptr_t)pgs[i]) &&
			(page_flags(pgs[i]) & unfit(PROT_WRITE)) == 0))
			continue;
		pgs[i] = NULL;
		found--;
	}
	return found;
}

int
uvm_object_fetch(struct uvm_object *uo, uint64_t idx)
{
	KASSERT(lock_none_above(RANK_MAP));
	if (uo->uo_ops->uo_fetch != NULL)
		return uo->uo_ops->uo_fetch(uo, idx);
	uvm_object_wait(uo, idx);
	return 0;
}

/*
 * Copy len bytes at off within page idx from or to buf.  Memory is waited for
 * only if wait.
 */
static int
page_io(struct uvm_object *uo, uint64_t idx, size_t off, void *buf, size_t len,
    bool write, bool wait)
{
	vm_prot_t access = write ? PROT_WRITE : PROT_READ;
	struct vm_page *pg;
	char *p;
	int error;

	while ((error = uvm_object_hold(uo, idx, access, &pg)) != 0) {
		if (error == EAGAIN)
			error = uvm_object_fetch(uo, idx);
		if (error == ENOMEM && wait && uvm_nomem())
			error = 0;
		if (error != 0)
			return error;
	}
	p = (char *)page_direct(pg) + off;
	if (write) {
		memcpy(p, buf, len);
		page_set_modified(pg);
		pmap_page_written(pg);
	} else
		memcpy(buf, p, len);
	page_set_referenced(pg);
	rw_exit(&uo->uo_lock);
	return 0;
}

/* As page_io() for user memory, by way of the kernel's page at bounce. */
static int
page_uio(struct uvm_object *uo, uint64_t idx, size_t off, vaddr_t ubuf,
    size_t len, bool write, void *bounce)
{
	int error;

	if (write) {
		error = uvm_upcalls->up_copyin(ubuf, bounce, len);
		if (error == 0)
			error = page_io(uo, idx, off, bounce, len, true, true);
	} else {
		error = page_io(uo, idx, off, bounce, len, false, true);
		if (error == 0)
			error = uvm_upcalls->up_copyout(bounce, ubuf, len);
	}
	return error;
}

/*
 * *np bytes, all in one page of uo; *np: those that were moved.  What of the
 * user's lies in a page that is not there ends it, but not before that page.
 */
static int
user_piece(struct uvm_object *uo, uint64_t off, vaddr_t ubuf, size_t *np,
    bool write, void *bounce)
{
	size_t left = PAGE_SIZE - (ubuf & PAGE_MASK);
	int error;

	error =
	    page_uio(uo, atop(off), off & PAGE_MASK, ubuf, *np, write, bounce);
	if (error == EFAULT && *np > left) {
		*np = left;
		error = page_uio(uo, atop(off), off & PAGE_MASK, ubuf, left,
		    write, bounce);
	}
	return error;
}

int
uvm_object_io(struct uvm_object *uo, uint64_t off, void *kbuf, vaddr_t ubuf,
    size_t len, bool write, size_t *donep)
{
	struct vm_page *bounce;
	uint64_t size;
	size_t done, n, pgoff;
	bool wait;
	int error;

	KASSERT(lock_none_above(RANK_OBJECT));
	KASSERT(kbuf != NULL || (lock_none_above(RANK_MAP) && !big_held()));
	/* Whoever is killed for it may want what the caller holds. */
	wait = lock_none_above(RANK_MAP) && !big_held();
	bounce = NULL;
	*donep = 0;
	while (kbuf == NULL && bounce == NULL) {
		bounce = page_alloc(PK_KERNEL, 0);
		if (bounce == NULL && !uvm_nomem())
			return ENOMEM;
	}
	error = 0;
	for (done = 0; done < len && error == 0; done += n) {
		size = atomic_load_explicit(&uo->uo_size, memory_order_relaxed);
		if (off + done >= size) {
			error = write ? ENXIO : 0;
			break;
		}
		pgoff = (off + done) & PAGE_MASK;
		n = MIN(len - done, PAGE_SIZE - pgoff);
		n = MIN(n, size - (off + done));
		if (kbuf != NULL)
			error = page_io(uo, atop(off + done), pgoff,
			    (char *)kbuf + done, n, write, wait);
		else
			error = user_piece(uo, off + done, ubuf + done, &n,
			    write, page_direct(bounce));
		/* The object may have shrunk: reading ends there. */
		if (error != 0)
			n = 0;
		if (error == ENXIO && !write) {
			error = 0;
			break;
		}
	}
	if (bounce != NULL)
		page_free(bounce);
	*donep = done;
	return error;
}

void
uvm_object_verify(struct uvm_object *uo)
{
	struct vm_page *pg;
	uint64_t i;
	u_long n;

	KASSERT(refcount_load(&uo->uo_refs) > 0);
	n = radix_verify(&uo->uo_pages);
	KASSERT(n == uo->uo_npages + uo->uo_nswap);
	for (i = 0; (pg = radix_next(&uo->uo_pages, &i)) != NULL; i++) {
		if (uvm_is_slot((uintptr_t)pg))
			continue;
		KASSERT(page_kind(pg) == PK_OBJECT);
		KASSERT(pg->pg_obj == uo);
		KASSERT(pg->pg_index == i);
	}
}
