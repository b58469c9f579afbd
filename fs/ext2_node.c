/*
 * ext2_node.c: inodes in memory, and the contents of files.
 *
 * Nobody says that an inode was modified: whoever changes an attribute changes
 * the vnode.  ext2_nodes_out() compares what is in memory with what it last
 * wrote to the inode table, and finds out.
 */
#include "ext2.h"

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <phys/pool.h>
#include <kern/time.h>

#define NNODE_MAX 4096u /* in memory; more while they are used */
#define MAXFRAG   (UVN_CLUSTER * (PAGE_SIZE / E2_SUPEROFF))

static struct pool node_pool;

void
ext2_node_init(void)
{
	static bool once; /* [mount_lock] */

	if (!once)
		pool_init(&node_pool, "ext2node", sizeof(struct e2node), 0);
	once = true;
}

/*
 * Times.  On disk: seconds, and in an inode with room for them nanoseconds and
 * two more bits of seconds.
 */

static int64_t
time_in(uint32_t sec, uint32_t extra)
{
	int64_t t = (int32_t)sec;

	t += (int64_t)(extra & 3) << 32;
	return t * (int64_t)NSEC + (extra >> 2) % (uint32_t)NSEC;
}

static void
time_out(_Atomic(int64_t) *ns, uint32_t *sec, uint32_t *extra)
{
	int64_t t = atomic_load_explicit(ns, memory_order_relaxed), s, n;

	s = t / (int64_t)NSEC;
	n = t % (int64_t)NSEC;
	if (n < 0) {
		s--;
		n += (int64_t)NSEC;
	}
	*sec = (uint32_t)s;
	*extra = (uint32_t)((s - (int32_t)s) >> 32 & 3) | (uint32_t)n << 2;
}

/*
 * The inode table.
 */

/* Where inode ino is: a referenced block, and the inode in it. */
static int
table_slot(struct ext2 *em, uint32_t ino, struct e2buf **bp,
    struct e2dinode **dp)
{
	u_int i = (ino - 1) % em->em_super.s_ipg;
	u_int per = em->em_bsize / em->em_isize;
	int error;

	KASSERT(ino >= 1 && ino <= em->em_super.s_inodes);
	error = ext2_bread(em,
	    em->em_group[(ino - 1) / em->em_super.s_ipg].g_itable + i / per,
	    bp);
	if (error == 0)
		*dp = (void *)((char *)(*bp)->eb_data + i % per * em->em_isize);
	return error;
}

/* How many bytes of struct e2dinode inodes have here. */
static size_t
dinode_len(const struct ext2 *em)
{
	return MIN(em->em_isize, E2_DINODE);
}

/* What the inode table should have for en. */
static void
encode(struct e2node *en, struct e2dinode *d)
{
	struct vnode *vp = &en->en_vnode;
	uint64_t size = vp->v_obj != NULL
			    ? atomic_load_explicit(&vp->v_obj->uo_size,
				  memory_order_relaxed)
			    : en->en_size;

	vfs_stored(vp);
	*d = en->en_disk;
	d->d_mode = (uint16_t)vp->v_mode;
	d->d_uid = (uint16_t)vp->v_uid;
	d->d_uidhigh = (uint16_t)(vp->v_uid >> 16);
	d->d_gid = (uint16_t)vp->v_gid;
	d->d_gidhigh = (uint16_t)(vp->v_gid >> 16);
	d->d_nlink = (uint16_t)vp->v_nlink;
	d->d_size = (uint32_t)size;
	if (S_ISREG(vp->v_mode))
		d->d_sizehigh = (uint32_t)(size >> 32);
	d->d_nsector = en->en_nsector;
	memcpy(d->d_block, en->en_block, sizeof(d->d_block));
	time_out(&vp->v_atime, &d->d_atime, &d->d_atime2);
	time_out(&vp->v_mtime, &d->d_mtime, &d->d_mtime2);
	time_out(&vp->v_ctime, &d->d_ctime, &d->d_ctime2);
	if (d->d_extra < E2_EXTRAMIN)
		d->d_atime2 = d->d_mtime2 = d->d_ctime2 = 0;
}

int
ext2_nodes_out(struct ext2 *em, bool named)
{
	struct e2dinode d, *dp;
	struct e2node *en;
	struct e2buf *b;
	int error;

	TAILQ_FOREACH(en, &em->em_all, en_all) {
		if ((en->en_vnode.v_nlink != 0) != named)
			continue;
		encode(en, &d);
		if (!en->en_new && memcmp(&d, &en->en_disk, sizeof(d)) == 0)
			continue;
		error = table_slot(em, (uint32_t)en->en_vnode.v_ino, &b, &dp);
		if (error != 0)
			return error;
		if (en->en_new)
			memset(dp, 0, em->em_isize);
		memcpy(dp, &d, dinode_len(em));
		ext2_bdirty(em, b, EB_INODE);
		ext2_brele(em, b);
		en->en_disk = d;
		en->en_new = false;
		if (d.d_sizehigh != 0 || (int32_t)d.d_size < 0) {
			em->em_super.s_rocompat |= E2_ROCOMPAT_LARGE;
			em->em_mapdirty = true;
		}
	}
	return 0;
}

int
ext2_clear(struct ext2 *em, uint32_t ino)
{
	struct e2dinode *d;
	struct e2buf *b;
	int error;

	error = table_slot(em, ino, &b, &d);
	if (error != 0)
		return error;
	memset(d->d_block, 0, sizeof(d->d_block));
	d->d_nlink = 0;
	d->d_nsector = d->d_size = d->d_sizehigh = d->d_acl = 0;
	d->d_dtime = (uint32_t)(vfs_now() / (int64_t)NSEC);
	ext2_bdirty(em, b, EB_INODE);
	ext2_brele(em, b);
	return 0;
}

/*
 * Inodes in memory.
 */

/* One for inode ino, in em_all only, with one reference; or NULL. */
static struct e2node *
node_alloc(struct ext2 *em, uint32_t ino, mode_t mode)
{
	struct e2node *en;

	en = pool_get(&node_pool, PA_ZERO);
	if (en == NULL)
		return NULL;
	vnode_init(&en->en_vnode, &ext2_vops, mode, em->em_mount->mnt_dev, ino);
	en->en_vnode.v_mount = em->em_mount;
	en->en_mount = em;
	TAILQ_INSERT_TAIL(&em->em_all, en, en_all);
	em->em_nnode++;
	return en;
}

/* From here on it is found by its number, which takes over a reference. */
static void
node_hash(struct e2node *en)
{
	LIST_INSERT_HEAD(&en->en_mount->em_nodes[en->en_vnode.v_ino % E2_NHASH],
	    en, en_hash);
	en->en_hashed = true;
}

static void
node_contents(struct e2node *en, uint64_t size)
{
	struct ext2 *em = en->en_mount;

	if (!S_ISREG(en->en_vnode.v_mode)) {
		en->en_size = size;
		return;
	}
	uvn_init(&en->en_uvn, &ext2_uvnops, size,
	    MIN(ext2_maxblocks(em) * em->em_bsize, FILE_SIZE_MAX),
	    em->em_bsize);
	en->en_vnode.v_obj = &en->en_uvn.uv_obj;
}

/* Whether an inode on disk can be what it says. */
static int
check(const struct ext2 *em, const struct e2dinode *d, uint64_t size)
{
	uint64_t max = ext2_maxblocks(em) * em->em_bsize;

	if (d->d_nlink == 0)
		return ESTALE;
	switch (d->d_mode & S_IFMT) {
	case S_IFREG:
		return size > MIN(max, FILE_SIZE_MAX) ? EIO : 0;
	case S_IFDIR:
		return size == 0 || size % em->em_bsize != 0 ? EIO : 0;
	case S_IFLNK:
		return size == 0 || size >= MIN(em->em_bsize, PATH_MAX) ? EIO
									: 0;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	default:
		return EIO;
	}
}

/* The numbers that mknod(2) has, in the one or the other of two places. */
static dev_t
rdev_in(const struct e2dinode *d)
{
	if (d->d_block[0] != 0)
		return MAKEDEV(d->d_block[0] >> 8 & 0xff, d->d_block[0] & 0xff);
	return d->d_block[1];
}

static int
node_read(struct ext2 *em, uint32_t ino, struct e2node **enp)
{
	struct e2dinode d = {0}, *dp;
	struct e2node *en;
	struct vnode *vp;
	struct e2buf *b;
	uint64_t size;
	int error;

	error = table_slot(em, ino, &b, &dp);
	if (error != 0)
		return error;
	memcpy(&d, dp, dinode_len(em));
	ext2_brele(em, b);
	size = d.d_size;
	if (S_ISREG(d.d_mode))
		size |= (uint64_t)d.d_sizehigh << 32;
	error = check(em, &d, size);
	if (error != 0)
		return error;
	en = node_alloc(em, ino, d.d_mode);
	if (en == NULL)
		return ENOMEM;
	vp = &en->en_vnode;
	vp->v_uid = d.d_uid | (uid_t)d.d_uidhigh << 16;
	vp->v_gid = d.d_gid | (gid_t)d.d_gidhigh << 16;
	vp->v_nlink = d.d_nlink;
	if (d.d_extra < E2_EXTRAMIN)
		d.d_atime2 = d.d_mtime2 = d.d_ctime2 = 0;
	atomic_store_explicit(&vp->v_atime, time_in(d.d_atime, d.d_atime2),
	    memory_order_relaxed);
	atomic_store_explicit(&vp->v_mtime, time_in(d.d_mtime, d.d_mtime2),
	    memory_order_relaxed);
	atomic_store_explicit(&vp->v_ctime, time_in(d.d_ctime, d.d_ctime2),
	    memory_order_relaxed);
	if (S_ISCHR(d.d_mode) || (d.d_mode & S_IFMT) == S_IFBLK)
		vp->v_rdev = rdev_in(&d);
	en->en_nsector = d.d_nsector;
	memcpy(en->en_block, d.d_block, sizeof(en->en_block));
	en->en_disk = d;
	node_contents(en, size);
	node_hash(en);
	*enp = en;
	return 0;
}

int
ext2_node(struct ext2 *em, uint32_t ino, struct e2node **enp)
{
	struct e2node *en;
	int error;

	KASSERT(mutex_held(&em->em_lock));
	if (ino > em->em_super.s_inodes ||
	    (ino != E2_ROOTINO && ino < em->em_super.s_firstino))
		return EIO;
	LIST_FOREACH(en, &em->em_nodes[ino % E2_NHASH], en_hash)
		if (en->en_vnode.v_ino == ino)
			break;
	if (en == NULL) {
		error = node_read(em, ino, &en);
		if (error != 0)
			return error;
	}
	en->en_used = true;
	vref(&en->en_vnode);
	*enp = en;
	return 0;
}

int
ext2_node_new(struct e2node *dir, mode_t mode, struct e2node **enp)
{
	struct ext2 *em = dir->en_mount;
	struct e2node *en;
	uint32_t ino;
	int error;

	error =
	    ext2_ialloc(em, (uint32_t)dir->en_vnode.v_ino, S_ISDIR(mode), &ino);
	if (error != 0)
		return error;
	en = node_alloc(em, ino, mode);
	if (en == NULL) {
		/* As one that was free all the time. */
		if (em->em_ngone < E2_NFREED)
			em->em_gone[em->em_ngone++] =
			    ino | (S_ISDIR(mode) ? E2_GONEDIR : 0);
		return ENOMEM;
	}
	if ((dir->en_vnode.v_mode & S_ISGID) != 0) {
		en->en_vnode.v_gid = dir->en_vnode.v_gid;
		if (S_ISDIR(mode))
			en->en_vnode.v_mode |= S_ISGID;
	}
	if (em->em_isize >= E2_DINODE0 + E2_EXTRAMIN)
		en->en_disk.d_extra = 32;
	en->en_new = true;
	en->en_used = true;
	node_contents(en, 0);
	node_hash(en);
	vref(&en->en_vnode);
	*enp = en;
	return 0;
}

void
ext2_node_unnamed(struct e2node *en)
{
	en->en_vnode.v_nlink = 0;
	if (!en->en_hashed)
		return;
	LIST_REMOVE(en, en_hash);
	en->en_hashed = false;
	/* Not the last: the caller has one. */
	vrele(&en->en_vnode);
}

void
ext2_node_known(struct e2node *en, struct e2node *dir, const char *name)
{
	size_t len = strlen(name) + 1;
	char *copy;

	if (S_ISDIR(en->en_vnode.v_mode) ||
	    (en->en_parent == dir->en_vnode.v_ino && en->en_name != NULL &&
		strcmp(en->en_name, name) == 0))
		return;
	copy = kmem_alloc(len, 0);
	if (en->en_name != NULL)
		kmem_free(en->en_name, strlen(en->en_name) + 1);
	en->en_name = copy;
	if (copy != NULL)
		memcpy(copy, name, len);
	en->en_parent = copy != NULL ? (uint32_t)dir->en_vnode.v_ino : 0;
}

/*
 * LIFECYCLE 43: a file that lost its last name while a process had it mapped
 * ends here, in that process's exit: blocks and inode become free.
 */
void
ext2_node_end(struct e2node *en)
{
	struct ext2 *em = en->en_mount;
	int error = 0;

	KASSERT(lock_none_above(RANK_MOUNT));
	if (en->en_vnode.v_obj != NULL) {
		if (en->en_vnode.v_nlink != 0)
			error = uvn_flush(&en->en_uvn, 0, UINT64_MAX);
		uvn_fini(&en->en_uvn);
	}
	mutex_enter(&em->em_lock);
	KASSERT(!en->en_hashed);
	if (en->en_vnode.v_nlink == 0 && !em->em_rdonly && !em->em_failed) {
		error = ext2_free(en);
		if (error == 0)
			error = ext2_gone(en);
	}
	if (error != 0)
		kprintf("ext2: %s: inode %lu: error %d at its end\n",
		    em->em_bdev->bd_name, (u_long)en->en_vnode.v_ino, error);
	TAILQ_REMOVE(&em->em_all, en, en_all);
	em->em_nnode--;
	/* Who unmounts may wait for this; em is not looked at behind it. */
	wakeup(&em->em_nnode);
	mutex_exit(&em->em_lock);
	if (en->en_name != NULL)
		kmem_free(en->en_name, strlen(en->en_name) + 1);
	pool_put(&node_pool, en);
}

/* Whether nobody but em_nodes knows en. */
static bool
is_idle(struct e2node *en, u_int refs)
{
	return en->en_hashed && refcount_load(&en->en_vnode.v_refs) == refs &&
	       (en->en_vnode.v_obj == NULL ||
		   refcount_load(&en->en_vnode.v_obj->uo_refs) == 1);
}

/*
 * Take one idle inode, of those that no one has asked for since the last look,
 * out of em_nodes; with a reference.  NULL: there is none.
 */
static struct e2node *
idle_one(struct ext2 *em)
{
	struct e2node *en;

	TAILQ_FOREACH(en, &em->em_all, en_all) {
		if (!en->en_used && is_idle(en, 1)) {
			vref(&en->en_vnode);
			return en;
		}
		en->en_used = false;
	}
	return NULL;
}

void
ext2_nodes_idle(struct ext2 *em)
{
	struct e2node *en;
	struct e2dinode d;
	bool gone;
	u_int i;

	for (i = 0; i < 4; i++) {
		mutex_enter(&em->em_lock);
		en = em->em_nnode > NNODE_MAX ? idle_one(em) : NULL;
		mutex_exit(&em->em_lock);
		if (en == NULL)
			return;
		if (en->en_vnode.v_obj != NULL)
			(void)uvn_flush(&en->en_uvn, 0, UINT64_MAX);
		mutex_enter(&em->em_lock);
		if (!em->em_rdonly && !em->em_failed)
			(void)ext2_nodes_out(em, true);
		encode(en, &d);
		gone = is_idle(en, 2) && !en->en_new &&
		       memcmp(&d, &en->en_disk, sizeof(d)) == 0 &&
		       (en->en_vnode.v_obj == NULL || !uvn_dirty(&en->en_uvn));
		if (gone) {
			LIST_REMOVE(en, en_hash);
			en->en_hashed = false;
		}
		mutex_exit(&em->em_lock);
		if (gone)
			vrele(&en->en_vnode);
		vrele(&en->en_vnode);
	}
}

/*
 * Contents.  A page consists of as many blocks as fit, each of which has a
 * place of its own, or none.
 */

static struct e2node *
uvtoe(struct uvm_vnode *uv)
{
	return container_of(uv, struct e2node, en_uvn);
}

/* Where the blocks of n pages from idx on are; 0: nowhere, or past the end. */
static int
places(struct e2node *en, uint64_t idx, u_int n, uint32_t *blk)
{
	struct ext2 *em = en->en_mount;
	u_int per = (u_int)(PAGE_SIZE / em->em_bsize), i;
	uint64_t end = atomic_load_explicit(&en->en_uvn.uv_obj.uo_size,
	    memory_order_relaxed);
	int error = 0;

	end = (end + em->em_bsize - 1) / em->em_bsize;
	mutex_enter(&em->em_lock);
	for (i = 0; i < n * per && error == 0; i++) {
		blk[i] = 0;
		if (idx * per + i < end)
			error = ext2_bmap(en, idx * per + i, false, &blk[i]);
	}
	mutex_exit(&em->em_lock);
	return error;
}

/* How many of n blocks follow each other on disk. */
static u_int
run_of(const uint32_t *blk, u_int n)
{
	u_int i;

	for (i = 1; i < n && blk[i] == blk[0] + i; i++)
		continue;
	return i;
}

/*
 * Move the blocks at blk[] of the pages: whole pages as many as lie together,
 * else the part of one page that does.
 */
static int
move(struct ext2 *em, struct vm_page **pgs, const uint32_t *blk, u_int n,
    bool write)
{
	u_int per = (u_int)(PAGE_SIZE / em->em_bsize), i, k;
	struct bio b;
	int error = 0;

	for (i = 0; i < n * per && error == 0; i += k) {
		k = 1;
		if (blk[i] == 0)
			continue;
		k = run_of(blk + i, n * per - i);
		if (i % per == 0 && k >= per) {
			k -= k % per;
			bio_pages(&b, 0, k / per, write);
		} else {
			k = MIN(k, per - i % per);
			bio_pages(&b, 0, 1, write);
			b.b_off = i % per * em->em_bsize;
			b.b_len = k * em->em_bsize;
		}
		b.b_sector = (uint64_t)blk[i] * (em->em_bsize / BLK_SECTOR);
		memcpy(b.b_page, pgs + i / per,
		    b.b_npages * sizeof(b.b_page[0]));
		error = blk_io(em->em_bdev, &b);
	}
	return error;
}

static int
ext2_read_pages(struct uvm_vnode *uv, uint64_t idx, struct vm_page **pgs,
    u_int n, uint32_t *holesp)
{
	struct e2node *en = uvtoe(uv);
	struct ext2 *em = en->en_mount;
	u_int per = (u_int)(PAGE_SIZE / em->em_bsize), i;
	uint64_t size =
	    atomic_load_explicit(&uv->uv_obj.uo_size, memory_order_relaxed);
	uint32_t blk[MAXFRAG];
	int error;

	*holesp = 0;
	error = places(en, idx, n, blk);
	if (error != 0)
		return error;
	for (i = 0; i < n * per; i++) {
		if (blk[i] != 0)
			continue;
		memset((char *)page_direct(pgs[i / per]) +
			   i % per * em->em_bsize,
		    0, em->em_bsize);
		if ((idx * per + i) * em->em_bsize < size)
			*holesp |= 1u << i / per;
	}
	return move(em, pgs, blk, n, false);
}

static int
ext2_write_pages(struct uvm_vnode *uv, uint64_t idx, struct vm_page **pgs,
    u_int n)
{
	struct e2node *en = uvtoe(uv);
	uint32_t blk[MAXFRAG];
	int error;

	error = places(en, idx, n, blk);
	return error != 0 ? error : move(en->en_mount, pgs, blk, n, true);
}

static int
ext2_back(struct uvm_vnode *uv, uint64_t idx)
{
	struct e2node *en = uvtoe(uv);
	struct ext2 *em = en->en_mount;
	uint64_t per = PAGE_SIZE / em->em_bsize, lblk, end;
	uint32_t blk;
	int error;

	mutex_enter(&em->em_lock);
	error = em->em_rdonly ? EROFS : em->em_failed ? EIO : 0;
	end = (atomic_load_explicit(&uv->uv_obj.uo_size, memory_order_relaxed) +
		  em->em_bsize - 1) /
	      em->em_bsize;
	end = MIN(end, (idx + 1) * per);
	for (lblk = idx * per; lblk < end && error == 0; lblk++)
		error = ext2_bmap(en, lblk, true, &blk);
	mutex_exit(&em->em_lock);
	return error;
}

static int
ext2_truncate(struct uvm_vnode *uv, uint64_t size)
{
	struct e2node *en = uvtoe(uv);
	struct ext2 *em = en->en_mount;
	int error;

	mutex_enter(&em->em_lock);
	error = em->em_failed
		    ? EIO
		    : ext2_cut(en, (size + em->em_bsize - 1) / em->em_bsize);
	mutex_exit(&em->em_lock);
	return error;
}

static int
ext2_sync_node(struct uvm_vnode *uv)
{
	struct ext2 *em = uvtoe(uv)->en_mount;
	int error;

	mutex_enter(&em->em_lock);
	error = ext2_sync(em);
	mutex_exit(&em->em_lock);
	return error;
}

static void
ext2_inactive(struct uvm_vnode *uv)
{
	ext2_node_end(uvtoe(uv));
}

const struct uvn_ops ext2_uvnops = {
    .un_read = ext2_read_pages,
    .un_write = ext2_write_pages,
    .un_back = ext2_back,
    .un_truncate = ext2_truncate,
    .un_sync = ext2_sync_node,
    .un_inactive = ext2_inactive,
};
