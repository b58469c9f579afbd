/*
 * cpio.h: the archive format of the initial root; see cpio.c.
 */
#ifndef FS_CPIO_H
#define FS_CPIO_H

#include <sys/types.h>

struct vnode;

#define CPIO_HEADER 110

struct cpio_entry {
	uint32_t ce_ino;
	mode_t ce_mode;
	uid_t ce_uid;
	gid_t ce_gid;
	uint32_t ce_nlink;
	uint32_t ce_mtime;
	size_t ce_size;
	dev_t ce_rdev;
	const char *ce_name; /* terminated */
	const char *ce_data;
	size_t ce_next; /* where the next header begins */
};

/*
 * cpio_parse: the entry at pos of an archive of len bytes.  False: there is
 *	none, or it reaches past the end.  Touches nothing else.
 * cpio_unpack: all archives in data below the directory root.  done(upto) is
 *	called when what lies before upto is not needed again.  No lock
 *	held; may sleep.  ENOMEM, ENAMETOOLONG, ENOTDIR, ENOTEMPTY; EINVAL:
 *	what follows is no archive.  What came before stays unpacked.
 */
bool cpio_parse(const char *data, size_t len, size_t pos,
    struct cpio_entry *ce);
int cpio_unpack(struct vnode *root, const char *data, size_t len,
    void (*done)(const char *upto));

#endif
