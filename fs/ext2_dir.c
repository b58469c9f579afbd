/*
 * ext2_dir.c: directories: blocks full of entries, none of which reaches into
 * the next block.  Names are looked for one by one.  A directory that Linux
 * gave an index (of hashes, behind what looks like unused entries) loses it
 * when it is changed.
 *
 * All is under em_lock.
 */
#include "ext2.h"

#include <sys/errno.h>
#include <base/print.h>

/* The type that an entry tells, by the type bits of the mode. */
static uint8_t
type_of(const struct ext2 *em, mode_t mode)
{
	static const uint8_t types[16] = {[S_IFREG >> 12] = 1,
	    [S_IFDIR >> 12] = 2,
	    [S_IFCHR >> 12] = 3,
	    [S_IFBLK >> 12] = 4,
	    [S_IFIFO >> 12] = 5,
	    [S_IFSOCK >> 12] = 6,
	    [S_IFLNK >> 12] = 7};

	if ((em->em_super.s_incompat & E2_INCOMPAT_TYPES) == 0)
		return 0;
	return types[mode >> 12 & 15];
}

static mode_t
mode_of(uint8_t type)
{
	static const mode_t modes[8] = {0, S_IFREG, S_IFDIR, S_IFCHR, S_IFBLK,
	    S_IFIFO, S_IFSOCK, S_IFLNK};

	return type < nitems(modes) ? modes[type] : 0;
}

/* The entry at off of block b, or NULL if it makes no sense. */
static struct e2dirent *
entry_at(const struct ext2 *em, struct e2buf *b, u_int off)
{
	struct e2dirent *de = (void *)((char *)b->eb_data + off);

	if (off + 8 > em->em_bsize || de->de_len < 8 || de->de_len % 4 != 0 ||
	    de->de_len > em->em_bsize - off ||
	    E2_DIRENT(de->de_namelen) > de->de_len ||
	    de->de_ino > em->em_super.s_inodes)
		return NULL;
	return de;
}

/* Block lblk of the directory, referenced. */
static int
dir_block(struct e2node *dir, uint64_t lblk, struct e2buf **bp)
{
	uint32_t blk;
	int error;

	error = ext2_bmap(dir, lblk, false, &blk);
	if (error == 0 && blk == 0)
		error = EIO; /* directories have no holes */
	return error != 0 ? error : ext2_bread(dir->en_mount, blk, bp);
}

static uint64_t
dir_nblocks(const struct e2node *dir)
{
	return dir->en_size / dir->en_mount->em_bsize;
}

/*
 * Look through the directory for the first entry that match(de, arg) says yes
 * to: 0 and its place.  ENOENT.
 */
static int
dir_search(struct e2node *dir, bool (*match)(const struct e2dirent *, void *),
    void *arg, struct e2place *pl)
{
	struct ext2 *em = dir->en_mount;
	struct e2dirent *de, *prev;
	struct e2buf *b;
	uint64_t lblk;
	u_int off;
	int error;

	for (lblk = 0; lblk < dir_nblocks(dir); lblk++) {
		error = dir_block(dir, lblk, &b);
		if (error != 0)
			return error;
		prev = NULL;
		for (off = 0; off < em->em_bsize; off += de->de_len) {
			de = entry_at(em, b, off);
			if (de == NULL) {
				ext2_brele(em, b);
				return EIO;
			}
			if (match(de, arg)) {
				*pl = (struct e2place){b, de, prev};
				return 0;
			}
			prev = de;
		}
		ext2_brele(em, b);
	}
	return ENOENT;
}

static bool
match_name(const struct e2dirent *de, void *arg)
{
	const char *name = arg;
	size_t len = strlen(name);

	return de->de_ino != 0 && de->de_namelen == len &&
	       memcmp(de->de_name, name, len) == 0;
}

static bool
match_ino(const struct e2dirent *de, void *arg)
{
	return de->de_ino == *(uint32_t *)arg &&
	       !(de->de_namelen <= 2 && de->de_name[0] == '.' &&
		   de->de_name[de->de_namelen - 1] == '.');
}

/* Whether an entry that needs *arg bytes fits in or behind de. */
static bool
match_room(const struct e2dirent *de, void *arg)
{
	u_int used = de->de_ino == 0 ? 0 : E2_DIRENT(de->de_namelen);

	return de->de_len - used >= *(u_int *)arg;
}

static bool
match_other(const struct e2dirent *de, void *arg)
{
	(void)arg;
	return de->de_ino != 0 &&
	       !(de->de_namelen == 1 && de->de_name[0] == '.') &&
	       !(de->de_namelen == 2 && memcmp(de->de_name, "..", 2) == 0);
}

int
ext2_find(struct e2node *dir, const char *name, struct e2place *pl)
{
	return dir_search(dir, match_name, (void *)(uintptr_t)name, pl);
}

int
ext2_find_ino(struct e2node *dir, uint32_t ino, struct e2place *pl)
{
	return dir_search(dir, match_ino, &ino, pl);
}

void
ext2_put(struct e2node *dir, struct e2place *pl)
{
	ext2_brele(dir->en_mount, pl->pl_buf);
}

int
ext2_is_empty(struct e2node *dir)
{
	struct e2place pl;
	int error;

	error = dir_search(dir, match_other, NULL, &pl);
	if (error == 0)
		ext2_put(dir, &pl);
	return error == 0 ? ENOTEMPTY : error == ENOENT ? 0 : error;
}

/* The directory has changed. */
static void
dir_touched(struct e2node *dir)
{
	vfs_touch(&dir->en_vnode);
	dir->en_disk.d_flags &= ~E2_INDEX_FL;
}

static void
entry_fill(struct e2node *dir, struct e2dirent *de, const char *name,
    struct e2node *en)
{
	de->de_ino = (uint32_t)en->en_vnode.v_ino;
	de->de_namelen = (uint8_t)strlen(name);
	de->de_type = type_of(dir->en_mount, en->en_vnode.v_mode);
	memcpy(de->de_name, name, de->de_namelen);
}

/* One more block at the end: one unused entry. */
static int
dir_grow(struct e2node *dir, struct e2place *pl)
{
	struct ext2 *em = dir->en_mount;
	uint32_t blk;
	int error;

	if (dir->en_size + em->em_bsize > UINT32_MAX)
		return ENOSPC;
	error = ext2_bmap(dir, dir_nblocks(dir), true, &blk);
	if (error == 0)
		error = ext2_bnew(em, blk, &pl->pl_buf);
	if (error != 0) {
		(void)ext2_cut(dir, dir_nblocks(dir));
		return error;
	}
	dir->en_size += em->em_bsize;
	pl->pl_entry = pl->pl_buf->eb_data;
	pl->pl_entry->de_len = (uint16_t)em->em_bsize;
	pl->pl_prev = NULL;
	return 0;
}

int
ext2_enter_name(struct e2node *dir, const char *name, struct e2node *en,
    struct e2place *plp)
{
	u_int need = E2_DIRENT(strlen(name)), used;
	struct e2dirent *de;
	struct e2place pl;
	int error;

	error = dir_search(dir, match_room, &need, &pl);
	if (error == ENOENT)
		error = dir_grow(dir, &pl);
	if (error != 0)
		return error;
	de = pl.pl_entry;
	if (de->de_ino != 0) {
		used = E2_DIRENT(de->de_namelen);
		pl.pl_prev = de;
		pl.pl_entry = (void *)((char *)de + used);
		pl.pl_entry->de_len = (uint16_t)(de->de_len - used);
		de->de_len = (uint16_t)used;
	}
	entry_fill(dir, pl.pl_entry, name, en);
	ext2_bdirty(dir->en_mount, pl.pl_buf, EB_DIR);
	dir_touched(dir);
	if (plp != NULL)
		*plp = pl;
	else
		ext2_put(dir, &pl);
	return 0;
}

void
ext2_point(struct e2node *dir, struct e2place *pl, struct e2node *en)
{
	pl->pl_entry->de_ino = (uint32_t)en->en_vnode.v_ino;
	pl->pl_entry->de_type = type_of(dir->en_mount, en->en_vnode.v_mode);
	ext2_bdirty(dir->en_mount, pl->pl_buf, EB_DIR);
	dir_touched(dir);
}

void
ext2_erase(struct e2node *dir, struct e2place *pl, enum e2phase phase)
{
	if (pl->pl_prev != NULL)
		pl->pl_prev->de_len =
		    (uint16_t)(pl->pl_prev->de_len + pl->pl_entry->de_len);
	else
		pl->pl_entry->de_ino = 0;
	ext2_bdirty(dir->en_mount, pl->pl_buf, phase);
	dir_touched(dir);
}

int
ext2_first_block(struct e2node *en, struct e2node *parent)
{
	struct e2dirent *de;
	struct e2place pl;
	int error;

	error = dir_grow(en, &pl);
	if (error != 0)
		return error;
	de = pl.pl_entry;
	entry_fill(en, de, ".", en);
	de->de_len = (uint16_t)E2_DIRENT(1);
	de = (void *)((char *)de + de->de_len);
	entry_fill(en, de, "..", parent);
	de->de_len = (uint16_t)(en->en_mount->em_bsize - E2_DIRENT(1));
	ext2_put(en, &pl);
	return 0;
}

/*
 * The offset is that of an entry in the directory, or past its end.  The entry
 * may have gone meanwhile: begin with the block, up to the first behind it.
 */
int
ext2_list(struct e2node *dir, off_t *offp, dirent_fn *emit, void *arg)
{
	struct ext2 *em = dir->en_mount;
	char name[NAME_MAX + 1];
	struct e2dirent *de;
	struct e2buf *b;
	u_int off, start;
	uint64_t base;
	bool more = true;
	int error;

	while (more && (uint64_t)*offp < dir->en_size) {
		start = (u_int)((uint64_t)*offp % em->em_bsize);
		base = (uint64_t)*offp - start;
		error = dir_block(dir, base / em->em_bsize, &b);
		if (error != 0)
			return error;
		for (off = 0; more && off < em->em_bsize; off += de->de_len) {
			de = entry_at(em, b, off);
			if (de == NULL) {
				ext2_brele(em, b);
				return EIO;
			}
			if (off < start)
				continue;
			if (de->de_ino != 0) {
				memcpy(name, de->de_name, de->de_namelen);
				name[de->de_namelen] = '\0';
				more = emit(arg, name, de->de_ino,
				    (off_t)(base + off + de->de_len),
				    mode_of(de->de_type));
			}
			if (more)
				*offp = (off_t)(base + off + de->de_len);
		}
		ext2_brele(em, b);
	}
	return 0;
}
