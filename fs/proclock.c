/*
 * proclock.c: /proc/vmspace/lockstat; only in kernels built with LOCKSTAT=1.
 */
#include <fs/procfs.h>

#include <sys/errno.h>
#include <port/machdep.h>
#include <base/cpu.h>
#include <base/lockstat.h>
#include <base/print.h>

static u_long
count(const _Atomic(uint64_t) *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

/* Of cycles. */
static u_long
ns(const _Atomic(uint64_t) *p)
{
	return (u_long)md_cycles_ns(count(p));
}

int
lockstat_show(struct pnode *pn __unused, struct pbuf *pb)
{
	struct lockstat ls;
	uintptr_t site, off;
	const char *name;
	u_int i, rank;

	pb_printf(pb, "%-14s %10s %9s %12s %9s %12s %9s  %s\n", "lock",
	    "acquired", "contended", "held ns", "longest", "waited ns",
	    "longest", "site");
	for (i = 0; i < LOCKSTAT_NSITE * cpu_count(); i++) {
		if (!lockstat_get(i, &ls))
			continue;
		rank = atomic_load_explicit(&ls.ls_rank, memory_order_relaxed);
		site = atomic_load_explicit(&ls.ls_site, memory_order_relaxed);
		/* Of the call, not of what is behind it. */
		name = md_symbol(site - 1, &off);
		pb_printf(pb,
		    "%-14s %10lu %9lu %12lu %9lu %12lu %9lu  %s+%#lx\n",
		    lockstat_name(rank), count(&ls.ls_acquired),
		    count(&ls.ls_contended), ns(&ls.ls_held),
		    ns(&ls.ls_heldmax), ns(&ls.ls_waited), ns(&ls.ls_waitmax),
		    name != NULL ? name : "?", off + 1);
	}
	return 0;
}

int
lockstat_write(struct pnode *pn __unused, char *text, size_t len __unused)
{
	if (!cred_is_root())
		return EPERM;
	if (strcmp(text, "reset") != 0)
		return EINVAL;
	lockstat_reset();
	return 0;
}
