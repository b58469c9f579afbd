/*
 * map.h: address spaces as the machine-independent layer sees them.
 *
 * A vm_map is an address-ordered AVL tree of entries that do not overlap;
 * each knows the free space behind it, and each subtree its largest, so that
 * a gap is found in O(log n).  An entry maps a range of an object, of an amap,
 * or both: the amap's pages hide the object's (copy-on-write).
 *
 * Protection:
 *	I	constant
 *	m	map write lock
 *	m+	map lock in any mode to read, write mode to write
 *	a	read anywhere as an atomic; m:a: written under the write lock
 */
#ifndef UVM_MAP_H
#define UVM_MAP_H

#include <stdatomic.h>
#include <sys/types.h>
#include <base/lock.h>
#include <base/refcount.h>
#include <pmap/pmap.h>
#include <uvm/amap.h>
#include <uvm/object.h>

enum vm_inherit {
	INHERIT_COPY,  /* the child gets a copy-on-write copy */
	INHERIT_SHARE, /* the child maps the same memory */
	INHERIT_NONE,  /* the child has a hole */
	INHERIT_ZERO   /* the child has zeroes (MADV_WIPEONFORK) */
};

/*
 * ve_off numbers the bytes of the range: in the object, or, for anonymous
 * memory, by the address where the mapping was made, which it keeps when it
 * is moved.  Divided by the page size it is the slot in the amap.  Only
 * neighbours whose numbers are contiguous are merged.
 */
struct vm_entry {
	struct vm_entry *ve_left, *ve_right; /* [m+] */
	struct vm_entry *ve_parent;          /* [m+] */
	struct vm_entry *ve_prev, *ve_next;  /* [m+] by address */
	vaddr_t ve_start, ve_end;            /* [m+] */
	vsize_t ve_gap;                      /* [m+] free bytes behind it */
	vsize_t ve_maxgap;                   /* [m+] largest in its subtree */
	struct uvm_object *ve_obj;           /* [m+] NULL: anonymous */
	uint64_t ve_off;                     /* [m+] see above */
	struct vm_amap *ve_amap;             /* [m+] NULL: none yet */
	uint16_t ve_flags;                   /* [m+] VE_* */
	uint16_t ve_wired;                   /* [m+] VW_*; 0: not locked */
	uint8_t ve_prot;                     /* [m+] PROT_* */
	uint8_t ve_maxprot;                  /* [m+] most that it may become */
	uint8_t ve_inherit;                  /* [m+] enum vm_inherit */
	uint8_t ve_advice;                   /* [m+] NORMAL RANDOM SEQUENTIAL */
	uint8_t ve_height;                   /* [m+] of its subtree; 1: leaf */
};
#define VE_COW       0x0001u /* private: writes go to the amap */
#define VE_NEEDSCOPY 0x0002u /* copy the amap before the first write */
#define VE_STACK     0x0004u /* the main stack: grows down by uvm_grow() */
#define VE_GROWSDOWN 0x0008u /* MAP_GROWSDOWN: the same, anywhere */
#define VE_HEAP      0x0010u /* brk area: named in maps */
#define VE_NORESERVE 0x0020u /* not checked against memory */
#define VE_DONTDUMP  0x0040u /* not in a core file */
#define VE_INHERITED 0x0080u /* came by fork: never merged with new ones */
#define VE_SEALED    0x0100u /* mseal(): stays as it is until exit */
#define VE_COMMIT    0x0200u /* counted as committed */
#define VE_DONTFORK  0x0800u /* INHERIT_NONE while it is set */
#define VE_STACKMEM  0x0400u /* MAP_STACK: may be used as a stack */

#define VW_LOCKED  1u /* mlock(): pages are there */
#define VW_ONFAULT 2u /* and when they come they stay */

enum vm_state {
	VM_LIVE,
	VM_PURGING, /* the last user is emptying it */
	VM_DEAD     /* empty for good; the structure lives */
};

struct vm_map {
	struct rwlock vm_lock;     /* [I] RANK_MAP */
	struct pmap *vm_pmap;      /* [I] */
	struct vm_entry *vm_root;  /* [m+] tree; NULL: empty */
	struct vm_entry *vm_first; /* [m+] list by address */
	u_long vm_nentries;        /* [m+] */
	vsize_t vm_size;           /* [m+] bytes mapped */
	vsize_t vm_peak;           /* [m+] most it ever was */
	vsize_t vm_data;           /* [m+] of them data: RLIMIT_DATA */
	vsize_t vm_commit;         /* [m+] of them committed */
	vsize_t vm_aslimit;        /* [m+] most vm_size may be */
	vsize_t vm_datalimit;      /* [m+] most vm_data may be */
	vaddr_t vm_min, vm_max;    /* [I] */
	vaddr_t vm_mmapbase;       /* [m+] placement goes down from here */
	_Atomic(u_int) vm_ngrow;   /* [m:a] entries that are VE_GROWSDOWN */
	u_int vm_state;            /* [m+] enum vm_state */
};

/*
 * What to map: everything uvm_map() needs to make an entry.  The reference
 * to um_obj is consumed on success only.
 */
struct uvm_mapargs {
	struct uvm_object *um_obj; /* NULL: anonymous */
	uint64_t um_off;           /* bytes into um_obj, page aligned */
	vm_prot_t um_prot, um_maxprot;
	enum vm_inherit um_inherit;
	u_int um_flags; /* VE_* */
	u_int um_how;   /* UVM_MAP_* */
};
#define UVM_MAP_FIXED     1u /* at *addr exactly, replacing what is there */
#define UVM_MAP_NOREPLACE 2u /* with FIXED: EEXIST instead of replacing */
#define UVM_MAP_LOW32     4u /* below 2 GiB */

/*
 * Unless said otherwise these take the map lock themselves, are called with
 * no lock at RANK_MAP or above, may sleep, may shoot down, and answer EFAULT
 * for a map that is not VM_LIVE (the one errno of a dead space).  Addresses
 * and lengths are page aligned; asserted.  Those that drop the last reference
 * to an object call its uo_detach without a VM lock held.
 *
 * uvm_map: len bytes as args say.  Without FIXED *addr is a hint: taken when
 *	free, else the highest gap below vm_mmapbase, else any.  *addr is the
 *	answer.  Merges with an equal neighbour.  ENOMEM: no room, outside
 *	the space, entry limit, a limit of the space or of what may be
 *	committed, or no memory; EEXIST; EOVERFLOW: past the largest offset;
 *	EINVAL: len is 0; EPERM: would replace what is sealed.  An error
 *	leaves the space as it was.
 * uvm_unmap: remove everything in [start, end); holes are fine.  ENOMEM: a
 *	clip needed an entry and there is none; EPERM: something is sealed;
 *	nothing changed.
 * uvm_protect: prot on [start, end).  ENOMEM: hole in it (what lies before
 *	the first hole is changed, as on Linux), no memory, or more private
 *	memory becomes writable than the machine has; EACCES: beyond
 *	maxprot; nothing changed from that entry on.
 * uvm_inherit: as minherit(2).  ENOMEM: hole; EINVAL: COPY of what is not
 *	private, ZERO of what is not private and anonymous.
 * uvm_advise: store MADV_NORMAL, RANDOM, SEQUENTIAL.  ENOMEM: hole.
 * uvm_setflags: set or clear VE_DONTDUMP and VE_DONTFORK.
 *	ENOMEM: hole.
 * uvm_seal: set VE_SEALED: from now on unmapping, moving, protecting and
 *	discarding what cannot be written are EPERM.  ENOMEM: hole; nothing
 *	changed.
 * uvm_discard: MADV_DONTNEED: drop private pages so that they read as
 *	zeroes or file again; unmap shared ones.  ENOMEM: hole, the rest
 *	done; EINVAL: wired, EPERM: sealed; what lies before that is done.
 * uvm_discard_locked: the same for what is wired too.
 * uvm_remap: mremap(2); flags are MREMAP_*.  *addr: where to (FIXED; with
 *	DONTUNMAP a hint), and the answer.  EINVAL: flags, overlap, or oldlen 0 of private memory;
 *	EFAULT: nothing at old, or what moves or grows is not one piece,
 *	unless it moves at its length.  ENOMEM: no room.
 * uvm_wire: mlock and munlock: marks the entries, then faults their pages in.
 *	Does not nest.  ENOMEM: hole (what lies before it is done), or some
 *	page could not be had (PROT_NONE, past the end of the object): the
 *	mark stays.
 * uvm_wire_onfault: marks them only, so that pages are locked as they come.
 * uvm_populate: fault [start, end) in, for writing where that makes a private
 *	copy.  The errno of the first page that failed, the rest untouched;
 *	ENOMEM: hole.
 * uvm_touch: the same for access, whatever the mapping.
 * uvm_msync_check: ENOMEM when [start, end) has a hole.
 * uvm_msync: have what was modified of files on disk through shared mappings
 *	in [start, end), by whom ever, written, and wait.  No lock at
 *	RANK_MOUNT or above held.  EIO, ENOMEM.
 * uvm_mincore: one byte per page: 1 resident.  ENOMEM: hole.
 */
int uvm_map(struct vm_map *map, vaddr_t *addr, vsize_t len,
    const struct uvm_mapargs *args);
int uvm_unmap(struct vm_map *map, vaddr_t start, vaddr_t end);
int uvm_protect(struct vm_map *map, vaddr_t start, vaddr_t end, vm_prot_t prot);
int uvm_inherit(struct vm_map *map, vaddr_t start, vaddr_t end,
    enum vm_inherit inherit);
int uvm_advise(struct vm_map *map, vaddr_t start, vaddr_t end, int advice);
int uvm_setflags(struct vm_map *map, vaddr_t start, vaddr_t end, u_int set,
    u_int clear);
int uvm_seal(struct vm_map *map, vaddr_t start, vaddr_t end);
int uvm_discard(struct vm_map *map, vaddr_t start, vaddr_t end);
int uvm_discard_locked(struct vm_map *map, vaddr_t start, vaddr_t end);
int uvm_remap(struct vm_map *map, vaddr_t old, vsize_t oldlen, vsize_t newlen,
    u_int flags, vaddr_t *addr);
int uvm_wire(struct vm_map *map, vaddr_t start, vaddr_t end, bool wire);
int uvm_wire_onfault(struct vm_map *map, vaddr_t start, vaddr_t end);
int uvm_populate(struct vm_map *map, vaddr_t start, vaddr_t end);
int uvm_touch(struct vm_map *map, vaddr_t start, vaddr_t end, vm_prot_t access);
int uvm_msync_check(struct vm_map *map, vaddr_t start, vaddr_t end);
int uvm_msync(struct vm_map *map, vaddr_t start, vaddr_t end);
int uvm_mincore(struct vm_map *map, vaddr_t start, vaddr_t end, uint8_t *vec);

/*
 * uvm_map_init: empty and live, from min to max; takes over the pmap.
 * uvm_map_lookup: the entry that holds va, or NULL.  Map lock held.
 * uvm_map_next: the first entry that ends above va, or NULL.  Map lock held.
 * uvm_map_verify: tree order and balance, gaps, counts, amap and object
 *	references, no two equal neighbours without amap; panics.  Lock held.
 */
void uvm_map_init(struct vm_map *map, struct pmap *pm, vaddr_t min,
    vaddr_t max);
struct vm_entry *uvm_map_lookup(struct vm_map *map, vaddr_t va);
struct vm_entry *uvm_map_next(struct vm_map *map, vaddr_t va);
void uvm_map_verify(struct vm_map *map);

/* Most entries a map may have: vm.max_map_count. */
extern _Atomic(u_int) uvm_map_count_max;

/* It has them.  Map locked. */
static inline bool
uvm_map_full(const struct vm_map *map)
{
	return map->vm_nentries >=
	       atomic_load_explicit(&uvm_map_count_max, memory_order_relaxed);
}

#endif
