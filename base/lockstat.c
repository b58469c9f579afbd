/*
 * lockstat.c: the lock profile; only in kernels built with LOCKSTAT=1.
 *
 * A thread keeps a list of what it holds or waits for, since when and where it
 * was taken.  With the release that becomes part of a line in a table of the
 * CPU that it happens on, which only this CPU writes, interrupts off.  The lock
 * itself is not touched, and nothing is written that CPUs share.
 */
#include <base/lockstat.h>

#include <port/machdep.h>
#include <base/print.h>
#include <base/thread.h>

#include "base_impl.h"

static struct lockstat stats[MAXCPU][LOCKSTAT_NSITE];

#define NAME(rank) [RANK_##rank] = #rank
static const char *const names[RANK_MAX] = {NAME(FILE), NAME(BIG), NAME(VNODE),
    NAME(PROCTREE), NAME(PROFILE), NAME(PROC), NAME(VMPTR), NAME(MOUNT),
    NAME(SHM), NAME(PAGEOUT), NAME(MAP), [RANK_MAP + 1] = "MAP (nested)",
    NAME(AMAP), [RANK_AMAP + 1] = "AMAP (nested)", NAME(OBJECT), NAME(PHYSLOAN),
    NAME(FS), NAME(FUTEX), NAME(PMAP), NAME(TABLE),
    [RANK_TABLE + 1] = "TABLE (nested)", NAME(PV), NAME(PAGEQ), NAME(SWAP),
    NAME(POOL), [RANK_POOL + 1] = "POOL (slabs)", NAME(PHYS),
    [RANK_PHYS + 1] = "PHYS (buddy)", NAME(EPOCH), NAME(VIRTIO), NAME(SIG),
    NAME(BLK), NAME(TTY), NAME(SIGACT), NAME(SLEEPQ), NAME(TIMEOUT), NAME(RUNQ),
    NAME(ASID), NAME(LOG)};

const char *
lockstat_name(u_int rank)
{
	return rank < RANK_MAX && names[rank] != NULL ? names[rank] : "?";
}

/* What td has of that rank; make: or a new one.  NULL: nothing, or no room. */
static struct lockhold *
hold(struct thread *td, u_int rank, bool make)
{
	struct lockhold *lh, *free = NULL;

	for (lh = td->td_hold; lh < td->td_hold + LOCKSTAT_NHELD; lh++) {
		if (lh->lh_rank == rank)
			return lh;
		if (lh->lh_rank == 0)
			free = lh;
	}
	if (!make || free == NULL)
		return NULL;
	*free = (struct lockhold){.lh_rank = rank};
	return free;
}

void
lockstat_wait(u_int rank)
{
	bool intr = md_intr_disable();
	struct lockhold *lh = hold(curthread(), rank, true);

	if (lh != NULL && lh->lh_wait == 0)
		lh->lh_wait = md_cycles();
	md_intr_restore(intr);
}

void
lockstat_taken(u_int rank, uintptr_t site)
{
	bool intr = md_intr_disable();
	struct lockhold *lh = hold(curthread(), rank, true);

	if (lh != NULL) {
		lh->lh_since = md_cycles();
		lh->lh_site =
		    site != 0 ? site : (uintptr_t)__builtin_return_address(0);
	}
	md_intr_restore(intr);
}

/* The line of CPU id for that class and place; a free one; NULL: no room. */
static struct lockstat *
find(u_int id, u_int rank, uintptr_t site)
{
	struct lockstat *ls;
	uintptr_t there;
	u_int i;

	for (i = 0; i < LOCKSTAT_NSITE; i++) {
		ls = &stats[id][(site + site / 64 + rank + i) % LOCKSTAT_NSITE];
		there =
		    atomic_load_explicit(&ls->ls_site, memory_order_acquire);
		if (there == 0 ||
		    (there == site && atomic_load_explicit(&ls->ls_rank,
					  memory_order_relaxed) == rank))
			return ls;
	}
	return NULL;
}

static uint64_t
get(const _Atomic(uint64_t) *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

static void
add(_Atomic(uint64_t) *p, uint64_t n)
{
	atomic_store_explicit(p, get(p) + n, memory_order_relaxed);
}

static void
most(_Atomic(uint64_t) *p, uint64_t n)
{
	if (n > get(p))
		atomic_store_explicit(p, n, memory_order_relaxed);
}

void
lockstat_left(u_int rank)
{
	bool intr = md_intr_disable();
	struct lockhold *lh = hold(curthread(), rank, false);
	struct lockstat *ls;
	uint64_t held;

	if (lh == NULL) {
		md_intr_restore(intr);
		return;
	}
	ls = find(curcpu()->cpu_id, rank, lh->lh_site);
	if (ls != NULL) {
		held = md_cycles() - lh->lh_since;
		add(&ls->ls_acquired, 1);
		add(&ls->ls_held, held);
		most(&ls->ls_heldmax, held);
		if (lh->lh_wait != 0) {
			add(&ls->ls_contended, 1);
			add(&ls->ls_waited, lh->lh_since - lh->lh_wait);
			most(&ls->ls_waitmax, lh->lh_since - lh->lh_wait);
		}
		atomic_store_explicit(&ls->ls_rank, rank, memory_order_relaxed);
		atomic_store_explicit(&ls->ls_site, lh->lh_site,
		    memory_order_release);
	}
	lh->lh_rank = 0;
	md_intr_restore(intr);
}

bool
lockstat_get(u_int i, struct lockstat *sum)
{
	struct lockstat *ls = &stats[i / LOCKSTAT_NSITE][i % LOCKSTAT_NSITE];
	uintptr_t site =
	    atomic_load_explicit(&ls->ls_site, memory_order_acquire);
	u_int rank = atomic_load_explicit(&ls->ls_rank, memory_order_relaxed);
	u_int id;

	*sum = (struct lockstat){.ls_site = site, .ls_rank = rank};
	for (id = 0; site != 0 && id < cpu_count(); id++) {
		ls = find(id, rank, site);
		if (ls == NULL || get(&ls->ls_acquired) == 0)
			continue;
		if (id < i / LOCKSTAT_NSITE)
			return false;
		add(&sum->ls_acquired, get(&ls->ls_acquired));
		add(&sum->ls_contended, get(&ls->ls_contended));
		add(&sum->ls_held, get(&ls->ls_held));
		most(&sum->ls_heldmax, get(&ls->ls_heldmax));
		add(&sum->ls_waited, get(&ls->ls_waited));
		most(&sum->ls_waitmax, get(&ls->ls_waitmax));
	}
	return site != 0;
}

static void
reset(void)
{
	u_int id = curcpu()->cpu_id;

	memset(stats[id], 0, sizeof(stats[id]));
}

/* On each CPU, so that nothing is being added there. */
void
lockstat_reset(void)
{
	cpu_each(reset);
}
