/*
 * disk.c: files with contents: one cache for read, write and mappings;
 * holes, truncation under mappings, files that lost their name while they were
 * mapped, names by the thousand.
 *
 *	disk [-x] [DIRECTORY]
 *	disk -e FILE: one page of the 16 of FILE cannot be read
 *	disk -f FILE: FILE cannot be written where it is
 *
 * Works in a directory of its own below DIRECTORY (/tmp).  -x: nobody else uses
 * the file system, so what becomes free can be seen.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include "t.h"

static bool alone;

static int
make(const char *name, size_t len, int seed)
{
	char buf[PAGE];
	size_t i, n;
	int fd;

	fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
	CHECK(fd != -1);
	for (; len > 0; len -= n) {
		n = len < sizeof(buf) ? len : sizeof(buf);
		for (i = 0; i < n; i++)
			buf[i] = (char)(i * 7 + (size_t)seed++);
		CHECK(write(fd, buf, n) == (ssize_t)n);
	}
	return fd;
}

static char *
map(int fd, size_t len, int flags)
{
	char *p;

	p = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, fd, 0);
	CHECK(p != MAP_FAILED);
	return p;
}

static long
blocks(int fd)
{
	struct stat st;

	CHECK(fstat(fd, &st) == 0);
	return st.st_blocks;
}

static unsigned long
nfree(void)
{
	struct statfs sf;

	CHECK(statfs(".", &sf) == 0);
	return sf.f_bfree;
}

static bool
in_memory(void)
{
	struct statfs sf;

	CHECK(statfs(".", &sf) == 0);
	return sf.f_type == 0x01021994; /* tmpfs */
}

static void
child_ok(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
}

/* read, write and mappings show the same bytes at once. */
static void
one_cache(void)
{
	char *a, *b, *priv, buf[16];
	int fd = make("one", 3 * PAGE + 5, 1), fd2;
	pid_t pid;

	a = map(fd, 4 * PAGE, MAP_SHARED);
	fd2 = open("one", O_RDONLY);
	CHECK(fd2 != -1);
	b = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd2, PAGE);
	CHECK(b != MAP_FAILED);
	priv = map(fd, 4 * PAGE, MAP_PRIVATE);
	CHECK(priv[PAGE] == a[PAGE] && b[0] == a[PAGE]);
	CHECK(pwrite(fd, "written", 7, PAGE) == 7);
	CHECK(memcmp(a + PAGE, "written", 7) == 0);
	CHECK(memcmp(b, "written", 7) == 0);
	CHECK(memcmp(priv + PAGE, "written", 7) == 0);
	priv[PAGE] = 'P';
	CHECK(a[PAGE] == 'w' && b[0] == 'w');
	pid = fork();
	if (pid == 0) {
		memcpy(a + PAGE, "STORED!", 7);
		CHECK(priv[PAGE] == 'P');
		_exit(0);
	}
	child_ok(pid);
	CHECK(pread(fd2, buf, 7, PAGE) == 7);
	CHECK(memcmp(buf, "STORED!", 7) == 0);
	CHECK(memcmp(b, "STORED!", 7) == 0 && priv[PAGE] == 'P');
	CHECK(a[3 * PAGE + 5] == 0 && a[4 * PAGE - 1] == 0);
	CHECK(msync(a, 4 * PAGE, MS_SYNC) == 0);
	CHECK(fsync(fd) == 0 && fdatasync(fd2) == 0 && syncfs(fd) == 0);
	CHECK(munmap(a, 4 * PAGE) == 0 && munmap(b, PAGE) == 0 &&
	      munmap(priv, 4 * PAGE) == 0);
	CHECK(pread(fd2, buf, 7, PAGE) == 7);
	CHECK(memcmp(buf, "STORED!", 7) == 0);
	CHECK(close(fd) == 0 && close(fd2) == 0);
	fd = open("one", O_RDWR | O_SYNC);
	CHECK(pwrite(fd, "sync", 4, 100) == 4 && close(fd) == 0);
}

/* A hole reads as zeroes, takes no room, and takes some when written to. */
static void
holes(void)
{
	const off_t far = 40 << 20;
	char *p, buf[64];
	long was;
	int fd = make("holes", 0, 0), i;

	CHECK(pwrite(fd, "end", 3, far) == 3);
	CHECK(lseek(fd, 0, SEEK_END) == far + 3);
	CHECK(fsync(fd) == 0);
	was = blocks(fd);
	CHECK(was < 1000);
	p = map(fd, (size_t)far + PAGE, MAP_SHARED);
	for (i = 0; i < 40; i++)
		CHECK(p[(i << 20) + 4000] == 0);
	CHECK(memcmp(p + far, "end", 3) == 0);
	/* A fault makes a page; only in memory does that take room. */
	CHECK(fsync(fd) == 0 && (in_memory() || blocks(fd) == was));
	for (i = 0; i < 40; i += 3)
		p[(i << 20) + 4000] = (char)(i + 1);
	CHECK(msync(p, (size_t)far + PAGE, MS_SYNC) == 0);
	CHECK(blocks(fd) >= was + 14 * 2);
	for (i = 0; i < 40; i++) {
		CHECK(pread(fd, buf, 2, (i << 20) + 3999) == 2);
		CHECK(buf[0] == 0 && buf[1] == (i % 3 == 0 ? i + 1 : 0));
	}
	CHECK(munmap(p, (size_t)far + PAGE) == 0);
	CHECK(ftruncate(fd, 0) == 0 && blocks(fd) == 0);
	/* Blocks are smaller than pages, perhaps: fill one bit by bit. */
	for (i = 0; i < 100; i++)
		CHECK(pwrite(fd, "x", 1, i * 97) == 1);
	CHECK(ftruncate(fd, 50) == 0 && ftruncate(fd, 9000) == 0);
	CHECK(pwrite(fd, "y", 1, 5000) == 1);
	p = map(fd, 3 * PAGE, MAP_SHARED);
	CHECK(p[0] == 'x' && p[97] == 0 && p[5000] == 'y' && p[8999] == 0);
	p[2000] = 'z';
	CHECK(fsync(fd) == 0 && munmap(p, 3 * PAGE) == 0);
	CHECK(pread(fd, buf, 1, 2000) == 1 && buf[0] == 'z');
	CHECK(close(fd) == 0);
}

static sigjmp_buf jump;
static volatile int code;
static void *volatile where;

static void
bus(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)uc;
	code = si->si_code;
	where = si->si_addr;
	siglongjmp(jump, 1);
}

/* Touching p is SIGBUS there. */
static bool
is_bus(volatile char *p, bool write)
{
	if (sigsetjmp(jump, 1) != 0)
		return code == BUS_ADRERR && where == p;
	if (write)
		*p = 1;
	else
		(void)*p;
	return false;
}

static void
truncation(void)
{
	struct sigaction sa = {.sa_flags = SA_SIGINFO};
	int fd = make("trunc", 8 * PAGE, 3), i;
	char *p, *q;
	pid_t pid;

	sa.sa_sigaction = bus;
	CHECK(sigaction(SIGBUS, &sa, NULL) == 0);
	p = map(fd, 8 * PAGE, MAP_SHARED);
	q = map(fd, 8 * PAGE, MAP_PRIVATE);
	for (i = 0; i < 8; i++)
		q[(size_t)i * PAGE] = p[(size_t)i * PAGE] = 'a';
	CHECK(fsync(fd) == 0);
	CHECK(ftruncate(fd, 2 * PAGE + 100) == 0);
	CHECK(p[2 * PAGE + 99] != 0 && p[2 * PAGE + 100] == 0);
	CHECK(q[2 * PAGE] == 'a');
	CHECK(is_bus(p + 3 * PAGE, false) && is_bus(p + 7 * PAGE, true));
	CHECK(is_bus(q + 3 * PAGE, false) && is_bus(q + 5 * PAGE, true));
	p[2 * PAGE + 200] = 'b'; /* behind the end: not the file's */
	CHECK(ftruncate(fd, 8 * PAGE) == 0);
	CHECK(p[2 * PAGE + 200] == 0 && p[3 * PAGE] == 0 && q[4 * PAGE] == 0);
	pid = fork();
	if (pid == 0) {
		CHECK(ftruncate(fd, 10) == 0);
		_exit(0);
	}
	child_ok(pid);
	CHECK(is_bus(p + PAGE, false) && p[0] == 'a' && p[10] == 0);
	CHECK(munmap(p, 8 * PAGE) == 0 && munmap(q, 8 * PAGE) == 0);
	CHECK(close(fd) == 0);
	CHECK(signal(SIGBUS, SIG_DFL) != SIG_ERR);
}

/* One stores, one writes and one cuts; what is seen is theirs or zeroes. */
static void
racing(void)
{
	const size_t len = 16 * PAGE;
	struct sigaction sa = {.sa_flags = SA_SIGINFO, .sa_sigaction = bus};
	int fd = make("racing", 0, 0), i, k;
	pid_t pid[3];
	struct stat st;
	char *p, buf[PAGE];

	CHECK(ftruncate(fd, (off_t)len) == 0);
	p = map(fd, len, MAP_SHARED);
	for (k = 0; k < 3; k++) {
		pid[k] = fork();
		if (pid[k] != 0)
			continue;
		CHECK(sigaction(SIGBUS, &sa, NULL) == 0);
		memset(buf, 'w', sizeof(buf));
		for (i = 0; i < 400; i++) {
			size_t at = (size_t)i * 5077 % (len - 700);

			if (k == 0 && sigsetjmp(jump, 1) == 0)
				p[at] = 's';
			else if (k == 1)
				CHECK(pwrite(fd, buf, 700, (off_t)at) == 700);
			else if (k == 2)
				CHECK(ftruncate(fd, (off_t)at) == 0);
			if (k == 0 && i % 50 == 49)
				CHECK(msync(p, len, MS_SYNC) == 0);
		}
		_exit(0);
	}
	for (k = 0; k < 3; k++)
		child_ok(pid[k]);
	CHECK(fsync(fd) == 0 && fstat(fd, &st) == 0);
	for (i = 0; i < st.st_size; i++)
		CHECK(p[i] == 0 || p[i] == 's' || p[i] == 'w');
	CHECK(ftruncate(fd, 1) == 0 && ftruncate(fd, (off_t)len) == 0);
	for (i = 1; i < (int)len; i++)
		CHECK(p[i] == 0);
	CHECK(munmap(p, len) == 0 && close(fd) == 0);
}

static time_t
mtime(int fd)
{
	struct stat st;

	CHECK(fstat(fd, &st) == 0 && st.st_ctime > 1000000000);
	return st.st_mtime;
}

/* When a file was modified: stores through mappings count. */
static void
times(void)
{
	const struct timespec old[2] = {{1000000000, 5}, {1000000000, 5}};
	int fd = make("times", 2 * PAGE, 1);
	char *p = map(fd, 2 * PAGE, MAP_SHARED);
	char *q = map(fd, 2 * PAGE, MAP_PRIVATE);
	time_t when;

	CHECK(fsync(fd) == 0 && futimens(fd, old) == 0);
	q[0] = 1;
	/* What was read may be written in memory, and nobody comes to know. */
	CHECK(in_memory() || p[PAGE] != 0);
	CHECK(mtime(fd) == 1000000000);
	p[0] = 1;
	when = mtime(fd);
	CHECK(when > 1000000000 && msync(p, PAGE, MS_SYNC) == 0);
	CHECK(mtime(fd) == when);
	/* What was set after the store stays. */
	p[0] = 2;
	CHECK(futimens(fd, old) == 0 && fsync(fd) == 0);
	CHECK(mtime(fd) == 1000000000);
	/* In memory nothing is written, and so no store is noticed twice. */
	p[0] = 3;
	CHECK(in_memory() || mtime(fd) >= when);
	CHECK(pwrite(fd, "x", 1, PAGE) == 1 && mtime(fd) >= when);
	CHECK(futimens(fd, old) == 0 && fsync(fd) == 0);
	CHECK(mtime(fd) == 1000000000);
	CHECK(munmap(p, 2 * PAGE) == 0 && munmap(q, 2 * PAGE) == 0);
	CHECK(close(fd) == 0);
}

/*
 * A file without a name lives as long as a mapping of it, and its room is
 * given back by whoever ends that: here a child's exit, and its death.
 */
static void
unlinked(void)
{
	const size_t len = 4 << 20;
	unsigned long was = nfree();
	int how, fd, ready[2];
	pid_t pid;
	char *p, c;

	for (how = 0; how < 2; how++) {
		fd = make("unlinked", len, 9);
		CHECK(fsync(fd) == 0);
		p = map(fd, len, MAP_SHARED);
		CHECK(close(fd) == 0 && unlink("unlinked") == 0);
		FAILS(ENOENT, open("unlinked", O_RDONLY));
		CHECK(pipe(ready) == 0);
		pid = fork();
		if (pid == 0) {
			for (size_t i = 0; i < len; i += PAGE) {
				CHECK(p[i] == (char)(9 + i));
				p[i] = 'u';
			}
			CHECK(write(ready[1], "", 1) == 1);
			while (how == 1)
				pause();
			_exit(0);
		}
		CHECK(munmap(p, len) == 0);
		CHECK(read(ready[0], &c, 1) == 1);
		if (alone && how == 1)
			CHECK(nfree() + (len >> 13) < was);
		if (how == 1)
			CHECK(kill(pid, SIGKILL) == 0);
		CHECK(waitpid(pid, NULL, 0) == pid);
		CHECK(close(ready[0]) == 0 && close(ready[1]) == 0);
		sync();
		if (alone)
			CHECK(nfree() == was);
	}
}

static nlink_t
links(const char *name)
{
	struct stat st;

	CHECK(lstat(name, &st) == 0);
	return st.st_nlink;
}

static void
names(void)
{
	char name[300], buf[300];
	struct dirent *de;
	DIR *d;
	int fd, i, n;

	CHECK(close(make("n1", 10, 1)) == 0);
	CHECK(link("n1", "n2") == 0 && links("n1") == 2);
	FAILS(EEXIST, link("n1", "n2"));
	CHECK(mkdir("d", 0755) == 0 && links("d") == 2);
	CHECK(mkdir("d/e", 0755) == 0 && links("d") == 3);
	FAILS(ENOTEMPTY, rmdir("d"));
	FAILS(EINVAL, rename("d", "d/e/f"));
	FAILS(EISDIR, rename("n1", "d"));
	FAILS(ENOTDIR, rename("d", "n1"));
	CHECK(rename("n1", "d/e/n1") == 0 && links("n2") == 2);
	CHECK(mkdir("g", 0700) == 0 && rename("d/e", "g") == 0);
	CHECK(links("d") == 2 && access("g/n1", F_OK) == 0);
	CHECK(rename("g", "d/g") == 0 && links("d") == 3);
	FAILS(EINVAL, rename("d", "d/g"));
	CHECK(unlink("d/g/n1") == 0 && links("n2") == 1);
	CHECK(rmdir("d/g") == 0 && rmdir("d") == 0 && unlink("n2") == 0);

	memset(name, 'N', sizeof(name));
	name[256] = '\0';
	FAILS(ENAMETOOLONG, open(name, O_CREAT | O_RDWR, 0600));
	name[255] = '\0';
	fd = open(name, O_CREAT | O_RDWR, 0600);
	CHECK(fd != -1 && close(fd) == 0 && unlink(name) == 0);
	for (n = 1; n < 256; n += 58) {
		name[n] = '\0';
		CHECK(symlink(name, "s") == 0);
		CHECK(readlink("s", buf, sizeof(buf)) == n);
		CHECK(memcmp(name, buf, (size_t)n) == 0);
		CHECK(unlink("s") == 0);
		name[n] = 'N';
	}

	CHECK(mkdir("many", 0755) == 0 && chdir("many") == 0);
	for (i = 0; i < 1500; i++) {
		snprintf(name, sizeof(name), "a-name-%d", i * 7919);
		CHECK(close(make(name, 1, i)) == 0);
	}
	d = opendir(".");
	CHECK(d != NULL);
	for (n = 0; (de = readdir(d)) != NULL;) {
		if (de->d_name[0] == '.')
			continue;
		n++;
		/* What is read is removed, and nothing is missed for it. */
		CHECK(unlink(de->d_name) == 0);
	}
	CHECK(n == 1500 && closedir(d) == 0);
	CHECK(chdir("..") == 0 && rmdir("many") == 0);
}

/* Several processes at one file, and at one directory. */
static void
together(void)
{
	char name[32], buf[64];
	int fd, i, k;
	pid_t pid[4];
	off_t len;

	fd = make("log", 0, 0);
	for (k = 0; k < 4; k++) {
		pid[k] = fork();
		if (pid[k] != 0)
			continue;
		fd = open("log", O_WRONLY | O_APPEND);
		for (i = 0; i < 200; i++) {
			snprintf(buf, sizeof(buf), "%d %5d line of text\n", k,
			    i);
			CHECK(write(fd, buf, strlen(buf)) == 21);
			snprintf(name, sizeof(name), "f%d.%d", k, i % 10);
			CHECK(close(make(name, (size_t)i * 30, i)) == 0);
			snprintf(buf, sizeof(buf), "t%d", i % 10);
			CHECK(rename(name, buf) == 0);
		}
		_exit(0);
	}
	for (k = 0; k < 4; k++)
		child_ok(pid[k]);
	len = lseek(fd, 0, SEEK_END);
	CHECK(len == 4 * 200 * 21);
	for (i = 0; i < 800; i++) {
		CHECK(pread(fd, buf, 21, i * 21) == 21 && buf[20] == '\n');
		CHECK(buf[0] >= '0' && buf[0] < '4');
	}
	CHECK(close(fd) == 0);
}

/* A program that is on the disk itself. */
static void
program(void)
{
	char buf[65536];
	ssize_t n;
	int in, out;
	pid_t pid;

	in = open("/proc/self/exe", O_RDONLY);
	out = open("program", O_WRONLY | O_CREAT, 0755);
	CHECK(in != -1 && out != -1);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		CHECK(write(out, buf, (size_t)n) == n);
	CHECK(close(in) == 0 && close(out) == 0);
	pid = fork();
	if (pid == 0) {
		execl("./program", "program", "-r", (char *)NULL);
		_exit(99);
	}
	child_ok(pid);
}

static void
large(void)
{
	const off_t far = (off_t)5 << 30;
	char buf[4];
	int fd = make("large", 0, 0);

	CHECK(pwrite(fd, "far", 3, far) == 3 && fsync(fd) == 0);
	CHECK(pread(fd, buf, 4, far) == 3 && memcmp(buf, "far", 3) == 0);
	CHECK(ftruncate(fd, far - 1) == 0 && pread(fd, buf, 1, far - 2) == 1);
	CHECK(close(fd) == 0 && unlink("large") == 0);
}

/* read, a fault: what can be had is had, what cannot is an error. */
static int
unreadable(const char *name)
{
	struct sigaction sa = {.sa_flags = SA_SIGINFO, .sa_sigaction = bus};
	int fd = open(name, O_RDWR), i, k, bad = 0, was;
	char buf[PAGE], *p;

	CHECK(fd != -1 && sigaction(SIGBUS, &sa, NULL) == 0);
	p = map(fd, 16 * PAGE, MAP_SHARED);
	for (k = 0; k < 2; k++) {
		was = bad;
		for (bad = i = 0; i < 16; i++) {
			errno = 0;
			if (pread(fd, buf, PAGE, i * PAGE) == PAGE) {
				CHECK(p[i * PAGE] == buf[0]);
				continue;
			}
			CHECK(errno == EIO && is_bus(p + i * PAGE, k == 1));
			FAILS(EIO, pwrite(fd, "x", 1, i * PAGE + 9));
			bad++;
		}
	}
	CHECK(bad == 1 && was == 1);
	return 0;
}

/* Who says that it is on disk has to know. */
static int
unwritable(const char *name)
{
	int fd = open(name, O_RDWR), fd2 = open(name, O_RDWR | O_SYNC);
	char *p, c;

	CHECK(fd != -1 && fd2 != -1);
	CHECK(pwrite(fd, "w", 1, 1) == 1);
	FAILS(EIO, fsync(fd));
	p = map(fd, PAGE, MAP_SHARED);
	p[2] = 's';
	FAILS(EIO, msync(p, PAGE, MS_SYNC));
	FAILS(EIO, pwrite(fd2, "o", 1, 3));
	CHECK(p[1] == 'w' && pread(fd, &c, 1, 2) == 1 && c == 's');
	CHECK(munmap(p, PAGE) == 0 && close(fd) == 0 && close(fd2) == 0);
	return 0;
}

int
main(int argc, char **argv)
{
	char dir[64];

	if (argc > 2 && strcmp(argv[1], "-e") == 0)
		return unreadable(argv[2]);
	if (argc > 2 && strcmp(argv[1], "-f") == 0)
		return unwritable(argv[2]);
	if (argc > 1 && strcmp(argv[1], "-r") == 0) {
		/* While it runs it cannot be written. */
		FAILS(ETXTBSY, open("program", O_WRONLY));
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "-x") == 0) {
		alone = true;
		argv++;
		argc--;
	}
	CHECK(chdir(argc > 1 ? argv[1] : "/tmp") == 0);
	snprintf(dir, sizeof(dir), "disk.%d", (int)getpid());
	CHECK(mkdir(dir, 0755) == 0 && chdir(dir) == 0);
	one_cache();
	holes();
	truncation();
	racing();
	times();
	unlinked();
	names();
	together();
	program();
	large();
	CHECK(chdir("..") == 0);
	snprintf(dir, sizeof(dir), "rm -rf disk.%d", (int)getpid());
	CHECK(system(dir) == 0);
	return 0;
}
