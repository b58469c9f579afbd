/*
 * stat.h (riscv64): what struct stat and the flags of open(2) look like to
 * programs of this machine.  Linux man-pages stat(2), open(2).
 */
#ifndef MACHINE_STAT_H
#define MACHINE_STAT_H

#include <sys/abi.h>

struct abi_stat {
	uint64_t st_dev;
	uint64_t st_ino;
	uint32_t st_mode;
	uint32_t st_nlink;
	uint32_t st_uid;
	uint32_t st_gid;
	uint64_t st_rdev;
	uint64_t st_pad;
	int64_t st_size;
	int32_t st_blksize;
	int32_t st_pad2;
	int64_t st_blocks;
	struct abi_timespec st_atim;
	struct abi_timespec st_mtim;
	struct abi_timespec st_ctim;
	uint32_t st_unused[2];
};
_Static_assert(sizeof(struct abi_stat) == 128, "struct stat: 128 bytes");

#define O_DIRECT    0x00004000u
#define O_LARGEFILE 0x00008000u
#define O_DIRECTORY 0x00010000u
#define O_NOFOLLOW  0x00020000u

/* struct epoll_event has no odd layout here. */
#define EPOLL_EVENT_PACKED

#endif
