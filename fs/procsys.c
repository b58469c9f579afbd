/*
 * procsys.c: what /proc says about the system, and /proc/vmspace, which
 * docs/proc-vmspace.md describes.
 */
#include <fs/procfs.h>

#include <sys/errno.h>
#include <port/machdep.h>
#include <port/frame.h>
#include <base/cpu.h>
#include <base/epoch.h>
#include <base/lockstat.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <phys/pool.h>
#include <pmap/pmap.h>
#include <uvm/uvm.h>
#include <kern/time.h>
#include <kern/uts.h>

#define PAGE_KIB (PAGE_SIZE / 1024)

/* Counters are shown from where "reset-counters" left them. */
static _Atomic(uint64_t) count_base[COUNT_MAX];

/*
 * Processes.
 */

static int
show_self(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_printf(pb, "%d", curproc()->ps_pid);
	return 0;
}

static int
show_thread_self(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_printf(pb, "%d/task/%d", curproc()->ps_pid, curlwp()->l_tid);
	return 0;
}

static int
show_mounts_link(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_puts(pb, "self/mounts");
	return 0;
}

/* Threads that run or want to, all threads, the highest pid there is. */
static void
count_threads(u_int *running, u_int *total, pid_t *last)
{
	struct proc *p;
	struct lwp *l;
	u_int state;

	*running = *total = 0;
	*last = 0;
	mutex_enter(&proctree_lock);
	LIST_FOREACH(p, &proc_all, ps_all) {
		*last = MAX(*last, p->ps_pid);
		spin_enter(&p->ps_siglock);
		TAILQ_FOREACH(l, &p->ps_lwps, l_link) {
			state = atomic_load_explicit(&l->l_thread.td_state,
			    memory_order_relaxed);
			*total += 1;
			if (state == TD_RUNNING || state == TD_READY)
				*running += 1;
		}
		spin_exit(&p->ps_siglock);
	}
	mutex_exit(&proctree_lock);
}

/*
 * Memory.
 */

static void
memline(struct pbuf *pb, const char *name, u_long npages)
{
	char label[24];

	ksnprintf(label, sizeof(label), "%s:", name);
	pb_printf(pb, "%-16s%8lu kB\n", label, npages * PAGE_KIB);
}

static int
show_meminfo(struct pnode *pn, struct pbuf *pb)
{
	struct uvm_stats st;
	u_int running, threads;
	u_long kstacks, avail,
	    disk = uvm_disk_pages(),
	    swtotal =
		atomic_load_explicit(&uvm_swap_total, memory_order_relaxed),
	    swused = atomic_load_explicit(&uvm_swap_used, memory_order_relaxed);
	pid_t last;

	(void)pn;
	uvm_stats(&st);
	count_threads(&running, &threads, &last);
	kstacks = (u_long)threads << KSTACK_ORDER;
	avail = st.us_free > phys_reserve_pages
		    ? st.us_free - phys_reserve_pages
		    : 0;
	memline(pb, "MemTotal", st.us_total);
	memline(pb, "MemFree", st.us_free);
	/* Of file pages, only those of files on disk can be taken back. */
	memline(pb, "MemAvailable", avail + disk);
	memline(pb, "Buffers", 0);
	memline(pb, "Cached", st.us_object);
	memline(pb, "SwapCached", uvm_swap_cached());
	memline(pb, "Active", st.us_anon + st.us_object);
	memline(pb, "Inactive", 0);
	memline(pb, "SwapTotal", swtotal);
	memline(pb, "SwapFree", swtotal > swused ? swtotal - swused : 0);
	memline(pb, "Dirty", 0);
	memline(pb, "Writeback", 0);
	memline(pb, "AnonPages", st.us_anon);
	memline(pb, "Mapped", 0);
	memline(pb, "Shmem", st.us_object > disk ? st.us_object - disk : 0);
	memline(pb, "Slab",
	    st.us_kernel > kstacks ? st.us_kernel - kstacks : 0);
	memline(pb, "KernelStack", kstacks);
	memline(pb, "PageTables", st.us_table);
	memline(pb, "PoolSlack", st.us_slack);
	memline(pb, "AnonHugePages", 0);
	pb_puts(pb, "HugePages_Total:       0\nHugePages_Free:        0\n"
		    "HugePages_Rsvd:        0\nHugePages_Surp:        0\n"
		    "Hugepagesize:       2048 kB\n");
	memline(pb, "Hugetlb", 0);
	memline(pb, "CommitLimit", uvm_commit_limit());
	memline(pb, "Committed_AS", uvm_committed());
	return 0;
}

/*
 * Time.
 */

/* Busy and idle time of a CPU in ticks of CLK_TCK. */
static void
cpu_ticks(u_int id, u_long *busy, u_long *idle)
{
	uint64_t now = md_time_ns(), ns = cpu_idle_time(cpu_table[id]);

	ns = MIN(ns, now);
	*idle = (u_long)(ns / (NSEC / CLK_TCK));
	*busy = (u_long)((now - ns) / (NSEC / CLK_TCK));
}

static int
show_stat(struct pnode *pn, struct pbuf *pb)
{
	u_long busy, idle, allbusy = 0, allidle = 0;
	u_int i, running, threads;
	pid_t last;

	(void)pn;
	for (i = 0; i < cpu_count(); i++) {
		cpu_ticks(i, &busy, &idle);
		allbusy += busy;
		allidle += idle;
	}
	/* What a CPU was busy with is known by thread, not by CPU. */
	pb_printf(pb, "cpu  0 0 %lu %lu 0 0 0 0 0 0\n", allbusy, allidle);
	for (i = 0; i < cpu_count(); i++) {
		cpu_ticks(i, &busy, &idle);
		pb_printf(pb, "cpu%u 0 0 %lu %lu 0 0 0 0 0 0\n", i, busy, idle);
	}
	count_threads(&running, &threads, &last);
	pb_printf(pb,
	    "intr %lu\nctxt %lu\nbtime %lu\nprocesses %lu\n"
	    "procs_running %u\nprocs_blocked 0\n",
	    (u_long)count_sum(COUNT_INTR), (u_long)count_sum(COUNT_SWITCH),
	    (u_long)((time_real() - md_time_ns()) / NSEC),
	    (u_long)(count_sum(COUNT_FORK) + count_sum(COUNT_VFORK)), running);
	return 0;
}

static int
show_uptime(struct pnode *pn, struct pbuf *pb)
{
	uint64_t now = md_time_ns(), idle = 0;
	u_int i;

	(void)pn;
	for (i = 0; i < cpu_count(); i++)
		idle += cpu_idle_time(cpu_table[i]);
	pb_printf(pb, "%lu.%02lu %lu.%02lu\n", (u_long)(now / NSEC),
	    (u_long)(now % NSEC / 10000000), (u_long)(idle / NSEC),
	    (u_long)(idle % NSEC / 10000000));
	return 0;
}

/* Averages are not kept. */
static int
show_loadavg(struct pnode *pn, struct pbuf *pb)
{
	u_int running, threads;
	pid_t last;

	(void)pn;
	count_threads(&running, &threads, &last);
	pb_printf(pb, "0.00 0.00 0.00 %u/%u %d\n", running, threads, last);
	return 0;
}

static int
show_cpuinfo(struct pnode *pn, struct pbuf *pb)
{
	const size_t size = 2048;
	char *buf;
	size_t n;
	u_int i;

	(void)pn;
	buf = kmem_alloc(size, 0);
	if (buf == NULL)
		return ENOMEM;
	for (i = 0; i < cpu_count(); i++) {
		n = md_cpuinfo(i, buf, size);
		pb_write(pb, buf, MIN(n, size - 1));
	}
	kmem_free(buf, size);
	return 0;
}

/*
 * Names.
 */

static int
show_version(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_printf(pb, "Linux version %s %s\n", kern_release, kern_version);
	return 0;
}

static int
show_cmdline(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_puts(pb, kern_cmdline());
	pb_puts(pb, "\n");
	return 0;
}

static int
show_filesystems(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_puts(pb, "nodev\ttmpfs\nnodev\tproc\n\text2\n");
	return 0;
}

static int
show_hostname(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_printf(pb, "%s\n", kern_hostname);
	return 0;
}

static int
show_osrelease(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_printf(pb, "%s\n", kern_release);
	return 0;
}

static int
show_ostype(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_puts(pb, "Linux\n");
	return 0;
}

static int
show_osversion(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_printf(pb, "%s\n", kern_version);
	return 0;
}

/* Of sys/kernel and sys/vm what cannot be otherwise here. */
static int
show_zero(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_puts(pb, "0\n");
	return 0;
}

/* 2: stack, mappings, images and break lie at random. */
static int
show_randomize(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_printf(pb, "%d\n", kern_param_num("aslr", 1) != 0 ? 2 : 0);
	return 0;
}

static int
show_ngroups_max(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_printf(pb, "%d\n", NGROUPS);
	return 0;
}

/* No core is written, wherever. */
static int
show_core_pattern(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_puts(pb, "core\n");
	return 0;
}

static int
show_pid_max(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_printf(pb, "%d\n", PID_MAX);
	return 0;
}

static int
show_threads_max(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_printf(pb, "%u\n", lwp_max);
	return 0;
}

/* A random UUID (RFC 4122, section 4.4). */
static void
put_uuid(struct pbuf *pb, const u_char *r)
{
	pb_printf(pb, "%02x%02x%02x%02x-%02x%02x-4%01x%02x-%02x%02x-", r[0],
	    r[1], r[2], r[3], r[4], r[5], r[6] & 15, r[7], (r[8] & 63) | 128,
	    r[9]);
	pb_printf(pb, "%02x%02x%02x%02x%02x%02x\n", r[10], r[11], r[12], r[13],
	    r[14], r[15]);
}

static int
show_uuid(struct pnode *pn, struct pbuf *pb)
{
	u_char r[16];

	(void)pn;
	md_entropy(r, sizeof(r));
	put_uuid(pb, r);
	return 0;
}

static int
show_boot_id(struct pnode *pn, struct pbuf *pb)
{
	static u_char id[16]; /* the big lock; drawn once */
	static bool drawn;

	(void)pn;
	big_enter();
	if (!drawn)
		md_entropy(id, sizeof(id));
	drawn = true;
	big_exit();
	put_uuid(pb, id);
	return 0;
}

static int
show_entropy(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_puts(pb, "256\n");
	return 0;
}

/*
 * /proc/vmspace.
 */

static int
show_counters(struct pnode *pn, struct pbuf *pb)
{
	u_int i;

	(void)pn;
	for (i = 0; i < COUNT_MAX; i++)
		pb_printf(pb, "%s %lu\n", count_names[i],
		    (u_long)(count_sum(i) - atomic_load_explicit(&count_base[i],
						memory_order_relaxed)));
	return 0;
}

static int
show_enosys(struct pnode *pn, struct pbuf *pb)
{
	u_int i, n;

	(void)pn;
	for (i = 0; i < KERN_NCALL; i++) {
		n = atomic_load_explicit(&kern_enosys[i], memory_order_relaxed);
		if (n == 0)
			continue;
		if (i < kern_nsysent && kern_sysent[i].sy_name != NULL)
			pb_printf(pb, "%s %u\n", kern_sysent[i].sy_name, n);
		else
			pb_printf(pb, "#%u %u\n", i, n);
	}
	return 0;
}

static void
pool_line(void *arg, struct pool *pl)
{
	pb_printf(arg, "%-16s %6u %8lu %8lu\n", pl->pl_name, pl->pl_size,
	    pool_used(pl), pl->pl_nslab);
}

static int
show_pools(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_puts(pb, "name               size     used    pages\n");
	pool_foreach(pool_line, pb);
	return 0;
}

static int
show_vmspace_version(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_printf(pb, "vmspace %s\n", kern_version);
	return 0;
}

/*
 * Give everything back that is only kept for later: dead threads, deferred
 * frees, tables for the next fork, empty pages of pools, the page caches of CPUs.  In the order in which
 * one feeds the next.
 */
static void
drain(void)
{
	reap_drain();
	epoch_drain();
	pmap_drain();
	pool_drain_all();
	phys_drain_all();
}

/* Stands for a panic that goes wrong once it has said what it is about. */
static void
panic_again(const char *msg)
{
	panic_hook = NULL;
	kprintf("panic: %s\n", msg);
	md_backtrace();
	panic("in a panic, on request");
}

/*
 * What no bug may do: reach for the caller's memory without saying so, or run
 * its code.  The machine refuses (SMAP and SMEP, PAN and PXN), and we do not
 * come back.
 */
static int
trip(bool run)
{
	vaddr_t data = curproc()->ps_vmspace->vm_argaddr;
	vaddr_t text = md_frame_pc(curthread()->td_frame);

	if (run)
		((void (*)(void))text)();
	else
		(void)*(volatile char *)data;
	kprintf("user memory is open to the kernel\n");
	return EFAULT;
}

static int
write_control(struct pnode *pn, char *text, size_t len)
{
	u_int i;

	(void)pn;
	(void)len;
	if (!cred_is_root())
		return EPERM;
	if (strcmp(text, "drain") == 0)
		drain();
	else if (strcmp(text, "reset-counters") == 0) {
		for (i = 0; i < COUNT_MAX; i++)
			atomic_store_explicit(&count_base[i], count_sum(i),
			    memory_order_relaxed);
	} else if (strcmp(text, "panic") == 0)
		panic("on request");
	else if (strcmp(text, "panic2") == 0) {
		panic_hook = panic_again;
		panic("on request, twice");
	} else if (strcmp(text, "trip-access") == 0)
		return trip(false);
	else if (strcmp(text, "trip-exec") == 0)
		return trip(true);
	else
		return EINVAL;
	return 0;
}

#define DIR (S_IFDIR | 0555)
#define REG (S_IFREG | 0444)
#define LNK (S_IFLNK | 0777)

const struct pent procsys_ents[] = {
    {PD_ROOT, "self", LNK, 0, show_self, NULL, NULL},
    {PD_ROOT, "thread-self", LNK, 0, show_thread_self, NULL, NULL},
    {PD_ROOT, "cmdline", REG, 0, show_cmdline, NULL, NULL},
    {PD_ROOT, "cpuinfo", REG, 0, show_cpuinfo, NULL, NULL},
    {PD_ROOT, "filesystems", REG, 0, show_filesystems, NULL, NULL},
    {PD_ROOT, "loadavg", REG, 0, show_loadavg, NULL, NULL},
    {PD_ROOT, "meminfo", REG, 0, show_meminfo, NULL, NULL},
    {PD_ROOT, "mounts", LNK, 0, show_mounts_link, NULL, NULL},
    {PD_ROOT, "stat", REG, 0, show_stat, NULL, NULL},
    {PD_ROOT, "swaps", REG, 0, show_swaps, NULL, NULL},
    {PD_ROOT, "sys", DIR, PD_SYS, NULL, NULL, NULL},
    {PD_ROOT, "uptime", REG, 0, show_uptime, NULL, NULL},
    {PD_ROOT, "version", REG, 0, show_version, NULL, NULL},
    {PD_ROOT, "vmspace", DIR, PD_VMSPACE, NULL, NULL, NULL},
    {PD_SYS, "kernel", DIR, PD_SYSKERNEL, NULL, NULL, NULL},
    {PD_SYS, "vm", DIR, PD_SYSVM, NULL, NULL, NULL},
    {PD_SYSKERNEL, "core_pattern", REG, 0, show_core_pattern, NULL, NULL},
    {PD_SYSKERNEL, "hostname", REG, 0, show_hostname, NULL, NULL},
    {PD_SYSKERNEL, "ngroups_max", REG, 0, show_ngroups_max, NULL, NULL},
    {PD_SYSKERNEL, "osrelease", REG, 0, show_osrelease, NULL, NULL},
    {PD_SYSKERNEL, "ostype", REG, 0, show_ostype, NULL, NULL},
    {PD_SYSKERNEL, "pid_max", REG, 0, show_pid_max, NULL, NULL},
    {PD_SYSKERNEL, "random", DIR, PD_SYSRANDOM, NULL, NULL, NULL},
    {PD_SYSKERNEL, "randomize_va_space", REG, 0, show_randomize, NULL, NULL},
    {PD_SYSKERNEL, "tainted", REG, 0, show_zero, NULL, NULL},
    {PD_SYSKERNEL, "threads-max", REG, 0, show_threads_max, NULL, NULL},
    {PD_SYSKERNEL, "version", REG, 0, show_osversion, NULL, NULL},
    {PD_SYSVM, "oom_kill_allocating_task", REG, 0, show_zero, NULL, NULL},
    {PD_SYSVM, "panic_on_oom", REG, 0, show_zero, NULL, NULL},
    {PD_SYSRANDOM, "boot_id", REG, 0, show_boot_id, NULL, NULL},
    {PD_SYSRANDOM, "entropy_avail", REG, 0, show_entropy, NULL, NULL},
    {PD_SYSRANDOM, "uuid", REG, 0, show_uuid, NULL, NULL},
    {PD_VMSPACE, "control", S_IFREG | 0200, 0, NULL, NULL, write_control},
    {PD_VMSPACE, "counters", REG, 0, show_counters, NULL, NULL},
    {PD_VMSPACE, "enosys", REG, 0, show_enosys, NULL, NULL},
#if LOCKSTAT
    {PD_VMSPACE, "lockstat", S_IFREG | 0600, 0, lockstat_show, NULL,
	lockstat_write},
#endif
    {PD_VMSPACE, "pools", REG, 0, show_pools, NULL, NULL},
    {PD_VMSPACE, "profile", S_IFREG | 0600, 0, profile_show, NULL,
	profile_write},
    {PD_VMSPACE, "version", REG, 0, show_vmspace_version, NULL, NULL},
};
const u_int nprocsys_ents = nitems(procsys_ents);
