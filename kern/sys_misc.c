/*
 * sys_misc.c: system calls about the system, limits and a process's settings.
 */
#include <kern/syscalls.h>
#include <sys/errno.h>
#include <base/print.h>
#include <phys/page.h>
#include <port/machdep.h>
#include <kern/memtab.h>
#include <kern/proc.h>
#include <kern/ptimer.h>
#include <kern/time.h>
#include <kern/uts.h>

/* As uname() gives it out. */
struct abi_utsname {
	char sysname[UTS_LEN], nodename[UTS_LEN], release[UTS_LEN],
	    version[UTS_LEN], machine[UTS_LEN], domainname[UTS_LEN];
};

/* Programs look at the release to see what they may try. */
const char kern_sysname[] = "Linux";
const char kern_release[] = "6.17.0-vmspace";
const char kern_version[] = "#1 SMP PREEMPT";
char kern_hostname[UTS_LEN] = "vmspace";
char kern_domainname[UTS_LEN] = "(none)";

long
sys_uname(const uintptr_t *args)
{
	struct abi_utsname u = {.machine = MACHINE_NAME};

	strlcpy(u.sysname, kern_sysname, UTS_LEN);
	strlcpy(u.release, kern_release, UTS_LEN);
	strlcpy(u.version, kern_version, UTS_LEN);
	mutex_enter(&proctree_lock);
	memcpy(u.nodename, kern_hostname, UTS_LEN);
	memcpy(u.domainname, kern_domainname, UTS_LEN);
	mutex_exit(&proctree_lock);
	return -copyout(&u, args[0], sizeof(u));
}

static long
set_name(const uintptr_t *args, char *to)
{
	char name[UTS_LEN] = "";

	if (!cred_is_root())
		return -EPERM;
	if (args[1] >= UTS_LEN)
		return -EINVAL;
	if (copyin(args[0], name, args[1]) != 0)
		return -EFAULT;
	mutex_enter(&proctree_lock);
	memcpy(to, name, UTS_LEN);
	mutex_exit(&proctree_lock);
	return 0;
}

long
sys_sethostname(const uintptr_t *args)
{
	return set_name(args, kern_hostname);
}

long
sys_setdomainname(const uintptr_t *args)
{
	return set_name(args, kern_domainname);
}

struct abi_sysinfo {
	int64_t uptime;
	uint64_t loads[3], totalram, freeram, sharedram, bufferram, totalswap,
	    freeswap;
	uint16_t procs, pad;
	uint32_t pad2;
	uint64_t totalhigh, freehigh;
	uint32_t mem_unit, pad3;
};
_Static_assert(sizeof(struct abi_sysinfo) == 112, "sysinfo");

long
sys_sysinfo(const uintptr_t *args)
{
	struct abi_sysinfo si = {0};
	struct proc *p;

	si.uptime = (int64_t)(md_time_ns() / NSEC);
	/* Every gcc asks: nothing here may cost what memory is large. */
	si.totalram = ptoa(phys_total());
	si.freeram = ptoa(uvm_free_pages());
	si.totalswap =
	    ptoa(atomic_load_explicit(&uvm_swap_total, memory_order_relaxed));
	si.freeswap =
	    si.totalswap -
	    MIN(si.totalswap, ptoa(atomic_load_explicit(&uvm_swap_used,
				  memory_order_relaxed)));
	si.mem_unit = 1;
	mutex_enter(&proctree_lock);
	LIST_FOREACH(p, &proc_all, ps_all)
		si.procs += (uint16_t)proc_threads(p);
	mutex_exit(&proctree_lock);
	return -copyout(&si, args[0], sizeof(si));
}

#define GRND_NONBLOCK 1u
#define GRND_RANDOM   2u
#define GRND_INSECURE 4u

/* getrandom(buf, len, flags) */
long
sys_getrandom(const uintptr_t *args)
{
	const u_int ok = GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE;
	u_int flags = (u_int)args[2];
	size_t len = MIN(args[1], (size_t)INT32_MAX), done, n;
	uint8_t buf[256];

	if ((flags & ~ok) != 0 || (flags & (GRND_RANDOM | GRND_INSECURE)) ==
				      (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	for (done = 0; done < len; done += n) {
		n = MIN(len - done, sizeof(buf));
		md_entropy(buf, n);
		if (copyout(buf, args[0] + done, n) != 0)
			return done != 0 ? (long)done : -EFAULT;
		if (done != 0 && done % PAGE_SIZE == 0 && sig_pending())
			return (long)(done + n);
	}
	return (long)len;
}

/* Let p's space, if it has one, know of new limits. */
static void
limit_space(struct proc *p)
{
	struct vmspace *vm;

	if (proc_vmspace(p, &vm) != 0)
		return;
	uvmspace_limits(vm, p->ps_rlimit[RLIMIT_AS].rlim_cur,
	    p->ps_rlimit[RLIMIT_DATA].rlim_cur);
	uvmspace_free(vm);
}

#define NOFILE_MAX (1u << 20) /* Linux's fs.nr_open */

/* Raise or lower a limit of p by the rules; old may be NULL. */
static int
limit_change(struct proc *p, u_int which, const struct abi_rlimit *new,
    struct abi_rlimit *old)
{
	bool root = cred_is_root();
	int error = 0;

	mutex_enter(&p->ps_lock);
	*old = p->ps_rlimit[which];
	if (new != NULL) {
		if (new->rlim_cur > new->rlim_max)
			error = EINVAL;
		else if (which == RLIMIT_NOFILE && new->rlim_max > NOFILE_MAX)
			error = EPERM;
		else if (new->rlim_max > old->rlim_max && !root)
			error = EPERM;
		else
			p->ps_rlimit[which] = *new;
	}
	mutex_exit(&p->ps_lock);
	if (error == 0 && new != NULL &&
	    (which == RLIMIT_AS || which == RLIMIT_DATA))
		limit_space(p);
	if (error == 0 && new != NULL && which == RLIMIT_CPU)
		error = ptimer_limit(p);
	return error == ESRCH ? 0 : error;
}

/* prlimit64(pid, which, new, old) */
long
sys_prlimit64(const uintptr_t *args)
{
	struct abi_rlimit new, old;
	u_int which = (u_int)args[1];
	pid_t pid = (pid_t)args[0];
	struct proc *p = curproc();
	int error;

	if (which >= RLIMIT_COUNT)
		return -EINVAL;
	if (args[2] != 0 && copyin(args[2], &new, sizeof(new)) != 0)
		return -EFAULT;
	if (pid == 0)
		refcount_acquire(&p->ps_refs);
	else
		p = proc_find(pid);
	if (p == NULL)
		return -ESRCH;
	if (!cred_can_trace(p))
		error = EPERM;
	else
		error =
		    limit_change(p, which, args[2] != 0 ? &new : NULL, &old);
	proc_rele(p);
	if (error == 0 && args[3] != 0)
		error = copyout(&old, args[3], sizeof(old));
	return -error;
}

long
sys_getrlimit(const uintptr_t *args)
{
	const uintptr_t a[6] = {0, args[0], 0, args[1]};

	return args[1] == 0 ? -EFAULT : sys_prlimit64(a);
}

long
sys_setrlimit(const uintptr_t *args)
{
	const uintptr_t a[6] = {0, args[0], args[1], 0};

	return args[1] == 0 ? -EFAULT : sys_prlimit64(a);
}

/* personality(persona): only the one flag that has a meaning here. */
long
sys_personality(const uintptr_t *args)
{
	struct proc *p = curproc();
	uint32_t new = (uint32_t)args[0], old = p->ps_persona;

	if (new == 0xffffffff)
		return old;
	if (new & ~ADDR_NO_RANDOMIZE)
		return -EINVAL;
	mutex_enter(&p->ps_lock);
	p->ps_persona = new;
	mutex_exit(&p->ps_lock);
	return old;
}

#define PR_SET_PDEATHSIG    1
#define PR_GET_PDEATHSIG    2
#define PR_GET_DUMPABLE     3
#define PR_SET_DUMPABLE     4
#define PR_GET_KEEPCAPS     7
#define PR_SET_NAME         15
#define PR_GET_NAME         16
#define PR_GET_SECCOMP      21
#define PR_CAPBSET_READ     23
#define PR_GET_TIMING       13
#define PR_GET_SECUREBITS   27
#define PR_GET_TIMERSLACK   30
#define PR_SET_SUBREAPER    36
#define PR_GET_SUBREAPER    37
#define PR_GET_TID_ADDRESS  40
#define PR_SET_NO_NEW_PRIVS 38
#define PR_GET_NO_NEW_PRIVS 39

static long
set_comm(vaddr_t from)
{
	char name[sizeof(curproc()->ps_comm)];
	size_t len;
	int error;

	error = copyinstr(from, name, sizeof(name), &len);
	if (error == EFAULT)
		return -EFAULT;
	name[sizeof(name) - 1] = '\0'; /* cut off what is too long */
	lwp_setname(curlwp(), name);
	return 0;
}

static long
get_comm(vaddr_t to)
{
	char name[16] = "";

	lwp_name(curlwp(), name, sizeof(name));
	return -copyout(name, to, sizeof(name));
}

/* prctl(what, ...); what is not here is refused. */
long
sys_prctl(const uintptr_t *args)
{
	struct lwp *l = curlwp();
	struct proc *p = l->l_proc;
	int32_t sig;

	switch ((int)args[0]) {
	case PR_SET_PDEATHSIG:
		if (args[1] > NSIG)
			return -EINVAL;
		mutex_enter(&proctree_lock);
		p->ps_pdeathsig = (int)args[1];
		mutex_exit(&proctree_lock);
		return 0;
	case PR_GET_PDEATHSIG:
		sig = p->ps_pdeathsig;
		return -copyout(&sig, args[1], sizeof(sig));
	case PR_GET_DUMPABLE:
		return p->ps_dumpable;
	case PR_SET_DUMPABLE:
		if (args[1] > 1)
			return -EINVAL;
		p->ps_dumpable = args[1] != 0;
		return 0;
	case PR_SET_NAME:
		return set_comm(args[1]);
	case PR_GET_NAME:
		return get_comm(args[1]);
	case PR_GET_KEEPCAPS:
	case PR_GET_SECCOMP:
	case PR_GET_TIMING:
	case PR_GET_SECUREBITS:
		return 0;
	case PR_SET_SUBREAPER:
		mutex_enter(&proctree_lock);
		p->ps_subreaper = args[1] != 0;
		mutex_exit(&proctree_lock);
		return 0;
	case PR_GET_SUBREAPER:
		sig = p->ps_subreaper;
		return -copyout(&sig, args[1], sizeof(sig));
	case PR_SET_NO_NEW_PRIVS:
		if (args[1] != 1 || args[2] != 0 || args[3] != 0 ||
		    args[4] != 0)
			return -EINVAL;
		mutex_enter(&p->ps_lock);
		p->ps_cred.cr_nonewprivs = true;
		mutex_exit(&p->ps_lock);
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return p->ps_cred.cr_nonewprivs;
	case PR_CAPBSET_READ:
		return args[1] <= 40 ? 1 : -EINVAL;
	case PR_GET_TIMERSLACK:
		return 1;
	case PR_GET_TID_ADDRESS:
		return -copyout(&l->l_cleartid, args[1], sizeof(l->l_cleartid));
	default:
		return -EINVAL;
	}
}

#define REBOOT_MAGIC1  0xfee1deadu
#define REBOOT_MAGIC2  672274793u
#define REBOOT_MAGIC2A 85072278u
#define REBOOT_MAGIC2B 369367448u
#define REBOOT_MAGIC2C 537993216u
#define REBOOT_CAD_OFF 0x00000000u
#define REBOOT_CAD_ON  0x89abcdefu
#define REBOOT_RESTART 0x01234567u
#define REBOOT_HALT    0xcdef0123u
#define REBOOT_OFF     0x4321fedcu

/* reboot(magic1, magic2, how, arg): whatever the way, the machine stops. */
long
sys_reboot(const uintptr_t *args)
{
	uint32_t magic2 = (uint32_t)args[1];

	if (!cred_is_root())
		return -EPERM;
	if ((uint32_t)args[0] != REBOOT_MAGIC1 ||
	    (magic2 != REBOOT_MAGIC2 && magic2 != REBOOT_MAGIC2A &&
		magic2 != REBOOT_MAGIC2B && magic2 != REBOOT_MAGIC2C))
		return -EINVAL;
	switch ((uint32_t)args[2]) {
	case REBOOT_CAD_OFF:
	case REBOOT_CAD_ON:
		return 0;
	case REBOOT_RESTART:
	case REBOOT_HALT:
	case REBOOT_OFF:
		if (kern_fs != NULL && kern_fs->fo_shutdown != NULL)
			kern_fs->fo_shutdown();
		md_halt(0);
	default:
		return -EINVAL;
	}
}

/*
 * membarrier(cmd, flags).  A thread that runs on a CPU has made whatever ran
 * there before pass a full barrier, and fetch its instructions anew when it
 * returns to user mode; visiting each is slow and simple.
 */
static long
barrier_everywhere(void)
{
	struct thread *td = curthread();
	cpumask_t mask = thread_affinity(td);
	u_int id;

	for (id = 0; id < cpu_count(); id++)
		sched_bind(CPUMASK(id));
	sched_bind(mask);
	return 0;
}

long
sys_membarrier(const uintptr_t *args)
{
	struct proc *p = curproc();
	u_int cmd;
	int error;

	error = mem_command(MC_membarrier, (u_long)(int)args[0]);
	if (error != 0 || args[1] != 0)
		return -EINVAL;
	cmd = (u_int)args[0];
	switch (cmd) {
	case MEMBARRIER_CMD_QUERY:
		return MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED |
		       MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED |
		       MEMBARRIER_CMD_PRIVATE_EXPEDITED |
		       MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |
		       MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE |
		       MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE;
	case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
		return 0; /* it reaches everybody anyway */
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
		mutex_enter(&p->ps_lock);
		p->ps_barriers |= (uint8_t)cmd;
		mutex_exit(&p->ps_lock);
		return 0;
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE:
		/* The next bit is that of the registration. */
		return p->ps_barriers & cmd << 1 ? barrier_everywhere()
						 : -EPERM;
	default:
		return barrier_everywhere();
	}
}
