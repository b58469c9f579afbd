/*
 * cut.c: work on files that says what is on disk, until the power is cut; and
 * whether what it said is there.
 *
 *	cut DIRECTORY SEED	work for ever
 *	cut -v DIRECTORY	check, with what it said as input
 *
 * A file of version v consists of words that tell v and where they are.  A line
 * is printed when what it tells has been synced:
 *
 *	r I V	rI was replaced by rename(): it has version V or a later one
 *	a I N	aI has N bytes of version I, or more
 *	m I V	page I of "map", stored through a mapping, has version V or later
 *	x I	xI is in one of the directories d0 and d1, as version I
 *	u I	uI was removed
 *
 * Between these is a lot that nobody syncs.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include "t.h"

#define NREPLACE 12
#define NMAP     16
#define WORDS    (PAGE / 8)

static uint32_t state;

static uint32_t
rnd(uint32_t n)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % n;
}

static uint64_t
word(uint32_t v, size_t i)
{
	return ((uint64_t)v << 32 | (uint32_t)i) * 0x9e3779b97f4a7c15u;
}

static void
put(int fd, uint32_t v, size_t first, size_t nwords)
{
	uint64_t buf[WORDS];
	size_t i, n;

	for (; nwords > 0; nwords -= n, first += n) {
		n = nwords < WORDS ? nwords : WORDS;
		for (i = 0; i < n; i++)
			buf[i] = word(v, first + i);
		CHECK(
		    pwrite(fd, buf, n * 8, (off_t)first * 8) == (ssize_t)n * 8);
	}
}

static void
sync_dir(const char *name)
{
	int fd = open(name, O_RDONLY | O_DIRECTORY);

	CHECK(fd != -1 && fsync(fd) == 0 && close(fd) == 0);
}

static void
say(const char *what, uint32_t i, uint32_t v)
{
	printf("%s %u %u\n", what, i, v);
	fflush(stdout);
}

static int
new_file(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

	CHECK(fd != -1);
	return fd;
}

/* How long a file of version v is, in words. */
static size_t
length(uint32_t v)
{
	return 100 + v * 2654435761u % 9000;
}

static void
replace(uint32_t v)
{
	uint32_t i = rnd(NREPLACE);
	char name[16];
	int fd = new_file("tmp");

	put(fd, v, 0, length(v));
	CHECK(fsync(fd) == 0 && close(fd) == 0);
	snprintf(name, sizeof(name), "r%u", i);
	CHECK(rename("tmp", name) == 0);
	if (rnd(2) == 0) {
		sync_dir(".");
		say("r", i, v);
	}
}

static void
append(uint32_t v)
{
	static uint32_t at = 1, words;
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "a%u", at);
	fd = open(name, O_RDWR | O_CREAT, 0644);
	CHECK(fd != -1);
	put(fd, at, words, 300 + v % 700);
	words += 300 + v % 700;
	CHECK(fdatasync(fd) == 0 && close(fd) == 0);
	say("a", at, words * 8);
	if (words < 30000)
		return;
	at++;
	words = 0;
	snprintf(name, sizeof(name), "a%u", at - 3);
	if (at > 3)
		say("gone", at - 3, 0);
	(void)unlink(name);
}

static void
store(uint32_t v)
{
	static uint64_t *p;
	uint32_t i = rnd(NMAP);
	size_t k;
	int fd;

	if (p == NULL) {
		fd = new_file("map");
		CHECK(ftruncate(fd, (off_t)(NMAP * PAGE)) == 0);
		p = mmap(NULL, NMAP * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		    fd, 0);
		CHECK(p != MAP_FAILED && close(fd) == 0);
		sync_dir(".");
	}
	for (k = 0; k < WORDS; k++)
		p[i * WORDS + k] = word(v, i * WORDS + k);
	CHECK(msync(p + i * WORDS, PAGE, MS_SYNC) == 0);
	say("m", i, v);
}

static void
move(uint32_t v)
{
	static uint32_t made[20], n;
	char from[32], to[32];
	uint32_t i, k;
	int fd;

	if (n < 20) {
		snprintf(from, sizeof(from), "d0/x%u", v);
		fd = new_file(from);
		put(fd, v, 0, length(v));
		CHECK(fsync(fd) == 0 && close(fd) == 0);
		sync_dir("d0");
		say("x", v, 0);
		made[n++] = v;
		return;
	}
	i = rnd(n);
	for (k = 0; k < 2; k++) {
		snprintf(from, sizeof(from), "d%u/x%u", k, made[i]);
		snprintf(to, sizeof(to), "d%u/x%u", 1 - k, made[i]);
		if (rename(from, to) == 0)
			break;
	}
	CHECK(k < 2);
}

static void
rid(uint32_t v)
{
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "u%u", v);
	fd = new_file(name);
	put(fd, v, 0, length(v));
	CHECK(fsync(fd) == 0 && close(fd) == 0 && unlink(name) == 0);
	sync_dir(".");
	say("u", v, 0);
}

/* What nobody waits for. */
static void
noise(void)
{
	char name[32];
	uint32_t i;
	int fd;

	snprintf(name, sizeof(name), "noise%u", rnd(30));
	switch (rnd(5)) {
	case 0:
		(void)unlink(name);
		break;
	case 1:
		(void)truncate(name, rnd(100000));
		break;
	case 2:
		for (i = 0; i < 20; i++) {
			snprintf(name, sizeof(name), "d1/n%u", rnd(500));
			if (unlink(name) != 0)
				CHECK(close(new_file(name)) == 0);
		}
		break;
	case 3:
		snprintf(name, sizeof(name), "sub%u", rnd(10));
		if (rmdir(name) != 0)
			(void)mkdir(name, 0755);
		break;
	default:
		fd = new_file(name);
		put(fd, rnd(1000), rnd(20000), length(rnd(1000)));
		CHECK(close(fd) == 0);
	}
}

static void
work(uint32_t seed)
{
	uint32_t v;

	state = seed;
	CHECK(mkdir("d0", 0755) == 0 && mkdir("d1", 0755) == 0);
	sync();
	for (v = 1;; v++) {
		switch (rnd(6)) {
		case 0:
			replace(v);
			break;
		case 1:
			append(v);
			break;
		case 2:
			store(v);
			break;
		case 3:
			move(v);
			break;
		case 4:
			rid(v);
			break;
		}
		noise();
		noise();
	}
}

/*
 * The check.
 */

/* The version, at least min, that word i of a file tells; 0: none. */
static uint32_t
version(int fd, size_t i, uint32_t min)
{
	uint64_t w;
	uint32_t v;

	if (pread(fd, &w, 8, (off_t)i * 8) != 8)
		return 0;
	for (v = min; v < min + 100000; v++)
		if (word(v, i) == w)
			return v;
	return 0;
}

static bool
holds(int fd, uint32_t v, size_t at, size_t nwords)
{
	uint64_t w;
	size_t i;

	for (i = 0; i < nwords; i++)
		if (pread(fd, &w, 8, (off_t)(at + i) * 8) != 8 ||
		    w != word(v, at + i))
			return false;
	return true;
}

static bool
whole(const char *name, uint32_t min, uint32_t *vp)
{
	struct stat st;
	int fd = open(name, O_RDONLY);
	bool ok;

	if (fd == -1)
		return false;
	*vp = version(fd, 0, min);
	ok = *vp != 0 && fstat(fd, &st) == 0 &&
	     (size_t)st.st_size == length(*vp) * 8 &&
	     holds(fd, *vp, 0, length(*vp));
	close(fd);
	return ok;
}

static bool
check(char what, uint32_t i, uint32_t v)
{
	char name[32];
	uint32_t is;
	bool ok;
	int fd;

	switch (what) {
	case 'r':
		snprintf(name, sizeof(name), "r%u", i);
		return whole(name, v, &is);
	case 'a':
		snprintf(name, sizeof(name), "a%u", i);
		fd = open(name, O_RDONLY);
		ok = fd != -1 && holds(fd, i, 0, v / 8);
		close(fd);
		return ok;
	case 'm':
		fd = open("map", O_RDONLY);
		is = fd == -1 ? 0 : version(fd, i * WORDS, v);
		ok = is != 0 && holds(fd, is, i * WORDS, WORDS);
		close(fd);
		return ok;
	case 'x':
		snprintf(name, sizeof(name), "d0/x%u", i);
		if (whole(name, i, &is) && is == i)
			return true;
		snprintf(name, sizeof(name), "d1/x%u", i);
		return whole(name, i, &is) && is == i;
	default:
		snprintf(name, sizeof(name), "u%u", i);
		return access(name, F_OK) != 0;
	}
}

/* Only the last line about a thing counts. */
static int
verify(void)
{
	static struct {
		char what[8];
		uint32_t i, v;
	} said[100000];
	size_t n = 0, k;
	char line[64];
	int bad = 0;

	while (fgets(line, sizeof(line), stdin) != NULL && n < 100000) {
		if (strchr(line, '\n') == NULL ||
		    sscanf(line, "%7s %u %u", said[n].what, &said[n].i,
			&said[n].v) != 3)
			continue;
		for (k = 0; k < n; k++)
			if (said[k].i == said[n].i &&
			    (said[k].what[0] == said[n].what[0] ||
				(said[k].what[0] == 'a' &&
				    said[n].what[0] == 'g')))
				said[k] = said[n];
		n++;
	}
	for (k = 0; k < n; k++)
		if (strchr("ramxu", said[k].what[0]) != NULL &&
		    !check(said[k].what[0], said[k].i, said[k].v)) {
			warnx("lost: %s %u %u", said[k].what, said[k].i,
			    said[k].v);
			bad = 1;
		}
	printf("%zu lines hold\n", n);
	return n == 0 ? 1 : bad;
}

int
main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	if (strcmp(argv[1], "-v") == 0) {
		CHECK(chdir(argv[2]) == 0);
		return verify();
	}
	CHECK(chdir(argv[1]) == 0);
	work((uint32_t)atoi(argv[2]));
}
