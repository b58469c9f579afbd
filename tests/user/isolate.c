/*
 * isolate.c: a process sees nothing of others: not in memory, not on its
 * stack, not in registers, not through /proc; and where things lie cannot be
 * guessed.
 *
 *	isolate			all of it
 *	isolate scan		look for the pattern in a fresh process
 *	isolate where		print where things are
 *	isolate bits		print how many bits of each differ between runs
 */
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include "t.h"

#define PATTERN 0x5ec2e75ec2e75ec2UL
#define FILL    (48UL << 20)
#define RW      (PROT_READ | PROT_WRITE)
#define PRIV    (MAP_PRIVATE | MAP_ANONYMOUS)

static void
fill(void *p, size_t len)
{
	uint64_t *w = p;
	size_t i;

	for (i = 0; i < len / sizeof(*w); i++)
		w[i] = PATTERN;
}

static void
check_zero(const void *p, size_t len)
{
	const uint64_t *w = p;
	size_t i;

	for (i = 0; i < len / sizeof(*w); i++)
		CHECK(w[i] == 0);
}

/* Leave the pattern wherever a process can. */
static void
leave_traces(void)
{
	char *p = mmap(NULL, FILL, RW, PRIV, -1, 0), *stack;
	char *s = mmap(NULL, FILL / 8, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("traces", 0);

	CHECK(p != MAP_FAILED && s != MAP_FAILED && fd != -1);
	fill(p, FILL);
	fill(s, FILL / 8);
	CHECK(write(fd, p, FILL / 8) == (ssize_t)(FILL / 8));
	stack = __builtin_alloca(1UL << 20);
	fill(stack, 1UL << 20);
	fill(sbrk(1L << 20), 1UL << 20);
#ifdef __x86_64__
	/* And in the registers that a context switch has to save. */
	__asm__ volatile("movq %0, %%xmm0; movq %0, %%xmm7; movq %0, %%xmm15"
			 :
			 : "r"(PATTERN)
			 : "xmm0", "xmm7", "xmm15");
#endif
	_exit(0);
}

/* What the stack below us holds, in pages that are there already. */
static __attribute__((noinline)) void
scan_stack(void)
{
	volatile uint64_t here = 0;
	volatile uint64_t *w = &here;
	unsigned char v;
	char *page = (char *)((uintptr_t)w & ~(PAGE - 1));

	while (mincore(page, PAGE, &v) == 0 && (v & 1) != 0) {
		for (; (char *)w >= page; w--)
			CHECK(*w != PATTERN);
		page -= PAGE;
	}
}

static void
scan(void)
{
	char *p = mmap(NULL, FILL, RW, PRIV, -1, 0), *q;
	char *s = mmap(NULL, FILL / 8, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("fresh", 0), pipefd[2];

	scan_stack();
	CHECK(p != MAP_FAILED && s != MAP_FAILED && fd != -1);
	check_zero(p, FILL);
	check_zero(s, FILL / 8);
	CHECK(ftruncate(fd, FILL / 8) == 0);
	q = mmap(NULL, FILL / 8, RW, MAP_SHARED, fd, 0);
	CHECK(q != MAP_FAILED);
	check_zero(q, FILL / 8);
	check_zero(sbrk(1L << 20), 1UL << 20);
	/* The tail of a file's last page, and one that shrank and grew. */
	CHECK(ftruncate(fd, 160) == 0);
	fill(q, PAGE);
	CHECK(ftruncate(fd, 80) == 0 && ftruncate(fd, 3 * PAGE) == 0);
	check_zero(q + 80, 3 * PAGE - 80);
	CHECK(pipe(pipefd) == 0);
	/* What a process gave back comes back empty. */
	fill(p, 1UL << 20);
	CHECK(munmap(p, FILL) == 0);
	p = mmap(NULL, FILL, RW, PRIV, -1, 0);
	CHECK(p != MAP_FAILED);
	check_zero(p, 1UL << 20);
}

static void
spawn(void (*fn)(void), const char *self, const char *arg)
{
	int status;
	pid_t pid = fork();

	CHECK(pid != -1);
	if (pid == 0) {
		if (fn != NULL)
			fn();
		else
			execl(self, self, arg, (char *)NULL);
		_exit(fn != NULL ? 0 : 127);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

#ifdef __x86_64__
/* A new program's registers tell nothing of the old one. */
static void
registers(const char *self)
{
	struct user_regs_struct r;
	struct user_fpregs_struct f;
	int status;
	size_t i;
	pid_t pid = fork();

	CHECK(pid != -1);
	if (pid == 0) {
		CHECK(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
		__asm__ volatile("movq %0, %%xmm0; movq %0, %%xmm9"
				 :
				 : "r"(PATTERN)
				 : "xmm0", "xmm9");
		execl(self, self, "nothing", (char *)NULL);
		_exit(127);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	CHECK(ptrace(PTRACE_GETREGS, pid, 0, &r) == 0);
	CHECK((r.rax | r.rbx | r.rcx | r.rdx | r.rsi | r.rdi | r.rbp) == 0);
	CHECK((r.r8 | r.r9 | r.r10 | r.r11 | r.r12 | r.r13 | r.r14) == 0);
	CHECK((r.r15 | r.fs_base | r.gs_base) == 0);
	CHECK(ptrace(PTRACE_GETFPREGS, pid, 0, &f) == 0);
	for (i = 0; i < sizeof(f.xmm_space) / sizeof(f.xmm_space[0]); i++)
		CHECK(f.xmm_space[i] == 0);
	CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}
#endif

/* Whether path can be opened and read. */
static int
readable(const char *path)
{
	char c[8];
	int fd = open(path, O_RDONLY), ok;

	if (fd == -1)
		return 0;
	ok = read(fd, c, sizeof(c)) > 0;
	close(fd);
	return ok;
}

static pid_t other;

static void
nobody(void)
{
	static const char *const names[] = {"mem", "maps", "smaps", "environ",
	    "pagemap", "smaps_rollup"};
	char path[64], buf[8];
	struct iovec l = {buf, sizeof(buf)}, r = {&other, sizeof(buf)};
	struct rlimit rl;
	uint64_t v = 1;
	size_t i;
	int fd;

	CHECK(setgid(65534) == 0 && setuid(65534) == 0);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", other, names[i]);
		CHECK(!readable(path));
	}
	FAILS(EPERM, process_vm_readv(other, &l, 1, &r, 1, 0));
	FAILS(EPERM, process_vm_writev(other, &l, 1, &r, 1, 0));
	FAILS(EPERM, kill(other, SIGTERM));
	FAILS(EPERM, ptrace(PTRACE_ATTACH, other, 0, 0));
	FAILS(EPERM, prlimit(other, RLIMIT_AS, NULL, &rl));
	CHECK(open("/proc/sys/vm/overcommit_memory", O_WRONLY) == -1);
	CHECK(open("/proc/sys/kernel/shmmax", O_WRONLY) == -1);
	/* Where one's own pages lie is not told either: dumpable or not. */
	CHECK(setpgid(0, 0) == 0 || errno != 0);
	fd = open("/proc/self/pagemap", O_RDONLY);
	if (fd != -1) {
		CHECK(pread(fd, &v, 8, (off_t)((uintptr_t)&v / PAGE * 8)) == 8);
		CHECK((v & ((1UL << 55) - 1)) == 0);
		close(fd);
	}
}

static void
strangers(void)
{
	int status;

	other = fork();
	CHECK(other != -1);
	if (other == 0) {
		pause();
		_exit(0);
	}
	spawn(nobody, NULL, NULL);
	CHECK(kill(other, SIGKILL) == 0);
	CHECK(waitpid(other, &status, 0) == other);
}

static sigjmp_buf escape;

static void
on_fault(int sig)
{
	siglongjmp(escape, sig);
}

/* The start of the stack's mapping. */
static uintptr_t
stack_start(void)
{
	char line[512];
	uintptr_t start = 0;
	FILE *f = fopen("/proc/self/maps", "r");

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strstr(line, "[stack]") != NULL)
			start = strtoul(line, NULL, 16);
	fclose(f);
	CHECK(start != 0);
	return start;
}

/* A mapping close below the stack is never reached by growing. */
static void
guard_gap(void)
{
	static char alt[65536];
	stack_t ss = {.ss_sp = alt, .ss_size = sizeof(alt)};
	struct sigaction sa = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK};
	char *low = (char *)stack_start() - 200 * PAGE;

	CHECK(sigaltstack(&ss, NULL) == 0);
	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
	CHECK(mmap(low - PAGE, PAGE, RW, PRIV | MAP_FIXED_NOREPLACE, -1, 0) ==
	      low - PAGE);
	if (sigsetjmp(escape, 1) == 0) {
		*(volatile char *)(low + 100 * PAGE) = 1;
		CHECK(!"in the gap");
	}
}

static void
where(void)
{
	char here;
	void *p = mmap(NULL, PAGE, RW, PRIV, -1, 0);

	printf("%lx %lx %lx %lx %lx\n", (unsigned long)&here, (unsigned long)p,
	    (unsigned long)sbrk(0), (unsigned long)where,
	    *(unsigned long *)getauxval(AT_RANDOM));
}

#define SAMPLES 48

/* How many bits of each address change from run to run: so many, at least. */
static void
entropy(const char *self, int print)
{
	static const char *const name[] = {"stack", "mmap", "brk", "exec",
	    "random"};
	static const int least[] = {20, 20, 10, 20, 40};
	unsigned long v[5], first[5] = {0}, varies[5] = {0};
	char cmd[256];
	FILE *f;
	int i, k;

	snprintf(cmd, sizeof(cmd), "%s where", self);
	for (i = 0; i < SAMPLES; i++) {
		f = popen(cmd, "r");
		CHECK(f != NULL);
		CHECK(fscanf(f, "%lx %lx %lx %lx %lx", &v[0], &v[1], &v[2],
			  &v[3], &v[4]) == 5);
		CHECK(pclose(f) == 0);
		for (k = 0; k < 5; k++) {
			if (i == 0)
				first[k] = v[k];
			varies[k] |= v[k] ^ first[k];
		}
	}
	for (k = 0; k < 5; k++) {
		if (print)
			printf("%s %d bits\n", name[k],
			    __builtin_popcountl(varies[k]));
		CHECK(__builtin_popcountl(varies[k]) >= least[k]);
	}
}

int
main(int argc, char **argv)
{
	int i;

	if (argc == 2 && strcmp(argv[1], "scan") == 0) {
		scan();
		return 0;
	}
	if (argc == 2) {
		if (strcmp(argv[1], "where") == 0)
			where();
		else if (strcmp(argv[1], "bits") == 0)
			entropy(argv[0], 1);
		return 0;
	}
	for (i = 0; i < 3; i++) {
		spawn(leave_traces, NULL, NULL);
		spawn(NULL, argv[0], "scan");
	}
#ifdef __x86_64__
	registers(argv[0]);
#endif
	strangers();
	spawn(guard_gap, NULL, NULL);
	entropy(argv[0], 0);
	return 0;
}
