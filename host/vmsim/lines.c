/*
 * lines.c (vmsim): cache lines that CPUs share.
 *
 * Two operations that commute can run in parallel on coherent hardware if
 * neither writes a line that the other touches.  That is a property of the
 * code, and one host thread can check it (A. Clements and others, The scalable
 * commutativity rule, SOSP 2013): each CPU does its operation between "watch
 * 1" and "watch 0", one after the other.
 *
 * A transfer is an access for which hardware would fetch a line from another
 * CPU's cache: a read of what another wrote last, a write of what others have.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/cpu.h>

#include "sim.h"
#include "vmsim.h"

#define LINE_SHIFT 6
#define NLINE_LOG  18
#define NLINE      (1u << NLINE_LOG)

struct cacheline {
	uintptr_t l_line; /* 0: a free slot */
	uint64_t l_writers, l_users;
	uint64_t l_have;       /* CPUs whose cache has it */
	bool l_dirty;          /* only one has, and it wrote */
	uint8_t l_cpu[2];      /* who wrote and who touched it first */
	uint32_t l_pc[2];      /* and where; the second is another CPU */
	uint32_t l_otherwrite; /* where another CPU wrote it */
	uintptr_t l_addr;      /* what was written */
};
static struct cacheline *lines;
static uint64_t watching, transfers, nwatch, messages;

static uint64_t
count_messages(void)
{
	uint64_t sum = 0;
	u_int i;

	for (i = 0; i < sim_ncpu; i++)
		if (simcpus[i].sc_cpu != NULL)
			sum += simcpus[i].sc_cpu->cpu_count[COUNT_TLB_IPI];
	return sum;
}

static struct cacheline *
line_of(uintptr_t line)
{
	size_t i = line * 0x9e3779b97f4a7c15u >> (64 - NLINE_LOG), n = 0;

	for (; lines[i].l_line != 0 && lines[i].l_line != line; n++) {
		if (n == NLINE / 2)
			fail("too many lines to watch");
		i = (i + 1) % NLINE;
	}
	lines[i].l_line = line;
	return &lines[i];
}

/* The cache of one CPU, as far as others can tell. */
static void
fetch(struct cacheline *l, uint64_t bit, bool write)
{
	if ((l->l_have & ~bit) != 0 &&
	    (write || ((l->l_have & bit) == 0 && l->l_dirty)))
		transfers++;
	if (write)
		l->l_have = bit;
	else
		l->l_have |= bit;
	l->l_dirty = write || (l->l_dirty && l->l_have == bit);
}

static void
access_noted(struct cacheline *l, unsigned cpu, uintptr_t a, bool write,
    uintptr_t pc)
{
	uint64_t bit = 1ull << cpu;

	if (write && l->l_writers == 0) {
		l->l_cpu[0] = (uint8_t)cpu;
		l->l_pc[0] = (uint32_t)pc;
		l->l_addr = a;
	} else if (write && (l->l_writers & bit) == 0)
		l->l_otherwrite = (uint32_t)pc;
	if (l->l_users == 0 ||
	    (l->l_users == 1ull << l->l_cpu[1] && l->l_cpu[1] == l->l_cpu[0] &&
		cpu != l->l_cpu[1])) {
		l->l_cpu[1] = (uint8_t)cpu;
		l->l_pc[1] = (uint32_t)pc;
	}
	l->l_users |= bit;
	l->l_writers |= write ? bit : 0;
}

static void
watch(unsigned cpu, uintptr_t a, size_t len, bool write, uintptr_t pc)
{
	struct cacheline *l;
	uintptr_t at;

	if ((watching & 1ull << cpu) == 0)
		return;
	for (at = a >> LINE_SHIFT; at <= (a + len - 1) >> LINE_SHIFT; at++) {
		l = line_of(at);
		fetch(l, 1ull << cpu, write);
		access_noted(l, cpu, a, write, pc);
	}
}

void
sim_watch(bool on)
{
	uint64_t bit = 1ull << curcpu()->cpu_id;

	if (on == ((watching & bit) != 0))
		return;
	nwatch += on;
	messages += on ? -count_messages() : count_messages();
	watching ^= bit;
}

void
lines_begin(void)
{
	lines = calloc(NLINE, sizeof *lines);
	if (lines == NULL)
		fail("no memory for %u lines", NLINE);
	det_watch = watch;
}

/* A name that is the same in every run: no number of a slot, no address. */
static const char *
object(uintptr_t a, char *buf, size_t len)
{
	char *p, *q;

	det_name(a, buf, len);
	p = strchr(buf, '#');
	if (p != NULL) {
		q = p + strcspn(p, "+");
		memmove(p, q, strlen(q) + 1);
	} else if ((p = strstr(buf, " page 0x")) != NULL)
		p[5] = '\0';
	for (p = buf; (p = strchr(p, ' ')) != NULL;)
		*p = '-';
	return buf;
}

static const char *
function(uintptr_t pc, char *buf, size_t len)
{
	det_name(pc, buf, len);
	buf[strcspn(buf, "+")] = '\0';
	return buf;
}

void
lines_print(void)
{
	char obj[96], w[96], u[96];
	const struct cacheline *l;
	unsigned n = 0;

	for (l = lines; l < lines + NLINE; l++) {
		if (l->l_writers == 0 || (l->l_users & (l->l_users - 1)) == 0)
			continue;
		n++;
		object(l->l_addr, obj, sizeof obj);
		function(l->l_pc[0], w, sizeof w);
		function(l->l_otherwrite != 0 ? l->l_otherwrite : l->l_pc[1], u,
		    sizeof u);
		printf("shared %s %s %s %s\n", obj, w,
		    l->l_otherwrite != 0 ? "write" : "read", u);
	}
	printf("lines %u transfers %llu messages %llu watches %llu\n", n,
	    (unsigned long long)transfers, (unsigned long long)messages,
	    (unsigned long long)nwatch);
}
