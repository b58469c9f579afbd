/*
 * mkcpio.c: write directories as one newc cpio archive on standard output.
 *
 *	mkcpio directory ... >archive
 *
 * Later directories overlay earlier ones, since an unpacker takes the last
 * entry of a name.  Everything belongs to root and carries time 0, so that
 * equal trees give equal archives whoever builds them.  Host tool.
 *
 * Format: 110 bytes of header in hexadecimal, the name with its NUL, the
 * data; the last two padded to 4 bytes.  See cpio(5) of any BSD.
 */
#include <sys/stat.h>
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned int ino; /* of the entry written last */

static void
pad(uint64_t len)
{
	static const char zero[4];

	fwrite(zero, 1, (4 - len % 4) % 4, stdout);
}

static void
header(const char *name, mode_t mode, uint64_t size)
{
	size_t len = strlen(name) + 1;

	if (size > UINT32_MAX)
		errx(1, "%s: too large for the format", name);
	printf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
	    ino++, (unsigned int)mode, 0, 0, 1, 0, (unsigned int)size, 0, 0, 0,
	    0, (unsigned int)len, 0);
	fwrite(name, 1, len, stdout);
	pad(110 + len);
}

static void
put_file(const char *path, const char *name, const struct stat *st)
{
	char buf[65536];
	off_t left = st->st_size;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY);
	if (fd == -1)
		err(1, "%s", path);
	header(name, st->st_mode, (uint64_t)st->st_size);
	while (left > 0 && (n = read(fd, buf, sizeof(buf))) > 0) {
		if (n > left)
			n = (ssize_t)left;
		fwrite(buf, 1, (size_t)n, stdout);
		left -= n;
	}
	if (left != 0)
		errx(1, "%s: shrank while it was read", path);
	pad((uint64_t)st->st_size);
	close(fd);
}

/* Write what is at path, under name; directories are left to the caller. */
static void
put(const char *path, const char *name, const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t n;

	switch (st->st_mode & S_IFMT) {
	case S_IFDIR:
		header(name, st->st_mode, 0);
		break;
	case S_IFREG:
		put_file(path, name, st);
		break;
	case S_IFLNK:
		n = readlink(path, target, sizeof(target));
		if (n == -1)
			err(1, "%s", path);
		header(name, st->st_mode, (uint64_t)n);
		fwrite(target, 1, (size_t)n, stdout);
		pad((uint64_t)n);
		break;
	default:
		warnx("%s: neither file, directory nor link; left out", path);
	}
}

static int
skip_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

/* Everything below path; prefix is path's name in the archive with a slash. */
static void
walk(const char *path, const char *prefix)
{
	struct dirent **list;
	struct stat st;
	char *sub, *name, *next;
	int i, n;

	n = scandir(path, &list, skip_dots, alphasort);
	if (n == -1)
		err(1, "%s", path);
	for (i = 0; i < n; i++) {
		if (asprintf(&sub, "%s/%s", path, list[i]->d_name) == -1 ||
		    asprintf(&name, "%s%s", prefix, list[i]->d_name) == -1)
			err(1, NULL);
		if (lstat(sub, &st) == -1)
			err(1, "%s", sub);
		put(sub, name, &st);
		if (S_ISDIR(st.st_mode)) {
			if (asprintf(&next, "%s/", name) == -1)
				err(1, NULL);
			walk(sub, next);
			free(next);
		}
		free(sub);
		free(name);
		free(list[i]);
	}
	free(list);
}

int
main(int argc, char **argv)
{
	int i;

	if (argc < 2) {
		fprintf(stderr, "usage: mkcpio directory ... >archive\n");
		return 2;
	}
	for (i = 1; i < argc; i++)
		walk(argv[i], "");
	header("TRAILER!!!", 0, 0);
	if (fflush(stdout) == EOF || ferror(stdout))
		err(1, "standard output");
	return 0;
}
