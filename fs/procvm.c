/*
 * procvm.c: what /proc says about memory in detail: smaps and pagemap of a
 * process, vmstat, sys/vm, and System V shared memory.
 *
 * Pages are found through the amap and the object of an entry, not by
 * address, so that the cost follows what is resident.  While they are looked
 * at the map, the amap and the object are read-locked.
 */
#include <fs/procfs.h>

#include <sys/errno.h>
#include <base/cpu.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <uvm/uvm.h>
#include <kern/memtab.h>
#include <kern/shm.h>
#include <fs/init.h>

#define KIB_OF(npages) ((npages) * (PAGE_SIZE / 1024))

/* Pages of a range, by kind. */
struct smap {
	struct pmap *sm_pmap;
	bool sm_private;
	u_long sm_size, sm_rss, sm_referenced, sm_anon, sm_locked, sm_swap;
	u_long sm_shared[2], sm_private_pages[2]; /* clean, dirty */
	uint64_t sm_pss, sm_pss_dirty;            /* in PSS_UNIT of a page */
};
#define PSS_UNIT 4096u

/* One page of an entry, at va if it is mapped there. */
typedef void page_fn(void *arg, struct vm_page *pg, vaddr_t va, bool anon);

/*
 * Call fn for the pages resident in e, copies before what they hide.  Map
 * read-locked; fn may take spin locks only.
 */
static void
each_page(const struct vm_entry *e, page_fn *fn, void *arg)
{
	struct vm_amap *am = e->ve_amap;
	struct uvm_object *uo = e->ve_obj;
	uint64_t first = atop(e->ve_off), slot, i, j;
	uint64_t end = first + atop(e->ve_end - e->ve_start);
	struct vm_page *pg, *opg;
	struct vm_anon *an;

	if (am != NULL)
		rw_read_enter(&am->am_lock);
	if (uo != NULL)
		rw_read_enter(&uo->uo_lock);
	for (slot = first; slot < end; slot++) {
		i = j = slot;
		an = am == NULL ? NULL : radix_next(&am->am_anons, &i);
		opg = uo == NULL ? NULL : radix_next(&uo->uo_pages, &j);
		if (an != NULL && (opg == NULL || i <= j)) {
			slot = i;
			pg = uvm_anon_page(an);
		} else if (opg != NULL) {
			slot = j;
			pg = uvm_is_slot((uintptr_t)opg) ? NULL : opg;
			an = NULL;
		} else
			break;
		if (slot < end && pg != NULL)
			fn(arg, pg, e->ve_start + ptoa(slot - first),
			    an != NULL);
	}
	if (uo != NULL)
		rw_exit(&uo->uo_lock);
	if (am != NULL)
		rw_exit(&am->am_lock);
}

/* Whether pm has pg mapped at va. */
static bool
page_is_at(struct pmap *pm, struct vm_page *pg, vaddr_t va)
{
	paddr_t pa;

	return pmap_extract(pm, va, &pa, NULL) &&
	       trunc_page(pa) == page_to_phys(pg);
}

/* Pages of objects that are mapped. */
struct rss {
	struct pmap *rs_pmap;
	u_long rs_npages;
};

static void
rss_page(void *arg, struct vm_page *pg, vaddr_t va, bool anon)
{
	struct rss *rs = arg;

	rs->rs_npages += !anon && page_is_at(rs->rs_pmap, pg, va);
}

void
pid_rss(struct vmspace *vm, u_long *file, u_long *shmem)
{
	struct rss rs = {.rs_pmap = vm_pmap(vm)};
	struct vm_entry *e;

	*file = *shmem = 0;
	rw_read_enter(&vm->vm_map.vm_lock);
	for (e = vm->vm_map.vm_first; e != NULL; e = e->ve_next) {
		if (e->ve_obj == NULL)
			continue;
		rs.rs_npages = 0;
		each_page(e, rss_page, &rs);
		if (e->ve_obj->uo_disk)
			*file += rs.rs_npages;
		else
			*shmem += rs.rs_npages;
	}
	rw_exit(&vm->vm_map.vm_lock);
}

static void
smap_page(void *arg, struct vm_page *pg, vaddr_t va, bool anon)
{
	struct smap *sm = arg;
	bool dirty;
	u_int n;

	if (!page_is_at(sm->sm_pmap, pg, va))
		return;
	n = pmap_page_mapcount(pg);
	dirty = anon || pmap_is_modified(pg);
	sm->sm_rss++;
	sm->sm_anon += anon;
	sm->sm_referenced += pmap_is_referenced(pg);
	sm->sm_pss += PSS_UNIT / MAX(n, 1u);
	if (dirty)
		sm->sm_pss_dirty += PSS_UNIT / MAX(n, 1u);
	if (n > 1)
		sm->sm_shared[dirty]++;
	else
		sm->sm_private_pages[dirty]++;
}

static void
smap_add(struct smap *sm, const struct vm_entry *e)
{
	u_long rss = sm->sm_rss;

	sm->sm_size += atop(e->ve_end - e->ve_start);
	each_page(e, smap_page, sm);
	sm->sm_swap += uvm_entry_swapped(e);
	if (e->ve_wired != 0)
		sm->sm_locked += sm->sm_rss - rss;
}

/*
 * One of twenty lines for each entry, which the map waits for: by hand, as
 * "%-16s%8lu kB\n" with a colon.
 */
static void
smap_kib(struct pbuf *pb, const char *name, u_long kib)
{
	char line[] = "                         kB\n";
	size_t len = strlen(name), at = 24;

	KASSERT(len < 16);
	memcpy(line, name, len);
	line[len] = ':';
	do {
		line[--at] = (char)('0' + kib % 10);
		kib /= 10;
	} while (kib > 0 && at > len + 1);
	pb_write(pb, line, sizeof(line) - 1);
}

static void
smap_line(struct pbuf *pb, const char *name, u_long npages)
{
	smap_kib(pb, name, KIB_OF(npages));
}

static void
smap_lines(struct pbuf *pb, const struct smap *sm)
{
	smap_line(pb, "Rss", sm->sm_rss);
	smap_kib(pb, "Pss", (u_long)KIB_OF(sm->sm_pss) / PSS_UNIT);
	smap_kib(pb, "Pss_Dirty", (u_long)KIB_OF(sm->sm_pss_dirty) / PSS_UNIT);
	smap_line(pb, "Shared_Clean", sm->sm_shared[0]);
	smap_line(pb, "Shared_Dirty", sm->sm_shared[1]);
	smap_line(pb, "Private_Clean", sm->sm_private_pages[0]);
	smap_line(pb, "Private_Dirty", sm->sm_private_pages[1]);
	smap_line(pb, "Referenced", sm->sm_referenced);
	smap_line(pb, "Anonymous", sm->sm_anon);
	smap_line(pb, "KSM", 0);
	smap_line(pb, "LazyFree", 0);
	smap_line(pb, "AnonHugePages", 0);
	smap_line(pb, "ShmemPmdMapped", 0);
	smap_line(pb, "FilePmdMapped", 0);
	smap_line(pb, "Shared_Hugetlb", 0);
	smap_line(pb, "Private_Hugetlb", 0);
	smap_line(pb, "Swap", sm->sm_swap);
	smap_line(pb, "SwapPss", sm->sm_swap); /* sharers are not counted */
	smap_line(pb, "Locked", sm->sm_locked);
}

/* The two letters for each property, as proc_pid_smaps(5) has them. */
static void
smap_flags(struct pbuf *pb, const struct vm_entry *e)
{
	const bool shared = (e->ve_flags & VE_COW) == 0;
	const struct {
		const char *name;
		bool on;
	} flags[] = {
	    {"rd", (e->ve_prot & PROT_READ) != 0},
	    {"wr", (e->ve_prot & PROT_WRITE) != 0},
	    {"ex", (e->ve_prot & PROT_EXEC) != 0},
	    /* Of a file that is open for reading, nobody's stores are seen. */
	    {"sh", shared && (e->ve_maxprot & PROT_WRITE) != 0},
	    {"mr", (e->ve_maxprot & PROT_READ) != 0},
	    {"mw", (e->ve_maxprot & PROT_WRITE) != 0},
	    {"me", (e->ve_maxprot & PROT_EXEC) != 0},
	    {"ms", shared},
	    {"gd", (e->ve_flags & (VE_STACK | VE_GROWSDOWN)) != 0},
	    {"lo", e->ve_wired != 0},
	    {"sr", e->ve_advice == MADV_SEQUENTIAL},
	    {"rr", e->ve_advice == MADV_RANDOM},
	    {"dc", (e->ve_flags & VE_DONTFORK) != 0},
	    {"lf", e->ve_wired == VW_ONFAULT},
	    {"ac", (e->ve_flags & (VE_COMMIT | VE_NORESERVE)) == VE_COMMIT},
	    {"nr", (e->ve_flags & VE_NORESERVE) != 0},
	    {"wf", e->ve_inherit == INHERIT_ZERO},
	    {"dd", (e->ve_flags & VE_DONTDUMP) != 0},
	    {"sl", (e->ve_flags & VE_SEALED) != 0},
	};
	u_int i;

	pb_puts(pb, "VmFlags: ");
	for (i = 0; i < nitems(flags); i++)
		if (flags[i].on) {
			pb_puts(pb, flags[i].name);
			pb_puts(pb, " ");
		}
	pb_puts(pb, "\n");
}

static int
show_smaps(struct pnode *pn, struct pbuf *pb)
{
	struct vm_entry *e, *last;
	vaddr_t from = pb->pb_more;
	struct vmspace *vm;
	struct smap sm;
	struct proc *p;
	int error;

	pb->pb_more = 0;
	error = pid_space(pn, &p, &vm);
	if (error != 0)
		return error == ESRCH ? 0 : error;
	rw_read_enter(&vm->vm_map.vm_lock);
	e = uvm_map_next(&vm->vm_map, from);
	for (; e != NULL && !pb_enough(pb, e->ve_start); e = last->ve_next) {
		memset(&sm, 0, sizeof(sm));
		sm.sm_pmap = vm_pmap(vm);
		smap_add(&sm, e);
		last = e;
		while (
		    last->ve_next != NULL && maps_joins(last, last->ve_next)) {
			last = last->ve_next;
			smap_add(&sm, last);
		}
		maps_line(pb, e, last->ve_end);
		smap_line(pb, "Size", sm.sm_size);
		smap_line(pb, "KernelPageSize", 1);
		smap_line(pb, "MMUPageSize", 1);
		smap_lines(pb, &sm);
		pb_puts(pb, "THPeligible:           0\n");
		smap_flags(pb, e);
	}
	rw_exit(&vm->vm_map.vm_lock);
	uvmspace_free(vm);
	proc_rele(p);
	return 0;
}

static int
show_smaps_rollup(struct pnode *pn, struct pbuf *pb)
{
	vaddr_t start = 0, end = 0;
	struct vm_entry *e;
	struct vmspace *vm;
	struct smap sm;
	struct proc *p;
	int error;

	error = pid_space(pn, &p, &vm);
	if (error != 0)
		return error;
	memset(&sm, 0, sizeof(sm));
	sm.sm_pmap = vm_pmap(vm);
	rw_read_enter(&vm->vm_map.vm_lock);
	for (e = vm->vm_map.vm_first; e != NULL; e = e->ve_next) {
		if (start == 0)
			start = e->ve_start;
		end = e->ve_end;
		smap_add(&sm, e);
	}
	rw_exit(&vm->vm_map.vm_lock);
	uvmspace_free(vm);
	proc_rele(p);
	pb_printf(pb, "%08lx-%08lx ---p 00000000 00:00 0", (u_long)start,
	    (u_long)end);
	pb_printf(pb, "%28s\n", "[rollup]");
	smap_lines(pb, &sm);
	return 0;
}

/*
 * pagemap: eight bytes for each page of the space, by address
 * (proc_pid_pagemap(5)).  Where a page lies is for root alone.
 */
#define PM_PRESENT   ((uint64_t)1 << 63)
#define PM_SWAP      ((uint64_t)1 << 62)
#define PM_FILE      ((uint64_t)1 << 61)
#define PM_EXCLUSIVE ((uint64_t)1 << 56)
#define PM_CHUNK     (PAGE_SIZE / sizeof(uint64_t))

static uint64_t
pagemap_entry(struct vmspace *vm, const struct vm_entry *e, vaddr_t va,
    bool root)
{
	struct vm_page *pg;
	uint64_t v = PM_PRESENT;
	paddr_t pa;

	if (!pmap_extract(vm_pmap(vm), va, &pa, NULL))
		return uvm_entry_page_swapped(e, va) ? PM_SWAP : 0;
	pg = phys_to_page(pa);
	if (page_kind(pg) != PK_ANON)
		v |= PM_FILE;
	if (pmap_page_mapcount(pg) == 1)
		v |= PM_EXCLUSIVE;
	return root ? v | atop(pa) : v;
}

/* n entries from va on to buf. */
static void
pagemap_chunk(struct vmspace *vm, vaddr_t va, u_int n, uint64_t *buf)
{
	bool root = cred_is_root();
	struct vm_entry *e;
	u_int i;

	memset(buf, 0, n * sizeof(*buf));
	rw_read_enter(&vm->vm_map.vm_lock);
	for (i = 0; i < n; i++, va += PAGE_SIZE) {
		e = uvm_map_next(&vm->vm_map, va);
		if (e == NULL || e->ve_start >= va + ptoa(n - i))
			break;
		if (e->ve_start <= va)
			buf[i] = pagemap_entry(vm, e, va, root);
	}
	rw_exit(&vm->vm_map.vm_lock);
}

static int
pagemap_read(struct file *f, struct uio *uio)
{
	struct pnode *pn = (struct pnode *)f->f_vnode;
	const uint64_t end = atop(VM_MAXUSER_ADDRESS) * sizeof(uint64_t);
	struct vmspace *vm;
	struct proc *p;
	uint64_t *buf;
	size_t len;
	int error;

	if (uio->ui_off % 8 != 0 || uio->ui_resid % 8 != 0)
		return EINVAL;
	error = pid_space(pn, &p, &vm);
	if (error != 0)
		return error == ESRCH ? 0 : error;
	buf = kmem_alloc(PM_CHUNK * sizeof(*buf), 0);
	if (buf == NULL)
		error = ENOMEM;
	while (error == 0 && uio->ui_resid > 0 && (uint64_t)uio->ui_off < end) {
		len = MIN(uio->ui_resid, PM_CHUNK * sizeof(*buf));
		len = MIN(len, end - (uint64_t)uio->ui_off);
		pagemap_chunk(vm, ptoa((uint64_t)uio->ui_off / 8),
		    (u_int)(len / 8), buf);
		error = uio_move(buf, len, uio);
		if (error == 0)
			uio->ui_off += (off_t)len;
	}
	if (buf != NULL)
		kmem_free(buf, PM_CHUNK * sizeof(*buf));
	uvmspace_free(vm);
	proc_rele(p);
	return error;
}

const struct fileops procpagemap_ops = {
    .fop_read = pagemap_read,
    .fop_flags = FOP_SEEK,
};

/* clear_refs: 1 all pages, 2 anonymous, 3 of files; 5 the peak. */
static void
clear_page(void *arg, struct vm_page *pg, vaddr_t va, bool anon)
{
	u_int what = *(u_int *)arg;

	(void)va;
	if (what == 1 || (what == 2) == anon)
		(void)pmap_clear_reference(pg);
}

static int
write_clear_refs(struct pnode *pn, char *text, size_t len)
{
	struct vm_entry *e;
	struct vmspace *vm;
	struct proc *p;
	u_int what;
	int error;

	if (len != 1 || strchr("1235", *text) == NULL)
		return EINVAL;
	what = (u_int)(*text - '0');
	error = pid_space(pn, &p, &vm);
	if (error != 0)
		return error;
	/* An exit frees the tables with this lock, too. */
	rw_read_enter(&vm->vm_map.vm_lock);
	if (what == 5)
		atomic_store_explicit(&vm->vm_maxrss,
		    pmap_resident(vm_pmap(vm)), memory_order_relaxed);
	else {
		for (e = vm->vm_map.vm_first; e != NULL; e = e->ve_next)
			each_page(e, clear_page, &what);
	}
	rw_exit(&vm->vm_map.vm_lock);
	uvmspace_free(vm);
	proc_rele(p);
	return 0;
}

/*
 * vmstat: Linux's names, then those of OpenBSD's struct uvmexp.
 */
static int
show_vmstat(struct pnode *pn, struct pbuf *pb)
{
	struct uvm_stats st;
	const struct {
		const char *name;
		u_long value;
	} rows[] = {
	    {"pgfault", (u_long)count_sum(COUNT_FAULT)},
	    {"pgmajfault", (u_long)count_sum(COUNT_FAULT_MAJOR)},
	    {"pgalloc_normal", (u_long)count_sum(COUNT_PAGE_ALLOC)},
	    {"pgfree", (u_long)count_sum(COUNT_PAGE_FREE)},
	    {"faults", (u_long)count_sum(COUNT_FAULT)},
	    {"intrs", (u_long)count_sum(COUNT_INTR)},
	    {"swtch", (u_long)count_sum(COUNT_SWITCH)},
	    {"syscalls", (u_long)count_sum(COUNT_SYSCALL)},
	    {"forks", (u_long)count_sum(COUNT_FORK)},
	    {"forks_ppwait", (u_long)count_sum(COUNT_VFORK)},
	    {"flt_anon", (u_long)count_sum(COUNT_FLT_ANON)},
	    {"flt_acow", (u_long)count_sum(COUNT_FLT_ACOW)},
	    {"flt_obj", (u_long)count_sum(COUNT_FLT_OBJ)},
	    {"flt_prcopy", (u_long)count_sum(COUNT_FLT_PRCOPY)},
	    {"flt_przero", (u_long)count_sum(COUNT_FLT_ZERO)},
	};
	u_int i;

	(void)pn;
	uvm_stats(&st);
	pb_printf(pb,
	    "nr_free_pages %lu\nnr_anon_pages %lu\nnr_file_pages %lu\n"
	    "nr_shmem %lu\nnr_page_table_pages %lu\n",
	    st.us_free, st.us_anon, st.us_object, st.us_object, st.us_table);
	for (i = 0; i < nitems(rows); i++)
		pb_printf(pb, "%s %lu\n", rows[i].name, rows[i].value);
	pb_printf(pb, "npages %lu\nfree %lu\nanonpages %lu\nvnodepages %lu\n",
	    st.us_total, st.us_free, st.us_anon, st.us_object);
	vmstat_paging(pb);
	return 0;
}

/*
 * Numbers that can be read and, by root, written.
 */
static const struct tunable {
	const char *tn_name;
	_Atomic(u_int) *tn_int; /* one of the two */
	_Atomic(u_long) *tn_long;
	u_long tn_max;
} tunables[] = {
    {"max_map_count", &uvm_map_count_max, NULL, INT32_MAX},
    {"overcommit_memory", &uvm_overcommit, NULL, INT32_MAX},
    {"overcommit_ratio", &uvm_overcommit_ratio, NULL, INT32_MAX},
    {"overcommit_kbytes", NULL, &uvm_overcommit_kbytes, INT64_MAX},
    {"shmmax", NULL, &shm_max, UINT64_MAX},
    {"shmall", NULL, &shm_all, UINT64_MAX},
    {"shmmni", &shm_mni, NULL, 32768},
};

static const struct tunable *
tunable_of(const struct pnode *pn)
{
	u_int i;

	for (i = 0; i < nitems(tunables); i++)
		if (strcmp(tunables[i].tn_name, pn->pn_ent->pe_name) == 0)
			return &tunables[i];
	panic("no tunable %s", pn->pn_ent->pe_name);
}

static int
show_tunable(struct pnode *pn, struct pbuf *pb)
{
	const struct tunable *tn = tunable_of(pn);

	pb_printf(pb, "%lu\n",
	    tn->tn_int != NULL
		? (u_long)atomic_load_explicit(tn->tn_int, memory_order_relaxed)
		: atomic_load_explicit(tn->tn_long, memory_order_relaxed));
	return 0;
}

static int
write_tunable(struct pnode *pn, char *text, size_t len)
{
	const struct tunable *tn = tunable_of(pn);
	const char *end;
	u_long v;

	if (!cred_is_root())
		return EPERM;
	v = kstrtoul(text, &end, 10);
	if (len == 0 || *end != '\0' || v > tn->tn_max)
		return EINVAL;
	if (tn->tn_int == &uvm_overcommit && mem_command(MC_overcommit, v) != 0)
		return EINVAL;
	if (tn->tn_int != NULL)
		atomic_store_explicit(tn->tn_int, (u_int)v,
		    memory_order_relaxed);
	else
		atomic_store_explicit(tn->tn_long, v, memory_order_relaxed);
	return 0;
}

/* Nothing below this address can be mapped. */
static int
show_min_addr(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_printf(pb, "%lu\n", (u_long)VM_MIN_ADDRESS);
	return 0;
}

static int
show_min_free(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_printf(pb, "%lu\n", KIB_OF((u_long)phys_reserve_pages));
	return 0;
}

static int
show_shm_rmid_forced(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_puts(pb, "0\n");
	return 0;
}

/* Identifiers cannot be asked for. */
static int
show_shm_next_id(struct pnode *pn, struct pbuf *pb)
{
	(void)pn;
	pb_puts(pb, "-1\n");
	return 0;
}

static int
show_sysvshm(struct pnode *pn, struct pbuf *pb)
{
	struct abi_shmid_ds ds;
	u_long rss = 0;
	u_int slot = 0;
	int id = 0;

	(void)pn;
	pb_puts(pb, "       key      shmid perms                  size  cpid  "
		    "lpid nattch   uid   gid  cuid  cgid      atime      dtime "
		    "     ctime                   rss                  swap\n");
	while (shm_next(&slot, &ds, &id, &rss)) {
		pb_printf(pb, "%10d %10d  %4o %21lu %5d %5d  %5lu ",
		    ds.shm_perm.key, id, ds.shm_perm.mode, (u_long)ds.shm_segsz,
		    ds.shm_cpid, ds.shm_lpid, (u_long)ds.shm_nattch);
		pb_printf(pb, "%5u %5u %5u %5u %10ld %10ld %10ld %21lu %21u\n",
		    ds.shm_perm.uid, ds.shm_perm.gid, ds.shm_perm.cuid,
		    ds.shm_perm.cgid, (long)ds.shm_atime, (long)ds.shm_dtime,
		    (long)ds.shm_ctime, ptoa(rss), 0u);
	}
	return 0;
}

#define DIR (S_IFDIR | 0555)
#define REG (S_IFREG | 0444)
#define TUN (S_IFREG | 0644)

const struct pent procvm_ents[] = {
    {PD_PID, "clear_refs", S_IFREG | 0200, 0, NULL, NULL, write_clear_refs},
    {PD_PID, "pagemap", S_IFREG | 0400, 0, NULL, NULL, NULL},
    {PD_PID, "smaps", REG, 0, show_smaps, NULL, NULL},
    {PD_PID, "smaps_rollup", REG, 0, show_smaps_rollup, NULL, NULL},
    {PD_ROOT, "sysvipc", DIR, PD_SYSVIPC, NULL, NULL, NULL},
    {PD_ROOT, "vmstat", REG, 0, show_vmstat, NULL, NULL},
    {PD_SYSKERNEL, "shm_next_id", REG, 0, show_shm_next_id, NULL, NULL},
    {PD_SYSKERNEL, "shm_rmid_forced", REG, 0, show_shm_rmid_forced, NULL, NULL},
    {PD_SYSKERNEL, "shmall", TUN, 0, show_tunable, NULL, write_tunable},
    {PD_SYSKERNEL, "shmmax", TUN, 0, show_tunable, NULL, write_tunable},
    {PD_SYSKERNEL, "shmmni", TUN, 0, show_tunable, NULL, write_tunable},
    {PD_SYSVIPC, "shm", REG, 0, show_sysvshm, NULL, NULL},
    {PD_SYSVM, "max_map_count", TUN, 0, show_tunable, NULL, write_tunable},
    {PD_SYSVM, "min_free_kbytes", REG, 0, show_min_free, NULL, NULL},
    {PD_SYSVM, "mmap_min_addr", REG, 0, show_min_addr, NULL, NULL},
    {PD_SYSVM, "overcommit_kbytes", TUN, 0, show_tunable, NULL, write_tunable},
    {PD_SYSVM, "overcommit_memory", TUN, 0, show_tunable, NULL, write_tunable},
    {PD_SYSVM, "overcommit_ratio", TUN, 0, show_tunable, NULL, write_tunable},
};
const u_int nprocvm_ents = nitems(procvm_ents);
