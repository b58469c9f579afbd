/*
 * init.c: the first process.
 *
 * Runs what ./run was asked for: the text in /etc/vmspace/command under
 * /bin/sh -c, or a login shell; and returns its status, upon which the
 * kernel powers off.  A process killed by signal n gives 128 + n, as shells
 * have it.  Orphans are collected meanwhile.
 *
 * If /etc/vmspace/framed exists, the console does not come from a terminal
 * but from tools/feed.c: frames of a length byte and data, 0 for the end.
 * They go into a pipe, so that the command sees the bytes exactly, and their
 * end.
 */
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#define DIR_VMSPACE "/etc/vmspace/"

/* All of the command file, or NULL if there is none. */
static char *
read_command(void)
{
	char *text = NULL, *p;
	size_t len = 0, size = 0;
	ssize_t n;
	int fd;

	fd = open(DIR_VMSPACE "command", O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return NULL;
	do {
		if (size - len < 2) {
			size = size == 0 ? 4096 : size * 2;
			p = realloc(text, size);
			if (p == NULL)
				err(1, "command");
			text = p;
		}
		n = read(fd, text + len, size - len - 1);
		if (n == -1)
			err(1, "command");
		len += (size_t)n;
	} while (n > 0);
	text[len] = '\0';
	close(fd);
	return text;
}

/*
 * Set the console up for input that is not typed: no echo, no signals and
 * no editing.  Output passes as it is in both cases; the terminal at the
 * other end adds its carriage returns itself.
 */
static void
console_mode(bool typed)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &t) == -1)
		return;
	t.c_oflag &= ~(tcflag_t)OPOST;
	if (!typed) {
		t.c_iflag = 0;
		t.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
		t.c_cc[VMIN] = 1;
		t.c_cc[VTIME] = 0;
	}
	tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

/* Read exactly len bytes of the console; false at its end. */
static bool
read_all(unsigned char *p, size_t len)
{
	ssize_t n;

	for (; len > 0; p += n, len -= (size_t)n) {
		n = read(STDIN_FILENO, p, len);
		if (n <= 0)
			return false;
	}
	return true;
}

/* Take the frames apart into fd until their end.  Does not return. */
static void
unframe(int fd)
{
	unsigned char frame[256];
	ssize_t n;
	size_t len, done;

	signal(SIGPIPE, SIG_IGN);
	while (read_all(frame, 1) && frame[0] != 0) {
		len = frame[0];
		if (!read_all(frame + 1, len))
			break;
		for (done = 0; done < len; done += (size_t)n) {
			n = write(fd, frame + 1 + done, len - done);
			if (n == -1)
				_exit(0); /* nobody reads it */
		}
	}
	_exit(0);
}

/* Put the decoded console on standard input. */
static void
start_feeder(void)
{
	int p[2];

	if (pipe(p) == -1)
		err(1, "pipe");
	switch (fork()) {
	case -1:
		err(1, "fork");
	case 0:
		close(p[0]);
		unframe(p[1]);
	}
	dup2(p[0], STDIN_FILENO);
	close(p[0]);
	close(p[1]);
}

int
main(void)
{
	static char *const env[] = {"PATH=/bin:/sbin:/usr/bin:/usr/sbin",
	    "HOME=/root", "SHELL=/bin/sh", "USER=root", "LOGNAME=root",
	    "TERM=linux", "PWD=/", NULL};
	char *command;
	bool framed;
	pid_t pid, main_pid;
	int status;

	command = read_command();
	framed = access(DIR_VMSPACE "framed", F_OK) == 0;
	if (framed || command != NULL)
		console_mode(!framed);
	if (framed)
		start_feeder();

	main_pid = fork();
	if (main_pid == -1)
		err(1, "fork");
	if (main_pid == 0) {
		setsid();
		ioctl(STDOUT_FILENO, TIOCSCTTY, 0);
		if (command != NULL)
			execle("/bin/sh", "sh", "-c", command, NULL, env);
		else if (framed)
			execle("/bin/sh", "sh", NULL, env);
		else
			execle("/bin/sh", "-sh", NULL, env);
		err(127, "/bin/sh");
	}
	do {
		pid = waitpid(-1, &status, 0);
		if (pid == -1 && errno != EINTR)
			err(1, "waitpid");
	} while (pid != main_pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
