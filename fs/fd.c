/*
 * fd.c: descriptors, and what a process has of this layer through fork,
 * exec and exit.
 *
 * The table is guarded by a spin lock held for a few loads; a file found in
 * it is referenced before the lock is let go.  A descriptor is taken before
 * its file is opened, so that a full table is noticed first.
 */
#include <fs/file.h>

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/pool.h>
#include <kern/memtab.h>
#include <kern/syscalls.h>
#include <fs/init.h>
#include <fs/lockf.h>

static struct pool fdtable_pool, fsproc_pool, cwd_pool;

void
fd_init(void)
{
	pool_init(&fdtable_pool, "fdtable", sizeof(struct fdtable), 0);
	pool_init(&fsproc_pool, "fsproc", sizeof(struct fsproc), 0);
	pool_init(&cwd_pool, "cwdinfo", sizeof(struct cwdinfo), 0);
}

static struct fdtable *
fdt_of_caller(void)
{
	return curproc()->ps_fs->fp_fd;
}

/*
 * Tables.
 */

static struct fdtable *
fdt_new(u_int size)
{
	struct fdtable *fdt;

	KASSERT(size >= FD_FEW);
	fdt = pool_get(&fdtable_pool, 0);
	if (fdt == NULL)
		return NULL;
	refcount_init(&fdt->fd_refs, 1);
	spin_init(&fdt->fd_lock, RANK_FS);
	fdt->fd_size = size;
	fdt->fd_top = 0;
	fdt->fd_low = 0;
	fdt->fd_slot = fdt->fd_few;
	if (size > FD_FEW)
		fdt->fd_slot = kmem_alloc(size * sizeof(*fdt->fd_slot), 0);
	if (fdt->fd_slot == NULL) {
		pool_put(&fdtable_pool, fdt);
		return NULL;
	}
	return fdt;
}

static void
fdt_free_slots(struct fdtable *fdt)
{
	if (fdt->fd_slot != fdt->fd_few)
		kmem_free(fdt->fd_slot, fdt->fd_size * sizeof(*fdt->fd_slot));
}

static void
fdt_free(struct fdtable *fdt)
{
	fdt_free_slots(fdt);
	pool_put(&fdtable_pool, fdt);
}

/* Make room for slot fd, free if it was not there.  fd_lock held.  ENOMEM. */
static int
fdt_grow(struct fdtable *fdt, u_int fd)
{
	u_int size = fdt->fd_size;
	uintptr_t *slot;

	KASSERT(spin_held(&fdt->fd_lock));
	KASSERT(fd < FD_MAX);
	while (size <= fd)
		size *= 2;
	if (size != fdt->fd_size) {
		slot = kmem_alloc(size * sizeof(*slot), 0);
		if (slot == NULL)
			return ENOMEM;
		memcpy(slot, fdt->fd_slot, fdt->fd_top * sizeof(*slot));
		fdt_free_slots(fdt);
		fdt->fd_slot = slot;
		fdt->fd_size = size;
	}
	while (fdt->fd_top <= fd)
		fdt->fd_slot[fdt->fd_top++] = 0;
	return 0;
}

/* A copy for a child, without the descriptors that are just being opened. */
static struct fdtable *
fdt_copy(struct fdtable *old)
{
	struct fdtable *new;
	u_int i, size = FD_FEW;

	for (;;) {
		new = fdt_new(size);
		if (new == NULL)
			return NULL;
		spin_enter(&old->fd_lock);
		if (old->fd_top <= size)
			break;
		size = old->fd_size;
		spin_exit(&old->fd_lock);
		fdt_free(new);
	}
	new->fd_top = old->fd_top;
	for (i = 0; i < new->fd_top; i++) {
		new->fd_slot[i] = 0;
		if (FD_FILE(old->fd_slot[i]) == NULL)
			continue;
		new->fd_slot[i] = old->fd_slot[i];
		file_ref(FD_FILE(new->fd_slot[i]));
	}
	spin_exit(&old->fd_lock);
	return new;
}

/* f has left fdt: its locks there end, and the reference. */
static void
fdt_close(struct fdtable *fdt, struct file *f)
{
	lockf_close(f->f_vnode, fdt);
	file_rele(f);
}

void
fdt_rele(struct fdtable *fdt)
{
	u_int i;

	if (!refcount_release(&fdt->fd_refs))
		return;
	for (i = 0; i < fdt->fd_top; i++) {
		if (FD_FILE(fdt->fd_slot[i]) != NULL)
			fdt_close(fdt, FD_FILE(fdt->fd_slot[i]));
	}
	fdt_free(fdt);
}

/* Empty a slot that is in use; what was in it.  fd_lock held. */
static struct file *
fdt_clear(struct fdtable *fdt, u_int fd)
{
	struct file *f = FD_FILE(fdt->fd_slot[fd]);

	KASSERT(spin_held(&fdt->fd_lock));
	fdt->fd_slot[fd] = 0;
	fdt->fd_low = MIN(fdt->fd_low, fd);
	while (fdt->fd_top > 0 && fdt->fd_slot[fdt->fd_top - 1] == 0)
		fdt->fd_top--;
	return f;
}

/*
 * Descriptors.
 */

int
fd_get_any(int fd, struct file **fp)
{
	struct fdtable *fdt = fdt_of_caller();
	struct file *f = NULL;

	spin_enter(&fdt->fd_lock);
	if (fd >= 0 && (u_int)fd < fdt->fd_top)
		f = FD_FILE(fdt->fd_slot[fd]);
	if (f != NULL)
		file_ref(f);
	spin_exit(&fdt->fd_lock);
	*fp = f;
	return f == NULL ? EBADF : 0;
}

int
fd_get(int fd, struct file **fp)
{
	int error;

	error = fd_get_any(fd, fp);
	if (error == 0 && (file_flags(*fp) & O_PATH) != 0) {
		file_rele(*fp);
		error = EBADF;
	}
	return error;
}

int
fd_alloc(u_int min, bool cloexec, int *fdp)
{
	uint64_t limit = curproc()->ps_rlimit[RLIMIT_NOFILE].rlim_cur;
	struct fdtable *fdt = fdt_of_caller();
	int error = EMFILE;
	u_int fd;

	limit = MIN(limit, FD_MAX);
	spin_enter(&fdt->fd_lock);
	fd = MAX(min, fdt->fd_low);
	while (fd < fdt->fd_top && fdt->fd_slot[fd] != 0)
		fd++;
	if (fd < limit)
		error = fdt_grow(fdt, fd);
	if (error == 0) {
		fdt->fd_slot[fd] = FD_TAKEN | (cloexec ? FD_CLOSEEXEC : 0);
		if (min <= fdt->fd_low)
			fdt->fd_low = fd + 1;
		*fdp = (int)fd;
	}
	spin_exit(&fdt->fd_lock);
	return error;
}

void
fd_set(int fd, struct file *f)
{
	struct fdtable *fdt = fdt_of_caller();

	spin_enter(&fdt->fd_lock);
	KASSERT((fdt->fd_slot[fd] & FD_TAKEN) != 0);
	fdt->fd_slot[fd] = (uintptr_t)f | (fdt->fd_slot[fd] & FD_CLOSEEXEC);
	spin_exit(&fdt->fd_lock);
}

void
fd_unalloc(int fd)
{
	struct fdtable *fdt = fdt_of_caller();

	spin_enter(&fdt->fd_lock);
	KASSERT((fdt->fd_slot[fd] & FD_TAKEN) != 0);
	(void)fdt_clear(fdt, (u_int)fd);
	spin_exit(&fdt->fd_lock);
}

long
fd_install(struct file *f, u_int min, bool cloexec)
{
	int fd, error;

	error = fd_alloc(min, cloexec, &fd);
	if (error != 0) {
		file_rele(f);
		return -error;
	}
	fd_set(fd, f);
	return fd;
}

int
fd_cloexec(int fd, bool on)
{
	struct fdtable *fdt = fdt_of_caller();
	int ret = -EBADF;

	spin_enter(&fdt->fd_lock);
	if (fd >= 0 && (u_int)fd < fdt->fd_top &&
	    FD_FILE(fdt->fd_slot[fd]) != NULL) {
		fdt->fd_slot[fd] &= ~FD_CLOSEEXEC;
		if (on)
			fdt->fd_slot[fd] |= FD_CLOSEEXEC;
		ret = 0;
	}
	spin_exit(&fdt->fd_lock);
	return ret;
}

bool
fd_closes(int fd)
{
	struct fdtable *fdt = fdt_of_caller();
	uintptr_t slot;

	spin_enter(&fdt->fd_lock);
	slot = fd >= 0 && (u_int)fd < fdt->fd_top ? fdt->fd_slot[fd] : 0;
	spin_exit(&fdt->fd_lock);
	return (slot & FD_CLOSEEXEC) != 0;
}

bool
fd_is(int fd, const struct file *f)
{
	struct fdtable *fdt = fdt_of_caller();
	bool is;

	spin_enter(&fdt->fd_lock);
	is = fd >= 0 && (u_int)fd < fdt->fd_top &&
	     FD_FILE(fdt->fd_slot[fd]) == f;
	spin_exit(&fdt->fd_lock);
	return is;
}

struct file *
fd_peek(struct fdtable *fdt, u_int *fdp)
{
	struct file *f = NULL;

	spin_enter(&fdt->fd_lock);
	for (; *fdp < fdt->fd_top && f == NULL; (*fdp)++)
		f = FD_FILE(fdt->fd_slot[*fdp]);
	if (f != NULL) {
		file_ref(f);
		(*fdp)--;
	}
	spin_exit(&fdt->fd_lock);
	return f;
}

long
sys_close(const uintptr_t *a)
{
	struct fdtable *fdt = fdt_of_caller();
	struct file *f = NULL;
	u_int fd = (u_int)a[0];

	spin_enter(&fdt->fd_lock);
	if (fd < fdt->fd_top && FD_FILE(fdt->fd_slot[fd]) != NULL)
		f = fdt_clear(fdt, fd);
	spin_exit(&fdt->fd_lock);
	if (f == NULL)
		return -EBADF;
	fdt_close(fdt, f);
	return 0;
}

long
sys_close_range(const uintptr_t *a)
{
	struct fdtable *fdt = fdt_of_caller();
	u_int first = (u_int)a[0], last = (u_int)a[1], flags = (u_int)a[2], fd;
	struct file *f;

	if (first > last || (flags & ~CLOSE_RANGE_CLOEXEC) != 0)
		return -EINVAL;
	for (fd = first; fd <= last && fd < FD_MAX; fd++) {
		f = fd_peek(fdt, &fd);
		if (f == NULL)
			break;
		if (fd > last) {
			file_rele(f);
			break;
		}
		if ((flags & CLOSE_RANGE_CLOEXEC) != 0)
			(void)fd_cloexec((int)fd, true);
		else {
			uintptr_t arg = fd;

			(void)sys_close(&arg);
		}
		file_rele(f);
	}
	return 0;
}

static long
do_dup(int fd, u_int min, bool cloexec)
{
	struct file *f;
	int error;

	error = fd_get_any(fd, &f);
	return error != 0 ? -error : fd_install(f, min, cloexec);
}

long
sys_dup(const uintptr_t *a)
{
	return do_dup((int)a[0], 0, false);
}

/* Put a second reference to the file at from into slot to. */
static long
do_dup2(int from, u_int to, bool cloexec)
{
	struct fdtable *fdt = fdt_of_caller();
	struct file *f, *old = NULL;
	int error;

	if (to >= curproc()->ps_rlimit[RLIMIT_NOFILE].rlim_cur || to >= FD_MAX)
		return -EBADF;
	error = fd_get_any(from, &f);
	if (error != 0)
		return -error;
	spin_enter(&fdt->fd_lock);
	error = fdt_grow(fdt, to);
	if (error == 0 && (fdt->fd_slot[to] & FD_TAKEN) != 0)
		error = EBUSY;
	if (error == 0) {
		old = FD_FILE(fdt->fd_slot[to]);
		fdt->fd_slot[to] = (uintptr_t)f | (cloexec ? FD_CLOSEEXEC : 0);
	}
	spin_exit(&fdt->fd_lock);
	if (old != NULL)
		fdt_close(fdt, old);
	if (error != 0) {
		file_rele(f);
		return -error;
	}
	return (long)to;
}

long
sys_dup2(const uintptr_t *a)
{
	struct file *f;
	int error;

	if (a[0] == a[1]) {
		error = fd_get_any((int)a[0], &f);
		if (error != 0)
			return -error;
		file_rele(f);
		return (int)a[0];
	}
	return do_dup2((int)a[0], (u_int)a[1], false);
}

long
sys_dup3(const uintptr_t *a)
{
	if (((u_int)a[2] & ~O_CLOEXEC) != 0 || (int)a[0] == (int)a[1])
		return -EINVAL;
	return do_dup2((int)a[0], (u_int)a[1], (a[2] & O_CLOEXEC) != 0);
}

/* The flags F_SETFL may change, of those this kernel gives a meaning. */
#define SETFL_FLAGS (O_APPEND | O_NONBLOCK | O_NOATIME | O_DIRECT)

static long
fcntl_file(struct file *f, int fd, int cmd, uintptr_t arg)
{
	u_int old;

	switch (cmd) {
	case F_GETFD:
		return fd_closes(fd) ? FD_CLOEXEC : 0;
	case F_SETFD:
		return fd_cloexec(fd, (arg & FD_CLOEXEC) != 0);
	case F_GETFL:
		return (long)(file_flags(f) & ~O_CLOEXEC);
	case F_SETFL:
		if ((file_flags(f) & O_PATH) != 0)
			return -EBADF;
		old = file_flags(f);
		while (!atomic_compare_exchange_weak_explicit(&f->f_flags, &old,
		    (old & ~SETFL_FLAGS) | ((u_int)arg & SETFL_FLAGS),
		    memory_order_relaxed, memory_order_relaxed))
			continue;
		return 0;
	case F_GETPIPE_SZ:
	case F_SETPIPE_SZ:
		if (f->f_ops != &pipe_ops)
			return -EBADF;
		return pipe_capacity(f, cmd == F_SETPIPE_SZ ? (u_int)arg : 0);
	case F_GET_SEALS:
		if (f->f_vnode->v_obj == NULL)
			return -EINVAL;
		return (long)atomic_load_explicit(&f->f_vnode->v_seals,
		    memory_order_relaxed);
	case F_ADD_SEALS:
		if (f->f_vnode->v_obj == NULL)
			return -EINVAL;
		if (!file_canwrite(f))
			return -EPERM;
		if ((arg & ~mem_flags(MC_fcntl_seals)) != 0)
			return -EINVAL;
		return -vfs_seal(f->f_vnode, (u_int)arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		if ((file_flags(f) & O_PATH) != 0)
			return -EBADF;
		return lockf_fcntl(f, fd, cmd, arg);
	default: /* leases, signals: not kept */
		return -EINVAL;
	}
}

long
sys_fcntl(const uintptr_t *a)
{
	int fd = (int)a[0], cmd = (int)a[1];
	struct file *f;
	long ret;
	int error;

	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC) {
		if (a[2] >= curproc()->ps_rlimit[RLIMIT_NOFILE].rlim_cur)
			return -EINVAL;
		return do_dup(fd, (u_int)a[2], cmd == F_DUPFD_CLOEXEC);
	}
	error = fd_get_any(fd, &f);
	if (error != 0)
		return -error;
	ret = fcntl_file(f, fd, cmd, a[2]);
	file_rele(f);
	return ret;
}

/*
 * What a process has.
 */

static struct cwdinfo *
cwd_new(struct vnode *cwd, struct vnode *root, mode_t mask)
{
	struct cwdinfo *cw;

	KASSERT(big_held());
	cw = pool_get(&cwd_pool, 0);
	if (cw == NULL)
		return NULL;
	refcount_init(&cw->cw_refs, 1);
	atomic_init(&cw->cw_umask, mask);
	cw->cw_cwd = cwd;
	cw->cw_root = root;
	vref(cwd);
	vref(root);
	return cw;
}

static void
cwd_rele(struct cwdinfo *cw)
{
	if (!refcount_release(&cw->cw_refs))
		return;
	vrele(cw->cw_cwd);
	vrele(cw->cw_root);
	pool_put(&cwd_pool, cw);
}

/* Forget the image in fp_exe.  Big lock. */
static void
exe_drop(struct fsproc *fp)
{
	struct vnode *vp = fp->fp_exe;

	fp->fp_exe = NULL;
	if (vp == NULL)
		return;
	KASSERT(vp->v_ntexts > 0);
	vp->v_ntexts--;
	vrele(vp);
}

static void
exe_set(struct fsproc *fp, struct vnode *vp)
{
	if (vp != NULL) {
		vref(vp);
		vp->v_ntexts++;
	}
	exe_drop(fp);
	fp->fp_exe = vp;
}

int
fs_fork(struct proc *parent, struct proc *child, u_int flags)
{
	struct fsproc *from = parent->ps_fs, *fp;
	struct cwdinfo *cw;

	fp = pool_get(&fsproc_pool, PA_ZERO);
	if (fp == NULL)
		return ENOMEM;
	if ((flags & CLONE_FILES) != 0) {
		fp->fp_fd = from->fp_fd;
		refcount_acquire(&fp->fp_fd->fd_refs);
	} else
		fp->fp_fd = fdt_copy(from->fp_fd);
	vfs_enter();
	cw = from->fp_cwd;
	if ((flags & CLONE_FS) != 0)
		refcount_acquire(&cw->cw_refs);
	else
		cw = cwd_new(cw->cw_cwd, cw->cw_root,
		    atomic_load_explicit(&cw->cw_umask, memory_order_relaxed));
	fp->fp_cwd = cw;
	if (fp->fp_fd != NULL && cw != NULL)
		exe_set(fp, from->fp_exe);
	vfs_exit();
	if (fp->fp_fd == NULL || cw == NULL) {
		if (fp->fp_fd != NULL)
			fdt_rele(fp->fp_fd);
		if (cw != NULL)
			cwd_rele(cw);
		pool_put(&fsproc_pool, fp);
		return ENOMEM;
	}
	child->ps_fs = fp;
	return 0;
}

/*
 * A table that is shared is copied first: the other processes keep theirs.
 * Without memory for that they lose their close-on-exec files too, which
 * beats giving them to the new image.
 */
void
fs_exec(struct proc *p, struct exec_image *ei)
{
	struct fsproc *fp = p->ps_fs;
	struct fdtable *fdt = fp->fp_fd, *new;
	struct file *f;
	u_int fd;

	if (refcount_load(&fdt->fd_refs) > 1) {
		new = fdt_copy(fdt);
		if (new != NULL) {
			vfs_enter();
			fp->fp_fd = new;
			vfs_exit();
			fdt_rele(fdt);
			fdt = new;
		}
	}
	spin_enter(&fdt->fd_lock);
	for (fd = 0; fd < fdt->fd_top; fd++) {
		if ((fdt->fd_slot[fd] & FD_CLOSEEXEC) == 0 ||
		    FD_FILE(fdt->fd_slot[fd]) == NULL)
			continue;
		f = fdt_clear(fdt, fd);
		spin_exit(&fdt->fd_lock);
		fdt_close(fdt, f);
		spin_enter(&fdt->fd_lock);
	}
	spin_exit(&fdt->fd_lock);
	vfs_enter();
	exe_set(fp, ei->ei_cookie);
	vfs_exit();
}

void
fs_exit(struct proc *p)
{
	struct fsproc *fp;

	tty_leader_exit(p);
	vfs_enter();
	fp = p->ps_fs;
	p->ps_fs = NULL;
	if (fp != NULL)
		exe_drop(fp);
	vfs_exit();
	if (fp == NULL)
		return;
	fdt_rele(fp->fp_fd);
	cwd_rele(fp->fp_cwd);
	pool_put(&fsproc_pool, fp);
}

int
fs_open_console(struct proc *p)
{
	struct fsproc *fp;
	struct file *f;
	u_int fd;
	int error;

	KASSERT(p->ps_fs == NULL);
	error = vfs_open(NULL, "/dev/console", O_RDWR | O_NOCTTY, 0, &f);
	if (error != 0)
		return error;
	fp = pool_get(&fsproc_pool, PA_ZERO);
	if (fp != NULL) {
		fp->fp_fd = fdt_new(FD_FEW);
		vfs_enter();
		fp->fp_cwd = cwd_new(rootvnode, rootvnode, 022);
		vfs_exit();
	}
	if (fp == NULL || fp->fp_fd == NULL || fp->fp_cwd == NULL)
		return ENOMEM; /* of no use to anybody then: boot ends here */
	for (fd = 0; fd < 3; fd++) {
		file_ref(f);
		fp->fp_fd->fd_slot[fd] = (uintptr_t)f;
	}
	fp->fp_fd->fd_low = fp->fp_fd->fd_top = 3;
	file_rele(f);
	p->ps_fs = fp;
	return 0;
}
