/*
 * profile.c (vmsim): where the accesses of a run are made.
 *
 * One line for each stack of functions, outermost first, and how many accesses
 * to memory the innermost one made below it: the form that flame-graph scripts
 * read.  An access is an instrumented load, store or atomic operation of the
 * kernel, so the counts are the same in every run, on every host.
 *
 * The outermost names say of what an access is part: "exit" and its phase (see
 * cost.c), "interrupt", or "life", which is all else.  What CPUs do before the
 * first program begins is not counted.
 *
 * Stacks are found by frame pointers, from the engine's callback outwards.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rerun.h"
#include "sim.h"
#include "vmsim.h"

#define MAXSTACK 48 /* functions */
#define NSAMPLE  (1u << 16)
#define ENGINE   8 /* frames of the engine, at most */

struct sample {
	uint64_t sm_count; /* 0: a free slot */
	const char *sm_phase;
	unsigned sm_n;
	/* Innermost first.  The program is linked to lie low: see det.h. */
	uint32_t sm_pc[MAXSTACK];
};
static struct sample *samples;

/* A frame, as -fno-omit-frame-pointer lays it out. */
struct frame {
	const struct frame *fr_up;
	uintptr_t fr_pc;
};

/* Who is called by fr, or NULL at the end of its stack. */
static const struct frame *
up(const struct frame *fr)
{
	const struct frame *u = fr->fr_up;

	/* Kernel stacks are of one allocation, and less than this apart. */
	if (u <= fr || (uintptr_t)u - (uintptr_t)fr > (64u << 10) ||
	    ((uintptr_t)u & 7) != 0)
		return NULL;
	return u;
}

/* The stack of the access at pc, without the engine's part; how many. */
static unsigned
unwind(uintptr_t pc, uint32_t *pcs)
{
	const struct frame *fr = __builtin_frame_address(0);
	unsigned n = 0, skipped = 0;

	while (fr != NULL && fr->fr_pc != pc && skipped++ < ENGINE)
		fr = up(fr);
	/* The port's own: its caller is not known, only where it is. */
	if (fr == NULL || fr->fr_pc != pc) {
		pcs[0] = (uint32_t)pc;
		return 1;
	}
	for (; fr != NULL && n < MAXSTACK && fr->fr_pc >> 32 == 0 &&
	       fr->fr_pc != 0;
	     fr = up(fr))
		pcs[n++] = (uint32_t)fr->fr_pc;
	return n;
}

static void
count(unsigned cpu __unused, uintptr_t a __unused, size_t len __unused,
    bool write __unused, uintptr_t pc)
{
	struct sample s = {.sm_count = 1}, *to;
	uint64_t h;
	unsigned i;

	if (!sim_user_began)
		return;
	s.sm_phase = sim_exit_phase();
	s.sm_n = unwind(pc, s.sm_pc);
	h = digest(DIGEST, s.sm_pc, s.sm_n * sizeof s.sm_pc[0]);
	h = digest(h, &s.sm_phase, sizeof s.sm_phase);
	for (i = 0; i < NSAMPLE; i++) {
		to = &samples[(h + i) % NSAMPLE];
		if (to->sm_count == 0)
			*to = s;
		else if (to->sm_n == s.sm_n && to->sm_phase == s.sm_phase &&
			 memcmp(to->sm_pc, s.sm_pc,
			     s.sm_n * sizeof s.sm_pc[0]) == 0)
			to->sm_count++;
		else
			continue;
		return;
	}
	fail("more than %u stacks", NSAMPLE);
}

/*
 * The end.  Lines are made of names, and those that are the same are one.
 */
struct line {
	char *ln_text;
	uint64_t ln_count;
};

static int
by_text(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->ln_text,
	    ((const struct line *)b)->ln_text);
}

/* The function, without what the compiler appends to names. */
static const char *
function(uint32_t pc, char *buf, size_t len)
{
	/* Of the call, not of what is behind it. */
	det_name(pc - 1, buf, len);
	buf[strcspn(buf, "+.")] = '\0';
	return buf;
}

/* Who calls the kernel: outside of these is the machine. */
static bool
outermost(const char *name)
{
	return strcmp(name, "thread_start") == 0 ||
	       strcmp(name, "cpu_begin") == 0 ||
	       strcmp(name, "step_kernel") == 0 ||
	       strncmp(name, "sim_user_", 9) == 0;
}

/* It is no part of what it interrupts. */
static bool
is_interrupt(const char *name)
{
	return strcmp(name, "deliver") == 0 || strcmp(name, "interrupt") == 0;
}

static char *
text_of(const struct sample *sm)
{
	char name[96], *text = NULL;
	const char *phase = sm->sm_phase;
	unsigned n = sm->sm_n, i;
	size_t len;
	FILE *f;

	for (i = 1; i < n; i++) {
		(void)function(sm->sm_pc[i], name, sizeof name);
		if (is_interrupt(name))
			phase = "interrupt";
		if (is_interrupt(name) || outermost(name))
			n = i;
	}
	f = open_memstream(&text, &len);
	if (f == NULL)
		fail("no memory");
	if (phase == NULL)
		fputs("life", f);
	else if (strcmp(phase, "interrupt") == 0)
		fputs(phase, f);
	else
		fprintf(f, "exit;%s", phase);
	while (n-- > 0) {
		(void)function(sm->sm_pc[n], name, sizeof name);
		if (strncmp(name, "__wrap_", 7) != 0)
			fprintf(f, ";%s", name);
	}
	fclose(f);
	return text;
}

static void
print(FILE *f)
{
	struct line *ln;
	unsigned n = 0, i;

	ln = calloc(NSAMPLE, sizeof *ln);
	if (ln == NULL)
		fail("no memory");
	for (i = 0; i < NSAMPLE; i++)
		if (samples[i].sm_count != 0) {
			ln[n].ln_text = text_of(&samples[i]);
			ln[n++].ln_count = samples[i].sm_count;
		}
	qsort(ln, n, sizeof *ln, by_text);
	for (i = 0; i < n; i++) {
		if (i + 1 < n && by_text(&ln[i], &ln[i + 1]) == 0)
			ln[i + 1].ln_count += ln[i].ln_count;
		else
			fprintf(f, "%s %llu\n", ln[i].ln_text,
			    (unsigned long long)ln[i].ln_count);
		free(ln[i].ln_text);
	}
	free(ln);
}

/* That there is one makes cost.c follow exits. */
static void
exited(uint64_t pages __unused, const char *const *phases __unused,
    const uint64_t *points __unused, u_int n __unused)
{
}

/* What fails is gone through again, for the message. */
static void
profile_end(void)
{
	det_watch = NULL;
}

int
cmd_profile(void)
{
	struct det_machine dm;
	struct det_config dc;
	struct det_result r;
	FILE *f = stdout;

	if (det_scheduler != NULL)
		fail("%s are not profiled", det_scheduler);
	if (opt.nname != 1)
		fail("profile NAME");
	if (rerun_load(opt.name[0]))
		fail("%s is a record: run %s --folded FILE", opt.name[0],
		    opt.name[0]);
	scenario_load(opt.name[0]);
	dm = machine();
	dc = config_once();
	dc.dc_norace = true;
	samples = calloc(NSAMPLE, sizeof *samples);
	if (samples == NULL)
		fail("no memory");
	if (opt.out != NULL)
		f = out_open(opt.out);
	sim_exit_hook = exited;
	det_watch = count;
	dc.dc_atend = profile_end;
	det_run(&dm, &dc, &r);
	if (r.dr_failed)
		fprintf(stderr, "%s: FAILED: %s\n", script.sc_name, r.dr_msg);
	else
		print(f);
	if (f != stdout)
		out_close(f, opt.out);
	det_result_free(&r);
	return r.dr_failed;
}
