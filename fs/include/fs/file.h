/*
 * file.h: open files, descriptors, and moving bytes.
 *
 * A descriptor is an index into a table that processes may share; it holds
 * a reference to an open file, which holds one to a vnode.
 *
 * Protection:
 *	I	constant
 *	a	C11 atomic
 *	f	f_lock
 *	t	fd_lock
 *	b	the big lock
 *	o	whoever created it, until it is installed
 *	e	epoll_lock, of epoll.c
 */
#ifndef FS_FILE_H
#define FS_FILE_H

#include <sys/errno.h>
#include <fs/vfs.h>

/* Where bytes come from or go to, as readv() and writev() say it. */
struct uio {
	struct abi_iovec *ui_iov; /* consumed as it goes */
	u_int ui_niov;
	size_t ui_resid; /* bytes left */
	off_t ui_off;    /* in the file */
	bool ui_write;   /* from memory to the file */
	bool ui_kernel;  /* kernel addresses */
};

/*
 * What an open file does.  No lock held (f_lock where FOP_SEEK is set); all
 * may sleep.  Each moves what it can and then answers 0, or an errno;
 * the caller reports the bytes moved if there are any.
 *
 * fop_poll: the POLL* bits that hold now; may take locks of this layer.
 * fop_ioctl: a value or -errno; NULL: ENOTTY.
 * fop_close: the last reference has gone.
 */
struct fileops {
	int (*fop_read)(struct file *f, struct uio *uio);
	int (*fop_write)(struct file *f, struct uio *uio);
	u_int (*fop_poll)(struct file *f);
	long (*fop_ioctl)(struct file *f, u_long cmd, uintptr_t arg);
	void (*fop_close)(struct file *f);
	u_int fop_flags;
};
#define FOP_SEEK 1u /* has an offset */
#define FOP_FLAT 2u /* pread and lseek are allowed and mean nothing */

struct file {
	refcount_t f_refs;           /* [a] */
	_Atomic(u_int) f_flags;      /* [a] O_*; only status flags change */
	const struct fileops *f_ops; /* [o] */
	struct vnode *f_vnode;       /* [o] referenced */
	void *f_data;                /* [o] of f_ops */
	struct mutex f_lock;         /* RANK_FILE */
	off_t f_offset;              /* [f] */
	bool f_writer;               /* [o] counts in v_nwriters */
	bool f_polled;               /* [e] member of a set, once */
};

static inline u_int
file_flags(const struct file *f)
{
	return atomic_load_explicit(&f->f_flags, memory_order_relaxed);
}

/* What the access mode allows. */
static inline bool
file_canread(const struct file *f)
{
	return (file_flags(f) & O_WRONLY) == 0;
}

static inline bool
file_canwrite(const struct file *f)
{
	u_int acc = file_flags(f) & O_ACCMODE;

	return acc == O_WRONLY || acc == O_RDWR;
}

#define FD_FEW 32u /* slots that a table has without asking */

/*
 * A descriptor table.  A slot is 0 when free, FD_TAKEN while its file is
 * being opened, else a struct file with FD_CLOSEEXEC or'd in.
 */
struct fdtable {
	refcount_t fd_refs;  /* [a] processes */
	struct spin fd_lock; /* RANK_FS */
	u_int fd_size;       /* [t] slots there is room for */
	u_int fd_top;        /* [t] slots from here on are free, and unset */
	u_int fd_low;        /* [t] no slot below is free */
	uintptr_t *fd_slot;  /* [t] fd_few or kmem */
	uintptr_t fd_few[FD_FEW]; /* [t] */
};
#define FD_CLOSEEXEC ((uintptr_t)1)
#define FD_TAKEN     ((uintptr_t)2)
#define FD_FILE(s)   ((struct file *)((s) & ~(uintptr_t)3))
#define FD_MAX       65536u /* largest table */

/* What a process has of this layer: ps_fs. */
struct fsproc {
	struct fdtable *fp_fd;  /* [I] or unshared by the process itself */
	struct cwdinfo *fp_cwd; /* [I] */
	struct vnode *fp_exe;   /* [b] the running image, in v_ntexts */
};

/*
 * file_new: an open file of vp (whose reference it takes over on success)
 *	with one reference, f_ops still NULL.  ENOMEM.  A file that never
 *	got its f_ops is given back by file_rele() all the same.
 * file_anon: the same of a new file without a place in the name space, which
 *	/proc/pid/fd shows as name; mode as in struct stat.  ENOMEM.
 * file_ref, file_rele: references; the last rele closes and may sleep.
 */
int file_new(struct vnode *vp, u_int flags, struct file **fp);
int file_anon(const char *name, mode_t mode, u_int flags, struct file **fp);
void file_ref(struct file *f);
void file_rele(struct file *f);

/*
 * fd_get: the caller's open file fd, referenced.  EBADF, also for O_PATH.
 * fd_get_any: O_PATH files too.
 * fd_alloc: take the lowest free descriptor from min on.  EMFILE, ENOMEM.
 * fd_set: give a taken one its file (reference taken over).
 * fd_unalloc: give a taken one back.
 * fd_install: fd_alloc and fd_set; on failure the file is released.  The
 *	descriptor, or -errno.
 * fd_cloexec: set or clear close-on-exec; 0 or -EBADF.
 * fd_closes: whether exec closes fd, which may be anything.
 * fd_is: whether fd is f.
 * fd_peek: the file in slot *fdp or the next used one of a table, referenced,
 *	or NULL.
 * fdt_rele: a reference to a table less; the last closes what is in it.
 */
int fd_get(int fd, struct file **fp);
int fd_get_any(int fd, struct file **fp);
int fd_alloc(u_int min, bool cloexec, int *fdp);
void fd_set(int fd, struct file *f);
void fd_unalloc(int fd);
long fd_install(struct file *f, u_int min, bool cloexec);
int fd_cloexec(int fd, bool on);
bool fd_closes(int fd);
bool fd_is(int fd, const struct file *f);
struct file *fd_peek(struct fdtable *fdt, u_int *fdp);
void fdt_rele(struct fdtable *fdt);

/* Begin a system call with the path at user address va; path_free ends it. */
struct path {
	char *pa_str;
	char *pa_heap; /* NULL: short enough for pa_buf */
	char pa_buf[128];
};
int path_get(vaddr_t va, struct path *pa);
void path_free(struct path *pa);

/*
 * vfs_open: open(2) of path below at: the open file.  mode is what a new
 *	file gets, umask applied here.  No lock held.  Any errno of open(2).
 * vfs_open_vnode: an open file of vp as flags say; permissions checked by
 *	the caller; vp's reference is taken over, always.
 * vfs_at: where dirfd says a relative path begins, referenced (NULL: the
 *	working directory).  EBADF, ENOTDIR unless empty paths are allowed.
 */
int vfs_open(struct vnode *at, const char *path, u_int flags, mode_t mode,
    struct file **fp);
int vfs_open_vnode(struct vnode *vp, u_int flags, struct file **fp);
int vfs_at(int dirfd, struct vnode **atp);

/*
 * uio_move: len bytes between kbuf and where uio says, which advances (not
 *	ui_off).  EFAULT: some were moved; ui_resid says.  No spin lock.
 * uio_skip: consume len bytes without moving any.
 */
int uio_move(void *kbuf, size_t len, struct uio *uio);
void uio_skip(struct uio *uio, size_t len);

/*
 * Where an array of user memory says: what a call with one begins and ends
 * with.
 * uio_get: n pieces at uiov.  EINVAL, EFAULT, ENOMEM.  uio_put: done.
 */
#define NIOV_FAST 8
struct uiov {
	struct uio ui_uio;
	size_t ui_total; /* bytes at first */
	size_t ui_n;
	struct abi_iovec *ui_heap; /* NULL: few enough for ui_fast */
	struct abi_iovec ui_fast[NIOV_FAST];
};
int uio_get(vaddr_t uiov, size_t n, bool write, struct uiov *ui);
void uio_put(struct uiov *ui);

/* Read or write n bytes of a file at its offset from kernel memory. */
int file_io_kernel(struct file *f, void *buf, size_t len, bool write,
    off_t *offp, size_t *donep);

/* pipe.c.  fifo_open: of a vnode of type FIFO; may sleep until the other
 * side opens.  EINTR, ENXIO, ENOMEM. */
int fifo_open(struct vnode *vp, struct file *f);
/*
 * pipe_new: the two ends of a new pipe, of which the reading one does not
 *	block (clear it in f_flags).  ENOMEM.
 * pipe_hangup: to the other side it is as if the end f were closed.
 */
int pipe_new(struct file **rfp, struct file **wfp);
void pipe_hangup(struct file *f);

/* dev.c.  dev_open: of a vnode of type character device.  ENXIO. */
int dev_open(struct vnode *vp, struct file *f, bool ctty);
/* What a mapping of device rdev is: see fo_mmap. */
int dev_mmap(dev_t rdev, u_int mapflags, struct uvm_object **uop);
extern const struct dev_name {
	const char *dn_name;
	dev_t dn_dev;
	mode_t dn_mode;
} dev_names[];
extern const u_int ndev_names;

/*
 * poll.c.  poll_notify: what fop_poll answers has changed for some file.
 *	Called after the change, without the lock that guards it.  Any
 *	context where RANK_TTY may be taken.
 */
void poll_notify(void);

/* An interrupted sleep as a system call reports it when it restarts. */
static inline int
restart(int error)
{
	return error == EINTR ? ERESTARTSYS : error;
}

#endif
