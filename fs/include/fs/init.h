/*
 * init.h: what the files of this layer share among themselves only: how they
 * are brought up, and the operations of each kind of file.
 */
#ifndef FS_INIT_H
#define FS_INIT_H

#include <fs/file.h>

/* Once, before the root is mounted, in this order; cannot fail. */
void file_init(void);
void fd_init(void);
void tty_init(void); /* starts a thread */

extern const struct fileops regular_ops;
extern const struct fileops directory_ops;
extern const struct fileops path_ops; /* O_PATH */
extern const struct fileops blkdev_ops;

/*
 * The bytes that the pipe f holds, after want (0: none) were asked for.  -EPERM:
 * that is more; -EINVAL: more than there can be.
 */
extern const struct fileops pipe_ops;
long pipe_capacity(struct file *f, u_int want);

/* fop_poll of what never waits. */
u_int file_always_ready(struct file *f);

/* blkdev.c: as dev_open(); what fsync() and lseek() want of an open one. */
int blkdev_open(struct vnode *vp, struct file *f);
int blkdev_flush(struct file *f);
off_t blkdev_size(struct file *f);

/* The upcalls of kern, by the file that has them. */
int fs_fork(struct proc *parent, struct proc *child, u_int flags);
void fs_exec(struct proc *p, struct exec_image *ei);
void fs_exit(struct proc *p);
int fs_open_console(struct proc *p);
int fs_open_image(int dirfd, const char *path, u_int flags,
    struct exec_image *ei);
int fs_new_pidfd(struct proc *p, int *fdp);
void pidfd_notify(void);
void fs_close(int fd);
void fs_close_image(struct exec_image *ei);
int fs_mmap(int fd, vm_prot_t prot, u_int flags, uint64_t off,
    struct uvm_object **uop, vm_prot_t *maxprotp);
void fs_mmap_done(struct uvm_object *uo);
void fs_mount_root(const void *initrd, size_t len);
int fs_pidfd(int fd, struct proc **pp);

/* Make /sys.  ENOMEM, or what is in the way of its names. */
int sysfs_make(void);

/* The session leader p exits: its terminal loses it. */
void tty_leader_exit(struct proc *p);
/* The foreground group of s and its terminal, 0 if it has none.  T held. */
pid_t tty_foreground(const struct session *s, dev_t *devp);
/* /dev/tty: ENXIO unless the caller's session has a terminal. */
int tty_open_own(struct file *f);
void console_open(struct file *f);
/* Once; dir is /dev/pts, referenced for good. */
void pty_init(struct vnode *dir);

#endif
