/*
 * sys_swap.c: swapon(2) and swapoff(2).
 *
 * Swap space is a block device, by its name in /dev.
 *
 * Locks: swap_start guards the start of the page-out daemon, which is made
 * when the first device comes, or file system on disk, and stays.
 */
#include <kern/swap.h>
#include <kern/syscalls.h>
#include <sys/errno.h>
#include <base/print.h>
#include <port/machdep.h>
#include <dev/blk.h>
#include <uvm/uvm.h>
#include <kern/proc.h>

#define SWAP_FLAG_PREFER        0x8000u
#define SWAP_FLAG_PRIO_MASK     0x7fffu
#define SWAP_FLAG_DISCARD       0x10000u
#define SWAP_FLAG_DISCARD_ONCE  0x20000u
#define SWAP_FLAG_DISCARD_PAGES 0x40000u
#define SWAP_FLAGS                                                             \
	(SWAP_FLAG_PREFER | SWAP_FLAG_PRIO_MASK | SWAP_FLAG_DISCARD |          \
	    SWAP_FLAG_DISCARD_ONCE | SWAP_FLAG_DISCARD_PAGES)

static struct mutex swap_start = MUTEX_INITIALIZER(RANK_VNODE);
static bool swap_started; /* [swap_start] */

/* The device that path names. */
static struct blkdev *
swap_device(const char *path)
{
	if (strncmp(path, "/dev/", 5) != 0)
		return NULL;
	return blk_find(path + 5);
}

int
pageout_start(void)
{
	int error = 0;

	mutex_enter(&swap_start);
	if (!swap_started) {
		error = kthread_create("pagedaemon", uvm_pageout_thread, NULL,
		    NULL);
		swap_started = error == 0;
	}
	mutex_exit(&swap_start);
	return error;
}

/* Begin to swap to the device called path. */
static int
swap_use(const char *path, int prio)
{
	struct blkdev *bd = swap_device(path);
	int error;

	if (bd == NULL)
		return ENOENT;
	if (bd->bd_rdonly)
		return EROFS;
	error = blk_claim(bd);
	if (error != 0)
		return error;
	error = pageout_start();
	if (error == 0)
		error = uvm_swapon(bd, prio, path);
	if (error != 0)
		blk_unclaim(bd);
	return error;
}

/* swapon(path, flags) */
long
sys_swapon(const uintptr_t *args)
{
	u_int flags = (u_int)args[1];
	char path[64];
	int error;

	if (!cred_is_root())
		return -EPERM;
	if ((flags & ~SWAP_FLAGS) != 0)
		return -EINVAL;
	error = md_copyinstr(args[0], path, sizeof(path), NULL);
	if (error != 0)
		return -error;
	/* Discarding is a hint: our devices are not told. */
	return -swap_use(path, (flags & SWAP_FLAG_PREFER) != 0
				   ? (int)(flags & SWAP_FLAG_PRIO_MASK)
				   : -1);
}

/* swapoff(path) */
long
sys_swapoff(const uintptr_t *args)
{
	struct blkdev *bd;
	char path[64];
	int error;

	if (!cred_is_root())
		return -EPERM;
	error = md_copyinstr(args[0], path, sizeof(path), NULL);
	if (error != 0)
		return -error;
	bd = swap_device(path);
	error = bd == NULL ? ENOENT : uvm_swapoff(bd);
	if (error == 0)
		blk_unclaim(bd);
	return -error;
}

void
swap_boot(const char *list)
{
	char path[64];
	const char *end;
	size_t len;
	int error;

	while (list != NULL && *list != '\0') {
		end = strchr(list, ',');
		len = end != NULL ? (size_t)(end - list) : strlen(list);
		strlcpy(path, list, MIN(len + 1, sizeof(path)));
		error = swap_use(path, -1);
		if (error != 0)
			kprintf("vmspace: cannot swap to %s: error %d\n", path,
			    error);
		list = end != NULL ? end + 1 : NULL;
	}
}
