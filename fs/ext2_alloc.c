/*
 * ext2_alloc.c: blocks and inodes, and where a file's blocks are.
 *
 * A file's first twelve blocks are in its inode; the next ones in a block of
 * numbers, in a block of such blocks, and one level more.
 *
 * What is freed stays taken until no inode on disk has it (ext2_buf.c): it
 * waits in em_freed and em_gone for the next ext2_sync().  A full disk, or a
 * full list, brings that about.
 */
#include "ext2.h"

#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <kern/proc.h>
#include <kern/time.h>

#define NLEVEL   3u
#define E2_XATTR 0xea020000u /* a block of attributes begins with it */

static u_int
group_of(const struct ext2 *em, uint32_t blk)
{
	return (blk - em->em_super.s_first) / em->em_super.s_bpg;
}

static uint32_t
group_start(const struct ext2 *em, u_int g)
{
	return em->em_super.s_first + g * em->em_super.s_bpg;
}

bool
ext2_valid(const struct ext2 *em, uint32_t blk)
{
	const struct e2group *gd;
	u_int itlen;

	if (blk <= em->em_super.s_first + em->em_gdblocks ||
	    blk >= em->em_super.s_blocks)
		return false;
	gd = &em->em_group[group_of(em, blk)];
	itlen = em->em_super.s_ipg * em->em_isize / em->em_bsize;
	return blk != gd->g_bmap && blk != gd->g_imap &&
	       (blk < gd->g_itable || blk - gd->g_itable >= itlen);
}

/* The first zero among bits [from, n), or n. */
static u_int
find_zero(const uint8_t *map, u_int from, u_int n)
{
	u_int i;

	for (i = from; i < n; i++) {
		while (i % 8 == 0 && i + 8 <= n && map[i / 8] == 0xff)
			i += 8;
		if (i < n && (map[i / 8] >> i % 8 & 1) == 0)
			break;
	}
	return MIN(i, n);
}

/* Clear bit i of the bitmap in block blk.  True: it was set. */
static int
clear_bit(struct ext2 *em, uint32_t blk, u_int i, bool *wasp)
{
	struct e2buf *b;
	uint8_t *map;
	int error;

	error = ext2_bread(em, blk, &b);
	if (error != 0)
		return error;
	map = b->eb_data;
	*wasp = (map[i / 8] >> i % 8 & 1) != 0;
	map[i / 8] &= (uint8_t) ~(1u << i % 8);
	ext2_bdirty(em, b, EB_MAP);
	ext2_brele(em, b);
	em->em_mapdirty = true;
	return 0;
}

/* Take a free bit at from or later of n in the bitmap blk: *bitp, or n. */
static int
take_bit(struct ext2 *em, uint32_t blk, u_int from, u_int n, u_int *bitp)
{
	struct e2buf *b;
	uint8_t *map;
	u_int i;
	int error;

	error = ext2_bread(em, blk, &b);
	if (error != 0)
		return error;
	map = b->eb_data;
	i = find_zero(map, from, n);
	if (i < n) {
		map[i / 8] |= (uint8_t)(1u << i % 8);
		ext2_bdirty(em, b, EB_MAP);
		em->em_mapdirty = true;
	}
	ext2_brele(em, b);
	*bitp = i;
	return 0;
}

/* A free block of group g, from bit from on if there is one; 0: none. */
static int
alloc_in(struct ext2 *em, u_int g, u_int from, uint32_t *blkp)
{
	struct e2group *gd = &em->em_group[g];
	u_int n, bit;
	bool found;
	int error;

	*blkp = 0;
	n = MIN(em->em_super.s_bpg, em->em_super.s_blocks - group_start(em, g));
	error = take_bit(em, gd->g_bmap, from, n, &bit);
	found = error == 0 && bit < n;
	if (error == 0 && !found && from > 0) {
		error = take_bit(em, gd->g_bmap, 0, from, &bit);
		found = error == 0 && bit < from;
	}
	if (!found)
		return error;
	*blkp = group_start(em, g) + bit;
	if (!ext2_valid(em, *blkp))
		return EIO; /* a bitmap that has its own block free */
	if (gd->g_bfree > 0)
		gd->g_bfree--;
	if (em->em_super.s_bfree > 0)
		em->em_super.s_bfree--;
	return 0;
}

/* A block for en, best the one behind what it got last. */
static int
alloc_block(struct e2node *en, uint32_t *blkp)
{
	struct ext2 *em = en->en_mount;
	uint32_t goal = en->en_goal + 1, keep;
	u_int g0, g, i;
	int error;

	keep = curproc()->ps_cred.cr_fsuid == 0 ? 0 : em->em_super.s_rblocks;
	if (em->em_super.s_bfree <= keep && em->em_nfreed + em->em_ngone > 0) {
		error = ext2_sync(em);
		if (error != 0)
			return error;
	}
	if (em->em_super.s_bfree <= keep)
		return ENOSPC;
	if (!ext2_valid(em, goal))
		goal = group_start(em,
		    (u_int)((en->en_vnode.v_ino - 1) / em->em_super.s_ipg));
	g0 = group_of(em, goal);
	for (i = 0; i < em->em_ngroups; i++) {
		g = (g0 + i) % em->em_ngroups;
		if (em->em_group[g].g_bfree == 0)
			continue;
		error = alloc_in(em, g, i == 0 ? goal - group_start(em, g) : 0,
		    blkp);
		if (error != 0)
			return error;
		if (*blkp != 0) {
			en->en_goal = *blkp;
			en->en_nsector += em->em_bsize / BLK_SECTOR;
			return 0;
		}
	}
	return ENOSPC;
}

/* blk is not a block of en any more. */
static int
free_block(struct e2node *en, uint32_t blk)
{
	struct ext2 *em = en->en_mount;
	u_int n = em->em_bsize / BLK_SECTOR;
	struct e2extent *ex;
	int error;

	if (!ext2_valid(em, blk))
		return EIO;
	ext2_bforget(em, blk);
	en->en_nsector -= MIN(en->en_nsector, n);
	ex = &em->em_freed[em->em_nfreed];
	em->em_freedblocks++;
	if (em->em_nfreed > 0 && ex[-1].ex_block + ex[-1].ex_n == blk) {
		ex[-1].ex_n++;
		return 0;
	}
	ex->ex_block = blk;
	ex->ex_n = 1;
	if (++em->em_nfreed < E2_NFREED)
		return 0;
	error = ext2_sync(em);
	/* Rather lose some until the next check than the room to go on. */
	if (em->em_nfreed == E2_NFREED)
		em->em_freedblocks -= em->em_freed[--em->em_nfreed].ex_n;
	return error;
}

int
ext2_release(struct ext2 *em)
{
	struct e2group *gd;
	struct e2extent *ex;
	uint32_t i, ino;
	bool was;
	int error = 0;

	for (; em->em_nfreed > 0 && error == 0; em->em_nfreed--) {
		ex = &em->em_freed[em->em_nfreed - 1];
		for (; ex->ex_n > 0 && error == 0; ex->ex_n--) {
			i = ex->ex_block + ex->ex_n - 1;
			gd = &em->em_group[group_of(em, i)];
			error = clear_bit(em, gd->g_bmap,
			    i - group_start(em, group_of(em, i)), &was);
			if (error != 0)
				return error;
			gd->g_bfree += was;
			em->em_super.s_bfree += was;
			if (em->em_freedblocks > 0)
				em->em_freedblocks--;
		}
	}
	for (; em->em_ngone > 0 && error == 0; em->em_ngone--) {
		ino = (em->em_gone[em->em_ngone - 1] & ~E2_GONEDIR) - 1;
		gd = &em->em_group[ino / em->em_super.s_ipg];
		error =
		    clear_bit(em, gd->g_imap, ino % em->em_super.s_ipg, &was);
		if (error != 0)
			return error;
		gd->g_ifree += was;
		em->em_super.s_ifree += was;
		if ((em->em_gone[em->em_ngone - 1] & E2_GONEDIR) != 0 && was &&
		    gd->g_dirs > 0)
			gd->g_dirs--;
	}
	return error;
}

/*
 * Inodes.
 */

int
ext2_ialloc(struct ext2 *em, uint32_t dir, bool isdir, uint32_t *inop)
{
	u_int g0 = (dir - 1) / em->em_super.s_ipg, g, i, bit;
	struct e2group *gd;
	int error;

	if (em->em_super.s_ifree == 0 && em->em_ngone > 0) {
		error = ext2_sync(em);
		if (error != 0)
			return error;
	}
	for (i = 0; i < em->em_ngroups; i++) {
		g = (g0 + i) % em->em_ngroups;
		gd = &em->em_group[g];
		if (gd->g_ifree == 0)
			continue;
		error = take_bit(em, gd->g_imap, 0, em->em_super.s_ipg, &bit);
		if (error != 0)
			return error;
		if (bit == em->em_super.s_ipg)
			continue;
		*inop = g * em->em_super.s_ipg + bit + 1;
		if (*inop < em->em_super.s_firstino)
			return EIO;
		gd->g_ifree--;
		gd->g_dirs += isdir;
		if (em->em_super.s_ifree > 0)
			em->em_super.s_ifree--;
		return 0;
	}
	return ENOSPC;
}

int
ext2_gone(struct e2node *en)
{
	struct ext2 *em = en->en_mount;
	uint32_t ino = (uint32_t)en->en_vnode.v_ino;
	int error;

	if (em->em_ngone == E2_NFREED) {
		error = ext2_sync(em);
		if (error != 0)
			return error;
	}
	em->em_gone[em->em_ngone++] =
	    ino | (S_ISDIR(en->en_vnode.v_mode) ? E2_GONEDIR : 0);
	return 0;
}

/*
 * Where a file's blocks are.
 */

uint64_t
ext2_maxblocks(const struct ext2 *em)
{
	uint64_t p = em->em_ptrs, n;

	n = E2_NDIRECT + p + p * p + p * p * p;
	/* What the count of sectors can say. */
	return MIN(n, UINT32_MAX / (em->em_bsize / BLK_SECTOR) - p * p);
}

/*
 * The way to block lblk: how many levels of indirection, and the place of the
 * number in each, from the inode on.
 */
static u_int
find_path(const struct ext2 *em, uint64_t lblk, u_int place[NLEVEL + 1])
{
	uint64_t span = 1, p = em->em_ptrs;
	u_int level, i;

	if (lblk < E2_NDIRECT) {
		place[0] = (u_int)lblk;
		return 0;
	}
	lblk -= E2_NDIRECT;
	for (level = 1; lblk >= span * p; level++) {
		KASSERT(level < NLEVEL);
		span *= p;
		lblk -= span;
	}
	place[0] = E2_NDIRECT + level - 1;
	for (i = 1; i <= level; i++) {
		place[i] = (u_int)(lblk / span);
		lblk %= span;
		span /= p;
	}
	return level;
}

/*
 * Give the empty slot *ptr, in the block parent or (NULL) in en itself, a
 * block, of numbers or not.
 */
static int
fill_slot(struct e2node *en, struct e2buf *parent, uint32_t *ptr, bool numbers)
{
	struct ext2 *em = en->en_mount;
	struct e2buf *b;
	uint32_t blk;
	int error;

	error = alloc_block(en, &blk);
	if (error != 0)
		return error;
	if (numbers) {
		error = ext2_bnew(em, blk, &b);
		if (error != 0) {
			(void)free_block(en, blk);
			return error;
		}
		ext2_brele(em, b);
	}
	*ptr = blk;
	if (parent != NULL)
		ext2_bdirty(em, parent, EB_NEW);
	return 0;
}

int
ext2_bmap(struct e2node *en, uint64_t lblk, bool alloc, uint32_t *blkp)
{
	struct ext2 *em = en->en_mount;
	struct e2buf *b = NULL, *next;
	u_int place[NLEVEL + 1], level, i;
	uint32_t *ptr;
	int error = 0;

	*blkp = 0;
	if (lblk >= ext2_maxblocks(em))
		return alloc ? EFBIG : EIO;
	level = find_path(em, lblk, place);
	ptr = &en->en_block[place[0]];
	for (i = 0;; i++) {
		if (*ptr == 0 && alloc)
			error = fill_slot(en, b, ptr, i < level);
		if (error != 0 || *ptr == 0)
			break;
		if (!ext2_valid(em, *ptr)) {
			error = EIO;
			break;
		}
		if (i == level) {
			*blkp = *ptr;
			break;
		}
		error = ext2_bread(em, *ptr, &next);
		if (error != 0)
			break;
		if (b != NULL)
			ext2_brele(em, b);
		b = next;
		ptr = (uint32_t *)b->eb_data + place[i + 1];
	}
	if (b != NULL)
		ext2_brele(em, b);
	return error;
}

/*
 * Free the block blk and, if it has numbers (level > 0), all below it.  Nothing
 * leads there any more.
 */
static int
free_tree(struct e2node *en, uint32_t blk, u_int level)
{
	struct ext2 *em = en->en_mount;
	struct {
		struct e2buf *b;
		u_int i;
	} st[NLEVEL], *t = st;
	int error = 0, one;

	if (level == 0)
		return free_block(en, blk);
	if (!ext2_valid(em, blk))
		return EIO;
	t->i = 0;
	error = ext2_bread(em, blk, &t->b);
	if (error != 0)
		return error;
	for (;;) {
		if (t->i == em->em_ptrs) {
			blk = t->b->eb_block;
			ext2_brele(em, t->b);
			one = free_block(en, blk);
			error = one != 0 ? one : error;
			if (t == st)
				return error;
			t--;
			continue;
		}
		blk = ((uint32_t *)t->b->eb_data)[t->i++];
		if (blk == 0)
			continue;
		one = 0;
		if ((u_int)(t - st) + 1 == level)
			one = free_block(en, blk);
		else if (!ext2_valid(em, blk))
			one = EIO;
		else if ((one = ext2_bread(em, blk, &t[1].b)) == 0)
			(++t)->i = 0;
		error = one != 0 ? one : error;
	}
}

/* Free the slots [first, n) at ptr and what is below; level as free_tree(). */
static int
free_slots(struct e2node *en, struct e2buf *b, uint32_t *ptr, u_int first,
    u_int n, u_int level)
{
	uint32_t blk;
	u_int i;
	int error = 0, one;

	for (i = first; i < n; i++) {
		blk = ptr[i];
		if (blk == 0)
			continue;
		/* Nothing leads there before it is free. */
		ptr[i] = 0;
		if (b != NULL)
			ext2_bdirty(en->en_mount, b, EB_NEW);
		one = free_tree(en, blk, level);
		error = one != 0 ? one : error;
	}
	return error;
}

/* Free what is below the block of numbers blk from its block off on. */
static int
cut_below(struct e2node *en, uint32_t blk, u_int level, uint64_t off)
{
	struct ext2 *em = en->en_mount;
	uint64_t span = 1;
	struct e2buf *b;
	uint32_t *ptr;
	u_int i;
	int error, first = 0;

	for (i = 1; i < level; i++)
		span *= em->em_ptrs;
	for (; level > 0 && blk != 0 && off > 0; level--) {
		if (!ext2_valid(em, blk))
			return EIO;
		error = ext2_bread(em, blk, &b);
		if (error != 0)
			return error;
		ptr = b->eb_data;
		i = (u_int)(off / span);
		off %= span;
		error = free_slots(en, b, ptr, i + (off > 0), em->em_ptrs,
		    level - 1);
		first = first != 0 ? first : error;
		blk = i < em->em_ptrs ? ptr[i] : 0;
		ext2_brele(em, b);
		span /= em->em_ptrs;
	}
	return first;
}

int
ext2_cut(struct e2node *en, uint64_t lblk)
{
	struct ext2 *em = en->en_mount;
	uint64_t start = E2_NDIRECT, span = 1;
	u_int level;
	int error, one;

	error = free_slots(en, NULL, en->en_block, (u_int)MIN(lblk, E2_NDIRECT),
	    E2_NDIRECT, 0);
	for (level = 1; level <= NLEVEL; level++) {
		u_int slot = E2_NDIRECT + level - 1;

		span *= em->em_ptrs;
		if (lblk <= start)
			one = free_slots(en, NULL, en->en_block, slot, slot + 1,
			    level);
		else if (lblk < start + span)
			one = cut_below(en, en->en_block[slot], level,
			    lblk - start);
		else
			one = 0;
		error = error != 0 ? error : one;
		start += span;
	}
	return error;
}

/* One inode less uses its block of attributes, which inodes may share. */
static int
free_xattr(struct e2node *en, uint32_t blk)
{
	struct ext2 *em = en->en_mount;
	struct e2buf *b;
	uint32_t *head;
	bool last;
	int error;

	if (!ext2_valid(em, blk))
		return EIO;
	error = ext2_bread(em, blk, &b);
	if (error != 0)
		return error;
	head = b->eb_data;
	last = head[1] <= 1;
	if (head[0] != E2_XATTR)
		error = EIO;
	else if (!last) {
		head[1]--;
		ext2_bdirty(em, b, EB_MAP);
	}
	ext2_brele(em, b);
	return error == 0 && last ? free_block(en, blk) : error;
}

int
ext2_free(struct e2node *en)
{
	uint32_t acl = en->en_disk.d_acl;
	int error = 0, one;

	/* A device's number, or a short link, are not blocks. */
	if (S_ISREG(en->en_vnode.v_mode) || S_ISDIR(en->en_vnode.v_mode) ||
	    (S_ISLNK(en->en_vnode.v_mode) && en->en_size >= E2_FASTLINK))
		error = ext2_cut(en, 0);
	if (acl != 0) {
		en->en_disk.d_acl = 0;
		one = free_xattr(en, acl);
		error = error != 0 ? error : one;
	}
	return error;
}
