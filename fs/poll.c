/*
 * poll.c: waiting for one of many files.
 *
 * There is one queue for all: a poller counts itself, looks at its files,
 * and sleeps until anything anywhere changes; then it looks again.  Nobody
 * is missed: a file changes under a lock that the poller's look takes too, so
 * a change after the look is made by somebody who sees the count, and raises
 * poll_gen, which the poller compares before it sleeps.
 */
#include <fs/file.h>

#include <sys/errno.h>
#include <port/machdep.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <kern/syscalls.h>
#include <kern/time.h>
#include <fs/poll.h>

#define POLL_ALWAYS (POLLERR | POLLHUP | POLLNVAL)
#define POLL_MAX    65536u
#define SELECT_IN   (POLLRDNORM | POLLIN | POLLHUP | POLLERR)
#define SELECT_OUT  (POLLWRNORM | POLLOUT | POLLERR)
#define SELECT_EX   POLLPRI

static struct spin poll_lock = SPIN_INITIALIZER(RANK_TTY);
static u_int poll_gen; /* poll_lock */
static _Atomic(u_int) poll_waiters;

void
poll_notify(void)
{
	/*
	 * The caller has changed something under a lock, which those who watch
	 * take when they look: they came to it first, and are seen here, or
	 * come later and see the change.
	 */
	if (atomic_load_explicit(&poll_waiters, memory_order_relaxed) == 0)
		return;
	spin_enter(&poll_lock);
	poll_gen++;
	spin_exit(&poll_lock);
	wakeup(&poll_gen);
}

void
poll_watch(bool on)
{
	if (on)
		atomic_fetch_add_explicit(&poll_waiters, 1,
		    memory_order_relaxed);
	else
		atomic_fetch_sub_explicit(&poll_waiters, 1,
		    memory_order_relaxed);
}

u_int
poll_generation(void)
{
	u_int gen;

	spin_enter(&poll_lock);
	gen = poll_gen;
	spin_exit(&poll_lock);
	return gen;
}

int
poll_sleep(u_int gen, uint64_t deadline)
{
	int error = 0;

	spin_enter(&poll_lock);
	while (gen == poll_gen && error == 0)
		error = sleep_spin(&poll_gen, &poll_lock, SLEEP_INTR, deadline,
		    "poll");
	spin_exit(&poll_lock);
	return error;
}

/* Look at every file once; how many have something to tell. */
static u_int
poll_scan(struct abi_pollfd *fds, u_int n)
{
	struct file *f;
	u_int i, events, ready = 0;

	for (i = 0; i < n; i++) {
		fds[i].revents = 0;
		if (fds[i].fd < 0)
			continue;
		if (fd_get(fds[i].fd, &f) != 0)
			events = POLLNVAL;
		else {
			events = f->f_ops->fop_poll != NULL
				     ? f->f_ops->fop_poll(f)
				     : POLLIN | POLLOUT;
			file_rele(f);
		}
		events &= (u_int)(uint16_t)fds[i].events | POLL_ALWAYS;
		fds[i].revents = (int16_t)events;
		if (events != 0)
			ready++;
	}
	return ready;
}

/*
 * Wait until some file is ready, or until deadline (0: for ever; 1: not at
 * all).  *readyp may be 0.  EINTR.
 */
static int
poll_wait(struct abi_pollfd *fds, u_int n, uint64_t deadline, u_int *readyp)
{
	u_int gen;
	int error = 0;

	poll_watch(true);
	for (;;) {
		gen = poll_generation();
		*readyp = poll_scan(fds, n);
		if (*readyp > 0 || deadline == 1 || error == ETIMEDOUT)
			break;
		error = poll_sleep(gen, deadline);
		if (error != 0 && error != ETIMEDOUT)
			break;
	}
	poll_watch(false);
	return error == ETIMEDOUT ? 0 : error;
}

uint64_t
poll_deadline(uint64_t ns)
{
	uint64_t now = md_time_ns();

	if (ns == 0)
		return 1;
	return ns > UINT64_MAX - now ? UINT64_MAX : now + ns;
}

static long
do_poll(vaddr_t ufds, u_int n, uint64_t deadline)
{
	struct abi_pollfd fast[8], *fds = fast;
	size_t len = n * sizeof(*fds);
	u_int ready = 0;
	int error;

	if (n > POLL_MAX || n > curproc()->ps_rlimit[RLIMIT_NOFILE].rlim_cur)
		return -EINVAL;
	if (n > nitems(fast)) {
		fds = kmem_alloc(len, 0);
		if (fds == NULL)
			return -ENOMEM;
	}
	error = n == 0 ? 0 : copyin(ufds, fds, len);
	if (error == 0)
		error = poll_wait(fds, n, deadline, &ready);
	if (error == 0 && n > 0)
		error = copyout(fds, ufds, len);
	if (fds != fast)
		kmem_free(fds, len);
	if (error != 0)
		return error == EINTR ? -ERESTARTNOHAND : -error;
	return ready;
}

long
sys_poll(const uintptr_t *a)
{
	int ms = (int)a[2];

	return do_poll(a[0], (u_int)a[1],
	    ms < 0 ? 0 : poll_deadline((uint64_t)ms * 1000000));
}

int
poll_timespec(vaddr_t uts, uint64_t *deadlinep)
{
	struct abi_timespec ts;
	uint64_t ns;
	int error;

	*deadlinep = 0;
	if (uts == 0)
		return 0;
	error = copyin(uts, &ts, sizeof(ts));
	if (error == 0)
		error = time_from_timespec(&ts, &ns);
	if (error == 0)
		*deadlinep = poll_deadline(ns);
	return error;
}

/* What is left of the time, into user memory if it can be. */
static void
put_left(vaddr_t uts, uint64_t deadline, bool timeval)
{
	struct abi_timespec ts;
	struct abi_timeval tv;
	uint64_t now = md_time_ns();

	if (uts == 0)
		return;
	ts = time_timespec(deadline > now ? deadline - now : 0);
	tv = time_timeval(deadline > now ? deadline - now : 0);
	if (timeval)
		(void)copyout(&tv, uts, sizeof(tv));
	else
		(void)copyout(&ts, uts, sizeof(ts));
}

int
poll_mask_begin(vaddr_t umask, size_t size, bool *setp, uint64_t *oldp)
{
	uint64_t mask;
	int error;

	*setp = false;
	if (umask == 0)
		return 0;
	if (size != sizeof(mask))
		return EINVAL;
	error = copyin(umask, &mask, sizeof(mask));
	if (error == 0) {
		*oldp = sig_mask(mask);
		*setp = true;
	}
	return error;
}

void
poll_mask_end(bool set, uint64_t old, long result)
{
	struct lwp *l = curlwp();

	if (!set)
		return;
	if (result == -ERESTARTNOHAND) {
		l->l_oldmask = old;
		l->l_restoremask = true;
	} else
		(void)sig_mask(old);
}

long
sys_ppoll(const uintptr_t *a)
{
	uint64_t deadline, old = 0;
	bool set;
	long ret;
	int error;

	error = poll_timespec(a[2], &deadline);
	if (error == 0)
		error = poll_mask_begin(a[3], a[4], &set, &old);
	if (error != 0)
		return -error;
	ret = do_poll(a[0], (u_int)a[1], deadline);
	poll_mask_end(set, old, ret);
	put_left(a[2], deadline, false);
	return ret;
}

/*
 * select() is poll() over the descriptors that are in one of three sets of
 * bits, which come as one buffer: in, out, exceptional, words each.
 */
static u_int
select_to_poll(const uint64_t *bits, u_int words, struct abi_pollfd *fds,
    u_int nfds)
{
	u_int fd, n = 0;
	uint64_t bit;
	u_int ev;

	for (fd = 0; fd < nfds; fd++) {
		bit = (uint64_t)1 << fd % 64;
		ev = (bits[fd / 64] & bit) != 0 ? SELECT_IN : 0;
		if ((bits[words + fd / 64] & bit) != 0)
			ev |= SELECT_OUT;
		if ((bits[2 * words + fd / 64] & bit) != 0)
			ev |= SELECT_EX;
		if (ev == 0)
			continue;
		if (fds != NULL) {
			fds[n].fd = (int32_t)fd;
			fds[n].events = (int16_t)ev;
		}
		n++;
	}
	return n;
}

/* The sets of what is ready, where it was asked for; bits, or EBADF. */
static int
poll_to_select(const struct abi_pollfd *fds, u_int n, uint64_t *bits,
    u_int words, u_int *readyp)
{
	static const u_int masks[] = {SELECT_IN, SELECT_OUT, SELECT_EX};
	uint64_t want, bit;
	u_int i, k, word, rev;

	*readyp = 0;
	for (i = 0; i < n; i++) {
		rev = (uint16_t)fds[i].revents;
		if ((rev & POLLNVAL) != 0)
			return EBADF;
		word = (u_int)fds[i].fd / 64;
		bit = (uint64_t)1 << (u_int)fds[i].fd % 64;
		for (k = 0; k < 3; k++) {
			want = bits[k * words + word] & bit;
			if (want != 0 && (rev & masks[k]) == 0)
				bits[k * words + word] &= ~bit;
			else if (want != 0)
				(*readyp)++;
		}
	}
	return 0;
}

static long
do_select(u_int nfds, const vaddr_t usets[3], uint64_t deadline)
{
	u_int words = (nfds + 63) / 64, n, k, ready = 0;
	size_t setlen = words * sizeof(uint64_t), pollen = 0;
	struct abi_pollfd *fds = NULL;
	uint64_t *bits;
	int error = 0;

	if (nfds > POLL_MAX)
		return -EINVAL;
	bits = kmem_alloc(3 * setlen + 1, PA_ZERO);
	if (bits == NULL)
		return -ENOMEM;
	for (k = 0; k < 3 && error == 0; k++) {
		if (usets[k] != 0 && words > 0)
			error = copyin(usets[k], bits + k * words, setlen);
	}
	n = error == 0 ? select_to_poll(bits, words, NULL, nfds) : 0;
	if (n > 0) {
		pollen = n * sizeof(*fds);
		fds = kmem_alloc(pollen, 0);
		if (fds == NULL)
			error = ENOMEM;
		else
			(void)select_to_poll(bits, words, fds, nfds);
	}
	if (error == 0)
		error = poll_wait(fds, n, deadline, &ready);
	if (error == 0)
		error = poll_to_select(fds, n, bits, words, &ready);
	for (k = 0; k < 3 && error == 0; k++) {
		if (usets[k] != 0 && words > 0)
			error = copyout(bits + k * words, usets[k], setlen);
	}
	if (fds != NULL)
		kmem_free(fds, pollen);
	kmem_free(bits, 3 * setlen + 1);
	if (error != 0)
		return error == EINTR ? -ERESTARTNOHAND : -error;
	return ready;
}

long
sys_select(const uintptr_t *a)
{
	const vaddr_t sets[3] = {a[1], a[2], a[3]};
	struct abi_timeval tv;
	uint64_t ns, deadline = 0;
	long ret;
	int error = 0;

	if (a[4] != 0) {
		error = copyin(a[4], &tv, sizeof(tv));
		if (error == 0)
			error = time_from_timeval(&tv, &ns);
		if (error != 0)
			return -error;
		deadline = poll_deadline(ns);
	}
	ret = (int)a[0] < 0 ? -EINVAL : do_select((u_int)a[0], sets, deadline);
	put_left(a[4], deadline, true);
	return ret;
}

long
sys_pselect6(const uintptr_t *a)
{
	const vaddr_t sets[3] = {a[1], a[2], a[3]};
	uintptr_t sig[2] = {0, 0}; /* mask and its size */
	uint64_t deadline, old = 0;
	bool set;
	long ret;
	int error;

	if ((int)a[0] < 0)
		return -EINVAL;
	error = poll_timespec(a[4], &deadline);
	if (error == 0 && a[5] != 0)
		error = copyin(a[5], sig, sizeof(sig));
	if (error == 0)
		error = poll_mask_begin(sig[0], sig[1], &set, &old);
	if (error != 0)
		return -error;
	ret = do_select((u_int)a[0], sets, deadline);
	poll_mask_end(set, old, ret);
	put_left(a[4], deadline, false);
	return ret;
}
