/*
 * vmbench.c: what operations on memory cost, as a program sees it.
 *
 *	vmbench [-j] [-q] [name ...]	-j JSON, -q smaller sizes
 *
 * Prints "name value" lines: nanoseconds, which under ./run's ICOUNT=1 are
 * guest instructions.  As pid 1 it takes its arguments from "bench=-q,name"
 * on the kernel command line, and powers off at the end; so the same binary
 * measures this kernel and Linux.
 *
 * Method.  Every figure is a median.  A cost per page or per mapping is the
 * difference between a large and a small size, divided by the difference in
 * size.  Exit is measured from the child's _exit() to the return of the
 * parent's wait.  System calls of interest are made directly, so that no C
 * library counts.  The clock is the CPU's own counter, read without a system
 * call, and its cost is subtracted.  Zeroing and copying are part of a fault
 * and stay in; bench/table subtracts them where a row says so.
 */
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAGE  4096ul
#define MIB   (1024ul * 1024)
#define GIB   (1024 * MIB)
#define NMEAS 5 /* samples of what is long */
#define NREP  64

static bool json, quick;
static int nselect;
static char **selected;
static bool first = true;

/* Where a child leaves the time for its parent. */
static volatile int64_t *stamp;

/* Ticks of the counter in 1,000,000 ns, and what reading it costs. */
static int64_t ticks_per_ms = 1000000, clock_cost;

static inline int64_t
ticks(void)
{
#if defined(__x86_64__)
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (int64_t)((uint64_t)hi << 32 | lo);
#elif defined(__aarch64__)
	int64_t t;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(t)::"memory");
	return t;
#else
#error "no counter"
#endif
}

/*
 * The two ends of what is measured.  The long NOPs do nothing; a profiler
 * that watches the instructions from outside knows them by the constant.
 */
#if defined(__x86_64__)
#define MARK(n) __asm__ volatile("nopl 0x56424d0" #n "(%%rax)" ::: "memory")
#else
#define MARK(n) __asm__ volatile("mov xzr, #0x560" #n ::: "memory")
#endif

static inline int64_t
start(void)
{
	MARK(1);
	return ticks();
}

static inline int64_t
stop(void)
{
	int64_t t = ticks();

	MARK(2);
	return t;
}

static int64_t
to_ns(int64_t t)
{
	return t * 1000000 / ticks_per_ms;
}

#if !defined(__aarch64__)
static int64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}
#endif

static void
calibrate(void)
{
	int64_t t, best;
	int i;
#if defined(__aarch64__)
	uint64_t hz;

	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hz));
	ticks_per_ms = (int64_t)hz / 1000;
#else
	int64_t t0, t1, n0, n1;

	n0 = clock_ns();
	t0 = ticks();
	do
		n1 = clock_ns();
	while (n1 - n0 < 5000000);
	t1 = ticks();
	ticks_per_ms = (t1 - t0) * 1000000 / (n1 - n0);
	/* Counting instructions: both clocks are the same. */
	if (ticks_per_ms > 995000 && ticks_per_ms < 1005000)
		ticks_per_ms = 1000000;
#endif
	best = INT64_MAX;
	for (i = 0; i < 100; i++) {
		t = -ticks();
		t += ticks();
		if (t < best)
			best = t;
	}
	clock_cost = best;
}

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t
median(int64_t *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), compare);
	return v[n / 2];
}

/* What fn(arg) says it took, in ticks; the median of n. */
static int64_t
sample(int64_t (*fn)(size_t), size_t arg, int n)
{
	int64_t v[NREP];
	int i;

	for (i = 0; i < n; i++)
		v[i] = fn(arg);
	return median(v, n);
}

static void
report(const char *name, double ns)
{
	if (json)
		printf("%s\n  \"%s\": %.1f", first ? "{" : ",", name, ns);
	else
		printf("%s %.1f\n", name, ns);
	first = false;
	fflush(stdout);
}

static void
report_ticks(const char *name, int64_t t, double n)
{
	report(name, (double)to_ns(t) / n);
}

static bool
wanted(const char *name)
{
	int i;

	for (i = 0; i < nselect; i++)
		if (strncmp(selected[i], name, strlen(selected[i])) == 0)
			return true;
	return nselect == 0;
}

/*
 * System calls without a library.
 */

static pid_t
do_fork(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == -1)
		err(1, "fork");
	return pid;
}

static void
do_wait(pid_t pid)
{
	int status;

	if (syscall(SYS_wait4, pid, &status, 0, NULL) != pid)
		err(1, "wait");
	if (status != 0)
		errx(1, "child: status %#x", status);
}

static void __attribute__((noreturn)) do_exit(void)
{
	syscall(SYS_exit_group, 0);
	__builtin_unreachable();
}

static char *
map(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap of %zu", len);
	return p;
}

static inline void
touch_write(char *p)
{
	*(volatile char *)p = 1;
}

static inline char
touch_read(const char *p)
{
	return *(const volatile char *)p;
}

static void
fill(char *p, size_t npages)
{
	size_t i;

	for (i = 0; i < npages; i++)
		touch_write(p + i * PAGE);
}

static void
look(const char *p, size_t npages)
{
	size_t i;

	for (i = 0; i < npages; i++)
		(void)touch_read(p + i * PAGE);
}

/* Fork a child that runs fn(arg) and then exits; from its exit to our wait. */
static int64_t
exit_time(void (*fn)(size_t), size_t arg)
{
	pid_t pid = do_fork();

	if (pid == 0) {
		if (fn != NULL)
			fn(arg);
		*stamp = start();
		do_exit();
	}
	do_wait(pid);
	return stop() - *stamp - clock_cost;
}

/*
 * The operations.
 */

static int64_t
op_getpid(size_t n)
{
	int64_t t = start();
	size_t i;

	for (i = 0; i < n; i++)
		syscall(SYS_getpid);
	return stop() - t;
}

static void
b_getpid(void)
{
	report("getpid", (double)to_ns(sample(op_getpid, 1100, NMEAS) -
				       sample(op_getpid, 100, NMEAS)) /
			     1000);
}

static int64_t
op_mmap(size_t npages)
{
	int64_t t = start();
	char *p = map(npages * PAGE);

	munmap(p, npages * PAGE);
	return stop() - t - clock_cost;
}

static void
b_mmap(void)
{
	char *p;

	report_ticks("mmap_munmap_1", sample(op_mmap, 1, NREP), 1);
	report_ticks("mmap_munmap_16", sample(op_mmap, 16, NREP), 1);
	report_ticks("mmap_munmap_512", sample(op_mmap, 512, NREP), 1);
	report_ticks("mmap_munmap_16384", sample(op_mmap, 16384, NREP), 1);
	/* It lands beside memory of the same kind that is in use. */
	p = map(256 * PAGE);
	fill(p, 256);
	report_ticks("mmap_munmap_beside", sample(op_mmap, 16, NREP), 1);
	munmap(p, 256 * PAGE);
}

/* Sequential write faults, and what unmapping it all takes. */
static int64_t unmap_ticks;

static int64_t
op_fill(size_t npages)
{
	char *p = map(npages * PAGE);
	int64_t t = start();

	fill(p, npages);
	t = stop() - t;
	unmap_ticks = -start();
	munmap(p, npages * PAGE);
	unmap_ticks += stop();
	return t;
}

static int64_t
op_unmap(size_t npages)
{
	(void)op_fill(npages);
	return unmap_ticks;
}

/* One fault at an address that nothing suggests. */
static int64_t
op_fault_one(size_t write)
{
	static char *p;
	static uint32_t state = 1;
	int64_t t;
	char *at;

	size_t i;

	/* A page in 64 is there: tables exist, and no order shows. */
	if (p == NULL) {
		p = map(2 * MIB);
		for (i = 0; i < 512; i += 64)
			touch_write(p + i * PAGE);
	}
	do {
		state = state * 1103515245u + 12345;
		i = (state >> 16) % 512;
		at = p + (i % 64 < 2 ? i + 2 : i) * PAGE;
		t = start();
		if (write)
			touch_write(at);
		else
			(void)touch_read(at);
		t = stop() - t - clock_cost;
	} while (to_ns(t) < 100);
	madvise(at, PAGE, MADV_DONTNEED);
	return t;
}

static void
b_fault(void)
{
	size_t n = quick ? 4096 : 16384;
	int64_t big = sample(op_fill, n, 3);

	report_ticks("fault_write_64m", big, (double)n);
	report_ticks("munmap_page",
	    sample(op_unmap, n, 3) - sample(op_unmap, 16, 3), (double)n - 16);
	report_ticks("munmap_16", sample(op_unmap, 16, NREP), 1);
	report_ticks("munmap_512", sample(op_unmap, 512, NMEAS), 1);
	report_ticks("fault_write_one", sample(op_fault_one, 1, NREP), 1);
	report_ticks("fault_read_one", sample(op_fault_one, 0, NREP), 1);
}

static int64_t
op_fault_read(size_t npages)
{
	char *p = map(npages * PAGE);
	int64_t t = start();

	look(p, npages);
	t = stop() - t;
	munmap(p, npages * PAGE);
	return t;
}

static void
b_fault_read(void)
{
	report_ticks("fault_read_64m", sample(op_fault_read, 4096, 3), 4096);
}

/* Seven pages, far apart in mib MiB. */
static char *
sparse(size_t mib)
{
	char *p = map(mib * MIB);
	size_t i;

	for (i = 0; i < 7; i++)
		touch_write(p + i * mib * MIB / 4096 * 617 / PAGE * PAGE);
	return p;
}

static int64_t
op_unmap_sparse(size_t n)
{
	char *p = sparse(4096);
	int64_t t = start();

	(void)n;
	munmap(p, 4 * GIB);
	return stop() - t - clock_cost;
}

static void
b_unmap_sparse(void)
{
	report_ticks("munmap_sparse", sample(op_unmap_sparse, 0, NMEAS), 1);
}

/* For plots: pages that are resident. */
static const size_t sizes[] = {16, 256, 4096, 16384};
#define NSIZE (sizeof(sizes) / sizeof(*sizes))

static int64_t
op_fork_exit_wait(size_t n)
{
	int64_t t = start();
	pid_t pid = do_fork();

	(void)n;
	if (pid == 0)
		do_exit();
	do_wait(pid);
	return stop() - t - clock_cost;
}

static int64_t
op_fork(size_t npages)
{
	char *p = npages > 0 ? map(npages * PAGE) : NULL;
	int64_t t;
	pid_t pid;

	fill(p, npages);
	t = start();
	pid = do_fork();
	if (pid == 0)
		do_exit();
	t = stop() - t - clock_cost;
	do_wait(pid);
	if (p != NULL)
		munmap(p, npages * PAGE);
	return t;
}

static void
b_fork(void)
{
	size_t n = quick ? 8192 : 65536, i;
	char name[32];

	report_ticks("fork_exit_wait", sample(op_fork_exit_wait, 0, 15), 1);
	report_ticks("fork_page", sample(op_fork, n, 1) - sample(op_fork, 0, 5),
	    (double)n);
	for (i = 0; i < NSIZE; i++) {
		snprintf(name, sizeof(name), "fork_at_%zu", sizes[i]);
		report_ticks(name, sample(op_fork, sizes[i], 3), 1);
	}
}

static void
child_fill(size_t npages)
{
	fill(map(npages * PAGE), npages);
}

static void
child_sparse(size_t mib)
{
	sparse(mib);
}

/* One-page mappings that do not merge; the last n of them touched. */
static void
child_maps(size_t touched)
{
	size_t i, n = quick ? 2000 : 10000;
	char *p = map(2 * n * PAGE);

	if (touched > 1)
		fill(p, 2 * n);
	for (i = 0; i < n; i++)
		if (mprotect(p + 2 * i * PAGE, PAGE, PROT_READ) != 0)
			err(1, "mprotect");
}

/* The same number of mappings, and none touched: every second page. */
static void
child_holes(size_t n)
{
	size_t i;
	char *p = map(2 * n * PAGE);

	for (i = 0; i < n; i++)
		munmap(p + 2 * i * PAGE, PAGE);
}

static int64_t
op_exit(size_t n)
{
	return exit_time(child_fill, n);
}
static int64_t
op_exit0(size_t n)
{
	(void)n;
	return exit_time(NULL, 0);
}
static int64_t
op_exit7(size_t n)
{
	return exit_time(child_sparse, n);
}
static int64_t
op_exith(size_t n)
{
	return exit_time(child_holes, n);
}
static int64_t
op_exitm(size_t n)
{
	return exit_time(child_maps, n);
}

static void
b_exit(void)
{
	size_t n = quick ? 8192 : 65536, nmap = quick ? 2000 : 10000, i;
	int64_t small = sample(op_exit0, 0, 15);
	char name[32];

	report_ticks("exit_small", small, 1);
	report_ticks("exit_page", sample(op_exit, n, 3) - small, (double)n);
	report_ticks("exit_sparse", sample(op_exit7, 4096, NMEAS) - small, 1);
	report_ticks("exit_mapping", sample(op_exith, nmap, 3) - small,
	    (double)nmap);
	report_ticks("exit_mapping_touched",
	    sample(op_exitm, 2, 1) - sample(op_exit, 2 * nmap, 1),
	    2 * (double)nmap);
	for (i = 0; i < NSIZE; i++) {
		snprintf(name, sizeof(name), "exit_at_%zu", sizes[i]);
		report_ticks(name, sample(op_exit, sizes[i], 3), 1);
	}
	for (i = 1; i <= 65536; i *= 16) {
		snprintf(name, sizeof(name), "exit_mapped_%zu", i);
		report_ticks(name, sample(op_exit7, i, 3), 1);
	}
}

/*
 * After a fork: what is written or read by whom.
 */

static char *cow_mem;
static size_t cow_npages;

static void
child_look(size_t n)
{
	look(cow_mem, n);
}

static void
child_write(size_t n)
{
	fill(cow_mem, n);
}

static int64_t
op_cow_exit(size_t n)
{
	return exit_time(child_look, n);
}
static int64_t
op_cow_wrote(size_t n)
{
	return exit_time(child_write, n);
}

/* Fork, read all n pages in the child, exit, wait: everything. */
static int64_t
op_fork_read(size_t n)
{
	int64_t t = start();
	pid_t pid = do_fork();

	if (pid == 0) {
		look(cow_mem, n);
		do_exit();
	}
	do_wait(pid);
	return stop() - t;
}

static void
b_cow(void)
{
	volatile char here;
	size_t n = quick ? 8192 : 65536, k = 64;
	int64_t t0, small, t, v[64];
	pid_t pid;
	size_t i;
	int go[2];
	char c;

	small = sample(op_exit0, 0, 15);
	cow_npages = n;
	cow_mem = map(n * PAGE);
	fill(cow_mem, n);
	report_ticks("exit_cow_untouched", sample(op_cow_exit, 0, 3) - small,
	    (double)n);
	report_ticks("exit_cow_read", sample(op_cow_exit, n, 1) - small,
	    (double)n);
	report_ticks("fork_read", sample(op_fork_read, n, 1), (double)n);
	report_ticks("exit_cow_wrote",
	    sample(op_cow_wrote, 1024, 1) - sample(op_cow_wrote, 0, 1), 1024);

	/* The parent writes while the child sleeps. */
	if (pipe(go) != 0)
		err(1, "pipe");
	pid = do_fork();
	if (pid == 0) {
		(void)!read(go[0], &c, 1);
		do_exit();
	}
	sched_yield();
	here = 0; /* the stack is not what is measured */
	(void)here;
	t = start();
	touch_write(cow_mem + n / 2 * PAGE);
	report_ticks("cow_first", stop() - t - clock_cost, 1);
	for (i = 0; i < 64; i++) {
		t = start();
		touch_write(cow_mem + (i * 127 + 5) % (n / 4) * PAGE);
		v[i] = stop() - t - clock_cost;
	}
	report_ticks("cow_copy_one", median(v, 64), 1);
	t = start();
	fill(cow_mem + (n / 4) * PAGE, n / 8);
	report_ticks("cow_copy_seq", stop() - t, (double)(n / 8));
	(void)!write(go[1], "x", 1);
	do_wait(pid);
	/* What the child gave up is the parent's again, without a copy. */
	t0 = start();
	for (i = 0; i < k; i++)
		touch_write(cow_mem + (n / 2 + n / 4 + i * 3) * PAGE);
	report_ticks("cow_reuse", stop() - t0, (double)k);
	munmap(cow_mem, n * PAGE);
	close(go[0]);
	close(go[1]);
}

static int64_t
op_vfork(size_t n)
{
	int64_t t = start();
	pid_t pid = vfork();

	(void)n;
	if (pid == 0)
		_exit(0);
	do_wait(pid);
	return stop() - t - clock_cost;
}

static int64_t
op_exec(size_t n)
{
	static char *const argv[] = {"vmbench", "-x", NULL};
	static char *const env[] = {NULL};
	int64_t t = start();
	pid_t pid = do_fork();

	(void)n;
	if (pid == 0) {
		syscall(SYS_execve, "/tiny", argv, env);
		syscall(SYS_execve, "/proc/self/exe", argv, env);
		do_exit();
	}
	do_wait(pid);
	return stop() - t - clock_cost;
}

static void
b_exec(void)
{
	report_ticks("vfork_exit", sample(op_vfork, 0, 15), 1);
	report_ticks("fork_exec_exit_wait", sample(op_exec, 0, 15), 1);
}

static size_t prot_npages;

static int64_t
op_mprotect(size_t n)
{
	char *p = map(n * PAGE);
	int64_t t;
	int i;

	fill(p, n);
	mprotect(p, n * PAGE, PROT_READ);
	mprotect(p, n * PAGE, PROT_READ | PROT_WRITE);
	fill(p, n);
	t = start();
	for (i = 0; i < 4; i++) {
		mprotect(p, n * PAGE, PROT_READ);
		mprotect(p, n * PAGE, PROT_READ | PROT_WRITE);
	}
	t = stop() - t;
	munmap(p, n * PAGE);
	(void)prot_npages;
	return t / 4;
}

/* The same, with a write to each page after: no work may hide there. */
static int64_t
op_mprotect_touch(size_t n)
{
	char *p = map(n * PAGE);
	int64_t t;

	fill(p, n);
	t = start();
	mprotect(p, n * PAGE, PROT_READ);
	mprotect(p, n * PAGE, PROT_READ | PROT_WRITE);
	fill(p, n);
	t = stop() - t;
	munmap(p, n * PAGE);
	return t;
}

static int64_t
op_brk(size_t n)
{
	char *p = sbrk(0);
	int64_t t;

	(void)n;
	t = start();
	syscall(SYS_brk, p + PAGE);
	touch_write(p);
	syscall(SYS_brk, p);
	return stop() - t - clock_cost;
}

static void
child_stack(size_t n)
{
	char *sp = __builtin_frame_address(0);
	int64_t t;
	size_t i;

	sp -= 64 * PAGE;
	touch_write(sp + PAGE);
	t = start();
	for (i = 0; i < n; i++)
		touch_write(sp - i * PAGE);
	stamp[1] = stop() - t;
}

static int64_t
op_stack(size_t n)
{
	(void)exit_time(child_stack, n);
	return stamp[1];
}

static int64_t
op_shm(size_t n)
{
	int64_t t = start();
	int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
	char *p;

	(void)n;
	if (id == -1)
		return -1;
	p = shmat(id, NULL, 0);
	touch_write(p);
	shmdt(p);
	shmctl(id, IPC_RMID, NULL);
	return stop() - t - clock_cost;
}

static int64_t
op_dontneed(size_t n)
{
	char *p = map(n * PAGE);
	int64_t t;

	fill(p, n);
	t = start();
	madvise(p, n * PAGE, MADV_DONTNEED);
	t = stop() - t - clock_cost;
	munmap(p, n * PAGE);
	return t;
}

static int64_t
op_mremap(size_t n)
{
	char *p = map(n * PAGE), *q = map(n * PAGE), *r;
	int64_t t;

	fill(p, n);
	t = start();
	r = mremap(p, n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q);
	t = stop() - t - clock_cost;
	if (r != q)
		err(1, "mremap");
	munmap(q, n * PAGE);
	return t;
}

static int64_t
op_readv(size_t n)
{
	static uint64_t from, to;
	struct iovec l = {&to, 8}, r = {&from, 8};
	pid_t me = getpid();
	int64_t t = start();

	(void)n;
	if (syscall(SYS_process_vm_readv, me, &l, 1, &r, 1, 0) != 8)
		return -1;
	return stop() - t - clock_cost;
}

static void
b_calls(void)
{
	int64_t t;

	report_ticks("mprotect_1", sample(op_mprotect, 1, 15), 1);
	report_ticks("mprotect_1024", sample(op_mprotect, 1024, 3), 1);
	report_ticks("mprotect_touch_1024", sample(op_mprotect_touch, 1024, 3),
	    1);
	report_ticks("brk_page", sample(op_brk, 0, NREP), 1);
	report_ticks("stack_page", sample(op_stack, 32, 3), 32);
	t = sample(op_shm, 0, 15);
	if (t >= 0)
		report_ticks("shm_page", t, 1);
	report_ticks("dontneed_page",
	    sample(op_dontneed, 2048, 3) - sample(op_dontneed, 1, 3), 2047);
	report_ticks("mremap_1", sample(op_mremap, 1, 15), 1);
	report_ticks("mremap_page",
	    sample(op_mremap, 2048, 3) - sample(op_mremap, 1, 3), 2047);
	t = sample(op_readv, 0, 15);
	if (t >= 0)
		report_ticks("process_vm_readv_8", t, 1);
}

/* Pages of a file in memory, shared. */
static int file_fd;
#define FILE_NPAGES 1024

static int64_t
op_file(size_t write)
{
	char *p = mmap(NULL, FILE_NPAGES * PAGE, PROT_READ | PROT_WRITE,
	    MAP_SHARED, file_fd, 0);
	int64_t t;

	if (p == MAP_FAILED)
		err(1, "mmap of a file");
	t = start();
	if (write)
		fill(p, FILE_NPAGES);
	else
		look(p, FILE_NPAGES);
	t = stop() - t;
	munmap(p, FILE_NPAGES * PAGE);
	return t;
}

static void
b_file(void)
{
	static char buf[PAGE];
	size_t i;

	file_fd = open("/bench.file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (file_fd == -1)
		err(1, "/bench.file");
	for (i = 0; i < FILE_NPAGES; i++)
		if (write(file_fd, buf, PAGE) != (ssize_t)PAGE)
			err(1, "write");
	report_ticks("file_read_fault", sample(op_file, 0, 3), FILE_NPAGES);
	report_ticks("file_write_fault", sample(op_file, 1, 3), FILE_NPAGES);
	close(file_fd);
	unlink("/bench.file");
}

static int
thread_main(void *arg)
{
	(void)arg;
	syscall(SYS_exit, 0);
	return 0;
}

/* A thread that only exits, until the kernel says that it has. */
static int64_t
op_thread(size_t n)
{
	static char stack[4 * PAGE] __attribute__((aligned(16)));
	static volatile int32_t tid;
	int64_t t = start();

	(void)n;
	tid = 1;
	if (clone(thread_main, stack + sizeof(stack),
		CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
		    CLONE_THREAD | CLONE_CHILD_CLEARTID,
		NULL, NULL, NULL, &tid) == -1)
		err(1, "clone");
	while (tid != 0)
		syscall(SYS_futex, &tid, 0 /* FUTEX_WAIT */, 1, NULL, NULL, 0);
	return stop() - t - clock_cost;
}

/* Two processes, one CPU, a byte to and fro. */
static int64_t
op_pingpong(size_t n)
{
	int to[2], from[2];
	int64_t t;
	pid_t pid;
	size_t i;
	char c = 0;

	if (pipe(to) != 0 || pipe(from) != 0)
		err(1, "pipe");
	pid = do_fork();
	if (pid == 0) {
		for (i = 0; i < n + 1; i++) {
			(void)!read(to[0], &c, 1);
			(void)!write(from[1], &c, 1);
		}
		do_exit();
	}
	(void)!write(to[1], &c, 1);
	(void)!read(from[0], &c, 1);
	t = start();
	for (i = 0; i < n; i++) {
		(void)!write(to[1], &c, 1);
		(void)!read(from[0], &c, 1);
	}
	t = stop() - t;
	do_wait(pid);
	close(to[0]), close(to[1]), close(from[0]), close(from[1]);
	return t;
}

static void
b_thread(void)
{
	report_ticks("thread_exit", sample(op_thread, 0, 15), 1);
	report_ticks("pingpong", sample(op_pingpong, 100, 3), 100);
}

/*
 * To swap space and back, where there is some; the CPU's time of it, which is
 * all that can be counted while the device works.
 */
static int64_t
cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static void
b_swap(void)
{
	size_t n = 1024;
	char line[256], *p;
	ssize_t len;
	int64_t t;
	int fd = open("/proc/swaps", O_RDONLY);

	len = fd == -1 ? -1 : read(fd, line, sizeof(line) - 1);
	line[len < 0 ? 0 : len] = '\0';
	p = strchr(line, '\n');
	if (p == NULL || p[1] == '\0')
		return;
	p = map(n * PAGE);
	fill(p, n);
	t = cpu_ns();
	if (madvise(p, n * PAGE, 21 /* MADV_PAGEOUT */) != 0)
		return;
	report("swapout_page", (double)(cpu_ns() - t) / (double)n);
	t = cpu_ns();
	look(p, n);
	report("swapin_page", (double)(cpu_ns() - t) / (double)n);
	munmap(p, n * PAGE);
}

/*
 * The same on all CPUs at once.  Under ICOUNT=1 time is the sum of what all
 * CPUs execute, so a figure is what one operation takes together with what it
 * makes others do or wait for: flat if they share nothing.
 */
struct shared {
	_Atomic(int) ready, go, left;
};
static struct shared *shared;
static void (*par_op)(size_t);
static size_t par_n;

static void
futex(_Atomic(int) *word, int op, int val)
{
	syscall(SYS_futex, word, op, val, NULL, NULL, 0);
}

static void
par_fill(size_t n)
{
	fill(map(n * PAGE), n);
}

static void
par_mmap(size_t n)
{
	while (n-- > 0)
		(void)op_mmap(16);
}

static void
par_fork(size_t n)
{
	while (n-- > 0)
		(void)op_fork_exit_wait(0);
}

/* One of those that do it, on a CPU of its own; a process or a thread. */
static int
par_worker(void *arg)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((uintptr_t)arg, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		syscall(SYS_exit, 1);
	par_op(par_n / 16 + 1); /* warm */
	shared->ready++;
	while (shared->go == 0)
		futex(&shared->go, 0 /* FUTEX_WAIT */, 0);
	par_op(par_n);
	if (--shared->left == 0)
		futex(&shared->left, 1 /* FUTEX_WAKE */, 1);
	syscall(SYS_exit, 0);
	return 0;
}

static void
par_report(const char *what, void (*op)(size_t), size_t n, int flags)
{
	static const struct timespec ms = {.tv_nsec = 1000000};
	static char stacks[64][4 * PAGE] __attribute__((aligned(16)));
	int ncpu = (int)sysconf(_SC_NPROCESSORS_ONLN), i, left, status;
	char name[32];
	int64_t t;

	ncpu = ncpu > 64 ? 64 : ncpu;
	par_op = op;
	par_n = quick ? n / 4 : n;
	shared->ready = shared->go = 0;
	shared->left = ncpu;
	for (i = 0; i < ncpu; i++)
		if (clone(par_worker, stacks[i] + sizeof(stacks[i]), flags,
			(void *)(uintptr_t)i) == -1)
			err(1, "clone");
	while (shared->ready < ncpu)
		nanosleep(&ms, NULL);
	t = start();
	shared->go = 1;
	futex(&shared->go, 1 /* FUTEX_WAKE */, 64);
	while ((left = shared->left) != 0)
		futex(&shared->left, 0 /* FUTEX_WAIT */, left);
	t = stop() - t;
	for (i = 0; (flags & CLONE_THREAD) == 0 && i < ncpu; i++)
		if (wait(&status) == -1 || status != 0)
			errx(1, "%s: status %#x", what, status);
	snprintf(name, sizeof(name), "%s_%d", what, ncpu);
	report_ticks(name, t, (double)par_n * ncpu);
}

static void
b_par(void)
{
	const int threads =
	    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;

	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		err(1, "mmap");
	par_report("par_fault", par_fill, 4096, SIGCHLD);
	par_report("par_mmap", par_mmap, 1024, SIGCHLD);
	par_report("par_fork", par_fork, 128, SIGCHLD);
	/* Before there is anything that a new mapping would grow. */
	par_report("par_mmap_threads", par_mmap, 1024, threads);
	par_report("par_fault_threads", par_fill, 4096, threads);
}

static const struct {
	const char *name;
	void (*run)(void);
	bool asked; /* only by name */
} benches[] = {
    {"getpid", b_getpid, false},
    {"mmap", b_mmap, false},
    {"fault", b_fault, false},
    {"read", b_fault_read, false},
    {"sparse", b_unmap_sparse, false},
    {"fork", b_fork, false},
    {"exit", b_exit, false},
    {"cow", b_cow, false},
    {"exec", b_exec, false},
    {"calls", b_calls, false},
    {"file", b_file, false},
    {"thread", b_thread, false},
    {"swap", b_swap, false},
    {"par", b_par, true},
};

/* The one benchmark of that name, in this process. */
static void
run_one(const char *name)
{
	size_t i;

	stamp = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (stamp == MAP_FAILED)
		err(1, "mmap");
	stamp[0] = 0;
	calibrate();
	for (i = 0; i < sizeof(benches) / sizeof(*benches); i++)
		if (strcmp(benches[i].name, name) == 0)
			benches[i].run();
}

/* Each has a process of its own, new by exec: small, and of known shape. */
static void
run_alone(const char *name)
{
	char *const argv[] = {"vmbench", quick ? "-q" : "-n",
	    json ? "-j" : "-n", first ? "-1" : "-2", (char *)name, NULL};
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execv("/proc/self/exe", argv);
		err(1, "exec");
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "%s: status %#x", name, status);
	first = false;
}

static void
run_all(void)
{
	size_t i;

	for (i = 0; i < sizeof(benches) / sizeof(*benches); i++)
		if (wanted(benches[i].name) &&
		    (nselect > 0 || !benches[i].asked))
			run_alone(benches[i].name);
	printf(json ? "\n}\n" : "done 0\n");
	fflush(stdout);
}

/* pid 1: a console, arguments from the command line. */
static int
be_init(char **argv, int max)
{
	static char line[2048];
	char *p, *end;
	ssize_t n;
	int fd, argc;

	mkdir("/proc", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mknod("/dev/console", S_IFCHR | 0600, makedev(5, 1));
	if (fcntl(1, F_GETFD) == -1) {
		fd = open("/dev/console", O_RDWR);
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
	}
	argc = 1;
	fd = open("/proc/cmdline", O_RDONLY);
	n = fd == -1 ? -1 : read(fd, line, sizeof(line) - 1);
	if (n <= 0)
		return argc;
	close(fd);
	line[n] = '\0';
	p = strstr(line, "bench=");
	if (p == NULL)
		return argc;
	p += strlen("bench=");
	p[strcspn(p, " \n")] = '\0';
	while (*p != '\0' && argc < max) {
		end = p + strcspn(p, ",");
		if (*end != '\0')
			*end++ = '\0';
		argv[argc++] = p;
		p = end;
	}
	return argc;
}

int
main(int argc, char **argv)
{
	static char *args[32];
	bool init = getpid() == 1, one = false;
	pid_t pid;
	int i;

	if (argc == 2 && strcmp(argv[1], "-x") == 0)
		do_exit();
	if (init) {
		argv = args;
		argc = be_init(args, 32);
	}
	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		json = json || strcmp(argv[i], "-j") == 0;
		quick = quick || strcmp(argv[i], "-q") == 0;
		one = one || strcmp(argv[i], "-1") == 0 ||
		      strcmp(argv[i], "-2") == 0;
		first = first && strcmp(argv[i], "-2") != 0;
	}
	if (one && i < argc) {
		run_one(argv[i]);
		return 0;
	}
	selected = argv + i;
	nselect = argc - i;
	if (!init) {
		run_all();
		return 0;
	}
	pid = fork();
	if (pid == 0) {
		run_all();
		_exit(0);
	}
	waitpid(pid, &i, 0);
	if (i != 0)
		printf("failed %d\n", i);
	fflush(stdout);
	reboot(RB_POWER_OFF);
	return i != 0;
}
