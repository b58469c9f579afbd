/*
 * details.c: small print of calls about memory and processes, found by running
 * thousands of lines of questions here and on Linux and comparing.
 */
#include "t.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

/* No user addresses, and one that is not mapped; the compiler must not know. */
static void *volatile nowhere = (void *)-1L;
static void *volatile high = (void *)0xffff800000000000L;
static void *volatile unused = (void *)1L;
static volatile size_t whole = (size_t)-1;

#define SYS_pidfd_open_        434
#define SYS_pidfd_send_signal_ 424
#define SYS_clone3_            435

/* Buffers outside of user space are refused, even where nothing would move. */
static void
buffers(void)
{
	char buf[16];
	struct iovec bad = {nowhere, 4};
	int p[2], null;

	CHECK(pipe(p) == 0);
	FAILS(EFAULT, read(p[0], nowhere, 0));
	FAILS(EFAULT, write(p[1], nowhere, 0));
	FAILS(EFAULT, write(p[1], high, 1));
	CHECK(write(p[1], unused, 0) == 0);
	CHECK((null = open("/dev/null", O_RDWR)) >= 0);
	FAILS(EFAULT, write(null, nowhere, 1));
	CHECK(write(null, unused, 1) == 1);
	FAILS(EFAULT, read(null, buf, whole));
	FAILS(EFAULT, writev(null, &bad, 1));
	FAILS(EINVAL, lseek(null, 0, 99));
	CHECK(lseek(null, 5, SEEK_SET) == 0);
	close(null);
	close(p[0]);
	close(p[1]);
}

/* What a pipe takes from the pieces of one page it takes whole or not at all. */
static void
pipe_pieces(void)
{
	struct iovec v[2] = {{"good", 4}, {unused, 5}};
	char buf[16];
	int p[2];

	CHECK(pipe(p) == 0);
	FAILS(EFAULT, writev(p[1], v, 2));
	CHECK(write(p[1], "abc", 3) == 3);
	v[0].iov_base = buf;
	v[0].iov_len = 1;
	FAILS(EFAULT, readv(p[0], v, 2));
	CHECK(read(p[0], buf, sizeof(buf)) == 3 && memcmp(buf, "abc", 3) == 0);
	close(p[0]);
	close(p[1]);
}

static volatile int taken[8], ntaken;

static void
on_signal(int sig)
{
	if (ntaken < 8)
		taken[ntaken++] = sig;
}

/* A thread's own signals come before its process's, each by number. */
static void
signal_order(void)
{
	const int want[] = {SIGSEGV, SIGINT, SIGUSR1, 40, SIGFPE, SIGHUP, 38};
	struct sigaction sa = {.sa_handler = on_signal};
	sigset_t all, none;
	u_int i;

	sigfillset(&sa.sa_mask);
	for (i = 0; i < 7; i++)
		CHECK(sigaction(want[i], &sa, NULL) == 0);
	sigfillset(&all);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &all, NULL);
	kill(getpid(), SIGHUP);
	kill(getpid(), 38);
	kill(getpid(), SIGFPE);
	raise(40);
	raise(SIGUSR1);
	raise(SIGSEGV);
	raise(SIGINT);
	sigprocmask(SIG_SETMASK, &none, NULL);
	CHECK(ntaken == 7);
	for (i = 0; i < 7; i++) {
		CHECK(taken[i] == want[i]);
		signal(want[i], SIG_DFL);
	}
}

/* A child with RLIMIT_CPU, that does how, to how it ends. */
static int
limited(rlim_t soft, rlim_t hard, void (*how)(int), bool grandchild)
{
	struct rlimit rl = {soft, hard};
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(setrlimit(RLIMIT_CPU, &rl) == 0);
		signal(SIGXCPU, how);
		if (grandchild && (pid = fork()) != 0) {
			CHECK(waitpid(pid, &status, 0) == pid);
			CHECK(WIFSIGNALED(status));
			raise(WTERMSIG(status));
		}
		for (ntaken = 0; ntaken == 0;)
			continue;
		_exit(taken[0]);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static void
cpu_limit(void)
{
	CHECK(limited(1, 5, SIG_DFL, false) == SIGXCPU);
	CHECK(limited(1, 5, on_signal, false) == -SIGXCPU);
	CHECK(limited(1, 2, SIG_IGN, false) == SIGKILL);
	CHECK(limited(1, 1, SIG_DFL, true) == SIGKILL);
}

/* A thread that another one confines to a processor goes there. */
static void *
busy(void *arg)
{
	_Atomic int *state = arg;

	*state = (int)syscall(SYS_gettid);
	while (*state != 0)
		sched_yield();
	return (void *)(long)sched_getcpu();
}

static void
affinity(void)
{
	_Atomic int state = 0;
	cpu_set_t all, one, got;
	pthread_t t;
	void *cpu;
	int i, tid;

	FAILS(ESRCH, sched_getaffinity(-1, sizeof(all), &all));
	FAILS(ESRCH, sched_setaffinity(-1, sizeof(all), &all));
	CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
	for (i = CPU_SETSIZE - 1; !CPU_ISSET(i, &all); i--)
		continue;
	CPU_ZERO(&one);
	CPU_SET(i, &one);
	CHECK(pthread_create(&t, NULL, busy, (void *)&state) == 0);
	while ((tid = state) == 0)
		sched_yield();
	CHECK(sched_setaffinity(tid, sizeof(one), &one) == 0);
	CHECK(sched_getaffinity(tid, sizeof(got), &got) == 0);
	CHECK(CPU_EQUAL(&one, &got));
	state = 0;
	CHECK(pthread_join(t, &cpu) == 0);
	CHECK((long)cpu == i);
	CHECK(sched_getaffinity(0, sizeof(got), &got) == 0);
	CHECK(CPU_EQUAL(&all, &got));
}

/* Threads count against RLIMIT_NPROC as well. */
static void *
sleeper(void *arg)
{
	pause();
	return arg;
}

static void
thread_limit(void)
{
	struct rlimit rl = {3, 3};
	int status, i;
	pthread_t t;
	pid_t pid;

	if (getuid() != 0)
		return;
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(setrlimit(RLIMIT_NPROC, &rl) == 0);
		CHECK(setresuid(54321, 54321, 54321) == 0);
		for (i = 0; i < 2; i++)
			CHECK(pthread_create(&t, NULL, sleeper, NULL) == 0);
		CHECK(pthread_create(&t, NULL, sleeper, NULL) == EAGAIN);
		FAILS(EAGAIN, fork());
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

struct clone3 {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal;
	uint64_t stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

static void
clone_arguments(void)
{
	struct clone3 a = {.exit_signal = SIGCHLD};
	int fd;

	a.stack = (uint64_t)-PAGE;
	a.stack_size = 16 * PAGE;
	FAILS(EINVAL, syscall(SYS_clone3_, &a, sizeof(a)));
	a = (struct clone3){.flags = CLONE_PIDFD | CLONE_PARENT_SETTID,
	    .pidfd = (uintptr_t)&fd,
	    .parent_tid = (uintptr_t)&fd};
	FAILS(EINVAL, syscall(SYS_clone3_, &a, sizeof(a)));
}

static void
tracing(void)
{
	siginfo_t info = {.si_signo = SIGHUP, .si_code = SI_QUEUE};
	int status, fd;
	pid_t pid;

	FAILS(ESRCH, ptrace(12345, getpid(), 0, 0));
	FAILS(EPERM, ptrace(PTRACE_ATTACH, getpid(), 0, 0));
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		for (;;)
			pause();
	FAILS(EIO, ptrace(PTRACE_SEIZE, pid, 0, -1L));
	CHECK((fd = (int)syscall(SYS_pidfd_open_, pid, 0)) >= 0);
	FAILS(EINVAL, syscall(SYS_pidfd_send_signal_, fd, SIGUSR1, &info, 0));
	CHECK(ptrace(PTRACE_SEIZE, pid, 0, 0) == 0);
	CHECK(ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	FAILS(EIO, ptrace(12345, pid, 0, 0));
	CHECK(ptrace(PTRACE_LISTEN, pid, 0, 0) == 0);
	FAILS(ESRCH, ptrace(PTRACE_CONT, pid, 0, 0)); /* it listens */
	/* A group stop can be asked about, of who was seized. */
	CHECK(ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	CHECK(kill(pid, SIGSTOP) == 0);
	CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && WSTOPSIG(status) == SIGSTOP);
	CHECK(ptrace(PTRACE_CONT, pid, 0, SIGSTOP) == 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status >> 16 == PTRACE_EVENT_STOP);
	CHECK(ptrace(PTRACE_GETSIGINFO, pid, 0, &info) == 0);
	CHECK(info.si_signo == SIGSTOP);
	CHECK(info.si_code == (SIGSTOP | PTRACE_EVENT_STOP << 8));
	CHECK(kill(pid, SIGKILL) == 0);
	info.si_pid = 0;
	CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	close(fd);
	pid = fork();
	if (pid == 0)
		_exit(0);
	CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
	FAILS(EPERM, ptrace(PTRACE_ATTACH, pid, 0, 0)); /* a zombie */
	CHECK(waitpid(pid, &status, 0) == pid);
	FAILS(ESRCH, ptrace(PTRACE_ATTACH, pid, 0, 0));
}

/* What can be copied before the hole at the near end is copied. */
static void
near_hole(void)
{
	char far[16] = "0123456789abcde";
	struct iovec there = {far, 16}, here;
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED && munmap(p + PAGE, PAGE) == 0);
	here = (struct iovec){p + PAGE - 6, 16};
	CHECK(process_vm_readv(getpid(), &here, 1, &there, 1, 0) == 6);
	CHECK(memcmp(p + PAGE - 6, "012345", 6) == 0);
	memcpy(p + PAGE - 6, "xyzxyz", 6);
	CHECK(process_vm_writev(getpid(), &here, 1, &there, 1, 0) == 6);
	CHECK(memcmp(far, "xyzxyz6", 7) == 0);
	munmap(p, PAGE);
}

static void
clocks(void)
{
	struct itimerval it = {.it_interval = {.tv_usec = 5000}}, got;
	struct timespec ts = {0, 1};

	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	CHECK(getitimer(ITIMER_REAL, &got) == 0);
	CHECK(got.it_interval.tv_usec == 0 && got.it_value.tv_usec == 0);
	FAILS(EOPNOTSUPP, syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID,
			      0, &ts, NULL));
	FAILS(EINVAL, setpgid(-1, 0));
	FAILS(EINVAL, sched_setscheduler(0, SCHED_OTHER, NULL));
}

/* The line of /proc/self/maps that va is in, or begins, to buf. */
static void
line_of(const void *va, char *buf, int len)
{
	unsigned long start, end, at = (unsigned long)va;
	FILE *f = fopen("/proc/self/maps", "r");

	CHECK(f != NULL);
	do
		CHECK(fgets(buf, len, f) != NULL);
	while (sscanf(buf, "%lx-%lx", &start, &end) != 2 || at < start ||
	       at >= end);
	fclose(f);
}

/* What is locked, sealed or advised otherwise has a line of its own. */
static void
map_lines(void)
{
	char *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char a[256], b[256];

	CHECK(p != MAP_FAILED && mprotect(p, PAGE, PROT_NONE) == 0);
	line_of(p + PAGE, a, sizeof(a));
	line_of(p + 5 * PAGE, b, sizeof(b));
	CHECK(strcmp(a, b) == 0);
	CHECK(mlock(p + 4 * PAGE, 2 * PAGE) == 0);
	line_of(p + 5 * PAGE, b, sizeof(b));
	CHECK(strcmp(a, b) != 0);
	CHECK(munlock(p + 4 * PAGE, 2 * PAGE) == 0);
	line_of(p + 5 * PAGE, b, sizeof(b));
	CHECK(strcmp(a, b) == 0);
	CHECK(madvise(p + 4 * PAGE, PAGE, MADV_DONTFORK) == 0);
	line_of(p + 4 * PAGE, b, sizeof(b));
	CHECK(strcmp(a, b) != 0);
	munmap(p, 8 * PAGE);
}

/* A long file of maps, read in small pieces: every line, once and in order. */
static void
long_maps(void)
{
	const unsigned long n = 2000;
	char *p =
	    mmap(NULL, n * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long i, start, end, want = (unsigned long)p, lines = 0;
	char line[256];
	size_t len = 0;
	int fd;

	CHECK(p != MAP_FAILED);
	for (i = 0; i < n; i += 2)
		CHECK(mprotect(p + i * PAGE, PAGE, PROT_NONE) == 0);
	CHECK((fd = open("/proc/self/maps", O_RDONLY)) >= 0);
	while (read(fd, line + len, 1) == 1) {
		CHECK(len < sizeof(line) - 1);
		if (line[len++] != '\n')
			continue;
		line[len] = '\0';
		len = 0;
		CHECK(sscanf(line, "%lx-%lx", &start, &end) == 2);
		if (end <= (unsigned long)p ||
		    start >= (unsigned long)p + n * PAGE)
			continue;
		CHECK(start == want || lines == 0);
		CHECK(strstr(line, lines % 2 == 0 ? " ---p " : " r--p "));
		want = end;
		lines++;
	}
	CHECK(len == 0 && lines == n);
	close(fd);
	munmap(p, n * PAGE);
}

/* One that grows down meets another one of its kind. */
static void
grow_together(void)
{
	const int how = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN;
	char *p = mmap(NULL, 512 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
	    -1, 0);
	int i;

	CHECK(p != MAP_FAILED && munmap(p, 512 * PAGE) == 0);
	CHECK(mmap(p + 300 * PAGE, PAGE, PROT_READ | PROT_WRITE, how, -1, 0) ==
	      p + 300 * PAGE);
	CHECK(mmap(p + 310 * PAGE, PAGE, PROT_READ | PROT_WRITE, how, -1, 0) ==
	      p + 310 * PAGE);
	p[301 * PAGE] = 1; /* nothing else of the two has been touched */
	for (i = 300; i < 311; i++)
		CHECK(p[i * PAGE] == (i == 301));
	CHECK(munmap(p, 512 * PAGE) == 0);
}

/* The number behind key in /proc/self/status. */
static long
status_of(const char *key)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long n = -1;

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, key, strlen(key)) == 0)
			n = strtol(line + strlen(key), NULL, 0);
	fclose(f);
	CHECK(n >= 0);
	return n;
}

static void
proc_files(void)
{
	unsigned long aux[128];
	long file, n, shmem;
	char *p;
	int fd;

	CHECK((fd = open("/proc/self/auxv", O_RDONLY)) >= 0);
	n = read(fd, aux, sizeof(aux));
	close(fd);
	CHECK(n > 32 && n % 16 == 0 && aux[n / 8 - 2] == AT_NULL);
	for (n = n / 8 - 4; n >= 0; n -= 2)
		if (aux[n] == AT_PHDR || aux[n] == AT_RANDOM)
			CHECK(getauxval(aux[n]) == aux[n + 1]);

	file = status_of("RssFile:");
	shmem = status_of("RssShmem:");
	CHECK(status_of("RssAnon:") + file + shmem == status_of("VmRSS:"));
	CHECK(status_of("VmHWM:") < 1 << 20);
	p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	memset(p, 1, 64 * PAGE);
	n = status_of("RssShmem:") - shmem;
	CHECK(n >= 256 && n <= 300);
	munmap(p, 64 * PAGE);
	CHECK(status_of("NoNewPrivs:") == 0);

	CHECK((fd = open("/proc/self/oom_score_adj", O_RDWR)) >= 0);
	CHECK(write(fd, " 7\n", 3) == 3);
	close(fd);
}

/* In a child of another user: what /proc refuses, it refuses to open. */
static void
other_user(void)
{
	const char *const secret[] = {"maps", "smaps", "mem", "environ",
	    "auxv"};
	struct iovec v = {NULL, 0};
	char name[64];
	int status, fd;
	u_int i;
	pid_t pid;

	if (getuid() != 0)
		return;
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK((fd = open("/proc/self/auxv", O_RDONLY)) >= 0);
		CHECK(read(fd, name, sizeof(name)) == sizeof(name));
		CHECK(setresuid(1000, 1000, 1000) == 0);
		for (i = 0; i < 5; i++) {
			snprintf(name, sizeof(name), "/proc/%d/%s", getppid(),
			    secret[i]);
			FAILS(EACCES, open(name, O_RDONLY));
		}
		/* He has changed who he is: his own are root's, too. */
		FAILS(EACCES, open("/proc/self/mem", O_RDONLY));
		CHECK(open("/proc/self/maps", O_RDONLY) >= 0);
		FAILS(EPERM, setpriority(PRIO_PROCESS, (id_t)getppid(), 10));
		fd = (int)syscall(SYS_pidfd_open_, getppid(), 0);
		FAILS(EACCES, syscall(440, fd, &v, 1, MADV_COLD, 0));
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int
main(void)
{
	buffers();
	pipe_pieces();
	signal_order();
	clone_arguments();
	tracing();
	near_hole();
	clocks();
	map_lines();
	long_maps();
	grow_together();
	proc_files();
	other_user();
	thread_limit();
	affinity();
	cpu_limit();
	return 0;
}
