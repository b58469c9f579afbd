/*
 * vfs.c: vnodes, the walk from a path to one and back, and permissions.
 *
 * The walk is a loop over components.  A symbolic link replaces what is left
 * of the path by its text and what followed, in a buffer of its own, so
 * that links need neither recursion nor a stack.
 */
#include <fs/vfs.h>

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <uvm/object.h>
#include <kern/time.h>
#include <fs/file.h>
#include <fs/mount.h>

#define SYMLINK_MAX 40 /* links one walk follows */

struct vnode *rootvnode;
static SLIST_HEAD(, vnode) vnode_dead = SLIST_HEAD_INITIALIZER(vnode_dead);

/* The state of one walk. */
struct walk {
	const char *wk_rest;  /* of the path */
	char *wk_buf;         /* PATH_MAX bytes that hold it, or NULL */
	struct vnode *wk_cur; /* referenced */
	u_int wk_nlink;       /* symbolic links followed */
};

/* Destroy what died under the big lock.  The caller does not hold it. */
static void
vnode_reap(void)
{
	struct vnode *vp;

	KASSERT(!big_held());
	for (;;) {
		big_enter();
		vp = SLIST_FIRST(&vnode_dead);
		if (vp != NULL)
			SLIST_REMOVE_HEAD(&vnode_dead, v_dead);
		big_exit();
		if (vp == NULL)
			return;
		KASSERT(refcount_load(&vp->v_refs) == 0);
		vp->v_ops->vo_destroy(vp);
	}
}

void
vfs_enter(void)
{
	big_enter();
}

void
vfs_exit(void)
{
	bool dead;

	KASSERT(big_held());
	dead = !SLIST_EMPTY(&vnode_dead);
	big_exit();
	if (dead && !big_held())
		vnode_reap();
}

int64_t
vfs_now(void)
{
	return (int64_t)time_real();
}

void
vnode_init(struct vnode *vp, const struct vops *ops, mode_t mode, dev_t dev,
    ino_t ino)
{
	const struct ucred *cr = &curproc()->ps_cred;
	int64_t now = vfs_now();

	memset(vp, 0, sizeof(*vp));
	vp->v_ops = ops;
	refcount_init(&vp->v_refs, 1);
	vp->v_mode = mode;
	vp->v_uid = cr->cr_fsuid;
	vp->v_gid = cr->cr_fsgid;
	vp->v_ino = ino;
	vp->v_dev = dev;
	atomic_init(&vp->v_atime, now);
	atomic_init(&vp->v_mtime, now);
	atomic_init(&vp->v_ctime, now);
	mutex_init(&vp->v_iolock, RANK_VNODE);
	atomic_init(&vp->v_seals, F_SEAL_SEAL);
}

void
vref(struct vnode *vp)
{
	refcount_acquire(&vp->v_refs);
}

void
vrele(struct vnode *vp)
{
	if (vp == NULL || !refcount_release(&vp->v_refs))
		return;
	big_enter();
	SLIST_INSERT_HEAD(&vnode_dead, vp, v_dead);
	vfs_exit();
}

void
vfs_touch(struct vnode *vp)
{
	int64_t now = vfs_now();

	if (vp->v_obj != NULL)
		(void)uvm_object_stored(vp->v_obj);
	atomic_store_explicit(&vp->v_mtime, now, memory_order_relaxed);
	atomic_store_explicit(&vp->v_ctime, now, memory_order_relaxed);
}

void
vfs_stored(struct vnode *vp)
{
	int64_t when = vp->v_obj != NULL ? uvm_object_stored(vp->v_obj) : 0;

	if (when == 0)
		return;
	atomic_store_explicit(&vp->v_mtime, when, memory_order_relaxed);
	if (atomic_load_explicit(&vp->v_ctime, memory_order_relaxed) < when)
		atomic_store_explicit(&vp->v_ctime, when, memory_order_relaxed);
}

int
vfs_resize(struct vnode *vp, uint64_t size)
{
	uint64_t old;
	u_int seals;
	int error;

	KASSERT(vp->v_obj != NULL);
	if (size > FILE_SIZE_MAX)
		return EFBIG;
	if (size > curproc()->ps_rlimit[RLIMIT_FSIZE].rlim_cur) {
		sig_post_simple(curproc(), SIGXFSZ, SI_KERNEL);
		return EFBIG;
	}
	mutex_enter(&vp->v_iolock);
	old = atomic_load_explicit(&vp->v_obj->uo_size, memory_order_relaxed);
	seals = atomic_load_explicit(&vp->v_seals, memory_order_relaxed);
	if ((size < old && (seals & F_SEAL_SHRINK) != 0) ||
	    (size > old && (seals & F_SEAL_GROW) != 0)) {
		mutex_exit(&vp->v_iolock);
		return EPERM;
	}
	error = uvm_object_resize(vp->v_obj, size);
	mutex_exit(&vp->v_iolock);
	vfs_touch(vp);
	return error;
}

int
vfs_fsync(struct vnode *vp)
{
	struct uvm_object *uo = vp->v_obj;

	if (uo != NULL && uo->uo_ops->uo_flush != NULL)
		return uo->uo_ops->uo_flush(uo, 0, UINT64_MAX);
	return vp->v_ops->vo_fsync != NULL ? vp->v_ops->vo_fsync(vp) : 0;
}

int
vfs_seal(struct vnode *vp, u_int seals)
{
	u_int old;
	int error = 0;

	KASSERT(vp->v_obj != NULL);
	mutex_enter(&vp->v_iolock);
	old = atomic_load_explicit(&vp->v_seals, memory_order_relaxed);
	if ((seals & F_SEAL_EXEC) != 0 && (vp->v_mode & 0111) != 0)
		seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE |
			 F_SEAL_FUTURE_WRITE;
	if ((old & F_SEAL_SEAL) != 0)
		error = EPERM;
	else if ((seals & ~old & F_SEAL_WRITE) != 0 &&
		 atomic_load_explicit(&vp->v_obj->uo_writers,
		     memory_order_relaxed) != 0)
		error = EBUSY;
	else
		atomic_store_explicit(&vp->v_seals, old | seals,
		    memory_order_relaxed);
	mutex_exit(&vp->v_iolock);
	return error;
}

/*
 * Permissions.
 */

static bool
in_group(const struct ucred *cr, gid_t gid, bool real)
{
	u_int i;

	if (gid == (real ? cr->cr_gid : cr->cr_fsgid))
		return true;
	for (i = 0; i < cr->cr_ngroups; i++) {
		if (cr->cr_groups[i] == gid)
			return true;
	}
	return false;
}

bool
vfs_rdonly(const struct vnode *vp)
{
	return vp->v_mount != NULL && vp->v_mount->mnt_rdonly;
}

int
vfs_access(struct vnode *vp, u_int mode, bool real)
{
	const struct ucred *cr = &curproc()->ps_cred;
	uid_t uid = real ? cr->cr_uid : cr->cr_fsuid;
	mode_t have;

	KASSERT((mode & ~(R_OK | W_OK | X_OK)) == 0);
	if ((mode & W_OK) != 0 && vfs_rdonly(vp) &&
	    (S_ISREG(vp->v_mode) || S_ISDIR(vp->v_mode) || S_ISLNK(vp->v_mode)))
		return EROFS;
	if (uid == 0) {
		/* Root may do all, but runs nothing that nobody may run. */
		if ((mode & X_OK) != 0 && !S_ISDIR(vp->v_mode) &&
		    (vp->v_mode & 0111) == 0)
			return EACCES;
		return 0;
	}
	have = vp->v_mode;
	if (uid == vp->v_uid)
		have >>= 6;
	else if (in_group(cr, vp->v_gid, real))
		have >>= 3;
	return (have & mode) == mode ? 0 : EACCES;
}

int
vfs_sticky(struct vnode *dvp, struct vnode *vp)
{
	uid_t uid = curproc()->ps_cred.cr_fsuid;

	if ((dvp->v_mode & S_ISVTX) == 0 || uid == 0 || uid == vp->v_uid ||
	    uid == dvp->v_uid)
		return 0;
	return EPERM;
}

/*
 * The walk.
 */

static struct vnode *
root_of_caller(void)
{
	struct fsproc *fp = curproc()->ps_fs;

	return fp == NULL ? rootvnode : fp->fp_cwd->cw_root;
}

static struct vnode *
cwd_of_caller(void)
{
	struct fsproc *fp = curproc()->ps_fs;

	return fp == NULL ? rootvnode : fp->fp_cwd->cw_cwd;
}

/* The directory above a directory; stays at the caller's root. */
static int
walk_up(struct vnode *vp, struct vnode **vpp)
{
	if (vp == root_of_caller() || vp == rootvnode) {
		vref(vp);
		*vpp = vp;
		return 0;
	}
	if (vp->v_covered != NULL)
		vp = vp->v_covered;
	return vp->v_ops->vo_parent(vp, vpp);
}

/* One component below wk_cur: *vpp is it, referenced, mounts crossed. */
static int
walk_step(struct walk *wk, const char *name, struct vnode **vpp)
{
	struct vnode *vp, *cur = wk->wk_cur;
	int error;

	if (!S_ISDIR(cur->v_mode))
		return ENOTDIR;
	error = vfs_access(cur, X_OK, false);
	if (error != 0)
		return error;
	if (strcmp(name, ".") == 0) {
		vref(cur);
		*vpp = cur;
		return 0;
	}
	if (strcmp(name, "..") == 0)
		return walk_up(cur, vpp);
	error = cur->v_ops->vo_lookup(cur, name, &vp);
	if (error != 0)
		return error;
	if (vp->v_mounted != NULL) {
		vref(vp->v_mounted);
		*vpp = vp->v_mounted;
		vrele(vp);
	} else
		*vpp = vp;
	return 0;
}

/*
 * Follow the symbolic link at *vpp, found in wk_cur.  With text, wk_rest
 * becomes that and what was left, and *vpp NULL: walk on from wk_cur.  A
 * magic link gives the vnode itself.
 */
static int
walk_link(struct walk *wk, struct vnode **vpp)
{
	struct vnode *vp = *vpp, *target;
	char *buf;
	size_t len;
	int error;

	if (++wk->wk_nlink > SYMLINK_MAX)
		return ELOOP;
	if (vp->v_ops->vo_follow != NULL) {
		error = vp->v_ops->vo_follow(vp, &target);
		if (error == 0) {
			vrele(vp);
			*vpp = target;
		}
		if (error != ENODATA) /* that means: it has text */
			return error;
	}
	buf = kmem_alloc(PATH_MAX, 0);
	if (buf == NULL)
		return ENOMEM;
	error = vp->v_ops->vo_readlink(vp, buf, PATH_MAX - 1, &len);
	if (error == 0 && len == 0)
		error = ENOENT;
	buf[error == 0 ? len : 0] = '\0';
	if (error == 0 &&
	    strlcpy(buf + len, wk->wk_rest, PATH_MAX - len) >= PATH_MAX - len)
		error = ENAMETOOLONG;
	if (error != 0) {
		kmem_free(buf, PATH_MAX);
		return error;
	}
	if (wk->wk_buf != NULL)
		kmem_free(wk->wk_buf, PATH_MAX);
	wk->wk_buf = buf;
	wk->wk_rest = buf;
	vrele(vp);
	*vpp = NULL;
	if (*buf == '/') {
		vrele(wk->wk_cur);
		wk->wk_cur = root_of_caller();
		vref(wk->wk_cur);
	}
	return 0;
}

/* Take the next component off wk_rest into lk_name; last: none follows. */
static int
walk_name(struct walk *wk, struct lookup *lk, bool *lastp)
{
	const char *p = wk->wk_rest;
	size_t len;

	for (len = 0; p[len] != '\0' && p[len] != '/'; len++)
		continue;
	KASSERT(len > 0);
	if (len > NAME_MAX)
		return ENAMETOOLONG;
	memcpy(lk->lk_name, p, len);
	lk->lk_name[len] = '\0';
	p += len;
	/* What is left keeps its slashes: they go behind a link's text. */
	wk->wk_rest = p;
	lk->lk_slash = *p == '/';
	while (*p == '/')
		p++;
	*lastp = *p == '\0';
	return 0;
}

/* The walk proper; on 0 lk is complete but for wk_cur, which is lk_dvp. */
static int
walk_run(struct walk *wk, struct lookup *lk)
{
	struct vnode *vp;
	bool last;
	int error;

	for (;;) {
		while (*wk->wk_rest == '/')
			wk->wk_rest++;
		if (*wk->wk_rest == '\0') {
			strlcpy(lk->lk_name, ".", sizeof(lk->lk_name));
			vref(wk->wk_cur);
			lk->lk_vp = wk->wk_cur;
			return 0;
		}
		error = walk_name(wk, lk, &last);
		if (error != 0)
			return error;
		error = walk_step(wk, lk->lk_name, &vp);
		if (error == ENOENT && last && (lk->lk_flags & LK_PARENT) != 0)
			return 0;
		if (error != 0)
			return error;
		if (S_ISLNK(vp->v_mode) &&
		    (!last || (lk->lk_flags & LK_FOLLOW) != 0 ||
			(lk->lk_slash && (lk->lk_flags & LK_PARENT) == 0))) {
			error = walk_link(wk, &vp);
			if (error != 0) {
				vrele(vp);
				return error;
			}
			if (vp == NULL)
				continue;
		}
		if (last) {
			lk->lk_vp = vp;
			if (lk->lk_slash && !S_ISDIR(vp->v_mode) &&
			    !S_ISLNK(vp->v_mode))
				return ENOTDIR;
			return 0;
		}
		vrele(wk->wk_cur);
		wk->wk_cur = vp;
	}
}

int
vfs_walk(struct vnode *at, const char *path, struct lookup *lk)
{
	struct walk wk = {.wk_rest = path};
	int error;

	KASSERT(big_held());
	lk->lk_dvp = lk->lk_vp = NULL;
	lk->lk_slash = false;
	lk->lk_name[0] = '\0';
	if (*path == '\0' && (lk->lk_flags & LK_EMPTY) == 0)
		return ENOENT;
	if (*path == '/')
		wk.wk_cur = root_of_caller();
	else
		wk.wk_cur = at != NULL ? at : cwd_of_caller();
	vref(wk.wk_cur);
	error = walk_run(&wk, lk);
	if (wk.wk_buf != NULL)
		kmem_free(wk.wk_buf, PATH_MAX);
	if (error == 0 && (lk->lk_flags & LK_PARENT) != 0)
		lk->lk_dvp = wk.wk_cur;
	else
		vrele(wk.wk_cur);
	if (error != 0) {
		vrele(lk->lk_vp);
		lk->lk_vp = NULL;
	}
	KASSERT(error != 0 || lk->lk_vp != NULL || lk->lk_dvp != NULL);
	return error;
}

void
vfs_walk_done(struct lookup *lk)
{
	vrele(lk->lk_dvp);
	vrele(lk->lk_vp);
	lk->lk_dvp = lk->lk_vp = NULL;
}

/*
 * And back.
 */

/* Put s in front of what begins at *posp. */
static bool
prepend(char *buf, size_t *posp, const char *s, size_t len)
{
	if (len > *posp)
		return false;
	*posp -= len;
	memcpy(buf + *posp, s, len);
	return true;
}

int
vfs_path(struct vnode *vp, char *buf, size_t size, size_t *lenp)
{
	static const char deleted[] = " (deleted)";
	struct vnode *root = root_of_caller(), *up;
	char name[NAME_MAX + 1];
	size_t len, pos = size - 1;
	bool fits = true;
	int error = 0;

	KASSERT(big_held());
	KASSERT(size > 0);
	buf[pos] = '\0';
	if (vp->v_nlink == 0)
		fits = prepend(buf, &pos, deleted, sizeof(deleted) - 1);
	if (vp == root || vp == rootvnode)
		fits = prepend(buf, &pos, "/", 1);
	vref(vp);
	while (vp != root && vp != rootvnode && fits && error == 0) {
		if (vp->v_covered != NULL) {
			up = vp->v_covered;
			vref(up);
		} else {
			len = vp->v_ops->vo_name(vp, name, sizeof(name));
			error = vp->v_ops->vo_parent(vp, &up);
			if (error != 0)
				break;
			fits = prepend(buf, &pos, name, len) &&
			       prepend(buf, &pos, "/", 1);
		}
		vrele(vp);
		vp = up;
	}
	vrele(vp);
	if (error != 0)
		return error;
	if (!fits)
		return ENAMETOOLONG;
	*lenp = size - 1 - pos;
	memmove(buf, buf + pos, *lenp + 1);
	return 0;
}
