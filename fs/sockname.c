/*
 * sockname.c: names of local sockets: bind, listen, connect, accept.
 *
 * A socket that has a name is on a list by which connect() finds it: by the
 * vnode that bind() made, or by the bytes of an abstract name.  connect() makes
 * the whole connection, both sides of it, and puts the far side in the
 * listener's queue as a file that nobody has a descriptor of yet; accept()
 * gives it one.  So what the near side writes meanwhile waits in the pipe.
 *
 * Locks: sock_lock is held for all of that but what may sleep, which comes
 * before; who waits for room or for a connection sleeps on the list.
 */
#include "socket.h"

#include <sys/errno.h>
#include <base/print.h>
#include <base/thread.h>
#include <kern/syscalls.h>

static struct spin sock_lock = SPIN_INITIALIZER(RANK_FS);
static LIST_HEAD(, sock) sock_bound = LIST_HEAD_INITIALIZER(sock_bound);

/* sock_lock is let go; whoever waits looks again. */
static void
changed(void)
{
	spin_exit(&sock_lock);
	wakeup(&sock_bound);
	poll_notify();
}

static bool
is_abstract(const struct sockname *sn)
{
	return sn->sn_path[0] == '\0';
}

/* The address of len bytes at user address va; a path ends in a NUL. */
static int
name_get(vaddr_t va, size_t len, struct sockname *sn)
{
	const size_t head = sizeof(sn->sn_family);

	memset(sn, 0, sizeof(*sn));
	if ((int32_t)len < 0 || len > head + SOCKNAME_MAX)
		return EINVAL;
	if (copyin(va, sn, len) != 0)
		return EFAULT;
	if (len <= head || sn->sn_family != AF_UNIX)
		return EINVAL;
	sn->sn_len = (u_int)len;
	if (is_abstract(sn))
		return 0;
	if (strnlen(sn->sn_path, SOCKNAME_MAX) == SOCKNAME_MAX)
		return EINVAL;
	sn->sn_len = (u_int)(head + strlen(sn->sn_path) + 1);
	return 0;
}

/* sn to the user's buffer of *ulen bytes at va; *ulen is what it takes. */
static int
name_put(const struct sockname *sn, vaddr_t va, vaddr_t ulen)
{
	int32_t len, real = (int32_t)sn->sn_len;

	if (copyin(ulen, &len, sizeof(len)) != 0)
		return EFAULT;
	if (len < 0)
		return EINVAL;
	if (copyout(sn, va, (size_t)MIN(len, real)) != 0)
		return EFAULT;
	return copyout(&real, ulen, sizeof(real));
}

/* Who has the name: vp, or sn if vp is NULL; or NULL.  sock_lock held. */
static struct sock *
find(const struct vnode *vp, const struct sockname *sn)
{
	struct sock *so;

	KASSERT(spin_held(&sock_lock));
	LIST_FOREACH(so, &sock_bound, so_bound)
		if (vp != NULL ? so->so_vnode == vp
			       : so->so_vnode == NULL &&
				     so->so_name.sn_len == sn->sn_len &&
				     memcmp(so->so_name.sn_path, sn->sn_path,
					 sn->sn_len - SOCKNAME_NONE) == 0)
			return so;
	return NULL;
}

bool
sock_acceptable(struct sock *so)
{
	bool any;

	spin_enter(&sock_lock);
	any = !TAILQ_EMPTY(&so->so_waiting);
	spin_exit(&sock_lock);
	return any;
}

void
sock_unbind(struct sock *so)
{
	struct sockq gone = TAILQ_HEAD_INITIALIZER(gone);
	struct sock *q;

	spin_enter(&sock_lock);
	TAILQ_CONCAT(&gone, &so->so_waiting, so_link);
	if (so->so_listed)
		LIST_REMOVE(so, so_bound);
	changed();
	vrele(so->so_vnode);
	while ((q = TAILQ_FIRST(&gone)) != NULL) {
		TAILQ_REMOVE(&gone, q, so_link);
		file_rele(q->so_file);
	}
}

/* A file for the name; what is there already is in use. */
static int
make_name(const struct sockname *sn, struct vnode **vpp)
{
	struct lookup lk = {.lk_flags = LK_PARENT};
	int error;

	vfs_enter();
	error = vfs_walk(NULL, sn->sn_path, &lk);
	if (error == 0) {
		error = vfs_make(&lk, S_IFSOCK | 0777, 0, NULL, vpp);
		vfs_walk_done(&lk);
	}
	vfs_exit();
	return error == EEXIST ? EADDRINUSE : error;
}

/* bind(fd, address, len) */
long
sys_bind(const uintptr_t *a)
{
	struct vnode *vp = NULL;
	struct sockname sn;
	struct sock *so;
	struct file *f;
	int error;

	error = sock_file((int)a[0], &f);
	if (error != 0)
		return -error;
	so = f->f_data;
	error = name_get(a[1], a[2], &sn);
	if (error == 0 && !is_abstract(&sn))
		error = make_name(&sn, &vp);
	if (error == 0) {
		spin_enter(&sock_lock);
		if (so->so_name.sn_len > SOCKNAME_NONE)
			error = EINVAL;
		else if (find(vp, &sn) != NULL)
			error = EADDRINUSE;
		else {
			so->so_name = sn;
			so->so_vnode = vp;
			vp = NULL;
			so->so_listed = true;
			LIST_INSERT_HEAD(&sock_bound, so, so_bound);
		}
		spin_exit(&sock_lock);
	}
	vrele(vp);
	file_rele(f);
	return -error;
}

/* listen(fd, backlog) */
long
sys_listen(const uintptr_t *a)
{
	struct sock *so;
	struct file *f;
	int error;

	error = sock_file((int)a[0], &f);
	if (error != 0)
		return -error;
	so = f->f_data;
	spin_enter(&sock_lock);
	if (so->so_name.sn_len == SOCKNAME_NONE ||
	    (sock_state(so) != SO_IDLE && sock_state(so) != SO_LISTENING))
		error = EINVAL;
	else {
		so->so_backlog = (u_int)MIN((u_int)a[1], 4096u) + 1;
		so->so_cred = sock_me();
		atomic_store_explicit(&so->so_state, SO_LISTENING,
		    memory_order_release);
	}
	changed();
	file_rele(f);
	return -error;
}

/* The socket that sn leads to; *vpp NULL: by the name alone. */
static int
resolve(const struct sockname *sn, struct vnode **vpp)
{
	struct lookup lk = {.lk_flags = LK_FOLLOW};
	int error;

	*vpp = NULL;
	if (is_abstract(sn))
		return 0;
	vfs_enter();
	error = vfs_walk(NULL, sn->sn_path, &lk);
	if (error == 0) {
		error = vfs_access(lk.lk_vp, W_OK, false);
		if (error == 0 && (lk.lk_vp->v_mode & S_IFMT) != S_IFSOCK)
			error = ECONNREFUSED;
		if (error == 0) {
			*vpp = lk.lk_vp;
			vref(*vpp);
		}
		vfs_walk_done(&lk);
	}
	vfs_exit();
	return error;
}

/*
 * The listener at vp or sn, when it has room for one more.  sock_lock held,
 * and let go while this waits.
 */
static int
listener(const struct vnode *vp, const struct sockname *sn, bool wait,
    struct sock **sop)
{
	int error = 0;

	while (error == 0) {
		*sop = find(vp, sn);
		if (*sop == NULL || sock_state(*sop) != SO_LISTENING)
			return ECONNREFUSED;
		if ((*sop)->so_nwaiting < (*sop)->so_backlog)
			return 0;
		error = wait ? sleep_spin(&sock_bound, &sock_lock, SLEEP_INTR,
				   0, "connect")
			     : EAGAIN;
	}
	return error;
}

/* so becomes one side of a connection, of which far is the other. */
static int
connect(struct sock *so, const struct vnode *vp, const struct sockname *sn,
    bool wait)
{
	struct sock near = {0}, other = {0}, *to, *far;
	struct file *f;
	int error;

	error = sock_ends(&near, &other);
	if (error != 0)
		return error;
	error = sock_new(&other, 0, &f);
	if (error != 0) {
		sock_ends_rele(&near);
		return error;
	}
	far = f->f_data;
	far->so_file = f;
	far->so_cred = sock_me();
	spin_enter(&sock_lock);
	far->so_peer = so->so_name;
	if (sock_state(so) != SO_IDLE)
		error = sock_state(so) == SO_CONNECTED    ? EISCONN
			: sock_state(so) == SO_CONNECTING ? EALREADY
							  : EINVAL;
	else {
		atomic_store_explicit(&so->so_state, SO_CONNECTING,
		    memory_order_relaxed);
		error = listener(vp, sn, wait, &to);
		if (error != 0)
			atomic_store_explicit(&so->so_state, SO_IDLE,
			    memory_order_relaxed);
	}
	if (error != 0) {
		spin_exit(&sock_lock);
		sock_ends_rele(&near);
		file_rele(f);
		return error;
	}
	far->so_name = so->so_peer = to->so_name;
	so->so_cred = to->so_cred;
	so->so_in = near.so_in;
	so->so_out = near.so_out;
	so->so_rx = near.so_rx;
	so->so_tx = near.so_tx;
	atomic_store_explicit(&so->so_state, SO_CONNECTED,
	    memory_order_release);
	TAILQ_INSERT_TAIL(&to->so_waiting, far, so_link);
	to->so_nwaiting++;
	changed();
	return 0;
}

/* connect(fd, address, len) */
long
sys_connect(const uintptr_t *a)
{
	struct sockname sn;
	struct vnode *vp;
	struct file *f;
	int error;

	error = sock_file((int)a[0], &f);
	if (error != 0)
		return -error;
	error = name_get(a[1], a[2], &sn);
	if (error == 0)
		error = resolve(&sn, &vp);
	if (error == 0) {
		error = connect(f->f_data, vp, &sn,
		    (file_flags(f) & O_NONBLOCK) == 0);
		vrele(vp);
	}
	file_rele(f);
	return -restart(error);
}

/* The first that waits; waits for one itself. */
static int
accept(struct sock *so, bool wait, struct sock **sop)
{
	int error = 0;

	spin_enter(&sock_lock);
	while (error == 0) {
		*sop = TAILQ_FIRST(&so->so_waiting);
		if (*sop != NULL)
			break;
		error = wait ? sleep_spin(&sock_bound, &sock_lock, SLEEP_INTR,
				   0, "accept")
			     : EAGAIN;
	}
	if (error == 0) {
		TAILQ_REMOVE(&so->so_waiting, *sop, so_link);
		so->so_nwaiting--;
	}
	changed();
	return error;
}

static long
do_accept(const uintptr_t *a, u_int flags)
{
	struct sockname peer;
	struct sock *so;
	struct file *f;
	int error;

	if ((flags & ~(O_NONBLOCK | O_CLOEXEC)) != 0)
		return -EINVAL;
	error = sock_file((int)a[0], &f);
	if (error != 0)
		return -error;
	error = EINVAL;
	if (sock_state(f->f_data) == SO_LISTENING)
		error =
		    accept(f->f_data, (file_flags(f) & O_NONBLOCK) == 0, &so);
	file_rele(f);
	if (error != 0)
		return -restart(error);
	peer = so->so_peer;
	if (a[1] != 0)
		error = name_put(&peer, a[1], a[2]);
	if (error != 0) {
		file_rele(so->so_file);
		return -error;
	}
	atomic_fetch_or_explicit(&so->so_file->f_flags, flags & O_NONBLOCK,
	    memory_order_relaxed);
	return fd_install(so->so_file, 0, (flags & O_CLOEXEC) != 0);
}

long
sys_accept(const uintptr_t *a)
{
	return do_accept(a, 0);
}

long
sys_accept4(const uintptr_t *a)
{
	return do_accept(a, (u_int)a[3]);
}

static long
tell_name(const uintptr_t *a, bool peer)
{
	struct sockname sn;
	struct sock *so;
	struct file *f;
	int error;

	error = sock_file((int)a[0], &f);
	if (error != 0)
		return -error;
	so = f->f_data;
	if (peer && sock_state(so) != SO_CONNECTED)
		error = ENOTCONN;
	spin_enter(&sock_lock);
	sn = peer ? so->so_peer : so->so_name;
	spin_exit(&sock_lock);
	file_rele(f);
	return error != 0 ? -error : -name_put(&sn, a[1], a[2]);
}

long
sys_getsockname(const uintptr_t *a)
{
	return tell_name(a, false);
}

long
sys_getpeername(const uintptr_t *a)
{
	return tell_name(a, true);
}
