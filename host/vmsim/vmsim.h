/*
 * vmsim.h: the commands and what they share.
 */
#ifndef VMSIM_H
#define VMSIM_H

#include <stdio.h>

#include <det/det.h>

#define MAXNAMES 256

struct options {
	int strategy; /* -1: not given */
	uint64_t seed, max;
	unsigned bound, stale, depth, cpus, shard, nshard;
	unsigned at, events;
	bool bound_set, stale_set;
	bool weak, list, orders, gdb, evict, swflags, reaper, quiet, lines;
	bool policy_set;
	const char *out, *program, *known, *svg, *folded, *html;
	const char *name[MAXNAMES];
	unsigned nname;
	char **argv;
};
extern struct options opt;

__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *fmt, ...);
double seconds(void);
double cpu_seconds(void);

#define MAXSHARD 1024

/*
 * scenario_load: read and parse one, by name or file, and apply the options;
 *	exits when that fails.
 * scenario_text: a digest of its text.
 * scenario_arg: the name that it was asked for by.
 * scenario_names: all that there are; strings are malloc'ed.
 */
const char *scenario_dir(void);
void scenario_load(const char *name);
extern uint64_t scenario_text;
extern const char *scenario_arg;
unsigned scenario_names(char **names, unsigned max);

/* Of the scenario that is loaded and the options. */
struct det_machine machine(void);
struct det_config config(void);
struct det_config config_once(void); /* run.c: of a single execution */

/*
 * digest: of another len bytes; begins with DIGEST.
 * out_open, out_close: a file to write; exit if that fails.
 */
#define DIGEST 0xcbf29ce484222325u
uint64_t digest(uint64_t d, const void *p, size_t len);
FILE *out_open(const char *name);
void out_close(FILE *f, const char *name);

/* Exit status: 0 fine, 1 a failure was found, 2 misuse. */
int cmd_explore(void);
int cmd_replay(void);
int cmd_run(void);
int cmd_profile(void);
int cmd_show(void);
int cmd_merge(void);
int cmd_record(char **command); /* record.c */

/* explore.c: s can be choices of a replay; see search.c, recordings. */
bool choices_good(const char *s);

/*
 * html.c: html_begin: before det_run(); html_write: the execution that was
 *	recorded, as a page.
 */
void html_begin(struct det_config *dc);
void html_write(const char *file, const struct det_result *r);

/*
 * lines.c: cache lines that CPUs share.
 * lines_begin: before det_run(), which must not check for races.
 */
void lines_begin(void);
void lines_print(void);

/*
 * show.c: the state of the machine, in the manner of a kernel debugger.
 * show_verb: what, and of whom; UINT64_MAX: of all.  Does not return if there
 *	is no such thing.
 * show_state: that, now.
 * show_met: there was such a one.
 */
void show_verb(const char *name, uint64_t whose);
/* vmsim.c: s, a number given for name. */
uint64_t number_of(const char *name, const char *s);
void show_state(void);
bool show_met(void);

#endif
