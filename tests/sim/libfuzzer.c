/*
 * libfuzzer.c: vmsim's differential fuzzer as a libFuzzer target.
 *
 * The last bytes of an input are the schedule (DET_BYTES), the others the
 * program.  libFuzzer calls with an input; the engine returns from an
 * execution and wants the next: each runs on a stack of its own, and an
 * execution ends with a switch to the other.  `make fuzz` builds and runs it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include <vmsim/fuzz.h>
#include <vmsim/sim.h>
#include <vmsim/vmsim.h>

#define STACKSIZE (4u << 20)
#define SCHEDULE  32u /* bytes of it, at most a quarter of the input */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static ucontext_t fuzzer, engine;
static char stack[STACKSIZE] __attribute__((aligned(64)));
static struct {
	const uint8_t *bytes, *schedule;
	size_t len, schedule_len;
	struct fz_prog prog;
	struct fz_log theirs;
	bool good;
} input;

/*
 * The coverage counters of the kernel are not the kernel's memory; fuzz.mk
 * sends the accesses to bytes here.  What was the caller has to look like it.
 */
extern char __start___sancov_cntrs[], __stop___sancov_cntrs[];
void __tsan_read1(void *p);
void __tsan_write1(void *p);
void fuzz_read1(void *p);
void fuzz_write1(void *p);

static bool
counter(const char *p)
{
	return p >= __start___sancov_cntrs && p < __stop___sancov_cntrs;
}

void
fuzz_read1(void *p)
{
	if (!counter(p))
		__attribute__((musttail)) return __tsan_read1(p);
}

void
fuzz_write1(void *p)
{
	if (!counter(p))
		__attribute__((musttail)) return __tsan_write1(p);
}

static const uint8_t *
schedule(size_t *len)
{
	*len = input.schedule_len;
	return input.schedule;
}

static void
check(void)
{
	const struct fz_log *answer = fz_linux_answer();
	char a[32], b[32], text[160];
	int op;

	if (answer == NULL)
		fail("Linux killed the process that runs the programs");
	input.theirs = *answer;
	input.good = !fz_differs(&input.prog, &fz_sim_log, &input.theirs, &op);
	if (input.good)
		return;
	if (op < 0) {
		det_fail("map differs: at the end of process %d", -1 - op);
		return;
	}
	fz_print(&input.prog, (unsigned)op, text, sizeof text);
	fz_result(fz_sim_log.fl_result[op], a, sizeof a);
	fz_result(input.theirs.fl_result[op], b, sizeof b);
	det_fail("%s: %s, on Linux %s", text, a, b);
}

/* An execution is over: what next? */
static void
at_end(void)
{
	if (input.good)
		swapcontext(&engine, &fuzzer);
	input.good = false;
	memset(&fz_sim_log, 0, sizeof fz_sim_log);
}

static void
run(void)
{
	struct det_machine dm = machine();
	struct det_config dc = config();
	struct det_result r;
	size_t i;

	dm.dm_check = check;
	dc.dc_strategy = DET_BYTES;
	dc.dc_bytes = schedule;
	dc.dc_atend = at_end;
	dc.dc_minimize = false;
	det_run(&dm, &dc, &r);
	printf("%s\nreplay: vmsim fuzz --program ", r.dr_msg);
	for (i = 0; i < input.len; i++)
		printf("%02x", input.bytes[i]);
	printf(":%s\n", r.dr_replay);
	fflush(stdout);
	abort();
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (!fz_linux_start())
		fail("no process for the Linux side");
	if (!script_parse(fz_scenario, "fuzz"))
		exit(2);
	if (getcontext(&engine) != 0)
		fail("no context");
	engine.uc_stack.ss_sp = stack;
	engine.uc_stack.ss_size = STACKSIZE;
	makecontext(&engine, run, 0);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	size_t tail = len / 4 < SCHEDULE ? len / 4 : SCHEDULE;

	if (len - tail > FZ_MAXLEN)
		return -1;
	input.bytes = bytes;
	input.len = len - tail;
	input.schedule = bytes + input.len;
	input.schedule_len = tail;
	fz_decode(&input.prog, bytes, input.len);
	fz_sim_prog = &input.prog;
	sim_catch_faults = true;
	memset(&fz_sim_log, 0, sizeof fz_sim_log);
	fz_linux_ask(bytes, input.len);
	swapcontext(&fuzzer, &engine);
	return 0;
}
