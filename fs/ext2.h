/*
 * ext2.h: what the files of the ext2 file system share.
 *
 * The layout on disk (ext2_disk.h) is that of revisions 0 and 1 with the
 * features filetype, sparse_super and large_file.
 *
 *	ext2_buf.c	blocks of metadata in memory, and the order in which
 *			they go to disk
 *	ext2_alloc.c	blocks and inodes, and where a file's blocks are
 *	ext2_dir.c	directories
 *	ext2_node.c	inodes in memory
 *	ext2_ops.c	what vnodes and mounts do
 *
 * em_lock is held for whatever is not a file's contents.  Under it nobody waits
 * for memory: who finds none fails with ENOMEM, after looking in the reserve,
 * so that the page-out daemon can have files written.  The big lock is let go
 * first (ext2_enter()), because it may not be had again on waking.
 *
 * Protection:
 *	I	constant while mounted
 *	m	em_lock
 */
#ifndef FS_EXT2_H
#define FS_EXT2_H

#include <dev/blk.h>
#include <uvm/vnode.h>
#include <fs/mount.h>
#include <fs/vfs.h>

#include "ext2_disk.h"

/*
 * A block of metadata.  Its phase says when it is written; see ext2_sync().
 */
enum e2phase { EB_NEW, EB_INODE, EB_DIR, EB_LATE, EB_MAP, EB_CLEAN };
struct e2buf {
	LIST_ENTRY(e2buf) eb_hash;  /* [m] */
	TAILQ_ENTRY(e2buf) eb_link; /* [m] if modified or not referenced */
	uint32_t eb_block;          /* [m] */
	u_int eb_refs;              /* [m] */
	enum e2phase eb_phase;      /* [m] EB_CLEAN: not modified */
	bool eb_first;              /* [m] a block in EB_LATE relies on it */
	void *eb_data;              /* [m] kmem */
	struct bio eb_bio;          /* [m] */
};
TAILQ_HEAD(e2bufq, e2buf);

#define E2_NHASH  256u
#define E2_NFREED 512u

/* Blocks that are free as soon as no inode on disk has them any more. */
struct e2extent {
	uint32_t ex_block, ex_n;
};

struct ext2 {
	struct mutex em_lock;     /* [I] RANK_MOUNT */
	struct mount *em_mount;   /* [I] */
	struct blkdev *em_bdev;   /* [I] */
	u_int em_bsize;           /* [I] bytes; a power of two */
	u_int em_ptrs;            /* [I] block numbers in a block */
	u_int em_isize;           /* [I] bytes of an inode */
	u_int em_ngroups;         /* [I] */
	u_int em_gdblocks;        /* [I] blocks of descriptors */
	bool em_rdonly;           /* [I] */
	struct e2super em_super;  /* [m] */
	struct e2group *em_group; /* [m] kmem */
	bool em_mapdirty;         /* [m] em_super, em_group */
	bool em_failed;           /* [m] metadata could not be written */
	bool em_unflushed;        /* [m] the disk may have some in a cache */
	LIST_HEAD(, e2buf) em_bufs[E2_NHASH];   /* [m] by block */
	struct e2bufq em_dirty[EB_CLEAN];       /* [m] */
	struct e2bufq em_idle;                  /* [m] not referenced, clean */
	u_int em_nbuf, em_maxbuf;               /* [m] */
	u_int em_ndirty;                        /* [m] */
	LIST_HEAD(, e2node) em_nodes[E2_NHASH]; /* [m] by inode number */
	TAILQ_HEAD(, e2node) em_all;            /* [m] those without name too */
	u_int em_nnode;                         /* [m] */
	u_int em_nfreed, em_ngone;              /* [m] used of these two */
	u_long em_freedblocks;                  /* [m] sum of em_freed */
	struct e2extent em_freed[E2_NFREED];    /* [m] */
	uint32_t
	    em_gone[E2_NFREED]; /* [m] inodes to be cleared; | E2_GONEDIR */
};
#define E2_GONEDIR 0x80000000u

/*
 * An inode in memory.  While it has a name it is in em_nodes, which has a
 * reference to the vnode; so it stays, with its pages, when nobody uses it.
 * One that has lost its last name leaves em_nodes, and ends with its last
 * user: the pages' object, for a regular file.
 */
struct e2node {
	struct vnode en_vnode;      /* first */
	struct uvm_vnode en_uvn;    /* regular file: v_obj */
	struct ext2 *en_mount;      /* [I] */
	LIST_ENTRY(e2node) en_hash; /* [m] if en_hashed */
	TAILQ_ENTRY(e2node) en_all; /* [m] */
	bool en_hashed;             /* [m] */
	bool en_new;                /* [m] never was on disk */
	bool en_used;     /* [m] since somebody looked for idle ones */
	uint64_t en_size; /* [m] bytes of a directory or link */
	uint32_t en_block[E2_NBLOCK]; /* [m] */
	uint32_t en_nsector;          /* [m] of 512 bytes */
	uint32_t en_goal;             /* [m] the block allocated last */
	uint32_t en_parent;           /* [m] not a directory: where it was */
	char *en_name;                /* [m] found, and as what; kmem */
	struct e2dinode en_disk;      /* [m] as the inode table has it */
};

static inline struct e2node *
vtoe(struct vnode *vp)
{
	return (struct e2node *)vp;
}

/*
 * All below: em_lock held unless said otherwise; all may sleep; EIO is for what
 * cannot be read and for what makes no sense.
 *
 * ext2_enter, ext2_exit: em_lock, without the big lock, which has the depth
 *	that exit is told afterwards.  Exit also gives idle inodes back.
 */
u_int ext2_enter(struct ext2 *em);
void ext2_exit(struct ext2 *em, u_int depth);

/*
 * ext2_buf.c
 *
 * ext2_bread: block blk, referenced.  EIO, ENOMEM.
 * ext2_bnew: the same for a block that was just allocated: zeroes, EB_NEW.
 * ext2_brele: give it back.
 * ext2_bdirty: it was modified, and is to be written in that phase.
 * ext2_bforget: blk is free: what it had is not worth writing.
 * ext2_sync: write all metadata, in order, inodes included, then free what
 *	waits for it; the disk's cache is flushed.  EIO, ENOMEM.
 * ext2_bfini: forget all blocks, modified or not.
 */
int ext2_bread(struct ext2 *em, uint32_t blk, struct e2buf **bp);
int ext2_bnew(struct ext2 *em, uint32_t blk, struct e2buf **bp);
void ext2_brele(struct ext2 *em, struct e2buf *b);
void ext2_bdirty(struct ext2 *em, struct e2buf *b, enum e2phase phase);
void ext2_bforget(struct ext2 *em, uint32_t blk);
int ext2_sync(struct ext2 *em);
void ext2_binit(struct ext2 *em);
void ext2_bfini(struct ext2 *em);

/*
 * ext2_alloc.c
 *
 * ext2_valid: blk may belong to a file.
 * ext2_bmap: where block lblk of en is: *blkp, 0: nowhere, and then it gets a
 *	place if alloc.  ENOSPC, EIO, ENOMEM, EFBIG.
 * ext2_maxblocks: how many blocks a file can have.
 * ext2_cut: free the blocks of en from lblk on.
 * ext2_ialloc: a free inode near that of the directory dir: *inop.  ENOSPC.
 * ext2_free: all that en has but its inode: blocks and attributes.
 * ext2_gone: free en's inode, with the next ext2_sync().
 * ext2_release: free on the bitmaps what waits in em_freed and em_gone.
 */
bool ext2_valid(const struct ext2 *em, uint32_t blk);
int ext2_bmap(struct e2node *en, uint64_t lblk, bool alloc, uint32_t *blkp);
uint64_t ext2_maxblocks(const struct ext2 *em);
int ext2_cut(struct e2node *en, uint64_t lblk);
int ext2_ialloc(struct ext2 *em, uint32_t dir, bool isdir, uint32_t *inop);
int ext2_free(struct e2node *en);
int ext2_gone(struct e2node *en);
int ext2_release(struct ext2 *em);

/*
 * ext2_dir.c: directories.  A place (struct e2place) is an entry: a referenced
 * block, the entry in it and the one before, if there is one in the block.
 *
 * ext2_find: the entry called name.  ENOENT.
 * ext2_find_ino: the entry of inode ino.  ENOENT.
 * ext2_put: done with a place.
 * ext2_enter_name: a new entry; name is known to be absent.  *lp, unless NULL,
 *	is where.  ENOSPC.
 * ext2_point: the entry is for another inode from now on.
 * ext2_erase: there is no entry there any more.
 * ext2_is_empty: nothing but "." and ".."; EIO: or cannot be told.
 * ext2_first_block: make "." and ".." of the new directory en.  ENOSPC.
 * ext2_list: as vo_readdir.
 */
struct e2place {
	struct e2buf *pl_buf;
	struct e2dirent *pl_entry, *pl_prev;
};
int ext2_find(struct e2node *dir, const char *name, struct e2place *pl);
int ext2_find_ino(struct e2node *dir, uint32_t ino, struct e2place *pl);
void ext2_put(struct e2node *dir, struct e2place *pl);
int ext2_enter_name(struct e2node *dir, const char *name, struct e2node *en,
    struct e2place *pl);
void ext2_point(struct e2node *dir, struct e2place *pl, struct e2node *en);
void ext2_erase(struct e2node *dir, struct e2place *pl, enum e2phase phase);
int ext2_is_empty(struct e2node *dir);
int ext2_first_block(struct e2node *en, struct e2node *parent);
int ext2_list(struct e2node *dir, off_t *offp, dirent_fn *emit, void *arg);

/*
 * ext2_node.c
 *
 * ext2_node: the inode ino, referenced.  EIO, ENOMEM; ESTALE: it is free.
 * ext2_node_new: a new one of this mode, referenced, with no name yet; in a
 *	directory near dir.  ENOSPC, ENOMEM, EIO.
 * ext2_node_unnamed: en has lost its last name.
 * ext2_node_known: en, no directory, was found in dir as name.
 * ext2_node_end: the last reference to en has gone.  em_lock not held.
 * ext2_nodes_out: what differs from the inode table goes there: of those with
 *	names, or of those without.
 * ext2_clear: clear the inode ino on disk.
 * ext2_nodes_idle: give some back that nobody uses.  em_lock not held.
 */
extern const struct vops ext2_vops;
extern const struct uvn_ops ext2_uvnops;
int ext2_node(struct ext2 *em, uint32_t ino, struct e2node **enp);
int ext2_node_new(struct e2node *dir, mode_t mode, struct e2node **enp);
void ext2_node_unnamed(struct e2node *en);
void ext2_node_known(struct e2node *en, struct e2node *dir, const char *name);
void ext2_node_end(struct e2node *en);
int ext2_nodes_out(struct ext2 *em, bool named);
int ext2_clear(struct ext2 *em, uint32_t ino);
void ext2_nodes_idle(struct ext2 *em);
void ext2_node_init(void);

#endif
