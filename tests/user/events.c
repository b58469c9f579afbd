/*
 * events.c: signalfd, descriptors through a socket pair, execveat, pidfds from
 * clone, FUTEX_WAKE_OP, long arguments.
 */
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include "t.h"

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif

static void
sigfd(void)
{
	struct epoll_event ev = {.events = EPOLLIN}, got;
	struct signalfd_siginfo ss[2];
	union sigval v = {.sival_int = 4711};
	struct pollfd pfd;
	sigset_t set, none;
	int fd, ep, status;
	pid_t pid;

	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGCHLD);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	FAILS(EBADF, signalfd(99, &set, 0));
	FAILS(EINVAL, signalfd(0, &set, 0));
	FAILS(EINVAL, signalfd(-1, &set, 1));
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	CHECK(fd >= 0);
	FAILS(EAGAIN, read(fd, ss, sizeof(ss)));
	FAILS(EINVAL, read(fd, ss, 127));
	pfd = (struct pollfd){.fd = fd, .events = POLLIN};
	CHECK(poll(&pfd, 1, 0) == 0);
	CHECK(kill(getpid(), SIGUSR1) == 0 && kill(getpid(), SIGUSR1) == 0);
	CHECK(poll(&pfd, 1, -1) == 1 && pfd.revents == POLLIN);
	CHECK(sigqueue(getpid(), SIGRTMIN, v) == 0);
	CHECK(read(fd, ss, sizeof(ss)) == sizeof(ss));
	CHECK(ss[0].ssi_signo == SIGUSR1 && ss[0].ssi_code == SI_USER);
	CHECK(ss[0].ssi_pid == (uint32_t)getpid());
	CHECK(ss[1].ssi_signo == (uint32_t)SIGRTMIN && ss[1].ssi_int == 4711);
	CHECK(ss[1].ssi_code == SI_QUEUE);
	FAILS(EAGAIN, read(fd, ss, sizeof(ss)));

	/* Who waits wakes, by epoll and in read(). */
	ep = epoll_create1(0);
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0);
	pid = fork();
	if (pid == 0)
		_exit(7);
	CHECK(epoll_wait(ep, &got, 1, -1) == 1);
	CHECK(fcntl(fd, F_SETFL, 0) == 0);
	CHECK(read(fd, ss, sizeof(ss)) == sizeof(ss[0]));
	CHECK(ss[0].ssi_signo == SIGCHLD && ss[0].ssi_code == CLD_EXITED);
	CHECK(ss[0].ssi_pid == (uint32_t)pid && ss[0].ssi_status == 7);
	CHECK(waitpid(pid, &status, 0) == pid);
	pid = fork();
	if (pid == 0) {
		poll(NULL, 0, 20);
		_exit(kill(getppid(), SIGUSR1));
	}
	do {
		CHECK(read(fd, ss, sizeof(ss)) >= (ssize_t)sizeof(ss[0]));
	} while (ss[0].ssi_signo != SIGUSR1);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);

	/* Another set, and it is the only one. */
	CHECK(signalfd(fd, &none, 0) == fd);
	CHECK(kill(getpid(), SIGUSR1) == 0);
	CHECK(poll(&pfd, 1, 0) == 0);
	CHECK(close(fd) == 0 && close(ep) == 0);
	CHECK(sigtimedwait(&set, NULL, &(struct timespec){0, 0}) > 0);
	while (sigtimedwait(&set, NULL, &(struct timespec){0, 0}) > 0)
		continue;
	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
}

union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(4 * sizeof(int))];
};

/* Send text, and n descriptors along with it. */
static ssize_t
send_fds(int s, const char *text, const int *fds, size_t n, int flags)
{
	struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
	union control c;
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cm;

	memset(&c, 0, sizeof(c));
	if (n > 0) {
		mh.msg_control = &c;
		mh.msg_controllen = CMSG_SPACE(n * sizeof(int));
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(cm), fds, n * sizeof(int));
	}
	return sendmsg(s, &mh, flags);
}

/* Receive into buf of len, and how many descriptors. */
static ssize_t
recv_fds(int s, char *buf, size_t len, int *fds, size_t *n, int *flags)
{
	struct iovec iov = {buf, len};
	union control c;
	struct msghdr mh = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &c,
	    .msg_controllen = *n == 0 ? 0 : CMSG_LEN(*n * sizeof(int))};
	struct cmsghdr *cm;
	ssize_t got;

	got = recvmsg(s, &mh, 0);
	*n = 0;
	*flags = mh.msg_flags;
	cm = CMSG_FIRSTHDR(&mh);
	if (got >= 0 && cm != NULL && cm->cmsg_type == SCM_RIGHTS) {
		*n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(cm), *n * sizeof(int));
	}
	return got;
}

static void
passing(void)
{
	int s[2], p[2], fds[4], flags, bad = 99, q[2];
	char buf[16];
	size_t n;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK(pipe(p) == 0 && pipe(q) == 0);
	CHECK(send_fds(s[0], "ab", p, 2, 0) == 2);
	CHECK(send_fds(s[0], "cd", NULL, 0, 0) == 2);
	CHECK(send_fds(s[0], "ef", &q[0], 1, 0) == 2);
	CHECK(write(s[0], "gh", 2) == 2);
	n = 4;
	CHECK(recv_fds(s[1], buf, 1, fds, &n, &flags) == 1 && buf[0] == 'a');
	CHECK(n == 2 && flags == 0);
	CHECK(write(fds[1], "x", 1) == 1 && read(p[0], buf, 1) == 1);
	CHECK(close(fds[0]) == 0 && close(fds[1]) == 0);
	n = 4;
	CHECK(recv_fds(s[1], buf, 16, fds, &n, &flags) == 5 && n == 1);
	CHECK(memcmp(buf, "bcdef", 5) == 0 && close(fds[0]) == 0);
	n = 1;
	CHECK(recv_fds(s[1], buf, 16, fds, &n, &flags) == 2 && n == 0);

	/* Too little room; nothing to hold on to; refused. */
	CHECK(send_fds(s[0], "ab", p, 2, 0) == 2);
	n = 1;
	CHECK(recv_fds(s[1], buf, 16, fds, &n, &flags) == 2);
	CHECK(n == 1 && (flags & MSG_CTRUNC) != 0 && close(fds[0]) == 0);
	FAILS(EBADF, send_fds(s[0], "ab", &bad, 1, 0));
	FAILS(EAGAIN, recv(s[1], buf, 16, MSG_DONTWAIT));

	/* What read() gets is closed: so the pipe has no writer then. */
	CHECK(send_fds(s[0], "ab", &q[1], 1, 0) == 2);
	CHECK(close(q[1]) == 0);
	CHECK(fcntl(q[0], F_SETFL, O_NONBLOCK) == 0);
	FAILS(EAGAIN, read(q[0], buf, 1));
	CHECK(read(s[1], buf, 2) == 2);
	CHECK(read(q[0], buf, 1) == 0);
	/* The same when the socket goes. */
	CHECK(pipe(q) == 0 && send_fds(s[0], "ab", &q[1], 1, 0) == 2);
	CHECK(close(q[1]) == 0 && close(s[0]) == 0 && close(s[1]) == 0);
	CHECK(read(q[0], buf, 1) == 0);
	FAILS(ENOTSOCK, send_fds(q[0], "a", NULL, 0, 0));
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK(close(s[1]) == 0);
	FAILS(EPIPE, send_fds(s[0], "a", NULL, 0, MSG_NOSIGNAL));
	CHECK(recv(s[0], buf, 1, 0) == 0);
	CHECK(close(s[0]) == 0);
}

static int
run_fd(int fd, const char *path, char *const *argv, int flags)
{
	char *env[] = {NULL};
	int status;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		(void)syscall(SYS_execveat, fd, path, argv, env, flags);
		_exit(errno);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
exec_fd(char *self)
{
	char *argv[] = {self, "child", NULL}, buf[4096];
	char name[] = "/tmp/events.XXXXXX", link[64];
	int fd, copy, dir;
	ssize_t n;

	fd = open(self, O_RDONLY);
	CHECK(fd >= 0);
	CHECK(run_fd(fd, "", argv, AT_EMPTY_PATH) == 77);
	CHECK(run_fd(fd, "", argv, 0) == ENOENT);
	CHECK(run_fd(99, "", argv, AT_EMPTY_PATH) == EBADF);
	CHECK(run_fd(fd, "x", argv, 0) == ENOTDIR);
	CHECK(run_fd(fd, "", argv, AT_EMPTY_PATH | 1) == EINVAL);
	CHECK(run_fd(AT_FDCWD, self, argv, 0) == 77);

	/* A file that has no name any more, and one in a directory. */
	copy = mkstemp(name);
	CHECK(copy >= 0 && fchmod(copy, 0755) == 0);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		CHECK(write(copy, buf, (size_t)n) == n);
	CHECK(close(copy) == 0 && close(fd) == 0);
	dir = open("/tmp", O_RDONLY | O_DIRECTORY);
	CHECK(run_fd(dir, name + 5, argv, 0) == 77);
	snprintf(link, sizeof(link), "%s.l", name + 5);
	CHECK(symlinkat(name, dir, link) == 0);
	CHECK(run_fd(dir, link, argv, 0) == 77);
	CHECK(run_fd(dir, link, argv, AT_SYMLINK_NOFOLLOW) == ELOOP);
	CHECK(unlinkat(dir, link, 0) == 0);
	fd = open(name, O_PATH | O_CLOEXEC);
	CHECK(fd >= 0 && unlink(name) == 0);
	CHECK(run_fd(fd, "", argv, AT_EMPTY_PATH) == 77);
	CHECK(close(fd) == 0);

	/* A script is named by its descriptor, which must live. */
	copy = mkstemp(strcpy(name, "/tmp/events.XXXXXX"));
	CHECK(write(copy, "#!/bin/sh\nexit 78\n", 18) == 18);
	CHECK(fchmod(copy, 0755) == 0 && close(copy) == 0);
	fd = open(name, O_RDONLY);
	CHECK(run_fd(fd, "", argv, AT_EMPTY_PATH) == 78);
	CHECK(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
	CHECK(run_fd(fd, "", argv, AT_EMPTY_PATH) == ENOENT);
	CHECK(run_fd(dir, name + 5, argv, 0) == 78);
	CHECK(unlink(name) == 0 && close(fd) == 0 && close(dir) == 0);
}

static void
pidfds(void)
{
	struct pollfd pfd = {.events = POLLIN};
	int fd = -1, status;
	siginfo_t si;
	long pid;

	pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &fd, 0, 0);
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(5);
	CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	pfd.fd = fd;
	CHECK(poll(&pfd, 1, -1) == 1 && pfd.revents == POLLIN);
	CHECK(waitid((idtype_t)3, (id_t)fd, &si, WEXITED) == 0); /* P_PIDFD */
	CHECK(si.si_pid == pid && si.si_status == 5);
	CHECK(close(fd) == 0);
	FAILS(EINVAL,
	    syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0,
		&fd, 0, 0));
	pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, (void *)1, 0, 0);
	CHECK(pid == -1 && errno == EFAULT);
	FAILS(ECHILD, waitpid(-1, &status, 0));
}

static long
kcmp(pid_t a, pid_t b, int type, unsigned long i, unsigned long j)
{
	return syscall(SYS_kcmp, a, b, type, i, j);
}

/* What two processes have in common: 0 file, 1 VM, 2 files, 3 fs, 4 handlers. */
static void
compare(void)
{
	pid_t me = getpid(), pid;
	int fd = dup(0), other = open("/dev/null", O_RDONLY), status, type;

	CHECK(kcmp(me, me, 0, 0, (unsigned long)fd) == 0);
	CHECK(kcmp(me, me, 0, 0, (unsigned long)other) > 0);
	FAILS(EBADF, kcmp(me, me, 0, 0, 99));
	FAILS(EINVAL, kcmp(me, me, 99, 0, 0));
	FAILS(ESRCH, kcmp(me, 99999999, 1, 0, 0));
	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	for (type = 1; type <= 4; type++)
		CHECK(kcmp(me, pid, type, 0, 0) > 0);
	CHECK(kcmp(me, pid, 0, 0, 0) == 0 && kcmp(me, pid, 6, 0, 0) == 0);
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
	pid = (pid_t)syscall(SYS_clone, CLONE_FILES | CLONE_FS | SIGCHLD, 0, 0,
	    0, 0);
	if (pid == 0) {
		pause();
		_exit(0);
	}
	CHECK(kcmp(me, pid, 2, 0, 0) == 0 && kcmp(me, pid, 3, 0, 0) == 0);
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
	CHECK(close(fd) == 0 && close(other) == 0);
}

static uint32_t word[2];

static void *
waiter(void *arg)
{
	syscall(SYS_futex, arg, FUTEX_WAIT_PRIVATE, *(uint32_t *)arg, NULL);
	return NULL;
}

static long
wake_op(uint32_t op)
{
	return syscall(SYS_futex, &word[0], FUTEX_WAKE_OP_PRIVATE, 1, 1,
	    &word[1], op);
}

static void
wakeop(void)
{
	pthread_t t[2];
	int i;

	word[1] = 5;
	CHECK(wake_op(FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 5)) == 0);
	CHECK(word[1] == 8);
	CHECK(wake_op(FUTEX_OP(FUTEX_OP_ANDN, 8, FUTEX_OP_CMP_EQ, 5)) == 0);
	CHECK(word[1] == 0);
	CHECK(wake_op(FUTEX_OP((FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT), 4,
		  FUTEX_OP_CMP_EQ, 5)) == 0);
	CHECK(word[1] == 16);
	CHECK(wake_op(FUTEX_OP(FUTEX_OP_SET, -1, FUTEX_OP_CMP_EQ, 5)) == 0);
	CHECK(word[1] == UINT32_MAX);
	FAILS(ENOSYS, wake_op(FUTEX_OP(7, 1, FUTEX_OP_CMP_EQ, 5)));
	word[0] = word[1] = 0;
	for (i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, waiter, &word[i]) == 0);
	/* Until both are asleep, nothing or one of them wakes. */
	for (i = 0; i < 2;)
		i +=
		    (int)wake_op(FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_GE, 0));
	for (i = 0; i < 2; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
}

/* One string may have 128 KiB, with its NUL. */
static void
longargs(char *self)
{
	static char big[128 * 1024 + 1];
	char *argv[] = {self, "child", big, NULL};

	memset(big, 'x', sizeof(big) - 1);
	CHECK(run_fd(AT_FDCWD, self, argv, 0) == E2BIG);
	big[sizeof(big) - 2] = '\0';
	CHECK(run_fd(AT_FDCWD, self, argv, 0) == 77);
}

/* What a pipe holds can be asked for, as far as it is there. */
static void
pipesize(void)
{
	int p[2], size;

	CHECK(pipe(p) == 0);
	size = fcntl(p[0], F_GETPIPE_SZ);
	CHECK(size >= (int)PAGE);
	CHECK(fcntl(p[1], F_SETPIPE_SZ, size) == size);
	FAILS(EINVAL, fcntl(p[1], F_SETPIPE_SZ, -1));
	CHECK(close(p[0]) == 0 && close(p[1]) == 0);
	FAILS(EBADF, fcntl(p[0], F_SETPIPE_SZ, size));
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		return 77;
	sigfd();
	passing();
	exec_fd(argv[0]);
	pidfds();
	compare();
	wakeop();
	longargs(argv[0]);
	pipesize();
	return 0;
}
