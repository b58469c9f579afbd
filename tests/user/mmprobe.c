/*
 * mmprobe.c: print what the memory calls answer to thousands of arguments, a
 * line each.  tests/boot/compat compares the lines with those of the Linux it
 * runs on; alone the program only shows that it survives.
 *
 * Left out is what depends on how a Linux is configured (huge pages, merging),
 * on privileges (page 0), or on what lies where.
 */
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <fcntl.h>
#include <stdint.h>
#include "t.h"

#define RW   (PROT_READ | PROT_WRITE)
#define PRIV (MAP_PRIVATE | MAP_ANONYMOUS)
#define N(a) (sizeof(a) / sizeof((a)[0]))
#define TOP  0x7ffffffff000UL
#define SIZE (64 * PAGE)

static char *base; /* SIZE bytes that are ours, and as many free ones */

static void
reset(void)
{
	CHECK(mmap(base, SIZE, RW, PRIV | MAP_FIXED, -1, 0) == base);
}

/* "what: -1 errno", or what it was instead of a number nobody can predict. */
static void
say(const char *what, long r)
{
	int e = errno;

	if (r == -1)
		printf("%s: -1 %d\n", what, e);
	else
		printf("%s: %s\n", what,
		    r == 0               ? "0"
		    : r == (long)base    ? "base"
		    : r > 0 && r < 65536 ? "small"
					 : "yes");
	errno = 0;
}

static void
say_map(const char *what, const void *want, void *r, size_t len)
{
	if (r == MAP_FAILED)
		say(what, -1);
	else {
		printf("%s: %s\n", what, r == want ? "there" : "yes");
		CHECK(munmap(r, len) == 0);
	}
	errno = 0;
}

static void
map_flags(void)
{
	static const int prots[] = {0, 1, 2, 3, 4, 5, 7, 8, 0x10, 0x2000000};
	static const int flags[] = {0, 1, 2, 3, 4, 5, 0x10, 0x12, 0x22, 0x21,
	    0x23, 0x20, 0x100032, 0x122, 0x121, 0x4022, 0x8022, 0x20022,
	    0x40022, 0x13, 0x800022, 0x40000022, 0x40000003};
	int mem = memfd_create("probe", 0), pipes[2], fds[4];
	char what[64];
	size_t i, j, k;
	void *hint, *r;

	CHECK(mem != -1 && ftruncate(mem, 4 * PAGE) == 0 && pipe(pipes) == 0);
	fds[0] = -1;
	fds[1] = mem;
	fds[2] = pipes[0];
	fds[3] = 999;
	for (i = 0; i < N(prots); i++)
		for (j = 0; j < N(flags); j++)
			for (k = 0; k < N(fds); k++) {
				snprintf(what, sizeof(what), "mmap %x %x %zu",
				    (unsigned)prots[i], (unsigned)flags[j], k);
				hint = flags[j] & 0x10 ? base + SIZE : NULL;
				r = mmap(hint, PAGE, prots[i], flags[j], fds[k],
				    0);
				say_map(what, hint, r, PAGE);
			}
	close(mem);
	close(pipes[0]);
	close(pipes[1]);
}

static void
map_offsets(void)
{
	static const unsigned long offs[] = {0, 1, PAGE, 4 * PAGE, 100 * PAGE,
	    -PAGE, 1UL << 62, 1UL << 63, 0x7ffffffffffff000UL, PAGE - 1};
	int mem = memfd_create("probe", 0);
	char what[64];
	size_t i;

	CHECK(mem != -1 && ftruncate(mem, 4 * PAGE) == 0);
	for (i = 0; i < N(offs); i++) {
		snprintf(what, sizeof(what), "file offset %lx", offs[i]);
		say_map(what, NULL,
		    (void *)syscall(SYS_mmap, 0, PAGE, 1, MAP_SHARED, mem,
			offs[i]),
		    PAGE);
		snprintf(what, sizeof(what), "anon offset %lx", offs[i]);
		say_map(what, NULL,
		    (void *)syscall(SYS_mmap, 0, PAGE, 1, PRIV, -1, offs[i]),
		    PAGE);
	}
	close(mem);
}

static const unsigned long lens[] = {0, 1, PAGE, PAGE + 1, -1UL, -PAGE,
    -PAGE + 1, 1UL << 47, (1UL << 47) - PAGE, 1UL << 63, TOP};
static const unsigned long addrs[] = {0, 1, PAGE, 0x10000, TOP,
    0x800000000000UL, -1UL, -PAGE};

/* Ranges of nothing, or that end nowhere; what is mapped is not touched. */
static void
ranges(void)
{
	static const int advice[] = {-1, 0, 1, 2, 3, 10, 11, 15, 16, 17, 20, 21,
	    26, 99};
	static unsigned char vec[65536];
	char what[96];
	size_t i, j, k;
	void *a;

	for (i = 0; i < N(lens); i++)
		for (j = 0; j < N(addrs); j++) {
			if (lens[i] >= 1UL << 40 && lens[i] <= 1UL << 47)
				continue;
			a = (void *)addrs[j];
#define CALL(fmt, ...)                                                         \
	snprintf(what, sizeof(what), "%lx+%lx " fmt, addrs[j], lens[i],        \
	    __VA_ARGS__)
			CALL("munmap%s", "");
			say(what, munmap(a, lens[i]));
			CALL("mprotect%s", "");
			say(what, mprotect(a, lens[i], PROT_READ));
			CALL("mincore%s", "");
			say(what, mincore(a, lens[i], vec));
			CALL("munlock%s", "");
			say(what, munlock(a, lens[i]));
			for (k = 0; k < 9; k++) {
				CALL("msync %zu", k);
				say(what, msync(a, lens[i], (int)k));
			}
			/* Advice to all that is mapped could do harm. */
			for (k = 0; k < N(advice) && lens[i] < 1UL << 40; k++) {
				CALL("madvise %d", advice[k]);
				say(what, madvise(a, lens[i], advice[k]));
			}
		}
	for (i = 0; i < N(lens); i++) {
		snprintf(what, sizeof(what), "mmap %lx anywhere", lens[i]);
		say_map(what, NULL,
		    mmap(NULL, lens[i], RW, PRIV | MAP_NORESERVE, -1, 0),
		    lens[i]);
	}
}

static void
moves(void)
{
	static const unsigned long len[] = {0, PAGE, 2 * PAGE, 4 * PAGE,
	    PAGE + 1, -PAGE};
	unsigned long to[3];
	char what[96];
	size_t o, n, t;
	unsigned f;
	long r;

	to[0] = (unsigned long)base + 32 * PAGE;
	to[1] = (unsigned long)base + PAGE;
	to[2] = (unsigned long)base + 1;
	for (f = 0; f < 16; f++)
		for (o = 0; o < N(len); o++)
			for (n = 0; n < N(len); n++)
				for (t = 0; t < N(to); t++) {
					reset();
					snprintf(what, sizeof(what),
					    "mremap %u %zu %zu %zu", f, o, n,
					    t);
					r = syscall(SYS_mremap, base, len[o],
					    len[n], f, to[t]);
					if (r == (long)to[t])
						r = 1;
					say(what, r);
					if (r != -1 && r != 1 &&
					    ((char *)r < base ||
						(char *)r >= base + SIZE))
						munmap((void *)r, 4 * PAGE);
				}
	reset();
	say("mremap unaligned", syscall(SYS_mremap, base + 1, PAGE, PAGE, 1));
	CHECK(munmap(base + PAGE, PAGE) == 0);
	say("mremap of a hole",
	    syscall(SYS_mremap, base + PAGE, PAGE, PAGE, 1));
	say("mremap over a hole, longer",
	    syscall(SYS_mremap, base, 3 * PAGE, 4 * PAGE, 1));
	reset();
}

static void
segments(void)
{
	static const size_t size[] = {0, 1, PAGE, PAGE + 1, 3 * PAGE, SIZE_MAX};
	char *at[4], what[64], *p;
	unsigned f;
	size_t i;
	int id;

	at[0] = NULL;
	at[1] = base + 4 * PAGE;
	at[2] = base + 4 * PAGE + 1;
	at[3] = (char *)1;
	for (i = 0; i < N(size); i++) {
		snprintf(what, sizeof(what), "shmget %zx", size[i]);
		id = shmget(IPC_PRIVATE, size[i], 0600);
		say(what, id < 0 ? -1 : 0);
		if (id >= 0)
			CHECK(shmctl(id, IPC_RMID, NULL) == 0);
	}
	id = shmget(IPC_PRIVATE, 2 * PAGE, 0600);
	CHECK(id >= 0);
	for (f = 0; f < 16; f++)
		for (i = 0; i < N(at); i++) {
			snprintf(what, sizeof(what), "shmat %x %zu", f << 12,
			    i);
			p = shmat(id, at[i], (int)(f << 12));
			say(what, p == (char *)-1 ? -1 : p == at[i]);
			if (p != (char *)-1)
				CHECK(shmdt(p) == 0);
			reset();
		}
	say("shmdt of none", shmdt(base));
	say("shmdt unaligned", shmdt(base + 1));
	say("shmctl unknown", shmctl(id, 99, NULL));
	CHECK(shmctl(id, IPC_RMID, NULL) == 0);
	say("shmctl of none", shmctl(id, IPC_RMID, NULL));
	say("shmat of none", (long)shmat(id, NULL, 0));
}

static void
locks(void)
{
	static const int flags[] = {0, 1, 2, 4, 8, -1};
	char what[64];
	size_t i;

	for (i = 0; i < N(flags); i++) {
		snprintf(what, sizeof(what), "mlock2 %x", (unsigned)flags[i]);
		say(what, syscall(SYS_mlock2, base, PAGE, flags[i]));
		snprintf(what, sizeof(what), "mlock2 hole %x",
		    (unsigned)flags[i]);
		say(what, syscall(SYS_mlock2, base + SIZE, PAGE, flags[i]));
		/* 1 and 2 would take all the program has. */
		if (flags[i] != 1 && flags[i] != 2) {
			snprintf(what, sizeof(what), "mlockall %x",
			    (unsigned)flags[i]);
			say(what, mlockall(flags[i]));
		}
	}
	say("munlock hole", munlock(base + SIZE, PAGE));
	say("munlockall", munlockall());
	say("mlock none", mlock(base, 0));
	say("mlock wrapping", mlock(base, SIZE_MAX));
	say("memfd flags", memfd_create("x", 0x100));
	say("memfd name", memfd_create((void *)1, 0));
	say("remap_file_pages",
	    syscall(SYS_remap_file_pages, base, PAGE, 0, 0, 0));
	say("membarrier", syscall(SYS_membarrier, 99, 0, 0));
	say("process_vm_readv flags",
	    syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 1));
	say("process_vm_readv nobody",
	    syscall(SYS_process_vm_readv, 99999999, NULL, 0, NULL, 0, 0));
}

int
main(void)
{
	base = mmap(NULL, 2 * SIZE, RW, PRIV, -1, 0);
	CHECK(base != MAP_FAILED && munmap(base + SIZE, SIZE) == 0);
	map_flags();
	map_offsets();
	ranges();
	moves();
	segments();
	locks();
	return 0;
}
