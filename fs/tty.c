/*
 * tty.c: terminals as programs see them, and the console.
 *
 * Bytes of the console arrive by interrupt and go into a small ring; a thread takes them
 * from there through the line discipline, because echo and signals to the
 * foreground group need locks that interrupts must not take.  When the ring
 * is full the port keeps its bytes and is told when there is room again: none
 * is lost.
 *
 * Sleepers: as in tty.h, and the thread on cn_raw (no input).
 *
 * Protection:
 *	r	cn_rawlock, taken with interrupts off
 */
#include <fs/tty.h>

#include <sys/errno.h>
#include <port/machdep.h>
#include <base/print.h>
#include <fs/init.h>

#define RAW_SIZE 1024u
#define TTY_IO   256 /* bytes moved at a time */

static struct tty console;
static struct consoleinput {
	struct spin cn_rawlock;  /* RANK_TTY */
	u_char cn_raw[RAW_SIZE]; /* [r] */
	u_int cn_rawhead;        /* [r] taken out so far */
	u_int cn_rawtail;        /* [r] put in so far */
	bool cn_held;            /* [r] the port has more */
} cn;

/*
 * Input.
 */

/* Interrupt context: take what fits; the number of bytes. */
static size_t
tty_input(const char *s, size_t len)
{
	size_t n;

	spin_enter(&cn.cn_rawlock);
	for (n = 0; n < len && cn.cn_rawtail - cn.cn_rawhead < RAW_SIZE; n++)
		cn.cn_raw[cn.cn_rawtail++ % RAW_SIZE] = (u_char)s[n];
	if (n < len)
		cn.cn_held = true;
	spin_exit(&cn.cn_rawlock);
	if (n > 0)
		wakeup(cn.cn_raw);
	return n;
}

/* Wait for raw bytes and take up to size of them. */
static size_t
tty_take(u_char *buf, size_t size)
{
	bool resume;
	size_t n;

	spin_enter(&cn.cn_rawlock);
	while (cn.cn_rawhead == cn.cn_rawtail)
		(void)sleep_spin(cn.cn_raw, &cn.cn_rawlock, 0, 0, "ttyraw");
	for (n = 0; n < size && cn.cn_rawhead != cn.cn_rawtail; n++)
		buf[n] = cn.cn_raw[cn.cn_rawhead++ % RAW_SIZE];
	resume = cn.cn_held;
	cn.cn_held = false;
	spin_exit(&cn.cn_rawlock);
	if (resume)
		md_console_resume();
	return n;
}

void
tty_signal(struct tty *tp, int sig)
{
	mutex_enter(&proctree_lock);
	if (tp->tt_pgrp != 0)
		sig_pgrp(tp->tt_pgrp, sig);
	mutex_exit(&proctree_lock);
}

size_t
tty_bytes(struct tty *tp, const u_char *s, size_t len, bool wait, int *sigp)
{
	size_t n = 0;
	int what, error = 0;

	*sigp = 0;
	mutex_enter(&tp->tt_lock);
	while (n < len && *sigp == 0 && error == 0) {
		what = ldisc_input(&tp->tt_ld, s[n]);
		if (what != LD_FULL) {
			*sigp = what;
			n++;
			continue;
		}
		if (!wait)
			break;
		wakeup(&tp->tt_ld);
		poll_notify();
		error = sleep_mutex(&tp->tt_session, &tp->tt_lock, SLEEP_INTR,
		    0, "ttyroom");
	}
	mutex_exit(&tp->tt_lock);
	if (n > 0) {
		wakeup(&tp->tt_ld);
		poll_notify();
	}
	return n;
}

static void
tty_thread(void *arg)
{
	u_char buf[64];
	size_t done, n;
	int sig;

	(void)arg;
	for (;;) {
		n = tty_take(buf, sizeof(buf));
		for (done = 0; done < n;) {
			done += tty_bytes(&console, buf + done, n - done, true,
			    &sig);
			if (sig != 0)
				tty_signal(&console, sig);
		}
	}
}

/*
 * "console=raw" on the command line: what arrives before a program has chosen
 * its modes is data, not typed, and is neither echoed nor edited.
 */
static void
tty_raw(void)
{
	struct abi_termios t = console.tt_ld.ld_t;

	t.c_iflag = t.c_oflag = t.c_lflag = 0;
	ldisc_set(&console.tt_ld, &t);
}

static void
console_out(struct ldisc *ld, const char *s, size_t len)
{
	(void)ld;
	md_console_write(s, len);
}

void
tty_init(void)
{
	const char *mode = kern_param("console");
	int error;

	spin_init(&cn.cn_rawlock, RANK_TTY);
	mutex_init(&console.tt_lock, RANK_VNODE);
	ldisc_init(&console.tt_ld, console_out);
	console.tt_dev = MAKEDEV(4, 64);
	if (mode != NULL && strcmp(mode, "raw") == 0)
		tty_raw();
	error = kthread_create("tty", tty_thread, NULL, NULL);
	if (error != 0)
		panic("no thread for the terminal: error %d", error);
	atomic_store_explicit(&md_console_input, tty_input,
	    memory_order_release);
	md_console_resume();
}

/*
 * Job control.
 */

/*
 * A member of the terminal's session but not of its foreground group gets
 * sig, with its group, and makes its call again once it is continued.  0: the
 * caller may go on.  EIO: it may not, but cannot be stopped either.
 */
static int
tty_background(struct tty *tp, int sig)
{
	struct lwp *l = curlwp();
	struct proc *p = l->l_proc;
	struct pgrp *pg;
	bool deaf;
	int error = 0;

	spin_enter(&p->ps_siglock);
	deaf = (l->l_sigmask & SIGBIT(sig)) != 0 ||
	       sig_getact(p, sig).sa_handler == SIG_IGN;
	spin_exit(&p->ps_siglock);
	mutex_enter(&proctree_lock);
	pg = p->ps_pgrp;
	if (pg != NULL && pg->pg_session->s_tty == tp &&
	    pg->pg_session->s_id == tp->tt_session &&
	    pg->pg_id != tp->tt_pgrp) {
		if (deaf)
			error = sig == SIGTTIN ? EIO : 0;
		else if (pgrp_orphaned(pg, NULL))
			error = EIO;
		else {
			sig_pgrp(pg->pg_id, sig);
			error = ERESTARTSYS;
		}
	}
	mutex_exit(&proctree_lock);
	return error;
}

/* The session of the caller if the terminal is its own, or NULL.  T held. */
static struct session *
tty_mine(struct tty *tp)
{
	struct pgrp *pg = curproc()->ps_pgrp;

	KASSERT(mutex_held(&proctree_lock));
	if (pg == NULL || pg->pg_session->s_tty != tp ||
	    pg->pg_session->s_id != tp->tt_session)
		return NULL;
	return pg->pg_session;
}

/* The terminal that s has, or NULL.  T held. */
static struct tty *
tty_of(const struct session *s)
{
	struct tty *tp = s->s_tty;

	KASSERT(mutex_held(&proctree_lock));
	return tp != NULL && s->s_id == tp->tt_session ? tp : NULL;
}

pid_t
tty_foreground(const struct session *s, dev_t *devp)
{
	struct tty *tp = tty_of(s);

	*devp = tp == NULL ? 0 : tp->tt_dev;
	return tp == NULL ? 0 : tp->tt_pgrp;
}

static int
tty_acquire(struct tty *tp, bool steal)
{
	struct proc *p = curproc();
	struct pgrp *pg;
	int error = EPERM;

	mutex_enter(&proctree_lock);
	pg = p->ps_pgrp;
	if (pg != NULL && tty_mine(tp) != NULL)
		error = 0;
	else if (pg != NULL && pg->pg_session->s_id == p->ps_pid &&
		 tty_of(pg->pg_session) == NULL &&
		 (tp->tt_session == 0 || (steal && cred_is_root()))) {
		/* The old owner finds out by tt_session being another. */
		pg->pg_session->s_tty = tp;
		tp->tt_session = pg->pg_session->s_id;
		tp->tt_pgrp = pg->pg_id;
		error = 0;
	}
	mutex_exit(&proctree_lock);
	return error;
}

void
tty_autoacquire(struct tty *tp)
{
	(void)tty_acquire(tp, false);
}

/* The session that has the terminal loses it.  T held. */
static void
tty_release(struct tty *tp)
{
	pid_t pgid = tp->tt_pgrp;

	/* Its pointer is worth nothing without this. */
	tp->tt_session = tp->tt_pgrp = 0;
	if (pgid != 0) {
		sig_pgrp(pgid, SIGHUP);
		sig_pgrp(pgid, SIGCONT);
	}
}

void
tty_hangup(struct tty *tp)
{
	struct proc *leader;

	mutex_enter(&proctree_lock);
	leader = proc_find_locked(tp->tt_session);
	if (leader != NULL && tp->tt_session != tp->tt_pgrp) {
		sig_post_simple(leader, SIGHUP, SI_KERNEL);
		sig_post_simple(leader, SIGCONT, SI_KERNEL);
	}
	tty_release(tp);
	mutex_exit(&proctree_lock);
}

void
tty_leader_exit(struct proc *p)
{
	struct session *s;

	if (!p->ps_leads)
		return;
	mutex_enter(&proctree_lock);
	s = p->ps_pgrp == NULL ? NULL : p->ps_pgrp->pg_session;
	if (s != NULL && s->s_id == p->ps_pid && tty_of(s) != NULL)
		tty_release(s->s_tty);
	mutex_exit(&proctree_lock);
}

static int
tty_notty(struct tty *tp)
{
	struct session *s;
	int error = ENOTTY;

	mutex_enter(&proctree_lock);
	s = tty_mine(tp);
	if (s != NULL) {
		error = 0;
		if (s->s_id == curproc()->ps_pid)
			tty_release(tp);
	}
	mutex_exit(&proctree_lock);
	return error;
}

/* TIOCGPGRP and TIOCGSID. */
static long
tty_get_id(struct tty *tp, u_long cmd, uintptr_t arg, bool master)
{
	int32_t id = 0;

	mutex_enter(&proctree_lock);
	if (master || tty_mine(tp) != NULL)
		id = cmd == TIOCGSID ? tp->tt_session : tp->tt_pgrp;
	mutex_exit(&proctree_lock);
	if (id == 0 && (!master || cmd == TIOCGSID))
		return -ENOTTY;
	return -copyout(&id, arg, sizeof(id));
}

static long
tty_set_pgrp(struct tty *tp, uintptr_t arg)
{
	struct session *s;
	struct pgrp *pg;
	int32_t id;
	int error;

	error = tty_background(tp, SIGTTOU);
	if (error == 0)
		error = copyin(arg, &id, sizeof(id));
	if (error != 0)
		return -error;
	mutex_enter(&proctree_lock);
	s = tty_mine(tp);
	pg = id > 0 ? pgrp_find(id) : NULL;
	if (s == NULL)
		error = ENOTTY;
	else if (id < 0)
		error = EINVAL;
	else if (pg == NULL)
		error = ESRCH;
	else if (pg->pg_session != s)
		error = EPERM;
	else
		tp->tt_pgrp = id;
	mutex_exit(&proctree_lock);
	return -error;
}

/*
 * The file.
 */

/*
 * Wait until a read may return: a line; or VMIN bytes, or the time of VTIME.
 * Called and returns with tt_lock held.  EINTR, EAGAIN.
 */
static int
tty_wait(struct tty *tp, struct file *f, size_t want)
{
	const struct abi_termios *t = &tp->tt_ld.ld_t;
	bool nonblock = (file_flags(f) & O_NONBLOCK) != 0;
	uint64_t until = 0, tenths;
	u_int have, before = 0;
	int error;

	for (;;) {
		have = ldisc_ready(&tp->tt_ld);
		if (pty_gone(tp))
			return 0;
		if ((t->c_lflag & ICANON) != 0) {
			if (have > 0)
				return 0;
			until = 0;
		} else {
			if (have >= MIN(MAX(t->c_cc[VMIN], 1), want) ||
			    (have > 0 && nonblock))
				return 0;
			tenths = t->c_cc[VTIME];
			if (t->c_cc[VMIN] == 0 && tenths == 0)
				return 0;
			/* With VMIN the clock starts at each byte. */
			if (tenths != 0 &&
			    (t->c_cc[VMIN] == 0 ? until == 0 : have > before))
				until = md_time_ns() + tenths * 100000000;
			before = have;
		}
		if (nonblock)
			return EAGAIN;
		error = sleep_mutex(&tp->tt_ld, &tp->tt_lock, SLEEP_INTR, until,
		    "ttyin");
		if (error == ETIMEDOUT)
			return 0;
		if (error != 0)
			return error;
	}
}

int
tty_read(struct file *f, struct uio *uio)
{
	struct tty *tp = f->f_data;
	char buf[TTY_IO];
	bool end = false, canon;
	size_t n;
	int error;

	if (uio->ui_resid == 0)
		return 0;
	error = tty_background(tp, SIGTTIN);
	if (error != 0)
		return error;
	mutex_enter(&tp->tt_lock);
	error = tty_wait(tp, f, uio->ui_resid);
	while (error == 0) {
		canon = (tp->tt_ld.ld_t.c_lflag & ICANON) != 0;
		n = ldisc_read(&tp->tt_ld, buf, MIN(sizeof(buf), uio->ui_resid),
		    &end);
		if (n == 0)
			break;
		mutex_exit(&tp->tt_lock);
		wakeup(&tp->tt_session);
		error = uio_move(buf, n, uio);
		mutex_enter(&tp->tt_lock);
		if (uio->ui_resid == 0 || (canon && end))
			break;
	}
	mutex_exit(&tp->tt_lock);
	return error;
}

int
tty_write(struct file *f, struct uio *uio)
{
	struct tty *tp = f->f_data;
	char buf[TTY_IO];
	size_t n;
	int error = 0;

	if ((tp->tt_ld.ld_t.c_lflag & TOSTOP) != 0)
		error = tty_background(tp, SIGTTOU);
	while (uio->ui_resid > 0 && error == 0) {
		n = MIN(sizeof(buf), uio->ui_resid);
		mutex_enter(&tp->tt_lock);
		if (tp->tt_pty != NULL)
			error = pty_room(tp, f, &n);
		mutex_exit(&tp->tt_lock);
		if (error == 0)
			error = uio_move(buf, n, uio);
		if (error != 0)
			break;
		mutex_enter(&tp->tt_lock);
		ldisc_write(&tp->tt_ld, buf, n);
		mutex_exit(&tp->tt_lock);
		if (uio->ui_resid > 0 && sig_pending())
			error = EINTR;
	}
	return error;
}

u_int
tty_poll(struct file *f)
{
	struct tty *tp = f->f_data;
	const struct abi_termios *t = &tp->tt_ld.ld_t;
	u_int events = 0, have, want = 1;

	mutex_enter(&tp->tt_lock);
	have = ldisc_ready(&tp->tt_ld);
	if ((t->c_lflag & ICANON) == 0 && t->c_cc[VTIME] == 0)
		want = MAX(t->c_cc[VMIN], 1);
	if (tp->tt_pty == NULL || pty_writable(tp))
		events |= POLLOUT | POLLWRNORM;
	if (pty_gone(tp))
		events |= POLLHUP | POLLIN | POLLOUT;
	mutex_exit(&tp->tt_lock);
	if (have >= want)
		events |= POLLIN | POLLRDNORM;
	return events;
}

static long
tty_set_modes(struct tty *tp, u_long cmd, uintptr_t arg)
{
	struct abi_termios t;
	int error;

	error = tty_background(tp, SIGTTOU);
	if (error == 0)
		error = copyin(arg, &t, sizeof(t));
	if (error != 0)
		return -error;
	mutex_enter(&tp->tt_lock);
	if (cmd == TCSETSF)
		ldisc_flush(&tp->tt_ld);
	ldisc_set(&tp->tt_ld, &t);
	mutex_exit(&tp->tt_lock);
	wakeup(&tp->tt_session);
	wakeup(&tp->tt_ld);
	poll_notify();
	return 0;
}

static long
tty_set_size(struct tty *tp, uintptr_t arg)
{
	struct abi_winsize ws;
	bool changed;
	int error;

	error = copyin(arg, &ws, sizeof(ws));
	if (error != 0)
		return -error;
	mutex_enter(&tp->tt_lock);
	changed = memcmp(&ws, &tp->tt_size, sizeof(ws)) != 0;
	tp->tt_size = ws;
	mutex_exit(&tp->tt_lock);
	if (changed)
		tty_signal(tp, SIGWINCH);
	return 0;
}

static long
tty_flush(struct tty *tp, uintptr_t queue)
{
	if (queue > 2)
		return -EINVAL;
	if (queue == 1) /* TCOFLUSH: output is never queued */
		return 0;
	mutex_enter(&tp->tt_lock);
	ldisc_flush(&tp->tt_ld);
	mutex_exit(&tp->tt_lock);
	wakeup(&tp->tt_session);
	return 0;
}

long
tty_command(struct tty *tp, u_long cmd, uintptr_t arg)
{
	struct abi_termios t;
	struct abi_winsize ws;

	switch (cmd) {
	case TCGETS:
		mutex_enter(&tp->tt_lock);
		t = tp->tt_ld.ld_t;
		mutex_exit(&tp->tt_lock);
		return -copyout(&t, arg, sizeof(t));
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return tty_set_modes(tp, cmd, arg);
	case TIOCGWINSZ:
		mutex_enter(&tp->tt_lock);
		ws = tp->tt_size;
		mutex_exit(&tp->tt_lock);
		return -copyout(&ws, arg, sizeof(ws));
	case TIOCSWINSZ:
		return tty_set_size(tp, arg);
	case TCFLSH:
		return tty_flush(tp, arg);
	case TCSBRK: /* drained already; a break cannot be sent */
		return 0;
	case TIOCGPGRP:
	case TIOCGSID:
		return tty_get_id(tp, cmd, arg, true);
	default:
		return -ENOTTY;
	}
}

long
tty_ioctl(struct file *f, u_long cmd, uintptr_t arg)
{
	struct tty *tp = f->f_data;
	int32_t n = 0;

	if (pty_gone(tp))
		return -EIO;
	switch (cmd) {
	case TIOCGPGRP:
	case TIOCGSID:
		return tty_get_id(tp, cmd, arg, false);
	case TIOCSPGRP:
		return tty_set_pgrp(tp, arg);
	case TIOCSCTTY:
		return -tty_acquire(tp, arg == 1);
	case TIOCNOTTY:
		return -tty_notty(tp);
	case FIONREAD:
		mutex_enter(&tp->tt_lock);
		n = (int32_t)ldisc_ready(&tp->tt_ld);
		mutex_exit(&tp->tt_lock);
		/* FALLTHROUGH */
	case TIOCOUTQ:
		return -copyout(&n, arg, sizeof(n));
	default:
		return tty_command(tp, cmd, arg);
	}
}

static const struct fileops console_ops = {
    .fop_read = tty_read,
    .fop_write = tty_write,
    .fop_poll = tty_poll,
    .fop_ioctl = tty_ioctl,
};

void
console_open(struct file *f)
{
	f->f_data = &console;
	f->f_ops = &console_ops;
}

int
tty_open_own(struct file *f)
{
	struct pgrp *pg;
	struct tty *tp;

	mutex_enter(&proctree_lock);
	pg = curproc()->ps_pgrp;
	tp = pg == NULL ? NULL : tty_of(pg->pg_session);
	mutex_exit(&proctree_lock);
	if (tp == NULL)
		return ENXIO;
	if (tp->tt_pty != NULL)
		return pts_reopen(tp, f);
	console_open(f);
	return 0;
}
