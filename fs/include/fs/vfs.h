/*
 * vfs.h: vnodes and the walk from a path to one.
 *
 * Everything here lives in memory: a vnode is the file, there is no cache of
 * names and no disk below.  tmpfs keeps its files for as long as a name or a
 * reference is left; procfs makes a vnode for each lookup.
 *
 * The big lock guards names and attributes.  File data does not take it: a
 * regular file's pages are a uvm_object with its own lock, and v_iolock
 * orders those who change its size.
 *
 * A vnode whose last reference goes while the big lock is held cannot be
 * destroyed there, because freeing an object may sleep; it waits on a list
 * until vfs_exit().  So every user of the big lock in this layer enters and
 * leaves through vfs_enter() and vfs_exit().
 *
 * Protection:
 *	I	constant
 *	a	C11 atomic
 *	b	the big lock
 *	k	lockf_lock, of lockf.c
 *	b+	as b to change; the type bits are constant and read anywhere
 */
#ifndef FS_VFS_H
#define FS_VFS_H

#include <sys/queue.h>
#include <base/lock.h>
#include <base/refcount.h>
#include <kern/proc.h>
#include <fs/abi.h>

struct file;
struct filelock;
struct mount;
struct pipe;
struct uvm_object;
struct vnode;

/*
 * What a file system does.  The big lock is held for all but vo_destroy and
 * vo_open; vnodes that are returned carry a reference; names are components,
 * neither empty nor "." or "..".  A NULL entry: the operation is refused
 * (EPERM; EROFS is for whole file systems: vfs_access()).  A file system that
 * waits for a disk lets the big lock go meanwhile.
 *
 * vo_lookup: ENOENT, ESRCH (a process that has gone), ENOMEM.
 * vo_parent: the directory a vnode was last found in; ENOENT when it has no
 *	name any more and never will.  The root of a file system is not asked.
 * vo_name: its name there; the length as ksnprintf().
 * vo_create: a new file of mode's type, for mode's permissions as they are;
 *	target of a symbolic link.  The caller found name absent.  ENOENT
 *	(directory removed), ENOMEM, ENOSPC.
 * vo_link, vo_remove, vo_rename: the caller checked types and permissions;
 *	what has the name tname is replaced.  ENOTEMPTY, EMLINK, ENOENT,
 *	ENOMEM, EBUSY.
 * vo_readlink: text into buf, not terminated; *lenp at most size.
 * vo_follow: the vnode a magic link stands for, without text.
 * vo_readdir: call emit for entries from *offp on, "." and ".." included,
 *	until it answers false; *offp is where to go on.
 * vo_open: make f an open file of vp, f_ops set last.  No lock.
 * vo_getattr: size (unless v_obj has it), blocks and block size for stat(2).
 * vo_fsync: what is known of vp but its pages is on disk when this returns.  No
 *	lock.  EIO, ENOMEM.  NULL: there is no disk.
 * vo_destroy: the last reference has gone.  No lock, may sleep.
 */
typedef bool dirent_fn(void *arg, const char *name, ino_t ino, off_t next,
    mode_t type);
struct vops {
	int (*vo_lookup)(struct vnode *dvp, const char *name,
	    struct vnode **vpp);
	int (*vo_parent)(struct vnode *vp, struct vnode **vpp);
	size_t (*vo_name)(struct vnode *vp, char *buf, size_t size);
	int (*vo_create)(struct vnode *dvp, const char *name, mode_t mode,
	    dev_t rdev, const char *target, struct vnode **vpp);
	int (*vo_link)(struct vnode *dvp, const char *name, struct vnode *vp);
	int (*vo_remove)(struct vnode *dvp, const char *name);
	int (*vo_rename)(struct vnode *fdvp, const char *fname,
	    struct vnode *tdvp, const char *tname);
	int (*vo_readlink)(struct vnode *vp, char *buf, size_t size,
	    size_t *lenp);
	int (*vo_follow)(struct vnode *vp, struct vnode **vpp);
	int (*vo_readdir)(struct vnode *dvp, off_t *offp, dirent_fn *emit,
	    void *arg);
	int (*vo_open)(struct vnode *vp, struct file *f);
	void (*vo_getattr)(struct vnode *vp, struct abi_stat *st);
	int (*vo_fsync)(struct vnode *vp);
	void (*vo_destroy)(struct vnode *vp);
	u_int vo_magic; /* statfs: f_type */
};

struct vnode {
	const struct vops *v_ops; /* [I] */
	refcount_t v_refs;        /* [a] names and users */
	mode_t v_mode;            /* [b+] type and permissions */
	uid_t v_uid;              /* [b] */
	gid_t v_gid;              /* [b] */
	u_int v_nlink;            /* [b] */
	ino_t v_ino;              /* [I] */
	dev_t v_dev;              /* [I] of the file system */
	dev_t v_rdev;             /* [I] of a device */
	_Atomic(int64_t) v_atime; /* [a] ns since the Epoch */
	_Atomic(int64_t) v_mtime; /* [a] */
	_Atomic(int64_t) v_ctime; /* [a] */
	u_int v_nwriters;         /* [b] open for writing */
	u_int v_ntexts;           /* [b] running images: ETXTBSY */
	struct mutex v_iolock;    /* RANK_VNODE: size, appends, seals */
	_Atomic(u_int) v_seals;   /* [a] F_SEAL_*; changed under v_iolock */
	struct uvm_object *v_obj; /* [I] pages of a regular file, or NULL */
	struct pipe *v_pipe;      /* [b] of a FIFO somebody has open */
	SLIST_HEAD(, filelock) v_locks; /* [k] */
	_Atomic(bool) v_waslocked;      /* [a] v_locks was ever used */
	struct mount *v_mount;          /* [I] NULL: in memory */
	struct vnode *v_covered;        /* [b] root of a mount: what it hides */
	struct vnode *v_mounted;        /* [b] directory: root mounted on it */
	SLIST_ENTRY(vnode) v_dead;      /* [b] waits for vo_destroy */
};

#define FILE_SIZE_MAX (1UL << 46) /* bytes; page numbers reach further */

/* The root of the name space; set once by vfs_mount_root(). */
extern struct vnode *rootvnode;

/*
 * vfs_enter, vfs_exit: the big lock, and on the last exit the destruction
 *	of vnodes that died meanwhile.  exit may sleep.
 * vnode_init: a vnode with one reference, times now, owner of the caller.
 * vref: one more; the caller has one, or the big lock and a name's.
 * vrele: one less; NULL is allowed.  May sleep unless the big lock is held.
 */
void vfs_enter(void);
void vfs_exit(void);
void vnode_init(struct vnode *vp, const struct vops *ops, mode_t mode,
    dev_t dev, ino_t ino);
void vref(struct vnode *vp);
void vrele(struct vnode *vp);

/*
 * The directories of a process; shared by CLONE_FS.
 */
struct cwdinfo {
	refcount_t cw_refs;       /* [a] processes */
	struct vnode *cw_cwd;     /* [b] */
	struct vnode *cw_root;    /* [b] */
	_Atomic(mode_t) cw_umask; /* [a] */
};

/*
 * vfs_walk: from a path to what it names.
 *
 * at is where a relative path starts (NULL: the working directory).  On
 * success lk_vp is the file, referenced, or NULL when LK_PARENT allowed it
 * to be absent; with LK_PARENT lk_dvp is the directory and lk_name the last
 * component ("." for a path that ends in a root, "." or ".." as written).
 * LK_FOLLOW follows a symbolic link in the last place; LK_PARENT alone does
 * not.  A path with a slash at the end names a directory: lk_slash.
 *
 * ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG, ENOMEM, or of vo_lookup().
 * The big lock is held; it may be dropped in between.
 */
#define LK_FOLLOW 1u
#define LK_PARENT 2u /* the last component may be absent */
#define LK_EMPTY  4u /* "" names at itself (AT_EMPTY_PATH) */
struct lookup {
	u_int lk_flags;
	struct vnode *lk_dvp;
	struct vnode *lk_vp;
	bool lk_slash;
	char lk_name[NAME_MAX + 1];
};
int vfs_walk(struct vnode *at, const char *path, struct lookup *lk);
void vfs_walk_done(struct lookup *lk); /* drops lk_dvp and lk_vp */

/*
 * vfs_make: a new file of mode, less the umask, and rdev or target, where lk
 *	(LK_PARENT) ended; *vpp is referenced.  Big lock.  EEXIST, ENOENT,
 *	EACCES, EROFS, or of vo_create().
 * vfs_access: EACCES unless the caller may do all of mode (R_OK, W_OK,
 *	X_OK) to vp, by its effective ids, or its real ones; EROFS: nobody may
 *	write there.  Big lock.
 * vfs_rdonly: the file system of vp may not be changed.
 * vfs_fsync: vp with all that leads to it is on disk when this returns.  No
 *	lock held.  EIO, ENOMEM.
 * vfs_sticky: EPERM when dvp is sticky and neither it nor vp is ours.
 * vfs_path: the absolute path of vp as the caller's root sees it, with
 *	" (deleted)" when it has lost its name.  Big lock.  ENOENT: it
 *	cannot be reached; ENAMETOOLONG, ENOMEM.
 * vfs_now: the time of day in ns.
 * vfs_resize: truncate(2) of a regular file; no lock held but f_lock.
 *	EFBIG, EINVAL; EPERM: sealed; or of uvm_object_resize().
 * vfs_seal: add seals to a regular file.  EPERM: no more may be; EBUSY: it is
 *	mapped for writing.
 * vfs_touch: mtime and ctime are now.
 * vfs_stored: they are when the file was last stored to through a mapping, if it
 *	was since they last changed.  Before they are shown, set or written.
 */
int vfs_make(const struct lookup *lk, mode_t mode, dev_t rdev,
    const char *target, struct vnode **vpp);
int vfs_access(struct vnode *vp, u_int mode, bool real);
bool vfs_rdonly(const struct vnode *vp);
int vfs_fsync(struct vnode *vp);
int vfs_sticky(struct vnode *dvp, struct vnode *vp);
int vfs_path(struct vnode *vp, char *buf, size_t size, size_t *lenp);
int64_t vfs_now(void);
int vfs_resize(struct vnode *vp, uint64_t size);
int vfs_seal(struct vnode *vp, u_int seals);
void vfs_touch(struct vnode *vp);
void vfs_stored(struct vnode *vp);

/* tmpfs.c */
int tmpfs_mount(struct vnode **rootp);
/* A file without a name: a pipe, or a memfd when name is not NULL. */
int tmpfs_anon(mode_t mode, const char *name, struct vnode **vpp);

/* procfs.c: hang it on dvp; ENOMEM. */
int procfs_mount(struct vnode *dvp);

#endif
