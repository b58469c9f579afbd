/*
 * stat.c: the calls that look at files without reading them: attributes,
 * access, symbolic links, directories, file systems; and fsync().
 */
#include <fs/file.h>
#include <fs/init.h>
#include <fs/mount.h>

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <uvm/object.h>
#include <kern/syscalls.h>
#include <kern/time.h>

#define STAT_AT_FLAGS (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)

/*
 * The file that a descriptor and a path name, referenced.  AT_EMPTY_PATH and
 * an empty path: the descriptor's own.
 */
static int
find(int dirfd, vaddr_t upath, u_int flags, struct vnode **vpp)
{
	struct lookup lk = {0};
	struct vnode *at;
	struct path pa;
	int error;

	if ((flags & AT_SYMLINK_NOFOLLOW) == 0)
		lk.lk_flags = LK_FOLLOW;
	if ((flags & AT_EMPTY_PATH) != 0)
		lk.lk_flags |= LK_EMPTY;
	error = path_get(upath, &pa);
	if (error != 0)
		return error;
	error = vfs_at(*pa.pa_str == '/' ? AT_FDCWD : dirfd, &at);
	if (error == 0) {
		vfs_enter();
		error = vfs_walk(at, pa.pa_str, &lk);
		vfs_exit();
		vrele(at);
	}
	path_free(&pa);
	*vpp = lk.lk_vp;
	return error;
}

static int64_t
size_of(struct vnode *vp)
{
	char buf[256];
	size_t len;

	if (vp->v_obj != NULL)
		return (int64_t)atomic_load_explicit(&vp->v_obj->uo_size,
		    memory_order_relaxed);
	if (S_ISLNK(vp->v_mode) && vp->v_ops->vo_follow == NULL &&
	    vp->v_ops->vo_getattr == NULL &&
	    vp->v_ops->vo_readlink(vp, buf, sizeof(buf), &len) == 0)
		return (int64_t)len;
	return 0;
}

static int64_t
blocks_of(struct vnode *vp)
{
	int64_t n;

	if (vp->v_obj == NULL)
		return 0;
	rw_read_enter(&vp->v_obj->uo_lock);
	n = (int64_t)(vp->v_obj->uo_npages * (PAGE_SIZE / 512));
	rw_exit(&vp->v_obj->uo_lock);
	return n;
}

static struct abi_timespec
to_timespec(int64_t ns)
{
	struct abi_timespec ts;

	ts.tv_sec = ns / (int64_t)NSEC;
	ts.tv_nsec = ns % (int64_t)NSEC;
	if (ts.tv_nsec < 0) {
		ts.tv_sec--;
		ts.tv_nsec += (int64_t)NSEC;
	}
	return ts;
}

static void
fill_stat(struct vnode *vp, struct abi_stat *st)
{
	memset(st, 0, sizeof(*st));
	vfs_enter();
	st->st_dev = vp->v_dev;
	st->st_ino = vp->v_ino;
	st->st_nlink = vp->v_nlink;
	st->st_mode = vp->v_mode;
	st->st_uid = vp->v_uid;
	st->st_gid = vp->v_gid;
	st->st_rdev = vp->v_rdev;
	st->st_size = size_of(vp);
	vfs_exit();
	st->st_blksize = PAGE_SIZE;
	if (vp->v_ops->vo_getattr != NULL)
		vp->v_ops->vo_getattr(vp, st);
	else
		st->st_blocks = blocks_of(vp);
	vfs_stored(vp);
	st->st_atim = to_timespec(
	    atomic_load_explicit(&vp->v_atime, memory_order_relaxed));
	st->st_mtim = to_timespec(
	    atomic_load_explicit(&vp->v_mtime, memory_order_relaxed));
	st->st_ctim = to_timespec(
	    atomic_load_explicit(&vp->v_ctime, memory_order_relaxed));
}

static long
do_stat(int dirfd, vaddr_t upath, u_int flags, vaddr_t ust)
{
	struct abi_stat st;
	struct vnode *vp;
	int error;

	if ((flags & ~STAT_AT_FLAGS) != 0)
		return -EINVAL;
	error = find(dirfd, upath, flags, &vp);
	if (error != 0)
		return -error;
	fill_stat(vp, &st);
	vrele(vp);
	return -copyout(&st, ust, sizeof(st));
}

long
sys_stat(const uintptr_t *a)
{
	return do_stat(AT_FDCWD, a[0], 0, a[1]);
}

long
sys_lstat(const uintptr_t *a)
{
	return do_stat(AT_FDCWD, a[0], AT_SYMLINK_NOFOLLOW, a[1]);
}

long
sys_newfstatat(const uintptr_t *a)
{
	return do_stat((int)a[0], a[1], (u_int)a[3], a[2]);
}

long
sys_fstat(const uintptr_t *a)
{
	struct abi_stat st;
	struct file *f;
	int error;

	error = fd_get_any((int)a[0], &f);
	if (error != 0)
		return -error;
	fill_stat(f->f_vnode, &st);
	file_rele(f);
	return -copyout(&st, a[1], sizeof(st));
}

static struct abi_statx_time
to_statx_time(const struct abi_timespec *ts)
{
	return (struct abi_statx_time){ts->tv_sec, (uint32_t)ts->tv_nsec, 0};
}

long
sys_statx(const uintptr_t *a)
{
	u_int flags = (u_int)a[2];
	struct abi_statx sx;
	struct abi_stat st;
	struct vnode *vp;
	int error;

	if ((flags & ~(STAT_AT_FLAGS | AT_STATX_SYNC_TYPE)) != 0 ||
	    ((u_int)a[3] & 0x80000000u) != 0)
		return -EINVAL;
	error = find((int)a[0], a[1], flags, &vp);
	if (error != 0)
		return -error;
	fill_stat(vp, &st);
	vrele(vp);
	memset(&sx, 0, sizeof(sx));
	sx.stx_mask = STATX_BASIC_STATS;
	sx.stx_blksize = (uint32_t)st.st_blksize;
	sx.stx_nlink = (uint32_t)st.st_nlink;
	sx.stx_uid = st.st_uid;
	sx.stx_gid = st.st_gid;
	sx.stx_mode = (uint16_t)st.st_mode;
	sx.stx_ino = st.st_ino;
	sx.stx_size = (uint64_t)st.st_size;
	sx.stx_blocks = (uint64_t)st.st_blocks;
	sx.stx_atime = to_statx_time(&st.st_atim);
	sx.stx_ctime = to_statx_time(&st.st_ctim);
	sx.stx_mtime = to_statx_time(&st.st_mtim);
	sx.stx_rdev_major = MAJOR(st.st_rdev);
	sx.stx_rdev_minor = MINOR(st.st_rdev);
	sx.stx_dev_major = MAJOR(st.st_dev);
	sx.stx_dev_minor = MINOR(st.st_dev);
	return -copyout(&sx, a[4], sizeof(sx));
}

/*
 * Access.
 */

static long
do_access(int dirfd, vaddr_t upath, u_int mode, u_int flags)
{
	struct vnode *vp;
	int error;

	if ((mode & ~(R_OK | W_OK | X_OK)) != 0 ||
	    (flags & ~(AT_EACCESS | STAT_AT_FLAGS)) != 0)
		return -EINVAL;
	error = find(dirfd, upath, flags, &vp);
	if (error != 0)
		return -error;
	vfs_enter();
	error = vfs_access(vp, mode, (flags & AT_EACCESS) == 0);
	vrele(vp);
	vfs_exit();
	return -error;
}

long
sys_access(const uintptr_t *a)
{
	return do_access(AT_FDCWD, a[0], (u_int)a[1], 0);
}

long
sys_faccessat(const uintptr_t *a)
{
	return do_access((int)a[0], a[1], (u_int)a[2], 0);
}

long
sys_faccessat2(const uintptr_t *a)
{
	return do_access((int)a[0], a[1], (u_int)a[2], (u_int)a[3]);
}

/*
 * Symbolic links.
 */

static long
do_readlink(int dirfd, vaddr_t upath, vaddr_t ubuf, size_t size)
{
	struct vnode *vp;
	size_t len = 0;
	char *buf;
	int error;

	if ((int)size <= 0)
		return -EINVAL;
	size = MIN(size, PATH_MAX);
	error = find(dirfd, upath, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &vp);
	if (error != 0)
		return -error;
	buf = kmem_alloc(size, 0);
	if (buf == NULL)
		error = ENOMEM;
	else if (!S_ISLNK(vp->v_mode))
		error = EINVAL;
	else {
		vfs_enter();
		error = vp->v_ops->vo_readlink(vp, buf, size, &len);
		vfs_exit();
	}
	vrele(vp);
	if (error == 0)
		error = copyout(buf, ubuf, len);
	if (buf != NULL)
		kmem_free(buf, size);
	return error != 0 ? -error : (long)len;
}

long
sys_readlink(const uintptr_t *a)
{
	return do_readlink(AT_FDCWD, a[0], a[1], a[2]);
}

long
sys_readlinkat(const uintptr_t *a)
{
	return do_readlink((int)a[0], a[1], a[2], a[3]);
}

/*
 * Directories.  Entries are gathered in a kernel buffer under the big lock
 * and copied out without it.
 */
struct gather {
	char *ga_buf;
	size_t ga_len, ga_size;
	bool ga_old; /* getdents(): the type is behind the name */
	bool ga_full;
};

static bool
gather_one(void *arg, const char *name, ino_t ino, off_t next, mode_t mode)
{
	struct gather *ga = arg;
	struct abi_dirent *d = (struct abi_dirent *)(ga->ga_buf + ga->ga_len);
	size_t off = ga->ga_old ? DIRENT_NAMEOFF - 1 : DIRENT_NAMEOFF;
	size_t n = strlen(name), len;

	len = roundup2(off + n + (ga->ga_old ? 2 : 1), 8);
	if (ga->ga_size - ga->ga_len < len) {
		ga->ga_full = true;
		return false;
	}
	memset(d, 0, len);
	d->d_ino = ino;
	d->d_off = next;
	d->d_reclen = (uint16_t)len;
	d->d_type = (uint8_t)(mode >> 12 & 017); /* DT_* are the type bits */
	if (ga->ga_old)
		((char *)d)[len - 1] = (char)d->d_type;
	memcpy((char *)d + off, name, n + 1);
	ga->ga_len += len;
	return true;
}

static long
do_getdents(int fd, vaddr_t ubuf, size_t size, bool old)
{
	struct gather ga = {.ga_old = old, .ga_size = MIN(size, 32768)};
	struct vnode *vp;
	struct file *f;
	int error;

	error = fd_get(fd, &f);
	if (error != 0)
		return -error;
	vp = f->f_vnode;
	if (!S_ISDIR(vp->v_mode))
		error = ENOTDIR;
	else if (ga.ga_size == 0)
		error = EINVAL;
	else if ((ga.ga_buf = kmem_alloc(ga.ga_size, 0)) == NULL)
		error = ENOMEM;
	if (error != 0) {
		file_rele(f);
		return -error;
	}
	mutex_enter(&f->f_lock);
	vfs_enter();
	error = vp->v_nlink == 0
		    ? ENOENT
		    : vp->v_ops->vo_readdir(vp, &f->f_offset, gather_one, &ga);
	vfs_exit();
	mutex_exit(&f->f_lock);
	file_rele(f);
	if (error == 0 && ga.ga_len == 0 && ga.ga_full)
		error = EINVAL;
	if (error == 0)
		error = copyout(ga.ga_buf, ubuf, ga.ga_len);
	kmem_free(ga.ga_buf, ga.ga_size);
	return error != 0 ? -error : (long)ga.ga_len;
}

long
sys_getdents64(const uintptr_t *a)
{
	return do_getdents((int)a[0], a[1], (u_int)a[2], false);
}

long
sys_getdents(const uintptr_t *a)
{
	return do_getdents((int)a[0], a[1], (u_int)a[2], true);
}

/*
 * File systems.
 */

static int
put_statfs(struct vnode *vp, vaddr_t ust)
{
	struct abi_statfs st;
	u_long used, swap;

	memset(&st, 0, sizeof(st));
	if (vp->v_mount != NULL) {
		vp->v_mount->mnt_ops->mo_statfs(vp->v_mount, &st);
		st.f_fsid[0] = (int32_t)vp->v_dev;
		st.f_flags = vp->v_mount->mnt_rdonly;
		return copyout(&st, ust, sizeof(st));
	}
	st.f_type = vp->v_ops->vo_magic;
	st.f_bsize = st.f_frsize = PAGE_SIZE;
	st.f_namelen = NAME_MAX;
	if (vp->v_ops->vo_create != NULL) {
		used = uvm_file_pages();
		swap =
		    atomic_load_explicit(&uvm_swap_total, memory_order_relaxed);
		st.f_blocks = MIN(uvm_file_pages_limit(), phys_total() + swap);
		st.f_bfree = st.f_blocks > used ? st.f_blocks - used : 0;
		swap -= MIN(swap,
		    atomic_load_explicit(&uvm_swap_used, memory_order_relaxed));
		st.f_bfree = MIN(st.f_bfree, phys_free_count() + swap);
		st.f_bavail = st.f_bfree;
		st.f_files = st.f_blocks;
		st.f_ffree = st.f_bfree;
	}
	st.f_fsid[0] = (int32_t)vp->v_dev;
	return copyout(&st, ust, sizeof(st));
}

long
sys_statfs(const uintptr_t *a)
{
	struct vnode *vp;
	int error;

	error = find(AT_FDCWD, a[0], 0, &vp);
	if (error != 0)
		return -error;
	error = put_statfs(vp, a[1]);
	vrele(vp);
	return -error;
}

long
sys_fstatfs(const uintptr_t *a)
{
	struct file *f;
	int error;

	error = fd_get_any((int)a[0], &f);
	if (error != 0)
		return -error;
	error = put_statfs(f->f_vnode, a[1]);
	file_rele(f);
	return -error;
}

long
sys_fsync(const uintptr_t *a)
{
	struct file *f;
	int error;

	error = fd_get((int)a[0], &f);
	if (error != 0)
		return -error;
	if (f->f_ops == &blkdev_ops)
		error = blkdev_flush(f);
	else if (f->f_vnode->v_obj != NULL || S_ISDIR(f->f_vnode->v_mode))
		error = vfs_fsync(f->f_vnode);
	else
		error = EINVAL;
	file_rele(f);
	return -error;
}

long
sys_fdatasync(const uintptr_t *a)
{
	return sys_fsync(a);
}

long
sys_fadvise64(const uintptr_t *a)
{
	struct file *f;
	int error;

	error = fd_get((int)a[0], &f);
	if (error != 0)
		return -error;
	if (S_ISFIFO(f->f_vnode->v_mode))
		error = ESPIPE;
	else if ((u_int)a[3] > 5) /* all advice is heard, none is needed */
		error = EINVAL;
	file_rele(f);
	return -error;
}
