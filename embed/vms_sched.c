/*
 * vms_sched.c: what base/ expects of a scheduler, done by the host's.
 *
 * base/sleepq.c, mutexes and read/write locks know how to queue a thread and
 * whom to wake.  What is left for a scheduler is to let a thread wait and to
 * let it go on: md_block() and md_unblock().  There is a thread structure in
 * each thread of the host, which remembers the ranks of the locks it holds and
 * whether it may be preempted; nothing here decides who runs.
 *
 * On tier 1 there is one thread and nobody who could wake it: a wait is a bug,
 * and says so.
 *
 * Locks: woken_lock (spin, RANK_RUNQ) is held from the moment a sleeper may
 * go on until its waker has done with it, so that a thread which ends right
 * after it was woken is not touched any more.
 */
#include <base/thread.h>

#include "../base/base_impl.h"
#include "vms_local.h"

struct cpu vms_cpu0;

#if VMS_TIER >= 2
_Static_assert(sizeof(struct vms_thread) >= sizeof(struct thread),
    "struct vms_thread has room");
_Static_assert(_Alignof(struct vms_thread) >= _Alignof(struct thread),
    "struct vms_thread is aligned");

static struct cpu vms_cpu[VMS_MAXCPU]; /* from 1 on */
static struct spin woken_lock = SPIN_INITIALIZER(RANK_RUNQ);

void
vms_thread_init(struct vms_thread *t, const char *name)
{
	struct thread *td = (struct thread *)(void *)t;

	*td =
	    (struct thread){.td_prio = PRIO_USER, .td_affinity = ~(cpumask_t)0};
	strlcpy(td->td_name, name, sizeof(td->td_name));
	thread_setstate(td, TD_RUNNING);
}

void
vms_cpu_up(unsigned id)
{
	KASSERT(id > 0 && id < VMS_MAXCPU && id == md_cpu_id());
	KASSERT(!md_intr_enabled());
	cpu_attach(&vms_cpu[id], id, curthread(), NULL);
	phys_cpu_init(curcpu());
	pmap_cpu_init(curcpu());
}

bool
vms_may_preempt(void)
{
	return curthread()->td_nopreempt == 0;
}

void
vms_tlb_interrupt(void)
{
	KASSERT(!md_intr_enabled());
	cpu_intr_enter();
	cpu_ipi(MD_IPI_TLB);
	curcpu()->cpu_intr_depth--;
}

/* The machine contract's, for pmap. */
void
md_ipi(u_int cpu, enum md_ipi_kind kind)
{
	KASSERT(kind == MD_IPI_TLB && cpu != curcpu()->cpu_id);
	md_ipi_tlb(cpu);
}

/* Wait until sched_woken(). */
static void
wait_for_waker(struct thread *td)
{
	td->td_nopreempt = 0;
	md_intr_restore(true);
	while (thread_state(td) == TD_SLEEP)
		md_block();
	md_intr_disable();
	td->td_nopreempt = 1;
	/* Who woke us has not done with us before. */
	spin_enter(&woken_lock);
	thread_setstate(td, TD_RUNNING);
	spin_exit(&woken_lock);
}

void
sched_woken(struct thread *td)
{
	spin_enter(&woken_lock);
	/* Relaxed: it takes the lock before it goes on. */
	thread_setstate(td, TD_READY);
	md_unblock((struct vms_thread *)(void *)td);
	spin_exit(&woken_lock);
}

void
thread_yield(void)
{
	/* With the token at hand it is a place where others may run. */
	md_unblock(md_thread_self());
	md_block();
	md_cpu_relax();
}
#else
struct thread vms_thread0;

static __attribute__((noreturn)) void
wait_for_waker(struct thread *td)
{
	panic("%s: nobody can end this wait; tier 1 has one thread, and the VM "
	      "was entered while it was at work",
	    td->td_wmesg != NULL ? td->td_wmesg : "lock");
}

void
sched_woken(struct thread *td __unused)
{
	panic("tier 1 has nobody to wake");
}

void
thread_yield(void)
{
	md_cpu_relax();
}

/* One CPU: pmap never asks. */
void
md_ipi(u_int cpu __unused, enum md_ipi_kind kind __unused)
{
	panic("tier 1 has one cpu");
}

bool
md_tlb_broadcast(void)
{
	return false;
}

void
md_tlb_flush_pages_all(const u_int *asids __unused, const vaddr_t *vas __unused,
    u_int n __unused)
{
	panic("tier 1 has one cpu");
}

void
md_tlb_flush_asid_all(u_int asid __unused)
{
	panic("tier 1 has one cpu");
}
#endif

#if VMS_TIER < 4
/* Nothing below tier 4 waits for a time. */
uint64_t
md_time_ns(void)
{
	return 1;
}
#endif

/* vms_tick() comes whether it is asked for or not. */
void
md_timer_set(uint64_t when __unused)
{
}

void
sched_switch(void)
{
	struct thread *td = curthread();

	KASSERT(!md_intr_enabled() && td->td_nopreempt == 1);
	if (thread_state(td) != TD_RUNNING)
		wait_for_waker(td);
}

void
sched_cpu_init(struct cpu *c, struct thread *boot, void *kstack __unused)
{
	spin_init(&c->cpu_runq_lock, RANK_RUNQ);
	c->cpu_timer = UINT64_MAX;
	thread_setstate(boot, TD_RUNNING);
}

/* Nothing here asks for a switch: the host preempts when it likes. */
void
preempt_now(void)
{
	panic("preempt_now");
}

void
sched_preempt(void)
{
}

void
sched_idle(void)
{
	panic("sched_idle");
}

void
sched_clock(uint64_t now __unused)
{
}

void
sched_kick(void)
{
}

/* Callbacks are run by vms_release() and whoever asks for free pages. */
void
epoch_kick(void)
{
}

void
vms_sched_init(void)
{
#if VMS_TIER < 2
	strlcpy(vms_thread0.td_name, "kernel", sizeof(vms_thread0.td_name));
#endif
	cpu_attach(&vms_cpu0, 0, curthread(), NULL);
	sleepq_init();
	epoch_init();
}
