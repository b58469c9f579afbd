/*
 * procfs.c: the tree of /proc and the files in it, whatever they say.
 *
 * The tree is three tables of struct pent, each of which names the directory it
 * is in, and three kinds of numbers: processes in the root, threads in task,
 * descriptors in fd.  A lookup makes a vnode; nothing is kept.  What was
 * looked up may be gone when it is used: that is ESRCH, or an empty file.
 */
#include <fs/procfs.h>

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/pool.h>
#include <fs/init.h>

#define PROC_DEV  MAKEDEV(0, 2)
#define WRITE_MAX 256
#define NUM_BASE  1000 /* readdir offsets of numbered entries begin here */

static struct pool pnode_pool;
static struct vnode *procfs_root;
static const struct vops procfs_ops;

static const struct pent ent_root = {.pe_name = "proc",
    .pe_mode = S_IFDIR | 0555,
    .pe_dir = PD_ROOT};
static const struct pent ent_pid = {.pe_in = PD_ROOT,
    .pe_mode = S_IFDIR | 0555,
    .pe_dir = PD_PID};
static const struct pent ent_tid = {.pe_in = PD_TASKS,
    .pe_mode = S_IFDIR | 0555,
    .pe_dir = PD_TID};
static const struct pent ent_fd = {.pe_in = PD_FDS,
    .pe_mode = S_IFLNK | 0700,
    .pe_target = fd_target};

static struct pnode *
vtop(struct vnode *vp)
{
	KASSERT(vp->v_ops == &procfs_ops);
	return (struct pnode *)vp;
}

/*
 * Text.
 */

void
pb_reset(struct pbuf *pb)
{
	u_int i;

	for (i = 0; i < pb->pb_npage; i++)
		kmem_free(pb->pb_page[i], PAGE_SIZE);
	if (pb->pb_page != NULL)
		kmem_free(pb->pb_page, pb->pb_size * sizeof(*pb->pb_page));
	memset(pb, 0, sizeof(*pb));
}

/* One more page.  False: no memory. */
static bool
pb_grow(struct pbuf *pb)
{
	u_int size = pb->pb_size == 0 ? 8 : pb->pb_size * 2;
	char **page;

	if (pb->pb_npage == pb->pb_size) {
		page = kmem_alloc(size * sizeof(*page), 0);
		if (page == NULL)
			return false;
		if (pb->pb_page != NULL) {
			memcpy(page, pb->pb_page, pb->pb_npage * sizeof(*page));
			kmem_free(pb->pb_page, pb->pb_size * sizeof(*page));
		}
		pb->pb_page = page;
		pb->pb_size = size;
	}
	pb->pb_page[pb->pb_npage] = kmem_alloc(PAGE_SIZE, 0);
	if (pb->pb_page[pb->pb_npage] == NULL)
		return false;
	pb->pb_npage++;
	return true;
}

void
pb_write(struct pbuf *pb, const char *s, size_t len)
{
	size_t n, off;

	while (len > 0 && !pb->pb_failed) {
		if (pb->pb_len == pb->pb_npage * PAGE_SIZE && !pb_grow(pb)) {
			pb->pb_failed = true;
			return;
		}
		off = pb->pb_len % PAGE_SIZE;
		n = MIN(len, PAGE_SIZE - off);
		memcpy(pb->pb_page[pb->pb_len / PAGE_SIZE] + off, s, n);
		pb->pb_len += n;
		s += n;
		len -= n;
	}
}

void
pb_puts(struct pbuf *pb, const char *s)
{
	pb_write(pb, s, strlen(s));
}

void
pb_printf(struct pbuf *pb, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = kvsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	KASSERT(n >= 0);
	pb_write(pb, line, MIN((size_t)n, sizeof(line) - 1));
}

int
pb_move(struct pbuf *pb, size_t off, size_t len, struct uio *uio)
{
	size_t n;
	int error = 0;

	KASSERT(off + len <= pb->pb_len);
	while (len > 0 && error == 0) {
		n = MIN(len, PAGE_SIZE - off % PAGE_SIZE);
		error = uio_move(pb->pb_page[off / PAGE_SIZE] + off % PAGE_SIZE,
		    n, uio);
		off += n;
		len -= n;
	}
	return error;
}

/*
 * Open files.  f_data is the text; it is rendered anew by every read from
 * offset 0.
 */

/* Have text for a read of len bytes at off. */
static int
procfile_render(struct pnode *pn, struct pbuf *pb, size_t off, size_t len)
{
	int error = 0;
	bool more;

	more = off == 0;
	if (more)
		pb_reset(pb);
	pb->pb_want = off + len;
	while (error == 0 &&
	       (more || (pb->pb_more != 0 && pb->pb_len < pb->pb_want))) {
		error = pn->pn_ent->pe_show(pn, pb);
		if (error == 0 && pb->pb_failed)
			error = ENOMEM;
		more = false;
	}
	return error;
}

static int
procfile_read(struct file *f, struct uio *uio)
{
	struct vnode *vp = f->f_vnode;
	struct pnode *pn = vtop(vp);
	struct pbuf *pb = f->f_data;
	size_t n;
	int error = 0;

	mutex_enter(&vp->v_iolock);
	if (pn->pn_ent->pe_show == NULL)
		error = EINVAL;
	else
		error =
		    procfile_render(pn, pb, (size_t)uio->ui_off, uio->ui_resid);
	if (error == 0 && (size_t)uio->ui_off < pb->pb_len) {
		n = MIN(pb->pb_len - (size_t)uio->ui_off, uio->ui_resid);
		error = pb_move(pb, (size_t)uio->ui_off, n, uio);
		if (error == 0)
			uio->ui_off += (off_t)n;
	}
	mutex_exit(&vp->v_iolock);
	return error;
}

static int
procfile_write(struct file *f, struct uio *uio)
{
	struct pnode *pn = vtop(f->f_vnode);
	char text[WRITE_MAX];
	size_t total = uio->ui_resid, len = total;
	int error;

	if (pn->pn_ent->pe_write == NULL || len >= sizeof(text))
		return EINVAL;
	error = uio_move(text, len, uio);
	if (error != 0)
		return error;
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\0'))
		len--;
	text[len] = '\0';
	error = pn->pn_ent->pe_write(pn, text, len);
	if (error != 0)
		uio->ui_resid = total; /* refused as a whole */
	return error;
}

static void
procfile_close(struct file *f)
{
	pb_reset(f->f_data);
	kmem_free(f->f_data, sizeof(struct pbuf));
}

static const struct fileops procfile_ops = {
    .fop_read = procfile_read,
    .fop_write = procfile_write,
    .fop_poll = file_always_ready,
    .fop_close = procfile_close,
    .fop_flags = FOP_SEEK,
};

/* Whether what pn tells is the business of few; EACCES: not the caller's. */
static int
may_look(struct pnode *pn)
{
	const char *const secret[] = {"auxv", "environ", "maps", "mem",
	    "pagemap", "smaps", "smaps_rollup"};
	struct vmspace *vm;
	struct proc *p;
	int error;
	u_int i;

	for (i = 0; i < nitems(secret); i++)
		if (strcmp(pn->pn_ent->pe_name, secret[i]) == 0)
			break;
	if (i == nitems(secret) || pn->pn_pid == 0)
		return 0;
	error = pid_space(pn, &p, &vm);
	if (error == 0) {
		uvmspace_free(vm);
		proc_rele(p);
	}
	return error == EACCES ? error : 0;
}

static int
procfs_open(struct vnode *vp, struct file *f)
{
	struct pnode *pn = vtop(vp);
	int error;

	if (S_ISDIR(vp->v_mode)) {
		f->f_ops = &directory_ops;
		return 0;
	}
	if (file_canwrite(f) && (vp->v_mode & 0222) == 0)
		return EACCES;
	error = may_look(pn);
	if (error != 0)
		return error;
	if (strcmp(pn->pn_ent->pe_name, "mem") == 0) {
		f->f_ops = &procmem_ops;
		return 0;
	}
	if (strcmp(pn->pn_ent->pe_name, "pagemap") == 0) {
		f->f_ops = &procpagemap_ops;
		return 0;
	}
	f->f_data = kmem_alloc(sizeof(struct pbuf), PA_ZERO);
	if (f->f_data == NULL)
		return ENOMEM;
	f->f_ops = &procfile_ops;
	return 0;
}

/*
 * The tree.
 */

/* A vnode of ent.  The process's files belong to its user. */
static int
pnode_new(const struct pent *ent, pid_t pid, u_int num, struct vnode **vpp)
{
	struct pnode *pn;
	struct proc *p;

	pn = pool_get(&pnode_pool, 0);
	if (pn == NULL)
		return ENOMEM;
	/* Kernel addresses of entries tell them apart as long as we run. */
	vnode_init(&pn->pn_vnode, &procfs_ops, ent->pe_mode, PROC_DEV,
	    (ino_t)pid << 40 ^ (ino_t)num << 24 ^ ((uintptr_t)ent & 0xffffff));
	pn->pn_ent = ent;
	pn->pn_pid = pid;
	pn->pn_num = num;
	pn->pn_vnode.v_uid = 0;
	pn->pn_vnode.v_gid = 0;
	pn->pn_vnode.v_nlink = ent->pe_dir == PD_NONE ? 1 : 2;
	p = pid != 0 ? proc_find(pid) : NULL;
	if (p != NULL) {
		/* Who may not be dumped has secrets, also from himself. */
		if (p->ps_dumpable || ent->pe_mode == (S_IFDIR | 0555)) {
			pn->pn_vnode.v_uid = p->ps_cred.cr_euid;
			pn->pn_vnode.v_gid = p->ps_cred.cr_egid;
		}
		proc_rele(p);
	}
	*vpp = &pn->pn_vnode;
	return 0;
}

static void
procfs_destroy(struct vnode *vp)
{
	pool_put(&pnode_pool, vtop(vp));
}

/* The i-th entry of all tables, or NULL. */
static const struct pent *
ent_at(u_int i)
{
	if (i < nprocpid_ents)
		return &procpid_ents[i];
	i -= nprocpid_ents;
	if (i < nprocsys_ents)
		return &procsys_ents[i];
	i -= nprocsys_ents;
	return i < nprocvm_ents ? &procvm_ents[i] : NULL;
}

/* name as a number, all of it; false: it is none. */
static bool
number(const char *name, u_int *np)
{
	const char *end;
	u_long n;

	if (*name < '0' || *name > '9' || (*name == '0' && name[1] != '\0'))
		return false;
	n = kstrtoul(name, &end, 10);
	*np = (u_int)n;
	return *end == '\0' && n <= INT32_MAX;
}

/*
 * Whether pe is in the directory dir.  A thread's has what its process's has,
 * but for what is there already, and task.
 */
static bool
ent_in(const struct pent *pe, enum pdir dir)
{
	u_int i;

	if (pe->pe_in == dir)
		return true;
	if (dir != PD_TID || pe->pe_in != PD_PID || pe->pe_dir == PD_TASKS)
		return false;
	for (i = 0; i < nprocpid_ents; i++)
		if (procpid_ents[i].pe_in == PD_TID &&
		    strcmp(procpid_ents[i].pe_name, pe->pe_name) == 0)
			return false;
	return true;
}

/* Process num, or the thread of that number. */
static int
lookup_pid(u_int num, struct vnode **vpp)
{
	struct proc *p = num == 0 ? NULL : proc_find_tid((pid_t)num);
	pid_t pid;

	if (p == NULL)
		p = num == 0 ? NULL : proc_find((pid_t)num);
	if (p == NULL)
		return ENOENT;
	pid = p->ps_pid;
	proc_rele(p);
	if (pid == (pid_t)num)
		return pnode_new(&ent_pid, pid, 0, vpp);
	return pid == 0 ? ENOENT : pnode_new(&ent_tid, pid, num, vpp);
}

/* Process, thread or descriptor num in dn. */
static int
lookup_number(struct pnode *dn, u_int num, struct vnode **vpp)
{
	struct fdtable *fdt;
	struct file *f;
	u_int fd = num;
	pid_t tid = (pid_t)num;

	switch (dn->pn_ent->pe_dir) {
	case PD_ROOT:
		return lookup_pid(num, vpp);
	case PD_TASKS:
		if (!pid_thread(dn->pn_pid, &tid, false))
			return ENOENT;
		return pnode_new(&ent_tid, dn->pn_pid, num, vpp);
	case PD_FDS:
		if (pid_fdtable(dn->pn_pid, &fdt) != 0)
			return ENOENT;
		f = fd_peek(fdt, &fd);
		if (f != NULL)
			file_rele(f);
		fdt_rele(fdt);
		if (f == NULL || fd != num)
			return ENOENT;
		return pnode_new(&ent_fd, dn->pn_pid, num, vpp);
	default:
		return ENOENT;
	}
}

static int
procfs_lookup(struct vnode *dvp, const char *name, struct vnode **vpp)
{
	struct pnode *dn = vtop(dvp);
	const struct pent *pe;
	u_int i, num;

	if (number(name, &num))
		return lookup_number(dn, num, vpp);
	for (i = 0; (pe = ent_at(i)) != NULL; i++) {
		if (ent_in(pe, dn->pn_ent->pe_dir) &&
		    strcmp(pe->pe_name, name) == 0)
			return pnode_new(pe, dn->pn_pid, dn->pn_num, vpp);
	}
	return ENOENT;
}

static int
procfs_parent(struct vnode *vp, struct vnode **vpp)
{
	struct pnode *pn = vtop(vp);
	enum pdir in = pn->pn_ent->pe_in;
	const struct pent *pe = NULL;
	u_int i;

	if (in == PD_ROOT) {
		vref(procfs_root);
		*vpp = procfs_root;
		return 0;
	}
	if (in == PD_TID || (in == PD_PID && pn->pn_num != 0))
		return pnode_new(&ent_tid, pn->pn_pid, pn->pn_num, vpp);
	if (in == PD_PID)
		return pnode_new(&ent_pid, pn->pn_pid, 0, vpp);
	for (i = 0; (pe = ent_at(i)) != NULL && pe->pe_dir != in; i++)
		continue;
	KASSERT(pe != NULL);
	return pnode_new(pe, pn->pn_pid, 0, vpp);
}

static size_t
procfs_name(struct vnode *vp, char *buf, size_t size)
{
	struct pnode *pn = vtop(vp);

	if (pn->pn_ent == &ent_pid)
		return (size_t)ksnprintf(buf, size, "%d", pn->pn_pid);
	if (pn->pn_ent == &ent_tid || pn->pn_ent == &ent_fd)
		return (size_t)ksnprintf(buf, size, "%u", pn->pn_num);
	return strlcpy(buf, pn->pn_ent->pe_name, size);
}

static int
procfs_follow(struct vnode *vp, struct vnode **vpp)
{
	struct pnode *pn = vtop(vp);

	if (pn->pn_ent->pe_target == NULL)
		return ENODATA;
	return pn->pn_ent->pe_target(pn, vpp);
}

static int
procfs_readlink(struct vnode *vp, char *buf, size_t size, size_t *lenp)
{
	struct pnode *pn = vtop(vp);
	struct pbuf pb = {0};
	struct vnode *to;
	char *path;
	size_t len;
	int error;

	if (pn->pn_ent->pe_target == NULL) {
		error = pn->pn_ent->pe_show(pn, &pb);
		*lenp = MIN(pb.pb_len, MIN(size, PAGE_SIZE));
		if (error == 0 && *lenp > 0)
			memcpy(buf, pb.pb_page[0], *lenp);
		pb_reset(&pb);
		return error;
	}
	error = pn->pn_ent->pe_target(pn, &to);
	if (error != 0)
		return error;
	path = kmem_alloc(PATH_MAX, 0);
	if (path == NULL) {
		vrele(to);
		return ENOMEM;
	}
	error = vfs_path(to, path, PATH_MAX, &len);
	if (error == ENOENT) {
		/* It never had a name. */
		len = (size_t)ksnprintf(path, PATH_MAX, "pipe:[%lu]",
		    (u_long)to->v_ino);
		error = 0;
	}
	vrele(to);
	if (error == 0) {
		*lenp = MIN(size, len);
		memcpy(buf, path, *lenp);
	}
	kmem_free(path, PATH_MAX);
	return error;
}

/* The lowest number above or at *nump in directory pn; false: none. */
static bool
next_number(struct pnode *pn, u_int *nump)
{
	struct fdtable *fdt;
	struct file *f;
	struct proc *p;
	pid_t tid = (pid_t)*nump - 1;

	switch (pn->pn_ent->pe_dir) {
	case PD_ROOT:
		p = proc_next((pid_t)*nump - 1);
		if (p == NULL)
			return false;
		*nump = (u_int)p->ps_pid;
		proc_rele(p);
		return true;
	case PD_TASKS:
		if (!pid_thread(pn->pn_pid, &tid, true))
			return false;
		*nump = (u_int)tid;
		return true;
	case PD_FDS:
		if (pid_fdtable(pn->pn_pid, &fdt) != 0)
			return false;
		f = fd_peek(fdt, nump);
		if (f != NULL)
			file_rele(f);
		fdt_rele(fdt);
		return f != NULL;
	default:
		return false;
	}
}

/* Offsets: 0 ".", 1 "..", 2 + place in the tables, NUM_BASE + number. */
static int
procfs_readdir(struct vnode *dvp, off_t *offp, dirent_fn *emit, void *arg)
{
	struct pnode *dn = vtop(dvp);
	const struct pent *pe;
	char name[16];
	u_int num;

	for (; *offp < 2; (*offp)++) {
		if (!emit(arg, *offp == 0 ? "." : "..", dvp->v_ino, *offp + 1,
			S_IFDIR))
			return 0;
	}
	for (; *offp < NUM_BASE; (*offp)++) {
		pe = ent_at((u_int)*offp - 2);
		if (pe == NULL) {
			*offp = NUM_BASE;
			break;
		}
		if (ent_in(pe, dn->pn_ent->pe_dir) &&
		    !emit(arg, pe->pe_name,
			(ino_t)dn->pn_pid << 40 ^ ((uintptr_t)pe & 0xffffff),
			*offp + 1, pe->pe_mode))
			return 0;
	}
	num = (u_int)(*offp - NUM_BASE);
	if (num == 0 && dn->pn_ent->pe_dir != PD_FDS)
		num = 1;
	while (next_number(dn, &num)) {
		ksnprintf(name, sizeof(name), "%u", num);
		if (!emit(arg, name, (ino_t)num << 40 | 1,
			NUM_BASE + (off_t)num + 1,
			dn->pn_ent->pe_dir == PD_FDS ? S_IFLNK : S_IFDIR))
			return 0;
		*offp = NUM_BASE + (off_t)++num;
	}
	return 0;
}

static const struct vops procfs_ops = {
    .vo_lookup = procfs_lookup,
    .vo_parent = procfs_parent,
    .vo_name = procfs_name,
    .vo_readlink = procfs_readlink,
    .vo_follow = procfs_follow,
    .vo_readdir = procfs_readdir,
    .vo_open = procfs_open,
    .vo_destroy = procfs_destroy,
    .vo_magic = PROC_MAGIC,
};

int
procfs_mount(struct vnode *dvp)
{
	int error;

	KASSERT(big_held());
	KASSERT(nprocpid_ents + nprocsys_ents + nprocvm_ents < NUM_BASE - 2);
	pool_init(&pnode_pool, "procfs", sizeof(struct pnode), 0);
	error = pnode_new(&ent_root, 0, 0, &procfs_root);
	if (error != 0)
		return error;
	vref(dvp);
	procfs_root->v_covered = dvp;
	dvp->v_mounted = procfs_root;
	return 0;
}
