/*
 * sockets.c: local stream sockets with names: bind, listen, connect, accept.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include "t.h"

static struct sockaddr_un addr;
static socklen_t addrlen;

/* The address is name; one that begins with '@' is no path. */
static void
named(const char *name)
{
	memset(&addr, 0, sizeof(addr));
	addr.sun_family = AF_UNIX;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", name);
	addrlen =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	if (name[0] == '@')
		addr.sun_path[0] = '\0';
	else
		addrlen++;
}

static int
any(int flags)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | flags, 0);

	CHECK(fd != -1);
	return fd;
}

static int
listening(const char *name, int backlog, int flags)
{
	int fd = any(flags);

	named(name);
	CHECK(bind(fd, (struct sockaddr *)&addr, addrlen) == 0);
	CHECK(listen(fd, backlog) == 0);
	return fd;
}

static int
connected(void)
{
	int fd = any(0);

	CHECK(connect(fd, (struct sockaddr *)&addr, addrlen) == 0);
	return fd;
}

static short
events(int fd)
{
	struct pollfd pf = {.fd = fd, .events = POLLIN | POLLOUT};

	CHECK(poll(&pf, 1, 0) != -1);
	return pf.revents;
}

/* What a socket that is not connected answers. */
static void
alone(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX, .sun_path = "/none"};
	socklen_t len = sizeof(sun);
	int fd = any(0), val;
	char c = 0;

	FAILS(EAFNOSUPPORT, socket(AF_APPLETALK, SOCK_STREAM, 0));
	FAILS(EPROTONOSUPPORT, socket(AF_UNIX, SOCK_STREAM, 7));
	FAILS(EINVAL, socket(AF_UNIX, 99, 0));
	FAILS(EINVAL, read(fd, &c, 1));
	FAILS(EINVAL, recv(fd, &c, 1, MSG_DONTWAIT));
	FAILS(ENOTCONN, write(fd, &c, 1));
	FAILS(ENOTCONN, send(fd, &c, 1, MSG_NOSIGNAL));
	FAILS(ENOTCONN, getpeername(fd, (struct sockaddr *)&sun, &len));
	FAILS(EINVAL, accept(fd, NULL, NULL));
	FAILS(ENOENT, connect(fd, (struct sockaddr *)&sun, sizeof(sun)));
	FAILS(EINVAL, connect(fd, (struct sockaddr *)&sun, 200));
	FAILS(EINVAL, connect(fd, (struct sockaddr *)&sun, 1));
	FAILS(EFAULT, connect(fd, (struct sockaddr *)8, 20));
	FAILS(ENOTSOCK, listen(0, 1));
	CHECK(events(fd) == (POLLOUT | POLLHUP));
	len = sizeof(sun);
	CHECK(getsockname(fd, (struct sockaddr *)&sun, &len) == 0 && len == 2);
	len = sizeof(val);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_TYPE, &val, &len) == 0);
	CHECK(val == SOCK_STREAM && len == sizeof(val));
	val = 1;
	CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &val, sizeof(val)) == 0);
	CHECK(close(fd) == 0);
}

/* A name, on the file system or not, leads to who listens. */
static void
names(const char *name)
{
	struct sockaddr_un sun;
	struct ucred cred;
	socklen_t len;
	struct stat st;
	int l = listening(name, 5, 0), fd, a, fd2, val;
	bool path = name[0] != '@';
	char buf[8];

	fd2 = any(0);
	FAILS(EADDRINUSE, bind(fd2, (struct sockaddr *)&addr, addrlen));
	CHECK(events(l) == 0);
	fd = connected();
	CHECK(events(l) == POLLIN && write(fd, "early", 5) == 5);
	FAILS(EISCONN, connect(fd, (struct sockaddr *)&addr, addrlen));
	FAILS(EINVAL, connect(l, (struct sockaddr *)&addr, addrlen));
	len = sizeof(sun);
	a = accept4(l, (struct sockaddr *)&sun, &len, SOCK_CLOEXEC);
	CHECK(a != -1 && len == 2 && sun.sun_family == AF_UNIX);
	CHECK(fcntl(a, F_GETFD) == FD_CLOEXEC && events(l) == 0);
	CHECK(read(a, buf, 8) == 5 && memcmp(buf, "early", 5) == 0);
	CHECK(write(a, "reply", 5) == 5 && read(fd, buf, 8) == 5);
	len = sizeof(sun);
	CHECK(getpeername(fd, (struct sockaddr *)&sun, &len) == 0);
	CHECK(len == addrlen && memcmp(&sun, &addr, len) == 0);
	len = sizeof(sun);
	CHECK(getsockname(a, (struct sockaddr *)&sun, &len) == 0);
	CHECK(len == addrlen && memcmp(&sun, &addr, len) == 0);
	len = sizeof(cred);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0);
	CHECK(cred.pid == getpid() && cred.uid == getuid());
	len = sizeof(val);
	CHECK(getsockopt(l, SOL_SOCKET, SO_ACCEPTCONN, &val, &len) == 0 && val);
	/* One that was not accepted ends with the listener. */
	CHECK(close(a) == 0 && read(fd, buf, 1) == 0 && close(fd) == 0);
	fd = connected();
	if (path) {
		CHECK(stat(name, &st) == 0 && S_ISSOCK(st.st_mode));
		FAILS(ENXIO, open(name, O_RDWR));
	}
	CHECK(close(l) == 0 && (events(fd) & (POLLIN | POLLHUP)) != 0);
	FAILS(ECONNREFUSED, connect(fd2, (struct sockaddr *)&addr, addrlen));
	if (path) {
		FAILS(EADDRINUSE, bind(fd2, (struct sockaddr *)&addr, addrlen));
		CHECK(unlink(name) == 0);
		FAILS(ENOENT, connect(fd2, (struct sockaddr *)&addr, addrlen));
	}
	CHECK(bind(fd2, (struct sockaddr *)&addr, addrlen) == 0);
	/* It has the name, but does not listen. */
	l = any(0);
	FAILS(ECONNREFUSED, connect(l, (struct sockaddr *)&addr, addrlen));
	CHECK(close(l) == 0);
	CHECK(close(fd) == 0 && close(fd2) == 0);
	CHECK(!path || unlink(name) == 0);
}

/* A queue that is full; who waits in accept and in connect. */
static void
queue(void)
{
	int l = listening("@full", 1, 0), fd[2], fd2, n, a;
	pid_t pid;
	char c;

	fd[0] = connected();
	fd[1] = connected();
	fd2 = any(SOCK_NONBLOCK);
	FAILS(EAGAIN, connect(fd2, (struct sockaddr *)&addr, addrlen));
	pid = fork();
	if (pid == 0) {
		n = connected();
		CHECK(write(n, "c", 1) == 1 && read(n, &c, 1) == 1);
		CHECK(c == 'd');
		_exit(0);
	}
	for (n = 0; n < 2; n++) {
		a = accept(l, NULL, NULL);
		CHECK(a != -1 && close(a) == 0 && read(fd[n], &c, 1) == 0);
		CHECK(close(fd[n]) == 0);
	}
	a = accept(l, NULL, NULL);
	CHECK(read(a, &c, 1) == 1 && c == 'c' && write(a, "d", 1) == 1);
	CHECK(waitpid(pid, &n, 0) == pid && n == 0 && close(a) == 0);
	CHECK(fcntl(l, F_SETFL, O_NONBLOCK) == 0);
	FAILS(EAGAIN, accept(l, NULL, NULL));
	CHECK(close(fd2) == 0 && close(l) == 0);
}

/* A server and many clients. */
static void
many(void)
{
	int l = listening("@many", 3, 0), a, i, k, fd, status;
	pid_t pid;
	char buf[100];

	for (k = 0; k < 4; k++) {
		pid = fork();
		if (pid != 0)
			continue;
		CHECK(close(l) == 0);
		for (i = 0; i < 100; i++) {
			fd = connected();
			CHECK(write(fd, &i, sizeof(i)) == sizeof(i));
			CHECK(read(fd, buf, sizeof(buf)) == sizeof(i));
			CHECK(memcmp(buf, &i, sizeof(i)) == 0);
			CHECK(read(fd, buf, 1) == 0 && close(fd) == 0);
		}
		_exit(0);
	}
	for (k = 0; k < 400; k++) {
		a = accept(l, NULL, NULL);
		CHECK(a != -1 && read(a, &i, sizeof(i)) == sizeof(i));
		CHECK(write(a, &i, sizeof(i)) == sizeof(i) && close(a) == 0);
	}
	for (k = 0; k < 4; k++)
		CHECK(wait(&status) != -1 && status == 0);
	CHECK(close(l) == 0);
}

int
main(void)
{
	char dir[] = "/tmp/sockets.XXXXXX";

	CHECK(mkdtemp(dir) != NULL && chdir(dir) == 0);
	CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	alone();
	names("path");
	names("@abstract");
	queue();
	many();
	CHECK(chdir("/") == 0 && rmdir(dir) == 0);
	return 0;
}
