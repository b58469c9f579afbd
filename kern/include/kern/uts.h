/*
 * uts.h: what the system calls itself.
 */
#ifndef KERN_UTS_H
#define KERN_UTS_H

#define UTS_LEN 65 /* bytes of each name, with its NUL */

extern const char kern_sysname[], kern_release[], kern_version[];

/* Names that root can set.  proctree_lock to change; readers may see half. */
extern char kern_hostname[UTS_LEN], kern_domainname[UTS_LEN];

#endif
