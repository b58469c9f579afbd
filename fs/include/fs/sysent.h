/*
 * sysent.h: the generated table of system calls, compiled in this layer
 * because it names both kern's calls and ours.
 */
#ifndef FS_SYSENT_H
#define FS_SYSENT_H

#include <kern/proc.h>

extern const struct sysent sysent[];
extern const u_int nsysent;

#endif
