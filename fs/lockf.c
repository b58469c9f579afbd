/*
 * lockf.c: advisory locks on files: flock(2), and the record locks of
 * fcntl(2) for processes and for open files.
 *
 * A lock is a range of bytes, a mode and an owner: the open file for flock
 * and for F_OFD_*, the descriptor table for F_SETLK, which is why a process
 * loses those on the first close of any descriptor of the file.  The locks
 * of a vnode are one list without an order.  flock's never meet the others.
 *
 * One mutex guards all lists: locks are rare and held for long, but taking one
 * is short.  Who has to wait sleeps on the vnode, and is woken by every
 * release there.  Processes that wait for each other are not found out:
 * EDEADLK is never answered.
 *
 * Protection:
 *	I	constant
 *	k	lockf_lock
 */
#include <fs/lockf.h>

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <uvm/object.h>
#include <kern/syscalls.h>

#define RANGE_END INT64_MAX /* the last byte any file can have */

struct filelock {
	SLIST_ENTRY(filelock) fl_link; /* [k] of v_locks */
	const void *fl_owner;          /* [I] */
	pid_t fl_pid;                  /* [I] -1: an open file's */
	bool fl_flock;                 /* [I] made by flock() */
	bool fl_write;                 /* [I] exclusive */
	off_t fl_start, fl_end;        /* [k] first and last byte */
};

static struct mutex lockf_lock = MUTEX_INITIALIZER(RANK_VNODE);

static bool
overlaps(const struct filelock *a, const struct filelock *b)
{
	return a->fl_start <= b->fl_end && b->fl_start <= a->fl_end;
}

static bool
same_owner(const struct filelock *a, const struct filelock *b)
{
	return a->fl_owner == b->fl_owner && a->fl_flock == b->fl_flock;
}

/* A lock that want would have to wait for, or NULL. */
static struct filelock *
conflict(struct vnode *vp, const struct filelock *want)
{
	struct filelock *fl;

	KASSERT(mutex_held(&lockf_lock));
	SLIST_FOREACH(fl, &vp->v_locks, fl_link) {
		if (fl->fl_flock == want->fl_flock && !same_owner(fl, want) &&
		    (fl->fl_write || want->fl_write) && overlaps(fl, want))
			return fl;
	}
	return NULL;
}

static void
remove_lock(struct vnode *vp, struct filelock *fl)
{
	SLIST_REMOVE(&vp->v_locks, fl, filelock, fl_link);
	kmem_free(fl, sizeof(*fl));
}

/*
 * Take want's range out of what its owner has.  A lock in whose middle it
 * lies falls in two, for which *sparep is used up.
 */
static void
cut(struct vnode *vp, const struct filelock *want, struct filelock **sparep)
{
	struct filelock *fl, *next, *tail;

	KASSERT(mutex_held(&lockf_lock));
	for (fl = SLIST_FIRST(&vp->v_locks); fl != NULL; fl = next) {
		next = SLIST_NEXT(fl, fl_link);
		if (!same_owner(fl, want) || !overlaps(fl, want))
			continue;
		if (fl->fl_start < want->fl_start &&
		    fl->fl_end > want->fl_end) {
			tail = *sparep;
			*sparep = NULL;
			KASSERT(tail != NULL);
			*tail = *fl;
			tail->fl_start = want->fl_end + 1;
			fl->fl_end = want->fl_start - 1;
			SLIST_INSERT_HEAD(&vp->v_locks, tail, fl_link);
			break; /* nothing else of his can overlap */
		}
		if (fl->fl_start < want->fl_start)
			fl->fl_end = want->fl_start - 1;
		else if (fl->fl_end > want->fl_end)
			fl->fl_start = want->fl_end + 1;
		else
			remove_lock(vp, fl);
	}
}

/* Let fl swallow neighbours of the same owner and mode. */
static void
merge(struct vnode *vp, struct filelock *fl)
{
	struct filelock *o, *next;

	for (o = SLIST_FIRST(&vp->v_locks); o != NULL; o = next) {
		next = SLIST_NEXT(o, fl_link);
		if (o == fl || !same_owner(o, fl) ||
		    o->fl_write != fl->fl_write)
			continue;
		if (o->fl_start > fl->fl_start && o->fl_start - 1 == fl->fl_end)
			fl->fl_end = o->fl_end;
		else if (fl->fl_start > o->fl_start &&
			 fl->fl_start - 1 == o->fl_end)
			fl->fl_start = o->fl_start;
		else
			continue;
		remove_lock(vp, o);
	}
}

/*
 * Put want in place, or with unlock take its range away.  wait: sleep until
 * it can be had.  EAGAIN, EINTR, ENOMEM.
 */
static int
lock_range(struct vnode *vp, const struct filelock *want, bool unlock,
    bool wait)
{
	struct filelock *new, *spare;
	int error = 0;

	new = kmem_alloc(sizeof(*new), 0);
	spare = kmem_alloc(sizeof(*spare), 0);
	if (new == NULL || spare == NULL)
		error = ENOMEM;
	/* Who closes it after this call knows; who does before, need not. */
	atomic_store_explicit(&vp->v_waslocked, true, memory_order_relaxed);
	mutex_enter(&lockf_lock);
	while (error == 0 && !unlock && conflict(vp, want) != NULL) {
		if (!wait)
			error = EAGAIN;
		else
			error = sleep_mutex(&vp->v_locks, &lockf_lock,
			    SLEEP_INTR, 0, "filelock");
	}
	if (error == 0) {
		cut(vp, want, &spare);
		if (!unlock) {
			*new = *want;
			SLIST_INSERT_HEAD(&vp->v_locks, new, fl_link);
			merge(vp, new);
			new = NULL;
		}
		/* A weaker lock lets others in as well. */
		wakeup(&vp->v_locks);
	}
	mutex_exit(&lockf_lock);
	if (new != NULL)
		kmem_free(new, sizeof(*new));
	if (spare != NULL)
		kmem_free(spare, sizeof(*spare));
	return error;
}

void
lockf_drop(struct vnode *vp, const void *owner)
{
	struct filelock *fl, *next;
	bool any = false;

	mutex_enter(&lockf_lock);
	for (fl = SLIST_FIRST(&vp->v_locks); fl != NULL; fl = next) {
		next = SLIST_NEXT(fl, fl_link);
		if (fl->fl_owner == owner) {
			remove_lock(vp, fl);
			any = true;
		}
	}
	if (any)
		wakeup(&vp->v_locks);
	mutex_exit(&lockf_lock);
}

long
sys_flock(const uintptr_t *a)
{
	struct filelock want = {.fl_pid = -1,
	    .fl_flock = true,
	    .fl_end = RANGE_END};
	u_int op = (u_int)a[1] & ~LOCK_NB;
	struct file *f;
	int error;

	if (op != LOCK_SH && op != LOCK_EX && op != LOCK_UN)
		return -EINVAL;
	error = fd_get((int)a[0], &f);
	if (error != 0)
		return -error;
	want.fl_owner = f;
	want.fl_write = op == LOCK_EX;
	error = lock_range(f->f_vnode, &want, op == LOCK_UN,
	    ((u_int)a[1] & LOCK_NB) == 0);
	file_rele(f);
	return -restart(error);
}

/* The range that l means for f.  EINVAL, EOVERFLOW. */
static int
range_of(struct file *f, const struct abi_flock *l, struct filelock *fl)
{
	off_t base, start, end;

	switch (l->l_whence) {
	case SEEK_SET:
		base = 0;
		break;
	case SEEK_CUR:
		mutex_enter(&f->f_lock);
		base = f->f_offset;
		mutex_exit(&f->f_lock);
		break;
	case SEEK_END:
		base =
		    f->f_vnode->v_obj == NULL
			? 0
			: (off_t)
			      atomic_load_explicit(&f->f_vnode->v_obj->uo_size,
				  memory_order_relaxed);
		break;
	default:
		return EINVAL;
	}
	if (__builtin_add_overflow(base, l->l_start, &start))
		return EOVERFLOW;
	if (l->l_len > 0) {
		if (__builtin_add_overflow(start, l->l_len - 1, &end))
			return EOVERFLOW;
	} else if (l->l_len == 0)
		end = RANGE_END;
	else {
		end = start - 1;
		if (__builtin_add_overflow(start, l->l_len, &start))
			return EINVAL;
	}
	if (start < 0 || end < start)
		return EINVAL;
	fl->fl_start = start;
	fl->fl_end = end;
	return 0;
}

/* F_GETLK: what is in the way of want goes to l. */
static void
tell_conflict(struct vnode *vp, const struct filelock *want,
    struct abi_flock *l)
{
	const struct filelock *fl;

	mutex_enter(&lockf_lock);
	fl = conflict(vp, want);
	if (fl == NULL)
		l->l_type = F_UNLCK;
	else {
		l->l_type = fl->fl_write ? F_WRLCK : F_RDLCK;
		l->l_whence = SEEK_SET;
		l->l_start = fl->fl_start;
		l->l_len =
		    fl->fl_end == RANGE_END ? 0 : fl->fl_end - fl->fl_start + 1;
		l->l_pid = fl->fl_pid;
	}
	mutex_exit(&lockf_lock);
}

long
lockf_fcntl(struct file *f, int fd, int cmd, vaddr_t ul)
{
	bool ofd = cmd >= F_OFD_GETLK, get, wait;
	struct fsproc *fp = curproc()->ps_fs;
	struct filelock want = {0};
	struct abi_flock l;
	int error;

	get = cmd == F_GETLK || cmd == F_OFD_GETLK;
	wait = cmd == F_SETLKW || cmd == F_OFD_SETLKW;
	if (copyin(ul, &l, sizeof(l)) != 0)
		return -EFAULT;
	if (ofd && l.l_pid != 0)
		return -EINVAL;
	want.fl_owner = ofd ? (const void *)f : fp->fp_fd;
	want.fl_pid = ofd ? -1 : curproc()->ps_pid;
	want.fl_write = l.l_type == F_WRLCK;
	error = range_of(f, &l, &want);
	if (error == 0 && l.l_type != F_RDLCK && l.l_type != F_WRLCK &&
	    (l.l_type != F_UNLCK || get))
		error = EINVAL;
	if (error == 0 && get) {
		tell_conflict(f->f_vnode, &want, &l);
		return -copyout(&l, ul, sizeof(l));
	}
	if (error == 0 && ((l.l_type == F_RDLCK && !file_canread(f)) ||
			      (l.l_type == F_WRLCK && !file_canwrite(f))))
		error = EBADF;
	if (error == 0) {
		error =
		    lock_range(f->f_vnode, &want, l.l_type == F_UNLCK, wait);
		/* Closed meanwhile: that close has not seen this lock. */
		if (error == 0 && !ofd && !fd_is(fd, f))
			lockf_drop(f->f_vnode, want.fl_owner);
	}
	return -restart(error);
}
