/*
 * bsdcases.c: cases that the BSDs' own regression suites have and Linux's
 * have not, by what they are about; the name of the test that had the idea is
 * in the comment of each.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include "fault.h"

#define RW   (PROT_READ | PROT_WRITE)
#define PRIV (MAP_PRIVATE | MAP_ANONYMOUS)
#ifdef __aarch64__ /* where user space ends */
#define TOP 0xfffffffff000UL
#else
#define TOP 0x7ffffffff000UL
#endif

static char *
map(size_t npages, int prot, int flags, int fd)
{
	char *p = mmap(NULL, npages * PAGE, prot, flags, fd, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static void
unmap(void *p, size_t npages)
{
	CHECK(munmap(p, npages * PAGE) == 0);
}

static int
file(size_t size)
{
	char path[] = "/tmp/bsdXXXXXX";
	int fd = mkstemp(path);

	CHECK(fd != -1 && unlink(path) == 0);
	CHECK(ftruncate(fd, (off_t)size) == 0);
	return fd;
}

/* FreeBSD mlock_test: a locked mapping of a file that shrinks and grows. */
static void
locked_and_truncated(void)
{
	int fd = file(4 * PAGE);
	char *p = map(4, RW, MAP_SHARED, fd);

	CHECK(mlock(p, 4 * PAGE) == 0);
	memset(p, 1, 4 * PAGE);
	CHECK(ftruncate(fd, PAGE) == 0);
	CHECK(touch(p + 2 * PAGE, 0) == SIGBUS && code == BUS_ADRERR);
	CHECK(where == p + 2 * PAGE);
	FAILS(ENOMEM, mlock(p, 4 * PAGE));
	CHECK(ftruncate(fd, 4 * PAGE) == 0);
	CHECK(p[0] == 1 && p[PAGE] == 0 && p[3 * PAGE] == 0);
	CHECK(ftruncate(fd, 0) == 0);
	CHECK(munlock(p, 4 * PAGE) == 0);
	unmap(p, 4);
	close(fd);
}

/* FreeBSD posixshm_test: size, read, write and mmap agree, across fork. */
static int shared_fd;
static char *shared;

static void
coherent_child(void)
{
	char c;

	CHECK(shared[0] == 'p');
	CHECK(pread(shared_fd, &c, 1, 0) == 1 && c == 'p');
	CHECK(pwrite(shared_fd, "c", 1, PAGE) == 1);
	shared[1] = 'd';
}

static void
coherent(void)
{
	char c, *priv;

	shared_fd = file(2 * PAGE);
	shared = map(2, RW, MAP_SHARED, shared_fd);
	priv = map(2, RW, MAP_PRIVATE, shared_fd);
	shared[0] = 'p';
	CHECK(child_status(coherent_child, 0) == 0);
	CHECK(shared[PAGE] == 'c' && shared[1] == 'd');
	CHECK(pread(shared_fd, &c, 1, 1) == 1 && c == 'd');
	/* A private page shows writes to the file until it is written to. */
	CHECK(priv[PAGE] == 'c' && priv[0] == 'p');
	priv[0] = 'x';
	CHECK(pwrite(shared_fd, "yz", 2, 0) == 2);
	CHECK(pwrite(shared_fd, "w", 1, PAGE) == 1);
	CHECK(priv[0] == 'x' && priv[1] == 'd' && priv[PAGE] == 'w');
	/* OpenBSD mmap3: shrinking keeps stores before the new end. */
	shared[PAGE - 1] = 'k';
	CHECK(ftruncate(shared_fd, PAGE) == 0);
	CHECK(shared[PAGE - 1] == 'k' && touch(shared + PAGE, 0) == SIGBUS);
	unmap(priv, 2);
	/* OpenBSD mmap_mod: what was written is there in the next mapping. */
	shared[5] = 'm';
	unmap(shared, 2);
	shared = map(1, PROT_READ, MAP_SHARED, shared_fd);
	CHECK(shared[5] == 'm');
	unmap(shared, 1);
	close(shared_fd);
}

/* OpenBSD mmap2: one object at two addresses. */
static void
aliases(void)
{
	int fd = file(PAGE), i;
	char *p = map(1, RW, MAP_SHARED, fd), *q = map(1, RW, MAP_SHARED, fd);

	for (i = 0; i < 1000; i++) {
		*(volatile int *)p = i;
		CHECK(*(volatile int *)q == i);
		*(volatile int *)q = -i;
		CHECK(*(volatile int *)p == -i);
	}
	unmap(p, 1);
	CHECK(*(int *)q == -999);
	unmap(q, 1);
	close(fd);
}

/* FreeBSD kern_copyin: buffers around the end of user space. */
static void
top_of_space(void)
{
	int fd = file(0);
	char *last = (char *)TOP - PAGE;

	FAILS(EFAULT, write(fd, (char *)TOP, 1));
	FAILS(EFAULT, write(fd, (char *)TOP + PAGE, PAGE));
	FAILS(EFAULT, write(fd, (char *)-PAGE, 1));
	FAILS(EFAULT, write(fd, (char *)(1UL << 63), 1));
	FAILS(EFAULT, read(fd = open("/dev/zero", O_RDONLY), (char *)TOP, 9));
	if (mmap(last, PAGE, RW, PRIV | MAP_FIXED_NOREPLACE, -1, 0) == last) {
		CHECK(read(fd, last, PAGE) == (ssize_t)PAGE);
		CHECK(read(fd, last + PAGE - 8, 16) <= 8);
		unmap(last, 1);
	}
	close(fd);
}

/* OpenBSD noexec: data is not run, wherever it is. */
static void
not_executable(void)
{
	static char data[2 * PAGE];
	char stack[2 * PAGE], *heap = malloc(2 * PAGE);
	char *places[4] = {data, stack, heap, map(1, RW, PRIV, -1)};
	void (*volatile fn)(void);
	volatile size_t i;
	char *p;

	for (i = 0; i < 4; i++) {
		p = places[i];
#ifdef __x86_64__
		*p = (char)0xc3; /* ret */
#endif
		memcpy((void *)&fn, &p, sizeof(fn));
		if (sigsetjmp(escape, 1) == 0) {
			fn();
			CHECK(!"ran data");
		}
		CHECK(code == SEGV_ACCERR && where == p);
	}
#ifdef __x86_64__
	p = places[3];
	CHECK(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
	memcpy((void *)&fn, &p, sizeof(fn));
	fn();
#endif
	unmap(places[3], 1);
	free(heap);
}

/* NetBSD t_mmap: pages given to a pipe and changed afterwards. */
static void
loan(void)
{
	char *p = map(8, RW, PRIV, -1), *q = map(8, RW, PRIV, -1);
	int fd[2];

	CHECK(pipe(fd) == 0);
	memset(p, 'a', 8 * PAGE);
	CHECK(write(fd[1], p, 8 * PAGE) == 8 * (ssize_t)PAGE);
	memset(p, 'b', 8 * PAGE);
	CHECK(read(fd[0], q, 8 * PAGE) == 8 * (ssize_t)PAGE);
	CHECK(q[0] == 'a' && q[8 * PAGE - 1] == 'a');
	close(fd[0]);
	close(fd[1]);
	unmap(p, 8);
	unmap(q, 8);
}

/* NetBSD t_mmap: any hint is good. */
static void
hints(void)
{
	const uintptr_t at[] = {0, 1, PAGE, 0x10000, TOP - PAGE, TOP,
	    TOP + PAGE, (uintptr_t)-PAGE, (uintptr_t)-1};
	size_t i;
	char *p;

	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		p = mmap((void *)at[i], PAGE, RW, PRIV, -1, 0);
		CHECK(p != MAP_FAILED && touch(p, 1) == 0);
		unmap(p, 1);
	}
}

/* NetBSD t_mincore: what MCL_FUTURE locks is there once it may be. */
static void
future(void)
{
	unsigned char v[2];
	char *p;

	CHECK(mlockall(MCL_FUTURE) == 0);
	p = map(2, PROT_NONE, PRIV, -1);
	CHECK(mprotect(p, 2 * PAGE, RW) == 0);
	p[0] = p[PAGE] = 1;
	CHECK(mincore(p, 2 * PAGE, v) == 0 && (v[0] & v[1] & 1) == 1);
	CHECK(munlockall() == 0);
}

static long
vmsize(void)
{
	long n;
	FILE *f = fopen("/proc/self/statm", "r");

	CHECK(f != NULL && fscanf(f, "%ld", &n) == 1);
	fclose(f);
	return n;
}

/* OpenBSD mmap_fixed: overlays do not leak size; mmap_size: odd lengths. */
static void
sizes(void)
{
	char *p = map(16, RW, PRIV, -1);
	long before = vmsize();
	int i;

	for (i = 0; i < 20000; i++)
		CHECK(mmap(p + (size_t)(i % 13) * PAGE,
			  (size_t)(1 + i % 4) * PAGE, i % 2 ? RW : PROT_READ,
			  PRIV | MAP_FIXED, -1, 0) != MAP_FAILED);
	CHECK(vmsize() == before);
	unmap(p, 16);
	FAILS(EINVAL, mmap(NULL, 0, RW, PRIV, -1, 0));
	for (i = 1; i < 5; i++) {
		FAILS(ENOMEM, mmap(NULL, (size_t)-i, RW, PRIV, -1, 0));
		FAILS(ENOMEM,
		    mmap(NULL, SIZE_MAX / 2 + (size_t)i, RW, PRIV, -1, 0));
		FAILS(EINVAL, munmap(p, (size_t)-i));
		p = mmap(NULL, (size_t)i, RW, PRIV, -1, 0);
		CHECK(p != MAP_FAILED && touch(p + PAGE - 1, 1) == 0);
		unmap(p, 1);
	}
	CHECK(vmsize() == before - 16);
}

/* OpenBSD siginfo-fault: the address is exact. */
static void
addresses(void)
{
	char *p = map(3, RW, PRIV, -1);
	size_t i;

	CHECK(mprotect(p + PAGE, PAGE, PROT_NONE) == 0);
	for (i = 0; i < PAGE; i += 509) {
		CHECK(
		    touch(p + PAGE + i, 1) == SIGSEGV && where == p + PAGE + i);
		CHECK(code == SEGV_ACCERR);
	}
	unmap(p + PAGE, 1);
	CHECK(touch(p + PAGE + 77, 0) == SIGSEGV && code == SEGV_MAPERR);
	CHECK(where == p + PAGE + 77);
	CHECK(touch((char *)16, 0) == SIGSEGV && where == (void *)16);
	unmap(p, 3);
}

static volatile char *volatile nowhere = (char *)8;

/* NetBSD h_segv: a fault that cannot be handled ends the process. */
static void
blocked(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	sigprocmask(SIG_BLOCK, &set, NULL);
	*nowhere = 1;
}

static void
ignored(void)
{
	signal(SIGSEGV, SIG_IGN);
	*nowhere = 1;
}

static void
again(int sig)
{
	(void)sig;
	*nowhere = 1;
}

static void
recursing(void)
{
	signal(SIGSEGV, again);
	*nowhere = 1;
}

static void
no_core(void)
{
	struct rlimit rl = {0, 0};

	CHECK(setrlimit(RLIMIT_CORE, &rl) == 0);
}

static void
faults(void)
{
	void (*const fn[3])(void) = {blocked, ignored, recursing};
	int i, status;

	for (i = 0; i < 3; i++) {
		status = child_status(fn[i], 0);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	}
}

/* NetBSD fpufork, signal_and_sp: state and alignment over fork and signals. */
static volatile sig_atomic_t misaligned;

static void
spoil(int sig)
{
	volatile double x = sig;

	x = x * 3.25 + 1.5;
	if ((uintptr_t)__builtin_frame_address(0) % 16 != 0)
		misaligned = 1;
}

static void
float_child(void)
{
	volatile double x = 2.0;

	CHECK(x * 1.5 == 3.0);
}

static void
floats(void)
{
	double a = 1.25, b = 7.0, c = 0.5;
	int i;

	signal(SIGUSR1, spoil);
	for (i = 0; i < 200; i++) {
		a = a * 1.0001 + c;
		raise(SIGUSR1);
		b = b / 1.0001 + a;
		if (i % 50 == 0)
			CHECK(child_status(float_child, 0) == 0);
	}
	CHECK(a > 100 && a < 103 && b > 9000 && b < 11000 && !misaligned);
}

/* OpenBSD uvm/vnode: one truncates and grows what the other writes from. */
static void
truncates(void)
{
	int i;

	for (i = 0; i < 2000; i++) {
		CHECK(ftruncate(shared_fd, 0) == 0);
		CHECK(ftruncate(shared_fd, 4 * PAGE) == 0);
	}
}

static void
truncation_race(void)
{
	int fd = file(0), status, i;
	pid_t pid;

	shared_fd = file(4 * PAGE);
	shared = map(4, RW, MAP_SHARED, shared_fd);
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		truncates();
		_exit(0);
	}
	for (i = 0; i < 2000; i++) {
		ssize_t n = pwrite(fd, shared, 4 * PAGE, 0);
		CHECK(n > 0 || errno == EFAULT);
		n = pwrite(shared_fd, shared + PAGE, PAGE, 0);
		CHECK(n > 0 || errno == EFAULT);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	unmap(shared, 4);
	close(shared_fd);
	close(fd);
}

/* NetBSD t_mmap: two threads map, protect and unmap the same place. */
static char *arena;

static void *
reprotects(void *arg)
{
	long me = (long)arg;
	int i;

	for (i = 0; i < 5000; i++) {
		if (me == 0) {
			CHECK(mmap(arena, PAGE, RW, PRIV | MAP_FIXED, -1, 0) ==
			      arena);
			(void)munmap(arena, PAGE);
		} else {
			(void)mprotect(arena, PAGE, PROT_READ);
			(void)mprotect(arena, PAGE, RW);
		}
	}
	return NULL;
}

static void
reprotect_race(void)
{
	pthread_t td[2];
	long i;

	arena = map(1, RW, PRIV, -1);
	for (i = 0; i < 2; i++)
		CHECK(pthread_create(&td[i], NULL, reprotects, (void *)i) == 0);
	for (i = 0; i < 2; i++)
		CHECK(pthread_join(td[i], NULL) == 0);
	(void)munmap(arena, PAGE);
}

/*
 * FreeBSD shared_shadow_inval_test, as far as Linux can say it: a page that
 * three generations share, locked or not, is copied by each alone.
 */
static char *inherited;

static void
grandchild(void)
{
	CHECK(inherited[0] == 2);
	inherited[0] = 3;
	CHECK(inherited[0] == 3);
}

static void
child(void)
{
	CHECK(inherited[0] == 1);
	inherited[0] = 2;
	CHECK(mlock(inherited, PAGE) == 0);
	CHECK(child_status(grandchild, 0) == 0);
	CHECK(inherited[0] == 2);
	CHECK(mprotect(inherited, PAGE, PROT_READ) == 0);
	CHECK(mprotect(inherited, PAGE, RW) == 0);
	inherited[0] = 4;
}

static void
generations(void)
{
	int i;

	inherited = map(600, RW, PRIV, -1);
	for (i = 0; i < 10; i++) {
		memset(inherited, 1, 600 * PAGE);
		CHECK(child_status(child, 0) == 0);
		CHECK(inherited[0] == 1 && inherited[599 * PAGE] == 1);
	}
	unmap(inherited, 600);
}

/* Pieces far apart, past 16 TiB, stay consistent over fork. */
static char *far[4];

static void
far_child(void)
{
	int i;

	for (i = 0; i < 4; i++) {
		CHECK(far[i][0] == i + 1 && far[i][1UL << 29] == i + 1);
		far[i][0] = 9;
	}
}

static void
sparse(void)
{
	int i;

	for (i = 0; i < 4; i++) {
		far[i] = mmap((char *)(0x100000000000UL * (unsigned)(i + 1)),
		    1UL << 30, RW, PRIV | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
		    -1, 0);
		CHECK(far[i] != MAP_FAILED);
		far[i][0] = far[i][1UL << 29] = (char)(i + 1);
	}
	CHECK(child_status(far_child, 0) == 0);
	for (i = 0; i < 4; i++) {
		CHECK(far[i][0] == i + 1);
		unmap(far[i], (1UL << 30) / PAGE);
	}
}

/* A deep stack, within its limit. */
static void
deep(void)
{
	char block[7 << 20];
	size_t i;

	for (i = sizeof(block); i > PAGE; i -= PAGE)
		*(volatile char *)&block[i - 1] = 1;
	CHECK(block[PAGE * 2 - 1] == 1);
}

int
main(void)
{
	struct sigaction sa = {.sa_sigaction = on_fault,
	    .sa_flags = SA_SIGINFO};

	no_core();
	CHECK(child_status(deep, 0) == 0);
	faults();
	floats();
	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
	CHECK(sigaction(SIGBUS, &sa, NULL) == 0);
	locked_and_truncated();
	coherent();
	aliases();
	top_of_space();
	not_executable();
	loan();
	hints();
	CHECK(child_status(future, 0) == 0);
	sizes();
	addresses();
	truncation_race();
	reprotect_race();
	generations();
	sparse();
	FAILS(ESRCH, waitpid(INT32_MIN, NULL, 0));
	return 0;
}
