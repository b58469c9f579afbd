/*
 * script.c (vmsim): programs from text.
 *
 * A line is empty, a comment, a setting, "program NAME", or an instruction,
 * perhaps behind "LABEL:".  Programs are lists of instructions; the first one
 * is process 1.  docs/man/vmsim.1 is the reference.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

struct script script;

/* Linux's numbers, and those of PROT_*, as programs know them. */
#define SIGNAL_KILL 9
#define SIGNAL_CHLD 17

#define MAXWORD 16
#define NLABEL  128

/* Of a file being read. */
static struct {
	const char *file;
	unsigned line;
	char *word[MAXWORD];
	unsigned nword;
	bool failed;
	struct {
		char name[NNAME];
		unsigned program, insn;
	} label[NLABEL];
	unsigned nlabel;
	/* uses of labels, resolved at the end of the program */
	char use[NINSN][NNAME];
} in;

static void
complain(const char *fmt, ...)
{
	va_list ap;

	if (in.failed)
		return;
	in.failed = true;
	fprintf(stderr, "%s:%u: ", in.file, in.line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static bool
is(const char *a, const char *b)
{
	return a != NULL && strcmp(a, b) == 0;
}

static const char *
word(unsigned i)
{
	return i < in.nword ? in.word[i] : NULL;
}

static int
reg_named(const char *name, bool make)
{
	unsigned i;

	for (i = 0; i < script.sc_nreg; i++)
		if (is(script.sc_reg[i], name))
			return (int)i;
	if (!make) {
		complain("no variable %s", name);
		return 0;
	}
	if (i == NREG) {
		complain("more than %d variables", NREG);
		return 0;
	}
	snprintf(script.sc_reg[i], NNAME, "%.*s", NNAME - 1, name);
	return (int)script.sc_nreg++;
}

static long
number(const char *s)
{
	static const struct {
		const char *name;
		long val;
	} names[] = {{"PAGE", PAGE_SIZE}, {"DATA", DATA_BASE},
	    {"BSS", DATA_BASE + DATA_LEN}, {"r", 1}, {"w", 2}, {"rw", 3},
	    {"rx", 5}, {"rwx", 7}, {"none", 0}, {"DONTNEED", 4},
	    {"SIGKILL", SIGNAL_KILL}, {"EFAULT", -14}, {"ENOMEM", -12},
	    {"ESRCH", -3}, {"ECHILD", -10}, {"EBUSY", -16}, {"EACCES", -13},
	    {"EINVAL", -22}, {"EAGAIN", -11}, {"EPERM", -1}, {"EINTR", -4},
	    {"EIO", -5}, {"EIDRM", -43}, {"ENOENT", -2},
	    {"prompt", SIM_IO_PROMPT}, {"stall", SIM_IO_STALL},
	    {"fail", SIM_IO_FAIL}, {"choose", SIM_IO_CHOOSE}, {"PAGEOUT", 21}};
	char *end;
	long v;
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (is(s, names[i].name))
			return names[i].val;
	if (s == NULL) {
		complain("a number is missing");
		return 0;
	}
	v = strtol(s, &end, 0);
	if (end == s || *end != '\0')
		complain("%s is no number", s);
	return v;
}

/* 12, v, v+1 (pages), v+8b (bytes), PAGE, ... */
static struct sarg
argument(const char *s)
{
	struct sarg a = {.sa_reg = -1};
	char copy[64], *plus, *end;
	unsigned i;

	if (s == NULL) {
		complain("an argument is missing");
		return a;
	}
	snprintf(copy, sizeof copy, "%s", s);
	plus = strchr(copy, '+');
	if (plus != NULL) {
		*plus++ = '\0';
		a.sa_num = strtol(plus, &end, 0);
		if (*end != 'b')
			a.sa_num *= (long)PAGE_SIZE;
	}
	for (i = 0; i < script.sc_nreg; i++)
		if (is(script.sc_reg[i], copy)) {
			a.sa_reg = (int)i;
			return a;
		}
	a.sa_num += number(copy);
	return a;
}

/* "= a|b" or "-> v" at word i, if there is one. */
static void
result(struct insn *s, unsigned i)
{
	char *p, *save;

	for (; i < in.nword; i += 2) {
		if (is(word(i), "->") && i + 1 < in.nword) {
			s->s_reg = (int8_t)reg_named(word(i + 1), true);
			continue;
		}
		if (!is(word(i), "=") || i + 1 >= in.nword) {
			complain("what is %s?", word(i));
			return;
		}
		for (p = strtok_r(in.word[i + 1], "|", &save); p != NULL;
		     p = strtok_r(NULL, "|", &save)) {
			if (s->s_nwant == 4)
				complain("more than 4 values");
			else
				s->s_want[s->s_nwant++] = number(p);
		}
	}
}

static long
syscall_named(const char *name)
{
	long nr = name != NULL ? sim_syscall_number(name) : -1;

	if (nr < 0)
		complain("no system call %s", name != NULL ? name : "");
	return nr;
}

static void
arg(struct insn *s, struct sarg a)
{
	s->s_arg[s->s_narg++] = a;
}

static void
num(struct insn *s, long n)
{
	arg(s, (struct sarg){-1, n});
}

#define MAP_ANON_PRIVATE 0x22
#define MAP_ANON_SHARED  0x21
#define MAP_AT           0x100010
#define MAP_POPULATE_    0x8000

/* map VAR NPAGES PROT [shared] [at ADDR] [populate] [file ID] */
static void
op_map(struct insn *s)
{
	long flags = MAP_ANON_PRIVATE, at = 0, fd = -1;
	unsigned i;

	s->s_op = SOP_SYS;
	s->s_num = syscall_named("mmap");
	for (i = 4; i < in.nword; i++) {
		if (is(word(i), "shared"))
			flags = (flags & ~3L) | 1;
		else if (is(word(i), "populate"))
			flags |= MAP_POPULATE_;
		else if (is(word(i), "at"))
			flags |= MAP_AT, at = number(word(++i));
		else if (is(word(i), "file")) {
			flags &= ~0x20L;
			fd = SIM_FILE_FD + number(word(++i));
		} else
			complain("map: what is %s?", word(i));
	}
	num(s, at);
	num(s, number(word(2)) * (long)PAGE_SIZE);
	num(s, number(word(3)));
	num(s, flags);
	num(s, fd);
	num(s, 0);
	s->s_reg = (int8_t)reg_named(word(1), true);
}

/* unmap ADDR NPAGES; protect ADDR NPAGES PROT; advise ADDR NPAGES WHAT */
static void
op_range(struct insn *s, const char *call, bool more)
{
	s->s_op = SOP_SYS;
	s->s_num = syscall_named(call);
	arg(s, argument(word(1)));
	num(s, number(word(2)) * (long)PAGE_SIZE);
	if (more)
		num(s, number(word(3)));
	result(s, more ? 4 : 3);
}

/* fork LABEL, vfork LABEL, thread LABEL, share LABEL: the child goes there */
static void
op_fork(struct insn *s, long flags)
{
	s->s_op = SOP_FORK;
	num(s, flags);
	num(s, 0);
	num(s, 0);
	num(s, 0);
	num(s, 0);
	if (word(1) == NULL)
		complain("where does the child go?");
	else
		snprintf(in.use[script.sc_ninsn], NNAME, "%s", word(1));
	result(s, 2);
}

static void
op_jump(struct insn *s, unsigned i)
{
	if (word(i) == NULL)
		complain("where to?");
	else
		snprintf(in.use[script.sc_ninsn], NNAME, "%s", word(i));
	(void)s;
}

/* sys NAME ARG... [= VALUE] [-> VAR] */
static void
op_sys(struct insn *s)
{
	unsigned i;

	s->s_op = SOP_SYS;
	s->s_num = syscall_named(word(1));
	for (i = 2; i < in.nword && !is(word(i), "=") && !is(word(i), "->");
	     i++) {
		if (s->s_narg == 6)
			complain("more than 6 arguments");
		else
			arg(s, argument(word(i)));
	}
	result(s, i);
}

/* One of sim_calls: NAME ARG... [= VALUE] [-> VAR] */
static bool
op_call(struct insn *s, const char *w)
{
	unsigned i, k;

	for (i = 0; i < SIM_NCALLS && !is(w, sim_calls[i].sc_name); i++)
		continue;
	if (i == SIM_NCALLS)
		return false;
	s->s_op = SOP_CALL;
	s->s_num = i;
	for (k = 1; k <= sim_calls[i].sc_narg; k++)
		arg(s, argument(word(k)));
	result(s, k);
	return true;
}

static void
op_access(struct insn *s, enum sop op)
{
	s->s_op = (uint8_t)op;
	arg(s, argument(word(1)));
	if (op == SOP_READ)
		result(s, 2);
	else if (op == SOP_WRITE)
		arg(s, argument(word(2)));
	else
		s->s_num = is(word(2), "w")   ? MMU_WRITE
			   : is(word(2), "x") ? MMU_EXEC
					      : MMU_READ;
}

static void
op_if(struct insn *s)
{
	s->s_op = SOP_IF;
	arg(s, argument(word(1)));
	s->s_num = is(word(2), "=");
	if (!is(word(2), "=") && !is(word(2), "!="))
		complain("if VALUE = VALUE LABEL");
	arg(s, argument(word(3)));
	op_jump(s, 4);
}

/* ptrace REQUEST PID [ADDR [DATA]] [= VALUE] [-> VAR] */
static void
op_ptrace(struct insn *s)
{
	static const struct {
		const char *name;
		long request;
	} names[] = {{"traceme", 0}, {"peek", 2}, {"poke", 5}, {"cont", 7},
	    {"kill", 8}, {"attach", 16}, {"detach", 17}, {"seize", 0x4206},
	    {"interrupt", 0x4207}};
	unsigned i, k;

	s->s_op = SOP_SYS;
	s->s_num = syscall_named("ptrace");
	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (is(word(1), names[i].name))
			break;
	if (i == sizeof names / sizeof names[0]) {
		complain("no ptrace request is called %s",
		    word(1) != NULL ? word(1) : "");
		return;
	}
	num(s, names[i].request);
	for (k = 2;
	     k < in.nword && k < 5 && !is(word(k), "=") && !is(word(k), "->");
	     k++)
		arg(s, argument(word(k)));
	while (s->s_narg < 4)
		num(s, 0);
	result(s, k);
}

/* shmget VAR NPAGES; shmat VAR ID; shmdt ADDR; shmrm ID */
static bool
op_shm(struct insn *s, const char *w)
{
	bool get = is(w, "shmget"), at = is(w, "shmat");

	if (!get && !at && !is(w, "shmdt") && !is(w, "shmrm"))
		return false;
	s->s_op = SOP_SYS;
	s->s_num = syscall_named(is(w, "shmrm") ? "shmctl" : w);
	if (get) {
		num(s, 0); /* IPC_PRIVATE */
		num(s, number(word(2)) * (long)PAGE_SIZE);
		num(s, 01600); /* IPC_CREAT, rw for the owner */
	} else {
		arg(s, argument(word(at ? 2 : 1)));
		num(s, 0); /* IPC_RMID */
		num(s, 0);
	}
	if (get || at)
		s->s_reg = (int8_t)reg_named(word(1), true);
	else
		result(s, 2);
	return true;
}

/* touch ADDR NPAGES [w] */
static void
op_touch(struct insn *s)
{
	s->s_op = SOP_TOUCH;
	arg(s, argument(word(1)));
	num(s, number(word(2)));
	if (word(3) != NULL && !is(word(3), "w") && !is(word(3), "r"))
		complain("touch ADDR NPAGES r or w");
	s->s_num = is(word(3), "w") ? MMU_WRITE : MMU_READ;
}

#define CLONE_THREADS 0x50f00ul /* VM FS FILES SIGHAND THREAD SYSVSEM */

/* Memory and processes. */
static bool
op_kernel(struct insn *s, const char *w)
{
	if (is(w, "map"))
		op_map(s);
	else if (is(w, "unmap"))
		op_range(s, "munmap", false);
	else if (is(w, "protect"))
		op_range(s, "mprotect", true);
	else if (is(w, "advise"))
		op_range(s, "madvise", true);
	else if (is(w, "fork"))
		op_fork(s, SIGNAL_CHLD);
	else if (is(w, "vfork"))
		op_fork(s, 0x4100 | SIGNAL_CHLD);
	else if (is(w, "share"))
		op_fork(s, 0x100 | SIGNAL_CHLD);
	else if (is(w, "thread"))
		op_fork(s, CLONE_THREADS);
	else if (is(w, "sys"))
		op_sys(s);
	else if (is(w, "ptrace"))
		op_ptrace(s);
	else if (is(w, "exit") || is(w, "exitthread")) {
		s->s_op = SOP_SYS;
		s->s_num = syscall_named(is(w, "exit") ? "exit_group" : "exit");
		num(s, word(1) != NULL ? number(word(1)) : 0);
	} else if (is(w, "wait")) {
		s->s_op = SOP_SYS;
		s->s_num = syscall_named("wait4");
		num(s, -1);
		num(s, 0);
		num(s, 0);
		num(s, 0);
		result(s, 1);
	} else if (is(w, "exec")) {
		s->s_op = SOP_EXEC;
		snprintf(s->s_name, NNAME, "%s",
		    word(1) != NULL ? word(1) : "");
	} else if (is(w, "cpu")) {
		s->s_op = SOP_CPU;
		arg(s, argument(word(1)));
	} else
		return op_shm(s, w) || op_call(s, w);
	return true;
}

static bool
op_user(struct insn *s, const char *w)
{
	if (is(w, "read"))
		op_access(s, SOP_READ);
	else if (is(w, "write"))
		op_access(s, SOP_WRITE);
	else if (is(w, "touch"))
		op_touch(s);
	else if (is(w, "fault"))
		op_access(s, SOP_FAULT);
	else if (is(w, "set")) {
		s->s_op = SOP_SET;
		s->s_reg = (int8_t)reg_named(word(1), true);
		arg(s, argument(word(2)));
	} else if (is(w, "check")) {
		s->s_op = SOP_CHECK;
		arg(s, argument(word(1)));
		result(s, 2);
	} else if (is(w, "if"))
		op_if(s);
	else if (is(w, "goto")) {
		s->s_op = SOP_GOTO;
		op_jump(s, 1);
	} else if (is(w, "ready")) {
		s->s_op = SOP_READY;
		num(s, word(1) != NULL ? number(word(1)) : 1);
	} else if (is(w, "await") || is(w, "post")) {
		s->s_op = is(w, "await") ? SOP_AWAIT : SOP_POST;
		s->s_num = number(word(1));
	} else if (is(w, "calm"))
		s->s_op = SOP_CALM;
	else if (is(w, "mark"))
		s->s_op = SOP_MARK;
	else if (is(w, "enough"))
		s->s_op = SOP_ENOUGH;
	else if (is(w, "end"))
		s->s_op = SOP_END;
	else if (is(w, "fuzz"))
		s->s_op = SOP_FUZZ;
	else if (is(w, "rerun"))
		s->s_op = SOP_RERUN;
	else if (is(w, "nop"))
		s->s_op = SOP_NOP;
	else
		return false;
	return true;
}

static void
setting_number(const char *w, unsigned *p, const char *name, bool *found)
{
	if (is(w, name)) {
		*p = (unsigned)number(word(1));
		*found = true;
	}
}

/* file ID NPAGES */
static void
setting_file(void)
{
	long id = number(word(1)), n = number(word(2));

	if (id < 0 || id >= SIM_NFILE || n < 1 || n > 8)
		complain("file ID NPAGES: ID 0 to %d, 1 to 8 pages",
		    SIM_NFILE - 1);
	else
		script.sc_file[id] = (unsigned)n;
}

/* Of the whole scenario. */
static bool
setting(const char *w)
{
	bool found = false;

	setting_number(w, &script.sc_ncpu, "cpus", &found);
	setting_number(w, &script.sc_ram, "ram", &found);
	setting_number(w, &script.sc_bound, "bound", &found);
	setting_number(w, &script.sc_stale, "stale", &found);
	setting_number(w, &script.sc_depth, "depth", &found);
	setting_number(w, &script.sc_asids, "asids", &found);
	setting_number(w, &script.sc_swap, "swap", &found);
	setting_number(w, &script.sc_exitmax, "exitmax", &found);
	if (is(w, "evict"))
		script.sc_evict = found = true;
	else if (is(w, "speculate")) {
		found = true;
		if (script.sc_nspec < 4)
			script.sc_spec[script.sc_nspec++] =
			    (vaddr_t)argument(word(1)).sa_num;
	} else if (is(w, "file")) {
		found = true;
		setting_file();
	} else if (is(w, "bare")) {
		found = true;
		script.sc_bare =
		    word(1) != NULL ? sim_bare_named(word(1)) : NULL;
		if (script.sc_bare == NULL)
			complain("no bare test of that name");
	} else if (is(w, "late"))
		script.sc_late = found = true;
	else if (is(w, "swflags"))
		script.sc_swflags = found = true;
	else if (is(w, "reaper"))
		script.sc_reaper = found = true;
	else if (is(w, "faults"))
		script.sc_faults = found = true;
	return found;
}

static void
label_define(char *name)
{
	size_t n = strlen(name);

	name[n - 1] = '\0';
	if (in.nlabel == NLABEL || script.sc_nprogram == 0) {
		complain("label %s", name);
		return;
	}
	snprintf(in.label[in.nlabel].name, NNAME, "%.*s", NNAME - 1, name);
	in.label[in.nlabel].program = script.sc_nprogram - 1;
	in.label[in.nlabel++].insn = script.sc_ninsn;
}

/* Who runs past the last instruction exits; process 1 ends the scenario. */
static void
program_finish(void)
{
	struct insn *s = &script.sc_insn[script.sc_ninsn];

	if (script.sc_nprogram == 0)
		return;
	memset(s, 0, sizeof *s);
	s->s_reg = -1;
	s->s_line = (uint16_t)in.line;
	s->s_op = SOP_LAST;
	s->s_num = syscall_named("exit_group");
	in.use[script.sc_ninsn++][0] = '\0';
	script.sc_program[script.sc_nprogram - 1].p_n++;
}

static void
program_begin(void)
{
	struct program *p;

	if (word(1) == NULL || script_program(word(1)) != NULL) {
		complain("program NAME, each of its own");
		return;
	}
	if (script.sc_nprogram == NPROGRAM) {
		complain("more than %d programs", NPROGRAM);
		return;
	}
	program_finish();
	p = &script.sc_program[script.sc_nprogram++];
	snprintf(p->p_name, NNAME, "%s", word(1));
	p->p_first = script.sc_ninsn;
	p->p_n = 0;
}

static void
line(char *text)
{
	struct insn *s;
	char *p, *save;

	p = strchr(text, '#');
	if (p != NULL)
		*p = '\0';
	if (strncmp(text, "about ", 6) == 0) {
		snprintf(script.sc_about + strlen(script.sc_about),
		    sizeof script.sc_about - strlen(script.sc_about), "%s%s",
		    script.sc_about[0] != '\0' ? " " : "", text + 6);
		return;
	}
	in.nword = 0;
	for (p = strtok_r(text, " \t\r", &save); p != NULL;
	     p = strtok_r(NULL, " \t\r", &save))
		if (in.nword == MAXWORD)
			complain("more than %d words", MAXWORD);
		else
			in.word[in.nword++] = p;
	if (in.nword == 0 || setting(word(0)))
		return;
	if (is(word(0), "program")) {
		program_begin();
		return;
	}
	if (in.word[0][strlen(in.word[0]) - 1] == ':') {
		label_define(in.word[0]);
		memmove(in.word, in.word + 1, --in.nword * sizeof in.word[0]);
		if (in.nword == 0)
			return;
	}
	if (script.sc_nprogram == 0) {
		complain("%s: no setting, and no program has begun", word(0));
		return;
	}
	if (script.sc_ninsn == NINSN - NPROGRAM) {
		complain("more than %d instructions", NINSN - NPROGRAM);
		return;
	}
	s = &script.sc_insn[script.sc_ninsn];
	memset(s, 0, sizeof *s);
	s->s_reg = -1;
	s->s_line = (uint16_t)in.line;
	in.use[script.sc_ninsn][0] = '\0';
	if (!op_kernel(s, word(0)) && !op_user(s, word(0)))
		complain("no instruction is called %s", word(0));
	script.sc_ninsn++;
	script.sc_program[script.sc_nprogram - 1].p_n++;
}

static void
labels_resolve(void)
{
	const struct program *p;
	unsigned i, k, l;

	for (k = 0; k < script.sc_nprogram; k++) {
		p = &script.sc_program[k];
		for (i = p->p_first; i < p->p_first + p->p_n; i++) {
			if (in.use[i][0] == '\0')
				continue;
			for (l = 0; l < in.nlabel; l++)
				if (in.label[l].program == k &&
				    is(in.label[l].name, in.use[i]))
					break;
			in.line = script.sc_insn[i].s_line;
			if (l == in.nlabel)
				complain("no label %s", in.use[i]);
			else
				script.sc_insn[i].s_target =
				    (uint16_t)in.label[l].insn;
		}
	}
}

static void
check_range(const char *name, unsigned val, unsigned lo, unsigned hi)
{
	if (val < lo || val > hi)
		complain("%s is %u, not from %u to %u", name, val, lo, hi);
}

static void
check_settings(void)
{
	const struct insn *s;
	unsigned i;

	check_range("cpus", script.sc_ncpu, 1, DET_MAXCPU);
	check_range("ram", script.sc_ram, 4, 1024);
	/* Number 0 is the kernel's; each CPU has one, and one is to spare. */
	if (script.sc_asids != 1)
		check_range("asids", script.sc_asids, script.sc_ncpu + 2,
		    1u << 16);
	if (script.sc_swap != 0)
		check_range("swap", script.sc_swap, 2, 64);
	for (i = 0; i < script.sc_ninsn && !in.failed; i++) {
		s = &script.sc_insn[i];
		in.line = s->s_line;
		if (s->s_op == SOP_EXEC && script_program(s->s_name) == NULL)
			complain("no program is called %s", s->s_name);
		if (s->s_op == SOP_AWAIT || s->s_op == SOP_POST)
			check_range("the flag", (unsigned)s->s_num, 0,
			    SIM_NFLAG - 1);
	}
}

bool
script_check_cpus(const char *file)
{
	const struct insn *s;
	unsigned i;

	for (i = 0; i < script.sc_ninsn; i++) {
		s = &script.sc_insn[i];
		if (s->s_op != SOP_CPU || s->s_arg[0].sa_reg >= 0 ||
		    (s->s_arg[0].sa_num >= 0 &&
			s->s_arg[0].sa_num < (long)script.sc_ncpu))
			continue;
		fprintf(stderr, "%s:%u: cpu %ld: there are %u\n", file,
		    s->s_line, s->s_arg[0].sa_num, script.sc_ncpu);
		return false;
	}
	return true;
}

bool
script_parse(const char *text, const char *file)
{
	char buf[512];
	const char *end;
	size_t n;

	memset(&script, 0, sizeof script);
	memset(&in, 0, sizeof in);
	in.file = file;
	script.sc_ncpu = 2;
	script.sc_ram = 16;
	script.sc_bound = 1;
	script.sc_stale = 1;
	script.sc_depth = 3;
	script.sc_asids = 1;
	for (; *text != '\0' && !in.failed;
	     text = *end != '\0' ? end + 1 : end) {
		end = strchr(text, '\n');
		if (end == NULL)
			end = text + strlen(text);
		n = (size_t)(end - text);
		in.line++;
		if (n >= sizeof buf) {
			complain("a line of more than %zu bytes",
			    sizeof buf - 1);
			break;
		}
		memcpy(buf, text, n);
		buf[n] = '\0';
		line(buf);
	}
	if (!in.failed && (script.sc_nprogram == 0) != (script.sc_bare != NULL))
		complain(script.sc_bare != NULL ? "a bare test has no program"
						: "no program");
	program_finish();
	labels_resolve();
	check_settings();
	return !in.failed;
}

const struct program *
script_program(const char *name)
{
	unsigned i;

	for (i = 0; i < script.sc_nprogram; i++)
		if (is(script.sc_program[i].p_name, name))
			return &script.sc_program[i];
	return NULL;
}

static size_t
print_arg(char *buf, size_t len, const struct sarg *a)
{
	int n;

	if (a->sa_reg < 0)
		n = snprintf(buf, len, " %#lx", a->sa_num);
	else if (a->sa_num == 0)
		n = snprintf(buf, len, " %s", script.sc_reg[a->sa_reg]);
	else
		n = snprintf(buf, len, " %s+%ld", script.sc_reg[a->sa_reg],
		    a->sa_num / (long)PAGE_SIZE);
	return n < 0 || (size_t)n > len ? len : (size_t)n;
}

void
script_print(const struct insn *s, char *buf, size_t len)
{
	static const char *const names[] = {"sys", "clone", "exec", "read",
	    "write", "touch", "fault", "set", "if", "goto", "check", "cpu",
	    "ready", "await", "post", "calm", "mark", "enough", "end", "last",
	    "call", "fuzz", "rerun", "nop"};
	const char *name = names[s->s_op];
	size_t n;
	unsigned i;

	if (s->s_op == SOP_CALL)
		name = sim_calls[s->s_num].sc_name;
	if (s->s_op == SOP_SYS)
		name = sim_syscall_name(s->s_num);
	n = (size_t)snprintf(buf, len, "%s", name);
	if (s->s_op == SOP_EXEC)
		n += (size_t)snprintf(buf + n, len - n, " %s", s->s_name);
	if (s->s_op == SOP_POST || s->s_op == SOP_AWAIT)
		n += (size_t)snprintf(buf + n, len - n, " %ld", s->s_num);
	for (i = 0; i < s->s_narg && n < len; i++)
		n += print_arg(buf + n, len - n, &s->s_arg[i]);
}
