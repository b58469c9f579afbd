/*
 * vmsim.c: the commands.  docs/man/vmsim.1 describes them.
 *
 * A process holds one machine and explores one scenario; commands that look
 * at several fork a child for each.
 */
#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "sim.h"
#include "vmsim.h"

extern char __start_phystext[], __stop_phystext[];

static const char *const strategies[] = {"random", "pct", "dfs", "dpor"};

struct options opt = {.strategy = -1};
uint64_t scenario_text;
const char *scenario_arg;

/* What --format asks for and this program is not: a sibling is. */
static void
other_format(char **argv, const char *format)
{
	char exe[PATH_MAX], path[PATH_MAX + 64];
	ssize_t n;

	if (format == NULL || mmu_format_named(format) == NULL)
		fail("--format is amd64, arm64, arm64-16k, arm64-64k, sv39 or "
		     "sv48");
	if (strcmp(format, SIM_FORMAT) == 0)
		return;
	n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	if (n < 0)
		fail("readlink: %s", strerror(errno));
	exe[n] = '\0';
	snprintf(path, sizeof path, "%s/vmsim-%s", dirname(exe), format);
	execv(path, argv);
	fail("the machine with tables of %s is not built: %s", format, path);
}

void
fail(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "vmsim: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

static double
clock_read(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double
seconds(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

double
cpu_seconds(void)
{
	return clock_read(CLOCK_PROCESS_CPUTIME_ID);
}

/* FNV-1a. */
uint64_t
digest(uint64_t d, const void *p, size_t len)
{
	const unsigned char *s = p;

	for (; len > 0; len--)
		d = (d ^ *s++) * 0x100000001b3u;
	return d;
}

FILE *
out_open(const char *name)
{
	FILE *f;

	f = fopen(name, "w");
	if (f == NULL)
		fail("%s: %s", name, strerror(errno));
	return f;
}

void
out_close(FILE *f, const char *name)
{
	bool bad = ferror(f) != 0;

	if (fclose(f) != 0 || bad)
		fail("%s: %s", name,
		    errno != 0 ? strerror(errno) : "not written");
}

/*
 * Scenarios: files; a bare name is looked for where they are kept.
 */
const char *
scenario_dir(void)
{
	static char dir[PATH_MAX + 64];
	char exe[PATH_MAX];
	ssize_t n;
	int up;

	if (getenv("VMSIM_SCENARIOS") != NULL)
		return getenv("VMSIM_SCENARIOS");
	if (access("tests/sim", R_OK) == 0)
		return "tests/sim";
	n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	if (n < 0)
		return ".";
	exe[n] = '\0';
	for (up = 0; up < 4 && strcmp(dirname(exe), "/") != 0; up++) {
		snprintf(dir, sizeof dir, "%s/tests/sim", exe);
		if (access(dir, R_OK) == 0)
			return dir;
	}
	return ".";
}

static char *
slurp(const char *file)
{
	FILE *f;
	char *text;
	size_t n, max = 1 << 20;

	f = fopen(file, "r");
	if (f == NULL)
		return NULL;
	text = malloc(max);
	if (text == NULL)
		abort();
	n = fread(text, 1, max - 1, f);
	text[n] = '\0';
	if (ferror(f) || n == max - 1 || strlen(text) != n)
		fail("%s is not a scenario: %s", file,
		    ferror(f)      ? strerror(errno)
		    : n == max - 1 ? "too long"
				   : "not text");
	fclose(f);
	return text;
}

void
scenario_load(const char *name)
{
	char path[PATH_MAX + 64], *text, *c;
	const char *base;
	size_t n;

	snprintf(path, sizeof path, "%s", name);
	text = slurp(path);
	if (text == NULL) {
		snprintf(path, sizeof path, "%s/%s.sim", scenario_dir(), name);
		text = slurp(path);
	}
	if (text == NULL)
		fail("no scenario %s here or in %s", name, scenario_dir());
	scenario_text = digest(DIGEST, text, strlen(text));
	if (!script_parse(text, path))
		exit(2);
	free(text);
	base = strrchr(path, '/');
	base = base != NULL ? base + 1 : path;
	n = strcspn(base, ".");
	snprintf(script.sc_name, sizeof script.sc_name, "%.*s", (int)n, base);
	for (c = script.sc_name; *c != '\0'; c++)
		if (*c <= ' ')
			*c = '-';
	scenario_arg = strdup(name);
	if (opt.cpus != 0)
		script.sc_ncpu = opt.cpus;
	if (opt.reaper)
		script.sc_reaper = true;
	if (opt.evict)
		script.sc_evict = true;
	if (opt.swflags)
		script.sc_swflags = true;
	if (script.sc_ncpu == 0 || script.sc_ncpu > DET_MAXCPU)
		fail("1 to %d CPUs", DET_MAXCPU);
	if (!script_check_cpus(path))
		exit(2);
	if (script.sc_asids != 1 && script.sc_asids < script.sc_ncpu + 2)
		fail("%u CPUs need %u asids, or one", script.sc_ncpu,
		    script.sc_ncpu + 2);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

unsigned
scenario_names(char **names, unsigned max)
{
	struct dirent *d;
	unsigned n = 0;
	char *dot;
	DIR *dir;

	dir = opendir(scenario_dir());
	while (dir != NULL && n < max && (d = readdir(dir)) != NULL) {
		dot = strrchr(d->d_name, '.');
		if (dot == NULL || strcmp(dot, ".sim") != 0)
			continue;
		names[n++] = strndup(d->d_name, (size_t)(dot - d->d_name));
	}
	if (dir != NULL)
		closedir(dir);
	qsort(names, n, sizeof names[0], by_name);
	return n;
}

/* The machine of the scenario that is loaded. */
struct det_machine
machine(void)
{
	struct det_machine dm = sim_machine;

	dm.dm_ncpu = sim_ncpu = script.sc_ncpu;
	/* As many pages as a script's MiB have with pages of 4 KiB. */
	sim_ramlen = (uint64_t)script.sc_ram << (20 + PAGE_SHIFT - 12);
	det_namer(sim_namer);
	det_allocator(__start_phystext, __stop_phystext);
	return dm;
}

/* What the options say of the search; the rest is the scenario's. */
struct det_config
config(void)
{
	struct det_config dc = {.dc_strategy = DET_DFS};

	if (opt.weak && script.sc_ncpu > DET_NCLK)
		fail("weak memory is for up to %d CPUs", DET_NCLK);
	if (opt.strategy >= 0)
		dc.dc_strategy = (enum det_strategy)opt.strategy;
	dc.dc_seed = opt.seed;
	dc.dc_bound = opt.bound_set   ? opt.bound
		      : sim_failalloc ? 0
				      : script.sc_bound;
	dc.dc_stale = opt.stale_set ? opt.stale : script.sc_stale;
	dc.dc_events = opt.events != 0 ? opt.events : 1;
	dc.dc_depth = opt.depth != 0 ? opt.depth : script.sc_depth;
	dc.dc_weak = opt.weak;
	dc.dc_late = opt.weak && script.sc_late;
	dc.dc_maxexecs = opt.max;
	if (script.sc_exitmax != 0)
		dc.dc_maxsteps = 1u << 30;
	dc.dc_shard = opt.shard;
	dc.dc_nshard = opt.nshard;
	dc.dc_norace = script.sc_ncpu > DET_NCLK;
	dc.dc_minimize = true;
	return dc;
}

/*
 * Options.
 */
uint64_t
number_of(const char *name, const char *s)
{
	char *end;
	uint64_t v;

	if (s == NULL)
		fail("%s wants a number", name);
	errno = 0;
	v = strtoull(s, &end, 0);
	if (end == s || *end != '\0' || *s == '-' || errno != 0)
		fail("%s: %s is no number", name, s);
	return v;
}

static uint64_t
number_in(const char *name, const char *s, uint64_t lo, uint64_t hi)
{
	uint64_t v = number_of(name, s);

	if (v < lo || v > hi)
		fail("%s is from %llu to %llu", name, (unsigned long long)lo,
		    (unsigned long long)hi);
	return v;
}

static int
strategy_named(const char *s)
{
	int i;

	for (i = 0; s != NULL && i < 4; i++)
		if (strcmp(s, strategies[i]) == 0)
			return i;
	fail("--strategy is random, pct, dfs or dpor");
	return -1;
}

/* Whether it is the reaper. */
static bool
policy_named(const char *s)
{
	if (s == NULL || (strcmp(s, "purge") != 0 && strcmp(s, "reaper") != 0))
		fail("--policy is purge or reaper");
	return strcmp(s, "reaper") == 0;
}

static void
shard_parse(const char *s)
{
	char c;

	if (s == NULL ||
	    sscanf(s, "%u/%u%c", &opt.shard, &opt.nshard, &c) != 2 ||
	    opt.shard == 0 || opt.shard > opt.nshard || opt.nshard > MAXSHARD)
		fail("--shard is I/N, I from 1 to N, N up to %d", MAXSHARD);
	opt.shard--;
}

/* ORDER:PC,PC,...: see tools/orders. */
static void
weaken_parse(const char *s)
{
	char *end = NULL;
	long order = 0;
	u_long pc;

	if (s == NULL ||
	    (order = strtol(s, &end, 0), *end != ':' || order < 0 || order > 5))
		fail("--weaken is ORDER:PC,PC,..., ORDER 0 to 5");
	while (*end == ':' || *end == ',') {
		pc = strtoul(end + 1, &end, 0);
		if (pc == 0)
			fail("--weaken: %s: a place is missing", s);
		det_weaken(pc, (int)order);
	}
	if (*end != '\0')
		fail("--weaken: what is %s?", end);
}

/* Options with a value; false: name is none of them. */
static bool
option_value(const char *name, const char *val, char **argv)
{
	if (strcmp(name, "--strategy") == 0)
		opt.strategy = strategy_named(val);
	else if (strcmp(name, "--seed") == 0)
		opt.seed = number_of(name, val);
	else if (strcmp(name, "--bound") == 0) {
		opt.bound = (unsigned)number_in(name, val, 0, DET_UNBOUND);
		opt.bound_set = true;
	} else if (strcmp(name, "--stale") == 0) {
		opt.stale = (unsigned)number_in(name, val, 0, DET_UNBOUND);
		opt.stale_set = true;
	} else if (strcmp(name, "--depth") == 0)
		opt.depth = (unsigned)number_in(name, val, 1, 32);
	else if (strcmp(name, "--max") == 0)
		opt.max = number_of(name, val);
	else if (strcmp(name, "--at") == 0)
		opt.at = (unsigned)number_in(name, val, 1, 1u << 30);
	else if (strcmp(name, "--events") == 0)
		opt.events = (unsigned)number_in(name, val, 1, DET_UNBOUND);
	else if (strcmp(name, "--cpus") == 0)
		opt.cpus = (unsigned)number_in(name, val, 1, DET_MAXCPU);
	else if (strcmp(name, "--shard") == 0)
		shard_parse(val);
	else if (strcmp(name, "--out") == 0)
		opt.out = val;
	else if (strcmp(name, "--known") == 0)
		opt.known = val;
	else if (strcmp(name, "--weaken") == 0)
		weaken_parse(val);
	else if (strcmp(name, "--program") == 0)
		opt.program = val;
	else if (strcmp(name, "--svg") == 0)
		opt.svg = val;
	else if (strcmp(name, "--folded") == 0)
		opt.folded = val;
	else if (strcmp(name, "--html") == 0)
		opt.html = val;
	else if (strcmp(name, "--policy") == 0) {
		opt.reaper = policy_named(val);
		opt.policy_set = true;
	} else if (strcmp(name, "--format") == 0)
		other_format(argv, val);
	else
		return false;
	return true;
}

static bool
option_flag(const char *name)
{
	if (strcmp(name, "--weak") == 0)
		opt.weak = true;
	else if (strcmp(name, "--list") == 0)
		opt.list = true;
	else if (strcmp(name, "--gdb") == 0)
		opt.gdb = true;
	else if (strcmp(name, "--evict") == 0)
		opt.evict = true;
	else if (strcmp(name, "--swflags") == 0)
		opt.swflags = true;
	else if (strcmp(name, "--lines") == 0)
		opt.lines = true;
	else if (strcmp(name, "--failalloc") == 0)
		sim_failalloc = true;
	else if (strcmp(name, "--quiet") == 0)
		opt.quiet = true;
	else if (strcmp(name, "--orders") == 0) {
		det_orders();
		opt.orders = true;
	} else if (strcmp(name, "--log") == 0)
		sim_verbose = true;
	else
		return false;
	return true;
}

/* Options that one command has and others would not look at. */
static void
option_fits(const char *name, const char *command)
{
	static const struct {
		const char *name, *commands;
	} of[] = {{"--at", " replay show "}, {"--folded", " run "},
	    {"--gdb", " replay "}, {"--html", " replay "},
	    {"--known", " explore "}, {"--lines", " run "},
	    {"--list", " explore "},
	    {"--out", " explore merge profile record fuzz "},
	    {"--program", " fuzz "}, {"--shard", " explore fuzz "},
	    {"--svg", " run "}};
	char word[32];
	size_t i;

	snprintf(word, sizeof word, " %s ", command);
	for (i = 0; i < sizeof of / sizeof of[0]; i++)
		if (strcmp(name, of[i].name) == 0 &&
		    strstr(of[i].commands, word) == NULL)
			fail("%s is not for %s, but for%s", name, command,
			    of[i].commands);
}

static void
options(int argc, char **argv)
{
	int i;

	for (i = 2; i < argc; i++) {
		option_fits(argv[i], argv[1]);
		if (argv[i][0] != '-' || argv[i][1] != '-') {
			if (opt.nname == MAXNAMES)
				fail("more than %d names", MAXNAMES);
			opt.name[opt.nname++] = argv[i];
		} else if (!option_flag(argv[i])) {
			if (!option_value(argv[i],
				i + 1 < argc ? argv[i + 1] : NULL, argv))
				fail("what is %s? See vmsim --help", argv[i]);
			i++;
		}
	}
}

static const char help[] =
    "vmsim: the real kernel on a machine whose interleavings are chosen\n"
    "\n"
    "  vmsim explore --list           the scenarios that there are\n"
    "  vmsim explore NAME...          look for failures; all: every scenario\n"
    "  vmsim replay NAME:CHOICES      one execution, step by step\n"
    "  vmsim record -- COMMAND        its memory life as a script for run\n"
    "  vmsim run NAME                 one execution; what each exit cost\n"
    "  vmsim profile NAME             its accesses by exit phase and "
    "function,\n"
    "                                 as flame-graph scripts read it\n"
    "  vmsim show NAME[:CHOICES] VERB the state at its end, or --at STEP:\n"
    "                                 ps map amap object page pmap tlb uvmexp\n"
    "  vmsim merge FILE...            the parts of a search as one result\n"
    "  vmsim fuzz                     random programs, here and on Linux\n"
    "\n"
    "A scenario is a script of user programs, NAME.sim in tests/sim or a\n"
    "file.  explore tries its interleavings and stops at the first failure:\n"
    "a data race, a use of freed memory or of a stale translation, a leak,\n"
    "a deadlock, a panic, a wrong value.  It prints what failed and the\n"
    "command that replays it.  Start with\n"
    "\n"
    "  vmsim explore fork-exit\n"
    "  vmsim explore unmap-read --strategy pct --max 100000\n"
    "  vmsim explore all --failalloc\n"
    "  vmsim run share-exit --policy reaper\n"
    "\n"
    "and write one of your own: a page that goes while another CPU has it in\n"
    "its TLB.\n"
    "\n"
    "  program main\n"
    "          mark                    # at the end, this much is in use\n"
    "          fork proc -> pid\n"
    "          wait\n"
    "          end\n"
    "  proc:   map a 1 rw\n"
    "          write a 5\n"
    "          thread other\n"
    "          cpu 0\n"
    "          ready 2                 # when two are here, exploring begins\n"
    "          unmap a 1 = 0           # a result that is checked\n"
    "          exit\n"
    "  other:  cpu 1\n"
    "          ready 2\n"
    "          sys mlock a 4096 = 0|ENOMEM\n"
    "          exitthread\n"
    "\n"
    "docs/man/vmsim.1 has all instructions and settings.\n"
    "\n"
    "How to search:\n"
    "  --strategy random|pct|dfs|dpor  (default dfs: within a bound, all)\n"
    "  --bound N    dfs: preemptions per execution\n"
    "  --depth N    pct: depth of the bugs looked for\n"
    "  --seed N     random, pct: where to begin\n"
    "  --max N      executions\n"
    "  --weak       loads may read stale values, as on arm64 and riscv64\n"
    "  --stale N    weak: stale reads per execution\n"
    "  --events N   other choices than the ordinary one: I/O errors, "
    "evictions\n"
    "  --shard I/N  this part of the search; --out FILE: result for merge;\n"
    "               --known FILE: what merge --out FILE wrote\n"
    "What to search:\n"
    "  --format " SIM_FORMAT "   page tables: amd64, arm64, arm64-16k,\n"
    "               arm64-64k, sv39, sv48\n"
    "  --cpus N     virtual CPUs (up to 8; run: up to 64)\n"
    "  --policy purge|reaper           who empties a dead process\n"
    "  --failalloc  each allocation fails once\n"
    "  --evict      TLB entries may vanish at any time\n"
    "  --swflags    accessed and dirty flags are set by software\n"
    "  --lines      run: cache lines shared by CPUs between watch 1 and 0\n"
    "  --weaken ORDER:PC,...           a weaker memory order at a place\n"
    "fuzz: --max N programs (20000) of --seed S (0); --program HEX[:CHOICES]\n"
    "  runs one, as a failure prints it\n"
    "Output: --quiet, --log (what the kernel says), --gdb (replay),\n"
    "  --at STEP (replay --gdb, show), --html FILE (replay: a page with a\n"
    "  lane for each CPU, lock and translation), --out FILE (profile, "
    "record),\n"
    "  --svg FILE and --folded FILE (run of a record: plots, stacks),\n"
    "  --orders (memory orders that were executed, and where)\n";

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*fn)(void);
	} commands[] = {{"explore", cmd_explore}, {"replay", cmd_replay},
	    {"run", cmd_run}, {"profile", cmd_profile}, {"show", cmd_show},
	    {"merge", cmd_merge}, {"fuzz", cmd_fuzz}};
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		fputs(help, stdout);
		return argc < 2 ? 2 : 0;
	}
	if (strcmp(argv[1], "record") == 0) {
		for (i = 2; argv[i] != NULL && strcmp(argv[i], "--") != 0;)
			i++;
		options((int)i, argv);
		return cmd_record(argv[i] != NULL ? argv + i + 1 : NULL);
	}
	for (i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (strcmp(argv[1], commands[i].name) == 0) {
			options(argc, argv);
			opt.argv = argv;
			return commands[i].fn();
		}
	fail("no command %s; see vmsim --help", argv[1]);
}
