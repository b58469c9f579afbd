/*
 * epoll.c: epoll(7): a set of files that is kept between waits.
 *
 * A wait looks at every member, as poll() does, and sleeps on poll's queue;
 * what is saved is only the passing of the set.  One mutex guards all sets.
 *
 * A member does not hold its file: the file has f_polled set, and when its
 * last reference goes, epoll_forget() takes it out of all sets, waiting for
 * the mutex, before anything of the file is undone.  So whoever holds
 * the mutex may ask a member's file.
 *
 * EPOLLET needs to know of each new event, and there is one generation
 * number for all files: a member that was reported is reported again when
 * anything anywhere has changed since.  None is lost; some come in vain.
 *
 * Protection:
 *	I	constant
 *	e	epoll_lock
 */
#include <fs/file.h>

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <kern/syscalls.h>
#include <fs/init.h>
#include <fs/poll.h>

#define EPOLL_FLAGS  (EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE)
#define EPOLL_BATCH  128 /* events one call gives, at most */
#define EPOLL_MAXARG (INT32_MAX / (int)sizeof(struct abi_epoll_event))

struct member {
	TAILQ_ENTRY(member) me_link; /* [e] of ep_members */
	struct epoll *me_set;        /* [I] */
	struct file *me_file;        /* [I] not referenced */
	int me_fd;                   /* [I] what it was called */
	u_int me_events;             /* [e] wanted; 0: EPOLLONESHOT is spent */
	u_int me_gen;                /* [e] poll_generation() at the report */
	bool me_reported;            /* [e] since it was last changed */
	uint64_t me_data;            /* [e] */
};

struct epoll {
	LIST_ENTRY(epoll) ep_link; /* [e] of epoll_all */
	TAILQ_HEAD(memberhead, member)
	ep_members; /* [e] next to be looked at first */
};

static struct mutex epoll_lock = MUTEX_INITIALIZER(RANK_FILE);
static LIST_HEAD(, epoll) epoll_all = LIST_HEAD_INITIALIZER(epoll_all);
static const struct fileops epoll_ops;

/* What holds for a member of what it wants; POLLERR and POLLHUP always. */
static u_int
member_events(const struct member *me)
{
	KASSERT(mutex_held(&epoll_lock));
	if ((me->me_events & ~EPOLL_FLAGS) == 0)
		return 0;
	return me->me_file->f_ops->fop_poll(me->me_file) &
	       (me->me_events | POLLERR | POLLHUP);
}

static void
member_free(struct member *me)
{
	TAILQ_REMOVE(&me->me_set->ep_members, me, me_link);
	kmem_free(me, sizeof(*me));
}

void
epoll_forget(struct file *f)
{
	struct member *me, *next;
	struct epoll *ep;

	mutex_enter(&epoll_lock);
	LIST_FOREACH(ep, &epoll_all, ep_link) {
		for (me = TAILQ_FIRST(&ep->ep_members); me != NULL; me = next) {
			next = TAILQ_NEXT(me, me_link);
			if (me->me_file == f)
				member_free(me);
		}
	}
	mutex_exit(&epoll_lock);
}

static void
epoll_close(struct file *f)
{
	struct epoll *ep = f->f_data;
	struct member *me;

	mutex_enter(&epoll_lock);
	while ((me = TAILQ_FIRST(&ep->ep_members)) != NULL)
		member_free(me);
	LIST_REMOVE(ep, ep_link);
	mutex_exit(&epoll_lock);
	kmem_free(ep, sizeof(*ep));
	poll_watch(false);
}

static u_int
epoll_poll(struct file *f)
{
	struct epoll *ep = f->f_data;
	struct member *me;
	u_int events = 0;

	mutex_enter(&epoll_lock);
	TAILQ_FOREACH(me, &ep->ep_members, me_link) {
		if (member_events(me) != 0)
			events = POLLIN | POLLRDNORM;
	}
	mutex_exit(&epoll_lock);
	return events;
}

static const struct fileops epoll_ops = {
    .fop_poll = epoll_poll,
    .fop_close = epoll_close,
};

static long
do_create(u_int flags)
{
	struct epoll *ep;
	struct file *f;
	int error;

	if ((flags & ~O_CLOEXEC) != 0)
		return -EINVAL;
	ep = kmem_alloc(sizeof(*ep), 0);
	if (ep == NULL)
		return -ENOMEM;
	TAILQ_INIT(&ep->ep_members);
	error = file_anon("anon_inode:[eventpoll]", 0600, O_RDWR, &f);
	if (error != 0) {
		kmem_free(ep, sizeof(*ep));
		return -error;
	}
	poll_watch(true);
	mutex_enter(&epoll_lock);
	LIST_INSERT_HEAD(&epoll_all, ep, ep_link);
	mutex_exit(&epoll_lock);
	f->f_data = ep;
	f->f_ops = &epoll_ops;
	return fd_install(f, 0, (flags & O_CLOEXEC) != 0);
}

long
sys_epoll_create(const uintptr_t *a)
{
	return (int)a[0] <= 0 ? -EINVAL : do_create(0);
}

long
sys_epoll_create1(const uintptr_t *a)
{
	return do_create((u_int)a[0]);
}

/* Change the set as op says; new is used up or left.  e held. */
static int
change(struct epoll *ep, int op, struct file *f, int fd,
    const struct abi_epoll_event *ev, struct member **newp)
{
	struct member *me;

	KASSERT(mutex_held(&epoll_lock));
	TAILQ_FOREACH(me, &ep->ep_members, me_link) {
		if (me->me_file == f && me->me_fd == fd)
			break;
	}
	if (op == EPOLL_CTL_ADD ? me != NULL : me == NULL)
		return op == EPOLL_CTL_ADD ? EEXIST : ENOENT;
	if (op == EPOLL_CTL_DEL) {
		member_free(me);
		return 0;
	}
	if (op == EPOLL_CTL_ADD) {
		me = *newp;
		*newp = NULL;
		me->me_set = ep;
		me->me_file = f;
		me->me_fd = fd;
		TAILQ_INSERT_TAIL(&ep->ep_members, me, me_link);
		f->f_polled = true;
	}
	me->me_events = ev->events;
	me->me_data = ev->data;
	me->me_reported = false;
	return 0;
}

/*
 * Which files can be waited for: not those that are always ready, and no set
 * in a set, which would be a matter of recursion.
 */
static int
pollable(const struct file *f)
{
	if (f->f_ops == &epoll_ops)
		return EINVAL;
	if (f->f_ops->fop_poll == NULL ||
	    f->f_ops->fop_poll == file_always_ready)
		return EPERM;
	return 0;
}

/* epoll_ctl(epfd, op, fd, event) */
long
sys_epoll_ctl(const uintptr_t *a)
{
	struct abi_epoll_event ev = {0};
	struct member *new = NULL;
	struct file *set, *f;
	int op = (int)a[1], error;

	if (op != EPOLL_CTL_DEL && copyin(a[3], &ev, sizeof(ev)) != 0)
		return -EFAULT;
	error = fd_get((int)a[0], &set);
	if (error != 0)
		return -error;
	error = fd_get((int)a[2], &f);
	if (error != 0) {
		file_rele(set);
		return -error;
	}
	error = pollable(f);
	if (f == set || set->f_ops != &epoll_ops ||
	    (op != EPOLL_CTL_ADD && op != EPOLL_CTL_MOD && op != EPOLL_CTL_DEL))
		error = EINVAL;
	if (error == 0 && op == EPOLL_CTL_ADD) {
		new = kmem_alloc(sizeof(*new), PA_ZERO);
		if (new == NULL)
			error = ENOMEM;
	}
	if (error == 0) {
		mutex_enter(&epoll_lock);
		error = change(set->f_data, op, f, (int)a[2], &ev, &new);
		mutex_exit(&epoll_lock);
	}
	if (new != NULL)
		kmem_free(new, sizeof(*new));
	file_rele(f);
	file_rele(set);
	poll_notify(); /* who waits for the set has to look again */
	return -error;
}

/*
 * Look at each member once, and put up to max events at ev.  Members that
 * are reported go to the end, so that all get their turn.
 */
static u_int
collect(struct epoll *ep, u_int gen, struct abi_epoll_event *ev, u_int max)
{
	struct member *me, *next, *last;
	u_int n = 0, events;

	mutex_enter(&epoll_lock);
	last = TAILQ_LAST(&ep->ep_members, memberhead);
	for (me = TAILQ_FIRST(&ep->ep_members); me != NULL && n < max;
	     me = me == last ? NULL : next) {
		next = TAILQ_NEXT(me, me_link);
		if ((me->me_events & EPOLLET) != 0 && me->me_reported &&
		    me->me_gen == gen)
			continue;
		events = member_events(me);
		if (events == 0)
			continue;
		ev[n].events = events;
		ev[n++].data = me->me_data;
		me->me_reported = true;
		me->me_gen = gen;
		if ((me->me_events & EPOLLONESHOT) != 0)
			me->me_events &= EPOLL_FLAGS;
		TAILQ_REMOVE(&ep->ep_members, me, me_link);
		TAILQ_INSERT_TAIL(&ep->ep_members, me, me_link);
	}
	mutex_exit(&epoll_lock);
	return n;
}

/* As poll_wait(): deadline 0 is for ever, 1 not at all. */
static long
do_wait(int fd, vaddr_t uev, int max, uint64_t deadline)
{
	struct abi_epoll_event *ev;
	u_int gen, n, room = MIN((u_int)max, EPOLL_BATCH);
	struct file *f;
	int error;

	if (max <= 0 || max > EPOLL_MAXARG)
		return -EINVAL;
	error = fd_get(fd, &f);
	if (error != 0)
		return -error;
	if (f->f_ops != &epoll_ops) {
		file_rele(f);
		return -EINVAL;
	}
	ev = kmem_alloc(room * sizeof(*ev), 0);
	if (ev == NULL) {
		file_rele(f);
		return -ENOMEM;
	}
	for (;;) {
		gen = poll_generation();
		n = collect(f->f_data, gen, ev, room);
		if (n > 0 || deadline == 1 || error == ETIMEDOUT)
			break;
		error = poll_sleep(gen, deadline);
		if (error != 0 && error != ETIMEDOUT)
			break;
	}
	if (n > 0)
		error = copyout(ev, uev, n * sizeof(*ev));
	kmem_free(ev, room * sizeof(*ev));
	file_rele(f);
	if (error != 0 && error != ETIMEDOUT)
		return -error;
	return n;
}

static uint64_t
deadline_ms(int ms)
{
	return ms < 0 ? 0 : poll_deadline((uint64_t)ms * 1000000);
}

/* epoll_wait(epfd, events, max, ms) */
long
sys_epoll_wait(const uintptr_t *a)
{
	return do_wait((int)a[0], a[1], (int)a[2], deadline_ms((int)a[3]));
}

static long
wait_masked(const uintptr_t *a, uint64_t deadline)
{
	uint64_t old = 0;
	bool set;
	long ret;
	int error;

	error = poll_mask_begin(a[4], a[5], &set, &old);
	if (error != 0)
		return -error;
	ret = do_wait((int)a[0], a[1], (int)a[2], deadline);
	poll_mask_end(set, old, ret);
	return ret;
}

/* epoll_pwait(epfd, events, max, ms, sigmask, size) */
long
sys_epoll_pwait(const uintptr_t *a)
{
	return wait_masked(a, deadline_ms((int)a[3]));
}

/* epoll_pwait2(epfd, events, max, timespec, sigmask, size) */
long
sys_epoll_pwait2(const uintptr_t *a)
{
	uint64_t deadline;
	int error;

	error = poll_timespec(a[3], &deadline);
	return error != 0 ? -error : wait_masked(a, deadline);
}
