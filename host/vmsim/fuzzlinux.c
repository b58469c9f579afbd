/*
 * fuzzlinux.c (vmsim): the Linux kernel beneath, as the other machine.
 *
 * A process of its own runs the programs, before anything else of vmsim is
 * mapped, so that the arena is free there.  It takes them from a ring in
 * shared memory and may be some programs ahead; a byte in a pipe stands for a
 * program to run, one in the other for an answer.
 *
 * Memory is not the process's alone while a program runs: nothing here may
 * allocate or use the heap.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

#if defined(__x86_64__)
#define TOP 0x7ffffffff000ul
#else
#define TOP (1ul << 48)
#endif

#define NRING	  32u
#define FILE_FD	  3
#define TOPPAGES  16u
#define SPILL	  16u /* pages behind the arena that operations reach */
#define HEAPPAGES	  (FZ_BRKMAX + SPILL)
#define STACKSIZE 65536u

struct slot {
	size_t sl_len;
	uint8_t sl_bytes[FZ_MAXLEN];
	struct fz_log sl_log;
};

static struct slot *ring; /* shared */
static unsigned asked, answered;
static int ask_fd, answer_fd;
static pid_t executor;

/* Of the executor. */
static struct fz_prog prog;
static uint64_t scratch[8];
static char *brk0;
static bool top_busy;
static sigjmp_buf access_jmp, root_jmp;
static char stacks[FZ_NPROC][STACKSIZE] __attribute__((aligned(64)));
static char text[1 << 16];

static const long numbers[FZ_NCALL] = {SYS_mmap, SYS_munmap, SYS_mprotect,
    SYS_madvise, SYS_mremap, SYS_mlock, SYS_mlock2, SYS_munlock, SYS_msync,
    SYS_brk, SYS_mincore, SYS_rt_sigprocmask, SYS_shmget, SYS_shmat, SYS_shmdt,
    SYS_shmctl, SYS_wait4};

static long
linux_call(enum fz_call c, const uint64_t a[6])
{
	long r;

	r = syscall(numbers[c], a[0], a[1], a[2], a[3], a[4], a[5]);
	return r == -1 ? -errno : r;
}

static void
on_fault(int sig, siginfo_t *si, void *context)
{
	(void)context;
	siglongjmp(access_jmp,
	    (sig == SIGSEGV ? (int)FZ_SEGV : (int)FZ_SIGBUS) + si->si_code);
}

static long
linux_access(uint64_t va, bool write, uint64_t *val)
{
	volatile uint64_t *p = (volatile uint64_t *)va;
	int fault = sigsetjmp(access_jmp, 0);

	if (fault != 0)
		return fault;
	if (write)
		*p = *val;
	else
		*val = *p;
	return 0;
}

static struct fz_machine machine_linux;

static int
begin_child(void *arg)
{
	struct fz_state st = *(struct fz_state *)arg;

	fz_child(&prog, &machine_linux, &st);
}

static long
linux_fork(const struct fz_state *st, unsigned long flags)
{
	struct fz_state child = *st;
	long pid;

	if ((flags & CLONE_VM) != 0) {
		pid = clone(begin_child, stacks[st->fs_proc] + STACKSIZE,
		    (int)flags, &child);
		/* The child's state is on this stack until it has begun. */
		if (pid > 0 && (flags & CLONE_VFORK) == 0)
			(void)waitpid((pid_t)pid, NULL, 0);
		return pid < 0 ? -errno : pid;
	}
	pid = syscall(SYS_clone, flags, 0, 0, 0, 0);
	if (pid == 0)
		fz_child(&prog, &machine_linux, &child);
	return pid < 0 ? -errno : pid;
}

static long
linux_truncate(uint64_t len)
{
	return ftruncate(FILE_FD, (off_t)len) == 0 ? 0 : -errno;
}

static __attribute__((noreturn)) void
linux_exit(const struct fz_state *st)
{
	if (st->fs_proc == 0)
		siglongjmp(root_jmp, 1);
	_exit(0);
}

/* A file of /proc/self into text. */
static void
slurp_self(const char *path)
{
	size_t n = 0;
	ssize_t r;
	int fd;

	fd = open(path, O_RDONLY);
	while (fd >= 0 && n < sizeof text - 1 &&
	       (r = read(fd, text + n, sizeof text - 1 - n)) > 0)
		n += (size_t)r;
	text[n] = '\0';
	if (fd >= 0)
		close(fd);
}

/* A line of maps: which pages of the arena, and what they are. */
static void
note_mapping(struct fz_end *fe, uint64_t start, uint64_t end,
    const char *rest)
{
	uint64_t off, inode, va;
	unsigned dev[2];
	uint32_t bits = FZ_M_MAPPED;
	char r, w, x, s;

	if (sscanf(rest, " %c%c%c%c %lx %x:%x %lu", &r, &w, &x, &s, &off,
		&dev[0], &dev[1], &inode) != 8)
		return;
	bits |= (r == 'r' ? 1u : 0) | (w == 'w' ? 2u : 0) | (x == 'x' ? 4u : 0);
	if (s == 's')
		bits |= FZ_M_SHARED;
	if (inode != 0)
		bits |= FZ_M_OBJECT;
	else
		off = 0;
	for (va = start < FZ_BASE ? FZ_BASE : start; va < end; va += FZ_PAGE) {
		if (va >= FZ_BASE + FZ_NPAGES * FZ_PAGE)
			return;
		fe->fe_map[(va - FZ_BASE) / FZ_PAGE] =
		    inode == 0 ? bits
			       : bits | (uint32_t)((off + va - start) / FZ_PAGE
						<< FZ_M_OFFSET);
	}
}

static uint32_t
locked_pages(void)
{
	char *p;

	slurp_self("/proc/self/status");
	p = strstr(text, "VmLck:");
	return p == NULL ? 0 : (uint32_t)(strtoul(p + 6, NULL, 10) / 4);
}

static void
linux_end(struct fz_end *fe, bool locks)
{
	uint64_t start, end;
	char *p, *rest;

	slurp_self("/proc/self/maps");
	for (p = text; p != NULL && *p != '\0'; p = strchr(p, '\n')) {
		if (*p == '\n' && *++p == '\0')
			break;
		start = strtoul(p, &rest, 16);
		end = strtoul(rest + 1, &rest, 16);
		if (start >= FZ_BASE + FZ_NPAGES * FZ_PAGE)
			break;
		if (end > FZ_BASE)
			note_mapping(fe, start, end, rest);
	}
	if (locks)
		fe->fe_locked = locked_pages();
}

static struct fz_machine machine_linux = {
    .fm_call = linux_call,
    .fm_access = linux_access,
    .fm_fork = linux_fork,
    .fm_truncate = linux_truncate,
    .fm_end = linux_end,
    .fm_exit = linux_exit,
    .fm_top = TOP,
    .fm_sync = true,
};

/* As it was before the first program. */
static void
reset(void)
{
	munmap((void *)FZ_BASE, (FZ_NPAGES + SPILL) * FZ_PAGE);
	munmap(NULL, TOPPAGES * FZ_PAGE);
	if (!top_busy)
		munmap((void *)(TOP - TOPPAGES * FZ_PAGE), TOPPAGES * FZ_PAGE);
	/* The heap shrinks only where something is mapped. */
	if (mmap(brk0, HEAPPAGES * FZ_PAGE, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		_exit(1);
	syscall(SYS_brk, brk0);
	munmap(brk0, HEAPPAGES * FZ_PAGE);
	if (ftruncate(FILE_FD, 0) != 0 ||
	    ftruncate(FILE_FD, FZ_NFILE * FZ_PAGE) != 0)
		_exit(1);
}

/*
 * Linux has lost count of the locked pages of this process (mremap() of
 * several mappings that fails half way): go on as another one.
 */
static void
start_afresh(void)
{
	pid_t pid;
	int status;

	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		return;
	}
	waitpid(pid, &status, 0);
	_exit(status);
}

static void
execute(struct slot *sl)
{
	struct fz_state st;
	unsigned i;

	reset();
	if (prog.fp_locks && locked_pages() != 0)
		start_afresh();
	fz_decode(&prog, sl->sl_bytes, sl->sl_len);
	memset(&sl->sl_log, 0, sizeof sl->sl_log);
	memset(&st, 0, sizeof st);
	machine_linux.fm_log = &sl->sl_log;
	if (sigsetjmp(root_jmp, 0) == 0)
		fz_root(&prog, &machine_linux, &st);
	for (i = 0; i < sl->sl_log.fl_nshm; i++)
		shmctl((int)sl->sl_log.fl_shm[i], IPC_RMID, NULL);
}

/* The stack of a process without ASLR is where operations would hit it. */
static void
find_top(void)
{
	char *p;

	slurp_self("/proc/self/maps");
	for (p = text; p != NULL && *p != '\0'; p = strchr(p, '\n')) {
		p += *p == '\n';
		p = strchr(p, '-');
		if (p == NULL)
			break;
		if (strtoul(p + 1, NULL, 16) > TOP - TOPPAGES * FZ_PAGE &&
		    strtoul(p + 1, NULL, 16) <= TOP)
			top_busy = true;
	}
	/* Then it ends a little earlier for us. */
	if (top_busy)
		fprintf(stderr, "vmsim fuzz: this process's stack is at the "
				"end of its space: expect differences there\n");
}

/* Page 0 is nobody's, whoever runs this. */
static void
drop_rawio(void)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d) != 0)
		return;
	d[0].effective &= ~(1u << CAP_SYS_RAWIO);
	(void)syscall(SYS_capset, &h, d);
}

static __attribute__((noreturn)) void
executor_main(int from, int to)
{
	struct sigaction sa;
	unsigned i = 0;
	char c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	memset(&sa, 0, sizeof sa);
	sa.sa_sigaction = on_fault;
	sa.sa_flags = SA_SIGINFO | SA_NODEFER;
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	drop_rawio();
	find_top();
	brk0 = (char *)(((uintptr_t)syscall(SYS_brk, 0) + FZ_PAGE - 1) &
			-FZ_PAGE);
	machine_linux.fm_scratch = (uint64_t)(uintptr_t)scratch;
	while (read(from, &c, 1) == 1) {
		execute(&ring[i++ % NRING]);
		if (write(to, &c, 1) != 1)
			break;
	}
	_exit(0);
}

bool
fz_linux_start(void)
{
	int in[2], out[2];

	ring = mmap(NULL, NRING * sizeof *ring, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ring == MAP_FAILED || pipe(in) != 0 || pipe(out) != 0)
		return false;
	asked = answered = 0;
	executor = fork();
	if (executor < 0)
		return false;
	if (executor == 0) {
		in[0] = fcntl(in[0], F_DUPFD, 64);
		out[1] = fcntl(out[1], F_DUPFD, 64);
		close_range(FILE_FD, 63, 0);
		if (memfd_create("fuzz", 0) != FILE_FD)
			_exit(1);
		executor_main(in[0], out[1]);
	}
	close(in[0]);
	close(out[1]);
	ask_fd = in[1];
	answer_fd = out[0];
	return true;
}

void
fz_linux_ask(const uint8_t *bytes, size_t len)
{
	struct slot *sl = &ring[asked++ % NRING];

	if (len > FZ_MAXLEN)
		len = FZ_MAXLEN;
	memcpy(sl->sl_bytes, bytes, len);
	sl->sl_len = len;
	(void)!write(ask_fd, "", 1);
}

const struct fz_log *
fz_linux_answer(void)
{
	char c;

	if (read(answer_fd, &c, 1) != 1)
		return NULL;
	return &ring[answered++ % NRING].sl_log;
}

void
fz_linux_stop(void)
{
	close(ask_fd);
	close(answer_fd);
	(void)kill(executor, SIGKILL);
	(void)waitpid(executor, NULL, 0);
	munmap(ring, NRING * sizeof *ring);
}
