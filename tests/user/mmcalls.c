/*
 * mmcalls.c: a case for every row of kern/memcalls.def but those of shared
 * memory segments (shm.c), and the surprises of Linux's memory calls.
 *
 * It runs on Linux as well.  Where vmspace answers otherwise on purpose, the
 * row says so and the case asks which system it is on: here().
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include "fault.h"

#define RW   (PROT_READ | PROT_WRITE)
#define PRIV (MAP_PRIVATE | MAP_ANONYMOUS)
#define ANON (MAP_SHARED | MAP_ANONYMOUS)

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#undef MAP_HUGE_MASK
#define MAP_HUGE_MASK        (int)(0x3fU << 26) /* the size of huge pages */
#define MADV_POPULATE_READ   22
#define MADV_POPULATE_WRITE  23
#define MADV_DONTNEED_LOCKED 24
#define MADV_COLLAPSE        25
#define MADV_SOFT_OFFLINE    101
#define MADV_GUARD_INSTALL   102
#define MADV_GUARD_REMOVE    103
#undef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif
#define MFD_NOEXEC_SEAL 8U
#define MFD_EXEC        0x10U
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif
#define F_SEAL_EXEC 0x20
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_mseal
#define SYS_mseal 462
#endif

/* Where user space ends. */
#ifdef __aarch64__
#define TOP ((char *)0xfffffffff000)
#else
#define TOP ((char *)0x7ffffffff000)
#endif

static int
here(void)
{
	struct utsname u;

	CHECK(uname(&u) == 0);
	return strstr(u.release, "vmspace") != NULL;
}

static char *
map(size_t npages, int prot, int flags)
{
	char *p = mmap(NULL, npages * PAGE, prot, flags, -1, 0);

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
	char path[] = "/tmp/mmXXXXXX";
	int fd = mkstemp(path);

	CHECK(fd != -1 && unlink(path) == 0);
	CHECK(ftruncate(fd, (off_t)size) == 0);
	return fd;
}

static void
limit(int which, rlim_t cur)
{
	struct rlimit rl;

	CHECK(getrlimit(which, &rl) == 0);
	rl.rlim_cur = cur;
	CHECK(setrlimit(which, &rl) == 0);
}

/* The permissions that maps shows for the mapping that begins at p. */
static const char *
shown(const void *p)
{
	static char line[512];
	unsigned long from;
	char *perms = NULL;
	FILE *f = fopen("/proc/self/maps", "r");

	CHECK(f != NULL);
	while (perms == NULL && fgets(line, sizeof(line), f) != NULL) {
		from = strtoul(line, NULL, 16);
		if (from == (unsigned long)p) {
			perms = strchr(line, ' ') + 1;
			perms[4] = '\0';
		}
	}
	fclose(f);
	return perms == NULL ? "" : perms;
}

static void
mmap_types(void)
{
	int fd = file(PAGE), rd, wr;
	char path[64], *p;

	FAILS(EINVAL, mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0));
	FAILS(EINVAL,
	    mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0));
	p = mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE, fd, 0);
	CHECK(p != MAP_FAILED);
	unmap(p, 1);
	FAILS(EOPNOTSUPP,
	    mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0));
	FAILS(EOPNOTSUPP,
	    mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE | 0x200000, fd, 0));
	p = mmap(NULL, PAGE, RW, MAP_SHARED | 0x200000, fd, 0);
	CHECK(p != MAP_FAILED);
	unmap(p, 1);
	p = mmap(NULL, PAGE, RW | 0x100, PRIV | 0x200000, 12345, 0);
	CHECK(p != MAP_FAILED); /* junk descriptor, unknown bits */
	unmap(p, 1);
	FAILS(EINVAL, mmap(NULL, 0, RW, PRIV, -1, 0));
	FAILS(EINVAL, mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 1));
	FAILS(EOVERFLOW, mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd,
			     0x7fffffffffffe000));
	p = mmap(NULL, PAGE, RW, PRIV, -1, 0x7ffffffffffff000);
	CHECK(p != MAP_FAILED);
	unmap(p, 1);
	FAILS(EBADF, mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0));
	FAILS(ENOMEM, mmap(NULL, SIZE_MAX / 2, RW, PRIV, -1, 0));
	FAILS(ENOMEM, mmap(NULL, (size_t)-1, RW, PRIV, -1, 0));
	CHECK(mmap(NULL, PAGE, RW, PRIV | MAP_HUGETLB, -1, 0) == MAP_FAILED);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rd = open(path, O_RDONLY);
	wr = open(path, O_WRONLY);
	CHECK(rd != -1 && wr != -1);
	FAILS(EACCES, mmap(NULL, PAGE, PROT_WRITE, MAP_PRIVATE, wr, 0));
	FAILS(EACCES, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, wr, 0));
	FAILS(EACCES, mmap(NULL, PAGE, RW, MAP_SHARED, rd, 0));
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, rd, 0);
	CHECK(p != MAP_FAILED);
	FAILS(EACCES, mprotect(p, PAGE, RW));
	unmap(p, 1);
	p = mmap(NULL, PAGE, RW, MAP_PRIVATE, rd, 0);
	CHECK(p != MAP_FAILED && touch(p, 1) == 0);
	unmap(p, 1);
	CHECK(pipe((int[2]){0, 0}) == 0);
	close(fd);
	close(rd);
	close(wr);
}

static void
mmap_flags(void)
{
	char *p, *q;
	unsigned char vec[4];

	p = map(4, RW, PRIV);
	FAILS(EEXIST, mmap(p, PAGE, RW, PRIV | MAP_FIXED_NOREPLACE, -1, 0));
	p[PAGE] = 1;
	q = mmap(p + PAGE, PAGE, RW, PRIV | MAP_FIXED, -1, 0);
	CHECK(q == p + PAGE && *q == 0);
	FAILS(EINVAL, mmap(p + 1, PAGE, RW, PRIV | MAP_FIXED, -1, 0));
	unmap(p + PAGE, 1);
	q = mmap(p + PAGE, PAGE, RW, PRIV, -1, 0); /* a hint */
	CHECK(q == p + PAGE);
	unmap(p, 4);
	FAILS(ENOMEM, mmap(TOP + PAGE, PAGE, RW, PRIV | MAP_FIXED, -1, 0));
#ifdef MAP_32BIT
	p = map(1, RW, PRIV | MAP_32BIT);
	CHECK((unsigned long)p < 1UL << 31);
	unmap(p, 1);
#endif
	p = map(4, RW, PRIV | MAP_POPULATE);
	CHECK(mincore(p, 4 * PAGE, vec) == 0);
	CHECK((vec[0] & vec[1] & vec[2] & vec[3] & 1) == 1);
	unmap(p, 4);
	p = map(4, RW, PRIV | MAP_POPULATE | MAP_NONBLOCK);
	CHECK(mincore(p, 4 * PAGE, vec) == 0 && (vec[0] & 1) == 0);
	unmap(p, 4);
	p = map(4, RW, PRIV | MAP_LOCKED);
	CHECK(mincore(p, 4 * PAGE, vec) == 0 && (vec[3] & 1) == 1);
	unmap(p, 4);
	p = map(1UL << 20, RW, PRIV | MAP_NORESERVE);
	CHECK(touch(p + (1UL << 31), 1) == 0);
	unmap(p, 1UL << 20);
	p = map(1, RW, PRIV | MAP_HUGE_MASK);
	unmap(p, 1);
	p = map(1, RW, PRIV | MAP_STACK | MAP_DENYWRITE | MAP_EXECUTABLE);
	unmap(p, 1);
	FAILS(EINVAL, mmap(NULL, PAGE, RW, ANON | MAP_GROWSDOWN, -1, 0));

	/* Each is distinct, and hidden by none. */
	p = map(1, RW, ANON);
	q = map(1, RW, ANON);
	*p = 1;
	CHECK(*q == 0);
	unmap(p, 1);
	unmap(q, 1);
}

static void
grows_down(void)
{
	char *area = map(1024, PROT_NONE, PRIV), *p, *q;

	unmap(area, 1024);
	p = mmap(area + 1000 * PAGE, PAGE, RW, PRIV | MAP_GROWSDOWN | MAP_FIXED,
	    -1, 0);
	CHECK(p == area + 1000 * PAGE);
	CHECK(touch(p - PAGE, 1) == 0 && touch(p - 20 * PAGE, 1) == 0);
	q = mmap(area + 700 * PAGE, PAGE, RW, PRIV | MAP_FIXED, -1, 0);
	CHECK(q != MAP_FAILED);
	CHECK(touch(q + 258 * PAGE, 1) == 0);
	CHECK(touch(q + 200 * PAGE, 1) == SIGSEGV); /* in the guard gap */
	CHECK(mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN) == 0);
	CHECK(touch(p - PAGE, 1) == SIGSEGV);
	FAILS(EINVAL, mprotect(q, PAGE, PROT_READ | PROT_GROWSDOWN));
	unmap(area, 1024);
}

static void
protections(void)
{
	char *p = map(3, RW, PRIV);

	FAILS(EINVAL, mprotect(p + 1, PAGE, RW));
	FAILS(EINVAL, mprotect(p, PAGE, RW | 0x100));
	FAILS(EINVAL, mprotect(p, PAGE, PROT_READ | PROT_GROWSUP));
	FAILS(EINVAL,
	    mprotect(p, PAGE, PROT_READ | PROT_GROWSUP | PROT_GROWSDOWN));
	CHECK(mprotect(p, 0, 0) == 0);
	CHECK(mprotect(p, PAGE, RW | 8 /* PROT_SEM */) == 0);
	CHECK(mprotect(p + PAGE, PAGE, PROT_WRITE) == 0);
	CHECK(strcmp(shown(p + PAGE), "-w-p") == 0);
	CHECK(touch(p + PAGE, 0) == 0 && touch(p + PAGE, 1) == 0);
	CHECK(mprotect(p + PAGE, PAGE, PROT_EXEC) == 0);
	CHECK(strcmp(shown(p + PAGE), "--xp") == 0);
	CHECK(touch(p + PAGE, 1) == SIGSEGV && code == SEGV_ACCERR);
	CHECK(where == p + PAGE);
	unmap(p + PAGE, 1);
	FAILS(ENOMEM, mprotect(p, 3 * PAGE, PROT_READ));
	CHECK(touch(p, 1) == SIGSEGV); /* what came before the hole */
	FAILS(ENOMEM, msync(p, 3 * PAGE, MS_SYNC));
	FAILS(ENOMEM, mlock(p, 3 * PAGE));
	FAILS(ENOMEM, munlock(p, 3 * PAGE));
	FAILS(ENOMEM, madvise(p, 3 * PAGE, MADV_DONTNEED));
	CHECK(munmap(p, 3 * PAGE) == 0);
	CHECK(munmap(p, 3 * PAGE) == 0); /* all hole */
	FAILS(EINVAL, munmap(p, 0));
	FAILS(EINVAL, munmap(p + 1, PAGE));
	FAILS(EINVAL, munmap(TOP, 2 * PAGE));
	/* What no table can name; amd64 has a general fault for it. */
	CHECK(touch((char *)0x200000000000000, 0) == SIGSEGV);
#ifdef __x86_64__
	CHECK(code == SI_KERNEL);
#else
	CHECK(code == SEGV_MAPERR);
#endif
}

static void
remaps(void)
{
	char *p = map(8, RW, PRIV), *q, *to = map(16, PROT_NONE, PRIV);
	int fd;

	memset(p, 3, 8 * PAGE);
	CHECK(mremap(p, 8 * PAGE, 4 * PAGE, 0) == p);
	CHECK(touch(p + 4 * PAGE, 0) == SIGSEGV);
	CHECK(mremap(p, 4 * PAGE, 8 * PAGE, 0) == p); /* in place */
	CHECK(p[4 * PAGE] == 0 && p[3 * PAGE] == 3);
	q = mremap(p, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	CHECK(q == to && *q == 3 && touch(p, 0) == SIGSEGV);
	FAILS(EINVAL, mremap(q + 1, PAGE, PAGE, MREMAP_MAYMOVE));
	FAILS(EINVAL, mremap(q, PAGE, 0, MREMAP_MAYMOVE));
	FAILS(EINVAL, mremap(q, PAGE, PAGE, MREMAP_FIXED, p));
	FAILS(EINVAL, mremap(q, PAGE, PAGE, 8));
	FAILS(EINVAL, mremap(q, 2 * PAGE, 2 * PAGE,
			  MREMAP_MAYMOVE | MREMAP_FIXED, q + PAGE));
	FAILS(EINVAL, mremap(q, 0, PAGE, MREMAP_MAYMOVE)); /* private */
	FAILS(EFAULT, mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	FAILS(EINVAL, mremap(q, (size_t)-4095, PAGE, MREMAP_MAYMOVE));
	FAILS(EINVAL, mremap(q, PAGE, (size_t)-4095, MREMAP_MAYMOVE));
	FAILS(EINVAL, mremap(q, PAGE, 1UL << 62, MREMAP_MAYMOVE));
	FAILS(EINVAL, mremap(q, 1UL << 48, PAGE, MREMAP_MAYMOVE));
	FAILS(EFAULT, mremap(TOP, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	FAILS(ENOMEM, mremap(q, PAGE, 2 * PAGE, 0));
	p = mremap(q, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
	CHECK(p != MAP_FAILED && *p == 3 && *q == 0);
	unmap(p, 2);
	unmap(to, 16);

	p = map(2, RW, ANON);
	*p = 9;
	q = mremap(p, 0, 2 * PAGE, MREMAP_MAYMOVE); /* a second view */
	CHECK(q != MAP_FAILED && q != p && *q == 9);
	*q = 8;
	CHECK(*p == 8);
	unmap(p, 2);
	unmap(q, 2);

	fd = file(4 * PAGE);
	p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	CHECK(pwrite(fd, "x", 1, 2 * PAGE) == 1);
	p = mremap(p, PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	CHECK(p != MAP_FAILED && p[2 * PAGE] == 'x');
	unmap(p, 4);
	close(fd);
}

static int
resident(char *p)
{
	unsigned char v;

	CHECK(mincore(p, PAGE, &v) == 0);
	return v & 1;
}

static void
advice_simple(void)
{
	static const int works[] = {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL,
	    MADV_WILLNEED, MADV_DONTDUMP, MADV_DODUMP, MADV_COLD, MADV_PAGEOUT,
	    MADV_NOHUGEPAGE, MADV_KEEPONFORK, MADV_DOFORK};
	static const int not_here[] = {MADV_HUGEPAGE, MADV_COLLAPSE,
	    MADV_MERGEABLE, MADV_UNMERGEABLE, MADV_HWPOISON, MADV_SOFT_OFFLINE,
	    MADV_GUARD_INSTALL, MADV_GUARD_REMOVE};
	char *p = map(4, RW, PRIV);
	size_t i;

	for (i = 0; i < sizeof(works) / sizeof(works[0]); i++)
		CHECK(madvise(p, 4 * PAGE, works[i]) == 0);
	if (here())
		for (i = 0; i < sizeof(not_here) / sizeof(not_here[0]); i++)
			FAILS(EINVAL, madvise(p, 4 * PAGE, not_here[i]));
	FAILS(EINVAL, madvise(p, PAGE, 5));
	FAILS(EINVAL, madvise(p, 0, 5));
	FAILS(EINVAL, madvise(p + 1, PAGE, MADV_NORMAL));
	CHECK(madvise(p, 0, MADV_NORMAL) == 0);
	unmap(p, 4);
}

static void
advice_contents(void)
{
	char *p = map(4, RW, PRIV), *s = map(4, RW, ANON);
	int fd = file(4 * PAGE);
	char *f = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);

	CHECK(f != MAP_FAILED);
	memset(p, 1, 4 * PAGE);
	memset(s, 1, 4 * PAGE);
	memset(f, 1, 4 * PAGE);
	CHECK(madvise(p, PAGE, MADV_DONTNEED) == 0 && *p == 0);
	CHECK(madvise(s, PAGE, MADV_DONTNEED) == 0 && *s == 1);
	CHECK(madvise(p + PAGE, PAGE, MADV_FREE) == 0 && resident(p + PAGE));
	FAILS(EINVAL, madvise(s, PAGE, MADV_FREE));
	CHECK(mlock(p, PAGE) == 0);
	*p = 1;
	FAILS(EINVAL, madvise(p, PAGE, MADV_DONTNEED));
	FAILS(EINVAL, madvise(p, PAGE, MADV_COLD));
	CHECK(madvise(p, PAGE, MADV_DONTNEED_LOCKED) == 0 && *p == 0);
	CHECK(munlock(p, PAGE) == 0);
	CHECK(madvise(s + PAGE, PAGE, MADV_REMOVE) == 0 && s[PAGE] == 0);
	CHECK(s[2 * PAGE] == 1);
	FAILS(EINVAL, madvise(p, PAGE, MADV_REMOVE));
	FAILS(EINVAL, madvise(s, PAGE, MADV_WIPEONFORK));
	CHECK(madvise(p, PAGE, MADV_POPULATE_READ) == 0);
	CHECK(madvise(p, PAGE, MADV_POPULATE_WRITE) == 0 && resident(p));
	CHECK(mprotect(p, PAGE, PROT_READ) == 0);
	FAILS(EINVAL, madvise(p, PAGE, MADV_POPULATE_WRITE));
	CHECK(ftruncate(fd, PAGE) == 0);
	FAILS(EFAULT, madvise(f, 4 * PAGE, MADV_POPULATE_READ));
	unmap(p, 4);
	unmap(s, 4);
	unmap(f, 4);
	close(fd);
}

static char *forked;

static void
look_in_child(void)
{
	CHECK(touch(forked, 0) == SIGSEGV);
	CHECK(forked[PAGE] == 0 && forked[2 * PAGE] == 3);
}

static void
advice_fork(void)
{
	char *p = forked = map(3, RW, PRIV);

	memset(p, 3, 3 * PAGE);
	CHECK(madvise(p, PAGE, MADV_DONTFORK) == 0);
	CHECK(madvise(p + PAGE, PAGE, MADV_WIPEONFORK) == 0);
	CHECK(madvise(p + 2 * PAGE, PAGE, MADV_WIPEONFORK) == 0);
	CHECK(madvise(p + 2 * PAGE, PAGE, MADV_KEEPONFORK) == 0);
	/* KEEPONFORK does not take back DONTFORK, nor DOFORK the wiping. */
	CHECK(madvise(p, PAGE, MADV_KEEPONFORK) == 0);
	CHECK(madvise(p + PAGE, PAGE, MADV_DOFORK) == 0);
	in_child(look_in_child, 0);
	CHECK(p[PAGE] == 3);
	unmap(p, 3);
}

static void
advice_process(void)
{
	char *p = map(2, RW, PRIV);
	struct iovec v = {p, 2 * PAGE};
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	CHECK(fd != -1);
	CHECK(syscall(SYS_process_madvise, fd, &v, 1UL, MADV_COLD, 0) ==
	      2 * (long)PAGE);
	CHECK(syscall(SYS_process_madvise, fd, &v, 1UL, MADV_PAGEOUT, 0) ==
	      2 * (long)PAGE);
	CHECK(syscall(SYS_process_madvise, fd, &v, 1UL, MADV_WILLNEED, 0) ==
	      2 * (long)PAGE);
	if (here())
		FAILS(EINVAL, syscall(SYS_process_madvise, fd, &v, 1UL,
				  MADV_COLLAPSE, 0));
	FAILS(EINVAL, syscall(SYS_process_madvise, fd, &v, 1UL, MADV_COLD, 1));
	FAILS(EBADF, syscall(SYS_process_madvise, -1, &v, 1UL, MADV_COLD, 0));
	close(fd);
	unmap(p, 2);
}

static void
residency(void)
{
	char *p = map(4, RW, PRIV);
	unsigned char v[4] = {9, 9, 9, 9};

	CHECK(mincore(p, 0, v) == 0 && v[0] == 9);
	p[PAGE] = 1;
	CHECK(mincore(p, 4 * PAGE, v) == 0);
	CHECK((v[0] & 1) == 0 && (v[1] & 1) == 1 && (v[2] & 1) == 0);
	FAILS(EINVAL, mincore(p + 1, PAGE, v));
	FAILS(EFAULT, mincore(p, PAGE, NULL));
	unmap(p + 2 * PAGE, 1);
	FAILS(ENOMEM, mincore(p, 4 * PAGE, v));
	unmap(p, 4);

	p = map(2, RW, ANON);
	FAILS(EINVAL, msync(p, PAGE, MS_SYNC | MS_ASYNC));
	FAILS(EINVAL, msync(p, PAGE, 8));
	FAILS(EINVAL, msync(p + 1, PAGE, MS_SYNC));
	CHECK(msync(p, PAGE, MS_ASYNC) == 0 && msync(p, PAGE, MS_SYNC) == 0);
	CHECK(msync(p, PAGE, MS_INVALIDATE) == 0);
	CHECK(mlock(p, PAGE) == 0);
	FAILS(EBUSY, msync(p, PAGE, MS_INVALIDATE));
	unmap(p, 2);
}

static unsigned long
status_kb(const char *name)
{
	char line[256];
	unsigned long n = ~0UL;
	FILE *f = fopen("/proc/self/status", "r");

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			n = strtoul(line + strlen(name) + 1, NULL, 10);
	fclose(f);
	return n;
}

static void
locks(void)
{
	char *p = map(8, RW, PRIV);
	int i;

	CHECK(mlock(p + 10, PAGE) == 0); /* rounds: two pages */
	CHECK(status_kb("VmLck:") == 8 && resident(p) && resident(p + PAGE));
	for (i = 0; i < 100; i++)
		CHECK(mlock(p, 8 * PAGE) == 0);
	CHECK(munlock(p + 3 * PAGE, PAGE) == 0); /* one undoes them all */
	CHECK(status_kb("VmLck:") == 28);
	CHECK(munlock(p, 8 * PAGE) == 0 && status_kb("VmLck:") == 0);
	CHECK(madvise(p, 8 * PAGE, MADV_DONTNEED) == 0);
	CHECK(mlock2(p, 8 * PAGE, MLOCK_ONFAULT) == 0 && !resident(p));
	CHECK(status_kb("VmLck:") == 32);
	FAILS(EINVAL, mlock2(p, PAGE, 2));
	CHECK(munlock(p, 8 * PAGE) == 0);
	CHECK(mprotect(p, PAGE, PROT_NONE) == 0);
	FAILS(ENOMEM, mlock(p, PAGE));
	CHECK(munlock(p, PAGE) == 0);
	unmap(p, 8);
	FAILS(EINVAL, mlock(p, (size_t)-PAGE));

	FAILS(EINVAL, mlockall(0));
	FAILS(EINVAL, mlockall(MCL_ONFAULT));
	FAILS(EINVAL, mlockall(8));
	CHECK(mlockall(MCL_FUTURE) == 0);
	p = map(2, RW, PRIV);
	CHECK(resident(p) && resident(p + PAGE));
	unmap(p, 2);
	CHECK(mlockall(MCL_FUTURE | MCL_ONFAULT) == 0);
	p = map(2, RW, PRIV);
	CHECK(!resident(p) && status_kb("VmLck:") >= 8);
	CHECK(mlockall(MCL_CURRENT) == 0 && resident(p));
	CHECK(munlockall() == 0 && status_kb("VmLck:") == 0);
	unmap(p, 2);
}

static void
lock_limits(void)
{
	char *p = map(8, RW, PRIV), *q;

	limit(RLIMIT_MEMLOCK, 4 * PAGE);
	CHECK(mlock(p, 4 * PAGE) == 0 && mlock(p, 4 * PAGE) == 0);
	FAILS(ENOMEM, mlock(p, 5 * PAGE));
	FAILS(EAGAIN, mmap(NULL, PAGE, RW, PRIV | MAP_LOCKED, -1, 0));
	FAILS(EAGAIN, mremap(p, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE));
	CHECK(munlock(p, 4 * PAGE) == 0);
	FAILS(ENOMEM, mlockall(MCL_CURRENT));
	CHECK(mlockall(MCL_FUTURE) == 0);
	FAILS(EAGAIN, mmap(NULL, 5 * PAGE, RW, PRIV, -1, 0));
	q = map(1, RW, PRIV);
	CHECK(resident(q));
	CHECK(munlockall() == 0);
	limit(RLIMIT_MEMLOCK, 0);
	FAILS(EPERM, mlock(p, PAGE));
	FAILS(EPERM, mlockall(MCL_CURRENT));
	FAILS(EPERM, mmap(NULL, PAGE, RW, PRIV | MAP_LOCKED, -1, 0));
}

static void
seals(void)
{
	char *p, *q;
	int fd;

	CHECK(syscall(SYS_memfd_create, "x", 0x100) == -1 && errno == EINVAL);
	if (here())
		FAILS(EINVAL, memfd_create("x", MFD_HUGETLB));
	fd = memfd_create("plain", MFD_CLOEXEC);
	CHECK(fd != -1 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK(fcntl(fd, F_GET_SEALS) == F_SEAL_SEAL);
	FAILS(EPERM, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	close(fd);

	fd = memfd_create("sealed", MFD_ALLOW_SEALING);
	CHECK(fd != -1 && fcntl(fd, F_GET_SEALS) == 0);
	CHECK(ftruncate(fd, 4 * PAGE) == 0);
	FAILS(EINVAL, fcntl(fd, F_ADD_SEALS, 0x1000));
	p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	FAILS(EBUSY, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == 0);
	p[0] = 'p'; /* the old mapping may */
	FAILS(EPERM, write(fd, "w", 1));
	FAILS(EPERM, mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
	q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(q != MAP_FAILED && *q == 'p');
	FAILS(EACCES, mprotect(q, PAGE, RW));
	unmap(q, 1);
	unmap(p, 4);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK) == 0);
	FAILS(EPERM, ftruncate(fd, PAGE));
	CHECK(ftruncate(fd, 5 * PAGE) == 0);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SEAL) == 0);
	FAILS(EPERM, ftruncate(fd, 6 * PAGE));
	FAILS(EPERM, fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	q = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	CHECK(q != MAP_FAILED && touch(q, 1) == 0);
	unmap(q, 1);
	close(fd);

	fd = memfd_create("noexec", MFD_NOEXEC_SEAL);
	CHECK(fd != -1 && fcntl(fd, F_GET_SEALS) == F_SEAL_EXEC);
	close(fd);
	fd = memfd_create("exec", MFD_EXEC);
	CHECK(fd != -1 && fcntl(fd, F_GET_SEALS) == F_SEAL_SEAL);
	close(fd);
	FAILS(EINVAL, memfd_create("x", MFD_EXEC | MFD_NOEXEC_SEAL));
}

static void
nonlinear(void)
{
	int fd = file(4 * PAGE);
	char *p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
	int i;

	CHECK(p != MAP_FAILED);
	for (i = 0; i < 4; i++)
		p[(size_t)i * PAGE] = (char)i;
	CHECK(syscall(SYS_remap_file_pages, p, PAGE, 0, 3UL, 0) == 0);
	CHECK(p[0] == 3 && p[PAGE] == 1);
	FAILS(EINVAL, syscall(SYS_remap_file_pages, p, PAGE, 1, 3UL, 0));
	unmap(p, 4);
	p = map(1, RW, PRIV);
	FAILS(EINVAL, syscall(SYS_remap_file_pages, p, PAGE, 0, 0UL, 0));
	unmap(p, 1);
	close(fd);
}

static void
sealed_memory(void)
{
	char *p = map(4, PROT_READ, PRIV);

	FAILS(EINVAL, syscall(SYS_mseal, p, PAGE, 1UL));
	FAILS(EINVAL, syscall(SYS_mseal, p + 1, PAGE, 0UL));
	CHECK(syscall(SYS_mseal, p + PAGE, PAGE, 0UL) == 0);
	FAILS(EPERM, munmap(p, 4 * PAGE));
	CHECK(touch(p, 0) == 0); /* nothing was unmapped */
	FAILS(EPERM, mprotect(p + PAGE, PAGE, RW));
	FAILS(EPERM, mmap(p + PAGE, PAGE, RW, PRIV | MAP_FIXED, -1, 0));
	FAILS(EPERM, mremap(p + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	FAILS(EPERM, madvise(p + PAGE, PAGE, MADV_DONTNEED));
	CHECK(madvise(p + PAGE, PAGE, MADV_NORMAL) == 0);
	CHECK(mprotect(p, PAGE, RW) == 0);
	unmap(p + 3 * PAGE, 1);
	FAILS(ENOMEM, syscall(SYS_mseal, p, 4 * PAGE, 0UL));
}

#define MEMBARRIER_CMD_QUERY                                0
#define MEMBARRIER_CMD_GLOBAL                               1
#define MEMBARRIER_CMD_GLOBAL_EXPEDITED                     2
#define MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED            4
#define MEMBARRIER_CMD_PRIVATE_EXPEDITED                    8
#define MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED           16
#define MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE          32
#define MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE 64
#define MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ               128
#define MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ      256

static long
membarrier(int cmd, int flags)
{
	return syscall(SYS_membarrier, cmd, flags, 0);
}

static void
barriers(void)
{
	static const int not_here[] = {MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ,
	    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ};
	const int sync = MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE;
	long all = membarrier(MEMBARRIER_CMD_QUERY, 0);
	size_t i;

	CHECK((all & 127) == 127);
	CHECK(membarrier(MEMBARRIER_CMD_GLOBAL, 0) == 0);
	FAILS(EPERM, membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0));
	CHECK(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0) == 0);
	CHECK(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0) == 0);
	FAILS(EPERM, membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0));
	CHECK(membarrier(sync, 0) == 0);
	CHECK(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0) == 0);
	CHECK(membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0) == 0);
	CHECK(membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0) == 0);
	FAILS(EINVAL, membarrier(MEMBARRIER_CMD_GLOBAL, 1));
	FAILS(EINVAL, membarrier(1 << 20, 0));
	if (here())
		for (i = 0; i < sizeof(not_here) / sizeof(not_here[0]); i++)
			FAILS(EINVAL, membarrier(not_here[i], 0));
}

static void
limit_as(void)
{
	void *brk = sbrk(0);
	char *p = map(16, RW, PRIV), *shared = map(1, RW, ANON);

	limit(RLIMIT_AS, PAGE);
	FAILS(ENOMEM, mremap(shared, 0, PAGE, MREMAP_MAYMOVE));
	FAILS(ENOMEM, mmap(NULL, PAGE, RW, PRIV, -1, 0));
	FAILS(ENOMEM, mremap(p, 16 * PAGE, 17 * PAGE, MREMAP_MAYMOVE));
	CHECK(syscall(SYS_brk, (char *)brk + 64 * PAGE) == (long)brk);
	FAILS(ENOMEM, mmap(p, PAGE, RW, PRIV | MAP_FIXED, -1, 0));
}

static void
limit_data(void)
{
	void *brk = sbrk(0);
	char *p = map(16, PROT_READ, PRIV);

	limit(RLIMIT_DATA, PAGE);
	FAILS(ENOMEM, mmap(NULL, PAGE, RW, PRIV, -1, 0));
	CHECK(map(1, PROT_READ, PRIV) != NULL);
	CHECK(map(1, RW, ANON) != NULL);
	FAILS(ENOMEM, mprotect(p, PAGE, RW));
	CHECK(syscall(SYS_brk, (char *)brk + 64 * PAGE) == (long)brk);
}

static void
limit_fsize(void)
{
	int fd = file(0);

	CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	limit(RLIMIT_FSIZE, PAGE);
	CHECK(ftruncate(fd, (off_t)PAGE) == 0);
	FAILS(EFBIG, ftruncate(fd, 2 * PAGE));
	FAILS(EFBIG, pwrite(fd, "x", 1, PAGE));
	CHECK(pwrite(fd, "xy", 2, PAGE - 1) == 1);
}

static void
limit_nproc(void)
{
	limit(RLIMIT_NPROC, 0);
	FAILS(EAGAIN, fork());
}

static void
limits(void)
{
	pid_t pid;
	int status;

	in_child(limit_as, 0);
	in_child(limit_data, 0);
	in_child(limit_fsize, 0);
	in_child(limit_nproc, 1);
	in_child(lock_limits, 1);
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		limit(RLIMIT_CORE, 0);
		limit(RLIMIT_STACK, 8 << 20);
		CHECK(signal(SIGABRT, SIG_DFL) != SIG_ERR);
		kill(getpid(), SIGABRT);
		_exit(1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	CHECK(!WCOREDUMP(status));
}

/* proc_sys_vm(5): overcommit_memory. */
#define OVERCOMMIT_GUESS  0
#define OVERCOMMIT_ALWAYS 1
#define OVERCOMMIT_NEVER  2

static unsigned long
meminfo(const char *name)
{
	char line[256];
	unsigned long n = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			n = strtoul(line + strlen(name) + 1, NULL, 10);
	fclose(f);
	return n;
}

static void
put_number(const char *path, unsigned long n)
{
	FILE *f = fopen(path, "w");

	CHECK(f != NULL && fprintf(f, "%lu\n", n) > 0 && fclose(f) == 0);
}

#define OVERCOMMIT "/proc/sys/vm/overcommit_memory"

/* Only on our own machine: other people's programs run on the others. */
static void
overcommit(void)
{
	unsigned long total = meminfo("MemTotal:"), before;
	char *p;

	if (!here())
		return;
	FAILS(ENOMEM, mmap(NULL, total * 2048, RW, PRIV, -1, 0));
	put_number(OVERCOMMIT, OVERCOMMIT_ALWAYS);
	p = mmap(NULL, total * 2048, RW, PRIV, -1, 0);
	CHECK(p != MAP_FAILED && munmap(p, total * 2048) == 0);
	put_number(OVERCOMMIT, OVERCOMMIT_NEVER);
	FAILS(ENOMEM, mmap(NULL, total * 800, RW, PRIV, -1, 0));
	FAILS(ENOMEM, mmap(NULL, total * 800, RW, PRIV | MAP_NORESERVE, -1, 0));
	before = meminfo("Committed_AS:");
	p = map(1024, RW, PRIV);
	CHECK(meminfo("Committed_AS:") == before + 4096);
	unmap(p, 1024);
	p = map(1024, RW, ANON);
	CHECK(meminfo("Committed_AS:") == before + 4096);
	unmap(p, 1024);
	CHECK(meminfo("Committed_AS:") == before);
	CHECK(meminfo("CommitLimit:") > total / 2 - 8);
	put_number(OVERCOMMIT, OVERCOMMIT_GUESS);
}

/* Splitting at the limit of mappings fails and changes nothing. */
static void
map_count(void)
{
	char *p = map(140000, PROT_NONE, PRIV | MAP_NORESERVE);
	size_t i;

	for (i = 0; i < 140000; i += 2)
		if (mprotect(p + i * PAGE, PAGE, PROT_READ) != 0)
			break;
	CHECK(i < 140000 && errno == ENOMEM);
	CHECK(i > 60000 && i < 66000);
	/* mprotect() may have undone the first of the two cuts it needed. */
	for (i = 139000; i < 139010; i += 2)
		if (munmap(p + i * PAGE, PAGE) != 0)
			break;
	CHECK(i < 139006 && errno == ENOMEM && touch(p + i * PAGE, 0) != 0);
	CHECK(munmap(p, 140000 * PAGE) == 0);
}

int
main(void)
{
	struct sigaction sa = {.sa_sigaction = on_fault,
	    .sa_flags = SA_SIGINFO};

	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
	CHECK(sigaction(SIGBUS, &sa, NULL) == 0);
	mmap_types();
	mmap_flags();
	grows_down();
	protections();
	remaps();
	advice_simple();
	advice_contents();
	advice_fork();
	advice_process();
	residency();
	in_child(locks, 0);
	seals();
	nonlinear();
	in_child(sealed_memory, 0);
	in_child(barriers, 0);
	limits();
	overcommit();
	in_child(map_count, 0);
	return 0;
}
