/*
 * swap.h: swap space, as the system's start sees it.
 */
#ifndef KERN_SWAP_H
#define KERN_SWAP_H

/*
 * Use the devices in list, names separated by commas ("/dev/vda,/dev/vdb"), as
 * swap space; NULL: none.  What cannot be used is reported and left out.
 * Thread context, once devices are attached.
 */
void swap_boot(const char *list);

/* Have a page-out daemon from now on.  No lock at RANK_VNODE or above held;
 * EAGAIN, ENOMEM. */
int pageout_start(void);

#endif
