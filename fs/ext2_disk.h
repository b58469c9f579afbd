/*
 * ext2_disk.h: what an ext2 file system looks like on disk.
 *
 * Sources: the documentation that comes with e2fsprogs, and The Second
 * Extended File System, Internal Layout (D. Poirier).  All numbers are little
 * endian, as we are.
 */
#ifndef FS_EXT2_DISK_H
#define FS_EXT2_DISK_H

#include <sys/types.h>

#define E2_MAGIC          0xef53
#define E2_SUPEROFF       1024u /* bytes from the start of the disk */
#define E2_ROOTINO        2u
#define E2_STATE_VALID    1u
#define E2_INCOMPAT_TYPES 2u /* directory entries tell the type */
#define E2_ROCOMPAT       3u /* sparse_super, large_file */
#define E2_ROCOMPAT_LARGE 2u
#define E2_INDEX_FL       0x1000u /* of a directory: has hashes */
#define E2_NDIRECT        12u
#define E2_NBLOCK         15u
#define E2_FASTLINK       (E2_NBLOCK * 4)

struct e2super {
	uint32_t s_inodes, s_blocks, s_rblocks, s_bfree, s_ifree;
	uint32_t s_first, s_logbsize, s_logfsize;
	uint32_t s_bpg, s_fpg, s_ipg; /* per group */
	uint32_t s_mtime, s_wtime;
	uint16_t s_mounts, s_maxmounts, s_magic, s_state;
	uint16_t s_errors, s_minor;
	uint32_t s_lastcheck, s_interval, s_creator, s_rev;
	uint16_t s_ruid, s_rgid;
	uint32_t s_firstino;
	uint16_t s_isize, s_group;
	uint32_t s_compat, s_incompat, s_rocompat;
	uint8_t s_rest[1024 - 104];
};
_Static_assert(sizeof(struct e2super) == 1024, "the superblock");

struct e2group {
	uint32_t g_bmap, g_imap, g_itable; /* blocks */
	uint16_t g_bfree, g_ifree, g_dirs, g_pad;
	uint32_t g_rest[3];
};
_Static_assert(sizeof(struct e2group) == 32, "a group descriptor");

/* The first 128 bytes are always there. */
struct e2dinode {
	uint16_t d_mode, d_uid;
	uint32_t d_size, d_atime, d_ctime, d_mtime, d_dtime;
	uint16_t d_gid, d_nlink;
	uint32_t d_nsector, d_flags, d_osd1;
	uint32_t d_block[E2_NBLOCK];
	uint32_t d_gen, d_acl, d_sizehigh, d_faddr;
	uint16_t d_osd2, d_pad, d_uidhigh, d_gidhigh;
	uint32_t d_reserved;
	uint16_t d_extra, d_pad2; /* bytes that follow the 128 */
	uint32_t d_ctime2, d_mtime2, d_atime2, d_btime, d_btime2, d_pad3;
};
#define E2_DINODE0  128u
#define E2_DINODE   (sizeof(struct e2dinode))
#define E2_EXTRAMIN 28u /* what covers our times */
_Static_assert(sizeof(struct e2dinode) == 156, "an inode");

struct e2dirent {
	uint32_t de_ino; /* 0: unused */
	uint16_t de_len; /* to the next */
	uint8_t de_namelen, de_type;
	char de_name[];
};
#define E2_DIRENT(namelen) roundup2(8 + (u_int)(namelen), 4)

#endif
