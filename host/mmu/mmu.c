/*
 * mmu.c: translation buffers, walk caches, and what must not happen.
 *
 * Each CPU has a buffer of leaf entries and a cache of pointers to tables,
 * both tagged by ASID.  Nothing leaves them but by a flush, by a fault where
 * the architecture says so, by a choice (mm_evict), or because they are full:
 * then the oldest goes.
 *
 * Frames.  Every page of RAM has a generation, which grows when the page is
 * freed and when it is used again.  An entry remembers the generation of what
 * it points to.  A frame also remembers when each CPU last used it through
 * its MMU, so that freeing it can ask whether that is over.
 *
 * Groups (fm_group).  The buffer keeps one entry for all of a group, and then
 * says of each page what may be read in any of the group's entries: most of all,
 * that it is there, and that it may be written.  So whoever changes one entry
 * and not the others, and does not make the whole invalid in between, is met by
 * a program that goes on as before.  Entries that are valid must agree in all
 * but rights and flags, always.  Flags are noted in the first entry.
 *
 * Entries are small and few, and lists are short: a machine that explores
 * touches a handful of pages.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mmu.h"

#define NTLB     128 /* leaf entries of a CPU */
#define NWALK    32  /* table pointers of a CPU */
#define NDONE    64  /* completed operations remembered */
#define MAXRETRY 100

struct entry {
	uint64_t e_va; /* first address it maps */
	struct mmu_tr e_tr;
	uint32_t e_gen; /* of the frames it maps, a block: of the first */
	uint32_t e_asid;
	uint32_t e_seq; /* completed operations when it was loaded */
	bool e_absent;  /* remembers that there is nothing */
};

struct walk {
	uint64_t w_va;    /* first address the table maps */
	uint64_t w_table; /* its physical address */
	uint32_t w_gen, w_asid;
	uint8_t w_level;    /* of the table */
	struct mmu_tr w_tr; /* what the levels above allow */
};

struct tlb {
	uint64_t t_root;
	uint32_t t_rootgen;
	uint32_t t_asid;
	uint32_t t_n, t_nwalk;
	struct entry t_entry[NTLB];
	struct walk t_walk[NWALK];
};

struct frame {
	uint32_t f_gen;
	bool f_free;
	uint32_t f_used[8]; /* clock of each CPU's last access */
};

/* Range of a space that nobody who knows may use old translations of. */
struct done {
	uint64_t d_sva, d_eva, d_root;
	uint32_t d_clk;
	uint8_t d_cpu;
};

struct mmu_counts mmu_counts;

static struct mmu_machine mm;
static const struct mmu_format *fm;
static struct tlb *tlbs;
static struct frame *frames;
static uint64_t nframes;
static struct done done[NDONE];
static uint64_t ndone;

static const struct mmu_format *const formats[] = {&mmu_amd64, &mmu_arm64_4k,
    &mmu_arm64_16k, &mmu_arm64_64k, &mmu_sv39, &mmu_sv48};

const struct mmu_format *
mmu_format_named(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof formats / sizeof formats[0]; i++)
		if (strcmp(formats[i]->fm_name, name) == 0)
			return formats[i];
	return NULL;
}

void
mmu_init(const struct mmu_machine *machine)
{
	mm = *machine;
	fm = mm.mm_format;
	free(tlbs);
	free(frames);
	nframes = mm.mm_ramlen >> fm->fm_pageshift;
	tlbs = calloc(mm.mm_ncpu, sizeof *tlbs);
	frames = calloc(nframes, sizeof *frames);
	if (tlbs == NULL || frames == NULL)
		abort();
	ndone = 0;
	memset(&mmu_counts, 0, sizeof mmu_counts);
}

static void
save(void *p, size_t len)
{
	if (mm.mm_save != NULL)
		mm.mm_save(p, len);
}

static struct frame *
frame_of(uint64_t pa)
{
	uint64_t i = (pa - mm.mm_rambase) >> fm->fm_pageshift;

	return pa >= mm.mm_rambase && i < nframes ? &frames[i] : NULL;
}

static uint32_t
generation(uint64_t pa)
{
	const struct frame *f = frame_of(pa);

	return f != NULL ? f->f_gen : 0;
}

/* The same for all that a leaf maps, summed: none of them ever goes down. */
static uint32_t
generations(const struct mmu_tr *tr)
{
	uint32_t sum = 0;
	uint64_t i;

	for (i = 0; i < 1ull << tr->tr_group; i++)
		sum += generation(tr->tr_pa + (i << fm->fm_pageshift));
	return sum;
}

/* The first address of the 1 << shift bytes around va. */
static uint64_t
around(uint64_t va, unsigned shift)
{
	return va >> shift << shift;
}

static unsigned
shift_of(unsigned level)
{
	return fm->fm_pageshift + level * fm->fm_bits;
}

static unsigned
index_of(uint64_t va, unsigned level)
{
	unsigned bits =
	    level == fm->fm_levels - 1u ? fm->fm_rootbits : fm->fm_bits;

	return (unsigned)(va >> shift_of(level)) & ((1u << bits) - 1);
}

/*
 * Buffers.
 */
static void
entry_drop(struct tlb *t, unsigned i)
{
	save(&t->t_n, 8);
	t->t_n--;
	if (i == t->t_n)
		return;
	save(&t->t_entry[i], sizeof t->t_entry[i]);
	t->t_entry[i] = t->t_entry[t->t_n];
}

static void
walk_drop(struct tlb *t, unsigned i)
{
	save(&t->t_n, 8);
	t->t_nwalk--;
	if (i == t->t_nwalk)
		return;
	save(&t->t_walk[i], sizeof t->t_walk[i]);
	t->t_walk[i] = t->t_walk[t->t_nwalk];
}

static bool
covers(const struct tlb *t, const struct entry *e, uint64_t va)
{
	return around(va, e->e_tr.tr_shift) == e->e_va &&
	       (e->e_asid == t->t_asid || e->e_tr.tr_global);
}

static struct entry *
lookup(struct tlb *t, uint64_t va)
{
	struct entry *e = NULL;
	unsigned i;

	for (i = 0; i < t->t_n; i++) {
		if (!covers(t, &t->t_entry[i], va))
			continue;
		if (e != NULL && !e->e_absent && !t->t_entry[i].e_absent)
			mm.mm_violation("two translations of %#llx are "
					"cached: to %#llx and %#llx",
			    (unsigned long long)va,
			    (unsigned long long)e->e_tr.tr_pa,
			    (unsigned long long)t->t_entry[i].e_tr.tr_pa);
		e = &t->t_entry[i];
	}
	return e;
}

static void
insert(struct tlb *t, uint64_t va, const struct mmu_tr *tr, bool absent)
{
	struct entry *e;
	unsigned i;

	/* A group takes the place of what was known of its pages. */
	for (i = t->t_n; tr->tr_group != 0 && i-- > 0;)
		if (t->t_entry[i].e_asid == t->t_asid &&
		    around(t->t_entry[i].e_va, tr->tr_shift) ==
			around(va, tr->tr_shift))
			entry_drop(t, i);
	if (t->t_n == NTLB)
		entry_drop(t, 0);
	save(&t->t_n, 8);
	e = &t->t_entry[t->t_n++];
	save(e, sizeof *e);
	e->e_va = around(va, tr->tr_shift);
	e->e_tr = *tr;
	e->e_gen = generations(tr);
	e->e_asid = t->t_asid;
	e->e_seq = (uint32_t)ndone;
	e->e_absent = absent;
}

static void
walk_insert(struct tlb *t, uint64_t va, unsigned level, uint64_t table,
    const struct mmu_tr *tr)
{
	struct walk *w;

	if (t->t_nwalk == NWALK)
		walk_drop(t, 0);
	save(&t->t_n, 8);
	w = &t->t_walk[t->t_nwalk++];
	save(w, sizeof *w);
	w->w_va = around(va, shift_of(level + 1));
	w->w_table = table;
	w->w_gen = generation(table);
	w->w_asid = t->t_asid;
	w->w_level = (uint8_t)level;
	w->w_tr = *tr;
}

/* The deepest table that is known to translate va. */
static const struct walk *
walk_lookup(const struct tlb *t, uint64_t va)
{
	const struct walk *best = NULL, *w;
	unsigned i;

	for (i = 0; i < t->t_nwalk; i++) {
		w = &t->t_walk[i];
		if (w->w_asid == t->t_asid &&
		    around(va, shift_of(w->w_level + 1u)) == w->w_va &&
		    (best == NULL || w->w_level < best->w_level))
			best = w;
	}
	return best;
}

/*
 * Violations.
 */
static void
check_table(uint64_t table, uint32_t gen, uint64_t va)
{
	const struct frame *f = frame_of(table);

	if (f == NULL)
		mm.mm_violation("walk of %#llx: a table at %#llx, which is "
				"not memory",
		    (unsigned long long)va, (unsigned long long)table);
	else if (f->f_free || f->f_gen != gen)
		mm.mm_violation("walk of %#llx through a table page that "
				"was freed, %#llx",
		    (unsigned long long)va, (unsigned long long)table);
}

static void
check_frame(const struct entry *e, uint64_t va)
{
	uint64_t pa = e->e_tr.tr_pa + (va - e->e_va);
	const struct frame *f = frame_of(pa);

	if (f == NULL) /* device memory: never freed */
		return;
	if (f->f_free)
		mm.mm_violation("stale translation: %#llx maps page %#llx, "
				"which is free",
		    (unsigned long long)va, (unsigned long long)pa);
	else if ((pa == e->e_tr.tr_pa || e->e_tr.tr_group != 0) &&
		 generations(&e->e_tr) != e->e_gen)
		mm.mm_violation("stale translation: %#llx maps page %#llx, "
				"which has a new owner",
		    (unsigned long long)va, (unsigned long long)pa);
}

/* How far into what an entry maps va lies, in whole pages. */
static uint64_t
page_in(const struct entry *e, uint64_t va)
{
	return e->e_tr.tr_group == 0 ? 0
				     : around(va - e->e_va, fm->fm_pageshift);
}

/* Whether the tables now say something else than e about va. */
static bool
outdated(const struct tlb *t, const struct entry *e, uint64_t va,
    unsigned access, uint64_t *now)
{
	struct mmu_tr tr = {.tr_rights = MMU_READ | MMU_WRITE | MMU_EXEC};
	uint64_t table = t->t_root, next = 0;
	unsigned level = fm->fm_levels;
	bool leaf = false;

	*now = 0;
	while (!leaf && level-- > 0) {
		if (table == 0 || frame_of(table) == NULL)
			return true;
		*now = mm.mm_peek(table + index_of(va, level) * 8ull);
		if (fm->fm_step(fm, *now, level, &next, &leaf, &tr) != MMU_OK)
			return true;
		table = next;
	}
	if (tr.tr_shift + e->e_tr.tr_group != e->e_tr.tr_shift ||
	    (e->e_tr.tr_group != 0 &&
		fm->fm_group(fm, *now, level) != e->e_tr.tr_group))
		return true;
	return tr.tr_pa != e->e_tr.tr_pa + page_in(e, va) ||
	       (access & ~tr.tr_rights) != 0;
}

static void
check_current(const struct tlb *t, const struct entry *e, uint64_t va,
    unsigned access)
{
	uint64_t now, i;
	const struct done *d;

	if (t->t_root == 0 || mm.mm_peek == NULL ||
	    !outdated(t, e, va, access, &now))
		return;
	if (fm->fm_bbm && (now & 1) != 0 &&
	    fm->fm_changes(e->e_tr.tr_entry + page_in(e, va), now)) {
		mm.mm_violation("break-before-make: the live entry of %#llx "
				"was changed from %#llx to %#llx while cpu "
				"caches the old one",
		    (unsigned long long)va,
		    (unsigned long long)e->e_tr.tr_entry,
		    (unsigned long long)now);
		return;
	}
	if (mm.mm_ordered == NULL)
		return;
	i = ndone > NDONE ? ndone - NDONE : 0;
	for (i = i > e->e_seq ? i : e->e_seq; i < ndone; i++) {
		d = &done[i % NDONE];
		if (d->d_root == t->t_root && va >= d->d_sva && va < d->d_eva &&
		    mm.mm_ordered(d->d_cpu, d->d_clk))
			mm.mm_violation("stale translation: %#llx was taken "
					"away by cpu%u, which is done with it",
			    (unsigned long long)va, d->d_cpu);
	}
}

/*
 * Walks.
 */

/* Set in entry, at pa, what hardware sets; its new value in *entry. */
static enum mmu_fault
set_flags(uint64_t pa, uint64_t *entry, bool leaf, unsigned access)
{
	enum mmu_fault fault = MMU_OK;
	uint64_t want;

	want = fm->fm_flags(*entry, leaf, access, mm.mm_hwflags, &fault);
	if (fault != MMU_OK)
		return fault;
	if (want == *entry)
		return MMU_OK;
	if (!mm.mm_cas(pa, *entry, want))
		return MMU_RETRY;
	*entry = want;
	return MMU_OK;
}

/*
 * The leaf at *pa says that it is one of a group: make the whole of it the
 * translation, and its first entry the one that flags are set in.  above: what
 * the levels above allow.
 */
static void
take_group(uint64_t va, const struct mmu_tr *above, uint64_t *pa,
    uint64_t *entry, struct mmu_tr *tr)
{
	unsigned group = fm->fm_group(fm, *entry, 0), i, n = 1u << group;
	unsigned self = index_of(va, 0) & (n - 1);
	uint64_t next, other, own = *entry, slot = *pa - self * 8ull;
	bool leaf, first = true;
	struct mmu_tr one;

	tr->tr_entry = own - ((uint64_t)self << fm->fm_pageshift);
	if (around(tr->tr_pa, fm->fm_pageshift + group) !=
	    tr->tr_pa - ((uint64_t)self << fm->fm_pageshift))
		mm.mm_violation("group: %#llx maps page %#llx, which is "
				"another of its group",
		    (unsigned long long)va, (unsigned long long)tr->tr_pa);
	for (i = 0; i < n; i++) {
		other = mm.mm_peek(slot + i * 8ull);
		one = *above;
		if (fm->fm_step(fm, other, 0, &next, &leaf, &one) != MMU_OK)
			continue;
		if (fm->fm_changes(tr->tr_entry +
				       ((uint64_t)i << fm->fm_pageshift),
			other))
			mm.mm_violation("group: the entry of %#llx is %#llx, "
					"neighbour %u of it is %#llx",
			    (unsigned long long)va, (unsigned long long)own, i,
			    (unsigned long long)other);
		tr->tr_rights |= one.tr_rights;
		if (!first)
			continue;
		first = false;
		*pa = slot + i * 8ull;
		*entry = other;
		tr->tr_dirty = one.tr_dirty;
	}
	tr->tr_group = (uint8_t)group;
	tr->tr_shift = (uint8_t)(tr->tr_shift + group);
	tr->tr_pa = around(tr->tr_pa, tr->tr_shift);
}

/* Whether a walker that has come to this leaf makes something of its hint. */
static bool
takes_hint(uint64_t entry, unsigned level)
{
	if (fm->fm_group == NULL || mm.mm_peek == NULL ||
	    fm->fm_group(fm, entry, level) == 0)
		return false;
	return !mm.mm_evict || mm.mm_choose == NULL ||
	       mm.mm_choose(2, "keep one page of a group") == 0;
}

static enum mmu_fault
walk(struct tlb *t, uint64_t va, unsigned access, struct mmu_tr *tr)
{
	const struct walk *w;
	struct mmu_tr above;
	enum mmu_fault fault;
	uint64_t table = t->t_root, next = 0, pa, entry;
	uint32_t gen = t->t_rootgen;
	unsigned level = fm->fm_levels;
	bool leaf = false;

	mmu_counts.mc_walks++;
	*tr = (struct mmu_tr){.tr_rights = MMU_READ | MMU_WRITE | MMU_EXEC,
	    .tr_shift = fm->fm_pageshift};
	if (table == 0 || va >> fm->fm_vabits != 0)
		return MMU_ABSENT;
	w = walk_lookup(t, va);
	if (w != NULL) {
		table = w->w_table;
		gen = w->w_gen;
		level = w->w_level + 1u;
		*tr = w->w_tr;
	}
	while (level-- > 0) {
		check_table(table, gen, va);
		pa = table + index_of(va, level) * 8ull;
		mmu_counts.mc_steps++;
		entry = mm.mm_load(pa);
		above = *tr;
		fault = fm->fm_step(fm, entry, level, &next, &leaf, tr);
		if (fault != MMU_OK)
			return fault;
		if (leaf) {
			tr->tr_slot = pa;
			tr->tr_entry = entry;
			if (takes_hint(entry, level))
				take_group(va, &above, &pa, &entry, tr);
			if ((access & ~tr->tr_rights) != 0)
				return MMU_DENIED;
		}
		fault = set_flags(pa, &entry, leaf, access);
		if (fault != MMU_OK)
			return fault;
		if (leaf) {
			if (tr->tr_group == 0)
				tr->tr_entry = entry;
			if ((access & MMU_WRITE) != 0)
				tr->tr_dirty = true;
			return MMU_OK;
		}
		walk_insert(t, va, level - 1, next, tr);
		table = next;
		gen = generation(next);
	}
	return MMU_MALFORMED;
}

/* This CPU uses the page at pa through its MMU. */
static void
use(unsigned cpu, uint64_t pa)
{
	struct frame *f = frame_of(pa);

	if (f == NULL || mm.mm_clock == NULL)
		return;
	save(f, sizeof *f);
	f->f_used[cpu & 7] = mm.mm_clock();
}

/*
 * Whether the cached entry serves the access.  A write needs more than the
 * right to it: if the entry's dirty flag was clear when it was loaded, the
 * walker sets it now.
 */
static enum mmu_fault
hit(struct tlb *t, struct entry *e, uint64_t va, unsigned access)
{
	struct mmu_tr tr;
	enum mmu_fault fault;
	unsigned i = (unsigned)(e - t->t_entry);

	if (e->e_absent)
		return MMU_ABSENT;
	if ((access & ~e->e_tr.tr_rights) != 0) {
		if (fm->fm_denied_drops)
			entry_drop(t, i);
		return MMU_DENIED;
	}
	if ((access & MMU_WRITE) == 0 || e->e_tr.tr_dirty)
		return MMU_OK;
	fault = walk(t, va, access, &tr);
	if (fault == MMU_OK) {
		entry_drop(t, i);
		insert(t, va, &tr, false);
	} else if (fault != MMU_RETRY && fm->fm_denied_drops)
		entry_drop(t, i);
	return fault;
}

enum mmu_fault
mmu_translate(unsigned cpu, uint64_t va, unsigned access, uint64_t *pa)
{
	struct tlb *t = &tlbs[cpu];
	enum mmu_fault fault;
	struct mmu_tr tr;
	struct entry *e;
	unsigned tries;

	for (tries = 0; tries < MAXRETRY; tries++) {
		e = lookup(t, va);
		if (e != NULL && mm.mm_evict && mm.mm_choose != NULL &&
		    mm.mm_choose(2, "evict a translation") != 0) {
			entry_drop(t, (unsigned)(e - t->t_entry));
			e = NULL;
		}
		if (e != NULL) {
			mmu_counts.mc_hits++;
			fault = hit(t, e, va, access);
			if (fault == MMU_RETRY)
				continue;
			if (fault != MMU_OK)
				return fault;
			e = lookup(t, va);
			check_frame(e, va);
			check_current(t, e, va, access);
		} else {
			fault = walk(t, va, access, &tr);
			if (fault == MMU_RETRY)
				continue;
			if (fault == MMU_ABSENT && fm->fm_caches_absent &&
			    t->t_root != 0)
				insert(t, va, &tr, true);
			if (fault == MMU_DENIED && !fm->fm_denied_drops) {
				tr.tr_dirty = false;
				insert(t, va, &tr, false);
			}
			if (fault != MMU_OK)
				return fault;
			insert(t, va, &tr, false);
			e = &t->t_entry[t->t_n - 1];
			check_frame(e, va);
		}
		*pa = e->e_tr.tr_pa + (va - e->e_va);
		use(cpu, *pa);
		return MMU_OK;
	}
	mm.mm_violation("walk of %#llx never ends", (unsigned long long)va);
	return MMU_ABSENT;
}

void
mmu_speculate(unsigned cpu, uint64_t va)
{
	struct tlb *t = &tlbs[cpu];
	struct mmu_tr tr;

	if (!mm.mm_speculate || t->t_root == 0 || lookup(t, va) != NULL)
		return;
	if (mm.mm_choose == NULL || mm.mm_choose(2, "fetch ahead") == 0)
		return;
	if (walk(t, va, MMU_READ, &tr) == MMU_OK)
		insert(t, va, &tr, false);
}

void
mmu_root(unsigned cpu, uint64_t root, unsigned asid)
{
	struct tlb *t = &tlbs[cpu];

	mmu_counts.mc_roots++;
	save(&t->t_root, 24);
	t->t_root = root;
	t->t_rootgen = generation(root);
	t->t_asid = asid;
}

/*
 * Invalidation.
 */
void
mmu_flush_page(unsigned cpu, unsigned asid, uint64_t va)
{
	struct tlb *t = &tlbs[cpu];
	unsigned i;

	mmu_counts.mc_flush_page++;
	for (i = t->t_n; i-- > 0;)
		if ((t->t_entry[i].e_asid == asid ||
			t->t_entry[i].e_tr.tr_global) &&
		    around(va, t->t_entry[i].e_tr.tr_shift) ==
			t->t_entry[i].e_va)
			entry_drop(t, i);
	for (i = t->t_nwalk; i-- > 0;)
		if (t->t_walk[i].w_asid == asid &&
		    (fm->fm_page_drops_walk ||
			around(va, shift_of(t->t_walk[i].w_level + 1u)) ==
			    t->t_walk[i].w_va))
			walk_drop(t, i);
}

void
mmu_flush_asid(unsigned cpu, unsigned asid)
{
	struct tlb *t = &tlbs[cpu];
	unsigned i;

	mmu_counts.mc_flush_asid++;
	for (i = t->t_n; i-- > 0;)
		if (t->t_entry[i].e_asid == asid &&
		    !t->t_entry[i].e_tr.tr_global)
			entry_drop(t, i);
	for (i = t->t_nwalk; i-- > 0;)
		if (t->t_walk[i].w_asid == asid)
			walk_drop(t, i);
}

void
mmu_flush_all(unsigned cpu)
{
	struct tlb *t = &tlbs[cpu];

	mmu_counts.mc_flush_all++;
	save(&t->t_n, 8);
	t->t_n = t->t_nwalk = 0;
}

/*
 * Frames.
 */
/*
 * Whether some CPU's walker, which works ahead of its own accord, can still
 * come to the table page at pa: by the root it has loaded, or by a pointer
 * that it keeps for the space that it has loaded.
 */
static void
check_walkers(uint64_t pa)
{
	const struct tlb *t;
	unsigned cpu, i;

	for (cpu = 0; cpu < mm.mm_ncpu; cpu++) {
		t = &tlbs[cpu];
		if (t->t_root == 0)
			continue;
		if (t->t_root == pa)
			mm.mm_violation("the root table %#llx is freed while "
					"cpu%u has it loaded",
			    (unsigned long long)pa, cpu);
		for (i = 0; i < t->t_nwalk; i++)
			if (t->t_walk[i].w_table == pa &&
			    t->t_walk[i].w_asid == t->t_asid)
				mm.mm_violation("the table page %#llx is "
						"freed while cpu%u may walk "
						"through it",
				    (unsigned long long)pa, cpu);
	}
}

void
mmu_frame_free(uint64_t pa)
{
	struct frame *f = frame_of(pa);
	unsigned q;

	if (f == NULL)
		return;
	check_walkers(pa);
	save(f, sizeof *f);
	for (q = 0; mm.mm_ordered != NULL && q < 8 && q < mm.mm_ncpu; q++)
		if (f->f_used[q] != 0 && !mm.mm_ordered(q, f->f_used[q]))
			mm.mm_violation("page %#llx is freed while cpu%u may "
					"still be using it",
			    (unsigned long long)pa, q);
	memset(f->f_used, 0, sizeof f->f_used);
	f->f_gen++;
	f->f_free = true;
}

void
mmu_frame_used(uint64_t pa)
{
	struct frame *f = frame_of(pa);

	if (f == NULL)
		return;
	save(f, sizeof *f);
	f->f_gen++;
	f->f_free = false;
}

void
mmu_completed(unsigned cpu, uint64_t sva, uint64_t eva)
{
	struct done *d = &done[ndone % NDONE];

	save(&ndone, sizeof ndone);
	save(d, sizeof *d);
	ndone++;
	d->d_cpu = (uint8_t)cpu;
	d->d_root = tlbs[cpu].t_root;
	d->d_sva = sva;
	d->d_eva = eva;
	d->d_clk = mm.mm_clock != NULL ? mm.mm_clock() : 0;
}

void
mmu_entries(unsigned cpu,
    void (*fn)(void *arg, unsigned asid, uint64_t va, const struct mmu_tr *tr),
    void *arg)
{
	const struct tlb *t = &tlbs[cpu];
	unsigned i;

	for (i = 0; i < t->t_n; i++)
		if (!t->t_entry[i].e_absent)
			fn(arg, t->t_entry[i].e_asid, t->t_entry[i].e_va,
			    &t->t_entry[i].e_tr);
}
