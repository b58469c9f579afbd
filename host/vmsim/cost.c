/*
 * cost.c (vmsim): what an exit costs, from the call of exit to the switch away
 * from the thread that is dead.
 *
 * The kernel's own counters are sums over all CPUs: with several exits at
 * once each sees the others' events, too.  Memory accesses are counted by
 * the engine, plain ones by the word and per CPU.
 */
#include <stdio.h>
#include <string.h>

#include <base/cpu.h>
#include <base/thread.h>
#include <kern/proc.h>
#include <pmap/pmap.h>

#include "sim.h"

#define NEXIT 128

bool sim_costs;

static const struct {
	enum count c;
	const char *name;
} columns[] = {{COUNT_PURGE_LEAF, "pages"}, {COUNT_PURGE_TABLE, "tables"},
    {COUNT_PURGE_LINE, "lines"}, {COUNT_TLB_FLUSH_PAGE, "flush1"},
    {COUNT_TLB_FLUSH_ALL, "flushall"}, {COUNT_TLB_IPI, "ipis"},
    {COUNT_PURGE_KICK, "kicks"}, {COUNT_ROOT_LOAD, "roots"}};
#define NCOLUMN (sizeof columns / sizeof columns[0])

/* Exits under way. */
static struct {
	const struct thread *ex_thread;
	pid_t ex_pid;
	uint64_t ex_points;
	uint64_t ex_count[NCOLUMN];
} exits[NEXIT];

static uint64_t
count(enum count c)
{
	uint64_t sum = 0;
	u_int i;

	for (i = 0; i < sim_ncpu; i++)
		sum += simcpus[i].sc_cpu->cpu_count[c];
	return sum;
}

void
sim_exit_begins(const struct thread *td, pid_t pid)
{
	u_int i, k;

	if (!sim_costs && script.sc_exitmax == 0)
		return;
	for (i = 0; i < NEXIT; i++) {
		if (exits[i].ex_thread != NULL)
			continue;
		exits[i].ex_thread = td;
		exits[i].ex_pid = pid;
		exits[i].ex_points = det_points();
		for (k = 0; k < NCOLUMN; k++)
			exits[i].ex_count[k] = count(columns[k].c);
		return;
	}
}

static void
print(u_int i, uint64_t points)
{
	static bool head;
	u_int k;

	if (!head) {
		printf("%6s %8s", "exit", "points");
		for (k = 0; k < NCOLUMN; k++)
			printf(" %8s", columns[k].name);
		putchar('\n');
	}
	head = true;
	printf("%6d %8llu", (int)exits[i].ex_pid, (unsigned long long)points);
	for (k = 0; k < NCOLUMN; k++)
		printf(" %8llu",
		    (unsigned long long)(count(columns[k].c) -
					 exits[i].ex_count[k]));
	putchar('\n');
}

/* A program that is to touch what it must not says so: "faults". */
static void
check_death(const struct thread *td)
{
	const struct lwp *l = container_of(td, const struct lwp, l_thread);
	int sig = l->l_proc->ps_wstatus & 0x7f;

	if ((sig == SIGSEGV || sig == SIGBUS) && !script.sc_faults)
		det_fail("%s died of signal %d", td->td_name, sig);
}

void
sim_exit_ends(const struct thread *td)
{
	uint64_t points;
	u_int i;

	check_death(td);
	for (i = 0; i < NEXIT; i++) {
		if (exits[i].ex_thread != td)
			continue;
		points = det_points() - exits[i].ex_points;
		if (sim_costs)
			print(i, points);
		exits[i].ex_thread = NULL;
		if (script.sc_exitmax != 0 && points > script.sc_exitmax)
			det_fail("the exit of %d took %llu points, of %u "
				 "allowed",
			    (int)exits[i].ex_pid, (unsigned long long)points,
			    script.sc_exitmax);
		return;
	}
}
