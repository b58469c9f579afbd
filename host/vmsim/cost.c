/*
 * cost.c (vmsim): what an exit costs, from the call of exit to the switch away
 * from the thread that is dead, phase by phase.
 *
 * The phases begin and end at calls that cross files, which the linker sends
 * through here (--wrap; SIM_WRAP in host/vmsim.mk):
 *
 *	threads	  other threads are made to go, the CPU leaves the root
 *	files	  the last thread is off the space: descriptors
 *	detach	  no CPU has the root loaded any more
 *	pages	  entries, pages and tables go
 *	space	  the structures go, unless somebody still looks at them
 *	zombie	  what waits and what wants to know
 *
 * With the reaper, the last four are another thread's.  The kernel's own
 * counters are sums over all CPUs: with several exits at once each sees the
 * others' events, too.
 */
#include <stdio.h>
#include <string.h>

#include <base/cpu.h>
#include <base/thread.h>
#include <kern/proc.h>
#include <pmap/pmap.h>
#include <uvm/uvm.h>

#include "sim.h"

#define NEXIT 128

bool sim_costs;
void (*sim_exit_hook)(uint64_t pages, const char *const *phases,
    const uint64_t *points, u_int n);

static const struct {
	enum count c;
	const char *name;
} columns[] = {{COUNT_PURGE_LEAF, "pages"}, {COUNT_PURGE_TABLE, "tables"},
    {COUNT_PURGE_LINE, "lines"}, {COUNT_TLB_FLUSH_PAGE, "flush1"},
    {COUNT_TLB_FLUSH_ALL, "flushall"}, {COUNT_TLB_IPI, "ipis"},
    {COUNT_PURGE_KICK, "kicks"}, {COUNT_ROOT_LOAD, "roots"}};
#define NCOLUMN (sizeof columns / sizeof columns[0])

enum phase { PH_THREADS, PH_FILES, PH_DETACH, PH_PAGES, PH_SPACE, PH_ZOMBIE };
#define NPHASE 6
static const char *const phases[NPHASE] = {"threads", "files", "detach",
    "pages", "space", "zombie"};

/* What was spent: points, then the columns. */
struct cost {
	uint64_t co_points;
	uint64_t co_count[NCOLUMN];
};

/* Exits under way. */
struct exit {
	bool ex_used;
	const struct thread *ex_thread; /* NULL: gone, the reaper goes on */
	const struct thread *ex_worker; /* who is at it */
	const struct vmspace *ex_vm;    /* NULL: has none any more */
	pid_t ex_pid;
	enum phase ex_phase;
	struct cost ex_mark; /* when the phase began */
	struct cost ex_cost[NPHASE];
};
static struct exit exits[NEXIT];

bool __real_uvmspace_leave(struct vmspace *vm);
void __real_uvmspace_purge(struct vmspace *vm);
void __real_uvmspace_free(struct vmspace *vm);
void __real_pmap_purge(struct pmap *pm);
bool __wrap_uvmspace_leave(struct vmspace *vm);
void __wrap_uvmspace_purge(struct vmspace *vm);
void __wrap_uvmspace_free(struct vmspace *vm);
void __wrap_pmap_purge(struct pmap *pm);

static bool
wanted(void)
{
	return sim_costs || sim_exit_hook != NULL || script.sc_exitmax != 0;
}

static void
cost_now(struct cost *co)
{
	u_int i, k;

	memset(co, 0, sizeof *co);
	co->co_points = det_points();
	for (i = 0; i < sim_ncpu; i++)
		for (k = 0; k < NCOLUMN; k++)
			co->co_count[k] +=
			    simcpus[i].sc_cpu->cpu_count[columns[k].c];
}

static void
cost_add(struct cost *to, const struct cost *a, const struct cost *minus)
{
	u_int k;

	to->co_points += a->co_points - minus->co_points;
	for (k = 0; k < NCOLUMN; k++)
		to->co_count[k] += a->co_count[k] - minus->co_count[k];
}

/* What was spent since the last call belongs to the phase that was. */
static void
phase(struct exit *ex, enum phase next)
{
	struct cost now;

	if (ex == NULL)
		return;
	cost_now(&now);
	cost_add(&ex->ex_cost[ex->ex_phase], &now, &ex->ex_mark);
	ex->ex_mark = now;
	ex->ex_phase = next;
	ex->ex_worker = curthread();
}

const char *
sim_exit_phase(void)
{
	const struct thread *td = sim_self()->sc_thread;
	const struct exit *ex;

	for (ex = exits; ex < exits + NEXIT; ex++)
		if (ex->ex_used && ex->ex_worker == td)
			return phases[ex->ex_phase];
	return NULL;
}

static struct exit *
exit_of(const struct vmspace *vm, const struct pmap *pm)
{
	struct exit *ex;

	for (ex = exits; wanted() && ex < exits + NEXIT; ex++)
		if (ex->ex_used && ex->ex_vm != NULL &&
		    (ex->ex_vm == vm || ex->ex_vm->vm_map.vm_pmap == pm))
			return ex;
	return NULL;
}

void
sim_exit_begins(const struct thread *td, pid_t pid)
{
	struct exit *ex;

	for (ex = exits; wanted() && ex < exits + NEXIT; ex++) {
		if (ex->ex_used)
			continue;
		memset(ex, 0, sizeof *ex);
		ex->ex_used = true;
		ex->ex_thread = ex->ex_worker = td;
		ex->ex_vm = curproc()->ps_vmspace;
		ex->ex_pid = pid;
		cost_now(&ex->ex_mark);
		return;
	}
}

static void
print_row(const char *name, const struct cost *co)
{
	u_int k;

	printf("  %-8s %8llu", name, (unsigned long long)co->co_points);
	for (k = 0; k < NCOLUMN; k++)
		printf(" %8llu", (unsigned long long)co->co_count[k]);
	putchar('\n');
}

static void
print(const struct exit *ex, const struct cost *sum)
{
	static const struct cost none;
	u_int i;

	printf("exit of %-3d %8s", (int)ex->ex_pid, "points");
	for (i = 0; i < NCOLUMN; i++)
		printf(" %8s", columns[i].name);
	putchar('\n');
	for (i = 0; i < NPHASE; i++)
		if (memcmp(&ex->ex_cost[i], &none, sizeof none) != 0)
			print_row(phases[i], &ex->ex_cost[i]);
	print_row("total", sum);
}

static void
tell(const struct exit *ex)
{
	uint64_t points[NPHASE], pages = 0;
	u_int i;

	for (i = 0; i < NPHASE; i++) {
		points[i] = ex->ex_cost[i].co_points;
		pages += ex->ex_cost[i].co_count[0];
	}
	sim_exit_hook(pages, phases, points, NPHASE);
}

static void
exit_over(struct exit *ex)
{
	static const struct cost none;
	struct cost sum = none;
	u_int i;

	phase(ex, PH_ZOMBIE);
	for (i = 0; i < NPHASE; i++)
		cost_add(&sum, &ex->ex_cost[i], &none);
	ex->ex_used = false;
	if (sim_exit_hook != NULL)
		tell(ex);
	if (sim_costs)
		print(ex, &sum);
	if (script.sc_exitmax != 0 && sum.co_points > script.sc_exitmax)
		det_fail("the exit of %d took %llu points, of %u allowed",
		    (int)ex->ex_pid, (unsigned long long)sum.co_points,
		    script.sc_exitmax);
}

/* A program that is to touch what it must not says so: "faults". */
static void
check_death(const struct thread *td)
{
	const struct lwp *l = container_of(td, const struct lwp, l_thread);
	int sig = l->l_proc->ps_wstatus & 0x7f;

	if ((sig == SIGSEGV || sig == SIGBUS) && !script.sc_faults &&
	    !sim_alloc_failed())
		det_fail("%s died of signal %d", td->td_name, sig);
}

void
sim_exit_ends(const struct thread *td)
{
	struct exit *ex;

	check_death(td);
	for (ex = exits; ex < exits + NEXIT; ex++) {
		if (!ex->ex_used || ex->ex_thread != td)
			continue;
		if (ex->ex_phase == PH_FILES && script.sc_reaper)
			ex->ex_thread = ex->ex_worker = NULL;
		else
			exit_over(ex);
		return;
	}
}

void
sim_exit_reaped(void)
{
	struct exit *ex;

	for (ex = exits; ex < exits + NEXIT; ex++)
		if (ex->ex_used && ex->ex_thread == NULL &&
		    ex->ex_phase == PH_ZOMBIE) {
			exit_over(ex);
			return;
		}
}

/*
 * Where phases meet.
 */
bool
__wrap_uvmspace_leave(struct vmspace *vm)
{
	struct exit *ex = exit_of(vm, NULL);
	bool last;

	last = __real_uvmspace_leave(vm);
	if (ex != NULL && ex->ex_phase == PH_THREADS)
		phase(ex, PH_FILES);
	return last;
}

void
__wrap_uvmspace_purge(struct vmspace *vm)
{
	struct exit *ex = exit_of(vm, NULL);

	phase(ex, PH_PAGES);
	__real_uvmspace_purge(vm);
	phase(ex, PH_SPACE);
}

void
__wrap_pmap_purge(struct pmap *pm)
{
	struct exit *ex = exit_of(NULL, pm);

	phase(ex, PH_DETACH);
	__real_pmap_purge(pm);
	phase(ex, PH_PAGES);
}

void
__wrap_uvmspace_free(struct vmspace *vm)
{
	struct exit *ex = exit_of(vm, NULL);
	bool ours;

	/* Of others who look into the space there may be several. */
	ours = ex != NULL &&
	       (ex->ex_phase == PH_SPACE ||
		   (ex->ex_phase == PH_FILES && ex->ex_thread == curthread()));
	__real_uvmspace_free(vm);
	if (ours) {
		phase(ex, PH_ZOMBIE);
		ex->ex_vm = NULL;
	}
}
