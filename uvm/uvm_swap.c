/*
 * uvm_swap.c: swap devices and their slots.
 *
 * Each device has a bit map of its slots, searched onwards from where the last
 * search ended, so that what is paged out together lies together.  Devices are
 * tried by priority.  The header that mkswap(8) writes is Linux's: one page,
 * "SWAPSPACE2" at its end, and from byte 1024 on the version, the last page,
 * the number of bad pages, an identifier and a label (swapon(2), mkswap(8));
 * page 0 of the device, the header itself, is never a slot.
 *
 * Locks: swap_lock (spin, RANK_SWAP) guards devices and bit maps.  A slot that
 * is taken keeps its device: swapoff waits until none is.
 */
#include <uvm/swap.h>

#include <sys/errno.h>
#include <machine/param.h>

#include <base/kassert.h>
#include <base/lock.h>
#include <base/print.h>

#include <phys/kmem.h>
#include <phys/page.h>

#include <dev/blk.h>

#include "uvm_local.h"
#include "uvm_pageout.h"

/*
 * Protection:
 *	I	constant while the device is in use
 *	s	swap_lock; s+a is written under it, and a C11 atomic
 *	a	C11 atomic
 */
struct swapdev {
	struct blkdev *sd_blk;    /* [s] NULL: not in use */
	uint64_t *sd_map;         /* [s] a bit for each taken slot */
	uint64_t sd_npages;       /* [I] slots, taken for good or not */
	uint64_t sd_usable;       /* [I] slots that can be taken */
	uint64_t sd_used;         /* [s] of these, taken */
	uint64_t sd_hint;         /* [s] where to look next */
	int sd_prio;              /* [I] */
	_Atomic(bool) sd_leaving; /* [s+a] swapoff: no new slots */
	char sd_path[64];         /* [I] */
};

#define SEARCH 1024u /* slots, for a longer run than is at hand */

static struct spin swap_lock = SPIN_INITIALIZER(RANK_SWAP);
static struct swapdev swapdev[SWAP_NDEV];
static int swap_nextprio = -1; /* [s] for devices without a priority */

_Atomic(u_long) uvm_swap_total;
_Atomic(u_long) uvm_swap_used;

/* Who finds it false may take a slot that swapoff has to look for once more. */
static bool
dev_leaving(const struct swapdev *sd)
{
	return atomic_load_explicit(&sd->sd_leaving, memory_order_relaxed);
}

/* The header, from byte 1024 of page 0 on. */
struct swap_header {
	uint32_t sh_version;
	uint32_t sh_last;
	uint32_t sh_nbad;
	uint8_t sh_uuid[16];
	char sh_label[16];
	uint32_t sh_pad[117];
	uint32_t sh_bad[(PAGE_SIZE - 1536 - 10) / 4];
};
#define HEADER_OFF 1024u
#define MAGIC      "SWAPSPACE2"
#define MAGIC_LEN  10u
_Static_assert(HEADER_OFF + sizeof(struct swap_header) ==
		   PAGE_SIZE - MAGIC_LEN - 2,
    "swap header");

static bool
taken(const struct swapdev *sd, uint64_t i)
{
	return (sd->sd_map[i / 64] >> (i % 64) & 1) != 0;
}

static void
take(struct swapdev *sd, uint64_t i)
{
	KASSERT(i < sd->sd_npages && !taken(sd, i));
	sd->sd_map[i / 64] |= 1ull << (i % 64);
}

/*
 * A free run of n slots in [from, to), or the longest of those in the first
 * SEARCH slots looked at.
 */
static u_int
find_run(const struct swapdev *sd, uint64_t from, uint64_t to, u_int n,
    uint64_t *startp)
{
	uint64_t i, start = 0, look = 0;
	u_int best = 0, len = 0;

	for (i = from; i < to && best < n; i++) {
		if (i % 64 == 0 && sd->sd_map[i / 64] == UINT64_MAX) {
			i += 63;
			len = 0;
			continue;
		}
		if (best > 0 && ++look > SEARCH)
			break;
		if (taken(sd, i)) {
			len = 0;
			continue;
		}
		if (len++ == 0)
			start = i;
		if (len > best) {
			best = len;
			*startp = start;
		}
	}
	return best;
}

/* Up to n neighbouring slots of sd; how many.  [s] held. */
static u_int
dev_alloc(struct swapdev *sd, u_int n, uint64_t *startp)
{
	uint64_t start = 0, i;
	u_int got;

	if (sd->sd_used == sd->sd_usable)
		return 0;
	got = find_run(sd, sd->sd_hint, sd->sd_npages, n, &start);
	if (got == 0)
		got = find_run(sd, 1, sd->sd_hint, n, &start);
	KASSERT(got > 0);
	for (i = 0; i < got; i++)
		take(sd, start + i);
	sd->sd_used += got;
	sd->sd_hint = start + got < sd->sd_npages ? start + got : 1;
	*startp = start;
	return got;
}

u_int
swap_alloc(u_int n, swslot_t *slotp)
{
	struct swapdev *sd, *best;
	uint64_t start = 0;
	u_int got = 0, tried = 0, i;

	KASSERT(n > 0);
	spin_enter(&swap_lock);
	for (;;) {
		best = NULL;
		for (i = 0; i < SWAP_NDEV; i++) {
			sd = &swapdev[i];
			if (sd->sd_blk != NULL && !dev_leaving(sd) &&
			    (tried & 1u << i) == 0 &&
			    (best == NULL || sd->sd_prio > best->sd_prio))
				best = sd;
		}
		if (best == NULL)
			break;
		got = dev_alloc(best, n, &start);
		if (got > 0) {
			*slotp =
			    (swslot_t)(best - swapdev) << SWAP_DEVSHIFT | start;
			break;
		}
		tried |= 1u << (best - swapdev);
	}
	spin_exit(&swap_lock);
	atomic_fetch_add_explicit(&uvm_swap_used, got, memory_order_relaxed);
	return got;
}

/* The device of a slot that is taken. */
static struct swapdev *
slot_dev(swslot_t slot)
{
	struct swapdev *sd = &swapdev[slot >> SWAP_DEVSHIFT];

	KASSERT(slot >> SWAP_DEVSHIFT < SWAP_NDEV && sd->sd_blk != NULL);
	return sd;
}

static uint64_t
slot_block(swslot_t slot)
{
	return slot & ((1ull << SWAP_DEVSHIFT) - 1);
}

void
swap_free(swslot_t slot, u_int n)
{
	struct swapdev *sd = slot_dev(slot);
	uint64_t block = slot_block(slot), i;

	spin_enter(&swap_lock);
	KASSERT(block > 0 && block + n <= sd->sd_npages && sd->sd_used >= n);
	for (i = block; i < block + n; i++) {
		KASSERT(taken(sd, i));
		sd->sd_map[i / 64] &= ~(1ull << (i % 64));
	}
	sd->sd_used -= n;
	spin_exit(&swap_lock);
	atomic_fetch_sub_explicit(&uvm_swap_used, n, memory_order_relaxed);
}

struct blkdev *
swap_bio(swslot_t slot, struct bio *b)
{
	b->b_sector = slot_block(slot) * BLK_PAGESECTORS;
	b->b_off = b->b_len = 0;
	b->b_flush = false;
	return slot_dev(slot)->sd_blk;
}

bool
swap_crowded(void)
{
	return atomic_load_explicit(&uvm_swap_used, memory_order_relaxed) >
	       atomic_load_explicit(&uvm_swap_total, memory_order_relaxed) / 2;
}

bool
swap_on_leaving(swslot_t slot)
{
	return dev_leaving(slot_dev(slot));
}

bool
uvm_swap_info(u_int i, struct uvm_swapinfo *si)
{
	struct swapdev *sd = &swapdev[i];
	bool there;

	if (i >= SWAP_NDEV)
		return false;
	spin_enter(&swap_lock);
	there = sd->sd_blk != NULL;
	if (there) {
		strlcpy(si->si_path, sd->sd_path, sizeof(si->si_path));
		si->si_npages = sd->sd_usable;
		si->si_used = sd->sd_used;
		si->si_prio = sd->sd_prio;
	}
	spin_exit(&swap_lock);
	return there;
}

/* Check the header in page of a device of npages; its size, 0: not valid. */
static uint64_t
header_size(const char *page, uint64_t npages)
{
	const struct swap_header *sh = (const void *)(page + HEADER_OFF);

	if (memcmp(page + PAGE_SIZE - MAGIC_LEN, MAGIC, MAGIC_LEN) != 0 ||
	    sh->sh_version != 1 || sh->sh_last == 0 || sh->sh_last >= npages ||
	    sh->sh_nbad > nitems(sh->sh_bad) || sh->sh_nbad >= sh->sh_last)
		return 0;
	return (uint64_t)sh->sh_last + 1;
}

/* Take page 0 and what the header says is bad, for good. */
static int
map_init(struct swapdev *sd, const char *page)
{
	const struct swap_header *sh = (const void *)(page + HEADER_OFF);
	uint64_t i;

	take(sd, 0);
	sd->sd_usable = sd->sd_npages - 1;
	for (i = 0; i < sh->sh_nbad; i++) {
		if (sh->sh_bad[i] >= sd->sd_npages || taken(sd, sh->sh_bad[i]))
			return EINVAL;
		take(sd, sh->sh_bad[i]);
		sd->sd_usable--;
	}
	/* What does not exist is not free. */
	for (i = sd->sd_npages; i % 64 != 0; i++)
		sd->sd_map[i / 64] |= 1ull << (i % 64);
	return 0;
}

static size_t
map_len(const struct swapdev *sd)
{
	return (sd->sd_npages + 63) / 64 * sizeof(uint64_t);
}

/* Publish *new in a free place. */
static int
dev_add(const struct swapdev *new)
{
	struct swapdev *sd, *place = NULL;

	spin_enter(&swap_lock);
	for (sd = swapdev; sd < &swapdev[SWAP_NDEV]; sd++) {
		if (sd->sd_blk == new->sd_blk) {
			spin_exit(&swap_lock);
			return EBUSY;
		}
		if (sd->sd_blk == NULL && place == NULL)
			place = sd;
	}
	if (place != NULL) {
		*place = *new;
		if (new->sd_prio < 0)
			place->sd_prio = swap_nextprio--;
	}
	spin_exit(&swap_lock);
	if (place == NULL)
		return EPERM;
	atomic_fetch_add_explicit(&uvm_swap_total, new->sd_usable,
	    memory_order_relaxed);
	return 0;
}

int
uvm_swapon(struct blkdev *bd, int prio, const char *path)
{
	struct swapdev sd = {.sd_blk = bd, .sd_prio = prio, .sd_hint = 1};
	struct vm_page *pg;
	struct bio *b;
	int error;

	KASSERT(lock_none_above(RANK_MAP));
	pg = page_alloc(PK_KERNEL, 0);
	b = kmem_alloc(sizeof(*b), PA_ZERO);
	error = pg == NULL || b == NULL ? ENOMEM : 0;
	if (error == 0) {
		b->b_page[0] = pg;
		b->b_npages = 1;
		error = blk_io(bd, b);
	}
	if (error == 0) {
		sd.sd_npages = header_size(page_direct(pg), bd->bd_npages);
		error = sd.sd_npages == 0 ? EINVAL : 0;
	}
	if (error == 0) {
		sd.sd_map = kmem_alloc(map_len(&sd), PA_ZERO);
		error =
		    sd.sd_map == NULL ? ENOMEM : map_init(&sd, page_direct(pg));
	}
	strlcpy(sd.sd_path, path, sizeof(sd.sd_path));
	if (error == 0)
		error = dev_add(&sd);
	if (error != 0 && sd.sd_map != NULL)
		kmem_free(sd.sd_map, map_len(&sd));
	if (b != NULL)
		kmem_free(b, sizeof(*b));
	if (pg != NULL)
		page_free(pg);
	return error;
}

/* Set whether bd is leaving; its device, NULL: it was so already. */
static struct swapdev *
set_leaving(const struct blkdev *bd, bool leaving)
{
	struct swapdev *sd;

	spin_enter(&swap_lock);
	for (sd = swapdev; sd < &swapdev[SWAP_NDEV]; sd++)
		if (sd->sd_blk == bd)
			break;
	if (sd == &swapdev[SWAP_NDEV] || dev_leaving(sd) == leaving)
		sd = NULL;
	else
		atomic_store_explicit(&sd->sd_leaving, leaving,
		    memory_order_relaxed);
	spin_exit(&swap_lock);
	return sd;
}

/* Forget sd, if no slot of it is taken. */
static bool
dev_remove(struct swapdev *sd)
{
	uint64_t *map = sd->sd_map;
	size_t len = map_len(sd);
	u_long n = sd->sd_usable;
	bool gone;

	spin_enter(&swap_lock);
	gone = sd->sd_used == 0;
	if (gone)
		memset(sd, 0, sizeof(*sd));
	spin_exit(&swap_lock);
	if (gone) {
		atomic_fetch_sub_explicit(&uvm_swap_total, n,
		    memory_order_relaxed);
		kmem_free(map, len);
	}
	return gone;
}

int
uvm_swapoff(struct blkdev *bd)
{
	struct swapdev *sd;
	int error;

	KASSERT(lock_none_above(RANK_MAP));
	sd = set_leaving(bd, true);
	if (sd == NULL)
		return EINVAL;
	while (!dev_remove(sd)) {
		error = uvm_pageout_return();
		if (error != 0) {
			(void)set_leaving(bd, false);
			return error;
		}
	}
	return 0;
}
