/*
 * procswap.c: what /proc says about paging: swaps and vmstat.
 */
#include <fs/procfs.h>

#include <sys/errno.h>
#include <uvm/swap.h>
#include <uvm/uvm.h>

#define PAGE_KIB (PAGE_SIZE / 1024)

int
show_swaps(struct pnode *pn, struct pbuf *pb)
{
	struct uvm_swapinfo si;
	u_int i;

	(void)pn;
	pb_puts(pb, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	for (i = 0; i < SWAP_NDEV; i++) {
		if (!uvm_swap_info(i, &si))
			continue;
		pb_printf(pb, "%-39s partition\t%lu\t\t%lu\t\t%d\n", si.si_path,
		    si.si_npages * PAGE_KIB, si.si_used * PAGE_KIB, si.si_prio);
	}
	return 0;
}

static void
line(struct pbuf *pb, const char *name, u_long n)
{
	pb_printf(pb, "%s %lu\n", name, n);
}

/*
 * Linux's names first, as proc_vmstat(5) has them, then the BSDs' for what
 * struct uvmexp counts.
 */
void
vmstat_paging(struct pbuf *pb)
{
	const struct uvm_pageout_stats *ps = &uvm_pageout_stats;

	line(pb, "pswpin", ps->ps_read);
	line(pb, "pswpout", ps->ps_written);
	line(pb, "pgscan_kswapd", ps->ps_scanned);
	line(pb, "pgsteal_kswapd", ps->ps_freed);
	line(pb, "swap_ra", ps->ps_ahead);
	line(pb, "swpages",
	    atomic_load_explicit(&uvm_swap_total, memory_order_relaxed));
	line(pb, "swpginuse",
	    atomic_load_explicit(&uvm_swap_used, memory_order_relaxed));
	line(pb, "pdwoke", ps->ps_wakeups);
	line(pb, "pdscans", ps->ps_scanned);
	line(pb, "pdpageouts", ps->ps_written);
	line(pb, "pdfreed", ps->ps_freed);
	line(pb, "pdreact", ps->ps_kept);
	line(pb, "pdioerrors", ps->ps_errors);
}
