/*
 * cpu.c: registration of CPUs, interrupts, statistics.
 */
#include <base/cpu.h>

#include <port/machdep.h>
#include <base/kassert.h>
#include <base/thread.h>

#include "base_impl.h"

struct cpu *cpu_table[MAXCPU];
_Atomic(u_int) cpu_n;
void (*cpu_init_hook)(struct cpu *c);
void (*cpu_tlb_handler)(void);
uint64_t (*_Atomic cpu_sampler)(uint64_t now);

/* One CPU registers at a time: the lock needs no CPU registered. */
static atomic_flag attaching = ATOMIC_FLAG_INIT;

const char *const count_names[COUNT_MAX] = {
    [COUNT_FAULT] = "faults",
    [COUNT_FAULT_MAJOR] = "faults_major",
    [COUNT_FLT_ANON] = "faults_anon",
    [COUNT_FLT_ACOW] = "faults_anon_cow",
    [COUNT_FLT_OBJ] = "faults_object",
    [COUNT_FLT_PRCOPY] = "faults_promote_copy",
    [COUNT_FLT_ZERO] = "faults_zero_fill",
    [COUNT_PAGE_ALLOC] = "pages_allocated",
    [COUNT_PAGE_FREE] = "pages_freed",
    [COUNT_PCP_HIT] = "page_cache_hits",
    [COUNT_PCP_MISS] = "page_cache_misses",
    [COUNT_TLB_FLUSH_PAGE] = "tlb_flush_page",
    [COUNT_TLB_FLUSH_ALL] = "tlb_flush_all",
    [COUNT_TLB_IPI] = "tlb_ipis",
    [COUNT_TLB_ROUND] = "tlb_rounds",
    [COUNT_TLBI_PAGE] = "tlbi_page",
    [COUNT_TLBI_ASID] = "tlbi_asid",
    [COUNT_TLBI_ALL] = "tlbi_all",
    [COUNT_TLB_DSB] = "tlb_dsb",
    [COUNT_GROUP] = "groups",
    [COUNT_GROUP_BREAK] = "groups_broken",
    [COUNT_ROOT_LOAD] = "root_loads",
    [COUNT_SWITCH] = "switches",
    [COUNT_FORK] = "forks",
    [COUNT_VFORK] = "vforks",
    [COUNT_EXEC] = "execs",
    [COUNT_EXIT] = "exits",
    [COUNT_PURGE] = "purges",
    [COUNT_PURGE_LEAF] = "purge_leaves",
    [COUNT_PURGE_LINE] = "purge_lines",
    [COUNT_PURGE_TABLE] = "purge_tables",
    [COUNT_PURGE_ROOT] = "purge_root_loads",
    [COUNT_PURGE_KICK] = "purge_kicks",
    [COUNT_REAP] = "reaped",
    [COUNT_SYSCALL] = "syscalls",
    [COUNT_ENOSYS] = "enosys",
    [COUNT_INTR] = "interrupts",
};

uint64_t
count_sum(enum count c)
{
	uint64_t sum = 0;
	u_int id;

	KASSERT(c < COUNT_MAX);
	for (id = 0; id < cpu_count(); id++)
		sum += atomic_load_explicit(&cpu_table[id]->cpu_count[c],
		    memory_order_relaxed);
	return sum;
}

void
cpu_attach(struct cpu *c, u_int id, struct thread *boot, void *kstack)
{
	u_int n;

	c->cpu_self = c;
	c->cpu_id = id;
	c->cpu_curthread = boot;
	sched_cpu_init(c, boot, kstack);
	while (
	    atomic_flag_test_and_set_explicit(&attaching, memory_order_acquire))
		md_cpu_relax();
	KASSERT(id < MAXCPU && cpu_table[id] == NULL);
	cpu_table[id] = c;
	n = cpu_count();
	while (n < MAXCPU && cpu_table[n] != NULL)
		n++;
	/* Whoever counts this CPU finds it in the table, and all it is. */
	atomic_store_explicit(&cpu_n, n, memory_order_release);
	atomic_flag_clear_explicit(&attaching, memory_order_release);
	KASSERT(curcpu() == c && curthread() == boot);
}

void
cpu_main(void)
{
	if (cpu_init_hook != NULL)
		cpu_init_hook(curcpu());
	sched_idle();
}

bool
cpu_in_intr(void)
{
	bool intr = md_intr_disable(), in;

	in = curcpu()->cpu_intr_depth > 0;
	md_intr_restore(intr);
	return in;
}

void
cpu_intr_enter(void)
{
	KASSERT(!md_intr_enabled());
	curcpu()->cpu_intr_depth++;
	count_add(COUNT_INTR, 1);
}

void
cpu_intr_exit(void)
{
	struct cpu *c = curcpu();

	KASSERT(!md_intr_enabled());
	KASSERT(c->cpu_intr_depth > 0);
	if (--c->cpu_intr_depth == 0 && curthread()->td_nopreempt == 0)
		sched_preempt();
}

void
cpu_clock(void)
{
	uint64_t now = md_time_ns(), (*sampler)(uint64_t);

	KASSERT(!md_intr_enabled());
	curcpu()->cpu_timer = UINT64_MAX;
	sampler = atomic_load_explicit(&cpu_sampler, memory_order_acquire);
	if (__predict_false(sampler != NULL))
		clock_arm(sampler(now));
	timeout_run(now);
	sched_clock(now);
}

void
clock_arm(uint64_t when)
{
	struct cpu *c = curcpu();

	KASSERT(!md_intr_enabled());
	if (when < c->cpu_timer) {
		c->cpu_timer = when;
		md_timer_set(when);
	}
}

void
cpu_ipi(u_int kind)
{
	KASSERT(!md_intr_enabled());
	switch (kind) {
	case MD_IPI_TLB:
		if (cpu_tlb_handler != NULL)
			cpu_tlb_handler();
		break;
	case MD_IPI_RESCHED:
		sched_kick();
		break;
	case MD_IPI_STOP:
		panic_stop();
	default:
		panic("ipi %u", kind);
	}
}
