/*
 * cow.c: fork copies on write, in both directions and over generations.
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include "t.h"

#define NPAGES 64

static char *
anon(int flags)
{
	char *p;

	p = mmap(NULL, NPAGES * PAGE, PROT_READ | PROT_WRITE,
	    MAP_ANONYMOUS | flags, -1, 0);
	CHECK(p != MAP_FAILED);
	return p;
}

static void
fill(char *p, char c)
{
	size_t i;

	for (i = 0; i < NPAGES; i++)
		memset(p + i * PAGE, c + (char)(i % 7), PAGE);
}

static void
holds(const char *p, char c)
{
	size_t i;

	for (i = 0; i < NPAGES; i++) {
		CHECK(p[i * PAGE] == c + (char)(i % 7));
		CHECK(p[i * PAGE + PAGE - 1] == c + (char)(i % 7));
	}
}

static void
wait_ok(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
}

/* Each generation sees its parent's bytes, writes its own, and forks. */
static void
generations(char *p, int left)
{
	pid_t pid;

	for (; left > 0; left--) {
		holds(p, (char)('a' + left));
		pid = fork();
		CHECK(pid != -1);
		if (pid > 0) {
			wait_ok(pid);
			holds(p, (char)('a' + left));
			return;
		}
		fill(p, (char)('a' + left - 1));
	}
	_exit(0);
}

/* The parent writes while children hold old copies. */
static void
siblings(char *p)
{
	pid_t pid[4];
	int i, go[2];
	char c;

	CHECK(pipe(go) == 0);
	for (i = 0; i < 4; i++) {
		fill(p, (char)('0' + i));
		pid[i] = fork();
		CHECK(pid[i] != -1);
		if (pid[i] == 0) {
			close(go[1]);
			CHECK(read(go[0], &c, 1) == 0);
			holds(p, (char)('0' + i));
			fill(p, 'p');
			holds(p, 'p');
			_exit(0);
		}
	}
	fill(p, 'x');
	close(go[1]);
	for (i = 0; i < 4; i++)
		wait_ok(pid[i]);
	holds(p, 'x');
	close(go[0]);
}

int
main(void)
{
	char *priv = anon(MAP_PRIVATE), *shared = anon(MAP_SHARED);
	pid_t pid, self = getpid();

	fill(priv, 'a' + 5);
	generations(priv, 5);
	if (getpid() != self)
		_exit(0);
	siblings(priv);

	fill(shared, 'S');
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		holds(shared, 'S');
		fill(shared, 'T');
		_exit(0);
	}
	wait_ok(pid);
	holds(shared, 'T');
	return 0;
}
