/*
 * pmap_tlb.c: making CPUs forget translations.
 *
 * An operation changes entries, gathers what it changed, and flushes once,
 * with no lock held: here if this CPU may hold the translations, by one
 * message to each other CPU that may, or by one broadcast instruction where
 * the machine has it.
 *
 * Who may hold them.  A CPU sets its bit in pm_cpus before it loads the root
 * (pmap_activate()); we change the entry before we read pm_cpus:
 *
 *	activating CPU			this CPU
 *	A1  pm_cpus |= itself		B1  change the entry
 *	A2  seq_cst fence		B2  seq_cst fence
 *	A3  load the root, walk		B3  read pm_cpus
 *
 * Of the two fences one comes first in the order of all seq_cst operations.
 * If A2, then B3 sees A1 and the CPU gets our message.  If B2, then the walks
 * of A3 see B1, and there is nothing to forget.  (md_root_load() orders the
 * stores and fences before it against the walks after it, which a fence alone
 * does not on every machine.)  The same holds for pm_asid, which is written
 * before A2 and read after B2: who finds the old ASID there need not care for
 * the new one.
 *
 * A CPU's bit goes away only when it has dropped everything: after it loaded
 * another root on a machine without ASIDs, after a kick, or when the pmap gets
 * a new ASID.
 *
 * Messages.  The sender fills its own request, sets its bit in the box of each
 * target and waits until all have left pc_pending; so each CPU has at most one
 * request out, and it needs no queue.  While it waits it serves its own box:
 * two CPUs that want each other to flush both get on.
 */
#include <base/print.h>
#include <base/thread.h>
#include <port/machdep.h>

#include "pmap_var.h"

void
tlb_gather_init(struct tlb_gather *tg)
{
	tg->tg_cpus = 0;
	tg->tg_space = tg->tg_all = tg->tg_over = false;
	tg->tg_n = tg->tg_ndone = 0;
	TAILQ_INIT(&tg->tg_tables);
}

void
tlb_gather_pmap(struct tlb_gather *tg, struct pmap *pm)
{
	u_int asid;

	if (tg->tg_ndone == tg->tg_n && !tg->tg_over)
		return;
	atomic_thread_fence(memory_order_seq_cst);
	/*
	 * Acquire: whoever has left the space made his last accesses before
	 * what we do with the pages, which may be free next.
	 */
	tg->tg_cpus |= atomic_load_explicit(&pm->pm_cpus, memory_order_acquire);
	asid = (u_int)atomic_load_explicit(&pm->pm_asid, memory_order_relaxed) &
	       ASID_MASK;

	/* Too many of one pmap: its whole space.  Of several: everything. */
	if (tg->tg_over) {
		if (tg->tg_ndone == 0)
			tg->tg_space = true;
		else
			tg->tg_all = true;
		tg->tg_over = false;
	} else if (tg->tg_space) {
		tg->tg_all = true;
	}
	while (tg->tg_ndone < tg->tg_n)
		tg->tg_asid[tg->tg_ndone++] = asid;
}

void
tlb_gather_table(struct tlb_gather *tg, struct vm_page *table)
{
	KASSERT(page_kind(table) == PK_LOOSE);
	TAILQ_INSERT_TAIL(&tg->tg_tables, table, pg_link);
}

void
tlb_forget(struct pmap *pm, vaddr_t va)
{
	struct pmap_cpu *pc;
	u_int asid;

	preempt_disable();
	pc = pmap_curcpu();
	if (atomic_load_explicit(&pc->pc_cur, memory_order_relaxed) == pm) {
		asid = (u_int)atomic_load_explicit(&pm->pm_asid,
			   memory_order_relaxed) &
		       ASID_MASK;
		md_tlb_flush_pages(&asid, &va, 1);
		count_add(COUNT_TLB_FLUSH_PAGE, 1);
	}
	preempt_enable();
}

/* Flush what was gathered, on this CPU. */
static void
tlb_flush_local(const struct tlb_gather *tg)
{
	if (tg->tg_all) {
		md_tlb_flush_kernel();
		count_add(COUNT_TLB_FLUSH_ALL, 1);
	} else if (tg->tg_space) {
		md_tlb_flush_asid(tg->tg_asid[0]);
		count_add(COUNT_TLB_FLUSH_ALL, 1);
	} else {
		md_tlb_flush_pages(tg->tg_asid, tg->tg_va, tg->tg_n);
		count_add(COUNT_TLB_FLUSH_PAGE, tg->tg_n);
	}
}

/* The same on all CPUs, where an instruction does it. */
static void
tlb_flush_broadcast(const struct tlb_gather *tg)
{
	KASSERT(!tg->tg_all);
	if (tg->tg_space) {
		md_tlb_flush_asid_all(tg->tg_asid[0]);
		count_add(COUNT_TLB_FLUSH_ALL, 1);
		return;
	}
	md_tlb_flush_pages_all(tg->tg_asid, tg->tg_va, tg->tg_n);
	count_add(COUNT_TLB_FLUSH_PAGE, tg->tg_n);
}

/* Do what the CPU of id from asks of this one. */
static void
tlb_serve(struct pmap_cpu *pc, u_int from)
{
	struct pmap_cpu *req = cpu_table[from]->cpu_pmap;

	if (req->pc_kick != NULL) {
		if (atomic_load_explicit(&pc->pc_cur, memory_order_relaxed) ==
		    req->pc_kick) {
			/* A space is purged by its last thread. */
			KASSERT(pc->pc_lazy);
			pmap_drop(pc);
		}
		atomic_fetch_and_explicit(&req->pc_kick->pm_cpus,
		    ~CPUMASK(curcpu()->cpu_id), memory_order_release);
	} else {
		/*
		 * A root that is held for nothing but the saving of a load
		 * is not worth a second message.  Without ASIDs the kernel's
		 * root comes with no user translations at all.
		 */
		if (pc->pc_lazy)
			pmap_drop(pc);
		if (asid_count > 1 || atomic_load_explicit(&pc->pc_cur,
					  memory_order_relaxed) != &pmap_kernel)
			tlb_flush_local(req->pc_flush);
	}
	atomic_fetch_and_explicit(&req->pc_pending, ~CPUMASK(curcpu()->cpu_id),
	    memory_order_release);
}

void
tlb_handler(void)
{
	struct pmap_cpu *pc;
	cpumask_t from;
	bool on;

	/* Off: a nested handler could change what is loaded. */
	on = md_intr_disable();
	pc = pmap_curcpu();
	while (atomic_load_explicit(&pc->pc_box, memory_order_relaxed) != 0) {
		from = atomic_exchange_explicit(&pc->pc_box, 0,
		    memory_order_acquire);
		for (; from != 0; from &= from - 1)
			tlb_serve(pc, (u_int)__builtin_ctzll(from));
	}
	md_intr_restore(on);
}

/*
 * Send this CPU's request, which is filled in, to others; how many.
 */
static u_int
tlb_send(struct pmap_cpu *pc, cpumask_t cpus)
{
	u_int me = curcpu()->cpu_id, n = 0;
	struct pmap_cpu *to;
	cpumask_t left;

	KASSERT((cpus & CPUMASK(me)) == 0);
	KASSERT(md_intr_enabled());
	KASSERT(
	    atomic_load_explicit(&pc->pc_pending, memory_order_relaxed) == 0);
	atomic_store_explicit(&pc->pc_pending, cpus, memory_order_relaxed);
	for (left = cpus; left != 0; left &= left - 1) {
		to = cpu_table[__builtin_ctzll(left)]->cpu_pmap;
		/* Release: the request is read by who finds the bit. */
		atomic_fetch_or_explicit(&to->pc_box, CPUMASK(me),
		    memory_order_release);
		md_ipi((u_int)__builtin_ctzll(left), MD_IPI_TLB);
		n++;
	}
	count_add(COUNT_TLB_IPI, n);
	count_add(COUNT_TLB_ROUND, 1);
	return n;
}

static void
tlb_wait(struct pmap_cpu *pc)
{
	while (
	    atomic_load_explicit(&pc->pc_pending, memory_order_acquire) != 0) {
		tlb_handler();
		/* A stopped CPU answers nobody. */
		if (atomic_load_explicit(&panicking, memory_order_relaxed))
			break;
		md_cpu_relax();
	}
}

void
tlb_kick(struct pmap *pm, cpumask_t cpus)
{
	struct pmap_cpu *pc = pmap_curcpu();

	if (cpus == 0)
		return;
	pc->pc_kick = pm;
	count_add(COUNT_PURGE_KICK, tlb_send(pc, cpus));
	tlb_wait(pc);
	pc->pc_kick = NULL;
}

/* Free the tables that nothing can walk any more. */
static void
tlb_free_tables(struct tlb_gather *tg)
{
	struct vm_page *batch[TLB_NPAGE], *pg;
	u_int n = 0;

	while ((pg = TAILQ_FIRST(&tg->tg_tables)) != NULL) {
		TAILQ_REMOVE(&tg->tg_tables, pg, pg_link);
		page_flags_set(pg, PG_ZEROED);
		batch[n++] = pg;
		if (n == nitems(batch)) {
			page_free_batch(batch, n);
			n = 0;
		}
	}
	page_free_batch(batch, n);
}

bool
tlb_silent(void)
{
	return cpu_count() == 1 || md_tlb_broadcast();
}

void
tlb_gather_now(struct tlb_gather *tg)
{
	KASSERT(tlb_silent());
	KASSERT(tg->tg_ndone == tg->tg_n && !tg->tg_over);
	KASSERT(!tg->tg_all && TAILQ_EMPTY(&tg->tg_tables));
	if ((tg->tg_cpus & ~CPUMASK(curcpu()->cpu_id)) != 0)
		tlb_flush_broadcast(tg);
	else if (tg->tg_cpus != 0)
		tlb_flush_local(tg);
}

void
tlb_gather_flush(struct tlb_gather *tg)
{
	struct pmap_cpu *pc;
	cpumask_t here, others;

	KASSERT(tg->tg_ndone == tg->tg_n && !tg->tg_over);
	if (tg->tg_cpus != 0) {
		KASSERT(lock_none_above(RANK_FS));
		preempt_disable();
		pc = pmap_curcpu();
		here = CPUMASK(curcpu()->cpu_id);
		others = tg->tg_cpus & ~here;
		/* "All" is more than the ASIDs that we know of. */
		if (others != 0 && md_tlb_broadcast() && !tg->tg_all) {
			tlb_flush_broadcast(tg);
		} else {
			if (others != 0) {
				pc->pc_flush = tg;
				(void)tlb_send(pc, others);
			}
			if ((tg->tg_cpus & here) != 0)
				tlb_flush_local(tg);
			if (others != 0)
				tlb_wait(pc);
		}
		preempt_enable();
	}
	tlb_free_tables(tg);
	tlb_gather_init(tg);
}
