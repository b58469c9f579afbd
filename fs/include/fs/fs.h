/*
 * fs.h: what the machine's start-up code sees of the file systems.
 */
#ifndef FS_FS_H
#define FS_FS_H

/*
 * fs_register: tell kern its upcalls (struct fs_upcalls) and the table of
 *	system calls.  Once, before kern_main(); takes no lock.
 */
void fs_register(void);

#endif
