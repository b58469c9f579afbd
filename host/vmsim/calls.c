/*
 * calls.c (vmsim): what scripts ask of the kernel that is no system call.
 *
 * Each entry of sim_calls is an instruction of scripts: its operands are the
 * arguments, its result is a value or a negative errno.  It runs in the kernel,
 * as a thread of the process, with interrupts on.
 */
#include <sys/errno.h>
#include <base/thread.h>
#include <kern/proc.h>
#include <kern/process_vm.h>
#include <phys/page.h>
#include <pmap/pte.h>
#include <port/frame.h>
#include <uvm/uvm.h>

#include "sim.h"

/*
 * hold PID: a reference to the space of a process, as readers in /proc take
 * it; the result stands for it.
 */
static long
call_hold(const uint64_t arg[2])
{
	struct vmspace *vm;
	int error;

	error = process_vm_get((pid_t)arg[0], &vm);
	return error != 0 ? -error : (long)(uintptr_t)vm;
}

/* peek HELD ADDR: a word of that space. */
static long
call_peek(const uint64_t arg[2])
{
	struct vmspace *vm = (struct vmspace *)(uintptr_t)arg[0];
	uint64_t val = 0;
	size_t done;
	int error;

	error = uvm_io(vm, arg[1], &val, sizeof val, false, 0, &done);
	return error != 0 ? -error : (long)val;
}

/* drop HELD: the reference; perhaps the last. */
static long
call_drop(const uint64_t arg[2])
{
	uvmspace_free((struct vmspace *)(uintptr_t)arg[0]);
	return 0;
}

/* It borrows whatever root it finds, sleeps a moment upon it, and ends. */
static void
borrower(void *arg)
{
	sched_bind(CPUMASK((u_int)(uintptr_t)arg));
	thread_yield();
}

/* kthread CPU: a kernel thread there, for a while. */
static long
call_kthread(const uint64_t arg[2])
{
	return -kthread_create("borrower", borrower, (void *)(uintptr_t)arg[0],
	    NULL);
}

/* oom: memory has run out; 1: somebody dies. */
static long
call_oom(const uint64_t arg[2] __unused)
{
	return uvm_upcalls->up_nomem() ? 1 : 0;
}

/* failnth N: one of the next N allocations fails, or none does; a choice. */
static long
call_failnth(const uint64_t arg[2])
{
	phys_fail_nth(arg[0] == 0 ? 0
				  : det_choose((unsigned)arg[0] + 1,
					"the allocation that fails"));
	return 0;
}

/* eread: a word that epochs protect; eretire: put another in its place. */
static long
call_eread(const uint64_t arg[2] __unused)
{
	return sim_epoch_read();
}

static long
call_eretire(const uint64_t arg[2] __unused)
{
	sim_epoch_retire();
	return 0;
}

/* stack: where the stack pointer is. */
static long
call_stack(const uint64_t arg[2] __unused)
{
	return (long)md_frame_sp(md_curthread()->td_frame);
}

/* watch N: lines.c counts this CPU's accesses while N is not 0. */
static long
call_watch(const uint64_t arg[2])
{
	sim_watch(arg[0] != 0);
	return 0;
}

/* io HOW: how requests to disks end from now on; enum sim_io. */
static long
call_io(const uint64_t arg[2])
{
	sim_io_mode((u_int)arg[0]);
	return 0;
}

/* sync FILE: 0, or EIO. */
static long
call_sync(const uint64_t arg[2])
{
	return sim_file_sync((u_int)arg[0]);
}

/* forget FILE: clean pages leave memory; how many did. */
static long
call_forget(const uint64_t arg[2])
{
	return sim_file_forget((u_int)arg[0]);
}

/* disk FILE PAGE: the first word that the disk has. */
static long
call_disk(const uint64_t arg[2])
{
	return sim_disk_word((u_int)arg[0], arg[1]);
}

/* pageout PID ADDR: two pages there, as the page-out daemon does; how many. */
static long
call_pageout(const uint64_t arg[2])
{
	struct vmspace *vm;
	long n;
	int error;

	error = process_vm_get((pid_t)arg[0], &vm);
	if (error != 0)
		return -error;
	n = (long)uvm_pageout_range(&vm->vm_map, arg[1],
	    arg[1] + 2 * PAGE_SIZE);
	uvmspace_free(vm);
	return n;
}

/* groups N: 0 if so many have been made (pmap_group.c), where there are any. */
static long
call_groups(const uint64_t arg[2])
{
	return PTE_NGROUP == 1 || count_sum(COUNT_GROUP) == arg[0] ? 0
								   : -EINVAL;
}

const struct sim_call sim_calls[SIM_NCALLS] = {
    {"hold", 1, call_hold},
    {"peek", 2, call_peek},
    {"drop", 1, call_drop},
    {"kthread", 1, call_kthread},
    {"oom", 0, call_oom},
    {"failnth", 1, call_failnth},
    {"eread", 0, call_eread},
    {"eretire", 0, call_eretire},
    {"stack", 0, call_stack},
    {"watch", 1, call_watch},
    {"io", 1, call_io},
    {"sync", 1, call_sync},
    {"forget", 1, call_forget},
    {"disk", 2, call_disk},
    {"pageout", 2, call_pageout},
    {"groups", 1, call_groups},
};
