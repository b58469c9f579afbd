/*
 * sysfuzz.c: a great many system calls with wild arguments.
 *
 *	sysfuzz [-s seed] [-n calls] [-v]
 *
 * A child without privileges makes them; whenever it dies, is stuck or spins,
 * the parent starts another, which goes on with the next stretch of the same
 * stream of numbers.  Whatever happens to the child is right; the parent, and
 * the kernel, must survive.  The seed is printed, so that a run can be
 * repeated; -v names each call before it is made.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include "t.h"

#define MAXCALL  470 /* numbers go a little past the last one */
#define STALL_MS 60

static _Atomic(unsigned long) *done; /* calls made; shared with the parent */
static uint64_t rng;
static bool verbose;
static char *area; /* 8 pages: rw rw ro none rw, a hole, rw exec */

static uint64_t
rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

/*
 * Left out: what would only end the child early or stop it for good.  Forks
 * are made now and then, but their offspring leaves at once.
 */
static bool
left_out(long nr)
{
	switch (nr) {
	case SYS_exit:
	case SYS_exit_group:
#ifdef SYS_pause /* newer machines have only the calls that replaced these */
	case SYS_pause:
#endif
	case SYS_rt_sigsuspend:
	case SYS_rt_sigreturn:
	case SYS_reboot:
	case SYS_setsid: /* it must stay in the group that is killed */
	case SYS_setpgid:
		return true;
#ifdef SYS_fork
	case SYS_fork:
	case SYS_vfork:
#endif
	case SYS_clone:
	case SYS_clone3:
		return rnd() % 16 != 0;
	default:
		return false;
	}
}

static uint64_t
pointer(void)
{
	static const unsigned int place[] = {0, 1, 8, 2048, PAGE - 8, PAGE - 1};
	uint64_t page = rnd() % 8;

	return (uintptr_t)area + page * PAGE + place[rnd() % 6];
}

static uint64_t
argument(void)
{
	static const uint64_t special[] = {0, 1, 2, 7, 4095, 4096, 4097, 65536,
	    0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffefff,
	    0x7ffffffff000, 0x800000000000, 0xffff800000000000, 0xfffffffff000,
	    0x1000000000000, 0xffff000000000000, 0xffffffff80000000,
	    0xfffffffffffff000, (uint64_t)-1, (uint64_t)-2, (uint64_t)INT64_MIN,
	    (uint64_t)INT64_MAX};

	switch (rnd() % 8) {
	case 0:
	case 1:
		return special[rnd() % (sizeof(special) / sizeof(*special))];
	case 2:
	case 3:
		return pointer();
	case 4:
		return rnd() % 24; /* a descriptor, a signal, a flag */
	case 5:
		return 1UL << rnd() % 64;
	case 6:
		return (rnd() % 64) * PAGE;
	default:
		return rnd();
	}
}

/* Something to find at the ends of pointers: paths, lengths, addresses. */
static void
furnish(void)
{
	static const char *const text[] = {"/tmp/fuzz/a", "/tmp/fuzz/b", "/",
	    "/proc/self/maps", "/proc/self/mem", "/dev/zero", "/bin/true",
	    "../x"};
	uint64_t word;
	size_t i, page;

	for (page = 0; page < 2; page++) {
		for (i = 0; i < PAGE; i += 8) {
			word = argument();
			memcpy(area + page * PAGE + i, &word, 8);
		}
		strcpy(area + page * PAGE, text[rnd() % 8]);
		strcpy(area + page * PAGE + 2048, text[rnd() % 8]);
	}
}

static void
set_up(void)
{
	struct rlimit nproc = {40, 40}, fsize = {1 << 20, 1 << 20},
		      core = {0, 0};
	int fd, fds[2];

	CHECK(setpgid(0, 0) == 0);
	(void)!chdir("/tmp/fuzz");
	fd = open("/dev/null", O_RDWR);
	CHECK(fd != -1);
	for (int i = 0; i < 3; i++)
		if (i < 2 || !verbose)
			dup2(fd, i);
	(void)open("/tmp/fuzz/file", O_RDWR | O_CREAT, 0666);
	(void)open("/dev/zero", O_RDWR);
	(void)open("/", O_RDONLY);
	(void)!pipe2(fds, O_NONBLOCK);

	/* Far from everything else: lengths go wild, too. */
	area = mmap((void *)0x100000000, 8 * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(area != MAP_FAILED);
	CHECK(mprotect(area + 2 * PAGE, PAGE, PROT_READ) == 0);
	CHECK(mprotect(area + 3 * PAGE, PAGE, PROT_NONE) == 0);
	CHECK(munmap(area + 5 * PAGE, PAGE) == 0);

	setrlimit(RLIMIT_NPROC, &nproc);
	setrlimit(RLIMIT_FSIZE, &fsize);
	setrlimit(RLIMIT_CORE, &core);
	CHECK(setgid(65534) == 0);
	CHECK(setuid(65534) == 0);
}

static void
fuzz(unsigned long total)
{
	pid_t self;
	long nr;
	uint64_t a[6];

	set_up();
	self = getpid();
	while (atomic_load(done) < total) {
		if (rnd() % 64 == 0)
			furnish();
		nr = (long)(rnd() % MAXCALL);
		for (int i = 0; i < 6; i++)
			a[i] = argument();
		if (left_out(nr))
			continue;
		if (verbose)
			fprintf(stderr, "%ld(%#lx, %#lx, %#lx, %#lx, %#lx)\n",
			    nr, a[0], a[1], a[2], a[3], a[4]);
		syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		if (syscall(SYS_getpid) != self)
			_exit(0);
		atomic_fetch_add(done, 1);
	}
	_exit(0);
}

static void
nap(long ms)
{
	struct timespec ts = {0, ms * 1000000};

	nanosleep(&ts, NULL);
}

/* Wait for the child, or end it when its count stands still. */
static void
watch(pid_t pid)
{
	unsigned long last = atomic_load(done), now;
	int status, still = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		nap(5);
		now = atomic_load(done);
		still = now == last ? still + 5 : 0;
		last = now;
		if (still >= STALL_MS) {
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			CHECK(waitpid(pid, &status, 0) == pid);
			break;
		}
	}
	kill(-pid, SIGKILL); /* its own children, if it left some */
	while (waitpid(-1, &status, WNOHANG) > 0)
		;
}

int
main(int argc, char **argv)
{
	unsigned long total = 100000, seed = (unsigned long)time(NULL);
	unsigned long children = 0;
	pid_t pid;
	int c;

	while ((c = getopt(argc, argv, "s:n:v")) != -1) {
		switch (c) {
		case 's':
			seed = strtoul(optarg, NULL, 0);
			break;
		case 'n':
			total = strtoul(optarg, NULL, 0);
			break;
		case 'v':
			verbose = true;
			break;
		default:
			errx(2, "usage: sysfuzz [-s seed] [-n calls] [-v]");
		}
	}
	printf("sysfuzz -s %lu -n %lu\n", seed, total);
	fflush(stdout);
	mkdir("/tmp/fuzz", 0777);
	chmod("/tmp/fuzz", 0777);
	done = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(done != MAP_FAILED);
	while (atomic_load(done) < total) {
		children++;
		pid = fork();
		CHECK(pid != -1);
		if (pid == 0) {
			rng = (seed + children) * 0x9e3779b97f4a7c15 | 1;
			fuzz(total);
		}
		watch(pid);
		/* A child that dies before its first call counts as one. */
		atomic_fetch_add(done, 1);
	}
	printf("%lu calls by %lu children\n", atomic_load(done), children);
	return 0;
}
