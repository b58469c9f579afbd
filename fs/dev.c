/*
 * dev.c: character devices, by their Linux numbers.
 */
#include <fs/tty.h>

#include <sys/errno.h>
#include <port/machdep.h>
#include <base/print.h>
#include <uvm/object.h>
#include <fs/init.h>

#define DEV_NULL    MAKEDEV(1, 3)
#define DEV_ZERO    MAKEDEV(1, 5)
#define DEV_FULL    MAKEDEV(1, 7)
#define DEV_RANDOM  MAKEDEV(1, 8)
#define DEV_URANDOM MAKEDEV(1, 9)
#define DEV_KMSG    MAKEDEV(1, 11)
#define DEV_TTYS0   MAKEDEV(4, 64)
#define DEV_TTY     MAKEDEV(5, 0)
#define DEV_CONSOLE MAKEDEV(5, 1)
#define DEV_PTMX    MAKEDEV(5, 2)

const struct dev_name dev_names[] = {
    {"null", DEV_NULL, 0666},
    {"zero", DEV_ZERO, 0666},
    {"full", DEV_FULL, 0666},
    {"random", DEV_RANDOM, 0666},
    {"urandom", DEV_URANDOM, 0666},
    {"kmsg", DEV_KMSG, 0600},
    {"ttyS0", DEV_TTYS0, 0600},
    {"tty", DEV_TTY, 0666},
    {"console", DEV_CONSOLE, 0600},
    {"ptmx", DEV_PTMX, 0666},
};
const u_int ndev_names = nitems(dev_names);

static int
null_read(struct file *f, struct uio *uio)
{
	(void)f;
	(void)uio;
	return 0;
}

static int
null_write(struct file *f, struct uio *uio)
{
	(void)f;
	uio_skip(uio, uio->ui_resid);
	return 0;
}

static int
full_write(struct file *f, struct uio *uio)
{
	(void)f;
	return uio->ui_resid > 0 ? ENOSPC : 0;
}

static int
zero_read(struct file *f, struct uio *uio)
{
	static char zeroes[PAGE_SIZE]; /* nobody writes there */
	int error = 0;

	(void)f;
	while (uio->ui_resid > 0 && error == 0) {
		error =
		    uio_move(zeroes, MIN(sizeof(zeroes), uio->ui_resid), uio);
		if (error == 0 && sig_pending())
			error = EINTR;
	}
	return error;
}

static int
random_read(struct file *f, struct uio *uio)
{
	char buf[256];
	size_t n;
	int error = 0;

	(void)f;
	while (uio->ui_resid > 0 && error == 0) {
		n = MIN(sizeof(buf), uio->ui_resid);
		md_entropy(buf, n);
		error = uio_move(buf, n, uio);
		if (error == 0 && sig_pending())
			error = EINTR;
	}
	return error;
}

/* A line for the kernel's log; too long ones are cut. */
static int
kmsg_write(struct file *f, struct uio *uio)
{
	char buf[256];
	size_t n = MIN(sizeof(buf), uio->ui_resid);
	int error;

	(void)f;
	error = uio_move(buf, n, uio);
	if (error != 0)
		return error;
	uio_skip(uio, uio->ui_resid);
	while (n > 0 && buf[n - 1] == '\n')
		n--;
	kprintf("%.*s\n", (int)n, buf);
	return 0;
}

static const struct fileops null_ops = {
    .fop_read = null_read,
    .fop_write = null_write,
    .fop_poll = file_always_ready,
    .fop_flags = FOP_FLAT,
};
static const struct fileops zero_ops = {
    .fop_read = zero_read,
    .fop_write = null_write,
    .fop_poll = file_always_ready,
    .fop_flags = FOP_FLAT,
};
static const struct fileops full_ops = {
    .fop_read = zero_read,
    .fop_write = full_write,
    .fop_poll = file_always_ready,
    .fop_flags = FOP_FLAT,
};
static const struct fileops random_ops = {
    .fop_read = random_read,
    .fop_write = null_write,
    .fop_poll = file_always_ready,
    .fop_flags = FOP_FLAT,
};
static const struct fileops kmsg_ops = {
    .fop_write = kmsg_write,
    .fop_poll = file_always_ready,
    .fop_flags = FOP_FLAT,
};

int
dev_open(struct vnode *vp, struct file *f, bool ctty)
{
	int error = 0;

	switch (vp->v_rdev) {
	case DEV_NULL:
		f->f_ops = &null_ops;
		break;
	case DEV_ZERO:
		f->f_ops = &zero_ops;
		break;
	case DEV_FULL:
		f->f_ops = &full_ops;
		break;
	case DEV_RANDOM:
	case DEV_URANDOM:
		f->f_ops = &random_ops;
		break;
	case DEV_KMSG:
		f->f_ops = &kmsg_ops;
		break;
	case DEV_TTY:
		error = tty_open_own(f);
		break;
	case DEV_PTMX:
		error = ptmx_open(f);
		break;
	case DEV_CONSOLE:
	case DEV_TTYS0:
		console_open(f);
		break;
	default:
		if (MAJOR(vp->v_rdev) == PTS_MAJOR)
			error = pts_open(f, MINOR(vp->v_rdev), ctty);
		else
			error = ENXIO;
	}
	return error;
}

int
dev_mmap(dev_t rdev, u_int mapflags, struct uvm_object **uop)
{
	int error;

	if (rdev != DEV_ZERO)
		return ENODEV;
	*uop = NULL;
	if ((mapflags & MAP_TYPE) == MAP_PRIVATE)
		return 0;
	/* Each shared mapping is memory of its own; its size is the map's. */
	error = uao_create(FILE_SIZE_MAX, uop);
	if (error == 0)
		uvm_object_set_name(*uop, "/dev/zero (deleted)", MAKEDEV(0, 1),
		    0);
	return error;
}
