/*
 * event.c: counters and timers as files: eventfd(2) and timerfd_create(2).
 *
 * A timer's state is computed when somebody looks: it has the time of its
 * next expiration, and reading moves that on.  A timeout, set to that time,
 * only wakes who waits.
 *
 * Protection:
 *	I	constant
 *	v	ev_lock, tm_lock
 */
#include <fs/file.h>

#include <sys/errno.h>
#include <port/machdep.h>
#include <base/print.h>
#include <base/thread.h>
#include <phys/kmem.h>
#include <kern/syscalls.h>
#include <kern/time.h>

#define EVENT_MAX (UINT64_MAX - 1) /* highest count */

struct event {
	struct spin ev_lock; /* RANK_FS */
	uint64_t ev_count;   /* [v] */
	bool ev_semaphore;   /* [I] a read takes one, not all */
};

struct timer {
	struct spin tm_lock;       /* RANK_FS */
	uint64_t tm_when;          /* [v] md_time_ns(); 0: not set */
	uint64_t tm_every;         /* [v] ns, 0: once */
	struct timeout tm_timeout; /* [I] at tm_when */
	bool tm_real;              /* [I] of CLOCK_REALTIME */
};

/*
 * eventfd.
 */

static int
event_read(struct file *f, struct uio *uio)
{
	struct event *ev = f->f_data;
	uint64_t n = 0;
	int error = 0;

	if (uio->ui_resid < sizeof(n))
		return EINVAL;
	spin_enter(&ev->ev_lock);
	while (ev->ev_count == 0 && error == 0)
		error = (file_flags(f) & O_NONBLOCK) != 0
			    ? EAGAIN
			    : sleep_spin(ev, &ev->ev_lock, SLEEP_INTR, 0,
				  "eventfd");
	if (error == 0) {
		n = ev->ev_semaphore ? 1 : ev->ev_count;
		ev->ev_count -= n;
	}
	spin_exit(&ev->ev_lock);
	if (error != 0)
		return error;
	wakeup(ev);
	poll_notify();
	return uio_move(&n, sizeof(n), uio);
}

static int
event_write(struct file *f, struct uio *uio)
{
	struct event *ev = f->f_data;
	uint64_t n;
	int error;

	if (uio->ui_resid < sizeof(n))
		return EINVAL;
	error = uio_move(&n, sizeof(n), uio);
	if (error == 0 && n == UINT64_MAX)
		error = EINVAL;
	if (error != 0)
		return error;
	spin_enter(&ev->ev_lock);
	while (EVENT_MAX - ev->ev_count < n && error == 0)
		error = (file_flags(f) & O_NONBLOCK) != 0
			    ? EAGAIN
			    : sleep_spin(ev, &ev->ev_lock, SLEEP_INTR, 0,
				  "eventfd");
	if (error == 0)
		ev->ev_count += n;
	spin_exit(&ev->ev_lock);
	if (error != 0) {
		uio->ui_resid += sizeof(n); /* it was not taken */
		return error;
	}
	wakeup(ev);
	poll_notify();
	return 0;
}

static u_int
event_poll(struct file *f)
{
	struct event *ev = f->f_data;
	u_int events = 0;

	spin_enter(&ev->ev_lock);
	if (ev->ev_count > 0)
		events |= POLLIN | POLLRDNORM;
	if (ev->ev_count < EVENT_MAX)
		events |= POLLOUT | POLLWRNORM;
	spin_exit(&ev->ev_lock);
	return events;
}

static void
event_close(struct file *f)
{
	kmem_free(f->f_data, sizeof(struct event));
}

static const struct fileops event_ops = {
    .fop_read = event_read,
    .fop_write = event_write,
    .fop_poll = event_poll,
    .fop_close = event_close,
};

static long
do_eventfd(uint64_t count, u_int flags)
{
	struct event *ev;
	struct file *f;
	int error;

	if ((flags & ~(O_CLOEXEC | O_NONBLOCK | EFD_SEMAPHORE)) != 0)
		return -EINVAL;
	ev = kmem_alloc(sizeof(*ev), PA_ZERO);
	if (ev == NULL)
		return -ENOMEM;
	spin_init(&ev->ev_lock, RANK_FS);
	ev->ev_count = count;
	ev->ev_semaphore = (flags & EFD_SEMAPHORE) != 0;
	error = file_anon("anon_inode:[eventfd]", 0600,
	    O_RDWR | (flags & O_NONBLOCK), &f);
	if (error != 0) {
		kmem_free(ev, sizeof(*ev));
		return -error;
	}
	f->f_data = ev;
	f->f_ops = &event_ops;
	return fd_install(f, 0, (flags & O_CLOEXEC) != 0);
}

long
sys_eventfd(const uintptr_t *a)
{
	return do_eventfd((u_int)a[0], 0);
}

long
sys_eventfd2(const uintptr_t *a)
{
	return do_eventfd((u_int)a[0], (u_int)a[1]);
}

/*
 * timerfd.
 */

/* Interrupt context: the time has come. */
static void
timer_fire(void *arg)
{
	wakeup(arg);
	poll_notify();
}

/* How often tm has expired since it was last read; moves on.  v held. */
static uint64_t
timer_take(struct timer *tm)
{
	uint64_t now = md_time_ns(), n = 1;

	KASSERT(spin_held(&tm->tm_lock));
	if (tm->tm_when == 0 || now < tm->tm_when)
		return 0;
	if (tm->tm_every == 0) {
		tm->tm_when = 0;
		return 1;
	}
	n += (now - tm->tm_when) / tm->tm_every;
	tm->tm_when += n * tm->tm_every;
	timeout_set(&tm->tm_timeout, tm->tm_when);
	return n;
}

static int
timer_read(struct file *f, struct uio *uio)
{
	struct timer *tm = f->f_data;
	uint64_t n;
	int error = 0;

	if (uio->ui_resid < sizeof(n))
		return EINVAL;
	spin_enter(&tm->tm_lock);
	while ((n = timer_take(tm)) == 0 && error == 0) {
		if ((file_flags(f) & O_NONBLOCK) != 0)
			error = EAGAIN;
		else
			error = sleep_spin(tm, &tm->tm_lock, SLEEP_INTR,
			    tm->tm_when, "timerfd");
		if (error == ETIMEDOUT)
			error = 0;
	}
	spin_exit(&tm->tm_lock);
	return n > 0 ? uio_move(&n, sizeof(n), uio) : error;
}

static u_int
timer_poll(struct file *f)
{
	struct timer *tm = f->f_data;
	bool ready;

	spin_enter(&tm->tm_lock);
	ready = tm->tm_when != 0 && md_time_ns() >= tm->tm_when;
	spin_exit(&tm->tm_lock);
	return ready ? POLLIN | POLLRDNORM : 0;
}

static void
timer_close(struct file *f)
{
	struct timer *tm = f->f_data;

	timeout_drain(&tm->tm_timeout);
	kmem_free(tm, sizeof(*tm));
}

static const struct fileops timer_ops = {
    .fop_read = timer_read,
    .fop_poll = timer_poll,
    .fop_close = timer_close,
};

/* timerfd_create(clock, flags) */
long
sys_timerfd_create(const uintptr_t *a)
{
	u_int clock = (u_int)a[0], flags = (u_int)a[1];
	struct timer *tm;
	struct file *f;
	int error;

	if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) != 0 ||
	    (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC &&
		clock != CLOCK_BOOTTIME))
		return -EINVAL;
	tm = kmem_alloc(sizeof(*tm), PA_ZERO);
	if (tm == NULL)
		return -ENOMEM;
	spin_init(&tm->tm_lock, RANK_FS);
	timeout_init(&tm->tm_timeout, timer_fire, tm);
	tm->tm_real = clock == CLOCK_REALTIME;
	error = file_anon("anon_inode:[timerfd]", 0600,
	    O_RDWR | (flags & O_NONBLOCK), &f);
	if (error != 0) {
		kmem_free(tm, sizeof(*tm));
		return -error;
	}
	f->f_data = tm;
	f->f_ops = &timer_ops;
	return fd_install(f, 0, (flags & O_CLOEXEC) != 0);
}

/* What is left and the interval.  v held. */
static void
timer_get(const struct timer *tm, struct abi_timespec its[2])
{
	uint64_t now = md_time_ns(), left = 0, behind;

	if (tm->tm_when > now)
		left = tm->tm_when - now;
	else if (tm->tm_when != 0 && tm->tm_every != 0) {
		behind = (now - tm->tm_when) % tm->tm_every;
		left = tm->tm_every - behind;
	}
	its[0] = time_timespec(tm->tm_every);
	its[1] = time_timespec(left);
}

/* fd as a timer; the file is referenced.  EBADF, EINVAL. */
static int
timer_file(int fd, struct file **fp)
{
	int error;

	error = fd_get(fd, fp);
	if (error == 0 && (*fp)->f_ops != &timer_ops) {
		file_rele(*fp);
		error = EINVAL;
	}
	return error;
}

/* timerfd_settime(fd, flags, new, old) */
long
sys_timerfd_settime(const uintptr_t *a)
{
	struct abi_timespec its[2], old[2];
	uint64_t every, when, now;
	struct timer *tm;
	struct file *f;
	int error;

	/* 2: TFD_TIMER_CANCEL_ON_SET; the clock is set by nobody else. */
	if (((u_int)a[1] & ~(TFD_TIMER_ABSTIME | 2u)) != 0)
		return -EINVAL;
	if (copyin(a[2], its, sizeof(its)) != 0)
		return -EFAULT;
	if (time_from_timespec(&its[0], &every) != 0 ||
	    time_from_timespec(&its[1], &when) != 0)
		return -EINVAL;
	error = timer_file((int)a[0], &f);
	if (error != 0)
		return -error;
	tm = f->f_data;
	now = md_time_ns();
	if (when != 0 && ((u_int)a[1] & TFD_TIMER_ABSTIME) == 0)
		when = when > UINT64_MAX - now ? UINT64_MAX : now + when;
	else if (when != 0 && tm->tm_real)
		when = when > time_real() ? now + (when - time_real()) : now;
	spin_enter(&tm->tm_lock);
	timer_get(tm, old);
	tm->tm_when = when;
	tm->tm_every = when != 0 ? every : 0;
	if (when != 0)
		timeout_set(&tm->tm_timeout, when);
	else
		(void)timeout_cancel(&tm->tm_timeout);
	spin_exit(&tm->tm_lock);
	timer_fire(tm); /* who waits for the old time has to look again */
	file_rele(f);
	return a[3] == 0 ? 0 : -copyout(old, a[3], sizeof(old));
}

/* timerfd_gettime(fd, now) */
long
sys_timerfd_gettime(const uintptr_t *a)
{
	struct abi_timespec its[2];
	struct timer *tm;
	struct file *f;
	int error;

	error = timer_file((int)a[0], &f);
	if (error != 0)
		return -error;
	tm = f->f_data;
	spin_enter(&tm->tm_lock);
	timer_get(tm, its);
	spin_exit(&tm->tm_lock);
	file_rele(f);
	return -copyout(its, a[1], sizeof(its));
}
