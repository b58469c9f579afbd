/*
 * weak.c: atomic accesses under the C11 memory model.
 *
 * The model is RC11 (Lahav et al., PLDI 2017) with two restrictions: there is
 * no load buffering, and without dc_late stores of one location take their
 * place in its order when they are executed.  A store is a message; it carries
 * what its reader learns by acquiring it: a view.  A load may read any of the
 * newest NSTALE messages from which coherence does not bar it: none older than
 * one that this CPU, or whatever happens before, has seen or written.  Which,
 * is a choice.  Without dc_weak every load reads the newest message, and views
 * serve the race detector alone.
 *
 * With dc_late a store may take its place before such newer messages, as if
 * those had been late: the memory keeps the newest value.  An update may come
 * directly behind what it reads, unless that has been updated already.
 *
 * Coherence asks no per-location vector: a message remembers when each CPU
 * first saw it (m_seen), and a view that knows that time knows the message.
 *
 * Sequentially consistent fences join a view of their own (v_vw only: they
 * order what may be read, but do not synchronise) and are numbered, as are
 * seq_cst stores: a load after fence n reads no message older than the last
 * seq_cst store numbered below n.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "detp.h"

struct loc *det_locs;
uint32_t det_nloc;
bool det_weak;
uint64_t det_stores;

static struct view sc_view; /* of seq_cst fences */
static uint32_t sc_time;    /* seq_cst stores and fences so far */

void
weak_reset(void)
{
	vclk b;
	unsigned i;

	if (det_locs == NULL) {
		det_locs =
		    mmap(NULL, NLOC * sizeof *det_locs, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (det_locs == MAP_FAILED)
			abort();
	}
	for (i = 0; i < DET_NCLK; i++)
		b[i] = (int32_t)det_base;
	sc_view = (struct view){b, b, 0};
	sc_time = 1;
	det_nloc = LOC_NONE;
	memset(det_locs, 0, LOC_NONE * sizeof *det_locs);
}

hot void
view_join(struct view *a, const struct view *b)
{
	vclk_join(&a->hb, &b->hb);
	vclk_join(&a->vw, &b->vw);
	if (a->ft < b->ft)
		a->ft = b->ft;
}

static uint64_t
peek(uintptr_t a, unsigned size)
{
	switch (size) {
	case 1:
		return *(uint8_t *)a;
	case 2:
		return *(uint16_t *)a;
	case 4:
		return *(uint32_t *)a;
	default:
		return *(uint64_t *)a;
	}
}

static void
poke(uintptr_t a, unsigned size, uint64_t val)
{
	switch (size) {
	case 1:
		*(uint8_t *)a = (uint8_t)val;
		break;
	case 2:
		*(uint16_t *)a = (uint16_t)val;
		break;
	case 4:
		*(uint32_t *)a = (uint32_t)val;
		break;
	default:
		*(uint64_t *)a = val;
		break;
	}
}

static uint64_t
clip(uint64_t val, unsigned size)
{
	return size == 8 ? val : val & ((1ULL << 8 * size) - 1);
}

/*
 * Locations.
 */
static cold uint32_t
loc_make(uintptr_t a, unsigned size, uint32_t head)
{
	struct loc *l;
	uint32_t i;

	if (det_nloc == NLOC)
		det_fail("more than %u atomic locations", NLOC);
	i = det_nloc++;
	l = &det_locs[i];
	l->l_addr = a;
	l->l_size = (uint8_t)size;
	l->l_next = head;
	l->l_nmsg = 0;
	l->l_writes = 0;
	l->l_undone = false;
	l->l_writer = 255;
	memset(&l->l_aw, 0, sizeof l->l_aw);
	memset(&l->l_ar, 0, sizeof l->l_ar);
	l->l_dpor = NULL;
	((uint32_t *)SHADOW_LOCS)[a >> 3] = i;
	return i;
}

/* The memory has a new use, if a plain write or a free came in between. */
static cold void
loc_resize(struct loc *l, unsigned size)
{
	char name[96];

	if (l->l_nmsg != 0 && det_dc->dc_norace)
		l->l_nmsg = 0;
	if (l->l_nmsg != 0)
		det_fail("atomic accesses of %u and %u bytes to %s", l->l_size,
		    size, sym_name(l->l_addr, name, sizeof name));
	l->l_size = (uint8_t)size;
	l->l_undone = false;
}

hot uint32_t
loc_get(uintptr_t a, unsigned size)
{
	uint32_t head, i;
	struct loc *l;

	head = ((uint32_t *)SHADOW_LOCS)[a >> 3];
	if (head >= det_nloc || head < LOC_NONE ||
	    det_locs[head].l_addr >> 3 != a >> 3)
		return loc_make(a, size, 0);
	for (i = head; i != 0; i = l->l_next) {
		l = &det_locs[i];
		if (l->l_addr != a)
			continue;
		if (unlikely(l->l_size != size))
			loc_resize(l, size);
		return i;
	}
	return loc_make(a, size, head);
}

static cold void
changed(const struct loc *l)
{
	char name[96];

	det_fail("%s was written by code that is not instrumented",
	    sym_name(l->l_addr, name, sizeof name));
}

/* The newest message; made from memory when there is none. */
static struct msg *
loc_newest(struct loc *l)
{
	struct msg *m;
	unsigned i;

	if (likely(l->l_nmsg != 0)) {
		m = &l->l_msg[l->l_nmsg % HISTORY];
		if (likely(m->m_val == peek(l->l_addr, l->l_size)))
			return m;
		/* Plain writes void histories; unchecked ones went unseen. */
		if (!det_dc->dc_norace)
			changed(l);
		m->m_val = peek(l->l_addr, l->l_size);
		return m;
	}
	l->l_nmsg = 1;
	m = &l->l_msg[1];
	m->m_val = peek(l->l_addr, l->l_size);
	m->m_sc = 0;
	m->m_rmw = false;
	m->m_view.ft = 0;
	for (i = 0; i < DET_NCLK; i++) {
		m->m_seen[i] = 0;
		m->m_view.hb[i] = m->m_view.vw[i] = 0;
	}
	return m;
}

void
note_seen(struct vcpu *v, uint32_t loc, uint32_t writes)
{
	unsigned i;

	for (i = v->v_nseen; i-- > 0;)
		if (v->v_seen[i].s_loc == loc) {
			v->v_seen[i].s_writes = writes;
			return;
		}
	if (v->v_nseen == NSEEN) {
		v->v_seenany = true;
		return;
	}
	v->v_seen[v->v_nseen].s_loc = loc;
	v->v_seen[v->v_nseen++].s_writes = writes;
}

static bool
acquires(int order)
{
	return order != __ATOMIC_RELAXED && order != __ATOMIC_RELEASE;
}

static bool
releases(int order)
{
	return order == __ATOMIC_RELEASE || order >= __ATOMIC_ACQ_REL;
}

/* v reads m. */
static void
read_msg(struct vcpu *v, struct msg *m, int order)
{
	int32_t now = (int32_t)EP_CLK(v->v_epoch);

	if (det_weak && m->m_seen[v->v_id] > now)
		m->m_seen[v->v_id] = now;
	view_join(&v->v_acq, &m->m_view);
	if (acquires(order))
		view_join(&v->v_cur, &m->m_view);
}

/* The number of stores newer than the oldest that v may read, below NSTALE. */
static unsigned
staleness(const struct vcpu *v, const struct loc *l, int order)
{
	const struct msg *m;
	unsigned k, max;

	max = l->l_nmsg < NSTALE ? l->l_nmsg : NSTALE;
	for (k = 0; k + 1 < max; k++) {
		m = &l->l_msg[(l->l_nmsg - k) % HISTORY];
		if (vclk_some_le(&m->m_seen, &v->v_cur.vw))
			break;
		if (m->m_sc != 0 &&
		    (order == __ATOMIC_SEQ_CST || m->m_sc <= v->v_cur.ft))
			break;
	}
	return k;
}

/*
 * Before how many of the newest messages v's store, or update, takes its place.
 * Nothing comes between an update and what it has read.
 */
static unsigned
store_place(const struct vcpu *v, struct loc *l, int order)
{
	unsigned k, n, pick[NSTALE];

	if (!det_dc->dc_late)
		return 0;
	(void)loc_newest(l);
	n = 0;
	pick[n++] = 0;
	for (k = staleness(v, l, order); k > 0; k--)
		if (!l->l_msg[(l->l_nmsg - k + 1) % HISTORY].m_rmw)
			pick[n++] = k;
	return n > 1 ? pick[search_data(n, true)] : 0;
}

/*
 * v stores val before the k newest messages; rmw: as the second half of a
 * read-modify-write.
 */
static void
write_msg(struct vcpu *v, uint32_t i, uint64_t val, int order, bool rmw,
    unsigned k)
{
	struct loc *l = &det_locs[i];
	struct view of;
	struct msg *m;
	unsigned q;

	if (!l->l_undone) {
		undo_word(l->l_addr, l->l_size == 8);
		l->l_undone = true;
	}
	of = releases(order) ? v->v_cur : v->v_rel;
	(void)loc_newest(l);
	if (rmw) /* a release sequence goes on */
		view_join(&of, &l->l_msg[(l->l_nmsg - k) % HISTORY].m_view);
	l->l_nmsg++;
	for (q = 0; q < k; q++)
		l->l_msg[(l->l_nmsg - q) % HISTORY] =
		    l->l_msg[(l->l_nmsg - q - 1) % HISTORY];
	if (k == 0) {
		poke(l->l_addr, l->l_size, val);
		l->l_writer = v->v_id;
	}
	l->l_writes++;
	det_stores++;
	v->v_stores++;
	m = &l->l_msg[(l->l_nmsg - k) % HISTORY];
	m->m_val = val;
	m->m_rmw = rmw;
	m->m_view = of;
	m->m_sc = order == __ATOMIC_SEQ_CST ? ++sc_time : 0;
	if (det_weak) {
		for (q = 0; q < DET_NCLK; q++)
			m->m_seen[q] = CLK_NONE;
		m->m_seen[v->v_id] = (int32_t)EP_CLK(v->v_epoch);
	}
	l->l_aw[v->v_id] = (int32_t)EP_CLK(v->v_epoch);
	if (releases(order))
		tick(v);
	if (det_relaxed != 0)
		wake_relaxed(i);
}

/*
 * Begin an access to size bytes at a: wait for the turn if it matters to
 * anyone, check it against plain accesses.  NULL: not a tracked access, to be
 * done as the host does it.
 */
static inline struct loc *
begin(uintptr_t a, unsigned size, bool write, bool sc, uintptr_t pc,
    uint32_t *ip)
{
	struct vcpu *v = det_cur;
	struct loc *l;
	uint32_t i;

	if (v == NULL || a >= DET_SPAN)
		return NULL;
	i = loc_get(a, size);
	if (share_note(a, v, write) || unlikely(det_every))
		v = point((struct op){i, write, sc});
	else
		pass(v);
	l = &det_locs[i];
	if (likely(det_plain != NULL))
		plain_atomic(l, v, write, pc);
	else if (det_watch != NULL)
		watched(a, size, write, pc);
	l->l_ar[v->v_id] = (int32_t)EP_CLK(v->v_epoch);
	*ip = i;
	return l;
}

hot uint64_t
atomic_load_at(uintptr_t a, unsigned size, int order, uintptr_t pc)
{
	struct vcpu *v;
	struct loc *l;
	struct msg *m;
	unsigned k = 0;
	uint32_t i;

	l = begin(a, size, false, order == __ATOMIC_SEQ_CST, pc, &i);
	if (l == NULL)
		return peek(a, size);
	m = loc_newest(l);
	v = det_cur;
	if (det_weak) {
		k = staleness(v, l, order);
		if (k != 0)
			k = search_data(k + 1, true);
		m = &l->l_msg[(l->l_nmsg - k) % HISTORY];
	}
	read_msg(v, m, order);
	note_seen(v, i, l->l_writes - k);
	TRACE(TR_LOAD, a, m->m_val, (unsigned)order | k << 8, pc);
	return m->m_val;
}

hot void
atomic_store_at(uintptr_t a, unsigned size, uint64_t val, int order,
    uintptr_t pc)
{
	struct loc *l;
	unsigned k;
	uint32_t i;

	l = begin(a, size, true, order == __ATOMIC_SEQ_CST, pc, &i);
	if (l == NULL) {
		poke(a, size, val);
		return;
	}
	k = store_place(det_cur, l, order);
	TRACE(TR_STORE, a, clip(val, size), (unsigned)order | k << 8, pc);
	write_msg(det_cur, i, clip(val, size), order, false, k);
}

hot uint64_t
atomic_rmw_at(uintptr_t a, unsigned size, enum rmw op, uint64_t arg, int order,
    uintptr_t pc)
{
	uint64_t old, new = 0;
	struct msg *m = NULL;
	struct loc *l;
	unsigned k = 0;
	uint32_t i;

	l = begin(a, size, true, order == __ATOMIC_SEQ_CST, pc, &i);
	if (l != NULL) {
		m = loc_newest(l);
		k = store_place(det_cur, l, order);
		if (k != 0)
			m = &l->l_msg[(l->l_nmsg - k) % HISTORY];
	}
	old = m != NULL ? m->m_val : peek(a, size);
	switch (op) {
	case RMW_XCHG:
		new = arg;
		break;
	case RMW_ADD:
		new = old + arg;
		break;
	case RMW_SUB:
		new = old - arg;
		break;
	case RMW_AND:
		new = old &arg;
		break;
	case RMW_OR:
		new = old | arg;
		break;
	case RMW_XOR:
		new = old ^ arg;
		break;
	case RMW_NAND:
		new = ~(old & arg);
		break;
	}
	new = clip(new, size);
	if (l == NULL) {
		poke(a, size, new);
		return old;
	}
	TRACE(TR_RMW, a, new, (unsigned)order | k << 8, pc);
	read_msg(det_cur, m, order);
	write_msg(det_cur, i, new, order, true, k);
	return old;
}

/*
 * A failed compare-and-swap is a load, and may read a stale value if that
 * makes it fail.  With dc_late it may also succeed with one.
 */
static struct msg *
cas_msg(struct vcpu *v, struct loc *l, uint64_t expect, int ok, int fail,
    unsigned *kp)
{
	unsigned k, late, j, n, pick[NSTALE];

	n = 0;
	pick[n++] = 0;
	k = staleness(v, l, fail);
	late = det_dc->dc_late ? staleness(v, l, ok) : 0;
	for (j = 1; j <= k || j <= late; j++)
		if (l->l_msg[(l->l_nmsg - j) % HISTORY].m_val != expect
			? j <= k
			: j <= late &&
			      !l->l_msg[(l->l_nmsg - j + 1) % HISTORY].m_rmw)
			pick[n++] = j;
	k = n > 1 ? pick[search_data(n, true)] : 0;
	*kp = k;
	return &l->l_msg[(l->l_nmsg - k) % HISTORY];
}

hot bool
atomic_cas_at(uintptr_t a, unsigned size, uint64_t *expect, uint64_t want,
    int ok, int fail, uintptr_t pc)
{
	struct vcpu *v;
	struct loc *l;
	struct msg *m;
	uint64_t old, want1 = clip(want, size);
	unsigned k = 0;
	uint32_t i;

	*expect = clip(*expect, size);
	l = begin(a, size, true, ok == __ATOMIC_SEQ_CST, pc, &i);
	if (l == NULL) {
		old = peek(a, size);
		if (old == *expect) {
			poke(a, size, want1);
			return true;
		}
		*expect = old;
		return false;
	}
	v = det_cur;
	m = loc_newest(l);
	if (det_weak)
		m = cas_msg(v, l, *expect, ok, fail, &k);
	old = m->m_val;
	if (old == *expect) {
		TRACE(TR_CAS, a, want1, (unsigned)ok | k << 8, pc);
		read_msg(v, m, ok);
		write_msg(v, i, want1, ok, true, k);
		return true;
	}
	TRACE(TR_CASFAIL, a, old, (unsigned)fail | k << 8, pc);
	read_msg(v, m, fail);
	note_seen(v, i, l->l_writes - k);
	*expect = old;
	return false;
}

hot void
atomic_fence_at(int order, uintptr_t pc)
{
	struct vcpu *v = det_cur;

	if (v == NULL)
		return;
	if (order == __ATOMIC_SEQ_CST)
		v = point((struct op){0, false, true});
	TRACE(TR_FENCE, 0, 0, (unsigned)order, pc);
	if (acquires(order))
		v->v_cur = v->v_acq;
	if (order == __ATOMIC_SEQ_CST) {
		vclk_join(&v->v_cur.vw, &sc_view.vw);
		sc_view.vw = v->v_cur.vw;
		v->v_cur.ft = ++sc_time;
		v->v_acq = v->v_cur;
	}
	if (releases(order)) {
		v->v_rel = v->v_cur;
		tick(v);
	}
}

/*
 * det_relax() asks: is what v read since the last one still the newest, its
 * own stores aside?  If not, all of it reaches v now, and v looks again at
 * once.
 */
bool
weak_stale(struct vcpu *v)
{
	struct loc *l;
	struct msg *m;
	bool stale = false;
	uint64_t others = det_stores - v->v_stores;
	unsigned k;

	/* More was read than is remembered: any store may have changed it. */
	if (v->v_seenany && others != v->v_others)
		stale = true;
	v->v_others = others;
	for (k = 0; k < v->v_nseen; k++) {
		l = &det_locs[v->v_seen[k].s_loc];
		if (l->l_writes == v->v_seen[k].s_writes ||
		    l->l_writer == v->v_id)
			continue;
		stale = true;
		if (!det_weak || l->l_nmsg == 0)
			continue;
		m = loc_newest(l);
		if (m->m_seen[v->v_id] == CLK_NONE)
			m->m_seen[v->v_id] = (int32_t)EP_CLK(v->v_epoch);
	}
	return stale;
}

/*
 * For code without instrumentation.
 */
#define PC() ((uintptr_t)__builtin_return_address(0))

uint64_t
det_load(const void *p, unsigned size, int order)
{
	return atomic_load_at((uintptr_t)p, size, order, PC());
}

void
det_store(void *p, unsigned size, uint64_t val, int order)
{
	atomic_store_at((uintptr_t)p, size, val, order, PC());
}

uint64_t
det_fetch_or(void *p, unsigned size, uint64_t val, int order)
{
	return atomic_rmw_at((uintptr_t)p, size, RMW_OR, val, order, PC());
}

bool
det_cas(void *p, unsigned size, uint64_t *expect, uint64_t want, int ok,
    int fail)
{
	return atomic_cas_at((uintptr_t)p, size, expect, want, ok, fail, PC());
}

void
det_fence(int order)
{
	atomic_fence_at(order, PC());
}
