/* md_file_write: the reverse, for a page that shared mappings changed */
#include <port/tier3.h>

int
md_file_write(void *file, uint64_t off, const void *buf, size_t len)
{
	(void)file;
	(void)off;
	(void)buf;
	(void)len;
	return 0;
}
