/*
 * phys_var.h: what the files of phys/ share.  For them alone.
 */
#ifndef PHYS_VAR_H
#define PHYS_VAR_H

#include <base/thread.h>
#include <phys/page.h>

/*
 * struct phys_cpu: the free pages at a CPU's hand, single ones and a few whole
 * runs of PHYS_RUN.
 *
 * The lock is the CPU's own and all but never contended; it lets another CPU
 * take the pages away when memory is short, without asking.
 *
 * Protection:
 *	I	constant after phys_cpu_init()
 *	c	pc_lock
 *	a	C11 atomic; c:a is written under pc_lock, read anywhere
 */
#define PC_NPAGE 448
#define PC_NZERO 48
#define PC_NRUN  8

struct phys_cpu {
	struct cpulock pc_lock;          /* [I] RANK_PHYS */
	u_int pc_limit;                  /* [I] pc_n stays below or at it */
	_Atomic(u_int) pc_n;             /* [c:a] of pc_page[] */
	_Atomic(u_int) pc_nzero;         /* [c:a] of pc_zero[] */
	_Atomic(u_int) pc_nrun;          /* [c:a] of pc_run[] */
	u_int pc_runlimit;               /* [I] pc_nrun stays below or at it */
	struct vm_page *pc_run[PC_NRUN]; /* [c] the first page of each */
	struct vm_page *pc_page[PC_NPAGE]; /* [c] hottest last */
	struct vm_page *pc_zero[PC_NZERO]; /* [c] all PG_ZEROED */
};
_Static_assert(sizeof(struct phys_cpu) <= PAGE_SIZE, "phys_cpu: one page");

/* pg_order of every page that does not head a free run. */
#define ORDER_NONE 0xff

/*
 * buddy.c: the global allocator, lock of rank RANK_PHYS + 1.  Pages go in
 * and come out as PK_FREE.
 *
 * buddy_take: up to n runs of 2^order pages, the first page of each into
 *	pgs[], neighbours last to first, so that a stack filled with them
 *	hands them out in order; how many.
 * buddy_take_run: 2^order pages; NULL: none.
 * Both leave as many pages alone as flags (PA_*) say.
 * buddy_give: the pages of n spans back, in one hold of the lock.
 * buddy_give_run: 2^order pages back.
 * buddy_free: how many there are.
 * buddy_verify: panics on damage.
 */
#define GIVE_BATCH 64u /* pages that are worth one hold of the lock */
u_int buddy_take(struct vm_page **pgs, u_int n, u_int order, u_int flags);
struct vm_page *buddy_take_run(u_int order, u_int flags);
void buddy_give(const struct page_span *sp, u_int n);
void buddy_give_run(struct vm_page *pg, u_int order);
u_long buddy_free(void);
void buddy_verify(void);

/* pool.c: give a new CPU a magazine of each pool. */
void pool_cpu_init(u_int id);

#endif
