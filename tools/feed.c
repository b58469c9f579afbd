/*
 * feed.c: carry standard input to the guest with its end.
 *
 * A serial line has no end of file, so the stream goes in frames: a byte n
 * and n bytes of data; n = 0 is the end.  user/init.c takes them apart into
 * a pipe.  Ends early when nobody reads any more, whatever its input does:
 * the shell that runs us in a pipeline would wait for us.  Host tool.
 */
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

/* Write all of it; false: the reader has gone. */
static int
put(const unsigned char *p, size_t len)
{
	ssize_t n;

	for (; len > 0; p += n, len -= (size_t)n) {
		n = write(STDOUT_FILENO, p, len);
		if (n == -1)
			return 0;
	}
	return 1;
}

int
main(void)
{
	unsigned char frame[256];
	struct pollfd fds[2] = {
	    {.fd = STDIN_FILENO, .events = POLLIN},
	    {.fd = STDOUT_FILENO}, /* POLLERR: nobody reads */
	};
	ssize_t n;

	for (;;) {
		if (poll(fds, 2, -1) == -1)
			err(1, "poll");
		if (fds[1].revents != 0)
			return 0;
		if (fds[0].revents == 0)
			continue;
		n = read(STDIN_FILENO, frame + 1, sizeof(frame) - 1);
		if (n < 0)
			n = 0;
		frame[0] = (unsigned char)n;
		if (!put(frame, (size_t)n + 1) || n == 0)
			return 0;
	}
}
