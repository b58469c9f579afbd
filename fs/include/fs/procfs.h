/*
 * procfs.h: between the tree of /proc (procfs.c) and those who know what its
 * files say (procpid.c, procsys.c).
 *
 * A file is rendered as a whole into a pbuf when it is read from its start,
 * so that what a reader sees is of one moment and no lock is held while he
 * takes it.  Those that have a line for each piece of a space, which may be
 * long, are rendered as far as they are read: to look at the first lines
 * again and again costs no more than they do.
 */
#ifndef FS_PROCFS_H
#define FS_PROCFS_H

#include <uvm/map.h>
#include <fs/file.h>

/* Text that grows by pages; it never moves and never sleeps. */
struct pbuf {
	char **pb_page; /* kmem */
	u_int pb_npage; /* allocated pages */
	u_int pb_size;  /* entries of pb_page */
	size_t pb_len;
	size_t pb_want;  /* as far as anybody has read */
	vaddr_t pb_more; /* where a file that is longer goes on; 0: all here */
	bool pb_failed;  /* something did not fit into memory */
};

/*
 * pb_printf, pb_puts, pb_write: append.  pb_read: copy out len bytes from off
 * on, which exist.  pb_reset: empty, all memory given back.  Spin locks
 * below RANK_POOL may be held.
 */
__printflike(2, 3) void pb_printf(struct pbuf *pb, const char *fmt, ...);
void pb_puts(struct pbuf *pb, const char *s);
void pb_write(struct pbuf *pb, const char *s, size_t len);
int pb_move(struct pbuf *pb, size_t off, size_t len, struct uio *uio);
void pb_reset(struct pbuf *pb);

/* Whether to stop before what begins at va, for now. */
static inline bool
pb_enough(struct pbuf *pb, vaddr_t va)
{
	if (pb->pb_len >= pb->pb_want)
		pb->pb_more = va;
	return pb->pb_more != 0;
}

/* The directories. */
enum pdir {
	PD_NONE,
	PD_ROOT,
	PD_PID,
	PD_TASKS,
	PD_TID,
	PD_FDS,
	PD_SYS,
	PD_SYSKERNEL,
	PD_SYSRANDOM,
	PD_SYSVM,
	PD_SYSVIPC,
	PD_VMSPACE
};

struct pnode;

/*
 * One name of the tree, or one kind of a numbered name.
 *
 * pe_show: render; no lock held but v_iolock.  0, or the errno of the read.
 *	It may stop at pb_want, set pb_more, and is called again to go on there.
 * pe_target: the vnode that a link stands for, referenced.  Big lock.
 * pe_write: text, terminated, of len bytes, is written.  No lock.
 */
struct pent {
	enum pdir pe_in; /* where it is */
	const char *pe_name;
	mode_t pe_mode;
	enum pdir pe_dir; /* a directory: which */
	int (*pe_show)(struct pnode *pn, struct pbuf *pb);
	int (*pe_target)(struct pnode *pn, struct vnode **vpp);
	int (*pe_write)(struct pnode *pn, char *text, size_t len);
};

/*
 * Protection:
 *	I	constant
 *	i	v_iolock
 */
struct pnode {
	struct vnode pn_vnode;     /* [I] first */
	const struct pent *pn_ent; /* [I] */
	pid_t pn_pid;              /* [I] 0: of no process */
	u_int pn_num;              /* [I] descriptor or thread */
};

/* procpid.c, procsys.c and procvm.c: the tables, which procfs.c searches. */
extern const struct pent procpid_ents[];
extern const u_int nprocpid_ents;
extern const struct pent procsys_ents[];
extern const u_int nprocsys_ents;
extern const struct pent procvm_ents[];
extern const u_int nprocvm_ents;

/* profile.c: /proc/vmspace/profile.  No lock held but v_iolock. */
int profile_show(struct pnode *pn, struct pbuf *pb);
int profile_write(struct pnode *pn, char *text, size_t len);

/* proclock.c: /proc/vmspace/lockstat.  As those of profile. */
int lockstat_show(struct pnode *pn, struct pbuf *pb);
int lockstat_write(struct pnode *pn, char *text, size_t len);

/* procswap.c: /proc/swaps, and the lines of /proc/vmstat about paging. */
int show_swaps(struct pnode *pn, struct pbuf *pb);
void vmstat_paging(struct pbuf *pb);

/*
 * pid_thread: whether process pid has the thread tid; 0 asks for the lowest
 *	above *tidp, which is stored.
 * pid_fsproc: what it has of this layer, while the big lock is held.  Errors
 *	as pid_fdtable().
 * pid_fdtable: its descriptors, referenced for fdt_rele(); ESRCH; EACCES:
 *	they are none of the caller's business.  Big lock.
 * procmem_ops, procpagemap_ops: of /proc/<pid>/mem and pagemap.
 *
 * pid_space: the process and the space of pn, both referenced, if they are
 *	the caller's business.  ESRCH, EACCES.  No lock held.
 * maps_joins: b continues a, so that the two show as one.  Map locked.
 * pid_rss: how many of the pages that vm has mapped are a file's on disk, and
 *	how many another object's.  Cost follows what its objects have in
 *	memory.  No lock held.
 * maps_line: the line of maps for an entry that goes on to end.  Map locked.
 */
bool pid_thread(pid_t pid, pid_t *tidp, bool next);
int pid_fsproc(pid_t pid, struct fsproc **fpp);
int pid_fdtable(pid_t pid, struct fdtable **fdtp);
int fd_target(struct pnode *pn, struct vnode **vpp);
extern const struct fileops procmem_ops, procpagemap_ops;
int pid_space(struct pnode *pn, struct proc **pp, struct vmspace **vmp);
void pid_rss(struct vmspace *vm, u_long *file, u_long *shmem);
bool maps_joins(const struct vm_entry *a, const struct vm_entry *b);
void maps_line(struct pbuf *pb, const struct vm_entry *ve, vaddr_t end);

#endif
