/*
 * race.c: plain accesses: races, freed memory, and what to undo.
 *
 * The detector is FastTrack (Flanagan and Freund, PLDI 2009) on words of four
 * bytes, exact to the byte: a word whose bytes are used apart gets a history
 * per byte.  Every write is seen before it is made, so the first one to a
 * word in an execution also saves what the snapshot had there; putting the
 * machine back costs what the execution wrote.
 *
 * Sharing.  A switch before an atomic access to a word that only one CPU
 * uses, or that all only read, leads nowhere new: the access commutes with
 * every step of every other CPU.  It commutes with an interrupt unless the
 * handler, or a thread that the handler switches to, uses the word too.
 * Which words those are is learned: an atomic access marks its word with its
 * CPU and thread, for the whole search.  When a word turns out to be shared
 * after all, a search that meant to be exhaustive begins anew with what it
 * has learned (share_grew).
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "detp.h"

/* The bytes of one word, when they have different histories. */
struct bytes {
	struct cell *by_owner;
	struct cell by_cell[4]; /* TAG_PLAIN or TAG_FREED */
	bool by_atomic;         /* some byte is an atomic location */
	bool by_undone;         /* the word was saved */
};

/* Everyone who read a word since its last write. */
struct readers {
	uint32_t *rd_owner;
	vclk rd_clk;
};

/*
 * Undo: a stack of pairs.  The low bits of the address say what the pair is;
 * a copy of memory lies below its pair.
 */
enum undo_kind {
	UNDO_PAIR, /* eight bytes */
	UNDO_LOW,  /* the lower half of them, */
	UNDO_HIGH, /* the upper half */
	UNDO_COPY,
	UNDO_FREED, /* make it freed memory */
	UNDO_ALLOC  /* make it memory in use */
};
#define UNDO_MASK 7u
struct undo {
	uint64_t u_addr;
	uint64_t u_val; /* the old contents; else the length */
};

#define NBYTES   (1u << 16)
#define NREADERS (1u << 16)
#define NUNDO    (1u << 22)
#define NSHARES  (1u << 20)

static struct bytes *bytes_tab;
static struct readers *readers_tab;
static struct undo *undo_tab;
static struct share **shares; /* those in use */
static uint32_t nbytes, nreaders, nundo, nshares;
static uintptr_t alloc_lo, alloc_hi;

bool share_grew;
bool det_undo_on;
struct vcpu *det_plain;
void (*det_watch)(unsigned cpu, uintptr_t a, size_t len, bool write,
    uintptr_t pc);

/* Who wrote and read a word last; kept while a trace is. */
struct pcs {
	uint32_t p_write, p_read;
};

static struct pcs *
pcs_of(uintptr_t a)
{
	return (struct pcs *)SHADOW_PCS + (a >> 2);
}

static void
note_pc(uintptr_t a, bool write, uintptr_t pc)
{
	if (write)
		pcs_of(a)->p_write = (uint32_t)pc;
	else
		pcs_of(a)->p_read = (uint32_t)pc;
}

static void *
reserve(uintptr_t at, size_t len)
{
	void *p;

	p = mmap((void *)at, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		(at != 0 ? MAP_FIXED_NOREPLACE : 0),
	    -1, 0);
	if (p == MAP_FAILED || (at != 0 && p != (void *)at))
		abort();
	/* Mostly untouched, and not what a core is looked at for. */
	(void)madvise(p, len, MADV_DONTDUMP);
	return p;
}

void
shadow_init(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	reserve(SHADOW_CELLS, DET_SPAN / 4 * sizeof(struct cell));
	reserve(SHADOW_LOCS, DET_SPAN / 8 * sizeof(uint32_t));
	reserve(SHADOW_SHARE, DET_SPAN / 8 * sizeof(struct share));
	reserve(SHADOW_PCS, DET_SPAN / 4 * sizeof(struct pcs));
	bytes_tab = reserve(0, NBYTES * sizeof *bytes_tab);
	readers_tab = reserve(0, NREADERS * sizeof *readers_tab);
	undo_tab = reserve(0, NUNDO * sizeof *undo_tab);
	shares = reserve(0, NSHARES * sizeof *shares);
}

void
shadow_reset(void)
{
	nbytes = nreaders = 0;
}

/*
 * Clocks start again from 1: no cell may keep an old number.  Freed words
 * keep their tag.  Walks the pages of the shadow that exist, once per
 * millions of executions.
 */
void
shadow_forget(void)
{
	static unsigned char in[4096];
	struct cell *c, *e;
	size_t pg = 4096, chunk = sizeof in * pg, at, i;

	for (at = 0; at < DET_SPAN / 4 * sizeof(struct cell); at += chunk) {
		if (mincore((void *)(SHADOW_CELLS + at), chunk, in) != 0)
			abort();
		for (i = 0; i < sizeof in; i++) {
			if ((in[i] & 1) == 0)
				continue;
			c = (struct cell *)(SHADOW_CELLS + at + i * pg);
			for (e = c + pg / sizeof *c; c < e; c++) {
				c->c_r = 0;
				if ((c->c_w & TAG_MASK) != TAG_FREED)
					c->c_w = TAG_PLAIN;
				else
					c->c_w = TAG_FREED;
			}
		}
	}
}

/*
 * Sharing.
 */
bool
share_slow(struct share *s, struct share n, bool intr)
{
	static const struct share none;

	if (memcmp(s, &none, sizeof none) == 0) {
		if (nshares == NSHARES)
			det_fail("too many atomic words");
		shares[nshares++] = s;
	}
	if (share_needs(n, true) && !share_needs(*s, true))
		share_grew = true;
	else if (share_needs(n, false) && !share_needs(*s, false))
		share_grew = true;
	*s = n;
	return share_needs(n, intr);
}

void
share_forget(void)
{
	while (nshares > 0)
		memset(shares[--nshares], 0, sizeof *shares[0]);
	share_grew = false;
}

#define NKNOWN 65536
static struct {
	uintptr_t kn_word;
	struct share kn_share;
} * known;
static unsigned nknown;

void
det_share_each(void (*fn)(void *arg, uintptr_t word, uint32_t how), void *arg)
{
	uint32_t how;
	unsigned i;

	for (i = 0; i < nshares; i++) {
		if (!share_needs(*shares[i], true))
			continue;
		memcpy(&how, shares[i], sizeof how);
		fn(arg,
		    (uintptr_t)(shares[i] - (struct share *)SHADOW_SHARE) << 3,
		    how);
	}
}

void
det_share_add(uintptr_t word, uint32_t how)
{
	if (known == NULL)
		known = calloc(NKNOWN, sizeof *known);
	if (known == NULL || nknown == NKNOWN || word >= DET_SPAN)
		return;
	known[nknown].kn_word = word;
	memcpy(&known[nknown++].kn_share, &how, sizeof how);
}

void
share_known(void)
{
	struct share *s, n;
	unsigned i;

	for (i = 0; i < nknown; i++) {
		s = (struct share *)SHADOW_SHARE + (known[i].kn_word >> 3);
		n = known[i].kn_share;
		n.s_users |= s->s_users;
		n.s_writers |= s->s_writers;
		n.s_open |= s->s_open;
		if (s->s_context != 0 && s->s_context != n.s_context)
			n.s_context = CONTEXT_MANY;
		(void)share_slow(s, n, true);
	}
	share_grew = false;
}

uint64_t
share_digest(void)
{
	uint64_t sum = 0, h;
	const struct share *s;
	unsigned i;

	for (i = 0; i < nshares; i++) {
		s = shares[i];
		if (!share_needs(*s, true))
			continue;
		h = ((uintptr_t)s + share_needs(*s, false)) *
		    0x9e3779b97f4a7c15u;
		sum += h ^ h >> 29;
	}
	return sum;
}

/*
 * Undo.
 */
static void
undo_push(uint64_t addr, uint64_t val)
{
	if (nundo == NUNDO)
		det_fail("more was written than can be undone");
	undo_tab[nundo].u_addr = addr;
	undo_tab[nundo].u_val = val;
	nundo++;
}

/* The word at a, or with pair both words of its eight bytes. */
void
undo_word(uintptr_t a, bool pair)
{
	uintptr_t at = a & ~(uintptr_t)7;
	uint64_t old;
	struct undo *top;

	if (!det_undo_on)
		return;
	old = *(uint64_t *)at;
	top = nundo > 0 ? &undo_tab[nundo - 1] : NULL;
	if (pair)
		undo_push(at | UNDO_PAIR, old);
	else if ((a & 4) == 0)
		undo_push(at | UNDO_LOW, old);
	else if (top != NULL && top->u_addr == (at | UNDO_LOW)) {
		top->u_addr = at | UNDO_PAIR;
		top->u_val = (uint32_t)top->u_val | (old >> 32 << 32);
	} else
		undo_push(at | UNDO_HIGH, old);
}

void
det_save(void *p, size_t len)
{
	size_t n = (len + sizeof(struct undo) - 1) / sizeof(struct undo);

	if (!det_undo_on)
		return;
	if (((uintptr_t)p & UNDO_MASK) != 0)
		abort();
	if (nundo + n >= NUNDO)
		det_fail("more was written than can be undone");
	memcpy(&undo_tab[nundo], p, len);
	nundo += (uint32_t)n;
	undo_push((uintptr_t)p | UNDO_COPY, len);
}

static void
mark(uintptr_t a, size_t len, bool freed)
{
	struct cell *c = cell_of(a), *e = cell_of(a + len);

	for (; c < e; c++) {
		c->c_w = freed ? TAG_FREED : TAG_PLAIN;
		c->c_r = 0;
	}
}

void
undo_all(void)
{
	const struct undo *u;
	uintptr_t a;

	det_nundone += nundo;
	while (nundo > 0) {
		u = &undo_tab[--nundo];
		a = u->u_addr & ~(uint64_t)UNDO_MASK;
		switch ((enum undo_kind)(u->u_addr & UNDO_MASK)) {
		case UNDO_PAIR:
			*(uint64_t *)a = u->u_val;
			break;
		case UNDO_LOW:
			*(uint32_t *)a = (uint32_t)u->u_val;
			break;
		case UNDO_HIGH:
			*(uint32_t *)(a + 4) = (uint32_t)(u->u_val >> 32);
			break;
		case UNDO_COPY:
			nundo -=
			    (uint32_t)((u->u_val + sizeof *u - 1) / sizeof *u);
			memcpy((void *)a, &undo_tab[nundo], u->u_val);
			break;
		case UNDO_FREED:
			mark(a, u->u_val, true);
			break;
		case UNDO_ALLOC:
			mark(a, u->u_val, false);
			break;
		}
	}
}

/* An access that is not checked, of a machine that is watched. */
cold void
watched(uintptr_t a, size_t len, bool write, uintptr_t pc)
{
	if (det_cur != NULL && len != 0 && a < DET_SPAN)
		det_watch(det_cur->v_id, a, len, write, pc);
}

/*
 * Failures.
 */
static bool
by_allocator(uintptr_t pc)
{
	return pc >= alloc_lo && pc < alloc_hi;
}

void
det_allocator(const void *start, const void *end)
{
	alloc_lo = (uintptr_t)start;
	alloc_hi = (uintptr_t)end;
}

static cold void
race(uintptr_t a, bool write, unsigned other, bool otherwrite, uintptr_t pc)
{
	char obj[96], fn[96], ofn[96] = "";
	uintptr_t opc;

	if (det_tracing) {
		opc = otherwrite ? pcs_of(a)->p_write : pcs_of(a)->p_read;
		sym_name(opc, ofn, sizeof ofn);
	}
	det_fail("data race: %s of %s in %s is not ordered with a %s by "
		 "cpu%u%s%s",
	    write ? "write" : "read", sym_name(a, obj, sizeof obj),
	    sym_name(pc, fn, sizeof fn), otherwrite ? "write" : "read", other,
	    ofn[0] != '\0' ? " in " : "", ofn);
}

static cold void
freed(uintptr_t a, bool write, uintptr_t pc)
{
	char obj[96], fn[96];

	det_fail("freed memory: %s of %s in %s", write ? "write" : "read",
	    sym_name(a, obj, sizeof obj), sym_name(pc, fn, sizeof fn));
}

/*
 * One cell, of a word or of a byte.
 */
static inline bool
before(uint32_t e, const struct vcpu *v)
{
	return (int32_t)EP_CLK(e) <= v->v_cur.hb[EP_CPU(e)];
}

static inline struct readers *
readers_of(struct cell *c)
{
	struct readers *rd;

	if ((c->c_r & CELL_MANY) == 0)
		return NULL;
	rd = &readers_tab[c->c_r & IDX_MASK];
	if ((c->c_r & IDX_MASK) >= nreaders || rd->rd_owner != &c->c_r)
		return NULL;
	return rd;
}

static unsigned
reader_after(const struct readers *rd, const struct vcpu *v)
{
	unsigned i;

	for (i = 0; i < DET_NCLK - 1; i++)
		if (rd->rd_clk[i] > v->v_cur.hb[i])
			break;
	return i;
}

static inline void
check_write_order(struct cell *c, struct vcpu *v, uintptr_t a, bool write,
    uintptr_t pc)
{
	if (unlikely(!before(c->c_w, v)))
		race(a, write, EP_CPU(c->c_w), true, pc);
}

static inline void
check_read_order(struct cell *c, struct vcpu *v, uintptr_t a, uintptr_t pc)
{
	struct readers *rd;

	if (likely((c->c_r & CELL_MANY) == 0)) {
		if (unlikely(!before(c->c_r, v)))
			race(a, true, EP_CPU(c->c_r), false, pc);
		return;
	}
	rd = readers_of(c);
	if (rd != NULL && !vclk_all_le(&rd->rd_clk, &v->v_cur.hb))
		race(a, true, reader_after(rd, v), false, pc);
}

static void
note_read(struct cell *c, struct vcpu *v)
{
	struct readers *rd;
	uint32_t r = c->c_r;

	if (likely((r & CELL_MANY) == 0)) {
		if (before(r, v)) {
			c->c_r = v->v_epoch;
			return;
		}
		if (nreaders == NREADERS)
			det_fail("too many words with several readers");
		rd = &readers_tab[nreaders];
		rd->rd_owner = &c->c_r;
		memset(&rd->rd_clk, 0, sizeof rd->rd_clk);
		rd->rd_clk[EP_CPU(r)] = (int32_t)EP_CLK(r);
		rd->rd_clk[v->v_id] = (int32_t)EP_CLK(v->v_epoch);
		c->c_r = CELL_MANY | nreaders++;
		return;
	}
	rd = readers_of(c);
	if (rd == NULL)
		c->c_r = v->v_epoch;
	else
		rd->rd_clk[v->v_id] = (int32_t)EP_CLK(v->v_epoch);
}

/*
 * Atomic locations among [a, a + len): against plain accesses they count as
 * accesses; after a plain write their history is void.
 */
static void
against_atomics(uintptr_t a, size_t len, struct vcpu *v, bool write,
    uintptr_t pc)
{
	struct loc *l;
	uint32_t i;
	unsigned q;

	i = ((uint32_t *)SHADOW_LOCS)[a >> 3];
	if (i == 0 || i >= det_nloc || det_locs[i].l_addr >> 3 != a >> 3)
		return;
	for (; i != 0; i = l->l_next) {
		l = &det_locs[i];
		if (l->l_addr >= a + len || l->l_addr + l->l_size <= a)
			continue;
		for (q = 0; q < DET_NCLK; q++) {
			if (l->l_aw[q] > v->v_cur.hb[q] &&
			    l->l_aw[q] > v->v_done[q])
				race(a, write, q, true, pc);
			if (write && l->l_ar[q] > v->v_cur.hb[q] &&
			    l->l_ar[q] > v->v_done[q])
				race(a, write, q, false, pc);
			if (write)
				l->l_aw[q] = l->l_ar[q] = 0;
		}
		if (write) {
			l->l_nmsg = 0;
			l->l_writes++;
			l->l_writer = v->v_id;
		}
	}
}

static inline struct bytes *
bytes_of(struct cell *c)
{
	struct bytes *by = &bytes_tab[c->c_w & IDX_MASK];

	if ((c->c_w & IDX_MASK) < nbytes && by->by_owner == c)
		return by;
	return NULL;
}

/* Give the bytes of a word their own histories, which begin alike. */
static struct bytes *
split(struct cell *c)
{
	struct bytes *by;
	uint32_t tag = c->c_w & TAG_MASK, w, r;
	struct readers *rd;
	unsigned i;

	if (nbytes == NBYTES)
		det_fail("too many words used by the byte");
	by = &bytes_tab[nbytes];
	w = tag == TAG_BYTES ? 0 : c->c_w & ~TAG_MASK;
	r = tag == TAG_BYTES ? 0 : c->c_r;
	rd = readers_of(c);
	by->by_owner = c;
	by->by_atomic = tag == TAG_ATOMIC;
	by->by_undone = EP_CLK(w) > det_base;
	for (i = 0; i < 4; i++) {
		by->by_cell[i].c_w = w | (tag == TAG_FREED ? TAG_FREED : 0);
		by->by_cell[i].c_r = (r & CELL_MANY) != 0 ? 0 : r;
		if (rd == NULL)
			continue;
		if (nreaders == NREADERS)
			det_fail("too many words with several readers");
		readers_tab[nreaders] = *rd;
		readers_tab[nreaders].rd_owner = &by->by_cell[i].c_r;
		by->by_cell[i].c_r = CELL_MANY | nreaders++;
	}
	c->c_w = TAG_BYTES | nbytes++;
	c->c_r = 0;
	return by;
}

static void word_access(uintptr_t a, struct cell *c, struct vcpu *v, bool write,
    uintptr_t pc);

/*
 * Bytes [lo, hi) of the word at a.  What the allocator does inside freed
 * memory counts for whole words: the tag must survive.
 */
static void
part_access(uintptr_t a, struct cell *c, unsigned lo, unsigned hi,
    struct vcpu *v, bool write, uintptr_t pc)
{
	struct bytes *by = NULL;
	struct cell *b;
	unsigned i;

	if ((c->c_w & TAG_MASK) == TAG_BYTES)
		by = bytes_of(c);
	else if ((c->c_w & TAG_MASK) == TAG_FREED && by_allocator(pc)) {
		word_access(a, c, v, write, pc);
		return;
	}
	if (by == NULL)
		by = split(c);
	if (unlikely(by->by_atomic))
		against_atomics(a + lo, hi - lo, v, write, pc);
	if (write && !by->by_undone) {
		undo_word(a, false);
		by->by_undone = true;
	}
	for (i = lo; i < hi; i++) {
		b = &by->by_cell[i];
		if ((b->c_w & TAG_MASK) == TAG_FREED && !by_allocator(pc))
			freed(a + i, write, pc);
		check_write_order(b, v, a + i, write, pc);
		if (write) {
			check_read_order(b, v, a + i, pc);
			b->c_w = (b->c_w & TAG_MASK) | v->v_epoch;
			b->c_r = 0;
		} else
			note_read(b, v);
	}
}

/* The whole word at a. */
static hot void
word_access(uintptr_t a, struct cell *c, struct vcpu *v, bool write,
    uintptr_t pc)
{
	uint32_t tag = c->c_w & TAG_MASK;

	if (unlikely(tag == TAG_BYTES)) {
		if (bytes_of(c) != NULL) {
			part_access(a, c, 0, 4, v, write, pc);
			if (write && !bytes_of(c)->by_atomic &&
			    (bytes_of(c)->by_cell[0].c_w & TAG_MASK) !=
				TAG_FREED)
				c->c_w = v->v_epoch;
			return;
		}
		c->c_w = tag = TAG_PLAIN;
		c->c_r = 0;
	}
	if (unlikely(tag == TAG_FREED) && !by_allocator(pc))
		freed(a, write, pc);
	check_write_order(c, v, a, write, pc);
	if (unlikely(tag == TAG_ATOMIC)) {
		against_atomics(a, 4, v, write, pc);
		if (write)
			tag = TAG_PLAIN;
	}
	if (write) {
		check_read_order(c, v, a, pc);
		if (EP_CLK(c->c_w) <= det_base)
			undo_word(a, false);
		c->c_w = tag | v->v_epoch;
		c->c_r = 0;
	} else
		note_read(c, v);
}

hot void
plain_slow(uintptr_t a, size_t len, bool write, uintptr_t pc)
{
	struct vcpu *v = det_plain;
	uintptr_t end = a + len, w;
	unsigned lo, hi;

	for (w = a & ~(uintptr_t)3; w < end; w += 4) {
		lo = w < a ? (unsigned)(a - w) : 0;
		hi = end - w < 4 ? (unsigned)(end - w) : 4;
		if (likely(lo == 0 && hi == 4))
			word_access(w, cell_of(w), v, write, pc);
		else
			part_access(w, cell_of(w), lo, hi, v, write, pc);
		if (unlikely(det_tracing))
			note_pc(w, write, pc);
	}
}

/*
 * Pages are zeroed, copied and freed as a whole, and so the cells of a line
 * are mostly alike: then one stands for all.
 */
#define CHUNK 16 /* cells: 64 bytes */

static inline bool
uniform(const struct cell *c)
{
	uint64_t first, one, diff = 0;
	unsigned i;

	memcpy(&first, c, sizeof first);
	for (i = 1; i < CHUNK; i++) {
		memcpy(&one, c + i, sizeof one);
		diff |= one ^ first;
	}
	return diff == 0 && (c->c_r & CELL_MANY) == 0 &&
	       ((c->c_w & TAG_MASK) == TAG_PLAIN ||
		   (c->c_w & TAG_MASK) == TAG_FREED);
}

static hot void
bulk(uintptr_t a, size_t len, bool write, uintptr_t pc)
{
	struct vcpu *v = det_plain;
	struct cell *c = cell_of(a);
	uintptr_t end = a + len;
	unsigned i;

	if (write)
		det_save((void *)a, len);
	for (; a < end; a += CHUNK * 4, c += CHUNK) {
		if (unlikely(!uniform(c)) || unlikely(det_tracing)) {
			plain_slow(a, CHUNK * 4, write, pc);
			continue;
		}
		word_access(a, c, v, write, pc);
		if (unlikely((c->c_r & CELL_MANY) != 0)) {
			plain_slow(a + 4, CHUNK * 4 - 4, write, pc);
			continue;
		}
		for (i = 1; i < CHUNK; i++)
			c[i] = c[0];
	}
}

void
plain_range(uintptr_t a, size_t len, bool write, uintptr_t pc)
{
	if (len == 0 || det_plain == NULL || a >= DET_SPAN) {
		if (det_watch != NULL)
			watched(a, len, write, pc);
		return;
	}
	if (len >= 4 * CHUNK * 4 && (a | len) % (CHUNK * 4) == 0)
		bulk(a, len, write, pc);
	else
		plain_slow(a, len, write, pc);
}

void
det_access(const void *p, size_t len, bool write)
{
	plain_range((uintptr_t)p, len, write,
	    (uintptr_t)__builtin_return_address(0));
}

void
det_access_at(const void *p, size_t len, bool write, uintptr_t pc)
{
	plain_range((uintptr_t)p, len, write, pc);
}

/*
 * plain_atomic: an atomic access to l; its cells must not show a plain access
 * that it races with.
 */
hot void
plain_atomic(struct loc *l, struct vcpu *v, bool write, uintptr_t pc)
{
	uintptr_t a = l->l_addr;
	struct cell *c = cell_of(a), *b;
	struct bytes *by;
	unsigned i, n = l->l_size > 4 ? 2 : 1, off = a & 3;
	uint32_t tag;

	for (; n-- > 0; c++, a += 4) {
		if (unlikely(det_tracing))
			note_pc(a, write, pc);
		tag = c->c_w & TAG_MASK;
		if (likely(tag == TAG_ATOMIC) || tag == TAG_PLAIN) {
			c->c_w |= TAG_ATOMIC;
			check_write_order(c, v, a, write, pc);
			if (write)
				check_read_order(c, v, a, pc);
			continue;
		}
		if (tag == TAG_FREED) {
			if (!by_allocator(pc))
				freed(a, write, pc);
			check_write_order(c, v, a, write, pc);
			continue;
		}
		by = bytes_of(c);
		if (by == NULL) {
			c->c_w = TAG_ATOMIC;
			c->c_r = 0;
			continue;
		}
		by->by_atomic = true;
		for (i = off; i < 4 && i < off + l->l_size; i++) {
			b = &by->by_cell[i];
			if ((b->c_w & TAG_MASK) == TAG_FREED &&
			    !by_allocator(pc))
				freed(a, write, pc);
			check_write_order(b, v, a, write, pc);
			if (write)
				check_read_order(b, v, a, pc);
		}
	}
}

/*
 * Freed memory.
 */
void
det_mem_free(const void *p, size_t len)
{
	uintptr_t a = (uintptr_t)p, pc;
	struct cell *c, *e;
	struct vcpu *v = det_plain;
	uint32_t ep = v != NULL ? v->v_epoch : 0;

	pc = (uintptr_t)__builtin_return_address(0);
	if (a >= DET_SPAN || len < 4 || det_dc == NULL || det_dc->dc_norace)
		return;
	if ((cell_of(a)->c_w & TAG_MASK) == TAG_FREED)
		det_fail("freed twice: %p", p);
	len &= ~(size_t)3;
	if (v != NULL)
		plain_range(a, len, true, pc);
	for (c = cell_of(a), e = c + len / 4; c < e; c++) {
		c->c_w = TAG_FREED | ep;
		c->c_r = 0;
	}
	if (det_undo_on)
		undo_push(a | UNDO_ALLOC, len);
}

void
det_mem_alloc(const void *p, size_t len)
{
	uintptr_t a = (uintptr_t)p;
	struct cell *c, *e;
	bool was = false;

	if (a >= DET_SPAN || len < 4 || det_dc == NULL || det_dc->dc_norace)
		return;
	len &= ~(size_t)3;
	for (c = cell_of(a), e = c + len / 4; c < e; c++)
		if ((c->c_w & TAG_MASK) == TAG_FREED) {
			c->c_w &= ~TAG_MASK;
			was = true;
		}
	if (was && det_undo_on)
		undo_push(a | UNDO_FREED, len);
}
