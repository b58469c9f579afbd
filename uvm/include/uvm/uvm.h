/*
 * uvm.h: the life of a process address space, and page faults.
 *
 * A vmspace counts its users (processes running in it) and its references
 * (whoever keeps the structure alive).  The last user purges it, whatever
 * the references say; the last reference destroys it.  docs/design/lifecycle
 * has the order and the reasons.
 *
 * Protection:
 *	I	constant after creation
 *	a	C11 atomic
 *	m	map write lock
 */
#ifndef UVM_UVM_H
#define UVM_UVM_H

#include <base/epoch.h>
#include <uvm/map.h>

struct vmspace {
	struct vm_map vm_map; /* [I] its own lock */
	refcount_t vm_refs;   /* [a] keep the structure */
	refcount_t vm_users;  /* [a] processes running in it */
	vaddr_t vm_maxsaddr;  /* [I] lowest the stack may ever reach */
	vaddr_t vm_minsaddr;  /* [I] top of the stack; exclusive */
	vsize_t vm_ssize;     /* [m] stack bytes mapped below vm_minsaddr */
	vaddr_t vm_brkbase;   /* [I] start of the heap */
	vaddr_t vm_brk;       /* [m] end of the heap, as brk() set it */
	vaddr_t vm_taddr, vm_tend;     /* [I] text */
	vaddr_t vm_daddr, vm_dend;     /* [I] data */
	vaddr_t vm_argaddr, vm_argend; /* [I] argv strings */
	vaddr_t vm_envaddr, vm_envend; /* [I] environment strings */
	vaddr_t vm_auxaddr, vm_auxend; /* [I] auxiliary vector */
	vaddr_t vm_sigcode; /* [I] signal handlers return there; 0: none */
	_Atomic(u_long) vm_maxrss; /* [a] pages */
	void *vm_shm;              /* [m] System V attachments; detached once */
	struct epoch_entry vm_epoch; /* [I] for uvmspace_free() */
};
#define vm_pmap(vm) ((vm)->vm_map.vm_pmap)

/* What uvm asks of the layers above.  Registered once, by kern. */
struct uvm_upcalls {
	/*
	 * A process needs memory and there is none.  Choose and kill a victim
	 * or return false when there is none.  No VM lock held.  May sleep,
	 * killably.
	 */
	bool (*up_nomem)(void);
	/* The caller has been killed and should not wait or retry. */
	bool (*up_killed)(void);
	/* The caller's fault waits for I/O; or NULL. */
	void (*up_major)(void);
	/* The time of day in ns, any context; or NULL: nobody asks. */
	int64_t (*up_time)(void);
	/* Detach System V segments (vm_shm not NULL), once, before the map. */
	void (*up_shmexit)(struct vmspace *vm);
	/*
	 * Copy from or to the user memory of the space that is loaded.  No
	 * lock held.  EFAULT: a prefix may have been copied.
	 */
	int (*up_copyin)(vaddr_t from, void *to, size_t len);
	int (*up_copyout)(const void *from, vaddr_t to, size_t len);
};
extern const struct uvm_upcalls *uvm_upcalls;

/*
 * How much may be promised; proc_sys_vm(5).  uvm_overcommit: OVERCOMMIT_*;
 * _ratio: percent of RAM and _kbytes (if not 0) instead of it that may be
 * committed with OVERCOMMIT_NEVER, beside swap (pages).
 *
 * uvm_commit_limit, uvm_committed: pages; any context.
 * uvmspace_limits: RLIMIT_AS and RLIMIT_DATA of the space, bytes; a child has
 *	its parent's.  No lock at RANK_MAP or above held.
 */
extern _Atomic(u_int) uvm_overcommit, uvm_overcommit_ratio;
extern _Atomic(u_long) uvm_overcommit_kbytes;
u_long uvm_commit_limit(void);
u_long uvm_committed(void);
void uvmspace_limits(struct vmspace *vm, vsize_t as, vsize_t data);

/* Once, after pmap_bootstrap(). */
void uvm_init(void);

/*
 * uvmspace_create: empty, one user, one reference.  ENOMEM.
 * uvmspace_fork: a copy of the caller's own space as fork(2) makes it: both
 *	maps write-locked, parent first; entries by inheritance; writable
 *	private memory write-protected in the parent and needs-copy in both.
 *	One user, one reference.  ENOMEM: nothing changed but protections;
 *	EFAULT: the parent is not live.  hot: an address that both are going to
 *	write to at once, or 0: if its page is private and in memory, the child
 *	has a copy of it, and both may write without a fault.  The caller is
 *	the only thread in the space then.
 * uvmspace_share: one more user and reference (vfork, CLONE_VM); the caller
 *	runs in it.
 * uvmspace_addref: one more reference; the caller has one, or the process
 *	whose it is cannot leave it meanwhile.
 * uvmspace_tryref: the same for a foreign process's pointer, read under
 *	its RANK_VMPTR lock or in an epoch; false when dying.
 * uvmspace_free: one reference less; the last asserts VM_DEAD or purges what
 *	was never activated, and destroys the structure and the pmap.  No
 *	lock held.  May sleep.
 *
 * uvmspace_leave: the caller stops being a user.  True: it was the last one,
 *	and must call uvmspace_purge() while still running in it (exit)
 *	or before dropping its reference (exec).  False: it must have switched
 *	to another space first if it goes on.
 * uvmspace_purge: empty the space: steps 2 to 7 of the exit order.  By the
 *	last user, no lock held (asserted: not the big lock either), may
 *	sleep.  On return the space is VM_DEAD and this CPU runs on the
 *	kernel's root.  A second call only checks.
 *
 * uvmspace_swapped: how many pages of private memory are on swap; shared after
 *	a fork they count for each.  0 when it is not live.  Cost follows
 *	anons.  The caller has a reference or the RANK_VMPTR lock; no lock at
 *	RANK_MAP or above; sleeps.
 * uvm_entry_swapped: of one entry, what it shows of an object included.  Map
 *	locked.  uvm_entry_page_swapped: whether its page at va is one of them.
 */
u_long uvmspace_swapped(struct vmspace *vm);
u_long uvm_entry_swapped(const struct vm_entry *e);
bool uvm_entry_page_swapped(const struct vm_entry *e, vaddr_t va);
int uvmspace_create(struct vmspace **vmp);
int uvmspace_fork(struct vmspace *parent, struct vmspace **childp, vaddr_t hot);
void uvmspace_share(struct vmspace *vm);
void uvmspace_addref(struct vmspace *vm);
bool uvmspace_tryref(struct vmspace *vm);
void uvmspace_free(struct vmspace *vm);
bool uvmspace_leave(struct vmspace *vm);
void uvmspace_purge(struct vmspace *vm);

/* vm.exit_policy: false (default): purge; true: leave it to the reaper. */
extern bool uvm_exit_reaper;

/*
 * uvm_fault: make va usable for access, or say why not.  va need not be
 *	aligned.  No lock at RANK_MAP or above held.  May sleep.
 *	0: try the access again.
 *	EFAULT: nothing is mapped there, or the space is dead (SEGV_MAPERR).
 *	EACCES: the protection forbids it (SEGV_ACCERR).
 *	ENXIO: beyond the end of the object (BUS_ADRERR).
 *	EIO: the page cannot be had (BUS_ADRERR).
 *	ENOMEM: no memory, and no victim helped; the caller is killed.
 *	UVM_FAULT_FORCE: for uvm_io(): a private mapping is read or written
 *	whatever ve_prot says, as a debugger does.
 */
#define UVM_FAULT_FORCE 1u
int uvm_fault(struct vm_map *map, vaddr_t va, vm_prot_t access, u_int flags);

/*
 * uvm_grow: extend the stack so that it covers va, if va lies between
 *	vm_maxsaddr and the present stack; or the MAP_GROWSDOWN mapping
 *	above va.  Checked without a lock against the immutable bounds;
 *	grown under the map lock; beyond limit (bytes), or closer than
 *	VM_STACK_MAXGAP to accessible memory below that does not grow down
 *	itself, nothing changes, silently.  True: the space now covers va.  No lock at RANK_MAP or
 *	above held.
 */
bool uvm_grow(struct vmspace *vm, vaddr_t va, vsize_t limit);

/*
 * uvm_grow_plan: the arithmetic of it, for either direction.  A stack of size
 *	bytes begins at base (exclusive when it grows down) and may reach
 *	bound.  False: va is outside of that, or beyond limit.  True:
 *	*newsize covers va; it equals size when that did.  Any context.
 */
enum grow_dir { GROW_DOWN, GROW_UP };
bool uvm_grow_plan(enum grow_dir dir, vaddr_t base, vaddr_t bound, vsize_t size,
    vsize_t limit, vaddr_t va, vsize_t *newsize);

/*
 * Move the break; answers the new one, or the old one if it could not; 0 in a
 * dead space.  No lock at RANK_MAP or above held.  May sleep and shoot down.
 */
vaddr_t uvm_brk(struct vmspace *vm, vaddr_t want, vsize_t datalimit);

/* Parameter vm.conceal: MADV_DONTDUMP also keeps memory from uvm_io(). */
extern bool uvm_conceal;

/*
 * uvm_io: copy len bytes between kbuf and va of any space (the caller holds
 *	a reference).  Faults pages in; UVM_FAULT_FORCE as above.  *donep
 *	bytes moved, a prefix.  EFAULT: unmapped, forbidden, or dead.
 */
int uvm_io(struct vmspace *vm, vaddr_t va, void *kbuf, size_t len, bool write,
    u_int flags, size_t *donep);

/*
 * Pages, for /proc/meminfo and sysinfo(2).  Deferred frees and pools are
 * drained first, and what free objects in their slabs add up to (us_slack)
 * counts as free and not as kernel, so that equal use shows equal numbers.  May
 * sleep; no locks.
 */
struct uvm_stats {
	u_long us_total, us_free;
	u_long us_slack;            /* pool_slack(), part of us_free */
	u_long us_anon, us_object;  /* pages by kind */
	u_long us_kernel, us_table; /* pages by kind */
};
void uvm_stats(struct uvm_stats *st);
/* us_free alone, which takes no look at every page. */
u_long uvm_free_pages(void);

#endif
