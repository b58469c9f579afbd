/*
 * mkswap.c: a sparse file that Linux and vmspace take for swap space.
 *
 *	mkswap FILE SIZE	SIZE in bytes, or with K, M or G behind it
 *
 * The first page is the header, as mkswap(8) writes it: version 1 at byte
 * 1024, then the number of the last page and of bad ones, and "SWAPSPACE2" at
 * the end of the page.  The identifier stays zero.
 */
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096u

static uint64_t
parse_size(const char *s)
{
	uint64_t n;
	char *end;

	n = strtoull(s, &end, 10);
	switch (*end) {
	case 'G':
		n *= 1024;
		/* FALLTHROUGH */
	case 'M':
		n *= 1024;
		/* FALLTHROUGH */
	case 'K':
		n *= 1024;
		end++;
		break;
	}
	if (end == s || *end != '\0' || n / PAGE < 10 || n / PAGE > UINT32_MAX)
		errx(1, "%s: not a size", s);
	return n;
}

int
main(int argc, char **argv)
{
	static unsigned char page[PAGE];
	uint32_t head[3] = {1, 0, 0};
	uint64_t size;
	int fd;

	if (argc != 3)
		errx(1, "usage: mkswap file size");
	size = parse_size(argv[2]);
	head[1] = (uint32_t)(size / PAGE - 1);
	memcpy(page + 1024, head, sizeof(head));
	memcpy(page + PAGE - 10, "SWAPSPACE2", 10);
	fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1 || ftruncate(fd, (off_t)(size / PAGE * PAGE)) == -1 ||
	    write(fd, page, PAGE) != PAGE || close(fd) == -1)
		err(1, "%s", argv[1]);
	return 0;
}
