/*
 * uvm_init.c: bringing the layer up, and what it says about memory.
 */
#include <uvm/uvm.h>

#include <base/epoch.h>
#include <phys/pool.h>

#include "uvm_local.h"

const struct uvm_upcalls *uvm_upcalls;

void
uvm_init(void)
{
	radix_boot();
	amap_boot();
	uao_boot();
	uvm_map_boot();
	uvmspace_boot();
}

/* Free pages, *slackp of them in pools. */
static u_long
count_free(u_long *slackp)
{
	/* What waits for its grace period makes no difference. */
	epoch_settle();
	pool_drain_all();
	*slackp = pool_slack();
	return phys_free_count() + *slackp;
}

u_long
uvm_free_pages(void)
{
	u_long slack;

	return count_free(&slack);
}

void
uvm_stats(struct uvm_stats *st)
{
	st->us_total = phys_total();
	st->us_free = count_free(&st->us_slack);
	st->us_anon = phys_kind_count(PK_ANON);
	st->us_object = phys_kind_count(PK_OBJECT);
	st->us_kernel = phys_kind_count(PK_KERNEL) - st->us_slack;
	st->us_table = phys_kind_count(PK_TABLE);
}
