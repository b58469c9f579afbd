/*
 * mm.h: what the memory system calls share.
 *
 * No lock is held by the callers; all may sleep.
 */
#ifndef KERN_MM_H
#define KERN_MM_H

#include <kern/proc.h>

static inline struct vm_map *
curmap(void)
{
	return &curproc()->ps_vmspace->vm_map;
}

/*
 * mm_range: [start, start + len) as whole pages, up to *endp; false: it wraps
 *	around or leaves user space.
 * mm_may_lock: whether the caller may lock len bytes more than it has locked;
 *	EPERM: it may lock nothing, over: too much.
 * mm_each: do fn to each entry's part of [start, end) of map, by what it was
 *	when looked at; an errno of fn ends that.  The map lock is dropped
 *	for it: another thread that changes the range meanwhile gets what it
 *	asks for.  ENOMEM: hole, the rest is done.
 * mm_advise: madvise() on any space, page aligned, in user space; errno.
 */
struct mm_part {
	vaddr_t mp_start, mp_end;
	bool mp_gap;    /* nothing is mapped before it */
	u_int mp_flags; /* VE_* */
	u_int mp_wired; /* VW_* */
	vm_prot_t mp_prot, mp_maxprot;
	enum vm_inherit mp_inherit;
	struct uvm_object *mp_obj; /* referenced while fn runs, or NULL */
	uint64_t mp_off;           /* of mp_start in it */
};
bool mm_range(vaddr_t start, vsize_t len, vaddr_t *endp);
int mm_may_lock(vsize_t len, int over);
int mm_each(struct vm_map *map, vaddr_t start, vaddr_t end,
    int (*fn)(struct vm_map *map, const struct mm_part *mp));
int mm_advise(struct vm_map *map, vaddr_t start, vaddr_t end, int advice);

/* Kernel parameters vm.wx and vm.stackcheck; set by main.c. */
extern bool mm_wx;         /* refuse memory that is writable and executable */
extern bool mm_stackcheck; /* a stack pointer must lie in stack memory */

#endif
