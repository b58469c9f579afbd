/*
 * sys_shm.c: shmget() and its relatives.
 */
#include <kern/syscalls.h>
#include <sys/errno.h>
#include <kern/memtab.h>
#include <kern/shm.h>

/* shmget(key, size, flags) */
long
sys_shmget(const uintptr_t *args)
{
	u_int flags = (u_int)args[2];
	int id = -1, error;

	error = mem_refused(MC_shmget, flags & ~0777u);
	if (error == 0)
		error = shm_get((int32_t)args[0], args[1], flags, &id);
	return error != 0 ? -error : id;
}

/* shmat(id, addr, flags): where it is */
long
sys_shmat(const uintptr_t *args)
{
	u_int flags = (u_int)args[2] & (u_int)mem_flags(MC_shmat);
	vaddr_t addr = args[1];
	int error;

	if ((int)args[0] < 0)
		return -EINVAL;
	if (addr % PAGE_SIZE != 0) {
		if ((flags & SHM_RND) == 0)
			return -EINVAL;
		addr = trunc_page(addr);
		if (addr == 0 && (flags & SHM_REMAP))
			return -EINVAL;
	} else if (addr == 0 && (flags & SHM_REMAP))
		return -EINVAL;
	error = shm_attach((int)args[0], &addr, flags);
	return error != 0 ? -error : (long)addr;
}

/* shmdt(addr) */
long
sys_shmdt(const uintptr_t *args)
{
	return args[0] % PAGE_SIZE != 0 ? -EINVAL : -shm_detach(args[0]);
}

struct abi_shminfo {
	uint64_t shmmax, shmmin, shmmni, shmseg, shmall, unused[4];
};

struct abi_shm_info {
	int32_t used_ids, pad;
	uint64_t shm_tot, shm_rss, shm_swp, swap_attempts, swap_successes;
};

static long
shmctl_info(bool limits, vaddr_t to)
{
	struct abi_shminfo si = {.shmmin = 1};
	struct abi_shm_info su = {0};
	struct shm_usage u;
	int error;

	shm_usage(&u);
	if (limits) {
		si.shmmax =
		    atomic_load_explicit(&shm_max, memory_order_relaxed);
		si.shmmni = si.shmseg =
		    atomic_load_explicit(&shm_mni, memory_order_relaxed);
		si.shmall =
		    atomic_load_explicit(&shm_all, memory_order_relaxed);
		error = copyout(&si, to, sizeof(si));
	} else {
		su.used_ids = (int32_t)u.su_nseg;
		su.shm_tot = u.su_npages;
		su.shm_rss = u.su_resident;
		error = copyout(&su, to, sizeof(su));
	}
	return error != 0 ? -error : (long)u.su_max;
}

/* shmctl(id, cmd, buf) */
long
sys_shmctl(const uintptr_t *args)
{
	int id = (int)args[0], cmd = (int)args[1], ret = 0, error;
	struct abi_shmid_ds ds;

	error = mem_command(MC_shmctl, (u_long)cmd);
	if (error != 0 || id < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO:
	case SHM_INFO:
		return shmctl_info(cmd == IPC_INFO, args[2]);
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		error = shm_stat(id, cmd, &ds, &ret);
		if (error == 0)
			error = copyout(&ds, args[2], sizeof(ds));
		break;
	case IPC_SET:
		error = copyin(args[2], &ds, sizeof(ds));
		if (error == 0)
			error = shm_set(id, ds.shm_perm.uid, ds.shm_perm.gid,
			    ds.shm_perm.mode);
		break;
	case IPC_RMID:
		error = shm_remove(id);
		break;
	case SHM_LOCK:
	case SHM_UNLOCK:
		error = shm_setlock(id, cmd == SHM_LOCK);
		break;
	default:
		return -EINVAL;
	}
	return error != 0 ? -error : ret;
}
