/*
 * kmem.h: kernel memory of any size.
 *
 * Up to a quarter page it comes from pools of powers of two, above from
 * page runs, of which only the pages needed are kept.
 */
#ifndef PHYS_KMEM_H
#define PHYS_KMEM_H

#include <sys/types.h>

/*
 * kmem_alloc: len bytes (1 to 2 MiB), 16-byte aligned, page-aligned from more
 *	than a quarter page up.  flags: PA_ZERO, PA_RESERVE (<phys/page.h>).
 *	NULL: out of memory, or of a large enough run.
 * kmem_free: needs the same len.
 * Never sleep; not from interrupt handlers; spin locks below RANK_POOL held.
 */
void *kmem_alloc(size_t len, u_int flags);
void kmem_free(void *p, size_t len);

/* Set up the pools behind it; phys_init() calls this. */
void kmem_init(void);

#endif
