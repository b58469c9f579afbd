/*
 * bare.c (vmsim): the primitives, with nothing above them.
 *
 * What an order is there for is hard to see in a whole kernel: there is always
 * another lock or a message that orders the same accesses once more.  Here
 * each CPU makes the few steps that depend on it and no others, and the search
 * of all stale reads ends.  Plain data show as races what is not ordered; what
 * must not happen otherwise is checked, or nobody wakes up and the machine is
 * stuck.  tests/sim/orders has the settings of each; tools/orders weakens one
 * by one the orders that they execute.
 *
 * Instrumented, as the kernel is.
 */
#include <sys/errno.h>
#include <base/cpu.h>
#include <base/epoch.h>
#include <base/print.h>
#include <base/refcount.h>
#include <base/thread.h>
#include <dev/blk.h>
#include <phys/page.h>
#include <pmap/pmap.h>
#include <port/machdep.h>

#include "../../base/base_impl.h"
#include "../../uvm/uvm_local.h"
#include "../../uvm/uvm_pageout.h"
#include "sim.h"

#define CHECK(e)                                                               \
	do {                                                                   \
		if (!(e))                                                      \
			det_fail("line %d: not %s", __LINE__, #e);             \
	} while (0)

static u_long shared_word; /* plain */

/*
 * CPUs that come, and look at all that are there.
 */
static void
attach_body(u_int cpu __unused)
{
	(void)count_sum(COUNT_SWITCH);
}

/*
 * Reference counts.  Whoever is last sees what the others did.
 */
static refcount_t refs;
static u_long held[4];

static void
refs_setup(void)
{
	refcount_init(&refs, sim_ncpu - 1);
}

/* In a function of its own, lest its fence be made one with another. */
static __noinline bool
refs_last(void)
{
	return refcount_release_if_last(&refs);
}

static void
refs_body(u_int cpu)
{
	u_int i;

	bare_gate();
	held[cpu] = 1;
	if (cpu == 1 ? !refs_last() && !refcount_release(&refs)
		     : !refcount_release(&refs))
		return;
	for (i = 1; i < sim_ncpu; i++)
		CHECK(held[i]++ == 1);
}

/*
 * Epochs.  Body 1 looks at what body 2 replaces and reclaims; 3 advances.
 */
static struct item {
	struct epoch_entry it_entry;
	u_long it_val;
} items[2];
static _Atomic(struct item *) shown;

static void
epoch_setup(void)
{
	items[0].it_val = items[1].it_val = 1;
	atomic_store_explicit(&shown, &items[0], memory_order_relaxed);
}

static void
epoch_look(void)
{
	struct item *it;

	epoch_enter();
	it = atomic_load_explicit(&shown, memory_order_relaxed);
	CHECK(it->it_val == 1);
	epoch_exit();
}

static void
item_reclaim(struct epoch_entry *ee)
{
	container_of(ee, struct item, it_entry)->it_val = 0;
}

static void
epoch_wait_body(u_int cpu)
{
	bare_gate();
	if (cpu == 1) {
		epoch_look();
	} else if (cpu == 2) {
		atomic_store_explicit(&shown, &items[1], memory_order_relaxed);
		epoch_wait();
		items[0].it_val = 0;
	} else {
		epoch_poll();
		epoch_poll();
	}
}

static void
epoch_call_body(u_int cpu)
{
	bare_gate();
	if (cpu == 1) {
		epoch_look();
	} else if (cpu == 2) {
		atomic_store_explicit(&shown, &items[1], memory_order_relaxed);
		epoch_call(&items[0].it_entry, item_reclaim);
		epoch_poll();
		epoch_poll();
	} else {
		epoch_poll();
		epoch_poll();
	}
}

/* Who sees that nothing is pending sees what the callbacks did. */
static void
epoch_pending_body(u_int cpu)
{
	u_int i;

	if (cpu == 1)
		epoch_call(&items[0].it_entry, item_reclaim);
	bare_gate();
	for (i = 0; i < 3; i++)
		epoch_poll();
	if (cpu == 1 && epoch_pending() == 0)
		CHECK(items[0].it_val == 0);
}

/* The worker is about to sleep when there is more to do. */
static struct spin called_lock = SPIN_INITIALIZER(RANK_SIG);
static u_long ncalled;

static void
called(struct epoch_entry *ee __unused)
{
	spin_enter(&called_lock);
	ncalled++;
	wakeup(&ncalled);
	spin_exit(&called_lock);
}

static void
epoch_kick_body(u_int cpu)
{
	u_long n;

	bare_gate();
	if (cpu == 2)
		thread_exit(NULL);
	for (n = 0; n < 2; n++) {
		epoch_call(&items[n].it_entry, called);
		spin_enter(&called_lock);
		while (ncalled == n)
			(void)sleep_spin(&ncalled, &called_lock, 0, 0, "call");
		spin_exit(&called_lock);
	}
	det_end();
}

/*
 * Locks.
 */
static struct cpulock cpulock;

static void
cpulock_setup(void)
{
	cpulock_init(&cpulock, RANK_SPIN);
}

static void
cpulock_body(u_int cpu __unused)
{
	bare_gate();
	cpulock_enter(&cpulock);
	shared_word++;
	cpulock_exit(&cpulock);
}

/* Until the gate opens nobody spins: with one CPU there is no use. */
static void
sleepers_setup(void)
{
	atomic_store_explicit(&cpu_n, 1, memory_order_relaxed);
}

/* 1 lets go of what 2 sleeps for; 3 comes at that moment. */
static struct mutex mutex = MUTEX_INITIALIZER(RANK_MAP);

static void
mutex_body(u_int cpu)
{
	if (cpu == 2)
		bare_wait(1);
	else if (cpu == 3)
		bare_gate();
	mutex_enter(&mutex);
	shared_word++;
	if (cpu == 1) {
		bare_next();
		bare_gate();
		shared_word++;
	}
	mutex_exit(&mutex);
}

static struct rwlock rwlock = RW_INITIALIZER(RANK_MAP);

/* Nobody sleeps. */
static void
rw_plain_body(u_int cpu)
{
	bare_gate();
	if (cpu == 3) {
		rw_read_enter(&rwlock);
		CHECK(shared_word <= 2);
	} else {
		rw_write_enter(&rwlock);
		shared_word++;
		if (cpu == 2)
			rw_downgrade(&rwlock);
	}
	rw_exit(&rwlock);
}

/* As the mutex; 2 and 3 read. */
static void
rw_heir_body(u_int cpu)
{
	if (cpu == 1) {
		rw_write_enter(&rwlock);
		bare_next();
		bare_gate();
		shared_word++;
		rw_exit(&rwlock);
		return;
	}
	if (cpu == 2)
		bare_wait(1);
	else
		bare_gate();
	rw_read_enter(&rwlock);
	CHECK(shared_word <= 1);
	rw_exit(&rwlock);
}

/* A writer waits until two readers have gone. */
static void
rw_readers_body(u_int cpu)
{
	if (cpu == 3) {
		bare_wait(2);
		rw_write_enter(&rwlock);
		shared_word = 2;
		rw_exit(&rwlock);
		return;
	}
	bare_wait(cpu - 1);
	rw_read_enter(&rwlock);
	bare_next();
	bare_gate();
	CHECK(shared_word == 0);
	rw_exit(&rwlock);
}

/* A writer becomes a reader; 2 waits to read, and 3 comes. */
static void
rw_downgrade_body(u_int cpu)
{
	if (cpu == 1) {
		rw_write_enter(&rwlock);
		bare_next();
		bare_gate();
		shared_word++;
		rw_downgrade(&rwlock);
		CHECK(shared_word == 1);
		rw_exit(&rwlock);
		return;
	}
	if (cpu == 2)
		bare_wait(1);
	else
		bare_gate();
	rw_read_enter(&rwlock);
	CHECK(shared_word <= 1);
	rw_exit(&rwlock);
}

/*
 * The scheduler.
 */

/* 2 is about to idle when somebody queues behind 1, which stays. */
static struct thread extra;
static uint8_t extra_stack[KSTACK_SIZE] __aligned(PAGE_SIZE);
static _Atomic(bool) extra_ran;

static void
extra_fn(void *arg __unused)
{
	atomic_store_explicit(&extra_ran, true, memory_order_relaxed);
	thread_exit(NULL);
}

static void
idle_setup(void)
{
	thread_init(&extra, extra_stack, "extra", extra_fn, NULL);
	thread_setaffinity(&extra, CPUMASK(1) | CPUMASK(2));
}

#define PATIENCE 20 /* turns without news */

static void
idle_body(u_int cpu)
{
	u_int turns;

	bare_gate();
	if (cpu == 2)
		thread_exit(NULL);
	(void)md_intr_disable();
	thread_ready(&extra);
	for (turns = 0; turns < PATIENCE; turns++) {
		if (atomic_load_explicit(&extra_ran, memory_order_relaxed))
			det_end();
		md_cpu_relax();
	}
	CHECK(!"anybody came");
}

/* A signal to who is about to sleep. */
static struct spin sleep_lock = SPIN_INITIALIZER(RANK_SIG);
static _Atomic(struct thread *) sleeper;

static void
sleep_body(u_int cpu)
{
	struct thread *td;
	int error;

	if (cpu == 1) {
		atomic_store_explicit(&sleeper, curthread(),
		    memory_order_relaxed);
		bare_next();
		bare_gate();
		spin_enter(&sleep_lock);
		error = sleep_spin(&sleep_lock, &sleep_lock, SLEEP_INTR, 0,
		    "signal");
		spin_exit(&sleep_lock);
		CHECK(error == EINTR);
		return;
	}
	bare_wait(1);
	bare_gate();
	td = atomic_load_explicit(&sleeper, memory_order_relaxed);
	atomic_store_explicit(&td->td_sigpend, true, memory_order_relaxed);
	thread_interrupt(td);
}

/*
 * The clock of a thread: it came at 1, was away from 11 to 101, and went at
 * 106.  Whatever is read was the truth at some time.
 */
static struct thread timed;

static void
clock_setup(void)
{
	bool on = md_intr_disable();

	bare_tick(1);
	thread_clock_start(&timed);
	md_intr_restore(on);
}

static void
clock_body(u_int cpu)
{
	uint64_t user, sys;
	bool on;

	bare_gate();
	if (cpu == 2) {
		thread_times(&timed, &user, &sys);
		sys += user;
		CHECK(sys == 0 || sys == 10 || sys == 15 || sys == 100 ||
		      sys == 105);
		return;
	}
	on = md_intr_disable();
	bare_tick(11);
	thread_clock_stop(&timed);
	bare_tick(101);
	thread_clock_start(&timed);
	bare_tick(106);
	thread_clock_stop(&timed);
	md_intr_restore(on);
}

/*
 * Spaces.
 */
#define VA  0x10000000ul
#define ROW (VA + PMAP_NGROUP * PAGE_SIZE)
#define RW  (PROT_READ | PROT_WRITE)

static struct pmap *spaces[7];
static struct vm_page *pages[7]; /* the first word of each is its number */

static void
map(struct pmap *pm, vaddr_t va, struct vm_page *pg, vm_prot_t prot)
{
	CHECK(pmap_enter(pm, va, page_to_phys(pg), prot, prot) == 0);
}

/* Spaces that map nothing. */
static void
empty_setup(void)
{
	u_int i;

	for (i = 0; i < nitems(spaces); i++) {
		CHECK(pmap_create(&spaces[i], NULL) == 0);
		pages[i] = page_alloc(PK_LOOSE, PA_ZERO);
		CHECK(pages[i] != NULL);
		*(u_long *)page_direct(pages[i]) = i;
	}
}

/* Each maps its page. */
static void
spaces_setup(void)
{
	u_int i;

	empty_setup();
	for (i = 0; i < nitems(spaces); i++)
		map(spaces[i], VA, pages[i], RW);
}

/* It is in space n, or what that was is gone. */
static void
look(u_int n)
{
	u_long val;

	if (bare_access(VA, false, &val))
		CHECK(val == n);
}

/* 1 begins to translate through what 2 takes away. */
static void
activate_body(u_int cpu)
{
	bare_gate();
	if (cpu == 1) {
		pmap_activate(spaces[0]);
		look(0);
	} else {
		pmap_remove(spaces[0], VA, VA + PAGE_SIZE);
		page_free(pages[0]);
	}
}

/* 1 keeps a root that it does not need, and goes on to another, or none. */
static void
holders(u_int cpu, struct pmap *next)
{
	if (cpu == 1) {
		pmap_activate(spaces[0]);
		look(0);
		pmap_deactivate(spaces[0]);
	}
	bare_gate();
	if (cpu == 1) {
		look(0);
		pmap_activate(next);
	} else {
		pmap_purge(spaces[0]);
		(void)pmap_remove_all(spaces[0]);
		page_free(pages[0]);
	}
}

static void
holders_body(u_int cpu)
{
	holders(cpu, spaces[1]);
}

static void
drop_body(u_int cpu)
{
	holders(cpu, &pmap_kernel);
}

/* 1 purges a space of its own, 2 takes a page from whoever maps it. */
static void
purge_body(u_int cpu)
{
	if (cpu == 1)
		pmap_activate(spaces[0]);
	bare_gate();
	if (cpu == 1) {
		look(0);
		pmap_purge(spaces[0]);
	} else {
		pmap_page_remove(pages[0]);
		page_free(pages[0]);
	}
}

/* The same; 3 keeps the root, and is asked to let go. */
static void
kick_body(u_int cpu)
{
	if (cpu == 3) {
		pmap_activate(spaces[0]);
		pmap_deactivate(spaces[0]);
	}
	bare_gate();
	if (cpu == 1) {
		pmap_purge(spaces[0]);
	} else if (cpu == 2) {
		pmap_page_remove(pages[0]);
		page_free(pages[0]);
	} else {
		look(0);
	}
}

/* More spaces than numbers. */
static void
asid_body(u_int cpu)
{
	u_int n = cpu - 1;

	pmap_activate(spaces[n]);
	look(n);
	bare_gate();
	pmap_activate(spaces[n + 2]);
	look(n + 2);
	pmap_activate(spaces[n]);
	look(n);
}

/* Numbers are given out anew while a space comes to another CPU. */
static void
asid_again_body(u_int cpu)
{
	u_int last = md_asid_count() - 1, i;

	if (cpu == 1) {
		for (i = 0; i < last; i++)
			pmap_activate(spaces[i]);
		bare_next();
		bare_gate();
		pmap_activate(spaces[last]); /* a new generation */
		pmap_activate(spaces[0]);
		look(0);
		pmap_remove(spaces[0], VA, VA + PAGE_SIZE);
		page_free(pages[0]);
	} else {
		bare_wait(1);
		pmap_activate(spaces[1]);
		bare_gate();
		pmap_activate(spaces[last]);
		pmap_activate(spaces[0]);
		look(0);
	}
}

/*
 * 1 leaves a space for another, or for none.  Then numbers are given out anew,
 * somebody comes to the space, and somebody takes its page: all of that 2, or 2
 * the first, 3 the rest, or one each.
 */
static void
left_body(u_int cpu, bool drop)
{
	u_int last = md_asid_count() - 1, i, n = sim_ncpu - 1;

	if (cpu == 1)
		pmap_activate(spaces[0]);
	for (i = 1; cpu == 2 && i < last; i++)
		pmap_activate(spaces[i]);
	bare_gate();
	if (cpu == 1) {
		look(0);
		pmap_activate(drop ? &pmap_kernel : spaces[1]);
	}
	if (cpu == 2)
		pmap_activate(spaces[last]); /* a new generation */
	if (cpu == MIN(n, 3))
		pmap_activate(spaces[0]);
	if (cpu == n) {
		pmap_page_remove(pages[0]);
		page_free(pages[0]);
	}
}

static void
left_body_other(u_int cpu)
{
	left_body(cpu, false);
}

static void
left_body_none(u_int cpu)
{
	left_body(cpu, true);
}

/* Both make the tables of one place. */
static void
descend_body(u_int cpu)
{
	u_long val;

	bare_gate();
	map(spaces[0], VA + (vaddr_t)cpu * PAGE_SIZE, pages[cpu], RW);
	pmap_activate(spaces[0]);
	CHECK(bare_access(VA + (vaddr_t)cpu * PAGE_SIZE, false, &val));
	CHECK(val == cpu);
}

/* 2 looks for what 1 maps. */
static void
next_body(u_int cpu)
{
	bare_gate();
	if (cpu == 1)
		map(spaces[0], VA, pages[0], RW);
	else
		CHECK(pmap_resident(spaces[0]) <= 1);
}

/* What was written through a mapping is known when there is none. */
static void
carry_body(u_int cpu)
{
	bare_gate();
	if (cpu == 1)
		pmap_remove(spaces[0], VA, VA + PAGE_SIZE);
	else
		CHECK(pmap_is_modified(pages[0]));
}

static void
carry_mapped_body(u_int cpu)
{
	bare_gate();
	if (cpu == 1)
		pmap_remove(spaces[0], VA, VA + PAGE_SIZE);
	else if (!pmap_page_mapped(pages[0]))
		CHECK(atomic_load_explicit(&pages[0]->pg_mod,
		    memory_order_relaxed));
}

/* The same, the one mapping being one that was not the first. */
static void
link_setup(void)
{
	empty_setup();
	map(spaces[1], VA, pages[0], PROT_READ);
	map(spaces[0], VA, pages[0], RW);
	pmap_remove(spaces[1], VA, VA + PAGE_SIZE);
}

/* A page is filled, then mapped; whoever can reads it. */
static void
fill_setup(void)
{
	empty_setup();
	/* The tables are there: making them would order the rest. */
	map(spaces[0], VA + PAGE_SIZE, pages[1], RW);
}

static void
fill_body(u_int cpu)
{
	u_long val;

	if (cpu == 2)
		pmap_activate(spaces[0]);
	bare_gate();
	if (cpu == 2) {
		if (bare_access(VA, false, &val))
			CHECK(val == 7);
		return;
	}
	*(u_long *)page_direct(pages[0]) = 7;
	map(spaces[0], VA, pages[0], RW);
}

static void
fill_more(u_int cpu, bool fresh)
{
	u_long val;

	if (cpu == 2)
		pmap_activate(spaces[0]);
	bare_gate();
	if (cpu == 2) {
		if (bare_access(VA, false, &val))
			CHECK(val == 7);
		return;
	}
	*(u_long *)page_direct(pages[0]) = 7;
	pmap_enter_more(spaces[0], VA, &pages[0], 1, VA, RW, fresh);
}

static void
fill_more_body(u_int cpu)
{
	fill_more(cpu, false);
}

static void
fill_new_body(u_int cpu)
{
	fill_more(cpu, true);
}

/* The same, where the CPU has the table at hand. */
static void
fill_used_body(u_int cpu)
{
	u_long val;

	if (cpu == 2)
		pmap_activate(spaces[0]);
	else
		map(spaces[0], VA + 2 * PAGE_SIZE, pages[2], RW);
	bare_gate();
	if (cpu == 2) {
		if (bare_access(VA, false, &val))
			CHECK(val == 7);
		return;
	}
	*(u_long *)page_direct(pages[0]) = 7;
	CHECK(pmap_enter_used(spaces[0], VA, pages[0], RW, true) == 0);
}

/* As fill-new, of pages in a row, which the machine may translate as one. */
static struct vm_page *row[PMAP_NGROUP];

static void
row_setup(void)
{
	struct vm_page *run = page_alloc_run(PK_LOOSE, 4, PA_ZERO);
	u_int i;

	_Static_assert(PMAP_NGROUP == 1 << 4, "a row is a run of that order");
	fill_setup();
	CHECK(run != NULL);
	for (i = 0; i < PMAP_NGROUP; i++)
		row[i] = run + i;
}

static void
fill_group_body(u_int cpu)
{
	u_long val;
	u_int i;

	if (cpu == 2)
		pmap_activate(spaces[0]);
	bare_gate();
	if (cpu == 2) {
		if (bare_access(ROW + 3 * PAGE_SIZE, false, &val))
			CHECK(val == 7);
		return;
	}
	*(u_long *)page_direct(row[3]) = 7;
	if (!pmap_enter_group(spaces[0], ROW, row, ROW, RW))
		for (i = 0; i < PMAP_NGROUP; i++)
			map(spaces[0], ROW + (vaddr_t)i * PAGE_SIZE, row[i],
			    RW);
}

/* 1 may write again when 3 has read; 2, of the same space, does. */
static void
widen_setup(void)
{
	empty_setup();
	refcount_init(&refs, 2);
	map(spaces[0], VA, pages[0], PROT_READ);
}

static void
widen_body(u_int cpu)
{
	u_long val = 5;

	if (cpu == 2)
		pmap_activate(spaces[0]);
	bare_gate();
	if (cpu == 1) {
		if (refcount_alone(&refs))
			map(spaces[0], VA, pages[0], RW);
	} else if (cpu == 2) {
		(void)bare_access(VA, true, &val);
	} else {
		CHECK(*(u_long *)page_direct(pages[0]) == 0);
		(void)refcount_release(&refs);
	}
}

/*
 * A leaf table that two spaces use.  1 takes leave of it, 2 unmaps something
 * else of what was there, and 3 had used that.
 */
static _Atomic(bool) unmapped;

static void
part_setup(void)
{
	empty_setup();
	map(spaces[0], VA, pages[0], PROT_READ);
	map(spaces[0], VA + PAGE_SIZE, pages[1], PROT_READ);
	/* The tables above stay. */
	map(spaces[0], 2 * VA, pages[3], PROT_READ);
	pmap_fork(spaces[0], spaces[1], 0, VM_MAXUSER_ADDRESS, NULL);
}

static void
part_body(u_int cpu)
{
	u_long val;

	pmap_activate(spaces[0]);
	if (cpu == 3)
		(void)bare_access(VA + PAGE_SIZE, false, &val);
	bare_gate();
	if (cpu == 1) {
		map(spaces[0], VA, pages[2], RW);
	} else if (cpu == 2) {
		pmap_remove(spaces[0], VA + PAGE_SIZE, VA + 2 * PAGE_SIZE);
		bare_completed(VA + PAGE_SIZE);
		atomic_store_explicit(&unmapped, true, memory_order_release);
	} else if (atomic_load_explicit(&unmapped, memory_order_acquire)) {
		(void)bare_access(VA + PAGE_SIZE, false, &val);
	}
}

/*
 * Two spaces leave a table at the same time, 4 stays in the middle of it: 5 does
 * not answer.  1 is the last, so nothing is mapped any more; 2 unmaps what 3 had
 * used, and frees it.
 */
static void
part_last_body(u_int cpu)
{
	u_long val;

	if (cpu == 3) {
		pmap_activate(spaces[0]);
		(void)bare_access(VA + PAGE_SIZE, false, &val);
	} else if (cpu == 4) {
		bare_wait(1);
		map(spaces[1], VA, pages[4], RW);
	} else if (cpu == 5) {
		(void)md_intr_disable();
		pmap_activate(spaces[1]);
		bare_next();
	}
	bare_gate();
	if (cpu == 1) {
		map(spaces[0], VA, pages[2], RW);
	} else if (cpu == 2) {
		pmap_remove(spaces[0], VA + PAGE_SIZE, VA + 2 * PAGE_SIZE);
		if (!pmap_page_mapped(pages[1]))
			page_free(pages[1]);
		det_end();
	} else if (cpu == 3) {
		(void)bare_access(VA + PAGE_SIZE, false, &val);
	} else {
		for (;;)
			md_cpu_relax();
	}
}

/*
 * Anonymous memory.
 */
static struct vm_anon *anon;
static struct vm_amap *amap;

static void
anon_setup(void)
{
	struct vm_page *pg;

	uvm_init();
	anon = uvm_anon_alloc(PA_ZERO, &pg);
	amap = amap_create(NULL);
	CHECK(anon != NULL && amap != NULL);
}

/* 2 takes the page away to swap; 1 uses it, if it is there. */
static void
anon_body(u_int cpu)
{
	struct vm_page *pg;

	bare_gate();
	if (cpu == 1) {
		pg = uvm_anon_hold(anon);
		if (pg == NULL)
			return;
		CHECK(*(u_long *)page_direct(pg) == 0);
		uvm_anon_unhold(anon);
	} else {
		pg = uvm_anon_page(anon);
		if (anon_evict(anon, pg, 1))
			page_free(pg);
	}
}

/* It is on swap, on a disk that answers at once, and 1 is about to bring it. */
static uint8_t ram_bytes[4][PAGE_SIZE] __aligned(PAGE_SIZE);
static struct anon_cluster coming;

static void
ram_start(struct blkdev *bd, struct bio *b)
{
	uint8_t *bytes = ram_bytes[b->b_sector / BLK_PAGESECTORS];
	void *page = page_direct(b->b_page[0]);

	CHECK(b->b_npages == 1);
	if (b->b_write)
		memcpy(bytes, page, PAGE_SIZE);
	else
		memcpy(page, bytes, PAGE_SIZE);
	blk_done(bd, b, 0);
}

static struct blkdev ram = {
    .bd_name = "ram",
    .bd_npages = nitems(ram_bytes),
    .bd_start = ram_start,
};

static void
swapped_setup(void)
{
	const uint32_t head[3] = {1, nitems(ram_bytes) - 1, 0};
	struct vm_page *pg;
	struct radix_at at;
	struct bio b = {0};
	swslot_t slot;
	bool alone;

	anon_setup();
	memcpy(ram_bytes[0] + 1024, head, sizeof(head));
	memcpy(ram_bytes[1] - 10, "SWAPSPACE2", 10);
	blk_attach(&ram);
	CHECK(uvm_swapon(&ram, -1, "ram") == 0);
	CHECK(swap_alloc(1, &slot) == 1);
	pg = uvm_anon_page(anon);
	*(u_long *)page_direct(pg) = 7;
	b.b_page[0] = pg;
	b.b_npages = 1;
	b.b_write = true;
	CHECK(blk_io(swap_bio(slot, &b), &b) == 0);
	CHECK(anon_evict(anon, pg, slot));
	page_free(pg);
	rw_write_enter(&amap->am_lock);
	CHECK(amap_find(amap, 0, &at, &alone) == NULL);
	CHECK(amap_add(amap, 0, &anon, 1, &at) == 0);
	anon_gather(amap, 0, 1, &coming);
	rw_exit(&amap->am_lock);
	CHECK(coming.ac_n == 1);
}

/* 2, which has it alone, uses it when it is there. */
static void
settle_body(u_int cpu)
{
	struct vm_page *pg;

	bare_gate();
	if (cpu == 1)
		CHECK(anon_fetch(&coming) == 0);
	else if ((pg = uvm_anon_page(anon)) != NULL)
		CHECK(*(u_long *)page_direct(pg) == 7);
}

/* 2 wants it, too: it is not brought twice. */
static void
arrive_body(u_int cpu)
{
	struct anon_cluster ac;

	bare_gate();
	if (cpu == 1) {
		CHECK(anon_fetch(&coming) == 0);
		return;
	}
	rw_write_enter(&amap->am_lock);
	anon_gather(amap, 0, 1, &ac);
	rw_exit(&amap->am_lock);
	CHECK(ac.ac_n == 0);
}

/* 2 wants the disk back. */
static void
swapoff_body(u_int cpu)
{
	bare_gate();
	if (cpu == 1)
		CHECK(anon_fetch(&coming) == 0);
	else
		CHECK(uvm_swapoff(&ram) == 0);
}

/* 1 has changed what an amap holds, and drops it; 2 sees that he is alone. */
static void
amap_setup(void)
{
	anon_setup();
	amap_ref(amap);
}

static void
amap_body(u_int cpu)
{
	bare_gate();
	if (cpu == 1) {
		shared_word = 1;
		amap_free(amap);
	} else if (amap_exclusive(amap)) {
		CHECK(shared_word == 1);
	}
}

/* 1, as the daemon would be, is in the middle of an amap that 2 frees. */
static void
amap_scan_body(u_int cpu)
{
	if (cpu == 1) {
		rw_write_enter(&amap->am_lock);
		bare_gate();
		shared_word = 1;
		rw_exit(&amap->am_lock);
	} else {
		bare_gate();
		amap_free(amap);
		CHECK(shared_word == 1);
	}
}

static const struct bare tests[] = {
    {"attach", NULL, attach_body, false, true},
    {"refcount", refs_setup, refs_body, false, false},
    {"epoch-wait", epoch_setup, epoch_wait_body, false, false},
    {"epoch-call", epoch_setup, epoch_call_body, false, false},
    {"epoch-pending", epoch_setup, epoch_pending_body, false, false},
    {"epoch-kick", epoch_setup, epoch_kick_body, true, false},
    {"cpulock", cpulock_setup, cpulock_body, false, false},
    {"mutex", sleepers_setup, mutex_body, true, false},
    {"rw-plain", NULL, rw_plain_body, true, false},
    {"rw-heir", sleepers_setup, rw_heir_body, true, false},
    {"rw-readers", sleepers_setup, rw_readers_body, true, false},
    {"rw-downgrade", sleepers_setup, rw_downgrade_body, true, false},
    {"idle", idle_setup, idle_body, true, false},
    {"sleep", NULL, sleep_body, true, false},
    {"clock", clock_setup, clock_body, false, false},
    {"activate", spaces_setup, activate_body, false, false},
    {"holders", spaces_setup, holders_body, false, false},
    {"drop", spaces_setup, drop_body, false, false},
    {"purge", spaces_setup, purge_body, false, false},
    {"kick", spaces_setup, kick_body, false, false},
    {"asid", spaces_setup, asid_body, false, false},
    {"asid-again", spaces_setup, asid_again_body, false, false},
    {"asid-left", spaces_setup, left_body_other, false, false},
    {"asid-dropped", spaces_setup, left_body_none, false, false},
    {"descend", empty_setup, descend_body, false, false},
    {"next", empty_setup, next_body, false, false},
    {"carry", spaces_setup, carry_body, false, false},
    {"carry-mapped", spaces_setup, carry_mapped_body, false, false},
    {"carry-link", link_setup, carry_body, false, false},
    {"carry-link-mapped", link_setup, carry_mapped_body, false, false},
    {"fill", fill_setup, fill_body, false, false},
    {"fill-more", fill_setup, fill_more_body, false, false},
    {"fill-new", fill_setup, fill_new_body, false, false},
    {"fill-used", fill_setup, fill_used_body, false, false},
    {"fill-group", row_setup, fill_group_body, false, false},
    {"widen", widen_setup, widen_body, false, false},
    {"anon", anon_setup, anon_body, false, false},
    {"settle", swapped_setup, settle_body, true, false},
    {"arrive", swapped_setup, arrive_body, true, false},
    {"swapoff", swapped_setup, swapoff_body, true, false},
    {"amap", amap_setup, amap_body, false, false},
    {"amap-scan", anon_setup, amap_scan_body, true, false},
    {"part", part_setup, part_body, false, false},
    {"part-last", part_setup, part_last_body, false, false},
};

const struct bare *
sim_bare_named(const char *name)
{
	u_int i;

	for (i = 0; i < nitems(tests); i++)
		if (strcmp(tests[i].ba_name, name) == 0)
			return &tests[i];
	return NULL;
}
