/*
 * procpid.c: what /proc says about a process.
 *
 * A process that is looked at may be in fork, in exec, dying or dead.  Its
 * structure is kept by a reference, its space by another, taken under the
 * lock that exec and exit take to change the pointer; the map is then locked
 * to be read.  A space that was purged meanwhile has an empty map: its files
 * are empty, and so are those of a process that has none.
 */
#include <dev/blk.h>
#include <fs/mount.h>
#include <fs/procfs.h>

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <uvm/uvm.h>
#include <kern/ptrace.h>
#include <kern/time.h>
#include <fs/init.h>

#define KIB(bytes) ((u_long)(bytes) >> 10)

int
pid_space(struct pnode *pn, struct proc **pp, struct vmspace **vmp)
{
	struct proc *p;
	int error;

	p = proc_find(pn->pn_pid);
	if (p == NULL)
		return ESRCH;
	error = proc_vmspace(p, vmp);
	if (error == 0 && !cred_can_trace(p)) {
		uvmspace_free(*vmp);
		error = EACCES;
	}
	if (error != 0) {
		proc_rele(p);
		return error;
	}
	*pp = p;
	return 0;
}

/* Sizes of a space in bytes; zero for a process without one. */
struct sizes {
	vsize_t sz_total, sz_peak, sz_rss, sz_data, sz_stack, sz_text,
	    sz_locked;
};

static void
pid_sizes(struct proc *p, struct sizes *sz)
{
	struct vmspace *vm;
	struct vm_entry *ve;
	vsize_t len;

	memset(sz, 0, sizeof(*sz));
	if (proc_vmspace(p, &vm) != 0)
		return;
	rw_read_enter(&vm->vm_map.vm_lock);
	for (ve = vm->vm_map.vm_first; ve != NULL; ve = ve->ve_next) {
		len = ve->ve_end - ve->ve_start;
		if ((ve->ve_flags & (VE_STACK | VE_GROWSDOWN)) != 0)
			sz->sz_stack += len;
		else if ((ve->ve_prot & (PROT_EXEC | PROT_WRITE)) == PROT_EXEC)
			sz->sz_text += len;
		if (ve->ve_wired != 0)
			sz->sz_locked += len;
	}
	sz->sz_total = vm->vm_map.vm_size;
	sz->sz_peak = vm->vm_map.vm_peak;
	sz->sz_data = vm->vm_map.vm_data;
	sz->sz_rss = ptoa(pmap_resident(vm_pmap(vm)));
	rw_exit(&vm->vm_map.vm_lock);
	uvmspace_free(vm);
}

/* Its state as a letter: R S D T t Z, of thread l or (NULL) of its first. */
static char
pid_state(struct proc *p, struct lwp *l)
{
	char c = 'Z';

	if (proc_state(p) == PS_ZOMBIE)
		return c;
	spin_enter(&p->ps_siglock);
	if (l == NULL)
		l = TAILQ_FIRST(&p->ps_lwps);
	if (l != NULL) {
		switch (atomic_load_explicit(&l->l_thread.td_state,
		    memory_order_relaxed)) {
		case TD_SLEEP:
			c = l->l_thread.td_intr ? 'S' : 'D';
			break;
		case TD_STOPPED:
			c = (ptrace_flags(l) & PT_STOPPED) != 0 ? 't' : 'T';
			break;
		case TD_DEAD:
			c = 'X';
			break;
		default:
			c = 'R';
		}
	}
	spin_exit(&p->ps_siglock);
	return c;
}

static const char *
state_name(char c)
{
	switch (c) {
	case 'R':
		return "running";
	case 'S':
		return "sleeping";
	case 'D':
		return "disk sleep";
	case 'T':
		return "stopped";
	case 't':
		return "tracing stop";
	case 'Z':
		return "zombie";
	default:
		return "dead";
	}
}

/*
 * Who its parent, group and session are, the terminal and its foreground
 * group (0 and -1: none), the times of children, the name of thread tid.
 */
struct family {
	pid_t fa_parent, fa_pgrp, fa_session, fa_foreground;
	dev_t fa_tty;
	uint64_t fa_cutime, fa_cstime;
	char fa_comm[sizeof(((struct proc *)0)->ps_comm)];
};

static void
pid_family(struct proc *p, pid_t tid, struct family *fa)
{
	struct pgrp *pg;
	struct lwp *l;

	memset(fa, 0, sizeof(*fa));
	fa->fa_foreground = -1;
	mutex_enter(&proctree_lock);
	pg = p->ps_pgrp;
	if (p->ps_parent != NULL)
		fa->fa_parent = p->ps_parent->ps_pid;
	if (pg != NULL) {
		fa->fa_pgrp = pg->pg_id;
		fa->fa_session = pg->pg_session->s_id;
	}
	if (pg != NULL)
		fa->fa_foreground = tty_foreground(pg->pg_session, &fa->fa_tty);
	if (fa->fa_tty == 0)
		fa->fa_foreground = -1;
	fa->fa_cutime = p->ps_cru.rt_utime;
	fa->fa_cstime = p->ps_cru.rt_stime;
	mutex_enter(&p->ps_lock);
	strlcpy(fa->fa_comm, p->ps_comm, sizeof(fa->fa_comm));
	mutex_exit(&p->ps_lock);
	l = lwp_find(tid);
	if (l != NULL && l->l_proc == p)
		lwp_name(l, fa->fa_comm, sizeof(fa->fa_comm));
	mutex_exit(&proctree_lock);
}

/*
 * maps.
 */

bool
maps_joins(const struct vm_entry *a, const struct vm_entry *b)
{
	const uint16_t shown = VE_COW | VE_STACK | VE_HEAP | VE_GROWSDOWN |
			       VE_DONTFORK | VE_DONTDUMP | VE_NORESERVE |
			       VE_SEALED;

	return a->ve_end == b->ve_start && a->ve_prot == b->ve_prot &&
	       a->ve_obj == b->ve_obj && a->ve_wired == b->ve_wired &&
	       a->ve_advice == b->ve_advice && a->ve_inherit == b->ve_inherit &&
	       (a->ve_flags & shown) == (b->ve_flags & shown) &&
	       (a->ve_obj == NULL ||
		   a->ve_off + (a->ve_end - a->ve_start) == b->ve_off);
}

void
maps_line(struct pbuf *pb, const struct vm_entry *ve, vaddr_t end)
{
	struct uvm_object *uo = ve->ve_obj;
	char name[256] = "";
	size_t before = pb->pb_len;
	dev_t dev = 0;
	ino_t ino = 0;

	if (uo != NULL && uo->uo_ops->uo_ident != NULL)
		uo->uo_ops->uo_ident(uo, &dev, &ino);
	if (uo != NULL && uo->uo_ops->uo_name != NULL)
		uo->uo_ops->uo_name(uo, name, sizeof(name));
	else if ((ve->ve_flags & VE_STACK) != 0)
		strlcpy(name, "[stack]", sizeof(name));
	else if ((ve->ve_flags & VE_HEAP) != 0)
		strlcpy(name, "[heap]", sizeof(name));
	pb_printf(pb, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ",
	    (u_long)ve->ve_start, (u_long)end,
	    (ve->ve_prot & PROT_READ) != 0 ? 'r' : '-',
	    (ve->ve_prot & PROT_WRITE) != 0 ? 'w' : '-',
	    (ve->ve_prot & PROT_EXEC) != 0 ? 'x' : '-',
	    (ve->ve_flags & VE_COW) != 0 ? 'p' : 's',
	    uo == NULL ? 0 : (u_long)ve->ve_off, MAJOR(dev), MINOR(dev),
	    (u_long)ino);
	if (name[0] != '\0') {
		while (pb->pb_len - before < 73 && !pb->pb_failed)
			pb_puts(pb, " ");
		pb_puts(pb, name);
	}
	pb_puts(pb, "\n");
}

static int
show_maps(struct pnode *pn, struct pbuf *pb)
{
	struct vm_entry *ve, *last;
	vaddr_t from = pb->pb_more;
	struct vmspace *vm;
	struct proc *p;
	int error;

	pb->pb_more = 0;
	error = pid_space(pn, &p, &vm);
	if (error != 0)
		return error == ESRCH ? 0 : error;
	rw_read_enter(&vm->vm_map.vm_lock);
	ve = uvm_map_next(&vm->vm_map, from);
	for (; ve != NULL && !pb_enough(pb, ve->ve_start); ve = last->ve_next) {
		last = ve;
		while (last->ve_next != NULL && maps_joins(last, last->ve_next))
			last = last->ve_next;
		maps_line(pb, ve, last->ve_end);
	}
	rw_exit(&vm->vm_map.vm_lock);
	uvmspace_free(vm);
	proc_rele(p);
	return 0;
}

/*
 * stat, statm, status.
 */

/* Sets of signals: pending, blocked, ignored, caught. */
struct sigsets {
	uint64_t ss_thread, ss_proc, ss_blocked, ss_ignored, ss_caught;
	u_int ss_queued;
};

static void
pid_signals(struct proc *p, struct sigsets *ss)
{
	struct lwp *l;
	vaddr_t handler;
	u_int i;

	memset(ss, 0, sizeof(*ss));
	spin_enter(&p->ps_siglock);
	l = TAILQ_FIRST(&p->ps_lwps);
	if (l != NULL) {
		ss->ss_thread = l->l_sigpend.sp_set;
		ss->ss_blocked = l->l_sigmask;
	}
	ss->ss_proc = p->ps_sigpend.sp_set;
	ss->ss_queued = p->ps_nsigq;
	for (i = 0; i < NSIG; i++) {
		handler = sig_getact(p, (int)i + 1).sa_handler;
		if (handler == SIG_IGN)
			ss->ss_ignored |= (uint64_t)1 << i;
		else if (handler != SIG_DFL)
			ss->ss_caught |= (uint64_t)1 << i;
	}
	spin_exit(&p->ps_siglock);
}

static u_long
ticks(uint64_t ns)
{
	return (u_long)(ns / (NSEC / CLK_TCK));
}

/* The 52 fields of proc_pid_stat(5), for a process or one thread of it. */
static void
stat_line(struct pbuf *pb, struct proc *p, pid_t tid, char state,
    uint64_t utime, uint64_t stime)
{
	struct abi_rusage ru;
	struct sigsets ss;
	struct family fa;
	struct sizes sz;

	pid_family(p, tid, &fa);
	pid_sizes(p, &sz);
	pid_signals(p, &ss);
	proc_rusage(p, &ru);
	pb_printf(pb, "%d (%s) %c %d %d %d %lu %d 0 ", tid, fa.fa_comm, state,
	    fa.fa_parent, fa.fa_pgrp, fa.fa_session, (u_long)fa.fa_tty,
	    fa.fa_foreground);
	pb_printf(pb, "%ld 0 %ld 0 %lu %lu %lu %lu ", (long)ru.ru_minflt,
	    (long)ru.ru_majflt, ticks(utime), ticks(stime), ticks(fa.fa_cutime),
	    ticks(fa.fa_cstime));
	pb_printf(pb, "%d %d %u 0 %lu %lu %lu %lu ", 20 + p->ps_nice,
	    p->ps_nice, proc_threads(p), ticks(p->ps_start),
	    (u_long)sz.sz_total, atop(sz.sz_rss), (u_long)RLIM_INFINITY);
	/* Addresses of the image and registers are not told. */
	pb_printf(pb, "0 0 0 0 0 %lu %lu %lu %lu 0 0 0 %d 0 0 0 ",
	    (u_long)(ss.ss_proc | ss.ss_thread), (u_long)ss.ss_blocked,
	    (u_long)ss.ss_ignored, (u_long)ss.ss_caught, SIGCHLD);
	pb_puts(pb, "0 0 0 0 0 0 0 0 0 0\n");
}

static int
show_stat(struct pnode *pn, struct pbuf *pb)
{
	uint64_t utime, stime;
	struct proc *p;

	p = proc_find(pn->pn_pid);
	if (p == NULL)
		return ESRCH;
	proc_times(p, &utime, &stime);
	stat_line(pb, p, p->ps_pid, pid_state(p, NULL), utime, stime);
	proc_rele(p);
	return 0;
}

static int
show_statm(struct pnode *pn, struct pbuf *pb)
{
	u_long file = 0, shmem = 0;
	struct vmspace *vm;
	struct sizes sz;
	struct proc *p;

	p = proc_find(pn->pn_pid);
	if (p == NULL)
		return ESRCH;
	pid_sizes(p, &sz);
	if (proc_vmspace(p, &vm) == 0) {
		pid_rss(vm, &file, &shmem);
		uvmspace_free(vm);
	}
	proc_rele(p);
	pb_printf(pb, "%lu %lu %lu %lu 0 %lu 0\n", atop(sz.sz_total),
	    atop(sz.sz_rss), file + shmem, atop(sz.sz_text),
	    atop(sz.sz_data + sz.sz_stack));
	return 0;
}

static void
status_ids(struct pbuf *pb, struct proc *p)
{
	struct ucred cr;
	u_int i;

	mutex_enter(&p->ps_lock);
	cr = p->ps_cred;
	mutex_exit(&p->ps_lock);
	pb_printf(pb, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nGroups:\t",
	    cr.cr_uid, cr.cr_euid, cr.cr_suid, cr.cr_fsuid, cr.cr_gid,
	    cr.cr_egid, cr.cr_sgid, cr.cr_fsgid);
	for (i = 0; i < cr.cr_ngroups; i++)
		pb_printf(pb, "%u ", cr.cr_groups[i]);
	pb_puts(pb, cr.cr_ngroups == 0 ? " \n" : "\n");
}

/* Capabilities are root's, all of them; nothing can be given up. */
static void
status_rights(struct pbuf *pb, struct proc *p, cpumask_t cpus)
{
	u_long caps = cred_caps(p), mask;
	const char *comma = "";
	u_int from, to;

	pb_printf(pb,
	    "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\n"
	    "CapBnd:\t%016lx\nCapAmb:\t%016lx\n",
	    0ul, caps, caps, (u_long)CAP_ALL, 0ul);
	pb_printf(pb, "NoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n",
	    p->ps_cred.cr_nonewprivs);
	pb_printf(pb, "Cpus_allowed:\t%lx\nCpus_allowed_list:\t", (u_long)cpus);
	/* Runs of them, as in "0-2,5". */
	for (mask = cpus; mask != 0;) {
		from = to = (u_int)__builtin_ctzl(mask);
		while (to < 64 && (mask & (1ul << to)) != 0)
			mask &= ~(1ul << to++);
		pb_printf(pb, from + 1 == to ? "%s%u" : "%s%u-%u", comma, from,
		    to - 1);
		comma = ",";
	}
	pb_puts(pb, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
}

static void
status_memory(struct pbuf *pb, struct proc *p)
{
	struct abi_rusage ru;
	struct vmspace *vm;
	struct sizes sz;
	u_long tables = 0, swapped, file, shmem, shared;

	if (proc_vmspace(p, &vm) != 0)
		return; /* a zombie or a kernel thread: as Linux, no lines */
	tables =
	    atomic_load_explicit(&vm_pmap(vm)->pm_tables, memory_order_relaxed);
	swapped = uvmspace_swapped(vm);
	pid_rss(vm, &file, &shmem);
	uvmspace_free(vm);
	pid_sizes(p, &sz);
	shared = MIN(file + shmem, atop(sz.sz_rss)); /* it goes on meanwhile */
	proc_rusage(p, &ru);
	pb_printf(pb,
	    "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmPin:\t     "
	    "  0 kB\n"
	    "VmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n",
	    KIB(sz.sz_peak), KIB(sz.sz_total), KIB(sz.sz_locked),
	    MAX((u_long)ru.ru_maxrss, KIB(sz.sz_rss)), KIB(sz.sz_rss));
	pb_printf(pb,
	    "RssAnon:\t%8lu kB\nRssFile:\t%8lu kB\nRssShmem:\t%8lu kB\n",
	    KIB(sz.sz_rss - ptoa(shared)), KIB(ptoa(file)), KIB(ptoa(shmem)));
	pb_printf(pb,
	    "VmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\n"
	    "VmLib:\t       0 kB\nVmPTE:\t%8lu kB\nVmSwap:\t%8lu kB\n"
	    "HugetlbPages:\t       0 kB\nCoreDumping:\t0\nTHP_enabled:\t0\n",
	    KIB(sz.sz_data), KIB(sz.sz_stack), KIB(sz.sz_text),
	    KIB(ptoa(tables)), KIB(ptoa(swapped)));
}

/* Who traces thread tid; 0: nobody. */
static pid_t
tid_tracer(pid_t tid)
{
	struct lwp *l;
	pid_t pid = 0;

	mutex_enter(&proctree_lock);
	l = lwp_find(tid);
	if (l != NULL)
		pid = ptrace_tracer(l);
	mutex_exit(&proctree_lock);
	return pid;
}

/* The processors that thread tid may run on. */
static cpumask_t
tid_affinity(pid_t tid)
{
	cpumask_t all =
	    cpu_count() == 64 ? ~(cpumask_t)0 : CPUMASK(cpu_count()) - 1;
	struct lwp *l;

	mutex_enter(&proctree_lock);
	l = lwp_find(tid);
	if (l != NULL)
		all &= lwp_affinity(l);
	mutex_exit(&proctree_lock);
	return all;
}

/* The lines of proc_pid_status(5) from the start to Threads, and signals. */
static void
status_text(struct pbuf *pb, struct proc *p, pid_t tid, char state)
{
	struct sigsets ss;
	struct family fa;

	pid_family(p, tid, &fa);
	pid_signals(p, &ss);
	pb_printf(pb,
	    "Name:\t%s\nState:\t%c (%s)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\n"
	    "PPid:\t%d\nTracerPid:\t%d\n",
	    fa.fa_comm, state, state_name(state), p->ps_pid, tid, fa.fa_parent,
	    tid_tracer(tid));
	status_ids(pb, p);
	pb_printf(pb,
	    "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n"
	    "Kthread:\t%d\n",
	    p->ps_pid, tid, fa.fa_pgrp, fa.fa_session, p->ps_kernel);
	status_memory(pb, p);
	pb_printf(pb, "Threads:\t%u\nSigQ:\t%u/%lu\n", proc_threads(p),
	    ss.ss_queued, (u_long)p->ps_rlimit[RLIMIT_SIGPENDING].rlim_cur);
	pb_printf(pb,
	    "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n"
	    "SigIgn:\t%016lx\nSigCgt:\t%016lx\n",
	    (u_long)ss.ss_thread, (u_long)ss.ss_proc, (u_long)ss.ss_blocked,
	    (u_long)ss.ss_ignored, (u_long)ss.ss_caught);
	status_rights(pb, p, tid_affinity(tid));
}

static int
show_status(struct pnode *pn, struct pbuf *pb)
{
	struct proc *p;

	p = proc_find(pn->pn_pid);
	if (p == NULL)
		return ESRCH;
	status_text(pb, p, p->ps_pid, pid_state(p, NULL));
	proc_rele(p);
	return 0;
}

/*
 * Threads.
 */

bool
pid_thread(pid_t pid, pid_t *tidp, bool next)
{
	pid_t best = 0;
	struct proc *p;
	struct lwp *l;

	p = proc_find(pid);
	if (p == NULL)
		return false;
	spin_enter(&p->ps_siglock);
	TAILQ_FOREACH(l, &p->ps_lwps, l_link) {
		if (next ? l->l_tid <= *tidp : l->l_tid != *tidp)
			continue;
		if (best == 0 || l->l_tid < best)
			best = l->l_tid;
	}
	spin_exit(&p->ps_siglock);
	proc_rele(p);
	if (best != 0)
		*tidp = best;
	return best != 0;
}

/* A thread's state and times; false: it is gone.  T held by nobody. */
static bool
tid_look(struct proc *p, pid_t tid, char *state, uint64_t *utime,
    uint64_t *stime)
{
	struct lwp *l;

	mutex_enter(&proctree_lock);
	l = lwp_find(tid);
	if (l != NULL && l->l_proc != p)
		l = NULL;
	if (l != NULL) {
		*state = pid_state(p, l);
		thread_times(&l->l_thread, utime, stime);
	}
	mutex_exit(&proctree_lock);
	return l != NULL;
}

static int
show_tid(struct pnode *pn, struct pbuf *pb, bool status)
{
	pid_t tid = (pid_t)pn->pn_num;
	uint64_t utime, stime;
	struct proc *p;
	char state;
	int error = 0;

	p = proc_find(pn->pn_pid);
	if (p == NULL)
		return ESRCH;
	if (!tid_look(p, tid, &state, &utime, &stime))
		error = ESRCH;
	else if (status)
		status_text(pb, p, tid, state);
	else
		stat_line(pb, p, tid, state, utime, stime);
	proc_rele(p);
	return error;
}

static int
show_tid_stat(struct pnode *pn, struct pbuf *pb)
{
	return show_tid(pn, pb, false);
}

static int
show_tid_status(struct pnode *pn, struct pbuf *pb)
{
	return show_tid(pn, pb, true);
}

/*
 * Strings of the process's own memory, and its memory.
 */

/* Its bytes [from, to), as far as they can be read. */
static void
show_memory(struct pbuf *pb, struct vmspace *vm, vaddr_t from, vaddr_t to)
{
	char *buf;
	size_t done = 1;

	buf = kmem_alloc(PAGE_SIZE, 0);
	pb->pb_failed = buf == NULL;
	while (from < to && buf != NULL && done > 0) {
		(void)uvm_io(vm, from, buf, MIN(to - from, PAGE_SIZE), false,
		    UVM_FAULT_FORCE, &done);
		pb_write(pb, buf, done);
		from += done;
	}
	if (buf != NULL)
		kmem_free(buf, PAGE_SIZE);
}

static int
show_cmdline(struct pnode *pn, struct pbuf *pb)
{
	struct vmspace *vm;
	struct proc *p;

	p = proc_find(pn->pn_pid);
	if (p == NULL)
		return ESRCH;
	if (proc_vmspace(p, &vm) == 0) {
		show_memory(pb, vm, vm->vm_argaddr, vm->vm_argend);
		uvmspace_free(vm);
	}
	proc_rele(p);
	return 0;
}

/* What exec left on the stack: the environment, or the auxiliary vector. */
static int
show_left(struct pnode *pn, struct pbuf *pb, bool auxv)
{
	struct vmspace *vm;
	struct proc *p;
	int error;

	error = pid_space(pn, &p, &vm);
	if (error != 0)
		return error == ESRCH ? 0 : error;
	if (auxv)
		show_memory(pb, vm, vm->vm_auxaddr, vm->vm_auxend);
	else
		show_memory(pb, vm, vm->vm_envaddr, vm->vm_envend);
	uvmspace_free(vm);
	proc_rele(p);
	return 0;
}

static int
show_environ(struct pnode *pn, struct pbuf *pb)
{
	return show_left(pn, pb, false);
}

static int
show_auxv(struct pnode *pn, struct pbuf *pb)
{
	return show_left(pn, pb, true);
}

/* /proc/<pid>/mem: the offset is the address. */
static int
mem_io(struct file *f, struct uio *uio)
{
	struct pnode *pn = (struct pnode *)f->f_vnode;
	struct vmspace *vm;
	struct proc *p;
	size_t n, done;
	char *buf;
	int error;

	error = pid_space(pn, &p, &vm);
	if (error != 0)
		return error == ESRCH ? 0 : error;
	buf = kmem_alloc(PAGE_SIZE, 0);
	if (buf == NULL)
		error = ENOMEM;
	while (error == 0 && uio->ui_resid > 0) {
		n = MIN(uio->ui_resid, PAGE_SIZE);
		done = n;
		if (uio->ui_write)
			error = uio_move(buf, n, uio);
		if (error == 0)
			error = uvm_io(vm, (vaddr_t)uio->ui_off, buf, n,
			    uio->ui_write, UVM_FAULT_FORCE, &done);
		if (done > 0 && !uio->ui_write && uio_move(buf, done, uio) != 0)
			error = EFAULT;
		uio->ui_off += (off_t)done;
		if (done < n && uio->ui_write)
			uio->ui_resid += n - done;
	}
	if (buf != NULL)
		kmem_free(buf, PAGE_SIZE);
	uvmspace_free(vm);
	proc_rele(p);
	return error == EFAULT ? EIO : error;
}

const struct fileops procmem_ops = {
    .fop_read = mem_io,
    .fop_write = mem_io,
    .fop_flags = FOP_SEEK,
};

/*
 * Small ones.
 */

static int
show_comm(struct pnode *pn, struct pbuf *pb)
{
	struct family fa;
	struct proc *p;

	p = proc_find(pn->pn_pid);
	if (p == NULL)
		return ESRCH;
	pid_family(p, (pid_t)pn->pn_num, &fa);
	proc_rele(p);
	pb_printf(pb, "%s\n", fa.fa_comm);
	return 0;
}

/* Of one's own process, any thread. */
static int
write_comm(struct pnode *pn, char *text, size_t len)
{
	pid_t tid = pn->pn_num != 0 ? (pid_t)pn->pn_num : pn->pn_pid;
	struct lwp *l;
	int error = 0;

	(void)len;
	if (pn->pn_pid != curproc()->ps_pid)
		return EINVAL;
	mutex_enter(&proctree_lock);
	l = lwp_find(tid);
	if (l != NULL && l->l_proc == curproc())
		lwp_setname(l, text);
	else
		error = ESRCH;
	mutex_exit(&proctree_lock);
	return error;
}

static int
show_limits(struct pnode *pn, struct pbuf *pb)
{
	static const struct {
		const char *name, *unit;
	} rows[RLIMIT_COUNT] = {
	    [RLIMIT_CPU] = {"Max cpu time", "seconds"},
	    [RLIMIT_FSIZE] = {"Max file size", "bytes"},
	    [RLIMIT_DATA] = {"Max data size", "bytes"},
	    [RLIMIT_STACK] = {"Max stack size", "bytes"},
	    [RLIMIT_CORE] = {"Max core file size", "bytes"},
	    [RLIMIT_RSS] = {"Max resident set", "bytes"},
	    [RLIMIT_NPROC] = {"Max processes", "processes"},
	    [RLIMIT_NOFILE] = {"Max open files", "files"},
	    [RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
	    [RLIMIT_AS] = {"Max address space", "bytes"},
	    [RLIMIT_LOCKS] = {"Max file locks", "locks"},
	    [RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
	    [RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
	    [RLIMIT_NICE] = {"Max nice priority", ""},
	    [RLIMIT_RTPRIO] = {"Max realtime priority", ""},
	    [RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
	};
	char num[2][24];
	struct proc *p;
	uint64_t v;
	u_int i, k;

	p = proc_find(pn->pn_pid);
	if (p == NULL)
		return ESRCH;
	pb_printf(pb, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit",
	    "Hard Limit", "Units");
	for (i = 0; i < RLIMIT_COUNT; i++) {
		for (k = 0; k < 2; k++) {
			v = k == 0 ? p->ps_rlimit[i].rlim_cur
				   : p->ps_rlimit[i].rlim_max;
			if (v == RLIM_INFINITY)
				strlcpy(num[k], "unlimited", sizeof(num[k]));
			else
				ksnprintf(num[k], sizeof(num[k]), "%lu",
				    (u_long)v);
		}
		pb_printf(pb, "%-25s %-20s %-20s %-10s\n", rows[i].name, num[0],
		    num[1], rows[i].unit);
	}
	proc_rele(p);
	return 0;
}

static int
show_oom_adj(struct pnode *pn, struct pbuf *pb)
{
	struct proc *p;

	p = proc_find(pn->pn_pid);
	if (p == NULL)
		return ESRCH;
	pb_printf(pb, "%d\n", p->ps_oomadj);
	proc_rele(p);
	return 0;
}

static int
write_oom_adj(struct pnode *pn, char *text, size_t len)
{
	const char *end;
	struct proc *p;
	bool minus;
	u_long n;
	int v, error = 0;

	for (; *text == ' '; len--)
		text++;
	minus = *text == '-';
	n = kstrtoul(text + minus, &end, 10);
	if (len == (size_t)minus || *end != '\0' || n > 1000)
		return EINVAL;
	v = minus ? -(int)n : (int)n;
	p = proc_find(pn->pn_pid);
	if (p == NULL)
		return ESRCH;
	mutex_enter(&p->ps_lock);
	if (v < p->ps_oomadj && !cred_is_root())
		error = EACCES;
	else
		p->ps_oomadj = v;
	mutex_exit(&p->ps_lock);
	proc_rele(p);
	return error;
}

static int
show_oom_score(struct pnode *pn, struct pbuf *pb)
{
	struct proc *p;

	p = proc_find(pn->pn_pid);
	if (p == NULL)
		return ESRCH;
	pb_printf(pb, "%ld\n", oom_badness(p));
	proc_rele(p);
	return 0;
}

/*
 * Links.  Everything below is called with the big lock held, which is also
 * what guards ps_fs: fs_exit() takes it to make the pointer NULL.
 */

int
pid_fsproc(pid_t pid, struct fsproc **fpp)
{
	struct proc *p;
	int error = ESRCH;

	KASSERT(big_held());
	p = proc_find(pid);
	if (p == NULL)
		return ESRCH;
	if (!cred_can_trace(p))
		error = EACCES;
	else if (p->ps_fs != NULL) {
		*fpp = p->ps_fs;
		error = 0;
	}
	/* Dropping the reference does not sleep while the pid is in use. */
	proc_rele(p);
	return error;
}

int
pid_fdtable(pid_t pid, struct fdtable **fdtp)
{
	struct fsproc *fp;
	int error;

	error = pid_fsproc(pid, &fp);
	if (error == 0) {
		*fdtp = fp->fp_fd;
		refcount_acquire(&fp->fp_fd->fd_refs);
	}
	return error;
}

static int
link_to(struct vnode *vp, struct vnode **vpp)
{
	if (vp == NULL)
		return ENOENT;
	vref(vp);
	*vpp = vp;
	return 0;
}

static int
exe_target(struct pnode *pn, struct vnode **vpp)
{
	struct fsproc *fp;
	int error;

	error = pid_fsproc(pn->pn_pid, &fp);
	return error != 0 ? error : link_to(fp->fp_exe, vpp);
}

static int
cwd_target(struct pnode *pn, struct vnode **vpp)
{
	struct fsproc *fp;
	int error;

	error = pid_fsproc(pn->pn_pid, &fp);
	return error != 0 ? error : link_to(fp->fp_cwd->cw_cwd, vpp);
}

static int
root_target(struct pnode *pn, struct vnode **vpp)
{
	struct fsproc *fp;
	int error;

	error = pid_fsproc(pn->pn_pid, &fp);
	return error != 0 ? error : link_to(fp->fp_cwd->cw_root, vpp);
}

int
fd_target(struct pnode *pn, struct vnode **vpp)
{
	u_int fd = pn->pn_num;
	struct fdtable *fdt;
	struct file *f;
	int error;

	error = pid_fdtable(pn->pn_pid, &fdt);
	if (error != 0)
		return error;
	f = fd_peek(fdt, &fd);
	error =
	    f != NULL && fd == pn->pn_num ? link_to(f->f_vnode, vpp) : ENOENT;
	if (f != NULL)
		file_rele(f);
	fdt_rele(fdt);
	return error;
}

static void
mounts_line(void *arg, const struct mount *mp)
{
	pb_printf(arg, "/dev/%s %s %s %s 0 0\n", mp->mnt_bdev->bd_name,
	    mp->mnt_on, mp->mnt_ops->mo_name, mp->mnt_rdonly ? "ro" : "rw");
}

static int
show_self_mounts(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_puts(pb, "tmpfs / tmpfs rw 0 0\nproc /proc proc rw 0 0\n");
	mount_foreach(mounts_line, pb);
	return 0;
}

static void
mountinfo_line(void *arg, const struct mount *mp)
{
	const char *mode = mp->mnt_rdonly ? "ro" : "rw";

	pb_printf(arg, "%u 1 %u:%u / %s %s - %s /dev/%s %s\n",
	    MINOR(mp->mnt_dev), MAJOR(mp->mnt_dev), MINOR(mp->mnt_dev),
	    mp->mnt_on, mode, mp->mnt_ops->mo_name, mp->mnt_bdev->bd_name,
	    mode);
}

static int
show_mountinfo(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_puts(pb, "1 1 0:1 / / rw - tmpfs tmpfs rw\n"
		    "2 1 0:2 / /proc rw - proc proc rw\n");
	mount_foreach(mountinfo_line, pb);
	return 0;
}

#define DIR  (S_IFDIR | 0555)
#define PRIV (S_IFDIR | 0500)
#define REG  (S_IFREG | 0444)
#define LNK  (S_IFLNK | 0777)

const struct pent procpid_ents[] = {
    {PD_PID, "auxv", S_IFREG | 0400, 0, show_auxv, NULL, NULL},
    {PD_PID, "cmdline", REG, 0, show_cmdline, NULL, NULL},
    {PD_PID, "comm", S_IFREG | 0644, 0, show_comm, NULL, write_comm},
    {PD_PID, "cwd", LNK, 0, NULL, cwd_target, NULL},
    {PD_PID, "environ", S_IFREG | 0400, 0, show_environ, NULL, NULL},
    {PD_PID, "exe", LNK, 0, NULL, exe_target, NULL},
    {PD_PID, "fd", PRIV, PD_FDS, NULL, NULL, NULL},
    {PD_PID, "limits", REG, 0, show_limits, NULL, NULL},
    {PD_PID, "maps", REG, 0, show_maps, NULL, NULL},
    {PD_PID, "mem", S_IFREG | 0600, 0, NULL, NULL, NULL},
    {PD_PID, "mountinfo", REG, 0, show_mountinfo, NULL, NULL},
    {PD_PID, "mounts", REG, 0, show_self_mounts, NULL, NULL},
    {PD_PID, "oom_score", REG, 0, show_oom_score, NULL, NULL},
    {PD_PID, "oom_score_adj", S_IFREG | 0644, 0, show_oom_adj, NULL,
	write_oom_adj},
    {PD_PID, "root", LNK, 0, NULL, root_target, NULL},
    {PD_PID, "stat", REG, 0, show_stat, NULL, NULL},
    {PD_PID, "statm", REG, 0, show_statm, NULL, NULL},
    {PD_PID, "status", REG, 0, show_status, NULL, NULL},
    {PD_PID, "task", DIR, PD_TASKS, NULL, NULL, NULL},
    {PD_TID, "stat", REG, 0, show_tid_stat, NULL, NULL},
    {PD_TID, "status", REG, 0, show_tid_status, NULL, NULL},
};
const u_int nprocpid_ents = nitems(procpid_ents);
