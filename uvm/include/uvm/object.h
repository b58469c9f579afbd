/*
 * object.h: memory objects, the page cache.
 *
 * An object is a tree of pages by page number, with operations that bring
 * pages in and take them out.  A file's pages are an object; so is memory
 * shared without a file.  mmap, read and write all use the same pages.
 *
 * Protection:
 *	I	constant
 *	a	C11 atomic
 *	o	uo_lock held for writing
 *	o+	uo_lock in any mode to read, write mode to write
 *	o:a	write under uo_lock, read anywhere as an atomic
 */
#ifndef UVM_OBJECT_H
#define UVM_OBJECT_H

#include <sys/types.h>
#include <sys/queue.h>
#include <base/lock.h>
#include <base/refcount.h>
#include <phys/page.h>
#include <pmap/pmap.h>
#include <uvm/amap.h>
#include <uvm/radix.h>

struct uvm_object;

/*
 * uo_get: the page idx, resident.  uo_lock is write-held before, during and
 *	after; locks of the map and an amap may be held: never sleeps.
 *	0: *pgp is the page.  ENXIO: beyond the end of the object
 *	(SIGBUS).  ENOMEM: no page.  EIO: could not be read.  EAGAIN: it
 *	takes sleeping; call uo_fetch.  Nothing changed but for 0.
 * uo_fetch: do what uo_get could not, or wait until somebody else has.  No
 *	VM lock held; the caller has a reference; may sleep and take the big
 *	lock.  0: call uo_get again (the page may be gone again).  EIO,
 *	ENXIO, ENOMEM.  NULL for objects whose uo_get never says EAGAIN.
 * uo_detach: the last reference is gone; no lock held, may sleep (write-back,
 *	inactivation); frees the pages and the object.  May take the big lock
 *	itself; holds no VM lock while it does.
 * uo_name: a name for /proc maps into buf, always terminated; its length; 0
 *	for none.  Takes uo_lock if it must; map locks may be held.  Most have
 *	uvm_object_name().
 * uo_ident: device and inode number for /proc maps, by the same rules.
 * uo_resize: new size, see uvm_object_resize(); NULL: never asked.
 * uo_flush: write the pages [first, last] that were modified to where they
 *	survive a power cut, and what it takes to find them there.  No lock at
 *	RANK_MOUNT or above held, the caller has a reference; may sleep.  EIO,
 *	ENOMEM, ENOSPC.  NULL: there is no such place.
 */
struct uvm_pagerops {
	int (*uo_get)(struct uvm_object *uo, uint64_t idx, vm_prot_t access,
	    struct vm_page **pgp);
	int (*uo_fetch)(struct uvm_object *uo, uint64_t idx);
	void (*uo_detach)(struct uvm_object *uo);
	size_t (*uo_name)(struct uvm_object *uo, char *buf, size_t len);
	void (*uo_ident)(struct uvm_object *uo, dev_t *devp, ino_t *inop);
	int (*uo_resize)(struct uvm_object *uo, uint64_t size);
	int (*uo_flush)(struct uvm_object *uo, uint64_t first, uint64_t last);
};

struct uvm_object {
	struct rwlock uo_lock;             /* [I] RANK_OBJECT */
	const struct uvm_pagerops *uo_ops; /* [I] */
	struct radix uo_pages;             /* [o+] page or slot, by index */
	u_long uo_npages;                  /* [o+] resident */
	u_long uo_nswap;                   /* [o+] on swap */
	u_long uo_npaging;                 /* [o] being written or read */
	struct scan_item uo_scan;          /* [I] if it is paged out */
	refcount_t uo_refs;                /* [a] */
	_Atomic(uint64_t) uo_size;         /* [o:a] bytes */
	_Atomic(u_int) uo_writers;  /* [a] shared entries that may write */
	_Atomic(int64_t) uo_stored; /* [a] see uvm_object_stored() */
	struct amapq uo_amaps;      /* [o] copies that mappings made */
	bool uo_file;               /* [I] its pages count as file pages */
	bool uo_stays;              /* [o] no page of it goes to swap */
	bool uo_disk;               /* [I] as pages of files on disk */
	char *uo_path;              /* [o+] for /proc maps; NULL: none */
	size_t uo_pathlen;          /* [o+] bytes with the NUL */
	dev_t uo_dev;               /* [o+] */
	ino_t uo_ino;               /* [o+] */
};

/*
 * uvm_object_init: no pages, one reference.
 * uvm_object_ref: one more; the caller has one, or a lock keeps it.
 * uvm_object_free: one less; the last calls uo_detach.  May sleep then: no
 *	lock held, not the big lock either.
 * uvm_object_fini: for uo_detach: free every page and the name.  Nobody else
 *	can reach the object; no lock held.
 *
 * uvm_object_set_name: what /proc maps shows; name is copied, left out when
 *	there is no memory for it.  No lock at RANK_OBJECT or above held.
 * uvm_object_stored: when somebody last came to store through a mapping since
 *	this was asked, as the time of day in ns; 0: nobody.  Pages of a file
 *	on disk are noticed again once they have been written, others when they
 *	are mapped again.  Any context.
 *
 * uvm_object_name: that into buf, always terminated; its length; 0 for none.
 *	Map locks may be held.
 * uvm_object_ident: device and inode number, by the same rules.
 *
 * uvm_object_resize: new size; pages past it are freed and unmapped, and so
 *	are the copies that private mappings made of them; what is left of the
 *	last page reads as zeroes.  No lock at RANK_MOUNT or above held; may
 *	sleep.  Shoots down.  0 for memory; else EIO, EFBIG, ENOMEM.
 */
void uvm_object_init(struct uvm_object *uo, const struct uvm_pagerops *ops,
    uint64_t size);
void uvm_object_ref(struct uvm_object *uo);
void uvm_object_free(struct uvm_object *uo);
void uvm_object_fini(struct uvm_object *uo);
void uvm_object_set_name(struct uvm_object *uo, const char *name, dev_t dev,
    ino_t ino);
size_t uvm_object_name(struct uvm_object *uo, char *buf, size_t len);
void uvm_object_ident(struct uvm_object *uo, dev_t *devp, ino_t *inop);

static inline int64_t
uvm_object_stored(struct uvm_object *uo)
{
	if (atomic_load_explicit(&uo->uo_stored, memory_order_relaxed) == 0)
		return 0;
	return atomic_exchange_explicit(&uo->uo_stored, 0,
	    memory_order_relaxed);
}

static inline int
uvm_object_resize(struct uvm_object *uo, uint64_t size)
{
	return uo->uo_ops->uo_resize(uo, size);
}

/* How many pages its size needs.  Any lock state. */
static inline uint64_t
uvm_object_npages(const struct uvm_object *uo)
{
	uint64_t size =
	    atomic_load_explicit(&uo->uo_size, memory_order_relaxed);

	return atop(size) + ((size & PAGE_MASK) != 0);
}

/*
 * uvm_object_lookup: the resident page idx, which may be busy, or NULL.
 *	uo_lock held.
 * uvm_object_slot: the tag of the slot that page idx is on, or 0: it is not on
 *	swap.  uo_lock held.
 * uvm_object_get: uo_get of the objects that only uo_fetch brings pages into.
 * uvm_object_insert: give it a PK_LOOSE or PK_OBJECT page that is not
 *	mapped.  uo_lock write-held.  ENOMEM: the page is still the caller's.
 * uvm_object_remove: take the page idx out again; it is the caller's then,
 *	PK_OBJECT and not mapped (shoots down).  uo_lock write-held.
 * uvm_object_free_pages: remove and free the pages [first, last), unmapping
 *	them everywhere.  uo_lock write-held and no other lock; drops it to
 *	wait for busy pages.  Cost follows resident pages.  Shoots down.
 */
struct vm_page *uvm_object_lookup(struct uvm_object *uo, uint64_t idx);
int uvm_object_get(struct uvm_object *uo, uint64_t idx, vm_prot_t access,
    struct vm_page **pgp);
uintptr_t uvm_object_slot(struct uvm_object *uo, uint64_t idx);
int uvm_object_insert(struct uvm_object *uo, uint64_t idx, struct vm_page *pg);
void uvm_object_remove(struct uvm_object *uo, struct vm_page *pg);
void uvm_object_free_pages(struct uvm_object *uo, uint64_t first,
    uint64_t last);

/*
 * uvm_object_hold: *pgp is page idx, resident and not busy, made if need be;
 *	uo_lock is held, in one mode or the other.  On error it is not:
 *	EAGAIN: call uvm_object_fetch() and try again; ENXIO, EIO, ENOMEM as
 *	uo_get.  Locks of a map and an amap may be held.
 * uvm_object_gather: of the n pages from idx on, in an aligned range of
 *	RADIX_LEAF, those that could be held, into pgs[], NULL for the others;
 *	how many.  Makes none.  uo_lock held.
 * uvm_object_fetch: uo_fetch, or wait for the busy page.  No lock at RANK_MAP
 *	or above held; the caller has a reference.  May sleep.  0: try again.
 */
int uvm_object_hold(struct uvm_object *uo, uint64_t idx, vm_prot_t access,
    struct vm_page **pgp);
u_int uvm_object_gather(struct uvm_object *uo, uint64_t idx, u_int n,
    struct vm_page **pgs);
int uvm_object_fetch(struct uvm_object *uo, uint64_t idx);

/*
 * Busy pages: a pager that moves bytes without uo_lock marks the page first.
 * A busy page is not read and not freed by others; and not mapped, unless it is
 * a file's that is being written: that is mapped read-only.
 *
 * uvm_page_busy: mark it.  uo_lock write-held; not busy.
 * uvm_page_unbusy: the reverse; wakes who waits.  uo_lock write-held.
 * uvm_page_wait: sleep until it is not busy or gone.  uo_lock write-held and
 *	no other lock; dropped meanwhile: look the page up again.
 * uvm_object_wait: the same by number, for who holds no lock but has a
 *	reference.  Returns at once unless the page is resident and busy.
 */
void uvm_page_busy(struct vm_page *pg);
void uvm_page_unbusy(struct vm_page *pg);
void uvm_page_wait(struct uvm_object *uo, struct vm_page *pg);
void uvm_object_wait(struct uvm_object *uo, uint64_t idx);

/*
 * The anonymous object: pages appear zeroed, live until the object dies.
 * tmpfs files, shared anonymous memory and System V segments are these.
 *
 * uao_create: size in bytes, one reference; ENOMEM.
 * uao_create_file: the same for a file of tmpfs: its pages count, and past
 *	uvm_file_pages_limit() of all such objects uo_get answers ENOSPC (a write
 *	fails, a fault is SIGBUS), so that files cannot take all memory.
 * uvm_file_pages: how many there are, in memory and on swap.
 * uvm_disk_pages: those of files on disk.
 * uvm_file_pages_limit: uvm_file_pages_max, and what swap there is.
 * uao_resize: uvm_object_resize() of one, which cannot fail.  No lock at
 *	RANK_AMAP or above held.
 * uao_commit: count its whole size as committed, once, until it goes; for
 *	an object nobody else has yet.  ENOMEM: more than there may be.
 * uao_punch: the pages [first, last) read as zeroes again: freed and
 *	unmapped.  Copies stay.  No lock at RANK_AMAP or above held.  Shoots
 *	down.
 * uao_stay: from now on its pages stay in memory once they are there, or no
 *	longer do.  No lock at RANK_OBJECT or above held.
 */
int uao_create(uint64_t size, struct uvm_object **uop);
int uao_create_file(uint64_t size, struct uvm_object **uop);
u_long uvm_file_pages(void);
u_long uvm_disk_pages(void);
u_long uvm_file_pages_limit(void);
void uao_stay(struct uvm_object *uo, bool stays);
extern u_long uvm_file_pages_max;
void uao_resize(struct uvm_object *uo, uint64_t size);
int uao_commit(struct uvm_object *uo);
void uao_punch(struct uvm_object *uo, uint64_t first, uint64_t last);

/*
 * Move bytes between the object and a kernel buffer (kbuf not NULL) or user
 * memory of the current space (at ubuf), page by page, for read() and
 * write().  Extends nothing: reads stop at uo_size, writes past it are ENXIO
 * and the caller resizes first.  *donep: bytes moved, also on error.  User
 * bytes go through a page of the kernel, so that no lock is held while they
 * may fault.  No lock at RANK_OBJECT or above; with ubuf none at RANK_MAP or
 * above and not the big lock.  May sleep.  EFAULT, EIO, ENOMEM, ENXIO.
 */
int uvm_object_io(struct uvm_object *uo, uint64_t off, void *kbuf, vaddr_t ubuf,
    size_t len, bool write, size_t *donep);

/* Check tree, count and pages; panics on damage.  uo_lock held. */
void uvm_object_verify(struct uvm_object *uo);

#endif
