/*
 * mount.c: mounting, and writing what was modified.
 *
 * A thread, "syncer", writes all file systems every half a minute, and when
 * the page-out daemon finds files' pages in its way that are modified.  Others
 * write themselves what they want written.
 *
 * Locks: mount_lock orders all this; list_lock is for who only wants to see
 * what is mounted.  sync_lock is what those wait under who
 * want the syncer, and the syncer itself.
 */
#include <fs/mount.h>

#include <sys/errno.h>
#include <base/print.h>
#include <base/thread.h>
#include <dev/blk.h>
#include <phys/kmem.h>
#include <uvm/vnode.h>
#include <kern/proc.h>
#include <kern/swap.h>
#include <kern/syscalls.h>
#include <fs/file.h>

#define SYNC_EVERY (30ull * 1000000000)
#define BLK_MAJOR  254u /* Linux gives out 254 downwards */
#define MS_FLAGS                                                               \
	(MS_RDONLY | MS_SILENT | MS_NOATIME | MS_NODIRATIME | MS_RELATIME)

static const struct mount_ops *const types[] = {&ext2_mount_ops};

static struct mutex mount_lock = MUTEX_INITIALIZER(RANK_FILE);
static struct mutex list_lock = MUTEX_INITIALIZER(RANK_MOUNT);
static TAILQ_HEAD(, mount) mounts = TAILQ_HEAD_INITIALIZER(mounts);
static bool syncing;        /* [mount_lock] there is a syncer */
static u_int next_dev = 16; /* [mount_lock] minor number of the next mount */

/* [sync_lock] */
static struct spin sync_lock = SPIN_INITIALIZER(RANK_PAGEQ);
static u_long sync_asked, sync_done; /* rounds */

struct blkdev *
mount_bdev(dev_t rdev)
{
	char name[8];

	if (MAJOR(rdev) != BLK_MAJOR || MINOR(rdev) % 16 != 0)
		return NULL;
	ksnprintf(name, sizeof(name), "vd%c", 'a' + (int)MINOR(rdev) / 16);
	return blk_find(name);
}

void
mount_foreach(void (*fn)(void *, const struct mount *), void *arg)
{
	struct mount *mp;

	mutex_enter(&list_lock);
	TAILQ_FOREACH(mp, &mounts, mnt_link)
		fn(arg, mp);
	mutex_exit(&list_lock);
}

/*
 * Writing.
 */

/* Write all; the first error. */
static int
sync_all(void)
{
	struct mount *mp;
	int error = 0, one;

	mutex_enter(&mount_lock);
	TAILQ_FOREACH(mp, &mounts, mnt_link) {
		one = mp->mnt_ops->mo_sync(mp);
		error = error != 0 ? error : one;
	}
	mutex_exit(&mount_lock);
	return error;
}

static void
syncer(void *arg)
{
	u_long asked;

	(void)arg;
	for (;;) {
		spin_enter(&sync_lock);
		if (sync_asked == sync_done)
			(void)sleep_spin(&sync_asked, &sync_lock, 0,
			    sleep_deadline(SYNC_EVERY), "syncer");
		asked = sync_asked;
		spin_exit(&sync_lock);
		(void)sync_all();
		spin_enter(&sync_lock);
		sync_done = asked;
		wakeup(&sync_done);
		spin_exit(&sync_lock);
	}
}

/* uvm_writeback: have the syncer do it, which may take locks, and wait. */
static void
writeback(void)
{
	u_long mine;

	spin_enter(&sync_lock);
	mine = ++sync_asked;
	wakeup(&sync_asked);
	while ((long)(sync_done - mine) < 0)
		(void)sleep_spin(&sync_done, &sync_lock, 0, 0, "writeback");
	spin_exit(&sync_lock);
}

void
mount_shutdown(void)
{
	struct mount *mp;

	mutex_enter(&mount_lock);
	TAILQ_FOREACH(mp, &mounts, mnt_link)
		mp->mnt_ops->mo_clean(mp);
	mutex_exit(&mount_lock);
}

long
sys_sync(const uintptr_t *a)
{
	(void)a;
	(void)sync_all();
	return 0;
}

long
sys_syncfs(const uintptr_t *a)
{
	struct file *f;
	int error;

	error = fd_get((int)a[0], &f);
	if (error != 0)
		return -error;
	if (f->f_vnode->v_mount != NULL)
		error = sync_all();
	file_rele(f);
	return -error;
}

/*
 * Mounting.
 */

/* The file that user address va names, referenced. */
static int
find(vaddr_t va, struct vnode **vpp)
{
	struct lookup lk = {.lk_flags = LK_FOLLOW};
	struct path pa;
	int error;

	error = path_get(va, &pa);
	if (error != 0)
		return error;
	vfs_enter();
	error = vfs_walk(NULL, pa.pa_str, &lk);
	vfs_exit();
	path_free(&pa);
	*vpp = lk.lk_vp;
	return error;
}

/* What a mount needs besides a file system.  [mount_lock] */
static int
start_threads(void)
{
	int error;

	if (syncing)
		return 0;
	error = kthread_create("syncer", syncer, NULL, NULL);
	if (error != 0)
		return error;
	syncing = true;
	atomic_store_explicit(&uvm_writeback, writeback, memory_order_relaxed);
	return pageout_start();
}

/* Hang the root of mp on its directory, or take it off. */
static int
attach(struct mount *mp, bool on)
{
	struct vnode *dvp = mp->mnt_covered;
	size_t len;
	int error = 0;

	vfs_enter();
	if (on && (dvp->v_mounted != NULL || dvp->v_covered != NULL ||
		      dvp == rootvnode || dvp->v_nlink == 0))
		error = EBUSY;
	else if (on) {
		dvp->v_mounted = mp->mnt_root;
		mp->mnt_root->v_covered = dvp;
		if (vfs_path(dvp, mp->mnt_on, sizeof(mp->mnt_on), &len) != 0)
			strlcpy(mp->mnt_on, "?", sizeof(mp->mnt_on));
	} else {
		dvp->v_mounted = NULL;
		mp->mnt_root->v_covered = NULL;
	}
	vfs_exit();
	mutex_enter(&list_lock);
	if (on && error == 0)
		TAILQ_INSERT_TAIL(&mounts, mp, mnt_link);
	else if (!on)
		TAILQ_REMOVE(&mounts, mp, mnt_link);
	mutex_exit(&list_lock);
	return error;
}

/* Mount what is on bd, claimed, on dvp, whose reference it takes over. */
static int
mount_bd(const struct mount_ops *ops, struct blkdev *bd, struct vnode *dvp,
    bool rdonly)
{
	struct mount *mp;
	int error;

	mp = kmem_alloc(sizeof(*mp), PA_ZERO);
	if (mp == NULL)
		return ENOMEM;
	mp->mnt_ops = ops;
	mp->mnt_bdev = bd;
	mp->mnt_rdonly = rdonly;
	mp->mnt_covered = dvp;
	mutex_enter(&mount_lock);
	mp->mnt_dev = MAKEDEV(BLK_MAJOR, next_dev++ & 0xff);
	error = start_threads();
	if (error == 0)
		error = ops->mo_mount(mp, &mp->mnt_root);
	if (error == 0) {
		error = attach(mp, true);
		if (error != 0)
			(void)ops->mo_unmount(mp);
	}
	mutex_exit(&mount_lock);
	if (error != 0)
		kmem_free(mp, sizeof(*mp));
	return error;
}

static int
do_mount(vaddr_t udev, struct vnode *dvp, const struct mount_ops *ops,
    u_int flags)
{
	struct blkdev *bd;
	struct vnode *vp;
	int error;

	error = find(udev, &vp);
	if (error != 0)
		return error;
	if (!S_ISBLK(vp->v_mode))
		error = ENOTBLK;
	else if (!S_ISDIR(dvp->v_mode))
		error = ENOTDIR;
	else if ((bd = mount_bdev(vp->v_rdev)) == NULL)
		error = ENXIO;
	else if (bd->bd_rdonly && (flags & MS_RDONLY) == 0)
		error = EACCES;
	else if ((error = blk_claim(bd)) == 0) {
		error = mount_bd(ops, bd, dvp, (flags & MS_RDONLY) != 0);
		if (error != 0)
			blk_unclaim(bd);
	}
	vrele(vp);
	return error;
}

/* mount(source, target, type, flags, data) */
long
sys_mount(const uintptr_t *a)
{
	u_int flags = (u_int)a[3], i;
	struct vnode *dvp;
	char type[16];
	int error;

	if (!cred_is_root())
		return -EPERM;
	/* The high half is a magic number of old. */
	if ((flags & 0xffff0000u) == 0xc0ed0000u)
		flags &= 0xffffu;
	if ((flags & ~MS_FLAGS) != 0 || a[2] == 0)
		return -EINVAL;
	error = copyinstr(a[2], type, sizeof(type), NULL);
	if (error != 0)
		return error == ENAMETOOLONG ? -ENODEV : -error;
	for (i = 0; i < nitems(types); i++)
		if (strcmp(types[i]->mo_name, type) == 0)
			break;
	if (i == nitems(types))
		return -ENODEV;
	error = find(a[1], &dvp);
	if (error != 0)
		return -error;
	error = do_mount(a[0], dvp, types[i], flags);
	if (error != 0)
		vrele(dvp);
	return -error;
}

/* umount2(target, flags); no flag is accepted. */
long
sys_umount2(const uintptr_t *a)
{
	struct mount *mp;
	struct vnode *vp;
	int error;

	if (!cred_is_root())
		return -EPERM;
	if ((u_int)a[1] != 0)
		return -EINVAL;
	error = find(a[0], &vp);
	if (error != 0)
		return -error;
	/* Ours would be a use of it. */
	vrele(vp);
	mutex_enter(&mount_lock);
	TAILQ_FOREACH(mp, &mounts, mnt_link)
		if (mp->mnt_root == vp)
			break;
	if (mp == NULL) {
		mutex_exit(&mount_lock);
		return -EINVAL;
	}
	(void)attach(mp, false);
	error = mp->mnt_ops->mo_unmount(mp);
	if (error == EBUSY && attach(mp, true) != 0)
		panic("unmount: somebody was faster");
	mutex_exit(&mount_lock);
	if (error == EBUSY)
		return -EBUSY;
	blk_unclaim(mp->mnt_bdev);
	vrele(mp->mnt_covered);
	kmem_free(mp, sizeof(*mp));
	return -error;
}
