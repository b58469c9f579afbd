/*
 * tier3.h: what mapped files ask of the host's file system.
 *
 * Seven functions.  file is the host's own handle, as it was given to
 * vms_file_create(); the VM never looks inside.  All of them are called in
 * thread context and may sleep, with no lock of the VM held unless it says so.
 */
#ifndef PORT_TIER3_H
#define PORT_TIER3_H

#include <port/tier1.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * md_file_read: fill buf with the len bytes of file from byte off on.  off is
 *	page aligned, len at most a page, both within md_file_size().
 *	0; EIO (5): not to be had.
 *	Example: a file of 5,000 bytes: off 0 len 4096, then off 4096 len 904;
 *	the VM zeroes the rest of that page itself.
 * md_file_write: the reverse, for a page that shared mappings changed: also the
 *	moment to note the time of change.  0; EIO: the page stays changed and
 *	is tried again.
 */
int md_file_read(void *file, uint64_t off, void *buf, size_t len);
int md_file_write(void *file, uint64_t off, const void *buf, size_t len);

/*
 * md_file_size: bytes, now.  A fault past the page that holds the last one is
 *	answered with ENXIO.  Locks of the VM are held: must not sleep.
 */
uint64_t md_file_size(void *file);

/*
 * md_file_ref: the VM keeps file from now on: once per vms_file_create().
 * md_file_unref: it does no more: once, after the last md_file_write() of
 *	what was dirty.  An exit that drops the last mapping does this
 *	before vms_exit() returns.
 */
void md_file_ref(void *file);
void md_file_unref(void *file);

/*
 * For listings of a space.  Locks of the VM are held: must not sleep.
 * md_file_name: a name into buf, terminated, cut off at len bytes with its
 *	NUL; the bytes without it.  len is at least 1.
 *	Example: "/bin/sh" into 4 bytes: "/bi", answer 3.
 * md_file_ident: device and inode number.
 */
size_t md_file_name(void *file, char *buf, size_t len);
void md_file_ident(void *file, uint64_t *dev, uint64_t *ino);

#ifdef __cplusplus
}
#endif

#endif
