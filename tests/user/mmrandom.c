/*
 * mmrandom.c: memory calls at random, each with what it answered, and now and
 * then what is there: maps, limits, locks, every page.
 *
 *	mmrandom [-v] [-o operations] first count
 *
 * A line for each seed: a number made of all that was seen.  With -v all of it.
 * tests/boot/compat compares the lines with those of the Linux it runs on.
 *
 * Each seed is a process of its own, with pages from BASE on that are far from
 * everything else it has.  Left out is what depends on how a Linux is configured,
 * and where what has no place is put.
 */
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include "t.h"

#define BASE   0x100000000000UL
#define NPAGES 48
#define END    (BASE + NPAGES * PAGE)
#define NFILES 4
#define BIT    256UL /* files end at multiples of it */
#define N(a)   (sizeof(a) / sizeof((a)[0]))

static uint64_t state, hash;
static int verbose;
static int files[NFILES + 4]; /* memfds, then what is no plain file */
static int shmids[2];
static sigjmp_buf fault_jump;
static siginfo_t fault_info;
static long size0, data0;
static char *brk0;
static int segments, leave; /* whether to attach, and use DONTUNMAP */

static uint64_t
rnd(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 11) % n;
}

static void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	char *p;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (p = line; *p != '\0'; p++)
		hash = (hash ^ (unsigned char)*p) * 0x100000001b3UL;
	if (verbose) {
		printf("%s\n", line);
		fflush(stdout);
	}
}

/* What a call answered: an errno, a place of ours, or a number. */
static void
answer(const char *what, long r)
{
	int e = errno;

	if (r == -1)
		say("%s: errno %d", what, e);
	else if ((unsigned long)r >= BASE && (unsigned long)r < END)
		say("%s: page %lu+%lu", what, (r - BASE) / PAGE, r % PAGE);
	else if (r >= 0 && r < 1L << 30)
		say("%s: %ld", what, r);
	else
		say("%s: elsewhere", what);
}

static void
on_fault(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)uc;
	fault_info = *si;
	siglongjmp(fault_jump, 1);
}

/* "ok", or the signal, its code, and whether its address is p. */
static const char *
touch(volatile char *p, int store, int c)
{
	static char buf[48];

	if (sigsetjmp(fault_jump, 1) != 0) {
		snprintf(buf, sizeof(buf), "signal %d %d %s",
		    fault_info.si_signo, fault_info.si_code,
		    fault_info.si_addr == (void *)p ? "here" : "there");
		return buf;
	}
	if (store)
		*p = (char)c;
	else
		(void)*p;
	return "ok";
}

static unsigned long
page(void)
{
	return BASE + rnd(NPAGES) * PAGE;
}

static unsigned long
addr(void)
{
	static const unsigned long odd[] = {0x7ffffffff000, 0x800000000000,
	    -PAGE, 1UL << 63, END, END + 64 * PAGE};

	switch (rnd(24)) {
	case 0:
		return page() + rnd(PAGE);
	case 1:
		return odd[rnd(N(odd))];
	default:
		return page();
	}
}

static size_t
length(void)
{
	static const size_t odd[] = {0, -1UL, -PAGE, 1UL << 47, 1UL << 63,
	    SIZE_MAX / 2};

	switch (rnd(16)) {
	case 0:
		return odd[rnd(N(odd))];
	case 1:
		return rnd(5 * PAGE);
	case 2:
		return NPAGES * PAGE;
	case 3:
	case 4:
		return PAGE * (1 + rnd(NPAGES / 2));
	default:
		return PAGE * (1 + rnd(6));
	}
}

/* Within what is ours: for calls that would do harm elsewhere. */
static size_t
inside(unsigned long a)
{
	size_t len = length();

	return a < BASE || a >= END || len <= END - a || rnd(4) == 0 ? len
								     : END - a;
}

static int
file(void)
{
	return rnd(8) == 0 ? NFILES + (int)rnd(4) : (int)rnd(NFILES);
}

/* What is elsewhere is taken back: it would be somewhere else elsewhere. */
static void
placed(const char *what, void *r, size_t len)
{
	answer(what, (long)r);
	if (r != MAP_FAILED &&
	    ((unsigned long)r < BASE || (unsigned long)r >= END))
		munmap(r, len);
}

static void
do_mmap(void)
{
	static const int more[] = {0, 0, 0, 0, MAP_NORESERVE, MAP_POPULATE,
	    MAP_LOCKED, MAP_STACK, MAP_GROWSDOWN, MAP_FIXED_NOREPLACE,
	    MAP_DENYWRITE, MAP_NONBLOCK | MAP_POPULATE};
	int prot = rnd(3) ? PROT_READ | PROT_WRITE : (int)rnd(8);
	int flags = rnd(12) ? (int)rnd(2) + 1 : (int)rnd(4);
	int f = rnd(3) ? -1 : file(), fd = f < 0 ? -1 : files[f];
	unsigned long a = addr(), off = rnd(3) ? 0 : rnd(12) * PAGE;
	size_t len = length();
	char what[96];

	if (fd == -1 && rnd(16))
		flags |= MAP_ANONYMOUS;
	if (rnd(32) == 0)
		off = rnd(4) || f >= NFILES ? rnd(PAGE) : -rnd(8) * PAGE;
	/* MAP_FIXED anywhere but here would do harm. */
	if (rnd(8) != 0 && len <= 64 * PAGE && a >= BASE && a < END)
		flags |= MAP_FIXED;
	flags |= more[rnd(N(more))];
	/* Two mistakes at once. */
	if (f >= 0 && f < 2)
		flags &= ~MAP_GROWSDOWN;
	/* Zeroes have no size and no places, but some are a file on Linux. */
	if (f == NFILES + 1) {
		flags = (flags & ~MAP_TYPE) | MAP_SHARED;
		off = 0;
	}
	if (leave)
		flags &= ~MAP_LOCKED;
	snprintf(what, sizeof(what), "mmap %lx %lx %x %x %d %lx", a, len, prot,
	    flags, f, off);
	if (len > 1UL << 40 || (flags & MAP_POPULATE && len > 1UL << 30))
		flags |= MAP_NORESERVE;
	placed(what, (void *)syscall(SYS_mmap, a, len, prot, flags, fd, off),
	    len);
}

static void
do_mremap(void)
{
	unsigned long a = addr(), to = page();
	size_t old = inside(a), new = rnd(3) ? length() : old;
	int flags = rnd(8);
	char what[96];

	if (rnd(3) == 0)
		flags = MREMAP_MAYMOVE;
	if (rnd(6) == 0)
		flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	/* What it unlocks, and how that is counted, is another matter. */
	if (!leave)
		flags &= ~MREMAP_DONTUNMAP;
	if (rnd(24) == 0)
		old = 0;
	/* What a call that fails has unmapped before that is left out. */
	if ((old > 64 * PAGE || new > 64 * PAGE) && flags & MREMAP_FIXED)
		new = old = PAGE;
	snprintf(what, sizeof(what), "mremap %lx %lx %lx %x %lx", a, old, new,
	    flags, to);
	placed(what, (void *)syscall(SYS_mremap, a, old, new, flags, to), new);
}

static void
do_range(void)
{
	static const int advice[] = {0, 1, 2, 3, 4, 4, 4, 9, 10, 11, 16, 17, 18,
	    19, 20, 22, 23, 24, 26, 99};
	static unsigned char vec[1 << 16];
	unsigned long a = addr();
	size_t len = inside(a);
	int arg = 0, r;
	char what[96];
	const char *name;
	size_t i;

	/* All that lies above is ours, too. */
	if (len > 1UL << 40 && len < -PAGE)
		len = 0;
	switch (rnd(10)) {
	case 0:
	case 1:
		name = "munmap";
		r = munmap((void *)a, len);
		break;
	case 2:
	case 3:
		name = "mprotect";
		arg = rnd(12) ? (int)rnd(8) : (int)rnd(64);
		r = mprotect((void *)a, len, arg);
		break;
	case 4:
	case 5:
		name = "madvise";
		arg = advice[rnd(N(advice))];
		r = madvise((void *)a, len, arg);
		break;
	case 6:
		name = "msync";
		arg = rnd(8);
		r = msync((void *)a, len, arg);
		break;
	case 7:
		if (rnd(3)) {
			name = "munlock";
			r = munlock((void *)a, len);
			break;
		}
		name = "mlock";
		r = leave ? 0 : mlock((void *)a, len);
		break;
	case 8:
		name = "mlock2";
		arg = rnd(3);
		r = leave ? 0 : syscall(SYS_mlock2, a, len, arg);
		break;
	default:
		if (len > 1 << 28 && len < 1UL << 48)
			len = 8 * PAGE;
		name = "mincore";
		for (i = 0; i < N(vec); i++)
			vec[i] = 9;
		r = mincore((void *)a, len, vec);
		break;
	}
	snprintf(what, sizeof(what), "%s %lx %lx %d", name, a, len, arg);
	answer(what, r);
}

static void
do_touch(void)
{
	/* Not behind the end of a file: what is there later nobody says. */
	unsigned long a = page() + rnd(BIT);
	int i, n = rnd(8) + 1, store = rnd(3) != 0;

	for (i = 0; i < n; i++, a += PAGE)
		say("%s %lx: %s", store ? "store" : "load", a,
		    touch((char *)a, store, (int)rnd(256)));
}

static void
do_file(void)
{
	int f = rnd(NFILES), fd = files[f];
	unsigned long a = addr();
	off_t off = rnd(14) * PAGE + (rnd(2) ? rnd(PAGE / BIT) * BIT : 0);
	size_t len = rnd(2) ? rnd(4 * PAGE / BIT) * BIT : PAGE * rnd(4);
	struct iovec v[2] = {{(void *)a, len}, {(void *)page(), PAGE}};
	char what[96];
	long r;
	int op = rnd(8), arg = 0;

	switch (op) {
	case 0:
	case 1:
		r = ftruncate(fd, off);
		break;
	case 2:
		r = pwrite(fd, (void *)a, len, off);
		break;
	case 3:
		r = pread(fd, (void *)a, len, off);
		break;
	case 4:
		r = pwritev(fd, v, 2, off);
		break;
	case 5:
		r = preadv(fd, v, 2, off);
		break;
	case 6:
		arg = rnd(4);
		r = fallocate(fd, arg, off, len);
		break;
	default:
		arg = rnd(16) ? 0 : (int)rnd(32);
		r = arg ? fcntl(fd, F_ADD_SEALS, arg)
			: fcntl(fd, F_GET_SEALS, arg);
		break;
	}
	snprintf(what, sizeof(what), "file %d %d %lx %lx %lx %d", op, f, a, len,
	    (long)off, arg);
	answer(what, r);
}

static void
do_peek(void)
{
	unsigned long a = addr(), b = addr();
	size_t la = rnd(5 * PAGE), lb = rnd(5 * PAGE);
	struct iovec l[2] = {{(void *)a, la}, {(void *)page(), rnd(PAGE)}};
	struct iovec r[2] = {{(void *)b, lb}, {(void *)page(), rnd(PAGE)}};
	char what[96];
	int nl = 1 + rnd(2), nr = 1 + rnd(2), w = rnd(2);

	/* Onto itself the order would matter. */
	if ((a < b ? b - a : a - b) < 10 * PAGE || nl + nr > 2)
		w = 0, nl = 1, l[0].iov_base = (void *)page(), l[0].iov_len = 0;
	snprintf(what, sizeof(what), "process_vm %d %lx %lx %lx %lx", w, a, la,
	    b, lb);
	answer(what, w ? process_vm_writev(getpid(), l, nl, r, nr, 0)
		       : process_vm_readv(getpid(), l, nl, r, nr, 0));
}

static void
do_shm(void)
{
	int i = rnd(2), flags = 0;
	unsigned long a = page();
	char what[96];
	void *p;

	if (rnd(3) == 0) {
		snprintf(what, sizeof(what), "shmdt %lx", a);
		answer(what, shmdt((void *)a));
		return;
	}
	if (rnd(4) == 0)
		flags |= SHM_RDONLY;
	if (rnd(2) == 0)
		flags |= SHM_REMAP;
	if (rnd(4) == 0)
		flags |= SHM_RND, a += rnd(PAGE);
	if (rnd(12) == 0)
		flags |= SHM_EXEC;
	p = shmat(shmids[i], (void *)a, flags);
	snprintf(what, sizeof(what), "shmat %d %lx %x", i, a, flags);
	answer(what, (long)p);
}

static void
do_brk(void)
{
	long n = (long)rnd(12 * PAGE) - (rnd(3) == 0 ? PAGE : 0);
	long r = syscall(SYS_brk, brk0 + n);

	say("brk %ld: %ld", n, r - (long)brk0);
}

static void
do_limit(void)
{
	static const int which[] = {RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK};
	int w = rnd(N(which));
	struct rlimit rl;
	long n = rnd(64) * PAGE;

	CHECK(getrlimit(which[w], &rl) == 0);
	rl.rlim_cur = rl.rlim_max;

	if (rnd(3) == 0) {
		rl.rlim_cur = n + (w == 0 ? size0 : w == 1 ? data0 : 0) * 1024;
		say("limit %d %lx: %d", w, n, setrlimit(which[w], &rl));
	} else
		say("limit %d: %d", w, setrlimit(which[w], &rl));
}

static long
status(const char *name)
{
	static char buf[8192];
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	char *p;

	close(fd);
	if (n <= 0)
		return -1;
	buf[n] = '\0';
	p = strstr(buf, name);
	return p == NULL ? -1 : strtol(p + strlen(name), NULL, 10);
}

/*
 * A mapping as smaps shows it, with neighbours that are alike: when those are
 * merged a program cannot rely on.
 */
struct region {
	unsigned long r_from, r_to, r_off;
	char r_perms[8], r_name[64], r_flags[160];
};

static void
say_region(const struct region *r)
{
	if (r->r_to != 0)
		say("%lx-%lx %s %lx %s %s", r->r_from, r->r_to, r->r_perms,
		    r->r_off, r->r_name, r->r_flags);
}

static void
see_region(struct region *last, const struct region *r)
{
	if (r->r_from < BASE || r->r_from >= END + 128 * PAGE)
		return;
	if (last->r_to == r->r_from && strcmp(last->r_perms, r->r_perms) == 0 &&
	    strcmp(last->r_name, r->r_name) == 0 &&
	    strcmp(last->r_flags, r->r_flags) == 0 &&
	    (r->r_name[0] == '\0' ||
		last->r_off + (last->r_to - last->r_from) == r->r_off)) {
		last->r_to = r->r_to;
		return;
	}
	say_region(last);
	*last = *r;
}

static void
strip(char *line, const char *word)
{
	char *p = strstr(line, word);

	if (p != NULL)
		memmove(p, p + strlen(word), strlen(p + strlen(word)) + 1);
}

static void
see_maps(void)
{
	struct region last = {0}, r = {0};
	char line[1024];
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long from;
	int name;

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		/* Some words begin with what could be a digit. */
		if (sscanf(line, "%lx-%lx %7s %lx %*s %*u%n", &from, &r.r_to,
			r.r_perms, &r.r_off, &name) == 4) {
			r.r_from = from;
			snprintf(r.r_name, sizeof(r.r_name), "%s",
			    line + name + strspn(line + name, " "));
			if (strcmp(r.r_name, "[heap]") == 0)
				r.r_from = 0;
			/* Private zeroes, by another way. */
			if (strcmp(r.r_name, "/dev/zero") == 0)
				r.r_name[0] = '\0', r.r_off = 0;
			continue;
		}
		if (strncmp(line, "VmFlags:", 8) != 0)
			continue;
		/* What is configured: huge pages, tracking of dirty ones. */
		strip(line, " nh");
		strip(line, " sd");
		/* Whether a file that is sealed counts as shared. */
		strip(line, " sh");
		/* What nobody can write may be counted, or not. */
		if (strstr(line, " wr") == NULL)
			strip(line, " ac");
		snprintf(r.r_flags, sizeof(r.r_flags), "%.120s", line + 9);
		see_region(&last, &r);
	}
	say_region(&last);
	fclose(f);
}

/* A sum of what is in each page; which are in memory nobody promises. */
static void
see_pages(void)
{
	static unsigned char copy[PAGE];
	struct iovec l = {copy, PAGE}, r = {NULL, PAGE};
	unsigned long a;
	unsigned char vec;
	uint64_t sum;
	size_t i;
	int m;

	for (a = BASE; a < END; a += PAGE) {
		m = mincore((void *)a, PAGE, &vec);
		if (m == -1)
			continue;
		sum = 0;
		r.iov_base = (void *)a;
		if (process_vm_readv(getpid(), &l, 1, &r, 1, 0) == PAGE)
			for (i = 0; i < PAGE; i++)
				sum = sum * 31 + copy[i];
		else
			sum = errno;
		say("page %lu: %lx", (a - BASE) / PAGE, (unsigned long)sum);
	}
}

static void
see(void)
{
	say("VmSize %ld VmData %ld VmLck %ld", status("VmSize:") - size0,
	    status("VmData:") - data0, status("VmLck:"));
	see_maps();
	see_pages();
}

static void do_fork(int depth);

static void
operate(int depth)
{
	switch (rnd(32)) {
	case 0 ... 5:
		do_mmap();
		break;
	case 6 ... 7:
		do_mremap();
		break;
	case 8 ... 15:
		do_range();
		break;
	case 16 ... 19:
		do_touch();
		break;
	case 20 ... 23:
		do_file();
		break;
	case 24:
		do_peek();
		break;
	case 25:
		if (segments)
			do_shm();
		break;
	case 26:
		do_brk();
		break;
	case 27:
		if (rnd(3) == 0)
			do_limit();
		break;
	case 28:
		if (rnd(3) == 0)
			do_fork(depth);
		break;
	case 29:
		if (rnd(3) == 0)
			see();
		break;
	default:
		do_touch();
		break;
	}
}

/* A child does some, and is waited for: one after the other, always. */
static void
do_fork(int depth)
{
	uint64_t seed = rnd(1UL << 40) + 1;
	int st, i;
	pid_t pid;

	if (depth == 0)
		return;
	say("fork");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		state = seed;
		see();
		for (i = 0; i < 20; i++)
			operate(depth - 1);
		see();
		fflush(stdout);
		_exit(hash % 251);
	}
	if (pid == -1) {
		say("fork: errno %d", errno);
		return;
	}
	CHECK(waitpid(pid, &st, 0) == pid);
	say("child %x", st);
}

static void
run(uint64_t seed, int nops)
{
	struct sigaction sa = {.sa_sigaction = on_fault,
	    .sa_flags = SA_SIGINFO};
	char name[16], dir[] = "/";
	int i, p[2];

	segments = seed % 4 == 0;
	leave = seed % 4 == 1;
	state = seed * 0x9e3779b97f4a7c15UL | 1;
	for (i = 0; i < 16; i++)
		rnd(2);
	hash = 0xcbf29ce484222325UL;
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	for (i = 0; i < NFILES; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		files[i] = memfd_create(name, i < 2 ? MFD_ALLOW_SEALING : 0);
		CHECK(files[i] != -1 && ftruncate(files[i], 8 * PAGE) == 0);
	}
	CHECK(pipe(p) == 0);
	files[NFILES] = p[0];
	files[NFILES + 1] = open("/dev/zero", O_RDWR);
	files[NFILES + 2] = open(dir, O_RDONLY | O_DIRECTORY);
	files[NFILES + 3] = 99;
	shmids[0] = shmget(IPC_PRIVATE, 3 * PAGE, 0600);
	shmids[1] = shmget(IPC_PRIVATE, 2 * PAGE + 1, 0600);
	CHECK(shmids[0] != -1 && shmids[1] != -1);
	brk0 = sbrk(0);
	size0 = status("VmSize:");
	data0 = status("VmData:");
	for (i = 0; i < nops; i++)
		operate(2);
	see();
	shmctl(shmids[0], IPC_RMID, NULL);
	shmctl(shmids[1], IPC_RMID, NULL);
}

int
main(int argc, char **argv)
{
	int c, nops = 120, st;
	unsigned long seed, n;
	pid_t pid;

	while ((c = getopt(argc, argv, "vo:")) != -1)
		if (c == 'v')
			verbose = 1;
		else if (c == 'o')
			nops = atoi(optarg);
		else
			errx(1,
			    "usage: mmrandom [-v] [-o operations] first count");
	seed = optind < argc ? strtoul(argv[optind], NULL, 0) : 1;
	n = optind + 1 < argc ? strtoul(argv[optind + 1], NULL, 0) : 20;
	for (; n > 0; n--, seed++) {
		pid = fork();
		CHECK(pid != -1);
		if (pid == 0) {
			run(seed, nops);
			printf("seed %lu: %016lx\n", seed, (unsigned long)hash);
			fflush(stdout);
			_exit(0);
		}
		CHECK(waitpid(pid, &st, 0) == pid);
		if (st != 0) {
			printf("seed %lu: status %x\n", seed, st);
			fflush(stdout);
		}
	}
	return 0;
}
