/*
 * t_fs_tree.c: archives, names and paths, and file data, in the booted kernel:
 * everything happens below a directory of its own that is removed again.
 */
#include <ktest.h>

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <uvm/object.h>
#include <fs/cpio.h>
#include <fs/file.h>

#define TOP "/t_fs"

/* Walk; the errno. *vpp is referenced. */
static int
walk(const char *path, u_int flags, struct vnode **vpp)
{
	struct lookup lk = {.lk_flags = flags};
	int error;

	vfs_enter();
	error = vfs_walk(NULL, path, &lk);
	vfs_exit();
	*vpp = lk.lk_vp;
	return error;
}

static int
walk_errno(const char *path)
{
	struct vnode *vp;
	int error;

	error = walk(path, LK_FOLLOW, &vp);
	vrele(vp);
	return error;
}

static int
make(const char *path, mode_t mode, const char *target)
{
	struct lookup lk = {.lk_flags = LK_PARENT};
	struct vnode *vp;
	int error;

	vfs_enter();
	error = vfs_walk(NULL, path, &lk);
	if (error == 0 && lk.lk_vp != NULL)
		error = EEXIST;
	if (error == 0)
		error = lk.lk_dvp->v_ops->vo_create(lk.lk_dvp, lk.lk_name, mode,
		    0, target, &vp);
	if (error == 0)
		vrele(vp);
	vfs_walk_done(&lk);
	vfs_exit();
	return error;
}

static int
unmake(const char *path)
{
	struct lookup lk = {.lk_flags = LK_PARENT};
	int error;

	vfs_enter();
	error = vfs_walk(NULL, path, &lk);
	if (error == 0)
		error = lk.lk_dvp->v_ops->vo_remove(lk.lk_dvp, lk.lk_name);
	vfs_walk_done(&lk);
	vfs_exit();
	return error;
}

static bool
path_is(const char *path, const char *want)
{
	struct vnode *vp;
	char buf[128];
	size_t len;
	int error;

	if (walk(path, LK_FOLLOW, &vp) != 0)
		return false;
	vfs_enter();
	error = vfs_path(vp, buf, sizeof(buf), &len);
	vfs_exit();
	vrele(vp);
	return error == 0 && len == strlen(want) && strcmp(buf, want) == 0;
}

TEST(fs_walk)
{
	CHECK(make(TOP, S_IFDIR | 0755, NULL) == 0);
	CHECK(make(TOP "/d", S_IFDIR | 0755, NULL) == 0);
	CHECK(make(TOP "/d/f", S_IFREG | 0644, NULL) == 0);
	CHECK(make(TOP "/d/f", S_IFREG | 0644, NULL) == EEXIST);
	CHECK(make(TOP "/up", S_IFLNK | 0777, "d/../d//f") == 0);
	CHECK(make(TOP "/loop", S_IFLNK | 0777, "loop") == 0);
	CHECK(make(TOP "/abs", S_IFLNK | 0777, TOP "/d") == 0);

	CHECK(path_is(TOP "/d/f", TOP "/d/f"));
	CHECK(path_is(TOP "/./d/../d/./f", TOP "/d/f"));
	CHECK(path_is("//t_fs///d//f", TOP "/d/f"));
	CHECK(path_is(TOP "/up", TOP "/d/f"));
	CHECK(path_is(TOP "/abs/f", TOP "/d/f"));
	CHECK(path_is(TOP "/abs/..", TOP));
	CHECK(path_is("/../..", "/"));
	CHECK(path_is("/proc/..", "/"));
	CHECK(path_is("/proc/sys/kernel/..", "/proc/sys"));
	CHECK(walk_errno("") == ENOENT);
	CHECK(walk_errno(TOP "/none") == ENOENT);
	CHECK(walk_errno(TOP "/none/f") == ENOENT);
	CHECK(walk_errno(TOP "/d/f/g") == ENOTDIR);
	CHECK(walk_errno(TOP "/d/f/") == ENOTDIR);
	CHECK(walk_errno(TOP "/loop") == ELOOP);
	CHECK(walk_errno(TOP "/loop/x") == ELOOP);
	CHECK(walk_errno(TOP "/d/") == 0);

	CHECK(unmake(TOP "/d") == ENOTEMPTY);
	CHECK(unmake(TOP "/d/f") == 0);
	CHECK(unmake(TOP "/up") == 0);
	CHECK(unmake(TOP "/loop") == 0);
	CHECK(unmake(TOP "/abs") == 0);
	CHECK(unmake(TOP "/d") == 0);
	CHECK(unmake(TOP) == 0);
	CHECK(walk_errno(TOP) == ENOENT);
}

TEST(fs_long_names)
{
	char path[NAME_MAX + 16];

	path[0] = '/';
	memset(path + 1, 'n', NAME_MAX + 1);
	path[NAME_MAX + 2] = '\0';
	CHECK(walk_errno(path) == ENAMETOOLONG);
	path[NAME_MAX + 1] = '\0';
	CHECK(walk_errno(path) == ENOENT);
	CHECK(make(path, S_IFDIR | 0755, NULL) == 0);
	CHECK(walk_errno(path) == 0);
	CHECK(unmake(path) == 0);
}

/* Count entries; every second one is removed by who reads. */
struct reader {
	u_int seen;
	char remove[16];
};

static bool
see_one(void *arg, const char *name, ino_t ino, off_t next, mode_t type)
{
	struct reader *rd = arg;

	(void)ino;
	(void)next;
	if (S_ISDIR(type) || rd->remove[0] != '\0')
		return S_ISDIR(type);
	strlcpy(rd->remove, name, sizeof(rd->remove));
	rd->seen++;
	return true;
}

/* A directory that shrinks while it is read shows each name once. */
TEST(fs_readdir_under_removal)
{
	struct reader rd = {0};
	char path[32];
	struct vnode *dvp;
	off_t off = 0;
	u_int i;

	CHECK(make(TOP, S_IFDIR | 0755, NULL) == 0);
	for (i = 0; i < 20; i++) {
		ksnprintf(path, sizeof(path), TOP "/%u", i);
		CHECK(make(path, S_IFREG | 0644, NULL) == 0);
	}
	CHECK(walk(TOP, 0, &dvp) == 0);
	do {
		rd.remove[0] = '\0';
		vfs_enter();
		CHECK(dvp->v_ops->vo_readdir(dvp, &off, see_one, &rd) == 0);
		vfs_exit();
		ksnprintf(path, sizeof(path), TOP "/%s", rd.remove);
		if (rd.remove[0] != '\0')
			CHECK(unmake(path) == 0);
	} while (rd.remove[0] != '\0');
	CHECK(rd.seen == 20);
	CHECK(dvp->v_nlink == 2);
	vrele(dvp);
	CHECK(unmake(TOP) == 0);
}

/* Data stays while it is open, whatever happens to the name. */
TEST(fs_file_unlinked_while_open)
{
	char buf[PAGE_SIZE / 2];
	struct file *f;
	size_t done;
	off_t off;

	if (!CHECK(
		vfs_open(NULL, TOP, O_RDWR | O_CREAT | O_EXCL, 0600, &f) == 0))
		return;
	memset(buf, 'x', sizeof(buf));
	CHECK(file_io_kernel(f, buf, sizeof(buf), true, NULL, &done) == 0);
	CHECK(unmake(TOP) == 0);
	off = PAGE_SIZE;
	CHECK(file_io_kernel(f, buf, sizeof(buf), true, &off, &done) == 0);
	CHECK(atomic_load(&f->f_vnode->v_obj->uo_size) ==
	      PAGE_SIZE + sizeof(buf));
	off = PAGE_SIZE / 2; /* the hole */
	memset(buf, 'y', sizeof(buf));
	CHECK(file_io_kernel(f, buf, sizeof(buf), false, &off, &done) == 0);
	CHECK(done == sizeof(buf) && buf[0] == 0 && buf[sizeof(buf) - 1] == 0);
	CHECK(file_io_kernel(f, buf, sizeof(buf), false, &off, &done) == 0);
	CHECK(done == sizeof(buf) && buf[0] == 'x');
	CHECK(file_io_kernel(f, buf, sizeof(buf), false, &off, &done) == 0);
	CHECK(done == 0);
	CHECK(vfs_resize(f->f_vnode, 10) == 0);
	off = 0;
	CHECK(file_io_kernel(f, buf, sizeof(buf), false, &off, &done) == 0);
	CHECK(done == 10);
	file_rele(f);
	CHECK(walk_errno(TOP) == ENOENT);
}

TEST(fs_open_errors)
{
	struct file *f;

	CHECK(vfs_open(NULL, "/none", O_RDONLY, 0, &f) == ENOENT);
	CHECK(vfs_open(NULL, "/", O_RDWR, 0, &f) == EISDIR);
	CHECK(vfs_open(NULL, "/new/", O_RDWR | O_CREAT, 0, &f) == EISDIR);
	CHECK(vfs_open(NULL, "/", O_RDONLY | O_CREAT, 0, &f) == EISDIR);
	CHECK(vfs_open(NULL, "/dev/null", O_RDONLY | O_DIRECTORY, 0, &f) ==
	      ENOTDIR);
	CHECK(vfs_open(NULL, "/dev/fd", O_RDONLY | O_NOFOLLOW, 0, &f) == ELOOP);
	CHECK(vfs_open(NULL, "/proc/new", O_RDWR | O_CREAT, 0, &f) == EACCES);
	CHECK(vfs_open(NULL, "/", O_RDWR | O_TMPFILE, 0, &f) == EOPNOTSUPP);
}

/*
 * Pipes, as far as one thread can go without waiting.
 */
static bool
make_pipe(struct file **rfp, struct file **wfp)
{
	struct vnode *vp;
	int error;

	vfs_enter();
	error = tmpfs_anon(S_IFIFO | 0600, NULL, &vp);
	vfs_exit();
	if (!CHECK(error == 0))
		return false;
	vref(vp);
	CHECK(vfs_open_vnode(vp, O_RDONLY | O_NONBLOCK, rfp) == 0);
	CHECK(vfs_open_vnode(vp, O_WRONLY | O_NONBLOCK, wfp) == 0);
	return true;
}

TEST(fs_pipe)
{
	struct file *rf, *wf;
	size_t done, total = 0;
	char *buf;
	u_int i;

	buf = kmem_alloc(PAGE_SIZE, 0);
	if (!CHECK(buf != NULL))
		return;
	if (!make_pipe(&rf, &wf))
		return;
	CHECK(file_io_kernel(rf, buf, 1, false, NULL, &done) == EAGAIN);
	CHECK(rf->f_ops->fop_poll(rf) == 0);
	CHECK((wf->f_ops->fop_poll(wf) & POLLOUT) != 0);
	/* Many laps around the ring, in steps that cross its pages. */
	for (i = 0; i < 100; i++) {
		memset(buf, (int)i, 3001);
		CHECK(file_io_kernel(wf, buf, 3001, true, NULL, &done) == 0);
		CHECK(done == 3001);
		memset(buf, 0xff, PAGE_SIZE);
		CHECK(file_io_kernel(rf, buf, PAGE_SIZE, false, NULL, &done) ==
		      0);
		CHECK(
		    done == 3001 && buf[0] == (char)i && buf[3000] == (char)i);
	}
	/* Full: a small write is all or nothing, a large one takes the rest. */
	while (file_io_kernel(wf, buf, 4000, true, NULL, &done) == 0)
		total += done;
	CHECK(done == 0);
	CHECK(total == 65536 / 4000 * 4000);
	CHECK(file_io_kernel(wf, buf, PAGE_SIZE, true, NULL, &done) == EAGAIN);
	CHECK((wf->f_ops->fop_poll(wf) & POLLOUT) == 0);
	file_rele(rf);
	CHECK((wf->f_ops->fop_poll(wf) & POLLERR) != 0);
	file_rele(wf);
	kmem_free(buf, PAGE_SIZE);
}

TEST(fs_pipe_end)
{
	struct file *rf, *wf;
	size_t done;
	char c = 'c';

	if (!make_pipe(&rf, &wf))
		return;
	CHECK(file_io_kernel(wf, &c, 1, true, NULL, &done) == 0);
	file_rele(wf);
	CHECK((rf->f_ops->fop_poll(rf) & (POLLIN | POLLHUP)) ==
	      (POLLIN | POLLHUP));
	CHECK(file_io_kernel(rf, &c, 1, false, NULL, &done) == 0 && done == 1);
	CHECK(file_io_kernel(rf, &c, 1, false, NULL, &done) == 0 && done == 0);
	file_rele(rf);
}

/*
 * Archives.
 */
static size_t
put_entry(char *p, u_int ino, mode_t mode, u_int nlink, const char *name,
    const char *data)
{
	size_t n, len = strlen(data);

	n = (size_t)ksnprintf(p, 256,
	    "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s", ino,
	    mode, 0, 0, nlink, 7, (u_int)len, 0, 0, 0, 0,
	    (u_int)strlen(name) + 1, 0, name);
	for (n++; n % 4 != 0; n++)
		p[n] = '\0';
	memcpy(p + n, data, len);
	for (n += len; n % 4 != 0; n++)
		p[n] = '\0';
	return n;
}

static bool
file_says(const char *path, const char *want)
{
	char buf[64];
	struct file *f;
	size_t done;

	if (vfs_open(NULL, path, O_RDONLY, 0, &f) != 0)
		return false;
	CHECK(file_io_kernel(f, buf, sizeof(buf), false, NULL, &done) == 0);
	file_rele(f);
	return done == strlen(want) && memcmp(buf, want, done) == 0;
}

TEST(fs_cpio_unpack)
{
	struct vnode *vp;
	size_t n = 0;
	char *p;

	p = kmem_alloc(PAGE_SIZE, PA_ZERO);
	if (!CHECK(p != NULL))
		return;
	n += put_entry(p + n, 1, S_IFREG | 0644, 1, "t_fs/sub/one", "first");
	n += put_entry(p + n, 2, S_IFREG | 0600, 2, "t_fs/a", "");
	n += put_entry(p + n, 2, S_IFREG | 0600, 2, "t_fs/b", "shared");
	n += put_entry(p + n, 3, S_IFLNK | 0777, 1, "./t_fs/l", "sub/one");
	n += put_entry(p + n, 0, 0, 1, "TRAILER!!!", "");
	n += 512;
	n += put_entry(p + n, 2, S_IFDIR | 0700, 1, "t_fs/sub", "");
	n += put_entry(p + n, 1, S_IFREG | 0644, 1, "t_fs/sub/one", "second");
	n += put_entry(p + n, 0, 0, 1, "TRAILER!!!", "");
	CHECK(cpio_unpack(rootvnode, p, n, NULL) == 0);
	CHECK(file_says(TOP "/sub/one", "second"));
	CHECK(file_says(TOP "/l", "second"));
	CHECK(file_says(TOP "/a", "shared"));
	if (CHECK(walk(TOP "/a", 0, &vp) == 0)) {
		CHECK(vp->v_nlink == 2 && vp->v_mode == (S_IFREG | 0600));
		CHECK(atomic_load(&vp->v_mtime) == 7000000000);
	}
	vrele(vp);
	CHECK(unmake(TOP "/sub/one") == 0);
	CHECK(unmake(TOP "/sub") == 0);
	CHECK(unmake(TOP "/a") == 0);
	CHECK(unmake(TOP "/b") == 0);
	CHECK(unmake(TOP "/l") == 0);
	CHECK(unmake(TOP) == 0);
	kmem_free(p, PAGE_SIZE);
}

/* Cut off at any byte, an entry is no entry; nothing is read beyond. */
TEST(fs_cpio_truncated)
{
	struct cpio_entry ce;
	size_t len, cut;
	char *p;

	p = kmem_alloc(1024, PA_ZERO);
	if (!CHECK(p != NULL))
		return;
	len = put_entry(p, 1, S_IFREG | 0644, 1, "name", "eight by");
	CHECK(cpio_parse(p, len, 0, &ce) && ce.ce_next == len);
	CHECK(ce.ce_size == 8 && memcmp(ce.ce_data, "eight by", 8) == 0);
	for (cut = 0; cut < len; cut++)
		CHECK(!cpio_parse(p, cut, 0, &ce));
	CHECK(!cpio_parse(p, len, len, &ce));
	CHECK(!cpio_parse(p, len, len + 1, &ce));
	p[6] = 'g'; /* no digit */
	CHECK(!cpio_parse(p, len, 0, &ce));
	p[6] = '0';
	memcpy(p + 6 + 11 * 8, "FFFFFFFF", 8); /* length of the name */
	CHECK(!cpio_parse(p, len, 0, &ce));
	kmem_free(p, 1024);
}
