/*
 * socket.c: local stream sockets.  Two that are connected are two pipes.
 *
 * There is no network.  Names and how they lead to a connection are in
 * sockname.c.
 *
 * A socket file holds the reading end of one pipe and the writing end of the
 * other.  Those are files of their own that no descriptor names, so that
 * closing, waiting, EOF and EPIPE are the pipe's.
 *
 * Descriptors that pass (SCM_RIGHTS, unix(7)) wait in a queue beside the pipe,
 * each lot with the number of the byte that it came with: it goes to whoever
 * gets that byte by recvmsg(), and is closed when read() gets it.  Sockets do
 * not pass: one that waits in itself would never be closed.
 */
#include "socket.h"

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <kern/syscalls.h>
#include <fs/init.h>

#define SHUT_IN  1u
#define SHUT_OUT 2u

/* Files on their way with a message that is the bytes [r_at, r_end) of a line. */
struct rights {
	TAILQ_ENTRY(rights) r_link;
	uint64_t r_at, r_end;
	u_int r_n;
	struct file *r_file[]; /* referenced */
};
TAILQ_HEAD(rightsq, rights);

/*
 * One direction.
 *
 * Protection:
 *	a	C11 atomic
 *	l	ln_lock, RANK_FS
 */
struct line {
	refcount_t ln_refs; /* [a] */
	struct spin ln_lock;
	uint64_t ln_sent;         /* [l] bytes */
	uint64_t ln_received;     /* [l] */
	u_int ln_nrights;         /* [l] */
	struct rightsq ln_rights; /* [l] in the order of r_at */
};
#define LINE_MAXRIGHTS 64u
#define SCM_MAX_FD     253u

#define MSG_CTRUNC       0x8u
#define MSG_DONTWAIT     0x40u
#define MSG_WAITALL      0x100u
#define MSG_NOSIGNAL     0x4000u
#define MSG_CMSG_CLOEXEC 0x40000000u

static const struct fileops sock_ops;

static void
rights_free(struct rights *r)
{
	u_int i;

	for (i = 0; i < r->r_n; i++)
		file_rele(r->r_file[i]);
	kmem_free(r, sizeof(*r) + r->r_n * sizeof(r->r_file[0]));
}

static struct line *
line_new(void)
{
	struct line *ln;

	ln = kmem_alloc(sizeof(*ln), PA_ZERO);
	if (ln == NULL)
		return NULL;
	refcount_init(&ln->ln_refs, 2);
	spin_init(&ln->ln_lock, RANK_FS);
	TAILQ_INIT(&ln->ln_rights);
	return ln;
}

static void
line_rele(struct line *ln)
{
	struct rights *r;

	if (!refcount_release(&ln->ln_refs))
		return;
	while ((r = TAILQ_FIRST(&ln->ln_rights)) != NULL) {
		TAILQ_REMOVE(&ln->ln_rights, r, r_link);
		rights_free(r);
	}
	kmem_free(ln, sizeof(*ln));
}

/* n bytes have come; what came with them, but the first lot if it is wanted,
 * is closed. */
static struct rights *
line_received(struct line *ln, size_t n, bool want)
{
	struct rightsq gone = TAILQ_HEAD_INITIALIZER(gone);
	struct rights *r, *first = NULL;

	spin_enter(&ln->ln_lock);
	ln->ln_received += n;
	while ((r = TAILQ_FIRST(&ln->ln_rights)) != NULL &&
	       r->r_at < ln->ln_received) {
		TAILQ_REMOVE(&ln->ln_rights, r, r_link);
		ln->ln_nrights--;
		if (want && first == NULL)
			first = r;
		else
			TAILQ_INSERT_TAIL(&gone, r, r_link);
	}
	spin_exit(&ln->ln_lock);
	while ((r = TAILQ_FIRST(&gone)) != NULL) {
		TAILQ_REMOVE(&gone, r, r_link);
		rights_free(r);
	}
	return first;
}

/* How many bytes one recvmsg() may get: to the end of the next lot's message. */
static uint64_t
line_limit(struct line *ln)
{
	uint64_t limit = UINT64_MAX;
	struct rights *r;

	spin_enter(&ln->ln_lock);
	r = TAILQ_FIRST(&ln->ln_rights);
	if (r != NULL && r->r_end > ln->ln_received)
		limit = r->r_end - ln->ln_received;
	spin_exit(&ln->ln_lock);
	return limit;
}

/* r goes with the next len bytes.  ETOOMANYREFS. */
static int
line_attach(struct line *ln, struct rights *r, size_t len)
{
	bool full;

	spin_enter(&ln->ln_lock);
	full = ln->ln_nrights >= LINE_MAXRIGHTS;
	if (!full) {
		r->r_at = ln->ln_sent;
		r->r_end = r->r_at + len;
		TAILQ_INSERT_TAIL(&ln->ln_rights, r, r_link);
		ln->ln_nrights++;
	}
	spin_exit(&ln->ln_lock);
	return full ? ETOOMANYREFS : 0;
}

/* Nothing was sent: take r back, unless somebody else's byte took it along. */
static bool
line_detach(struct line *ln, struct rights *r)
{
	struct rights *q;

	spin_enter(&ln->ln_lock);
	TAILQ_FOREACH(q, &ln->ln_rights, r_link)
		if (q == r)
			break;
	if (q != NULL) {
		TAILQ_REMOVE(&ln->ln_rights, q, r_link);
		ln->ln_nrights--;
	}
	spin_exit(&ln->ln_lock);
	return q != NULL;
}

/* Have the end do as the socket: nonblocking is looked up in the former. */
static void
set_nonblock(struct file *end, bool on)
{
	if (on)
		atomic_fetch_or_explicit(&end->f_flags, O_NONBLOCK,
		    memory_order_relaxed);
	else
		atomic_fetch_and_explicit(&end->f_flags, ~O_NONBLOCK,
		    memory_order_relaxed);
}

/* Read, and have what came along, if rp is not NULL. */
static int
sock_receive(struct file *f, struct uio *uio, struct rights **rp)
{
	struct sock *so = f->f_data;
	size_t before = uio->ui_resid;
	struct rights *r;
	int error;

	if (sock_state(so) != SO_CONNECTED)
		return EINVAL;
	if ((atomic_load_explicit(&so->so_shut, memory_order_relaxed) &
		SHUT_IN) != 0)
		return 0;
	set_nonblock(so->so_in, (file_flags(f) & O_NONBLOCK) != 0);
	error = so->so_in->f_ops->fop_read(so->so_in, uio);
	r = line_received(so->so_rx, before - uio->ui_resid, rp != NULL);
	if (rp != NULL)
		*rp = r;
	return error;
}

static int
sock_read(struct file *f, struct uio *uio)
{
	return sock_receive(f, uio, NULL);
}

static int
sock_write(struct file *f, struct uio *uio)
{
	struct sock *so = f->f_data;
	size_t before = uio->ui_resid;
	int error;

	if (sock_state(so) != SO_CONNECTED)
		return ENOTCONN;
	if ((atomic_load_explicit(&so->so_shut, memory_order_relaxed) &
		SHUT_OUT) != 0) {
		sig_post_simple(curproc(), SIGPIPE, SI_KERNEL);
		return EPIPE;
	}
	set_nonblock(so->so_out, (file_flags(f) & O_NONBLOCK) != 0);
	error = so->so_out->f_ops->fop_write(so->so_out, uio);
	spin_enter(&so->so_tx->ln_lock);
	so->so_tx->ln_sent += before - uio->ui_resid;
	spin_exit(&so->so_tx->ln_lock);
	return error;
}

static u_int
sock_poll(struct file *f)
{
	struct sock *so = f->f_data;
	u_int in, out, events;

	if (sock_state(so) == SO_LISTENING)
		return sock_acceptable(so) ? POLLIN | POLLRDNORM : 0;
	if (sock_state(so) != SO_CONNECTED)
		return POLLOUT | POLLWRNORM | POLLHUP;
	in = so->so_in->f_ops->fop_poll(so->so_in);
	out = so->so_out->f_ops->fop_poll(so->so_out);
	events = (in & (POLLIN | POLLRDNORM)) | (out & (POLLOUT | POLLWRNORM));
	if ((in & POLLHUP) != 0)
		events |= POLLIN | POLLRDNORM | POLLRDHUP;
	if ((in & POLLHUP) != 0 && (out & POLLERR) != 0)
		events |= POLLHUP;
	return events;
}

static long
sock_ioctl(struct file *f, u_long cmd, uintptr_t arg)
{
	struct sock *so = f->f_data;

	if (sock_state(so) != SO_CONNECTED)
		return -EINVAL;
	return so->so_in->f_ops->fop_ioctl(so->so_in, cmd, arg);
}

static void
sock_close(struct file *f)
{
	struct sock *so = f->f_data;

	sock_unbind(so);
	sock_ends_rele(so);
	kmem_free(so, sizeof(*so));
}

static const struct fileops sock_ops = {
    .fop_read = sock_read,
    .fop_write = sock_write,
    .fop_poll = sock_poll,
    .fop_ioctl = sock_ioctl,
    .fop_close = sock_close,
};

void
sock_ends_rele(const struct sock *so)
{
	if (so->so_in == NULL)
		return;
	file_rele(so->so_in);
	file_rele(so->so_out);
	line_rele(so->so_rx);
	line_rele(so->so_tx);
}

struct sockcred
sock_me(void)
{
	const struct proc *p = curproc();

	return (
	    struct sockcred){p->ps_pid, p->ps_cred.cr_euid, p->ps_cred.cr_egid};
}

int
sock_new(const struct sock *like, u_int flags, struct file **fp)
{
	struct sock *so;
	int error = ENOMEM;

	so = kmem_alloc(sizeof(*so), 0);
	if (so != NULL)
		error = file_anon("socket:[unix]", S_IFSOCK | 0777,
		    O_RDWR | flags, fp);
	if (error != 0) {
		if (so != NULL)
			kmem_free(so, sizeof(*so));
		sock_ends_rele(like);
		return error;
	}
	memcpy(so, like, sizeof(*so));
	TAILQ_INIT(&so->so_waiting);
	so->so_name.sn_family = so->so_peer.sn_family = AF_UNIX;
	so->so_name.sn_len = so->so_peer.sn_len = SOCKNAME_NONE;
	if (so->so_in != NULL)
		atomic_init(&so->so_state, SO_CONNECTED);
	(*fp)->f_data = so;
	(*fp)->f_ops = &sock_ops;
	return 0;
}

/* One direction: a pipe and a line, the ends of which are two sockets'. */
static int
direction_new(struct sock *from, struct sock *to)
{
	int error;

	from->so_tx = to->so_rx = line_new();
	if (from->so_tx == NULL)
		return ENOMEM;
	error = pipe_new(&to->so_in, &from->so_out);
	if (error != 0) {
		line_rele(from->so_tx);
		line_rele(to->so_rx);
	}
	return error;
}

int
sock_ends(struct sock *a, struct sock *b)
{
	int error;

	error = direction_new(a, b);
	if (error != 0)
		return error;
	error = direction_new(b, a);
	if (error != 0) {
		file_rele(a->so_out);
		file_rele(b->so_in);
		line_rele(a->so_tx);
		line_rele(b->so_rx);
	}
	return error;
}

/* The two files of a pair. */
static int
pair_new(u_int flags, struct file *pair[2])
{
	struct sock a = {0}, b = {0};
	int error;

	error = sock_ends(&a, &b);
	if (error != 0)
		return error;
	a.so_cred = b.so_cred = sock_me();
	error = sock_new(&a, flags, &pair[0]);
	if (error != 0) {
		sock_ends_rele(&b);
		return error;
	}
	error = sock_new(&b, flags, &pair[1]);
	if (error != 0)
		file_rele(pair[0]);
	return error;
}

/* Whether there is such a kind of socket: a[] is family, type, protocol. */
static int
kind(const uintptr_t *a)
{
	u_int type = (u_int)a[1] & ~(O_NONBLOCK | O_CLOEXEC);

	if ((int)a[0] != AF_UNIX)
		return EAFNOSUPPORT;
	if (type > SOCK_PACKET)
		return EINVAL;
	if (type != SOCK_STREAM)
		return ESOCKTNOSUPPORT;
	return (int)a[2] != 0 && (int)a[2] != AF_UNIX ? EPROTONOSUPPORT : 0;
}

/* socket(family, type, protocol) */
long
sys_socket(const uintptr_t *a)
{
	static const struct sock none;
	u_int flags = (u_int)a[1] & (O_NONBLOCK | O_CLOEXEC);
	struct file *f;
	int error;

	error = kind(a);
	if (error == 0)
		error = sock_new(&none, flags & O_NONBLOCK, &f);
	if (error != 0)
		return -error;
	return fd_install(f, 0, (flags & O_CLOEXEC) != 0);
}

/* socketpair(family, type, protocol, fds) */
long
sys_socketpair(const uintptr_t *a)
{
	u_int flags = (u_int)a[1] & (O_NONBLOCK | O_CLOEXEC);
	bool cloexec = (flags & O_CLOEXEC) != 0;
	struct file *pair[2];
	int32_t fds[2];
	uintptr_t arg;
	long fd;
	int error;

	error = kind(a);
	if (error != 0)
		return (int)a[0] == AF_INET ? -EOPNOTSUPP : -error;
	error = pair_new(flags & O_NONBLOCK, pair);
	if (error != 0)
		return -error;
	fd = fd_install(pair[0], 0, cloexec);
	if (fd < 0) {
		file_rele(pair[1]);
		return fd;
	}
	fds[0] = (int32_t)fd;
	fd = fd_install(pair[1], 0, cloexec);
	if (fd >= 0) {
		fds[1] = (int32_t)fd;
		error = copyout(fds, a[3], sizeof(fds));
		if (error == 0)
			return 0;
		arg = (uintptr_t)fd;
		(void)sys_close(&arg);
		fd = -error;
	}
	arg = (uintptr_t)fds[0];
	(void)sys_close(&arg);
	return fd;
}

int
sock_file(int fd, struct file **fp)
{
	int error;

	error = fd_get(fd, fp);
	if (error == 0 && (*fp)->f_ops != &sock_ops) {
		file_rele(*fp);
		error = ENOTSOCK;
	}
	return error;
}

/*
 * Move as one message: send() and recv() and what is made of them.  Not
 * waiting is a matter of one call here: the end's own flag says it, which
 * another call may change meanwhile, so what MSG_DONTWAIT promises is kept by
 * looking first.  rp: rights to send (NULL: none), or where to put them.
 */
static int
move(struct file *f, struct uio *uio, u_int flags, struct rights **rp)
{
	u_int ready = uio->ui_write ? POLLOUT : POLLIN;
	const u_int ok = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_CMSG_CLOEXEC |
			 (uio->ui_write ? 0 : MSG_WAITALL);
	size_t before;
	int error;

	if ((flags & ~ok) != 0)
		return EOPNOTSUPP;
	if (sock_state(f->f_data) != SO_CONNECTED)
		return uio->ui_write ? ENOTCONN : EINVAL;
	if ((flags & MSG_DONTWAIT) != 0 &&
	    (sock_poll(f) & (ready | POLLHUP)) == 0)
		return EAGAIN;
	if (uio->ui_write)
		return (flags & MSG_NOSIGNAL) != 0 &&
			       (sock_poll(f) & POLLHUP) != 0
			   ? EPIPE
			   : sock_write(f, uio);
	do {
		before = uio->ui_resid;
		error = sock_receive(f, uio, rp);
	} while ((flags & MSG_WAITALL) != 0 && error == 0 &&
		 (rp == NULL || *rp == NULL) && uio->ui_resid > 0 &&
		 uio->ui_resid < before);
	return error;
}

static long
transfer(const uintptr_t *a, bool write)
{
	struct abi_iovec iov = {a[1], MIN(a[2], IO_MAX)};
	struct uio uio = {.ui_iov = &iov,
	    .ui_niov = 1,
	    .ui_resid = iov.iov_len,
	    .ui_write = write};
	size_t total = iov.iov_len;
	struct file *f;
	int error;

	error = sock_file((int)a[0], &f);
	if (error != 0)
		return -error;
	if (write && a[4] != 0)
		error = EISCONN;
	else
		error = move(f, &uio, (u_int)a[3], NULL);
	file_rele(f);
	if (total != uio.ui_resid)
		return (long)(total - uio.ui_resid);
	return -restart(error);
}

long
sys_sendto(const uintptr_t *a)
{
	return transfer(a, true);
}

long
sys_recvfrom(const uintptr_t *a)
{
	return transfer(a, false);
}

/*
 * Messages.
 */

struct abi_msghdr {
	uint64_t msg_name;
	uint32_t msg_namelen, msg_pad1;
	uint64_t msg_iov, msg_iovlen;
	uint64_t msg_control, msg_controllen;
	uint32_t msg_flags, msg_pad2;
};

struct abi_cmsghdr {
	uint64_t cmsg_len; /* with the header */
	int32_t cmsg_level, cmsg_type;
};
#define CMSG_MAX   4096u /* bytes of control */
#define SCM_RIGHTS 1

/* Add the files that n numbers at fds name to *rp, which grows. */
static int
rights_add(struct rights **rp, const int32_t *fds, u_int n)
{
	u_int old = *rp == NULL ? 0 : (*rp)->r_n;
	struct rights *r;
	int error = 0;

	if (old + n > SCM_MAX_FD)
		return EINVAL;
	r = kmem_alloc(sizeof(*r) + (old + n) * sizeof(r->r_file[0]), 0);
	if (r == NULL)
		return ENOMEM;
	for (r->r_n = 0; r->r_n < old; r->r_n++)
		r->r_file[r->r_n] = (*rp)->r_file[r->r_n];
	if (*rp != NULL)
		kmem_free(*rp, sizeof(*r) + old * sizeof(r->r_file[0]));
	*rp = r;
	for (; r->r_n < old + n && error == 0; r->r_n++) {
		error = fd_get_any(fds[r->r_n - old], &r->r_file[r->r_n]);
		if (error == 0 && r->r_file[r->r_n]->f_ops == &sock_ops) {
			file_rele(r->r_file[r->r_n]);
			error = ETOOMANYREFS;
		}
		if (error != 0)
			break;
	}
	if (error == 0)
		return 0;
	/* Its size is known by r_n: bring it to that. */
	while (r->r_n > 0)
		file_rele(r->r_file[--r->r_n]);
	kmem_free(r, sizeof(*r) + (old + n) * sizeof(r->r_file[0]));
	*rp = NULL;
	return error;
}

/* What the control part of a message sends: *rp, NULL: nothing. */
static int
rights_get(const struct abi_msghdr *mh, struct rights **rp)
{
	struct abi_cmsghdr cm;
	size_t len = mh->msg_controllen, off;
	char *buf;
	int error;

	*rp = NULL;
	if (mh->msg_control == 0 || len < sizeof(cm))
		return 0;
	if (len > CMSG_MAX)
		return ENOBUFS;
	buf = kmem_alloc(CMSG_MAX, 0);
	if (buf == NULL)
		return ENOMEM;
	error = copyin(mh->msg_control, buf, len);
	for (off = 0; error == 0 && off + sizeof(cm) <= len;
	     off += (cm.cmsg_len + 7) & ~(size_t)7) {
		memcpy(&cm, buf + off, sizeof(cm));
		if (cm.cmsg_len < sizeof(cm) || cm.cmsg_len > len - off)
			error = EINVAL;
		else if (cm.cmsg_level != SOL_SOCKET)
			continue;
		else if (cm.cmsg_type != SCM_RIGHTS)
			error = EINVAL;
		else
			error = rights_add(rp,
			    (int32_t *)(void *)(buf + off + sizeof(cm)),
			    (u_int)((cm.cmsg_len - sizeof(cm)) /
				    sizeof(int32_t)));
	}
	kmem_free(buf, CMSG_MAX);
	if (error != 0 && *rp != NULL) {
		rights_free(*rp);
		*rp = NULL;
	}
	return error;
}

/* sendmsg(fd, msg, flags) */
long
sys_sendmsg(const uintptr_t *a)
{
	struct abi_msghdr mh;
	struct rights *r = NULL;
	struct line *ln;
	struct uiov ui;
	struct file *f;
	size_t moved = 0;
	int error;

	error = sock_file((int)a[0], &f);
	if (error != 0)
		return -error;
	error = copyin(a[1], &mh, sizeof(mh));
	if (error == 0 && mh.msg_name != 0 && mh.msg_namelen != 0)
		error = EISCONN;
	if (error == 0)
		error = rights_get(&mh, &r);
	if (error == 0)
		error = uio_get(mh.msg_iov, mh.msg_iovlen, true, &ui);
	if (error == EINVAL && mh.msg_iovlen > IOV_MAX)
		error = EMSGSIZE;
	if (error != 0)
		goto out;
	if (sock_state(f->f_data) != SO_CONNECTED) {
		uio_put(&ui);
		error = ENOTCONN;
		goto out;
	}
	ln = ((struct sock *)f->f_data)->so_tx;
	if (r != NULL && ui.ui_total > 0)
		error = line_attach(ln, r, ui.ui_total);
	if (error == 0) {
		error = move(f, &ui.ui_uio, (u_int)a[2], NULL);
		moved = ui.ui_total - ui.ui_uio.ui_resid;
		/* They have gone along, or go nowhere. */
		if (r != NULL && (moved > 0 || !line_detach(ln, r)))
			r = NULL;
	}
	uio_put(&ui);
out:
	if (r != NULL)
		rights_free(r);
	file_rele(f);
	return moved > 0 ? (long)moved : -restart(error);
}

/*
 * Give the caller what came along: descriptors, and their numbers to the
 * control part of mh, as far as there is room.
 */
static int
rights_put(struct rights *r, struct abi_msghdr *mh, bool cloexec)
{
	struct abi_cmsghdr cm = {.cmsg_level = SOL_SOCKET,
	    .cmsg_type = SCM_RIGHTS};
	vaddr_t to = mh->msg_control + sizeof(cm);
	size_t room = 0;
	int32_t fd;
	long got;
	u_int n;

	if (mh->msg_control != 0 && mh->msg_controllen >= sizeof(cm))
		room = (mh->msg_controllen - sizeof(cm)) / sizeof(fd);
	for (n = 0; n < r->r_n && n < room; n++) {
		file_ref(r->r_file[n]);
		got = fd_install(r->r_file[n], 0, cloexec);
		if (got < 0)
			break;
		fd = (int32_t)got;
		if (copyout(&fd, to + n * sizeof(fd), sizeof(fd)) != 0) {
			fs_close(fd);
			return EFAULT;
		}
	}
	if (n < r->r_n)
		mh->msg_flags |= MSG_CTRUNC;
	if (n == 0) {
		mh->msg_controllen = 0;
		return 0;
	}
	cm.cmsg_len = sizeof(cm) + n * sizeof(fd);
	mh->msg_controllen =
	    MIN(mh->msg_controllen, (cm.cmsg_len + 7) & ~(size_t)7);
	return copyout(&cm, mh->msg_control, sizeof(cm));
}

/* recvmsg(fd, msg, flags) */
long
sys_recvmsg(const uintptr_t *a)
{
	struct rights *r = NULL;
	struct abi_msghdr mh;
	struct uiov ui;
	struct file *f;
	size_t limit, got;
	int error;

	error = sock_file((int)a[0], &f);
	if (error != 0)
		return -error;
	error = copyin(a[1], &mh, sizeof(mh));
	if (error == 0)
		error = uio_get(mh.msg_iov, mh.msg_iovlen, false, &ui);
	if (error != 0) {
		file_rele(f);
		return error == EINVAL ? -EMSGSIZE : -error;
	}
	if (sock_state(f->f_data) != SO_CONNECTED) {
		uio_put(&ui);
		file_rele(f);
		return -EINVAL;
	}
	limit = MIN(ui.ui_total, line_limit(((struct sock *)f->f_data)->so_rx));
	ui.ui_uio.ui_resid = limit;
	error = move(f, &ui.ui_uio, (u_int)a[2], &r);
	got = limit - ui.ui_uio.ui_resid;
	uio_put(&ui);
	file_rele(f);
	if (got > 0)
		error = 0;
	mh.msg_namelen = 0;
	mh.msg_flags = (u_int)a[2] & MSG_CMSG_CLOEXEC;
	if (r != NULL) {
		error = rights_put(r, &mh, mh.msg_flags != 0);
		rights_free(r);
	} else
		mh.msg_controllen = 0;
	if (error == 0)
		error = copyout(&mh, a[1], sizeof(mh));
	return error != 0 ? -restart(error) : (long)got;
}

/* shutdown(fd, how): the other side sees EOF, or EPIPE, when both close. */
long
sys_shutdown(const uintptr_t *a)
{
	static const u_int bits[] = {SHUT_IN, SHUT_OUT, SHUT_IN | SHUT_OUT};
	struct sock *so;
	struct file *f;
	u_int old, new;
	int error;

	if (a[1] >= nitems(bits))
		return -EINVAL;
	error = sock_file((int)a[0], &f);
	if (error != 0)
		return -error;
	so = f->f_data;
	if (sock_state(so) != SO_CONNECTED) {
		file_rele(f);
		return 0; /* there is no other side to be told */
	}
	new = bits[a[1]];
	old = atomic_fetch_or_explicit(&so->so_shut, new, memory_order_relaxed);
	if ((new & ~old &SHUT_OUT) != 0)
		pipe_hangup(so->so_out);
	if ((new & ~old &SHUT_IN) != 0)
		pipe_hangup(so->so_in);
	file_rele(f);
	return 0;
}

/* getsockopt(fd, level, option, value, len): what can be told. */
long
sys_getsockopt(const uintptr_t *a)
{
	enum sock_state state;
	struct sockcred cred;
	const void *val;
	int32_t len, num;
	size_t size;
	struct file *f;
	int error;

	error = sock_file((int)a[0], &f);
	if (error != 0)
		return -error;
	state = sock_state(f->f_data);
	cred = (struct sockcred){0, (uid_t)-1, (gid_t)-1};
	if (state == SO_CONNECTED)
		cred = ((struct sock *)f->f_data)->so_cred;
	file_rele(f);
	if ((int)a[1] != SOL_SOCKET)
		return -EOPNOTSUPP;
	val = &num;
	size = sizeof(num);
	switch ((int)a[2]) {
	case SO_TYPE:
		num = SOCK_STREAM;
		break;
	case SO_ERROR:
	case SO_PROTOCOL:
		num = 0;
		break;
	case SO_ACCEPTCONN:
		num = state == SO_LISTENING;
		break;
	case SO_DOMAIN:
		num = AF_UNIX;
		break;
	case SO_PEERCRED:
		val = &cred;
		size = sizeof(cred);
		break;
	default:
		return -ENOPROTOOPT;
	}
	if (copyin(a[4], &len, sizeof(len)) != 0)
		return -EFAULT;
	if (len < 0)
		return -EINVAL;
	len = MIN(len, (int32_t)size);
	if (copyout(val, a[3], (size_t)len) != 0)
		return -EFAULT;
	return -copyout(&len, a[4], sizeof(len));
}

/* setsockopt(): what means nothing to a local socket can be set. */
long
sys_setsockopt(const uintptr_t *a)
{
	struct file *f;
	int error;

	error = sock_file((int)a[0], &f);
	if (error != 0)
		return -error;
	file_rele(f);
	if ((int)a[1] == SOL_SOCKET && (int)a[2] == SO_REUSEADDR)
		return a[4] < sizeof(int32_t) ? -EINVAL : 0;
	return -ENOPROTOOPT;
}
