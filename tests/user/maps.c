/*
 * maps.c: mmap, munmap, mprotect and mremap answer as Linux does.
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include "fault.h"

#define RW   (PROT_READ | PROT_WRITE)
#define PRIV (MAP_PRIVATE | MAP_ANONYMOUS)

static void
basics(void)
{
	char *p, *q;
	int i;

	FAILS(EINVAL, mmap(NULL, 0, RW, PRIV, -1, 0));
	FAILS(EINVAL, mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0));
	FAILS(EBADF, mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0));
	FAILS(EINVAL, munmap((void *)1, PAGE));
	FAILS(EINVAL, munmap(NULL, 0));
	FAILS(ENOMEM, mmap(NULL, 1UL << 60, RW, PRIV, -1, 0));

	p = mmap(NULL, 16 * PAGE, RW, PRIV, -1, 0);
	CHECK(p != MAP_FAILED);
	for (i = 0; i < 16; i++)
		CHECK(p[(size_t)i * PAGE] == 0);
	memset(p, 0x5a, 16 * PAGE);
	CHECK(munmap(p + 4 * PAGE, 4 * PAGE) == 0);
	CHECK(munmap(p + 4 * PAGE, 4 * PAGE) == 0); /* a hole: still 0 */
	CHECK(touch(p + 4 * PAGE, 0) == SIGSEGV && code == SEGV_MAPERR);
	CHECK(touch(p + 3 * PAGE, 0) == 0 && touch(p + 8 * PAGE, 0) == 0);
	FAILS(ENOMEM, mprotect(p, 16 * PAGE, PROT_READ));
	q = mmap(p + 4 * PAGE, 4 * PAGE, RW, PRIV | MAP_FIXED, -1, 0);
	CHECK(q == p + 4 * PAGE && q[0] == 0);
	FAILS(EEXIST, mmap(q, PAGE, RW, PRIV | MAP_FIXED_NOREPLACE, -1, 0));
	CHECK(munmap(p, 16 * PAGE) == 0);
	CHECK(touch(p, 1) == SIGSEGV && code == SEGV_MAPERR);
}

static void
protection(void)
{
	char *p = mmap(NULL, 3 * PAGE, RW, PRIV, -1, 0);

	CHECK(p != MAP_FAILED);
	memset(p, 1, 3 * PAGE);
	CHECK(mprotect(p + PAGE, PAGE, PROT_READ) == 0);
	CHECK(touch(p + PAGE, 0) == 0);
	CHECK(touch(p + PAGE, 1) == SIGSEGV && code == SEGV_ACCERR);
	CHECK(mprotect(p + PAGE, PAGE, PROT_NONE) == 0);
	CHECK(touch(p + PAGE, 0) == SIGSEGV && code == SEGV_ACCERR);
	CHECK(mprotect(p, 3 * PAGE, RW) == 0);
	CHECK(touch(p + PAGE, 1) == 0);
	FAILS(EINVAL, mprotect(p + 1, PAGE, RW));
	CHECK(munmap(p, 3 * PAGE) == 0);
}

static void
advice(void)
{
	char *p = mmap(NULL, 4 * PAGE, RW, PRIV, -1, 0);

	CHECK(p != MAP_FAILED);
	memset(p, 1, 4 * PAGE);
	CHECK(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED) == 0);
	CHECK(p[0] == 1 && p[PAGE] == 0 && p[2 * PAGE] == 0);
	CHECK(p[3 * PAGE] == 1);
	FAILS(EINVAL, madvise(p + 1, PAGE, MADV_DONTNEED));
	CHECK(munmap(p, 4 * PAGE) == 0);
}

static void
files(void)
{
	char path[] = "/tmp/mapsXXXXXX", byte;
	char *s, *p;
	int fd = mkstemp(path);

	CHECK(fd != -1);
	CHECK(unlink(path) == 0);
	CHECK(ftruncate(fd, 2 * PAGE + 100) == 0);
	s = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
	p = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
	CHECK(s != MAP_FAILED && p != MAP_FAILED);
	CHECK(pwrite(fd, "w", 1, PAGE) == 1);
	CHECK(s[PAGE] == 'w' && p[PAGE] == 'w');
	s[0] = 's';
	CHECK(pread(fd, &byte, 1, 0) == 1 && byte == 's');
	CHECK(p[0] == 's');
	p[0] = 'p';
	CHECK(s[0] == 's');
	CHECK(s[2 * PAGE + 200] == 0); /* past the end, in the last page */
	CHECK(touch(s + 3 * PAGE, 0) == SIGBUS && code == BUS_ADRERR);
	CHECK(touch(p + 3 * PAGE, 1) == SIGBUS && code == BUS_ADRERR);

	/* Truncation takes even private copies; growing brings zeroes. */
	CHECK(ftruncate(fd, 0) == 0);
	CHECK(touch(s, 0) == SIGBUS && touch(p, 0) == SIGBUS);
	CHECK(ftruncate(fd, PAGE) == 0);
	CHECK(touch(s, 0) == 0 && s[0] == 0);
	CHECK(close(fd) == 0);
	CHECK(s[1] == 0); /* the mapping keeps the file */
	CHECK(munmap(s, 4 * PAGE) == 0 && munmap(p, 4 * PAGE) == 0);

	fd = open("/dev/zero", O_RDWR);
	CHECK(fd != -1);
	p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED && p[0] == 0);
	p[0] = 1;
	CHECK(munmap(p, PAGE) == 0 && close(fd) == 0);
}

static void
heap(void)
{
	char *old = sbrk(0), *p;

	CHECK(old != (void *)-1);
	p = sbrk(64 * (long)PAGE);
	CHECK(p == old);
	memset(p, 7, 64 * PAGE);
	CHECK(sbrk(-64 * (long)PAGE) != (void *)-1);
	CHECK(touch(old + 32 * PAGE, 0) == SIGSEGV);
	CHECK(sbrk(64 * (long)PAGE) == old);
	CHECK(p[32 * PAGE] == 0); /* fresh, not the old bytes */
	CHECK(sbrk(-64 * (long)PAGE) != (void *)-1);
}

int
main(void)
{
	struct sigaction sa = {.sa_sigaction = on_fault,
	    .sa_flags = SA_SIGINFO};

	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
	CHECK(sigaction(SIGBUS, &sa, NULL) == 0);
	basics();
	protection();
	advice();
	files();
	heap();
	return 0;
}
