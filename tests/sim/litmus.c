/*
 * litmus.c: does the engine produce the outcomes of the C11 memory model, no
 * more and no fewer?
 *
 * Goal: for each classic test, the set of final register values over all
 * executions is the expected one: as RC11 has it, computed with herd7
 * (rc11.cat) and by hand.  Stores enter coherence order as they are executed
 * unless the test says "late"; without, the weak outcome of 2+2W is not seen,
 * nor 11 in SB+cas, where a store would have to pass a later update.
 * Method: DFS without a bound and DPOR must each exhaust the space and agree
 * with the table.  Each test is compiled as kernel code is.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <det/det.h>
#include "simtest.h"

#define relaxed memory_order_relaxed
#define acquire memory_order_acquire
#define release memory_order_release
#define acq_rel memory_order_acq_rel
#define seq_cst memory_order_seq_cst

static struct {
	_Atomic(int) x, y, z;
	int data;
} v;
static int r[4];

#define LD(p, o)     atomic_load_explicit(&v.p, o)
#define ST(p, n, o)  atomic_store_explicit(&v.p, n, o)
#define FENCE(o)     atomic_thread_fence(o)
#define ADD(p, n, o) atomic_fetch_add_explicit(&v.p, n, o)

static bool
cas(_Atomic(int) *p, int old, int new, memory_order o)
{
	return atomic_compare_exchange_strong_explicit(p, &old, new, o,
	    memory_order_relaxed);
}

/* What one CPU does; r[] are the registers of all. */
#define CPU(name, ...)                                                         \
	static void name(void)                                                 \
	{                                                                      \
		__VA_ARGS__                                                    \
	}

CPU(sb0, ST(x, 1, relaxed); r[0] = LD(y, relaxed);)
CPU(sb1, ST(y, 1, relaxed); r[1] = LD(x, relaxed);)
CPU(sbs0, ST(x, 1, seq_cst); r[0] = LD(y, seq_cst);)
CPU(sbs1, ST(y, 1, seq_cst); r[1] = LD(x, seq_cst);)
CPU(sbf0, ST(x, 1, relaxed); FENCE(seq_cst); r[0] = LD(y, relaxed);)
CPU(sbf1, ST(y, 1, relaxed); FENCE(seq_cst); r[1] = LD(x, relaxed);)
CPU(sba0, ST(x, 1, release); r[0] = LD(y, acquire);)
CPU(sba1, ST(y, 1, release); r[1] = LD(x, acquire);)
CPU(sbr0, (void)ADD(x, 1, acq_rel); r[0] = LD(y, acquire);)
CPU(sbr1, (void)ADD(y, 1, acq_rel); r[1] = LD(x, acquire);)
CPU(mp0, ST(x, 1, relaxed); ST(y, 1, relaxed);)
CPU(mp1, r[0] = LD(y, relaxed); r[1] = LD(x, relaxed);)
CPU(mpr0, ST(x, 1, relaxed); ST(y, 1, release);)
CPU(mpa1, r[0] = LD(y, acquire); r[1] = LD(x, relaxed);)
CPU(mpf0, ST(x, 1, relaxed); FENCE(release); ST(y, 1, relaxed);)
CPU(mpf1, r[0] = LD(y, relaxed); FENCE(acquire); r[1] = LD(x, relaxed);)
CPU(lb0, r[0] = LD(x, relaxed); ST(y, 1, relaxed);)
CPU(lb1, r[1] = LD(y, relaxed); ST(x, 1, relaxed);)
CPU(iw0, ST(x, 1, release);)
CPU(iw1, ST(y, 1, release);)
CPU(iw2, r[0] = LD(x, acquire); r[1] = LD(y, acquire);)
CPU(iw3, r[2] = LD(y, acquire); r[3] = LD(x, acquire);)
CPU(is0, ST(x, 1, seq_cst);)
CPU(is1, ST(y, 1, seq_cst);)
CPU(is2, r[0] = LD(x, seq_cst); r[1] = LD(y, seq_cst);)
CPU(is3, r[2] = LD(y, seq_cst); r[3] = LD(x, seq_cst);)
CPU(if2, r[0] = LD(x, relaxed); FENCE(seq_cst); r[1] = LD(y, relaxed);)
CPU(if3, r[2] = LD(y, relaxed); FENCE(seq_cst); r[3] = LD(x, relaxed);)
CPU(co0, ST(x, 1, relaxed); ST(x, 2, relaxed);)
CPU(co1, r[0] = LD(x, relaxed); r[1] = LD(x, relaxed);)
CPU(cowr, ST(x, 3, relaxed); r[0] = LD(x, relaxed);)
CPU(wrc1, r[0] = LD(x, relaxed); ST(y, 1, release);)
CPU(wrc2, r[1] = LD(y, acquire); r[2] = LD(x, relaxed);)
CPU(rs0, ST(x, 1, relaxed); ST(y, 1, release);)
CPU(rs1, (void)ADD(y, 1, relaxed);)
CPU(rs2, r[0] = LD(y, acquire); r[1] = LD(x, relaxed);)
CPU(cas0, r[0] = cas(&v.x, 0, 1, relaxed);)
CPU(cas1, r[1] = cas(&v.x, 0, 2, relaxed);)
CPU(sbc0, ST(x, 1, relaxed); r[0] = cas(&v.y, 0, 0, relaxed);)
CPU(sbc1, ST(y, 1, relaxed); r[1] = cas(&v.x, 0, 0, relaxed);)
/* x and y are fields, z counts drops: who is last reads the other's field. */
#define DROP(cpu, mine, other, drop, fence)                                    \
	CPU(                                                                   \
	    cpu, ST(mine, 1, relaxed); r[cpu##_r] = 9;                         \
	    if (ADD(z, 1, drop) == 1) {                                        \
		    fence;                                                     \
		    r[cpu##_r] = LD(other, relaxed);                           \
	    })
enum { dr0_r, dr1_r, dn0_r = 0, dn1_r, dx0_r = 0, dx1_r };
DROP(dr0, x, y, release, FENCE(acquire))
DROP(dr1, y, x, release, FENCE(acquire))
DROP(dn0, x, y, release, (void)0)
DROP(dn1, y, x, release, (void)0)
DROP(dx0, x, y, relaxed, FENCE(acquire))
DROP(dx1, y, x, relaxed, FENCE(acquire))
/* x is a CPU's bit, y an entry that is cleared (1): one sees the other. */
CPU(au0, (void)ADD(x, 1, seq_cst); FENCE(seq_cst); r[0] = LD(y, relaxed);)
CPU(au1, ST(y, 1, relaxed); FENCE(seq_cst); r[1] = LD(x, relaxed);)
CPU(an0, (void)ADD(x, 1, relaxed); r[0] = LD(y, relaxed);)
CPU(an1, ST(y, 1, relaxed); r[1] = LD(x, relaxed);)
CPU(r0, ST(x, 1, relaxed); FENCE(seq_cst); ST(y, 1, relaxed);)
CPU(r1, ST(y, 2, relaxed); FENCE(seq_cst); r[0] = LD(x, relaxed);)
CPU(fs0, ST(x, 1, seq_cst); r[0] = LD(y, relaxed);)

/* x is cleared, y says so; a bit that is set then is not lost. */
CPU(s0, ST(x, 2, relaxed); ST(y, 1, relaxed);)
CPU(s1, r[0] = LD(y, relaxed); ST(x, 1, relaxed);)
CPU(sr0, ST(x, 2, relaxed); ST(y, 1, release);)
CPU(sa1, r[0] = LD(y, acquire); ST(x, 1, relaxed);)
CPU(sra1, r[0] = LD(y, acquire); (void)ADD(x, 1, relaxed);)
CPU(srm1, r[0] = LD(y, relaxed); (void)ADD(x, 1, relaxed);)
CPU(w20, ST(x, 1, relaxed); ST(y, 2, relaxed);)
CPU(w21, ST(y, 1, relaxed); ST(x, 2, relaxed);)
CPU(w2r0, ST(x, 1, relaxed); ST(y, 2, release);)
CPU(w2r1, ST(y, 1, relaxed); ST(x, 2, release);)
CPU(w2f0, ST(x, 1, relaxed); FENCE(seq_cst); ST(y, 2, relaxed);)
CPU(w2f1, ST(y, 1, relaxed); FENCE(seq_cst); ST(x, 2, relaxed);)
CPU(add0, r[0] = ADD(x, 1, relaxed);)
CPU(add1, r[1] = ADD(x, 1, relaxed);)

static void
final(void)
{
	r[2] = atomic_load_explicit(&v.y, relaxed);
}

static void
finals(void)
{
	r[0] = atomic_load_explicit(&v.x, relaxed);
	r[2] = atomic_load_explicit(&v.y, relaxed);
}

static void
final_x(void)
{
	r[2] = atomic_load_explicit(&v.x, relaxed);
}

/*
 * Outcomes: registers as digits, most of them two; "|" separates.
 */
static const struct litmus {
	const char *name;
	void (*cpu[4])(void);
	void (*end)(void);
	unsigned nreg;
	const char *want;
	bool late;
} tests[] = {
    {"SB", {sb0, sb1}, NULL, 2, "00|01|10|11", false},
    {"SB+sc", {sbs0, sbs1}, NULL, 2, "01|10|11", false},
    {"SB+fences", {sbf0, sbf1}, NULL, 2, "01|10|11", false},
    {"SB+rel+acq", {sba0, sba1}, NULL, 2, "00|01|10|11", false},
    {"SB+rmw", {sbr0, sbr1}, NULL, 2, "00|01|10|11", false},
    {"SB+sc+fence", {fs0, sbf1}, NULL, 2, "00|01|10|11", false},
    {"SB+cas", {sbc0, sbc1}, NULL, 2, "00|01|10", false},
    {"MP", {mp0, mp1}, NULL, 2, "00|01|10|11", false},
    {"MP+rel+acq", {mpr0, mpa1}, NULL, 2, "00|01|11", false},
    {"MP+fences", {mpf0, mpf1}, NULL, 2, "00|01|11", false},
    {"MP+rel+rlx", {mpr0, mp1}, NULL, 2, "00|01|10|11", false},
    {"MP+rlx+acq", {mp0, mpa1}, NULL, 2, "00|01|10|11", false},
    {"LB", {lb0, lb1}, NULL, 2, "00|01|10", false},
    {"IRIW+rel+acq", {iw0, iw1, iw2, iw3}, NULL, 4,
	"0000|0001|0010|0011|0100|0101|0110|0111|1000|1001|1010|1011|1100|"
	"1101|1110|1111",
	false},
    {"IRIW+sc", {is0, is1, is2, is3}, NULL, 4,
	"0000|0001|0010|0011|0100|0101|0110|0111|1000|1001|1011|1100|"
	"1101|1110|1111",
	false},
    {"IRIW+fences", {iw0, iw1, if2, if3}, NULL, 4,
	"0000|0001|0010|0011|0100|0101|0110|0111|1000|1001|1011|1100|"
	"1101|1110|1111",
	false},
    {"CoRR", {co0, co1}, NULL, 2, "00|01|02|11|12|22", false},
    {"CoWR", {co0, cowr}, NULL, 1, "1|2|3", false},
    {"WRC", {iw0, wrc1, wrc2}, NULL, 3, "000|001|010|011|100|101|111", false},
    {"RelSeq", {rs0, rs1, rs2}, NULL, 2, "00|01|10|11|21", false},
    {"CAS", {cas0, cas1}, NULL, 2, "01|10", false},
    {"drop", {dr0, dr1}, NULL, 2, "19|91", false},
    {"drop, no acq", {dn0, dn1}, NULL, 2, "09|19|90|91", false},
    {"drop, no rel", {dx0, dx1}, NULL, 2, "09|19|90|91", false},
    {"activate", {au0, au1}, NULL, 2, "01|10|11", false},
    {"activate, none", {an0, an1}, NULL, 2, "00|01|10|11", false},
    {"R+fences", {r0, r1}, final, 3, "001|101|102", false},
    {"R+fences", {r0, r1}, final, 3, "001|101|102", true},
    {"S", {s0, s1}, final_x, 3, "001|002|101", false},
    {"S", {s0, s1}, final_x, 3, "001|002|101|102", true},
    {"S+rel+acq", {sr0, sa1}, final_x, 3, "001|002|101", true},
    {"S+rel+rlx", {sr0, s1}, final_x, 3, "001|002|101|102", true},
    {"S+rlx+acq", {s0, sa1}, final_x, 3, "001|002|101|102", true},
    {"S+rmw", {sr0, sra1}, final_x, 3, "002|003|103", true},
    {"S+rmw+rlx", {sr0, srm1}, final_x, 3, "002|003|102|103", true},
    {"2+2W", {w20, w21}, finals, 3, "102|201|202", false},
    {"2+2W", {w20, w21}, finals, 3, "101|102|201|202", true},
    {"2+2W+rel", {w2r0, w2r1}, finals, 3, "101|102|201|202", true},
    {"2+2W+fences", {w2f0, w2f1}, finals, 3, "102|201|202", true},
    {"SB+cas", {sbc0, sbc1}, NULL, 2, "00|01|10|11", true},
    {"add", {add0, add1}, NULL, 2, "01|10", true},
    {"CAS", {cas0, cas1}, NULL, 2, "01|10", true},
    {"CoWR", {co0, cowr}, NULL, 1, "1|2|3", true},
    {"CoRR", {co0, co1}, NULL, 2, "00|01|02|11|12|22", true},
    {"MP+rel+acq", {mpr0, mpa1}, NULL, 2, "00|01|11", true},
    {"RelSeq", {rs0, rs1, rs2}, NULL, 2, "00|01|10|11|21", true},
    {"drop", {dr0, dr1}, NULL, 2, "19|91", true},
};

static const struct litmus *T;
static char got[512];

static void
start(unsigned cpu)
{
	unsigned i;

	if (cpu == 0) {
		memset(&v, 0, sizeof v);
		memset(r, 0, sizeof r);
		for (i = 1; i < 4 && T->cpu[i] != NULL; i++)
			det_cpu_start(i);
		det_snapshot();
	}
	T->cpu[cpu]();
}

static void
check(void)
{
	char s[8];
	unsigned i, n = T->end != NULL ? 3 : T->nreg;

	if (T->end != NULL)
		T->end();
	if (T->end != NULL) { /* register 0 and the final value */
		s[0] = (char)('0' + r[0]);
		s[1] = '0';
		s[2] = (char)('0' + r[2]);
	} else
		for (i = 0; i < n; i++)
			s[i] = (char)('0' + r[i]);
	s[n] = '\0';
	if (strstr(got, s) != NULL)
		return;
	if (got[0] != '\0')
		strcat(got, "|");
	strcat(got, s);
}

/* Whether two sets are the same; both have no duplicates. */
static bool
same(const char *a, const char *b)
{
	char copy[512], *s, *save;

	if (strlen(a) != strlen(b))
		return false;
	snprintf(copy, sizeof copy, "%s", a);
	for (s = strtok_r(copy, "|", &save); s != NULL;
	     s = strtok_r(NULL, "|", &save))
		if (strstr(b, s) == NULL)
			return false;
	return true;
}

static void
run_one(const struct litmus *t, enum det_strategy s)
{
	struct det_machine dm = {.dm_name = t->name,
	    .dm_start = start,
	    .dm_check = check};
	struct det_config dc = {.dc_strategy = s,
	    .dc_bound = DET_UNBOUND,
	    .dc_stale = DET_UNBOUND,
	    .dc_weak = true,
	    .dc_late = t->late};
	struct det_result res;
	bool ok;

	T = t;
	got[0] = '\0';
	while (dm.dm_ncpu < 4 && t->cpu[dm.dm_ncpu] != NULL)
		dm.dm_ncpu++;
	det_run(&dm, &dc, &res);
	ok = !res.dr_failed && res.dr_complete && same(got, t->want);
	sim_result(ok, "%-13s %-4s%s %6llu executions %5llu pruned  %s%s%s",
	    t->name, s == DET_DPOR ? "dpor" : "dfs", t->late ? " late" : "",
	    (unsigned long long)res.dr_execs, (unsigned long long)res.dr_pruned,
	    res.dr_msg, ok ? "" : "  got ", ok ? "" : got);
	det_result_free(&res);
}

void
litmus_tests(void)
{
	unsigned i;

	for (i = 0; i < sizeof tests / sizeof tests[0]; i++) {
		run_one(&tests[i], DET_DFS);
		run_one(&tests[i], DET_DPOR);
	}
}
