/*
 * uvm_amap.c: anonymous memory.  <uvm/amap.h> has the structures and the
 * rules about who may change what.
 *
 * Locks: am_lock guards the slots.  Where slots go from one amap to another
 * both are locked, the lower or older one first: the other is known to its
 * object's list, if to nobody else.  An amap whose count is zero is out of
 * reach, once it is off that list, and is taken apart without any lock.
 * amap_truncate() comes from the object, against the order: it takes a
 * reference under the object's lock, lets go of it, and then locks the amap.
 */
#include <uvm/amap.h>

#include <sys/errno.h>

#include <base/kassert.h>
#include <base/thread.h>

#include <phys/pool.h>

#include <pmap/pmap.h>

#include <uvm/object.h>

#include "uvm_local.h"

static struct pool amap_pool;
static struct pool anon_pool;

void
amap_boot(void)
{
	pool_init(&amap_pool, "amap", sizeof(struct vm_amap), 0);
	pool_init(&anon_pool, "anon", sizeof(struct vm_anon), 0);
}

struct vm_anon *
uvm_anon_alloc(u_int flags, struct vm_page **pgp)
{
	struct vm_anon *an;
	struct vm_page *pg;

	an = pool_get(&anon_pool, 0);
	if (an == NULL)
		return NULL;
	pg = page_alloc(PK_ANON, flags);
	if (pg == NULL) {
		pool_put(&anon_pool, an);
		return NULL;
	}
	pg->pg_anon = an;
	atomic_init(&an->an_where, (uintptr_t)pg);
	atomic_init(&an->an_hold, 0);
	refcount_init(&an->an_refs, 1);
	*pgp = pg;
	return an;
}

u_int
uvm_anon_alloc_batch(u_int flags, struct vm_anon **an, struct vm_page **pg,
    u_int n)
{
	struct vm_anon *a;
	u_int i, got;

	n = pool_get_batch(&anon_pool, (void **)an, n, 0);
	got = n == 0 ? 0 : page_alloc_batch(PK_ANON, flags, pg, n);
	if (got < n)
		pool_put_batch(&anon_pool, (void **)an + got, n - got);
	for (i = 0; i < got; i++) {
		a = an[i];
		pg[i]->pg_anon = a;
		atomic_init(&a->an_where, (uintptr_t)pg[i]);
		atomic_init(&a->an_hold, 0);
		refcount_init(&a->an_refs, 1);
	}
	return got;
}

void
uvm_batch_flush(struct uvm_batch *b)
{
	page_free_batch(b->ub_page, b->ub_npages);
	b->ub_npages = 0;
	if (b->ub_nspans > 0)
		page_free_spans(b->ub_span, b->ub_nspans);
	if (b->ub_nruns > 0)
		pool_put_runs(&anon_pool, b->ub_run, b->ub_nruns);
	b->ub_nspans = b->ub_nruns = b->ub_nspanned = 0;
	if (b->ub_nanons > 0)
		pool_put_batch(&anon_pool, b->ub_anon, b->ub_nanons);
	b->ub_nanons = 0;
}

/*
 * Into b: n dead anons side by side, and what was in them, side by side, which
 * may go on where those before them ended.
 */
static inline void
batch_add_run(struct uvm_batch *b, struct vm_anon *an, struct vm_page *pg,
    u_int n)
{
	struct page_span *sp = &b->ub_span[b->ub_nspans];
	struct pool_run *r = &b->ub_run[b->ub_nruns];

	if (b->ub_nspans > 0 && sp[-1].ps_first + sp[-1].ps_n == pg) {
		sp[-1].ps_n += n;
	} else {
		sp->ps_first = pg;
		sp->ps_n = n;
		b->ub_nspans++;
	}
	if (b->ub_nruns > 0 &&
	    (struct vm_anon *)r[-1].pr_first + r[-1].pr_n == an) {
		r[-1].pr_n += n;
	} else {
		r->pr_first = an;
		r->pr_n = n;
		b->ub_nruns++;
	}
	b->ub_nspanned += n;
	if (b->ub_nspans == UVM_BATCH || b->ub_nruns == UVM_BATCH ||
	    b->ub_nspanned >= UVM_BATCH_PAGES)
		uvm_batch_flush(b);
}

/* A dead anon and its page, or NULL, into b, where there is room. */
static inline void
batch_add_anon(struct uvm_batch *b, struct vm_anon *an, struct vm_page *pg)
{
	b->ub_anon[b->ub_nanons++] = an;
	if (__predict_true(pg != NULL))
		b->ub_page[b->ub_npages++] = pg;
}

/* Whether an is ours alone, in pg and nowhere else, and held by nobody. */
static inline bool
anon_plain(const struct vm_anon *an, const struct vm_page *pg)
{
	return anon_alone(an) &&
	       atomic_load_explicit(&an->an_where, memory_order_relaxed) ==
		   (uintptr_t)pg &&
	       (atomic_load_explicit(&an->an_hold, memory_order_relaxed) |
		   pg->pg_index) == 0;
}

/* Whether the first of the n anons at v[] look like a row: a quick guess. */
static inline bool
row_begins(void *const *v, u_int n)
{
	const struct vm_anon *an = v[0], *end;

	if (n < UVM_SPAN || v[UVM_SPAN - 1] != an + (UVM_SPAN - 1))
		return false;
	end = an + (UVM_SPAN - 1);
	return atomic_load_explicit(&end->an_where, memory_order_relaxed) -
		   atomic_load_explicit(&an->an_where, memory_order_relaxed) ==
	       (UVM_SPAN - 1) * sizeof(struct vm_page);
}

/*
 * How many of the n anons at v[], the first an, are side by side, and plain, in
 * pages side by side.
 */
static inline u_int
anons_row(const struct vm_anon *an, void *const *v, u_int n)
{
	const struct vm_page *pg = uvm_anon_page(an);
	u_int done, i;

	for (done = 0; pg != NULL && n - done >= 8; done += 8) {
#pragma GCC unroll 8
		for (i = 0; i < 8; i++)
			if (v[done + i] != &an[i] ||
			    !anon_plain(&an[i], &pg[i]))
				return done + i;
		an += 8;
		pg += 8;
	}
	return done;
}

/*
 * Drop n references, to the values of radix slots.  What they were the last
 * ones to goes into arg, a batch.  Memory that was filled in order is runs of
 * anons and pages, which are found here and stay together.
 */
static void
anons_drop(void *arg, void **v, u_int n)
{
	struct uvm_batch *b = arg;
	struct vm_anon *an;
	u_int i, k, run;

	KASSERT(n <= UVM_BATCH);
	if (b->ub_npages + n > UVM_BATCH || b->ub_nanons + n > UVM_BATCH)
		uvm_batch_flush(b);
	for (i = 0; i < n; i += MAX(run, 1)) {
		an = v[i];
		run =
		    row_begins(v + i, n - i) ? anons_row(an, v + i, n - i) : 0;
		if (run >= UVM_SPAN) {
			batch_add_run(b, an, uvm_anon_page(an), run);
			continue;
		}
		for (k = 0; k < run; k++)
			batch_add_anon(b, an + k, uvm_anon_page(an + k));
		/* Alone with it, nobody can raise the count: a plain load. */
		if (run == 0 &&
		    (anon_alone(an) || refcount_release(&an->an_refs)))
			batch_add_anon(b, an, anon_dissolve(an));
	}
}

void
uvm_anons_rele(struct vm_anon **an, u_int n)
{
	struct uvm_batch b;

	uvm_batch_init(&b);
	anons_drop(&b, (void **)an, n);
	uvm_batch_flush(&b);
}

void
uvm_anon_rele(struct vm_anon *an)
{
	struct vm_page *pg;

	if (!anon_alone(an) && !refcount_release(&an->an_refs))
		return;
	pg = anon_dissolve(an);
	if (pg != NULL)
		page_free(pg);
	pool_put(&anon_pool, an);
}

/* For the tree, when a node is copied. */
static void
anons_count(void *const *slots, uint64_t used, int by)
{
	struct vm_anon *an;
	u_int i, k;
	bool last;

	/* Memory that was filled in order is full nodes. */
	if (by > 0 && used == ~(uint64_t)0) {
		for (i = 0; i < RADIX_LEAF; i += 8) {
#pragma GCC unroll 8
			for (k = 0; k < 8; k++) {
				an = slots[i + k];
				refcount_acquire(&an->an_refs);
			}
		}
		return;
	}
	for (; used != 0; used &= used - 1) {
		an = slots[__builtin_ctzll(used)];
		if (by > 0) {
			refcount_acquire(&an->an_refs);
			continue;
		}
		last = refcount_release(&an->an_refs);
		KASSERT(!last);
	}
}

struct vm_amap *
amap_create(struct uvm_object *uo)
{
	struct vm_amap *am;

	am = pool_get(&amap_pool, 0);
	if (am == NULL)
		return NULL;
	rw_init(&am->am_lock, RANK_AMAP);
	refcount_init(&am->am_refs, 1);
	atomic_init(&am->am_flags, 0);
	radix_init(&am->am_anons, anons_count);
	am->am_obj = uo;
	if (uo != NULL) {
		rw_write_enter(&uo->uo_lock);
		TAILQ_INSERT_TAIL(&uo->uo_amaps, am, am_link);
		rw_exit(&uo->uo_lock);
	}
	scan_insert(&am->am_scan, SCAN_AMAP);
	return am;
}

void
amap_ref(struct vm_amap *am)
{
	refcount_acquire(&am->am_refs);
}

void
amap_free_batch(struct vm_amap *am, struct uvm_batch *b)
{
	if (!refcount_release(&am->am_refs))
		return;
	if (am->am_obj != NULL) {
		rw_write_enter(&am->am_obj->uo_lock);
		TAILQ_REMOVE(&am->am_obj->uo_amaps, am, am_link);
		rw_exit(&am->am_obj->uo_lock);
	}
	scan_remove(&am->am_scan, &am->am_lock);
	radix_wipe(&am->am_anons, anons_drop, b);
	pool_put(&amap_pool, am);
}

void
amap_free(struct vm_amap *am)
{
	struct uvm_batch b;

	uvm_batch_init(&b);
	amap_free_batch(am, &b);
	uvm_batch_flush(&b);
}

struct vm_anon *
amap_lookup(struct vm_amap *am, uint64_t slot)
{
	KASSERT(rw_held(&am->am_lock));
	return radix_lookup(&am->am_anons, slot);
}

struct vm_anon *
amap_find(struct vm_amap *am, uint64_t slot, struct radix_at *at, bool *alone)
{
	struct vm_anon *an;

	KASSERT(rw_held(&am->am_lock));
	an = radix_find(&am->am_anons, slot, at);
	*alone = an != NULL && amap_alone(an, at);
	return an;
}

int
amap_add(struct vm_amap *am, uint64_t slot, struct vm_anon **an, u_int n,
    struct radix_at *at)
{
	return radix_insert_at(&am->am_anons, slot, (void **)an, n, at);
}

int
amap_replace(struct vm_amap *am, uint64_t slot, struct vm_anon **an,
    struct vm_anon **old, u_int n, struct radix_at *at)
{
	return radix_replace_at(&am->am_anons, slot, (void **)an, (void **)old,
	    n, at);
}

u_int
amap_gather(struct vm_amap *am, uint64_t slot, u_int n, struct vm_anon **an)
{
	KASSERT(rw_held(&am->am_lock));
	return radix_gather(&am->am_anons, slot, n, (void **)an);
}

u_int
amap_gather_alike(const struct radix_at *at, uint64_t slot, u_int n, bool alone,
    struct vm_anon **an)
{
	u_int found, i;

	found = radix_gather_at(at, slot, n, (void **)an);
	for (i = 0; found > 0 && i < n; i++) {
		if (an[i] == NULL || amap_alone(an[i], at) == alone)
			continue;
		an[i] = NULL;
		found--;
	}
	return found;
}

u_int
amap_run(struct vm_amap *am, const struct radix_at *at, uint64_t slot,
    u_int max)
{
	return radix_run(&am->am_anons, at, slot, max);
}

u_int
amap_gap(const struct radix_at *at, uint64_t slot, u_int max)
{
	return radix_gap(at, slot, max);
}

/* Drop the anons in [slot, last].  ENOMEM: some are left. */
static int
remove_slots(struct vm_amap *am, uint64_t slot, uint64_t last)
{
	struct uvm_batch b;
	int error;

	KASSERT(rw_write_held(&am->am_lock));
	uvm_batch_init(&b);
	error = radix_remove_range(&am->am_anons, slot, last, anons_drop, &b);
	uvm_batch_flush(&b);
	return error;
}

int
amap_remove_range(struct vm_amap *am, uint64_t slot, uint64_t n)
{
	KASSERT(n > 0);
	return remove_slots(am, slot, slot + (n - 1));
}

bool
amap_range_empty(struct vm_amap *am, uint64_t slot, uint64_t n)
{
	uint64_t i = slot;

	KASSERT(rw_held(&am->am_lock));
	return radix_next(&am->am_anons, &i) == NULL || i - slot >= n;
}

/* Drop everything outside [slot, last]; am write-locked.  ENOMEM. */
static int
trim(struct vm_amap *am, uint64_t slot, uint64_t last)
{
	int error = 0;

	if (radix_within(&am->am_anons, slot, last))
		return 0;
	if (slot > 0)
		error = remove_slots(am, 0, slot - 1);
	if (last < UINT64_MAX && error == 0)
		error = remove_slots(am, last + 1, UINT64_MAX);
	return error;
}

struct vm_amap *
amap_copy(struct vm_amap *old, uint64_t slot, uint64_t n)
{
	struct vm_amap *am;
	int error;

	KASSERT(n > 0);
	am = amap_create(old->am_obj);
	if (am == NULL)
		return NULL;
	rw_write_enter(&old->am_lock);
	rw_write_enter_nested(&am->am_lock);
	radix_share(&old->am_anons, &am->am_anons);
	error = trim(am, slot, slot + (n - 1));
	rw_exit(&am->am_lock);
	rw_exit(&old->am_lock);
	if (error != 0) {
		amap_free(am);
		return NULL;
	}
	return am;
}

int
amap_trim(struct vm_amap *am, uint64_t slot, uint64_t n)
{
	int error;

	rw_write_enter(&am->am_lock);
	error = trim(am, slot, slot + (n - 1));
	rw_exit(&am->am_lock);
	return error;
}

int
amap_split(struct vm_amap *am, uint64_t slot, struct vm_amap **highp)
{
	struct vm_amap *high;
	uint64_t i = slot;
	bool empty;
	int error;

	rw_read_enter(&am->am_lock);
	empty = radix_next(&am->am_anons, &i) == NULL;
	rw_exit(&am->am_lock);
	if (empty) {
		*highp = NULL;
		return 0;
	}
	high = amap_create(am->am_obj);
	if (high == NULL)
		return ENOMEM;
	atomic_store_explicit(&high->am_flags,
	    atomic_load_explicit(&am->am_flags, memory_order_relaxed),
	    memory_order_relaxed);
	rw_write_enter(&am->am_lock);
	rw_write_enter_nested(&high->am_lock);
	error = radix_split(&am->am_anons, slot, &high->am_anons);
	rw_exit(&high->am_lock);
	rw_exit(&am->am_lock);
	if (error != 0) {
		amap_free(high);
		return error;
	}
	*highp = high;
	return 0;
}

/* Narrow the mappings of an's page, if it has one; am_lock held. */
static void
anon_protect(struct vm_anon *an, vm_prot_t prot)
{
	struct vm_page *pg = uvm_anon_hold(an);

	if (pg == NULL)
		return;
	pmap_page_protect(pg, prot);
	/* Only through another amap might it be mapped again meanwhile. */
	KASSERT(prot != PROT_NONE || !anon_alone(an) || !pmap_page_mapped(pg));
	uvm_anon_unhold(an);
}

/*
 * Drop what lies at or above first, and unmap it wherever it is mapped.  A
 * file that grows again must not show what was cut off, so this has to
 * succeed: it needs a few nodes from the reserve, and waits for them.
 */
static void
amap_cut(struct vm_amap *am, uint64_t first)
{
	struct vm_anon *an;
	uint64_t i;

	rw_write_enter(&am->am_lock);
	for (i = first; (an = radix_next(&am->am_anons, &i)) != NULL; i++)
		anon_protect(an, PROT_NONE);
	while (remove_slots(am, first, UINT64_MAX) != 0)
		thread_yield();
	rw_exit(&am->am_lock);
}

int
amap_join(struct vm_amap *low, struct vm_amap *high)
{
	int error;

	KASSERT(low->am_obj == high->am_obj);
	rw_write_enter(&low->am_lock);
	rw_write_enter_nested(&high->am_lock);
	error = radix_join(&low->am_anons, &high->am_anons);
	rw_exit(&high->am_lock);
	rw_exit(&low->am_lock);
	if (error != 0)
		return error;
	amap_free(high);
	/* amap_truncate() may have passed low and not reached high. */
	if (low->am_obj != NULL)
		amap_cut(low, uvm_object_npages(low->am_obj));
	return 0;
}

void
amap_protect_pages(struct vm_amap *am, uint64_t slot, uint64_t n)
{
	struct vm_anon *an;
	uint64_t i;

	rw_write_enter(&am->am_lock);
	for (i = slot;
	     (an = radix_next(&am->am_anons, &i)) != NULL && i - slot < n; i++)
		anon_protect(an, PROT_READ | PROT_EXEC);
	rw_exit(&am->am_lock);
}

/*
 * New amaps go to the tail of the list, so that a copy or a half made of one
 * that has not been cut yet is met later in the walk.  One that is made of an
 * amap that has been cut has nothing to cut: faults compare with uo_size
 * under am_lock, and uo_size fell before.
 */
void
amap_truncate(struct uvm_object *uo, uint64_t first)
{
	struct vm_amap *am, *next;

	KASSERT(lock_none_above(RANK_AMAP));
	for (am = NULL;; am = next) {
		rw_write_enter(&uo->uo_lock);
		next = am == NULL ? TAILQ_FIRST(&uo->uo_amaps)
				  : TAILQ_NEXT(am, am_link);
		while (next != NULL &&
		       !refcount_acquire_if_not_zero(&next->am_refs))
			next = TAILQ_NEXT(next, am_link);
		rw_exit(&uo->uo_lock);
		if (am != NULL)
			amap_free(am);
		if (next == NULL)
			return;
		amap_cut(next, first);
	}
}

void
amap_verify(struct vm_amap *am)
{
	struct vm_anon *an;
	struct vm_page *pg;
	uint64_t i;

	KASSERT(refcount_load(&am->am_refs) > 0);
	radix_verify(&am->am_anons);
	for (i = 0; (an = radix_next(&am->am_anons, &i)) != NULL; i++) {
		KASSERT(refcount_load(&an->an_refs) > 0);
		pg = uvm_anon_hold(an);
		if (pg != NULL) {
			KASSERT(pg->pg_anon == an);
			KASSERT(page_kind(pg) == PK_ANON);
			uvm_anon_unhold(an);
		}
		if (i == UINT64_MAX)
			break;
	}
}
