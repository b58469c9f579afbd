/*
 * pipe.c: pipes and FIFOs.
 *
 * A pipe is a vnode of type FIFO whose v_pipe, while somebody has it open,
 * is a ring of pages, sixteen or one, allocated as it is first filled.  pp_lock, a
 * spin lock, guards the state; bytes are copied without it, by whoever has
 * set pp_rbusy or pp_wbusy: a reader works between pp_head and pp_tail, a
 * writer between pp_tail and pp_head + pp_size, so the two never meet.
 *
 * A writer of at most PIPE_BUF bytes keeps pp_wbusy from seeing room for all
 * of them until they are in, which is what makes it atomic.
 *
 * Protection:
 *	I	constant
 *	p	pp_lock
 *	r	the reader that set pp_rbusy
 *	w	the writer that set pp_wbusy; p to look
 *	b	the big lock
 */
#include <fs/file.h>

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <kern/syscalls.h>
#include <fs/init.h>

#define PIPE_PAGES 16u
#define PIPE_SIZE  (PIPE_PAGES * PAGE_SIZE)

/*
 * All pipes together may fill one page in PIPE_SHARE; past half of that a new
 * one gets a single page, past all of it none is made.
 */
#define PIPE_SHARE 8
static u_long pipe_pages; /* [b] that the pipes there are may fill */

struct pipe {
	struct spin pp_lock;       /* RANK_FS */
	u_int pp_opens;            /* [b] files; the last frees it */
	size_t pp_size;            /* [I] bytes it may hold, whole pages */
	u_int pp_readers;          /* [p] files that may read */
	u_int pp_writers;          /* [p] files that may write */
	u_int pp_rgen, pp_wgen;    /* [p] readers, writers that ever came */
	bool pp_rbusy, pp_wbusy;   /* [p] */
	u_int pp_sleepers;         /* [p] threads asleep on the pipe */
	uint64_t pp_head;          /* [p] bytes read so far */
	uint64_t pp_tail;          /* [p] bytes written so far */
	char *pp_page[PIPE_PAGES]; /* [w] NULL until needed */
};

/* Sleep until the pipe changes.  p held.  EINTR. */
static int
pipe_sleep(struct pipe *pp, const char *why)
{
	int error;

	pp->pp_sleepers++;
	error = sleep_spin(pp, &pp->pp_lock, SLEEP_INTR, 0, why);
	pp->pp_sleepers--;
	return error;
}

/* Tell sleepers and pollers that it has changed; lets go of pp_lock. */
static void
pipe_changed(struct pipe *pp)
{
	bool wake = pp->pp_sleepers > 0;

	spin_exit(&pp->pp_lock);
	if (wake)
		wakeup(pp);
	poll_notify();
}

/* All of n bytes or, as far as the caller can see, none of them. */
static int
pipe_move(char *k, size_t n, struct uio *uio)
{
	size_t resid = uio->ui_resid;
	int error = uio_move(k, n, uio);

	if (error != 0)
		uio->ui_resid = resid;
	return error;
}

static int
pipe_read(struct file *f, struct uio *uio)
{
	struct pipe *pp = f->f_vnode->v_pipe;
	bool moved = false;
	size_t n, off;
	int error = 0;

	if (uio->ui_resid == 0)
		return 0;
	spin_enter(&pp->pp_lock);
	for (;;) {
		if (pp->pp_rbusy) {
			error = pipe_sleep(pp, "pipelock");
			if (error != 0)
				break;
			continue;
		}
		if (pp->pp_head != pp->pp_tail || pp->pp_writers == 0)
			break;
		error = (file_flags(f) & O_NONBLOCK) != 0
			    ? EAGAIN
			    : pipe_sleep(pp, "piperd");
		if (error != 0)
			break;
	}
	while (error == 0 && uio->ui_resid > 0 && pp->pp_head != pp->pp_tail) {
		pp->pp_rbusy = true;
		off = pp->pp_head % pp->pp_size;
		n = MIN(pp->pp_tail - pp->pp_head, uio->ui_resid);
		n = MIN(n, PAGE_SIZE - off % PAGE_SIZE);
		spin_exit(&pp->pp_lock);
		error =
		    pipe_move(pp->pp_page[off / PAGE_SIZE] + off % PAGE_SIZE, n,
			uio);
		spin_enter(&pp->pp_lock);
		if (error == 0) {
			pp->pp_head += n;
			moved = true;
		}
		/* An idle pipe goes on using its first page. */
		if (pp->pp_head == pp->pp_tail && !pp->pp_wbusy)
			pp->pp_head = pp->pp_tail = 0;
		pp->pp_rbusy = false;
	}
	if (moved || pp->pp_sleepers > 0)
		pipe_changed(pp);
	else
		spin_exit(&pp->pp_lock);
	return error;
}

/*
 * Wait until pp_wbusy can be ours with room for need bytes; set it.  p held.
 * EPIPE, EAGAIN, EINTR.
 */
static int
pipe_room(struct pipe *pp, size_t need, bool nonblock)
{
	bool room;
	int error;

	for (;;) {
		room = pp->pp_size - (pp->pp_tail - pp->pp_head) >= need;
		if (pp->pp_readers == 0)
			return EPIPE;
		if (room && !pp->pp_wbusy) {
			pp->pp_wbusy = true;
			return 0;
		}
		if (nonblock && !room)
			return EAGAIN;
		error = pipe_sleep(pp, room ? "pipelock" : "pipewr");
		if (error != 0)
			return error;
	}
}

/* Copy what fits into one page at pp_tail.  p held, pp_wbusy ours. */
static int
pipe_fill(struct pipe *pp, struct uio *uio)
{
	size_t off = pp->pp_tail % pp->pp_size, n;
	char **page = &pp->pp_page[off / PAGE_SIZE];
	int error;

	n = MIN(pp->pp_size - (pp->pp_tail - pp->pp_head), uio->ui_resid);
	n = MIN(n, PAGE_SIZE - off % PAGE_SIZE);
	KASSERT(n > 0);
	spin_exit(&pp->pp_lock);
	if (*page == NULL)
		*page = kmem_alloc(PAGE_SIZE, 0);
	error =
	    *page == NULL ? ENOMEM : pipe_move(*page + off % PAGE_SIZE, n, uio);
	spin_enter(&pp->pp_lock);
	if (error == 0)
		pp->pp_tail += n;
	return error;
}

static int
pipe_write(struct file *f, struct uio *uio)
{
	struct pipe *pp = f->f_vnode->v_pipe;
	bool nonblock = (file_flags(f) & O_NONBLOCK) != 0, atomic;
	int error = 0;

	atomic = uio->ui_resid <= PIPE_BUF;
	spin_enter(&pp->pp_lock);
	while (uio->ui_resid > 0 && error == 0) {
		error = pipe_room(pp, atomic ? uio->ui_resid : 1, nonblock);
		if (error != 0)
			break;
		while (error == 0 && uio->ui_resid > 0 &&
		       pp->pp_tail - pp->pp_head < pp->pp_size) {
			error = pipe_fill(pp, uio);
			if (pp->pp_readers == 0)
				break;
		}
		pp->pp_wbusy = false;
		pipe_changed(pp);
		spin_enter(&pp->pp_lock);
	}
	spin_exit(&pp->pp_lock);
	if (error == EPIPE)
		sig_post_simple(curproc(), SIGPIPE, SI_KERNEL);
	return error;
}

static u_int
pipe_poll(struct file *f)
{
	struct pipe *pp = f->f_vnode->v_pipe;
	u_int events = 0;

	spin_enter(&pp->pp_lock);
	if (file_canread(f)) {
		if (pp->pp_head != pp->pp_tail)
			events |= POLLIN | POLLRDNORM;
		if (pp->pp_writers == 0 && pp->pp_wgen != 0)
			events |= POLLHUP;
	}
	if (file_canwrite(f)) {
		if (pp->pp_size - (pp->pp_tail - pp->pp_head) >= PIPE_BUF)
			events |= POLLOUT | POLLWRNORM;
		if (pp->pp_readers == 0)
			events |= POLLERR;
	}
	spin_exit(&pp->pp_lock);
	return events;
}

static long
pipe_ioctl(struct file *f, u_long cmd, uintptr_t arg)
{
	struct pipe *pp = f->f_vnode->v_pipe;
	int32_t n;

	if (cmd != FIONREAD)
		return -ENOTTY;
	spin_enter(&pp->pp_lock);
	n = (int32_t)(pp->pp_tail - pp->pp_head);
	spin_exit(&pp->pp_lock);
	return -copyout(&n, arg, sizeof(n));
}

/* One file less; the last one frees the pipe.  Big lock. */
static void
pipe_leave(struct vnode *vp)
{
	struct pipe *pp = vp->v_pipe;
	u_int i;

	KASSERT(big_held());
	KASSERT(pp->pp_opens > 0);
	if (--pp->pp_opens > 0)
		return;
	KASSERT(pp->pp_readers == 0 && pp->pp_writers == 0);
	for (i = 0; i < PIPE_PAGES; i++) {
		if (pp->pp_page[i] != NULL)
			kmem_free(pp->pp_page[i], PAGE_SIZE);
	}
	vp->v_pipe = NULL;
	pipe_pages -= pp->pp_size / PAGE_SIZE;
	kmem_free(pp, sizeof(*pp));
}

void
pipe_hangup(struct file *f)
{
	struct pipe *pp = f->f_vnode->v_pipe;

	spin_enter(&pp->pp_lock);
	if (f->f_data == NULL) {
		f->f_data = pp; /* once */
		if (file_canread(f))
			pp->pp_readers--;
		if (file_canwrite(f))
			pp->pp_writers--;
	}
	pipe_changed(pp);
}

static void
pipe_close(struct file *f)
{
	pipe_hangup(f);
	vfs_enter();
	pipe_leave(f->f_vnode);
	vfs_exit();
}

const struct fileops pipe_ops = {
    .fop_read = pipe_read,
    .fop_write = pipe_write,
    .fop_poll = pipe_poll,
    .fop_ioctl = pipe_ioctl,
    .fop_close = pipe_close,
};

/* No pipe becomes larger than it was made, and a smaller one has the room. */
long
pipe_capacity(struct file *f, u_int want)
{
	size_t size = f->f_vnode->v_pipe->pp_size;

	if (want > INT32_MAX)
		return -EINVAL;
	return want > size ? -EPERM : (long)size;
}

/* Give vp a pipe.  Big lock.  ENOMEM; ENFILE: there are too many. */
static int
pipe_make(struct vnode *vp)
{
	u_long limit = phys_total() / PIPE_SHARE;
	struct pipe *pp;

	KASSERT(big_held());
	if (pipe_pages >= limit)
		return ENFILE;
	pp = kmem_alloc(sizeof(*pp), PA_ZERO);
	if (pp == NULL)
		return ENOMEM;
	spin_init(&pp->pp_lock, RANK_FS);
	pp->pp_size = pipe_pages < limit / 2 ? PIPE_SIZE : PAGE_SIZE;
	pipe_pages += pp->pp_size / PAGE_SIZE;
	vp->v_pipe = pp;
	return 0;
}

/* Make f a user of vp's pipe, which is made when there is none. */
static int
pipe_join(struct vnode *vp, struct file *f)
{
	struct pipe *pp;
	int error;

	vfs_enter();
	error = vp->v_pipe == NULL ? pipe_make(vp) : 0;
	if (error != 0) {
		vfs_exit();
		return error;
	}
	pp = vp->v_pipe;
	pp->pp_opens++;
	vfs_exit();
	spin_enter(&pp->pp_lock);
	if (file_canread(f)) {
		pp->pp_readers++;
		pp->pp_rgen++;
	}
	if (file_canwrite(f)) {
		pp->pp_writers++;
		pp->pp_wgen++;
	}
	f->f_ops = &pipe_ops;
	pipe_changed(pp);
	return 0;
}

int
fifo_open(struct vnode *vp, struct file *f)
{
	u_int acc = file_flags(f) & O_ACCMODE, gen;
	bool nonblock = (file_flags(f) & O_NONBLOCK) != 0, named;
	struct pipe *pp;
	int error;

	/* One without a name, opened through /proc, has had its two sides. */
	vfs_enter();
	named = vp->v_nlink > 0;
	vfs_exit();

	error = pipe_join(vp, f);
	if (error != 0)
		return error;
	pp = vp->v_pipe;
	spin_enter(&pp->pp_lock);
	if (!named)
		error = 0;
	else if (acc == O_WRONLY && nonblock && pp->pp_readers == 0)
		error = ENXIO;
	else if (acc == O_RDONLY && !nonblock && pp->pp_writers == 0) {
		gen = pp->pp_wgen;
		while (error == 0 && pp->pp_wgen == gen)
			error = pipe_sleep(pp, "fifo");
	} else if (acc == O_WRONLY && pp->pp_readers == 0) {
		gen = pp->pp_rgen;
		while (error == 0 && pp->pp_rgen == gen)
			error = pipe_sleep(pp, "fifo");
	}
	spin_exit(&pp->pp_lock);
	/* On an error the file's release does what close does. */
	return error;
}

int
pipe_new(struct file **rfp, struct file **wfp)
{
	struct vnode *vp;
	int error;

	vfs_enter();
	error = tmpfs_anon(S_IFIFO | 0600, NULL, &vp);
	vfs_exit();
	if (error != 0)
		return error;
	vref(vp);
	/* Not nonblocking yet would wait; O_RDWR never does. */
	error = vfs_open_vnode(vp, O_RDONLY | O_NONBLOCK, rfp);
	if (error != 0) {
		vrele(vp);
		return error;
	}
	error = vfs_open_vnode(vp, O_WRONLY, wfp);
	if (error != 0)
		file_rele(*rfp);
	return error;
}

static long
do_pipe(vaddr_t ufds, u_int flags)
{
	struct file *rf, *wf;
	int32_t fds[2];
	uintptr_t arg;
	long r, w;
	int error;

	if ((flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) != 0 ||
	    (flags & O_DIRECT) != 0)
		return -EINVAL;
	error = pipe_new(&rf, &wf);
	if (error != 0)
		return -error;
	atomic_store_explicit(&rf->f_flags, O_RDONLY | (flags & O_NONBLOCK),
	    memory_order_relaxed);
	atomic_store_explicit(&wf->f_flags, O_WRONLY | (flags & O_NONBLOCK),
	    memory_order_relaxed);
	r = fd_install(rf, 0, (flags & O_CLOEXEC) != 0);
	if (r < 0) {
		file_rele(wf);
		return r;
	}
	w = fd_install(wf, 0, (flags & O_CLOEXEC) != 0);
	if (w >= 0) {
		fds[0] = (int32_t)r;
		fds[1] = (int32_t)w;
		error = copyout(fds, ufds, sizeof(fds));
		if (error == 0)
			return 0;
		arg = (uintptr_t)w;
		(void)sys_close(&arg);
		w = -error;
	}
	arg = (uintptr_t)r;
	(void)sys_close(&arg);
	return w;
}

long
sys_pipe(const uintptr_t *a)
{
	return do_pipe(a[0], 0);
}

long
sys_pipe2(const uintptr_t *a)
{
	return do_pipe(a[0], (u_int)a[1]);
}
