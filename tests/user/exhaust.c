/*
 * exhaust.c: use one resource up, or all of them at once, and live.
 *
 *	exhaust [name ...]	ram tables entries processes threads files shm
 *				pipes signals tmpfs together; default: in turn
 *	exhaust turns [swap]	all of that twice, and after each what is free
 *
 * Each is used up by a process of its own, which either finds the end of it,
 * says so and gives it all back, or is killed for the memory it took.  Nothing
 * may be left: the caller compares what is free.  That is exact for `turns',
 * whose own memory stays as it is: locked, and never shared by a fork.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/swap.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include "t.h"

#define RW    (PROT_READ | PROT_WRITE)
#define STACK (1UL << 17) /* the least that arm64's libc takes */
#define PRIV  (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

static bool crowded; /* others may have taken it all before */

static void
adjust(const char *value)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);

	/* Only the system's own user may make itself less likely. */
	if (fd != -1) {
		(void)!write(fd, value, strlen(value));
		close(fd);
	}
}

static void
ram(void)
{
	const size_t len = 1UL << 20;
	char *p;

	while ((p = mmap(NULL, len, RW, PRIV, -1, 0)) != MAP_FAILED)
		memset(p, 1, len);
	CHECK(errno == ENOMEM);
}

/* A page in each 2 MiB: as many tables as pages. */
static void
tables(void)
{
	const size_t len = 1UL << 30, step = 2UL << 20;
	size_t i;
	char *p;

	while ((p = mmap(NULL, len, RW, PRIV, -1, 0)) != MAP_FAILED)
		for (i = 0; i < len; i += step)
			p[i] = 1;
	CHECK(errno == ENOMEM);
}

static void
entries(void)
{
	char *p = mmap(NULL, 1UL << 30, PROT_NONE, PRIV, -1, 0);
	size_t n = 0;

	CHECK(p != MAP_FAILED);
	while (mprotect(p + 2 * n * PAGE, PAGE, PROT_READ) == 0)
		n++;
	CHECK(errno == ENOMEM);
	/* What makes fewer of them still works, unless memory is gone too. */
	while (mprotect(p, n * 2 * PAGE, PROT_NONE) != 0)
		CHECK(errno == ENOMEM);
	CHECK(mprotect(p, PAGE, PROT_READ) == 0);
	CHECK(munmap(p, 1UL << 30) == 0);
}

static void
processes(void)
{
	int fds[2], status;
	char c;
	pid_t pid;

	CHECK(pipe(fds) == 0);
	while ((pid = fork()) > 0)
		continue;
	if (pid == 0) {
		close(fds[1]);
		(void)!read(fds[0], &c, 1);
		_exit(0);
	}
	CHECK(errno == EAGAIN || errno == ENOMEM);
	close(fds[1]);
	while (wait(&status) > 0)
		CHECK(status == 0 || WTERMSIG(status) == SIGKILL);
	CHECK(errno == ECHILD);
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *
thread(void *arg)
{
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	return arg;
}

static void
threads(void)
{
	static pthread_t td[65536];
	pthread_attr_t attr;
	size_t n = 0, i, tries;

	CHECK(pthread_attr_init(&attr) == 0);
	CHECK(pthread_attr_setstacksize(&attr, STACK) == 0);
	pthread_mutex_lock(&gate);
	/* What was dry before may take a moment to come back: orphans. */
	for (tries = 0; n < 65536 && tries < 1000;) {
		if (pthread_create(&td[n], &attr, thread, NULL) == 0)
			n++;
		else if (n > 10)
			break;
		else {
			tries++;
			usleep(10000);
		}
	}
	CHECK(n > 10);
	pthread_mutex_unlock(&gate);
	for (i = 0; i < n; i++)
		CHECK(pthread_join(td[i], NULL) == 0);
}

/* Descriptors of this process, and of its children, until memory ends. */
static void
files(void)
{
	struct rlimit rl;
	int fd, last = -1, i, status;

	CHECK(getrlimit(RLIMIT_NOFILE, &rl) == 0);
	rl.rlim_cur = rl.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &rl) == 0);
	while ((fd = open("/dev/null", O_RDONLY)) != -1)
		last = fd;
	CHECK(errno == EMFILE || errno == ENOMEM || errno == ENFILE);
	CHECK(close(last) == 0 && dup(0) == last);
	for (i = 0; i < 16; i++)
		if (fork() == 0) {
			for (fd = 3; fd < last; fd += 2)
				close(fd);
			while (epoll_create1(0) != -1)
				continue;
			_exit(0);
		}
	while (wait(&status) > 0)
		CHECK(status == 0 || WTERMSIG(status) == SIGKILL);
	for (fd = 3; fd <= last; fd++)
		CHECK(close(fd) == 0);
	CHECK((fd = open("/dev/null", O_RDONLY)) == 3 && close(fd) == 0);
}

static void
shm(void)
{
	static int id[65536];
	int n = 0, i;
	char *p;

	while (n < 65536 && (id[n] = shmget(IPC_PRIVATE, PAGE, 0600)) != -1) {
		p = shmat(id[n], NULL, 0);
		if (p != (void *)-1) {
			*p = 1;
			CHECK(shmdt(p) == 0);
		}
		n++;
	}
	CHECK(errno == ENOSPC || errno == ENOMEM);
	CHECK(n > 100 || crowded);
	for (i = 0; i < n; i++)
		CHECK(shmctl(id[i], IPC_RMID, NULL) == 0);
}

/* Pipes and sockets filled to the brim, in process after process. */
static void
pipes(void)
{
	static char buf[65536];
	struct rlimit rl = {4096, 4096};
	int fds[2], status, go[2];
	bool more = true;
	char c;

	(void)setrlimit(RLIMIT_NOFILE, &rl);
	CHECK(pipe(go) == 0);
	for (int i = 0; i < 8 && more; i++) {
		if (fork() == 0) {
			close(go[1]);
			while (pipe2(fds, O_NONBLOCK) == 0)
				while (write(fds[1], buf, sizeof(buf)) > 0)
					continue;
			while (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK,
				   0, fds) == 0)
				while (write(fds[1], buf, sizeof(buf)) > 0)
					continue;
			(void)!read(go[0], &c, 1);
			_exit(0);
		}
	}
	close(go[1]);
	close(go[0]);
	while (wait(&status) > 0)
		CHECK(status == 0 || WTERMSIG(status) == SIGKILL);
}

/* Real-time signals, and timers, until the limit. */
static void
signals(void)
{
	union sigval v = {.sival_int = 1};
	sigset_t set;
	int n = 0, i, id;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	while (n < 100000 && sigqueue(getpid(), SIGRTMIN, v) == 0)
		n++;
	CHECK(n == 100000 || errno == EAGAIN);
	for (i = 0; i < n; i++)
		CHECK(sigwaitinfo(&set, NULL) == SIGRTMIN);
	for (i = 0; i < 5000; i++)
		if (syscall(SYS_timer_create, 1, NULL, &id) == -1)
			break;
	CHECK(i == 5000 || errno == EAGAIN || errno == ENOMEM);
}

/* Names, and what is in them. */
static void
tmpfs(void)
{
	static char buf[65536];
	char dir[] = "/tmp/exhaust.XXXXXX", name[64];
	int fd, n, i;

	CHECK(mkdtemp(dir) != NULL && chdir(dir) == 0);
	for (n = 0; n < 3000; n++) {
		snprintf(name, sizeof(name), "f%d", n);
		fd = open(name, O_CREAT | O_WRONLY, 0600);
		if (fd == -1)
			break;
		if (n == 0)
			while (write(fd, buf, sizeof(buf)) > 0)
				continue;
		close(fd);
	}
	CHECK(n == 3000 || errno == ENOSPC || errno == ENOMEM);
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		CHECK(unlink(name) == 0);
	}
	CHECK(chdir("/") == 0 && rmdir(dir) == 0);
}

static const struct {
	const char *name;
	void (*fn)(void);
} all[] = {{"ram", ram}, {"tables", tables}, {"entries", entries},
    {"processes", processes}, {"threads", threads}, {"files", files},
    {"shm", shm}, {"pipes", pipes}, {"signals", signals}, {"tmpfs", tmpfs}};
#define NALL (sizeof(all) / sizeof(all[0]))

static pid_t
start(size_t i)
{
	pid_t pid;

	/* Whoever is killed, others may be short of memory meanwhile. */
	while ((pid = fork()) == -1)
		CHECK(errno == EAGAIN || errno == ENOMEM);
	if (pid == 0) {
		adjust("500");
		all[i].fn();
		_exit(0);
	}
	return pid;
}

/* How many processes of this program there are beside this one. */
static int
others(void)
{
	char path[300], name[32];
	DIR *d = opendir("/proc");
	struct dirent *de;
	int n = -1;
	FILE *f;

	CHECK(d != NULL);
	while ((de = readdir(d)) != NULL) {
		if (de->d_name[0] < '1' || de->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", de->d_name);
		f = fopen(path, "r");
		if (f == NULL)
			continue;
		if (fgets(name, sizeof(name), f) != NULL)
			n += strcmp(name, "exhaust\n") == 0;
		fclose(f);
	}
	closedir(d);
	return n;
}

/* Files and segments of those who were killed are still there. */
static void
clean(void)
{
	struct shmid_ds ds;
	int i, id, max = shmctl(0, SHM_INFO, &ds);

	for (i = 0; i <= max; i++) {
		id = shmctl(i, SHM_STAT, &ds);
		if (id != -1)
			CHECK(shmctl(id, IPC_RMID, NULL) == 0);
	}
	/* The children of those who were killed are on their way out. */
	while (others() > 0 || system("rm -rf /tmp/exhaust.*") != 0)
		CHECK(usleep(10000) == 0);
}

static int
finish(const char *name, pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	if (status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		return 0;
	warnx("%s: status %#x", name, status);
	return 1;
}

static int
together(void)
{
	pid_t pid[NALL];
	int bad = 0;
	size_t i;

	crowded = true;
	for (i = 0; i < NALL; i++)
		pid[i] = start(i);
	for (i = 0; i < NALL; i++)
		bad |= finish(all[i].name, pid[i]);
	clean();
	return bad;
}

/* This program with an argument, from a vfork: our memory is not touched. */
static int
spawn(const char *name)
{
	int status;
	pid_t pid;

	pid = vfork();
	CHECK(pid != -1);
	if (pid == 0) {
		execl("/proc/self/exe", "exhaust", name, NULL);
		_exit(127);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

/* What path says, as it is. */
static char *
contents(const char *path)
{
	static char text[1 << 16];
	size_t len = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY);

	CHECK(fd != -1);
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	CHECK(n == 0);
	close(fd);
	text[len] = '\0';
	return text;
}

static void
drain(void)
{
	int fd = open("/proc/vmspace/control", O_WRONLY);

	CHECK(fd != -1 && write(fd, "drain\n", 6) == 6);
	close(fd);
}

/* What is free and what each pool holds, as tests/boot/lib.sh compares it. */
static void
state(int turn)
{
	char *line, *end, name[64];
	long size, used, total, unused;

	drain();
	line = contents("/proc/meminfo");
	CHECK(sscanf(line, "MemTotal: %ld kB MemFree: %ld", &total, &unused) ==
	      2);
	printf("turn %d\nMem: %ld %ld %ld\n", turn, total, total - unused,
	    unused);
	for (line = contents("/proc/vmspace/pools"); *line != '\0';
	     line = end + 1) {
		end = strchr(line, '\n');
		CHECK(end != NULL);
		if (sscanf(line, "%63s %ld %ld", name, &size, &used) == 3)
			printf("pool %s %ld\n", name, used);
	}
	fflush(stdout);
}

static int
turns(const char *swap)
{
	size_t i;
	int turn;

	CHECK(prctl(PR_SET_NAME, "turns") == 0);
	CHECK(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
	/* Whatever happens once happens in the first turns. */
	for (turn = -1; turn <= 2; turn++) {
		for (i = 0; i < NALL && turn > 0; i++)
			if (spawn(all[i].name) != 0)
				return 1;
		if (turn > 0 && spawn("together") != 0)
			return 1;
		if (swap != NULL)
			CHECK(swapoff(swap) == 0 && swapon(swap, 0) == 0);
		state(turn);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	int bad = 0;
	size_t i, k;

	adjust("-1000");
	if (argc > 1 && strcmp(argv[1], "turns") == 0)
		return turns(argc > 2 ? argv[2] : NULL);
	/* Whatever it was called as: others() knows it by that. */
	CHECK(prctl(PR_SET_NAME, "exhaust") == 0);
	for (i = 0; i < NALL; i++)
		for (k = argc == 1 ? 0 : 1; k < (size_t)argc; k++)
			if (argc == 1 || strcmp(argv[k], all[i].name) == 0)
				bad |= finish(all[i].name, start(i));
	clean();
	if (argc > 1 && strcmp(argv[argc - 1], "together") == 0)
		bad |= together();
	return bad;
}
