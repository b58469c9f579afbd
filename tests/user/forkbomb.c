/*
 * forkbomb.c: fork until the process limit says EAGAIN (or memory ENOMEM),
 * with every child alive; then let all of them go and fork once more.
 */
#include <sys/resource.h>
#include <sys/wait.h>
#include <signal.h>
#include "t.h"

int
main(int argc, char **argv)
{
	rlim_t limit = argc > 1 ? strtoul(argv[1], NULL, 0) : 200;
	struct rlimit rl = {limit, limit};
	unsigned long n = 0, reaped = 0;
	int fds[2], status;
	char c;
	pid_t pid;

	CHECK(pipe(fds) == 0);
	CHECK(setgid(65534) == 0);
	CHECK(setuid(65534) == 0); /* root has no limit */
	CHECK(setrlimit(RLIMIT_NPROC, &rl) == 0);
	while ((pid = fork()) > 0)
		CHECK(++n <= limit);
	if (pid == 0) {
		close(fds[1]);
		(void)!read(fds[0], &c, 1); /* until the parent closes */
		_exit(7);
	}
	CHECK(errno == EAGAIN || errno == ENOMEM);
	CHECK(n > 0);
	close(fds[1]);
	while (wait(&status) > 0) {
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
		reaped++;
	}
	CHECK(errno == ECHILD);
	CHECK(reaped == n);

	pid = fork();
	CHECK(pid != -1);
	if (pid == 0)
		_exit(0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	return 0;
}
