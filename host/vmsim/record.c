/*
 * record.c (vmsim): the memory life of a real process tree.
 *
 * vmsim record -- COMMAND runs it under ptrace(2), without address space
 * randomization, and writes down what each process maps, unmaps, protects and
 * advises, its forks, execs, waits and its exit; and the pages it faults on,
 * from the page-fault software event of perf_event_open(2), one sample per
 * fault.  A sample says where and when but not whether it was a store: a page
 * of writable private memory counts as written, others as read.  Without
 * perf events there are no touches but those of the pages that are resident
 * at exec and exit, from pagemap.
 *
 * Faults are put in front of the event at whose stop the thread is found: a
 * stopped thread has no samples outstanding.
 *
 * The output is a record (see record.h), which `vmsim run` replays.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <linux/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vmsim.h"

#define MAXTASK 65536u
#define MAXFILE 4096u
#define NCPU    256
#define RING    (512ul * 4096)
#define OPTIONS                                                                \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |    \
	    PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT |    \
	    PTRACE_O_EXITKILL)

/* A process or thread, and its lines so far. */
struct task {
	pid_t ta_tid;
	bool ta_known, ta_begun, ta_dead, ta_execing;
	uint64_t ta_nr, ta_args[6]; /* of the call it is in */
	uint64_t ta_brk;
	char *ta_text;
	size_t ta_len, ta_max;
	struct fault *ta_fault;
	unsigned ta_nfault, ta_maxfault;
	struct range *ta_range; /* writable private memory, unsorted */
	unsigned ta_nrange;
};

struct fault {
	uint64_t fa_time, fa_va;
};

struct range {
	uint64_t ra_start, ra_end;
	bool ra_written;
};

static struct task *tasks[MAXTASK];
static unsigned ntask;
static struct {
	uint64_t dev, ino, size;
	char name[64];
} files[MAXFILE];
static unsigned nfile;
static struct {
	void *map;
	uint64_t tail;
} rings[NCPU];
static unsigned nring;
static uint64_t nfork, nexec, nexit, nfaults, nlost;
static bool started; /* the command's own exec has been seen */

static struct task *
task_make(pid_t tid)
{
	struct task *ta;

	if (ntask == MAXTASK)
		fail("more than %u processes", MAXTASK);
	ta = calloc(1, sizeof *ta);
	if (ta == NULL)
		abort();
	ta->ta_tid = tid;
	tasks[ntask++] = ta;
	return ta;
}

/* Numbers are used again: the living one, or the last. */
static struct task *
task_of(pid_t tid, bool make)
{
	unsigned i;

	for (i = ntask; i-- > 0;)
		if (tasks[i]->ta_tid == tid && !tasks[i]->ta_dead)
			return tasks[i];
	return make ? task_make(tid) : NULL;
}

static unsigned
index_of(const struct task *ta)
{
	unsigned i;

	for (i = ntask; i-- > 0;)
		if (tasks[i] == ta)
			return i;
	return 0;
}

static __attribute__((format(printf, 2, 3))) void
say(struct task *ta, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (ta->ta_max - ta->ta_len < 256) {
		ta->ta_max = ta->ta_max * 2 + 4096;
		ta->ta_text = realloc(ta->ta_text, ta->ta_max);
		if (ta->ta_text == NULL)
			abort();
	}
	va_start(ap, fmt);
	n = vsnprintf(ta->ta_text + ta->ta_len, 255, fmt, ap);
	va_end(ap);
	ta->ta_len += (size_t)(n < 255 ? n : 254);
	ta->ta_text[ta->ta_len++] = '\n';
}

/*
 * What is writable and private, to guess by.
 */
static void
range_forget(struct task *ta, uint64_t start, uint64_t end)
{
	struct range *r;
	unsigned i;

	for (i = 0; i < ta->ta_nrange; i++) {
		r = &ta->ta_range[i];
		if (r->ra_end <= start || r->ra_start >= end)
			continue;
		if (r->ra_start < start)
			r->ra_end = start;
		else if (r->ra_end > end)
			r->ra_start = end;
		else
			r->ra_end = r->ra_start;
	}
}

static void
range_note(struct task *ta, uint64_t start, uint64_t end, bool written)
{
	range_forget(ta, start, end);
	ta->ta_range =
	    realloc(ta->ta_range, (ta->ta_nrange + 1) * sizeof *ta->ta_range);
	if (ta->ta_range == NULL)
		abort();
	ta->ta_range[ta->ta_nrange++] = (struct range){start, end, written};
}

/* 0: nothing is known to be there. */
static char
access_at(const struct task *ta, uint64_t va)
{
	unsigned i;

	for (i = ta->ta_nrange; i-- > 0;)
		if (va >= ta->ta_range[i].ra_start &&
		    va < ta->ta_range[i].ra_end)
			return ta->ta_range[i].ra_written ? 'w' : 'r';
	return 0;
}

/*
 * Files.
 */
static int
file_number(uint64_t dev, uint64_t ino, uint64_t size, const char *name)
{
	unsigned i;

	for (i = 0; i < nfile; i++)
		if (files[i].dev == dev && files[i].ino == ino) {
			if (size > files[i].size)
				files[i].size = size;
			return (int)i;
		}
	if (nfile == MAXFILE)
		fail("more than %u files", MAXFILE);
	files[nfile].dev = dev;
	files[nfile].ino = ino;
	files[nfile].size = size;
	name = strrchr(name, '/') != NULL ? strrchr(name, '/') + 1 : name;
	snprintf(files[nfile].name, sizeof files[nfile].name, "%.60s", name);
	return (int)nfile++;
}

static int
file_of(pid_t tid, int fd)
{
	char path[64], name[256];
	struct stat st;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)tid, fd);
	n = readlink(path, name, sizeof name - 1);
	name[n > 0 ? n : 0] = '\0';
	if (stat(path, &st) != 0)
		return -1;
	return file_number(st.st_dev, st.st_ino, (uint64_t)st.st_size, name);
}

/*
 * Faults.
 */
static void
perf_start(pid_t tid)
{
	struct perf_event_attr at;
	long ncpu = sysconf(_SC_NPROCESSORS_CONF);
	void *p;
	long cpu;
	int fd;

	memset(&at, 0, sizeof at);
	at.type = PERF_TYPE_SOFTWARE;
	at.size = sizeof at;
	at.config = PERF_COUNT_SW_PAGE_FAULTS;
	at.sample_period = 1;
	at.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ADDR;
	at.inherit = 1;
	at.exclude_hv = 1;
	for (cpu = 0; cpu < ncpu && nring < NCPU; cpu++) {
		fd = (int)syscall(SYS_perf_event_open, &at, tid, (int)cpu, -1,
		    0);
		if (fd < 0 && !at.exclude_kernel) {
			at.exclude_kernel = 1;
			fd = (int)syscall(SYS_perf_event_open, &at, tid,
			    (int)cpu, -1, 0);
		}
		if (fd < 0)
			continue;
		p = mmap(NULL, RING + 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
		    fd, 0);
		if (p != MAP_FAILED)
			rings[nring++].map = p;
		else
			close(fd);
	}
	if (nring == 0)
		fprintf(stderr,
		    "vmsim record: no perf events (%s): pages "
		    "are sampled at exec and exit only\n",
		    strerror(errno));
}

static void
fault_note(pid_t tid, uint64_t when, uint64_t va)
{
	struct task *ta = task_of(tid, true);

	if (ta->ta_nfault == ta->ta_maxfault) {
		ta->ta_maxfault = ta->ta_maxfault * 2 + 64;
		ta->ta_fault = realloc(ta->ta_fault,
		    ta->ta_maxfault * sizeof *ta->ta_fault);
		if (ta->ta_fault == NULL)
			abort();
	}
	ta->ta_fault[ta->ta_nfault++] = (struct fault){when, va};
}

static void
ring_copy(const char *data, uint64_t at, void *to, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		((char *)to)[i] = data[(at + i) % RING];
}

static void
perf_drain(void)
{
	struct {
		struct perf_event_header h;
		uint32_t pid, tid;
		uint64_t time, addr;
	} s;
	struct perf_event_mmap_page *pg;
	uint64_t head, lost[2];
	const char *data;
	unsigned i;

	for (i = 0; i < nring; i++) {
		pg = rings[i].map;
		data = (const char *)pg + 4096;
		head = __atomic_load_n(&pg->data_head, __ATOMIC_ACQUIRE);
		while (rings[i].tail < head) {
			ring_copy(data, rings[i].tail, &s.h, sizeof s.h);
			if (s.h.type == PERF_RECORD_SAMPLE) {
				ring_copy(data, rings[i].tail, &s, sizeof s);
				if (started)
					fault_note((pid_t)s.tid, s.time,
					    s.addr);
			} else if (s.h.type == PERF_RECORD_LOST) {
				ring_copy(data, rings[i].tail + sizeof s.h,
				    lost, sizeof lost);
				nlost += lost[1];
			}
			rings[i].tail += s.h.size;
		}
		__atomic_store_n(&pg->data_tail, rings[i].tail,
		    __ATOMIC_RELEASE);
	}
}

static int
by_time(const void *a, const void *b)
{
	const struct fault *x = a, *y = b;

	return x->fa_time < y->fa_time ? -1 : x->fa_time > y->fa_time;
}

/* The faults of a stopped thread up to now, as lines. */
static void
faults_flush(struct task *ta)
{
	unsigned i;
	char how;

	perf_drain();
	qsort(ta->ta_fault, ta->ta_nfault, sizeof *ta->ta_fault, by_time);
	for (i = 0; i < ta->ta_nfault; i++) {
		how = access_at(ta, ta->ta_fault[i].fa_va);
		nfaults++;
		/* vdso, vvar: the kernel's own. */
		if (how != 0)
			say(ta, "touch %#llx %c",
			    (unsigned long long)ta->ta_fault[i].fa_va &
				-4096ull,
			    how);
	}
	ta->ta_nfault = 0;
}

/*
 * What exec has made.
 */
static void
maps_note(struct task *ta)
{
	char path[64], line[512], prot[8], name[256];
	unsigned long long start, end, off, ino;
	unsigned maj, min;
	FILE *f;
	int file, n;

	ta->ta_nrange = 0;
	snprintf(path, sizeof path, "/proc/%d/maps", (int)ta->ta_tid);
	f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof line, f) != NULL) {
		name[0] = '\0';
		n = sscanf(line, "%llx-%llx %7s %llx %x:%x %llu %255s", &start,
		    &end, prot, &off, &maj, &min, &ino, name);
		if (n < 7 || strncmp(name, "[v", 2) == 0)
			continue;
		range_note(ta, start, end, prot[1] == 'w');
		if (strcmp(name, "[stack]") == 0) {
			/* It grows; the limit is as good as any. */
			range_note(ta, end - (8ull << 20), end, true);
			continue;
		}
		file = ino == 0 ? -1
				: file_number(maj * 256ull + min, ino,
				      off + (end - start), name);
		say(ta, "map %#llx %#llx %u %c %d %#llx", start, end - start,
		    (prot[0] == 'r' ? 1u : 0) | (prot[1] == 'w' ? 2u : 0) |
			(prot[2] == 'x' ? 4u : 0),
		    prot[3], file, off);
	}
	if (f != NULL)
		fclose(f);
}

/* Without perf: what is resident now has been touched. */
static void
resident_note(struct task *ta)
{
	char path[64];
	uint64_t va, word;
	unsigned i, n = ta->ta_nrange;
	int fd;

	if (nring != 0)
		return;
	snprintf(path, sizeof path, "/proc/%d/pagemap", (int)ta->ta_tid);
	fd = open(path, O_RDONLY);
	for (i = 0; fd >= 0 && i < n; i++)
		for (va = ta->ta_range[i].ra_start; va < ta->ta_range[i].ra_end;
		     va += 4096)
			if (pread(fd, &word, 8, (off_t)(va / 4096 * 8)) == 8 &&
			    (word >> 63) != 0)
				fault_note(ta->ta_tid, va, va);
	if (fd >= 0)
		close(fd);
}

/*
 * System calls.
 */
static void
call_mmap(struct task *ta, uint64_t va)
{
	const uint64_t *a = ta->ta_args;
	bool shared = (a[3] & MAP_TYPE) != MAP_PRIVATE;
	uint64_t len = (a[1] + 4095) & -4096ull;
	int file = -1;

	if ((a[3] & MAP_ANONYMOUS) == 0)
		file = file_of(ta->ta_tid, (int)a[4]);
	range_note(ta, va, va + len, (a[2] & PROT_WRITE) != 0);
	say(ta, "map %#llx %#llx %u %c %d %#llx", (unsigned long long)va,
	    (unsigned long long)len, (unsigned)a[2] & 7, shared ? 's' : 'p',
	    file, (unsigned long long)(file >= 0 ? a[5] : 0));
}

static void
call_brk(struct task *ta, uint64_t now)
{
	uint64_t old = (ta->ta_brk + 4095) & -4096ull;
	uint64_t new = (now + 4095) & -4096ull;

	if (ta->ta_brk != 0 && new > old) {
		range_note(ta, old, new, true);
		say(ta, "map %#llx %#llx 3 p -1 0", (unsigned long long)old,
		    (unsigned long long)(new - old));
	} else if (ta->ta_brk != 0 && new < old) {
		range_forget(ta, new, old);
		say(ta, "unmap %#llx %#llx", (unsigned long long)new,
		    (unsigned long long)(old - new));
	}
	ta->ta_brk = now;
}

static void
call_protect(struct task *ta)
{
	const uint64_t *a = ta->ta_args;
	uint64_t len = (a[1] + 4095) & -4096ull;

	if (access_at(ta, a[0]) != 0)
		range_note(ta, a[0], a[0] + len, (a[2] & PROT_WRITE) != 0);
	say(ta, "protect %#llx %#llx %u", (unsigned long long)a[0],
	    (unsigned long long)len, (unsigned)a[2] & 7);
}

static void
call_mremap(struct task *ta, uint64_t now)
{
	const uint64_t *a = ta->ta_args;
	uint64_t old = (a[1] + 4095) & -4096ull, new = (a[2] + 4095) & -4096ull;
	bool written = access_at(ta, a[0]) == 'w';

	range_forget(ta, a[0], a[0] + old);
	range_note(ta, now, now + new, written);
	say(ta, "remap %#llx %#llx %#llx %#llx", (unsigned long long)a[0],
	    (unsigned long long)old, (unsigned long long)new,
	    (unsigned long long)now);
}

static void
call_done(struct task *ta, int64_t r)
{
	const uint64_t *a = ta->ta_args;
	const struct task *kid;

	switch (ta->ta_nr) {
	case SYS_mmap:
		call_mmap(ta, (uint64_t)r);
		break;
	case SYS_munmap:
		range_forget(ta, a[0], a[0] + ((a[1] + 4095) & -4096ull));
		say(ta, "unmap %#llx %#llx", (unsigned long long)a[0],
		    (unsigned long long)((a[1] + 4095) & -4096ull));
		break;
	case SYS_mprotect:
		call_protect(ta);
		break;
	case SYS_mremap:
		call_mremap(ta, (uint64_t)r);
		break;
	case SYS_madvise:
		say(ta, "advise %#llx %#llx %u", (unsigned long long)a[0],
		    (unsigned long long)((a[1] + 4095) & -4096ull),
		    (unsigned)a[2]);
		break;
	case SYS_brk:
		call_brk(ta, (uint64_t)r);
		break;
	case SYS_wait4:
		for (kid = NULL; r > 0 && kid == NULL;)
			for (unsigned i = ntask; i-- > 0;)
				if (tasks[i]->ta_tid == (pid_t)r) {
					kid = tasks[i];
					break;
				}
		if (kid != NULL)
			say(ta, "wait %u", index_of(kid));
		break;
	default:
		break;
	}
}

static bool
matters(uint64_t nr)
{
	return nr == SYS_mmap || nr == SYS_munmap || nr == SYS_mprotect ||
	       nr == SYS_mremap || nr == SYS_madvise || nr == SYS_brk ||
	       nr == SYS_wait4;
}

static void
on_syscall(struct task *ta)
{
	struct ptrace_syscall_info si;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, ta->ta_tid, sizeof si, &si) < 0)
		return;
	if (si.op == PTRACE_SYSCALL_INFO_ENTRY) {
		ta->ta_nr = si.entry.nr;
		memcpy(ta->ta_args, si.entry.args, sizeof ta->ta_args);
		/* What was before exec is gone at its next stop. */
		if (started && (matters(ta->ta_nr) || ta->ta_nr == SYS_execve))
			faults_flush(ta);
		ta->ta_execing = ta->ta_nr == SYS_execve;
	} else if (si.op == PTRACE_SYSCALL_INFO_EXIT) {
		ta->ta_execing = false;
		if (!started || si.exit.is_error || !matters(ta->ta_nr))
			return;
		call_done(ta, si.exit.rval);
	}
}

static void
on_fork(struct task *ta, int event)
{
	unsigned long msg = 0;
	struct task *kid;
	const char *how = event == PTRACE_EVENT_VFORK ? " vfork" : "";
	uint64_t flags = 0;

	(void)ptrace(PTRACE_GETEVENTMSG, ta->ta_tid, 0, &msg);
	kid = task_of((pid_t)msg, true);
	kid->ta_known = true;
	faults_flush(ta);
	if (ta->ta_nr == SYS_clone)
		flags = ta->ta_args[0];
	if ((flags & CLONE_THREAD) != 0)
		how = " thread";
	else if (event != PTRACE_EVENT_VFORK && (flags & CLONE_VM) != 0)
		how = " share";
	kid->ta_brk = ta->ta_brk;
	kid->ta_nrange = ta->ta_nrange;
	kid->ta_range = malloc(ta->ta_nrange * sizeof *ta->ta_range + 1);
	if (kid->ta_range == NULL)
		abort();
	if (ta->ta_nrange != 0)
		memcpy(kid->ta_range, ta->ta_range,
		    ta->ta_nrange * sizeof *ta->ta_range);
	if ((flags & CLONE_THREAD) == 0)
		nfork++;
	say(ta, "fork %u%s", index_of(kid), how);
}

static void
on_exec(struct task *ta)
{
	char path[64], name[256];
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/exe", (int)ta->ta_tid);
	n = readlink(path, name, sizeof name - 1);
	name[n > 0 ? n : 0] = '\0';
	if (started) {
		nexec++;
		say(ta, "exec %s",
		    strrchr(name, '/') != NULL ? strrchr(name, '/') + 1 : name);
	}
	started = true;
	ta->ta_brk = 0;
	maps_note(ta);
	faults_flush(ta);
}

static void
on_exit_event(struct task *ta)
{
	unsigned long status = 0;

	(void)ptrace(PTRACE_GETEVENTMSG, ta->ta_tid, 0, &status);
	resident_note(ta);
	faults_flush(ta);
	if ((status & 0x7f) != 0)
		say(ta, "exit %lu", 128 + (status & 0x7f));
	else
		say(ta, "exit %lu", status >> 8 & 0xff);
	nexit++;
}

/* False: nobody is left. */
static bool
one_stop(void)
{
	struct task *ta;
	int status, sig = 0, event;
	pid_t tid;

	tid = waitpid(-1, &status, __WALL);
	if (tid < 0)
		return errno == EINTR;
	ta = task_of(tid, true);
	if (!WIFSTOPPED(status)) {
		ta->ta_dead = true;
		return true;
	}
	event = status >> 16;
	sig = WSTOPSIG(status);
	if (sig == (SIGTRAP | 0x80)) {
		on_syscall(ta);
		sig = 0;
	} else if (sig == SIGTRAP && event != 0) {
		if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
		    event == PTRACE_EVENT_CLONE)
			on_fork(ta, event);
		else if (event == PTRACE_EVENT_EXEC)
			on_exec(ta);
		else if (event == PTRACE_EVENT_EXIT)
			on_exit_event(ta);
		sig = 0;
	} else if (sig == SIGSTOP && !ta->ta_begun) {
		ta->ta_begun = true;
		sig = 0;
	}
	(void)ptrace(PTRACE_SYSCALL, tid, 0, sig);
	return true;
}

static void
write_record(FILE *f, char **command, double real)
{
	struct rusage ru;
	unsigned i;

	getrusage(RUSAGE_CHILDREN, &ru);
	fprintf(f, "record 1\n# ");
	for (; *command != NULL; command++)
		fprintf(f, "%s ", *command);
	fprintf(f, "\nlinux forks %llu execs %llu exits %llu faults %llu\n",
	    (unsigned long long)nfork, (unsigned long long)nexec,
	    (unsigned long long)nexit, (unsigned long long)nfaults);
	fprintf(f, "time %.2f %.2f %.2f\n", real,
	    (double)ru.ru_utime.tv_sec + (double)ru.ru_utime.tv_usec * 1e-6,
	    (double)ru.ru_stime.tv_sec + (double)ru.ru_stime.tv_usec * 1e-6);
	for (i = 0; i < nfile; i++)
		fprintf(f, "file %u %#llx %s\n", i,
		    (unsigned long long)((files[i].size + 4095) & -4096ull),
		    files[i].name);
	for (i = 0; i < ntask; i++) {
		fprintf(f, "process %u\n", i);
		if (tasks[i]->ta_text != NULL)
			fwrite(tasks[i]->ta_text, 1, tasks[i]->ta_len, f);
	}
}

int
cmd_record(char **command)
{
	const char *out = opt.out != NULL ? opt.out : "vmsim.record";
	double began = seconds();
	struct task *root;
	int status, failed[2]; /* a byte: there was nothing to run */
	pid_t pid;
	FILE *f;

	if (command == NULL || *command == NULL)
		fail("record [--out FILE] -- COMMAND [ARGUMENT...]");
	if (pipe2(failed, O_CLOEXEC) != 0)
		fail("pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		fail("fork: %s", strerror(errno));
	if (pid == 0) {
		(void)personality(ADDR_NO_RANDOMIZE);
		(void)ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		execvp(command[0], command);
		fprintf(stderr, "vmsim record: %s: %s\n", command[0],
		    strerror(errno));
		(void)!write(failed[1], "", 1);
		_exit(127);
	}
	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, 0, OPTIONS) != 0)
		fail("ptrace: %s", strerror(errno));
	root = task_of(pid, true);
	root->ta_begun = root->ta_known = true;
	perf_start(pid);
	(void)ptrace(PTRACE_SYSCALL, pid, 0, 0);
	while (one_stop())
		continue;
	close(failed[1]);
	if (read(failed[0], &status, 1) > 0)
		exit(127);
	close(failed[0]);
	f = out_open(out);
	write_record(f, command, seconds() - began);
	out_close(f, out);
	fprintf(stderr,
	    "%s: %u processes and threads, %llu forks, %llu execs, %llu exits, "
	    "%llu page faults%s\n",
	    out, ntask, (unsigned long long)nfork, (unsigned long long)nexec,
	    (unsigned long long)nexit, (unsigned long long)nfaults,
	    nlost != 0 ? " (and some lost)" : "");
	return 0;
}
