/*
 * tty.c: the terminal, which is the console.
 *
 * Bytes arrive by interrupt and go into a small ring; a thread takes them
 * from there through the line discipline, because echo and signals to the
 * foreground group need locks that interrupts must not take.  When the ring
 * is full the port keeps its bytes and is told when there is room again: none
 * is lost.
 *
 * Sleepers: readers on tt_ld, the thread on tt_raw (no input) or tt_session
 * (no room in the line discipline).
 *
 * Protection:
 *	r	tt_rawlock, taken with interrupts off
 *	l	tt_lock
 *	T	the process tree lock
 */
#include <fs/file.h>

#include <sys/errno.h>
#include <port/machdep.h>
#include <base/print.h>
#include <fs/init.h>
#include <fs/ldisc.h>

#define RAW_SIZE 1024u
#define TTY_IO   256 /* bytes moved at a time */

static struct tty {
	struct spin tt_rawlock;     /* RANK_TTY */
	u_char tt_raw[RAW_SIZE];    /* [r] */
	u_int tt_rawhead;           /* [r] taken out so far */
	u_int tt_rawtail;           /* [r] put in so far */
	bool tt_held;               /* [r] the port has more */
	struct mutex tt_lock;       /* RANK_VNODE */
	struct ldisc tt_ld;         /* [l] */
	struct abi_winsize tt_size; /* [l] */
	pid_t tt_session;           /* [T] whose terminal it is; 0: nobody's */
	pid_t tt_pgrp;              /* [T] foreground group */
} tty;

/*
 * Input.
 */

/* Interrupt context: take what fits; the number of bytes. */
static size_t
tty_input(const char *s, size_t len)
{
	size_t n;

	spin_enter(&tty.tt_rawlock);
	for (n = 0; n < len && tty.tt_rawtail - tty.tt_rawhead < RAW_SIZE; n++)
		tty.tt_raw[tty.tt_rawtail++ % RAW_SIZE] = (u_char)s[n];
	if (n < len)
		tty.tt_held = true;
	spin_exit(&tty.tt_rawlock);
	if (n > 0)
		wakeup(tty.tt_raw);
	return n;
}

/* Wait for raw bytes and take up to size of them. */
static size_t
tty_take(u_char *buf, size_t size)
{
	bool resume;
	size_t n;

	spin_enter(&tty.tt_rawlock);
	while (tty.tt_rawhead == tty.tt_rawtail)
		(void)sleep_spin(tty.tt_raw, &tty.tt_rawlock, 0, 0, "ttyraw");
	for (n = 0; n < size && tty.tt_rawhead != tty.tt_rawtail; n++)
		buf[n] = tty.tt_raw[tty.tt_rawhead++ % RAW_SIZE];
	resume = tty.tt_held;
	tty.tt_held = false;
	spin_exit(&tty.tt_rawlock);
	if (resume)
		md_console_resume();
	return n;
}

static void
tty_signal(int sig)
{
	mutex_enter(&proctree_lock);
	if (tty.tt_pgrp != 0)
		sig_pgrp(tty.tt_pgrp, sig);
	mutex_exit(&proctree_lock);
}

/*
 * Bytes through the line discipline, which may have to wait for room, up to
 * the first that asks for a signal; how many were taken.
 */
static size_t
tty_bytes(const u_char *s, size_t len, int *sigp)
{
	size_t n = 0;
	int what;

	*sigp = 0;
	mutex_enter(&tty.tt_lock);
	while (n < len && *sigp == 0) {
		what = ldisc_input(&tty.tt_ld, s[n]);
		if (what != LD_FULL) {
			*sigp = what;
			n++;
			continue;
		}
		wakeup(&tty.tt_ld);
		poll_notify();
		(void)sleep_mutex(&tty.tt_session, &tty.tt_lock, 0, 0,
		    "ttyroom");
	}
	mutex_exit(&tty.tt_lock);
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
			done += tty_bytes(buf + done, n - done, &sig);
			if (sig != 0)
				tty_signal(sig);
		}
		wakeup(&tty.tt_ld);
		poll_notify();
	}
}

/*
 * "console=raw" on the command line: what arrives before a program has chosen
 * its modes is data, not typed, and is neither echoed nor edited.
 */
static void
tty_raw(void)
{
	struct abi_termios t = tty.tt_ld.ld_t;

	t.c_iflag = t.c_oflag = t.c_lflag = 0;
	ldisc_set(&tty.tt_ld, &t);
}

void
tty_init(void)
{
	const char *console = kern_param("console");
	int error;

	spin_init(&tty.tt_rawlock, RANK_TTY);
	mutex_init(&tty.tt_lock, RANK_VNODE);
	ldisc_init(&tty.tt_ld, md_console_write);
	if (console != NULL && strcmp(console, "raw") == 0)
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
tty_background(int sig)
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
	if (pg != NULL && pg->pg_session->s_tty &&
	    pg->pg_session->s_id == tty.tt_session &&
	    pg->pg_id != tty.tt_pgrp) {
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
tty_mine(void)
{
	struct pgrp *pg = curproc()->ps_pgrp;

	KASSERT(mutex_held(&proctree_lock));
	if (pg == NULL || !pg->pg_session->s_tty ||
	    pg->pg_session->s_id != tty.tt_session)
		return NULL;
	return pg->pg_session;
}

pid_t
tty_foreground(const struct session *s)
{
	KASSERT(mutex_held(&proctree_lock));
	return s->s_tty && s->s_id == tty.tt_session ? tty.tt_pgrp : 0;
}

static int
tty_acquire(bool steal)
{
	struct proc *p = curproc();
	struct pgrp *pg;
	int error = EPERM;

	mutex_enter(&proctree_lock);
	pg = p->ps_pgrp;
	if (pg != NULL && tty_mine() != NULL)
		error = 0;
	else if (pg != NULL && pg->pg_session->s_id == p->ps_pid &&
		 !pg->pg_session->s_tty &&
		 (tty.tt_session == 0 || (steal && cred_is_root()))) {
		/* The old owner finds out by tt_session being another. */
		pg->pg_session->s_tty = true;
		tty.tt_session = pg->pg_session->s_id;
		tty.tt_pgrp = pg->pg_id;
		error = 0;
	}
	mutex_exit(&proctree_lock);
	return error;
}

/* The leader of a session gives its terminal up.  T held. */
static void
tty_release(struct session *s)
{
	pid_t pgid = tty.tt_pgrp;

	s->s_tty = false;
	tty.tt_session = tty.tt_pgrp = 0;
	if (pgid != 0) {
		sig_pgrp(pgid, SIGHUP);
		sig_pgrp(pgid, SIGCONT);
	}
}

void
tty_leader_exit(struct proc *p)
{
	struct session *s;

	if (!p->ps_leads)
		return;
	mutex_enter(&proctree_lock);
	s = p->ps_pgrp == NULL ? NULL : p->ps_pgrp->pg_session;
	if (s != NULL && s->s_id == p->ps_pid && s->s_tty &&
	    s->s_id == tty.tt_session)
		tty_release(s);
	mutex_exit(&proctree_lock);
}

static int
tty_notty(void)
{
	struct session *s;
	int error = ENOTTY;

	mutex_enter(&proctree_lock);
	s = tty_mine();
	if (s != NULL) {
		error = 0;
		if (s->s_id == curproc()->ps_pid)
			tty_release(s);
	}
	mutex_exit(&proctree_lock);
	return error;
}

/* TIOCGPGRP and TIOCGSID. */
static long
tty_get_id(u_long cmd, uintptr_t arg)
{
	int32_t id = 0;

	mutex_enter(&proctree_lock);
	if (tty_mine() != NULL)
		id = cmd == TIOCGSID ? tty.tt_session : tty.tt_pgrp;
	mutex_exit(&proctree_lock);
	return id == 0 ? -ENOTTY : -copyout(&id, arg, sizeof(id));
}

static long
tty_set_pgrp(uintptr_t arg)
{
	struct session *s;
	struct pgrp *pg;
	int32_t id;
	int error;

	error = tty_background(SIGTTOU);
	if (error == 0)
		error = copyin(arg, &id, sizeof(id));
	if (error != 0)
		return -error;
	mutex_enter(&proctree_lock);
	s = tty_mine();
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
		tty.tt_pgrp = id;
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
tty_wait(struct file *f, size_t want)
{
	const struct abi_termios *t = &tty.tt_ld.ld_t;
	bool nonblock = (file_flags(f) & O_NONBLOCK) != 0;
	uint64_t until = 0, tenths;
	u_int have, before = 0;
	int error;

	for (;;) {
		have = ldisc_ready(&tty.tt_ld);
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
		error = sleep_mutex(&tty.tt_ld, &tty.tt_lock, SLEEP_INTR, until,
		    "ttyin");
		if (error == ETIMEDOUT)
			return 0;
		if (error != 0)
			return error;
	}
}

static int
tty_read(struct file *f, struct uio *uio)
{
	char buf[TTY_IO];
	bool end = false, canon;
	size_t n;
	int error;

	if (uio->ui_resid == 0)
		return 0;
	error = tty_background(SIGTTIN);
	if (error != 0)
		return error;
	mutex_enter(&tty.tt_lock);
	error = tty_wait(f, uio->ui_resid);
	while (error == 0) {
		canon = (tty.tt_ld.ld_t.c_lflag & ICANON) != 0;
		n = ldisc_read(&tty.tt_ld, buf, MIN(sizeof(buf), uio->ui_resid),
		    &end);
		if (n == 0)
			break;
		mutex_exit(&tty.tt_lock);
		wakeup(&tty.tt_session);
		error = uio_move(buf, n, uio);
		mutex_enter(&tty.tt_lock);
		if (uio->ui_resid == 0 || (canon && end))
			break;
	}
	mutex_exit(&tty.tt_lock);
	return error;
}

static int
tty_write(struct file *f, struct uio *uio)
{
	char buf[TTY_IO];
	size_t n;
	int error = 0;

	(void)f;
	if ((tty.tt_ld.ld_t.c_lflag & TOSTOP) != 0)
		error = tty_background(SIGTTOU);
	while (uio->ui_resid > 0 && error == 0) {
		n = MIN(sizeof(buf), uio->ui_resid);
		error = uio_move(buf, n, uio);
		if (error != 0)
			break;
		mutex_enter(&tty.tt_lock);
		ldisc_write(&tty.tt_ld, buf, n);
		mutex_exit(&tty.tt_lock);
		if (uio->ui_resid > 0 && sig_pending())
			error = EINTR;
	}
	return error;
}

static u_int
tty_poll(struct file *f)
{
	const struct abi_termios *t = &tty.tt_ld.ld_t;
	u_int events = POLLOUT | POLLWRNORM, have, want = 1;

	(void)f;
	mutex_enter(&tty.tt_lock);
	have = ldisc_ready(&tty.tt_ld);
	if ((t->c_lflag & ICANON) == 0 && t->c_cc[VTIME] == 0)
		want = MAX(t->c_cc[VMIN], 1);
	mutex_exit(&tty.tt_lock);
	if (have >= want)
		events |= POLLIN | POLLRDNORM;
	return events;
}

static long
tty_set_modes(u_long cmd, uintptr_t arg)
{
	struct abi_termios t;
	int error;

	error = tty_background(SIGTTOU);
	if (error == 0)
		error = copyin(arg, &t, sizeof(t));
	if (error != 0)
		return -error;
	mutex_enter(&tty.tt_lock);
	if (cmd == TCSETSF)
		ldisc_flush(&tty.tt_ld);
	ldisc_set(&tty.tt_ld, &t);
	mutex_exit(&tty.tt_lock);
	wakeup(&tty.tt_session);
	wakeup(&tty.tt_ld);
	poll_notify();
	return 0;
}

static long
tty_set_size(uintptr_t arg)
{
	struct abi_winsize ws;
	bool changed;
	int error;

	error = copyin(arg, &ws, sizeof(ws));
	if (error != 0)
		return -error;
	mutex_enter(&tty.tt_lock);
	changed = memcmp(&ws, &tty.tt_size, sizeof(ws)) != 0;
	tty.tt_size = ws;
	mutex_exit(&tty.tt_lock);
	if (changed)
		tty_signal(SIGWINCH);
	return 0;
}

static long
tty_flush(uintptr_t queue)
{
	if (queue > 2)
		return -EINVAL;
	if (queue == 1) /* TCOFLUSH: output is never queued */
		return 0;
	mutex_enter(&tty.tt_lock);
	ldisc_flush(&tty.tt_ld);
	mutex_exit(&tty.tt_lock);
	wakeup(&tty.tt_session);
	return 0;
}

static long
tty_ioctl(struct file *f, u_long cmd, uintptr_t arg)
{
	struct abi_termios t;
	struct abi_winsize ws;
	int32_t n = 0;

	(void)f;
	switch (cmd) {
	case TCGETS:
		mutex_enter(&tty.tt_lock);
		t = tty.tt_ld.ld_t;
		mutex_exit(&tty.tt_lock);
		return -copyout(&t, arg, sizeof(t));
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return tty_set_modes(cmd, arg);
	case TIOCGWINSZ:
		mutex_enter(&tty.tt_lock);
		ws = tty.tt_size;
		mutex_exit(&tty.tt_lock);
		return -copyout(&ws, arg, sizeof(ws));
	case TIOCSWINSZ:
		return tty_set_size(arg);
	case TIOCGPGRP:
	case TIOCGSID:
		return tty_get_id(cmd, arg);
	case TIOCSPGRP:
		return tty_set_pgrp(arg);
	case TIOCSCTTY:
		return -tty_acquire(arg == 1);
	case TIOCNOTTY:
		return -tty_notty();
	case FIONREAD:
		mutex_enter(&tty.tt_lock);
		n = (int32_t)ldisc_ready(&tty.tt_ld);
		mutex_exit(&tty.tt_lock);
		/* FALLTHROUGH */
	case TIOCOUTQ:
		return -copyout(&n, arg, sizeof(n));
	case TCFLSH:
		return tty_flush(arg);
	case TCSBRK: /* drained already; a break cannot be sent */
		return 0;
	default:
		return -ENOTTY;
	}
}

const struct fileops tty_ops = {
    .fop_read = tty_read,
    .fop_write = tty_write,
    .fop_poll = tty_poll,
    .fop_ioctl = tty_ioctl,
};

int
tty_open_own(void)
{
	bool mine;

	mutex_enter(&proctree_lock);
	mine = tty_mine() != NULL;
	mutex_exit(&proctree_lock);
	return mine ? 0 : ENXIO;
}
