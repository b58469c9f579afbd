/*
 * sysfs.c: the few files of /sys that programs look for to learn how many
 * CPUs there are.  They are made once, when all CPUs run, and are files like
 * any other: nothing in them changes.
 */
#include <fs/file.h>

#include <sys/errno.h>
#include <base/cpu.h>
#include <base/print.h>
#include <fs/init.h>

#define DIR_CPU "/sys/devices/system/cpu"

/* Make one directory if it is missing. */
static int
make_dir(const char *path)
{
	struct lookup lk = {.lk_flags = LK_PARENT};
	struct vnode *dvp, *vp;
	int error;

	vfs_enter();
	error = vfs_walk(NULL, path, &lk);
	if (error == 0 && lk.lk_vp == NULL) {
		dvp = lk.lk_dvp;
		error = dvp->v_ops->vo_create(dvp, lk.lk_name, S_IFDIR | 0755,
		    0, NULL, &vp);
		if (error == 0)
			vrele(vp);
	}
	vfs_walk_done(&lk);
	vfs_exit();
	return error;
}

static int
make_file(const char *path, char *text)
{
	struct file *f;
	size_t done;
	int error;

	error = vfs_open(NULL, path, O_CREAT | O_WRONLY | O_TRUNC, 0444, &f);
	if (error != 0)
		return error;
	error = file_io_kernel(f, text, strlen(text), true, NULL, &done);
	file_rele(f);
	return error;
}

int
sysfs_make(void)
{
	static const char *const dirs[] = {"/sys", "/sys/devices",
	    "/sys/devices/system", DIR_CPU};
	static const char *const files[] = {DIR_CPU "/online",
	    DIR_CPU "/possible", DIR_CPU "/present"};
	char path[64], text[32];
	int error = 0;
	u_int i;

	for (i = 0; i < nitems(dirs) && error == 0; i++)
		error = make_dir(dirs[i]);
	ksnprintf(text, sizeof(text), cpu_count() > 1 ? "0-%u\n" : "%u\n",
	    cpu_count() - 1);
	for (i = 0; i < nitems(files) && error == 0; i++)
		error = make_file(files[i], text);
	for (i = 0; i < cpu_count() && error == 0; i++) {
		ksnprintf(path, sizeof(path), DIR_CPU "/cpu%u", i);
		error = make_dir(path);
	}
	return error;
}
