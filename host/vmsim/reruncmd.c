/*
 * reruncmd.c (vmsim): `vmsim run` of a record: reading it, a run under each
 * exit policy in a child process, and what they cost side by side.
 *
 * Costs are steps of the machine's CPUs (switch points and atomic accesses),
 * which are the same in every run; "real" is the CPU that made most of them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rerun.h"
#include "sim.h"

#include <base/cpu.h>

#include "vmsim.h"

#define NPHASES  8
#define MAXEXIT  8192
#define MAXSTEPS 4000000000ull

static const char scenario[] = "faults\n"
			       "program main\n"
			       "	ready 1\n"
			       "	rerun\n"
			       "	end\n"
			       "program image\n"
			       "	rerun\n";

/* Of a run, in memory shared with its child. */
struct outcome {
	struct rerun oc_rerun;
	uint64_t oc_points;
	bool oc_failed;
	char oc_msg[256];
	uint64_t oc_phase[NPHASES];
	const char *oc_phasename[NPHASES];
	unsigned oc_nphase, oc_nexit;
	struct {
		uint64_t pages, points;
	} oc_exit[MAXEXIT];
};
static struct outcome *outcome; /* [0] the reaper, [1] purge */
static struct outcome *running;

/*
 * Reading.
 */
static const char *file;
static unsigned lineno;

static __attribute__((noreturn)) void
broken(const char *what)
{
	fail("%s:%u: %s", file, lineno, what);
}

static uint64_t
num(char **p)
{
	char *end;
	uint64_t v;

	v = (uint64_t)strtoll(*p, &end, 0);
	if (errno == ERANGE)
		v = strtoull(*p, &end, 0);
	if (end == *p)
		broken("a number is missing");
	*p = end;
	return v;
}

static void *
grow(void *p, unsigned n, size_t size)
{
	if ((n & (n - 1)) != 0)
		return p;
	p = realloc(p, (n == 0 ? 1u : 2u * n) * size);
	if (p == NULL)
		abort();
	return p;
}

static void
process_begin(uint64_t n)
{
	if (n != rerun.rr_nproc)
		broken("processes are numbered in order");
	rerun.rr_proc =
	    grow(rerun.rr_proc, rerun.rr_nproc, sizeof *rerun.rr_proc);
	memset(&rerun.rr_proc[n], 0, sizeof rerun.rr_proc[n]);
	rerun.rr_proc[n].pr_first = rerun.rr_nevent;
	rerun.rr_nproc++;
}

static const struct {
	const char *name;
	enum event_code code;
	unsigned narg;
} words[] = {{"touch", EV_TOUCH, 1}, {"map", EV_MAP, 2}, {"unmap", EV_UNMAP, 2},
    {"protect", EV_PROTECT, 2}, {"advise", EV_ADVISE, 3},
    {"remap", EV_REMAP, 4}, {"fork", EV_FORK, 1}, {"exec", EV_EXEC, 0},
    {"wait", EV_WAIT, 1}, {"exit", EV_EXIT, 1}};

static unsigned
fork_how(const char *p)
{
	static const char *const hows[] = {"", "vfork", "share", "thread"};
	unsigned i;

	p += strspn(p, " ");
	for (i = 1; i < 4; i++)
		if (strncmp(p, hows[i], strlen(hows[i])) == 0)
			return i;
	return 0;
}

static void
event(const char *word, char *p)
{
	struct event *ev;
	size_t i;
	unsigned k;

	for (i = 0; strcmp(word, words[i].name) != 0;)
		if (++i == sizeof words / sizeof words[0])
			broken("what is that?");
	if (rerun.rr_nproc == 0)
		broken("of which process?");
	rerun.rr_event =
	    grow(rerun.rr_event, rerun.rr_nevent, sizeof *rerun.rr_event);
	ev = &rerun.rr_event[rerun.rr_nevent++];
	memset(ev, 0, sizeof *ev);
	rerun.rr_proc[rerun.rr_nproc - 1].pr_n++;
	ev->ev_code = words[i].code;
	for (k = 0; k < words[i].narg; k++)
		ev->ev_arg[k] = num(&p);
	if (ev->ev_code == EV_MAP || ev->ev_code == EV_PROTECT)
		ev->ev_prot = (uint8_t)num(&p);
	if (ev->ev_code == EV_MAP) {
		p += strspn(p, " ");
		ev->ev_shared = *p++ == 's';
		ev->ev_file = (int32_t)num(&p);
		ev->ev_arg[2] = num(&p);
	} else if (ev->ev_code == EV_TOUCH)
		ev->ev_how = strchr(p, 'w') != NULL;
	else if (ev->ev_code == EV_FORK)
		ev->ev_how = (uint8_t)fork_how(p);
}

static void
line(char *text)
{
	char word[16], *p;
	int n = 0;

	lineno++;
	if (sscanf(text, " %15s%n", word, &n) != 1 || word[0] == '#')
		return;
	p = text + n;
	if (strcmp(word, "process") == 0)
		process_begin(num(&p));
	else if (strcmp(word, "file") == 0) {
		if (num(&p) != rerun.rr_nfile)
			broken("files are numbered in order");
		rerun.rr_size =
		    grow(rerun.rr_size, rerun.rr_nfile, sizeof *rerun.rr_size);
		rerun.rr_size[rerun.rr_nfile++] = num(&p);
	} else if (strcmp(word, "linux") == 0)
		(void)sscanf(p, " forks %lu execs %lu exits %lu faults %lu",
		    &rerun.rr_lforks, &rerun.rr_lexecs, &rerun.rr_lexits,
		    &rerun.rr_lfaults);
	else if (strcmp(word, "time") == 0)
		(void)sscanf(p, "%lf %lf %lf", &rerun.rr_real, &rerun.rr_user,
		    &rerun.rr_sys);
	else
		event(word, p);
}

bool
rerun_load(const char *name)
{
	char text[512];
	unsigned i;
	FILE *f;

	f = fopen(name, "r");
	if (f == NULL)
		return false;
	if (fgets(text, sizeof text, f) == NULL ||
	    strncmp(text, "record 1", 8) != 0) {
		fclose(f);
		return false;
	}
	file = name;
	lineno = 1;
	while (fgets(text, sizeof text, f) != NULL)
		line(text);
	fclose(f);
	for (i = 0; i < rerun.rr_nevent; i++)
		if ((rerun.rr_event[i].ev_code == EV_FORK ||
			rerun.rr_event[i].ev_code == EV_WAIT) &&
		    rerun.rr_event[i].ev_arg[0] >= rerun.rr_nproc)
			fail("%s: no process %lu", name,
			    rerun.rr_event[i].ev_arg[0]);
	for (i = 0; i < rerun.rr_nevent; i++)
		if (rerun.rr_event[i].ev_code == EV_FORK &&
		    rerun.rr_event[i].ev_how == 3)
			rerun.rr_proc[rerun.rr_event[i].ev_arg[0]].pr_thread =
			    true;
	rerun.rr_object = calloc(rerun.rr_nfile + 1, sizeof *rerun.rr_object);
	if (rerun.rr_object == NULL)
		abort();
	if (rerun.rr_nproc == 0)
		fail("%s: no process", name);
	return true;
}

/*
 * A run.
 */
static void
on_exit_cost(uint64_t pages, const char *const *names, const uint64_t *points,
    unsigned n)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < n && i < NPHASES; i++) {
		running->oc_phase[i] += points[i];
		running->oc_phasename[i] = names[i];
		sum += points[i];
	}
	running->oc_nphase = i;
	if (running->oc_nexit < MAXEXIT) {
		running->oc_exit[running->oc_nexit].pages = pages;
		running->oc_exit[running->oc_nexit++].points = sum;
	}
}

static void
progress(uint64_t execs, uint64_t steps)
{
	(void)execs;
	(void)steps;
}

static __attribute__((noreturn)) void
child(struct outcome *oc, bool reaper)
{
	struct det_machine dm;
	struct det_config dc;
	struct det_result r;

	if (!script_parse(scenario, file))
		exit(2);
	script.sc_reaper = reaper;
	script.sc_swflags = opt.swflags;
	script.sc_ncpu = opt.cpus != 0 ? opt.cpus : 2;
	script.sc_ram = 160;
	sim_catch_faults = true;
	running = oc;
	sim_exit_hook = on_exit_cost;
	dm = machine();
	dc = config();
	dc.dc_strategy = DET_RANDOM;
	dc.dc_seed = opt.seed;
	dc.dc_maxexecs = 1;
	dc.dc_maxsteps = MAXSTEPS;
	dc.dc_minimize = false;
	dc.dc_norace = true;
	dc.dc_events = 0;
	dc.dc_progress = progress;
	det_run(&dm, &dc, &r);
	oc->oc_rerun = rerun;
	oc->oc_points = r.dr_steps + r.dr_local;
	oc->oc_failed = r.dr_failed;
	snprintf(oc->oc_msg, sizeof oc->oc_msg, "%s", r.dr_msg);
	exit(0);
}

static bool
one(struct outcome *oc, bool reaper)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		fail("fork: %s", strerror(errno));
	if (pid == 0)
		child(oc, reaper);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		fail("the machine's process died (status %#x)", status);
	if (oc->oc_failed)
		printf("%s, %s: FAILED: %s\n", file,
		    reaper ? "reaper" : "purge", oc->oc_msg);
	return !oc->oc_failed;
}

/*
 * Side by side.
 */
static void
row(const char *name, const char *theirs, uint64_t before, uint64_t after)
{
	printf("%-28s %12s", name, theirs);
	if (before != UINT64_MAX)
		printf(" %12llu", (unsigned long long)before);
	if (after != UINT64_MAX)
		printf(" %12llu", (unsigned long long)after);
	if (before != UINT64_MAX && after != UINT64_MAX && before != 0)
		printf(" %+8.1f%%",
		    100.0 * ((double)after - (double)before) / (double)before);
	putchar('\n');
}

static uint64_t
of(unsigned which, uint64_t v)
{
	return outcome[which].oc_rerun.rr_nproc != 0 ? v : UINT64_MAX;
}
#define ROW(name, theirs, field)                                               \
	row(name, theirs, of(0, outcome[0].oc_rerun.field),                    \
	    of(1, outcome[1].oc_rerun.field))

static uint64_t
busiest(const struct outcome *oc)
{
	uint64_t most = 0;
	unsigned i;

	for (i = 0; i < DET_MAXCPU; i++)
		if (oc->oc_rerun.rr_points[i] > most)
			most = oc->oc_rerun.rr_points[i];
	return most;
}

static uint64_t
user(const struct outcome *oc)
{
	return oc->oc_rerun.rr_touches + oc->oc_rerun.rr_count[COUNT_SYSCALL];
}

static uint64_t
exits_cost(const struct outcome *oc)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < oc->oc_nphase; i++)
		sum += oc->oc_phase[i];
	return sum;
}

static const char *
text(uint64_t v)
{
	static char buf[4][24];
	static unsigned k;

	k = (k + 1) % 4;
	snprintf(buf[k], sizeof buf[k], "%llu", (unsigned long long)v);
	return buf[k];
}

static const char *
secs(double s)
{
	static char buf[4][24];
	static unsigned k;

	k = (k + 1) % 4;
	snprintf(buf[k], sizeof buf[k], "%.2f s", s);
	return buf[k];
}

static void
table(void)
{
	printf("%-28s %12s", script.sc_name[0] != '\0' ? script.sc_name : file,
	    "Linux");
	if (of(0, 0) != UINT64_MAX)
		printf(" %12s", "reaper");
	if (of(1, 0) != UINT64_MAX)
		printf(" %12s", "purge");
	putchar('\n');
	ROW("forks", text(rerun.rr_lforks), rr_forks);
	ROW("execs", text(rerun.rr_lexecs), rr_execs);
	ROW("exits", text(rerun.rr_lexits), rr_exits);
	ROW("page faults", text(rerun.rr_lfaults), rr_count[COUNT_FAULT]);
	row("real  (busiest CPU, steps)", secs(rerun.rr_real),
	    of(0, busiest(&outcome[0])), of(1, busiest(&outcome[1])));
	row("user  (accesses and calls)", secs(rerun.rr_user),
	    of(0, user(&outcome[0])), of(1, user(&outcome[1])));
	row("sys   (all CPUs, steps)", secs(rerun.rr_sys),
	    of(0, outcome[0].oc_points), of(1, outcome[1].oc_points));
	row("  of them exits", "", of(0, exits_cost(&outcome[0])),
	    of(1, exits_cost(&outcome[1])));
	ROW("pages at exit", "", rr_count[COUNT_PURGE_LEAF]);
	ROW("table pages at exit", "", rr_count[COUNT_PURGE_TABLE]);
	ROW("TLB flushes of a page", "", rr_count[COUNT_TLB_FLUSH_PAGE]);
	ROW("TLB flushes of everything", "", rr_count[COUNT_TLB_FLUSH_ALL]);
	ROW("shootdown interrupts", "", rr_count[COUNT_TLB_IPI]);
	ROW("root loads", "", rr_count[COUNT_ROOT_LOAD]);
	ROW("switches", "", rr_count[COUNT_SWITCH]);
}

/* Every page fault more or less has a reason. */
static void
faults(const struct rerun *rr)
{
	uint64_t mine = rr->rr_touches - rr->rr_ahead + rr->rr_again;

	printf("page faults: %llu on Linux, %llu here\n"
	       "  %6lld not touched: the kernel's own pages (vdso), and what "
	       "exec did itself\n"
	       "  %6lld found mapped: neighbours of a fault, or by exec\n"
	       "  %6lld needed a second fault: read, then written\n"
	       "  %6lld by the kernel for its own copies to and from user "
	       "memory\n",
	    (unsigned long long)rr->rr_lfaults,
	    (unsigned long long)rr->rr_count[COUNT_FAULT],
	    (long long)rr->rr_touches - (long long)rr->rr_lfaults,
	    -(long long)rr->rr_ahead, (long long)rr->rr_again,
	    (long long)(rr->rr_count[COUNT_FAULT] - mine));
	if (rr->rr_refused != 0)
		printf("  (%llu operations of the record could not be done)\n",
		    (unsigned long long)rr->rr_refused);
}

/*
 * Pictures.
 */
#define WIDTH  640.0
#define HEIGHT 360.0
#define MARGIN 60.0

static void
dots(FILE *f, const struct outcome *oc, const char *colour, double maxx,
    double maxy)
{
	unsigned i;

	for (i = 0; i < oc->oc_nexit; i++)
		fprintf(f,
		    "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\" "
		    "fill-opacity=\"0.6\"/>\n",
		    MARGIN + (double)oc->oc_exit[i].pages / maxx *
				 (WIDTH - 2 * MARGIN),
		    HEIGHT - MARGIN -
			(double)oc->oc_exit[i].points / maxy *
			    (HEIGHT - 2 * MARGIN),
		    colour);
}

static void
svg(const char *name)
{
	double maxx = 1, maxy = 1;
	FILE *f = out_open(name);
	unsigned i, k;

	for (k = 0; k < 2; k++)
		for (i = 0; i < outcome[k].oc_nexit; i++) {
			if ((double)outcome[k].oc_exit[i].pages > maxx)
				maxx = (double)outcome[k].oc_exit[i].pages;
			if ((double)outcome[k].oc_exit[i].points > maxy)
				maxy = (double)outcome[k].oc_exit[i].points;
		}
	fprintf(f,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
	    "height=\"%.0f\" font-family=\"sans-serif\" font-size=\"12\">\n"
	    "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
	    "<path d=\"M%.0f %.0fV%.0fH%.0f\" fill=\"none\" "
	    "stroke=\"black\"/>\n"
	    "<text x=\"%.0f\" y=\"24\" font-size=\"14\">Exits of %s: steps "
	    "against resident pages</text>\n"
	    "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">%.0f "
	    "pages</text>\n"
	    "<text x=\"8\" y=\"%.0f\">%.0f steps</text>\n"
	    "<circle cx=\"%.0f\" cy=\"44\" r=\"4\" fill=\"#c33\"/>"
	    "<text x=\"%.0f\" y=\"48\">reaper</text>\n"
	    "<circle cx=\"%.0f\" cy=\"44\" r=\"4\" fill=\"#27b\"/>"
	    "<text x=\"%.0f\" y=\"48\">purge</text>\n",
	    WIDTH, HEIGHT, MARGIN, MARGIN, HEIGHT - MARGIN, WIDTH - MARGIN,
	    MARGIN, file, WIDTH - MARGIN, HEIGHT - MARGIN + 20, maxx,
	    MARGIN - 4, maxy, MARGIN + 100, MARGIN + 110, MARGIN + 180,
	    MARGIN + 190);
	dots(f, &outcome[0], "#c33", maxx, maxy);
	dots(f, &outcome[1], "#27b", maxx, maxy);
	fputs("</svg>\n", f);
	out_close(f, name);
}

static void
folded(const char *name)
{
	static const char *const policies[2] = {"reaper", "purge"};
	const struct outcome *oc;
	FILE *f = out_open(name);
	unsigned i, k;

	for (k = 0; k < 2; k++) {
		oc = &outcome[k];
		for (i = 0; i < oc->oc_nphase; i++)
			if (oc->oc_phase[i] != 0)
				fprintf(f, "%s;exit;%s %llu\n", policies[k],
				    oc->oc_phasename[i],
				    (unsigned long long)oc->oc_phase[i]);
		if (oc->oc_points != 0)
			fprintf(f, "%s;life %llu\n", policies[k],
			    (unsigned long long)(oc->oc_points -
						 exits_cost(oc)));
	}
	out_close(f, name);
}

int
cmd_rerun(void)
{
	const struct rerun *rr;
	bool good = true;

	outcome = mmap(NULL, 2 * sizeof *outcome, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (outcome == MAP_FAILED)
		fail("no memory");
	if (!opt.policy_set || opt.reaper)
		good = one(&outcome[0], true);
	if (good && (!opt.policy_set || !opt.reaper))
		good = one(&outcome[1], false);
	if (!good)
		return 1;
	table();
	rr = &outcome[of(1, 0) != UINT64_MAX ? 1 : 0].oc_rerun;
	faults(rr);
	if (opt.svg != NULL)
		svg(opt.svg);
	if (opt.folded != NULL)
		folded(opt.folded);
	if (rr->rr_forks != rr->rr_lforks || rr->rr_execs != rr->rr_lexecs ||
	    rr->rr_exits != rr->rr_lexits) {
		printf("forks, execs or exits differ\n");
		return 1;
	}
	return 0;
}
