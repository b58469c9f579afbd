/*
 * file.c: open files, and the calls that move bytes through them.
 *
 * A call gathers its buffers in a struct uio and hands it to the file.  Where
 * the file has an offset, f_lock is held from reading the offset to storing
 * it, so that processes that share an open file do not overwrite each other.
 */
#include <fs/file.h>

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/pool.h>
#include <uvm/object.h>
#include <kern/syscalls.h>
#include <fs/init.h>
#include <fs/lockf.h>
#include <fs/poll.h>

#define COPY_MAX (16 * PAGE_SIZE) /* bounce buffer of sendfile() */

static struct pool file_pool;

void
file_init(void)
{
	pool_init(&file_pool, "file", sizeof(struct file), 0);
}

int
file_new(struct vnode *vp, u_int flags, struct file **fp)
{
	struct file *f;

	f = pool_get(&file_pool, 0);
	if (f == NULL)
		return ENOMEM;
	memset(f, 0, sizeof(*f));
	refcount_init(&f->f_refs, 1);
	atomic_init(&f->f_flags, flags);
	f->f_vnode = vp;
	mutex_init(&f->f_lock, RANK_FILE);
	*fp = f;
	return 0;
}

int
file_anon(const char *name, mode_t mode, u_int flags, struct file **fp)
{
	struct vnode *vp;
	int error;

	vfs_enter();
	error = tmpfs_anon(mode, name, &vp);
	vfs_exit();
	if (error != 0)
		return error;
	error = file_new(vp, flags, fp);
	if (error != 0)
		vrele(vp);
	return error;
}

void
file_ref(struct file *f)
{
	refcount_acquire(&f->f_refs);
}

void
file_rele(struct file *f)
{
	struct vnode *vp = f->f_vnode;

	if (!refcount_release(&f->f_refs))
		return;
	if (f->f_polled)
		epoll_forget(f);
	lockf_close(vp, f);
	if (f->f_ops != NULL && f->f_ops->fop_close != NULL)
		f->f_ops->fop_close(f);
	if (f->f_writer) {
		vfs_enter();
		KASSERT(vp->v_nwriters > 0);
		vp->v_nwriters--;
		vfs_exit();
	}
	vrele(vp);
	pool_put(&file_pool, f);
}

/*
 * Moving bytes.
 */

void
uio_skip(struct uio *uio, size_t len)
{
	size_t n;

	KASSERT(len <= uio->ui_resid);
	uio->ui_resid -= len;
	while (len > 0) {
		KASSERT(uio->ui_niov > 0);
		n = MIN(len, uio->ui_iov->iov_len);
		uio->ui_iov->iov_base += n;
		uio->ui_iov->iov_len -= n;
		len -= n;
		if (uio->ui_iov->iov_len == 0) {
			uio->ui_iov++;
			uio->ui_niov--;
		}
	}
}

/* Step over empty vectors; what is left of the first other, at most len. */
static size_t
uio_run(struct uio *uio, size_t len)
{
	KASSERT(len <= uio->ui_resid);
	while (uio->ui_niov > 0 && uio->ui_iov->iov_len == 0) {
		uio->ui_iov++;
		uio->ui_niov--;
	}
	return uio->ui_niov == 0 ? 0 : MIN(len, uio->ui_iov->iov_len);
}

/* n bytes of the first vector; EFAULT. */
static int
uio_copy(char *k, size_t n, const struct uio *uio)
{
	vaddr_t base = uio->ui_iov->iov_base;

	if (!uio->ui_kernel)
		return uio->ui_write ? copyin(base, k, n) : copyout(k, base, n);
	if (uio->ui_write)
		memcpy(k, (const void *)base, n);
	else
		memcpy((void *)base, k, n);
	return 0;
}

int
uio_move(void *kbuf, size_t len, struct uio *uio)
{
	char *k = kbuf;
	size_t n, left;
	int error;

	while (len > 0) {
		n = uio_run(uio, len);
		KASSERT(n > 0);
		error = uio_copy(k, n, uio);
		left = PAGE_SIZE - uio->ui_iov->iov_base % PAGE_SIZE;
		if (error != 0 && n > left) {
			/* What lies before the page that is not there. */
			n = left;
			error = uio_copy(k, n, uio);
		}
		if (error != 0)
			return error;
		uio_skip(uio, n);
		k += n;
		len -= n;
	}
	return 0;
}

/*
 * Regular files: the pages are the object's.
 */

/*
 * Move len bytes that were inside the object a moment ago, at ui_off.  A
 * reader whom a truncation overtakes gets fewer.
 */
static int
object_move(struct uvm_object *uo, struct uio *uio, size_t len)
{
	size_t n, done;
	vaddr_t base;
	int error = 0;

	while (len > 0 && error == 0) {
		n = uio_run(uio, len);
		KASSERT(n > 0);
		base = uio->ui_iov->iov_base;
		done = 0;
		error = uvm_object_io(uo, (uint64_t)uio->ui_off,
		    uio->ui_kernel ? (void *)base : NULL,
		    uio->ui_kernel ? 0 : base, n, uio->ui_write, &done);
		KASSERT(done <= n);
		uio_skip(uio, done);
		uio->ui_off += (off_t)done;
		len -= done;
		if (done < n)
			break;
	}
	return error;
}

static int
regular_read(struct file *f, struct uio *uio)
{
	struct vnode *vp = f->f_vnode;
	struct uvm_object *uo = vp->v_obj;
	uint64_t size =
	    atomic_load_explicit(&uo->uo_size, memory_order_relaxed);
	int64_t now, atime;

	if ((uint64_t)uio->ui_off >= size)
		return 0;
	/* As with relatime: a store now and then, not one for each read. */
	now = vfs_now();
	atime = atomic_load_explicit(&vp->v_atime, memory_order_relaxed);
	if (atime <= atomic_load_explicit(&vp->v_mtime, memory_order_relaxed) ||
	    now - atime > 86400 * (int64_t)1000000000)
		atomic_store_explicit(&vp->v_atime, now, memory_order_relaxed);
	return object_move(uo, uio,
	    MIN(uio->ui_resid, size - (uint64_t)uio->ui_off));
}

/* A write by others than root takes the set-id bits away. */
static void
drop_setid(struct vnode *vp)
{
	if ((vp->v_mode & (S_ISUID | S_ISGID)) == 0 ||
	    curproc()->ps_cred.cr_fsuid == 0)
		return;
	vfs_enter();
	vp->v_mode &= ~(S_ISUID | S_ISGID);
	vfs_exit();
}

static int
regular_write(struct file *f, struct uio *uio)
{
	struct vnode *vp = f->f_vnode;
	struct uvm_object *uo = vp->v_obj;
	uint64_t rlimit = curproc()->ps_rlimit[RLIMIT_FSIZE].rlim_cur;
	uint64_t size, end, limit = MIN(rlimit, FILE_SIZE_MAX);
	size_t total = uio->ui_resid;
	u_int seals;
	int error = 0;

	if (total == 0)
		return 0;
	drop_setid(vp);
	mutex_enter(&vp->v_iolock);
	size = atomic_load_explicit(&uo->uo_size, memory_order_relaxed);
	if ((file_flags(f) & O_APPEND) != 0)
		uio->ui_off = (off_t)size;
	if ((uint64_t)uio->ui_off >= limit) {
		mutex_exit(&vp->v_iolock);
		/* Only the process's own limit is worth a signal. */
		if ((uint64_t)uio->ui_off >= rlimit)
			sig_post_simple(curproc(), SIGXFSZ, SI_KERNEL);
		return EFBIG;
	}
	end = (uint64_t)uio->ui_off + MIN(uio->ui_resid, IO_MAX);
	end = MIN(end, limit);
	seals = atomic_load_explicit(&vp->v_seals, memory_order_relaxed);
	if ((seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0 ||
	    ((seals & F_SEAL_GROW) != 0 && (uint64_t)uio->ui_off >= size)) {
		mutex_exit(&vp->v_iolock);
		return EPERM;
	}
	if ((seals & F_SEAL_GROW) != 0)
		end = MIN(end, size);
	if (end > size)
		error = uvm_object_resize(uo, end);
	if (error == 0)
		error = object_move(uo, uio, end - (uint64_t)uio->ui_off);
	if (error != 0 && end > size)
		(void)uvm_object_resize(uo, MAX(size, (uint64_t)uio->ui_off));
	mutex_exit(&vp->v_iolock);
	vfs_touch(vp);
	if (error == 0 && (file_flags(f) & O_DSYNC) != 0) {
		error = vfs_fsync(vp);
		if (error != 0) {
			/* Not as asked for: as if nothing were written. */
			uio->ui_off -= (off_t)(total - uio->ui_resid);
			uio->ui_resid = total;
		}
	}
	return error == ENOMEM ? ENOSPC : error;
}

u_int
file_always_ready(struct file *f)
{
	(void)f;
	return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

static long
regular_ioctl(struct file *f, u_long cmd, uintptr_t arg)
{
	int32_t n;

	if (cmd != FIONREAD)
		return -ENOTTY;
	n = (int32_t)((off_t)atomic_load_explicit(&f->f_vnode->v_obj->uo_size,
			  memory_order_relaxed) -
		      f->f_offset);
	return -copyout(&n, arg, sizeof(n));
}

const struct fileops regular_ops = {
    .fop_read = regular_read,
    .fop_write = regular_write,
    .fop_poll = file_always_ready,
    .fop_ioctl = regular_ioctl,
    .fop_flags = FOP_SEEK,
};

/* Directories: read through getdents64() only. */
static int
directory_read(struct file *f, struct uio *uio)
{
	(void)f;
	(void)uio;
	return EISDIR;
}

const struct fileops directory_ops = {
    .fop_read = directory_read,
    .fop_poll = file_always_ready,
    .fop_flags = FOP_SEEK,
};

/*
 * The calls.
 */

/* Move through f; offp is where (pread), or NULL: the file's own offset. */
static int
file_io(struct file *f, struct uio *uio, const off_t *offp)
{
	int (*fn)(struct file *, struct uio *);
	bool seek = (f->f_ops->fop_flags & FOP_SEEK) != 0;
	int error;

	if (uio->ui_write ? !file_canwrite(f) : !file_canread(f))
		return EBADF;
	if (offp != NULL && f->f_ops->fop_flags == 0)
		return ESPIPE;
	if (offp != NULL && *offp < 0)
		return EINVAL;
	fn = uio->ui_write ? f->f_ops->fop_write : f->f_ops->fop_read;
	if (fn == NULL)
		return EINVAL;
	if (offp != NULL || !seek) {
		uio->ui_off = offp != NULL ? *offp : 0;
		return fn(f, uio);
	}
	mutex_enter(&f->f_lock);
	uio->ui_off = f->f_offset;
	error = fn(f, uio);
	f->f_offset = uio->ui_off;
	mutex_exit(&f->f_lock);
	return error;
}

/* The result of a call that has moved some of total and then met error. */
static long
io_result(const struct uio *uio, size_t total, int error)
{
	if (total != uio->ui_resid)
		return (long)(total - uio->ui_resid);
	return -restart(error);
}

/* A buffer outside of user space is refused before anything is moved. */
static int
user_range(vaddr_t buf, size_t len)
{
	if (buf > VM_MAXUSER_ADDRESS || len > VM_MAXUSER_ADDRESS - buf)
		return EFAULT;
	return 0;
}

static long
rw_one(int fd, vaddr_t buf, size_t len, const off_t *offp, bool write)
{
	struct abi_iovec iov;
	struct uio uio = {.ui_iov = &iov, .ui_niov = 1, .ui_write = write};
	struct file *f;
	int error;

	error = fd_get(fd, &f);
	if (error != 0)
		return -error;
	error = user_range(buf, len);
	iov.iov_base = buf;
	iov.iov_len = uio.ui_resid = len = MIN(len, IO_MAX);
	if (error == 0)
		error = file_io(f, &uio, offp);
	file_rele(f);
	return io_result(&uio, len, error);
}

long
sys_read(const uintptr_t *a)
{
	return rw_one((int)a[0], a[1], a[2], NULL, false);
}

long
sys_write(const uintptr_t *a)
{
	return rw_one((int)a[0], a[1], a[2], NULL, true);
}

long
sys_pread64(const uintptr_t *a)
{
	off_t off = (off_t)a[3];

	return rw_one((int)a[0], a[1], a[2], &off, false);
}

long
sys_pwrite64(const uintptr_t *a)
{
	off_t off = (off_t)a[3];

	return rw_one((int)a[0], a[1], a[2], &off, true);
}

int
uio_get(vaddr_t uiov, size_t niov, bool write, struct uiov *ui)
{
	struct abi_iovec *iov = ui->ui_fast;
	size_t i, total = 0;
	int error;

	ui->ui_heap = NULL;
	if (niov > IOV_MAX)
		return EINVAL;
	if (niov > NIOV_FAST)
		iov = ui->ui_heap = kmem_alloc(niov * sizeof(*iov), 0);
	if (iov == NULL)
		return ENOMEM;
	ui->ui_n = niov;
	error = niov == 0 ? 0 : copyin(uiov, iov, niov * sizeof(*iov));
	for (i = 0; i < niov && error == 0; i++) {
		if ((ssize_t)iov[i].iov_len < 0)
			error = EINVAL;
		else
			error = user_range(iov[i].iov_base, iov[i].iov_len);
		iov[i].iov_len = MIN(iov[i].iov_len, IO_MAX - total);
		total += iov[i].iov_len;
	}
	ui->ui_total = total;
	ui->ui_uio = (struct uio){.ui_iov = iov,
	    .ui_niov = (u_int)niov,
	    .ui_resid = total,
	    .ui_write = write};
	if (error != 0)
		uio_put(ui);
	return error;
}

void
uio_put(struct uiov *ui)
{
	if (ui->ui_heap != NULL)
		kmem_free(ui->ui_heap, ui->ui_n * sizeof(*ui->ui_heap));
}

static long
rw_many(int fd, vaddr_t uiov, size_t niov, const off_t *offp, bool write)
{
	struct file *f;
	struct uiov ui;
	long ret;
	int error;

	if (niov > IOV_MAX)
		return -EINVAL;
	error = fd_get(fd, &f);
	if (error != 0)
		return -error;
	error = uio_get(uiov, niov, write, &ui);
	if (error == 0) {
		error = file_io(f, &ui.ui_uio, offp);
		ret = io_result(&ui.ui_uio, ui.ui_total, error);
		uio_put(&ui);
	} else
		ret = -error;
	file_rele(f);
	return ret;
}

long
sys_readv(const uintptr_t *a)
{
	return rw_many((int)a[0], a[1], a[2], NULL, false);
}

long
sys_writev(const uintptr_t *a)
{
	return rw_many((int)a[0], a[1], a[2], NULL, true);
}

long
sys_preadv(const uintptr_t *a)
{
	off_t off = (off_t)a[3]; /* the high half of 32-bit machines is a[4] */

	return rw_many((int)a[0], a[1], a[2], &off, false);
}

long
sys_pwritev(const uintptr_t *a)
{
	off_t off = (off_t)a[3];

	return rw_many((int)a[0], a[1], a[2], &off, true);
}

long
sys_lseek(const uintptr_t *a)
{
	off_t off = (off_t)a[1], base = 0, size;
	struct file *f;
	int error;

	error = fd_get((int)a[0], &f);
	if (error != 0)
		return -error;
	if ((u_int)a[2] > SEEK_HOLE) {
		file_rele(f);
		return -EINVAL;
	}
	if ((f->f_ops->fop_flags & FOP_SEEK) == 0) {
		error = (f->f_ops->fop_flags & FOP_FLAT) != 0 ? 0 : ESPIPE;
		file_rele(f);
		return -error;
	}
	if (f->f_vnode->v_obj != NULL)
		size = (off_t)atomic_load_explicit(&f->f_vnode->v_obj->uo_size,
		    memory_order_relaxed);
	else
		size = f->f_ops == &blkdev_ops ? blkdev_size(f) : 0;
	mutex_enter(&f->f_lock);
	switch ((int)a[2]) {
	case SEEK_CUR:
		base = f->f_offset;
		break;
	case SEEK_END:
		base = size;
		break;
	case SEEK_DATA:
		error = off < 0 || off >= size ? ENXIO : 0;
		break;
	case SEEK_HOLE: /* the one at the end is all we tell of */
		error = off < 0 || off >= size ? ENXIO : 0;
		off = size;
		break;
	}
	if (error == 0 && (__builtin_add_overflow(off, base, &off) || off < 0))
		error = EINVAL;
	if (error == 0)
		f->f_offset = off;
	mutex_exit(&f->f_lock);
	file_rele(f);
	return error != 0 ? -error : off;
}

int
file_io_kernel(struct file *f, void *buf, size_t len, bool write, off_t *offp,
    size_t *donep)
{
	struct abi_iovec iov = {(vaddr_t)buf, len};
	struct uio uio = {.ui_iov = &iov,
	    .ui_niov = 1,
	    .ui_resid = len,
	    .ui_write = write,
	    .ui_kernel = true};
	int error;

	error = file_io(f, &uio, offp);
	*donep = len - uio.ui_resid;
	if (offp != NULL)
		*offp += (off_t)*donep;
	return error;
}

/*
 * Copy up to len bytes from in to out through a buffer.  What out does not
 * take was read in vain: the offset of in is put back by what is left.
 */
static int
file_copy(struct file *in, off_t *inoffp, struct file *out, off_t *outoffp,
    size_t len, size_t *totalp)
{
	size_t n, got, put, total = 0;
	char *buf;
	int error = 0;

	buf = kmem_alloc(COPY_MAX, 0);
	if (buf == NULL)
		return ENOMEM;
	while (total < len && error == 0) {
		n = MIN(len - total, COPY_MAX);
		error = file_io_kernel(in, buf, n, false, inoffp, &got);
		if (got == 0)
			break;
		error = file_io_kernel(out, buf, got, true, outoffp, &put);
		total += put;
		if (put < got) {
			if (inoffp != NULL)
				*inoffp -= (off_t)(got - put);
			else {
				mutex_enter(&in->f_lock);
				in->f_offset -= (off_t)(got - put);
				mutex_exit(&in->f_lock);
			}
			break;
		}
	}
	kmem_free(buf, COPY_MAX);
	*totalp = total;
	return total > 0 ? 0 : error;
}

/* sendfile() and copy_file_range(): offsets in user memory or NULL. */
static long
copy_call(int infd, vaddr_t inoff, int outfd, vaddr_t outoff, size_t len)
{
	struct file *in, *out;
	off_t ino, outo;
	size_t total = 0;
	int error;

	error = fd_get(infd, &in);
	if (error != 0)
		return -error;
	error = fd_get(outfd, &out);
	if (error != 0) {
		file_rele(in);
		return -error;
	}
	if ((in->f_ops->fop_flags & FOP_SEEK) == 0)
		error = EINVAL;
	if (error == 0 && inoff != 0)
		error = copyin(inoff, &ino, sizeof(ino));
	if (error == 0 && outoff != 0)
		error = copyin(outoff, &outo, sizeof(outo));
	if (error == 0)
		error = file_copy(in, inoff != 0 ? &ino : NULL, out,
		    outoff != 0 ? &outo : NULL, MIN(len, IO_MAX), &total);
	if (error == 0 && inoff != 0)
		error = copyout(&ino, inoff, sizeof(ino));
	if (error == 0 && outoff != 0)
		error = copyout(&outo, outoff, sizeof(outo));
	file_rele(in);
	file_rele(out);
	return error != 0 ? -restart(error) : (long)total;
}

long
sys_sendfile(const uintptr_t *a)
{
	return copy_call((int)a[1], a[2], (int)a[0], 0, a[3]);
}

long
sys_copy_file_range(const uintptr_t *a)
{
	struct file *f;
	bool regular;
	int error;

	if (a[5] != 0)
		return -EINVAL;
	error = fd_get((int)a[2], &f);
	if (error != 0)
		return -error;
	regular = f->f_vnode->v_obj != NULL && (file_flags(f) & O_APPEND) == 0;
	file_rele(f);
	if (!regular)
		return -EINVAL;
	return copy_call((int)a[0], a[1], (int)a[2], a[3], a[4]);
}

/*
 * preadv2(fd, iov, n, low, high, flags): the offset is in low; -1 stands for
 * the file's own.  RWF_HIPRI is a hint; RWF_DSYNC and RWF_SYNC as O_SYNC.
 */
static long
rw_flags(const uintptr_t *a, bool write)
{
	off_t off = (off_t)a[3];
	struct file *f;
	long ret;
	int error;

	if (((u_int)a[5] & ~7u) != 0)
		return -EOPNOTSUPP;
	ret = rw_many((int)a[0], a[1], a[2], off == -1 ? NULL : &off, write);
	if (ret <= 0 || !write || ((u_int)a[5] & 6u) == 0 ||
	    fd_get((int)a[0], &f) != 0)
		return ret;
	error = vfs_fsync(f->f_vnode);
	file_rele(f);
	return error != 0 ? -error : ret;
}

long
sys_preadv2(const uintptr_t *a)
{
	return rw_flags(a, false);
}

long
sys_pwritev2(const uintptr_t *a)
{
	return rw_flags(a, true);
}

/* What only helps a disk: 0 for a regular file. */
static long
advise_file(int fd)
{
	struct file *f;
	bool regular;
	int error;

	error = fd_get(fd, &f);
	if (error != 0)
		return -error;
	regular = f->f_vnode->v_obj != NULL;
	file_rele(f);
	return regular ? 0 : -EINVAL;
}

long
sys_readahead(const uintptr_t *a)
{
	return advise_file((int)a[0]);
}

/* sync_file_range(fd, offset, n, flags) */
long
sys_sync_file_range(const uintptr_t *a)
{
	if (((u_int)a[3] & ~7u) != 0 || (off_t)a[1] < 0 || (off_t)a[2] < 0)
		return -EINVAL;
	return advise_file((int)a[0]);
}

long
sys_ioctl(const uintptr_t *a)
{
	struct file *f;
	u_long cmd = (u_int)a[1];
	int32_t on;
	long ret;
	int error;

	error = fd_get((int)a[0], &f);
	if (error != 0)
		return -error;
	switch (cmd) {
	case FIONBIO:
		ret = -copyin(a[2], &on, sizeof(on));
		if (ret == 0 && on != 0)
			atomic_fetch_or_explicit(&f->f_flags, O_NONBLOCK,
			    memory_order_relaxed);
		else if (ret == 0)
			atomic_fetch_and_explicit(&f->f_flags, ~O_NONBLOCK,
			    memory_order_relaxed);
		break;
	case FIOCLEX:
	case FIONCLEX:
		ret = fd_cloexec((int)a[0], cmd == FIOCLEX);
		break;
	default:
		ret = f->f_ops->fop_ioctl == NULL
			  ? -ENOTTY
			  : f->f_ops->fop_ioctl(f, cmd, a[2]);
	}
	file_rele(f);
	return ret;
}
