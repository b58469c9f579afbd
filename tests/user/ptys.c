/*
 * ptys.c: pseudo-terminals: what is typed at the master, what the program on
 * the other side makes of it, and how either learns that the other has gone.
 */
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include "t.h"

static char path[64];

static int
master(void)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY), n = -1;

	CHECK(fd >= 0 && grantpt(fd) == 0);
	CHECK(ioctl(fd, TIOCGPTN, &n) == 0 && n >= 0);
	snprintf(path, sizeof(path), "/dev/pts/%d", n);
	FAILS(EIO, open(path, O_RDWR | O_NOCTTY)); /* locked */
	CHECK(unlockpt(fd) == 0);
	CHECK(strcmp(ptsname(fd), path) == 0);
	return fd;
}

static int
slave(void)
{
	int fd = open(path, O_RDWR | O_NOCTTY);

	CHECK(fd >= 0 && isatty(fd));
	CHECK(strcmp(ttyname(fd), path) == 0);
	return fd;
}

static void
expect(int fd, const char *want)
{
	char buf[256] = "";
	size_t got = 0, len = strlen(want);

	while (got < len) {
		ssize_t n = read(fd, buf + got, len - got);

		CHECK(n > 0);
		got += (size_t)n;
	}
	CHECK(memcmp(buf, want, len) == 0);
}

static void
type(int fd, const char *keys)
{
	CHECK(write(fd, keys, strlen(keys)) == (ssize_t)strlen(keys));
}

static short
events(int fd)
{
	struct pollfd p = {fd, POLLIN | POLLOUT, 0};

	CHECK(poll(&p, 1, 0) >= 0);
	return p.revents;
}

/* Lines, editing, echo, end of file; then none of that. */
static void
lines(void)
{
	int m = master(), s = slave(), n;
	struct termios t;
	char buf[8];

	CHECK(events(m) == POLLOUT && events(s) == POLLOUT);
	type(m, "helly\177o\n");
	expect(m, "helly\b \bo\r\n");
	expect(s, "hello\n");
	CHECK(events(s) == POLLOUT);
	type(m, "\004");
	CHECK(events(s) == (POLLIN | POLLOUT));
	CHECK(read(s, buf, sizeof(buf)) == 0);
	type(s, "out\n");
	expect(m, "out\r\n");
	CHECK(tcgetattr(s, &t) == 0);
	cfmakeraw(&t);
	CHECK(tcsetattr(m, TCSANOW, &t) == 0); /* they share it */
	type(m, "\003\r\n");
	expect(s, "\003\r\n");
	type(s, "\n");
	expect(m, "\n");
	CHECK(fcntl(m, F_SETFL, O_RDWR | O_NONBLOCK) == 0);
	FAILS(EAGAIN, read(m, buf, 1));
	FAILS(ENOTTY, ioctl(m, TIOCSPGRP + 1000, &n));
	CHECK(close(m) == 0 && close(s) == 0);
}

/* Who is left behind. */
static void
hangups(void)
{
	int m = master(), s = slave(), n;
	char buf[8];

	type(s, "last");
	CHECK(close(s) == 0);
	expect(m, "last");
	CHECK((events(m) & POLLHUP) != 0);
	FAILS(EIO, read(m, buf, 1));
	s = slave();
	CHECK(events(m) == POLLOUT);
	type(m, "more\n");
	CHECK(close(m) == 0);
	CHECK((events(s) & POLLHUP) != 0);
	CHECK(read(s, buf, 0) == 0);
	FAILS(EIO, write(s, "x", 1));
	FAILS(EIO, ioctl(s, FIONREAD, &n));
	FAILS(ENOENT, open(path, O_RDWR | O_NOCTTY));
	CHECK(close(s) == 0);
}

static volatile sig_atomic_t seen;

static void
count(int sig)
{
	seen |= 1 << sig;
}

/* A session of its own: signals from the keys, size, death of the master. */
static void
session(void)
{
	struct sigaction sa = {.sa_handler = count}; /* EINTR */
	struct winsize ws = {.ws_row = 5, .ws_col = 7};
	int m = master(), s, status, n;
	char c;
	pid_t pid;

	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		CHECK(setsid() != -1 && close(m) == 0);
		FAILS(ENXIO, open("/dev/tty", O_RDWR));
		s = open(path, O_RDWR);
		CHECK(s >= 0 && tcgetpgrp(s) == getpid());
		CHECK(tcgetsid(s) == getpid());
		n = open("/dev/tty", O_RDWR);
		CHECK(n >= 0 && close(s) == 0);
		s = n;
		CHECK(ioctl(s, TIOCGWINSZ, &ws) == 0 && ws.ws_col == 7);
		CHECK(sigaction(SIGWINCH, &sa, NULL) == 0);
		CHECK(sigaction(SIGINT, &sa, NULL) == 0);
		CHECK(sigaction(SIGHUP, &sa, NULL) == 0);
		type(s, "+");
		while ((seen & 1 << SIGINT) == 0)
			FAILS(EINTR, read(s, &c, 1));
		type(s, "-");
		while ((seen & 1 << SIGWINCH) == 0)
			FAILS(EINTR, read(s, &c, 1));
		CHECK(ioctl(s, TIOCGWINSZ, &ws) == 0 && ws.ws_col == 8);
		type(s, "*");
		do
			n = (int)read(s, &c, 1);
		while (n == -1 && errno == EINTR);
		CHECK(n == 0 || errno == EIO);
		while ((seen & 1 << SIGHUP) == 0)
			pause();
		_exit(9);
	}
	CHECK(ioctl(m, TIOCSWINSZ, &ws) == 0);
	expect(m, "+");
	CHECK(ioctl(m, TIOCGPGRP, &n) == 0 && n == pid);
	type(m, "\003");
	expect(m, "^C-");
	ws.ws_col = 8;
	CHECK(ioctl(m, TIOCSWINSZ, &ws) == 0);
	expect(m, "*");
	CHECK(close(m) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 9 << 8);
}

/* More than fits, both ways. */
static void
volume(void)
{
	static char buf[100000];
	int m = master(), s = slave(), status;
	struct termios t;
	ssize_t n, got = 0;
	pid_t pid;

	CHECK(tcgetattr(s, &t) == 0);
	cfmakeraw(&t);
	CHECK(tcsetattr(s, TCSANOW, &t) == 0);
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (char)(i * 7 + i / 256);
	for (int way = 0; way < 2; way++) {
		int from = way == 0 ? s : m, to = way == 0 ? m : s;

		pid = fork();
		CHECK(pid != -1);
		if (pid == 0) {
			for (got = 0; got < (ssize_t)sizeof(buf); got += n) {
				n = write(from, buf + got,
				    sizeof(buf) - (size_t)got);
				CHECK(n > 0);
			}
			_exit(0);
		}
		for (got = 0; got < (ssize_t)sizeof(buf); got += n) {
			char in[1000];

			n = read(to, in, sizeof(in));
			CHECK(n > 0 && memcmp(in, buf + got, (size_t)n) == 0);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
	CHECK(close(m) == 0 && close(s) == 0);
}

int
main(void)
{
	struct stat st;
	int m[8];

	lines();
	hangups();
	session();
	volume();
	for (int i = 0; i < 8; i++)
		m[i] = master();
	CHECK(stat(path, &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(st.st_rdev >> 8 == 136 && (st.st_mode & 0600) == 0600);
	for (int i = 0; i < 8; i++)
		CHECK(close(m[i]) == 0);
	FAILS(ENOENT, stat(path, &st));
	return 0;
}
