/*
 * cpio.c: unpack the initial root, newc archives one behind the other.
 *
 * Format, from cpio(5) of any BSD: a header of 110 characters, "070701" and
 * thirteen numbers of eight hexadecimal digits; the name with its NUL; the
 * data; the last two padded with zeroes to a multiple of 4 from the start of
 * the archive.  An entry named TRAILER!!! ends an archive.  Hard links are
 * entries with one inode number and a link count above 1; the data comes
 * with one of them, usually the last.
 *
 * Directories that an entry needs and that no entry made are made.  A later
 * entry of the same name replaces an earlier one; but a symbolic link to a
 * directory stays where a directory comes, and is followed to what lies in
 * it, so that archives agree whether /bin is a directory or a link.
 */
#include <fs/cpio.h>

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <uvm/object.h>
#include <fs/file.h>

#define TRAILER "TRAILER!!!"

/* One inode of which more names may follow. */
struct cpio_link {
	struct cpio_link *cl_next;
	uint32_t cl_ino;
	struct vnode *cl_vp; /* referenced */
};

static bool
hex8(const char *s, uint32_t *valp)
{
	uint32_t v = 0;
	u_int i, d;

	for (i = 0; i < 8; i++) {
		if (s[i] >= '0' && s[i] <= '9')
			d = (u_int)(s[i] - '0');
		else if ((s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'f')
			d = (u_int)((s[i] | 0x20) - 'a' + 10);
		else
			return false;
		v = v << 4 | d;
	}
	*valp = v;
	return true;
}

bool
cpio_parse(const char *data, size_t len, size_t pos, struct cpio_entry *ce)
{
	uint32_t f[13];
	size_t end;
	u_int i;

	if (pos > len || len - pos < CPIO_HEADER)
		return false;
	data += pos;
	len -= pos;
	/* 070702 has a checksum in the last field, which we do not check. */
	if (memcmp(data, "07070", 5) != 0 || (data[5] != '1' && data[5] != '2'))
		return false;
	for (i = 0; i < nitems(f); i++) {
		if (!hex8(data + 6 + 8 * i, &f[i]))
			return false;
	}
	ce->ce_ino = f[0];
	ce->ce_mode = f[1];
	ce->ce_uid = f[2];
	ce->ce_gid = f[3];
	ce->ce_nlink = f[4];
	ce->ce_mtime = f[5];
	ce->ce_size = f[6];
	ce->ce_rdev = MAKEDEV(f[9] & 0xfff, f[10] & 0xff);
	if (f[11] == 0 || f[11] > len - CPIO_HEADER)
		return false;
	ce->ce_name = data + CPIO_HEADER;
	if (ce->ce_name[f[11] - 1] != '\0')
		return false;
	end = pos + CPIO_HEADER + f[11];
	end = roundup2(end, 4);
	if (end - pos > len || ce->ce_size > len - (end - pos))
		return false;
	ce->ce_data = data + (end - pos);
	end += ce->ce_size;
	ce->ce_next = roundup2(end, 4);
	return true;
}

/* What name in dvp is, referenced; the directory if it is a link to one. */
static int
cpio_lookup(struct vnode *dvp, const char *name, struct vnode **vpp)
{
	struct lookup lk = {.lk_flags = LK_FOLLOW};
	int error;

	error = dvp->v_ops->vo_lookup(dvp, name, vpp);
	if (error != 0 || !S_ISLNK((*vpp)->v_mode))
		return error;
	if (vfs_walk(dvp, name, &lk) == 0) {
		if (S_ISDIR(lk.lk_vp->v_mode)) {
			vrele(*vpp);
			*vpp = lk.lk_vp;
			vref(*vpp);
		}
		vfs_walk_done(&lk);
	}
	return 0;
}

/*
 * The directory of name, referenced, with what is missing made; *lastp is
 * the last component, in buf.
 */
static int
cpio_dir(struct vnode *root, const char *name, char *buf, struct vnode **dvpp,
    const char **lastp)
{
	struct vnode *dvp = root, *vp;
	char *p, *slash;
	int error = 0;

	if (strlcpy(buf, name, PATH_MAX) >= PATH_MAX)
		return ENAMETOOLONG;
	vref(dvp);
	for (p = buf;; p = slash + 1) {
		while (*p == '/' || (p[0] == '.' && p[1] == '/'))
			p++;
		slash = strchr(p, '/');
		if (slash == NULL || slash[1] == '\0')
			break;
		*slash = '\0';
		error = cpio_lookup(dvp, p, &vp);
		if (error == ENOENT)
			error = dvp->v_ops->vo_create(dvp, p, S_IFDIR | 0755, 0,
			    NULL, &vp);
		vrele(dvp);
		dvp = vp;
		if (error == 0 && !S_ISDIR(vp->v_mode)) {
			vrele(vp);
			error = ENOTDIR;
		}
		if (error != 0)
			return error;
	}
	if (slash != NULL)
		*slash = '\0';
	*dvpp = dvp;
	*lastp = p;
	return strlen(p) <= NAME_MAX ? 0 : ENAMETOOLONG;
}

/* Make the file of ce as name in dvp, or find the directory that is there. */
static int
cpio_node(struct vnode *dvp, const char *name, const struct cpio_entry *ce,
    struct vnode **vpp)
{
	char *target = NULL;
	int error;

	error = S_ISDIR(ce->ce_mode) ? cpio_lookup(dvp, name, vpp)
				     : dvp->v_ops->vo_lookup(dvp, name, vpp);
	if (error == 0) {
		if (S_ISDIR(ce->ce_mode) && S_ISDIR((*vpp)->v_mode))
			return 0;
		vrele(*vpp);
		error = dvp->v_ops->vo_remove(dvp, name);
		if (error != 0)
			return error;
	}
	if (S_ISLNK(ce->ce_mode)) {
		target = kmem_alloc(ce->ce_size + 1, 0);
		if (target == NULL)
			return ENOMEM;
		memcpy(target, ce->ce_data, ce->ce_size);
		target[ce->ce_size] = '\0';
	}
	error = dvp->v_ops->vo_create(dvp, name, ce->ce_mode, ce->ce_rdev,
	    target, vpp);
	if (target != NULL)
		kmem_free(target, ce->ce_size + 1);
	return error;
}

/* Attributes, and data of a regular file. */
static int
cpio_fill(struct vnode *vp, const struct cpio_entry *ce)
{
	int64_t when = (int64_t)ce->ce_mtime * 1000000000;
	size_t done;
	int error = 0;

	vp->v_mode = ce->ce_mode;
	vp->v_uid = ce->ce_uid;
	vp->v_gid = ce->ce_gid;
	if (S_ISREG(ce->ce_mode) && ce->ce_size > 0) {
		(void)uvm_object_resize(vp->v_obj, ce->ce_size);
		/* The object only reads through a pointer it is told to read. */
		error =
		    uvm_object_io(vp->v_obj, 0, (void *)(uintptr_t)ce->ce_data,
			0, ce->ce_size, true, &done);
	}
	atomic_store_explicit(&vp->v_mtime, when, memory_order_relaxed);
	return error;
}

static int
cpio_one(struct vnode *root, const struct cpio_entry *ce, char *buf,
    struct cpio_link **links)
{
	struct vnode *dvp, *vp;
	struct cpio_link *cl;
	const char *last;
	int64_t when;
	int error;

	error = cpio_dir(root, ce->ce_name, buf, &dvp, &last);
	if (error != 0)
		return error;
	when = atomic_load_explicit(&dvp->v_mtime, memory_order_relaxed);
	if (*last == '\0' || strcmp(last, ".") == 0) {
		/* The root itself: its attributes. */
		root->v_mode = S_IFDIR | (ce->ce_mode & 07777);
		vrele(dvp);
		return 0;
	}
	for (cl = *links; cl != NULL && cl->cl_ino != ce->ce_ino;)
		cl = cl->cl_next;
	if (ce->ce_nlink > 1 && S_ISREG(ce->ce_mode) && cl != NULL) {
		vp = cl->cl_vp;
		vref(vp);
		(void)dvp->v_ops->vo_remove(dvp, last);
		error = dvp->v_ops->vo_link(dvp, last, vp);
	} else {
		error = cpio_node(dvp, last, ce, &vp);
		cl = NULL;
	}
	/* A directory keeps the time its own entry gave it. */
	atomic_store_explicit(&dvp->v_mtime, when, memory_order_relaxed);
	vrele(dvp);
	if (error != 0)
		return error;
	error = cpio_fill(vp, ce);
	if (ce->ce_nlink > 1 && S_ISREG(ce->ce_mode) && cl == NULL &&
	    error == 0) {
		cl = kmem_alloc(sizeof(*cl), 0);
		if (cl == NULL)
			error = ENOMEM;
		else {
			*cl = (struct cpio_link){*links, ce->ce_ino, vp};
			*links = cl;
			vref(vp);
		}
	}
	vrele(vp);
	return error;
}

static void
cpio_forget(struct cpio_link **links)
{
	struct cpio_link *cl;

	while ((cl = *links) != NULL) {
		*links = cl->cl_next;
		vrele(cl->cl_vp);
		kmem_free(cl, sizeof(*cl));
	}
}

int
cpio_unpack(struct vnode *root, const char *data, size_t len,
    void (*done)(const char *upto))
{
	struct cpio_link *links = NULL;
	struct cpio_entry ce;
	size_t pos = 0;
	char *buf;
	int error = 0;

	buf = kmem_alloc(PATH_MAX, 0);
	if (buf == NULL)
		return ENOMEM;
	vfs_enter();
	while (pos < len && error == 0) {
		if (data[pos] == '\0') {
			pos++; /* between archives */
			continue;
		}
		if (!cpio_parse(data, len, pos, &ce)) {
			error = EINVAL;
			break;
		}
		if (strcmp(ce.ce_name, TRAILER) == 0)
			cpio_forget(&links);
		else
			error = cpio_one(root, &ce, buf, &links);
		pos = MIN(ce.ce_next, len);
		if (done != NULL)
			done(data + pos);
	}
	cpio_forget(&links);
	vfs_exit();
	kmem_free(buf, PATH_MAX);
	return error;
}
