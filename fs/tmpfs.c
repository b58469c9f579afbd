/*
 * tmpfs.c: files in memory.
 *
 * A regular file is an anonymous object of uvm: read, write and mmap use the
 * same pages.  A directory is a list of names in the order of their making;
 * each has a number that never comes again, so that a reader of the
 * directory who remembers the next number loses no entry to removals.  A hash
 * over (directory, name) finds them.
 *
 * Each name holds a reference to its node.  Each node knows one name, the
 * one it was last looked up by, from which paths are made; when that name is
 * removed while the node is in use it stays with the node as a ghost, which
 * then holds the directory.
 *
 * Device nodes and FIFOs are nodes too, so /dev is a directory here.
 * Everything is under the big lock.
 */
#include <fs/vfs.h>

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/pool.h>
#include <uvm/object.h>

struct tnode;

/*
 * Protection:
 *	I	constant
 *	b	the big lock
 */
struct tname {
	LIST_ENTRY(tname) na_hash;  /* [b] while linked */
	TAILQ_ENTRY(tname) na_link; /* [b] of na_dir, while linked */
	struct tnode *na_dir;       /* [b] referenced by a ghost only */
	struct tnode *na_node;      /* [b] referenced while linked */
	off_t na_cookie;            /* [I] place in the directory */
	bool na_linked;             /* [b] false: ghost */
	size_t na_len;              /* [I] */
	char na_name[];             /* [I] */
};

struct tnode {
	struct vnode tn_vnode;        /* [I] first */
	struct tname *tn_name;        /* [b] NULL: root, anonymous pipe */
	TAILQ_HEAD(, tname) tn_names; /* [b] directory: its entries */
	off_t tn_next;                /* [b] next cookie; "." is 0, ".." 1 */
	char *tn_target;              /* [I] symbolic link: text, kmem */
	size_t tn_len;                /* [I] of tn_target */
};

#define TMPFS_DEV MAKEDEV(0, 1)
#define NHASH     1024u

static LIST_HEAD(, tname) name_hash[NHASH];
static struct pool tnode_pool;
static ino_t next_ino = 2;
static const struct vops tmpfs_ops;

static struct tnode *
vtot(struct vnode *vp)
{
	KASSERT(vp->v_ops == &tmpfs_ops);
	return (struct tnode *)vp;
}

/*
 * Names.
 */

static u_int
hash_of(const struct tnode *dir, const char *name)
{
	uint32_t h = (uint32_t)((uintptr_t)dir >> 6) * 2654435761u;

	for (; *name != '\0'; name++)
		h = (h ^ (u_char)*name) * 16777619u;
	return (h ^ h >> 16) % NHASH;
}

static struct tname *
name_find(struct tnode *dir, const char *name)
{
	struct tname *na;

	LIST_FOREACH(na, &name_hash[hash_of(dir, name)], na_hash) {
		if (na->na_dir == dir && strcmp(na->na_name, name) == 0)
			return na;
	}
	return NULL;
}

static struct tname *
name_alloc(const char *name)
{
	size_t len = strlen(name);
	struct tname *na;

	na = kmem_alloc(sizeof(*na) + len + 1, 0);
	if (na == NULL)
		return NULL;
	memset(na, 0, sizeof(*na));
	na->na_len = len;
	memcpy(na->na_name, name, len + 1);
	return na;
}

static void
name_free(struct tname *na)
{
	KASSERT(!na->na_linked);
	kmem_free(na, sizeof(*na) + na->na_len + 1);
}

/* Make na the name that node is known by. */
static void
name_adopt(struct tnode *tn, struct tname *na)
{
	struct tname *old = tn->tn_name;

	if (old == na)
		return;
	tn->tn_name = na;
	if (old != NULL && !old->na_linked) {
		vrele(&old->na_dir->tn_vnode);
		name_free(old);
	}
}

/* Enter na for tn, whose reference it takes over, into dir. */
static void
name_link(struct tnode *dir, struct tname *na, struct tnode *tn)
{
	KASSERT(!na->na_linked);
	KASSERT(S_ISDIR(dir->tn_vnode.v_mode));
	na->na_dir = dir;
	na->na_node = tn;
	na->na_cookie = dir->tn_next++;
	na->na_linked = true;
	LIST_INSERT_HEAD(&name_hash[hash_of(dir, na->na_name)], na, na_hash);
	TAILQ_INSERT_TAIL(&dir->tn_names, na, na_link);
	tn->tn_vnode.v_nlink++;
	if (S_ISDIR(tn->tn_vnode.v_mode)) {
		tn->tn_vnode.v_nlink = 2;
		dir->tn_vnode.v_nlink++;
	}
	name_adopt(tn, na);
	vfs_touch(&dir->tn_vnode);
}

/* Take na out of its directory; the caller gets its reference to the node. */
static struct tnode *
name_unlink(struct tname *na)
{
	struct tnode *dir = na->na_dir, *tn = na->na_node;

	KASSERT(na->na_linked);
	LIST_REMOVE(na, na_hash);
	TAILQ_REMOVE(&dir->tn_names, na, na_link);
	na->na_linked = false;
	if (S_ISDIR(tn->tn_vnode.v_mode)) {
		tn->tn_vnode.v_nlink = 0;
		dir->tn_vnode.v_nlink--;
	} else
		tn->tn_vnode.v_nlink--;
	if (tn->tn_name == na)
		vref(&dir->tn_vnode);
	else
		name_free(na);
	vfs_touch(&dir->tn_vnode);
	atomic_store_explicit(&tn->tn_vnode.v_ctime, vfs_now(),
	    memory_order_relaxed);
	return tn;
}

/*
 * Nodes.
 */

static int
tnode_new(mode_t mode, struct tnode **tnp)
{
	struct tnode *tn;
	int error;

	tn = pool_get(&tnode_pool, 0);
	if (tn == NULL)
		return ENOMEM;
	vnode_init(&tn->tn_vnode, &tmpfs_ops, mode, TMPFS_DEV, next_ino++);
	tn->tn_name = NULL;
	tn->tn_next = 2;
	tn->tn_target = NULL;
	tn->tn_len = 0;
	TAILQ_INIT(&tn->tn_names);
	if (S_ISREG(mode)) {
		error = uao_create_file(0, &tn->tn_vnode.v_obj);
		if (error != 0) {
			pool_put(&tnode_pool, tn);
			return error;
		}
	}
	*tnp = tn;
	return 0;
}

static void
tmpfs_destroy(struct vnode *vp)
{
	struct tnode *tn = vtot(vp);

	KASSERT(TAILQ_EMPTY(&tn->tn_names));
	KASSERT(vp->v_nlink == 0);
	KASSERT(vp->v_pipe == NULL);
	if (vp->v_obj != NULL)
		uvm_object_free(vp->v_obj);
	if (tn->tn_target != NULL)
		kmem_free(tn->tn_target, tn->tn_len + 1);
	/* The directory may die of this: it must wait its turn on the list. */
	big_enter();
	name_adopt(tn, NULL);
	big_exit();
	pool_put(&tnode_pool, tn);
}

static int
tmpfs_lookup(struct vnode *dvp, const char *name, struct vnode **vpp)
{
	struct tname *na;

	na = name_find(vtot(dvp), name);
	if (na == NULL)
		return ENOENT;
	name_adopt(na->na_node, na);
	*vpp = &na->na_node->tn_vnode;
	vref(*vpp);
	return 0;
}

static int
tmpfs_parent(struct vnode *vp, struct vnode **vpp)
{
	struct tname *na = vtot(vp)->tn_name;

	if (na == NULL)
		return ENOENT;
	*vpp = &na->na_dir->tn_vnode;
	vref(*vpp);
	return 0;
}

static size_t
tmpfs_name(struct vnode *vp, char *buf, size_t size)
{
	struct tname *na = vtot(vp)->tn_name;

	return strlcpy(buf, na == NULL ? "" : na->na_name, size);
}

static int
tmpfs_create(struct vnode *dvp, const char *name, mode_t mode, dev_t rdev,
    const char *target, struct vnode **vpp)
{
	struct tnode *dir = vtot(dvp), *tn;
	struct tname *na;
	int error;

	if (dvp->v_nlink == 0)
		return ENOENT;
	if (name_find(dir, name) != NULL)
		return EEXIST;
	na = name_alloc(name);
	if (na == NULL)
		return ENOMEM;
	error = tnode_new(mode, &tn);
	if (error != 0) {
		name_free(na);
		return error;
	}
	tn->tn_vnode.v_rdev = rdev;
	if ((dvp->v_mode & S_ISGID) != 0) {
		tn->tn_vnode.v_gid = dvp->v_gid;
		if (S_ISDIR(mode))
			tn->tn_vnode.v_mode |= S_ISGID;
	}
	if (S_ISLNK(mode)) {
		tn->tn_len = strlen(target);
		tn->tn_target = kmem_alloc(tn->tn_len + 1, 0);
		if (tn->tn_target == NULL) {
			name_free(na);
			vrele(&tn->tn_vnode);
			return ENOMEM;
		}
		memcpy(tn->tn_target, target, tn->tn_len + 1);
	}
	vref(&tn->tn_vnode);
	name_link(dir, na, tn);
	*vpp = &tn->tn_vnode;
	return 0;
}

static int
tmpfs_link(struct vnode *dvp, const char *name, struct vnode *vp)
{
	struct tname *na;

	KASSERT(!S_ISDIR(vp->v_mode));
	if (dvp->v_nlink == 0 || vp->v_nlink == 0)
		return ENOENT;
	if (vp->v_nlink >= LINK_MAX)
		return EMLINK;
	na = name_alloc(name);
	if (na == NULL)
		return ENOMEM;
	vref(vp);
	name_link(vtot(dvp), na, vtot(vp));
	atomic_store_explicit(&vp->v_ctime, vfs_now(), memory_order_relaxed);
	return 0;
}

static int
tmpfs_remove(struct vnode *dvp, const char *name)
{
	struct tname *na;

	na = name_find(vtot(dvp), name);
	if (na == NULL)
		return ENOENT;
	if (na->na_node->tn_vnode.v_mounted != NULL)
		return EBUSY;
	if (!TAILQ_EMPTY(&na->na_node->tn_names))
		return ENOTEMPTY;
	vrele(&name_unlink(na)->tn_vnode);
	return 0;
}

static int
tmpfs_rename(struct vnode *fdvp, const char *fname, struct vnode *tdvp,
    const char *tname)
{
	struct tname *from, *to;
	struct tnode *tn;
	int error;

	from = name_find(vtot(fdvp), fname);
	if (from == NULL || tdvp->v_nlink == 0)
		return ENOENT;
	if (from->na_node->tn_vnode.v_mounted != NULL)
		return EBUSY;
	to = name_alloc(tname);
	if (to == NULL)
		return ENOMEM;
	error = tmpfs_remove(tdvp, tname);
	if (error != 0 && error != ENOENT) {
		name_free(to);
		return error;
	}
	tn = name_unlink(from);
	name_link(vtot(tdvp), to, tn);
	return 0;
}

static int
tmpfs_readlink(struct vnode *vp, char *buf, size_t size, size_t *lenp)
{
	struct tnode *tn = vtot(vp);

	KASSERT(tn->tn_target != NULL);
	*lenp = MIN(size, tn->tn_len);
	memcpy(buf, tn->tn_target, *lenp);
	return 0;
}

static int
tmpfs_readdir(struct vnode *dvp, off_t *offp, dirent_fn *emit, void *arg)
{
	struct tnode *dir = vtot(dvp);
	struct vnode *vp, *up;
	struct tname *na;

	if (*offp == 0) {
		if (!emit(arg, ".", dvp->v_ino, 1, S_IFDIR))
			return 0;
		*offp = 1;
	}
	if (*offp == 1) {
		up = dir->tn_name == NULL ? dvp
					  : &dir->tn_name->na_dir->tn_vnode;
		if (!emit(arg, "..", up->v_ino, 2, S_IFDIR))
			return 0;
		*offp = 2;
	}
	TAILQ_FOREACH(na, &dir->tn_names, na_link) {
		if (na->na_cookie < *offp)
			continue;
		vp = &na->na_node->tn_vnode;
		if (!emit(arg, na->na_name, vp->v_ino, na->na_cookie + 1,
			vp->v_mode))
			return 0;
		*offp = na->na_cookie + 1;
	}
	return 0;
}

static const struct vops tmpfs_ops = {
    .vo_lookup = tmpfs_lookup,
    .vo_parent = tmpfs_parent,
    .vo_name = tmpfs_name,
    .vo_create = tmpfs_create,
    .vo_link = tmpfs_link,
    .vo_remove = tmpfs_remove,
    .vo_rename = tmpfs_rename,
    .vo_readlink = tmpfs_readlink,
    .vo_readdir = tmpfs_readdir,
    .vo_destroy = tmpfs_destroy,
    .vo_magic = TMPFS_MAGIC,
};

int
tmpfs_anon(mode_t mode, const char *name, struct vnode **vpp)
{
	struct tname *na = NULL;
	struct tnode *tn;
	int error;

	if (name != NULL) {
		na = name_alloc(name);
		if (na == NULL)
			return ENOMEM;
	}
	error = tnode_new(mode, &tn);
	if (error != 0) {
		if (na != NULL)
			name_free(na);
		return error;
	}
	if (na != NULL) {
		/* Born a ghost, of the root. */
		na->na_dir = vtot(rootvnode);
		vref(rootvnode);
		na->na_node = tn;
		tn->tn_name = na;
	}
	*vpp = &tn->tn_vnode;
	return 0;
}

int
tmpfs_mount(struct vnode **rootp)
{
	struct tnode *tn;
	u_int i;
	int error;

	for (i = 0; i < NHASH; i++)
		LIST_INIT(&name_hash[i]);
	pool_init(&tnode_pool, "tmpfs", sizeof(struct tnode), 0);
	error = tnode_new(S_IFDIR | 0755, &tn);
	if (error != 0)
		return error;
	tn->tn_vnode.v_nlink = 2;
	*rootp = &tn->tn_vnode;
	return 0;
}
