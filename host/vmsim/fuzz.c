/*
 * fuzz.c (vmsim): random programs on the machine and on Linux.
 *
 * Program n of a seed is a function of both.  A child process runs a batch of
 * them: one machine, one execution for each program, the schedule random; the
 * Linux side runs some programs ahead.  Batches differ in how schedules are
 * drawn and in what the MMU does.  When a program fails, other children run
 * shorter ones until no part of it can be left out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"
#include "sim.h"
#include "vmsim.h"

#define BATCH       5000u
#define AHEAD       16u
#define NCHOICES    65536u
#define TRIES       600u   /* of shorter programs */
#define SCHEDULES   300u   /* for one of them */
#define NEEDED      20000u /* programs that show every difference */
#define DIFFERENCES 64u

const char fz_scenario[] = "cpus 2\n"
			   "program main\n"
			   "	mark\n"
			   "	ready 1\n"
			   "	fuzz\n"
			   "	end\n";

/* What a child tells its parent; shared memory. */
static struct report {
	uint64_t rp_programs, rp_ops, rp_faults, rp_forks, rp_points;
	uint64_t rp_differences[DIFFERENCES];
	bool rp_failed;
	unsigned rp_unmet; /* choices that did not come up */
	int rp_op; /* of fz_differs(); fz_prog's end when it was no difference */
	char rp_msg[256];
	size_t rp_len;
	uint8_t rp_bytes[FZ_MAXLEN];
	struct fz_log rp_ours, rp_theirs;
	char rp_choices[NCHOICES];
} * report;

/* Of the child that runs programs. */
static struct {
	uint64_t first, step, count; /* numbers of programs */
	uint64_t done, asked;
	bool fixed; /* always the program in the report */
	bool ok, over;
	uint8_t bytes[FZ_MAXLEN];
	size_t len;
	struct fz_prog prog;
} run;

static double began, told;

static uint64_t
mix(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* Program n: bytes; begins with a mapping. */
static size_t
program(uint64_t n, uint8_t bytes[FZ_MAXLEN])
{
	uint64_t x = opt.seed * 0xd1342543de82ef95ull + n, v;
	size_t nops, i;

	nops = 5 + mix(&x) % (FZ_MAXOPS - FZ_DEPTH - 5);
	for (i = 0; i < nops; i++) {
		v = mix(&x);
		memcpy(bytes + i * FZ_OPLEN, &v, FZ_OPLEN);
	}
	bytes[0] = 0;
	return nops * FZ_OPLEN;
}

static uint64_t
numbered(uint64_t i)
{
	return run.first + i * run.step;
}

/* The next execution's program; Linux works ahead. */
static void
next(void)
{
	uint8_t bytes[FZ_MAXLEN];
	size_t len;

	while (!run.fixed && run.asked < run.count &&
	       run.asked < run.done + AHEAD) {
		len = program(numbered(run.asked++), bytes);
		fz_linux_ask(bytes, len);
	}
	if (run.fixed) {
		fz_linux_ask(run.bytes, run.len);
		run.asked++;
	} else
		run.len = program(numbered(run.done), run.bytes);
	fz_decode(&run.prog, run.bytes, run.len);
	fz_sim_prog = &run.prog;
	sim_catch_faults = true;
	memset(&fz_sim_log, 0, sizeof fz_sim_log);
}

static void
count(const struct fz_log *log)
{
	unsigned i;

	report->rp_programs++;
	report->rp_ops += run.prog.fp_nops;
	for (i = 0; i < run.prog.fp_nops; i++) {
		report->rp_forks += run.prog.fp_op[i].fo_code == FZ_FORK;
		report->rp_faults += log->fl_result[i] >= FZ_SIGBUS;
	}
}

/* After an execution that came to its end. */
static void
check(void)
{
	static struct fz_log theirs;
	const struct fz_log *answer = &theirs;
	char a[32], b[32], text[160];
	int op;

	if (!run.over) {
		answer = fz_linux_answer();
		if (answer == NULL)
			fail("Linux killed the process that runs the programs");
		theirs = *answer;
	}
	report->rp_ours = fz_sim_log;
	report->rp_theirs = theirs;
	if (!fz_differs(&run.prog, &fz_sim_log, &theirs, &op)) {
		run.ok = true;
		if (!run.over)
			count(&theirs);
		return;
	}
	report->rp_op = op;
	if (op < 0) {
		det_fail("map differs: at the end of process %d", -1 - op);
		return;
	}
	fz_print(&run.prog, (unsigned)op, text, sizeof text);
	fz_result(fz_sim_log.fl_result[op], a, sizeof a);
	fz_result(theirs.fl_result[op], b, sizeof b);
	det_fail("%s differs: operation %d, %s: %s, on Linux %s",
	    fz_code_names[run.prog.fp_op[op].fo_code], op, text, a, b);
}

static void
at_end(void)
{
	if (run.over) {
		memset(&fz_sim_log, 0, sizeof fz_sim_log);
		return;
	}
	if (!run.ok) {
		/* The failure is gone through again, with this program. */
		run.over = true;
		report->rp_len = run.len;
		memcpy(report->rp_bytes, run.bytes, run.len);
		memset(&fz_sim_log, 0, sizeof fz_sim_log);
		return;
	}
	run.ok = false;
	run.done++;
	if (run.done < run.count)
		next();
}

static void
progress(uint64_t execs, uint64_t steps)
{
	double now = seconds();

	(void)steps;
	if (opt.quiet || now - told < 2)
		return;
	told = now;
	fprintf(stderr, "fuzz %s: %llu programs, %.0f/s\n", SIM_FORMAT,
	    (unsigned long long)(report->rp_programs),
	    (double)report->rp_programs / (now - began));
	(void)execs;
}

/* In a child: run what run says.  Does not return. */
static __attribute__((noreturn)) void
child(struct det_config *dc)
{
	struct det_machine dm;
	struct det_result r;
	unsigned i;

	if (!fz_linux_start())
		fail("no process for the Linux side");
	if (!script_parse(fz_scenario, "fuzz"))
		exit(2);
	script.sc_evict = opt.evict;
	script.sc_swflags = opt.swflags;
	script.sc_reaper = opt.reaper;
	if (opt.cpus != 0)
		script.sc_ncpu = opt.cpus;
	dm = machine();
	dm.dm_check = check;
	dc->dc_atend = at_end;
	dc->dc_progress = progress;
	dc->dc_maxexecs = run.count;
	next();
	det_run(&dm, dc, &r);
	report->rp_points += r.dr_steps + r.dr_local;
	report->rp_failed = r.dr_failed;
	report->rp_unmet = r.dr_unmet;
	for (i = 0; i < fz_ndifferences && i < DIFFERENCES; i++)
		report->rp_differences[i] += fz_differences[i].fd_count;
	if (r.dr_failed) {
		snprintf(report->rp_msg, sizeof report->rp_msg, "%s", r.dr_msg);
		snprintf(report->rp_choices, NCHOICES, "%s", r.dr_replay);
		if (dc->dc_trace)
			det_trace_print();
	}
	fz_linux_stop();
	exit(0);
}

/* False: it failed. */
static bool
in_child(struct det_config *dc)
{
	int status;
	pid_t pid;

	fflush(stdout);
	report->rp_failed = false;
	pid = fork();
	if (pid < 0)
		fail("fork failed");
	if (pid == 0)
		child(dc);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		fail("the machine's process died (status %#x)", status);
	if (WEXITSTATUS(status) != 0)
		exit(WEXITSTATUS(status));
	return !report->rp_failed;
}

/*
 * One program.
 */
static void
hex(const uint8_t *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		printf("%02x", bytes[i]);
}

static size_t
unhex(const char *s, uint8_t bytes[FZ_MAXLEN])
{
	unsigned v;
	size_t n;

	for (n = 0; n < FZ_MAXLEN && sscanf(s + 2 * n, "%2x", &v) == 1 &&
		    s[2 * n] != ':';
	     n++)
		bytes[n] = (uint8_t)v;
	return n;
}

/* Run it under one schedule, or many; false: it failed. */
static bool
attempt(const uint8_t *bytes, size_t len, const char *choices, unsigned many,
    bool trace)
{
	struct det_config dc = config();

	memset(&run, 0, sizeof run);
	run.fixed = true;
	run.count = many;
	run.len = len;
	memcpy(run.bytes, bytes, len);
	dc.dc_strategy = many > 1 ? DET_RANDOM : DET_REPLAY;
	dc.dc_replay = choices;
	dc.dc_minimize = dc.dc_trace = trace;
	return in_child(&dc);
}

/* What kind of failure a message is about: its first two words. */
static bool
alike(const char *a, const char *b)
{
	unsigned words = 0;

	for (; *a == *b && words < 2; a++, b++) {
		if (*a == '\0')
			return true;
		words += *a == ' ';
	}
	return words == 2 || strncmp(a, b, 4) == 0;
}

static bool
still_fails(const uint8_t *bytes, size_t len, unsigned many, const char *msg)
{
	return !attempt(bytes, len, "", many, false) &&
	       alike(report->rp_msg, msg);
}

/* Leave out operations, then clear bytes, while it fails. */
static size_t
shrink(uint8_t *bytes, size_t len, unsigned many, const char *msg)
{
	uint8_t shorter[FZ_MAXLEN];
	unsigned tries = 0;
	bool smaller = true;
	size_t n, at, chunk;

	for (chunk = len / 2 / FZ_OPLEN * FZ_OPLEN; chunk >= FZ_OPLEN;
	     chunk = chunk > FZ_OPLEN ? chunk / 2 / FZ_OPLEN * FZ_OPLEN : 0)
		for (at = 0; at < len && tries < TRIES; tries++) {
			n = len - at < chunk ? len - at : chunk;
			memcpy(shorter, bytes, at);
			memcpy(shorter + at, bytes + at + n, len - at - n);
			if (len > n &&
			    still_fails(shorter, len - n, many, msg)) {
				len -= n;
				memcpy(bytes, shorter, len);
			} else
				at += chunk;
		}
	while (smaller && tries < TRIES) {
		smaller = false;
		for (at = 0; at < len && tries < TRIES; at++) {
			if (bytes[at] == 0)
				continue;
			memcpy(shorter, bytes, len);
			shorter[at] = 0;
			tries++;
			if (still_fails(shorter, len, many, msg)) {
				memcpy(bytes, shorter, len);
				smaller = true;
			}
		}
		for (at = 0; at < len && tries < TRIES; at += FZ_OPLEN) {
			memcpy(shorter, bytes, at);
			memcpy(shorter + at, bytes + at + FZ_OPLEN,
			    len - at - FZ_OPLEN);
			tries++;
			if (len > FZ_OPLEN &&
			    still_fails(shorter, len - FZ_OPLEN, many, msg)) {
				len -= FZ_OPLEN;
				memcpy(bytes, shorter, len);
				smaller = true;
			}
		}
	}
	return len;
}

static void
print_map(const char *who, const struct fz_end *fe)
{
	unsigned i;

	printf("  %s%s heap %#llx locked %u:", who,
	    fe->fe_done ? "" : " (died)", (unsigned long long)fe->fe_brk,
	    fe->fe_locked);
	for (i = 0; i < FZ_NPAGES; i++)
		if (fe->fe_map[i] != 0)
			printf(" %u:%s%s%s%s", i,
			    (fe->fe_map[i] & 1) != 0 ? "r" : "-",
			    (fe->fe_map[i] & 2) != 0 ? "w" : "-",
			    (fe->fe_map[i] & 4) != 0 ? "x" : "-",
			    (fe->fe_map[i] & FZ_M_SHARED) != 0 ? "s" : "p");
	putchar('\n');
}

/* The program with what it did on both sides. */
static void
print_program(const uint8_t *bytes, size_t len)
{
	struct fz_prog p;
	char text[160], a[32], b[32];
	unsigned i;

	fz_decode(&p, bytes, len);
	for (i = 0; i < p.fp_nops; i++) {
		fz_print(&p, i, text, sizeof text);
		fz_result(report->rp_ours.fl_result[i], a, sizeof a);
		fz_result(report->rp_theirs.fl_result[i], b, sizeof b);
		printf("%3u  %-52s %s", i, text,
		    report->rp_ours.fl_done[i] ? a : "-");
		if (strcmp(a, b) != 0 ||
		    report->rp_ours.fl_done[i] != report->rp_theirs.fl_done[i])
			printf("   <- on Linux %s",
			    report->rp_theirs.fl_done[i] ? b : "-");
		putchar('\n');
	}
	for (i = 0; i < p.fp_nprocs; i++)
		if (memcmp(&report->rp_ours.fl_end[i],
			&report->rp_theirs.fl_end[i],
			sizeof report->rp_ours.fl_end[i]) != 0) {
			printf("process %u\n", i);
			print_map("here ", &report->rp_ours.fl_end[i]);
			print_map("Linux", &report->rp_theirs.fl_end[i]);
		}
}

static void
explain(const uint8_t *bytes, size_t len)
{
	print_program(bytes, len);
	printf("%s\n", report->rp_msg);
	printf("replay: vmsim fuzz --format %s%s%s%s%s --program ", SIM_FORMAT,
	    opt.evict ? " --evict" : "", opt.swflags ? " --swflags" : "",
	    opt.reaper ? " --policy reaper" : "",
	    opt.cpus > 2 ? " --cpus 4" : "");
	hex(bytes, len);
	if (report->rp_choices[0] != '\0')
		printf(":%s", report->rp_choices);
	putchar('\n');
}

/* The report holds a failure: make it short, and say how to see it again. */
static void
found(uint64_t batch)
{
	uint8_t bytes[FZ_MAXLEN], first[FZ_MAXLEN];
	static struct report first_report;
	char msg[256], choices[NCHOICES];
	size_t len = report->rp_len, firstlen = len;
	unsigned many = 1;

	memcpy(bytes, report->rp_bytes, len);
	memcpy(first, bytes, len);
	first_report = *report;
	memcpy(msg, report->rp_msg, sizeof msg);
	memcpy(choices, report->rp_choices, sizeof choices);
	printf("fuzz %s: seed %llu, batch %llu: %s\n", SIM_FORMAT,
	    (unsigned long long)opt.seed, (unsigned long long)batch, msg);
	if (!still_fails(bytes, len, 1, msg)) {
		many = SCHEDULES;
		if (!still_fails(bytes, len, many, msg)) {
			if (attempt(bytes, len, choices, 1, false))
				*report = first_report;
			explain(bytes, len);
			return;
		}
	}
	printf("leaving out what does not matter ...\n");
	len = shrink(bytes, len, many, msg);
	if (attempt(bytes, len, "", many, false) &&
	    !attempt(first, firstlen, choices, 1, false)) {
		explain(first, firstlen);
		return;
	}
	explain(bytes, len);
}

/* --program HEX[:CHOICES] */
static int
one(void)
{
	const char *choices = strchr(opt.program, ':');
	uint8_t bytes[FZ_MAXLEN];
	size_t len = unhex(opt.program, bytes);
	bool good;

	if (len == 0 || (choices != NULL && !choices_good(choices + 1)) ||
	    (opt.program[2 * len] != '\0' && opt.program[2 * len] != ':'))
		fail("--program: %s is not HEX[:CHOICES]", opt.program);
	good = attempt(bytes, len, choices != NULL ? choices + 1 : "", 1,
	    choices != NULL);
	if (report->rp_unmet != 0)
		fail("of these choices %u did not come up", report->rp_unmet);
	print_program(bytes, len);
	printf("%s\n", good ? "agrees with Linux" : report->rp_msg);
	return good ? 0 : 1;
}

/*
 * Many programs.
 */
static bool
differences_needed(uint64_t programs)
{
	bool all = true;
	unsigned i;

	for (i = 0; i < fz_ndifferences; i++) {
		if (!opt.quiet)
			printf("  listed: %-16s %8llu  %s\n",
			    fz_differences[i].fd_name,
			    (unsigned long long)report->rp_differences[i],
			    fz_differences[i].fd_why);
		if (report->rp_differences[i] == 0 && programs >= NEEDED &&
		    opt.seed == 0) {
			printf("the difference \"%s\" was never seen: is it "
			       "still one?\n",
			    fz_differences[i].fd_name);
			all = false;
		}
	}
	return all;
}

static void
vary(uint64_t batch, struct det_config *dc)
{
	dc->dc_strategy = (batch & 1) != 0 ? DET_PCT : DET_RANDOM;
	dc->dc_seed = opt.seed + batch * 0x10000;
	dc->dc_depth = 3;
	dc->dc_minimize = true;
	opt.evict = (batch & 2) != 0;
	opt.swflags = (batch & 4) != 0;
	opt.reaper = (batch & 6) == 6;
}

static void
write_result(uint64_t programs)
{
	FILE *f = out_open(opt.out);

	fprintf(f, "fuzz %s seed %llu shard %u/%u: %llu programs agree\n",
	    SIM_FORMAT, (unsigned long long)opt.seed, opt.shard + 1,
	    opt.nshard != 0 ? opt.nshard : 1, (unsigned long long)programs);
	out_close(f, opt.out);
}

static int
many(void)
{
	uint64_t total = opt.max != 0 ? opt.max : 20000, left, batch, base;
	unsigned nshard = opt.nshard > 1 ? opt.nshard : 1;
	struct det_config dc;
	struct utsname un;
	double took;

	left = (total + nshard - 1 - opt.shard) / nshard;
	base = opt.shard;
	for (batch = 0; left > 0; batch++) {
		memset(&run, 0, sizeof run);
		run.first = base;
		run.step = nshard;
		run.count = left < BATCH ? left : BATCH;
		dc = config();
		vary(batch, &dc);
		if (!in_child(&dc)) {
			found(batch);
			return 1;
		}
		base += run.count * nshard;
		left -= run.count;
	}
	uname(&un);
	took = seconds() - began;
	printf("fuzz %-6s %llu programs agree with Linux %s: %llu operations, "
	       "%llu faults, %llu forks, %.1f M points, %.0f s\n",
	    SIM_FORMAT, (unsigned long long)report->rp_programs, un.release,
	    (unsigned long long)report->rp_ops,
	    (unsigned long long)report->rp_faults,
	    (unsigned long long)report->rp_forks,
	    (double)report->rp_points / 1e6, took);
	if (!differences_needed(report->rp_programs))
		return 1;
	if (opt.out != NULL)
		write_result(report->rp_programs);
	return 0;
}

int
cmd_fuzz(void)
{
	if (PAGE_SIZE != FZ_PAGE)
		fail("fuzz: Linux has pages of another size here");
	report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (report == MAP_FAILED)
		fail("no memory");
	began = told = seconds();
	if (opt.nname != 0)
		fail("fuzz: what is %s?", opt.name[0]);
	return opt.program != NULL ? one() : many();
}
