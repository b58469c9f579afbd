/*
 * strict.c: the kernel parameters vm.wx, vm.stackcheck and vm.conceal, when
 * they are set.
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <ucontext.h>
#include "t.h"

#define RW   (PROT_READ | PROT_WRITE)
#define RWX  (RW | PROT_EXEC)
#define PRIV (MAP_PRIVATE | MAP_ANONYMOUS)

static int
set(const char *param)
{
	char line[4096];
	int fd = open("/proc/cmdline", O_RDONLY);
	ssize_t n;

	CHECK(fd != -1 && (n = read(fd, line, sizeof(line) - 1)) > 0);
	line[n] = '\0';
	close(fd);
	return strstr(line, param) != NULL;
}

static void *
thread(void *arg)
{
	char page[3 * PAGE];

	memset(page, 1, sizeof(page));
	return page[PAGE] == 1 ? arg : NULL;
}

static char *pivot;

/* Fault in a page with the stack pointer in the middle of the heap. */
static void
on_heap(void)
{
	volatile char *fresh = mmap(NULL, PAGE, RW, PRIV, -1, 0);

	*fresh = 1;
	_exit(0);
}

static void
pivots(int killed)
{
	static ucontext_t there;
	int status;
	pid_t pid;

	pivot = malloc(64 * PAGE);
	CHECK(pivot != NULL);
	memset(pivot, 0, 64 * PAGE);
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		CHECK(getcontext(&there) == 0);
		there.uc_stack.ss_sp = pivot;
		there.uc_stack.ss_size = 64 * PAGE;
		makecontext(&there, on_heap, 0);
		setcontext(&there);
		_exit(1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	if (killed)
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	else
		CHECK(status == 0);
}

/* Memory that is not for dumps, seen through /proc/self/mem. */
static void
conceal(int hidden)
{
	char *p = mmap(NULL, PAGE, RW, PRIV, -1, 0), c = 1;
	int fd = open("/proc/self/mem", O_RDWR);

	CHECK(p != MAP_FAILED && fd != -1);
	*p = 'x';
	CHECK(pread(fd, &c, 1, (off_t)(uintptr_t)p) == 1 && c == 'x');
	CHECK(madvise(p, PAGE, MADV_DONTDUMP) == 0);
	c = 1;
	if (hidden) {
		FAILS(EIO, pread(fd, &c, 1, (off_t)(uintptr_t)p));
		FAILS(EIO, pwrite(fd, "y", 1, (off_t)(uintptr_t)p));
		CHECK(c == 1 && *p == 'x');
	} else
		CHECK(pread(fd, &c, 1, (off_t)(uintptr_t)p) == 1 && c == 'x');
	CHECK(madvise(p, PAGE, MADV_DODUMP) == 0);
	CHECK(pread(fd, &c, 1, (off_t)(uintptr_t)p) == 1 && c == 'x');
	CHECK(close(fd) == 0 && munmap(p, PAGE) == 0);
}

int
main(void)
{
	pthread_t td;
	void *ok, *p = mmap(NULL, PAGE, RW, PRIV, -1, 0);

	CHECK(p != MAP_FAILED);
	if (set("vm.wx=1")) {
		FAILS(EOPNOTSUPP, mmap(NULL, PAGE, RWX, PRIV, -1, 0));
		FAILS(EOPNOTSUPP, mprotect(p, PAGE, RWX));
		CHECK(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
	} else
		CHECK(mprotect(p, PAGE, RWX) == 0);
	CHECK(pthread_create(&td, NULL, thread, p) == 0);
	CHECK(pthread_join(td, &ok) == 0 && ok == p);
	pivots(set("vm.stackcheck=1"));
	conceal(set("vm.conceal=1"));
	return 0;
}
