/*
 * vnode.h: the pages of files on disk.
 *
 * A file system on disk has a struct uvm_vnode in what it knows of a regular
 * file.  That is a memory object: read, write and mmap use its pages, which
 * come from disk when they are wanted, and go back when they were modified and
 * somebody asks: fsync, msync, sync; or for the sake of the page-out daemon,
 * which takes unmodified pages away by itself.
 *
 * The object may live longer than the file has users: a mapping needs nothing
 * else.  What has to be done at the end of a file, be it that it lost its last
 * name while it was mapped, is done when the last reference to the object goes
 * (un_inactive): by a process that exits, with no lock held, able to sleep.
 *
 * A page without a place on disk (a hole) is PG_HOLE and never mapped for
 * writing; who is about to write to it has un_back() find a place first.  So a
 * full disk is known at the write, or the fault, and not when it is too late.
 *
 * Protection:
 *	I	constant
 *	o	uo_lock of uv_obj held for writing
 */
#ifndef UVM_VNODE_H
#define UVM_VNODE_H

#include <uvm/object.h>

struct uvm_vnode;

/*
 * What the file system does.  No lock at RANK_MOUNT or above is held, and all
 * may sleep.  The pages named are busy, so that they and their places stay;
 * [idx, idx + n) lie below the end of the file.
 *
 * un_read: fill n pages.  Bit i of *holesp: some of page i has no place on
 *	disk, and reads as zeroes.  EIO, ENOMEM.
 * un_write: write what has a place of n pages.  EIO, ENOMEM.
 * un_back: find a place for all of page idx that lies inside of the file.
 *	ENOSPC, EIO, ENOMEM.
 * un_truncate: places past size are not needed any more; no page is there, and
 *	the size has changed.  EIO, ENOMEM: some may be lost until the disk is
 *	checked.
 * un_sync: write what it takes to find the pages after a power cut, and have
 *	the disk write its cache.  EIO, ENOMEM.
 * un_inactive: the last reference has gone.  Calls uvn_flush(), if the file is
 *	to stay, and uvn_fini(), and frees the structure.
 */
struct uvn_ops {
	int (*un_read)(struct uvm_vnode *uv, uint64_t idx, struct vm_page **pgs,
	    u_int n, uint32_t *holesp);
	int (*un_write)(struct uvm_vnode *uv, uint64_t idx,
	    struct vm_page **pgs, u_int n);
	int (*un_back)(struct uvm_vnode *uv, uint64_t idx);
	int (*un_truncate)(struct uvm_vnode *uv, uint64_t size);
	int (*un_sync)(struct uvm_vnode *uv);
	void (*un_inactive)(struct uvm_vnode *uv);
};
#define UVN_CLUSTER 16u /* most pages at a time */

struct uvm_vnode {
	struct uvm_object uv_obj;     /* its own lock */
	const struct uvn_ops *uv_ops; /* [I] */
	uint64_t uv_maxsize;          /* [I] bytes; more is EFBIG */
	bool uv_small; /* [I] places on disk are smaller than pages */
	int uv_error;  /* [o] a write failed, and nobody was told */
};

/*
 * uvn_init: a file of size bytes, no pages, one reference; maxsize as
 *	uv_maxsize, bsize what a place on disk is long.
 * uvn_fini: free the pages; see un_inactive.
 * uvn_flush: have the pages [first, last] written that are modified, and wait.
 *	Also reports, once, that an earlier write failed.  No lock at
 *	RANK_MOUNT or above held; may sleep.  EIO, ENOMEM; the pages stay
 *	modified then.
 * uvn_dirty: some page is modified.  Takes uo_lock.
 */
void uvn_init(struct uvm_vnode *uv, const struct uvn_ops *ops, uint64_t size,
    uint64_t maxsize, u_int bsize);
void uvn_fini(struct uvm_vnode *uv);
int uvn_flush(struct uvm_vnode *uv, uint64_t first, uint64_t last);
bool uvn_dirty(struct uvm_vnode *uv);

/*
 * uvm_writeback: set once, by who knows all files: begin to write what is
 *	modified, and return when what was modified at the call is written, or
 *	cannot be.  Called by the page-out daemon: waits for no memory, and for
 *	no lock whose holder does.  NULL: there are no files on disk.
 */
extern void (*_Atomic uvm_writeback)(void);

#endif
