/*
 * xattr.c: extended attributes, of which no file here has any.
 *
 * The calls answer as on a file system without them, which is what ls, cp
 * and tar are prepared for: EOPNOTSUPP, once the file has been found.
 */
#include <fs/file.h>

#include <sys/errno.h>
#include <base/print.h>
#include <kern/syscalls.h>

static long
refuse_path(vaddr_t upath, u_int follow)
{
	struct lookup lk = {.lk_flags = follow};
	struct path pa;
	int error;

	error = path_get(upath, &pa);
	if (error != 0)
		return -error;
	vfs_enter();
	error = vfs_walk(NULL, pa.pa_str, &lk);
	vfs_walk_done(&lk);
	vfs_exit();
	path_free(&pa);
	return error != 0 ? -error : -EOPNOTSUPP;
}

static long
refuse_fd(int fd)
{
	struct file *f;
	int error;

	error = fd_get(fd, &f);
	if (error != 0)
		return -error;
	file_rele(f);
	return -EOPNOTSUPP;
}

#define REFUSE_PATH(name, follow)                                              \
	long sys_##name(const uintptr_t *a)                                    \
	{                                                                      \
		return refuse_path(a[0], (follow));                            \
	}
#define REFUSE_FD(name)                                                        \
	long sys_##name(const uintptr_t *a)                                    \
	{                                                                      \
		return refuse_fd((int)a[0]);                                   \
	}

REFUSE_PATH(setxattr, LK_FOLLOW)
REFUSE_PATH(lsetxattr, 0)
REFUSE_FD(fsetxattr)
REFUSE_PATH(getxattr, LK_FOLLOW)
REFUSE_PATH(lgetxattr, 0)
REFUSE_FD(fgetxattr)
REFUSE_PATH(listxattr, LK_FOLLOW)
REFUSE_PATH(llistxattr, 0)
REFUSE_FD(flistxattr)
REFUSE_PATH(removexattr, LK_FOLLOW)
REFUSE_PATH(lremovexattr, 0)
REFUSE_FD(fremovexattr)
