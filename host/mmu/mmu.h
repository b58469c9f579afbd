/*
 * mmu.h: software MMUs of the hosted machine.
 *
 * A second opinion on pmap/: the table walkers are written from the
 * architecture manuals and share nothing with it but memory.  A translation
 * buffer keeps what it once loaded for as long as the architecture lets it:
 * until it is told to forget, or, if asked for, until a choice evicts it.
 *
 *	mmu_amd64.c	AMD64 APM vol. 2, chapter 5; Intel SDM vol. 3, ch. 4
 *	mmu_arm64.c	Arm ARM DDI 0487, chapter D8
 *	mmu_riscv.c	RISC-V Privileged Architecture, chapter 10
 *	mmu.c		buffers, invalidation, and what must not happen
 *
 * What must not happen ends the run through mmu_violation():
 *	- use of a translation whose page was freed or given to another use
 *	  after it was loaded; a walk through a table page that was freed;
 *	- freeing a page that some CPU's access is not ordered before, or a
 *	  table that some CPU's walker can still come to;
 *	- use of a translation after the operation that took it away has
 *	  completed (mmu_completed());
 *	- on arm64, a change of a live entry that needs break-before-make;
 *	- a group of entries that claim to be alike and are not;
 *	- two entries of different size or target for one address.
 */
#ifndef MMU_MMU_H
#define MMU_MMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MMU_MAXCPU   64
#define MMU_MAXLEVEL 5

#define MMU_READ  1u
#define MMU_WRITE 2u
#define MMU_EXEC  4u

/* What a walk ends with. */
enum mmu_fault {
	MMU_OK,
	MMU_ABSENT,    /* no valid entry, or the address is not one */
	MMU_DENIED,    /* the entry does not permit the access */
	MMU_FLAG,      /* accessed or dirty flag is to be set by software */
	MMU_MALFORMED, /* reserved bits, or an encoding that has no meaning */
	MMU_RETRY      /* the entry changed while the walk set a flag */
};

/* A translation as a walk found it. */
struct mmu_tr {
	uint64_t tr_pa;    /* of the first byte it maps */
	uint8_t tr_shift;  /* it maps 1 << tr_shift bytes */
	uint8_t tr_rights; /* MMU_READ, _WRITE, _EXEC for user accesses */
	bool tr_global;
	bool tr_dirty;     /* a write needs no flag to be set */
	uint8_t tr_group;  /* log2 of how many entries it was made from */
	uint64_t tr_slot;  /* physical address of the entry */
	uint64_t tr_entry; /* its value; of a group: the first's */
};

/*
 * A table format.
 *
 * fm_step: one entry of a walk at level (the root's is fm_levels - 1).  Sets
 *	*next and returns MMU_OK when it points to a table, or sets *leaf and
 *	completes *tr.  tr->tr_rights and tr_global carry what the levels
 *	above allow.
 * fm_flags: what the hardware changes entry to for an access; the same value
 *	when it changes nothing; *fault MMU_FLAG when software must do it.
 * fm_group: log2 of how many neighbouring entries, aligned, this leaf says it is
 *	alike with, so that one translation may serve for all; NULL: it cannot
 *	say so.
 * fm_changes: whether the change of a live leaf from old to new needs it to
 *	be invalid in between (break-before-make).
 */
struct mmu_format {
	const char *fm_name;
	uint8_t fm_levels;
	uint8_t fm_pageshift;  /* bytes of a page and of a table */
	uint8_t fm_bits;       /* index bits of a level */
	uint8_t fm_rootbits;   /* of the root, which may have fewer */
	uint8_t fm_vabits;     /* user addresses are below 1 << fm_vabits */
	bool fm_bbm;           /* break-before-make is required */
	bool fm_denied_drops;  /* a fault for lack of rights drops the entry */
	bool fm_caches_absent; /* an invalid entry may be remembered */
	bool fm_page_drops_walk; /* flushing a page flushes all walk caches of
				    its ASID; else only those over it */
	enum mmu_fault (*fm_step)(const struct mmu_format *fm, uint64_t entry,
	    unsigned level, uint64_t *next, bool *leaf, struct mmu_tr *tr);
	uint64_t (*fm_flags)(uint64_t entry, bool leaf, unsigned access,
	    bool hardware, enum mmu_fault *fault);
	unsigned (*fm_group)(const struct mmu_format *fm, uint64_t entry,
	    unsigned level);
	bool (*fm_changes)(uint64_t old, uint64_t new);
};

extern const struct mmu_format mmu_amd64;
extern const struct mmu_format mmu_arm64_4k, mmu_arm64_16k, mmu_arm64_64k;
extern const struct mmu_format mmu_sv39, mmu_sv48;
const struct mmu_format *mmu_format_named(const char *name);

/*
 * The machine around the MMU.
 *
 * mm_load, mm_cas: an entry of a table at physical address pa, as this CPU's
 *	table walker would: relaxed atomics.
 * mm_violation: what must not happen did.  May return; the access then
 *	fails.
 * mm_choose: one of n; NULL: always 0.
 * mm_peek: an entry, without anyone noticing.
 * mm_save: [p, p + len) is about to change; NULL: nobody cares.
 * mm_clock, mm_ordered: as det_clock() and det_ordered(); NULL: no clocks.
 */
struct mmu_machine {
	const struct mmu_format *mm_format;
	unsigned mm_ncpu;
	uint64_t mm_rambase, mm_ramlen;
	bool mm_hwflags;   /* accessed and dirty flags are set by hardware */
	bool mm_evict;     /* entries may go at any time */
	bool mm_speculate; /* entries may come at any time */
	uint64_t (*mm_load)(uint64_t pa);
	bool (*mm_cas)(uint64_t pa, uint64_t old, uint64_t new);
	uint64_t (*mm_peek)(uint64_t pa);
	void (*mm_violation)(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2)));
	unsigned (*mm_choose)(unsigned n, const char *what);
	void (*mm_save)(void *p, size_t len);
	uint32_t (*mm_clock)(void);
	bool (*mm_ordered)(unsigned cpu, uint32_t clk);
};

/* Bring up: buffers empty, no root loaded, all frames of generation 0. */
void mmu_init(const struct mmu_machine *mm);

/*
 * What a CPU does.
 *
 * mmu_translate: one user access to byte va.  MMU_OK: *pa.  Else the fault
 *	that the CPU would take.
 * mmu_root: translate through the table at root with asid from here on; root
 *	0: no user translations.  Drops nothing by itself.
 * mmu_flush_*: this CPU forgets: one page of one ASID; everything of one
 *	ASID but global entries; everything.
 * mmu_speculate: the walker fetches va on its own, if a choice says so.
 */
enum mmu_fault mmu_translate(unsigned cpu, uint64_t va, unsigned access,
    uint64_t *pa);
void mmu_root(unsigned cpu, uint64_t root, unsigned asid);
void mmu_flush_page(unsigned cpu, unsigned asid, uint64_t va);
void mmu_flush_asid(unsigned cpu, unsigned asid);
void mmu_flush_all(unsigned cpu);
void mmu_speculate(unsigned cpu, uint64_t va);

/*
 * What software tells.
 *
 * mmu_frame_free: the page at pa has no owner any more.
 * mmu_frame_used: it has a new one.
 * mmu_completed: an operation that took away access to [sva, eva) of the
 *	space that cpu has loaded has returned: nobody who knows may use old
 *	translations.
 */
void mmu_frame_free(uint64_t pa);
void mmu_frame_used(uint64_t pa);
void mmu_completed(unsigned cpu, uint64_t sva, uint64_t eva);

/* For show and for tests: fn is called for each entry a CPU holds. */
void mmu_entries(unsigned cpu,
    void (*fn)(void *arg, unsigned asid, uint64_t va, const struct mmu_tr *tr),
    void *arg);

/* Events so far, summed over all CPUs. */
struct mmu_counts {
	uint64_t mc_hits, mc_walks, mc_steps, mc_flush_page, mc_flush_asid,
	    mc_flush_all, mc_roots;
};
extern struct mmu_counts mmu_counts;

#endif
