/*
 * mount.h: file systems on disk, as what is above them knows them.
 *
 * A mounted file system is a struct mount, in the list of all of them, and its
 * root hides a directory.  Those in memory (tmpfs, /proc) have none.
 *
 * Protection:
 *	I	constant while mounted
 *	M	mount_lock (mount.c), which is held to mount and unmount, and while
 *		all are written
 *	L	list_lock (mount.c)
 */
#ifndef FS_MOUNT_H
#define FS_MOUNT_H

#include <fs/vfs.h>

struct blkdev;
struct mount;

/*
 * What the file system does.  mount_lock is held, and no other; may sleep.
 *
 * mo_mount: find a file system on mnt_bdev: mnt_data, and *rootp with a
 *	reference.  EINVAL: none that makes sense; EROFS: may only be read;
 *	EIO, ENOMEM.
 * mo_unmount: it ends; the reference to its root is the mount's last.  EBUSY:
 *	somebody uses it, nothing changed.  Else it is over; EIO: not all could
 *	be written.
 * mo_sync: write all that was modified.  EIO, ENOMEM, ENOSPC.
 * mo_clean: the machine stops: as unmounting, as far as that is possible while
 *	it is used.  No lock held but mount_lock.
 * mo_statfs: all of *st but f_fsid and f_flags; no lock.
 */
struct mount_ops {
	const char *mo_name;
	int (*mo_mount)(struct mount *mp, struct vnode **rootp);
	int (*mo_unmount)(struct mount *mp);
	int (*mo_sync)(struct mount *mp);
	void (*mo_clean)(struct mount *mp);
	void (*mo_statfs)(struct mount *mp, struct abi_statfs *st);
};
extern const struct mount_ops ext2_mount_ops;

struct mount {
	TAILQ_ENTRY(mount) mnt_link;     /* [M] or [L]; both to change */
	char mnt_on[128];                /* [I] path of mnt_covered, or less */
	const struct mount_ops *mnt_ops; /* [I] */
	struct blkdev *mnt_bdev;         /* [I] claimed */
	dev_t mnt_dev;                   /* [I] */
	bool mnt_rdonly;                 /* [I] */
	struct vnode *mnt_covered;       /* [I] referenced */
	struct vnode *mnt_root;          /* [I] referenced */
	void *mnt_data;                  /* [I] of mnt_ops */
};

/*
 * mount_foreach: fn(arg, mp) for each mount, which may not sleep.  No lock at
 *	RANK_MOUNT or above held.
 * mount_shutdown: the machine stops.  No lock held.
 * mount_bdev: the block device with this number, or NULL.
 */
void mount_foreach(void (*fn)(void *, const struct mount *), void *arg);
void mount_shutdown(void);
struct blkdev *mount_bdev(dev_t rdev);

#endif
