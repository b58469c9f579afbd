/*
 * vms_noswap.c: uvm without swap, for tiers 1 to 3.
 *
 * No page has a slot, so what would read or free one cannot be reached; and
 * nothing is paged out, so nobody needs to be in a queue for it.
 */
#include "../uvm/uvm_local.h"
#include "../uvm/uvm_pageout.h"
#include "vms_local.h"

_Atomic(u_long) uvm_swap_total;
_Atomic(u_long) uvm_swap_used;

void
vms_pressure_init(void)
{
}

void
scan_insert(struct scan_item *si __unused, enum scan_kind kind __unused)
{
}

void
scan_remove(struct scan_item *si __unused, struct rwlock *lock __unused)
{
}

bool
uvm_pageout_wait(void)
{
	return false;
}

bool
swap_crowded(void)
{
	return false;
}

bool
swap_on_leaving(swslot_t slot __unused)
{
	return false;
}

void
swap_free(swslot_t slot __unused, u_int n __unused)
{
	panic("a swap slot without swap");
}

struct blkdev *
swap_bio(swslot_t slot __unused, struct bio *b __unused)
{
	panic("a swap slot without swap");
}

int
blk_io(struct blkdev *bd __unused, struct bio *b __unused)
{
	panic("a swap slot without swap");
}

void
pageout_count_read(u_int n __unused)
{
}
