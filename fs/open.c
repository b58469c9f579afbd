/*
 * open.c: from a path to an open file: open(2) and its relatives, the image
 * that exec runs, the object that mmap maps, and how it all begins.
 */
#include <fs/file.h>

#include <sys/errno.h>
#include <port/machdep.h>
#include <base/print.h>
#include <dev/blk.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <uvm/object.h>
#include <kern/memtab.h>
#include <kern/syscalls.h>
#include <fs/cpio.h>
#include <fs/fs.h>
#include <fs/init.h>
#include <fs/mount.h>
#include <fs/sysent.h>

/* An O_PATH file only marks a place. */
const struct fileops path_ops = {0};

int
path_get(vaddr_t va, struct path *pa)
{
	size_t len;
	int error;

	pa->pa_str = pa->pa_buf;
	pa->pa_heap = NULL;
	error = copyinstr(va, pa->pa_buf, sizeof(pa->pa_buf), &len);
	if (error != ENAMETOOLONG)
		return error;
	pa->pa_heap = kmem_alloc(PATH_MAX, 0);
	if (pa->pa_heap == NULL)
		return ENOMEM;
	pa->pa_str = pa->pa_heap;
	error = copyinstr(va, pa->pa_heap, PATH_MAX, &len);
	if (error != 0)
		path_free(pa);
	return error;
}

void
path_free(struct path *pa)
{
	if (pa->pa_heap != NULL)
		kmem_free(pa->pa_heap, PATH_MAX);
	pa->pa_heap = NULL;
}

int
vfs_at(int dirfd, struct vnode **atp)
{
	struct file *f;
	int error;

	*atp = NULL;
	if (dirfd == AT_FDCWD)
		return 0;
	error = fd_get_any(dirfd, &f);
	if (error != 0)
		return error;
	*atp = f->f_vnode;
	vref(*atp);
	file_rele(f);
	return 0;
}

int
vfs_open_vnode(struct vnode *vp, u_int flags, struct file **fp)
{
	struct file *f;
	int error;

	error = file_new(vp,
	    flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC |
			O_DIRECTORY | O_NOFOLLOW),
	    &f);
	if (error != 0) {
		vrele(vp);
		return error;
	}
	if ((flags & O_PATH) != 0) {
		f->f_ops = &path_ops;
		*fp = f;
		return 0;
	}
	if (vp->v_obj != NULL && file_canwrite(f)) {
		vfs_enter();
		if (vp->v_ntexts > 0)
			error = ETXTBSY;
		else {
			vp->v_nwriters++;
			f->f_writer = true;
		}
		vfs_exit();
	}
	if (error == 0 && vp->v_ops->vo_open != NULL)
		error = vp->v_ops->vo_open(vp, f);
	else if (error == 0) {
		switch (vp->v_mode & S_IFMT) {
		case S_IFREG:
			f->f_ops = &regular_ops;
			break;
		case S_IFDIR:
			f->f_ops = &directory_ops;
			break;
		case S_IFCHR:
			error = dev_open(vp, f, (flags & O_NOCTTY) == 0);
			break;
		case S_IFBLK:
			error = blkdev_open(vp, f);
			break;
		case S_IFIFO:
			error = fifo_open(vp, f);
			break;
		default:
			error = ENXIO;
		}
	}
	if (error == 0 && vp->v_obj != NULL && (flags & O_TRUNC) != 0)
		error = vfs_resize(vp, 0);
	if (error != 0) {
		file_rele(f);
		return error;
	}
	KASSERT(f->f_ops != NULL);
	*fp = f;
	return 0;
}

/* May the caller open vp as flags say? */
static int
open_check(struct vnode *vp, u_int flags)
{
	u_int acc = flags & O_ACCMODE, want = R_OK;
	uid_t uid = curproc()->ps_cred.cr_fsuid;

	if (S_ISLNK(vp->v_mode))
		return (flags & O_PATH) != 0 ? 0 : ELOOP;
	if ((flags & O_DIRECTORY) != 0 && !S_ISDIR(vp->v_mode))
		return ENOTDIR;
	if ((flags & O_PATH) != 0)
		return 0;
	if (acc == O_WRONLY)
		want = W_OK;
	else if (acc != O_RDONLY) /* 3: for ioctl() alone, as on Linux */
		want = R_OK | W_OK;
	if ((flags & O_TRUNC) != 0)
		want |= W_OK;
	if (S_ISDIR(vp->v_mode) &&
	    ((want & W_OK) != 0 || (flags & O_CREAT) != 0))
		return EISDIR;
	if ((flags & O_NOATIME) != 0 && uid != 0 && uid != vp->v_uid)
		return EPERM;
	return vfs_access(vp, want, false);
}

/* The walk found nothing at lk_name: make a regular file.  Big lock. */
static int
open_create(struct lookup *lk, mode_t mode)
{
	struct vnode *dvp = lk->lk_dvp;
	int error;

	if (lk->lk_slash)
		return EISDIR;
	if (dvp->v_ops->vo_create == NULL)
		return EACCES;
	error = vfs_access(dvp, W_OK | X_OK, false);
	if (error != 0)
		return error;
	return dvp->v_ops->vo_create(dvp, lk->lk_name, S_IFREG | mode, 0, NULL,
	    &lk->lk_vp);
}

int
vfs_open(struct vnode *at, const char *path, u_int flags, mode_t mode,
    struct file **fp)
{
	struct fsproc *fsp = curproc()->ps_fs;
	struct lookup lk = {0};
	struct vnode *vp;
	int error;

	mode &= 07777;
	if (fsp != NULL)
		mode &= ~atomic_load_explicit(&fsp->fp_cwd->cw_umask,
		    memory_order_relaxed);
	if ((flags & O_PATH) != 0)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	if ((flags & O_TMPFILE) != 0)
		return EOPNOTSUPP;
	if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
		return EINVAL;
	if ((flags & O_CREAT) != 0)
		lk.lk_flags = LK_PARENT;
	if ((flags & O_NOFOLLOW) == 0 &&
	    (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL))
		lk.lk_flags |= LK_FOLLOW;
	vfs_enter();
again:
	error = vfs_walk(at, path, &lk);
	if (error == 0 && lk.lk_vp == NULL) {
		error = open_create(&lk, mode);
		if (error == EEXIST && (flags & O_EXCL) == 0) {
			/* Somebody was faster while we waited for a disk. */
			vfs_walk_done(&lk);
			goto again;
		}
		flags &= ~(O_TRUNC | O_EXCL);
	} else if (error == 0) {
		error = open_check(lk.lk_vp, flags);
		if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
			error = EEXIST;
	}
	vp = lk.lk_vp;
	if (error == 0)
		vref(vp);
	vfs_walk_done(&lk);
	vfs_exit();
	return error != 0 ? error : vfs_open_vnode(vp, flags, fp);
}

static long
do_open(int dirfd, vaddr_t upath, u_int flags, mode_t mode)
{
	struct vnode *at;
	struct path pa;
	struct file *f;
	int fd, error;

	error = path_get(upath, &pa);
	if (error != 0)
		return -error;
	error = vfs_at(*pa.pa_str == '/' ? AT_FDCWD : dirfd, &at);
	if (error == 0)
		error = fd_alloc(0, (flags & O_CLOEXEC) != 0, &fd);
	if (error == 0) {
		error = vfs_open(at, pa.pa_str, flags, mode, &f);
		if (error == 0)
			fd_set(fd, f);
		else
			fd_unalloc(fd);
	}
	vrele(at);
	path_free(&pa);
	return error != 0 ? -restart(error) : fd;
}

long
sys_open(const uintptr_t *a)
{
	return do_open(AT_FDCWD, a[0], (u_int)a[1], (mode_t)a[2]);
}

long
sys_openat(const uintptr_t *a)
{
	return do_open((int)a[0], a[1], (u_int)a[2], (mode_t)a[3]);
}

struct abi_open_how {
	uint64_t flags, mode, resolve;
};

/*
 * openat2(dirfd, path, how, size): as openat(), but what is not known is
 * refused; that is every restriction of the way the path may take.
 */
long
sys_openat2(const uintptr_t *a)
{
	struct abi_open_how how;
	uint64_t more;
	size_t i;

	if (a[3] < sizeof(how))
		return -EINVAL;
	if (a[3] > PAGE_SIZE)
		return -E2BIG;
	if (copyin(a[2], &how, sizeof(how)) != 0)
		return -EFAULT;
	for (i = sizeof(how); i < a[3]; i += sizeof(more)) {
		more = 0;
		if (copyin(a[2] + i, &more, MIN(sizeof(more), a[3] - i)) != 0)
			return -EFAULT;
		if (more != 0)
			return -E2BIG;
	}
	if ((how.flags & ~(uint64_t)O_KNOWN) != 0 || how.resolve != 0 ||
	    (how.mode & ~07777ull) != 0 ||
	    (how.mode != 0 && (how.flags & O_CREAT) == 0))
		return -EINVAL;
	return do_open((int)a[0], a[1], (u_int)how.flags, (mode_t)how.mode);
}

long
sys_creat(const uintptr_t *a)
{
	return do_open(AT_FDCWD, a[0], O_CREAT | O_WRONLY | O_TRUNC,
	    (mode_t)a[1]);
}

long
sys_memfd_create(const uintptr_t *a)
{
	char name[8 + NAME_MAX] = "memfd:";
	u_int flags = (u_int)a[1];
	struct vnode *vp;
	struct file *f;
	size_t len;
	int error;

	if ((flags & ~mem_flags(MC_memfd_create)) != 0 ||
	    (flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) ==
		(MFD_EXEC | MFD_NOEXEC_SEAL))
		return -EINVAL;
	error = copyinstr(a[0], name + 6, 250, &len);
	if (error != 0)
		return error == ENAMETOOLONG ? -EINVAL : -error;
	vfs_enter();
	error = tmpfs_anon(S_IFREG | (flags & MFD_NOEXEC_SEAL ? 0666 : 0777),
	    name, &vp);
	if (error == 0)
		atomic_store_explicit(&vp->v_seals,
		    flags & MFD_NOEXEC_SEAL     ? F_SEAL_EXEC
		    : flags & MFD_ALLOW_SEALING ? 0u
						: F_SEAL_SEAL,
		    memory_order_relaxed);
	/* Only mounted file systems have a size. */
	if (error == 0)
		vp->v_obj->uo_file = false;
	vfs_exit();
	if (error == 0)
		error = vfs_open_vnode(vp, O_RDWR, &f);
	if (error != 0)
		return -error;
	return fd_install(f, 0, (flags & MFD_CLOEXEC) != 0);
}

/*
 * Upcalls of kern.
 */

/* Tell the object its present name, for /proc maps. */
static void
name_object(struct vnode *vp, char *buf, size_t size)
{
	size_t len;

	vfs_enter();
	if (vfs_path(vp, buf, size, &len) != 0)
		buf[0] = '\0';
	vfs_exit();
	uvm_object_set_name(vp->v_obj, buf, vp->v_dev, vp->v_ino);
}

int
fs_open_image(int dirfd, const char *path, u_int flags, struct exec_image *ei)
{
	struct lookup lk = {0};
	struct vnode *vp, *at;
	int error;

	if ((flags & AT_SYMLINK_NOFOLLOW) == 0)
		lk.lk_flags |= LK_FOLLOW;
	if ((flags & AT_EMPTY_PATH) != 0)
		lk.lk_flags |= LK_EMPTY;
	if (*path == '/')
		dirfd = AT_FDCWD;
	error = vfs_at(dirfd, &at);
	if (error != 0)
		return error;
	ei->ei_cloexec = dirfd != AT_FDCWD && fd_closes(dirfd);
	vfs_enter();
	error = vfs_walk(at, path, &lk);
	vrele(at);
	vp = lk.lk_vp;
	if (error == 0 && S_ISLNK(vp->v_mode))
		error = ELOOP;
	if (error == 0 && !S_ISREG(vp->v_mode))
		error = EACCES;
	if (error == 0)
		error = vfs_access(vp, X_OK, false);
	if (error == 0 && vp->v_obj == NULL)
		error = EACCES;
	if (error == 0 && vp->v_nwriters > 0)
		error = ETXTBSY;
	if (error == 0) {
		vref(vp);
		vp->v_ntexts++;
		ei->ei_mode = vp->v_mode & 07777;
		ei->ei_uid = vp->v_uid;
		ei->ei_gid = vp->v_gid;
	}
	vfs_walk_done(&lk);
	vfs_exit();
	if (error != 0)
		return error;
	ei->ei_cookie = vp;
	ei->ei_obj = vp->v_obj;
	uvm_object_ref(vp->v_obj);
	ei->ei_size =
	    atomic_load_explicit(&vp->v_obj->uo_size, memory_order_relaxed);
	name_object(vp, ei->ei_path, sizeof(ei->ei_path));
	return 0;
}

void
fs_close_image(struct exec_image *ei)
{
	struct vnode *vp = ei->ei_cookie;

	uvm_object_free(ei->ei_obj);
	ei->ei_obj = NULL;
	ei->ei_cookie = NULL;
	vfs_enter();
	KASSERT(vp->v_ntexts > 0);
	vp->v_ntexts--;
	vrele(vp);
	vfs_exit();
}

/*
 * Take a reference to vp's pages for a mapping.  One that is shared and may
 * write is counted with the writers, and holds the object, until
 * fs_mmap_done(): the mapping counts from then on.  EPERM: sealed.
 */
static int
map_regular(struct vnode *vp, vm_prot_t prot, bool shared, vm_prot_t *maxprotp,
    struct uvm_object **uop)
{
	const u_int nowrite = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
	struct uvm_object *uo = vp->v_obj;
	int error = 0;

	/* Who seals looks at the writers under the same lock. */
	mutex_enter(&vp->v_iolock);
	if (shared &&
	    (atomic_load_explicit(&vp->v_seals, memory_order_relaxed) &
		nowrite) != 0) {
		*maxprotp &= ~PROT_WRITE;
		if ((prot & PROT_WRITE) != 0)
			error = EPERM;
	}
	if (error == 0 && shared && (*maxprotp & PROT_WRITE) != 0) {
		uvm_object_ref(uo);
		atomic_fetch_add_explicit(&uo->uo_writers, 1,
		    memory_order_relaxed);
	}
	mutex_exit(&vp->v_iolock);
	if (error != 0)
		return error;
	uvm_object_ref(uo);
	*uop = uo;
	return 0;
}

void
fs_mmap_done(struct uvm_object *uo)
{
	u_int old =
	    atomic_fetch_sub_explicit(&uo->uo_writers, 1, memory_order_relaxed);

	KASSERT(old > 0);
	uvm_object_free(uo);
}

int
fs_mmap(int fd, vm_prot_t prot, u_int flags, uint64_t off,
    struct uvm_object **uop, vm_prot_t *maxprotp)
{
	bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
	struct vnode *vp;
	struct file *f;
	char buf[256];
	int error;

	(void)off; /* beyond the end is for the fault to find out */
	error = fd_get(fd, &f);
	if (error != 0)
		return error;
	vp = f->f_vnode;
	*maxprotp = PROT_ALL;
	if (shared && !file_canwrite(f))
		*maxprotp &= ~PROT_WRITE;
	if (!file_canread(f) || (prot & ~*maxprotp) != 0)
		error = EACCES;
	else if (S_ISCHR(vp->v_mode)) {
		error = dev_mmap(vp->v_rdev, flags, uop);
		/* As map_regular(). */
		if (error == 0 && shared && (*maxprotp & PROT_WRITE) != 0) {
			uvm_object_ref(*uop);
			atomic_fetch_add_explicit(&(*uop)->uo_writers, 1,
			    memory_order_relaxed);
		}
	} else if (vp->v_obj == NULL)
		/* What is on no mounted file system is not for execution. */
		error = (prot & PROT_EXEC) != 0 &&
				(S_ISFIFO(vp->v_mode) ||
				    (vp->v_mode & S_IFMT) == S_IFSOCK)
			    ? EPERM
			    : ENODEV;
	else {
		name_object(vp, buf, sizeof(buf));
		error = map_regular(vp, prot, shared, maxprotp, uop);
	}
	file_rele(f);
	return error;
}

/*
 * The beginning.
 */

static const struct fs_upcalls upcalls = {
    .fo_fork = fs_fork,
    .fo_exec = fs_exec,
    .fo_exit = fs_exit,
    .fo_open_image = fs_open_image,
    .fo_close_image = fs_close_image,
    .fo_mmap = fs_mmap,
    .fo_mmap_done = fs_mmap_done,
    .fo_mount_root = fs_mount_root,
    .fo_open_console = fs_open_console,
    .fo_pidfd = fs_pidfd,
    .fo_new_pidfd = fs_new_pidfd,
    .fo_close = fs_close,
    .fo_changed = pidfd_notify,
    .fo_shutdown = mount_shutdown,
};

void
fs_register(void)
{
	kern_fs = &upcalls;
	kern_syscall_init(sysent, nsysent);
}

/* Pages of the initrd before this address are free again. */
static const char *initrd_freed;

static void
initrd_done(const char *upto)
{
	const char *end = (const char *)trunc_page((uintptr_t)upto);

	if (end <= initrd_freed)
		return;
	phys_release(md_direct_pa(initrd_freed), md_direct_pa(end));
	initrd_freed = end;
}

/* The directory name below dvp, made if it is missing.  Big lock. */
static struct vnode *
make_dir(struct vnode *dvp, const char *name, mode_t mode)
{
	struct vnode *vp;
	int error;

	error = dvp->v_ops->vo_lookup(dvp, name, &vp);
	if (error == ENOENT)
		error = dvp->v_ops->vo_create(dvp, name, S_IFDIR | mode, 0,
		    NULL, &vp);
	if (error != 0 || !S_ISDIR(vp->v_mode))
		panic("cannot make /%s: error %d", name, error);
	return vp;
}

static void
make_devices(struct vnode *dev)
{
	const struct dev_name *dn;
	struct vnode *vp;
	char name[8];
	u_int i;
	int error;

	for (dn = dev_names; dn < dev_names + ndev_names; dn++) {
		(void)dev->v_ops->vo_remove(dev, dn->dn_name);
		error = dev->v_ops->vo_create(dev, dn->dn_name,
		    S_IFCHR | dn->dn_mode, dn->dn_dev, NULL, &vp);
		if (error != 0)
			panic("cannot make /dev/%s: error %d", dn->dn_name,
			    error);
		vrele(vp);
	}
	for (i = 0; i < 8; i++) {
		ksnprintf(name, sizeof(name), "vd%c", 'a' + (int)i);
		if (blk_find(name) == NULL)
			continue;
		(void)dev->v_ops->vo_remove(dev, name);
		/* No number is promised; mount_bdev() knows these. */
		if (dev->v_ops->vo_create(dev, name, S_IFBLK | 0600,
			MAKEDEV(254, i * 16), NULL, &vp) == 0)
			vrele(vp);
	}
	vrele(make_dir(dev, "shm", 01777));
	pty_init(make_dir(dev, "pts", 0755));
}

void
fs_mount_root(const void *initrd, size_t len)
{
	static const struct {
		const char *name, *target;
	} links[] = {{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"},
	    {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"}};
	struct vnode *dev, *proc, *vp;
	const char *start = initrd;
	int error;
	u_int i;

	file_init();
	fd_init();
	vfs_enter();
	error = tmpfs_mount(&rootvnode);
	vfs_exit();
	if (error != 0)
		panic("no memory for the root file system");
	if (initrd != NULL) {
		initrd_freed = (const char *)trunc_page((uintptr_t)start);
		error = cpio_unpack(rootvnode, start, len, initrd_done);
		if (error != 0)
			kprintf("initramfs: error %d; the rest is left out\n",
			    error);
		initrd_done((const char *)round_page((uintptr_t)start + len));
	}
	uvm_file_pages_max = uvm_file_pages() + phys_free_count() / 2;
	vfs_enter();
	dev = make_dir(rootvnode, "dev", 0755);
	make_devices(dev);
	for (i = 0; i < nitems(links); i++) {
		error = dev->v_ops->vo_create(dev, links[i].name,
		    S_IFLNK | 0777, 0, links[i].target, &vp);
		if (error == 0)
			vrele(vp);
	}
	vrele(dev);
	vrele(make_dir(rootvnode, "tmp", 01777));
	proc = make_dir(rootvnode, "proc", 0555);
	error = procfs_mount(proc);
	if (error != 0)
		panic("no memory for /proc");
	vrele(proc);
	vfs_exit();
	error = sysfs_make();
	if (error != 0)
		kprintf("/sys is incomplete: error %d\n", error);
	tty_init();
}
