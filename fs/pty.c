/*
 * pty.c: pseudo-terminals: terminals whose keys and screen are a program.
 *
 * What opens /dev/ptmx, the master, gets a terminal that nobody has, as
 * /dev/pts/N: what it writes is typed there, and what programs write there it
 * reads.  A pseudo-terminal is used again but never freed, so that a session
 * may point to one that is another's now; see tty_of().
 *
 * Protection:
 *	I	constant
 *	l	tt_lock
 *	p	pty_lock
 */
#include <fs/tty.h>

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <fs/init.h>

#define NPTY    64u
#define OUTSIZE 8192u /* a power of two */
#define PTY_IO  256   /* bytes moved at a time */

struct pty {
	struct tty pt_tty;    /* [I] */
	u_int pt_num;         /* [I] */
	bool pt_used;         /* [p] there is a master */
	bool pt_locked;       /* [l] TIOCSPTLCK */
	bool pt_gone;         /* [l] the master is closed */
	bool pt_opened;       /* [l] the other side was open once */
	u_int pt_slaves;      /* [l] how often it is open now */
	u_int pt_head;        /* [l] bytes read so far */
	u_int pt_tail;        /* [l] bytes written so far */
	char pt_out[OUTSIZE]; /* [l] what the master reads */
};

static struct mutex pty_lock;  /* RANK_VNODE */
static struct pty *ptys[NPTY]; /* [p] */
static struct vnode *pts_dir;  /* [I] */
static const struct fileops ptm_ops, pts_ops;

void
pty_init(struct vnode *dir)
{
	mutex_init(&pty_lock, RANK_VNODE);
	pts_dir = dir;
}

static u_int
room(const struct pty *pt)
{
	return OUTSIZE - (pt->pt_tail - pt->pt_head);
}

/* The line discipline's: echo that does not fit is lost. */
static void
pty_out(struct ldisc *ld, const char *s, size_t len)
{
	struct pty *pt =
	    (struct pty *)((char *)ld - offsetof(struct pty, pt_tty.tt_ld));
	size_t i;

	KASSERT(mutex_held(&pt->pt_tty.tt_lock));
	for (i = 0; i < len && room(pt) > 0; i++)
		pt->pt_out[pt->pt_tail++ % OUTSIZE] = s[i];
	wakeup(&pt->pt_tty.tt_pty);
	poll_notify();
}

bool
pty_gone(const struct tty *tp)
{
	return tp->tt_pty != NULL && tp->tt_pty->pt_gone;
}

/* A byte may become two. */
bool
pty_writable(const struct tty *tp)
{
	return room(tp->tt_pty) >= 2;
}

int
pty_room(struct tty *tp, struct file *f, size_t *lenp)
{
	struct pty *pt = tp->tt_pty;
	int error = 0;

	KASSERT(mutex_held(&tp->tt_lock));
	while (!pt->pt_gone && room(pt) < 2 && error == 0) {
		if (file_flags(f) & O_NONBLOCK)
			return EAGAIN;
		error = sleep_mutex(&tp->tt_size, &tp->tt_lock, SLEEP_INTR, 0,
		    "ptyout");
	}
	if (pt->pt_gone)
		return EIO;
	*lenp = MIN(*lenp, room(pt) / 2);
	return error;
}

/*
 * The master.
 */

/* The first that is not in use; NULL: *errorp says why there is none. */
static struct pty *
pty_alloc(int *errorp)
{
	struct pty *pt;
	u_int i;

	mutex_enter(&pty_lock);
	for (i = 0; i < NPTY && ptys[i] != NULL && ptys[i]->pt_used; i++)
		continue;
	*errorp = ENOSPC;
	pt = i < NPTY ? ptys[i] : NULL;
	if (i < NPTY && pt == NULL) {
		*errorp = ENOMEM;
		pt = kmem_alloc(sizeof(*pt), PA_ZERO);
		if (pt != NULL) {
			mutex_init(&pt->pt_tty.tt_lock, RANK_VNODE);
			pt->pt_num = i;
			pt->pt_tty.tt_dev = MAKEDEV(PTS_MAJOR, i);
			pt->pt_tty.tt_pty = pt;
			/* Nobody gets at it yet. */
			pt->pt_gone = true;
			ptys[i] = pt;
		}
	}
	if (pt != NULL)
		pt->pt_used = true;
	mutex_exit(&pty_lock);
	return pt;
}

static void
pty_free(struct pty *pt)
{
	mutex_enter(&pty_lock);
	pt->pt_used = false;
	mutex_exit(&pty_lock);
}

int
ptmx_open(struct file *f)
{
	struct vnode *vp;
	struct pty *pt;
	char name[8];
	int error;

	pt = pty_alloc(&error);
	if (pt == NULL)
		return error;
	ksnprintf(name, sizeof(name), "%u", pt->pt_num);
	error = pts_dir->v_ops->vo_create(pts_dir, name, S_IFCHR | 0620,
	    pt->pt_tty.tt_dev, NULL, &vp);
	if (error != 0) {
		pty_free(pt);
		return error;
	}
	vp->v_uid = curproc()->ps_cred.cr_fsuid;
	vrele(vp);
	mutex_enter(&pt->pt_tty.tt_lock);
	ldisc_init(&pt->pt_tty.tt_ld, pty_out);
	pt->pt_tty.tt_ld.ld_t.c_cflag = B38400 | CS8 | CREAD;
	memset(&pt->pt_tty.tt_size, 0, sizeof(pt->pt_tty.tt_size));
	pt->pt_head = pt->pt_tail = 0;
	pt->pt_locked = true;
	pt->pt_gone = pt->pt_opened = false;
	mutex_exit(&pt->pt_tty.tt_lock);
	f->f_data = pt;
	f->f_ops = &ptm_ops;
	return 0;
}

static void
ptm_close(struct file *f)
{
	struct pty *pt = f->f_data;
	struct tty *tp = &pt->pt_tty;
	char name[8];
	bool unused;

	ksnprintf(name, sizeof(name), "%u", pt->pt_num);
	(void)pts_dir->v_ops->vo_remove(pts_dir, name);
	mutex_enter(&tp->tt_lock);
	pt->pt_gone = true;
	unused = pt->pt_slaves == 0;
	mutex_exit(&tp->tt_lock);
	wakeup(&tp->tt_ld);
	wakeup(&tp->tt_size);
	poll_notify();
	tty_hangup(tp);
	/* Or else the last of the others gives it back. */
	if (unused)
		pty_free(pt);
}

/* Wait for something to read.  tt_lock held. */
static int
ptm_wait(struct pty *pt, struct file *f)
{
	while (pt->pt_head == pt->pt_tail) {
		/* As on Linux: all that had it open are gone. */
		if (pt->pt_opened && pt->pt_slaves == 0)
			return EIO;
		if (file_flags(f) & O_NONBLOCK)
			return EAGAIN;
		if (sleep_mutex(&pt->pt_tty.tt_pty, &pt->pt_tty.tt_lock,
			SLEEP_INTR, 0, "ptm") != 0)
			return ERESTARTSYS;
	}
	return 0;
}

static int
ptm_read(struct file *f, struct uio *uio)
{
	struct pty *pt = f->f_data;
	char buf[PTY_IO];
	size_t n, got = 0;
	int error = 0;

	while (uio->ui_resid > 0 && error == 0) {
		mutex_enter(&pt->pt_tty.tt_lock);
		if (got == 0)
			error = ptm_wait(pt, f);
		for (n = 0; error == 0 && n < MIN(sizeof(buf), uio->ui_resid) &&
			    pt->pt_head != pt->pt_tail;
		     n++)
			buf[n] = pt->pt_out[pt->pt_head++ % OUTSIZE];
		mutex_exit(&pt->pt_tty.tt_lock);
		if (error != 0 || n == 0)
			break;
		got += n;
		wakeup(&pt->pt_tty.tt_size);
		poll_notify();
		error = uio_move(buf, n, uio);
	}
	return error;
}

/* What is typed: as much as there is room for; of that signals are sent. */
static int
ptm_write(struct file *f, struct uio *uio)
{
	struct pty *pt = f->f_data;
	bool wait = (file_flags(f) & O_NONBLOCK) == 0;
	char buf[PTY_IO];
	size_t n, done, k;
	int error = 0, sig;

	while (uio->ui_resid > 0 && error == 0) {
		n = MIN(sizeof(buf), uio->ui_resid);
		error = uio_move(buf, n, uio);
		for (done = 0; error == 0 && done < n; done += k) {
			k = tty_bytes(&pt->pt_tty, (u_char *)buf + done,
			    n - done, wait, &sig);
			if (sig != 0)
				tty_signal(&pt->pt_tty, sig);
			if (k == 0)
				error = wait ? ERESTARTSYS : EAGAIN;
		}
		if (error != 0)
			uio->ui_resid += n - done;
	}
	return error;
}

static u_int
ptm_poll(struct file *f)
{
	struct pty *pt = f->f_data;
	u_int events = POLLOUT | POLLWRNORM;

	mutex_enter(&pt->pt_tty.tt_lock);
	if (pt->pt_head != pt->pt_tail)
		events |= POLLIN | POLLRDNORM;
	if (pt->pt_opened && pt->pt_slaves == 0)
		events |= POLLHUP;
	mutex_exit(&pt->pt_tty.tt_lock);
	return events;
}

static long
ptm_ioctl(struct file *f, u_long cmd, uintptr_t arg)
{
	struct pty *pt = f->f_data;
	int32_t n;
	int error;

	switch (cmd) {
	case TIOCGPTN:
		n = (int32_t)pt->pt_num;
		return -copyout(&n, arg, sizeof(n));
	case TIOCGPTLCK:
		n = pt->pt_locked;
		return -copyout(&n, arg, sizeof(n));
	case TIOCSPTLCK:
		error = copyin(arg, &n, sizeof(n));
		if (error == 0)
			pt->pt_locked = n != 0;
		return -error;
	case FIONREAD:
		mutex_enter(&pt->pt_tty.tt_lock);
		n = (int32_t)(pt->pt_tail - pt->pt_head);
		mutex_exit(&pt->pt_tty.tt_lock);
		return -copyout(&n, arg, sizeof(n));
	default:
		return tty_command(&pt->pt_tty, cmd, arg);
	}
}

static const struct fileops ptm_ops = {
    .fop_read = ptm_read,
    .fop_write = ptm_write,
    .fop_poll = ptm_poll,
    .fop_ioctl = ptm_ioctl,
    .fop_close = ptm_close,
};

/*
 * The side that programs see.
 */

int
pts_reopen(struct tty *tp, struct file *f)
{
	struct pty *pt = tp->tt_pty;
	int error = 0;

	mutex_enter(&tp->tt_lock);
	if (pt->pt_gone || pt->pt_locked)
		error = EIO;
	else {
		pt->pt_slaves++;
		pt->pt_opened = true;
		f->f_data = tp;
		f->f_ops = &pts_ops;
	}
	mutex_exit(&tp->tt_lock);
	return error;
}

int
pts_open(struct file *f, u_int i, bool ctty)
{
	struct pty *pt;
	int error;

	mutex_enter(&pty_lock);
	pt = i < NPTY ? ptys[i] : NULL;
	mutex_exit(&pty_lock);
	if (pt == NULL)
		return EIO;
	error = pts_reopen(&pt->pt_tty, f);
	if (error == 0 && ctty)
		tty_autoacquire(&pt->pt_tty);
	return error;
}

static void
pts_close(struct file *f)
{
	struct tty *tp = f->f_data;
	struct pty *pt = tp->tt_pty;
	bool unused;

	mutex_enter(&tp->tt_lock);
	KASSERT(pt->pt_slaves > 0);
	unused = --pt->pt_slaves == 0 && pt->pt_gone;
	mutex_exit(&tp->tt_lock);
	wakeup(&tp->tt_pty);
	poll_notify();
	if (unused)
		pty_free(pt);
}

static const struct fileops pts_ops = {
    .fop_read = tty_read,
    .fop_write = tty_write,
    .fop_poll = tty_poll,
    .fop_ioctl = tty_ioctl,
    .fop_close = pts_close,
};
