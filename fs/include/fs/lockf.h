/*
 * lockf.h: advisory locks on files.
 */
#ifndef FS_LOCKF_H
#define FS_LOCKF_H

#include <fs/file.h>

/*
 * lockf_fcntl: F_GETLK, F_SETLK, F_SETLKW and their F_OFD_ kin on f, which
 *	is the caller's descriptor fd, with the struct flock at user address
 *	ul.  0 or -errno as fcntl(2) has it, but never EDEADLK; -ERESTARTSYS
 *	when a signal ended the wait.
 * lockf_drop: owner (an open file, or a descriptor table) loses its locks on
 *	vp.  May sleep.
 * Neither: locks held.
 */
long lockf_fcntl(struct file *f, int fd, int cmd, vaddr_t ul);
void lockf_drop(struct vnode *vp, const void *owner);

/* lockf_drop() if there is any reason to. */
static inline void
lockf_close(struct vnode *vp, const void *owner)
{
	if (atomic_load_explicit(&vp->v_waslocked, memory_order_relaxed))
		lockf_drop(vp, owner);
}

#endif
