/*
 * pmap.h: the page tables of an address space, and the reverse map.
 *
 * One machine-independent walker; <machine/pte.h> only encodes and decodes
 * entries.  Every page of tables is a struct vm_page of kind PK_TABLE with a
 * lock of its own, a count of valid entries and a 64-bit map of populated
 * cache lines, so that a walk costs what is resident, not what is mapped.
 *
 * Reverse map: a page's first mapping is pg_pv, the kernel address of the
 * PTE; the table page that PTE lies in says whose and where.  Further
 * mappings are pv_links in chunks that belong to eight entries of a table,
 * so that the link of a PTE is found by arithmetic and unlinked in O(1).
 *
 * Invalidation: a pmap knows the CPUs that may hold its translations.  One
 * round of messages per operation, never per page; a CPU that only holds the
 * root lazily (it runs a kernel thread) is told once to drop it.
 *
 * None of these sleeps.  None may be called from an interrupt handler, but
 * for activation, which the scheduler does with interrupts off.
 * Those marked S may shoot down: interrupts on, no spin lock held.
 * PTE and table memory: ENOMEM is always possible where stated.
 *
 * Operations on overlapping ranges of one pmap are excluded from each other by
 * the lock of the map; the tables stay sound without it.
 */
#ifndef PMAP_PMAP_H
#define PMAP_PMAP_H

#include <stdatomic.h>
#include <sys/types.h>
#include <sys/queue.h>
#include <machine/param.h>
#include <base/refcount.h>
#include <base/cpu.h>
#include <phys/page.h>

typedef u_int vm_prot_t;
#define PROT_NONE  0u
#define PROT_READ  1u
#define PROT_WRITE 2u
#define PROT_EXEC  4u
#define PROT_ALL   7u

enum pmap_state {
	PMAP_LIVE,     /* entries may be made */
	PMAP_DETACHED, /* no CPU translates through it; enter fails */
	PMAP_DEAD      /* no leaf entries; upper tables may be kept */
};

/*
 * Nothing in it is written by a fault that finds its tables: what could be
 * counted there is summed from the tables instead.
 *
 * Protection:
 *	I	constant from pmap_create() to pmap_destroy()
 *	a	C11 atomic
 */
struct pmap {
	struct vm_page *pm_root;     /* [I] top-level table; NULL: kernel */
	paddr_t pm_rootpa;           /* [I] */
	refcount_t pm_refs;          /* [a] */
	_Atomic(u_int) pm_state;     /* [a] enum pmap_state; up only */
	_Atomic(uint64_t) pm_asid;   /* [a] generation << 16 | asid; 0: none */
	_Atomic(cpumask_t) pm_cpus;  /* [a] may hold translations of it */
	_Atomic(u_long) pm_tables;   /* [a] table pages, the root included */
	_Atomic(u_int) pm_parting;   /* [a] threads in leaf_part() */
	_Atomic(uint32_t) pm_shape;  /* [a] its upper tables: pmap_spare.c */
	_Atomic(uint32_t) pm_forked; /* [a] what that was at fork; 0: none */
};

extern struct pmap pmap_kernel; /* the kernel's own: no user half */

/* After phys_init(), on the boot CPU; kroot maps the kernel half. */
void pmap_bootstrap(paddr_t kroot);
/* Every CPU, before its first pmap_activate(). */
void pmap_cpu_init(struct cpu *c);

/*
 * pmap_create: an empty space with one reference.  like, unless NULL: the space
 *	that pmap_fork() will fill it from.  ENOMEM.
 * pmap_reference: one more; the caller holds one.
 * pmap_destroy: one less; the last asserts that no entry is left and frees
 *	the root.  S
 */
int pmap_create(struct pmap **pmp, const struct pmap *like);
void pmap_reference(struct pmap *pm);
void pmap_destroy(struct pmap *pm);

/* Free the spaces that are kept for forks to come.  No lock held. */
void pmap_drain(void);

/*
 * pmap_activate: this CPU translates through pm from here on; the caller (the
 *	scheduler, exec) holds a reference for as long as it does, which is the
 *	implicit reference of an active pmap.  Interrupts off or preemption
 *	disabled.  No root is loaded when pm is loaded already.
 * pmap_deactivate: the thread that used it is going away from this CPU; the
 *	root may stay loaded lazily until another is activated or the
 *	pmap is purged.  Same context.
 * pmap_curpmap: what this CPU has loaded.  Preemption disabled.
 */
void pmap_activate(struct pmap *pm);
void pmap_deactivate(struct pmap *pm);
struct pmap *pmap_curpmap(void);

/*
 * pmap_purge: the first half of the death of a space, by its last thread,
 *	on the CPU that runs it: this CPU loads the kernel-only root (the one
 *	root load of an exit), every other CPU that holds the root lazily is
 *	kicked off it once and waited for, and the ASID is retired, so that
 *	no flush is needed from here on.  Then pm_state is PMAP_DETACHED.  S
 *	Asserts that no other CPU runs a thread of the space.
 *	A second call does nothing.
 * pmap_remove_all: remove every entry of a detached pmap.  Walks populated
 *	lines of populated tables only; takes each table's lock once; unlinks
 *	every managed mapping; carries modified and referenced bits to the
 *	pages; frees every table but the root, and those that the next fork can
 *	use (pmap_spare.c).  PMAP_DEAD on return.
 *	Frees no mapped page: the reference to it is the map's.  Returns how
 *	many entries there were.
 */
void pmap_purge(struct pmap *pm);
u_long pmap_remove_all(struct pmap *pm);

/*
 * pmap_fork: child, a new space that nobody else knows, is to have what pm has
 *	mapped in [sva, eva), except that neither may write: all of it that can
 *	be shared by the table, the rest comes by faults.  The caller excludes
 *	all that enters, narrows or removes by address.  how: what is different
 *	somewhere; NULL: nothing.  S
 *
 * pf_stay: ranges that stay writable where they are, for both: memory that both
 *	map shared, object pages all of it.
 * pf_page: unless NULL, a new page that child is to have at pf_va, with pf_prot,
 *	in place of what pm has there, which stays as it is.  Of what lies in
 *	the same leaf table child gets that page at most.  The caller holds it,
 *	and sees to it that nobody writes to pm's meanwhile.
 */
#define PMAP_NSTAY 8
struct pmap_fork {
	struct vm_page *pf_page;
	vaddr_t pf_va;
	vm_prot_t pf_prot;
	u_int pf_nstay;
	struct {
		vaddr_t st_start, st_end;
	} pf_stay[PMAP_NSTAY];
};
void pmap_fork(struct pmap *pm, struct pmap *child, vaddr_t sva, vaddr_t eva,
    const struct pmap_fork *how);

/*
 * pmap_enter: map the page at pa at va with prot, replacing what was there.
 *	flags: PMAP_WIRED: pmap_age() tells; access bits PROT_* that just
 *	happened are recorded as referenced and modified.  PMAP_UNMANAGED:
 *	pa has no vm_page or needs no reverse map.
 * pmap_enter_page: the same for who has the page; not PMAP_UNMANAGED.
 * pmap_enter_used: the same with PROT_READ or, if write, PROT_WRITE for flags:
 *	prot grants what has just happened.
 *	The caller holds the lock of the page's owner, so that the page stays.
 *	0; ENOMEM: no table page or reverse-map chunk, nothing changed (an
 *	old mapping of va may be gone); ESRCH: the pmap is detached.  S
 */
#define PMAP_WIRED     0x10u
#define PMAP_UNMANAGED 0x20u
int pmap_enter(struct pmap *pm, vaddr_t va, paddr_t pa, vm_prot_t prot,
    u_int flags);
int pmap_enter_page(struct pmap *pm, vaddr_t va, struct vm_page *pg,
    vm_prot_t prot, u_int flags);
int pmap_enter_used(struct pmap *pm, vaddr_t va, struct vm_page *pg,
    vm_prot_t prot, bool write);

/*
 * pmap_enter_more: on a guess, after a fault at at, map those of the n pages
 *	pgs[] that are not NULL from va on: where nothing is mapped, or the
 *	same page with less rights; those that are mapped elsewhere too only
 *	if the page before at is mapped.  Not referenced yet.  fresh: all are
 *	there, modified, and nothing maps them yet.  Does as much as memory
 *	and the one leaf table allow.  The caller holds the pages' owners.
 */
void pmap_enter_more(struct pmap *pm, vaddr_t va, struct vm_page *const *pgs,
    u_int n, vaddr_t at, vm_prot_t prot, bool fresh);

/*
 * pmap_enter_group: the same of PMAP_NGROUP pages, after a fault at at, one of
 *	them, so that a CPU can remember them as one: if none is NULL, the
 *	pages lie in a row in memory and are aligned to as many, as va is,
 *	either nothing is mapped here nor they elsewhere or they are like that
 *	already, and the machine can do it.  Referenced; modified if prot
 *	allows it.  False: nothing was done.
 */
#define PMAP_NGROUP 16u
bool pmap_enter_group(struct pmap *pm, vaddr_t va, struct vm_page *const *pgs,
    vaddr_t at, vm_prot_t prot);

/*
 * All on page-aligned ranges [sva, eva) of user space.
 * pmap_remove: unmap; carries bits; frees tables that became empty.  S
 * pmap_protect: take away what prot lacks; PROT_NONE removes.  S
 * pmap_unwire: entries stay and are no longer PMAP_WIRED.
 * pmap_extract: what va is mapped to, through pap and protp unless NULL; false
 *	when unmapped.
 */
void pmap_remove(struct pmap *pm, vaddr_t sva, vaddr_t eva);
void pmap_protect(struct pmap *pm, vaddr_t sva, vaddr_t eva, vm_prot_t prot);
void pmap_unwire(struct pmap *pm, vaddr_t sva, vaddr_t eva);
bool pmap_extract(struct pmap *pm, vaddr_t va, paddr_t *pap, vm_prot_t *protp);

/*
 * By page, through the reverse map.  The caller holds the page's owner, as
 * does whoever enters a mapping of it: none appears meanwhile, so one pass over
 * the mappings meets them all.  Others may remove some at the same time.
 * pmap_page_protect: narrow every mapping to prot; PROT_NONE removes all.  S
 *	A shared anon's page may be mapped again meanwhile by another amap:
 *	who takes the page away asks pmap_page_mapped() once no one can.
 * pmap_page_protect_many: the same for n pages, with one shootdown.
 * pmap_page_remove: remove every mapping, for a caller who keeps all others from
 *	entering one, and is held to it: none is left.  S
 * pmap_is_modified, pmap_is_referenced: carried bits or any mapping's.
 * pmap_clear_modify, pmap_clear_reference: clear both; the value before.  S
 * pmap_page_mapped: has some mapping.
 * pmap_age: PMAP_USED: it was referenced since the last such call; the bits are
 *	cleared, but no TLB is flushed: what goes on through a cached
 *	translation may not be seen.  PMAP_HELD: some mapping is wired.
 */
enum pmap_age { PMAP_IDLE, PMAP_USED, PMAP_HELD };
enum pmap_age pmap_age(struct vm_page *pg);
void pmap_page_protect(struct vm_page *pg, vm_prot_t prot);
void pmap_page_protect_many(struct vm_page *const *pgs, u_int n,
    vm_prot_t prot);
void pmap_page_remove(struct vm_page *pg);
bool pmap_is_modified(struct vm_page *pg);
bool pmap_clear_modify(struct vm_page *pg);
bool pmap_is_referenced(struct vm_page *pg);
bool pmap_clear_reference(struct vm_page *pg);
bool pmap_page_mapped(struct vm_page *pg);
/* How many spaces map it, each as often as it does. */
u_int pmap_page_mapcount(struct vm_page *pg);

/*
 * Contents, through the direct map.
 * pmap_page_written: the kernel has stored to a page that may have been mapped;
 *	instruction fetches find it, too.  Any context.
 */
void pmap_page_written(struct vm_page *pg);
void pmap_zero_page(struct vm_page *pg);
void pmap_copy_page(const struct vm_page *src, struct vm_page *dst);

/*
 * pmap_resident: pages mapped, summed over the tables; for statistics.
 * pmap_verify: counts, line maps and reverse map of one pmap agree; panics.
 * pmap_verify_page: every mapping of pg is of a live table and maps it.
 * pmap_verify_all: no reverse-map entry of any page names a dead table; slow.
 */
u_long pmap_resident(struct pmap *pm);
void pmap_verify(struct pmap *pm);
void pmap_verify_page(struct vm_page *pg);
void pmap_verify_all(void);

#endif
