/*
 * poll.h: what the calls that wait for one of many files share.
 */
#ifndef FS_POLL_H
#define FS_POLL_H

#include <fs/file.h>

/*
 * poll_watch: while it has been called with true more often than with false,
 *	every change of any file raises the generation.
 * poll_generation: read it, then look at the files, then
 * poll_sleep: sleep until it is no longer gen or until deadline (0: none).
 *	EINTR, ETIMEDOUT.  Being watched.  No lock held.
 */
void poll_watch(bool on);
u_int poll_generation(void);
int poll_sleep(u_int gen, uint64_t deadline);

/*
 * Deadlines of this family: md_time_ns(), 0: never, 1: do not wait.
 * poll_deadline: in ns from now.
 * poll_timespec: of a timeout in user memory (0: none).  EFAULT, EINVAL.
 */
uint64_t poll_deadline(uint64_t ns);
int poll_timespec(vaddr_t uts, uint64_t *deadlinep);

/*
 * poll_mask_begin: put the mask at umask (0: none) in place for a wait.
 *	EFAULT, EINVAL.
 * poll_mask_end: give it what begin gave and the result of the wait: a
 *	signal that ended it is taken under the mask that let it in.
 */
int poll_mask_begin(vaddr_t umask, size_t size, bool *setp, uint64_t *oldp);
void poll_mask_end(bool set, uint64_t old, long result);

/* epoll.c: f, which has f_polled, has lost its last reference.  May sleep. */
void epoll_forget(struct file *f);

#endif
