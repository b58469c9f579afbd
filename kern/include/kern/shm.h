/*
 * shm.h: System V shared memory.
 *
 * Identifiers and limits are those of shmget(2) and proc_sys_kernel(5).
 * Everything is called with no lock held and may sleep.
 */
#ifndef KERN_SHM_H
#define KERN_SHM_H

#include <kern/proc.h>

/* Bytes of one segment, pages of all, segments: shmmax, shmall, shmmni. */
extern _Atomic(u_long) shm_max, shm_all;
extern _Atomic(u_int) shm_mni;

/*
 * shm_init: once, at boot.
 * shm_get: shmget(); *idp the identifier.  ENOENT, EEXIST, EACCES, EINVAL,
 *	ENOSPC, ENOMEM.
 * shm_attach: map segment id into the caller's space, at *addr or (0)
 *	anywhere; *addr is where.  Flags SHM_*.  EINVAL, EACCES, ENOMEM.
 * shm_detach: unmap what the caller's space attached at addr.  EINVAL.
 * shm_fork: child has what parent has.  ENOMEM: what there is goes with
 *	shm_exit().
 * shm_exit: every attachment of a space that ends; vm_shm is NULL then.
 */
void shm_init(void);
int shm_get(int32_t key, uint64_t size, u_int flags, int *idp);
int shm_attach(int id, vaddr_t *addr, u_int flags);
int shm_detach(vaddr_t addr);
int shm_fork(struct vmspace *parent, struct vmspace *child);
void shm_exit(struct vmspace *vm);

/*
 * shm_stat: IPC_STAT by identifier, SHM_STAT and SHM_STAT_ANY by slot; *idp
 *	what the call returns.  EINVAL, EACCES.
 * shm_set: IPC_SET.  shm_remove: IPC_RMID.  shm_setlock: SHM_LOCK, SHM_UNLOCK.
 *	EINVAL, EPERM; ENOMEM: past RLIMIT_MEMLOCK.
 * shm_next: the first segment from slot *slotp on, which moves behind it; its
 *	resident pages to *rssp.  False: there is none.
 * shm_usage: of all together; su_max: the highest slot in use.
 */
struct shm_usage {
	u_int su_nseg, su_max;
	u_long su_npages, su_resident;
};
int shm_stat(int id, int cmd, struct abi_shmid_ds *ds, int *idp);
int shm_set(int id, uid_t uid, gid_t gid, mode_t mode);
int shm_remove(int id);
int shm_setlock(int id, bool lock);
bool shm_next(u_int *slotp, struct abi_shmid_ds *ds, int *idp, u_long *rssp);
void shm_usage(struct shm_usage *su);

#endif
