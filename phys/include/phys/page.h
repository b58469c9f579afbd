/*
 * page.h: physical memory.
 *
 * Every page frame of RAM is described by one struct vm_page of one cache
 * line, found from its address by arithmetic.  Descriptors are never freed:
 * one may be locked and looked at when nothing is known about the page, as
 * long as the looker then checks what it found.
 *
 * Free memory is a buddy system of runs up to 2 MiB under one lock, with a
 * cache of single pages, and of a few runs of 16, per CPU in front, refilled
 * and emptied in batches.
 *
 * Three words are bytes of their own rather than bits of pg_flags, because
 * they are written without the owner's knowledge: the lock, which a looker
 * may hold while the page is freed and becomes another, and the carried
 * referenced and modified bits, which a table walk stores into thousands of
 * pages and which would each cost a locked operation as a bit.
 *
 * Protection:
 *	I	constant after phys_init()
 *	a	C11 atomic, any context
 *	O	the owner: the lock of the amap or object that holds the page;
 *		for a page without owner, whoever allocated it
 *	t	the lock of this page, taken as a table (RANK_TABLE)
 *	v	the lock of this page, taken as a reverse map (RANK_PV);
 *		readable anywhere as a hint
 *	f	the allocator
 *	b	the global allocator's lock
 *	e	pg_pv: set from 0 by compare-and-swap, cleared by the holder
 *		of the lock of the table that the entry is in
 */
#ifndef PHYS_PAGE_H
#define PHYS_PAGE_H

#include <stdatomic.h>
#include <sys/types.h>
#include <sys/queue.h>
#include <machine/param.h>
#include <base/kassert.h>
#include <base/cpu.h>
#include <base/thread.h>

struct vm_anon;
struct uvm_object;
struct pmap;
struct pv_link;
struct table_users;

/*
 * What a page is.  Set at allocation; an owner may turn PK_LOOSE into its
 * kind and back.  Into and out of PK_TABLE only with the page locked, so that
 * whoever has locked a descriptor and found PK_TABLE may believe pg_pmap.
 */
enum page_kind {
	PK_HOLE,     /* no RAM: a gap between ranges */
	PK_RESERVED, /* not ours: firmware, kernel image */
	PK_FREE,     /* in the allocator or a CPU's cache */
	PK_KERNEL,   /* pools, stacks, buffers */
	PK_TABLE,    /* a page table */
	PK_ANON,     /* belongs to a vm_anon */
	PK_OBJECT,   /* belongs to a uvm_object */
	PK_LOOSE,    /* allocated, not yet or no longer owned */
	PK_NKIND
};

/* pg_flags, all atomic. */
#define PG_BUSY     0x0001u /* owner is doing I/O or moving it: [O] */
#define PG_WANTED   0x0002u /* somebody sleeps until it is not busy: [O] */
#define PG_RELEASED 0x0004u /* freed while busy: whoever unbusies frees */
#define PG_ZEROED   0x0008u /* known to be all zeroes (free or PK_LOOSE) */
#define PG_POISON   0x0010u /* free and filled with poison: [f] */
#define PG_ICACHE   0x0020u /* instruction fetches find what it holds */
#define PG_HOLE     0x0040u /* of a file: not all of it has a place on disk */

struct vm_page {
	union {
		TAILQ_ENTRY(vm_page) pg_link; /* [f] or page queues */
		struct {
			struct pmap
			    *pg_pmap;  /* [t] PK_TABLE: whose; NULL: shared */
			vaddr_t pg_va; /* [t] first address it maps */
		};
	};
	union {
		struct vm_anon *pg_anon;    /* [O] PK_ANON */
		struct uvm_object *pg_obj;  /* [O] PK_OBJECT */
		_Atomic(uint64_t) pg_lines; /* [t] PK_TABLE: populated lines */
		void *pg_kva;               /* PK_KERNEL: for its user */
	};
	union {
		uint64_t pg_index;           /* [O] page number in the object */
		struct pv_chunk **pg_chunks; /* [t] PK_TABLE: or NULL */
		uint64_t pg_few; /* [t] PK_TABLE above leaves: see pmap */
		void *pg_kva2;   /* PK_KERNEL: for its user */
	};
	_Atomic(uintptr_t) pg_pv; /* [e] kernel address of a PTE */
	union {
		_Atomic(struct pv_link *) pg_pvmore; /* [v] further mappings */
		struct table_users
		    *pg_users; /* [t] PK_TABLE: NULL or several */
	};
	_Atomic(uint32_t) pg_flags; /* [a] PG_* */
	uint32_t pg_pfn;            /* [I] address / PAGE_SIZE */
	uint16_t pg_count;          /* [t] PK_TABLE: valid entries */
	_Atomic(uint8_t) pg_lock;   /* [a] page_lock() */
	_Atomic(uint8_t) pg_kind;   /* [a] enum page_kind */
	_Atomic(uint8_t) pg_ref;    /* [a] referenced, as far as told */
	union {
		_Atomic(uint8_t) pg_mod; /* [a] modified since last clean */
		uint8_t pg_forked;       /* [t] PK_TABLE: see pmap_share.c */
	};
	uint8_t pg_order; /* [b] of the free run it heads */
	uint8_t pg_level; /* [t] PK_TABLE: 0 = leaves */
};
_Static_assert(sizeof(struct vm_page) == CACHELINE, "vm_page: one line");

TAILQ_HEAD(pageq, vm_page);

/* Neighbouring pages. */
struct page_span {
	struct vm_page *ps_first;
	u_int ps_n;
};

/*
 * Descriptors lie in sections of 16 MiB of addresses.  phys_section[] holds,
 * for each, where the descriptor of page frame 0 would be if the section
 * reached down to it; NULL: no RAM in the section.  The descriptors of two
 * neighbouring frames of RAM are neighbours, in different sections as well.
 */
#define PHYS_SECTION_SHIFT 12 /* of page frame numbers */
extern struct vm_page **phys_section;
extern uint64_t phys_nsection;

/*
 * Bringing memory up, on the boot CPU.  First every range of RAM (page
 * aligned inside, may be given in any order; ranges must not overlap), then
 * what inside them is taken, then phys_init(), which puts the descriptor
 * array into free RAM reachable through md_direct().
 */
void phys_add_range(paddr_t start, paddr_t end);
void phys_reserve(paddr_t start, paddr_t end);
void phys_init(void);
/* Give a reserved range back (initramfs, boot code), as far as it is RAM. */
void phys_release(paddr_t start, paddr_t stop);
/* Every CPU before its first allocation. */
void phys_cpu_init(struct cpu *c);

/*
 * phys_to_page: NULL when pa is not RAM.
 * phys_page: the same for an address known to be in RAM; two loads.
 * page_to_phys, page_direct (the page's bytes): any page.
 * direct_to_page: the page a direct-map address lies in.
 * Any context.
 */
static inline struct vm_page *
phys_page(paddr_t pa)
{
	uint64_t pfn = pa >> PAGE_SHIFT;

	return phys_section[pfn >> PHYS_SECTION_SHIFT] + pfn;
}

static inline struct vm_page *
phys_to_page(paddr_t pa)
{
	uint64_t sect = pa >> PAGE_SHIFT >> PHYS_SECTION_SHIFT;
	struct vm_page *pg;

	if (sect >= phys_nsection || phys_section[sect] == NULL)
		return NULL;
	pg = phys_page(pa);
	return atomic_load_explicit(&pg->pg_kind, memory_order_relaxed) ==
		       PK_HOLE
		   ? NULL
		   : pg;
}

static inline struct vm_page *
direct_to_page(const void *p)
{
	struct vm_page *pg = phys_to_page(md_direct_pa(p));

	KASSERT(pg != NULL);
	return pg;
}

static inline paddr_t
page_to_phys(const struct vm_page *pg)
{
	return (paddr_t)pg->pg_pfn << PAGE_SHIFT;
}

static inline void *
page_direct(const struct vm_page *pg)
{
	return md_direct(page_to_phys(pg));
}

/*
 * page_alloc: one page of kind (not PK_TABLE), contents zero if flags ask; no
 *	flags set, not referenced, not modified, no owner, not wired, no
 *	mappings.  NULL: out of memory, even in other CPUs' caches.
 * page_alloc_batch: up to n of them into pgs[], from what this CPU has at hand
 *	or gets in one go; how many, perhaps none while there is memory.
 *	PHYS_RUN of them are neighbours, in order, the first aligned to as
 *	many, as long as there is such a run; freed together they cost less.
 * page_alloc_run: 2^order pages, contiguous and aligned, order at most
 *	PHYS_MAXORDER; each freed alone or together.  NULL: none.
 * page_free: the only way back; panics on a page that is mapped, wired,
 *	busy or free.  Poisons the contents in DEBUG builds.  A page its
 *	owner knows to be all zeroes may carry PG_ZEROED.
 * page_free_run: 2^order pages from the first.
 * page_free_batch: n pages, each as page_free(), one hold of the global lock
 *	at most per 64; cheapest when neighbours in memory are neighbours
 *	in pgs[].
 * page_free_spans: all pages of n spans, long ones, in one hold of the lock.
 *
 * Never sleep; not from interrupt handlers; locks up to RANK_POOL + 1 may be
 * held.  PA_RESERVE digs into the pages kept for those who free memory.
 */
#define PHYS_MAXORDER 9 /* runs of up to 2 MiB */
#define PHYS_RUNORDER 4
#define PHYS_RUN      (1u << PHYS_RUNORDER) /* pages a CPU keeps runs of */
#define PA_ZERO       1u                    /* contents zero */
#define PA_RESERVE    2u                    /* may use the reserve */
#define PA_USER       4u /* must leave twice the reserve; set by page_alloc() */
struct vm_page *page_alloc(enum page_kind kind, u_int flags);
u_int page_alloc_batch(enum page_kind kind, u_int flags, struct vm_page **pgs,
    u_int n);
struct vm_page *page_alloc_run(enum page_kind kind, u_int order, u_int flags);
void page_free(struct vm_page *pg);
void page_free_run(struct vm_page *pg, u_int order);
void page_free_batch(struct vm_page **pgs, u_int n);
void page_free_spans(const struct page_span *sp, u_int n);

/*
 * page_lock, page_unlock: the page's own spin lock, as rank RANK_TABLE,
 *	RANK_TABLE + 1 (a child table under its parent) or RANK_PV.  The
 *	descriptor may be of any page at all: the caller looks at pg_kind
 *	once it holds the lock.
 * page_locked: somebody holds it.
 */
static inline bool
page_locked(const struct vm_page *pg)
{
	return atomic_load_explicit(&pg->pg_lock, memory_order_relaxed) != 0;
}

/* The rest of page_lock(): somebody holds it, or the order is wrong. */
__unlikely_call void page_lock_slow(struct vm_page *pg, enum lock_rank rank);

static inline void
page_lock(struct vm_page *pg, enum lock_rank rank)
{
	struct thread *td = curthread();

	preempt_disable();
	if (__predict_false(td->td_ranks >> rank != 0 ||
			    atomic_exchange_explicit(&pg->pg_lock, 1,
				memory_order_acquire) != 0)) {
		page_lock_slow(pg, rank);
		lockstat_taken(rank, 0);
		return;
	}
	td->td_ranks |= (uint64_t)1 << rank;
	lockstat_taken(rank, 0);
}

/*
 * page_lock() if nobody holds it, and the order is right; else false.  Then
 * whoever goes on to page_lock() and page_unlock() finds what is due meanwhile.
 */
static inline bool
page_lock_free(struct vm_page *pg, enum lock_rank rank)
{
	struct thread *td = curthread();

	preempt_disable();
	if (__predict_false(td->td_ranks >> rank != 0 ||
			    atomic_exchange_explicit(&pg->pg_lock, 1,
				memory_order_acquire) != 0)) {
		td->td_nopreempt--;
		return false;
	}
	td->td_ranks |= (uint64_t)1 << rank;
	lockstat_taken(rank, 0);
	return true;
}

static inline void
page_unlock(struct vm_page *pg, enum lock_rank rank)
{
	KASSERT(page_locked(pg));
	atomic_store_explicit(&pg->pg_lock, 0, memory_order_release);
	lock_rank_untake(curthread(), rank);
	preempt_enable();
}

static inline u_int
page_flags(const struct vm_page *pg)
{
	return atomic_load_explicit(&pg->pg_flags, memory_order_relaxed);
}

/* Set or clear flags; no store when nothing changes.  Any context. */
void page_flags_set(struct vm_page *pg, u_int flags);
void page_flags_clear(struct vm_page *pg, u_int flags);

static inline enum page_kind
page_kind(const struct vm_page *pg)
{
	return (enum page_kind)atomic_load_explicit(&pg->pg_kind,
	    memory_order_relaxed);
}

/* For the owner, between PK_LOOSE and its kind; pmap for PK_TABLE. */
static inline void
page_setkind(struct vm_page *pg, enum page_kind kind)
{
	atomic_store_explicit(&pg->pg_kind, (uint8_t)kind,
	    memory_order_relaxed);
}

/*
 * The carried bits, for who touches the contents through the direct map.
 * pmap_is_modified() and its kin look at these and at the mappings.
 * No store when set already.
 */
static inline void
page_set_referenced(struct vm_page *pg)
{
	if (!atomic_load_explicit(&pg->pg_ref, memory_order_relaxed))
		atomic_store_explicit(&pg->pg_ref, 1, memory_order_relaxed);
}

static inline void
page_set_modified(struct vm_page *pg)
{
	if (!atomic_load_explicit(&pg->pg_mod, memory_order_relaxed))
		atomic_store_explicit(&pg->pg_mod, 1, memory_order_relaxed);
}

/*
 * Counts in pages.  phys_total: managed pages.  phys_free_count: free in
 * the allocator and in all CPU caches; exact when nothing runs meanwhile.
 * phys_kind_count: pages of a kind, for statistics (O(pages), may be stale).
 */
u_long phys_total(void);
u_long phys_free_count(void);
u_long phys_kind_count(enum page_kind kind);

/*
 * phys_reserve_pages: pages that page_alloc() refuses without PA_RESERVE; for
 *	pages of programs (PK_ANON and the kinds behind it) twice as many.
 * phys_low_pages: with fewer than these in the global allocator, each refill
 *	of a cache from it calls phys_low_hook (unless NULL), with the locks
 *	of who allocates held: it may call wakeup() and no more.
 */
extern u_long phys_reserve_pages;
extern u_long phys_low_pages;
extern void (*_Atomic phys_low_hook)(void);

/*
 * phys_drain: empty this CPU's caches into the allocator.
 * phys_drain_all: those of every CPU.  Neither sleeps; context as
 *	page_alloc().
 */
void phys_drain(void);
void phys_drain_all(void);

/*
 * phys_fail_nth: make the n-th allocation from now fail (1: the next), be it
 *	of a page, a run or a pool object; 0: none.
 * phys_fail_fired: whether it has happened.
 * phys_fail_here: for allocators: count one; true: fail it.
 */
void phys_fail_nth(u_long n);
bool phys_fail_fired(void);
extern _Atomic(u_long) phys_fail_left;
/* The rest of phys_fail_here(). */
__unlikely_call bool phys_fail_count(void);
static inline bool
phys_fail_here(void)
{
	return __predict_false(atomic_load_explicit(&phys_fail_left,
				   memory_order_relaxed) != 0) &&
	       phys_fail_count();
}

/* fn(pg, arg) for the descriptor of every page of RAM; fn may take locks. */
void phys_foreach(void (*fn)(struct vm_page *, void *), void *arg);

/*
 * Check the whole allocator; panics on damage.  Slow.  Exact about what the
 * caches hold when nothing runs meanwhile, else only about the rest.
 */
void phys_verify(void);

#endif
