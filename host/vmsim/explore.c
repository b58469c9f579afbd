/*
 * explore.c: look for failures; replay them; put the parts of a search
 * together.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"
#include "vmsim.h"

#define DEFAULT_MAX 20000

static const char *const strategies[] = {"random", "pct", "dfs", "dpor"};
static double began, told;
static uint64_t limit;

/*
 * Replays.  NAME:FLAGS:CHOICES, flags a set of letters: w weak, e evict, s
 * software flags, r reaper, a allocations fail; a number: CPUs.
 */
static void
replay_print(const char *choices)
{
	char flags[16];

	snprintf(flags, sizeof flags, "%s%s%s%s%s%u", opt.weak ? "w" : "",
	    script.sc_evict ? "e" : "", script.sc_swflags ? "s" : "",
	    script.sc_reaper ? "r" : "", sim_failalloc ? "a" : "",
	    script.sc_ncpu);
	printf("  replay: vmsim replay %s:%s:%s%s%s\n", scenario_arg, flags,
	    choices != NULL ? choices : "",
	    strcmp(SIM_FORMAT, "amd64") != 0 ? " --format " : "",
	    strcmp(SIM_FORMAT, "amd64") != 0 ? SIM_FORMAT : "");
}

/* As explore prints them: see search.c, recordings. */
bool
choices_good(const char *s)
{
	static const char digits[] = "0123456789";
	size_t n;

	while (*s != '\0') {
		n = strspn(s, digits);
		if (n > 9)
			return false;
		s += n;
		if (*s >= 'a' && *s <= 'z')
			n = 1;
		else {
			n = *s == '.' ? strspn(s + 1, digits) + 2 : 0;
			if (n < 3 || n > 6 || s[1] == '0' || s[n - 1] != '.')
				return false;
		}
		s += n;
	}
	return true;
}

/* What arg says, or the file of that name. */
static char *
replay_line(const char *arg)
{
	char *line = NULL;
	size_t len = 0;
	ssize_t n;
	FILE *f;

	if (strchr(arg, ':') == NULL && (f = fopen(arg, "r")) != NULL) {
		n = getline(&line, &len, f);
		fclose(f);
		if (n > 0 && strchr(line, ':') != NULL) {
			line[strcspn(line, "\n")] = '\0';
			return line;
		}
		free(line);
	}
	return strdup(arg);
}

static void
flags_parse(const char *flags)
{
	const char *p = flags + strspn(flags, "wesra");
	char *end;
	u_long n = 0;

	opt.weak |= memchr(flags, 'w', (size_t)(p - flags)) != NULL;
	opt.evict |= memchr(flags, 'e', (size_t)(p - flags)) != NULL;
	opt.swflags |= memchr(flags, 's', (size_t)(p - flags)) != NULL;
	opt.reaper |= memchr(flags, 'r', (size_t)(p - flags)) != NULL;
	sim_failalloc |= memchr(flags, 'a', (size_t)(p - flags)) != NULL;
	if (*p == '\0')
		return;
	n = strtoul(p, &end, 10);
	if (end == p || *end != '\0' || n < 1 || n > DET_MAXCPU)
		fail("%s: flags are of w, e, s, r, a; then CPUs, 1 to %d",
		    flags, DET_MAXCPU);
	opt.cpus = (unsigned)n;
}

/* Load what a replay names; its choices, or NULL. */
static const char *
replay_load(const char *arg)
{
	char *line = replay_line(arg), *flags, *choices = NULL;

	flags = strchr(line, ':');
	if (flags != NULL) {
		*flags++ = '\0';
		choices = strchr(flags, ':');
		if (choices != NULL)
			*choices++ = '\0';
		if (choices != NULL && !choices_good(choices))
			fail("%s is no list of choices", choices);
		flags_parse(flags);
	}
	scenario_load(line);
	return choices;
}

static void
progress(uint64_t execs, uint64_t steps)
{
	double now = seconds();

	if (opt.quiet || now - told < 2)
		return;
	told = now;
	fprintf(stderr,
	    "%s: %llu executions in %.0f s, %.1f M points/s, limit %llu\n",
	    script.sc_name, (unsigned long long)execs, now - began,
	    (double)steps / (now - began) / 1e6, (unsigned long long)limit);
}

static void
word_write(void *arg, uintptr_t word, uint32_t how)
{
	fprintf(arg, "%lx %x\n", (u_long)word, how);
}

/* What another part, or all of them, learned. */
static void
known_read(const char *file)
{
	char buf[512];
	u_long word;
	u_int how;
	FILE *f;

	f = fopen(file, "r");
	if (f == NULL)
		fail("%s: %s", file, strerror(errno));
	if (fgets(buf, sizeof buf, f) == NULL ||
	    strncmp(buf, "vmsim-result ", 13) != 0)
		fail("%s is no result", file);
	(void)fgets(buf, sizeof buf, f);
	while (fscanf(f, "%lx %x\n", &word, &how) == 2)
		det_share_add(word, how);
	if (!feof(f))
		fail("%s is no result", file);
	fclose(f);
}

/* What has to be the same in all parts of a search. */
static unsigned long long
search_digest(const struct det_config *dc)
{
	const uint64_t words[] = {scenario_text, dc->dc_strategy, dc->dc_seed,
	    dc->dc_depth, dc->dc_bound, dc->dc_stale, dc->dc_events,
	    dc->dc_weak, dc->dc_nshard, script.sc_ncpu, script.sc_evict,
	    script.sc_swflags, script.sc_reaper, sim_failalloc};

	return digest(digest(DIGEST, words, sizeof words), SIM_FORMAT,
	    sizeof SIM_FORMAT);
}

/* For merge. */
static void
result_write(const struct det_config *dc, const struct det_result *r)
{
	FILE *f = out_open(opt.out);

	fprintf(f, "vmsim-result %s %s %llx %u %u %llu %llu %d %d %llx\n%s\n",
	    script.sc_name, strategies[dc->dc_strategy], search_digest(dc),
	    dc->dc_shard, dc->dc_nshard != 0 ? dc->dc_nshard : 1,
	    (unsigned long long)r->dr_execs, (unsigned long long)r->dr_steps,
	    r->dr_complete, r->dr_failed, (unsigned long long)r->dr_shared,
	    r->dr_failed ? r->dr_msg : "");
	det_share_each(word_write, f);
	out_close(f, opt.out);
}

static int
explore_one(const char *name)
{
	struct det_machine dm;
	struct det_config dc;
	struct det_result r;
	char bound[24] = "";
	double t, cpu;

	scenario_load(name);
	if (opt.known != NULL)
		known_read(opt.known);
	dm = machine();
	dc = config();
	if (dc.dc_maxexecs == 0)
		dc.dc_maxexecs = det_scheduler == NULL ? DEFAULT_MAX : 10;
	limit = dc.dc_maxexecs;
	dc.dc_progress = progress;
	if (dm.dm_ncpu > DET_NCLK)
		fail("%u CPUs cannot be explored, %u can", dm.dm_ncpu,
		    DET_NCLK);
	began = told = seconds();
	cpu = cpu_seconds();
	det_run(&dm, &dc, &r);
	t = seconds() - began;
	cpu = cpu_seconds() - cpu;
	if (dc.dc_strategy == DET_DFS)
		snprintf(bound, sizeof bound, "bound %u", dc.dc_bound);
	if (det_scheduler != NULL)
		printf("%s %-16s %s %8llu executions %7.3f s\n",
		    r.dr_failed ? "FAILED" : "ok    ", script.sc_name,
		    det_scheduler, (unsigned long long)r.dr_execs, t);
	else
		printf("%s %-16s %-6s %-7s %-4s %8llu executions%s %5.0f "
		       "points %7.3f s %5.2f M/s\n",
		    r.dr_failed ? "FAILED" : "ok    ", script.sc_name,
		    strategies[dc.dc_strategy], bound,
		    dc.dc_weak ? "weak" : "sc", (unsigned long long)r.dr_execs,
		    r.dr_complete ? ", all" : "",
		    (double)r.dr_steps / (double)r.dr_execs, t,
		    (double)r.dr_steps / cpu / 1e6);
	if (r.dr_failed && det_scheduler != NULL)
		printf("  %s\n  seed %llu\n", r.dr_msg,
		    (unsigned long long)(dc.dc_seed + r.dr_failexec));
	else if (r.dr_failed) {
		printf("  %s\n", r.dr_msg);
		replay_print(r.dr_replay);
	}
	if (opt.out != NULL)
		result_write(&dc, &r);
	if (opt.orders)
		det_orders_print();
	det_result_free(&r);
	return r.dr_failed;
}

static void
list(char **names, unsigned n)
{
	unsigned i;
	pid_t pid;

	for (i = 0; i < n; i++) {
		pid = fork();
		if (pid == 0) {
			scenario_load(names[i]);
			printf("%-16s %s\n", script.sc_name, script.sc_about);
			fflush(stdout);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
}

int
cmd_explore(void)
{
	char *names[MAXNAMES];
	unsigned n = 0, i, passed = 0, failed = 0;
	int status;
	pid_t pid;

	if (opt.strategy == DET_DPOR && opt.nshard > 1)
		fail("a search by dpor has no parts");
	for (; n < opt.nname; n++) {
		names[n] = strdup(opt.name[n]);
		if (strcmp(names[n], "all") == 0 && opt.nname > 1)
			fail("all are all: name no others");
	}
	if (opt.list || n == 0 || strcmp(names[0], "all") == 0)
		n = scenario_names(names, MAXNAMES);
	if (opt.list || opt.nname == 0) {
		list(names, n);
		return 0;
	}
	if (n == 1)
		return explore_one(names[0]);
	if (opt.out != NULL || opt.known != NULL)
		fail("--out and --known are for one scenario");
	for (i = 0; i < n; i++) {
		fflush(stdout);
		pid = fork();
		if (pid == 0)
			exit(explore_one(names[i]));
		waitpid(pid, &status, 0);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			passed++;
		else {
			failed++;
			if (!WIFEXITED(status))
				printf("FAILED %s: signal %d\n", names[i],
				    WTERMSIG(status));
		}
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}

/*
 * One execution.
 */
static int
one(const char *arg, bool trace, bool dump)
{
	struct det_machine dm;
	struct det_config dc;
	struct det_result r;
	const char *choices;

	choices = replay_load(arg);
	dm = machine();
	dc = config();
	dc.dc_strategy = DET_REPLAY;
	dc.dc_replay = choices;
	dc.dc_trace = trace;
	dc.dc_minimize = false;
	dc.dc_stop = opt.at;
	if (dump)
		dc.dc_atend = show_state;
	if (opt.html != NULL)
		html_begin(&dc);
	det_run(&dm, &dc, &r);
	if (opt.html != NULL)
		html_write(opt.html, &r);
	else if (trace)
		det_trace_print();
	if (r.dr_failed || (opt.at == 0 && r.dr_unmet == 0))
		printf("%s\n", r.dr_failed ? r.dr_msg : "no failure");
	if (opt.at == 0 && r.dr_unmet != 0)
		fail("of these choices %u did not come up: they are not of "
		     "this scenario, or not of this kernel any more",
		    r.dr_unmet);
	det_result_free(&r);
	return r.dr_failed;
}

/* Under gdb, stopped before the step asked for, or the first of all. */
static void
under_gdb(void)
{
	char exe[4096], stop[64], *argv[16];
	ssize_t n;
	int i = 0;

	n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	if (n < 0)
		fail("readlink: %s", strerror(errno));
	exe[n] = '\0';
	argv[i++] = strdup("gdb");
	argv[i++] = strdup("-q");
	argv[i++] = strdup("-ex");
	snprintf(stop, sizeof stop, "tbreak det_step if n == %u", opt.at);
	argv[i++] = stop;
	argv[i++] = strdup("-ex");
	argv[i++] = strdup("handle SIGSEGV nostop noprint pass");
	argv[i++] = strdup("-ex");
	argv[i++] = strdup("run");
	argv[i++] = strdup("--args");
	argv[i++] = exe;
	argv[i++] = strdup("replay");
	argv[i++] = strdup(opt.name[0]);
	argv[i] = NULL;
	execvp("gdb", argv);
	fail("gdb: %s", strerror(errno));
}

int
cmd_replay(void)
{
	if (det_scheduler != NULL)
		fail("what %s did cannot be replayed", det_scheduler);
	if (opt.nname != 1)
		fail("replay NAME:FLAGS:CHOICES, or a file with that");
	if (opt.gdb)
		under_gdb();
	return one(opt.name[0], true, false);
}

int
cmd_show(void)
{
	if (opt.nname < 1 || opt.nname > 3)
		fail("show NAME[:FLAGS:CHOICES] [VERB [WHOSE]]");
	show_verb(opt.nname > 1 ? opt.name[1] : "all",
	    opt.nname > 2 ? number_of(opt.name[1], opt.name[2]) : UINT64_MAX);
	(void)one(opt.name[0], false, true);
	if (!show_met())
		fail("%s: there is no %s", opt.name[1], opt.name[2]);
	return 0;
}

/*
 * The parts of a search.
 */
struct part {
	char name[64], strategy[16];
	unsigned shard, nshard;
	int complete, failed;
	unsigned long long search, execs, steps, shared;
	char msg[300];
};

static struct part
part_read(const char *file)
{
	struct part p = {.nshard = 0};
	FILE *f;

	f = fopen(file, "r");
	if (f == NULL)
		fail("%s: %s", file, strerror(errno));
	if (fscanf(f, "vmsim-result %63s %15s %llx %u %u %llu %llu %d %d %llx",
		p.name, p.strategy, &p.search, &p.shard, &p.nshard, &p.execs,
		&p.steps, &p.complete, &p.failed, &p.shared) != 10 ||
	    fgetc(f) != '\n' || p.nshard > MAXSHARD || p.shard >= p.nshard)
		fail("%s is no result", file);
	if (p.failed && fgets(p.msg, sizeof p.msg, f) == NULL)
		p.msg[0] = '\0';
	fclose(f);
	return p;
}

/* The words that all parts learned, as one result. */
static void
union_write(const char *file)
{
	char buf[512];
	unsigned i, n;
	FILE *out = out_open(file), *f;

	fprintf(out, "vmsim-result words\n\n");
	for (i = 0; i < opt.nname; i++) {
		f = fopen(opt.name[i], "r");
		for (n = 0; f != NULL && fgets(buf, sizeof buf, f); n++)
			if (n >= 2)
				fputs(buf, out);
		if (f != NULL)
			fclose(f);
	}
	out_close(out, file);
}

int
cmd_merge(void)
{
	struct part first = {.nshard = 0}, p;
	unsigned long long execs = 0, steps = 0;
	bool complete = true, failed = false, agree = true, again;
	const char *have[MAXSHARD] = {NULL};
	unsigned i, missing = 0;

	for (i = 0; i < opt.nname; i++) {
		p = part_read(opt.name[i]);
		if (i == 0)
			first = p;
		if (strcmp(p.name, first.name) != 0 ||
		    p.search != first.search || p.nshard != first.nshard)
			fail("%s is of another search than %s", opt.name[i],
			    opt.name[0]);
		if (have[p.shard] != NULL)
			fail("%s and %s are the same part", have[p.shard],
			    opt.name[i]);
		have[p.shard] = opt.name[i];
		agree &= p.shared == first.shared;
		complete &= p.complete != 0;
		execs += p.execs;
		steps += p.steps;
		if (p.failed) {
			failed = true;
			printf("part %u: %s", p.shard + 1, p.msg);
		}
	}
	if (opt.nname == 0)
		fail("merge FILE...");
	for (i = 0; i < first.nshard; i++)
		missing += have[i] == NULL;
	again = !failed && missing == 0 && complete && !agree;
	printf("%s %s: %u of %u parts, %llu executions, %llu points; %s\n",
	    first.name, first.strategy, first.nshard - missing, first.nshard,
	    execs, steps,
	    failed         ? "FAILED"
	    : missing != 0 ? "parts are missing"
	    : !complete    ? "not exhausted"
	    : again ? "parts learned of different shared words: run them "
		      "again with --known FILE, which merge --out FILE writes"
		    : "exhausted, no failure");
	if (opt.out != NULL)
		union_write(opt.out);
	return failed || missing != 0 || again;
}
