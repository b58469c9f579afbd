/*
 * search.c: who goes next.
 *
 * At a choice the alternatives stand in a fixed order, the ordinary one
 * first: the CPU goes on, and a raised interrupt arrives at once.  A
 * recording is the list of choices at which something else was taken, so a
 * short one is also a schedule with few surprises.
 *
 * DFS keeps the path to the current execution as a stack of nodes and
 * advances the deepest one that has an alternative left within the bounds.
 * An alternative costs one preemption if the CPU could have gone on, or if it
 * postpones an interrupt (Musuvathi and Qadeer, PLDI 2007); a stale read
 * costs one of dc_stale.
 *
 * DPOR tries at a node only the agents that a later race asks for, and lets
 * an agent sleep whose step was tried there already until something happens
 * that does not commute with it.  Which agents a race asks for is the subtle
 * part: not simply the one whose step came too late, but one that can begin
 * what led to it ("source sets"; Abdulla et al., POPL 2014).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "detp.h"

#define MAXALT   (2 * DET_MAXCPU)
#define NAGENT   (2 * DET_NCLK) /* that DPOR knows */
#define NREC     (1u << 20)
#define NNODE    (1u << 18)
#define NACCESS  65536
#define NEVENT   (1u << 18)
#define MAXDEPTH 32

/* One choice of the current path. */
struct node {
	bool n_data;  /* of a value, not of a turn */
	bool n_stale; /* of a store to read */
	uint8_t n_nalt;
	uint8_t n_chosen;
	bool n_deviant; /* some node above left the ordinary path */
	uint32_t n_pos;
	uint32_t n_used;   /* preemptions, or other values, before it */
	uint16_t n_costly; /* alternatives that cost one */
	uint16_t n_enabled, n_backtrack, n_done, n_sleep; /* DPOR: agents */
	uint8_t n_agent[NAGENT];
};

/* What was taken where the ordinary was not. */
struct rec {
	uint32_t r_pos, r_val;
};

/* DPOR: a step that was made, and what its agent knew after it. */
struct event {
	uint8_t ev_agent;
	int32_t ev_node; /* where it was chosen; -1: it had no alternative */
	uint32_t ev_seq; /* the agent's how-manyth */
	uint32_t ev_clk[NAGENT];
};

/* The last accesses to a location: numbers of events + 1. */
struct access {
	uint32_t a_w, a_r[NAGENT];
	uint32_t a_wclk[NAGENT], a_rclk[NAGENT];
};

uint32_t search_pos;
bool search_dpor, search_pruned, search_misfit;

static const struct det_config *dc;
static enum det_strategy strategy;
static unsigned ncpu;
static uint64_t rng;

static struct rec *recs;
static unsigned nrec;
static struct rec *replay;
static unsigned nreplay, replay_next;

static struct node *nodes;
static unsigned nnode, depth;
static unsigned used_preempt;
static bool complete;

static uint64_t change[MAXDEPTH]; /* PCT: step numbers */

/*
 * Values other than the ordinary one, for stale reads [1] and other data [0]:
 * how many may be taken, were taken; RANDOM and PCT: at which of the chances.
 */
static struct chances {
	uint64_t ch_at[MAXDEPTH];
	uint64_t ch_n, ch_most;
	unsigned ch_limit, ch_used;
} chances[2];
static int32_t prio[MAXALT];
static uint64_t longest;
static bool winding_up;

static struct access *accesses, sc_access;
static unsigned naccess;
static uint32_t dclk[NAGENT][NAGENT]; /* what each agent knows */
static uint32_t latest[NAGENT];       /* its last event + 1 */
static uint16_t sleeping;
static struct event *events;
static unsigned nevent;

static uint64_t
rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng * 0x2545f4914f6cdd1dULL >> 16;
}

/* Agents as DPOR numbers them. */
static unsigned
compact(unsigned agent)
{
	return agent < AGENT_IRQ ? agent : DET_NCLK + agent - AGENT_IRQ;
}

static unsigned
agent_cpu(unsigned agent)
{
	return agent & (AGENT_IRQ - 1);
}

/*
 * Recordings: "12b3a" is 12 ordinary choices, the third alternative, 3
 * ordinary ones, the second.  Alternatives past the alphabet are ".51.".
 */
static void
record(uint32_t pos, unsigned val)
{
	if (val == 0)
		return;
	/* A long run of many CPUs: nobody will replay it. */
	if (nrec == NREC && det_dc->dc_norace)
		return;
	if (nrec == NREC)
		det_fail("too many choices");
	recs[nrec].r_pos = pos;
	recs[nrec++].r_val = val;
}

char *
search_record(void)
{
	char *s, *p;
	uint32_t at = 0;
	unsigned i;

	p = s = malloc(nrec * 18 + 1);
	if (s == NULL)
		abort();
	*p = '\0';
	for (i = 0; i < nrec; i++) {
		if (recs[i].r_pos != at)
			p += sprintf(p, "%u", recs[i].r_pos - at);
		if (recs[i].r_val <= 26)
			p += sprintf(p, "%c", 'a' + (int)recs[i].r_val - 1);
		else
			p += sprintf(p, ".%u.", recs[i].r_val);
		at = recs[i].r_pos + 1;
	}
	return s;
}

static void
replay_parse(const char *s)
{
	uint32_t at = 0;
	char *end;

	for (nreplay = 0; *s != '\0' && nreplay < NREC; nreplay++) {
		if (*s >= '0' && *s <= '9') {
			at += (uint32_t)strtoul(s, &end, 10);
			s = end;
		}
		if (*s >= 'a' && *s <= 'z')
			replay[nreplay].r_val = (uint32_t)(*s++ - 'a') + 1;
		else if (*s == '.') {
			replay[nreplay].r_val =
			    (uint32_t)strtoul(s + 1, &end, 10);
			s = *end == '.' ? end + 1 : end;
		} else
			break;
		replay[nreplay].r_pos = at++;
	}
}

unsigned
search_again(const char *record, unsigned skip)
{
	unsigned n, i;

	strategy = DET_REPLAY;
	search_dpor = false;
	replay_parse(record);
	n = nreplay;
	if (skip < n) {
		for (i = skip; i + 1 < n; i++)
			replay[i] = replay[i + 1];
		nreplay--;
	}
	return n;
}

static unsigned
replay_value(unsigned n)
{
	if (replay_next < nreplay && replay[replay_next].r_pos == search_pos) {
		if (replay[replay_next].r_val >= n) {
			search_misfit = true;
			end();
		}
		return replay[replay_next++].r_val;
	}
	return 0;
}

/*
 * Before and after.
 */
static void *
table(size_t len)
{
	void *p;

	p = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		abort();
	(void)madvise(p, len, MADV_DONTDUMP);
	return p;
}

void
search_start(const struct det_config *config, unsigned n)
{
	if (recs == NULL) {
		recs = table(NREC * sizeof *recs);
		replay = table(NREC * sizeof *replay);
		nodes = table(NNODE * sizeof *nodes);
		accesses = table(NACCESS * sizeof *accesses);
		events = table(NEVENT * sizeof *events);
	}
	dc = config;
	ncpu = n;
	strategy = dc->dc_strategy;
	if ((strategy == DET_DFS || strategy == DET_DPOR) && n > DET_NCLK)
		abort();
	search_dpor = strategy == DET_DPOR;
	nnode = 0;
	complete = false;
	longest = 0;
	memset(chances, 0, sizeof chances);
	chances[0].ch_limit = dc->dc_events != 0 ? dc->dc_events : DET_UNBOUND;
	chances[1].ch_limit = dc->dc_stale;
	nreplay = 0;
	if (strategy == DET_REPLAY)
		replay_parse(dc->dc_replay != NULL ? dc->dc_replay : "");
}

static void
chances_begin(struct chances *ch)
{
	unsigned i;

	if (ch->ch_n > ch->ch_most)
		ch->ch_most = ch->ch_n;
	ch->ch_n = 0;
	ch->ch_used = 0;
	for (i = 0; i < MAXDEPTH; i++)
		ch->ch_at[i] = rnd() % (ch->ch_most + 1);
}

/* BYTES: where and what the next departure is. */
static struct {
	const uint8_t *by_at;
	size_t by_left;
	uint32_t by_pos;
} bytes;

static void
bytes_next(void)
{
	uint32_t gap;

	if (bytes.by_left < 2) {
		bytes.by_pos = UINT32_MAX;
		return;
	}
	gap = (uint32_t)bytes.by_at[0] * bytes.by_at[0] / 16;
	bytes.by_pos = search_pos + gap;
}

static unsigned
bytes_value(unsigned n)
{
	unsigned k;

	if (n < 2 || search_pos < bytes.by_pos)
		return 0;
	k = 1 + bytes.by_at[1] % (n - 1);
	bytes.by_at += 2;
	bytes.by_left -= 2;
	bytes_next();
	return k;
}

void
search_begin(uint64_t exec)
{
	unsigned i, nshard = dc->dc_nshard > 1 ? dc->dc_nshard : 1;

	search_pos = 0;
	search_pruned = search_misfit = winding_up = false;
	nrec = depth = replay_next = 0;
	used_preempt = 0;
	rng = (dc->dc_seed + exec * nshard + dc->dc_shard + 1) *
	      0x9e3779b97f4a7c15ULL;
	(void)rnd();
	chances_begin(&chances[0]);
	chances_begin(&chances[1]);
	if (strategy == DET_BYTES) {
		bytes.by_at = dc->dc_bytes(&bytes.by_left);
		bytes_next();
	}
	if (strategy == DET_PCT) {
		if (det_nsteps > longest)
			longest = det_nsteps;
		for (i = 0; i < MAXALT; i++)
			prio[i] = (int32_t)(rnd() % 100000) + 100;
		for (i = 0; i < MAXDEPTH; i++)
			change[i] = 1 + rnd() % (longest + 1);
	}
	if (search_dpor) {
		naccess = nevent = 0;
		sleeping = 0;
		memset(dclk, 0, sizeof dclk);
		memset(latest, 0, sizeof latest);
		memset(&sc_access, 0, sizeof sc_access);
	}
}

static bool
asked(void)
{
	return det_exploring() && !winding_up;
}

/*
 * The step that ends what is explored.  No CPU makes one after it, so it
 * commutes with none: each could have come first.
 */
void
search_cut(void)
{
	const struct event *e = &events[nevent - 1];

	if (search_dpor && e->ev_node >= 0)
		nodes[e->ev_node].n_backtrack |= nodes[e->ev_node].n_enabled;
	winding_up = true;
}

bool
search_asked(void)
{
	return asked();
}

unsigned
search_unmet(void)
{
	return strategy == DET_REPLAY ? nreplay - replay_next : 0;
}

bool
search_complete(void)
{
	return complete;
}

/* The next alternative of e within the bounds; false: none. */
static bool
advance(struct node *e)
{
	unsigned k, limit, nshard = dc->dc_nshard;
	uint16_t m;

	if (search_dpor && !e->n_data) {
		m = e->n_backtrack & (uint16_t) ~(e->n_done | e->n_sleep);
		for (k = 0; k < e->n_nalt; k++)
			if ((m >> e->n_agent[k] & 1) != 0)
				break;
		if (k == e->n_nalt)
			return false;
		e->n_done |= (uint16_t)(1u << e->n_agent[k]);
		e->n_chosen = (uint8_t)k;
		return true;
	}
	limit = e->n_data ? chances[e->n_stale].ch_limit : dc->dc_bound;
	for (k = e->n_chosen + 1u; k < e->n_nalt; k++) {
		if ((e->n_costly >> k & 1) != 0 && e->n_used >= limit)
			continue;
		if (nshard > 1 && !e->n_deviant &&
		    (e->n_pos * 16 + k) % nshard != dc->dc_shard)
			continue;
		e->n_chosen = (uint8_t)k;
		return true;
	}
	return false;
}

bool
search_next(bool grew)
{
	if (strategy == DET_REPLAY)
		return false;
	if (strategy != DET_DFS && strategy != DET_DPOR)
		return true;
	if (grew) {
		nnode = 0;
		return true;
	}
	for (; nnode > 0; nnode--)
		if (advance(&nodes[nnode - 1]))
			return true;
	complete = true;
	return false;
}

/* The node of this choice; *fresh: never seen before. */
static struct node *
node_get(bool *fresh)
{
	struct node *e;

	if (depth == NNODE)
		det_fail("too many choices");
	e = &nodes[depth++];
	*fresh = depth > nnode;
	if (*fresh) {
		nnode = depth;
		memset(e, 0, sizeof *e);
		e->n_pos = search_pos;
		e->n_deviant = nrec != 0;
	} else if (e->n_pos != search_pos)
		det_fail("not deterministic: choice %u at %u, then at %u",
		    depth, e->n_pos, search_pos);
	return e;
}

/*
 * RANDOM, PCT: whether this chance to take another value than the ordinary
 * one is taken.  As many as the limit are, wherever in the execution they lie.
 */
static bool
take_chance(struct chances *ch)
{
	unsigned i;

	ch->ch_n++;
	if (ch->ch_limit >= MAXDEPTH)
		return rnd() % 4 == 0;
	for (i = 0; i < ch->ch_limit; i++)
		if (ch->ch_at[i] == ch->ch_n)
			return true;
	return false;
}

/*
 * A value.
 */
unsigned
search_data(unsigned n, bool stale)
{
	struct chances *ch = &chances[stale];
	struct node *e;
	unsigned k = 0;
	bool fresh;

	if (n < 2 || !asked())
		return 0;
	switch (strategy) {
	case DET_REPLAY:
		k = replay_value(n);
		break;
	case DET_BYTES:
		k = bytes_value(n);
		break;
	case DET_RANDOM:
	case DET_PCT:
		k = take_chance(ch) ? 1 + (unsigned)(rnd() % (n - 1)) : 0;
		break;
	default:
		e = node_get(&fresh);
		if (fresh) {
			e->n_data = true;
			e->n_stale = stale;
			e->n_nalt = (uint8_t)n;
			e->n_used = ch->ch_used;
			e->n_costly = 0xfffe;
		}
		k = e->n_chosen;
		ch->ch_used += k != 0;
		break;
	}
	record(search_pos++, k);
	return k;
}

void
search_taken(unsigned val)
{
	if (asked())
		record(search_pos++, val);
}

/*
 * A turn.  The alternatives, in order: me, the CPUs after me, those before.
 */
static unsigned
list(uint64_t run, uint64_t irq, unsigned me, struct turn *t, uint64_t *costly)
{
	unsigned n = 0, i, cpu;
	bool goes = ((run | irq) >> me & 1) != 0;

	*costly = 0;
	for (i = 0; i < ncpu; i++) {
		cpu = me + i < ncpu ? me + i : me + i - ncpu;
		if ((irq >> cpu & 1) != 0) {
			if (goes && n > 0 && n < 64)
				*costly |= 1ULL << n;
			t[n++] = (struct turn){(uint8_t)cpu, true};
		}
		if ((run >> cpu & 1) != 0) {
			if (((goes && n > 0) || (irq >> cpu & 1) != 0) &&
			    n < 64)
				*costly |= 1ULL << n;
			t[n++] = (struct turn){(uint8_t)cpu, false};
		}
	}
	return n;
}

static unsigned
agent_of(struct turn t)
{
	return compact(t.t_cpu + (t.t_deliver ? AGENT_IRQ : 0));
}

static unsigned
turn_pct(const struct turn *t, unsigned n, const struct vcpu *me)
{
	unsigned i, best = 0;
	int32_t p, bestp = 0;

	for (i = 0; i + 1 < dc->dc_depth && i < MAXDEPTH; i++)
		if (change[i] == det_nsteps)
			prio[me->v_id] = -(int32_t)i;
	for (i = 0; i < n; i++) {
		p = prio[t[i].t_cpu + (t[i].t_deliver ? DET_MAXCPU : 0)];
		if (i == 0 || p > bestp) {
			best = i;
			bestp = p;
		}
	}
	return best;
}

static unsigned
turn_dfs(const struct turn *t, unsigned n, uint64_t costly)
{
	struct node *e;
	bool fresh;

	(void)t;
	e = node_get(&fresh);
	if (fresh) {
		e->n_nalt = (uint8_t)n;
		e->n_used = used_preempt;
		e->n_costly = (uint16_t)costly;
	}
	used_preempt += (unsigned)(costly >> e->n_chosen & 1);
	return e->n_chosen;
}

/*
 * DPOR.
 */
static bool
dependent(unsigned p, const struct op *a, unsigned q, const struct op *b)
{
	if (p % DET_NCLK == q % DET_NCLK)
		return true;
	if ((a->o_sc && b->o_sc) || a->o_loc == OP_CUT || b->o_loc == OP_CUT)
		return true;
	return a->o_loc != 0 && a->o_loc == b->o_loc &&
	       (a->o_write || b->o_write);
}

static bool
shares(const struct op *op)
{
	return op->o_loc != 0 && op->o_loc != OP_CUT;
}

static struct op
op_of(unsigned agent)
{
	const struct vcpu *v = &det_vcpus[agent % DET_NCLK];

	if (agent < DET_NCLK)
		return v->v_op;
	return (struct op){v->v_irqloc, true, false};
}

static void
learn(uint32_t *to, const uint32_t *from)
{
	unsigned q;

	for (q = 0; q < NAGENT; q++)
		if (to[q] < from[q])
			to[q] = from[q];
}

/*
 * The step of p that is known to clk comes after event e and races with it:
 * somewhere it has to come first.  Let v be what happened after e without
 * knowing e, and then p's step.  An agent whose first event in v knows of no
 * other event in v can begin v at the node where e was chosen, and one such
 * agent must be tried there.
 */
static void
reverse(const struct event *e, unsigned p, const uint32_t *clk)
{
	struct node *n = &nodes[e->ev_node];
	const struct event *f, *g, *end = &events[nevent];
	uint16_t seen = 0, initial = 0;

	for (f = e + 1; f < end; f++) {
		if (f->ev_clk[e->ev_agent] >= e->ev_seq ||
		    (seen >> f->ev_agent & 1) != 0)
			continue;
		seen |= (uint16_t)(1u << f->ev_agent);
		for (g = e + 1; g < f; g++)
			if (g->ev_clk[e->ev_agent] < e->ev_seq &&
			    f->ev_clk[g->ev_agent] >= g->ev_seq)
				break;
		if (g == f)
			initial |= (uint16_t)(1u << f->ev_agent);
	}
	if ((seen >> p & 1) == 0) {
		for (g = e + 1; g < end; g++)
			if (g->ev_clk[e->ev_agent] < e->ev_seq &&
			    clk[g->ev_agent] >= g->ev_seq)
				break;
		if (g == end)
			initial |= (uint16_t)(1u << p);
	}
	if ((initial & n->n_backtrack) != 0)
		return;
	initial &= n->n_enabled;
	if ((initial >> p & 1) != 0)
		n->n_backtrack |= (uint16_t)(1u << p);
	else if (initial != 0)
		n->n_backtrack |= initial & (uint16_t)-initial;
	else
		n->n_backtrack |= n->n_enabled;
}

/* The events that a step races with: those that it would not know of. */
struct races {
	unsigned rc_n;
	uint32_t rc_event[2 * NAGENT + 4];
};

static void
race_note(struct races *rc, unsigned p, uint32_t event)
{
	const struct event *e;

	if (event == 0)
		return;
	e = &events[event - 1];
	if (e->ev_agent != p && dclk[p][e->ev_agent] < e->ev_seq &&
	    e->ev_node >= 0)
		rc->rc_event[rc->rc_n++] = event - 1;
}

static void
races_with(struct races *rc, const struct access *ac, unsigned p, bool write)
{
	unsigned q;

	race_note(rc, p, ac->a_w);
	if (write)
		for (q = 0; q < NAGENT; q++)
			race_note(rc, p, ac->a_r[q]);
}

static void
after(uint32_t *clk, const struct access *ac, bool write)
{
	learn(clk, ac->a_wclk);
	if (write)
		learn(clk, ac->a_rclk);
}

/*
 * What a step of p will race with, and what p will know then; ac[] gets the
 * locations.
 */
static unsigned
consequences(unsigned p, const struct op *op, struct races *rc, uint32_t *clk,
    struct access **ac)
{
	unsigned n = 0, i, q;

	rc->rc_n = 0;
	memcpy(clk, dclk[p], sizeof dclk[p]);
	if (shares(op) && det_locs[op->o_loc].l_dpor != NULL)
		ac[n++] = det_locs[op->o_loc].l_dpor;
	for (i = 0; i < n; i++)
		races_with(rc, ac[i], p, op->o_write);
	if (op->o_sc) {
		ac[n++] = &sc_access;
		races_with(rc, &sc_access, p, true);
	}
	if (p >= DET_NCLK)
		race_note(rc, p, latest[p - DET_NCLK]);
	/* It could have come before the last step of each. */
	for (q = 0; op->o_loc == OP_CUT && q < NAGENT; q++) {
		race_note(rc, p, latest[q]);
		learn(clk, dclk[q]);
	}
	for (i = 0; i < n; i++)
		after(clk, ac[i], op->o_write || ac[i] == &sc_access);
	return n;
}

/*
 * An execution is given up before its CPUs have made their next steps.  Those
 * ask for alternatives all the same: the set of agents of a node is complete
 * only if every execution below it was asked.
 */
static void
pending_races(void)
{
	struct access *ac[2];
	uint32_t clk[NAGENT];
	struct races rc;
	struct op op;
	unsigned p, i;

	for (p = 0; p < DET_NCLK; p++) {
		if (det_vcpus[p].v_state != V_READY)
			continue;
		op = op_of(p);
		(void)consequences(p, &op, &rc, clk, ac);
		for (i = 0; i < rc.rc_n; i++)
			reverse(&events[rc.rc_event[i]], p, clk);
	}
}

static unsigned
turn_dpor(const struct turn *t, unsigned n)
{
	struct node *e;
	unsigned i, a;
	bool fresh;

	e = node_get(&fresh);
	if (fresh) {
		e->n_nalt = (uint8_t)n;
		e->n_sleep = sleeping;
		for (i = 0; i < n; i++) {
			e->n_agent[i] = (uint8_t)agent_of(t[i]);
			e->n_enabled |= (uint16_t)(1u << e->n_agent[i]);
		}
		for (i = 0; i < n; i++)
			if ((sleeping >> e->n_agent[i] & 1) == 0)
				break;
		if (i == n) {
			search_pruned = true;
			nnode = --depth;
			pending_races();
			end();
		}
		e->n_chosen = (uint8_t)i;
		e->n_done = e->n_backtrack = (uint16_t)(1u << e->n_agent[i]);
	}
	a = e->n_agent[e->n_chosen];
	sleeping = (uint16_t)((e->n_sleep | e->n_done) & ~(1u << a));
	return e->n_chosen;
}

/* The step op of p wakes whoever waits to do what does not commute with it. */
static void
rouse(unsigned p, const struct op *op)
{
	struct op other;
	uint16_t m;
	unsigned q;

	for (m = sleeping; m != 0; m &= (uint16_t)(m - 1)) {
		q = (unsigned)__builtin_ctz(m);
		other = op_of(q);
		if (dependent(p, op, q, &other))
			sleeping &= (uint16_t) ~(1u << q);
	}
}

/* Set by search_turn(): the node of the step that is now made, or -1. */
static int32_t stepnode;

static struct access *
access_make(struct loc *l)
{
	if (naccess == NACCESS)
		det_fail("too many locations");
	l->l_dpor = &accesses[naccess++];
	memset(l->l_dpor, 0, sizeof *l->l_dpor);
	return l->l_dpor;
}

/* p's event number n - 1 was an access to ac. */
static void
accessed(struct access *ac, unsigned p, bool write, uint32_t n)
{
	if (write) {
		memcpy(ac->a_wclk, dclk[p], sizeof ac->a_wclk);
		ac->a_w = n;
	} else {
		learn(ac->a_rclk, dclk[p]);
		ac->a_r[p] = n;
	}
}

void
search_stepped(unsigned agent, const struct op *op)
{
	unsigned p = compact(agent), run = agent_cpu(agent), i, n;
	struct access *ac[2];
	uint32_t clk[NAGENT];
	struct races rc;
	struct event *e;

	if (!asked())
		return;
	if (nevent == NEVENT)
		det_fail("too many steps");
	if (shares(op) && det_locs[op->o_loc].l_dpor == NULL)
		(void)access_make(&det_locs[op->o_loc]);
	rouse(p, op);
	n = consequences(p, op, &rc, clk, ac);
	if (p >= DET_NCLK)
		learn(clk, dclk[run]);
	for (i = 0; i < rc.rc_n; i++)
		reverse(&events[rc.rc_event[i]], p, clk);
	e = &events[nevent++];
	e->ev_agent = (uint8_t)p;
	e->ev_node = stepnode;
	e->ev_seq = ++clk[p];
	memcpy(e->ev_clk, clk, sizeof clk);
	memcpy(dclk[p], clk, sizeof clk);
	latest[p] = nevent;
	stepnode = -1;
	for (i = 0; i < n; i++)
		accessed(ac[i], p, op->o_write || ac[i] == &sc_access, nevent);
	if (p >= DET_NCLK) /* the handler runs as the CPU's own agent */
		learn(dclk[run], dclk[p]);
}

void
search_follows(unsigned agent, unsigned cause)
{
	learn(dclk[compact(agent)], dclk[compact(cause)]);
}

hot struct turn
search_turn(uint64_t run, uint64_t irq, const struct vcpu *me)
{
	struct turn t[MAXALT];
	uint64_t costly;
	unsigned n, k = 0;

	n = list(run, irq, me->v_id, t, &costly);
	if (!asked())
		return t[0];
	stepnode = -1;
	if (n > 1) {
		switch (strategy) {
		case DET_BYTES:
			k = bytes_value(n);
			break;
		case DET_RANDOM:
			k = (unsigned)((rnd() & 0xffffffff) * n >> 32);
			break;
		case DET_PCT:
			k = turn_pct(t, n, me);
			break;
		case DET_DFS:
			k = turn_dfs(t, n, costly);
			break;
		case DET_DPOR:
			k = turn_dpor(t, n);
			stepnode = (int32_t)depth - 1;
			break;
		case DET_REPLAY:
			k = replay_value(n);
			break;
		}
		record(search_pos++, k);
	}
	return t[k];
}
