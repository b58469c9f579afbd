/*
 * sys_cred.c: system calls about identities.
 *
 * A process changes only its own, under its lock; root may become anybody,
 * others what they have been.
 */
#include <kern/syscalls.h>
#include <sys/errno.h>
#include <kern/proc.h>

#define KEEP ((uid_t)-1)

long
sys_getuid(const uintptr_t *args __unused)
{
	return curproc()->ps_cred.cr_uid;
}

long
sys_geteuid(const uintptr_t *args __unused)
{
	return curproc()->ps_cred.cr_euid;
}

long
sys_getgid(const uintptr_t *args __unused)
{
	return curproc()->ps_cred.cr_gid;
}

long
sys_getegid(const uintptr_t *args __unused)
{
	return curproc()->ps_cred.cr_egid;
}

static bool
uid_mine(const struct ucred *cr, uid_t uid)
{
	return uid == KEEP || uid == cr->cr_uid || uid == cr->cr_euid ||
	       uid == cr->cr_suid;
}

static bool
gid_mine(const struct ucred *cr, gid_t gid)
{
	return gid == KEEP || gid == cr->cr_gid || gid == cr->cr_egid ||
	       gid == cr->cr_sgid;
}

/* Install new credentials; a change of user makes the process private. */
static long
cred_install(const struct ucred *cr)
{
	struct proc *p = curproc();

	mutex_enter(&p->ps_lock);
	if (cr->cr_euid != p->ps_cred.cr_euid ||
	    cr->cr_egid != p->ps_cred.cr_egid)
		p->ps_dumpable = false;
	p->ps_cred = *cr;
	mutex_exit(&p->ps_lock);
	return 0;
}

long
sys_setresuid(const uintptr_t *args)
{
	uid_t r = (uid_t)args[0], e = (uid_t)args[1], s = (uid_t)args[2];
	struct ucred cr = curproc()->ps_cred;

	if (!cred_is_root() &&
	    (!uid_mine(&cr, r) || !uid_mine(&cr, e) || !uid_mine(&cr, s)))
		return -EPERM;
	if (r != KEEP)
		cr.cr_uid = r;
	if (e != KEEP)
		cr.cr_euid = e;
	if (s != KEEP)
		cr.cr_suid = s;
	cr.cr_fsuid = cr.cr_euid;
	return cred_install(&cr);
}

long
sys_setresgid(const uintptr_t *args)
{
	gid_t r = (gid_t)args[0], e = (gid_t)args[1], s = (gid_t)args[2];
	struct ucred cr = curproc()->ps_cred;

	if (!cred_is_root() &&
	    (!gid_mine(&cr, r) || !gid_mine(&cr, e) || !gid_mine(&cr, s)))
		return -EPERM;
	if (r != KEEP)
		cr.cr_gid = r;
	if (e != KEEP)
		cr.cr_egid = e;
	if (s != KEEP)
		cr.cr_sgid = s;
	cr.cr_fsgid = cr.cr_egid;
	return cred_install(&cr);
}

long
sys_setuid(const uintptr_t *args)
{
	uid_t uid = (uid_t)args[0];
	struct ucred cr = curproc()->ps_cred;

	if (uid == KEEP)
		return -EINVAL;
	if (cred_is_root())
		cr.cr_uid = cr.cr_suid = uid;
	else if (uid != cr.cr_uid && uid != cr.cr_suid)
		return -EPERM;
	cr.cr_euid = cr.cr_fsuid = uid;
	return cred_install(&cr);
}

long
sys_setgid(const uintptr_t *args)
{
	gid_t gid = (gid_t)args[0];
	struct ucred cr = curproc()->ps_cred;

	if (gid == KEEP)
		return -EINVAL;
	if (cred_is_root())
		cr.cr_gid = cr.cr_sgid = gid;
	else if (gid != cr.cr_gid && gid != cr.cr_sgid)
		return -EPERM;
	cr.cr_egid = cr.cr_fsgid = gid;
	return cred_install(&cr);
}

long
sys_setreuid(const uintptr_t *args)
{
	uid_t r = (uid_t)args[0], e = (uid_t)args[1];
	struct ucred cr = curproc()->ps_cred;

	if (!cred_is_root() &&
	    ((r != KEEP && r != cr.cr_uid && r != cr.cr_euid) ||
		!uid_mine(&cr, e)))
		return -EPERM;
	if (e != KEEP)
		cr.cr_euid = e;
	if (r != KEEP || (e != KEEP && e != cr.cr_uid))
		cr.cr_suid = cr.cr_euid;
	if (r != KEEP)
		cr.cr_uid = r;
	cr.cr_fsuid = cr.cr_euid;
	return cred_install(&cr);
}

long
sys_setregid(const uintptr_t *args)
{
	gid_t r = (gid_t)args[0], e = (gid_t)args[1];
	struct ucred cr = curproc()->ps_cred;

	if (!cred_is_root() &&
	    ((r != KEEP && r != cr.cr_gid && r != cr.cr_egid) ||
		!gid_mine(&cr, e)))
		return -EPERM;
	if (e != KEEP)
		cr.cr_egid = e;
	if (r != KEEP || (e != KEEP && e != cr.cr_gid))
		cr.cr_sgid = cr.cr_egid;
	if (r != KEEP)
		cr.cr_gid = r;
	cr.cr_fsgid = cr.cr_egid;
	return cred_install(&cr);
}

/* These two answer the old value, whatever happens. */
long
sys_setfsuid(const uintptr_t *args)
{
	uid_t uid = (uid_t)args[0];
	struct ucred cr = curproc()->ps_cred;
	long old = cr.cr_fsuid;

	if (uid != KEEP && (cred_is_root() || uid_mine(&cr, uid))) {
		cr.cr_fsuid = uid;
		(void)cred_install(&cr);
	}
	return old;
}

long
sys_setfsgid(const uintptr_t *args)
{
	gid_t gid = (gid_t)args[0];
	struct ucred cr = curproc()->ps_cred;
	long old = cr.cr_fsgid;

	if (gid != KEEP && (cred_is_root() || gid_mine(&cr, gid))) {
		cr.cr_fsgid = gid;
		(void)cred_install(&cr);
	}
	return old;
}

static long
put_three(const uintptr_t *args, uint32_t a, uint32_t b, uint32_t c)
{
	int error;

	error = copyout(&a, args[0], sizeof(a));
	if (error == 0)
		error = copyout(&b, args[1], sizeof(b));
	if (error == 0)
		error = copyout(&c, args[2], sizeof(c));
	return -error;
}

long
sys_getresuid(const uintptr_t *args)
{
	const struct ucred *cr = &curproc()->ps_cred;

	return put_three(args, cr->cr_uid, cr->cr_euid, cr->cr_suid);
}

long
sys_getresgid(const uintptr_t *args)
{
	const struct ucred *cr = &curproc()->ps_cred;

	return put_three(args, cr->cr_gid, cr->cr_egid, cr->cr_sgid);
}

long
sys_getgroups(const uintptr_t *args)
{
	const struct ucred *cr = &curproc()->ps_cred;
	int size = (int)args[0], error;

	if (size < 0)
		return -EINVAL;
	if (size == 0)
		return cr->cr_ngroups;
	if ((u_int)size < cr->cr_ngroups)
		return -EINVAL;
	error = copyout(cr->cr_groups, args[1], cr->cr_ngroups * sizeof(gid_t));
	return error != 0 ? -error : (long)cr->cr_ngroups;
}

long
sys_setgroups(const uintptr_t *args)
{
	struct ucred cr = curproc()->ps_cred;
	u_int n = (u_int)args[0];

	if (!cred_is_root())
		return -EPERM;
	if (n > NGROUPS)
		return -EINVAL;
	if (copyin(args[1], cr.cr_groups, n * sizeof(gid_t)) != 0)
		return -EFAULT;
	cr.cr_ngroups = n;
	return cred_install(&cr);
}

/*
 * Capabilities: root has all of them, nobody else any (linux/capability.h,
 * version 3: two words each).
 */
#define CAP_VERSION 0x20080522u
struct abi_cap_header {
	uint32_t version;
	int32_t pid;
};
struct abi_cap_data {
	uint32_t effective, permitted, inheritable;
};

long
sys_capget(const uintptr_t *args)
{
	struct abi_cap_data data[2] = {{0}};
	struct abi_cap_header h;
	uint32_t want = CAP_VERSION;
	struct proc *p;
	uint64_t caps;

	if (copyin(args[0], &h, sizeof(h)) != 0)
		return -EFAULT;
	if (h.version != CAP_VERSION) {
		if (copyout(&want, args[0], sizeof(want)) != 0)
			return -EFAULT;
		return args[1] == 0 ? 0 : -EINVAL;
	}
	if (h.pid < 0)
		return -EINVAL;
	p = h.pid == 0 ? NULL : proc_find(h.pid);
	if (h.pid != 0 && p == NULL)
		return -ESRCH;
	caps = cred_caps(p != NULL ? p : curproc());
	if (p != NULL)
		proc_rele(p);
	if (args[1] == 0)
		return 0;
	data[0].effective = data[0].permitted = (uint32_t)caps;
	data[1].effective = data[1].permitted = (uint32_t)(caps >> 32);
	return -copyout(data, args[1], sizeof(data));
}

/* Giving up is accepted, since asking for more than root has is not made. */
long
sys_capset(const uintptr_t *args)
{
	struct abi_cap_data data[2];
	struct abi_cap_header h;

	if (copyin(args[0], &h, sizeof(h)) != 0 ||
	    copyin(args[1], data, sizeof(data)) != 0)
		return -EFAULT;
	if (h.version != CAP_VERSION)
		return -EINVAL;
	if (h.pid != 0 && h.pid != curproc()->ps_pid)
		return -EPERM;
	if (!cred_is_root() && (data[0].permitted | data[1].permitted |
				   data[0].effective | data[1].effective) != 0)
		return -EPERM;
	return 0;
}
