/*
 * socket.c: connected pairs of local stream sockets, which are two pipes.
 *
 * There is no network and no bind: socketpair() is the only way to get a
 * socket, and no descriptors pass through one.  What programs use it for, a
 * line between parent and child or a wake-up within one process, it does.
 *
 * A socket file holds the reading end of one pipe and the writing end of the
 * other.  Those are files of their own that no descriptor names, so that
 * closing, waiting, EOF and EPIPE are the pipe's.
 */
#include <fs/file.h>

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <kern/syscalls.h>

/*
 * Protection:
 *	I	constant
 *	a	C11 atomic
 */
struct sock {
	struct file *so_in;     /* [I] referenced */
	struct file *so_out;    /* [I] referenced */
	_Atomic(u_int) so_shut; /* [a] SHUT_IN, SHUT_OUT */
};
#define SHUT_IN  1u
#define SHUT_OUT 2u

#define MSG_DONTWAIT 0x40u
#define MSG_NOSIGNAL 0x4000u

static const struct fileops sock_ops;

/* Have the end do as the socket: nonblocking is looked up in the former. */
static void
set_nonblock(struct file *end, bool on)
{
	if (on)
		atomic_fetch_or(&end->f_flags, O_NONBLOCK);
	else
		atomic_fetch_and(&end->f_flags, ~O_NONBLOCK);
}

static int
sock_read(struct file *f, struct uio *uio)
{
	struct sock *so = f->f_data;

	if ((atomic_load(&so->so_shut) & SHUT_IN) != 0)
		return 0;
	set_nonblock(so->so_in, (file_flags(f) & O_NONBLOCK) != 0);
	return so->so_in->f_ops->fop_read(so->so_in, uio);
}

static int
sock_write(struct file *f, struct uio *uio)
{
	struct sock *so = f->f_data;

	if ((atomic_load(&so->so_shut) & SHUT_OUT) != 0) {
		sig_post_simple(curproc(), SIGPIPE, SI_KERNEL);
		return EPIPE;
	}
	set_nonblock(so->so_out, (file_flags(f) & O_NONBLOCK) != 0);
	return so->so_out->f_ops->fop_write(so->so_out, uio);
}

static u_int
sock_poll(struct file *f)
{
	struct sock *so = f->f_data;
	u_int in, out, events;

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

	return so->so_in->f_ops->fop_ioctl(so->so_in, cmd, arg);
}

static void
sock_close(struct file *f)
{
	struct sock *so = f->f_data;

	file_rele(so->so_in);
	file_rele(so->so_out);
	kmem_free(so, sizeof(*so));
}

static const struct fileops sock_ops = {
    .fop_read = sock_read,
    .fop_write = sock_write,
    .fop_poll = sock_poll,
    .fop_ioctl = sock_ioctl,
    .fop_close = sock_close,
};

/* A socket file over two ends, which it takes over, also on failure. */
static int
sock_new(struct file *in, struct file *out, u_int flags, struct file **fp)
{
	struct sock *so;
	int error = ENOMEM;

	so = kmem_alloc(sizeof(*so), PA_ZERO);
	if (so != NULL)
		error = file_anon("socket:[unix]", S_IFSOCK | 0777,
		    O_RDWR | flags, fp);
	if (error != 0) {
		if (so != NULL)
			kmem_free(so, sizeof(*so));
		file_rele(in);
		file_rele(out);
		return error;
	}
	so->so_in = in;
	so->so_out = out;
	(*fp)->f_data = so;
	(*fp)->f_ops = &sock_ops;
	return 0;
}

/* The two files of a pair. */
static int
pair_new(u_int flags, struct file *pair[2])
{
	struct file *r1, *w1, *r2, *w2;
	int error;

	error = pipe_new(&r1, &w1);
	if (error != 0)
		return error;
	error = pipe_new(&r2, &w2);
	if (error != 0) {
		file_rele(r1);
		file_rele(w1);
		return error;
	}
	error = sock_new(r1, w2, flags, &pair[0]);
	if (error != 0) {
		file_rele(r2);
		file_rele(w1);
		return error;
	}
	error = sock_new(r2, w1, flags, &pair[1]);
	if (error != 0)
		file_rele(pair[0]);
	return error;
}

/* socket(): there is nothing to connect one to. */
long
sys_socket(const uintptr_t *a)
{
	(void)a;
	return -EAFNOSUPPORT;
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

	if ((int)a[0] != AF_UNIX)
		return -EAFNOSUPPORT;
	if (((u_int)a[1] & ~flags) != SOCK_STREAM)
		return -ESOCKTNOSUPPORT;
	if ((int)a[2] != 0 && (int)a[2] != AF_UNIX)
		return -EPROTONOSUPPORT;
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

/* fd as a socket; the file is referenced.  EBADF, ENOTSOCK. */
static int
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
 * send() and recv().  Not waiting is a matter of one call here: the end's
 * own flag says it, which another call may change meanwhile, so what
 * MSG_DONTWAIT promises is kept by looking first.
 */
static long
transfer(const uintptr_t *a, bool write)
{
	struct abi_iovec iov = {a[1], MIN(a[2], IO_MAX)};
	struct uio uio = {.ui_iov = &iov,
	    .ui_niov = 1,
	    .ui_resid = iov.iov_len,
	    .ui_write = write};
	u_int flags = (u_int)a[3], ready = write ? POLLOUT : POLLIN;
	size_t total = iov.iov_len;
	struct file *f;
	int error;

	error = sock_file((int)a[0], &f);
	if (error != 0)
		return -error;
	if ((flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) != 0)
		error = EOPNOTSUPP;
	else if (write && a[4] != 0)
		error = EISCONN;
	else if ((flags & MSG_DONTWAIT) != 0 &&
		 (sock_poll(f) & (ready | POLLHUP)) == 0)
		error = EAGAIN;
	else if (write && (flags & MSG_NOSIGNAL) != 0 &&
		 (sock_poll(f) & POLLHUP) != 0)
		error = EPIPE;
	else
		error = write ? sock_write(f, &uio) : sock_read(f, &uio);
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
	new = bits[a[1]];
	old = atomic_fetch_or(&so->so_shut, new);
	if ((new & ~old &SHUT_OUT) != 0)
		pipe_hangup(so->so_out);
	if ((new & ~old &SHUT_IN) != 0)
		pipe_hangup(so->so_in);
	file_rele(f);
	return 0;
}

/* The name of an unnamed socket: its family. */
static long
unnamed(const uintptr_t *a)
{
	const uint16_t family = AF_UNIX;
	int32_t len, real = sizeof(family);
	struct file *f;
	int error;

	error = sock_file((int)a[0], &f);
	if (error != 0)
		return -error;
	file_rele(f);
	if (copyin(a[2], &len, sizeof(len)) != 0)
		return -EFAULT;
	if (len < 0)
		return -EINVAL;
	if (copyout(&family, a[1], MIN((size_t)len, sizeof(family))) != 0)
		return -EFAULT;
	return -copyout(&real, a[2], sizeof(real));
}

long
sys_getsockname(const uintptr_t *a)
{
	return unnamed(a);
}

long
sys_getpeername(const uintptr_t *a)
{
	return unnamed(a);
}

/* getsockopt(fd, level, option, value, len): what a pair can tell. */
long
sys_getsockopt(const uintptr_t *a)
{
	int32_t len, val;
	struct file *f;
	int error;

	error = sock_file((int)a[0], &f);
	if (error != 0)
		return -error;
	file_rele(f);
	if ((int)a[1] != SOL_SOCKET)
		return -EOPNOTSUPP;
	switch ((int)a[2]) {
	case SO_TYPE:
		val = SOCK_STREAM;
		break;
	case SO_ERROR:
	case SO_PROTOCOL:
	case SO_ACCEPTCONN:
		val = 0;
		break;
	case SO_DOMAIN:
		val = AF_UNIX;
		break;
	default:
		return -ENOPROTOOPT;
	}
	if (copyin(a[4], &len, sizeof(len)) != 0)
		return -EFAULT;
	if (len < 0)
		return -EINVAL;
	len = MIN(len, (int32_t)sizeof(val));
	if (copyout(&val, a[3], (size_t)len) != 0)
		return -EFAULT;
	return -copyout(&len, a[4], sizeof(len));
}

/* setsockopt(): nothing can be set. */
long
sys_setsockopt(const uintptr_t *a)
{
	struct file *f;
	int error;

	error = sock_file((int)a[0], &f);
	if (error != 0)
		return -error;
	file_rele(f);
	return -ENOPROTOOPT;
}
