/*
 * ext2_ops.c: what vnodes and mounts of ext2 do.
 *
 * Every operation that looks at metadata is bracketed by ext2_enter() and
 * ext2_exit(): the big lock is let go and em_lock taken.  What the caller
 * found out under the big lock may be different then, so names are looked up
 * again.
 */
#include "ext2.h"

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <kern/proc.h>
#include <kern/time.h>

u_int
ext2_enter(struct ext2 *em)
{
	u_int depth = big_release_all();

	mutex_enter(&em->em_lock);
	return depth;
}

void
ext2_exit(struct ext2 *em, u_int depth)
{
	/* What is modified has to go at times, or memory is full of it. */
	if (em->em_ndirty > em->em_maxbuf / 2 && !em->em_failed)
		(void)ext2_sync(em);
	mutex_exit(&em->em_lock);
	ext2_nodes_idle(em);
	big_reacquire(depth);
}

/* Whether anything may be changed. */
static int
may_modify(const struct ext2 *em)
{
	return em->em_rdonly ? EROFS : em->em_failed ? EIO : 0;
}

static int
ext2_lookup(struct vnode *dvp, const char *name, struct vnode **vpp)
{
	struct e2node *dir = vtoe(dvp), *en;
	struct ext2 *em = dir->en_mount;
	struct e2place pl;
	u_int depth;
	int error;

	depth = ext2_enter(em);
	error = dvp->v_nlink == 0 ? ENOENT : ext2_find(dir, name, &pl);
	if (error == 0) {
		error = ext2_node(em, pl.pl_entry->de_ino, &en);
		ext2_put(dir, &pl);
		if (error == ESTALE)
			error = EIO;
	}
	if (error == 0) {
		ext2_node_known(en, dir, name);
		*vpp = &en->en_vnode;
	}
	ext2_exit(em, depth);
	return error;
}

/* The inode that ".." of a directory is, or where another file was found. */
static int
find_parent(struct e2node *en, struct e2node **upp)
{
	struct e2place pl;
	uint32_t ino = en->en_parent;
	int error;

	if (S_ISDIR(en->en_vnode.v_mode)) {
		error = ext2_find(en, "..", &pl);
		if (error != 0)
			return error;
		ino = pl.pl_entry->de_ino;
		ext2_put(en, &pl);
	}
	/* The root, and what a damaged disk makes look like one. */
	if (ino == 0 || ino == en->en_vnode.v_ino)
		return ENOENT;
	error = ext2_node(en->en_mount, ino, upp);
	if (error == 0 && !S_ISDIR((*upp)->en_vnode.v_mode)) {
		vrele(&(*upp)->en_vnode);
		error = EIO;
	}
	return error == ESTALE ? ENOENT : error;
}

static int
ext2_parent(struct vnode *vp, struct vnode **vpp)
{
	struct e2node *en = vtoe(vp), *up;
	u_int depth;
	int error;

	depth = ext2_enter(en->en_mount);
	error = find_parent(en, &up);
	if (error == 0)
		*vpp = &up->en_vnode;
	ext2_exit(en->en_mount, depth);
	return error;
}

static size_t
ext2_name(struct vnode *vp, char *buf, size_t size)
{
	struct e2node *en = vtoe(vp), *up = NULL;
	struct e2place pl;
	char name[NAME_MAX + 1] = "";
	u_int depth;

	depth = ext2_enter(en->en_mount);
	if (!S_ISDIR(vp->v_mode)) {
		if (en->en_name != NULL)
			strlcpy(name, en->en_name, sizeof(name));
	} else if (find_parent(en, &up) == 0 &&
		   ext2_find_ino(up, (uint32_t)vp->v_ino, &pl) == 0) {
		memcpy(name, pl.pl_entry->de_name, pl.pl_entry->de_namelen);
		name[pl.pl_entry->de_namelen] = '\0';
		ext2_put(up, &pl);
	}
	ext2_exit(en->en_mount, depth);
	if (up != NULL)
		vrele(&up->en_vnode);
	return strlcpy(buf, name, size);
}

/* The text of a new symbolic link. */
static int
link_text(struct e2node *en, const char *target)
{
	size_t len = strlen(target);
	struct e2buf *b;
	uint32_t blk;
	int error;

	if (len >= en->en_mount->em_bsize)
		return ENAMETOOLONG;
	en->en_size = len;
	if (len < E2_FASTLINK) {
		memcpy(en->en_block, target, len);
		return 0;
	}
	error = ext2_bmap(en, 0, true, &blk);
	if (error == 0)
		error = ext2_bnew(en->en_mount, blk, &b);
	if (error == 0) {
		memcpy(b->eb_data, target, len);
		ext2_brele(en->en_mount, b);
	}
	return error;
}

/* What a new file of this mode has, but for its name. */
static int
fill_new(struct e2node *en, struct e2node *dir, dev_t rdev, const char *target)
{
	mode_t mode = en->en_vnode.v_mode;

	en->en_vnode.v_nlink = 1;
	if (S_ISLNK(mode))
		return link_text(en, target);
	if (S_ISDIR(mode)) {
		en->en_vnode.v_nlink = 2;
		return ext2_first_block(en, dir);
	}
	if (S_ISCHR(mode) || S_ISBLK(mode)) {
		en->en_vnode.v_rdev = rdev;
		if (MAJOR(rdev) < 256 && rdev <= 0xffff)
			en->en_block[0] = (uint32_t)rdev;
		else
			en->en_block[1] = (uint32_t)rdev;
	}
	return 0;
}

/* Whether name can be entered in dir. */
static int
may_enter(struct e2node *dir, const char *name)
{
	struct e2place pl;
	int error;

	error = may_modify(dir->en_mount);
	if (error != 0)
		return error;
	if (dir->en_vnode.v_nlink == 0)
		return ENOENT;
	error = ext2_find(dir, name, &pl);
	if (error != 0)
		return error == ENOENT ? 0 : error;
	ext2_put(dir, &pl);
	return EEXIST;
}

static int
ext2_create(struct vnode *dvp, const char *name, mode_t mode, dev_t rdev,
    const char *target, struct vnode **vpp)
{
	struct e2node *dir = vtoe(dvp), *en = NULL;
	struct ext2 *em = dir->en_mount;
	u_int depth;
	int error;

	depth = ext2_enter(em);
	error = may_enter(dir, name);
	if (error == 0 && S_ISDIR(mode) && dvp->v_nlink >= LINK_MAX)
		error = EMLINK;
	if (error == 0)
		error = ext2_node_new(dir, mode, &en);
	if (error == 0) {
		error = fill_new(en, dir, rdev, target);
		if (error == 0)
			error = ext2_enter_name(dir, name, en, NULL);
		if (error != 0)
			ext2_node_unnamed(en);
	}
	if (error == 0) {
		if (S_ISDIR(mode))
			dvp->v_nlink++;
		ext2_node_known(en, dir, name);
		*vpp = &en->en_vnode;
	}
	ext2_exit(em, depth);
	if (error != 0 && en != NULL)
		vrele(&en->en_vnode);
	return error;
}

static void
changed(struct e2node *en)
{
	atomic_store_explicit(&en->en_vnode.v_ctime, vfs_now(),
	    memory_order_relaxed);
}

static int
ext2_link(struct vnode *dvp, const char *name, struct vnode *vp)
{
	struct e2node *dir = vtoe(dvp), *en = vtoe(vp);
	u_int depth;
	int error;

	depth = ext2_enter(dir->en_mount);
	error = may_enter(dir, name);
	if (error == 0 && vp->v_nlink == 0)
		error = ENOENT;
	if (error == 0 && vp->v_nlink >= LINK_MAX)
		error = EMLINK;
	if (error == 0)
		error = ext2_enter_name(dir, name, en, NULL);
	if (error == 0) {
		vp->v_nlink++;
		changed(en);
		ext2_node_known(en, dir, name);
	}
	ext2_exit(dir->en_mount, depth);
	return error;
}

/* A name of en, in dir, has gone or is going to. */
static void
lose_name(struct e2node *dir, struct e2node *en)
{
	struct vnode *vp = &en->en_vnode;

	changed(en);
	if (S_ISDIR(vp->v_mode)) {
		if (dir->en_vnode.v_nlink > 2)
			dir->en_vnode.v_nlink--;
		vp->v_nlink = 1;
	}
	if (vp->v_nlink <= 1)
		ext2_node_unnamed(en);
	else
		vp->v_nlink--;
}

/* Whether en may lose a name. */
static int
may_lose(struct e2node *en)
{
	if (en->en_vnode.v_mounted != NULL)
		return EBUSY;
	return S_ISDIR(en->en_vnode.v_mode) ? ext2_is_empty(en) : 0;
}

static int
ext2_remove(struct vnode *dvp, const char *name)
{
	struct e2node *dir = vtoe(dvp), *en = NULL;
	struct ext2 *em = dir->en_mount;
	struct e2place pl;
	u_int depth;
	int error;

	depth = ext2_enter(em);
	error = may_modify(em);
	if (error == 0)
		error = ext2_find(dir, name, &pl);
	if (error == 0) {
		error = ext2_node(em, pl.pl_entry->de_ino, &en);
		if (error == 0)
			error = may_lose(en);
		if (error == 0) {
			ext2_erase(dir, &pl, EB_DIR);
			lose_name(dir, en);
		}
		ext2_put(dir, &pl);
	}
	ext2_exit(em, depth);
	if (en != NULL)
		vrele(&en->en_vnode);
	return error == ESTALE ? EIO : error;
}

/*
 * Rename.  The new name comes before the old one goes, on disk too: in one
 * block that is one write, else the block of the old name is written late.
 * What was to be written late has to be written before anything can rely on
 * it, so both blocks are clean but for what fits.
 */
static int
rename_order(struct ext2 *em, struct e2buf *to, struct e2buf *from)
{
	if (to == from)
		return 0;
	if (to->eb_phase == EB_LATE || from->eb_phase == EB_NEW ||
	    from->eb_first)
		return ext2_sync(em);
	return 0;
}

/* The name in fdir goes, that in tdir is for en now: to->pl_buf has it. */
static int
rename_erase(struct e2node *fdir, const char *fname, struct e2place *to)
{
	struct e2place from;
	int error;

	/* The new name may have moved what was found before. */
	error = ext2_find(fdir, fname, &from);
	if (error != 0)
		return error;
	if (from.pl_buf != to->pl_buf) {
		to->pl_buf->eb_first = to->pl_buf->eb_phase != EB_CLEAN;
		ext2_erase(fdir, &from, EB_LATE);
	} else
		ext2_erase(fdir, &from, EB_DIR);
	ext2_put(fdir, &from);
	return 0;
}

/* The directory en has moved from fdir to tdir: ".." and counts. */
static int
rename_parent(struct e2node *en, struct e2node *fdir, struct e2node *tdir)
{
	struct e2place pl;
	int error;

	if (!S_ISDIR(en->en_vnode.v_mode) || fdir == tdir)
		return 0;
	error = ext2_find(en, "..", &pl);
	if (error != 0)
		return error;
	ext2_point(en, &pl, tdir);
	ext2_put(en, &pl);
	if (fdir->en_vnode.v_nlink > 2)
		fdir->en_vnode.v_nlink--;
	tdir->en_vnode.v_nlink++;
	return 0;
}

/* The new name, in the place of old unless NULL; *to is where. */
static int
rename_enter(struct e2node *tdir, const char *tname, struct e2node *en,
    struct e2node *old, struct e2buf *from, struct e2place *to)
{
	struct ext2 *em = tdir->en_mount;
	int error;

	if (old == NULL) {
		error = ext2_enter_name(tdir, tname, en, to);
		if (error != 0)
			return error;
		/* Too late to ask before: all of it goes first. */
		error = rename_order(em, to->pl_buf, from);
		if (error != 0)
			ext2_put(tdir, to);
		return error;
	}
	error = ext2_find(tdir, tname, to);
	if (error != 0)
		return error;
	error = rename_order(em, to->pl_buf, from);
	if (error != 0) {
		ext2_put(tdir, to);
		return error;
	}
	ext2_point(tdir, to, en);
	lose_name(tdir, old);
	return 0;
}

static int
rename_locked(struct e2node *fdir, const char *fname, struct e2node *tdir,
    const char *tname, struct e2node **enp, struct e2node **oldp)
{
	struct ext2 *em = fdir->en_mount;
	struct e2place from, to;
	int error;

	error = may_modify(em);
	if (error == 0 && tdir->en_vnode.v_nlink == 0)
		error = ENOENT;
	if (error == 0)
		error = ext2_find(tdir, tname, &to);
	if (error == 0) {
		error = ext2_node(em, to.pl_entry->de_ino, oldp);
		ext2_put(tdir, &to);
		if (error == 0)
			error = may_lose(*oldp);
	} else if (error == ENOENT && tdir->en_vnode.v_nlink != 0)
		error = 0;
	if (error == 0)
		error = ext2_find(fdir, fname, &from);
	if (error != 0)
		return error;
	error = ext2_node(em, from.pl_entry->de_ino, enp);
	if (error == 0 && (*enp)->en_vnode.v_mounted != NULL)
		error = EBUSY;
	if (error == 0 && *enp == *oldp)
		error = ENOENT; /* was not so a moment ago */
	if (error == 0 && S_ISDIR((*enp)->en_vnode.v_mode) && fdir != tdir &&
	    tdir->en_vnode.v_nlink >= LINK_MAX)
		error = EMLINK;
	if (error == 0)
		error =
		    rename_enter(tdir, tname, *enp, *oldp, from.pl_buf, &to);
	ext2_put(fdir, &from);
	if (error != 0)
		return error;
	error = rename_erase(fdir, fname, &to);
	ext2_put(tdir, &to);
	if (error == 0)
		error = rename_parent(*enp, fdir, tdir);
	changed(*enp);
	ext2_node_known(*enp, tdir, tname);
	return error;
}

static int
ext2_rename(struct vnode *fdvp, const char *fname, struct vnode *tdvp,
    const char *tname)
{
	struct e2node *en = NULL, *old = NULL;
	struct ext2 *em = vtoe(fdvp)->en_mount;
	u_int depth;
	int error;

	depth = ext2_enter(em);
	error = rename_locked(vtoe(fdvp), fname, vtoe(tdvp), tname, &en, &old);
	ext2_exit(em, depth);
	if (en != NULL)
		vrele(&en->en_vnode);
	if (old != NULL)
		vrele(&old->en_vnode);
	return error == ESTALE ? EIO : error;
}

static int
ext2_readlink(struct vnode *vp, char *buf, size_t size, size_t *lenp)
{
	struct e2node *en = vtoe(vp);
	struct e2buf *b;
	uint32_t blk;
	u_int depth;
	int error = 0;

	depth = ext2_enter(en->en_mount);
	*lenp = MIN(size, en->en_size);
	if (en->en_size < E2_FASTLINK)
		memcpy(buf, en->en_block, *lenp);
	else {
		error = ext2_bmap(en, 0, false, &blk);
		if (error == 0 && blk == 0)
			error = EIO;
		if (error == 0)
			error = ext2_bread(en->en_mount, blk, &b);
		if (error == 0) {
			memcpy(buf, b->eb_data, *lenp);
			ext2_brele(en->en_mount, b);
		}
	}
	ext2_exit(en->en_mount, depth);
	return error;
}

static int
ext2_readdir(struct vnode *dvp, off_t *offp, dirent_fn *emit, void *arg)
{
	struct e2node *dir = vtoe(dvp);
	u_int depth;
	int error;

	depth = ext2_enter(dir->en_mount);
	error = ext2_list(dir, offp, emit, arg);
	ext2_exit(dir->en_mount, depth);
	return error;
}

static void
ext2_getattr(struct vnode *vp, struct abi_stat *st)
{
	struct e2node *en = vtoe(vp);

	if (vp->v_obj == NULL)
		st->st_size = (int64_t)en->en_size;
	st->st_blocks = en->en_nsector;
	st->st_blksize = (int)en->en_mount->em_bsize;
}

static int
ext2_fsync(struct vnode *vp)
{
	struct ext2 *em = vtoe(vp)->en_mount;
	int error;

	mutex_enter(&em->em_lock);
	error = ext2_sync(em);
	mutex_exit(&em->em_lock);
	return error;
}

static void
ext2_destroy(struct vnode *vp)
{
	/* The file ends with its pages' last user, which may be a mapping. */
	if (vp->v_obj != NULL)
		uvm_object_free(vp->v_obj);
	else
		ext2_node_end(vtoe(vp));
}

const struct vops ext2_vops = {
    .vo_lookup = ext2_lookup,
    .vo_parent = ext2_parent,
    .vo_name = ext2_name,
    .vo_create = ext2_create,
    .vo_link = ext2_link,
    .vo_remove = ext2_remove,
    .vo_rename = ext2_rename,
    .vo_readlink = ext2_readlink,
    .vo_readdir = ext2_readdir,
    .vo_getattr = ext2_getattr,
    .vo_fsync = ext2_fsync,
    .vo_destroy = ext2_destroy,
    .vo_magic = E2_MAGIC,
};

/*
 * Mounting.
 */

static void
ext2_done(struct ext2 *em)
{
	ext2_bfini(em);
	if (em->em_group != NULL)
		kmem_free(em->em_group,
		    em->em_ngroups * sizeof(struct e2group));
	kmem_free(em, sizeof(*em));
}

/* Whether the superblock makes sense for the device.  Sets what follows. */
static int
check_super(struct ext2 *em)
{
	struct e2super *s = &em->em_super;
	uint64_t blocks;

	if (s->s_magic != E2_MAGIC || s->s_logbsize > 2)
		return EINVAL;
	em->em_bsize = E2_SUPEROFF << s->s_logbsize;
	if (em->em_bsize > PAGE_SIZE)
		return EINVAL;
	em->em_ptrs = em->em_bsize / 4;
	em->em_isize = s->s_rev == 0 ? E2_DINODE0 : s->s_isize;
	if (s->s_rev == 0)
		s->s_firstino = 11;
	blocks = em->em_bdev->bd_npages * PAGE_SIZE / em->em_bsize;
	if (s->s_rev > 1 || em->em_isize < E2_DINODE0 ||
	    em->em_isize > em->em_bsize ||
	    (em->em_isize & (em->em_isize - 1)) != 0 ||
	    s->s_first != (em->em_bsize == E2_SUPEROFF) ||
	    s->s_blocks <= s->s_first || s->s_blocks > blocks ||
	    s->s_firstino <= E2_ROOTINO || s->s_bpg == 0 ||
	    s->s_bpg > 8 * em->em_bsize || s->s_ipg == 0 ||
	    s->s_ipg > 8 * em->em_bsize ||
	    s->s_ipg % (em->em_bsize / em->em_isize) != 0)
		return EINVAL;
	em->em_ngroups = (s->s_blocks - s->s_first + s->s_bpg - 1) / s->s_bpg;
	em->em_gdblocks = (u_int)((em->em_ngroups * sizeof(struct e2group) +
				      em->em_bsize - 1) /
				  em->em_bsize);
	if ((uint64_t)em->em_ngroups * s->s_ipg != s->s_inodes ||
	    s->s_first + 1 + em->em_gdblocks >= s->s_blocks ||
	    em->em_ngroups > 65536)
		return EINVAL;
	if (s->s_rev != 0 && (s->s_incompat & ~E2_INCOMPAT_TYPES) != 0)
		return EINVAL;
	if (!em->em_rdonly && s->s_rev != 0 &&
	    (s->s_rocompat & ~E2_ROCOMPAT) != 0)
		return EROFS;
	return 0;
}

static int
read_super(struct ext2 *em)
{
	struct bio b;
	char *buf;
	int error;

	buf = kmem_alloc(PAGE_SIZE, 0);
	if (buf == NULL)
		return ENOMEM;
	bio_pages(&b, 0, 1, false);
	b.b_page[0] = direct_to_page(buf);
	error = blk_io(em->em_bdev, &b);
	memcpy(&em->em_super, buf + E2_SUPEROFF, sizeof(em->em_super));
	kmem_free(buf, PAGE_SIZE);
	return error != 0 ? error : check_super(em);
}

/* The descriptors, and whether what they tell lies on the disk. */
static int
read_groups(struct ext2 *em)
{
	const struct e2super *s = &em->em_super;
	size_t len = em->em_ngroups * sizeof(struct e2group), done, n;
	u_int itlen = s->s_ipg * em->em_isize / em->em_bsize;
	struct e2group *gd;
	struct e2buf *b;
	int error;

	em->em_group = kmem_alloc(len, 0);
	if (em->em_group == NULL)
		return ENOMEM;
	for (done = 0; done < len; done += n) {
		n = MIN(len - done, em->em_bsize);
		error = ext2_bread(em,
		    s->s_first + 1 + (uint32_t)(done / em->em_bsize), &b);
		if (error != 0)
			return error;
		memcpy((char *)em->em_group + done, b->eb_data, n);
		ext2_brele(em, b);
	}
	for (gd = em->em_group; gd < em->em_group + em->em_ngroups; gd++)
		if (gd->g_bmap <= s->s_first || gd->g_bmap >= s->s_blocks ||
		    gd->g_imap <= s->s_first || gd->g_imap >= s->s_blocks ||
		    gd->g_itable <= s->s_first || gd->g_itable >= s->s_blocks ||
		    itlen > s->s_blocks - gd->g_itable)
			return EINVAL;
	return 0;
}

/* The state on disk: clean again, or not while it is mounted. */
static int
set_state(struct ext2 *em, bool valid)
{
	if (em->em_rdonly)
		return 0;
	if (valid)
		em->em_super.s_state |= E2_STATE_VALID;
	else {
		em->em_super.s_state &= (uint16_t)~E2_STATE_VALID;
		em->em_super.s_mounts++;
		em->em_super.s_mtime = (uint32_t)(vfs_now() / (int64_t)NSEC);
	}
	em->em_super.s_wtime = (uint32_t)(vfs_now() / (int64_t)NSEC);
	em->em_mapdirty = true;
	return ext2_sync(em);
}

static int
ext2_mount(struct mount *mp, struct vnode **rootp)
{
	struct e2node *root = NULL;
	bool clean = false;
	struct ext2 *em;
	int error;

	em = kmem_alloc(sizeof(*em), PA_ZERO);
	if (em == NULL)
		return ENOMEM;
	mutex_init(&em->em_lock, RANK_MOUNT);
	em->em_mount = mp;
	em->em_bdev = mp->mnt_bdev;
	em->em_rdonly = mp->mnt_rdonly;
	TAILQ_INIT(&em->em_all);
	ext2_node_init();
	ext2_binit(em);
	mutex_enter(&em->em_lock);
	error = read_super(em);
	if (error == 0)
		error = read_groups(em);
	if (error == 0) {
		clean = (em->em_super.s_state & E2_STATE_VALID) != 0;
		error = ext2_node(em, E2_ROOTINO, &root);
	}
	if (error == 0 && !S_ISDIR(root->en_vnode.v_mode))
		error = EINVAL;
	if (error == 0)
		error = set_state(em, false);
	if (error != 0 && root != NULL)
		ext2_node_unnamed(root);
	mutex_exit(&em->em_lock);
	if (error != 0) {
		if (root != NULL) {
			/* Without a name it would be freed. */
			em->em_rdonly = true;
			vrele(&root->en_vnode);
		}
		ext2_done(em);
		return error == ESTALE ? EINVAL : error;
	}
	if (!clean)
		kprintf("ext2: %s was not unmounted: e2fsck is due\n",
		    em->em_bdev->bd_name);
	mp->mnt_data = em;
	*rootp = &root->en_vnode;
	return 0;
}

/* Write every file's pages.  The first error; the rest is written. */
static int
write_files(struct ext2 *em)
{
	struct e2node *en, *prev = NULL;
	int error = 0, one;

	mutex_enter(&em->em_lock);
	en = TAILQ_FIRST(&em->em_all);
	for (;;) {
		/* Those without a name are not worth it. */
		while (en != NULL &&
		       (!en->en_hashed || en->en_vnode.v_obj == NULL))
			en = TAILQ_NEXT(en, en_all);
		if (en != NULL)
			vref(&en->en_vnode);
		mutex_exit(&em->em_lock);
		if (prev != NULL)
			vrele(&prev->en_vnode);
		if (en == NULL)
			return error;
		one = uvn_flush(&en->en_uvn, 0, UINT64_MAX);
		error = error != 0 ? error : one;
		prev = en;
		mutex_enter(&em->em_lock);
		en = TAILQ_NEXT(en, en_all);
	}
}

static int
ext2_sync_mount(struct mount *mp)
{
	struct ext2 *em = mp->mnt_data;
	int error, also;

	error = write_files(em);
	mutex_enter(&em->em_lock);
	also = ext2_sync(em);
	mutex_exit(&em->em_lock);
	return error != 0 ? error : also;
}

/* Whether somebody uses an inode.  The root is the mount's. */
static bool
in_use(struct ext2 *em)
{
	struct e2node *en;

	TAILQ_FOREACH(en, &em->em_all, en_all)
		if (!en->en_hashed ||
		    refcount_load(&en->en_vnode.v_refs) !=
			1 + (&en->en_vnode == em->em_mount->mnt_root) ||
		    (en->en_vnode.v_obj != NULL &&
			refcount_load(&en->en_vnode.v_obj->uo_refs) != 1))
			return true;
	return false;
}

static int
ext2_unmount(struct mount *mp)
{
	struct ext2 *em = mp->mnt_data;
	struct e2node *en;
	int error;

	error = ext2_sync_mount(mp);
	mutex_enter(&em->em_lock);
	if (in_use(em)) {
		mutex_exit(&em->em_lock);
		return EBUSY;
	}
	while ((en = TAILQ_FIRST(&em->em_all)) != NULL) {
		if (!en->en_hashed) {
			(void)sleep_mutex(&em->em_nnode, &em->em_lock, 0, 0,
			    "e2end");
			continue;
		}
		LIST_REMOVE(en, en_hash);
		en->en_hashed = false;
		mutex_exit(&em->em_lock);
		if (&en->en_vnode == mp->mnt_root)
			vrele(&en->en_vnode);
		vrele(&en->en_vnode);
		mutex_enter(&em->em_lock);
	}
	if (error == 0)
		error = set_state(em, true);
	mutex_exit(&em->em_lock);
	ext2_done(em);
	return error;
}

static void
ext2_clean(struct mount *mp)
{
	struct ext2 *em = mp->mnt_data;
	struct e2node *en;
	bool whole = true;

	if (ext2_sync_mount(mp) != 0)
		return;
	mutex_enter(&em->em_lock);
	TAILQ_FOREACH(en, &em->em_all, en_all)
		whole = whole && en->en_vnode.v_nlink != 0;
	if (whole)
		(void)set_state(em, true);
	mutex_exit(&em->em_lock);
}

static void
ext2_statfs(struct mount *mp, struct abi_statfs *st)
{
	struct ext2 *em = mp->mnt_data;
	const struct e2super *s = &em->em_super;

	mutex_enter(&em->em_lock);
	st->f_type = E2_MAGIC;
	st->f_bsize = st->f_frsize = em->em_bsize;
	st->f_blocks = s->s_blocks;
	st->f_bfree = s->s_bfree + em->em_freedblocks;
	st->f_bavail =
	    st->f_bfree > s->s_rblocks ? st->f_bfree - s->s_rblocks : 0;
	st->f_files = s->s_inodes;
	st->f_ffree = s->s_ifree + em->em_ngone;
	st->f_namelen = NAME_MAX;
	mutex_exit(&em->em_lock);
}

const struct mount_ops ext2_mount_ops = {
    .mo_name = "ext2",
    .mo_mount = ext2_mount,
    .mo_unmount = ext2_unmount,
    .mo_sync = ext2_sync_mount,
    .mo_clean = ext2_clean,
    .mo_statfs = ext2_statfs,
};
