/*
 * names.c: the calls that make, remove and change names and attributes.
 *
 * Most begin the same way: a descriptor and a path name a file or the place
 * where one will be.  at_begin() does that and leaves the big lock held;
 * at_end() undoes it.
 */
#include <fs/file.h>

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <uvm/object.h>
#include <kern/syscalls.h>
#include <kern/time.h>
#include <fs/init.h>

struct at {
	struct lookup at_lk;
	struct path at_path;
	struct vnode *at_dir;
};

/* Fetch what the caller gave, before any lock. */
static int
at_fetch(struct at *at, int dirfd, vaddr_t upath, u_int flags)
{
	int error;

	at->at_lk.lk_flags = flags;
	if (upath == 0 && (flags & LK_EMPTY) != 0) {
		at->at_path.pa_heap = NULL;
		at->at_path.pa_buf[0] = '\0';
		at->at_path.pa_str = at->at_path.pa_buf;
	} else {
		error = path_get(upath, &at->at_path);
		if (error != 0)
			return error;
	}
	error =
	    vfs_at(*at->at_path.pa_str == '/' ? AT_FDCWD : dirfd, &at->at_dir);
	if (error != 0)
		path_free(&at->at_path);
	return error;
}

static void
at_forget(struct at *at)
{
	vrele(at->at_dir);
	path_free(&at->at_path);
}

static int
at_walk(struct at *at)
{
	return vfs_walk(at->at_dir, at->at_path.pa_str, &at->at_lk);
}

/*
 * Walk to upath below dirfd.  0: the big lock is held and at_end() is due.
 * An errno: nothing is held.  With LK_EMPTY upath 0 or "" is dirfd itself.
 */
static int
at_begin(struct at *at, int dirfd, vaddr_t upath, u_int flags)
{
	int error;

	error = at_fetch(at, dirfd, upath, flags);
	if (error != 0)
		return error;
	vfs_enter();
	error = at_walk(at);
	if (error != 0) {
		vfs_exit();
		at_forget(at);
	}
	return error;
}

/* The same for an open file alone. */
static int
at_fd(struct at *at, int fd)
{
	return fd < 0 ? EBADF : at_begin(at, fd, 0, LK_EMPTY);
}

static void
at_end(struct at *at)
{
	vfs_walk_done(&at->at_lk);
	vfs_exit();
	at_forget(at);
}

static uid_t
my_uid(void)
{
	return curproc()->ps_cred.cr_fsuid;
}

/*
 * New names.
 */

/* May a name be made at lk?  It is absent and its directory is ours. */
static int
may_make(const struct lookup *lk)
{
	if (lk->lk_vp != NULL)
		return EEXIST;
	if (lk->lk_dvp->v_ops->vo_create == NULL)
		return EPERM;
	return vfs_access(lk->lk_dvp, W_OK | X_OK, false);
}

int
vfs_make(const struct lookup *lk, mode_t mode, dev_t rdev, const char *target,
    struct vnode **vpp)
{
	int error;

	KASSERT(big_held());
	error = may_make(lk);
	if (error == 0 && lk->lk_slash && !S_ISDIR(mode))
		error = ENOENT;
	if (!S_ISLNK(mode))
		mode &=
		    ~atomic_load_explicit(&curproc()->ps_fs->fp_cwd->cw_umask,
			memory_order_relaxed);
	if (error != 0)
		return error;
	return lk->lk_dvp->v_ops->vo_create(lk->lk_dvp, lk->lk_name, mode, rdev,
	    target, vpp);
}

static long
do_make(int dirfd, vaddr_t upath, mode_t mode, dev_t rdev, const char *target)
{
	struct vnode *vp;
	struct at at;
	int error;

	error = at_begin(&at, dirfd, upath, LK_PARENT);
	if (error != 0)
		return -error;
	error = vfs_make(&at.at_lk, mode, rdev, target, &vp);
	if (error == 0)
		vrele(vp);
	at_end(&at);
	return -error;
}

static long
do_mkdir(int dirfd, vaddr_t upath, mode_t mode)
{
	return do_make(dirfd, upath, S_IFDIR | (mode & 01777), 0, NULL);
}

long
sys_mkdir(const uintptr_t *a)
{
	return do_mkdir(AT_FDCWD, a[0], (mode_t)a[1]);
}

long
sys_mkdirat(const uintptr_t *a)
{
	return do_mkdir((int)a[0], a[1], (mode_t)a[2]);
}

static long
do_mknod(int dirfd, vaddr_t upath, mode_t mode, dev_t rdev)
{
	switch (mode & S_IFMT) {
	case 0:
		mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFCHR:
	case S_IFBLK:
		if (!cred_is_root())
			return -EPERM;
		break;
	default:
		return -EINVAL;
	}
	return do_make(dirfd, upath, mode & (S_IFMT | 07777), rdev, NULL);
}

long
sys_mknod(const uintptr_t *a)
{
	return do_mknod(AT_FDCWD, a[0], (mode_t)a[1], (dev_t)(u_int)a[2]);
}

long
sys_mknodat(const uintptr_t *a)
{
	return do_mknod((int)a[0], a[1], (mode_t)a[2], (dev_t)(u_int)a[3]);
}

static long
do_symlink(vaddr_t utarget, int dirfd, vaddr_t upath)
{
	struct path pa;
	long ret;
	int error;

	error = path_get(utarget, &pa);
	if (error != 0)
		return -error;
	ret = *pa.pa_str == '\0'
		  ? -ENOENT
		  : do_make(dirfd, upath, S_IFLNK | 0777, 0, pa.pa_str);
	path_free(&pa);
	return ret;
}

long
sys_symlink(const uintptr_t *a)
{
	return do_symlink(a[0], AT_FDCWD, a[1]);
}

long
sys_symlinkat(const uintptr_t *a)
{
	return do_symlink(a[0], (int)a[1], a[2]);
}

static long
do_link(int fromfd, vaddr_t ufrom, int tofd, vaddr_t uto, u_int flags)
{
	u_int walk = (flags & AT_SYMLINK_FOLLOW) != 0 ? LK_FOLLOW : 0;
	struct vnode *vp;
	struct at at;
	int error;

	if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0)
		return -EINVAL;
	if ((flags & AT_EMPTY_PATH) != 0)
		walk |= LK_EMPTY;
	error = at_begin(&at, fromfd, ufrom, walk);
	if (error != 0)
		return -error;
	vp = at.at_lk.lk_vp;
	vref(vp);
	at_end(&at);

	error = at_begin(&at, tofd, uto, LK_PARENT);
	if (error == 0) {
		error = may_make(&at.at_lk);
		if (error == 0 && S_ISDIR(vp->v_mode))
			error = EPERM;
		if (error == 0 && vp->v_dev != at.at_lk.lk_dvp->v_dev)
			error = EXDEV;
		if (error == 0)
			error = vp->v_ops->vo_link(at.at_lk.lk_dvp,
			    at.at_lk.lk_name, vp);
		at_end(&at);
	}
	vrele(vp);
	return -error;
}

long
sys_link(const uintptr_t *a)
{
	return do_link(AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
}

long
sys_linkat(const uintptr_t *a)
{
	return do_link((int)a[0], a[1], (int)a[2], a[3], (u_int)a[4]);
}

/*
 * Fewer names.
 */

/* May the name at lk be taken away? */
static int
may_remove(const struct lookup *lk)
{
	int error;

	if (lk->lk_vp == NULL)
		return ENOENT;
	if (lk->lk_dvp->v_ops->vo_remove == NULL)
		return EPERM;
	if (lk->lk_vp->v_covered != NULL || lk->lk_vp == rootvnode)
		return EBUSY;
	error = vfs_access(lk->lk_dvp, W_OK | X_OK, false);
	return error != 0 ? error : vfs_sticky(lk->lk_dvp, lk->lk_vp);
}

static bool
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static long
do_unlink(int dirfd, vaddr_t upath, bool dir)
{
	struct lookup *lk;
	struct at at;
	int error;

	error = at_begin(&at, dirfd, upath, LK_PARENT);
	if (error != 0)
		return -error;
	lk = &at.at_lk;
	error = may_remove(lk);
	if (error != 0)
		;
	else if (is_dots(lk->lk_name))
		error = !dir                            ? EISDIR
			: strcmp(lk->lk_name, ".") == 0 ? EINVAL
							: ENOTEMPTY;
	else if (dir && !S_ISDIR(lk->lk_vp->v_mode))
		error = ENOTDIR;
	else if (!dir && S_ISDIR(lk->lk_vp->v_mode))
		error = EISDIR;
	else if (!dir && lk->lk_slash)
		error = ENOTDIR;
	else
		error = lk->lk_dvp->v_ops->vo_remove(lk->lk_dvp, lk->lk_name);
	at_end(&at);
	return -error;
}

long
sys_unlink(const uintptr_t *a)
{
	return do_unlink(AT_FDCWD, a[0], false);
}

long
sys_rmdir(const uintptr_t *a)
{
	return do_unlink(AT_FDCWD, a[0], true);
}

long
sys_unlinkat(const uintptr_t *a)
{
	if (((u_int)a[2] & ~AT_REMOVEDIR) != 0)
		return -EINVAL;
	return do_unlink((int)a[0], a[1], (a[2] & AT_REMOVEDIR) != 0);
}

/* Is vp the directory dvp, or above it? */
static bool
is_above(struct vnode *vp, struct vnode *dvp)
{
	struct vnode *up;
	u_int n = 65536; /* a damaged disk may know of cycles */
	bool found;

	vref(dvp);
	while (dvp != vp && dvp != rootvnode && n-- > 0) {
		if (dvp->v_ops->vo_parent(dvp, &up) != 0)
			break;
		vrele(dvp);
		dvp = up;
	}
	found = dvp == vp;
	vrele(dvp);
	return found;
}

/* May from take the place of to?  Both walks are done; big lock. */
static int
may_rename(const struct lookup *from, const struct lookup *to, u_int flags)
{
	struct vnode *fvp = from->lk_vp, *tvp = to->lk_vp;
	bool dir;
	int error;

	error = may_remove(from);
	if (error != 0)
		return error;
	dir = S_ISDIR(fvp->v_mode);
	if (is_dots(from->lk_name) || is_dots(to->lk_name))
		return EBUSY;
	if (fvp->v_dev != to->lk_dvp->v_dev)
		return EXDEV;
	if (!dir && (from->lk_slash || to->lk_slash))
		return ENOTDIR;
	if (dir && is_above(fvp, to->lk_dvp))
		return EINVAL;
	if (tvp == NULL)
		return vfs_access(to->lk_dvp, W_OK | X_OK, false);
	if ((flags & RENAME_NOREPLACE) != 0)
		return EEXIST;
	error = may_remove(to);
	if (error != 0)
		return error;
	if (dir && !S_ISDIR(tvp->v_mode))
		return ENOTDIR;
	if (!dir && S_ISDIR(tvp->v_mode))
		return EISDIR;
	return 0;
}

/* Whether the walk to lk would end as it did; later walks may sleep. */
static bool
still(const struct lookup *lk)
{
	struct vnode *vp;
	bool same;
	int error;

	if (is_dots(lk->lk_name))
		return true;
	error = lk->lk_dvp->v_ops->vo_lookup(lk->lk_dvp, lk->lk_name, &vp);
	if (error != 0)
		return lk->lk_vp == NULL;
	same = vp == lk->lk_vp;
	vrele(vp);
	return same;
}

/* Both walks are done.  Big lock. */
static int
rename_locked(const struct lookup *from, const struct lookup *to, u_int flags)
{
	struct vnode *dvp = from->lk_dvp;
	int error;

	error = may_rename(from, to, flags);
	if (error != 0 || from->lk_vp == to->lk_vp)
		return error;
	if (!still(from) || !still(to))
		return ERESTARTNOINTR;
	return dvp->v_ops->vo_rename(dvp, from->lk_name, to->lk_dvp,
	    to->lk_name);
}

static long
do_rename(int fromfd, vaddr_t ufrom, int tofd, vaddr_t uto, u_int flags)
{
	struct at from, to;
	int error;

	if ((flags & ~RENAME_NOREPLACE) != 0)
		return -EINVAL;
	error = at_fetch(&from, fromfd, ufrom, LK_PARENT);
	if (error != 0)
		return -error;
	error = at_fetch(&to, tofd, uto, LK_PARENT);
	if (error != 0) {
		at_forget(&from);
		return -error;
	}
	vfs_enter();
	error = at_walk(&from);
	if (error == 0) {
		error = at_walk(&to);
		if (error == 0)
			error = rename_locked(&from.at_lk, &to.at_lk, flags);
		vfs_walk_done(&to.at_lk);
	}
	vfs_walk_done(&from.at_lk);
	vfs_exit();
	at_forget(&to);
	at_forget(&from);
	return -error;
}

long
sys_rename(const uintptr_t *a)
{
	return do_rename(AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
}

long
sys_renameat(const uintptr_t *a)
{
	return do_rename((int)a[0], a[1], (int)a[2], a[3], 0);
}

long
sys_renameat2(const uintptr_t *a)
{
	return do_rename((int)a[0], a[1], (int)a[2], a[3], (u_int)a[4]);
}

/*
 * Directories of the process.
 */

/* Replace *slot of the caller's directories by vp, a directory. */
static int
set_dir(struct vnode *vp, struct vnode **slot)
{
	int error;

	KASSERT(big_held());
	if (!S_ISDIR(vp->v_mode))
		return ENOTDIR;
	error = vfs_access(vp, X_OK, false);
	if (error != 0)
		return error;
	vref(vp);
	vrele(*slot);
	*slot = vp;
	return 0;
}

long
sys_chdir(const uintptr_t *a)
{
	struct at at;
	int error;

	error = at_begin(&at, AT_FDCWD, a[0], LK_FOLLOW);
	if (error != 0)
		return -error;
	error = set_dir(at.at_lk.lk_vp, &curproc()->ps_fs->fp_cwd->cw_cwd);
	at_end(&at);
	return -error;
}

long
sys_fchdir(const uintptr_t *a)
{
	struct at at;
	int error;

	error = at_fd(&at, (int)a[0]);
	if (error != 0)
		return -error;
	error = set_dir(at.at_lk.lk_vp, &curproc()->ps_fs->fp_cwd->cw_cwd);
	at_end(&at);
	return -error;
}

long
sys_chroot(const uintptr_t *a)
{
	struct at at;
	int error;

	error = at_begin(&at, AT_FDCWD, a[0], LK_FOLLOW);
	if (error != 0)
		return -error;
	error = cred_is_root() ? set_dir(at.at_lk.lk_vp,
				     &curproc()->ps_fs->fp_cwd->cw_root)
			       : EPERM;
	at_end(&at);
	return -error;
}

long
sys_getcwd(const uintptr_t *a)
{
	size_t len = 0;
	char *buf;
	int error;

	buf = kmem_alloc(PATH_MAX, 0);
	if (buf == NULL)
		return -ENOMEM;
	vfs_enter();
	if (curproc()->ps_fs->fp_cwd->cw_cwd->v_nlink == 0)
		error = ENOENT;
	else
		error = vfs_path(curproc()->ps_fs->fp_cwd->cw_cwd, buf,
		    PATH_MAX, &len);
	vfs_exit();
	if (error == 0 && ++len > a[1])
		error = ERANGE;
	if (error == 0)
		error = copyout(buf, a[0], len);
	kmem_free(buf, PATH_MAX);
	return error != 0 ? -error : (long)len;
}

long
sys_umask(const uintptr_t *a)
{
	return (
	    long)atomic_exchange_explicit(&curproc()->ps_fs->fp_cwd->cw_umask,
	    (mode_t)a[0] & 0777, memory_order_relaxed);
}

/*
 * Attributes.
 */

/* ctime is now; a file system without vo_create keeps what it has. */
static int
may_change(struct vnode *vp, bool owner)
{
	if (vp->v_ops->vo_create == NULL)
		return EPERM;
	if (vfs_rdonly(vp))
		return EROFS;
	if (owner && my_uid() != 0 && my_uid() != vp->v_uid)
		return EPERM;
	atomic_store_explicit(&vp->v_ctime, vfs_now(), memory_order_relaxed);
	return 0;
}

static int
change_mode(struct vnode *vp, mode_t mode)
{
	int error;

	KASSERT(big_held());
	if (S_ISLNK(vp->v_mode))
		return EOPNOTSUPP;
	error = may_change(vp, true);
	if (error == 0 &&
	    (atomic_load_explicit(&vp->v_seals, memory_order_relaxed) &
		F_SEAL_EXEC) != 0 &&
	    ((vp->v_mode ^ mode) & 0111) != 0)
		error = EPERM;
	if (error == 0)
		vp->v_mode = (vp->v_mode & S_IFMT) | (mode & 07777);
	return error;
}

static long
do_chmod(int dirfd, vaddr_t upath, mode_t mode, u_int lkflags)
{
	struct at at;
	int error;

	error = at_begin(&at, dirfd, upath, lkflags);
	if (error != 0)
		return -error;
	error = change_mode(at.at_lk.lk_vp, mode);
	at_end(&at);
	return -error;
}

long
sys_chmod(const uintptr_t *a)
{
	return do_chmod(AT_FDCWD, a[0], (mode_t)a[1], LK_FOLLOW);
}

long
sys_fchmodat(const uintptr_t *a)
{
	return do_chmod((int)a[0], a[1], (mode_t)a[2], LK_FOLLOW);
}

/* fchmodat2(dirfd, path, mode, flags) */
long
sys_fchmodat2(const uintptr_t *a)
{
	u_int flags = (u_int)a[3], lkflags = 0;

	if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0)
		return -EINVAL;
	if ((flags & AT_SYMLINK_NOFOLLOW) == 0)
		lkflags |= LK_FOLLOW;
	if ((flags & AT_EMPTY_PATH) != 0)
		lkflags |= LK_EMPTY;
	return do_chmod((int)a[0], a[1], (mode_t)a[2], lkflags);
}

long
sys_fchmod(const uintptr_t *a)
{
	struct at at;
	int error;

	error = at_fd(&at, (int)a[0]);
	if (error != 0)
		return -error;
	error = change_mode(at.at_lk.lk_vp, (mode_t)a[1]);
	at_end(&at);
	return -error;
}

/* -1 leaves one as it is.  The owner may give the group to one of his. */
static int
change_owner(struct vnode *vp, uid_t uid, gid_t gid)
{
	const struct ucred *cr = &curproc()->ps_cred;
	bool member = gid == (gid_t)-1 || gid == cr->cr_fsgid;
	u_int i;
	int error;

	KASSERT(big_held());
	for (i = 0; i < cr->cr_ngroups; i++)
		member = member || gid == cr->cr_groups[i];
	if (my_uid() != 0 &&
	    ((uid != (uid_t)-1 && uid != vp->v_uid) || !member))
		return EPERM;
	error = may_change(vp, true);
	if (error != 0)
		return error;
	if (uid != (uid_t)-1)
		vp->v_uid = uid;
	if (gid != (gid_t)-1)
		vp->v_gid = gid;
	if (!S_ISDIR(vp->v_mode) && (vp->v_mode & 0111) != 0)
		vp->v_mode &= ~(S_ISUID | S_ISGID);
	return 0;
}

static long
do_chown(int dirfd, vaddr_t upath, uid_t uid, gid_t gid, u_int walk)
{
	struct at at;
	int error;

	error = at_begin(&at, dirfd, upath, walk);
	if (error != 0)
		return -error;
	error = change_owner(at.at_lk.lk_vp, uid, gid);
	at_end(&at);
	return -error;
}

long
sys_chown(const uintptr_t *a)
{
	return do_chown(AT_FDCWD, a[0], (uid_t)a[1], (gid_t)a[2], LK_FOLLOW);
}

long
sys_lchown(const uintptr_t *a)
{
	return do_chown(AT_FDCWD, a[0], (uid_t)a[1], (gid_t)a[2], 0);
}

long
sys_fchownat(const uintptr_t *a)
{
	u_int flags = (u_int)a[4], walk;

	if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0)
		return -EINVAL;
	walk = (flags & AT_SYMLINK_NOFOLLOW) != 0 ? 0 : LK_FOLLOW;
	if ((flags & AT_EMPTY_PATH) != 0)
		walk |= LK_EMPTY;
	return do_chown((int)a[0], a[1], (uid_t)a[2], (gid_t)a[3], walk);
}

long
sys_fchown(const uintptr_t *a)
{
	struct at at;
	int error;

	error = at_fd(&at, (int)a[0]);
	if (error != 0)
		return -error;
	error = change_owner(at.at_lk.lk_vp, (uid_t)a[1], (gid_t)a[2]);
	at_end(&at);
	return -error;
}

/*
 * Times.  ns[0] is atime, ns[1] mtime; UTIME_NOW and UTIME_OMIT as in
 * utimensat(2).
 */
static int
change_times(struct vnode *vp, const struct abi_timespec ts[2])
{
	_Atomic(int64_t) *slot[2] = {&vp->v_atime, &vp->v_mtime};
	bool now = ts[0].tv_nsec == UTIME_NOW && ts[1].tv_nsec == UTIME_NOW;
	int64_t when;
	u_int i;
	int error;

	KASSERT(big_held());
	/* Who may write may also say: now. */
	if (!now || vfs_access(vp, W_OK, false) != 0) {
		error = may_change(vp, true);
		if (error != 0)
			return error == EPERM && now ? EACCES : error;
	}
	vfs_stored(vp);
	for (i = 0; i < 2; i++) {
		if (ts[i].tv_nsec == UTIME_OMIT)
			continue;
		when = vfs_now();
		if (ts[i].tv_nsec != UTIME_NOW &&
		    (__builtin_mul_overflow(ts[i].tv_sec, (int64_t)NSEC,
			 &when) ||
			__builtin_add_overflow(when, ts[i].tv_nsec, &when)))
			when = ts[i].tv_sec < 0 ? INT64_MIN : INT64_MAX;
		atomic_store_explicit(slot[i], when, memory_order_relaxed);
	}
	return 0;
}

static int
check_times(const struct abi_timespec ts[2])
{
	u_int i;

	for (i = 0; i < 2; i++) {
		if (ts[i].tv_nsec == UTIME_NOW || ts[i].tv_nsec == UTIME_OMIT)
			continue;
		if (ts[i].tv_nsec < 0 || ts[i].tv_nsec >= (int64_t)NSEC)
			return EINVAL;
	}
	return 0;
}

/* A path of 0 means the descriptor itself. */
static long
do_utimes(int dirfd, vaddr_t upath, const struct abi_timespec ts[2], u_int walk)
{
	struct at at;
	int error;

	error = check_times(ts);
	if (error == 0)
		error = at_begin(&at, dirfd, upath,
		    walk | (upath == 0 ? LK_EMPTY : 0));
	if (error != 0)
		return -error;
	error = change_times(at.at_lk.lk_vp, ts);
	at_end(&at);
	return -error;
}

long
sys_utimensat(const uintptr_t *a)
{
	struct abi_timespec ts[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
	u_int flags = (u_int)a[3];
	int error = 0;

	if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0)
		return -EINVAL;
	if (a[2] != 0)
		error = copyin(a[2], ts, sizeof(ts));
	if (error != 0)
		return -error;
	if (ts[0].tv_nsec == UTIME_OMIT && ts[1].tv_nsec == UTIME_OMIT)
		return 0;
	return do_utimes((int)a[0], a[1], ts,
	    ((flags & AT_SYMLINK_NOFOLLOW) != 0 ? 0 : LK_FOLLOW) |
		((flags & AT_EMPTY_PATH) != 0 ? LK_EMPTY : 0));
}

/* Two struct timeval at utv; 0: now. */
static long
do_utimes_tv(int dirfd, vaddr_t upath, vaddr_t utv)
{
	struct abi_timespec ts[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
	struct abi_timeval tv[2];
	u_int i;
	int error;

	if (utv != 0) {
		error = copyin(utv, tv, sizeof(tv));
		if (error != 0)
			return -error;
		for (i = 0; i < 2; i++) {
			if (tv[i].tv_usec < 0 || tv[i].tv_usec >= 1000000)
				return -EINVAL;
			ts[i].tv_sec = tv[i].tv_sec;
			ts[i].tv_nsec = tv[i].tv_usec * 1000;
		}
	}
	return do_utimes(dirfd, upath, ts, LK_FOLLOW);
}

long
sys_utimes(const uintptr_t *a)
{
	return do_utimes_tv(AT_FDCWD, a[0], a[1]);
}

long
sys_futimesat(const uintptr_t *a)
{
	return do_utimes_tv((int)a[0], a[1], a[2]);
}

long
sys_utime(const uintptr_t *a)
{
	struct abi_timespec ts[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
	int64_t sec[2];
	int error;

	if (a[1] != 0) {
		error = copyin(a[1], sec, sizeof(sec));
		if (error != 0)
			return -error;
		ts[0] = (struct abi_timespec){sec[0], 0};
		ts[1] = (struct abi_timespec){sec[1], 0};
	}
	return do_utimes(AT_FDCWD, a[0], ts, LK_FOLLOW);
}

/*
 * Size.
 */

long
sys_truncate(const uintptr_t *a)
{
	struct vnode *vp;
	struct at at;
	int error;

	if ((off_t)a[1] < 0)
		return -EINVAL;
	error = at_begin(&at, AT_FDCWD, a[0], LK_FOLLOW);
	if (error != 0)
		return -error;
	vp = at.at_lk.lk_vp;
	if (S_ISDIR(vp->v_mode))
		error = EISDIR;
	else if (vp->v_obj == NULL)
		error = EINVAL;
	else
		error = vfs_access(vp, W_OK, false);
	if (error == 0 && vp->v_ntexts > 0)
		error = ETXTBSY;
	vref(vp);
	at_end(&at);
	if (error == 0)
		error = vfs_resize(vp, a[1]);
	vrele(vp);
	return -error;
}

long
sys_ftruncate(const uintptr_t *a)
{
	struct file *f;
	int error;

	if ((off_t)a[1] < 0)
		return -EINVAL;
	error = fd_get((int)a[0], &f);
	if (error != 0)
		return -error;
	if (f->f_vnode->v_obj == NULL || !file_canwrite(f))
		error = EINVAL;
	else
		error = vfs_resize(f->f_vnode, a[1]);
	file_rele(f);
	return -error;
}

/* Bytes [from, to) of one page of vp are to be zero. */
static int
zero_bytes(struct vnode *vp, uint64_t from, uint64_t to)
{
	size_t done;
	void *zeroes;
	int error;

	if (from >= to)
		return 0;
	zeroes = kmem_alloc(PAGE_SIZE, PA_ZERO);
	if (zeroes == NULL)
		return ENOMEM;
	error =
	    uvm_object_io(vp->v_obj, from, zeroes, 0, to - from, true, &done);
	kmem_free(zeroes, PAGE_SIZE);
	return error == ENXIO ? 0 : error; /* past the end there is nothing */
}

/* A hole in a file of tmpfs: its whole pages go. */
static int
punch_hole(struct vnode *vp, uint64_t off, uint64_t end)
{
	uint64_t first = round_page(off), last = trunc_page(end);
	int error;

	if (vp->v_ops->vo_magic != TMPFS_MAGIC)
		return EOPNOTSUPP;
	if ((atomic_load_explicit(&vp->v_seals, memory_order_relaxed) &
		(F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0)
		return EPERM;
	error = zero_bytes(vp, off, MIN(first, end));
	if (error == 0 && last >= first)
		error = zero_bytes(vp, last, end);
	if (error == 0 && last > first)
		uao_punch(vp->v_obj, atop(first), atop(last));
	return error;
}

/* Whether vp is sealed against reaching as far as end. */
static bool
sealed_end(struct vnode *vp, uint64_t end)
{
	u_int seals = atomic_load_explicit(&vp->v_seals, memory_order_relaxed);

	return (seals & F_SEAL_GROW) != 0 &&
	       end > atomic_load_explicit(&vp->v_obj->uo_size,
			 memory_order_relaxed);
}

/* Pages come when they are touched; only the size is made certain. */
long
sys_fallocate(const uintptr_t *a)
{
	u_int mode = (u_int)a[1];
	uint64_t end, size;
	struct file *f;
	int error;

	if ((off_t)a[2] < 0 || (off_t)a[3] <= 0)
		return -EINVAL;
	if (mode != 0 && mode != FALLOC_KEEP &&
	    mode != (FALLOC_KEEP | FALLOC_PUNCH))
		return -EOPNOTSUPP;
	end = a[2] + a[3];
	if (end > INT64_MAX)
		return -EFBIG;
	error = fd_get((int)a[0], &f);
	if (error != 0)
		return -error;
	if (!file_canwrite(f))
		error = EBADF;
	else if (f->f_vnode->v_obj == NULL)
		error = S_ISFIFO(f->f_vnode->v_mode) ? ESPIPE : ENODEV;
	else if ((mode & FALLOC_PUNCH) != 0)
		error = punch_hole(f->f_vnode, a[2], end);
	else if (mode == 0) {
		size = atomic_load_explicit(&f->f_vnode->v_obj->uo_size,
		    memory_order_relaxed);
		error = end > size ? vfs_resize(f->f_vnode, end) : 0;
	} else if (sealed_end(f->f_vnode, end))
		error = EPERM; /* though nothing would grow: as Linux */
	file_rele(f);
	return -error;
}
