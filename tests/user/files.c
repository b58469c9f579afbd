/*
 * files.c: names, files, descriptors and pipes as programs know them.
 *
 * Works in a directory of its own below /tmp.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include "t.h"

static void
child_ok(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
}

static int
make(const char *name, const char *text)
{
	int fd;

	fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
	CHECK(fd != -1);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return fd;
}

static bool
says(const char *name, const char *text)
{
	char buf[256];
	ssize_t n;
	int fd;

	fd = open(name, O_RDONLY);
	if (fd == -1)
		return false;
	n = read(fd, buf, sizeof(buf));
	close(fd);
	return n == (ssize_t)strlen(text) && memcmp(buf, text, (size_t)n) == 0;
}

static void
names(void)
{
	struct stat st, st2;
	char buf[64];

	close(make("a", "one"));
	CHECK(link("a", "b") == 0);
	CHECK(stat("a", &st) == 0 && stat("b", &st2) == 0);
	CHECK(st.st_ino == st2.st_ino && st.st_nlink == 2);
	CHECK(st.st_size == 3 && S_ISREG(st.st_mode));
	FAILS(EEXIST, link("a", "b"));
	FAILS(EEXIST, open("a", O_CREAT | O_EXCL | O_RDWR, 0600));
	FAILS(EEXIST, mkdir("a", 0700));
	CHECK(rename("a", "b") == 0); /* one file: nothing happens */
	CHECK(access("a", F_OK) == 0);
	CHECK(unlink("a") == 0);
	FAILS(ENOENT, unlink("a"));
	CHECK(says("b", "one"));

	CHECK(mkdir("d", 0755) == 0);
	CHECK(mkdir("d/e", 0755) == 0);
	CHECK(stat("d", &st) == 0 && st.st_nlink == 3);
	FAILS(ENOTEMPTY, rmdir("d"));
	FAILS(EISDIR, unlink("d"));
	FAILS(ENOTDIR, rmdir("b"));
	FAILS(EINVAL, rmdir("d/."));
	FAILS(ENOTEMPTY, rmdir("d/.."));
	FAILS(EINVAL, rename("d", "d/e/f"));
	FAILS(EISDIR, rename("b", "d"));
	FAILS(ENOTDIR, rename("d", "b"));
	FAILS(ENOTEMPTY, rename("d/e", "d/../d"));
	CHECK(rename("d/e", "x") == 0);
	CHECK(stat("d", &st) == 0 && st.st_nlink == 2);
	CHECK(rename("d", "x") == 0); /* onto an empty directory */
	FAILS(ENOENT, stat("d", &st));
	FAILS(EEXIST, (int)syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "x",
			  RENAME_NOREPLACE));

	CHECK(symlink("b", "l") == 0);
	CHECK(readlink("l", buf, sizeof(buf)) == 1 && buf[0] == 'b');
	CHECK(lstat("l", &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 1);
	CHECK(says("l", "one"));
	FAILS(EINVAL, readlink("b", buf, sizeof(buf)));
	CHECK(symlink("loop", "loop") == 0);
	FAILS(ELOOP, open("loop", O_RDONLY));
	FAILS(ELOOP, open("l", O_RDONLY | O_NOFOLLOW));
	CHECK(symlink("made", "dangling") == 0);
	close(make("dangling", "through"));
	CHECK(says("made", "through"));
	FAILS(ENOTDIR, open("b/", O_RDONLY));
	FAILS(ENOENT, open("", O_RDONLY));
	FAILS(EFAULT, open((char *)1, O_RDONLY));
	CHECK(unlink("l") == 0 && unlink("loop") == 0);
	CHECK(unlink("dangling") == 0 && unlink("made") == 0);
	CHECK(rmdir("x") == 0 && unlink("b") == 0);
}

static void
directories(void)
{
	char name[32], cwd[256], top[256];
	struct dirent *de;
	int i, n = 0, fd;
	DIR *dir;

	CHECK(getcwd(top, sizeof(top)) != NULL);
	CHECK(mkdir("dir", 0755) == 0);
	for (i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "dir/%d", i);
		close(make(name, ""));
	}
	dir = opendir("dir");
	CHECK(dir != NULL);
	while ((de = readdir(dir)) != NULL) {
		if (de->d_name[0] == '.') {
			CHECK(de->d_type == DT_DIR);
			continue;
		}
		CHECK(de->d_type == DT_REG);
		CHECK(unlinkat(dirfd(dir), de->d_name, 0) == 0);
		n++;
	}
	CHECK(n == 500);
	rewinddir(dir);
	for (n = 0; (de = readdir(dir)) != NULL; n++)
		CHECK(de->d_name[0] == '.');
	CHECK(n == 2);
	closedir(dir);

	CHECK(chdir("dir") == 0);
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
	CHECK(strcmp(strrchr(cwd, '/'), "/dir") == 0);
	FAILS(ERANGE, (long)(getcwd(cwd, 3) == NULL ? -1 : 0));
	fd = open("..", O_RDONLY | O_DIRECTORY);
	CHECK(fd != -1);
	CHECK(unlinkat(fd, "dir", AT_REMOVEDIR) == 0);
	FAILS(ENOENT, (long)(getcwd(cwd, sizeof(cwd)) == NULL ? -1 : 0));
	FAILS(ENOENT, open("new", O_CREAT | O_RDWR, 0600));
	CHECK(fchdir(fd) == 0);
	close(fd);
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL && strcmp(cwd, top) == 0);
}

static void
data(void)
{
	struct iovec iov[3] = {{"ab", 2}, {"", 0}, {"cde", 3}};
	char buf[64];
	struct stat st;
	off_t off;
	char *p;
	int fd, fd2, i;

	fd = make("f", "");
	CHECK(writev(fd, iov, 3) == 5);
	CHECK(pwrite(fd, "X", 1, 10) == 1);
	CHECK(lseek(fd, 0, SEEK_CUR) == 5);
	CHECK(lseek(fd, 0, SEEK_END) == 11);
	CHECK(pread(fd, buf, sizeof(buf), 0) == 11);
	CHECK(memcmp(buf, "abcde\0\0\0\0\0X", 11) == 0);
	FAILS(EINVAL, lseek(fd, -1, SEEK_SET));
	FAILS(EINVAL, pread(fd, buf, 1, -1));
	FAILS(EFAULT, syscall(SYS_write, fd, 1, 1));
	CHECK(fstat(fd, &st) == 0 && st.st_size == 11);

	/* The pages of a mapping are the pages of the file. */
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK(p[10] == 'X' && p[11] == 0);
	p[0] = 'A';
	CHECK(pread(fd, buf, 1, 0) == 1 && buf[0] == 'A');
	CHECK(pwrite(fd, "B", 1, 1) == 1 && p[1] == 'B');
	CHECK(ftruncate(fd, 1) == 0 && ftruncate(fd, 20) == 0);
	CHECK(p[0] == 'A' && p[1] == 0 && p[10] == 0);
	CHECK(unlink("f") == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0);
	close(fd);
	CHECK(p[0] == 'A');
	CHECK(munmap(p, PAGE) == 0);

	/* Two that append to one file do not overwrite each other. */
	fd = make("f", "");
	fd2 = open("f", O_WRONLY | O_APPEND);
	CHECK(fd2 != -1);
	for (i = 0; i < 3; i++) {
		CHECK(write(fd2, "a", 1) == 1);
		CHECK(lseek(fd, 0, SEEK_END) == 2 * i + 1);
		CHECK(write(fd, "b", 1) == 1);
	}
	close(fd2);
	CHECK(says("f", "ababab"));
	fd2 = make("g", "");
	off = 2;
	CHECK(sendfile(fd2, fd, &off, 3) == 3 && off == 5);
	CHECK(says("g", "aba"));
	CHECK(copy_file_range(fd, &off, fd2, NULL, 100, 0) == 1);
	CHECK(says("g", "abab"));
	FAILS(EBADF, read(1000, buf, 1));
	close(fd);
	close(fd2);
	fd = open("f", O_RDONLY);
	FAILS(EBADF, write(fd, "x", 1));
	FAILS(EINVAL, ftruncate(fd, 0));
	close(fd);
	CHECK(truncate("f", 2) == 0 && says("f", "ab"));
	FAILS(EISDIR, open(".", O_RDWR));
	FAILS(EISDIR, truncate(".", 0));
	CHECK(unlink("f") == 0 && unlink("g") == 0);
}

/* Four processes share one offset. */
static void
shared_offset(void)
{
	char buf[4 * 100 * 16 + 1];
	int fd, i, k, seen[4] = {0};
	pid_t pid[4];
	ssize_t n;

	fd = make("f", "");
	for (k = 0; k < 4; k++) {
		pid[k] = fork();
		CHECK(pid[k] != -1);
		if (pid[k] > 0)
			continue;
		for (i = 0; i < 100; i++) {
			memset(buf, 'a' + k, 16);
			CHECK(write(fd, buf, 16) == 16);
		}
		_exit(0);
	}
	for (k = 0; k < 4; k++)
		child_ok(pid[k]);
	n = pread(fd, buf, sizeof(buf), 0);
	CHECK(n == 4 * 100 * 16);
	for (i = 0; i < n; i += 16) {
		for (k = 1; k < 16; k++)
			CHECK(buf[i + k] == buf[i]);
		seen[buf[i] - 'a']++;
	}
	for (k = 0; k < 4; k++)
		CHECK(seen[k] == 100);
	close(fd);
	CHECK(unlink("f") == 0);
}

static void
descriptors(void)
{
	struct rlimit rl, old;
	int fd, fd2;

	fd = make("f", "x");
	CHECK(fcntl(fd, F_GETFD) == 0);
	fd2 = fcntl(fd, F_DUPFD_CLOEXEC, 100);
	CHECK(fd2 >= 100 && fcntl(fd2, F_GETFD) == FD_CLOEXEC);
	CHECK(lseek(fd2, 0, SEEK_SET) == 0 && lseek(fd, 0, SEEK_CUR) == 0);
	CHECK(dup2(fd, fd2) == fd2 && fcntl(fd2, F_GETFD) == 0);
	CHECK(dup2(fd, fd) == fd);
	FAILS(EINVAL, dup3(fd, fd, 0));
	CHECK(dup3(fd, fd2, O_CLOEXEC) == fd2);
	CHECK(fcntl(fd2, F_GETFD) == FD_CLOEXEC);
	CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
	CHECK(fcntl(fd, F_SETFL, O_APPEND) == 0);
	CHECK((fcntl(fd2, F_GETFL) & O_APPEND) != 0);
	CHECK(close(fd2) == 0);
	FAILS(EBADF, close(fd2));
	FAILS(EBADF, dup2(fd2, fd));
	FAILS(EBADF, fcntl(fd2, F_GETFD));
	FAILS(EBADF, close(-1));

	CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
	rl = old;
	rl.rlim_cur = 20;
	CHECK(setrlimit(RLIMIT_NOFILE, &rl) == 0);
	while ((fd2 = dup(fd)) != -1)
		CHECK(fd2 < 20);
	CHECK(errno == EMFILE);
	FAILS(EMFILE, open("f", O_RDONLY));
	FAILS(EBADF, dup2(fd, 20));
	CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
	CHECK(close_range((unsigned)fd + 1, ~0u, 0) == 0);
	fd2 = dup(fd);
	CHECK(fd2 == fd + 1);
	close(fd2);
	close(fd);
	CHECK(unlink("f") == 0);
}

/* Close-on-exec, and a table that only the child changes. */
static void
inheritance(void)
{
	char keep[16], gone[16];
	pid_t pid;
	int fd, fd2;

	fd = make("f", "x");
	fd2 = open("f", O_RDONLY | O_CLOEXEC);
	CHECK(fd2 != -1);
	snprintf(keep, sizeof(keep), "%d", fd);
	snprintf(gone, sizeof(gone), "%d", fd2);
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		execl("/proc/self/exe", "files", "-i", keep, gone, NULL);
		_exit(127);
	}
	child_ok(pid);
	CHECK(fcntl(fd2, F_GETFD) == FD_CLOEXEC);
	close(fd);
	close(fd2);
	CHECK(unlink("f") == 0);
}

static int
check_inherited(const char *keep, const char *gone)
{
	CHECK(fcntl(atoi(keep), F_GETFD) == 0);
	FAILS(EBADF, fcntl(atoi(gone), F_GETFD));
	return 0;
}

static void
text_busy(void)
{
	char buf[4096];
	int in, out, p[2];
	ssize_t n;
	pid_t pid;

	in = open("/proc/self/exe", O_RDONLY);
	CHECK(in != -1);
	FAILS(ETXTBSY, open("/proc/self/exe", O_RDWR));
	out = open("copy", O_WRONLY | O_CREAT | O_TRUNC, 0755);
	CHECK(out != -1);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		CHECK(write(out, buf, (size_t)n) == n);
	close(in);
	FAILS(ETXTBSY, execl("./copy", "copy", "-s", NULL));
	close(out);
	CHECK(pipe(p) == 0);
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		dup2(p[1], 1);
		execl("./copy", "copy", "-s", NULL);
		_exit(127);
	}
	CHECK(read(p[0], buf, 1) == 1); /* it runs */
	FAILS(ETXTBSY, open("copy", O_WRONLY));
	CHECK(unlink("copy") == 0);
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, NULL, 0) == pid);
	close(p[0]);
	close(p[1]);
}

static void
pipes(void)
{
	char buf[8192];
	struct pollfd pfd[2];
	int p[2], n, i;
	pid_t pid;

	signal(SIGPIPE, SIG_IGN);
	CHECK(pipe2(p, O_NONBLOCK | O_CLOEXEC) == 0);
	FAILS(EAGAIN, read(p[0], buf, 1));
	FAILS(ESPIPE, lseek(p[0], 0, SEEK_SET));
	FAILS(EBADF, read(p[1], buf, 1));
	CHECK(write(p[1], "abc", 3) == 3);
	CHECK(ioctl(p[0], FIONREAD, &n) == 0 && n == 3);
	pfd[0] = (struct pollfd){p[0], POLLIN, 0};
	pfd[1] = (struct pollfd){p[1], POLLOUT, 0};
	CHECK(poll(pfd, 2, 0) == 2 && pfd[0].revents == POLLIN);
	CHECK(read(p[0], buf, 2) == 2 && read(p[0], buf, 2) == 1);
	CHECK(poll(pfd, 1, 20) == 0);
	memset(buf, 'x', sizeof(buf));
	for (n = 0; (i = (int)write(p[1], buf, 4096)) > 0;)
		n += i;
	CHECK(n == 65536 && errno == EAGAIN);
	CHECK(poll(pfd + 1, 1, 0) == 0);
	CHECK(read(p[0], buf, 100) == 100);
	FAILS(EAGAIN, write(p[1], buf, 4096)); /* all or nothing */
	CHECK(read(p[0], buf, 3996) == 3996);
	CHECK(write(p[1], buf, 4096) == 4096);
	close(p[0]);
	FAILS(EPIPE, write(p[1], buf, 1));
	close(p[1]);
	signal(SIGPIPE, SIG_DFL);

	/* Large writes wait for the reader; the end shows as 0. */
	CHECK(pipe(p) == 0);
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		close(p[0]);
		for (i = 0; i < 40; i++) {
			memset(buf, i, sizeof(buf));
			CHECK(write(p[1], buf, sizeof(buf)) == sizeof(buf));
		}
		_exit(0);
	}
	close(p[1]);
	for (n = 0; (i = (int)read(p[0], buf, 1000)) > 0; n += i)
		CHECK(buf[0] == n / (int)sizeof(buf));
	CHECK(i == 0 && n == 40 * (int)sizeof(buf));
	close(p[0]);
	child_ok(pid);
	FAILS(EFAULT, syscall(SYS_pipe2, 1, 0));
}

/* Small writes of several writers do not mix. */
static void
pipe_atomic(void)
{
	char buf[512];
	int p[2], i, k;
	size_t have;
	ssize_t n;
	pid_t pid[3];

	CHECK(pipe(p) == 0);
	for (k = 0; k < 3; k++) {
		pid[k] = fork();
		CHECK(pid[k] != -1);
		if (pid[k] > 0)
			continue;
		memset(buf, 'a' + k, sizeof(buf));
		for (i = 0; i < 400; i++)
			CHECK(write(p[1], buf, sizeof(buf)) == sizeof(buf));
		_exit(0);
	}
	close(p[1]);
	for (;;) {
		for (have = 0; have < sizeof(buf); have += (size_t)n) {
			n = read(p[0], buf + have, sizeof(buf) - have);
			if (n <= 0)
				break;
		}
		if (have == 0)
			break;
		CHECK(have == sizeof(buf));
		for (i = 1; i < (int)sizeof(buf); i++)
			CHECK(buf[i] == buf[0]);
	}
	close(p[0]);
	for (k = 0; k < 3; k++)
		child_ok(pid[k]);
}

static void
on_alarm(int sig)
{
	(void)sig;
}

static void
waiting(void)
{
	struct sigaction sa = {.sa_handler = on_alarm};
	struct timeval tv = {0, 30000};
	struct itimerval it = {{0, 0}, {0, 50000}};
	struct timespec ts = {5, 0};
	int p[2], fifo;
	sigset_t none;
	fd_set set;
	char c;
	pid_t pid;

	CHECK(pipe(p) == 0);
	FD_ZERO(&set);
	FD_SET(p[0], &set);
	CHECK(select(p[0] + 1, &set, NULL, NULL, &tv) == 0);
	CHECK(!FD_ISSET(p[0], &set) && tv.tv_sec == 0 && tv.tv_usec == 0);
	CHECK(write(p[1], "x", 1) == 1);
	FD_SET(p[0], &set);
	CHECK(select(p[0] + 1, &set, NULL, NULL, NULL) == 1);
	CHECK(FD_ISSET(p[0], &set));
	CHECK(read(p[0], &c, 1) == 1);
	FD_SET(30, &set); /* not open */
	FAILS(EBADF, select(31, &set, NULL, NULL, NULL));

	/* A handler without SA_RESTART ends a read; poll always. */
	CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	FAILS(EINTR, read(p[0], &c, 1));
	sa.sa_flags = SA_RESTART;
	CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	FAILS(EINTR, poll(&(struct pollfd){p[0], POLLIN, 0}, 1, 5000));
	sigemptyset(&none);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	FD_ZERO(&set);
	FD_SET(p[0], &set);
	FAILS(EINTR, pselect(p[0] + 1, &set, NULL, NULL, &ts, &none));
	/* With it the read goes on until there is something. */
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		usleep(150000);
		CHECK(write(p[1], "y", 1) == 1);
		_exit(0);
	}
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	CHECK(read(p[0], &c, 1) == 1 && c == 'y');
	child_ok(pid);
	close(p[0]);
	close(p[1]);

	CHECK(mkfifo("fifo", 0600) == 0);
	FAILS(ENXIO, open("fifo", O_WRONLY | O_NONBLOCK));
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		fifo = open("fifo", O_WRONLY);
		CHECK(fifo != -1);
		CHECK(write(fifo, "z", 1) == 1);
		_exit(0);
	}
	fifo = open("fifo", O_RDONLY);
	CHECK(fifo != -1);
	CHECK(read(fifo, &c, 1) == 1 && c == 'z');
	CHECK(read(fifo, &c, 1) == 0);
	close(fifo);
	child_ok(pid);
	CHECK(unlink("fifo") == 0);
}

static void
attributes(void)
{
	struct timespec ts[2] = {{1000000000, 5}, {-5, 999999999}};
	struct statfs fs;
	struct statx sx;
	struct stat st;
	int fd;

	fd = make("f", "x");
	umask(027);
	CHECK(mkdir("m", 0777) == 0 && stat("m", &st) == 0);
	CHECK((st.st_mode & 07777) == 0750);
	CHECK(umask(022) == 027);
	CHECK(rmdir("m") == 0);
	CHECK(fchmod(fd, 06755) == 0 && fstat(fd, &st) == 0);
	CHECK(st.st_mode == (S_IFREG | 06755));
	FAILS(EBADF, fchmod(-1, 0));
	FAILS(EFAULT, chmod((char *)1, 0));
	CHECK(futimens(fd, ts) == 0 && fstat(fd, &st) == 0);
	CHECK(st.st_atim.tv_sec == 1000000000 && st.st_atim.tv_nsec == 5);
	CHECK(st.st_mtim.tv_sec == -5 && st.st_mtim.tv_nsec == 999999999);
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_nsec = UTIME_NOW;
	CHECK(utimensat(AT_FDCWD, "f", ts, 0) == 0 && fstat(fd, &st) == 0);
	CHECK(st.st_atim.tv_sec == 1000000000);
	CHECK(llabs((long long)st.st_mtim.tv_sec - time(NULL)) < 5);
	ts[0].tv_nsec = 1000000000;
	FAILS(EINVAL, futimens(fd, ts));
	CHECK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &sx) == 0);
	CHECK(sx.stx_ino == st.st_ino && sx.stx_size == 1);
	CHECK(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &sx) == 0);
	FAILS(ENOENT, statx(fd, "", 0, STATX_BASIC_STATS, &sx));
	CHECK(statfs(".", &fs) == 0 && fs.f_bsize > 0 && fs.f_namelen == 255);
	CHECK(fs.f_bfree <= fs.f_blocks);
	close(fd);
	CHECK(unlink("f") == 0);
}

/* What another user may not do; needs root to become one. */
static void
permissions(void)
{
	pid_t pid;
	int fd;

	if (getuid() != 0)
		return;
	close(make("mine", "x"));
	CHECK(chmod("mine", 0600) == 0 && chmod(".", 0755) == 0);
	CHECK(mkdir("closed", 0700) == 0);
	CHECK(mkdir("sticky", 0755) == 0 && chmod("sticky", 01777) == 0);
	close(make("sticky/root", "x"));
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		CHECK(setgid(65534) == 0 && setuid(65534) == 0);
		FAILS(EACCES, open("mine", O_RDONLY));
		FAILS(EACCES, access("mine", R_OK));
		CHECK(access("mine", F_OK) == 0);
		FAILS(EACCES, open("closed/x", O_RDONLY));
		FAILS(EACCES, open("new", O_CREAT | O_RDWR, 0600));
		FAILS(EACCES, unlink("mine"));
		FAILS(EPERM, unlink("sticky/root"));
		FAILS(EPERM, chmod("mine", 0666));
		FAILS(EPERM, chown("mine", 65534, 65534));
		FAILS(EACCES, execl("./mine", "mine", NULL));
		fd = open("sticky/own", O_CREAT | O_RDWR, 0);
		CHECK(fd != -1); /* a new file's mode binds later opens */
		CHECK(write(fd, "x", 1) == 1);
		FAILS(EACCES, open("sticky/own", O_RDONLY));
		CHECK(unlink("sticky/own") == 0);
		FAILS(EPERM, chroot("."));
		_exit(0);
	}
	child_ok(pid);
	CHECK(unlink("sticky/root") == 0 && rmdir("sticky") == 0);
	CHECK(rmdir("closed") == 0 && unlink("mine") == 0);
}

static void
proc_links(void)
{
	char path[64], buf[256];
	int fd, fd2, p[2];
	ssize_t n;

	/* A descriptor can be opened again, also without a name. */
	fd = make("f", "still here");
	CHECK(unlink("f") == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, buf, sizeof(buf) - 1);
	CHECK(n > 0);
	buf[n] = '\0';
	CHECK(strstr(buf, "/f (deleted)") != NULL);
	fd2 = open(path, O_RDONLY);
	CHECK(fd2 != -1 && lseek(fd2, 0, SEEK_CUR) == 0);
	CHECK(read(fd2, buf, sizeof(buf)) == 10);
	close(fd2);
	close(fd);
	FAILS(ENOENT, readlink(path, buf, sizeof(buf)));
	CHECK(pipe(p) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p[0]);
	n = readlink(path, buf, sizeof(buf));
	CHECK(n > 6 && memcmp(buf, "pipe:[", 6) == 0);
	close(p[0]);
	close(p[1]);

	n = readlink("/proc/self/cwd", buf, sizeof(buf) - 1);
	CHECK(n > 0);
	buf[n] = '\0';
	CHECK(getcwd(path, sizeof(path)) != NULL && strcmp(buf, path) == 0);
	FAILS(ENOENT, open("/proc/99999999", O_RDONLY));
	FAILS(ENOENT, open("/proc/self/none", O_RDONLY));
	CHECK(chdir("/proc/self/fd") == 0);
	CHECK(chdir("..") == 0 && getcwd(buf, sizeof(buf)) != NULL);
	snprintf(path + 32, 32, "/proc/%d", getpid());
	CHECK(strcmp(buf, path + 32) == 0);
	CHECK(chdir(path) == 0);
}

static void
memfd(void)
{
	char *p, buf[4];
	int fd;

	fd = memfd_create("thing", MFD_CLOEXEC);
	CHECK(fd != -1 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK(ftruncate(fd, 2 * PAGE) == 0);
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	memcpy(p + PAGE - 2, "wxyz", 4);
	CHECK(pread(fd, buf, 4, (off_t)PAGE - 2) == 4);
	CHECK(memcmp(buf, "wxyz", 4) == 0);
	close(fd);
	CHECK(p[PAGE] == 'y');
	CHECK(munmap(p, 2 * PAGE) == 0);
	FAILS(EINVAL, memfd_create("thing", 0x8000));
}

/* A hole reads as zeroes, in the file and where it is mapped. */
static void
holes(void)
{
	int fd = memfd_create("holes", MFD_ALLOW_SEALING);
	static char buf[4 * PAGE];
	char *p;

	memset(buf, 'x', sizeof(buf));
	CHECK(write(fd, buf, sizeof(buf)) == (ssize_t)sizeof(buf));
	p = mmap(NULL, sizeof(buf), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && p[PAGE] == 'x');
	CHECK(fallocate(fd, 3, PAGE - 10, 2 * PAGE) == 0);
	CHECK(p[PAGE - 11] == 'x' && p[PAGE - 10] == 0 && p[PAGE] == 0);
	CHECK(p[3 * PAGE - 11] == 0 && p[3 * PAGE - 10] == 'x');
	CHECK(fallocate(fd, 3, 5, 2) == 0);
	CHECK(p[4] == 'x' && p[5] == 0 && p[6] == 0 && p[7] == 'x');
	CHECK(fallocate(fd, 3, 4 * PAGE - 1, 100) == 0);
	CHECK(p[4 * PAGE - 2] == 'x' && p[4 * PAGE - 1] == 0);
	CHECK(lseek(fd, 0, SEEK_END) == (off_t)sizeof(buf));
	CHECK(fallocate(fd, 1, 0, 100 * PAGE) == 0);
	CHECK(lseek(fd, 0, SEEK_END) == (off_t)sizeof(buf));
	FAILS(EOPNOTSUPP, fallocate(fd, 2, 0, PAGE));
	CHECK(munmap(p, sizeof(buf)) == 0);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0);
	FAILS(EPERM, fallocate(fd, 3, 0, PAGE));
	CHECK(close(fd) == 0);
}

int
main(int argc, char **argv)
{
	char top[] = "/tmp/files.XXXXXX";

	if (argc == 4)
		return check_inherited(argv[2], argv[3]);
	if (argc == 2) { /* text_busy()'s copy: say so, then wait to die */
		CHECK(write(1, "r", 1) == 1);
		for (;;)
			pause();
	}
	CHECK(mkdtemp(top) != NULL && chdir(top) == 0);
	names();
	directories();
	data();
	shared_offset();
	descriptors();
	inheritance();
	text_busy();
	pipes();
	pipe_atomic();
	waiting();
	attributes();
	permissions();
	proc_links();
	memfd();
	CHECK(chdir("/") == 0 && rmdir(top) == 0);
	holes();
	return 0;
}
