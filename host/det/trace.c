/*
 * trace.c: the steps of one execution, for the reader.
 *
 * Steps are recorded as they are made, on whatever stack, and printed when
 * the host's context runs again.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "detp.h"

#define NTRACE (1u << 18)
#define NTEXT  (1u << 20)

struct step {
	uint8_t tr_kind; /* enum trace_kind */
	uint8_t tr_cpu;
	bool tr_irq;
	uint32_t tr_aux;
	uintptr_t tr_addr, tr_pc;
	uint64_t tr_val;
	char tr_who[16];
};

static struct step *steps;
static char *text;
static unsigned nsteps, ntext;

/* A debugger may stop here; see the replay command. */
__attribute__((noinline)) void
det_step(unsigned n)
{
	__asm__ volatile("" : : "r"(n) : "memory");
}

void
trace_reset(void)
{
	nsteps = ntext = 0;
	if (!det_tracing || steps != NULL)
		return;
	steps = mmap(NULL, NTRACE * sizeof *steps, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	text = mmap(NULL, NTEXT, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (steps == MAP_FAILED || text == MAP_FAILED)
		abort();
}

void
trace(enum trace_kind k, uintptr_t a, uint64_t val, unsigned aux, uintptr_t pc)
{
	struct step *t;
	const char *who = NULL;

	if (!det_exploring() || steps == NULL || nsteps == NTRACE)
		return;
	if (det_dc->dc_stop != 0 && nsteps == det_dc->dc_stop &&
	    det_cur != NULL)
		end();
	det_step(nsteps);
	if (det_dc->dc_step != NULL)
		det_dc->dc_step(nsteps);
	t = &steps[nsteps++];
	t->tr_kind = (uint8_t)k;
	t->tr_cpu = det_cur != NULL ? det_cur->v_id : 255;
	t->tr_addr = a;
	t->tr_val = val;
	t->tr_aux = aux;
	t->tr_pc = pc;
	if (det_dm->dm_current != NULL && det_cur != NULL)
		who = det_dm->dm_current();
	snprintf(t->tr_who, sizeof t->tr_who, "%s", who != NULL ? who : "");
}

void
det_note(const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!det_tracing || text == NULL || ntext + 256 > NTEXT)
		return;
	va_start(ap, fmt);
	n = vsnprintf(text + ntext, 256, fmt, ap);
	va_end(ap);
	trace(TR_NOTE, ntext, 0, 0, 0);
	ntext += (unsigned)(n < 256 ? n : 255) + 1;
}

static const char *
order_name(unsigned order)
{
	static const char *const names[] = {"relaxed", "consume", "acquire",
	    "release", "acq_rel", "seq_cst"};

	return names[(order & 0xff) < 6 ? order & 0xff : 5];
}

static void
describe(const struct step *t, char *buf, size_t len)
{
	char obj[96];
	unsigned long long val = t->tr_val;
	const char *o = order_name(t->tr_aux);

	sym_name(t->tr_addr, obj, sizeof obj);
	switch ((enum trace_kind)t->tr_kind) {
	case TR_LOAD:
		snprintf(buf, len, "load    %s = %#llx  %s%s", obj, val, o,
		    t->tr_aux >> 8 != 0 ? ", stale" : "");
		break;
	case TR_STORE:
		snprintf(buf, len, "store   %s := %#llx  %s%s", obj, val, o,
		    t->tr_aux >> 8 != 0 ? ", before later ones" : "");
		break;
	case TR_RMW:
		snprintf(buf, len, "update  %s := %#llx  %s%s", obj, val, o,
		    t->tr_aux >> 8 != 0 ? ", before later ones" : "");
		break;
	case TR_CAS:
		snprintf(buf, len, "swap    %s := %#llx  %s%s", obj, val, o,
		    t->tr_aux >> 8 != 0 ? ", before later ones" : "");
		break;
	case TR_CASFAIL:
		snprintf(buf, len, "no swap %s = %#llx  %s%s", obj, val, o,
		    t->tr_aux >> 8 != 0 ? ", stale" : "");
		break;
	case TR_FENCE:
		snprintf(buf, len, "fence   %s", o);
		break;
	case TR_RELAX:
		snprintf(buf, len, "spins%s",
		    val != 0 ? "; what it read is out of date" : "");
		break;
	case TR_IDLE:
		snprintf(buf, len, "idles");
		break;
	case TR_RAISE:
		snprintf(buf, len, "raises line %llu at cpu%u", val,
		    (unsigned)t->tr_addr);
		break;
	case TR_IRQ:
		snprintf(buf, len, "interrupt, line %llu", val);
		break;
	case TR_IRQEND:
		snprintf(buf, len, "end of interrupt, line %llu", val);
		break;
	case TR_POINT:
		snprintf(buf, len, "%s", (const char *)t->tr_addr);
		break;
	case TR_CHOICE:
		snprintf(buf, len, "choice  %s: %llu of %u",
		    (const char *)t->tr_addr, val, t->tr_aux);
		break;
	case TR_NOTE:
		snprintf(buf, len, "%s", text + t->tr_addr);
		break;
	case TR_FAIL:
		snprintf(buf, len, "FAILED  %s", det_dr->dr_msg);
		break;
	}
}

void
det_trace_print(void)
{
	char buf[320], fn[96], line[128];
	const struct step *t;
	unsigned i;
	int last = -1;

	for (i = 0; i < nsteps; i++) {
		t = &steps[i];
		if (last >= 0 && t->tr_cpu != last)
			putchar('\n');
		last = t->tr_cpu;
		describe(t, buf, sizeof buf);
		printf("%5u %*scpu%u %-10s %-58s", i,
		    t->tr_cpu < 8 ? t->tr_cpu * 2 : 0, "", t->tr_cpu, t->tr_who,
		    buf);
		if (t->tr_pc != 0)
			printf(" %s %s", sym_name(t->tr_pc, fn, sizeof fn),
			    sym_line(t->tr_pc, line, sizeof line));
		putchar('\n');
	}
}

void
det_trace_each(void (*fn)(void *arg, const struct det_traced *t), void *arg)
{
	char what[320], sym[96], line[128], where[256], object[96];
	struct det_traced d = {0};
	const struct step *t;
	unsigned i;

	for (i = 0; i < nsteps; i++) {
		t = &steps[i];
		describe(t, what, sizeof what);
		where[0] = object[0] = '\0';
		if (t->tr_pc != 0)
			snprintf(where, sizeof where, "%s %s",
			    sym_name(t->tr_pc, sym, sizeof sym),
			    sym_line(t->tr_pc, line, sizeof line));
		if (t->tr_kind <= TR_CASFAIL)
			(void)sym_name(t->tr_addr, object, sizeof object);
		d.dt_cpu = t->tr_cpu;
		d.dt_irq = t->tr_kind == TR_IRQ || t->tr_kind == TR_IRQEND;
		d.dt_who = t->tr_who;
		d.dt_what = what;
		d.dt_where = where;
		d.dt_object = object;
		fn(arg, &d);
	}
}
