/* md_file_read: fill buf with the len bytes of file */
#include <string.h>

#include "hosted.h"

#include <port/tier3.h>

int
md_file_read(void *file, uint64_t off, void *buf, size_t len)
{
	struct hosted_file *f = file;

	(void)len;
	memcpy(buf, f->bytes + off, VMS_PAGE_SIZE);
	return 0;
}
