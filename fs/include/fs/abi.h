/*
 * abi.h: numbers and structures of the file system calls, as Linux has them
 * (Linux man-pages open(2), stat(2), statx(2), fcntl(2), getdents(2),
 * poll(2), ioctl_tty(2)).  What differs by machine is in <machine/stat.h>.
 */
#ifndef FS_ABI_H
#define FS_ABI_H

#include <sys/abi.h>
#include <machine/stat.h>

#define NAME_MAX 255
#define PIPE_BUF 4096
#define IOV_MAX  1024
#define LINK_MAX 65000
#define IO_MAX   0x7ffff000UL /* most bytes one call moves */

#define S_IFMT      0170000u
#define S_IFSOCK    0140000u
#define S_IFLNK     0120000u
#define S_IFREG     0100000u
#define S_IFBLK     0060000u
#define S_IFDIR     0040000u
#define S_IFCHR     0020000u
#define S_IFIFO     0010000u
#define S_ISUID     0004000u
#define S_ISGID     0002000u
#define S_ISVTX     0001000u
#define S_ISDIR(m)  (((m)&S_IFMT) == S_IFDIR)
#define S_ISREG(m)  (((m)&S_IFMT) == S_IFREG)
#define S_ISLNK(m)  (((m)&S_IFMT) == S_IFLNK)
#define S_ISCHR(m)  (((m)&S_IFMT) == S_IFCHR)
#define S_ISFIFO(m) (((m)&S_IFMT) == S_IFIFO)
#define S_ISBLK(m)  (((m)&S_IFMT) == S_IFBLK)

#define O_ACCMODE  3u
#define O_RDONLY   0u
#define O_WRONLY   1u
#define O_RDWR     2u
#define O_CREAT    0x00000040u
#define O_EXCL     0x00000080u
#define O_NOCTTY   0x00000100u
#define O_TRUNC    0x00000200u
#define O_APPEND   0x00000400u
#define O_NONBLOCK 0x00000800u
#define O_DSYNC    0x00001000u /* O_SYNC has this and 0x100000 */
#define O_NOATIME  0x00040000u
#define O_CLOEXEC  0x00080000u
#define O_PATH     0x00200000u
#define O_TMPFILE  0x00400000u
#define O_KNOWN    0x007fffc3u /* these and the machine's own */

#define SEEK_SET  0
#define SEEK_CUR  1
#define SEEK_END  2
#define SEEK_DATA 3
#define SEEK_HOLE 4

#define AT_EACCESS         0x200u
#define AT_REMOVEDIR       0x200u
#define AT_SYMLINK_FOLLOW  0x400u
#define AT_NO_AUTOMOUNT    0x800u
#define AT_STATX_SYNC_TYPE 0x6000u

#define R_OK 4u
#define W_OK 2u
#define X_OK 1u

#define F_DUPFD         0
#define F_GETFD         1
#define F_SETFD         2
#define F_GETFL         3
#define F_SETFL         4
#define F_GETLK         5
#define F_SETLK         6
#define F_SETLKW        7
#define F_OFD_GETLK     36
#define F_OFD_SETLK     37
#define F_OFD_SETLKW    38
#define F_DUPFD_CLOEXEC 1030
#define F_SETPIPE_SZ    1031
#define F_GETPIPE_SZ    1032
#define FD_CLOEXEC      1

#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2

struct abi_flock {
	int16_t l_type;
	int16_t l_whence;
	int64_t l_start;
	int64_t l_len;
	int32_t l_pid;
};
_Static_assert(sizeof(struct abi_flock) == 32, "struct flock: 32 bytes");

#define LOCK_SH 1u
#define LOCK_EX 2u
#define LOCK_NB 4u
#define LOCK_UN 8u

#define RENAME_NOREPLACE    1u
#define CLOSE_RANGE_UNSHARE 2u
#define CLOSE_RANGE_CLOEXEC 4u
#define F_ADD_SEALS         1033
#define F_GET_SEALS         1034
#define GRND_NONBLOCK       1u
#define UTIME_NOW           0x3fffffff
#define UTIME_OMIT          0x3ffffffe

#define POLLIN     0x001u
#define POLLPRI    0x002u
#define POLLOUT    0x004u
#define POLLERR    0x008u
#define POLLHUP    0x010u
#define POLLNVAL   0x020u
#define POLLRDNORM 0x040u
#define POLLWRNORM 0x100u
#define POLLRDHUP  0x2000u

#define EFD_SEMAPHORE     1u
#define TFD_TIMER_ABSTIME 1u

/* Modes of fallocate(). */
#define FALLOC_KEEP  1u
#define FALLOC_PUNCH 2u

#define AF_UNIX       1
#define AF_INET       2
#define SOCK_STREAM   1u
#define SOCK_PACKET   10u
#define SOL_SOCKET    1
#define SO_REUSEADDR  2
#define SO_TYPE       3
#define SO_ERROR      4
#define SO_PEERCRED   17
#define SO_ACCEPTCONN 30
#define SO_PROTOCOL   38
#define SO_DOMAIN     39

struct abi_pollfd {
	int32_t fd;
	int16_t events;
	int16_t revents;
};

#define EPOLL_CTL_ADD  1
#define EPOLL_CTL_DEL  2
#define EPOLL_CTL_MOD  3
#define EPOLLEXCLUSIVE 0x10000000u
#define EPOLLWAKEUP    0x20000000u
#define EPOLLONESHOT   0x40000000u
#define EPOLLET        0x80000000u

struct abi_epoll_event {
	uint32_t events;
	uint64_t data;
} EPOLL_EVENT_PACKED;

/* Followed by the name and its NUL; d_reclen is a multiple of 8. */
struct abi_dirent {
	uint64_t d_ino;
	int64_t d_off;
	uint16_t d_reclen;
	uint8_t d_type;
};
#define DIRENT_NAMEOFF 19

struct abi_statfs {
	int64_t f_type;
	int64_t f_bsize;
	uint64_t f_blocks;
	uint64_t f_bfree;
	uint64_t f_bavail;
	uint64_t f_files;
	uint64_t f_ffree;
	int32_t f_fsid[2];
	int64_t f_namelen;
	int64_t f_frsize;
	int64_t f_flags;
	int64_t f_spare[4];
};
#define TMPFS_MAGIC 0x01021994

#define MS_RDONLY     1u
#define MS_NOATIME    1024u
#define MS_NODIRATIME 2048u
#define MS_SILENT     32768u
#define MS_RELATIME   (1u << 21)
#define BLKGETSIZE    0x1260
#define BLKFLSBUF     0x1261
#define BLKSSZGET     0x1268
#define BLKGETSIZE64  0x80081272u
#define PROC_MAGIC    0x9fa0

struct abi_statx_time {
	int64_t tv_sec;
	uint32_t tv_nsec;
	int32_t tv_pad;
};

struct abi_statx {
	uint32_t stx_mask;
	uint32_t stx_blksize;
	uint64_t stx_attributes;
	uint32_t stx_nlink;
	uint32_t stx_uid;
	uint32_t stx_gid;
	uint16_t stx_mode;
	uint16_t stx_pad0;
	uint64_t stx_ino;
	uint64_t stx_size;
	uint64_t stx_blocks;
	uint64_t stx_attributes_mask;
	struct abi_statx_time stx_atime;
	struct abi_statx_time stx_btime;
	struct abi_statx_time stx_ctime;
	struct abi_statx_time stx_mtime;
	uint32_t stx_rdev_major;
	uint32_t stx_rdev_minor;
	uint32_t stx_dev_major;
	uint32_t stx_dev_minor;
	uint64_t stx_spare[14];
};
_Static_assert(sizeof(struct abi_statx) == 256, "struct statx: 256 bytes");
#define STATX_BASIC_STATS 0x7ffu

/* Device numbers as stat(2) shows them, for the small ones there are. */
#define PTS_MAJOR         136
#define MAKEDEV(maj, min) ((dev_t)(maj) << 8 | (dev_t)(min))
#define MAJOR(d)          ((u_int)((d) >> 8 & 0xfff))
#define MINOR(d)          ((u_int)((d)&0xff))

/* The terminal. */
#define TCGETS     0x5401
#define TCSETS     0x5402
#define TCSETSW    0x5403
#define TCSETSF    0x5404
#define TCSBRK     0x5409
#define TCXONC     0x540a
#define TCFLSH     0x540b
#define TIOCSCTTY  0x540e
#define TIOCGPGRP  0x540f
#define TIOCSPGRP  0x5410
#define TIOCOUTQ   0x5411
#define TIOCGWINSZ 0x5413
#define TIOCSWINSZ 0x5414
#define FIONREAD   0x541b
#define FIONBIO    0x5421
#define TIOCNOTTY  0x5422
#define TIOCGSID   0x5429
#define TIOCGPTN   0x80045430
#define TIOCSPTLCK 0x40045431
#define TIOCGPTLCK 0x80045439
#define FIONCLEX   0x5450
#define FIOCLEX    0x5451

#define NCCS 19
struct abi_termios {
	uint32_t c_iflag;
	uint32_t c_oflag;
	uint32_t c_cflag;
	uint32_t c_lflag;
	uint8_t c_line;
	uint8_t c_cc[NCCS];
};
_Static_assert(sizeof(struct abi_termios) == 36, "struct termios: 36 bytes");

struct abi_winsize {
	uint16_t ws_row;
	uint16_t ws_col;
	uint16_t ws_xpixel;
	uint16_t ws_ypixel;
};

#define VINTR    0
#define VQUIT    1
#define VERASE   2
#define VKILL    3
#define VEOF     4
#define VTIME    5
#define VMIN     6
#define VSUSP    10
#define VEOL     11
#define VREPRINT 12
#define VWERASE  14
#define VLNEXT   15
#define VEOL2    16

#define ISTRIP  0000040u
#define INLCR   0000100u
#define IGNCR   0000200u
#define ICRNL   0000400u
#define OPOST   0000001u
#define ONLCR   0000004u
#define OCRNL   0000010u
#define CS8     0000060u
#define CREAD   0000200u
#define CLOCAL  0004000u
#define B115200 0010002u
#define B38400  0000017u
#define ISIG    0000001u
#define ICANON  0000002u
#define ECHO    0000010u
#define ECHOE   0000020u
#define ECHOK   0000040u
#define ECHONL  0000100u
#define NOFLSH  0000200u
#define TOSTOP  0000400u
#define ECHOCTL 0001000u
#define ECHOKE  0004000u
#define IEXTEN  0100000u

#endif
