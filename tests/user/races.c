/*
 * races.c: the pairs of the explorer's scenarios, as programs.
 *
 * tests/sim explores every interleaving of two system calls on a simulated
 * machine; here they run against each other on this one, many times, from a
 * moment that both have agreed on.  What a round may see is stated as there:
 * the value before, the value after, or the error, and never anything else.
 * Each race is named as its scenario.
 *
 *	races [ROUNDS [NAME ...]]
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include "t.h"

#define VALUE 0x5a5a5a5aL
#define NPAGE 8

static struct shared {
	_Atomic int ready, go;
	_Atomic int count;
	int shmid;
} * sh;
static long *word; /* VALUE, at the same address in child and parent */
static char *area; /* NPAGE pages of the process's own */
static char *page; /* one that all processes share */
static const char *self;
static unsigned seed = 1;

/* Let the two drift apart by a little, another little every time. */
static void
drift(void)
{
	static _Thread_local unsigned r;

	if (r == 0)
		r = seed * 2654435761u + (unsigned)(uintptr_t)&r;
	r = r * 1103515245u + 12345;
	for (unsigned i = r >> 20; i > 0; i--)
		atomic_signal_fence(memory_order_seq_cst);
}

/* Both sides pass here together. */
static void
gate(void)
{
	atomic_fetch_add(&sh->ready, 1);
	while (atomic_load(&sh->ready) < 2)
		sched_yield();
	drift();
}

static void
thread(void *(*fn)(void *))
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, fn, NULL) == 0);
	CHECK(pthread_detach(t) == 0);
}

static void
fill(void)
{
	for (int i = 0; i < NPAGE; i++)
		area[(size_t)i * PAGE] = 1;
}

/*
 * What processes do, once they have passed the gate.
 */
static void
exits(void)
{
	fill();
	gate();
	_exit(0);
}

static void
execs(void)
{
	gate();
	execl(self, self, "nothing", NULL);
	_exit(9);
}

/* With a sibling thread that does something at the same time. */
#define SIBLING(name, what)                                                    \
	static void *name##_thread(void *arg)                                  \
	{                                                                      \
		gate();                                                        \
		what;                                                          \
		return arg;                                                    \
	}                                                                      \
	static void name(void)                                                 \
	{                                                                      \
		fill();                                                        \
		thread(name##_thread);                                         \
		gate();                                                        \
		_exit(0);                                                      \
	}
SIBLING(sibling_exits, syscall(SYS_exit_group, 0))
SIBLING(sibling_ends, syscall(SYS_exit, 0))
SIBLING(sibling_faults,
    for (size_t i = 0; i < 64; i++)((volatile char *)area)[i % NPAGE * PAGE]++)
SIBLING(sibling_unmaps, munmap(area, NPAGE *PAGE))
SIBLING(sibling_maps, mmap(NULL, NPAGE *PAGE, PROT_READ, 0x22, -1, 0))
SIBLING(sibling_forks, if (fork() == 0) _exit(0))
SIBLING(sibling_execs, execl(self, self, "nothing", NULL))
SIBLING(sibling_attaches, shmat(sh->shmid, NULL, 0))
SIBLING(sibling_protects, mprotect(area, NPAGE *PAGE, PROT_READ))

/* Both threads write below the stack; what each wrote is there. */
static char *volatile deep;
static void *
grows(void *arg)
{
	gate();
	deep[-300000] = 2;
	CHECK(deep[-300000] == 2);
	return arg;
}

static void
stack_grows(void)
{
	char here[1];
	pthread_t t;

	deep = here;
	CHECK(pthread_create(&t, NULL, grows, NULL) == 0);
	gate();
	deep[-400000] = 3;
	CHECK(deep[-400000] == 3);
	pthread_join(t, NULL);
	_exit(deep[-300000] == 2 ? 0 : 1);
}

static void
stack_grows_exit(void)
{
	char here[1];

	deep = here;
	thread(grows);
	gate();
	_exit(0);
}

static void
vforks(void)
{
	pid_t pid;

	fill();
	gate();
	pid = vfork();
	if (pid == 0)
		_exit(3);
	_exit(pid > 0 && area[0] == 1 ? 0 : 1);
}

static void
vforks_and_execs(void)
{
	pid_t pid;

	gate();
	pid = vfork();
	if (pid == 0) {
		execl(self, self, "nothing", NULL);
		_exit(9);
	}
	_exit(pid > 0 ? 0 : 1);
}

static void
attached(void)
{
	char *p = shmat(sh->shmid, NULL, 0);

	CHECK(p != (void *)-1);
	p[0] = 1;
	gate();
	_exit(0);
}

static void
shares(void)
{
	page[0]++;
	gate();
	_exit(0);
}

static void
has_child(void)
{
	if (fork() == 0) {
		gate();
		_exit(0);
	}
	gate();
	_exit(0);
}

/* Touches its pages until it is killed. */
static void
faults(void)
{
	gate();
	for (;;) {
		fill();
		madvise(area, NPAGE * PAGE, MADV_DONTNEED);
	}
}

/*
 * What the parent does to it at the same time.
 */
static void
reads(pid_t pid)
{
	long val = 0;
	struct iovec l = {&val, sizeof(val)}, r = {word, sizeof(val)};
	ssize_t n;

	gate();
	n = process_vm_readv(pid, &l, 1, &r, 1, 0);
	if (n == -1)
		CHECK(errno == EFAULT || errno == ESRCH);
	else
		CHECK(n == sizeof(val) && val == VALUE);
}

static void
writes(pid_t pid)
{
	long val = VALUE;
	struct iovec l = {&val, sizeof(val)}, r = {word, sizeof(val)};
	ssize_t n;

	gate();
	n = process_vm_writev(pid, &l, 1, &r, 1, 0);
	if (n == -1)
		CHECK(errno == EFAULT || errno == ESRCH);
	else
		CHECK(n == sizeof(val));
}

static void
file(pid_t pid, const char *name, off_t off)
{
	char path[64], buf[512];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY);
	if (fd == -1) {
		CHECK(errno == ENOENT || errno == ESRCH || errno == EACCES ||
		      errno == EBUSY);
		return;
	}
	n = pread(fd, buf, sizeof(long), off);
	if (n == -1)
		CHECK(errno == EIO || errno == EFAULT || errno == ESRCH ||
		      errno == EBUSY);
	else if (off != 0 && n == sizeof(long))
		CHECK(memcmp(buf, word, sizeof(long)) == 0);
	close(fd);
}

static void
looks(pid_t pid)
{
	gate();
	file(pid, "mem", (off_t)(uintptr_t)word);
	file(pid, "cmdline", 0);
	file(pid, "environ", 0);
	file(pid, "maps", 0);
	file(pid, "smaps", 0);
	file(pid, "stat", 0);
}

static void
traces(pid_t pid)
{
	int status;
	long val;

	gate();
	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) == -1) {
		CHECK(errno == ESRCH || errno == EPERM);
		return;
	}
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status)) {
		/* It was dead before it could stop; now it is reaped. */
		CHECK(WIFEXITED(status));
		atomic_store(&sh->go, 1);
		return;
	}
	errno = 0;
	val = ptrace(PTRACE_PEEKDATA, pid, word, NULL);
	CHECK(val == VALUE || errno == ESRCH || errno == EIO);
	if (ptrace(PTRACE_DETACH, pid, NULL, NULL) == -1)
		CHECK(errno == ESRCH);
	/* It may have stopped for exec's SIGTRAP, with the stop to come. */
	CHECK(kill(pid, SIGCONT) == 0);
}

static void
kills(pid_t pid)
{
	gate();
	CHECK(kill(pid, SIGKILL) == 0);
}

static void
removes(pid_t pid)
{
	(void)pid;
	gate();
	CHECK(shmctl(sh->shmid, IPC_RMID, NULL) == 0);
	sh->shmid = shmget(IPC_PRIVATE, PAGE, 0600 | IPC_CREAT);
	CHECK(sh->shmid != -1);
}

static void
attaches(pid_t pid)
{
	void *p;

	(void)pid;
	gate();
	p = shmat(sh->shmid, NULL, 0);
	CHECK(p != (void *)-1);
	CHECK(shmdt(p) == 0);
}

static void
protects(pid_t pid)
{
	(void)pid;
	gate();
	CHECK(mprotect(page, PAGE, PROT_READ) == 0);
	CHECK(mprotect(page, PAGE, PROT_READ | PROT_WRITE) == 0);
}

static void
discards(pid_t pid)
{
	(void)pid;
	gate();
	CHECK(madvise(page, PAGE, MADV_REMOVE) == 0);
	CHECK(page[0] == 0);
}

/* Two wait for one child: one of them gets it. */
static pid_t wanted;
static void *
waiter(void *arg)
{
	if (waitpid(wanted, NULL, 0) == wanted)
		atomic_fetch_add(&sh->count, 1);
	else
		CHECK(errno == ECHILD);
	return arg;
}

static void
waits_twice(pid_t pid)
{
	pthread_t t;

	wanted = pid;
	atomic_store(&sh->count, 0);
	CHECK(pthread_create(&t, NULL, waiter, NULL) == 0);
	gate();
	waiter(NULL);
	pthread_join(t, NULL);
	CHECK(atomic_load(&sh->count) == 1);
	atomic_store(&sh->go, 1); /* it is reaped */
}

static void *
tells(void *arg)
{
	atomic_store(&sh->count, (int)syscall(SYS_gettid));
	return arg;
}

/* Threads and processes that begin, one after another. */
static void
spawns(void)
{
	int status;
	pid_t pid;

	gate();
	for (int i = 0; i < 5; i++) {
		pthread_t t;

		CHECK(pthread_create(&t, NULL, tells, NULL) == 0);
		CHECK(pthread_join(t, NULL) == 0);
		pid = fork();
		CHECK(pid != -1);
		if (pid == 0)
			_exit(0);
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
		atomic_store(&sh->count, pid);
	}
	_exit(0);
}

/* Who guesses a number before there is such a thread finds one or none. */
static void
guesses(pid_t pid)
{
	struct iovec lv, rv;
	long val;

	gate();
	lv = (struct iovec){&val, sizeof(val)};
	rv = (struct iovec){word, sizeof(*word)};
	while (kill(pid, 0) == 0) {
		int first = atomic_load(&sh->count);

		/* Who was traced is to get further than that. */
		usleep(100);
		for (int tid = first + 1; first != 0 && tid < first + 4;
		     tid++) {
			cpu_set_t set;
			ssize_t n;

			n = syscall(SYS_process_vm_readv, tid, &lv, 1, &rv, 1,
			    0);
			CHECK(n == sizeof(val) || errno == ESRCH ||
			      errno == EFAULT);
			if (sched_getaffinity(tid, sizeof(set), &set) != 0)
				CHECK(errno == ESRCH);
			if (syscall(SYS_tgkill, pid, tid, SIGCONT) != 0)
				CHECK(errno == ESRCH);
			if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) != 0)
				CHECK(errno == ESRCH || errno == EPERM);
			else
				(void)ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
		}
		/* Who is traced needs a push. */
		for (;;) {
			int status, tid = waitpid(-1, &status,
					WNOHANG | __WALL | __WNOTHREAD);

			if (tid <= 0 || !WIFSTOPPED(status)) {
				if (tid == pid) {
					CHECK(status == 0);
					/* Dead ones that were traced. */
					while (waitpid(-1, NULL, __WALL) > 0)
						continue;
					atomic_store(&sh->go, 1);
					return;
				}
				break;
			}
			(void)ptrace(PTRACE_DETACH, tid, NULL, NULL);
		}
	}
}

/* No other: both sides are the child's.  status: of the child; -1: any. */
static const struct race {
	const char *name;
	void (*subject)(void);
	void (*other)(pid_t);
	int status;
} races[] = {{"exit-ptrace", exits, traces, 0}, {"exit-readv", exits, reads, 0},
    {"exit-writev", exits, writes, 0}, {"exit-peek", exits, looks, 0},
    {"exec-peek", execs, looks, 0}, {"exec-readv", execs, reads, 0},
    {"exec-ptrace", execs, traces, 0}, {"exec-kill", execs, kills, -1},
    {"exit-exit", sibling_exits, NULL, 0},
    {"exit-exitthread", sibling_ends, NULL, 0},
    {"exit-fault", sibling_faults, NULL, 0},
    {"exit-unmap", sibling_unmaps, NULL, 0},
    {"exit-map", sibling_maps, NULL, 0},
    {"exit-forking", sibling_forks, NULL, 0},
    {"exec-exit", sibling_execs, NULL, 0},
    {"shm-attach-exit", sibling_attaches, NULL, 0},
    {"exit-protect-own", sibling_protects, NULL, 0},
    {"grow-fault", stack_grows, NULL, 0},
    {"grow-exit", stack_grows_exit, NULL, 0}, {"vfork-kill", vforks, kills, -1},
    {"vfork-peek", vforks, looks, 0},
    {"vfork-exec", vforks_and_execs, looks, 0},
    {"vfork-exec-kill", vforks_and_execs, kills, -1},
    {"shm-exit", attached, removes, 0}, {"shm-exits", attached, attaches, 0},
    {"exit-protect", shares, protects, 0},
    {"shared-remove-exit", shares, discards, 0},
    {"double-wait", exits, waits_twice, 0}, {"orphan", has_child, NULL, 0},
    {"kill-fault", faults, kills, -1}, {"fork-guess", spawns, guesses, 0}};

static void
round_of(const struct race *r)
{
	int status = 0;
	pid_t pid;

	atomic_store(&sh->ready, 0);
	atomic_store(&sh->go, 0);
	atomic_store(&sh->count, 0);
	seed++;
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0)
		r->subject();
	if (r->other != NULL)
		r->other(pid);
	if (atomic_load(&sh->go) == 0) {
		CHECK(waitpid(pid, &status, 0) == pid);
		if (r->status != -1 && status != r->status)
			errx(1, "%s: status %#x", r->name, status);
	}
}

int
main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 10, n;
	int fd, i;

	if (argc > 1 && strcmp(argv[1], "nothing") == 0)
		return 0;
	self = argv[0];
	sh = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	area = mmap(NULL, NPAGE * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(sh != MAP_FAILED && page != MAP_FAILED && area != MAP_FAILED &&
	      word != MAP_FAILED);
	*word = VALUE;
	sh->shmid = shmget(IPC_PRIVATE, PAGE, 0600 | IPC_CREAT);
	CHECK(sh->shmid != -1);
	for (const struct race *r = races;
	     r < races + sizeof(races) / sizeof(races[0]); r++) {
		for (i = 2; i < argc && strcmp(argv[i], r->name) != 0; i++)
			continue;
		if (argc > 2 && i == argc)
			continue;
		/* Elsewhere the numbers guessed may be strangers. */
		if (r->other == guesses && access("/proc/vmspace", F_OK) != 0)
			continue;
		for (n = 0; n < rounds; n++)
			round_of(r);
		/* Orphans went to init, and the parent has none left. */
		CHECK(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
	}
	CHECK(shmctl(sh->shmid, IPC_RMID, NULL) == 0);
	fd = open("/proc/self/stat", O_RDONLY);
	CHECK(fd != -1);
	close(fd);
	return 0;
}
